/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   Runs a model on its embedded inputs and compares with the embedded outputs of the reference
 *
 * Two shell commands, `model` and `selftest`, answer with JSON objects, one a line, each with a key "msf" that names
 * its kind. `selftest` ends with the object of kind "result"; everything before the prompt is for a program to read.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "json.h"
#include "msf_vectors.h"
#include "port.h"
#include "shell.h"

#define GUARD_BYTE 0x5aU

typedef struct {
    const msf_network_t *model;
    void *arena;
    const int8_t *input;
    int8_t *output;
    uint64_t count;
} inference_t;

typedef struct {
    uint32_t cases;
    bool match;
    uint32_t mismatch_case;
    uint32_t mismatch_index;
    int8_t expected;
    int8_t got;
    uint64_t least_count;
    uint32_t stack_bytes;
    const char *error;
} outcome_t;

static void infer(void *argument)
{
    inference_t *inference = argument;
    uint64_t start = port_count();
    inference->model->invoke(inference->arena, inference->input, inference->output);
    inference->count = port_count() - start;
}

/* Every inference finds other rubbish in its arena, so that none can live on what was zero, or on the last one's. */
static void prepare_memory(const inference_t *inference, bool guarded, uint8_t rubbish)
{
    size_t bytes = inference->model->arena_bytes;
    if (guarded) {
        memset((uint8_t *)inference->arena - PORT_GUARD_BYTES, GUARD_BYTE,
               bytes + 2 * PORT_GUARD_BYTES);
    }
    memset(inference->arena, rubbish, bytes);
    memset(inference->output, rubbish, inference->model->output_bytes);
}

static bool is_guard_intact(const inference_t *inference)
{
    const uint8_t *before = (const uint8_t *)inference->arena - PORT_GUARD_BYTES;
    const uint8_t *after = (const uint8_t *)inference->arena + inference->model->arena_bytes;
    for (uint32_t i = 0; i < PORT_GUARD_BYTES; i++) {
        if (before[i] != GUARD_BYTE || after[i] != GUARD_BYTE) {
            return false;
        }
    }
    return true;
}

static bool compare(outcome_t *outcome, uint32_t number, const int8_t *expected, const int8_t *got,
                    uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        if (expected[i] == got[i]) {
            continue;
        }
        if (outcome->match) {
            outcome->match = false;
            outcome->mismatch_case = number;
            outcome->mismatch_index = i;
            outcome->expected = expected[i];
            outcome->got = got[i];
        }
        return false;
    }
    return true;
}

static void run_case(outcome_t *outcome, const msf_vectors_t *vectors, void *guarded_arena,
                     uint32_t number)
{
    const msf_network_t *model = vectors->model;
    inference_t inference = {
        .model = model,
        .arena = guarded_arena != NULL ? guarded_arena : model->arena,
        .input = vectors->inputs + (size_t)number * model->input_bytes,
        .output = vectors->result,
    };
    prepare_memory(&inference, guarded_arena != NULL, (uint8_t)(0xa5U + number));
    uint32_t stack_bytes = port_run_on_measured_stack(infer, &inference);
    if (stack_bytes == UINT32_MAX) {
        outcome->error = "stack overflow";
        return;
    }
    if (guarded_arena != NULL && !is_guard_intact(&inference)) {
        outcome->error = "write outside the arena";
        return;
    }
    const int8_t *expected = vectors->outputs + (size_t)number * model->output_bytes;
    bool match = compare(outcome, number, expected, inference.output, model->output_bytes);
    outcome->cases++;
    if (number == 0 || inference.count < outcome->least_count) {
        outcome->least_count = inference.count;
    }
    if (stack_bytes > outcome->stack_bytes) {
        outcome->stack_bytes = stack_bytes;
    }
    json_open("case", model->name);
    json_member("case", number);
    json_key("match");
    json_truth(match);
    json_member(port_unit, inference.count);
    json_member("stack_bytes", stack_bytes);
    json_close();
}

static void write_result(const outcome_t *outcome, const msf_network_t *model)
{
    json_open("result", model->name);
    json_key("match");
    json_truth(outcome->match && outcome->error == NULL);
    json_member("cases", outcome->cases);
    json_key("first_mismatch");
    if (outcome->match) {
        port_write("null");
    }
    else {
        port_write("{\"case\":");
        json_number(outcome->mismatch_case);
        json_member("index", outcome->mismatch_index);
        json_signed_member("expected", outcome->expected);
        json_signed_member("got", outcome->got);
        port_write("}");
    }
    json_text_member("error", outcome->error);
    json_member(port_unit, outcome->least_count);
    json_member("arena_bytes", model->arena_bytes);
    json_member("stack_bytes", outcome->stack_bytes);
    if (port_clock_hz() != 0) {
        json_member("clock_hz", port_clock_hz());
    }
    json_close();
}

static int selftest_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const msf_vectors_t *vectors = &msf_vectors;
    void *guarded_arena = port_guarded_arena(vectors->model->arena_bytes);
    outcome_t outcome = { .match = true };
    for (uint32_t number = 0; number < vectors->count && outcome.error == NULL; number++) {
        run_case(&outcome, vectors, guarded_arena, number);
    }
    write_result(&outcome, vectors->model);
    return outcome.match && outcome.error == NULL ? 0 : 1;
}

static int model_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const msf_network_t *model = msf_vectors.model;
    json_open("model", model->name);
    json_member("arena_bytes", model->arena_bytes);
    json_member("input_bytes", model->input_bytes);
    json_member("output_bytes", model->output_bytes);
    json_member("stages", model->stages);
    json_member("cases", msf_vectors.count);
#ifdef MSF_BUILD_ID
    json_text_member("build", MSF_BUILD_ID);
#endif
    json_close();
    return 0;
}

static const shell_command_t commands[] = {
    { "model", "says which model this is and what it needs", model_command },
    { "selftest", "runs the model on its embedded inputs and compares", selftest_command },
    { NULL, NULL, NULL },
};

int main(void)
{
    char line[SHELL_DEFAULT_BUFSIZE];
    shell_run_forever(commands, line, (int)sizeof line);
    return 0;
}

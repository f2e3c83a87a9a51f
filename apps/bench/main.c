/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   Runs a model's stages one by one on its first embedded input and says what each took
 *
 * The shell command `bench` answers with an object for each stage, in a profiled package one for each kernel call of the
 * generated code, and one of kind "result".
 */

#include <string.h>

#include "json.h"
#include "msf/profile.h"
#include "msf_vectors.h"
#include "port.h"
#include "shell.h"

/* Times that nothing is counted, to know what counting takes */
#define PAIRS 1000U

static msf_count_t *first_count;
static uint64_t began;

__attribute__((noinline)) void msf_profile_begin(void)
{
    began = port_count();
}

__attribute__((noinline)) void msf_profile_end(msf_count_t *count)
{
    count->count += port_count() - began;
    if (count->calls++ == 0) {
        count->next = first_count;
        first_count = count;
    }
}

static void read_input(void *context, uint32_t row, uint32_t column, uint32_t columns,
                       int8_t *pixels)
{
    const int8_t *input = context;
    const msf_stages_t *stages = &msf_vectors_stages;
    memcpy(pixels, input + (row * stages->input_width + column) * stages->input_channels,
           columns * stages->input_channels);
}

static void run_stages(void *argument)
{
    const msf_run_t *run = argument;
    const char *model = msf_vectors.model->name;
    for (uint32_t stage = 0; stage < msf_vectors_stages.count; stage++) {
        uint64_t start = port_count();
        msf_vectors_stages.run[stage](run);
        uint64_t count = port_count() - start;
        json_open("stage", model);
        json_member("stage", stage);
        json_member(port_unit, count);
        json_close();
    }
}

static void invoke(void *argument)
{
    const msf_run_t *run = argument;
    msf_vectors.model->invoke(run->arena, msf_vectors.inputs, run->output);
}

static void write_calls(void)
{
    for (const msf_count_t *count = first_count; count != NULL; count = count->next) {
        json_open("call", msf_vectors.model->name);
        json_text_member("call", count->call);
        json_member("calls", count->calls);
        json_member(port_unit, count->count);
        json_close();
    }
}

static void write_cost_of_counting(void)
{
    msf_count_t nothing = { "", 0, 1, NULL };
    for (uint32_t i = 0; i < PAIRS; i++) {
        msf_profile_begin();
        msf_profile_end(&nothing);
    }
    json_open("counting", msf_vectors.model->name);
    json_member("calls", PAIRS);
    json_member(port_unit, nothing.count);
    json_close();
}

static int bench_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const msf_network_t *model = msf_vectors.model;
    int8_t *output = msf_vectors.result;
    msf_run_t run = { .arena = model->arena, .output = output };
    if (msf_vectors_stages.streams_input != 0) {
        run.read = read_input;
        run.context = (void *)(uintptr_t)msf_vectors.inputs;
    }
    else {
        run.input = msf_vectors.inputs;
    }
    uint64_t start = port_count();
    invoke(&run);
    uint64_t whole = port_count() - start;
    uint32_t stack_bytes = port_run_on_measured_stack(invoke, &run);
    for (msf_count_t *count = first_count; count != NULL; count = count->next) {
        count->count = 0;
        count->calls = 0;
    }
    first_count = NULL;
    run_stages(&run);
    bool match = memcmp(output, msf_vectors.outputs, model->output_bytes) == 0;
    write_calls();
    write_cost_of_counting();
    json_open("result", model->name);
    json_key("match");
    json_truth(match);
    json_member(port_unit, whole);
    json_member("arena_bytes", model->arena_bytes);
    json_member("stack_bytes", stack_bytes);
    if (port_clock_hz() != 0) {
        json_member("clock_hz", port_clock_hz());
    }
    json_close();
    return 0;
}

static const shell_command_t commands[] = {
    { "bench", "runs the model's stages and says what each took", bench_command },
    { NULL, NULL, NULL },
};

int main(void)
{
    char line[SHELL_DEFAULT_BUFSIZE];
    shell_run_forever(commands, line, (int)sizeof line);
    return 0;
}

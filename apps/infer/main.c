/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   Runs a model on an image from the serial line, or on an embedded one, and prints its scores
 *
 * Shell commands: `model` says what the model wants, `infer [NUMBER]` takes an embedded image, `image` reads one in
 * hexadecimal digits. README.md has the protocol.
 */

#include <string.h>

#include "json.h"
#include "msf_vectors.h"
#include "port.h"
#include "shell.h"

#define PIECE_BYTES 30U

/* What reading an image came to: the first problem, NULL while there is none */
static const char *problem;

static int digit_value(int c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next hexadecimal digit; blanks and line ends do not count. -1 for anything else, which ends the image. */
static int read_digit(void)
{
    int c;
    do {
        c = port_read_char();
    } while (c == ' ' || c == '\r' || c == '\n');
    return digit_value(c);
}

/* Reads bytes of two digits each. An inference cannot be stopped half way: after a problem it goes on with zeros. */
static void read_bytes(int8_t *bytes, uint32_t count)
{
    memset(bytes, 0, count);
    for (uint32_t i = 0; i < count && problem == NULL; i++) {
        int high = read_digit();
        int low = high < 0 ? -1 : read_digit();
        if (low < 0) {
            problem = "not a hexadecimal digit";
            return;
        }
        int byte = high * 16 + low;
        bytes[i] = (int8_t)(byte < 128 ? byte : byte - 256);
    }
}

/* Asks the other end for a piece of a row, a few pixels at a time: RIOT's console keeps 64 characters. */
static void read_piece(const msf_network_t *model, uint32_t input, uint32_t row, uint32_t column,
                       uint32_t columns, int8_t *pixels)
{
    uint32_t channels = model->inputs[input].channels;
    uint32_t most = channels < PIECE_BYTES ? PIECE_BYTES / channels : 1;
    for (uint32_t end = column + columns; column < end;) {
        uint32_t piece = end - column < most ? end - column : most;
        if (problem == NULL) {
            json_open("read", model->name);
            if (model->input_count > 1) {
                json_member("input", input);
            }
            json_member("row", row);
            json_member("column", column);
            json_member("columns", piece);
            json_member("bytes", piece * channels);
            json_close();
        }
        read_bytes(pixels, piece * channels);
        pixels += piece * channels;
        column += piece;
    }
}

static void read_pixels(void *context, uint32_t row, uint32_t column, uint32_t columns,
                        int8_t *pixels)
{
    read_piece(context, 0, row, column, columns, pixels);
}

/* A whole input, row by row, to its place among the others */
static void read_input(const msf_network_t *model, uint32_t input)
{
    const msf_tensor_t *tensor = &model->inputs[input];
    int8_t *pixels = msf_vectors_input + tensor->offset;
    for (uint32_t row = 0; row < tensor->height; row++) {
        read_piece(model, input, row, 0, tensor->width, pixels);
        pixels += (uint32_t)tensor->width * tensor->channels;
    }
}

/* scale * steps with `decimals` decimals, by integers alone: not every printf knows floats, not every core has them. */
static void write_real(float scale, int32_t steps, uint32_t decimals)
{
    uint32_t bits;
    memcpy(&bits, &scale, sizeof bits);
    uint64_t mantissa = (bits & 0x7fffffU) | 0x800000U;
    uint32_t shift =
        150U - (bits >> 23); /* scale is mantissa / 2^shift; below 2^23, as any scale is */
    uint64_t unit = 1;
    for (uint32_t i = 0; i < decimals; i++) {
        unit *= 10U;
    }
    uint64_t value = mantissa * unit * (uint32_t)(steps < 0 ? -steps : steps);
    value = shift > 63 ? 0 : value >> shift;
    if (steps < 0) {
        port_write("-");
    }
    json_number(value / unit);
    port_write(".");
    for (unit /= 10U; unit > 0; unit /= 10U) {
        json_number(value / unit % 10U);
    }
}

static uint32_t tensor_bytes(const msf_tensor_t *tensor)
{
    return (uint32_t)tensor->height * tensor->width * tensor->channels;
}

static void write_score(const msf_tensor_t *tensor, int8_t q)
{
    write_real(tensor->scale, q - tensor->zero_point, 6);
}

/* The members of one output: the number of the largest score, that score, all scores */
static void write_scores(const msf_tensor_t *tensor, const int8_t *output)
{
    uint32_t bytes = tensor_bytes(tensor);
    uint32_t top = 0;
    for (uint32_t i = 1; i < bytes; i++) {
        top = output[i] > output[top] ? i : top;
    }
    json_member("top", top);
    json_key("score");
    write_score(tensor, output[top]);
    json_key("scores");
    for (uint32_t i = 0; i < bytes; i++) {
        port_write(i == 0 ? "[" : ",");
        write_score(tensor, output[i]);
    }
    port_write("]");
}

static void write_result(const msf_network_t *model, const int8_t *output, uint64_t count)
{
    json_open("result", model->name);
    if (model->output_count == 1) {
        write_scores(model->outputs, output);
    }
    else {
        json_key("outputs");
        for (uint32_t i = 0; i < model->output_count; i++) {
            port_write(i == 0 ? "[{\"number\":" : ",{\"number\":");
            json_number(i);
            json_text_member("name", model->outputs[i].name);
            write_scores(&model->outputs[i], output + model->outputs[i].offset);
            port_write("}");
        }
        port_write("]");
    }
    json_member(port_unit, count);
    json_close();
}

static int infer_command(int argc, char **argv)
{
    const msf_network_t *model = msf_vectors.model;
    uint32_t number = 0;
    for (const char *digit = argc > 1 ? argv[1] : "0"; *digit != '\0'; digit++) {
        bool is_digit = *digit >= '0' && *digit <= '9' && number < msf_vectors.count;
        number = is_digit ? number * 10U + (uint32_t)(*digit - '0') : msf_vectors.count;
    }
    if (number >= msf_vectors.count) {
        json_open("result", model->name);
        json_text_member("error", "there is no such image");
        json_close();
        return 1;
    }
    uint64_t start = port_count();
    model->invoke(model->arena, msf_vectors.inputs + (size_t)number * model->input_bytes,
                  msf_vectors.result);
    write_result(model, msf_vectors.result, port_count() - start);
    return 0;
}

static int image_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const msf_network_t *model = msf_vectors.model;
    problem = NULL;
    uint64_t start = port_count();
    if (model->invoke_from != NULL) {
        /* Rows are asked for as the inference goes on: the image is never in RAM. */
        model->invoke_from(model->arena, read_pixels, (void *)(uintptr_t)model, msf_vectors.result);
    }
    else {
        for (uint32_t i = 0; i < model->input_count; i++) {
            read_input(model, i);
        }
        start = port_count();
        model->invoke(model->arena, msf_vectors_input, msf_vectors.result);
    }
    uint64_t count = port_count() - start;
    if (problem != NULL) {
        json_open("result", model->name);
        json_text_member("error", problem);
        json_close();
        return 1;
    }
    write_result(model, msf_vectors.result, count);
    return 0;
}

static void write_tensor(const msf_tensor_t *tensor)
{
    port_write("{\"height\":");
    json_number(tensor->height);
    json_member("width", tensor->width);
    json_member("channels", tensor->channels);
    json_signed_member("zero_point", tensor->zero_point);
    json_key("scale");
    write_real(tensor->scale, 1, 9);
    port_write("}");
}

/* One tensor as `key`, several as a list of that name with an s */
static void write_tensors(const char *key, const char *keys, const msf_tensor_t *tensors,
                          uint32_t count)
{
    json_key(count == 1 ? key : keys);
    for (uint32_t i = 0; i < count; i++) {
        port_write(count == 1 ? "" : i == 0 ? "[" : ",");
        write_tensor(&tensors[i]);
    }
    port_write(count == 1 ? "" : "]");
}

static int model_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const msf_network_t *model = msf_vectors.model;
    json_open("model", model->name);
    write_tensors("input", "inputs", model->inputs, model->input_count);
    write_tensors("output", "outputs", model->outputs, model->output_count);
    json_key("streamed");
    json_truth(model->invoke_from != NULL);
    json_member("arena_bytes", model->arena_bytes);
    json_member("images", msf_vectors.count);
    json_close();
    return 0;
}

static const shell_command_t commands[] = {
    { "model", "says what the model takes and gives", model_command },
    { "infer", "runs the model on an embedded image: infer [NUMBER]", infer_command },
    { "image", "runs the model on an image that follows in hexadecimal digits", image_command },
    { NULL, NULL, NULL },
};

int main(void)
{
    char line[SHELL_DEFAULT_BUFSIZE];
    shell_run_forever(commands, line, (int)sizeof line);
    return 0;
}

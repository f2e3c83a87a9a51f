/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   Runs a model on samples from the serial line and sends its outputs back
 *
 * After the command `sample` come frames, each a line of base64: the place of its first byte in the sample (4 bytes,
 * little endian), bytes of the sample, and the CRC-32 of all that. The answer to the command and to each frame is a line
 * with how many bytes of the sample have come, behind "+", or behind "-" where the frame was damaged or is not the next
 * one: RIOT's console keeps one line of 64 characters, and nothing else controls the flow. Once the sample is whole the model runs, and a JSON object gives its output in base64 and the CRC-32 of that.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "json.h"
#include "msf_vectors.h"
#include "port.h"
#include "shell.h"

#define WORD_BYTES 4U
#define SKIPPED (-2)
#define LINE_END (-1)

static uint32_t crc32(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++) {
        crc = (crc >> 1) ^ (crc & 1U ? 0xedb88320U : 0U);
    }
    return crc;
}

/* Six bits of base64; LINE_END, or SKIPPED for what does not count */
static int sextet(int c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || c == '/') {
        return c == '+' ? 62 : 63;
    }
    return c == '\n' || c == '\r' || c < 0 ? LINE_END : SKIPPED;
}

/* What of a frame has come: the last four bytes are held back, as they are the checksum */
typedef struct {
    uint32_t count;
    uint32_t place;
    uint32_t held;
    uint32_t crc;
} frame_t;

static void take_byte(frame_t *frame, uint8_t byte, int8_t *sample, uint32_t bytes)
{
    if (frame->count >= WORD_BYTES) {
        const uint8_t ready = (uint8_t)frame->held;
        const uint32_t number = frame->count - WORD_BYTES;

        frame->crc = crc32(frame->crc, ready);
        if (number < WORD_BYTES) {
            frame->place |= (uint32_t)ready << (8U * number);
        }
        else if (frame->place < bytes && number - WORD_BYTES < bytes - frame->place) {
            sample[frame->place + number - WORD_BYTES] = (int8_t)ready;
        }
    }
    frame->held = (frame->held >> 8) | ((uint32_t)byte << 24);
    frame->count++;
}

/* One line; false where it is no whole frame, or its checksum is another */
static bool read_frame(frame_t *frame, int8_t *sample, uint32_t bytes, bool *ended)
{
    uint32_t bits = 0;
    int filled = 0;
    int c;

    *frame = (frame_t){ .crc = 0xffffffffU };
    do {
        c = port_read_char();
        const int value = sextet(c);

        if (value >= 0) {
            bits = (bits << 6) | (uint32_t)value;
            filled += 6;
            if (filled >= 8) {
                filled -= 8;
                take_byte(frame, (uint8_t)(bits >> filled), sample, bytes);
            }
        }
    } while (sextet(c) != LINE_END || (frame->count == 0 && c >= 0));
    *ended = c < 0;
    return frame->count >= 2 * WORD_BYTES && (frame->crc ^ 0xffffffffU) == frame->held;
}

static void write_base64(const int8_t *bytes, uint32_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (uint32_t i = 0; i < count; i += 3) {
        char text[5] = "====";
        uint32_t bits = 0;

        for (uint32_t k = 0; k < 3; k++) {
            bits = (bits << 8) | (i + k < count ? (uint8_t)bytes[i + k] : 0U);
        }
        for (uint32_t k = 0; k < 4 && i + k <= count; k++) {
            text[k] = digits[(bits >> (18U - 6U * k)) & 63U];
        }
        port_write(text);
    }
}

static void write_answer(bool taken, uint32_t bytes)
{
    port_write(taken ? "+" : "-");
    json_number(bytes);
    port_write("\n");
}

static int sample_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const msf_network_t *model = msf_vectors.model;
    uint32_t expected = 0;
    bool ended = false;

    write_answer(true, expected);
    while (expected < model->input_bytes && !ended) {
        frame_t frame;
        const bool whole = read_frame(&frame, msf_vectors_input, model->input_bytes, &ended);
        const uint32_t length = whole ? frame.count - 2 * WORD_BYTES : 0;

        if (whole && frame.place == expected) {
            expected += length;
        }
        write_answer(whole && frame.place <= expected, expected);
    }
    if (ended) {
        return 1;
    }
    const uint64_t start = port_count();
    model->invoke(model->arena, msf_vectors_input, msf_vectors.result);
    const uint64_t count = port_count() - start;
    uint32_t crc = 0xffffffffU;

    for (uint32_t i = 0; i < model->output_bytes; i++) {
        crc = crc32(crc, (uint8_t)msf_vectors.result[i]);
    }
    json_open("sample", model->name);
    json_key("output");
    port_write("\"");
    write_base64(msf_vectors.result, model->output_bytes);
    port_write("\"");
    json_member("crc", crc ^ 0xffffffffU);
    json_member(port_unit, count);
    json_close();
    return 0;
}

static int model_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const msf_network_t *model = msf_vectors.model;

    json_open("model", model->name);
    json_member("input_bytes", model->input_bytes);
    json_member("output_bytes", model->output_bytes);
    json_member("line", port_line_characters);
    json_close();
    return 0;
}

static const shell_command_t commands[] = {
    { "model", "says how large a sample, an output and a line may be", model_command },
    { "sample", "runs the model on a sample that follows in frames", sample_command },
    { NULL, NULL, NULL },
};

int main(void)
{
    char line[SHELL_DEFAULT_BUFSIZE];
    shell_run_forever(commands, line, (int)sizeof line);
    return 0;
}

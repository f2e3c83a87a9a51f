/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @file
 * @brief       Calls one kernel for each case
 *
 * A case is a run of little-endian 32-bit words: the kernel's number and its arguments in the order in which `run`
 * reads them; an array is its length in bytes (-1: NULL) and its bytes, filled up to whole words.
 *
 * On the host, cases come through stdin and outputs go to stdout, each behind its length in bytes; every array gets an
 * allocation of its own, so that AddressSanitizer sees the first byte out of bounds. With MSF_CASES, for machines
 * without files, cases and expected outputs are arrays linked in, and one JSON line tells the result.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msf/kernels.h"

#define MAX_ARRAYS (64)
#define MAX_ROWS (16)

static const unsigned char *cursor;

#ifdef MSF_CASES
static uint32_t heap[8192];
static size_t heap_words;

static void *allocate(size_t bytes)
{
    void *result = heap + heap_words;
    heap_words += (bytes + 3) / 4;
    if (heap_words > sizeof(heap) / sizeof(heap[0])) {
        puts("case too large");
        abort();
    }
    return result;
}

static void release(void)
{
    heap_words = 0;
}
#else
static void *allocated[MAX_ARRAYS];
static size_t arrays;

static void *allocate(size_t bytes)
{
    void *result = malloc(bytes);
    if (arrays == MAX_ARRAYS || (result == NULL && bytes > 0)) {
        abort();
    }
    return allocated[arrays++] = result;
}

static void release(void)
{
    while (arrays > 0) {
        free(allocated[--arrays]);
    }
}
#endif

static int32_t word(void)
{
    int32_t value;
    memcpy(&value, cursor, sizeof(value));
    cursor += sizeof(value);
    return value;
}

/** A fresh copy of the next array. */
static void *array(void)
{
    const int32_t bytes = word();
    if (bytes < 0) {
        return NULL;
    }
    void *copy = allocate((size_t)bytes);
    memcpy(copy, cursor, (size_t)bytes);
    cursor += ((size_t)bytes + 3) / 4 * 4;
    return copy;
}

static void conv2d(msf_conv2d_s8_t *op)
{
    op->in_channels = (uint16_t)word();
    op->out_channels = (uint16_t)word();
    op->groups = (uint16_t)word();
    op->kernel_h = (uint8_t)word();
    op->kernel_w = (uint8_t)word();
    op->stride_w = (uint8_t)word();
    op->dilation_w = (uint8_t)word();
    op->in_zero = (int8_t)word();
    op->out_zero = (int8_t)word();
    op->out_min = (int8_t)word();
    op->out_max = (int8_t)word();
    op->weights = array();
    op->bias = array();
    op->multiplier = array();
    op->shift = array();
}

static void depthwise(msf_depthwise_s8_t *op)
{
    op->channels = (uint16_t)word();
    op->kernel_h = (uint8_t)word();
    op->kernel_w = (uint8_t)word();
    op->stride_w = (uint8_t)word();
    op->dilation_w = (uint8_t)word();
    op->in_zero = (int8_t)word();
    op->out_zero = (int8_t)word();
    op->out_min = (int8_t)word();
    op->out_max = (int8_t)word();
    op->weights = array();
    op->bias = array();
    op->multiplier = array();
    op->shift = array();
}

static void dense(msf_dense_s8_t *op)
{
    op->in_elements = (uint32_t)word();
    op->out_channels = (uint16_t)word();
    op->in_zero = (int8_t)word();
    op->out_zero = (int8_t)word();
    op->out_min = (int8_t)word();
    op->out_max = (int8_t)word();
    op->weights = array();
    op->bias = array();
    op->multiplier = array();
    op->shift = array();
}

static void mul(msf_mul_s8_t *op)
{
    op->multiplier = word();
    op->shift = (uint8_t)word();
    op->zero_a = (int8_t)word();
    op->zero_b = (int8_t)word();
    op->out_zero = (int8_t)word();
    op->out_min = (int8_t)word();
    op->out_max = (int8_t)word();
}

/** The window's place: rows, in_width, x; returns pixels. */
static int32_t window(const int8_t **rows, int32_t kernel_h, int32_t *in_width, int32_t *x)
{
    if (kernel_h > MAX_ROWS) {
        abort();
    }
    for (int32_t y = 0; y < kernel_h; y++) {
        rows[y] = array();
    }
    *in_width = word();
    *x = word();
    return word();
}

/** The output: 1 is the first input, 2 the second, 0 a buffer of its own. */
static int8_t *output(size_t bytes, int8_t *a, int8_t *b)
{
    switch (word()) {
    case 1:
        return a;
    case 2:
        return b;
    default:
        return allocate(bytes);
    }
}

/** Runs the case at the cursor; returns its output and the bytes of it. */
static int8_t *run(size_t *bytes)
{
    const int8_t *rows[MAX_ROWS];
    int32_t in_width, x, pixels, channels;
    int8_t *a, *b, *out;

    switch (word()) {
    case 0: {
        msf_conv2d_s8_t op;
        conv2d(&op);
        pixels = window(rows, op.kernel_h, &in_width, &x);
        *bytes = (size_t)(pixels * op.out_channels);
        out = allocate(*bytes);
        msf_conv2d_s8(&op, rows, in_width, x, out, pixels);
        return out;
    }
    case 1: {
        msf_conv2d_s8_t op;
        conv2d(&op);
        a = array();
        pixels = word();
        *bytes = (size_t)(pixels * op.out_channels);
        out = allocate(*bytes);
        msf_pointwise_s8(&op, a, out, pixels);
        return out;
    }
    case 2: {
        msf_depthwise_s8_t op;
        depthwise(&op);
        pixels = window(rows, op.kernel_h, &in_width, &x);
        *bytes = (size_t)(pixels * op.channels);
        out = allocate(*bytes);
        msf_depthwise_s8(&op, rows, in_width, x, out, pixels);
        return out;
    }
    case 3: {
        msf_dense_s8_t op;
        dense(&op);
        a = array();
        *bytes = op.out_channels;
        out = allocate(*bytes);
        msf_dense_s8(&op, a, out);
        return out;
    }
    case 4: {
        msf_dense_s8_t op;
        dense(&op);
        int32_t *acc = allocate(op.out_channels * sizeof(*acc));
        msf_dense_start_s8(&op, acc);
        for (int32_t pieces = word(); pieces > 0; pieces--) {
            const uint32_t first = (uint32_t)word();
            const uint32_t elements = (uint32_t)word();
            msf_dense_accumulate_s8(&op, array(), first, elements, acc);
        }
        *bytes = op.out_channels;
        out = allocate(*bytes);
        msf_dense_finish_s8(&op, acc, out);
        return out;
    }
    case 5: {
        msf_max_pool_s8_t op;
        op.channels = (uint16_t)word();
        op.kernel_h = (uint8_t)word();
        op.kernel_w = (uint8_t)word();
        op.stride_w = (uint8_t)word();
        op.dilation_w = (uint8_t)word();
        op.out_min = (int8_t)word();
        op.out_max = (int8_t)word();
        pixels = window(rows, op.kernel_h, &in_width, &x);
        *bytes = (size_t)(pixels * op.channels);
        out = allocate(*bytes);
        msf_max_pool_s8(&op, rows, in_width, x, out, pixels);
        return out;
    }
    case 6: {
        msf_average_pool_s8_t op;
        op.channels = (uint16_t)word();
        op.kernel_h = (uint8_t)word();
        op.kernel_w = (uint8_t)word();
        op.stride_w = (uint8_t)word();
        op.in_zero = (int8_t)word();
        op.out_zero = (int8_t)word();
        op.out_min = (int8_t)word();
        op.out_max = (int8_t)word();
        op.multiplier = array();
        op.shift = array();
        const int32_t taps = word();
        pixels = window(rows, op.kernel_h, &in_width, &x);
        *bytes = (size_t)(pixels * op.channels);
        out = allocate(*bytes);
        msf_average_pool_s8(&op, rows, in_width, x, taps, out, pixels);
        return out;
    }
    case 7: {
        msf_global_average_s8_t op;
        op.multiplier = word();
        op.shift = (uint8_t)word();
        op.channels = (uint16_t)word();
        op.in_zero = (int8_t)word();
        op.out_zero = (int8_t)word();
        op.out_min = (int8_t)word();
        op.out_max = (int8_t)word();
        int32_t *acc = allocate(op.channels * sizeof(*acc));
        memset(acc, 0, op.channels * sizeof(*acc));
        for (int32_t pieces = word(); pieces > 0; pieces--) {
            pixels = word();
            msf_global_average_accumulate_s8(&op, array(), pixels, acc);
        }
        *bytes = op.channels;
        out = allocate(*bytes);
        msf_global_average_finish_s8(&op, acc, out);
        return out;
    }
    case 8: {
        msf_add_s8_t op;
        op.multiplier_a = word();
        op.multiplier_b = word();
        op.shift = (uint8_t)word();
        op.zero_a = (int8_t)word();
        op.zero_b = (int8_t)word();
        op.out_zero = (int8_t)word();
        op.out_min = (int8_t)word();
        op.out_max = (int8_t)word();
        *bytes = (size_t)word();
        a = array();
        b = array();
        out = output(*bytes, a, b);
        msf_add_s8(&op, a, b, out, (int32_t)*bytes);
        return out;
    }
    case 9: {
        msf_mul_s8_t op;
        mul(&op);
        *bytes = (size_t)word();
        a = array();
        b = array();
        out = output(*bytes, a, b);
        msf_mul_s8(&op, a, b, out, (int32_t)*bytes);
        return out;
    }
    case 10: {
        msf_mul_s8_t op;
        mul(&op);
        pixels = word();
        channels = word();
        a = array();
        b = array();
        *bytes = (size_t)(pixels * channels);
        out = output(*bytes, a, NULL);
        msf_mul_channels_s8(&op, a, b, out, pixels, channels);
        return out;
    }
    case 11: {
        msf_channel_affine_s8_t op;
        op.channels = (uint16_t)word();
        op.in_zero = (int8_t)word();
        op.out_zero = (int8_t)word();
        op.out_min = (int8_t)word();
        op.out_max = (int8_t)word();
        op.multiplier = array();
        op.offset = array();
        op.shift = array();
        pixels = word();
        a = array();
        *bytes = (size_t)(pixels * op.channels);
        out = output(*bytes, a, NULL);
        msf_channel_affine_s8(&op, a, out, pixels);
        return out;
    }
    case 12: {
        const int8_t *table = array();
        *bytes = (size_t)word();
        a = array();
        out = output(*bytes, a, NULL);
        msf_lookup_s8(table, a, out, (int32_t)*bytes);
        return out;
    }
    case 13: {
        channels = word();
        const int32_t stride = word();
        const int32_t first = word();
        pixels = word();
        a = array();
        b = array(); /* what is there before */
        *bytes = (size_t)(pixels * stride);
        msf_copy_channels_s8(a, channels, b + first, stride, pixels);
        return b;
    }
    case 14: {
        msf_softmax_s8_t op;
        op.channels = (uint16_t)word();
        op.reciprocal = (uint32_t)word();
        op.out_zero = (int8_t)word();
        op.out_min = (int8_t)word();
        op.out_max = (int8_t)word();
        op.table = array();
        pixels = word();
        a = array();
        *bytes = (size_t)(pixels * op.channels);
        out = output(*bytes, a, NULL);
        msf_softmax_s8(&op, a, out, pixels);
        return out;
    }
    default:
        abort();
    }
}

#ifdef MSF_CASES
/** The cases, one after the other. */
extern const uint32_t msf_cases[];
extern const uint32_t msf_case_count;
/** For each case its output's length and its output. */
extern const uint32_t msf_expected[];

int main(void)
{
    const unsigned char *expected = (const unsigned char *)msf_expected;
    unsigned long mismatches = 0;

    cursor = (const unsigned char *)msf_cases;
    for (uint32_t i = 0; i < msf_case_count; i++) {
        size_t bytes;
        uint32_t length;
        const int8_t *out = run(&bytes);

        memcpy(&length, expected, sizeof(length));
        expected += sizeof(length);
        mismatches += length != bytes || memcmp(out, expected, length) != 0;
        expected += (length + 3) / 4 * 4;
        release();
    }
    printf("{\"msf\": \"kernels\", \"cases\": %lu, \"mismatches\": %lu}\n",
           (unsigned long)msf_case_count, mismatches);
    return mismatches == 0 ? 0 : 1;
}
#else
int main(void)
{
    uint32_t length;

    while (fread(&length, sizeof(length), 1, stdin) == 1) {
        unsigned char *bytes = malloc(length);
        if (bytes == NULL || fread(bytes, 1, length, stdin) != length) {
            return 1;
        }
        cursor = bytes;
        size_t size;
        const int8_t *out = run(&size);
        const uint32_t out_length = (uint32_t)size;
        fwrite(&out_length, sizeof(out_length), 1, stdout);
        fwrite(out, 1, size, stdout);
        fflush(stdout);
        release();
        free(bytes);
    }
    return 0;
}
#endif

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#include <string.h>

#include "calls.h"
#include "msf/kernels.h"

#define MAX_ROWS (16)

static const unsigned char *cursor;

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

static uint8_t least(const uint8_t *shift, int32_t channels)
{
    uint8_t result = UINT8_MAX;
    for (int32_t c = 0; c < channels; c++) {
        result = shift[c] < result ? shift[c] : result;
    }
    return result;
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
    op->least_shift = least(op->shift, op->out_channels);
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
    op->least_shift = least(op->shift, op->channels);
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
    op->least_shift = least(op->shift, op->out_channels);
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
        stop("too many rows");
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

int8_t *run_call(const unsigned char *call, size_t *bytes)
{
    const int8_t *rows[MAX_ROWS];
    int32_t in_width, x, pixels, channels;
    int8_t *a, *b, *out;

    cursor = call;
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
    case 15: {
        a = array();
        in_width = word();
        x = word();
        channels = word();
        const int8_t value = (int8_t)word();
        pixels = word();
        *bytes = (size_t)(pixels * channels);
        out = allocate(*bytes);
        msf_pad_s8(a, in_width, x, channels, value, out, pixels);
        return out;
    }
    case 16: {
        a = array();
        const uint16_t *columns = array();
        const int32_t first = word();
        channels = word();
        pixels = word();
        *bytes = (size_t)(pixels * channels);
        out = allocate(*bytes);
        msf_gather_pixels_s8(a, columns, first, channels, out, pixels);
        return out;
    }
    case 17: {
        msf_conv2d_s8_t op;
        conv2d(&op);
        op.least_shift = (uint8_t)word();
        pixels = window(rows, op.kernel_h, &in_width, &x);
        *bytes = (size_t)(pixels * op.out_channels);
        out = allocate(*bytes);
        msf_conv2d_twice_s8(&op, rows, in_width, x, out, pixels);
        return out;
    }
    case 18: {
        msf_conv2d_s8_t op;
        conv2d(&op);
        op.least_shift = (uint8_t)word();
        a = array();
        pixels = word();
        *bytes = (size_t)(pixels * op.out_channels);
        out = allocate(*bytes);
        msf_pointwise_twice_s8(&op, a, out, pixels);
        return out;
    }
    case 19: {
        msf_depthwise_s8_t op;
        depthwise(&op);
        op.least_shift = (uint8_t)word();
        pixels = window(rows, op.kernel_h, &in_width, &x);
        *bytes = (size_t)(pixels * op.channels);
        out = allocate(*bytes);
        msf_depthwise_twice_s8(&op, rows, in_width, x, out, pixels);
        return out;
    }
    default:
        stop("no such kernel");
    }
}

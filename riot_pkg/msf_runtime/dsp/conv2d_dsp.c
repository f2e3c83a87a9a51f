/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Convolutions and dense layers with the DSP extension: packing, and the tiles' calls
 * @}
 */

#ifdef __ARM_FEATURE_DSP

#include <arm_acle.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "msf/kernels_dsp.h"

#include "clamp_dsp.h"
#include "../portable/requantize.h"
#include "tiles_dsp.h"

const struct msf_tiles_dsp msf_tiles_dsp = {
    .pack = { msf_pack1_dsp, msf_pack2_dsp, msf_pack3_dsp, msf_pack4_dsp },
    .tile = { msf_tile1_dsp, msf_tile2_dsp, msf_tile3_dsp, msf_tile4_dsp },
    .wide = 0,
};

const struct msf_tiles_dsp msf_tiles_wide_dsp = {
    .pack = { msf_pack1_wide_dsp, msf_pack2_wide_dsp, msf_pack3_wide_dsp, msf_pack4_wide_dsp },
    .tile = { msf_tile1_wide_dsp, msf_tile2_wide_dsp, msf_tile3_wide_dsp, msf_tile4_wide_dsp },
    .wide = 1,
};

const struct msf_tiles_dsp msf_tiles_twice_dsp = {
    .pack = { msf_pack1_dsp, msf_pack2_dsp, msf_pack3_dsp, msf_pack4_dsp },
    .tile = { msf_tile1_twice_dsp, msf_tile2_twice_dsp, msf_tile3_twice_dsp, msf_tile4_dsp },
    .wide = 0,
};

/** Packs one group of four bytes a pixel. */
static uint32_t *pack_words(const uint32_t *bytes, int32_t pixels, uint32_t wide, uint32_t *packed)
{
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        packed[pixel] = msf_even_taps(bytes[pixel]);
        packed[pixel + pixels] = msf_odd_taps(bytes[pixel], wide);
    }
    return packed + 2 * pixels;
}

/** Packs the last `taps` taps, fewer than four, of pixels `pitch` bytes apart. */
static void pack_last(const int8_t *in, int32_t taps, int32_t pitch, int32_t pixels, uint32_t wide,
                      uint32_t *packed)
{
    uint32_t bytes[4];

    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        bytes[pixel] = 0;
        for (int32_t tap = 0; tap < taps; tap++) {
            bytes[pixel] |= (uint32_t)(uint8_t)in[tap] << (8 * tap);
        }
        in += pitch;
    }
    pack_words(bytes, pixels, wide, packed);
}

/** `shift` is one less than the shift. */
static inline int8_t requantize_last(int32_t acc, int32_t multiplier, int32_t round, int32_t shift,
                                     bool twice)
{
    const int32_t sign = twice ? acc < 0 ? -64 : 64 : 0;
    const int32_t high = (int32_t)(((int64_t)acc * multiplier) >> 32) + round * (1 << shift) + sign;
    return msf_clamp_s8((high >> shift) >> 1, -128, 127);
}

void msf_last_channel_dsp(const msf_conv2d_dsp_t *op, const uint32_t *packed, uint32_t pixels,
                          uint32_t columns, uint32_t segments, int8_t *out)
{
    const uint32_t quads = op->taps / 4U;
    const uint32_t in_segment = quads / segments;
    const uint32_t pairs = op->out_channels / 2U;
    const uint32_t *weights = op->weights + pairs * (2 * quads + (op->shifts < 0 ? 5 : 4));
    const int32_t multiplier = (int32_t)weights[quads + 1];
    const int32_t shift = op->shifts < 0 ? (int32_t)weights[quads + 2] : op->shifts & 0xffff;
    const uint32_t wide = op->tiles->wide;

    for (uint32_t pixel = 0; pixel < pixels; pixel++) {
        const uint32_t *weight = weights;
        int32_t acc = (int32_t)*weight++;

        for (uint32_t segment = 0; segment < segments; segment++) {
            const uint32_t *activations =
                packed + pixel + msf_packed_column(segment, columns, op->stride_w);

            for (uint32_t quad = 0; quad < in_segment; quad++) {
                const uint32_t raw = *weight++;
                const uint32_t even = wide ? msf_even_taps(raw) : raw;
                const uint32_t odd = msf_even_taps(wide ? raw >> 8 : raw);

                acc = __smlad((int16x2_t)activations[0], (int16x2_t)even, acc);
                acc = __smlad((int16x2_t)activations[columns], (int16x2_t)odd, acc);
                activations += 2 * columns;
            }
        }
        out[pixel * op->out_channels + op->out_channels - 1] =
            requantize_last(acc, multiplier, op->round, shift, op->shifts == MSF_SHIFTS_TWICE);
    }
}

/** All output channels of `pixels` packed pixels: 1 to 4. */
static inline void tile(const msf_conv2d_dsp_t *op, int32_t pixels, const uint32_t *packed,
                        int8_t *out)
{
    if (op->out_channels > 1) {
        op->tiles->tile[pixels - 1](op, packed, out);
    }
    if (op->out_channels & 1) {
        msf_last_channel_dsp(op, packed, (uint32_t)pixels, (uint32_t)pixels, 1, out);
    }
}

void msf_pointwise_dsp(const msf_conv2d_dsp_t *op, const int8_t *in, int8_t *out, int32_t pixels,
                       void *scratch)
{
    const int32_t channels = op->in_channels;
    const int32_t out_channels = op->out_channels;
    uint32_t *const packed = scratch;
    int8_t *const first = out;
    const int32_t elements = pixels * out_channels;

    while (pixels > 0) {
        const int32_t group = pixels < op->tile ? pixels : op->tile;
        uint32_t *const end =
            op->tiles->pack[group - 1](in, packed, (uint32_t)channels / 4, channels);

        if (channels & 3) {
            pack_last(in + (channels & ~3), channels & 3, channels, group, op->tiles->wide, end);
        }
        tile(op, group, packed, out);
        in += group * channels;
        out += group * out_channels;
        pixels -= group;
    }
    msf_clamp_dsp(first, elements, op->out_min, op->out_max);
}

void msf_dense_dsp(const msf_dense_dsp_t *op, const int8_t *in, int8_t *out, void *scratch)
{
    msf_pointwise_dsp(op, in, out, 1, scratch);
}

/** The taps of one kernel row for a group of pixels, where they lie in the input or, with padding, in a copy; `row` is
 *  NULL where it is padding. */
static const int8_t *row_of_taps(const msf_conv2d_dsp_t *op, const int8_t *row, int32_t in_width,
                                 int32_t x, int32_t columns, int8_t *copy)
{
    const int32_t channels = op->in_channels;

    if (row == NULL) {
        memset(copy, op->in_zero, (size_t)(columns * channels));
        return copy;
    }
    if (x >= 0 && x + columns <= in_width) {
        return row + x * channels;
    }
    const int32_t first = x < 0 ? 0 : x < in_width ? x : in_width;
    const int32_t end = x + columns < first      ? first
                        : x + columns < in_width ? x + columns
                                                 : in_width;
    const size_t before = (size_t)((first - x < columns ? first - x : columns) * channels);
    const size_t inside = (size_t)((end - first) * channels);

    memset(copy, op->in_zero, before);
    memcpy(copy + before, row + first * channels, inside);
    memset(copy + before + inside, op->in_zero, (size_t)(columns * channels) - before - inside);
    return copy;
}

/** Packs what is left of each row of taps after its words: `left` bytes of each of `op->kernel_h` rows, the rows'
 *  first ones at `in`. */
static void pack_left(const msf_conv2d_dsp_t *op, const int8_t *const *in, int32_t left,
                      int32_t pixels, uint32_t *packed)
{
    const uint32_t wide = op->tiles->wide;
    const int32_t pitch = op->stride_w * op->in_channels;
    uint32_t bytes[4] = { 0, 0, 0, 0 };

    if (left == 1 && op->kernel_h == 3) { /* three channels, 3x3 */
        const int8_t *top = in[0];
        const int8_t *middle = in[1];
        const int8_t *bottom = in[2];

        for (int32_t pixel = 0; pixel < pixels; pixel++) {
            const uint32_t taps = (uint32_t)(uint8_t)*top | (uint32_t)(uint8_t)*middle << 8 |
                                  (uint32_t)(uint8_t)*bottom << 16;
            packed[0] = msf_even_taps(taps);
            packed[pixels] = msf_odd_taps(taps, wide);
            packed++;
            top += pitch;
            middle += pitch;
            bottom += pitch;
        }
        return;
    }
    uint32_t shift = 0;

    for (int32_t y = 0; y < op->kernel_h; y++) {
        for (int32_t tap = 0; tap < left; tap++) {
            for (int32_t pixel = 0; pixel < pixels; pixel++) {
                bytes[pixel] |= (uint32_t)(uint8_t)in[y][pixel * pitch + tap] << shift;
            }
            shift += 8;
            if (shift == 32) {
                packed = pack_words(bytes, pixels, wide, packed);
                memset(bytes, 0, sizeof(bytes));
                shift = 0;
            }
        }
    }
    if (shift > 0) {
        pack_words(bytes, pixels, wide, packed);
    }
}

void msf_conv2d_dsp(const msf_conv2d_dsp_t *op, const int8_t *const *rows, int32_t in_width,
                    int32_t x, int8_t *out, int32_t pixels, void *scratch)
{
    const int32_t channels = op->in_channels;
    const int32_t taps = op->kernel_w * channels;
    const uint32_t quads = (uint32_t)taps / 4;
    const int32_t left = taps & 3;
    const int32_t pitch = op->stride_w * channels;
    uint32_t *const packed = scratch;
    int8_t *const first = out;
    const int32_t elements = pixels * op->out_channels;

    while (pixels > 0) {
        const int32_t group = pixels < op->tile ? pixels : op->tile;
        const int32_t columns = (group - 1) * op->stride_w + op->kernel_w;
        int8_t *copy = (int8_t *)(packed + op->taps / 2 * group);
        uint32_t *next = packed;
        const int8_t *lefts[MSF_CONV2D_DSP_ROWS];

        for (int32_t y = 0; y < op->kernel_h; y++) {
            const int8_t *in = row_of_taps(op, rows[y], in_width, x, columns, copy);

            next = op->tiles->pack[group - 1](in, next, quads, pitch);
            if (left > 0) {
                lefts[y] = in + taps - left;
                copy += in == copy ? columns * channels : 0;
            }
        }
        if (left > 0) {
            pack_left(op, lefts, left, group, next);
        }
        tile(op, group, packed, out);
        x += group * op->stride_w;
        out += group * op->out_channels;
        pixels -= group;
    }
    msf_clamp_dsp(first, elements, op->out_min, op->out_max);
}

#endif                                /* __ARM_FEATURE_DSP */
typedef int msf_conv2d_dsp_not_empty; /* a translation unit may not be empty */

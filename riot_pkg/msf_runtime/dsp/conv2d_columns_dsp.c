/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Convolutions with the DSP extension whose windows overlap: every column is packed once
 * @}
 */

#ifdef __ARM_FEATURE_DSP

#include <stddef.h>
#include <string.h>

#include "msf/kernels_dsp.h"

#include "clamp_dsp.h"
#include "tiles_dsp.h"

#define COLUMNS(suffix)                                                                           \
    {                                                                                             \
        .pack = { { msf_pack2_columns##suffix, msf_pack2_left##suffix, msf_pack2_right##suffix }, \
                  { msf_pack4_columns##suffix, msf_pack4_left##suffix,                            \
                    msf_pack4_right##suffix } },                                                  \
        .tile = { msf_tile2_columns##suffix, msf_tile4_columns##suffix },                         \
    }

#define TILES(name, is_wide, pack1, tile1)                             \
    static const struct msf_columns_dsp columns##name = COLUMNS(name); \
    const struct msf_tiles_dsp msf_tiles_columns##name = {             \
        .pack = { pack1 },                                             \
        .tile = { tile1 },                                             \
        .wide = is_wide,                                               \
        .columns = &columns##name,                                     \
    }

TILES(3s1_dsp, 0, msf_pack1_dsp, msf_tile1_dsp);
TILES(3s2_dsp, 0, msf_pack1_dsp, msf_tile1_dsp);
TILES(5s1_dsp, 0, msf_pack1_dsp, msf_tile1_dsp);
TILES(5s2_dsp, 0, msf_pack1_dsp, msf_tile1_dsp);
#define TILES_TWICE(kernel)                                                                 \
    static const struct msf_columns_dsp columns##kernel##_twice = {                         \
        .pack = { { msf_pack2_columns##kernel##_dsp, msf_pack2_left##kernel##_dsp,          \
                    msf_pack2_right##kernel##_dsp },                                        \
                  { msf_pack4_columns##kernel##_dsp, msf_pack4_left##kernel##_dsp,          \
                    msf_pack4_right##kernel##_dsp } },                                      \
        .tile = { msf_tile2_columns##kernel##_twice_dsp, msf_tile4_columns##kernel##_dsp }, \
    };                                                                                      \
    const struct msf_tiles_dsp msf_tiles_columns##kernel##_twice_dsp = {                    \
        .pack = { msf_pack1_dsp },                                                          \
        .tile = { msf_tile1_twice_dsp },                                                    \
        .wide = 0,                                                                          \
        .columns = &columns##kernel##_twice,                                                \
    }

TILES_TWICE(3s1);
TILES_TWICE(3s2);
TILES_TWICE(5s1);
TILES_TWICE(5s2);
TILES(3s1_wide_dsp, 1, msf_pack1_wide_dsp, msf_tile1_wide_dsp);
TILES(3s2_wide_dsp, 1, msf_pack1_wide_dsp, msf_tile1_wide_dsp);
TILES(5s1_wide_dsp, 1, msf_pack1_wide_dsp, msf_tile1_wide_dsp);
TILES(5s2_wide_dsp, 1, msf_pack1_wide_dsp, msf_tile1_wide_dsp);

/** Packs one column of `quads` times four channels, or padding where `in` is NULL. */
static void pack_column(const int8_t *in, uint32_t quads, uint32_t columns, uint32_t padding,
                        uint32_t wide, uint32_t *packed)
{
    uint32_t bytes = padding;

    for (uint32_t quad = 0; quad < quads; quad++) {
        if (in != NULL) {
            memcpy(&bytes, in, sizeof(bytes));
            in += sizeof(bytes);
        }
        packed[0] = msf_even_taps(bytes);
        packed[columns] = msf_odd_taps(bytes, wide);
        packed += 2 * columns;
    }
}

/** Where the column `x` of a row begins, NULL where it is padding. */
static inline const int8_t *column_at(const int8_t *row, int32_t in_width, int32_t x,
                                      int32_t channels)
{
    return row != NULL && x >= 0 && x < in_width ? row + x * channels : NULL;
}

/** The windows of `group` pixels, 2 or 4. */
static void pack_windows(const msf_conv2d_dsp_t *op, const int8_t *const *rows, int32_t in_width,
                         int32_t x, int32_t group, uint32_t padding, uint32_t *packed)
{
    const int32_t channels = op->in_channels;
    const uint32_t quads = (uint32_t)channels / 4;
    const int32_t columns = (group - 1) * op->stride_w + op->kernel_w;
    const int32_t half = op->kernel_w / 2;
    const int32_t left = x < 0 ? -x : 0;
    const int32_t right = x + columns > in_width ? x + columns - in_width : 0;
    msf_pack_columns_dsp_t *const *const pack = op->tiles->columns->pack[group / 4];
    msf_pack_columns_dsp_t *const pack_row = left == 0 && right == 0      ? pack[0]
                                             : left == half && right == 0 ? pack[1]
                                             : left == 0 && right == half ? pack[2]
                                                                          : NULL;
    const int32_t first = (x + left) * channels;

    for (int32_t y = 0; y < op->kernel_h; y++) {
        const int8_t *const row = rows[y];

        if (pack_row != NULL && row != NULL) {
            packed = pack_row(row + first, packed, quads, channels, padding);
            continue;
        }
        for (int32_t column = 0; column < columns; column++) {
            const uint32_t at =
                msf_packed_column((uint32_t)column, (uint32_t)columns, op->stride_w);

            pack_column(column_at(row, in_width, x + column, channels), quads, (uint32_t)columns,
                        padding, op->tiles->wide, packed + at);
        }
        packed += 2 * quads * (uint32_t)columns;
    }
}

/** The window of one pixel, column by column, as its tile takes it. */
static void pack_window(const msf_conv2d_dsp_t *op, const int8_t *const *rows, int32_t in_width,
                        int32_t x, uint32_t padding, uint32_t *packed)
{
    const int32_t channels = op->in_channels;
    const uint32_t quads = (uint32_t)channels / 4;

    for (int32_t column = 0; column < op->kernel_w; column++) {
        for (int32_t y = 0; y < op->kernel_h; y++) {
            const int8_t *const in = column_at(rows[y], in_width, x + column, channels);

            if (in != NULL) {
                op->tiles->pack[0](in, packed, quads, channels);
            }
            else {
                pack_column(NULL, quads, 1, padding, op->tiles->wide, packed);
            }
            packed += 2 * quads;
        }
    }
}

void msf_conv2d_columns_dsp(const msf_conv2d_columns_dsp_t *op, const int8_t *const *rows,
                            int32_t in_width, int32_t x, int8_t *out, int32_t pixels, void *scratch)
{
    const uint32_t padding = 0x01010101U * (uint8_t)op->in_zero;
    int8_t *const first = out;
    const int32_t elements = pixels * op->out_channels;

    while (pixels > 0) {
        const int32_t most = pixels < op->tile ? pixels : op->tile;
        const int32_t group = most >= 4 ? 4 : most >= 2 ? 2 : 1;
        uint32_t columns = 1;
        uint32_t segments = 1;
        msf_tile_dsp_t *tile = op->tiles->tile[0];

        if (group == 1) {
            pack_window(op, rows, in_width, x, padding, scratch);
        }
        else {
            pack_windows(op, rows, in_width, x, group, padding, scratch);
            columns = ((uint32_t)group - 1) * op->stride_w + op->kernel_w;
            segments = op->kernel_w;
            tile = op->tiles->columns->tile[group / 4];
        }
        if (op->out_channels > 1) {
            tile(op, scratch, out);
        }
        if (op->out_channels & 1) {
            msf_last_channel_dsp(op, scratch, (uint32_t)group, columns, segments, out);
        }
        x += group * op->stride_w;
        out += group * op->out_channels;
        pixels -= group;
    }
    msf_clamp_dsp(first, elements, op->out_min, op->out_max);
}

#endif                                        /* __ARM_FEATURE_DSP */
typedef int msf_conv2d_columns_dsp_not_empty; /* a translation unit may not be empty */

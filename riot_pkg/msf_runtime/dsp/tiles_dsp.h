/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       Inner kernels of the convolutions with the DSP extension (tiles_dsp.S)
 *
 * `packed` holds a group of 4, 2 or 1 pixels: for each four taps (x0, x1, x2, x3) one word (x0, x2) a pixel, then one
 * word a pixel for the odd taps: (256 * x1 + 127 - x0, 256 * x3 + 127 - x2), or (x1, x3) for wide accumulators.
 *
 * Packed by columns, as msf_conv2d_columns_dsp() has it for 4 and 2 pixels, the windows' rows lie one behind the other, and
 * of each row for each four channels these words of each column that the windows see; with stride 2 columns 0, 2, 4, ...
 * before 1, 3, 5, ... Its taps go by columns.
 * @{
 */

#pragma once

#include <arm_acle.h>
#include <stdint.h>

#include "msf/kernels_dsp.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Packs `quads` times four taps of pixels that are `pitch` bytes apart; returns the end of what it wrote. */
typedef uint32_t *msf_pack_dsp_t(const int8_t *in, uint32_t *packed, uint32_t quads, int32_t pitch);

/** All output channels but a last odd one. */
typedef void msf_tile_dsp_t(const msf_conv2d_dsp_t *op, const uint32_t *packed, int8_t *out);

/** Packs a row by columns: `in` is its first column that is not padding, `pitch` the bytes of a column, `quads` a fourth of
 *  them, `padding` four times the input's zero point. Returns the end of what it wrote. */
typedef uint32_t *msf_pack_columns_dsp_t(const int8_t *in, uint32_t *packed, uint32_t quads,
                                         int32_t pitch, uint32_t padding);

/** Of two and four pixels. */
struct msf_columns_dsp {
    msf_pack_columns_dsp_t *pack[2][3]; /**< no padding; half a kernel of it left; right */
    msf_tile_dsp_t *tile[2];            /**< needs at least two output channels */
};

/** Of one to four pixels. */
struct msf_tiles_dsp {
    msf_pack_dsp_t *pack[4];
    msf_tile_dsp_t *tile[4]; /**< needs at least two output channels, that of one pixel excepted */
    uint32_t wide;
    const struct msf_columns_dsp *columns; /**< NULL but for msf_conv2d_columns_dsp() */
};

msf_pack_dsp_t msf_pack1_dsp, msf_pack2_dsp, msf_pack3_dsp, msf_pack4_dsp;
msf_pack_dsp_t msf_pack1_wide_dsp, msf_pack2_wide_dsp, msf_pack3_wide_dsp, msf_pack4_wide_dsp;
msf_tile_dsp_t msf_tile1_dsp, msf_tile2_dsp, msf_tile3_dsp, msf_tile4_dsp;
msf_tile_dsp_t msf_tile1_wide_dsp, msf_tile2_wide_dsp, msf_tile3_wide_dsp, msf_tile4_wide_dsp;
msf_tile_dsp_t msf_tile1_twice_dsp, msf_tile2_twice_dsp, msf_tile3_twice_dsp;

/** What msf_conv2d_columns_dsp() needs for a kernel and stride, as in 3s1_dsp or 5s2_wide_dsp. @{ */
#define MSF_COLUMNS_DSP(suffix)                                                  \
    msf_pack_columns_dsp_t msf_pack2_columns##suffix, msf_pack4_columns##suffix; \
    msf_pack_columns_dsp_t msf_pack2_left##suffix, msf_pack4_left##suffix;       \
    msf_pack_columns_dsp_t msf_pack2_right##suffix, msf_pack4_right##suffix;     \
    msf_tile_dsp_t msf_tile2_columns##suffix, msf_tile4_columns##suffix

MSF_COLUMNS_DSP(3s1_dsp);
MSF_COLUMNS_DSP(3s2_dsp);
MSF_COLUMNS_DSP(5s1_dsp);
MSF_COLUMNS_DSP(5s2_dsp);
MSF_COLUMNS_DSP(3s1_wide_dsp);
MSF_COLUMNS_DSP(3s2_wide_dsp);
MSF_COLUMNS_DSP(5s1_wide_dsp);
MSF_COLUMNS_DSP(5s2_wide_dsp);
msf_tile_dsp_t msf_tile2_columns3s1_twice_dsp, msf_tile2_columns3s2_twice_dsp;
msf_tile_dsp_t msf_tile2_columns5s1_twice_dsp, msf_tile2_columns5s2_twice_dsp;
/** @} */

/** The last of an odd number of channels, of `pixels` pixels, packed by `columns` columns for taps in `segments` columns of
 *  the kernel; or, with as many columns as pixels and one segment, pixel beside pixel. */
void msf_last_channel_dsp(const msf_conv2d_dsp_t *op, const uint32_t *packed, uint32_t pixels,
                          uint32_t columns, uint32_t segments, int8_t *out);

/** Where the column `column` is packed among `columns` that the windows see. */
static inline uint32_t msf_packed_column(uint32_t column, uint32_t columns, uint32_t stride)
{
    return stride == 1 ? column : column / 2 + (column & 1) * ((columns + 1) / 2);
}

static inline uint32_t msf_even_taps(uint32_t bytes)
{
    return (uint32_t)__sxtb16((int8x4_t)bytes);
}

static inline uint32_t msf_odd_taps(uint32_t bytes, uint32_t wide)
{
    return wide ? msf_even_taps(bytes >> 8) : bytes ^ 0x007f007fU;
}

#ifdef __cplusplus
}
#endif

/** @} */

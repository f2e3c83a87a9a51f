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
 * @{
 */

#ifndef TILES_DSP_H
#define TILES_DSP_H

#include <stdint.h>

#include "msf/kernels_dsp.h"

/** Packs `quads` times four taps of pixels that are `pitch` bytes apart; returns the end of what it wrote. */
typedef uint32_t *msf_pack_dsp_t(const int8_t *in, uint32_t *packed, uint32_t quads, int32_t pitch);

/** All output channels but a last odd one. */
typedef void msf_tile_dsp_t(const msf_conv2d_dsp_t *op, const uint32_t *packed, int8_t *out);

/** Of one to four pixels. */
struct msf_tiles_dsp {
    msf_pack_dsp_t *pack[4];
    msf_tile_dsp_t *tile[4]; /**< needs at least two output channels, that of one pixel excepted */
    uint32_t wide;
};

msf_pack_dsp_t msf_pack1_dsp, msf_pack2_dsp, msf_pack3_dsp, msf_pack4_dsp;
msf_pack_dsp_t msf_pack1_wide_dsp, msf_pack2_wide_dsp, msf_pack3_wide_dsp, msf_pack4_wide_dsp;
msf_tile_dsp_t msf_tile1_dsp, msf_tile2_dsp, msf_tile3_dsp, msf_tile4_dsp;
msf_tile_dsp_t msf_tile1_wide_dsp, msf_tile2_wide_dsp, msf_tile3_wide_dsp, msf_tile4_wide_dsp;

#endif /* TILES_DSP_H */
/** @} */

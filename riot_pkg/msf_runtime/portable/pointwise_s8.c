/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       1x1 convolution with stride 1
 * @}
 */

#include "msf/kernels.h"

#include "tile.h"

void MSF_ROUNDED(msf_pointwise)(const msf_conv2d_s8_t *op, const int8_t *in, int8_t *out,
                                int32_t pixels)
{
    const msf_channels_t channels = { op->weights, op->bias, op->multiplier, op->shift };
    msf_tile_t tile = {
        .rows = &in,
        .row_count = 1,
        .in_step = op->in_channels,
        .runs = 1,
        .elements = op->in_channels,
        .weights_filter = op->in_channels,
        .zero = op->out_zero,
        .min = op->out_min,
        .max = op->out_max,
        .out_step = op->out_channels,
    };
    while (pixels > 0) {
        const int32_t count = msf_tile_pixels(pixels);

        MSF_ROUNDED(msf_tile)(&tile, &channels, op->out_channels, count, op->least_shift, out);
        tile.in_first += count * tile.in_step;
        out += count * tile.out_step;
        pixels -= count;
    }
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Convolution with one filter a channel
 *
 * The bias holds the input's zero point for the whole window; pixels whose window reaches into
 * padding give it back for the taps that they leave out.
 * @}
 */

#include "msf/kernels.h"

#include "tile.h"
#include "window.h"

void MSF_ROUNDED(msf_depthwise)(const msf_depthwise_s8_t *op, const int8_t *const *rows,
                                int32_t in_width, int32_t x, int8_t *out, int32_t pixels)
{
    const int32_t channels = op->channels;
    const int32_t kernel_w = op->kernel_w;
    const int32_t last_tap = (kernel_w - 1) * op->dilation_w;
    const msf_channels_t constants = { op->weights, op->bias, op->multiplier, op->shift };
    int32_t first_row = 0;
    int32_t end_row = op->kernel_h;

    while (first_row < end_row && rows[first_row] == NULL) {
        first_row++;
    }
    while (end_row > first_row && rows[end_row - 1] == NULL) {
        end_row--;
    }
    msf_tile_t tile = {
        .rows = rows + first_row,
        .in_step = op->stride_w * channels,
        .run_step = op->dilation_w * channels,
        .weights_filter = channels,
        .in_zero = op->in_zero,
        .zero = op->out_zero,
        .min = op->out_min,
        .max = op->out_max,
        .out_step = channels,
    };
    while (pixels > 0) {
        const msf_taps_t taps = msf_clip_taps(x, kernel_w, op->dilation_w, in_width);
        int32_t count = msf_tile_pixels(pixels);

        /* pixels of a tile have all taps, in their columns */
        while (count > 1 && (x < 0 || x + (count - 1) * op->stride_w + last_tap >= in_width)) {
            count /= 2;
        }
        tile.runs = taps.end - taps.first;
        tile.in_first = (x + taps.first * op->dilation_w) * channels;
        msf_tile_place(&tile, op->kernel_h, kernel_w, first_row, end_row, taps.first, tile.runs);
        MSF_ROUNDED(msf_depthwise_tile)(&tile, &constants, channels, count, op->least_shift, out);
        x += count * op->stride_w;
        out += count * channels;
        pixels -= count;
    }
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Convolution over all channels of a group
 *
 * The bias holds the input's zero point for the whole window, so that taps need no subtraction.
 * Pixels whose window reaches into padding give the zero point back for the taps that they leave
 * out, which is cheaper than to compute these.
 * @}
 */

#include "msf/kernels.h"

#include "tile.h"
#include "window.h"

void MSF_ROUNDED(msf_conv2d)(const msf_conv2d_s8_t *op, const int8_t *const *rows, int32_t in_width,
                             int32_t x, int8_t *out, int32_t pixels)
{
    const int32_t kernel_w = op->kernel_w;
    const int32_t depth = op->in_channels / op->groups;
    const int32_t group_outputs = op->out_channels / op->groups;
    const int32_t weights_row = kernel_w * depth;
    const int32_t last_tap = (kernel_w - 1) * op->dilation_w;
    const int32_t in_step = op->dilation_w * op->in_channels;
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
        .in_step = op->stride_w * op->in_channels,
        .run_step = in_step,
        .weights_filter = op->kernel_h * weights_row,
        .in_zero = op->in_zero,
        .zero = op->out_zero,
        .min = op->out_min,
        .max = op->out_max,
        .out_step = op->out_channels,
    };
    while (pixels > 0) {
        const msf_taps_t taps = msf_clip_taps(x, kernel_w, op->dilation_w, in_width);
        const int32_t inside = taps.end - taps.first;
        int32_t group_pixels = msf_tile_pixels(pixels);

        /* pixels of a tile have all taps, in their columns */
        while (group_pixels > 1 &&
               (x < 0 || x + (group_pixels - 1) * op->stride_w + last_tap >= in_width)) {
            group_pixels /= 2;
        }
        /* neighboring taps side by side, in the input as in the weights, are one run */
        const int joined = in_step == depth;

        tile.in_first = (x + taps.first * op->dilation_w) * op->in_channels;
        tile.runs = joined ? 1 : inside;
        tile.elements = joined ? inside * depth : depth;
        msf_tile_place(&tile, op->kernel_h, weights_row, first_row, end_row, taps.first * depth,
                       inside * depth);
        for (int32_t group = 0; group < op->groups; group++) {
            const int32_t channel = group * group_outputs;
            const msf_channels_t channels = { op->weights + channel * tile.weights_filter,
                                              op->bias + channel, op->multiplier + channel,
                                              op->shift + channel };

            MSF_ROUNDED(msf_tile)
            (&tile, &channels, group_outputs, group_pixels, op->least_shift, out + channel);
            tile.in_first += depth;
        }
        x += group_pixels * op->stride_w;
        out += group_pixels * op->out_channels;
        pixels -= group_pixels;
    }
}

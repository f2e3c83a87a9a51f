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

/** sums[o] += the `elements` weights of each channel of a block of `outputs` */
static void add_weights(const int8_t *weights, int32_t elements, int32_t outputs, int32_t *sums)
{
    const int8_t *end = weights + elements * outputs;

    if (outputs == MSF_BLOCK) {
        int32_t sum0 = 0;
        int32_t sum1 = 0;
        int32_t sum2 = 0;
        int32_t sum3 = 0;

        for (; weights < end; weights += MSF_BLOCK) {
            sum0 += weights[0];
            sum1 += weights[1];
            sum2 += weights[2];
            sum3 += weights[3];
        }
        sums[0] += sum0;
        sums[1] += sum1;
        sums[2] += sum2;
        sums[3] += sum3;
        return;
    }
    while (weights < end) {
        for (int32_t o = 0; o < outputs; o++) {
            sums[o] += *weights++;
        }
    }
}

/** Output channels of one group where the window reaches into padding; `before` weights of a
 *  channel come before its first tap inside the input. Not inlined, for the sake of the stack. */
static __attribute__((noinline)) void padded_tile(const msf_tile_t *tile, const msf_channels_t *group, int32_t count,
                        int32_t before, int32_t in_zero, int32_t pixels, uint32_t least_shift,
                        int8_t *out)
{
    const int32_t row = tile->runs * tile->elements;
    const int32_t filter = tile->weights_filter;

    for (int32_t channel = 0; channel < count; channel += MSF_BLOCK) {
        const int32_t left = count - channel;
        const int32_t outputs = left < MSF_BLOCK ? left : MSF_BLOCK;
        const int8_t *weights = group->weights + channel * filter;
        int32_t outside[MSF_BLOCK] = { 0 };
        int32_t skipped = before;
        int32_t done = 0;

        /* the gaps before, between and behind the taps inside */
        for (int32_t y = 0; y < tile->row_count; y++) {
            add_weights(weights + done * outputs, skipped, outputs, outside);
            done += skipped + row;
            skipped = tile->weights_skip;
        }
        add_weights(weights + done * outputs, filter - done, outputs, outside);
        for (int32_t o = 0; o < outputs; o++) {
            outside[o] =
                (int32_t)((uint32_t)group->bias[channel + o] + (uint32_t)(in_zero * outside[o]));
        }
        const msf_channels_t block = { weights + before * outputs, outside,
                                       group->multiplier + channel, group->shift + channel };
        msf_tile_s8(tile, &block, outputs, pixels, least_shift, out + channel);
    }
}

void msf_conv2d_s8(const msf_conv2d_s8_t *op, const int8_t *const *rows, int32_t in_width,
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
        const int32_t before = first_row * weights_row + taps.first * depth;

        tile.row_count = inside > 0 ? end_row - first_row : 0;
        tile.in_first = (x + taps.first * op->dilation_w) * op->in_channels;
        tile.runs = joined ? 1 : inside;
        tile.elements = joined ? inside * depth : depth;
        tile.weights_skip = weights_row - inside * depth;
        const int padded = inside < kernel_w || tile.row_count < op->kernel_h;

        for (int32_t group = 0; group < op->groups; group++) {
            const int32_t channel = group * group_outputs;
            const msf_channels_t channels = { op->weights + channel * tile.weights_filter,
                                              op->bias + channel, op->multiplier + channel,
                                              op->shift + channel };
            if (!padded) {
                msf_tile_s8(&tile, &channels, group_outputs, group_pixels, op->least_shift,
                            out + channel);
            }
            else {
                padded_tile(&tile, &channels, group_outputs, before, op->in_zero, group_pixels,
                            op->least_shift, out + channel);
            }
            tile.in_first += depth;
        }
        x += group_pixels * op->stride_w;
        out += group_pixels * op->out_channels;
        pixels -= group_pixels;
    }
}

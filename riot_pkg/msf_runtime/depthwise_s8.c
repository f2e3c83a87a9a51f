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

/** acc[c] += sum over the window of one pixel, for the MSF_BLOCK channels from `channel` on */
static void accumulate_block(const msf_tile_t *tile, int32_t in_first, const int8_t *weights,
                             int32_t *acc)
{
    const int32_t taps = tile->runs;
    const int32_t in_step = tile->run_step;
    const int32_t weights_step = tile->weights_filter;
    uint32_t acc0 = (uint32_t)acc[0];
    uint32_t acc1 = (uint32_t)acc[1];
    uint32_t acc2 = (uint32_t)acc[2];
    uint32_t acc3 = (uint32_t)acc[3];

    for (int32_t y = 0; y < tile->row_count; y++) {
        const int8_t *in = tile->rows[y] + in_first;

        for (int32_t tap = 0; tap < taps; tap++) {
            acc0 += (uint32_t)(weights[0] * in[0]);
            acc1 += (uint32_t)(weights[1] * in[1]);
            acc2 += (uint32_t)(weights[2] * in[2]);
            acc3 += (uint32_t)(weights[3] * in[3]);
            in += in_step;
            weights += weights_step;
        }
        weights += tile->weights_skip;
    }
    acc[0] = (int32_t)acc0;
    acc[1] = (int32_t)acc1;
    acc[2] = (int32_t)acc2;
    acc[3] = (int32_t)acc3;
}

/** The same for one channel. */
static void accumulate_one(const msf_tile_t *tile, int32_t in_first, const int8_t *weights,
                           int32_t *acc)
{
    uint32_t sum = (uint32_t)*acc;

    for (int32_t y = 0; y < tile->row_count; y++) {
        const int8_t *in = tile->rows[y] + in_first;

        for (int32_t tap = 0; tap < tile->runs; tap++) {
            sum += (uint32_t)(*weights * in[tap * tile->run_step]);
            weights += tile->weights_filter;
        }
        weights += tile->weights_skip;
    }
    *acc = (int32_t)sum;
}

void msf_depthwise_tile_s8(const msf_tile_t *tile, const msf_channels_t *channels, int32_t count,
                           int32_t pixels, uint32_t least_shift, int8_t *out)
{
    const msf_output_t output = { tile->zero, tile->min, tile->max };
    int32_t done = 0;

#if MSF_TILE_ASM
    if (least_shift > 32 && count >= MSF_BLOCK && tile->row_count > 0) {
        msf_tile_function_t *function = pixels == 4   ? msf_depthwise4_rv32
                                        : pixels == 2 ? msf_depthwise2_rv32
                                                      : msf_depthwise1_rv32;

        function(tile, channels, out, count / MSF_BLOCK);
        done = count / MSF_BLOCK * MSF_BLOCK;
    }
#else
    (void)least_shift;
#endif
    for (int32_t pixel = 0; done < count && pixel < pixels; pixel++) {
        const int32_t in_first = tile->in_first + pixel * tile->in_step;
        int32_t block;

        for (int32_t channel = done; channel < count; channel += block) {
            int32_t acc[MSF_BLOCK];

            block = count - channel < MSF_BLOCK ? 1 : MSF_BLOCK;
            for (int32_t c = 0; c < block; c++) {
                acc[c] = channels->bias[channel + c];
            }
            if (block == MSF_BLOCK) {
                accumulate_block(tile, in_first + channel, channels->weights + channel, acc);
            }
            else {
                accumulate_one(tile, in_first + channel, channels->weights + channel, acc);
            }
            msf_requantize_channels(acc, channels->multiplier + channel, channels->shift + channel,
                                    block, &output, out + channel);
        }
        out += tile->out_step;
    }
}

/** sums[c] += the weights of `taps` taps, `step` bytes apart */
static void add_weights(const int8_t *weights, int32_t taps, int32_t step, int32_t block,
                        int32_t *sums)
{
    for (int32_t c = 0; c < block; c++) {
        int32_t sum = 0;

        for (int32_t tap = 0; tap < taps; tap++) {
            sum += weights[tap * step];
        }
        sums[c] += sum;
        weights++;
    }
}

/** All channels where the window reaches into padding; `before` taps come before the first one
 *  inside the input. Changes tile->in_first. Not inlined, for the sake of the stack. */
static __attribute__((noinline)) void padded_tile(const msf_depthwise_s8_t *op, msf_tile_t *tile,
                                                  int32_t before, int32_t pixels, int8_t *out)
{
    const int32_t channels = op->channels;

    for (int32_t channel = 0; channel < channels; channel += MSF_BLOCK) {
        const int32_t left = channels - channel;
        const int32_t block = left < MSF_BLOCK ? left : MSF_BLOCK;
        const int8_t *weights = op->weights + channel;
        int32_t outside[MSF_BLOCK] = { 0 };
        int32_t skipped = before;
        int32_t done = 0;

        /* the gaps before, between and behind the taps inside */
        for (int32_t y = 0; y < tile->row_count; y++) {
            add_weights(weights + done * channels, skipped, channels, block, outside);
            done += skipped + tile->runs;
            skipped = op->kernel_w - tile->runs;
        }
        add_weights(weights + done * channels, op->kernel_h * op->kernel_w - done, channels, block,
                    outside);
        for (int32_t c = 0; c < block; c++) {
            outside[c] =
                (int32_t)((uint32_t)op->bias[channel + c] + (uint32_t)(op->in_zero * outside[c]));
        }
        const msf_channels_t constants = { weights + before * channels, outside,
                                           op->multiplier + channel, op->shift + channel };
        msf_depthwise_tile_s8(tile, &constants, block, pixels, op->least_shift, out + channel);
        tile->in_first += block;
    }
}

void msf_depthwise_s8(const msf_depthwise_s8_t *op, const int8_t *const *rows, int32_t in_width,
                      int32_t x, int8_t *out, int32_t pixels)
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
        tile.row_count = tile.runs > 0 ? end_row - first_row : 0;
        tile.in_first = (x + taps.first * op->dilation_w) * channels;
        tile.weights_skip = (kernel_w - tile.runs) * channels;
        if (tile.runs == kernel_w && tile.row_count == op->kernel_h) {
            msf_depthwise_tile_s8(&tile, &constants, channels, count, op->least_shift, out);
        }
        else {
            padded_tile(op, &tile, first_row * kernel_w + taps.first, count, out);
        }
        x += count * op->stride_w;
        out += count * channels;
        pixels -= count;
    }
}

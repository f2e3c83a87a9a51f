/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Convolution with one filter a channel
 * @}
 */

#include "msf/kernels.h"

#include "requantize.h"
#include "window.h"

#define BLOCK (4) /**< channels whose accumulators live in registers together */

/** One output pixel's taps; offsets and steps in bytes, of channel 0. */
typedef struct {
    const int8_t *const *rows;
    const int8_t *weights; /**< of the first tap inside the input, in the first row */
    int32_t kernel_h;
    int32_t taps; /**< inside the input */
    int32_t in_first;
    int32_t in_step;
    int32_t weights_step;
    int32_t weights_row;
    int32_t in_zero;
} window_t;

/** acc[c] += sum over the window, for the BLOCK channels from `channel` on */
static void accumulate_block(const window_t *window, int32_t channel, int32_t *acc)
{
    const int32_t taps = window->taps;
    const int32_t in_zero = window->in_zero;
    const int32_t in_step = window->in_step;
    const int32_t weights_step = window->weights_step;
    int32_t acc0 = acc[0];
    int32_t acc1 = acc[1];
    int32_t acc2 = acc[2];
    int32_t acc3 = acc[3];

    for (int32_t y = 0; y < window->kernel_h; y++) {
        if (window->rows[y] == NULL) {
            continue;
        }
        const int8_t *in = window->rows[y] + window->in_first + channel;
        const int8_t *weights = window->weights + y * window->weights_row + channel;

        for (int32_t tap = 0; tap < taps; tap++) {
            const int8_t *value = in + tap * in_step;
            const int8_t *weight = weights + tap * weights_step;
            acc0 += weight[0] * (value[0] - in_zero);
            acc1 += weight[1] * (value[1] - in_zero);
            acc2 += weight[2] * (value[2] - in_zero);
            acc3 += weight[3] * (value[3] - in_zero);
        }
    }
    acc[0] = acc0;
    acc[1] = acc1;
    acc[2] = acc2;
    acc[3] = acc3;
}

/** The same for one channel. */
static void accumulate_one(const window_t *window, int32_t channel, int32_t *acc)
{
    for (int32_t y = 0; y < window->kernel_h; y++) {
        if (window->rows[y] == NULL) {
            continue;
        }
        const int8_t *in = window->rows[y] + window->in_first + channel;
        const int8_t *weights = window->weights + y * window->weights_row + channel;

        for (int32_t tap = 0; tap < window->taps; tap++) {
            *acc +=
                weights[tap * window->weights_step] * (in[tap * window->in_step] - window->in_zero);
        }
    }
}

void msf_depthwise_s8(const msf_depthwise_s8_t *op, const int8_t *const *rows, int32_t in_width,
                      int32_t x, int8_t *out, int32_t pixels)
{
    const int32_t channels = op->channels;
    const msf_output_t output = { op->out_zero, op->out_min, op->out_max };
    window_t window = {
        .rows = rows,
        .kernel_h = op->kernel_h,
        .in_step = op->dilation_w * channels,
        .weights_step = channels,
        .weights_row = op->kernel_w * channels,
        .in_zero = op->in_zero,
    };

    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const msf_taps_t inside = msf_clip_taps(x, op->kernel_w, op->dilation_w, in_width);

        window.taps = inside.end - inside.first;
        window.in_first = (x + inside.first * op->dilation_w) * channels;
        window.weights = op->weights + inside.first * channels;
        for (int32_t channel = 0; channel < channels;) {
            const int32_t left = channels - channel;
            const int32_t block = left < BLOCK ? 1 : BLOCK;
            int32_t acc[BLOCK];

            for (int32_t c = 0; c < block; c++) {
                acc[c] = op->bias[channel + c];
            }
            if (window.taps > 0) {
                if (block == BLOCK) {
                    accumulate_block(&window, channel, acc);
                }
                else {
                    accumulate_one(&window, channel, acc);
                }
            }
            msf_requantize_channels(acc, op->multiplier + channel, op->shift + channel, block,
                                    &output, out);
            channel += block;
            out += block;
        }
        x += op->stride_w;
    }
}

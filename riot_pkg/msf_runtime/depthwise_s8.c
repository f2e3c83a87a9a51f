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

/** acc[c] += sum over the taps of one row, for `block` <= BLOCK channels; `in` and `weights` point to
 *  the first tap. */
static inline void accumulate(const int8_t *in, int32_t in_step, const int8_t *weights,
                              int32_t weights_step, int32_t in_zero, int32_t taps, int32_t block,
                              int32_t *acc)
{
    if (block == BLOCK) {
        int32_t acc0 = acc[0];
        int32_t acc1 = acc[1];
        int32_t acc2 = acc[2];
        int32_t acc3 = acc[3];

        for (int32_t tap = 0; tap < taps; tap++) {
            const int8_t *value = in + tap * in_step;
            const int8_t *weight = weights + tap * weights_step;
            acc0 += weight[0] * (value[0] - in_zero);
            acc1 += weight[1] * (value[1] - in_zero);
            acc2 += weight[2] * (value[2] - in_zero);
            acc3 += weight[3] * (value[3] - in_zero);
        }
        acc[0] = acc0;
        acc[1] = acc1;
        acc[2] = acc2;
        acc[3] = acc3;
        return;
    }
    for (int32_t tap = 0; tap < taps; tap++) {
        for (int32_t c = 0; c < block; c++) {
            acc[c] += weights[tap * weights_step + c] * (in[tap * in_step + c] - in_zero);
        }
    }
}

void msf_depthwise_s8(const msf_depthwise_s8_t *op, const int8_t *const *rows, int32_t in_width,
                      int32_t x, int8_t *out, int32_t pixels)
{
    const int32_t channels = op->channels;
    const int32_t kernel_h = op->kernel_h;
    const int32_t kernel_w = op->kernel_w;
    const int32_t dilation = op->dilation_w;
    const int32_t in_zero = op->in_zero;
    const int32_t out_zero = op->out_zero;
    const int32_t out_min = op->out_min;
    const int32_t out_max = op->out_max;

    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const msf_taps_t inside = msf_clip_taps(x, kernel_w, dilation, in_width);
        const int32_t taps = inside.end - inside.first;
        const int32_t in_first = (x + inside.first * dilation) * channels;
        int32_t channel = 0;

        while (channel < channels) {
            const int32_t left = channels - channel;
            const int32_t block = left < BLOCK ? left : BLOCK;
            int32_t acc[BLOCK];

            for (int32_t c = 0; c < block; c++) {
                acc[c] = op->bias[channel + c];
            }
            for (int32_t y = 0; y < kernel_h && taps > 0; y++) {
                if (rows[y] == NULL) {
                    continue;
                }
                accumulate(rows[y] + in_first + channel, dilation * channels,
                           op->weights + (y * kernel_w + inside.first) * channels + channel,
                           channels, in_zero, taps, block, acc);
            }
            for (int32_t c = 0; c < block; c++, channel++) {
                *out++ = msf_requantize(acc[c], op->multiplier[channel], op->shift[channel],
                                        out_zero, out_min, out_max);
            }
        }
        x += op->stride_w;
    }
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Average over a window
 * @}
 */

#include "msf/kernels.h"

#include "requantize.h"
#include "window.h"

#define BLOCK (4) /**< channels summed together */

/** acc[c] += sum over the taps of one row, `in_step` bytes apart; `in` points to the first. */
static inline void accumulate(const int8_t *in, int32_t in_step, int32_t taps, int32_t block,
                              int32_t *acc)
{
    for (int32_t tap = 0; tap < taps; tap++) {
        const int8_t *value = in + tap * in_step;

        for (int32_t c = 0; c < block; c++) {
            acc[c] += value[c];
        }
    }
}

void msf_average_pool_s8(const msf_average_pool_s8_t *op, const int8_t *const *rows,
                         int32_t in_width, int32_t x, int32_t taps, int8_t *out, int32_t pixels)
{
    const int32_t channels = op->channels;
    const int32_t kernel_h = op->kernel_h;
    int32_t inside_rows = 0;

    for (int32_t y = 0; y < kernel_h; y++) {
        inside_rows += rows[y] != NULL;
    }
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const msf_taps_t inside = msf_clip_taps(x, op->kernel_w, 1, in_width);
        const int32_t row_taps = inside.end - inside.first;
        const int32_t inside_taps = inside_rows * row_taps;
        const int32_t in_first = (x + inside.first) * channels;
        const int32_t count = taps == 0 ? inside_taps : taps;
        const int32_t multiplier = op->multiplier[count];
        const uint32_t shift = op->shift[count];
        int32_t channel = 0;

        while (channel < channels) {
            const int32_t left = channels - channel;
            const int32_t block = left < BLOCK ? left : BLOCK;
            int32_t acc[BLOCK];

            for (int32_t c = 0; c < block; c++) {
                acc[c] = -inside_taps * op->in_zero;
            }
            for (int32_t y = 0; y < kernel_h && row_taps > 0; y++) {
                if (rows[y] != NULL) {
                    accumulate(rows[y] + in_first + channel, channels, row_taps, block, acc);
                }
            }
            for (int32_t c = 0; c < block; c++, channel++) {
                *out++ = msf_requantize_either(acc[c], multiplier, shift, op->out_zero, op->out_min,
                                               op->out_max);
            }
        }
        x += op->stride_w;
    }
}

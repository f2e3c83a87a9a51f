/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Transposed convolution: each input pixel adds to a window of the output
 * @}
 */

#include "msf/kernels.h"

#include "requantize.h"

/** The column of the first tap that lies on an input pixel, and how many taps apart these are. */
typedef struct {
    int32_t first;
    int32_t step;
} taps_t;

static taps_t taps_at(const msf_transposed_conv2d_s8_t *op, int32_t x)
{
    taps_t taps = { op->kernel_w, 1 };

    for (int32_t k = 0; k < op->kernel_w; k++) {
        if ((x + k * op->dilation_w) % op->upsampling_w == 0) {
            taps.first = k;
            break;
        }
    }
    while (taps.step * op->dilation_w % op->upsampling_w != 0) {
        taps.step++;
    }
    return taps;
}

void msf_transposed_conv2d_s8(const msf_transposed_conv2d_s8_t *op, const int8_t *const *rows,
                              int32_t in_width, int32_t x, int8_t *out, int32_t pixels)
{
    const int32_t depth = op->in_channels / op->groups;
    const int32_t filters = op->out_channels / op->groups;

    for (int32_t pixel = 0; pixel < pixels; pixel++, x++) {
        const taps_t taps = taps_at(op, x);
        const int8_t *weights = op->weights;

        for (int32_t o = 0; o < op->out_channels; o++) {
            const int32_t group = o / filters;
            int32_t acc = op->bias[o];

            for (int32_t row = 0; row < op->kernel_h; row++, weights += op->kernel_w * depth) {
                if (rows[row] == NULL) {
                    continue;
                }
                for (int32_t k = taps.first; k < op->kernel_w; k += taps.step) {
                    const int32_t place = x + k * op->dilation_w;
                    const int32_t column = place / op->upsampling_w;

                    if (place < 0 || column >= in_width) {
                        continue;
                    }
                    const int8_t *in = rows[row] + column * op->in_channels + group * depth;
                    for (int32_t c = 0; c < depth; c++) {
                        acc += weights[k * depth + c] * (in[c] - op->in_zero);
                    }
                }
            }
            *out++ = msf_requantize_either(acc, op->multiplier[o], op->shift[o], op->out_zero,
                                           op->out_min, op->out_max);
        }
    }
}

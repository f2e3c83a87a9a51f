/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Convolution over all channels of a group
 * @}
 */

#include "msf/kernels.h"

#include "dot.h"
#include "requantize.h"
#include "window.h"

/** How the taps of one output pixel lie in a row of input and of weights: `runs` runs of `elements`
 *  bytes. */
typedef struct {
    int32_t runs;
    int32_t elements;
    int32_t in_first; /**< byte of the first tap, from column 0 */
    int32_t in_step;  /**< bytes from run to run */
    int32_t weights_first;
} span_t;

static span_t span(const msf_conv2d_s8_t *op, int32_t depth, int32_t in_width, int32_t x)
{
    const msf_taps_t taps = msf_clip_taps(x, op->kernel_w, op->dilation_w, in_width);
    const int32_t count = taps.end - taps.first;
    span_t result = {
        .runs = count,
        .elements = depth,
        .in_first = (x + taps.first * op->dilation_w) * op->in_channels,
        .in_step = op->dilation_w * op->in_channels,
        .weights_first = taps.first * depth,
    };

    /* neighbouring taps side by side, in the input as in the weights, are one run */
    if (result.in_step == depth && count > 0) {
        result.runs = 1;
        result.elements = count * depth;
    }
    return result;
}

void msf_conv2d_s8(const msf_conv2d_s8_t *op, const int8_t *const *rows, int32_t in_width,
                   int32_t x, int8_t *out, int32_t pixels)
{
    const int32_t kernel_h = op->kernel_h;
    const int32_t depth = op->in_channels / op->groups;
    const int32_t group_outputs = op->out_channels / op->groups;
    const int32_t weights_row = op->kernel_w * depth;
    const size_t filter = (size_t)kernel_h * (size_t)weights_row;
    const int32_t in_zero = op->in_zero;
    const msf_output_t output = { op->out_zero, op->out_min, op->out_max };

    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const span_t taps = span(op, depth, in_width, x);
        int32_t channel = 0;
        int32_t in_first = taps.in_first;

        for (int32_t group = 0; group < op->groups; group++) {
            const int32_t group_end = channel + group_outputs;

            while (channel < group_end) {
                const int8_t *weights = op->weights + (size_t)channel * filter;
                const int32_t left = group_end - channel;
                const int32_t outputs = left < MSF_DOT_OUTPUTS ? left : MSF_DOT_OUTPUTS;
                int32_t acc[MSF_DOT_OUTPUTS];

                for (int32_t o = 0; o < outputs; o++) {
                    acc[o] = op->bias[channel + o];
                }
                for (int32_t y = 0; y < kernel_h; y++) {
                    if (rows[y] == NULL) {
                        continue;
                    }
                    for (int32_t run = 0; run < taps.runs; run++) {
                        msf_dot_s8(rows[y] + in_first + run * taps.in_step, in_zero, taps.elements,
                                   weights + y * weights_row + taps.weights_first + run * depth,
                                   filter, outputs, acc);
                    }
                }
                msf_requantize_channels(acc, op->multiplier + channel, op->shift + channel, outputs,
                                        &output, out);
                channel += outputs;
                out += outputs;
            }
            in_first += depth;
        }
        x += op->stride_w;
    }
}

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

#include "dot.h"
#include "requantize.h"

void msf_pointwise_s8(const msf_conv2d_s8_t *op, const int8_t *in, int8_t *out, int32_t pixels)
{
    const int32_t in_channels = op->in_channels;
    const int32_t out_channels = op->out_channels;
    const int32_t in_zero = op->in_zero;
    const msf_output_t output = { op->out_zero, op->out_min, op->out_max };

    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const int8_t *weights = op->weights;
        int32_t channel = 0;

        while (channel < out_channels) {
            const int32_t left = out_channels - channel;
            const int32_t outputs = left < MSF_DOT_OUTPUTS ? left : MSF_DOT_OUTPUTS;
            int32_t acc[MSF_DOT_OUTPUTS];

            for (int32_t o = 0; o < outputs; o++) {
                acc[o] = op->bias[channel + o];
            }
            msf_dot_s8(in, in_zero, in_channels, weights, (size_t)in_channels, outputs, acc);
            msf_requantize_channels(acc, op->multiplier + channel, op->shift + channel, outputs,
                                    &output, out);
            channel += outputs;
            out += outputs;
            weights += outputs * in_channels;
        }
        in += in_channels;
    }
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Matrix times vector, at once or in pieces
 * @}
 */

#include "msf/kernels.h"

#include "dot.h"
#include "requantize.h"

void msf_dense_s8(const msf_dense_s8_t *op, const int8_t *in, int8_t *out)
{
    const int32_t out_channels = op->out_channels;
    const msf_output_t output = { op->out_zero, op->out_min, op->out_max };
    int32_t channel = 0;

    while (channel < out_channels) {
        const int32_t left = out_channels - channel;
        const int32_t outputs = left < MSF_DOT_OUTPUTS ? left : MSF_DOT_OUTPUTS;
        int32_t acc[MSF_DOT_OUTPUTS];

        for (int32_t o = 0; o < outputs; o++) {
            acc[o] = op->bias[channel + o];
        }
        msf_dot_s8(in, op->in_zero, (int32_t)op->in_elements,
                   op->weights + (size_t)channel * op->in_elements, op->in_elements, outputs, acc);
        msf_requantize_channels(acc, op->multiplier + channel, op->shift + channel, outputs,
                                &output, out);
        channel += outputs;
        out += outputs;
    }
}

void msf_dense_start_s8(const msf_dense_s8_t *op, int32_t *acc)
{
    for (int32_t channel = 0; channel < op->out_channels; channel++) {
        acc[channel] = op->bias[channel];
    }
}

void msf_dense_accumulate_s8(const msf_dense_s8_t *op, const int8_t *in, uint32_t first,
                             uint32_t elements, int32_t *acc)
{
    const int32_t out_channels = op->out_channels;

    for (int32_t channel = 0; channel < out_channels; channel += MSF_DOT_OUTPUTS) {
        const int32_t left = out_channels - channel;
        const int32_t outputs = left < MSF_DOT_OUTPUTS ? left : MSF_DOT_OUTPUTS;

        msf_dot_s8(in, op->in_zero, (int32_t)elements,
                   op->weights + (size_t)channel * op->in_elements + first, op->in_elements,
                   outputs, acc + channel);
    }
}

void msf_dense_finish_s8(const msf_dense_s8_t *op, const int32_t *acc, int8_t *out)
{
    const msf_output_t output = { op->out_zero, op->out_min, op->out_max };

    msf_requantize_channels(acc, op->multiplier, op->shift, op->out_channels, &output, out);
}

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

#include "tile.h"

void msf_dense_s8(const msf_dense_s8_t *op, const int8_t *in, int8_t *out)
{
    const msf_channels_t channels = { op->weights, op->bias, op->multiplier, op->shift };
    const msf_tile_t tile = {
        .rows = &in,
        .row_count = 1,
        .runs = 1,
        .elements = (int32_t)op->in_elements,
        .weights_filter = (int32_t)op->in_elements,
        .zero = op->out_zero,
        .min = op->out_min,
        .max = op->out_max,
    };
    msf_tile_s8(&tile, &channels, op->out_channels, 1, op->least_shift, out);
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

    for (int32_t channel = 0; channel < out_channels; channel += MSF_BLOCK) {
        const int32_t left = out_channels - channel;
        const int32_t outputs = left < MSF_BLOCK ? left : MSF_BLOCK;
        const int8_t *weights =
            op->weights + (size_t)channel * op->in_elements + (size_t)first * (size_t)outputs;

        msf_dot_s8(in, (int32_t)elements, weights, outputs, acc + channel);
    }
}

void msf_dense_finish_s8(const msf_dense_s8_t *op, const int32_t *acc, int8_t *out)
{
    const msf_output_t output = { op->out_zero, op->out_min, op->out_max };

    msf_requantize_channels(acc, op->multiplier, op->shift, op->out_channels, &output, out);
}

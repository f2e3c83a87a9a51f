/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Softmax over the channels of each pixel
 * @}
 */

#include "msf/kernels.h"

#include "requantize.h"

void msf_softmax_s8(const msf_softmax_s8_t *op, const int8_t *in, int8_t *out, int32_t pixels)
{
    const int32_t channels = op->channels;

    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        int32_t largest = INT8_MIN;
        uint32_t total = 0;

        for (int32_t c = 0; c < channels; c++) {
            if (in[c] > largest) {
                largest = in[c];
            }
        }
        for (int32_t c = 0; c < channels; c++) {
            total += op->table[largest - in[c]];
        }
        for (int32_t c = 0; c < channels; c++) {
            const uint64_t scaled = (uint64_t)op->table[largest - in[c]] * op->reciprocal;
            const uint64_t value = (scaled + ((uint64_t)total << 11)) / ((uint64_t)total << 12);

            out[c] = msf_clamp_s8(op->out_zero + (int32_t)value, op->out_min, op->out_max);
        }
        in += channels;
        out += channels;
    }
}

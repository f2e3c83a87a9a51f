/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Softmax over the channels of each pixel in 32-bit fixed-point numbers, as TensorFlow Lite has it
 * @}
 */

#include "msf/kernels.h"

#include "fixed_point.h"
#include "requantize.h"

void msf_fixed_point_softmax_s8(const msf_fixed_point_softmax_s8_t *op, const int8_t *in,
                                int8_t *out, int32_t pixels)
{
    const int32_t channels = op->channels;

    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        int32_t largest = INT8_MIN;
        uint32_t total = 0; /* 19 fractional bits */
        uint32_t bits = 31;

        for (int32_t c = 0; c < channels; c++) {
            if (in[c] > largest) {
                largest = in[c];
            }
        }
        for (int32_t c = 0; c < channels; c++) {
            total += ((uint32_t)op->table[largest - in[c]] + (1u << 11)) >> 12;
        }
        while (total >> bits == 0) {
            bits--;
        }
        const int32_t scale = msf_one_over_one_plus((int32_t)((total << (31 - bits)) - (1u << 31)));
        const uint32_t shift = bits - 19 + 23;

        for (int32_t c = 0; c < channels; c++) {
            const int32_t product = msf_doubling_high_product(scale, op->table[largest - in[c]]);
            const int32_t value = (int32_t)(((uint32_t)product + (1u << (shift - 1))) >> shift);

            out[c] = msf_clamp_s8(value - 128, op->out_min, op->out_max);
        }
        in += channels;
        out += channels;
    }
}

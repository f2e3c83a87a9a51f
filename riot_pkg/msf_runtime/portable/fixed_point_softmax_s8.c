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

#include "requantize.h"

/** a * b / 2^31, rounded half up */
static int32_t doubling_high_product(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/** 1 / (1 + x), x and the result in 31 fractional bits, by three steps of Newton's method */
static int32_t one_over_one_plus(int32_t x)
{
    const int32_t half = (int32_t)(((int64_t)x + ((int64_t)1 << 31)) >> 1);
    int32_t result = 1515870810 + doubling_high_product(half, -1010580540); /* 29 fractional bits */

    for (int32_t i = 0; i < 3; i++) {
        const int32_t rest = ((int32_t)1 << 29) - doubling_high_product(half, result);
        result += 4 * doubling_high_product(result, rest);
    }
    return result >= (int32_t)1 << 30 ? INT32_MAX : 2 * result;
}

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
        const int32_t scale = one_over_one_plus((int32_t)((total << (31 - bits)) - (1u << 31)));
        const uint32_t shift = bits - 19 + 23;

        for (int32_t c = 0; c < channels; c++) {
            const int32_t product = doubling_high_product(scale, op->table[largest - in[c]]);
            const int32_t value = (int32_t)(((uint32_t)product + (1u << (shift - 1))) >> shift);

            out[c] = msf_clamp_s8(value - 128, op->out_min, op->out_max);
        }
        in += channels;
        out += channels;
    }
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Product of two tensors, or of a tensor and one factor a channel
 * @}
 */

#include "msf/kernels.h"

#include "requantize.h"

void msf_mul_s8(const msf_mul_s8_t *op, const int8_t *a, const int8_t *b, int8_t *out,
                int32_t elements)
{
    /* copies, since a byte written to `out` could be one of *op for all the compiler knows */
    const msf_mul_s8_t mul = *op;

    if ((mul.shift & MSF_ROUNDS_MASK) == MSF_ROUNDS_TWICE) {
        const uint32_t shift = mul.shift & ~MSF_ROUNDS_MASK;

        for (int32_t i = 0; i < elements; i++) {
            const int32_t acc = (a[i] - mul.zero_a) * (b[i] - mul.zero_b);
            const int32_t scaled = msf_scale_twice_narrow(acc, mul.multiplier, shift);

            out[i] = msf_clamp_s8(mul.out_zero + scaled, mul.out_min, mul.out_max);
        }
        return;
    }
    if ((mul.shift & MSF_ROUNDS_MASK) != 0) {
        for (int32_t i = 0; i < elements; i++) {
            out[i] =
                msf_requantize_either((a[i] - mul.zero_a) * (b[i] - mul.zero_b), mul.multiplier,
                                      mul.shift, mul.out_zero, mul.out_min, mul.out_max);
        }
        return;
    }
    for (int32_t i = 0; i < elements; i++) {
        out[i] = msf_requantize((a[i] - mul.zero_a) * (b[i] - mul.zero_b), mul.multiplier,
                                mul.shift, mul.out_zero, mul.out_min, mul.out_max);
    }
}

void msf_mul_channels_s8(const msf_mul_s8_t *op, const int8_t *a, const int8_t *b, int8_t *out,
                         int32_t pixels, int32_t channels)
{
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        msf_mul_s8(op, a, b, out, channels);
        a += channels;
        out += channels;
    }
}

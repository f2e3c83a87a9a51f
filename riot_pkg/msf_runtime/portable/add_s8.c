/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Sum of two tensors
 * @}
 */

#include "msf/kernels.h"

#include "requantize.h"

void msf_add_s8(const msf_add_s8_t *op, const int8_t *a, const int8_t *b, int8_t *out,
                int32_t elements)
{
    /* copies, since a byte written to `out` could be one of *op for all the compiler knows */
    const msf_add_s8_t add = *op;
    const int32_t half = (int32_t)1 << (add.shift - 1);

#ifdef __ARM_FEATURE_DSP
    if (add.out_min == -128 && add.out_max == 127) {
        /* zero points folded: what wraps on the way, in unsigned numbers, is right again in the sum */
        const uint32_t multiplier_a = (uint32_t)add.multiplier_a;
        const uint32_t multiplier_b = (uint32_t)add.multiplier_b;
        const uint32_t start = (uint32_t)half - multiplier_a * (uint32_t)add.zero_a -
                               multiplier_b * (uint32_t)add.zero_b;
        const int32_t shift = add.shift;
        const int32_t zero = add.out_zero;

#pragma GCC unroll 4
        for (int32_t i = 0; i < elements; i++) {
            const uint32_t sum =
                start + multiplier_a * (uint32_t)a[i] + multiplier_b * (uint32_t)b[i];
            out[i] = msf_saturate_s8(zero + ((int32_t)sum >> shift));
        }
        return;
    }
#endif
    for (int32_t i = 0; i < elements; i++) {
        const int32_t sum =
            add.multiplier_a * (a[i] - add.zero_a) + add.multiplier_b * (b[i] - add.zero_b) + half;
        out[i] = msf_clamp_s8(add.out_zero + (sum >> add.shift), add.out_min, add.out_max);
    }
}

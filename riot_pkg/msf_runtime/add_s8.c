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

    for (int32_t i = 0; i < elements; i++) {
        const int32_t sum =
            add.multiplier_a * (a[i] - add.zero_a) + add.multiplier_b * (b[i] - add.zero_b) + half;
        out[i] = msf_clamp_s8(add.out_zero + (sum >> add.shift), add.out_min, add.out_max);
    }
}

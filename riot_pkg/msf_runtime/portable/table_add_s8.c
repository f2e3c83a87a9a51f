/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Sum of a function of one tensor and a function of another
 * @}
 */

#include "msf/kernels.h"

#include "requantize.h"

void msf_table_add_s8(const msf_table_add_s8_t *op, const int8_t *a, const int8_t *b, int8_t *out,
                      int32_t elements)
{
    /* copies, since a byte written to `out` could be one of *op for all the compiler knows */
    const msf_table_add_s8_t add = *op;
    const int32_t *first = add.first + 128;
    const int32_t *second = add.second + 128;

    if (add.multiplier == 0) {
        const int32_t shift = add.shift;
        const int32_t zero = add.out_zero;

#ifdef __ARM_FEATURE_DSP
        if (add.out_min == -128 && add.out_max == 127) {
            if (zero == 0) { /* part of the tables, most often */
#pragma GCC unroll 4
                for (int32_t i = 0; i < elements; i++) {
                    out[i] = msf_saturate_s8((first[a[i]] + second[b[i]]) >> shift);
                }
                return;
            }
#pragma GCC unroll 4
            for (int32_t i = 0; i < elements; i++) {
                out[i] = msf_saturate_s8(zero + ((first[a[i]] + second[b[i]]) >> shift));
            }
            return;
        }
#endif
        for (int32_t i = 0; i < elements; i++) {
            const int32_t sum = first[a[i]] + second[b[i]];
            out[i] = msf_clamp_s8(zero + (sum >> shift), add.out_min, add.out_max);
        }
        return;
    }
    for (int32_t i = 0; i < elements; i++) {
        const int32_t sum = first[a[i]] + second[b[i]];
        const int32_t scaled = msf_scale_twice_narrow(sum, add.multiplier, add.shift);

        out[i] = msf_clamp_s8(add.out_zero + scaled, add.out_min, add.out_max);
    }
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       One factor and one offset a channel
 * @}
 */

#include "msf/kernels.h"

#include "requantize.h"

void msf_channel_affine_s8(const msf_channel_affine_s8_t *op, const int8_t *in, int8_t *out,
                           int32_t pixels)
{
    /* copies, since a byte written to `out` could be one of *op for all the compiler knows */
    const msf_channel_affine_s8_t affine = *op;

    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        for (int32_t c = 0; c < affine.channels; c++) {
            const uint32_t shift = affine.shift[c];
            const int32_t sum = affine.multiplier[c] * (*in++ - affine.in_zero) + affine.offset[c] +
                                ((int32_t)1 << (shift - 1));
            *out++ = msf_clamp_s8(affine.out_zero + (sum >> shift), affine.out_min, affine.out_max);
        }
    }
}

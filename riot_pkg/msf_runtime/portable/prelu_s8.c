/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       PReLU with a slope for each channel
 * @}
 */

#include "msf/kernels.h"

#include "requantize.h"

void msf_prelu_s8(const msf_prelu_s8_t *op, const int8_t *in, int8_t *out, int32_t pixels)
{
    /* a copy, since a byte written to `out` could be one of *op for all the compiler knows */
    const msf_prelu_s8_t prelu = *op;

    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        for (int32_t c = 0; c < prelu.channels; c++) {
            const int32_t acc = *in++ - prelu.in_zero;
            const bool below = acc < 0;

            *out++ =
                msf_requantize_either(below ? acc * prelu.slopes[c] : acc,
                                      below ? prelu.negative_multiplier : prelu.positive_multiplier,
                                      below ? prelu.negative_shift : prelu.positive_shift,
                                      prelu.out_zero, prelu.out_min, prelu.out_max);
        }
    }
}

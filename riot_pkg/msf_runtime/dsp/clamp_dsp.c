/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Activation functions, four outputs at a time
 * @}
 */

#ifdef __ARM_FEATURE_DSP

#include <arm_acle.h>
#include <string.h>

#include "clamp_dsp.h"

void msf_clamp_elements_dsp(int8_t *values, int32_t elements, int32_t low, int32_t high)
{
    const int8x4_t lows = (int8x4_t)(0x01010101U * (uint8_t)low);
    const int8x4_t highs = (int8x4_t)(0x01010101U * (uint8_t)high);

    while (elements > 0) {
        const size_t bytes = elements < 4 ? (size_t)elements : 4;
        int8x4_t four = 0;

        memcpy(&four, values, elements < 4 ? bytes : 4);
        /* a subtraction notes for each byte whether it is not negative, and SEL chooses by that */
        (void)__ssub8(four, lows);
        four = (int8x4_t)__sel((uint8x4_t)four, (uint8x4_t)lows);
        (void)__ssub8(highs, four);
        four = (int8x4_t)__sel((uint8x4_t)four, (uint8x4_t)highs);
        memcpy(values, &four, elements < 4 ? bytes : 4);
        values += 4;
        elements -= 4;
    }
}

#endif                               /* __ARM_FEATURE_DSP */
typedef int msf_clamp_dsp_not_empty; /* a translation unit may not be empty */

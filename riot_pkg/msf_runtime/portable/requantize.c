/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       From accumulators to int8, channel by channel
 * @}
 */

#include "requantize.h"

#include <stdbool.h>

int32_t msf_scale_rarely(int32_t acc, int32_t multiplier, uint32_t shift)
{
    return msf_scale_wide(acc, multiplier, shift);
}

int32_t msf_scale_twice_rarely(int32_t acc, int32_t multiplier, uint32_t shift)
{
    return msf_scale_twice(acc, multiplier, shift);
}

int32_t msf_scale_marked(int32_t acc, int32_t multiplier, uint32_t shift)
{
    const uint32_t bits = shift & ~MSF_ROUNDS_MASK;

    if ((shift & MSF_ROUNDS_MASK) == MSF_ROUNDS_TWICE) {
        return msf_scale_twice_narrow(acc, multiplier, bits);
    }
    return msf_scale_nearest(acc, multiplier, bits, (shift & MSF_ROUNDS_MASK) == MSF_ROUNDS_ODD);
}

void msf_requantize_channels(const int32_t *acc, const int32_t *multiplier, const uint8_t *shift,
                             int32_t channels, const msf_output_t *output, int8_t *out)
{
    const int32_t zero = output->zero;
    const int32_t min = output->min;
    const int32_t max = output->max;

    for (int32_t c = 0; c < channels; c++) {
        out[c] = msf_requantize(acc[c], multiplier[c], shift[c], zero, min, max);
    }
}

void msf_requantize_channels_twice(const int32_t *acc, const int32_t *multiplier,
                                   const uint8_t *shift, int32_t channels,
                                   const msf_output_t *output, int8_t *out)
{
    const int32_t zero = output->zero;
    const int32_t min = output->min;
    const int32_t max = output->max;

    const bool rectifies = min >= zero; /* then whatever a sum below zero comes to is cut off */

    for (int32_t c = 0; c < channels; c++) {
        if (acc[c] < 0 && rectifies) {
            out[c] = (int8_t)min;
            continue;
        }
        out[c] =
            msf_clamp_s8(zero + msf_scale_twice_narrow(acc[c], multiplier[c], shift[c]), min, max);
    }
}

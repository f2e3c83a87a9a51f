/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       From accumulators to int8
 *
 * Right shifts of negative numbers are taken to be arithmetic. C99 (6.5.7) leaves that to the
 * implementation; GCC and Clang promise it.
 * @{
 */

#ifndef REQUANTIZE_H
#define REQUANTIZE_H

#include <stdint.h>

static inline int8_t msf_clamp_s8(int32_t value, int32_t min, int32_t max)
{
    if (value < min) {
        value = min;
    }
    if (value > max) {
        value = max;
    }
    return (int8_t)value;
}

/** acc * multiplier / 2^shift, rounded half up. A result beyond +-255 may come back as 255 or -255,
 *  since no zero point brings either back into the range of int8. */
static inline int32_t msf_scale(int32_t acc, int32_t multiplier, uint32_t shift)
{
    const int64_t product = (int64_t)acc * multiplier;

    if (shift > 32) {
        /* half is a multiple of 2^32: the low word neither receives nor gives a carry */
        const int32_t high = (int32_t)(product >> 32);
        return (high + ((int32_t)1 << (shift - 33))) >> (shift - 32);
    }
    const int64_t value = (product + ((int64_t)1 << (shift - 1))) >> shift;
    if (value > 255) {
        return 255;
    }
    if (value < -255) {
        return -255;
    }
    return (int32_t)value;
}

/** clamp(zero + ((acc * multiplier + (1 << (shift - 1))) >> shift)), shift in [1, 62] */
static inline int8_t msf_requantize(int32_t acc, int32_t multiplier, uint32_t shift, int32_t zero,
                                    int32_t min, int32_t max)
{
    return msf_clamp_s8(zero + msf_scale(acc, multiplier, shift), min, max);
}

/** Where the outputs of an operator lie. */
typedef struct {
    int32_t zero;
    int32_t min;
    int32_t max;
} msf_output_t;

/** out[c] = acc[c] requantized by multiplier[c] and shift[c], for `channels` channels */
void msf_requantize_channels(const int32_t *acc, const int32_t *multiplier, const uint8_t *shift,
                             int32_t channels, const msf_output_t *output, int8_t *out);

#endif /* REQUANTIZE_H */
/** @} */

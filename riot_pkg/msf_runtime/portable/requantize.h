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

#pragma once

#include <stdint.h>

#include "scale.h"

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __ARM_FEATURE_DSP
/** The nearest int8 */
static inline int8_t msf_saturate_s8(int32_t value)
{
    int32_t result;
    __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(value) : "cc");
    return (int8_t)result;
}
#endif

/** msf_scale_wide() and msf_scale_twice(), out of line. @{ */
int32_t msf_scale_rarely(int32_t acc, int32_t multiplier, uint32_t shift);
int32_t msf_scale_twice_rarely(int32_t acc, int32_t multiplier, uint32_t shift);
/** @} */

static inline int32_t msf_scale(int32_t acc, int32_t multiplier, uint32_t shift)
{
    if (!MSF_NARROW_MULTIPLY) {
        return msf_scale_wide(acc, multiplier, shift);
    }
    if ((uint32_t)acc + (1u << 19) >= 1u << 20 || shift - 25 > 54 - 25) {
        return msf_scale_rarely(acc, multiplier, shift);
    }
    /* floor(acc * multiplier / 2^24) from products with 12 bits of the multiplier each: a carry
     * comes up with the floor of what is below, and 20 bits times 12 bits fit. Half is a multiple
     * of 2^24. */
    const int32_t low = (acc * (multiplier & 0xfff)) >> 12;
    const int32_t middle = (acc * ((multiplier >> 12) & 0xfff) + low) >> 12;
    const int32_t high = acc * (multiplier >> 24) + middle;

    return (high + ((int32_t)1 << (shift - 25))) >> (shift - 24);
}

/** The same rounded twice; `shift` without MSF_ROUNDS_TWICE. */
static inline int32_t msf_scale_twice_narrow(int32_t acc, int32_t multiplier, uint32_t shift)
{
    if (!MSF_NARROW_MULTIPLY) {
        return msf_scale_twice(acc, multiplier, shift);
    }
    if ((uint32_t)acc + (1u << 19) >= 1u << 20 || shift - 32 > 54 - 32) {
        return msf_scale_twice_rarely(acc, multiplier, shift);
    }
    /* as in msf_scale(), with 2^30 of the first rounding in steps of 2^24 */
    const int32_t low = (acc * (multiplier & 0xfff)) >> 12;
    const int32_t middle = (acc * ((multiplier >> 12) & 0xfff) + low) >> 12;
    const int32_t high = acc * (multiplier >> 24) + middle + (acc < 0 ? -64 : 64);

    return (high + ((int32_t)1 << (shift - 25))) >> (shift - 24);
}

/** acc * multiplier / 2^shift, rounded as the upper bits of `shift` say; out of line. */
int32_t msf_scale_marked(int32_t acc, int32_t multiplier, uint32_t shift);

/** clamp(zero + acc * multiplier / 2^shift), rounded as the upper bits of `shift` say */
static inline int8_t msf_requantize_either(int32_t acc, int32_t multiplier, uint32_t shift,
                                           int32_t zero, int32_t min, int32_t max)
{
    const int32_t scaled = shift & MSF_ROUNDS_MASK ? msf_scale_marked(acc, multiplier, shift)
                                                   : msf_scale(acc, multiplier, shift);

    return msf_clamp_s8(zero + scaled, min, max);
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

/** out[c] = acc[c] requantized by multiplier[c] and shift[c], for `channels` channels; rounded once or
 *  twice. @{ */
void msf_requantize_channels(const int32_t *acc, const int32_t *multiplier, const uint8_t *shift,
                             int32_t channels, const msf_output_t *output, int8_t *out);
void msf_requantize_channels_twice(const int32_t *acc, const int32_t *multiplier,
                                   const uint8_t *shift, int32_t channels,
                                   const msf_output_t *output, int8_t *out);
/** @} */

#ifdef __cplusplus
}
#endif

/** @} */

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       An accumulator times a multiplier, shifted right, with a product of 64 bits
 *
 * Right shifts of negative numbers are taken to be arithmetic. C99 (6.5.7) leaves that to the
 * implementation; GCC and Clang promise it.
 * @{
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Cores whose multiplications give 32 bits and no more */
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__) || defined(__XTENSA__)
#define MSF_NARROW_MULTIPLY 1
#else
#define MSF_NARROW_MULTIPLY 0
#endif

/** acc * multiplier / 2^shift, rounded half up. A result beyond +-255 may come back as 255 or -255,
 *  since no zero point brings either back into the range of int8. */
static inline int32_t msf_scale_wide(int32_t acc, int32_t multiplier, uint32_t shift)
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

/** How a shift rounds, in its upper bits: twice; halves to the even or to the odd integer. @{ */
#define MSF_ROUNDS_TWICE 0x80u
#define MSF_ROUNDS_EVEN 0x40u
#define MSF_ROUNDS_ODD 0xc0u
#define MSF_ROUNDS_MASK 0xc0u
/** @} */

/** acc * multiplier / 2^shift, rounded half up to a multiple of 2^31 and then half away from zero, as
 *  TensorFlow Lite does where shift > 31; rounded half up where it is not. Results beyond +-255 as above. */
static inline int32_t msf_scale_twice(int32_t acc, int32_t multiplier, uint32_t shift)
{
    int64_t product = (int64_t)acc * multiplier;

    if (shift > 31) {
        product += acc < 0 ? -((int64_t)1 << 30) : (int64_t)1 << 30;
    }
    if (shift > 32) {
        const int32_t high = (int32_t)(product >> 32);
        return (high + ((int32_t)1 << (shift - 33))) >> (shift - 32);
    }
    const int64_t value = (product + ((int64_t)1 << (shift - 1))) >> shift;
    return value > 255 ? 255 : value < -255 ? -255 : (int32_t)value;
}

/** acc * multiplier / 2^shift to the nearest integer, an exact half to the even or the odd one. Results beyond +-255 as
 *  above. */
static inline int32_t msf_scale_nearest(int32_t acc, int32_t multiplier, uint32_t shift, bool odd)
{
    const int64_t sum = (int64_t)acc * multiplier + ((int64_t)1 << (shift - 1));
    int64_t value = sum >> shift;

    if ((sum & (((int64_t)1 << shift) - 1)) == 0 && ((value & 1) != 0) != odd) {
        value--;
    }
    return value > 255 ? 255 : value < -255 ? -255 : (int32_t)value;
}

#ifdef __cplusplus
}
#endif

/** @} */

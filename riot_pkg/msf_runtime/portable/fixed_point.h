/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#pragma once

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       32-bit fixed-point numbers as TensorFlow Lite computes with them
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** a * b / 2^31, rounded half up */
static inline int32_t msf_doubling_high_product(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/** 1 / (1 + x), x and the result in 31 fractional bits, by three steps of Newton's method */
static inline int32_t msf_one_over_one_plus(int32_t x)
{
    const int32_t half = (int32_t)(((int64_t)x + ((int64_t)1 << 31)) >> 1);
    int32_t result =
        1515870810 + msf_doubling_high_product(half, -1010580540); /* 29 fractional bits */

    for (int32_t i = 0; i < 3; i++) {
        const int32_t rest = ((int32_t)1 << 29) - msf_doubling_high_product(half, result);
        result += 4 * msf_doubling_high_product(result, rest);
    }
    return result >= (int32_t)1 << 30 ? INT32_MAX : 2 * result;
}

#ifdef __cplusplus
}
#endif

/** @} */

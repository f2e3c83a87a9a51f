/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       What the generated stages share
 * @{
 */

#pragma once

#include <stdint.h>

#include "msf/network.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One inference: what its stages work on. */
typedef struct {
    int8_t *arena;
    const int8_t *input; /**< the whole input, where the caller has it */
    int8_t *output;
    msf_read_t read; /**< else where pieces of its rows come from */
    void *context;
} msf_run_t;

static inline int32_t msf_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t msf_max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static inline int32_t msf_clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

#ifdef __cplusplus
}
#endif
/** @} */

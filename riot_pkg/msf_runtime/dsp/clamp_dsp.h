/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       Activation functions, after outputs that are saturated to int8 already
 * @{
 */

#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void msf_clamp_elements_dsp(int8_t *values, int32_t elements, int32_t low, int32_t high);

/** In place; nothing where the range is all of int8. */
static inline void msf_clamp_dsp(int8_t *values, int32_t elements, int32_t low, int32_t high)
{
    if (low > -128 || high < 127) {
        msf_clamp_elements_dsp(values, elements, low, high);
    }
}

#ifdef __cplusplus
}
#endif

/** @} */

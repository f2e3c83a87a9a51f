/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       The larger and the smaller of two tensors
 * @}
 */

#include "msf/kernels.h"

#include "requantize.h"

void msf_maximum_s8(const int8_t *a, const int8_t *b, int32_t min, int32_t max, int8_t *out,
                    int32_t elements)
{
    for (int32_t i = 0; i < elements; i++) {
        out[i] = msf_clamp_s8(a[i] > b[i] ? a[i] : b[i], min, max);
    }
}

void msf_minimum_s8(const int8_t *a, const int8_t *b, int32_t min, int32_t max, int8_t *out,
                    int32_t elements)
{
    for (int32_t i = 0; i < elements; i++) {
        out[i] = msf_clamp_s8(a[i] < b[i] ? a[i] : b[i], min, max);
    }
}

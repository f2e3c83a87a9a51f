/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       One of several inputs that lie side by side in a row
 * @}
 */

#include <string.h>

#include "msf/kernels.h"

void msf_copy_columns_s8(const int8_t *in, int32_t first, int32_t begin, int32_t width,
                         int32_t channels, int32_t x, int8_t *out, int32_t pixels)
{
    const int32_t from = x < begin ? begin : x;
    const int32_t end = x + pixels < begin + width ? x + pixels : begin + width;

    if (from < end) {
        memcpy(out + (from - x) * channels, in + (from - begin - first) * channels,
               (size_t)((end - from) * channels));
    }
}

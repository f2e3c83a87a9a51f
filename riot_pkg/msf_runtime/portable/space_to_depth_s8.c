/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       The channels of several pixels side by side in one
 * @}
 */

#include <string.h>

#include "msf/kernels.h"

void msf_space_to_depth_s8(const int8_t *const *rows, int32_t x, int32_t block, int32_t channels,
                           int8_t *out, int32_t pixels)
{
    const size_t bytes = (size_t)(block * channels);

    for (int32_t pixel = 0; pixel < pixels; pixel++, x += block) {
        for (int32_t row = 0; row < block; row++, out += bytes) {
            memcpy(out, rows[row] + x * channels, bytes);
        }
    }
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Copies some channels into wider pixels
 * @}
 */

#include <string.h>

#include "msf/kernels.h"

void msf_copy_channels_s8(const int8_t *in, int32_t channels, int8_t *out, int32_t out_stride,
                          int32_t pixels)
{
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        memcpy(out + pixel * out_stride, in + pixel * channels, (size_t)channels);
    }
}

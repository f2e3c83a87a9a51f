/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Some channels of each pixel, in any order
 * @}
 */

#include <string.h>

#include "msf/kernels.h"

void msf_slice_channels_s8(const int8_t *in, int32_t in_channels, int8_t *out, int32_t channels,
                           int32_t pixels)
{
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        memcpy(out + pixel * channels, in + pixel * in_channels, (size_t)channels);
    }
}

void msf_gather_channels_s8(const int16_t *from, const int8_t *in, int32_t in_channels,
                            int8_t value, int8_t *out, int32_t channels, int32_t pixels)
{
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        for (int32_t c = 0; c < channels; c++) {
            *out++ = from[c] < 0 ? value : in[from[c]];
        }
        in += in_channels;
    }
}

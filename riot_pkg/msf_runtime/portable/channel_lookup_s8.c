/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       A table for each channel
 * @}
 */

#include "msf/kernels.h"

void msf_channel_lookup_s8(const int8_t *tables, const int8_t *in, int8_t *out, int32_t channels,
                           int32_t pixels)
{
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const int8_t *table = tables + 128;

        for (int32_t c = 0; c < channels; c++, table += 256) {
            *out++ = table[*in++];
        }
    }
}

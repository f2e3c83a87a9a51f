/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#include <string.h>

#include "msf/kernels.h"

void msf_gather_pixels_s8(const int8_t *in, const uint16_t *columns, int32_t first,
                          int32_t channels, int8_t *out, int32_t pixels)
{
    for (int32_t i = 0; i < pixels; i++, out += channels) {
        memcpy(out, in + (columns[i] - first) * channels, (size_t)channels);
    }
}

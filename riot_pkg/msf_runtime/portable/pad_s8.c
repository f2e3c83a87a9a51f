/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#include <string.h>

#include "msf/kernels.h"

void msf_pad_s8(const int8_t *in, int32_t in_width, int32_t x, int32_t channels, int8_t value,
                int8_t *out, int32_t pixels)
{
    for (int32_t i = 0; i < pixels; i++, out += channels) {
        const int32_t column = x + i;

        if (in == NULL || column < 0 || column >= in_width) {
            memset(out, value, (size_t)channels);
        }
        else {
            memcpy(out, in + column * channels, (size_t)channels);
        }
    }
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       The number of the largest channel
 * @}
 */

#include "msf/kernels.h"

void msf_arg_max_s8(const int8_t *in, int32_t channels, bool last, int8_t *out, int32_t pixels)
{
    for (int32_t pixel = 0; pixel < pixels; pixel++, in += channels) {
        int32_t best = 0;

        for (int32_t c = 1; c < channels; c++) {
            if (in[c] > in[best] || (last && in[c] == in[best])) {
                best = c;
            }
        }
        out[pixel] = (int8_t)(best - 128);
    }
}

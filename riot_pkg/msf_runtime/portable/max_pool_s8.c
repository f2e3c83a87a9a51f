/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Maximum over a window
 * @}
 */

#include <string.h>

#include "msf/kernels.h"

#include "window.h"

void msf_max_pool_s8(const msf_max_pool_s8_t *op, const int8_t *const *rows, int32_t in_width,
                     int32_t x, int8_t *out, int32_t pixels)
{
    const int32_t channels = op->channels;
    const int32_t dilation = op->dilation_w;
    const int8_t out_max = op->out_max;

    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const msf_taps_t taps = msf_clip_taps(x, op->kernel_w, dilation, in_width);

        /* the lower clamp takes part in the maximum, and stands alone where all is padding */
        memset(out, op->out_min, (size_t)channels);
        for (int32_t y = 0; y < op->kernel_h; y++) {
            if (rows[y] == NULL) {
                continue;
            }
            for (int32_t tap = taps.first; tap < taps.end; tap++) {
                const int8_t *in = rows[y] + (x + tap * dilation) * channels;

                for (int32_t c = 0; c < channels; c++) {
                    if (in[c] > out[c]) {
                        out[c] = in[c];
                    }
                }
            }
        }
        for (int32_t c = 0; c < channels; c++) {
            if (out[c] > out_max) {
                out[c] = out_max;
            }
        }
        out += channels;
        x += op->stride_w;
    }
}

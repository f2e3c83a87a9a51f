/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Convolution with one filter a channel from the rows as they are, with the DSP extension
 * @}
 */

#ifdef __ARM_FEATURE_DSP

#include <stddef.h>

#include "msf/kernels_dsp.h"

#include "clamp_dsp.h"
#include "depthwise_window_dsp.h"

#define BIASES (16)    /**< bytes of a group's biases, */
#define CONSTANTS (36) /**< and of its biases, multipliers and shifts */

void msf_depthwise_rows_dsp(const msf_depthwise_rows_dsp_t *op, const int8_t *const *rows,
                            int32_t in_width, int32_t x, int8_t *out, int32_t pixels, void *scratch)
{
    const int32_t channels = op->channels;
    const int32_t columns = op->kernel_w;
    const int32_t elements = pixels * channels;
    int8_t *const first = out;
    msf_depthwise_window_dsp_t window = {
        .records = op->records,
        .groups = channels / 4,
        .record = CONSTANTS + 4 * op->kernel_h * columns,
        .row_weights = 4 * columns,
        .step = channels,
        .round = op->round,
        .zero = 0x00010001U * (uint16_t)-op->in_zero,
    };
    int32_t above = 0;
    int32_t inside = 0;

    (void)scratch;
    while (above < op->kernel_h && rows[above] == NULL) {
        above++;
    }
    while (above + inside < op->kernel_h && rows[above + inside] != NULL) {
        window.rows[inside] = rows[above + inside];
        inside++;
    }
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const int32_t left = x < 0 ? -x : 0;
        const int32_t right = in_width - x < columns ? in_width - x : columns;

        window.out = out;
        window.columns = right > left ? right - left : 0;
        window.weights = CONSTANTS - BIASES + 4 * ((above - 1) * columns + left);
        window.offset = (x + left) * channels;
        msf_depthwise_window_dsp(&window);
        out += channels;
        x += op->stride_w;
    }
    msf_clamp_dsp(first, elements, op->out_min, op->out_max);
}

#endif                                        /* __ARM_FEATURE_DSP */
typedef int msf_depthwise_rows_dsp_not_empty; /* a translation unit may not be empty */

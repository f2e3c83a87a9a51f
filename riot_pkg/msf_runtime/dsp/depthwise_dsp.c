/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Convolution with one filter a channel, with the DSP extension
 * @}
 */

#ifdef __ARM_FEATURE_DSP

#include <stddef.h>

#include "msf/kernels_dsp.h"

#include "clamp_dsp.h"
#include "depthwise_columns_dsp.h"

#ifdef __OPTIMIZE_SIZE__
/** depthwise_columns_dsp.S takes 0.9 to 1.9 KB for each shape, the other kernel 0.5 KB for all of them */
static void by_rows(const msf_depthwise_dsp_t *op, const int8_t *const *rows, int32_t in_width,
                    int32_t x, int8_t *out, int32_t pixels, void *scratch)
{
    const msf_depthwise_rows_dsp_t rows_op = {
        .records = op->records,
        .round = op->round,
        .channels = op->channels,
        .kernel_h = op->kernel,
        .kernel_w = op->kernel,
        .stride_w = op->stride_w,
        .in_zero = op->in_zero,
        .out_min = op->out_min,
        .out_max = op->out_max,
    };
    msf_depthwise_rows_dsp(&rows_op, rows, in_width, x, out, pixels, scratch);
}
#endif /* __OPTIMIZE_SIZE__ */

void msf_depthwise_dsp(const msf_depthwise_dsp_t *op, const int8_t *const *rows, int32_t in_width,
                       int32_t x, int8_t *out, int32_t pixels, void *scratch)
{
#ifdef __OPTIMIZE_SIZE__
    if (op->body == NULL) {
        by_rows(op, rows, in_width, x, out, pixels, scratch);
        return;
    }
#endif
    const int32_t channels = op->channels;
    const int32_t kernel = op->kernel;
    const int32_t carry = kernel - op->stride_w;
    msf_depthwise_columns_dsp_t columns = {
        .row_bytes = in_width * channels,
        .channels = channels,
        .zero = 0x00010001U * (uint16_t)-op->in_zero,
        .records = op->records,
        .out = out,
        .groups = channels / 4,
        .offset = x * channels,
        .last = out + pixels * channels,
        .chunk = op->pixels * channels,
        .first = (uint32_t *)scratch + carry * kernel * (MSF_COLUMN_BYTES / 4),
        .round = op->round,
        .uniform = op->uniform,
        .columns = scratch,
    };
    const int8_t *any = NULL;

    for (int32_t row = 0; row < kernel; row++) {
        if (rows[row] != NULL) {
            any = rows[row];
        }
        else if (any == NULL) {
            columns.above++;
        }
        else {
            columns.below++;
        }
    }
    for (int32_t row = 0; row < kernel; row++) {
        columns.rows[row] = rows[row] != NULL ? rows[row] : any;
    }
    if (pixels > 0) {
        op->body(&columns);
        msf_clamp_dsp(out, pixels * channels, op->out_min, op->out_max);
    }
}

#endif                                   /* __ARM_FEATURE_DSP */
typedef int msf_depthwise_dsp_not_empty; /* a translation unit may not be empty */

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Average over all pixels, in pieces
 * @}
 */

#include "msf/kernels.h"

#include "requantize.h"

void msf_global_average_accumulate_s8(const msf_global_average_s8_t *op, const int8_t *in,
                                      int32_t pixels, int32_t *acc)
{
    const int32_t channels = op->channels;
    const int32_t in_zero = op->in_zero;

    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        for (int32_t c = 0; c < channels; c++) {
            acc[c] += *in++ - in_zero;
        }
    }
}

void msf_global_average_finish_s8(const msf_global_average_s8_t *op, const int32_t *acc,
                                  int8_t *out)
{
    for (int32_t c = 0; c < op->channels; c++) {
        out[c] = msf_requantize_either(acc[c], op->multiplier, op->shift, op->out_zero, op->out_min,
                                       op->out_max);
    }
}

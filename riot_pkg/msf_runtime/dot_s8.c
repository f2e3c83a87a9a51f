/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       The inner products that convolutions and dense layers share
 *
 * A function of its own rather than inlined: within a kernel its loop would share the registers
 * with all that surrounds it, which costs a Cortex-M0 a fifth of the time.
 * @}
 */

#include "dot.h"

static void dot4(const int8_t *in, int32_t in_zero, const int8_t *end, const int8_t *weights,
                 size_t filter, int32_t *acc)
{
    const int8_t *weights1 = weights + filter;
    const int8_t *weights2 = weights1 + filter;
    const int8_t *weights3 = weights2 + filter;
    int32_t acc0 = acc[0];
    int32_t acc1 = acc[1];
    int32_t acc2 = acc[2];
    int32_t acc3 = acc[3];

    while (in < end) {
        const int32_t value = *in++ - in_zero;
        acc0 += *weights++ * value;
        acc1 += *weights1++ * value;
        acc2 += *weights2++ * value;
        acc3 += *weights3++ * value;
    }
    acc[0] = acc0;
    acc[1] = acc1;
    acc[2] = acc2;
    acc[3] = acc3;
}

void msf_dot_s8(const int8_t *in, int32_t in_zero, int32_t elements, const int8_t *weights,
                size_t filter, int32_t outputs, int32_t *acc)
{
    if (outputs == MSF_DOT_OUTPUTS) {
        dot4(in, in_zero, in + elements, weights, filter, acc);
        return;
    }
    for (int32_t o = 0; o < outputs; o++) {
        const int8_t *row = weights + (size_t)o * filter;
        int32_t sum = acc[o];

        for (int32_t i = 0; i < elements; i++) {
            sum += row[i] * (in[i] - in_zero);
        }
        acc[o] = sum;
    }
}

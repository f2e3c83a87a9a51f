/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       The inner product that convolutions and dense layers share
 *
 * A function of its own rather than inlined: within a kernel its loop would share the registers
 * with all that surrounds it, which costs a Cortex-M0 a fifth of the time. Sums are unsigned since
 * parts of them may pass beyond 32 bits, and come back.
 * @}
 */

#include "tile.h"

static void dot4(const int8_t *in, const int8_t *end, const int8_t *weights, int32_t *acc)
{
    uint32_t acc0 = (uint32_t)acc[0];
    uint32_t acc1 = (uint32_t)acc[1];
    uint32_t acc2 = (uint32_t)acc[2];
    uint32_t acc3 = (uint32_t)acc[3];

    while (in < end) {
        const int32_t value = *in++;
        acc0 += (uint32_t)(weights[0] * value);
        acc1 += (uint32_t)(weights[1] * value);
        acc2 += (uint32_t)(weights[2] * value);
        acc3 += (uint32_t)(weights[3] * value);
        weights += MSF_BLOCK;
    }
    acc[0] = (int32_t)acc0;
    acc[1] = (int32_t)acc1;
    acc[2] = (int32_t)acc2;
    acc[3] = (int32_t)acc3;
}

void msf_dot_s8(const int8_t *in, int32_t elements, const int8_t *weights, int32_t outputs,
                int32_t *acc)
{
    if (outputs == MSF_BLOCK) {
        dot4(in, in + elements, weights, acc);
        return;
    }
    for (int32_t o = 0; o < outputs; o++) {
        uint32_t sum = (uint32_t)acc[o];

        for (int32_t i = 0; i < elements; i++) {
            sum += (uint32_t)(weights[i * outputs + o] * in[i]);
        }
        acc[o] = (int32_t)sum;
    }
}

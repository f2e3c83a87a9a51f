/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       The inner product that convolutions and dense layers share
 * @{
 */

#ifndef DOT_H
#define DOT_H

#include <stddef.h>
#include <stdint.h>

#define MSF_DOT_OUTPUTS (4) /**< outputs that share each input element */

/**
 * acc[o] += sum over i of weights[o * filter + i] * (in[i] - in_zero)
 *
 * @param[in]     filter    weights between one output and the next
 * @param[in]     outputs   1 to MSF_DOT_OUTPUTS
 */
static inline void msf_dot_s8(const int8_t *in, int32_t in_zero, int32_t elements,
                              const int8_t *weights, size_t filter, int32_t outputs, int32_t *acc)
{
    if (outputs == MSF_DOT_OUTPUTS) {
        const int8_t *weights1 = weights + filter;
        const int8_t *weights2 = weights1 + filter;
        const int8_t *weights3 = weights2 + filter;
        int32_t acc0 = acc[0];
        int32_t acc1 = acc[1];
        int32_t acc2 = acc[2];
        int32_t acc3 = acc[3];

        for (int32_t i = 0; i < elements; i++) {
            const int32_t value = in[i] - in_zero;
            acc0 += weights[i] * value;
            acc1 += weights1[i] * value;
            acc2 += weights2[i] * value;
            acc3 += weights3[i] * value;
        }
        acc[0] = acc0;
        acc[1] = acc1;
        acc[2] = acc2;
        acc[3] = acc3;
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

#endif /* DOT_H */
/** @} */

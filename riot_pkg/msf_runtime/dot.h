/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       The inner products that convolutions and dense layers share
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
 * @param[in]     elements  of the input
 * @param[in]     filter    weights between one output and the next
 * @param[in]     outputs   1 to MSF_DOT_OUTPUTS
 */
void msf_dot_s8(const int8_t *in, int32_t in_zero, int32_t elements, const int8_t *weights,
                size_t filter, int32_t outputs, int32_t *acc);

#endif /* DOT_H */
/** @} */

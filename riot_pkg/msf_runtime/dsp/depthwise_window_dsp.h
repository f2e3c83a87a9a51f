/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       Inner kernel of depthwise convolutions from the rows as they are (depthwise_window_dsp.S)
 * @{
 */

#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The part of one pixel's window that lies in the input. The fields are known to depthwise_window_dsp.S. */
typedef struct {
    const uint32_t *records;
    int8_t *out;
    int32_t groups;      /**< of four channels */
    int32_t record;      /**< bytes of a group's constants */
    int32_t weights;     /**< from a group's multipliers to its first weight, less `row_weights` */
    int32_t row_weights; /**< bytes from a row's weights to the next row's */
    int32_t columns;     /**< in the input: 0 to 7 */
    int32_t step;        /**< bytes from column to column */
    int32_t offset;      /**< bytes from a row's start to the first column */
    int32_t round;       /**< 2 * zero point of the output + 1 */
    uint32_t zero;       /**< minus the input's zero point in each half */
    const int8_t *rows[8]; /**< those in the input, then NULL */
} msf_depthwise_window_dsp_t;

void msf_depthwise_window_dsp(const msf_depthwise_window_dsp_t *window);

#ifdef __cplusplus
}
#endif

/** @} */

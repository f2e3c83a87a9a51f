/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       Inner kernels of the depthwise convolutions 3x3, 5x5 and 7x7 (depthwise_columns_dsp.S)
 * @{
 */

#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MSF_COLUMN_BYTES (8) /**< of a packed column of four channels, for each row */

/** Output pixels of all channels in one row. The fields are known to depthwise_columns_dsp.S. */
typedef struct msf_depthwise_columns_dsp {
    int32_t row_bytes; /**< of a row of the input */
    int32_t channels;  /**< bytes from column to column, and from output pixel to output pixel */
    uint32_t zero;     /**< minus the input's zero point in each half */
    const int8_t *rows[7]; /**< the window's rows; for one of padding any other */
    const uint32_t *records;
    int8_t *out;
    int32_t groups; /**< of four channels */
    int32_t
        offset; /**< bytes from a row's start to the first window's first column, may be negative */
    const int8_t *last; /**< where the output ends */
    int32_t chunk;      /**< bytes of output that are made from the columns in scratch, at most */
    uint32_t *first;    /**< in scratch, behind the columns that one window shares with the next */
    int32_t round;      /**< 2 * zero point of the output + 1 */
    int32_t above;      /**< rows that are padding, before the others */
    int32_t below;      /**< and after them */
    int32_t uniform;    /**< whether all channels have the shift of the body */
    uint32_t *columns;  /**< scratch */
} msf_depthwise_columns_dsp_t;

#ifdef __cplusplus
}
#endif

/** @} */

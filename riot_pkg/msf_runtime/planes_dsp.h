/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       Inner kernels of the depthwise convolutions with the DSP extension (planes_dsp.S)
 *
 * The columns that some output pixels need are first laid out as planes: blocks of four columns of four channels, as
 * 16-bit values, a channel's four columns side by side. Then the outputs are made four neighbouring ones at a time.
 * @{
 */

#ifndef PLANES_DSP_H
#define PLANES_DSP_H

#include <stdint.h>

#define MSF_BLOCK_BYTES (32)

/** Where columns are found. The fields are known to planes_dsp.S. */
typedef struct msf_planes_dsp {
    int32_t channels; /**< bytes from column to column */
    uint32_t zero;    /**< the input's zero point in each byte */
    int32_t offset;   /**< of the first column of the first block, from a row's column 0, bytes */
    uint32_t
        first; /**< a bit for each column of the first block that lies in the input; 0: no such block */
    int32_t whole; /**< blocks wholly in the input, after it */
    uint32_t last; /**< as `first`, of a block after these */
} msf_planes_dsp_t;

/** What the outputs of four channels have in common. The fields are known to planes_dsp.S. */
typedef struct msf_depthwise_pass_dsp {
    int32_t channels; /**< bytes from output pixel to output pixel */
    int32_t rows;     /**< of taps in the input, at least 1 */
    int32_t below;    /**< of taps that are padding, after them */
    int32_t pixels;   /**< at least 1 */
    int32_t round;    /**< 2 * zero point of the output + 1 */
    uint32_t zero;    /**< the input's zero point in each half */
    int32_t above;    /**< rows of taps that are padding, before the others */
} msf_depthwise_pass_dsp_t;

/** 3x3 from the rows as they are. The fields are known to depthwise_pixels_dsp.S. */
typedef struct msf_depthwise_pixels_dsp {
    int32_t channels; /**< bytes from column to column, and from output pixel to output pixel */
    int32_t groups;   /**< of four channels */
    int32_t round;    /**< 2 * zero point of the output + 1 */
    uint32_t zero;    /**< the input's zero point in each half */
    int32_t above;    /**< rows of taps that are padding, */
    int32_t rows;     /**< in the input, at least 1 */
    int32_t below;    /**< and padding again */
    int32_t step;     /**< bytes from pixel to pixel in the input */
    const int8_t *taps
        [3]; /**< the first pixel's first column in the rows that are in the input, at the end */
    int32_t left;  /**< pixels whose first column is padding, */
    int32_t whole; /**< then those with all columns, */
    int32_t right; /**< then those whose last column is padding */
} msf_depthwise_pixels_dsp_t;

#endif /* PLANES_DSP_H */
/** @} */

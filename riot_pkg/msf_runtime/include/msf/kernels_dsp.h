/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       The kernels of kernels.h for cores with the DSP extension (Cortex-M4, M7, M33)
 *
 * They compute what their namesakes in kernels.h do, from constants that the generator (kernels/dsp/) lays out in the
 * order in which they are read. `rows`, `x`, `in_width` and `pixels` are as there. `scratch` is RAM, aligned to 4 bytes;
 * its size is what msf_riot/kernels/dsp/cost.py says. Activations may have any alignment.
 * @{
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct msf_tiles_dsp;
struct msf_depthwise_columns_dsp;

/**
 * Convolution and dense: two output channels after the other, in words
 *   bias of both; for each four taps the weights of the first channel, then of the second; multiplier of both;
 *   with `shifts` < 0, shift - 1 of the first channel | shift - 1 of the second << 16.
 * A last odd channel stands alone in the same order. Bias has the input's zero point folded in.
 *
 * What else they are depends on how large the generator has proved accumulators to be. With `tiles`
 *   msf_tiles_dsp: accumulators are 256 times the sum. Of four weights w0..w3 the word holds 256 * w0 + w1 in its low
 *      and 256 * w2 + w3 in its high half; bias, 256 times as large, takes back what the packed activations add
 *      (127 * sum of w1 and w3);
 *   msf_tiles_wide_dsp: accumulators are the sum. Two words hold the weights of both channels, a and b: a0, b0, a2, b2
 *      and a1, b1, a3, b3; of a channel that stands alone one word holds w0, w1, w2, w3. `shifts` is -1.
 *
 *   msf_tiles_twice_dsp: as msf_tiles_dsp, rounded twice; `shifts` is MSF_SHIFTS_TWICE and all shifts are 8 or more.
 *
 * out = clamp(((acc * multiplier >> 32) + (round << (shift - 1))) >> shift), round = 2 * zero point of the output + 1.
 * Rounded twice, 64 is added before the last shift where acc >= 0, and taken away where it is negative.
 *
 * A convolution's taps go row by row, of each row only the first multiple of four; then what is left of the rows; then
 * zeros up to a multiple of four.
 */
typedef struct {
    const uint32_t *weights;
    const struct msf_tiles_dsp *tiles;
    void (*requantize)(
        void);      /**< the piece of code that ends a tile of outputs; not to be called */
    int32_t round;  /**< 2 * zero point of the output + 1 */
    int32_t shifts; /**< shift - 1 | (shift - 1) << 16 of all channels, -1, or MSF_SHIFTS_TWICE */
    uint16_t taps;  /**< a multiple of four */
    uint16_t out_channels;
    uint16_t in_channels; /**< of a dense layer: the elements of its input */
    uint8_t kernel_h;
    uint8_t kernel_w;
    uint8_t stride_w;
    uint8_t tile; /**< pixels packed and computed together, at most: 1 to 4 */
    int8_t in_zero;
    int8_t out_min;
    int8_t out_max;
} msf_conv2d_dsp_t;

/** How activations are packed and multiplied. @{ */
extern const struct msf_tiles_dsp msf_tiles_dsp;
extern const struct msf_tiles_dsp msf_tiles_wide_dsp;
extern const struct msf_tiles_dsp msf_tiles_twice_dsp;
/** @} */

/** `shifts` of a convolution whose outputs are rounded twice: one for each channel. */
#define MSF_SHIFTS_TWICE (-2)

/** The most rows of a kernel whose rows are no whole words. */
#define MSF_CONV2D_DSP_ROWS (11)

/** One group, dilation 1. */
void msf_conv2d_dsp(const msf_conv2d_dsp_t *op, const int8_t *const *rows, int32_t in_width,
                    int32_t x, int8_t *out, int32_t pixels, void *scratch);

/**
 * The same for a square kernel of 3 or 5 rows, horizontal stride 1 or 2, a multiple of four input channels: every column
 * is packed once for all windows that see it. `tiles` are msf_tiles_columns3s1_dsp and so on, `requantize` is one of
 * msf_requantize_columns_dsp_1 and so on. Taps go column by column, of each column row by row. Three pixels are computed
 * as two and one.
 */
typedef msf_conv2d_dsp_t msf_conv2d_columns_dsp_t;

/** How activations are packed and multiplied, by the kernel's rows and the stride. @{ */
extern const struct msf_tiles_dsp msf_tiles_columns3s1_dsp;
extern const struct msf_tiles_dsp msf_tiles_columns3s2_dsp;
extern const struct msf_tiles_dsp msf_tiles_columns5s1_dsp;
extern const struct msf_tiles_dsp msf_tiles_columns5s2_dsp;
extern const struct msf_tiles_dsp msf_tiles_columns3s1_wide_dsp;
extern const struct msf_tiles_dsp msf_tiles_columns3s2_wide_dsp;
extern const struct msf_tiles_dsp msf_tiles_columns5s1_wide_dsp;
extern const struct msf_tiles_dsp msf_tiles_columns5s2_wide_dsp;
extern const struct msf_tiles_dsp msf_tiles_columns3s1_twice_dsp;
extern const struct msf_tiles_dsp msf_tiles_columns3s2_twice_dsp;
extern const struct msf_tiles_dsp msf_tiles_columns5s1_twice_dsp;
extern const struct msf_tiles_dsp msf_tiles_columns5s2_twice_dsp;
/** @} */

void msf_conv2d_columns_dsp(const msf_conv2d_columns_dsp_t *op, const int8_t *const *rows,
                            int32_t in_width, int32_t x, int8_t *out, int32_t pixels,
                            void *scratch);

/** 1x1 with stride 1: `in` and `out` are runs of `pixels` pixels. */
void msf_pointwise_dsp(const msf_conv2d_dsp_t *op, const int8_t *in, int8_t *out, int32_t pixels,
                       void *scratch);

typedef msf_conv2d_dsp_t msf_dense_dsp_t;

void msf_dense_dsp(const msf_dense_dsp_t *op, const int8_t *in, int8_t *out, void *scratch);

/**
 * Convolution with one filter a channel: up to seven rows and columns, any stride, dilation 1, a multiple of four channels.
 * It needs no scratch and works on the rows as they are; taps of padding cost nothing.
 *
 * Of each four channels a record: four biases (the zero point not folded in), four multipliers, a byte with shift - 1 of
 * each, and of each tap a byte of each.
 */
typedef struct {
    const uint32_t *records;
    int32_t round; /**< 2 * zero point of the output + 1 */
    uint16_t channels;
    uint8_t kernel_h;
    uint8_t kernel_w;
    uint8_t stride_w;
    int8_t in_zero;
    int8_t out_min;
    int8_t out_max;
} msf_depthwise_rows_dsp_t;

/** `scratch` is not looked at. */
void msf_depthwise_rows_dsp(const msf_depthwise_rows_dsp_t *op, const int8_t *const *rows,
                            int32_t in_width, int32_t x, int8_t *out, int32_t pixels,
                            void *scratch);

/**
 * Convolution with one filter a channel: a square kernel of 3, 5 or 7 rows, stride 1 or 2, dilation 1, a multiple of four
 * channels; every window has a row in the input. Records are those of msf_depthwise_rows_dsp().
 */
typedef struct {
    const uint32_t *records;
    void (*body)(const struct msf_depthwise_columns_dsp *columns);
    int32_t round; /**< 2 * zero point of the output + 1 */
    uint16_t channels;
    uint8_t kernel; /**< rows, and columns */
    uint8_t stride_w;
    uint8_t pixels;  /**< made from one filling of `scratch`, at most */
    uint8_t uniform; /**< whether all channels have the shift of their body: 2, rounded twice 10 */
    int8_t in_zero;
    int8_t out_min;
    int8_t out_max;
} msf_depthwise_dsp_t;

void msf_depthwise_dsp(const msf_depthwise_dsp_t *op, const int8_t *const *rows, int32_t in_width,
                       int32_t x, int8_t *out, int32_t pixels, void *scratch);

/** For `body`, by the kernel's rows and the stride; code that is optimized for size does without. @{ */
#ifdef __OPTIMIZE_SIZE__
#define msf_depthwise3s1_dsp NULL
#define msf_depthwise3s2_dsp NULL
#define msf_depthwise5s1_dsp NULL
#define msf_depthwise5s2_dsp NULL
#define msf_depthwise7s1_dsp NULL
#define msf_depthwise7s2_dsp NULL
#else
void msf_depthwise3s1_dsp(const struct msf_depthwise_columns_dsp *columns);
void msf_depthwise3s2_dsp(const struct msf_depthwise_columns_dsp *columns);
void msf_depthwise5s1_dsp(const struct msf_depthwise_columns_dsp *columns);
void msf_depthwise5s2_dsp(const struct msf_depthwise_columns_dsp *columns);
void msf_depthwise7s1_dsp(const struct msf_depthwise_columns_dsp *columns);
void msf_depthwise7s2_dsp(const struct msf_depthwise_columns_dsp *columns);
#endif
/** @} */

/** The same for outputs that are rounded twice, in code that is optimized for size, too. In a record biases are 256 times as
 *  large; where `uniform`, all channels have the shift 10 and biases hold what the first rounding adds; else all shifts
 *  are 8 or more. @{ */
void msf_depthwise3s1_twice_dsp(const struct msf_depthwise_columns_dsp *columns);
void msf_depthwise3s2_twice_dsp(const struct msf_depthwise_columns_dsp *columns);
void msf_depthwise5s1_twice_dsp(const struct msf_depthwise_columns_dsp *columns);
void msf_depthwise5s2_twice_dsp(const struct msf_depthwise_columns_dsp *columns);
void msf_depthwise7s1_twice_dsp(const struct msf_depthwise_columns_dsp *columns);
void msf_depthwise7s2_twice_dsp(const struct msf_depthwise_columns_dsp *columns);
/** @} */

/** The pieces of code for `requantize`: one shift for all channels, or one for each. @{ */
void msf_requantize_dsp_1(void);
void msf_requantize_dsp_2(void);
void msf_requantize_dsp_3(void);
void msf_requantize_dsp_4(void);
void msf_requantize_dsp_5(void);
void msf_requantize_dsp_6(void);
void msf_requantize_dsp_7(void);
void msf_requantize_dsp_8(void);
void msf_requantize_dsp_9(void);
void msf_requantize_dsp_10(void);
void msf_requantize_dsp_11(void);
void msf_requantize_dsp_12(void);
void msf_requantize_dsp_13(void);
void msf_requantize_dsp_14(void);
void msf_requantize_dsp_15(void);
void msf_requantize_dsp_16(void);
void msf_requantize_dsp_17(void);
void msf_requantize_dsp_18(void);
void msf_requantize_dsp_19(void);
void msf_requantize_dsp_20(void);
void msf_requantize_dsp_21(void);
void msf_requantize_dsp_channels(void);
void msf_requantize_dsp_channels_twice(void);
/** @} */

/** The same for msf_conv2d_columns_dsp(). @{ */
void msf_requantize_columns_dsp_1(void);
void msf_requantize_columns_dsp_2(void);
void msf_requantize_columns_dsp_3(void);
void msf_requantize_columns_dsp_4(void);
void msf_requantize_columns_dsp_5(void);
void msf_requantize_columns_dsp_6(void);
void msf_requantize_columns_dsp_7(void);
void msf_requantize_columns_dsp_8(void);
void msf_requantize_columns_dsp_9(void);
void msf_requantize_columns_dsp_10(void);
void msf_requantize_columns_dsp_11(void);
void msf_requantize_columns_dsp_12(void);
void msf_requantize_columns_dsp_13(void);
void msf_requantize_columns_dsp_14(void);
void msf_requantize_columns_dsp_15(void);
void msf_requantize_columns_dsp_16(void);
void msf_requantize_columns_dsp_17(void);
void msf_requantize_columns_dsp_18(void);
void msf_requantize_columns_dsp_19(void);
void msf_requantize_columns_dsp_20(void);
void msf_requantize_columns_dsp_21(void);
void msf_requantize_columns_dsp_channels(void);
void msf_requantize_columns_dsp_channels_twice(void);
/** @} */

#ifdef __cplusplus
}
#endif
/** @} */

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       Int8 kernels that compute one row segment, or a few pixels of it, of one operator
 *
 * All activations are int8, pixel after pixel, the channels of a pixel side by side (HWC).
 *
 * **Windows.** A kernel with a window gets `rows`, one pointer for each row of taps, each to column 0 of an input
 * segment of `in_width` pixels, or NULL where that row is padding. `x` is the column, in that segment, of the first tap
 * of the first output pixel; it may be negative. Taps outside [0, in_width) are padding. Each kernel writes `pixels`
 * output pixels.
 *
 * **Requantization.** `out = clamp(out_zero + ((acc * multiplier + (1 << (shift - 1))) >> shift))`, the product in 64
 * bits, multiplier 0 or in [2^30, 2^31), shift in [1, 62]. That rounds once. Rounded twice, as TensorFlow Lite does, 2^30
 * is added to the product before where the shift is above 31, or taken from it where `acc` is negative. Convolutions
 * have kernels of their own for that; the shifts of pools and products say in bits 6 and 7 how they round: once, twice, halves
 * to the even or halves to the odd integer (scale.h).
 *
 * **Constants.** The `bias` of convolutions and dense layers is the layer's bias less `in_zero` times the sum of all
 * weights of its output channel, modulo 2^32: a kernel multiplies the elements as they are. Filters of several output
 * channels lie interleaved in blocks of four: of all of a block's channels the first weight, then of all of them the
 * second. The last block of a group has the channels that are left.
 *
 * No kernel allocates, recurses, or keeps state; input and output may be the same buffer where this says "in place".
 * @{
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Convolution over all channels of a group. */
typedef struct {
    const int8_t *weights;     /**< [groups][blocks][kernel_h][kernel_w][in_channels / groups][4] */
    const int32_t *bias;       /**< [out_channels] */
    const int32_t *multiplier; /**< [out_channels] */
    const uint8_t *shift;      /**< [out_channels] */
    uint16_t in_channels;
    uint16_t out_channels;
    uint16_t groups;
    uint8_t kernel_h;
    uint8_t kernel_w;
    uint8_t stride_w;    /**< columns between neighbouring output pixels */
    uint8_t dilation_w;  /**< columns between neighbouring taps */
    uint8_t least_shift; /**< the least of `shift` */
    int8_t in_zero;
    int8_t out_zero;
    int8_t out_min;
    int8_t out_max;
} msf_conv2d_s8_t;

void msf_conv2d_s8(const msf_conv2d_s8_t *op, const int8_t *const *rows, int32_t in_width,
                   int32_t x, int8_t *out, int32_t pixels);

/** 1x1 convolution with stride 1, one group: `in` and `out` are runs of `pixels` pixels. Uses the fields of a
 *  convolution with kernel_h = kernel_w = 1. */
void msf_pointwise_s8(const msf_conv2d_s8_t *op, const int8_t *in, int8_t *out, int32_t pixels);

/** Both for outputs that are rounded twice, whose shifts are without MSF_ROUNDS_TWICE. @{ */
void msf_conv2d_twice_s8(const msf_conv2d_s8_t *op, const int8_t *const *rows, int32_t in_width,
                         int32_t x, int8_t *out, int32_t pixels);
void msf_pointwise_twice_s8(const msf_conv2d_s8_t *op, const int8_t *in, int8_t *out,
                            int32_t pixels);
/** @} */

/** Convolution with one filter a channel. */
typedef struct {
    const int8_t *weights;     /**< [kernel_h][kernel_w][channels] */
    const int32_t *bias;       /**< [channels] */
    const int32_t *multiplier; /**< [channels] */
    const uint8_t *shift;      /**< [channels] */
    uint16_t channels;
    uint8_t kernel_h;
    uint8_t kernel_w;
    uint8_t stride_w;
    uint8_t dilation_w;
    uint8_t least_shift; /**< the least of `shift` */
    int8_t in_zero;
    int8_t out_zero;
    int8_t out_min;
    int8_t out_max;
} msf_depthwise_s8_t;

void msf_depthwise_s8(const msf_depthwise_s8_t *op, const int8_t *const *rows, int32_t in_width,
                      int32_t x, int8_t *out, int32_t pixels);

/** The same for outputs that are rounded twice, whose shifts are without MSF_ROUNDS_TWICE. */
void msf_depthwise_twice_s8(const msf_depthwise_s8_t *op, const int8_t *const *rows,
                            int32_t in_width, int32_t x, int8_t *out, int32_t pixels);

/** Matrix times vector. */
typedef struct {
    const int8_t *weights;     /**< [blocks][in_elements][4] */
    const int32_t *bias;       /**< [out_channels] */
    const int32_t *multiplier; /**< [out_channels] */
    const uint8_t *shift;      /**< [out_channels] */
    uint32_t in_elements;
    uint16_t out_channels;
    uint8_t least_shift; /**< the least of `shift` */
    int8_t in_zero;
    int8_t out_zero;
    int8_t out_min;
    int8_t out_max;
} msf_dense_s8_t;

/** The whole vector at once. */
void msf_dense_s8(const msf_dense_s8_t *op, const int8_t *in, int8_t *out);

/** The same in pieces: start, then any number of disjoint runs of input elements, then finish. @{ */
void msf_dense_start_s8(const msf_dense_s8_t *op, int32_t *acc);
void msf_dense_accumulate_s8(const msf_dense_s8_t *op, const int8_t *in, uint32_t first,
                             uint32_t elements, int32_t *acc);
void msf_dense_finish_s8(const msf_dense_s8_t *op, const int32_t *acc, int8_t *out);
/** @} */

/** Maximum over a window; padding never wins. */
typedef struct {
    uint16_t channels;
    uint8_t kernel_h;
    uint8_t kernel_w;
    uint8_t stride_w;
    uint8_t dilation_w;
    int8_t out_min;
    int8_t out_max;
} msf_max_pool_s8_t;

void msf_max_pool_s8(const msf_max_pool_s8_t *op, const int8_t *const *rows, int32_t in_width,
                     int32_t x, int8_t *out, int32_t pixels);

/** Average over a window, requantized by the number of taps that count. */
typedef struct {
    const int32_t *multiplier; /**< [kernel_h * kernel_w + 1], by number of taps */
    const uint8_t *shift;      /**< [kernel_h * kernel_w + 1] */
    uint16_t channels;
    uint8_t kernel_h;
    uint8_t kernel_w;
    uint8_t stride_w;
    int8_t in_zero;
    int8_t out_zero;
    int8_t out_min;
    int8_t out_max;
} msf_average_pool_s8_t;

/** `taps`: 0 counts the taps that lie inside the input; any other number is taken as the count of every window. */
void msf_average_pool_s8(const msf_average_pool_s8_t *op, const int8_t *const *rows,
                         int32_t in_width, int32_t x, int32_t taps, int8_t *out, int32_t pixels);

/** Average over all pixels, in pieces: clear acc, accumulate any number of runs of pixels, finish. */
typedef struct {
    int32_t multiplier;
    uint8_t shift;
    uint16_t channels;
    int8_t in_zero;
    int8_t out_zero;
    int8_t out_min;
    int8_t out_max;
} msf_global_average_s8_t;

/** acc[c] += sum of (in - in_zero) */
void msf_global_average_accumulate_s8(const msf_global_average_s8_t *op, const int8_t *in,
                                      int32_t pixels, int32_t *acc);
void msf_global_average_finish_s8(const msf_global_average_s8_t *op, const int32_t *acc,
                                  int8_t *out);

/** out = clamp(out_zero + ((multiplier_a * (a - zero_a) + multiplier_b * (b - zero_b) + half) >> shift)), in int32.
 *  In place on either input. */
typedef struct {
    int32_t multiplier_a;
    int32_t multiplier_b;
    uint8_t shift; /**< [1, 30] */
    int8_t zero_a;
    int8_t zero_b;
    int8_t out_zero;
    int8_t out_min;
    int8_t out_max;
} msf_add_s8_t;

void msf_add_s8(const msf_add_s8_t *op, const int8_t *a, const int8_t *b, int8_t *out,
                int32_t elements);

/** out = clamp(out_zero + (first[a + 128] + second[b + 128]) * multiplier / 2^shift), rounded twice, the sum in int32;
 *  with multiplier 0, out = clamp(out_zero + ((first[a + 128] + second[b + 128]) >> shift)). In place on either input. */
typedef struct {
    const int32_t *first;  /**< [256] */
    const int32_t *second; /**< [256] */
    int32_t multiplier;
    uint8_t shift; /**< without MSF_ROUNDS_TWICE */
    int8_t out_zero;
    int8_t out_min;
    int8_t out_max;
} msf_table_add_s8_t;

void msf_table_add_s8(const msf_table_add_s8_t *op, const int8_t *a, const int8_t *b, int8_t *out,
                      int32_t elements);

/** out = requantize((a - zero_a) * (b - zero_b)). In place on `a`, and on `b` when it is as large. */
typedef struct {
    int32_t multiplier;
    uint8_t shift;
    int8_t zero_a;
    int8_t zero_b;
    int8_t out_zero;
    int8_t out_min;
    int8_t out_max;
} msf_mul_s8_t;

void msf_mul_s8(const msf_mul_s8_t *op, const int8_t *a, const int8_t *b, int8_t *out,
                int32_t elements);

/** `b` holds one factor a channel for all pixels. */
void msf_mul_channels_s8(const msf_mul_s8_t *op, const int8_t *a, const int8_t *b, int8_t *out,
                         int32_t pixels, int32_t channels);

/** out = clamp(out_zero + ((multiplier[c] * (in - in_zero) + offset[c] + half) >> shift[c])), in int32. In place. */
typedef struct {
    const int32_t *multiplier; /**< [channels] */
    const int32_t *offset;     /**< [channels] */
    const uint8_t *shift;      /**< [channels], [1, 30] */
    uint16_t channels;
    int8_t in_zero;
    int8_t out_zero;
    int8_t out_min;
    int8_t out_max;
} msf_channel_affine_s8_t;

void msf_channel_affine_s8(const msf_channel_affine_s8_t *op, const int8_t *in, int8_t *out,
                           int32_t pixels);

/** out = table[in + 128]. In place. */
void msf_lookup_s8(const int8_t *table, const int8_t *in, int8_t *out, int32_t elements);

/** Copies `pixels` pixels of `channels` channels to the channels at `out`, whose pixels are `out_stride` bytes apart. */
void msf_copy_channels_s8(const int8_t *in, int32_t channels, int8_t *out, int32_t out_stride,
                          int32_t pixels);

/** Row segment of a padded row: output pixel i is pixel `x + i` of `in`, or `value` in every channel where that lies
 *  outside [0, in_width). `in` is NULL where the whole row is padding. */
void msf_pad_s8(const int8_t *in, int32_t in_width, int32_t x, int32_t channels, int8_t value,
                int8_t *out, int32_t pixels);

/** The same with a table of 256 for each channel. In place. */
void msf_channel_lookup_s8(const int8_t *tables, const int8_t *in, int8_t *out, int32_t channels,
                           int32_t pixels);

/** out = max(a, b) or min(a, b), limited to [min, max]. In place. @{ */
void msf_maximum_s8(const int8_t *a, const int8_t *b, int32_t min, int32_t max, int8_t *out,
                    int32_t elements);
void msf_minimum_s8(const int8_t *a, const int8_t *b, int32_t min, int32_t max, int8_t *out,
                    int32_t elements);
/** @} */

/** acc = in - in_zero, times slopes[c] where that is negative; requantized by the multiplier of its side. In place. */
typedef struct {
    const int16_t *slopes; /**< [channels] */
    int32_t positive_multiplier;
    int32_t negative_multiplier;
    uint8_t positive_shift;
    uint8_t negative_shift;
    uint16_t channels;
    int8_t in_zero;
    int8_t out_zero;
    int8_t out_min;
    int8_t out_max;
} msf_prelu_s8_t;

void msf_prelu_s8(const msf_prelu_s8_t *op, const int8_t *in, int8_t *out, int32_t pixels);

/** The number of each pixel's largest channel, less 128; of several the first or the last. */
void msf_arg_max_s8(const int8_t *in, int32_t channels, bool last, int8_t *out, int32_t pixels);

/** Channels side by side from wider pixels; `in` points to the first of them. */
void msf_slice_channels_s8(const int8_t *in, int32_t in_channels, int8_t *out, int32_t channels,
                           int32_t pixels);

/** Output channel c is channel from[c], or `value` where that is negative. */
void msf_gather_channels_s8(const int16_t *from, const int8_t *in, int32_t in_channels,
                            int8_t value, int8_t *out, int32_t channels, int32_t pixels);

/** Those of the output pixels [x, x + pixels) that lie in [begin, begin + width): these columns are a tensor of their
 *  own, of whose row `in` has the columns from `first` on. */
void msf_copy_columns_s8(const int8_t *in, int32_t first, int32_t begin, int32_t width,
                         int32_t channels, int32_t x, int8_t *out, int32_t pixels);

/** Output pixel (y, x) is made of channels of input pixel (y / block, x / block): channel c is its channel
 *  y % block * row_step + x % block * column_step + c * channel_step. */
typedef struct {
    uint16_t in_channels;
    uint16_t channels;
    uint16_t row_step;
    uint16_t column_step;
    uint16_t channel_step;
    uint8_t block;
} msf_depth_to_space_s8_t;

/** `in` has the columns from `first` on, `row` is y % block, `x` the first output column. */
void msf_depth_to_space_s8(const msf_depth_to_space_s8_t *op, const int8_t *in, int32_t first,
                           int32_t row, int32_t x, int8_t *out, int32_t pixels);

/** The channels of block x block pixels side by side, row by row. */
void msf_space_to_depth_s8(const int8_t *const *rows, int32_t x, int32_t block, int32_t channels,
                           int8_t *out, int32_t pixels);

/** Transposed convolution: a window over places of which each `upsampling_w`-th is a pixel. `rows` has NULL where a row
 *  of taps lies on none, `x` counts places. `bias` is the layer's own here. */
typedef struct {
    const int8_t *weights;     /**< [out_channels][kernel_h][kernel_w][in_channels / groups] */
    const int32_t *bias;       /**< [out_channels] */
    const int32_t *multiplier; /**< [out_channels] */
    const uint8_t *shift;      /**< [out_channels] */
    uint16_t in_channels;
    uint16_t out_channels;
    uint16_t groups;
    uint8_t kernel_h;
    uint8_t kernel_w;
    uint8_t upsampling_w;
    uint8_t dilation_w;
    int8_t in_zero;
    int8_t out_zero;
    int8_t out_min;
    int8_t out_max;
} msf_transposed_conv2d_s8_t;

void msf_transposed_conv2d_s8(const msf_transposed_conv2d_s8_t *op, const int8_t *const *rows,
                              int32_t in_width, int32_t x, int8_t *out, int32_t pixels);

#define MSF_BILINEAR_BITS (11) /**< of weights: 2^11 is all of a pixel */

/** Where halves go: to the even number, away from zero; or everything towards zero */
enum { MSF_TO_EVEN, MSF_TO_AWAY, MSF_TO_ZERO };

/** Bilinear resizing: output column x lies column_weights[x] right of input column columns[x]. */
typedef struct {
    const uint16_t *columns;
    const uint16_t *column_weights;
    uint16_t channels;
    uint8_t rounding;
    int8_t center; /**< what halves are seen from */
    int8_t out_min;
    int8_t out_max;
} msf_resize_bilinear_s8_t;

/** A row that lies `weight` below the first of two rows, of which `rows` have the columns from `first` on. */
void msf_resize_bilinear_s8(const msf_resize_bilinear_s8_t *op, const int8_t *const *rows,
                            int32_t weight, int32_t first, int32_t x, int8_t *out, int32_t pixels);

/** Output pixel i is pixel `columns[i] - first` of `in`. */
void msf_gather_pixels_s8(const int8_t *in, const uint16_t *columns, int32_t first,
                          int32_t channels, int8_t *out, int32_t pixels);

/** Softmax over the channels of each pixel. In place. */
typedef struct {
    const uint32_t *table; /**< [256], 2^20 * exp(-scale * i) */
    uint32_t reciprocal;   /**< 2^12 / output scale */
    uint16_t channels;     /**< at most 4095 */
    int8_t out_zero;
    int8_t out_min;
    int8_t out_max;
} msf_softmax_s8_t;

void msf_softmax_s8(const msf_softmax_s8_t *op, const int8_t *in, int8_t *out, int32_t pixels);

/** The same in 32-bit fixed-point numbers, to scale 1/256 and zero point -128. In place. */
typedef struct {
    const int32_t *table; /**< [256], 2^31 * exp(-scale * i) */
    uint16_t channels;    /**< at most 4095 */
    int8_t out_min;
    int8_t out_max;
} msf_fixed_point_softmax_s8_t;

void msf_fixed_point_softmax_s8(const msf_fixed_point_softmax_s8_t *op, const int8_t *in,
                                int8_t *out, int32_t pixels);

/** Logarithm of the softmax over the channels of each pixel. In place. */
typedef struct {
    const int32_t *exponentials; /**< [256], 2^19 * exp(-scale * i) */
    const int32_t *differences;  /**< [256], 2^(26 - log_shift) * scale * i */
    int32_t multiplier;          /**< of what lies below the output's zero point */
    int8_t shift;                /**< 1 to 62 */
    uint8_t log_shift;           /**< at most 26 */
    uint16_t channels;           /**< at most 4095 */
    int8_t out_zero;
    int8_t out_min;
    int8_t out_max;
} msf_log_softmax_s8_t;

void msf_log_softmax_s8(const msf_log_softmax_s8_t *op, const int8_t *in, int8_t *out,
                        int32_t pixels);

#ifdef __cplusplus
}
#endif
/** @} */

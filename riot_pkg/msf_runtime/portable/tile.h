/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       Neighboring pixels by blocks of four output channels: what convolutions and dense
 *              layers have in common
 * @{
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "requantize.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MSF_BLOCK (4) /**< output channels whose weights lie interleaved */

#if defined(__riscv) && __riscv_xlen == 32
#define MSF_TILE_ASM 1     /**< tile_rv32.S computes whole blocks */
#define MSF_LEAST_SHIFT 33 /**< where all shifts are at least that; MSF_LEAST_SHIFT_TWICE else */
#elif defined(__ARM_ARCH_6M__)
#define MSF_TILE_ASM 1 /**< tile_armv6m.S */
#define MSF_LEAST_SHIFT 25
#else
#define MSF_TILE_ASM 0
#endif
#define MSF_LEAST_SHIFT_TWICE 32

/* Where outputs are rounded twice, kernels have the same code and other names: a file that defines
 * MSF_TWICE includes the one with the code. What rounds is asked for by these names. */
#ifdef MSF_TWICE
#define MSF_ROUNDED(name) name##_twice_s8
#define MSF_REQUANTIZE_CHANNELS msf_requantize_channels_twice
#else
#define MSF_ROUNDED(name) name##_s8
#define MSF_REQUANTIZE_CHANNELS msf_requantize_channels
#endif

/**
 * What the pixels of a tile share. Each row of taps is `runs` runs of `elements` bytes of input; of
 * a depthwise filter a run is one tap. Weights are counted for one output channel; where the window
 * reaches into padding, some of them come before the first tap inside the input, between the rows'
 * taps, and behind the last one. tile_rv32.S and tile_armv6m.S know the order of the fields.
 */
typedef struct {
    const int8_t *const *rows; /**< [row_count] the rows of taps inside the input, from column 0 */
    int32_t row_count;
    int32_t in_first; /**< byte of the first pixel's first tap inside, from column 0 */
    int32_t in_step;  /**< bytes from pixel to pixel */
    int32_t runs;
    int32_t elements;
    int32_t run_step;       /**< bytes from run to run */
    int32_t weights_before; /**< the first tap inside */
    int32_t weights_skip;   /**< from the last tap of one row to the first of the next */
    int32_t weights_behind; /**< the last tap inside */
    int32_t weights_filter; /**< all weights of one channel; depthwise: bytes from tap to tap */
    int32_t padded;         /**< whether any weight is outside */
    int32_t in_zero;
    int32_t zero;
    int32_t min;
    int32_t max;
    int32_t out_step; /**< bytes from pixel to pixel */
} msf_tile_t;

/**
 * Sets row_count and which weights are outside, for filters of `kernel_h` rows of `row` weights of
 * which rows [first_row, end_row) and there `inside` weights from `first` on are inside.
 */
static inline void msf_tile_place(msf_tile_t *tile, int32_t kernel_h, int32_t row,
                                  int32_t first_row, int32_t end_row, int32_t first, int32_t inside)
{
    tile->padded = inside < row || end_row - first_row < kernel_h;
    if (inside == 0 || first_row == end_row) {
        tile->row_count = 0;
        tile->weights_before = kernel_h * row;
        return;
    }
    tile->row_count = end_row - first_row;
    tile->weights_before = first_row * row + first;
    tile->weights_skip = row - inside;
    tile->weights_behind = (kernel_h - end_row) * row + row - first - inside;
}

/** The constants of some output channels. */
typedef struct {
    const int8_t *weights; /**< of all taps, in blocks of MSF_BLOCK channels */
    const int32_t *bias;
    const int32_t *multiplier;
    const uint8_t *shift;
} msf_channels_t;

/* Tiles of several pixels and wide ones are 8 KB of code: not where that matters more than time */
#if defined(__riscv) && !defined(__OPTIMIZE_SIZE__)
#define MSF_LARGE_TILES MSF_TILE_ASM
#else
#define MSF_LARGE_TILES 0
#endif

/** How many neighboring pixels are best computed together, of `pixels` that are left. */
static inline int32_t msf_tile_pixels(int32_t pixels)
{
    if (!MSF_LARGE_TILES) {
        return 1;
    }
    return pixels >= 4 ? 4 : pixels >= 2 ? 2 : 1;
}

/**
 * Output channels [0, count) of `pixels` neighboring pixels
 *
 * @param[in]  pixels       as msf_tile_pixels() says
 * @param[in]  least_shift  the least of all shifts
 */
void msf_tile_s8(const msf_tile_t *tile, const msf_channels_t *channels, int32_t count,
                 int32_t pixels, uint32_t least_shift, int8_t *out);

/** acc[c] += in_zero * the weights that are outside, of `outputs` channels that lie side by side at
 *  `weights`; a tap has `step` bytes and a row inside `row` of one channel's weights. */
void msf_add_padding(const msf_tile_t *tile, const int8_t *weights, int32_t outputs, int32_t step,
                     int32_t row, int32_t *acc);

/**
 * acc[o] += sum over i of weights[i * outputs + o] * in[i]
 *
 * @param[in]  outputs  1 to MSF_BLOCK
 */
void msf_dot_s8(const int8_t *in, int32_t elements, const int8_t *weights, int32_t outputs,
                int32_t *acc);

/** As msf_tile_s8() where each channel has a filter of its own. */
void msf_depthwise_tile_s8(const msf_tile_t *tile, const msf_channels_t *channels, int32_t count,
                           int32_t pixels, uint32_t least_shift, int8_t *out);

/** Both for outputs that are rounded twice. @{ */
void msf_tile_twice_s8(const msf_tile_t *tile, const msf_channels_t *channels, int32_t count,
                       int32_t pixels, uint32_t least_shift, int8_t *out);
void msf_depthwise_tile_twice_s8(const msf_tile_t *tile, const msf_channels_t *channels,
                                 int32_t count, int32_t pixels, uint32_t least_shift, int8_t *out);
/** @} */

#if MSF_TILE_ASM
#define MSF_WIDE (16)

/** Blocks of MSF_BLOCK channels of one, two or four pixels, or of MSF_WIDE channels of one
 *  pixel; all shifts at least MSF_LEAST_SHIFT. @{ */
typedef void msf_tile_function_t(const msf_tile_t *tile, const msf_channels_t *channels,
                                 int8_t *out, int32_t blocks);

#if defined(__riscv)
#define MSF_TILE_FUNCTIONS(ending)                                                              \
    msf_tile_function_t msf_tile1_rv32##ending, msf_tile2_rv32##ending, msf_tile4_rv32##ending; \
    msf_tile_function_t msf_depthwise1_rv32##ending, msf_depthwise2_rv32##ending;               \
    msf_tile_function_t msf_depthwise4_rv32##ending, msf_wide_tile_rv32##ending;                \
    msf_tile_function_t msf_wide_depthwise_rv32##ending
#else
#define MSF_TILE_FUNCTIONS(ending) \
    msf_tile_function_t msf_tile1_armv6m##ending, msf_depthwise1_armv6m##ending
#endif
MSF_TILE_FUNCTIONS();
MSF_TILE_FUNCTIONS(_twice);
MSF_TILE_FUNCTIONS(_above); /**< rounded twice, for tiles whose `min` is not below `zero` */
/** @} */

/** The function that suits a tile, and the least shift that it takes. @{ */
#ifdef MSF_TWICE
#define MSF_TILE_FUNCTION(tile, name) ((tile)->min >= (tile)->zero ? name##_above : name##_twice)
#define MSF_TILE_SHIFT MSF_LEAST_SHIFT_TWICE
#else
#define MSF_TILE_FUNCTION(tile, name) name
#define MSF_TILE_SHIFT MSF_LEAST_SHIFT
#endif
/** @} */
#endif

#ifdef __cplusplus
}
#endif

/** @} */

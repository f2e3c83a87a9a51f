/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Neighboring pixels by blocks of four output channels
 * @}
 */

#include <stdbool.h>

#include "tile.h"

#define BATCH (4 * MSF_BLOCK) /**< channels requantized together */

#if MSF_TILE_ASM
static msf_tile_function_t *tile_function(const msf_tile_t *tile, int32_t pixels)
{
#if defined(__ARM_ARCH_6M__)
    (void)tile;
    (void)pixels;
    return MSF_TILE_FUNCTION(tile, msf_tile1_armv6m);
#else
    if (!MSF_LARGE_TILES) {
        return MSF_TILE_FUNCTION(tile, msf_tile1_rv32);
    }
    (void)tile;
    return pixels == 4   ? MSF_TILE_FUNCTION(tile, msf_tile4_rv32)
           : pixels == 2 ? MSF_TILE_FUNCTION(tile, msf_tile2_rv32)
                         : MSF_TILE_FUNCTION(tile, msf_tile1_rv32);
#endif
}
#endif

/** acc[o] += the window of one pixel, for a block of `outputs` channels */
static void accumulate(const msf_tile_t *tile, int32_t in_first, const int8_t *weights,
                       int32_t outputs, int32_t *acc)
{
    for (int32_t y = 0; y < tile->row_count; y++) {
        const int8_t *in = tile->rows[y] + in_first;

        for (int32_t run = 0; run < tile->runs; run++) {
            msf_dot_s8(in, tile->elements, weights, outputs, acc);
            in += tile->run_step;
            weights += tile->elements * outputs;
        }
        weights += tile->weights_skip * outputs;
    }
}

#ifndef MSF_TWICE
void msf_add_padding(const msf_tile_t *tile, const int8_t *weights, int32_t outputs, int32_t step,
                     int32_t row, int32_t *acc)
{
    for (int32_t o = 0; o < outputs; o++) {
        const int8_t *weight = weights + o;
        int32_t count = tile->weights_before;
        int32_t rows = tile->row_count;
        int32_t sum = 0;

        while (true) {
            for (; count > 0; count--) {
                sum += *weight;
                weight += step;
            }
            if (rows == 0) {
                break;
            }
            rows--;
            weight += row * step;
            count = rows > 0 ? tile->weights_skip : tile->weights_behind;
        }
        acc[o] = (int32_t)((uint32_t)acc[o] + (uint32_t)(tile->in_zero * sum));
    }
}
#endif

/** acc[o] = bias[o] + the window of one pixel */
static void begin_and_accumulate(const msf_tile_t *tile, int32_t in_first, const int8_t *weights,
                                 const int32_t *bias, int32_t outputs, int32_t *acc)
{
    for (int32_t o = 0; o < outputs; o++) {
        acc[o] = bias[o];
    }
    if (tile->padded) {
        msf_add_padding(tile, weights, outputs, outputs, tile->runs * tile->elements, acc);
        weights += tile->weights_before * outputs;
    }
    accumulate(tile, in_first, weights, outputs, acc);
}

void MSF_ROUNDED(msf_tile)(const msf_tile_t *tile, const msf_channels_t *channels, int32_t count,
                           int32_t pixels, uint32_t least_shift, int8_t *out)
{
    const msf_output_t output = { tile->zero, tile->min, tile->max };
    int32_t done = 0;

#if MSF_TILE_ASM
    if (least_shift >= MSF_TILE_SHIFT && count >= MSF_BLOCK) {
        msf_channels_t rest = *channels;

#if MSF_LARGE_TILES
        if (pixels == 1 && count >= MSF_WIDE) {
            done = count / MSF_WIDE * MSF_WIDE;
            MSF_TILE_FUNCTION(tile, msf_wide_tile_rv32)(tile, channels, out, count / MSF_WIDE);
            rest.weights += done * tile->weights_filter;
            rest.bias += done;
            rest.multiplier += done;
            rest.shift += done;
        }
#endif
        if (count - done >= MSF_BLOCK) {
            const int32_t blocks = (count - done) / MSF_BLOCK;

            tile_function(tile, pixels)(tile, &rest, out + done, blocks);
            done += blocks * MSF_BLOCK;
        }
    }
#else
    (void)least_shift;
#endif
    for (int32_t pixel = 0; done < count && pixel < pixels; pixel++) {
        const int32_t in_first = tile->in_first + pixel * tile->in_step;
        const int8_t *weights = channels->weights + done * tile->weights_filter;

        for (int32_t channel = done; channel < count;) {
            int32_t acc[BATCH];
            int32_t batch = 0;

            while (batch < BATCH && channel + batch < count) {
                const int32_t left = count - channel - batch;
                const int32_t outputs = left < MSF_BLOCK ? left : MSF_BLOCK;

                begin_and_accumulate(tile, in_first, weights, channels->bias + channel + batch,
                                     outputs, acc + batch);
                weights += MSF_BLOCK * tile->weights_filter;
                batch += outputs;
            }
            MSF_REQUANTIZE_CHANNELS(acc, channels->multiplier + channel, channels->shift + channel,
                                    batch, &output, out + channel);
            channel += batch;
        }
        out += tile->out_step;
    }
}

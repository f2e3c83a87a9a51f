/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Neighboring pixels of a convolution with one filter a channel
 * @}
 */

#include "tile.h"

#if MSF_TILE_ASM
static msf_tile_function_t *depthwise_function(const msf_tile_t *tile, int32_t pixels)
{
#if defined(__ARM_ARCH_6M__)
    (void)tile;
    (void)pixels;
    return MSF_TILE_FUNCTION(tile, msf_depthwise1_armv6m);
#else
    if (!MSF_LARGE_TILES) {
        return MSF_TILE_FUNCTION(tile, msf_depthwise1_rv32);
    }
    (void)tile;
    return pixels == 4   ? MSF_TILE_FUNCTION(tile, msf_depthwise4_rv32)
           : pixels == 2 ? MSF_TILE_FUNCTION(tile, msf_depthwise2_rv32)
                         : MSF_TILE_FUNCTION(tile, msf_depthwise1_rv32);
#endif
}
#endif

/** acc[c] += sum over the window of one pixel, for the MSF_BLOCK channels from `channel` on */
static void accumulate_block(const msf_tile_t *tile, int32_t in_first, const int8_t *weights,
                             int32_t *acc)
{
    const int32_t taps = tile->runs;
    const int32_t in_step = tile->run_step;
    const int32_t weights_step = tile->weights_filter;
    uint32_t acc0 = (uint32_t)acc[0];
    uint32_t acc1 = (uint32_t)acc[1];
    uint32_t acc2 = (uint32_t)acc[2];
    uint32_t acc3 = (uint32_t)acc[3];

    for (int32_t y = 0; y < tile->row_count; y++) {
        const int8_t *in = tile->rows[y] + in_first;

        for (int32_t tap = 0; tap < taps; tap++) {
            acc0 += (uint32_t)(weights[0] * in[0]);
            acc1 += (uint32_t)(weights[1] * in[1]);
            acc2 += (uint32_t)(weights[2] * in[2]);
            acc3 += (uint32_t)(weights[3] * in[3]);
            in += in_step;
            weights += weights_step;
        }
        weights += tile->weights_skip * tile->weights_filter;
    }
    acc[0] = (int32_t)acc0;
    acc[1] = (int32_t)acc1;
    acc[2] = (int32_t)acc2;
    acc[3] = (int32_t)acc3;
}

/** The same for one channel. */
static void accumulate_one(const msf_tile_t *tile, int32_t in_first, const int8_t *weights,
                           int32_t *acc)
{
    uint32_t sum = (uint32_t)*acc;

    for (int32_t y = 0; y < tile->row_count; y++) {
        const int8_t *in = tile->rows[y] + in_first;

        for (int32_t tap = 0; tap < tile->runs; tap++) {
            sum += (uint32_t)(*weights * in[tap * tile->run_step]);
            weights += tile->weights_filter;
        }
        weights += tile->weights_skip * tile->weights_filter;
    }
    *acc = (int32_t)sum;
}

void MSF_ROUNDED(msf_depthwise_tile)(const msf_tile_t *tile, const msf_channels_t *channels,
                                     int32_t count, int32_t pixels, uint32_t least_shift,
                                     int8_t *out)
{
    const msf_output_t output = { tile->zero, tile->min, tile->max };
    int32_t done = 0;

#if MSF_TILE_ASM
#if MSF_LARGE_TILES
    if (least_shift >= MSF_TILE_SHIFT && pixels == 1 && count % MSF_WIDE == 0) {
        MSF_TILE_FUNCTION(tile, msf_wide_depthwise_rv32)(tile, channels, out, count / MSF_WIDE);
        return;
    }
#endif
    if (least_shift >= MSF_TILE_SHIFT && count >= MSF_BLOCK) {
        depthwise_function(tile, pixels)(tile, channels, out, count / MSF_BLOCK);
        done = count / MSF_BLOCK * MSF_BLOCK;
    }
#else
    (void)least_shift;
#endif
    for (int32_t pixel = 0; done < count && pixel < pixels; pixel++) {
        const int32_t in_first = tile->in_first + pixel * tile->in_step;
        int32_t block;

        for (int32_t channel = done; channel < count; channel += block) {
            int32_t acc[MSF_BLOCK];

            block = count - channel < MSF_BLOCK ? 1 : MSF_BLOCK;
            for (int32_t c = 0; c < block; c++) {
                acc[c] = channels->bias[channel + c];
            }
            const int8_t *weights = channels->weights + channel;
            if (tile->padded) {
                msf_add_padding(tile, weights, block, tile->weights_filter, tile->runs, acc);
            }
            weights += tile->weights_before * tile->weights_filter;
            if (block == MSF_BLOCK) {
                accumulate_block(tile, in_first + channel, weights, acc);
            }
            else {
                accumulate_one(tile, in_first + channel, weights, acc);
            }
            MSF_REQUANTIZE_CHANNELS(acc, channels->multiplier + channel, channels->shift + channel,
                                    block, &output, out + channel);
        }
        out += tile->out_step;
    }
}

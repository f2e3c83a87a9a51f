/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Convolution with one filter a channel, with the DSP extension
 * @}
 */

#ifdef __ARM_FEATURE_DSP

#include <stddef.h>

#include "msf/kernels_dsp.h"

#include "clamp_dsp.h"
#include "planes_dsp.h"

#define BLOCK_WORDS (MSF_BLOCK_BYTES / 4)
#define CONSTANTS (9) /**< bytes of a channel's record before its weights */

/** The columns of a block that lie in the input, a bit each. */
static uint32_t columns_inside(int32_t x, int32_t in_width)
{
    uint32_t inside = 0;

    for (int32_t column = 0; column < 4; column++) {
        if (x + column >= 0 && x + column < in_width) {
            inside |= 1U << column;
        }
    }
    return inside;
}

/** Finds the blocks that lie in the input, and fills the others with padding. Returns the first one's number. */
static int32_t place_blocks(msf_planes_dsp_t *planes, int32_t x, int32_t in_width, int32_t blocks,
                            int32_t words, uint32_t padding, uint32_t *scratch)
{
    int32_t begin = 0;

    planes->first = 0;
    planes->whole = 0;
    planes->last = 0;
    for (int32_t block = 0; block < blocks; block++, x += 4) {
        const uint32_t inside = columns_inside(x, in_width);

        if (inside == 0) {
            if (planes->first == 0 && planes->whole == 0) {
                begin = block + 1;
            }
            for (int32_t word = 0; word < words; word++) {
                scratch[block * words + word] = padding;
            }
        }
        else if (inside == 0xf) {
            planes->whole++;
        }
        else if (block == begin) {
            planes->first = inside;
        }
        else {
            planes->last = inside;
        }
    }
    return begin;
}

/** The whole row segment from the rows as they are. */
static void run_pixels(const msf_depthwise_dsp_t *op, const msf_depthwise_pass_dsp_t *pass,
                       const int8_t *const *rows, int32_t in_width, int32_t x, int8_t *out,
                       int32_t pixels)
{
    msf_depthwise_pixels_dsp_t place = {
        .channels = pass->channels,
        .groups = pass->channels / 4,
        .round = pass->round,
        .zero = pass->zero,
        .above = pass->above,
        .rows = pass->rows,
        .below = pass->below,
        .step = op->stride_w * pass->channels,
        .left = x<0, .right = x + (pixels - 1) * op->stride_w + 3> in_width,
    };

    place.whole = pixels - place.left - place.right;
    for (int32_t row = 0; row < pass->rows; row++) {
        place.taps[3 - pass->rows + row] = rows[pass->above + row] + x * pass->channels;
    }
    op->pixels_body(&place, op->records, out);
}

void msf_depthwise_dsp(const msf_depthwise_dsp_t *op, const int8_t *const *rows, int32_t in_width,
                       int32_t x, int8_t *out, int32_t pixels, void *scratch)
{
    const int32_t channels = op->channels;
    const int32_t kernel = op->kernel;
    const int32_t record = CONSTANTS + kernel * kernel;
    int8_t *const first = out;
    const int32_t elements = pixels * channels;
    msf_planes_dsp_t planes = {
        .channels = channels,
        .zero = 0x01010101U * (uint8_t)op->in_zero,
    };
    msf_depthwise_pass_dsp_t pass = {
        .channels = channels,
        .round = op->round,
        .zero = 0x00010001U * (uint16_t)op->in_zero,
    };

    while (pass.above < kernel && rows[pass.above] == NULL) {
        pass.above++;
    }
    while (pass.above + pass.rows < kernel && rows[pass.above + pass.rows] != NULL) {
        pass.rows++;
    }
    pass.below = kernel - pass.above - pass.rows;

    if (pixels <= 0) {
        return;
    }
    if (op->pixels_body != NULL) {
        run_pixels(op, &pass, rows, in_width, x, out, pixels);
        msf_clamp_dsp(first, elements, op->out_min, op->out_max);
        return;
    }
    /* parts of about the same size, of whole passes */
    const int32_t parts = (pixels + op->pixels - 1) / op->pixels;
    const int32_t part = ((pixels + parts - 1) / parts + 3) & ~3;

    while (pixels > 0) {
        pass.pixels = pixels < part ? pixels : part;
        const int32_t blocks = (pass.pixels + 3) / 4 * op->stride_w + (kernel + 2) / 4;
        const int32_t words = kernel * BLOCK_WORDS;
        const int32_t begin = place_blocks(&planes, x, in_width, blocks, words, pass.zero, scratch);
        uint32_t *const place =
            (uint32_t *)scratch + begin * words + (kernel - pass.rows) * BLOCK_WORDS;
        const uint8_t *records = op->records;

        planes.offset = (x + 4 * begin) * channels;
        for (int32_t channel = 0; channel < channels; channel += 4) {
            op->planes(&planes, rows + pass.above, pass.rows, place);
            op->body(&pass, records, scratch, out + channel);
            planes.offset += 4;
            records += 4 * record;
        }
        x += pass.pixels * op->stride_w;
        out += pass.pixels * channels;
        pixels -= pass.pixels;
    }
    msf_clamp_dsp(first, elements, op->out_min, op->out_max);
}

#endif                                   /* __ARM_FEATURE_DSP */
typedef int msf_depthwise_dsp_not_empty; /* a translation unit may not be empty */

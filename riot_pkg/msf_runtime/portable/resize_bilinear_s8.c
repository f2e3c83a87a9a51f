/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       A row between two rows, its pixels between two pixels of each
 * @}
 */

#include "msf/kernels.h"

#include "requantize.h"

#define ONE ((int32_t)1 << MSF_BILINEAR_BITS)
#define BITS (2 * MSF_BILINEAR_BITS)
#define HALF ((int32_t)1 << (BITS - 1))

static int32_t rounded(int32_t acc, uint8_t rounding)
{
    if (rounding == MSF_TO_EVEN) {
        const int32_t up = (acc + HALF) >> BITS;
        return (acc & (2 * HALF - 1)) == HALF ? up & ~1 : up;
    }
    const int32_t more = rounding == MSF_TO_AWAY ? HALF : 0;
    return acc < 0 ? -((more - acc) >> BITS) : (acc + more) >> BITS;
}

void msf_resize_bilinear_s8(const msf_resize_bilinear_s8_t *op, const int8_t *const *rows,
                            int32_t weight, int32_t first, int32_t x, int8_t *out, int32_t pixels)
{
    const msf_resize_bilinear_s8_t resize = *op;
    const int32_t channels = resize.channels;

    for (int32_t i = x; i < x + pixels; i++) {
        const int32_t right = resize.column_weights[i];
        const int32_t at = (resize.columns[i] - first) * channels;
        const int32_t next = right > 0 ? channels : 0;
        const int8_t *upper = rows[0] + at;
        const int8_t *lower = rows[1] + at;

        for (int32_t c = 0; c < channels; c++) {
            const int32_t above = (ONE - right) * (upper[c] - resize.center) +
                                  right * (upper[c + next] - resize.center);
            const int32_t below = (ONE - right) * (lower[c] - resize.center) +
                                  right * (lower[c + next] - resize.center);
            const int32_t acc = (ONE - weight) * above + weight * below;

            *out++ = msf_clamp_s8(resize.center + rounded(acc, resize.rounding), resize.out_min,
                                  resize.out_max);
        }
    }
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Several pixels from the channels of one
 * @}
 */

#include "msf/kernels.h"

void msf_depth_to_space_s8(const msf_depth_to_space_s8_t *op, const int8_t *in, int32_t first,
                           int32_t row, int32_t x, int8_t *out, int32_t pixels)
{
    const int32_t channels = op->channels;
    const int32_t block = op->block;
    const int32_t step = op->channel_step;
    int32_t column = x % block;

    in += (x / block - first) * op->in_channels + row * op->row_step;
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const int8_t *from = in + column * op->column_step;

        for (int32_t c = 0; c < channels; c++, from += step) {
            *out++ = *from;
        }
        if (++column == block) {
            column = 0;
            in += op->in_channels;
        }
    }
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#include "msf_toy.h"

void msf_toy_add(const msf_toy_add_t *op, const int8_t *a, const int8_t *b, int8_t *out,
                 int32_t count, void *scratch)
{
    int32_t *sums = scratch;

    for (int32_t i = 0; i < count; i++) {
        sums[i] = (a[i] - op->zero_a) * op->multiplier_a + (b[i] - op->zero_b) * op->multiplier_b;
    }
    for (int32_t i = 0; i < count; i++) {
        int32_t value = op->out_zero + ((sums[i] + (1 << (op->shift - 1))) >> op->shift);

        value = value < op->out_min ? op->out_min : value;
        out[i] = (int8_t)(value > op->out_max ? op->out_max : value);
    }
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Logarithm of the softmax over the channels of each pixel, in fixed-point numbers
 * @}
 */

#include "msf/kernels.h"

#include "fixed_point.h"
#include "requantize.h"

static uint32_t leading_zeros(uint32_t value)
{
    uint32_t zeros = 0;

    while (value >> (31 - zeros) == 0) {
        zeros++;
    }
    return zeros;
}

/** value * 2^shift, at most INT32_MAX */
static int32_t shifted(int32_t value, uint32_t shift)
{
    return value > INT32_MAX >> shift ? INT32_MAX : value << shift;
}

/**
 * Natural logarithm of total / 2^19, total in [2^19, 2^31), in 26 fractional bits
 *
 * With total / 2^19 = 2^n * z: n * log(2) and a rational approximation of log(z) around the fourth root of 1/2, from
 * the better of two n that are half apart.
 */
static int32_t logarithm(int32_t total)
{
    const int32_t root = 1518500250;        /* of 1/2, as what follows in 31 fractional bits */
    const int32_t fourth_root = 1805811301; /* of 1/2 */
    const int32_t quarter = (int32_t)1 << 23;
    const int32_t halved = msf_doubling_high_product(total, root);
    const uint32_t zeros = leading_zeros((uint32_t)total);
    const uint32_t headroom = leading_zeros((uint32_t)halved) - 1;
    const int32_t upper = shifted(msf_doubling_high_product(shifted(total, zeros - 1), root), 1);
    const int32_t lower = shifted(total, headroom);
    const int32_t upper_power = (12 - (int32_t)zeros) * ((int32_t)1 << 25) + quarter;
    const int32_t lower_power = (12 - (int32_t)headroom) * ((int32_t)1 << 25) - quarter;
    const int32_t z = upper < lower ? upper : lower;
    const int32_t power = upper_power > lower_power ? upper_power : lower_power;
    const int32_t mean = (int32_t)(((int64_t)z + fourth_root + 1) >> 1);
    const int32_t q = 2 * (z - fourth_root);
    const int32_t q2 = msf_doubling_high_product(q, q);
    const int32_t numerator =
        msf_doubling_high_product(q, z) +
        msf_doubling_high_product(msf_doubling_high_product(q, q2), 117049297);
    const int32_t denominator =
        msf_doubling_high_product(mean, 1057819769 + q + msf_doubling_high_product(127690142, q2)) +
        msf_doubling_high_product(638450708, q);
    const int32_t scaled = (numerator + (1 << 5) - (numerator < 0)) >> 6;

    return 2 * (msf_doubling_high_product(power, 1488522236) +
                msf_doubling_high_product(scaled, msf_one_over_one_plus(denominator)));
}

void msf_log_softmax_s8(const msf_log_softmax_s8_t *op, const int8_t *in, int8_t *out,
                        int32_t pixels)
{
    const int32_t channels = op->channels;

    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        int32_t largest = INT8_MIN;
        int32_t total = 0;

        for (int32_t c = 0; c < channels; c++) {
            if (in[c] > largest) {
                largest = in[c];
            }
        }
        for (int32_t c = 0; c < channels; c++) {
            total += op->exponentials[largest - in[c]];
        }
        const int64_t log = logarithm(total) >> op->log_shift;
        const int64_t half = (int64_t)1 << (op->shift - 1);

        for (int32_t c = 0; c < channels; c++) {
            const int64_t below = (op->differences[largest - in[c]] + log) * op->multiplier;
            const int64_t steps = (below + half) >> op->shift;

            out[c] = msf_clamp_s8(steps > 512 ? -512 : op->out_zero - (int32_t)steps, op->out_min,
                                  op->out_max);
        }
        in += channels;
        out += channels;
    }
}

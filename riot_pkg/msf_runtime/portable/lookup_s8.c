/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       Any function of one element
 * @}
 */

#include "msf/kernels.h"

void msf_lookup_s8(const int8_t *table, const int8_t *in, int8_t *out, int32_t elements)
{
    for (int32_t i = 0; i < elements; i++) {
        out[i] = table[in[i] + 128];
    }
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       Which taps of a window lie in the input
 * @{
 */

#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The taps [first, end) of a row of taps; end == first where there are none. */
typedef struct {
    int32_t first;
    int32_t end;
} msf_taps_t;

/** Of `taps` taps, `dilation` columns apart from column `x` on, those in [0, in_width). */
static inline msf_taps_t msf_clip_taps(int32_t x, int32_t taps, int32_t dilation, int32_t in_width)
{
    msf_taps_t inside = { 0, taps };

    /* steps rather than divides: inside the input neither loop runs */
    while (inside.first < taps && x + inside.first * dilation < 0) {
        inside.first++;
    }
    while (inside.end > inside.first && x + (inside.end - 1) * dilation >= in_width) {
        inside.end--;
    }
    return inside;
}

#ifdef __cplusplus
}
#endif

/** @} */

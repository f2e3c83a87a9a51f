/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       What apps/bench measures: a model's stages one by one, and in a profiled package every kernel call
 * @{
 */

#pragma once

#include <stdint.h>

#include "msf/stage.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The stages of a model, to be run in order on one msf_run_t. */
typedef struct {
    uint32_t count;
    void (*const *run)(const msf_run_t *run); /**< each moves what it needs to its place and runs */
    uint32_t input_width;                     /**< pixels of a row */
    uint32_t input_channels;
    uint32_t
        streams_input; /**< 1 where they call `read` for their input, 0 where they find it at `input` */
} msf_stages_t;

/** What the calls at one place of the generated code took. */
typedef struct msf_count {
    const char *call; /**< the arguments, as they are in the code: they name the operator */
    uint64_t count;
    uint32_t calls;
    struct msf_count *next;
} msf_count_t;

/** Starts counting; the application's. */
void msf_profile_begin(void);

/** Adds what was counted since msf_profile_begin(), and remembers `count`; the application's. */
void msf_profile_end(msf_count_t *count);

/** A kernel call that is counted. */
#define MSF_PROFILED(text, statement)                          \
    do {                                                       \
        static msf_count_t msf_count_here = { text, 0, 0, 0 }; \
        msf_profile_begin();                                   \
        statement;                                             \
        msf_profile_end(&msf_count_here);                      \
    } while (0)

#ifdef __cplusplus
}
#endif
/** @} */

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @file
 * @brief       Calls linked in with their outputs; the number of wrong ones is the exit status
 *
 * cases.h, which test_kernels_cross.py writes, defines `cases`: for each call its length in bytes,
 * the call, the output's length, the output, each filled up to whole words; a length of 0 ends them.
 */

#include <string.h>

#include "calls.h"
#include "cases.h"
#include "sim.h"

#define MEMORY_BYTES ((size_t)1 << 20)

static unsigned char *memory;
static size_t used;

void stop(const char *reason)
{
    sim_write(reason);
    sim_write("\n");
    sim_exit(70);
}

void *allocate(size_t bytes)
{
    void *result = memory + used;
    used += (bytes + 3) / 4 * 4;
    if (used > MEMORY_BYTES) {
        stop("out of memory");
    }
    return result;
}

int main(void)
{
    const uint32_t *next = cases;
    int mismatches = 0;

    memory = sim_spare_memory(MEMORY_BYTES);
    if (memory == NULL) {
        stop("out of memory");
    }
    while (*next != 0) {
        const uint32_t call_words = *next++ / 4;
        size_t bytes;

        used = 0;
        const int8_t *out = run_call((const unsigned char *)next, &bytes);
        next += call_words;
        const uint32_t expected = *next++;
        if (bytes != expected || memcmp(out, next, bytes) != 0) {
            mismatches++;
        }
        next += (expected + 3) / 4;
    }
    sim_write("{\"msf\": \"kernels\"}\n");
    return mismatches < 64 ? mismatches : 64;
}

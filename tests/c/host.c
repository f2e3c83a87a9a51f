/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @file
 * @brief       Calls through stdin, outputs to stdout, each behind its length in bytes
 *
 * Every array has an allocation of its own, so that AddressSanitizer sees the first byte out of
 * bounds.
 */

#include <stdio.h>
#include <stdlib.h>

#include "calls.h"

static void *allocated[64];
static size_t allocations;

void stop(const char *reason)
{
    fprintf(stderr, "%s\n", reason);
    exit(1);
}

void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    if (memory == NULL || allocations == sizeof(allocated) / sizeof(allocated[0])) {
        stop("out of memory");
    }
    allocated[allocations++] = memory;
    return memory;
}

int main(void)
{
    uint32_t length;

    while (fread(&length, sizeof(length), 1, stdin) == 1) {
        unsigned char *call = malloc(length);
        if (call == NULL || fread(call, 1, length, stdin) != length) {
            stop("incomplete call");
        }
        size_t bytes;
        const int8_t *out = run_call(call, &bytes);
        const uint32_t out_length = (uint32_t)bytes;
        fwrite(&out_length, sizeof(out_length), 1, stdout);
        fwrite(out, 1, bytes, stdout);
        fflush(stdout);
        while (allocations > 0) {
            free(allocated[--allocations]);
        }
        free(call);
    }
    return 0;
}

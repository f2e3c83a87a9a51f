/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#include <string.h>

#include "msf_model_tiny.h"

#ifdef TINY_RAM
extern uint8_t msf_model_tiny_ballast[TINY_RAM];
uint8_t msf_model_tiny_ballast[TINY_RAM];
#endif

int8_t msf_model_tiny_arena[MSF_MODEL_TINY_ARENA_BYTES] __attribute__((aligned(4)));

const msf_network_t msf_model_tiny_network = {
    .name = "tiny",
    .arena_bytes = MSF_MODEL_TINY_ARENA_BYTES,
    .input_bytes = MSF_MODEL_TINY_BYTES,
    .output_bytes = MSF_MODEL_TINY_BYTES,
    .stages = 1,
    .arena = msf_model_tiny_arena,
    .invoke = msf_model_tiny_invoke,
};

/* What goes wrong on purpose, chosen by TINY_FAULT */
enum {
    NO_FAULT,
    NO_MEMORY,
    UNDEFINED_INSTRUCTION,
    ENDLESS_RECURSION,
    ARENA_OVERRUN,
    ARENA_UNDERRUN,
    ENDLESS_LOOP,
    UNALIGNED_WORD
};

#ifndef TINY_FAULT
#define TINY_FAULT NO_FAULT
#endif

/* Endless, which the compiler must not know */
static int recurse(volatile int *depth)
{
    volatile int here[64] = { *depth + 1 };
    return *depth >= 0 ? recurse(here) + here[1] : 0;
}

static void fail_on_purpose(int8_t *arena)
{
    volatile int depth = 0;
    switch (TINY_FAULT) {
    case NO_MEMORY:
        *(volatile int *)(uintptr_t)0xe8000000U = 1;
        break;
    case UNDEFINED_INSTRUCTION:
        __builtin_trap();
    case ENDLESS_RECURSION:
        depth = recurse(&depth);
        break;
    case ARENA_OVERRUN:
        arena[MSF_MODEL_TINY_ARENA_BYTES] = 1;
        break;
    case ARENA_UNDERRUN:
        arena[-1] = 1;
        break;
    case ENDLESS_LOOP:
        for (;;) {
            depth = 1;
        }
    case UNALIGNED_WORD:
        *(volatile int *)(void *)(arena + 13) = 1;
        break;
    default:
        break;
    }
}

/* Initialized data, so that the start-up code has something to copy */
static volatile int factor = 3;

/* A good part of the stack, so that its high-water mark is worth measuring; TINY_STACK makes it larger. */
#ifndef TINY_STACK
#define TINY_STACK 16
#endif

void msf_model_tiny_invoke(void *arena, const int8_t *input, int8_t *output)
{
    volatile uint8_t used[TINY_STACK];
    for (int i = 0; i < TINY_STACK; i++) {
        used[i] = 1;
    }
    int8_t *copy = arena;
#ifdef TINY_RAM
    msf_model_tiny_ballast[input[0] + 128] = 1;
#endif
    memcpy(copy, input, MSF_MODEL_TINY_BYTES);
    fail_on_purpose(copy);
    for (int i = 0; i < MSF_MODEL_TINY_BYTES; i++) {
        int value = factor * copy[i] + i * used[0];
        output[i] = (int8_t)(value > 127 ? 127 : value < -128 ? -128 : value);
    }
}

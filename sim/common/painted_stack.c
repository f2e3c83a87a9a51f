/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#include "painted_stack.h"

#define PAINT 0xc5a3917fU

#ifdef __x86_64__
#define STACK_POINTER "rsp"
#elif defined(__XTENSA__)
#define STACK_POINTER "a1"
#else
#define STACK_POINTER "sp"
#endif

/* Volatile, so that no compiler makes the loop a call of memset, whose frame would lie in what is painted. */
__attribute__((noinline, no_sanitize_address)) uint32_t
run_on_painted_stack(uint32_t *bottom, void (*function)(void *argument), void *argument)
{
    register uint32_t *stack_pointer __asm__(STACK_POINTER);
    volatile uint32_t *const here = stack_pointer;
    for (volatile uint32_t *word = bottom; word < here; word++) {
        *word = PAINT;
    }
    function(argument);
    volatile uint32_t *lowest = bottom;
    while (lowest < here && *lowest == PAINT) {
        lowest++;
    }
    return lowest == bottom ? UINT32_MAX : (uint32_t)((uintptr_t)here - (uintptr_t)lowest);
}

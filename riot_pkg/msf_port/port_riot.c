/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   The selftest's port to RIOT: ztimer, a thread of its own for the stack, the core's clock
 */

#include <stdint.h>
#include <stdio.h>

#ifdef CPU_NATIVE
#include <stdlib.h>
#else
#include "clk.h"
#endif

#include "compiler_hints.h"
#include "thread.h"
#include "ztimer.h"

#include "port.h"

/** Stack of an inference; boards.yaml says how much each board gives. */
#ifndef PORT_STACK_BYTES
#define PORT_STACK_BYTES (THREAD_STACKSIZE_DEFAULT + 1024)
#endif

typedef struct {
    void (*function)(void *argument);
    void *argument;
    volatile bool done;
} _call_t;

static char _stack[PORT_STACK_BYTES] __attribute__((aligned(8)));

const char port_unit[] = "microseconds";

/* what isrpipe keeps of STDIO_RX_BUFSIZE, less the line's end */
const uint32_t port_line_characters = 60;

uint64_t port_count(void)
{
    /* The clock wraps every 71 minutes: no inference takes that long, so one wrap between two calls is all there is. */
    static uint64_t wraps;
    static uint32_t last;
    uint32_t now = ztimer_now(ZTIMER_USEC);

    if (now < last) {
        wraps += UINT64_C(1) << 32;
    }
    last = now;
    return wraps + now;
}

uint32_t port_clock_hz(void)
{
#ifdef CPU_NATIVE
    return 0;
#else
    return coreclk();
#endif
}

void port_write(const char *text)
{
    printf("%s", text);
}

int port_read_char(void)
{
    return getchar();
}

static void *_run(void *argument)
{
    _call_t *call = argument;

    call->function(call->argument);
    call->done = true;
    return NULL;
}

static void _nothing(void *argument)
{
    (void)argument;
}

/** Bytes that the call left dirty on a freshly painted stack; UINT32_MAX where none was left clean. */
static uint32_t _dirtied(void (*function)(void *argument), void *argument)
{
    _call_t call = { .function = function, .argument = argument };

    /* Of a higher priority than its caller's: it has ended when thread_create() returns. RIOT paints the stack because
     * the Makefile sets SCHED_TEST_STACK; thread_measure_stack_free() would need DEVELHELP. */
    kernel_pid_t pid = thread_create(_stack, sizeof(_stack), THREAD_PRIORITY_MAIN - 1, 0, _run,
                                     &call, "inference");
    uint32_t clean = measure_stack_free_internal(_stack, sizeof(_stack));

    if (!pid_is_valid(pid) || !call.done || (clean == 0)) {
        return UINT32_MAX;
    }
    return sizeof(_stack) - clean;
}

uint32_t port_run_on_measured_stack(void (*function)(void *argument), void *argument)
{
    uint32_t empty = _dirtied(_nothing, NULL);
    uint32_t dirtied = _dirtied(function, argument);

    if ((empty == UINT32_MAX) || (dirtied == UINT32_MAX)) {
        return UINT32_MAX;
    }
    /* An interrupt may have come while the empty function ran. */
    return (dirtied > empty) ? dirtied - empty : 0;
}

void *port_guarded_arena(size_t bytes)
{
#ifdef CPU_NATIVE
    static char *memory;

    memory = realloc(memory, bytes + 2 * PORT_GUARD_BYTES);
    return (memory != NULL) ? memory + PORT_GUARD_BYTES : NULL;
#else
    (void)bytes;
    return NULL;
#endif
}

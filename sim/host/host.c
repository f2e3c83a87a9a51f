/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   BOARD=host: the application as a process of this machine
 */

#define _DEFAULT_SOURCE

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "painted_stack.h"
#include "sim.h"

#define STACK_BYTES (256U * 1024U)

const uint32_t sim_count_resolution = 1;
const bool sim_echo = false;

uint64_t sim_count(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        perror("clock_gettime");
        exit(EXIT_FAILURE);
    }
    return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

void sim_write(const char *text)
{
    (void)fputs(text, stdout);
    (void)fflush(stdout);
}

int sim_read_char(void)
{
    return getchar();
}

void sim_exit(int status)
{
    exit(status);
}

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* Memory between two pages that no access survives. */
static uint8_t *map_between_guards(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t length = (bytes + page - 1) / page * page;
    uint8_t *base = mmap(NULL, length + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED || mprotect(base + page, length, PROT_READ | PROT_WRITE) != 0) {
        fail("mmap");
    }
    return base + page;
}

typedef struct {
    uint32_t *stack;
    void (*function)(void *argument);
    void *argument;
    uint32_t dirtied;
} call_t;

static void *thread_main(void *argument)
{
    call_t *call = argument;
    call->dirtied = run_on_painted_stack(call->stack, call->function, call->argument);
    return NULL;
}

static void run_in_thread(call_t *call)
{
    pthread_t thread;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0 ||
        pthread_attr_setstack(&attributes, call->stack, STACK_BYTES) != 0 ||
        pthread_create(&thread, &attributes, thread_main, call) != 0 ||
        pthread_join(thread, NULL) != 0) {
        fail("pthread");
    }
    (void)pthread_attr_destroy(&attributes);
}

uint32_t sim_run_on_painted_stack(void (*function)(void *argument), void *argument)
{
    static uint32_t *stack;
    if (stack == NULL) {
        stack = (uint32_t *)(void *)map_between_guards(STACK_BYTES);
    }
    call_t call = { stack, function, argument, 0 };
    run_in_thread(&call);
    return call.dirtied;
}

void *sim_spare_memory(size_t bytes)
{
#ifdef __SANITIZE_ADDRESS__
    /* AddressSanitizer watches static buffers more closely than any guard bytes could. */
    (void)bytes;
    return NULL;
#else
    static void *memory;
    static size_t length;
    if (bytes > length) {
        free(memory);
        memory = malloc(bytes);
        length = memory != NULL ? bytes : 0;
    }
    return memory;
#endif
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   What BOARD=host and the bare-metal boards sim-* offer an application
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What sim_count() counts. */
#ifdef SIM_HOST
#define SIM_COUNT_UNIT "microseconds"
#else
#define SIM_COUNT_UNIT "instructions"
#endif

/** Smallest step of sim_count(). */
extern const uint32_t sim_count_resolution;

/** Executed instructions since reset, or microseconds since some fixed moment. */
uint64_t sim_count(void);

/** Writes a NUL-terminated text to the console. */
void sim_write(const char *text);

/** Waits for one character from the console; -1 when there will be none. */
int sim_read_char(void);

/** Whether the shell has to echo what it reads: the host's terminal does so itself. */
extern const bool sim_echo;

/** Ends the run; on QEMU the status becomes QEMU's exit status. */
_Noreturn void sim_exit(int status);

/** Runs function(argument) on a painted stack; the bytes that were dirtied, UINT32_MAX where all of them were. */
uint32_t sim_run_on_painted_stack(void (*function)(void *argument), void *argument);

/** Memory that nothing else uses, aligned to 8 bytes; each call gives the same memory. NULL where there is too little. */
void *sim_spare_memory(size_t bytes);

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   What the applications that test and measure need of the system below them
 *
 * port_riot.c serves RIOT's boards, port_sim.c BOARD=host and BOARD=sim-*. The shell is not part of this:
 * applications use RIOT's `shell.h`, of which sim/ offers the same few names.
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

/** Bytes on either side of the arena of port_guarded_arena() that the selftest fills and checks. */
#define PORT_GUARD_BYTES (64U)

/** What port_count() counts: "instructions" or "microseconds". */
extern const char port_unit[];

/** Instructions executed, or microseconds gone by, since some fixed moment. */
uint64_t port_count(void);

/** Clock of the core in Hz; 0 where it is not known or means nothing. */
uint32_t port_clock_hz(void);

/** Characters of one line that the console takes in while nobody reads. */
extern const uint32_t port_line_characters;

/** Writes a part of a line; a line is complete with its "\n". */
void port_write(const char *text);

/** Waits for one character of the console; -1 when there will be none. */
int port_read_char(void);

/**
 * Runs function(argument) on a painted stack.
 *
 * @return  bytes of stack that the function dirtied (beyond what an empty function does),
 *          UINT32_MAX where it used up the whole stack, so that nothing it did can be trusted
 */
uint32_t port_run_on_measured_stack(void (*function)(void *argument), void *argument);

/**
 * Memory for an arena of `bytes`, with PORT_GUARD_BYTES that are free to use before and after it.
 *
 * @return  the arena (not the guard), aligned to 4 bytes; NULL where memory is too dear: the selftest then uses the
 *          model's own arena, without guards
 */
void *port_guarded_arena(size_t bytes);

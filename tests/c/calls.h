/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @file
 * @brief       A call of one kernel as bytes, for a test to make elsewhere
 *
 * A call is a run of little-endian 32-bit words: the kernel's number (KERNELS in kernel_calls.py)
 * and its arguments in the order in which calls.c reads them; an array is its length in bytes (-1:
 * NULL) and its bytes, filled up to whole words.
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

/** Makes the call; returns the kernel's output and its length in bytes. */
int8_t *run_call(const unsigned char *call, size_t *bytes);

/** Memory until the end of the call, for one array; the machine's part of the program has it. */
void *allocate(size_t bytes);

/** Ends the program, for a reason that is no kernel's fault. */
void stop(const char *reason) __attribute__((noreturn));

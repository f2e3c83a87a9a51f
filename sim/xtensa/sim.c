/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   Console, exception handler and instruction counter of QEMU's Xtensa sim machine
 */

#include <string.h>

#include "machine.h"
#include "sim.h"

/** One request of the Xtensa simulator's SIMCALL instruction; the answer, -1 where it failed. */
uint32_t machine_simcall(uint32_t call, uint32_t first, uint32_t second, uint32_t third);

_Noreturn void exception_handler(uint32_t cause, uintptr_t program_counter, uintptr_t address);

/* libgloss: xtensa/simcall. */
enum { SYS_EXIT = 1, SYS_READ = 3, SYS_WRITE = 4 };
enum { STANDARD_INPUT = 0, STANDARD_OUTPUT = 1 };

/* CCOUNT goes at the core's 40 MHz; with -icount shift=0 an instruction takes 1 ns of QEMU's time. */
const uint32_t sim_count_resolution = 25;

/* To be called at least once in 2^32 ticks, 107 thousand million instructions. */
uint64_t sim_count(void)
{
    static uint64_t ticks;
    uint32_t now;
    __asm__ volatile("rsr.ccount %0" : "=a"(now)::"memory");
    ticks += now - (uint32_t)ticks;
    return ticks * sim_count_resolution;
}

void sim_write(const char *text)
{
    size_t left = strlen(text);
    while (left != 0) {
        int32_t written =
            (int32_t)machine_simcall(SYS_WRITE, STANDARD_OUTPUT, (uint32_t)text, left);
        if (written <= 0) {
            return;
        }
        text += written;
        left -= (size_t)written;
    }
}

int sim_read_char(void)
{
    char c;
    return machine_simcall(SYS_READ, STANDARD_INPUT, (uint32_t)&c, 1) == 1 ? c : -1;
}

void sim_exit(int status)
{
    (void)machine_simcall(SYS_EXIT, (uint32_t)status, 0, 0);
    for (;;) {
    }
}

/* Xtensa Instruction Set Architecture Reference Manual, table 4-64 "Exception Causes". */
enum {
    ILLEGAL_INSTRUCTION = 0,
    INTEGER_DIVIDE_BY_ZERO = 6,
    LOAD_STORE_ALIGNMENT = 9,
};

static const char *exception_name(uint32_t cause)
{
    switch (cause) {
    case ILLEGAL_INSTRUCTION:
        return "undefined instruction";
    case INTEGER_DIVIDE_BY_ZERO:
        return "division by zero";
    case LOAD_STORE_ALIGNMENT:
        return "unaligned access";
    default:
        return "access to no memory";
    }
}

void exception_handler(uint32_t cause, uintptr_t program_counter, uintptr_t address)
{
    const char *name = exception_name(cause);
    if (address < (uintptr_t)_stack_bottom && (uintptr_t)_stack_bottom - address <= 4096) {
        name = "stack overflow";
    }
    sim_fault(name, program_counter, address);
}

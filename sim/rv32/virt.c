/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   Trap handler and instruction counter of QEMU's RISC-V virt machine
 */

#include "machine.h"
#include "semihosting.h"
#include "sim.h"

_Noreturn void trap_handler(uint32_t cause, uintptr_t program_counter, uintptr_t address);

const uint32_t sim_count_resolution = 1;

uint64_t sim_count(void)
{
    uint32_t high, low, again;
    do {
        __asm__ volatile("csrr %0, minstreth" : "=r"(high)::"memory");
        __asm__ volatile("csrr %0, minstret" : "=r"(low)::"memory");
        __asm__ volatile("csrr %0, minstreth" : "=r"(again)::"memory");
    } while (high != again);
    return (uint64_t)high << 32 | low;
}

/* The three instructions must be uncompressed and on one page (RISC-V semihosting specification, section 2). */
uintptr_t __attribute__((noinline, aligned(16)))
machine_semihosting(uintptr_t operation, uintptr_t argument)
{
    register uintptr_t a0 __asm__("a0") = operation;
    register uintptr_t a1 __asm__("a1") = argument;
    __asm__ volatile(".option push          \n"
                     ".option norvc         \n"
                     ".balign 16            \n"
                     "slli zero, zero, 0x1f \n"
                     "ebreak                \n"
                     "srai zero, zero, 7    \n"
                     ".option pop           \n"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}

static const char *const causes[] = {
    "misaligned jump",  "jump to no memory",   "undefined instruction", "breakpoint",
    "unaligned access", "access to no memory", "unaligned access",      "access to no memory",
};

void trap_handler(uint32_t cause, uintptr_t program_counter, uintptr_t address)
{
    const char *name = cause < sizeof causes / sizeof *causes ? causes[cause] : "unexpected trap";
    if (address >= (uintptr_t)_stack_bottom - 4096 && address < (uintptr_t)_stack_bottom) {
        name = "stack overflow";
    }
    sim_fault(name, program_counter, address);
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   What a bare-metal machine under QEMU gives semihosting.c, and gets from it
 */

#ifndef MACHINE_H
#define MACHINE_H

#include <stdint.h>

/** One semihosting request of the processor's debug interface (Arm, "Semihosting for AArch32 and AArch64"). */
uintptr_t machine_semihosting(uintptr_t operation, uintptr_t argument);

/**
 * Waits for a character of the console (SYS_READC).
 *
 * QEMU 7.2 has a defect: it puts the character on the byte below the stack pointer, but answers with what was there
 * before. Newer ones answer with that byte, older ones leave it alone. Hence: the byte is zero before the request and
 * holds the character after it, unless it is still zero; then the answer is right.
 */
uintptr_t machine_semihosting_readc(void);

/** Called by the start-up code on the application's stack. */
_Noreturn void sim_start(void);

/** Called by a fault handler: says what happened and ends the run. */
_Noreturn void sim_fault(const char *name, uintptr_t program_counter, uintptr_t address);

/* Of the linker script. */
extern uint32_t _stack_bottom[], _stack_top[];
extern uint32_t _data_start[], _data_end[], _data_load[];
extern uint32_t _bss_start[], _bss_end[];
extern uint8_t _spare_start[], _spare_end[];

#endif /* MACHINE_H */

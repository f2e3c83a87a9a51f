/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   What the start-up code and the fault handlers of a bare-metal machine share with bare.c
 */

#pragma once

#include <stdint.h>

/** Called by the start-up code on the application's stack. */
_Noreturn void sim_start(void);

/** Called by a fault handler: says what happened and ends the run. */
_Noreturn void sim_fault(const char *name, uintptr_t program_counter, uintptr_t address);

/* Of the linker script. */
extern uint32_t _stack_bottom[], _stack_top[];
extern uint32_t _data_start[], _data_end[], _data_load[];
extern uint32_t _bss_start[], _bss_end[];
extern uint8_t _spare_start[], _spare_end[];

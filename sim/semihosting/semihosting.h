/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   What an Arm or RISC-V machine under QEMU gives semihosting.c
 */

#pragma once

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

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#include "semihosting.h"
#include "sim.h"

enum {
    SYS_WRITE0 = 0x04,
    SYS_EXIT_EXTENDED = 0x20,
    ADP_STOPPED_APPLICATION_EXIT = 0x20026,
};

void sim_write(const char *text)
{
    (void)machine_semihosting(SYS_WRITE0, (uintptr_t)text);
}

int sim_read_char(void)
{
    return (int)machine_semihosting_readc();
}

void sim_exit(int status)
{
    const uintptr_t block[2] = { ADP_STOPPED_APPLICATION_EXIT, (uintptr_t)status };
    (void)machine_semihosting(SYS_EXIT_EXTENDED, (uintptr_t)block);
    for (;;) {
    }
}

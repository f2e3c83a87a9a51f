/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   What every bare-metal machine does alike: from start-up to main(), faults, the stack, spare memory
 */

#include "machine.h"
#include "painted_stack.h"
#include "sim.h"

int main(void);

enum { FAULT_STATUS = 70 };

const bool sim_echo = true;

static void write_hex(uintptr_t value)
{
    char text[11] = "0x";
    for (int digit = 0; digit < 8; digit++) {
        text[2 + digit] = "0123456789abcdef"[(value >> (28 - 4 * digit)) & 15U];
    }
    text[10] = '\0';
    sim_write(text);
}

void sim_fault(const char *name, uintptr_t program_counter, uintptr_t address)
{
    sim_write("\nfault: ");
    sim_write(name);
    sim_write(" at pc=");
    write_hex(program_counter);
    sim_write(" address=");
    write_hex(address);
    sim_write("\n");
    sim_exit(FAULT_STATUS);
}

void sim_start(void)
{
    const uint32_t *from = _data_load;
    for (uint32_t *to = _data_start; to < _data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = _bss_start; to < _bss_end;) {
        *to++ = 0;
    }
    sim_exit(main());
}

uint32_t sim_run_on_painted_stack(void (*function)(void *argument), void *argument)
{
    return run_on_painted_stack(_stack_bottom, function, argument);
}

void *sim_spare_memory(size_t bytes)
{
    return bytes <= (size_t)(_spare_end - _spare_start) ? _spare_start : NULL;
}

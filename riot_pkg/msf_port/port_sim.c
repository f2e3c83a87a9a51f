/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   port.h on BOARD=host and sim-*
 */

#include "port.h"
#include "sim.h"

const char port_unit[] = SIM_COUNT_UNIT;

/* a terminal's line has up to 4096 */
const uint32_t port_line_characters = 4000;

uint64_t port_count(void)
{
    return sim_count();
}

uint32_t port_clock_hz(void)
{
    return 0;
}

void port_write(const char *text)
{
    sim_write(text);
}

int port_read_char(void)
{
    return sim_read_char();
}

static void nothing(void *argument)
{
    (void)argument;
}

uint32_t port_run_on_measured_stack(void (*function)(void *argument), void *argument)
{
    uint32_t empty = sim_run_on_painted_stack(nothing, NULL);
    uint32_t used = sim_run_on_painted_stack(function, argument);
    if (used == UINT32_MAX) {
        return UINT32_MAX;
    }
    return used > empty ? used - empty : 0;
}

void *port_guarded_arena(size_t bytes)
{
    uint8_t *memory = sim_spare_memory(bytes + 2 * PORT_GUARD_BYTES);
    return memory != NULL ? memory + PORT_GUARD_BYTES : NULL;
}

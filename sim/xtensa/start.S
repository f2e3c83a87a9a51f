/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/* Start-up code and exception vectors of QEMU's Xtensa sim machine with the LX106 core. */

    /* The core's vectors, at their distance from VECBASE: debug, NMI, kernel, user, double. Reset is at the start of the
     * ROM, wherever the program's entry may be. */
    .section .vectors, "ax"
    .balign 256
vectors:
    j       _start
    .org 0x10
    j       exception
    .org 0x20
    j       exception
    .org 0x30
    j       exception
    .org 0x50
    j       exception
    .org 0x70
    j       exception

    .balign 4
    .literal_position
    .globl _start
_start:
    movi    a1, _stack_top
    movi    a2, vectors
    wsr     a2, vecbase
    /* No exception is being served, user vector; interrupts up to level 15 off. */
    movi    a2, 0x2f
    wsr     a2, ps
    rsync
    call0   sim_start

exception:
    movi    a1, _handler_stack_top
    rsr     a2, exccause
    rsr     a3, epc1
    rsr     a4, excvaddr
    call0   exception_handler

    /* uint32_t machine_simcall(uint32_t call, uint32_t first, uint32_t second, uint32_t third) */
    .globl machine_simcall
machine_simcall:
    simcall
    ret

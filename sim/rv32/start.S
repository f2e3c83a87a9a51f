/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/* Start-up code of QEMU's RISC-V virt machine: stack, guard below it, traps. */

    .section .init, "ax"
    .globl _start
_start:
    la      sp, _stack_top
    la      t0, _handler_stack_top
    csrw    mscratch, t0
    la      t0, trap_entry
    csrw    mtvec, t0

    /* 4 KiB at _guard, naturally aligned, locked (so that it binds machine mode), no access. */
    la      t0, _guard
    srli    t0, t0, 2
    ori     t0, t0, 0x1ff
    csrw    pmpaddr0, t0
    li      t0, 0x98
    csrw    pmpcfg0, t0
    j       sim_start

    /* See semihosting.h. The three instructions of a semihosting request must be uncompressed and on one page. */
    .globl machine_semihosting_readc
    .balign 32
machine_semihosting_readc:
    .option push
    .option norvc
    sb      zero, -1(sp)
    li      a0, 7
    li      a1, 0
    slli    zero, zero, 0x1f
    ebreak
    srai    zero, zero, 7
    .option pop
    lbu     a1, -1(sp)
    beqz    a1, 1f
    mv      a0, a1
1:  ret

    .align 2
trap_entry:
    csrrw   sp, mscratch, sp
    csrr    a0, mcause
    csrr    a1, mepc
    csrr    a2, mtval
    j       trap_handler

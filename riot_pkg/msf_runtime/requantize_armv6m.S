/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/*
 * void msf_requantize_channels(const int32_t *acc, const int32_t *multiplier, const uint8_t *shift, int32_t channels,
 *                              const msf_output_t *output, int8_t *out)
 * for Cortex-M0 and M0+, 36 instructions an output. The product is that of msf_scale(): three of 12 bits of the
 * multiplier each. A right shift leaves the last bit that it drops in the carry, which is the half to round by; shifts
 * of 32 and more leave the sign, as they should.
 *
 * r0-r3    acc, multiplier, shift, and what becomes of them
 * r4-r7    pointers to acc, multiplier, shift, out
 * r8-r10   zero, min, max
 * r11      where r4 ends
 * r12      2^19
 */

#if defined(__ARM_ARCH_6M__)

    .syntax unified
    .cpu cortex-m0
    .thumb

    .section .text.msf_requantize_channels, "ax", %progbits
    .globl msf_requantize_channels
    .type msf_requantize_channels, %function
    .thumb_func
    .balign 4
msf_requantize_channels:
    push {r4-r7, lr}
    mov  r4, r8
    mov  r5, r9
    mov  r6, r10
    mov  r7, r11
    push {r3-r7}                      /* r3 for the alignment of the stack */
    lsls r3, r3, #2
    beq  .Lend
    adds r3, r3, r0
    mov  r11, r3
    ldr  r4, [sp, #40]
    ldr  r7, [sp, #44]
    ldmia r4!, {r3, r5, r6}
    mov  r8, r3
    mov  r9, r5
    mov  r10, r6
    movs r4, r0
    movs r5, r1
    movs r6, r2
    movs r3, #128
    lsls r3, r3, #12
    mov  r12, r3

.Loutput:
    ldmia r4!, {r0}
    ldmia r5!, {r1}
    ldrb r2, [r6]
    adds r6, #1
    mov  r3, r12
    adds r3, r3, r0
    lsrs r3, r3, #20
    bne  .Lrarely
    subs r2, #24
    bls  .Lsmall_shift
    lsls r3, r1, #20
    lsrs r3, r3, #20
    muls r3, r0
    asrs r3, r3, #12
    mov  lr, r1
    lsls r1, r1, #8
    lsrs r1, r1, #20
    muls r1, r0
    adds r3, r3, r1
    asrs r3, r3, #12
    mov  r1, lr
    lsrs r1, r1, #24
    muls r0, r1
    adds r0, r0, r3
    mov  r3, r8
    asrs r0, r2
    adcs r0, r3
.Lclamp:
    cmp  r0, r9
    bge  1f
    mov  r0, r9
1:  cmp  r0, r10
    ble  1f
    mov  r0, r10
1:  strb r0, [r7]
    adds r7, #1
    cmp  r4, r11
    bne  .Loutput
.Lend:
    pop  {r3-r7}
    mov  r8, r4
    mov  r9, r5
    mov  r10, r6
    mov  r11, r7
    pop  {r4-r7, pc}

.Lsmall_shift:
    adds r2, #24
.Lrarely:
    bl   msf_scale_rarely
    movs r3, #128
    lsls r3, r3, #12
    mov  r12, r3
    add  r0, r8
    b    .Lclamp
    .size msf_requantize_channels, . - msf_requantize_channels

#endif

#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif

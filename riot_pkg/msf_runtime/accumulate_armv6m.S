/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/*
 * void msf_accumulate4_armv6m(const msf_tile_t *tile, int32_t in_first, const int8_t *weights, const int32_t *begin,
 *                             int32_t *acc)
 * makes the sums of the window of one pixel, from `begin` on, for a block of four output channels; msf_depthwise4_armv6m, with the same
 * arguments, where each channel has a filter of its own. Both for Cortex-M0 and M0+.
 *
 * Sums stay in the high registers, where ADD reaches them; a signed byte can only be loaded with an offset from a
 * register, so four registers hold 0 to 3. That is 59 instructions for 16 MACs, and 21 for the 4 of a depthwise tap.
 *
 * r0, r1   input, weights
 * r2-r5    0, 1, 2, 3
 * r6, r7   an element, a weight
 * r8-r11   sums
 * r12      where r0 ends
 */

#if defined(__ARM_ARCH_6M__)

    .syntax unified
    .cpu cortex-m0
    .thumb

/* msf_tile_t */
#define ROWS 0
#define ROW_COUNT 4
#define RUNS 16
#define ELEMENTS 20
#define RUN_STEP 24
#define WEIGHTS_SKIP 32
#define WEIGHTS_FILTER 40

/* the frame */
#define TILE 0
#define IN 4
#define ACC 8
#define NEXT_ROW 12
#define ROWS_LEFT 16
#define RUNS_LEFT 20
#define ROW_SPAN 20 /* of a depthwise filter */
#define WEIGHTS_STEP 24
#define ROW_SKIP 28
#define FRAME 32

.macro enter
    push {r4-r7, lr}
    mov  r4, r8
    mov  r5, r9
    mov  r6, r10
    mov  r7, r11
    push {r4-r7}
    sub  sp, #FRAME
    str  r0, [sp, #TILE]
    str  r1, [sp, #IN]
    ldr  r4, [sp, #FRAME + 36]
    str  r4, [sp, #ACC]
    ldr  r4, [r0, #ROW_COUNT]
    str  r4, [sp, #ROWS_LEFT]
    ldr  r4, [r0, #ROWS]
    str  r4, [sp, #NEXT_ROW]
    ldmia r3!, {r4-r7}
    mov  r8, r4
    mov  r9, r5
    mov  r10, r6
    mov  r11, r7
    mov  r1, r2
    movs r2, #0
    movs r3, #1
    movs r4, #2
    movs r5, #3
.endm

.macro leave
    ldr  r0, [sp, #ACC]
    mov  r4, r8
    mov  r5, r9
    mov  r6, r10
    mov  r7, r11
    stmia r0!, {r4-r7}
    add  sp, #FRAME
    pop  {r4-r7}
    mov  r8, r4
    mov  r9, r5
    mov  r10, r6
    mov  r11, r7
    pop  {r4-r7, pc}
.endm

/* r0 = the next row's first tap */
.macro next_row
    ldr  r6, [sp, #NEXT_ROW]
    ldmia r6!, {r0}
    str  r6, [sp, #NEXT_ROW]
    ldr  r6, [sp, #IN]
    adds r0, r0, r6
.endm

/* one element, at the offset that a register holds, by four channels */
.macro element offset
    ldrsb r6, [r0, \offset]
    ldrsb r7, [r1, r2]
    muls r7, r6
    add  r8, r7
    ldrsb r7, [r1, r3]
    muls r7, r6
    add  r9, r7
    ldrsb r7, [r1, r4]
    muls r7, r6
    add  r10, r7
    ldrsb r7, [r1, r5]
    muls r7, r6
    add  r11, r7
    adds r1, #4
.endm

/* one tap of one channel */
.macro tap offset, sum
    ldrsb r6, [r0, \offset]
    ldrsb r7, [r1, \offset]
    muls r7, r6
    add  \sum, r7
.endm

.macro function name
    .section .text.\name, "ax", %progbits
    .globl \name
    .type \name, %function
    .thumb_func
    .balign 4
\name:
.endm

    function msf_accumulate4_armv6m
    enter
.Lrow:
    next_row
    ldr  r7, [sp, #TILE]
    ldr  r6, [r7, #RUNS]
.Lrun:                                /* r0 the run, r6 how many, r7 the tile */
    str  r6, [sp, #RUNS_LEFT]
    ldr  r6, [r7, #ELEMENTS]
    lsrs r7, r6, #2
    beq  .Lsingles
    lsls r7, r7, #2
    adds r7, r7, r0
    mov  r12, r7
.Lquads:
    element r2
    element r3
    element r4
    element r5
    adds r0, #4
    cmp  r0, r12
    bne  .Lquads
    ldr  r7, [sp, #TILE]
    ldr  r6, [r7, #ELEMENTS]
.Lsingles:                            /* r6 elements */
    lsls r7, r6, #30
    beq  .Lrun_end
    lsrs r7, r7, #30
    adds r7, r7, r0
    mov  r12, r7
.Lsingle:
    element r2
    adds r0, #1
    cmp  r0, r12
    bne  .Lsingle
.Lrun_end:
    ldr  r7, [sp, #TILE]
    ldr  r6, [sp, #RUNS_LEFT]
    subs r6, #1
    beq  .Lrow_end
    mov  r12, r6
    ldr  r6, [r7, #RUN_STEP]
    adds r0, r0, r6
    ldr  r6, [r7, #ELEMENTS]
    subs r0, r0, r6
    mov  r6, r12
    b    .Lrun
.Lrow_end:
    ldr  r6, [r7, #WEIGHTS_SKIP]
    lsls r6, r6, #2
    adds r1, r1, r6
    ldr  r6, [sp, #ROWS_LEFT]
    subs r6, #1
    str  r6, [sp, #ROWS_LEFT]
    bne  .Lrow
    leave
    .size msf_accumulate4_armv6m, . - msf_accumulate4_armv6m

    function msf_depthwise4_armv6m
    enter
    ldr  r7, [sp, #TILE]
    ldr  r6, [r7, #RUN_STEP]
    mov  lr, r6
    ldr  r0, [r7, #RUNS]
    muls r6, r0
    str  r6, [sp, #ROW_SPAN]
    ldr  r6, [r7, #WEIGHTS_FILTER]
    str  r6, [sp, #WEIGHTS_STEP]
    ldr  r0, [r7, #WEIGHTS_SKIP]
    muls r6, r0
    str  r6, [sp, #ROW_SKIP]
.Ldepthwise_row:
    next_row
    ldr  r6, [sp, #ROW_SPAN]
    adds r6, r6, r0
    mov  r12, r6
.Ltap:
    tap  r2, r8
    tap  r3, r9
    tap  r4, r10
    tap  r5, r11
    add  r0, lr
    ldr  r6, [sp, #WEIGHTS_STEP]
    adds r1, r1, r6
    cmp  r0, r12
    bne  .Ltap
    ldr  r6, [sp, #ROW_SKIP]
    adds r1, r1, r6
    ldr  r6, [sp, #ROWS_LEFT]
    subs r6, #1
    str  r6, [sp, #ROWS_LEFT]
    bne  .Ldepthwise_row
    leave
    .size msf_depthwise4_armv6m, . - msf_depthwise4_armv6m

#endif

#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif

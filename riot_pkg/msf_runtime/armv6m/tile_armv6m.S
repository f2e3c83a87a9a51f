/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/*
 * void msf_tile1_armv6m(const msf_tile_t *tile, const msf_channels_t *channels, int8_t *out, int32_t blocks)
 * computes blocks of four output channels of one pixel; msf_depthwise1_armv6m, with the same arguments, where each
 * channel has a filter of its own. Both for Cortex-M0 and M0+; all shifts are 25 or more.
 *
 * Sums stay in the high registers, where ADD reaches them; a signed byte can only be loaded with an offset from a
 * register, so four registers hold 0 to 3. That is 59 instructions for 16 MACs, and 18 for the 4 of a depthwise tap.
 *
 * Requantization takes the multiplier byte by byte: a sum of 24 bits times 8 bits fits 32, a carry comes up with the
 * floor of what is below, and what comes out is floor(sum * multiplier / 2^24). A right shift leaves the last bit that
 * it drops in the carry, which is the half to round by; shifts of 32 and more leave the sign, as they should. That is
 * 28 instructions an output, and two more where it is clipped.
 *
 * r0, r1   input, weights
 * r2-r5    0, 1, 2, 3
 * r6, r7   an element, a weight
 * r8-r11   sums
 * r12      where r0 ends; of a depthwise tile bytes from a tap's weights to the next tap's
 * lr       of a depthwise tile bytes from tap to tap
 */

#if defined(__ARM_ARCH_6M__)

/* MSF_TWICE, of a file that includes this one: 1 for outputs that are not below their zero point, 2 for all */
#if !defined(MSF_TWICE)
#define ROUNDED(name) name
#elif MSF_TWICE == 1
#define ROUNDED(name) name##_above
#else
#define ROUNDED(name) name##_twice
#endif

    .syntax unified
    .cpu cortex-m0
    .thumb

/* msf_tile_t */
#define TILE_ROWS 0
#define TILE_ROW_COUNT 4
#define TILE_IN_FIRST 8
#define TILE_RUNS 16
#define TILE_ELEMENTS 20
#define TILE_RUN_STEP 24
#define TILE_WEIGHTS_BEFORE 28
#define TILE_WEIGHTS_SKIP 32
#define TILE_WEIGHTS_FILTER 40
#define TILE_PADDED 44
#define TILE_ZERO 52

/* the frame */
#define ARGUMENTS 0         /* of msf_add_padding: ROW and SUMS */
#define SUMS 8
#define WEIGHTS 24          /* of the block, like the next four, which lie as in msf_channels_t */
#define BIAS 28
#define MULTIPLIER 32
#define SHIFT 36
#define OUT 40
#define BLOCKS 44
#define TILE 48
#define BODY 52
#define IN 56
#define ROWS 60
#define ROWS_END 64
#define NEXT_ROW 68
#define RUNS 72
#define RUNS_LEFT 76
#define QUADS 80            /* elements of a run, less those that are SINGLES */
#define RUN_STEP 80         /* of a depthwise tile */
#define SINGLES 84
#define RUN_GAP 88          /* from the end of a run to the next one */
#define STEP 92             /* bytes from a tap's weights to the next tap's */
#define ROW 96              /* weights of a channel in a row of taps inside */
#define SKIP 100            /* bytes of weights that are outside between rows, */
#define BEFORE 104          /* and before the first tap inside */
#define BLOCK_WEIGHTS 108   /* bytes from block to block */
#define ZERO 112            /* and min, max, as in msf_tile_t */
#define MIN 116
#define MAX 120
#define FRAME 124           /* with nine registers, the stack stays aligned to 8 bytes */

/* r4 = TILE, r7 the address of the code that makes sums; where a tile and a depthwise one differ is left to do */
.macro enter body
    push {r4-r7, lr}
    mov  r4, r8
    mov  r5, r9
    mov  r6, r10
    mov  r7, r11
    push {r4-r7}
    sub  sp, #FRAME
    str  r2, [sp, #OUT]
    str  r3, [sp, #BLOCKS]
    str  r0, [sp, #TILE]
    add  r2, sp, #WEIGHTS
    ldmia r1!, {r4-r7}
    stmia r2!, {r4-r7}
    movs r4, r0
    ldr  r0, =\body
    str  r0, [sp, #BODY]
    ldr  r0, [r4, #TILE_IN_FIRST]
    str  r0, [sp, #IN]
    ldr  r0, [r4, #TILE_ROWS]
    ldr  r1, [r4, #TILE_ROW_COUNT]
    lsls r1, r1, #2
    adds r1, r1, r0
    str  r0, [sp, #ROWS]
    str  r1, [sp, #ROWS_END]
    movs r0, r4
    adds r0, #TILE_ZERO
    ldmia r0!, {r1-r3}
    add  r0, sp, #ZERO
    stmia r0!, {r1-r3}
    ldr  r0, [r4, #TILE_RUNS]
    str  r0, [sp, #RUNS]
.endm

/* r4 TILE, r0 STEP, r1 ROW, r2 BLOCK_WEIGHTS */
.macro place_weights
    str  r0, [sp, #STEP]
    str  r1, [sp, #ROW]
    str  r2, [sp, #BLOCK_WEIGHTS]
    ldr  r1, [r4, #TILE_WEIGHTS_SKIP]
    muls r1, r0
    str  r1, [sp, #SKIP]
    ldr  r1, [r4, #TILE_WEIGHTS_BEFORE]
    muls r1, r0
    str  r1, [sp, #BEFORE]
.endm

/* r6 NEXT_ROW -> r0 the row's first tap */
.macro next_row
    ldmia r6!, {r0}
    str  r6, [sp, #NEXT_ROW]
    ldr  r6, [sp, #IN]
    adds r0, r0, r6
.endm

/* r1 the next row's weights, r6 NEXT_ROW; equal where there is none */
.macro row_end
    ldr  r6, [sp, #SKIP]
    adds r1, r1, r6
    ldr  r6, [sp, #NEXT_ROW]
    ldr  r7, [sp, #ROWS_END]
    cmp  r6, r7
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
.macro tap_channel offset, sum
    ldrsb r6, [r0, \offset]
    ldrsb r7, [r1, \offset]
    muls r7, r6
    add  \sum, r7
.endm

.macro tap
    tap_channel r2, r8
    tap_channel r3, r9
    tap_channel r4, r10
    tap_channel r5, r11
    add  r0, lr
    add  r1, r12
.endm

/* the output of channel `at` of the block: r4-r6 its MULTIPLIER, SHIFT, OUT, r7 2^23, r12 and lr MIN and MAX */
.macro output at, sum
    mov  r0, \sum
    adds r3, r0, r7
    lsrs r3, r3, #24
    bne  .Lrarely\at
    ldrb r1, [r4, #4 * \at]
    muls r1, r0
    asrs r1, r1, #8
    ldrb r3, [r4, #4 * \at + 1]
    muls r3, r0
    adds r1, r1, r3
    asrs r1, r1, #8
    ldrb r3, [r4, #4 * \at + 2]
    muls r3, r0
    adds r1, r1, r3
    asrs r1, r1, #8
    ldrb r3, [r4, #4 * \at + 3]
    muls r0, r3
    adds r0, r0, r1
#if MSF_TWICE == 1                      /* 2^30 of the first rounding, in steps of 2^24 */
    adds r0, #64
#elif MSF_TWICE == 2                    /* with the sum's sign */
    asrs r1, r0, #31
    lsls r1, r1, #7
    adds r1, #64
    adds r0, r0, r1
#endif
    ldrb r1, [r5, #\at]
    subs r1, #24
    ldr  r3, [sp, #ZERO]
    asrs r0, r1
    adcs r0, r3
.Lclamp\at:
    cmp  r0, r12
    bge  1f
    mov  r0, r12
1:  cmp  r0, lr
    ble  1f
    mov  r0, lr
1:  strb r0, [r6, #\at]
.endm

/* the same for sums beyond 24 bits */
.macro output_rarely at
.Lrarely\at:
    ldr  r1, [r4, #4 * \at]
    ldrb r2, [r5, #\at]
#ifdef MSF_TWICE
    bl   msf_scale_twice_rarely
#else
    bl   msf_scale_rarely
#endif
    load_limits
    ldr  r3, [sp, #ZERO]
    adds r0, r0, r3
    b    .Lclamp\at
.endm

.macro load_limits
    ldr  r3, [sp, #MIN]
    mov  r12, r3
    ldr  r3, [sp, #MAX]
    mov  lr, r3
.endm

.macro begin_sums
    mov  r8, r4
    mov  r9, r5
    mov  r10, r6
    mov  r11, r7
.endm

.macro function name
    .globl \name
    .type \name, %function
    .thumb_func
    .balign 4
\name:
.endm

    .section ROUNDED(.text.msf_tile_armv6m), "ax", %progbits

    function ROUNDED(msf_depthwise1_armv6m)
    enter .Ldepthwise_sums + 1
    movs r1, r0
    ldr  r0, [r4, #TILE_RUN_STEP]
    str  r0, [sp, #RUN_STEP]
    ldr  r0, [r4, #TILE_WEIGHTS_FILTER]
    movs r2, #4
    place_weights
    b    .Lblock
    .ltorg
    .size ROUNDED(msf_depthwise1_armv6m), . - ROUNDED(msf_depthwise1_armv6m)

    function ROUNDED(msf_tile1_armv6m)
    enter .Ltile_sums + 1
    ldr  r1, [r4, #TILE_ELEMENTS]
    movs r2, #3
    ands r2, r1
    str  r2, [sp, #SINGLES]
    subs r2, r1, r2
    str  r2, [sp, #QUADS]
    ldr  r2, [r4, #TILE_RUN_STEP]
    subs r2, r2, r1
    str  r2, [sp, #RUN_GAP]
    muls r1, r0
    movs r0, #4
    ldr  r2, [r4, #TILE_WEIGHTS_FILTER]
    lsls r2, r2, #2
    place_weights

.Lblock:
    ldr  r3, [sp, #BIAS]
    ldmia r3!, {r4-r7}
    str  r3, [sp, #BIAS]
    ldr  r1, [sp, #WEIGHTS]
    ldr  r0, [sp, #TILE]
    ldr  r2, [r0, #TILE_PADDED]
    cmp  r2, #0
    bne  .Lpadding
    begin_sums
.Lsums:
    movs r2, #0
    movs r3, #1
    movs r4, #2
    movs r5, #3
    ldr  r6, [sp, #ROWS]
    ldr  r7, [sp, #BODY]
    bx   r7
    .ltorg

.Lpadding:
    add  r0, sp, #SUMS
    stmia r0!, {r4-r7}
    ldr  r4, [sp, #ROW]
    add  r5, sp, #SUMS
    str  r4, [sp, #ARGUMENTS]
    str  r5, [sp, #ARGUMENTS + 4]
    ldr  r0, [sp, #TILE]
    movs r2, #4
    ldr  r3, [sp, #STEP]
    bl   msf_add_padding
    add  r0, sp, #SUMS
    ldmia r0!, {r4-r7}
    begin_sums
    ldr  r1, [sp, #WEIGHTS]
    ldr  r0, [sp, #BEFORE]
    adds r1, r1, r0
    ldr  r0, [sp, #ROWS]
    ldr  r2, [sp, #ROWS_END]
    cmp  r0, r2
    bne  .Lsums
    b    .Lrequantize

.Ldepthwise_sums:
    ldr  r7, [sp, #RUN_STEP]
    mov  lr, r7
    ldr  r7, [sp, #STEP]
    mov  r12, r7
.Ldepthwise_row:
    next_row
    ldr  r6, [sp, #RUNS]
    subs r6, #3
    blo  .Lfew_taps
.Lthree_taps:
    str  r6, [sp, #RUNS_LEFT]
    tap
    tap
    tap
    ldr  r6, [sp, #RUNS_LEFT]
    subs r6, #3
    bhs  .Lthree_taps
.Lfew_taps:
    adds r6, #3
    beq  .Ldepthwise_row_end
.Ltap:
    str  r6, [sp, #RUNS_LEFT]
    tap
    ldr  r6, [sp, #RUNS_LEFT]
    subs r6, #1
    bne  .Ltap
.Ldepthwise_row_end:
    row_end
    bne  .Ldepthwise_row
    ldr  r0, [sp, #IN]
    adds r0, #4
    str  r0, [sp, #IN]
    b    .Lrequantize

.Ltile_sums:
.Lrow:
    next_row
    ldr  r6, [sp, #RUNS]
.Lrun:
    str  r6, [sp, #RUNS_LEFT]
    ldr  r6, [sp, #QUADS]
    cmp  r6, #0
    beq  .Lsingles
    adds r6, r6, r0
    mov  r12, r6
.Lquad:
    element r2
    element r3
    element r4
    element r5
    adds r0, #4
    cmp  r0, r12
    bne  .Lquad
.Lsingles:
    ldr  r6, [sp, #SINGLES]
    cmp  r6, #0
    beq  .Lrun_end
    adds r6, r6, r0
    mov  r12, r6
.Lsingle:
    element r2
    adds r0, #1
    cmp  r0, r12
    bne  .Lsingle
.Lrun_end:
    ldr  r6, [sp, #RUNS_LEFT]
    subs r6, #1
    beq  .Lrow_end
    ldr  r7, [sp, #RUN_GAP]
    adds r0, r0, r7
    b    .Lrun
.Lrow_end:
    row_end
    bne  .Lrow
    b    .Lrequantize

    output_rarely 0
    output_rarely 1
.Lrequantize:
    load_limits
    add  r3, sp, #MULTIPLIER
    ldmia r3!, {r4-r6}
    movs r7, #128
    lsls r7, r7, #16
    output 0, r8
    output 1, r9
    output 2, r10
    output 3, r11
    adds r4, #16
    adds r5, #4
    adds r6, #4
    add  r3, sp, #MULTIPLIER
    stmia r3!, {r4-r6}
    ldr  r0, [sp, #WEIGHTS]
    ldr  r1, [sp, #BLOCK_WEIGHTS]
    adds r0, r0, r1
    str  r0, [sp, #WEIGHTS]
    ldr  r0, [sp, #BLOCKS]
    subs r0, #1
    str  r0, [sp, #BLOCKS]
    beq  .Lend
    b    .Lblock
.Lend:
    add  sp, #FRAME
    pop  {r4-r7}
    begin_sums
    pop  {r4-r7, pc}
    output_rarely 2
    output_rarely 3
    .size ROUNDED(msf_tile1_armv6m), . - ROUNDED(msf_tile1_armv6m)

#endif

#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif

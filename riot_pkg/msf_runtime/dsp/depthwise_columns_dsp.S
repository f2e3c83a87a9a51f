/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/* Depthwise convolution 3x3, 5x5 and 7x7 with stride 1 or 2 for cores with the DSP extension, four channels at a time.
 *
 * A column of the window is packed once and stays for as many pixels as see it: for channels 0 and 2, then for 1 and 3,
 * one word of two rows a channel and last a word with the last row of both channels. Weights are packed in just that
 * way, so SMLAD multiplies two rows at a time. Packed columns lie side by side in scratch; the next pixel's window begins
 * `stride` columns further on. What goes in and out is said in depthwise_columns_dsp.h. */

#ifdef __ARM_FEATURE_DSP

    .syntax unified
    .thumb

    /* msf_depthwise_columns_dsp_t; its beginning, to ROWS, is copied to the frame */
    .equ OP_RECORDS, 40
    .equ OP_OUT, 44         /* and GROUPS, OFFSET, LAST, CHUNK, FIRST in the same order as in the frame */
    .equ OP_ROUND, 68
    .equ OP_ABOVE, 72
    .equ OP_BELOW, 76
    .equ OP_UNIFORM, 80
    .equ OP_COLUMNS, 84

    /* of all channels where OP_UNIFORM; known to kernels/dsp/ */
    .equ COMMON_SHIFT, 2
    .equ COMMON_SHIFT_TWICE, 10

/* Bytes 0 and 2, or 1 and 3, of four channels plus r3 in each half; scaled: 256 times the bytes, r3 is 0xff00ff00 */
.macro even_bytes result, bytes, scaled
    .if \scaled
    and \result, r3, \bytes, lsl #8
    .else
    sxtab16 \result, r3, \bytes
    .endif
.endm
.macro odd_bytes result, bytes, scaled
    .if \scaled
    and \result, r3, \bytes
    .else
    sxtab16 \result, r3, \bytes, ror #8
    .endif
.endm

/* Rows r4, r5, ... of a column, four channels each -> the packed column at r0 */
.macro pack_column taps, scaled=0
    even_bytes r2, r4, \scaled
    even_bytes r12, r5, \scaled
    pkhbt r1, r2, r12, lsl #16
    pkhtb r2, r12, r2, asr #16
    .if \taps == 3
    even_bytes r12, r6, \scaled
    stmia r0!, {r1, r2, r12}
    .else
    stmia r0!, {r1, r2}
    even_bytes r2, r6, \scaled
    even_bytes r12, r7, \scaled
    pkhbt r1, r2, r12, lsl #16
    pkhtb r2, r12, r2, asr #16
    .if \taps == 5
    even_bytes r12, r8, \scaled
    stmia r0!, {r1, r2, r12}
    .else
    stmia r0!, {r1, r2}
    even_bytes r2, r8, \scaled
    even_bytes r12, r9, \scaled
    pkhbt r1, r2, r12, lsl #16
    pkhtb r2, r12, r2, asr #16
    even_bytes r12, r10, \scaled
    stmia r0!, {r1, r2, r12}
    .endif
    .endif
    odd_bytes r4, r4, \scaled
    odd_bytes r5, r5, \scaled
    odd_bytes r6, r6, \scaled
    pkhbt r1, r4, r5, lsl #16
    pkhtb r2, r5, r4, asr #16
    .if \taps == 3
    stmia r0!, {r1, r2, r6}
    .else
    odd_bytes r7, r7, \scaled
    odd_bytes r8, r8, \scaled
    pkhbt r4, r6, r7, lsl #16
    pkhtb r5, r7, r6, asr #16
    .if \taps == 5
    stmia r0!, {r1, r2, r4, r5, r8}
    .else
    odd_bytes r9, r9, \scaled
    odd_bytes r10, r10, \scaled
    pkhbt r6, r8, r9, lsl #16
    pkhtb r7, r9, r8, asr #16
    stmia r0!, {r1, r2, r4-r7, r10}
    .endif
    .endif
.endm

/* The input's column at offset r11 of the rows -> the packed column at r0; padding -> zeros. r11 goes on by a column. */
.macro input_column taps
    .if \taps == 3
    ldm sp, {r1-r6}                     /* row bytes, channels, zero, rows */
    .elseif \taps == 5
    ldm sp, {r1-r8}
    .else
    ldm sp, {r1-r10}
    .endif
    cmp r11, r1
    bhs 81f                             /* unsigned: before the first column as well */
    ldr r4, [r4, r11]
    ldr r5, [r5, r11]
    ldr r6, [r6, r11]
    .if \taps > 3
    ldr r7, [r7, r11]
    ldr r8, [r8, r11]
    .endif
    .if \taps > 5
    ldr r9, [r9, r11]
    ldr r10, [r10, r11]
    .endif
    add r11, r2
    pack_column \taps
    .subsection 1
81: add r11, r2
    movs r1, #0
    movs r2, #0
    .rept \taps
    stmia r0!, {r1, r2}
    .endr
    b 82f
    .previous
82:
.endm

/* A column of the window for two channels, whose accumulators are `first` and `second`: columns at r0, weights at r1 */
.macro multiply_half taps, first, second
    .if \taps == 3
    ldmia r0!, {r2, r3, r8}
    ldmia r1!, {r9, r10, r12}
    smlad \first, r2, r9, \first
    smlad \second, r3, r10, \second
    smlabb \first, r8, r12, \first
    smlatt \second, r8, r12, \second
    .elseif \taps == 5
    ldmia r0!, {r2, r3, r8-r10}
    ldmia r1!, {r11, r12, lr}
    smlad \first, r2, r11, \first
    smlad \second, r3, r12, \second
    smlad \first, r8, lr, \first
    ldmia r1!, {r11, r12}
    smlad \second, r9, r11, \second
    smlabb \first, r10, r12, \first
    smlatt \second, r10, r12, \second
    .else
    ldmia r0!, {r2, r3, r8, r9}
    ldmia r1!, {r10-r12, lr}
    smlad \first, r2, r10, \first
    smlad \second, r3, r11, \second
    smlad \first, r8, r12, \first
    smlad \second, r9, lr, \second
    ldmia r0!, {r2, r3, r8}
    ldmia r1!, {r10-r12}
    smlad \first, r2, r10, \first
    smlad \second, r3, r11, \second
    smlabb \first, r8, r12, \first
    smlatt \second, r8, r12, \second
    .endif
.endm

/* Sets halves of weights to 0: `count` of them r2 bytes apart from r1 on, and as many r3 bytes behind these. Uses r4, r5 */
.macro clear_halves count, pitch
    movs r4, #0
    movs r5, #\count
91: strh r4, [r1]
    strh r4, [r1, r3]
    adds r1, #\pitch
    subs r5, #1
    bne 91b
.endm

/* `twice`: outputs are rounded twice. Weights, and so accumulators, are 256 times as large; where the channels have a
 * common shift, biases hold what the first rounding adds, elsewhere 64 with the accumulator's sign does it. */
.macro depthwise taps, stride, twice=0, suffix=_dsp
    .equ COLUMN, 8 * \taps          /* bytes of a packed column, */
    .equ CARRY, \taps - \stride     /* columns that one window shares with the next */
    .equ ROW_BYTES, 0
    .equ CHANNELS, 4
    .equ ZERO, 8                    /* minus the input's zero point in each half */
    .equ ROWS, 12
    .equ BIAS, ROWS + 4 * \taps
    .equ WEIGHTS, BIAS + 16
    .equ END, WEIGHTS + \taps * COLUMN     /* of the output, for these columns; loaded together from here on */
    .equ MULTIPLIERS, END + 4
    .equ ROUND, END + 20
    .if \taps == 3
    .equ STEP, END + 24             /* as CHANNELS */
    .equ EACH, END + 28
    .else
    .equ NEXT, END + 24             /* r11 */
    .equ STEP, END + 28
    .equ PLACE, END + 32            /* lr */
    .equ EACH, END + 36
    .endif
    /* of each channel multiplier, round, shift - 1 at EACH; then as in OP */
    .equ OUT, EACH + 48
    .equ GROUPS, OUT + 4            /* of four channels that are left */
    .equ OFFSET, OUT + 8            /* of the first window's first column */
    .equ LAST, OUT + 12             /* where the output ends */
    .equ CHUNK, OUT + 16            /* bytes of output that the columns in scratch make at most */
    .equ FIRST, OUT + 20            /* where the first CARRY packed columns end */
    .equ OP, OUT + 24
    .equ RECORD, OUT + 28
    .equ TAIL, OUT + 32
    .equ FRAME, OUT + 36 + ((OUT + 36) & 7 ^ 4)

    .section .text.msf_depthwise\taps\()s\stride\suffix, "ax", %progbits
    .balign 4
    .global msf_depthwise\taps\()s\stride\suffix
    .type msf_depthwise\taps\()s\stride\suffix, %function
    .thumb_func
msf_depthwise\taps\()s\stride\suffix:
    push {r4-r11, lr}
    sub sp, #FRAME
    .if \taps == 3
    ldm r0, {r1-r6}
    stm sp, {r1-r6}
    .elseif \taps == 5
    ldm r0, {r1-r8}
    stm sp, {r1-r8}
    .else
    ldm r0, {r1-r10}
    stm sp, {r1-r10}
    .endif
    str r2, [sp, #STEP]
    add r1, r0, #OP_RECORDS
    ldm r1, {r1, r3-r8}
    str r1, [sp, #RECORD]
    add r1, sp, #OUT
    stm r1, {r3-r8}
    str r0, [sp, #OP]
    ldr r1, [r0, #OP_ROUND]
    .if \twice
    lsls r1, r1, #COMMON_SHIFT_TWICE - 1
    .else
    lsls r1, r1, #COMMON_SHIFT - 1
    .endif
    str r1, [sp, #ROUND]
    ldr r2, [r0, #OP_UNIFORM]
    adr.w r1, uniform\taps\()s\stride\suffix + 1
    cmp r2, #0
    it eq
    addeq r1, #each\taps\()s\stride\suffix - uniform\taps\()s\stride\suffix
    str r1, [sp, #TAIL]

group\taps\()s\stride\suffix:
    ldr lr, [sp, #RECORD]
    ldmia lr!, {r4-r7}
    ldmia lr!, {r8-r11}
    ldr r3, [lr], #4
    add r0, sp, #BIAS
    stmia r0!, {r4-r7}
    add r1, sp, #MULTIPLIERS
    stm r1, {r8-r11}
    ldr r2, [sp, #OP]
    ldr r4, [r2, #OP_UNIFORM]
    cbnz r4, 1f
    ldr r4, [r2, #OP_ROUND]
    add r1, sp, #EACH
    .irp multiplier, r8, r9, r10, r11
    uxtb r6, r3
    lsl r5, r4, r6
    .if \twice
    add r5, #64
    .endif
    stmia r1!, {\multiplier}
    stmia r1!, {r5, r6}
    lsrs r3, r3, #8
    .endr
1:  .if \twice
    mov r3, #0xff00ff00
    .else
    movs r3, #0
    .endif
    mov r11, #\taps
2:  ldr r4, [lr]
    ldr r5, [lr, #4 * \taps]
    ldr r6, [lr, #8 * \taps]
    .if \taps > 3
    ldr r7, [lr, #12 * \taps]
    ldr r8, [lr, #16 * \taps]
    .endif
    .if \taps > 5
    ldr r9, [lr, #20 * \taps]
    ldr r10, [lr, #24 * \taps]
    .endif
    add lr, #4
    pack_column \taps, \twice
    subs r11, #1
    bne 2b
    add lr, #4 * \taps * (\taps - 1)
    str lr, [sp, #RECORD]

    /* rows of padding are taken for any others, with weights of 0 */
    ldr r0, [sp, #OP]
    ldr r6, [r0, #OP_ABOVE]
    ldr r7, [r0, #OP_BELOW]
    movs r8, #0                 /* the row */
    rsb r9, r7, #\taps          /* the first of those below */
    orrs r7, r6
    beq 5f
3:  cmp r8, r6
    it hs
    cmphs r9, r8
    bhi 4f
    lsrs r1, r8, #1
    movs r3, #4
    lsls r1, r1, #3
    cmp r8, #\taps - 1
    ite eq
    moveq r3, #2
    tstne r8, #1
    it ne
    addne r1, #2
    add r0, sp, #WEIGHTS
    add r1, r0
    clear_halves 2 * \taps, COLUMN / 2
4:  add r8, #1
    cmp r8, #\taps
    bne 3b

5:  ldr r0, [sp, #OP]
    ldr r0, [r0, #OP_COLUMNS]
    ldr r11, [sp, #OFFSET]
    ldr lr, [sp, #OUT]
6:  input_column \taps
    ldr r1, [sp, #FIRST]
    cmp r0, r1
    bne 6b

chunk\taps\()s\stride\suffix:
    ldr r1, [sp, #CHUNK]
    ldr r2, [sp, #LAST]
    add r1, lr
    cmp r1, r2
    it hi
    movhi r1, r2
    str r1, [sp, #END]
pixel\taps\()s\stride\suffix:
    .rept \stride
    input_column \taps
    .endr
    .if \taps > 3
    str r11, [sp, #NEXT]
    str lr, [sp, #PLACE]
    .endif
    subs r0, #\taps * COLUMN
    add r1, sp, #BIAS
    ldmia r1!, {r4-r7}
    .rept \taps
    multiply_half \taps, r4, r6
    multiply_half \taps, r5, r7
    .endr
    ldr pc, [sp, #TAIL]
    .balign 4
uniform\taps\()s\stride\suffix:
    .if \taps == 3
    ldm r1, {r1-r3, r8-r10, r12}
    .else
    ldm r1, {r1-r3, r8-r12, lr}
    .endif
    smmla r4, r4, r2, r10
    smmla r5, r5, r3, r10
    smmla r6, r6, r8, r10
    smmla r7, r7, r9, r10
    .irp acc, r4, r5, r6, r7
    .if \twice
    ssat \acc, #8, \acc, asr #COMMON_SHIFT_TWICE
    .else
    ssat \acc, #8, \acc, asr #COMMON_SHIFT
    .endif
    .endr
store\taps\()s\stride\suffix:
    strb r4, [lr]
    strb r5, [lr, #1]
    strb r6, [lr, #2]
    strb r7, [lr, #3]
    add lr, r12
    cmp lr, r1
    bne pixel\taps\()s\stride\suffix
    ldr r2, [sp, #LAST]
    cmp lr, r2
    beq 7f
    sub r1, r0, #CARRY * COLUMN
    ldr r0, [sp, #OP]
    ldr r0, [r0, #OP_COLUMNS]
    .rept 2 * CARRY
    .if \taps == 3
    ldmia r1!, {r2-r4}
    stmia r0!, {r2-r4}
    .elseif \taps == 5
    ldmia r1!, {r2-r6}
    stmia r0!, {r2-r6}
    .else
    ldmia r1!, {r2-r8}
    stmia r0!, {r2-r8}
    .endif
    .endr
    b chunk\taps\()s\stride\suffix
7:  add r0, sp, #OUT
    ldm r0, {r1-r4}             /* and GROUPS, OFFSET, LAST */
    adds r1, #4
    subs r2, #1
    add r3, #4
    add r4, #4
    stm r0, {r1-r4}
    bne group\taps\()s\stride\suffix
    add sp, #FRAME
    pop {r4-r11, pc}
    .balign 4
each\taps\()s\stride\suffix:
    add r1, sp, #EACH
    .irp acc, r4, r5, r6, r7
    ldmia r1!, {r2, r3, r8}
    .if \twice
    asr r9, \acc, #31
    add r3, r3, r9, lsl #7
    .endif
    smmla \acc, \acc, r2, r3
    asr \acc, \acc, r8
    ssat \acc, #8, \acc, asr #1
    .endr
    ldr r1, [sp, #END]
    ldr r12, [sp, #STEP]
    .if \taps > 3
    ldr r11, [sp, #NEXT]
    ldr lr, [sp, #PLACE]
    .endif
    b store\taps\()s\stride\suffix
    .size msf_depthwise\taps\()s\stride\suffix, . - msf_depthwise\taps\()s\stride\suffix
.endm

    depthwise 3, 1
    depthwise 3, 2
    depthwise 5, 1
    depthwise 5, 2
    depthwise 7, 1
    depthwise 7, 2

    depthwise 3, 1, 1, _twice_dsp
    depthwise 3, 2, 1, _twice_dsp
    depthwise 5, 1, 1, _twice_dsp
    depthwise 5, 2, 1, _twice_dsp
    depthwise 7, 1, 1, _twice_dsp
    depthwise 7, 2, 1, _twice_dsp

#endif /* __ARM_FEATURE_DSP */

#if defined(__linux__)
/* what a host asks of a file that it assembles to nothing; bare-metal linkers take it for news about all others */
    .section .note.GNU-stack, "", %progbits
#endif

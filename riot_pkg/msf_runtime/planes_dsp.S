/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/* Inner kernels of the depthwise convolutions for cores with the DSP extension: 3x3, 5x5 and 7x7 with stride 1 or 2.
 * What they read and write is said in planes_dsp.h, why they are as they are in docs/performance.md. */

#ifdef __ARM_FEATURE_DSP

    .syntax unified
    .thumb

.macro function name
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
.endm

/* ---- Planes: r0 msf_planes_dsp_t, r1 rows, r2 number of rows, r3 first block of the first row -------------------- */

/* A block is four columns of four channels in 32 bytes: for each channel two words of two columns. Blocks of one column
 * follow each other by rows, so that a kernel of \rows rows finds the next columns \rows blocks further on. */

    .equ PLANES_CHANNELS, 0
    .equ PLANES_ZERO, 4     /* the input's zero point in each byte */
    .equ PLANES_OFFSET, 8   /* of the first block, from column 0, bytes */
    .equ PLANES_FIRST, 12   /* the columns of the first block that lie in the input, a bit each; 0: no such block */
    .equ PLANES_WHOLE, 16   /* blocks wholly in the input, after it */
    .equ PLANES_LAST, 20    /* as PLANES_FIRST, of a block after these */

/* Columns 0 1 2 3 in r4 r6 r5 r7 -> a block at r1 */
.macro planes_block rows
    sxtb16 r8, r4, ror #8
    sxtb16 r10, r6, ror #8
    sxtb16 r9, r5, ror #8
    sxtb16 r11, r7, ror #8
    sxtb16 r4, r4
    sxtb16 r6, r6
    sxtb16 r5, r5
    sxtb16 r7, r7
    pkhtb r12, r10, r8, asr #16
    pkhbt r8, r8, r10, lsl #16
    pkhtb lr, r11, r9, asr #16
    pkhbt r9, r9, r11, lsl #16
    pkhtb r10, r6, r4, asr #16
    pkhbt r4, r4, r6, lsl #16
    pkhtb r11, r7, r5, asr #16
    pkhbt r5, r5, r7, lsl #16
    stm r1, {r4, r5, r8-r12, lr}
    adds r1, #32 * \rows
.endm

/* The columns of r3's bits, the others the zero point; r0 goes on by four columns */
.macro planes_some rows
    ldr r12, [sp, #PLANES_FRAME_PLANES]
    ldr r4, [r12, #PLANES_ZERO]
    mov r5, r4
    mov r6, r4
    mov r7, r4
    .irp column, r4, r6, r5, r7
    lsrs r3, r3, #1
    it cs
    ldrcs \column, [r0]
    add r0, r2
    .endr
    planes_block \rows
.endm

    .equ PLANES_FRAME_PLANES, 0
    .equ PLANES_FRAME_ROWS, 4
    .equ PLANES_FRAME_LEFT, 8
    .equ PLANES_FRAME_OUT, 12

.macro planes rows
    function msf_planes\rows\()_dsp
    push {r4-r11, lr}
    sub sp, #20
    stm sp, {r0-r3}
1:  ldm sp, {r0-r3}
    ldr r4, [r1], #4
    subs r2, #1
    str r1, [sp, #PLANES_FRAME_ROWS]
    str r2, [sp, #PLANES_FRAME_LEFT]
    mov r1, r3
    adds r3, #32
    str r3, [sp, #PLANES_FRAME_OUT]
    ldr r2, [r0, #PLANES_CHANNELS]
    ldr r5, [r0, #PLANES_OFFSET]
    ldr r3, [r0, #PLANES_FIRST]
    add r0, r4, r5
    cmp r3, #0
    beq 2f
    planes_some \rows
2:  ldr r3, [sp, #PLANES_FRAME_PLANES]
    ldr r3, [r3, #PLANES_WHOLE]
    cmp r3, #0
    beq 4f
3:  ldr r4, [r0]
    ldr r6, [r0, r2]
    ldr r5, [r0, r2, lsl #1]
    add r0, r0, r2, lsl #1
    ldr r7, [r0, r2]
    add r0, r0, r2, lsl #1
    planes_block \rows
    subs r3, #1
    bne 3b
4:  ldr r3, [sp, #PLANES_FRAME_PLANES]
    ldr r3, [r3, #PLANES_LAST]
    cmp r3, #0
    beq 5f
    planes_some \rows
5:  ldr r2, [sp, #PLANES_FRAME_LEFT]
    cmp r2, #0
    bne 1b
    add sp, #20
    pop {r4-r11, pc}
    .size msf_planes\rows\()_dsp, . - msf_planes\rows\()_dsp
.endm

    planes 3
    planes 5
    planes 7

/* ---- Four channels: r0 msf_depthwise_pass_dsp_t, r1 their records, r2 planes, r3 out ----------------------------- */

/* A pass makes four neighbouring pixels of a channel, whose accumulators are r4 to r7. It reads from r1 the bias four
 * times, for each row its weights in pairs, and at the end the channel's constants; a row's columns are at r0. Rows of
 * padding are not there: a pass begins with a later row, and the rows that there are end at the last place.
 *
 * Weights in pairs, of a row w0 w1 ..., the first in the low half:
 *   A (w0, w1)  B (w3, w2)  C (w4, w5)  X (w0, last one)  for pixels that begin with an even column, and also
 *   D (w1, w2)  E (w3, w4)  F (w5, w6)                    for those that begin with an odd one. */

    .equ PASS_CHANNELS, 0
    .equ PASS_ROWS, 4       /* rows of taps in the input */
    .equ PASS_BELOW, 8      /* rows of taps that are padding, after them */
    .equ PASS_PIXELS, 12
    .equ PASS_ROUND, 16
    .equ PASS_ZERO, 20      /* zero point of the input in each half */
    .equ PASS_ABOVE, 24     /* rows of taps that are padding, before them */

    /* words of a channel's constants, after the last row's weights */
    .equ DW_MULTIPLIER, 0
    .equ DW_ROUND, 4
    .equ DW_SHIFT, 8
    .equ DW_STRIDE, 12
    .equ DW_STRIDE3, 16
    .equ DW_OUT, 20
    .equ DW_LEFT, 24
    .equ DW_CONSTANTS, 28

/* Expands the weights of the row at r0 to r1; uses r3 to r12 */
.macro expand_row taps, stride
    .if \taps == 3
    ldr r3, [r0], #3
    .else
    ldr r3, [r0], #4
    .endif
    sxtb16 r4, r3                       /* A */
    .if \taps == 3
    sxtb16 r3, r3, ror #8
    pkhbt r5, r4, r3, lsl #16           /* X */
    .if \stride == 1
    pkhtb r6, r5, r4, asr #16           /* D */
    stmia r1!, {r4-r6}
    .else
    stmia r1!, {r4, r5}
    .endif
    .elseif \taps == 5
    ldr r7, [r0, #-3]
    adds r0, #1
    sxtb16 r6, r3, ror #8               /* B */
    sxtb16 r7, r7, ror #8
    pkhbt r5, r4, r7                    /* X */
    .if \stride == 1
    pkhtb r7, r6, r4, asr #16           /* D */
    pkhbt r8, r6, r5                    /* E */
    stmia r1!, {r4-r8}
    .else
    stmia r1!, {r4-r6}
    .endif
    .else
    ldr r7, [r0, #-1]
    adds r0, #3
    sxtb16 r6, r3, ror #8               /* B */
    sxtb16 r5, r7
    pkhbt r5, r4, r5                    /* X */
    .if \stride == 1
    sxtb16 r8, r7, ror #8               /* C */
    pkhtb r7, r6, r4, asr #16           /* D */
    pkhbt r9, r6, r8, lsl #16           /* E */
    pkhtb r10, r5, r8, asr #16          /* F */
    stmia r1!, {r4-r10}
    .else
    sxtb16 r7, r7, ror #8               /* C */
    stmia r1!, {r4-r7}
    .endif
    .endif
.endm

/* r2 += zero point of the input (r12, in both halves) * the weights of the row at r0; uses r3, r4 */
.macro skip_row taps
    ldr r3, [r0]
    sxtb16 r4, r3
    smlad r2, r4, r12, r2
    sxtb16 r4, r3, ror #8
    .if \taps == 3
    smlabb r2, r4, r12, r2
    .else
    smlad r2, r4, r12, r2
    .if \taps == 5
    ldrsb r4, [r0, #4]
    smlabb r2, r4, r12, r2
    .else
    ldr r3, [r0, #3]
    sxtb16 r4, r3, ror #8
    smlad r2, r4, r12, r2
    sxtb16 r4, r3
    smlatb r2, r4, r12, r2
    .endif
    .endif
    adds r0, #\taps
.endm

/* Row `row` of a pass; columns (0, 1), (2, 3), ... come to r2 and r3 in turn */
.macro pass_row taps, stride, row
    .equ BLOCK, 32 * \taps
    .equ AT, 32 * \row
    .if \stride == 1
    .if \taps == 3
    ldmia r1!, {r8, r9, r10}            /* A X D */
    ldrd r2, r3, [r0, #AT]
    smlad r4, r2, r8, r4
    smlatb r5, r2, r9, r5
    smlabt r4, r3, r9, r4
    smlad r5, r3, r10, r5
    smlad r6, r3, r8, r6
    smlatb r7, r3, r9, r7
    ldr.w r2, [r0, #AT + BLOCK]
    smlabt r6, r2, r9, r6
    smlad r7, r2, r10, r7
    .elseif \taps == 5
    ldmia r1!, {r8-r12}                 /* A X B D E */
    ldrd r2, r3, [r0, #AT]
    smlad r4, r2, r8, r4
    smlatb r5, r2, r9, r5
    smladx r4, r3, r10, r4
    smlad r5, r3, r11, r5
    smlad r6, r3, r8, r6
    smlatb r7, r3, r9, r7
    ldrd r2, r3, [r0, #AT + BLOCK]
    smlabt r4, r2, r9, r4
    smlad r5, r2, r12, r5
    smladx r6, r2, r10, r6
    smlad r7, r2, r11, r7
    smlabt r6, r3, r9, r6
    smlad r7, r3, r12, r7
    .else
    ldmia r1!, {r8-r12, lr}             /* A X B D C E */
    ldrd r2, r3, [r0, #AT]
    smlad r4, r2, r8, r4
    smlatb r5, r2, r9, r5
    smladx r4, r3, r10, r4
    smlad r5, r3, r11, r5
    smlad r6, r3, r8, r6
    smlatb r7, r3, r9, r7
    ldr.w r8, [r1], #4                  /* F */
    ldrd r2, r3, [r0, #AT + BLOCK]
    smlad r4, r2, r12, r4
    smlad r5, r2, lr, r5
    smladx r6, r2, r10, r6
    smlad r7, r2, r11, r7
    smlabt r4, r3, r9, r4
    smlad r5, r3, r8, r5
    smlad r6, r3, r12, r6
    smlad r7, r3, lr, r7
    ldr.w r2, [r0, #AT + 2 * BLOCK]
    smlabt r6, r2, r9, r6
    smlad r7, r2, r8, r7
    .endif
    .else
    .if \taps == 3
    ldmia r1!, {r8, r9}                 /* A X */
    ldrd r2, r3, [r0, #AT]
    smlad r4, r2, r8, r4
    smlabt r4, r3, r9, r4
    smlad r5, r3, r8, r5
    ldrd r2, r3, [r0, #AT + BLOCK]
    smlabt r5, r2, r9, r5
    smlad r6, r2, r8, r6
    smlabt r6, r3, r9, r6
    smlad r7, r3, r8, r7
    ldr.w r2, [r0, #AT + 2 * BLOCK]
    smlabt r7, r2, r9, r7
    .elseif \taps == 5
    ldmia r1!, {r8-r10}                 /* A X B */
    ldrd r2, r3, [r0, #AT]
    smlad r4, r2, r8, r4
    smladx r4, r3, r10, r4
    smlad r5, r3, r8, r5
    ldrd r2, r3, [r0, #AT + BLOCK]
    smlabt r4, r2, r9, r4
    smladx r5, r2, r10, r5
    smlad r6, r2, r8, r6
    smlabt r5, r3, r9, r5
    smladx r6, r3, r10, r6
    smlad r7, r3, r8, r7
    ldrd r2, r3, [r0, #AT + 2 * BLOCK]
    smlabt r6, r2, r9, r6
    smladx r7, r2, r10, r7
    smlabt r7, r3, r9, r7
    .else
    ldmia r1!, {r8-r11}                 /* A X B C */
    ldrd r2, r3, [r0, #AT]
    smlad r4, r2, r8, r4
    smladx r4, r3, r10, r4
    smlad r5, r3, r8, r5
    ldrd r2, r3, [r0, #AT + BLOCK]
    smlad r4, r2, r11, r4
    smladx r5, r2, r10, r5
    smlad r6, r2, r8, r6
    smlabt r4, r3, r9, r4
    smlad r5, r3, r11, r5
    smladx r6, r3, r10, r6
    smlad r7, r3, r8, r7
    ldrd r2, r3, [r0, #AT + 2 * BLOCK]
    smlabt r5, r2, r9, r5
    smlad r6, r2, r11, r6
    smladx r7, r2, r10, r7
    smlabt r6, r3, r9, r6
    smlad r7, r3, r11, r7
    ldr.w r2, [r0, #AT + 3 * BLOCK]
    smlabt r7, r2, r9, r7
    .endif
    .endif
.endm

/* `words` words of weights a row, `code` instructions a row, all of four bytes */
.macro depthwise taps, stride, words, code
    .equ ROW_BYTES, 4 * \words
    .equ CONSTANTS, 16 + \taps * ROW_BYTES
    .equ START, CONSTANTS + DW_CONSTANTS    /* where a pass's words begin */
    .equ ENTRY, START + 4
    .equ ROWS, START + 8
    .equ BELOW, START + 12
    .equ OUT_END, START + 16
    .equ PLANES, START + 20                 /* the fields from here on are loaded together */
    .equ OUT, START + 24
    .equ RECORD, START + 28
    .equ PIXELS, START + 32                 /* and round, zero, above */
    .equ ZERO, START + 40
    .equ FRAME, START + 48 + ((START + 48) & 4)

    function msf_depthwise\taps\()s\stride\()_dsp
    push {r4-r11, lr}
    sub sp, #FRAME
    ldr r4, [r0, #PASS_ROWS]
    rsb r4, r4, #\taps
    movs r5, #ROW_BYTES
    mul r5, r4, r5
    add r5, sp
    movs r6, #4 * \code
    adr.w r7, 8f
    mla r6, r4, r6, r7
    adds r6, #1
    strd r5, r6, [sp, #START]               /* and ENTRY */
    ldm r0, {r4-r10}                        /* channels, rows, below, pixels, round, zero, above */
    strd r5, r6, [sp, #ROWS]                /* and BELOW */
    adds r5, r3, #4
    str r5, [sp, #OUT_END]
    strd r2, r3, [sp, #PLANES]              /* and OUT */
    add r5, sp, #RECORD
    stmia r5!, {r1, r7-r10}
    add r5, r4, r4, lsl #1
    strd r4, r5, [sp, #CONSTANTS + DW_STRIDE]
    mov r2, r3
1:  add r7, sp, #RECORD
    ldm r7, {r1, r3, r4, r12}
    strd r2, r3, [sp, #CONSTANTS + DW_OUT]
    mov r0, r1
    ldr r2, [r0], #4
    ldr r8, [r0], #4
    ldrb r10, [r0], #1
    ldr r5, [r7, #16]                       /* rows above */
    lsl r9, r4, r10
    add r7, sp, #CONSTANTS
    stm r7, {r8-r10}
    cbz r5, 3f
2:  skip_row \taps
    subs r5, #1
    bne 2b
3:  ldr r1, [sp, #START]
    ldr r11, [sp, #ROWS]
    adds r1, #16
4:  expand_row \taps, \stride
    subs r11, #1
    bne 4b
    ldr r5, [sp, #BELOW]
    cbz r5, 6f
    ldr r12, [sp, #ZERO]
5:  skip_row \taps
    subs r5, #1
    bne 5b
6:  str r0, [sp, #RECORD]
    ldr r1, [sp, #START]
    ldr r0, [sp, #PLANES]
    strd r2, r2, [r1]
    strd r2, r2, [r1, #8]
    ldmia r1!, {r4-r7}
    ldr pc, [sp, #ENTRY]
    .balign 4
8:
    .irp row, 0, 1, 2, 3, 4, 5, 6
    .if \row < \taps
    pass_row \taps, \stride, \row
    .endif
    .endr
    ldm r1, {r8-r12, lr}    /* multiplier, round, shift, stride, 3 * stride, out */
    .irp acc, r4, r5, r6, r7
    smmla \acc, \acc, r8, r9
    asr \acc, \acc, r10
    ssat \acc, #8, \acc, asr #1
    .endr
    ldr r2, [r1, #DW_LEFT]
    strb r4, [lr]
    subs r2, #4
    bls 9f
    strb r5, [lr, r11]
    strb r6, [lr, r11, lsl #1]
    strb r7, [lr, r12]
    add lr, lr, r11, lsl #2
    strd lr, r2, [r1, #DW_OUT]
    ldr r1, [sp, #START]
    add r0, #BLOCK * \stride
    ldmia r1!, {r4-r7}
    ldr pc, [sp, #ENTRY]
9:  adds r2, #2             /* the last pass: -1, 0, 1, 2 for 1 to 4 pixels */
    bmi 10f
    strb r5, [lr, r11]
    beq 10f
    strb r6, [lr, r11, lsl #1]
    cmp r2, #1
    beq 10f
    strb r7, [lr, r12]
10: add r3, sp, #OUT_END
    ldm r3, {r0, r1, r2}    /* and PLANES, OUT */
    adds r1, #8
    adds r2, #1
    strd r1, r2, [r3, #4]
    cmp r2, r0
    bne 1b
    add sp, #FRAME
    pop {r4-r11, pc}
    .size msf_depthwise\taps\()s\stride\()_dsp, . - msf_depthwise\taps\()s\stride\()_dsp
.endm

    depthwise 3, 1, 3, 11
    depthwise 3, 2, 2, 12
    depthwise 5, 1, 5, 15
    depthwise 5, 2, 3, 16
    depthwise 7, 1, 7, 21
    depthwise 7, 2, 4, 21

#endif /* __ARM_FEATURE_DSP */

#if defined(__linux__)
/* what a host asks of a file that it assembles to nothing; bare-metal linkers take it for news about all others */
    .section .note.GNU-stack, "", %progbits
#endif

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/* Depthwise 3x3 with the DSP extension, a pixel of four channels at a time from the rows as they are: cheaper than
 * planes (planes_dsp.S) where rows are short or the stride is 2. What it reads and writes is said in planes_dsp.h. */

#ifdef __ARM_FEATURE_DSP

    .syntax unified
    .thumb

    /* msf_depthwise_pixels_dsp_t */
    .equ OP_CHANNELS, 0
    .equ OP_GROUPS, 4
    .equ OP_ROUND, 8
    .equ OP_ZERO, 12
    .equ OP_ABOVE, 16
    .equ OP_ROWS, 20
    .equ OP_BELOW, 24
    .equ OP_STEP, 28
    .equ OP_TAPS, 32        /* three row pointers */
    .equ OP_LEFT, 44        /* pixels whose first column is padding, */
    .equ OP_WHOLE, 48       /* with all columns, */
    .equ OP_RIGHT, 52       /* whose last column is padding */

    .equ WEIGHTS, 0         /* of each tap two words: channels (0, 2) and (1, 3) */
    .equ BIAS, 72
    .equ CHANNELS, 88       /* of each channel multiplier, round, shift */
    .equ TAPS, 136
    .equ ENTRY, 148
    .equ COUNT, 152
    .equ PHASE, 156
    .equ PHASES, 160        /* entry and count of the pixels left, whole, right; 0 */
    .equ STEP, 188
    .equ OP, 192
    .equ RECORD, 196
    .equ OUT, 200
    .equ GROUPS, 204
    .equ START, 208         /* r0 of the group's first channel */
    .equ FRAME, 216

/* A tap in the input: r0 row at the first column, r10 bytes from column to column */
.macro tap_inside row, tap
    .if \tap == 0
    ldr.w r2, [r0]
    .elseif \tap == 1
    ldr.w r2, [r0, r10]
    .else
    ldr.w r2, [r0, r10, lsl #1]
    .endif
    ldrd r8, r9, [sp, #WEIGHTS + 24 * \row + 8 * \tap]
    sxtb16 r3, r2
    sxtb16 r2, r2, ror #8
    smlabb r4, r3, r8, r4
    smlatt r6, r3, r8, r6
    smlabb r5, r2, r9, r5
    smlatt r7, r2, r9, r7
.endm

/* A tap of padding: the zero point in both halves of r12 */
.macro tap_padding row, tap
    ldrd r8, r9, [sp, #WEIGHTS + 24 * \row + 8 * \tap]
    smlabb r4, r12, r8, r4
    smlatt r6, r12, r8, r6
    smlabb r5, r12, r9, r5
    smlatt r7, r12, r9, r7
.endm

.macro rows first, middle, last
    .irp row, 0, 1, 2
    ldr.w r0, [sp, #TAPS + 4 * \row]
    add.w r0, r0, r11
    tap_\first \row, 0
    tap_\middle \row, 1
    tap_\last \row, 2
    .endr
.endm

    .equ WHOLE_ROW, 4 * 26
    .equ CLIPPED_ROW, 4 * 23

/* bias (r4 to r7, channels 0 2 1 3 in r4 r6 r5 r7) += zero point * a skipped row of weights at r0 */
.macro skip_row
    .rept 3
    ldr r2, [r0], #4
    sxtb16 r3, r2
    sxtb16 r2, r2, ror #8
    smlabb r4, r3, r12, r4
    smlatt r6, r3, r12, r6
    smlabb r5, r2, r12, r5
    smlatt r7, r2, r12, r7
    .endr
.endm

    .section .text.msf_depthwise_pixels_dsp, "ax", %progbits
    .balign 4
    .global msf_depthwise_pixels_dsp
    .type msf_depthwise_pixels_dsp, %function
    .thumb_func
msf_depthwise_pixels_dsp:
    push {r4-r11, lr}
    sub sp, #FRAME
    strd r0, r1, [sp, #OP]
    ldr r3, [r0, #OP_GROUPS]
    strd r2, r3, [sp, #OUT]
    ldr r10, [r0, #OP_CHANNELS]
    ldr r12, [r0, #OP_ZERO]
    ldr r3, [r0, #OP_STEP]
    str r3, [sp, #STEP]
    add r1, r0, #OP_TAPS
    ldm r1, {r2-r4}
    add r1, sp, #TAPS
    stm r1, {r2-r4}
    movs r1, #0
    str r1, [sp, #START]
    /* rows that are not there come before the ones that are */
    ldr r2, [r0, #OP_ROWS]
    rsb r2, r2, #3
    add r9, sp, #PHASES
    adr.w r3, left
    adds r3, #1
    movs r5, #CLIPPED_ROW
    mla r3, r2, r5, r3
    ldr r4, [r0, #OP_LEFT]
    stmia r9!, {r3, r4}
    adr.w r3, whole
    adds r3, #1
    movs r5, #WHOLE_ROW
    mla r3, r2, r5, r3
    ldr r4, [r0, #OP_WHOLE]
    stmia r9!, {r3, r4}
    adr.w r3, right
    adds r3, #1
    movs r5, #CLIPPED_ROW
    mla r3, r2, r5, r3
    ldr r4, [r0, #OP_RIGHT]
    stmia r9!, {r3, r4}
    str r1, [r9]
group:
    ldrd r9, r0, [sp, #OP]      /* and RECORD */
    add r1, sp, #CHANNELS
    ldr r11, [r9, #OP_ROUND]
    ldr r4, [r0], #4
    ldr r5, [r0], #4
    ldr r6, [r0], #4
    ldr r7, [r0], #4
    ldr r8, [r0, #16]           /* shifts */
    .rept 4
    ldr r2, [r0], #4
    uxtb lr, r8
    lsl r3, r11, lr
    stmia r1!, {r2, r3, lr}
    lsr r8, r8, #8
    .endr
    adds r0, #4
    ldr r2, [r9, #OP_ABOVE]
    cbz r2, 2f
    mov lr, r2
1:  skip_row
    subs lr, #1
    bne 1b
2:  ldr lr, [r9, #OP_ROWS]
    rsb r1, lr, #3
    movs r2, #24
    mul r1, r1, r2
    add r1, sp
3:  .rept 3
    ldr r3, [r0], #4
    sxtb16 r2, r3
    sxtb16 r3, r3, ror #8
    stmia r1!, {r2, r3}
    .endr
    subs lr, #1
    bne 3b
    ldr lr, [r9, #OP_BELOW]
    cmp lr, #0
    beq 5f
4:  skip_row
    subs lr, #1
    bne 4b
5:  str r0, [sp, #RECORD]
    add r1, sp, #BIAS
    stm r1, {r4-r7}
    ldr r11, [sp, #START]
    ldr lr, [sp, #OUT]
    add r0, sp, #PHASES
phase:
    ldmia r0!, {r1, r2}
    cmp r1, #0
    beq next_group
    cmp r2, #0
    beq phase
    str r0, [sp, #PHASE]
    strd r1, r2, [sp, #ENTRY]   /* and COUNT */
pixel:
    add r1, sp, #BIAS
    ldmia r1!, {r4-r7}
    ldr pc, [sp, #ENTRY]
    .balign 4
left:
    rows padding, inside, inside
    b requantize_pixel
    .balign 4
right:
    rows inside, inside, padding
    b requantize_pixel
    .balign 4
whole:
    rows inside, inside, inside
requantize_pixel:
    .irp acc, r4, r5, r6, r7
    ldmia r1!, {r2, r3, r8}
    smmla \acc, \acc, r2, r3
    asr \acc, \acc, r8
    ssat \acc, #8, \acc, asr #1
    .endr
    strb r4, [lr]
    strb r5, [lr, #1]
    strb r6, [lr, #2]
    strb r7, [lr, #3]
    ldr r0, [sp, #COUNT]
    ldr r2, [sp, #STEP]
    add lr, r10
    add r11, r2
    subs r0, #1
    str r0, [sp, #COUNT]
    bne pixel
    ldr r0, [sp, #PHASE]
    b phase
next_group:
    ldrd r0, r1, [sp, #OUT]     /* and GROUPS */
    adds r0, #4
    subs r1, #1
    strd r0, r1, [sp, #OUT]
    ldr r2, [sp, #START]
    add r2, #4
    str r2, [sp, #START]
    cmp r1, #0
    bne group
    add sp, #FRAME
    pop {r4-r11, pc}
    .size msf_depthwise_pixels_dsp, . - msf_depthwise_pixels_dsp

#endif /* __ARM_FEATURE_DSP */

#if defined(__linux__)
/* what a host asks of a file that it assembles to nothing; bare-metal linkers take it for news about all others */
    .section .note.GNU-stack, "", %progbits
#endif

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/* Depthwise convolution with the DSP extension, one pixel of all channels from the rows as they are: cheaper than
 * packed columns (depthwise_columns_dsp.S) where a call makes few pixels or most taps are padding. Taps of padding are never looked at, as the
 * input's zero point is subtracted from the activations while they are widened, which costs nothing. */

#ifdef __ARM_FEATURE_DSP

    .syntax unified
    .thumb

    .equ TAP, 40            /* bytes of code of a tap; TAP_MORE more of the sixth */
    .equ TAP_MORE, 4

    /* of four channels, from their multipliers on, which follow the biases */
    .equ RECORD_SHIFTS, 16

    .equ OUT, 0
    .equ RECORD, 4          /* the multipliers of the four channels */
    .equ OFFSET, 8          /* of the four channels in a row */
    .equ ROW_WEIGHTS, 12
    .equ RECORD_BYTES, 16
    .equ OUT_END, 20
    .equ WEIGHTS, 24        /* from RECORD */
    .equ ENTRY, 28
    .equ ROUND, 32
    .equ ROWS, 36           /* the window's row pointers */
    .equ FRAME, 40

/* r0 first column, r1 its weights; r8 and r9 once and three times the bytes from column to column */
.macro tap column
    ldr.w r2, [r1, #4 * \column]
    .if \column == 0
    ldr.w r12, [r0]
    .elseif \column == 1
    ldr.w r12, [r0, r8]
    .elseif \column == 2
    ldr.w r12, [r0, r8, lsl #1]
    .elseif \column == 3
    ldr.w r12, [r0, r9]
    .elseif \column == 4
    ldr.w r12, [r0, r8, lsl #2]
    .elseif \column == 5
    add.w r12, r0, r8
    ldr.w r12, [r12, r8, lsl #2]
    .else
    ldr.w r12, [r0, r9, lsl #1]
    .endif
    sxtb16 r3, r2
    sxtb16 r2, r2, ror #8
    sxtab16 lr, r10, r12
    sxtab16 r12, r10, r12, ror #8
    smlabb r4, lr, r3, r4
    smlatt r6, lr, r3, r6
    smlabb r5, r12, r2, r5
    smlatt r7, r12, r2, r7
.endm

    .section .text.msf_depthwise_window_dsp, "ax", %progbits
    .balign 4
    .global msf_depthwise_window_dsp
    .type msf_depthwise_window_dsp, %function
    .thumb_func
msf_depthwise_window_dsp:
    push {r4-r11, lr}
    sub sp, #FRAME + 4      /* the stack stays aligned to 8 bytes */
    ldm r0!, {r1-r8, r10-r12}           /* records to zero; r0 is now at the rows */
    strd r11, r0, [sp, #ROUND]          /* and ROWS */
    adr.w lr, chain_end
    adds lr, #1
    movs r0, #TAP
    mls lr, r7, r0, lr
    cmp r7, #6
    it ge
    subge lr, #TAP_MORE
    strd r5, lr, [sp, #WEIGHTS]         /* and ENTRY */
    add r3, r2, r3, lsl #2
    strd r4, r3, [sp, #RECORD_BYTES]    /* and OUT_END */
    adds r1, #16
    strd r2, r1, [sp, #OUT]             /* and RECORD */
    strd r10, r6, [sp, #OFFSET]         /* and ROW_WEIGHTS */
    mov r10, r12
    add r9, r8, r8, lsl #1
group:                      /* r1 RECORD */
    ldr r2, [sp, #WEIGHTS]
    ldr r11, [sp, #ROWS]
    ldmdb r1, {r4-r7}
    add r1, r2
    b chain_end
    .balign 4
    .irp column, 6, 5, 4, 3, 2, 1, 0
    tap \column
    .endr
    .balign 4
chain_end:
    ldr r0, [r11], #4
    cbz r0, requantize
    ldrd r2, r3, [sp, #OFFSET]          /* and ROW_WEIGHTS */
    add r0, r2
    add r1, r3
    ldr pc, [sp, #ENTRY]
requantize:
    ldr r1, [sp, #RECORD]
    ldr r0, [sp, #ROUND]
    ldr r12, [r1, #RECORD_SHIFTS]       /* its lowest byte counts */
    ldm r1, {r1, r2, r3, lr}
    lsl r11, r0, r12
    smmla r4, r4, r1, r11
    asr r4, r4, r12
    lsr r12, r12, #8
    lsl r11, r0, r12
    smmla r5, r5, r2, r11
    asr r5, r5, r12
    lsr r12, r12, #8
    lsl r11, r0, r12
    smmla r6, r6, r3, r11
    asr r6, r6, r12
    lsr r12, r12, #8
    lsl r11, r0, r12
    smmla r7, r7, lr, r11
    asr r7, r7, r12
    .irp acc, r4, r5, r6, r7
    ssat \acc, #8, \acc, asr #1
    .endr
    ldm sp, {r0, r1, r2, r3, r11, lr}   /* to OUT_END */
    strb r5, [r0, #1]
    strb r6, [r0, #2]
    strb r7, [r0, #3]
    strb r4, [r0], #4
    add r1, r11
    adds r2, #4
    stm sp, {r0, r1, r2}
    cmp r0, lr
    bne group
    add sp, #FRAME + 4
    pop {r4-r11, pc}
    .size msf_depthwise_window_dsp, . - msf_depthwise_window_dsp

#endif /* __ARM_FEATURE_DSP */

#if defined(__linux__)
/* what a host asks of a file that it assembles to nothing; bare-metal linkers take it for news about all others */
    .section .note.GNU-stack, "", %progbits
#endif

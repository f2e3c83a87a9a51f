/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/* Depthwise convolution with the DSP extension, one pixel of all channels from the rows as they are: cheaper than planes
 * (planes_dsp.S) where a call makes few pixels or most taps are padding. Taps of padding are never looked at, as the
 * input's zero point is subtracted from the activations while they are widened, which costs nothing. */

#ifdef __ARM_FEATURE_DSP

    .syntax unified
    .thumb

    /* msf_depthwise_window_dsp_t, r0 */
    .equ WINDOW_RECORDS, 0
    .equ WINDOW_ROUND, 36
    .equ WINDOW_ZERO, 40
    .equ WINDOW_ROWS, 44

    .equ TAP, 40            /* bytes of code of a tap; TAP_MORE more of the sixth */
    .equ TAP_MORE, 4

    /* constants of four channels */
    .equ RECORD_MULTIPLIERS, 16
    .equ RECORD_SHIFTS, 32

    .equ RECORD, 0
    .equ OUT, 4
    .equ GROUPS, 8
    .equ RECORD_BYTES, 12
    .equ WEIGHTS, 16
    .equ OFFSET, 20         /* of the four channels in a row */
    .equ ROW_WEIGHTS, 24
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
    ldm r0!, {r1-r8, r10}   /* records to offset */
    sub r0, #WINDOW_ROUND
    ldr r11, [r0, #WINDOW_ROUND]
    strd r1, r2, [sp, #RECORD]          /* and OUT */
    strd r3, r4, [sp, #GROUPS]          /* and RECORD_BYTES */
    strd r5, r10, [sp, #WEIGHTS]        /* and OFFSET */
    adr.w r1, chain_end
    adds r1, #1
    movs r2, #TAP
    mls r1, r7, r2, r1
    cmp r7, #6
    it ge
    subge r1, #TAP_MORE
    strd r6, r1, [sp, #ROW_WEIGHTS]     /* and ENTRY */
    ldr r10, [r0, #WINDOW_ZERO]
    adds r0, #WINDOW_ROWS
    strd r11, r0, [sp, #ROUND]          /* and ROWS */
    add r9, r8, r8, lsl #1
group:
    ldr r1, [sp, #RECORD]
    ldr r11, [sp, #ROWS]
    ldr r2, [sp, #WEIGHTS]
    ldm r1, {r4-r7}
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
    ldr r12, [r1, #RECORD_SHIFTS]       /* the lowest byte counts */
    .irp channel, 0, 1, 2, 3
    ldr r2, [r1, #RECORD_MULTIPLIERS + 4 * \channel]
    lsl r3, r0, r12
    .if \channel == 0
    smmla r4, r4, r2, r3
    asr r4, r4, r12
    .elseif \channel == 1
    smmla r5, r5, r2, r3
    asr r5, r5, r12
    .elseif \channel == 2
    smmla r6, r6, r2, r3
    asr r6, r6, r12
    .else
    smmla r7, r7, r2, r3
    asr r7, r7, r12
    .endif
    .if \channel < 3
    lsr r12, r12, #8
    .endif
    .endr
    .irp acc, r4, r5, r6, r7
    ssat \acc, #8, \acc, asr #1
    .endr
    ldr lr, [sp, #OFFSET]
    add lr, #4
    str lr, [sp, #OFFSET]
    add r12, sp, #OUT
    ldm r12, {r0, r2, r3}               /* out, groups, bytes of a record */
    strb r5, [r0, #1]
    strb r6, [r0, #2]
    strb r7, [r0, #3]
    strb r4, [r0], #4
    add r1, r3
    subs r2, #1
    str r1, [sp, #RECORD]
    strd r0, r2, [sp, #OUT]             /* and GROUPS */
    bne group
    add sp, #FRAME + 4
    pop {r4-r11, pc}
    .size msf_depthwise_window_dsp, . - msf_depthwise_window_dsp

#endif /* __ARM_FEATURE_DSP */

#if defined(__linux__)
/* what a host asks of a file that it assembles to nothing; bare-metal linkers take it for news about all others */
    .section .note.GNU-stack, "", %progbits
#endif

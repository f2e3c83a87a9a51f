/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/* Inner kernels of the convolutions for cores with the DSP extension; what they read and write is said in tiles_dsp.h
 * and msf/kernels_dsp.h, why they are as they are in docs/performance.md.
 *
 * Each function is its own section, so that the linker drops the ones that a model does not use. */

#ifdef __ARM_FEATURE_DSP

    .syntax unified
    .thumb

    /* msf_conv2d_dsp_t */
    .equ OP_WEIGHTS, 0
    .equ OP_REQUANTIZE, 8
    .equ OP_ROUND, 12
    .equ OP_SHIFTS, 16
    .equ OP_TAPS, 20
    .equ OP_OUT_CHANNELS, 22

.macro function name
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
.endm

/* ---- Packing: r0 input, r1 packed, r2 quads, r3 pitch ----------------------------------------------------------- */

/* The odd taps of a word: with the borrow of the even ones, or alone */
.macro odd_taps wide, to, from
    .if \wide
    sxtb16 \to, \from, ror #8
    .else
    eor \to, \from, #0x007f007f
    .endif
.endm

.macro pack4_quad wide
    ldr r4, [r0], #4
    ldr r5, [r3], #4
    ldr r6, [r12], #4
    ldr r7, [lr], #4
    sxtb16 r8, r4
    sxtb16 r9, r5
    sxtb16 r10, r6
    sxtb16 r11, r7
    stmia r1!, {r8-r11}
    odd_taps \wide, r4, r4
    odd_taps \wide, r5, r5
    odd_taps \wide, r6, r6
    odd_taps \wide, r7, r7
    stmia r1!, {r4-r7}
.endm

.macro pack4 name, wide
    function \name
    push {r4-r11, lr}
    add r12, r0, r3, lsl #1
    add r3, r0
    sub lr, r3, r0
    add lr, r12
    lsrs r2, r2, #1
    bcc 2f
    pack4_quad \wide
    cmp r2, #0
2:  beq 3f
1:  pack4_quad \wide
    pack4_quad \wide
    subs r2, #1
    bne 1b
3:  mov r0, r1
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

.macro pack3 name, wide
    function \name
    push {r4-r9, lr}
    add r12, r0, r3, lsl #1
    add r3, r0
    cbz r2, 2f
1:  ldr r4, [r0], #4
    ldr r5, [r3], #4
    ldr r6, [r12], #4
    sxtb16 r7, r4
    sxtb16 r8, r5
    sxtb16 r9, r6
    odd_taps \wide, r4, r4
    odd_taps \wide, r5, r5
    odd_taps \wide, r6, r6
    stmia r1!, {r7-r9}
    stmia r1!, {r4-r6}
    subs r2, #1
    bne 1b
2:  mov r0, r1
    pop {r4-r9, pc}
    .size \name, . - \name
.endm

.macro pack2 name, wide
    function \name
    push {r4-r7, lr}
    add r3, r0
    cbz r2, 2f
1:  ldr r4, [r0], #4
    ldr r5, [r3], #4
    sxtb16 r6, r4
    sxtb16 r7, r5
    odd_taps \wide, r4, r4
    odd_taps \wide, r5, r5
    stmia r1!, {r6, r7}
    stmia r1!, {r4, r5}
    subs r2, #1
    bne 1b
2:  mov r0, r1
    pop {r4-r7, pc}
    .size \name, . - \name
.endm

.macro pack1 name, wide
    function \name
    push {r4-r7, lr}
    lsrs r2, r2, #1
    bcc 2f
    ldr r5, [r0], #4
    sxtb16 r4, r5
    odd_taps \wide, r5, r5
    stmia r1!, {r4, r5}
    cmp r2, #0
2:  beq 3f
1:  ldr r5, [r0], #4
    ldr r7, [r0], #4
    sxtb16 r4, r5
    sxtb16 r6, r7
    odd_taps \wide, r5, r5
    odd_taps \wide, r7, r7
    stmia r1!, {r4-r7}
    subs r2, #1
    bne 1b
3:  mov r0, r1
    pop {r4-r7, pc}
    .size \name, . - \name
.endm

    pack4 msf_pack4_dsp, 0
    pack4 msf_pack4_wide_dsp, 1
    pack3 msf_pack3_dsp, 0
    pack3 msf_pack3_wide_dsp, 1
    pack2 msf_pack2_dsp, 0
    pack2 msf_pack2_wide_dsp, 1
    pack1 msf_pack1_dsp, 0
    pack1 msf_pack1_wide_dsp, 1

/* ---- Four pixels times two channels ----------------------------------------------------------------------------- */

/* r0 packed activations, r1 weights, r2 and r3 a pair of pixels' words, r12 and lr the two channels' weights.
 * Accumulators of pixels 0 1 2 3: r6 r7 r4 r5 of the first channel, r10 r11 r8 r9 of the second.
 *
 * The quads of a tile are the first one, which takes the bias from r4 and r8 so that no accumulator needs setting;
 * then a chain of unrolled ones, which is entered as many before its end as are left, and entered again from its
 * beginning while there are more. */

    .equ TILE4_QUAD, 84     /* bytes of code of tile4_quad; 12 more where it is wide */

    .equ TILE4_PACKED, 0
    .equ TILE4_STRIDE, 4    /* of output pixels, bytes */
    .equ TILE4_OUT, 8
    .equ TILE4_STRIDE3, 12
    .equ TILE4_OUT_END, 16
    .equ TILE4_ROUND, 20
    .equ TILE4_ENTRY, 24    /* into the chain */
    .equ TILE4_EXIT, 28     /* from the chain: to REQUANTIZE, or to where the chain is entered again */
    .equ TILE4_PACKED_END, 32
    .equ TILE4_REQUANTIZE, 36
    .equ TILE4_FRAME, 40

.macro tile4_half bias0=r4, bias1=r8, first=0
    ldmia r0!, {r2, r3}
    .if \first
    smlad r6, r2, r12, r4
    smlad r10, r2, lr, r8
    smlad r7, r3, r12, r4
    smlad r11, r3, lr, r8
    ldmia r0!, {r2, r3}
    smlad r5, r3, r12, r4
    smlad r9, r3, lr, r8
    .else
    smlad r6, r2, r12, r6
    smlad r10, r2, lr, r10
    smlad r7, r3, r12, r7
    smlad r11, r3, lr, r11
    ldmia r0!, {r2, r3}
    smlad r5, r3, r12, r5
    smlad r9, r3, lr, r9
    .endif
    smlad r4, r2, r12, r4
    smlad r8, r2, lr, r8
.endm

.macro tile4_quad wide, first=0
    .if \wide
    ldr lr, [r1], #4
    sxtb16 r12, lr
    sxtb16 lr, lr, ror #8
    tile4_half first=\first
    ldr lr, [r1], #4
    sxtb16 r12, lr
    sxtb16 lr, lr, ror #8
    .else
    ldrd r12, lr, [r1], #8
    tile4_half first=\first
    sxtb16 r12, r12
    sxtb16 lr, lr
    .endif
    tile4_half
.endm

.macro tile4 name, wide, chain
    function \name
    push {r4-r11, lr}
    sub sp, #TILE4_FRAME
    ldrh r12, [r0, #OP_TAPS]
    ldrh lr, [r0, #OP_OUT_CHANNELS]
    .if \wide
    ldr r4, [r0, #OP_ROUND]
    adr.w r3, \name\()_requantize
    adds r3, #1
    .else
    ldr r3, [r0, #OP_REQUANTIZE]
    ldr r4, [r0, #OP_ROUND]
    ldr r5, [r0, #OP_SHIFTS]
    cmp r5, #0
    it ge
    lslge r4, r4, r5
    .endif
    ldr r0, [r0, #OP_WEIGHTS]
    str r4, [sp, #TILE4_ROUND]
    strd r1, lr, [sp, #TILE4_PACKED]    /* and TILE4_STRIDE */
    add r6, lr, lr, lsl #1
    strd r2, r6, [sp, #TILE4_OUT]       /* and TILE4_STRIDE3 */
    bic r6, lr, #1
    add r6, r2
    str r6, [sp, #TILE4_OUT_END]
    add r6, r1, r12, lsl #3
    strd r6, r3, [sp, #TILE4_PACKED_END] /* and TILE4_REQUANTIZE */
    lsrs r5, r12, #2
    subs r5, #1
    cmp r5, #\chain
    ble 1f
    adr.w r3, \name\()_again
    adds r3, #1
    and r5, #\chain - 1
1:  adr.w r4, \name\()_chain_end
    adds r4, #1
    movs r6, #TILE4_QUAD + 12 * \wide
    mls r4, r5, r6, r4
    strd r4, r3, [sp, #TILE4_ENTRY]     /* and TILE4_EXIT */
    mov r3, r0
    mov r0, r1
    mov r1, r3
\name\()_tile:
    ldrd r4, r8, [r1], #8
    tile4_quad \wide, first=1
    ldr pc, [sp, #TILE4_ENTRY]
    .balign 4
\name\()_again:
    ldr r2, [sp, #TILE4_PACKED_END]
    cmp r0, r2
    it eq
    ldreq pc, [sp, #TILE4_REQUANTIZE]
\name\()_chain:
    .rept \chain
    tile4_quad \wide
    .endr
\name\()_chain_end:
    ldr pc, [sp, #TILE4_EXIT]
.endm

    tile4 msf_tile4_dsp, 0, 8
    .size msf_tile4_dsp, . - msf_tile4_dsp

/* The end of a tile: r0, r2, r3, r12 and lr come from the frame's first five words. */
.macro tile4_store tile
    ldm sp, {r0, r2, r3, r12, lr}
    strb r7, [r3, r2]
    strb r4, [r3, r2, lsl #1]
    strb r5, [r3, r12]
    strb r6, [r3], #1
    strb r11, [r3, r2]
    strb r8, [r3, r2, lsl #1]
    strb r9, [r3, r12]
    strb r10, [r3], #1
    str r3, [sp, #TILE4_OUT]
    cmp r3, lr
    bne \tile
    add sp, #TILE4_FRAME
    pop {r4-r11, pc}
.endm

/* One shift for all channels, for every shift a piece of code of its own: the shift is part of the instruction. */
.macro tile4_requantize shift
    function msf_requantize_dsp_\shift
    ldrd r12, lr, [r1], #8
    ldr r2, [sp, #TILE4_ROUND]
    .irp acc, r6, r7, r4, r5
    smmla \acc, \acc, r12, r2
    ssat \acc, #8, \acc, asr #\shift
    .endr
    .irp acc, r10, r11, r8, r9
    smmla \acc, \acc, lr, r2
    ssat \acc, #8, \acc, asr #\shift
    .endr
    tile4_store msf_tile4_dsp_tile
    .size msf_requantize_dsp_\shift, . - msf_requantize_dsp_\shift
.endm

    .irp shift, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21
    tile4_requantize \shift
    .endr

/* A shift for each channel */
.macro tile4_requantize_channels tile
    ldrd r12, lr, [r1], #8
    ldr r3, [r1], #4
    ldr r0, [sp, #TILE4_ROUND]
    lsl r2, r0, r3
    .irp acc, r6, r7, r4, r5
    smmla \acc, \acc, r12, r2
    asr \acc, \acc, r3
    ssat \acc, #8, \acc, asr #1
    .endr
    lsrs r3, r3, #16
    lsl r2, r0, r3
    .irp acc, r10, r11, r8, r9
    smmla \acc, \acc, lr, r2
    asr \acc, \acc, r3
    ssat \acc, #8, \acc, asr #1
    .endr
    tile4_store \tile
.endm

    function msf_requantize_dsp_channels
    tile4_requantize_channels msf_tile4_dsp_tile
    .size msf_requantize_dsp_channels, . - msf_requantize_dsp_channels

    tile4 msf_tile4_wide_dsp, 1, 4
    .balign 4
msf_tile4_wide_dsp_requantize:
    tile4_requantize_channels msf_tile4_wide_dsp_tile
    .size msf_tile4_wide_dsp, . - msf_tile4_wide_dsp

/* r3 <- shift - 1 of the first channel | shift - 1 of the second << 16 */
.macro load_shifts at
    ldr r3, [sp, #\at]
    cmp r3, #0
    it lt
    ldrlt r3, [r1], #4
.endm

/* acc <- requantized, r3 shift - 1, round already shifted */
.macro requantize acc, multiplier, round
    smmla \acc, \acc, \multiplier, \round
    asr \acc, \acc, r3
    ssat \acc, #8, \acc, asr #1
.endm

/* ---- Three pixels times two channels ---------------------------------------------------------------------------- */

/* r0 packed, r1 weights, r2 r3 r8 the pixels' words, r12 and lr the channels' weights, accumulators r4 r5 r6 of the first
 * channel, r7 r9 r10 of the second; r11 entry into the chain. */

    .equ CHAIN3, 4
    .equ TILE3_QUAD, 68     /* bytes of code of tile3_quad; 12 more where it is wide */
    .equ TILE3_ROUND, 0
    .equ TILE3_SHIFTS, 4
    .equ TILE3_OUT, 8
    .equ TILE3_OUT_END, 12
    .equ TILE3_PACKED, 16
    .equ TILE3_PACKED_END, 20
    .equ TILE3_STRIDE, 24   /* of output pixels, bytes */
    .equ TILE3_FRAME, 28

.macro tile3_half
    ldmia r0!, {r2, r3, r8}
    smlad r4, r2, r12, r4
    smlad r5, r3, r12, r5
    smlad r6, r8, r12, r6
    smlad r7, r2, lr, r7
    smlad r9, r3, lr, r9
    smlad r10, r8, lr, r10
.endm

.macro tile3_quad wide
    .if \wide
    ldr lr, [r1], #4
    sxtb16 r12, lr
    sxtb16 lr, lr, ror #8
    tile3_half
    ldr lr, [r1], #4
    sxtb16 r12, lr
    sxtb16 lr, lr, ror #8
    .else
    ldrd r12, lr, [r1], #8
    tile3_half
    sxtb16 r12, r12
    sxtb16 lr, lr
    .endif
    tile3_half
.endm

.macro tile3 name, wide
    function \name
    push {r4-r11, lr}
    sub sp, #TILE3_FRAME
    ldrh r12, [r0, #OP_TAPS]
    ldrh r9, [r0, #OP_OUT_CHANNELS]
    ldr r4, [r0, #OP_ROUND]
    ldr r5, [r0, #OP_SHIFTS]
    strd r4, r5, [sp, #TILE3_ROUND]     /* and TILE3_SHIFTS */
    bic r4, r9, #1
    add r4, r2
    strd r2, r4, [sp, #TILE3_OUT]       /* and TILE3_OUT_END */
    add r4, r12, r12, lsl #1
    add r4, r1, r4, lsl #1
    strd r1, r4, [sp, #TILE3_PACKED]    /* and TILE3_PACKED_END */
    str r9, [sp, #TILE3_STRIDE]
    ldr r1, [r0, #OP_WEIGHTS]
    lsrs r4, r12, #2
    subs r4, #1
    and r4, #CHAIN3 - 1
    adds r4, #1
    movs r5, #TILE3_QUAD + 12 * \wide
    adr.w r11, \name\()_chain_end
    mls r11, r4, r5, r11
    add r11, #1
1:  ldrd r4, r7, [r1], #8
    ldr r0, [sp, #TILE3_PACKED]
    mov r5, r4
    mov r6, r4
    mov r9, r7
    mov r10, r7
    bx r11
    .balign 4
\name\()_chain:
    .rept CHAIN3
    tile3_quad \wide
    .endr
\name\()_chain_end:
    ldr r2, [sp, #TILE3_PACKED_END]
    cmp r0, r2
    bne \name\()_chain
    ldrd r12, lr, [r1], #8
    load_shifts TILE3_SHIFTS
    ldr r2, [sp, #TILE3_ROUND]
    lsl r0, r2, r3
    requantize r4, r12, r0
    requantize r5, r12, r0
    requantize r6, r12, r0
    lsrs r3, r3, #16
    lsl r0, r2, r3
    requantize r7, lr, r0
    requantize r9, lr, r0
    requantize r10, lr, r0
    ldrd r0, r3, [sp, #TILE3_OUT]       /* and TILE3_OUT_END */
    ldr r2, [sp, #TILE3_STRIDE]
    strb r5, [r0, r2]
    strb r6, [r0, r2, lsl #1]
    strb r4, [r0], #1
    strb r9, [r0, r2]
    strb r10, [r0, r2, lsl #1]
    strb r7, [r0], #1
    str r0, [sp, #TILE3_OUT]
    cmp r0, r3
    bne 1b
    add sp, #TILE3_FRAME
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

    tile3 msf_tile3_dsp, 0
    tile3 msf_tile3_wide_dsp, 1

/* ---- Two pixels times two channels ------------------------------------------------------------------------------ */

/* r0 packed, r1 weights, r2 and r3 the pixels' words, r12 and lr the channels' weights, accumulators r4 r5 of the
 * first channel, r6 r7 of the second; r8 end of packed, r9 pixel stride, r10 packed, r11 entry into the chain. */

    .equ CHAIN2, 4
    .equ TILE2_QUAD, 48     /* bytes of code of tile2_quad; 12 more where it is wide */
    .equ TILE2_ROUND, 0
    .equ TILE2_SHIFTS, 4
    .equ TILE2_OUT, 8
    .equ TILE2_OUT_END, 12

.macro tile2_half
    ldmia r0!, {r2, r3}
    smlad r4, r2, r12, r4
    smlad r5, r3, r12, r5
    smlad r6, r2, lr, r6
    smlad r7, r3, lr, r7
.endm

.macro tile2_quad wide
    .if \wide
    ldr lr, [r1], #4
    sxtb16 r12, lr
    sxtb16 lr, lr, ror #8
    tile2_half
    ldr lr, [r1], #4
    sxtb16 r12, lr
    sxtb16 lr, lr, ror #8
    .else
    ldrd r12, lr, [r1], #8
    tile2_half
    sxtb16 r12, r12
    sxtb16 lr, lr
    .endif
    tile2_half
.endm

.macro tile2 name, wide
    function \name
    push {r4-r11, lr}
    sub sp, #16
    ldrh r12, [r0, #OP_TAPS]
    ldrh r9, [r0, #OP_OUT_CHANNELS]
    ldr r4, [r0, #OP_ROUND]
    ldr r5, [r0, #OP_SHIFTS]
    strd r4, r5, [sp, #TILE2_ROUND]
    bic r4, r9, #1
    add r4, r2
    strd r2, r4, [sp, #TILE2_OUT]
    add r8, r1, r12, lsl #2
    mov r10, r1
    ldr r1, [r0, #OP_WEIGHTS]
    lsrs r4, r12, #2
    subs r4, #1
    and r4, #CHAIN2 - 1
    adds r4, #1
    movs r5, #TILE2_QUAD + 12 * \wide
    adr.w r11, \name\()_chain_end
    mls r11, r4, r5, r11
    add r11, #1
1:  ldrd r4, r6, [r1], #8
    mov r0, r10
    mov r5, r4
    mov r7, r6
    bx r11
    .balign 4
\name\()_chain:
    .rept CHAIN2
    tile2_quad \wide
    .endr
\name\()_chain_end:
    cmp r0, r8
    bne \name\()_chain
    ldrd r12, lr, [r1], #8
    load_shifts TILE2_SHIFTS
    ldr r2, [sp, #TILE2_ROUND]
    lsl r0, r2, r3
    requantize r4, r12, r0
    requantize r5, r12, r0
    lsrs r3, r3, #16
    lsl r0, r2, r3
    requantize r6, lr, r0
    requantize r7, lr, r0
    ldrd r0, r3, [sp, #TILE2_OUT]
    strb r5, [r0, r9]
    strb r4, [r0], #1
    strb r7, [r0, r9]
    strb r6, [r0], #1
    str r0, [sp, #TILE2_OUT]
    cmp r0, r3
    bne 1b
    add sp, #16
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

    tile2 msf_tile2_dsp, 0
    tile2 msf_tile2_wide_dsp, 1

/* ---- One pixel times four channels, a last pair alone ------------------------------------------------------------ */

/* r0 packed, r1 weights of a pair and r3 of the next pair, r2 and r10 the pixel's words of four taps, accumulators
 * r4 to r7, weights r8 r9 of the first pair and r12 lr of the second; r11 end of packed. */

    .equ CHAIN1, 4
    .equ TILE1_QUAD, 60     /* bytes of code of tile1_quad; 24 more where it is wide */
    .equ TILE1_ROUND, 0
    .equ TILE1_SHIFTS, 4
    .equ TILE1_OUT, 8
    .equ TILE1_OUT_END, 12  /* of whole fours of channels */
    .equ TILE1_PACKED, 16
    .equ TILE1_PAIR, 20     /* bytes of a pair's weights and constants */
    .equ TILE1_ENTRY, 24
    .equ TILE1_LEFT, 28     /* whether there is a last pair */
    .equ TILE1_FRAME, 32

.macro tile1_pair_half word, w0, w1, acc0, acc1
    smlad \acc0, \word, \w0, \acc0
    smlad \acc1, \word, \w1, \acc1
.endm

.macro tile1_quad wide
    ldrd r2, r10, [r0], #8
    .if \wide
    .irp word, r2, r10
    ldr r9, [r1], #4
    ldr lr, [r3], #4
    sxtb16 r8, r9
    sxtb16 r9, r9, ror #8
    sxtb16 r12, lr
    sxtb16 lr, lr, ror #8
    tile1_pair_half \word, r8, r9, r4, r5
    tile1_pair_half \word, r12, lr, r6, r7
    .endr
    .else
    ldrd r8, r9, [r1], #8
    ldrd r12, lr, [r3], #8
    tile1_pair_half r2, r8, r9, r4, r5
    tile1_pair_half r2, r12, lr, r6, r7
    sxtb16 r8, r8
    sxtb16 r9, r9
    sxtb16 r12, r12
    sxtb16 lr, lr
    tile1_pair_half r10, r8, r9, r4, r5
    tile1_pair_half r10, r12, lr, r6, r7
    .endif
.endm

/* Of the pair at r1, with accumulators acc0 and acc1; out in r10 */
.macro tile1_requantize acc0, acc1
    ldrd r12, lr, [r1], #8
    ldr r3, [sp, #TILE1_SHIFTS]
    cmp r3, #0
    it lt
    ldrlt r3, [r1], #4
    ldr r2, [sp, #TILE1_ROUND]
    lsl r0, r2, r3
    requantize \acc0, r12, r0
    lsrs r3, r3, #16
    lsl r0, r2, r3
    requantize \acc1, lr, r0
    strb \acc0, [r10], #1
    strb \acc1, [r10], #1
.endm

.macro tile1 name, wide
    function \name
    push {r4-r11, lr}
    sub sp, #TILE1_FRAME
    ldrh r12, [r0, #OP_TAPS]
    ldrh r3, [r0, #OP_OUT_CHANNELS]
    ldr r4, [r0, #OP_ROUND]
    ldr r5, [r0, #OP_SHIFTS]
    strd r4, r5, [sp, #TILE1_ROUND]
    bic r4, r3, #3
    add r4, r2
    strd r2, r4, [sp, #TILE1_OUT]
    add r11, r1, r12, lsl #1
    lsl r6, r12, #1
    cmp r5, #0
    ite lt
    addlt r6, #20
    addge r6, #16
    strd r1, r6, [sp, #TILE1_PACKED]    /* and TILE1_PAIR */
    ldr r1, [r0, #OP_WEIGHTS]
    and r6, r3, #2
    lsrs r4, r12, #2
    subs r4, #1
    and r4, #CHAIN1 - 1
    adds r4, #1
    movs r5, #TILE1_QUAD + 24 * \wide
    adr.w r7, \name\()_chain_end
    mls r7, r4, r5, r7
    adds r7, #1
    strd r7, r6, [sp, #TILE1_ENTRY]     /* and TILE1_LEFT */
    cmp r3, #4
    blt 2f
1:  ldrd r0, r3, [sp, #TILE1_PACKED]    /* and TILE1_PAIR */
    add r3, r1
    ldrd r4, r5, [r1], #8
    ldrd r6, r7, [r3], #8
    ldr pc, [sp, #TILE1_ENTRY]
    .balign 4
\name\()_chain:
    .rept CHAIN1
    tile1_quad \wide
    .endr
\name\()_chain_end:
    cmp r0, r11
    bne \name\()_chain
    ldr r10, [sp, #TILE1_OUT]
    mov r8, r3
    tile1_requantize r4, r5
    mov r1, r8
    tile1_requantize r6, r7
    str r10, [sp, #TILE1_OUT]
    ldr r2, [sp, #TILE1_OUT_END]
    cmp r10, r2
    bne 1b
2:  ldr r6, [sp, #TILE1_LEFT]
    cbz r6, 4f
    ldr r0, [sp, #TILE1_PACKED]
    ldrd r4, r5, [r1], #8
3:  ldrd r2, r10, [r0], #8
    .if \wide
    .irp word, r2, r10
    ldr r9, [r1], #4
    sxtb16 r8, r9
    sxtb16 r9, r9, ror #8
    tile1_pair_half \word, r8, r9, r4, r5
    .endr
    .else
    ldrd r8, r9, [r1], #8
    tile1_pair_half r2, r8, r9, r4, r5
    sxtb16 r8, r8
    sxtb16 r9, r9
    tile1_pair_half r10, r8, r9, r4, r5
    .endif
    cmp r0, r11
    bne 3b
    ldr r10, [sp, #TILE1_OUT]
    tile1_requantize r4, r5
4:  add sp, #TILE1_FRAME
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

    tile1 msf_tile1_dsp, 0
    tile1 msf_tile1_wide_dsp, 1

#endif /* __ARM_FEATURE_DSP */

#if defined(__linux__)
/* what a host asks of a file that it assembles to nothing; bare-metal linkers take it for news about all others */
    .section .note.GNU-stack, "", %progbits
#endif

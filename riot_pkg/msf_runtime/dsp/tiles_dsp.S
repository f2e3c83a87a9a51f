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
    .equ OP_IN_CHANNELS, 24

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

    .equ TILE4_QUAD, 84     /* bytes of code of tile4_quad; 12 more where it is wide, 8 more with a step */

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

.macro tile4_pair step
    .if \step
    ldrd r2, r3, [r0], #\step
    .else
    ldmia r0!, {r2, r3}
    .endif
.endm

/* step: from the last pair of words to what follows it, where the words of more columns lie between; 0 for none */
.macro tile4_half first=0, step=0
    .if \step
    ldrd r2, r3, [r0], #8
    .else
    ldmia r0!, {r2, r3}
    .endif
    .if \first
    smlad r6, r2, r12, r4
    smlad r10, r2, lr, r8
    smlad r7, r3, r12, r4
    smlad r11, r3, lr, r8
    tile4_pair \step
    smlad r5, r3, r12, r4
    smlad r9, r3, lr, r8
    .else
    smlad r6, r2, r12, r6
    smlad r10, r2, lr, r10
    smlad r7, r3, r12, r7
    smlad r11, r3, lr, r11
    tile4_pair \step
    smlad r5, r3, r12, r5
    smlad r9, r3, lr, r9
    .endif
    smlad r4, r2, r12, r4
    smlad r8, r2, lr, r8
.endm

.macro tile4_quad wide, first=0, step=0
    .if \wide
    ldr lr, [r1], #4
    sxtb16 r12, lr
    sxtb16 lr, lr, ror #8
    tile4_half \first, \step
    ldr lr, [r1], #4
    sxtb16 r12, lr
    sxtb16 lr, lr, ror #8
    .else
    ldrd r12, lr, [r1], #8
    tile4_half \first, \step
    sxtb16 r12, r12
    sxtb16 lr, lr
    .endif
    tile4_half 0, \step
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

/* The end of a tile: r0, r2, r3, r12 and lr come from the frame's first five words; then EQ where it was the last. */
.macro tile4_outputs
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
.endm

.macro tile4_store tile
    tile4_outputs
    bne \tile
    add sp, #TILE4_FRAME
    pop {r4-r11, pc}
.endm

/* One shift for all channels, for every shift a piece of code of its own: the shift is part of the instruction. */
.macro tile4_requantize shift
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
.endm

    .irp shift, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21
    function msf_requantize_dsp_\shift
    tile4_requantize \shift
    tile4_store msf_tile4_dsp_tile
    .size msf_requantize_dsp_\shift, . - msf_requantize_dsp_\shift
    .endr

/* A shift for each channel; `twice`: 2^30 times the sign goes into the product, which is 64 in its high word here */
.macro tile4_requantize_channels twice=0
    ldrd r12, lr, [r1], #8
    ldr r3, [r1], #4
    ldr r0, [sp, #TILE4_ROUND]
    round_channel r2, r0, \twice
    .irp acc, r6, r7, r4, r5
    requantize \acc, r12, r2, \twice, r0
    .endr
    lsrs r3, r3, #16
    .if \twice
    ldr r0, [sp, #TILE4_ROUND]
    .endif
    round_channel r2, r0, \twice
    .irp acc, r10, r11, r8, r9
    requantize \acc, lr, r2, \twice, r0
    .endr
.endm

/* shifted <- round for r3, shift - 1 */
.macro round_channel shifted, round, twice
    lsl \shifted, \round, r3
    .if \twice
    add \shifted, #64
    .endif
.endm

/* acc <- requantized, r3 shift - 1, round already shifted; `twice` needs a register more */
.macro requantize acc, multiplier, round, twice=0, other=r2
    .if \twice
    asr \other, \acc, #31
    add \other, \round, \other, lsl #7
    smmla \acc, \acc, \multiplier, \other
    .else
    smmla \acc, \acc, \multiplier, \round
    .endif
    asr \acc, \acc, r3
    ssat \acc, #8, \acc, asr #1
.endm

    function msf_requantize_dsp_channels
    tile4_requantize_channels
    tile4_store msf_tile4_dsp_tile
    .size msf_requantize_dsp_channels, . - msf_requantize_dsp_channels

    function msf_requantize_dsp_channels_twice
    tile4_requantize_channels 1
    tile4_store msf_tile4_dsp_tile
    .size msf_requantize_dsp_channels_twice, . - msf_requantize_dsp_channels_twice

    tile4 msf_tile4_wide_dsp, 1, 4
    .balign 4
msf_tile4_wide_dsp_requantize:
    tile4_requantize_channels
    tile4_store msf_tile4_wide_dsp_tile
    .size msf_tile4_wide_dsp, . - msf_tile4_wide_dsp

/* r3 <- shift - 1 of the first channel | shift - 1 of the second << 16 */
.macro load_shifts at
    ldr r3, [sp, #\at]
    cmp r3, #0
    it lt
    ldrlt r3, [r1], #4
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

.macro tile3 name, wide, twice=0
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
    round_channel r0, r2, \twice
    requantize r4, r12, r0, \twice
    requantize r5, r12, r0, \twice
    requantize r6, r12, r0, \twice
    lsrs r3, r3, #16
    .if \twice
    ldr r2, [sp, #TILE3_ROUND]
    .endif
    round_channel r0, r2, \twice
    requantize r7, lr, r0, \twice
    requantize r9, lr, r0, \twice
    requantize r10, lr, r0, \twice
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
    tile3 msf_tile3_twice_dsp, 0, 1

/* ---- Two pixels times two channels ------------------------------------------------------------------------------ */

/* r0 packed, r1 weights, r2 and r3 the pixels' words, r12 and lr the channels' weights, accumulators r4 r5 of the
 * first channel, r6 r7 of the second; r8 end of packed, r9 pixel stride, r10 packed, r11 entry into the chain. */

    .equ CHAIN2, 4
    .equ TILE2_QUAD, 48     /* bytes of code of tile2_quad; 12 more where it is wide, 4 more with a step */
    .equ TILE2_ROUND, 0
    .equ TILE2_SHIFTS, 4
    .equ TILE2_OUT, 8
    .equ TILE2_OUT_END, 12

.macro tile2_half step
    tile4_pair \step
    smlad r4, r2, r12, r4
    smlad r5, r3, r12, r5
    smlad r6, r2, lr, r6
    smlad r7, r3, lr, r7
.endm

.macro tile2_quad wide, step=0
    .if \wide
    ldr lr, [r1], #4
    sxtb16 r12, lr
    sxtb16 lr, lr, ror #8
    tile2_half \step
    ldr lr, [r1], #4
    sxtb16 r12, lr
    sxtb16 lr, lr, ror #8
    .else
    ldrd r12, lr, [r1], #8
    tile2_half \step
    sxtb16 r12, r12
    sxtb16 lr, lr
    .endif
    tile2_half \step
.endm

/* The end of a tile; then EQ where it was the last. r9 is the pixel stride. */
.macro tile2_requantize twice=0
    ldrd r12, lr, [r1], #8
    load_shifts TILE2_SHIFTS
    ldr r2, [sp, #TILE2_ROUND]
    round_channel r0, r2, \twice
    requantize r4, r12, r0, \twice
    requantize r5, r12, r0, \twice
    lsrs r3, r3, #16
    .if \twice
    ldr r2, [sp, #TILE2_ROUND]
    .endif
    round_channel r0, r2, \twice
    requantize r6, lr, r0, \twice
    requantize r7, lr, r0, \twice
    ldrd r0, r3, [sp, #TILE2_OUT]
    strb r5, [r0, r9]
    strb r4, [r0], #1
    strb r7, [r0, r9]
    strb r6, [r0], #1
    str r0, [sp, #TILE2_OUT]
    cmp r0, r3
.endm

.macro tile2 name, wide, twice=0
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
    tile2_requantize \twice
    bne 1b
    add sp, #16
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

    tile2 msf_tile2_dsp, 0
    tile2 msf_tile2_wide_dsp, 1
    tile2 msf_tile2_twice_dsp, 0, 1

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
.macro tile1_requantize acc0, acc1, twice
    ldrd r12, lr, [r1], #8
    ldr r3, [sp, #TILE1_SHIFTS]
    cmp r3, #0
    it lt
    ldrlt r3, [r1], #4
    ldr r2, [sp, #TILE1_ROUND]
    round_channel r0, r2, \twice
    requantize \acc0, r12, r0, \twice
    lsrs r3, r3, #16
    .if \twice
    ldr r2, [sp, #TILE1_ROUND]
    .endif
    round_channel r0, r2, \twice
    requantize \acc1, lr, r0, \twice
    strb \acc0, [r10], #1
    strb \acc1, [r10], #1
.endm

.macro tile1 name, wide, twice=0
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
    tile1_requantize r4, r5, \twice
    mov r1, r8
    tile1_requantize r6, r7, \twice
    str r10, [sp, #TILE1_OUT]
    ldr r2, [sp, #TILE1_OUT_END]
    cmp r10, r2
    bne 1b
2:  ldr r6, [sp, #TILE1_LEFT]
    .if \twice                          /* too far for CBZ */
    cmp r6, #0
    beq 4f
    .else
    cbz r6, 4f
    .endif
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
    tile1_requantize r4, r5, \twice
4:  add sp, #TILE1_FRAME
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

    tile1 msf_tile1_dsp, 0
    tile1 msf_tile1_wide_dsp, 1
    tile1 msf_tile1_twice_dsp, 0, 1

/* ---- Packing columns: r0 input, r1 packed, r2 quads, r3 pitch, on the stack four bytes of padding ----------------- */

/* Of `columns` columns the first `left` and the last `right` are padding, the others lie from r0 on, `pitch` bytes apart.
 * They are packed in their order; with stride 2 columns 0, 2, 4, ... come first, then 1, 3, 5, ... r12 lr r10 r11 are 3,
 * 5, 7, 9 times the pitch, r8 the even and r9 the odd taps of padding. */

/* Words are packed in pairs, the last pair first, so that with stride 1 the first column is the last one that is loaded. */
.macro load_column to, column, stride
    .if \column == 0
    .if \stride == 1
    ldr \to, [r0], #4
    .else
    ldr \to, [r0]
    .endif
    .elseif \column == 1
    ldr \to, [r0, r3]
    .elseif \column == 2
    ldr \to, [r0, r3, lsl #1]
    .elseif \column == 3
    ldr \to, [r0, r12]
    .elseif \column == 4
    ldr \to, [r0, r3, lsl #2]
    .elseif \column == 5
    ldr \to, [r0, lr]
    .elseif \column == 6
    ldr \to, [r0, r12, lsl #1]
    .elseif \column == 7
    ldr \to, [r0, r10]
    .elseif \column == 8
    ldr \to, [r0, r3, lsl #3]
    .elseif \column == 9
    ldr \to, [r0, r11]
    .else
    ldr \to, [r0, lr, lsl #1]
    .endif
.endm

/* `symbol` <- the column that is packed at word `at` */
.macro column_of symbol, at, columns, stride
    .if \stride == 1
    .set \symbol, \at
    .elseif 2 * (\at) < \columns
    .set \symbol, 2 * (\at)
    .else
    .set \symbol, 2 * (\at) - \columns
    .endif
.endm

/* A pair of words at `at` of both halves. The first pair's odd words are the last to be stored: then r1 goes on by a quad. */
.macro store_columns at, columns, even0, even1, odd0, odd1
    strd \even0, \even1, [r1, #4 * (\columns + \at)]
    .if \at
    strd \odd0, \odd1, [r1, #4 * (2 * \columns + \at)]
    .else
    strd \odd0, \odd1, [r1, #8 * \columns]!
    .endif
.endm

.macro pack_column_pair wide, at, columns, stride, left, right
    column_of COLUMN0, \at, \columns, \stride
    column_of COLUMN1, \at + 1, \columns, \stride
    .set INSIDE0, COLUMN0 >= \left && COLUMN0 < \columns - \right
    .set INSIDE1, COLUMN1 >= \left && COLUMN1 < \columns - \right
    .if INSIDE1
    load_column r5, (COLUMN1 - \left), \stride
    .endif
    .if INSIDE0
    load_column r4, (COLUMN0 - \left), \stride
    sxtb16 r6, r4
    odd_taps \wide, r4, r4
    .endif
    .if INSIDE1
    sxtb16 r7, r5
    odd_taps \wide, r5, r5
    .endif
    .if INSIDE0 && INSIDE1
    store_columns \at, \columns, r6, r7, r4, r5
    .elseif INSIDE0
    store_columns \at, \columns, r6, r8, r4, r9
    .elseif INSIDE1
    store_columns \at, \columns, r8, r7, r9, r5
    .else
    store_columns \at, \columns, r8, r8, r9, r9
    .endif
.endm

/* With stride 2 the last word: of the last column but one */
.macro pack_last_column wide, columns, left, right
    .if \right > 1
    str r8, [r1, #4 * (2 * \columns - 1)]
    str r9, [r1, #4 * (3 * \columns - 1)]
    .else
    load_column r4, (\columns - 2 - \left), 2
    sxtb16 r6, r4
    odd_taps \wide, r4, r4
    str r6, [r1, #4 * (2 * \columns - 1)]
    str r4, [r1, #4 * (3 * \columns - 1)]
    .endif
.endm

.macro pack_columns name, wide, columns, stride, left=0, right=0
    function \name
    push {r4-r11, lr}
    .if \left || \right
    ldr r9, [sp, #36]
    sxtb16 r8, r9
    odd_taps \wide, r9, r9
    .endif
    add r12, r3, r3, lsl #1
    add lr, r3, r3, lsl #2
    add r10, lr, r3, lsl #1
    add r11, r3, r3, lsl #3
    subs r1, #4 * \columns
1:
    .if \columns & 1
    pack_last_column \wide, \columns, \left, \right
    .endif
    .if \columns >= 10
    pack_column_pair \wide, 8, \columns, \stride, \left, \right
    .endif
    .if \columns >= 8
    pack_column_pair \wide, 6, \columns, \stride, \left, \right
    .endif
    .if \columns >= 6
    pack_column_pair \wide, 4, \columns, \stride, \left, \right
    .endif
    pack_column_pair \wide, 2, \columns, \stride, \left, \right
    pack_column_pair \wide, 0, \columns, \stride, \left, \right
    .if \stride == 2
    adds r0, #4
    .endif
    subs r2, #1
    bne 1b
    add r0, r1, #4 * \columns
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

/* ---- Four and two pixels times two channels, from columns ---------------------------------------------------------- */

/* Registers are those of the tiles above. A segment is one column of the kernel: through all rows of the window the words
 * of its neighboring pixels lie a fixed way apart. With stride 1 the next segment begins one word after this one did; with
 * stride 2 it begins in turns among the odd columns and among the even ones. A segment's quads run through the chain; the
 * first segment's first one takes the bias. */

#ifdef __OPTIMIZE_SIZE__
    .equ COLUMNS4_CHAIN, 2
    .equ COLUMNS2_CHAIN, 1
#else
    .equ COLUMNS4_CHAIN, 12
    .equ COLUMNS2_CHAIN, 6
#endif

    /* TILE4_PACKED to TILE4_ROUND, then */
    .equ COLUMNS4_LOOP, 24
    .equ COLUMNS4_BACK, 28  /* bytes from a segment's end to the next one's beginning */
    .equ COLUMNS4_LAST, 32  /* where one more segment would begin; with stride 2 where the last one ends */
    .equ COLUMNS4_FIRST, 36 /* into the chain, for the first segment */
    .equ COLUMNS4_ENTRY, 40 /* for the others */
    .equ COLUMNS4_EXIT, 44  /* from the chain: a segment's end, or to where the chain may be entered again */
    .equ COLUMNS4_END, 48   /* of the first segment */
    .equ COLUMNS4_REQUANTIZE, 52
    .equ COLUMNS4_OTHER, 56 /* with stride 2: COLUMNS4_BACK of the next segment */
    .equ COLUMNS4_FRAME, 60

/* to <- entry into the chain for r5 + 1 quads. Uses r2 and r6. */
.macro chain_entry to, end, chain, quad
    movs r6, #\chain
    udiv r2, r5, r6
    mls r6, r2, r6, r5
    adds r6, #1
    movs r2, #\quad
    adr.w \to, \end
    mls \to, r6, r2, \to
    add \to, #1
.endm

/* back, and with stride 2 other <- from a segment's end of `bytes` to the next one's beginning; uses r4. */
.macro segment_steps bytes, other, columns, stride
    .if \stride == 1
    subs \bytes, #4
    .else
    add r4, \bytes, #2 * (\columns - 1)
    str r4, [sp, #\other]
    sub \bytes, #2 * (\columns + 1)
    .endif
.endm

.macro columns4 name, wide, kernel, stride, columns
    function \name
    push {r4-r11, lr}
    sub sp, #COLUMNS4_FRAME
    ldrh r12, [r0, #OP_IN_CHANNELS]
    ldrh lr, [r0, #OP_OUT_CHANNELS]
    ldrd r3, r4, [r0, #OP_REQUANTIZE]   /* and OP_ROUND */
    ldr r5, [r0, #OP_SHIFTS]
    cmp r5, #0
    it ge
    lslge r4, r4, r5
    str r3, [sp, #COLUMNS4_REQUANTIZE]
    adr.w r3, \name\()_tile
    adds r3, #1
    strd r4, r3, [sp, #TILE4_ROUND]     /* and COLUMNS4_LOOP */
    strd r1, lr, [sp, #TILE4_PACKED]    /* and TILE4_STRIDE */
    add r6, lr, lr, lsl #1
    strd r2, r6, [sp, #TILE4_OUT]       /* and TILE4_STRIDE3 */
    bic r6, lr, #1
    add r6, r2
    str r6, [sp, #TILE4_OUT_END]
    movs r6, #2 * \kernel * \columns
    mul r7, r12, r6                     /* bytes of a segment */
    add r3, r1, r7
    str r3, [sp, #COLUMNS4_END]
    segment_steps r7, COLUMNS4_OTHER, \columns, \stride
    .if \stride == 1
    add r4, r1, #4 * \kernel
    .else
    add r4, r3, #2 * (\kernel - 1)
    .endif
    strd r7, r4, [sp, #COLUMNS4_BACK]   /* and COLUMNS4_LAST */
    movs r6, #\kernel
    mul r5, r12, r6
    lsrs r5, r5, #2
    adr.w r4, \name\()_segment
    cmp r5, #COLUMNS4_CHAIN
    ble 1f
    adr.w r4, \name\()_again
1:  adds r4, #1
    str r4, [sp, #COLUMNS4_EXIT]
    subs r5, #1
    chain_entry r4, \name\()_chain_end, COLUMNS4_CHAIN, (TILE4_QUAD + 8 + 12 * \wide)
    str r4, [sp, #COLUMNS4_ENTRY]
    subs r5, #1
    chain_entry r4, \name\()_chain_end, COLUMNS4_CHAIN, (TILE4_QUAD + 8 + 12 * \wide)
    str r4, [sp, #COLUMNS4_FIRST]
    ldr r2, [r0, #OP_WEIGHTS]
    mov r0, r1
    mov r1, r2
\name\()_tile:
    ldrd r4, r8, [r1], #8
    tile4_quad \wide, 1, (4 * \columns - 8)
    ldr pc, [sp, #COLUMNS4_FIRST]
    .balign 4
\name\()_chain:
    .rept COLUMNS4_CHAIN
    tile4_quad \wide, 0, (4 * \columns - 8)
    .endr
\name\()_chain_end:
    ldr pc, [sp, #COLUMNS4_EXIT]
\name\()_again:
    ldr r2, [sp, #COLUMNS4_END]
    cmp r0, r2
    blo \name\()_chain
\name\()_segment:
    ldrd r2, r3, [sp, #COLUMNS4_BACK]   /* and COLUMNS4_LAST */
    .if \stride == 1
    subs r0, r2
    cmp r0, r3
    it ne
    ldrne pc, [sp, #COLUMNS4_ENTRY]
    ldr pc, [sp, #COLUMNS4_REQUANTIZE]
    .else
    cmp r0, r3
    it eq
    ldreq pc, [sp, #COLUMNS4_REQUANTIZE]
    ldr r3, [sp, #COLUMNS4_OTHER]
    str r2, [sp, #COLUMNS4_OTHER]
    str r3, [sp, #COLUMNS4_BACK]
    subs r0, r2
    ldr pc, [sp, #COLUMNS4_ENTRY]
    .endif
    .size \name, . - \name
.endm

.macro columns4_store
    tile4_outputs
    it ne
    ldrne pc, [sp, #COLUMNS4_LOOP]
    add sp, #COLUMNS4_FRAME
    pop {r4-r11, pc}
.endm

    .irp shift, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21
    function msf_requantize_columns_dsp_\shift
    tile4_requantize \shift
    columns4_store
    .size msf_requantize_columns_dsp_\shift, . - msf_requantize_columns_dsp_\shift
    .endr

    function msf_requantize_columns_dsp_channels
    tile4_requantize_channels
    columns4_store
    .size msf_requantize_columns_dsp_channels, . - msf_requantize_columns_dsp_channels

    function msf_requantize_columns_dsp_channels_twice
    tile4_requantize_channels 1
    columns4_store
    .size msf_requantize_columns_dsp_channels_twice, . - msf_requantize_columns_dsp_channels_twice

    /* r8 end of the first segment, r9 pixel stride, r10 as COLUMNS4_BACK, r11 entry into the chain */

    /* TILE2_ROUND to TILE2_OUT_END, then */
    .equ COLUMNS2_PACKED, 16
    .equ COLUMNS2_LAST, 20  /* as COLUMNS4_LAST */
    .equ COLUMNS2_OTHER, 24 /* as COLUMNS4_OTHER */
    .equ COLUMNS2_FRAME, 28

.macro columns2 name, wide, kernel, stride, columns, twice=0
    function \name
    push {r4-r11, lr}
    sub sp, #COLUMNS2_FRAME
    ldrh r12, [r0, #OP_IN_CHANNELS]
    ldrh r9, [r0, #OP_OUT_CHANNELS]
    ldrd r4, r5, [r0, #OP_ROUND]        /* and OP_SHIFTS */
    strd r4, r5, [sp, #TILE2_ROUND]     /* and TILE2_SHIFTS */
    bic r4, r9, #1
    add r4, r2
    strd r2, r4, [sp, #TILE2_OUT]       /* and TILE2_OUT_END */
    movs r6, #2 * \kernel * \columns
    mul r10, r12, r6                    /* bytes of a segment */
    add r8, r1, r10
    segment_steps r10, COLUMNS2_OTHER, \columns, \stride
    .if \stride == 1
    add r4, r1, #4 * \kernel
    .else
    add r4, r8, #2 * (\kernel - 1)
    .endif
    strd r1, r4, [sp, #COLUMNS2_PACKED] /* and COLUMNS2_LAST */
    movs r6, #\kernel
    mul r5, r12, r6
    lsrs r5, r5, #2
    subs r5, #1
    chain_entry r11, \name\()_chain_end, COLUMNS2_CHAIN, (TILE2_QUAD + 4 + 12 * \wide)
    ldr r1, [r0, #OP_WEIGHTS]
1:  ldrd r4, r6, [r1], #8
    ldr r0, [sp, #COLUMNS2_PACKED]
    mov r5, r4
    mov r7, r6
    bx r11
    .balign 4
\name\()_chain:
    .rept COLUMNS2_CHAIN
    tile2_quad \wide, (4 * \columns)
    .endr
\name\()_chain_end:
    cmp r0, r8
    blo \name\()_chain
    ldr r2, [sp, #COLUMNS2_LAST]
    .if \stride == 1
    sub r0, r10
    cmp r0, r2
    it ne
    bxne r11
    .else
    cmp r0, r2
    beq 2f
    sub r0, r10
    ldr r2, [sp, #COLUMNS2_OTHER]
    str r10, [sp, #COLUMNS2_OTHER]
    mov r10, r2
    bx r11
2:
    .endif
    tile2_requantize \twice
    bne 1b
    add sp, #COLUMNS2_FRAME
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

/* For square kernels of `kernel` rows; the windows of two and of four pixels see `columns2` and `columns4` columns. */
.macro columns suffix, wide, kernel, stride, columns2, columns4
    pack_columns msf_pack2_columns\suffix, \wide, \columns2, \stride
    pack_columns msf_pack2_left\suffix, \wide, \columns2, \stride, left=(\kernel / 2)
    pack_columns msf_pack2_right\suffix, \wide, \columns2, \stride, right=(\kernel / 2)
    pack_columns msf_pack4_columns\suffix, \wide, \columns4, \stride
    pack_columns msf_pack4_left\suffix, \wide, \columns4, \stride, left=(\kernel / 2)
    pack_columns msf_pack4_right\suffix, \wide, \columns4, \stride, right=(\kernel / 2)
    columns2 msf_tile2_columns\suffix, \wide, \kernel, \stride, \columns2
    columns4 msf_tile4_columns\suffix, \wide, \kernel, \stride, \columns4
.endm

    columns 3s1_dsp, 0, 3, 1, 4, 6
    columns 3s2_dsp, 0, 3, 2, 5, 9
    columns 5s1_dsp, 0, 5, 1, 6, 8
    columns 5s2_dsp, 0, 5, 2, 7, 11
    columns 3s1_wide_dsp, 1, 3, 1, 4, 6
    columns 3s2_wide_dsp, 1, 3, 2, 5, 9
    columns 5s1_wide_dsp, 1, 5, 1, 6, 8
    columns 5s2_wide_dsp, 1, 5, 2, 7, 11

    columns2 msf_tile2_columns3s1_twice_dsp, 0, 3, 1, 4, 1
    columns2 msf_tile2_columns3s2_twice_dsp, 0, 3, 2, 5, 1
    columns2 msf_tile2_columns5s1_twice_dsp, 0, 5, 1, 6, 1
    columns2 msf_tile2_columns5s2_twice_dsp, 0, 5, 2, 7, 1

#endif /* __ARM_FEATURE_DSP */

#if defined(__linux__)
/* what a host asks of a file that it assembles to nothing; bare-metal linkers take it for news about all others */
    .section .note.GNU-stack, "", %progbits
#endif

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/*
 * void msf_tile4_rv32(const msf_tile_t *tile, const msf_channels_t *channels, int8_t *out, int32_t blocks)
 * and msf_tile2_rv32, msf_tile1_rv32 with two pixels and one: blocks of four output channels of neighboring pixels;
 * msf_depthwise4_rv32 and so on: the same for one filter a channel. All shifts are 33 or more.
 * msf_wide_tile_rv32 and msf_wide_depthwise_rv32 compute sixteen channels of one pixel at a time.
 *
 * Each element is loaded once for four channels and each weight once for all pixels; all sums stay in registers. With
 * four pixels that is 4 + 4 loads, 16 multiplications and 16 additions for 16 MACs: 2.5 instructions per MAC, and a
 * tenth more for the loop. A compiler spills the sums: 3.4 at best. A depthwise tap is 4 + 16 loads, 16 multiplications,
 * 16 additions and 6 for the loop for 16 MACs: 3.6.
 *
 * a0-a3       input pointers of the pixels
 * t0          weights
 * t1-t4       one element of each pixel
 * t5, t6      a weight, a product
 * ra          where a0 ends
 * s0-s11, a4-a7  sums: four of a channel's pixels side by side
 */

#if defined(__riscv) && __riscv_xlen == 32

/* MSF_TWICE, of a file that includes this one: 1 for outputs that are not below their zero point, 2 for all */
#if !defined(MSF_TWICE)
#define ROUNDED(name) name
#elif MSF_TWICE == 1
#define ROUNDED(name) name##_above
#else
#define ROUNDED(name) name##_twice
#endif

/* msf_tile_t */
#define ROWS 0
#define ROW_COUNT 4
#define IN_FIRST 8
#define IN_STEP 12
#define RUNS 16
#define ELEMENTS 20
#define RUN_STEP 24
#define WEIGHTS_BEFORE 28
#define WEIGHTS_SKIP 32
#define WEIGHTS_BEHIND 36
#define WEIGHTS_FILTER 40
#define PADDED 44
#define IN_ZERO 48
#define ZERO 52
#define MIN 56
#define MAX 60
#define OUT_STEP 64

/* the frame */
#define TILE 52
#define WEIGHTS 56
#define BIAS 60
#define MULTIPLIER 64
#define SHIFT 68
#define OUT 72
#define BLOCKS 76
#define NEXT_ROW 80
#define ROWS_LEFT 84
#define RUNS_LEFT 88
#define ROW_SPAN 88  /* of a depthwise tile */
#define IN 92
#define FRAME 96

/* sums of one channel += element of each pixel * weight at `at` */
.macro channel pixels, at, sum0, sum1, sum2, sum3
    lb   t5, \at(t0)
    mul  t6, t5, t1
    add  \sum0, \sum0, t6
.if \pixels > 1
    mul  t6, t5, t2
    add  \sum1, \sum1, t6
.endif
.if \pixels > 2
    mul  t6, t5, t3
    add  \sum2, \sum2, t6
    mul  t6, t5, t4
    add  \sum3, \sum3, t6
.endif
.endm

/* element `at` of each pixel, by four channels */
.macro element pixels, at
    lb   t1, \at(a0)
.if \pixels > 1
    lb   t2, \at(a1)
.endif
.if \pixels > 2
    lb   t3, \at(a2)
    lb   t4, \at(a3)
.endif
    channel \pixels, 4*\at+0, s0, s1, s2, s3
    channel \pixels, 4*\at+1, s4, s5, s6, s7
    channel \pixels, 4*\at+2, s8, s9, s10, s11
    channel \pixels, 4*\at+3, a4, a5, a6, a7
.endm

.macro advance pixels, count
    addi a0, a0, \count
.if \pixels > 1
    addi a1, a1, \count
.endif
.if \pixels > 2
    addi a2, a2, \count
    addi a3, a3, \count
.endif
    addi t0, t0, 4*\count
.endm

/* one tap of one channel of a depthwise filter */
.macro tap pixels, at, sum0, sum1, sum2, sum3
    lb   t5, \at(t0)
    lb   t2, \at(a0)
    mul  t2, t2, t5
    add  \sum0, \sum0, t2
.if \pixels > 1
    lb   t2, \at(a1)
    mul  t2, t2, t5
    add  \sum1, \sum1, t2
.endif
.if \pixels > 2
    lb   t2, \at(a2)
    mul  t2, t2, t5
    add  \sum2, \sum2, t2
    lb   t2, \at(a3)
    mul  t2, t2, t5
    add  \sum3, \sum3, t2
.endif
.endm

/* sum0 is the sum of one channel's weights outside: the channel begins with bias + in_zero * sum0 */
.macro padding at, sum0
    lw   t2, \at(t1)
    mul  \sum0, \sum0, t5
    add  \sum0, \sum0, t2
.endm

/* all pixels of one channel begin with the same */
.macro begin pixels, sum0, sum1, sum2, sum3
.if \pixels > 1
    mv   \sum1, \sum0
.endif
.if \pixels > 2
    mv   \sum2, \sum0
    mv   \sum3, \sum0
.endif
.endm

/* one output; t2 multiplier, t4 half, t3 shift - 32, a0 zero, a1 min, a2 max. Rounded twice the high word is that of
 * four times the sum, and half one more; of a negative one 2 are taken away, and ra is written over */
.macro output sum, at, out
#ifdef MSF_TWICE
    slli \sum, \sum, 2
    mulh \sum, \sum, t2
#if MSF_TWICE == 2
    srai ra, \sum, 31
    add  \sum, \sum, ra
    add  \sum, \sum, ra
#endif
#else
    mulh \sum, \sum, t2
#endif
    add  \sum, \sum, t4
    sra  \sum, \sum, t3
    add  \sum, \sum, a0
    bge  \sum, a1, 1f
    mv   \sum, a1
1:  ble  \sum, a2, 1f
    mv   \sum, a2
1:  sb   \sum, \at(\out)
.endm

/* outputs of one channel; t1 points to multipliers, ra to shifts, a3, t0, t5, t6 to the pixels */
.macro outputs pixels, at, sum0, sum1, sum2, sum3
    lbu  t3, \at(ra)
    lw   t2, 4*\at(t1)
#ifdef MSF_TWICE
    addi t3, t3, -31
    li   t4, 1
    sll  t4, t4, t3
    addi t4, t4, 1
    addi t3, t3, 1
#else
    addi t3, t3, -33
    li   t4, 1
    sll  t4, t4, t3
    addi t3, t3, 1
#endif
    output \sum0, \at, a3
.if \pixels > 1
    output \sum1, \at, t0
.endif
.if \pixels > 2
    output \sum2, \at, t5
    output \sum3, \at, t6
.endif
#if MSF_TWICE == 2
    lw   ra, SHIFT(sp)
#endif
.endm

/* the function's beginning; then t0 weights, t1 bias, t6 the tile */
.macro enter name, depthwise
    .section .text.\name, "ax", @progbits
    .globl \name
    .type \name, @function
    .balign 4
\name:
    addi sp, sp, -FRAME
    sw   ra, 0(sp)
    sw   s0, 4(sp)
    sw   s1, 8(sp)
    sw   s2, 12(sp)
    sw   s3, 16(sp)
    sw   s4, 20(sp)
    sw   s5, 24(sp)
    sw   s6, 28(sp)
    sw   s7, 32(sp)
    sw   s8, 36(sp)
    sw   s9, 40(sp)
    sw   s10, 44(sp)
    sw   s11, 48(sp)
    lw   t0, 0(a1)
    lw   t1, 4(a1)
    lw   t2, 8(a1)
    lw   t3, 12(a1)
    sw   a0, TILE(sp)
    sw   t0, WEIGHTS(sp)
    sw   t1, BIAS(sp)
    sw   t2, MULTIPLIER(sp)
    sw   t3, SHIFT(sp)
    sw   a2, OUT(sp)
    sw   a3, BLOCKS(sp)
    mv   t6, a0
.if \depthwise
    lw   t2, IN_FIRST(t6)
    sw   t2, IN(sp)
    lw   t3, RUN_STEP(t6)
    lw   t2, RUNS(t6)
    mul  t2, t2, t3
    sw   t2, ROW_SPAN(sp)
.endif
.endm

.macro leave
    lw   ra, 0(sp)
    lw   s0, 4(sp)
    lw   s1, 8(sp)
    lw   s2, 12(sp)
    lw   s3, 16(sp)
    lw   s4, 20(sp)
    lw   s5, 24(sp)
    lw   s6, 28(sp)
    lw   s7, 32(sp)
    lw   s8, 36(sp)
    lw   s9, 40(sp)
    lw   s10, 44(sp)
    lw   s11, 48(sp)
    addi sp, sp, FRAME
    ret
.endm

.macro tile name, pixels, depthwise
    enter \name, \depthwise

.Lblock\@:                            /* t0 weights, t1 bias, t6 the tile */
    lw   t2, PADDED(t6)
    bnez t2, .Lpadding\@
    lw   s0, 0(t1)
    lw   s4, 4(t1)
    lw   s8, 8(t1)
    lw   a4, 12(t1)
.Lbegin\@:                            /* t0 the first weight inside */
    begin \pixels, s0, s1, s2, s3
    begin \pixels, s4, s5, s6, s7
    begin \pixels, s8, s9, s10, s11
    begin \pixels, a4, a5, a6, a7
    addi t1, t1, 16
    sw   t1, BIAS(sp)
.if \depthwise
    lw   t2, ROWS(t6)
    lw   t5, ROW_COUNT(t6)
    lw   t1, IN_STEP(t6)
    lw   t3, RUN_STEP(t6)
    lw   t4, WEIGHTS_FILTER(t6)
    beqz t5, .Lrequantize\@

.Lrow\@:                              /* t2 rows, t5 their number */
    lw   a0, 0(t2)
    sw   t5, ROWS_LEFT(sp)
    addi t2, t2, 4
    sw   t2, NEXT_ROW(sp)
    lw   t2, IN(sp)
    lw   t5, ROW_SPAN(sp)
    add  a0, a0, t2
    add  ra, a0, t5
.if \pixels > 1
    add  a1, a0, t1
.endif
.if \pixels > 2
    add  a2, a1, t1
    add  a3, a2, t1
.endif
.Ltap\@:
    tap  \pixels, 0, s0, s1, s2, s3
    tap  \pixels, 1, s4, s5, s6, s7
    tap  \pixels, 2, s8, s9, s10, s11
    tap  \pixels, 3, a4, a5, a6, a7
    add  a0, a0, t3
.if \pixels > 1
    add  a1, a1, t3
.endif
.if \pixels > 2
    add  a2, a2, t3
    add  a3, a3, t3
.endif
    add  t0, t0, t4
    bne  a0, ra, .Ltap\@
    lw   t5, ROWS_LEFT(sp)
    addi t5, t5, -1
    beqz t5, .Lrequantize\@
    lw   t2, WEIGHTS_SKIP(t6)
    mul  t2, t2, t4
    add  t0, t0, t2
    lw   t2, NEXT_ROW(sp)
    j    .Lrow\@
.else
    lw   t1, ROWS(t6)
    lw   t2, ROW_COUNT(t6)
    beqz t2, .Lrequantize\@

.Lrow\@:                              /* t1 rows, t2 their number */
    lw   a0, 0(t1)
    lw   t3, IN_FIRST(t6)
    addi t1, t1, 4
    sw   t1, NEXT_ROW(sp)
    sw   t2, ROWS_LEFT(sp)
    lw   t4, RUNS(t6)
    add  a0, a0, t3

.Lrun\@:                              /* a0 the run, t4 how many */
    sw   t4, RUNS_LEFT(sp)
    lw   t5, ELEMENTS(t6)
.if \pixels > 1
    lw   t2, IN_STEP(t6)
    add  a1, a0, t2
.endif
.if \pixels > 2
    add  a2, a1, t2
    add  a3, a2, t2
.endif
    andi t3, t5, -4
    add  ra, a0, t3
    beqz t3, .Lsingles\@
.Lquads\@:
    element \pixels, 0
    element \pixels, 1
    element \pixels, 2
    element \pixels, 3
    advance \pixels, 4
    bne  a0, ra, .Lquads\@
    lw   t6, TILE(sp)
    lw   t5, ELEMENTS(t6)
.Lsingles\@:
    andi t4, t5, 3
    beqz t4, .Lrun_end\@
    add  ra, a0, t4
.Lsingle\@:
    element \pixels, 0
    advance \pixels, 1
    bne  a0, ra, .Lsingle\@
    lw   t6, TILE(sp)
    lw   t5, ELEMENTS(t6)
.Lrun_end\@:                          /* t5 elements, t6 the tile */
    lw   t4, RUNS_LEFT(sp)
    addi t4, t4, -1
    beqz t4, .Lrow_end\@
    lw   t1, RUN_STEP(t6)
    sub  t1, t1, t5
    add  a0, a0, t1
    j    .Lrun\@
.Lrow_end\@:
    lw   t2, ROWS_LEFT(sp)
    addi t2, t2, -1
    beqz t2, .Lrequantize\@
    lw   t1, WEIGHTS_SKIP(t6)
    slli t1, t1, 2
    add  t0, t0, t1
    lw   t1, NEXT_ROW(sp)
    j    .Lrow\@
.endif

.Lrequantize\@:
    lw   a0, ZERO(t6)
    lw   a1, MIN(t6)
    lw   a2, MAX(t6)
    lw   a3, OUT(sp)
.if \pixels > 1
    lw   t1, OUT_STEP(t6)
    add  t0, a3, t1
.endif
.if \pixels > 2
    add  t5, t0, t1
    add  t6, t5, t1
.endif
    lw   t1, MULTIPLIER(sp)
    lw   ra, SHIFT(sp)
    outputs \pixels, 0, s0, s1, s2, s3
    outputs \pixels, 1, s4, s5, s6, s7
    outputs \pixels, 2, s8, s9, s10, s11
    outputs \pixels, 3, a4, a5, a6, a7
    lw   t2, BLOCKS(sp)
    addi t2, t2, -1
    beqz t2, .Lend\@
    sw   t2, BLOCKS(sp)
    addi a3, a3, 4
    sw   a3, OUT(sp)
    addi t1, t1, 16
    sw   t1, MULTIPLIER(sp)
    addi ra, ra, 4
    sw   ra, SHIFT(sp)
    lw   t6, TILE(sp)
    lw   t0, WEIGHTS(sp)
.if \depthwise
    addi t0, t0, 4
    lw   t1, IN(sp)
    addi t1, t1, 4
    sw   t1, IN(sp)
.else
    lw   t1, WEIGHTS_FILTER(t6)
    slli t1, t1, 2
    add  t0, t0, t1
.endif
    sw   t0, WEIGHTS(sp)
    lw   t1, BIAS(sp)
    j    .Lblock\@

.Lpadding\@:                          /* t0 weights, t1 bias */
    lw   t4, ROW_COUNT(t6)
    lw   a2, RUNS(t6)
.if \depthwise
    lw   t3, WEIGHTS_FILTER(t6)
.else
    lw   t2, ELEMENTS(t6)
    mul  a2, a2, t2
    li   t3, 4
.endif
    mul  a2, a2, t3                   /* bytes of a row inside */
    lw   t2, WEIGHTS_BEFORE(t6)
    li   s0, 0
    li   s4, 0
    li   s8, 0
    li   a4, 0
    mul  a3, t2, t3
    add  a3, a3, t0                   /* the first weight inside */
.Lgap\@:
    beqz t2, .Lgap_end\@
.Loutside\@:
    lb   t5, 0(t0)
    lb   a0, 1(t0)
    lb   a1, 2(t0)
    lb   ra, 3(t0)
    add  s0, s0, t5
    add  s4, s4, a0
    add  s8, s8, a1
    add  a4, a4, ra
    addi t2, t2, -1
    add  t0, t0, t3
    bnez t2, .Loutside\@
.Lgap_end\@:
    beqz t4, .Lpadded\@
    addi t4, t4, -1
    add  t0, t0, a2
    lw   t2, WEIGHTS_SKIP(t6)
    bnez t4, .Lgap\@
    lw   t2, WEIGHTS_BEHIND(t6)
    j    .Lgap\@
.Lpadded\@:
    lw   t5, IN_ZERO(t6)
    padding 0, s0
    padding 4, s4
    padding 8, s8
    padding 12, a4
    mv   t0, a3
    j    .Lbegin\@

.Lend\@:
    leave
    .size \name, . - \name
.endm

/* one element by the four channels of a block */
.macro wide_block weights, at, sum0, sum1, sum2, sum3
    lb   t5, 4*\at+0(\weights)
    mul  t5, t5, t4
    add  \sum0, \sum0, t5
    lb   t6, 4*\at+1(\weights)
    mul  t6, t6, t4
    add  \sum1, \sum1, t6
    lb   t5, 4*\at+2(\weights)
    mul  t5, t5, t4
    add  \sum2, \sum2, t5
    lb   t6, 4*\at+3(\weights)
    mul  t6, t6, t4
    add  \sum3, \sum3, t6
.endm

/* one element by sixteen channels */
.macro wide_element at
    lb   t4, \at(a0)
    wide_block t0, \at, s0, s1, s2, s3
    wide_block t1, \at, s4, s5, s6, s7
    wide_block t2, \at, s8, s9, s10, s11
    wide_block t3, \at, a4, a5, a6, a7
.endm

.macro wide_advance count
    addi a0, a0, \count
    addi t0, t0, 4*\count
    addi t1, t1, 4*\count
    addi t2, t2, 4*\count
    addi t3, t3, 4*\count
.endm

/* one channel's weight of a tap that is padding */
.macro outside weights, at, sum
    lb   t5, \at(\weights)
    add  \sum, \sum, t5
.endm

/* sixteen channels of one pixel: the sums are the channels'; a1 rows, a2 and a3 rows and runs left */
.macro wide name, depthwise
    enter \name, \depthwise

.Lblock\@:                            /* t0 weights, t1 bias, t6 the tile */
    lw   t2, PADDED(t6)
    bnez t2, .Lpadding\@
    lw   s0, 0(t1)
    lw   s1, 4(t1)
    lw   s2, 8(t1)
    lw   s3, 12(t1)
    lw   s4, 16(t1)
    lw   s5, 20(t1)
    lw   s6, 24(t1)
    lw   s7, 28(t1)
    lw   s8, 32(t1)
    lw   s9, 36(t1)
    lw   s10, 40(t1)
    lw   s11, 44(t1)
    lw   a4, 48(t1)
    lw   a5, 52(t1)
    lw   a6, 56(t1)
    lw   a7, 60(t1)
.Lbegin\@:                            /* t0 the first weight inside */
    addi t1, t1, 64
    sw   t1, BIAS(sp)
    lw   a1, ROWS(t6)
    lw   a2, ROW_COUNT(t6)
    beqz a2, .Lrequantize\@
.if \depthwise
    lw   t1, IN(sp)
    lw   t3, RUN_STEP(t6)
    lw   t4, WEIGHTS_FILTER(t6)
.Lrow\@:
    lw   a0, 0(a1)
    lw   t2, ROW_SPAN(sp)
    addi a1, a1, 4
    add  a0, a0, t1
    add  ra, a0, t2
.Ltap\@:
    tap  1, 0, s0
    tap  1, 1, s1
    tap  1, 2, s2
    tap  1, 3, s3
    tap  1, 4, s4
    tap  1, 5, s5
    tap  1, 6, s6
    tap  1, 7, s7
    tap  1, 8, s8
    tap  1, 9, s9
    tap  1, 10, s10
    tap  1, 11, s11
    tap  1, 12, a4
    tap  1, 13, a5
    tap  1, 14, a6
    tap  1, 15, a7
    add  a0, a0, t3
    add  t0, t0, t4
    bne  a0, ra, .Ltap\@
    lw   t2, WEIGHTS_SKIP(t6)
    mul  t2, t2, t4
    add  t0, t0, t2
    addi a2, a2, -1
    bnez a2, .Lrow\@
.else
    lw   t2, WEIGHTS_FILTER(t6)
    slli t4, t2, 2
    add  t1, t0, t4
    add  t2, t1, t4
    add  t3, t2, t4
.Lrow\@:
    lw   a0, 0(a1)
    lw   t4, IN_FIRST(t6)
    lw   a3, RUNS(t6)
    addi a1, a1, 4
    add  a0, a0, t4
.Lrun\@:
    lw   t5, ELEMENTS(t6)
    andi t4, t5, -4
    add  ra, a0, t4
    beqz t4, .Lsingles\@
.Lquads\@:
    wide_element 0
    wide_element 1
    wide_element 2
    wide_element 3
    wide_advance 4
    bne  a0, ra, .Lquads\@
    lw   t6, TILE(sp)
    lw   t5, ELEMENTS(t6)
.Lsingles\@:
    andi t4, t5, 3
    beqz t4, .Lrun_end\@
    add  ra, a0, t4
.Lsingle\@:
    wide_element 0
    wide_advance 1
    bne  a0, ra, .Lsingle\@
    lw   t6, TILE(sp)
    lw   t5, ELEMENTS(t6)
.Lrun_end\@:                          /* t5 elements, t6 the tile */
    addi a3, a3, -1
    beqz a3, .Lrow_end\@
    lw   t4, RUN_STEP(t6)
    sub  t4, t4, t5
    add  a0, a0, t4
    j    .Lrun\@
.Lrow_end\@:
    lw   t4, WEIGHTS_SKIP(t6)
    slli t4, t4, 2
    add  t0, t0, t4
    add  t1, t1, t4
    add  t2, t2, t4
    add  t3, t3, t4
    addi a2, a2, -1
    bnez a2, .Lrow\@
.endif
.Lrequantize\@:
    lw   a0, ZERO(t6)
    lw   a1, MIN(t6)
    lw   a2, MAX(t6)
    lw   a3, OUT(sp)
    lw   t1, MULTIPLIER(sp)
    lw   ra, SHIFT(sp)
    outputs 1, 0, s0
    outputs 1, 1, s1
    outputs 1, 2, s2
    outputs 1, 3, s3
    outputs 1, 4, s4
    outputs 1, 5, s5
    outputs 1, 6, s6
    outputs 1, 7, s7
    outputs 1, 8, s8
    outputs 1, 9, s9
    outputs 1, 10, s10
    outputs 1, 11, s11
    outputs 1, 12, a4
    outputs 1, 13, a5
    outputs 1, 14, a6
    outputs 1, 15, a7
    lw   t2, BLOCKS(sp)
    addi t2, t2, -1
    beqz t2, .Lend\@
    sw   t2, BLOCKS(sp)
    addi a3, a3, 16
    sw   a3, OUT(sp)
    addi t1, t1, 64
    sw   t1, MULTIPLIER(sp)
    addi ra, ra, 16
    sw   ra, SHIFT(sp)
    lw   t0, WEIGHTS(sp)
.if \depthwise
    addi t0, t0, 16
    lw   t1, IN(sp)
    addi t1, t1, 16
    sw   t1, IN(sp)
.else
    lw   t1, WEIGHTS_FILTER(t6)
    slli t1, t1, 4
    add  t0, t0, t1
.endif
    sw   t0, WEIGHTS(sp)
    lw   t1, BIAS(sp)
    j    .Lblock\@

.Lpadding\@:                          /* t0 weights, t1 bias */
    mv   a3, t1
    lw   a2, ROW_COUNT(t6)
    lw   ra, RUNS(t6)
.if \depthwise
    lw   a1, WEIGHTS_FILTER(t6)
    mul  ra, ra, a1                   /* bytes of a row inside */
.else
    lw   t4, ELEMENTS(t6)
    mul  ra, ra, t4
    slli ra, ra, 2
    lw   t4, WEIGHTS_FILTER(t6)
    slli t4, t4, 2
    add  t1, t0, t4
    add  t2, t1, t4
    add  t3, t2, t4
.endif
    lw   t4, WEIGHTS_BEFORE(t6)
    li   s0, 0
    li   s1, 0
    li   s2, 0
    li   s3, 0
    li   s4, 0
    li   s5, 0
    li   s6, 0
    li   s7, 0
    li   s8, 0
    li   s9, 0
    li   s10, 0
    li   s11, 0
    li   a4, 0
    li   a5, 0
    li   a6, 0
    li   a7, 0
.Lgap\@:
    beqz t4, .Lgap_end\@
.Loutside\@:
.if \depthwise
    outside t0, 0, s0
    outside t0, 1, s1
    outside t0, 2, s2
    outside t0, 3, s3
    outside t0, 4, s4
    outside t0, 5, s5
    outside t0, 6, s6
    outside t0, 7, s7
    outside t0, 8, s8
    outside t0, 9, s9
    outside t0, 10, s10
    outside t0, 11, s11
    outside t0, 12, a4
    outside t0, 13, a5
    outside t0, 14, a6
    outside t0, 15, a7
    add  t0, t0, a1
.else
    outside t0, 0, s0
    outside t0, 1, s1
    outside t0, 2, s2
    outside t0, 3, s3
    outside t1, 0, s4
    outside t1, 1, s5
    outside t1, 2, s6
    outside t1, 3, s7
    outside t2, 0, s8
    outside t2, 1, s9
    outside t2, 2, s10
    outside t2, 3, s11
    outside t3, 0, a4
    outside t3, 1, a5
    outside t3, 2, a6
    outside t3, 3, a7
    addi t0, t0, 4
    addi t1, t1, 4
    addi t2, t2, 4
    addi t3, t3, 4
.endif
    addi t4, t4, -1
    bnez t4, .Loutside\@
.Lgap_end\@:
    beqz a2, .Lpadded\@
    addi a2, a2, -1
    add  t0, t0, ra
.if \depthwise == 0
    add  t1, t1, ra
    add  t2, t2, ra
    add  t3, t3, ra
.endif
    lw   t4, WEIGHTS_SKIP(t6)
    bnez a2, .Lgap\@
    lw   t4, WEIGHTS_BEHIND(t6)
    j    .Lgap\@
.Lpadded\@:
    mv   t1, a3
    lw   t5, IN_ZERO(t6)
    padding 0, s0
    padding 4, s1
    padding 8, s2
    padding 12, s3
    padding 16, s4
    padding 20, s5
    padding 24, s6
    padding 28, s7
    padding 32, s8
    padding 36, s9
    padding 40, s10
    padding 44, s11
    padding 48, a4
    padding 52, a5
    padding 56, a6
    padding 60, a7
    lw   t0, WEIGHTS(sp)
    lw   t4, WEIGHTS_BEFORE(t6)
.if \depthwise
    mul  t4, t4, a1
.else
    slli t4, t4, 2
.endif
    add  t0, t0, t4
    j    .Lbegin\@

.Lend\@:
    leave
    .size \name, . - \name
.endm

    tile ROUNDED(msf_tile4_rv32), 4, 0
    tile ROUNDED(msf_tile2_rv32), 2, 0
    tile ROUNDED(msf_tile1_rv32), 1, 0
    tile ROUNDED(msf_depthwise4_rv32), 4, 1
    tile ROUNDED(msf_depthwise2_rv32), 2, 1
    tile ROUNDED(msf_depthwise1_rv32), 1, 1
    wide ROUNDED(msf_wide_tile_rv32), 0
    wide ROUNDED(msf_wide_depthwise_rv32), 1

#endif

#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", @progbits
#endif

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   Integer arithmetic that the compiler calls for and that its libgcc for this core leaves to the ESP8266's ROM
 *
 * GCC Internals, "Routines for integer arithmetic", names them. Division by zero gives all ones.
 */

#include <stdint.h>

uint64_t __umulsidi3(uint32_t a, uint32_t b);
uint64_t __muldi3(uint64_t a, uint64_t b);
uint32_t __udivsi3(uint32_t a, uint32_t b);
uint32_t __umodsi3(uint32_t a, uint32_t b);
int32_t __divsi3(int32_t a, int32_t b);
uint64_t __udivdi3(uint64_t a, uint64_t b);
uint64_t __umoddi3(uint64_t a, uint64_t b);
int64_t __divdi3(int64_t a, int64_t b);

uint64_t __umulsidi3(uint32_t a, uint32_t b)
{
    uint32_t low = (a & 0xffffU) * (b & 0xffffU);
    uint32_t middle = (a >> 16) * (b & 0xffffU) + (low >> 16);
    uint32_t other = (a & 0xffffU) * (b >> 16) + (middle & 0xffffU);
    uint32_t high = (a >> 16) * (b >> 16) + (middle >> 16) + (other >> 16);
    return (uint64_t)high << 32 | other << 16 | (low & 0xffffU);
}

uint64_t __muldi3(uint64_t a, uint64_t b)
{
    uint32_t cross = (uint32_t)(a >> 32) * (uint32_t)b + (uint32_t)a * (uint32_t)(b >> 32);
    return __umulsidi3((uint32_t)a, (uint32_t)b) + ((uint64_t)cross << 32);
}

/* The quotient; what is left of `a` is the remainder. */
static uint64_t divide(uint64_t *a, uint64_t b)
{
    uint64_t rest = 0;
    uint64_t quotient = 0;
    for (int bit = 63; bit >= 0; bit--) {
        rest = rest << 1 | (*a >> bit & 1U);
        quotient <<= 1;
        if (rest >= b) {
            rest -= b;
            quotient |= 1U;
        }
    }
    *a = rest;
    return quotient;
}

uint64_t __udivdi3(uint64_t a, uint64_t b)
{
    return divide(&a, b);
}

uint64_t __umoddi3(uint64_t a, uint64_t b)
{
    (void)divide(&a, b);
    return a;
}

int64_t __divdi3(int64_t a, int64_t b)
{
    uint64_t rest = a < 0 ? -(uint64_t)a : (uint64_t)a;
    uint64_t quotient = divide(&rest, b < 0 ? -(uint64_t)b : (uint64_t)b);
    return (int64_t)((a < 0) != (b < 0) ? -quotient : quotient);
}

uint32_t __udivsi3(uint32_t a, uint32_t b)
{
    uint32_t rest = 0;
    uint32_t quotient = 0;
    for (int bit = 31; bit >= 0; bit--) {
        rest = rest << 1 | (a >> bit & 1U);
        quotient <<= 1;
        if (rest >= b) {
            rest -= b;
            quotient |= 1U;
        }
    }
    return quotient;
}

uint32_t __umodsi3(uint32_t a, uint32_t b)
{
    return a - __udivsi3(a, b) * b;
}

int32_t __divsi3(int32_t a, int32_t b)
{
    uint32_t quotient =
        __udivsi3(a < 0 ? -(uint32_t)a : (uint32_t)a, b < 0 ? -(uint32_t)b : (uint32_t)b);
    return (int32_t)((a < 0) != (b < 0) ? -quotient : quotient);
}

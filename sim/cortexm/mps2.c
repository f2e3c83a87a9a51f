/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   Start-up code, fault handlers and instruction counter of the MPS2 boards
 */

#include "machine.h"
#include "semihosting.h"
#include "sim.h"

void Reset_Handler(void);
void fault_handler(const uint32_t *frame);

extern uint32_t _handler_stack_top[];

#define CFSR (*(volatile uint32_t *)0xe000ed28U)
#define BFAR (*(volatile uint32_t *)0xe000ed38U)
#define CFSR_STACKING_ERROR (1U << 12)
#define CFSR_BFAR_VALID (1U << 15)
#define CFSR_UNDEFINED_INSTRUCTION (1U << 16)
#define CFSR_UNALIGNED (1U << 24)

/* CMSDK APB timer 0, which counts down at 25 MHz; with -icount shift=0 an instruction takes 1 ns of QEMU's time. */
#define TIMER_CTRL (*(volatile uint32_t *)0x40000000U)
#define TIMER_VALUE (*(volatile uint32_t *)0x40000004U)
#define TIMER_RELOAD (*(volatile uint32_t *)0x40000008U)
#define TIMER_CTRL_ENABLE 1U
#define INSTRUCTIONS_PER_TICK 40U

const uint32_t sim_count_resolution = INSTRUCTIONS_PER_TICK;

/* To be called at least once in 2^32 ticks, 170 thousand million instructions. */
uint64_t sim_count(void)
{
    static uint64_t ticks;
    if (TIMER_CTRL == 0) {
        TIMER_RELOAD = UINT32_MAX;
        TIMER_VALUE = UINT32_MAX;
        TIMER_CTRL = TIMER_CTRL_ENABLE;
    }
    uint32_t now = UINT32_MAX - TIMER_VALUE;
    ticks += now - (uint32_t)ticks;
    return ticks * INSTRUCTIONS_PER_TICK;
}

uintptr_t machine_semihosting(uintptr_t operation, uintptr_t argument)
{
    register uintptr_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

__attribute__((naked)) uintptr_t machine_semihosting_readc(void)
{
    __asm__ volatile(".syntax unified \n"
                     "mov r2, sp      \n"
                     "subs r2, r2, #1 \n"
                     "movs r1, #0     \n"
                     "strb r1, [r2]   \n"
                     "movs r0, #7     \n"
                     "bkpt 0xab       \n"
                     "ldrb r2, [r2]   \n"
                     "cmp r2, #0      \n"
                     "beq 1f          \n"
                     "mov r0, r2      \n"
                     "1: bx lr        \n");
}

/* Exceptions run on the main stack, the application on the process stack: a fault for want of stack can be told. */
__attribute__((naked, used)) void Reset_Handler(void)
{
    __asm__ volatile(
        ".syntax unified     \n"
        "ldr r0, =_stack_top \n"
        "msr psp, r0         \n"
        "movs r0, #2         \n"
        "msr control, r0     \n"
        "isb                 \n"
#if __ARM_ARCH == 6
        /* The machine is a Cortex-M3: let it refuse unaligned words as a Cortex-M0 does. */
        "ldr r0, =0xe000ed14 \n"
        "ldr r1, [r0]        \n"
        "movs r2, #8         \n"
        "orrs r1, r2         \n"
        "str r1, [r0]        \n"
#endif
        "bl sim_start        \n");
}

static const char *fault_name(uint32_t status)
{
    if (status & CFSR_STACKING_ERROR) {
        return "stack overflow";
    }
    if (status & CFSR_UNALIGNED) {
        return "unaligned access";
    }
    if (status & CFSR_UNDEFINED_INSTRUCTION) {
        return "undefined instruction";
    }
    if (status & CFSR_BFAR_VALID) {
        return "access to no memory";
    }
    return "hard fault";
}

void fault_handler(const uint32_t *frame)
{
    uint32_t status = CFSR;
    const uint32_t *bottom = _stack_bottom;
    bool on_stack = frame >= bottom && frame + 8 <= (const uint32_t *)_stack_top;
    sim_fault(on_stack ? fault_name(status) : "stack overflow", on_stack ? frame[6] : 0,
              status & CFSR_BFAR_VALID ? BFAR : 0);
}

__attribute__((naked)) static void Fault_Handler(void)
{
    __asm__ volatile("mrs r0, psp       \n"
                     "bl fault_handler  \n");
}

typedef void (*vector_t)(void);

__attribute__((section(".vectors"), used)) static const vector_t vectors[16] = {
    (vector_t)_handler_stack_top,
    Reset_Handler,
    Fault_Handler, /* NMI */
    Fault_Handler, /* HardFault */
    Fault_Handler, /* MemManage */
    Fault_Handler, /* BusFault */
    Fault_Handler, /* UsageFault */
    Fault_Handler,
    Fault_Handler,
    Fault_Handler,
    Fault_Handler,
    Fault_Handler, /* SVCall */
    Fault_Handler,
    Fault_Handler,
    Fault_Handler, /* PendSV */
    Fault_Handler, /* SysTick */
};

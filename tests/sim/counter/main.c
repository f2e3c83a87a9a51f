/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#include "shell.h"
#include "sim.h"

/* Two instructions an iteration. */
static void __attribute__((noinline)) loop(uint32_t iterations)
{
#ifdef __riscv
    __asm__ volatile("1: addi %0, %0, -1 \n bnez %0, 1b \n" : "+r"(iterations));
#elif defined(__XTENSA__)
    __asm__ volatile("1: addi %0, %0, -1 \n bnez %0, 1b \n" : "+a"(iterations));
#else
    __asm__ volatile(".syntax unified \n 1: subs %0, %0, #1 \n bne 1b \n" : "+l"(iterations)::"cc");
#endif
}

static uint64_t count(uint32_t iterations)
{
    uint64_t start = sim_count();
    loop(iterations);
    return sim_count() - start;
}

static void write_unsigned(uint64_t value)
{
    char digits[21];
    char *first = digits + sizeof digits - 1;
    *first = '\0';
    do {
        *--first = (char)('0' + value % 10U);
        value /= 10U;
    } while (value != 0);
    sim_write(first);
}

static int count_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    static const uint32_t iterations[] = { 1, 1000001, 30000001 };
    for (unsigned i = 0; i < sizeof iterations / sizeof *iterations; i++) {
        sim_write("{\"msf\":\"loop\",\"iterations\":");
        write_unsigned(iterations[i]);
        sim_write(",\"instructions\":");
        write_unsigned(count(iterations[i]));
        sim_write("}\n");
    }
    sim_write("{\"msf\":\"result\",\"resolution\":");
    write_unsigned(sim_count_resolution);
    sim_write("}\n");
    return 0;
}

int main(void)
{
    static const shell_command_t commands[] = {
        { "count", "counts the instructions of loops", count_command },
        { NULL, NULL, NULL },
    };
    char line[SHELL_DEFAULT_BUFSIZE];
    shell_run_forever(commands, line, (int)sizeof line);
    return 0;
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#include <stddef.h>
#include <string.h>

#include "shell.h"
#include "sim.h"

#define ARGUMENTS_MAX 16

enum { END_OF_TEXT = 3, END_OF_TRANSMISSION = 4, BACKSPACE = 8, DELETE = 127 };

static void echo(const char *text)
{
    if (sim_echo) {
        sim_write(text);
    }
}

/* The line's length, or -1 when the input ended. A line that is too long is cut, as in RIOT. */
static int read_line(char *line, int size)
{
    int length = 0;
    for (;;) {
        int c = sim_read_char();
        switch (c) {
        case -1:
        case END_OF_TRANSMISSION:
            return -1;
        case END_OF_TEXT:
            length = 0;
            /* fall through */
        case '\r':
        case '\n':
            line[length] = '\0';
            echo("\n");
            return length;
        case BACKSPACE:
        case DELETE:
            if (length > 0) {
                length--;
                echo("\b \b");
            }
            break;
        default:
            if (length < size - 1) {
                line[length++] = (char)c;
            }
            echo((const char[]){ (char)c, '\0' });
        }
    }
}

static int split(char *line, char **argv)
{
    int argc = 0;
    while (argc < ARGUMENTS_MAX) {
        line += strspn(line, " \t");
        if (*line == '\0') {
            break;
        }
        argv[argc++] = line;
        line += strcspn(line, " \t");
        if (*line != '\0') {
            *line++ = '\0';
        }
    }
    argv[argc] = NULL;
    return argc;
}

static void print_help(const shell_command_t *commands)
{
    for (const shell_command_t *command = commands; command->name != NULL; command++) {
        sim_write(command->name);
        sim_write(" - ");
        sim_write(command->desc);
        sim_write("\n");
    }
}

static void dispatch(const shell_command_t *commands, char *line)
{
    char *argv[ARGUMENTS_MAX + 1];
    int argc = split(line, argv);
    if (argc == 0) {
        return;
    }
    for (const shell_command_t *command = commands; command->name != NULL; command++) {
        if (strcmp(command->name, argv[0]) == 0) {
            (void)command->handler(argc, argv);
            return;
        }
    }
    if (strcmp("help", argv[0]) == 0) {
        print_help(commands);
        return;
    }
    sim_write("shell: command not found: ");
    sim_write(argv[0]);
    sim_write("\n");
}

void shell_run_forever(const shell_command_t *commands, char *line_buf, int len)
{
    for (;;) {
        sim_write("> ");
        if (read_line(line_buf, len) < 0) {
            return;
        }
        dispatch(commands, line_buf);
    }
}

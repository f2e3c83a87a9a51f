/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   RIOT's shell, as much of it as an application needs that runs on RIOT and on BOARD=host and sim-* alike
 *
 * Names and behaviour are those of RIOT's sys/include/shell.h; quoting and history are left out.
 */

#pragma once

#define SHELL_DEFAULT_BUFSIZE (128)

typedef int (*shell_command_handler_t)(int argc, char **argv);

typedef struct shell_command_t {
    const char *name;
    const char *desc;
    shell_command_handler_t handler;
} shell_command_t;

/** Serves the commands of a list that ends with a NULL name, until the input ends (which RIOT's never does). */
void shell_run_forever(const shell_command_t *commands, char *line_buf, int len);

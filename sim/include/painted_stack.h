/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   How much stack a function uses, on any stack whose bottom is known
 */

#pragma once

#include <stdint.h>

/**
 * Paints the stack it runs on, from `bottom` to the stack pointer, and runs function(argument).
 *
 * @return  bytes below the stack pointer that were dirtied, UINT32_MAX where all of them were
 */
uint32_t run_on_painted_stack(uint32_t *bottom, void (*function)(void *argument), void *argument);

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/* The smallest package of the form that `msf-riot generate` writes: output[i] = 3 * input[i] + i, saturated. */

#pragma once

#include "msf/network.h"
#include "tiny_options.h"

#define MSF_MODEL_TINY_BYTES 8
#define MSF_MODEL_TINY_ARENA_BYTES 32

extern const msf_network_t msf_model_tiny_network;

void msf_model_tiny_invoke(void *arena, const int8_t *input, int8_t *output);

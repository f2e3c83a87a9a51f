/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#pragma once

#include "msf/kernels.h"

typedef msf_add_s8_t msf_toy_add_t;

/* As msf_add_s8(); `scratch` has an int32_t for each element */
void msf_toy_add(const msf_toy_add_t *op, const int8_t *a, const int8_t *b, int8_t *out,
                 int32_t count, void *scratch);

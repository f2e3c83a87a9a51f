/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#pragma once

#include "msf/network.h"

extern const msf_vectors_t msf_vectors;

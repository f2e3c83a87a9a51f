/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/* tile_rv32.S for outputs that are rounded twice */

#define MSF_TWICE 2

#include "tile_rv32.S"

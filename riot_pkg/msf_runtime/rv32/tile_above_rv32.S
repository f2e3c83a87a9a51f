/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/* tile_rv32.S for outputs that are rounded twice, none of which is below its zero point */

#define MSF_TWICE 1

#include "tile_rv32.S"

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#ifndef MSF_VECTORS_H
#define MSF_VECTORS_H

#include "msf/network.h"

extern const msf_vectors_t msf_vectors;

#endif /* MSF_VECTORS_H */

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @{
 * @file
 * @brief       depthwise_s8.c for outputs that are rounded twice
 * @}
 */

#define MSF_TWICE

#include "depthwise_s8.c" /* NOLINT */

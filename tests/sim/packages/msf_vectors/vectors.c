/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#include "msf_model_tiny.h"
#include "msf_vectors.h"

/* TINY_WRONG puts one wrong byte, index 5 of case 1, among the expected ones. */
#ifdef TINY_WRONG
#define CASE_1_BYTE_5 -99
#else
#define CASE_1_BYTE_5 -40
#endif

static const int8_t inputs[2][MSF_MODEL_TINY_BYTES] = {
    { 0, 1, 2, 3, -1, -2, 42, 100 },
    { -128, 127, -42, 10, 0, -15, 6, -43 },
};

static const int8_t outputs[2][MSF_MODEL_TINY_BYTES] = {
    { 0, 4, 8, 12, 1, -1, 127, 127 },
    { -128, 127, -124, 33, 4, CASE_1_BYTE_5, 24, -122 },
};

static int8_t result[MSF_MODEL_TINY_BYTES];

const msf_vectors_t msf_vectors = {
    .model = &msf_model_tiny_network,
    .count = 2,
    .inputs = &inputs[0][0],
    .outputs = &outputs[0][0],
    .result = result,
};

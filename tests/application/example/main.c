/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/* Runs the network once, on a ramp, and prints its output as JSON. */

#include <stdint.h>
#include <stdio.h>

#include "msf_model_net.h"

static int8_t input[MSF_MODEL_NET_INPUT_BYTES];
static int8_t output[MSF_MODEL_NET_OUTPUT_BYTES];

int main(void)
{
    for (unsigned i = 0; i < sizeof(input); i++) {
        input[i] = (int8_t)(i % 256 - 128);
    }
    msf_model_net_invoke(msf_model_net_arena, input, output);
    printf("{\"output\": [");
    for (unsigned i = 0; i < sizeof(output); i++) {
        printf("%s%d", i == 0 ? "" : ", ", output[i]);
    }
    puts("]}");
    return 0;
}

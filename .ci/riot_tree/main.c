/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     tests
 * @{
 *
 * @file
 * @brief       Runs a network on test vectors
 *
 * @author      The msf-riot developers
 *
 * @}
 */

#include <stdio.h>
#include <string.h>

#include "msf_vectors.h"

int main(void)
{
    const msf_network_t *network = msf_vectors.model;

    for (uint32_t n = 0; n < msf_vectors.count; n++) {
        network->invoke(network->arena, msf_vectors.inputs + n * network->input_bytes,
                        msf_vectors.result);
        if (memcmp(msf_vectors.result, msf_vectors.outputs + n * network->output_bytes,
                   network->output_bytes)) {
            printf("vector %u: FAILURE\n", (unsigned)n);
            return 1;
        }
        printf("vector %u: as expected\n", (unsigned)n);
    }
    puts("SUCCESS");
    return 0;
}

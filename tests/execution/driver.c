/* Runs the model on inputs from standard input, writes its outputs to standard output, and guards the arena. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msf/network.h"

extern const msf_network_t MODEL;

enum { GUARD = 64 };

int main(void)
{
    const size_t size = MODEL.arena_bytes;
    uint8_t *room = malloc(size + 2 * GUARD);
    int8_t *input = malloc(MODEL.input_bytes);
    int8_t *output = malloc(MODEL.output_bytes);

    while (fread(input, 1, MODEL.input_bytes, stdin) == MODEL.input_bytes) {
        memset(room, 0xa5, size + 2 * GUARD);
        memset(output, 0x5a, MODEL.output_bytes);
        MODEL.invoke(room + GUARD, input, output);
        for (size_t i = 0; i < GUARD; i++) {
            if (room[i] != 0xa5 || room[GUARD + size + i] != 0xa5) {
                fprintf(stderr, "arena overrun at guard byte %zu\n", i);
                return 1;
            }
        }
        fwrite(output, 1, MODEL.output_bytes, stdout);
    }
    free(room);
    free(input);
    free(output);
    return 0;
}

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

#include <stddef.h>

#include "json.h"
#include "port.h"

void json_number(uint64_t value)
{
    char digits[21];
    char *first = digits + sizeof digits - 1;
    *first = '\0';
    do {
        *--first = (char)('0' + value % 10U);
        value /= 10U;
    } while (value != 0);
    port_write(first);
}

void json_truth(bool value)
{
    port_write(value ? "true" : "false");
}

void json_key(const char *key)
{
    port_write(",\"");
    port_write(key);
    port_write("\":");
}

void json_member(const char *key, uint64_t value)
{
    json_key(key);
    json_number(value);
}

void json_signed_member(const char *key, int32_t value)
{
    json_key(key);
    if (value < 0) {
        port_write("-");
    }
    json_number((uint64_t)(value < 0 ? -(int64_t)value : value));
}

/* A character of a string; those beyond ASCII are UTF-8 and stand for themselves. */
static void write_character(char character)
{
    static const char digits[] = "0123456789abcdef";
    if ((unsigned char)character < 0x20U) {
        const char code[] = { '\\', 'u', '0', '0', digits[character >> 4], digits[character & 15],
                              '\0' };
        port_write(code);
        return;
    }
    const char text[] = { character, '\0' };
    port_write(character == '"' || character == '\\' ? "\\" : "");
    port_write(text);
}

void json_text_member(const char *key, const char *text)
{
    json_key(key);
    if (text == NULL) {
        port_write("null");
        return;
    }
    port_write("\"");
    for (; *text != '\0'; text++) {
        write_character(*text);
    }
    port_write("\"");
}

void json_open(const char *kind, const char *model)
{
    port_write("{\"msf\":\"");
    port_write(kind);
    port_write("\"");
    json_text_member("model", model);
}

void json_close(void)
{
    port_write("}\n");
}

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

void json_text_member(const char *key, const char *text)
{
    json_key(key);
    if (text == NULL) {
        port_write("null");
        return;
    }
    port_write("\"");
    port_write(text);
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

/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @brief   JSON objects, one a line, each with a key "msf" that names its kind
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>

/** Begins an object; `model` is its second member. */
void json_open(const char *kind, const char *model);

/** Ends the object and the line. */
void json_close(void);

/** Writes ,"key": whose value comes next. */
void json_key(const char *key);

/** Writes a bare number. */
void json_number(uint64_t value);

/** Writes a bare true or false. */
void json_truth(bool value);

/** Writes a member that is a number. */
void json_member(const char *key, uint64_t value);

/** Writes a member that is a number of either sign. */
void json_signed_member(const char *key, int32_t value);

/** Writes a member that is a text without quotes and backslashes; null for NULL. */
void json_text_member(const char *key, const char *text);

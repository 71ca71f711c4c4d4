/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words that are always the same, told from values that differ: what paths and keys are made of. */
#ifndef WHYWAIT_VALUE_H
#define WHYWAIT_VALUE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The name of what the `len` bytes look like: "{id}" for numbers, "{uuid}", "{date}", "{email}", "{hash}" for hex,
 * "{token}" for random strings. NULL when they are a plain word. They need not be UTF-8.
 */
const char *ww_value__name(const char *at, size_t len);

/* Whether they are an e-mail address; "%40" is how its '@' often comes. */
bool ww_value__is_email(const char *at, size_t len);

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The functions of a Go program, stripped or not: .gopclntab, which Go's runtime itself needs, has their names and
 * where they begin. As of Go 1.18 and later, on machines whose byte order and word size are this one's.
 */
#ifndef WHYWAIT_GOPCLNTAB_H
#define WHYWAIT_GOPCLNTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ww_gopclntab {
	const unsigned char *bytes;
	size_t len;
	uint64_t text; /* the address that the functions' are counted from */
	size_t names, functions, count, next;
};

struct ww_gofunction {
	const char *name;    /* within the section */
	uint64_t start, end; /* addresses as the file has them */
};

/*
 * Begins to read the section's bytes, which may be any, and have to stay. `text` is where the file's code begins: from
 * Go 1.26 on the table does not say. -ENOENT: no such table.
 */
int ww_gopclntab__open(struct ww_gopclntab *table, const void *bytes, size_t len, uint64_t text);

/* Goes to the first or next function; false after the last one, or where the table is broken. */
bool ww_gopclntab__next(struct ww_gopclntab *table, struct ww_gofunction *function);

#endif

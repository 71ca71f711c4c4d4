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
	size_t names, functions, steps, count, next;
	unsigned quantum; /* of what instructions begin at a multiple of */
};

struct ww_gofunction {
	const char *name;    /* within the section */
	uint64_t start, end; /* addresses as the file has them */
	size_t about;	     /* where in the section more is told of it */
};

/*
 * Begins to read the section's bytes, which may be any, and have to stay. `text` is where the file's code begins: from
 * Go 1.26 on the table does not say. -ENOENT: no such table.
 */
int ww_gopclntab__open(struct ww_gopclntab *table, const void *bytes, size_t len, uint64_t text);

/* Goes to the first or next function; false after the last one, or where the table is broken. */
bool ww_gopclntab__next(struct ww_gopclntab *table, struct ww_gofunction *function);

/*
 * Where the function, of one that has a frame on the stack, goes back to its caller: behind its beginning, wherever
 * that frame is gone. Writes addresses, `most` at the most, and returns how many there are. -ENOENT: the table is
 * broken; -E2BIG: there are more. Whether such an instruction stands there is for the caller to see.
 */
int ww_gopclntab__returns(const struct ww_gopclntab *table, const struct ww_gofunction *function, uint64_t *addresses,
			  int most);

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A statement's fingerprint, held by all that have to do with it: connections, drafts, names. */
#ifndef WHYWAIT_STATEMENT_H
#define WHYWAIT_STATEMENT_H

#include <stdint.h>

#include "protocols/sql.h"

/* Shared; never changes. Its texts are UTF-8 without control characters. */
struct ww_statement {
	uint32_t references;
	uint16_t flags;	    /* as in struct ww_sql */
	uint64_t arguments; /* of the text that it was made of */
	char summary[WW_SUMMARY_SIZE];
	uint32_t len;
	char text[];
};

/* NULL when out of memory; one reference. */
struct ww_statement *ww_statement__new(const struct ww_sql *sql);

/* The same statement with other arguments; a reference of its own. NULL when out of memory. */
struct ww_statement *ww_statement__with(struct ww_statement *statement, uint64_t arguments);

struct ww_statement *ww_statement__hold(struct ww_statement *statement); /* NULL-safe */
void ww_statement__put(struct ww_statement *statement);			 /* NULL-safe */

#endif

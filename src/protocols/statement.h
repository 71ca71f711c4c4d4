/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A statement's fingerprint, held by all that have to do with it: connections, drafts, names. */
#ifndef WHYWAIT_STATEMENT_H
#define WHYWAIT_STATEMENT_H

#include <stdint.h>

#include "protocols/sql.h"

/* Shared; does not change once it is set. Its texts are UTF-8 without control characters. */
struct ww_statement {
	uint32_t references;
	uint16_t flags;	     /* as in struct ww_sql */
	uint64_t arguments;  /* what begins a hash over those that it is run with; 0: they are not known */
	uint64_t prepared;   /* of WW_OPERATION_UNSEEN, as of a draft */
	uint16_t parameters; /* MySQL: how many */
	char summary[WW_SUMMARY_SIZE];
	uint32_t len;
	char text[];
};

/* What the text of a stand-in ends with, for a statement whose own was not seen. */
#define WW_STATEMENT_UNSEEN "(text not seen, prepared before)"

/* NULL when out of memory; one reference. */
struct ww_statement *ww_statement__new(const struct ww_sql *sql);
struct ww_statement *ww_statement__copy(const struct ww_statement *statement, uint64_t arguments);

struct ww_statement *ww_statement__hold(struct ww_statement *statement); /* NULL-safe */
void ww_statement__put(struct ww_statement *statement);			 /* NULL-safe */

#endif

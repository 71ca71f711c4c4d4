/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Statements that a connection has prepared: under which name or number the client runs which. Bounded. */
#ifndef WHYWAIT_PREPARED_H
#define WHYWAIT_PREPARED_H

#include <stdint.h>

#include "protocols/dialogue.h"
#include "protocols/sql.h"

/* Shared; does not change once it is set. */
struct ww_statement {
	uint32_t references;
	uint16_t flags;
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
struct ww_statement *ww_statement__hold(struct ww_statement *statement);
void ww_statement__put(struct ww_statement *statement); /* NULL-safe */

/* All zeros is an empty one. */
struct ww_prepared {
	struct ww_prepared_entry *entries;
	uint32_t len, cap;
	uint32_t bytes; /* of the texts */
};

/* From now on the key means this statement; holds it. NULL: the key means nothing that is known. Old ones make room. */
void ww_prepared__set(struct ww_prepared *prepared, uint64_t key, uint64_t unit, struct ww_statement *statement);

/* NULL: not known. Only lent. */
struct ww_statement *ww_prepared__get(const struct ww_prepared *prepared, uint64_t key);

/* Forgets what was set by the unit, or by later ones. */
void ww_prepared__forget_since(struct ww_prepared *prepared, uint64_t unit);

/* Forgets all. */
void ww_prepared__free(struct ww_prepared *prepared);

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Statements that a connection has prepared: under which name or number the client runs which. Bounded. */
#ifndef WHYWAIT_PREPARED_H
#define WHYWAIT_PREPARED_H

#include <stdint.h>

#include "protocols/statement.h"

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

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Statements that were read before. Programs send the same text again and again, with other literals: what stands
 * between those is compared, which is cheaper than to read it anew.
 *
 *     SELECT name FROM t WHERE id = 17 AND kind = 'x'
 *     [----------------------------]  [----------]        kept of it; of the literals nothing but how they begin
 *
 * What is found so is what ww_sql__read() would have said. Bounded; a text is kept when it has come twice.
 */
#ifndef WHYWAIT_SQL_SHAPES_H
#define WHYWAIT_SQL_SHAPES_H

#include "protocols/statement.h"

struct ww_sql_shapes;

/* To be freed with ww_sql_shapes__free(); NULL when out of memory. */
struct ww_sql_shapes *ww_sql_shapes__new(void);
void ww_sql_shapes__free(struct ww_sql_shapes *shapes); /* NULL-safe */

/*
 * As ww_sql__read(); `*arguments` is of this text, the statement's own may be another one's. A reference for the
 * caller. NULL when out of memory. Without shapes (NULL), it is read.
 */
struct ww_statement *ww_sql_shapes__read(struct ww_sql_shapes *shapes, enum ww_sql_dialect dialect, const char *text,
					 size_t len, bool cut, uint64_t *arguments);

/* How many there are, and how many texts were found among them. */
uint32_t ww_sql_shapes__len(const struct ww_sql_shapes *shapes);
uint64_t ww_sql_shapes__found(const struct ww_sql_shapes *shapes);

#endif

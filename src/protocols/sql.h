/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A statement without what it was about: literals and parameters become `?`, lists of them one, comments go. Statements
 * that differ in nothing else have the same fingerprint.
 *
 * No byte of a literal reaches the output, whatever the statement looks like. Where it can't be told what is a literal
 * (a statement that begins with no verb of SQL, a control character, a quote behind a backslash that may escape it or
 * not), the rest is left out, and the fingerprint is cut there.
 */
#ifndef WHYWAIT_SQL_H
#define WHYWAIT_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/operation.h"

enum ww_sql_dialect {
	WW_SQL_POSTGRES,
	WW_SQL_MYSQL,
	WW_SQL_MYSQL_PLAIN, /* a backslash escapes nothing: NO_BACKSLASH_ESCAPES */
};

struct ww_sql {
	uint16_t flags;		       /* enum ww_operation_flags: READ, WRITE, CONTROL, FETCH, BATCH, CUT */
	uint64_t arguments;	       /* a hash over the literals; 0: not known, since the statement is cut */
	size_t len;		       /* of the text, 0: not known */
	char summary[WW_SUMMARY_SIZE]; /* "SELECT orders"; "": not known */
	char text[WW_STATEMENT_SIZE];  /* with a NUL; ends with U+2026 when CUT is set */
};

/* `cut`: more than these bytes belong to the statement. Bytes that are no UTF-8 stay as they are. */
void ww_sql__read(struct ww_sql *sql, enum ww_sql_dialect dialect, const char *text, size_t len, bool cut);

#endif

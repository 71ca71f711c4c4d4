/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A request in whose time a collector works. */
#ifndef WHYWAIT_TESTS_MODEL_COLLECTING_H
#define WHYWAIT_TESTS_MODEL_COLLECTING_H

#include "script.h"

#define GET "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct pt_regs regs; /* of a probe */

static inline const struct ww_account *done(void)
{
	sends(&script.server, OK);
	assert_int_equal(script.records_len, 1);
	const struct ww_account *a = &script.records[0];
	u64 sum = 0;
	for (u32 kind = 0; kind < WW_KIND_COUNT; kind++)
		sum += a->kinds_ns[kind];
	assert_int_equal(sum, a->end_ns - a->start_ns);
	return a;
}

static inline void request_taken(void)
{
	runs(0);
	arrives(&script.server, strlen(GET));
	receives(&script.server, GET);
}

static inline void counted(u64 count, u64 ns)
{
	u32 tgid = 100;
	const struct ww_collections *all = host_map_value(&ww_collections, &tgid);
	if (!count && !ns && !all)
		return;
	assert_non_null(all);
	assert_int_equal(all->count, count);
	assert_int_equal(all->ns, ns);
}

#endif

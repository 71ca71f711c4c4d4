/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a client and a server say to one another on one connection, as operations. A parser of a protocol is fed both
 * directions' bytes in the order of the calls that moved them; it finds where a command begins and which answer ends
 * it. Who asked, and when, the dialogue knows.
 *
 *     operations of a connection, oldest first:
 *     [ answered by what is received next | .. | begun by what was sent last ]
 *
 * A parser may join in the middle of a connection, and bytes may be missing at any place: most of a long answer is
 * never captured. So it never guesses: what it can't pair with certainty it gives up by ww_dialogue__unsure(), which
 * counts.
 */
#ifndef WHYWAIT_DIALOGUE_H
#define WHYWAIT_DIALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/operation.h"
#include "protocols/sql_shapes.h"

enum ww_direction { WW_RECEIVED, WW_SENT };

/* A call that moved bytes, or a connection's beginning or end; times are CLOCK_MONOTONIC. */
struct ww_call {
	uint64_t request;  /* id of the account that it was made for; 0: none */
	uint64_t began_ns; /* sent: when the call began to wait, at_ns when it did not. received: when bytes arrived */
	uint64_t at_ns;	   /* when the bytes were handed over */
	uint32_t total;	   /* bytes that it moved */
	/* Sent for several requests: whose each command is that begins in it, in order; owners_len 0: `request`'s. */
	const uint64_t *owners;
	uint32_t owners_len;
};

/*
 * An operation in the making. Parsers fill in what comes after the blank line; its summary and its statement by the
 * functions below.
 */
struct ww_draft {
	uint64_t request;
	uint64_t start_ns;
	uint64_t answered_ns; /* when the newest bytes of its answer arrived; 0: none has */

	uint16_t flags; /* enum ww_operation_flags */
	uint8_t phase;	/* the parser's own */
	uint32_t count; /* the parser's own */
	uint64_t arguments;
	uint64_t prepared; /* of WW_OPERATION_UNSEEN: tells its statement from others of the connection */
	uint64_t bytes_out, bytes_in;
	char error[WW_ERROR_SIZE];
	struct ww_statement *said;     /* has the statement, and the summary where that is "" here; NULL: these are */
	char *statement;	       /* malloc'd, or NULL */
	char summary[WW_SUMMARY_SIZE]; /* the last: most have one that was said */
};

struct ww_dialogue;

/*
 * A protocol. State is `size` zeroed bytes per connection, bounded: what it allocates beyond that is limited by itself
 * and freed by `end`. None of the functions fails: what there is no memory for is given up and counted.
 */
struct ww_protocol {
	const char *name;
	size_t size;

	/* A connection begins here (`whole`), or is joined in the middle. May be NULL. */
	void (*begin)(void *state, struct ww_dialogue *dialogue, bool whole);

	/* The next `len` bytes of a direction. They lie in read-only memory. Any split is possible, also one byte. */
	void (*bytes)(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, const uint8_t *bytes,
		      size_t len);

	/* The next `len` bytes of a direction are not at hand; what comes behind them is known to come there. */
	void (*skip)(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, uint64_t len);

	/*
	 * It is not known how many bytes of any direction are missing. The drafts have been given up already. The next
	 * bytes are likely to begin with a message, but need not.
	 */
	void (*lost)(void *state, struct ww_dialogue *dialogue);

	/* One call's bytes are over (bytes and gaps of it came before). For what ends with a call. May be NULL. */
	void (*turn)(void *state, struct ww_dialogue *dialogue, enum ww_direction direction);

	/* Frees what the state holds. May be NULL. */
	void (*end)(void *state);
};

/* ---- for parsers */

/* The call at hand; only while a parser's bytes(), skip() or turn() is at work. */
const struct ww_call *ww_dialogue__call(const struct ww_dialogue *dialogue);

/* A command begins in what is sent now: a new draft behind the others. NULL when there are too many (counted). */
struct ww_draft *ww_dialogue__open(struct ww_dialogue *dialogue);

/* How many drafts there are, and the n-th oldest of them; NULL: not so many. */
size_t ww_dialogue__drafts(const struct ww_dialogue *dialogue);
struct ww_draft *ww_dialogue__draft(struct ww_dialogue *dialogue, size_t index);

/* Bytes of the n-th oldest draft's answer are received now. Ignored where there is no such draft, as below. */
void ww_dialogue__answered(struct ww_dialogue *dialogue, size_t index);

/* The answer of the n-th oldest draft is whole: it becomes an operation that ends when what is received now arrived. */
void ww_dialogue__close(struct ww_dialogue *dialogue, size_t index);

/* The same, where that shows only later: it ends when the newest bytes arrived that ww_dialogue__answered() was told
 * of. */
void ww_dialogue__finish(struct ww_dialogue *dialogue, size_t index);

/* The n-th oldest draft turns out to be no operation: a message without an answer, a part of another one. */
void ww_dialogue__cancel(struct ww_dialogue *dialogue, size_t index);

/* Whether an answer belongs to a command is not certain: all drafts are given up, and counted. */
void ww_dialogue__unsure(struct ww_dialogue *dialogue);

/* What comes after this call is TLS, or another protocol that was agreed on: it is taken by round trips. */
void ww_dialogue__encrypted(struct ww_dialogue *dialogue);

/* Statements that any connection has read, for ww_sql_shapes__read(); NULL: none are kept. */
struct ww_sql_shapes *ww_dialogue__shapes(const struct ww_dialogue *dialogue);

/* "" where there is none. */
const char *ww_draft__summary(const struct ww_draft *draft);
const char *ww_draft__statement(const struct ww_draft *draft);

/*
 * Summary and statement are this one's from now on, and CUT is set where it is cut. Holds it. NULL: there are none. A
 * summary of the draft's own may be set afterwards.
 */
void ww_draft__say(struct ww_draft *draft, struct ww_statement *statement);

/* Copies at most `len` bytes as UTF-8 without control characters; a longer statement is cut and WW_OPERATION_CUT set.
 */
void ww_draft__set_statement(struct ww_draft *draft, const char *text, size_t len);
void ww_draft__set_summary(struct ww_draft *draft, const char *text);
void ww_draft__set_error(struct ww_draft *draft, const char *text, size_t len);

/* FNV-1a, 64 bits, to be begun with WW_HASH_BEGIN; for `arguments`. */
#define WW_HASH_BEGIN 0xcbf29ce484222325ull
uint64_t ww_hash__add(uint64_t hash, const void *bytes, size_t len);

/* ---- for their caller */

struct ww_dialogue_sink {
	/* A finished operation. The draft is only lent. `end_ns` is CLOCK_MONOTONIC. */
	void (*operation)(void *ctx, const struct ww_draft *draft, uint64_t end_ns);
	/* Operations of a request that were given up: one for each draft that has a request. */
	void (*unsure)(void *ctx, uint64_t request);
	void *ctx;
	struct ww_sql_shapes *shapes; /* NULL: none are kept */
};

#define WW_DRAFTS_MAX 64 /* of one connection */

/*
 * A connection that speaks `protocol`; `whole`: it is seen from its beginning. The sink and the protocol must outlive
 * it. To be freed with ww_dialogue__free(). NULL when out of memory.
 */
struct ww_dialogue *ww_dialogue__new(const struct ww_protocol *protocol, bool whole,
				     const struct ww_dialogue_sink *sink);

/* NULL-safe. Drafts are dropped without a word. */
void ww_dialogue__free(struct ww_dialogue *dialogue);

/*
 * A call moved bytes: `head` are the first of them, `tail` the last; what lies between is not at hand.
 * head_len + tail_len <= call->total, else what exceeds it is ignored.
 */
void ww_dialogue__moved(struct ww_dialogue *dialogue, enum ww_direction direction, const struct ww_call *call,
			const uint8_t *head, size_t head_len, const uint8_t *tail, size_t tail_len);

/* Calls are missing before the next one. */
void ww_dialogue__lost(struct ww_dialogue *dialogue);

/*
 * The request has ended: its drafts whose answer has begun become operations that end with what came last; the others
 * become operations that are WW_OPERATION_UNFINISHED and end at `end_ns`. Bytes of their answers may still come.
 */
void ww_dialogue__settle(struct ww_dialogue *dialogue, uint64_t request, uint64_t end_ns);

/*
 * The connection has ended at `at_ns`: what has been answered becomes an operation, what has not one that failed by
 * `error`.
 */
void ww_dialogue__closed(struct ww_dialogue *dialogue, uint64_t at_ns, const char *error);

/* Drafts of the request `from` are of the request `to`: an event loop's work whose request was not known before. */
void ww_dialogue__adopt(struct ww_dialogue *dialogue, uint64_t from, uint64_t to);

/* The protocols, by system; one without a parser is taken by round trips. */
extern const struct ww_protocol ww_protocol_round_trips;
extern const struct ww_protocol ww_protocol_postgres;
extern const struct ww_protocol ww_protocol_mysql;
extern const struct ww_protocol ww_protocol_redis;
extern const struct ww_protocol ww_protocol_memcached;
extern const struct ww_protocol ww_protocol_mongodb;
extern const struct ww_protocol ww_protocol_http1_client;
extern const struct ww_protocol ww_protocol_dns;
extern const struct ww_protocol ww_protocol_fastcgi;

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The JSON behind the live page. docs/api.md describes it for users. */
#ifndef WHYWAIT_API_H
#define WHYWAIT_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serve/daemon.h"
#include "serve/http_reply.h"

#define WW_API_PREFIX	  "/api/v1/"
#define WW_API_ENDPOINT	  1024 /* bytes of a glob, its NUL included */
#define WW_API_STARS	  8    /* wildcards of a glob: matching takes longer with each of them */
#define WW_API_LAST	  900  /* seconds */
#define WW_API_LAST_MOST  (400 * 86400)
#define WW_API_STEPS	  60
#define WW_API_STEPS_MOST 240
#define WW_API_LIMIT	  20
#define WW_API_LIMIT_MOST 200

enum ww_api_what {
	WW_API_STATUS,
	WW_API_ENDPOINTS,
	WW_API_REPORT,
	WW_API_SERIES,
	WW_API_REQUESTS,
	WW_API_STACKS,
	WW_API_COUNT
};

/* What is asked for. */
struct ww_api_query {
	enum ww_api_what what;
	char endpoint[WW_API_ENDPOINT]; /* a glob as of --endpoint; "": every one */
	int64_t last_s;			/* so long until the last commit, or .. */
	int64_t since_s, until_s;	/* .. these Unix times; 0: open */
	unsigned steps, limit;
	uint32_t kinds; /* bits; of stacks */
	bool errors;	/* of requests: only those that failed */
};

/* What is asked for by a path below WW_API_PREFIX, with the defaults. -ENOENT: there is no such thing. */
int ww_api_query__init(struct ww_api_query *query, const char *name);

/*
 * Takes a parameter. -EINVAL, and one line in `message`: there is none of that name, or it can't have that value.
 * `value` may be NULL: it had no `=`.
 */
int ww_api_query__set(struct ww_api_query *query, const char *name, const char *value, char *message,
		      size_t message_size);

struct ww_api;

/*
 * Reads the recording of that name, which is opened when it is first needed, and again when another file stands there.
 * What it is given outlives it. The API is the caller's, to be freed with ww_api__free(); NULL without memory.
 */
struct ww_api *ww_api__new(const char *recording, void (*status)(void *ctx, struct ww_daemon_status *status),
			   void *ctx);

/* Any thread: what is being answered is given up, and so is all that comes. NULL-safe. */
void ww_api__interrupt(struct ww_api *api);

/* NULL-safe. */
void ww_api__free(struct ww_api *api);

/* Answers, whatever comes. One thread at a time. */
void ww_api__answer(struct ww_api *api, const struct ww_api_query *query, struct ww_reply *reply);

#endif

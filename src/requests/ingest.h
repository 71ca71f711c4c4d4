/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the kernel's records to requests: gives each account its service, route and names, joins it with its time line,
 * and hands it to the live aggregation and the recording. Not thread-safe.
 */
#ifndef WHYWAIT_INGEST_H
#define WHYWAIT_INGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/report.h"
#include "requests/stacks.h"
#include "requests/holders.h"
#include "requests/naming.h"
#include "requests/services.h"
#include "whywait/abi.h"

struct ww_ingest;
struct ww_recorder;
struct ww_request;

/* What the options default to where they are 0. */
#define WW_ROUTES_MAX	    200 /* endpoints a service may have beside "(other)" */
#define WW_SERVICES_MAX	    256 /* that are found, beside those of a past that is gone on in */
#define WW_LIVE_SECONDS_MAX 60	/* longest live window */

struct ww_ingest_options {
	/* Where requests are recorded; NULL: nowhere. It stays the caller's and is closed after the ingest is
	 * destroyed. */
	struct ww_recorder *recorder;
	unsigned live_seconds; /* longest window of ww_ingest__report(); 0: no live aggregation */

	/* The user's patterns, tried in this order: "/shop/{name}/items", "/static/{file...}". */
	const char *const *routes;
	size_t routes_len;
	unsigned routes_max; /* endpoints a service may have beside "(other)" */

	const char *const *services; /* globs; only requests of services that match one count; none: every service */
	size_t services_len;

	const char *const *service_names; /* as struct ww_service_names has them */
	size_t service_names_len;

	/* The address with that index, as ww_observer__peer(): 0, or -ENOENT. */
	int (*peer)(void *ctx, uint32_t index, struct ww_peer *peer);
	void *peer_ctx;

	/* What is known of a request that others have waited for, as ww_observer__held_by(); NULL: nothing. */
	ww_held_by_fn *held_by;
	void *held_by_ctx;

	bool stacks; /* of a sample of requests are taken */
	/* What a process has collected, as ww_observer__collected(); NULL: not known. */
	ww_collected_fn *collected;
	void *collected_ctx;

	/* What a process's runtime has allocated, as ww_heaps__allocated(); NULL: not asked. */
	ww_allocated_fn *allocated;
	void *allocated_ctx;

	/* For how many requests one stands whose allocations were counted, in WW_ALLOCATIONS_ONE; NULL: none were. */
	uint64_t (*allocations)(void *ctx, const struct ww_account *account);
	void *allocations_ctx;

	bool no_operations; /* none are taken in: of no request it is known what it did */

	struct ww_unit_names units;

	const char *command; /* what the command is called whose work as a whole is one unit; NULL: there is none */

	const char *proc; /* where the proc file system is; NULL: "/proc". Tests set it. */

	/* Called, where not NULL, with what each tick commits, and with each request that is kept whole. */
	void (*each_commit)(void *ctx, const struct ww_commit *commit);
	void (*each_kept)(void *ctx, const struct ww_request *request);
	void *each_ctx;
};

/* What was taken in since the start. */
struct ww_ingest_totals {
	uint64_t requests;	  /* that count */
	uint64_t errors;	  /* of these */
	uint64_t filtered;	  /* left out by `services` */
	uint64_t routes_over_cap; /* of `requests`: filed under "(other)" */
	uint64_t malformed;	  /* accounts that contradict themselves; not counted as requests, and lost */
};

/* The ingest is the caller's, to be destroyed with ww_ingest__destroy(). Strings in `options` must outlive it. */
int ww_ingest__create(struct ww_ingest **ingest, const struct ww_ingest_options *options);

/* NULL-safe. */
void ww_ingest__destroy(struct ww_ingest *ingest);

/*
 * Takes one finished request; `account` is only read during the call and may lie in read-only memory. -EPROTO when the
 * record is malformed (counted), -ENOMEM.
 */
int ww_ingest__account(struct ww_ingest *ingest, const struct ww_account *account);

/* A process that the command consists of. -ENOMEM. */
int ww_ingest__process(struct ww_ingest *ingest, uint32_t pid);

/* The command's account as it was last, and how many operations it has done; NULL: there is none. */
const struct ww_account *ww_ingest__run(const struct ww_ingest *ingest, uint64_t *operations);

/* Takes a time line; it arrives before the account of the same id, which may be lost. */
int ww_ingest__segments(struct ww_ingest *ingest, const struct ww_segments *segments);

/*
 * Takes a call on an upstream connection, in the order of the calls, and before the account that it is for. -EPROTO
 * when the record is malformed, -ENOMEM (both counted).
 */
int ww_ingest__traffic(struct ww_ingest *ingest, const struct ww_traffic *traffic, size_t size);

/* Takes a record of the stack ring, before the account that it is for. -EPROTO, -ENOMEM (both counted). */
int ww_ingest__stack(struct ww_ingest *ingest, const void *record, size_t size);

/* What became of stacks since the start; -ENOENT when none are taken. */
int ww_ingest__stacks(const struct ww_ingest *ingest, struct ww_stacks_totals *totals);

/*
 * To be called about once a second: samples services from /proc,
 * moves the live window on, and commits what came since the last call to the recording. `now_ns` is CLOCK_MONOTONIC.
 * `counters` are the kernel side's sums since the start; NULL: none. Returns a negative errno when the recording could
 * not be written; what was not written is written by a later call or counted as lost.
 */
int ww_ingest__tick(struct ww_ingest *ingest, uint64_t now_ns, const uint64_t counters[WW_COUNTER_COUNT]);

/* The same, once, at the end, before the recorder is closed. Reports can still be made. */
int ww_ingest__finish(struct ww_ingest *ingest, uint64_t now_ns, const uint64_t counters[WW_COUNTER_COUNT]);

/* The connections that a port carried and that can't be read, since the start. Feeds the recording and reports. */
int ww_ingest__unreadable(struct ww_ingest *ingest, uint16_t port, enum ww_unreadable what, uint64_t connections);

/* The totals so far; valid until the ingest is destroyed. */
const struct ww_ingest_totals *ww_ingest__totals(const struct ww_ingest *ingest);

/* Every cause of loss with its count as of the last tick, also those that never happened. */
const struct ww_loss *ww_ingest__losses(const struct ww_ingest *ingest, size_t *len);

/*
 * What there is hardly any room left for, of what is never forgotten: services that have been, names of operations and
 * waits, stacks. NULL: there is room.
 */
const char *ww_ingest__crowded(const struct ww_ingest *ingest);

/* What ww_ingest__unreadable() was told. */
const struct ww_unreadable_port *ww_ingest__unreadable_ports(const struct ww_ingest *ingest, size_t *len);

/*
 * A report of what ended in the last `seconds` whole seconds (at most options.live_seconds) before the last tick.
 * Losses, unreadable ports and services' memory are those since the start. The report is the caller's, to be freed with
 * ww_report_free(). -EINVAL without live aggregation.
 */
int ww_ingest__report(struct ww_ingest *ingest, unsigned seconds, struct ww_report **report);

#endif

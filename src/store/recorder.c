/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "store/recorder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/losses.h"
#include "store/recorder_parts.h"
#include "store/schema.h"
#include "util/hash.h"

/*
 * Requests kept for each reason in an interval, over all endpoints: with many endpoints each keeps fewer, at least
 * one, so that what they cost stays bounded.
 */
#define KEEP_BUDGET 1000

/*
 * Buckets that an interval may have in memory (12 bytes, and 8 for each kind that the endpoint's requests have) before
 * it is written in several parts.
 */
#define BUCKETS_MAX 160000

/* The same for what its sums of operations take. */
#define OPERATION_BYTES_MAX (6 << 20)

/* What requests that are kept may take in memory before they are written, ahead of the next commit. */
#define PENDING_BYTES_MAX (6 << 20)

/*
 * Of the intervals that begin so soon the seconds are told, too: few intervals do not tell how much is chance. One that
 * goes on has many, and they become minutes.
 */
#define SECONDS_FOR_NS (60 * NSEC)
#define NSEC	       1000000000ll

_Static_assert(WW_KEEP_MOST <= WW_KEEP_MAX, "what is promised can be kept");

static uint64_t next_random(struct ww_recorder *recorder)
{
	recorder->random += 0x9e3779b97f4a7c15;
	return ww_hash_mix(recorder->random);
}

/* Notes a failure; nothing more is written until the commit has rolled back. */
static bool note(struct ww_recorder *recorder, int rc)
{
	if (rc != SQLITE_OK && !recorder->failed)
		recorder->failed = rc;
	return rc == SQLITE_OK;
}

static bool begin(struct ww_recorder *recorder)
{
	if (recorder->failed)
		return false;
	if (!recorder->in_transaction)
		recorder->in_transaction = note(recorder, ww_rows__run(&recorder->rows, WW_STATEMENT_BEGIN));
	return recorder->in_transaction;
}

/* Ends the transaction either way; the failure that it ended with, or SQLITE_OK. */
static int end(struct ww_recorder *recorder)
{
	int rc;

	if (recorder->in_transaction && !recorder->failed)
		note(recorder, ww_rows__run(&recorder->rows, WW_STATEMENT_COMMIT));
	rc = recorder->failed;
	if (rc) {
		/* Some failures have rolled back already. */
		if (!sqlite3_get_autocommit(recorder->db))
			ww_rows__run(&recorder->rows, WW_STATEMENT_ROLLBACK);
	} else
		recorder->written_ahead = 0;
	recorder->in_transaction = false;
	recorder->failed = 0;
	return rc;
}

static struct ww_keep *keep_of(struct ww_recorder *recorder, uint32_t endpoint)
{
	if (endpoint >= recorder->keeps_len) {
		uint32_t len = recorder->keeps_len ? recorder->keeps_len : 64;

		while (len <= endpoint)
			len *= 2;

		struct ww_keep *keeps = reallocarray(recorder->keeps, len, sizeof(*keeps));

		if (!keeps)
			return NULL;
		memset(keeps + recorder->keeps_len, 0, (len - recorder->keeps_len) * sizeof(*keeps));
		recorder->keeps = keeps;
		recorder->keeps_len = len;
	}
	return &recorder->keeps[endpoint];
}

bool ww_recorder__wants(struct ww_recorder *recorder, uint32_t endpoint, uint64_t wall_ns, bool error)
{
	struct ww_keep *keep;
	struct ww_kept_change change;

	recorder->sampled = recorder->keep_all;
	if (recorder->keep_all)
		return true;
	if (!recorder->keep)
		return false;
	keep = keep_of(recorder, endpoint);
	if (!keep) {
		recorder->not_kept++;
		return false;
	}
	if (!keep->seen[WW_KEEP_SAMPLE])
		recorder->keeps_used++;

	uint32_t most = KEEP_BUDGET / recorder->keeps_used;
	const uint64_t random[WW_KEEP_REASONS] = {0, next_random(recorder), next_random(recorder)};

	if (most > recorder->keep)
		most = recorder->keep;
	if (!most)
		most = 1;
	int kept = ww_keep__offer(keep, most, wall_ns, error, random, recorder->next_id, &change);

	recorder->not_kept += kept < 0;
	if (kept <= 0)
		return false;
	/* Without memory to note it a row stays that need not: one more is kept, or taken for one of the sample. */
	for (unsigned i = 0; i < change.dropped_len; i++)
		ww_pending__drop(&recorder->pending, change.dropped[i]);
	if (change.unsampled)
		ww_pending__unsample(&recorder->pending, change.unsampled);
	recorder->sampled = change.sampled;
	return true;
}

void ww_recorder__keep(struct ww_recorder *recorder, uint32_t endpoint, const struct ww_request *request)
{
	struct ww_request copy = *request;

	copy.sampled = recorder->sampled;
	if (ww_pending__add(&recorder->pending, recorder->next_id, endpoint, &copy))
		recorder->not_kept++;
	recorder->next_id++;
	if (recorder->pending.bytes > PENDING_BYTES_MAX && begin(recorder)) {
		note(recorder, ww_pending__write(&recorder->pending, &recorder->rows));
		recorder->written_ahead += ww_pending__clear(&recorder->pending);
	}
}

static bool write_catalog(struct ww_recorder *recorder, const struct ww_catalog *catalog, struct ww_written *written)
{
	bool good;

	if (written->renames != catalog->renames)
		written->services = written->endpoints = 0;
	written->renames = catalog->renames;
	good = note(recorder, ww_vacant__write(recorder, catalog));
	for (; good && written->services < catalog->services_len; written->services++)
		good = ww_catalog__is_vacant_service(catalog, written->services) ||
		       note(recorder, ww_rows__put_service(&recorder->rows, written->services,
							   &catalog->services[written->services]));
	for (; good && written->endpoints < catalog->endpoints_len; written->endpoints++)
		good = ww_catalog__is_vacant_endpoint(catalog, written->endpoints) ||
		       note(recorder, ww_rows__put_endpoint(&recorder->rows, written->endpoints,
							    &catalog->endpoints[written->endpoints]));
	for (; good && written->names < ww_intern__len(catalog->names); written->names++)
		good = note(recorder, ww_rows__put_name(&recorder->rows, written->names,
							ww_intern__get(catalog->names, written->names)));
	for (; good && written->operations < ww_intern__len(catalog->operations); written->operations++) {
		const struct ww_catalog_operation name = ww_catalog__operation_name(catalog, written->operations);

		good = note(recorder, ww_rows__put_operation_name(&recorder->rows, written->operations, &name));
	}
	return good;
}

static bool write_stacks(struct ww_recorder *recorder, const struct ww_commit *commit, struct ww_written *written)
{
	const struct ww_stack_table *table = commit->stacks;
	struct ww_rows *rows = &recorder->rows;
	bool good = true;

	for (; good && written->frames < ww_intern__len(table->frames); written->frames++)
		good = note(recorder, ww_rows__put_stack_frame(rows, written->frames,
							       ww_intern__get(table->frames, written->frames)));
	for (; good && written->stacks < ww_intern__len(table->stacks); written->stacks++) {
		const void *stack = ww_intern__get(table->stacks, written->stacks);

		good = note(recorder, ww_rows__put_stack(rows, written->stacks, stack));
	}
	return good && note(recorder, ww_rows__put_stack_sums(rows, commit->interval, table));
}

static void note_written(struct ww_recorder *recorder, const struct ww_catalog *catalog,
			 const struct ww_written *written)
{
	recorder->written = *written;
	ww_vacant__forget(recorder, catalog);
}

/* The rows of the interval in place of its journal. */
static bool write_interval(struct ww_recorder *recorder)
{
	const struct ww_slice *current = &recorder->current;
	bool good = true;

	for (uint32_t i = 0; good && i < current->used_len; i++) {
		uint32_t endpoint = current->used[i];

		good = note(recorder, ww_rows__put_aggregate(&recorder->rows, recorder->interval, endpoint,
							     current->by_endpoint[endpoint],
							     ww_seconds__of(&recorder->seconds, endpoint)));
	}
	return good && note(recorder, ww_rows__end_journal(&recorder->rows, recorder->interval));
}

/* What they allocated that commits failed to write until its interval was over: as of the last second. */
static bool write_late_allocations(struct ww_recorder *recorder)
{
	return recorder->goes_on || !recorder->unwritten.used_len ||
	       note(recorder,
		    ww_rows__put_allocations(&recorder->rows, recorder->interval,
					     recorder->interval + WW_SCHEMA_INTERVAL_NS - NSEC, &recorder->unwritten));
}

/*
 * Replaces the journal of the interval by its rows and forgets it. When that fails, the journal stays and is as good;
 * only what it does not hold is lost.
 */
static int end_interval(struct ww_recorder *recorder, const struct ww_catalog *catalog)
{
	struct ww_written written = recorder->written;
	int rc;

	/* Requests that were written ahead are of endpoints that may not be in the file yet. */
	if (begin(recorder) && write_catalog(recorder, catalog, &written) && write_late_allocations(recorder)) {
		if (!recorder->journal_only)
			write_interval(recorder);
		else if (recorder->unwritten.used_len)
			note(recorder, ww_rows__put_journal(&recorder->rows, recorder->interval, &recorder->unwritten));
	}
	rc = end(recorder);
	if (rc)
		recorder->lost += recorder->unwritten.requests;
	else
		note_written(recorder, catalog, &written);
	/* Other endpoints may have as much the next time: then this is not to be held beside it. */
	if (recorder->current.operation_bytes > OPERATION_BYTES_MAX)
		ww_slice__free(&recorder->current);
	ww_slice__clear(&recorder->current);
	ww_seconds__clear(&recorder->seconds);
	ww_slice__clear(&recorder->unwritten);
	recorder->journal_only = false;
	return rc;
}

/* What has been lost since the last commit. `counted` becomes what is in the file then. */
static bool write_losses(struct ww_recorder *recorder, const struct ww_commit *commit, uint64_t counted[WW_LOSS_COUNT])
{
	bool good = true;

	memcpy(counted, recorder->counted, sizeof(recorder->counted));
	for (size_t i = 0; good && i < WW_LOSS_COUNT; i++) {
		const char *cause = ww_loss_cause((unsigned)i);
		uint64_t count = i < commit->losses_len ? commit->losses[i].count : 0, more;
		bool loses = i < commit->losses_len ? commit->losses[i].loses : ww_loss_loses((unsigned)i);

		if (i < commit->losses_len)
			cause = commit->losses[i].cause;
		if (!strcmp(cause, ww_loss_cause(WW_LOSS_NOT_WRITTEN)))
			count = recorder->lost;
		if (!strcmp(cause, ww_loss_cause(WW_LOSS_NOT_KEPT))) {
			count = recorder->not_kept;
			loses = recorder->keep_all;
		}
		more = count - counted[i];
		if (!more)
			continue;
		counted[i] = count;
		good = note(recorder, ww_rows__put_loss(&recorder->rows, cause, more, loses));
		if (good && recorder->goes_on)
			good = note(recorder,
				    ww_rows__put_interval_loss(&recorder->rows, commit->interval, cause, more, loses));
	}
	return good;
}

/* When the second began that has just ended; an interval has ten of them. */
static int64_t second_of(const struct ww_commit *commit)
{
	/* A second is told a little after its end. */
	int64_t since = (commit->end_unix_ns - NSEC / 2 - commit->interval) / NSEC;

	since = since < 0 ? 0 : since < WW_SCHEMA_INTERVAL_NS / NSEC ? since : WW_SCHEMA_INTERVAL_NS / NSEC - 1;
	return commit->interval + since * NSEC;
}

static uint64_t requests_of(const struct ww_commit *commit, uint32_t service)
{
	uint64_t requests = 0;

	for (uint32_t i = 0; i < commit->slice->used_len; i++)
		if (commit->catalog->endpoints[commit->slice->used[i]].service == service)
			requests += commit->slice->by_endpoint[commit->slice->used[i]]->requests;
	return requests;
}

/* Seconds of the first minute, then intervals: as the requests' are. */
static bool has_seconds(const struct ww_recorder *recorder, const struct ww_commit *commit)
{
	return !recorder->goes_on && commit->interval < commit->start_unix_ns + SECONDS_FOR_NS;
}

static int write_sample(struct ww_recorder *recorder, const struct ww_commit *commit,
			const struct ww_service_usage *usage)
{
	int64_t second = has_seconds(recorder, commit) ? second_of(commit) : commit->interval;

	if (recorder->goes_on || !usage->last.rss_bytes)
		return SQLITE_OK;
	return ww_rows__put_sample(&recorder->rows, commit->interval, second, requests_of(commit, usage->service),
				   usage);
}

static int write_commit(struct ww_recorder *recorder, const struct ww_commit *commit, const struct ww_slice *slice)
{
	struct ww_written written = recorder->written;
	struct ww_rows *rows = &recorder->rows;
	uint64_t counted[WW_LOSS_COUNT];
	bool good = begin(recorder) && write_catalog(recorder, commit->catalog, &written);
	int rc;

	if (good)
		good = note(recorder, ww_pending__write(&recorder->pending, rows));
	if (good && slice->used_len)
		good = note(recorder, ww_rows__put_journal(rows, commit->interval, slice));
	if (good && !recorder->goes_on)
		good = note(recorder, ww_rows__put_allocations(rows, commit->interval, second_of(commit), slice));
	if (good && commit->stacks)
		good = write_stacks(recorder, commit, &written);
	for (; good && written.programs < commit->programs_len; written.programs++)
		good = note(recorder, ww_rows__put_program(rows, &commit->programs[written.programs]));
	for (size_t i = 0; good && i < commit->usage_len; i++) {
		struct ww_service_usage usage = commit->usage[i];

		ww_past__add_usage(recorder, commit->interval, &usage);
		good = note(recorder, ww_rows__put_usage(rows, commit->interval, &usage)) &&
		       note(recorder, write_sample(recorder, commit, &usage));
	}
	good = good && write_losses(recorder, commit, counted);
	for (size_t i = 0; good && i < commit->unreadable_len; i++)
		good = note(recorder, ww_rows__put_unreadable(rows, &commit->unreadable[i]));
	if (good)
		good = note(recorder, ww_rows__put_meta_number(rows, "start_unix_ns",
							       recorder->start_unix_ns ? recorder->start_unix_ns
										       : commit->start_unix_ns));
	if (good && recorder->gap_from && recorder->gap_from < commit->start_unix_ns)
		good = note(recorder, ww_rows__put_gap(rows, recorder->gap_from, commit->start_unix_ns));
	if (good)
		good = note(recorder, ww_rows__put_meta_number(rows, "end_unix_ns", commit->end_unix_ns));
	/* One that goes on has gaps. */
	if (good && commit->host_busy_ns && !recorder->goes_on)
		good = note(recorder, ww_rows__put_meta_number(rows, "host_busy_ns", (int64_t)commit->host_busy_ns));
	if (good && commit->last)
		note(recorder, ww_rows__put_meta_number(rows, "ended", 1));
	rc = end(recorder);
	if (!rc) {
		note_written(recorder, commit->catalog, &written);
		memcpy(recorder->counted, counted, sizeof(counted));
		recorder->gap_from = 0;
	}
	return rc;
}

static void start_interval(struct ww_recorder *recorder, int64_t interval)
{
	for (uint32_t i = 0; i < recorder->keeps_len; i++)
		ww_keep__clear(&recorder->keeps[i]);
	recorder->keeps_used = 0;
	recorder->interval = interval;
}

/* For a later commit; what there is no memory for is lost. */
static int put_off(struct ww_recorder *recorder, const struct ww_slice *slice)
{
	uint64_t before = recorder->unwritten.requests;
	int err = ww_slice__merge(&recorder->unwritten, slice);

	recorder->lost += slice->requests - (recorder->unwritten.requests - before);
	return err;
}

int ww_recorder__commit(struct ww_recorder *recorder, const struct ww_commit *commit)
{
	const struct ww_slice *slice = commit->slice;
	bool new_interval = commit->interval != recorder->interval;
	size_t pending;
	int rc = SQLITE_OK;

	if (rc == SQLITE_OK && recorder->current.used_len &&
	    (new_interval || recorder->current.buckets > BUCKETS_MAX ||
	     recorder->current.operation_bytes > OPERATION_BYTES_MAX))
		rc = end_interval(recorder, commit->catalog);
	if (new_interval)
		start_interval(recorder, commit->interval);
	if (ww_slice__merge(&recorder->current, slice)) {
		recorder->journal_only = true;
		rc = SQLITE_NOMEM;
	}
	if (has_seconds(recorder, commit))
		ww_seconds__add(&recorder->seconds, second_of(commit), slice);
	/* What an earlier commit could not write goes with this one. */
	if (rc != SQLITE_OK || recorder->unwritten.used_len) {
		if (put_off(recorder, slice))
			rc = SQLITE_NOMEM;
		slice = &recorder->unwritten;
	}
	if (rc == SQLITE_OK) {
		rc = write_commit(recorder, commit, slice);
		if (rc == SQLITE_OK)
			ww_slice__clear(&recorder->unwritten);
		else if (slice != &recorder->unwritten && put_off(recorder, slice))
			rc = SQLITE_NOMEM;
	}
	pending = ww_pending__clear(&recorder->pending) + recorder->written_ahead;
	recorder->written_ahead = 0;
	if (rc != SQLITE_OK)
		recorder->not_kept += pending;
	if (rc == SQLITE_OK && commit->last && recorder->current.used_len)
		rc = end_interval(recorder, commit->catalog);
	/*
	 * So that a copy without the log is an interval old at most, and never of nothing. A reader may keep some of
	 * it back, and what fails here is in the log all the same.
	 */
	if (rc == SQLITE_OK && (new_interval || !recorder->committed))
		sqlite3_wal_checkpoint_v2(recorder->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	recorder->committed |= rc == SQLITE_OK;
	if (rc == SQLITE_OK && recorder->goes_on && !commit->last) {
		rc = ww_rollup__step(recorder, commit->catalog, commit->end_unix_ns);
		if (rc == SQLITE_OK)
			rc = ww_retention__step(recorder, commit->end_unix_ns);
	}
	recorder->message[0] = '\0';
	if (rc != SQLITE_OK)
		ww_recorder__describe(recorder, rc);
	return ww_recorder__errno(rc);
}

void ww_recorder__retain(struct ww_recorder *recorder, const struct ww_retention *retention)
{
	recorder->retention = *retention;
}

uint64_t ww_recorder__lost(const struct ww_recorder *recorder)
{
	return recorder->lost;
}

uint64_t ww_recorder__not_kept(const struct ww_recorder *recorder)
{
	return recorder->not_kept;
}

const char *ww_recorder__message(const struct ww_recorder *recorder)
{
	return recorder->message;
}

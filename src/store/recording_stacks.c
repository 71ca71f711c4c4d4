/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where in the code: the stacks of a recording. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/codec.h"
#include "store/read.h"
#include "util/arena.h"

#define FRAMES_MOST 1024 /* of a stack */

struct reading {
	struct ww_recording *recording;
	struct ww_catalog catalog;
	const struct ww_stack_filter *filter;
	bool *wanted;
	int64_t *at_least;  /* wall time by endpoint, ns: slower than the quantile */
	uint32_t *alike;    /* the first of its name, by endpoint */
	uint64_t *requests; /* by the first of its name: chosen, as if every one had been taken */
	int64_t from, to;
	struct ww_arena *arena;
	struct ww_profile *profile;
	struct ww_profile_stack *stacks;
	uint32_t stacks_len, stacks_cap, frames_cap;
	int64_t first_stack, first_frame; /* ids: those before were deleted */
	size_t samples_cap;
};

static int each_row(struct reading *reading, const char *query, bool bounded,
		    int (*add)(struct reading *, sqlite3_stmt *))
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(reading->recording->db, query, -1, &statement, NULL);

	if (rc == SQLITE_OK && bounded)
		rc = sqlite3_bind_int64(statement, 1, reading->from);
	if (rc == SQLITE_OK && bounded)
		rc = sqlite3_bind_int64(statement, 2, reading->to);
	while (rc == SQLITE_OK) {
		rc = sqlite3_step(statement);
		if (rc != SQLITE_ROW)
			break;
		rc = add(reading, statement);
	}
	sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Makes room for one more in an array of the arena; NULL when out of memory. */
static void *grow(struct reading *reading, void *array, size_t len, size_t *cap, size_t size)
{
	if (len < *cap)
		return array;
	size_t more = *cap ? 2 * *cap : 256;
	void *bigger = ww_arena__array(reading->arena, more, size);

	if (!bigger)
		return NULL;
	if (len)
		memcpy(bigger, array, len * size);
	*cap = more;
	return bigger;
}

static int push_frame(struct reading *reading, const char *name)
{
	struct ww_profile *profile = reading->profile;
	size_t cap = reading->frames_cap;
	const char **frames = grow(reading, profile->frames, profile->frames_len, &cap, sizeof(*frames));

	if (!frames)
		return -ENOMEM;
	profile->frames = frames;
	reading->frames_cap = (uint32_t)cap;
	frames[profile->frames_len] = ww_arena__strdup(reading->arena, name);
	return frames[profile->frames_len++] ? 0 : -ENOMEM;
}

static int add_frame(struct reading *reading, sqlite3_stmt *row)
{
	const char *name = (const char *)sqlite3_column_text(row, 1);
	int64_t id = sqlite3_column_int64(row, 0), gap;

	if (id < 0)
		return SQLITE_CORRUPT;
	if (!reading->profile->frames_len)
		reading->first_frame = id;
	gap = id - reading->first_frame - reading->profile->frames_len;
	if (gap < 0 || gap > VACANT_MAX)
		return SQLITE_CORRUPT;
	for (; gap; gap--)
		if (push_frame(reading, ""))
			return SQLITE_NOMEM;
	return push_frame(reading, name ? name : "") ? SQLITE_NOMEM : SQLITE_OK;
}

/* "[1,2,3]"; how many, or -1 when it is no such list of frames. */
static int parse_frames(const struct reading *reading, const char *text, uint32_t frames[FRAMES_MOST])
{
	int len = 0;

	if (!text || *text++ != '[')
		return -1;
	while (*text != ']') {
		char *end;
		unsigned long frame = strtoul(text, &end, 10) - (unsigned long)reading->first_frame;

		if (end == text || (*end != ',' && *end != ']') || frame >= reading->profile->frames_len ||
		    len == FRAMES_MOST)
			return -1;
		frames[len++] = (uint32_t)frame;
		text = end + (*end == ',');
	}
	return len;
}

static int push_stack(struct reading *reading, const uint32_t *frames, int len, bool whole)
{
	size_t cap = reading->stacks_cap;
	struct ww_profile_stack *stacks = grow(reading, reading->stacks, reading->stacks_len, &cap, sizeof(*stacks));

	if (!stacks)
		return -ENOMEM;
	reading->stacks = stacks;
	reading->stacks_cap = (uint32_t)cap;
	uint32_t *kept = ww_arena__array(reading->arena, (size_t)len, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	if (len)
		memcpy(kept, frames, (size_t)len * sizeof(*kept));
	stacks[reading->stacks_len++] = (struct ww_profile_stack){.frames = kept, .len = (uint32_t)len, .whole = whole};
	return 0;
}

static int add_stack(struct reading *reading, sqlite3_stmt *row)
{
	uint32_t frames[FRAMES_MOST];
	int len = parse_frames(reading, (const char *)sqlite3_column_text(row, 2), frames);
	int64_t id = sqlite3_column_int64(row, 0), gap;

	if (id < 0 || len < 0)
		return SQLITE_CORRUPT;
	if (!reading->stacks_len)
		reading->first_stack = id;
	gap = id - reading->first_stack - reading->stacks_len;
	if (gap < 0 || gap > VACANT_MAX)
		return SQLITE_CORRUPT;
	for (; gap; gap--)
		if (push_stack(reading, NULL, 0, false))
			return SQLITE_NOMEM;
	return push_stack(reading, frames, len, sqlite3_column_int(row, 1)) ? SQLITE_NOMEM : SQLITE_OK;
}

static int64_t endpoint_of(const struct reading *reading, sqlite3_stmt *row)
{
	int64_t endpoint = sqlite3_column_int64(row, 0);

	return endpoint < 0 || endpoint >= reading->catalog.endpoints_len ? -1 : endpoint;
}

/* Rows come by endpoint, the slowest requests first: until there are as many as may be slower. */
struct tail {
	int64_t endpoint;
	double left;
};

/*
 * Each request was chosen with a probability of its own, p, and weighs 1/p: what it adds to the variance of a sum of x
 * is x * x * (1 - p) / p for each that there is, which is estimated by those that were chosen (Horvitz, Thompson).
 */
static void add_error(struct reading *reading, double wall_ns, double requests, double sampled, double *variance)
{
	reading->profile->wall_ns += wall_ns * requests;
	if (sampled > 0)
		*variance += wall_ns * wall_ns * requests * (requests / sampled - 1);
}

static int find_tails(struct reading *reading)
{
	static const char query[] =
		"SELECT endpoint, wall_ns, sum(requests), sum(sum(requests)) OVER (PARTITION BY endpoint), sum(sampled)"
		" FROM stack_requests WHERE interval >= ? AND interval < ?"
		" GROUP BY endpoint, wall_ns ORDER BY endpoint, wall_ns DESC";
	struct tail tail = {.endpoint = -1};
	double variance = 0;
	sqlite3_stmt *row = NULL;
	int rc = sqlite3_prepare_v2(reading->recording->db, query, -1, &row, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(row, 1, reading->from);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(row, 2, reading->to);
	while (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
		int64_t endpoint = endpoint_of(reading, row);

		rc = endpoint < 0 ? SQLITE_CORRUPT : SQLITE_OK;
		if (rc != SQLITE_OK || !reading->wanted[endpoint])
			continue;
		if (endpoint != tail.endpoint) {
			tail.endpoint = endpoint;
			tail.left = (double)sqlite3_column_int64(row, 3) * (1 - reading->filter->slower_than);
		}
		/* The slowest bucket counts, however many are in it: there is always a slowest request. */
		if (tail.left <= 0)
			continue;
		tail.left -= (double)sqlite3_column_int64(row, 2);
		reading->at_least[endpoint] = sqlite3_column_int64(row, 1);
		reading->profile->requests += (uint64_t)sqlite3_column_int64(row, 2);
		reading->requests[reading->alike[endpoint]] += (uint64_t)sqlite3_column_int64(row, 2);
		reading->profile->sampled += (uint64_t)sqlite3_column_int64(row, 4);
		add_error(reading, (double)sqlite3_column_int64(row, 1), (double)sqlite3_column_int64(row, 2),
			  (double)sqlite3_column_int64(row, 4), &variance);
	}
	reading->profile->deviation_ns = sqrt(variance);
	sqlite3_finalize(row);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int add_sample(struct reading *reading, sqlite3_stmt *row)
{
	struct ww_profile *profile = reading->profile;
	int64_t endpoint = endpoint_of(reading, row), kind = sqlite3_column_int64(row, 2);
	bool has_name = sqlite3_column_type(row, 3) != SQLITE_NULL,
	     has_stack = sqlite3_column_type(row, 4) != SQLITE_NULL;
	int64_t name = sqlite3_column_int64(row, 3),
		stack = ww_wrapping_sum(sqlite3_column_int64(row, 4), -reading->first_stack);

	if (endpoint < 0 || kind < 0 || kind >= WW_KIND_COUNT ||
	    (has_name && (name < 0 || name >= ww_intern__len(reading->catalog.names))) ||
	    (has_stack && (stack < 0 || stack >= reading->stacks_len)))
		return SQLITE_CORRUPT;
	if (!reading->wanted[endpoint] || sqlite3_column_int64(row, 1) < reading->at_least[endpoint])
		return SQLITE_OK;
	profile->kinds |= 1u << kind;
	if (!(reading->filter->kinds & 1u << kind))
		return SQLITE_OK;
	struct ww_profile_sample *samples =
		grow(reading, profile->samples, profile->samples_len, &reading->samples_cap, sizeof(*samples));
	if (!samples)
		return SQLITE_NOMEM;
	const struct ww_catalog_endpoint *names = &reading->catalog.endpoints[endpoint];
	profile->samples = samples;
	samples[profile->samples_len++] = (struct ww_profile_sample){
		.service = ww_arena__strdup(reading->arena, reading->catalog.services[names->service].name),
		.method = ww_arena__strdup(reading->arena, names->method),
		.route = ww_arena__strdup(reading->arena, names->route),
		.name = has_name ? ww_arena__strdup(reading->arena,
						    ww_intern__get(reading->catalog.names, (uint32_t)name))
				 : "",
		.stack = has_stack ? &reading->stacks[stack] : NULL,
		.kind = (enum ww_kind)kind,
		.ns = (uint64_t)sqlite3_column_int64(row, 5),
		.samples = (uint64_t)sqlite3_column_int64(row, 6),
		.requests = reading->requests[reading->alike[endpoint]],
	};
	return SQLITE_OK;
}

/* Whether the recording is one that has the tables, and anything in them. */
static int has_stacks(struct ww_recording *recording, bool *has)
{
	sqlite3_stmt *row = NULL;
	int rc = sqlite3_prepare_v2(recording->db, "SELECT count(*) FROM sqlite_schema WHERE name = 'stack_requests'",
				    -1, &row, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(row);
	*has = rc == SQLITE_ROW && sqlite3_column_int(row, 0);
	sqlite3_finalize(row);
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* Whether it was merged of recordings with stacks and without: each other setting stands once, ", " in between. */
static bool is_part(const char *settings)
{
	bool with = false, without = false;

	while (settings && *settings) {
		const char *end = strstr(settings, ", "), *word = strstr(settings, "; stacks");

		if (word && (!end || word < end))
			with = true;
		else
			without = true;
		settings = end ? end + 2 : NULL;
	}
	return with && without;
}

static int note_taken(struct reading *reading, sqlite3_stmt *row)
{
	(void)row;
	reading->profile->taken = true;
	return SQLITE_OK;
}

static int read_all(struct reading *reading, const struct ww_selection *selection)
{
	int rc = ww_recording__catalog(reading->recording, &reading->catalog);

	if (rc != SQLITE_OK)
		return rc;
	reading->from = selection->since_unix_ns ? ww_recording__floor(reading->recording, selection->since_unix_ns)
						 : INT64_MIN;
	reading->to = selection->until_unix_ns ? selection->until_unix_ns : INT64_MAX;
	reading->wanted = ww_recording__wanted(&reading->catalog, selection->endpoint, false);
	reading->at_least = calloc(reading->catalog.endpoints_len + 1, sizeof(*reading->at_least));
	reading->alike = ww_catalog__alike(&reading->catalog);
	reading->requests = calloc(reading->catalog.endpoints_len + 1, sizeof(*reading->requests));
	if (!reading->wanted || !reading->at_least || !reading->alike || !reading->requests)
		return SQLITE_NOMEM;
	rc = ww_recording__dense(reading->recording, "stack_frame", "min(id)", 4 * VACANT_MAX);
	if (rc == SQLITE_OK)
		rc = each_row(reading, "SELECT id, name FROM stack_frame ORDER BY id", false, add_frame);
	if (rc == SQLITE_OK)
		rc = ww_recording__dense(reading->recording, "stack", "min(id)", 4 * VACANT_MAX);
	if (rc == SQLITE_OK)
		rc = each_row(reading, "SELECT id, whole, frames FROM stack ORDER BY id", false, add_stack);
	if (rc == SQLITE_OK)
		rc = each_row(reading, "SELECT 1 FROM stack_requests LIMIT 1", false, note_taken);
	if (rc == SQLITE_OK)
		rc = find_tails(reading);
	if (rc == SQLITE_OK)
		rc = each_row(reading,
			      "SELECT endpoint, wall_ns, kind, name, stack, sum(sum_ns), sum(samples) FROM stack_sample"
			      " WHERE interval >= ? AND interval < ? GROUP BY endpoint, wall_ns, kind, name, stack",
			      true, add_sample);
	return rc;
}

int ww_recording__profile(struct ww_recording *recording, const struct ww_selection *selection,
			  const struct ww_stack_filter *filter, struct ww_profile **profile)
{
	struct reading reading = {.recording = recording, .filter = filter, .arena = ww_arena__new()};
	bool has = false;
	int rc = reading.arena ? has_stacks(recording, &has) : SQLITE_NOMEM;

	if (rc == SQLITE_OK) {
		reading.profile = ww_arena__alloc(reading.arena, sizeof(*reading.profile));
		rc = reading.profile ? SQLITE_OK : SQLITE_NOMEM;
	}
	if (rc == SQLITE_OK) {
		reading.profile->arena = reading.arena;
		reading.profile->part = is_part(recording->settings);
		reading.profile->wanted = recording->settings && strstr(recording->settings, "; stacks");
		reading.profile->ended = !recording->unended;
		rc = sqlite3_exec(recording->db, "SAVEPOINT stacks", NULL, NULL, NULL);
	}
	if (rc == SQLITE_OK) {
		if (has)
			rc = read_all(&reading, selection);
		sqlite3_exec(recording->db, "RELEASE stacks", NULL, NULL, NULL);
	}
	if (has)
		ww_catalog__free(&reading.catalog);
	free(reading.wanted);
	free(reading.at_least);
	free(reading.alike);
	free(reading.requests);
	if (rc != SQLITE_OK) {
		ww_arena__free(reading.arena);
		return ww_recording__fail(recording, rc);
	}
	*profile = reading.profile;
	return 0;
}

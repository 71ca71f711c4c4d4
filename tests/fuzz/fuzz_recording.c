/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A recording that is damaged, or that somebody made up: reading it ends, with a report or with one line that says why
 * not, and what is written for people has no control characters. The first byte says how it is damaged: bytes of the
 * file are changed, or a value in one of its tables is.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "outputs/compare.h"
#include "outputs/html.h"
#include "outputs/csv.h"
#include "outputs/json.h"
#include "outputs/table.h"
#include "outputs/waterfall.h"
#include "store/merge.h"
#include "store/recorder.h"
#include "store/recording.h"
#include "whywait/abi.h"

#define INTERVAL 10000000000ll

static char path[64];
static uint8_t *sound; /* the file before it is damaged */
static size_t sound_len;

static void must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void request_add(struct ww_recorder *recorder, struct ww_catalog *catalog, struct ww_slice *slice,
			uint32_t endpoint, uint64_t ns)
{
	struct ww_operation operations[3];
	struct ww_sample_operation samples[3];
	const struct ww_request_detail details[] = {{.kind = WW_KIND_DB, .name = "postgres", .ns = ns, .count = 1}};
	const struct ww_request_segment segments[] = {
		{.kind = WW_KIND_COMPUTE, .start_ns = 0, .duration_ns = 2 * ns, .detail = ""},
		{.kind = WW_KIND_DB, .start_ns = 2 * ns, .duration_ns = ns, .detail = "postgres"}};
	struct ww_request request = {.service = "shop:80",
				     .protocol = "http/1.1",
				     .method = "GET",
				     .route = "/",
				     .path = "/?",
				     .comm = "shop",
				     .traceparent = "",
				     .status = 200,
				     .start_unix_ns = INTERVAL,
				     .wall_ns = 3 * ns,
				     .cpu_ns = 2 * ns,
				     .kinds_ns = {[WW_KIND_COMPUTE] = 2 * ns, [WW_KIND_DB] = ns},
				     .details = details,
				     .details_len = 1,
				     .segments = segments,
				     .segments_len = 2,
				     .operations = operations,
				     .operations_len = 3};
	const struct ww_sample sample = {.kinds_ns = request.kinds_ns,
					 .status = 200,
					 .in_flight = 1,
					 .operations = samples,
					 .operations_len = 3,
					 .operations_known = true};

	for (uint64_t i = 0; i < 3; i++) {
		operations[i] = (struct ww_operation){.kind = i ? WW_KIND_DB : WW_KIND_NET,
						      .system = i ? "postgresql" : "http",
						      .peer = "127.0.0.1:5432",
						      .summary = i ? "SELECT items" : "GET api:80 /",
						      .statement = i ? "SELECT ?" : "",
						      .error = i == 2 ? "23505" : "",
						      .start_ns = 2 * ns + i * (ns / 3),
						      .duration_ns = ns / 3,
						      .bytes_in = ns,
						      .arguments = ns};
		operations[i].name = ww_catalog__operation(catalog, &operations[i]);
		samples[i] = (struct ww_sample_operation){.name = operations[i].name,
							  .kind = operations[i].kind,
							  .error = i == 2,
							  .duration_ns = ns << i,
							  .bytes_in = ns};
	}
	must(!ww_slice__add(slice, endpoint, &sample), "sample");
	if (ww_recorder__wants(recorder, endpoint, request.wall_ns, false))
		ww_recorder__keep(recorder, endpoint, &request);
}

static void sound_make(void)
{
	struct ww_recorder *recorder;
	struct ww_catalog catalog;
	struct ww_slice slice = {0};
	char message[256];
	const struct ww_recorder_options options = {.path = path, .replace = true, .keep = 5};
	const struct ww_catalog_service service = {.name = "shop:80", .container = "", .cgroup = "/"};

	must(!ww_catalog__init(&catalog), "catalog");
	ww_catalog__add_service(&catalog, &service);
	for (int i = 0; i < 3; i++) {
		const struct ww_catalog_endpoint endpoint = {.protocol = "http", .method = "GET", .route = "/"};

		ww_catalog__add_endpoint(&catalog, &endpoint);
	}
	must(!ww_recorder__create(&recorder, &options, message, sizeof(message)), "recorder");
	for (int interval = 1; interval < 4; interval++) {
		struct ww_service_usage usage = {.processes = 1, .threads = 2, .rss_bytes = 3, .rss_peak_bytes = 4};
		const struct ww_loss loss = {.cause = "stream_lost", .count = 1, .loses = true};
		const struct ww_commit commit = {.catalog = &catalog,
						 .slice = &slice,
						 .interval = interval * INTERVAL,
						 .start_unix_ns = 1,
						 .end_unix_ns = (interval + 1) * INTERVAL,
						 .usage = &usage,
						 .usage_len = 1,
						 .losses = &loss,
						 .losses_len = 1,
						 .last = interval == 3};

		for (uint32_t i = 0; i < 12; i++)
			request_add(recorder, &catalog, &slice, i % 3, 1000ull << i);
		must(!ww_recorder__commit(recorder, &commit), "commit");
		ww_slice__clear(&slice);
	}
	must(!ww_recorder__close(recorder), "close");
	ww_slice__free(&slice);
	ww_catalog__free(&catalog);

	FILE *file = fopen(path, "re");
	must(file != NULL, "file");
	sound = malloc(1 << 20);
	sound_len = fread(sound, 1, 1 << 20, file);
	fclose(file);
}

static void file_remove(void)
{
	unlink(path);
}

/* Bytes of the file are others: three bytes say where, one how many, those follow; and it may end early. */
static void file_damage(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(sound_len);
	size_t len = sound_len;

	memcpy(bytes, sound, sound_len);
	if (size > 3 && data[0] & 1)
		len = ((size_t)data[1] << 16 | data[2] << 8 | data[3]) % sound_len;
	for (size_t at = 4; at + 4 < size;) {
		size_t where = ((size_t)data[at] << 16 | data[at + 1] << 8 | data[at + 2]) % sound_len;
		size_t many = data[at + 3] % 16;

		for (at += 4; many && at < size; many--, at++)
			bytes[where++ % sound_len] = data[at];
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, bytes, len) == (ssize_t)len, "write");
	close(fd);
	free(bytes);
}

/* A value in a table is another: a byte says which one, another of what type, the rest is the value. */
static void value_damage(const uint8_t *data, size_t size)
{
	static const char *const statements[] = {
		"UPDATE endpoint_interval SET histogram = ?",
		"INSERT INTO journal VALUES (NULL, 40000000000, ?, x'')",
		"UPDATE request SET details = ?",
		"UPDATE request SET segments = ?",
		"UPDATE request SET path = ?",
		"UPDATE request SET comm = ?",
		"UPDATE request SET traceparent = ?",
		"UPDATE request SET wall_ns = ? WHERE id = 1",
		"UPDATE request SET flags = ?",
		"UPDATE request SET start_unix_ns = ?",
		"UPDATE endpoint SET route = ?",
		"UPDATE endpoint SET method = ?",
		"UPDATE endpoint SET service = ?",
		"UPDATE service SET name = ?",
		"UPDATE detail_name SET name = ?",
		"UPDATE endpoint_detail SET kind = ?",
		"UPDATE endpoint_status SET status = ?",
		"UPDATE endpoint_status SET requests = ?",
		"UPDATE service_usage SET rss_bytes = ?",
		"UPDATE loss SET cause = ?",
		"UPDATE loss SET count = ?",
		"UPDATE meta SET value = ?",
		"UPDATE kind SET name = ? WHERE id = 3",
		"INSERT INTO unreadable VALUES (1, ?, 2)",
		"INSERT INTO journal VALUES (NULL, 30000000000, x'', ?)",
		"UPDATE endpoint_operation SET durations = ?",
		"UPDATE endpoint_operation SET operations = ?",
		"UPDATE endpoint_operation SET sum_ns = ?",
		"UPDATE endpoint_operation SET name = ?",
		"UPDATE endpoint_operation SET flags = ?",
		"UPDATE endpoint_interval SET operations_requests = ?",
		"UPDATE operation_name SET kind = ?",
		"UPDATE operation_name SET summary = ?",
		"UPDATE operation_name SET statement = ?",
		"UPDATE operation_name SET peer = ?",
		"UPDATE request SET operations = ?",
		"UPDATE endpoint_interval SET seconds = ?",
		"UPDATE endpoint_interval SET interval = ?",
		"INSERT OR REPLACE INTO service_program VALUES (0, ?, 1, 2, 3)",
		"INSERT OR REPLACE INTO service_program VALUES (?, 'x', 1, 2, 3)",
		"UPDATE service_usage SET interval = ?",
		"UPDATE service_usage SET processes = ?",
	};
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	uint8_t type;
	int64_t number = 0;

	file_damage(data, 0);
	if (size < 2)
		return;
	must(sqlite3_open(path, &db) == SQLITE_OK, "open");
	sqlite3_exec(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
	must(sqlite3_prepare_v2(db, statements[data[0] % (sizeof(statements) / sizeof(*statements))], -1, &statement,
				NULL) == SQLITE_OK,
	     "statement");
	type = data[1] % 4;
	data += 2;
	size -= 2;
	memcpy(&number, data, size < sizeof(number) ? size : sizeof(number));
	if (type == 0)
		sqlite3_bind_blob(statement, 1, data, (int)size, SQLITE_STATIC);
	else if (type == 1)
		sqlite3_bind_text(statement, 1, (const char *)data, (int)size, SQLITE_STATIC);
	else if (type == 2)
		sqlite3_bind_int64(statement, 1, number);
	sqlite3_step(statement); /* or it is against a constraint */
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

/* What people see can't do anything to their terminals. */
static void check_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		must((unsigned char)text[i] >= ' ' ? text[i] != 127 : text[i] == '\n', "a control character");
}

static void requests_read(struct ww_recording *recording, uint64_t slowest)
{
	static const struct ww_style style = {.width = 80, .utf8 = true};
	const struct ww_selection all = {0};
	struct ww_request_cursor *cursor;
	const struct ww_request *request;
	FILE *null = fopen("/dev/null", "we");

	must(null != NULL, "null");
	if (!ww_recording__requests(recording, &all, slowest, &cursor)) {
		while (ww_request_cursor__next(cursor, &request) > 0) {
			char *text = NULL;
			size_t len = 0;
			FILE *out = open_memstream(&text, &len);

			ww_waterfall__write(out, request, &style);
			fclose(out);
			check_text(text, len);
			free(text);
			ww_json__request(null, request);
			ww_csv__request(null, request);
		}
		ww_request_cursor__close(cursor);
	}
	fclose(null);
}

/* With itself: nothing is sure. */
static void compare(const struct ww_report *report, FILE *null)
{
	static const struct ww_style style = {.width = 80, .utf8 = true};
	struct ww_comparison comparison;
	struct ww_doubts doubts;
	struct ww_html *html;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	must(out && !ww_comparison__make(report, report, &(struct ww_comparison_sides){0}, &comparison), "comparison");
	ww_comparability__doubt(&comparison, &doubts);

	const struct ww_compared compared = {.comparison = &comparison, .names = {"a", "b"}, .doubts = &doubts};

	ww_compare__table(out, &compared, &style, 5);
	fclose(out);
	check_text(text, len);
	free(text);
	ww_compare__json(null, &compared);
	ww_compare__csv(null, &compared);
	for (size_t i = 0; i < comparison.common; i++)
		for (int metric = 0; metric < WW_METRIC_COUNT; metric++)
			must(comparison.endpoints[i].changes[metric].certainty != WW_CERTAINTY_SURE, "a difference");
	ww_comparison__free(&comparison);
	must(!ww_html__new(&html, report) && !ww_html__write(html, null), "page");
	ww_html__free(html);
}

/* With a sound one. */
static void merge(void)
{
	char message[512], other[64], out[64];
	struct ww_merged merged;
	FILE *file;

	snprintf(other, sizeof(other), "%s.sound", path);
	snprintf(out, sizeof(out), "%s.merged", path);
	file = fopen(other, "we");
	must(file && fwrite(sound, 1, sound_len, file) == sound_len, "sound");
	fclose(file);
	/* They are the same recording: that has to be looked over. */
	sqlite3 *db = NULL;
	must(sqlite3_open(other, &db) == SQLITE_OK, "open");
	sqlite3_exec(db, "PRAGMA synchronous = OFF; UPDATE meta SET value = value + 1 WHERE key = 'start_unix_ns'",
		     NULL, NULL, NULL);
	sqlite3_close(db);
	if (ww_merge(out, (const char *const[]){path, other}, 2, &merged, message, sizeof(message)))
		must(!strchr(message, '\n'), "a message of one line");
	unlink(out);
	unlink(other);
}

static void report_read(struct ww_recording *recording, const struct ww_selection *selection)
{
	static const struct ww_style style = {.width = 100, .utf8 = true};
	struct ww_report *report;
	char *text = NULL;
	size_t len = 0;

	if (ww_recording__report(recording, selection, &report)) {
		check_text(ww_recording__message(recording), strlen(ww_recording__message(recording)));
		return;
	}
	FILE *out = open_memstream(&text, &len), *null = fopen("/dev/null", "we");

	must(out && null, "streams");
	ww_table__write(out, report, &style, 5);
	fclose(out);
	check_text(text, len);
	free(text);
	ww_json__report(null, report);
	ww_csv__report(null, report);
	compare(report, null);
	fclose(null);
	ww_report_free(report);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	snprintf(path, sizeof(path), "/dev/shm/whywait-fuzz-%d.db", (int)getpid());
	sound_make();
	atexit(file_remove);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ww_selection all = {.sampling = true}, some = {.endpoint = "GET *", .since_unix_ns = 2 * INTERVAL};
	struct ww_recording *recording = NULL;
	char message[512];

	if (!size)
		return 0;
	if (data[0] & 1)
		file_damage(data + 1, size - 1);
	else
		value_damage(data + 1, size - 1);
	if (ww_recording__open(&recording, path, message, sizeof(message))) {
		must(!recording && !strchr(message, '\n'), "a message of one line");
		return 0;
	}
	report_read(recording, &all);
	report_read(recording, &some);
	requests_read(recording, 0);
	requests_read(recording, 2);
	ww_recording__close(recording);
	/* It takes as long as all the rest. */
	if (size % 4 == 0)
		merge();
	return 0;
}

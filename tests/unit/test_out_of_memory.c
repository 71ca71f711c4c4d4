/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The n-th allocation fails, for every n, while requests are taken in, recorded, reported and read back; once, and once
 * with those that follow. Then nothing crashes, nothing leaks, and nothing is missing in silence: a call has failed, or
 * the loss is counted, or all is as it would have been.
 *
 * The linker puts what is below in place of the allocator, the clock and the random numbers; SQLite and jansson are
 * asked to use it.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>

#include "ingesting.h"
#include "outputs/csv.h"
#include "outputs/json.h"
#include "outputs/table.h"
#include "outputs/waterfall.h"

#define REQUESTS 24
#define FEW	 5	    /* allocations that fail in a row */
#ifdef __SANITIZE_ADDRESS__ /* much slower */
#define MANY 100	    /* about as many fail, others each time; WHYWAIT_TEST_EVERY=1: all of them */
#define SOME 12		    /* of the libraries' */
#else
#define MANY 250
#define SOME 30
#endif
#define LEAST 10

enum heap { OWN, JANSSON, SQLITE, HEAPS };

static struct {
	bool armed;
	enum heap which; /* one of its allocations is the first to fail: */
	unsigned long count[HEAPS], first;
	unsigned long few, left; /* so many fail then, of all heaps */
	long live;		 /* that whywait holds */
	long json;		 /* that jansson holds */
} heap;

static bool refuses(enum heap which)
{
	if (!heap.armed)
		return false;
	if (++heap.count[which] == heap.first && which == heap.which)
		heap.left = heap.few;
	if (!heap.left)
		return false;
	heap.left--;
	return true;
}

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c): the linker asks for these names */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_asprintf(char **text, const char *format, ...);
void __wrap_free(void *memory);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c) */

static void *held(void *memory)
{
	heap.live += memory != NULL;
	return memory;
}

void *__wrap_malloc(size_t size)
{
	return refuses(OWN) ? NULL : held(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return refuses(OWN) ? NULL : held(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
	void *moved = refuses(OWN) ? NULL : __real_realloc(memory, size);

	return memory ? moved : held(moved);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
	return __wrap_realloc(memory, count * size);
}

char *__wrap_strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = __wrap_malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

int __wrap_asprintf(char **text, const char *format, ...)
{
	va_list arguments;
	int len;

	if (refuses(OWN))
		return -1;
	va_start(arguments, format);
	len = vasprintf(text, format, arguments);
	va_end(arguments);
	held(*text);
	return len;
}

void __wrap_free(void *memory)
{
	heap.live -= memory != NULL;
	__real_free(memory);
}

/* So that the same is written every time. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	*now = (struct timespec){.tv_sec = clock == CLOCK_REALTIME ? 1795900000 : 5000, .tv_nsec = 1};
	return 0;
}

ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags)
{
	(void)flags;
	memset(bytes, 7, size);
	return (ssize_t)size;
}

static void *json_malloc(size_t size)
{
	void *memory = refuses(JANSSON) ? NULL : __real_malloc(size);

	heap.json += memory != NULL;
	return memory;
}

static void json_free(void *memory)
{
	heap.json -= memory != NULL;
	__real_free(memory);
}

static sqlite3_mem_methods sqlite;

static void *sqlite_malloc(int size)
{
	return refuses(SQLITE) ? NULL : sqlite.xMalloc(size);
}

static void *sqlite_realloc(void *memory, int size)
{
	return refuses(SQLITE) ? NULL : sqlite.xRealloc(memory, size);
}

static int replace_allocators(void **state)
{
	sqlite3_mem_methods methods;

	(void)state;
	json_set_alloc_funcs(json_malloc, json_free);
	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite);
	methods = sqlite;
	methods.xMalloc = sqlite_malloc;
	methods.xRealloc = sqlite_realloc;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
	return sqlite3_initialize();
}

/* What came of one run. */
struct outcome {
	int failed;			  /* calls that said so */
	bool written;			  /* the recording is whole, by what its writer was told */
	uint64_t requests, lost, counted; /* by all causes */
	char *text;			  /* all that was shown */
	size_t len, reports_len;	  /* of all, and of the part before the requests */
};

static const struct ww_style style = {.width = 100, .utf8 = true};

/* A call that has failed with a message: in one line. */
static void said(struct outcome *outcome, const char *message)
{
	outcome->failed++;
	if (!*message || strchr(message, '\n'))
		fail_msg("the message of a failure is '%s'", message);
}

static void show(struct outcome *outcome, FILE *out, const struct ww_report *report)
{
	outcome->failed += ww_table__write(out, report, &style, 3) != 0;
	outcome->failed += ww_json__report(out, report) != 0;
	outcome->failed += ww_csv__report(out, report) != 0;
}

static void take_in(struct outcome *outcome, FILE *out, const char *path, bool keep_all)
{
	static const char *const paths[] = {"/a", "/users/1", "/users/2/orders", "/c.js", "/d", "/e"};
	const struct ww_recorder_options recorder_options = {
		.path = path, .keep = 2, .keep_all = keep_all, .replace = true};
	struct ww_ingest_options options = {
		.live_seconds = 5, .routes_max = 4, .peer = find_peer, .proc = "/nonexistent"};
	struct draw draw = {.state = 42};
	uint64_t counters[WW_COUNTER_COUNT] = {0}, now = 5001 * SECOND;
	char message[512] = "";
	struct ww_ingest *ingest = NULL;
	struct ww_report *report = NULL;
	int err = ww_recorder__create(&options.recorder, &recorder_options, message, sizeof(message));

	if (err) {
		said(outcome, message);
		return;
	}
	err = ww_ingest__create(&ingest, &options);
	outcome->failed += err != 0;
	for (uint64_t i = 0; !err && i < REQUESTS; i++) {
		struct ww_account account = draw_account(&draw, i + 1, paths[i % 6], now - 1);
		struct ww_segments line = {.id = i + 1, .len = 1};

		line.segments[0] = (struct ww_segment){.duration_ns = 5, .type = WW_DETAIL_PEER, .value = i % 6};
		account.flags |= WW_FLAG_SEGMENTS;
		snprintf(account.comm, sizeof(account.comm), "worker%llu", (unsigned long long)i % 3);
		account.details[0] = (struct ww_detail){
			.ns = 1, .count = 1, .kind = WW_KIND_DB, .type = WW_DETAIL_PEER, .value = (uint32_t)i % 5};
		account.details_len = account.details_len ? account.details_len : 1;
		ww_ingest__segments(ingest, &line);
		outcome->failed += ww_ingest__account(ingest, &account) != 0;
		if (i % 6 == 5) {
			err = ww_ingest__tick(ingest, now, counters);
			outcome->failed += err != 0;
			err = 0;
			now += 6 * SECOND;
		}
	}
	if (ingest && ww_ingest__report(ingest, 5, &report))
		outcome->failed++;
	if (report)
		show(outcome, out, report);
	ww_report_free(report);
	err = ingest ? ww_ingest__finish(ingest, now, counters) : -ENOMEM;
	if (err && ingest)
		said(outcome, ww_recorder__message(options.recorder));
	ww_ingest__destroy(ingest);
	int closed = ww_recorder__close(options.recorder);

	outcome->failed += closed != 0;
	outcome->written = !err && !closed;
}

static void read_requests(struct outcome *outcome, FILE *out, struct ww_recording *recording, uint64_t slowest)
{
	const struct ww_selection all = {0};
	struct ww_request_cursor *cursor;
	const struct ww_request *request;
	int more;

	if (ww_recording__requests(recording, &all, slowest, &cursor)) {
		said(outcome, ww_recording__message(recording));
		return;
	}
	while ((more = ww_request_cursor__next(cursor, &request)) > 0) {
		outcome->failed += ww_waterfall__write(out, request, &style) != 0;
		outcome->failed += ww_json__request(out, request) != 0;
		outcome->failed += ww_csv__request(out, request) != 0;
	}
	if (more < 0)
		said(outcome, ww_recording__message(recording));
	ww_request_cursor__close(cursor);
}

static void read_back(struct outcome *outcome, FILE *out, const char *path)
{
	const struct ww_selection all = {0}, some = {.endpoint = "* GET /users*"};
	struct ww_recording *recording = NULL;
	struct ww_report *report = NULL;
	char message[512] = "";

	if (ww_recording__open(&recording, path, message, sizeof(message))) {
		said(outcome, message);
		return;
	}
	if (ww_recording__report(recording, &some, &report))
		said(outcome, ww_recording__message(recording));
	else
		show(outcome, out, report);
	ww_report_free(report);
	report = NULL;
	if (ww_recording__report(recording, &all, &report))
		said(outcome, ww_recording__message(recording));
	else
		show(outcome, out, report);
	for (size_t i = 0; report && i < report->endpoints_len; i++)
		outcome->requests += report->endpoints[i].requests;
	for (size_t i = 0; report && i < report->losses_len; i++)
		outcome->lost += report->losses[i].loses ? report->losses[i].count : 0;
	for (size_t i = 0; report && i < report->losses_len; i++)
		outcome->counted += report->losses[i].count;
	ww_report_free(report);
	fflush(out);
	outcome->reports_len = outcome->len;
	read_requests(outcome, out, recording, 0);
	read_requests(outcome, out, recording, 3);
	ww_recording__close(recording);
}

enum stage { TAKING_IN, READING_BACK };

/* A stage in which `few` allocations fail from the `first` one of a heap on; 0: none. */
static void run(struct outcome *outcome, const char *path, bool keep_all, enum stage stage, enum heap which,
		unsigned long first, unsigned long few)
{
	long live = heap.live, json = heap.json;
	sqlite3_int64 sqlite_used = sqlite3_memory_used();
	FILE *out = open_memstream(&outcome->text, &outcome->len);

	assert_non_null(out);
	memset(heap.count, 0, sizeof(heap.count));
	heap.which = which;
	heap.first = first;
	heap.few = few;
	if (stage == TAKING_IN || access(path, F_OK)) {
		heap.armed = stage == TAKING_IN;
		take_in(outcome, out, path, keep_all);
	} else {
		outcome->written = true; /* by an earlier run */
	}
	heap.left = 0;
	heap.armed = stage == READING_BACK;
	if (stage == READING_BACK)
		rewind(out);
	read_back(outcome, out, path);
	heap.armed = false;
	heap.left = 0;
	fclose(out);
	if (heap.live != live || heap.json != json || sqlite3_memory_used() != sqlite_used)
		fail_msg("%lu of heap %d, stage %d: %ld allocations leak, %ld of jansson, %lld bytes of SQLite", first,
			 which, stage, heap.live - live, heap.json - json, sqlite3_memory_used() - sqlite_used);
}

/* Whether all that was shown is as it would have been. */
static bool is_same(const struct outcome *outcome, const struct outcome *good, bool keep_all)
{
	/* One request more may be kept where that another one need not be could not be noted. */
	size_t compared = keep_all ? good->len : good->reports_len;

	return (keep_all ? outcome->len : outcome->reports_len) == compared &&
	       !memcmp(outcome->text, good->text, compared);
}

static void each_fails(bool keep_all, enum stage stage, unsigned long few)
{
	char directory[] = "/dev/shm/whywait-unit-XXXXXX", path[64];
	const char *every = getenv("WHYWAIT_TEST_EVERY");
	struct outcome good = {0};
	unsigned long all[HEAPS];

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/x.db", directory);
	run(&good, path, keep_all, stage, OWN, 0, 0);
	assert_int_equal(good.failed, 0);
	assert_true(good.requests == REQUESTS && !good.lost && good.written);
	memcpy(all, heap.count, sizeof(all));
	for (enum heap which = OWN; which < HEAPS; which++) {
		unsigned long step = every ? 1 : all[which] / (which == OWN ? MANY : SOME) + 1;
		unsigned long n = 1 + (unsigned long)getpid() % step, runs = 0;

		/*
		 * jansson's parser drops a character where the buffer that it reads a string of more than 16 into can't
		 * grow, and doesn't say so. Beside that, what it is asked for is ours to check.
		 */
		bool parses = which == JANSSON && stage == READING_BACK;

		for (; n <= all[which]; n += step, runs++) {
			struct outcome outcome = {0};

			run(&outcome, path, keep_all, stage, which, n, few);
			if (!parses && !is_same(&outcome, &good, keep_all) && !outcome.failed &&
			    outcome.counted == good.counted)
				fail_msg("%lu of heap %d, stage %d: something is missing, and nothing says so", n,
					 which, stage);
			if (outcome.written && (stage == TAKING_IN || !outcome.failed) &&
			    outcome.requests + outcome.lost < REQUESTS)
				fail_msg("%lu of heap %d: %llu requests, %llu lost of %d", n, which,
					 (unsigned long long)outcome.requests, (unsigned long long)outcome.lost,
					 REQUESTS);
			__real_free(outcome.text);
		}
		print_message("%lu of %lu allocations of heap %d failed\n", runs, all[which], which);
		assert_true(runs > LEAST);
	}
	__real_free(good.text);
	drop_directory(directory);
}

static void test_taking_in(void **state)
{
	(void)state;
	each_fails(true, TAKING_IN, 1);
}

static void test_taking_in_without_memory_for_a_while(void **state)
{
	(void)state;
	each_fails(false, TAKING_IN, FEW);
}

static void test_reading_back(void **state)
{
	(void)state;
	each_fails(true, READING_BACK, 1);
}

static void test_reading_back_without_memory(void **state)
{
	(void)state;
	each_fails(true, READING_BACK, 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taking_in),
		cmocka_unit_test(test_taking_in_without_memory_for_a_while),
		cmocka_unit_test(test_reading_back),
		cmocka_unit_test(test_reading_back_without_memory),
	};

	return cmocka_run_group_tests(tests, replace_allocators, NULL);
}

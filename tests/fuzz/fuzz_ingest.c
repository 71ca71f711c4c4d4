/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records from the kernel side, whose names come from clients and whose other fields a mistake there may spoil: each is
 * taken in or refused, and what is told of those taken in can be printed. A record begins with a byte that says what it
 * is and whether its sums are made right.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outputs/json.h"
#include "outputs/table.h"
#include "requests/ingest.h"

#define RECORDS 40

static void must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static int peer_find(void *ctx, uint32_t index, struct ww_peer *peer)
{
	(void)ctx;
	/* A name as long as its room, that does not end there. */
	memset(peer, 'x', sizeof(*peer));
	peer->family = index % 3 == 0 ? 1 : index % 3 == 1 ? 2 : 10;
	peer->system = (uint8_t)index;
	return index % 5 ? 0 : -ENOENT;
}

static size_t take(const uint8_t *data, size_t size, void *record, size_t record_size)
{
	size_t len = size < record_size ? size : record_size;

	memcpy(record, data, len);
	return len;
}

static size_t account_put(struct ww_ingest *ingest, const uint8_t *data, size_t size, int way)
{
	struct ww_account account = {0};
	size_t len = take(data, size, &account, sizeof(account));
	uint64_t sum = 0;

	account.version = WW_ABI_VERSION;
	account.tgid = 0x7ffffff0; /* no such process */
	if (way) {
		account.target_len %= WW_TARGET_MAX + 1;
		account.size = (uint16_t)(offsetof(struct ww_account, target) + account.target_len);
		account.attribution %= WW_ATTRIBUTION_COUNT;
		account.details_len %= WW_DETAILS + 1;
		for (int i = 0; i < WW_DETAILS; i++)
			account.details[i].kind %= WW_KIND_COUNT;
		account.holders_len %= WW_HOLDERS + 1;
		for (int i = 0; i < account.holders_len; i++) {
			struct ww_holder *holder = &account.holders[i];
			holder->type = holder->type & 1 ? WW_HOLDER_THREAD : WW_HOLDER_REQUEST;
			if (holder->type == WW_HOLDER_REQUEST)
				holder->who.request |= 1;
		}
		for (int kind = 0; kind < WW_KIND_COUNT; kind++)
			sum += account.kinds_ns[kind] >>= 8;
		account.start_ns >>= 8;
		account.end_ns = account.start_ns + sum;
	}
	int err = ww_ingest__account(ingest, &account);

	/* What a command has done since its record before may not be less than nothing. */
	bool may_contradict = !way || account.flags & (WW_FLAG_RUN | WW_FLAG_PART);

	must(!err || (err == -EPROTO && may_contradict), "a record that is sound was refused");
	sum = 0;
	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		sum += account.kinds_ns[kind];
	must(err || (sum == account.end_ns - account.start_ns && account.details_len <= WW_DETAILS),
	     "a record that contradicts itself was taken in");
	return len;
}

static size_t segments_put(struct ww_ingest *ingest, const uint8_t *data, size_t size)
{
	struct ww_segments line = {0};
	size_t len = take(data, size, &line, sizeof(line));

	ww_ingest__segments(ingest, &line);
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ww_style style = {.width = 100, .utf8 = true};
	static const char *const routes[] = {"/shop/{name}", "/{rest...}"};
	const struct ww_ingest_options options = {.live_seconds = 10,
						  .routes = routes,
						  .routes_len = size % 3,
						  .routes_max = 4,
						  .peer = peer_find,
						  .proc = "/proc/self/no-such"};
	struct ww_ingest *ingest;
	struct ww_report *report;
	char *text = NULL;
	size_t len = 0;

	must(!ww_ingest__create(&ingest, &options), "ingest");
	for (unsigned records = 0; size > 1 && records < RECORDS; records++) {
		uint8_t what = *data++;
		size_t used = --size;

		used = what & 2 ? segments_put(ingest, data, size) : account_put(ingest, data, size, what & 1);
		data += used;
		size -= used;
		ww_ingest__tick(ingest, (records + 1) * 300000000ull, NULL);
	}
	if (!ww_ingest__report(ingest, 10, &report)) {
		FILE *out = open_memstream(&text, &len), *null = fopen("/dev/null", "we");

		must(out && null, "streams");
		ww_table__write(out, report, &style, 3);
		fclose(out);
		for (size_t i = 0; i < len; i++)
			must((unsigned char)text[i] >= ' ' ? text[i] != 127 : text[i] == '\n', "a control character");
		free(text);
		ww_json__report(null, report);
		fclose(null);
		ww_report_free(report);
	}
	ww_ingest__destroy(ingest);
	return 0;
}

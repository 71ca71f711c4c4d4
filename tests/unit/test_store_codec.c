/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "accounts.h"
#include "model/slice.h"
#include "store/codec.h"

static struct ww_sample sample_of(const struct ww_account *account, uint64_t kinds_ns[WW_KIND_COUNT],
				  struct ww_detail_sum details[WW_DETAILS])
{
	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		kinds_ns[kind] = account->kinds_ns[kind];
	for (int i = 0; i < account->details_len; i++)
		details[i] = (struct ww_detail_sum){account->details[i].ns, account->details[i].count,
						    account->details[i].value, account->details[i].kind};
	return (struct ww_sample){
		.kinds_ns = kinds_ns,
		.cpu_ns = account->cpu_ns,
		.bytes_in = account->bytes_in,
		.bytes_out = account->bytes_out,
		.in_flight = 1 + account->id % 7,
		.details = details,
		.details_len = account->details_len,
		.status = account->status,
		.attribution = account->attribution,
		.aborted = account->flags & WW_FLAG_ABORTED,
	};
}

static void fill(struct ww_slice *slice, struct draw *draw, unsigned requests, uint32_t endpoints)
{
	for (unsigned i = 0; i < requests; i++) {
		uint64_t kinds_ns[WW_KIND_COUNT];
		struct ww_detail_sum details[WW_DETAILS];
		struct ww_account account = draw_account(draw, i, "/", 1ull << 50);
		struct ww_sample sample = sample_of(&account, kinds_ns, details);

		assert_int_equal(ww_slice__add(slice, (uint32_t)draw_number(draw, endpoints), &sample), 0);
	}
}

static void assert_same_aggregate(const struct ww_aggregate *a, const struct ww_aggregate *b)
{
	assert_memory_equal(a, b, offsetof(struct ww_aggregate, histogram));
	assert_int_equal(a->histogram.len, b->histogram.len);
	for (uint32_t at = 0; at < a->histogram.len; at++) {
		uint32_t index_a, index_b;
		const struct ww_bucket bucket_a = ww_histogram__at(&a->histogram, at, &index_a);
		const struct ww_bucket bucket_b = ww_histogram__at(&b->histogram, at, &index_b);

		assert_memory_equal(&bucket_a, &bucket_b, sizeof(bucket_a));
		assert_int_equal(index_a, index_b);
	}
	assert_int_equal(a->details_len, b->details_len);
	for (uint32_t i = 0; i < a->details_len; i++) {
		assert_true(a->details[i].ns == b->details[i].ns && a->details[i].count == b->details[i].count);
		assert_true(a->details[i].name == b->details[i].name && a->details[i].kind == b->details[i].kind);
	}
	assert_int_equal(a->status_len, b->status_len);
	for (uint32_t i = 0; i < a->status_len; i++)
		assert_true(a->status[i].status == b->status[i].status &&
			    a->status[i].requests == b->status[i].requests);
}

static void assert_same(const struct ww_slice *a, const struct ww_slice *b)
{
	assert_true(a->requests == b->requests && a->buckets == b->buckets && a->used_len == b->used_len);
	for (uint32_t i = 0; i < a->used_len; i++) {
		assert_int_equal(a->used[i], b->used[i]);
		assert_same_aggregate(a->by_endpoint[a->used[i]], b->by_endpoint[b->used[i]]);
	}
}

static bool all(const void *ctx, uint32_t endpoint)
{
	(void)ctx;
	(void)endpoint;
	return true;
}

static void what_is_written_is_read(void **state)
{
	struct draw draw = draw_start();

	(void)state;
	for (int round = 0; round < 30; round++) {
		struct ww_slice slice = {0}, read = {0};
		struct ww_bytes bytes = {0};

		fill(&slice, &draw, (unsigned)draw_number(&draw, 3000), 40);
		ww_codec__put_slice(&bytes, &slice);
		assert_false(bytes.failed);
		assert_int_equal(ww_codec__read_slice(bytes.data, bytes.len, 40, 300, all, NULL, &read), 0);
		assert_same(&slice, &read);
		ww_slice__free(&slice);
		ww_slice__free(&read);
		ww_bytes__free(&bytes);
	}
}

static void merging_and_clearing(void **state)
{
	struct draw draw = draw_start(), same = draw;
	struct ww_slice whole = {0}, first = {0}, second = {0};

	(void)state;
	fill(&whole, &draw, 4000, 30);
	fill(&first, &same, 1000, 30);
	fill(&second, &same, 3000, 30);
	assert_int_equal(ww_slice__merge(&first, &second), 0);
	assert_same(&whole, &first);
	ww_slice__clear(&first);
	assert_true(!first.requests && !first.used_len && !first.buckets);
	assert_int_equal(ww_slice__merge(&first, &whole), 0);
	assert_same(&whole, &first);
	ww_slice__free(&whole);
	ww_slice__free(&first);
	ww_slice__free(&second);
	ww_slice__free(NULL);
}

/* Whatever the bytes: no crash, no endless loop, and no more than what is there. Run under the sanitizers, too. */
static void damaged_bytes_are_refused(void **state)
{
	struct draw draw = draw_start();
	struct ww_slice slice = {0};
	struct ww_bytes bytes = {0};
	unsigned refused = 0;

	(void)state;
	fill(&slice, &draw, 200, 5);
	ww_codec__put_slice(&bytes, &slice);
	for (size_t len = 0; len < bytes.len; len++) {
		struct ww_slice read = {0};
		uint8_t *copy = malloc(len + 1);

		memcpy(copy, bytes.data, len);
		refused += ww_codec__read_slice(copy, len, 5, 300, all, NULL, &read) == -EBADMSG;
		free(copy);
		ww_slice__free(&read);
	}
	/* Only cuts between two endpoints leave something that is whole. */
	assert_true(refused >= bytes.len - 5);
	for (int round = 0; round < 3000; round++) {
		struct ww_slice read = {0};
		uint8_t *copy = malloc(bytes.len);

		memcpy(copy, bytes.data, bytes.len);
		for (uint64_t changes = draw_number(&draw, 8) + 1; changes; changes--)
			copy[draw_number(&draw, bytes.len)] = (uint8_t)draw_number(&draw, 256);
		ww_codec__read_slice(copy, bytes.len, 5, 300, all, NULL, &read);
		for (uint32_t i = 0; i < read.used_len; i++)
			assert_true(read.used[i] < 5);
		free(copy);
		ww_slice__free(&read);
	}
	ww_slice__free(&slice);
	ww_bytes__free(&bytes);
}

static void ids_that_are_not_known_are_refused(void **state)
{
	struct draw draw = draw_start();
	struct ww_slice slice = {0}, read = {0};
	struct ww_bytes bytes = {0};

	(void)state;
	fill(&slice, &draw, 2000, 5);
	ww_codec__put_slice(&bytes, &slice);
	assert_int_equal(ww_codec__read_slice(bytes.data, bytes.len, 4, 300, all, NULL, &read), -EBADMSG);
	assert_int_equal(ww_codec__read_slice(bytes.data, bytes.len, 5, 4, all, NULL, &read), -EBADMSG);
	ww_slice__free(&slice);
	ww_slice__free(&read);
	ww_bytes__free(&bytes);
}

static void what_has_no_room_is_summed_under_other(void **state)
{
	struct ww_aggregate aggregate = {0};
	uint64_t ns = 0, count = 0, requests = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		const struct ww_detail_sum detail = {.ns = i + 1, .count = 1, .name = i + 1, .kind = (uint8_t)(i % 2)};

		assert_int_equal(ww_aggregate__add_detail(&aggregate, &detail), 0);
		assert_int_equal(ww_aggregate__add_status(&aggregate, (uint16_t)i, 1), 0);
	}
	assert_int_equal(aggregate.details_len, WW_AGGREGATE_DETAILS + 2);
	for (uint32_t i = 0; i < aggregate.details_len; i++) {
		ns += aggregate.details[i].ns;
		count += aggregate.details[i].count;
	}
	assert_true(ns == 1000 * 1001 / 2 && count == 1000);
	assert_int_equal(aggregate.status_len, WW_AGGREGATE_STATUS + 1);
	assert_int_equal(aggregate.status[WW_AGGREGATE_STATUS].status, WW_STATUS_OTHER);
	for (uint32_t i = 0; i < aggregate.status_len; i++)
		requests += aggregate.status[i].requests;
	assert_int_equal(requests, 1000);
	ww_aggregate__free(&aggregate);
	ww_aggregate__free(NULL);
}

static void numbers_of_every_length(void **state)
{
	struct ww_bytes bytes = {0};
	struct ww_reader reader;
	uint8_t endless[20];

	(void)state;
	for (int bit = 0; bit < 64; bit++) {
		ww_bytes__put_number(&bytes, 1ull << bit);
		ww_bytes__put_number(&bytes, (1ull << bit) - 1);
	}
	ww_bytes__put_number(&bytes, UINT64_MAX);
	reader = (struct ww_reader){.at = bytes.data, .end = bytes.data + bytes.len};
	for (int bit = 0; bit < 64; bit++) {
		assert_true(ww_reader__number(&reader) == 1ull << bit);
		assert_true(ww_reader__number(&reader) == (1ull << bit) - 1);
	}
	assert_true(ww_reader__number(&reader) == UINT64_MAX);
	assert_true(!reader.failed && reader.at == reader.end);
	assert_true(!ww_reader__number(&reader) && reader.failed);
	memset(endless, 0xff, sizeof(endless));
	reader = (struct ww_reader){.at = endless, .end = endless + sizeof(endless)};
	ww_reader__number(&reader);
	assert_true(reader.failed);
	endless[9] = 2; /* the 65th bit */
	reader = (struct ww_reader){.at = endless, .end = endless + sizeof(endless)};
	ww_reader__number(&reader);
	assert_true(reader.failed);
	ww_bytes__free(&bytes);
	ww_bytes__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(merging_and_clearing),
		cmocka_unit_test(damaged_bytes_are_refused),
		cmocka_unit_test(ids_that_are_not_known_are_refused),
		cmocka_unit_test(what_has_no_room_is_summed_under_other),
		cmocka_unit_test(numbers_of_every_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "store/codec.h"

#define NSEC 1000000000ll

static void put_block(struct ww_bytes *bytes, const struct ww_block *block)
{
	uint32_t mask = 0, before = 0;

	ww_bytes__put_number(bytes, block->errors);
	ww_bytes__put_number(bytes, block->cpu_ns);
	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		mask |= (uint32_t)(block->kinds_ns[kind] > 0) << kind;
	ww_bytes__put_number(bytes, mask);
	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		if (block->kinds_ns[kind])
			ww_bytes__put_number(bytes, block->kinds_ns[kind]);
	}
	ww_bytes__put_number(bytes, block->operations_requests);
	ww_bytes__put_number(bytes, block->db_operations);
	ww_bytes__put_number(bytes, block->net_operations);
	ww_bytes__put_number(bytes, block->counts_len);
	for (uint32_t i = 0; i < block->counts_len; i++) {
		ww_bytes__put_number(bytes, block->counts[i].index - before);
		ww_bytes__put_number(bytes, block->counts[i].requests);
		before = block->counts[i].index;
	}
}

void ww_codec__put_blocks(struct ww_bytes *bytes, const struct ww_blocks *blocks, int64_t interval)
{
	for (uint32_t i = 0; i < blocks->len; i++) {
		ww_bytes__put_number(bytes, (uint64_t)((blocks->blocks[i].at - interval) / NSEC));
		put_block(bytes, &blocks->blocks[i]);
	}
}

static int read_counts(struct ww_reader *reader, struct ww_block *block)
{
	uint64_t len = ww_reader__number(reader), index = 0;

	/* Each takes two bytes at least. */
	if (reader->failed || !len || len > WW_BUCKETS || len > (uint64_t)(reader->end - reader->at) / 2)
		return -EBADMSG;
	block->counts = calloc(len, sizeof(*block->counts));
	if (!block->counts)
		return -ENOMEM;
	block->counts_len = (uint32_t)len;
	for (uint64_t at = 0; at < len; at++) {
		uint64_t more = ww_reader__number(reader);

		index += more;
		block->counts[at].requests = ww_reader__number(reader);
		block->counts[at].index = (uint32_t)index;
		block->requests += block->counts[at].requests;
		if (reader->failed || more >= WW_BUCKETS || (at && !more) || index >= WW_BUCKETS ||
		    !block->counts[at].requests)
			return -EBADMSG;
	}
	return 0;
}

/* The counts of *block are the caller's, also when it fails. */
static int read_block(struct ww_reader *reader, struct ww_block *block)
{
	uint64_t mask;

	block->errors = ww_reader__number(reader);
	block->cpu_ns = ww_reader__number(reader);
	mask = ww_reader__number(reader);
	if (reader->failed || mask >> WW_KIND_COUNT)
		return -EBADMSG;
	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		if (mask >> kind & 1)
			block->kinds_ns[kind] = ww_reader__number(reader);
	}
	block->operations_requests = ww_reader__number(reader);
	block->db_operations = ww_reader__number(reader);
	block->net_operations = ww_reader__number(reader);
	return read_counts(reader, block);
}

int ww_codec__read_blocks(const void *data, size_t len, int64_t interval, uint64_t *requests, struct ww_blocks *blocks)
{
	const uint8_t *at = len ? data : (const uint8_t *)"";
	struct ww_reader reader = {.at = at, .end = at + len};
	int err = 0;

	while (!err && reader.at < reader.end) {
		uint64_t second = ww_reader__number(&reader);
		struct ww_block block = {0};

		err = second <= UINT16_MAX ? read_block(&reader, &block) : -EBADMSG;
		if (!err)
			err = ww_blocks__add_block(blocks, ww_wrapping_sum(interval, (int64_t)second * NSEC), &block);
		*requests += block.requests;
		free(block.counts);
	}
	return err;
}

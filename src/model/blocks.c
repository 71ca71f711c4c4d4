/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void ww_blocks__free(struct ww_blocks *blocks)
{
	if (!blocks)
		return;
	for (uint32_t i = 0; i < blocks->len; i++)
		free(blocks->blocks[i].counts);
	free(blocks->blocks);
	*blocks = (struct ww_blocks){0};
}

/* Where the block that begins then is, or belongs. */
static uint32_t position_of(const struct ww_blocks *blocks, int64_t at)
{
	uint32_t position = blocks->len;

	/* They come in the order of time. */
	while (position && blocks->blocks[position - 1].at >= at)
		position--;
	return position;
}

static struct ww_block *get(struct ww_blocks *blocks, int64_t at)
{
	uint32_t position = position_of(blocks, at);

	if (position < blocks->len && blocks->blocks[position].at == at)
		return &blocks->blocks[position];
	if (blocks->len == blocks->cap) {
		uint32_t cap = blocks->cap ? blocks->cap * 2 : 16;
		struct ww_block *larger = reallocarray(blocks->blocks, cap, sizeof(*larger));

		if (!larger)
			return NULL;
		blocks->blocks = larger;
		blocks->cap = cap;
	}
	memmove(&blocks->blocks[position + 1], &blocks->blocks[position],
		(blocks->len - position) * sizeof(*blocks->blocks));
	blocks->blocks[position] = (struct ww_block){.at = at};
	blocks->len++;
	return &blocks->blocks[position];
}

/* Both in the order of their indexes. */
static int merge_counts(struct ww_block *block, const struct ww_block_count *from, uint32_t from_len)
{
	struct ww_block_count *merged;
	uint32_t len = 0, i = 0, j = 0;

	if (!from_len)
		return 0;
	merged = calloc((size_t)block->counts_len + from_len, sizeof(*merged));
	if (!merged)
		return -ENOMEM;
	while (i < block->counts_len || j < from_len) {
		bool own = i < block->counts_len && (j == from_len || block->counts[i].index <= from[j].index);
		const struct ww_block_count *next = own ? &block->counts[i++] : &from[j++];

		if (len && merged[len - 1].index == next->index)
			merged[len - 1].requests += next->requests;
		else
			merged[len++] = *next;
	}
	free(block->counts);
	block->counts = merged;
	block->counts_len = len;
	return 0;
}

int ww_blocks__add_block(struct ww_blocks *blocks, int64_t at, const struct ww_block *from)
{
	struct ww_block *block = get(blocks, at);

	if (!block || merge_counts(block, from->counts, from->counts_len))
		return -ENOMEM;
	block->requests += from->requests;
	block->errors += from->errors;
	block->cpu_ns += from->cpu_ns;
	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		block->kinds_ns[kind] += from->kinds_ns[kind];
	block->operations_requests += from->operations_requests;
	block->db_operations += from->db_operations;
	block->net_operations += from->net_operations;
	ww_allocated__add(&block->allocated, &from->allocated);
	return 0;
}

int ww_blocks__add(struct ww_blocks *blocks, int64_t at, const struct ww_aggregate *aggregate)
{
	const struct ww_histogram *histogram = &aggregate->histogram;
	struct ww_block block = {
		.requests = aggregate->requests,
		.errors = aggregate->errors,
		.cpu_ns = aggregate->cpu_ns,
		.operations_requests = aggregate->operations_requests,
		.counts = calloc(histogram->len + 1, sizeof(*block.counts)),
		.counts_len = histogram->len,
	};
	int err;

	if (!block.counts)
		return -ENOMEM;
	memcpy(block.kinds_ns, aggregate->kinds_ns, sizeof(block.kinds_ns));
	for (uint32_t i = 0; i < histogram->len; i++)
		block.counts[i].requests = ww_histogram__at(histogram, i, &block.counts[i].index).count;
	for (uint32_t i = 0; i < aggregate->operations.len; i++) {
		const struct ww_operation_sum *sum = &aggregate->operations.sums[i];

		*(sum->kind == WW_KIND_DB ? &block.db_operations : &block.net_operations) += sum->count;
	}
	err = ww_blocks__add_block(blocks, at, &block);
	free(block.counts);
	return err;
}

int ww_blocks__add_operations(struct ww_blocks *blocks, int64_t at, uint8_t kind, uint64_t operations)
{
	uint32_t position = position_of(blocks, at);

	if (position == blocks->len || blocks->blocks[position].at != at)
		return -ENOENT;
	if (kind == WW_KIND_DB)
		blocks->blocks[position].db_operations += operations;
	else
		blocks->blocks[position].net_operations += operations;
	return 0;
}

bool ww_blocks__add_allocated(struct ww_blocks *blocks, int64_t second, const struct ww_allocated *allocated)
{
	uint32_t position = position_of(blocks, second);

	/* A block that stands for an interval is behind all seconds of it. */
	if (position == blocks->len)
		return false;
	ww_allocated__add(&blocks->blocks[position].allocated, allocated);
	return true;
}

int ww_blocks__merge(struct ww_blocks *blocks, const struct ww_blocks *from, int64_t unit_ns)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < from->len; i++) {
		int64_t at = from->blocks[i].at;

		err = ww_blocks__add_block(blocks, unit_ns ? at - at % unit_ns : at, &from->blocks[i]);
	}
	return err;
}

static int copy_blocks(struct ww_arena *arena, const struct ww_blocks *blocks, struct ww_sampling *sampling)
{
	struct ww_block *copies = ww_arena__array(arena, blocks->len, sizeof(*copies));

	if (!copies)
		return -ENOMEM;
	for (uint32_t i = 0; i < blocks->len; i++) {
		const struct ww_block *block = &blocks->blocks[i];

		copies[i] = *block;
		copies[i].counts = ww_arena__array(arena, block->counts_len, sizeof(*block->counts));
		if (!copies[i].counts)
			return -ENOMEM;
		if (block->counts_len)
			memcpy(copies[i].counts, block->counts, block->counts_len * sizeof(*block->counts));
	}
	sampling->blocks = copies;
	sampling->blocks_len = blocks->len;
	return 0;
}

int ww_sampling__build(struct ww_arena *arena, const struct ww_histogram *histogram, const struct ww_blocks *blocks,
		       struct ww_sampling *sampling)
{
	struct ww_rank *ranks = ww_arena__array(arena, histogram->len, sizeof(*ranks));
	struct ww_sampling built = {.ranks = ranks, .ranks_len = histogram->len};
	uint64_t upto = 0;
	int err = ranks ? 0 : -ENOMEM;

	for (uint32_t i = 0; !err && i < histogram->len; i++) {
		upto += ww_histogram__at(histogram, i, &ranks[i].index).count;
		ranks[i].upto = upto;
	}
	if (!err && blocks)
		err = copy_blocks(arena, blocks, &built);
	if (!err)
		*sampling = built;
	return err;
}

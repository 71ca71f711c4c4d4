/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/gopclntab.h"

#include <errno.h>
#include <string.h>

#define MAGIC_18 0xfffffff0u
#define MAGIC_20 0xfffffff1u
#define QUANTUM	 6 /* at: what instructions begin at a multiple of */
#define POINTER	 7 /* at: the size of one */
#define HEADER	 72
#define FRAME	 16 /* of what is told of a function: how its frame grows and shrinks */

enum word { COUNT = 8, TEXT = 24, NAMES = 32, STEPS = 56, FUNCTIONS = 64 };

static uint64_t word_at(const struct ww_gopclntab *table, size_t at)
{
	uint64_t word;
	memcpy(&word, table->bytes + at, sizeof(word));
	return word;
}

/* False: not within the table. */
static bool half_at(const struct ww_gopclntab *table, size_t at, uint32_t *half)
{
	if (at > table->len || table->len - at < sizeof(*half))
		return false;
	memcpy(half, table->bytes + at, sizeof(*half));
	return true;
}

int ww_gopclntab__open(struct ww_gopclntab *table, const void *bytes, size_t len, uint64_t text)
{
	struct ww_gopclntab opened = {.bytes = bytes, .len = len, .text = text};
	uint32_t magic;
	if (len < HEADER || !half_at(&opened, 0, &magic) || (magic != MAGIC_18 && magic != MAGIC_20) ||
	    opened.bytes[POINTER] != sizeof(uint64_t))
		return -ENOENT;
	uint64_t names = word_at(&opened, NAMES), functions = word_at(&opened, FUNCTIONS);
	uint64_t steps = word_at(&opened, STEPS);
	uint64_t count = word_at(&opened, COUNT), told = word_at(&opened, TEXT);
	/* For each function two numbers, and the end of the last one. */
	if (names >= len || functions >= len || count >= (len - functions) / (2 * sizeof(uint32_t)))
		return -ENOENT;
	opened.names = names;
	opened.functions = functions;
	opened.count = count;
	opened.steps = steps < len ? steps : len;
	opened.quantum = opened.bytes[QUANTUM];
	if (told)
		opened.text = told;
	*table = opened;
	return 0;
}

bool ww_gopclntab__next(struct ww_gopclntab *table, struct ww_gofunction *function)
{
	const size_t entry = 2 * sizeof(uint32_t);
	uint32_t start, end, about, name;
	if (table->next >= table->count)
		return false;
	size_t at = table->functions + entry * table->next;
	if (!half_at(table, at, &start) || !half_at(table, at + sizeof(uint32_t), &about) ||
	    !half_at(table, at + entry, &end) || end < start ||
	    !half_at(table, table->functions + about + sizeof(uint32_t), &name))
		return false;
	size_t from = table->names + name;
	if (from >= table->len || !memchr(table->bytes + from, '\0', table->len - from))
		return false;
	table->next++;
	*function = (struct ww_gofunction){.name = (const char *)table->bytes + from,
					   .start = table->text + start,
					   .end = table->text + end,
					   .about = table->functions + about};
	return true;
}

/* A number of up to 32 bits, seven to a byte; false: not within the table. */
static bool number_at(const struct ww_gopclntab *table, size_t *at, uint32_t *number)
{
	uint32_t read = 0;
	for (unsigned shift = 0; shift < 32 && *at < table->len; shift += 7) {
		unsigned char byte = table->bytes[(*at)++];
		read |= (uint32_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		*number = read;
		return true;
	}
	return false;
}

/* Pairs: how much larger the frame is than it was before (at first: than -1), its sign in the lowest bit; how far so.
 */
int ww_gopclntab__returns(const struct ww_gopclntab *table, const struct ww_gofunction *function, uint64_t *addresses,
			  int most)
{
	uint32_t from, change, far, frame = UINT32_MAX;
	uint64_t address = function->start;
	int len = 0;
	if (!half_at(table, function->about + FRAME, &from))
		return -ENOENT;
	size_t at = table->steps + from;
	while (address < function->end) {
		if (!number_at(table, &at, &change) || !number_at(table, &at, &far) || !far || !table->quantum)
			return -ENOENT;
		frame += (change >> 1) ^ (0 - (change & 1));
		if (!frame && address != function->start) {
			if (len == most)
				return -E2BIG;
			addresses[len++] = address;
		}
		address += (uint64_t)far * table->quantum;
	}
	return len;
}

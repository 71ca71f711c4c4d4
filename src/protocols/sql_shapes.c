/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/sql_shapes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "protocols/dialogue.h"
#include "protocols/sql_parts.h"
#include "util/hash.h"

#define SHAPES_MAX 1024
#define BYTES_MAX  (1u << 20)
#define BUCKETS	   1024
#define TRIES	   8  /* shapes of a bucket that a text is compared with */
#define KEY_MAX	   40 /* bytes of a text that tell its bucket */
#define SEEN	   2048

/* Bytes of the text, and how the literal behind them begins. */
struct part {
	uint16_t len;
	char first; /* a digit is '0' */
};

struct shape {
	struct shape *next; /* in its bucket: the one that was used last comes first */
	struct ww_statement *statement;
	uint32_t bucket;
	uint32_t size;
	uint16_t literals;
	uint8_t dialect;
	bool used; /* since it was looked at for making room */
	struct part parts[];
	/* One more than literals; and then the bytes. */
};

struct ww_sql_shapes {
	struct shape *buckets[BUCKETS];
	struct shape *all[SHAPES_MAX];
	uint32_t hand; /* where room is looked for next */
	uint32_t len;
	size_t bytes;
	uint64_t found;
	uint64_t seed;
	uint32_t seen[SEEN]; /* of texts that came once, by their hash */
};

struct ww_sql_shapes *ww_sql_shapes__new(void)
{
	struct ww_sql_shapes *shapes = calloc(1, sizeof(*shapes));

	if (shapes && getrandom(&shapes->seed, sizeof(shapes->seed), GRND_NONBLOCK) != sizeof(shapes->seed))
		shapes->seed = (uintptr_t)shapes;
	return shapes;
}

static void forget(struct ww_sql_shapes *shapes, uint32_t at)
{
	struct shape *shape = shapes->all[at], **link = &shapes->buckets[shape->bucket];

	while (*link != shape)
		link = &(*link)->next;
	*link = shape->next;
	shapes->all[at] = NULL;
	shapes->bytes -= shape->size;
	shapes->len--;
	ww_statement__put(shape->statement);
	free(shape);
}

void ww_sql_shapes__free(struct ww_sql_shapes *shapes)
{
	for (uint32_t i = 0; shapes && i < SHAPES_MAX; i++) {
		if (shapes->all[i])
			forget(shapes, i);
	}
	free(shapes);
}

/* By the text's first bytes, up to what may be a literal. */
static uint32_t bucket_of(const struct ww_sql_shapes *shapes, enum ww_sql_dialect dialect, const char *text, size_t len)
{
	size_t most = len < KEY_MAX ? len : KEY_MAX;

	return (uint32_t)ww_hash(shapes->seed + dialect, text, ww_sql__before_literal(dialect, text, most)) % BUCKETS;
}

static char first_of(const char *literal)
{
	return *literal >= '0' && *literal <= '9' ? '0' : *literal;
}

/* Whether the text is of this shape. */
static bool fits(const struct shape *shape, enum ww_sql_dialect dialect, const char *at, const char *end,
		 uint64_t *arguments)
{
	const char *bytes = (const char *)(shape->parts + shape->literals + 1), *literal;
	uint64_t hash = WW_HASH_BEGIN;

	if (shape->dialect != dialect)
		return false;
	for (const struct part *part = shape->parts;; part++) {
		if ((size_t)(end - at) < part->len || memcmp(at, bytes, part->len) != 0)
			return false;
		at += part->len;
		bytes += part->len;
		if (part == shape->parts + shape->literals)
			break;
		if (at == end || first_of(at) != part->first)
			return false;
		literal = at;
		at = ww_sql__simple_literal(dialect, literal, end);
		if (!at)
			return false;
		hash = ww_sql__hash_literal(hash, literal, (size_t)(at - literal));
	}
	*arguments = hash ?: 1;
	return at == end;
}

static struct shape *find(struct ww_sql_shapes *shapes, uint32_t bucket, enum ww_sql_dialect dialect, const char *text,
			  size_t len, uint64_t *arguments)
{
	struct shape **link = &shapes->buckets[bucket], *shape;

	for (int i = 0; i < TRIES && *link; i++, link = &(*link)->next) {
		shape = *link;
		if (!fits(shape, dialect, text, text + len, arguments))
			continue;
		*link = shape->next;
		shape->next = shapes->buckets[bucket];
		shapes->buckets[bucket] = shape;
		shape->used = true;
		shapes->found++;
		return shape;
	}
	return NULL;
}

/* The place for one more of that size: what was not used since the last look goes. */
static uint32_t make_room(struct ww_sql_shapes *shapes, size_t size)
{
	for (;; shapes->hand = (shapes->hand + 1) % SHAPES_MAX) {
		struct shape *shape = shapes->all[shapes->hand];

		if (shape && shape->used) {
			shape->used = false;
			continue;
		}
		if (shape)
			forget(shapes, shapes->hand);
		if (shapes->bytes + size <= BYTES_MAX)
			return shapes->hand;
	}
}

/* Whether the text without its literals has come before. */
static bool is_known(struct ww_sql_shapes *shapes, const struct ww_sql_places *places, const char *text, size_t len)
{
	uint64_t hash = shapes->seed;
	const char *at = text;
	uint32_t *seen;
	bool known;

	for (uint32_t i = 0; i < places->len; i++) {
		hash = ww_hash(hash, at, (size_t)(places->literals[i].at - at));
		at = places->literals[i].at + places->literals[i].len;
	}
	hash = ww_hash(hash, at, (size_t)(text + len - at));
	seen = &shapes->seen[hash % SEEN];
	known = *seen == (uint32_t)(hash >> 32);
	*seen = (uint32_t)(hash >> 32);
	return known;
}

static void keep(struct ww_sql_shapes *shapes, uint32_t bucket, enum ww_sql_dialect dialect,
		 const struct ww_sql_places *places, const char *text, size_t len, struct ww_statement *statement)
{
	size_t size = sizeof(struct shape) + (places->len + 1) * sizeof(struct part) + len + sizeof(*statement) +
		      statement->len;
	const char *at = text;
	struct shape *shape;
	uint32_t place;
	char *bytes;

	if (len > UINT16_MAX || size > BYTES_MAX || !is_known(shapes, places, text, len))
		return;
	for (uint32_t i = 0; i < places->len; i++) {
		const char *literal = places->literals[i].at;

		if (ww_sql__simple_literal(dialect, literal, text + len) != literal + places->literals[i].len)
			return;
	}
	shape = malloc(size);
	if (!shape)
		return;
	*shape = (struct shape){
		.statement = ww_statement__hold(statement),
		.bucket = bucket,
		.size = (uint32_t)size,
		.literals = (uint16_t)places->len,
		.dialect = (uint8_t)dialect,
		.used = true,
	};
	bytes = (char *)(shape->parts + places->len + 1);
	for (uint32_t i = 0; i <= places->len; i++) {
		const char *to = i < places->len ? places->literals[i].at : text + len;
		size_t part = (size_t)(to - at);

		shape->parts[i] = (struct part){.len = (uint16_t)part, .first = i < places->len ? first_of(to) : '\0'};
		memcpy(bytes, at, part);
		bytes += part;
		at = i < places->len ? to + places->literals[i].len : to;
	}
	place = make_room(shapes, size);
	shapes->all[place] = shape;
	shapes->bytes += size;
	shapes->len++;
	shape->next = shapes->buckets[bucket];
	shapes->buckets[bucket] = shape;
}

struct ww_statement *ww_sql_shapes__read(struct ww_sql_shapes *shapes, enum ww_sql_dialect dialect, const char *text,
					 size_t len, bool cut, uint64_t *arguments)
{
	uint32_t bucket = shapes ? bucket_of(shapes, dialect, text, len) : 0;
	struct shape *shape = shapes && !cut ? find(shapes, bucket, dialect, text, len, arguments) : NULL;
	struct ww_sql_places places = {0};
	struct ww_statement *statement;
	struct ww_sql sql;

	if (shape)
		return ww_statement__hold(shape->statement);
	ww_sql__read_placing(&sql, dialect, text, len, cut, &places);
	statement = ww_statement__new(&sql);
	if (!statement)
		return NULL;
	*arguments = sql.arguments;
	if (shapes && !places.unfit)
		keep(shapes, bucket, dialect, &places, text, len, statement);
	return statement;
}

uint32_t ww_sql_shapes__len(const struct ww_sql_shapes *shapes)
{
	return shapes->len;
}

uint64_t ww_sql_shapes__found(const struct ww_sql_shapes *shapes)
{
	return shapes->found;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Redis, RESP2 and RESP3. Answers are values, in the order of the commands. Bulk strings carry their length, so what of
 * them is not at hand is stepped over; an answer of many small ones is not, and ends as ordered.h says.
 */
#include <string.h>

#include "protocols/redis_sent.h"

#define LONGEST_BULK (1ull << 32)
#define MOST_VALUES  (1ull << 40) /* of an answer that are still to come */
#define KIND_KEPT    16		  /* bytes of the first string in an answer */
#define LONGEST_LINE (1 << 16)

enum at {
	VALUE, /* a value's first byte comes next */
	LINE,  /* a value of one line, or the number in front of a longer one */
	BULK,  /* a bulk string and its "\r\n" */
	NOWHERE,
};

struct redis {
	struct ww_ordered ordered;
	struct ww_redis_sent sent;

	/* what is received */
	uint8_t at;
	char type;	 /* of the value at hand */
	char top;	 /* of the answer at hand; 0: its attributes are */
	bool null;	 /* the answer is null */
	bool first_next; /* the next value is the first in the answer's array */
	bool in_first;	 /* the value at hand is */
	bool endless;	 /* what is received answers nothing any more */
	struct ww_redis_number number;
	uint32_t line_len;
	uint64_t values; /* of the answer that are still to come; 0: the next one begins an answer */
	uint64_t bulk;	 /* bytes of the bulk string that are still to come, "\r\n" included */
	uint64_t bytes;	 /* received of the answer, and not yet credited to it */
	uint8_t kind_len, text_len;
	char kind[KIND_KEPT];	  /* the beginning of the first string in an array */
	char text[WW_ERROR_SIZE]; /* of an answer that is a line */
};

/* What is seen is no Redis, or not from where it was thought to be. */
static void give_up(struct redis *redis, struct ww_dialogue *dialogue)
{
	ww_ordered__give_up(&redis->ordered, dialogue);
	redis->at = NOWHERE;
}

static bool is_aggregate(char type)
{
	return type == '*' || type == '%' || type == '~' || type == '>';
}

static bool is_string(char type)
{
	return type == '$' || type == '=' || type == '!';
}

/* Types as the table of commands has them; 0 for what may stand in for any: errors, null. */
static uint8_t reply_of(char type)
{
	switch (type) {
	case '+':
		return WW_REDIS_STATUS;
	case ':':
	case '#':
	case '(':
		return WW_REDIS_INTEGER;
	case '$':
	case '=':
	case ',':
		return WW_REDIS_BULK;
	case '*':
	case '%':
	case '~':
		return WW_REDIS_AGGREGATE;
	}
	return 0;
}

static bool kind_is(const struct redis *redis, const char *kind)
{
	return redis->kind_len == strlen(kind) && !memcmp(redis->kind, kind, redis->kind_len);
}

/* "subscribe", "punsubscribe", ..: what tells that a subscription was made or ended. */
static bool is_subscription(const struct redis *redis)
{
	static const char end[] = "subscribe";
	size_t len = sizeof(end) - 1;

	return redis->kind_len >= len && !memcmp(redis->kind + redis->kind_len - len, end, len);
}

static bool is_message(const struct redis *redis)
{
	return kind_is(redis, "message") || kind_is(redis, "pmessage") || kind_is(redis, "smessage");
}

/* The first word of an error is its name. */
static void set_error(const struct redis *redis, struct ww_draft *draft)
{
	size_t len = 0;

	while (len < redis->text_len &&
	       ((redis->text[len] >= 'A' && redis->text[len] <= 'Z') || redis->text[len] == '_'))
		len++;
	if (len)
		ww_draft__set_error(draft, redis->text, len);
	else
		ww_draft__set_error(draft, "ERR", 3);
}

static void credit(struct redis *redis, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);

	if (draft)
		draft->bytes_in += redis->bytes;
	redis->bytes = 0;
}

/* An answer, or a message that answers nothing, is whole. */
static void answer_ends(struct redis *redis, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);
	bool queued = redis->top == '+' && redis->text_len == 6 && !memcmp(redis->text, "QUEUED", 6);
	bool subscribes = draft && draft->phase == WW_REDIS_PUBSUB;
	uint8_t reply = redis->null || queued ? 0 : reply_of(redis->top);

	if (redis->top == '>' ||
	    (redis->top == '*' && redis->sent.subscribed && (is_message(redis) || is_subscription(redis)))) {
		if (!subscribes || !is_subscription(redis)) {
			redis->bytes = 0;
			return;
		}
		reply = 0;
	} else if (subscribes) {
		draft->count = 1; /* an error, or QUEUED, which answers for all of it */
	}
	if (draft && draft->phase && reply && !(draft->phase & reply)) {
		give_up(redis, dialogue);
		return;
	}
	credit(redis, dialogue);
	if (draft && (redis->top == '-' || redis->top == '!'))
		set_error(redis, draft);
	if (!ww_ordered__answered(&redis->ordered, dialogue))
		redis->at = NOWHERE;
	if (redis->sent.endless && !ww_dialogue__drafts(dialogue))
		redis->endless = true;
}

static void value_ends(struct redis *redis, struct ww_dialogue *dialogue)
{
	redis->at = VALUE;
	if (!--redis->values)
		answer_ends(redis, dialogue);
}

static void value_begins(struct redis *redis, char type)
{
	if (!redis->values) {
		redis->values = 1;
		redis->top = 0;
		redis->null = false;
		redis->kind_len = redis->text_len = 0;
	}
	redis->in_first = is_aggregate(redis->top) && redis->first_next;
	redis->first_next = false;
	/* An attribute comes in front of what it says something of. */
	if (!redis->top && redis->values == 1 && type != '|')
		redis->top = type;
	redis->type = type;
	redis->number = (struct ww_redis_number){0};
	redis->line_len = 0;
	redis->at = LINE;
}

/* A line's end. False when it was none of Redis. */
static bool line_ends(struct redis *redis, struct ww_dialogue *dialogue)
{
	const struct ww_redis_number *number = &redis->number;
	bool header = is_aggregate(redis->type) || redis->type == '|', outermost = redis->values == 1;

	if (!header && !is_string(redis->type)) {
		redis->null |= redis->type == '_' && outermost;
		value_ends(redis, dialogue);
		return true;
	}
	if (!ww_redis_number__is_good(number))
		return false;
	if (number->negative) {
		redis->null |= outermost;
		value_ends(redis, dialogue);
		return true;
	}
	if (is_string(redis->type)) {
		redis->bulk = number->value + 2;
		redis->at = BULK;
		return number->value <= LONGEST_BULK;
	}
	if (number->value > MOST_VALUES || redis->values > MOST_VALUES)
		return false;
	redis->first_next = outermost && redis->type != '|';
	redis->values += number->value * (redis->type == '%' || redis->type == '|' ? 2 : 1);
	redis->at = VALUE;
	if (header && redis->type != '|')
		value_ends(redis, dialogue);
	return true;
}

static bool take(struct redis *redis, struct ww_dialogue *dialogue, char c)
{
	redis->bytes++;
	if (redis->at == VALUE) {
		value_begins(redis, c);
		return c && strchr("+-:_,#($=!*%~>|", c);
	}
	if (c == '\n')
		return line_ends(redis, dialogue);
	if (is_aggregate(redis->type) || is_string(redis->type) || redis->type == '|')
		ww_redis_number__add(&redis->number, c);
	else if (redis->values == 1 && redis->text_len < sizeof(redis->text) && c != '\r')
		redis->text[redis->text_len++] = c;
	return !redis->number.bad && ++redis->line_len < LONGEST_LINE;
}

/* Takes bytes of a bulk string; 0: it does not end as it should. */
static size_t take_bulk(struct redis *redis, struct ww_dialogue *dialogue, const uint8_t *bytes, size_t len)
{
	if (redis->bulk > 2) {
		if (len > redis->bulk - 2)
			len = (size_t)redis->bulk - 2;
		for (size_t i = 0; redis->in_first && i < len && redis->kind_len < sizeof(redis->kind); i++)
			redis->kind[redis->kind_len++] = (char)bytes[i];
	} else {
		len = *bytes == (redis->bulk == 2 ? '\r' : '\n');
	}
	redis->bulk -= len;
	redis->bytes += len;
	if (!redis->bulk)
		value_ends(redis, dialogue);
	return len;
}

static void received(struct redis *redis, struct ww_dialogue *dialogue, const uint8_t *bytes, size_t len)
{
	while (len && redis->at != NOWHERE && !redis->endless) {
		size_t taken = 1;

		if (redis->at == BULK)
			taken = take_bulk(redis, dialogue, bytes, len);
		else if (!take(redis, dialogue, (char)*bytes))
			taken = 0;
		if (!taken) {
			give_up(redis, dialogue);
			return;
		}
		bytes += taken;
		len -= taken;
	}
	/* Whose these are is not known, but of an answer they are. */
	if (redis->ordered.blurred) {
		redis->bytes += len;
		credit(redis, dialogue);
	}
}

static void received_skip(struct redis *redis, struct ww_dialogue *dialogue, uint64_t len)
{
	redis->bytes += len;
	if (redis->at == BULK && len <= redis->bulk) {
		redis->bulk -= len;
		if (!redis->bulk)
			value_ends(redis, dialogue);
		return;
	}
	if (redis->at != NOWHERE)
		ww_ordered__blur(&redis->ordered, dialogue);
	redis->at = NOWHERE;
	if (redis->ordered.blurred)
		credit(redis, dialogue);
}

/* Both directions begin where a message does; false when nothing is to be looked at. */
static bool moved(struct redis *redis, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	if (ww_ordered__moved(&redis->ordered, dialogue, direction)) {
		ww_redis_sent__anew(&redis->sent);
		redis->at = VALUE;
		redis->values = 0;
		redis->bytes = 0;
	}
	return redis->ordered.sure && !redis->endless;
}

static void begin(void *state, struct ww_dialogue *dialogue, bool whole)
{
	struct redis *redis = state;

	(void)dialogue;
	ww_ordered__begin(&redis->ordered, whole);
}

static void bytes(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, const uint8_t *bytes,
		  size_t len)
{
	struct redis *redis = state;
	bool first = !redis->ordered.in_call;

	if (!moved(redis, dialogue, direction))
		return;
	if (direction == WW_RECEIVED) {
		received(redis, dialogue, bytes, len);
		return;
	}
	if (first && ww_redis_sent__is_between(&redis->sent) && ww_ordered__is_tls(bytes, len)) {
		ww_ordered__round_trip(dialogue);
		redis->endless = true;
		return;
	}
	if (!ww_redis_sent__bytes(&redis->sent, &redis->ordered, dialogue, bytes, len))
		give_up(redis, dialogue);
}

static void skip(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, uint64_t len)
{
	struct redis *redis = state;

	if (!moved(redis, dialogue, direction))
		return;
	if (direction == WW_RECEIVED)
		received_skip(redis, dialogue, len);
	else
		ww_redis_sent__skip(&redis->sent, &redis->ordered, dialogue, len);
}

static void turn(void *state, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	struct redis *redis = state;

	/* A part of an answer has come. */
	if (direction == WW_RECEIVED && redis->ordered.sure && redis->values && redis->top && redis->top != '>') {
		ww_dialogue__answered(dialogue, 0);
		credit(redis, dialogue);
	}
	redis->ordered.midway = !ww_redis_sent__is_between(&redis->sent);
	ww_ordered__turn(&redis->ordered);
}

static void lost(void *state, struct ww_dialogue *dialogue)
{
	struct redis *redis = state;

	(void)dialogue;
	ww_ordered__lost(&redis->ordered);
	redis->at = NOWHERE;
}

const struct ww_protocol ww_protocol_redis = {
	.name = "redis",
	.size = sizeof(struct redis),
	.begin = begin,
	.bytes = bytes,
	.skip = skip,
	.lost = lost,
	.turn = turn,
};

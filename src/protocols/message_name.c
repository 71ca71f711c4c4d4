/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/message_name.h"

#include <stdbool.h>
#include <string.h>

/* Bytes that are read from front to back. */
struct reader {
	const uint8_t *at, *end;
};

static size_t left(const struct reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

/* What can't be printed is '?'; a name that is longer than there is room for is cut. */
static bool set_name(char name[WW_MESSAGE_NAME_SIZE], const uint8_t *text, size_t len)
{
	if (!len)
		return false;
	if (len >= WW_MESSAGE_NAME_SIZE)
		len = WW_MESSAGE_NAME_SIZE - 1;
	for (size_t i = 0; i < len; i++)
		name[i] = text[i] > ' ' && text[i] < 0x7f && text[i] != '"' && text[i] != '\\' ? (char)text[i] : '?';
	name[len] = '\0';
	return true;
}

/* ---- Redis ---- */

/* "*12\r\n": a type's letter, a number, a line's end. */
static bool read_count(struct reader *reader, char *type, size_t *count)
{
	size_t number = 0, digits = 0;

	if (!left(reader))
		return false;
	*type = (char)*reader->at++;
	while (left(reader) && *reader->at >= '0' && *reader->at <= '9' && digits++ < 9)
		number = number * 10 + (size_t)(*reader->at++ - '0');
	if (!digits || left(reader) < 2 || reader->at[0] != '\r' || reader->at[1] != '\n')
		return false;
	reader->at += 2;
	*count = number;
	return true;
}

#define NESTED_MAX 4

/* Up to the first text, which is the queue of what follows. kombu puts the priority behind it: "celery\x06\x163". */
static bool read_queue(struct reader *reader, char name[WW_MESSAGE_NAME_SIZE])
{
	size_t count = 0, len = 0;
	char type = '\0';

	for (int i = 0; i < NESTED_MAX && read_count(reader, &type, &count); i++) {
		if (type != '*' && type != '%')
			break;
		type = '\0';
	}
	if (type != '$' || count > left(reader))
		return false;
	while (len < count && reader->at[len] != '\x06')
		len++;
	if (!set_name(name, reader->at, len))
		return false;
	reader->at += count;
	return true;
}

/* ---- JSON ---- */

/* Text in quotes, behind the first of them: up to the last; false when that is not there. */
static bool read_text(struct reader *reader, const uint8_t **text, size_t *len)
{
	*text = reader->at;
	for (; left(reader); reader->at++) {
		if (*reader->at == '\\') {
			if (left(reader) < 2)
				return false;
			reader->at++;
		} else if (*reader->at == '"') {
			*len = (size_t)(reader->at++ - *text);
			return true;
		}
	}
	return false;
}

static void skip_blanks(struct reader *reader)
{
	while (left(reader) &&
	       (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\r' || *reader->at == '\t'))
		reader->at++;
}

static bool is(const uint8_t *text, size_t len, const char *word)
{
	return len == strlen(word) && !memcmp(text, word, len);
}

/* The text that a key has in the object that begins behind its brace, not in one within it. */
static bool find_text(struct reader reader, const char *key, const uint8_t **text, size_t *len)
{
	unsigned depth = 0;

	while (left(&reader)) {
		uint8_t byte = *reader.at++;

		if (byte == '{' || byte == '[')
			depth++;
		if ((byte == '}' || byte == ']') && !depth--)
			return false;
		if (byte != '"')
			continue;
		if (!read_text(&reader, text, len))
			return false;
		skip_blanks(&reader);
		if (depth || !left(&reader) || *reader.at != ':' || !is(*text, *len, key))
			continue;
		reader.at++;
		skip_blanks(&reader);
		if (!left(&reader) || *reader.at++ != '"')
			return false;
		return read_text(&reader, text, len);
	}
	return false;
}

/*
 * kombu's "headers": {..}. In front of it is the body, which is base64, so no text in quotes has been missed where the
 * middle of a message is not there; and within texts, quotes are escaped.
 */
static bool find_headers(struct reader *reader)
{
	static const char key[] = "\"headers\":";

	while (left(reader) > sizeof(key)) {
		const uint8_t *found = memmem(reader->at, left(reader), key, sizeof(key) - 1);

		if (!found)
			return false;
		reader->at = found + sizeof(key) - 1;
		skip_blanks(reader);
		if (left(reader) && *reader->at++ == '{')
			return true;
	}
	return false;
}

static bool celery_json(struct reader reader, char name[WW_MESSAGE_NAME_SIZE])
{
	const uint8_t *text;
	size_t len;

	return find_headers(&reader) && find_text(reader, "task", &text, &len) && set_name(name, text, len);
}

/* {"class":"Sidekiq's and Resque's"} */
static bool class_json(struct reader reader, char name[WW_MESSAGE_NAME_SIZE])
{
	const uint8_t *text, *brace = memchr(reader.at, '{', left(&reader));
	size_t len;

	if (!brace)
		return false;
	reader.at = brace + 1;
	return find_text(reader, "class", &text, &len) && set_name(name, text, len);
}

enum ww_message_named ww_message_name__redis(const struct ww_message_bytes *bytes, char name[WW_MESSAGE_NAME_SIZE])
{
	struct reader head = {bytes->head, bytes->head + bytes->head_len};
	const struct reader tail = {bytes->tail, bytes->tail + bytes->tail_len};
	bool queue = read_queue(&head, name);

	if (celery_json(head, name) || celery_json(tail, name))
		return WW_MESSAGE_TASK;
	if (class_json(head, name))
		return WW_MESSAGE_CLASS;
	return queue ? WW_MESSAGE_QUEUE : WW_MESSAGE_UNNAMED;
}

/* ---- AMQP ---- */

/* A text of up to 255 bytes behind its length. */
static bool read_short(struct reader *reader, const uint8_t **text, size_t *len)
{
	if (!left(reader) || reader->at[0] >= left(reader))
		return false;
	*len = *reader->at++;
	*text = reader->at;
	reader->at += *len;
	return true;
}

#define FRAME_BEGINNING 7 /* bytes */

/* The routing key of basic.deliver, which the default exchange takes for the queue's name. */
static bool routing_key(struct reader reader, char name[WW_MESSAGE_NAME_SIZE])
{
	static const uint8_t deliver[] = {0, 60, 0, 60};
	const uint8_t *text;
	size_t len;

	/* In front of it is what came with it of a frame's type, channel and size, in whatever pieces they were read.
	 */
	for (size_t i = 0; left(&reader) >= sizeof(deliver) && memcmp(reader.at, deliver, sizeof(deliver)) != 0; i++) {
		if (i == FRAME_BEGINNING)
			return false;
		reader.at++;
	}
	if (left(&reader) < sizeof(deliver))
		return false;
	reader.at += sizeof(deliver);
	if (!read_short(&reader, &text, &len) || left(&reader) < 9)
		return false;
	reader.at += 9; /* the delivery's number, and whether it is one again */
	/* Of the exchange, and the routing key. */
	for (int i = 0; i < 2; i++) {
		if (!read_short(&reader, &text, &len))
			return false;
	}
	return set_name(name, text, len);
}

/* Celery's header "task", a long text in the table of headers. */
static bool task_header(const uint8_t *at, size_t size, char name[WW_MESSAGE_NAME_SIZE])
{
	static const char key[] = "\x04"
				  "taskS";
	struct reader reader = {at, at + size};
	size_t len;

	reader.at = size ? memmem(at, size, key, sizeof(key) - 1) : NULL;
	if (!reader.at)
		return false;
	reader.at += sizeof(key) - 1;
	if (left(&reader) < 4)
		return false;
	len = (size_t)reader.at[0] << 24 | (size_t)reader.at[1] << 16 | (size_t)reader.at[2] << 8 | reader.at[3];
	reader.at += 4;
	return len <= left(&reader) && set_name(name, reader.at, len);
}

enum ww_message_named ww_message_name__amqp(const struct ww_message_bytes *bytes, char name[WW_MESSAGE_NAME_SIZE])
{
	const struct reader head = {bytes->head, bytes->head + bytes->head_len};

	if (task_header(bytes->head, bytes->head_len, name))
		return WW_MESSAGE_TASK;
	return routing_key(head, name) ? WW_MESSAGE_QUEUE : WW_MESSAGE_UNNAMED;
}

/* ---- pickle ---- */

enum {
	PICKLE_STACK_GLOBAL = 0x93,
	PICKLE_MEMOIZE = 0x94,
	PICKLE_TEXT = 0x8c,
	PICKLE_LONG_TEXT = 'X',
	PICKLE_MARK = '('
};

/* A text; in front of it there may be marks, and what is done with the text before. */
static bool read_pickled(struct reader *reader, const uint8_t **text, size_t *len)
{
	while (left(reader) &&
	       (*reader->at == PICKLE_STACK_GLOBAL || *reader->at == PICKLE_MEMOIZE || *reader->at == PICKLE_MARK))
		reader->at++;
	if (left(reader) >= 2 && reader->at[0] == PICKLE_TEXT) {
		*len = reader->at[1];
		reader->at += 2;
	} else if (left(reader) >= 5 && reader->at[0] == PICKLE_LONG_TEXT) {
		*len = (size_t)reader->at[1] | (size_t)reader->at[2] << 8 | (size_t)reader->at[3] << 16 |
		       (size_t)reader->at[4] << 24;
		reader->at += 5;
	} else {
		return false;
	}
	if (*len > left(reader))
		return false;
	*text = reader->at;
	reader->at += *len;
	return true;
}

/* (2, (job, None, celery.app.trace.fast_trace_task, ("shop.tasks.mail", ..)), ..): the first text behind the function.
 */
enum ww_message_named ww_message_name__pickle(const struct ww_message_bytes *bytes, char name[WW_MESSAGE_NAME_SIZE])
{
	static const char module[] = "\x8c\x10"
				     "celery.app.trace";
	struct reader reader = {bytes->head, bytes->head + bytes->head_len};
	const uint8_t *text;
	size_t len;

	reader.at = memmem(reader.at, left(&reader), module, sizeof(module) - 1);
	if (!reader.at)
		return WW_MESSAGE_UNNAMED;
	reader.at += sizeof(module) - 1;
	for (int i = 0; i < 2; i++) {
		if (!read_pickled(&reader, &text, &len))
			return WW_MESSAGE_UNNAMED;
	}
	return set_name(name, text, len) ? WW_MESSAGE_TASK : WW_MESSAGE_UNNAMED;
}

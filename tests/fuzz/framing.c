/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "framing.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define LONG_LINE 256 /* from here on a line may be looked at in part only */

struct text {
	const uint8_t *bytes;
	size_t at, len;
};

struct line {
	const char *text;
	size_t len; /* without its end */
};

struct head {
	bool chunked, has_length;
	uint64_t length;
};

/* Takes a line; false when its end is not there. */
static bool line_take(struct text *text, struct line *line)
{
	const uint8_t *start = text->bytes + text->at;
	const uint8_t *end = memchr(start, '\n', text->len - text->at);

	if (!end)
		return false;
	text->at += (size_t)(end - start) + 1;
	line->text = (const char *)start;
	line->len = (size_t)(end - start);
	if (line->len && line->text[line->len - 1] == '\r')
		line->len--;
	return true;
}

static bool starts_with(const struct line *line, const char *prefix)
{
	return line->len >= strlen(prefix) && !strncasecmp(line->text, prefix, strlen(prefix));
}

/* Names are compared without the bit that makes capitals, which makes letters and signs of control characters too. */
static bool has_controls(const struct line *line)
{
	for (size_t i = 0; i < line->len && i < sizeof("transfer-encoding:"); i++) {
		if ((unsigned char)line->text[i] < ' ')
			return true;
	}
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

#define MOST_LENGTH 24 /* characters that the value of a length may have, and digits that a chunk's size may */
#define MOST_SIZE   17
#define MOST_VALUE  0x0ccccccccccccccull /* what is in front of its last digit, as the BPF side has it */

/* A number that may have blanks around it; false when it is none, or too large to be true. */
static bool number(const char *text, size_t len, uint64_t *value)
{
	while (len && is_blank(*text)) {
		text++;
		len--;
	}
	while (len && is_blank(text[len - 1]))
		len--;
	*value = 0;
	if (len > MOST_LENGTH)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || *value > MOST_VALUE)
			return false;
		*value = *value * 10 + (uint64_t)(text[i] - '0');
	}
	return len > 0;
}

/* Header lines up to the empty one: 1 when they are there, 0 when more has to come, -1 when they are wrong. */
static int headers(struct text *text, struct head *head, bool *unsure)
{
	struct line line;

	while (line_take(text, &line)) {
		if (!line.len)
			return 1;
		if (line.len >= LONG_LINE - 2 && (starts_with(&line, "content-") || starts_with(&line, "transfer")))
			*unsure = true;
		*unsure |= has_controls(&line);
		if (starts_with(&line, "content-length:")) {
			if (!number(line.text + 15, line.len - 15, &head->length))
				return -1;
			head->has_length = true;
		} else if (starts_with(&line, "transfer-encoding:")) {
			while (is_blank(line.text[line.len - 1]))
				line.len--;
			if (line.len >= 25 && !strncasecmp(line.text + line.len - 7, "chunked", 7))
				head->chunked = true;
		}
	}
	return 0;
}

/* A chunked body and its trailer, as headers(). */
static int chunks(struct text *text, bool *unsure)
{
	for (;;) {
		struct line line;
		uint64_t size = 0;
		size_t digits = 0;
		size_t before = text->at;

		if (!line_take(text, &line)) {
			*unsure |= text->len - text->at >= LONG_LINE - 2;
			return 0;
		}
		*unsure |= text->at - before >= LONG_LINE;
		for (; digits < line.len && isxdigit((unsigned char)line.text[digits]); digits++) {
			char c = (char)tolower(line.text[digits]);

			if (size >> 58)
				return -1;
			size = size << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
		}
		if (!digits || digits > MOST_SIZE)
			return -1;
		if (!size) {
			while (line_take(text, &line)) {
				if (!line.len)
					return 1;
			}
			return 0;
		}
		if (size + 2 > text->len - text->at)
			return 0;
		text->at += size + 2;
	}
}

/* What follows a head; `until_end`: a body without a length is as long as the connection. */
static int body(struct text *text, const struct head *head, bool until_end, bool *unsure)
{
	if (head->chunked)
		return chunks(text, unsure);
	if (!head->has_length)
		return until_end ? 0 : 1;
	if (head->length > text->len - text->at)
		return 0;
	text->at += head->length;
	return 1;
}

static bool request_line(const struct line *line, struct message *m, const uint8_t *bytes)
{
	const char *space = memchr(line->text, ' ', line->len);

	if (!space || space == line->text || line->len < 12)
		return false;
	const char *version = line->text + line->len - 9;
	const char *target = space + 1;

	if (version < target || memcmp(version, " HTTP/1.", 8) != 0 || !isdigit((unsigned char)version[8]))
		return false;
	m->method_len = (size_t)(space - line->text);
	m->target = (size_t)((const uint8_t *)target - bytes);
	m->target_len = (size_t)(version - target);
	const char *query = memchr(target, '?', m->target_len);

	if (query)
		m->target_len = (size_t)(query - target);
	return true;
}

static bool status_line(const struct line *line, struct message *m)
{
	if (line->len < 12 || memcmp(line->text, "HTTP/1.", 7) != 0)
		return false;
	for (int i = 9; i < 12; i++) {
		if (!isdigit((unsigned char)line->text[i]))
			return false;
		m->status = m->status * 10 + (unsigned)(line->text[i] - '0');
	}
	return true;
}

/* Leaves line ends, and begins a message where something is; NULL when nothing is. */
static struct message *message_begin(struct text *text, struct framing *framing)
{
	while (text->at < text->len && (text->bytes[text->at] == '\r' || text->bytes[text->at] == '\n'))
		text->at++;
	if (text->at == text->len || framing->len == MESSAGES)
		return NULL;
	struct message *m = &framing->messages[framing->len++];

	*m = (struct message){.start = text->at, .end = text->len};
	return m;
}

/* The first line: 1, or as headers(). */
static int first_line(struct text *text, struct line *line, struct framing *framing)
{
	if (!line_take(text, line)) {
		framing->unsure |= text->len - text->at >= LONG_LINE - 2;
		return 0;
	}
	framing->unsure |= line->len >= LONG_LINE - 2;
	return 1;
}

void framing_requests(const uint8_t *bytes, size_t len, struct framing *framing)
{
	struct text text = {.bytes = bytes, .len = len};
	struct message *m;

	*framing = (struct framing){0};
	while ((m = message_begin(&text, framing))) {
		struct head head = {0};
		struct line line;
		int met = first_line(&text, &line, framing);

		if (met == 1) {
			m->begun = request_line(&line, m, bytes);
			met = m->begun ? headers(&text, &head, &framing->unsure) : -1;
		}
		if (met == 1) {
			m->head_end = text.at;
			met = body(&text, &head, false, &framing->unsure);
		}
		framing->bad = met < 0;
		if (met != 1)
			return;
		m->whole = true;
		m->end = text.at;
	}
}

void framing_responses(const uint8_t *bytes, size_t len, size_t requests, uint64_t heads, struct framing *framing)
{
	struct text text = {.bytes = bytes, .len = len};

	*framing = (struct framing){0};
	for (size_t request = 0; request < requests; request++) {
		struct message *m = message_begin(&text, framing);
		int met = 1;

		if (!m)
			return;
		do { /* interim responses belong to the one that follows */
			struct head head = {0};
			struct line line;

			for (; text.at < text.len && (bytes[text.at] == '\r' || bytes[text.at] == '\n'); text.at++)
				m->between++;
			m->begun = false;
			m->status = 0;
			met = first_line(&text, &line, framing);
			if (met == 1) {
				m->begun = status_line(&line, m);
				met = m->begun ? headers(&text, &head, &framing->unsure) : -1;
			}
			if (met == 1)
				m->head_end = text.at;
			if (met == 1 && m->status >= 200 && m->status != 204 && m->status != 304 &&
			    !(heads >> request & 1))
				met = body(&text, &head, true, &framing->unsure);
		} while (met == 1 && m->status < 200 && m->status != 101);
		framing->bad = met < 0;
		if (met != 1)
			return;
		m->whole = true;
		m->end = text.at;
		if (m->status == 101)
			return;
	}
}

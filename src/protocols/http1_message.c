/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/http1_message.h"

#include <strings.h>

#include "util/ascii.h"

#define LONGEST_HEAD (1 << 17) /* bytes; what has more is no head */
#define MOST_BODY    (1ull << 50)

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

void ww_http1_message__begin_line(struct ww_http1_message *message)
{
	message->kept = 0;
	message->line_len = 0;
}

const char *ww_http1_message__value(const struct ww_http1_message *message, const char *name, size_t *len)
{
	size_t name_len = strlen(name), end = message->kept;
	const char *line = message->line;

	if (end <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
		return NULL;
	for (name_len++; name_len < end && is_blank(line[name_len]);)
		name_len++;
	while (end > name_len && is_blank(line[end - 1]))
		end--;
	*len = end - name_len;
	return line + name_len;
}

bool ww_http1_message__take_framing(struct ww_http1_message *message)
{
	const char *value;
	uint64_t length = 0;
	size_t len;

	value = ww_http1_message__value(message, "transfer-encoding", &len);
	if (value && len >= 7 && !strncasecmp(value + len - 7, "chunked", 7))
		message->chunked = true;
	value = ww_http1_message__value(message, "content-length", &len);
	if (!value)
		return true;
	for (size_t i = 0; i < len; i++) {
		if (!ww_is_digit(value[i]) || length > MOST_BODY)
			return false;
		length = length * 10 + (uint64_t)(value[i] - '0');
	}
	message->has_length = true;
	message->left = length;
	return len > 0;
}

void ww_http1_message__begin(struct ww_http1_message *message)
{
	*message = (struct ww_http1_message){.at = WW_HTTP1_START};
}

bool ww_http1_message__begin_body(struct ww_http1_message *message)
{
	if (message->chunked)
		message->at = WW_HTTP1_CHUNK_SIZE;
	else if (message->has_length && message->left)
		message->at = WW_HTTP1_BODY;
	else
		return false;
	ww_http1_message__begin_line(message);
	return true;
}

/* A chunk's size, of which the line is at hand; false when it is none. */
static bool take_chunk_size(struct ww_http1_message *message)
{
	uint64_t size = 0;
	size_t i = 0;

	for (; i < message->kept; i++) {
		char c = message->line[i];
		int digit = ww_is_digit(c)	   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			break;
		size = size << 4 | (uint64_t)digit;
		if (size > MOST_BODY)
			return false;
	}
	if (!i || (i < message->kept && message->line[i] != ';' && !is_blank(message->line[i])))
		return false;
	message->left = size + 2;
	message->at = size ? WW_HTTP1_CHUNK : WW_HTTP1_TRAILERS;
	return true;
}

uint64_t ww_http1_message__take_counted(struct ww_http1_message *message, uint64_t len, enum ww_http1_verdict *verdict)
{
	if (len > message->left)
		len = message->left;
	message->left -= len;
	*verdict = WW_HTTP1_GOES_ON;
	if (message->left)
		return len;
	if (message->at == WW_HTTP1_BODY)
		*verdict = WW_HTTP1_MESSAGE_OVER;
	else
		message->at = WW_HTTP1_CHUNK_SIZE;
	ww_http1_message__begin_line(message);
	return len;
}

size_t ww_http1_message__take_text(struct ww_http1_message *message, const uint8_t *bytes, size_t len,
				   enum ww_http1_verdict *verdict)
{
	const uint8_t *end = memchr(bytes, '\n', len);
	size_t taken = end ? (size_t)(end - bytes) : len, room = sizeof(message->line) - message->kept;

	if (room > taken)
		room = taken;
	memcpy(message->line + message->kept, bytes, room);
	message->kept += (uint16_t)room;
	*verdict = WW_HTTP1_WRONG;
	if (taken > LONGEST_HEAD - message->head_len)
		return len;
	message->line_len += (uint32_t)taken;
	message->head_len += (uint32_t)taken;
	*verdict = WW_HTTP1_GOES_ON;
	if (!end)
		return taken;
	if (message->kept == message->line_len && message->kept && message->line[message->kept - 1] == '\r')
		message->kept--;
	*verdict = WW_HTTP1_LINE_OVER;
	return taken + 1;
}

enum ww_http1_verdict ww_http1_message__take_body_line(struct ww_http1_message *message)
{
	bool empty = !message->kept;
	enum ww_http1_verdict verdict = WW_HTTP1_GOES_ON;

	message->head_len = 0;
	if (message->at == WW_HTTP1_TRAILERS)
		verdict = empty ? WW_HTTP1_MESSAGE_OVER : WW_HTTP1_GOES_ON;
	else if (!take_chunk_size(message))
		verdict = WW_HTTP1_WRONG;
	ww_http1_message__begin_line(message);
	return verdict;
}

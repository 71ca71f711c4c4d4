/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls to FastCGI servers, as nginx makes them to PHP-FPM. Messages are records that name their request and their
 * length, so what is not captured of them is stepped over; where a record's header is not captured, the place is lost
 * up to the next call that begins as a request or an answer does, or ends as an answer does.
 *
 * A status from 400 on is an error, as with HTTP.
 */
#include <stdio.h>
#include <string.h>

#include "protocols/dialogue.h"
#include "protocols/http1.h"
#include "protocols/route.h"

#define HEADER 8
#define ENDING 16 /* bytes of a whole END_REQUEST */
#define NAME   16 /* bytes kept of a parameter's name: longer ones don't matter */
#define LINE   16 /* and of a line of an answer's head */

enum type { BEGIN_REQUEST = 1, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, STDERR = 7 };

enum at { AT_HEADER, AT_CONTENT, NOWHERE };

/* Of a parameter. */
enum part { NAME_LENGTH, VALUE_LENGTH, IN_NAME, IN_VALUE, GIVEN_UP };

enum phase { HEAD, BODY }; /* of a draft: where its answer is */

enum value { NOTHING, METHOD, URI };

/* Where a direction is in its records. */
struct records {
	uint8_t at; /* enum at */
	uint8_t type, header_len, padding;
	uint16_t id;
	uint32_t left; /* bytes of the content */
	uint8_t header[HEADER];
};

struct client {
	struct records out, in;
	bool in_call; /* bytes of the call at hand have come */

	/* parameters of the newest draft */
	uint8_t part;	    /* enum part */
	uint8_t length_len; /* bytes of a length that have come */
	uint8_t value_of;   /* enum value */
	bool target_cut, captured;
	uint32_t length, name_len, value_len, at;
	uint8_t method_len, target_len;
	uint64_t hash;
	char name[NAME], method[WW_METHOD_MAX], target[WW_TARGET_MAX];

	/* the answer */
	uint8_t line_len, ending_len;
	char line[LINE];
	uint8_t ending[ENDING]; /* the last bytes of the call */
};

static uint16_t be16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* The draft of a request; -1: there is none. */
static long draft_of(struct ww_dialogue *dialogue, uint16_t id)
{
	for (size_t i = ww_dialogue__drafts(dialogue); i-- > 0;) {
		if (ww_dialogue__draft(dialogue, i)->count == id)
			return (long)i;
	}
	return -1;
}

static struct ww_draft *draft_at(struct ww_dialogue *dialogue, long index)
{
	return index < 0 ? NULL : ww_dialogue__draft(dialogue, (size_t)index);
}

/* ---- what is sent */

/* "GET /users/{id}" */
static void name_draft(const struct client *client, struct ww_draft *draft)
{
	char raw[WW_METHOD_MAX] = "", method[WW_METHOD_SIZE], path[WW_PATH_SIZE], text[WW_SUMMARY_SIZE];
	size_t len;

	memcpy(raw, client->method, client->method_len);
	if (!ww_http1__method(raw, method))
		return;
	len = (size_t)snprintf(text, sizeof(text), "%s ", method);
	if (ww_http1__path(client->target, client->target_len, client->target_cut, false, path))
		ww_route__template(NULL, 0, path, text + len, sizeof(text) - len);
	else
		text[len - 1] = '\0';
	ww_draft__set_summary(draft, text);
	draft->flags &= (uint16_t) ~(WW_OPERATION_READ | WW_OPERATION_WRITE);
	draft->flags |= !strcmp(method, "GET") || !strcmp(method, "HEAD") || !strcmp(method, "OPTIONS")
				? WW_OPERATION_READ
				: WW_OPERATION_WRITE;
}

static void begin_param(struct client *client)
{
	client->part = NAME_LENGTH;
	client->length_len = 0;
	client->at = 0;
}

static void request_begins(struct client *client, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft;
	long old = draft_of(dialogue, client->out.id);

	/* The last one of that number is over, whether its end was seen or not. */
	if (old >= 0 && ww_dialogue__draft(dialogue, (size_t)old)->answered_ns)
		ww_dialogue__finish(dialogue, (size_t)old);
	else if (old >= 0)
		ww_dialogue__unsure(dialogue);
	draft = ww_dialogue__open(dialogue);
	if (draft)
		draft->count = client->out.id;
	if (ww_dialogue__drafts(dialogue) <= 1)
		client->in = (struct records){0};
	begin_param(client);
	client->value_of = NOTHING;
	client->method_len = client->target_len = 0;
	client->target_cut = false;
	client->captured = true;
	client->hash = WW_HASH_BEGIN;
}

/* A byte of a length: one, or four of which the first says so. False: it goes on. */
static bool take_length(struct client *client, uint8_t byte, uint32_t *length)
{
	if (!client->length_len)
		client->length = byte & 0x7f;
	else
		client->length = client->length << 8 | byte;
	client->length_len++;
	if (client->length_len == 1 && byte & 0x80)
		client->length_len = 4; /* three more */
	else if (client->length_len == 1 || client->length_len == 7) {
		*length = client->length;
		client->length_len = 0;
		return true;
	}
	return false;
}

static bool is_name(const struct client *client, const char *name)
{
	return client->name_len == strlen(name) && !memcmp(client->name, name, client->name_len);
}

static void name_over(struct client *client)
{
	client->value_of = NOTHING;
	if (client->name_len > NAME)
		return;
	if (is_name(client, "REQUEST_METHOD")) {
		client->value_of = METHOD;
		client->method_len = 0;
	} else if (is_name(client, "REQUEST_URI")) {
		client->value_of = URI;
		client->target_len = 0;
		client->target_cut = false;
	} else if (is_name(client, "SCRIPT_NAME") && !client->target_len) {
		client->value_of = URI;
	}
}

static void take_value(struct client *client, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; client->value_of == METHOD && i < len; i++) {
		if (client->method_len < sizeof(client->method) - 1)
			client->method[client->method_len++] = (char)bytes[i];
	}
	if (client->value_of == NOTHING || client->value_of == METHOD)
		return;
	client->hash = ww_hash__add(client->hash, bytes, len);
	for (uint32_t i = 0; i < len; i++) {
		if (client->target_len < sizeof(client->target))
			client->target[client->target_len++] = (char)bytes[i];
		else
			client->target_cut = true;
	}
}

static void value_over(struct client *client, struct ww_draft *draft)
{
	if (client->value_of != NOTHING && client->method_len && client->target_len)
		name_draft(client, draft);
	begin_param(client);
}

/* Takes bytes of parameters. */
static void take_params(struct client *client, struct ww_draft *draft, const uint8_t *bytes, uint32_t len)
{
	while (len && client->part != GIVEN_UP) {
		uint32_t taken = 1, *length = client->part == NAME_LENGTH ? &client->name_len : &client->value_len;

		switch ((enum part)client->part) {
		case NAME_LENGTH:
		case VALUE_LENGTH:
			if (take_length(client, *bytes, length))
				client->part++;
			client->at = 0;
			break;
		case IN_NAME:
			if (client->at < NAME)
				client->name[client->at] = (char)*bytes;
			client->at++;
			break;
		case IN_VALUE:
			taken = client->value_len - client->at;
			if (taken > len)
				taken = len;
			take_value(client, bytes, taken);
			client->at += taken;
			break;
		case GIVEN_UP:
			break;
		}
		if (client->part == IN_NAME && client->at == client->name_len) {
			name_over(client);
			client->part = IN_VALUE;
			client->at = 0;
		}
		if (client->part == IN_VALUE && client->at == client->value_len)
			value_over(client, draft);
		bytes += taken;
		len -= taken;
	}
}

static void take_sent(struct client *client, struct ww_dialogue *dialogue, const uint8_t *bytes, uint32_t len)
{
	long index = draft_of(dialogue, client->out.id);
	struct ww_draft *draft = draft_at(dialogue, index);

	if (!draft)
		return;
	draft->bytes_out += len;
	if (client->out.type == PARAMS && (size_t)index + 1 == ww_dialogue__drafts(dialogue))
		take_params(client, draft, bytes, len);
	else if (client->out.type == STDIN)
		client->hash = ww_hash__add(client->hash, bytes, len);
}

/* A record begins that is sent. */
static void sent_header(struct client *client, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft;

	if (client->out.type == BEGIN_REQUEST)
		request_begins(client, dialogue);
	draft = draft_at(dialogue, draft_of(dialogue, client->out.id));
	if (!draft)
		return;
	draft->bytes_out += HEADER + client->out.padding;
	if (client->out.type == STDIN && !client->out.left && client->captured)
		draft->arguments = client->hash;
}

/* ---- what is received */

/* "Status: 404 Not Found" */
static void line_over(struct client *client, struct ww_draft *draft)
{
	static const char status[] = "Status: ";
	const char *digits = client->line + sizeof(status) - 1;

	if (!client->line_len || (client->line_len == 1 && client->line[0] == '\r'))
		draft->phase = BODY;
	else if (client->line_len >= sizeof(status) + 2 && !memcmp(client->line, status, sizeof(status) - 1) &&
		 digits[0] >= '4' && digits[0] <= '9' && digits[1] >= '0' && digits[1] <= '9' && digits[2] >= '0' &&
		 digits[2] <= '9')
		ww_draft__set_error(draft, digits, 3);
	client->line_len = 0;
}

static void take_received(struct client *client, struct ww_dialogue *dialogue, const uint8_t *bytes, uint32_t len)
{
	long index = draft_of(dialogue, client->in.id);
	struct ww_draft *draft = draft_at(dialogue, index);

	if (!draft)
		return;
	draft->bytes_in += len;
	ww_dialogue__answered(dialogue, (size_t)index);
	for (uint32_t i = 0; client->in.type == STDOUT && draft->phase == HEAD && i < len; i++) {
		if (bytes[i] == '\n')
			line_over(client, draft);
		else if (client->line_len < LINE)
			client->line[client->line_len++] = (char)bytes[i];
	}
	/* Its last byte but three is the protocol's own status. */
	if (client->in.type == END_REQUEST && client->in.left > 3 && client->in.left - len <= 3 && len) {
		uint32_t at = client->in.left - 4;

		if (at < len && bytes[at])
			ww_draft__set_error(draft, "fastcgi", 7);
	}
}

static void answer_ends(struct ww_dialogue *dialogue, uint16_t id)
{
	long index = draft_of(dialogue, id);

	if (index >= 0)
		ww_dialogue__close(dialogue, (size_t)index);
}

static void received_header(struct client *client, struct ww_dialogue *dialogue)
{
	long index = draft_of(dialogue, client->in.id);
	struct ww_draft *draft = draft_at(dialogue, index);

	if (!draft)
		return;
	if (!draft->answered_ns)
		client->line_len = 0;
	draft->bytes_in += HEADER + client->in.padding;
	ww_dialogue__answered(dialogue, (size_t)index);
}

/* ---- records */

/* The record is over. */
static void content_over(struct ww_dialogue *dialogue, struct records *records, enum ww_direction direction)
{
	records->at = AT_HEADER;
	records->header_len = 0;
	if (direction == WW_RECEIVED && records->type == END_REQUEST)
		answer_ends(dialogue, records->id);
}

/* A whole header; false when it is none. */
static bool header_over(struct client *client, struct ww_dialogue *dialogue, struct records *records,
			enum ww_direction direction)
{
	const uint8_t *header = records->header;
	uint8_t type = header[1];
	bool sent = direction == WW_SENT;

	if (header[0] != 1 ||
	    (sent ? type < BEGIN_REQUEST || type > 11 || type == STDOUT : type < END_REQUEST || type > 11))
		return false;
	records->type = type;
	records->id = be16(header + 2);
	records->left = be16(header + 4);
	records->padding = header[6];
	if (sent)
		sent_header(client, dialogue);
	else
		received_header(client, dialogue);
	/* From here on padding is as content that does not matter. */
	records->at = AT_CONTENT;
	if (!records->left && !records->padding)
		content_over(dialogue, records, direction);
	return true;
}

/* Goes over `len` bytes of the record, at hand unless `bytes` is NULL; returns how many are its own. */
static uint64_t take_content(struct client *client, struct ww_dialogue *dialogue, struct records *records,
			     enum ww_direction direction, const uint8_t *bytes, uint64_t len)
{
	uint32_t content = len < records->left ? (uint32_t)len : records->left;
	uint32_t padding = len - content < records->padding ? (uint32_t)(len - content) : records->padding;

	if (bytes && content) {
		if (direction == WW_SENT)
			take_sent(client, dialogue, bytes, content);
		else
			take_received(client, dialogue, bytes, content);
	} else if (content) {
		struct ww_draft *draft = draft_at(dialogue, draft_of(dialogue, records->id));

		if (direction == WW_SENT) {
			client->captured = false;
			client->part = records->type == PARAMS ? GIVEN_UP : client->part;
		} else {
			client->line_len = LINE;
		}
		if (draft && direction == WW_SENT)
			draft->bytes_out += content;
		else if (draft)
			draft->bytes_in += content;
	}
	records->left -= content;
	if (!records->left)
		records->padding = (uint8_t)(records->padding - padding);
	if (!records->left && !records->padding)
		content_over(dialogue, records, direction);
	return content + padding;
}

static bool begins_request(const uint8_t *bytes, size_t len)
{
	return len >= HEADER && bytes[0] == 1 && bytes[1] == BEGIN_REQUEST && !bytes[4] && bytes[5] == 8 && !bytes[7];
}

static void moved(struct client *client, struct ww_dialogue *dialogue, enum ww_direction direction,
		  const uint8_t *bytes, uint64_t len)
{
	struct records *records = direction == WW_SENT ? &client->out : &client->in;

	if (!client->in_call && bytes && direction == WW_SENT && records->at != AT_CONTENT &&
	    begins_request(bytes, len)) {
		records->at = AT_HEADER;
		records->header_len = 0;
	}
	client->in_call = true;
	while (len && records->at != NOWHERE) {
		uint64_t taken = 1;

		if (records->at == AT_CONTENT) {
			taken = take_content(client, dialogue, records, direction, bytes, len);
		} else if (!bytes) {
			records->at = NOWHERE;
		} else {
			records->header[records->header_len++] = *bytes;
			if (records->header_len == HEADER && !header_over(client, dialogue, records, direction))
				records->at = NOWHERE;
		}
		bytes = bytes ? bytes + taken : NULL;
		len -= taken;
	}
}

/* The last bytes that were received. */
static void keep_ending(struct client *client, const uint8_t *bytes, size_t len)
{
	size_t more = len < ENDING ? len : ENDING, stays = ENDING - more;

	if (stays > client->ending_len)
		stays = client->ending_len;
	memmove(client->ending, client->ending + client->ending_len - stays, stays);
	memcpy(client->ending + stays, bytes + len - more, more);
	client->ending_len = (uint8_t)(stays + more);
}

static void bytes(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, const uint8_t *bytes,
		  size_t len)
{
	struct client *client = state;

	if (direction == WW_RECEIVED)
		keep_ending(client, bytes, len);
	moved(client, dialogue, direction, bytes, len);
}

static void skip(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, uint64_t len)
{
	struct client *client = state;

	client->ending_len = 0;
	moved(client, dialogue, direction, NULL, len);
}

static void turn(void *state, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	struct client *client = state;
	const uint8_t *ending = client->ending;

	client->in_call = false;
	if (direction != WW_RECEIVED || client->in.at != NOWHERE || !ww_dialogue__drafts(dialogue))
		return;
	/* Part of an answer, whichever it is where there is one only; or its end. */
	if (ww_dialogue__drafts(dialogue) == 1)
		ww_dialogue__answered(dialogue, 0);
	if (client->ending_len == ENDING && ending[0] == 1 && ending[1] == END_REQUEST && !be16(ending + 6) &&
	    be16(ending + 4) == ENDING - HEADER) {
		answer_ends(dialogue, be16(ending + 2));
		client->in.at = AT_HEADER;
		client->in.header_len = 0;
	}
}

static void lost(void *state, struct ww_dialogue *dialogue)
{
	struct client *client = state;

	(void)dialogue;
	client->out.at = client->in.at = NOWHERE;
	client->in_call = false;
	client->ending_len = 0;
}

const struct ww_protocol ww_protocol_fastcgi = {
	.name = "fastcgi",
	.size = sizeof(struct client),
	.bytes = bytes,
	.skip = skip,
	.lost = lost,
	.turn = turn,
};

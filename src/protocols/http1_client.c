/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls to HTTP/1 servers. Bodies are stepped over by their lengths. An answer whose head is longer than what is
 * captured of it ends as ordered.h says: with the last bytes before the next call, or before the connection's end.
 *
 * A status from 400 on is an error, as OpenTelemetry has it for clients: the caller did not get what it asked for.
 */
#include <string.h>

#include "protocols/http1.h"
#include "protocols/http1_message.h"
#include "protocols/ordered.h"
#include "protocols/route.h"

#define HOST_SIZE 64 /* bytes of a host with its NUL; longer ones are left out */

enum phase { OTHER, HEAD, CONNECT }; /* of a draft: what has no body, or something else behind it */

enum part { METHOD, TARGET, VERSION };

struct client {
	struct ww_ordered ordered;
	struct ww_http1_message request, response;
	bool finished; /* nothing of HTTP/1 comes any more */

	/* what is sent */
	uint8_t part;	 /* enum part */
	bool captured;	 /* all of the target and of the body, so far */
	bool drafted;	 /* the newest draft is of the request at hand */
	bool target_cut; /* it is longer than what is kept */
	uint8_t method_len, target_len, version_len;
	uint64_t start_ns, hash;
	uint64_t unsent; /* bytes that are not credited yet */
	char method[WW_METHOD_MAX];
	char target[WW_TARGET_MAX];
	char version[sizeof("HTTP/1.1")];
	char host[HOST_SIZE];

	/* what is received */
	uint16_t status; /* 0: not known yet */
	uint64_t bytes;	 /* that are not credited yet */
};

static void give_up(struct client *client, struct ww_dialogue *dialogue)
{
	ww_ordered__give_up(&client->ordered, dialogue);
	client->request.at = client->response.at = WW_HTTP1_NOWHERE;
}

/* What follows is another protocol. */
static void hand_on(struct client *client, struct ww_dialogue *dialogue)
{
	client->finished = true;
	ww_dialogue__encrypted(dialogue);
}

/* ---- requests */

static void request_begins(struct client *client, const struct ww_call *call)
{
	ww_http1_message__begin(&client->request);
	client->part = METHOD;
	client->captured = true;
	client->drafted = client->target_cut = false;
	client->method_len = client->target_len = client->version_len = 0;
	client->start_ns = call->began_ns;
	client->hash = WW_HASH_BEGIN;
	client->unsent = 0;
	client->host[0] = '\0';
	memset(client->method, 0, sizeof(client->method));
}

/* Takes a byte of the request line, which is no line end; false when it can't be of one. */
static bool take_request_line(struct client *client, char c)
{
	switch ((enum part)client->part) {
	case METHOD:
		if (c == ' ' && client->method_len) {
			client->part = TARGET;
			return true;
		}
		if (!((c >= 'A' && c <= 'Z') || c == '-') || client->method_len >= sizeof(client->method) - 1)
			return false;
		client->method[client->method_len++] = c;
		return true;
	case TARGET:
		if (c == ' ') {
			client->part = VERSION;
			return client->target_len > 0;
		}
		client->hash = ww_hash__add(client->hash, &c, 1);
		if (client->target_len < sizeof(client->target))
			client->target[client->target_len++] = c;
		else
			client->target_cut = true;
		return (unsigned char)c > ' ';
	case VERSION:
		if (c == '\r')
			return client->version_len == sizeof("HTTP/1.1") - 1;
		if (client->version_len >= sizeof(client->version) - 1)
			return false;
		client->version[client->version_len++] = c;
		return true;
	}
	return false;
}

/* The name of a host, and its port. */
static void take_host(struct client *client)
{
	static const char rest[] = ".-_:[]";
	size_t len;
	const char *value = ww_http1_message__value(&client->request, "host", &len);

	if (!value || !len || len >= sizeof(client->host))
		return;
	for (size_t i = 0; i < len; i++) {
		char c = value[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !memchr(rest, c, sizeof(rest) - 1))
			return;
		client->host[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	client->host[len] = '\0';
}

static bool is_method(const struct client *client, const char *method)
{
	return !strncmp(client->method, method, sizeof(client->method));
}

/* "GET api:8080 /users/{id}" */
static void set_summary(const struct client *client, struct ww_draft *draft)
{
	char path[WW_PATH_SIZE], text[WW_SUMMARY_SIZE];
	size_t len = client->method_len;

	memcpy(text, client->method, len);
	text[len] = '\0';
	if (client->host[0] && !is_method(client, "CONNECT")) {
		text[len++] = ' ';
		len += (size_t)(stpcpy(text + len, client->host) - (text + len));
	}
	if (client->part == VERSION &&
	    ww_http1__path(client->target, client->target_len, client->target_cut, is_method(client, "CONNECT"),
			   path) &&
	    len + 2 < sizeof(text)) {
		text[len++] = ' ';
		ww_route__template(NULL, 0, path, text + len, sizeof(text) - len);
	}
	ww_draft__set_summary(draft, text);
}

static void fill_in(struct client *client, struct ww_draft *draft)
{
	draft->start_ns = client->start_ns;
	set_summary(client, draft);
	if (is_method(client, "GET") || is_method(client, "OPTIONS")) {
		draft->flags |= WW_OPERATION_READ;
	} else if (is_method(client, "HEAD")) {
		draft->flags |= WW_OPERATION_READ;
		draft->phase = HEAD;
	} else if (is_method(client, "CONNECT")) {
		draft->flags |= WW_OPERATION_CONNECT;
		draft->phase = CONNECT;
	} else {
		draft->flags |= WW_OPERATION_WRITE;
	}
}

static struct ww_draft *newest(struct ww_dialogue *dialogue)
{
	return ww_dialogue__draft(dialogue, ww_dialogue__drafts(dialogue) - 1);
}

static void credit_sent(struct client *client, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft = client->drafted ? newest(dialogue) : NULL;

	if (!draft)
		return; /* its head is not over, or its answer has come already */
	draft->bytes_out += client->unsent;
	client->unsent = 0;
}

static void request_ends(struct client *client, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft = client->drafted ? newest(dialogue) : NULL;

	credit_sent(client, dialogue);
	if (draft && client->captured)
		draft->arguments = client->hash ?: 1;
	client->drafted = false;
	client->request.at = WW_HTTP1_START;
	ww_http1_message__begin(&client->request);
}

static void head_ends(struct client *client, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft = ww_ordered__open(dialogue);

	client->drafted = draft != NULL;
	if (draft)
		fill_in(client, draft);
	if (!ww_http1_message__begin_body(&client->request))
		request_ends(client, dialogue);
}

/* A line of a request. */
static enum ww_http1_verdict request_line(struct client *client, struct ww_dialogue *dialogue)
{
	struct ww_http1_message *request = &client->request;
	enum ww_http1_verdict verdict = WW_HTTP1_GOES_ON;

	switch ((enum ww_http1_at)request->at) {
	case WW_HTTP1_START:
		if (!request->kept)
			break; /* an empty line in front of a request */
		if (client->version_len != sizeof(client->version) - 1 || memcmp(client->version, "HTTP/1.", 7) != 0)
			return WW_HTTP1_WRONG;
		request->at = WW_HTTP1_HEADERS;
		break;
	case WW_HTTP1_HEADERS:
		if (!request->kept) {
			head_ends(client, dialogue);
			return WW_HTTP1_GOES_ON;
		}
		take_host(client);
		if (!ww_http1_message__take_framing(request))
			return WW_HTTP1_WRONG;
		break;
	case WW_HTTP1_CHUNK_SIZE:
	case WW_HTTP1_TRAILERS:
		verdict = ww_http1_message__take_body_line(request);
		if (verdict == WW_HTTP1_MESSAGE_OVER)
			request_ends(client, dialogue);
		return verdict;
	case WW_HTTP1_BODY:
	case WW_HTTP1_CHUNK:
	case WW_HTTP1_NOWHERE:
		break;
	}
	ww_http1_message__begin_line(request);
	return verdict;
}

/* Takes bytes of a line; returns how many. */
static size_t take_sent(struct client *client, struct ww_dialogue *dialogue, const uint8_t *bytes, size_t len,
			enum ww_http1_verdict *verdict)
{
	struct ww_http1_message *request = &client->request;
	size_t taken;

	*verdict = WW_HTTP1_GOES_ON;
	if (request->at == WW_HTTP1_START) {
		if (!request->line_len && (*bytes == '\r' || *bytes == '\n'))
			return 1;
		if (!request->line_len)
			request_begins(client, ww_dialogue__call(dialogue));
		for (taken = 0; taken < len && bytes[taken] != '\n'; taken++) {
			if (take_request_line(client, (char)bytes[taken]))
				continue;
			*verdict = WW_HTTP1_WRONG;
			return len;
		}
	}
	taken = ww_http1_message__take_text(request, bytes, len, verdict);
	client->unsent += taken;
	if (*verdict == WW_HTTP1_LINE_OVER)
		*verdict = request_line(client, dialogue);
	return taken;
}

static bool is_counted(const struct ww_http1_message *message)
{
	return message->at == WW_HTTP1_BODY || message->at == WW_HTTP1_CHUNK;
}

static void sent(struct client *client, struct ww_dialogue *dialogue, const uint8_t *bytes, size_t len)
{
	while (len && client->request.at != WW_HTTP1_NOWHERE) {
		enum ww_http1_verdict verdict;
		size_t taken = 1;

		if (is_counted(&client->request)) {
			taken = (size_t)ww_http1_message__take_counted(&client->request, len, &verdict);
			client->hash = ww_hash__add(client->hash, bytes, taken);
			client->unsent += taken;
			if (verdict == WW_HTTP1_MESSAGE_OVER)
				request_ends(client, dialogue);
		} else {
			taken = take_sent(client, dialogue, bytes, len, &verdict);
		}
		if (verdict == WW_HTTP1_WRONG) {
			give_up(client, dialogue);
			return;
		}
		bytes += taken;
		len -= taken;
	}
	client->unsent += len;
}

static void sent_skip(struct client *client, struct ww_dialogue *dialogue, uint64_t len)
{
	struct ww_http1_message *request = &client->request;
	struct ww_draft *draft;

	client->captured = false;
	while (len && is_counted(request)) {
		enum ww_http1_verdict verdict;
		uint64_t taken = ww_http1_message__take_counted(request, len, &verdict);

		client->unsent += taken;
		len -= taken;
		if (verdict == WW_HTTP1_MESSAGE_OVER)
			request_ends(client, dialogue);
	}
	client->unsent += len;
	if (!len || request->at == WW_HTTP1_NOWHERE)
		return;
	if (request->at == WW_HTTP1_CHUNK_SIZE || request->at == WW_HTTP1_TRAILERS) {
		ww_ordered__cut_short(&client->ordered, dialogue);
	} else {
		if (request->at == WW_HTTP1_START && !request->line_len) {
			request_begins(client, ww_dialogue__call(dialogue));
			client->unsent = len;
		}
		draft = ww_ordered__cut(&client->ordered, dialogue);
		client->drafted = draft != NULL;
		if (draft) {
			/* Hardly anyone sends a second request behind a head as long as this. */
			draft->count = 1;
			fill_in(client, draft);
		}
	}
	request->at = WW_HTTP1_NOWHERE;
}

/* ---- answers */

static void credit_received(struct client *client, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);

	if (draft)
		draft->bytes_in += client->bytes;
	client->bytes = 0;
}

static void answer_ends(struct client *client, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);
	bool interim = client->status < 200 && client->status != 101;
	bool tunnel = client->status == 101 || (draft && draft->phase == CONNECT && client->status < 300);

	ww_http1_message__begin(&client->response);
	client->status = 0;
	credit_received(client, dialogue);
	if (interim)
		return;
	if (!ww_ordered__answered(&client->ordered, dialogue))
		give_up(client, dialogue);
	else if (tunnel)
		hand_on(client, dialogue);
}

/* "HTTP/1.1 200 OK" */
static bool take_status(struct client *client, struct ww_dialogue *dialogue)
{
	const char *line = client->response.line;
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);

	if (client->response.kept < 12 || memcmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ')
		return false;
	client->status = 0;
	for (int i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return false;
		client->status = (uint16_t)(client->status * 10 + (line[i] - '0'));
	}
	if (draft && client->status >= 400)
		ww_draft__set_error(draft, line + 9, 3);
	return client->status >= 100;
}

static void answer_head_ends(struct client *client, struct ww_dialogue *dialogue)
{
	struct ww_http1_message *response = &client->response;
	const struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);
	bool bodyless = client->status < 200 || client->status == 204 || client->status == 304 ||
			(draft && (draft->phase == HEAD || (draft->phase == CONNECT && client->status < 300)));

	ww_http1_message__begin_line(response);
	if (bodyless || (response->has_length && !response->left && !response->chunked)) {
		answer_ends(client, dialogue);
	} else if (!ww_http1_message__begin_body(response)) {
		/* It is as long as the connection. */
		response->at = WW_HTTP1_NOWHERE;
		ww_ordered__blur(&client->ordered, dialogue);
	}
}

static enum ww_http1_verdict answer_line(struct client *client, struct ww_dialogue *dialogue)
{
	struct ww_http1_message *response = &client->response;
	enum ww_http1_verdict verdict = WW_HTTP1_GOES_ON;

	switch ((enum ww_http1_at)response->at) {
	case WW_HTTP1_START:
		if (!response->kept)
			break;
		if (!take_status(client, dialogue))
			return WW_HTTP1_WRONG;
		response->at = WW_HTTP1_HEADERS;
		break;
	case WW_HTTP1_HEADERS:
		if (!response->kept) {
			answer_head_ends(client, dialogue);
			return WW_HTTP1_GOES_ON;
		}
		if (!ww_http1_message__take_framing(response))
			return WW_HTTP1_WRONG;
		break;
	case WW_HTTP1_CHUNK_SIZE:
	case WW_HTTP1_TRAILERS:
		verdict = ww_http1_message__take_body_line(response);
		if (verdict == WW_HTTP1_MESSAGE_OVER)
			answer_ends(client, dialogue);
		return verdict;
	case WW_HTTP1_BODY:
	case WW_HTTP1_CHUNK:
	case WW_HTTP1_NOWHERE:
		break;
	}
	ww_http1_message__begin_line(response);
	return verdict;
}

static void received(struct client *client, struct ww_dialogue *dialogue, const uint8_t *bytes, size_t len)
{
	struct ww_http1_message *response = &client->response;

	while (len && response->at != WW_HTTP1_NOWHERE && !client->finished) {
		enum ww_http1_verdict verdict = WW_HTTP1_GOES_ON;
		size_t taken = 1;

		if (is_counted(response)) {
			taken = (size_t)ww_http1_message__take_counted(response, len, &verdict);
			client->bytes += taken;
			if (verdict == WW_HTTP1_MESSAGE_OVER)
				answer_ends(client, dialogue);
		} else {
			taken = ww_http1_message__take_text(response, bytes, len, &verdict);
			client->bytes += taken;
			if (verdict == WW_HTTP1_LINE_OVER)
				verdict = answer_line(client, dialogue);
		}
		if (verdict == WW_HTTP1_WRONG) {
			give_up(client, dialogue);
			return;
		}
		bytes += taken;
		len -= taken;
	}
	client->bytes += len;
}

static void received_skip(struct client *client, struct ww_dialogue *dialogue, uint64_t len)
{
	struct ww_http1_message *response = &client->response;

	while (len && is_counted(response)) {
		enum ww_http1_verdict verdict;
		uint64_t taken = ww_http1_message__take_counted(response, len, &verdict);

		client->bytes += taken;
		len -= taken;
		if (verdict == WW_HTTP1_MESSAGE_OVER)
			answer_ends(client, dialogue);
	}
	client->bytes += len;
	if (!len || response->at == WW_HTTP1_NOWHERE)
		return;
	response->at = WW_HTTP1_NOWHERE;
	ww_ordered__blur(&client->ordered, dialogue);
}

/* Both directions begin where a message does; false when nothing is to be looked at. */
static bool moved(struct client *client, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	if (ww_ordered__moved(&client->ordered, dialogue, direction)) {
		ww_http1_message__begin(&client->request);
		ww_http1_message__begin(&client->response);
		client->drafted = false;
		client->status = 0;
		client->bytes = 0;
	}
	return client->ordered.sure && !client->finished;
}

static void begin(void *state, struct ww_dialogue *dialogue, bool whole)
{
	struct client *client = state;

	(void)dialogue;
	ww_ordered__begin(&client->ordered, whole);
}

/* HTTP/2's first bytes, which look like HTTP/1's. */
static bool is_http2(const uint8_t *bytes, size_t len)
{
	static const char preface[] = "PRI * HTTP/2";

	return len >= sizeof(preface) - 1 && !memcmp(bytes, preface, sizeof(preface) - 1);
}

static void bytes(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, const uint8_t *bytes,
		  size_t len)
{
	struct client *client = state;
	bool first = !client->ordered.in_call;

	if (!moved(client, dialogue, direction))
		return;
	if (direction == WW_RECEIVED) {
		received(client, dialogue, bytes, len);
		return;
	}
	if (first && client->request.at == WW_HTTP1_START && !client->request.line_len &&
	    (ww_ordered__is_tls(bytes, len) || is_http2(bytes, len))) {
		ww_ordered__round_trip(dialogue);
		hand_on(client, dialogue);
		return;
	}
	sent(client, dialogue, bytes, len);
}

static void skip(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, uint64_t len)
{
	struct client *client = state;

	if (!moved(client, dialogue, direction))
		return;
	if (direction == WW_RECEIVED)
		received_skip(client, dialogue, len);
	else
		sent_skip(client, dialogue, len);
}

static void turn(void *state, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	struct client *client = state;
	const struct ww_http1_message *request = &client->request;

	if (direction == WW_SENT) {
		credit_sent(client, dialogue);
	} else if (client->bytes) {
		/* A part of an answer has come. */
		if (client->status >= 200)
			ww_dialogue__answered(dialogue, 0);
		credit_received(client, dialogue);
	}
	client->ordered.midway =
		request->at != WW_HTTP1_NOWHERE && (request->at != WW_HTTP1_START || request->line_len);
	ww_ordered__turn(&client->ordered);
}

static void lost(void *state, struct ww_dialogue *dialogue)
{
	struct client *client = state;

	(void)dialogue;
	ww_ordered__lost(&client->ordered);
	client->request.at = client->response.at = WW_HTTP1_NOWHERE;
}

const struct ww_protocol ww_protocol_http1_client = {
	.name = "http/1",
	.size = sizeof(struct client),
	.begin = begin,
	.bytes = bytes,
	.skip = skip,
	.lost = lost,
	.turn = turn,
};

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS (RFC 1035): a question a datagram, whose answer has its id and may come in any order. Over TCP each message has
 * its length in front, which some clients read by a call of its own; what of an answer comes by a later call than its
 * head is left out.
 */
#include <string.h>

#include "protocols/dialogue.h"
#include "protocols/ordered.h"

#define KEPT	    512 /* bytes of a message: a question is among the first ones */
#define HEADER	    12
#define NAME_SIZE   256 /* bytes of a name with its NUL */
#define LONGEST_TCP 4	/* messages in one call */

struct dns {
	bool finished; /* another protocol */
	uint16_t kept;
	uint32_t len; /* of what the call at hand moved, so far */
	uint8_t message[KEPT];
};

struct question {
	uint16_t id, flags, type;
	size_t end; /* in the message */
	char name[NAME_SIZE];
};

static uint16_t be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Reads a name without compression, as questions have them; returns where it ends, 0 when it is none. */
static size_t read_name(const uint8_t *message, size_t len, size_t at, char name[NAME_SIZE])
{
	size_t out = 0;

	while (at < len && message[at]) {
		size_t label = message[at++];

		if (label > 63 || at + label >= len || out + label + 2 > NAME_SIZE)
			return 0;
		if (out)
			name[out++] = '.';
		for (size_t i = 0; i < label; i++) {
			char c = (char)message[at + i];

			if (c >= 'A' && c <= 'Z')
				c = (char)(c - 'A' + 'a');
			name[out++] = (char)(c > ' ' && c < 0x7f ? c : '?');
		}
		at += label;
	}
	if (at >= len)
		return 0;
	if (!out)
		name[out++] = '.';
	name[out] = '\0';
	return at + 1;
}

/* False when the bytes are no message about one question. */
static bool read_question(const uint8_t *message, size_t len, struct question *question)
{
	if (len < HEADER)
		return false;
	question->id = be16(message);
	question->flags = be16(message + 2);
	/* A standard query, one question, and a bit that is always 0. */
	if (question->flags & 0x7840 || be16(message + 4) != 1)
		return false;
	question->end = read_name(message, len, HEADER, question->name);
	if (!question->end || question->end + 4 > len)
		return false;
	question->type = be16(message + question->end);
	question->end += 4;
	return true;
}

static const char *type_name(uint16_t type)
{
	switch (type) {
	case 1:
		return "A";
	case 2:
		return "NS";
	case 5:
		return "CNAME";
	case 6:
		return "SOA";
	case 12:
		return "PTR";
	case 15:
		return "MX";
	case 16:
		return "TXT";
	case 28:
		return "AAAA";
	case 33:
		return "SRV";
	case 64:
		return "SVCB";
	case 65:
		return "HTTPS";
	}
	return "?";
}

static const char *error_name(uint16_t flags)
{
	switch (flags & 15) {
	case 0:
		return "";
	case 1:
		return "FORMERR";
	case 2:
		return "SERVFAIL";
	case 3:
		return "NXDOMAIN";
	case 4:
		return "NOTIMP";
	case 5:
		return "REFUSED";
	}
	return "error";
}

/* Of the draft that waits for that answer; the number of drafts when none does. */
static size_t find(struct ww_dialogue *dialogue, const struct question *question, uint64_t hash)
{
	size_t index = 0;

	for (; index < ww_dialogue__drafts(dialogue); index++) {
		const struct ww_draft *draft = ww_dialogue__draft(dialogue, index);

		if (draft->count == question->id && draft->arguments == hash)
			break;
	}
	return index;
}

static uint64_t hash_of(const struct question *question)
{
	uint64_t hash = ww_hash__add(WW_HASH_BEGIN, &question->type, sizeof(question->type));

	return ww_hash__add(hash, question->name, strlen(question->name)) ?: 1;
}

static void asked(struct ww_dialogue *dialogue, const struct question *question, size_t len)
{
	uint64_t hash = hash_of(question);
	struct ww_draft *draft = ww_dialogue__draft(dialogue, find(dialogue, question, hash));
	char summary[NAME_SIZE + 8];
	char *at;

	if (draft) {
		/* It is asked again, as no answer has come. */
		draft->bytes_out += len;
		return;
	}
	draft = ww_dialogue__open(dialogue);
	if (!draft)
		return;
	at = stpcpy(summary, type_name(question->type));
	*at++ = ' ';
	strcpy(at, question->name);
	ww_draft__set_summary(draft, summary);
	draft->flags |= WW_OPERATION_READ;
	draft->count = question->id;
	draft->arguments = hash;
	draft->bytes_out = len;
}

static void answered(struct ww_dialogue *dialogue, const struct question *question, size_t len)
{
	size_t index = find(dialogue, question, hash_of(question));
	struct ww_draft *draft = ww_dialogue__draft(dialogue, index);
	const char *error = error_name(question->flags);

	if (!draft)
		return; /* the answer to what was asked twice, or before we came */
	draft->bytes_in += len;
	ww_draft__set_error(draft, error, strlen(error));
	ww_dialogue__close(dialogue, index);
}

static void take(struct dns *dns, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	const uint8_t *message = dns->message;
	size_t kept = dns->kept, len = dns->len;
	struct question question;
	bool tcp;

	tcp = !read_question(message, kept, &question);
	for (int i = 0; i < LONGEST_TCP && kept; i++) {
		size_t size = len;

		if (tcp) {
			if (kept < 2)
				return;
			size = be16(message);
			message += 2;
			kept -= 2;
			len -= 2;
		}
		if (!read_question(message, kept < size ? kept : size, &question)) {
			/* Something else that is sent to this port. */
			if (!i && direction == WW_SENT && !ww_dialogue__drafts(dialogue)) {
				dns->finished = true;
				ww_ordered__round_trip(dialogue);
			}
			return;
		}
		if (size > len)
			size = len;
		/* The highest bit says that it is an answer. */
		if (direction == WW_SENT && !(question.flags & 0x8000))
			asked(dialogue, &question, size + (tcp ? 2 : 0));
		else if (direction == WW_RECEIVED && question.flags & 0x8000)
			answered(dialogue, &question, size + (tcp ? 2 : 0));
		if (size >= kept)
			return;
		message += size;
		kept -= size;
		len -= size;
	}
}

static void bytes(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, const uint8_t *bytes,
		  size_t len)
{
	struct dns *dns = state;
	size_t room = sizeof(dns->message) - dns->kept;

	(void)dialogue;
	(void)direction;
	if (room > len)
		room = len;
	/* Behind a gap there is nothing to be read. */
	if (dns->len == dns->kept) {
		memcpy(dns->message + dns->kept, bytes, room);
		dns->kept += (uint16_t)room;
	}
	dns->len += (uint32_t)len;
}

static void skip(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, uint64_t len)
{
	struct dns *dns = state;

	(void)dialogue;
	(void)direction;
	dns->len += (uint32_t)len;
}

static void turn(void *state, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	struct dns *dns = state;

	if (!dns->finished && dns->len)
		take(dns, dialogue, direction);
	dns->kept = 0;
	dns->len = 0;
}

static void lost(void *state, struct ww_dialogue *dialogue)
{
	struct dns *dns = state;

	(void)dialogue;
	dns->kept = 0;
	dns->len = 0;
}

const struct ww_protocol ww_protocol_dns = {
	.name = "dns",
	.size = sizeof(struct dns),
	.bytes = bytes,
	.skip = skip,
	.lost = lost,
	.turn = turn,
};

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * MongoDB's wire protocol. Messages carry their length and an id, answers the id of what they answer, so whatever is
 * not at hand is stepped over, and answers may come in any order. Compressed messages are paired, not read.
 */
#include <stdio.h>
#include <string.h>

#include "protocols/bson.h"
#include "protocols/dialogue.h"
#include "protocols/key_pattern.h"
#include "protocols/ordered.h"
#include "util/ascii.h"

#define HEADER	     16
#define KEPT	     2048 /* bytes of a message, its header included */
#define LONGEST	     (64u << 20)
#define COMMAND_SIZE 32 /* bytes of a command's name with its NUL; what is longer is none */

enum opcode {
	REPLY = 1,
	UPDATE = 2001,
	INSERT = 2002,
	QUERY = 2004,
	GET_MORE = 2005,
	DELETE = 2006,
	KILL_CURSORS = 2007,
	COMPRESSED = 2012,
	MESSAGE = 2013,
};

#define MORE_TO_COME 2 /* of a message's flags: it has no answer */

/* One direction. */
struct stream {
	bool nowhere; /* up to the call's end: the next one is likely to begin with a message */
	bool in_call;
	uint16_t kept;
	bool gap;	/* not all of the message was at hand */
	uint32_t taken; /* bytes of the message so far */
	uint32_t len;	/* of the message; 0 before its header is whole */
	uint64_t start_ns;
	uint8_t message[KEPT];
};

struct mongodb {
	struct stream streams[2];
	bool whole;    /* its beginning was seen, and nothing was asked yet */
	bool finished; /* another protocol */
};

/* What a command is, by its name. */
static const struct {
	char name[20];
	uint16_t flags;
} commands[] = {
	{"find", WW_OPERATION_READ},
	{"aggregate", WW_OPERATION_READ},
	{"count", WW_OPERATION_READ},
	{"distinct", WW_OPERATION_READ},
	{"explain", WW_OPERATION_READ},
	{"listCollections", WW_OPERATION_READ},
	{"listIndexes", WW_OPERATION_READ},
	{"listDatabases", WW_OPERATION_READ},
	{"collStats", WW_OPERATION_READ},
	{"dbStats", WW_OPERATION_READ},
	{"getMore", WW_OPERATION_READ | WW_OPERATION_FETCH},
	{"insert", WW_OPERATION_WRITE},
	{"update", WW_OPERATION_WRITE},
	{"delete", WW_OPERATION_WRITE},
	{"findAndModify", WW_OPERATION_WRITE},
	{"findandmodify", WW_OPERATION_WRITE},
	{"bulkWrite", WW_OPERATION_WRITE},
	{"mapReduce", WW_OPERATION_WRITE},
	{"create", WW_OPERATION_WRITE},
	{"createIndexes", WW_OPERATION_WRITE},
	{"drop", WW_OPERATION_WRITE},
	{"dropIndexes", WW_OPERATION_WRITE},
	{"dropDatabase", WW_OPERATION_WRITE},
	{"renameCollection", WW_OPERATION_WRITE},
	{"hello", WW_OPERATION_CONTROL},
	{"isMaster", WW_OPERATION_CONTROL},
	{"ismaster", WW_OPERATION_CONTROL},
	{"saslStart", WW_OPERATION_CONTROL},
	{"saslContinue", WW_OPERATION_CONTROL},
	{"authenticate", WW_OPERATION_CONTROL},
	{"logout", WW_OPERATION_CONTROL},
	{"ping", WW_OPERATION_CONTROL},
	{"buildInfo", WW_OPERATION_CONTROL},
	{"buildinfo", WW_OPERATION_CONTROL},
	{"getParameter", WW_OPERATION_CONTROL},
	{"serverStatus", WW_OPERATION_CONTROL},
	{"startSession", WW_OPERATION_CONTROL},
	{"refreshSessions", WW_OPERATION_CONTROL},
	{"endSessions", WW_OPERATION_CONTROL},
	{"killCursors", WW_OPERATION_CONTROL},
	{"commitTransaction", WW_OPERATION_CONTROL},
	{"abortTransaction", WW_OPERATION_CONTROL},
};

static uint16_t flags_of(const char *command)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (!strcmp(command, commands[i].name))
			return commands[i].flags;
	}
	return 0;
}

static bool is_opcode(uint32_t opcode)
{
	return opcode == REPLY || (opcode >= UPDATE && opcode <= KILL_CURSORS) ||
	       (opcode >= COMPRESSED && opcode <= MESSAGE);
}

/* ---- what is asked */

/* What a command says that is of interest, as far as it was at hand. */
struct command {
	char name[COMMAND_SIZE];
	char target[WW_SUMMARY_SIZE]; /* the collection, its values out */
	struct ww_bson_element what;  /* which documents; type 0: it does not say */
	uint64_t hash;
	bool whole;
};

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++) {
		if (!ww_is_letter(name[i]))
			return false;
	}
	return len && len < COMMAND_SIZE;
}

static void set_target(struct command *command, const struct ww_bson_element *element)
{
	size_t len;
	const char *text = ww_bson_element__string(element, &len);

	if (text)
		ww_key_pattern(text, len, false, command->target, sizeof(command->target));
}

/* What differs with each command, or says who asks and not what. */
static bool is_envelope(const char *name)
{
	return name[0] == '$' || !strcmp(name, "lsid") || !strcmp(name, "txnNumber");
}

static bool says_what(const char *name)
{
	return !strcmp(name, "filter") || !strcmp(name, "query") || !strcmp(name, "pipeline") || !strcmp(name, "q");
}

static void read_command(struct command *command, const uint8_t *bytes, size_t len)
{
	struct ww_bson_element element;
	struct ww_bson document;
	bool first = true;

	if (!ww_bson__begin(&document, bytes, len)) {
		command->whole = false;
		return;
	}
	for (; ww_bson__next(&document, &element); first = false) {
		if (first) {
			if (!is_name(element.name))
				return;
			strcpy(command->name, element.name);
			/* Of a command that is not known it may be anything. */
			if (flags_of(command->name))
				set_target(command, &element);
		} else if (!strcmp(element.name, "collection") && !command->target[0]) {
			set_target(command, &element);
		} else if (says_what(element.name) && !command->what.type) {
			command->what = element;
		}
		if (!is_envelope(element.name)) {
			command->hash = ww_hash__add(command->hash, element.name, strlen(element.name) + 1);
			command->hash = ww_hash__add(command->hash, element.value, element.len);
		}
	}
	command->whole &= !document.cut;
}

/* The documents that are sent along with a command, of which the first may say which ones it is about. */
static void read_documents(struct command *command, const uint8_t *bytes, size_t len)
{
	size_t name_len = strnlen((const char *)bytes, len) + 1;
	struct ww_bson_element element;
	struct ww_bson document;

	command->hash = ww_hash__add(command->hash, bytes, len);
	if (name_len >= len || !ww_bson__begin(&document, bytes + name_len, len - name_len))
		return;
	while (!command->what.type && ww_bson__next(&document, &element)) {
		if (!strcmp(element.name, "q"))
			command->what = element;
	}
}

/* The sections of an OP_MSG, behind its flags. */
static void read_sections(struct command *command, const uint8_t *at, const uint8_t *end)
{
	while (end - at > 5) {
		uint8_t kind = *at++;
		uint32_t len = ww_le32(at);
		size_t here = len < (size_t)(end - at) ? len : (size_t)(end - at);

		command->whole &= here == len;
		if (len < 5)
			return;
		if (kind == 0)
			read_command(command, at, here);
		else if (kind == 1)
			read_documents(command, at + 4, here - 4);
		else
			return;
		at += here;
	}
}

/* {"customer": ?}, behind the summary. */
static void set_statement(struct ww_draft *draft, const struct command *command)
{
	char text[sizeof(draft->summary) + 1024];
	int at = snprintf(text, sizeof(text), "%s ", draft->summary);
	bool whole;

	if (!command->what.type)
		return;
	whole = ww_bson_element__shape(&command->what, text + at, sizeof(text) - (size_t)at - 4);
	if (!whole)
		strcat(text, "\xe2\x80\xa6"); /* U+2026 */
	ww_draft__set_statement(draft, text, strlen(text));
	if (!whole)
		draft->flags |= WW_OPERATION_CUT;
}

static void fill_in(struct ww_draft *draft, const struct command *command)
{
	char summary[COMMAND_SIZE + WW_SUMMARY_SIZE + 1];

	snprintf(summary, sizeof(summary), "%s%s%s", command->name, command->target[0] ? " " : "", command->target);
	ww_draft__set_summary(draft, summary);
	draft->flags |= flags_of(command->name);
	set_statement(draft, command);
	if (command->whole && !(draft->flags & WW_OPERATION_CONTROL))
		draft->arguments = command->hash ?: 1;
}

static void asked(struct mongodb *mongodb, struct ww_dialogue *dialogue, const struct stream *stream)
{
	const uint8_t *message = stream->message, *end = message + stream->kept, *at = message + HEADER;
	uint32_t opcode = ww_le32(message + 12);
	struct command command = {.hash = WW_HASH_BEGIN, .whole = !stream->gap && stream->kept == stream->len};
	struct ww_draft *draft;
	bool first = mongodb->whole;

	mongodb->whole = false;
	if (opcode == MESSAGE && end - at >= 4) {
		if (ww_le32(at) & MORE_TO_COME)
			return;
		/* A checksum may be behind the last section. */
		if (ww_le32(at) & 1 && command.whole && end - at >= 8)
			end -= 4;
		read_sections(&command, at + 4, end);
	} else if (opcode == QUERY && end - at > 4) {
		size_t name = strnlen((const char *)at + 4, (size_t)(end - at) - 4) + 1;

		/* Commands are queries of a collection that is none; how many documents come before them. */
		if ((size_t)(end - at) > 4 + name + 8)
			read_command(&command, at + 4 + name + 8, (size_t)(end - at) - 4 - name - 8);
	} else if (opcode != GET_MORE && opcode != COMPRESSED && opcode != MESSAGE) {
		return; /* what has no answer */
	}
	draft = ww_dialogue__open(dialogue);
	if (!draft)
		return;
	draft->start_ns = stream->start_ns;
	draft->bytes_out = stream->len;
	draft->count = ww_le32(message + 4);
	fill_in(draft, &command);
	if (!command.name[0])
		draft->flags |= WW_OPERATION_UNCAPTURED;
	if (first && draft->flags & WW_OPERATION_CONTROL)
		draft->flags |= WW_OPERATION_CONNECT; /* its handshake */
}

/* ---- what is answered */

/* The code of the first error in a list of those that single documents met with. */
static void set_write_error(struct ww_draft *draft, const struct ww_bson_element *errors)
{
	struct ww_bson_element element, error;
	struct ww_bson list, document;
	int64_t code;
	char text[24];

	if (!ww_bson__begin(&list, errors->value, errors->len) || !ww_bson__next(&list, &error) ||
	    !ww_bson__begin(&document, error.value, error.len))
		return;
	while (ww_bson__next(&document, &element)) {
		if (strcmp(element.name, "code") != 0 || !ww_bson_element__number(&element, &code))
			continue;
		ww_draft__set_error(draft, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)code));
		return;
	}
}

/* {ok: 0, .., code: 11000, codeName: "DuplicateKey"} */
static void set_error(struct ww_draft *draft, const uint8_t *bytes, size_t len)
{
	struct ww_bson_element element;
	struct ww_bson document;
	int64_t ok = 1, code = 0;
	const char *name = NULL;
	size_t name_len = 0;
	char text[24];

	if (!ww_bson__begin(&document, bytes, len))
		return;
	while (ww_bson__next(&document, &element)) {
		if (!strcmp(element.name, "ok"))
			ww_bson_element__number(&element, &ok);
		else if (!strcmp(element.name, "code"))
			ww_bson_element__number(&element, &code);
		else if (!strcmp(element.name, "codeName"))
			name = ww_bson_element__string(&element, &name_len) ?: name;
		else if (!strcmp(element.name, "writeErrors") && element.type == WW_BSON_ARRAY)
			set_write_error(draft, &element);
	}
	if (ok)
		return;
	if (name)
		ww_draft__set_error(draft, name, name_len);
	else if (code)
		ww_draft__set_error(draft, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)code));
	else
		ww_draft__set_error(draft, "error", 5);
}

static size_t find(struct ww_dialogue *dialogue, uint32_t id)
{
	size_t index = 0;

	while (index < ww_dialogue__drafts(dialogue) && ww_dialogue__draft(dialogue, index)->count != id)
		index++;
	return index;
}

static void answered(struct ww_dialogue *dialogue, const struct stream *stream)
{
	const uint8_t *message = stream->message;
	uint32_t opcode = ww_le32(message + 12);
	size_t index = find(dialogue, ww_le32(message + 8)), at = HEADER;
	struct ww_draft *draft = ww_dialogue__draft(dialogue, index);

	if (!draft)
		return; /* what is said unasked, or was asked before we came */
	draft->bytes_in += stream->len;
	if (opcode == MESSAGE && stream->kept > at + 5 && !message[at + 4])
		set_error(draft, message + at + 5, stream->kept - at - 5);
	else if (opcode == REPLY && stream->kept > at + 20)
		set_error(draft, message + at + 20, stream->kept - at - 20);
	ww_dialogue__close(dialogue, index);
}

/* ---- messages */

/* The header is whole; false when it is none. */
static bool header_ends(struct stream *stream)
{
	uint32_t len = ww_le32(stream->message);

	if (len < HEADER || len > LONGEST || !is_opcode(ww_le32(stream->message + 12)))
		return false;
	stream->len = len;
	return true;
}

static void message_ends(struct mongodb *mongodb, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	struct stream *stream = &mongodb->streams[direction];

	if (direction == WW_SENT)
		asked(mongodb, dialogue, stream);
	else
		answered(dialogue, stream);
	stream->taken = stream->len = 0;
	stream->kept = 0;
	stream->gap = false;
}

/* Where a message begins is not known: an answer may have been missed. */
static void lose(struct stream *stream, struct ww_dialogue *dialogue)
{
	ww_dialogue__unsure(dialogue);
	stream->nowhere = true;
}

static void bytes(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, const uint8_t *bytes,
		  size_t len)
{
	struct mongodb *mongodb = state;
	struct stream *stream = &mongodb->streams[direction];

	if (direction == WW_SENT && !stream->in_call && !stream->taken && !mongodb->finished &&
	    ww_ordered__is_tls(bytes, len)) {
		mongodb->finished = true;
		ww_ordered__round_trip(dialogue);
	}
	stream->in_call = true;
	while (len && !stream->nowhere && !mongodb->finished) {
		size_t left = (stream->len ?: HEADER) - stream->taken, taken = len < left ? len : left, room;

		if (!stream->taken)
			stream->start_ns = ww_dialogue__call(dialogue)->began_ns;
		room = stream->gap ? 0 : sizeof(stream->message) - stream->kept;
		if (room > taken)
			room = taken;
		memcpy(stream->message + stream->kept, bytes, room);
		stream->kept += (uint16_t)room;
		stream->taken += (uint32_t)taken;
		bytes += taken;
		len -= taken;
		if (!stream->len && stream->taken == HEADER && !header_ends(stream)) {
			lose(stream, dialogue);
			return;
		}
		if (stream->len && stream->taken == stream->len)
			message_ends(mongodb, dialogue, direction);
	}
}

static void skip(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, uint64_t len)
{
	struct mongodb *mongodb = state;
	struct stream *stream = &mongodb->streams[direction];

	stream->in_call = true;
	if (stream->nowhere || mongodb->finished)
		return;
	if (!stream->len || len > stream->len - stream->taken) {
		lose(stream, dialogue);
		return;
	}
	stream->gap = true;
	stream->taken += (uint32_t)len;
	if (stream->taken == stream->len)
		message_ends(mongodb, dialogue, direction);
}

static void forget(struct stream *stream)
{
	stream->nowhere = stream->gap = false;
	stream->taken = stream->len = 0;
	stream->kept = 0;
}

static void turn(void *state, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	struct mongodb *mongodb = state;
	struct stream *stream = &mongodb->streams[direction];

	/* A part of an answer has come. */
	if (direction == WW_RECEIVED && !stream->nowhere && stream->len)
		ww_dialogue__answered(dialogue, find(dialogue, ww_le32(stream->message + 8)));
	if (stream->nowhere)
		forget(stream);
	stream->in_call = false;
}

static void begin(void *state, struct ww_dialogue *dialogue, bool whole)
{
	struct mongodb *mongodb = state;

	(void)dialogue;
	mongodb->whole = whole;
}

static void lost(void *state, struct ww_dialogue *dialogue)
{
	struct mongodb *mongodb = state;

	(void)dialogue;
	mongodb->whole = false;
	forget(&mongodb->streams[WW_SENT]);
	forget(&mongodb->streams[WW_RECEIVED]);
}

const struct ww_protocol ww_protocol_mongodb = {
	.name = "mongodb",
	.size = sizeof(struct mongodb),
	.begin = begin,
	.bytes = bytes,
	.skip = skip,
	.lost = lost,
	.turn = turn,
};

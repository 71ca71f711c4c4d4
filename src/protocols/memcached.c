/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * memcached's text and meta commands (doc/protocol.txt). Values carry their length, so what of them is not at hand is
 * stepped over. Quiet meta commands are answered or not: those that are sent together are one operation, up to the
 * answer of the `mn` behind them. The binary protocol is taken by round trips.
 */
#include <string.h>

#include "protocols/dialogue.h"
#include "protocols/key_pattern.h"
#include "protocols/memcached_line.h"
#include "protocols/ordered.h"

enum at {
	LINE,  /* a line, and what is before its first byte */
	VALUE, /* a value and its "\r\n" */
	NOWHERE,
};

struct memcached {
	struct ww_ordered ordered;
	bool finished; /* another protocol */

	/* what is sent */
	uint8_t at; /* enum at */
	bool whole; /* all of the command was at hand */
	bool quiet; /* the newest draft is of quiet commands, and no mn has ended them yet */
	struct ww_memcached_line line;
	const struct ww_memcached_command *command;
	char summary[WW_MEMCACHED_NAME_SIZE];
	char statement[WW_MEMCACHED_NAME_SIZE + WW_SUMMARY_SIZE + sizeof(" ..")];
	bool silent;   /* noreply, or quiet */
	uint64_t left; /* bytes of the value that are still to come, "\r\n" included */
	uint64_t start_ns, hash, bytes;

	/* what is received */
	uint8_t receiving; /* enum at */
	bool value_ends;   /* with the value at hand the answer is over */
	struct ww_memcached_line answer;
	uint64_t value;	   /* bytes of the value that are still to come, "\r\n" included */
	uint64_t received; /* bytes that are not credited yet */
};

static void give_up(struct memcached *memcached, struct ww_dialogue *dialogue)
{
	ww_ordered__give_up(&memcached->ordered, dialogue);
	memcached->at = memcached->receiving = NOWHERE;
}

/* ---- commands */

/* "get user:? .." */
static void set_statement(struct memcached *memcached, const struct ww_memcached_word *words, size_t count)
{
	const struct ww_memcached_command *command = memcached->command;
	char *at = memcached->statement;
	size_t key = command->key;
	bool cut;

	*at = '\0';
	if (!key || count <= key)
		return;
	at = stpcpy(stpcpy(at, command->name), " ");
	cut = words[key].at + words[key].len == memcached->line.text + memcached->line.kept &&
	      (memcached->line.len > memcached->line.kept || !memcached->whole);
	ww_key_pattern(words[key].at, words[key].len, cut, at, WW_SUMMARY_SIZE);
	if (command->answer == WW_MEMCACHED_VALUES && count > key + 1)
		strcat(at, " ..");
}

/* What the line at hand says; false when it is no command. */
static bool read_command(struct memcached *memcached)
{
	struct ww_memcached_word words[WW_MEMCACHED_WORDS];
	size_t count = ww_memcached_line__split(&memcached->line, words);

	memcached->command = count ? ww_memcached_command__find(&words[0]) : NULL;
	memcached->silent = false;
	memcached->statement[0] = memcached->summary[0] = '\0';
	memcached->left = 0;
	if (!memcached->command)
		return false;

	const struct ww_memcached_command *command = memcached->command;

	strcpy(memcached->summary, command->name);
	set_statement(memcached, words, count);
	if (command->length) {
		if (count <= command->length || !ww_memcached_word__length(&words[command->length], &memcached->left))
			return false;
		memcached->left += 2;
	}
	if (command->answer == WW_MEMCACHED_META) {
		for (size_t i = command->length ?: 1; i < count; i++)
			memcached->silent |= i > 1 && words[i].at[0] == 'q';
	} else if (command->answer == WW_MEMCACHED_ANY_LINE) {
		memcached->silent = ww_memcached_word__is(&words[count - 1], "noreply");
	}
	return true;
}

static void fill_in(struct memcached *memcached, struct ww_draft *draft)
{
	const struct ww_memcached_command *command = memcached->command;

	draft->start_ns = memcached->start_ns;
	draft->bytes_out = memcached->bytes;
	ww_draft__set_summary(draft, memcached->summary);
	if (!command)
		return;
	draft->phase = command->answer;
	draft->flags |= command->flags;
	if (memcached->statement[0])
		ww_draft__set_statement(draft, memcached->statement, strlen(memcached->statement));
	if (memcached->whole && !(command->flags & WW_OPERATION_CONTROL))
		draft->arguments = memcached->hash ?: 1;
}

static struct ww_draft *newest(struct ww_dialogue *dialogue)
{
	return ww_dialogue__draft(dialogue, ww_dialogue__drafts(dialogue) - 1);
}

/* Quiet commands, one behind the other, are one operation. */
static void quiet_ends(struct memcached *memcached, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft = memcached->quiet ? newest(dialogue) : NULL;

	if (draft && draft->request != ww_dialogue__call(dialogue)->request) {
		/* Nobody has asked whether those before were done. */
		give_up(memcached, dialogue);
		return;
	}
	if (draft) {
		uint16_t flags = draft->flags & (WW_OPERATION_READ | WW_OPERATION_WRITE);

		if (strcmp(draft->summary, memcached->summary) != 0)
			ww_draft__set_summary(draft, "pipeline");
		/* None of them changes data only if each of them does not. */
		draft->flags &= ~(flags & ~memcached->command->flags);
		draft->flags |= WW_OPERATION_BATCH;
		draft->arguments = 0;
		draft->bytes_out += memcached->bytes;
		return;
	}
	draft = ww_ordered__open(dialogue);
	if (!draft) {
		/* The draft that it went to has no way to say that it may be not answered. */
		give_up(memcached, dialogue);
		return;
	}
	fill_in(memcached, draft);
	draft->phase = WW_MEMCACHED_QUIET;
	memcached->quiet = true;
}

static void command_ends(struct memcached *memcached, struct ww_dialogue *dialogue)
{
	const struct ww_memcached_command *command = memcached->command;
	struct ww_draft *draft;

	memcached->at = LINE;
	ww_memcached_line__begin(&memcached->line);
	if (command && command->answer == WW_MEMCACHED_META && memcached->silent) {
		quiet_ends(memcached, dialogue);
		return;
	}
	if (memcached->quiet && command && !strcmp(command->name, "mn")) {
		draft = newest(dialogue);
		if (draft)
			draft->bytes_out += memcached->bytes;
		memcached->quiet = false;
		return;
	}
	if (memcached->quiet) {
		/* Which of them an answer is for can't be told; all of them is what is. */
		draft = newest(dialogue);
		if (draft)
			ww_ordered__make_batch(draft);
		ww_ordered__cut_short(&memcached->ordered, dialogue);
		memcached->at = NOWHERE;
		return;
	}
	if (memcached->silent || (command && command->answer == WW_MEMCACHED_SILENT))
		return;
	draft = ww_ordered__open(dialogue);
	if (draft)
		fill_in(memcached, draft);
}

static bool command_line(struct memcached *memcached, struct ww_dialogue *dialogue)
{
	if (!read_command(memcached)) {
		/* In the middle of a connection it may be a part of anything. */
		if (memcached->command || !memcached->ordered.proven)
			return false;
	}
	if (memcached->left)
		memcached->at = VALUE;
	else
		command_ends(memcached, dialogue);
	return true;
}

static bool take_sent(struct memcached *memcached, struct ww_dialogue *dialogue, char c)
{
	int over;

	if (!memcached->line.len) {
		memcached->start_ns = ww_dialogue__call(dialogue)->began_ns;
		memcached->bytes = 0;
		memcached->hash = WW_HASH_BEGIN;
		memcached->whole = true;
	}
	memcached->bytes++;
	memcached->hash = ww_hash__add(memcached->hash, &c, 1);
	over = ww_memcached_line__take(&memcached->line, c);
	return over < 0 ? false : !over || command_line(memcached, dialogue);
}

/* How many of `len` bytes are of a value of which `left` are to come; 0: it does not end as it should. */
static size_t take_value(uint64_t left, const uint8_t *bytes, size_t len)
{
	if (left > 2)
		return len < left - 2 ? len : (size_t)left - 2;
	return *bytes == (left == 2 ? '\r' : '\n');
}

static void value_taken(struct memcached *memcached, struct ww_dialogue *dialogue, uint64_t len)
{
	memcached->left -= len;
	memcached->bytes += len;
	if (!memcached->left)
		command_ends(memcached, dialogue);
}

static void sent(struct memcached *memcached, struct ww_dialogue *dialogue, const uint8_t *bytes, size_t len)
{
	while (len && memcached->at != NOWHERE) {
		bool in_value = memcached->at == VALUE;
		size_t taken = 1;

		if (in_value) {
			taken = take_value(memcached->left, bytes, len);
			memcached->hash = ww_hash__add(memcached->hash, bytes, taken);
			value_taken(memcached, dialogue, taken);
		}
		if (!taken || (!in_value && !take_sent(memcached, dialogue, (char)*bytes))) {
			give_up(memcached, dialogue);
			return;
		}
		bytes += taken;
		len -= taken;
	}
}

static void sent_skip(struct memcached *memcached, struct ww_dialogue *dialogue, uint64_t len)
{
	struct ww_draft *draft;

	if (memcached->at == VALUE) {
		uint64_t taken = len < memcached->left ? len : memcached->left;

		memcached->whole = false;
		len -= taken;
		value_taken(memcached, dialogue, taken);
	}
	if (!len || memcached->at == NOWHERE)
		return;
	if (!memcached->line.len) {
		memcached->start_ns = ww_dialogue__call(dialogue)->began_ns;
		memcached->bytes = 0;
	}
	memcached->whole = false;
	memcached->bytes += len;
	/* What is cut is a get of many keys, most often. */
	if (!read_command(memcached) && memcached->line.len) {
		give_up(memcached, dialogue);
		return;
	}
	memcached->at = NOWHERE;
	if (memcached->quiet)
		ww_ordered__cut_short(&memcached->ordered, dialogue);
	draft = memcached->quiet ? NULL : ww_ordered__cut(&memcached->ordered, dialogue);
	if (!draft)
		return;
	fill_in(memcached, draft);
	if (!memcached->command || memcached->command->answer != WW_MEMCACHED_VALUES)
		ww_ordered__make_batch(draft);
}

/* ---- answers */

static void credit(struct memcached *memcached, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);

	if (draft)
		draft->bytes_in += memcached->received;
	memcached->received = 0;
}

static void answer_ends(struct memcached *memcached, struct ww_dialogue *dialogue)
{
	credit(memcached, dialogue);
	if (!ww_ordered__answered(&memcached->ordered, dialogue))
		give_up(memcached, dialogue);
}

static void value_begins(struct memcached *memcached, uint64_t length, bool ends)
{
	memcached->value = length + 2;
	memcached->value_ends = ends;
	memcached->receiving = VALUE;
}

/* A line of an answer to meta commands. */
static bool meta_line(struct memcached *memcached, struct ww_dialogue *dialogue, const struct ww_memcached_word *words,
		      size_t count, bool quiet)
{
	uint64_t length;

	if (ww_memcached_word__is(&words[0], "VA")) {
		if (count < 2 || !ww_memcached_word__length(&words[1], &length))
			return false;
		value_begins(memcached, length, !quiet);
		return true;
	}
	if (words[0].len != 2 || words[0].at[0] < 'A' || words[0].at[0] > 'Z')
		return false;
	if (!quiet || ww_memcached_word__is(&words[0], "MN"))
		answer_ends(memcached, dialogue);
	return true;
}

/* False when it can't be a line of the oldest draft's answer. */
static bool answer_line(struct memcached *memcached, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);
	struct ww_memcached_word words[WW_MEMCACHED_WORDS];
	size_t count = ww_memcached_line__split(&memcached->answer, words);
	uint64_t length;

	ww_memcached_line__begin(&memcached->answer);
	if (!draft || !count)
		return false;
	if (ww_memcached_word__is(&words[0], "ERROR") || ww_memcached_word__is(&words[0], "CLIENT_ERROR") ||
	    ww_memcached_word__is(&words[0], "SERVER_ERROR")) {
		ww_draft__set_error(draft, words[0].at, words[0].len);
		if (draft->phase == WW_MEMCACHED_QUIET)
			return true; /* one of them may have failed; MN comes all the same */
		answer_ends(memcached, dialogue);
		return true;
	}
	switch ((enum ww_memcached_answer)draft->phase) {
	case WW_MEMCACHED_VALUES:
		if (ww_memcached_word__is(&words[0], "VALUE") && count >= 4 &&
		    ww_memcached_word__length(&words[3], &length)) {
			value_begins(memcached, length, false);
			return true;
		}
		if (!ww_memcached_word__is(&words[0], "END"))
			return false;
		break;
	case WW_MEMCACHED_STATS:
		if (ww_memcached_word__is(&words[0], "STAT") || ww_memcached_word__is(&words[0], "ITEM"))
			return true;
		break;
	case WW_MEMCACHED_META:
	case WW_MEMCACHED_QUIET:
		return meta_line(memcached, dialogue, words, count, draft->phase == WW_MEMCACHED_QUIET);
	case WW_MEMCACHED_ANY_LINE:
		if (ww_memcached_word__is(&words[0], "VALUE") || ww_memcached_word__is(&words[0], "END") ||
		    ww_memcached_word__is(&words[0], "STAT"))
			return false;
		break;
	case WW_MEMCACHED_SILENT:
		break;
	}
	answer_ends(memcached, dialogue);
	return true;
}

static void value_received(struct memcached *memcached, struct ww_dialogue *dialogue, uint64_t len)
{
	memcached->value -= len;
	memcached->received += len;
	if (memcached->value)
		return;
	memcached->receiving = LINE;
	if (memcached->value_ends)
		answer_ends(memcached, dialogue);
}

/* Where the answers of quiet commands end without an mn is not known. */
static void blur_quiet(struct memcached *memcached, struct ww_dialogue *dialogue)
{
	if (!memcached->quiet || memcached->receiving == NOWHERE)
		return;
	memcached->receiving = NOWHERE;
	ww_ordered__blur(&memcached->ordered, dialogue);
}

static void received(struct memcached *memcached, struct ww_dialogue *dialogue, const uint8_t *bytes, size_t len)
{
	blur_quiet(memcached, dialogue);
	while (len && memcached->receiving != NOWHERE) {
		size_t taken = 1;

		if (memcached->receiving == VALUE) {
			taken = take_value(memcached->value, bytes, len);
			if (!taken) {
				give_up(memcached, dialogue);
				return;
			}
			value_received(memcached, dialogue, taken);
		} else {
			int over = ww_memcached_line__take(&memcached->answer, (char)*bytes);

			memcached->received++;
			if (over < 0 || (over && !answer_line(memcached, dialogue))) {
				give_up(memcached, dialogue);
				return;
			}
		}
		bytes += taken;
		len -= taken;
	}
	memcached->received += len;
}

static void received_skip(struct memcached *memcached, struct ww_dialogue *dialogue, uint64_t len)
{
	blur_quiet(memcached, dialogue);
	if (memcached->receiving == VALUE) {
		uint64_t taken = len < memcached->value ? len : memcached->value;

		len -= taken;
		value_received(memcached, dialogue, taken);
	}
	memcached->received += len;
	if (!len || memcached->receiving == NOWHERE)
		return;
	memcached->receiving = NOWHERE;
	ww_ordered__blur(&memcached->ordered, dialogue);
}

/* Both directions begin where a message does; false when nothing is to be looked at. */
static bool moved(struct memcached *memcached, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	if (ww_ordered__moved(&memcached->ordered, dialogue, direction)) {
		memcached->at = memcached->receiving = LINE;
		memcached->quiet = false;
		memcached->received = 0;
		ww_memcached_line__begin(&memcached->line);
		ww_memcached_line__begin(&memcached->answer);
	}
	return memcached->ordered.sure && !memcached->finished;
}

static void begin(void *state, struct ww_dialogue *dialogue, bool whole)
{
	struct memcached *memcached = state;

	(void)dialogue;
	ww_ordered__begin(&memcached->ordered, whole);
}

static void bytes(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, const uint8_t *bytes,
		  size_t len)
{
	struct memcached *memcached = state;

	if (!moved(memcached, dialogue, direction))
		return;
	if (direction == WW_RECEIVED) {
		received(memcached, dialogue, bytes, len);
		return;
	}
	/* The magic byte of the binary protocol's requests. */
	if (memcached->at == LINE && !memcached->line.len && (bytes[0] == 0x80 || ww_ordered__is_tls(bytes, len))) {
		memcached->finished = true;
		ww_ordered__round_trip(dialogue);
		return;
	}
	sent(memcached, dialogue, bytes, len);
}

static void skip(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, uint64_t len)
{
	struct memcached *memcached = state;

	if (!moved(memcached, dialogue, direction))
		return;
	if (direction == WW_RECEIVED)
		received_skip(memcached, dialogue, len);
	else
		sent_skip(memcached, dialogue, len);
}

static void turn(void *state, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	struct memcached *memcached = state;

	/* A part of an answer has come. */
	if (direction == WW_RECEIVED && memcached->received) {
		ww_dialogue__answered(dialogue, 0);
		credit(memcached, dialogue);
	}
	memcached->ordered.midway = memcached->at == VALUE || (memcached->at == LINE && memcached->line.len);
	ww_ordered__turn(&memcached->ordered);
}

static void lost(void *state, struct ww_dialogue *dialogue)
{
	struct memcached *memcached = state;

	(void)dialogue;
	ww_ordered__lost(&memcached->ordered);
	memcached->at = memcached->receiving = NOWHERE;
	memcached->quiet = false;
}

const struct ww_protocol ww_protocol_memcached = {
	.name = "memcached",
	.size = sizeof(struct memcached),
	.begin = begin,
	.bytes = bytes,
	.skip = skip,
	.lost = lost,
	.turn = turn,
};

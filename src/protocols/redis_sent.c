/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/redis_sent.h"

#include <string.h>
#include <strings.h>

#include "protocols/key_pattern.h"
#include "util/ascii.h"

#define LONGEST_INLINE 512	 /* bytes of a command that is a line */
#define MOST_ARGUMENTS (1 << 20) /* Redis' own limit */
#define LONGEST_BULK   (1ull << 32)
#define DIGEST_SHOWN   8

enum at {
	COMMAND,       /* a command's first byte comes next */
	ARGUMENTS,     /* the number of arguments, up to its line's end */
	ARGUMENT_SIGN, /* '$' */
	ARGUMENT_LEN,  /* the argument's length, up to its line's end */
	ARGUMENT,      /* the argument */
	ARGUMENT_END,  /* "\r\n" */
	INLINE,	       /* a command that is a line */
	NOWHERE,       /* it is not known, up to where both directions begin anew */
};

void ww_redis_sent__anew(struct ww_redis_sent *sent)
{
	sent->at = COMMAND;
}

bool ww_redis_sent__is_between(const struct ww_redis_sent *sent)
{
	return sent->at == COMMAND;
}

static void command_begins(struct ww_redis_sent *sent, const struct ww_call *call)
{
	sent->start_ns = call->began_ns;
	sent->whole = true;
	sent->streams = sent->cursor_zero = sent->keyless = false;
	sent->number = (struct ww_redis_number){0};
	sent->arguments = sent->index = 0;
	sent->bytes = 0;
	sent->hash = WW_HASH_BEGIN;
	sent->command = NULL;
	sent->flags = 0;
	sent->kept = 0;
	sent->len = 0;
	sent->name[0] = sent->script[0] = sent->key[0] = '\0';
}

static bool is_name(const char *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!ww_is_letter(at[i]) && !ww_is_digit(at[i]) && at[i] != '.' && at[i] != '-' && at[i] != '_')
			return false;
	}
	return len && len <= WW_REDIS_LONGEST_NAME;
}

/* Adds a part of the command's name, in upper case; nothing when it is no name. */
static void add_name(struct ww_redis_sent *sent, const char *at, size_t len)
{
	size_t end = strlen(sent->name);

	if (!is_name(at, len))
		return;
	if (end)
		sent->name[end++] = ' ';
	for (size_t i = 0; i < len; i++)
		sent->name[end++] = (char)(ww_is_lower(at[i]) ? at[i] - 'a' + 'A' : at[i]);
	sent->name[end] = '\0';
}

static bool is_word(const struct ww_redis_sent *sent, const char *word)
{
	return sent->kept == strlen(word) && !strncasecmp(sent->argument, word, sent->kept);
}

/* A script is told by the beginning of its digest, a function by its name. */
static void set_script(struct ww_redis_sent *sent)
{
	if (strncmp(sent->name, "EVAL", 4) != 0) {
		if (is_name(sent->argument, sent->kept)) /* a function */
			ww_key_pattern(sent->argument, sent->kept, false, sent->script, sizeof(sent->script));
		return;
	}
	if (!strncmp(sent->name, "EVALSHA", 7)) {
		if (sent->kept < DIGEST_SHOWN || !is_name(sent->argument, DIGEST_SHOWN))
			return;
		memcpy(sent->script, sent->argument, DIGEST_SHOWN);
		sent->script[DIGEST_SHOWN] = '\0';
	}
}

static void reply_mode(struct ww_redis_sent *sent)
{
	if (is_word(sent, "OFF"))
		sent->silent = true;
	else if (is_word(sent, "ON"))
		sent->silent = sent->skipped = false;
	else if (is_word(sent, "SKIP"))
		sent->skipped = true;
}

/* The whole argument `index` has been seen, of which `kept` bytes are at hand. */
static void argument_ends(struct ww_redis_sent *sent, bool cut)
{
	const struct ww_redis_command *command = sent->command;
	uint8_t traits = command ? command->traits : 0;

	if (sent->index == 0) {
		if (!cut)
			sent->command = ww_redis_command__find(sent->argument, sent->kept);
		if (sent->command)
			sent->flags = sent->command->flags;
		if (!cut)
			add_name(sent, sent->argument, sent->kept);
		return;
	}
	if (sent->index == 1 && traits & WW_REDIS_CONTAINER && !cut)
		add_name(sent, sent->argument, sent->kept);
	if (sent->index == 1 && traits & WW_REDIS_SCRIPT && !cut)
		set_script(sent);
	if (sent->index == 2 && traits & WW_REDIS_SCRIPT)
		sent->keyless = sent->kept == 1 && sent->argument[0] == '0';
	if (sent->index == 2 && traits & WW_REDIS_REPLY && !strcmp(sent->name, "CLIENT REPLY"))
		reply_mode(sent);
	if (traits & WW_REDIS_CURSOR && sent->index == command->key + 1u)
		sent->cursor_zero = sent->kept == 1 && sent->argument[0] == '0';
	if (traits & WW_REDIS_BLOCK && !sent->streams && is_word(sent, "BLOCK"))
		sent->flags |= WW_OPERATION_BLOCKING;
	if (sent->streams || (command && command->key && sent->index == command->key && !sent->keyless)) {
		sent->streams = false;
		if (!sent->key[0])
			ww_key_pattern(sent->argument, sent->kept, cut, sent->key, sizeof(sent->key));
	} else if (traits & WW_REDIS_STREAMS && is_word(sent, "STREAMS")) {
		sent->streams = true;
	}
}

/* "GET user:?", "EVALSHA 6b1bf486 queue:?", "MGET item:? ..": what is sent again and again. */
static void set_statement(struct ww_redis_sent *sent, struct ww_draft *draft)
{
	const struct ww_redis_command *command = sent->command;
	char text[sizeof(sent->name) + sizeof(sent->script) + sizeof(sent->key) + sizeof("   ..")];
	char *at = stpcpy(text, sent->name);

	if (!command || !sent->name[0] || !(sent->key[0] || sent->script[0]))
		return;
	if (sent->script[0]) {
		*at++ = ' ';
		at = stpcpy(at, sent->script);
	}
	if (sent->key[0]) {
		*at++ = ' ';
		at = stpcpy(at, sent->key);
		if (command->traits & WW_REDIS_MANY && sent->arguments > command->key + 1u)
			at = stpcpy(at, " ..");
	}
	ww_draft__set_statement(draft, text, (size_t)(at - text));
}

static void fill_in(struct ww_redis_sent *sent, struct ww_draft *draft)
{
	const struct ww_redis_command *command = sent->command;

	draft->start_ns = sent->start_ns;
	draft->bytes_out = sent->bytes;
	draft->flags |= sent->flags;
	ww_draft__set_summary(draft, sent->name);
	if (command) {
		draft->phase = command->reply;
		if (command->traits & WW_REDIS_CURSOR && !sent->cursor_zero)
			draft->flags |= WW_OPERATION_FETCH;
	}
	set_statement(sent, draft);
	/* Passwords are among what is said for control. */
	if (sent->whole && !(sent->flags & WW_OPERATION_CONTROL))
		draft->arguments = sent->hash ?: 1;
}

static void command_ends(struct ww_redis_sent *sent, struct ww_dialogue *dialogue)
{
	const struct ww_redis_command *command = sent->command;
	/* SKIP holds for itself and for the next one. */
	bool unanswered = sent->silent || sent->skipped;
	struct ww_draft *draft;

	sent->at = COMMAND;
	if (strcmp(sent->name, "CLIENT REPLY") != 0)
		sent->skipped = false;
	if (command && command->reply == WW_REDIS_PUBSUB)
		sent->subscribed = true;
	if (command && command->traits & WW_REDIS_ENDLESS)
		sent->endless = true;
	if (unanswered)
		return;
	draft = ww_ordered__open(dialogue);
	if (!draft)
		return;
	fill_in(sent, draft);
	/* A message for each of what is subscribed to. */
	if (command && command->reply == WW_REDIS_PUBSUB && sent->arguments > 1)
		draft->count = sent->arguments - 1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The words of a command that is a line: what people type, and health checks. False when it is none. */
static bool inline_ends(struct ww_redis_sent *sent, const struct ww_ordered *ordered, struct ww_dialogue *dialogue)
{
	char line[WW_REDIS_ARGUMENT_KEPT];
	size_t len = sent->kept, at = 0;

	memcpy(line, sent->argument, len);
	for (;;) {
		size_t start, word;

		while (at < len && is_blank(line[at]))
			at++;
		for (start = at; at < len && !is_blank(line[at]);)
			at++;
		word = at - start;
		if (!word)
			break;
		memcpy(sent->argument, line + start, word);
		sent->kept = (uint16_t)word;
		argument_ends(sent, at == sizeof(line));
		sent->index++;
	}
	sent->at = COMMAND;
	sent->whole = false;
	sent->arguments = sent->index;
	if (!sent->index)
		return true; /* an empty line is nothing */
	/* In the middle of a connection it may be a part of anything. */
	if (!sent->command && !ordered->proven)
		return false;
	command_ends(sent, dialogue);
	return true;
}

static void argument_is_over(struct ww_redis_sent *sent)
{
	argument_ends(sent, sent->len > sent->kept);
	sent->left = 2;
	sent->at = ARGUMENT_END;
}

static void end_is_over(struct ww_redis_sent *sent, struct ww_dialogue *dialogue)
{
	sent->at = ARGUMENT_SIGN;
	if (++sent->index == sent->arguments)
		command_ends(sent, dialogue);
}

/* Takes bytes of the argument at hand; returns how many. */
static size_t take_argument(struct ww_redis_sent *sent, const uint8_t *bytes, size_t len)
{
	size_t room = sizeof(sent->argument) - sent->kept;

	if (len > sent->left)
		len = (size_t)sent->left;
	if (room > len)
		room = len;
	memcpy(sent->argument + sent->kept, bytes, room);
	sent->kept += (uint16_t)room;
	sent->hash = ww_hash__add(sent->hash, bytes, len);
	sent->left -= len;
	sent->bytes += len;
	if (!sent->left)
		argument_is_over(sent);
	return len;
}

/* The end of the line that says how many arguments there are. */
static bool take_arguments(struct ww_redis_sent *sent)
{
	if (!ww_redis_number__is_good(&sent->number) || sent->number.value > MOST_ARGUMENTS)
		return false;
	sent->arguments = (uint32_t)sent->number.value;
	/* An empty command is nothing: Redis has no answer to it. */
	sent->at = sent->arguments && !sent->number.negative ? ARGUMENT_SIGN : COMMAND;
	return true;
}

/* The end of the line that says how long an argument is. */
static bool take_len(struct ww_redis_sent *sent)
{
	if (!ww_redis_number__is_good(&sent->number) || sent->number.negative || sent->number.value > LONGEST_BULK)
		return false;
	sent->left = sent->len = sent->number.value;
	sent->kept = 0;
	sent->hash = ww_hash__add(sent->hash, &sent->len, sizeof(sent->len));
	sent->at = ARGUMENT;
	if (!sent->left)
		argument_is_over(sent);
	return true;
}

/* Takes one byte of what is no argument. */
static bool take(struct ww_redis_sent *sent, const struct ww_ordered *ordered, struct ww_dialogue *dialogue, char c)
{
	if (sent->at == COMMAND)
		command_begins(sent, ww_dialogue__call(dialogue));
	sent->bytes++;
	switch ((enum at)sent->at) {
	case COMMAND:
		sent->at = c == '*' ? ARGUMENTS : INLINE;
		if (sent->at == INLINE)
			return take(sent, ordered, dialogue, c);
		return true;
	case ARGUMENTS:
	case ARGUMENT_LEN:
		if (c == '\n')
			return sent->at == ARGUMENTS ? take_arguments(sent) : take_len(sent);
		ww_redis_number__add(&sent->number, c);
		return !sent->number.bad;
	case ARGUMENT_SIGN:
		sent->number = (struct ww_redis_number){0};
		sent->at = ARGUMENT_LEN;
		return c == '$';
	case ARGUMENT_END:
		if (c != (sent->left == 2 ? '\r' : '\n'))
			return false;
		if (!--sent->left)
			end_is_over(sent, dialogue);
		return true;
	case INLINE:
		if (c == '\n')
			return inline_ends(sent, ordered, dialogue);
		if (sent->kept < sizeof(sent->argument))
			sent->argument[sent->kept++] = c;
		return ++sent->len < LONGEST_INLINE;
	case ARGUMENT:
	case NOWHERE:
		break;
	}
	return true;
}

bool ww_redis_sent__bytes(struct ww_redis_sent *sent, const struct ww_ordered *ordered, struct ww_dialogue *dialogue,
			  const uint8_t *bytes, size_t len)
{
	while (len && sent->at != NOWHERE) {
		size_t taken = 1;

		if (sent->at == ARGUMENT)
			taken = take_argument(sent, bytes, len);
		else if (!take(sent, ordered, dialogue, (char)*bytes))
			return false;
		bytes += taken;
		len -= taken;
	}
	return true;
}

void ww_redis_sent__skip(struct ww_redis_sent *sent, struct ww_ordered *ordered, struct ww_dialogue *dialogue,
			 uint64_t len)
{
	struct ww_draft *draft;

	if (sent->at == NOWHERE)
		return;
	while (len && (sent->at == ARGUMENT || sent->at == ARGUMENT_END)) {
		uint64_t taken = len < sent->left ? len : sent->left;

		sent->whole &= sent->at == ARGUMENT_END;
		sent->left -= taken;
		sent->bytes += taken;
		len -= taken;
		if (sent->left)
			return;
		if (sent->at == ARGUMENT)
			argument_is_over(sent);
		else
			end_is_over(sent, dialogue);
	}
	if (!len)
		return;
	if (sent->at == COMMAND)
		command_begins(sent, ww_dialogue__call(dialogue));
	sent->at = NOWHERE;
	sent->whole = false;
	sent->bytes += len;
	/* Whether there is an answer, and to what, is not known. */
	if (sent->silent) {
		ww_ordered__give_up(ordered, dialogue);
		return;
	}
	draft = ww_ordered__cut(ordered, dialogue);
	if (!draft)
		return;
	fill_in(sent, draft);
	/* Where there are others in front of it there are likely to be more behind it. */
	if (!sent->name[0] || ww_dialogue__drafts(dialogue) > 1)
		ww_ordered__make_batch(draft);
}

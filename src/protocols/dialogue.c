/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/dialogue.h"

#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

struct ww_dialogue {
	const struct ww_protocol *protocol;
	const struct ww_dialogue_sink *sink;
	void *state;
	const struct ww_call *call; /* during which a parser is at work */
	/* A ring of a power of two: drafts[first] is the oldest. Grows up to WW_DRAFTS_MAX: most connections never have
	 * more than one. */
	struct ww_draft *drafts;
	uint32_t first, len, cap;
	uint32_t opened; /* in the call at hand */
	bool encrypted;	 /* the parser has asked for round trips */
};

uint64_t ww_hash__add(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * 0x100000001b3ull;
	return hash;
}

const char *ww_draft__summary(const struct ww_draft *draft)
{
	return draft->said && !draft->summary[0] ? draft->said->summary : draft->summary;
}

const char *ww_draft__statement(const struct ww_draft *draft)
{
	return draft->said ? draft->said->text : draft->statement ?: "";
}

static void clear(struct ww_draft *draft)
{
	ww_statement__put(draft->said);
	free(draft->statement);
	draft->said = NULL;
	draft->statement = NULL;
}

void ww_draft__say(struct ww_draft *draft, struct ww_statement *statement)
{
	ww_statement__hold(statement);
	clear(draft);
	draft->said = statement;
	draft->summary[0] = '\0';
	draft->flags &= (uint16_t)~WW_OPERATION_CUT;
	if (statement)
		draft->flags |= statement->flags & WW_OPERATION_CUT;
}

void ww_draft__set_statement(struct ww_draft *draft, const char *text, size_t len)
{
	static const char cut[] = "\xe2\x80\xa6"; /* U+2026 */
	const size_t most = WW_STATEMENT_SIZE - sizeof(cut);
	bool whole = len <= most;
	size_t size = (whole ? len : most) + 1;
	char *statement = malloc(size + (whole ? 0 : sizeof(cut)));

	if (statement)
		ww_utf8__copy(statement, size, text, len);
	if (draft->said && !draft->summary[0])
		memcpy(draft->summary, draft->said->summary, sizeof(draft->summary));
	clear(draft);
	draft->statement = statement;
	draft->flags &= (uint16_t)~WW_OPERATION_CUT;
	if (!statement || whole)
		return;
	strcat(statement, cut);
	draft->flags |= WW_OPERATION_CUT;
}

void ww_draft__set_summary(struct ww_draft *draft, const char *text)
{
	ww_utf8__copy(draft->summary, sizeof(draft->summary), text, strlen(text));
}

void ww_draft__set_error(struct ww_draft *draft, const char *text, size_t len)
{
	ww_utf8__copy(draft->error, sizeof(draft->error), text, len);
}

struct ww_sql_shapes *ww_dialogue__shapes(const struct ww_dialogue *dialogue)
{
	return dialogue->sink->shapes;
}

struct ww_draft *ww_dialogue__draft(struct ww_dialogue *dialogue, size_t index)
{
	return index < dialogue->len ? &dialogue->drafts[(dialogue->first + index) & (dialogue->cap - 1)] : NULL;
}

const struct ww_call *ww_dialogue__call(const struct ww_dialogue *dialogue)
{
	return dialogue->call;
}

size_t ww_dialogue__drafts(const struct ww_dialogue *dialogue)
{
	return dialogue->len;
}

/* Room for one more; false when there is none to be had. */
static bool reserve(struct ww_dialogue *dialogue)
{
	uint32_t cap = dialogue->cap ? 2 * dialogue->cap : 2;
	struct ww_draft *drafts;

	if (dialogue->len < dialogue->cap)
		return true;
	if (cap > WW_DRAFTS_MAX)
		return false;
	drafts = calloc(cap, sizeof(*drafts));
	if (!drafts)
		return false;
	for (uint32_t i = 0; i < dialogue->len; i++)
		drafts[i] = *ww_dialogue__draft(dialogue, i);
	free(dialogue->drafts);
	dialogue->drafts = drafts;
	dialogue->first = 0;
	dialogue->cap = cap;
	return true;
}

/* Whose the command is that begins now. */
static uint64_t owner(struct ww_dialogue *dialogue)
{
	const struct ww_call *call = dialogue->call;
	uint32_t index = dialogue->opened++;

	if (!call->owners_len)
		return call->request;
	return index < call->owners_len ? call->owners[index] : 0;
}

/* A call of several requests had more commands, or fewer, than they were thought to be: whose they are is not known. */
static void disown(struct ww_dialogue *dialogue)
{
	const struct ww_call *call = dialogue->call;
	uint32_t opened = dialogue->opened < dialogue->len ? dialogue->opened : dialogue->len;

	for (uint32_t i = dialogue->len - opened; i < dialogue->len; i++)
		ww_dialogue__draft(dialogue, i)->request = 0;
	for (uint32_t i = 0; i < call->owners_len; i++) {
		if (call->owners[i])
			dialogue->sink->unsure(dialogue->sink->ctx, call->owners[i]);
	}
}

struct ww_draft *ww_dialogue__open(struct ww_dialogue *dialogue)
{
	struct ww_draft *draft;

	if (!reserve(dialogue)) {
		/* Answers could not be told apart any more. */
		if (dialogue->call->request)
			dialogue->sink->unsure(dialogue->sink->ctx, dialogue->call->request);
		ww_dialogue__unsure(dialogue);
		return NULL;
	}
	dialogue->len++;
	draft = ww_dialogue__draft(dialogue, dialogue->len - 1);
	*draft = (struct ww_draft){
		.request = owner(dialogue),
		.start_ns = dialogue->call->began_ns,
		.flags = dialogue->len > 1 ? WW_OPERATION_PIPELINED : 0,
	};
	return draft;
}

/* Takes the n-th oldest out of the ring; those in front of it move up. */
static void drop(struct ww_dialogue *dialogue, size_t index)
{
	clear(ww_dialogue__draft(dialogue, index));
	for (; index > 0; index--)
		*ww_dialogue__draft(dialogue, index) = *ww_dialogue__draft(dialogue, index - 1);
	dialogue->first = (dialogue->first + 1) & (dialogue->cap - 1);
	dialogue->len--;
}

void ww_dialogue__answered(struct ww_dialogue *dialogue, size_t index)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, index);

	if (draft && dialogue->call->began_ns > draft->answered_ns)
		draft->answered_ns = dialogue->call->began_ns;
}

/* Hands a draft over. An answer that was there before the hook on the send was has taken no time. */
static void hand_over(struct ww_dialogue *dialogue, const struct ww_draft *draft, uint64_t end_ns)
{
	if (draft->request)
		dialogue->sink->operation(dialogue->sink->ctx, draft,
					  end_ns > draft->start_ns ? end_ns : draft->start_ns);
}

void ww_dialogue__close(struct ww_dialogue *dialogue, size_t index)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, index);

	if (!draft)
		return;
	hand_over(dialogue, draft, dialogue->call->began_ns);
	drop(dialogue, index);
}

void ww_dialogue__finish(struct ww_dialogue *dialogue, size_t index)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, index);

	if (!draft)
		return;
	hand_over(dialogue, draft, draft->answered_ns);
	drop(dialogue, index);
}

void ww_dialogue__cancel(struct ww_dialogue *dialogue, size_t index)
{
	if (index < dialogue->len)
		drop(dialogue, index);
}

static void drop_all(struct ww_dialogue *dialogue)
{
	for (uint32_t i = 0; i < dialogue->len; i++)
		clear(ww_dialogue__draft(dialogue, i));
	dialogue->len = 0;
}

void ww_dialogue__unsure(struct ww_dialogue *dialogue)
{
	for (uint32_t i = 0; i < dialogue->len; i++) {
		const struct ww_draft *draft = ww_dialogue__draft(dialogue, i);

		if (draft->request)
			dialogue->sink->unsure(dialogue->sink->ctx, draft->request);
	}
	drop_all(dialogue);
}

void ww_dialogue__encrypted(struct ww_dialogue *dialogue)
{
	dialogue->encrypted = true;
}

struct ww_dialogue *ww_dialogue__new(const struct ww_protocol *protocol, bool whole,
				     const struct ww_dialogue_sink *sink)
{
	struct ww_dialogue *dialogue = calloc(1, sizeof(*dialogue));

	if (!dialogue)
		return NULL;
	dialogue->state = calloc(1, protocol->size ?: 1);
	if (!dialogue->state) {
		free(dialogue);
		return NULL;
	}
	dialogue->protocol = protocol;
	dialogue->sink = sink;
	if (protocol->begin)
		protocol->begin(dialogue->state, dialogue, whole);
	return dialogue;
}

void ww_dialogue__free(struct ww_dialogue *dialogue)
{
	if (!dialogue)
		return;
	drop_all(dialogue);
	if (dialogue->protocol->end)
		dialogue->protocol->end(dialogue->state);
	free(dialogue->drafts);
	free(dialogue->state);
	free(dialogue);
}

/* From here on the other protocol; the one draft that there may be stays. False when it has to be tried again. */
static bool change_to(struct ww_dialogue *dialogue, const struct ww_protocol *protocol)
{
	void *state = calloc(1, protocol->size ?: 1);

	if (!state)
		return false;
	if (dialogue->len > 1)
		ww_dialogue__unsure(dialogue);
	if (dialogue->protocol->end)
		dialogue->protocol->end(dialogue->state);
	free(dialogue->state);
	dialogue->state = state;
	dialogue->protocol = protocol;
	if (protocol->begin)
		protocol->begin(state, dialogue, false);
	return true;
}

void ww_dialogue__moved(struct ww_dialogue *dialogue, enum ww_direction direction, const struct ww_call *call,
			const uint8_t *head, size_t head_len, const uint8_t *tail, size_t tail_len)
{
	const struct ww_protocol *protocol = dialogue->protocol;
	uint64_t between;

	if (head_len > call->total)
		head_len = call->total;
	if (tail_len > call->total - head_len)
		tail_len = 0;
	between = call->total - head_len - tail_len;
	dialogue->call = call;
	dialogue->opened = 0;
	if (head_len)
		protocol->bytes(dialogue->state, dialogue, direction, head, head_len);
	if (between)
		protocol->skip(dialogue->state, dialogue, direction, between);
	if (tail_len)
		protocol->bytes(dialogue->state, dialogue, direction, tail, tail_len);
	if (protocol->turn)
		protocol->turn(dialogue->state, dialogue, direction);
	if (call->owners_len && dialogue->opened != call->owners_len)
		disown(dialogue);
	if (dialogue->encrypted)
		dialogue->encrypted = !change_to(dialogue, &ww_protocol_round_trips);
	dialogue->call = NULL;
}

void ww_dialogue__lost(struct ww_dialogue *dialogue)
{
	ww_dialogue__unsure(dialogue);
	dialogue->protocol->lost(dialogue->state, dialogue);
}

void ww_dialogue__settle(struct ww_dialogue *dialogue, uint64_t request, uint64_t end_ns)
{
	for (uint32_t i = 0; i < dialogue->len; i++) {
		struct ww_draft *draft = ww_dialogue__draft(dialogue, i);

		if (draft->request != request)
			continue;
		if (!draft->answered_ns)
			draft->flags |= WW_OPERATION_UNFINISHED;
		hand_over(dialogue, draft, draft->answered_ns ?: end_ns);
		/* The parser still has to pair its answer: it stays, as nobody's. */
		draft->request = 0;
	}
}

void ww_dialogue__closed(struct ww_dialogue *dialogue, uint64_t at_ns, const char *error)
{
	for (uint32_t i = 0; i < dialogue->len; i++) {
		struct ww_draft *draft = ww_dialogue__draft(dialogue, i);

		if (!draft->answered_ns && !draft->error[0])
			ww_draft__set_error(draft, error, strlen(error));
		hand_over(dialogue, draft, draft->answered_ns ?: at_ns);
	}
	drop_all(dialogue);
}

void ww_dialogue__adopt(struct ww_dialogue *dialogue, uint64_t from, uint64_t to)
{
	/* Those of request 0 are nobody's: their operations have been handed over. */
	for (uint32_t i = 0; from && i < dialogue->len; i++) {
		struct ww_draft *draft = ww_dialogue__draft(dialogue, i);

		if (draft->request == from)
			draft->request = to;
	}
}

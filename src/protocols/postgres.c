/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * PostgreSQL's protocol, version 3. What a client sends up to Sync, or up to Flush, is answered together: a unit, which
 * is an operation. Answers come in the order of the units and are checked against what was asked.
 *
 * Messages say their lengths, so they are followed over bytes that are not at hand. Where a header lies in those, what
 * is received is blind: the end of each call tells then whether it ended an answer, and the next send, that it was the
 * one. That is certain as long as nothing else is being answered.
 */
#include <string.h>

#include "protocols/postgres_parts.h"
#include "util/bytes.h"

#define KEEP	      4096 /* bytes of a message that names a statement */
#define KEEP_ERROR    512
#define KEEP_TAG      64
#define KEEP_COLUMNS  160 /* of a description: so many are at hand, wherever it stands in its call */
#define STARTUP_MAX   10000
#define VERSION_3     3
#define CANCEL	      80877102
#define TLS	      80877103
#define GSS	      80877104
#define TLS_HANDSHAKE 0x16

/* ---- units */

static struct ww_postgres_unit *unit_at(struct ww_postgres *pg, uint32_t index)
{
	return index < pg->len ? &pg->units[(pg->first + index) % WW_DRAFTS_MAX] : NULL;
}

static struct ww_postgres_unit *newest(struct ww_postgres *pg)
{
	return pg->len ? unit_at(pg, pg->len - 1) : NULL;
}

static struct ww_draft *newest_draft(struct ww_postgres *pg, struct ww_dialogue *dialogue)
{
	return pg->len ? ww_dialogue__draft(dialogue, pg->len - 1) : NULL;
}

/* Nothing that is under way can be paired. What is sent next may be where it can be again. */
static void lose(struct ww_postgres *pg, struct ww_dialogue *dialogue)
{
	ww_dialogue__unsure(dialogue);
	pg->len = 0;
	pg->lost = true;
	pg->sent.blind = pg->received.blind = true;
	pg->starting = pg->connecting = pg->asks = pg->heard = false;
	pg->tail_len = 0;
	pg->rows_known = false;
}

static void open_unit(struct ww_postgres *pg, struct ww_dialogue *dialogue)
{
	if (!ww_dialogue__open(dialogue)) {
		lose(pg, dialogue);
		return;
	}
	pg->len++;
	*newest(pg) = (struct ww_postgres_unit){.number = ++pg->units_ever};
}

static void drop_oldest(struct ww_postgres *pg)
{
	pg->first = (pg->first + 1) % WW_DRAFTS_MAX;
	pg->len--;
	pg->rows_known = false;
}

static void close_oldest(struct ww_postgres *pg, struct ww_dialogue *dialogue)
{
	ww_dialogue__close(dialogue, 0);
	drop_oldest(pg);
}

static void finish_oldest(struct ww_postgres *pg, struct ww_dialogue *dialogue)
{
	ww_dialogue__finish(dialogue, 0);
	drop_oldest(pg);
	pg->connecting = false;
}

/* ---- what is sent */

/* The log-in. A cancellation comes on a connection of its own, and nothing answers it. */
static void startup(struct ww_postgres *pg, struct ww_dialogue *dialogue, const struct ww_message *message)
{
	uint32_t code = message->have >= 4 ? ww_be32(message->body) : 0;
	struct ww_draft *draft = newest_draft(pg, dialogue);

	if (code >> 16 == VERSION_3) {
		pg->starting = false;
		pg->sent.header_size = 5;
	} else if (code == CANCEL && draft) {
		draft->flags = WW_OPERATION_CONTROL;
		ww_draft__set_summary(draft, "CANCEL");
		close_oldest(pg, dialogue);
		lose(pg, dialogue);
	} else if (code == TLS || code == GSS) {
		pg->asks = true;
	} else {
		lose(pg, dialogue);
	}
}

static void startup_begins(struct ww_postgres *pg, struct ww_dialogue *dialogue, uint32_t len)
{
	struct ww_draft *draft;

	if (len < 8 || len > STARTUP_MAX || pg->asks) {
		lose(pg, dialogue);
		return;
	}
	if (!pg->len) {
		open_unit(pg, dialogue);
		if (!pg->len)
			return;
		newest(pg)->end = WW_POSTGRES_SYNCED;
		newest(pg)->simple = true;
		pg->connecting = true;
	}
	draft = newest_draft(pg, dialogue);
	if (draft) {
		draft->flags |= WW_OPERATION_CONNECT;
		ww_draft__set_summary(draft, "connect");
		draft->bytes_out += len;
	}
	ww_frame__expect(&pg->sent, len - 4, 8);
}

/* The unit that a message of the extended protocol belongs to. */
static void join_unit(struct ww_postgres *pg, struct ww_dialogue *dialogue)
{
	if (!pg->len || newest(pg)->end != WW_POSTGRES_OPEN)
		open_unit(pg, dialogue);
	if (pg->len)
		newest(pg)->steps++;
}

static void sync_sent(struct ww_postgres *pg, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft;

	/* The server passes over a Sync while it copies: only one of them is answered. */
	if (pg->len && newest(pg)->copies)
		return;
	if (!pg->len || newest(pg)->end != WW_POSTGRES_OPEN) {
		open_unit(pg, dialogue);
		draft = newest_draft(pg, dialogue);
		if (!draft)
			return;
		draft->flags |= WW_OPERATION_CONTROL;
		ww_draft__set_summary(draft, "SYNC");
	}
	newest(pg)->end = WW_POSTGRES_SYNCED;
}

static void flush_sent(struct ww_postgres *pg, struct ww_dialogue *dialogue)
{
	struct ww_postgres_unit *unit = newest(pg);

	if (!unit || unit->end != WW_POSTGRES_OPEN)
		return;
	unit->end = WW_POSTGRES_FLUSHED;
	/* Its answer may have come already, and of a failed one nothing else will come. */
	if (pg->len == 1 && (!unit->steps || unit->failed))
		finish_oldest(pg, dialogue);
}

static void sent_header(struct ww_postgres *pg, struct ww_dialogue *dialogue)
{
	uint8_t type = pg->sent.header[0];
	uint32_t len = ww_be32(pg->sent.header + 1), keep = 0;
	struct ww_draft *draft;

	if (!ww_postgres__may_send(type, len)) {
		lose(pg, dialogue);
		return;
	}
	switch (type) {
	case 'Q':
	case 'F':
		if (pg->len && newest(pg)->end == WW_POSTGRES_OPEN)
			newest(pg)->end = WW_POSTGRES_FLUSHED;
		open_unit(pg, dialogue);
		if (pg->len) {
			newest(pg)->simple = true;
			newest(pg)->end = WW_POSTGRES_SYNCED;
		}
		keep = type == 'Q' ? KEEP : 0;
		break;
	case 'P':
	case 'B':
	case 'D':
	case 'E':
	case 'C':
		join_unit(pg, dialogue);
		keep = KEEP;
		break;
	case 'S':
		sync_sent(pg, dialogue);
		break;
	default:
		break;
	}
	draft = newest_draft(pg, dialogue);
	if (draft)
		draft->bytes_out += (uint64_t)len + 1;
	if (draft && type == 'F')
		ww_draft__set_summary(draft, "CALL");
	if (!pg->sent.blind)
		ww_frame__expect(&pg->sent, len - 4, keep);
}

static void sent_message(struct ww_postgres *pg, struct ww_dialogue *dialogue, const struct ww_message *message)
{
	struct ww_postgres_unit *unit = newest(pg);
	struct ww_draft *draft = newest_draft(pg, dialogue);

	if (pg->starting) {
		startup(pg, dialogue, message);
		return;
	}
	if (message->type == 'H')
		flush_sent(pg, dialogue);
	if (!unit || !draft)
		return;
	switch (message->type) {
	case 'Q':
		ww_postgres__query(pg, unit, draft, message);
		break;
	case 'P':
		ww_postgres__parse(pg, unit, draft, message);
		break;
	case 'B':
		ww_postgres__bind(pg, unit, draft, message);
		break;
	case 'D':
		ww_postgres__describe(pg, unit, draft, message);
		break;
	case 'E':
		ww_postgres__execute(pg, unit, draft, message);
		break;
	case 'C':
		ww_postgres__close(pg, unit, draft, message);
		break;
	default:
		break;
	}
}

/* Another call sends: what that says of the answers before. */
static void send_begins(struct ww_postgres *pg, struct ww_dialogue *dialogue, uint8_t byte)
{
	struct ww_postgres_unit *unit = unit_at(pg, 0);

	if (unit && unit->answered) {
		finish_oldest(pg, dialogue);
		ww_frame__restart(&pg->sent);
		ww_frame__restart(&pg->received);
	} else if (unit && pg->received.blind && !pg->sent.blind && unit->end != WW_POSTGRES_OPEN && !unit->copies) {
		/* Something else begins, and the end of the answer before was not seen: it may be still to come. */
		lose(pg, dialogue);
		pg->heard = true;
	}
	if (pg->sent.blind && !pg->lost && !pg->len)
		ww_frame__restart(&pg->sent);
	if (!pg->lost)
		return;
	/* A client that waits for an answer may send as well; one whose answer has ended begins anew. */
	if (pg->heard && !ww_postgres__ends_answer(pg->tail, pg->tail_len, WW_POSTGRES_SYNCED) &&
	    !ww_postgres__ends_answer(pg->tail, pg->tail_len, WW_POSTGRES_FLUSHED))
		return;
	pg->starting = byte == 0;
	pg->sent.header_size = pg->starting ? 4 : 5;
	if (byte && !strchr("QPBDECSFH", byte))
		return;
	pg->lost = false;
	ww_frame__restart(&pg->sent);
	ww_frame__restart(&pg->received);
}

static void sent_bytes(struct ww_postgres *pg, struct ww_dialogue *dialogue, const uint8_t *at, size_t len)
{
	enum ww_frame_event event;
	struct ww_message message;

	if (pg->send_ended && len) {
		pg->send_ended = false;
		send_begins(pg, dialogue, *at);
	}
	if (pg->starting && !pg->len && !pg->sent.header_len && len && *at == TLS_HANDSHAKE) {
		open_unit(pg, dialogue);
		ww_dialogue__encrypted(dialogue);
		return;
	}
	if (pg->sent.blind && pg->len && !pg->lost)
		newest_draft(pg, dialogue)->bytes_out += len;
	while ((event = ww_frame__take(&pg->sent, &at, &len, &message)) != WW_FRAME_MORE) {
		if (event == WW_FRAME_MESSAGE)
			sent_message(pg, dialogue, &message);
		else if (pg->starting)
			startup_begins(pg, dialogue, ww_be32(pg->sent.header));
		else
			sent_header(pg, dialogue);
	}
}

static void sent_skip(struct ww_postgres *pg, struct ww_dialogue *dialogue, uint64_t len)
{
	bool blind = pg->sent.blind;
	struct ww_message message;
	struct ww_draft *draft;

	while (ww_frame__skip(&pg->sent, &len, &message) != WW_FRAME_MORE)
		sent_message(pg, dialogue, &message);
	if (pg->lost || !pg->sent.blind)
		return;
	/* How many units there are behind can't be told. What is copied belongs to the one that is. */
	if (!blind && pg->len && newest(pg)->copies)
		len += pg->sent.header_len;
	else if (!blind && pg->len == 1 && newest(pg)->end == WW_POSTGRES_OPEN && !pg->starting)
		newest(pg)->end = WW_POSTGRES_UNSEEN;
	else if (!blind)
		lose(pg, dialogue);
	draft = newest_draft(pg, dialogue);
	if (draft)
		draft->bytes_out += len;
}

/* ---- what is received */

/* ReadyForQuery: the oldest unit that is ended by it is over, and what was to be answered before it. */
static void ready(struct ww_postgres *pg, struct ww_dialogue *dialogue)
{
	struct ww_postgres_unit *unit;
	bool failed = false;

	if (!pg->len)
		return;
	if (unit_at(pg, 0)->end == WW_POSTGRES_UNSEEN) {
		unit_at(pg, 0)->answered = true;
		return;
	}
	pg->connecting = false;
	for (;;) {
		unit = unit_at(pg, 0);
		if (!unit || unit->end == WW_POSTGRES_OPEN || (!unit->failed && !failed && unit->steps)) {
			lose(pg, dialogue);
			return;
		}
		/* What is behind an error is passed over up to Sync. */
		if (failed && !unit->failed && unit->steps)
			ww_draft__set_error(ww_dialogue__draft(dialogue, 0), "aborted", strlen("aborted"));
		failed = failed || unit->failed;
		if (unit->end == WW_POSTGRES_SYNCED)
			break;
		close_oldest(pg, dialogue);
	}
	close_oldest(pg, dialogue);
}

/* An answer to one message of the oldest unit. */
static void step(struct ww_postgres *pg, struct ww_dialogue *dialogue)
{
	struct ww_postgres_unit *unit = unit_at(pg, 0);

	if (!unit || unit->simple || unit->end == WW_POSTGRES_UNSEEN)
		return;
	if (!unit->steps) {
		lose(pg, dialogue);
		return;
	}
	unit->steps--;
	if (!unit->steps && unit->end == WW_POSTGRES_FLUSHED)
		close_oldest(pg, dialogue);
}

static void error(struct ww_postgres *pg, struct ww_dialogue *dialogue, const struct ww_message *message)
{
	struct ww_postgres_unit *unit = unit_at(pg, 0);
	bool fatal = ww_postgres__error(ww_dialogue__draft(dialogue, 0), message);

	if (!unit)
		return;
	unit->failed = true;
	ww_prepared__forget_since(&pg->prepared, unit->number);
	if (fatal || pg->connecting) {
		close_oldest(pg, dialogue);
		lose(pg, dialogue);
	} else if (unit->end == WW_POSTGRES_FLUSHED && pg->len == 1) {
		close_oldest(pg, dialogue);
	}
}

/* Bytes of a message that say something of what is asked. */
static uint32_t wanted(const struct ww_postgres *pg, const struct ww_postgres_unit *unit, uint8_t type)
{
	if (type == 'E')
		return KEEP_ERROR;
	if (!unit || !unit->unseen_len)
		return 0;
	return type == 'C' ? KEEP_TAG : type == 'T' ? KEEP_COLUMNS : type == 'D' && !pg->rows_known ? 2 : 0;
}

static void received_header(struct ww_postgres *pg, struct ww_dialogue *dialogue)
{
	uint8_t type = pg->received.header[0];
	uint32_t len = ww_be32(pg->received.header + 1);
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);
	struct ww_postgres_unit *unit = unit_at(pg, 0);

	if (!ww_postgres__may_receive(type, len)) {
		lose(pg, dialogue);
		return;
	}
	ww_frame__expect(&pg->received, len - 4, wanted(pg, unit, type));
	if (!draft || !unit)
		return;
	draft->bytes_in += (uint64_t)len + 1;
	if (type != 'A' && type != 'N' && type != 'S')
		ww_dialogue__answered(dialogue, 0);
	if (type == 'G' || type == 'W')
		unit->copies = true;
	if (type == 'W')
		draft->flags |= WW_OPERATION_BLOCKING;
	if (type != 'Z')
		unit->answered = false;
	if (unit->end == WW_POSTGRES_UNSEEN && strchr("DCIs", type))
		ww_postgres__execute_unseen(pg, unit, draft);
}

static void received_message(struct ww_postgres *pg, struct ww_dialogue *dialogue, const struct ww_message *message)
{
	struct ww_postgres_unit *unit = unit_at(pg, 0);

	if (unit && strchr("TDnCIs", message->type))
		ww_postgres__answered(pg, unit, ww_dialogue__draft(dialogue, 0), message);
	switch (message->type) {
	case 'Z':
		ready(pg, dialogue);
		break;
	case 'E':
		error(pg, dialogue, message);
		break;
	case '1':
	case '2':
	case '3':
	case 'T':
	case 'n':
	case 'C':
	case 'I':
	case 's':
		step(pg, dialogue);
		break;
	default:
		break;
	}
}

static void received_blind(struct ww_postgres *pg, struct ww_dialogue *dialogue, uint64_t len)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);

	if (!pg->len || !draft || !len)
		return;
	draft->bytes_in += len;
	ww_dialogue__answered(dialogue, 0);
	unit_at(pg, 0)->answered = false;
}

static void received_bytes(struct ww_postgres *pg, struct ww_dialogue *dialogue, const uint8_t *at, size_t len)
{
	enum ww_frame_event event;
	struct ww_message message;

	if (pg->asks && len) {
		pg->asks = false;
		ww_dialogue__answered(dialogue, 0);
		if (*at == 'S' || *at == 'G') {
			ww_dialogue__encrypted(dialogue);
			return;
		}
		if (*at == 'N') {
			at++;
			len--;
		}
	}
	if (pg->received.blind) {
		ww_postgres__keep_tail(pg, at, len); /* in case that the call ends with them */
		pg->heard = true;
		received_blind(pg, dialogue, len);
		return;
	}
	while ((event = ww_frame__take(&pg->received, &at, &len, &message)) != WW_FRAME_MORE) {
		if (event == WW_FRAME_MESSAGE)
			received_message(pg, dialogue, &message);
		else
			received_header(pg, dialogue);
	}
}

static void received_skip(struct ww_postgres *pg, struct ww_dialogue *dialogue, uint64_t len)
{
	struct ww_message message;
	bool blind = pg->received.blind;

	while (ww_frame__skip(&pg->received, &len, &message) != WW_FRAME_MORE)
		received_message(pg, dialogue, &message);
	if (!pg->received.blind)
		return;
	pg->tail_len = 0;
	pg->heard = true;
	/* Whose answers these are could not be told apart. */
	if (!blind && pg->len > 1)
		lose(pg, dialogue);
	received_blind(pg, dialogue, len + (blind ? 0 : pg->received.header_len));
}

/* ---- the protocol */

static void begin(void *state, struct ww_dialogue *dialogue, bool whole)
{
	struct ww_postgres *pg = state;

	pg->shapes = ww_dialogue__shapes(dialogue);
	pg->sent.header_size = whole ? 4 : 5;
	pg->received.header_size = 5;
	pg->starting = whole;
	pg->lost = pg->sent.blind = pg->received.blind = !whole;
	pg->send_ended = true;
}

static void bytes(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, const uint8_t *at, size_t len)
{
	if (direction == WW_SENT)
		sent_bytes(state, dialogue, at, len);
	else
		received_bytes(state, dialogue, at, len);
}

static void skip(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, uint64_t len)
{
	if (direction == WW_SENT)
		sent_skip(state, dialogue, len);
	else
		received_skip(state, dialogue, len);
}

static void lost(void *state, struct ww_dialogue *dialogue)
{
	struct ww_postgres *pg = state;

	lose(pg, dialogue);
	ww_postgres__forget_unnamed(pg);
	pg->send_ended = true;
}

static void turn(void *state, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	struct ww_postgres *pg = state;
	struct ww_postgres_unit *unit = unit_at(pg, 0);

	if (direction == WW_SENT) {
		pg->send_ended = true;
	} else if (pg->received.blind && pg->len == 1) {
		unit->answered = ww_postgres__ends_answer(pg->tail, pg->tail_len, unit->end);
		if (unit->answered && unit->unseen_len)
			ww_postgres__answered_blind(pg, unit, ww_dialogue__draft(dialogue, 0));
	} else if (pg->len == 1 && unit->end == WW_POSTGRES_UNSEEN && !pg->received.header_len &&
		   strchr("TnCIs", pg->received.header[0])) {
		unit->answered = true; /* it may have been flushed */
	}
}

static void end(void *state)
{
	struct ww_postgres *pg = state;

	ww_frame__free(&pg->sent);
	ww_frame__free(&pg->received);
	ww_postgres__forget(pg);
}

const struct ww_protocol ww_protocol_postgres = {
	.name = "postgres",
	.size = sizeof(struct ww_postgres),
	.begin = begin,
	.bytes = bytes,
	.skip = skip,
	.lost = lost,
	.turn = turn,
	.end = end,
};

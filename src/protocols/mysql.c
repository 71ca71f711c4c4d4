/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * MySQL's protocol, which MariaDB speaks, too. A command is a packet with the number 0, those of its answer go on
 * counting: so it shows when something was taken for what it is not.
 *
 * Clients do not send a command before the one before is answered, but for some of MariaDB. So where an answer could
 * not be followed to its end, as its headers lie in bytes that are not at hand, the next command tells that it has
 * ended.
 */
#include <string.h>

#include "protocols/mysql_parts.h"
#include "util/bytes.h"

#define KEEP	      4096 /* bytes of a command */
#define KEEP_GREETING 256
#define KEEP_ANSWER   64
#define KEEP_COLUMN   160      /* of its definition: up to the table's name, most often */
#define LONGEST	      0xffffff /* a packet of that length goes on in the next one */

/* ---- units */

static struct ww_mysql_unit *unit_at(struct ww_mysql *my, uint32_t index)
{
	return index < my->len ? &my->units[(my->first + index) % WW_DRAFTS_MAX] : NULL;
}

static struct ww_mysql_unit *newest(struct ww_mysql *my)
{
	return my->len ? unit_at(my, my->len - 1) : NULL;
}

static struct ww_draft *newest_draft(struct ww_mysql *my, struct ww_dialogue *dialogue)
{
	return my->len ? ww_dialogue__draft(dialogue, my->len - 1) : NULL;
}

static void drop_oldest(struct ww_mysql *my)
{
	ww_statement__put(unit_at(my, 0)->statement);
	my->first = (my->first + 1) % WW_DRAFTS_MAX;
	my->len--;
}

static void drop_units(struct ww_mysql *my)
{
	while (my->len)
		drop_oldest(my);
}

/* Nothing that is under way can be paired. The next command may be where it can be again. */
static void lose(struct ww_mysql *my, struct ww_dialogue *dialogue)
{
	ww_dialogue__unsure(dialogue);
	drop_units(my);
	my->lost = my->sent.blind = my->received.blind = true;
	my->greets = my->connecting = my->sent_goes_on = my->received_goes_on = false;
}

static void open_unit(struct ww_mysql *my, struct ww_dialogue *dialogue)
{
	if (!ww_dialogue__open(dialogue)) {
		lose(my, dialogue);
		return;
	}
	my->len++;
	*newest(my) = (struct ww_mysql_unit){.next_sequence = 1};
}

static void close_oldest(struct ww_mysql *my, struct ww_dialogue *dialogue)
{
	bool compresses = my->connecting && my->compresses;

	my->connecting = false;
	ww_dialogue__close(dialogue, 0);
	drop_oldest(my);
	if (compresses)
		ww_dialogue__encrypted(dialogue);
}

/* ---- what is sent */

/* LOAD DATA LOCAL INFILE: packets are parts of it, whatever their numbers. */
static bool sends_file(struct ww_mysql *my)
{
	return my->len && newest(my)->file;
}

static void sent_header(struct ww_mysql *my, struct ww_dialogue *dialogue)
{
	const uint8_t *header = my->sent.header;
	uint32_t len = header[0] | header[1] << 8 | header[2] << 16;
	uint8_t sequence = header[3];
	struct ww_draft *draft;

	if (!sequence && !my->sent_goes_on && len && !sends_file(my))
		open_unit(my, dialogue);
	else if (my->len)
		newest(my)->next_sequence = (uint8_t)(sequence + 1);
	if (!len && my->len)
		newest(my)->file = false; /* it has ended */
	if (my->sent.blind)
		return;
	/* A part of what has no unit: of what was lost, or none at all. */
	draft = newest_draft(my, dialogue);
	if (!draft) {
		lose(my, dialogue);
		return;
	}
	draft->bytes_out += (uint64_t)len + 4;
	ww_frame__expect(&my->sent, len, sequence && !my->connecting ? 0 : KEEP);
}

/* The client's answer to the greeting. */
static void log_in(struct ww_mysql *my, struct ww_dialogue *dialogue, const struct ww_message *message)
{
	uint32_t agreed;

	if (message->have < 4 || newest(my)->next_sequence != 2)
		return;
	agreed = ww_le32(message->body);
	agreed &= my->capabilities;
	my->without_eof = agreed & WW_MYSQL_WITHOUT_EOF ? WW_MYSQL_YES : WW_MYSQL_NO;
	my->compresses = agreed & (WW_MYSQL_COMPRESS | WW_MYSQL_COMPRESS_ZSTD);
	if (agreed & WW_MYSQL_TLS && message->len == 32)
		ww_dialogue__encrypted(dialogue);
}

static void sent_message(struct ww_mysql *my, struct ww_dialogue *dialogue, const struct ww_message *message)
{
	struct ww_mysql_unit *unit = newest(my);
	struct ww_draft *draft = newest_draft(my, dialogue);
	bool goes_on = my->sent_goes_on;

	my->sent_goes_on = message->len == LONGEST;
	if (!unit || !draft)
		return;
	if (my->connecting) {
		log_in(my, dialogue, message);
	} else if (!my->sent.header[3] && !goes_on && message->len && !unit->file) {
		if (!message->have) {
			lose(my, dialogue);
		} else if (!ww_mysql__command(my, unit, draft, message)) {
			ww_dialogue__cancel(dialogue, my->len - 1);
			my->len--;
		}
	}
}

/* Another call sends. */
static void send_begins(struct ww_mysql *my, struct ww_dialogue *dialogue, const uint8_t *at, size_t len)
{
	bool command = len >= 4 && !at[3] && (at[0] || at[1] || at[2]) && !my->sent_goes_on;

	if (!command || my->connecting || sends_file(my))
		return;
	if (my->len == 1 && (my->received.blind || unit_at(my, 0)->answered) &&
	    ww_dialogue__draft(dialogue, 0)->answered_ns) {
		ww_dialogue__finish(dialogue, 0);
		drop_oldest(my);
		ww_frame__restart(&my->sent);
		ww_frame__restart(&my->received);
		my->received_goes_on = false;
	} else if (my->received.blind && my->len) {
		lose(my, dialogue);
	}
	if (my->sent.blind)
		ww_frame__restart(&my->sent);
	if (my->lost)
		ww_frame__restart(&my->received);
	my->lost = false;
}

static void sent_bytes(struct ww_mysql *my, struct ww_dialogue *dialogue, const uint8_t *at, size_t len)
{
	enum ww_frame_event event;
	struct ww_message message;

	if (my->send_ended && len) {
		my->send_ended = false;
		if (!my->sent.header_len && (my->sent.blind || !my->sent.left))
			send_begins(my, dialogue, at, len);
	}
	if (my->sent.blind && sends_file(my))
		newest_draft(my, dialogue)->bytes_out += len;
	while ((event = ww_frame__take(&my->sent, &at, &len, &message)) != WW_FRAME_MORE) {
		if (event == WW_FRAME_MESSAGE)
			sent_message(my, dialogue, &message);
		else
			sent_header(my, dialogue);
	}
}

static void sent_skip(struct ww_mysql *my, struct ww_dialogue *dialogue, uint64_t len)
{
	struct ww_message message;
	bool blind = my->sent.blind;

	while (ww_frame__skip(&my->sent, &len, &message) != WW_FRAME_MORE)
		sent_message(my, dialogue, &message);
	if (!my->sent.blind || my->lost)
		return;
	/* Of a file nothing needs to be known but that there is an answer to it. */
	if (sends_file(my))
		newest_draft(my, dialogue)->bytes_out += len + (blind ? 0 : my->sent.header_len);
	else
		lose(my, dialogue);
}

/* ---- what is received */

static void greeting(struct ww_mysql *my, struct ww_dialogue *dialogue, const struct ww_message *message)
{
	struct ww_draft *draft;

	my->greets = false;
	if (message->have && message->body[0] != 0xff && !ww_mysql__greeting(message, &my->capabilities)) {
		lose(my, dialogue);
		return;
	}
	open_unit(my, dialogue);
	draft = newest_draft(my, dialogue);
	if (!draft)
		return;
	draft->flags |= WW_OPERATION_CONNECT;
	ww_draft__set_summary(draft, "connect");
	draft->bytes_in += message->len + 4;
	if (message->have && message->body[0] == 0xff) {
		ww_mysql__error(draft, message); /* too many connections */
		close_oldest(my, dialogue);
		return;
	}
	my->connecting = true;
}

/* A result is over. */
static void result_ends(struct ww_mysql *my, struct ww_dialogue *dialogue, const struct ww_message *message)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);
	uint16_t status;

	if (!ww_mysql__status(message, &status)) {
		my->received.blind = true;
		return;
	}
	my->plain = status & WW_MYSQL_PLAIN_BACKSLASH;
	if (status & WW_MYSQL_MORE_RESULTS) {
		unit_at(my, 0)->phase = WW_MYSQL_FIRST;
		if (draft && draft->flags & WW_OPERATION_UNSEEN && !(draft->flags & WW_OPERATION_BATCH))
			ww_mysql__unseen_call(my, unit_at(my, 0), draft);
	} else
		close_oldest(my, dialogue);
}

/* What has been prepared, and what its parameters and columns will be. */
static void prepared(struct ww_mysql *my, struct ww_dialogue *dialogue, const struct ww_message *message)
{
	struct ww_mysql_unit *unit = unit_at(my, 0);
	const uint8_t *at = message->body;

	if (message->have < 9) {
		my->received.blind = true;
		return;
	}
	ww_prepared__set(&my->prepared, ww_le32(at + 1), 0, unit->statement);
	unit->columns = at[5] | at[6] << 8;
	unit->params = at[7] | at[8] << 8;
	if (unit->statement)
		unit->statement->parameters = (uint16_t)unit->params;
	unit->phase = unit->params ? WW_MYSQL_PARAMS : WW_MYSQL_COLUMNS;
	if (!unit->params && !unit->columns)
		close_oldest(my, dialogue);
}

static void first_packet(struct ww_mysql *my, struct ww_dialogue *dialogue, const struct ww_message *message)
{
	struct ww_mysql_unit *unit = unit_at(my, 0);
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);
	const uint8_t *at = message->body, *end = at + message->have;
	uint8_t first = *at;

	if (unit->command == WW_MYSQL_STATISTICS) {
		close_oldest(my, dialogue);
	} else if (unit->command == WW_MYSQL_STMT_PREPARE) {
		prepared(my, dialogue, message);
	} else if (unit->command == WW_MYSQL_CHANGE_USER || my->connecting) {
		if (first == 0)
			close_oldest(my, dialogue); /* or else the log-in goes on */
	} else if (first == 0 || first == 0xfe) {
		if (unit->unseen && draft)
			ww_mysql__unseen_changed(my, unit, draft, message);
		result_ends(my, dialogue, message);
	} else if (first == 0xfb) {
		unit->file = true; /* is asked for; another answer follows */
	} else if (unit->command == WW_MYSQL_FIELD_LIST) {
		return; /* a field */
	} else if (ww_mysql__number(&at, end, &unit->columns) && unit->columns) {
		/* MariaDB says behind it whether the columns are defined once more. */
		unit->phase = message->len == (uint64_t)(at - message->body) + 1 && !*at ? WW_MYSQL_COLUMNS_ENDED
											 : WW_MYSQL_COLUMNS;
		unit->all_columns = unit->columns;
		if (unit->unseen && draft && unit->phase == WW_MYSQL_COLUMNS_ENDED)
			ww_mysql__unseen_rows(my, unit, draft, NULL);
	} else {
		lose(my, dialogue);
	}
}

/* Definitions are over; PREPARE has nothing behind them but an EOF, if that is not left out. */
static void definitions_end(struct ww_mysql *my, struct ww_dialogue *dialogue)
{
	struct ww_mysql_unit *unit = unit_at(my, 0);

	if (unit->phase == WW_MYSQL_PARAMS) {
		unit->phase = my->without_eof == WW_MYSQL_YES ? WW_MYSQL_COLUMNS : WW_MYSQL_PARAMS_ENDED;
		if (unit->columns)
			return;
	} else {
		unit->phase = my->without_eof == WW_MYSQL_YES ? WW_MYSQL_ROWS : WW_MYSQL_COLUMNS_ENDED;
		if (unit->unseen)
			ww_mysql__unseen_rows(my, unit, ww_dialogue__draft(dialogue, 0), NULL);
	}
	if (unit->command != WW_MYSQL_STMT_PREPARE)
		return;
	if (my->without_eof == WW_MYSQL_YES)
		close_oldest(my, dialogue);
	else if (my->without_eof == WW_MYSQL_UNKNOWN)
		unit->answered = true;
}

static void received_message(struct ww_mysql *my, struct ww_dialogue *dialogue, const struct ww_message *message)
{
	struct ww_mysql_unit *unit = unit_at(my, 0);
	bool goes_on = my->received_goes_on, eof;
	uint16_t status = 0;
	uint8_t first;

	my->received_goes_on = message->len == LONGEST;
	if (my->greets) {
		greeting(my, dialogue, message);
		return;
	}
	if (!unit || goes_on)
		return;
	if (!message->have) {
		my->received.blind = true; /* what it is can't be told */
		return;
	}
	first = message->body[0];
	if (first == 0xff && unit->phase != WW_MYSQL_PARAMS && unit->phase != WW_MYSQL_COLUMNS) {
		ww_mysql__error(ww_dialogue__draft(dialogue, 0), message);
		close_oldest(my, dialogue);
		return;
	}
	eof = first == 0xfe && message->len == 5;
	switch (unit->phase) {
	case WW_MYSQL_FIRST:
		first_packet(my, dialogue, message);
		return;
	case WW_MYSQL_PARAMS:
		if (!--unit->params)
			definitions_end(my, dialogue);
		return;
	case WW_MYSQL_COLUMNS:
		if (unit->unseen)
			ww_mysql__unseen_rows(my, unit, ww_dialogue__draft(dialogue, 0), message);
		if (!--unit->columns)
			definitions_end(my, dialogue);
		return;
	case WW_MYSQL_PARAMS_ENDED:
		my->without_eof = eof ? WW_MYSQL_NO : WW_MYSQL_YES;
		unit->phase = WW_MYSQL_COLUMNS;
		if (!unit->columns)
			close_oldest(my, dialogue);
		else if (!eof && !--unit->columns) /* it was a column */
			definitions_end(my, dialogue);
		return;
	case WW_MYSQL_COLUMNS_ENDED:
		my->without_eof = eof ? WW_MYSQL_NO : WW_MYSQL_YES;
		unit->phase = WW_MYSQL_ROWS;
		if (eof && (unit->command == WW_MYSQL_STMT_PREPARE ||
			    (ww_mysql__status(message, &status) && status & WW_MYSQL_CURSOR))) {
			close_oldest(my, dialogue);
			return;
		}
		if (eof)
			return;
		break;
	default:
		break;
	}
	/* Rows that begin like that are longer. */
	if (first == 0xfe && message->len < LONGEST)
		result_ends(my, dialogue, message);
}

static void received_header(struct ww_mysql *my, struct ww_dialogue *dialogue)
{
	const uint8_t *header = my->received.header;
	uint32_t len = header[0] | header[1] << 8 | header[2] << 16;
	struct ww_mysql_unit *unit = unit_at(my, 0);
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);

	if (my->greets ? header[3] != 0 : unit && header[3] != unit->next_sequence && !unit->file) {
		lose(my, dialogue);
		return;
	}
	ww_frame__expect(&my->received, len,
			 my->greets		? KEEP_GREETING
			 : unit && unit->unseen ? KEEP_COLUMN
						: KEEP_ANSWER);
	if (!unit || !draft)
		return;
	unit->next_sequence = (uint8_t)(header[3] + 1);
	draft->bytes_in += (uint64_t)len + 4;
	ww_dialogue__answered(dialogue, 0);
}

static void received_blind(struct ww_mysql *my, struct ww_dialogue *dialogue, uint64_t len)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);

	if (!my->len || !draft)
		return;
	draft->bytes_in += len;
	ww_dialogue__answered(dialogue, 0);
}

static void received_bytes(struct ww_mysql *my, struct ww_dialogue *dialogue, const uint8_t *at, size_t len)
{
	enum ww_frame_event event;
	struct ww_message message;

	if (my->received.blind) {
		received_blind(my, dialogue, len);
		return;
	}
	while ((event = ww_frame__take(&my->received, &at, &len, &message)) != WW_FRAME_MORE) {
		if (event == WW_FRAME_MESSAGE)
			received_message(my, dialogue, &message);
		else
			received_header(my, dialogue);
	}
}

static void received_skip(struct ww_mysql *my, struct ww_dialogue *dialogue, uint64_t len)
{
	struct ww_message message;
	bool blind = my->received.blind;

	while (ww_frame__skip(&my->received, &len, &message) != WW_FRAME_MORE)
		received_message(my, dialogue, &message);
	if (!my->received.blind)
		return;
	/* Whose answers these are could not be told apart. */
	if (!blind && !my->lost && (my->len > 1 || my->connecting || my->greets))
		lose(my, dialogue);
	received_blind(my, dialogue, len + (blind ? 0 : my->received.header_len));
}

/* ---- the protocol */

static void begin(void *state, struct ww_dialogue *dialogue, bool whole)
{
	struct ww_mysql *my = state;

	my->shapes = ww_dialogue__shapes(dialogue);
	my->sent.header_size = my->received.header_size = 4;
	my->greets = whole;
	my->lost = my->sent.blind = my->received.blind = !whole;
	my->send_ended = true;
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
	struct ww_mysql *my = state;

	lose(my, dialogue);
	ww_statement__put(my->newest);
	my->newest = NULL;
	my->send_ended = true;
}

static void turn(void *state, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	struct ww_mysql *my = state;

	(void)dialogue;
	if (direction == WW_SENT)
		my->send_ended = true;
}

static void end(void *state)
{
	struct ww_mysql *my = state;

	drop_units(my);
	ww_frame__free(&my->sent);
	ww_frame__free(&my->received);
	ww_statement__put(my->newest);
	ww_prepared__free(&my->prepared);
}

const struct ww_protocol ww_protocol_mysql = {
	.name = "mysql",
	.size = sizeof(struct ww_mysql),
	.begin = begin,
	.bytes = bytes,
	.skip = skip,
	.lost = lost,
	.turn = turn,
	.end = end,
};

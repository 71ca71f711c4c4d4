/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a client and a PostgreSQL say, message by message, for the tests of its parser. */
#ifndef WHYWAIT_UNIT_POSTGRES_TALK_H
#define WHYWAIT_UNIT_POSTGRES_TALK_H

#include "dialogues.h"

static struct talk talk;

static inline void add_header(char type, size_t len)
{
	uint8_t header[] = {(uint8_t)type, (uint8_t)((len + 4) >> 24), (uint8_t)((len + 4) >> 16),
			    (uint8_t)((len + 4) >> 8), (uint8_t)(len + 4)};

	talk_add(&talk, header, sizeof(header));
}

static inline void add(char type, const void *body, size_t len)
{
	add_header(type, len);
	talk_add(&talk, body, len);
}

/* A message of a literal, whose NUL does not count. */
#define ADD(type, body) add(type, body, sizeof(body) - 1)

static inline void send(void)
{
	talk_move(&talk, WW_SENT);
}

static inline void receive(void)
{
	talk_move(&talk, WW_RECEIVED);
}

static inline void add_ready(void)
{
	ADD('Z', "I");
}

static inline void add_rows(size_t count)
{
	for (size_t i = 0; i < count; i++)
		ADD('D', "\0\1\0\0\0\10abcdefgh");
}

static inline void add_execution(const char *statement, const char *value)
{
	size_t len = strlen(statement), value_len = strlen(value);
	uint8_t body[64] = {0}, *at = body + 1 + len + 1;

	/* Strings of messages have a NUL, values have none. */
	memcpy(body + 1, statement, len); // NOLINT(bugprone-not-null-terminated-result)
	at[3] = 1;			  /* no formats, one value */
	at[7] = (uint8_t)value_len;
	memcpy(at + 8, value, value_len); // NOLINT(bugprone-not-null-terminated-result)
	add('B', body, (size_t)(at - body) + 8 + value_len + 2);
	ADD('E', "\0\0\0\0\0");
}

static inline void query(const char *text)
{
	add('Q', text, strlen(text) + 1);
	send();
}

static inline void answer(const char *tag)
{
	add('C', tag, strlen(tag) + 1);
	add_ready();
	receive();
}

static inline void begin(bool whole)
{
	talk_begin(&talk, &ww_protocol_postgres, whole);
}

static inline void log_in(void)
{
	static const char startup[] = "\0\0\0\20\0\3\0\0user\0a\0";

	talk_add(&talk, startup, 16);
	send();
	ADD('R', "\0\0\0\5abcd");
	receive();
	ADD('p', "md5\0");
	send();
	ADD('R', "\0\0\0\0");
	for (int i = 0; i < 20; i++)
		ADD('S', "TimeZone\0GMT\0"); /* more than is at hand */
	ADD('K', "12345678");
	add_ready();
	receive();
}

#endif

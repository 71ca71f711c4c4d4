/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a client of Redis sends: arrays of bulk strings, and lines. */
#ifndef WHYWAIT_REDIS_SENT_H
#define WHYWAIT_REDIS_SENT_H

#include "protocols/dialogue.h"
#include "protocols/ordered.h"
#include "protocols/redis_commands.h"

#define WW_REDIS_ARGUMENT_KEPT 160 /* bytes of an argument */
#define WW_REDIS_LONGEST_NAME  32  /* bytes of a part of a command's name that is not known */

/* A decimal number in a line, which ends with "\r\n". */
struct ww_redis_number {
	uint64_t value;
	uint8_t digits;
	bool negative, ended, bad;
};

static inline void ww_redis_number__add(struct ww_redis_number *number, char c)
{
	if (number->ended) {
		number->bad = true;
	} else if (c == '-' && !number->digits && !number->negative) {
		number->negative = true;
	} else if (c >= '0' && c <= '9' && number->digits < 18) {
		number->value = number->value * 10 + (uint64_t)(c - '0');
		number->digits++;
	} else {
		number->ended = true;
		number->bad = c != '\r';
	}
}

static inline bool ww_redis_number__is_good(const struct ww_redis_number *number)
{
	return !number->bad && number->ended && number->digits;
}

struct ww_redis_sent {
	uint8_t at;
	bool whole;	  /* all of the command's bytes were at hand */
	bool streams;	  /* STREAMS was said: the next argument is a key */
	bool cursor_zero; /* a scan begins */
	bool keyless;	  /* a script without keys */
	bool silent;	  /* CLIENT REPLY OFF: nothing is answered */
	bool skipped;	  /* CLIENT REPLY SKIP: the next command is not answered */
	bool subscribed;  /* messages may come */
	bool endless;	  /* what comes behind the last answer answers nothing */
	struct ww_redis_number number;
	uint32_t arguments, index; /* how many there are, and which one is at hand */
	uint64_t len, left;	   /* of the argument at hand; what of it is still to come */
	uint64_t start_ns;
	uint64_t bytes; /* of the command, so far */
	uint64_t hash;
	const struct ww_redis_command *command; /* NULL: not known */
	uint16_t flags;				/* enum ww_operation_flags */
	uint16_t kept;				/* bytes in `argument` */
	char argument[WW_REDIS_ARGUMENT_KEPT];
	char name[2 * (WW_REDIS_LONGEST_NAME + 1)]; /* with the subcommand; "" when it is no name */
	char script[WW_REDIS_LONGEST_NAME + 1];	    /* "": none that can be told */
	char key[WW_SUMMARY_SIZE];
};

/* The next byte is a command's first. */
void ww_redis_sent__anew(struct ww_redis_sent *sent);

/* Whether no command is at hand. */
bool ww_redis_sent__is_between(const struct ww_redis_sent *sent);

/* Opens drafts. False when these bytes are no command: all has to be given up. */
bool ww_redis_sent__bytes(struct ww_redis_sent *sent, const struct ww_ordered *ordered, struct ww_dialogue *dialogue,
			  const uint8_t *bytes, size_t len);
void ww_redis_sent__skip(struct ww_redis_sent *sent, struct ww_ordered *ordered, struct ww_dialogue *dialogue,
			 uint64_t len);

#endif

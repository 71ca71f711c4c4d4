/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is known of Redis' commands by their names. */
#ifndef WHYWAIT_REDIS_COMMANDS_H
#define WHYWAIT_REDIS_COMMANDS_H

#include <stddef.h>
#include <stdint.h>

#define WW_REDIS_COMMAND_SIZE 24 /* bytes of the longest name with its NUL */

/* The types that an answer can have, besides errors, null and QUEUED. 0: any. */
enum ww_redis_reply {
	WW_REDIS_STATUS = 1 << 0,
	WW_REDIS_INTEGER = 1 << 1,
	WW_REDIS_BULK = 1 << 2,
	WW_REDIS_AGGREGATE = 1 << 3,
	WW_REDIS_PUBSUB = 1 << 4, /* no answer but what comes out of band, one for each argument */
};

enum ww_redis_trait {
	WW_REDIS_CONTAINER = 1 << 0, /* its first argument is a part of its name */
	WW_REDIS_MANY = 1 << 1,	     /* more keys may follow the first */
	WW_REDIS_SCRIPT = 1 << 2,    /* its first argument is a script, or a script's digest */
	WW_REDIS_BLOCK = 1 << 3,     /* it waits when an argument says BLOCK */
	WW_REDIS_STREAMS = 1 << 4,   /* its key comes behind STREAMS */
	WW_REDIS_CURSOR = 1 << 5,    /* the argument behind its key (or its first) is a cursor: 0 begins */
	WW_REDIS_REPLY = 1 << 6,     /* CLIENT: may switch answers off */
	WW_REDIS_ENDLESS = 1 << 7,   /* what follows its answer answers nothing: MONITOR, SYNC */
};

struct ww_redis_command {
	char name[WW_REDIS_COMMAND_SIZE];
	uint16_t flags; /* enum ww_operation_flags */
	uint8_t traits; /* enum ww_redis_trait */
	uint8_t key;	/* which argument is the key; 0: none */
	uint8_t reply;	/* enum ww_redis_reply */
};

/* The command of that name, in any case; NULL when it is none that is known. */
const struct ww_redis_command *ww_redis_command__find(const char *name, size_t len);

#endif

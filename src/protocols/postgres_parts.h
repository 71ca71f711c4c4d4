/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files postgres*.c share. */
#ifndef WHYWAIT_POSTGRES_PARTS_H
#define WHYWAIT_POSTGRES_PARTS_H

#include "protocols/dialogue.h"
#include "protocols/frame.h"
#include "protocols/prepared.h"

enum ww_postgres_end {
	WW_POSTGRES_OPEN,    /* the client has more to say */
	WW_POSTGRES_FLUSHED, /* answered when each of its messages is */
	WW_POSTGRES_SYNCED,  /* answered by ReadyForQuery */
	WW_POSTGRES_UNSEEN,  /* what else the client said is not at hand */
};

/* Messages that are answered together; one for each draft, in the same order. */
struct ww_postgres_unit {
	uint64_t number;    /* of all units of the connection */
	uint64_t arguments; /* of all its executions so far */
	uint64_t parsed;    /* key of the statement that was parsed last; 0: none */
	uint64_t shown;	    /* hash of the statement that was added last to the draft */
	uint32_t steps;	    /* messages that are still to be answered one by one */
	uint8_t end;	    /* enum ww_postgres_end */
	bool simple;	    /* not counted in steps */
	bool executes;
	bool unknown; /* arguments of an execution were not at hand */
	bool failed;
	bool copies;   /* it takes what the client copies */
	bool answered; /* the end of its answer was seen, if nothing else comes */
};

#define WW_POSTGRES_PORTALS 4

struct ww_postgres_portal {
	uint64_t key;
	uint64_t arguments; /* 0: not known */
	bool executed;
	struct ww_statement *statement; /* NULL: not known */
};

struct ww_postgres {
	struct ww_frame sent, received;
	bool starting;	 /* a start-up packet is to come, which has no type */
	bool connecting; /* the log-in is not over */
	bool asks;	 /* one byte answers whether there will be encryption */
	bool lost;	 /* where messages begin is not known; what is sent next may tell */
	bool heard;	 /* the server has said something since it was lost */
	bool send_ended; /* what is sent next is sent by another call */
	uint8_t tail_len;
	uint8_t tail[64]; /* what was received last while blind */

	uint64_t units_ever;
	uint32_t first, len;
	struct ww_postgres_unit units[WW_DRAFTS_MAX];

	struct ww_sql_shapes *shapes; /* of the dialogue's owner */
	uint32_t next_portal;
	struct ww_postgres_portal portals[WW_POSTGRES_PORTALS];
	struct ww_prepared prepared;
};

/* Whether a message may be of that type and length: false for most other bytes. */
bool ww_postgres__may_send(uint8_t type, uint64_t len);
bool ww_postgres__may_receive(uint8_t type, uint64_t len);

/* Whether what was received last looks like the end of an answer that ends so. */
bool ww_postgres__ends_answer(const uint8_t *tail, size_t len, enum ww_postgres_end end);

/* What the client's messages say goes to the draft and its unit. */
void ww_postgres__query(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
			const struct ww_message *message);
void ww_postgres__parse(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
			const struct ww_message *message);
void ww_postgres__bind(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
		       const struct ww_message *message);
void ww_postgres__describe(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
			   const struct ww_message *message);
void ww_postgres__execute(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
			  const struct ww_message *message);
/* The answer shows that what was parsed has been executed, by a message that was not at hand. */
void ww_postgres__execute_unseen(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft);
void ww_postgres__close(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
			const struct ww_message *message);

/* SQLSTATE into the draft; whether the server ends the connection by it. */
bool ww_postgres__error(struct ww_draft *draft, const struct ww_message *message);

/* What bytes that are missing may have given another meaning; programs give a name only once. */
void ww_postgres__forget_unnamed(struct ww_postgres *postgres);
void ww_postgres__forget(struct ww_postgres *postgres);

#endif

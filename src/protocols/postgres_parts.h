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

/* An execution of a statement that was prepared before: its answer says what can be known of it. */
struct ww_postgres_unseen {
	uint64_t name;	/* key of the statement's */
	uint32_t index; /* of the execution in its unit */
	uint16_t parameters;
	bool fetches;
};

#define WW_POSTGRES_UNSEEN_MAX 2 /* of a unit: BEGIN and what follows it; where there are more, it is a batch */

/* Messages that are answered together; one for each draft, in the same order. */
struct ww_postgres_unit {
	uint64_t number;     /* of all units of the connection */
	uint64_t arguments;  /* of all its executions so far */
	uint64_t parsed;     /* key of the statement that was parsed last; 0: none */
	uint64_t shown;	     /* hash of the statement that was added last to the draft */
	uint32_t steps;	     /* messages that are still to be answered one by one */
	uint32_t executions; /* that were sent */
	uint32_t completed;  /* of these, that were answered */
	struct ww_postgres_unseen unseen[WW_POSTGRES_UNSEEN_MAX];
	uint8_t unseen_len;
	uint8_t end;  /* enum ww_postgres_end */
	bool simple;  /* not counted in steps */
	bool asks;    /* one of them was no BEGIN or the like */
	bool named;   /* the draft says what is executed */
	bool unknown; /* arguments of an execution were not at hand */
	bool failed;
	bool copies;   /* it takes what the client copies */
	bool answered; /* the end of its answer was seen, if nothing else comes */
};

#define WW_POSTGRES_PORTALS 4

struct ww_postgres_portal {
	uint64_t key;
	uint64_t arguments; /* 0: not known */
	uint64_t name;	    /* key of the statement's; 0: it has none */
	uint16_t parameters;
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

	bool rows_known;
	char rows[96]; /* of the execution that is being answered: "price, name FROM 16385::regclass" */

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

/* The tag of the CommandComplete that the tail ends with, but for ReadyForQuery; 0: it has none. */
size_t ww_postgres__last_tag(const uint8_t *tail, size_t len, const char **tag);

/* Keeps the last bytes of the tail and of what was received behind it. */
void ww_postgres__keep_tail(struct ww_postgres *postgres, const uint8_t *at, size_t len);

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
/* The draft's next execution is one of this statement; NULL: not known. */
void ww_postgres__add_execution(struct ww_postgres_unit *unit, struct ww_draft *draft, struct ww_statement *statement,
				bool fetches);
/* The answer shows that what was parsed has been executed, by a message that was not at hand. */
void ww_postgres__execute_unseen(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft);
void ww_postgres__close(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
			const struct ww_message *message);

/* What an answer's messages of rows, and of what has ended, say of statements that were prepared before; blind, its
 * tail. The draft may be NULL. */
void ww_postgres__answered(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
			   const struct ww_message *message);
void ww_postgres__answered_blind(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft);

/* SQLSTATE into the draft; whether the server ends the connection by it. */
bool ww_postgres__error(struct ww_draft *draft, const struct ww_message *message);

/* What bytes that are missing may have given another meaning; programs give a name only once. */
void ww_postgres__forget_unnamed(struct ww_postgres *postgres);
void ww_postgres__forget(struct ww_postgres *postgres);

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For protocols whose answers come in the order of the commands and say nothing of them: a parser that has lost its
 * place, or was never told it, must find out when none is outstanding.
 *
 * Most clients wait for all answers before they send again. For them a send that follows a receive begins anew, and
 * what was received last ends whatever was outstanding, even where its bytes are not at hand. A client that shares its
 * connection (`multiplexed`) shows it by sending while an answer is due: from it on only silence is proof.
 */
#ifndef WHYWAIT_ORDERED_H
#define WHYWAIT_ORDERED_H

#include "protocols/dialogue.h"

/* Longer than an answer takes, most often; an application's thinking time, or its idle pool's, is longer still. */
#define WW_ORDERED_IDLE_NS 10000000

/* Answers to come of a draft whose `count` is not known. */
#define WW_ORDERED_UNKNOWN UINT32_MAX

struct ww_ordered {
	uint64_t last_ns;
	uint64_t last_request; /* that the last call was made for */
	bool lost;	       /* calls are missing in front of the one at hand */
	uint8_t last;	       /* direction of the last call, + 1 */
	bool in_call;
	bool sure;   /* which command the next answer belongs to is known; the parser looks at nothing else */
	bool proven; /* by more than the assumption that the client waits */
	bool multiplexed;
	bool midway;	   /* kept by the parser: a command has begun, and more of it is to be sent */
	bool blurred;	   /* where the answers end, from here to the next send, is not known */
	bool cut;	   /* which commands there are, from here to the next receive, is not known */
	bool cut_answered; /* once: if it is again, there was more than one */
};

void ww_ordered__begin(struct ww_ordered *ordered, bool whole);
void ww_ordered__lost(struct ww_ordered *ordered);
void ww_ordered__turn(struct ww_ordered *ordered);

/*
 * To be told of all that a parser is given, first: true when both directions begin anew, at a message's first byte.
 * Then, and later on, the parser must look at bytes only while `sure`.
 */
bool ww_ordered__moved(struct ww_ordered *ordered, struct ww_dialogue *dialogue, enum ww_direction direction);

/*
 * A command begins: its draft, with a `count` of 1. NULL when there are too many: the newest one then stands for this
 * one, too, is WW_OPERATION_BATCH, and its `count` has grown.
 */
struct ww_draft *ww_ordered__open(struct ww_dialogue *dialogue);

/* A whole answer was received. False when none was due: what was paired before may be wrong. */
bool ww_ordered__answered(struct ww_ordered *ordered, struct ww_dialogue *dialogue);

/* Whether the first bytes that are sent in a call are TLS: a record's type, and a version that every one has. */
bool ww_ordered__is_tls(const uint8_t *bytes, size_t len);

/* The call at hand, which sends, begins what is taken by round trips from now on; its draft is the only one. */
void ww_ordered__round_trip(struct ww_dialogue *dialogue);

/* The parser does not understand what it sees. */
void ww_ordered__give_up(struct ww_ordered *ordered, struct ww_dialogue *dialogue);

/* Bytes are missing, and with them where this answer and all others that are due end. */
void ww_ordered__blur(struct ww_ordered *ordered, struct ww_dialogue *dialogue);

/*
 * Bytes are missing, and with them the rest of the command at hand and which ones follow: all of them become one. That
 * is returned, to be filled in with what is known of the first; NULL when there is none.
 */
struct ww_draft *ww_ordered__cut(struct ww_ordered *ordered, struct ww_dialogue *dialogue);

/* Bytes are missing, and with them where the newest draft's command ends. */
void ww_ordered__cut_short(struct ww_ordered *ordered, struct ww_dialogue *dialogue);

/* The draft stands for several commands that were sent together. */
void ww_ordered__make_batch(struct ww_draft *draft);

#endif

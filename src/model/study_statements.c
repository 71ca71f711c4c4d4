/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which statements a request ran, how often, and what of that was one after the other or asked before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/study_parts.h"
#include "util/hash.h"

#define PEERS 64 /* kept apart by a hash: two in one place only hide repeats */

/* Not what a query of the program's own is: it can't be asked for once instead of often. */
#define NO_QUERY                                                                                                       \
	(WW_OPERATION_CONNECT | WW_OPERATION_CONTROL | WW_OPERATION_BLOCKING | WW_OPERATION_UNFINISHED |               \
	 WW_OPERATION_UNCAPTURED)
/* More rows of one query, or many that were sent together: what mending it would lead to. */
#define NO_ROUND  (NO_QUERY | WW_OPERATION_FETCH | WW_OPERATION_BATCH | WW_OPERATION_PIPELINED)
/* What is behind a statement that was cut may differ. */
#define NO_REPEAT (NO_QUERY | WW_OPERATION_FETCH | WW_OPERATION_BATCH | WW_OPERATION_CUT)

/* What was asked so far in a request: a set of hashes, and how often something was written to each peer. */
struct asked {
	uint64_t *slots; /* 0: free */
	size_t mask;
	uint32_t writes[PEERS];
};

/* Adds; whether it was there. */
static bool was_asked(struct asked *asked, uint64_t hash)
{
	size_t at = hash & asked->mask;

	hash |= !hash;
	for (; asked->slots[at]; at = (at + 1) & asked->mask)
		if (asked->slots[at] == hash)
			return true;
	asked->slots[at] = hash;
	return false;
}

static uint32_t *writes_to(struct asked *asked, const struct ww_operation *operation)
{
	return &asked->writes[ww_hash(0, operation->peer, strlen(operation->peer)) % PEERS];
}

/*
 * Whether it asks for something that could be asked for otherwise. Several statements in one are no such question: they
 * are named by the first of them, such as those by which a pool cleans up a connection.
 */
static bool is_question(const struct ww_operation *operation)
{
	return operation->flags & WW_OPERATION_READ && !strchr(operation->statement, ';');
}

static bool is_repeat(struct asked *asked, const struct ww_operation *operation, uint32_t subject)
{
	uint64_t parts[] = {subject, operation->arguments, *writes_to(asked, operation)};

	if (!is_question(operation) || operation->flags & NO_REPEAT || !operation->arguments)
		return false;
	return was_asked(asked, ww_hash(0, parts, sizeof(parts)));
}

/*
 * The reads of one statement, with other arguments: one that did not run beside those before is one more round. What is
 * known of statements whose text was not seen may be the same for several of them: they are told apart by number.
 */
struct round {
	uint32_t subject; /* + 1; 0: free */
	uint32_t rounds;
	uint64_t prepared;
	uint64_t until_ns;   /* the newest end so far */
	uint64_t longest_ns; /* stays when all are one */
	uint64_t saves_ns;   /* all but that one */
};

static struct round *round_of(struct round *rounds, size_t mask, uint32_t subject, uint64_t prepared)
{
	uint64_t parts[] = {subject, prepared};
	size_t at = ww_hash(0, parts, sizeof(parts)) & mask;

	while (rounds[at].subject && (rounds[at].subject != subject + 1 || rounds[at].prepared != prepared))
		at = (at + 1) & mask;
	rounds[at].subject = subject + 1;
	rounds[at].prepared = prepared;
	return &rounds[at];
}

static void add_round(struct ww_note *note, struct round *round, const struct ww_stretch *stretch,
		      const struct ww_alone *alone)
{
	uint64_t saves = alone->wait_ns + alone->queue_ns + alone->runq_ns;

	if (!round->rounds || stretch->from_ns >= round->until_ns)
		round->rounds++;
	if (stretch->to_ns > round->until_ns)
		round->until_ns = stretch->to_ns;
	round->saves_ns += saves < round->longest_ns ? saves : round->longest_ns;
	if (saves > round->longest_ns)
		round->longest_ns = saves;
	if (round->rounds < note->rounds)
		return;
	note->rounds = round->rounds;
	note->rounds_saves_ns = round->saves_ns;
}

static int add(struct ww_study *study, const struct ww_request *request, size_t at, const struct ww_alone *alone,
	       struct asked *asked, struct round *rounds)
{
	const struct ww_operation *operation = &request->operations[at];
	struct ww_stretch stretch = ww_overlap__stretch(request, operation);
	const struct ww_subject subject = {
		.kind = operation->kind,
		.system = operation->system,
		.peer = operation->peer,
		.summary = operation->summary,
		.statement = operation->statement,
		.quickest_ns = operation->duration_ns,
		.flags = operation->flags,
	};
	struct ww_note *note;
	uint32_t id;
	int err = ww_study__subject(study, &subject, &id);

	if (err || id == WW_INTERN_NONE)
		return err;
	if (operation->duration_ns < study->subjects[id].quickest_ns)
		study->subjects[id].quickest_ns = operation->duration_ns;
	study->subjects[id].flags &= operation->flags;
	note = ww_study__note(study, id);
	if (!note)
		return -ENOMEM;
	note->runs++;
	note->wait_ns += alone->wait_ns;
	note->duration_ns += stretch.to_ns - stretch.from_ns;
	note->bytes_in += operation->bytes_in;
	if (is_repeat(asked, operation, id)) {
		note->repeats++;
		note->repeats_saves_ns += alone->wait_ns + alone->queue_ns + alone->runq_ns;
	} else if (is_question(operation) && !(operation->flags & NO_ROUND)) {
		add_round(note, round_of(rounds, asked->mask, id, operation->prepared), &stretch, alone);
	}
	return 0;
}

int ww_study__statements(struct ww_study *study, const struct ww_request *request, const struct ww_alone *alone,
			 size_t len)
{
	struct asked asked = {.mask = 15};
	struct round *rounds;
	int err = 0;

	while (asked.mask + 1 < 2 * len)
		asked.mask = 2 * asked.mask + 1;
	asked.slots = calloc(asked.mask + 1, sizeof(*asked.slots));
	rounds = calloc(asked.mask + 1, sizeof(*rounds));
	if (!rounds || !asked.slots)
		err = -ENOMEM;
	for (size_t i = 0; i < len && !err; i++) {
		const struct ww_operation *operation = &request->operations[i];

		if (operation->flags & WW_OPERATION_WRITE)
			(*writes_to(&asked, operation))++;
		if (!(operation->flags & NO_QUERY))
			err = add(study, request, i, &alone[i], &asked, rounds);
	}
	free(rounds);
	free(asked.slots);
	return err;
}

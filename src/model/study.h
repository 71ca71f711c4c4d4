/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kept requests of an endpoint say, reduced as they are read to what findings need: one case each, and how
 * often each statement ran in it. Bounded, whatever is in a recording.
 */
#ifndef WHYWAIT_STUDY_H
#define WHYWAIT_STUDY_H

#include "model/outlook.h"
#include "model/request.h"
#include "util/arena.h"
#include "util/intern.h"

#define WW_STUDY_CASES	  512 /* requests of an endpoint that are looked at */
#define WW_STUDY_SUBJECTS 512 /* different statements and groups of calls; others are left out */

/* A statement, or (with `serial`) calls that ran one after the other. */
struct ww_subject {
	uint8_t kind;
	bool serial;
	const char *system, *peer;	 /* the first one seen */
	const char *summary, *statement; /* of `serial`: "GET a /x, GET b /y", and "" */
	uint64_t quickest_ns;		 /* of its operations */
	uint16_t flags;			 /* that all of them have */
};

/* A subject in a case. */
struct ww_note {
	uint32_t of; /* case */
	uint32_t subject;
	uint32_t runs;		  /* operations */
	uint32_t rounds;	  /* of reads that differ: how many of them began when those before had ended; of the
				   * prepared statement that has most */
	uint32_t repeats;	  /* reads that had been asked before, with nothing written in between */
	uint64_t wait_ns;	  /* that is due to all of its operations alone */
	uint64_t rounds_saves_ns; /* if all reads that differ were one */
	uint64_t repeats_saves_ns;
	uint64_t duration_ns, bytes_in; /* of all of them */
};

struct ww_study {
	struct ww_case *cases;
	uint64_t *bytes_out; /* by case: of the response */
	size_t cases_len, cases_cap;
	struct ww_note *notes;
	size_t notes_len, notes_cap;
	struct ww_subject *subjects;
	size_t subjects_len, subjects_cap;
	uint32_t *row_of; /* by subject: its note in the case at hand + 1 */
	struct ww_intern *keys;
	struct ww_arena *arena;
};

/* The study is the caller's, to be freed with ww_study__free(). NULL when out of memory. */
struct ww_study *ww_study__new(void);

/* NULL-safe. */
void ww_study__free(struct ww_study *study);

/* Adds a request, of which nothing is kept but copies; beyond WW_STUDY_CASES it does nothing. -ENOMEM. */
int ww_study__add(struct ww_study *study, const struct ww_request *request);

#endif

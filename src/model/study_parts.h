/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parts of a study. Internal to it: users call ww_study__add(). */
#ifndef WHYWAIT_STUDY_PARTS_H
#define WHYWAIT_STUDY_PARTS_H

#include "model/overlap.h"
#include "model/study.h"

/* The number of a subject, made when it is new; WW_INTERN_NONE: there are too many. -ENOMEM. */
int ww_study__subject(struct ww_study *study, const struct ww_subject *subject, uint32_t *id);

/* The note of a subject in the newest case, made when it is new. NULL when out of memory. */
struct ww_note *ww_study__note(struct ww_study *study, uint32_t subject);

/* Notes the statements of the newest case. -ENOMEM. */
int ww_study__statements(struct ww_study *study, const struct ww_request *request, const struct ww_alone *alone,
			 size_t len);

/* Notes the calls of the newest case that ran one after the other, and fills in its parallel_ns. -ENOMEM. */
int ww_study__serial(struct ww_study *study, const struct ww_request *request, const struct ww_alone *alone,
		     size_t len);

#endif

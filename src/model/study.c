/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/study.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/study_parts.h"

struct ww_study *ww_study__new(void)
{
	struct ww_study *study = calloc(1, sizeof(*study));

	if (!study)
		return NULL;
	study->keys = ww_intern__new();
	study->arena = ww_arena__new();
	study->row_of = calloc(WW_STUDY_SUBJECTS, sizeof(*study->row_of));
	if (!study->keys || !study->arena || !study->row_of) {
		ww_study__free(study);
		return NULL;
	}
	return study;
}

void ww_study__free(struct ww_study *study)
{
	if (!study)
		return;
	free(study->cases);
	free(study->bytes_out);
	free(study->notes);
	free(study->subjects);
	free(study->row_of);
	ww_intern__free(study->keys);
	ww_arena__free(study->arena);
	free(study);
}

/* Room for one more of `size` bytes; false when out of memory, and nothing has changed. */
static bool grow(void *array, size_t len, size_t *cap, size_t size)
{
	void **at = array;
	size_t larger = *cap ? 2 * *cap : 16;
	void *moved;

	if (len < *cap)
		return true;
	moved = reallocarray(*at, larger, size);
	if (!moved)
		return false;
	*at = moved;
	*cap = larger;
	return true;
}

/* The bytes that tell subjects apart. The peer does not: the same statement may run on any of several servers. */
static uint32_t key_of(struct ww_study *study, const struct ww_subject *subject)
{
	size_t system = strlen(subject->system) + 1, summary = strlen(subject->summary) + 1,
	       statement = strlen(subject->statement) + 1;
	char *bytes = malloc(1 + system + summary + statement);
	uint32_t key;

	if (!bytes)
		return WW_INTERN_NONE;
	bytes[0] = (char)(subject->kind << 1 | subject->serial);
	memcpy(bytes + 1, subject->system, system);
	memcpy(bytes + 1 + system, subject->summary, summary);
	memcpy(bytes + 1 + system + summary, subject->statement, statement);
	key = ww_intern__find(study->keys, bytes, 1 + system + summary + statement);
	/* What is not in the table yet must not grow it beyond its bound. */
	if (key == WW_INTERN_NONE && study->subjects_len < WW_STUDY_SUBJECTS)
		key = ww_intern__add(study->keys, bytes, 1 + system + summary + statement);
	free(bytes);
	return key;
}

int ww_study__subject(struct ww_study *study, const struct ww_subject *subject, uint32_t *id)
{
	struct ww_subject copy = *subject;

	*id = key_of(study, subject);
	if (*id == WW_INTERN_NONE)
		return study->subjects_len < WW_STUDY_SUBJECTS ? -ENOMEM : 0;
	if (*id < study->subjects_len)
		return 0;
	copy.system = ww_arena__strdup(study->arena, subject->system);
	copy.peer = ww_arena__strdup(study->arena, subject->peer);
	copy.summary = ww_arena__strdup(study->arena, subject->summary);
	copy.statement = ww_arena__strdup(study->arena, subject->statement);
	if (!copy.system || !copy.peer || !copy.summary || !copy.statement ||
	    !grow(&study->subjects, study->subjects_len, &study->subjects_cap, sizeof(*study->subjects)))
		return -ENOMEM;
	study->subjects[study->subjects_len++] = copy;
	return 0;
}

struct ww_note *ww_study__note(struct ww_study *study, uint32_t subject)
{
	if (!study->row_of[subject]) {
		if (!grow(&study->notes, study->notes_len, &study->notes_cap, sizeof(*study->notes)))
			return NULL;
		study->notes[study->notes_len++] =
			(struct ww_note){.of = (uint32_t)study->cases_len - 1, .subject = subject};
		study->row_of[subject] = (uint32_t)study->notes_len;
	}
	return &study->notes[study->row_of[subject] - 1];
}

static int add_operations(struct ww_study *study, const struct ww_request *request)
{
	size_t len = request->operations_len < WW_OVERLAP_MAX ? request->operations_len : WW_OVERLAP_MAX;
	struct ww_alone *alone = calloc(len + 1, sizeof(*alone));
	int err = alone ? ww_overlap__alone(request, alone, &len) : -ENOMEM;

	if (!err)
		err = ww_study__statements(study, request, alone, len);
	if (!err)
		err = ww_study__serial(study, request, alone, len);
	free(alone);
	return err;
}

int ww_study__add(struct ww_study *study, const struct ww_request *request)
{
	size_t notes = study->notes_len, cap = study->cases_cap;
	int err;

	if (study->cases_len >= WW_STUDY_CASES)
		return 0;
	if (!grow(&study->cases, study->cases_len, &study->cases_cap, sizeof(*study->cases)))
		return -ENOMEM;
	if (cap != study->cases_cap) {
		uint64_t *larger = reallocarray(study->bytes_out, study->cases_cap, sizeof(*larger));

		if (!larger) {
			study->cases_cap = cap;
			return -ENOMEM;
		}
		study->bytes_out = larger;
	}
	study->cases[study->cases_len] = (struct ww_case){.wall_ns = request->wall_ns};
	memcpy(study->cases[study->cases_len].kinds_ns, request->kinds_ns, sizeof(request->kinds_ns));
	study->bytes_out[study->cases_len] = request->bytes_out;
	study->cases_len++;
	/* Whose operations these are was not certain either. */
	err = request->attribution == WW_ATTRIBUTION_AMBIGUOUS && request->operations_missing
		      ? 0
		      : add_operations(study, request);
	for (size_t i = notes; i < study->notes_len; i++)
		study->row_of[study->notes[i].subject] = 0;
	if (err) {
		study->notes_len = notes;
		study->cases_len--;
		return err;
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/frames.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/names.h"
#include "outputs/text.h"

#define WORDS_MOST 1100 /* of a line: a stack's frames, and what stands around them */

struct line {
	uint8_t kind;
	uint32_t len;
	uint32_t words[WORDS_MOST];
};

static int put(struct ww_frame_lines *lines, struct line *line, const char *word)
{
	char *text = ww_text__machine(word);
	uint32_t id = text ? ww_intern__add(lines->words, text, strlen(text)) : WW_INTERN_NONE;

	free(text);
	if (id == WW_INTERN_NONE)
		return -ENOMEM;
	if (line->len < WORDS_MOST)
		line->words[line->len++] = id;
	return 0;
}

static int make_line(struct ww_frame_lines *lines, const struct ww_profile *profile,
		     const struct ww_profile_sample *sample, struct line *line)
{
	const struct ww_profile_stack *stack = sample->stack;
	const char *kind = ww_kind_name(sample->kind);
	char words[512];
	int err = put(lines, line, sample->service);

	line->kind = (uint8_t)sample->kind;
	snprintf(words, sizeof(words), "%.60s %.400s", sample->method, sample->route);
	err = err ?: put(lines, line, words);
	if (stack && !stack->whole)
		err = err ?: put(lines, line, "[truncated]");
	for (uint32_t i = 0; stack && i < stack->len && !err; i++)
		err = put(lines, line, profile->frames[stack->frames[i]]);
	/* Computing is what a function does; waiting is for something. */
	if (sample->kind != WW_KIND_COMPUTE || !stack) {
		snprintf(words, sizeof(words), "[%s%s%.400s]", kind, *sample->name ? " " : "", sample->name);
		err = err ?: put(lines, line, words);
	}
	return err;
}

static struct ww_frame_lines *sorted;

static int by_words(const void *a, const void *b)
{
	const struct ww_frame_line *x = a, *y = b;

	for (uint32_t i = 0; i < x->len && i < y->len; i++) {
		int order = x->words[i] == y->words[i] ? 0
						       : strcmp(ww_intern__get(sorted->words, x->words[i]),
								ww_intern__get(sorted->words, y->words[i]));
		if (order)
			return order;
	}
	return x->len != y->len ? (x->len < y->len ? -1 : 1) : x->kind - y->kind;
}

int ww_frame_lines__of(struct ww_frame_lines *lines, const struct ww_profile *profile)
{
	struct ww_frame_lines new = {
		.words = ww_intern__new(),
		.keys = ww_intern__new(),
		.lines = calloc(profile->samples_len + 1, sizeof(*new.lines)),
	};
	struct line *line = malloc(sizeof(*line));
	int err = !new.words || !new.keys || !new.lines || !line ? -ENOMEM : 0;

	for (size_t i = 0; i < profile->samples_len && !err; i++) {
		const struct ww_profile_sample *sample = &profile->samples[i];

		memset(line, 0, offsetof(struct line, words));
		err = make_line(&new, profile, sample, line);
		size_t size = offsetof(struct line, words) + line->len * sizeof(line->words[0]);
		uint32_t id = err ? WW_INTERN_NONE : ww_intern__add(new.keys, line, size);
		if (id == WW_INTERN_NONE) {
			err = -ENOMEM;
			break;
		}
		const struct line *kept = (const void *)ww_intern__get(new.keys, id);
		new.lines[id].words = kept->words;
		new.lines[id].len = kept->len;
		new.lines[id].kind = kept->kind;
		new.lines[id].ns += sample->ns;
		new.lines[id].samples += sample->samples;
		new.len = ww_intern__len(new.keys);
	}
	free(line);
	if (err) {
		ww_frame_lines__free(&new);
		return err;
	}
	sorted = &new;
	qsort(new.lines, new.len, sizeof(*new.lines), by_words);
	*lines = new;
	return 0;
}

void ww_frame_lines__free(struct ww_frame_lines *lines)
{
	if (!lines)
		return;
	ww_intern__free(lines->words);
	ww_intern__free(lines->keys);
	free(lines->lines);
	memset(lines, 0, sizeof(*lines));
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/frames.h"

#include <errno.h>
#include <stdbool.h>
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

/* What differs between two versions that are otherwise the same: "f (a/b.py:12)", "[libx.so+0x12]". */
static void leave_places_out(char *frame)
{
	size_t len = strlen(frame);
	char *colon = strrchr(frame, ':'), *plus = strrchr(frame, '+');

	if (len && frame[len - 1] == ')' && colon && colon[1] != ')' &&
	    colon + 1 + strspn(colon + 1, "0123456789") == frame + len - 1)
		strcpy(colon, ")");
	else if (len && frame[0] == '[' && frame[len - 1] == ']' && plus && !strncmp(plus, "+0x", 3))
		strcpy(plus, "]");
}

static int put_frame(struct ww_frame_lines *lines, struct line *line, const char *frame)
{
	if (!lines->difference)
		return put(lines, line, frame);
	char *plain = strdup(frame);
	if (!plain)
		return -ENOMEM;
	leave_places_out(plain);
	int err = put(lines, line, plain);
	free(plain);
	return err;
}

static int make_line(struct ww_frame_lines *lines, const struct ww_profile *profile,
		     const struct ww_profile_sample *sample, const char *service, struct line *line)
{
	const struct ww_profile_stack *stack = sample->stack;
	const char *kind = ww_kind_name(sample->kind);
	char words[512];
	int err = put(lines, line, service);

	line->kind = (uint8_t)sample->kind;
	snprintf(words, sizeof(words), "%.60s %.400s", sample->method, sample->route);
	err = err ?: put(lines, line, words);
	if (stack && !stack->whole)
		err = err ?: put(lines, line, "[truncated]");
	for (uint32_t i = 0; stack && i < stack->len && !err; i++)
		err = put_frame(lines, line, profile->frames[stack->frames[i]]);
	/* Computing is what a function does; waiting is for something. */
	if (sample->kind != WW_KIND_COMPUTE || !stack) {
		snprintf(words, sizeof(words), "[%s%s%.400s]", kind, *sample->name ? " " : "", sample->name);
		err = err ?: put(lines, line, words);
	}
	return err;
}

/* The sample's line, made where there is none; NULL when out of memory. */
static struct ww_frame_line *find_line(struct ww_frame_lines *lines, const struct ww_profile *profile,
				       const struct ww_profile_sample *sample, const char *service, struct line *line)
{
	memset(line, 0, offsetof(struct line, words));
	if (make_line(lines, profile, sample, service, line))
		return NULL;
	size_t size = offsetof(struct line, words) + line->len * sizeof(line->words[0]);
	uint32_t id = ww_intern__add(lines->keys, line, size);
	if (id == WW_INTERN_NONE)
		return NULL;
	const struct line *kept = (const void *)ww_intern__get(lines->keys, id);
	struct ww_frame_line *found = &lines->lines[id];
	found->words = kept->words;
	found->len = kept->len;
	found->kind = kept->kind;
	lines->len = ww_intern__len(lines->keys);
	return found;
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

static int begin(struct ww_frame_lines *lines, size_t most, struct line **line)
{
	lines->words = ww_intern__new();
	lines->keys = ww_intern__new();
	lines->lines = calloc(most + 1, sizeof(*lines->lines));
	*line = malloc(sizeof(**line));
	return lines->words && lines->keys && lines->lines && *line ? 0 : -ENOMEM;
}

static int finish(struct ww_frame_lines *lines, struct ww_frame_lines *new, struct line *line, int err)
{
	free(line);
	if (err) {
		ww_frame_lines__free(new);
		return err;
	}
	sorted = new;
	qsort(new->lines, new->len, sizeof(*new->lines), by_words);
	*lines = *new;
	return 0;
}

int ww_frame_lines__of(struct ww_frame_lines *lines, const struct ww_profile *profile)
{
	struct ww_frame_lines new = {0};
	struct line *line;
	int err = begin(&new, profile->samples_len, &line);

	for (size_t i = 0; i < profile->samples_len && !err; i++) {
		const struct ww_profile_sample *sample = &profile->samples[i];
		struct ww_frame_line *found = find_line(&new, profile, sample, sample->service, line);

		if (found) {
			found->ns += sample->ns;
			found->samples += sample->samples;
		} else {
			err = -ENOMEM;
		}
	}
	return finish(lines, &new, line, err);
}

static bool is_endpoint(const struct ww_profile_sample *a, const struct ww_profile_sample *b)
{
	return !strcmp(a->route, b->route) && !strcmp(a->method, b->method);
}

/* What the sample's service is called in the other profile, if that has only one that may be the same. */
static const char *service_in(const struct ww_profile *other, const struct ww_profile_sample *sample)
{
	const char *found = NULL;
	bool several = false;

	for (size_t i = 0; i < other->samples_len; i++) {
		const struct ww_profile_sample *its = &other->samples[i];

		if (!is_endpoint(its, sample))
			continue;
		if (!strcmp(its->service, sample->service))
			return sample->service;
		several |= found && strcmp(found, its->service) != 0;
		found = its->service;
	}
	return found && !several ? found : sample->service;
}

int ww_frame_lines__between(struct ww_frame_lines *lines, const struct ww_profile *before,
			    const struct ww_profile *after)
{
	struct ww_frame_lines new = {.difference = true};
	struct line *line;
	int err = begin(&new, before->samples_len + after->samples_len, &line);
	const struct ww_profile_sample *last = NULL;
	const char *service = NULL;

	for (size_t i = 0; i < before->samples_len + after->samples_len && !err; i++) {
		bool is_after = i >= before->samples_len;
		const struct ww_profile *profile = is_after ? after : before;
		const struct ww_profile_sample *sample = &profile->samples[is_after ? i - before->samples_len : i];

		if (is_after)
			service = sample->service;
		else if (!last || !is_endpoint(last, sample) || strcmp(last->service, sample->service) != 0)
			service = service_in(after, sample);
		last = sample;
		struct ww_frame_line *found = find_line(&new, profile, sample, service, line);
		if (!found) {
			err = -ENOMEM;
			break;
		}
		*(is_after ? &found->ns : &found->before_ns) += sample->ns;
		/* Lines that are equal are of the same endpoint. */
		*(is_after ? &found->requests : &found->before_requests) = sample->requests;
	}
	for (size_t i = 0; i < new.len && !err; i++) {
		struct ww_frame_line *of = &new.lines[i];

		of->ns = of->requests ? (of->ns + of->requests / 2) / of->requests : 0;
		of->before_ns =
			of->before_requests ? (of->before_ns + of->before_requests / 2) / of->before_requests : 0;
	}
	return finish(lines, &new, line, err);
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

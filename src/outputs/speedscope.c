/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/speedscope.h"

#include <errno.h>
#include <jansson.h>

#include "outputs/frames.h"
#include "util/version.h"

#define SCHEMA "https://www.speedscope.app/file-format-schema.json"

static json_t *frames_of(const struct ww_frame_lines *lines)
{
	json_t *frames = json_array();

	for (uint32_t i = 0; frames && i < ww_intern__len(lines->words); i++) {
		if (json_array_append_new(frames, json_pack("{s:s}", "name", ww_intern__get(lines->words, i)))) {
			json_decref(frames);
			return NULL;
		}
	}
	return frames;
}

/* The lines of one endpoint from the first on; *next is where the next one's begin. */
static json_t *profile_of(const struct ww_frame_lines *lines, size_t first, size_t *next)
{
	json_t *samples = json_array(), *weights = json_array();
	const struct ww_frame_line *begin = &lines->lines[first];
	json_int_t end = 0;
	size_t at = first;
	int err = 0;

	for (; at < lines->len && !err; at++) {
		const struct ww_frame_line *line = &lines->lines[at];
		json_t *stack = json_array();

		if (line->words[0] != begin->words[0] || line->words[1] != begin->words[1]) {
			json_decref(stack);
			break;
		}
		for (uint32_t i = 0; i < line->len && !err; i++)
			err = json_array_append_new(stack, json_integer(line->words[i]));
		err |= json_array_append_new(samples, stack);
		err |= json_array_append_new(weights, json_integer((json_int_t)line->ns));
		end += (json_int_t)line->ns;
	}
	*next = at;
	if (err) {
		json_decref(samples);
		json_decref(weights);
		return NULL;
	}
	return json_pack("{s:s, s:s+++, s:s, s:i, s:I, s:o, s:o}", "type", "sampled", "name",
			 ww_intern__get(lines->words, begin->words[0]), " ",
			 ww_intern__get(lines->words, begin->words[1]), "", "unit", "nanoseconds", "startValue", 0,
			 "endValue", end, "samples", samples, "weights", weights);
}

int ww_speedscope__write(FILE *out, const struct ww_profile *profile)
{
	struct ww_frame_lines lines;
	int err = ww_frame_lines__of(&lines, profile);

	if (err)
		return err;
	json_t *profiles = json_array(), *frames = frames_of(&lines);
	for (size_t at = 0; at < lines.len && !err;)
		err = json_array_append_new(profiles, profile_of(&lines, at, &at)) ? -ENOMEM : 0;
	json_t *file = err || !frames ? NULL
				      : json_pack("{s:s, s:{s:O}, s:O, s:s, s:s+}", "$schema", SCHEMA, "shared",
						  "frames", frames, "profiles", profiles, "name", "whywait", "exporter",
						  "whywait ", ww_version);
	if (!file || json_dumpf(file, out, JSON_COMPACT))
		err = -ENOMEM;
	fputc('\n', out);
	json_decref(file);
	json_decref(frames);
	json_decref(profiles);
	ww_frame_lines__free(&lines);
	return ferror(out) ? 0 : err;
}

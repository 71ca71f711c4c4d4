/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* n-plus-one, repeated-query, slow-query: a statement that runs too often, in vain, or too long. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/findings_parts.h"
#include "model/limits.h"
#include "model/names.h"

/* What the notes of a subject say together, weighed by the requests that their cases stand for. */
struct sums {
	double requests;      /* in which it is what is looked for */
	double runs;	      /* in these */
	uint32_t least, most; /* runs in one of these */
	double all_runs;      /* in all requests, as the next ones */
	double duration_ns;
	double bytes_in;
};

/* Pearson's correlation of how often the statement ran with the size of the response; 0 where either never varies. */
static double correlation(const struct ww_finder *finder, uint32_t subject)
{
	const struct ww_study *study = finder->input->study;
	double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;

	for (size_t i = 0; i < study->notes_len; i++) {
		const struct ww_note *note = &study->notes[i];
		double runs = note->runs, bytes = (double)study->bytes_out[note->of];

		if (note->subject != subject)
			continue;
		n++;
		x += runs;
		y += bytes;
		xx += runs * runs;
		yy += bytes * bytes;
		xy += runs * bytes;
	}
	double of_x = n * xx - x * x, of_y = n * yy - y * y;

	return of_x > 0 && of_y > 0 ? (n * xy - x * y) / sqrt(of_x * of_y) : 0;
}

/*
 * Sums a subject up; is_one() tells whether it is what is looked for in a request, and what that would save: also 0,
 * where the answer came before the thread slept.
 */
static struct sums sum_up(const struct ww_finder *finder, uint32_t subject,
			  bool (*is_one)(const struct ww_note *, uint64_t *saves_ns))
{
	const struct ww_study *study = finder->input->study;
	struct sums sums = {.least = UINT32_MAX};

	memset(finder->saved_ns, 0, study->cases_len * sizeof(*finder->saved_ns));
	for (size_t i = 0; i < study->notes_len; i++) {
		const struct ww_note *note = &study->notes[i];
		double weight = finder->weights[note->of];
		uint64_t saves = 0;

		if (note->subject != subject)
			continue;
		sums.all_runs += weight * note->runs;
		sums.duration_ns += weight * (double)note->duration_ns;
		sums.bytes_in += weight * (double)note->bytes_in;
		if (!is_one(note, &saves))
			continue;
		finder->saved_ns[note->of] = saves;
		sums.requests += weight;
		sums.runs += weight * note->runs;
		sums.least = note->runs < sums.least ? note->runs : sums.least;
		sums.most = note->runs > sums.most ? note->runs : sums.most;
	}
	return sums;
}

static void add_subject(struct ww_making *making, const struct ww_subject *subject)
{
	ww_making__text(making, "kind", ww_kind_name(subject->kind));
	ww_making__text(making, "system", subject->system);
	ww_making__text(making, "peer", subject->peer);
	ww_making__text(making, "summary", subject->summary);
	ww_making__text(making, "statement", subject->statement);
}

/* "50 times a request", "2 to 120 times a request, 50.3 on the mean" */
static void add_times(struct ww_sentence *text, const struct ww_finder *finder, const struct sums *sums)
{
	const char *unit = ww_protocol_unit(finder->endpoint->protocol);
	double mean = sums->runs / sums->requests;

	if (sums->least == sums->most) {
		ww_sentence__number(text, mean);
		ww_sentence__add(text, " times a %s", unit);
	} else {
		ww_sentence__add(text, "%u to %u times a %s, ", sums->least, sums->most, unit);
		ww_sentence__number(text, mean);
		ww_sentence__add(text, " on the mean");
	}
}

/* ", in 12 % of the requests" where it is not all of them. */
static void add_in(struct ww_sentence *text, const struct ww_finder *finder, double share)
{
	if (share > 0.99)
		return;
	ww_sentence__add(text, ", in ");
	ww_sentence__share(text, share);
	ww_sentence__add(text, " of the %ss", ww_protocol_unit(finder->endpoint->protocol));
}

static void add_runs(struct ww_making *making, const struct sums *sums, double share)
{
	ww_making__number(making, "per_request", sums->runs / sums->requests);
	ww_making__number(making, "per_request_min", sums->least);
	ww_making__number(making, "per_request_max", sums->most);
	ww_making__number(making, "requests_share", share);
}

static bool has_rounds(const struct ww_note *note, uint64_t *saves_ns)
{
	*saves_ns = note->rounds_saves_ns;
	return note->rounds >= WW_LIMIT_RUNS;
}

static int find_rounds(struct ww_finder *finder, uint32_t id)
{
	const struct ww_subject *subject = &finder->input->study->subjects[id];
	struct ww_making making = {.id = "n-plus-one"};
	struct sums sums = sum_up(finder, id, has_rounds);
	double share = sums.requests / finder->requests, grows;
	int err = ww_finder__save(finder, &making.saving);

	if (err || share < WW_LIMIT_REQUESTS_SHARE ||
	    !ww_finder__worth(finder, &making.saving, WW_LIMIT_OPERATION_SHARE))
		return err;
	grows = correlation(finder, id);
	ww_sentence__query(&making.text, subject->summary, subject->statement);
	ww_sentence__add(&making.text, " ran ");
	add_times(&making.text, finder, &sums);
	if (grows >= WW_LIMIT_CORRELATION)
		ww_sentence__add(&making.text, ", the more the larger the answer");
	add_in(&making.text, finder, share);
	ww_sentence__add(&making.text, ", one after the other");
	ww_advise__rounds(&making.advice, subject);
	add_subject(&making, subject);
	add_runs(&making, &sums, share);
	ww_making__number(&making, "correlation_with_bytes_out", grows);
	return ww_finder__add(finder, &making);
}

static bool has_repeats(const struct ww_note *note, uint64_t *saves_ns)
{
	*saves_ns = note->repeats_saves_ns;
	return note->repeats;
}

static int find_repeats(struct ww_finder *finder, uint32_t id)
{
	const struct ww_study *study = finder->input->study;
	const struct ww_subject *subject = &study->subjects[id];
	struct ww_making making = {.id = "repeated-query"};
	struct sums sums = sum_up(finder, id, has_repeats);
	double share = sums.requests / finder->requests, repeats = 0;
	int err = ww_finder__save(finder, &making.saving);

	if (err || share < WW_LIMIT_REQUESTS_SHARE ||
	    !ww_finder__worth(finder, &making.saving, WW_LIMIT_OPERATION_SHARE))
		return err;
	for (size_t i = 0; i < study->notes_len; i++)
		if (study->notes[i].subject == id)
			repeats += finder->weights[study->notes[i].of] * study->notes[i].repeats;
	ww_sentence__query(&making.text, subject->summary, subject->statement);
	ww_sentence__add(&making.text, " was asked again with the same arguments ");
	ww_sentence__number(&making.text, repeats / sums.requests);
	ww_sentence__add(&making.text, " times a %s", ww_protocol_unit(finder->endpoint->protocol));
	add_in(&making.text, finder, share);
	ww_advise__repeats(&making.advice, subject);
	add_subject(&making, subject);
	add_runs(&making, &sums, share);
	ww_making__number(&making, "repeats_per_request", repeats / sums.requests);
	return ww_finder__add(finder, &making);
}

static bool has_waits(const struct ww_note *note, uint64_t *saves_ns)
{
	*saves_ns = note->wait_ns;
	return note->wait_ns;
}

/* The quickest answer of the same server to anything else; 0 where nothing else was asked. */
static uint64_t quickest_other(const struct ww_study *study, uint32_t id)
{
	uint64_t quickest = 0;

	for (size_t i = 0; i < study->subjects_len; i++) {
		const struct ww_subject *other = &study->subjects[i];

		if (i != id && !other->serial && !strcmp(other->peer, study->subjects[id].peer) &&
		    (!quickest || other->quickest_ns < quickest))
			quickest = other->quickest_ns;
	}
	return quickest;
}

static int find_slow(struct ww_finder *finder, uint32_t id)
{
	const struct ww_study *study = finder->input->study;
	const struct ww_subject *subject = &study->subjects[id];
	struct ww_making making = {.id = "slow-query"};
	struct sums sums = sum_up(finder, id, has_waits);
	double db = (double)finder->endpoint->kinds_sum_ns[WW_KIND_DB], mean, share;
	int err = ww_finder__save(finder, &making.saving);

	if (err || sums.all_runs <= 0 || db <= 0)
		return err;
	mean = sums.duration_ns / sums.all_runs;
	share = (double)making.saving.mean_ns * (double)finder->endpoint->requests / db;
	if (mean < WW_LIMIT_SLOW_NS || mean < WW_LIMIT_SLOW_FACTOR * (double)quickest_other(study, id) ||
	    share < WW_LIMIT_SLOW_SHARE || sums.requests < WW_LIMIT_REQUESTS_SHARE * finder->requests ||
	    !ww_finder__worth(finder, &making.saving, WW_LIMIT_OPERATION_SHARE))
		return 0;
	share = share < 1 ? share : 1;
	ww_sentence__query(&making.text, subject->summary, subject->statement);
	ww_sentence__add(&making.text, " takes ");
	ww_sentence__ms(&making.text, (uint64_t)mean);
	ww_sentence__add(&making.text, ", ");
	ww_sentence__share(&making.text, share);
	ww_sentence__add(&making.text, " of the db time");
	ww_advise__slow(&making.advice, subject);
	add_subject(&making, subject);
	add_runs(&making, &sums, sums.requests / finder->requests);
	ww_making__number(&making, "mean_ns", round(mean));
	ww_making__number(&making, "db_share", share);
	ww_making__number(&making, "bytes_in", round(sums.bytes_in / sums.all_runs));
	return ww_finder__add(finder, &making);
}

int ww_findings__operations(struct ww_finder *finder)
{
	const struct ww_study *study = finder->input->study;
	int err = 0;

	if (!study || !study->cases_len)
		return 0;
	for (uint32_t id = 0; id < study->subjects_len && !err; id++) {
		if (study->subjects[id].serial)
			continue;
		err = find_rounds(finder, id);
		if (!err)
			err = find_repeats(finder, id);
		if (!err && study->subjects[id].kind == WW_KIND_DB)
			err = find_slow(finder, id);
	}
	return err;
}

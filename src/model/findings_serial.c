/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* serial-calls: operations on different peers that ran one after the other. */
#include <errno.h>

#include "model/findings_parts.h"
#include "model/limits.h"

/* The calls that would save most; how many requests have any. */
static const struct ww_subject *largest(const struct ww_finder *finder, double *requests)
{
	const struct ww_study *study = finder->input->study;
	const struct ww_subject *found = NULL;
	double most = 0;

	*requests = 0;
	for (size_t i = 0; i < study->cases_len; i++)
		if (finder->saved_ns[i])
			*requests += finder->weights[i];
	for (uint32_t id = 0; id < study->subjects_len; id++) {
		double saves = 0;

		for (size_t i = 0; study->subjects[id].serial && i < study->notes_len; i++)
			if (study->notes[i].subject == id)
				saves += finder->weights[study->notes[i].of] * (double)study->notes[i].wait_ns;
		if (saves > most) {
			most = saves;
			found = &study->subjects[id];
		}
	}
	return found;
}

int ww_findings__serial(struct ww_finder *finder)
{
	const struct ww_study *study = finder->input->study;
	struct ww_making making = {.id = "serial-calls"};
	const struct ww_subject *calls;
	double requests, runs = 0;
	int err;

	if (!study || !study->cases_len)
		return 0;
	for (size_t i = 0; i < study->cases_len; i++) {
		finder->saved_ns[i] = 0;
		for (int kind = 0; kind < WW_KIND_COUNT; kind++)
			finder->saved_ns[i] += study->cases[i].parallel_ns[kind];
	}
	err = ww_finder__save(finder, &making.saving);
	calls = largest(finder, &requests);
	if (err || !calls || requests < WW_LIMIT_REQUESTS_SHARE * finder->requests ||
	    !ww_finder__worth(finder, &making.saving, WW_LIMIT_OPERATION_SHARE))
		return err;
	for (size_t i = 0; i < study->notes_len; i++)
		if (study->subjects[study->notes[i].subject].serial)
			runs += finder->weights[study->notes[i].of] * study->notes[i].runs;
	ww_sentence__add(&making.text, "%s run one after the other", calls->summary);
	ww_sentence__add(&making.advice, "run together what needs no other's answer");
	ww_making__text(&making, "calls", calls->summary);
	ww_making__number(&making, "per_request", runs / requests);
	ww_making__number(&making, "requests_share", requests / finder->requests);
	return ww_finder__add(finder, &making);
}

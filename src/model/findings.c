/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/findings.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/catalog.h"
#include "model/findings_parts.h"
#include "model/limits.h"

int ww_finder__save(const struct ww_finder *finder, struct ww_saving *saving)
{
	const struct ww_outlook *outlook = &finder->endpoint->outlook;
	uint64_t *after_ns = calloc(outlook->cases_len + 1, sizeof(*after_ns));
	struct ww_forecast then;
	int err;

	if (!after_ns)
		return -ENOMEM;
	for (size_t i = 0; i < outlook->cases_len; i++) {
		uint64_t wall = outlook->cases[i].wall_ns;

		after_ns[i] = finder->saved_ns[i] < wall ? wall - finder->saved_ns[i] : 0;
	}
	err = ww_outlook__forecast(outlook, after_ns, &then);
	free(after_ns);
	if (err)
		return err;
	saving->mean_ns = then.mean_ns < finder->now.mean_ns ? finder->now.mean_ns - then.mean_ns : 0;
	saving->p95_ns = then.p95_ns < finder->now.p95_ns ? finder->now.p95_ns - then.p95_ns : 0;
	return 0;
}

int ww_finder__save_kind(const struct ww_finder *finder, enum ww_kind kind, double share, struct ww_saving *saving)
{
	const struct ww_endpoint_report *endpoint = finder->endpoint;
	int err;

	for (size_t i = 0; i < endpoint->outlook.cases_len; i++)
		finder->saved_ns[i] = (uint64_t)((double)endpoint->outlook.cases[i].kinds_ns[kind] * share);
	err = ww_finder__save(finder, saving);
	if (!err)
		saving->mean_ns = (uint64_t)((double)endpoint->kinds_sum_ns[kind] * share / (double)endpoint->requests);
	return err;
}

bool ww_finder__worth(const struct ww_finder *finder, const struct ww_saving *saving, double share)
{
	return (saving->mean_ns >= WW_LIMIT_SAVES_NS || saving->p95_ns >= WW_LIMIT_SAVES_NS) &&
	       ((double)saving->mean_ns >= share * (double)finder->now.mean_ns ||
		(double)saving->p95_ns >= share * (double)finder->now.p95_ns);
}

static void put(struct ww_making *making, const struct ww_evidence *evidence)
{
	if (making->evidence_len < WW_EVIDENCE_MAX)
		making->evidence[making->evidence_len++] = *evidence;
}

void ww_making__text(struct ww_making *making, const char *name, const char *text)
{
	put(making, &(struct ww_evidence){.name = name, .text = text});
}

void ww_making__number(struct ww_making *making, const char *name, double number)
{
	put(making, &(struct ww_evidence){.name = name, .number = number});
}

int ww_finder__add(struct ww_finder *finder, struct ww_making *making)
{
	struct ww_finding *finding = &finder->found[finder->found_len];
	struct ww_evidence *evidence = ww_arena__array(finder->arena, making->evidence_len, sizeof(*evidence));

	if (finder->found_len == WW_FINDINGS_MAX)
		return 0;
	*finding = (struct ww_finding){
		.id = making->id,
		.text = ww_arena__strdup(finder->arena, making->text.text),
		.advice = ww_arena__strdup(finder->arena, making->advice.text),
		.saves_mean_ns = making->saving.mean_ns,
		.saves_p95_ns = making->saving.p95_ns,
		.evidence = evidence,
		.evidence_len = making->evidence_len,
	};
	if (!evidence || !finding->text || !finding->advice)
		return -ENOMEM;
	for (size_t i = 0; i < making->evidence_len; i++) {
		evidence[i] = making->evidence[i];
		if (evidence[i].text)
			evidence[i].text = ww_arena__strdup(finder->arena, evidence[i].text);
		if (making->evidence[i].text && !evidence[i].text)
			return -ENOMEM;
	}
	finder->found_len++;
	return 0;
}

/* All of an endpoint have the same rate: by what they save on the mean, then at the tail. */
static int compare(const void *left, const void *right)
{
	const struct ww_finding *a = left, *b = right;

	if (a->saves_mean_ns != b->saves_mean_ns)
		return a->saves_mean_ns > b->saves_mean_ns ? -1 : 1;
	if (a->saves_p95_ns != b->saves_p95_ns)
		return a->saves_p95_ns > b->saves_p95_ns ? -1 : 1;
	return strcmp(a->text, b->text);
}

static bool is_batch(const struct ww_endpoint_report *endpoint)
{
	return !strcmp(endpoint->protocol, WW_PROTOCOL_RUN);
}

static int find(struct ww_finder *finder)
{
	bool batch = is_batch(finder->endpoint);
	int err = batch ? ww_findings__batch(finder) : ww_findings__operations(finder);

	if (!err && !batch)
		err = ww_findings__serial(finder);
	if (!err && !batch)
		err = ww_findings__queue(finder);
	return err ? err : ww_findings__kinds(finder);
}

int ww_findings__fill(struct ww_arena *arena, struct ww_endpoint_report *endpoint,
		      const struct ww_findings_input *input)
{
	size_t cases = endpoint->outlook.cases_len;
	struct ww_finder finder = {
		.arena = arena,
		.endpoint = endpoint,
		.input = input,
		.now = {.mean_ns = endpoint->wall.mean, .p95_ns = endpoint->wall.p95},
		.weights = calloc(cases + 1, sizeof(double)),
		.saved_ns = calloc(cases + 1, sizeof(uint64_t)),
		.found = calloc(WW_FINDINGS_MAX + 1, sizeof(struct ww_finding)),
	};
	int err = finder.weights && finder.saved_ns && finder.found ? 0 : -ENOMEM;

	if (!err && (endpoint->requests >= WW_LIMIT_REQUESTS || is_batch(endpoint)) && cases) {
		finder.requests = ww_outlook__weigh(&endpoint->outlook, finder.weights);
		err = find(&finder);
	}
	if (!err) {
		struct ww_finding *findings = ww_arena__array(arena, finder.found_len, sizeof(*findings));

		qsort(finder.found, finder.found_len, sizeof(*finder.found), compare);
		if (findings) {
			memcpy(findings, finder.found, finder.found_len * sizeof(*findings));
			endpoint->findings = findings;
			endpoint->findings_len = finder.found_len;
		} else {
			err = -ENOMEM;
		}
	}
	free(finder.weights);
	free(finder.saved_ns);
	free(finder.found);
	return err;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/comparability.h"

#include <string.h>

#include "model/losses.h"
#include "model/others.h"

#define LOAD_PART 0.2		/* a load that differs by more makes other queues */
#define SHORT_NS  10000000000ll /* in less the machine's moods are in the figures */
#define NSEC	  1e9

/* A new sentence; the last one is overwritten where there are too many. */
static struct ww_sentence *add(struct ww_doubts *doubts)
{
	struct ww_sentence *text;

	if (doubts->len < WW_DOUBTS_MAX)
		doubts->len++;
	text = &doubts->texts[doubts->len - 1];
	*text = (struct ww_sentence){0};
	return text;
}

static void doubt_host(const struct ww_report *before, const struct ww_report *after, struct ww_doubts *doubts)
{
	if (strcmp(before->host, after->host) != 0)
		ww_sentence__add(add(doubts), "another host: %s, then %s", before->host, after->host);
	if (strcmp(before->kernel, after->kernel) != 0)
		ww_sentence__add(add(doubts), "another kernel: %s, then %s", before->kernel, after->kernel);
	if (before->cpus != after->cpus)
		ww_sentence__add(add(doubts), "another number of CPUs: %u, then %u", before->cpus, after->cpus);
	/* What is kept changes no figure that is compared; what is looked at has its price. */
	if (*before->settings && *after->settings && strcmp(before->settings, after->settings) != 0)
		ww_sentence__add(add(doubts), "recorded in another way: %s, then %s", before->settings,
				 after->settings);
}

static void doubt_recording(const struct ww_report *report, const char *which, struct ww_doubts *doubts)
{
	struct ww_sentence *text;

	if (!report->complete) {
		text = add(doubts);
		ww_sentence__add(text, "%s is NOT COMPLETE:", which);
		for (size_t i = 0; i < report->losses_len; i++) {
			const struct ww_loss *loss = &report->losses[i];

			if (loss->loses && !strcmp(loss->cause, ww_loss_cause(WW_LOSS_NOT_OBSERVED)))
				ww_sentence__add(text, " %llu s were not observed", (unsigned long long)loss->count);
			else if (loss->loses)
				ww_sentence__add(text, " %llu %s", (unsigned long long)loss->count, loss->cause);
		}
	}
	if (report->unended)
		ww_sentence__add(add(doubts), "%s has not ended: it is still being recorded, or was cut short", which);
	if (ww_report__observed_ns(report) < SHORT_NS)
		ww_sentence__add(add(doubts), "%s is short: %.1f s", which,
				 (double)ww_report__observed_ns(report) / NSEC);
}

static const struct ww_service_report *service_of(const struct ww_report *report, const char *name)
{
	for (size_t i = 0; i < report->services_len; i++)
		if (!strcmp(report->services[i].service, name) && report->services[i].executable)
			return &report->services[i];
	return NULL;
}

static void note_program(const struct ww_service_report *before, const struct ww_service_report *after,
			 struct ww_doubts *doubts)
{
	struct ww_sentence *text = &doubts->notes[doubts->notes_len];
	bool file = strcmp(before->executable, after->executable) != 0 ||
		    before->executable_bytes != after->executable_bytes ||
		    before->executable_modified_unix_ns != after->executable_modified_unix_ns;

	if ((!file && before->arguments == after->arguments) || doubts->notes_len == WW_DOUBTS_MAX)
		return;
	*text = (struct ww_sentence){0};
	if (strcmp(before->executable, after->executable) != 0)
		ww_sentence__add(text, "%s runs another program: %s, then %s", after->service, before->executable,
				 after->executable);
	else if (file)
		ww_sentence__add(text, "%s runs another version of %s", after->service, after->executable);
	else
		ww_sentence__add(text, "%s runs with other arguments", after->service);
	doubts->notes_len++;
}

/* Memory is that of the processes that answered requests: of workers that had nothing to do it is not known. */
static void note_processes(const struct ww_service_report *before, const struct ww_service_report *after,
			   struct ww_doubts *doubts)
{
	struct ww_sentence *text = &doubts->notes[doubts->notes_len];

	if (before->processes == after->processes || doubts->notes_len == WW_DOUBTS_MAX)
		return;
	*text = (struct ww_sentence){0};
	ww_sentence__add(text, "%s answered from %llu process%s, then from %llu: its memory is theirs", after->service,
			 (unsigned long long)before->processes, before->processes == 1 ? "" : "es",
			 (unsigned long long)after->processes);
	doubts->notes_len++;
}

/* Of each pair of services once. */
static void note_programs(const struct ww_comparison *comparison, struct ww_doubts *doubts)
{
	for (size_t i = 0; i < comparison->common; i++) {
		const struct ww_endpoint_comparison *endpoint = &comparison->endpoints[i];
		const struct ww_service_report *before = service_of(comparison->before, endpoint->before->service);
		const struct ww_service_report *after = service_of(comparison->after, endpoint->after->service);
		bool known = !before || !after;

		for (size_t j = 0; j < i && !known; j++)
			known = !strcmp(comparison->endpoints[j].before->service, before->service) &&
				!strcmp(comparison->endpoints[j].after->service, after->service);
		if (known)
			continue;
		note_program(before, after, doubts);
		note_processes(before, after, doubts);
	}
}

/* Where others leave no CPU idle, how many of them want one shows in the waits for one, and differs from minute to
 * minute. */
static void doubt_crowd(const struct ww_report *before, const struct ww_report *after, struct ww_doubts *doubts)
{
	bool first = ww_others__crowd(before), second = ww_others__crowd(after);
	struct ww_sentence *text;

	if (!first && !second)
		return;
	text = add(doubts);
	ww_sentence__add(text, "%s made on a host without an idle CPU: what else ran took ",
			 first && second ? "both recordings were"
			 : first	 ? "the first recording was"
					 : "the second recording was");
	ww_sentence__number(text, ww_others__cpus(first ? before : after));
	if (first && second) {
		ww_sentence__add(text, " and ");
		ww_sentence__number(text, ww_others__cpus(after));
	}
	ww_sentence__add(text, " of %u, and how long requests wait for one is its doing",
			 first ? before->cpus : after->cpus);
}

/* What else ran is what requests waited for a CPU for. */
static void doubt_others(const struct ww_report *before, const struct ww_report *after, struct ww_doubts *doubts)
{
	struct ww_sentence *text;

	if (!ww_others__differ(before, after))
		return;
	text = add(doubts);
	ww_sentence__add(text, "what else ran on the host took ");
	ww_sentence__number(text, ww_others__cpus(before));
	ww_sentence__add(text, " CPUs, then ");
	ww_sentence__number(text, ww_others__cpus(after));
	ww_sentence__add(text, ": waits for a CPU differ by that");
}

/* Of the endpoints that both have. */
static void doubt_load(const struct ww_comparison *comparison, struct ww_doubts *doubts)
{
	double rate[2] = {0}, in_flight[2] = {0};
	struct ww_sentence *text;

	for (size_t i = 0; i < comparison->common; i++) {
		const struct ww_endpoint_comparison *endpoint = &comparison->endpoints[i];

		rate[0] += endpoint->before->rate_per_s;
		rate[1] += endpoint->after->rate_per_s;
		in_flight[0] += endpoint->before->in_flight_mean;
		in_flight[1] += endpoint->after->in_flight_mean;
	}
	if (rate[1] <= rate[0] * (1 + LOAD_PART) && rate[0] <= rate[1] * (1 + LOAD_PART))
		return;
	text = add(doubts);
	ww_sentence__add(text, "another load: ");
	ww_sentence__number(text, rate[0]);
	ww_sentence__add(text, " requests/s, then ");
	ww_sentence__number(text, rate[1]);
	ww_sentence__add(text, "; in flight ");
	ww_sentence__number(text, in_flight[0]);
	ww_sentence__add(text, ", then ");
	ww_sentence__number(text, in_flight[1]);
}

void ww_comparability__doubt(const struct ww_comparison *comparison, struct ww_doubts *doubts)
{
	const struct ww_report *before = comparison->before, *after = comparison->after;

	doubts->len = doubts->notes_len = 0;
	note_programs(comparison, doubts);
	if (before == after) {
		doubt_recording(before, "the recording", doubts);
		return;
	}
	doubt_recording(before, "the first recording", doubts);
	doubt_recording(after, "the second recording", doubts);
	doubt_host(before, after, doubts);
	doubt_crowd(before, after, doubts);
	doubt_others(before, after, doubts);
	doubt_load(comparison, doubts);
}

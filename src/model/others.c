/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/others.h"

#define OTHERS_PART  0.1 /* of the host's CPUs */
#define CROWD_OTHERS 0.25
#define CROWD_BUSY   0.95
#define NSEC	     1e9

double ww_others__cpus(const struct ww_report *report)
{
	double seconds = (double)ww_report__observed_ns(report) / NSEC, taken = (double)report->host_busy_ns / NSEC;

	if (!report->host_busy_ns || !(seconds > 0))
		return -1;
	for (size_t i = 0; i < report->services_len; i++)
		taken -= report->services[i].cpu_seconds;
	/* Both are sampled, at times that differ a little. */
	return taken > 0 ? taken / seconds : 0;
}

bool ww_others__crowd(const struct ww_report *report)
{
	double seconds = (double)ww_report__observed_ns(report) / NSEC;

	return ww_others__cpus(report) >= CROWD_OTHERS * report->cpus &&
	       (double)report->host_busy_ns / NSEC >= CROWD_BUSY * seconds * report->cpus;
}

bool ww_others__differ(const struct ww_report *before, const struct ww_report *after)
{
	double others[2] = {ww_others__cpus(before), ww_others__cpus(after)};
	double apart = others[1] > others[0] ? others[1] - others[0] : others[0] - others[1];

	return others[0] >= 0 && others[1] >= 0 && apart > OTHERS_PART * after->cpus;
}

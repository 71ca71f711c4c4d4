/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/openmetrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/names.h"
#include "outputs/text.h"
#include "util/version.h"

#define NSEC UINT64_C(1000000000)

struct writer {
	FILE *out;
	bool open;
	bool failed; /* there was no memory for a label */
	bool labelled;
};

/* Counters have `_total` behind the family's name: in it, or only behind the samples' names. */
static void begin_family(const struct writer *writer, const char *name, const char *type, const char *unit,
			 const char *help)
{
	const char *total = !writer->open && !strcmp(type, "counter") ? "_total" : "";
	const char *info = !writer->open && !strcmp(type, "info") ? "_info" : "";

	fprintf(writer->out, "# HELP %s%s%s %s\n", name, total, info, help);
	fprintf(writer->out, "# TYPE %s%s%s %s\n", name, total, info, *info ? "gauge" : type);
	if (writer->open && *unit)
		fprintf(writer->out, "# UNIT %s %s\n", name, unit);
}

static void begin_sample(struct writer *writer, const char *name, const char *suffix)
{
	fprintf(writer->out, "%s%s", name, suffix);
	writer->labelled = false;
}

static void label(struct writer *writer, const char *name, const char *value)
{
	char *clean = ww_text__machine(value);

	fprintf(writer->out, "%c%s=\"", writer->labelled ? ',' : '{', name);
	writer->labelled = true;
	/* Control characters are escapes already. */
	for (const char *at = clean ? clean : ""; *at; at++) {
		if (*at == '\\' || *at == '"')
			fputc('\\', writer->out);
		fputc(*at, writer->out);
	}
	fputc('"', writer->out);
	writer->failed |= !clean;
	free(clean);
}

static void value(const struct writer *writer, uint64_t number)
{
	fprintf(writer->out, "%s %" PRIu64 "\n", writer->labelled ? "}" : "", number);
}

/* All of its digits: so sums stay sums. */
static void seconds(const struct writer *writer, uint64_t ns)
{
	fprintf(writer->out, "%s %" PRIu64 ".%09" PRIu64 "\n", writer->labelled ? "}" : "", ns / NSEC, ns % NSEC);
}

static void label_endpoint(struct writer *writer, const struct ww_totals_copy *totals, uint32_t endpoint)
{
	label(writer, "service", totals->services[totals->endpoints[endpoint].service].name);
	label(writer, "method", totals->endpoints[endpoint].method);
	label(writer, "route", totals->endpoints[endpoint].route);
}

static uint64_t wall_of(const struct ww_total_endpoint *endpoint)
{
	uint64_t wall = 0;

	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		wall += endpoint->kinds_ns[kind];
	return wall;
}

static void write_kinds(struct writer *writer, const struct ww_totals_copy *totals)
{
	static const char name[] = "whywait_request_seconds";

	begin_family(writer, name, "counter", "seconds",
		     "What the wall time of requests went to: the kinds add up to it.");
	for (uint32_t i = 0; i < totals->endpoints_len; i++) {
		for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
			begin_sample(writer, name, "_total");
			label_endpoint(writer, totals, i);
			label(writer, "kind", ww_kind_name(kind));
			seconds(writer, totals->endpoints[i].kinds_ns[kind]);
		}
	}
}

static void write_requests(struct writer *writer, const struct ww_totals_copy *totals)
{
	static const char name[] = "whywait_requests";

	begin_family(writer, name, "counter", "", "Requests that ended; status 0: without a response.");
	for (size_t i = 0; i < totals->status_len; i++) {
		char status[8];

		snprintf(status, sizeof(status), "%u", totals->status[i].status);
		begin_sample(writer, name, "_total");
		label_endpoint(writer, totals, totals->status[i].endpoint);
		label(writer, "status", status);
		value(writer, totals->status[i].requests);
	}
}

/* Canonical numbers of OpenMetrics, in both formats: else series would change with the format. */
static const char *bound_name(char text[16], unsigned bound)
{
	uint64_t ms = ww_totals_bounds_ns[bound] / 1000000;
	size_t len = (size_t)snprintf(text, 16, "%" PRIu64 ".%03u", ms / 1000, (unsigned)(ms % 1000));

	while (text[len - 1] == '0' && text[len - 2] != '.')
		text[--len] = '\0';
	return text;
}

static void write_durations(struct writer *writer, const struct ww_totals_copy *totals)
{
	static const char name[] = "whywait_request_duration_seconds";

	begin_family(writer, name, "histogram", "seconds",
		     "Wall time of requests, from the first byte of the request to the last of the response.");
	for (uint32_t i = 0; i < totals->endpoints_len; i++) {
		const struct ww_total_endpoint *endpoint = &totals->endpoints[i];
		uint64_t count = 0;
		char text[16];

		for (unsigned bound = 0; bound <= WW_TOTALS_BOUNDS; bound++) {
			count += endpoint->buckets[bound];
			begin_sample(writer, name, "_bucket");
			label_endpoint(writer, totals, i);
			label(writer, "le", bound < WW_TOTALS_BOUNDS ? bound_name(text, bound) : "+Inf");
			value(writer, count);
		}
		begin_sample(writer, name, "_count");
		label_endpoint(writer, totals, i);
		value(writer, count);
		begin_sample(writer, name, "_sum");
		label_endpoint(writer, totals, i);
		seconds(writer, wall_of(endpoint));
	}
}

static void label_operation(struct writer *writer, const struct ww_totals_copy *totals,
			    const struct ww_total_operation *operation)
{
	label(writer, "service", totals->services[operation->service].name);
	label(writer, "route", operation->route);
	label(writer, "kind", ww_kind_name(operation->kind));
	label(writer, "system", *operation->system ? operation->system : "unknown");
}

static void write_operations(struct writer *writer, const struct ww_totals_copy *totals)
{
	begin_family(writer, "whywait_operation_seconds", "counter", "seconds",
		     "How long operations on databases and other peers took; those of a request may overlap.");
	for (size_t i = 0; i < totals->operations_len; i++) {
		begin_sample(writer, "whywait_operation_seconds", "_total");
		label_operation(writer, totals, &totals->operations[i]);
		seconds(writer, totals->operations[i].ns);
	}
	begin_family(writer, "whywait_operations", "counter", "",
		     "Operations on databases and other peers, of requests whose operations are all known.");
	for (size_t i = 0; i < totals->operations_len; i++) {
		begin_sample(writer, "whywait_operations", "_total");
		label_operation(writer, totals, &totals->operations[i]);
		value(writer, totals->operations[i].count);
	}
}

static void write_services(struct writer *writer, const struct ww_totals_copy *totals)
{
	begin_family(writer, "whywait_requests_in_flight", "gauge", "",
		     "Requests under way on the mean, from those that ended in the last ten seconds (Little's law).");
	for (size_t i = 0; i < totals->services_len; i++) {
		uint64_t sum = 0;

		for (int second = 0; second < WW_TOTALS_RECENT; second++)
			sum += totals->services[i].recent_ns[second];
		begin_sample(writer, "whywait_requests_in_flight", "");
		label(writer, "service", totals->services[i].name);
		seconds(writer, totals->recent ? sum / totals->recent : 0);
	}
	begin_family(writer, "whywait_service_memory_bytes", "gauge", "bytes",
		     "Resident memory of a service's processes together.");
	for (size_t i = 0; i < totals->services_len; i++) {
		begin_sample(writer, "whywait_service_memory_bytes", "");
		label(writer, "service", totals->services[i].name);
		value(writer, totals->services[i].memory_bytes);
	}
	begin_family(writer, "whywait_service_cpu_seconds", "counter", "seconds",
		     "CPU time of a service's processes, user and system, whoever they worked for.");
	for (size_t i = 0; i < totals->services_len; i++) {
		begin_sample(writer, "whywait_service_cpu_seconds", "_total");
		label(writer, "service", totals->services[i].name);
		seconds(writer, totals->services[i].cpu_ns);
	}
}

static void write_loss(struct writer *writer, const char *cause, uint64_t count)
{
	begin_sample(writer, "whywait_lost", "_total");
	label(writer, "cause", cause);
	value(writer, count);
}

static void write_losses(struct writer *writer, const struct ww_totals_copy *totals)
{
	begin_family(writer, "whywait_lost", "counter", "",
		     "What could not be observed, counted or told apart, by cause; see the documentation of each.");
	for (size_t i = 0; i < totals->losses_len; i++)
		write_loss(writer, totals->losses[i].cause, totals->losses[i].count);
	write_loss(writer, "metric_routes_over_cap", totals->over_cap);
	write_loss(writer, "metric_services_over_cap", totals->services_over_cap);
	write_loss(writer, "metric_out_of_memory", totals->uncounted);
}

int ww_openmetrics__write(FILE *out, const struct ww_totals_copy *totals, bool open)
{
	struct writer writer = {.out = out, .open = open};

	write_kinds(&writer, totals);
	write_requests(&writer, totals);
	write_durations(&writer, totals);
	write_operations(&writer, totals);
	write_services(&writer, totals);
	write_losses(&writer, totals);
	begin_family(&writer, "whywait_build", "info", "", "The version that is running.");
	begin_sample(&writer, "whywait_build", "_info");
	label(&writer, "version", ww_version);
	value(&writer, 1);
	if (open)
		fputs("# EOF\n", out);
	return writer.failed ? -ENOMEM : ferror(out) ? -EIO : 0;
}

/* Whatever it is that was sent. */
static unsigned thousandths(double weight)
{
	return weight >= 1 ? 1000 : weight > 0 ? (unsigned)(weight * 1000) : 0;
}

/* The weight of the range that begins at `range`, in thousandths: 1000 where it says none. */
static unsigned weight_of(const char *range, size_t len)
{
	for (const char *at = memchr(range, ';', len); at; at = memchr(at + 1, ';', (size_t)(range + len - at - 1))) {
		const char *word = at + 1;

		while (word < range + len && (*word == ' ' || *word == '\t'))
			word++;
		if (range + len - word > 2 && (*word == 'q' || *word == 'Q') && word[1] == '=')
			return thousandths(strtod(word + 2, NULL));
	}
	return 1000;
}

bool ww_openmetrics__is_accepted(const char *accept)
{
	static const char type[] = "application/openmetrics-text";
	unsigned open = 0, plain = 0;

	while (accept && *accept) {
		size_t len = strcspn(accept, ","), blank = strspn(accept, " \t");
		unsigned weight = blank < len ? weight_of(accept + blank, len - blank) : 0;

		if (blank < len && !strncasecmp(accept + blank, type, sizeof(type) - 1))
			open = weight > open ? weight : open;
		else if (blank < len && !strncasecmp(accept + blank, "text/plain", 10))
			plain = weight > plain ? weight : plain;
		accept += len + (accept[len] == ',');
	}
	return open && open >= plain;
}

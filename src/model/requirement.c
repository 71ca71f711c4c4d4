/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/requirement.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_ALPHA 0.05
#define CLOSE_PART     0.05 /* how far a figure may be off and still decide: of it .. */
#define CLOSE_SHARE    0.01 /* .. and of requests, where it is a share of these */
#define NONE_SHARE     0.1  /* what may fail of them at the most where none did */
#define NUMBER_MOST    1e15

/* Words of a unit; each unit ends with one that has no word. */
struct word {
	const char *word;
	double factor;
};

static const struct word words[][8] = {
	[WW_UNIT_RATE] = {{"/s", 1}, {"", 1}, {0}},
	[WW_UNIT_SHARE] = {{"%", 0.01}, {"", 0.01}, {0}},
	[WW_UNIT_TIME] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {0}},
	[WW_UNIT_NUMBER] = {{"", 1}, {0}},
	[WW_UNIT_BYTES] =
		{{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {0}},
};

struct parser {
	const char *text, *at;
	char *message;
	size_t message_size;
};

static int fail(const struct parser *parser, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(const struct parser *parser, const char *format, ...)
{
	va_list args;
	int len = snprintf(parser->message, parser->message_size, "'%s', at character %zu: ", parser->text,
			   (size_t)(parser->at - parser->text) + 1);

	va_start(args, format);
	if (len > 0 && (size_t)len < parser->message_size)
		vsnprintf(parser->message + len, parser->message_size - (size_t)len, format, args);
	va_end(args);
	return -EINVAL;
}

static void skip_blanks(struct parser *parser)
{
	parser->at += strspn(parser->at, " \t");
}

static int parse_metric(struct parser *parser, enum ww_metric *metric)
{
	size_t len;

	skip_blanks(parser);
	len = strspn(parser->at, "abcdefghijklmnopqrstuvwxyz0123456789_");
	for (enum ww_metric m = 0; m < WW_METRIC_COUNT; m++) {
		if (strlen(ww_metric_name(m)) == len && !memcmp(ww_metric_name(m), parser->at, len)) {
			parser->at += len;
			*metric = m;
			return 0;
		}
	}
	return fail(parser, "here has to be p50, p95, p99, mean, cpu, errors, operations, allocations, "
			    "allocated, requests, memory or a kind of time");
}

/* Digits and a point, and an exponent; no sign, no hexadecimal digits, no nan. */
static int parse_number(struct parser *parser, double *number)
{
	size_t len = strspn(parser->at, "0123456789."), exponent;
	char *end;

	if (!len)
		return fail(parser, "here has to be a number");
	if (parser->at[len] == 'e' || parser->at[len] == 'E') {
		exponent = len + 1 + (parser->at[len + 1] == '-' || parser->at[len + 1] == '+');
		len = exponent + strspn(parser->at + exponent, "0123456789");
	}
	*number = strtod(parser->at, &end);
	if (end != parser->at + len || *number > NUMBER_MOST)
		return fail(parser, "'%.*s' is no number", (int)(len < 40 ? len : 40), parser->at);
	parser->at = end;
	return 0;
}

static size_t word_len(const char *at)
{
	return strcspn(at, " \t");
}

/* A percentage is of what was before, but of errors: that is a percentage itself. */
static int parse_unit(struct parser *parser, struct ww_requirement *requirement)
{
	enum ww_unit unit = ww_metric_unit(requirement->metric);
	size_t len;

	skip_blanks(parser);
	len = word_len(parser->at);
	if (requirement->change && unit != WW_UNIT_SHARE && len == 1 && *parser->at == '%') {
		requirement->relative = true;
		requirement->limit /= 100;
		parser->at++;
		return 0;
	}
	/* Nothing is nothing in any unit. */
	if (!len && requirement->limit == 0)
		return 0;
	for (const struct word *word = words[unit]; word->word; word++) {
		if (strlen(word->word) == len && !memcmp(word->word, parser->at, len)) {
			requirement->limit *= word->factor;
			parser->at += len;
			return 0;
		}
	}
	switch (unit) {
	case WW_UNIT_TIME:
		return fail(parser, "here has to be ns, us, ms or s%s", requirement->change ? ", or %" : "");
	case WW_UNIT_BYTES:
		return fail(parser, "here has to be KB, MB, GB, KiB, MiB or GiB%s",
			    requirement->change ? ", or %" : "");
	case WW_UNIT_SHARE:
		return fail(parser, "here can only be %%");
	case WW_UNIT_RATE:
		return fail(parser, "here can only be /s%s", requirement->change ? " or %" : "");
	default:
		return fail(parser, "here can be no unit%s", requirement->change ? " but %" : "");
	}
}

static int parse_relation(struct parser *parser, struct ww_requirement *requirement, double *sign)
{
	*sign = 1;
	skip_blanks(parser);
	if (parser->at[0] == '+' || parser->at[0] == '-') {
		*sign = *parser->at++ == '-' ? -1 : 1;
		requirement->change = true;
		/* Of what is served more is better: `requests -5%` is the least. */
		requirement->at_least = requirement->metric == WW_METRIC_REQUESTS;
		skip_blanks(parser);
		return 0;
	}
	if ((parser->at[0] != '<' && parser->at[0] != '>') || parser->at[1] != '=')
		return fail(parser, "here has to be <=, >=, + or -");
	requirement->at_least = parser->at[0] == '>';
	parser->at += 2;
	skip_blanks(parser);
	return 0;
}

int ww_requirement__parse(const char *text, struct ww_requirement *requirement, char *message, size_t message_size)
{
	struct parser parser = {.text = text, .at = text, .message = message, .message_size = message_size};
	struct ww_requirement parsed = {.text = text};
	double sign;
	int err = parse_metric(&parser, &parsed.metric);

	if (!err)
		err = parse_relation(&parser, &parsed, &sign);
	if (!err)
		err = parse_number(&parser, &parsed.limit);
	if (!err)
		err = parse_unit(&parser, &parsed);
	if (err)
		return err;
	parsed.limit *= sign;
	skip_blanks(&parser);
	if (*parser.at)
		return fail(&parser, "here it has to end");
	*requirement = parsed;
	return 0;
}

/* What a requirement is judged by: a figure, between what it lies, and how close that has to be to decide. */
struct figure {
	double value, low, high, close, limit;
	bool noise; /* it is a change that may be none */
};

static struct figure absolute(const struct ww_requirement *requirement, const struct ww_estimate *after)
{
	struct figure figure = {.value = after->value, .limit = requirement->limit};

	ww_estimate__interval(after, INTERVAL_ALPHA, &figure.low, &figure.high);
	figure.close =
		ww_metric_unit(requirement->metric) == WW_UNIT_SHARE ? CLOSE_SHARE : CLOSE_PART * fabs(figure.limit);
	return figure;
}

static struct figure change(const struct ww_requirement *requirement, const struct ww_change *of)
{
	double factor = requirement->relative ? 1 + requirement->limit : 1, low, high;
	/* After no more than a factor of before: what is beyond it has to be no more than nothing. */
	struct figure figure = {
		.value = of->after.value - factor * of->before.value,
		.limit = requirement->relative ? 0 : requirement->limit,
	};

	ww_difference__interval(&of->before, &of->after, of->correlation, factor, INTERVAL_ALPHA, &figure.low,
				&figure.high);
	ww_difference__interval(&of->before, &of->after, of->correlation, 1, INTERVAL_ALPHA, &low, &high);
	figure.noise = low <= 0 && high >= 0;
	figure.close =
		ww_metric_unit(requirement->metric) == WW_UNIT_SHARE ? CLOSE_SHARE : CLOSE_PART * of->before.value;
	/* A change that may be none counts as none. */
	if (figure.noise)
		figure.value = (1 - factor) * of->before.value;
	return figure;
}

static void explain(const struct ww_requirement *requirement, const struct ww_endpoint_comparison *endpoint,
		    const struct figure *figure, struct ww_sentence *why)
{
	const struct ww_change *of = &endpoint->changes[requirement->metric];
	double part = ww_change__part(of);

	if (requirement->change) {
		ww_sentence__metric(why, requirement->metric, of->before.value);
		ww_sentence__add(why, " -> ");
	}
	ww_sentence__metric(why, requirement->metric, of->after.value);
	if (requirement->change && !isnan(part) && ww_metric_unit(requirement->metric) != WW_UNIT_SHARE)
		ww_sentence__add(why, ", %+.1f %%", part * 100);
	if (requirement->change && figure->noise && of->before.how != WW_ESTIMATE_EXACT &&
	    of->after.value != of->before.value)
		ww_sentence__add(why, ", which may be noise");
}

static void explain_undecided(const struct ww_endpoint_comparison *endpoint, const struct figure *figure,
			      enum ww_metric metric, bool both, struct ww_sentence *why)
{
	uint64_t requests = endpoint->after->requests;
	double half = (figure->high - figure->low) / 2, times = half / figure->close;

	/* What is sampled once a second needs time, not requests. */
	if (metric == WW_METRIC_MEMORY || metric == WW_METRIC_ALLOCATED || metric == WW_METRIC_REQUESTS) {
		ww_sentence__add(why, "; too little time was recorded to tell");
		return;
	}
	if (both && endpoint->before->requests < requests)
		requests = endpoint->before->requests;
	ww_sentence__add(why, "; %llu %ss are too few to tell", (unsigned long long)requests,
			 ww_comparison__unit(endpoint));
	if (isfinite(times) && times * times * (double)requests < 1e12) {
		double needed = ceil(times * times * (double)requests), unit = pow(10, floor(log10(needed)) - 1);

		/* Two digits of it are known. */
		ww_sentence__add(why, ": record about %.0f", unit > 1 ? round(needed / unit) * unit : needed);
	}
}

/*
 * There are not more of what did not happen at all, where so few requests as these would have shown it if it were
 * frequent. How often it may happen all the same is said beside.
 */
static bool is_without_errors(const struct ww_endpoint_comparison *endpoint, const struct ww_estimate *after,
			      struct ww_sentence *why)
{
	double low, high;

	ww_estimate__interval(after, INTERVAL_ALPHA, &low, &high);
	if (after->value != 0 || !(high < NONE_SHARE))
		return false;
	if (high > CLOSE_SHARE)
		ww_sentence__add(why, "; that none of %llu %ss failed leaves %.2g %% possible",
				 (unsigned long long)endpoint->after->requests, ww_comparison__unit(endpoint),
				 100 * high);
	return true;
}

enum ww_verdict_of_requirement ww_requirement__judge(const struct ww_requirement *requirement,
						     const struct ww_endpoint_comparison *endpoint,
						     struct ww_sentence *why)
{
	const struct ww_change *of = &endpoint->changes[requirement->metric];
	struct figure figure;
	bool met;

	if (!endpoint->after || (requirement->change && !endpoint->before)) {
		ww_sentence__add(why, "no %ss %s", ww_comparison__unit(endpoint), endpoint->after ? "before" : "after");
		return WW_REQUIREMENT_UNDECIDED;
	}
	if (isnan(of->after.value) || (requirement->change && isnan(of->before.value))) {
		ww_sentence__add(why, "not known");
		return WW_REQUIREMENT_UNDECIDED;
	}
	figure = requirement->change ? change(requirement, of) : absolute(requirement, &of->after);
	explain(requirement, endpoint, &figure, why);
	if (requirement->metric == WW_METRIC_ERRORS && requirement->change && figure.limit >= 0 &&
	    is_without_errors(endpoint, &of->after, why))
		return WW_REQUIREMENT_MET;
	if (figure.low <= figure.limit && figure.high >= figure.limit &&
	    (figure.high - figure.low) / 2 > figure.close) {
		explain_undecided(endpoint, &figure, requirement->metric, requirement->change, why);
		return WW_REQUIREMENT_UNDECIDED;
	}
	met = requirement->at_least ? figure.value >= figure.limit : figure.value <= figure.limit;
	return met ? WW_REQUIREMENT_MET : WW_REQUIREMENT_UNMET;
}

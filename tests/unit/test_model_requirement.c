/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Pass lines: how they are read, and when one holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/requirement.h"

#define MS 1e6

static void lines_are_read(void **state)
{
	static const struct {
		const char *text;
		enum ww_metric metric;
		bool change, relative, at_least;
		double limit;
	} lines[] = {
		{"p95 <= 220ms", WW_METRIC_P95, false, false, false, 220 * MS},
		{"p95 <= 1e3ms", WW_METRIC_P95, false, false, false, 1000 * MS},
		{"p95 <= 2.5E-1s", WW_METRIC_P95, false, false, false, 250 * MS},
		{"p99<=1.5s", WW_METRIC_P99, false, false, false, 1500 * MS},
		{" mean >= 80 us ", WW_METRIC_MEAN, false, false, true, 80e3},
		{"compute -30%", WW_METRIC_KIND + WW_KIND_COMPUTE, true, true, false, -0.3},
		{"errors +0", WW_METRIC_ERRORS, true, false, false, 0},
		{"errors +0.5%", WW_METRIC_ERRORS, true, false, false, 0.005},
		{"errors <= 1%", WW_METRIC_ERRORS, false, false, false, 0.01},
		{"memory +5%", WW_METRIC_MEMORY, true, true, false, 0.05},
		{"memory <= 2GiB", WW_METRIC_MEMORY, false, false, false, 2147483648.0},
		{"p50 -20ms", WW_METRIC_P50, true, false, false, -20 * MS},
		{"db + 0", WW_METRIC_KIND + WW_KIND_DB, true, false, false, 0},
		{"requests >= 100/s", WW_METRIC_REQUESTS, false, false, true, 100},
		{"requests -5%", WW_METRIC_REQUESTS, true, true, true, -0.05},
		{"operations <= 12", WW_METRIC_OPERATIONS, false, false, false, 12},
		{"operations +0", WW_METRIC_OPERATIONS, true, false, false, 0},
		{"cpu +10%", WW_METRIC_CPU, true, true, false, 0.1},
	};
	char message[256];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct ww_requirement read;

		if (ww_requirement__parse(lines[i].text, &read, message, sizeof(message)))
			fail_msg("%s", message);
		assert_int_equal(read.metric, lines[i].metric);
		assert_int_equal(read.change, lines[i].change);
		assert_int_equal(read.relative, lines[i].relative);
		assert_int_equal(read.at_least, lines[i].at_least);
		assert_true(fabs(read.limit - lines[i].limit) <= 1e-9 * fabs(lines[i].limit));
	}
}

static void wrong_lines_say_where(void **state)
{
	static const struct {
		const char *text, *says;
	} lines[] = {
		{"", "'', at character 1: here has to be p50, p95"},
		{"p96 <= 1ms", "at character 1: here has to be p50"},
		{"p95", "at character 4: here has to be <=, >=, + or -"},
		{"p95 < 2ms", "at character 5: here has to be <="},
		{"p95 == 2ms", "at character 5: here has to be <="},
		{"p95 <= ", "at character 8: here has to be a number"},
		{"p95 <= -3ms", "at character 8: here has to be a number"},
		{"p95 <= 1.2.3ms", "at character 8: '1.2.3' is no number"},
		{"p95 <= 1ems", "at character 8: '1e' is no number"},
		{"p95 <= 0x1ms", "at character 8: '0' is no number"},
		{"p95 <= 220mss", "at character 11: here has to be ns, us, ms or s"},
		{"p95 <= 220%", "at character 11: here has to be ns, us, ms or s"},
		{"p95 +220", "at character 9: here has to be ns, us, ms or s, or %"},
		{"p95 <= 220ms please", "at character 14: here it has to end"},
		{"p95 <= 9999999999999999999999ms", "is no number"},
		{"allocated <= 5", "at character 15: here has to be KB"},
		{"memory <= 5", "at character 12: here has to be KB"},
		{"errors +5ms", "at character 10: here can only be %"},
		{"operations <= 5ms", "at character 16: here can be no unit"},
		{"requests >= 5ms", "at character 14: here can only be /s"},
		{"nan +5%", "at character 1:"},
	};
	char message[256];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct ww_requirement read;

		assert_int_equal(ww_requirement__parse(lines[i].text, &read, message, sizeof(message)), -EINVAL);
		if (!strstr(message, lines[i].says))
			fail_msg("%s: %s", lines[i].text, message);
		assert_null(strchr(message, '\n'));
	}
}

static struct ww_estimate mean(double value, double error)
{
	return (struct ww_estimate){.how = WW_ESTIMATE_MEAN, .value = value, .error = error, .freedom = 1e6};
}

static struct ww_estimate share(double value, double number)
{
	return (struct ww_estimate){.how = WW_ESTIMATE_SHARE, .value = value, .number = number, .freedom = 1e6};
}

static struct ww_endpoint_report some = {.protocol = "http", .requests = 1000};

static void judges(const char *text, struct ww_estimate before, struct ww_estimate after,
		   enum ww_verdict_of_requirement verdict, const char *says)
{
	struct ww_endpoint_comparison endpoint = {.before = &some, .after = &some};
	struct ww_requirement requirement;
	struct ww_sentence why = {0};
	char message[256];

	assert_int_equal(ww_requirement__parse(text, &requirement, message, sizeof(message)), 0);
	endpoint.changes[requirement.metric] = (struct ww_change){.before = before, .after = after};
	assert_int_equal(ww_requirement__judge(&requirement, &endpoint, &why), verdict);
	if (!strstr(why.text, says))
		fail_msg("%s: %s", text, why.text);
}

static void lines_are_judged(void **state)
{
	const struct ww_estimate none = ww_estimate__bare(NAN);

	(void)state;
	/* Clear, close but precise, and not to be told. */
	judges("mean <= 220ms", none, mean(200 * MS, 1 * MS), WW_REQUIREMENT_MET, "200 ms");
	judges("mean <= 220ms", none, mean(250 * MS, 1 * MS), WW_REQUIREMENT_UNMET, "250 ms");
	judges("mean <= 220ms", none, mean(219 * MS, 3 * MS), WW_REQUIREMENT_MET, "219 ms");
	judges("mean <= 220ms", none, mean(221 * MS, 3 * MS), WW_REQUIREMENT_UNMET, "221 ms");
	judges("mean <= 220ms", none, mean(210 * MS, 20 * MS), WW_REQUIREMENT_UNDECIDED,
	       "210 ms; 1000 requests are too few to tell: record about 13000");
	judges("mean >= 220ms", none, mean(250 * MS, 1 * MS), WW_REQUIREMENT_MET, "");
	/* Changes: what may be noise counts as none. */
	judges("db -30%", mean(100 * MS, MS), mean(50 * MS, MS), WW_REQUIREMENT_MET, "100 ms -> 50.0 ms, -50.0 %");
	judges("db -30%", mean(100 * MS, MS), mean(90 * MS, MS), WW_REQUIREMENT_UNMET, "-10.0 %");
	judges("db -30%", mean(100 * MS, 20 * MS), mean(60 * MS, 20 * MS), WW_REQUIREMENT_UNDECIDED, "too few");
	judges("db +5%", mean(100 * MS, MS), mean(102 * MS, MS), WW_REQUIREMENT_MET, "may be noise");
	judges("db +5%", mean(100 * MS, MS), mean(120 * MS, MS), WW_REQUIREMENT_UNMET, "+20.0 %");
	judges("db +0", mean(100 * MS, MS), mean(101 * MS, MS), WW_REQUIREMENT_MET, "may be noise");
	judges("db +0", mean(100 * MS, .1 * MS), mean(101 * MS, .1 * MS), WW_REQUIREMENT_UNMET, "+1.0 %");
	judges("db +0", mean(100 * MS, 9 * MS), mean(90 * MS, 9 * MS), WW_REQUIREMENT_UNDECIDED, "too few");
	judges("errors +0", share(0, 1000), share(0, 1000), WW_REQUIREMENT_MET, "0 % -> 0 %");
	judges("errors +0", share(0, 100), share(0, 100), WW_REQUIREMENT_MET,
	       "0 % -> 0 %; that none of 1000 requests failed leaves 3.7 % possible");
	judges("errors +0", share(0.1, 100), share(0, 100), WW_REQUIREMENT_MET, "10 % -> 0 %");
	judges("errors +0", share(0, 10), share(0, 10), WW_REQUIREMENT_UNDECIDED, "too few");
	judges("errors +0", share(0, 100), share(0.01, 100), WW_REQUIREMENT_UNDECIDED, "too few");
	judges("errors <= 1%", none, share(0, 100), WW_REQUIREMENT_UNDECIDED, "too few");
	judges("errors +0", share(0, 1000), share(0.05, 1000), WW_REQUIREMENT_UNMET, "0 % -> 5 %");
	judges("errors +0", share(0.004, 10000), share(0.005, 10000), WW_REQUIREMENT_MET, "may be noise");
	/* What was so is taken as it was. */
	judges("requests -5%", ww_estimate__exact(100), ww_estimate__exact(96), WW_REQUIREMENT_MET, "-4.0 %");
	judges("requests -5%", ww_estimate__exact(100), ww_estimate__exact(94), WW_REQUIREMENT_UNMET, "-6.0 %");
	judges("memory +5%", ww_estimate__exact(100e6), ww_estimate__exact(104e6), WW_REQUIREMENT_MET, "95.4 MiB -> ");
	judges("memory +5%", ww_estimate__exact(100e6), ww_estimate__exact(110e6), WW_REQUIREMENT_UNMET, "");
	judges("memory +5%", mean(100e6, 0), mean(110e6, 0), WW_REQUIREMENT_UNMET, "+10.0 %");
	judges("memory +5%", mean(100e6, 8e6), mean(104e6, 8e6), WW_REQUIREMENT_UNDECIDED, "too little time");
	judges("requests -5%", mean(100, 1), mean(90, 1), WW_REQUIREMENT_UNMET, "-10.0 %");
	judges("memory +5%", ww_estimate__exact(100e6), ww_estimate__exact(NAN), WW_REQUIREMENT_UNDECIDED, "not known");
	/* Nothing is known of how far it may be off. */
	judges("mean <= 220ms", none, ww_estimate__bare(100 * MS), WW_REQUIREMENT_UNDECIDED, "too few");
}

static void an_endpoint_of_one_side_is_undecided(void **state)
{
	struct ww_endpoint_comparison endpoint = {.before = &some};
	struct ww_requirement requirement;
	struct ww_sentence why = {0};
	char message[256];

	(void)state;
	assert_int_equal(ww_requirement__parse("p95 <= 1s", &requirement, message, sizeof(message)), 0);
	assert_int_equal(ww_requirement__judge(&requirement, &endpoint, &why), WW_REQUIREMENT_UNDECIDED);
	assert_string_equal(why.text, "no requests after");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read),
		cmocka_unit_test(wrong_lines_say_where),
		cmocka_unit_test(lines_are_judged),
		cmocka_unit_test(an_endpoint_of_one_side_is_undecided),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

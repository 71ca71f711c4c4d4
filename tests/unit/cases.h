/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests made by hand, and the report over them: for the tests of findings, verdicts and forecasts. */
#ifndef WHYWAIT_TEST_CASES_H
#define WHYWAIT_TEST_CASES_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/report_build.h"

#define MS	   1000000ull
#define ENDPOINTS  8
#define OPERATIONS 256
#define SEGMENTS   32
#define START	   1763655730000000000ll

static const char *scene_protocol = "http/1.1"; /* of what a scene's endpoints do */

/* A service with endpoints, and what was seen of it. */
struct scene {
	struct ww_catalog catalog;
	struct ww_slice slice;
	struct ww_study *studies[ENDPOINTS];
	struct ww_crowd crowd;
	uint64_t others; /* requests of each endpoint that were not kept */
	struct ww_report *report;
	double rate;
};

/* A request in the making. */
struct made {
	struct ww_request request;
	struct ww_operation operations[OPERATIONS];
	struct ww_request_segment segments[SEGMENTS];
};

static inline void scene_begin(struct scene *scene)
{
	*scene = (struct scene){.rate = 0};
	assert_int_equal(ww_catalog__init(&scene->catalog), 0);
	assert_int_equal(ww_catalog__add_service(&scene->catalog, &(struct ww_catalog_service){"shop", "", "/"}), 0);
}

static inline uint32_t scene_endpoint(struct scene *scene, const char *route)
{
	const struct ww_catalog_endpoint endpoint = {0, scene_protocol, "GET", route};
	int64_t id = ww_catalog__add_endpoint(&scene->catalog, &endpoint);

	assert_in_range(id, 0, ENDPOINTS - 1);
	return (uint32_t)id;
}

static inline struct made *make(void)
{
	struct made *made = calloc(1, sizeof(*made));

	assert_non_null(made);
	made->request = (struct ww_request){.start_unix_ns = START, .pid = 1, .tid = 1, .status = 200, .sampled = true};
	made->request.operations = made->operations;
	made->request.segments = made->segments;
	return made;
}

/* Time of a kind, at the end of what there is. */
static inline void spend(struct made *made, enum ww_kind kind, uint64_t ns)
{
	struct ww_request *request = &made->request;
	struct ww_request_segment *segment = &made->segments[request->segments_len];

	if (request->segments_len < SEGMENTS) {
		*segment = (struct ww_request_segment){
			.kind = (uint8_t)kind, .start_ns = request->wall_ns, .duration_ns = ns, .detail = ""};
		request->segments_len++;
	} else {
		request->segments_truncated = true;
	}
	request->kinds_ns[kind] += ns;
	request->wall_ns += ns;
}

/* An operation over that time, which need not be at the end. */
static inline struct ww_operation *operate(struct made *made, enum ww_kind kind, const char *peer, const char *summary,
					   const char *statement, uint64_t start_ns, uint64_t duration_ns)
{
	struct ww_operation *operation = &made->operations[made->request.operations_len++];

	assert_in_range(made->request.operations_len, 1, OPERATIONS);
	*operation = (struct ww_operation){
		.kind = (uint8_t)kind,
		.flags = WW_OPERATION_READ,
		.system = kind == WW_KIND_DB ? "postgresql" : "http",
		.peer = peer,
		.summary = summary,
		.statement = statement,
		.error = "",
		.start_ns = start_ns,
		.duration_ns = duration_ns,
	};
	return operation;
}

/* A query that is waited for. */
static inline struct ww_operation *query(struct made *made, const char *statement, uint64_t arguments, uint64_t ns)
{
	struct ww_operation *operation =
		operate(made, WW_KIND_DB, "10.0.0.1:5432", "SELECT items", statement, made->request.wall_ns, ns);

	operation->arguments = arguments;
	spend(made, WW_KIND_DB, ns);
	return operation;
}

/* A call that is waited for. */
static inline struct ww_operation *call(struct made *made, const char *peer, const char *summary, uint64_t ns)
{
	struct ww_operation *operation = operate(made, WW_KIND_NET, peer, summary, "", made->request.wall_ns, ns);

	spend(made, WW_KIND_NET, ns);
	return operation;
}

/* Counts it, keeps it when `kept`, and frees it. */
static inline void scene_add(struct scene *scene, uint32_t endpoint, struct made *made, bool kept)
{
	const struct ww_sample sample = {.kinds_ns = made->request.kinds_ns, .in_flight = 1, .status = 200};

	assert_int_equal(ww_slice__add(&scene->slice, endpoint, &sample), 0);
	if (kept) {
		if (!scene->studies[endpoint])
			scene->studies[endpoint] = ww_study__new();
		assert_non_null(scene->studies[endpoint]);
		assert_int_equal(ww_study__add(scene->studies[endpoint], &made->request), 0);
		assert_int_equal(ww_crowd__add(&scene->crowd, endpoint, &made->request), 0);
	}
	free(made);
}

static inline double scene_rate(const void *ctx, uint32_t endpoint)
{
	const struct scene *scene = ctx;

	(void)endpoint;
	return scene->rate;
}

/* Of those beside the ones that are kept nothing is known. */
static inline uint64_t scene_requests(const void *ctx, uint32_t endpoint)
{
	const struct scene *scene = ctx;

	if (endpoint >= scene->slice.cap || !scene->slice.by_endpoint[endpoint])
		return 0;
	return scene->slice.by_endpoint[endpoint]->requests + scene->others;
}

/* The endpoint's part of the report. */
static inline const struct ww_endpoint_report *scene_report(struct scene *scene, const char *route)
{
	const struct ww_crowd_beside beside = {scene_rate, scene_requests, scene, !scene->others};
	const struct ww_report_frame frame = {
		.host = "h",
		.kernel = "k",
		.cpus = 2,
		.start_unix_ns = START,
		.end_unix_ns = START + 10000 * (int64_t)MS,
		.studies = scene->studies,
		.crowd = &scene->crowd,
	};

	if (!scene->report) {
		assert_int_equal(ww_crowd__settle(&scene->crowd, &beside), 0);
		assert_int_equal(ww_report__build(&frame, &scene->catalog, &scene->slice, &scene->report), 0);
	}
	for (size_t i = 0; i < scene->report->endpoints_len; i++)
		if (!strcmp(scene->report->endpoints[i].route, route))
			return &scene->report->endpoints[i];
	fail_msg("there is no endpoint %s", route);
	return NULL;
}

static inline void scene_end(struct scene *scene)
{
	ww_report_free(scene->report);
	for (int i = 0; i < ENDPOINTS; i++)
		ww_study__free(scene->studies[i]);
	ww_crowd__free(&scene->crowd);
	ww_slice__free(&scene->slice);
	ww_catalog__free(&scene->catalog);
}

static inline const struct ww_finding *finding(const struct ww_endpoint_report *endpoint, const char *id)
{
	for (size_t i = 0; i < endpoint->findings_len; i++)
		if (!strcmp(endpoint->findings[i].id, id))
			return &endpoint->findings[i];
	return NULL;
}

static inline const struct ww_evidence *evidence(const struct ww_finding *found, const char *name)
{
	for (size_t i = 0; i < found->evidence_len; i++)
		if (!strcmp(found->evidence[i].name, name))
			return &found->evidence[i];
	fail_msg("no evidence %s", name);
	return NULL;
}

/* Fails with a list of those that there are. */
static inline const struct ww_finding *must_find(const struct ww_endpoint_report *endpoint, const char *id)
{
	const struct ww_finding *found = finding(endpoint, id);

	for (size_t i = 0; !found && i < endpoint->findings_len; i++)
		print_message("there is: %s: %s\n", endpoint->findings[i].id, endpoint->findings[i].text);
	assert_non_null(found);
	return found;
}

static inline void must_not_find(const struct ww_endpoint_report *endpoint, const char *id)
{
	const struct ww_finding *found = finding(endpoint, id);

	if (found)
		fail_msg("%s: %s", id, found->text);
}

/* 30 requests of one endpoint, each made by `plant`. */
static inline const struct ww_endpoint_report *scene_of(struct scene *scene,
							void (*plant)(struct made *made, int number))
{
	scene_begin(scene);
	uint32_t endpoint = scene_endpoint(scene, "/");

	for (int number = 0; number < 30; number++) {
		struct made *made = make();

		plant(made, number);
		scene_add(scene, endpoint, made, true);
	}
	return scene_report(scene, "/");
}

/* What is found, and what to do about it. */
static inline void must_say(const struct ww_finding *finding, const char *said)
{
	char text[2048];

	snprintf(text, sizeof(text), "%s: %s", finding->text, finding->advice);
	assert_string_equal(text, said);
}

#endif

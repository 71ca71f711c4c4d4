/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The HTTP side as a part of the daemon. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "serve/daemon.h"
#include "serve/http.h"

/*
 * Endpoints of a service that are told apart in /metrics. What a service has at a time is bounded by what is taken in
 * already; this bounds the names that it has had.
 */
#define ROUTES_MAX 2000

struct http_part {
	struct ww_daemon *daemon;
	struct ww_totals *totals;
	struct ww_http *http;
};

static void status_of(void *ctx, struct ww_daemon_status *status)
{
	ww_daemon__status(ctx, status);
}

static void stop_part(void *self)
{
	struct http_part *part = self;

	ww_http__stop(part->http);
	ww_totals__free(part->totals);
	free(part);
}

static int open_part(void **self, struct ww_daemon *daemon, char *message, size_t message_size)
{
	const struct ww_serve_config *config = ww_daemon__config(daemon);
	struct ww_http_options options = {
		.listen = config->listen,
		.token_file = config->token_file,
		.tls_certificate = config->tls_certificate,
		.tls_key = config->tls_key,
		.tls_client_ca = config->tls_client_ca,
		.recording = config->data,
		.status = status_of,
		.ctx = daemon,
	};
	struct http_part *part;
	int err = 0;

	if (!strcmp(config->listen, "none"))
		return 0;
	part = calloc(1, sizeof(*part));
	options.totals = part ? ww_totals__new(ROUTES_MAX) : NULL;
	if (!options.totals) {
		snprintf(message, message_size, "out of memory");
		free(part);
		return -ENOMEM;
	}
	part->daemon = daemon;
	part->totals = options.totals;
	err = ww_http__open(&part->http, &options, message, message_size);
	if (err) {
		stop_part(part);
		return err;
	}
	*self = part;
	return 0;
}

static int start_part(void *self)
{
	struct http_part *part = self;
	int err = ww_http__start(part->http);

	for (size_t i = 0; !err && ww_http__url(part->http, i); i++)
		fprintf(stderr, "whywait: listening on %s\n", ww_http__url(part->http, i));
	return err;
}

static void take_second(void *self, const struct ww_daemon_second *second)
{
	struct http_part *part = self;

	ww_totals__add(part->totals, second->commit, second->session, second->losses, second->losses_len);
}

static void tick(void *self)
{
	const struct http_part *part = self;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ww_http__tick(part->http, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
}

const struct ww_daemon_part ww_part_http = {
	.name = "HTTP",
	.open = open_part,
	.start = start_part,
	.second = take_second,
	.tick = tick,
	.stop = stop_part,
};

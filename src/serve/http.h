/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the daemon tells over HTTP: metrics, its health, the live page and the JSON behind it. It runs in threads of its
 * own, so that no client can hold up observing; what reads the recording does so one request at a time in yet another
 * one. docs/api.md says what is served.
 */
#ifndef WHYWAIT_HTTP_H
#define WHYWAIT_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "requests/totals.h"
#include "serve/daemon.h"

struct ww_http_options {
	/* ADDRESS:PORT of IPv4, "[..]:PORT" of IPv6, ":PORT" for every address; several with commas between them. */
	const char *listen;
	const char *token_file; /* whose first line every request has to carry; NULL: none */
	/* PEM files: TLS where the first is set, and only for clients of an authority where the last is. */
	const char *tls_certificate, *tls_key, *tls_client_ca;
	const char *recording;	  /* the file that is written; readers open it by this name */
	struct ww_totals *totals; /* it stays the caller's and outlives the server */
	/* What is said of the daemon; called in any thread. */
	void (*status)(void *ctx, struct ww_daemon_status *status);
	void *ctx;
};

struct ww_http;

/*
 * Binds the addresses and reads the files: what may take privileges. Of several addresses on loopback one has to work.
 * On failure returns a negative errno and writes one line without a newline to `message`; -EPERM: an address beyond
 * loopback, and neither a token nor an authority of clients. What `options` points to outlives the server. It is the
 * caller's, to be stopped by ww_http__stop().
 */
int ww_http__open(struct ww_http **http, const struct ww_http_options *options, char *message, size_t message_size);

/* Starts to answer. A negative errno. */
int ww_http__start(struct ww_http *http);

/* To be called about once a second: ends connections whose clients take too long. `now_ns` is CLOCK_MONOTONIC. */
void ww_http__tick(struct ww_http *http, uint64_t now_ns);

/* What it listens on, "http://127.0.0.1:9248"; NULL from the end on. Valid until it is stopped. */
const char *ww_http__url(const struct ww_http *http, size_t i);

/* NULL-safe. Ends requests that are under way. */
void ww_http__stop(struct ww_http *http);

#endif

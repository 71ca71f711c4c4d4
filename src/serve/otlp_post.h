/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Posting to an OpenTelemetry collector: one request of OTLP/HTTP at a time, and what its answer means.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
 */
#ifndef WHYWAIT_OTLP_POST_H
#define WHYWAIT_OTLP_POST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ww_otlp_post;

struct ww_otlp_post_options {
	const char *endpoint;	  /* http:// or https://; without a path it gets OTLP's own, /v1/traces */
	const char *headers_file; /* lines of "Name: value" that go with each post; NULL: none */
	const char *ca_file;	  /* the authority of the collector's certificate; NULL: the system's */
};

/*
 * Reads what the options name. On failure a negative errno, -EINVAL when it is the options that are wrong, and one line
 * without a newline in `message`. It is the caller's, to be closed with ww_otlp_post__close().
 */
int ww_otlp_post__open(struct ww_otlp_post **post, const struct ww_otlp_post_options *options, char *message,
		       size_t message_size);

/* NULL-safe. */
void ww_otlp_post__close(struct ww_otlp_post *post);

/* Where it posts to. */
const char *ww_otlp_post__url(const struct ww_otlp_post *post);

struct ww_otlp_answer {
	bool taken;
	bool again;		/* not taken, and worth another try */
	uint32_t after_seconds; /* which the collector wants no earlier than this; 0: it does not say */
	uint64_t rejected;	/* spans of those taken that it did not want */
	char text[256];		/* one line: why it was not taken or some were rejected; "" otherwise */
};

/*
 * Posts; may take as long as `seconds`. Another thread may break it off by *stop; then it is worth another try. Of one
 * thread at a time.
 */
void ww_otlp_post__send(struct ww_otlp_post *post, const char *text, unsigned seconds, const atomic_int *stop,
			struct ww_otlp_answer *answer);

#endif

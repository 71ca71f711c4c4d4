/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who may ask: tokens, names of this host, and how often. Pure functions over text, but for reading the token. */
#ifndef WHYWAIT_HTTP_ACCESS_H
#define WHYWAIT_HTTP_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define WW_TOKEN_LEAST 16
#define WW_TOKEN_MOST  512

struct ww_token {
	size_t len; /* 0: none is asked for */
	char text[WW_TOKEN_MOST + 1];
};

/*
 * Reads the first line of a file. -EINVAL: it is too short, too long, or has characters that a header can't carry;
 * -EPERM: others than its owner and group may read it; what opening fails with. One line in `message`.
 */
int ww_token__read(struct ww_token *token, const char *path, char *message, size_t message_size);

/*
 * Whether an Authorization header (NULL: none) carries it: as `Bearer TOKEN` or, for browsers, as the password of
 * `Basic`. How long it takes tells nothing of where they differ.
 */
bool ww_token__is_in(const struct ww_token *token, const char *authorization);

/* Whether a Host header (NULL: none) names this host's loopback, on any port: no page of another site can say so. */
bool ww_host__is_loopback(const char *host);

struct ww_listen {
	struct sockaddr_storage address;
	socklen_t len;
	bool loopback;
};

/* "127.0.0.1:80", "[::1]:80", ":80" for every address. -EINVAL. */
int ww_listen__parse(struct ww_listen *listen, const char *text);

/* Requests that each client address may make: so many at once, and so many in each second. */
#define WW_RATE_BURST	   200
#define WW_RATE_PER_SECOND 50
#define WW_RATE_PLACES	   256

/* All zeros is one in which nobody has asked yet. */
struct ww_rate {
	struct {
		uint64_t address; /* a hash of it */
		uint64_t at_ns;	  /* as of then .. */
		uint64_t spent;	  /* .. so much, in thousandths of a request */
	} places[WW_RATE_PLACES];
};

/* Whether a client may ask now. Clients that share a place share what it may have. */
bool ww_rate__allows(struct ww_rate *rate, const struct sockaddr *address, uint64_t now_ns);

#endif

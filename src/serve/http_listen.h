/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sockets that HTTP is answered on, and for how long a client may take. Internal to the HTTP side. */
#ifndef WHYWAIT_HTTP_LISTEN_H
#define WHYWAIT_HTTP_LISTEN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WW_CONNECTIONS_MOST 64 /* of each listening socket */
#define WW_HTTP_ADDRESSES   8

struct ww_listening {
	int fd;
	bool loopback;
	char url[96];
};

/*
 * Binds a list of addresses (see http.h) into `listening`, room for WW_HTTP_ADDRESSES. How many there are, or a
 * negative errno and one line in `message`; -EPERM: one is beyond loopback, and `guarded` says that anybody could ask.
 */
int ww_listening__open(struct ww_listening *listening, const char *addresses, bool tls, bool guarded, char *message,
		       size_t message_size);

/* Closes them. */
void ww_listening__close(struct ww_listening *listening, size_t len);

/* A connection, and since when it does what it does. */
struct ww_patience {
	int fd;
	uint64_t since_ns;
	bool answering;
	bool used;
};

#define WW_PATIENCE_REQUEST_NS 15000000000ull /* to send a whole request */
#define WW_PATIENCE_ANSWER_NS  60000000000ull /* to have it made, and to read all of it */

/* All connections; all zeros but for the mutex is none. */
struct ww_patiences {
	pthread_mutex_t mutex;
	struct ww_patience of[WW_HTTP_ADDRESSES * WW_CONNECTIONS_MOST];
};

/* NULL: there is no room, the connection is not looked after. */
struct ww_patience *ww_patiences__add(struct ww_patiences *all, int fd);

/* It begins to be answered, or has been. NULL-safe. */
void ww_patiences__turn(struct ww_patiences *all, struct ww_patience *patience, bool answering);

/* NULL-safe; before the socket is closed. */
void ww_patiences__drop(struct ww_patiences *all, struct ww_patience *patience);

/* Shuts down those that take too long: a byte now and then keeps nobody a place. */
void ww_patiences__end(struct ww_patiences *all, uint64_t now_ns);

#endif

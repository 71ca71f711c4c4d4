// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * paced PORT RATE SECONDS "METHOD /PATH"..: an open-loop HTTP client on 127.0.0.1.
 *
 * Sends RATE requests a second at evenly spaced instants, each on a connection of its own, whether or not the earlier
 * ones have been answered, and goes round over the targets. A latency counts from the instant at which the request was
 * due to the end of the response, so what a slow answer delays is not left out. Prints one line a request, in the order
 * in which they end: latency in nanoseconds and status. Status 0: no answer within GRACE_S after the last was sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GRACE_S 10
#define NS_S	1000000000ull
#define EVENTS	64

struct exchange {
	uint64_t due_ns;
	const char *target; /* method and path */
	int fd;
	bool sent;
	size_t head_len;
	char head[16]; /* of the response: HTTP/1.1 200 */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_S + (uint64_t)ts.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "paced: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* 0 when the head is not one of HTTP/1. */
static long status_of(const struct exchange *x)
{
	return strncmp(x->head, "HTTP/1.", 7) ? 0 : strtol(x->head + 9, NULL, 10);
}

static void begin(struct exchange *x, int epoll, uint16_t port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = x};

	x->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (x->fd < 0)
		fail("socket");
	if (connect(x->fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
		fail("connect");
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, x->fd, &event))
		fail("epoll_ctl");
}

static void send_request(struct exchange *x, int epoll, uint16_t port)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = x};
	char request[512];
	int len = snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n",
			   x->target, port);

	if (len >= (int)sizeof(request)) {
		errno = ENAMETOOLONG;
		fail(x->target);
	}
	if (send(x->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		fail("send");
	x->sent = true;
	if (epoll_ctl(epoll, EPOLL_CTL_MOD, x->fd, &event))
		fail("epoll_ctl");
}

/* Returns true at the end of the response. */
static bool receive(struct exchange *x)
{
	char bytes[65536];

	for (;;) {
		ssize_t n = recv(x->fd, bytes, sizeof(bytes), 0);
		if (n < 0)
			return errno != EAGAIN;
		if (n == 0)
			return true;
		for (ssize_t i = 0; i < n && x->head_len < sizeof(x->head) - 1; i++)
			x->head[x->head_len++] = bytes[i];
	}
}

static void finish(struct exchange *x, uint64_t end_ns)
{
	printf("%llu %ld\n", (unsigned long long)(end_ns - x->due_ns), status_of(x));
	close(x->fd);
	x->fd = -1;
}

/* Waits until something happens or the clock shows `until_ns`. */
static int wait_events(int epoll, struct epoll_event *events, uint64_t until_ns)
{
	uint64_t now = now_ns();
	uint64_t left = until_ns > now ? until_ns - now : 0;
	struct timespec timeout = {.tv_sec = (time_t)(left / NS_S), .tv_nsec = (long)(left % NS_S)};
	int n = epoll_pwait2(epoll, events, EVENTS, &timeout, NULL);

	if (n < 0 && errno != EINTR)
		fail("epoll_pwait2");
	return n < 0 ? 0 : n;
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr, "usage: paced PORT RATE SECONDS \"METHOD /PATH\"..\n");
		return 2;
	}
	uint16_t port = (uint16_t)strtoul(argv[1], NULL, 10);
	uint64_t gap_ns = NS_S / strtoull(argv[2], NULL, 10);
	size_t total = (size_t)(strtoull(argv[3], NULL, 10) * NS_S / gap_ns);
	struct exchange *exchanges = calloc(total, sizeof(*exchanges));
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (!exchanges || epoll < 0)
		fail("start");

	/* The kernel may let a timer be 50 us late unless told otherwise. */
	if (prctl(PR_SET_TIMERSLACK, 1))
		fail("prctl");

	uint64_t start_ns = now_ns() + gap_ns, grace_ns = start_ns + total * gap_ns + GRACE_S * NS_S;
	size_t begun = 0, ended = 0;

	while (ended < total && now_ns() < grace_ns) {
		struct epoll_event events[EVENTS];
		int n = wait_events(epoll, events, begun < total ? start_ns + begun * gap_ns : grace_ns);

		for (int i = 0; i < n; i++) {
			struct exchange *x = events[i].data.ptr;
			if (!x->sent && !(events[i].events & (EPOLLERR | EPOLLHUP)))
				send_request(x, epoll, port);
			else if (!x->sent || receive(x)) {
				finish(x, now_ns());
				ended++;
			}
		}
		while (begun < total && now_ns() >= start_ns + begun * gap_ns) {
			struct exchange *x = &exchanges[begun];
			x->due_ns = start_ns + begun * gap_ns;
			x->target = argv[4 + begun % (size_t)(argc - 4)];
			begin(x, epoll, port);
			begun++;
		}
	}
	for (size_t i = 0; i < begun; i++)
		if (exchanges[i].fd >= 0) {
			exchanges[i].head_len = 0;
			memset(exchanges[i].head, 0, sizeof(exchanges[i].head));
			finish(&exchanges[i], now_ns());
		}
	free(exchanges);
	close(epoll);
	return 0;
}

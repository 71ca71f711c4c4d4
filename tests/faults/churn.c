// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * churn PORT MS CONNECTIONS PATH: a client on 127.0.0.1 that keeps so many connections open for so many milliseconds,
 * each of which sends one request and is replaced at its end. Prints `ANSWERED FAILED`: responses with status 200 that
 * came whole to the server's close, and all others.
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
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS	 64
#define GRACE_MS 10000
#define MOST	 1024

struct exchange {
	int fd;
	bool sent;
	char head[16]; /* of the response: HTTP/1.1 200 */
	size_t len;
};

static int epoll;
static struct sockaddr_in to = {.sin_family = AF_INET};
static char request[512];
static size_t request_len;
static unsigned long answered, failed;

static void fail(const char *what)
{
	fprintf(stderr, "churn: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void begin(struct exchange *x)
{
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = x};

	*x = (struct exchange){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
	if (x->fd < 0)
		fail("socket");
	if (connect(x->fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
		fail("connect");
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, x->fd, &event))
		fail("epoll_ctl");
}

static void finish(struct exchange *x, bool good)
{
	answered += good;
	failed += !good;
	close(x->fd);
	x->fd = -1;
}

static void send_request(struct exchange *x)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = x};

	if (send(x->fd, request, request_len, MSG_NOSIGNAL) != (ssize_t)request_len) {
		finish(x, false);
		return;
	}
	x->sent = true;
	if (epoll_ctl(epoll, EPOLL_CTL_MOD, x->fd, &event))
		fail("epoll_ctl");
}

static void receive(struct exchange *x)
{
	char bytes[4096];
	ssize_t got = recv(x->fd, bytes, sizeof(bytes), 0);

	for (ssize_t i = 0; i < got && x->len < sizeof(x->head) - 1; i++)
		x->head[x->len++] = bytes[i];
	if (got == 0 || (got < 0 && errno != EAGAIN))
		finish(x, got == 0 && !strncmp(x->head, "HTTP/1.1 200 ", 13));
}

int main(int argc, char **argv)
{
	static struct exchange exchanges[MOST];
	struct epoll_event events[EVENTS];

	if (argc != 5)
		return 2;
	to.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	request_len = (size_t)snprintf(request, sizeof(request),
				       "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", argv[4]);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		fail("epoll_create1");

	uint64_t end = now_ms() + strtoul(argv[2], NULL, 10);
	size_t count = strtoul(argv[3], NULL, 10), open = 0;

	for (; open < count && open < MOST; open++)
		begin(&exchanges[open]);
	while (open) {
		int n = epoll_wait(epoll, events, EVENTS, 100);

		for (int i = 0; i < n; i++) {
			struct exchange *x = events[i].data.ptr;

			if (!x->sent && !(events[i].events & (EPOLLERR | EPOLLHUP)))
				send_request(x);
			else if (!x->sent)
				finish(x, false);
			else
				receive(x);
			if (x->fd < 0 && now_ms() < end)
				begin(x);
			else if (x->fd < 0)
				open--;
		}
		if (now_ms() > end + GRACE_MS) {
			failed += open;
			break;
		}
	}
	printf("%lu %lu\n", answered, failed);
	return 0;
}

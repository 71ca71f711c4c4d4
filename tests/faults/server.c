// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * server threads PORT THREADS | server forks PORT: answers GET /../sleep/MS/.. after so long, anything else at once,
 * with a body of 16 bytes, on 127.0.0.1. With `threads`, each accepts and serves connections of its own; with `forks`,
 * each connection gets a process of its own, which answers one request and ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE 65536
#define HEAD_MAX   4096
#define BACKLOG	   4096

static int listener;

static void fail(const char *what)
{
	fprintf(stderr, "server: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void listen_on(uint16_t port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int yes = 1;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, BACKLOG))
		fail("listen");
}

static void work(const char *head)
{
	const char *sleep = strstr(head, "/sleep/");
	long ms = sleep ? strtol(sleep + 7, NULL, 10) : 0;
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	if (ms)
		nanosleep(&time, NULL);
}

/* One request; false at the end of the connection. Its client sends the next one when it has been answered. */
static bool serve(int connection, bool last)
{
	char head[HEAD_MAX + 1], answer[128];
	size_t len = 0;

	do {
		ssize_t got = recv(connection, head + len, HEAD_MAX - len, 0);

		if (got <= 0)
			return false;
		len += (size_t)got;
		head[len] = '\0';
	} while (!strstr(head, "\r\n\r\n") && len < HEAD_MAX);
	work(head);
	len = (size_t)snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n%s\r\n%s",
			       last ? "Connection: close\r\n" : "", "xxxxxxxxxxxxxxxx");
	return send(connection, answer, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void *serve_connections(void *unused)
{
	int yes = 1;

	for (;;) {
		int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (connection < 0)
			continue;
		setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		while (serve(connection, false))
			;
		close(connection);
	}
	return unused;
}

static void serve_by_threads(long count)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	for (long i = 1; i < count; i++)
		if ((errno = pthread_create(&thread, &attributes, serve_connections, NULL)))
			fail("thread");
	serve_connections(NULL);
}

static void serve_by_processes(void)
{
	signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
	for (;;) {
		int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		pid_t child = connection < 0 ? -1 : fork();

		if (child == 0) {
			close(listener);
			serve(connection, true);
			_exit(0);
		}
		if (child < 0 && connection >= 0)
			fail("fork");
		if (connection >= 0)
			close(connection);
	}
}

int main(int argc, char **argv)
{
	struct rlimit files;

	if (argc == 4 && !strcmp(argv[1], "threads")) {
		getrlimit(RLIMIT_NOFILE, &files);
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
		listen_on((uint16_t)strtoul(argv[2], NULL, 10));
		serve_by_threads(strtol(argv[3], NULL, 10));
	} else if (argc == 3 && !strcmp(argv[1], "forks")) {
		listen_on((uint16_t)strtoul(argv[2], NULL, 10));
		serve_by_processes();
	}
	fprintf(stderr, "usage: server threads PORT THREADS | server forks PORT\n");
	return 2;
}

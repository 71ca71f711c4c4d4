// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Work whose cost per piece is looked for:
 *
 *   work syscalls MS            system calls that move no byte of a socket
 *   work switches MS            two processes that wake each other through pipes, on one CPU
 *   work server PORT ROUNDS     on 127.0.0.1, answers each request on one connection at a time, after so many round
 * trips to another process over TCP
 *
 * The first two work in bursts of 1000 pieces, and print the picoseconds of CPU time that a piece took in the burst
 * that a tenth of all were quicker than: what disturbs the others hardly shows in that.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BURST	 1000 /* pieces between two looks at the clock */
#define BURSTS	 100000
#define HEAD_MAX 4096

static uint64_t bursts[BURSTS]; /* ns of CPU time */
static size_t bursts_len;

static void fail(const char *what)
{
	fprintf(stderr, "work: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t cpu_ns(clockid_t clock)
{
	struct timespec used;

	if (clock_gettime(clock, &used))
		fail("clock_gettime");
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void say(void)
{
	qsort(bursts, bursts_len, sizeof(bursts[0]), compare);
	printf("%llu\n", (unsigned long long)bursts[bursts_len / 10] * 1000 / BURST);
}

static void do_syscalls(uint64_t until)
{
	uint64_t before = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);

	while ((now_ns() < until || !bursts_len) && bursts_len < BURSTS) {
		for (int i = 0; i < BURST; i++)
			syscall(SYS_getppid);
		uint64_t after = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
		bursts[bursts_len++] = after - before;
		before = after;
	}
	say();
}

/* Sends back what comes, until its other end is closed. */
static void echo(int from, int to)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1)
		;
	_exit(0);
}

static void do_switches(uint64_t until)
{
	int there[2], back[2];
	clockid_t others;
	char byte = 0;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one) || pipe(there) || pipe(back))
		fail("pipe");
	pid_t child = fork();
	if (child < 0)
		fail("fork");
	if (!child) {
		close(there[1]);
		echo(there[0], back[1]);
	}
	if (clock_getcpuclockid(child, &others))
		fail("clock_getcpuclockid");
	uint64_t before = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) + cpu_ns(others);
	while ((now_ns() < until || !bursts_len) && bursts_len < BURSTS) {
		/* Two switches in a round trip. */
		for (int i = 0; i < BURST / 2; i++) {
			if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
				fail("pipe");
		}
		uint64_t after = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) + cpu_ns(others);
		bursts[bursts_len++] = after - before;
		before = after;
	}
	close(there[1]);
	waitpid(child, NULL, 0);
	say();
}

static int listen_on(uint16_t *port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 64) ||
	    getsockname(listener, (struct sockaddr *)&at, &size))
		fail("listen");
	*port = ntohs(at.sin_port);
	return listener;
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)))
		fail("connect");
	return fd;
}

/* The process that the server asks. Its connection comes when the server serves already. */
static uint16_t upstream_start(void)
{
	uint16_t port = 0;
	int listener = listen_on(&port), yes = 1;
	pid_t child = fork();

	if (child < 0)
		fail("fork");
	if (!child) {
		int fd = accept(listener, NULL, NULL);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		echo(fd, fd);
	}
	close(listener);
	return port;
}

static void do_serve(uint16_t port, long rounds)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	char head[HEAD_MAX], byte = 0;
	uint16_t asked = upstream_start();
	int listener = listen_on(&port), upstream = -1;

	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			fail("accept");
		/* Requests without a body, each sent when the one before was answered, in one piece. */
		while (read(fd, head, sizeof(head)) > 0) {
			if (upstream < 0)
				upstream = connect_to(asked);
			for (long i = 0; i < rounds; i++) {
				if (write(upstream, &byte, 1) != 1 || read(upstream, &byte, 1) != 1)
					fail("upstream");
			}
			if (write(fd, answer, sizeof(answer) - 1) < 0)
				break;
		}
		close(fd);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	long number = argc > 2 ? strtol(argv[2], NULL, 10) : 0;

	signal(SIGPIPE, SIG_IGN);
	if (!strcmp(what, "server") && argc == 4) {
		do_serve((uint16_t)number, strtol(argv[3], NULL, 10));
	} else if (argc == 3 && !strcmp(what, "syscalls")) {
		do_syscalls(now_ns() + (uint64_t)number * 1000000);
	} else if (argc == 3 && !strcmp(what, "switches")) {
		do_switches(now_ns() + (uint64_t)number * 1000000);
	} else {
		fputs("usage: work syscalls MS | work switches MS | work server PORT ROUNDS\n", stderr);
		return 2;
	}
	return 0;
}

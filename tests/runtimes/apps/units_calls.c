/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls of functions that measure themselves: units_calls REDIS_PORT CALLS prints the wall time of each call in ns.
 * Each computes, sleeps and asks Redis, calls itself, and every fourth throws its frames away by longjmp().
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sdt.h>
#include <time.h>
#include <unistd.h>

static int redis;
static jmp_buf back;

static long now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000 + time.tv_nsec;
}

static void burn(long ns)
{
	long end = now(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (now(CLOCK_THREAD_CPUTIME_ID) < end)
		;
}

static void ask(void)
{
	static const char get[] = "*2\r\n$3\r\nGET\r\n$4\r\nname\r\n";
	char answer[64];

	if (write(redis, get, sizeof(get) - 1) < 0 || read(redis, answer, sizeof(answer)) < 0)
		exit(1);
}

__attribute__((noinline)) void handle(int depth, int leave)
{
	const struct timespec nap = {.tv_nsec = 3000000};

	burn(2000000);
	if (depth) {
		handle(depth - 1, leave);
	} else {
		for (int i = 0; i < 6; i++)
			ask();
		nanosleep(&nap, NULL);
	}
	if (leave)
		longjmp(back, 1);
	__asm__ volatile("");
}

static void probed(void)
{
	const struct timespec nap = {.tv_nsec = 4000000};

	DTRACE_PROBE(shop, begin);
	nanosleep(&nap, NULL);
	DTRACE_PROBE(shop, end);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	redis = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(redis, (struct sockaddr *)&to, sizeof(to)))
		return 1;
	for (int i = 0; i < atoi(argv[2]); i++) {
		long start = now(CLOCK_MONOTONIC);

		if (!setjmp(back))
			handle(1, i % 4 == 3);
		printf("%ld\n", now(CLOCK_MONOTONIC) - start);
		probed();
	}
	return 0;
}

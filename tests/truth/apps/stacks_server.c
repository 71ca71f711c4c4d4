// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stacks_server PORT: a thread for each connection, which spends its time in functions that are known by name, and
 * answers how long it was in each: "burn_a NS\nburn_b NS\n..".
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile uint64_t sink;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static NOINLINE void spin(unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++)
		sink += i * sink + 1;
}

static NOINLINE uint64_t burn(unsigned ms)
{
	uint64_t begun = clock_ns(CLOCK_THREAD_CPUTIME_ID), now;

	do {
		spin(2000);
		now = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	} while (now - begun < ms * 1000000ull);
	return now - begun;
}

static NOINLINE uint64_t burn_a(void)
{
	uint64_t ns = burn(15);

	sink++;
	return ns;
}

static NOINLINE uint64_t burn_b(void)
{
	uint64_t ns = burn(5);

	sink++;
	return ns;
}

/* These two are where the time itself is spent. */
static NOINLINE uint64_t hot_a(void)
{
	uint64_t begun = clock_ns(CLOCK_THREAD_CPUTIME_ID), now;

	do {
		for (unsigned i = 0; i < 100000; i++)
			sink += i * sink + 1;
		now = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	} while (now - begun < 15000000);
	return now - begun;
}

static NOINLINE uint64_t hot_b(void)
{
	uint64_t begun = clock_ns(CLOCK_THREAD_CPUTIME_ID), now;

	do {
		for (unsigned i = 0; i < 100000; i++)
			sink += i * sink + 2;
		now = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	} while (now - begun < 5000000);
	return now - begun;
}

static NOINLINE uint64_t nap(unsigned us)
{
	uint64_t begun = clock_ns(CLOCK_MONOTONIC);

	usleep(us);
	return clock_ns(CLOCK_MONOTONIC) - begun;
}

static NOINLINE uint64_t take_lock(void)
{
	uint64_t begun = clock_ns(CLOCK_MONOTONIC);

	pthread_mutex_lock(&lock);
	uint64_t ns = clock_ns(CLOCK_MONOTONIC) - begun;
	pthread_mutex_unlock(&lock);
	return ns;
}

/* More of a stack than is kept. */
static NOINLINE uint64_t dive(unsigned depth)
{
	volatile char room[1024];

	room[depth % sizeof(room)] = (char)depth;
	uint64_t ns = depth ? dive(depth - 1) : nap(2000);
	return ns + (room[depth % sizeof(room)] == (char)depth ? 0 : 1);
}

/* Holds the lock most of the time. */
static void *hold(void *unused)
{
	for (;;) {
		pthread_mutex_lock(&lock);
		usleep(8000);
		pthread_mutex_unlock(&lock);
		usleep(1000);
	}
	return unused;
}

static NOINLINE int handle(const char *request, char *body, size_t size)
{
	if (!strncmp(request, "GET /deep", 9))
		return snprintf(body, size, "dive %llu\n", (unsigned long long)dive(64));
	if (!strncmp(request, "GET /nap", 8))
		return snprintf(body, size, "nap %llu\n", (unsigned long long)nap(1000));
	if (!strncmp(request, "GET /hang", 9))
		return snprintf(body, size, "nap %llu\n", (unsigned long long)nap(900000));
	if (!strncmp(request, "GET /hot", 8))
		return snprintf(body, size, "hot_a %llu\nhot_b %llu\n", (unsigned long long)hot_a(),
				(unsigned long long)hot_b());
	uint64_t a = burn_a(), b = burn_b(), napped = nap(3000), locked = take_lock();
	return snprintf(body, size, "burn_a %llu\nburn_b %llu\nnap %llu\ntake_lock %llu\n", (unsigned long long)a,
			(unsigned long long)b, (unsigned long long)napped, (unsigned long long)locked);
}

static void *serve(void *connection)
{
	char request[4096], body[256], response[512];
	int fd = (int)(intptr_t)connection;

	while (recv(fd, request, sizeof(request) - 1, 0) > 0) {
		int len = handle(request, body, sizeof(body));

		len = snprintf(response, sizeof(response), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len,
			       body);
		if (send(fd, response, (size_t)len, 0) < 0)
			break;
	}
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "0")),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 64))
		return 1;
	pthread_create(&thread, NULL, hold, NULL);
	for (;;) {
		int connection = accept(fd, NULL, NULL);

		if (connection >= 0 && !pthread_create(&thread, NULL, serve, (void *)(intptr_t)connection))
			pthread_detach(thread);
	}
}

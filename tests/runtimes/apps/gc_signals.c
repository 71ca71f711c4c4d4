// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * gc_signals PORT: an HTTP server with a thread for each connection, and Boehm's collector, which stops threads by
 * signals. /allocate/KB-..   makes so much garbage      /compute/MS-..   computes for so long /lock/MS-..       does so
 * with a lock        /barrier/MS-..   does so, and waits for all others that do it /refresh/MS-..    waits until a
 * thread of nobody's has computed for so long, and lets all go on at once /signal/MS-..     the same, by a signal each
 *   /log              "COUNT NS CPU_NS" of collections, from when it begins to stop threads to when it has let them go
 * on, by the clock and by that of the thread that collects
 */
#define GC_THREADS
#include <arpa/inet.h>
#include <gc.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIVE	400000 /* small objects that stay, so that a collection takes a while */
#define PARTIES 3      /* of a barrier */
#define WAITERS 16

struct node {
	struct node *next;
	long words[4];
};

static struct node *live;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, refreshing = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t asked = PTHREAD_COND_INITIALIZER, refreshed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static long wanted_ms, version;
static pthread_t waiters[WAITERS];
static unsigned waiters_len;
static _Atomic long collections, collected_ns, collected_cpu_ns, stopping, stopping_cpu;

static long now_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void on_event(GC_EventType event)
{
	if (event == GC_EVENT_PRE_STOP_WORLD) {
		stopping = now_ns(CLOCK_MONOTONIC);
		stopping_cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
	} else if (event == GC_EVENT_POST_START_WORLD) {
		collected_ns += now_ns(CLOCK_MONOTONIC) - stopping;
		collected_cpu_ns += now_ns(CLOCK_THREAD_CPUTIME_ID) - stopping_cpu;
		collections++;
	}
}

static void allocate(long kb)
{
	for (long i = 0; i < kb * 1024 / (long)sizeof(struct node); i++)
		((volatile struct node *)GC_MALLOC(sizeof(struct node)))->words[0] = i;
}

/* On its CPU, whatever else has that meanwhile. */
static void compute(long ms)
{
	long end = now_ns(CLOCK_THREAD_CPUTIME_ID) + ms * 1000000;
	while (now_ns(CLOCK_THREAD_CPUTIME_ID) < end)
		;
}

static void go_on(int signal)
{
	(void)signal;
}

static void *refresher(void *unused)
{
	pthread_mutex_lock(&refreshing);
	for (;;) {
		while (!wanted_ms)
			pthread_cond_wait(&asked, &refreshing);
		long ms = wanted_ms;
		pthread_mutex_unlock(&refreshing);
		compute(ms);
		pthread_mutex_lock(&refreshing);
		wanted_ms = 0;
		version++;
		pthread_cond_broadcast(&refreshed);
		for (unsigned i = 0; i < waiters_len; i++)
			pthread_kill(waiters[i], SIGUSR1);
		waiters_len = 0;
	}
	return unused;
}

static void wait_for_it(long ms, int by_signal)
{
	sigset_t mask, before;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &mask, &before);
	pthread_mutex_lock(&refreshing);
	wanted_ms = ms;
	long old = version;
	pthread_cond_signal(&asked);
	if (by_signal) {
		waiters[waiters_len++ % WAITERS] = pthread_self();
		pthread_mutex_unlock(&refreshing);
		sigsuspend(&before);
	} else {
		while (version == old)
			pthread_cond_wait(&refreshed, &refreshing);
		pthread_mutex_unlock(&refreshing);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int answer(int fd, const char *path)
{
	char body[64] = "ok", out[256];
	const char *argument = strchr(path + 1, '/');
	long n = argument ? strtol(argument + 1, NULL, 10) : 0;
	if (!strncmp(path, "/allocate", 9))
		allocate(n);
	else if (!strncmp(path, "/compute", 8))
		compute(n);
	else if (!strncmp(path, "/refresh", 8))
		wait_for_it(n, 0);
	else if (!strncmp(path, "/signal", 7))
		wait_for_it(n, 1);
	else if (!strncmp(path, "/log", 4))
		snprintf(body, sizeof(body), "%ld %ld %ld", collections, collected_ns, collected_cpu_ns);
	if (!strncmp(path, "/lock", 5)) {
		pthread_mutex_lock(&lock);
		compute(n);
		pthread_mutex_unlock(&lock);
	}
	if (!strncmp(path, "/barrier", 8)) {
		compute(n);
		pthread_barrier_wait(&barrier);
	}
	int len = snprintf(out, sizeof(out), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	return write(fd, out, len) == len;
}

static void *serve(void *argument)
{
	int fd = (int)(long)argument, len = 0;
	char in[2048], path[256];
	for (;;) {
		ssize_t got = read(fd, in + len, sizeof(in) - 1 - len);
		if (got <= 0)
			break;
		len += (int)got;
		in[len] = 0;
		if (!strstr(in, "\r\n\r\n"))
			continue;
		len = 0;
		if (sscanf(in, "GET %255s", path) != 1 || !answer(fd, path))
			break;
	}
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
	int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	GC_INIT();
	GC_allow_register_threads();
	GC_set_on_collection_event(on_event);
	signal(SIGPIPE, SIG_IGN);
	struct sigaction action = {.sa_handler = go_on};
	sigaction(SIGUSR1, &action, NULL);
	pthread_barrier_init(&barrier, NULL, PARTIES);
	for (int i = 0; i < LIVE; i++) {
		struct node *node = GC_MALLOC(sizeof(*node));
		node->next = live;
		live = node;
	}
	pthread_create(&thread, NULL, refresher, NULL);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 64))
		return 1;
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (pthread_create(&thread, NULL, serve, (void *)(long)fd))
			close(fd);
		else
			pthread_detach(thread);
	}
}

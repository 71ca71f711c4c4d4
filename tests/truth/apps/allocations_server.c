// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * allocations_server PORT: answers GET /../N by calling malloc(), calloc(), realloc() and posix_memalign() N times in
 * all, with a body of 24 digits: how often that was, and how many ns the calls took. A thread serves each connection.
 * After GET /exec/0 the process is another program: the one that NEXT says in the environment.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NSEC 1000000000ull

static const char *port;

static unsigned long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * NSEC + (unsigned long long)now.tv_nsec;
}

/* Each turn calls one of them once, as far as its caller can tell. */
static unsigned allocate(unsigned wanted)
{
	void *kept = malloc(64);
	unsigned calls = 1;

	for (; calls < wanted; calls++) {
		void *more = NULL;

		switch (calls % 5) {
		case 0:
			more = malloc(100);
			break;
		case 1:
			more = calloc(10, 10);
			break;
		case 2:
			kept = realloc(kept, 64 + calls);
			break;
		case 3:
			more = realloc(NULL, 200);
			break;
		default:
			if (posix_memalign(&more, 64, 256))
				abort();
		}
		__asm__ volatile("" : : "r"(more) : "memory");
		free(more);
	}
	free(kept);
	return calls;
}

static void *serve(void *argument)
{
	int connection = (int)(long)argument;
	char head[4096], answer[128];
	ssize_t got;

	/* Its client sends the next request when this one is answered, so each read has one. */
	while ((got = recv(connection, head, sizeof(head) - 1, 0)) > 0) {
		head[got] = '\0';

		char *end = strstr(head, " HTTP/"), *number = end;
		if (!end)
			break;
		while (number > head && number[-1] != '/')
			number--;

		unsigned wanted = (unsigned)strtoul(number, NULL, 10);
		unsigned long long began = now_ns();
		unsigned calls = wanted ? allocate(wanted) : 0;
		int len = snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n%08u %015llu",
				   calls, now_ns() - began);
		if (send(connection, answer, (size_t)len, MSG_NOSIGNAL) != len)
			break;
		if (!strncmp(head, "GET /exec/", strlen("GET /exec/")))
			execl(getenv("NEXT"), getenv("NEXT"), port, (char *)NULL);
	}
	close(connection);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	if (argc != 2)
		return 2;
	port = argv[1];
	at.sin_port = htons((uint16_t)atoi(port));
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 64))
		return 1;
	for (;;) {
		int connection = accept(listener, NULL, NULL);
		pthread_t thread;

		if (connection < 0)
			continue;
		setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		if (pthread_create(&thread, NULL, serve, (void *)(long)connection))
			return 1;
		pthread_detach(thread);
	}
}

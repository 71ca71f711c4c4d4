/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A server that reads a connection with one thread and answers with another, at the same time, as Go's and Java's do:
 * duplex PORT SIZE. Every request has SIZE bytes; a response is sent as soon as its request was read, while the reader
 * goes on with the next one.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AHEAD 3 /* requests that may wait for their responses */

static atomic_long taken;  /* requests read */
static atomic_long sent;   /* responses */
static atomic_bool closed; /* no more will come */
static int connection;

static void *answer(void *unused)
{
	static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	while (!closed || sent < taken) {
		if (sent == taken)
			continue;
		if (send(connection, response, sizeof(response) - 1, MSG_NOSIGNAL) < 0)
			exit(1);
		sent++;
	}
	return unused;
}

/* The two are to meet at every moment of each other's work. */
static void dawdle(void)
{
	for (volatile unsigned i = (unsigned)random() % 2000; i; i--)
		;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
	size_t size = (size_t)atoi(argv[2]);
	char request[4096];
	int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (size > sizeof(request) || bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 8))
		return 1;
	while ((connection = accept(listener, NULL, NULL)) >= 0) {
		pthread_t writer;
		setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		taken = sent = 0;
		closed = false;
		if (pthread_create(&writer, NULL, answer, NULL))
			return 1;
		while (recv(connection, request, size, MSG_WAITALL) == (ssize_t)size) {
			taken++;
			dawdle();
			while (taken - sent >= AHEAD)
				;
		}
		closed = true;
		pthread_join(writer, NULL);
		close(connection);
	}
	return 1;
}

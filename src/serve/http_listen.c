/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/http_listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "serve/http_access.h"

#define BACKLOG 64

static int bind_to(const struct ww_listen *listen_to, int *fd)
{
	const struct sockaddr *address = (const struct sockaddr *)&listen_to->address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&listen_to->address;
	int new = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1, err;
	int only = address->sa_family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);

	if (new < 0)
		return -errno;
	setsockopt(new, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (address->sa_family == AF_INET6)
		setsockopt(new, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
	if (bind(new, address, listen_to->len) || listen(new, BACKLOG)) {
		err = -errno;
		close(new);
		return err;
	}
	*fd = new;
	return 0;
}

/* What a browser is told: the port may have been the kernel's choice. */
static void name_url(struct ww_listening *listening, const char *address, bool tls)
{
	struct sockaddr_in6 bound = {0};
	socklen_t len = sizeof(bound);
	int host = (int)(strrchr(address, ':') - address);
	unsigned port = 0;

	/* The port lies at the same place in addresses of IPv4. */
	if (!getsockname(listening->fd, (struct sockaddr *)&bound, &len))
		port = ntohs(bound.sin6_port);
	snprintf(listening->url, sizeof(listening->url), "http%s://%.*s:%u", tls ? "s" : "", host ? host : 9,
		 host ? address : "localhost", port);
}

static int fail(const char *address, int err, char *message, size_t message_size)
{
	const char *mend = err == -EADDRINUSE ? "; is another whywait running? Listen elsewhere" : "";

	if (err == -EINVAL)
		snprintf(message, message_size,
			 "can't listen on '%s': give ADDRESS:PORT, as 127.0.0.1:9248, [::1]:9248", address);
	else if (err == -EPERM)
		snprintf(message, message_size,
			 "%s is beyond loopback: it needs a token file, or TLS with an authority of clients", address);
	else
		snprintf(message, message_size, "can't listen on %s: %s%s", address, strerror(-err), mend);
	return err;
}

int ww_listening__open(struct ww_listening *listening, const char *addresses, bool tls, bool guarded, char *message,
		       size_t message_size)
{
	size_t len = 0;
	int first_err = 0;

	while (*addresses) {
		size_t size = strcspn(addresses, ",");
		struct ww_listen listen_to;
		char address[80];
		int err = -EINVAL;

		snprintf(address, sizeof(address), "%.*s", (int)size, addresses);
		if (size < sizeof(address) && len < WW_HTTP_ADDRESSES)
			err = ww_listen__parse(&listen_to, address);
		if (!err && !listen_to.loopback && !guarded)
			err = -EPERM;
		if (!err)
			err = bind_to(&listen_to, &listening[len].fd);
		if (!err) {
			listening[len].loopback = listen_to.loopback;
			name_url(&listening[len++], address, tls);
		} else if (!first_err) {
			first_err = fail(address, err, message, message_size);
		}
		/* A host may have only one of IPv4 and IPv6. */
		if (err && err != -EADDRNOTAVAIL && err != -EAFNOSUPPORT) {
			ww_listening__close(listening, len);
			return err;
		}
		addresses += size + (addresses[size] == ',');
	}
	if (!len)
		return first_err ? first_err : fail("", -EINVAL, message, message_size);
	return (int)len;
}

void ww_listening__close(struct ww_listening *listening, size_t len)
{
	for (size_t i = 0; i < len; i++)
		close(listening[i].fd);
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct ww_patience *ww_patiences__add(struct ww_patiences *all, int fd)
{
	struct ww_patience *found = NULL;

	pthread_mutex_lock(&all->mutex);
	for (size_t i = 0; !found && i < sizeof(all->of) / sizeof(*all->of); i++)
		if (!all->of[i].used)
			found = &all->of[i];
	if (found)
		*found = (struct ww_patience){.fd = fd, .since_ns = clock_ns(), .used = true};
	pthread_mutex_unlock(&all->mutex);
	return found;
}

void ww_patiences__turn(struct ww_patiences *all, struct ww_patience *patience, bool answering)
{
	if (!patience)
		return;
	pthread_mutex_lock(&all->mutex);
	patience->answering = answering;
	patience->since_ns = clock_ns();
	pthread_mutex_unlock(&all->mutex);
}

void ww_patiences__drop(struct ww_patiences *all, struct ww_patience *patience)
{
	if (!patience)
		return;
	pthread_mutex_lock(&all->mutex);
	patience->used = false;
	pthread_mutex_unlock(&all->mutex);
}

void ww_patiences__end(struct ww_patiences *all, uint64_t now_ns)
{
	pthread_mutex_lock(&all->mutex);
	for (size_t i = 0; i < sizeof(all->of) / sizeof(*all->of); i++) {
		const struct ww_patience *one = &all->of[i];
		uint64_t most = one->answering ? WW_PATIENCE_ANSWER_NS : WW_PATIENCE_REQUEST_NS;

		if (one->used && now_ns > one->since_ns && now_ns - one->since_ns > most)
			shutdown(one->fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&all->mutex);
}

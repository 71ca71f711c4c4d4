/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/http_access.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/hash.h"

/* Of a token: what RFC 6750 allows. */
static bool is_fit(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < '!' || text[i] > '~')
			return false;
	return true;
}

int ww_token__read(struct ww_token *token, const char *path, char *message, size_t message_size)
{
	char text[WW_TOKEN_MOST + 3] = "";
	struct stat status = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = fd < 0 ? -errno : 0;
	ssize_t len = -1;

	if (!err && !fstat(fd, &status))
		len = read(fd, text, sizeof(text) - 1);
	if (!err && len < 0)
		err = -errno;
	if (fd >= 0)
		close(fd);
	if (err) {
		snprintf(message, message_size, "%s: the token can't be read: %s", path, strerror(-err));
		return err;
	}
	text[len] = '\0';
	if (status.st_mode & S_IRWXO) {
		snprintf(message, message_size, "%s: everybody may read the token: chmod o-rwx", path);
		return -EPERM;
	}
	size_t used = strcspn(text, "\r\n");
	if (used < WW_TOKEN_LEAST || used > WW_TOKEN_MOST || !is_fit(text, used)) {
		snprintf(message, message_size,
			 "%s: no token: its first line has to be %d to %d printable characters without blanks, as "
			 "`openssl rand -hex 32` makes them",
			 path, WW_TOKEN_LEAST, WW_TOKEN_MOST);
		return -EINVAL;
	}
	memset(token, 0, sizeof(*token));
	token->len = used;
	memcpy(token->text, text, used);
	explicit_bzero(text, sizeof(text));
	return 0;
}

/* Looks at all of what is given, whatever it finds. */
static bool is_same(const struct ww_token *token, const char *text, size_t len)
{
	volatile unsigned char differs = len != token->len;

	for (size_t i = 0; i < len; i++)
		differs = (unsigned char)(differs | (text[i] ^ token->text[i < token->len ? i : 0]));
	return !differs;
}

static int base64_of(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Decodes at most `size` bytes of base64; how many, or -1 when it is none. */
static ssize_t decode(char *out, size_t size, const char *text)
{
	unsigned bits = 0, held = 0;
	size_t len = 0;

	for (; *text && *text != '='; text++) {
		int digit = base64_of(*text);

		if (digit < 0)
			return -1;
		bits = (bits << 6 | (unsigned)digit) & 0xffff;
		held += 6;
		if (held < 8)
			continue;
		if (len == size)
			return -1;
		held -= 8;
		out[len++] = (char)(bits >> held & 0xff);
	}
	return (ssize_t)len;
}

bool ww_token__is_in(const struct ww_token *token, const char *authorization)
{
	char plain[WW_TOKEN_MOST + 256];
	const char *colon;
	ssize_t len;

	if (!token->len)
		return true;
	if (!authorization)
		return false;
	if (!strncasecmp(authorization, "Bearer ", 7)) {
		authorization += 7 + strspn(authorization + 7, " ");
		return is_same(token, authorization, strlen(authorization));
	}
	if (strncasecmp(authorization, "Basic ", 6) != 0)
		return false;
	len = decode(plain, sizeof(plain), authorization + 6 + strspn(authorization + 6, " "));
	colon = len > 0 ? memchr(plain, ':', (size_t)len) : NULL;
	return colon && is_same(token, colon + 1, (size_t)(plain + len - colon - 1));
}

/* The port behind a host's name, or nothing. */
static bool is_port_or_end(const char *text)
{
	size_t digits;

	if (!*text)
		return true;
	digits = *text == ':' ? strspn(text + 1, "0123456789") : 0;
	return digits && digits <= 5 && !text[1 + digits];
}

bool ww_host__is_loopback(const char *host)
{
	static const char *const names[] = {"localhost", "localhost.", "127.0.0.1", "[::1]", "ip6-localhost"};

	for (size_t i = 0; host && i < sizeof(names) / sizeof(*names); i++) {
		size_t len = strlen(names[i]);

		if (!strncasecmp(host, names[i], len) && is_port_or_end(host + len))
			return true;
	}
	return false;
}

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

int ww_listen__parse(struct ww_listen *listen, const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2], *end;
	struct ww_listen new = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&new.address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&new.address;
	unsigned long port;
	size_t len;

	if (!colon || (size_t)(colon - text) >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > UINT16_MAX)
		return -EINVAL;
	len = (size_t)(colon - text);
	memcpy(host, text, len);
	host[len] = '\0';
	if (!len || (host[0] == '[' && host[len - 1] == ']')) {
		if (len)
			host[len - 1] = '\0';
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		if (len && inet_pton(AF_INET6, host + 1, &v6->sin6_addr) != 1)
			return -EINVAL;
		new.len = sizeof(*v6);
	} else {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
			return -EINVAL;
		new.len = sizeof(*v4);
	}
	new.loopback = is_loopback((const struct sockaddr *)&new.address);
	*listen = new;
	return 0;
}

bool ww_rate__allows(struct ww_rate *rate, const struct sockaddr *address, uint64_t now_ns)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;
	uint64_t hash = 0, back;

	if (address && address->sa_family == AF_INET)
		hash = ww_hash(1, &v4->sin_addr, sizeof(v4->sin_addr));
	else if (address && address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		hash = ww_hash(1, &v6->sin6_addr.s6_addr[12], sizeof(v4->sin_addr));
	else if (address && address->sa_family == AF_INET6)
		/* Who has one address has the rest of the network, too; but none has all that begins with zeros. */
		hash = ww_hash(2, &v6->sin6_addr, is_loopback(address) ? sizeof(v6->sin6_addr) : 8);
	__typeof__(&rate->places[0]) place = &rate->places[hash % WW_RATE_PLACES];
	if (place->address != hash) {
		place->address = hash;
		place->at_ns = now_ns;
	}
	back = (now_ns - place->at_ns) / 1000 * WW_RATE_PER_SECOND / 1000;
	if (back) {
		place->spent = back < place->spent ? place->spent - back : 0;
		place->at_ns = now_ns;
	}
	if (place->spent + 1000 > WW_RATE_BURST * 1000)
		return false;
	place->spent += 1000;
	return true;
}

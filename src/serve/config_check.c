/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What settings say of each other, and of the host. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serve/config_parts.h"
#include "serve/http_access.h"

static const struct ww_config_place *place_of(const struct ww_serve_config *config, const char *path)
{
	const struct ww_config_place *place = config->places;

	for (size_t i = 0; ww_settings[i].path && strcmp(ww_settings[i].path, path) != 0; i++)
		place++;
	return place;
}

/* Of two settings that contradict each other one that was said in a file. */
static const char *either(const struct ww_serve_config *config, const char *one, const char *other)
{
	return place_of(config, one)->file ? one : other;
}

/* With the place where the setting was said. */
static void complain(const struct ww_serve_config *config, struct ww_config_errors *errors, const char *path,
		     const char *format, ...) __attribute__((format(printf, 4, 5)));

static void complain(const struct ww_serve_config *config, struct ww_config_errors *errors, const char *path,
		     const char *format, ...)
{
	const struct ww_config_place *place = place_of(config, path);
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (place->file && place->line)
		ww_config_errors__add(errors, "%s:%zu:%zu: %s", place->file, place->line, place->column, text);
	else if (place->file)
		ww_config_errors__add(errors, "%s: %s", place->file, text);
	else
		ww_config_errors__add(errors, "%s", text);
}

int ww_serve_config__check(const struct ww_serve_config *config, struct ww_config_errors *errors)
{
	size_t before = errors->len + errors->more;

	if (config->fine_ns > config->minutes_ns)
		complain(config, errors, either(config, "retention.fine", "retention.minutes"),
			 "retention.fine is longer than retention.minutes: what is told by 10 s "
			 "becomes minutes first; make one of them shorter");
	if (config->minutes_ns > config->age_ns && config->fine_ns > config->age_ns)
		complain(config, errors, either(config, "retention.age", "retention.fine"),
			 "retention.fine is longer than retention.age, which ends all; make one "
			 "of them another");
	if (!config->tls_certificate != !config->tls_key)
		complain(config, errors, config->tls_certificate ? "tls.certificate" : "tls.key",
			 "tls.certificate and tls.key go together; give both or none");
	if (config->tls_client_ca && !config->tls_certificate)
		complain(config, errors, "tls.client_ca", "tls.client_ca needs tls.certificate and tls.key");
	if (config->data[0] != '/' && config->user)
		complain(config, errors, "data", "data '%s' has to be an absolute path where `user` is given",
			 config->data);
	return errors->len + errors->more > before ? -EINVAL : 0;
}

static void check_listen(const struct ww_serve_config *config, struct ww_config_errors *errors)
{
	bool guarded = config->token_file || config->tls_client_ca;
	const char *rest = config->listen;

	if (!strcmp(rest, "none"))
		return;
	do {
		size_t len = strcspn(rest, ",");
		struct ww_listen listen;
		char address[80];

		snprintf(address, sizeof(address), "%.*s", (int)len, rest);
		if (len >= sizeof(address) || ww_listen__parse(&listen, address))
			complain(config, errors, "listen",
				 "can't listen on '%s': give ADDRESS:PORT, as 127.0.0.1:9248, [::1]:9248", address);
		else if (!listen.loopback && !guarded)
			complain(config, errors, "listen",
				 "%s is beyond loopback: it needs a token file, or TLS with an authority of clients",
				 address);
		rest += len;
	} while (*rest && *++rest);
}

static void check_file(const struct ww_serve_config *config, struct ww_config_errors *errors, const char *path,
		       const char *file)
{
	/* access(2) asks for who started it, and a reload is by who it has become. */
	int fd = file ? open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;

	if (file && fd < 0)
		complain(config, errors, path, "%s: '%.200s' can't be read: %s", path, file, strerror(errno));
	if (fd >= 0)
		close(fd);
}

int ww_serve_config__check_host(const struct ww_serve_config *config, struct ww_config_errors *errors)
{
	size_t before = errors->len + errors->more;
	struct ww_token token = {0};
	char message[512];

	check_listen(config, errors);
	if (config->user && !getpwnam(config->user))
		complain(config, errors, "user", "user '%.64s': there is none; `useradd --system %.64s` makes it",
			 config->user, config->user);
	if (config->token_file && ww_token__read(&token, config->token_file, message, sizeof(message)))
		complain(config, errors, "token_file", "%s", message);
	explicit_bzero(&token, sizeof(token));
	check_file(config, errors, "tls.certificate", config->tls_certificate);
	check_file(config, errors, "tls.key", config->tls_key);
	check_file(config, errors, "tls.client_ca", config->tls_client_ca);
	check_file(config, errors, "otlp.headers_file", config->otlp_headers_file);
	check_file(config, errors, "otlp.ca_file", config->otlp_ca_file);
	return errors->len + errors->more > before ? -EINVAL : 0;
}

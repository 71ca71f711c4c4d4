/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ww_serve_config__set(char **string, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*string);
	*string = copy;
	return 0;
}

int ww_serve_config__init(struct ww_serve_config *config)
{
	struct ww_serve_config fresh = {0};

	if (ww_serve_config__set(&fresh.data, WW_SERVE_DATA) || ww_serve_config__set(&fresh.listen, WW_SERVE_LISTEN)) {
		ww_serve_config__free(&fresh);
		return -ENOMEM;
	}
	*config = fresh;
	return 0;
}

void ww_serve_config__free(struct ww_serve_config *config)
{
	if (!config)
		return;
	free(config->data);
	free(config->listen);
	free(config->token_file);
	free(config->tls_certificate);
	free(config->tls_key);
	free(config->tls_client_ca);
	free(config->otlp_endpoint);
	free(config->otlp_headers_file);
	free(config->otlp_ca_file);
	*config = (struct ww_serve_config){0};
}

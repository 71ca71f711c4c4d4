/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `whywait serve` is told: by its file, the environment and its options. */
#ifndef WHYWAIT_SERVE_CONFIG_H
#define WHYWAIT_SERVE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#define WW_SERVE_DATA	"/var/lib/whywait/whywait.db"
#define WW_SERVE_LISTEN "127.0.0.1:9248,[::1]:9248"

/* Strings are the configuration's own; NULL: not given. */
struct ww_serve_config {
	char *data;	  /* the recording */
	char *listen;	  /* ADDRESS:PORT, several with commas between them, or "none" */
	char *token_file; /* has the bearer token that is asked for; needed where `listen` is not loopback, or .. */
	char *tls_certificate, *tls_key; /* .. these and */
	char *tls_client_ca;		 /* .. the authority that clients' certificates are of */
};

/* With the defaults; the content is the caller's, to be freed with ww_serve_config__free(). -ENOMEM. */
int ww_serve_config__init(struct ww_serve_config *config);

/* NULL-safe. Frees the content, not `config` itself. */
void ww_serve_config__free(struct ww_serve_config *config);

/* Has a string of the configuration say something else. -ENOMEM changes nothing. */
int ww_serve_config__set(char **string, const char *value);

#endif

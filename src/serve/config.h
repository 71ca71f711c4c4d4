/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `whywait serve` is told: by its file, the environment and its options. */
#ifndef WHYWAIT_SERVE_CONFIG_H
#define WHYWAIT_SERVE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WW_SERVE_DATA	"/var/lib/whywait/whywait.db"
#define WW_SERVE_LISTEN "127.0.0.1:9248,[::1]:9248"

enum ww_log_level { WW_LOG_ERROR, WW_LOG_WARNING, WW_LOG_INFO, WW_LOG_DEBUG };

struct ww_config_list {
	char **texts;
	size_t len;
};

/* Where a setting was said. */
#define WW_SERVE_SETTINGS 64
struct ww_config_place {
	const char *file; /* NULL: it is the default, or was an option; "environment" */
	size_t line, column;
};

/* Strings are the configuration's own; NULL: not given. What the settings mean is in settings.def and docs/serve.md. */
struct ww_serve_config {
	char *data;	  /* the recording */
	char *listen;	  /* ADDRESS:PORT, several with commas between them, or "none" */
	char *token_file; /* has the bearer token that is asked for; needed where `listen` is not loopback, or .. */
	char *tls_certificate, *tls_key; /* .. these and */
	char *tls_client_ca;		 /* .. the authority that clients' certificates are of */
	char *otlp_endpoint;		 /* of the collector that whole requests go to */
	char *otlp_headers_file;	 /* "Name: value" lines that go with them */
	char *otlp_ca_file;		 /* the authority of its certificate */
	char *user;			 /* whom it becomes; NULL: it stays who it is */
	int64_t log;			 /* enum ww_log_level */
	int64_t max_overhead;		 /* millionths of the CPU time that the host has */
	int64_t backoff_ns;		 /* for so long nothing is observed when that was passed first */
	int64_t age_ns, size_bytes, fine_ns, minutes_ns;
	int64_t keep;
	int64_t stacks_share; /* millionths; 0: every request's, -1: none */
	int64_t operations;   /* 1 or 0 */
	int64_t collectors;   /* the same */
	int64_t handoffs;     /* the same */
	int64_t promises;     /* the same */
	int64_t exact_goroutines;
	struct ww_config_list comms, ports, cgroups, containers, services;
	struct ww_config_list names; /* glob, name, glob, name, .. */
	struct ww_config_list routes;
	int64_t routes_max, requests_max, ring_bytes;	  /* 0: the default */
	struct ww_config_place places[WW_SERVE_SETTINGS]; /* in the order of settings.def */
};

/* With the defaults; the content is the caller's, to be freed with ww_serve_config__free(). -ENOMEM. */
int ww_serve_config__init(struct ww_serve_config *config);

/* NULL-safe. Frees the content, not `config` itself. */
void ww_serve_config__free(struct ww_serve_config *config);

/* Has a string of the configuration say something else. -ENOMEM changes nothing. */
int ww_serve_config__set(char **string, const char *value);

/* The same by an option, for a string `field` of `config`. */
int ww_serve_config__set_option(struct ww_serve_config *config, char **field, const char *value);

/* What is wrong with a configuration: lines, each "FILE:LINE:COLUMN: what, and what to do". */
#define WW_CONFIG_ERRORS 32
struct ww_config_errors {
	char *lines[WW_CONFIG_ERRORS];
	size_t len;  /* of lines */
	size_t more; /* errors beside those */
};

void ww_config_errors__free(struct ww_config_errors *errors);

/*
 * Reads YAML. All that is wrong with it is told in `errors`, and the rest taken: 0, -EINVAL when something is wrong,
 * -ENOMEM. `file` is what it is called in errors, and lives as long as `config`.
 */
int ww_serve_config__read(struct ww_serve_config *config, const char *file, const void *yaml, size_t len,
			  struct ww_config_errors *errors);

/* The same of a file; one that can't be read is an error, too. */
int ww_serve_config__read_file(struct ww_serve_config *config, const char *file, struct ww_config_errors *errors);

/* The same of an environment, "WHYWAIT_RETENTION_AGE=7d": of those that are no setting it takes no notice. */
int ww_serve_config__read_environment(struct ww_serve_config *config, char *const *environment,
				      struct ww_config_errors *errors);

/* Checks what settings say of each other, when all have been read. */
int ww_serve_config__check(const struct ww_serve_config *config, struct ww_config_errors *errors);

/* Checks what they say of this host: addresses, the user, files that are to be read. It only looks. */
int ww_serve_config__check_host(const struct ww_serve_config *config, struct ww_config_errors *errors);

/* What a change of a setting needs. */
enum ww_config_reload { WW_RELOAD_NOW, WW_RELOAD_SESSION, WW_RELOAD_START };

/* Calls `each` for every setting that two configurations differ in, by its path; returns how many there are. */
unsigned ww_serve_config__compare(const struct ww_serve_config *a, const struct ww_serve_config *b,
				  void (*each)(void *ctx, const char *path, enum ww_config_reload needs), void *ctx);

#endif

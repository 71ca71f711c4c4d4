/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The settings of the daemon: any YAML, and any environment (its variables are apart by NULs, behind the first one). */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/config.h"

#define VARIABLES 64

static void must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void note(void *ctx, const char *path, enum ww_config_reload needs)
{
	(void)ctx;
	(void)path;
	(void)needs;
	must(0, "a configuration differs from itself");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ww_config_errors errors = {0};
	struct ww_serve_config config;
	char *copy = malloc(size + 1), *variables[VARIABLES + 1];
	size_t len = 0, yaml;
	int err;

	if (!copy || ww_serve_config__init(&config))
		abort();
	memcpy(copy, data, size);
	copy[size] = '\0';
	yaml = strlen(copy);
	for (size_t at = yaml + 1; at < size && len < VARIABLES; at += strlen(copy + at) + 1)
		variables[len++] = copy + at;
	variables[len] = NULL;
	err = ww_serve_config__read(&config, "fuzz", copy, yaml, &errors);
	must(err == -ENOMEM || !err == !errors.len, "an error without a word, or a word without an error");
	ww_serve_config__read_environment(&config, variables, &errors);
	ww_serve_config__check(&config, &errors);
	for (size_t i = 0; i < errors.len; i++)
		must(*errors.lines[i] && !strpbrk(errors.lines[i], "\n\r\033"), "an error is no line");
	must(config.age_ns > 0 && config.max_overhead > 0 && config.max_overhead <= 1000000 && config.keep <= 100 &&
		     config.data && *config.data,
	     "a value that can't be");
	ww_serve_config__compare(&config, &config, note, NULL);
	ww_config_errors__free(&errors);
	ww_serve_config__free(&config);
	free(copy);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The file of a recorder: made, gone on in, closed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "store/file.h"
#include "store/recorder_parts.h"
#include "store/schema.h"
#include "util/version.h"

#define BUSY_TIMEOUT_MS 300    /* the rings fill meanwhile */
#define STEPS		100000 /* of SQLite's machine, some milliseconds */

/*
 * Small enough to stay within the memory that whywait promises: 2 MiB of pages, and a log that is written back when it
 * is 4 MiB long.
 */
static const char pragmas[] =
	"PRAGMA cache_size = -2048; PRAGMA wal_autocheckpoint = 1024; PRAGMA synchronous = NORMAL;"
	"PRAGMA journal_size_limit = 16777216; PRAGMA temp_store = MEMORY;";

int ww_recorder__errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_INTERRUPT:
		return -EINTR;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

void ww_recorder__describe(struct ww_recorder *recorder, int rc)
{
	if ((rc & 0xff) == SQLITE_FULL)
		snprintf(recorder->message, sizeof(recorder->message), "%s: the disk is full", recorder->path);
	else
		snprintf(recorder->message, sizeof(recorder->message), "%s: can't be written: %s", recorder->path,
			 sqlite3_errstr(rc));
}

/* What is as of now, also in a recording that is gone on in. */
static int put_facts(struct ww_recorder *recorder, const struct ww_recorder_options *options)
{
	struct utsname host;
	int rc = SQLITE_OK;

	uname(&host);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta(&recorder->rows, "whywait", ww_version);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta(&recorder->rows, "host", host.nodename);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta(&recorder->rows, "kernel", host.release);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta(&recorder->rows, "stand_ins", options->stand_ins ? options->stand_ins : "");
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta(&recorder->rows, "settings", options->settings ? options->settings : "");
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta_number(&recorder->rows, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta_number(&recorder->rows, "ended", 0);
	return rc;
}

static int fill_new_file(struct ww_recorder *recorder, const struct ww_recorder_options *options)
{
	char settings[256];
	int rc;

	/* The log comes after the tables: so the file says what it is from its first byte on, with or without its log.
	 */
	snprintf(settings, sizeof(settings), "PRAGMA application_id = %d; PRAGMA user_version = %d; BEGIN;",
		 WW_SCHEMA_APPLICATION, WW_SCHEMA_VERSION);
	rc = sqlite3_exec(recorder->db, settings, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(recorder->db, ww_schema_create, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = options->goes_on ? sqlite3_exec(recorder->db, ww_schema_goes_on, NULL, NULL, NULL) : SQLITE_OK;
	if (rc == SQLITE_OK)
		rc = ww_rows__prepare(&recorder->rows, recorder->db, options->goes_on);
	for (uint32_t kind = 0; rc == SQLITE_OK && kind < WW_KIND_COUNT; kind++)
		rc = ww_rows__put_kind(&recorder->rows, kind);
	if (rc == SQLITE_OK)
		rc = put_facts(recorder, options);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta_number(&recorder->rows, "interval_ns", WW_SCHEMA_INTERVAL_NS);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta_number(&recorder->rows, "start_unix_ns", 0);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta_number(&recorder->rows, "end_unix_ns", 0);
	if (rc == SQLITE_OK)
		rc = ww_rows__run(&recorder->rows, WW_STATEMENT_COMMIT);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(recorder->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(recorder->db, pragmas, NULL, NULL, NULL);
	return rc;
}

static void destroy(struct ww_recorder *recorder)
{
	ww_pending__free(&recorder->pending);
	ww_rows__free(&recorder->rows);
	sqlite3_close(recorder->db);
	/* Of what a daemon goes on in others of this process are readers, whose locks must stay. */
	if (recorder->fd >= 0 && recorder->goes_on)
		ww_store_file__keep(recorder->fd);
	else if (recorder->fd >= 0)
		close(recorder->fd);
	for (uint32_t i = 0; i < recorder->keeps_len; i++)
		ww_keep__free(&recorder->keeps[i]);
	free(recorder->keeps);
	ww_slice__free(&recorder->current);
	ww_slice__free(&recorder->unwritten);
	ww_seconds__free(&recorder->seconds);
	ww_catalog__free(&recorder->past);
	ww_vacant__free(&recorder->vacant);
	free(recorder->path);
	free(recorder);
}

static int each_while(void *ctx)
{
	const struct ww_recorder *recorder = ctx;

	return recorder->each_while(recorder->each_ctx);
}

/* Opens the file that is claimed. */
static int open_file(struct ww_recorder *recorder)
{
	int rc = sqlite3_open_v2(recorder->path, &recorder->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(recorder->db, BUSY_TIMEOUT_MS);
		ww_log_index__guard(&recorder->log_index, recorder->db);
		if (recorder->each_while)
			sqlite3_progress_handler(recorder->db, STEPS, each_while, recorder);
	}
	return rc;
}

static int make_file(struct ww_recorder *recorder, const struct ww_recorder_options *options)
{
	int rc = open_file(recorder);

	/* Before the first table. */
	if (rc == SQLITE_OK && options->goes_on)
		rc = sqlite3_exec(recorder->db, "PRAGMA auto_vacuum = INCREMENTAL", NULL, NULL, NULL);
	return rc == SQLITE_OK ? fill_new_file(recorder, options) : rc;
}

static int go_on(struct ww_recorder *recorder, const struct ww_recorder_options *options)
{
	int rc = open_file(recorder);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(recorder->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(recorder->db, pragmas, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(recorder->db, ww_schema_goes_on, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = ww_rows__prepare(&recorder->rows, recorder->db, true);
	if (rc == SQLITE_OK)
		rc = ww_past__read(recorder);
	/* Who only looks through it records nothing: it stays as whoever wrote it has left it. */
	if (rc == SQLITE_OK && !recorder->each_while)
		rc = put_facts(recorder, options);
	return rc;
}

/* What could not be gone on in: as if it had never been opened. */
static void let_go(struct ww_recorder *recorder)
{
	ww_rows__free(&recorder->rows);
	sqlite3_close(recorder->db);
	recorder->db = NULL;
	close(recorder->fd);
	recorder->fd = -1;
	ww_catalog__free(&recorder->past);
	ww_vacant__free(&recorder->vacant);
	memset(&recorder->written, 0, sizeof(recorder->written));
	memset(&recorder->rollup, 0, sizeof(recorder->rollup));
	recorder->start_unix_ns = recorder->gap_from = 0;
	recorder->past_usage_len = 0;
	recorder->next_id = 1;
}

/* Another try would find the same. */
static bool is_past_help(int rc)
{
	return (rc & 0xff) == SQLITE_ERROR || (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

static int open_or_make(struct ww_recorder *new, const struct ww_recorder_options *options, char *message,
			size_t message_size)
{
	bool existing = false;
	int err = 0, rc = SQLITE_OK;

	if (options->goes_on)
		err = ww_store_file__go_on(new->path, &new->fd, &existing, message, message_size);
	if (err)
		return err;
	if (existing) {
		rc = go_on(new, options);
		existing = !is_past_help(rc);
		if (!existing)
			let_go(new);
	}
	if (!existing && new->fd < 0)
		err = ww_store_file__claim(new->path, options->replace, &new->fd, &new->moved, message, message_size);
	if (err)
		return err;
	if (!existing)
		rc = make_file(new, options);
	if (rc == SQLITE_OK)
		return 0;
	ww_recorder__describe(new, rc);
	snprintf(message, message_size, "%s", new->message);
	if (!existing)
		unlink(new->path); /* nothing is in it */
	return ww_recorder__errno(rc);
}

int ww_recorder__create(struct ww_recorder **recorder, const struct ww_recorder_options *options, char *message,
			size_t message_size)
{
	struct ww_recorder *new = calloc(1, sizeof(*new));
	int err;

	snprintf(message, message_size, "%s: out of memory", options->path);
	if (!new)
		return -ENOMEM;
	new->fd = -1;
	new->keep_all = options->keep_all;
	new->keep = options->keep < WW_KEEP_MOST ? options->keep : WW_KEEP_MOST;
	new->goes_on = options->goes_on;
	new->retention = options->retention;
	new->each_while = options->each_while;
	new->each_ctx = options->each_ctx;
	new->next_id = 1;
	new->path = strdup(options->path);
	if (!new->path) {
		destroy(new);
		return -ENOMEM;
	}
	if (getrandom(&new->random, sizeof(new->random), GRND_NONBLOCK) != sizeof(new->random))
		new->random = (uintptr_t) new;
	err = open_or_make(new, options, message, message_size);
	if (err) {
		destroy(new);
		return err;
	}
	/* What is written later is little at a time, and nothing ends it half-way. */
	sqlite3_progress_handler(new->db, 0, NULL, NULL);
	*recorder = new;
	return 0;
}

const struct ww_catalog *ww_recorder__past(const struct ww_recorder *recorder)
{
	return recorder->past.arena ? &recorder->past : NULL;
}

bool ww_recorder__goes_on(const struct ww_recorder *recorder)
{
	return recorder->goes_on;
}

bool ww_recorder__moved(const struct ww_recorder *recorder)
{
	return recorder->moved;
}

int ww_recorder__close(struct ww_recorder *recorder)
{
	int rc, err;

	if (!recorder)
		return 0;
	if (recorder->in_transaction)
		ww_rows__run(&recorder->rows, WW_STATEMENT_ROLLBACK);
	rc = sqlite3_wal_checkpoint_v2(recorder->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	ww_rows__free(&recorder->rows);
	/* A reader that is at work keeps the log; the last one to close the file removes it. */
	if (rc == SQLITE_OK)
		sqlite3_exec(recorder->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	if (rc == SQLITE_BUSY)
		rc = SQLITE_OK;
	err = rc != SQLITE_OK ? ww_recorder__errno(rc) : recorder->lost ? -EIO : 0;
	destroy(recorder);
	return err;
}

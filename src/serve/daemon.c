/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernel/run_time.h"
#include "kernel/runtimes.h"
#include "kernel/user_probes.h"
#include "serve/data_file.h"
#include "serve/log.h"
#include "serve/privileges.h"
#include "serve/watchdog.h"

#define NSEC	      1000000000ll
#define MILLION	      1e6
#define WAIT_MS	      100
#define RENEW_NS      (3600ull * NSEC)
#define CLOCK_STEP_NS NSEC /* that the clock may be off by within a session */

static const struct ww_daemon_part *const parts[] = {
#define WW_PART(name) &ww_part_##name,
#include "serve/parts.def"
#undef WW_PART
	NULL,
};

#define PARTS (sizeof(parts) / sizeof(*parts) - 1)

/* What is to be done when a session has ended. */
enum next { NEXT_END, NEXT_OBSERVE, NEXT_PAUSE };

struct ww_daemon {
	const struct ww_daemon_options *first;	 /* as it was started: what the parts are told */
	const struct ww_daemon_options *options; /* as of the last reload */
	void *selves[PARTS + 1];		 /* of the parts; NULL: off */
	size_t opened;				 /* parts whose `open` has run */

	struct ww_session *session; /* NULL: paused */
	struct ww_recorder *recorder;
	unsigned sessions;
	uint64_t session_ns; /* when it began */
	int64_t offset_ns;   /* of Unix time then, which the session keeps */
	uint64_t closed_ns;  /* when the one before it ended; 0: there was none */
	const char *crowded; /* what it has hardly any room left for; NULL: nothing */
	enum next next;
	char reason[160]; /* of a pause */

	struct ww_watchdog watchdog; /* of observing */
	struct ww_watchdog whole;    /* of the process; nothing is done about it */
	uint64_t bpf_before_ns;	     /* of earlier sessions */
	uint64_t back_off_ns;	     /* of the next pause */
	uint64_t not_written;	     /* pauses in a row for that */

	pthread_mutex_t lock; /* of `status` and `losses_of_parts` */
	struct ww_daemon_status status;
	uint64_t losses_of_parts[WW_LOSS_COUNT];

	/* Of earlier sessions, and with this one's. */
	uint64_t requests_before, errors_before;
	uint64_t losses_before[WW_LOSS_COUNT], losses_now[WW_LOSS_COUNT]; /* of the earlier ones, and of this one */
	struct ww_loss losses[WW_LOSS_COUNT];
};

static volatile sig_atomic_t ended, reload;

static void on_end(int number)
{
	(void)number;
	ended = 1;
}

static void on_reload(int number)
{
	(void)number;
	reload = 1;
}

static bool is_ended(void)
{
	return ended;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * NSEC + now.tv_nsec;
}

/* Unix time less CLOCK_MONOTONIC. */
static int64_t unix_offset(void)
{
	return clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
}

void ww_daemon__status(struct ww_daemon *daemon, struct ww_daemon_status *status)
{
	pthread_mutex_lock(&daemon->lock);
	*status = daemon->status;
	pthread_mutex_unlock(&daemon->lock);
}

const struct ww_serve_config *ww_daemon__config(const struct ww_daemon *daemon)
{
	return daemon->first->config;
}

void ww_daemon__lose(struct ww_daemon *daemon, enum ww_loss_id cause, uint64_t count)
{
	pthread_mutex_lock(&daemon->lock);
	daemon->losses_of_parts[cause] += count;
	pthread_mutex_unlock(&daemon->lock);
}

static void set_state(struct ww_daemon *daemon, enum ww_daemon_state state, const char *reason)
{
	pthread_mutex_lock(&daemon->lock);
	daemon->status.state = state;
	snprintf(daemon->status.reason, sizeof(daemon->status.reason), "%s", reason);
	pthread_mutex_unlock(&daemon->lock);
}

static struct ww_retention retention_of(const struct ww_serve_config *config)
{
	return (struct ww_retention){
		.age_ns = config->age_ns,
		.fine_ns = config->fine_ns,
		.minutes_ns = config->minutes_ns,
		.bytes = (uint64_t)config->size_bytes,
	};
}

/* What only the recorder knows. */
static void note_unwritten(struct ww_daemon *daemon)
{
	daemon->losses_now[WW_LOSS_NOT_WRITTEN] = ww_recorder__lost(daemon->recorder);
	daemon->losses_now[WW_LOSS_NOT_KEPT] = ww_recorder__not_kept(daemon->recorder);
}

static void note_second(struct ww_daemon *daemon, const struct ww_commit *commit)
{
	const struct ww_ingest_totals *totals = ww_ingest__totals(ww_session__ingest(daemon->session));
	uint64_t lost = 0;

	pthread_mutex_lock(&daemon->lock);
	for (size_t i = 0; i < commit->losses_len && i < WW_LOSS_COUNT; i++) {
		daemon->losses[i] = commit->losses[i];
		daemon->losses_now[i] = commit->losses[i].count;
	}
	note_unwritten(daemon);
	for (size_t i = 0; i < commit->losses_len && i < WW_LOSS_COUNT; i++) {
		daemon->losses[i].count = daemon->losses_now[i] + daemon->losses_before[i] + daemon->losses_of_parts[i];
		/* That one is of seconds. */
		if (i != WW_LOSS_NOT_OBSERVED && daemon->losses[i].loses)
			lost += daemon->losses[i].count;
	}
	daemon->status.last_unix_ns = commit->end_unix_ns;
	daemon->status.last_ns = (uint64_t)clock_ns(CLOCK_MONOTONIC);
	daemon->status.requests = daemon->requests_before + totals->requests;
	daemon->status.errors = daemon->errors_before + totals->errors;
	daemon->status.lost = lost;
	pthread_mutex_unlock(&daemon->lock);
}

static void each_commit(void *ctx, const struct ww_commit *commit)
{
	struct ww_daemon *daemon = ctx;
	const struct ww_daemon_second second = {
		.commit = commit,
		.session = daemon->sessions,
		.losses = daemon->losses,
		.losses_len = WW_LOSS_COUNT,
		.ingest = ww_session__ingest(daemon->session),
	};

	daemon->crowded = ww_ingest__crowded(second.ingest);
	note_second(daemon, commit);
	for (size_t i = 0; parts[i]; i++) {
		if (daemon->selves[i] && parts[i]->second)
			parts[i]->second(daemon->selves[i], &second);
	}
}

static void each_kept(void *ctx, const struct ww_request *request)
{
	const struct ww_daemon *daemon = ctx;

	for (size_t i = 0; parts[i]; i++) {
		if (daemon->selves[i] && parts[i]->request)
			parts[i]->request(daemon->selves[i], request);
	}
}

static uint64_t own_memory(void)
{
	unsigned long long size, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%llu %llu", &size, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* What it has cost; when observing takes more than the budget it pauses. */
static void watch(struct ww_daemon *daemon)
{
	const struct ww_serve_config *config = daemon->options->config;
	uint64_t now = (uint64_t)clock_ns(CLOCK_MONOTONIC), bpf = 0;
	struct ww_daemon_cost cost = {
		.cpu_ns = (uint64_t)clock_ns(CLOCK_PROCESS_CPUTIME_ID),
		.memory_bytes = own_memory(),
	};
	double share = 0, budget = (double)config->max_overhead / MILLION;

	if (daemon->session)
		ww_session__run_time(daemon->session, &bpf);
	cost.bpf_ns = daemon->bpf_before_ns + bpf;
	if (daemon->session) {
		cost.share = ww_watchdog__second(&daemon->whole, now, cost.cpu_ns + cost.bpf_ns);
		/* Without the parts' threads: whoever asks HTTP often would end the observing. */
		share = ww_watchdog__second(&daemon->watchdog, now,
					    (uint64_t)clock_ns(CLOCK_THREAD_CPUTIME_ID) + cost.bpf_ns);
	}
	pthread_mutex_lock(&daemon->lock);
	daemon->status.cost = cost;
	pthread_mutex_unlock(&daemon->lock);
	if (share <= budget)
		return;
	daemon->next = NEXT_PAUSE;
	daemon->back_off_ns = ww_watchdog__back_off(&daemon->watchdog, now, (uint64_t)config->backoff_ns);
	snprintf(daemon->reason, sizeof(daemon->reason),
		 "observing took %.2f%% of the host's CPU time in the last %d s, more than max_overhead, %.3g%%",
		 share * 100, WW_WATCHDOG_SECONDS, budget * 100);
	pthread_mutex_lock(&daemon->lock);
	daemon->status.pauses++;
	pthread_mutex_unlock(&daemon->lock);
}

static void note_change(void *ctx, const char *path, enum ww_config_reload needs)
{
	struct ww_daemon *daemon = ctx;

	if (needs == WW_RELOAD_START)
		ww_log(WW_LOG_WARNING, "reload: %s stays what it was until the daemon is restarted", path);
	else
		ww_log(WW_LOG_INFO, "reload: %s has changed%s", path,
		       needs == WW_RELOAD_SESSION ? ": observing begins anew" : "");
	/* A pause ends, too: it may have been for that. */
	if (needs != WW_RELOAD_START && (needs == WW_RELOAD_SESSION || !daemon->session) && daemon->next == NEXT_END)
		daemon->next = NEXT_OBSERVE;
}

static void do_reload(struct ww_daemon *daemon)
{
	const struct ww_daemon_options *before = daemon->options, *fresh = NULL;
	char text[96];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_ns(CLOCK_MONOTONIC) / 1000);
	ww_log__notify(text);
	reload = 0;
	if (before->reload)
		fresh = before->reload(before->ctx);
	if (fresh) {
		const struct ww_retention retention = retention_of(fresh->config);

		daemon->options = fresh;
		if (!ww_serve_config__compare(before->config, fresh->config, note_change, daemon))
			ww_log(WW_LOG_INFO, "reload: nothing has changed");
		ww_log__set_level((enum ww_log_level)fresh->config->log);
		if (daemon->recorder)
			ww_recorder__retain(daemon->recorder, &retention);
	} else {
		ww_log(WW_LOG_WARNING, "reload: all stays as it was");
	}
	ww_log__notify("READY=1");
}

/* Above 0: the session is to end. */
static int look(struct ww_daemon *daemon)
{
	if (reload && !ended)
		do_reload(daemon);
	if (ended)
		daemon->next = NEXT_END;
	return ended || daemon->next != NEXT_END;
}

static int each_drain(void *ctx, struct ww_session *session)
{
	(void)session;
	return look(ctx);
}

/* What comes each second, whether it observes or not. */
static void tick(struct ww_daemon *daemon)
{
	ww_log__notify("WATCHDOG=1");
	for (size_t i = 0; parts[i]; i++) {
		if (daemon->selves[i] && parts[i]->tick)
			parts[i]->tick(daemon->selves[i]);
	}
	watch(daemon);
}

/* Within a session times are Unix times by the clock at its start. */
static void look_at_clock(struct ww_daemon *daemon)
{
	int64_t off = unix_offset() - daemon->offset_ns;

	if (daemon->next != NEXT_END || (off < CLOCK_STEP_NS && off > -CLOCK_STEP_NS))
		return;
	ww_log(WW_LOG_WARNING, "the host's clock was set by %.3f s: observing begins anew", (double)off / NSEC);
	daemon->next = NEXT_OBSERVE;
}

static int each_second(void *ctx, struct ww_session *session)
{
	struct ww_daemon *daemon = ctx;

	(void)session;
	daemon->not_written = 0;
	tick(daemon);
	malloc_trim(0);
	/* In place of what is no more, as containers are, there is to be room for others. */
	if (daemon->crowded && daemon->next == NEXT_END &&
	    (uint64_t)clock_ns(CLOCK_MONOTONIC) - daemon->session_ns > RENEW_NS) {
		ww_log(WW_LOG_INFO,
		       "so many %s have been seen that there is hardly room for more: observing begins anew",
		       daemon->crowded);
		daemon->next = NEXT_OBSERVE;
	}
	look_at_clock(daemon);
	return look(daemon);
}

/*
 * Texts of some megabytes come and go each time that /metrics is asked for: as it is by default the first of them makes
 * the library keep as much from then on, in a heap for each thread. What is freed in between goes back every second.
 */
static void hold_little(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	mallopt(M_TRIM_THRESHOLD, 256 << 10);
}

static void take_signals(void)
{
	struct sigaction action = {.sa_handler = on_end};

	sigemptyset(&action.sa_mask);
	ended = reload = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	action.sa_handler = on_reload;
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int open_parts(struct ww_daemon *daemon, char *message, size_t message_size)
{
	int err = 0;

	for (; !err && parts[daemon->opened]; daemon->opened++)
		err = parts[daemon->opened]->open(&daemon->selves[daemon->opened], daemon, message, message_size);
	return err;
}

/* Their threads have signals of this kind blocked: they are for the daemon's. */
static int start_parts(struct ww_daemon *daemon, char *message, size_t message_size)
{
	sigset_t all, before;
	int err = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (size_t i = 0; !err && parts[i]; i++) {
		if (daemon->selves[i] && parts[i]->start)
			err = parts[i]->start(daemon->selves[i]);
		if (err)
			snprintf(message, message_size, "%s can't be started: %s", parts[i]->name, strerror(-err));
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static void stop_parts(struct ww_daemon *daemon)
{
	while (daemon->opened--) {
		if (daemon->selves[daemon->opened])
			parts[daemon->opened]->stop(daemon->selves[daemon->opened]);
	}
}

static int open_session(struct ww_daemon *daemon, char *message, size_t message_size)
{
	const struct ww_daemon_options *options = daemon->options;
	struct ww_session_options session_options = options->session;
	struct ww_recorder_options recorder_options = {
		.path = daemon->first->config->data,
		.keep = (unsigned)options->config->keep,
		.goes_on = true,
		.retention = retention_of(options->config),
		.settings = options->settings,
	};
	int err;

	session_options.keep_signals = true;
	session_options.each_drain = each_drain;
	session_options.each_second = each_second;
	session_options.ctx = daemon;
	session_options.ingest.live_seconds = 0;
	session_options.ingest.each_commit = each_commit;
	session_options.ingest.each_kept = each_kept;
	session_options.ingest.each_ctx = daemon;
	ww_data_file__look_through(&recorder_options, is_ended);
	if (ended)
		return 0;
	daemon->offset_ns = unix_offset();
	err = ww_session__open(&daemon->session, &session_options, message, message_size);
	if (err)
		return err;
	recorder_options.stand_ins = ww_session__stand_ins(daemon->session);
	err = ww_data_file__open(&daemon->recorder, &recorder_options, message, message_size);
	if (err) {
		ww_session__close(daemon->session);
		daemon->session = NULL;
		return err;
	}
	ww_session__set_recorder(daemon->session, daemon->recorder);
	daemon->sessions++;
	daemon->session_ns = (uint64_t)clock_ns(CLOCK_MONOTONIC);
	ww_watchdog__start(&daemon->watchdog, daemon->session_ns);
	ww_watchdog__start(&daemon->whole, daemon->session_ns);
	if (daemon->closed_ns)
		ww_daemon__lose(daemon, WW_LOSS_NOT_OBSERVED,
				(daemon->session_ns - daemon->closed_ns + NSEC - 1) / NSEC);
	return 0;
}

static int close_session(struct ww_daemon *daemon)
{
	const struct ww_ingest_totals *totals;
	uint64_t bpf = 0;
	int err;

	if (ww_session__ingest(daemon->session)) {
		totals = ww_ingest__totals(ww_session__ingest(daemon->session));
		daemon->requests_before += totals->requests;
		daemon->errors_before += totals->errors;
	}
	note_unwritten(daemon);
	for (size_t i = 0; i < WW_LOSS_COUNT; i++) {
		daemon->losses_before[i] += daemon->losses_now[i];
		daemon->losses_now[i] = 0;
	}
	ww_session__run_time(daemon->session, &bpf);
	daemon->bpf_before_ns += bpf;
	ww_session__close(daemon->session);
	daemon->session = NULL;
	daemon->closed_ns = (uint64_t)clock_ns(CLOCK_MONOTONIC);
	err = ww_recorder__close(daemon->recorder);
	daemon->recorder = NULL;
	return err;
}

/* One session, into the recording; `daemon->next` says what comes then. */
static int observe(struct ww_daemon *daemon, char *message, size_t message_size)
{
	enum ww_session_end end;
	int err = open_session(daemon, message, message_size), close_err;

	if (err || !daemon->session)
		return err;
	daemon->next = NEXT_END;
	err = ww_session__start(daemon->session);
	if (!err) {
		ww_log(WW_LOG_INFO, "observing, recording into %s", daemon->first->config->data);
		set_state(daemon, WW_DAEMON_OBSERVING, "");
		ww_log__notify("READY=1\nSTATUS=observing");
		err = ww_session__run(daemon->session, &end);
	}
	if (err) {
		snprintf(message, message_size, "%s",
			 *ww_recorder__message(daemon->recorder) ? ww_recorder__message(daemon->recorder)
								 : strerror(-err));
	}
	close_err = close_session(daemon);
	if (close_err && !err)
		snprintf(message, message_size, "%s could not be completed: %s", daemon->first->config->data,
			 strerror(-close_err));
	return err ? err : close_err;
}

/* Nothing is observed for as long as the back-off lasts, or until it is ended. */
static void pause_for_now(struct ww_daemon *daemon)
{
	int64_t until = clock_ns(CLOCK_MONOTONIC) + (int64_t)daemon->back_off_ns, next = 0;
	char status[256];

	ww_log(WW_LOG_ERROR, "%s; nothing is observed for %.0f s", daemon->reason, (double)daemon->back_off_ns / NSEC);
	set_state(daemon, WW_DAEMON_PAUSED, daemon->reason);
	snprintf(status, sizeof(status), "STATUS=paused: %s", daemon->reason);
	ww_log__notify(status);
	daemon->next = NEXT_END;
	while (!ended && clock_ns(CLOCK_MONOTONIC) < until && daemon->next == NEXT_END) {
		const struct timespec wait = {.tv_nsec = WAIT_MS * 1000000};

		nanosleep(&wait, NULL);
		if (reload)
			do_reload(daemon);
		if (clock_ns(CLOCK_MONOTONIC) < next)
			continue;
		next = clock_ns(CLOCK_MONOTONIC) + NSEC;
		tick(daemon);
	}
}

/* Sessions, one after the other. Only the first may fail for good. */
static int observe_all(struct ww_daemon *daemon, char *message, size_t message_size)
{
	for (;;) {
		int err = observe(daemon, message, message_size);

		if (err && !daemon->sessions)
			return err;
		if (ended)
			return err;
		if (err) {
			daemon->back_off_ns = (uint64_t)daemon->options->config->backoff_ns
					      << (daemon->not_written < 5 ? daemon->not_written : 5);
			daemon->not_written++;
			snprintf(daemon->reason, sizeof(daemon->reason), "%.150s", message);
			daemon->next = NEXT_PAUSE;
		}
		if (daemon->next == NEXT_PAUSE)
			pause_for_now(daemon);
		if (ended)
			return 0;
		set_state(daemon, WW_DAEMON_STARTING, "it attaches again");
	}
}

int ww_daemon__run(const struct ww_daemon_options *options, char *message, size_t message_size)
{
	const struct ww_serve_config *config = options->config;
	struct ww_daemon daemon = {
		.first = options,
		.options = options,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.status = {.state = WW_DAEMON_STARTING, .start_unix_ns = clock_ns(CLOCK_REALTIME)},
		.watchdog = {.cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN)},
		.whole = {.cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN)},
	};
	int err, measure;

	hold_little();
	take_signals();
	/* Paths of requests, and statements, are for the user's group at most. */
	umask(027);
	ww_log__set_level((enum ww_log_level)config->log);
	/* What needs root comes before the drop: all of it is open then. */
	measure = ww_run_time__measure();
	if (measure < 0)
		ww_log(WW_LOG_WARNING,
		       "the kernel does not measure what its programs cost (%s): max_overhead is of this process alone",
		       strerror(-measure));
	/* To open events of these for all programs of Go that run would let each of them pay for the traps. */
	if (config->exact_goroutines && !ww_user_probes__many())
		ww_log(WW_LOG_WARNING, "exact_goroutines: before Linux 6.6 probes may take a privilege that this gives "
				       "up: then goroutines are "
				       "told by sockets, and runtimes_unattached counts the programs");
	ww_runtimes__prepare();
	err = open_parts(&daemon, message, message_size);
	if (!err)
		err = ww_privileges__prepare(config->user, config->data, message, message_size);
	if (!err)
		err = ww_privileges__drop(config->user, message, message_size);
	if (!err)
		err = start_parts(&daemon, message, message_size);
	if (!err)
		err = observe_all(&daemon, message, message_size);
	set_state(&daemon, WW_DAEMON_STOPPING, "it is ending");
	ww_log__notify("STOPPING=1");
	stop_parts(&daemon);
	if (measure >= 0)
		close(measure);
	pthread_mutex_destroy(&daemon.lock);
	return err;
}

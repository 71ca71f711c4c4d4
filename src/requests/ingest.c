/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/ingest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "model/losses.h"
#include "model/report_build.h"
#include "protocols/http1.h"
#include "requests/choices.h"
#include "requests/conversations.h"
#include "requests/detail_names.h"
#include "requests/endpoints.h"
#include "requests/holders.h"
#include "requests/host.h"
#include "requests/messages.h"
#include "requests/naming.h"
#include "requests/operations.h"
#include "requests/service_label.h"
#include "requests/runs.h"
#include "requests/services.h"
#include "requests/sound.h"
#include "requests/timelines.h"
#include "requests/unreadable.h"
#include "requests/whole.h"
#include "store/recorder.h"
#include "store/schema.h"

#define SECOND_NS 1000000000ull

/* From where on there is hardly any room left. */
#define CROWDED_SERVICES (WW_SERVICES_MAX - 6)
#define CROWDED_NAMES	 50000
#define CROWDED_STACKS	 50000 /* some 100 bytes each */

struct ww_ingest {
	struct ww_ingest_options options;
	struct ww_ingest_totals totals;
	struct ww_catalog catalog;
	struct ww_services *services;
	struct ww_endpoints endpoints;
	struct ww_detail_names names;
	struct ww_holders *holders;
	struct ww_choices choices;

	struct ww_timelines *timelines;
	struct ww_messages *messages;
	struct ww_operations *operations;
	struct ww_conversations *conversations;
	struct ww_stacks *stacks; /* NULL: none are taken */
	struct ww_run run;

	/* A ring of seconds: slices[head] is the one that is being filled. */
	struct ww_slice *slices;
	uint32_t slices_len, head;
	uint64_t ticks_ns[WW_LIVE_SECONDS_MAX + 1]; /* when each slice was begun */

	uint64_t host_busy_ns;	/* what the host had done at the start; 0: not known */
	int64_t unix_offset_ns; /* Unix time less CLOCK_MONOTONIC */
	int64_t start_unix_ns, end_unix_ns;

	struct ww_loss losses[WW_LOSS_COUNT];
	struct ww_unreadable_ports unreadable;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

int ww_ingest__create(struct ww_ingest **ingest, const struct ww_ingest_options *options)
{
	struct ww_ingest *new = calloc(1, sizeof(*new));
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	const struct ww_catalog *past;

	if (!new)
		return -ENOMEM;
	new->options = *options;
	if (!new->options.routes_max)
		new->options.routes_max = WW_ROUTES_MAX;
	if (!new->options.proc)
		new->options.proc = "/proc";
	new->host_busy_ns = ww_host__busy_ns(new->options.proc);
	if (new->options.live_seconds > WW_LIVE_SECONDS_MAX)
		new->options.live_seconds = WW_LIVE_SECONDS_MAX;
	for (int i = 0; i < WW_LOSS_COUNT; i++)
		new->losses[i] = (struct ww_loss){.cause = ww_loss_cause(i), .loses = ww_loss_loses(i)};
	new->unix_offset_ns = (int64_t)(clock_ns(CLOCK_REALTIME) - now);
	new->start_unix_ns = new->end_unix_ns = (int64_t)now + new->unix_offset_ns;
	new->slices_len = new->options.live_seconds + 1;
	new->slices = calloc(new->slices_len, sizeof(*new->slices));
	new->timelines = ww_timelines__new();
	new->messages = ww_messages__new();
	new->operations = ww_operations__new();
	new->conversations = ww_conversations__new(&new->catalog, &new->names, new->operations);
	new->ticks_ns[0] = now;
	new->holders = ww_holders__new(&new->catalog, &new->endpoints, options->held_by, options->held_by_ctx);
	new->endpoints.keys = ww_intern__new();
	new->endpoints.places = ww_intern__new();
	new->stacks = options->stacks ? ww_stacks__new() : NULL;
	if ((options->stacks && !new->stacks) || !new->slices || !new->timelines || !new->messages ||
	    !new->operations || !new->conversations || !new->holders || !new->endpoints.keys ||
	    !new->endpoints.places || ww_catalog__init(&new->catalog)) {
		ww_ingest__destroy(new);
		return -ENOMEM;
	}
	if (new->stacks && options->recorder)
		ww_stacks__table(new->stacks)->goes_on = ww_recorder__goes_on(options->recorder);
	new->endpoints.catalog = &new->catalog;
	new->choices = (struct ww_choices){
		.catalog = &new->catalog, .globs = new->options.services, .globs_len = new->options.services_len};
	new->endpoints.patterns = new->options.routes;
	new->endpoints.patterns_len = new->options.routes_len;
	new->endpoints.max = new->options.routes_max;
	new->names.intern = new->catalog.names;
	new->names.peer = new->options.peer;
	new->names.peer_ctx = new->options.peer_ctx;
	past = options->recorder ? ww_recorder__past(options->recorder) : NULL;
	if (past && (ww_catalog__copy(&new->catalog, past) || ww_endpoints__adopt(&new->endpoints))) {
		ww_ingest__destroy(new);
		return -ENOMEM;
	}
	new->services = ww_services__new(&new->catalog, new->options.proc, WW_SERVICES_MAX);
	if (!new->services) {
		ww_ingest__destroy(new);
		return -ENOMEM;
	}
	ww_services__name(new->services,
			  &(struct ww_service_names){options->service_names, options->service_names_len});
	ww_services__ask_collections(new->services, options->collected, options->collected_ctx);
	/* A recording that goes on keeps no samples. */
	ww_services__ask_shares(new->services, options->recorder && !ww_recorder__goes_on(options->recorder));
	ww_services__ask_allocations(new->services, options->allocated, options->allocated_ctx);
	*ingest = new;
	return 0;
}

void ww_ingest__destroy(struct ww_ingest *ingest)
{
	if (!ingest)
		return;
	for (uint32_t i = 0; ingest->slices && i < ingest->slices_len; i++)
		ww_slice__free(&ingest->slices[i]);
	free(ingest->slices);
	ww_timelines__free(ingest->timelines);
	ww_conversations__free(ingest->conversations);
	ww_operations__free(ingest->operations);
	ww_messages__free(ingest->messages);
	ww_stacks__free(ingest->stacks);
	ww_run__free(&ingest->run);
	ww_services__free(ingest->services);
	ww_holders__free(ingest->holders);
	ww_endpoints__free(&ingest->endpoints);
	ww_detail_names__free(&ingest->names);
	ww_catalog__free(&ingest->catalog);
	ww_choices__free(&ingest->choices);
	free(ingest);
}

int ww_ingest__segments(struct ww_ingest *ingest, const struct ww_segments *segments)
{
	if (segments->len > WW_SEGMENTS) {
		ingest->losses[WW_LOSS_SEGMENTS].count++;
		return -EPROTO;
	}
	ingest->losses[WW_LOSS_SEGMENTS].count += ww_timelines__put(ingest->timelines, segments);
	return 0;
}

/* The service that answered; an id, or -ENOMEM. */
static int64_t find_service(struct ww_ingest *ingest, const struct ww_account *account)
{
	struct ww_peer local;
	bool known = !account->port && !(account->flags & (WW_FLAG_CALL | WW_FLAG_MESSAGE)) && ingest->options.peer &&
		     !ingest->options.peer(ingest->options.peer_ctx, account->local, &local);

	return ww_services__find(ingest->services, account, known ? &local : NULL);
}

/* Hands a request over to the recorder. */
struct keeping {
	const struct ww_ingest *ingest;
	uint32_t endpoint;
};

static void keep(void *ctx, const struct ww_request *request)
{
	const struct keeping *keeping = ctx;

	ww_recorder__keep(keeping->ingest->options.recorder, keeping->endpoint, request);
	if (keeping->ingest->options.each_kept)
		keeping->ingest->options.each_kept(keeping->ingest->options.each_ctx, request);
}

static uint64_t weigh(const struct ww_ingest *ingest, const struct ww_account *account)
{
	return ingest->options.allocations ? ingest->options.allocations(ingest->options.allocations_ctx, account) : 0;
}

static int count(struct ww_ingest *ingest, const struct ww_account *account, uint32_t service,
		 const struct ww_request_operations *done)
{
	char path[WW_PATH_SIZE];
	struct ww_sample_operation operations[WW_OPERATIONS_MAX];
	struct ww_detail_sum details[WW_DETAIL_SUMS];
	uint64_t kinds_ns[WW_KIND_COUNT];
	struct ww_sample sample = {
		.kinds_ns = kinds_ns,
		.cpu_ns = account->cpu_ns,
		.bytes_in = account->bytes_in,
		.bytes_out = account->bytes_out,
		.details = details,
		.details_len = ww_holders__details(ingest->holders, &ingest->names, account, service, details),
		.operations = operations,
		.operations_len = ww_operations__samples(&ingest->catalog, done, operations),
		.operations_known = done->known,
		.status = account->status,
		.attribution = account->attribution,
		.aborted = account->flags & WW_FLAG_ABORTED,
		.allocations = account->allocations,
		.allocations_weight = weigh(ingest, account),
	};
	/* Taken out also when the request is not kept: it waits for no other. */
	const struct ww_segments *line =
		account->flags & WW_FLAG_SEGMENTS ? ww_timelines__take(ingest->timelines, account->id) : NULL;
	bool error = ww_is_error(sample.status, sample.aborted);
	uint64_t over_cap;
	int64_t endpoint;
	int err;

	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		kinds_ns[kind] = account->kinds_ns[kind];
	endpoint = ww_naming__endpoint(&ingest->endpoints, &ingest->options.units, ingest->messages, service, account,
				       path, &over_cap);
	if (endpoint < 0)
		return (int)endpoint;
	over_cap += ww_holders__moved(ingest->holders);
	ww_holders__ended(ingest->holders, account->id, (uint32_t)endpoint);
	sample.in_flight = ww_flight__add(&ingest->endpoints.flights[endpoint], account->start_ns, account->end_ns);
	if (!sample.in_flight) {
		sample.in_flight = 1;
		ingest->losses[WW_LOSS_OUT_OF_MEMORY].count++;
	}
	err = ww_slice__add(&ingest->slices[ingest->head], (uint32_t)endpoint, &sample);
	if (err)
		return err;
	if (ingest->stacks)
		ww_stacks__end(ingest->stacks, account, (uint32_t)endpoint,
			       &(struct ww_waiting){&ingest->catalog, &ingest->names, *done});
	ingest->totals.requests++;
	ingest->totals.errors += error;
	ingest->totals.routes_over_cap += over_cap;
	ingest->losses[WW_LOSS_ROUTES_OVER_CAP].count += over_cap;
	if (!ingest->options.recorder || !ww_recorder__wants(ingest->options.recorder, (uint32_t)endpoint,
							     account->end_ns - account->start_ns, error))
		return 0;

	struct keeping keeping = {ingest, (uint32_t)endpoint};
	const struct ww_parts parts = {
		.catalog = &ingest->catalog,
		.names = &ingest->names,
		.operations = ingest->operations,
		.unix_offset_ns = ingest->unix_offset_ns,
		.account = account,
		.line = line,
		.endpoint = (uint32_t)endpoint,
		.path = path,
		.details = details,
		.details_len = sample.details_len,
		.done = *done,
	};

	ww_whole__of(&parts, keep, &keeping);
	return 0;
}

static const char *command_name(const struct ww_ingest *ingest)
{
	return ingest->options.command ? ingest->options.command : "command";
}

int ww_ingest__process(struct ww_ingest *ingest, uint32_t pid)
{
	int64_t service = ww_services__command(ingest->services, command_name(ingest));

	if (service < 0)
		return (int)service;
	ww_services__join(ingest->services, (uint32_t)service, pid);
	return 0;
}

const struct ww_account *ww_ingest__run(const struct ww_ingest *ingest, uint64_t *operations)
{
	*operations = ingest->run.operations;
	return ingest->run.account.id ? &ingest->run.account : NULL;
}

/* A command, as it is by now. */
static int take_run(struct ww_ingest *ingest, const struct ww_account *account, uint32_t service)
{
	const struct ww_run_frame frame = {
		.catalog = &ingest->catalog,
		.endpoints = &ingest->endpoints,
		.names = &ingest->names,
		.operations = ingest->operations,
		.timelines = ingest->timelines,
		.slice = &ingest->slices[ingest->head],
		.recorder = ingest->options.recorder,
		.unix_offset_ns = ingest->unix_offset_ns,
		.service = service,
	};
	int err = ww_run__take(&ingest->run, &frame, account);

	ingest->totals.requests += !err && !(account->flags & WW_FLAG_PART);
	ingest->totals.errors += !err && !(account->flags & WW_FLAG_PART) && account->flags & WW_FLAG_ABORTED;
	return err;
}

/* 0, or -ENOMEM or -EPROTO, which are counted. */
static int take_account(struct ww_ingest *ingest, const struct ww_account *account)
{
	bool run = account->flags & WW_FLAG_RUN;
	struct ww_request_operations done = {0};
	int64_t service;

	/* Also of a request that does not count: they wait for no other. */
	if (!(account->flags & WW_FLAG_PART))
		ww_conversations__settle(ingest->conversations, account->id, account->end_ns);
	if (!run)
		done = ww_operations__take(ingest->operations, account);
	done.known &= !ingest->options.no_operations;
	service = run ? ww_services__command(ingest->services, command_name(ingest)) : find_service(ingest, account);
	if (service < 0)
		return (int)service;
	struct ww_account doubted;
	if (account->flags & WW_FLAG_MESSAGE && ww_services__mixes(ingest->services, account->tgid)) {
		/* No more of it was sent. */
		memcpy(&doubted, account, offsetof(struct ww_account, target) + account->target_len);
		doubted.attribution = WW_ATTRIBUTION_AMBIGUOUS;
		account = &doubted;
		done.known = false;
	}
	ingest->endpoints.protocol = account->flags & WW_FLAG_FASTCGI ? "fastcgi" : "http";
	/* Celery's main process hands it on: it counts where it is worked on. */
	enum ww_message_named named = account->flags & WW_FLAG_HANDS_ON
					      ? ww_messages__named(ingest->messages, account->id)
					      : WW_MESSAGE_QUEUE;
	bool elsewhere = named == WW_MESSAGE_TASK || named == WW_MESSAGE_UNNAMED;
	if (ww_choices__has(&ingest->choices, (uint32_t)service) && !elsewhere)
		return run ? take_run(ingest, account, (uint32_t)service)
			   : count(ingest, account, (uint32_t)service, &done);
	ingest->totals.filtered += !elsewhere;
	ingest->losses[WW_LOSS_MESSAGES_UNNAMED].count += named == WW_MESSAGE_UNNAMED;
	if (ingest->stacks)
		ww_stacks__drop(ingest->stacks, account);
	return 0;
}

int ww_ingest__account(struct ww_ingest *ingest, const struct ww_account *account)
{
	int err;

	if (!ww_account__is_sound(account)) {
		ingest->totals.malformed++;
		ingest->losses[WW_LOSS_MALFORMED].count++;
		return -EPROTO;
	}
	err = take_account(ingest, account);
	ingest->losses[WW_LOSS_MALFORMED].count += err == -EPROTO;
	ingest->losses[WW_LOSS_OUT_OF_MEMORY].count += (err == -ENOMEM) + ingest->names.out_of_memory;
	ingest->names.out_of_memory = 0;
	return err;
}

int ww_ingest__traffic(struct ww_ingest *ingest, const struct ww_traffic *traffic, size_t size)
{
	int err = size >= sizeof(*traffic) && traffic->type == WW_TRAFFIC_MESSAGE
			  ? ww_messages__traffic(ingest->messages, traffic, size)
			  : ww_conversations__traffic(ingest->conversations, traffic, size);

	if (!err && ingest->run.id && traffic->request == ingest->run.id)
		ww_run__drain(&ingest->run, &ingest->catalog, ingest->operations, ingest->run.id);
	ingest->losses[WW_LOSS_TRAFFIC].count += err != 0;
	return err;
}

int ww_ingest__stack(struct ww_ingest *ingest, const void *record, size_t size)
{
	return ingest->stacks ? ww_stacks__take(ingest->stacks, record, size) : 0;
}

int ww_ingest__stacks(const struct ww_ingest *ingest, struct ww_stacks_totals *totals)
{
	if (!ingest->stacks)
		return -ENOENT;
	*totals = ww_stacks__totals(ingest->stacks);
	return 0;
}

int ww_ingest__unreadable(struct ww_ingest *ingest, uint16_t port, enum ww_unreadable what, uint64_t connections)
{
	return ww_unreadable__set(&ingest->unreadable, port, what, connections);
}

static int commit(struct ww_ingest *ingest, int64_t interval, bool last)
{
	struct ww_service_usage chosen[WW_SERVICES_MAX + 1];
	size_t usage_len, chosen_len = 0;
	const struct ww_service_usage *usage = ww_services__usage(ingest->services, &usage_len);
	for (size_t i = 0; i < usage_len; i++) {
		if (ww_choices__has(&ingest->choices, usage[i].service))
			chosen[chosen_len++] = usage[i];
	}

	size_t programs_len;
	const struct ww_service_program *programs = ww_services__programs(ingest->services, &programs_len);
	const struct ww_commit commit = {
		.catalog = &ingest->catalog,
		.slice = &ingest->slices[ingest->head],
		.interval = interval,
		.start_unix_ns = ingest->start_unix_ns,
		.end_unix_ns = ingest->end_unix_ns,
		.usage = chosen,
		.usage_len = chosen_len,
		.programs = programs,
		.programs_len = programs_len,
		.host_busy_ns =
			ingest->host_busy_ns ? ww_host__busy_ns(ingest->options.proc) - ingest->host_busy_ns : 0,
		.losses = ingest->losses,
		.losses_len = WW_LOSS_COUNT,
		.unreadable = ingest->unreadable.ports,
		.unreadable_len = ingest->unreadable.len,
		.stacks = ingest->stacks ? ww_stacks__table(ingest->stacks) : NULL,
		.last = last,
	};
	int err = ww_recorder__commit(ingest->options.recorder, &commit);

	if (ingest->options.each_commit)
		ingest->options.each_commit(ingest->options.each_ctx, &commit);

	/* What could not be written is written the next time. */
	if (!err && ingest->stacks)
		ww_stack_table__clear(ww_stacks__table(ingest->stacks));
	return err;
}

static int move_on(struct ww_ingest *ingest, uint64_t now_ns, const uint64_t counters[WW_COUNTER_COUNT], bool last)
{
	uint64_t took = now_ns - ingest->ticks_ns[ingest->head];
	int64_t interval;
	int err = 0;

	const struct ww_operations_lost lost = ww_operations__lost(ingest->operations);

	for (int i = 0; counters && i < WW_COUNTER_COUNT; i++)
		ingest->losses[i].count = counters[i];
	ingest->losses[WW_LOSS_OPERATIONS_FORGOTTEN].count = lost.forgotten;
	ingest->losses[WW_LOSS_OPERATIONS_OVER_CAP].count = lost.over_cap;
	ingest->losses[WW_LOSS_OPERATION_NAMES_OVER_CAP].count = ingest->catalog.operations_over_cap;
	ingest->losses[WW_LOSS_OPERATIONS_UNSURE].count = lost.unsure;
	ingest->losses[WW_LOSS_CONNECTIONS_FORGOTTEN].count = ww_conversations__forgotten(ingest->conversations);
	if (ingest->stacks) {
		const struct ww_stacks_lost stacks = ww_stacks__lost(ingest->stacks);

		ingest->losses[WW_LOSS_STACKS].count = stacks.malformed + stacks.unknown + stacks.forgotten;
		ingest->losses[WW_LOSS_STACKS_OVER_CAP].count = stacks.over_cap;
	}
	ingest->end_unix_ns = (int64_t)now_ns + ingest->unix_offset_ns;
	/* Of the second that has just ended, most often a little before, the middle. */
	interval = ingest->end_unix_ns - 1 - (int64_t)(took < SECOND_NS ? took : SECOND_NS) / 2;
	interval -= interval % WW_SCHEMA_INTERVAL_NS;
	ww_services__sample(ingest->services, interval);
	ww_detail_names__refresh(&ingest->names);
	if (ingest->options.recorder)
		err = commit(ingest, interval, last);
	ingest->head = (ingest->head + 1) % ingest->slices_len;
	ww_slice__clear(&ingest->slices[ingest->head]);
	ingest->ticks_ns[ingest->head] = now_ns;
	return err;
}

int ww_ingest__tick(struct ww_ingest *ingest, uint64_t now_ns, const uint64_t counters[WW_COUNTER_COUNT])
{
	return move_on(ingest, now_ns, counters, false);
}

int ww_ingest__finish(struct ww_ingest *ingest, uint64_t now_ns, const uint64_t counters[WW_COUNTER_COUNT])
{
	return move_on(ingest, now_ns, counters, true);
}

const struct ww_ingest_totals *ww_ingest__totals(const struct ww_ingest *ingest)
{
	return &ingest->totals;
}

const struct ww_loss *ww_ingest__losses(const struct ww_ingest *ingest, size_t *len)
{
	*len = sizeof(ingest->losses) / sizeof(*ingest->losses);
	return ingest->losses;
}

const char *ww_ingest__crowded(const struct ww_ingest *ingest)
{
	if (ww_services__found(ingest->services) > CROWDED_SERVICES)
		return "services";
	if (ingest->catalog.operations_over_cap)
		return "names of operations";
	if (ww_intern__len(ingest->catalog.names) - ingest->catalog.past_names > CROWDED_NAMES)
		return "names of waits";
	if (ingest->stacks && ww_intern__len(ww_stacks__table(ingest->stacks)->stacks) > CROWDED_STACKS)
		return "stacks";
	return NULL;
}

const struct ww_unreadable_port *ww_ingest__unreadable_ports(const struct ww_ingest *ingest, size_t *len)
{
	*len = ingest->unreadable.len;
	return ingest->unreadable.ports;
}

static int build_report(struct ww_ingest *ingest, const struct ww_slice *slice, int64_t start_unix_ns,
			struct ww_report **report)
{
	struct ww_service_report services[WW_SERVICES_MAX + 1];
	size_t services_len = 0;
	struct utsname host;

	uname(&host);
	for (uint32_t i = 0; i < ingest->catalog.services_len; i++)
		if (ww_choices__has(&ingest->choices, i))
			services[services_len++] = ww_services__report(ingest->services, i);

	const struct ww_report_frame frame = {
		.host = host.nodename,
		.kernel = host.release,
		.cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN),
		.start_unix_ns = start_unix_ns,
		.end_unix_ns = ingest->end_unix_ns,
		.unended = true,
		.losses = ingest->losses,
		.losses_len = WW_LOSS_COUNT,
		.unreadable = ingest->unreadable.ports,
		.unreadable_len = ingest->unreadable.len,
		.services = services,
		.services_len = services_len,
	};

	return ww_report__build(&frame, &ingest->catalog, slice, report);
}

int ww_ingest__report(struct ww_ingest *ingest, unsigned seconds, struct ww_report **report)
{
	struct ww_slice sum = {0};
	uint32_t at = ingest->head, *alike;
	int err = 0;

	if (!ingest->options.live_seconds)
		return -EINVAL;
	if (seconds > ingest->options.live_seconds)
		seconds = ingest->options.live_seconds;
	while (!err && seconds--) {
		uint32_t before = (at + ingest->slices_len - 1) % ingest->slices_len;

		/* Not yet so many seconds. */
		if (!ingest->ticks_ns[before] || before == ingest->head)
			break;
		at = before;
		err = ww_slice__merge(&sum, &ingest->slices[at]);
	}
	alike = ww_catalog__alike(&ingest->catalog);
	if (!err)
		err = alike ? ww_slice__join(&sum, alike) : -ENOMEM;
	free(alike);
	if (!err)
		err = build_report(ingest, &sum, (int64_t)ingest->ticks_ns[at] + ingest->unix_offset_ns, report);
	ww_slice__free(&sum);
	return err;
}

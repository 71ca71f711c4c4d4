/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/services.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "requests/detail_names.h"
#include "requests/greenlets.h"
#include "requests/oom.h"
#include "requests/services_parts.h"
#include "util/utf8.h"

#define OTHER_SERVICES "(other)"

void ww_services__name(struct ww_services *services, const struct ww_service_names *names)
{
	services->names = *names;
}

void ww_services__ask_collections(struct ww_services *services, ww_collected_fn *collected, void *ctx)
{
	services->collected = collected;
	services->collected_ctx = ctx;
}

void ww_services__ask_shares(struct ww_services *services, bool wanted)
{
	services->shares = wanted;
}

void ww_services__ask_allocations(struct ww_services *services, ww_allocated_fn *allocated, void *ctx)
{
	services->allocated = allocated;
	services->allocated_ctx = ctx;
}

void ww_services__free(struct ww_services *services)
{
	if (!services)
		return;
	free(services->members);
	ww_intern__free(services->keys);
	free(services->key_services.services);
	ww_intern__free(services->kin);
	free(services->kin_services.services);
	for (uint32_t id = 0; id < services->catalog->services_len && id < services->services_cap; id++)
		free(services->services[id].oom_file);
	ww_programs__free(&services->programs);
	free(services->services);
	free(services->rows);
	free(services);
}

static int reserve(struct ww_services *services)
{
	uint32_t cap = services->services_cap ? services->services_cap * 2 : 16;

	while (cap <= services->catalog->services_len)
		cap *= 2;
	if (services->catalog->services_len < services->services_cap)
		return 0;
	struct ww_service *larger = reallocarray(services->services, cap, sizeof(*larger));
	struct ww_service_usage *rows = reallocarray(services->rows, cap, sizeof(*rows));

	if (rows)
		services->rows = rows;
	if (larger)
		services->services = larger;
	if (larger && rows)
		services->services_cap = cap;
	return larger && rows ? 0 : -ENOMEM;
}

static void set_up(struct ww_services *services, uint32_t id)
{
	services->services[id] = (struct ww_service){
		.now.service = id,
		.total.service = id,
		.provisional_key = WW_INTERN_NONE,
		.provisional_kin = WW_INTERN_NONE,
	};
}

struct ww_services *ww_services__new(struct ww_catalog *catalog, const char *proc, unsigned max)
{
	struct ww_services *services = calloc(1, sizeof(*services));

	if (!services)
		return NULL;
	services->catalog = catalog;
	services->proc = proc;
	services->max = max;
	services->members = calloc(WW_SLOTS, sizeof(*services->members));
	services->keys = ww_intern__new();
	services->kin = ww_intern__new();
	if (!services->members || !services->keys || !services->kin || reserve(services)) {
		ww_services__free(services);
		return NULL;
	}
	for (uint32_t id = 0; id < catalog->services_len; id++) {
		set_up(services, id);
		services->services[id].past = true;
	}
	return services;
}

/*
 * A service of the past that this one may be: the first that nobody has been found to be, of those that were named as
 * this one would be. WW_INTERN_NONE: there is none.
 */
static uint32_t find_past(struct ww_services *services, const char *name, const char *container)
{
	for (uint32_t id = 0; id < services->catalog->services_len; id++) {
		const struct ww_catalog_service *service = &services->catalog->services[id];
		size_t len = strlen(name);

		if (services->services[id].past && !strcmp(service->container, container) &&
		    !strncmp(service->name, name, len) &&
		    (!service->name[len] || service->name[len] == '@' || service->name[len] == '#'))
			return id;
	}
	return WW_INTERN_NONE;
}

/* The service with that key, added when it is new; -ENOMEM. */
static int64_t service_of(struct ww_services *services, const char *key, size_t key_len, const char *name,
			  const char *container, const char *cgroup)
{
	uint32_t key_id = ww_intern__find(services->keys, key, key_len),
		 id = ww_service_map__at(&services->key_services, key_id), past;
	char label[WW_LABEL_SIZE];

	services->added = false;
	if (id != WW_INTERN_NONE)
		return id;
	if (services->found >= services->max && strcmp(name, OTHER_SERVICES) != 0)
		return service_of(services, "", 0, OTHER_SERVICES, "", "");
	id = ww_catalog__next_service(services->catalog);
	key_id = ww_intern__add(services->keys, key, key_len);
	if (key_id == WW_INTERN_NONE || reserve(services) ||
	    ww_service_map__set(&services->key_services, key_id, WW_INTERN_NONE))
		return -ENOMEM;
	past = find_past(services, name, container);
	if (past != WW_INTERN_NONE) {
		services->services[past].past = false;
		services->key_services.services[key_id] = past;
		services->found++;
		return past;
	}
	ww_service__label(services->catalog, id, name, container, label);

	const struct ww_catalog_service service = {.name = label, .container = container, .cgroup = cgroup};

	if (ww_catalog__add_service(services->catalog, &service) < 0)
		return -ENOMEM;
	set_up(services, id);
	services->key_services.services[key_id] = id;
	services->found++;
	services->added = true;
	return id;
}

/*
 * The service of a process that is gone, none of whose kin could be read: named by its record. Who is of the same name
 * and address in another cgroup counts to it as well, and then it stays as it is.
 */
static int64_t provisional_service(struct ww_services *services, const char *address, const char *comm, uint32_t kin)
{
	char key[WW_COMM + WW_ADDRESS_SIZE + 4], name[WW_COMM + WW_ADDRESS_SIZE + 1];
	int len = snprintf(key, sizeof(key), "\n%s\n%s", comm, address);
	int64_t id;

	snprintf(name, sizeof(name), "%s%s", comm, address);
	id = service_of(services, key, (size_t)len, name, "", "");
	if (id < 0)
		return id;

	struct ww_service *service = &services->services[id];
	uint32_t key_id = ww_intern__find(services->keys, key, (size_t)len);

	/* Not where there are too many services. */
	if (ww_service_map__at(&services->key_services, key_id) != id)
		return id;
	if (services->added) {
		service->provisional_key = key_id;
		service->provisional_kin = kin;
	} else if (service->provisional_kin != kin) {
		service->provisional_kin = WW_INTERN_NONE;
	}
	return id;
}

/* Where the kin of a process that can be read has a provisional service, that is the process's: it gets its name. */
static int adopt(struct ww_services *services, uint32_t kin, const char *key, size_t key_len, const char *name,
		 const struct ww_process *process)
{
	uint32_t id = ww_service_map__at(&services->kin_services, kin), key_id;
	struct ww_service *service;
	char label[WW_LABEL_SIZE];

	if (id == WW_INTERN_NONE || services->services[id].provisional_kin != kin)
		return 0;
	service = &services->services[id];
	key_id = ww_intern__add(services->keys, key, key_len);
	if (key_id == WW_INTERN_NONE)
		return -ENOMEM;
	/* One that it was known as before keeps its own. */
	if (ww_service_map__at(&services->key_services, key_id) != WW_INTERN_NONE)
		return 0;
	ww_service__label(services->catalog, id, name, process->container, label);

	const struct ww_catalog_service named = {
		.name = label, .container = process->container, .cgroup = process->cgroup};

	if (ww_service_map__set(&services->key_services, key_id, WW_INTERN_NONE) ||
	    ww_catalog__rename_service(services->catalog, id, &named))
		return -ENOMEM;
	services->key_services.services[key_id] = id;
	/* A stranger of that name has another service from now on. */
	services->key_services.services[service->provisional_key] = WW_INTERN_NONE;
	service->provisional_key = service->provisional_kin = WW_INTERN_NONE;
	return 0;
}

/* Finds out which service a process belongs to. */
static int64_t resolve(struct ww_services *services, const struct ww_account *account, const struct ww_peer *local,
		       struct ww_member *member)
{
	char address[WW_ADDRESS_SIZE], name[WW_PROGRAM_SIZE + WW_ADDRESS_SIZE];
	char key[WW_PROGRAM_SIZE + WW_EXE_SIZE + WW_ADDRESS_SIZE + WW_CONTAINER_SIZE + 4];
	char comm[WW_COMM + 1];
	struct ww_process process;
	uint32_t kin;
	int64_t service;
	int len;

	ww_service__address(account, local, address);
	kin = ww_service__kin(services->kin, account, address);
	member->gone = ww_process__read(services->proc, (pid_t)account->tgid, &process) ||
		       ww_process__usage(services->proc, (pid_t)account->tgid, &member->usage);
	if (!member->gone) {
		len = snprintf(key, sizeof(key), "%s\n%s\n%s\n%s", process.program, process.exe, address,
			       process.container);
		snprintf(name, sizeof(name), "%s%s", process.program, address);
		/* All that have one name of the user's are one. */
		if (ww_service__rename(&services->names, name, sizeof(name))) {
			len = snprintf(key, sizeof(key), "\n\n%s", name);
			process.container[0] = '\0';
		}
		if (adopt(services, kin, key, (size_t)len, name, &process))
			return -ENOMEM;
		service = service_of(services, key, (size_t)len, name, process.container, process.cgroup);
	} else if (ww_service_map__at(&services->kin_services, kin) != WW_INTERN_NONE) {
		return ww_service_map__at(&services->kin_services, kin);
	} else {
		ww_utf8__copy(comm, sizeof(comm), account->comm, WW_COMM);
		service = provisional_service(services, address, comm, kin);
	}
	if (service >= 0 && kin != WW_INTERN_NONE &&
	    ww_service_map__set(&services->kin_services, kin, (uint32_t)service))
		return -ENOMEM;
	return service;
}

/* What a service runs, and its control group, are those of the first of its processes that could be read. */
static void look_first(struct ww_services *services, const struct ww_member *member)
{
	struct ww_service *service = &services->services[member->service];

	if (member->gone)
		return;
	ww_programs__note(&services->programs, member->service, services->proc, (pid_t)member->pid);
	if (service->oom_file)
		return;
	service->oom_file = ww_oom__file(services->proc, (pid_t)member->pid);
	if (service->oom_file)
		ww_oom__kills(service->oom_file, &service->oom_before);
}

/* Keeps a process whose service is known now. */
static void remember(struct ww_services *services, struct ww_member *member)
{
	look_first(services, member);
	/* What the one before it with that id has collected is not its. */
	if (services->collected && !services->collected(services->collected_ctx, member->pid, &member->collected) &&
	    !member->collected.ended)
		member->collected.count = member->collected.ns = 0;
	ww_members__remember(services, member);
}

int64_t ww_services__find(struct ww_services *services, const struct ww_account *account, const struct ww_peer *local)
{
	bool unit = account->port || account->flags & (WW_FLAG_CALL | WW_FLAG_MESSAGE);
	struct ww_member new = {.pid = account->tgid, .port = account->port, .local = unit ? 0 : account->local};
	uint32_t slot = ww_members__slot(services, new.pid, new.port, new.local);
	int64_t service;

	if (services->members[slot].pid) {
		services->members[slot].unseen = 0;
		return services->members[slot].service;
	}
	service = resolve(services, account, local, &new);
	if (service < 0 || !new.pid)
		return service;
	new.service = (uint32_t)service;
	new.greenlets = account->flags &WW_FLAG_MESSAGE &&ww_greenlets__has(services->proc, (pid_t) new.pid);
	remember(services, &new);
	return service;
}

bool ww_services__mixes(const struct ww_services *services, uint32_t pid)
{
	return services->members[ww_members__slot(services, pid, 0, 0)].greenlets;
}

int64_t ww_services__command(struct ww_services *services, const char *name)
{
	char key[WW_PROGRAM_SIZE + 16];
	int len = snprintf(key, sizeof(key), "command\n%.*s", WW_PROGRAM_SIZE, name);

	return service_of(services, key, (size_t)len, name, "", "");
}

void ww_services__join(struct ww_services *services, uint32_t service, uint32_t pid)
{
	struct ww_member new = {.pid = pid, .service = service};
	struct ww_member *known = &services->members[ww_members__slot(services, pid, 0, 0)];

	known->unseen = 0;
	if (known->pid || ww_process__usage(services->proc, (pid_t)pid, &new.usage))
		return;
	/* It has started since, so all of it counts. */
	new.usage.cpu_ns = new.usage.minor_faults = new.usage.major_faults = 0;
	remember(services, &new);
}

const struct ww_service_program *ww_services__programs(const struct ww_services *services, size_t *len)
{
	*len = services->programs.len;
	return services->programs.programs;
}

uint32_t ww_services__found(const struct ww_services *services)
{
	return services->found;
}

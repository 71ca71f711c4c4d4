/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/conversations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "protocols/dialogue.h"
#include "requests/key_words.h"
#include "util/hash.h"

/* NULL: round trips. */
static const struct ww_protocol *const protocols[WW_SYSTEM_COUNT] = {
	[WW_SYSTEM_POSTGRES] = &ww_protocol_postgres, [WW_SYSTEM_MYSQL] = &ww_protocol_mysql,
	[WW_SYSTEM_REDIS] = &ww_protocol_redis,	      [WW_SYSTEM_MEMCACHED] = &ww_protocol_memcached,
	[WW_SYSTEM_MONGODB] = &ww_protocol_mongodb,   [WW_SYSTEM_HTTP] = &ww_protocol_http1_client,
	[WW_SYSTEM_DNS] = &ww_protocol_dns,	      [WW_SYSTEM_FASTCGI] = &ww_protocol_fastcgi,
};

static const uint8_t kinds[WW_SYSTEM_COUNT] = {
#define WW_SYSTEM(id, detail, otel, kind, port) WW_KIND_##kind,
#include "whywait/systems.def"
#undef WW_SYSTEM
};

/* OpenTelemetry's names of databases, our own of the others. */
static const char *const systems[WW_SYSTEM_COUNT] = {
#define WW_SYSTEM(id, detail, otel, kind, port) otel[0] ? otel : detail,
#include "whywait/systems.def"
#undef WW_SYSTEM
};

/* The making of a connection that nothing has told the end of. */
struct connecting {
	uint64_t request; /* 0: none is being made for a request */
	uint64_t start_ns;
	uint64_t end_ns; /* when it stood; 0: it does not yet */
};

struct conversation {
	uint64_t number;
	struct ww_dialogue *dialogue; /* NULL before the first bytes, or when out of memory */
	struct ww_dialogue_sink sink;
	struct ww_conversations *owner;
	struct connecting connecting;
	uint32_t calls[2]; /* expected next, by enum ww_direction */
	uint32_t owned;	   /* the send whose commands `owners` are told of */
	uint32_t owners_len;
	uint64_t owners[WW_TRAFFIC_OWNERS_MAX];
	uint32_t peer; /* index in the peer list */
	uint8_t system;
	bool whole; /* its beginning was seen */
	bool used;  /* since it was looked at for making room */
	UT_hash_handle hh;
};

/* What an operation is called that a connection to that peer says this statement by. */
struct name {
	struct ww_statement *statement; /* held; NULL: none */
	uint32_t peer;
	uint32_t id; /* in the catalog */
	uint8_t system;
};

#define NAMES 512

struct ww_conversations {
	struct conversation *table; /* a hash; those at its head make room first */
	struct conversation *last;  /* that was found: the next is often the same; NULL: none */
	struct ww_catalog *catalog;
	struct ww_detail_names *names;
	struct ww_operations *operations;
	struct ww_sql_shapes *shapes;
	struct name known[NAMES]; /* by statement and peer; what comes later takes the place of what was there */
	struct ww_key_words *key_words;
	uint64_t forgotten;
};

struct ww_conversations *ww_conversations__new(struct ww_catalog *catalog, struct ww_detail_names *names,
					       struct ww_operations *operations)
{
	struct ww_conversations *conversations = calloc(1, sizeof(*conversations));

	if (!conversations)
		return NULL;
	conversations->shapes = ww_sql_shapes__new();
	conversations->key_words = ww_key_words__new();
	if (!conversations->shapes || !conversations->key_words) {
		ww_sql_shapes__free(conversations->shapes);
		ww_key_words__free(conversations->key_words);
		free(conversations);
		return NULL;
	}
	conversations->catalog = catalog;
	conversations->names = names;
	conversations->operations = operations;
	return conversations;
}

static void drop(struct ww_conversations *conversations, struct conversation *conversation)
{
	HASH_DEL(conversations->table, conversation);
	if (conversations->last == conversation)
		conversations->last = NULL;
	ww_dialogue__free(conversation->dialogue);
	free(conversation);
}

void ww_conversations__free(struct ww_conversations *conversations)
{
	struct conversation *conversation, *next;

	if (!conversations)
		return;
	HASH_ITER (hh, conversations->table, conversation, next)
		drop(conversations, conversation);
	for (size_t i = 0; i < NAMES; i++)
		ww_statement__put(conversations->known[i].statement);
	ww_sql_shapes__free(conversations->shapes);
	ww_key_words__free(conversations->key_words);
	free(conversations);
}

static const char *peer_name(struct ww_conversations *conversations, uint32_t peer)
{
	uint32_t id = ww_detail_names__find(conversations->names, WW_KIND_NET, WW_DETAIL_PEER, peer);

	return id == WW_INTERN_NONE ? "" : ww_intern__get(conversations->names->intern, id);
}

static uint32_t name_of(const struct conversation *conversation, const char *summary, const char *statement)
{
	struct ww_conversations *conversations = conversation->owner;
	const struct ww_operation operation = {
		.kind = kinds[conversation->system],
		.system = systems[conversation->system],
		.peer = peer_name(conversations, conversation->peer),
		.summary = summary,
		.statement = statement,
	};

	return ww_catalog__operation(conversations->catalog, &operation);
}

/* The same for what a statement says, which is often said: to look it up by its text costs much more. */
static uint32_t name_of_statement(const struct conversation *conversation, struct ww_statement *statement)
{
	struct ww_conversations *conversations = conversation->owner;
	size_t hash = ((uintptr_t)statement >> 4) ^ ((uintptr_t)statement >> 13) ^ conversation->peer;
	struct name *name = &conversations->known[hash % NAMES];
	uint64_t over_cap = conversations->catalog->operations_over_cap;
	uint32_t id;

	if (name->statement == statement && name->peer == conversation->peer && name->system == conversation->system)
		return name->id;
	id = name_of(conversation, statement->summary, statement->text);
	/* What found no room is counted each time; a peer that is not known yet may be the next time. */
	if (conversations->catalog->operations_over_cap != over_cap || !*peer_name(conversations, conversation->peer))
		return id;
	ww_statement__hold(statement);
	ww_statement__put(name->statement);
	*name = (struct name){
		.statement = statement, .peer = conversation->peer, .id = id, .system = conversation->system};
	return id;
}

/* Names of prepared statements mean something on their own connection only. */
static uint64_t on_connection(const struct conversation *conversation, uint64_t hash)
{
	return hash ? ww_hash(conversation->number, &hash, sizeof(hash)) ?: 1 : 0;
}

/* Its statements are keys' patterns. */
static bool is_cache(uint8_t system)
{
	return system == WW_SYSTEM_REDIS || system == WW_SYSTEM_MEMCACHED;
}

static void take_operation(void *ctx, const struct ww_draft *draft, uint64_t end_ns)
{
	struct conversation *conversation = ctx;
	struct ww_done done = {
		.flags = draft->flags,
		.start_ns = draft->start_ns,
		.end_ns = end_ns,
		.bytes_out = draft->bytes_out,
		.bytes_in = draft->bytes_in,
		.arguments = draft->prepared ? on_connection(ctx, draft->arguments) : draft->arguments,
		.prepared = on_connection(ctx, draft->prepared),
	};
	const char *statement = ww_draft__statement(draft);
	char folded[WW_STATEMENT_SIZE];

	if (draft->said && !draft->summary[0]) {
		done.name = name_of_statement(conversation, draft->said);
	} else if (*statement && is_cache(conversation->system)) {
		ww_key_words__fold(conversation->owner->key_words, ww_draft__summary(draft), statement, folded);
		done.name = name_of(conversation, ww_draft__summary(draft), folded);
	} else {
		done.name = name_of(conversation, ww_draft__summary(draft), statement);
	}
	ww_operations__add(conversation->owner->operations, draft->request, &done, draft->error);
}

static void take_unsure(void *ctx, uint64_t request)
{
	struct conversation *conversation = ctx;

	ww_operations__unsure(conversation->owner->operations, request);
}

/* The connection stands, or will not: an operation of its own. */
static void end_connecting(struct conversation *conversation, uint64_t end_ns, uint16_t flags, const char *error)
{
	struct connecting *connecting = &conversation->connecting;
	struct ww_done done = {
		.flags = WW_OPERATION_CONNECT | flags,
		.start_ns = connecting->start_ns,
		.end_ns = end_ns > connecting->start_ns ? end_ns : connecting->start_ns,
	};

	if (connecting->request) {
		done.name = name_of(conversation, "connect", "");
		ww_operations__add(conversation->owner->operations, connecting->request, &done, error);
	}
	connecting->request = 0;
}

/* A place for one more connection: those that were not used since the last look go. */
static void make_room(struct ww_conversations *conversations)
{
	while (HASH_COUNT(conversations->table) >= WW_CONVERSATIONS_MAX) {
		struct conversation *oldest = conversations->table;

		if (!oldest->used) {
			conversations->forgotten++;
			if (oldest->connecting.request)
				take_unsure(oldest, oldest->connecting.request);
			if (oldest->dialogue)
				ww_dialogue__unsure(oldest->dialogue);
			drop(conversations, oldest);
			continue;
		}
		oldest->used = false;
		HASH_DEL(conversations->table, oldest);
		HASH_ADD(hh, conversations->table, number, sizeof(oldest->number), oldest);
	}
}

static struct conversation *find(struct ww_conversations *conversations, uint64_t number)
{
	struct conversation *conversation = conversations->last;

	if (conversation && conversation->number == number)
		return conversation;
	HASH_FIND(hh, conversations->table, &number, sizeof(number), conversation);
	conversations->last = conversation;
	return conversation;
}

static struct conversation *get(struct ww_conversations *conversations, uint64_t number)
{
	struct conversation *conversation = find(conversations, number);

	if (conversation) {
		conversation->used = true;
		return conversation;
	}
	make_room(conversations);
	conversation = calloc(1, sizeof(*conversation));
	if (!conversation)
		return NULL;
	conversation->number = number;
	conversation->owner = conversations;
	conversation->sink = (struct ww_dialogue_sink){
		.operation = take_operation,
		.unsure = take_unsure,
		.ctx = conversation,
		.shapes = conversations->shapes,
	};
	HASH_ADD(hh, conversations->table, number, sizeof(number), conversation);
	return conversation;
}

/* There is no memory for what the call says: its request's operations are not all known. */
static int give_up(struct ww_conversations *conversations, const struct ww_traffic *traffic)
{
	if (traffic->request)
		ww_operations__unsure(conversations->operations, traffic->request);
	return -ENOMEM;
}

/* The send that was told of did not come. */
static void disown(struct conversation *conversation)
{
	for (uint32_t i = 0; i < conversation->owners_len; i++) {
		if (conversation->owners[i])
			take_unsure(conversation, conversation->owners[i]);
	}
	conversation->owners_len = 0;
}

/* Whose the commands of the next send are: each of them has a record more, and is owed their answers. */
static int own(struct ww_conversations *conversations, const struct ww_traffic *traffic)
{
	uint32_t len = traffic->head / sizeof(uint64_t);
	struct conversation *conversation = get(conversations, traffic->connection);

	if (len > WW_TRAFFIC_OWNERS_MAX || len * sizeof(uint64_t) != traffic->head)
		return -EPROTO;
	if (!conversation)
		return -ENOMEM; /* the records that accounts tell of are not here: they are not known */
	disown(conversation);
	memcpy(conversation->owners, traffic + 1, traffic->head);
	conversation->owners_len = len;
	conversation->owned = traffic->number;
	for (uint32_t i = 0; i < len; i++) {
		if (conversation->owners[i])
			ww_operations__record(conversations->operations, conversation->owners[i], conversation->number);
	}
	return 0;
}

static int moved(struct conversation *conversation, const struct ww_traffic *traffic)
{
	enum ww_direction direction = traffic->type == WW_TRAFFIC_SENT ? WW_SENT : WW_RECEIVED;
	struct ww_call call = {
		.request = traffic->request,
		.began_ns = traffic->began_ns,
		.at_ns = traffic->at_ns,
		.total = traffic->total,
	};

	const uint8_t *data = (const uint8_t *)(traffic + 1);

	/* What it speaks shows with the first bytes. */
	conversation->system = traffic->system;
	conversation->peer = traffic->peer;
	/* To have sent something shows as well that it stands. A server that speaks first is waited for until it has.
	 */
	if (direction == WW_RECEIVED || !conversation->connecting.end_ns)
		conversation->connecting.end_ns = traffic->began_ns;
	end_connecting(conversation, conversation->connecting.end_ns, 0, "");
	if (!conversation->dialogue) {
		const struct ww_protocol *protocol = protocols[traffic->system] ?: &ww_protocol_round_trips;

		conversation->dialogue =
			ww_dialogue__new(protocol, conversation->whole && !traffic->number, &conversation->sink);
		if (!conversation->dialogue)
			return give_up(conversation->owner, traffic);
		conversation->calls[direction] = traffic->number;
	}
	if (traffic->number != conversation->calls[direction])
		ww_dialogue__lost(conversation->dialogue);
	conversation->calls[direction] = traffic->number + 1;
	if (direction == WW_SENT && conversation->owners_len) {
		if (traffic->number == conversation->owned) {
			call.owners = conversation->owners;
			call.owners_len = conversation->owners_len;
		} else {
			disown(conversation);
		}
		conversation->owners_len = 0;
	}
	ww_dialogue__moved(conversation->dialogue, direction, &call, data, traffic->head, data + traffic->head,
			   traffic->tail);
	return 0;
}

static const char *error_name(uint32_t number)
{
	switch (number) {
	case 0:
		return "closed";
	case ECONNREFUSED:
		return "refused";
	case ETIMEDOUT:
		return "timed out";
	case ECONNRESET:
	case EPIPE:
		return "reset";
	case ENETUNREACH:
	case EHOSTUNREACH:
		return "unreachable";
	}
	return strerrorname_np((int)number) ?: "failed";
}

static void closed(struct ww_conversations *conversations, const struct ww_traffic *traffic)
{
	struct conversation *conversation = find(conversations, traffic->connection);

	if (!conversation)
		return;
	end_connecting(conversation, conversation->connecting.end_ns ?: traffic->at_ns, 0,
		       conversation->connecting.end_ns ? "" : error_name(traffic->total));
	if (conversation->dialogue)
		ww_dialogue__closed(conversation->dialogue, traffic->at_ns, error_name(traffic->total));
	drop(conversations, conversation);
}

struct adoption {
	struct ww_conversations *conversations;
	uint64_t from, to;
};

static void adopt(void *ctx, uint64_t connection)
{
	const struct adoption *adoption = ctx;
	struct conversation *conversation = find(adoption->conversations, connection);

	if (!conversation)
		return;
	if (conversation->connecting.request == adoption->from)
		conversation->connecting.request = adoption->to;
	if (conversation->dialogue)
		ww_dialogue__adopt(conversation->dialogue, adoption->from, adoption->to);
}

int ww_conversations__traffic(struct ww_conversations *conversations, const struct ww_traffic *traffic, size_t size)
{
	struct conversation *conversation;

	if (size < sizeof(*traffic) || traffic->type > WW_TRAFFIC_OWNERS || traffic->type == WW_TRAFFIC_MESSAGE ||
	    traffic->system >= WW_SYSTEM_COUNT || (size_t)traffic->head + traffic->tail > size - sizeof(*traffic))
		return -EPROTO;
	if (traffic->type == WW_TRAFFIC_ADOPTED) {
		struct adoption adoption = {conversations, traffic->connection, traffic->request};

		ww_operations__adopt(conversations->operations, adoption.from, adoption.to, adopt, &adoption);
		return 0;
	}
	if (traffic->type == WW_TRAFFIC_OWNERS)
		return own(conversations, traffic);
	if (traffic->request)
		ww_operations__record(conversations->operations, traffic->request,
				      traffic->type == WW_TRAFFIC_RECEIVED ? 0 : traffic->connection);
	if (traffic->type == WW_TRAFFIC_CLOSED) {
		closed(conversations, traffic);
		return 0;
	}
	conversation = get(conversations, traffic->connection);
	if (!conversation)
		return give_up(conversations, traffic);
	switch (traffic->type) {
	case WW_TRAFFIC_CONNECT:
		conversation->whole = true;
		conversation->system = traffic->system;
		conversation->peer = traffic->peer;
		conversation->connecting = (struct connecting){
			.request = traffic->request,
			.start_ns = traffic->began_ns,
		};
		return 0;
	case WW_TRAFFIC_CONNECTED:
		conversation->connecting.end_ns = traffic->at_ns;
		return 0;
	}
	return moved(conversation, traffic);
}

struct settlement {
	struct ww_conversations *conversations;
	uint64_t request, end_ns;
};

static void settle(void *ctx, uint64_t connection)
{
	const struct settlement *settlement = ctx;
	struct conversation *conversation = find(settlement->conversations, connection);

	if (!conversation)
		return;
	if (conversation->connecting.request == settlement->request)
		end_connecting(conversation, conversation->connecting.end_ns ?: settlement->end_ns,
			       conversation->connecting.end_ns ? 0 : WW_OPERATION_UNFINISHED, "");
	if (conversation->dialogue)
		ww_dialogue__settle(conversation->dialogue, settlement->request, settlement->end_ns);
}

void ww_conversations__settle(struct ww_conversations *conversations, uint64_t request, uint64_t end_ns)
{
	struct settlement settlement = {conversations, request, end_ns};

	ww_operations__owing(conversations->operations, request, settle, &settlement);
}

uint64_t ww_conversations__forgotten(const struct ww_conversations *conversations)
{
	return conversations->forgotten;
}

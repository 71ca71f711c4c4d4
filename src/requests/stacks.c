/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/stacks.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "symbols/unwind.h"
#include "util/hash.h"
#include "whywait/latency.h"

#define STACKS_MOST  (1u << 17) /* different ones */
#define RECENT	     (1u << 14) /* whose weights may still come; a power of two */
#define WEIGHTS_MOST (1u << 17)
#define OWNERS_MOST  16384

/*
 * What costs so much has read the tables of a file. That is no measure of what the next stack will cost, and if it were
 * taken for one, few requests would stand for very many for a while.
 */
#define ONCE_NS 3000000

/* A weight that waits for its request's end. */
struct weight {
	struct weight *next;
	uint64_t at_ns, ns;
	uint32_t stack, value;
	uint8_t kind, detail;
};

/* A request, or a thread whose interval nobody has claimed yet: then the top bit of `key` is set. */
struct owner {
	uint64_t key;
	uint64_t start_ns; /* of the interval */
	struct weight *first, **last;
	UT_hash_handle hh;
};

#define THREAD_KEY(tid) ((uint64_t)(tid) | 1ull << 63)

struct ww_stacks {
	struct ww_stack_table table;
	struct ww_unwinder *unwinder;
	uint32_t no_thread; /* the stack of requests without one */
	struct recent {
		uint64_t id;
		uint32_t stack;
	} recent[RECENT];
	struct owner *owners; /* oldest first */
	struct weight *pool, *spare;
	uint32_t pool_used;
	struct ww_stacks_lost lost;
	struct ww_stacks_totals totals;
};

/* In place of a stack. Whoever waits in the queue has none to be expected. */
static uint32_t add_no_thread(struct ww_stack_table *table)
{
	static const char name[] = "[no thread]";
	uint32_t frame = ww_intern__add(table->frames, name, sizeof(name) - 1);
	const uint32_t kept[] = {WW_STACK_WHOLE, 1, frame}; /* struct ww_stack_frames */

	return frame == WW_INTERN_NONE ? frame : ww_intern__add(table->stacks, kept, sizeof(kept));
}

struct ww_stacks *ww_stacks__new(void)
{
	struct ww_stacks *new = calloc(1, sizeof(*new));

	if (!new || ww_stack_table__init(&new->table)) {
		free(new);
		return NULL;
	}
	new->pool = calloc(WEIGHTS_MOST, sizeof(*new->pool));
	new->unwinder = ww_unwinder__new(new->table.frames);
	new->no_thread = add_no_thread(&new->table);
	if (!new->pool || !new->unwinder || new->no_thread == WW_INTERN_NONE) {
		ww_stacks__free(new);
		return NULL;
	}
	return new;
}

static void give_back(struct ww_stacks *stacks, struct owner *owner)
{
	*owner->last = stacks->spare;
	stacks->spare = owner->first;
	owner->first = NULL;
	owner->last = &owner->first;
}

static void forget(struct ww_stacks *stacks, struct owner *owner)
{
	give_back(stacks, owner);
	HASH_DEL(stacks->owners, owner);
	free(owner);
}

void ww_stacks__free(struct ww_stacks *stacks)
{
	if (!stacks)
		return;
	while (stacks->owners)
		forget(stacks, stacks->owners);
	ww_unwinder__free(stacks->unwinder);
	ww_stack_table__free(&stacks->table);
	free(stacks->pool);
	free(stacks);
}

static struct owner *find(struct ww_stacks *stacks, uint64_t key)
{
	struct owner *owner;

	HASH_FIND(hh, stacks->owners, &key, sizeof(key), owner);
	return owner;
}

/* The owner, made where there is none; NULL when out of memory. */
static struct owner *find_or_make(struct ww_stacks *stacks, uint64_t key)
{
	struct owner *owner = find(stacks, key);

	if (owner)
		return owner;
	if (HASH_COUNT(stacks->owners) >= OWNERS_MOST) {
		stacks->lost.forgotten += stacks->owners->first != NULL;
		forget(stacks, stacks->owners);
	}
	owner = calloc(1, sizeof(*owner));
	if (!owner)
		return NULL;
	owner->key = key;
	owner->last = &owner->first;
	HASH_ADD(hh, stacks->owners, key, sizeof(owner->key), owner);
	return owner;
}

static struct weight *new_weight(struct ww_stacks *stacks)
{
	struct weight *weight = stacks->spare;

	if (weight)
		stacks->spare = weight->next;
	else if (stacks->pool_used < WEIGHTS_MOST)
		weight = &stacks->pool[stacks->pool_used++];
	return weight;
}

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int take_stack(struct ww_stacks *stacks, const struct ww_stack *stack, size_t size)
{
	struct {
		uint32_t flags, len; /* as struct ww_stack_frames */
		uint32_t frames[WW_WALK_MOST];
	} kept;
	struct ww_walk walk;
	uint64_t begun = cpu_ns();
	int err = ww_unwinder__walk(stacks->unwinder, stack, size, &walk);

	if (err)
		return err;
	kept.flags = walk.whole ? WW_STACK_WHOLE : 0;
	for (uint32_t i = 0; i < walk.len; i++)
		kept.frames[i] = walk.frames[walk.len - 1 - i];
	kept.len = walk.len;
	size_t bytes = sizeof(struct ww_stack_frames) + walk.len * sizeof(kept.frames[0]);
	uint32_t number = ww_intern__len(stacks->table.stacks) < STACKS_MOST
				  ? ww_intern__add(stacks->table.stacks, &kept, bytes)
				  : ww_intern__find(stacks->table.stacks, &kept, bytes);
	struct recent *recent = &stacks->recent[ww_hash_mix(stack->id) & (RECENT - 1)];

	uint64_t spent = cpu_ns() - begun;
	bool once = spent > ONCE_NS;

	stacks->totals.cpu_ns += (once ? 0 : spent) + stack->took_ns;
	stacks->totals.take_ns += stack->took_ns;
	stacks->totals.unwind_ns += once ? 0 : spent - walk.names_ns;
	stacks->totals.names_ns += once ? 0 : walk.names_ns;
	stacks->totals.once_ns += once ? spent : 0;
	stacks->totals.stacks++;
	stacks->totals.whole += walk.whole;
	if (number == WW_INTERN_NONE) {
		stacks->lost.over_cap++;
		return 0;
	}
	*recent = (struct recent){stack->id, number};
	return 0;
}

static uint32_t stack_number(struct ww_stacks *stacks, const struct ww_stack_weight *w)
{
	uint64_t id = w->stack;
	const struct recent *recent = &stacks->recent[ww_hash_mix(id) & (RECENT - 1)];

	/* Of what is taken for computing, where no thread was seen (a goroutine's on its way), nobody knows where. */
	if (w->gap && w->kind == WW_KIND_COMPUTE)
		return WW_INTERN_NONE;
	if (!id)
		return w->gap && w->kind != WW_KIND_QUEUE ? stacks->no_thread : WW_INTERN_NONE;
	if (recent->id == id)
		return recent->stack;
	stacks->lost.unknown++;
	return WW_INTERN_NONE;
}

static int take_weight(struct ww_stacks *stacks, const struct ww_stack_weight *w)
{
	struct owner *owner = find_or_make(stacks, w->request ? w->request : THREAD_KEY(w->tid));

	if (!owner)
		return -ENOMEM;
	if (!w->request && owner->start_ns != w->start_ns) {
		give_back(stacks, owner);
		owner->start_ns = w->start_ns;
	}
	struct weight *weight = new_weight(stacks);
	if (!weight) {
		stacks->lost.forgotten++;
		return 0;
	}
	*weight = (struct weight){
		.at_ns = w->at_ns,
		.ns = w->ns,
		.stack = stack_number(stacks, w),
		.value = w->value,
		.kind = w->kind,
		.detail = w->detail,
	};
	*owner->last = weight;
	owner->last = &weight->next;
	return 0;
}

/* What one had is the other's. */
static int pass_on(struct ww_stacks *stacks, struct owner *from, uint64_t request)
{
	if (!from->first)
		return 0;
	struct owner *to = find_or_make(stacks, request);
	if (!to)
		return -ENOMEM;
	*to->last = from->first;
	to->last = from->last;
	from->first = NULL;
	from->last = &from->first;
	return 0;
}

static int take_claim(struct ww_stacks *stacks, const struct ww_stack_weight *w)
{
	struct owner *from = find(stacks, w->type == WW_STACK_CLAIM ? THREAD_KEY(w->tid) : w->stack);

	if (!from || (w->type == WW_STACK_CLAIM && from->start_ns != w->start_ns))
		return 0;
	/* Making room may forget the oldest. */
	if (HASH_COUNT(stacks->owners) >= OWNERS_MOST && stacks->owners == from) {
		stacks->lost.forgotten += from->first != NULL;
		return 0;
	}
	int err = pass_on(stacks, from, w->request);
	if (w->type == WW_STACK_MOVED)
		forget(stacks, from);
	return err;
}

static int take(struct ww_stacks *stacks, const void *record, size_t size)
{
	const struct ww_stack *stack = record;
	const struct ww_stack_weight *weight = record;

	if (size < sizeof(*weight))
		return -EPROTO;
	if (stack->type == WW_STACK_TAKEN)
		return take_stack(stacks, stack, size);
	if (weight->kind >= WW_KIND_COUNT)
		return -EPROTO;
	if (weight->type == WW_STACK_WEIGHT)
		return take_weight(stacks, weight);
	if (weight->type == WW_STACK_CLAIM || weight->type == WW_STACK_MOVED)
		return take_claim(stacks, weight);
	return -EPROTO;
}

int ww_stacks__take(struct ww_stacks *stacks, const void *record, size_t size)
{
	int err = take(stacks, record, size);

	stacks->lost.malformed += err == -EPROTO;
	stacks->lost.forgotten += err == -ENOMEM;
	return err;
}

void ww_stacks__end(struct ww_stacks *stacks, const struct ww_account *account, uint32_t endpoint,
		    const struct ww_waiting *waiting)
{
	uint64_t one_in = account->stacks_one_in;

	if (!one_in)
		return;
	struct owner *owner = find(stacks, account->id);
	uint32_t bucket = ww_bucket(account->end_ns - account->start_ns);

	ww_stack_table__request(&stacks->table, endpoint, bucket, one_in);
	for (struct weight *weight = owner ? owner->first : NULL; weight; weight = weight->next) {
		/* The account was taken back to its last send. */
		if (weight->at_ns > account->end_ns)
			continue;
		const struct ww_wait wait = {
			.start_ns = weight->at_ns - weight->ns,
			.end_ns = weight->at_ns,
			.value = weight->value,
			.kind = weight->kind,
			.detail = weight->detail,
		};
		const struct ww_stack_key key = {
			.endpoint = endpoint,
			.bucket = bucket,
			.name = ww_wait_names__find(waiting, &wait),
			.stack = weight->stack,
			.kind = weight->kind,
		};
		ww_stack_table__add(&stacks->table, &key, weight->ns * one_in, one_in);
	}
	if (owner)
		forget(stacks, owner);
}

void ww_stacks__drop(struct ww_stacks *stacks, const struct ww_account *account)
{
	struct owner *owner = account->stacks_one_in ? find(stacks, account->id) : NULL;

	if (owner)
		forget(stacks, owner);
}

struct ww_stack_table *ww_stacks__table(struct ww_stacks *stacks)
{
	return &stacks->table;
}

struct ww_stacks_lost ww_stacks__lost(const struct ww_stacks *stacks)
{
	struct ww_stacks_lost lost = stacks->lost;

	lost.over_cap += stacks->table.over_cap;
	return lost;
}

struct ww_stacks_totals ww_stacks__totals(const struct ww_stacks *stacks)
{
	struct ww_stacks_totals totals = stacks->totals;

	ww_unwinder__files(stacks->unwinder, &totals.files, &totals.bytes);
	return totals;
}

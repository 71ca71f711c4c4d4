/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What both sides share lies in the BPF object as it does here: the object's type information is held against the
 * layouts of this compiler, member by member.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/btf.h>
#include <string.h>

#include "kernel/libuv.h"
#include "kernel/python.h"
#include "kernel/tasks_jvm.h"
#include "kernel/tokio.h"
#include "kernel/uvloop.h"
#include "kernel/v8.h"
#include "kernel/virtual.h"
#include "whywait/abi.h"
#include "whywait/sweep.h"

struct member {
	const char *name;
	size_t offset, size;
};

#define M(type, member)                                                                                                \
	{                                                                                                              \
#member, offsetof(type, member), sizeof(((type *)0)->member)                                           \
	}

#define A(member) M(struct ww_account, member)
static const struct member account[] = {
	A(size),	A(version),	A(attribution),	  A(flags),	   A(status),	     A(id),
	A(start_ns),	A(end_ns),	A(first_byte_ns), A(cpu_ns),	   A(bytes_in),	     A(bytes_out),
	A(cgroup_id),	A(kinds_ns),	A(details),	  A(holders),	   A(tgid),	     A(tid),
	A(local),	A(port),	A(details_len),	  A(minor),	   A(comm),	     A(method),
	A(traceparent), A(target_len),	A(traffic),	  A(traffic_lost), A(stacks_one_in), A(holders_len),
	A(pad),		A(allocations), A(target),
};

#define D(member) M(struct ww_detail, member)
static const struct member detail[] = {D(ns), D(count), D(value), D(kind), D(type), D(pad)};

#define S(member) M(struct ww_segment, member)
static const struct member segment[] = {S(start_ns), S(duration_ns), S(value), S(kind), S(type), S(pad)};

#define L(member) M(struct ww_segments, member)
static const struct member segments[] = {L(id), L(len), L(truncated), L(segments)};

#define P(member) M(struct ww_peer, member)
static const struct member peer[] = {P(family), P(system), P(port), P(addr), P(path), P(pad)};

#define T(member) M(struct ww_traffic, member)
static const struct member traffic[] = {T(size),  T(type),   T(system), T(peer), T(connection), T(request), T(began_ns),
					T(at_ns), T(number), T(total),	T(head), T(tail),	T(pad)};

#define O(member) M(struct ww_sweep_orphan, member)
static const struct member orphan[] = {O(id), O(tgid), O(slot), O(closed), O(nobodys), O(pad)};

#define W(member) M(struct ww_sweep_list, member)
static const struct member sweep_list[] = {W(len), W(next), W(found)};

#define K(member) M(struct ww_stack, member)
static const struct member stack[] = {
	K(size), K(type), K(on_cpu),	K(kernel_len), K(id),	    K(at_ns),	     K(took_ns),    K(tgid),   K(tid),
	K(sp),	 K(pc),	  K(registers), K(kernel),     K(user_len), K(python_minor), K(python_len), K(python),
};

#define G(member) M(struct ww_stack_weight, member)
static const struct member stack_weight[] = {
	G(size), G(type),    G(kind),	  G(detail), G(gap),   G(value),
	G(tid),	 G(request), G(start_ns), G(stack),  G(at_ns), G(ns),
};

#define F(member) M(struct ww_sweep_find, member)
static const struct member sweep_find[] = {F(older_than), F(anonymous_older_than), F(untaken_older_than), F(from),
					   F(pad)};

#define E(member) M(struct ww_sweep_end, member)
static const struct member sweep_end[] = {E(id), E(slot), E(closed)};

#define Y(member) M(struct ww_python_layout, member)
static const struct member python[] = {Y(runtime), Y(holder), Y(interpreters),	Y(threads), Y(next),  Y(id),
				       Y(context), Y(cframe), Y(current_frame), Y(minor),   Y(loops), Y(uvloop)};

#define V(member) M(struct ww_libuv_layout, member)
static const struct member libuv[] = {V(slot), V(turns), V(idle)};

#define J(member) M(struct ww_v8_objects, member)
static const struct member v8[] = {J(map_type),	    J(function_context), J(generator), J(promise),	 J(reaction),
				   J(capability),   J(reaction_is),	 J(unused),    J(generator_map), J(promise_map),
				   J(reaction_map), J(capability_map),	 J(scope)};

#define U(member) M(struct ww_uvloop_layout, member)
static const struct member uvloop[] = {
	U(loop),    U(object),	  U(thread),   U(tasks),     U(future),	    U(reader),	U(event),
	U(deque),   U(reference), U(cycles),   U(complete),  U(protocol),   U(tries),	U(stepped),
	U(looks),   U(suspected), U(looks_at), U(works_at),  U(unsure_at),  U(futures), U(behind),
	U(streams), U(holders),	  U(servers),  U(unawaited), U(streamless), U(askers),	U(suspects)};

#define R(member) M(struct ww_tokio_layout, member)
static const struct member tokio[] = {R(vtables),    R(vtables_len), R(waker),	R(image),   R(image_len), R(tls),
				      R(data_first), R(expired),     R(voted),	R(current), R(at),	  R(votes),
				      R(untagged),   R(looks),	     R(unused), R(stray)};

#define C(member) M(struct ww_virtual_layout, member)
static const struct member virtual[] = {C(osthread), C(thread_id), C(vthread), C(eetop), C(tid),
					C(blocker),  C(state),	   C(form),    C(stray), C(carried)};

#define B(member) M(struct ww_tasks_layout, member)
static const struct member tasks[] = {
	B(heap),      B(heap_len), B(collections), B(classes),	 B(shift),    B(osthread), B(runnable),
	B(thread_id), B(object),   B(stack),	   B(tlab),	 B(tlab_end), B(name),	   B(name_len),
	B(name_body), B(supers),   B(supers_data), B(slots_len), B(pad),      B(worker),   B(slots)};

/* In the BPF object's words. */
#define SHARED(name, type, members)                                                                                    \
	{                                                                                                              \
		name, sizeof(type), members, sizeof(members) / sizeof((members)[0])                                    \
	}
static const struct {
	const char *name;
	size_t size;
	const struct member *members;
	size_t len;
} shared[] = {
	SHARED("ww_account", struct ww_account, account),
	SHARED("ww_detail", struct ww_detail, detail),
	SHARED("ww_segment", struct ww_segment, segment),
	SHARED("ww_segments", struct ww_segments, segments),
	SHARED("ww_peer", struct ww_peer, peer),
	SHARED("ww_traffic", struct ww_traffic, traffic),
	SHARED("ww_stack", struct ww_stack, stack),
	SHARED("ww_stack_weight", struct ww_stack_weight, stack_weight),
	SHARED("ww_sweep_orphan", struct ww_sweep_orphan, orphan),
	SHARED("ww_sweep_list", struct ww_sweep_list, sweep_list),
	SHARED("ww_sweep_find", struct ww_sweep_find, sweep_find),
	SHARED("ww_sweep_end", struct ww_sweep_end, sweep_end),
	SHARED("ww_python", struct ww_python_layout, python),
	SHARED("ww_libuv", struct ww_libuv_layout, libuv),
	SHARED("ww_uvloop", struct ww_uvloop_layout, uvloop),
	SHARED("ww_v8", struct ww_v8_objects, v8),
	SHARED("ww_tokio", struct ww_tokio_layout, tokio),
	SHARED("ww_virtual", struct ww_virtual_layout, virtual),
	SHARED("ww_tasks", struct ww_tasks_layout, tasks),
};

static void compare(const struct btf *btf, const char *name, size_t size, const struct member *members, size_t len)
{
	const struct btf_type *type = btf__type_by_id(btf, (__u32)btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT));
	assert_non_null(type);
	assert_int_equal(type->size, size);
	const struct btf_member *m = btf_members(type);
	for (size_t i = 0; i < btf_vlen(type) || i < len; i++) {
		const char *theirs = i < btf_vlen(type) ? btf__name_by_offset(btf, m[i].name_off) : "(none)";
		if (i >= len || strcmp(theirs, members[i].name) != 0)
			fail_msg("%s: member %zu is %s there, and %s here", name, i, theirs,
				 i < len ? members[i].name : "(none)");
		__s64 their_size = btf__resolve_size(btf, m[i].type);
		if (btf_member_bit_offset(type, (__u32)i) != 8 * members[i].offset ||
		    their_size != (__s64)members[i].size)
			fail_msg("%s.%s: at bit %u, of %lld bytes there; at byte %zu, of %zu bytes here", name, theirs,
				 btf_member_bit_offset(type, (__u32)i), their_size, members[i].offset, members[i].size);
	}
}

static void layouts(void **state)
{
	struct btf *btf = btf__parse_elf(WW_BPF_OBJECT, NULL);
	(void)state;
	assert_non_null(btf);
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		compare(btf, shared[i].name, shared[i].size, shared[i].members, shared[i].len);
	btf__free(btf);
}

/* The counters' names come from one list; so does, on the other side, the number of entries of their map. */
static void counters(void **state)
{
	struct btf *btf = btf__parse_elf(WW_BPF_OBJECT, NULL);
	(void)state;
	assert_non_null(btf);
	const struct btf_type *map =
		btf__type_by_id(btf, (__u32)btf__find_by_name_kind(btf, "ww_counters", BTF_KIND_VAR));
	assert_non_null(map);
	map = btf__type_by_id(btf, map->type);
	__u32 entries = 0;
	for (__u32 i = 0; i < btf_vlen(map); i++) {
		const struct btf_member *m = &btf_members(map)[i];
		/* A number is kept as a pointer to an array of so many. */
		if (!strcmp(btf__name_by_offset(btf, m->name_off), "max_entries"))
			entries = btf_array(btf__type_by_id(btf, btf__type_by_id(btf, m->type)->type))->nelems;
	}
	assert_int_equal(entries, WW_COUNTER_COUNT);
	btf__free(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(layouts), cmocka_unit_test(counters)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * An extension of Ruby that measures how long a thread is in the collector, by a clock that goes on while the thread
 * waits for a CPU. Ruby's own figure is the CPU time of the process. GcClock.ns is the sum since it was loaded,
 * GcClock.times how often that was: each sweep of a part of the heap is one of these.
 */
#include <stdint.h>
#include <time.h>

/* Of ruby.h and ruby/debug.h, 3.0 to 3.4, which need not be installed. */
typedef unsigned long VALUE;
#define RUBY_INTERNAL_EVENT_GC_ENTER 0x2000000
#define RUBY_INTERNAL_EVENT_GC_EXIT  0x4000000
extern VALUE rb_tracepoint_new(VALUE thread, uint32_t events, void (*call)(VALUE, void *), void *data);
extern VALUE rb_tracepoint_enable(VALUE tracepoint);
extern VALUE rb_define_module(const char *name);
extern void rb_define_module_function(VALUE module, const char *name, VALUE (*function)(VALUE), int arguments);
extern VALUE rb_ull2inum(unsigned long long number);
extern void rb_gc_register_mark_object(VALUE object);

static uint64_t since, sum, entered;

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void enters(VALUE tracepoint, void *data)
{
	(void)tracepoint;
	(void)data;
	entered++;
	since = now();
}

static void leaves(VALUE tracepoint, void *data)
{
	(void)tracepoint;
	(void)data;
	sum += now() - since;
}

static VALUE ns(VALUE self)
{
	(void)self;
	return rb_ull2inum(sum);
}

static VALUE times(VALUE self)
{
	(void)self;
	return rb_ull2inum(entered);
}

void Init_gc_clock(void);

void Init_gc_clock(void)
{
	VALUE enter = rb_tracepoint_new(0, RUBY_INTERNAL_EVENT_GC_ENTER, enters, 0);
	VALUE leave = rb_tracepoint_new(0, RUBY_INTERNAL_EVENT_GC_EXIT, leaves, 0);
	rb_gc_register_mark_object(enter);
	rb_gc_register_mark_object(leave);
	rb_tracepoint_enable(enter);
	rb_tracepoint_enable(leave);
	VALUE module = rb_define_module("GcClock");
	rb_define_module_function(module, "ns", ns, 0);
	rb_define_module_function(module, "times", times, 0);
}

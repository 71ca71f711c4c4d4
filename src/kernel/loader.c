/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/loader.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/instructions.h"
#include "whywait.skel.h"

#define LARGE	    2048 /* instructions: of fewer the verifier has seen all before another thread would begin */
#define JOBS_MAX    24	 /* programs; one more is loaded by libbpf */
#define THREADS_MAX 3	 /* beside this one: the largest program takes a quarter of the time */

/* A program that is loaded when libbpf has loaded nothing in its place. */
struct job {
	struct bpf_program *program;
	struct bpf_insn *insns;
	size_t insns_len;
	struct bpf_prog_load_opts opts;
	int fd; /* or a negative errno */
};

/* libbpf's handlers know the program only. */
static struct {
	const struct btf *btf;
	bool old;
	struct job jobs[JOBS_MAX];
	size_t jobs_len, next;
	int threads; /* beside this one; 0: libbpf loads all */
} loads;

/* Sections, how what they name is called in the kernel's types, and as what it is there. */
static const struct section {
	const char *handled;
	const char *prefix;
	const char *type_name;
	__u32 kind;
	enum bpf_prog_type program;
	enum bpf_attach_type attach;
} sections[] = {
	{"tp_btf+", "tp_btf/", "btf_trace_%s", BTF_KIND_TYPEDEF, BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP},
	{"fentry+", "fentry/", "%s", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY},
	{"fexit+", "fexit/", "%s", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT},
	{"iter+", "iter/", "bpf_iter_%s", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER},
	{"raw_tp+", NULL, NULL, 0, BPF_PROG_TYPE_RAW_TRACEPOINT, 0},
	{"uprobe+", NULL, NULL, 0, BPF_PROG_TYPE_KPROBE, 0},
	{"uretprobe+", NULL, NULL, 0, BPF_PROG_TYPE_KPROBE, 0},
	{"perf_event+", NULL, NULL, 0, BPF_PROG_TYPE_PERF_EVENT, 0},
};

/* Whether a newer libbpf has set an option that is not known here. */
static bool has_unknown(const struct bpf_prog_load_opts *opts)
{
	for (size_t i = sizeof(*opts); i < opts->sz; i++)
		if (((const char *)opts)[i])
			return true;
	return false;
}

/* Leaves a program that does nothing to libbpf, and keeps what it was for later. */
static int put_off(struct bpf_program *program, struct bpf_prog_load_opts *opts)
{
	static const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	size_t len = bpf_program__insn_cnt(program), known = sizeof(*opts) < opts->sz ? sizeof(*opts) : opts->sz;
	struct job *job = &loads.jobs[loads.jobs_len];

	/* The descriptors of modules' types go when libbpf has loaded all. */
	if (!loads.threads || len < LARGE || loads.jobs_len == JOBS_MAX || opts->fd_array || has_unknown(opts))
		return 0;
	*job = (struct job){.program = program, .insns_len = len, .fd = -ECANCELED};
	job->insns = malloc(len * sizeof(*job->insns));
	if (!job->insns)
		return -ENOMEM;
	loads.jobs_len++;
	memcpy(job->insns, bpf_program__insns(program), len * sizeof(*job->insns));
	memcpy(&job->opts, opts, known);
	job->opts.sz = known;
	opts->func_info = opts->line_info = NULL;
	opts->func_info_cnt = opts->line_info_cnt = 0;
	return bpf_program__set_insns(program, (struct bpf_insn *)nothing, sizeof(nothing) / sizeof(nothing[0]));
}

static int prepare(struct bpf_program *program, struct bpf_prog_load_opts *opts, long cookie)
{
	const struct section *section = &sections[cookie];
	char name[96];

	if (section->prefix) {
		snprintf(name, sizeof(name), section->type_name,
			 bpf_program__section_name(program) + strlen(section->prefix));
		int id = btf__find_by_name_kind(loads.btf, name, section->kind);
		if (id < 0)
			return id;
		opts->attach_btf_id = (__u32)id;
	}
	int err = loads.old ? ww_instructions__replace(program) : 0;
	return err ?: put_off(program, opts);
}

/* What is attached by hand (iterators) or not at all has no link. */
static int attach(const struct bpf_program *program, long cookie, struct bpf_link **link)
{
	const struct section *section = &sections[cookie];

	*link = NULL;
	if (!section->prefix || section->attach == BPF_TRACE_ITER)
		return 0;
	*link = bpf_program__attach_trace(program);
	return *link ? 0 : -errno;
}

int ww_loader__prepare(const struct btf *btf, bool old)
{
	static bool registered;

	loads.btf = btf;
	loads.old = old;
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]) && !registered; i++) {
		LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .cookie = (long)i, .prog_prepare_load_fn = prepare,
			    .prog_attach_fn = attach);
		int err = libbpf_register_prog_handler(sections[i].handled, sections[i].program, sections[i].attach,
						       &opts);
		if (err < 0)
			return err;
	}
	registered = true;
	return 0;
}

static int compare_sizes(const void *a, const void *b)
{
	const struct job *first = a, *second = b;

	return (first->insns_len < second->insns_len) - (first->insns_len > second->insns_len);
}

static void load(struct job *job)
{
	job->fd = bpf_prog_load(bpf_program__type(job->program), bpf_program__name(job->program), "Dual BSD/GPL",
				job->insns, job->insns_len, &job->opts);
}

static void *work(void *nothing)
{
	for (;;) {
		size_t i = __atomic_fetch_add(&loads.next, 1, __ATOMIC_RELAXED);
		if (i >= loads.jobs_len)
			return nothing;
		load(&loads.jobs[i]);
	}
}

/* The largest first: what is left at the end is small. A thread that can't be had is done without. */
static void load_all(void)
{
	pthread_t threads[THREADS_MAX];
	sigset_t all, before;
	int started = 0;

	qsort(loads.jobs, loads.jobs_len, sizeof(loads.jobs[0]), compare_sizes);
	loads.next = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started < loads.threads && !pthread_create(&threads[started], NULL, work, NULL))
		started++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	work(NULL);
	while (started)
		pthread_join(threads[--started], NULL);
	/* What the verifier keeps of one program may fit where that of several does not. */
	for (size_t i = 0; i < loads.jobs_len; i++)
		if (loads.jobs[i].fd == -ENOMEM || loads.jobs[i].fd == -EAGAIN)
			load(&loads.jobs[i]);
}

/*
 * How many threads would run at the same time as this one, on half of the CPUs, or two: others have work as well, and
 * old kernels let nobody in between for some time. None where libbpf is to tell what the verifier says.
 */
static int threads_beside(void)
{
	cpu_set_t cpus;

	if (getenv("WHYWAIT_LIBBPF_DEBUG"))
		return 0;
	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return 1; /* more CPUs than fit that set */
	int count = CPU_COUNT(&cpus);
	int threads = count > 4 ? count / 2 - 1 : count > 1;
	return threads < THREADS_MAX ? threads : THREADS_MAX;
}

int ww_loader__load(struct whywait_bpf *bpf, char *why, size_t why_size)
{
	loads.jobs_len = 0;
	loads.threads = threads_beside();
	int err = whywait_bpf__load(bpf);
	if (!err)
		load_all();
	for (size_t i = 0; i < loads.jobs_len; i++) {
		struct job *job = &loads.jobs[i];
		/* libbpf goes on with the same descriptor, which is another program's from now on. */
		if (!err && job->fd >= 0 && dup3(job->fd, bpf_program__fd(job->program), O_CLOEXEC) < 0)
			job->fd = -errno;
		if (!err && job->fd < 0) {
			err = job->fd;
			snprintf(why, why_size, "program %s (WHYWAIT_LIBBPF_DEBUG=1 prints what the verifier says)",
				 bpf_program__name(job->program));
		}
		if (job->fd >= 0)
			close(job->fd);
		free(job->insns);
	}
	loads.jobs_len = 0;
	loads.btf = NULL;
	return err;
}

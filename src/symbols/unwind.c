/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/unwind.h"

#include <elfutils/version.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "symbols/images.h"
#include "symbols/kernel_symbols.h"
#include "symbols/modules.h"
#include "symbols/perf_map.h"
#include "symbols/python_code.h"
#include "symbols/v8_names.h"
#include "util/hash.h"

#define PROCESSES    64	   /* known at a time */
#define ADDRESSES    32768 /* in files, whose names are known; a power of two */
#define PYTHON_NAMES 4096  /* the same of CPython frames, of each process */
#define CHECK_NS     1000000000ull
#define FRAME_MOST   WW_IMAGE_NAME
#define NO_NAME	     UINT32_MAX
#define NAMES_MOST   (1u << 17)

/* An address in a file, whichever process has it. */
struct named {
	uint64_t serial; /* of the file's image; 0: nothing here */
	uint64_t address;
	uint32_t frame;
};

/* A CPython frame. Code objects come and go, so their names are asked for anew now and then. */
struct python_named {
	uint64_t code, at;
	uint64_t read_ns;
	uint32_t frame; /* + 1; 0: nothing here */
};

struct process {
	uint32_t pid; /* 0: none */
	struct ww_modules modules;
	bool unwound; /* libdwfl can */
	uint64_t checked_ns, used_ns;
	struct ww_perf_map *map; /* of code that it made itself; NULL: there is none */
	uint64_t map_due_ns;	 /* when it may be read again */
	struct ww_v8_names *v8;	 /* of JavaScript; NULL: there is no V8 in it, */
	bool v8_sought;		 /* or nobody has looked yet */
	struct python_named python[PYTHON_NAMES];
};

struct ww_unwinder {
	struct ww_intern *frames;
	struct process *processes[PROCESSES];
	struct ww_images *images;
	uint64_t crowded_ns; /* when a process was last forgotten to make room for another one's files */
	struct named names[ADDRESSES];
	struct ww_kernel_symbols *kernel;
	bool kernel_read;

	/* During a walk: */
	const struct ww_stack *stack;
	const uint8_t *user;
	struct process *process;
	struct ww_walk *walk;
	bool ran_out;
	unsigned python; /* the next of CPython's frames */
	bool failed;
};

struct ww_unwinder *ww_unwinder__new(struct ww_intern *frames)
{
	struct ww_unwinder *new = calloc(1, sizeof(*new));

	/* libdwfl would ask servers on the network for what is not installed. */
	unsetenv("DEBUGINFOD_URLS");
	if (!new)
		return NULL;
	new->frames = frames;
	new->images = ww_images__new();
	if (!new->images) {
		free(new);
		return NULL;
	}
	return new;
}

static void forget(struct process *process)
{
	if (process) {
		ww_modules__close(&process->modules);
		ww_perf_map__free(process->map);
		ww_v8_names__free(process->v8);
	}
	free(process);
}

void ww_unwinder__free(struct ww_unwinder *unwinder)
{
	if (!unwinder)
		return;
	for (size_t i = 0; i < PROCESSES; i++)
		forget(unwinder->processes[i]);
	ww_images__free(unwinder->images);
	ww_kernel_symbols__free(unwinder->kernel);
	free(unwinder);
}

/* ---- what libdwfl asks for */

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread)
{
	struct ww_unwinder *unwinder = arg;

	(void)dwfl;
	if (*thread)
		return 0;
	*thread = unwinder;
	return (pid_t)unwinder->stack->tid;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread)
{
	(void)dwfl, (void)tid;
	*thread = arg;
	return true;
}

/* A word of the stack, as far as that was copied. */
static bool read_stack(const struct ww_unwinder *unwinder, Dwarf_Addr address, Dwarf_Word *word)
{
	uint64_t at = address - unwinder->stack->sp;

	if (address < unwinder->stack->sp || at > unwinder->stack->user_len ||
	    unwinder->stack->user_len - at < sizeof(*word))
		return false;
	memcpy(word, unwinder->user + at, sizeof(*word));
	return true;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *word, void *arg)
{
	struct ww_unwinder *unwinder = arg;

	(void)dwfl;
	if (read_stack(unwinder, address, word))
		return true;
	unwinder->ran_out = true; /* a register may be lost; or libdwfl takes it for the end */
	return false;
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	struct ww_unwinder *unwinder = arg;
	const struct ww_stack *stack = unwinder->stack;
#if defined(__aarch64__)
	const unsigned count = 32;

	dwfl_thread_state_register_pc(thread, stack->pc);
#else
	const unsigned count = 17;
#endif
	Dwarf_Word registers[WW_STACK_REGISTERS];

	for (unsigned i = 0; i < count; i++)
		registers[i] = stack->registers[i];
	return dwfl_thread_state_registers(thread, 0, count, registers);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = read_memory,
	.set_initial_registers = set_registers,
};

/* ---- processes */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct process *meet(struct ww_unwinder *unwinder, uint32_t pid, uint64_t now)
{
	struct process *new = calloc(1, sizeof(*new));

	if (!new || ww_modules__open(&new->modules, unwinder->images, (pid_t)pid)) {
		free(new);
		return NULL;
	}
	new->unwound =
		new->modules.len &&dwfl_attach_state(new->modules.dwfl, NULL, (pid_t)pid, &thread_callbacks, unwinder);
	new->pid = pid;
	new->checked_ns = now;
	return new;
}

/*
 * Of one whose files there was no room for some code has no name. The one that was not seen for longest makes room, but
 * not again and again: what has more files than there is room for at all stays as it is.
 */
static struct process *meet_again(struct ww_unwinder *unwinder, struct process *crowded, uint64_t now)
{
	struct process **oldest = NULL;

	for (size_t i = 0; i < PROCESSES; i++) {
		struct process *process = unwinder->processes[i];

		if (process && (!oldest || process->used_ns < (*oldest)->used_ns))
			oldest = &unwinder->processes[i];
	}
	if (!oldest || now - unwinder->crowded_ns < CHECK_NS)
		return crowded;
	unwinder->crowded_ns = now;
	forget(*oldest);
	*oldest = NULL;
	struct process *again = meet(unwinder, crowded->pid, now);
	if (!again)
		return crowded;
	forget(crowded);
	return again;
}

/* The process, as it is now: it may have loaded more code, or be another one with the same id. NULL: it is gone. */
static struct process *find_process(struct ww_unwinder *unwinder, uint32_t pid)
{
	struct process **place = &unwinder->processes[0];
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	for (size_t i = 0; i < PROCESSES; i++) {
		struct process *process = unwinder->processes[i];

		if (process && process->pid == pid) {
			place = &unwinder->processes[i];
			break;
		}
		if (*place && (!process || process->used_ns < (*place)->used_ns))
			place = &unwinder->processes[i];
	}
	struct process *known = *place;

	if (known && known->pid == pid && now - known->checked_ns > CHECK_NS) {
		known->checked_ns = now;
		/* Of one that has ended, what was known is what there is. */
		if (ww_modules__changed(&known->modules) == 1) {
			forget(known);
			*place = known = NULL;
		}
	}
	if (!known || known->pid != pid) {
		struct process *new = meet(unwinder, pid, now);

		if (!new)
			return NULL;
		forget(known);
		*place = NULL;
		*place = known = new->modules.crowded ? meet_again(unwinder, new, now) : new;
	}
	known->used_ns = now;
	return known;
}

/* ---- names */

static void put(struct ww_unwinder *unwinder, uint32_t frame)
{
	struct ww_walk *walk = unwinder->walk;

	if (frame == NO_NAME)
		unwinder->failed = true;
	else if (walk->len < WW_WALK_MOST)
		walk->frames[walk->len++] = frame;
}

static uint32_t intern(struct ww_unwinder *unwinder, const char *name)
{
	/* What there is no room for has no name of its own. */
	if (ww_intern__len(unwinder->frames) >= NAMES_MOST &&
	    ww_intern__find(unwinder->frames, name, strlen(name)) == WW_INTERN_NONE)
		name = "[other]";
	return ww_intern__add(unwinder->frames, name, strlen(name));
}

/* It grows, and may be large: reading it takes no more than a hundredth of the time. */
static void read_map(struct ww_unwinder *unwinder, struct process *process)
{
	uint64_t begun = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	ww_perf_map__free(process->map);
	process->map = ww_perf_map__read((pid_t)process->pid);
	uint64_t took = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begun;
	unwinder->walk->names_ns += took;
	process->map_due_ns = process->used_ns + (100 * took > CHECK_NS ? 100 * took : CHECK_NS);
}

/* In no file: what a runtime made, if it says what that is. */
static void name_of_made(struct ww_unwinder *unwinder, uint64_t address, bool made, char name[FRAME_MOST])
{
	struct process *process = unwinder->process;
	const char *found = process->map ? ww_perf_map__find(process->map, address) : NULL;

	if (!found && process->used_ns >= process->map_due_ns) {
		read_map(unwinder, process);
		found = process->map ? ww_perf_map__find(process->map, address) : NULL;
	}
	snprintf(name, FRAME_MOST, "%s", found ? found : made ? "[jit]" : "[unknown]");
}

static uint32_t find_name_in_file(struct ww_unwinder *unwinder, const struct ww_module *module, uint64_t address)
{
	uint64_t own = address - module->bias;
	struct named *named = &unwinder->names[ww_hash_mix(own ^ module->serial << 48) & (ADDRESSES - 1)];

	if (named->serial != module->serial || named->address != own) {
		uint64_t begun = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		char name[FRAME_MOST];

		ww_image__name(module->image, own, name);
		unwinder->walk->names_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - begun;
		uint32_t frame = intern(unwinder, name);
		if (frame == WW_INTERN_NONE)
			return NO_NAME;
		*named = (struct named){module->serial, own, frame};
	}
	return named->frame;
}

static uint32_t find_name(struct ww_unwinder *unwinder, uint64_t address)
{
	struct process *process = unwinder->process;
	const struct ww_module *module = ww_modules__find(&process->modules, address);
	uint64_t original = address;
	const struct ww_code *code;
	char name[FRAME_MOST];

	if (module)
		return find_name_in_file(unwinder, module, address);
	enum ww_code_is is = ww_modules__at(&process->modules, address, &original, &code);
	module = original == address ? NULL : ww_modules__find(&process->modules, original);
	if (module)
		return find_name_in_file(unwinder, module, original);
	/* What was made may be thrown away, and other code be made there: its name is not kept. */
	if (is == WW_CODE_FILE) {
		uint64_t offset = address - code->start + code->offset;

		snprintf(name, sizeof(name), "[%s+0x%llx]", code->name, (unsigned long long)offset);
	}
	if (is != WW_CODE_FILE)
		name_of_made(unwinder, address, is == WW_CODE_MADE, name);
	uint32_t frame = intern(unwinder, name);
	return frame == WW_INTERN_NONE ? NO_NAME : frame;
}

static uint32_t find_python_name(struct ww_unwinder *unwinder, const struct ww_stack_python *frame)
{
	struct process *process = unwinder->process;
	uint64_t at = frame->at & ~(uint64_t)WW_STACK_ENTRY;
	struct python_named *named = &process->python[ww_hash_mix(frame->code ^ ww_hash_mix(at)) & (PYTHON_NAMES - 1)];

	if (!named->frame || named->code != frame->code || named->at != at ||
	    process->used_ns - named->read_ns > CHECK_NS) {
		uint64_t begun = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		char name[FRAME_MOST];

		if (ww_python_code__name((pid_t)process->pid, unwinder->stack->python_minor, frame->code, at, name,
					 sizeof(name)))
			snprintf(name, sizeof(name), "[python]");
		unwinder->walk->names_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - begun;
		uint32_t id = intern(unwinder, name);
		if (id == WW_INTERN_NONE)
			return NO_NAME;
		*named = (struct python_named){frame->code, at, process->used_ns, id + 1};
	}
	return named->frame - 1;
}

/* The next frames of CPython's: those of a call of its interpreter. */
static void put_python(struct ww_unwinder *unwinder)
{
	while (unwinder->python < unwinder->stack->python_len) {
		const struct ww_stack_python *python = &unwinder->stack->python[unwinder->python++];

		put(unwinder, find_python_name(unwinder, python));
		if (python->at & WW_STACK_ENTRY)
			break;
	}
}

/* In place of a call of CPython's interpreter: what that interpreted. False when it is none, or nothing is known. */
static bool take_python(struct ww_unwinder *unwinder, uint32_t frame)
{
	static const char loop[] = "_PyEval_EvalFrameDefault";
	const struct ww_stack *stack = unwinder->stack;

	if (unwinder->python == stack->python_len || frame == NO_NAME ||
	    strncmp(ww_intern__get(unwinder->frames, frame), loop, sizeof(loop) - 1) != 0)
		return false;
	put_python(unwinder);
	return true;
}

#if _ELFUTILS_PREREQ(0, 188) /* has dwfl_frame_reg() */

#if defined(__aarch64__)
#define FRAME_POINTER 29
#else
#define FRAME_POINTER 6
#endif

static const char *find_v8_name(struct ww_unwinder *unwinder, Dwfl_Frame *frame)
{
	struct process *process = unwinder->process;
	Dwarf_Word pointer, kind, function;

	if (!process->v8_sought) {
		process->v8_sought = true;
		process->v8 = ww_v8_names__new(&process->modules);
	}
	if (!process->v8 || dwfl_frame_reg(frame, FRAME_POINTER, &pointer))
		return NULL;
	if (!read_stack(unwinder, pointer + (Dwarf_Word)ww_v8_names__kind_at(process->v8), &kind) ||
	    !read_stack(unwinder, pointer + (Dwarf_Word)ww_v8_names__function_at(process->v8), &function))
		return NULL;
	return ww_v8_names__find(process->v8, kind, function);
}

/* In place of code that V8 made, or of its interpreter: the function whose code that is. False when it is none's. */
static bool take_v8(struct ww_unwinder *unwinder, Dwfl_Frame *frame, uint32_t name)
{
	const char *is = name == NO_NAME ? "" : ww_intern__get(unwinder->frames, name);

	if ((unwinder->process->v8_sought && !unwinder->process->v8) ||
	    (strcmp(is, "[jit]") != 0 && strcmp(is, "Builtins_InterpreterEntryTrampoline") != 0))
		return false;
	uint64_t begun = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	const char *found = find_v8_name(unwinder, frame);
	unwinder->walk->names_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - begun;
	if (found)
		put(unwinder, intern(unwinder, found));
	return found != NULL;
}

#else

static bool take_v8(struct ww_unwinder *unwinder, Dwfl_Frame *frame, uint32_t name)
{
	(void)unwinder, (void)frame, (void)name;
	return false;
}

#endif

static int take_frame(Dwfl_Frame *frame, void *arg)
{
	struct ww_unwinder *unwinder = arg;
	Dwarf_Addr pc;
	bool activation;

	if (!dwfl_frame_pc(frame, &pc, &activation) || !pc)
		return DWARF_CB_ABORT;
	if (unwinder->walk->len == WW_WALK_MOST)
		return DWARF_CB_ABORT;
	/* A return address may lie behind the function that called. */
	uint32_t name = find_name(unwinder, activation ? pc : pc - 1);
	if (!take_python(unwinder, name) && !take_v8(unwinder, frame, name))
		put(unwinder, name);
	return unwinder->failed ? DWARF_CB_ABORT : DWARF_CB_OK;
}

/* What looks at a switch stands in front of it. */
static bool is_observing(const char *name)
{
	static const char *const begins[] = {"__traceiter_", "bpf_trace_run", "bpf_prog_",
					     "__bpf_",	     "bpf_",	      "__schedule"};

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (!strncmp(name, begins[i], strlen(begins[i])))
			return true;
	return false;
}

static void walk_kernel(struct ww_unwinder *unwinder)
{
	const struct ww_stack *stack = unwinder->stack;
	unsigned first = 0;

	if (!unwinder->kernel_read) {
		unwinder->kernel_read = true;
		ww_kernel_symbols__read(&unwinder->kernel, "/proc/kallsyms");
	}
	if (!unwinder->kernel)
		return;
	for (unsigned i = 0; i < stack->kernel_len && !stack->on_cpu; i++) {
		const char *name = ww_kernel_symbols__find(unwinder->kernel, stack->kernel[i]);

		if (name && is_observing(name))
			first = i + 1;
	}
	for (unsigned i = first; i < stack->kernel_len; i++) {
		const char *found = ww_kernel_symbols__find(unwinder->kernel, stack->kernel[i]);
		char name[FRAME_MOST];

		snprintf(name, sizeof(name), "%.400s_[k]", found ? found : "[kernel]");
		put(unwinder, intern(unwinder, name));
	}
}

/* Whether the outermost frame is where threads start. */
static bool starts_here(const struct ww_unwinder *unwinder)
{
	/* Those of threads, and of goroutines and of what Go's scheduler runs on its own stack. */
	static const char *const starts[] = {"__clone3",
					     "clone3",
					     "__clone",
					     "clone",
					     "_start",
					     "runtime.goexit",
					     "runtime.goexit.abi0",
					     "runtime.mcall",
					     "runtime.mstart",
					     "runtime.mstart.abi0"};
	const struct ww_walk *walk = unwinder->walk;
	const char *name = walk->len ? ww_intern__get(unwinder->frames, walk->frames[walk->len - 1]) : "";

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (!strcmp(name, starts[i]))
			return true;
	return false;
}

int ww_unwinder__walk(struct ww_unwinder *unwinder, const struct ww_stack *stack, size_t size, struct ww_walk *walk)
{
	if (size < sizeof(*stack) || stack->user_len > size - sizeof(*stack) || stack->kernel_len > WW_STACK_KERNEL ||
	    stack->python_len > WW_STACK_PYTHON)
		return -EPROTO;
	unwinder->stack = stack;
	unwinder->user = (const uint8_t *)(stack + 1);
	unwinder->walk = walk;
	unwinder->ran_out = unwinder->failed = false;
	unwinder->python = 0;
	walk->len = 0;
	walk->whole = false;
	walk->names_ns = 0;
	walk_kernel(unwinder);
	unwinder->process = find_process(unwinder, stack->tgid);
	if (unwinder->process && unwinder->process->unwound)
		walk->whole = (!dwfl_getthread_frames(unwinder->process->modules.dwfl, (pid_t)stack->tid, take_frame,
						      unwinder) &&
			       !unwinder->ran_out) ||
			      starts_here(unwinder);
	/* Who called is known of CPython's functions, also where the stack can't be followed: select() has 48 KiB of
	 * it. */
	while (unwinder->process && !walk->whole && !unwinder->failed && unwinder->python < stack->python_len)
		put_python(unwinder);
	if (walk->len < WW_WALK_MOST && (!unwinder->process || !unwinder->process->unwound))
		put(unwinder, intern(unwinder, "[unknown]"));
	return unwinder->failed ? -ENOMEM : 0;
}

void ww_unwinder__files(const struct ww_unwinder *unwinder, unsigned *files, size_t *bytes)
{
	*files = ww_images__len(unwinder->images);
	*bytes = ww_images__bytes(unwinder->images);
}

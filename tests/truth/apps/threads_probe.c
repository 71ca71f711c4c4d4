/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a thread-per-request server measures of itself: a library for LD_PRELOAD that takes the time of every libc call
 * that can block, as the calling thread sees it. No probe in the kernel, nothing of whywait: it is what whywait's
 * accounts are judged by.
 *
 * Around each call it reads the thread's clocks (wall, CPU, run delay as the scheduler counts it). What the call took
 * beyond CPU and run delay it was blocked, for a reason that the call and its file descriptor tell. A request is the
 * span from the return of the recv() that brought its first bytes to the return of the last send() on the same
 * descriptor, both by one thread; CPython's waits for its interpreter lock are calls like any other.
 *
 * $TRUTH_LOG     a file; gets a line of JSON at every send of a response, so the last line with a path counts
 * $TRUTH_PEERS   "PORT=KIND PORT=KIND ..": what a connect() to that port on 127.0.0.1 leads to
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum kind { NONE, CLIENT, POSTGRES, REDIS, MYSQL, MEMCACHED, MONGODB, NET, DISK, LOCK, SLEEP, IPC, KINDS };
static const char *const kind_names[KINDS] = {"none",	 "client", "postgres", "redis", "mysql", "memcached",
					      "mongodb", "net",	   "disk",     "lock",	"sleep", "ipc"};

/* A thread's clocks at one moment, in nanoseconds, and how often it has blocked. */
struct reading {
	int64_t wall, cpu, runq, blocks;
};

struct thread {
	int schedstat; /* descriptor + 1 */
	int64_t blocked[KINDS], waits[KINDS];
	int64_t known_blocks; /* of reading.blocks, those in calls that are looked at here */
	int idle;	      /* since it last sent to a client it has waited as threads without a request do */
	struct reading woken; /* if so: at the end of that wait; locks that it waited for since are in between */
	int64_t woken_late;   /* how long it had to wait for a CPU then */
	int64_t woken_lock;   /* blocked[LOCK] then */
	int64_t interpreter;  /* of blocked[LOCK], for the interpreter's own lock */
	int64_t woken_interpreter;
};

/* The request being answered on a descriptor. */
struct request {
	struct thread *thread; /* NULL: none */
	struct reading first;
	struct thread at_first;
	char path[192];
};

#define DESCRIPTORS 4096
static unsigned char descriptor_kind[DESCRIPTORS];
static struct request *requests[DESCRIPTORS];
static __thread struct thread self;
static int log_fd = -1;
static pid_t pid;

/* libc's function; dlsym() would find the condition variables of 1999 first. */
#define REAL(name)                                                                                                     \
	({                                                                                                             \
		static __typeof__(&name) real_;                                                                        \
		if (!real_)                                                                                            \
			real_ = strncmp(#name, "pthread_cond_", 13) ? dlsym(RTLD_NEXT, #name)                          \
								    : dlvsym(RTLD_NEXT, #name, "GLIBC_2.3.2");         \
		real_;                                                                                                 \
	})

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t run_delay(void)
{
	char text[96];
	if (!self.schedstat)
		self.schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC) + 1;
	ssize_t n = pread(self.schedstat - 1, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = 0;
	char *second = strchr(text, ' ');
	return second ? strtoll(second, NULL, 10) : 0;
}

static struct reading read_clocks(void)
{
	struct reading now;
	struct rusage usage;
	int64_t runq;
	do { /* a preemption in between would show in some of the clocks only */
		now.runq = run_delay();
		getrusage(RUSAGE_THREAD, &usage);
		now.cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		now.wall = clock_ns(CLOCK_MONOTONIC);
		runq = run_delay();
	} while (runq != now.runq);
	now.blocks = usage.ru_nvcsw;
	return now;
}

/* Charges what the calling thread was blocked since `before`; errno is kept. */
static struct reading charge(struct reading before, enum kind kind)
{
	int saved = errno;
	struct reading now = read_clocks();
	if (now.blocks != before.blocks) {
		self.blocked[kind] += now.wall - before.wall - (now.cpu - before.cpu) - (now.runq - before.runq);
		self.waits[kind] += now.blocks - before.blocks;
		self.known_blocks += now.blocks - before.blocks;
		if (kind != LOCK)
			self.idle = 0;
	}
	errno = saved;
	return now;
}

/* The same, for a call in which threads without a request wait for one, too. */
static struct reading charge_idle(struct reading before, enum kind kind)
{
	struct reading now = charge(before, kind);
	if (now.blocks != before.blocks) {
		self.idle = 1;
		self.woken = now;
		self.woken_late = now.runq - before.runq;
		self.woken_lock = self.blocked[LOCK];
		self.woken_interpreter = self.interpreter;
	}
	return now;
}

/* The same, for the interpreter's lock. */
static struct reading charge_interpreter(struct reading before, enum kind kind)
{
	int64_t had = self.blocked[kind];
	struct reading now = charge(before, kind);
	self.interpreter += self.blocked[kind] - had;
	return now;
}

#define CHARGED_BY(charge, kind, type, call)                                                                           \
	({                                                                                                             \
		struct reading before_ = read_clocks();                                                                \
		type result_ = call;                                                                                   \
		charge(before_, kind);                                                                                 \
		result_;                                                                                               \
	})

#define CHARGED(kind, type, call)      CHARGED_BY(charge, kind, type, call)
#define CHARGED_IDLE(kind, type, call) CHARGED_BY(charge_idle, kind, type, call)
#define CHARGED_LOCK(mutex, type, call)                                                                                \
	(is_interpreters(mutex) ? CHARGED_BY(charge_interpreter, LOCK, type, call) : CHARGED(LOCK, type, call))

/*
 * CPython's lock is the only one of its that is of pthread's kind. In Ruby, which $TRUTH_RUBY tells, it is the one
 * with which several threads wait for conditions: to sleep, each does so with one of its own.
 */
#define MUTEXES 1024
static struct {
	void *mutex;
	pid_t tid;
	int shared;
} mutexes[MUTEXES];
static int ruby;

static int is_interpreters(pthread_mutex_t *mutex)
{
	if (!ruby)
		return 1;
	size_t at = (uintptr_t)mutex / 8 % MUTEXES;
	return mutexes[at].mutex == mutex && mutexes[at].shared;
}

static void waits_with(pthread_mutex_t *mutex)
{
	size_t at = (uintptr_t)mutex / 8 % MUTEXES;
	if (!ruby)
		return;
	if (mutexes[at].mutex != mutex) {
		mutexes[at].mutex = mutex;
		mutexes[at].shared = 0;
	} else if (mutexes[at].tid != gettid()) {
		mutexes[at].shared = 1;
	}
	mutexes[at].tid = gettid();
}

static enum kind kind_of(int fd)
{
	return fd >= 0 && fd < DESCRIPTORS ? descriptor_kind[fd] : NONE;
}

static void set_kind(int fd, enum kind kind)
{
	/* A child of vfork() closes descriptors in the parent's memory. */
	if (fd < 0 || fd >= DESCRIPTORS || getpid() != pid)
		return;
	descriptor_kind[fd] = kind;
	if (requests[fd])
		requests[fd]->thread = NULL;
}

static void after_fork(void)
{
	/* The descriptor shows the parent's thread. */
	if (self.schedstat)
		close(self.schedstat - 1);
	memset(&self, 0, sizeof(self));
	pid = getpid();
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("TRUTH_LOG");
	ruby = getenv("TRUTH_RUBY") != NULL;
	if (path)
		log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	pid = getpid();
	pthread_atfork(NULL, NULL, after_fork);
}

static void received(int fd, const char *data, ssize_t n, struct reading now)
{
	if (kind_of(fd) != CLIENT || n <= 0)
		return;
	static const char *const methods[] = {"GET ", "POST "};
	for (int i = 0; i < 2; i++) {
		size_t len = strlen(methods[i]);
		const char *end = (size_t)n > len ? memchr(data + len, ' ', n - len) : NULL;
		if (memcmp(data, methods[i], len < (size_t)n ? len : (size_t)n) || !end)
			continue;
		struct request *r = requests[fd];
		if (!r)
			r = requests[fd] = calloc(1, sizeof(*r));
		r->thread = &self;
		r->first = now;
		r->at_first = self;
		snprintf(r->path, sizeof(r->path), "%.*s", (int)(end - data - len), data + len);
	}
}

static void sent(int fd, ssize_t n, struct reading before, struct reading now)
{
	struct request *r = kind_of(fd) == CLIENT ? requests[fd] : NULL;
	char line[2048];
	if (!r || !r->thread || n <= 0 || log_fd < 0)
		return;
	int saved = errno;
	int len = snprintf(
		line, sizeof(line),
		"{\"path\": \"%s\", \"pid\": %d, \"tid\": %d, \"one_thread\": %s, \"first_ns\": %ld, "
		"\"last_ns\": %ld, \"last_runq_ns\": %ld, \"cpu_ns\": %ld, \"runq_ns\": %ld, \"unknown_blocks\": %ld, "
		"\"woken_ns\": %ld, \"woken_late_ns\": %ld, \"since_runq_ns\": %ld, "
		"\"since_lock_ns\": %ld, \"interpreter_ns\": %ld, \"since_interpreter_ns\": %ld",
		r->path, getpid(), gettid(), r->thread == &self ? "true" : "false", r->first.wall, now.wall,
		now.runq - before.runq, now.cpu - r->first.cpu, now.runq - r->first.runq,
		now.blocks - r->first.blocks - (self.known_blocks - r->at_first.known_blocks),
		r->at_first.idle ? r->at_first.woken.wall : 0, r->at_first.woken_late,
		r->first.runq - r->at_first.woken.runq, r->at_first.blocked[LOCK] - r->at_first.woken_lock,
		self.interpreter - r->at_first.interpreter, r->at_first.interpreter - r->at_first.woken_interpreter);
	for (int k = CLIENT; k < KINDS; k++)
		len += snprintf(line + len, sizeof(line) - len, ", \"%s_ns\": %ld, \"%s_waits\": %ld", kind_names[k],
				self.blocked[k] - r->at_first.blocked[k], kind_names[k],
				self.waits[k] - r->at_first.waits[k]);
	len += snprintf(line + len, sizeof(line) - len, "}\n");
	if (REAL(write)(log_fd, line, len) != len)
		abort(); /* a truth that is not whole is none */
	self.idle = 0;
	errno = saved;
}

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	int got = CHARGED_IDLE(NONE, int, REAL(accept4)(fd, address, len, flags));
	set_kind(got, CLIENT);
	return got;
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
	char needle[16];
	enum kind kind = NONE;
	if (address->sa_family == AF_UNIX)
		kind = strstr(((const struct sockaddr_un *)address)->sun_path, "redis") ? REDIS : POSTGRES;
	if (address->sa_family == AF_INET && getenv("TRUTH_PEERS")) {
		snprintf(needle, sizeof(needle), "%u=", ntohs(((const struct sockaddr_in *)address)->sin_port));
		const char *found = strstr(getenv("TRUTH_PEERS"), needle);
		for (int k = 0; found && k < KINDS; k++)
			if (!strncmp(found + strlen(needle), kind_names[k], strlen(kind_names[k])))
				kind = k;
	}
	set_kind(fd, kind);
	return CHARGED(kind, int, REAL(connect)(fd, address, len));
}

int close(int fd)
{
	set_kind(fd, NONE);
	return REAL(close)(fd);
}

/* The reading is taken before the bytes are looked at: the span begins when they are there. */
#define RECEIVED(fd, data, call)                                                                                       \
	({                                                                                                             \
		struct reading before_ = read_clocks();                                                                \
		ssize_t n_ = call;                                                                                     \
		struct reading after_ =                                                                                \
			kind_of(fd) == CLIENT ? charge_idle(before_, CLIENT) : charge(before_, kind_of(fd));           \
		received(fd, data, n_, after_);                                                                        \
		n_;                                                                                                    \
	})

ssize_t recv(int fd, void *data, size_t len, int flags)
{
	return RECEIVED(fd, data, REAL(recv)(fd, data, len, flags));
}

ssize_t recvfrom(int fd, void *data, size_t len, int flags, struct sockaddr *address, socklen_t *address_len)
{
	return RECEIVED(fd, data, REAL(recvfrom)(fd, data, len, flags, address, address_len));
}

/* Also of a descriptor that was never seen to be made. */
static enum kind kind_by_type(int fd)
{
	struct stat status;
	if (kind_of(fd) != NONE || fstat(fd, &status))
		return kind_of(fd);
	return S_ISFIFO(status.st_mode) ? IPC : S_ISREG(status.st_mode) ? DISK : NONE;
}

ssize_t read(int fd, void *data, size_t len)
{
	return CHARGED(kind_by_type(fd), ssize_t, REAL(read)(fd, data, len));
}

#define SENT(fd, call)                                                                                                 \
	({                                                                                                             \
		struct reading before_ = read_clocks();                                                                \
		ssize_t n_ = call;                                                                                     \
		sent(fd, n_, before_, charge(before_, kind_of(fd)));                                                   \
		n_;                                                                                                    \
	})

/* What a server has held back leaves as it takes the cork out: that is its last send. */
int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct reading before = read_clocks();
	int failed = REAL(setsockopt)(fd, level, name, value, len);
	if (!failed && level == IPPROTO_TCP && name == TCP_CORK && len == sizeof(int) && !*(const int *)value)
		sent(fd, 1, before, charge(before, kind_of(fd)));
	return failed;
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	return SENT(fd, REAL(send)(fd, data, len, flags));
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *address, socklen_t address_len)
{
	return SENT(fd, REAL(sendto)(fd, data, len, flags, address, address_len));
}

ssize_t write(int fd, const void *data, size_t len)
{
	return kind_of(fd) == CLIENT ? SENT(fd, REAL(write)(fd, data, len))
				     : CHARGED(kind_by_type(fd), ssize_t, REAL(write)(fd, data, len));
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	return CHARGED(DISK, ssize_t, REAL(pwrite64)(fd, data, len, offset));
}

int fsync(int fd)
{
	return CHARGED(DISK, int, REAL(fsync)(fd));
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return CHARGED(n == 1 ? kind_of(fds[0].fd) : NONE, int, REAL(poll)(fds, n, timeout));
}

int select(int n, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout)
{
	return CHARGED_IDLE(NONE, int, REAL(select)(n, in, out, other, timeout));
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
	return CHARGED_IDLE(NONE, int, REAL(epoll_wait)(fd, events, max, timeout));
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
	return CHARGED(SLEEP, int, REAL(clock_nanosleep)(clock, flags, time, left));
}

/* A lock that is free costs no look at the clocks. */
int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	if (!pthread_mutex_trylock(mutex))
		return 0;
	return CHARGED_LOCK(mutex, int, REAL(pthread_mutex_lock)(mutex));
}

int sem_wait(sem_t *semaphore)
{
	if (!sem_trywait(semaphore))
		return 0;
	return CHARGED_IDLE(LOCK, int, REAL(sem_wait)(semaphore));
}

int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *time)
{
	if (!sem_trywait(semaphore))
		return 0;
	return CHARGED_IDLE(LOCK, int, REAL(sem_clockwait)(semaphore, clock, time));
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
	waits_with(mutex);
	/* Ruby's threads without a request wait so. */
	return is_interpreters(mutex)
		       ? CHARGED_BY(charge_interpreter, LOCK, int, REAL(pthread_cond_wait)(condition, mutex))
		       : CHARGED_IDLE(LOCK, int, REAL(pthread_cond_wait)(condition, mutex));
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *time)
{
	waits_with(mutex);
	/* Ruby's threads without a request wait so. */
	return is_interpreters(mutex)
		       ? CHARGED_BY(charge_interpreter, LOCK, int, REAL(pthread_cond_timedwait)(condition, mutex, time))
		       : CHARGED_IDLE(LOCK, int, REAL(pthread_cond_timedwait)(condition, mutex, time));
}

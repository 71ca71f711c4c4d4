/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BURST	   60 /* lines at once, .. */
#define PER_SECOND 2  /* .. and then so many */

static const struct {
	int priority; /* as in syslog(3) */
	const char *name;
} levels[] = {
	[WW_LOG_ERROR] = {3, "error: "},
	[WW_LOG_WARNING] = {4, "warning: "},
	[WW_LOG_INFO] = {6, ""},
	[WW_LOG_DEBUG] = {7, ""},
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum ww_log_level most = WW_LOG_INFO;
static double left = BURST;
static double last;
static unsigned long left_out;

void ww_log__set_level(enum ww_log_level level)
{
	pthread_mutex_lock(&lock);
	most = level;
	pthread_mutex_unlock(&lock);
}

/* "DEVICE:INODE" of the stream that is the journal's. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && !fstat(STDERR_FILENO, &status) &&
	       status.st_dev == device && status.st_ino == inode;
}

static bool may_say(void)
{
	struct timespec now;
	double at;

	clock_gettime(CLOCK_MONOTONIC, &now);
	at = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
	left += last > 0 ? (at - last) * PER_SECOND : 0;
	left = left > BURST ? BURST : left;
	last = at;
	if (left < 1)
		return false;
	left--;
	return true;
}

void ww_log(enum ww_log_level level, const char *format, ...)
{
	char text[1024], line[1200], said[64] = "";
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	/* What comes from elsewhere is no second line. */
	for (char *c = text; *c; c++)
		*c = (unsigned char)*c < ' ' || *c == 127 ? ' ' : *c;
	pthread_mutex_lock(&lock);
	if (level <= most && may_say()) {
		if (left_out)
			snprintf(said, sizeof(said), " (%lu lines before it were left out)", left_out);
		left_out = 0;
		if (is_journal())
			snprintf(line, sizeof(line), "<%d>%s%s\n", levels[level].priority, text, said);
		else
			snprintf(line, sizeof(line), "whywait: %s%s%s\n", levels[level].name, text, said);
		fputs(line, stderr);
	} else if (level <= most) {
		left_out++;
	}
	pthread_mutex_unlock(&lock);
}

void ww_log__notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof(address.sun_path))
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	strcpy(address.sun_path, path);
	if (*path == '@')
		address.sun_path[0] = '\0';
	sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
	close(fd);
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "store/unfinished.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static char name[PATH_MAX];
static struct sigaction before[SIGNALS];

static void on_signal(int number)
{
	unlink(name);
	/* SA_RESETHAND: now it ends the process, whose status tells by what. */
	raise(number);
}

int ww_unfinished__create(const char *path)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
	sigset_t old;
	int file = -ENAMETOOLONG;

	if (strlen(path) >= sizeof(name))
		return file;
	/* None may come between the file and what removes it. */
	for (size_t i = 0; i < SIGNALS; i++)
		sigaddset(&action.sa_mask, signals[i]);
	sigprocmask(SIG_BLOCK, &action.sa_mask, &old);
	file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (file < 0)
		file = -errno;
	strcpy(name, path);
	for (size_t i = 0; i < SIGNALS && file >= 0; i++) {
		sigaction(signals[i], NULL, &before[i]);
		if (before[i].sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return file;
}

void ww_unfinished__remove(int file)
{
	unlink(name);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &before[i], NULL);
	close(file);
}

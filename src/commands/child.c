/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands/child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 1000
#define STEP_MS	    10

/* The child's side: a byte lets it go, the end of the stream ends it; the errno of a failed exec goes back. */
static void become(int gate, pid_t parent, char **argv)
{
	char go;
	int err;

	/* It must not outlive whoever observes it, however that ends. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || read(gate, &go, 1) != 1)
		_exit(127);
	execvp(argv[0], argv);
	err = errno;
	(void)!write(gate, &err, sizeof(err));
	_exit(127);
}

int ww_child__start(struct ww_child *child, char **argv)
{
	pid_t parent = getpid(), pid;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -errno;
	pid = fork();
	if (pid < 0) {
		int err = -errno;

		close(ends[0]);
		close(ends[1]);
		return err;
	}
	if (!pid) {
		close(ends[0]);
		become(ends[1], parent, argv);
	}
	close(ends[1]);
	*child = (struct ww_child){.pid = pid, .gate = ends[0]};
	return 0;
}

int ww_child__release(struct ww_child *child)
{
	int err = 0;

	if (send(child->gate, "", 1, MSG_NOSIGNAL) != 1)
		return -errno;
	/* Closed by exec: nothing comes. */
	if (read(child->gate, &err, sizeof(err)) != sizeof(err))
		err = 0;
	return -err;
}

void ww_child__end(struct ww_child *child)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000};

	close(child->gate);
	kill(child->pid, SIGTERM);
	for (int waited = 0; waited < PATIENCE_MS; waited += STEP_MS) {
		if (waitpid(child->pid, NULL, WNOHANG))
			return;
		nanosleep(&step, NULL);
	}
	kill(child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
}

void ww_child__name(char *const *argv, char name[WW_PROGRAM_SIZE])
{
	const char *slash = strrchr(argv[0], '/');
	char arguments[4096];
	size_t len = 0;

	for (; *argv && len + strlen(*argv) + 2 <= sizeof(arguments); argv++)
		len += strlen(strcpy(arguments + len, *argv)) + 1;
	arguments[len] = '\0';
	ww_process__program(slash ? slash + 1 : arguments, arguments, len, name);
}

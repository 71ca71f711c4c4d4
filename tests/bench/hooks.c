// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* hooks OBJECT: attaches all programs of it, says so, and holds them until it is told to end. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	sigset_t ends;
	int signal;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);

	struct bpf_object *object = argc == 2 ? bpf_object__open(argv[1]) : NULL;
	struct bpf_program *program;

	if (!object || bpf_object__load(object)) {
		fprintf(stderr, "hooks: %s: %s\n", argc == 2 ? argv[1] : "OBJECT", strerror(errno));
		return 1;
	}
	bpf_object__for_each_program(program, object)
	{
		if (!bpf_program__attach(program)) {
			fprintf(stderr, "hooks: %s: %s\n", bpf_program__name(program), strerror(errno));
			return 1;
		}
	}
	puts("attached");
	fflush(stdout);
	sigwait(&ends, &signal);
	bpf_object__close(object);
	return 0;
}

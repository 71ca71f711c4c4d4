/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/listeners.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define TCP_LISTEN_STATE 0x0a
#define NAMESPACES_MAX	 1024 /* network namespaces told apart; one more is scanned again, which does no harm */

static void note(uint64_t *bitmap, unsigned port)
{
	__atomic_fetch_or(&bitmap[port >> 6], 1ull << (port & 63), __ATOMIC_RELAXED);
}

/* One file of the form of /proc/net/tcp (Documentation/networking/proc_net_tcp.rst). */
static void scan_file(uint64_t *bitmap, const char *path)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	char line[512];
	while (fgets(line, sizeof(line), file)) {
		unsigned port, state;
		if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &port, &state) != 2 ||
		    state != TCP_LISTEN_STATE || port > UINT16_MAX)
			continue;
		note(bitmap, port);
	}
	fclose(file);
}

/* Notes what one answer of sock_diag(7) lists: 1 when there is more to come, 0 when that was all, -1 when it failed. */
static int diag_take(uint64_t *bitmap, const struct nlmsghdr *head, size_t len)
{
	for (; NLMSG_OK(head, len); head = NLMSG_NEXT(head, len)) {
		const struct inet_diag_msg *found = NLMSG_DATA(head);
		if (head->nlmsg_type == NLMSG_DONE)
			return 0;
		if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY || head->nlmsg_len < NLMSG_LENGTH(sizeof(*found)))
			return -1;
		note(bitmap, ntohs(found->id.idiag_sport));
	}
	return 1;
}

/* The listening sockets of this network namespace; false when the kernel does not tell them. */
static bool scan_diag(uint64_t *bitmap, uint8_t family)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 what;
	} question = {
		.head = {.nlmsg_len = sizeof(question),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.what = {.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = 1 << TCP_LISTEN_STATE},
	};
	static struct nlmsghdr answer[32768 / sizeof(struct nlmsghdr)];
	struct timeval most = {.tv_sec = 1};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return false;
	int more = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) ||
				   send(fd, &question, sizeof(question), 0) != sizeof(question)
			   ? -1
			   : 1;
	while (more > 0) {
		ssize_t len = recv(fd, answer, sizeof(answer), 0);
		more = len > 0 ? diag_take(bitmap, answer, (size_t)len) : -1;
	}
	close(fd);
	return !more;
}

/*
 * Those of a namespace that the files of a process show. The files list every connection, for which the kernel walks
 * its whole table: a tenth of a second, where asking for the listening ones takes less than a thousandth.
 */
static void scan_namespace(uint64_t *bitmap, const char *process, bool own)
{
	char path[64];
	if (own && scan_diag(bitmap, AF_INET) && scan_diag(bitmap, AF_INET6))
		return;
	snprintf(path, sizeof(path), "/proc/%s/net/tcp", process);
	scan_file(bitmap, path);
	snprintf(path, sizeof(path), "/proc/%s/net/tcp6", process);
	scan_file(bitmap, path);
}

void ww_listeners__scan(uint64_t *bitmap)
{
	ino_t seen[NAMESPACES_MAX];
	size_t seen_len = 0;
	struct stat own, st;
	bool owned = !stat("/proc/self/ns/net", &own);
	DIR *proc = opendir("/proc");
	if (!proc) {
		scan_namespace(bitmap, "self", true);
		return;
	}
	for (struct dirent *entry = readdir(proc); entry; entry = readdir(proc)) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);
		if (*end || pid <= 0)
			continue;
		char path[64];
		snprintf(path, sizeof(path), "/proc/%ld/ns/net", pid);
		if (stat(path, &st))
			continue;
		bool known = false;
		for (size_t i = 0; i < seen_len && !known; i++)
			known = seen[i] == st.st_ino;
		if (known)
			continue;
		if (seen_len < NAMESPACES_MAX)
			seen[seen_len++] = st.st_ino;
		scan_namespace(bitmap, entry->d_name, owned && st.st_ino == own.st_ino);
	}
	closedir(proc);
}

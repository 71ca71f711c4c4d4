/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF	    39
#endif
#ifndef CAP_CHECKPOINT_RESTORE
#define CAP_CHECKPOINT_RESTORE 40
#endif

/*
 * /proc/PID/map_files, by which the files that runtimes have mapped are found, also in containers and when they have
 * been deleted, wants CAP_CHECKPOINT_RESTORE. The last one only without a user.
 */
static const cap_value_t needed[] = {
	CAP_BPF, CAP_PERFMON, CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_CHECKPOINT_RESTORE, CAP_DAC_OVERRIDE};

#define NEEDED (sizeof(needed) / sizeof(*needed))

static int find_user(const char *user, struct passwd **entry, char *message, size_t message_size)
{
	errno = 0;
	*entry = getpwnam(user);
	if (*entry)
		return 0;
	snprintf(message, message_size, "user '%.64s': %s; `useradd --system %.64s` makes it", user,
		 errno ? strerror(errno) : "there is none", user);
	return -EINVAL;
}

/* A file of the user's that was there before; by its own descriptor, and no link. */
static int give_file(int directory, const char *name, const struct passwd *entry)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;
	int err;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	err = fstat(fd, &status) ? -errno : !S_ISREG(status.st_mode) || status.st_nlink != 1 ? -EEXIST : 0;
	if (!err && (status.st_uid != entry->pw_uid || status.st_gid != entry->pw_gid) &&
	    fchown(fd, entry->pw_uid, entry->pw_gid))
		err = -errno;
	close(fd);
	return err;
}

static int give_directory(const char *directory, const char *name, const struct passwd *entry, bool made)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", ".old", ".old-wal", ".old-shm"};
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	struct stat status;

	if (fd < 0)
		return -errno;
	if (made && fchown(fd, entry->pw_uid, entry->pw_gid))
		err = -errno;
	/* The directory of something else stays whose it is. */
	if (!err && (fstat(fd, &status) || status.st_uid != entry->pw_uid))
		err = -EACCES;
	for (size_t i = 0; !err && i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		char file[NAME_MAX + 1];

		if (snprintf(file, sizeof(file), "%s%s", name, suffixes[i]) >= (int)sizeof(file))
			err = -ENAMETOOLONG;
		else
			err = give_file(fd, file, entry);
	}
	close(fd);
	return err;
}

int ww_privileges__prepare(const char *user, const char *data, char *message, size_t message_size)
{
	const char *slash = strrchr(data, '/');
	struct passwd *entry = NULL;
	char directory[PATH_MAX];
	bool made = false;
	int err = 0;

	if (user)
		err = find_user(user, &entry, message, message_size);
	if (err || !slash || slash == data || slash - data >= (long)sizeof(directory))
		return err;
	memcpy(directory, data, (size_t)(slash - data));
	directory[slash - data] = '\0';
	if (mkdir(directory, 0750)) {
		if (errno != EEXIST) {
			err = -errno;
			snprintf(message, message_size, "%s can't be made: %s; make it, or give another `data`",
				 directory, strerror(errno));
		}
	} else {
		made = true;
	}
	/* Only root can give it away; whoever else starts it as that user has it done before. */
	if (!err && entry && !geteuid())
		err = give_directory(directory, slash + 1, entry, made);
	if (err == -EACCES && entry)
		snprintf(message, message_size,
			 "%s does not belong to user %s; `chown %s %s` gives it to him, or give "
			 "another `data`",
			 directory, user, user, directory);
	else if (err && entry)
		snprintf(message, message_size, "%s: its files can't be given to user %s: %s", directory, user,
			 strerror(-err));
	return err;
}

static int become(const char *user, const struct passwd *entry)
{
	/* Capabilities stay over the change of the user, and go right after it. */
	if (prctl(PR_SET_KEEPCAPS, 1))
		return -errno;
	if (initgroups(user, entry->pw_gid) || setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) ||
	    setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid))
		return -errno;
	return 0;
}

/* Of those that the process has, the needed ones stay; the others can't be had again, by anyone that it starts either.
 */
static int limit(size_t len)
{
	cap_t before = cap_get_proc(), after = cap_init();
	int err = before && after ? 0 : -errno;

	for (cap_value_t cap = 0; !err && cap_get_bound(cap) >= 0; cap++) {
		cap_flag_value_t has = CAP_CLEAR, may = CAP_CLEAR;
		bool stays = false;

		for (size_t i = 0; i < len; i++)
			stays |= needed[i] == cap;
		cap_get_flag(before, CAP_SETPCAP, CAP_EFFECTIVE, &may);
		if (!stays && may == CAP_SET && cap_drop_bound(cap))
			err = -errno;
		cap_get_flag(before, cap, CAP_PERMITTED, &has);
		if (!err && stays && has == CAP_SET &&
		    (cap_set_flag(after, CAP_PERMITTED, 1, &cap, CAP_SET) ||
		     cap_set_flag(after, CAP_EFFECTIVE, 1, &cap, CAP_SET)))
			err = -errno;
	}
	if (!err && (cap_reset_ambient() || cap_set_proc(after)))
		err = -errno;
	cap_free(before);
	cap_free(after);
	return err;
}

int ww_privileges__drop(const char *user, char *message, size_t message_size)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct passwd *entry = NULL;
	cap_t now;
	int err = user ? find_user(user, &entry, message, message_size) : 0;

	if (err)
		return err;
	/* Kernels before 5.11 count maps against it, and only root may raise it. */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	if (entry && entry->pw_uid != geteuid()) {
		err = become(user, entry);
		/* Effective ones are gone with root's id. */
		now = err ? NULL : cap_get_proc();
		if (now) {
			static const cap_value_t set_bound = CAP_SETPCAP;

			cap_set_flag(now, CAP_EFFECTIVE, 1, &set_bound, CAP_SET);
			cap_set_proc(now);
			cap_free(now);
		}
	}
	if (!err)
		err = limit(user ? NEEDED - 1 : NEEDED);
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (err)
		snprintf(message, message_size,
			 "privileges can't be dropped%s%s: %s; start it as root, or without `user`",
			 user ? " to those of user " : "", user ? user : "", strerror(-err));
	return err;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Probes of the process's privileges and of how the host is set up. */
#include <errno.h>
#include <linux/capability.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kernel/features_probe.h"

/* Inodes that the kernel gives the initial namespaces: PROC_PID_INIT_INO, PROC_USER_INIT_INO. */
#define PID_NAMESPACE_OF_HOST  0xeffffffcu
#define USER_NAMESPACE_OF_HOST 0xeffffffdu

static bool holds(const struct ww_probe *probe, int capability)
{
	return probe->host_user && (probe->capabilities >> capability & 1);
}

/* capget() can't fail for the caller itself with a version that the kernel knows. */
uint64_t ww_probe_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &header, data))
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

bool ww_probe_host_user(void)
{
	struct stat namespace;

	return stat("/proc/self/ns/user", &namespace) || namespace.st_ino == USER_NAMESPACE_OF_HOST;
}

bool ww_probe__privileged(const struct ww_probe *probe)
{
	return holds(probe, CAP_SYS_ADMIN) || (holds(probe, CAP_BPF) && holds(probe, CAP_PERFMON));
}

bool ww_probe__may_load(const struct ww_probe *probe)
{
	return ww_probe__privileged(probe) && !probe->bpf_error;
}

/* CAP_SYS_ADMIN stands for the two that were split from it in 5.8. */
void ww_probe_capability(const struct ww_probe *probe, struct ww_feature *row, int capability)
{
	bool split = capability == CAP_BPF || capability == CAP_PERFMON;

	if (holds(probe, capability))
		ww_feature__good(row, "held");
	else if (split && holds(probe, CAP_SYS_ADMIN))
		ww_feature__good(row, "held as CAP_SYS_ADMIN");
	else if (!probe->host_user) {
		ww_feature__bad(row, "not held towards the host: this is a user namespace of its own");
		row->mend = "run it as root of the host, outside of the container";
	} else
		ww_feature__bad(row, "not held by user %u", geteuid());
}

void ww_probe_architecture(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	struct utsname host;

	(void)probe;
	(void)argument;
	uname(&host);
	if (!strcmp(host.machine, "x86_64") || !strcmp(host.machine, "aarch64"))
		ww_feature__good(row, "%s", host.machine);
	else
		ww_feature__bad(row, "%s", host.machine);
}

/* The first line of a file, without its newline. A negative errno when it can't be read. */
static int read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	int err = 0;

	if (!file)
		return -errno;
	if (!fgets(line, (int)size, file))
		err = ferror(file) ? -errno : -ENODATA;
	fclose(file);
	if (!err)
		line[strcspn(line, "\n")] = '\0';
	return err;
}

void ww_probe_jit(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	char value[16];
	int err = read_line("/proc/sys/net/core/bpf_jit_enable", value, sizeof(value));

	(void)probe;
	(void)argument;
	if (err == -ENOENT)
		ww_feature__bad(row, "this kernel was built without it");
	else if (err)
		ww_feature__unknown(row, "net.core.bpf_jit_enable: %s", strerror(-err));
	else if (!strcmp(value, "0"))
		ww_feature__bad(row, "off");
	else
		ww_feature__good(row, "on");
}

void ww_probe_lockdown(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	char modes[64], *chosen;
	int err = read_line("/sys/kernel/security/lockdown", modes, sizeof(modes));

	(void)probe;
	(void)argument;
	if (err == -ENOENT) {
		ww_feature__good(row, "none that securityfs shows");
		return;
	}
	if (err) {
		ww_feature__unknown(row, "/sys/kernel/security/lockdown: %s", strerror(-err));
		return;
	}
	chosen = strchr(modes, '[');
	if (chosen)
		chosen[strcspn(chosen, "]")] = '\0';
	if (chosen && !strcmp(chosen + 1, "confidentiality"))
		ww_feature__bad(row, "confidentiality");
	else
		ww_feature__good(row, "%s", chosen ? chosen + 1 : modes);
}

bool ww_features__host_pids(void)
{
	struct stat namespace;

	return !stat("/proc/self/ns/pid", &namespace) && namespace.st_ino == PID_NAMESPACE_OF_HOST;
}

void ww_probe_pid_namespace(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	struct stat namespace;

	(void)probe;
	(void)argument;
	if (stat("/proc/self/ns/pid", &namespace))
		ww_feature__unknown(row, "/proc/self/ns/pid: %s", strerror(errno));
	else if (namespace.st_ino == PID_NAMESPACE_OF_HOST)
		ww_feature__good(row, "the host's");
	else
		ww_feature__bad(row, "a container's own");
}

/* Whether a mount has the option, of a value other than the two that mean "off". */
static bool hides_pids(const struct mntent *mount, char *value, size_t size)
{
	const char *option = hasmntopt(mount, "hidepid");

	if (!option || !strchr(option, '='))
		return false;
	option = strchr(option, '=') + 1;
	snprintf(value, size, "%.*s", (int)strcspn(option, ","), option);
	return strcmp(value, "0") && strcmp(value, "off");
}

void ww_probe_proc(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	char hidepid[32] = "";
	bool mounted = false, hides = false;
	struct mntent *mount;

	(void)argument;
	while (mounts && (mount = getmntent(mounts))) {
		if (strcmp(mount->mnt_dir, "/proc"))
			continue;
		mounted = true;
		hides = hides_pids(mount, hidepid, sizeof(hidepid));
	}
	if (mounts)
		endmntent(mounts);
	if (!mounted)
		ww_feature__bad(row, "not mounted");
	else if (hides && !holds(probe, CAP_SYS_PTRACE))
		ww_feature__bad(row, "hidepid=%s", hidepid);
	else if (hides)
		ww_feature__good(row, "hidepid=%s, which CAP_SYS_PTRACE sees through", hidepid);
	else
		ww_feature__good(row, "shows every process");
}

void ww_probe_cgroup2(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *mount;
	bool found = false;

	(void)probe;
	(void)argument;
	while (mounts && !found && (mount = getmntent(mounts))) {
		if (strcmp(mount->mnt_type, "cgroup2"))
			continue;
		found = true;
		ww_feature__good(row, "%s", mount->mnt_dir);
	}
	if (mounts)
		endmntent(mounts);
	if (!found)
		ww_feature__bad(row, "not mounted");
}

void ww_probe_bpf_stats(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	char value[16];
	int err = read_line("/proc/sys/kernel/bpf_stats_enabled", value, sizeof(value));

	(void)probe;
	(void)argument;
	if (err)
		ww_feature__unknown(row, "%s", strerror(-err));
	else if (!strcmp(value, "0"))
		ww_feature__good(row, "0");
	else
		ww_feature__bad(row, "%s", value);
}

/* A row that is named for its sysctl, "kernel.name", and only told. */
void ww_probe_sysctl(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	char path[128], value[32];
	int err;

	(void)probe;
	(void)argument;
	snprintf(path, sizeof(path), "/proc/sys/%s", row->name);
	for (char *dot = strchr(path, '.'); dot; dot = strchr(dot, '.'))
		*dot = '/';
	err = read_line(path, value, sizeof(value));
	ww_feature__good(row, "%s", err ? strerror(-err) : value);
}

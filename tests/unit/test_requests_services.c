/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "requests/process.h"
#include "services_host.h"

#define ID "3f4e1c7a9b0d2e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7"

static void processes_of_one_server_are_one_service(void **state)
{
	struct host *host = *state;

	set_process(host->proc, 10, "/usr/sbin/nginx", "nginx: worker", "0::/system.slice/nginx.service\n");
	set_process(host->proc, 11, "/usr/sbin/nginx (deleted)", "nginx: worker", "0::/system.slice/nginx.service\n");
	set_process(host->proc, 12, "/usr/bin/node", "node", "12:cpu:/x\n0::/docker/" ID "\n");
	set_process(host->proc, 13, "/usr/sbin/nginx", "nginx: worker", "0::/docker/" ID "\n");
	assert_string_equal(service_of(host, 10, 80, "nginx"), "nginx:80");
	assert_string_equal(service_of(host, 11, 80, "nginx"), "nginx:80");
	assert_string_equal(service_of(host, 10, 8080, "nginx"), "nginx:8080");
	assert_string_equal(service_of(host, 12, 80, "node"), "node:80");
	/* The same server, the same port, in a container of its own. */
	assert_string_equal(service_of(host, 13, 80, "nginx"), "nginx:80@3f4e1c7a9b0d");
	assert_int_equal(host->catalog.services_len, 4);
	assert_string_equal(host->catalog.services[0].cgroup, "/system.slice/nginx.service");
	assert_string_equal(host->catalog.services[0].container, "");
	assert_string_equal(host->catalog.services[2].container, ID);
}

static void a_process_that_is_gone_counts_to_its_kin(void **state)
{
	struct host *host = *state;

	assert_string_equal(service_of(host, 20, 80, "first"), "first:80");
	set_process(host->proc, 21, "/usr/bin/shop", "shop", "0::/\n");
	assert_string_equal(service_of(host, 21, 80, "worker"), "shop:80");
	assert_string_equal(service_of(host, 22, 80, "worker"), "shop:80");
	assert_string_equal(service_of(host, 23, 81, "worker"), "worker:81");
	/* A server with a process for each request: the first is gone, a later one can be read. */
	set_process(host->proc, 24, "/usr/bin/first", "first", "0::/\n");
	assert_string_equal(service_of(host, 24, 80, "first"), "first:80");
	assert_string_equal(service_of(host, 25, 80, "first"), "first:80");
	assert_int_equal(host->catalog.services_len, 3);
}

static void a_service_is_renamed_when_one_of_its_kin_can_be_read(void **state)
{
	struct host *host = *state;
	const struct ww_catalog_service *first;

	assert_string_equal(service_of(host, 70, 80, "worker"), "worker:80");
	set_process(host->proc, 71, "/usr/bin/shop", "shop", "0::/docker/" ID "\n");
	assert_string_equal(service_of(host, 71, 80, "worker"), "shop:80");
	first = &host->catalog.services[0];
	assert_string_equal(first->name, "shop:80");
	assert_string_equal(first->container, ID);
	assert_string_equal(first->cgroup, "/docker/" ID);
	assert_int_equal(host->catalog.renames, 1);
	/* Whatever else has its key belongs to it, and so do those that are gone again. */
	set_process(host->proc, 72, "/usr/bin/shop", "shop", "0::/docker/" ID "\n");
	assert_string_equal(service_of(host, 72, 80, "another"), "shop:80");
	assert_string_equal(service_of(host, 73, 80, "worker"), "shop:80");
	assert_int_equal(host->catalog.services_len, 1);
	/* Whoever has only the name in common does not. */
	assert_string_equal(service_in(host, 8, 74, 80, "worker"), "worker:80");
	assert_int_equal(host->catalog.services_len, 2);
}

static void a_service_that_may_be_of_two_keeps_its_name(void **state)
{
	struct host *host = *state;

	assert_string_equal(service_in(host, 7, 75, 80, "worker"), "worker:80");
	assert_string_equal(service_in(host, 8, 76, 80, "worker"), "worker:80");
	set_process(host->proc, 77, "/usr/bin/shop", "shop", "0::/\n");
	assert_string_equal(service_in(host, 7, 77, 80, "worker"), "shop:80");
	assert_string_equal(host->catalog.services[0].name, "worker:80");
	assert_int_equal(host->catalog.renames, 0);
}

static void names_stay_different_when_one_is_renamed(void **state)
{
	struct host *host = *state;

	set_process(host->proc, 80, "/usr/bin/shop", "shop", "0::/\n");
	assert_string_equal(service_of(host, 80, 80, "shop"), "shop:80");
	assert_string_equal(service_of(host, 81, 80, "worker"), "worker:80");
	set_process(host->proc, 82, "/opt/shop", "shop", "0::/\n");
	assert_string_equal(service_of(host, 82, 80, "worker"), "shop:80#2");
	/* The name that it has already is not another's. */
	assert_string_equal(service_of(host, 83, 81, "nginx"), "nginx:81");
	set_process(host->proc, 84, "/usr/sbin/nginx", "nginx", "0::/\n");
	assert_string_equal(service_of(host, 84, 81, "nginx"), "nginx:81");
	assert_int_equal(host->catalog.services_len, 3);
	/* One that was known before keeps its own; nor is it renamed. */
	assert_string_equal(service_of(host, 85, 80, "helper"), "helper:80");
	assert_string_equal(service_of(host, 86, 80, "helper"), "helper:80");
	set_process(host->proc, 87, "/usr/bin/shop", "shop", "0::/\n");
	assert_string_equal(service_of(host, 87, 80, "helper"), "shop:80");
	assert_string_equal(service_of(host, 88, 80, "helper"), "shop:80");
	assert_int_equal(host->catalog.services_len, 4);
}

static void unix_sockets_are_named_by_their_path(void **state)
{
	struct host *host = *state;
	struct ww_account account = {.tgid = 30, .local = 3};
	const struct ww_peer peer = {.family = 1, .path = "/run/app\n.sock"};
	int64_t id;

	set_process(host->proc, 30, "/usr/bin/shop", "shop", "0::/\n");
	id = ww_services__find(host->services, &account, &peer);
	assert_string_equal(host->catalog.services[id].name, "shop:/run/app%0A.sock");
}

static void too_many_services_are_one(void **state)
{
	struct host *host = *state;

	for (uint16_t port = 1; port <= 5; port++)
		assert_string_not_equal(service_of(host, 40, port, "x"), "(other)");
	for (uint16_t port = 6; port < 20; port++)
		assert_string_equal(service_of(host, 40, port, "x"), "(other)");
	assert_int_equal(host->catalog.services_len, 6);
	/* What they all are in is nobody's to name. */
	set_process(host->proc, 41, "/usr/bin/shop", "shop", "0::/\n");
	assert_string_equal(service_of(host, 41, 19, "x"), "(other)");
	assert_int_equal(host->catalog.renames, 0);
}

static void other_may_come_by_a_key_that_is_free_again(void **state)
{
	struct host *host = *state;

	for (uint16_t port = 1; port <= 5; port++)
		service_of(host, 44, port, "x");
	set_process(host->proc, 45, "/usr/bin/shop", "shop", "0::/\n");
	assert_string_equal(service_of(host, 45, 5, "x"), "shop:5");
	assert_string_equal(service_in(host, 8, 46, 5, "x"), "(other)");
	set_process(host->proc, 47, "/usr/bin/mill", "mill", "0::/\n");
	assert_string_equal(service_in(host, 8, 47, 5, "x"), "(other)");
}

static void what_runs_is_told_once_and_no_argument(void **state)
{
	struct host *host = *state;
	const struct ww_service_program *programs;
	uint32_t arguments[2];
	size_t len;

	for (int i = 0; i < 2; i++) {
		set_process(host->proc, 50 + i, "/bin/sh", "", "0::/\n");
		write_file(host->proc, 50 + i, "cmdline", i ? "shop\0--password\0b" : "shop\0--password\0a", 17);
		service_of(host, 50 + i, (uint16_t)(80 + i), "shop");
		/* The second process of a service says nothing new. */
		set_process(host->proc, 60 + i, "/bin/sh", "shop", "0::/\n");
		service_of(host, 60 + i, (uint16_t)(80 + i), "shop");
	}
	programs = ww_services__programs(host->services, &len);
	assert_int_equal(len, 2);
	for (int i = 0; i < 2; i++) {
		struct stat status;

		assert_int_equal(stat("/bin/sh", &status), 0);
		assert_int_equal(programs[i].service, i);
		assert_string_equal(programs[i].executable, "/bin/sh");
		assert_int_equal(programs[i].bytes, status.st_size);
		assert_int_equal(programs[i].modified_unix_ns / 1000000000, status.st_mtim.tv_sec);
		arguments[i] = programs[i].arguments;
	}
	assert_int_not_equal(arguments[0], arguments[1]);
}

static void another_program_of_that_number_is_another_service(void **state)
{
	struct host *host = *state;

	set_process(host->proc, 60, "/usr/bin/shop", "shop", "0::/\n");
	assert_string_equal(service_of(host, 60, 80, "shop"), "shop:80");
	end_process(host->proc, 60);
	set_process(host->proc, 60, "/usr/bin/mill", "mill", "0::/\n");
	set_usage(host->proc, 60, 100, 1, 9999, 100); /* it started later */
	ww_services__sample(host->services, 1);
	assert_string_equal(service_of(host, 60, 80, "mill"), "mill:80");
}

static void more_processes_than_are_remembered(void **state)
{
	struct host *host = *state;

	for (uint32_t pid = 100; pid < 100 + 3 * WW_PROCESSES_MAX; pid++)
		assert_string_equal(service_of(host, pid, 80, "fork"), "fork:80");
	ww_services__sample(host->services, 1);
	assert_int_equal(host->catalog.services_len, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_runs_is_told_once_and_no_argument, start_host, end_host),
		cmocka_unit_test_setup_teardown(processes_of_one_server_are_one_service, start_host, end_host),
		cmocka_unit_test_setup_teardown(a_process_that_is_gone_counts_to_its_kin, start_host, end_host),
		cmocka_unit_test_setup_teardown(a_service_is_renamed_when_one_of_its_kin_can_be_read, start_host,
						end_host),
		cmocka_unit_test_setup_teardown(a_service_that_may_be_of_two_keeps_its_name, start_host, end_host),
		cmocka_unit_test_setup_teardown(names_stay_different_when_one_is_renamed, start_host, end_host),
		cmocka_unit_test_setup_teardown(other_may_come_by_a_key_that_is_free_again, start_host, end_host),
		cmocka_unit_test_setup_teardown(unix_sockets_are_named_by_their_path, start_host, end_host),
		cmocka_unit_test_setup_teardown(too_many_services_are_one, start_host, end_host),
		cmocka_unit_test_setup_teardown(another_program_of_that_number_is_another_service, start_host,
						end_host),
		cmocka_unit_test_setup_teardown(more_processes_than_are_remembered, start_host, end_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

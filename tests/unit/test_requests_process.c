/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "requests/process.h"

#define ID "3f4e1c7a9b0d2e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7"

/* Arguments as a string literal with NULs in it. */
#define ARGUMENTS(text) text, sizeof(text)

static void programs_have_the_name_that_people_know(void **state)
{
	static const struct {
		const char *exe, *arguments;
		size_t len;
		const char *program;
	} cases[] = {
		{"nginx", ARGUMENTS("nginx: worker process"), "nginx"},
		{"python3.11", ARGUMENTS("/usr/bin/python3\0/usr/bin/gunicorn\0-w\0004\0app:app"), "gunicorn"},
		{"python3.11",
		 ARGUMENTS("/usr/bin/python3\0/usr/lib/python3/dist-packages/gunicorn/__main__.py\0app:app"),
		 "gunicorn"},
		{"python3.11", ARGUMENTS("gunicorn: worker [app:app]"), "gunicorn"},
		{"python3.11", ARGUMENTS("python3\0-m\0http.server\0008000"), "http.server"},
		{"python3.11", ARGUMENTS("python3\0-u\0-W\0ignore\0-Xdev\0/srv/shop/app.py\0--port\0001"), "app.py"},
		{"python3.11", ARGUMENTS("python3\0-c\0import this"), "python3.11"},
		{"python3.11", ARGUMENTS("python3"), "python3.11"},
		{"python3.11", ARGUMENTS("python3\0-m"), "python3.11"},
		{"node", ARGUMENTS("node\0--max-old-space-size=512\0-r\0./trace.js\0/srv/server.js"), "server.js"},
		{"node", ARGUMENTS("node\0-e\0serve()"), "node"},
		{"ruby3.1", ARGUMENTS("puma 5.6.5 (tcp://0.0.0.0:9292) [shop]"), "puma"},
		{"ruby3.1", ARGUMENTS("ruby\0-I\0lib\0bin/rails\0server"), "rails"},
		{"php8.2", ARGUMENTS("php\0-d\0x=1\0-f\0index.php"), "index.php"},
		{"perl", ARGUMENTS("perl\0-Ilib\0app.psgi"), "app.psgi"},
		{"java", ARGUMENTS("java\0-Xmx1g\0-cp\0a.jar:b.jar\0com.example.shop.Main\0x"), "Main"},
		{"java", ARGUMENTS("java\0-Dx=y\0-jar\0/opt/shop-1.2.jar"), "shop-1.2.jar"},
		{"postgres", ARGUMENTS(""), "postgres"},
		{"pythonic", ARGUMENTS("pythonic\0x.py"), "pythonic"},
		{"node", ARGUMENTS("node\0/srv/a\x1b[2Jb.js"), "a?[2Jb.js"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char program[WW_PROGRAM_SIZE];

		ww_process__program(cases[i].exe, cases[i].arguments, cases[i].len - 1, program);
		assert_string_equal(program, cases[i].program);
	}
}

static void cgroups_tell_containers(void **state)
{
	static const char *const inside[] = {
		"/docker/" ID,
		"/system.slice/docker-" ID ".scope",
		"/kubepods.slice/kubepods-besteffort.slice/cri-containerd-" ID ".scope",
		"/kubepods/burstable/pod1/crio-" ID "/x",
		"/machine.slice/libpod-" ID ".scope/container",
	};
	static const char *const outside[] = {
		"/", "/system.slice/nginx.service", "/docker/3f4e1c7a9b0d", ("/x/" ID "0"), ("/user.slice/a" ID),
	};
	char container[WW_CONTAINER_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
		assert_true(ww_process__container(inside[i], container));
		assert_string_equal(container, ID);
	}
	for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		assert_false(ww_process__container(outside[i], container));
		assert_string_equal(container, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_have_the_name_that_people_know),
		cmocka_unit_test(cgroups_tell_containers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

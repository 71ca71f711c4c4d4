/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "accounts.h"
#include "protocols/route.h"

static void paths_become_routes(void **state)
{
	static const struct {
		const char *path, *route;
	} cases[] = {
		{"/", "/"},
		{"/users", "/users"},
		{"/users/42", "/users/{id}"},
		{"/users/42/", "/users/{id}/"},
		{"/users/-7/orders/0", "/users/{id}/orders/{id}"},
		{"/compare/12,15,18", "/compare/{id}"},
		{"/u/550e8400-e29b-41d4-a716-446655440000", "/u/{uuid}"},
		{"/u/550E8400-E29B-41D4-A716-446655440000/x", "/u/{uuid}/x"},
		{"/u/550e8400-e29b-41d4-a716-44665544000", "/u/550e8400-e29b-41d4-a716-44665544000"},
		{"/commit/d41d8cd98f00b204e9800998ecf8427e", "/commit/{hash}"},
		{"/commit/a1b2c3d4", "/commit/{hash}"},
		{"/c/deadbeefdeadbeef", "/c/{hash}"},
		{"/d/2026-11-20", "/d/{date}"},
		{"/d/2026-11-20T16:22:39Z/x", "/d/{date}/x"},
		{"/d/20261120", "/d/{id}"},
		{"/m/ada@example.org", "/m/{email}"},
		{"/m/ada%40example.org", "/m/{email}"},
		{"/t/dQw4w9WgXcQ", "/t/{token}"},
		{"/t/cus_9s6XKzkNRiz8i3", "/t/{token}"},
		{"/t/eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN", "/t/{token}"},
		{"/t/Y29udGVudC1vZi1h", "/t/{token}"},
		{"/img/42.jpg", "/img/{id}.jpg"},
		{"/js/app.8f3a2b1c9d.js", "/js/app.{hash}.js"},
		{"/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage", "/bot110201543:{token}/sendMessage"},
		{"/orders/42:cancel", "/orders/{id}:cancel"},
		{"/urn:isbn:0451450523", "/urn:isbn:{id}"},
		{"/cart;jsessionid=0A1B2C3D4E5F", "/cart"},
		{"/cart;jsessionid=0A1B2C3D4E5F/items/7;v=1", "/cart/items/{id}"},
		/* words, versions and names stay */
		{"/v1/things:search", "/v1/things:search"},
		{"/api/v1/facade", "/api/v1/facade"},
		{"/api/v2.1/users", "/api/v2.1/users"},
		{"/api/1.1/statuses", "/api/1.1/statuses"},
		{"/oauth2/callback", "/oauth2/callback"},
		{"/getUserProfile/settingsPage", "/getUserProfile/settingsPage"},
		{"/GetAllUserAccountSettings", "/GetAllUserAccountSettings"},
		{"/GetUser2FAStatus/checkoutStep2Confirmation", "/GetUser2FAStatus/checkoutStep2Confirmation"},
		{"/internationalization/configuration", "/internationalization/configuration"},
		{"/long-words-with-many-dashes/and_under_scores", "/long-words-with-many-dashes/and_under_scores"},
		{"/static/css/bootstrap.min.css", "/static/css/bootstrap.min.css"},
		{"/decade/accede", "/decade/accede"},
		{"/wiki/C%2B%2B", "/wiki/C%2B%2B"},
		{"/mp3/base64/utf8/sha256", "/mp3/base64/utf8/sha256"},
		{"/.well-known/acme-challenge", "/.well-known/acme-challenge"},
		{"//double//slash", "//double//slash"},
		{"*", "*"},
		{"(invalid)", "(invalid)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char route[600];

		size_t len = ww_route__template(NULL, 0, cases[i].path, route, sizeof(route));

		assert_string_equal(route, cases[i].route);
		assert_int_equal(len, strlen(route));
	}
}

static void patterns_come_first(void **state)
{
	static const char *const patterns[] = {"/shop/{name}/items", "/shop/{name}", "/files/{path...}", "/exact/42"};
	static const struct {
		const char *path, *route;
	} cases[] = {
		{"/shop/tea/items", "/shop/{name}/items"},
		{"/shop/42", "/shop/{name}"},
		{"/shop/", "/shop/"},
		{"/shop/tea/items/42", "/shop/tea/items/{id}"},
		{"/shops/tea/items", "/shops/tea/items"},
		{"/files/a/b/c", "/files/{path...}"},
		{"/files/", "/files/{path...}"},
		{"/files", "/files"},
		{"/exact/42", "/exact/42"},
		{"/exact/43", "/exact/{id}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char route[600];

		ww_route__template(patterns, 4, cases[i].path, route, sizeof(route));
		assert_string_equal(route, cases[i].route);
	}
}

static void patterns_are_checked(void **state)
{
	static const char *const good[] = {"/", "/a", "/{a}", "/a/{b}/c", "/a/{rest...}"};
	static const char *const bad[] = {"",	   "a",	    "/{",	 "/{}",	    "/}",
					  "/a{b}", "/{a}b", "/{a...}/b", "/{a}{b}", "/{{a}}"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(ww_route__check_pattern(good[i]), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(ww_route__check_pattern(bad[i]), -EINVAL);
}

static void any_path_fits_any_room(void **state)
{
	static const char alphabet[] = "//..aZ09-_=%{}@,:;";
	struct draw draw = draw_start();

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char path[200] = "/", *route;
		size_t len = draw_number(&draw, sizeof(path) - 2), size = draw_number(&draw, 250) + 1;

		for (size_t i = 0; i < len; i++)
			path[1 + i] = alphabet[draw_number(&draw, sizeof(alphabet) - 1)];
		path[1 + len] = '\0';
		route = malloc(size);
		len = ww_route__template(NULL, 0, path, route, size);
		assert_true(len < size && strlen(route) == len);
		free(route);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_become_routes),
		cmocka_unit_test(patterns_come_first),
		cmocka_unit_test(patterns_are_checked),
		cmocka_unit_test(any_path_fits_any_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

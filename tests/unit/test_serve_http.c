/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The HTTP side as a whole, on a recording that is being written in the same process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "recordings.h"
#include "serve/http.h"
#include "serve/http_access.h"

#define ANSWER_MOST (1 << 20)
#define START	    1767225600000000000ll /* 2026-01-01, the start of an interval */

static char answer[ANSWER_MOST]; /* the last one, with its head */
static enum ww_daemon_state state_now;
static uint64_t last_ns; /* by CLOCK_MONOTONIC */

static void status_of(void *ctx, struct ww_daemon_status *status)
{
	(void)ctx;
	*status = (struct ww_daemon_status){
		.state = state_now, .start_unix_ns = START, .last_unix_ns = START, .last_ns = last_ns};
	snprintf(status->reason, sizeof(status->reason), "%s",
		 state_now == WW_DAEMON_PAUSED ? "it costs too much" : "");
}

static unsigned port_of(const struct ww_http *http)
{
	return (unsigned)atoi(strrchr(ww_http__url(http, 0), ':') + 1);
}

static int connect_to(unsigned port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct timeval patience = {.tv_sec = 5};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && !connect(fd, (const struct sockaddr *)&address, sizeof(address)));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

/* Sends bytes as they are, reads until the other end closes; the status of the answer, 0 without one. */
static int talk(unsigned port, const char *bytes, size_t len)
{
	int fd = connect_to(port);
	size_t got = 0;
	ssize_t more;

	/* Who is refused may not be read to the end. */
	if (send(fd, bytes, len, MSG_NOSIGNAL) < 0)
		assert_true(errno == EPIPE || errno == ECONNRESET);
	while (got < sizeof(answer) - 1 && (more = recv(fd, answer + got, sizeof(answer) - 1 - got, 0)) > 0)
		got += (size_t)more;
	close(fd);
	answer[got] = '\0';
	return !strncmp(answer, "HTTP/1.1 ", 9) ? atoi(answer + 9) : 0;
}

static int ask_with(unsigned port, const char *method, const char *path, const char *headers)
{
	char request[4096];
	int len = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nConnection: close\r\n%s\r\n", method, path,
			   headers);

	return talk(port, request, (size_t)len);
}

static int get(unsigned port, const char *path)
{
	return ask_with(port, "GET", path, "Host: localhost\r\n");
}

static const char *body(void)
{
	const char *end = strstr(answer, "\r\n\r\n");

	return end ? end + 4 : "";
}

static void has(const char *text)
{
	if (!strstr(answer, text))
		fail_msg("no '%s' in %.2000s", text, answer);
}

struct served {
	struct fixture *fixture;
	struct ww_recorder *recorder;
	struct ww_totals *totals;
	struct ww_http *http;
	unsigned port;
};

static void serve(struct served *served, const char *listen, const char *token_file)
{
	const struct ww_http_options options = {
		.listen = listen,
		.token_file = token_file,
		.recording = served->fixture->path,
		.totals = served->totals,
		.status = status_of,
	};
	char message[512] = "";

	if (ww_http__open(&served->http, &options, message, sizeof(message)))
		fail_msg("%s", message);
	assert_int_equal(ww_http__start(served->http), 0);
	served->port = port_of(served->http);
}

static void setup(struct served *served, void **state)
{
	*served = (struct served){.fixture = *state, .totals = ww_totals__new(10)};
	state_now = WW_DAEMON_OBSERVING;
	assert_non_null(served->totals);
}

static void record(struct served *served)
{
	served->recorder = create(served->fixture, true);
	served->fixture->interval = START;
	assert_int_equal(commit(served->fixture, served->recorder, 20, false), 0);
}

static void teardown(struct served *served)
{
	ww_http__stop(served->http);
	ww_totals__free(served->totals);
	ww_recorder__close(served->recorder);
}

static void test_pages(void **state)
{
	struct served served;
	struct timespec now;

	setup(&served, state);
	serve(&served, "127.0.0.1:0", NULL);
	assert_int_equal(get(served.port, "/"), 200);
	has("Content-Security-Policy: default-src 'none'; style-src 'sha256-");
	has("X-Content-Type-Options: nosniff");
	has("<title>whywait</title>");
	assert_null(strstr(answer, "Access-Control"));
	assert_int_equal(ask_with(served.port, "HEAD", "/", "Host: localhost\r\n"), 200);
	assert_string_equal(body(), "");
	assert_int_equal(get(served.port, "/metrics"), 200);
	has("Content-Type: text/plain; version=0.0.4");
	assert_int_equal(ask_with(served.port, "GET", "/metrics",
				  "Host: localhost\r\nAccept: application/openmetrics-text; version=1.0.0\r\n"),
			 200);
	has("Content-Type: application/openmetrics-text; version=1.0.0");
	has("# EOF\n");
	assert_int_equal(get(served.port, "/healthz"), 200);
	assert_int_equal(get(served.port, "/readyz"), 200);
	/* Whatever the host's clock says meanwhile. */
	last_ns = 1;
	assert_int_equal(get(served.port, "/healthz"), 503);
	clock_gettime(CLOCK_MONOTONIC, &now);
	last_ns = (uint64_t)now.tv_sec * 1000000000;
	assert_int_equal(get(served.port, "/healthz"), 200);
	state_now = WW_DAEMON_PAUSED;
	assert_int_equal(get(served.port, "/healthz"), 200);
	assert_int_equal(get(served.port, "/readyz"), 503);
	assert_string_equal(body(), "it costs too much\n");
	teardown(&served);
}

static void test_what_is_refused(void **state)
{
	struct served served;
	static const char head[] = "GET /";
	char *large = malloc(70000);

	setup(&served, state);
	serve(&served, "127.0.0.1:0", NULL);
	assert_int_equal(ask_with(served.port, "POST", "/", "Host: localhost\r\nContent-Length: 1000000000\r\n"), 405);
	has("Allow: GET, HEAD");
	assert_int_equal(ask_with(served.port, "GET", "/", "Host: localhost\r\nContent-Length: 10\r\n"), 413);
	assert_int_equal(ask_with(served.port, "GET", "/", "Host: localhost\r\nTransfer-Encoding: chunked\r\n"), 413);
	assert_int_equal(ask_with(served.port, "GET", "/", "Host: evil.example\r\n"), 421);
	assert_int_equal(ask_with(served.port, "GET", "/healthz", "Host: evil.example\r\n"), 421);
	assert_int_equal(ask_with(served.port, "GET", "/", ""), 400);
	assert_int_equal(get(served.port, "/nothing"), 404);
	assert_int_equal(get(served.port, "/../../etc/passwd"), 404);
	assert_int_equal(get(served.port, "/api/v1/nothing"), 404);
	assert_int_equal(get(served.port, "/api/v1/series?last=x"), 400);
	assert_string_equal(body(), "{\"error\":\"last: give a whole number from 1 to 34560000\"}");
	assert_int_equal(get(served.port, "/api/v1/series?a%00b=%00"), 400);
	memset(large, 'x', 70000);
	memcpy(large, head, sizeof(head) - 1);
	assert_in_range(talk(served.port, large, 70000), 0, 499);
	assert_int_not_equal(strncmp(answer, "HTTP/1.1 2", 10), 0);
	/* It still answers. */
	assert_int_equal(get(served.port, "/healthz"), 200);
	free(large);
	teardown(&served);
}

static void test_rate(void **state)
{
	struct served served;
	unsigned refused = 0;

	setup(&served, state);
	serve(&served, "127.0.0.1:0", NULL);
	for (int i = 0; i < WW_RATE_BURST + 40; i++)
		refused += get(served.port, "/healthz") == 429;
	assert_true(refused > 0);
	teardown(&served);
}

static void test_token(void **state)
{
	char path[] = "/tmp/whywait-token-XXXXXX";
	int fd = mkstemp(path);
	struct served served;

	assert_true(write(fd, "0123456789abcdef\n", 17) == 17);
	close(fd);
	setup(&served, state);
	serve(&served, "127.0.0.1:0", path);
	assert_int_equal(get(served.port, "/"), 401);
	has("WWW-Authenticate: Bearer");
	assert_int_equal(get(served.port, "/metrics"), 401);
	assert_int_equal(get(served.port, "/api/v1/status"), 401);
	assert_int_equal(
		ask_with(served.port, "GET", "/metrics", "Host: any.example\r\nAuthorization: Bearer wrong\r\n"), 401);
	assert_int_equal(ask_with(served.port, "GET", "/metrics",
				  "Host: any.example\r\nAuthorization: Bearer 0123456789abcdef\r\n"),
			 200);
	assert_int_equal(get(served.port, "/healthz"), 200);
	teardown(&served);
	unlink(path);
}

/* Runs a command of the shell, in a directory; its exit status. */
static int shell(const char *directory, const char *command)
{
	char line[1024];
	int status;

	snprintf(line, sizeof(line), "cd %s && { %s; } >out 2>&1", directory, command);
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The status that a client of these arguments gets; 0: no answer. */
static int curl(const struct served *served, const char *arguments)
{
	char command[512];
	FILE *in;
	int status = 0;

	snprintf(command, sizeof(command),
		 "curl -sk --noproxy '*' -o answer -w '%%{http_code}' %s https://127.0.0.1:%u/metrics", arguments,
		 served->port);
	shell(served->fixture->directory, command);
	snprintf(command, sizeof(command), "%s/out", served->fixture->directory);
	in = fopen(command, "re");
	assert_true(in && fscanf(in, "%d", &status) == 1);
	fclose(in);
	return status;
}

/* An authority, and a certificate of it; another one of nobody's. */
static const char make_certificates[] =
	"openssl ecparam -name prime256v1 -genkey -noout -out key && "
	"openssl req -x509 -new -key key -days 2 -subj /CN=authority -out ca && "
	"openssl req -new -key key -subj /CN=client -out request && "
	"openssl x509 -req -in request -CA ca -CAkey key -CAcreateserial -days 2 -out client && "
	"openssl req -x509 -new -key key -days 2 -subj /CN=stranger -out stranger";

static void test_client_certificates(void **state)
{
	struct served served;
	char certificate[192], key[192], ca[192], message[512] = "";
	struct ww_http_options options = {
		.tls_certificate = certificate, .tls_key = key, .tls_client_ca = ca, .status = status_of};

	setup(&served, state);
	assert_int_equal(shell(served.fixture->directory, make_certificates), 0);
	snprintf(certificate, sizeof(certificate), "%s/ca", served.fixture->directory);
	snprintf(key, sizeof(key), "%s/key", served.fixture->directory);
	snprintf(ca, sizeof(ca), "%s/ca", served.fixture->directory);
	options.listen = "0.0.0.0:0"; /* which needs them */
	options.recording = served.fixture->path;
	options.totals = served.totals;
	if (ww_http__open(&served.http, &options, message, sizeof(message)))
		fail_msg("%s", message);
	assert_int_equal(ww_http__start(served.http), 0);
	served.port = port_of(served.http);
	assert_int_equal(curl(&served, "--cert client --key key"), 200);
	assert_int_equal(curl(&served, ""), 403);
	assert_int_not_equal(curl(&served, "--cert stranger --key key"), 200);
	assert_int_equal(get(served.port, "/metrics"), 0); /* without TLS */
	ww_http__stop(served.http);
	served.http = NULL;

	options.tls_key = NULL;
	assert_int_equal(ww_http__open(&served.http, &options, message, sizeof(message)), -EINVAL);
	options.tls_key = served.fixture->path; /* which is not there */
	assert_int_equal(ww_http__open(&served.http, &options, message, sizeof(message)), -ENOENT);
	teardown(&served);
}

/* Who does not look after it gets no address that others reach. */
static void test_beyond_loopback(void **state)
{
	struct ww_http_options options = {.listen = "0.0.0.0:0", .recording = "", .status = status_of};
	struct ww_http *http = NULL;
	char message[512] = "";

	(void)state;
	assert_int_equal(ww_http__open(&http, &options, message, sizeof(message)), -EPERM);
	assert_non_null(strstr(message, "0.0.0.0:0 is beyond loopback"));
	options.listen = "127.0.0.1:0,[::]:0";
	assert_int_equal(ww_http__open(&http, &options, message, sizeof(message)), -EPERM);
	options.listen = "somewhere";
	assert_int_equal(ww_http__open(&http, &options, message, sizeof(message)), -EINVAL);
	options.listen = "192.0.2.1:80,127.0.0.1:0";
	assert_int_equal(ww_http__open(&http, &options, message, sizeof(message)), -EPERM);
	assert_null(http);
}

/* Another process sees whether this one has the locks of SQLite on the file. */
static bool is_locked(const char *path)
{
	int status = 0, fd;
	pid_t child = fork();

	if (!child) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 512};

		fd = open(path, O_RDWR | O_CLOEXEC);
		_exit(fd < 0 || fcntl(fd, F_GETLK, &lock) || lock.l_type == F_UNLCK);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static json_int_t number_at(const json_t *object, const char *first, const char *second)
{
	const json_t *inner = second ? json_object_get(object, first) : object;

	return json_integer_value(json_object_get(inner, second ? second : first));
}

static void test_api(void **state)
{
	json_int_t requests = 0, kinds = 0;
	struct served served;
	json_t *object, *endpoint, *steps, *step;
	size_t i;

	setup(&served, state);
	serve(&served, "127.0.0.1:0", NULL);
	assert_int_equal(get(served.port, "/api/v1/status"), 200);
	has("\"recorded\":null");
	assert_int_equal(get(served.port, "/api/v1/endpoints"), 503);
	has("nothing is recorded yet");
	record(&served);
	assert_true(is_locked(served.fixture->path));

	assert_int_equal(get(served.port, "/api/v1/endpoints?last=3600"), 200);
	object = json_loads(body(), 0, NULL);
	endpoint = json_array_get(json_object_get(object, "endpoints"), 0);
	assert_string_equal(json_string_value(json_object_get(endpoint, "route")), "/");
	assert_int_equal(number_at(endpoint, "requests", NULL), 20);
	json_array_foreach(json_object_get(endpoint, "kinds_ns"), i, step) kinds += json_integer_value(step);
	assert_int_equal(kinds, number_at(endpoint, "wall_ns", "sum"));
	json_decref(object);

	assert_int_equal(get(served.port, "/api/v1/series?last=600&endpoint=shop:80%20GET%20/"), 200);
	object = json_loads(body(), 0, NULL);
	steps = json_object_get(object, "steps");
	json_array_foreach(steps, i, step)
	{
		json_int_t heat = 0;
		const json_t *row;
		size_t j;

		requests += number_at(step, "requests", NULL);
		json_array_foreach(json_object_get(step, "heat"), j, row) heat += json_integer_value(row);
		assert_int_equal(heat, number_at(step, "requests", NULL));
	}
	assert_int_equal(requests, 20);
	json_decref(object);

	assert_int_equal(get(served.port, "/api/v1/requests?limit=3"), 200);
	has("{\"requests\":[");
	assert_int_equal(get(served.port, "/api/v1/report?endpoint=nothing"), 200);
	assert_int_equal(get(served.port, "/api/v1/stacks"), 200);
	has("\"recorded\":false");

	/* To read it took nothing from who writes it, and it goes on. */
	assert_true(is_locked(served.fixture->path));
	assert_int_equal(commit(served.fixture, served.recorder, 5, true), 0);
	assert_int_equal(get(served.port, "/api/v1/endpoints"), 200);
	has("\"requests\":25");
	teardown(&served);
}

/* Whoever is slow holds up nobody, and ends. */
static void test_slow_clients(void **state)
{
	int slow[WW_RATE_BURST / 4];
	struct timespec now;
	struct served served;
	char byte;

	setup(&served, state);
	serve(&served, "127.0.0.1:0", NULL);
	for (size_t i = 0; i < sizeof(slow) / sizeof(*slow); i++) {
		slow[i] = connect_to(served.port);
		assert_int_equal(send(slow[i], "GET / HT", 8, 0), 8);
	}
	assert_int_equal(get(served.port, "/healthz"), 200);
	clock_gettime(CLOCK_MONOTONIC, &now);
	ww_http__tick(served.http, ((uint64_t)now.tv_sec + 3600) * 1000000000);
	for (size_t i = 0; i < sizeof(slow) / sizeof(*slow); i++) {
		assert_int_equal(recv(slow[i], &byte, 1, 0), 0);
		close(slow[i]);
	}
	assert_int_equal(get(served.port, "/healthz"), 200);
	teardown(&served);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pages, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(test_what_is_refused, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(test_rate, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(test_token, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(test_client_certificates, make_fixture, drop_fixture),
		cmocka_unit_test(test_beyond_loopback),
		cmocka_unit_test_setup_teardown(test_api, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(test_slow_clients, make_fixture, drop_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

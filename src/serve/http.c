/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/http.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "outputs/openmetrics.h"
#include "serve/http_access.h"
#include "serve/http_listen.h"
#include "serve/http_worker.h"
#include "serve/page.h"

#define IDLE_SECONDS	 15
#define CONNECTION_BYTES 32768 /* a request's head has to fit in it */
#define FILE_MOST	 65536 /* of certificates and keys */
#define STALLED_NS	 60000000000ull
#define QUIET_POLICY	 "default-src 'none'; frame-ancestors 'none'"

struct ww_http {
	struct ww_http_options options;
	struct ww_token token;
	char *certificate, *key, *client_ca; /* what is in the files */
	struct ww_page page;
	struct ww_api *api;
	struct ww_worker *worker;
	struct ww_listening listening[WW_HTTP_ADDRESSES];
	struct listener {
		struct ww_http *http;
		struct MHD_Daemon *daemon;
		bool loopback;
	} listeners[WW_HTTP_ADDRESSES];
	size_t listeners_len;
	pthread_mutex_t mutex; /* of `rate` */
	struct ww_rate rate;
	struct ww_patiences patiences;
};

/* A request, from its head to the end of its answer. */
struct exchange {
	struct MHD_Connection *connection;
	bool waits; /* for the worker */
	struct ww_job job;
};

static void add_headers(struct MHD_Response *response, const struct ww_reply *reply, const char *policy)
{
	MHD_add_response_header(response, "Content-Type", reply->type);
	MHD_add_response_header(response, "Content-Security-Policy", policy);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "X-Frame-Options", "DENY");
	MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	MHD_add_response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "Vary", "Accept");
	switch (reply->status) {
	case 401:
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"whywait\"");
		/* Browsers ask for a password then, which is the token. */
		MHD_add_response_header(response, "WWW-Authenticate", "Basic realm=\"whywait\", charset=\"UTF-8\"");
		break;
	case 405:
		MHD_add_response_header(response, "Allow", "GET, HEAD");
		break;
	case 429:
	case 503:
		MHD_add_response_header(response, "Retry-After", "1");
		break;
	}
}

/* Sends it; its body is the response's from here on. */
static enum MHD_Result send_reply(struct MHD_Connection *connection, struct ww_reply *reply, const char *policy)
{
	struct MHD_Response *response;
	enum MHD_Result sent;

	if (!reply->body) {
		/* Not even the error could be written. */
		reply->status = reply->status < 400 ? 500 : reply->status;
		response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
	} else {
		response = MHD_create_response_from_buffer(reply->len, reply->body, MHD_RESPMEM_MUST_FREE);
	}
	if (!response) {
		free(reply->body);
		reply->body = NULL;
		return MHD_NO;
	}
	reply->body = NULL;
	add_headers(response, reply, policy);
	sent = MHD_queue_response(connection, reply->status, response);
	MHD_destroy_response(response);
	return sent;
}

static enum MHD_Result send_error(struct MHD_Connection *connection, unsigned status, const char *text)
{
	struct ww_reply reply = {0};

	ww_reply__error(&reply, status, "%s", text);
	return send_reply(connection, &reply, QUIET_POLICY);
}

static enum MHD_Result send_page(const struct ww_http *http, struct MHD_Connection *connection)
{
	struct ww_reply reply = {.status = 200, .type = "text/html; charset=utf-8", .len = http->page.len};

	reply.body = malloc(http->page.len);
	if (!reply.body)
		return send_error(connection, 503, "out of memory");
	memcpy(reply.body, http->page.html, http->page.len);
	return send_reply(connection, &reply, http->page.policy);
}

static enum MHD_Result send_metrics(const struct ww_http *http, struct MHD_Connection *connection)
{
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
	bool open = ww_openmetrics__is_accepted(accept);
	struct ww_reply reply = {.status = 200, .type = open ? WW_OPENMETRICS_TYPE : WW_PROMETHEUS_TYPE};
	struct ww_totals_copy copy = {0};
	int err = ww_totals__copy(http->options.totals, &copy);
	FILE *out = err ? NULL : open_memstream(&reply.body, &reply.len);

	if (out) {
		err = ww_openmetrics__write(out, &copy, open);
		if (fclose(out))
			err = -ENOMEM;
	}
	ww_totals_copy__free(&copy);
	if (!out || err)
		ww_reply__error(&reply, 503, "out of memory");
	return send_reply(connection, &reply, QUIET_POLICY);
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Why the daemon is not well, or not ready; NULL when it is. */
static const char *complaint(const struct ww_daemon_status *status, bool ready, uint64_t now)
{
	bool stalled = status->state == WW_DAEMON_OBSERVING && status->last_ns && now - status->last_ns > STALLED_NS;

	if (stalled)
		return "it stands still: nothing was observed for a minute";
	if (!ready || status->state == WW_DAEMON_OBSERVING)
		return NULL;
	if (*status->reason)
		return status->reason;
	return status->state == WW_DAEMON_STARTING ? "it is starting" : "it is not observing";
}

static enum MHD_Result send_health(const struct ww_http *http, struct MHD_Connection *connection, bool ready)
{
	struct ww_reply reply = {.status = 200, .type = WW_TEXT_TYPE};
	struct ww_daemon_status status = {0};
	const char *why;
	int len;

	http->options.status(http->options.ctx, &status);
	why = complaint(&status, ready, monotonic_ns());
	if (why)
		reply.status = 503;
	len = asprintf(&reply.body, "%s\n", why ? why : "ok");
	if (len < 0)
		return MHD_NO;
	reply.len = (size_t)len;
	return send_reply(connection, &reply, QUIET_POLICY);
}

struct asked {
	struct ww_api_query *query;
	char message[256]; /* "": nothing was wrong */
};

static enum MHD_Result take_parameter(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct asked *asked = ctx;

	(void)kind;
	return ww_api_query__set(asked->query, name, value, asked->message, sizeof(asked->message)) ? MHD_NO : MHD_YES;
}

static void resume(void *ctx)
{
	struct exchange *exchange = ctx;

	MHD_resume_connection(exchange->connection);
}

static enum MHD_Result begin_api(const struct ww_http *http, struct exchange *exchange, const char *name)
{
	struct MHD_Connection *connection = exchange->connection;
	struct asked asked = {.query = &exchange->job.query};
	int err;

	if (ww_api_query__init(&exchange->job.query, name))
		return send_error(connection, 404, "no such thing: docs/api.md says what there is");
	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_parameter, &asked);
	if (*asked.message)
		return send_error(connection, 400, asked.message);
	exchange->job.ready = resume;
	exchange->job.ctx = exchange;
	exchange->waits = true;
	/* The worker may be done before this returns: so it is suspended first. */
	MHD_suspend_connection(connection);
	err = ww_worker__take(http->worker, &exchange->job);
	if (err) {
		ww_reply__error(&exchange->job.reply, 503, "%s",
				err == -EBUSY ? "too many ask at once: come again" : "whywait is ending");
		exchange->job.done = true;
		MHD_resume_connection(connection);
	}
	return MHD_YES;
}

/* Whether the client has shown a certificate of the authority. */
static bool is_certified(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	unsigned status = ~0u;

	return info && info->tls_session &&
	       !gnutls_certificate_verify_peers2((gnutls_session_t)info->tls_session, &status) && !status;
}

/* Why a request is not answered: the status of HTTP, with *text; 0 when it is. */
static unsigned refuse(struct ww_http *http, const struct listener *listener, struct MHD_Connection *connection,
		       const char *url, const char *method, const char **text)
{
	const union MHD_ConnectionInfo *client =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	bool open = !http->token.len && !http->client_ca, allowed;

	pthread_mutex_lock(&http->mutex);
	allowed = ww_rate__allows(&http->rate, client ? client->client_addr : NULL, monotonic_ns());
	pthread_mutex_unlock(&http->mutex);
	if (!allowed) {
		*text = "too many requests: come again in a second";
		return 429;
	}
	/* A name that a page elsewhere made to lead here is another one than this host's. */
	if (listener->loopback && open &&
	    !ww_host__is_loopback(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host"))) {
		*text = "the Host header names another host: use localhost, 127.0.0.1 or [::1]";
		return 421;
	}
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		*text = "GET and HEAD only";
		return 405;
	}
	/* Whoever looks after the daemon has no secrets, and hears none. */
	if (!strcmp(url, "/healthz") || !strcmp(url, "/readyz"))
		return 0;
	if (http->client_ca && !is_certified(connection) && !http->token.len) {
		*text = "no certificate of a client that this server's authority has signed";
		return 403;
	}
	if (http->token.len && !(http->client_ca && is_certified(connection)) &&
	    !ww_token__is_in(&http->token, MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization"))) {
		*text = "no valid token: send `Authorization: Bearer TOKEN`, or the token as password";
		return 401;
	}
	return 0;
}

static struct ww_patience *patience_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* Nobody who asks for something sends a body along: it would have to be read before the answer. */
static bool has_body(struct MHD_Connection *connection)
{
	const char *len = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");

	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding") ||
	       (len && strspn(len, "0") != strlen(len));
}

/* The head of a request was read. To answer at this moment is to end the connection: so only what is refused is. */
static enum MHD_Result begin(struct listener *listener, struct MHD_Connection *connection, const char *url,
			     const char *method, void **request)
{
	struct ww_http *http = listener->http;
	struct exchange *exchange;
	const char *text = NULL;
	unsigned status;

	ww_patiences__turn(&http->patiences, patience_of(connection), true);
	status = refuse(http, listener, connection, url, method, &text);
	if (!status && has_body(connection)) {
		status = 413;
		text = "a request without a body, please";
	}
	if (status)
		return send_error(connection, status, text);
	exchange = calloc(1, sizeof(*exchange));
	if (!exchange)
		return send_error(connection, 503, "out of memory");
	exchange->connection = connection;
	*request = exchange;
	return MHD_YES;
}

static enum MHD_Result answer(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *upload, size_t *upload_size, void **request)
{
	struct listener *listener = ctx;
	const struct ww_http *http = listener->http;
	struct exchange *exchange = *request;

	(void)version;
	(void)upload;
	(void)upload_size;
	if (!exchange)
		return begin(listener, connection, url, method, request);
	if (exchange->waits)
		return exchange->job.done ? send_reply(connection, &exchange->job.reply, QUIET_POLICY) : MHD_YES;
	if (!strcmp(url, "/"))
		return send_page(http, connection);
	if (!strcmp(url, "/metrics"))
		return send_metrics(http, connection);
	if (!strcmp(url, "/healthz") || !strcmp(url, "/readyz"))
		return send_health(http, connection, url[1] == 'r');
	if (!strncmp(url, WW_API_PREFIX, strlen(WW_API_PREFIX)))
		return begin_api(http, exchange, url + strlen(WW_API_PREFIX));
	return send_error(connection, 404, "no such page: there are /, /metrics, /healthz, /readyz and " WW_API_PREFIX);
}

static void end_request(void *ctx, struct MHD_Connection *connection, void **request,
			enum MHD_RequestTerminationCode code)
{
	const struct listener *listener = ctx;
	struct exchange *exchange = *request;

	(void)code;
	ww_patiences__turn(&listener->http->patiences, patience_of(connection), false);
	if (exchange)
		free(exchange->job.reply.body);
	free(exchange);
	*request = NULL;
}

static void note_connection(void *ctx, struct MHD_Connection *connection, void **socket_context,
			    enum MHD_ConnectionNotificationCode code)
{
	struct ww_patiences *patiences = &((const struct listener *)ctx)->http->patiences;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*socket_context = info ? ww_patiences__add(patiences, info->connect_fd) : NULL;
	else
		ww_patiences__drop(patiences, *socket_context);
}

/* What clients do wrong is told to them. */
static void log_nothing(void *ctx, const char *format, va_list args)
{
	(void)ctx;
	(void)format;
	(void)args;
}

static int start_listener(struct ww_http *http, size_t i)
{
	struct listener *listener = &http->listeners[i];
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME |
			 MHD_USE_ITC | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, http->certificate},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, http->key},
		{http->client_ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, http->client_ca},
		{MHD_OPTION_END, 0, NULL},
	};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

	listener->http = http;
	listener->loopback = http->listening[i].loopback;
	/* The log comes first: it is for what the other options do, too. */
	listener->daemon = MHD_start_daemon(
		flags | (http->certificate ? MHD_USE_TLS : 0), 0, NULL, NULL, answer, listener,
		MHD_OPTION_EXTERNAL_LOGGER, log_nothing, NULL, MHD_OPTION_LISTEN_SOCKET, http->listening[i].fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)WW_CONNECTIONS_MOST, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, end_request, listener,
		MHD_OPTION_NOTIFY_CONNECTION, note_connection, listener, MHD_OPTION_ARRAY,
		http->certificate ? tls : none, MHD_OPTION_END);
	return listener->daemon ? 0 : errno ? -errno : -EIO;
}

/* The text of a PEM file. */
static int read_file(char **text, const char *path, char *message, size_t message_size)
{
	FILE *in = fopen(path, "re");
	char *new = calloc(1, FILE_MOST + 1);
	size_t len = in && new ? fread(new, 1, FILE_MOST + 1, in) : 0;
	int err = !in || ferror(in) ? -errno : !new ? -ENOMEM : !len || len > FILE_MOST ? -EINVAL : 0;

	if (in)
		fclose(in);
	if (err) {
		free(new);
		snprintf(message, message_size, "%s can't be read: %s", path,
			 err == -EINVAL ? "it is no PEM file" : strerror(-err));
		return err;
	}
	*text = new;
	return 0;
}

/* What TLS is told about in part says nothing when it starts: so it is looked at before. */
static int read_tls(struct ww_http *http, char *message, size_t message_size)
{
	const struct ww_http_options *options = &http->options;
	int err;

	if (!options->tls_certificate && !options->tls_key && !options->tls_client_ca)
		return 0;
	if (!options->tls_certificate || !options->tls_key) {
		snprintf(message, message_size, "TLS needs both a certificate and its key");
		return -EINVAL;
	}
	err = read_file(&http->certificate, options->tls_certificate, message, message_size)
		      ?: read_file(&http->key, options->tls_key, message, message_size);
	if (!err && options->tls_client_ca)
		err = read_file(&http->client_ca, options->tls_client_ca, message, message_size);
	return err;
}

int ww_http__open(struct ww_http **http, const struct ww_http_options *options, char *message, size_t message_size)
{
	struct ww_http *new = calloc(1, sizeof(*new));
	bool guarded;
	int err = 0;

	if (!new) {
		snprintf(message, message_size, "out of memory");
		return -ENOMEM;
	}
	new->options = *options;
	pthread_mutex_init(&new->mutex, NULL);
	pthread_mutex_init(&new->patiences.mutex, NULL);
	if (options->token_file)
		err = ww_token__read(&new->token, options->token_file, message, message_size);
	if (!err)
		err = read_tls(new, message, message_size);
	if (!err && (ww_page__make(&new->page) ||
		     !(new->api = ww_api__new(options->recording, options->status, options->ctx)))) {
		snprintf(message, message_size, "out of memory");
		err = -ENOMEM;
	}
	guarded = new->token.len || new->client_ca;
	if (!err)
		err = ww_listening__open(new->listening, options->listen, new->certificate, guarded, message,
					 message_size);
	if (err < 0) {
		ww_http__stop(new);
		return err;
	}
	new->listeners_len = (size_t)err;
	*http = new;
	return 0;
}

int ww_http__start(struct ww_http *http)
{
	int err = ww_worker__start(&http->worker, http->api);

	for (size_t i = 0; !err && i < http->listeners_len; i++)
		err = start_listener(http, i);
	return err;
}

void ww_http__tick(struct ww_http *http, uint64_t now_ns)
{
	ww_patiences__end(&http->patiences, now_ns);
}

const char *ww_http__url(const struct ww_http *http, size_t i)
{
	return i < http->listeners_len ? http->listening[i].url : NULL;
}

void ww_http__stop(struct ww_http *http)
{
	if (!http)
		return;
	/* All that wait for the worker are resumed by it, as those who stop want it. */
	ww_api__interrupt(http->api);
	ww_worker__stop(http->worker);
	for (size_t i = 0; i < http->listeners_len; i++) {
		if (http->listeners[i].daemon)
			MHD_stop_daemon(http->listeners[i].daemon); /* which closes the socket */
		else
			ww_listening__close(&http->listening[i], 1);
	}
	ww_worker__free(http->worker);
	ww_api__free(http->api);
	ww_page__free(&http->page);
	free(http->certificate);
	if (http->key)
		explicit_bzero(http->key, strlen(http->key));
	free(http->key);
	free(http->client_ca);
	explicit_bzero(&http->token, sizeof(http->token));
	pthread_mutex_destroy(&http->mutex);
	pthread_mutex_destroy(&http->patiences.mutex);
	free(http);
}

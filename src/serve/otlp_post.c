/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/otlp_post.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/curl_library.h"
#include "util/version.h"

#define TRACES		"/v1/traces"
#define HEADERS_MAX	64    /* lines of the file of headers, and */
#define LINE_BYTES	8192  /* bytes of one of them */
#define ANSWER_BYTES	65536 /* of an answer; the rest is not read */
#define CONNECT_SECONDS 5
#define AFTER_MAX	300 /* seconds that a collector may put us off */

struct ww_otlp_post {
	const struct ww_curl_library *library;
	CURL *curl;
	struct curl_slist *headers;
	char *url;
	char error[CURL_ERROR_SIZE];
	char body[ANSWER_BYTES];
	size_t body_len;
	const atomic_int *stop;
};

/* What a collector says is shown in a log, so it may not bring its own lines or colours. */
static void tell(struct ww_otlp_answer *answer, const char *what, const char *more)
{
	snprintf(answer->text, sizeof(answer->text), "%s%s%.160s", what, *more ? ": " : "", more);
	for (char *at = answer->text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 127)
			*at = ' ';
}

static int add_header(struct ww_otlp_post *post, const char *line)
{
	struct curl_slist *longer = post->library->curl_slist_append_(post->headers, line);

	if (!longer)
		return -ENOMEM;
	post->headers = longer;
	return 0;
}

static bool is_header(const char *line)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t name = strspn(line, token);

	return name && line[name] == ':' && !strpbrk(line, "\r\177");
}

static int read_headers(struct ww_otlp_post *post, const char *path, char *message, size_t size)
{
	char line[LINE_BYTES];
	unsigned number = 0;
	FILE *file = fopen(path, "re");
	int err = file ? 0 : -errno;

	if (err) {
		snprintf(message, size, "%s: %s: name a file with lines of 'Name: value' as otlp's headers", path,
			 strerror(-err));
		return -EINVAL;
	}
	while (!err && fgets(line, sizeof(line), file)) {
		size_t len = strcspn(line, "\n");

		number++;
		if (line[len] != '\n' && !feof(file)) {
			err = -EINVAL;
			snprintf(message, size, "%s:%u: longer than %d bytes", path, number, LINE_BYTES - 2);
			break;
		}
		line[len] = '\0';
		if (!*line || *line == '#')
			continue;
		if (number > HEADERS_MAX || !is_header(line)) {
			err = -EINVAL;
			/* Not the line itself: it may be a secret. */
			snprintf(message, size, "%s:%u: %s", path, number,
				 number > HEADERS_MAX ? "too many lines" : "is no header: write 'Name: value'");
			break;
		}
		err = add_header(post, line);
	}
	if (!err && ferror(file)) {
		err = -EIO;
		snprintf(message, size, "%s: can't be read", path);
	}
	fclose(file);
	return err;
}

/* Checks the address, and adds OTLP's path to one that has none. */
static int set_url(struct ww_otlp_post *post, const char *endpoint, char *message, size_t size)
{
	const struct ww_curl_library *curl = post->library;
	CURLU *url = curl->curl_url_();
	char *scheme = NULL, *path = NULL, *whole = NULL, *user = NULL, *password = NULL;
	int err = url ? 0 : -ENOMEM;
	bool bad;

	bad = !err && curl->curl_url_set_(url, CURLUPART_URL, endpoint, 0);
	/* It would be in the log; and it is not told here. */
	if (!err && (bad ? strchr(endpoint, '@') != NULL
			 : !curl->curl_url_get_(url, CURLUPART_USER, &user, 0) ||
				     !curl->curl_url_get_(url, CURLUPART_PASSWORD, &password, 0))) {
		err = -EINVAL;
		snprintf(message, size,
			 "the address of the collector has a user or a password in it: put `Authorization: Basic ..` "
			 "into the file of headers instead");
	}
	if (!err && (bad || curl->curl_url_get_(url, CURLUPART_SCHEME, &scheme, 0) ||
		     (strcmp(scheme, "http") && strcmp(scheme, "https")))) {
		err = -EINVAL;
		snprintf(message, size, "'%.200s' is no address of a collector: write it as http://HOST:4318",
			 endpoint);
	}
	if (!err && curl->curl_url_get_(url, CURLUPART_PATH, &path, 0))
		err = -ENOMEM;
	if (!err && !strcmp(path, "/") && curl->curl_url_set_(url, CURLUPART_PATH, TRACES, 0))
		err = -ENOMEM;
	if (!err && curl->curl_url_get_(url, CURLUPART_URL, &whole, 0))
		err = -ENOMEM;
	if (!err && !(post->url = strdup(whole)))
		err = -ENOMEM;
	curl->curl_free_(scheme);
	curl->curl_free_(user);
	curl->curl_free_(password);
	curl->curl_free_(path);
	curl->curl_free_(whole);
	curl->curl_url_cleanup_(url);
	return err;
}

static size_t on_body(char *data, size_t one, size_t len, void *ctx)
{
	struct ww_otlp_post *post = ctx;
	size_t room = sizeof(post->body) - 1 - post->body_len, taken = len < room ? len : room;

	(void)one;
	memcpy(post->body + post->body_len, data, taken);
	post->body_len += taken;
	return len;
}

static int on_progress(void *ctx, curl_off_t to_come, curl_off_t come, curl_off_t to_go, curl_off_t gone)
{
	const struct ww_otlp_post *post = ctx;

	(void)to_come, (void)come, (void)to_go, (void)gone;
	return *post->stop;
}

/* Sets an option of curl; the first that fails is remembered. */
#define SET(option, value)                                                                                             \
	do {                                                                                                           \
		if (!err && post->library->curl_easy_setopt_(post->curl, CURLOPT_##option, value))                     \
			err = -ENOMEM;                                                                                 \
	} while (0)

static int set_options(struct ww_otlp_post *post, const struct ww_otlp_post_options *options)
{
	char agent[128];
	int err = 0;

	snprintf(agent, sizeof(agent), "whywait/%s", ww_version);
	SET(URL, post->url);
	SET(HTTPHEADER, post->headers);
	SET(USERAGENT, agent);
	SET(PROTOCOLS_STR, "http,https");
	SET(NOSIGNAL, 1L);
	SET(CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	SET(ERRORBUFFER, post->error);
	SET(WRITEFUNCTION, on_body);
	SET(WRITEDATA, post);
	SET(XFERINFOFUNCTION, on_progress);
	SET(XFERINFODATA, post);
	SET(NOPROGRESS, 0L);
	if (options->ca_file)
		SET(CAINFO, options->ca_file);
	return err;
}

int ww_otlp_post__open(struct ww_otlp_post **post, const struct ww_otlp_post_options *options, char *message,
		       size_t message_size)
{
	struct ww_otlp_post *fresh = calloc(1, sizeof(*fresh));
	int err = fresh ? 0 : -ENOMEM;

	*message = '\0';
	if (!err)
		err = ww_curl_library__load(&fresh->library, message, message_size);
	if (!err)
		err = set_url(fresh, options->endpoint, message, message_size);
	if (!err)
		err = add_header(fresh, "Content-Type: application/json");
	/* curl would otherwise ask first whether it may send the body. */
	if (!err)
		err = add_header(fresh, "Expect:");
	if (!err && options->headers_file)
		err = read_headers(fresh, options->headers_file, message, message_size);
	if (!err && !(fresh->curl = fresh->library->curl_easy_init_()))
		err = -ENOMEM;
	if (!err)
		err = set_options(fresh, options);
	if (err) {
		if (!*message)
			snprintf(message, message_size, "out of memory");
		ww_otlp_post__close(fresh);
		return err;
	}
	*post = fresh;
	return 0;
}

void ww_otlp_post__close(struct ww_otlp_post *post)
{
	if (!post)
		return;
	if (post->library) {
		post->library->curl_easy_cleanup_(post->curl);
		post->library->curl_slist_free_all_(post->headers);
	}
	free(post->url);
	free(post);
}

const char *ww_otlp_post__url(const struct ww_otlp_post *post)
{
	return post->url;
}

/* A collector that takes a part says which not: {"partialSuccess": {"rejectedSpans": "3", "errorMessage": ".."}}. */
static void read_partial(const struct ww_otlp_post *post, struct ww_otlp_answer *answer)
{
	json_t *read = json_loadb(post->body, post->body_len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *partial = json_object_get(read, "partialSuccess"),
		     *number = json_object_get(partial, "rejectedSpans");
	const char *why = json_string_value(json_object_get(partial, "errorMessage"));
	long long rejected = json_is_string(number) ? strtoll(json_string_value(number), NULL, 10)
						    : (long long)json_integer_value(number);

	if (rejected > 0)
		answer->rejected = (uint64_t)rejected;
	if (answer->rejected || (why && *why))
		tell(answer, "the collector rejects spans", why ? why : "");
	json_decref(read);
}

void ww_otlp_post__send(struct ww_otlp_post *post, const char *text, unsigned seconds, const atomic_int *stop,
			struct ww_otlp_answer *answer)
{
	curl_off_t after = 0;
	char what[64];
	CURLcode code;
	long status = 0;

	*answer = (struct ww_otlp_answer){0};
	post->stop = stop;
	post->body_len = 0;
	post->error[0] = '\0';
	post->library->curl_easy_setopt_(post->curl, CURLOPT_TIMEOUT, (long)seconds);
	post->library->curl_easy_setopt_(post->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(text));
	post->library->curl_easy_setopt_(post->curl, CURLOPT_POSTFIELDS, text);
	code = post->library->curl_easy_perform_(post->curl);
	if (code) {
		answer->again = true;
		tell(answer, *post->error ? post->error : post->library->curl_easy_strerror_(code), "");
		return;
	}
	post->library->curl_easy_getinfo_(post->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200 && status < 300) {
		answer->taken = true;
		read_partial(post, answer);
		return;
	}
	/* These, says the specification, and no others. */
	answer->again = status == 429 || status == 502 || status == 503 || status == 504;
	if (answer->again && !post->library->curl_easy_getinfo_(post->curl, CURLINFO_RETRY_AFTER, &after) && after > 0)
		answer->after_seconds = after < AFTER_MAX ? (uint32_t)after : AFTER_MAX;
	snprintf(what, sizeof(what), "the collector answers with status %ld", status);
	post->body[post->body_len] = '\0';
	tell(answer, what, post->body);
}

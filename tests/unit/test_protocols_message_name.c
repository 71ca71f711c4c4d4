/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "protocols/message_name.h"

#define CELERY                                                                                                         \
	"\"content-encoding\": \"utf-8\", \"headers\": {\"lang\": \"py\", \"shadow\": null, \"stamps\": {\"task\": "   \
	"\"no\"}, \"argsrepr\": \"('\\\"task\\\": \\\"no\\\"',)\", \"task\": \"shop.tasks.mail\", \"id\": \"1\"}}"

static enum ww_message_named redis(const char *head, size_t head_len, const char *tail, char name[WW_MESSAGE_NAME_SIZE])
{
	const struct ww_message_bytes bytes = {(const uint8_t *)head, head_len, (const uint8_t *)tail, strlen(tail)};

	strcpy(name, "before");
	return ww_message_name__redis(&bytes, name);
}

static void test_redis(void **state)
{
	static const struct {
		const char *text, *name;
		enum ww_message_named named;
	} cases[] = {
		{"*2\r\n$4\r\njobs\r\n$2\r\n{}\r\n", "jobs", WW_MESSAGE_QUEUE},
		{"*2\r\n$9\r\ncelery\x06\x16"
		 "3\r\n$2\r\n{}\r\n",
		 "celery", WW_MESSAGE_QUEUE},
		{"*1\r\n*2\r\n$6\r\norders\r\n*1\r\n*2\r\n$3\r\n1-0\r\n", "orders", WW_MESSAGE_QUEUE},
		{"%1\r\n$6\r\norders\r\n", "orders", WW_MESSAGE_QUEUE},
		{"*2\r\n$6\r\na \"\x80\n\\\r\n", "a?????", WW_MESSAGE_QUEUE},
		{"*2\r\n$6\r\ncelery\r\n$300\r\n{\"body\": \"W10=\", " CELERY, "shop.tasks.mail", WW_MESSAGE_TASK},
		{"*2\r\n$6\r\ncelery\r\n$300\r\n{" CELERY, "shop.tasks.mail", WW_MESSAGE_TASK},
		{"*2\r\n$13\r\nqueue:default\r\n$9\r\n{\"args\":[{\"class\":\"No\"}],\"class\":\"HardJob\"}", "HardJob",
		 WW_MESSAGE_CLASS},
		/* What is not there as a whole. */
		{"*2\r\n$9\r\njobs", "before", WW_MESSAGE_UNNAMED},
		{"*2\r\n$99999999999999999999\r\njobs", "before", WW_MESSAGE_UNNAMED},
		{"*2\r\n", "before", WW_MESSAGE_UNNAMED},
		{"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n$1\r\nx\r\n", "before", WW_MESSAGE_UNNAMED},
		{"", "before", WW_MESSAGE_UNNAMED},
		{"*2\r\n$1\r\nq\r\n$9\r\n{\"headers\": {\"task\": \"a\\", "q", WW_MESSAGE_QUEUE},
		{"*2\r\n$1\r\nq\r\n$9\r\n{\"headers\": {\"task\": 7, \"x\": \"task\"}", "q", WW_MESSAGE_QUEUE},
		{"*2\r\n$1\r\nq\r\n$9\r\n{\"headers\": ", "q", WW_MESSAGE_QUEUE},
		{"*2\r\n$1\r\nq\r\n$9\r\n{\"headers\":", "q", WW_MESSAGE_QUEUE},
		{"*2\r\n$1\r\nq\r\n$9\r\n{\"class\"", "q", WW_MESSAGE_QUEUE},
	};
	char name[WW_MESSAGE_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t len = strlen(cases[i].text);

		if (cases[i].named)
			assert_int_equal(redis(cases[i].text, len, "", name), cases[i].named);
		if (cases[i].named)
			assert_string_equal(name, cases[i].name);
		/* Cut anywhere, in memory of its own. */
		for (size_t cut = 0; cut <= len; cut++) {
			char *copy = test_malloc(cut + 1);

			memcpy(copy, cases[i].text, cut);
			redis(copy, cut, "", name);
			test_free(copy);
		}
	}
}

static void test_amqp(void **state)
{
	/* As RabbitMQ 3.10 sends it: a delivery in one frame, the head of what it carries in the next. */
	static const char deliver[] = "\x01\0\x01\0\0\0\x1b\0\x3c\0\x3c\x04None\0\0\0\0\0\0\0\x07\0\0\x06orders\xce";
	static const char headers[] = "\0\x3c\0\0\0\0\0\0\0\0\0\x2a\xf8\0\x10"
				      "application/json\x05utf-8\0\0\0\x20\x04langS\0\0\0\x02py\x04"
				      "taskS\0\0\0\x09shop.mail";
	struct ww_message_bytes bytes = {.head = (const uint8_t *)deliver, .head_len = sizeof(deliver) - 1};
	char name[WW_MESSAGE_NAME_SIZE];

	(void)state;
	assert_int_equal(ww_message_name__amqp(&bytes, name), WW_MESSAGE_QUEUE);
	assert_string_equal(name, "orders");
	/* The frame's beginning may have been a read of its own, or in several. */
	for (size_t i = 0; i < 7; i++) {
		bytes.head++;
		bytes.head_len--;
		assert_int_equal(ww_message_name__amqp(&bytes, name), WW_MESSAGE_QUEUE);
		assert_string_equal(name, "orders");
	}
	bytes = (struct ww_message_bytes){.head = (const uint8_t *)headers, .head_len = sizeof(headers) - 1};
	assert_int_equal(ww_message_name__amqp(&bytes, name), WW_MESSAGE_TASK);
	assert_string_equal(name, "shop.mail");
	for (size_t cut = 0; cut < sizeof(headers) - 1; cut++) {
		uint8_t *copy = test_malloc(cut + 1);

		memcpy(copy, headers, cut);
		bytes = (struct ww_message_bytes){.head = copy, .head_len = cut};
		assert_int_equal(ww_message_name__amqp(&bytes, name), WW_MESSAGE_UNNAMED);
		test_free(copy);
	}
}

static void test_pickle(void **state)
{
	/* As billiard 4.1 wrote it, on Python 3.11. */
	static const char task[] = "\x80\x05\x95\xc8\x03\0\0\0\0\0\0K\x02(K\0N\x8c\x10"
				   "celery.app.trace\x94\x8c\x0f"
				   "fast_trace_task\x94\x93\x94(\x8c\x09shop.mail\x94\x8c$ce2d5077";
	char name[WW_MESSAGE_NAME_SIZE];

	(void)state;
	for (size_t cut = 0; cut < sizeof(task); cut++) {
		uint8_t *copy = test_malloc(cut + 1);
		const struct ww_message_bytes bytes = {.head = copy, .head_len = cut};
		const char *end = (const char *)memmem(task, sizeof(task), "shop.mail", 9) + 9;

		memcpy(copy, task, cut);
		strcpy(name, "before");
		assert_int_equal(ww_message_name__pickle(&bytes, name),
				 cut >= (size_t)(end - task) ? WW_MESSAGE_TASK : WW_MESSAGE_UNNAMED);
		assert_string_equal(name, cut >= (size_t)(end - task) ? "shop.mail" : "before");
		test_free(copy);
	}
}

/* The body is so long that its middle is not there. */
static void test_cut(void **state)
{
	static const char head[] = "*2\r\n$6\r\ncelery\r\n$9999\r\n{\"body\": \"QUJD";
	char name[WW_MESSAGE_NAME_SIZE];

	(void)state;
	assert_int_equal(redis(head, sizeof(head) - 1, "REVG\", " CELERY, name), WW_MESSAGE_TASK);
	assert_string_equal(name, "shop.tasks.mail");
	assert_int_equal(redis(head, sizeof(head) - 1, "REVG\"}", name), WW_MESSAGE_QUEUE);
	assert_string_equal(name, "celery");
}

static void test_long(void **state)
{
	char text[300], name[WW_MESSAGE_NAME_SIZE];

	(void)state;
	snprintf(text, sizeof(text), "*2\r\n$200\r\n%0200d\r\n", 7);
	assert_int_equal(redis(text, strlen(text), "", name), WW_MESSAGE_QUEUE);
	assert_int_equal(strlen(name), WW_MESSAGE_NAME_SIZE - 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redis), cmocka_unit_test(test_amqp), cmocka_unit_test(test_pickle),
		cmocka_unit_test(test_cut),   cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

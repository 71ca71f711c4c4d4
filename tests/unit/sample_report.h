/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A report made by hand, for the tests of the outputs: three endpoints of two services, a loss, an unreadable port. */
#ifndef WHYWAIT_SAMPLE_REPORT_H
#define WHYWAIT_SAMPLE_REPORT_H

#include <math.h>

#include "model/report.h"

#define MS 1000000ull

static struct ww_status_count sample_products_status[] = {{200, 1533}, {404, 2}, {500, 1}};
static struct ww_detail_row sample_products_details[] = {
	{WW_KIND_DB, "postgres", 124723 * MS, 78336},
	{WW_KIND_NET, "127.0.0.1:9000", 900 * MS, 12},
	{WW_KIND_DISK, "fsync", 3 * MS, 4},
};
/* An N+1, beside what is too small for a line of its own, and two calls at once that sum to more than the wall time. */
static struct ww_operation_row sample_products_operations[] = {
	{
		.kind = WW_KIND_DB,
		.flags = WW_OPERATION_READ,
		.system = "postgresql",
		.peer = "127.0.0.1:5432",
		.summary = "SELECT items",
		.statement = "SELECT item_id, name, price, stock, updated_at FROM items WHERE order_id = ? AND deleted"
			     " IS NULL",
		.requests = 1500,
		.count = 75000,
		.errors = 3,
		.sum_ns = 121500 * MS,
		.p95_ns = 2100000,
		.max_ns = 12 * MS,
		.bytes_out = 9000000,
		.bytes_in = 700000000,
	},
	{
		.kind = WW_KIND_DB,
		.system = "postgresql",
		.peer = "/var/run/postgresql/.s.PGSQL.5432",
		.summary = "SELECT \033[31morders",
		.statement = "SELECT \033[31morders ?", /* which says no more */
		.requests = 1500,
		.count = 1500,
		.sum_ns = 2400 * MS,
		.p95_ns = 3100000,
		.max_ns = 9 * MS,
	},
	{
		.kind = WW_KIND_NET,
		.flags = WW_OPERATION_UNCAPTURED,
		.system = "",
		.peer = "127.0.0.1:9000",
		.summary = "",
		.statement = "",
		.requests = 12,
		.count = 12,
		.sum_ns = 900 * MS,
		.p95_ns = 90 * MS,
		.max_ns = 91 * MS,
	},
	{
		.kind = WW_KIND_DB,
		.flags = WW_OPERATION_CONTROL | WW_OPERATION_PIPELINED,
		.system = "postgresql",
		.peer = "127.0.0.1:5432",
		.summary = "BEGIN",
		.statement = "",
		.requests = 1500,
		.count = 1500,
		.sum_ns = 150 * MS,
		.p95_ns = 130000,
		.max_ns = MS,
	},
};
static struct ww_operation_row sample_upload_operations[] = {
	{
		.kind = WW_KIND_NET,
		.system = "http",
		.peer = "10.0.0.7:8080",
		.summary = "POST scan:8080 /check/{id}",
		.statement = "",
		.requests = 100,
		.count = 200,
		.sum_ns = 2600 * MS,
		.p95_ns = 14 * MS,
		.max_ns = 15 * MS,
	},
};
static struct ww_status_count sample_score_status[] = {{200, 300}};
static struct ww_detail_row sample_upload_details[] = {
	{WW_KIND_DISK, "fsync", 800 * MS, 200},
	{WW_KIND_DISK, "write", 90 * MS, 410},
	{WW_KIND_IPC, "eventfd", 111, 1},
	{WW_KIND_OTHER, "io_getevents", 77, 3},
};
static struct ww_status_count sample_upload_status[] = {{0, 5}, {201, 95}};

static const struct ww_evidence sample_evidence[] = {
	{"statement", "SELECT price FROM items WHERE id = $1 \xe2\x80\xae", 0},
	{"per_request", NULL, 50.25},
};
static struct ww_finding sample_products_findings[] = {
	{"n-plus-one",
	 "SELECT price FROM items WHERE id = $1 \xe2\x80\xae ran 2 to 120 times a request, 50.3 on the mean, one after "
	 "the "
	 "other",
	 "fetch all with one query", 71300000, 110200000, sample_evidence, 2},
	{"slow-query", "SELECT 1 takes 9.00 ms", "index it", 9 * MS, 0, NULL, 0},
};
static struct ww_finding sample_score_findings[] = {
	{"compute-hotspot", "computes 27.3 ms (91 %)", "here a language 10 times as fast, or a better algorithm, pays",
	 24600000, 33600000, NULL, 0},
};

static struct ww_endpoint_report sample_endpoints[] = {
	{
		.service = "shop",
		.protocol = "http/1.1",
		.method = "GET",
		.route = "/products/{id}",
		.requests = 1536,
		.errors = 1,
		.rate_per_s = 51.2,
		.status = sample_products_status,
		.status_len = 3,
		.in_flight_mean = 4.7159,
		.in_flight_max = 8,
		.wall = {.sum = 141477 * MS + 7,
			 .mean = 92107421,
			 .p50 = 91300000,
			 .p95 = 141200000,
			 .p99 = 190123456,
			 .max = 412 * MS},
		.cpu_sum_ns = 10015 * MS + 5,
		.kinds_sum_ns = {[WW_KIND_COMPUTE] = 10014 * MS + 1,
				 [WW_KIND_RUNQ] = 322 * MS,
				 [WW_KIND_QUEUE] = 3226 * MS,
				 [WW_KIND_DB] = 126723 * MS + 6,
				 [WW_KIND_NET] = 900 * MS,
				 [WW_KIND_DISK] = 3 * MS,
				 [WW_KIND_OTHER] = 289 * MS},
		.bytes_in = 200000,
		.bytes_out = 40000000,
		.attribution = {1530, 4, 2},
		.tail_requests = 77,
		.tail_wall_sum_ns = 15477 * MS,
		.tail_kinds_sum_ns = {[WW_KIND_COMPUTE] = 539 * MS,
				      [WW_KIND_QUEUE] = 1694 * MS,
				      [WW_KIND_DB] = 12320 * MS,
				      [WW_KIND_NET] = 900 * MS,
				      [WW_KIND_DISK] = 3 * MS,
				      [WW_KIND_OTHER] = 21 * MS},
		.details = sample_products_details,
		.details_len = 3,
		.findings = sample_products_findings,
		.findings_len = 2,
		.faster = {.mean_ns = 86239843, .p50_ns = 85 * MS, .p95_ns = 139 * MS, .p99_ns = 190 * MS},
		.operations_requests = 1500,
		.operations = sample_products_operations,
		.operations_len = 4,
	},
	{
		.service = "shop",
		.protocol = "http/1.1",
		.method = "POST",
		.route = "/score",
		.requests = 300,
		.rate_per_s = 10,
		.status = sample_score_status,
		.status_len = 1,
		.in_flight_mean = 0.3,
		.in_flight_max = 2,
		.wall = {.sum = 9000 * MS,
			 .mean = 30 * MS,
			 .p50 = 29500000,
			 .p95 = 41 * MS,
			 .p99 = 42 * MS,
			 .max = 43 * MS},
		.cpu_sum_ns = 8300 * MS,
		.kinds_sum_ns = {[WW_KIND_COMPUTE] = 8200 * MS, [WW_KIND_RUNQ] = 800 * MS},
		.attribution = {300, 0, 0},
		.tail_requests = 15,
		.tail_wall_sum_ns = 620 * MS,
		.tail_kinds_sum_ns = {[WW_KIND_COMPUTE] = 500 * MS, [WW_KIND_RUNQ] = 120 * MS},
		.findings = sample_score_findings,
		.findings_len = 1,
		.faster = {.mean_ns = 5400 * 1000, .p50_ns = 5 * MS, .p95_ns = 11 * MS, .p99_ns = 11 * MS},
		.outlook = {.from_buckets = true},
	},
	{
		.service = "files \"a,b\"\n",
		.protocol = "http/1.1",
		.method = "PUT",
		.route = "/up\033[31m/\xff/\xc3\xbc/\xe2\x80\xae{id}",
		.requests = 100,
		.errors = 5,
		.aborted = 5,
		.rate_per_s = 100.0 / 30,
		.status = sample_upload_status,
		.status_len = 2,
		.in_flight_mean = 0.0666,
		.in_flight_max = 1,
		.wall = {.sum = 2000 * MS,
			 .mean = 20 * MS,
			 .p50 = 19 * MS,
			 .p95 = 30 * MS,
			 .p99 = 31 * MS,
			 .max = 32 * MS},
		.cpu_sum_ns = 900 * MS,
		.kinds_sum_ns = {[WW_KIND_COMPUTE] = 900 * MS,
				 [WW_KIND_DISK] = 890 * MS,
				 [WW_KIND_IPC] = 111,
				 [WW_KIND_CLIENT] = 210 * MS - 188,
				 [WW_KIND_OTHER] = 77},
		.attribution = {100, 0, 0},
		.tail_requests = 5,
		.tail_wall_sum_ns = 155 * MS,
		.tail_kinds_sum_ns =
			{[WW_KIND_COMPUTE] = 45 * MS, [WW_KIND_DISK] = 100 * MS, [WW_KIND_CLIENT] = 10 * MS},
		.details = sample_upload_details,
		.details_len = 4,
		.operations_requests = 100,
		.operations = sample_upload_operations,
		.operations_len = 1,
	},
};

static struct ww_service_report sample_services[] = {
	{.service = "shop",
	 .container = "",
	 .cgroup = "/",
	 .processes = 5,
	 .threads = 5,
	 .rss_steady_bytes = 327155712,
	 .rss_peak_bytes = 356515840,
	 .cpu_seconds = 19.25,
	 .rss_growth_bytes = 1234.5,
	 .minor_faults = 98765,
	 .major_faults = 4,
	 .faults_known = true,
	 .oom_kills = 2,
	 .oom_known = true,
	 .gc_count = 12,
	 .gc_ns = 34567890},
	{.service = "files \"a,b\"\n",
	 .container = "3f2a9c",
	 .cgroup = "/docker/3f2a9c",
	 .processes = 1,
	 .threads = 12,
	 .rss_steady_bytes = 1024,
	 .rss_peak_bytes = 2000000000,
	 .rss_growth_bytes = NAN,
	 .cpu_seconds = 0.9},
};

static struct ww_loss sample_losses[] = {{"account_ring_full", 12, true}, {"half_seen", 3, false}};
static struct ww_unreadable_port sample_unreadable[] = {{8443, "tls", 312}, {9443, "http2", 1}};

static const struct ww_report sample_report = {
	.host = "web-1",
	.kernel = "6.18.5",
	.cpus = 2,
	.start_unix_ns = 1763655730000000000ll,
	.end_unix_ns = 1763655760000000000ll,
	.complete = false,
	.losses = sample_losses,
	.losses_len = 2,
	.unreadable = sample_unreadable,
	.unreadable_len = 2,
	.endpoints = sample_endpoints,
	.endpoints_len = 3,
	.services = sample_services,
	.services_len = 2,
};

/* The same window with nothing in it. */
static const struct ww_report sample_empty = {
	.host = "web-1",
	.kernel = "6.18.5",
	.cpus = 1,
	.start_unix_ns = 1763655730000000000ll,
	.end_unix_ns = 1763655760000000000ll,
	.complete = true,
};

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/html.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "model/catalog.h"
#include "model/losses.h"
#include "model/names.h"
#include "outputs/flame_svg.h"
#include "outputs/html_parts.h"
#include "outputs/text.h"
#include "outputs/verdict.h"
#include "util/version.h"

#define OPERATIONS 8 /* that are told of an endpoint */
#define NSEC	   1e9

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<title>whywait</title>\n<style>\n"
	"body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1c1e21;"
	"overflow-wrap:anywhere}\n"
	"h1{font-size:1.4em;margin:0}h2{font-size:1.15em;margin:2.2em 0 .2em;border-top:1px solid #ccd;padding-top:1em;"
	"overflow-wrap:anywhere}h3{font-size:1em;margin:1.2em 0 .3em}p{margin:.3em 0}\n"
	".dim{color:#5a6270}.bad{color:#b00020;font-weight:600}.good{color:#0b6b2d}\n"
	"table{border-collapse:collapse;width:100%;margin:.4em 0}th{font-weight:normal;color:#5a6270;text-align:left}\n"
	"td,th{padding:.15em .7em .15em 0;vertical-align:top;overflow-wrap:break-word}.w "
	"td{overflow-wrap:anywhere}td.n,th.n{text-align:right;"
	"white-space:nowrap}tr{border-bottom:1px solid #eef}\n"
	".bar{display:flex;height:1.3em;width:100%;background:#eef;border-radius:3px;overflow:hidden}\n"
	".bar span{display:block;height:100%;overflow:hidden;font-size:.75em;line-height:1.75em;text-align:center;"
	"color:#111}\n"
	".line{position:relative;height:.8em;background:#f4f5f9;margin:1px 0}.line span{position:absolute;top:0;"
	"height:100%;min-width:1px}\n"
	".key{display:inline-block;width:.9em;height:.9em;border-radius:2px;margin:0 .3em -.1em .8em}\n"
	".kind{white-space:nowrap}code{font-size:.9em;overflow-wrap:anywhere}\n"
	".s{table-layout:fixed}.s th:first-child{width:27%}.s th.n{width:8%}\n"
	".flame{overflow-x:auto;margin:.4em 0}.flame svg{display:block;width:100%;min-width:46em;height:auto}\n"
	".flame text{font:12px monospace;fill:#222}\n"
	/* A phone: a row's cells stand below its name, each with its own. */
	"@media screen and (max-width:44em){.w,.w tbody,.w tr,.w td{display:block;width:auto}.w tr:first-child{display:"
	"none}.w td.n{display:inline-block;margin-right:1em}.w td.n::before{content:attr(data-l)\" \";color:#5a6270}"
	"td,th{padding-right:.4em}th.n{white-space:normal}}\n"
	"@media print{.flame "
	"svg{min-width:0}body{margin:0;max-width:none;font-size:11px}h2,h3{break-after:avoid}.flame{break-inside:avoid}"
	"table,.bar,.line{break-"
	"inside:"
	"avoid}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}\n";

struct ww_html {
	const struct ww_report *report;
	struct ww_html_lines *lines; /* by endpoint of the report */
	char **flames;		     /* the same; NULL: of it no stacks were recorded */
};

int ww_html__new(struct ww_html **html, const struct ww_report *report)
{
	struct ww_html *new = calloc(1, sizeof(*new));

	if (new) {
		new->report = report;
		new->lines = calloc(report->endpoints_len + 1, sizeof(*new->lines));
		new->flames = calloc(report->endpoints_len + 1, sizeof(*new->flames));
	}
	if (!new || !new->lines || !new->flames) {
		if (new) {
			free(new->lines);
			free(new->flames);
		}
		free(new);
		return -ENOMEM;
	}
	*html = new;
	return 0;
}

void ww_html__free(struct ww_html *html)
{
	if (!html)
		return;
	for (size_t i = 0; i < html->report->endpoints_len; i++)
		free(html->lines[i].text);
	for (size_t i = 0; i < html->report->endpoints_len; i++)
		free(html->flames[i]);
	free(html->flames);
	free(html->lines);
	free(html);
}

int ww_html__add(struct ww_html *html, const struct ww_request *request)
{
	const struct ww_report *report = html->report;

	for (size_t i = 0; i < report->endpoints_len; i++) {
		const struct ww_endpoint_report *endpoint = &report->endpoints[i];

		if (html->lines[i].requests < WW_HTML_REQUESTS && !strcmp(endpoint->service, request->service) &&
		    !strcmp(endpoint->method, request->method) && !strcmp(endpoint->route, request->route))
			return ww_html_lines__add(&html->lines[i], request);
	}
	return 0;
}

int ww_html__add_stacks(struct ww_html *html, size_t endpoint, const struct ww_profile *profile)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int err = out ? ww_flame_svg__write_still(out, profile) : -ENOMEM;

	if (out && (fclose(out) || err)) {
		free(text);
		return err ?: -ENOMEM;
	}
	if (!err) {
		free(html->flames[endpoint]);
		html->flames[endpoint] = text;
	}
	return err;
}

static void put_bar(FILE *out, const uint64_t kinds_ns[WW_KIND_COUNT], uint64_t sum)
{
	char share[WW_TEXT_NUMBER];

	fputs("<div class=\"bar\">", out);
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT && sum; kind++) {
		double percent = 100.0 * (double)kinds_ns[kind] / (double)sum;

		if (percent < 0.05)
			continue;
		ww_text__share(share, kinds_ns[kind], sum);
		fprintf(out, "<span class=\"k%d\" style=\"width:%.2f%%\" title=\"%s %s\">%s</span>", (int)kind, percent,
			ww_kind_name(kind), share, percent >= 8 ? ww_kind_name(kind) : "");
	}
	fputs("</div>\n", out);
}

static void put_head(FILE *out, const struct ww_report *report)
{
	char start[WW_TEXT_NUMBER], number[WW_TEXT_NUMBER];

	fputs(head, out);
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		ww_html__kind_style(out, kind);
	fputs("</style></head><body>\n<h1>", out);
	ww_text__markup(out, report->host);
	fprintf(out, ": where requests spent their time</h1>\n<p class=\"dim\">%.19s UTC, %s s; Linux ",
		ww_text__rfc3339(start, report->start_unix_ns),
		ww_text__number(number, (double)ww_report__observed_ns(report) / NSEC));
	ww_text__markup(out, report->kernel);
	fprintf(out, ", %u CPUs; whywait ", report->cpus);
	ww_text__markup(out, ww_version);
	fputs("</p>\n", out);
	if (report->complete)
		fputs("<p class=\"good\">complete: nothing is missing</p>\n", out);
	else
		fputs("<p class=\"bad\">NOT COMPLETE</p>\n", out);
	if (report->unended)
		fputs("<p class=\"bad\">not ended: still recording, or cut short</p>\n", out);
	for (size_t i = 0; i < report->losses_len; i++) {
		if (!report->losses[i].loses)
			continue;
		fprintf(out, "<p class=\"bad\">%s ", ww_text__count(number, report->losses[i].count));
		ww_text__markup(out, report->losses[i].cause);
		fputs(": ", out);
		ww_text__markup(out, ww_loss_meaning(report->losses[i].cause));
		fputs("</p>\n", out);
	}
}

/* What to mend first, of all endpoints; what they are bound by. */
static void put_summary(FILE *out, const struct ww_report *report)
{
	char text[2][WW_TEXT_NUMBER];
	bool many = false; /* services: which one is meant is said then */

	for (size_t i = 1; i < report->endpoints_len; i++)
		many |= strcmp(report->endpoints[i].service, report->endpoints[0].service) != 0;

	fputs("<table class=\"w s\"><tr><th>endpoint</th><th class=\"n\">req/s</th><th class=\"n\">errors</th><th "
	      "class=\"n\">p50 "
	      "ms</th>"
	      "<th class=\"n\">p95 ms</th><th>verdict, and what to mend first</th></tr>\n",
	      out);
	for (size_t i = 0; i < report->endpoints_len; i++) {
		const struct ww_endpoint_report *endpoint = &report->endpoints[i];
		struct ww_verdict verdict = ww_verdict__of(endpoint);

		fprintf(out, "<tr><td><a href=\"#e%zu\">", i);
		ww_text__markup(out, endpoint->method);
		fputc(' ', out);
		ww_text__markup(out, endpoint->route);
		fputs("</a>", out);
		if (many) {
			fputs("<br><span class=\"dim\">", out);
			ww_text__markup(out, endpoint->service);
			fputs("</span>", out);
		}
		fprintf(out, "</td><td class=\"n\" data-l=\"req/s\">%s</td><td class=\"n%s\" data-l=\"errors\">%s</td>",
			ww_text__number(text[0], endpoint->rate_per_s), endpoint->errors ? " bad" : "",
			ww_text__count(text[1], endpoint->errors));
		fprintf(out, "<td class=\"n\" data-l=\"p50 ms\">%s</td>", ww_text__ms(text[0], endpoint->wall.p50));
		fprintf(out, "<td class=\"n\" data-l=\"p95 ms\">%s</td><td>", ww_text__ms(text[1], endpoint->wall.p95));
		ww_text__markup(out, verdict.text);
		if (endpoint->findings_len) {
			fputs("<br><b>", out);
			ww_text__markup(out, endpoint->findings[0].id);
			fprintf(out, "</b>, saves %s ms", ww_text__ms(text[0], endpoint->findings[0].saves_mean_ns));
		}
		fputs("</td></tr>\n", out);
	}
	fputs("</table>\n<p class=\"dim\">", out);
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		fprintf(out, "<span class=\"kind\"><span class=\"key k%d\"></span>%s</span> ", (int)kind,
			ww_kind_name(kind));
	fputs("</p>\n", out);
}

static void put_kinds(FILE *out, const struct ww_endpoint_report *endpoint)
{
	char text[2][WW_TEXT_NUMBER];

	fputs("<table><tr><th>kind</th><th class=\"n\">mean ms</th><th class=\"n\">share</th><th class=\"n\">p95+ mean "
	      "ms</th>"
	      "<th class=\"n\">share</th></tr>\n",
	      out);
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		uint64_t sum = endpoint->kinds_sum_ns[kind], tail = endpoint->tail_kinds_sum_ns[kind];

		if (!sum)
			continue;
		fprintf(out,
			"<tr><td><span class=\"key k%d\" style=\"margin-left:0\"></span>%s</td><td class=\"n\">%s</td>",
			(int)kind, ww_kind_name(kind), ww_text__ms(text[0], sum / endpoint->requests));
		fprintf(out, "<td class=\"n\">%s</td>", ww_text__share(text[0], sum, endpoint->wall.sum));
		fprintf(out, "<td class=\"n\">%s</td><td class=\"n\">%s</td></tr>\n",
			ww_text__ms(text[0], endpoint->tail_requests ? tail / endpoint->tail_requests : 0),
			ww_text__share(text[1], tail, endpoint->tail_wall_sum_ns));
	}
	fputs("</table>\n", out);
}

static void put_findings(FILE *out, const struct ww_endpoint_report *endpoint)
{
	char text[2][WW_TEXT_NUMBER];

	if (!endpoint->findings_len)
		return;
	fputs("<h3>What to mend</h3>\n", out);
	for (size_t i = 0; i < endpoint->findings_len; i++) {
		const struct ww_finding *finding = &endpoint->findings[i];

		fputs("<p><b>", out);
		ww_text__markup(out, finding->id);
		fputs("</b>: ", out);
		ww_text__markup(out, finding->text);
		if (finding->advice && *finding->advice) {
			fputs(": ", out);
			ww_text__markup(out, finding->advice);
		}
		fprintf(out, " <span class=\"dim\">(saves %s ms on the mean, %s ms at p95)</span></p>\n",
			ww_text__ms(text[0], finding->saves_mean_ns), ww_text__ms(text[1], finding->saves_p95_ns));
	}
}

static void put_operations(FILE *out, const struct ww_endpoint_report *endpoint)
{
	const char *unit = ww_protocol_unit(endpoint->protocol);
	char text[3][WW_TEXT_NUMBER];

	if (!endpoint->operations_len)
		return;
	fprintf(out,
		"<h3>What it asked of others</h3>\n<table class=\"w\"><tr><th>operation</th><th>peer</th><th "
		"class=\"n\">per %s</th><th class=\"n\">mean ms</th><th class=\"n\">p95 ms</th>"
		"<th class=\"n\">errors</th></tr>\n",
		unit);
	for (size_t i = 0; i < endpoint->operations_len && i < OPERATIONS; i++) {
		const struct ww_operation_row *row = &endpoint->operations[i];

		fputs("<tr><td>", out);
		ww_text__markup(out, *row->summary ? row->summary : "round trip");
		if (ww_text__says_more(row->statement, row->summary)) {
			fputs("<br><code>", out);
			ww_text__markup(out, row->statement);
			fputs("</code>", out);
		}
		fputs("</td><td>", out);
		ww_text__markup(out, row->system);
		fputc(' ', out);
		ww_text__markup(out, row->peer);
		fprintf(out,
			"</td><td class=\"n\" data-l=\"per %s\">%s</td><td class=\"n\" data-l=\"mean ms\">%s</td>"
			"<td class=\"n\" data-l=\"p95 ms\">%s</td>",
			unit, ww_text__number(text[0], (double)row->count / (double)endpoint->operations_requests),
			ww_text__ms(text[1], row->sum_ns / row->count), ww_text__ms(text[2], row->p95_ns));
		fprintf(out, "<td class=\"n%s\" data-l=\"errors\">%s</td></tr>\n", row->errors ? " bad" : "",
			ww_text__count(text[0], row->errors));
	}
	fputs("</table>\n", out);
}

static void put_endpoint(FILE *out, const struct ww_html *html, size_t at)
{
	const struct ww_endpoint_report *endpoint = &html->report->endpoints[at];
	const char *unit = ww_protocol_unit(endpoint->protocol);
	struct ww_verdict verdict = ww_verdict__of(endpoint);
	char text[3][WW_TEXT_NUMBER];

	fprintf(out, "<h2 id=\"e%zu\">", at);
	ww_text__markup(out, endpoint->method);
	fputc(' ', out);
	ww_text__markup(out, endpoint->route);
	fputs("</h2>\n<p><b>", out);
	ww_text__markup(out, verdict.text);
	fputs("</b>", out);
	if (*verdict.faster) {
		fputs("; ", out);
		ww_text__markup(out, verdict.faster);
	}
	fputs("</p>\n<p class=\"dim\">", out);
	ww_text__markup(out, endpoint->service);
	fprintf(out, ", %s %ss, mean %s ms, p99 ", ww_text__count(text[0], endpoint->requests), unit,
		ww_text__ms(text[1], endpoint->wall.mean));
	fprintf(out, "%s ms, longest %s ms, CPU %s ms a %s", ww_text__ms(text[0], endpoint->wall.p99),
		ww_text__ms(text[1], endpoint->wall.max),
		ww_text__ms(text[2], endpoint->cpu_sum_ns / endpoint->requests), unit);
	if (endpoint->allocated.weight)
		fprintf(out, ", %s allocations",
			ww_text__number(text[0],
					(double)endpoint->allocated.allocations / (double)endpoint->allocated.weight));
	fputs("</p>\n", out);
	put_bar(out, endpoint->kinds_sum_ns, endpoint->wall.sum);
	fprintf(out, "<p class=\"dim\">the %s slowest, at p95 and above:</p>\n",
		ww_text__count(text[0], endpoint->tail_requests));
	put_bar(out, endpoint->tail_kinds_sum_ns, endpoint->tail_wall_sum_ns);
	put_findings(out, endpoint);
	put_kinds(out, endpoint);
	put_operations(out, endpoint);
	if (html->flames[at]) {
		fprintf(out,
			"<h3>Where in the code</h3>\n<div class=\"flame\"><p class=\"dim\">as wide as the time, "
			"callers "
			"below; of a sample of the %ss</p>\n",
			unit);
		fputs(html->flames[at], out);
		fputs("</div>\n", out);
	}
	if (html->lines[at].requests) {
		fprintf(out, "<h3>Its slowest %ss that were kept</h3>\n", unit);
		fwrite(html->lines[at].text, 1, html->lines[at].len, out);
	}
}

static void put_services(FILE *out, const struct ww_report *report)
{
	char text[4][WW_TEXT_NUMBER];

	if (!report->services_len)
		return;
	fputs("<h2>Services</h2>\n<table class=\"w\"><tr><th>service</th><th class=\"n\">processes</th><th "
	      "class=\"n\">threads</th>"
	      "<th class=\"n\">memory</th><th class=\"n\">peak</th><th class=\"n\">PSS</th><th class=\"n\">CPU "
	      "s</th></tr>\n",
	      out);
	for (size_t i = 0; i < report->services_len; i++) {
		const struct ww_service_report *service = &report->services[i];

		fputs("<tr><td>", out);
		ww_text__markup(out, service->service);
		fprintf(out,
			"</td><td class=\"n\" data-l=\"processes\">%s</td><td class=\"n\" data-l=\"threads\">%s</td>",
			ww_text__count(text[0], service->processes), ww_text__count(text[1], service->threads));
		fprintf(out,
			"<td class=\"n\" data-l=\"memory\">%s</td><td class=\"n\" data-l=\"peak\">%s</td>"
			"<td class=\"n\" data-l=\"PSS\">%s</td><td class=\"n\" data-l=\"CPU s\">%s</td></tr>\n",
			ww_text__bytes(text[0], service->rss_steady_bytes),
			ww_text__bytes(text[1], service->rss_peak_bytes),
			service->pss_steady_bytes ? ww_text__bytes(text[2], service->pss_steady_bytes) : "-",
			ww_text__number(text[3], service->cpu_seconds));
	}
	fputs("</table>\n", out);
}

int ww_html__write(const struct ww_html *html, FILE *out)
{
	const struct ww_report *report = html->report;

	put_head(out, report);
	if (report->endpoints_len)
		put_summary(out, report);
	else
		fputs("<p>No requests.</p>\n", out);
	for (size_t i = 0; i < report->endpoints_len; i++)
		put_endpoint(out, html, i);
	put_services(out, report);
	fputs("</body></html>\n", out);
	return 0;
}

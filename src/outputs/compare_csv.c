/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <inttypes.h>
#include <math.h>

#include "outputs/compare.h"
#include "outputs/csv.h"
#include "outputs/text.h"

/* Empty where there is none. */
static void put_real(FILE *out, double number)
{
	char text[WW_TEXT_NUMBER];

	fprintf(out, ",%s", isfinite(number) ? ww_text__real(text, number) : "");
}

static int put_row(FILE *out, const struct ww_endpoint_comparison *endpoint, enum ww_metric metric)
{
	static const char *const units[] = {
		[WW_UNIT_RATE] = "per_second", [WW_UNIT_SHARE] = "share", [WW_UNIT_TIME] = "ns",
		[WW_UNIT_NUMBER] = "number",   [WW_UNIT_BYTES] = "bytes",
	};
	const struct ww_change *change = &endpoint->changes[metric];
	const char *const names[] = {endpoint->before ? endpoint->before->service : "",
				     endpoint->after ? endpoint->after->service : "", endpoint->method,
				     endpoint->route};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int err = ww_csv__text(out, names[i]);
		if (err)
			return err;
		fputc(',', out);
	}
	fprintf(out, "%" PRIu64 ",%" PRIu64 ",%s,%s", endpoint->before ? endpoint->before->requests : 0,
		endpoint->after ? endpoint->after->requests : 0, ww_metric_name(metric), units[ww_metric_unit(metric)]);
	put_real(out, change->before.value);
	put_real(out, change->after.value);
	put_real(out, change->low);
	put_real(out, change->high);
	fprintf(out, ",%s" WW_CSV_END, ww_certainty_name(change->certainty));
	return 0;
}

int ww_compare__csv(FILE *out, const struct ww_compared *compared)
{
	const struct ww_comparison *comparison = compared->comparison;
	int err = 0;

	fputs("service_before,service_after,method,route,requests_before,requests_after,figure,unit,before,after,"
	      "change_low,change_high,certainty" WW_CSV_END,
	      out);
	for (size_t i = 0; i < comparison->endpoints_len; i++)
		for (enum ww_metric metric = 0; metric < WW_METRIC_COUNT && !err; metric++)
			err = put_row(out, &comparison->endpoints[i], metric);
	return err;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/estimate.h"

#include <math.h>

#include "model/student.h"
#include "whywait/latency.h"

#define HALVINGS	 60
#define LEAST_CHANCE	 1e-12
#define GROUPS_LEAST	 8
#define GROUPS_MOST	 12
#define CORRELATION_MOST 0.99
#define CELLS_MAX	 512
#define NSEC		 1000000000ll

struct ww_estimate ww_estimate__bare(double value)
{
	return (struct ww_estimate){.how = WW_ESTIMATE_UNKNOWN, .value = value};
}

struct ww_estimate ww_estimate__exact(double value)
{
	return (struct ww_estimate){.how = WW_ESTIMATE_EXACT, .value = value};
}

/* What a ratio is of: two numbers of each stretch of time, one after the other. */
struct series {
	uint32_t len;
	const void *of;
	double (*sum)(const void *of, uint32_t at);
	double (*number)(const void *of, uint32_t at);
};

/* The sums over the stretches, and the variance of their ratio: W. G. Cochran, Sampling Techniques (3rd ed., 1977),
 * 6.4.
 */
struct ratio {
	double sum, number, variance;
	unsigned blocks; /* that the variance is of */
};

/* The variance, from how groups of `size` consecutive stretches differ; how many groups there are. */
static double variance_of(const struct series *series, const struct ratio *ratio, unsigned size, unsigned *groups)
{
	double squares = 0, off = 0;
	unsigned in_group = 0;

	*groups = 0;
	for (uint32_t i = 0; i < series->len; i++) {
		double number = series->number(series->of, i);

		off += series->sum(series->of, i) - ratio->sum / ratio->number * number;
		in_group += number > 0;
		/* What is left over at the end belongs to the last one. */
		if (in_group < size && i + 1 < series->len)
			continue;
		squares += off * off;
		*groups += in_group > 0;
		off = 0;
		in_group = 0;
	}
	return *groups > 1 ? squares / (ratio->number * ratio->number) * *groups / (*groups - 1) : 0;
}

/*
 * The variance that the two halves tell by their difference: what changes slowly, as a neighbour that comes to stay,
 * shows there first. One number only, so it is no more than a floor.
 */
static double variance_of_halves(const struct series *series, const struct ratio *ratio)
{
	double sum = 0, number = 0, apart;

	for (uint32_t i = 0; i < series->len && number < ratio->number / 2; i++) {
		sum += series->sum(series->of, i);
		number += series->number(series->of, i);
	}
	if (!(number > 0) || !(number < ratio->number))
		return 0;
	apart = sum / number - (ratio->sum - sum) / (ratio->number - number);
	return apart * apart * number * (ratio->number - number) / (ratio->number * ratio->number);
}

/*
 * Stretches that follow each other are alike where the machine's moods last for longer than one: then longer ones
 * differ by more than chance leaves of the short ones' differences (H. Flyvbjerg, H. G. Petersen, Journal of Chemical
 * Physics 91, 1989), and those tell. For a mean the length tells whose groups differ most, and the halves; for a
 * quantile, of which hundreds of requests would be too few then, a length that tells twice the standard deviation more
 * than chance gives to it. Such a length has its own degrees of freedom: what is the largest by chance has those of all
 * blocks.
 */
static struct ratio ratio_of(const struct series *series, bool mean)
{
	struct ratio ratio = {0};
	unsigned groups;

	for (uint32_t i = 0; i < series->len; i++) {
		ratio.sum += series->sum(series->of, i);
		ratio.number += series->number(series->of, i);
	}
	if (!(ratio.number > 0))
		return ratio;
	ratio.variance = variance_of(series, &ratio, 1, &ratio.blocks);

	double least = ratio.variance;

	for (unsigned size = 2; ratio.blocks && size <= series->len; size *= 2) {
		double variance = variance_of(series, &ratio, size, &groups);

		if (groups < WW_BLOCKS_LEAST)
			break;
		bool surely = variance > least * (1 + 2 * sqrt(2 / (groups - 1.0)));

		if (variance <= ratio.variance || !(mean || surely))
			continue;
		ratio.variance = variance;
		if (surely)
			ratio.blocks = groups;
	}
	if (mean)
		ratio.variance = fmax(ratio.variance, variance_of_halves(series, &ratio));
	return ratio;
}

/* Blocks of an endpoint, and what of each. */
struct of_blocks {
	const struct ww_block *blocks;
	double (*sum)(const struct ww_block *block, int which);
	double (*number)(const struct ww_block *block);
	int which;
};

static double sum_of_block(const void *of, uint32_t at)
{
	const struct of_blocks *blocks = of;

	return blocks->sum(&blocks->blocks[at], blocks->which);
}

static double number_of_block(const void *of, uint32_t at)
{
	const struct of_blocks *blocks = of;

	return blocks->number(&blocks->blocks[at]);
}

static struct ratio ratio_of_blocks(const struct ww_sampling *sampling,
				    double (*sum)(const struct ww_block *block, int which),
				    double (*number)(const struct ww_block *block), int which, bool mean)
{
	const struct of_blocks of = {.blocks = sampling->blocks, .sum = sum, .number = number, .which = which};
	const struct series series = {
		.len = sampling->blocks_len, .of = &of, .sum = sum_of_block, .number = number_of_block};

	return ratio_of(&series, mean);
}

static struct ww_estimate mean_of(const struct ratio *ratio)
{
	struct ww_estimate estimate = ww_estimate__bare(ratio->number > 0 ? ratio->sum / ratio->number : NAN);

	if (ratio->blocks < WW_BLOCKS_LEAST)
		return estimate;
	estimate.how = WW_ESTIMATE_MEAN;
	estimate.error = sqrt(ratio->variance);
	estimate.freedom = ratio->blocks - 1;
	return estimate;
}

struct ww_estimate ww_estimate__series(const void *of, uint32_t len, double (*sum)(const void *of, uint32_t at),
				       double (*number)(const void *of, uint32_t at))
{
	const struct series series = {.len = len, .of = of, .sum = sum, .number = number};
	const struct ratio ratio = ratio_of(&series, true);

	return mean_of(&ratio);
}

struct ww_estimate ww_estimate__ratio(const struct ww_sampling *sampling,
				      double (*sum)(const struct ww_block *block, int which),
				      double (*number)(const struct ww_block *block), int which)
{
	const struct ratio ratio = ratio_of_blocks(sampling, sum, number, which, true);

	return mean_of(&ratio);
}

/* Requests in stretches of equal length, also where none came; what of them was observed may be shorter. */
struct cells {
	double requests[CELLS_MAX], ns[CELLS_MAX];
};

static double requests_of_cell(const void *of, uint32_t at)
{
	return ((const struct cells *)of)->requests[at];
}

static double ns_of_cell(const void *of, uint32_t at)
{
	return ((const struct cells *)of)->ns[at];
}

static int64_t floor_to(int64_t at, int64_t unit)
{
	return at - (at % unit + unit) % unit;
}

/* Seconds, where all blocks are that; else the recording's intervals; of a long recording several of them. */
static int64_t cell_ns_of(const struct ww_sampling *sampling, int64_t window_ns)
{
	int64_t cell_ns = NSEC;

	for (uint32_t i = 0; i < sampling->blocks_len; i++)
		if (sampling->blocks[i].at % NSEC)
			cell_ns = sampling->unit_ns;
	while (cell_ns > 0 && window_ns / cell_ns > CELLS_MAX - 2)
		cell_ns *= 2;
	return cell_ns;
}

/* What was not observed has no part in a rate: stretches without requests are those in which some could be seen. */
static void leave_out(struct cells *cells, uint32_t len, int64_t first, int64_t cell_ns, const struct ww_gap *gap)
{
	for (int64_t cell = (gap->start_ns - first) / cell_ns; cell < len; cell++) {
		int64_t at = first + cell * cell_ns;
		int64_t from = at > gap->start_ns ? at : gap->start_ns;
		int64_t to = at + cell_ns < gap->end_ns ? at + cell_ns : gap->end_ns;

		if (from >= to)
			return;
		/* Those of a damaged file may be beside each other. */
		cells->ns[cell] = fmax(cells->ns[cell] - (double)(to - from), 0);
	}
}

struct ww_estimate ww_estimate__rate(const struct ww_sampling *sampling, double rate_per_s)
{
	struct ww_estimate estimate = ww_estimate__bare(rate_per_s);
	/* A damaged file may say anything. */
	bool sound =
		sampling->start_ns >= 0 && sampling->end_ns > sampling->start_ns && sampling->end_ns < INT64_MAX / 2;
	int64_t cell_ns = sound ? cell_ns_of(sampling, sampling->end_ns - sampling->start_ns) : 0, first;
	struct cells cells = {0};
	struct series series = {.of = &cells, .sum = requests_of_cell, .number = ns_of_cell};
	struct ratio ratio;

	if (cell_ns <= 0)
		return estimate;
	first = floor_to(sampling->start_ns, cell_ns);
	for (int64_t at = first; at < sampling->end_ns && series.len < CELLS_MAX; at += cell_ns) {
		int64_t from = at > sampling->start_ns ? at : sampling->start_ns;
		int64_t to = at + cell_ns < sampling->end_ns ? at + cell_ns : sampling->end_ns;

		cells.ns[series.len++] = (double)(to - from);
	}
	for (uint32_t i = 0; i < sampling->gaps_len; i++)
		leave_out(&cells, series.len, first, cell_ns, &sampling->gaps[i]);
	for (uint32_t i = 0; i < sampling->blocks_len; i++) {
		int64_t at = sampling->blocks[i].at;
		int64_t cell = at < first ? 0 : at < sampling->end_ns ? (at - first) / cell_ns : series.len - 1;

		cells.requests[cell < series.len ? cell : series.len - 1] += (double)sampling->blocks[i].requests;
	}
	ratio = ratio_of(&series, true);
	if (ratio.blocks < WW_BLOCKS_LEAST || !(ratio.sum > 0))
		return estimate;
	estimate.how = WW_ESTIMATE_MEAN;
	estimate.error = sqrt(ratio.variance) * NSEC;
	estimate.freedom = ratio.blocks - 1;
	return estimate;
}

/*
 * The number of independent ones that leave as much open ("design effect": L. Kish, Survey Sampling, 1965). Blocks that
 * differ less than chance makes them are chance, too: it is never more than there are.
 */
static double independent(const struct ratio *ratio)
{
	double share = ratio->sum / ratio->number, variance = share * (1 - share) / ratio->number;

	return variance > 0 && ratio->variance > variance ? ratio->number * variance / ratio->variance : ratio->number;
}

struct ww_estimate ww_estimate__share(const struct ww_sampling *sampling,
				      double (*sum)(const struct ww_block *block, int which),
				      double (*number)(const struct ww_block *block), int which)
{
	const struct ratio ratio = ratio_of_blocks(sampling, sum, number, which, false);
	struct ww_estimate estimate = ww_estimate__bare(ratio.number > 0 ? ratio.sum / ratio.number : NAN);

	if (ratio.blocks < WW_BLOCKS_LEAST)
		return estimate;
	estimate.how = WW_ESTIMATE_SHARE;
	estimate.freedom = ratio.blocks - 1;
	estimate.number = independent(&ratio);
	return estimate;
}

static double requests_of(const struct ww_block *block)
{
	return (double)block->requests;
}

/* Requests up to a bucket. */
static double requests_upto(const struct ww_block *block, int index)
{
	double requests = 0;

	for (uint32_t i = 0; i < block->counts_len && block->counts[i].index <= (uint32_t)index; i++)
		requests += (double)block->counts[i].requests;
	return requests;
}

struct ww_estimate ww_estimate__quantile(const struct ww_sampling *sampling, unsigned percent, uint64_t value_ns)
{
	struct ww_estimate estimate = ww_estimate__bare((double)value_ns);
	int index = (int)ww_bucket(value_ns);
	/* A bucket may hold a large share of the requests: to both of its sides. */
	const struct ratio with = ratio_of_blocks(sampling, requests_upto, requests_of, index, false);
	const struct ratio without = ratio_of_blocks(sampling, requests_upto, requests_of, index - 1, false);

	if (with.blocks < WW_BLOCKS_LEAST)
		return estimate;
	estimate.how = WW_ESTIMATE_QUANTILE;
	estimate.freedom = with.blocks - 1;
	estimate.number = fmin(independent(&with), independent(&without));
	estimate.share = percent / 100.0;
	estimate.sampling = sampling;
	return estimate;
}

/* As the normal distribution has it: wider where few blocks tell how wide. */
static double width_of(const struct ww_estimate *estimate, double alpha)
{
	return ww_student__quantile(alpha, estimate->freedom);
}

/* E. B. Wilson, Probable Inference, JASA 22 (1927) */
static void share_interval(const struct ww_estimate *estimate, double alpha, double *low, double *high)
{
	double z = width_of(estimate, alpha), n = estimate->number, p = estimate->value;
	double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
	double half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n));

	*low = fmin(fmax(middle - half, 0), p);
	*high = fmax(fmin(middle + half, 1), p);
}

/* How likely at most k of n independent requests are among the share p of the fastest: DLMF 8.17.5 */
static double binomial_upto(double k, double n, double p)
{
	if (k <= -1)
		return 0;
	return k >= n ? 1 : ww_beta__regularized(n - k, k + 1, 1 - p);
}

/* The bucket of the request that so large a part of all do not exceed. */
static uint32_t bucket_at(const struct ww_sampling *sampling, double part)
{
	double rank = part * (double)sampling->ranks[sampling->ranks_len - 1].upto;
	uint32_t low = 0, high = sampling->ranks_len - 1;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if ((double)sampling->ranks[middle].upto < rank)
			low = middle + 1;
		else
			high = middle;
	}
	return sampling->ranks[low].index;
}

/* The largest k, between whole ones, too, that binomial_upto() leaves at or below `most`. */
static double largest_k(double most, double n, double p)
{
	double low = -1, high = n;

	for (int i = 0; i < HALVINGS && high - low > 1e-6; i++) {
		double middle = (low + high) / 2;

		if (binomial_upto(middle, n, p) <= most)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/*
 * The order statistics between which the quantile lies (H. A. David, H. N. Nagaraja, Order Statistics, 3rd ed., 2003,
 * 7.1), with as many requests as are independent: R. S. Woodruff, JASA 47 (1952). What a bucket holds may lie at
 * either of its ends. Beyond the slowest request nothing is known.
 */
static void quantile_interval(const struct ww_estimate *estimate, double alpha, double *low, double *high)
{
	double half = erfc(width_of(estimate, alpha) / sqrt(2)) / 2, n = estimate->number, p = estimate->share;
	double first = largest_k(half, n, p) + 1, last = largest_k(1 - half, n, p) + 1;
	uint32_t bucket;

	*low = 0;
	*high = INFINITY;
	if (first >= 1) {
		bucket = bucket_at(estimate->sampling, floor(first) / n);
		*low = fmin((double)ww_bucket_low(bucket), estimate->value);
	}
	if (last <= n) {
		bucket = bucket_at(estimate->sampling, last / n);
		*high = fmax((double)(ww_bucket_low(bucket) + ww_bucket_width(bucket)), estimate->value);
	}
}

void ww_estimate__interval(const struct ww_estimate *estimate, double alpha, double *low, double *high)
{
	switch (estimate->how) {
	case WW_ESTIMATE_MEAN:
		*low = estimate->value - width_of(estimate, alpha) * estimate->error;
		*high = estimate->value + width_of(estimate, alpha) * estimate->error;
		return;
	case WW_ESTIMATE_SHARE:
		share_interval(estimate, alpha, low, high);
		return;
	case WW_ESTIMATE_QUANTILE:
		quantile_interval(estimate, alpha, low, high);
		return;
	case WW_ESTIMATE_EXACT:
		*low = *high = estimate->value;
		return;
	default:
		*low = -INFINITY;
		*high = INFINITY;
	}
}

/* What two that are `correlation` alike have together. */
static double joint(double first, double second, double correlation)
{
	if (isinf(first) || isinf(second))
		return INFINITY;
	return sqrt(fmax(first * first + second * second - 2 * correlation * first * second, 0));
}

/*
 * From the two intervals: R. G. Newcombe, Statistics in Medicine 17 (1998), method 10; for any two, also dependent
 * ones: G. Y. Zou, A. Donner, Statistics in Medicine 27 (2008).
 */
static void from_intervals(const struct ww_estimate *before, const struct ww_estimate *after, double correlation,
			   double factor, double alpha, double *low, double *high)
{
	double first[2], second[2], difference = after->value - factor * before->value;

	ww_estimate__interval(before, alpha, &first[0], &first[1]);
	ww_estimate__interval(after, alpha, &second[0], &second[1]);
	*low = difference - joint(after->value - second[0], factor * (first[1] - before->value), correlation);
	*high = difference + joint(second[1] - after->value, factor * (before->value - first[0]), correlation);
}

/* Of the logarithm, to the first order. */
static struct ww_estimate logarithm(const struct ww_estimate *mean, double factor)
{
	struct ww_estimate estimate = *mean;

	estimate.value = log(factor * mean->value);
	estimate.error = mean->error / mean->value;
	return estimate;
}

void ww_difference__interval(const struct ww_estimate *before, const struct ww_estimate *after, double correlation,
			     double factor, double alpha, double *low, double *high)
{
	/* What makes both slower does so by a factor: the larger one's moods are larger. */
	if (correlation > 0 && factor > 0 && before->how == WW_ESTIMATE_MEAN && after->how == WW_ESTIMATE_MEAN &&
	    before->value > 0 && after->value > 0) {
		struct ww_estimate first = logarithm(before, factor), second = logarithm(after, 1);

		from_intervals(&first, &second, correlation, 1, alpha, low, high);
		/* Of what was before. */
		*low = factor * before->value * expm1(*low);
		*high = factor * before->value * expm1(*high);
		return;
	}
	from_intervals(before, after, correlation, factor, alpha, low, high);
}

double ww_difference__chance(const struct ww_estimate *before, const struct ww_estimate *after, double correlation)
{
	double none = log(LEAST_CHANCE), all = 0, low, high;

	if (before->how == WW_ESTIMATE_UNKNOWN || after->how == WW_ESTIMATE_UNKNOWN)
		return 1;
	for (int i = 0; i < HALVINGS / 2; i++) {
		double middle = (none + all) / 2;

		ww_difference__interval(before, after, correlation, 1, exp(middle), &low, &high);
		if (low > 0 || high < 0)
			all = middle;
		else
			none = middle;
	}
	return exp(all);
}

/* How far the blocks of one time are off their means, of two endpoints. */
struct together {
	double before, after;
};

static double correlation_of(const struct together *groups, unsigned len)
{
	double squares[2] = {0}, products = 0, correlation;

	for (unsigned i = 0; i < len; i++) {
		squares[0] += groups[i].before * groups[i].before;
		squares[1] += groups[i].after * groups[i].after;
		products += groups[i].before * groups[i].after;
	}
	if (len < GROUPS_LEAST || !(squares[0] > 0) || !(squares[1] > 0))
		return 0;
	correlation = fmin(products / sqrt(squares[0] * squares[1]), CORRELATION_MOST);
	/* R. A. Fisher's transformation: by a standard deviation less than it came out. */
	return correlation > 0 ? fmax(tanh(atanh(correlation) - 1 / sqrt(len - 3.0)), 0) : 0;
}

/* By groups of blocks that are long enough for the moods that make most of the difference. */
double ww_sampling__correlation(const struct ww_sampling *before, const struct ww_sampling *after,
				double (*sum)(const struct ww_block *block, int which),
				double (*number)(const struct ww_block *block), int which_before, int which_after)
{
	const struct ratio first = ratio_of_blocks(before, sum, number, which_before, false);
	const struct ratio second = ratio_of_blocks(after, sum, number, which_after, false);
	struct together groups[GROUPS_MOST] = {0};
	uint32_t size = before->blocks_len / GROUPS_MOST + 1, len = 0, i = 0, j = 0;

	if (!(first.number > 0) || !(second.number > 0))
		return 0;
	while (i < before->blocks_len || j < after->blocks_len) {
		bool old = i < before->blocks_len &&
			   (j == after->blocks_len || before->blocks[i].at <= after->blocks[j].at);
		bool new = j < after->blocks_len &&
			   (i == before->blocks_len || after->blocks[j].at <= before->blocks[i].at);
		/* Of the one that has fewer of them, the blocks belong to the group of those before. */
		struct together *group = &groups[(i < before->blocks_len ? i : before->blocks_len - 1) / size];

		if (old) {
			const struct ww_block *block = &before->blocks[i++];

			group->before += sum(block, which_before) - first.sum / first.number * number(block);
		}
		if (new) {
			const struct ww_block *block = &after->blocks[j++];

			group->after += sum(block, which_after) - second.sum / second.number * number(block);
		}
		len = (uint32_t)(group - groups) + 1;
	}
	return correlation_of(groups, len);
}

double ww_sampling__correlation_at(const struct ww_sampling *before, const struct ww_sampling *after,
				   uint64_t before_ns, uint64_t after_ns)
{
	return ww_sampling__correlation(before, after, requests_upto, requests_of, (int)ww_bucket(before_ns),
					(int)ww_bucket(after_ns));
}

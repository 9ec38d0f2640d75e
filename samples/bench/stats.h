/* stats.h - the one set of rules by which samples become figures: measuring uses them, and `tuff-bench check` once more. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STATS_RUNS_MAX = 10000 }; /* samples of a row: what a file holds, and what the bootstrap takes 30 ms for */
enum { STATS_RESAMPLES = 1000 };
#define STATS_NOISY 0.10 /* a spread above this is marked */
#define STATS_ABOVE_PEAK                                                                                                    \
    1.000001 /* of its peak's fastest sample, and digits: a figure above it is an error of measurement */

/* What some samples say; in their unit, spread without one. */
struct stats {
    double median, p90, p99;
    double spread;    /* (p75 - p25) / median */
    double low, high; /* 95 % interval of the median, by stats_bootstrap */
};

/* Fills stats from 1..STATS_RUNS_MAX samples in any order. False without samples, with too many, or out of memory. */
bool stats_of(const double *samples, size_t count, struct stats *stats);

void stats_sort(double *samples, size_t count);
/* Of samples in ascending order, count >= 1: linear between order statistics, as NumPy's percentile.
 *   h = (count - 1) p / 100,  x[floor h] + (h - floor h) (x[floor h + 1] - x[floor h]) */
double stats_percentile(const double *sorted, size_t count, double p);
double stats_median(const double *sorted, size_t count);
/* (p75 - p25) / median; 0 where the median is 0. */
double stats_spread(const double *sorted, size_t count);
/* Percentile bootstrap: p2.5 and p97.5 of the medians of STATS_RESAMPLES resamples with replacement. The generator starts
 * from one seed and uses whole numbers alone, so the same samples give the same interval on every machine. */
bool stats_bootstrap(const double *sorted, size_t count, double *low, double *high);

/* What one run does. */
struct stats_work {
    double flops, bytes, samples;
};
/* The figure that a time stands for, in the row's unit; NAN where the unit is unknown or the work is 0.
 *   GFLOP/s, GOP/s       flops / ns
 *   GB/s                 bytes / ns
 *   samples/s, tokens/s  samples * 1e9 / ns
 *   us, ms, s            of a run; in the group "peak" of one of its work.samples (launches, submissions) */
double stats_value(const char *group, const char *unit, const struct stats_work *work, double ns);
/* Units of time are better lower, rates higher. */
bool stats_unit_is_time(const char *unit);

#endif

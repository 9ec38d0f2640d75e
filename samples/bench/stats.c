/* stats.c - see stats.h. */
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void stats_sort(double *samples, size_t count)
{
    if (count > 1) qsort(samples, count, sizeof *samples, compare);
}

double stats_percentile(const double *sorted, size_t count, double p)
{
    double at = (double)(count - 1) * p / 100;
    size_t below = (size_t)at;
    if (below + 1 >= count) return sorted[count - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

double stats_median(const double *sorted, size_t count) { return stats_percentile(sorted, count, 50); }

double stats_spread(const double *sorted, size_t count)
{
    double median = stats_median(sorted, count);
    return median == 0 ? 0 : (stats_percentile(sorted, count, 75) - stats_percentile(sorted, count, 25)) / median;
}

/* ---- bootstrap -------------------------------------------------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Median of a resample: how often each of the sorted samples was drawn tells it, without sorting anew. */
static double resample_median(const double *sorted, size_t count, uint32_t *drawn, uint64_t *state)
{
    memset(drawn, 0, count * sizeof *drawn);
    for (size_t i = 0; i < count; i++) drawn[(draw(state) >> 32) * count >> 32]++;
    size_t first = (count - 1) / 2, second = count / 2, seen = 0, i = 0;
    while (seen + drawn[i] <= first) seen += drawn[i++];
    double low = sorted[i];
    while (seen + drawn[i] <= second) seen += drawn[i++];
    return (low + sorted[i]) / 2;
}

bool stats_bootstrap(const double *sorted, size_t count, double *low, double *high)
{
    if (count == 0 || count > STATS_RUNS_MAX) return false;
    double *medians = malloc(STATS_RESAMPLES * sizeof *medians);
    uint32_t *drawn = malloc(count * sizeof *drawn);
    uint64_t state = 1;
    bool good = medians && drawn;
    for (size_t i = 0; good && i < STATS_RESAMPLES; i++) medians[i] = resample_median(sorted, count, drawn, &state);
    if (good) {
        stats_sort(medians, STATS_RESAMPLES);
        *low = stats_percentile(medians, STATS_RESAMPLES, 2.5);
        *high = stats_percentile(medians, STATS_RESAMPLES, 97.5);
        /* by few samples the percentile interval may miss the median that it is of */
        double median = stats_median(sorted, count);
        if (*low > median) *low = median;
        if (*high < median) *high = median;
    }
    free(drawn);
    free(medians);
    return good;
}

bool stats_of(const double *samples, size_t count, struct stats *stats)
{
    if (count == 0 || count > STATS_RUNS_MAX) return false;
    double *sorted = malloc(count * sizeof *sorted);
    if (!sorted) return false;
    memcpy(sorted, samples, count * sizeof *sorted);
    stats_sort(sorted, count);
    struct stats s = {.median = stats_median(sorted, count),
                      .p90 = stats_percentile(sorted, count, 90),
                      .p99 = stats_percentile(sorted, count, 99),
                      .spread = stats_spread(sorted, count)};
    bool good = stats_bootstrap(sorted, count, &s.low, &s.high);
    free(sorted);
    if (good) *stats = s;
    return good;
}

/* ---- figures ---------------------------------------------------------------------------------------------------------- */

bool stats_unit_is_time(const char *unit)
{
    return strcmp(unit, "us") == 0 || strcmp(unit, "ms") == 0 || strcmp(unit, "s") == 0;
}

double stats_value(const char *group, const char *unit, const struct stats_work *work, double ns)
{
    bool each = strcmp(group, "peak") == 0 && work->samples > 0;
    double value = NAN;
    if (!(ns > 0)) return NAN;
    if (strcmp(unit, "GFLOP/s") == 0 || strcmp(unit, "GOP/s") == 0) value = work->flops / ns;
    if (strcmp(unit, "GB/s") == 0) value = work->bytes / ns;
    if (strcmp(unit, "samples/s") == 0 || strcmp(unit, "tokens/s") == 0) value = work->samples * 1e9 / ns;
    if (strcmp(unit, "us") == 0) value = ns / 1e3 / (each ? work->samples : 1);
    if (strcmp(unit, "ms") == 0) value = ns / 1e6 / (each ? work->samples : 1);
    if (strcmp(unit, "s") == 0) value = ns / 1e9 / (each ? work->samples : 1);
    return value > 0 ? value : NAN;
}

/* measure.c - the timing loop: warm-up until stable, runs by turns, samples of short runs as means of several. */
#ifndef _WIN32
#define _POSIX_C_SOURCE 200809L
#endif
#include "bench.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32
#include <windows.h>
#endif

enum { SAMPLES_WANTED = 400, STABLE_RUNS = 3 };
static const double STABLE_SHARE = 0.05; /* two neighbouring groups of warm-up runs differ by no more */
static const double WARM_SHARE = 0.2;    /* of min_seconds: warm-up is no shorter */

double nanoseconds_now(void)
{
#ifdef _WIN32
    LARGE_INTEGER ticks, frequency;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&frequency);
    return (double)ticks.QuadPart * 1e9 / (double)frequency.QuadPart;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
#endif
}

bool series_add(struct series *series, double wall_ns, double device_ns)
{
    if ((series->count & (series->count - 1)) == 0) { /* room for the next power of two */
        size_t bytes = (series->count ? series->count * 2 : 1) * sizeof(double);
        double *wall = realloc(series->wall_ns, bytes);
        if (wall) series->wall_ns = wall;
        double *device = wall ? realloc(series->device_ns, bytes) : NULL;
        if (!device) return false;
        series->device_ns = device;
    }
    series->wall_ns[series->count] = wall_ns;
    series->device_ns[series->count++] = device_ns;
    return true;
}

void series_free(struct series *series, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free(series[i].wall_ns);
        free(series[i].device_ns);
        series[i] = (struct series){0};
    }
}

/* One sample: `turns` runs, their mean. */
static tuff_status sample(const struct runner *runner, uint32_t turns, double *wall_ns, double *device_ns,
                          struct tuff_error *error)
{
    if (runner->before) runner->before(runner->user);
    double device = 0, began = nanoseconds_now();
    for (uint32_t i = 0; i < turns; i++) {
        double ns = -1;
        tuff_status status = runner->run(runner->user, &ns, error);
        if (status != TUFF_OK) return status;
        device = ns < 0 || device < 0 ? -1 : device + ns;
    }
    *wall_ns = (nanoseconds_now() - began) / turns;
    *device_ns = device < 0 ? -1 : device / turns;
    return TUFF_OK;
}

static double mean(const double *x, uint32_t count)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) sum += x[i];
    return sum / count;
}

/* Runs until two neighbouring groups of runs take the same time and clocks had time to rise, but no longer than measuring
 * itself is to take; finds how many runs a sample must have for a file of reasonable size. */
static tuff_status warm_up(const struct options *options, const struct runner *runner, struct series *series,
                           struct tuff_error *error)
{
    double times[2 * STABLE_RUNS] = {0}, device, spent = 0, last = 0, least = WARM_SHARE * options->min_seconds * 1e9;
    for (bool stable = false; !(stable && spent >= least) && spent < options->min_seconds * 1e9 && !is_stopping();) {
        tuff_status status = sample(runner, 1, &last, &device, error);
        if (status != TUFF_OK) return status;
        spent += last;
        memmove(times, times + 1, sizeof times - sizeof *times);
        times[2 * STABLE_RUNS - 1] = last;
        series->warmup++;
        double before = mean(times, STABLE_RUNS), now = mean(times + STABLE_RUNS, STABLE_RUNS);
        stable = series->warmup >= 2 * STABLE_RUNS && now < before * (1 + STABLE_SHARE) && now > before * (1 - STABLE_SHARE);
    }
    double share = options->min_seconds * 1e9 / SAMPLES_WANTED;
    series->per_timed = !runner->single && last > 0 && last < share ? (uint32_t)(share / last) + 1 : 1;
    return TUFF_OK;
}

static tuff_status take(const struct runner *runner, struct series *series, struct tuff_error *error)
{
    double wall, device;
    tuff_status status = sample(runner, series->per_timed, &wall, &device, error);
    if (status != TUFF_OK) return status;
    series->timed = device >= 0 && (series->count == 0 || series->timed);
    series->spent_ns += wall * series->per_timed;
    return series_add(series, wall, device) ? TUFF_OK : TUFF_ERR_MEMORY;
}

static bool has_enough(const struct options *options, const struct series *series)
{
    bool long_enough = series->spent_ns >= options->min_seconds * 1e9 && series->count >= options->min_runs;
    return long_enough || series->count == STATS_RUNS_MAX;
}

tuff_status measure(const struct options *options, const struct runner *runners, uint32_t count, struct series *series,
                    struct tuff_error *error)
{
    memset(series, 0, count * sizeof *series);
    for (uint32_t i = 0; i < count; i++) {
        tuff_status status = warm_up(options, &runners[i], &series[i], error);
        if (status != TUFF_OK) return status;
    }
    double began = nanoseconds_now(), most = options->max_seconds * 1e9 * count;
    for (bool enough = false; !enough && nanoseconds_now() - began < most && !is_stopping();) {
        enough = true;
        for (uint32_t i = 0; i < count; i++) {
            if (has_enough(options, &series[i])) continue;
            tuff_status status = take(&runners[i], &series[i], error);
            if (status != TUFF_OK) return status;
            enough = false;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        series[i].few = series[i].count < options->min_runs;
        if (series[i].count) continue;
        snprintf(error->message, sizeof error->message, "interrupted before it was measured");
        return error->status = TUFF_ERR_CANCELLED;
    }
    return TUFF_OK;
}

void device_time(struct tuff_device *device, struct tuff_program *program, double *device_ns)
{
    struct tuff_error error;
    uint64_t ns;
    if (tuff_device_caps(device)->timestamp_period_ns > 0 && tuff_program_duration(program, &ns, &error) == TUFF_OK)
        *device_ns = (double)ns;
}

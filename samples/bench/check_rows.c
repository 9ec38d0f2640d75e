/* check_rows.c - what a row of results must agree with: its samples, its work, its check, the peaks measured beside it.
 * Everything here is computed by the rules of stats.h, the same that measuring uses. */
#include "check_rows.h"
#include "stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a row holds, and what its samples say. */
struct figures {
    struct check *c;
    const struct check_row *row;
    const char *where, *group, *status, *unit;
    char place[CHECK_TEXT];
    bool ok, measured; /* status "ok"; there are samples */
    struct stats_work work;
    struct stats stats;  /* of the series that the figure is of; zeros without samples */
    double flops, bytes; /* a second, NAN: null */
};

static const cJSON *get(const cJSON *json, const char *key) { return cJSON_GetObjectItemCaseSensitive(json, key); }

static double number(const cJSON *json, const char *key) /* NAN for null */
{
    const cJSON *item = get(json, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static const char *text(const cJSON *json, const char *key) /* "" for null */
{
    const cJSON *item = get(json, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* A millionth: digits that writing or a fused multiply-add may cost. */
static bool near(double a, double b) { return fabs(a - b) <= 1e-6 * fmax(fabs(a), fabs(b)) + 1e-12; }

/* The number at a key; expected NAN: null. why follows the expected number in the line. */
static void expect(const struct figures *f, const cJSON *json, const char *key, double expected, const char *why)
{
    char there[CHECK_TEXT];
    double got = number(json, key);
    if (isnan(expected) ? isnan(got) : near(got, expected)) return;
    if (isnan(expected))
        check_problem(f->c, f->where, check_show(get(json, key), there), "\"%s\" to be null (%s)", key, why);
    else
        check_problem(f->c, f->where, check_show(get(json, key), there), "\"%s\" to be %.9g (%s)", key, expected, why);
}

static void expect_truth(const struct figures *f, const char *key, bool expected, const char *why)
{
    bool got = cJSON_IsTrue(get(f->row->json, key));
    if (got != expected)
        check_problem(f->c, f->where, got ? "true" : "false", "\"%s\" to be %s (%s)", key, expected ? "true" : "false", why);
}

/* ---- samples and what follows from them ------------------------------------------------------------------------------------- */

static bool measure(struct figures *f, const cJSON *list, size_t count)
{
    double *samples = malloc((count + 1) * sizeof *samples);
    const cJSON *item = NULL;
    size_t i = 0;
    if (!samples) return false;
    cJSON_ArrayForEach(item, list) samples[i++] = item->valuedouble;
    bool good = stats_of(samples, count, &f->stats);
    free(samples);
    return good;
}

static void check_times(struct figures *f)
{
    const cJSON *json = f->row->json, *wall = get(json, "wall_ns"), *device = get(json, "device_ns");
    bool by_device = strcmp(text(json, "clock"), "device") == 0;
    double runs = cJSON_GetArraySize(wall), timed = cJSON_GetArraySize(device);
    const char *none = "there are no samples", *samples = by_device ? "from device_ns" : "from wall_ns";
    char there[CHECK_TEXT];
    expect(f, json, "runs", runs, "the samples in wall_ns");
    snprintf(there, sizeof there, "%.0f", timed);
    if (timed != 0 && timed != runs)
        check_problem(f->c, f->where, there, "\"device_ns\" to hold 0 or %.0f samples, as wall_ns", runs);
    if (by_device && runs > 0 && timed == 0) check_problem(f->c, f->where, "none", "samples in \"device_ns\" (\"clock\")");
    const cJSON *list = by_device ? device : wall;
    f->measured = cJSON_GetArraySize(list) > 0 && measure(f, list, (size_t)cJSON_GetArraySize(list));
    const struct stats s = f->stats;
    expect(f, json, "median_ns", f->measured ? s.median : NAN, f->measured ? samples : none);
    expect(f, json, "p90_ns", f->measured ? s.p90 : NAN, f->measured ? samples : none);
    expect(f, json, "p99_ns", f->measured ? s.p99 : NAN, f->measured ? samples : none);
    expect(f, json, "spread", f->measured ? s.spread : NAN, f->measured ? "(p75 - p25) / median" : none);
    if (fabs(s.spread - STATS_NOISY) > 1e-6)
        expect_truth(f, "noisy", f->measured && s.spread > STATS_NOISY, "a spread above 0.10");
    expect_truth(f, "few", f->measured && runs < f->c->min_runs, "fewer runs than \"min_runs\" in \"options\"");
}

static void check_value(struct figures *f)
{
    const cJSON *json = f->row->json;
    bool time = stats_unit_is_time(f->unit);
    const char *better = time ? "lower" : "higher";
    const char *why = f->ok ? "from the median, by its unit" : "only a row that is \"ok\" has a figure";
    double value = f->ok ? stats_value(f->group, f->unit, &f->work, f->stats.median) : NAN;
    double low = f->ok ? stats_value(f->group, f->unit, &f->work, time ? f->stats.low : f->stats.high) : NAN;
    double high = f->ok ? stats_value(f->group, f->unit, &f->work, time ? f->stats.high : f->stats.low) : NAN;
    char there[CHECK_TEXT];
    if (strcmp(text(json, "better"), better) != 0)
        check_problem(f->c, f->where, check_show(get(json, "better"), there), "\"better\" to be \"%s\" for %s", better,
                      f->unit);
    if (f->ok && isnan(value)) {
        check_problem(f->c, f->where, "none", "samples and \"work\" that give a figure in %s", f->unit);
        return;
    }
    expect(f, json, "value", value, why);
    expect(f, json, "low", low, f->ok ? "bootstrap of the median" : why);
    expect(f, json, "high", high, f->ok ? "bootstrap of the median" : why);
    f->flops = f->ok && f->work.flops > 0 ? f->work.flops * 1e9 / f->stats.median : NAN;
    f->bytes = f->ok && f->work.bytes > 0 ? f->work.bytes * 1e9 / f->stats.median : NAN;
    expect(f, json, "flops_per_second", f->flops, f->ok ? "work.flops / median" : why);
    expect(f, json, "bytes_per_second", f->bytes, f->ok ? "work.bytes / median" : why);
}

/* ---- peaks -------------------------------------------------------------------------------------------------------------------- */

static int compare_rows(const void *a, const void *b)
{
    const struct check_row *x = *(const struct check_row *const *)a, *y = *(const struct check_row *const *)b;
    if (x->device != y->device) return x->device < y->device ? -1 : 1;
    return strcmp(x->id, y->id);
}

double check_best_rate(const cJSON *row, const char *rate_key)
{
    double median = number(row, "median_ns"), least = median;
    const cJSON *sample;
    cJSON_ArrayForEach(
        sample, get(row, strcmp(text(row, "clock"), "device") ? "wall_ns" : "device_ns")) if (cJSON_IsNumber(sample) &&
                                                                                              sample->valuedouble < least)
        least = sample->valuedouble;
    return number(row, rate_key) * (least > 0 ? median / least : 1);
}

static void find_most(struct check *c)
{
    for (size_t i = 0; i < c->sorted_count; i++) {
        const struct check_row *row = c->sorted[i];
        double rate = check_best_rate(row->json, "flops_per_second");
        if (row->device >= CHECK_DEVICES_MAX || strcmp(text(row->json, "group"), "peak") != 0) continue;
        if (strcmp(text(row->json, "status"), "ok") == 0 && rate > c->most_flops[row->device])
            c->most_flops[row->device] = rate;
    }
}

static const struct check_row *find_row(const struct check *c, uint32_t device, const char *id)
{
    const struct check_row wanted = {.id = id, .device = device}, *key = &wanted;
    struct check_row **found = bsearch(&key, c->sorted, c->sorted_count, sizeof *c->sorted, compare_rows);
    return found ? *found : NULL;
}

/* One of the two shares: a row's rate over that of the fastest sample of the peak it names. Warm buffers that come out of a cache, faster
 * than memory, name no peak of it. */
static void check_share(const struct figures *f, const cJSON *share, const char *key, const char *peak_key,
                        const char *rate_key, double rate)
{
    const char *id = text(share, peak_key);
    char there[CHECK_TEXT], why[CHECK_TEXT];
    if (!*id) {
        expect(f, share, key, NAN, "no peak is named");
        return;
    }
    check_printable(id, why);
    const struct check_row *row = find_row(f->c, f->row->device, id);
    double peak = row && strcmp(text(row->json, "group"), "peak") == 0 ? number(row->json, rate_key) : NAN;
    if (!(peak > 0) || strcmp(text(row->json, "status"), "ok") != 0) {
        check_problem(f->c, f->where, row ? "one without that figure" : "none",
                      "a good peak \"%s\" with \"%s\" in this file", why, rate_key);
        return;
    }
    double best = check_best_rate(row->json, rate_key);
    snprintf(there, sizeof there, "%.9g", rate / best);
    if (rate / best > STATS_ABOVE_PEAK)
        check_problem(f->c, f->where, there, "a share of the best of \"%s\" of at most 1, or \"refused\"", why);
    expect(f, share, key, rate / best, rate_key);
}

/* Also a figure that names no peak stays below the largest that was measured. Only of arithmetic: memory that is warm in a
 * cache may well be faster than the copy of a large buffer. */
static void check_above_all(const struct figures *f)
{
    double most = f->row->device < CHECK_DEVICES_MAX ? f->c->most_flops[f->row->device] : 0;
    char there[CHECK_TEXT];
    if (isnan(f->flops) || strcmp(f->group, "peak") == 0) return;
    snprintf(there, sizeof there, "%.9g", f->flops);
    if (most > 0 && f->flops > most * STATS_ABOVE_PEAK)
        check_problem(f->c, f->where, there, "at most the device's largest peak, %.9g operations a second, or \"refused\"",
                      most);
}

static void check_peaks(const struct figures *f)
{
    const cJSON *share = get(f->row->json, "peak_share");
    if (!cJSON_IsNull(share) && (!f->ok || strcmp(f->group, "peak") == 0)) {
        check_problem(f->c, f->where, "an object", "\"peak_share\" to be null (%s)",
                      f->ok ? "a peak" : "only a row that is \"ok\" has a figure");
        return;
    }
    if (!cJSON_IsNull(share)) {
        check_share(f, share, "arithmetic", "arithmetic_peak", "flops_per_second", f->flops);
        check_share(f, share, "bandwidth", "bandwidth_peak", "bytes_per_second", f->bytes);
    }
    check_above_all(f);
}

/* ---- status, check, plan, series ------------------------------------------------------------------------------------------------ */

/* Launches and submissions compute nothing that could be compared. */
static bool needs_check(const struct figures *f)
{
    return strncmp(f->row->id, "peak/launch/", 12) != 0 && strncmp(f->row->id, "peak/submit", 11) != 0;
}

static void check_answer(const struct figures *f)
{
    const cJSON *check = get(f->row->json, "check");
    char there[CHECK_TEXT];
    bool none = cJSON_IsNull(check) || strcmp(text(check, "kind"), "none") == 0;
    if (!none) {
        double nmse = number(check, "nmse"), bound = number(check, "bound"), compared = number(check, "compared");
        bool good = nmse <= bound && compared > 0; /* null: not a number */
        bool says = cJSON_IsTrue(get(check, "ok"));
        snprintf(there, sizeof there, "nmse %.3g, bound %.3g, %.0f compared", nmse, bound, compared);
        if (good != says)
            check_problem(f->c, f->where, there, "what \"check\" calls %s", says ? "ok" : "not ok (so \"ok\": true)");
        if (f->ok && !says) check_problem(f->c, f->where, "false", "a check that is ok, as \"status\" is");
        if (strcmp(f->status, "wrong") == 0 && says)
            check_problem(f->c, f->where, "true", "a check that is not ok, as \"status\" is");
    }
    if (none && f->ok && needs_check(f)) check_problem(f->c, f->where, "none", "a check, since \"status\" is \"ok\"");
    if (none && strcmp(f->status, "wrong") == 0) check_problem(f->c, f->where, "none", "the check that says \"wrong\"");
}

static void check_status(const struct figures *f)
{
    const cJSON *json = f->row->json;
    if (!f->ok && !*text(json, "message"))
        check_problem(f->c, f->where, "nothing", "a \"message\" that says why it is \"%s\"", f->status);
    if (strcmp(f->status, "skipped") == 0 && f->measured)
        check_problem(f->c, f->where, "some", "no samples of what was skipped");
}

static void check_plan(const struct figures *f)
{
    const cJSON *plan = get(f->row->json, "plan");
    char there[CHECK_TEXT];
    if (cJSON_IsNull(plan)) return;
    double moved = number(plan, "bytes_moved"), least = number(plan, "bytes_least");
    double scratch = number(plan, "scratch_bytes"), bound = number(plan, "scratch_bound_bytes");
    if (moved < least)
        check_problem(f->c, f->where, check_show(get(plan, "bytes_moved"), there),
                      "\"bytes_moved\" of at least %.9g, \"bytes_least\"", least);
    if (scratch < bound)
        check_problem(f->c, f->where, check_show(get(plan, "scratch_bytes"), there),
                      "\"scratch_bytes\" of at least %.9g, \"scratch_bound_bytes\"", bound);
}

static void check_series(const struct figures *f)
{
    const cJSON *series = get(f->row->json, "series"), *item = NULL;
    bool sustained = strcmp(f->group, "sustained") == 0;
    char there[CHECK_TEXT];
    double last = 0;
    snprintf(there, sizeof there, "%d points", cJSON_GetArraySize(series));
    if (!sustained && strcmp(f->group, "accuracy") != 0 && cJSON_GetArraySize(series) > 0)
        check_problem(f->c, f->where, there, "no \"series\" but in the groups \"sustained\" and \"accuracy\"");
    if (sustained && f->ok && cJSON_GetArraySize(series) == 0)
        check_problem(f->c, f->where, there, "a \"series\" of what is sustained");
    cJSON_ArrayForEach(item, series)
    {
        double t = number(item, "t");
        if (t < last) {
            check_problem(f->c, f->where, check_show(get(item, "t"), there), "\"t\" to rise in \"series\", after %.9g",
                          last);
            return;
        }
        last = t;
    }
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------ */

static void check_name(const struct figures *f)
{
    size_t group = strlen(f->group);
    const char *id = f->row->id;
    char there[CHECK_TEXT];
    check_show(get(f->row->json, "id"), there);
    if (strncmp(id, f->group, group) != 0 || id[group] != '/')
        check_problem(f->c, f->where, there, "an id that starts with its group, \"%s/\"", f->group);
    else if (!known_id(f->c->workload_version, id))
        check_problem(f->c, f->where, there, "an id of workload version %u", (unsigned)f->c->workload_version);
}

static void check_unit(const struct figures *f)
{
    static const char *const allowed[][2] = {
        {"peak", " GFLOP/s GOP/s GB/s us "},
        {"operator", " GFLOP/s GOP/s GB/s us ms samples/s "},
        {"net", " us ms s samples/s tokens/s "},
        {"first", " us ms s "},
        {"accuracy", " s "},
        {"sustained", " GFLOP/s GOP/s GB/s samples/s tokens/s "},
    };
    char wanted[20];
    snprintf(wanted, sizeof wanted, " %.16s ", f->unit);
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        if (strcmp(allowed[i][0], f->group) == 0 && !strstr(allowed[i][1], wanted))
            check_problem(f->c, f->where, f->unit, "a unit of the group \"%s\":%s", f->group, allowed[i][1]);
}

static void check_row(struct check *c, const struct check_row *row)
{
    const cJSON *json = row->json, *work = get(json, "work");
    struct figures f = {.c = c, .row = row, .flops = NAN, .bytes = NAN};
    char there[CHECK_TEXT];
    check_printable(row->id, there);
    snprintf(f.place, sizeof f.place, "%.100s", there);
    if (c->device_count > 1) snprintf(f.place, sizeof f.place, "%.90s (device %u)", there, (unsigned)row->device);
    f.where = f.place;
    f.group = text(json, "group");
    f.status = text(json, "status");
    f.unit = text(json, "unit");
    f.ok = strcmp(f.status, "ok") == 0;
    f.work = (struct stats_work){number(work, "flops"), number(work, "bytes"), number(work, "samples")};
    if (row->device >= c->device_count)
        check_problem(c, f.where, check_show(get(json, "device"), there), "\"device\" to be below %u",
                      (unsigned)c->device_count);
    check_name(&f);
    check_unit(&f);
    check_times(&f);
    check_value(&f);
    check_peaks(&f);
    check_answer(&f);
    check_status(&f);
    check_plan(&f);
    check_series(&f);
}

/* All that was timed fits into the time that the file says it took. */
static void check_total(struct check *c)
{
    double total = 0;
    char there[CHECK_TEXT];
    const cJSON *item = NULL;
    for (size_t i = 0; i < c->sorted_count; i++)
        cJSON_ArrayForEach(item, get(c->sorted[i]->json, "wall_ns")) total += item->valuedouble * 1e-9;
    snprintf(there, sizeof there, "%.9g s", c->seconds);
    if (total > c->seconds * 1.01)
        check_problem(c, "file", there, "\"seconds\" to be at least the sum of all samples, %.9g s", total);
}

void check_rows(struct check *c)
{
    for (size_t i = 0; i < c->row_count; i++)
        if (c->rows[i].good) c->sorted[c->sorted_count++] = &c->rows[i];
    qsort(c->sorted, c->sorted_count, sizeof *c->sorted, compare_rows);
    for (size_t i = 1; i < c->sorted_count; i++) {
        char id[CHECK_TEXT];
        if (compare_rows(&c->sorted[i - 1], &c->sorted[i]) != 0) continue;
        check_printable(c->sorted[i]->id, id);
        check_problem(c, id, "another one", "one row of this id on device %u", (unsigned)c->sorted[i]->device);
    }
    find_most(c);
    for (size_t i = 0; i < c->row_count; i++)
        if (c->rows[i].good) check_row(c, &c->rows[i]);
    check_total(c);
}

/* result.c - from rows to the file and to the table on the terminal. The rules of a figure (median, spread, shares of peaks)
 * are those of stats.h, by which `tuff-bench check` computes them again. */
#ifndef _WIN32
#define _DEFAULT_SOURCE
#endif
#include "bench.h"
#include "check.h"
#include "stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32
#include <io.h>
#define isatty _isatty
#define fileno _fileno
#else
#include <sys/utsname.h>
#include <unistd.h>
#endif

/* ---- the file ------------------------------------------------------------------------------------------------------------------ */

static uint64_t hash_bytes(uint64_t hash, const unsigned char *bytes, size_t count) /* FNV-1a */
{
    for (size_t i = 0; i < count; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* cJSON writes bytes that are no UTF-8 as they are. */
static void add_text(cJSON *object, const char *name, const char *text)
{
    char shown[1000];
    cJSON_AddStringToObject(object, name, tuff_printable(text, shown, sizeof shown));
}

static void add_hex(cJSON *object, const char *name, uint64_t value)
{
    char text[20];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)value);
    cJSON_AddStringToObject(object, name, text);
}

/* Of the running program, which holds the library as well; 0 where the system does not show it. */
static uint64_t hash_of_binary(void)
{
    unsigned char block[1 << 14];
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    size_t count, total = 0;
    FILE *file = fopen("/proc/self/exe", "rb");
    if (!file) return 0;
    for (; (count = fread(block, 1, sizeof block, file)) > 0; total += count) hash = hash_bytes(hash, block, count);
    fclose(file);
    return total ? hash : 0;
}

static void add_processor(cJSON *system)
{
    char line[256], name[200] = "";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && !name[0] && fgets(line, sizeof line, file))
        if (!strncmp(line, "model name", 10) && strchr(line, ':'))
            snprintf(name, sizeof name, "%.*s", (int)strcspn(strchr(line, ':') + 2, "\n"), strchr(line, ':') + 2);
    if (file) fclose(file);
    add_text(system, "cpu", name);
}

static void add_system(cJSON *file)
{
    cJSON *system = cJSON_AddObjectToObject(file, "system");
    char text[300] = "Windows";
    double threads = 0;
#ifndef _WIN32
    struct utsname names;
    if (uname(&names) == 0) snprintf(text, sizeof text, "%.80s %.80s %.80s", names.sysname, names.release, names.machine);
    threads = (double)sysconf(_SC_NPROCESSORS_ONLN);
#endif
    cJSON_AddStringToObject(system, "os", text);
    add_processor(system);
    cJSON_AddNumberToObject(system, "threads", threads);
}

static void add_environment(cJSON *object, const char *name, const char *variable)
{
    const char *value = getenv(variable);
    add_text(object, name, value ? value : "");
}

cJSON *file_create(const struct options *options)
{
    cJSON *file = cJSON_CreateObject();
    char started[32] = "";
    time_t now = time(NULL);
    struct tm *utc = gmtime(&now);
    if (utc) strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", utc);
    cJSON_AddStringToObject(file, "format", "tuff-bench");
    cJSON_AddNumberToObject(file, "format_version", FORMAT_VERSION);
    cJSON_AddNumberToObject(file, "workload_version", WORKLOAD_VERSION);
    cJSON_AddStringToObject(file, "tuff_version", tuff_version());
    cJSON_AddStringToObject(file, "started", started);
    add_system(file);
    cJSON *o = cJSON_AddObjectToObject(file, "options");
    cJSON_AddBoolToObject(o, "quick", options_are_quick(options));
    add_text(o, "only", options->only ? options->only : "");
    cJSON_AddNumberToObject(o, "min_seconds", options->min_seconds);
    cJSON_AddNumberToObject(o, "min_runs", options->min_runs);
    cJSON_AddNumberToObject(o, "max_seconds", options->max_seconds);
    add_environment(o, "limits", "TUFF_LIMITS");
    add_environment(o, "debug", "TUFF_DEBUG");
    add_environment(o, "driver", "TUFF_DRIVER");
    add_hex(file, "binary_hash", hash_of_binary());
    cJSON_AddArrayToObject(file, "devices");
    cJSON_AddArrayToObject(file, "results");
    return file;
}

static void add_caps(cJSON *device, const struct tuff_caps *caps)
{
    struct tuff_caps_field field;
    cJSON *o = cJSON_AddObjectToObject(device, "caps");
    for (uint32_t i = 0; tuff_caps_field(i, &field); i++) {
        unsigned long long value = tuff_caps_value(caps, &field);
        if (field.kind == TUFF_FIELD_FLAG)
            cJSON_AddBoolToObject(o, field.name, value != 0);
        else
            cJSON_AddNumberToObject(o, field.name, (double)value);
    }
    cJSON_AddNumberToObject(o, "timestamp_period_ns", caps->timestamp_period_ns);
    cJSON *heaps = cJSON_AddArrayToObject(o, "heaps");
    for (uint32_t i = 0; i < caps->heap_count && i < 16; i++) {
        cJSON *heap = cJSON_CreateObject();
        cJSON_AddNumberToObject(heap, "bytes", (double)caps->heaps[i].bytes);
        cJSON_AddBoolToObject(heap, "device_local", caps->heaps[i].device_local);
        cJSON_AddItemToArray(heaps, heap);
    }
}

bool file_add_device(cJSON *file, const struct tuff_caps *caps)
{
    cJSON *device = cJSON_CreateObject();
    char text[40];
    struct tuff_driver_row row;
    cJSON_AddStringToObject(device, "name", caps->name);
    cJSON_AddStringToObject(device, "driver_name", caps->driver_name);
    cJSON_AddStringToObject(device, "driver_info", caps->driver_info);
    cJSON_AddNumberToObject(device, "driver_version", caps->driver_version);
    cJSON_AddNumberToObject(device, "vendor_id", caps->vendor_id);
    cJSON_AddNumberToObject(device, "device_id", caps->device_id);
    snprintf(text, sizeof text, "%u.%u.%u", caps->api_version >> 22 & 127, caps->api_version >> 12 & 1023,
             caps->api_version & 4095); /* Vulkan's packing */
    cJSON_AddStringToObject(device, "api_version", text);
    cJSON_AddStringToObject(device, "kind", tuff_device_kind_name(caps->kind));
    for (int i = 0; i < 16; i++) snprintf(text + 2 * i, 3, "%02x", caps->uuid[i]);
    cJSON_AddStringToObject(device, "uuid", text);
    add_caps(device, caps);
    cJSON *rows = cJSON_AddArrayToObject(device, "driver_rows");
    for (uint32_t i = 0; tuff_driver_row(i, &row); i++)
        if (caps->driver_rows >> i & 1) cJSON_AddItemToArray(rows, cJSON_CreateString(row.name));
    return cJSON_AddItemToArray(cJSON_GetObjectItem(file, "devices"), device);
}

tuff_status file_write(struct tuff_context *context, cJSON *file, const char *path, double seconds, struct tuff_error *error)
{
    cJSON_DeleteItemFromObject(file, "seconds");
    if (seconds >= 0) cJSON_AddNumberToObject(file, "seconds", seconds);
    char *text = cJSON_Print(file);
    if (!text) snprintf(error->message, sizeof error->message, "not enough memory for %.400s", path);
    tuff_status status = text ? tuff_file_write(context, path, (struct tuff_span){text, strlen(text)}, error)
                              : TUFF_ERR_MEMORY;
    cJSON_free(text);
    return status;
}

void file_keep(struct bench *bench)
{
    static const double every = 5e9; /* a file of all samples is megabytes */
    double now = nanoseconds_now();
    if (bench->began <= 0 || now - bench->kept < every) return;
    struct tuff_error error = {0}; /* what fails now fails at the end */
    (void)!file_write(bench->context, bench->file, options_path(bench->options), (now - bench->began) * 1e-9, &error);
    bench->kept = nanoseconds_now();
}

/* ---- figures ---------------------------------------------------------------------------------------------------------------- */

static const double CLOCK_TOLERANCE = 1.05; /* of the device's clock beside the host's */

struct figure { /* what follows from the samples */
    bool by_device;
    struct stats stats; /* of nanoseconds */
    double value, low, high;
    double flops_per_second, bytes_per_second;
};

static bool figure_of(const struct row *row, struct figure *f)
{
    const struct stats_work work = {row->flops, row->bytes, row->samples};
    struct stats device = {0};
    if (!stats_of(row->series->wall_ns, row->series->count, &f->stats)) return false;
    if (row->by_device && row->series->timed) {
        if (!stats_of(row->series->device_ns, row->series->count, &device)) return false;
        /* the device cannot have worked longer than the host waited: such a clock (some are coarse, or wrong) is not believed */
        f->by_device = device.median > 0 && device.median <= CLOCK_TOLERANCE * f->stats.median;
        if (f->by_device) f->stats = device;
    }
    f->value = stats_value(row->group, row->unit, &work, f->stats.median);
    double a = stats_value(row->group, row->unit, &work, f->stats.low);
    double b = stats_value(row->group, row->unit, &work, f->stats.high);
    f->low = a < b ? a : b;
    f->high = a < b ? b : a;
    f->flops_per_second = row->flops / f->stats.median * 1e9;
    f->bytes_per_second = row->bytes / f->stats.median * 1e9;
    return true;
}

/* A peak that was measured on this device. */
struct peak {
    const char *id;
    double rate, best; /* FLOP/s or B/s: of the median, and of its fastest sample; 0: not measured */
};
static struct peak find_peak(const struct bench *bench, const char *id, const char *rate_key)
{
    struct peak peak = {.id = id};
    cJSON *row;
    cJSON_ArrayForEach(row, bench->results)
    {
        const cJSON *rate = cJSON_GetObjectItem(row, rate_key);
        bool same = !strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(row, "id")), id) &&
                    cJSON_GetNumberValue(cJSON_GetObjectItem(row, "device")) == bench->device_index;
        if (!same || !cJSON_IsNumber(rate)) continue;
        peak.rate = cJSON_GetNumberValue(rate);
        peak.best = check_best_rate(row, rate_key);
    }
    return peak;
}

struct shares {
    double arithmetic, bandwidth; /* of the measured peaks; 0: unknown */
    const char *bandwidth_peak;
    const char *impossible; /* id of the peak that the figure is above; NULL: none */
    bool cached;            /* warm buffers came faster than memory gives them: out of a cache */
};

/* A figure above what the device was once seen to do is an error of measurement: of the arithmetic always, of the bandwidth
 * where caches were not to help. Where they may, it is none of the memory's. Copy and read: some devices read faster than they copy. */
static struct shares shares_of(const struct bench *bench, const struct row *row, const struct figure *f)
{
    struct shares s = {0};
    struct peak none = {0}, arithmetic = none, copy = none, read = none;
    bool peak = !strcmp(row->group, "peak"), cold = row->cache && !strcmp(row->cache, "cold");
    if (!peak && row->arithmetic && row->flops > 0) arithmetic = find_peak(bench, row->arithmetic, "flops_per_second");
    if (!peak && row->bytes > 0) copy = find_peak(bench, COPY_PEAK, "bytes_per_second");
    if (!peak && row->bytes > 0) read = find_peak(bench, READ_PEAK, "bytes_per_second");
    struct peak bandwidth = read.best > copy.best ? read : copy;
    if (arithmetic.rate > 0) s.arithmetic = f->flops_per_second / arithmetic.best;
    if (bandwidth.rate > 0) s.bandwidth = f->bytes_per_second / bandwidth.best;
    s.bandwidth_peak = bandwidth.id;
    s.cached = !cold && s.bandwidth > 1;
    if (s.cached) s.bandwidth = 0;
    if (s.bandwidth > STATS_ABOVE_PEAK) s.impossible = bandwidth.id;
    if (s.arithmetic > STATS_ABOVE_PEAK) s.impossible = arithmetic.id;
    return s;
}

static void add_number(cJSON *object, const char *name, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, name, value);
    else
        cJSON_AddNullToObject(object, name);
}

static void add_string(cJSON *object, const char *name, const char *text)
{
    if (text)
        cJSON_AddStringToObject(object, name, text);
    else
        cJSON_AddNullToObject(object, name);
}

static void add_samples(cJSON *object, const char *name, const double *x, uint32_t count)
{
    cJSON *array = cJSON_AddArrayToObject(object, name);
    for (uint32_t i = 0; i < count; i++) cJSON_AddItemToArray(array, cJSON_CreateNumber(x[i]));
}

void result_add_point(cJSON *points, double seconds, double value, double clock_mhz, double temperature_c)
{
    cJSON *point = cJSON_CreateObject();
    add_number(point, "t", seconds);
    add_number(point, "value", value);
    add_number(point, "clock_mhz", clock_mhz);
    add_number(point, "temperature_c", temperature_c);
    cJSON_AddItemToArray(points, point);
}

/* All keys are there in every row; what was not measured, or is not shown, is null. */
static void add_shares(cJSON *o, const struct row *row, const struct shares *shares, bool shown)
{
    if (!shown || (shares->arithmetic <= 0 && shares->bandwidth <= 0)) {
        cJSON_AddNullToObject(o, "peak_share");
        return;
    }
    cJSON *p = cJSON_AddObjectToObject(o, "peak_share");
    add_number(p, "arithmetic", shares->arithmetic > 0 ? shares->arithmetic : NAN);
    add_string(p, "arithmetic_peak", shares->arithmetic > 0 ? row->arithmetic : NULL);
    add_number(p, "bandwidth", shares->bandwidth > 0 ? shares->bandwidth : NAN);
    add_string(p, "bandwidth_peak", shares->bandwidth > 0 ? shares->bandwidth_peak : NULL);
}

static void add_figure(cJSON *o, const struct row *row, const struct figure *f, bool measured, bool shown)
{
    static const struct series none;
    const struct series *s = measured ? row->series : &none;
    const double nan = NAN;
    add_number(o, "value", shown ? f->value : nan);
    add_number(o, "low", shown ? f->low : nan);
    add_number(o, "high", shown ? f->high : nan);
    cJSON_AddStringToObject(o, "clock", f->by_device ? "device" : "wall");
    cJSON_AddNumberToObject(o, "runs", s->count);
    cJSON_AddNumberToObject(o, "warmup_runs", s->warmup);
    add_samples(o, "wall_ns", s->wall_ns, s->count);
    add_samples(o, "device_ns", s->device_ns, s->timed ? s->count : 0);
    add_number(o, "median_ns", measured ? f->stats.median : nan);
    add_number(o, "p90_ns", measured ? f->stats.p90 : nan);
    add_number(o, "p99_ns", measured ? f->stats.p99 : nan);
    add_number(o, "spread", measured ? f->stats.spread : nan);
    cJSON_AddBoolToObject(o, "noisy", measured && f->stats.spread > STATS_NOISY);
    cJSON_AddBoolToObject(o, "few", s->few);
    add_number(o, "flops_per_second", shown && row->flops > 0 ? f->flops_per_second : nan);
    add_number(o, "bytes_per_second", shown && row->bytes > 0 ? f->bytes_per_second : nan);
}

static void add_check(cJSON *o, const struct check *check)
{
    if (!check->kind) {
        cJSON_AddNullToObject(o, "check");
        return;
    }
    cJSON *c = cJSON_AddObjectToObject(o, "check");
    cJSON_AddStringToObject(c, "kind", check->kind);
    add_number(c, "nmse", check->ok || check->nmse > check->bound ? check->nmse : NAN); /* null: wrong in another way */
    add_number(c, "bound", check->bound);
    cJSON_AddNumberToObject(c, "compared", (double)check->compared);
    cJSON_AddBoolToObject(c, "ok", check->ok);
}

void result_add_plan(cJSON *o, const struct tuff_plan_figures *plan, uint64_t spirv_hash, uint32_t batch,
                     uint64_t peak_bytes)
{
    cJSON *p = cJSON_AddObjectToObject(o, "plan");
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"launches", plan->launches},
                   {"barriers", plan->barriers},
                   {"submissions", plan->submissions},
                   {"pipelines", plan->pipelines},
                   {"bytes_moved", plan->bytes_read + plan->bytes_written},
                   {"bytes_least", plan->bytes_least},
                   {"scratch_bytes", plan->scratch_bytes},
                   {"scratch_bound_bytes", plan->scratch_bound_bytes},
                   {"saved_bytes_per_sample", batch ? plan->saved_bytes / batch : 0},
                   {"peak_bytes", peak_bytes},
                   {"flops", plan->flops}};
    for (size_t i = 0; i < COUNT(numbers); i++) cJSON_AddNumberToObject(p, numbers[i].name, (double)numbers[i].value);
    add_hex(p, "plan_hash", plan->plan_hash);
    add_hex(p, "spirv_hash", spirv_hash);
}

static const double BUSY = 0.1; /* of the processors' time, by others: the figure may suffer */

/* What else the machine did since the row before. */
static double add_load(struct bench *bench, cJSON *o)
{
    double others = load_of_others(&bench->load);
    cJSON *load = cJSON_AddObjectToObject(o, "load");
    add_number(load, "others", others);
    add_number(load, "average", load_average());
    add_number(load, "clock_mhz", bench->sensors ? sensors_clock(bench->sensors) : NAN);
    add_number(load, "temperature_c", bench->sensors ? sensors_temperature(bench->sensors) : NAN);
    return others;
}

/* ---- the table --------------------------------------------------------------------------------------------------------------- */

void progress(const char *format, ...)
{
    va_list arguments;
    if (!isatty(fileno(stdout))) return;
    fputs("\r\033[K", stdout);
    if (format) {
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
    }
    fflush(stdout);
}

static const char *heading_of(const char *group)
{
    static const struct {
        const char *group, *heading;
    } headings[] = {{"peak", "Peaks of the device"},
                    {"operator", "Operators (least traffic for GB/s; the share is of the peaks above)"},
                    {"net", "Nets"},
                    {"first", "Time to the first result, from opening the device"},
                    {"accuracy", "Time to accuracy"},
                    {"sustained", "Sustained"}};
    for (size_t i = 0; i < COUNT(headings); i++)
        if (!strcmp(headings[i].group, group)) return headings[i].heading;
    return group;
}

static void print_figure(const struct row *row, const struct figure *f, const struct shares *shares, double others)
{
    char share[40] = "", interval[20] = "";
    double half = f->value > 0 ? 50 * (f->high - f->low) / f->value : 0;
    if (shares->arithmetic > 0 && strcmp(row->unit, "GB/s") != 0)
        snprintf(share, sizeof share, "%3.0f %% of peak", 100 * shares->arithmetic);
    else if (shares->bandwidth > 0 && !strcmp(row->unit, "GB/s"))
        snprintf(share, sizeof share, "%3.0f %% of %s", 100 * shares->bandwidth, shares->bandwidth_peak + strlen("peak/"));
    else if (shares->cached)
        snprintf(share, sizeof share, "out of a cache");
    if (row->series->count > 1) snprintf(interval, sizeof interval, "+-%4.1f %%", half);
    printf("%9.4g %-9s %-9s %-14s", f->value, row->unit, interval, share);
    if (row->check.kind && strcmp(row->check.kind, "none") != 0)
        printf("  right: nmse %.1e <= %.1e", row->check.nmse, row->check.bound);
    printf("%s%s", f->stats.spread > STATS_NOISY ? "  NOISY" : "", row->series->few ? "  few runs" : "");
    if (others > BUSY) printf("  BUSY: others took %.0f %% of the processors", 100 * others);
    printf("\n");
}

static const char *message_of(const struct row *row, const char *status)
{
    if (!strcmp(status, "ok")) return "";
    if (!strcmp(status, "wrong")) return "the numbers that were computed are wrong";
    if (!strcmp(status, "refused")) return "above the measured peak, which was measured again: an error of measurement";
    return row->message && row->message[0] ? row->message : "no reason is known";
}

static void print_row(struct bench *bench, const struct row *row, const char *status, const struct figure *f,
                      const struct shares *shares, double others)
{
    if (bench->quiet) return;
    progress(NULL);
    if (!bench->heading || strcmp(bench->heading, row->group) != 0) printf("\n%s\n", heading_of(row->group));
    bench->heading = row->group;
    printf("  %-52s ", row->title);
    if (!strcmp(status, "ok"))
        print_figure(row, f, shares, others);
    else if (!strcmp(status, "wrong"))
        printf("WRONG: nmse %.3g, bound %.3g (%s)%s\n", row->check.nmse, row->check.bound, row->check.kind,
               row->check.nmse <= row->check.bound ? ": of the sample; others are wrong, or copies differ" : "");
    else if (!strcmp(status, "refused"))
        printf("REFUSED: above %s, an error of measurement\n", shares->impossible);
    else
        printf("%s: %s\n", strcmp(status, "skipped") ? "FAILED" : "not here", message_of(row, status));
    fflush(stdout);
}

void result_add(struct bench *bench, const struct row *row)
{
    cJSON *o = cJSON_CreateObject();
    struct figure f = {0};
    struct shares shares = {0};
    const char *status = "ok";
    bool not_here = row->status == TUFF_ERR_UNSUPPORTED || row->status == TUFF_ERR_DEVICE_MEMORY; /* too small a device */
    bool measured = row->series && row->series->count && figure_of(row, &f) && isfinite(f.value);
    if (measured) shares = shares_of(bench, row, &f);
    if (shares.impossible && works_peak_again(bench, shares.impossible)) /* the machine may have been busy then */
        shares = shares_of(bench, row, &f);
    if (row->status != TUFF_OK || !measured)
        status = not_here ? "skipped" : "error";
    else if (row->check.kind && !row->check.ok)
        status = "wrong";
    else if (shares.impossible)
        status = "refused";
    bench->wrong += !strcmp(status, "wrong") || !strcmp(status, "refused");
    bench->failed += !strcmp(status, "error");
    cJSON_AddNumberToObject(o, "device", bench->device_index);
    cJSON_AddStringToObject(o, "group", row->group);
    cJSON_AddStringToObject(o, "id", row->id);
    cJSON_AddStringToObject(o, "title", row->title);
    cJSON_AddStringToObject(o, "status", status);
    cJSON_AddStringToObject(o, "message", message_of(row, status));
    cJSON_AddStringToObject(o, "unit", row->unit);
    cJSON_AddStringToObject(o, "better", stats_unit_is_time(row->unit) ? "lower" : "higher");
    add_string(o, "cache", row->cache);
    cJSON_AddBoolToObject(o, "tuned", false);
    cJSON *work = cJSON_AddObjectToObject(o, "work");
    cJSON_AddNumberToObject(work, "flops", row->flops);
    cJSON_AddNumberToObject(work, "bytes", row->bytes);
    cJSON_AddNumberToObject(work, "samples", row->samples);
    add_figure(o, row, &f, measured, !strcmp(status, "ok"));
    add_shares(o, row, &shares, !strcmp(status, "ok"));
    add_check(o, &row->check);
    if (row->plan)
        result_add_plan(o, row->plan, row->spirv_hash, row->batch,
                        row->peak_bytes ? row->peak_bytes : row->plan->total_bytes);
    else
        cJSON_AddNullToObject(o, "plan");
    cJSON *extra = row->extra ? row->extra : cJSON_CreateObject();
    if (measured) cJSON_AddNumberToObject(extra, "runs_per_sample", row->series->per_timed ? row->series->per_timed : 1);
    if (row->batch) cJSON_AddNumberToObject(extra, "batch", row->batch);
    if (shares.cached) cJSON_AddBoolToObject(extra, "out_of_a_cache", true);
    cJSON_AddItemToObject(o, "extra", extra);
    cJSON_AddItemToObject(o, "series", row->points ? row->points : cJSON_CreateArray());
    double others = add_load(bench, o);
    cJSON_AddItemToArray(bench->results, o);
    print_row(bench, row, status, &f, &shares, others);
    file_keep(bench);
}

/* ---- peaks that are measured twice -------------------------------------------------------------------------------------------- */

static const double PEAKS_DIFFER = 0.1; /* worth a line */

static bool is_of(const struct bench *bench, const cJSON *row, const char *id)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItem(row, "device")) == bench->device_index &&
           (!id || !strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(row, "id")), id));
}

static void set_number(cJSON *object, const char *name, double value)
{
    if (isfinite(value)) cJSON_ReplaceItemInObject(object, name, cJSON_CreateNumber(value));
}

/* The share of one rate in a row that has one. */
static void update_share(cJSON *row, const char *rate_key, const char *share_key, const char *peak_key, struct peak peak)
{
    cJSON *shares = cJSON_GetObjectItem(row, "peak_share");
    if (peak.rate <= 0 || !cJSON_IsNumber(cJSON_GetObjectItem(shares, share_key))) return;
    set_number(shares, share_key, cJSON_GetNumberValue(cJSON_GetObjectItem(row, rate_key)) / peak.best);
    cJSON_ReplaceItemInObject(shares, peak_key, cJSON_CreateString(peak.id));
}

static void update_shares(const struct bench *bench)
{
    struct peak copy = find_peak(bench, COPY_PEAK, "bytes_per_second"),
                read = find_peak(bench, READ_PEAK, "bytes_per_second");
    cJSON *row;
    cJSON_ArrayForEach(row, bench->results)
    {
        const cJSON *shares = cJSON_GetObjectItem(row, "peak_share");
        if (!is_of(bench, row, NULL) || !cJSON_IsObject(shares)) continue;
        const char *id = cJSON_GetStringValue(cJSON_GetObjectItem(shares, "arithmetic_peak"));
        if (id)
            update_share(row, "flops_per_second", "arithmetic", "arithmetic_peak", find_peak(bench, id, "flops_per_second"));
        update_share(row, "bytes_per_second", "bandwidth", "bandwidth_peak", read.best > copy.best ? read : copy);
    }
}

static double number_of(const cJSON *object, const char *name) /* NAN: there is none */
{
    return cJSON_GetNumberValue(cJSON_GetObjectItem(object, name));
}

/* How often it was measured, and the lowest of its figures. */
static void tell_times(cJSON *stays, const cJSON *first, double before, double after)
{
    const cJSON *known = cJSON_GetObjectItem(first, "extra");
    double times = number_of(known, "times"), lowest = number_of(known, "lowest");
    cJSON *extra = cJSON_GetObjectItem(stays, "extra");
    times = isfinite(times) ? times + 1 : 2;
    lowest = fmin(fmin(before, after), lowest); /* fmin knows of NAN */
    cJSON_DeleteItemFromObject(extra, "times");
    cJSON_DeleteItemFromObject(extra, "lowest");
    cJSON_AddNumberToObject(extra, "times", times);
    if (isfinite(lowest)) cJSON_AddNumberToObject(extra, "lowest", lowest);
}

void result_keep_better(struct bench *bench, const char *id)
{
    int last = cJSON_GetArraySize(bench->results) - 1, at = 0;
    while (at < last && !is_of(bench, cJSON_GetArrayItem(bench->results, at), id)) at++;
    cJSON *first = cJSON_GetArrayItem(bench->results, at), *second = cJSON_GetArrayItem(bench->results, last);
    if (at >= last || !is_of(bench, second, id)) return;
    double before = number_of(first, "value"), after = number_of(second, "value");
    const char *rate = isfinite(number_of(first, "flops_per_second")) ? "flops_per_second" : "bytes_per_second";
    double best = check_best_rate(first, rate), other = check_best_rate(second, rate);
    bool better = isfinite(after) && !(best >= other);
    cJSON_DetachItemViaPointer(bench->results, second);
    tell_times(better ? second : first, first, before, after);
    if (fabs(other - best) > PEAKS_DIFFER * fmax(best, other))
        printf("  note     %s: at most %.4g G/s before, %.4g now; the larger one counts. Was the machine busy?\n", id,
               best * 1e-9, other * 1e-9);
    if (!better) {
        cJSON_Delete(second);
        return;
    }
    cJSON_ReplaceItemViaPointer(bench->results, first, second);
    update_shares(bench);
}

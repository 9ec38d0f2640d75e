/* works_peaks.c - what the device does at most: arithmetic, bandwidth, transfers, the cost of launches and submissions. All
 * other figures are held against these, so those that are needed are measured whatever --only says. */
#include "bench.h"
#include "probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double RUN_NS = 20e6; /* of one run: short enough for any watchdog, long beside what a submission costs */
enum { TRANSFER_MIB = 64 };

static const struct {
    enum probe_kind kind;
    const char *title, *unit;
    bool quick;
} probes[] = {
    {PROBE_F32, "f32 multiply-add, independent chains", "GFLOP/s", true},
    {PROBE_F32_DEPENDENT, "f32 multiply-add, one chain", "GFLOP/s", false},
    {PROBE_F16, "f16 multiply-add, independent chains", "GFLOP/s", true},
    {PROBE_F16_DEPENDENT, "f16 multiply-add, one chain", "GFLOP/s", false},
    {PROBE_I8_DOT, "int8 dot product, independent chains", "GOP/s", true},
    {PROBE_I8_DOT_DEPENDENT, "int8 dot product, one chain", "GOP/s", false},
    {PROBE_MATRIX, "cooperative matrices f16 into f32, independent", "GFLOP/s", true},
    {PROBE_MATRIX_DEPENDENT, "cooperative matrices f16 into f32, one chain", "GFLOP/s", false},
    {PROBE_COPY, "copy in device memory, read and written", "GB/s", true},
    {PROBE_READ, "read of device memory", "GB/s", true},
    {PROBE_COPY_STORAGE, "copy, read by a storage buffer", "GB/s", false},
    {PROBE_COPY_TEXELS, "copy, read by a texel buffer", "GB/s", false},
    {PROBE_READ_STORAGE, "read by a storage buffer", "GB/s", false},
    {PROBE_READ_TEXELS, "read by a texel buffer", "GB/s", false},
    {PROBE_LAUNCH, "a launch, independent", "us", true},
    {PROBE_LAUNCH_DEPENDENT, "a launch behind a barrier", "us", true},
    {PROBE_SUBMIT, "a submission, waited for", "us", true},
};
static const struct {
    const char *id, *title;
} transfers[] = {{"peak/upload", "upload, 64 MiB, host to device"}, {"peak/download", "download, 64 MiB, device to host"}};

static void id_of(enum probe_kind kind, char *id, size_t bytes) { snprintf(id, bytes, "peak/%s", probe_name(kind)); }

void list_peaks(work_visit *visit, void *user)
{
    char id[128];
    for (size_t i = 0; i < COUNT(probes); i++) {
        id_of(probes[i].kind, id, sizeof id);
        visit(user, id, probes[i].title, probes[i].quick);
    }
    for (size_t i = 0; i < COUNT(transfers); i++) visit(user, transfers[i].id, transfers[i].title, true);
}

/* ---- probes ---------------------------------------------------------------------------------------------------------------------- */

struct probe_run {
    struct tuff_device *device;
    struct probe *probe;
};

static tuff_status run_probe(void *user, double *device_ns, struct tuff_error *error)
{
    struct probe_run *r = user;
    struct tuff_program *program = probe_program(r->probe);
    uint64_t ticket;
    tuff_status status = tuff_program_submit(program, &ticket, error);
    if (status == TUFF_OK) status = tuff_device_wait(r->device, ticket, UINT64_MAX, error);
    if (status == TUFF_OK) device_time(r->device, program, device_ns);
    return status;
}

/* Doubles the work until a run is long enough. *ns: what a unit of work took then. */
static tuff_status make_variant(struct probe_run *r, enum probe_kind kind, uint32_t variant, double *ns,
                                struct tuff_error *error)
{
    struct probe_params params = {.kind = kind, .rounds = 1, .variant = variant};
    for (;; params.rounds *= 2) {
        tuff_status status = probe_create(r->device, &params, &r->probe, error);
        if (status == TUFF_OK) status = run_probe(r, &(double){0}, error); /* the first one may be slow to start */
        double began = nanoseconds_now();
        if (status == TUFF_OK) status = run_probe(r, &(double){0}, error);
        double took = nanoseconds_now() - began;
        bool enough = took >= RUN_NS || params.rounds * 2 > PROBE_MAX_ROUNDS;
        struct probe_work work = status == TUFF_OK ? probe_work(r->probe) : (struct probe_work){0};
        *ns = took / (double)(work.flops + work.bytes + 1);
        if (status != TUFF_OK || enough || kind == PROBE_SUBMIT) return status;
        probe_destroy(r->probe);
        r->probe = NULL;
    }
}

/* The fastest of the kind's variants; a device may lack some of them. */
static tuff_status make_probe(struct probe_run *r, enum probe_kind kind, struct tuff_error *error)
{
    struct probe *best = NULL;
    double least = 0, ns;
    tuff_status status = TUFF_OK;
    for (uint32_t v = 0; v < probe_variants(kind) && status == TUFF_OK; v++) {
        r->probe = NULL;
        status = make_variant(r, kind, v, &ns, error);
        if (status == TUFF_ERR_UNSUPPORTED && best) status = TUFF_OK, ns = INFINITY;
        bool better = status == TUFF_OK && r->probe && (!best || ns < least);
        probe_destroy(better ? best : r->probe);
        if (!better) continue;
        best = r->probe;
        least = ns;
    }
    r->probe = best;
    return status;
}

static tuff_status check_probe(struct probe_run *r, struct check *check, struct tuff_error *error)
{
    struct probe_found found;
    tuff_status status = probe_check(r->probe, &found, error);
    if (status != TUFF_OK) return status;
    *check = (struct check){.kind = found.compared ? "exact" : "none",
                            .nmse = found.compared ? (double)found.wrong / (double)found.compared : 0,
                            .compared = found.compared,
                            .ok = found.wrong == 0};
    return TUFF_OK;
}

static tuff_status run_one_probe(struct bench *bench, size_t index)
{
    struct tuff_error error = {0};
    struct probe_run r = {.device = bench->device};
    struct series series = {0};
    struct row row = {.group = "peak", .title = probes[index].title, .unit = probes[index].unit, .by_device = true};
    const struct runner runner = {run_probe, NULL, &r, false};
    id_of(probes[index].kind, row.id, sizeof row.id);
    progress("%s", row.title);
    row.status = make_probe(&r, probes[index].kind, &error);
    if (row.status == TUFF_OK) row.status = measure(bench->options, &runner, 1, &series, &error);
    if (row.status == TUFF_OK) row.status = check_probe(&r, &row.check, &error);
    if (row.status == TUFF_OK) {
        struct probe_work work = probe_work(r.probe);
        row.flops = (double)work.flops;
        row.bytes = (double)work.bytes;
        row.samples = work.launches ? work.launches : 1;
        row.series = &series;
    }
    row.by_device = probes[index].kind != PROBE_SUBMIT;
    row.message = error.message;
    result_add(bench, &row);
    series_free(&series, 1);
    probe_destroy(r.probe);
    return row.status;
}

/* ---- transfers -------------------------------------------------------------------------------------------------------------------- */

struct transfer {
    struct tuff_buffer *buffer;
    uint32_t *data, *back;
    uint64_t bytes;
};

static tuff_status run_upload(void *user, double *device_ns, struct tuff_error *error)
{
    struct transfer *t = user;
    uint32_t word;
    (void)device_ns;
    tuff_status status = tuff_buffer_write(t->buffer, 0, t->data, t->bytes, error);
    return status == TUFF_OK ? tuff_buffer_read(t->buffer, t->bytes - 4, &word, 4, error) : status; /* waits for the end */
}

static tuff_status run_download(void *user, double *device_ns, struct tuff_error *error)
{
    struct transfer *t = user;
    (void)device_ns;
    return tuff_buffer_read(t->buffer, 0, t->back, t->bytes, error);
}

static tuff_status check_transfer(struct transfer *t, struct check *check, struct tuff_error *error)
{
    uint64_t words = t->bytes / 4, wrong = 0;
    tuff_status status = tuff_buffer_read(t->buffer, 0, t->back, t->bytes, error);
    for (uint64_t i = 0; i < words && status == TUFF_OK; i++) wrong += t->back[i] != t->data[i];
    *check = (struct check){"exact", (double)wrong / (double)words, 0, words, wrong == 0};
    return status;
}

static tuff_status run_transfers(struct bench *bench, const bool *wanted)
{
    struct tuff_error error = {0};
    struct transfer t = {.bytes = (uint64_t)TRANSFER_MIB << 20};
    const struct runner runners[] = {{run_upload, NULL, &t, false}, {run_download, NULL, &t, false}};
    tuff_status status = tuff_buffer_create(bench->device, t.bytes, true, "transfer", &t.buffer, &error);
    t.data = malloc(t.bytes);
    t.back = malloc(t.bytes);
    if (status == TUFF_OK && (!t.data || !t.back)) status = TUFF_ERR_MEMORY;
    for (uint64_t i = 0; status == TUFF_OK && i < t.bytes / 4; i++) t.data[i] = (uint32_t)i * 2654435761u;
    if (status == TUFF_OK)
        status = tuff_buffer_write(t.buffer, 0, t.data, t.bytes, &error); /* a download without an upload */
    for (size_t i = 0; i < COUNT(transfers) && !is_stopping(); i++) {
        struct series series = {0};
        struct row row = {.group = "peak", .title = transfers[i].title, .unit = "GB/s", .bytes = (double)t.bytes};
        if (!wanted[i]) continue;
        progress("%s", row.title);
        snprintf(row.id, sizeof row.id, "%s", transfers[i].id);
        row.status = status;
        if (row.status == TUFF_OK) row.status = measure(bench->options, &runners[i], 1, &series, &error);
        if (row.status == TUFF_OK) row.status = check_transfer(&t, &row.check, &error);
        row.series = row.status == TUFF_OK ? &series : NULL;
        row.message = error.message;
        result_add(bench, &row);
        series_free(&series, 1);
        if (row.status != TUFF_OK) status = row.status;
    }
    free(t.data);
    free(t.back);
    tuff_buffer_release(t.buffer);
    return status;
}

/* ---- all -------------------------------------------------------------------------------------------------------------------------- */

struct needs {
    const struct options *options;
    bool any; /* a row that is held against peaks is wanted */
};
static void need(void *user, const char *id, const char *title, bool quick)
{
    struct needs *needs = user;
    (void)title;
    needs->any = needs->any || options_selects(needs->options, id, quick);
}

/* Peaks that others are held against, and that are measured once more behind each group of works. */
static bool is_held_against(const char *id)
{
    return !strcmp(id, F32_PEAK) || !strcmp(id, COPY_PEAK) || !strcmp(id, READ_PEAK);
}

bool works_peaks(struct bench *bench)
{
    const struct options *options = bench->options;
    struct needs needs = {options, options->sustained_seconds > 0};
    char id[128];
    bool wanted[COUNT(transfers)];
    list_operators(need, &needs);
    list_nets(need, &needs);
    for (size_t i = 0; i < COUNT(probes) && !is_stopping(); i++) {
        id_of(probes[i].kind, id, sizeof id);
        bool needed = needs.any && is_held_against(id);
        bool asked = options_selects(options, id, probes[i].quick);
        if ((needed || asked) && is_fatal(run_one_probe(bench, i))) return false;
    }
    for (size_t i = 0; i < COUNT(transfers); i++) wanted[i] = options_wants(options, transfers[i].id);
    return (!wanted[0] && !wanted[1]) || !is_fatal(run_transfers(bench, wanted));
}

bool works_peak_again(struct bench *bench, const char *id)
{
    char other[128];
    bool good = true;
    for (size_t i = 0; id && bench->device && i < COUNT(probes); i++) { /* a check of rows has no device */
        id_of(probes[i].kind, other, sizeof other);
        if (strcmp(id, other) != 0) continue;
        bench->quiet = true;
        good = !is_fatal(run_one_probe(bench, i));
        bench->quiet = false;
        result_keep_better(bench, id);
    }
    return good;
}

/* A machine that was busy while its peaks were measured would flatter all that came later: the best of all times counts. */
bool works_peaks_again(struct bench *bench)
{
    static const char *const ids[] = {F32_PEAK, COPY_PEAK, READ_PEAK};
    struct needs needs = {bench->options, bench->options->sustained_seconds > 0};
    bool good = true;
    list_operators(need, &needs);
    list_nets(need, &needs);
    for (size_t i = 0; i < COUNT(ids) && needs.any && good && !is_stopping(); i++) good = works_peak_again(bench, ids[i]);
    return good;
}

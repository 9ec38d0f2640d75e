/* works_nets.c - whole nets: latency of one sample, throughput of batches, training steps. Each on a freshly opened device, so
 * that the peak of memory is its own. Weights and inputs are on the device before the clock starts; a run ends when its outputs
 * (all of them; the loss of a training step) are on the host. */
#include "net_run.h"

#include <stdio.h>
#include <string.h>

enum { LARGE_BATCH = 8 };
static const char *const quick_nets[] = {"squeezenet-1.1", "mlp", "cnn28"};

struct net_work {
    const struct zoo_net *net;
    enum zoo_mode mode;
    uint32_t batch;
};

static bool is_quick(const struct net_work *work)
{
    for (size_t i = 0; i < COUNT(quick_nets); i++)
        if (!strcmp(quick_nets[i], work->net->name)) return work->mode == ZOO_TRAIN || work->batch == 1;
    return false;
}

static void id_of(const struct net_work *work, char *id, size_t bytes)
{
    snprintf(id, bytes, "net/%s/%s/b%u/f32.f32.f32", work->net->name, work->mode == ZOO_TRAIN ? "train" : "infer",
             (unsigned)work->batch);
}

static void title_of(const struct net_work *work, char *title, size_t bytes)
{
    snprintf(title, bytes, "%s, %s, batch %u", work->net->title, work->mode == ZOO_TRAIN ? "training" : "inference",
             (unsigned)work->batch);
}

/* Calls next with every work, until it returns false. */
static bool each_work(bool (*next)(void *user, const struct net_work *work), void *user)
{
    for (uint32_t i = 0; i < zoo_net_count; i++) {
        const struct zoo_net *net = &zoo_nets[i];
        const struct net_work works[] = {
            {net, ZOO_INFER, 1}, {net, ZOO_INFER, LARGE_BATCH}, {net, ZOO_TRAIN, net->train_batch}};
        for (size_t w = 0; w < COUNT(works); w++)
            if ((works[w].mode == ZOO_TRAIN ? net->trains : net->infers) && !next(user, &works[w])) return false;
    }
    return true;
}

struct listing {
    work_visit *visit;
    void *user;
};
static bool list_one(void *user, const struct net_work *work)
{
    const struct listing *listing = user;
    char id[128], title[128];
    id_of(work, id, sizeof id);
    title_of(work, title, sizeof title);
    listing->visit(listing->user, id, title, is_quick(work));
    return true;
}

void list_nets(work_visit *visit, void *user)
{
    struct listing listing = {visit, user};
    each_work(list_one, &listing);
}

/* ---- running ------------------------------------------------------------------------------------------------------------------------ */

/* A training step cannot do with inputs and results once: what goes forward is there again when the gradients come. */
static void count_least(const struct net_work *work, struct tuff_plan_figures *figures)
{
    if (work->mode == ZOO_TRAIN) figures->bytes_least = figures->bytes_by_products;
}

static void describe(const struct net_work *work, const struct net_run *run, struct row *row)
{
    uint32_t tokens = net_tokens(work->net);
    double samples = (double)work->batch * tokens;
    row->unit = tokens > 1 ? "tokens/s" : "samples/s";
    row->samples = samples;
    if (work->mode == ZOO_INFER && work->batch == 1) {
        row->unit = "ms";
        row->samples = 1;
    }
    row->flops = work->mode == ZOO_TRAIN ? (double)run->figures.flops : 2.0 * (double)work->net->multiply_adds * work->batch;
    row->bytes = work->mode == ZOO_TRAIN ? (double)run->figures.bytes_least : 0;
    row->batch = work->batch;
    row->extra = cJSON_CreateObject();
    cJSON_AddNumberToObject(row->extra, "parameters", (double)work->net->parameters[work->mode]);
    cJSON_AddNumberToObject(row->extra, "multiply_adds", (double)work->net->multiply_adds);
    cJSON_AddNumberToObject(row->extra, "compile_seconds", run->compile_seconds);
}

static tuff_status run_work(struct bench *bench, const struct net_work *work)
{
    struct tuff_error error = {0};
    struct net_run run = {0};
    struct series series = {0};
    struct tuff_device *device = NULL;
    char title[128];
    title_of(work, title, sizeof title);
    struct row row = {.group = "net", .title = title, .arithmetic = F32_PEAK, .unit = "ms"};
    const struct runner runner = {.run = net_run_step, .user = &run, .single = work->mode == ZOO_INFER && work->batch == 1};
    progress("%s: compiling", title);
    tuff_status status = open_again(bench, tuff_device_caps(bench->device), &device, &error);
    if (status == TUFF_OK) status = net_run_create(bench, device, work->net, work->mode, work->batch, &run, &error);
    bool kept = work->mode == ZOO_TRAIN || work->net->peer_gain > 0; /* the peers' weights are no initial values */
    if (status == TUFF_OK && kept) status = net_run_keep(&run, &error);
    progress("%s: running", title);
    if (status == TUFF_OK) status = measure(bench->options, &runner, 1, &series, &error);
    progress("%s: checking", title);
    if (status == TUFF_OK) status = net_run_verify(&run, &row.check, &error);
    id_of(work, row.id, sizeof row.id);
    row.status = status;
    row.message = error.message;
    if (status == TUFF_OK) {
        uint64_t now;
        count_least(work, &run.figures);
        describe(work, &run, &row);
        row.series = &series;
        row.plan = &run.figures;
        row.spirv_hash = tuff_program_counts(tuff_executable_program(run.executable)).spirv_hash;
        tuff_device_memory(device, &now, &row.peak_bytes);
    }
    result_add(bench, &row);
    series_free(&series, 1);
    net_run_finish(&run);
    tuff_device_release(device);
    return status;
}

static bool run_wanted(void *user, const struct net_work *work)
{
    struct bench *bench = user;
    char id[128];
    id_of(work, id, sizeof id);
    if (is_stopping()) return false;
    if (!options_selects(bench->options, id, is_quick(work))) return true;
    return !is_fatal(run_work(bench, work));
}

bool works_nets(struct bench *bench) { return each_work(run_wanted, bench) || is_stopping(); }

/* ---- --plan: without running ---------------------------------------------------------------------------------------------------------- */

struct plans {
    struct bench *bench;
    cJSON *rows;
    uint32_t failed;
};

static void add_plan_row(struct plans *plans, const char *id, const struct net_work *work, const struct tuff_plan_figures *f)
{
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "id", id);
    result_add_plan(row, f, 0, work->batch, f->total_bytes);
    cJSON_AddItemToArray(plans->rows, row);
}

static bool print_plan(void *user, const struct net_work *work)
{
    struct plans *plans = user;
    struct zoo_work w = {0};
    struct tuff_error error = {0};
    struct tuff_plan_figures f = {0};
    char id[128];
    id_of(work, id, sizeof id);
    if (!options_selects(plans->bench->options, id, is_quick(work))) return true;
    tuff_status status = zoo_work_create(plans->bench->context, work->net, work->mode, work->batch, &w, &error);
    struct tuff_executable_params params = {
        .struct_size = sizeof params, .outputs = w.outputs, .output_count = w.output_count};
    char *barriers = NULL;
    if (status == TUFF_OK) status = tuff_plan_ask(plans->bench->device, w.graph, &params, &f, &error);
    if (status == TUFF_OK && plans->bench->options->barriers)
        status = tuff_plan_barriers(plans->bench->device, w.graph, &params, &barriers, &error);
    count_least(work, &f);
    zoo_work_finish(&w);
    id[strlen(id) - strlen("/f32.f32.f32")] = 0;
    if (status != TUFF_OK) {
        printf("  %-32s FAILED: %s\n", id + 4, error.message);
        plans->failed++;
        return true;
    }
    double moved = (double)(f.bytes_read + f.bytes_written), least = (double)f.bytes_least, mega = 1e6;
    printf("  %-32s %6u %6u %6u %4u %5u %5u %10.1f %9.1f %6.1f %9.1f %9.1f %9.1f %9.2f %9.2f\n", id + 4,
           (unsigned)f.launches, (unsigned)f.barriers, (unsigned)f.barriers_least, (unsigned)f.submissions,
           (unsigned)f.pipelines, (unsigned)f.kernels, moved / mega, least / mega, least > 0 ? moved / least : 0,
           (double)f.total_bytes / mega, (double)f.scratch_bytes / mega, (double)f.scratch_bound_bytes / mega,
           (double)f.saved_bytes / work->batch / mega, (double)f.flops / 1e9);
    if (barriers) printf("%s\n", barriers);
    tuff_text_free(plans->bench->context, barriers);
    add_plan_row(plans, id, work, &f);
    return true;
}

int plans_print(struct bench *bench)
{
    struct plans plans = {.bench = bench, .rows = cJSON_CreateArray()};
    const char *path = bench->options->out;
    printf(
        "\nPlans: barriers and the fewest that any order of the launches needs; in MB: moved by launches, the least "
        "possible\n"
        "(inputs and results once; of training, also operands and result of each product forward and of both its\n"
        "gradients), planned in all, scratch, the bound of scratch by liveness, and what forward saves for backward, per\n"
        "sample\n\n"
        "  %-32s %6s %6s %6s %4s %5s %5s %10s %9s %6s %9s %9s %9s %9s %9s\n",
        "", "launch", "barr.", "least", "sub.", "pipe.", "texts", "moved", "least", "ratio", "planned", "scratch", "bound",
        "saved", "GFLOP");
    each_work(print_plan, &plans);
    struct tuff_error error = {0};
    bool good = !path || file_write(bench->context, plans.rows, path, -1, &error) == TUFF_OK;
    if (!good) fprintf(stderr, "tuff-bench: %s\n", error.message);
    cJSON_Delete(plans.rows);
    return plans.failed || !good;
}

/* net_run.c - see net_run.h. What nets compute is compared with the peers' values where a net is one of theirs, else with the
 * same graph evaluated in double precision. */
#include "net_run.h"
#include "verify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Normalised mean-square errors of whole nets in f32: 1e-4 of the outputs, 1e-3 of gradients (batch norms over small batches
 * enlarge roundings); peers' values are known to a thousandth of the largest. */
static const double INFER_BOUND = 1e-8, TRAIN_BOUND = 1e-6, PEER_BOUND = 1e-6;

uint32_t net_tokens(const struct bench_net *net) { return net->sample.dtype == TUFF_I32 ? net->sample.shape.dim[0] : 1; }

/* ---- making and running ------------------------------------------------------------------------------------------------------------ */

tuff_status open_again(struct bench *bench, const struct tuff_caps *caps, struct tuff_device **device,
                       struct tuff_error *error)
{
    char uuid[40] = "";
    for (int i = 0; i < 16; i++)
        snprintf(uuid + strlen(uuid), 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", caps->uuid[i]);
    return tuff_device_create(bench->context, uuid, device, error);
}

/* Keeps what parameters and states are before the first step. */
static tuff_status keep_leaves(struct net_run *run, struct tuff_error *error)
{
    uint32_t count = tuff_graph_leaf_count(run->work.graph);
    tuff_status status = TUFF_OK;
    run->leaves = calloc(count, sizeof *run->leaves);
    if (!run->leaves) return TUFF_ERR_MEMORY;
    run->leaf_count = count;
    for (uint32_t i = 0; i < count && status == TUFF_OK; i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(run->work.graph, i);
        size_t bytes = (size_t)tuff_shape_count(&leaf.type.shape) * tuff_dtype_bytes(leaf.type.dtype);
        run->leaves[i] = malloc(bytes);
        if (!run->leaves[i]) return TUFF_ERR_MEMORY;
        status = tuff_session_read(run->session, tuff_graph_find(run->work.graph, leaf.name), run->leaves[i], bytes, error);
    }
    return status;
}

/* Whether the device has room is asked before anything is allocated: to run out of memory can end more than this program. */
static tuff_status ask_room(struct net_run *run, const struct tuff_executable_params *params, struct tuff_error *error)
{
    tuff_status status = tuff_plan_ask(run->device, run->work.graph, params, &run->figures, error);
    if (status != TUFF_OK || tuff_plan_fits(run->device, &run->figures)) return status;
    snprintf(error->message, sizeof error->message, "needs %.0f MB of device memory, of which %.0f MB are free",
             (double)run->figures.total_bytes / 1e6, (double)tuff_device_available(run->device) / 1e6);
    return error->status = TUFF_ERR_DEVICE_MEMORY;
}

tuff_status net_run_create(struct bench *bench, struct tuff_device *device, const struct bench_net *net,
                           enum bench_mode mode, uint32_t batch, struct net_run *run, struct tuff_error *error)
{
    run->device = device;
    tuff_status status = bench_work_create(bench->context, net, mode, batch, &run->work, error);
    struct tuff_executable_params params = {
        .struct_size = sizeof params, .outputs = run->work.outputs, .output_count = run->work.output_count, .timed = true};
    if (status == TUFF_OK) status = ask_room(run, &params, error);
    double began = nanoseconds_now();
    if (status == TUFF_OK) status = tuff_session_create(device, run->work.graph, NULL, &run->session, error);
    if (status == TUFF_OK) status = tuff_session_compile(run->session, &params, &run->executable, error);
    if (status != TUFF_OK) return status;
    run->compile_seconds = (nanoseconds_now() - began) * 1e-9;
    run->out_count = mode == BENCH_TRAIN ? 1 : (uint64_t)net->outputs * run->work.batch;
    run->out = calloc(run->out_count, sizeof *run->out);
    if (!run->out) return TUFF_ERR_MEMORY;
    status = bench_work_fill(&run->work, run->session, run->executable, error);
    bool needed = mode == BENCH_TRAIN || net->peer_gain > 0; /* training changes them; the peers' are no initial values */
    return status == TUFF_OK && needed ? keep_leaves(run, error) : status;
}

void net_run_finish(struct net_run *run)
{
    tuff_executable_destroy(run->executable);
    tuff_session_destroy(run->session);
    for (uint32_t i = 0; i < run->leaf_count; i++) free(run->leaves[i]);
    free(run->leaves);
    free(run->out);
    bench_work_finish(&run->work);
    *run = (struct net_run){0};
}

tuff_status net_run_step(void *user, double *device_ns, struct tuff_error *error)
{
    struct net_run *run = user;
    uint64_t ns;
    tuff_status status = bench_work_submit(&run->work, run->session, run->executable, NULL, error);
    if (status == TUFF_OK)
        status = tuff_executable_read(run->executable, 0, run->out, run->out_count * sizeof(float), error);
    if (status == TUFF_OK && tuff_device_caps(run->device)->timestamp_period_ns > 0 &&
        tuff_program_duration(tuff_executable_program(run->executable), &ns, error) == TUFF_OK)
        *device_ns = (double)ns;
    return status;
}

/* ---- checking ------------------------------------------------------------------------------------------------------------------------ */

static struct check verify_peers(const struct bench_net *net, const float *got)
{
    struct check check = verify_values(got, net->expected, net->expected_count, PEER_BOUND);
    check.kind = "values";
    return check;
}

static tuff_status restore_leaves(struct net_run *run, struct tuff_error *error)
{
    tuff_status status = TUFF_OK;
    for (uint32_t i = 0; i < run->leaf_count && status == TUFF_OK; i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(run->work.graph, i);
        size_t bytes = (size_t)tuff_shape_count(&leaf.type.shape) * tuff_dtype_bytes(leaf.type.dtype);
        status = tuff_session_write(run->session, tuff_graph_find(run->work.graph, leaf.name), run->leaves[i], bytes, error);
    }
    tuff_optimizer_resume(&run->work.optimizer, 0);
    return status;
}

/* Contents for tuff_evaluate: the inputs, and the kept parameters and states. Returns their number. */
static uint32_t list_leaves(const struct net_run *run, const struct bench_work *work, const void *x, const int32_t *y,
                            struct tuff_leaf_content *leaves)
{
    uint32_t count = 0;
    leaves[count++] = (struct tuff_leaf_content){work->input, x};
    if (work->labels) leaves[count++] = (struct tuff_leaf_content){work->labels, y};
    for (uint32_t i = 0; i < run->leaf_count; i++) {
        tuff_val leaf = tuff_graph_find(work->graph, tuff_graph_leaf(run->work.graph, i).name);
        if (leaf) leaves[count++] = (struct tuff_leaf_content){leaf, run->leaves[i]};
    }
    return count;
}

/* Evaluates outputs of `work`, which is that of the run or of batch 1, on the run's inputs; of batch 1: on those of the
 * sample. */
static tuff_status evaluate(const struct net_run *run, const struct bench_work *work, uint32_t sample,
                            const tuff_val *outputs, double **results, uint32_t count, struct tuff_error *error)
{
    uint64_t elements = bench_work_elements(&run->work), own = bench_work_elements(work);
    uint64_t labels = work->labels ? bench_work_labels(&run->work) : 0;
    char *x = malloc(elements * 4); /* f32 or i32 */
    int32_t *y = labels ? malloc(labels * sizeof *y) : NULL;
    struct tuff_leaf_content *leaves = calloc(run->leaf_count + 2, sizeof *leaves);
    tuff_status status = x && leaves && (y || !labels) ? TUFF_OK : TUFF_ERR_MEMORY;
    if (status == TUFF_OK) {
        bench_work_inputs(&run->work, 0, x, y);
        struct tuff_evaluate_params params = {.struct_size = sizeof params,
                                              .outputs = outputs,
                                              .output_count = count,
                                              .leaves = leaves,
                                              .leaf_count = list_leaves(run, work, x + sample * own * 4, y, leaves)};
        status = tuff_evaluate(work->graph, &params, results, error);
    }
    free(leaves);
    free(x);
    free(y);
    return status;
}

/* The first and the last sample of the batch. */
static tuff_status verify_outputs(struct net_run *run, struct check *check, struct tuff_error *error)
{
    const struct bench_net *net = run->work.net;
    struct bench_work one = {0};
    uint32_t samples[] = {0, run->work.batch - 1};
    double *want = malloc(net->outputs * sizeof *want);
    tuff_status status = want ? TUFF_OK : TUFF_ERR_MEMORY;
    if (status == TUFF_OK) status = bench_work_create(tuff_device_context(run->device), net, BENCH_INFER, 1, &one, error);
    for (uint32_t i = 0; i < (run->work.batch > 1 ? 2u : 1u) && status == TUFF_OK; i++) {
        status = evaluate(run, &one, samples[i], one.outputs, &want, 1, error);
        if (status != TUFF_OK) break;
        struct check c = verify_values(run->out + (size_t)samples[i] * net->outputs, want, net->outputs, INFER_BOUND);
        if (i == 0) *check = c;
        check->nmse = c.nmse > check->nmse || isnan(c.nmse) ? c.nmse : check->nmse;
        check->compared += i ? c.compared : 0;
        check->ok = check->ok && c.ok;
    }
    bench_work_finish(&one);
    free(want);
    return status;
}

/* The state that holds the gradients of the last step; 0 where there is none. */
static tuff_val find_gradients(const struct tuff_graph *g)
{
    static const char end[] = "optimizer/gradients";
    for (uint32_t i = 0; i < tuff_graph_leaf_count(g); i++) {
        const char *name = tuff_graph_leaf(g, i).name;
        if (strlen(name) >= strlen(end) && !strcmp(name + strlen(name) - strlen(end), end)) return tuff_graph_find(g, name);
    }
    return 0;
}

/* Loss and all gradients of the first step. */
static tuff_status verify_gradients(struct net_run *run, struct check *check, struct tuff_error *error)
{
    struct tuff_graph *g = run->work.graph;
    tuff_val state = find_gradients(g), outputs[] = {run->work.outputs[0], run->work.optimizer.gradients};
    struct tuff_type type = tuff_type_of(g, state);
    uint64_t count = tuff_shape_count(&type.shape);
    double loss = 0, *want = malloc(count * sizeof *want), *results[] = {&loss, want};
    float *got = malloc(count * sizeof *got);
    tuff_status status = want && got ? TUFF_OK : TUFF_ERR_MEMORY;
    if (status == TUFF_OK) status = net_run_step(run, &(double){0}, error);
    if (status == TUFF_OK) status = tuff_session_read(run->session, state, got, count * sizeof *got, error);
    if (status == TUFF_OK) status = evaluate(run, &run->work, 0, outputs, results, 2, error);
    if (status == TUFF_OK) {
        *check = verify_values(got, want, count, TRAIN_BOUND);
        check->ok = check->ok && fabs(run->out[0] - loss) <= sqrt(INFER_BOUND) * fabs(loss);
    }
    free(want);
    free(got);
    return status;
}

tuff_status net_run_verify(struct net_run *run, struct check *check, struct tuff_error *error)
{
    const struct bench_net *net = run->work.net;
    float losses[BENCH_EXPECTED];
    if (run->work.mode == BENCH_INFER) {
        if (!net->expected_count || net->trains) return verify_outputs(run, check, error); /* else they are losses */
        *check = verify_peers(net, run->out);
        return TUFF_OK;
    }
    tuff_status status = restore_leaves(run, error);
    if (status == TUFF_OK && !net->expected_count) return verify_gradients(run, check, error);
    for (uint32_t i = 0; i < net->expected_count && status == TUFF_OK; i++) {
        status = net_run_step(run, &(double){0}, error);
        losses[i] = run->out[0];
    }
    if (status == TUFF_OK) *check = verify_peers(net, losses);
    return status;
}

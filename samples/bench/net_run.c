/* net_run.c - see net_run.h. What nets compute is compared with the same graph evaluated in double precision, and with the peers' values
 * where a net is one of theirs. */
#ifndef _WIN32
#define _DEFAULT_SOURCE
#endif
#include "net_run.h"
#include "verify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <unistd.h>
#endif

/* Normalised mean-square errors of whole nets in f32: 1e-4 of the outputs, 1e-3 of gradients, or what allow_for_roundings
 * finds; peers' values are known to a thousandth of the largest. */
static const double INFER_BOUND = 1e-8, TRAIN_BOUND = 1e-6, PEER_BOUND = 1e-6;

uint32_t net_tokens(const struct zoo_net *net) { return net->sample.dtype == TUFF_I32 ? net->sample.shape.dim[0] : 1; }

/* ---- making and running ------------------------------------------------------------------------------------------------------------ */

tuff_status open_again(struct bench *bench, const struct tuff_caps *caps, struct tuff_device **device,
                       struct tuff_error *error)
{
    uint32_t count = 0, index = 0;
    char number[16];
    tuff_status status = tuff_device_list(bench->context, NULL, &count, error);
    struct tuff_caps *list = status == TUFF_OK ? calloc(count ? count : 1, sizeof *list) : NULL;
    if (status == TUFF_OK) status = list ? tuff_device_list(bench->context, list, &count, error) : TUFF_ERR_MEMORY;
    while (status == TUFF_OK && index + 1 < count && /* two drivers of one device may share its UUID */
           (memcmp(list[index].uuid, caps->uuid, sizeof caps->uuid) != 0 || list[index].driver_id != caps->driver_id ||
            strcmp(list[index].driver_info, caps->driver_info) != 0))
        index++;
    free(list);
    snprintf(number, sizeof number, "%u", (unsigned)index);
    return status == TUFF_OK ? tuff_device_create(bench->context, number, device, error) : status;
}

/* What checking takes on the host: copies of parameters and states, and a handful of them as doubles. */
static tuff_status ask_host(const struct net_run *run, struct tuff_error *error)
{
#ifdef _SC_PHYS_PAGES
    double params = (double)run->figures.param_bytes, needed = params + (double)run->figures.state_bytes;
    double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (tuff_device_caps(run->device)->kind == TUFF_DEVICE_SOFTWARE) needed += (double)run->figures.total_bytes;
    needed += 2 * params * (run->work.mode == ZOO_TRAIN ? 5 : 1);
    if (there <= 0 || needed < 0.7 * there) return TUFF_OK;
    snprintf(error->message, sizeof error->message, "checking it needs %.0f MB of host memory, of %.0f MB in all",
             needed / 1e6, there / 1e6);
    return error->status = TUFF_ERR_DEVICE_MEMORY;
#else
    (void)run, (void)error;
    return TUFF_OK;
#endif
}

static bool is_zero(const char *bytes, size_t count)
{
    return count == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0);
}

tuff_status net_run_keep(struct net_run *run, struct tuff_error *error)
{
    uint32_t count = tuff_graph_leaf_count(run->work.graph);
    size_t most = 0;
    tuff_status status = ask_host(run, error);
    if (status != TUFF_OK) return status;
    run->leaves = calloc(count, sizeof *run->leaves);
    if (!run->leaves) return TUFF_ERR_MEMORY;
    run->leaf_count = count;
    for (uint32_t i = 0; i < count && status == TUFF_OK; i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(run->work.graph, i);
        size_t bytes = (size_t)tuff_dtype_size(leaf.type.dtype, tuff_shape_count(&leaf.type.shape));
        run->leaves[i] = malloc(bytes);
        if (!run->leaves[i]) return TUFF_ERR_MEMORY;
        status = tuff_session_read(run->session, tuff_graph_find(run->work.graph, leaf.name), run->leaves[i], bytes, error);
        if (status != TUFF_OK || !is_zero(run->leaves[i], bytes)) continue;
        free(run->leaves[i]); /* NULL: zeros, as optimizers' states are */
        run->leaves[i] = NULL;
        if (bytes > most) most = bytes;
    }
    run->zeros = calloc(most ? most : 1, 1); /* pages that nobody writes take no memory */
    return status == TUFF_OK && !run->zeros ? TUFF_ERR_MEMORY : status;
}

/* Whether the device has room is asked before anything is allocated: to run out of memory can end more than this program. */
static tuff_status ask_room(struct net_run *run, const struct tuff_executable_params *params, struct tuff_error *error)
{
    tuff_status status = tuff_plan_ask(run->device, run->work.graph, params, &run->figures, error);
    if (tuff_device_caps(run->device)->kind == TUFF_DEVICE_SOFTWARE)
        return status; /* its heap is made up: host memory counts */
    if (status != TUFF_OK || tuff_plan_fits(run->device, &run->figures)) return status;
    snprintf(error->message, sizeof error->message, "needs %.0f MB of device memory, of which %.0f MB are free",
             (double)run->figures.total_bytes / 1e6, (double)tuff_device_available(run->device) / 1e6);
    return error->status = TUFF_ERR_DEVICE_MEMORY;
}

tuff_status net_run_create(struct bench *bench, struct tuff_device *device, const struct zoo_net *net, enum zoo_mode mode,
                           uint32_t batch, struct net_run *run, struct tuff_error *error)
{
    run->device = device;
    tuff_status status = zoo_work_create(bench->context, net, mode, batch, &run->work, error);
    struct tuff_executable_params params = {.struct_size = sizeof params, .timed = true}, all = params;
    all.outputs = run->work.outputs;
    all.output_count = run->work.output_count;
    if (status == TUFF_OK) status = ask_room(run, &all, error);
    double began = nanoseconds_now();
    if (status == TUFF_OK) status = tuff_session_create(device, run->work.graph, NULL, &run->session, error);
    if (status == TUFF_OK) status = zoo_work_compile(&run->work, run->session, &params, &run->executable, error);
    if (status != TUFF_OK) return status;
    run->compile_seconds = (nanoseconds_now() - began) * 1e-9;
    run->out_count = mode == ZOO_TRAIN ? 1 : (uint64_t)net->outputs * run->work.batch;
    run->out = calloc(run->out_count, sizeof *run->out);
    if (!run->out) return TUFF_ERR_MEMORY;
    return zoo_work_fill(&run->work, run->session, run->executable, error);
}

void net_run_finish(struct net_run *run)
{
    zoo_work_drop(&run->work, run->executable);
    tuff_session_destroy(run->session);
    for (uint32_t i = 0; i < run->leaf_count; i++) free(run->leaves[i]);
    free(run->leaves);
    free(run->zeros);
    free(run->out);
    zoo_work_finish(&run->work);
    *run = (struct net_run){0};
}

tuff_status net_run_step(void *user, double *device_ns, struct tuff_error *error)
{
    struct net_run *run = user;
    tuff_status status = zoo_work_submit(&run->work, run->executable, NULL, error);
    if (status == TUFF_OK)
        status = tuff_executable_read(run->executable, 0, run->out, run->out_count * sizeof(float), error);
    if (status == TUFF_OK) device_time(run->device, tuff_executable_program(run->executable), device_ns);
    return status;
}

/* ---- checking ------------------------------------------------------------------------------------------------------------------------ */

static tuff_status restore_leaves(struct net_run *run, struct tuff_error *error)
{
    tuff_status status = TUFF_OK;
    for (uint32_t i = 0; i < run->leaf_count && status == TUFF_OK; i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(run->work.graph, i);
        size_t bytes = (size_t)tuff_dtype_size(leaf.type.dtype, tuff_shape_count(&leaf.type.shape));
        status = tuff_session_write(run->session, tuff_graph_find(run->work.graph, leaf.name),
                                    run->leaves[i] ? run->leaves[i] : run->zeros, bytes, error);
    }
    if (run->work.trainer) tuff_trainer_resume(run->work.trainer, 0);
    return status;
}

/* Contents for tuff_evaluate: the inputs, and the kept parameters and states. Returns their number. */
static uint32_t list_leaves(const struct net_run *run, const struct zoo_work *work, const void *x, const void *y,
                            struct tuff_leaf_content *leaves)
{
    uint32_t count = 0;
    leaves[count++] = (struct tuff_leaf_content){work->input, x};
    if (work->labels) leaves[count++] = (struct tuff_leaf_content){work->labels, y};
    for (uint32_t i = 0; i < run->leaf_count; i++) {
        tuff_val leaf = tuff_graph_find(work->graph, tuff_graph_leaf(run->work.graph, i).name);
        if (leaf) leaves[count++] = (struct tuff_leaf_content){leaf, run->leaves[i] ? run->leaves[i] : run->zeros};
    }
    return count;
}

/* Evaluates outputs of `work`, which is that of the run or of batch 1, on the run's inputs; of batch 1: on those of the
 * sample. */
static tuff_status evaluate(const struct net_run *run, const struct zoo_work *work, uint32_t sample, const tuff_val *outputs,
                            double **results, uint32_t count, struct tuff_error *error)
{
    uint64_t elements = zoo_work_elements(&run->work), own = zoo_work_elements(work);
    uint64_t labels = work->labels ? zoo_work_labels(&run->work) : 0;
    char *x = malloc(elements * 4), *y = labels ? malloc(labels * 4) : NULL; /* f32 or i32 */
    struct tuff_leaf_content *leaves = calloc(run->leaf_count + 2, sizeof *leaves);
    tuff_status status = x && leaves && (y || !labels) ? TUFF_OK : TUFF_ERR_MEMORY;
    if (status == TUFF_OK) {
        zoo_work_inputs(&run->work, 0, x, y);
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
    const struct zoo_net *net = run->work.net;
    struct zoo_work one = {0};
    uint32_t samples[] = {0, run->work.batch - 1};
    double *want = malloc(net->outputs * sizeof *want);
    tuff_status status = want ? TUFF_OK : TUFF_ERR_MEMORY;
    if (status == TUFF_OK) status = zoo_work_create(tuff_device_context(run->device), net, ZOO_INFER, 1, &one, error);
    for (uint32_t i = 0; i < (run->work.batch > 1 ? 2u : 1u) && status == TUFF_OK; i++) {
        status = evaluate(run, &one, samples[i], one.outputs, &want, 1, error);
        if (status != TUFF_OK) break;
        struct check c = verify_values(run->out + (size_t)samples[i] * net->outputs, want, net->outputs, INFER_BOUND);
        if (i == 0) *check = c;
        check->nmse = c.nmse > check->nmse || isnan(c.nmse) ? c.nmse : check->nmse;
        check->compared += i ? c.compared : 0;
        check->ok = check->ok && c.ok;
    }
    zoo_work_finish(&one);
    free(want);
    return status;
}

/* Moves every trained number that was kept to a neighbouring float. */
static void nudge_parameters(struct net_run *run)
{
    for (uint32_t i = 0; i < run->leaf_count; i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(run->work.graph, i);
        uint64_t count = run->leaves[i] && leaf.trained ? tuff_shape_count(&leaf.type.shape) : 0;
        float *x = run->leaves[i];
        for (uint64_t k = 0; k < count; k++) x[k] = nextafterf(x[k], zoo_hash((uint32_t)k, 99 + i) & 1 ? 2 * x[k] : 0);
    }
}

/* What roundings may do to gradients is a matter of the net: batch norms over few samples, and kinks that an element may step
 * over, enlarge them. So the net tells: how far do its gradients move, in double, when every parameter moves by one float? A
 * right result is no farther off than 8 times that: it is rounded in every layer, not just once. Changes run->leaves. */
static tuff_status allow_for_roundings(struct net_run *run, const tuff_val *outputs, const float *got, const double *want,
                                       uint64_t count, struct check *check, struct tuff_error *error)
{
    double loss, moved2 = 0, want2 = 0, *moved = malloc(count * sizeof *moved), *results[] = {&loss, moved};
    if (!moved) return TUFF_ERR_MEMORY;
    nudge_parameters(run);
    tuff_status status = evaluate(run, &run->work, 0, outputs, results, 2, error);
    for (uint64_t i = 0; i < count && status == TUFF_OK; i++) {
        moved2 += (moved[i] - want[i]) * (moved[i] - want[i]);
        want2 += want[i] * want[i];
    }
    free(moved);
    if (status == TUFF_OK) *check = verify_values(got, want, count, fmax(TRAIN_BOUND, 64 * moved2 / want2));
    return status;
}

/* Loss and all gradients of the step that was done last, which must have been the first one. */
static tuff_status verify_gradients(struct net_run *run, struct check *check, struct tuff_error *error)
{
    struct tuff_graph *g = run->work.graph;
    uint32_t packs;
    const struct tuff_optimizer_pack *pack = tuff_trainer_packs(run->work.trainer, &packs);
    tuff_val state = pack->gradient_state, outputs[] = {run->work.result, pack->gradients};
    struct tuff_type type = tuff_type_of(g, state);
    uint64_t count = tuff_shape_count(&type.shape);
    double loss = 0, *want = malloc(count * sizeof *want), *results[] = {&loss, want};
    float *got = malloc(count * sizeof *got);
    tuff_status status = want && got ? TUFF_OK : TUFF_ERR_MEMORY;
    if (status == TUFF_OK) status = tuff_session_read(run->session, state, got, count * sizeof *got, error);
    if (status == TUFF_OK) status = evaluate(run, &run->work, 0, outputs, results, 2, error);
    if (status == TUFF_OK) {
        *check = verify_values(got, want, count, TRAIN_BOUND);
        if (!check->ok && run->leaf_count) status = allow_for_roundings(run, outputs, got, want, count, check, error);
        check->ok = check->ok && fabs(run->out[0] - loss) <= sqrt(INFER_BOUND) * fabs(loss);
    }
    free(want);
    free(got);
    return status;
}

tuff_status net_run_verify_first(struct net_run *run, struct check *check, struct tuff_error *error)
{
    return run->work.mode == ZOO_INFER ? verify_outputs(run, check, error) : verify_gradients(run, check, error);
}

/* The peers' outputs of inference, or losses of the first steps, whose optimizer's updates they show. */
static tuff_status verify_peers(struct net_run *run, bool *ok, struct tuff_error *error)
{
    const struct zoo_net *net = run->work.net;
    float losses[ZOO_EXPECTED] = {0};
    tuff_status status = TUFF_OK;
    for (uint32_t i = 0; i < net->expected_count && status == TUFF_OK && net->trains; i++) {
        if (i > 0) status = net_run_step(run, &(double){0}, error); /* the first one is done */
        losses[i] = run->out[0];
    }
    *ok = verify_values(net->trains ? losses : run->out, net->expected, net->expected_count, PEER_BOUND).ok;
    return status;
}

tuff_status net_run_verify(struct net_run *run, struct check *check, struct tuff_error *error)
{
    const struct zoo_net *net = run->work.net;
    bool train = run->work.mode == ZOO_TRAIN, finite = isfinite(run->out[0]), ok = true;
    tuff_status status = TUFF_OK;
    if (train) status = restore_leaves(run, error);
    if (status == TUFF_OK && train) status = net_run_step(run, &(double){0}, error);
    if (status == TUFF_OK) status = net_run_verify_first(run, check, error);
    if (status == TUFF_OK && net->expected_count && train == net->trains) status = verify_peers(run, &ok, error);
    check->ok = check->ok && ok && finite; /* finite: the last of the timed runs */
    return status;
}

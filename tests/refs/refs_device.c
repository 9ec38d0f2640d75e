/* refs_device.c - runs operator cases on a device. Each case is first built in a graph of its own, for its reference, its
 * bounds, and its failures; what is left becomes one graph, one plan, one run. Where that fails the cases are halved until
 * the guilty one stands alone. */
#include "backend/backend.h"
#include "tests/refs/refs.h"

#include <stdio.h>
#include <stdlib.h>

struct job {
    struct refs_case *c;
    tuff_val in[REFS_INPUTS], gout[REFS_OUTPUTS], value[REFS_CHECKS]; /* of the common graph */
    uint32_t in_count, out_count, first;                              /* first: number of its first output */
};

/* Content of the case's inputs into the evaluation. */
static void set_inputs(struct refs_eval *e, const struct refs_build *b)
{
    char name[32];
    struct tuff_array array;
    struct tuff_type type;
    uint64_t count;
    for (uint32_t k = 0; k < b->in_count + b->out_count; k++) {
        bool out = k >= b->in_count;
        tuff_val leaf = out ? b->gout[k - b->in_count] : b->in[k];
        snprintf(name, sizeof name, out ? "gradout%u" : "in%u", (unsigned)(out ? k - b->in_count : k));
        if (!leaf || !refs_tensor(b->c, name, &array, &type)) continue;
        double *values = refs_values(&array, &count);
        refs_eval_set(e, leaf, values, false);
        free(values);
    }
}

/* A check for a value of the case's graph, or a failure when the file has another shape or type. */
static void add_check(const struct refs_build *b, const struct refs_eval *e, const char *name, tuff_val v)
{
    struct refs_case *c = b->c;
    struct tuff_array array;
    struct tuff_type type, mine = tuff_type_of(b->g, v);
    char theirs_text[128], mine_text[128];
    if (!refs_tensor(c, name, &array, &type)) {
        refs_fail(c, "the operator gives %s, the file has none", name);
        return;
    }
    if (array.element == TUFF_ELEMENT_F64 || type.dtype != mine.dtype || !tuff_shape_equal(&type.shape, &mine.shape)) {
        refs_fail(c, "%s: expected %s %s, the graph gives %s %s", name, tuff_element_name(array.element),
                  tuff_shape_text(&type.shape, theirs_text, sizeof theirs_text), tuff_dtype_name(mine.dtype),
                  tuff_shape_text(&mine.shape, mine_text, sizeof mine_text));
        return;
    }
    uint64_t count;
    double *want = refs_values(&array, &count);
    struct refs_check *check = refs_check_add(c, name, type, want, count);
    if (!check) return;
    refs_eval_check(e, v, 0, check);
    refs_check_definition(c, check);
}

static bool file_has(struct refs_case *c, const char *format, uint32_t k)
{
    char name[32];
    struct tuff_array array;
    snprintf(name, sizeof name, format, (unsigned)k);
    return tuff_tensors_find(c->tensors, name, &array);
}

/* What the file stores and nobody computes would pass unseen. */
static void check_complete(const struct refs_build *b)
{
    if (file_has(b->c, "out%u", b->out_count)) refs_fail(b->c, "the file has more outputs than the operator");
    for (uint32_t i = 0; i < b->out_count; i++)
        if (!b->gout[i] && file_has(b->c, "gradout%u", i)) refs_fail(b->c, "gradout%u is not used", (unsigned)i);
    for (uint32_t k = 0; k < REFS_INPUTS; k++)
        if ((k >= b->in_count || !b->gin[k]) && file_has(b->c, "gradin%u", k))
            refs_fail(b->c, "gradin%u is not computed", (unsigned)k);
}

/* The case alone: reference and bounds of everything that is compared. */
static void prepare(struct refs_case *c, struct tuff_context *context)
{
    struct tuff_error error = {0};
    struct tuff_graph *g = NULL;
    struct refs_build b;
    char name[32];
    if (tuff_graph_create(context, &g, &error) != TUFF_OK) {
        refs_fail(c, "%s", error.message);
        return;
    }
    refs_op_build(&b, c, g, 0);
    if (tuff_graph_finish(g, &error) != TUFF_OK) refs_fail(c, "graph: %s", error.message);
    if (c->state == REFS_OPEN) check_complete(&b);
    if (c->state == REFS_OPEN) {
        struct refs_eval *e = refs_eval_create(g);
        set_inputs(e, &b);
        refs_eval_run(e);
        for (uint32_t i = 0; i < b.out_count; i++) {
            snprintf(name, sizeof name, "out%u", (unsigned)i);
            add_check(&b, e, name, b.out[i]);
        }
        for (uint32_t k = 0; k < b.in_count; k++) {
            snprintf(name, sizeof name, "gradin%u", (unsigned)k);
            if (b.gin[k]) add_check(&b, e, name, b.gin[k]);
        }
        refs_eval_destroy(e);
    }
    tuff_graph_destroy(g);
}

static void add_job(struct job *job, struct tuff_graph *g, uint32_t number, tuff_val *outputs, uint32_t *output_count)
{
    struct refs_build b;
    refs_op_build(&b, job->c, g, number);
    memcpy(job->in, b.in, sizeof job->in);
    memcpy(job->gout, b.gout, sizeof job->gout);
    job->in_count = b.in_count;
    job->out_count = b.out_count;
    job->first = *output_count;
    for (uint32_t i = 0; i < b.out_count; i++) outputs[(*output_count)++] = b.out[i];
    for (uint32_t k = 0; k < b.in_count; k++)
        if (b.gin[k]) outputs[(*output_count)++] = b.gin[k];
}

static tuff_status write_tensor(struct refs_case *c, struct tuff_executable *x, const char *name, tuff_val input,
                                struct tuff_error *error)
{
    struct tuff_array array;
    struct tuff_type type;
    if (!refs_tensor(c, name, &array, &type)) return TUFF_OK;
    return tuff_executable_write(x, input, array.data, (size_t)array.bytes, error);
}

static tuff_status write_job(const struct job *job, struct tuff_executable *x, struct tuff_error *error)
{
    char name[32];
    for (uint32_t k = 0; k < job->in_count; k++) {
        snprintf(name, sizeof name, "in%u", (unsigned)k);
        TUFF_TRY(write_tensor(job->c, x, name, job->in[k], error));
    }
    for (uint32_t i = 0; i < job->out_count; i++) {
        snprintf(name, sizeof name, "gradout%u", (unsigned)i);
        if (job->gout[i]) TUFF_TRY(write_tensor(job->c, x, name, job->gout[i], error));
    }
    return TUFF_OK;
}

static tuff_status read_job(const struct job *job, struct tuff_executable *x, struct tuff_error *error)
{
    tuff_status status = TUFF_OK;
    for (uint32_t i = 0; status == TUFF_OK && i < job->c->check_count; i++) {
        const struct refs_check *check = &job->c->checks[i];
        size_t bytes = (size_t)tuff_dtype_size(check->type.dtype, check->count);
        void *got = refs_alloc(bytes);
        status = tuff_executable_read(x, job->first + i, got, bytes, error);
        if (status == TUFF_OK) refs_check_device(job->c, check, got);
        free(got);
    }
    if (status == TUFF_OK && job->c->state == REFS_OPEN) job->c->state = REFS_PASSED;
    return status;
}

static tuff_status run_jobs(struct job *jobs, uint32_t count, struct tuff_device *device, struct tuff_error *error)
{
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    tuff_val *outputs = refs_alloc(count * REFS_CHECKS * sizeof *outputs);
    uint32_t output_count = 0;
    tuff_status status = tuff_graph_create(tuff_device_context(device), &g, error);
    for (uint32_t i = 0; status == TUFF_OK && i < count; i++) add_job(&jobs[i], g, i, outputs, &output_count);
    if (status == TUFF_OK) status = tuff_session_create(device, g, NULL, &session, error);
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = outputs, .output_count = output_count};
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &x, error);
    for (uint32_t i = 0; status == TUFF_OK && i < count; i++) status = write_job(&jobs[i], x, error);
    if (status == TUFF_OK) status = tuff_executable_run(x, error);
    for (uint32_t i = 0; status == TUFF_OK && i < count; i++) status = read_job(&jobs[i], x, error);
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    free(outputs);
    return status;
}

static void run_or_halve(struct job *jobs, uint32_t count, struct tuff_device *device)
{
    struct tuff_error error = {0};
    if (count == 0 || run_jobs(jobs, count, device, &error) == TUFF_OK) return;
    if (count == 1 || error.status == TUFF_ERR_DEVICE_LOST) {
        for (uint32_t i = 0; i < count; i++)
            if (jobs[i].c->state == REFS_OPEN) refs_fail(jobs[i].c, "device: %s", error.message);
        return;
    }
    run_or_halve(jobs, count / 2, device);
    run_or_halve(jobs + count / 2, count - count / 2, device);
}

void refs_run_operators(struct refs_case **cases, uint32_t count, struct tuff_device *device)
{
    struct job *jobs = refs_alloc(count * sizeof *jobs);
    uint32_t job_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        prepare(cases[i], tuff_device_context(device));
        if (cases[i]->state == REFS_OPEN) jobs[job_count++].c = cases[i];
    }
    run_or_halve(jobs, job_count, device);
    free(jobs);
}

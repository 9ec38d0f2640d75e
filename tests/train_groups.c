/* train_groups.c - groups of parameters: rates and decay of their own, frozen ones that have no state, against updates in double
 * precision; parameters that had memory before the optimizer came; training that goes on bit for bit. */
#include "graph/op.h"
#include "graph/ops/leaf.h"
#include "graph/train/optimizer.h"
#include "tests/temporary.h"
#include "tests/train_help.h"

#include "backend/os.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PARAMS = 7, MOST = 210, STEPS = 7 };
enum order { FRESH, LAID, HALF, ORDERS }; /* memory comes after the optimizer; before it; before it for some */

static const struct {
    const char *name;
    uint32_t count, group; /* of `groups`, from 1 */
} params[PARAMS] = {{"body.a.weight", 35, 2}, {"body.a.bias", 7, 1},     {"out.weight", 210, 3}, {"skip", 65, 0},
                    {"out.bias", 3, 1},       {"body.b.weight", 129, 2}, {"body.b.bias", 1, 1}};

static const struct tuff_param_group groups[] = {
    {.name = "bias", .pattern = "*.bias", .lr_factor = 2},
    {.name = "body", .pattern = "body.*", .frozen = true},
    {.name = "out", .pattern = "o*t.*", .lr_factor = 0.5, .weight_decay = 0.25},
};

struct job {
    struct backend_test *test;
    struct tuff_optimizer_params params;
    struct tuff_graph *g;
    struct tuff_session *session;
    struct tuff_executable *run;
    struct tuff_optimizer optimizer;
    tuff_val x[PARAMS], gradient[PARAMS]; /* parameters; inputs that are their gradients */
    double p[PARAMS][MOST], g1[PARAMS][MOST], m[PARAMS][MOST], v[PARAMS][MOST];
    float start[PARAMS][MOST], given[PARAMS][MOST];
    double norms[PARAMS];
    uint32_t random;
};

static float draw(struct job *job)
{
    job->random = job->random * 1664525u + 1013904223u;
    return (float)((double)(job->random >> 8) / 0x1p23 - 1);
}

static bool ok(struct job *job, const char *what, tuff_status status, const struct tuff_error *error)
{
    return backend_status(job->test, what, TUFF_OK, status, error);
}

/* ---- the update in double ----------------------------------------------------------------------------------------------------- */

static void update_one(struct job *job, uint32_t k, uint32_t i, double g, uint32_t update)
{
    const struct tuff_optimizer_params *o = &job->params;
    const struct tuff_param_group *group = params[k].group ? &groups[params[k].group - 1] : NULL;
    double lr = o->schedule.lr * (group ? group->lr_factor : 1), decay = o->weight_decay;
    double *p = &job->p[k][i], *m = &job->m[k][i], *v = &job->v[k][i];
    if (group && group->weight_decay != TUFF_OPTIMIZERS_OWN) decay = group->weight_decay;
    if (o->kind != TUFF_ADAMW) g += decay * *p;
    if (o->kind == TUFF_SGD) {
        *m = o->momentum * *m + g;
        *p -= lr * (o->nesterov ? g + o->momentum * *m : *m);
        return;
    }
    *m = 0.9 * *m + 0.1 * g;
    *v = 0.999 * *v + 0.001 * g * g;
    double step = *m / (1 - pow(0.9, update + 1.0)) / (sqrt(*v / (1 - pow(0.999, update + 1.0))) + 1e-8);
    *p -= lr * (o->kind == TUFF_ADAMW ? step + decay * *p : step);
}

static bool is_frozen(uint32_t k) { return params[k].group && groups[params[k].group - 1].frozen; }

static void reference_step(struct job *job, uint32_t run)
{
    uint32_t n = job->params.accumulate ? job->params.accumulate : 1;
    double squares = 0, each = job->params.clip_each_norm;
    for (uint32_t k = 0; k < PARAMS; k++)
        for (uint32_t i = 0; i < params[k].count; i++) job->g1[k][i] += (double)job->given[k][i] / n;
    if ((run + 1) % n) return;
    for (uint32_t k = 0; k < PARAMS && each > 0; k++) {
        double own = 0;
        for (uint32_t i = 0; i < params[k].count; i++) own += job->g1[k][i] * job->g1[k][i];
        job->norms[k] = sqrt(own);
        for (uint32_t i = 0; i < params[k].count; i++) job->g1[k][i] *= fmin(1, each / (sqrt(own) + 1e-6));
    }
    for (uint32_t k = 0; k < PARAMS; k++)
        for (uint32_t i = 0; i < params[k].count && !is_frozen(k); i++) {
            if (job->params.clip_value > 0)
                job->g1[k][i] = fmax(-job->params.clip_value, fmin(job->params.clip_value, job->g1[k][i]));
            squares += job->g1[k][i] * job->g1[k][i];
        }
    double scale = job->params.clip_norm > 0 ? fmin(1, job->params.clip_norm / (sqrt(squares) + 1e-6)) : 1;
    for (uint32_t k = 0; k < PARAMS; k++)
        for (uint32_t i = 0; i < params[k].count; i++) {
            if (!is_frozen(k)) update_one(job, k, i, job->g1[k][i] * scale, run / n);
            job->g1[k][i] = 0;
        }
}

/* ---- on the device --------------------------------------------------------------------------------------------------------------- */

static void make_session(struct job *job)
{
    struct tuff_error error = {0};
    if (!job->session)
        ok(job, "session", tuff_session_create(job->test->device, job->g, NULL, &job->session, &error), &error);
}

static bool build(struct job *job, enum order order)
{
    struct tuff_error error = {0};
    tuff_val loss = 0;
    if (!ok(job, "graph", tuff_graph_create(job->test->context, &job->g, &error), &error)) return false;
    for (uint32_t k = 0; k < PARAMS; k++) {
        char name[32];
        for (uint32_t i = 0; i < params[k].count; i++) job->p[k][i] = (double)(job->start[k][i] = draw(job));
        job->x[k] = tuff_param(job->g, params[k].name, TUFF_SHAPE(params[k].count),
                               (struct tuff_init){.kind = TUFF_INIT_DATA, .data = job->start[k]});
        snprintf(name, sizeof name, "gradient%u", k);
        job->gradient[k] = tuff_input(job->g, name, TUFF_F32, TUFF_SHAPE(params[k].count));
        tuff_val part = tuff_sum(job->g, tuff_mul(job->g, job->x[k], job->gradient[k]), 0, TUFF_DROP_AXES);
        loss = k ? tuff_add(job->g, loss, part) : part;
        if (order == HALF && k == 3) make_session(job);
    }
    if (order == LAID) make_session(job);
    tuff_optimizer_build(job->g, &(struct tuff_optimizer_plan){.loss = loss, .weight = 1}, &job->params, &job->optimizer);
    if (!ok(job, "optimizer", tuff_graph_finish(job->g, &error), &error)) return false;
    make_session(job);
    tuff_val outputs[32];
    uint32_t count = 0;
    for (uint32_t i = 0; i < job->optimizer.pack_count && job->params.clip_each_norm > 0; i++)
        outputs[count++] = job->optimizer.packs[i].norms;
    for (uint32_t i = 0; i < job->optimizer.update_count; i++) outputs[count++] = job->optimizer.updates[i];
    struct tuff_executable_params what = {.struct_size = sizeof what, .outputs = outputs, .output_count = count};
    return ok(job, "plan", tuff_session_compile(job->session, &what, &job->run, &error), &error);
}

static void step(struct job *job, uint32_t run)
{
    struct tuff_error error = {0};
    for (uint32_t k = 0; k < PARAMS; k++) {
        for (uint32_t i = 0; i < params[k].count; i++) job->given[k][i] = draw(job);
        ok(job, "gradient",
           tuff_executable_write(job->run, job->gradient[k], job->given[k], params[k].count * sizeof(float), &error),
           &error);
    }
    ok(job, "feed", tuff_optimizer_feed(&job->optimizer, job->session, &error), &error);
    ok(job, "run", tuff_executable_run(job->run, &error), &error);
    reference_step(job, run);
}

static void compare(struct job *job, const char *what)
{
    struct tuff_error error = {0};
    float got[MOST];
    for (uint32_t k = 0; k < PARAMS; k++) {
        uint32_t wrong = 0;
        ok(job, "read", tuff_session_read(job->session, job->x[k], got, params[k].count * sizeof(float), &error), &error);
        for (uint32_t i = 0; i < params[k].count; i++) {
            double bound = is_frozen(k) ? 0 : 2e-6 * (1 + fabs(job->p[k][i]));
            wrong += !(fabs((double)got[i] - job->p[k][i]) <= bound);
            if (!is_frozen(k)) wrong += got[i] == job->start[k][i]; /* it moved */
        }
        backend_check(job->test, !wrong, "%s: %u of %u elements of %s are wrong, the first is %g, expected %g", what, wrong,
                      params[k].count, params[k].name, (double)got[0], job->p[k][0]);
    }
}

/* The packs' norms of the last run, one number a parameter: skip; biases in order of declaration; out. */
static void compare_norms(struct job *job)
{
    static const uint32_t of[3][3] = {{3}, {1, 4, 6}, {2}};
    struct tuff_error error = {0};
    for (uint32_t i = 0; i < job->optimizer.pack_count && job->params.clip_each_norm > 0; i++) {
        float got[3] = {0};
        uint32_t count = job->optimizer.packs[i].param_count;
        ok(job, "norms", tuff_executable_read(job->run, i, got, count * sizeof *got, &error), &error);
        for (uint32_t k = 0; k < count; k++)
            backend_check(job->test, fabs((double)got[k] - job->norms[of[i][k]]) <= 1e-5 * job->norms[of[i][k]],
                          "norm of %s: expected %g, got %g", params[of[i][k]].name, job->norms[of[i][k]], (double)got[k]);
    }
}

/* Parameters that lie side by side are one vector; runs of neighbours are where they lie already. */
static void check_packs(struct job *job, enum order order)
{
    static const uint32_t wanted[ORDERS] = {3, 5, 4}; /* skip, bias, out; biases are three runs, or two */
    uint32_t packs = 0, states = 0;
    for (tuff_val v = 1; v < job->g->count; v++) {
        const struct tuff_value *value = &job->g->values[v];
        packs += value->op->kind == TUFF_KIND_PARAM_PACK;
        states += value->op->kind == TUFF_KIND_STATE && value->name && strstr(value->name, "/body");
    }
    backend_check(job->test, packs == wanted[order], "order %d: expected %u vectors of parameters, got %u", order,
                  wanted[order], packs);
    backend_check(job->test, states == 0, "a frozen group has %u states", states);
    backend_check(job->test,
                  job->optimizer.pack_count == 3 && !job->optimizer.packs[0].group &&
                      !strcmp(job->optimizer.packs[2].group, "out") && job->optimizer.packs[1].param_count == 3,
                  "order %d: other groups than expected", order);
}

static void test_updates(struct backend_test *test, const struct tuff_optimizer_params *optimizer, enum order order,
                         const char *what)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job) exit(1);
    *job = (struct job){.test = test, .params = *optimizer, .random = 17 + (uint32_t)order};
    job->params.groups = groups;
    job->params.group_count = TUFF_COUNT(groups);
    if (build(job, order)) {
        check_packs(job, order);
        for (uint32_t run = 0; run < STEPS; run++) step(job, run);
        compare(job, what);
        compare_norms(job);
    }
    tuff_executable_destroy(job->run);
    tuff_session_destroy(job->session);
    tuff_graph_destroy(job->g);
    free(job);
}

/* More neighbours than a launch can bind: 20 vectors a group, whose update is one value. */
static void test_many(struct backend_test *test)
{
    enum { MANY = 40 };
    static const struct tuff_param_group odd = {
        .name = "odd", .pattern = "*.odd", .lr_factor = 3, .weight_decay = TUFF_OPTIMIZERS_OWN};
    struct tuff_optimizer_params p = {.struct_size = sizeof p,
                                      .schedule = {.lr = 0.125},
                                      .momentum = 0.5,
                                      .weight_decay = 0.25,
                                      .groups = &odd,
                                      .group_count = 1};
    struct tuff_error error = {0};
    struct job job = {.test = test};
    tuff_val x[MANY], loss = 0;
    if (!ok(&job, "graph", tuff_graph_create(test->context, &job.g, &error), &error)) return;
    for (uint32_t k = 0; k < MANY; k++) {
        char name[32];
        snprintf(name, sizeof name, "%u.%s", k, k % 2 ? "odd" : "even");
        x[k] = tuff_param(job.g, name, TUFF_SHAPE(3), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 1 + k});
        tuff_val part = tuff_sum(job.g, tuff_affine(job.g, x[k], k, 0), 0, TUFF_DROP_AXES); /* its gradient is k */
        loss = k ? tuff_add(job.g, loss, part) : part;
    }
    make_session(&job);
    tuff_optimizer_build(job.g, &(struct tuff_optimizer_plan){.loss = loss, .weight = 1}, &p, &job.optimizer);
    struct tuff_executable_params what = {
        .struct_size = sizeof what, .outputs = job.optimizer.updates, .output_count = job.optimizer.update_count};
    if (ok(&job, "plan", tuff_session_compile(job.session, &what, &job.run, &error), &error)) {
        ok(&job, "feed", tuff_optimizer_feed(&job.optimizer, job.session, &error), &error);
        ok(&job, "run", tuff_executable_run(job.run, &error), &error);
    }
    for (uint32_t k = 0; k < MANY && job.run; k++) {
        float got[3] = {0};
        double start = 1 + k, wanted = start - 0.125 * (k % 2 ? 3 : 1) * (k + 0.25 * start);
        ok(&job, "read", tuff_session_read(job.session, x[k], got, sizeof got, &error), &error);
        backend_check(test, got[0] == (float)wanted && got[2] == got[0], "parameter %u of many: expected %g, got %g", k,
                      wanted, (double)got[0]);
    }
    tuff_executable_destroy(job.run);
    tuff_session_destroy(job.session);
    tuff_graph_destroy(job.g);
}

/* ---- refused --------------------------------------------------------------------------------------------------------------------- */

static void expect_refusal(struct backend_test *test, const struct tuff_param_group *list, uint32_t count,
                           const char *sentence)
{
    struct tuff_error error = {0};
    struct tuff_graph *g = NULL;
    struct tuff_optimizer optimizer;
    struct tuff_optimizer_params p = tuff_optimizer_defaults(TUFF_SGD, 0.1);
    p.groups = list;
    p.group_count = count;
    if (!backend_status(test, "graph", TUFF_OK, tuff_graph_create(test->context, &g, &error), &error)) return;
    test->quiet = true;
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(4), (struct tuff_init){0});
    tuff_optimizer_build(g, &(struct tuff_optimizer_plan){.loss = tuff_sum(g, w, 0, TUFF_DROP_AXES), .weight = 1}, &p,
                         &optimizer);
    backend_status(test, sentence, TUFF_ERR_USAGE, tuff_graph_finish(g, &error), &error);
    test->quiet = false;
    backend_check(test, strstr(error.message, sentence), "expected \"%s\", got \"%s\"", sentence, error.message);
    tuff_graph_destroy(g);
}

static void test_refused(struct backend_test *test)
{
    static const struct tuff_param_group
        none = {.name = "a", .pattern = "v*", .lr_factor = 1},
        frozen = {.name = "a", .pattern = "*", .frozen = true},
        twice[2] = {{.name = "a", .pattern = "w", .lr_factor = 1}, {.name = "a", .pattern = "*", .lr_factor = 1}},
        bad = {.name = "a/b", .pattern = "*"},
        many[16] = {{.name = "a", .pattern = "*", .lr_factor = 1, .weight_decay = TUFF_OPTIMIZERS_OWN}};
    expect_refusal(test, &none, 1, "no parameter of group 'a' is called 'v*'");
    expect_refusal(test, &frozen, 1, "no parameters to train");
    expect_refusal(test, twice, 2, "two groups are called 'a'");
    expect_refusal(test, &bad, 1, "needs a name");
    expect_refusal(test, many, 16, "at most 15");
}

/* ---- models ---------------------------------------------------------------------------------------------------------------------- */

static const struct tuff_param_group of_model[] = {
    {.name = "first", .pattern = "conv.*", .frozen = true},
    {.name = "bias", .pattern = "*.bias", .lr_factor = 1},
    {.name = "last", .pattern = "out.*", .lr_factor = 4, .weight_decay = TUFF_OPTIMIZERS_OWN}};

static bool stop(void *user, const struct tuff_fit_progress *progress)
{
    (void)progress;
    return !*(bool *)user;
}

struct parts {
    int count;
    bool early;         /* the model has predicted before, so that its parameters had memory */
    const char *limits; /* of the device, or NULL */
    uint32_t units;
    const struct tuff_param_group *groups; /* three, or NULL: of_model */
};

/* The content after all epochs, trained in parts: each with a model of its own, the last one to the end. */
static void train_parts(struct backend_test *test, const char *path, struct parts parts, struct train_content *content)
{
    *content = (struct train_content){0};
    for (int part = 0; part < parts.count; part++) {
        struct train t;
        struct tuff_error error = {0};
        struct tuff_options options = {.struct_size = sizeof options};
        bool stops = part + 1 < parts.count;
        tuff_options_from_env(&options);
        if (parts.limits) options.limits = parts.limits;
        struct train_params what = {.path = path, .epochs = 2, .units = parts.units};
        tuff_status status = train_open(&t, &options, &error);
        if (status == TUFF_OK) status = train_model(&t, &what, &error);
        t.fit.optimizer.groups = parts.groups ? parts.groups : of_model;
        t.fit.optimizer.group_count = TUFF_COUNT(of_model);
        t.fit.on_step = stop;
        t.fit.user = &stops;
        float y[TRAIN_CLASSES];
        if (status == TUFF_OK && parts.early)
            status = tuff_model_predict(t.model, &(struct tuff_data){.count = 1, .fields = {t.data.fields[0]}},
                                        (void *[]){y}, &error);
        if (status == TUFF_OK && part) status = train_load(&t, &error);
        backend_status(test, "a model", TUFF_OK, status, &error);
        if (status == TUFF_OK) {
            status = train_fit(&t, &error);
            backend_status(test, "fit", stops ? TUFF_ERR_CANCELLED : TUFF_OK, status, &error);
            if (!stops) backend_status(test, "content", TUFF_OK, train_content(&t, content, &error), &error);
        }
        backend_check(test, tuff_device_validation_messages(t.device) == 0, "validation is not silent");
        train_close(&t);
    }
}

/* A checkpoint is the same whether parameters had memory before: one that has is continued by a model that has not. */
static void test_models(struct backend_test *test)
{
    struct train_content through, stopped, early;
    char path[400];
    temporary_path("groups", path, sizeof path);
    train_parts(test, path, (struct parts){.count = 1}, &through);
    train_parts(test, path, (struct parts){.count = 4}, &stopped);
    train_expect_same(test, "stopped with groups", &through, &stopped);
    train_parts(test, path, (struct parts){.count = 3, .early = true}, &early);
    train_expect_same(test, "after a prediction", &through, &early);
    free(through.bytes);
    free(stopped.bytes);
    free(early.bytes);
    (void)!tuff_os_remove(path);
}

/* A prediction lays all up to hidden.bias, 265472 bytes, in one memory and the others in another one: the parameters of no group are
 * neighbours of which each memory has some. */
static void test_memories(struct backend_test *test)
{
    static const struct tuff_param_group list[3] = {
        {.name = "conv", .pattern = "conv.*", .lr_factor = 1, .weight_decay = TUFF_OPTIMIZERS_OWN},
        {.name = "norm", .pattern = "norm.*", .lr_factor = 1, .weight_decay = TUFF_OPTIMIZERS_OWN},
        {.name = "hidden", .pattern = "hidden.weight", .lr_factor = 1, .weight_decay = TUFF_OPTIMIZERS_OWN}};
    struct train_content before, after;
    char path[400];
    struct parts parts = {.count = 1, .limits = "allocation=271000", .units = 512, .groups = list};
    const uint32_t off = TUFF_DEBUG_NOFUSE | TUFF_DEBUG_NOALIAS | TUFF_DEBUG_NOCOMPILER;
    if (getenv("TUFF_LIMITS") || test->context->options.debug & off || !tuff_glslang())
        return; /* without passes the scratch of a training has no room in one allocation */
    temporary_path("memories", path, sizeof path);
    train_parts(test, path, parts, &after);
    parts.early = true;
    train_parts(test, path, parts, &before);
    train_expect_same(test, "a group in two memories", &after, &before);
    free(before.bytes);
    free(after.bytes);
    (void)!tuff_os_remove(path);
}

/* A pattern of nothing is refused by its sentence, and the model is what it was. */
static void test_refused_model(struct backend_test *test)
{
    static const struct tuff_param_group none = {.name = "bias", .pattern = "*.bais", .lr_factor = 2},
                                         some = {.name = "bias", .pattern = "*.bias", .lr_factor = 2};
    struct train t;
    struct tuff_error error = {0};
    struct tuff_metrics metrics;
    float y[TRAIN_CLASSES];
    tuff_status status = train_open(&t, NULL, &error);
    if (status == TUFF_OK) status = train_model(&t, &(struct train_params){.epochs = 1}, &error);
    if (!backend_status(test, "a model", TUFF_OK, status, &error)) return;
    t.fit.optimizer.groups = &none;
    t.fit.optimizer.group_count = 1;
    backend_status(test, "a pattern of nothing", TUFF_ERR_USAGE, train_fit(&t, &error), &error);
    backend_check(test, strstr(error.message, "no parameter of group 'bias' is called '*.bais'"), "got \"%s\"",
                  error.message);
    t.fit.optimizer.groups = &some;
    backend_status(
        test, "predict", TUFF_OK,
        tuff_model_predict(t.model, &(struct tuff_data){.count = 1, .fields = {t.data.fields[0]}}, (void *[]){y}, &error),
        &error);
    backend_status(test, "evaluate", TUFF_OK, tuff_model_evaluate(t.model, &t.data, &metrics, &error), &error);
    backend_status(test, "the right pattern", TUFF_OK, train_fit(&t, &error), &error);
    train_close(&t);
}

/* A file beside the checkpoint, without the text of this key, as versions wrote it that did not have it: the checkpoint is another
 * one now. What is mapped is not written over, which Windows refuses. */
static tuff_status drop_text(struct train *t, const char *key, const char *beside, struct tuff_error *error)
{
    struct tuff_tensors *tensors = NULL;
    struct tuff_array arrays[40];
    struct tuff_pair texts[40];
    const char *path = t->checkpoint.path;
    size_t count = 0;
    TUFF_TRY(tuff_checkpoint_read(t->context, path, NULL, &tensors, error));
    struct tuff_tensors_params params = {.struct_size = sizeof params, .arrays = arrays, .texts = texts};
    for (size_t i = 0; i < tuff_tensors_count(tensors) && i < TUFF_COUNT(arrays); i++)
        arrays[params.array_count++] = tuff_tensors_get(tensors, i);
    for (size_t i = 0; i < tuff_tensors_text_count(tensors) && i < TUFF_COUNT(texts); i++) {
        texts[count] = tuff_tensors_text_get(tensors, i);
        count += strcmp(texts[count].key, key) != 0 && strcmp(texts[count].key, "tuff.kind") != 0;
    }
    params.text_count = count;
    tuff_status status = tuff_checkpoint_write(t->context, beside, &params, error);
    t->checkpoint.path = beside;
    tuff_tensors_destroy(tensors);
    return status;
}

static tuff_status open_groups(struct train *t, const char *path, const struct tuff_param_group *two,
                               struct tuff_error *error)
{
    TUFF_TRY(train_open(t, NULL, error));
    TUFF_TRY(train_model(t, &(struct train_params){.path = path, .epochs = 1}, error));
    t->fit.optimizer.groups = two;
    t->fit.optimizer.group_count = 2;
    return TUFF_OK;
}

/* Groups of the same names and lengths whose members are others: their momenta are not those of the file. */
static void test_traded(struct backend_test *test)
{
    static const struct tuff_param_group
        two[2] = {{.name = "a", .pattern = "norm.weight", .lr_factor = 1, .weight_decay = TUFF_OPTIMIZERS_OWN},
                  {.name = "b", .pattern = "norm.bias", .lr_factor = 1, .weight_decay = TUFF_OPTIMIZERS_OWN}},
        traded[2] = {{.name = "a", .pattern = "norm.bias", .lr_factor = 1, .weight_decay = TUFF_OPTIMIZERS_OWN},
                     {.name = "b", .pattern = "norm.weight", .lr_factor = 1, .weight_decay = TUFF_OPTIMIZERS_OWN}};
    struct train t;
    struct tuff_error error = {0};
    char path[400], older[400];
    temporary_path("traded", path, sizeof path);
    temporary_path("older", older, sizeof older);
    tuff_status status = open_groups(&t, path, two, &error);
    if (status == TUFF_OK) status = train_fit(&t, &error);
    train_close(&t);
    backend_status(test, "fit", TUFF_OK, status, &error);
    status = open_groups(&t, path, traded, &error);
    if (status == TUFF_OK) status = train_load(&t, &error);
    backend_status(test, "traded members", TUFF_ERR_FORMAT, status, &error);
    backend_check(test, strstr(error.message, "other groups of parameters"), "got \"%s\"", error.message);
    backend_status(test, "an older file", TUFF_OK, drop_text(&t, "fit.groups", older, &error), &error);
    backend_status(test, "loading an older file", TUFF_OK, train_load(&t, &error), &error);
    uint32_t count;
    const struct tuff_param_group *groups = tuff_model_groups(t.model, &count);
    backend_check(test, count == 2 && !strcmp(groups[0].pattern, "norm.bias"), "%u groups, or others", (unsigned)count);
    train_close(&t);
    (void)!tuff_os_remove(path);
    (void)!tuff_os_remove(older);
}

/* Two vectors that share a parameter: who reads one comes before the other is written. */
static void test_shared_member(struct backend_test *test)
{
    struct tuff_error error = {0};
    struct job job = {.test = test};
    tuff_val x[3];
    float got[128] = {0};
    if (!ok(&job, "graph", tuff_graph_create(test->context, &job.g, &error), &error)) return;
    for (uint32_t k = 0; k < 3; k++) {
        char name[8];
        snprintf(name, sizeof name, "x%u", k);
        x[k] = tuff_param(job.g, name, TUFF_SHAPE(64), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 1 + k});
    }
    make_session(&job); /* they lie one after the other */
    tuff_val first = tuff_param_pack(job.g, x, 2), second = tuff_param_pack(job.g, x + 1, 2);
    tuff_val outputs[2] = {tuff_assign(job.g, first, tuff_affine(job.g, first, 10, 0)), tuff_affine(job.g, second, 1, 0.5)};
    struct tuff_executable_params what = {.struct_size = sizeof what, .outputs = outputs, .output_count = 2};
    if (ok(&job, "plan", tuff_session_compile(job.session, &what, &job.run, &error), &error)) {
        ok(&job, "run", tuff_executable_run(job.run, &error), &error);
        ok(&job, "read", tuff_executable_read(job.run, 1, got, sizeof got, &error), &error);
        backend_check(test, got[0] == 2.5f && got[64] == 3.5f, "a shared parameter: expected 2.5 and 3.5, got %g and %g",
                      (double)got[0], (double)got[64]);
    }
    tuff_executable_destroy(job.run);
    tuff_session_destroy(job.session);
    tuff_graph_destroy(job.g);
}

/* In training alone there is a scale behind the first layer: a parameter that comes after those that prediction gave memory. */
static tuff_val late_network(struct tuff_graph *g, tuff_val x, bool training, void *user)
{
    (void)user;
    x = tuff_relu(g, tuff_layer_dense(g, tuff_flatten(g, x), "first", (struct tuff_layer_dense_params){.units = 20}));
    if (training)
        x = tuff_mul(g, x,
                     tuff_param(g, "late.scale", TUFF_SHAPE(20), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 1}));
    return tuff_layer_dense(g, x, "out", (struct tuff_layer_dense_params){.units = TRAIN_CLASSES});
}

static void late_network_model(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    tuff_val y = late_network(g, n->fields[0], n->training, user);
    tuff_network_classify(g, n, y, n->fields[1], 0);
}

/* Predicts before the fit or not: the same parameters come of it. */
static void test_late(struct backend_test *test)
{
    float scale[2][20] = {{0}}, weights[2][TRAIN_CLASSES * 20];
    for (int early = 0; early < 2; early++) {
        struct train t;
        struct tuff_error error = {0};
        float y[TRAIN_CLASSES];
        tuff_status status = train_open(&t, NULL, &error);
        if (status == TUFF_OK) status = train_model(&t, &(struct train_params){.epochs = 1}, &error);
        train_close_model(&t);
        struct tuff_model_params model = {
            .struct_size = sizeof model,
            .build = late_network_model,
            .batch = TRAIN_BATCH,
            .seed = 7,
            .fields = {TUFF_FIELD("x", TUFF_U8, 1, TRAIN_SIDE, TRAIN_SIDE), TUFF_LABELS("labels")}};
        if (status == TUFF_OK) status = tuff_model_create(t.device, &model, &t.model, &error);
        if (status == TUFF_OK && early)
            status = tuff_model_predict(t.model, &(struct tuff_data){.count = 1, .fields = {t.data.fields[0]}},
                                        (void *[]){y}, &error);
        if (status == TUFF_OK) status = train_fit(&t, &error);
        if (status == TUFF_OK) status = tuff_model_read(t.model, "late.scale", scale[early], sizeof scale[0], &error);
        if (status == TUFF_OK) status = tuff_model_read(t.model, "out.weight", weights[early], sizeof weights[0], &error);
        backend_status(test, early ? "parameters after a prediction" : "parameters before any", TUFF_OK, status, &error);
        train_close(&t);
    }
    backend_check(test,
                  scale[0][0] != 1 && !memcmp(scale[0], scale[1], sizeof scale[0]) &&
                      !memcmp(weights[0], weights[1], sizeof weights[0]),
                  "a parameter that came late was trained otherwise: %.9g and %.9g", (double)scale[0][0],
                  (double)scale[1][0]);
}

#define ADAM .struct_size = sizeof(struct tuff_optimizer_params), .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8

int main(void)
{
    static const struct tuff_optimizer_params optimizers[] = {
        {.struct_size = sizeof optimizers[0],
         .kind = TUFF_SGD,
         .schedule = {.lr = 0.05},
         .momentum = 0.9,
         .nesterov = true,
         .weight_decay = 0.125,
         .clip_norm = 3},
        {ADAM, .kind = TUFF_ADAM, .schedule = {.lr = 0.01}, .weight_decay = 0.125, .clip_value = 0.5, .clip_norm = 4},
        {ADAM, .kind = TUFF_ADAMW, .schedule = {.lr = 0.01}, .weight_decay = 0.125, .accumulate = 2},
        {.struct_size = sizeof optimizers[0],
         .kind = TUFF_SGD,
         .schedule = {.lr = 0.05},
         .momentum = 0.5,
         .clip_each_norm = 1.25,
         .clip_norm = 2},
    };
    static const char *const names[ORDERS] = {"memory after the optimizer", "memory before it", "memory of some before it"};
    struct backend_test test;
    int code = backend_test_begin(&test, NULL);
    if (code) return code;
    for (size_t i = 0; i < TUFF_COUNT(optimizers); i++)
        for (int order = FRESH; order < ORDERS; order++) test_updates(&test, &optimizers[i], order, names[order]);
    test_many(&test);
    test_refused(&test);
    test_models(&test);
    test_memories(&test);
    test_refused_model(&test);
    test_shared_member(&test);
    test_traded(&test);
    test_late(&test);
    return backend_test_end(&test, "train_groups");
}

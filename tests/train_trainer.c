/* train_trainer.c - trainers below models: nothing that has to change from step to step can be forgotten; what is not finite stops or
 * is skipped, and is named; the last batch is one of its size; settings that change between fits; a training that cannot be built. */
#include "tests/backend_help.h"

#include "graph/graph.h"
#include "graph/train/shuffle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tuff_error error;

static bool ok(struct backend_test *t, const char *what, tuff_status status)
{
    return backend_status(t, what, TUFF_OK, status, &error);
}

static bool refused(struct backend_test *t, const char *what, tuff_status wanted, tuff_status status, const char *sentence)
{
    bool as = backend_status(t, what, wanted, status, &error);
    return backend_check(t, strstr(error.message, sentence), "%s: expected \"%s\", got \"%s\"", what, sentence,
                         error.message) &&
           as;
}

/* ---- a step below models ------------------------------------------------------------------------------------------------------ */

enum { ROWS = 4, COLUMNS = 3 };
struct bench {
    struct tuff_graph *g;
    struct tuff_session *session;
    struct tuff_trainer *trainer;
    tuff_val x, w, loss, y;
};

/* loss = mean of dropout(batch_norm(x)) w, or of sqrt(x w) */
static bool open_bench(struct backend_test *t, struct bench *b, struct tuff_optimizer_params optimizer,
                       enum tuff_not_finite not_finite, bool root)
{
    *b = (struct bench){.g = NULL};
    if (!ok(t, "graph", tuff_graph_create(t->context, &b->g, &error))) return false;
    struct tuff_graph *g = b->g;
    b->x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(ROWS, COLUMNS));
    b->w = tuff_param(g, "w", TUFF_SHAPE(COLUMNS), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 2});
    b->y = root ? b->x
                : tuff_layer_dropout(
                      g, tuff_layer_batch_norm(g, b->x, "norm", (struct tuff_layer_batch_norm_params){.training = true}),
                      0.5, true);
    tuff_val product = tuff_mul(g, b->y, b->w);
    b->loss = tuff_mean(g, root ? tuff_sqrt(g, product) : product, 0, TUFF_DROP_AXES);
    struct tuff_trainer_params params = {.struct_size = sizeof params,
                                         .optimizer = optimizer,
                                         .loss = b->loss,
                                         .outputs = &b->y,
                                         .output_count = 1,
                                         .not_finite = not_finite};
    return ok(t, "trainer", tuff_trainer_create(g, &params, &b->trainer, &error)) &&
           ok(t, "session", tuff_session_create(t->device, g, NULL, &b->session, &error)) &&
           ok(t, "compile", tuff_trainer_compile(b->trainer, b->session, NULL, &error));
}

static void close_bench(struct bench *b)
{
    tuff_trainer_destroy(b->trainer);
    tuff_session_destroy(b->session);
    tuff_graph_destroy(b->g);
}

static void read_leaf(struct backend_test *t, struct bench *b, const char *name, float *out, size_t bytes)
{
    ok(t, name, tuff_session_read(b->session, tuff_graph_find(b->g, name), out, bytes, &error));
}

/* Statistics move, masks differ from step to step, parameters are updated: none of it was asked for. */
static void test_owned(struct backend_test *t)
{
    static const float x[ROWS * COLUMNS] = {1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 14};
    struct bench b;
    float y[2][ROWS * COLUMNS], w[COLUMNS], mean[COLUMNS];
    if (!open_bench(t, &b, tuff_optimizer_defaults(TUFF_SGD, 0.1), TUFF_NOT_FINITE_STOPS, false)) return;
    for (int i = 0; i < 2; i++) {
        ok(t, "write", tuff_trainer_write(b.trainer, b.x, x, sizeof x, &error));
        ok(t, "step", tuff_trainer_step(b.trainer, NULL, &error));
        ok(t, "read", tuff_trainer_read(b.trainer, b.y, y[i], sizeof y[i], &error));
    }
    read_leaf(t, &b, "w", w, sizeof w);
    read_leaf(t, &b, "norm.running_mean", mean, sizeof mean);
    backend_check(t, memcmp(y[0], y[1], sizeof y[0]), "dropout drew the same mask twice");
    backend_check(t, w[0] != 2 || w[1] != 2 || w[2] != 2, "no parameter was updated");
    /* 0.1 (1 - 0.9^2) / 0.1 of the batch's mean */
    backend_check(t, fabs((double)mean[0] - 0.19 * 5.75) < 1e-5, "running mean %g, expected %g", (double)mean[0],
                  0.19 * 5.75);
    backend_check(t, tuff_trainer_counts(b.trainer).steps == 2, "steps are not counted");
    close_bench(&b);
}

/* sqrt has an infinite slope at 0: the loss is finite there, the gradient is not. */
static void test_stops(struct backend_test *t)
{
    static const float good[ROWS * COLUMNS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
                                   zero[ROWS * COLUMNS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0};
    float nan_in[ROWS * COLUMNS] = {1, 1, 1, 1, NAN, 1, 1, 1, 1, 1, 1, 1}, before[COLUMNS], after[COLUMNS], loss;
    struct bench b;
    if (!open_bench(t, &b, tuff_optimizer_defaults(TUFF_ADAM, 0.1), TUFF_NOT_FINITE_STOPS, true)) return;
    t->quiet = true;
    refused(t, "a loss before a step", TUFF_ERR_USAGE, tuff_trainer_read(b.trainer, b.loss, &loss, sizeof loss, &error),
            "is not there yet: no step of this trainer was made (tuff_trainer_step)");
    refused(t, "a step without its input", TUFF_ERR_USAGE, tuff_trainer_step(b.trainer, NULL, &error), "input 'x'");
    t->quiet = false;
    backend_check(t, tuff_trainer_counts(b.trainer).steps == 0, "a refused step counts");
    ok(t, "write", tuff_trainer_write(b.trainer, b.x, good, sizeof good, &error));
    ok(t, "step", tuff_trainer_step(b.trainer, NULL, &error));
    read_leaf(t, &b, "w", before, sizeof before);
    ok(t, "write", tuff_trainer_write(b.trainer, b.x, nan_in, sizeof nan_in, &error));
    ok(t, "step", tuff_trainer_step(b.trainer, NULL, &error));
    t->quiet = true;
    refused(t, "a loss of NaN", TUFF_ERR_NOT_FINITE, tuff_trainer_read(b.trainer, b.loss, &loss, sizeof loss, &error),
            "step 2: the loss is nan; the first value that is not finite is input 'x' [4, 3]: 1 of 12 elements");
    refused(t, "the next step", TUFF_ERR_NOT_FINITE, tuff_trainer_step(b.trainer, NULL, &error), "step 2");
    t->quiet = false;
    read_leaf(t, &b, "w", after, sizeof after);
    backend_check(t, !memcmp(before, after, sizeof before), "a loss of NaN changed the parameters");
    tuff_trainer_resume(b.trainer, 1);
    ok(t, "write", tuff_trainer_write(b.trainer, b.x, zero, sizeof zero, &error));
    ok(t, "step", tuff_trainer_step(b.trainer, NULL, &error));
    t->quiet = true;
    refused(t, "an infinite gradient", TUFF_ERR_NOT_FINITE, tuff_trainer_write(b.trainer, b.x, good, sizeof good, &error),
            "step 2: a gradient is not finite; the first value that is not finite is the gradient of 'w' [3]");
    t->quiet = false;
    read_leaf(t, &b, "w", after, sizeof after);
    backend_check(t, !memcmp(before, after, sizeof before), "an infinite gradient changed the parameters");
    tuff_trainer_resume(b.trainer, 1);
    ok(t, "going on", tuff_trainer_write(b.trainer, b.x, good, sizeof good, &error));
    ok(t, "going on", tuff_trainer_step(b.trainer, NULL, &error));
    ok(t, "going on", tuff_trainer_read(b.trainer, b.loss, &loss, sizeof loss, &error));
    close_bench(&b);
}

/* A gradient of 1e20 is finite, and its square, of which Adam would never get rid, is not. */
static void test_second_moment(struct backend_test *t)
{
    static const float huge[1] = {1e20f};
    float w = 0;
    struct bench b = {.g = NULL};
    struct tuff_trainer_params params = {.struct_size = sizeof params, .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.1)};
    if (!ok(t, "graph", tuff_graph_create(t->context, &b.g, &error))) return;
    b.x = tuff_input(b.g, "x", TUFF_F32, TUFF_SHAPE(1));
    b.w = tuff_param(b.g, "w", TUFF_SHAPE(1), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 2});
    params.loss = b.loss = tuff_sum(b.g, tuff_mul(b.g, b.x, b.w), 0, TUFF_DROP_AXES);
    ok(t, "trainer", tuff_trainer_create(b.g, &params, &b.trainer, &error));
    ok(t, "session", tuff_session_create(t->device, b.g, NULL, &b.session, &error));
    ok(t, "compile", tuff_trainer_compile(b.trainer, b.session, NULL, &error));
    ok(t, "write", tuff_trainer_write(b.trainer, b.x, huge, sizeof huge, &error));
    ok(t, "step", tuff_trainer_step(b.trainer, NULL, &error));
    t->quiet = true;
    refused(t, "a huge gradient", TUFF_ERR_NOT_FINITE, tuff_trainer_read(b.trainer, b.loss, &w, sizeof w, &error),
            "step 1: a gradient or its square, Adam's second moment, is not finite");
    refused(t, "what has stopped it", TUFF_ERR_NOT_FINITE, tuff_trainer_write(b.trainer, b.x, huge, sizeof huge, &error),
            "step 1");
    t->quiet = false;
    read_leaf(t, &b, "w", &w, sizeof w);
    backend_check(t, w == 2, "a square that is infinite changed the parameter to %g", (double)w);
    close_bench(&b);
}

/* Steps that are not finite leave everything as it was, and the others do what they would without them. */
static void test_skips(struct backend_test *t)
{
    float x[ROWS * COLUMNS], w[2][COLUMNS], mean[2][COLUMNS];
    for (int with = 0; with < 2; with++) {
        struct bench b;
        if (!open_bench(t, &b, tuff_optimizer_defaults(TUFF_SGD, 0.1), TUFF_NOT_FINITE_SKIPS, false)) return;
        for (int step = 0; step < 4; step++) {
            for (int i = 0; i < ROWS * COLUMNS; i++) x[i] = (float)((i * 7 + step * 3) % 11);
            if (step == 1) x[5] = with ? INFINITY : 1;
            if (step == 1 && !with) continue;
            ok(t, "write", tuff_trainer_write(b.trainer, b.x, x, sizeof x, &error));
            ok(t, "step", tuff_trainer_step(b.trainer, NULL, &error));
        }
        read_leaf(t, &b, "norm.weight", w[with], sizeof w[with]);
        read_leaf(t, &b, "norm.running_var", mean[with], sizeof mean[with]);
        float loss;
        ok(t, "read", tuff_trainer_read(b.trainer, b.loss, &loss, sizeof loss, &error));
        backend_check(t, tuff_trainer_counts(b.trainer).skipped == (uint64_t)with, "%u steps skipped, expected %d",
                      (unsigned)tuff_trainer_counts(b.trainer).skipped, with);
        for (int i = 0; i < COLUMNS; i++)
            backend_check(t, isfinite(w[with][i]) && isfinite(mean[with][i]), "a skipped step left its trace");
        close_bench(&b);
    }
}

/* ---- numbers that are 0, settings that are none -------------------------------------------------------------------------------- */

/* Adam with beta1 = beta2 = eps = 0 steps along the sign: p -= lr g / |g| */
static void test_zero(struct backend_test *t)
{
    static const float x[ROWS * COLUMNS] = {1, 4, 9, 1, 4, 9, 1, 4, 9, 1, 4, 9};
    struct tuff_optimizer_params adam = tuff_optimizer_defaults(TUFF_ADAM, 0.25);
    struct bench b;
    float w[COLUMNS];
    adam.beta1 = adam.beta2 = adam.eps = 0;
    if (!open_bench(t, &b, adam, TUFF_NOT_FINITE_STOPS, true)) return;
    for (int i = 0; i < 3; i++) {
        ok(t, "write", tuff_trainer_write(b.trainer, b.x, x, sizeof x, &error));
        ok(t, "step", tuff_trainer_step(b.trainer, NULL, &error));
    }
    read_leaf(t, &b, "w", w, sizeof w);
    for (int i = 0; i < COLUMNS; i++)
        backend_check(t, fabs((double)w[i] - 1.25) < 1e-5, "w[%d] is %g after 3 steps of 0.25 from 2", i, (double)w[i]);
    close_bench(&b);
}

/* eps and momentum of 0 are 0: statistics never move; a constant channel gives the shift, as in PyTorch (InvStd), with and without eps. */
static void test_zero_layers(struct backend_test *t)
{
    for (int zero = 0; zero < 2; zero++) {
        struct tuff_graph *g = NULL;
        double y[8] = {0}, moved[2] = {0}, *results[2] = {y, moved};
        const float x[8] = {3, 3, 3, 3, 3, 3, 3, 3};
        if (!ok(t, "graph", tuff_graph_create(t->context, &g, &error))) return;
        tuff_val in = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(4, 2));
        struct tuff_layer_batch_norm_params norm = {.training = true};
        if (zero) norm.eps = norm.momentum = TUFF_NUMBER(0);
        tuff_val outputs[2] = {tuff_layer_batch_norm(g, in, "norm", norm)};
        tuff_graph_updates(g, 0, outputs + 1, 1);
        const struct tuff_leaf_content content = {in, x};
        const struct tuff_evaluate_params params = {
            .struct_size = sizeof params, .outputs = outputs, .output_count = 2, .leaves = &content, .leaf_count = 1};
        ok(t, "evaluate", tuff_evaluate(g, &params, results, &error));
        backend_check(t, y[0] == 0 && fabs(moved[0] - (zero ? 0 : 0.3)) < 1e-6,
                      "batch_norm with eps and momentum %s: y %g, running mean %g", zero ? "of 0" : "left out", y[0],
                      moved[0]);
        tuff_graph_destroy(g);
    }
}

static void test_settings(struct backend_test *t)
{
    const struct tuff_optimizer_params good = tuff_optimizer_defaults(TUFF_ADAM, 0.1);
    struct tuff_param_group zero = tuff_param_group_defaults("a", "*");
    zero.lr_factor = 0;
    struct {
        const char *sentence;
        struct tuff_optimizer_params params;
    } wrong[20];
    for (size_t i = 0; i < TUFF_COUNT(wrong); i++) wrong[i].params = good;
    size_t n = 0;
#define WRONG(field, value, text) wrong[n].params.field = (value), wrong[n++].sentence = (text)
    WRONG(struct_size, 0, "tuff_optimizer_defaults");
    WRONG(kind, (enum tuff_optimizer_kind)55, "none of kind 55");
    WRONG(kind, (enum tuff_optimizer_kind) - 1, "none of kind -1");
    WRONG(schedule.lr, INFINITY, "learning rate is inf");
    WRONG(schedule.lr, NAN, "learning rate is nan");
    WRONG(schedule.lr, -1, "learning rate is -1");
    WRONG(beta1, 1, "beta1 is 1");
    WRONG(beta2, -0.5, "beta2 is -0.5");
    WRONG(eps, NAN, "eps is nan");
    WRONG(momentum, INFINITY, "momentum is inf");
    WRONG(weight_decay, -1, "weight decay is -1");
    WRONG(clip_norm, INFINITY, "clip_norm is inf");
    WRONG(accumulate, (uint32_t)-3, "runs per update");
    WRONG(schedule.kind, (enum tuff_schedule_kind)9, "no schedule of kind 9");
    WRONG(schedule.kind, TUFF_SCHEDULE_COSINE, "period is 0");
    WRONG(groups, &zero, "0 as the factor");
    wrong[n - 1].params.group_count = 1;
    /* what is left out where a struct is filled by hand */
    const struct tuff_optimizer_params adam = {.struct_size = sizeof adam, .kind = TUFF_ADAM, .schedule = {.lr = 1e-3}};
    wrong[n].params = adam;
    WRONG(eps, 0, "beta1 is 0, beta2 0, eps 0, in parameters that were filled by hand: begin with tuff_optimizer_defaults");
    wrong[n].params = adam;
    wrong[n].params.beta1 = 0.9, wrong[n].params.beta2 = 0.999;
    WRONG(kind, TUFF_ADAMW, "filled by hand");
    t->quiet = true;
    for (size_t i = 0; i < n; i++) {
        struct tuff_graph *g = NULL;
        struct tuff_trainer *trainer = NULL;
        if (!ok(t, "graph", tuff_graph_create(t->context, &g, &error))) return;
        tuff_val w = tuff_param(g, "w", TUFF_SHAPE(3), (struct tuff_init){0});
        struct tuff_trainer_params params = {
            .struct_size = sizeof params, .optimizer = wrong[i].params, .loss = tuff_sum(g, w, 0, TUFF_DROP_AXES)};
        refused(t, wrong[i].sentence, TUFF_ERR_USAGE, tuff_trainer_create(g, &params, &trainer, &error), wrong[i].sentence);
        params.optimizer = good;
        ok(t, "the same graph, right settings", tuff_trainer_create(g, &params, &trainer, &error));
        tuff_trainer_destroy(trainer);
        tuff_graph_destroy(g);
    }
    t->quiet = false;
}

/* Another size of batch has the same settings; the sentence says which one differs, and both numbers. */
static void test_like(struct backend_test *t)
{
    const struct tuff_param_group groups[2] = {tuff_param_group_defaults("a", "w"), tuff_param_group_defaults("a", "*")};
    struct tuff_graph *g[2] = {NULL};
    struct tuff_trainer *trainer = NULL, *last = NULL;
    for (int i = 0; i < 2; i++)
        if (!ok(t, "graph", tuff_graph_create(t->context, &g[i], &error))) return;
    tuff_val w = tuff_param(g[0], "w", TUFF_SHAPE(3), (struct tuff_init){0});
    struct tuff_trainer_params params = {.struct_size = sizeof params, .loss = tuff_sum(g[0], w, 0, TUFF_DROP_AXES)};
    params.optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.1);
    params.optimizer.groups = &groups[0];
    params.optimizer.group_count = 1;
    if (!ok(t, "trainer", tuff_trainer_create(g[0], &params, &trainer, &error))) return;
    params.like = trainer;
    struct {
        const char *sentence;
        struct tuff_trainer_params params;
    } wrong[8];
    for (size_t i = 0; i < TUFF_COUNT(wrong); i++) wrong[i].params = params;
    size_t n = 0;
    WRONG(optimizer.beta1, 0.5, "not that of the one it is like: beta1 is 0.9 there, 0.5 here");
    WRONG(optimizer.kind, TUFF_ADAMW, "kind (enum tuff_optimizer_kind) is 1 there, 2 here");
    WRONG(optimizer.schedule.lr, 0.25, "the schedule's rate is 0.1 there, 0.25 here");
    WRONG(optimizer.group_count, 0, "the number of groups is 1 there, 0 here");
    WRONG(optimizer.groups, &groups[1], "group 0, 'a', is of 'w' there; here it is called 'a', of '*'");
    WRONG(samples, -1, "'samples' is -1");
    WRONG(after, 1000, "'after' is 1000, no value of the graph");
    t->quiet = true;
    for (size_t i = 0; i < n; i++)
        refused(t, wrong[i].sentence, TUFF_ERR_USAGE, tuff_trainer_create(g[0], &wrong[i].params, &last, &error),
                wrong[i].sentence);
    params.loss = tuff_sum(g[1], tuff_param(g[1], "w", TUFF_SHAPE(3), (struct tuff_init){0}), 0, TUFF_DROP_AXES);
    refused(t, "another graph", TUFF_ERR_USAGE, tuff_trainer_create(g[1], &params, &last, &error), "is of another graph");
    t->quiet = false;
    tuff_trainer_destroy(trainer);
    for (int i = 0; i < 2; i++) tuff_graph_destroy(g[i]);
}

/* Three sizes of batch in one graph; what none of them may be given. */
static void test_sizes(struct backend_test *t)
{
    static const char *const names[3] = {"x", "x of two", "x of one"};
    static const float rows[4] = {1, 2, 3, 4};
    struct tuff_graph *g = NULL, *strange = NULL;
    struct tuff_session *session = NULL, *second = NULL, *of_strange = NULL;
    struct tuff_trainer *trainers[3] = {NULL}, *none = NULL;
    tuff_val x[3], losses[3];
    if (!ok(t, "graph", tuff_graph_create(t->context, &g, &error))) return;
    struct tuff_trainer_params params = {.struct_size = sizeof params, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.5)};
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(1), (struct tuff_init){0});
    for (uint32_t i = 0; i < 3; i++) {
        x[i] = tuff_input(g, names[i], TUFF_F32, TUFF_SHAPE(4u >> i));
        losses[i] = params.loss = tuff_mean(g, tuff_mul(g, x[i], w), 0, TUFF_DROP_AXES);
        ok(t, names[i], tuff_trainer_create(g, &params, &trainers[i], &error));
        params.like = trainers[0];
    }
    ok(t, "session", tuff_session_create(t->device, g, NULL, &session, &error));
    ok(t, "another session", tuff_session_create(t->device, g, NULL, &second, &error));
    ok(t, "another graph", tuff_graph_create(t->context, &strange, &error));
    ok(t, "its session", tuff_session_create(t->device, strange, NULL, &of_strange, &error));
    t->quiet = true;
    refused(t, "a session of another graph", TUFF_ERR_USAGE, tuff_trainer_compile(trainers[0], of_strange, NULL, &error),
            "the session is of another graph");
    t->quiet = false;
    float w_now = 0, mean[3] = {2.5f, 1.5f, 1};
    double wanted = 0;
    for (uint32_t i = 0; i < 3; i++) {
        t->quiet = true;
        if (i)
            refused(t, "another session", TUFF_ERR_USAGE, tuff_trainer_compile(trainers[i], second, NULL, &error),
                    "compiled for another session");
        t->quiet = false;
        ok(t, "compile", tuff_trainer_compile(trainers[i], session, NULL, &error));
        ok(t, "write", tuff_trainer_write(trainers[i], x[i], rows, (4u >> i) * sizeof *rows, &error));
        ok(t, "step", tuff_trainer_step(trainers[i], NULL, &error));
        wanted -= 0.5 * (double)mean[i];
    }
    ok(t, "w", tuff_session_read(session, w, &w_now, sizeof w_now, &error));
    backend_check(t, (double)w_now == wanted, "three sizes: w is %g, expected %g", (double)w_now, wanted);
    backend_check(t, tuff_trainer_counts(trainers[1]).steps == 3, "steps of all sizes");
    t->quiet = true;
    refused(t, "no value", TUFF_ERR_USAGE, tuff_trainer_write(trainers[0], 0, rows, sizeof rows, &error),
            "input 0 is no value of the graph");
    params.loss = tuff_mean(g, tuff_mul(g, x[1], tuff_param(g, "W", TUFF_SHAPE(1), (struct tuff_init){0})), 0,
                            TUFF_DROP_AXES);
    refused(t, "a parameter of another name", TUFF_ERR_USAGE, tuff_trainer_create(g, &params, &none, &error),
            "f32 [1] 'W': the loss follows from this parameter, which the trainer that this one is like does not train");
    params.loss = tuff_mean(g, x[1], 0, TUFF_DROP_AXES);
    refused(t, "a loss without parameters", TUFF_ERR_USAGE, tuff_trainer_create(g, &params, &none, &error),
            "the loss follows from none of the 1 parameters that are trained, or by operators without gradient alone");
    params.loss = tuff_mean(g, tuff_detach(g, tuff_mul(g, x[1], w)), 0, TUFF_DROP_AXES);
    refused(t, "a loss without gradient", TUFF_ERR_USAGE, tuff_trainer_create(g, &params, &none, &error),
            "by operators without gradient alone");
    struct tuff_executable_params asks = {.struct_size = sizeof asks, .outputs = losses};
    struct tuff_executable *run = NULL;
    refused(t, "no outputs", TUFF_ERR_USAGE, tuff_session_compile(session, &asks, &run, &error), "output_count is 0");
    asks.output_count = 1;
    asks.input_sets = 77;
    refused(t, "77 sets", TUFF_ERR_USAGE, tuff_session_compile(session, &asks, &run, &error), "input_sets is 77");
    tuff_layer_dropout(g, x[0], NAN, false);
    refused(t, "dropout of inference", TUFF_ERR_USAGE, tuff_graph_finish(g, &error), "p is nan");
    t->quiet = false;
    for (uint32_t i = 0; i < 3; i++) tuff_trainer_destroy(trainers[i]);
    tuff_session_destroy(session);
    tuff_session_destroy(second);
    tuff_session_destroy(of_strange);
    tuff_graph_destroy(strange);
    tuff_graph_destroy(g);
}

/* A rate that grows without bound is refused when it is no number any more, and another schedule takes over. */
static void test_schedule(struct backend_test *t)
{
    static const float x[ROWS * COLUMNS] = {1, 4, 9, 1, 4, 9, 1, 4, 9, 1, 4, 9};
    struct tuff_optimizer_params sgd = tuff_optimizer_defaults(TUFF_SGD, 1e-30);
    struct bench b;
    int steps = 0;
    sgd.schedule.kind = TUFF_SCHEDULE_EXPONENTIAL;
    sgd.schedule.gamma = 1e12;
    if (!open_bench(t, &b, sgd, TUFF_NOT_FINITE_SKIPS, true)) return;
    ok(t, "write", tuff_trainer_write(b.trainer, b.x, x, sizeof x, &error));
    t->quiet = true;
    while (steps < 20 && tuff_trainer_step(b.trainer, NULL, &error) == TUFF_OK) steps++;
    t->quiet = false;
    backend_check(t, steps == 6 && strstr(error.message, "rate of update 6"), "after %d steps: %s", steps, error.message);
    ok(t, "another schedule", tuff_trainer_schedule(b.trainer, &(struct tuff_schedule){.lr = 0.1}, &error));
    ok(t, "a step", tuff_trainer_step(b.trainer, NULL, &error));
    close_bench(&b);
}

/* ---- models -------------------------------------------------------------------------------------------------------------------- */

enum { SIDE = 4, MOST = 12 };
static float pictures[MOST * SIDE * SIDE];
static int32_t labels[MOST];

static tuff_val network(struct tuff_graph *g, tuff_val x, bool training, void *user)
{
    const int *broken = user;
    if (broken && *broken && training) return tuff_matmul(g, x, x, (struct tuff_matmul_params){0});
    x = tuff_layer_conv2d(g, x, "conv", (struct tuff_layer_conv2d_params){.channels = 3, .kernel = {3}});
    x = tuff_relu(g, tuff_layer_batch_norm(g, x, "norm", (struct tuff_layer_batch_norm_params){.training = training}));
    return tuff_layer_dense(g, tuff_flatten(g, x), "out", (struct tuff_layer_dense_params){.units = 2});
}

static void network_model(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    tuff_val y = network(g, n->fields[0], n->training, user);
    tuff_network_classify(g, n, y, n->fields[1], 0);
}

struct fitted {
    float conv[27], weight[3], mean[3], var[3], out[24];
    double loss;
};

static bool note_loss(void *user, const struct tuff_epoch *epoch)
{
    *(double *)user = epoch->train.loss;
    return true;
}

static struct tuff_model *open_model(struct backend_test *t, uint32_t batch, int *broken)
{
    struct tuff_model *model = NULL;
    struct tuff_model_params params = {.struct_size = sizeof params,
                                       .build = network_model,
                                       .user = broken,
                                       .fields = {TUFF_FIELD("x", TUFF_F32, 1, SIDE, SIDE), TUFF_LABELS("labels")},
                                       .batch = batch,
                                       .seed = 5};
    for (int i = 0; i < MOST * SIDE * SIDE; i++) pictures[i] = (float)(i * 37 % 101) / 101;
    for (int i = 0; i < MOST; i++) labels[i] = i * 5 % 3 % 2;
    ok(t, "model", tuff_model_create(t->device, &params, &model, &error));
    return model;
}

static void read_model(struct backend_test *t, struct tuff_model *m, struct fitted *f)
{
    ok(t, "read", tuff_model_read(m, "conv.weight", f->conv, sizeof f->conv, &error));
    ok(t, "read", tuff_model_read(m, "norm.weight", f->weight, sizeof f->weight, &error));
    ok(t, "read", tuff_model_read(m, "norm.running_mean", f->mean, sizeof f->mean, &error));
    ok(t, "read", tuff_model_read(m, "norm.running_var", f->var, sizeof f->var, &error));
    ok(t, "read", tuff_model_read(m, "out.weight", f->out, sizeof f->out, &error));
}

static void fit_model(struct backend_test *t, uint32_t batch, uint32_t count, struct tuff_fit_params fit, struct fitted *f)
{
    struct tuff_model *m = open_model(t, batch, NULL);
    fit.on_epoch = note_loss;
    fit.user = &f->loss;
    ok(t, "fit", tuff_model_fit(m, &(struct tuff_data){.count = count, .fields = {pictures, labels}}, &fit, &error));
    read_model(t, m, f);
    tuff_model_destroy(m);
}

static void expect_near(struct backend_test *t, const char *what, const struct fitted *a, const struct fitted *b)
{
    const float *x = a->conv, *y = b->conv;
    size_t count = offsetof(struct fitted, loss) / sizeof(float);
    for (size_t i = 0; i < sizeof a->conv / sizeof(float); i++)
        if (!(fabs((double)x[i] - (double)y[i]) <= 1e-5))
            backend_check(t, false, "%s: conv.weight[%zu] is %.7g, expected %.7g", what, i, (double)x[i], (double)y[i]);
    for (size_t i = 0; i < 3; i++) {
        bool near = fabs((double)a->mean[i] - (double)b->mean[i]) <= 1e-5 &&
                    fabs((double)a->var[i] - (double)b->var[i]) <= 1e-5 &&
                    fabs((double)a->weight[i] - (double)b->weight[i]) <= 1e-5;
        backend_check(t, near, "%s: statistics %zu are %.7g %.7g, expected %.7g %.7g", what, i, (double)a->mean[i],
                      (double)a->var[i], (double)b->mean[i], (double)b->var[i]);
    }
    for (size_t i = 0; i < 24; i++)
        backend_check(t, fabs((double)a->out[i] - (double)b->out[i]) <= 1e-5, "%s: out.weight[%zu]", what, i);
    backend_check(t, fabs(a->loss - b->loss) <= 1e-5, "%s: loss %.7g, expected %.7g", what, a->loss, b->loss);
    (void)count;
}

/* Fewer samples than a batch are a batch of this size, with its statistics: of 3, and of 1 (whose channels have 4 values each), on the
 * device and streamed. What is left out with drop_last is not seen. */
static void test_last_batch(struct backend_test *t)
{
    struct tuff_fit_params fit = {
        .struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.125), .epochs = 1};
    for (uint32_t left = 1; left <= 3; left += 2)
        for (int streamed = 0; streamed < 2; streamed++) {
            struct fitted whole, last;
            fit.stream = streamed;
            fit_model(t, left, left, fit, &whole);
            fit_model(t, 8, left, fit, &last);
            expect_near(t, left == 1 ? "a last batch of 1" : "a last batch of 3", &last, &whole);
        }
    /* two batches in one epoch: 4 and 3 */
    struct tuff_model *m = open_model(t, 4, NULL);
    struct tuff_data data = {.count = 7, .fields = {pictures, labels}};
    ok(t, "fit of 7", tuff_model_fit(m, &data, &fit, &error));
    backend_check(t, tuff_model_state(m).run == 2, "7 samples in batches of 4: %u runs", (unsigned)tuff_model_state(m).run);
    tuff_model_destroy(m);
    fit.drop_last = true;
    m = open_model(t, 4, NULL);
    ok(t, "fit of 7 without the last", tuff_model_fit(m, &data, &fit, &error));
    backend_check(t, tuff_model_state(m).run == 1, "with drop_last: %u runs", (unsigned)tuff_model_state(m).run);
    tuff_model_destroy(m);
}

/* n runs of one batch each are one update by the mean over their samples: without statistics that hang on the batch, as a batch of all
 * of them would be. More runs than an epoch has: the epoch is one update. */
static tuff_val plain(struct tuff_graph *g, tuff_val x, bool training, void *user)
{
    (void)training, (void)user;
    return tuff_layer_dense(g, tuff_flatten(g, x), "out", (struct tuff_layer_dense_params){.units = 2});
}

static void plain_model(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    tuff_val y = plain(g, n->fields[0], n->training, user);
    tuff_network_classify(g, n, y, n->fields[1], 0);
}

static void fit_plain(struct backend_test *t, uint32_t batch, uint32_t count, uint32_t accumulate, float out[32])
{
    struct tuff_model *m = NULL;
    struct tuff_model_params params = {.struct_size = sizeof params,
                                       .build = plain_model,
                                       .fields = {TUFF_FIELD("x", TUFF_F32, 1, SIDE, SIDE), TUFF_LABELS("labels")},
                                       .batch = batch,
                                       .seed = 5};
    struct tuff_fit_params fit = {
        .struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.5), .epochs = 2};
    fit.optimizer.accumulate = accumulate;
    fit.optimizer.momentum = 0.5;
    if (!ok(t, "model", tuff_model_create(t->device, &params, &m, &error))) return;
    ok(t, "fit", tuff_model_fit(m, &(struct tuff_data){.count = count, .fields = {pictures, labels}}, &fit, &error));
    ok(t, "read", tuff_model_read(m, "out.weight", out, 32 * sizeof *out, &error));
    tuff_model_destroy(m);
}

static void test_accumulate(struct backend_test *t)
{
    static const struct {
        uint32_t batch, count, accumulate, as;
    } cases[] = {{2, 8, 4, 8},   /* all of an epoch */
                 {2, 8, 100, 8}, /* more than an epoch has */
                 {2, 7, 5, 7},   /* with a last batch of 1, which weighs half */
                 {2, 12, 4, 8},  /* does not divide it: 8, then 4 */
                 {2, 11, 3, 6}}; /* 6, then 5 in runs of 2, 2, 1 */
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        float got[32] = {0}, want[32] = {0};
        fit_plain(t, cases[i].batch, cases[i].count, cases[i].accumulate, got);
        fit_plain(t, cases[i].as, cases[i].count, 1, want);
        for (int k = 0; k < 32; k++)
            if (!backend_check(t, fabs((double)got[k] - (double)want[k]) <= 1e-5,
                               "accumulating, case %zu: weight %d is %.7g, expected %.7g", i, k, (double)got[k],
                               (double)want[k]))
                break;
    }
}

/* A second fit does what it is told. */
static void test_second_fit(struct backend_test *t)
{
    struct tuff_model *m = open_model(t, 4, NULL);
    struct tuff_data data = {.count = 8, .fields = {pictures, labels}};
    struct tuff_fit_params fit = {
        .struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.125), .epochs = 1};
    struct fitted before, after;
    ok(t, "first fit", tuff_model_fit(m, &data, &fit, &error));
    read_model(t, m, &before);
    fit.optimizer.schedule.lr = 1e-30; /* another schedule */
    fit.epochs = 2;
    ok(t, "second fit", tuff_model_fit(m, &data, &fit, &error));
    read_model(t, m, &after);
    backend_check(t, !memcmp(before.conv, after.conv, sizeof before.conv), "a rate of 1e-30 in the second fit is ignored");
    fit.optimizer = tuff_optimizer_defaults(TUFF_SGD,
                                            0.125); /* another optimizer: decay alone halves the weights in a step */
    fit.optimizer.weight_decay = 4;
    fit.optimizer.clip_value = 1e-20;
    fit.epochs = 3;
    ok(t, "third fit", tuff_model_fit(m, &data, &fit, &error));
    read_model(t, m, &after);
    for (int i = 0; i < 27; i++)
        if (!backend_check(t, fabsf(after.conv[i]) < 0.6f * fabsf(before.conv[i]) + 1e-6f,
                           "the decay of the third fit is ignored: %g of %g", (double)after.conv[i], (double)before.conv[i]))
            break;
    fit.optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.001);
    fit.epochs = 4;
    ok(t, "a fit by Adam", tuff_model_fit(m, &data, &fit, &error));
    const struct tuff_param_group group = tuff_param_group_defaults("all", "*");
    fit.optimizer.groups = &group;
    fit.optimizer.group_count = 1;
    t->quiet = true;
    refused(t, "groups", TUFF_ERR_USAGE, tuff_model_fit(m, &data, &fit, &error), "the number of groups is 0 there, 1 here");
    t->quiet = false;
    tuff_model_destroy(m);
}

/* As torch.nn's model.eval() that was forgotten. */
static tuff_val always_training(struct tuff_graph *g, tuff_val x, bool training, void *user)
{
    (void)training, (void)user;
    return tuff_layer_batch_norm(g, x, "norm", (struct tuff_layer_batch_norm_params){.training = true});
}

static void always_training_model(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    tuff_val y = always_training(g, n->fields[0], n->training, user);
    tuff_network_classify(g, n, y, n->fields[1], 0);
}

static void test_forgotten(struct backend_test *t)
{
    struct tuff_model *m = NULL;
    struct tuff_model_params params = {.struct_size = sizeof params,
                                       .build = always_training_model,
                                       .fields = {TUFF_FIELD("x", TUFF_F32, 3), TUFF_LABELS("labels")}};
    t->quiet = true;
    refused(t, "training in inference", TUFF_ERR_USAGE, tuff_model_create(t->device, &params, &m, &error),
            "assigns 'norm.running_mean' where it is called for inference");
    t->quiet = false;
    m = open_model(t, 4, NULL);
    struct tuff_data data = {.count = 8, .fields = {pictures, labels}};
    struct tuff_fit_params fit = {.struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.125)};
    t->quiet = true;
    refused(t, "no epochs", TUFF_ERR_USAGE, tuff_model_fit(m, &data, &fit, &error), "epochs is 0");
    data.fields[0] = NULL;
    fit.epochs = 1;
    refused(t, "no data", TUFF_ERR_USAGE, tuff_model_fit(m, &data, &fit, &error), "the data's x is NULL");
    t->quiet = false;
    tuff_model_destroy(m);
}

/* A network whose training part cannot be built: the sentence says why, and the model predicts as before; then it is mended. */
static void test_broken(struct backend_test *t)
{
    int broken = 1;
    struct tuff_model *m = open_model(t, 4, &broken);
    struct tuff_data data = {.count = 8, .fields = {pictures, labels}};
    struct tuff_fit_params fit = {
        .struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.125), .epochs = 1};
    float y[2];
    t->quiet = true;
    backend_status(t, "a training that cannot be built", TUFF_ERR_SHAPE, tuff_model_fit(m, &data, &fit, &error), &error);
    t->quiet = false;
    ok(t, "predict", tuff_model_predict(m, &(struct tuff_data){.count = 1, .fields = {pictures}}, (void *[]){y}, &error));
    broken = 0;
    ok(t, "fit", tuff_model_fit(m, &data, &fit, &error));
    ok(t, "predict", tuff_model_predict(m, &(struct tuff_data){.count = 1, .fields = {pictures}}, (void *[]){y}, &error));
    tuff_model_destroy(m);
}

/* NaN in one sample: the fit ends, names epoch, step and the data, and leaves the parameters; nothing is saved. */
static tuff_status count_saves(void *user, struct tuff_model *model, struct tuff_error *e)
{
    (void)model, (void)e;
    ++*(int *)user;
    return TUFF_OK;
}

static void test_fit_stops(struct backend_test *t)
{
    struct tuff_data data = {.count = 10, .fields = {pictures, labels}};
    int saves = 0;
    struct tuff_fit_params fit = {.struct_size = sizeof fit,
                                  .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.125),
                                  .epochs = 2,
                                  .save = count_saves,
                                  .save_user = &saves};
    for (int streamed = 0; streamed < 2; streamed++) {
        struct tuff_model *m = open_model(t, 4, NULL);
        struct fitted f;
        float saved = pictures[5 * SIDE * SIDE];
        pictures[5 * SIDE * SIDE] = NAN;
        fit.stream = streamed;
        fit.not_finite = TUFF_NOT_FINITE_STOPS;
        t->quiet = true;
        refused(t, "a sample of NaN", TUFF_ERR_NOT_FINITE, tuff_model_fit(m, &data, &fit, &error), "epoch 1, step ");
        backend_check(t, strstr(error.message, "the loss is nan; the first value that is not finite is "), "%s",
                      error.message);
        backend_check(t, saves == 0, "a training that failed was saved");
        t->quiet = false;
        read_model(t, m, &f);
        for (int i = 0; i < 27; i++) backend_check(t, isfinite(f.conv[i]), "a parameter is not finite");
        fit.not_finite = TUFF_NOT_FINITE_SKIPS;
        ok(t, "skipping it", tuff_model_fit(m, &data, &fit, &error));
        backend_check(t, tuff_model_state(m).epoch == 2, "skipping: the fit did not end");
        read_model(t, m, &f);
        for (int i = 0; i < 27; i++) backend_check(t, isfinite(f.conv[i]), "a parameter is not finite");
        pictures[5 * SIDE * SIDE] = saved;
        saves = 0;
        tuff_model_destroy(m);
    }
}

/* ---- what a lost step leaves of the means ------------------------------------------------------------------------------------------ */

static void build_line(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    (void)user;
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(1), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 1});
    n->loss = tuff_square(g, tuff_sub(g, tuff_mul(g, n->fields[0], w), n->fields[1]));
    tuff_network_metric(g, n, "all", tuff_equal(g, n->fields[2], n->fields[2]), 0);
    tuff_network_output(g, n, "y", n->loss);
}

static bool keep_train(void *user, const struct tuff_epoch *epoch)
{
    *(struct tuff_metrics *)user = epoch->train;
    return true;
}

/* Five samples in batches of four and one, one of them NaN: where it is alone in the last batch, and where it is not. */
static void test_lost(struct backend_test *t)
{
    float x[5] = {1, 1, 1, 1, NAN}, y[5] = {1, 2, 3, 4, 5};
    int32_t label[5] = {0};
    bool seen[2] = {false};
    for (uint64_t seed = 0; seed < 40 && !(seen[0] && seen[1]); seed++) {
        uint32_t order[5] = {0, 1, 2, 3, 4};
        tuff_shuffle(order, 5, seed, 0);
        bool last = order[4] == 4;
        if (seen[last]) continue;
        seen[last] = true;
        struct tuff_model *m = NULL;
        struct tuff_metrics train = {0};
        const struct tuff_model_params params = {.struct_size = sizeof params,
                                                 .build = build_line,
                                                 .batch = 4,
                                                 .seed = seed,
                                                 .fields = {{.name = "x", .type.dtype = TUFF_F32},
                                                            {.name = "y", .type.dtype = TUFF_F32, .answer = true},
                                                            {.name = "label", .type.dtype = TUFF_I32, .answer = true}}};
        const struct tuff_data data = {.count = 5, .fields = {x, y, label}};
        const struct tuff_fit_params fit = {.struct_size = sizeof fit,
                                            .optimizer = tuff_optimizer_defaults(TUFF_SGD, 1e-9),
                                            .epochs = 1,
                                            .not_finite = TUFF_NOT_FINITE_SKIPS,
                                            .on_epoch = keep_train,
                                            .user = &train};
        double wanted = last ? (0.0 + 1 + 4 + 9) / 4 : (double)((1 - y[order[4]]) * (1 - y[order[4]]));
        if (ok(t, "model", tuff_model_create(t->device, &params, &m, &error)) &&
            ok(t, "fit", tuff_model_fit(m, &data, &fit, &error)))
            backend_check(t, fabs(train.loss - wanted) < 1e-5 && tuff_metrics_get(&train, "all") == 1,
                          "NaN %s: a loss of %g, expected %g, and of all %g", last ? "alone" : "in the first batch",
                          train.loss, wanted, tuff_metrics_get(&train, "all"));
        tuff_model_destroy(m);
    }
}

static void build_long(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    char *name = user; /* of 250 characters, of which the last one differs */
    for (name[249] = 'a'; name[249] < 'c'; name[249]++)
        n->loss = tuff_square(g, tuff_mul(g, n->fields[0], tuff_param(g, name, TUFF_SHAPE(1), (struct tuff_init){0})));
    tuff_network_output(g, n, "y", n->loss);
}

/* The best epoch's content would be kept by one name. */
static void test_long_names(struct backend_test *t)
{
    char name[251];
    const float x[4] = {1, 2, 3, 4};
    struct tuff_model *m = NULL;
    memset(name, 'p', sizeof name), name[250] = 0;
    const struct tuff_model_params params = {.struct_size = sizeof params,
                                             .build = build_long,
                                             .user = name,
                                             .batch = 4,
                                             .fields = {{.name = "x", .type.dtype = TUFF_F32}}};
    const struct tuff_data data = {.count = 4, .fields = {x}};
    struct tuff_fit_params fit = {.struct_size = sizeof fit,
                                  .optimizer = tuff_optimizer_defaults(TUFF_SGD, 1e-9),
                                  .epochs = 1,
                                  .early_stop.restore_best = true};
    if (!ok(t, "model", tuff_model_create(t->device, &params, &m, &error))) return;
    t->quiet = true;
    refused(t, "long names", TUFF_ERR_USAGE, tuff_model_fit(m, &data, &fit, &error), "its name is too long to be kept by");
    t->quiet = false;
    fit.early_stop.restore_best = false;
    ok(t, "without the best epoch's", tuff_model_fit(m, &data, &fit, &error));
    tuff_model_destroy(m);
}

/* ---- stations ---------------------------------------------------------------------------------------------------------------------- */

static void test_station(struct backend_test *t)
{
    static const float x[ROWS * COLUMNS] = {1, 4, 9, 1, 4, 9, 1, 4, 9, 1, 4, 9};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_trainer *trainer = NULL;
    float gradient[64] = {0}, w[COLUMNS], norm = 0;
    uint32_t packs;
    if (!ok(t, "graph", tuff_graph_create(t->context, &g, &error))) return;
    tuff_val in = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(ROWS, COLUMNS)),
             p = tuff_param(g, "w", TUFF_SHAPE(COLUMNS), (struct tuff_init){0});
    struct tuff_trainer_params params = {.struct_size = sizeof params, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 1)};
    params.optimizer.clip_norm = 1000;
    params.loss = tuff_sum(g, tuff_mul(g, in, p), 0, TUFF_DROP_AXES);
    if (!ok(t, "trainer", tuff_trainer_create(g, &params, &trainer, &error))) return;
    const struct tuff_optimizer_pack *pack = tuff_trainer_packs(trainer, &packs);
    const struct tuff_station station = {"gradients", &pack->gradients, 1};
    const struct tuff_executable_params options = {.struct_size = sizeof options, .stations = &station, .station_count = 1};
    ok(t, "session", tuff_session_create(t->device, g, NULL, &session, &error));
    ok(t, "compile", tuff_trainer_compile(trainer, session, &options, &error));
    ok(t, "write", tuff_trainer_write(trainer, in, x, sizeof x, &error));
    ok(t, "to the station", tuff_trainer_step_to(trainer, "gradients", &error));
    ok(t, "read", tuff_session_read(session, pack->gradient_state, gradient, sizeof gradient, &error));
    backend_check(t, gradient[2] == 36, "gradient %g, expected 36", (double)gradient[2]);
    gradient[2] = 3;
    ok(t, "write", tuff_session_write(session, pack->gradient_state, gradient, sizeof gradient, &error));
    ok(t, "the rest", tuff_trainer_step(trainer, NULL, &error));
    ok(t, "norm", tuff_trainer_read(trainer, tuff_trainer_norm(trainer), &norm, sizeof norm, &error));
    ok(t, "read", tuff_session_read(session, p, w, sizeof w, &error));
    backend_check(t, w[2] == -3 && fabsf(norm - sqrtf(16 + 256 + 9)) < 1e-4f, "w %g, norm %g", (double)w[2], (double)norm);
    backend_check(t, tuff_trainer_counts(trainer).steps == 1, "a step in two parts counts twice");
    t->quiet = true;
    tuff_val other = tuff_input(g, "other", TUFF_F32, TUFF_SHAPE(ROWS, COLUMNS));
    refused(t, "another part's input", TUFF_ERR_USAGE, tuff_trainer_write(trainer, other, x, sizeof x, &error), "'other'");
    refused(t, "a second trainer", TUFF_ERR_USAGE, tuff_trainer_create(g, &params, &(struct tuff_trainer *){NULL}, &error),
            "like");
    t->quiet = false;
    tuff_trainer_destroy(trainer);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

/* Accumulated gradients, clipped; statistics and averages move behind that. */
struct staged {
    struct tuff_graph *g;
    struct tuff_session *session;
    struct tuff_trainer *trainer;
    tuff_val x, w, loss;
    const struct tuff_optimizer_pack *pack;
};

static bool open_staged(struct backend_test *t, bool stations, struct staged *s)
{
    *s = (struct staged){.g = NULL};
    if (!ok(t, "graph", tuff_graph_create(t->context, &s->g, &error))) return false;
    s->x = tuff_input(s->g, "x", TUFF_F32, TUFF_SHAPE(ROWS, COLUMNS));
    s->w = tuff_param(s->g, "w", TUFF_SHAPE(COLUMNS), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 0.5});
    tuff_val y = tuff_layer_batch_norm(s->g, tuff_mul(s->g, s->x, s->w), "norm",
                                       (struct tuff_layer_batch_norm_params){.training = true});
    s->loss = tuff_mean(s->g, tuff_square(s->g, tuff_sub(s->g, y, s->x)), 0, TUFF_DROP_AXES);
    struct tuff_trainer_params params = {.struct_size = sizeof params,
                                         .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.01),
                                         .loss = s->loss,
                                         .stations = stations};
    params.optimizer.clip_norm = 0.25;
    params.optimizer.accumulate = 2;
    params.optimizer.ema_decay = 0.9;
    bool good = ok(t, "trainer", tuff_trainer_create(s->g, &params, &s->trainer, &error)) &&
                ok(t, "session", tuff_session_create(t->device, s->g, NULL, &s->session, &error)) &&
                ok(t, "compile", tuff_trainer_compile(s->trainer, s->session, NULL, &error));
    uint32_t packs;
    if (good) s->pack = tuff_trainer_packs(s->trainer, &packs);
    return good;
}

static void close_staged(struct staged *s)
{
    tuff_trainer_destroy(s->trainer);
    tuff_session_destroy(s->session);
    tuff_graph_destroy(s->g);
}

static void read_staged(struct backend_test *t, const struct staged *s, tuff_val v, float *to, size_t count)
{
    ok(t, "read", tuff_session_read(s->session, v, to, count * sizeof *to, &error));
}

/* The trainer's own stations: each shows what the step has come to, and a step that stops computes what one does that does not. */
static void test_stations(struct backend_test *t)
{
    enum { VECTOR = 3 * 64, STEPS = 6 };
    struct staged a, b;
    float vector[VECTOR], before[COLUMNS], at[COLUMNS], after[COLUMNS], plain[COLUMNS], moved[2][COLUMNS];
    bool good = open_staged(t, true, &a);
    good = open_staged(t, false, &b) && good;
    for (int step = 0; step < STEPS && good; step++) {
        float x[ROWS * COLUMNS];
        double norm = 0;
        for (int i = 0; i < ROWS * COLUMNS; i++) x[i] = (float)((i * 7 + step * 3) % 11) / 4 - 1;
        ok(t, "write", tuff_trainer_write(a.trainer, a.x, x, sizeof x, &error));
        ok(t, "write", tuff_trainer_write(b.trainer, b.x, x, sizeof x, &error));
        read_staged(t, &a, a.w, before, COLUMNS);
        ok(t, "gradients", tuff_trainer_step_to(a.trainer, "gradients", &error));
        read_staged(t, &a, a.pack->gradient_state, vector, VECTOR);
        for (int i = 0; i < VECTOR; i++) norm += (double)vector[i] * (double)vector[i];
        backend_check(t, norm > 0.25 * 0.25, "the gradients' norm of %g is not clipped", sqrt(norm));
        ok(t, "clipped", tuff_trainer_step_to(a.trainer, "clipped", &error));
        read_staged(t, &a, a.pack->clipped_state, vector, VECTOR);
        read_staged(t, &a, a.w, at, COLUMNS);
        norm = 0;
        for (int i = 0; i < VECTOR; i++) norm += (double)vector[i] * (double)vector[i];
        backend_check(t, fabs(sqrt(norm) - 0.25) < 1e-5, "step %d: clipped to %g, expected 0.25", step, sqrt(norm));
        backend_check(t, !memcmp(before, at, sizeof at), "parameters were updated before they are to be");
        ok(t, "updated", tuff_trainer_step_to(a.trainer, "updated", &error));
        read_staged(t, &a, a.w, at, COLUMNS);
        ok(t, "the rest", tuff_trainer_step(a.trainer, NULL, &error));
        ok(t, "whole", tuff_trainer_step(b.trainer, NULL, &error));
        read_staged(t, &a, a.w, after, COLUMNS);
        read_staged(t, &b, b.w, plain, COLUMNS);
        backend_check(t, !memcmp(at, after, sizeof at) && !memcmp(at, before, sizeof at) == (step % 2 == 0),
                      "step %d: %g before, %g at \"updated\", %g behind", step, (double)before[0], (double)at[0],
                      (double)after[0]);
        backend_check(t, !memcmp(after, plain, sizeof plain), "step %d: %.9g, without stations %.9g", step, (double)after[0],
                      (double)plain[0]);
        read_staged(t, &a, tuff_graph_find(a.g, "norm.running_mean"), moved[0], COLUMNS);
        read_staged(t, &b, tuff_graph_find(b.g, "norm.running_mean"), moved[1], COLUMNS);
        backend_check(t, !memcmp(moved[0], moved[1], sizeof moved[0]), "step %d: statistics differ", step);
    }
    if (good) { /* others, by the host: Adam's step follows them */
        ok(t, "clipped", tuff_trainer_step_to(a.trainer, "gradients", &error));
        ok(t, "clipped", tuff_trainer_step_to(a.trainer, "clipped", &error));
        t->quiet = true;
        refused(t, "a station that is past", TUFF_ERR_USAGE, tuff_trainer_step_to(a.trainer, "gradients", &error), "past");
        refused(t, "no station", TUFF_ERR_USAGE, tuff_trainer_step_to(b.trainer, "clipped", &error), "no station");
        t->quiet = false;
        ok(t, "the rest", tuff_trainer_step(a.trainer, NULL, &error)); /* accumulates */
        ok(t, "clipped", tuff_trainer_step_to(a.trainer, "clipped", &error));
        memset(vector, 0, sizeof vector);
        vector[0] = 1e6f;
        ok(t, "write", tuff_session_write(a.session, a.pack->clipped_state, vector, sizeof vector, &error));
        ok(t, "the rest", tuff_trainer_step(a.trainer, NULL, &error));
        float moment[VECTOR];
        read_staged(t, &a, a.pack->momentum, moment, VECTOR);
        backend_check(t, moment[0] > 9e4f && moment[0] < 1.1e5f, "the moment of what the host wrote is %g, expected 1e5",
                      (double)moment[0]);
    }
    close_staged(&a);
    close_staged(&b);
}

int main(void)
{
    struct backend_test test;
    int code = backend_test_begin(&test, NULL);
    if (code) return code;
    test_owned(&test);
    test_stops(&test);
    test_second_moment(&test);
    test_skips(&test);
    test_zero(&test);
    test_zero_layers(&test);
    test_settings(&test);
    test_like(&test);
    test_sizes(&test);
    test_schedule(&test);
    test_last_batch(&test);
    test_accumulate(&test);
    test_second_fit(&test);
    test_forgotten(&test);
    test_broken(&test);
    test_fit_stops(&test);
    test_lost(&test);
    test_long_names(&test);
    test_station(&test);
    test_stations(&test);
    return backend_test_end(&test, "train_trainer");
}

/* train_optimizers.c - each rule of optimizers against its formula in double precision on the device (tests/torch_optimizers.sh has them beside
 * PyTorch), averages of parameters, models that change their optimizer, plans on every kind of device, and refusals. */
#include "graph/compile/compile.h"
#include "graph/train/trainer.h"
#include "tests/graph_help.h"
#include "tests/train_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 70, PARAMS = 2, STEPS = 6 };

struct job {
    struct backend_test *test;
    struct tuff_graph *g;
    struct tuff_session *session;
    struct tuff_trainer *trainer;
    struct tuff_optimizer_params params;
    tuff_val p[PARAMS], gradient[PARAMS];
    double x[PARAMS][COUNT], m[PARAMS][COUNT], v[PARAMS][COUNT], third[PARAMS][COUNT], average[PARAMS][COUNT];
    float given[PARAMS][COUNT];
};

static bool ok(struct backend_test *t, const char *what, tuff_status status, const struct tuff_error *error)
{
    return backend_status(t, what, TUFF_OK, status, error);
}

/* ---- the rules in double ------------------------------------------------------------------------------------------------------- */

static double step_of(const struct tuff_optimizer_params *o, double g, double *m, double *v, double *third, double t)
{
    double c1 = 1 - pow(o->beta1, t), c2 = 1 - pow(o->beta2, t), step, most;
    switch (o->kind) {
    case TUFF_SGD: return *m = o->momentum * *m + g;
    case TUFF_ADAM:
    case TUFF_ADAMW:
    case TUFF_LAMB:
        *m = o->beta1 * *m + (1 - o->beta1) * g;
        *v = o->beta2 * *v + (1 - o->beta2) * g * g;
        *third = fmax(*third, *v);
        most = o->amsgrad ? *third : *v;
        return *m / c1 / (sqrt(most / c2) + o->eps);
    case TUFF_RMSPROP:
        *v = o->alpha * *v + (1 - o->alpha) * g * g;
        *third = o->alpha * *third + (1 - o->alpha) * g;
        step = g / (sqrt(o->centered ? *v - *third * *third : *v) + o->eps);
        return *m = o->momentum * *m + step;
    case TUFF_ADAGRAD: *v += g * g; return g / (sqrt(*v) + o->eps) / (1 + (t - 1) * o->lr_decay);
    case TUFF_ADADELTA:
        *v = o->alpha * *v + (1 - o->alpha) * g * g;
        step = sqrt(*third + o->eps) / sqrt(*v + o->eps) * g;
        *third = o->alpha * *third + (1 - o->alpha) * step * step;
        return step;
    case TUFF_ADAMAX:
        *m = o->beta1 * *m + (1 - o->beta1) * g;
        *v = fmax(o->beta2 * *v, fabs(g) + o->eps);
        return *m / c1 / *v;
    case TUFF_LION:
        step = o->beta1 * *m + (1 - o->beta1) * g;
        *m = o->beta2 * *m + (1 - o->beta2) * g;
        return step > 0 ? 1 : step < 0 ? -1 : 0;
    }
    return 0;
}

static void update(struct job *job, uint32_t k, uint32_t t)
{
    const struct tuff_optimizer_params *o = &job->params;
    bool decoupled = o->kind == TUFF_ADAMW || o->kind == TUFF_LION || o->kind == TUFF_LAMB;
    double step[COUNT], size = 0, length = 0, decay = t == 0 ? 0 : o->ema_decay;
    for (uint32_t i = 0; i < COUNT; i++) {
        double g = (double)job->given[k][i] + (decoupled ? 0 : o->weight_decay * job->x[k][i]);
        step[i] = step_of(o, g, &job->m[k][i], &job->v[k][i], &job->third[k][i], t + 1);
        if (decoupled) step[i] += o->weight_decay * job->x[k][i];
        size += job->x[k][i] * job->x[k][i], length += step[i] * step[i];
    }
    double trust = o->kind == TUFF_LAMB && size > 0 && length > 0 ? sqrt(size / length) : 1;
    if (o->ema_warmup) decay = fmin(decay, (1.0 + t) / (10.0 + t));
    for (uint32_t i = 0; i < COUNT; i++) {
        job->x[k][i] -= o->schedule.lr * trust * step[i];
        job->average[k][i] = decay * job->average[k][i] + (1 - decay) * job->x[k][i];
    }
}

/* ---- on the device ------------------------------------------------------------------------------------------------------------- */

/* Gradients are inputs; the first parameter begins with zeros, the second with numbers. */
static bool begin(struct job *job)
{
    struct tuff_error e = {0};
    static const char *const names[] = {"zeros", "numbers"}, *const by[] = {"by zeros", "by numbers"};
    if (!ok(job->test, "graph", tuff_graph_create(job->test->context, &job->g, &e), &e)) return false;
    tuff_val loss = tuff_scalar(job->g, 0);
    for (uint32_t k = 0; k < PARAMS; k++) {
        float start[COUNT];
        for (uint32_t i = 0; i < COUNT; i++) start[i] = (float)(job->x[k][i] = k * ((i * 37 % 23) / 16.0 - 0.75));
        for (uint32_t i = 0; i < COUNT; i++) job->v[k][i] = job->params.initial_accumulator;
        job->p[k] = tuff_param(job->g, names[k], TUFF_SHAPE(COUNT),
                               (struct tuff_init){.kind = TUFF_INIT_DATA, .data = start});
        job->gradient[k] = tuff_input(job->g, by[k], TUFF_F32, TUFF_SHAPE(COUNT));
        loss = tuff_add(job->g, loss, tuff_sum(job->g, tuff_mul(job->g, job->p[k], job->gradient[k]), 0, TUFF_DROP_AXES));
    }
    struct tuff_trainer_params params = {.struct_size = sizeof params, .optimizer = job->params, .loss = loss};
    return ok(job->test, "trainer", tuff_trainer_create(job->g, &params, &job->trainer, &e), &e) &&
           ok(job->test, "session", tuff_session_create(job->test->device, job->g, NULL, &job->session, &e), &e) &&
           ok(job->test, "compiling", tuff_trainer_compile(job->trainer, job->session, NULL, &e), &e);
}

static void compare(struct job *job, const char *what, double (*expected)[COUNT])
{
    struct tuff_error e = {0};
    float got[COUNT];
    for (uint32_t k = 0; k < PARAMS; k++) {
        if (!ok(job->test, what, tuff_session_read(job->session, job->p[k], got, sizeof got, &e), &e)) return;
        for (uint32_t i = 0; i < COUNT; i++)
            if (!(fabs((double)got[i] - expected[k][i]) <= 2e-5 * (fabs(expected[k][i]) + 0.1))) {
                printf("%s: %s, parameter %u [%u]: expected %.9g, got %.9g\n", tuff_optimizer_name(job->params.kind), what,
                       (unsigned)k, (unsigned)i, expected[k][i], (double)got[i]);
                job->test->failures++;
                return;
            }
    }
}

static void test_rule(struct backend_test *t, struct tuff_optimizer_params params)
{
    struct job *job = calloc(1, sizeof *job);
    struct tuff_error e = {0};
    if (!job) exit(1);
    job->test = t, job->params = params;
    bool good = begin(job);
    for (uint32_t step = 0; good && step < STEPS; step++) {
        for (uint32_t k = 0; k < PARAMS; k++) {
            for (uint32_t i = 0; i < COUNT; i++) job->given[k][i] = (float)((i * 13 + step * 29 + k) % 31) / 15 - 1;
            good = good &&
                   ok(t, "writing",
                      tuff_trainer_write(job->trainer, job->gradient[k], job->given[k], sizeof job->given[k], &e), &e);
            update(job, k, step);
        }
        good = good && ok(t, "step", tuff_trainer_step(job->trainer, NULL, &e), &e);
    }
    if (good) compare(job, "parameters", job->x);
    if (good && params.ema_decay > 0) {
        ok(t, "swapping", tuff_trainer_swap_averages(job->trainer, &e), &e);
        compare(job, "averages", job->average);
        ok(t, "swapping back", tuff_trainer_swap_averages(job->trainer, &e), &e);
        compare(job, "parameters again", job->x);
    } else if (good)
        backend_status(t, "no averages", TUFF_ERR_USAGE, tuff_trainer_swap_averages(job->trainer, &e), &e);
    tuff_trainer_destroy(job->trainer);
    tuff_session_destroy(job->session);
    tuff_graph_destroy(job->g);
    free(job);
}

static void test_rules(struct backend_test *t)
{
    for (int kind = 0; tuff_optimizer_name((enum tuff_optimizer_kind)kind); kind++) {
        struct tuff_optimizer_params p = tuff_optimizer_defaults((enum tuff_optimizer_kind)kind, 0.01);
        test_rule(t, p);
        p.weight_decay = 0.1, p.ema_decay = 0.9;
        if (p.kind == TUFF_SGD || p.kind == TUFF_RMSPROP) p.momentum = 0.9;
        p.centered = p.kind == TUFF_RMSPROP;
        p.amsgrad = p.kind == TUFF_ADAM || p.kind == TUFF_ADAMW;
        if (p.kind == TUFF_ADAGRAD) p.lr_decay = 0.5, p.initial_accumulator = 0.25;
        p.ema_warmup = kind % 2;
        test_rule(t, p);
    }
}

/* ---- models -------------------------------------------------------------------------------------------------------------------- */

/* What another kind left in the states does not count: two models whose parameters are the same go on alike. */
static void test_change(struct backend_test *t)
{
    struct train one = {0}, other = {0};
    struct tuff_error e = {0};
    struct train *const both[] = {&one, &other};
    struct tuff_metrics metrics[2] = {{0}}, mean = {0};
    for (int i = 0; i < 2; i++) {
        struct train *r = both[i];
        if (!ok(t, "opening", train_open(r, NULL, &e), &e) ||
            !ok(t, "model", train_model(r, &(struct train_params){.samples = 32, .epochs = 1}, &e), &e))
            break;
        r->fit.optimizer = tuff_optimizer_defaults(i ? TUFF_LION : TUFF_RMSPROP, 1e-9);
        backend_status(t, "no averages yet", TUFF_ERR_USAGE, tuff_model_swap_averages(r->model, &e), &e);
        ok(t, "fit", train_fit(r, &e), &e);
        r->fit.optimizer = tuff_optimizer_defaults(TUFF_ADAGRAD, 0.02);
        r->fit.optimizer.initial_accumulator = 0.1, r->fit.optimizer.ema_decay = 0.5;
        r->fit.epochs = 4;
        ok(t, "fit by another kind", train_fit(r, &e), &e);
        ok(t, "evaluating", tuff_model_evaluate(r->model, &r->data, &metrics[i], &e), &e);
    }
    if (fabs(metrics[0].loss - metrics[1].loss) > 1e-4 * metrics[0].loss) {
        printf("adagrad behind rmsprop and behind lion: losses %.9g and %.9g\n", metrics[0].loss, metrics[1].loss);
        t->failures++;
    }
    if (other.model && ok(t, "averages", tuff_model_swap_averages(other.model, &e), &e)) {
        ok(t, "evaluating averages", tuff_model_evaluate(other.model, &other.data, &mean, &e), &e);
        if (!(mean.loss > metrics[1].loss))
            printf("averages lag: expected a larger loss than %g, got %g\n", metrics[1].loss, mean.loss), t->failures++;
    }
    train_close(&other);
    train_close(&one);
}

/* ---- plans --------------------------------------------------------------------------------------------------------------------- */

static void test_plans(struct backend_test *t)
{
    for (uint32_t which = 0; which < graph_caps_count; which++)
        for (int k = 0; tuff_optimizer_name((enum tuff_optimizer_kind)(k / 2)); k++) {
            struct tuff_error e = {0};
            struct tuff_caps caps = graph_caps(which);
            struct tuff_compiled compiled;
            struct tuff_trainer *trainer = NULL;
            struct tuff_graph *g = graph_fresh(t->context);
            struct tuff_optimizer_params p = tuff_optimizer_defaults((enum tuff_optimizer_kind)(k / 2), 0.01);
            p.ema_decay = 0.9, p.weight_decay = 0.1, p.accumulate = 2;
            p.amsgrad = p.kind == TUFF_ADAM, p.centered = p.kind == TUFF_RMSPROP, p.momentum = 0.9;
            tuff_val x = tuff_layer_dense(g, tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(8, 12)), "a",
                                          (struct tuff_layer_dense_params){.units = 70});
            struct tuff_trainer_params params = {
                .struct_size = sizeof params, .optimizer = p, .loss = tuff_mean(g, x, 0, TUFF_DROP_AXES)};
            if (!ok(t, "trainer", tuff_trainer_create(g, &params, &trainer, &e), &e)) continue;
            struct tuff_executable_params plan = tuff_trainer_plan(trainer);
            struct tuff_compile_params compile = {.graph = g,
                                                  .outputs = plan.outputs,
                                                  .output_count = plan.output_count,
                                                  .caps = &caps,
                                                  .debug = TUFF_DEBUG_CHECK,
                                                  .plain = k % 2};
            if (ok(t, tuff_optimizer_name(p.kind), tuff_compile(&compile, &compiled, &e), &e))
                tuff_plan_finish(&compiled.plan);
            tuff_trainer_destroy(trainer);
            tuff_graph_destroy(g);
        }
}

/* ---- refusals ------------------------------------------------------------------------------------------------------------------ */

static void refused(struct backend_test *t, struct tuff_optimizer_params p, const char *sentence)
{
    struct tuff_error e = {0};
    tuff_status status = tuff_optimizer_check(t->context, &p, &e);
    if (status == TUFF_ERR_USAGE && strstr(e.message, sentence)) return;
    printf("expected '%s', got '%s'\n", sentence, e.message);
    t->failures++;
}

static void test_refusals(struct backend_test *t)
{
    struct tuff_optimizer_params p = tuff_optimizer_defaults(TUFF_ADAMW, 0.01);
    enum tuff_optimizer_kind kind = TUFF_SGD;
    p.centered = true;
    refused(t, p, "optimizer: adamw has no centered");
    p = tuff_optimizer_defaults(TUFF_LION, 0.01), p.amsgrad = true;
    refused(t, p, "optimizer: lion has no amsgrad");
    p = tuff_optimizer_defaults(TUFF_SGD, 0.01), p.initial_accumulator = 1;
    refused(t, p, "optimizer: sgd has no initial_accumulator");
    p = tuff_optimizer_defaults(TUFF_LAMB, 0.01), p.eps = 0;
    refused(t, p, "optimizer: lamb with eps 0 divides 0 by 0");
    p = tuff_optimizer_defaults(TUFF_RMSPROP, 0.01), p.alpha = 1;
    refused(t, p, "the alpha is 1, not from 0 to below 1");
    p = tuff_optimizer_defaults(TUFF_ADAM, 0.01), p.ema_decay = 1;
    refused(t, p, "the ema_decay is 1, not from 0 to below 1");
    p = (struct tuff_optimizer_params){.struct_size = sizeof p, .kind = TUFF_RMSPROP, .schedule = {.lr = 1}, .eps = 1};
    refused(t, p, "filled by hand");
    if (tuff_optimizer_find("adamW", &kind) || !tuff_optimizer_find("lamb", &kind) || kind != TUFF_LAMB ||
        tuff_optimizer_name((enum tuff_optimizer_kind)99))
        printf("names of optimizers are not found\n"), t->failures++;
}

int main(void)
{
    struct backend_test t;
    int status = backend_test_begin(&t, NULL);
    if (status != 0) return status;
    test_rules(&t);
    test_change(&t);
    test_plans(&t);
    test_refusals(&t);
    return backend_test_end(&t, "train_optimizers");
}

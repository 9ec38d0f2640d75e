/* optimizers.c - torch-optimizers: each kind of optimizer trains a small network for 20 steps, and each schedule gives its rates, printed for
 * tests/torch/optimizers.py. Text of lines, as that of torch-layers:
 *   case NAME KEY=VALUE.. | rates NUMBERS.. | leaf NAME SHAPE NUMBERS.. | out NAME SHAPE NUMBERS.. | end
 *   schedule NAME KEY=VALUE.. | rates NUMBERS.. */
#include "graph/train/trainer.h"
#include "tests/backend_help.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 20, ROWS = 8, IN = 5, HIDDEN = 70, OUT = 3, MOST = IN * HIDDEN };

struct job {
    const char *name, *numbers;
    struct tuff_optimizer_params params; /* kind, and what is not the default */
};
#define KIND(kind_, ...) .params = {.kind = (kind_), __VA_ARGS__}
static const struct job jobs[] = {
    {"sgd", "momentum=0.9 decay=0.1 nesterov=1", KIND(TUFF_SGD, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true)},
    {"adam", "decay=0.1", KIND(TUFF_ADAM, .weight_decay = 0.1)},
    {"adam", "amsgrad=1 ema=0.9", KIND(TUFF_ADAM, .amsgrad = true, .ema_decay = 0.9)},
    {"adamw", "decay=0.1 amsgrad=1", KIND(TUFF_ADAMW, .weight_decay = 0.1, .amsgrad = true)},
    {"adamw", "decay=0.1 ema=0.99 warmup=1", KIND(TUFF_ADAMW, .weight_decay = 0.1, .ema_decay = 0.99, .ema_warmup = true)},
    {"rmsprop", "decay=0.1", KIND(TUFF_RMSPROP, .weight_decay = 0.1)},
    {"rmsprop", "centered=1 momentum=0.9 alpha=0.9", KIND(TUFF_RMSPROP, .centered = true, .momentum = 0.9, .alpha = 0.9)},
    {"adagrad", "decay=0.1", KIND(TUFF_ADAGRAD, .weight_decay = 0.1)},
    {"adagrad", "lr_decay=0.2 initial=0.5", KIND(TUFF_ADAGRAD, .lr_decay = 0.2, .initial_accumulator = 0.5)},
    {"adadelta", "decay=0.1", KIND(TUFF_ADADELTA, .weight_decay = 0.1)},
    {"adamax", "decay=0.1", KIND(TUFF_ADAMAX, .weight_decay = 0.1)},
    {"lion", "decay=0.1", KIND(TUFF_LION, .weight_decay = 0.1)},
    {"lamb", "decay=0.1", KIND(TUFF_LAMB, .weight_decay = 0.1)},
    {"lamb", "ema=0.5", KIND(TUFF_LAMB, .ema_decay = 0.5)},
};

static void check(tuff_status status, const struct tuff_error *error)
{
    if (status == TUFF_OK) return;
    printf("%s\n", error->message);
    exit(1);
}

static void print(const char *what, const char *name, struct tuff_shape shape, const float *numbers)
{
    printf("%s%s ", what, name);
    for (uint32_t i = 0; i < shape.rank; i++) printf(i ? ",%u" : "%u", (unsigned)shape.dim[i]);
    printf(shape.rank ? " " : "- ");
    for (uint64_t k = 0; k < tuff_shape_count(&shape); k++) printf(" %.17g", (double)numbers[k]);
    printf("\n");
}

/* Every trained parameter, as `what` prints them. */
static void print_params(struct tuff_graph *g, struct tuff_session *session, const char *what)
{
    struct tuff_error e = {0};
    float content[MOST];
    for (uint32_t i = 0; i < tuff_graph_leaf_count(g); i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(g, i);
        if (!leaf.trained) continue;
        size_t bytes = (size_t)tuff_shape_count(&leaf.type.shape) * sizeof *content;
        check(tuff_session_read(session, tuff_graph_find(g, leaf.name), content, bytes, &e), &e);
        print(what, leaf.name, leaf.type.shape, content);
    }
}

static struct tuff_optimizer_params settings(const struct job *job, const struct tuff_param_group *group)
{
    static const double rates[] = {
        [TUFF_SGD] = 0.05,   [TUFF_ADAM] = 0.02,   [TUFF_ADAMW] = 0.02, [TUFF_RMSPROP] = 0.005, [TUFF_ADAGRAD] = 0.05,
        [TUFF_ADADELTA] = 1, [TUFF_ADAMAX] = 0.02, [TUFF_LION] = 0.002, [TUFF_LAMB] = 0.02};
    const struct tuff_optimizer_params *own = &job->params;
    struct tuff_optimizer_params p = tuff_optimizer_defaults(own->kind, rates[own->kind]);
    p.momentum = own->momentum, p.nesterov = own->nesterov, p.weight_decay = own->weight_decay;
    p.amsgrad = own->amsgrad, p.centered = own->centered, p.lr_decay = own->lr_decay;
    p.initial_accumulator = own->initial_accumulator, p.ema_decay = own->ema_decay, p.ema_warmup = own->ema_warmup;
    if (own->alpha > 0) p.alpha = own->alpha;
    p.schedule.kind = TUFF_SCHEDULE_COSINE, p.schedule.period = STEPS - 2, p.schedule.warmup = 4;
    p.groups = group, p.group_count = 1;
    return p;
}

static void train(struct backend_test *t, const struct job *job)
{
    struct tuff_error e = {0};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_trainer *trainer = NULL;
    float numbers[ROWS * IN], targets[ROWS * OUT], value = 0;
    struct tuff_param_group group = tuff_param_group_defaults("bias", "*.bias");
    group.lr_factor = 2, group.weight_decay = 0.02;
    for (int i = 0; i < ROWS * IN; i++) numbers[i] = (float)(i * 37 % 101) / 50 - 1;
    for (int i = 0; i < ROWS * OUT; i++) targets[i] = (float)(i * 29 % 31) / 15 - 1;
    printf("case %s %s\n", job->name, job->numbers);
    check(tuff_graph_create(t->context, &g, &e), &e);
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(ROWS, IN)), y = tuff_input(g, "y", TUFF_F32, TUFF_SHAPE(ROWS, OUT));
    tuff_val h = tuff_tanh(g, tuff_layer_dense(g, x, "a", (struct tuff_layer_dense_params){.units = HIDDEN}));
    tuff_val loss = tuff_mse_loss(g, tuff_layer_dense(g, h, "b", (struct tuff_layer_dense_params){.units = OUT}), y,
                                  TUFF_REDUCE_MEAN);
    struct tuff_trainer_params params = {.struct_size = sizeof params, .optimizer = settings(job, &group), .loss = loss};
    check(tuff_trainer_create(g, &params, &trainer, &e), &e);
    check(tuff_session_create(t->device, g, NULL, &session, &e), &e);
    check(tuff_trainer_compile(trainer, session, NULL, &e), &e);
    print("leaf ", "x", TUFF_SHAPE(ROWS, IN), numbers);
    print("leaf ", "y", TUFF_SHAPE(ROWS, OUT), targets);
    print_params(g, session, "leaf ");
    printf("rates");
    for (uint64_t k = 0; k < STEPS; k++) printf(" %.17g", tuff_schedule_lr(&params.optimizer.schedule, k));
    printf("\n");
    for (int step = 0; step < STEPS; step++) {
        char name[20];
        snprintf(name, sizeof name, "loss.%d", step);
        check(tuff_trainer_write(trainer, x, numbers, sizeof numbers, &e), &e);
        check(tuff_trainer_write(trainer, y, targets, sizeof targets, &e), &e);
        check(tuff_trainer_step(trainer, NULL, &e), &e);
        check(tuff_trainer_read(trainer, loss, &value, sizeof value, &e), &e);
        print("out ", name, (struct tuff_shape){0}, &value);
    }
    print_params(g, session, "out after.");
    if (params.optimizer.ema_decay > 0) {
        check(tuff_trainer_swap_averages(trainer, &e), &e);
        print_params(g, session, "out average.");
        check(tuff_trainer_swap_averages(trainer, &e), &e);
        print_params(g, session, "out after.");
    }
    printf("end\n");
    tuff_trainer_destroy(trainer);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

/* ---- schedules ----------------------------------------------------------------------------------------------------------------- */

static void print_rates(const char *name, const char *numbers, const struct tuff_schedule *s, uint64_t count)
{
    printf("schedule %s %s\nrates", name, numbers);
    for (uint64_t k = 0; k < count; k++) printf(" %.17g", tuff_schedule_lr(s, k));
    printf("\n");
}

static void schedules(void)
{
    static const double table[] = {0.5, 0.25, 0.75, 0.125};
    static const uint64_t milestones[] = {3, 11, 20};
    const struct {
        const char *name, *numbers;
        uint64_t count;
        struct tuff_schedule s;
    } all[] = {
        {"step", "every=7", 40, {.kind = TUFF_SCHEDULE_STEP, .lr = 0.3, .gamma = 0.4, .every = 7}},
        {"multi_step",
         "",
         40,
         {.kind = TUFF_SCHEDULE_MULTI_STEP, .lr = 0.3, .gamma = 0.4, .milestones = milestones, .milestone_count = 3}},
        {"exponential", "", 40, {.kind = TUFF_SCHEDULE_EXPONENTIAL, .lr = 0.3, .gamma = 0.9}},
        {"cosine", "", 30, {.kind = TUFF_SCHEDULE_COSINE, .lr = 0.3, .min_lr = 0.01, .period = 30}},
        {"polynomial", "power=2.5", 50, {.kind = TUFF_SCHEDULE_POLYNOMIAL, .lr = 0.3, .power = 2.5, .period = 37}},
        {"linear", "end=0.1", 50, {.kind = TUFF_SCHEDULE_POLYNOMIAL, .lr = 0.3, .min_lr = 0.03, .period = 37}},
        {"restarts", "factor=1", 50, {.kind = TUFF_SCHEDULE_COSINE_RESTARTS, .lr = 0.3, .min_lr = 0.01, .period = 11}},
        {"restarts", "factor=3", 90, {.kind = TUFF_SCHEDULE_COSINE_RESTARTS, .lr = 0.3, .period = 5, .period_factor = 3}},
        {"one_cycle", "share=0.3 rise=25 fall=1e4", 41, {.kind = TUFF_SCHEDULE_ONE_CYCLE, .lr = 0.3, .period = 41}},
        {"one_cycle",
         "share=0.45 rise=10 fall=100 linear=1",
         30,
         {.kind = TUFF_SCHEDULE_ONE_CYCLE,
          .lr = 0.3,
          .period = 30,
          .one_cycle = {.share = 0.45, .rise = 10, .fall = 100, .linear = true}}},
        {"one_cycle",
         "share=0.37 rise=25 fall=1e4 three=1",
         53,
         {.kind = TUFF_SCHEDULE_ONE_CYCLE, .lr = 0.3, .period = 53, .one_cycle = {.share = 0.37, .three_phase = true}}},
        {"table", "", 7, {.kind = TUFF_SCHEDULE_TABLE, .lr = 1, .rates = table, .rate_count = 4}},
        {"warmup", "", 20, {.kind = TUFF_SCHEDULE_CONSTANT, .lr = 0.3, .start_factor = TUFF_NUMBER(0.25), .warmup = 9}}};
    for (size_t i = 0; i < TUFF_COUNT(all); i++) print_rates(all[i].name, all[i].numbers, &all[i].s, all[i].count);
}

/* Losses that fall, stay and jump, made of whole numbers alike in Python. */
static void plateaus(void)
{
    const struct {
        const char *numbers;
        struct tuff_plateau p;
    } all[] = {{"factor=0.1 patience=3 cooldown=0 threshold=1e-4 min=0", {.factor = 0.1, .patience = 3}},
               {"factor=0.5 patience=0 cooldown=2 threshold=0.05 min=0.02",
                {.factor = 0.5, .cooldown = 2, .threshold = TUFF_NUMBER(0.05), .min_lr = 0.02}},
               {"factor=0.5 patience=2 cooldown=1 threshold=0.1 min=0 absolute=1",
                {.factor = 0.5, .patience = 2, .cooldown = 1, .threshold = TUFF_NUMBER(0.1), .absolute = true}},
               {"factor=0.7 patience=1 cooldown=0 threshold=0.01 min=0 rises=1",
                {.factor = 0.7, .patience = 1, .threshold = TUFF_NUMBER(0.01), .rises = true}}};
    for (size_t i = 0; i < TUFF_COUNT(all); i++) {
        struct tuff_plateau_state state = {0};
        printf("schedule plateau %s\nrates", all[i].numbers);
        for (int k = 0; k < 60; k++) {
            double metric = 1 + 10.0 / (k / 5 + 1) + (k * 7 % 5) / 16.0;
            printf(" %.17g", 0.3 * tuff_plateau_step(&all[i].p, &state, 0.3, metric));
        }
        printf("\n");
    }
}

int main(void)
{
    struct backend_test t;
    int status = backend_test_begin(&t, NULL);
    if (status != 0) return status;
    schedules();
    plateaus();
    for (size_t i = 0; i < TUFF_COUNT(jobs); i++) train(&t, &jobs[i]);
    return backend_test_end(&t, "torch-optimizers");
}

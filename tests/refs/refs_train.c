/* refs_train.c - runs optimizers, schedules and trainings: step by step on the device, and the same steps in the evaluation
 * that gives reference and bounds (refs_bound.c), which keeps parameters and states of its own. */
#include "backend/backend.h"
#include "tests/refs/refs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "graph/ops/leaf.h"
#include "graph/train/optimizer.h"

/* Table of the optimizer (graph/train/optimizer.c): a row for each run, of lr, 1 / (1 - beta1^t), 1 / (1 - beta2^t), "updates". */
enum { TABLE_ROWS = 256, TABLE_COLUMNS = 4, LONGEST = 100000 };

struct run {
    struct refs_case *c;
    struct tuff_graph *g;         /* [owned] */
    struct tuff_session *session; /* [owned] */
    struct tuff_executable *x;    /* [owned] */
    struct refs_eval *e;          /* [owned] */
    struct tuff_optimizer optimizer;
    tuff_val outputs[64];
    uint32_t output_count;
    double *lrs; /* [owned] of each step, or NULL: the schedule's */
    struct tuff_error error;
};

static bool good(struct run *r, tuff_status status)
{
    if (status != TUFF_OK) refs_fail(r->c, "%s", r->error.message);
    return r->c->state == REFS_OPEN;
}

static bool begin(struct run *r, struct refs_case *c, struct tuff_device *device)
{
    *r = (struct run){.c = c};
    return good(r, tuff_graph_create(tuff_device_context(device), &r->g, &r->error));
}

static void end(struct run *r)
{
    refs_eval_destroy(r->e);
    tuff_executable_destroy(r->x);
    tuff_session_destroy(r->session);
    tuff_graph_destroy(r->g);
    free(r->lrs);
    if (r->c->state == REFS_OPEN) r->c->state = REFS_PASSED;
}

static void add_output(struct run *r, tuff_val v)
{
    if (r->output_count < TUFF_COUNT(r->outputs))
        r->outputs[r->output_count++] = v;
    else
        refs_fail(r->c, "has too many outputs");
}

/* Initial values of parameters and states, as the session sets them. */
static void start_leaf(struct run *r, tuff_val v)
{
    const struct tuff_value *value = &r->g->values[v];
    size_t count = (size_t)tuff_shape_count(&value->type.shape);
    double *values = refs_alloc(count * sizeof *values);
    float *words = refs_alloc(count * sizeof *words);
    if (tuff_leaf_init(r->g->context, value, 0, words, NULL) != TUFF_OK) abort();
    for (size_t i = 0; i < count; i++) values[i] = value->type.dtype == TUFF_F32 ? (double)words[i] : 0;
    refs_eval_set(r->e, v, values, false);
    free(values);
    free(words);
}

/* Optimizer, session, plan, evaluation; outputs are those added so far, the norm, and all updates. */
static bool compile(struct run *r, tuff_val loss, const struct tuff_optimizer_params *params, struct tuff_device *device,
                    const struct refs_net *net)
{
    if (r->c->state != REFS_OPEN) return false;
    tuff_optimizer_build(r->g, &(struct tuff_optimizer_plan){.loss = loss, .weight = 1}, params, &r->optimizer);
    if (!good(r, tuff_graph_finish(r->g, &r->error))) return false;
    if (r->optimizer.grad_norm) add_output(r, r->optimizer.grad_norm);
    for (uint32_t i = 0; i < r->optimizer.update_count; i++) add_output(r, r->optimizer.updates[i]);
    for (uint32_t i = 0; net && i < net->update_count; i++) add_output(r, net->updates[i]);
    if (!good(r, tuff_session_create(device, r->g, NULL, &r->session, &r->error))) return false;
    struct tuff_executable_params compile = {
        .struct_size = sizeof compile, .outputs = r->outputs, .output_count = r->output_count};
    if (!good(r, tuff_session_compile(r->session, &compile, &r->x, &r->error))) return false;
    r->e = refs_eval_create(r->g);
    for (tuff_val v = 1; v < r->g->count; v++)
        if (r->g->values[v].op->kind == TUFF_KIND_PARAM || r->g->values[v].op->kind == TUFF_KIND_STATE) start_leaf(r, v);
    return true;
}

/* Row number `step` of an input's tensor [steps, ..] goes to device and evaluation. */
static void write_row(struct run *r, const char *name, tuff_val input, uint32_t step)
{
    struct tuff_array array;
    struct tuff_type type;
    uint64_t count;
    if (!refs_tensor(r->c, name, &array, &type)) return;
    array.bytes /= array.dim[0];
    array.data = (const uint8_t *)array.data + array.bytes * step;
    double *values = refs_values(&array, &count);
    refs_eval_set(r->e, input, values, false);
    free(values);
    good(r, tuff_executable_write(r->x, input, array.data, (size_t)array.bytes, &r->error));
}

/* The evaluation's table row of this run; rounded to f32 on the device. */
static void set_table(struct run *r, uint32_t step)
{
    const struct tuff_optimizer_params *p = &r->optimizer.params;
    double *table = refs_alloc(TABLE_ROWS * TABLE_COLUMNS * sizeof *table), *row = table + step % TABLE_ROWS * TABLE_COLUMNS;
    row[0] = r->lrs ? r->lrs[step] : tuff_schedule_lr(&p->schedule, step);
    row[1] = 1 / (1 - pow(p->beta1, step + 1.0));
    row[2] = 1 / (1 - pow(p->beta2, step + 1.0));
    row[3] = 1;
    double cursor = step % TABLE_ROWS;
    refs_eval_set(r->e, r->optimizer.table, table, true);
    refs_eval_set(r->e, r->optimizer.cursor, &cursor, false);
    free(table);
}

/* Learning rates that no schedule gives are written into the device's table. */
static void overwrite_rates(struct run *r, uint32_t step, uint32_t steps)
{
    float table[TABLE_ROWS * TABLE_COLUMNS];
    if (!r->lrs || step % TABLE_ROWS) return;
    if (!good(r, tuff_session_read(r->session, r->optimizer.table, table, sizeof table, &r->error))) return;
    for (uint32_t i = 0; i < TABLE_ROWS && step + i < steps; i++) table[i * TABLE_COLUMNS] = (float)r->lrs[step + i];
    good(r, tuff_session_write(r->session, r->optimizer.table, table, sizeof table, &r->error));
}

/* One step on both sides; assignments of the evaluation are left to the caller. */
static bool advance(struct run *r, uint32_t step, uint32_t steps)
{
    if (r->c->state != REFS_OPEN || !good(r, tuff_optimizer_feed(&r->optimizer, r->session, &r->error))) return false;
    overwrite_rates(r, step, steps);
    set_table(r, step);
    refs_eval_run(r->e);
    return good(r, tuff_executable_run(r->x, &r->error));
}

/* Compares `count` floats of the device with those of value v in the evaluation, from element `first` on. */
static void compare(struct run *r, const char *name, tuff_val v, uint64_t first, const double *want, uint64_t count,
                    const float *got)
{
    double *copy = refs_alloc((size_t)count * sizeof *copy);
    memcpy(copy, want, (size_t)count * sizeof *copy);
    uint32_t before = r->c->check_count;
    struct tuff_type type = {TUFF_F32, {1, {(uint32_t)count}}};
    struct refs_check *check = refs_check_add(r->c, name, type, copy, count);
    if (!check) return;
    refs_eval_check(r->e, v, first, check);
    refs_check_definition(r->c, check);
    refs_check_device(r->c, check, got);
    refs_check_finish(check);
    r->c->check_count = before;
}

/* A parameter or state, or a part of a vector of all parameters, against a row of a tensor (UINT32_MAX: the tensor). */
static void compare_leaf(struct run *r, const char *name, uint32_t row, tuff_val v, uint64_t first, uint64_t count)
{
    struct tuff_array array;
    struct tuff_type type;
    uint64_t stored;
    char label[40];
    if (r->c->state != REFS_OPEN) return;
    if (!refs_tensor(r->c, name, &array, &type)) {
        refs_fail(r->c, "has no %s", name);
        return;
    }
    double *want = refs_values(&array, &stored);
    uint64_t at = row == UINT32_MAX ? 0 : row * count;
    size_t whole = (size_t)tuff_shape_count(&r->g->values[v].type.shape);
    float *got = refs_alloc(whole * sizeof *got);
    if (at + count > stored || (row == UINT32_MAX && count != stored) || first + count > whole) {
        refs_fail(r->c, "%s has %llu elements, expected %llu", name, (unsigned long long)stored, (unsigned long long)count);
    } else if (good(r, tuff_session_read(r->session, v, got, whole * sizeof *got, &r->error))) {
        if (row == UINT32_MAX)
            snprintf(label, sizeof label, "%.31s", name);
        else
            snprintf(label, sizeof label, "%.16s step %u", name, (unsigned)row);
        compare(r, label, v, first, want + at, count, got + first);
    }
    free(want);
    free(got);
}

/* Number `step` of a list of the metadata ("loss", "total_norm") against output number `output` of one element. */
static void compare_listed(struct run *r, const char *key, uint32_t step, uint32_t output)
{
    cJSON *list = refs_json(r->c, key);
    const cJSON *item = cJSON_IsArray(list) ? cJSON_GetArrayItem(list, (int)step) : NULL;
    float got;
    char label[40];
    if (!cJSON_IsNumber(item)) {
        refs_fail(r->c, "%s has no number for step %u", key, (unsigned)step);
    } else if (good(r, tuff_executable_read(r->x, output, &got, sizeof got, &r->error))) {
        snprintf(label, sizeof label, "%.16s step %u", key, (unsigned)step);
        compare(r, label, r->outputs[output], 0, &item->valuedouble, 1, &got);
    }
    cJSON_Delete(list);
}

static uint32_t count_of(struct refs_case *c, double n)
{
    if (n >= 1 && n <= LONGEST && n == floor(n)) return (uint32_t)n;
    refs_fail(c, "the number of steps is not 1 to %d", LONGEST);
    return 0;
}

/* ---- optimizers ------------------------------------------------------------------------------------------------------------ */

static enum tuff_optimizer_kind kind_of(struct refs_case *c, const char *name)
{
    if (!strcmp(name, "adam")) return TUFF_ADAM;
    if (!strcmp(name, "adamw")) return TUFF_ADAMW;
    if (strcmp(name, "sgd") != 0) refs_skip(c, "there is no optimizer '%.40s'", name);
    return TUFF_SGD;
}

/* Parameters in0, in1, .. and gradients as inputs; loss = sum of param gradient, whose gradient is the stored one. */
static uint32_t add_parameters(struct run *r, const char *grad_name, bool steps, tuff_val *params, tuff_val *grads,
                               tuff_val *loss)
{
    char name[32];
    uint32_t count = 0;
    for (; count < REFS_INPUTS; count++) {
        struct tuff_array array, gradient;
        struct tuff_type type, grad_type;
        snprintf(name, sizeof name, "in%u", (unsigned)count);
        if (!refs_tensor(r->c, name, &array, &type)) break;
        snprintf(name, sizeof name, "%s%u", grad_name, (unsigned)count);
        bool there = refs_tensor(r->c, name, &gradient, &grad_type);
        uint64_t rows = there && steps && grad_type.shape.rank ? grad_type.shape.dim[0] : 1;
        if (!there || array.element != TUFF_ELEMENT_F32 || gradient.element != TUFF_ELEMENT_F32 ||
            gradient.bytes != rows * array.bytes) {
            refs_fail(r->c, "%s does not fit in%u", name, (unsigned)count);
            return 0;
        }
        float *start = refs_alloc((size_t)array.bytes);
        if (steps) memcpy(start, array.data, (size_t)array.bytes);
        snprintf(name, sizeof name, "p%u", (unsigned)count);
        params[count] = tuff_param(r->g, name, type.shape, (struct tuff_init){.kind = TUFF_INIT_DATA, .data = start});
        free(start);
        snprintf(name, sizeof name, "g%u", (unsigned)count);
        grads[count] = tuff_input(r->g, name, TUFF_F32, type.shape);
        tuff_val part = tuff_sum(r->g, tuff_mul(r->g, params[count], grads[count]), 0, TUFF_DROP_AXES);
        *loss = count ? tuff_add(r->g, *loss, part) : part;
    }
    if (count == 0) refs_fail(r->c, "has no parameters");
    return count;
}

/* A state over all parameters against the stored one of each. */
static void compare_state(struct run *r, const char *stem, tuff_val state, const tuff_val *params, uint32_t count)
{
    char name[32];
    struct tuff_array array;
    for (uint32_t k = 0; k < count; k++) {
        snprintf(name, sizeof name, "%s%u", stem, (unsigned)k);
        if (!tuff_tensors_find(r->c->tensors, name, &array)) continue;
        if (!state)
            refs_fail(r->c, "%s is stored, the optimizer has no such state", name);
        else
            compare_leaf(r, name, UINT32_MAX, state, tuff_pack_length(r->g, params, k),
                         tuff_shape_count(&r->g->values[params[k]].type.shape));
    }
}

void refs_run_optimizer(struct refs_case *c, struct tuff_device *device)
{
    struct run r;
    tuff_val params[REFS_INPUTS], grads[REFS_INPUTS], loss = 0;
    char name[32];
    if (!begin(&r, c, device)) return;
    struct tuff_optimizer_params p = {.struct_size = sizeof p,
                                      .kind = kind_of(c, c->op),
                                      .schedule = {.lr = refs_number(c, "lr", 0)},
                                      .momentum = refs_number(c, "momentum", 0),
                                      .weight_decay = refs_number(c, "weight_decay", 0),
                                      .eps = refs_number(c, "eps", 0),
                                      .clip_norm = refs_number(c, "clip_norm", 0)};
    if (p.kind == TUFF_SGD) p.nesterov = refs_flag(c, "nesterov");
    cJSON *betas = refs_json(c, "betas"), *length = refs_json(c, "steps");
    if (cJSON_GetArraySize(betas) == 2) {
        p.beta1 = cJSON_GetNumberValue(cJSON_GetArrayItem(betas, 0));
        p.beta2 = cJSON_GetNumberValue(cJSON_GetArrayItem(betas, 1));
    }
    uint32_t steps = count_of(c, cJSON_IsNumber(length) ? length->valuedouble : 0);
    cJSON_Delete(betas);
    cJSON_Delete(length);
    uint32_t count = add_parameters(&r, "grad", true, params, grads, &loss);
    for (uint32_t k = 0; k < count && c->state == REFS_OPEN; k++) {
        struct tuff_array array;
        struct tuff_type type;
        snprintf(name, sizeof name, "grad%u", (unsigned)k);
        if (refs_tensor(c, name, &array, &type) && (type.shape.rank == 0 || type.shape.dim[0] != steps))
            refs_fail(c, "%s does not have %u steps", name, (unsigned)steps);
    }
    bool ready = compile(&r, loss, &p, device, NULL);
    for (uint32_t t = 0; ready && t < steps && c->state == REFS_OPEN; t++) {
        for (uint32_t k = 0; k < count; k++) {
            snprintf(name, sizeof name, "grad%u", (unsigned)k);
            write_row(&r, name, grads[k], t);
        }
        if (!advance(&r, t, steps)) break;
        if (r.optimizer.grad_norm) compare_listed(&r, "total_norm", t, 0);
        refs_eval_assign(r.e, r.outputs, r.output_count);
        for (uint32_t k = 0; k < count; k++) {
            snprintf(name, sizeof name, "out%u", (unsigned)k);
            compare_leaf(&r, name, t, params[k], 0, tuff_shape_count(&r.g->values[params[k]].type.shape));
        }
    }
    if (ready) {
        compare_state(&r, "momentum_buffer", r.optimizer.packs[0].momentum, params, count);
        compare_state(&r, "exp_avg", r.optimizer.packs[0].momentum, params, count);
        compare_state(&r, "exp_avg_sq", r.optimizer.packs[0].variance, params, count);
    }
    end(&r);
}

/* One step of SGD with rate 1 from parameters 0: they become the negated clipped gradients. */
void refs_run_clip(struct refs_case *c, struct tuff_device *device)
{
    struct run r;
    tuff_val params[REFS_INPUTS], grads[REFS_INPUTS], loss = 0;
    char name[32];
    if (!begin(&r, c, device)) return;
    struct tuff_optimizer_params p = tuff_optimizer_defaults(TUFF_SGD, 1);
    p.clip_norm = refs_number(c, "max_norm", 0);
    uint32_t count = add_parameters(&r, "in", false, params, grads, &loss);
    if (!compile(&r, loss, &p, device, NULL)) {
        end(&r);
        return;
    }
    for (uint32_t k = 0; k < count; k++) {
        struct tuff_array array;
        struct tuff_type type;
        uint64_t elements;
        snprintf(name, sizeof name, "in%u", (unsigned)k);
        if (!refs_tensor(c, name, &array, &type)) continue;
        double *values = refs_values(&array, &elements);
        refs_eval_set(r.e, grads[k], values, false);
        free(values);
        good(&r, tuff_executable_write(r.x, grads[k], array.data, (size_t)array.bytes, &r.error));
    }
    if (advance(&r, 0, 1)) {
        refs_eval_assign(r.e, r.outputs, r.output_count);
        for (uint32_t k = 0; k < count && c->state == REFS_OPEN; k++) {
            struct tuff_array array;
            struct tuff_type type;
            uint64_t stored, elements = tuff_shape_count(&r.g->values[params[k]].type.shape);
            snprintf(name, sizeof name, "out%u", (unsigned)k);
            if (!refs_tensor(c, name, &array, &type)) {
                refs_fail(c, "has no %s", name);
                break;
            }
            double *want = refs_values(&array, &stored);
            float *got = refs_alloc((size_t)elements * sizeof *got);
            for (uint64_t i = 0; i < stored; i++) want[i] = -want[i];
            if (stored != elements)
                refs_fail(c, "%s has another size than in%u", name, (unsigned)k);
            else if (good(&r, tuff_session_read(r.session, params[k], got, (size_t)elements * sizeof *got, &r.error)))
                compare(&r, name, params[k], 0, want, elements, got);
            free(want);
            free(got);
        }
        struct tuff_array array;
        struct tuff_type type;
        uint64_t one;
        float norm;
        snprintf(name, sizeof name, "out%u", (unsigned)count);
        if (refs_tensor(c, name, &array, &type) && good(&r, tuff_executable_read(r.x, 0, &norm, sizeof norm, &r.error))) {
            double *want = refs_values(&array, &one);
            if (one == 1)
                compare(&r, name, r.optimizer.grad_norm, 0, want, 1, &norm);
            else
                refs_fail(c, "%s is not one number", name);
            free(want);
        } else {
            refs_fail(c, "has no %s, the norm", name);
        }
    }
    end(&r);
}

/* ---- schedules ------------------------------------------------------------------------------------------------------------- */

static uint64_t updates_of(struct refs_case *c, const char *key)
{
    double v = refs_number(c, key, 0);
    if (v >= 0 && v <= 1e9 && v == floor(v)) return (uint64_t)v;
    refs_fail(c, "attribute %s is no count", key);
    return 0;
}

void refs_run_schedule(struct refs_case *c)
{
    static const struct {
        const char *name;
        enum tuff_schedule_kind kind;
    } kinds[] = {{"constant", TUFF_SCHEDULE_CONSTANT},     {"step", TUFF_SCHEDULE_STEP},
                 {"multi_step", TUFF_SCHEDULE_MULTI_STEP}, {"exponential", TUFF_SCHEDULE_EXPONENTIAL},
                 {"cosine", TUFF_SCHEDULE_COSINE},         {"linear_warmup", TUFF_SCHEDULE_CONSTANT},
                 {"warmup_cosine", TUFF_SCHEDULE_COSINE}};
    uint64_t milestones[64], count;
    int64_t listed[64] = {0};
    struct tuff_array array;
    struct tuff_type type;
    size_t k = 0;
    while (k < TUFF_COUNT(kinds) && strcmp(kinds[k].name, c->op) != 0) k++;
    if (k == TUFF_COUNT(kinds)) {
        refs_skip(c, "this program does not know the schedule");
        return;
    }
    struct tuff_schedule s = {.kind = kinds[k].kind,
                              .lr = refs_number(c, "base_lr", 0),
                              .gamma = refs_number(c, "gamma", 0),
                              .min_lr = refs_number(c, "min_lr", 0),

                              .every = updates_of(c, "step_size"),
                              .period = updates_of(c, "period"),
                              .warmup = updates_of(c, "warmup"),
                              .milestones = milestones};
    double start = refs_number(c, "start_factor", 0);
    if (start != 0) s.start_factor = TUFF_NUMBER(start);
    if (s.kind == TUFF_SCHEDULE_MULTI_STEP) s.milestone_count = refs_integers(c, "milestones", listed, TUFF_COUNT(listed));
    for (uint32_t i = 0; i < s.milestone_count; i++) milestones[i] = (uint64_t)listed[i];
    if (!refs_tensor(c, "out0", &array, &type) || array.element != TUFF_ELEMENT_F64) {
        refs_fail(c, "has no out0 of type F64");
        return;
    }
    double *want = refs_values(&array, &count);
    for (uint64_t t = 0; t < count && c->state == REFS_OPEN; t++) {
        double got = tuff_schedule_lr(&s, t), bound = 4 * ((double)count + 8) * 0x1p-53 * s.lr,
               ratio = fabs(got - want[t]) / bound;
        if (!(ratio <= c->worst)) {
            c->worst = ratio;
            snprintf(c->worst_at, sizeof c->worst_at, "update %llu", (unsigned long long)t);
        }
        if (!(ratio <= 1)) refs_fail(c, "update %llu: expected %.17g, got %.17g", (unsigned long long)t, want[t], got);
    }
    free(want);
    if (c->state == REFS_OPEN) c->state = REFS_PASSED;
}

/* ---- trainings ------------------------------------------------------------------------------------------------------------- */

static double number_in(const cJSON *object, const char *key, double or)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : or ;
}

/* Optimizer of the attributes. A list of rates that is a cosine becomes that schedule; another is written into the table. */
static struct tuff_optimizer_params training_params(struct run *r, uint32_t steps)
{
    cJSON *o = refs_json(r->c, "optimizer"), *rates = refs_json(r->c, "lr_per_step");
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(o, "name"), *betas = cJSON_GetObjectItemCaseSensitive(o, "betas");
    struct tuff_optimizer_params p = {.struct_size = sizeof p,
                                      .kind = kind_of(r->c, cJSON_IsString(name) ? name->valuestring : ""),
                                      .schedule = {.lr = number_in(o, "lr", 0)},
                                      .momentum = number_in(o, "momentum", 0),
                                      .nesterov = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "nesterov")),
                                      .weight_decay = number_in(o, "weight_decay", 0),
                                      .eps = number_in(o, "eps", 0),
                                      .clip_norm = refs_number(r->c, "clip_norm", 0)};
    if (cJSON_GetArraySize(betas) == 2) {
        p.beta1 = cJSON_GetNumberValue(cJSON_GetArrayItem(betas, 0));
        p.beta2 = cJSON_GetNumberValue(cJSON_GetArrayItem(betas, 1));
    }
    if (cJSON_IsArray(rates)) {
        struct tuff_schedule cosine = {.kind = TUFF_SCHEDULE_COSINE, .lr = p.schedule.lr, .period = steps};
        bool fits = true;
        r->lrs = refs_alloc(steps * sizeof *r->lrs);
        for (uint32_t t = 0; t < steps; t++) {
            const cJSON *rate = cJSON_GetArrayItem(rates, (int)t);
            if (!cJSON_IsNumber(rate))
                refs_fail(r->c, "attribute lr_per_step has no number for step %u", (unsigned)t);
            else
                r->lrs[t] = rate->valuedouble;
            fits = fits && fabs(r->lrs[t] - tuff_schedule_lr(&cosine, t)) < 1e-15;
        }
        if (fits) {
            p.schedule = cosine;
            free(r->lrs);
            r->lrs = NULL;
        }
    }
    cJSON_Delete(o);
    cJSON_Delete(rates);
    return p;
}

/* The device keeps the gradients in a state; in the evaluation they are the value packed into it. */
static void compare_gradient(struct run *r, const char *name, const tuff_val *params, uint32_t k)
{
    struct tuff_array array;
    struct tuff_type type;
    uint64_t count, first = tuff_pack_length(r->g, params, k);
    tuff_val vector = tuff_graph_find(r->g, "tuff/optimizer/gradients");
    if (!refs_tensor(r->c, name, &array, &type)) return;
    double *want = refs_values(&array, &count);
    size_t whole = (size_t)tuff_shape_count(&r->g->values[vector].type.shape);
    float *got = refs_alloc(whole * sizeof *got);
    if (count != tuff_shape_count(&r->g->values[params[k]].type.shape))
        refs_fail(r->c, "%s has another size than its parameter", name);
    else if (good(r, tuff_session_read(r->session, vector, got, whole * sizeof *got, &r->error)))
        compare(r, name, r->optimizer.packs[0].gradients, first, want, count, got + first);
    free(want);
    free(got);
}

/* Every tensor named prefix + leaf: grad1.* as parts of the vector of gradients, final.* as leaves. */
static void compare_named(struct run *r, const char *prefix)
{
    size_t length = strlen(prefix);
    tuff_val params[512];
    uint32_t param_count = tuff_graph_params(r->g, params, TUFF_COUNT(params)), found = 0;
    if (param_count > TUFF_COUNT(params)) refs_fail(r->c, "has more than %u parameters", (unsigned)TUFF_COUNT(params));
    bool gradients = !strncmp(prefix, "grad1", 5);
    for (size_t i = 0; i < tuff_tensors_count(r->c->tensors) && r->c->state == REFS_OPEN; i++) {
        const char *name = tuff_tensors_get(r->c->tensors, i).name;
        if (strncmp(name, prefix, length) != 0) continue;
        tuff_val v = tuff_graph_find(r->g, name + length);
        if (!v) {
            refs_fail(r->c, "%s: the network has no such parameter", name);
            return;
        }
        uint64_t count = tuff_shape_count(&r->g->values[v].type.shape);
        uint32_t k = 0;
        while (k < param_count && params[k] != v) k++;
        found += k < param_count;
        if (gradients && k == param_count)
            refs_fail(r->c, "%s is no parameter", name);
        else if (gradients)
            compare_gradient(r, name, params, k);
        else
            compare_leaf(r, name, UINT32_MAX, v, 0, count);
    }
    if (r->c->state == REFS_OPEN && found != param_count)
        refs_fail(r->c, "%s* holds %u of %u parameters", prefix, (unsigned)found, (unsigned)param_count);
}

/* x [steps, ..] and y [steps, ..] as inputs of one step, the network, its loss. */
static tuff_val build_training(struct run *r, uint32_t steps, tuff_val *x, tuff_val *y, struct refs_net *net)
{
    struct tuff_array array;
    struct tuff_type tx, ty;
    cJSON *arch = refs_json(r->c, "arch");
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(arch, "kind");
    bool there = refs_tensor(r->c, "x", &array, &tx) && array.element != TUFF_ELEMENT_F64 &&
                 refs_tensor(r->c, "y", &array, &ty);
    tuff_val loss = 0;
    if (!there || tx.shape.rank < 2 || ty.shape.rank < 2 || tx.shape.dim[0] != steps || ty.shape.dim[0] != steps ||
        ty.dtype != TUFF_I32) {
        refs_fail(r->c, "x or y does not hold %u steps", (unsigned)steps);
    } else if (!cJSON_IsString(kind)) {
        refs_fail(r->c, "attribute arch names no kind");
    } else {
        struct tuff_shape sx = {.rank = tx.shape.rank - 1}, sy = {.rank = ty.shape.rank - 1};
        memcpy(sx.dim, tx.shape.dim + 1, sx.rank * sizeof *sx.dim);
        memcpy(sy.dim, ty.shape.dim + 1, sy.rank * sizeof *sy.dim);
        *x = tuff_input(r->g, "x", tx.dtype, sx);
        *y = tuff_input(r->g, "y", TUFF_I32, sy);
        double heads = number_in(arch, "heads", 1);
        refs_net_build(r->c, r->g, kind->valuestring, heads >= 1 && heads < 1e6 ? (uint32_t)heads : 0, *x, net);
        tuff_val labels = tuff_reshape(r->g, *y, TUFF_SHAPE((uint32_t)tuff_shape_count(&sy)));
        struct tuff_cross_entropy_params params = {.label_smoothing = refs_number(r->c, "label_smoothing", 0)};
        if (r->c->state == REFS_OPEN) loss = tuff_cross_entropy(r->g, net->logits, labels, params);
    }
    cJSON_Delete(arch);
    return loss;
}

void refs_run_training(struct refs_case *c, struct tuff_device *device)
{
    struct run r;
    tuff_val x = 0, y = 0;
    struct refs_net net = {0};
    if (!begin(&r, c, device)) return;
    uint32_t steps = count_of(c, refs_number(c, "steps", 0));
    tuff_val loss = c->state == REFS_OPEN ? build_training(&r, steps, &x, &y, &net) : 0;
    struct tuff_optimizer_params p = {0};
    if (c->state == REFS_OPEN) p = training_params(&r, steps);
    add_output(&r, loss);
    bool ready = compile(&r, loss, &p, device, &net);
    for (uint32_t t = 0; ready && t < steps; t++) {
        write_row(&r, "x", x, t);
        write_row(&r, "y", y, t);
        ready = advance(&r, t, steps);
        if (!ready) break;
        compare_listed(&r, "loss", t, 0);
        if (r.optimizer.grad_norm) compare_listed(&r, "total_norm", t, 1);
        refs_eval_assign(r.e, r.outputs, r.output_count);
        if (t == 0) compare_named(&r, "grad1.");
    }
    if (ready) compare_named(&r, "final.");
    end(&r);
}

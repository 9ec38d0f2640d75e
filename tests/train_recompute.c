/* train_recompute.c - memory_budget: losses, parameters, statistics and the optimizer's states are the same bits as without, for networks with
 * dropout, batch norm, attention and loops, in f32 and mixed precision, with outputs on the way, two sizes of batch, accumulated gradients, clipping and a frozen group; the plan keeps to the budget, down to the least
 * that a refusal names; half of the scratch is enough for a GPT, little more for ResNet-18; a graph is as it was after a refusal; models. */
#include "backend/executable.h"
#include "tests/train_help.h"

#include "graph/graph.h"
#include "graph/op.h"
#include "samples/nets/nets.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 10, MOST_STEPS = 6 };

static struct tuff_error error;

static bool ok(struct backend_test *t, const char *what, tuff_status status)
{
    return backend_status(t, what, TUFF_OK, status, &error);
}

/* ---- networks ------------------------------------------------------------------------------------------------------------------- */

static tuff_val dense(struct tuff_graph *g, tuff_val x, const char *name, uint32_t units)
{
    return tuff_layer_dense(g, x, name, (struct tuff_layer_dense_params){.units = units});
}

static tuff_val build_mlp(struct tuff_graph *g, tuff_val x)
{
    char name[16];
    x = dense(g, x, "first", 64);
    for (uint32_t i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "hidden%u", (unsigned)i);
        x = tuff_layer_dropout(g, tuff_gelu(g, dense(g, x, name, 64)), 0.2, true);
    }
    return dense(g, x, "out", CLASSES);
}

static tuff_val conv_norm(struct tuff_graph *g, tuff_val x, const char *name)
{
    char norm[32];
    snprintf(norm, sizeof norm, "%s_norm", name);
    x = tuff_layer_conv2d(g, x, name,
                          (struct tuff_layer_conv2d_params){.channels = 8, .kernel = {3}, .conv = {.pad = {1, 1, 1, 1}}});
    return tuff_layer_batch_norm(g, x, norm, (struct tuff_layer_batch_norm_params){.training = true});
}

static tuff_val build_cnn(struct tuff_graph *g, tuff_val x)
{
    char name[16];
    x = tuff_relu(g, conv_norm(g, x, "first"));
    for (uint32_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "a%u", (unsigned)i);
        tuff_val y = tuff_relu(g, conv_norm(g, x, name));
        name[0] = 'b';
        x = tuff_relu(g, tuff_add(g, x, tuff_layer_channel_dropout(g, conv_norm(g, y, name), 0.1, true)));
        if (i == 1) x = tuff_max_pool2d(g, x, (struct tuff_pool2d_params){.kernel = {2, 2}});
    }
    return dense(g, tuff_flatten(g, tuff_global_avg_pool(g, x)), "out", CLASSES);
}

static tuff_val build_gpt(struct tuff_graph *g, tuff_val x)
{
    const struct tuff_layer_transformer_params params = {
        .heads = 2, .hidden = 64, .layers = 3, .norm_first = true, .final_norm = true, .training = true, .causal = true};
    x = tuff_layer_embedding(g, x, "first", (struct tuff_layer_embedding_params){.count = CLASSES, .size = 32});
    x = tuff_layer_transformer_encoder(g, tuff_layer_positions(g, x, "places", (struct tuff_layer_positions_params){0}),
                                       "layers", params);
    struct tuff_shape s = tuff_type_of(g, x).shape;
    return dense(g, tuff_reshape(g, x, TUFF_SHAPE(s.dim[0] * s.dim[1], s.dim[2])), "out", CLASSES);
}

static tuff_val build_recurrent(struct tuff_graph *g, tuff_val x)
{
    const struct tuff_layer_recurrent_params lstm = {
        .units = 24, .layers = 2, .dropout = 0.2, .batch_first = true, .bidirectional = true, .training = true};
    x = tuff_gelu(g, dense(g, x, "first", 24));
    x = tuff_layer_recurrent(g, x, "lstm", lstm).h;
    x = tuff_layer_dropout(g, tuff_tanh(g, dense(g, x, "between", 48)), 0.2, true);
    struct tuff_shape s = tuff_type_of(g, x).shape;
    return dense(g, tuff_reshape(g, x, TUFF_SHAPE(s.dim[0] * s.dim[1], s.dim[2])), "out", CLASSES);
}

static tuff_val build_zoo(struct tuff_graph *g, tuff_val x)
{
    struct zoo_build b = {.g = g, .training = true, .classes = CLASSES};
    bool language = tuff_type_of(g, x).dtype == TUFF_I32;
    return zoo_net_find(language ? "gpt-4x256" : "resnet18-32")->build(&b, x);
}

struct net {
    const char *name;
    tuff_val (*build)(struct tuff_graph *g, tuff_val x);
    struct tuff_type sample;
    uint32_t batch, last; /* last: of another trainer's steps; 0: there is none */
    uint32_t labels;      /* of a sample */
    uint32_t steps, accumulate;
    double share; /* of the scratch without a budget, which suffices where plans are fused */
    bool frozen;  /* what is called first */
    enum tuff_dtype precision;
};
static const struct net nets[] = {
    {"mlp", build_mlp, {TUFF_F32, {1, {32}}}, 64, 24, 1, 6, 2, 0.75, true, TUFF_F32},
    {"cnn", build_cnn, {TUFF_F32, {3, {3, 12, 12}}}, 16, 5, 1, 6, 1, 0.75, true, TUFF_F32},
    {"gpt", build_gpt, {TUFF_I32, {1, {24}}}, 8, 3, 24, 4, 2, 0.5, false, TUFF_F32},
    {"recurrent", build_recurrent, {TUFF_F32, {2, {9, 16}}}, 8, 3, 9, 4, 1, 0.95, true, TUFF_F32},
    {"gpt-4x256", build_zoo, {TUFF_I32, {1, {128}}}, 1, 0, 128, 3, 1, 0.5, false, TUFF_F32},
    {"resnet18-32", build_zoo, {TUFF_F32, {3, {3, 32, 32}}}, 2, 0, 1, 3, 1, 0.55, false, TUFF_F32},
    {"mlp in f16", build_mlp, {TUFF_F32, {1, {32}}}, 64, 24, 1, 6, 2, 0.95, true, TUFF_F16},
    {"cnn in f16", build_cnn, {TUFF_F32, {3, {3, 12, 12}}}, 16, 5, 1, 6, 1, 0.95, true, TUFF_F16},
    {"gpt in f16", build_gpt, {TUFF_I32, {1, {24}}}, 8, 3, 24, 4, 2, 0.95, false, TUFF_F16},
    {"gpt in bf16", build_gpt, {TUFF_I32, {1, {24}}}, 8, 3, 24, 4, 2, 0.95, false, TUFF_BF16},
    {"recurrent in bf16", build_recurrent, {TUFF_F32, {2, {9, 16}}}, 8, 3, 9, 4, 1, 1, true, TUFF_BF16},
};

/* ---- a training ------------------------------------------------------------------------------------------------------------------ */

struct part { /* a size of batch */
    struct tuff_trainer *trainer;
    tuff_val x, labels, loss, hidden; /* hidden: an output on the way, or 0 */
    uint32_t batch;
};
struct training {
    struct backend_test *t;
    const struct net *net;
    struct tuff_graph *g;
    struct tuff_session *session;
    struct part parts[2];
    uint64_t scratch, plan; /* of the first part's plan: bytes, hash */
    float losses[MOST_STEPS];
    uint64_t hash; /* of all parameters and states */
};

static struct tuff_shape batched(uint32_t batch, const struct tuff_shape *sample)
{
    struct tuff_shape shape = {.rank = sample->rank + 1, .dim = {batch}};
    for (uint32_t i = 0; i < sample->rank; i++) shape.dim[i + 1] = sample->dim[i];
    return shape;
}

static struct tuff_optimizer_params optimizer_of(const struct net *net, struct tuff_param_group *group)
{
    struct tuff_optimizer_params o = tuff_optimizer_defaults(TUFF_ADAM, 0.01);
    *group = tuff_param_group_defaults("first", "first*");
    group->frozen = true;
    o.groups = group;
    o.group_count = net->frozen;
    o.accumulate = net->accumulate;
    o.clip_norm = 1;
    o.precision.dtype = net->precision;
    return o;
}

/* The network for a size of batch, and its loss. */
static tuff_val build_part(struct training *r, uint32_t index)
{
    struct part *p = &r->parts[index];
    struct tuff_graph *g = r->g;
    tuff_val after = g->count - 1;
    p->batch = index ? r->net->last : r->net->batch;
    p->x = tuff_input(g, index ? "last/x" : "x", r->net->sample.dtype, batched(p->batch, &r->net->sample.shape));
    p->labels = tuff_input(g, index ? "last/labels" : "labels", TUFF_I32, TUFF_SHAPE(p->batch * r->net->labels));
    p->loss = tuff_cross_entropy(g, r->net->build(g, p->x), p->labels, (struct tuff_cross_entropy_params){0});
    for (tuff_val v = p->x, i = 0; v < p->loss && r->net->precision;
         v++) /* the third product, say, is read as well, in f32 */
        if (tuff_op_is_product(g->values[v].op) && ++i == 3) p->hidden = v;
    return after;
}

static tuff_status train_part(struct training *r, uint32_t index, tuff_val after, uint64_t budget)
{
    struct part *p = &r->parts[index];
    uint32_t before = r->g->count;
    struct tuff_param_group group;
    const struct tuff_trainer_params params = {.struct_size = sizeof params,
                                               .optimizer = optimizer_of(r->net, &group),
                                               .loss = p->loss,
                                               .outputs = &p->hidden,
                                               .output_count = p->hidden != 0,
                                               .after = after,
                                               .memory_budget = budget,
                                               .device = r->t->device,
                                               .like = index ? r->parts[0].trainer : NULL,
                                               .samples = (double)p->batch / r->net->batch};
    tuff_status status = tuff_trainer_create(r->g, &params, &p->trainer, &error);
    if (status != TUFF_OK)
        backend_check(r->t, r->g->count == before, "%s: after a refusal the graph has %u values, not %u", r->net->name,
                      (unsigned)r->g->count, (unsigned)before);
    return status;
}

static void close_training(struct training *r)
{
    for (uint32_t i = 2; i-- > 0;) tuff_trainer_destroy(r->parts[i].trainer);
    tuff_session_destroy(r->session);
    tuff_graph_destroy(r->g);
}

/* Both trainers, and what the first one's step takes. */
static bool open_training(struct backend_test *t, const struct net *net, uint64_t budget, struct training *r)
{
    struct tuff_plan_figures figures = {0};
    *r = (struct training){.t = t, .net = net};
    if (!ok(t, net->name, tuff_graph_create(t->context, &r->g, &error))) return false;
    for (uint32_t i = 0; i < (net->last ? 2 : 1); i++)
        if (!ok(t, net->name, train_part(r, i, build_part(r, i), budget))) return false;
    struct tuff_executable_params plan = tuff_trainer_plan(r->parts[0].trainer);
    ok(t, net->name, tuff_plan_ask(t->device, r->g, &plan, &figures, &error));
    r->scratch = figures.scratch_bytes;
    r->plan = figures.plan_hash;
    backend_check(t, !budget || r->scratch <= budget, "%s: %llu bytes of scratch, the budget is %llu", net->name,
                  (unsigned long long)r->scratch, (unsigned long long)budget);
    return true;
}

/* Another batch in each step. */
static void make_step(struct training *r, struct part *p, uint32_t step)
{
    uint64_t count = p->batch * tuff_shape_count(&r->net->sample.shape), labels = (uint64_t)p->batch * r->net->labels;
    float *x = malloc(count * sizeof *x);
    int32_t *y = malloc(labels * sizeof *y);
    if (!x || !y) exit(1);
    for (uint64_t i = 0; i < count; i++)
        if (r->net->sample.dtype == TUFF_I32)
            ((int32_t *)x)[i] = (int32_t)(zoo_hash((uint32_t)i, step) % CLASSES);
        else
            x[i] = (float)zoo_uniform((uint32_t)i, step);
    for (uint64_t i = 0; i < labels; i++) y[i] = (int32_t)(zoo_hash((uint32_t)i, 100 + step) % CLASSES);
    ok(r->t, r->net->name, tuff_trainer_write(p->trainer, p->x, x, count * sizeof *x, &error));
    ok(r->t, r->net->name, tuff_trainer_write(p->trainer, p->labels, y, labels * sizeof *y, &error));
    ok(r->t, r->net->name, tuff_trainer_step(p->trainer, NULL, &error));
    ok(r->t, r->net->name, tuff_trainer_read(p->trainer, p->loss, &r->losses[step], sizeof(float), &error));
    free(x);
    free(y);
}

static void hash_leaves(struct training *r)
{
    for (uint32_t i = 0; i < tuff_graph_leaf_count(r->g); i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(r->g, i);
        tuff_val v = tuff_graph_find(r->g, leaf.name);
        size_t bytes = (size_t)tuff_dtype_size(leaf.type.dtype, tuff_shape_count(&leaf.type.shape));
        if (!strncmp(leaf.name, "tuff/", 5)) continue; /* the host's tables */
        void *content = malloc(bytes);
        if (!content) exit(1);
        ok(r->t, leaf.name, tuff_session_read(r->session, v, content, bytes, &error));
        r->hash = tuff_hash(r->hash, content, bytes);
        free(content);
    }
}

/* The third step is of the other size. */
static bool run_training(struct backend_test *t, const struct net *net, uint64_t budget, struct training *r)
{
    bool good = open_training(t, net, budget, r) &&
                ok(t, net->name, tuff_session_create(t->device, r->g, NULL, &r->session, &error));
    for (uint32_t i = 0; i < 2 && good; i++)
        if (r->parts[i].trainer)
            good = ok(t, net->name, tuff_trainer_compile(r->parts[i].trainer, r->session, NULL, &error));
    for (uint32_t i = 0; i < net->steps && good; i++) make_step(r, &r->parts[net->last && i % 4 == 2], i);
    if (good) hash_leaves(r);
    close_training(r);
    return good;
}

/* The bytes that a refusal says are the least. */
static uint64_t least_of(struct backend_test *t, const struct net *net)
{
    struct training r = {.t = t, .net = net};
    unsigned long long least = 0;
    if (!ok(t, net->name, tuff_graph_create(t->context, &r.g, &error))) return 0;
    t->quiet = true;
    tuff_val after = build_part(&r, 0);
    backend_status(t, "a budget of one byte", TUFF_ERR_DEVICE_MEMORY, train_part(&r, 0, after, 1), &error);
    t->quiet = false;
    const char *number = strstr(error.message, "takes at least ");
    backend_check(t, number && sscanf(number, "takes at least %llu", &least) == 1,
                  "%s: expected a sentence with the least number of bytes, got \"%s\"", net->name, error.message);
    backend_check(t, ok(t, "the same graph without", train_part(&r, 0, after, 0)), "%s: a graph that was refused is lost",
                  net->name);
    close_training(&r);
    return least;
}

static void compare(struct backend_test *t, const struct training *a, const struct training *b)
{
    for (uint32_t i = 0; i < a->net->steps; i++)
        backend_check(t, isfinite(a->losses[i]) && !memcmp(&a->losses[i], &b->losses[i], sizeof(float)),
                      "%s, %llu bytes: loss %u is %.9g, without a budget %.9g", a->net->name, (unsigned long long)b->scratch,
                      (unsigned)i, (double)b->losses[i], (double)a->losses[i]);
    backend_check(t, a->hash == b->hash, "%s, %llu bytes: parameters or states differ", a->net->name,
                  (unsigned long long)b->scratch);
    /* where plans are not fused, the optimizer's own scratch may be the most */
    backend_check(t, b->plan != a->plan || b->scratch == a->scratch, "%s: a budget of less bytes, and the same plan",
                  a->net->name);
}

static void test_net(struct backend_test *t, const struct net *net, bool fused)
{
    struct training plain, again;
    uint64_t least = least_of(t, net);
    if (!run_training(t, net, 0, &plain)) return;
    printf("%s: from %llu to %llu bytes\n", net->name, (unsigned long long)plain.scratch, (unsigned long long)least);
    if (fused)
        backend_check(t, (double)least <= net->share * (double)plain.scratch,
                      "%s: at least %llu of %llu bytes, expected %g of them", net->name, (unsigned long long)least,
                      (unsigned long long)plain.scratch, net->share);
    if (run_training(t, net, least, &again)) compare(t, &plain, &again);
    if (net->steps > 4 && run_training(t, net, (least + 3 * plain.scratch) / 4, &again)) compare(t, &plain, &again);
    /* what fits is left as it is */
    if (open_training(t, net, plain.scratch, &again))
        backend_check(t, again.scratch == plain.scratch && again.plan == plain.plan, "%s: a budget that suffices costs",
                      net->name);
    close_training(&again);
}

/* ---- models ---------------------------------------------------------------------------------------------------------------------- */

static void test_refusals(struct backend_test *t)
{
    struct tuff_graph *g = NULL;
    struct tuff_trainer *trainer = NULL;
    if (!ok(t, "graph", tuff_graph_create(t->context, &g, &error))) return;
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(3), (struct tuff_init){0});
    struct tuff_trainer_params params = {.struct_size = sizeof params,
                                         .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.1),
                                         .loss = tuff_sum(g, w, 0, TUFF_DROP_AXES),
                                         .memory_budget = 4096};
    t->quiet = true;
    backend_status(t, "no device", TUFF_ERR_USAGE, tuff_trainer_create(g, &params, &trainer, &error), &error);
    t->quiet = false;
    backend_check(t, strstr(error.message, "memory_budget is 4096, but device is NULL"), "got \"%s\"", error.message);
    tuff_graph_destroy(g);
}

/* budgets[i]: of the fit up to epoch i + 1, one model */
static bool fit_model(struct backend_test *t, struct train *m, const uint64_t budgets[2], struct train_content *content)
{
    bool good = ok(t, "model", train_model(m, &(struct train_params){.stream = budgets[0] != 0}, &error));
    for (uint32_t i = 0; i < 2 && good; i++) {
        m->fit.epochs = i + 1;
        m->fit.memory_budget = budgets[i];
        good = ok(t, "fit", train_fit(m, &error));
    }
    good = good && ok(t, "content", train_content(m, content, &error));
    train_close_model(m);
    return good;
}

/* Batches of 16 and a last one; a budget that begins with the second fit; figures before there is a plan. */
static void test_model(struct backend_test *t, bool fused)
{
    struct train m = {.context = t->context, .device = t->device};
    struct tuff_plan_figures plain = {0}, least = {0};
    if (!ok(t, "model", train_model(&m, &(struct train_params){0}, &error))) return;
    ok(t, "memory", tuff_model_memory(m.model, &m.data, &m.fit, &plain, &error));
    m.fit.memory_budget = 1;
    t->quiet = true;
    backend_status(t, "one byte", TUFF_ERR_DEVICE_MEMORY, train_fit(&m, &error), &error);
    t->quiet = false;
    const char *number = strstr(error.message, "takes at least ");
    m.fit.memory_budget = number ? strtoull(number + strlen("takes at least "), NULL, 10) : 0;
    uint64_t budgets[3][2] = {{0, 0}, {m.fit.memory_budget, m.fit.memory_budget}, {0, m.fit.memory_budget}};
    ok(t, "memory of the least", tuff_model_memory(m.model, &m.data, &m.fit, &least, &error));
    backend_check(t, !fused || least.scratch_bytes < plain.scratch_bytes, "a model takes %llu and %llu bytes",
                  (unsigned long long)least.scratch_bytes, (unsigned long long)plain.scratch_bytes);
    train_close_model(&m);
    struct train_content contents[3] = {{0}};
    for (uint32_t i = 0; i < 3; i++) {
        if (!fit_model(t, &m, budgets[i], &contents[i])) return;
        const char *what = i == 1 ? "a fit within a budget" : "a budget from the second fit on";
        if (i) train_expect_same(t, what, &contents[0], &contents[i]);
    }
    for (uint32_t i = 0; i < 3; i++) free(contents[i].bytes);
}

int main(void)
{
    struct backend_test test;
    struct tuff_options options = {.struct_size = sizeof options};
    tuff_options_from_env(&options);
    int missing = backend_test_begin(&test, &options);
    if (missing) return missing;
    bool fused = !(options.debug & (TUFF_DEBUG_NOFUSE | TUFF_DEBUG_NOALIAS | TUFF_DEBUG_NOCOMPILER)) && tuff_glslang();
    test_refusals(&test);
    test_model(&test, fused);
    for (size_t i = 0; i < TUFF_COUNT(nets); i++)
        if (tuff_glslang() || !nets[i].precision) /* kernels of the build read no products of 16 bits */
            test_net(&test, &nets[i], fused);
    return backend_test_end(&test, "train_recompute");
}

/* layers.c - torch-layers: each case of tests/torch/layers_*.c on the device and by its definition, printed for tests/torch/layers.py. Text of
 * lines, as that of torch-edges:
 *   case NAME KEY=VALUE.. | in NAME DTYPE SHAPE NUMBERS.. | leaf NAME SHAPE NUMBERS.. | out BY NAME SHAPE NUMBERS.. | end
 * Leaves are parameters and states as they begin. Results are y0, y1, ..; d.NAME is the gradient of the sum of y0 weighted by the input w, of inputs
 * (a, b, ..) and parameters; loss.K that of step K of ten of SGD (rate 0.05, momentum 0.9) with loss = mean of (y0 - w)^2, and after.NAME what
 * leaves are then. */
#include "tests/torch/layers.h"
#include "tests/backend_help.h"
#include "tests/op_help.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_OUTPUTS = 64, STEPS = 10 };
static const char *const letters[LAYER_INPUTS] = {"a", "b", "c", "d"};

struct net {
    struct tuff_device *device;
    struct tuff_context *context;
    const struct layer_case *c;
    struct op_random random;
    struct tuff_graph *g;
    tuff_val in[LAYER_INPUTS], w, y[LAYER_RESULTS];
    void *content[LAYER_INPUTS + 1]; /* [owned] of inputs and w, as they are written */
};

static void check(const struct net *n, tuff_status status, const struct tuff_error *error)
{
    if (status == TUFF_OK) return;
    printf("%s: %s\n", n->c->name, error->message);
    exit(1);
}

static void *room(uint64_t bytes)
{
    void *p = calloc(1, (size_t)bytes + 1);
    if (!p) exit(1);
    return p;
}

static void print_values(struct tuff_shape shape, enum tuff_dtype dtype, const void *data)
{
    uint64_t count = tuff_shape_count(&shape);
    for (uint32_t i = 0; i < shape.rank; i++) printf(i ? ",%u" : "%u", (unsigned)shape.dim[i]);
    printf(shape.rank ? " " : "- ");
    for (uint64_t k = 0; k < count; k++) {
        double x = dtype == TUFF_F64   ? ((const double *)data)[k]
                   : dtype == TUFF_I32 ? (double)((const int32_t *)data)[k]
                   : dtype == TUFF_F32 ? (double)((const float *)data)[k]
                                       : (double)((const uint8_t *)data)[k];
        printf(" %.17g", x);
    }
    printf("\n");
}

static struct tuff_shape shape_of(const struct layer_input *in)
{
    struct tuff_shape shape = {0};
    while (shape.rank < TUFF_MAX_RANK && in->dim[shape.rank]) shape.dim[shape.rank] = in->dim[shape.rank], shape.rank++;
    return shape;
}

static void *fill(struct net *n, const struct layer_input *in)
{
    struct tuff_shape shape = shape_of(in);
    uint64_t count = tuff_shape_count(&shape);
    void *data = room(count * 4);
    double scale = in->scale ? (double)in->scale : 1;
    for (uint64_t k = 0; k < count; k++) {
        if (in->dtype == TUFF_F32)
            ((float *)data)[k] = (float)((in->uniform ? op_uniform(&n->random, 0, 1) : op_normal(&n->random)) * scale +
                                         (double)in->shift);
        else if (in->dtype == TUFF_I32)
            ((int32_t *)data)[k] = (int32_t)op_below(&n->random, in->most);
        else
            ((uint8_t *)data)[k] = (uint8_t)op_below(&n->random, 2);
    }
    return data;
}

static tuff_val add_input(struct net *n, uint32_t at, const char *name, const struct layer_input *in)
{
    if (!n->content[at]) {
        n->content[at] = fill(n, in);
        printf("in %s %s ", name, tuff_dtype_name(in->dtype));
        print_values(shape_of(in), in->dtype, n->content[at]);
    }
    return tuff_input(n->g, name, in->dtype, shape_of(in));
}

/* The layer in a new graph, and a weight for each number of its first result. */
static void declare(struct net *n, bool training)
{
    struct tuff_error e = {0};
    check(n, tuff_graph_create(n->context, &n->g, &e), &e);
    for (uint32_t i = 0; i < LAYER_INPUTS; i++)
        n->in[i] = n->c->in[i].dim[0] ? add_input(n, i, letters[i], &n->c->in[i]) : 0;
    memset(n->y, 0, sizeof n->y);
    n->c->build(n->g, n->in, training, n->y);
    check(n, tuff_graph_finish(n->g, &e), &e);
    struct tuff_shape shape = tuff_type_of(n->g, n->y[0]).shape;
    struct layer_input w = {.dtype = TUFF_F32};
    memcpy(w.dim, shape.dim, sizeof w.dim);
    n->w = add_input(n, LAYER_INPUTS, "w", &w);
}

static size_t bytes_of(const struct net *n, tuff_val v)
{
    struct tuff_type type = tuff_type_of(n->g, v);
    return (size_t)tuff_dtype_size(type.dtype, tuff_shape_count(&type.shape));
}

/* Every parameter and state, as `what` prints them. */
static void print_leaves(struct net *n, struct tuff_session *session, const char *what, uint32_t count)
{
    struct tuff_error e = {0};
    for (uint32_t i = 0; i < count; i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(n->g, i);
        tuff_val v = tuff_graph_find(n->g, leaf.name);
        void *data = room(bytes_of(n, v));
        check(n, tuff_session_read(session, v, data, bytes_of(n, v), &e), &e);
        printf("%s%s ", what, leaf.name);
        print_values(leaf.type.shape, leaf.type.dtype, data);
        free(data);
    }
}

struct outputs {
    tuff_val v[MOST_OUTPUTS];
    char name[MOST_OUTPUTS][80];
    uint32_t count;
};

static void add_output(struct outputs *o, tuff_val v, const char *prefix, const char *name)
{
    if (o->count == MOST_OUTPUTS) exit(1);
    snprintf(o->name[o->count], sizeof o->name[0], "%s%s", prefix, name);
    o->v[o->count++] = v;
}

static void list_outputs(struct net *n, struct outputs *o)
{
    tuff_val by[MOST_OUTPUTS], gradients[MOST_OUTPUTS];
    const char *names[MOST_OUTPUTS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < LAYER_RESULTS; i++)
        if (n->y[i]) add_output(o, n->y[i], "y", (const char *[]){"0", "1", "2", "3"}[i]);
    for (uint32_t i = 0; i < LAYER_INPUTS; i++)
        if (n->in[i] && n->c->in[i].dtype == TUFF_F32 && !n->c->in[i].constant)
            names[count] = letters[i], by[count++] = n->in[i];
    for (uint32_t i = 0; i < tuff_graph_leaf_count(n->g) && count < MOST_OUTPUTS; i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(n->g, i);
        if (leaf.trained) names[count] = leaf.name, by[count++] = tuff_graph_find(n->g, leaf.name);
    }
    tuff_gradients(n->g, n->y[0], n->w, by, count, gradients);
    for (uint32_t i = 0; i < count; i++) add_output(o, gradients[i], "d.", names[i]);
}

static void by_definition(struct net *n, struct tuff_session *session, const struct outputs *o)
{
    struct tuff_error e = {0};
    struct tuff_leaf_content content[LAYER_INPUTS + 1 + MOST_OUTPUTS];
    double *results[MOST_OUTPUTS];
    uint32_t count = 0, begun;
    for (uint32_t i = 0; i < LAYER_INPUTS; i++)
        if (n->in[i]) content[count++] = (struct tuff_leaf_content){n->in[i], n->content[i]};
    content[count++] = (struct tuff_leaf_content){n->w, n->content[LAYER_INPUTS]};
    begun = count;
    for (uint32_t i = 0; i < tuff_graph_leaf_count(n->g); i++) {
        tuff_val v = tuff_graph_find(n->g, tuff_graph_leaf(n->g, i).name);
        void *data = room(bytes_of(n, v));
        check(n, tuff_session_read(session, v, data, bytes_of(n, v), &e), &e);
        content[count++] = (struct tuff_leaf_content){v, data};
    }
    for (uint32_t i = 0; i < o->count; i++) {
        struct tuff_shape shape = tuff_type_of(n->g, o->v[i]).shape;
        results[i] = room(tuff_shape_count(&shape) * sizeof(double));
    }
    struct tuff_evaluate_params params = {
        .struct_size = sizeof params, .outputs = o->v, .output_count = o->count, .leaves = content, .leaf_count = count};
    check(n, tuff_evaluate(n->g, &params, results, &e), &e);
    for (uint32_t i = 0; i < o->count; i++) {
        printf("out definition %s ", o->name[i]);
        print_values(tuff_type_of(n->g, o->v[i]).shape, TUFF_F64, results[i]);
        free(results[i]);
    }
    for (uint32_t i = begun; i < count; i++) free((void *)(uintptr_t)content[i].data);
}

static void compute(struct net *n)
{
    struct tuff_error e = {0};
    struct tuff_session *session = NULL;
    struct tuff_executable *run = NULL;
    static struct outputs o;
    o.count = 0;
    declare(n, false);
    list_outputs(n, &o);
    check(n, tuff_graph_finish(n->g, &e), &e);
    check(n, tuff_session_create(n->device, n->g, NULL, &session, &e), &e);
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = o.v, .output_count = o.count};
    check(n, tuff_session_compile(session, &params, &run, &e), &e);
    print_leaves(n, session, "leaf ", tuff_graph_leaf_count(n->g));
    for (uint32_t i = 0; i < LAYER_INPUTS; i++)
        if (n->in[i]) check(n, tuff_executable_write(run, n->in[i], n->content[i], bytes_of(n, n->in[i]), &e), &e);
    check(n, tuff_executable_write(run, n->w, n->content[LAYER_INPUTS], bytes_of(n, n->w), &e), &e);
    check(n, tuff_executable_run(run, &e), &e);
    for (uint32_t i = 0; i < o.count; i++) {
        struct tuff_type type = tuff_type_of(n->g, o.v[i]);
        size_t bytes = (size_t)tuff_dtype_size(type.dtype, tuff_shape_count(&type.shape));
        void *data = room(bytes);
        check(n, tuff_executable_read(run, i, data, bytes, &e), &e);
        printf("out device %s ", o.name[i]);
        print_values(type.shape, type.dtype, data);
        free(data);
    }
    by_definition(n, session, &o);
    tuff_executable_destroy(run);
    tuff_session_destroy(session);
    tuff_graph_destroy(n->g);
}

static void train(struct net *n)
{
    struct tuff_error e = {0};
    struct tuff_session *session = NULL;
    struct tuff_trainer *trainer = NULL;
    declare(n, true);
    uint32_t own = tuff_graph_leaf_count(n->g);
    tuff_val loss = tuff_mse_loss(n->g, n->y[0], n->w, TUFF_REDUCE_MEAN);
    struct tuff_trainer_params params = {
        .struct_size = sizeof params, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.05), .loss = loss};
    params.optimizer.momentum = 0.9;
    check(n, tuff_trainer_create(n->g, &params, &trainer, &e), &e);
    check(n, tuff_session_create(n->device, n->g, NULL, &session, &e), &e);
    check(n, tuff_trainer_compile(trainer, session, NULL, &e), &e);
    for (int step = 0; step < STEPS; step++) {
        float value = 0;
        for (uint32_t i = 0; i < LAYER_INPUTS; i++)
            if (n->in[i]) check(n, tuff_trainer_write(trainer, n->in[i], n->content[i], bytes_of(n, n->in[i]), &e), &e);
        check(n, tuff_trainer_write(trainer, n->w, n->content[LAYER_INPUTS], bytes_of(n, n->w), &e), &e);
        check(n, tuff_trainer_step(trainer, NULL, &e), &e);
        check(n, tuff_trainer_read(trainer, loss, &value, sizeof value, &e), &e);
        printf("out trained loss.%d -  %.17g\n", step, (double)value);
    }
    print_leaves(n, session, "out trained after.", own);
    tuff_trainer_destroy(trainer);
    tuff_session_destroy(session);
    tuff_graph_destroy(n->g);
}

static void run_cases(struct backend_test *t, struct op_random random, const struct layer_case *cases, const char *only)
{
    for (const struct layer_case *c = cases; c->name; c++) {
        struct net n = {.device = t->device, .context = t->context, .c = c, .random = random};
        if (only && !strstr(c->name, only)) continue;
        printf("case %s %s\n", c->name, c->numbers);
        compute(&n);
        if (!c->no_training) train(&n);
        printf("end\n");
        for (uint32_t i = 0; i < TUFF_COUNT(n.content); i++) free(n.content[i]);
    }
}

/* torch-layers [--seed N] [part of a name] */
int main(int argc, char **argv)
{
    static const struct layer_case *const lists[] = {layer_cases_basic, layer_cases_sequence, layer_cases_spatial,
                                                     layer_cases_losses};
    struct backend_test t;
    struct op_random random = op_random_start(argc, argv);
    int status = backend_test_begin(&t, NULL);
    if (status != 0) return status;
    for (uint32_t i = 0; i < TUFF_COUNT(lists); i++)
        run_cases(&t, random, lists[i], argc == 2 || argc == 4 ? argv[argc - 1] : NULL);
    return backend_test_end(&t, "torch-layers");
}

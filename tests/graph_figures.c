/* graph_figures.c - the figures of plans (tuff_plan_ask) against what they are by hand, without a device. */
#include "backend/backend.h"
#include "graph/compile/compile.h"
#include "graph/train/optimizer.h"
#include "tests/graph_help.h"

#include <stdio.h>
#include <stdlib.h>

struct figures_test {
    struct tuff_context *context;
    unsigned failures;
};

#define check(t, ...) graph_check(&(t)->failures, __VA_ARGS__)

static bool count(struct figures_test *t, const struct tuff_graph *g, const tuff_val *outputs, uint32_t output_count,
                  uint32_t which, uint32_t debug, const char *what, struct tuff_plan_figures *f)
{
    struct tuff_error error = {0};
    struct tuff_caps caps = graph_caps(which);
    struct tuff_compiled compiled;
    struct tuff_compile_params params = {
        .graph = g, .outputs = outputs, .output_count = output_count, .caps = &caps, .debug = debug | TUFF_DEBUG_CHECK};
    tuff_status status = tuff_compile(&params, &compiled, &error);
    if (!check(t, status == TUFF_OK, "%s: %s: %s", what, tuff_status_name(status), error.message)) return false;
    if (tuff_figures_of(&compiled.plan, compiled.output_slots[0], 1, t->context, f, &error) != TUFF_OK) abort();
    check(t, f->plan_hash == tuff_plan_hash(&compiled.plan), "%s: another hash than the plan's", what);
    tuff_plan_finish(&compiled.plan);
    return true;
}

static void expect(struct figures_test *t, const char *what, const char *figure, uint64_t expected, uint64_t got)
{
    check(t, expected == got, "%s: %s: expected %llu, got %llu", what, figure, (unsigned long long)expected,
          (unsigned long long)got);
}
#define EXPECT(figure, value) expect(t, what, #figure, value, f.figure)

static tuff_val input(struct tuff_graph *g, const char *name, uint32_t rows, uint32_t columns)
{
    return tuff_input(g, name, TUFF_F32, TUFF_SHAPE(rows, columns));
}

static tuff_val param(struct tuff_graph *g, const char *name, struct tuff_shape shape)
{
    return tuff_param(g, name, shape, (struct tuff_init){TUFF_INIT_KAIMING_UNIFORM, 0, 0, NULL, 0});
}

static const struct tuff_matmul_params by_rows = {.transpose_b = true};

static void test_pointwise(struct figures_test *t)
{
    static const char what[] = "pointwise";
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_plan_figures f;
    tuff_val a = input(g, "a", 64, 64), y = tuff_mul(g, tuff_relu(g, tuff_add(g, a, input(g, "b", 64, 64))), a);
    if (count(t, g, &y, 1, 0, 0, what, &f)) {
        EXPECT(launches, 1);
        EXPECT(barriers, 0);
        EXPECT(pipelines, 1);
        EXPECT(kernels, 1);
        EXPECT(bytes_read, 2 * 16384); /* a is read once by the one launch, though it is used twice */
        EXPECT(bytes_written, 16384);
        EXPECT(bytes_least, 3 * 16384);
        EXPECT(bytes_by_products, 3 * 16384); /* there is none */
        EXPECT(input_bytes, 2 * 16384);
        EXPECT(output_bytes, 16384);
        EXPECT(total_bytes, 3 * 16384);
        EXPECT(scratch_bytes, 0);
        EXPECT(scratch_bound_bytes, 0);
        EXPECT(saved_bytes, 0);
    }
    tuff_graph_destroy(g);
}

/* y = relu(x w1^T) w2^T */
static void test_layers(struct figures_test *t)
{
    static const char what[] = "two layers";
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_plan_figures f;
    tuff_val h = tuff_relu(g, tuff_matmul(g, input(g, "x", 64, 128), param(g, "w1", TUFF_SHAPE(256, 128)), by_rows));
    tuff_val y = tuff_matmul(g, h, param(g, "w2", TUFF_SHAPE(64, 256)), by_rows);
    if (count(t, g, &y, 1, 0, 0, what, &f)) {
        EXPECT(launches, 2);
        EXPECT(barriers, 1);
        EXPECT(pipelines, 2);
        EXPECT(kernels, 2);
        EXPECT(bytes_read, 32768 + 131072 + 65536 + 65536); /* x, w1, h, w2 */
        EXPECT(bytes_written, 65536 + 16384);               /* h, y */
        EXPECT(bytes_least, 32768 + 131072 + 65536 + 16384);
        EXPECT(bytes_by_products, 32768 + 131072 + 65536 + 65536 + 65536 + 16384); /* h is written and read */
        EXPECT(param_bytes, 131072 + 65536);
        EXPECT(scratch_bytes, 65536);
        EXPECT(scratch_bound_bytes, 65536);
        EXPECT(saved_bytes, 0);
        EXPECT(flops, 2ull * 64 * 256 * 128 + 2ull * 64 * 64 * 256);
    }
    tuff_graph_destroy(g);
}

/* Rows of a large table: by a gather, by a slice, by two gathers, by a gather and whole. */
static void test_rows(struct figures_test *t)
{
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_plan_figures f;
    tuff_val table = param(g, "table", TUFF_SHAPE(4096, 64)), at = tuff_input(g, "at", TUFF_I32, TUFF_SHAPE(8)),
             other = tuff_input(g, "other", TUFF_I32, TUFF_SHAPE(8));
    tuff_val rows = tuff_gather(g, table, at, 0), y = tuff_relu(g, rows), what_y;
    const char *what = "gather";
    if (count(t, g, &y, 1, 0, 0, what, &f)) {
        EXPECT(bytes_read, 2048 + 32);
        EXPECT(bytes_written, 2048);
        EXPECT(bytes_least, 2048 + 32 + 2048);
        EXPECT(param_bytes, 4096 * 256);
    }
    what = "slice";
    what_y = tuff_relu(g, tuff_slice(g, table, (uint32_t[]){7, 3}, (int32_t[]){5, 2}, (uint32_t[]){4, 16}));
    if (count(t, g, &what_y, 1, 0, 0, what, &f)) {
        EXPECT(bytes_read, 4 * 16 * 4);
        EXPECT(bytes_least, 2 * 4 * 16 * 4);
    }
    what = "two gathers";
    what_y = tuff_add(g, y, tuff_gather(g, table, other, 0));
    if (count(t, g, &what_y, 1, 0, 0, what, &f)) {
        EXPECT(launches, 1);
        EXPECT(bytes_read, 2 * (2048 + 32));
    }
    what = "gather and whole";
    tuff_val both[2] = {y, tuff_relu(g, table)};
    if (count(t, g, both, 2, 0, 0, what, &f)) {
        EXPECT(bytes_read, 2048 + 32 + 4096 * 256);
        EXPECT(bytes_least, 32 + 4096 * 256 + 2048 + 4096 * 256);
        EXPECT(saved_bytes, 0);
    }
    tuff_graph_destroy(g);
}

/* A state that is read and written, a constant of which a part is read. */
static void test_states(struct figures_test *t)
{
    static const char what[] = "state";
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_plan_figures f;
    float numbers[512] = {1, 2, 3};
    tuff_val s = tuff_state(g, "s", TUFF_F32, TUFF_SHAPE(256), (struct tuff_init){0});
    tuff_val c = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(512)}, numbers);
    c = tuff_slice(g, c, (uint32_t[]){64}, (int32_t[]){1}, (uint32_t[]){256});
    tuff_val update = tuff_assign(g, s, tuff_add(g, tuff_affine(g, s, 0.5, 0), c));
    if (count(t, g, &update, 1, 0, 0, what, &f)) {
        EXPECT(launches, 1);
        EXPECT(bytes_read, 2 * 1024);
        EXPECT(bytes_written, 1024);
        EXPECT(bytes_least, 3 * 1024);
        EXPECT(state_bytes, 1024);
        EXPECT(saved_bytes, 0);
    }
    tuff_graph_destroy(g);
}

static void build_sgd(struct tuff_graph *g, tuff_val loss, struct tuff_optimizer *optimizer)
{
    const struct tuff_optimizer_params sgd = tuff_optimizer_defaults(TUFF_SGD, 0.1);
    tuff_optimizer_build(g, &(struct tuff_optimizer_plan){.loss = loss, .weight = 1}, &sgd, optimizer);
}

/* h = relu(x w1^T + b1), y = h w2^T, loss = mean (y - target)^2, and SGD. Backward needs h, for relu and for the gradient of w2,
 * and y (or the difference to the target, of the same size); x, target and the weights lie elsewhere. */
static void test_training(struct figures_test *t)
{
    static const char what[] = "training";
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_plan_figures f;
    tuff_val h = tuff_matmul(g, input(g, "x", 32, 64), param(g, "w1", TUFF_SHAPE(128, 64)), by_rows);
    h = tuff_relu(g, tuff_add(g, h, param(g, "b1", TUFF_SHAPE(128))));
    tuff_val y = tuff_matmul(g, h, param(g, "w2", TUFF_SHAPE(64, 128)), by_rows);
    tuff_val outputs[1 + TUFF_OPTIMIZER_UPDATES] = {tuff_mse_loss(g, y, input(g, "target", 32, 64), TUFF_REDUCE_MEAN)};
    struct tuff_optimizer optimizer;
    build_sgd(g, outputs[0], &optimizer);
    for (uint32_t i = 0; i < optimizer.update_count; i++) outputs[1 + i] = optimizer.updates[i];
    enum { PARAMS = 32768 + 512 + 32768 };
    for (uint32_t device = 0; device < graph_caps_count; device++) {
        if (!count(t, g, outputs, 1 + optimizer.update_count, device, 0, what, &f)) continue;
        EXPECT(saved_bytes, 32 * 128 * 4 + 32 * 64 * 4);
        EXPECT(param_bytes, PARAMS);
        /* parameters read and written, x, target, loss, a row of step sizes, its number, four counts of runs; gradients pass */
        EXPECT(bytes_least, 2 * PARAMS + 2 * 8192 + 4 + 16 + 4 + 16);
        /* five products: x w1, h w2, the gradients of w2, h and w1, each of three matrices that take 56 KiB together */
        check(t, f.bytes_by_products >= 5 * 57344 + 2 * PARAMS && f.bytes_by_products <= f.bytes_read + f.bytes_written,
              "training: %llu bytes by products, %llu moved", (unsigned long long)f.bytes_by_products,
              (unsigned long long)(f.bytes_read + f.bytes_written));
    }
    tuff_graph_destroy(g);
}

/* Norms: sums forward and backward are of the same rows, and where nobody asks for the result they and x's gradient are one launch.
 * Gradients of gamma and beta are views of sums, copied as they are outputs; those of layer norm go over other axes. */
static void test_norms(struct figures_test *t)
{
    static const char *const names[] = {"batch norm", "layer norm"};
    static const uint32_t launches[] = {3, 4};
    for (int which = 0; which < 2; which++) {
        const char *what = names[which];
        struct tuff_graph *g = graph_fresh(t->context);
        struct tuff_plan_figures f;
        const struct tuff_shape c = TUFF_SHAPE(64), shape = which ? TUFF_SHAPE(48, 64) : TUFF_SHAPE(4, 64, 8, 8);
        tuff_val leaves[3] = {tuff_input(g, "x", TUFF_F32, shape), param(g, "gamma", c), param(g, "beta", c)}, gradients[3];
        tuff_val mean = tuff_state(g, "mean", TUFF_F32, c, (struct tuff_init){0}),
                 var = tuff_state(g, "var", TUFF_F32, c, (struct tuff_init){0});
        tuff_val y = which ? tuff_layer_norm(g, leaves[0], leaves[1], leaves[2], 1, 1e-5)
                           : tuff_batch_norm_train(g, leaves[0], leaves[1], leaves[2], mean, var, 1e-5, 0.1).y;
        tuff_gradients(g, y, tuff_input(g, "gy", TUFF_F32, shape), leaves, 3, gradients);
        if (count(t, g, gradients, 3, 0, 0, what, &f)) EXPECT(launches, launches[which]);
        tuff_graph_destroy(g);
    }
}

/* One sum is the gradient of two parameters: a launch writes both places of it. */
static void test_two_places(struct figures_test *t)
{
    static const char what[] = "two places";
    struct tuff_plan_figures one, f;
    for (int both = 0; both < 2; both++) {
        struct tuff_graph *net = graph_fresh(t->context);
        tuff_val v = tuff_add(net, input(net, "x", 48, 64), param(net, "a", TUFF_SHAPE(64)));
        if (both) v = tuff_add(net, v, param(net, "b", TUFF_SHAPE(64)));
        tuff_val outputs[1 + TUFF_OPTIMIZER_UPDATES] = {tuff_sum(net, tuff_tanh(net, v), 0, TUFF_DROP_AXES)};
        struct tuff_optimizer optimizer;
        build_sgd(net, outputs[0], &optimizer);
        for (uint32_t i = 0; i < optimizer.update_count; i++) outputs[1 + i] = optimizer.updates[i];
        if (count(t, net, outputs, 1 + optimizer.update_count, 0, 0, what, both ? &f : &one) && both)
            EXPECT(launches, one.launches);
        tuff_graph_destroy(net);
    }
}

/* What must hold of every plan. */
static void test_networks(struct figures_test *t)
{
    for (uint32_t n = 0; n < graph_network_count; n++) {
        struct tuff_graph *g = graph_fresh(t->context);
        tuff_val outputs[GRAPH_HELP_OUTPUTS];
        uint32_t output_count = graph_network(g, n, outputs);
        for (uint32_t d = 0; d < graph_caps_count; d++) {
            struct tuff_plan_figures f, apart;
            char what[64];
            snprintf(what, sizeof what, "%s on %s", graph_network_names[n], graph_caps_names[d]);
            if (!count(t, g, outputs, output_count, d, 0, what, &f) ||
                !count(t, g, outputs, output_count, d, TUFF_DEBUG_NOALIAS, what, &apart))
                continue;
            printf("%s: %u launches, read %llu, written %llu, least %llu; scratch %llu, bound %llu, saved %llu bytes\n",
                   what, (unsigned)f.launches, (unsigned long long)f.bytes_read, (unsigned long long)f.bytes_written,
                   (unsigned long long)f.bytes_least, (unsigned long long)f.scratch_bytes,
                   (unsigned long long)f.scratch_bound_bytes, (unsigned long long)f.saved_bytes);
            check(t, f.bytes_least <= f.bytes_read + f.bytes_written, "%s: moves less than the least", what);
            check(t, f.bytes_by_products <= f.bytes_read + f.bytes_written, "%s: moves less than by products", what);
            check(t, f.scratch_bound_bytes <= f.scratch_bytes && !f.scratch_bound_bytes == !f.scratch_bytes,
                  "%s: scratch beyond its bound", what);
            check(t, apart.scratch_bound_bytes <= apart.scratch_bytes && apart.scratch_bytes >= f.scratch_bytes,
                  "%s: more scratch where values share it", what);
            check(t, f.saved_bytes <= apart.saved_bytes, "%s: %llu bytes saved, %llu where updates of states are copied",
                  what, (unsigned long long)f.saved_bytes, (unsigned long long)apart.saved_bytes);
            check(t, f.scratch_bytes <= f.scratch_bound_bytes + f.scratch_bound_bytes / 10 || f.scratch_bytes <= 65536,
                  "%s: %llu bytes of scratch, where %llu live at once", what, (unsigned long long)f.scratch_bytes,
                  (unsigned long long)f.scratch_bound_bytes);
            check(t, f.barriers_least <= f.barriers, "%s: %u barriers, fewer than %u", what, (unsigned)f.barriers,
                  (unsigned)f.barriers_least);
            check(t, f.kernels <= f.pipelines && f.pipelines <= f.launches, "%s: more kernels than launches", what);
        }
        tuff_graph_destroy(g);
    }
}

/* Two branches of three products each from one input, and their sum: what stands side by side takes no barrier of its own. */
static void test_barriers(struct figures_test *t)
{
    static const char what[] = "branches";
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_error error = {0};
    struct tuff_caps caps = graph_caps(0);
    struct tuff_compiled compiled;
    tuff_val x = input(g, "x", 64, 64), a = x, b = x;
    for (int i = 0; i < 3; i++) a = tuff_matmul(g, a, x, by_rows);
    for (int i = 0; i < 3; i++) b = tuff_matmul(g, x, b, by_rows);
    tuff_val y[2] = {tuff_matmul(g, a, b, by_rows), tuff_matmul(g, x, x, by_rows)};
    struct tuff_compile_params params = {
        .graph = g, .outputs = y, .output_count = 2, .caps = &caps, .debug = TUFF_DEBUG_CHECK};
    if (tuff_compile(&params, &compiled, &error) != TUFF_OK) abort();
    const struct tuff_plan *plan = &compiled.plan;
    struct tuff_text text = {.context = t->context};
    uint32_t barriers = 0, least = 0;
    for (uint32_t i = 0; i < plan->launch_count; i++) barriers += plan->launches[i].barrier;
    if (tuff_count_barriers(plan, t->context, &least, &error) != TUFF_OK) abort();
    if (tuff_print_barriers(plan, &text, &error) != TUFF_OK) abort();
    expect(t, what, "barriers", 3, barriers); /* the first products are equal, and an output beside them */
    expect(t, what, "barriers_least", 3, least);
    check(t, text.data && strstr(text.data, "3 barriers. ") && strstr(text.data, "needs 3:\n"), "%s: the text says: %s",
          what, text.data ? text.data : "nothing");
    tuff_text_finish(&text);
    /* In the order of one branch behind the other the chain is the same, and more barriers stand. */
    for (uint32_t i = 1; i < plan->launch_count; i++) plan->launches[i].barrier = true;
    if (tuff_count_barriers(plan, t->context, &least, &error) != TUFF_OK) abort();
    expect(t, what, "barriers_least of a serial plan", 3, least);
    tuff_plan_finish(&compiled.plan);
    tuff_graph_destroy(g);
}

/* Parts of k, in a compiler's copy: as long as whole rounds are, and no product more. */
static void test_splits(struct figures_test *t)
{
    static const char what[] = "513 terms in two parts";
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_caps caps = graph_caps(0);
    g->caps = &caps;
    const tuff_val in[2] = {input(g, "a", 3, 513), input(g, "b", 513, 5)};
    const uint32_t attrs[] = {0, 0, 2}; /* splits */
    const struct tuff_value *y = tuff_value_of(g, tuff_graph_add(g, &tuff_op_matmul, in, 2, attrs));
    const struct tuff_type types[2] = {tuff_type_of(g, in[0]), tuff_type_of(g, in[1])};
    if (check(t, g->status == TUFF_OK, "%s: %s", what, g->error.message)) {
        expect(t, what, "terms", 288, (uint64_t)y->op->terms(y, types));
        expect(t, what, "work", 2 * 3 * 513 * 5, (uint64_t)(tuff_op_work(y, types) + 0.5));
    }
    tuff_graph_destroy(g);
}

/* Launches that bind the slot of this name so. */
static uint32_t launches_with(const struct tuff_plan *plan, const char *name, enum tuff_access access)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < plan->launch_count; i++) {
        bool binds = false;
        for (uint32_t k = 0; k < plan->launches[i].binding_count; k++) {
            const struct tuff_plan_binding *binding = &plan->bindings[plan->launches[i].binding_first + k];
            binds = binds || (binding->access & access && !strcmp(plan->slots[binding->slot].name, name));
        }
        found += binds;
    }
    return found;
}

static void compile_step(struct figures_test *t, struct tuff_graph *g, tuff_val loss,
                         const struct tuff_optimizer_params *rule, const struct tuff_caps *caps,
                         struct tuff_compiled *compiled)
{
    tuff_val outputs[1 + TUFF_OPTIMIZER_UPDATES] = {loss};
    struct tuff_optimizer optimizer;
    struct tuff_error error = {0};
    tuff_optimizer_build(g, &(struct tuff_optimizer_plan){.loss = loss, .weight = 1}, rule, &optimizer);
    for (uint32_t i = 0; i < optimizer.update_count; i++) outputs[1 + i] = optimizer.updates[i];
    const struct tuff_compile_params params = {
        .graph = g, .outputs = outputs, .output_count = 1 + optimizer.update_count, .caps = caps, .debug = TUFF_DEBUG_CHECK};
    tuff_status status = tuff_compile(&params, compiled, &error);
    if (!check(t, status == TUFF_OK, "a step: %s: %s", tuff_status_name(status), error.message)) abort();
}

/* y = relu(norm(conv x)): its gradient is the norm's, which reads what y is made of anyway, and so y is read by the products behind it alone;
 * with a residual it would have to be read as well. */
static void test_again(struct figures_test *t)
{
    const struct tuff_optimizer_params sgd = tuff_optimizer_defaults(TUFF_SGD, 0.1);
    for (int residual = 0; residual < 2; residual++) {
        struct tuff_graph *g = graph_fresh(t->context);
        struct tuff_caps caps = graph_caps(0);
        struct tuff_compiled compiled;
        const struct tuff_shape c = TUFF_SHAPE(16);
        const struct tuff_conv2d_params same = {.pad = {1, 1, 1, 1}};
        tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(4, 16, 12, 12));
        tuff_val mean = tuff_state(g, "mean", TUFF_F32, c, (struct tuff_init){0}),
                 var = tuff_state(g, "var", TUFF_F32, c, (struct tuff_init){0});
        tuff_val h = tuff_conv2d(g, x, param(g, "w1", TUFF_SHAPE(16, 16, 3, 3)), 0, same);
        tuff_val gamma = param(g, "gamma", c), beta = param(g, "beta", c);
        h = tuff_batch_norm_train(g, h, gamma, beta, mean, var, 1e-5, 0.1).y;
        if (residual) h = tuff_add(g, h, x);
        tuff_val y = tuff_named(g, tuff_relu(g, h), "y");
        tuff_val z = tuff_conv2d(g, y, param(g, "w2", TUFF_SHAPE(16, 16, 3, 3)), 0, same);
        compile_step(t, g, tuff_mean(g, tuff_square(g, z), 0, TUFF_DROP_AXES), &sgd, &caps, &compiled);
        expect(t, "relu of a norm", residual ? "readers of y with a residual" : "readers of y", residual ? 3 : 2,
               launches_with(&compiled.plan, "y", TUFF_READ));
        tuff_plan_finish(&compiled.plan);
        tuff_graph_destroy(g);
    }
}

/* A vector of parameters that takes several bindings: its update goes over it once, part by part, and so does the sum of squares. */
static void test_split_update(struct figures_test *t)
{
    struct tuff_optimizer_params adam = tuff_optimizer_defaults(TUFF_ADAM, 0.1);
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_caps caps = graph_caps(0);
    struct tuff_compiled compiled;
    struct tuff_plan_figures f;
    struct tuff_error error = {0};
    enum { N = 1 << 16, PART = (65536 - 256) / 4 / 256 * 256, PARTS = (N + PART - 1) / PART };
    adam.clip_norm = 1;
    caps.max_storage_buffers = 16;
    caps.max_storage_range = 65536;
    tuff_val x = input(g, "x", 64, 64), w = param(g, "w", TUFF_SHAPE(N));
    tuff_val loss = tuff_mean(g, tuff_square(g, w), 0, TUFF_DROP_AXES);
    loss = tuff_add(g, loss, tuff_mean(g, x, 0, TUFF_DROP_AXES));
    compile_step(t, g, loss, &adam, &caps, &compiled);
    expect(t, "a split update", "launches of the momentum", PARTS,
           launches_with(&compiled.plan, "optimizer/momentum", TUFF_WRITE));
    expect(t, "a split update", "launches of the variance", PARTS,
           launches_with(&compiled.plan, "optimizer/variance", TUFF_READ));
    expect(t, "a split update", "launches of the parameters", PARTS,
           launches_with(&compiled.plan, "parameters", TUFF_WRITE));
    if (tuff_figures_of(&compiled.plan, compiled.output_slots[0], 1, t->context, &f, &error) != TUFF_OK) abort();
    /* the update moves 7 vectors; w is read twice, its gradient written, and read by the norm */
    check(t, f.bytes_read + f.bytes_written < 12 * N * 4, "a split update moves %llu bytes of %u in all",
          (unsigned long long)(f.bytes_read + f.bytes_written), (unsigned)(N * 4));
    tuff_plan_finish(&compiled.plan);
    tuff_graph_destroy(g);
}

/* Attention by products of matrices: two forward, and four backward, which find the weights that are there. */
static void test_attention(struct figures_test *t)
{
    const struct tuff_optimizer_params sgd = tuff_optimizer_defaults(TUFF_SGD, 0.1);
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_caps caps = graph_caps(2);
    struct tuff_compiled compiled;
    const struct tuff_shape shape = TUFF_SHAPE(2, 4, 24, 16);
    tuff_val q = param(g, "q", shape), k = param(g, "k", shape), v = param(g, "v", shape);
    tuff_val y = tuff_attention(g, q, k, v, (struct tuff_attention_params){.causal = true});
    compile_step(t, g, tuff_mean(g, tuff_square(g, y), 0, TUFF_DROP_AXES), &sgd, &caps, &compiled);
    uint32_t products = 0;
    for (uint32_t i = 0; i < compiled.plan.launch_count; i++) products += compiled.plan.launches[i].product;
    expect(t, "attention", "products", 6, products);
    tuff_plan_finish(&compiled.plan);
    tuff_graph_destroy(g);
}

int main(void)
{
    struct figures_test t = {.failures = 0};
    if (tuff_context_create(NULL, &t.context, NULL) != TUFF_OK) return 1;
    test_pointwise(&t);
    test_layers(&t);
    test_rows(&t);
    test_states(&t);
    test_training(&t);
    test_norms(&t);
    test_two_places(&t);
    test_barriers(&t);
    test_splits(&t);
    test_again(&t);
    test_split_update(&t);
    test_attention(&t);
    test_networks(&t);
    printf("graph_figures: %u failures\n", t.failures);
    tuff_context_destroy(t.context);
    return t.failures != 0;
}

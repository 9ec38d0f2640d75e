/* onnx_quantize.c - networks written with ranges (int8) and read again: weights, what is folded into them, and values between are within steps of what
 * they were; nodes are those that were to be; ranges that cannot be are refused.
 *   onnx_quantize [--dump FOLDER]   keeps models with inputs and outputs (int8-NAME.onnx, .iK.npy, .oK.npy) for tests/onnx/runtime.py
 * Bound of a product of n terms, |x| <= X in steps of p, |w| <= W in steps of q = W / 127, results in steps of r:
 *   |error| <= n (W p / 2 + X q / 2 + p q / 4) + p q / 2 + r / 2 */
#include "samples/data/data.h"
#include "tests/backend_help.h"
#include "tests/op_help.h"
#include "tests/temporary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 2 * 6 * 9 * 9 };
struct quantize_test {
    struct backend_test test;
    struct op_random random;
    const char *dump;
    char path[300];
    double worst;
};
/* A network of one product, or two beside each other ("a" and "b"), y = x; W of its weights with what is folded in, terms of a sum; the nodes that are to be written. */
struct network {
    const char *name, *nodes;
    tuff_val (*build)(struct quantize_test *t, struct tuff_graph *g, tuff_val x);
    struct tuff_shape x;
    double most_weight, terms;
};

/* ---- networks ------------------------------------------------------------------------------------------------------------------------ */

static tuff_val weights(struct quantize_test *t, struct tuff_graph *g, const char *name, struct tuff_shape shape, double low,
                        double high)
{
    float numbers[COUNT];
    const uint64_t count = tuff_shape_count(&shape);
    for (uint64_t i = 0; i < count; i++) numbers[i] = (float)op_uniform(&t->random, low, high);
    return tuff_param_of(g, name, (struct tuff_type){TUFF_F32, shape},
                         (struct tuff_init){.kind = TUFF_INIT_DATA, .data = numbers});
}

static tuff_val build_conv(struct quantize_test *t, struct tuff_graph *g, tuff_val x)
{
    const tuff_val w = weights(t, g, "w", TUFF_SHAPE(4, 6, 3, 3), -1, 1), b = weights(t, g, "b", TUFF_SHAPE(4), -3, 3);
    return tuff_conv2d(g, x, w, b, (struct tuff_conv2d_params){.stride = {2, 1}, .pad = {1, 0, 1, 2}});
}

static tuff_val build_depthwise(struct quantize_test *t, struct tuff_graph *g, tuff_val x)
{
    const tuff_val w = weights(t, g, "w", TUFF_SHAPE(6, 1, 3, 3), -1, 1);
    const tuff_val y = tuff_conv2d(g, x, w, 0, (struct tuff_conv2d_params){.pad = {1, 1, 1, 1}, .groups = 6});
    return tuff_clamp(g, tuff_div(g, y, tuff_scalar(g, 0.5)), -4, 6);
}

static tuff_val build_norm(struct quantize_test *t, struct tuff_graph *g, tuff_val x)
{
    const tuff_val w = weights(t, g, "w", TUFF_SHAPE(4, 6, 1, 1), -1, 1), mean = weights(t, g, "mean", TUFF_SHAPE(4), -1, 1),
                   var = weights(t, g, "var", TUFF_SHAPE(4), 1, 4), gamma = weights(t, g, "gamma", TUFF_SHAPE(4), -2, 2),
                   beta = weights(t, g, "beta", TUFF_SHAPE(4), -1, 1);
    const tuff_val y = tuff_conv2d(g, x, w, 0, (struct tuff_conv2d_params){0});
    return tuff_relu(g, tuff_batch_norm_infer(g, y, gamma, beta, mean, var, 1e-5));
}

static tuff_val build_gemm(struct quantize_test *t, struct tuff_graph *g, tuff_val x)
{
    const tuff_val w = weights(t, g, "w", TUFF_SHAPE(5, 9), -1, 1), b = weights(t, g, "b", TUFF_SHAPE(5), -3, 3);
    return tuff_sub(g, b, tuff_matmul(g, x, w, (struct tuff_matmul_params){.transpose_b = true}));
}

static tuff_val build_bounds(struct quantize_test *t, struct tuff_graph *g, tuff_val x)
{
    const tuff_val w = weights(t, g, "w", TUFF_SHAPE(9, 5), -1, 1);
    const tuff_val y = tuff_matmul(g, x, w, (struct tuff_matmul_params){0});
    return tuff_minimum(g, tuff_maximum(g, tuff_affine(g, y, -1, 0.5), tuff_scalar(g, -1)), tuff_scalar(g, 2));
}

static tuff_val build_matmul(struct quantize_test *t, struct tuff_graph *g, tuff_val x)
{
    return tuff_matmul(g, x, weights(t, g, "w", TUFF_SHAPE(1, 9, 7), -1, 1), (struct tuff_matmul_params){0});
}

/* Of two products, whose zero points are alike. */
static tuff_val build_two(struct quantize_test *t, struct tuff_graph *g, tuff_val x)
{
    static const char *const names[2][2] = {{"w", "a"}, {"v", "b"}};
    tuff_val parts[2];
    for (int i = 0; i < 2; i++) {
        const tuff_val w = weights(t, g, names[i][0], TUFF_SHAPE(3, 6, 1, 1), -1, 1);
        parts[i] = tuff_named(g, tuff_conv2d(g, x, w, 0, (struct tuff_conv2d_params){0}), names[i][1]);
    }
    return tuff_concat(g, parts, 2, 1);
}

static const struct network networks[] = {
    {"conv", "QDDDCQD", build_conv, {.rank = 4, .dim = {2, 6, 9, 9}}, 1, 54},
    {"depthwise", "QDDCcQD", build_depthwise, {.rank = 4, .dim = {2, 6, 9, 9}}, 2, 9},
    {"norm", "QDDDCRQD", build_norm, {.rank = 4, .dim = {2, 6, 9, 9}}, 2, 6},
    {"gemm", "QDDDGQD", build_gemm, {.rank = 2, .dim = {3, 9}}, 1, 9},
    {"bounds", "QDDDGcQD", build_bounds, {.rank = 2, .dim = {3, 9}}, 1, 9},
    {"two", "QDDCQDDCQD?QD", build_two, {.rank = 4, .dim = {2, 6, 9, 9}}, 1, 12},
    {"matmul", "QDDMQD", build_matmul, {.rank = 3, .dim = {1, 3, 9}}, 1, 9},
};

/* ---- a network ------------------------------------------------------------------------------------------------------------------------- */

static bool count_layer(void *user, const char *name, const char *why)
{
    unsigned *layers = user;
    layers[why != NULL]++;
    return name[0] != 0;
}

static void check_nodes(struct quantize_test *t, const char *name, const struct tuff_onnx *onnx, const char *wanted)
{
    static const char *const ops[] = {"QuantizeLinear", "DequantizeLinear", "Conv", "Clip", "Relu", "Gemm", "MatMul"};
    char got[64] = "";
    for (uint32_t n = 0; n < tuff_onnx_node_count(onnx) && n < sizeof got - 1; n++) {
        const struct tuff_span op = tuff_onnx_node(onnx, n).op;
        size_t k = 0;
        while (k < TUFF_COUNT(ops) && (strlen(ops[k]) != op.bytes || memcmp(ops[k], op.data, op.bytes) != 0)) k++;
        got[n] = k < TUFF_COUNT(ops) ? "QDCcRGM"[k] : '?';
    }
    backend_check(&t->test, !strcmp(got, wanted), "%s: expected nodes %s, got %s", name, wanted, got);
}

static void dump(struct quantize_test *t, const char *name, char kind, const struct tuff_array *array)
{
    char path[400];
    struct tuff_error error = {0};
    if (!t->dump) return;
    snprintf(path, sizeof path, "%s/int8-%s.%c0.npy", t->dump, name, kind);
    backend_status(&t->test, path, TUFF_OK, tuff_npy_write(t->test.context, path, array, &error), &error);
}

static void read_back(struct quantize_test *t, const char *name, const char *nodes, struct tuff_array in,
                      const float *wanted, double bound)
{
    struct tuff_onnx *onnx = NULL;
    struct tuff_onnx_runner *runner = NULL;
    struct tuff_error error = {0};
    struct tuff_array out;
    double most = 0;
    tuff_status status = tuff_onnx_open(t->test.context, t->path, NULL, &onnx, &error);
    if (status == TUFF_OK) check_nodes(t, name, onnx, nodes);
    if (status == TUFF_OK) status = tuff_onnx_runner_create(t->test.device, onnx, NULL, &runner, &error);
    if (status == TUFF_OK) status = tuff_onnx_run(runner, &in, 1, &out, &error);
    if (backend_status(&t->test, name, TUFF_OK, status, &error)) {
        for (uint64_t i = 0; i < out.bytes / 4; i++)
            most = fmax(most, fabs((double)((const float *)out.data)[i] - (double)wanted[i]));
        backend_check(&t->test, most > 0 && most <= bound, "%s: %g from the floats; the bound is %g", name, most, bound);
        t->worst = fmax(t->worst, most / bound);
        dump(t, name, 'i', &in), dump(t, name, 'o', &out);
    }
    tuff_onnx_runner_destroy(runner);
    tuff_onnx_destroy(onnx);
}

static void check_network(struct quantize_test *t, const struct network *network, bool i8, bool one)
{
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *executable = NULL;
    struct tuff_error error = {0};
    float x[COUNT], y[COUNT], low = 0, high = 0;
    unsigned layers[2] = {0};
    char name[80];
    snprintf(name, sizeof name, "%s%s%s", network->name, i8 ? "-i8" : "", one ? "-one" : "");
    tuff_status status = tuff_graph_create(t->test.context, &g, &error);
    const tuff_val in = tuff_input(g, "x", TUFF_F32, network->x);
    const tuff_val out = tuff_named(g, network->build(t, g, in), "y");
    const uint64_t x_count = tuff_shape_count(&network->x);
    const struct tuff_shape y_shape = tuff_type_of(g, out).shape;
    const uint64_t y_count = tuff_shape_count(&y_shape);
    for (uint64_t i = 0; i < x_count; i++) x[i] = (float)op_uniform(&t->random, -1, 2);
    const struct tuff_executable_params compiled = {.struct_size = sizeof compiled, .outputs = &out, .output_count = 1};
    if (status == TUFF_OK) status = tuff_graph_finish(g, &error);
    if (status == TUFF_OK) status = tuff_session_create(t->test.device, g, NULL, &session, &error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &compiled, &executable, &error);
    if (status == TUFF_OK) status = tuff_executable_write(executable, in, x, (size_t)x_count * 4, &error);
    if (status == TUFF_OK) status = tuff_executable_run(executable, &error);
    if (status == TUFF_OK) status = tuff_executable_read(executable, 0, y, (size_t)y_count * 4, &error);
    for (uint64_t i = 0; status == TUFF_OK && i < y_count; i++) low = fminf(low, y[i]), high = fmaxf(high, y[i]);
    const struct tuff_onnx_range ranges[] = {{"x", -1, 2}, {"y", low, high}, {"a", low, high}, {"b", low, high}};
    const unsigned products = network->build == build_two ? 2 : 1;
    const struct tuff_onnx_write_params params = {.struct_size = sizeof params,
                                                  .session = session,
                                                  .outputs = &out,
                                                  .output_count = 1,
                                                  .ranges = ranges,
                                                  .range_count = products == 2 ? 4 : 2,
                                                  .signed_activations = i8,
                                                  .one_weight_scale = one,
                                                  .layer = count_layer,
                                                  .layer_user = layers};
    if (t->dump)
        snprintf(t->path, sizeof t->path, "%s/int8-%s.onnx", t->dump, name);
    else
        temporary_path("tuff-onnx-quantize.onnx", t->path, sizeof t->path);
    if (status == TUFF_OK) status = tuff_onnx_write(t->test.context, t->path, &params, &error);
    if (backend_status(&t->test, name, TUFF_OK, status, &error)) {
        const double p = 3.0 / 255, q = network->most_weight / 127, r = (double)(high - low) / 255;
        const double bound = network->terms * (network->most_weight * p / 2 + 2 * q / 2 + p * q / 4) + p * q / 2 + r / 2;
        struct tuff_array array = {
            .name = "x", .element = TUFF_ELEMENT_F32, .rank = network->x.rank, .data = x, .bytes = x_count * 4};
        for (uint32_t d = 0; d < array.rank; d++) array.dim[d] = network->x.dim[d];
        backend_check(&t->test, layers[0] == products && !layers[1], "%s: %u products quantized, %u left", name, layers[0],
                      layers[1]);
        read_back(t, name, network->nodes, array, y, bound);
    }
    if (!t->dump) remove(t->path);
    tuff_executable_destroy(executable);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

/* ---- what is refused, and what is left --------------------------------------------------------------------------------------------------- */

static bool leave(void *user, const char *name, const char *why)
{
    snprintf(user, 200, "%s: %s", name, why ? why : "could be");
    return false;
}

static void check_left(struct quantize_test *t)
{
    static const struct {
        struct tuff_onnx_range ranges[2];
        uint32_t count;
        tuff_status status;
        const char *words; /* of the error, or of what is told of the product */
    } cases[] = {{{{"x", NAN, 1}}, 1, TUFF_ERR_USAGE, "\"x\" has the range nan"},
                 {{{"x", 0, INFINITY}}, 1, TUFF_ERR_USAGE, "inf"},
                 {{{"x", -3e38f, 3e38f}}, 1, TUFF_ERR_USAGE, "finite"},
                 {{{"x", 1, -1}}, 1, TUFF_ERR_USAGE, "the smaller first"},
                 {{{"z", 0, 1}}, 1, TUFF_ERR_USAGE, "\"z\": no value"},
                 {{{NULL, 0, 1}}, 1, TUFF_ERR_USAGE, "no value"},
                 {{{"x", 0, 0}, {"y", 0, 0}}, 2, TUFF_OK, "y: could be"},
                 {{{"x", 0, 1}}, 1, TUFF_OK, "y: its result has no range"},
                 {{{"y", 0, 1}}, 1, TUFF_OK, "y: its operand has no range"}};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
    const tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(1, 6, 9, 9)), y = tuff_named(g, build_conv(t, g, x), "y");
    if (tuff_session_create(t->test.device, g, NULL, &session, NULL) != TUFF_OK) abort();
    temporary_path("tuff-onnx-quantize.onnx", t->path, sizeof t->path);
    t->test.quiet = true;
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        char told[200] = "";
        struct tuff_error error = {0};
        const struct tuff_onnx_write_params params = {.struct_size = sizeof params,
                                                      .session = session,
                                                      .outputs = &y,
                                                      .output_count = 1,
                                                      .ranges = cases[i].ranges,
                                                      .range_count = cases[i].count,
                                                      .layer = leave,
                                                      .layer_user = told};
        const tuff_status status = tuff_onnx_write(t->test.context, t->path, &params, &error);
        backend_check(&t->test,
                      status == cases[i].status && strstr(status == TUFF_OK ? told : error.message, cases[i].words),
                      "case %u: expected '%s', got %s '%s' '%s'", (unsigned)i, cases[i].words, tuff_status_name(status),
                      told, error.message);
        remove(t->path);
    }
    t->test.quiet = false;
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

/* Weights that many nodes lead to, and numbers that cannot be rounded: fmax and fmin would hide them. */
static void check_weights(struct quantize_test *t)
{
    static const struct {
        float weight, bias;
        uint32_t nodes;
        tuff_status status;
    } cases[] = {{1, 1, 200000, TUFF_OK}, {NAN, 1, 0, TUFF_ERR_FORMAT}, {1, NAN, 0, TUFF_ERR_FORMAT}};
    static const struct tuff_onnx_range ranges[] = {{"x", -1, 1}, {"y", -1, 1}};
    t->test.quiet = true;
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        const float w_numbers[4] = {1, cases[i].weight, -1, 2}, b_numbers[2] = {cases[i].bias, 3};
        struct tuff_graph *g = NULL;
        struct tuff_session *session = NULL;
        struct tuff_error error = {0};
        unsigned layers[2] = {0};
        if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
        const tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(1, 2, 1, 1));
        tuff_val w = tuff_param_of(g, "w", (struct tuff_type){TUFF_F32, TUFF_SHAPE(2, 2, 1, 1)},
                                   (struct tuff_init){.kind = TUFF_INIT_DATA, .data = w_numbers});
        const tuff_val b = tuff_param_of(g, "b", (struct tuff_type){TUFF_F32, TUFF_SHAPE(2)},
                                         (struct tuff_init){.kind = TUFF_INIT_DATA, .data = b_numbers});
        for (uint32_t k = 0; k < cases[i].nodes; k++) w = tuff_neg(g, w);
        const tuff_val y = tuff_named(g, tuff_conv2d(g, x, w, b, (struct tuff_conv2d_params){0}), "y");
        tuff_status status = tuff_session_create(t->test.device, g, NULL, &session, &error);
        const struct tuff_onnx_write_params params = {.struct_size = sizeof params,
                                                      .session = session,
                                                      .outputs = &y,
                                                      .output_count = 1,
                                                      .ranges = ranges,
                                                      .range_count = TUFF_COUNT(ranges),
                                                      .layer = count_layer,
                                                      .layer_user = layers};
        if (status == TUFF_OK) status = tuff_onnx_write(t->test.context, t->path, &params, &error);
        backend_check(&t->test, status == cases[i].status && layers[0] == 1, "weights %u: %s '%s', %u quantized",
                      (unsigned)i, tuff_status_name(status), error.message, layers[0]);
        remove(t->path);
        tuff_session_destroy(session);
        tuff_graph_destroy(g);
    }
    t->test.quiet = false;
}

int main(int argc, char **argv)
{
    static struct quantize_test t;
#if !TUFF_HAVE_ONNX
    puts("SKIP: this build has no nanopb");
    return 77;
#endif
    const int status = backend_test_begin(&t.test, NULL);
    if (status != 0) return status;
    t.random = (struct op_random){.state = 1};
    if (argc > 2 && !strcmp(argv[1], "--dump")) t.dump = argv[2];
    for (size_t i = 0; i < TUFF_COUNT(networks); i++)
        for (uint32_t k = 0; k < 4; k++) check_network(&t, &networks[i], k & 1, k >> 1);
    check_left(&t);
    check_weights(&t);
    printf("%u models, the largest error is %.2g of its bound\n", 4 * (unsigned)TUFF_COUNT(networks), t.worst);
    return backend_test_end(&t.test, "onnx_quantize");
}

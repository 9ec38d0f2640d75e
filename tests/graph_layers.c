/* graph_layers.c - layers with parameters of their own, without a device: values and gradients against formulas written out in double
 * precision on fresh random numbers and odd sizes, the parameters that each makes, initialisers by their moments, sharing by name,
 * refusals. */
#include "tests/graph_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned failures;
static uint64_t seed;

#define check(...) graph_check(&failures, __VA_ARGS__)

typedef struct tuff_layer_dense_params dense;
typedef struct tuff_layer_conv2d_params conv;
typedef struct tuff_layer_batch_norm_params batch_norm;
typedef struct tuff_layer_layer_norm_params layer_norm;
typedef struct tuff_layer_rms_norm_params rms_norm;
typedef struct tuff_layer_recurrent_params lstm;

/* ---- values ------------------------------------------------------------------------------------------------------------------- */

static const struct tuff_init NORMAL = {.kind = TUFF_INIT_NORMAL, .b = 0.7};
enum { MOST = 4096 };

/* Random x as a parameter, so that it needs no content, and its numbers. */
static tuff_val numbers(struct tuff_graph *g, struct tuff_shape shape) { return tuff_param(g, "x", shape, NORMAL); }

static void evaluate(struct tuff_graph *g, tuff_val v, double *out)
{
    struct tuff_error error = {0};
    const struct tuff_evaluate_params params = {
        .struct_size = sizeof params, .outputs = &v, .output_count = 1, .seed = seed};
    check(v && tuff_evaluate(g, &params, &out, &error) == TUFF_OK, "evaluating value %u: %s", (unsigned)v, error.message);
}

static const double *leaf(struct tuff_graph *g, const char *name)
{
    static const double none[1];
    double *out = calloc(MOST, sizeof *out);
    tuff_val v = tuff_graph_find(g, name);
    check(v != 0, "there is no %s", name);
    if (!out || !v) return none;
    evaluate(g, v, out);
    return out;
}

/* The layer's formula: element i of y from numbers that the test read. */
typedef double formula(const struct tuff_graph *g, const double *const *in, uint32_t i);

/* y against the formula of x and the named leaves, and the gradients by all of them against differences of the formula. */
static void check_layer(struct tuff_graph *g, const char *what, tuff_val y, const char *const *names, uint32_t count,
                        formula *expected)
{
    double *got = calloc(MOST, sizeof *got);
    const double *in[6] = {NULL};
    tuff_val by[6], gradient[6];
    if (!check(y != 0, "%s: %s", what, tuff_graph_finish(g, NULL) ? "failed" : "no value") || !got) return;
    struct tuff_shape shape = tuff_type_of(g, y).shape;
    uint32_t elements = (uint32_t)tuff_shape_count(&shape);
    for (uint32_t k = 0; k < count; k++) {
        in[k] = leaf(g, names[k]);
        by[k] = tuff_graph_find(g, names[k]);
    }
    evaluate(g, y, got);
    for (uint32_t i = 0; i < elements; i++) {
        double e = expected(g, in, i);
        check(fabs(got[i] - e) <= 1e-9 * (1 + fabs(e)), "%s: element %u is %.12g, expected %.12g", what, (unsigned)i, got[i],
              e);
    }
    /* loss = sum_i (i mod 7 - 3) y_i, so that no element's part is lost */
    tuff_val weights = tuff_reshape(g, tuff_iota(g, TUFF_SHAPE(elements), 0), shape);
    weights = tuff_sin(g, tuff_cast(g, weights, TUFF_F32));
    tuff_val loss = tuff_sum(g, tuff_mul(g, y, weights), 0, TUFF_DROP_AXES);
    tuff_gradients(g, loss, 0, by, count, gradient);
    for (uint32_t k = 0; k < count; k++) {
        struct tuff_shape s = tuff_type_of(g, by[k]).shape;
        double *at = (double *)in[k];
        evaluate(g, gradient[k], got);
        for (uint32_t j = 0, n = (uint32_t)tuff_shape_count(&s); j < n; j += 1 + n / 40) {
            double keep = at[j], h = 1e-5, sum[2] = {0};
            for (int side = 0; side < 2; side++) {
                at[j] = keep + (side ? h : -h);
                for (uint32_t i = 0; i < elements; i++) sum[side] += sin(i) * expected(g, in, i);
            }
            at[j] = keep;
            double e = (sum[1] - sum[0]) / (2 * h);
            check(fabs(got[j] - e) <= 1e-6 * (1 + fabs(e)), "%s: gradient %u by %s is %.9g, expected %.9g", what,
                  (unsigned)j, names[k], got[j], e);
        }
    }
    for (uint32_t k = 0; k < count; k++) free((void *)in[k]);
    free(got);
}

enum { N = 3, K = 5, UNITS = 7 };
static double dense_formula(const struct tuff_graph *g, const double *const *in, uint32_t i)
{
    double sum = in[2] ? in[2][i % UNITS] : 0;
    (void)g;
    for (uint32_t k = 0; k < K; k++) sum += in[0][i / UNITS * K + k] * in[1][i % UNITS * K + k];
    return sum;
}

/* 2 groups of 2 -> 3 channels, kernel 3 x 2, stride 2 1, dilation 1 2, padding 1 0 2 1, over 5 x 6: 4 x 6 -> [2, 6, 3, 5] */
static const conv CONV = {.channels = 6,
                          .kernel = {3, 2},
                          .conv = {.stride = {2, 1}, .dilation = {1, 2}, .pad = {1, 0, 2, 1}, .groups = 2},
                          .weight = {.kind = TUFF_INIT_NORMAL, .b = 0.7},
                          .bias = {.kind = TUFF_INIT_NORMAL, .b = 0.7}};
static double conv_formula(const struct tuff_graph *g, const double *const *in, uint32_t i)
{
    enum { H = 5, W = 6, OH = 3, OW = 5 };
    uint32_t n = i / (6 * OH * OW), o = i / (OH * OW) % 6, r = i / OW % OH, s = i % OW;
    double sum = in[2] ? in[2][o] : 0;
    (void)g;
    for (uint32_t c = 0; c < 2; c++)
        for (uint32_t u = 0; u < 3; u++)
            for (uint32_t v = 0; v < 2; v++) {
                int y = (int)(r * 2 + u) - 1, x = (int)(s + v * 2);
                if (y < 0 || y >= H || x >= W) continue;
                sum += in[0][((n * 4 + o / 3 * 2 + c) * H + (uint32_t)y) * W + (uint32_t)x] *
                       in[1][((o * 2 + c) * 3 + u) * 2 + v];
            }
    return sum;
}

/* x [3, 4, 5] by channels; eps 0.01 */
static double batch_norm_formula(const struct tuff_graph *g, const double *const *in, uint32_t i)
{
    double mean = 0, var = 0;
    uint32_t c = i / 5 % 4;
    (void)g;
    for (uint32_t n = 0; n < 3; n++)
        for (uint32_t k = 0; k < 5; k++) mean += in[0][(n * 4 + c) * 5 + k] / 15;
    for (uint32_t n = 0; n < 3; n++)
        for (uint32_t k = 0; k < 5; k++) var += pow(in[0][(n * 4 + c) * 5 + k] - mean, 2) / 15;
    return (in[0][i] - mean) / sqrt(var + 0.01) * in[1][c] + in[2][c];
}

static double running_formula(const struct tuff_graph *g, const double *const *in, uint32_t i)
{
    uint32_t c = i / 5 % 4;
    (void)g;
    return in[0][i] / sqrt(1 + 1e-5) * in[1][c] + in[2][c]; /* of mean 0 and variance 1 */
}

static double layer_norm_formula(const struct tuff_graph *g, const double *const *in, uint32_t i)
{
    double mean = 0, var = 0;
    const double *row = in[0] + i / 20 * 20;
    (void)g;
    for (uint32_t k = 0; k < 20; k++) mean += row[k] / 20;
    for (uint32_t k = 0; k < 20; k++) var += pow(row[k] - mean, 2) / 20;
    return (in[0][i] - mean) / sqrt(var + 0.1) * in[1][i % 20] + (in[2] ? in[2][i % 20] : 0);
}

static double rms_norm_formula(const struct tuff_graph *g, const double *const *in, uint32_t i)
{
    double power = 0;
    (void)g;
    for (uint32_t k = 0; k < 5; k++) power += pow(in[0][i / 5 * 5 + k], 2) / 5;
    return in[0][i] / sqrt(power + 1e-5) * in[1][i % 5];
}

/* h [4, 2, 3] of x [4, 2, 5]; weights [12, 5] and [12, 3], gates i, f, g, o */
static double lstm_formula(const struct tuff_graph *g, const double *const *in, uint32_t i)
{
    double h[3] = {0}, c[3] = {0}, gates[12];
    uint32_t t = i / 6, n = i / 3 % 2;
    (void)g;
    for (uint32_t step = 0; step <= t; step++) {
        for (uint32_t row = 0; row < 12; row++) {
            gates[row] = in[3] ? in[3][row] + in[4][row] : 0;
            for (uint32_t k = 0; k < 5; k++) gates[row] += in[1][row * 5 + k] * in[0][(step * 2 + n) * 5 + k];
            for (uint32_t k = 0; k < 3; k++) gates[row] += in[2][row * 3 + k] * h[k];
        }
        for (uint32_t k = 0; k < 3; k++) {
            c[k] = c[k] / (1 + exp(-gates[3 + k])) + tanh(gates[6 + k]) / (1 + exp(-gates[k]));
            h[k] = tanh(c[k]) / (1 + exp(-gates[9 + k]));
        }
    }
    return h[i % 3];
}

static void check_values(struct tuff_context *context)
{
    static const char *const names[] = {"x", "l.weight", "l.bias"};
    for (int bias = 0; bias < 2; bias++) {
        struct tuff_graph *g = graph_fresh(context);
        const dense d = {.units = UNITS, .no_bias = !bias, .weight = NORMAL, .bias = NORMAL};
        check_layer(g, "dense", tuff_layer_dense(g, numbers(g, TUFF_SHAPE(N, K)), "l", d), names, 2 + bias, dense_formula);
        check(!tuff_graph_find(g, "l.bias") == !bias, "dense: a bias that was not asked for");
        tuff_graph_destroy(g);
        g = graph_fresh(context);
        conv c = CONV;
        c.no_bias = !bias;
        check_layer(g, "conv2d", tuff_layer_conv2d(g, numbers(g, TUFF_SHAPE(2, 4, 5, 6)), "l", c), names, 2 + bias,
                    conv_formula);
        tuff_graph_destroy(g);
        g = graph_fresh(context);
        const layer_norm n = {.last_dims = 2, .eps = TUFF_NUMBER(0.1), .no_bias = !bias, .weight = NORMAL, .bias = NORMAL};
        check_layer(g, "layer_norm", tuff_layer_layer_norm(g, numbers(g, TUFF_SHAPE(3, 4, 5)), "l", n), names, 2 + bias,
                    layer_norm_formula);
        tuff_graph_destroy(g);
        g = graph_fresh(context);
        const batch_norm b = {.training = bias, .eps = {0.01, bias}, .weight = NORMAL, .bias = NORMAL};
        check_layer(g, bias ? "batch_norm" : "batch_norm in inference",
                    tuff_layer_batch_norm(g, numbers(g, TUFF_SHAPE(3, 4, 5)), "l", b), names, 3,
                    bias ? batch_norm_formula : running_formula);
        tuff_graph_destroy(g);
        static const char *const parts[] = {"x", "l.weight_ih_l0", "l.weight_hh_l0", "l.bias_ih_l0", "l.bias_hh_l0"};
        g = graph_fresh(context);
        const lstm r = {.units = 3, .no_bias = !bias, .weight_ih = NORMAL};
        check_layer(g, "lstm", tuff_layer_recurrent(g, numbers(g, TUFF_SHAPE(4, 2, 5)), "l", r).h, parts, 3 + 2 * bias,
                    lstm_formula);
        tuff_graph_destroy(g);
    }
    struct tuff_graph *g = graph_fresh(context);
    check_layer(g, "rms_norm", tuff_layer_rms_norm(g, numbers(g, TUFF_SHAPE(3, 4, 5)), "l", (rms_norm){.weight = NORMAL}),
                names, 2, rms_norm_formula);
    tuff_graph_destroy(g);
}

/* ---- parameters, defaults, updates ------------------------------------------------------------------------------------------------ */

/* Mean and mean square of a parameter against what its initialiser promises; few numbers: within five deviations. */
static void check_moments(struct tuff_graph *g, const char *name, double mean, double deviation)
{
    struct tuff_shape shape = tuff_type_of(g, tuff_graph_find(g, name)).shape;
    double n = (double)tuff_shape_count(&shape), sum = 0, square = 0;
    const double *at = leaf(g, name);
    for (uint32_t i = 0; i < n; i++) sum += at[i] / n;
    for (uint32_t i = 0; i < n; i++) square += pow(at[i] - mean, 2) / n;
    check(fabs(sum - mean) <= 5 * deviation / sqrt(n) + 1e-12, "%s: mean %g, expected %g", name, sum, mean);
    check(fabs(sqrt(square) - deviation) <= 5 * deviation / sqrt(n) + 1e-12, "%s: deviation %g, expected %g", name,
          sqrt(square), deviation);
    free((void *)at);
}

static void check_defaults(struct tuff_context *context)
{
    struct tuff_graph *g = graph_fresh(context);
    tuff_val x = numbers(g, TUFF_SHAPE(2, 48)), p = tuff_reshape(g, x, TUFF_SHAPE(1, 6, 4, 4)), updates[3];
    tuff_layer_dense(g, x, "dense", (dense){.units = 60});
    tuff_layer_dense(g, x, "own",
                     (dense){.units = 60,
                             .weight = {.kind = TUFF_INIT_XAVIER_NORMAL},
                             .bias = {.kind = TUFF_INIT_NORMAL, .a = 3, .b = 0.5}});
    tuff_layer_conv2d(g, p, "conv", (conv){.channels = 40, .kernel = {3}});
    tuff_layer_recurrent(g, tuff_reshape(g, x, TUFF_SHAPE(2, 2, 24)), "lstm", (lstm){.units = 25});
    tuff_val before = tuff_layer_layer_norm(g, x, "layer", (layer_norm){0});
    tuff_layer_batch_norm(g, p, "norm", (batch_norm){.training = true, .momentum = TUFF_NUMBER(0.25)});
    tuff_layer_dense(g, x, "zero", (dense){.units = 60, .weight = {.kind = TUFF_INIT_ZEROS}});
    check(tuff_graph_finish(g, NULL) == TUFF_OK, "defaults: the graph failed");
    check_moments(g, "dense.weight", 0, 1 / sqrt(3 * 48)); /* uniform within b: b / sqrt(3) */
    check_moments(g, "own.weight", 0, sqrt(2.0 / (48 + 60)));
    check_moments(g, "own.bias", 3, 0.5);
    check_moments(g, "conv.weight", 0, 1 / sqrt(3 * 6 * 9));
    check_moments(g, "lstm.weight_hh_l0", 0, 0.2 / sqrt(3));
    check_moments(g, "lstm.bias_ih_l0", 0, 0.2 / sqrt(3));
    check_moments(g, "dense.bias", 0, 1 / sqrt(3 * 48));
    check_moments(g, "layer.weight", 1, 0);
    check_moments(g, "layer.bias", 0, 0);
    check_moments(g, "norm.weight", 1, 0);
    check_moments(g, "norm.running_mean", 0, 0);
    check_moments(g, "norm.running_var", 1, 0);
    check_moments(g, "zero.weight", 0, 0);
    check(tuff_graph_updates(g, 0, updates, 3) == 2 && updates[0] < updates[1], "there are two updates");
    check(tuff_graph_updates(g, before, NULL, 0) == 2 && tuff_graph_updates(g, updates[0], updates + 1, 1) == 1 &&
              tuff_graph_updates(g, updates[1], updates, 3) == 0,
          "updates after a value");
    double mean[6], values[96], expected = 0;
    evaluate(g, updates[0], mean);
    evaluate(g, x, values);
    for (int i = 0; i < 16; i++) expected += 0.25 * values[i] / 16; /* channel 0 of p */
    check(fabs(mean[0] - expected) < 1e-9, "running mean: %g, expected %g", mean[0], expected);
    uint32_t leaves = tuff_graph_leaf_count(g);
    check(tuff_layer_dense(g, x, "own", (dense){.units = 60}) != 0 && tuff_graph_leaf_count(g) == leaves,
          "a layer of the same name has its parameters");
    tuff_graph_destroy(g);
}

/* ---- refusals --------------------------------------------------------------------------------------------------------------------- */

typedef void make(struct tuff_graph *g, tuff_val x, tuff_val p);
#define MAKE(name, call)                                                                                                    \
    static void name(struct tuff_graph *g, tuff_val x, tuff_val p)                                                          \
    {                                                                                                                       \
        (void)x, (void)p;                                                                                                   \
        call;                                                                                                               \
    }
MAKE(dense_rank, tuff_layer_dense(g, tuff_scalar(g, 1), "l", (dense){.units = 2}))
MAKE(dense_units, tuff_layer_dense(g, x, "l", (dense){.no_bias = true}))
MAKE(dense_name, tuff_layer_dense(g, x, NULL, (dense){.units = 2}))
MAKE(dense_long, char name[400]; memset(name, 'n', 399); name[399] = 0; tuff_layer_dense(g, x, name, (dense){.units = 2}))
MAKE(dense_shared, tuff_layer_dense(g, x, "l", (dense){.units = 2}); tuff_layer_dense(g, x, "l", (dense){.units = 3}))
MAKE(init_kind, tuff_layer_dense(g, x, "l", (dense){.units = 2, .weight = {.kind = (enum tuff_init_kind)99}}))
MAKE(init_numbers, tuff_layer_dense(g, x, "l", (dense){.units = 2, .weight = {.a = 0.5}}))
MAKE(init_data, tuff_layer_dense(g, x, "l", (dense){.units = 2, .bias = {.kind = TUFF_INIT_DATA}}))
MAKE(conv_groups, tuff_layer_conv2d(g, p, "l", (conv){.channels = 4, .kernel = {3}, .conv = {.groups = 4}}))
MAKE(conv_kernel, tuff_layer_conv2d(g, p, "l", (conv){.channels = 4}))
MAKE(conv_rank, tuff_layer_conv2d(g, x, "l", (conv){.channels = 4, .kernel = {1}}))
MAKE(norm_eps, tuff_layer_batch_norm(g, p, "l", (batch_norm){.eps = TUFF_NUMBER(-1)}))
MAKE(norm_momentum, tuff_layer_batch_norm(g, p, "l", (batch_norm){.training = true, .momentum = TUFF_NUMBER(1.5)}))
MAKE(norm_alone, tuff_layer_batch_norm(g, x, "l", (batch_norm){.training = true});
     tuff_layer_batch_norm(g, tuff_reshape(g, x, TUFF_SHAPE(1, 24)), "m", (batch_norm){.training = true}))
MAKE(norm_rank, tuff_layer_batch_norm(g, tuff_scalar(g, 1), "l", (batch_norm){0}))
MAKE(layer_dims, tuff_layer_layer_norm(g, x, "l", (layer_norm){.last_dims = 3}))
MAKE(layer_eps, tuff_layer_layer_norm(g, x, "l", (layer_norm){.eps = TUFF_NUMBER((double)NAN)}))
MAKE(rms_rank, tuff_layer_rms_norm(g, tuff_scalar(g, 1), "l", (rms_norm){0}))
MAKE(rms_eps, tuff_layer_rms_norm(g, x, "l", (rms_norm){.eps = TUFF_NUMBER((double)INFINITY)}))
MAKE(lstm_units, tuff_layer_recurrent(g, tuff_reshape(g, x, TUFF_SHAPE(3, 2, 4)), "l", (lstm){.layers = 2}))
MAKE(lstm_rank, tuff_layer_recurrent(g, x, "l", (lstm){.units = 3}))

static const struct {
    make *make;
    tuff_status status;
    const char *parts[2]; /* of the sentence */
} refusals[] = {{dense_rank, TUFF_ERR_SHAPE, {"dense 'l'", "[.., k]"}},
                {dense_units, TUFF_ERR_USAGE, {"dense 'l'", "units"}},
                {dense_name, TUFF_ERR_USAGE, {"dense", "name"}},
                {dense_long, TUFF_ERR_USAGE, {"dense", "longer than 180 bytes"}},
                {dense_shared, TUFF_ERR_SHAPE, {"'l.weight'", "taken"}},
                {init_kind, TUFF_ERR_USAGE, {"'l.weight'", "kind 99"}},
                {init_numbers, TUFF_ERR_USAGE, {"'l.weight'", "no kind"}},
                {init_data, TUFF_ERR_USAGE, {"'l.bias'", "without data"}},
                {conv_groups, TUFF_ERR_SHAPE, {"conv2d 'l'", "groups"}},
                {conv_kernel, TUFF_ERR_USAGE, {"conv2d 'l'", "kernel"}},
                {conv_rank, TUFF_ERR_SHAPE, {"conv2d 'l'", "[4, 6]"}},
                {norm_eps, TUFF_ERR_USAGE, {"batch_norm 'l'", "eps"}},
                {norm_momentum, TUFF_ERR_USAGE, {"batch_norm 'l'", "momentum"}},
                {norm_alone, TUFF_ERR_SHAPE, {"batch_norm of f32 [1, 24]", "no variance"}},
                {norm_rank, TUFF_ERR_SHAPE, {"batch_norm 'l'", "[n, c"}},
                {layer_dims, TUFF_ERR_SHAPE, {"layer_norm 'l'", "[4, 6]"}},
                {layer_eps, TUFF_ERR_USAGE, {"layer_norm 'l'", "eps"}},
                {rms_rank, TUFF_ERR_SHAPE, {"rms_norm 'l'", "[.., k]"}},
                {rms_eps, TUFF_ERR_USAGE, {"rms_norm 'l'", "eps"}},
                {lstm_units, TUFF_ERR_USAGE, {"lstm 'l'", "units"}},
                {lstm_rank, TUFF_ERR_SHAPE, {"lstm 'l'", "[4, 6]"}}};

static void check_refusals(struct tuff_context *context)
{
    for (size_t i = 0; i < TUFF_COUNT(refusals); i++) {
        struct tuff_graph *g = graph_fresh(context);
        tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(4, 6)),
                 p = tuff_input(g, "p", TUFF_F32, TUFF_SHAPE(2, 6, 4, 4));
        refusals[i].make(g, x, p);
        graph_expect_refusal(&failures, g, (uint32_t)i, refusals[i].status, refusals[i].parts);
    }
}

int main(int argc, char **argv)
{
    struct tuff_context *context = NULL;
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20;
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    check_values(context);
    check_defaults(context);
    check_refusals(context);
    tuff_context_destroy(context);
    printf("graph_layers: %u refusals, %u failures\n", (unsigned)TUFF_COUNT(refusals), failures);
    return failures ? 1 : 0;
}

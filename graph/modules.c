/* modules.c - layers that bring their own parameters, by name: dense, conv2d, norms, LSTM, dropout. Each says the shapes of its parameters and what
 * an initialiser that is left out stands for; the rest are operators. */
#include "graph/op.h"

#include <math.h>
#include <stdio.h>

/* One call of a layer. */
struct layer {
    struct tuff_graph *g;
    const char *kind, *name; /* for sentences: dense 'hidden' */
};

static const struct tuff_init zeros = {.kind = TUFF_INIT_ZEROS}, ones = {.kind = TUFF_INIT_CONSTANT, .a = 1},
                              kaiming = {.kind = TUFF_INIT_KAIMING_UNIFORM, .a = 1};

enum { NAME_BYTES = 200, LONGEST_NAME = 180 };

/* True when the graph has not failed, the layer has a name, and x is a value of floats. */
static bool begin(const struct layer *l, tuff_val x)
{
    if (!tuff_graph_ok(l->g)) return false;
    if (!l->name || !*l->name || strlen(l->name) > LONGEST_NAME) {
        tuff_graph_fail(l->g, TUFF_ERR_USAGE, "%s: the layer's name is %s", l->kind,
                        l->name && *l->name ? "longer than 180 bytes" : "missing: its parameters are called by it");
        return false;
    }
    return tuff_graph_takes_one(l->g, l->kind, x, 0);
}

static tuff_val fail(const struct layer *l, tuff_status status, const char *what)
{
    return tuff_graph_fail(l->g, status, "%s '%s': %s", l->kind, l->name, what);
}

static tuff_val refuse(const struct layer *l, const char *takes, tuff_val x)
{
    char what[NAME_BYTES + 32];
    snprintf(what, sizeof what, "%s '%s'", l->kind, l->name);
    return tuff_graph_refuse(l->g, TUFF_ERR_SHAPE, what, &x, 1, "it takes f32 %s", takes);
}

static tuff_val param(const struct layer *l, const char *part, struct tuff_shape shape, struct tuff_init init,
                      struct tuff_init standard)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.%s", l->name, part);
    return tuff_param(l->g, name, shape, tuff_init_unset(&init) ? standard : init);
}

static tuff_val state(const struct layer *l, const char *part, uint32_t c, struct tuff_init init)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.%s", l->name, part);
    return tuff_state(l->g, name, TUFF_F32, TUFF_SHAPE(c), init);
}

/* eps, or its default; 0 after a failure */
static double eps_of(const struct layer *l, struct tuff_number eps)
{
    double value = tuff_number_or(eps, 1e-5);
    if (value >= 0 && isfinite(value)) return value;
    fail(l, TUFF_ERR_USAGE, "eps must be finite and at least 0");
    return 0;
}

tuff_val tuff_layer_dense(struct tuff_graph *g, tuff_val x, const char *name, struct tuff_layer_dense_params p)
{
    const struct layer l = {g, "dense", name};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (!begin(&l, x)) return 0;
    if (shape.rank != 2) return refuse(&l, "[n, k] (flatten first)", x);
    if (!p.units) return fail(&l, TUFF_ERR_USAGE, "units is 0: it is how many numbers each row of the result has");
    tuff_val w = param(&l, "weight", TUFF_SHAPE(p.units, shape.dim[1]), p.weight, kaiming);
    tuff_val b = p.no_bias ? 0 : param(&l, "bias", TUFF_SHAPE(p.units), p.bias, zeros);
    tuff_val y = tuff_matmul(g, x, w, (struct tuff_matmul_params){.transpose_b = true});
    return b ? tuff_add(g, y, b) : y;
}

tuff_val tuff_layer_conv2d(struct tuff_graph *g, tuff_val x, const char *name, struct tuff_layer_conv2d_params p)
{
    const struct layer l = {g, "conv2d", name};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    uint32_t groups = p.conv.groups ? p.conv.groups : 1, width = p.kernel[1] ? p.kernel[1] : p.kernel[0];
    if (!begin(&l, x)) return 0;
    if (shape.rank != 4 || shape.dim[1] % groups) return refuse(&l, "[n, c, h, w] with c divisible by its groups", x);
    if (!p.channels || !p.kernel[0]) return fail(&l, TUFF_ERR_USAGE, "channels or kernel is 0");
    tuff_val w = param(&l, "weight", TUFF_SHAPE(p.channels, shape.dim[1] / groups, p.kernel[0], width), p.weight, kaiming);
    tuff_val b = p.no_bias ? 0 : param(&l, "bias", TUFF_SHAPE(p.channels), p.bias, zeros);
    return tuff_conv2d(g, x, w, b, p.conv);
}

tuff_val tuff_layer_batch_norm(struct tuff_graph *g, tuff_val x, const char *name, struct tuff_layer_batch_norm_params p)
{
    const struct layer l = {g, "batch_norm", name};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (!begin(&l, x)) return 0;
    if (shape.rank < 2) return refuse(&l, "[n, c, ..]", x);
    double eps = eps_of(&l, p.eps), momentum = tuff_number_or(p.momentum, 0.1);
    if (!(momentum >= 0 && momentum <= 1)) return fail(&l, TUFF_ERR_USAGE, "momentum must be from 0 to 1");
    uint32_t c = shape.dim[1];
    tuff_val gamma = param(&l, "weight", TUFF_SHAPE(c), p.weight, ones);
    tuff_val beta = param(&l, "bias", TUFF_SHAPE(c), p.bias, zeros);
    tuff_val mean = state(&l, "running_mean", c, zeros), var = state(&l, "running_var", c, ones);
    if (!p.training) return tuff_batch_norm_infer(g, x, gamma, beta, mean, var, eps);
    struct tuff_batch_norm r = tuff_batch_norm_train(g, x, gamma, beta, mean, var, eps, momentum);
    tuff_assign(g, mean, r.mean);
    tuff_assign(g, var, r.var);
    return tuff_graph_ok(g) ? r.y : 0;
}

tuff_val tuff_layer_layer_norm(struct tuff_graph *g, tuff_val x, const char *name, struct tuff_layer_layer_norm_params p)
{
    const struct layer l = {g, "layer_norm", name};
    struct tuff_shape shape = tuff_type_of(g, x).shape, last = {.rank = p.last_dims ? p.last_dims : 1};
    if (!begin(&l, x)) return 0;
    if (last.rank > shape.rank) return refuse(&l, "at least as many axes as it normalizes", x);
    for (uint32_t i = 0; i < last.rank; i++) last.dim[i] = shape.dim[shape.rank - last.rank + i];
    double eps = eps_of(&l, p.eps);
    tuff_val gamma = param(&l, "weight", last, p.weight, ones),
             beta = p.no_bias ? 0 : param(&l, "bias", last, p.bias, zeros);
    return tuff_layer_norm(g, x, gamma, beta, last.rank, eps);
}

tuff_val tuff_layer_rms_norm(struct tuff_graph *g, tuff_val x, const char *name, struct tuff_layer_rms_norm_params p)
{
    const struct layer l = {g, "rms_norm", name};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (!begin(&l, x)) return 0;
    if (shape.rank == 0) return refuse(&l, "[.., k]", x);
    double eps = eps_of(&l, p.eps);
    return tuff_rms_norm(g, x, param(&l, "weight", TUFF_SHAPE(shape.dim[shape.rank - 1]), p.weight, ones), eps);
}

tuff_val tuff_layer_lstm(struct tuff_graph *g, tuff_val x, const char *name, struct tuff_layer_lstm_params p)
{
    const struct layer l = {g, "lstm", name};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (!begin(&l, x)) return 0;
    if (shape.rank != 3) return refuse(&l, "[t, n, e]", x);
    if (!p.units || p.units > UINT32_MAX / 4) return fail(&l, TUFF_ERR_USAGE, "units is 0, or above 2^30");
    uint32_t rows = 4 * p.units;
    double bound = 1 / sqrt(p.units);
    const struct tuff_init within = {.kind = TUFF_INIT_UNIFORM, .a = -bound, .b = bound};
    struct tuff_lstm_params lstm = {.struct_size = sizeof lstm, .reverse = p.reverse};
    lstm.w_ih = param(&l, "weight_ih", TUFF_SHAPE(rows, shape.dim[2]), p.weight_ih, within);
    lstm.w_hh = param(&l, "weight_hh", TUFF_SHAPE(rows, p.units), p.weight_hh, within);
    lstm.bias = p.no_bias ? 0 : param(&l, "bias", TUFF_SHAPE(rows), p.bias, within);
    return tuff_lstm(g, x, &lstm).h;
}

tuff_val tuff_layer_dropout(struct tuff_graph *g, tuff_val x, double p, bool training)
{
    if (!tuff_graph_takes_one(g, "dropout", x, 0)) return 0;
    bool possible = p >= 0 && p < 1; /* else it says so, in inference too */
    return training || !possible ? tuff_dropout(g, x, tuff_rng_state(g), p) : x;
}

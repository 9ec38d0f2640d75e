/* modules.c - layers that bring their own parameters, by name: dense, norms, dropout. Each says the shapes of its parameters and what
 * an initialiser that is left out stands for; the rest are operators. */
#include "graph/compose.h"

#include <math.h>
#include <stdio.h>

const struct tuff_init tuff_init_zeros = {.kind = TUFF_INIT_ZEROS}, tuff_init_ones = {.kind = TUFF_INIT_CONSTANT, .a = 1};
const struct tuff_init tuff_init_torch = {.kind = TUFF_INIT_KAIMING_UNIFORM,
                                          .a = 0.57735026918962576}; /* gain 1 / sqrt(3) */

struct tuff_init tuff_init_within(double bound)
{
    return (struct tuff_init){.kind = TUFF_INIT_UNIFORM, .a = -bound, .b = bound};
}

enum { NAME_BYTES = 200, LONGEST_NAME = 180 };

bool tuff_module_begin(const struct tuff_module *m, tuff_val x)
{
    if (!tuff_graph_ok(m->g)) return false;
    if (!m->name || !*m->name || strlen(m->name) > LONGEST_NAME)
        return tuff_graph_fail(m->g, TUFF_ERR_USAGE, "%s: the layer's name is %s", m->kind,
                               m->name && *m->name ? "longer than 180 bytes" : "missing: its parameters are called by it");
    return tuff_graph_takes_one(m->g, m->kind, x, 0);
}

tuff_val tuff_module_fail(const struct tuff_module *m, tuff_status status, const char *what)
{
    return tuff_graph_fail(m->g, status, "%s '%s': %s", m->kind, m->name, what);
}

tuff_val tuff_module_refuse(const struct tuff_module *m, const char *takes, tuff_val x)
{
    char what[NAME_BYTES + 32];
    snprintf(what, sizeof what, "%s '%s'", m->kind, m->name);
    return tuff_graph_refuse(m->g, TUFF_ERR_SHAPE, what, &x, 1, "it takes f32 %s", takes);
}

tuff_val tuff_module_param(const struct tuff_module *m, const char *part, struct tuff_shape shape, struct tuff_init init,
                           struct tuff_init standard)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.%s", m->name, part);
    return tuff_param(m->g, name, shape, tuff_init_unset(&init) ? standard : init);
}

tuff_val tuff_module_state(const struct tuff_module *m, const char *part, struct tuff_shape shape, struct tuff_init init)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.%s", m->name, part);
    return tuff_state(m->g, name, TUFF_F32, shape, init);
}

tuff_val tuff_module_bias(const struct tuff_module *m, bool none, uint32_t count, uint64_t fan_in, struct tuff_init init)
{
    return none ? 0 : tuff_module_param(m, "bias", TUFF_SHAPE(count), init, tuff_init_within(1 / sqrt((double)fan_in)));
}

double tuff_module_eps(const struct tuff_module *m, struct tuff_number eps)
{
    double value = tuff_number_or(eps, 1e-5);
    if (value >= 0 && isfinite(value)) return value;
    return tuff_module_fail(m, TUFF_ERR_USAGE, "eps must be finite and at least 0");
}

tuff_val tuff_layer_dense(struct tuff_graph *g, tuff_val x, const char *name, struct tuff_layer_dense_params p)
{
    const struct tuff_module l = {g, "dense", name};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (!tuff_module_begin(&l, x)) return 0;
    if (shape.rank == 0) return tuff_module_refuse(&l, "[.., k]", x);
    if (!p.units)
        return tuff_module_fail(&l, TUFF_ERR_USAGE, "units is 0: it is how many numbers each row of the result has");
    uint32_t k = shape.dim[shape.rank - 1];
    tuff_val w = tuff_module_param(&l, "weight", TUFF_SHAPE(p.units, k), p.weight, tuff_init_torch);
    tuff_val b = tuff_module_bias(&l, p.no_bias, p.units, k, p.bias);
    tuff_val rows = shape.rank == 2 ? x : tuff_reshape(g, x, TUFF_SHAPE((uint32_t)(tuff_shape_count(&shape) / k), k));
    tuff_val y = tuff_matmul(g, rows, w, (struct tuff_matmul_params){.transpose_b = true});
    if (b) y = tuff_add(g, y, b);
    shape.dim[shape.rank - 1] = p.units;
    return shape.rank == 2 ? y : tuff_reshape(g, y, shape);
}

tuff_val tuff_layer_batch_norm(struct tuff_graph *g, tuff_val x, const char *name, struct tuff_layer_batch_norm_params p)
{
    const struct tuff_module l = {g, "batch_norm", name};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (!tuff_module_begin(&l, x)) return 0;
    if (shape.rank < 2) return tuff_module_refuse(&l, "[n, c, ..]", x);
    double eps = tuff_module_eps(&l, p.eps), momentum = tuff_number_or(p.momentum, 0.1);
    if (!(momentum >= 0 && momentum <= 1)) return tuff_module_fail(&l, TUFF_ERR_USAGE, "momentum must be from 0 to 1");
    uint32_t c = shape.dim[1];
    tuff_val gamma = tuff_module_param(&l, "weight", TUFF_SHAPE(c), p.weight, tuff_init_ones);
    tuff_val beta = tuff_module_param(&l, "bias", TUFF_SHAPE(c), p.bias, tuff_init_zeros);
    tuff_val mean = tuff_module_state(&l, "running_mean", TUFF_SHAPE(c), tuff_init_zeros),
             var = tuff_module_state(&l, "running_var", TUFF_SHAPE(c), tuff_init_ones);
    if (!p.training) return tuff_batch_norm_infer(g, x, gamma, beta, mean, var, eps);
    struct tuff_batch_norm r = tuff_batch_norm_train(g, x, gamma, beta, mean, var, eps, momentum);
    tuff_assign(g, mean, r.mean);
    tuff_assign(g, var, r.var);
    return tuff_graph_ok(g) ? r.y : 0;
}

tuff_val tuff_layer_layer_norm(struct tuff_graph *g, tuff_val x, const char *name, struct tuff_layer_layer_norm_params p)
{
    const struct tuff_module l = {g, "layer_norm", name};
    struct tuff_shape shape = tuff_type_of(g, x).shape, last = {.rank = p.last_dims ? p.last_dims : 1};
    if (!tuff_module_begin(&l, x)) return 0;
    if (last.rank > shape.rank) return tuff_module_refuse(&l, "at least as many axes as it normalizes", x);
    for (uint32_t i = 0; i < last.rank; i++) last.dim[i] = shape.dim[shape.rank - last.rank + i];
    double eps = tuff_module_eps(&l, p.eps);
    tuff_val gamma = tuff_module_param(&l, "weight", last, p.weight, tuff_init_ones),
             beta = p.no_bias ? 0 : tuff_module_param(&l, "bias", last, p.bias, tuff_init_zeros);
    return tuff_layer_norm(g, x, gamma, beta, last.rank, eps);
}

tuff_val tuff_layer_rms_norm(struct tuff_graph *g, tuff_val x, const char *name, struct tuff_layer_rms_norm_params p)
{
    const struct tuff_module l = {g, "rms_norm", name};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (!tuff_module_begin(&l, x)) return 0;
    if (shape.rank == 0) return tuff_module_refuse(&l, "[.., k]", x);
    double eps = tuff_module_eps(&l, p.eps);
    return tuff_rms_norm(
        g, x, tuff_module_param(&l, "weight", TUFF_SHAPE(shape.dim[shape.rank - 1]), p.weight, tuff_init_ones), eps);
}

tuff_val tuff_layer_dropout(struct tuff_graph *g, tuff_val x, double p, bool training)
{
    if (!tuff_graph_takes_one(g, "dropout", x, 0)) return 0;
    bool possible = p >= 0 && p < 1; /* else it says so, in inference too */
    return (training && p != 0) || !possible ? tuff_dropout(g, x, tuff_rng_state(g), p) : x;
}

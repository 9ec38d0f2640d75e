/* modules.c - layers that bring their own parameters, by name: dense, conv2d, LSTM, batch norm, dropout. */
#include "graph/op.h"

#include <math.h>
#include <stdio.h>

/* "name.part" into a buffer; too long a name is a usage error. */
static const char *part_name(struct tuff_graph *g, const char *name, const char *part, char *buffer, size_t bytes)
{
    if (!name || snprintf(buffer, bytes, "%s.%s", name, part) >= (int)bytes)
        tuff_graph_fail(g, TUFF_ERR_USAGE, "a layer's name is missing or too long");
    return buffer;
}

static tuff_val param(struct tuff_graph *g, const char *name, const char *part, struct tuff_shape shape,
                      enum tuff_init_kind kind, double a)
{
    char buffer[200];
    part_name(g, name, part, buffer, sizeof buffer);
    return tuff_param(g, buffer, shape, (struct tuff_init){.kind = kind, .a = a});
}

static tuff_val state(struct tuff_graph *g, const char *name, const char *part, uint32_t c, double value)
{
    char buffer[200];
    part_name(g, name, part, buffer, sizeof buffer);
    return tuff_state(g, buffer, TUFF_F32, TUFF_SHAPE(c), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = value});
}

tuff_val tuff_layer_dense(struct tuff_graph *g, tuff_val x, const char *name, uint32_t units)
{
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (g->status != TUFF_OK) return 0;
    if (shape.rank != 2) {
        char text[128];
        return tuff_graph_fail(g, TUFF_ERR_SHAPE, "dense '%s': takes [n, k], not %s; flatten first", name,
                               tuff_shape_text(&shape, text, sizeof text));
    }
    tuff_val w = param(g, name, "weight", TUFF_SHAPE(units, shape.dim[1]), TUFF_INIT_KAIMING_UNIFORM, 1);
    tuff_val b = param(g, name, "bias", TUFF_SHAPE(units), TUFF_INIT_ZEROS, 0);
    return tuff_add(g, tuff_matmul(g, x, w, (struct tuff_matmul_params){.transpose_b = true}), b);
}

tuff_val tuff_layer_conv2d(struct tuff_graph *g, tuff_val x, const char *name, uint32_t channels, uint32_t kernel,
                           struct tuff_conv2d_params params)
{
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    uint32_t groups = params.groups ? params.groups : 1;
    if (g->status != TUFF_OK) return 0;
    if (shape.rank != 4 || shape.dim[1] % groups) {
        char text[128];
        return tuff_graph_fail(g, TUFF_ERR_SHAPE, "conv2d '%s': takes [n, c, h, w] with c divisible by %u, not %s", name,
                               (unsigned)groups, tuff_shape_text(&shape, text, sizeof text));
    }
    tuff_val w = param(g, name, "weight", TUFF_SHAPE(channels, shape.dim[1] / groups, kernel, kernel),
                       TUFF_INIT_KAIMING_UNIFORM, 1);
    tuff_val b = param(g, name, "bias", TUFF_SHAPE(channels), TUFF_INIT_ZEROS, 0);
    return tuff_conv2d(g, x, w, b, params);
}

tuff_val tuff_layer_lstm(struct tuff_graph *g, tuff_val x, const char *name, uint32_t units)
{
    static const char *const parts[] = {"weight_ih", "weight_hh", "bias"};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    struct tuff_lstm_params p = {.struct_size = sizeof p};
    tuff_val *const values[] = {&p.w_ih, &p.w_hh, &p.bias};
    if (g->status != TUFF_OK) return 0;
    if (shape.rank != 3 || !units)
        return tuff_graph_fail(g, TUFF_ERR_SHAPE, "lstm '%s': takes [t, n, e] and at least one unit", name);
    const struct tuff_shape shapes[] = {TUFF_SHAPE(4 * units, shape.dim[2]), TUFF_SHAPE(4 * units, units),
                                        TUFF_SHAPE(4 * units)};
    double bound = 1 / sqrt(units);
    for (int i = 0; i < 3; i++) {
        char buffer[200];
        part_name(g, name, parts[i], buffer, sizeof buffer);
        *values[i] = tuff_param(g, buffer, shapes[i],
                                (struct tuff_init){.kind = TUFF_INIT_UNIFORM, .a = -bound, .b = bound});
    }
    return tuff_lstm(g, x, &p).h;
}

tuff_val tuff_layer_batch_norm(struct tuff_graph *g, tuff_val x, const char *name, bool training)
{
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (g->status != TUFF_OK) return 0;
    if (shape.rank < 2) return tuff_graph_fail(g, TUFF_ERR_SHAPE, "batch_norm '%s': the value has no channels", name);
    uint32_t c = shape.dim[1];
    tuff_val gamma = param(g, name, "weight", TUFF_SHAPE(c), TUFF_INIT_CONSTANT, 1),
             beta = param(g, name, "bias", TUFF_SHAPE(c), TUFF_INIT_ZEROS, 0);
    tuff_val mean = state(g, name, "running_mean", c, 0), var = state(g, name, "running_var", c, 1);
    if (!training) return tuff_batch_norm_infer(g, x, gamma, beta, mean, var, 1e-5);
    struct tuff_batch_norm r = tuff_batch_norm_train(g, x, gamma, beta, mean, var, 1e-5, 0.1);
    tuff_assign(g, mean, r.mean);
    tuff_assign(g, var, r.var);
    return r.y;
}

tuff_val tuff_layer_dropout(struct tuff_graph *g, tuff_val x, double p, bool training)
{
    return training ? tuff_dropout(g, x, tuff_rng_state(g), p) : x;
}

/* refs_nets.c - the networks of the reference trainings, with the public API, as an app would write them. Sizes come from
 * the stored initial parameters (init.NAME). */
#include "tests/refs/refs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct net {
    struct refs_case *c;
    struct tuff_graph *g;
    struct refs_net *result;
};

/* Parameter or statistic of that name; a gradient is stored for parameters only. */
static tuff_val leaf(struct net *n, const char *prefix, const char *name, bool trained)
{
    char full[64], key[80];
    struct tuff_array array;
    struct tuff_type type;
    snprintf(full, sizeof full, "%s%s", prefix, name);
    snprintf(key, sizeof key, "init.%s", full);
    if (!refs_tensor(n->c, key, &array, &type) || array.element != TUFF_ELEMENT_F32) {
        refs_fail(n->c, "has no %s of type F32", key);
        return 0;
    }
    float *copy = refs_alloc((size_t)array.bytes);
    memcpy(copy, array.data, (size_t)array.bytes);
    struct tuff_init init = {.kind = TUFF_INIT_DATA, .data = copy};
    tuff_val v = trained ? tuff_param(n->g, full, type.shape, init) : tuff_state(n->g, full, TUFF_F32, type.shape, init);
    free(copy);
    return v;
}

static bool has(struct net *n, const char *prefix, const char *name)
{
    char key[80];
    struct tuff_array array;
    snprintf(key, sizeof key, "init.%s%s", prefix, name);
    return tuff_tensors_find(n->c->tensors, key, &array);
}

static tuff_val dense(struct net *n, const char *prefix, const char *layer, tuff_val x)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s.", prefix, layer);
    tuff_val y = tuff_matmul(n->g, x, leaf(n, name, "weight", true), (struct tuff_matmul_params){.transpose_b = true});
    return has(n, name, "bias") ? tuff_add(n->g, y, leaf(n, name, "bias", true)) : y;
}

static tuff_val conv(struct net *n, const char *prefix, const char *layer, tuff_val x, uint32_t stride, uint32_t pad)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s.", prefix, layer);
    struct tuff_conv2d_params params = {.stride = {stride, stride}, .pad = {pad, pad, pad, pad}};
    tuff_val w = leaf(n, name, "weight", true);
    return tuff_conv2d(n->g, x, w, has(n, name, "bias") ? leaf(n, name, "bias", true) : 0, params);
}

static tuff_val batch_norm(struct net *n, const char *prefix, const char *layer, tuff_val x)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s.", prefix, layer);
    tuff_val mean = leaf(n, name, "running_mean", false), var = leaf(n, name, "running_var", false);
    tuff_val gamma = leaf(n, name, "weight", true), beta = leaf(n, name, "bias", true);
    if (n->c->state != REFS_OPEN) return 0;
    struct tuff_batch_norm r = tuff_batch_norm_train(n->g, x, gamma, beta, mean, var, 1e-5, 0.1);
    if (n->result->update_count + 2 > TUFF_COUNT(n->result->updates)) {
        refs_fail(n->c, "has more than 16 batch norms");
        return 0;
    }
    n->result->updates[n->result->update_count++] = tuff_assign(n->g, mean, r.mean);
    n->result->updates[n->result->update_count++] = tuff_assign(n->g, var, r.var);
    return r.y;
}

static tuff_val layer_norm(struct net *n, const char *prefix, const char *layer, tuff_val x)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s.", prefix, layer);
    tuff_val gamma = leaf(n, name, "weight", true);
    return tuff_layer_norm(n->g, x, gamma, leaf(n, name, "bias", true), 1, 1e-5);
}

static tuff_val mlp(struct net *n, tuff_val x)
{
    x = tuff_relu(n->g, dense(n, "", "fc1", x));
    x = tuff_tanh(n->g, dense(n, "", "fc2", x));
    return dense(n, "", "fc3", x);
}

static tuff_val lenet(struct net *n, tuff_val x)
{
    struct tuff_pool2d_params half = {.kernel = {2, 2}};
    x = tuff_relu(n->g, batch_norm(n, "", "bn1", conv(n, "", "conv1", x, 1, 2)));
    x = tuff_max_pool2d(n->g, x, half);
    x = tuff_relu(n->g, batch_norm(n, "", "bn2", conv(n, "", "conv2", x, 1, 0)));
    x = tuff_flatten(n->g, tuff_max_pool2d(n->g, x, half));
    return dense(n, "", "fc2", tuff_relu(n->g, dense(n, "", "fc1", x)));
}

static tuff_val block(struct net *n, const char *name, tuff_val x, uint32_t stride)
{
    tuff_val y = tuff_relu(n->g, batch_norm(n, name, "bn1", conv(n, name, "conv1", x, stride, 1)));
    y = batch_norm(n, name, "bn2", conv(n, name, "conv2", y, 1, 1));
    tuff_val shortcut = has(n, name, "down.weight") ? batch_norm(n, name, "bnd", conv(n, name, "down", x, stride, 0)) : x;
    return tuff_relu(n->g, tuff_add(n->g, y, shortcut));
}

static tuff_val resnet(struct net *n, tuff_val x)
{
    x = tuff_relu(n->g, batch_norm(n, "", "bn", conv(n, "", "stem", x, 1, 1)));
    x = block(n, "block2.", block(n, "block1.", x, 1), 2);
    return dense(n, "", "fc", tuff_mean(n->g, x, 1u << 2 | 1u << 3, TUFF_DROP_AXES));
}

/* Third number `part` of [b, t, 3 d], as heads [b, heads, t, d / heads] */
static tuff_val heads_of(struct tuff_graph *g, tuff_val qkv, uint32_t part, uint32_t heads)
{
    struct tuff_shape s = tuff_type_of(g, qkv).shape;
    uint32_t d = s.dim[2] / 3, start[3] = {0, 0, part * d}, size[3] = {s.dim[0], s.dim[1], d};
    int32_t step[3] = {1, 1, 1};
    tuff_val x = tuff_reshape(g, tuff_slice(g, qkv, start, step, size), TUFF_SHAPE(s.dim[0], s.dim[1], heads, d / heads));
    return tuff_permute(g, x, (uint32_t[]){0, 2, 1, 3});
}

static tuff_val transformer_layer(struct net *n, const char *name, tuff_val x, uint32_t heads)
{
    struct tuff_graph *g = n->g;
    struct tuff_shape s = tuff_type_of(g, x).shape;
    tuff_val qkv = dense(n, name, "qkv", layer_norm(n, name, "ln1", x));
    struct tuff_shape three = tuff_type_of(g, qkv).shape;
    if (three.rank != 3 || heads == 0 || three.dim[2] % (3 * heads)) {
        refs_fail(n->c, "%sqkv does not split into %u heads", name, (unsigned)heads);
        return 0;
    }
    tuff_val q = heads_of(g, qkv, 0, heads), k = heads_of(g, qkv, 1, heads), v = heads_of(g, qkv, 2, heads);
    struct tuff_shape square = TUFF_SHAPE(s.dim[1], s.dim[1]);
    tuff_val seen = tuff_less_equal(g, tuff_iota(g, square, 1), tuff_iota(g, square, 0));
    tuff_val score = tuff_matmul(g, q, k, (struct tuff_matmul_params){.transpose_b = true});
    score = tuff_affine(g, score, 1 / sqrt((double)s.dim[2] / heads), 0);
    tuff_val p = tuff_softmax(g, tuff_select(g, seen, score, tuff_scalar(g, -1e30)), -1);
    tuff_val mixed = tuff_permute(g, tuff_matmul(g, p, v, (struct tuff_matmul_params){0}), (uint32_t[]){0, 2, 1, 3});
    x = tuff_add(g, x, dense(n, name, "proj", tuff_reshape(g, mixed, s)));
    tuff_val up = tuff_gelu(g, dense(n, name, "up", layer_norm(n, name, "ln2", x)));
    return tuff_add(g, x, dense(n, name, "down", up));
}

static tuff_val transformer(struct net *n, tuff_val x, uint32_t heads)
{
    struct tuff_graph *g = n->g;
    struct tuff_shape tokens = tuff_type_of(g, x).shape;
    tuff_val tok = leaf(n, "tok.", "weight", true), pos = leaf(n, "pos.", "weight", true);
    struct tuff_shape all = tuff_type_of(g, pos).shape;
    if (n->c->state != REFS_OPEN || tokens.rank != 2 || all.rank != 2 || all.dim[0] < tokens.dim[1]) {
        refs_fail(n->c, "x and pos.weight do not fit");
        return 0;
    }
    uint32_t start[2] = {0, 0}, size[2] = {tokens.dim[1], all.dim[1]};
    int32_t step[2] = {1, 1};
    x = tuff_add(g, tuff_gather(g, tok, x, 0), tuff_slice(g, pos, start, step, size));
    char name[32];
    for (uint32_t i = 1; i <= 16 && n->c->state == REFS_OPEN; i++) {
        snprintf(name, sizeof name, "layer%u.", (unsigned)i);
        if (!has(n, name, "qkv.weight")) break;
        x = transformer_layer(n, name, x, heads);
    }
    tuff_val y = dense(n, "", "head", layer_norm(n, "", "ln", x));
    struct tuff_shape s = tuff_type_of(g, y).shape;
    return s.rank == 3 ? tuff_reshape(g, y, TUFF_SHAPE(s.dim[0] * s.dim[1], s.dim[2])) : y;
}

void refs_net_build(struct refs_case *c, struct tuff_graph *g, const char *kind, uint32_t heads, tuff_val x,
                    struct refs_net *net)
{
    struct net n = {c, g, net};
    *net = (struct refs_net){0};
    if (!strcmp(kind, "mlp"))
        net->logits = mlp(&n, x);
    else if (!strcmp(kind, "lenet"))
        net->logits = lenet(&n, x);
    else if (!strcmp(kind, "resnet"))
        net->logits = resnet(&n, x);
    else if (!strcmp(kind, "transformer"))
        net->logits = transformer(&n, x, heads);
    else
        refs_skip(c, "this program does not know the network '%.40s'", kind);
}

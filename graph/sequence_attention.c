/* sequence_attention.c - attention of several heads with its projections, positions, and the layers of transformers, with the names of PyTorch's modules. */
#include "graph/compose.h"
#include "graph/ops/view.h"
#include "graph/sequence.h"

#include <math.h>
#include <stdio.h>

/* NAME.part of a layer within another */
struct part {
    char name[256];
};
static struct part part_of(const char *name, const char *part)
{
    struct part p;
    snprintf(p.name, sizeof p.name, "%s.%s", name, part);
    return p;
}

/* ---- attention with projections --------------------------------------------------------------------------------------------------- */

struct attention {
    struct tuff_module l;
    const struct tuff_layer_attention_params *p;
    tuff_val in[3]; /* q, k, v: [n, t or s, ..] */
    uint32_t n, t, s, e, heads, key_heads, d;
    uint32_t width[3]; /* of the projections: heads d, key_heads d twice */
};

static bool begin(struct attention *a)
{
    struct tuff_graph *g = a->l.g;
    const struct tuff_layer_attention_params *p = a->p;
    if (!tuff_module_begin(&a->l, a->in[0])) return false;
    if (!a->in[1]) a->in[1] = a->in[0];
    if (!a->in[2]) a->in[2] = a->in[1];
    if (!tuff_graph_takes(g, "attention", a->in, 3)) return false;
    if (!p->heads) return tuff_module_fail(&a->l, TUFF_ERR_USAGE, "heads is 0");
    struct tuff_type type[3];
    bool fits = true;
    for (int i = 0; i < 3; i++) {
        type[i] = tuff_type_of(g, a->in[i]);
        fits = fits && type[i].dtype == TUFF_F32 && type[i].shape.rank == 3;
    }
    const uint32_t *q = type[0].shape.dim, *k = type[1].shape.dim, *v = type[2].shape.dim;
    if (!fits || q[0] != k[0] || k[0] != v[0] || k[1] != v[1] || q[2] % p->heads) {
        char what[240];
        snprintf(what, sizeof what, "%s '%s'", a->l.kind, a->l.name);
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, a->in, 3,
                                 "it takes f32 q [n, t, e], k [n, s, ..] and v [n, s, ..], e divisible by its %u heads",
                                 p->heads);
    }
    a->n = q[0], a->t = q[1], a->s = k[1], a->e = q[2], a->heads = p->heads, a->d = q[2] / p->heads;
    a->key_heads = p->key_heads ? p->key_heads : p->heads;
    if (a->heads % a->key_heads) return tuff_module_fail(&a->l, TUFF_ERR_USAGE, "key_heads must divide heads");
    a->width[0] = a->e;
    a->width[1] = a->width[2] = a->key_heads * a->d;
    return true;
}

/* What reads the same rows, one after the other, is one product: all three in self-attention, keys and values where these are of one source. */
static void project(const struct attention *a, tuff_val out[3])
{
    static const char *const apart[] = {"q_proj_weight", "k_proj_weight", "v_proj_weight"};
    const struct tuff_init xavier = {.kind = TUFF_INIT_XAVIER_UNIFORM};
    const struct tuff_matmul_params turned = {.transpose_b = true};
    struct tuff_graph *g = a->l.g;
    uint32_t wide[3], all = a->width[0] + a->width[1] + a->width[2], first = 0;
    tuff_val weight[3] = {0}, bias = 0;
    for (int i = 0; i < 3; i++) wide[i] = tuff_type_of(g, a->in[i]).shape.dim[2];
    const bool stacked = wide[1] == a->e && wide[2] == a->e;
    if (stacked) weight[0] = tuff_module_param(&a->l, "in_proj_weight", TUFF_SHAPE(all, a->e), a->p->weight, xavier);
    for (int i = 0; i < 3 && !stacked; i++)
        weight[i] = tuff_module_param(&a->l, apart[i], TUFF_SHAPE(a->width[i], wide[i]), a->p->weight, xavier);
    if (!a->p->no_bias) bias = tuff_module_param(&a->l, "in_proj_bias", TUFF_SHAPE(all), a->p->bias, tuff_init_zeros);
    for (int i = 0, end; i < 3; i = end) {
        uint32_t rows = 0, at = 0;
        for (end = i; end < 3 && (end == i || (stacked && a->in[end] == a->in[i])); end++) rows += a->width[end];
        tuff_val x = tuff_reshape(g, a->in[i], TUFF_SHAPE(a->n * (i ? a->s : a->t), wide[i]));
        tuff_val w = stacked ? tuff_slice_axis(g, weight[0], 0, first, 1, rows) : weight[i],
                 y = tuff_matmul(g, x, w, turned);
        if (bias) y = tuff_add(g, y, tuff_slice_axis(g, bias, 0, first, 1, rows));
        for (int k = i; k < end; at += a->width[k++]) out[k] = tuff_slice_axis(g, y, 1, at, 1, a->width[k]);
        first += rows;
    }
}

/* [n t, heads d] as [n, heads, t, d] */
static tuff_val split(const struct attention *a, tuff_val x, uint32_t rows, uint32_t heads)
{
    x = tuff_reshape(a->l.g, x, TUFF_SHAPE(a->n, rows, heads, a->d));
    return tuff_permute(a->l.g, x, (const uint32_t[]){0, 2, 1, 3});
}

/* One mask of both: where one is bool and the other is not, what is not seen is -inf that is added. */
static tuff_val joined_mask(const struct attention *a)
{
    struct tuff_graph *g = a->l.g;
    tuff_val mask = a->p->mask, keys = a->p->key_mask;
    if (!keys || !tuff_graph_takes_one(g, "attention", keys, 3)) return mask;
    const struct tuff_type type = tuff_type_of(g, keys);
    const struct tuff_shape wanted = TUFF_SHAPE(a->n, a->s);
    if (type.dtype != TUFF_BOOL || !tuff_shape_equal(&type.shape, &wanted))
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "attention", &keys, 1,
                                 "key_mask of layer '%s' must be bool [%u, %u], true where a key is there", a->l.name, a->n,
                                 a->s);
    keys = tuff_reshape(g, keys, TUFF_SHAPE(a->n, 1, 1, a->s));
    if (!mask) return keys;
    if (!tuff_graph_takes_one(g, "attention", mask, 4)) return 0;
    tuff_val hidden = tuff_scalar(g, -INFINITY), added = tuff_select(g, keys, tuff_scalar(g, 0), hidden);
    return tuff_type_of(g, mask).dtype == TUFF_BOOL ? tuff_select(g, mask, added, hidden) : tuff_add(g, mask, added);
}

struct tuff_layer_attention tuff_layer_attention(struct tuff_graph *g, tuff_val q, tuff_val k, tuff_val v, const char *name,
                                                 struct tuff_layer_attention_params p)
{
    struct attention a = {.l = {g, "attention", name}, .p = &p, .in = {q, k, v}};
    struct tuff_layer_attention r = {0};
    tuff_val x[3] = {0};
    if (!begin(&a)) return r;
    project(&a, x);
    for (int i = 0; i < 3; i++) x[i] = split(&a, x[i], i ? a.s : a.t, i ? a.key_heads : a.heads);
    for (int i = 0; i < 2 && p.rope; i++) x[i] = tuff_rope(g, x[i], *p.rope);
    const struct tuff_attention_params inner = {
        .causal = p.causal, .mask = joined_mask(&a), .dropout = p.training ? p.dropout : 0};
    tuff_val y = tuff_attention_weighted(g, x[0], x[1], x[2], inner, &r.head_weights);
    y = tuff_reshape(g, tuff_permute(g, y, (const uint32_t[]){0, 2, 1, 3}), TUFF_SHAPE(a.n, a.t, a.e));
    r.y = tuff_layer_dense(g, y, part_of(name, "out_proj").name,
                           (struct tuff_layer_dense_params){.units = a.e,
                                                            .no_bias = p.no_bias,
                                                            .weight = p.out_weight,
                                                            .bias = tuff_init_unset(&p.bias) ? tuff_init_zeros : p.bias});
    r.weights = tuff_mean(g, r.head_weights, 1u << 1, TUFF_DROP_AXES);
    return r;
}

/* ---- masks, positions --------------------------------------------------------------------------------------------------------------- */

tuff_val tuff_length_mask(struct tuff_graph *g, tuff_val lengths, uint32_t rows)
{
    const struct tuff_type type = tuff_type_of(g, lengths);
    if (!tuff_graph_takes_one(g, "length_mask", lengths, 0)) return 0;
    if (type.dtype != TUFF_I32 || type.shape.rank != 1 || !rows)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "length_mask", &lengths, 1, "it takes i32 [n], and at least one row");
    tuff_val at = tuff_iota(g, TUFF_SHAPE(type.shape.dim[0], rows), 1);
    return tuff_less(g, at, tuff_unsqueeze(g, lengths, 1));
}

tuff_val tuff_sinusoids(struct tuff_graph *g, uint32_t rows, uint32_t width)
{
    char name[64];
    const uint64_t count = (uint64_t)rows * width;
    if (!tuff_graph_ok(g)) return 0;
    if (!count || count > INT32_MAX)
        return tuff_graph_fail(g, TUFF_ERR_USAGE, "sinusoids: %u rows of %u numbers are none, or above 2^31 numbers", rows,
                               width);
    snprintf(name, sizeof name, "sinusoids/%ux%u", rows, width);
    tuff_val known = tuff_graph_find(g, name);
    if (known) return known; /* layers share it */
    float *data = tuff_alloc(g->context, (size_t)count * sizeof *data);
    if (!data) return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    for (uint32_t i = 0; i < rows; i++)
        for (uint32_t k = 0; k < width; k++) {
            const double angle = i * pow(10000, -(double)(k / 2 * 2) / width);
            data[(size_t)i * width + k] = (float)(k % 2 ? cos(angle) : sin(angle));
        }
    tuff_val v = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(rows, width)}, data);
    tuff_free(g->context, data);
    return tuff_named(g, v, name);
}

tuff_val tuff_layer_positions(struct tuff_graph *g, tuff_val x, const char *name, struct tuff_layer_positions_params p)
{
    const struct tuff_module l = {g, "positions", name};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (!tuff_module_begin(&l, x)) return 0;
    if (shape.rank < 2) return tuff_module_refuse(&l, "[.., t, e]", x);
    const uint32_t t = shape.dim[shape.rank - 2], e = shape.dim[shape.rank - 1], most = p.count ? p.count : t;
    if (t > most) return tuff_module_refuse(&l, "[.., t, e] with t at most its count", x);
    struct tuff_init normal = {.kind = TUFF_INIT_NORMAL, .b = 1};
    tuff_val table = tuff_module_param(&l, "weight", TUFF_SHAPE(most, e), p.weight, normal);
    return tuff_add(g, x, tuff_slice_axis(g, table, 0, 0, 1, t));
}

/* ---- transformers --------------------------------------------------------------------------------------------------------------------- */

struct block {
    struct tuff_graph *g;
    const char *name;
    const struct tuff_layer_transformer_params *p;
    double dropout;
};

static tuff_val drop(const struct block *b, tuff_val x) { return tuff_layer_dropout(b->g, x, b->dropout, b->p->training); }

static tuff_val norm(const struct block *b, const char *part, tuff_val x)
{
    return tuff_layer_layer_norm(b->g, x, part_of(b->name, part).name,
                                 (struct tuff_layer_layer_norm_params){.eps = b->p->eps, .no_bias = b->p->no_bias});
}

static tuff_val dense(const struct block *b, const char *part, tuff_val x, uint32_t units)
{
    return tuff_layer_dense(b->g, x, part_of(b->name, part).name,
                            (struct tuff_layer_dense_params){.units = units, .no_bias = b->p->no_bias});
}

/* What stands in a branch beside the stream: attention to x itself or to the memory, or two dense layers. */
enum branch { TO_ITSELF, TO_MEMORY, DENSE };
static tuff_val branch_of(const struct block *b, enum branch branch, tuff_val x, tuff_val memory)
{
    const struct tuff_layer_transformer_params *p = b->p;
    struct tuff_graph *g = b->g;
    if (branch == DENSE) {
        const struct tuff_shape shape = tuff_type_of(g, x).shape;
        tuff_val hidden = dense(b, "linear1", x, p->hidden ? p->hidden : 2048);
        hidden = drop(b, p->activation == TUFF_TRANSFORMER_GELU ? tuff_gelu(g, hidden) : tuff_relu(g, hidden));
        return drop(b, dense(b, "linear2", hidden, shape.rank ? shape.dim[shape.rank - 1] : 0));
    }
    const bool own = branch == TO_ITSELF;
    struct tuff_layer_attention_params a = {.heads = p->heads,
                                            .no_bias = p->no_bias,
                                            .training = p->training,
                                            .dropout = b->dropout,
                                            .causal = own && p->causal,
                                            .mask = own ? p->mask : p->memory_mask,
                                            .key_mask = own ? p->key_mask : p->memory_key_mask};
    struct part name = part_of(b->name, own ? "self_attn" : "multihead_attn");
    return drop(b, tuff_layer_attention(g, x, own ? 0 : memory, 0, name.name, a).y);
}

/* x + branch(norm(x)), or norm(x + branch(x)) */
static tuff_val add_branch(const struct block *b, enum branch branch, const char *part, tuff_val x, tuff_val memory)
{
    tuff_val in = b->p->norm_first ? norm(b, part, x) : x;
    x = tuff_add(b->g, x, branch_of(b, branch, in, memory));
    return b->p->norm_first ? x : norm(b, part, x);
}

static tuff_val one_layer(const struct block *b, tuff_val x, tuff_val memory)
{
    x = add_branch(b, TO_ITSELF, "norm1", x, 0);
    if (memory) x = add_branch(b, TO_MEMORY, "norm2", x, memory);
    return add_branch(b, DENSE, memory ? "norm3" : "norm2", x, 0);
}

static tuff_val transformer(const struct tuff_module *m, tuff_val x, tuff_val memory,
                            const struct tuff_layer_transformer_params *p)
{
    struct block b = {m->g, m->name, p, tuff_number_or(p->dropout, 0.1)};
    if (!tuff_module_begin(m, x)) return 0;
    if (tuff_type_of(m->g, x).shape.rank != 3) return tuff_module_refuse(m, "[n, t, e]", x);
    if ((unsigned)p->activation > TUFF_TRANSFORMER_GELU || p->layers > 4096)
        return tuff_module_fail(m, TUFF_ERR_USAGE, "there is no such activation, or layers is above 4096");
    for (uint32_t k = 0; k < p->layers; k++) {
        char part[32];
        snprintf(part, sizeof part, "layers.%u", k);
        struct part name = part_of(m->name, part);
        b.name = name.name;
        x = one_layer(&b, x, memory);
    }
    b.name = m->name;
    if (!p->layers) return one_layer(&b, x, memory);
    return p->final_norm ? norm(&b, "norm", x) : x;
}

tuff_val tuff_layer_transformer_encoder(struct tuff_graph *g, tuff_val x, const char *name,
                                        struct tuff_layer_transformer_params p)
{
    const struct tuff_module m = {g, "transformer_encoder", name};
    return transformer(&m, x, 0, &p);
}

tuff_val tuff_layer_transformer_decoder(struct tuff_graph *g, tuff_val x, tuff_val memory, const char *name,
                                        struct tuff_layer_transformer_params p)
{
    const struct tuff_module m = {g, "transformer_decoder", name};
    return tuff_graph_takes_one(g, m.kind, memory, 1) ? transformer(&m, x, memory, &p) : 0;
}

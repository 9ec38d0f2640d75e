/* language.c - nets of attention: a vision transformer, a GPT, a decoder of Llama's kind. Within a net, tokens lie as [batch * tokens,
 * width], so that dense layers are one matrix product each. The last layers of branches are scaled by 1 / sqrt(branches) (Radford et al.
 * 2019), so that all branches together have the variance of one. */
#include "parts.h"

#include <math.h>

struct transformer {
    uint32_t layers, width, heads, key_heads, hidden; /* key_heads: that keys and values have */
    uint32_t tokens;
};

static double branch_gain(const struct transformer *p) { return 1 / sqrt(2.0 * p->layers); }

static tuff_val dense(struct zoo_build *b, tuff_val x, uint32_t units, double gain)
{
    return tuff_layer_dense(b->g, x, zoo_next(b, NULL), zoo_units(units, gain));
}

static tuff_val linear(struct zoo_build *b, tuff_val x, uint32_t units, double gain)
{
    return tuff_layer_dense(b->g, x, zoo_next(b, NULL),
                            (struct tuff_layer_dense_params){.units = units, .no_bias = true, .weight = zoo_gain(gain)});
}

static tuff_val layer_norm(struct zoo_build *b, tuff_val x, double eps)
{
    return tuff_layer_layer_norm(b->g, x, zoo_next(b, "norm"),
                                 (struct tuff_layer_layer_norm_params){.eps = TUFF_NUMBER(eps)});
}

static tuff_val rms_norm(struct zoo_build *b, tuff_val x)
{
    return tuff_layer_rms_norm(b->g, x, zoo_next(b, "norm"), (struct tuff_layer_rms_norm_params){0});
}

/* A table of vectors with the variance 1 / width, as the transposed weights of the last layer need it. */
static tuff_val table(struct zoo_build *b, const char *part, uint32_t rows, uint32_t width)
{
    return tuff_param(b->g, zoo_next(b, part), TUFF_SHAPE(rows, width), zoo_gain(1));
}

/* Columns first .. first + heads * d - 1 of [batch * tokens, ..] as heads [batch, heads, tokens, d], and back */
static tuff_val split_heads(struct tuff_graph *g, tuff_val x, uint32_t first, uint32_t heads, const struct transformer *p)
{
    uint32_t d = p->width / p->heads, rows = tuff_type_of(g, x).shape.dim[0];
    x = zoo_part(g, x, 1, first * d, heads * d);
    x = tuff_reshape(g, x, TUFF_SHAPE(rows / p->tokens, p->tokens, heads, d));
    return tuff_permute(g, x, (uint32_t[]){0, 2, 1, 3});
}

static tuff_val join_heads(struct tuff_graph *g, tuff_val x, const struct transformer *p)
{
    uint32_t rows = tuff_type_of(g, x).shape.dim[0] * p->tokens;
    return tuff_reshape(g, tuff_permute(g, x, (uint32_t[]){0, 2, 1, 3}), TUFF_SHAPE(rows, p->width));
}

/* ---- with layer norms before the branches: ViT and GPT-2 -------------------------------------------------------------------------- */

static tuff_val transformer_layer(struct zoo_build *b, tuff_val x, const struct transformer *p, bool causal, double eps,
                                  zoo_activation *activation)
{
    struct tuff_graph *g = b->g;
    tuff_val qkv = dense(b, layer_norm(b, x, eps), 3 * p->width, 1);
    tuff_val q = split_heads(g, qkv, 0, p->heads, p), k = split_heads(g, qkv, p->heads, p->heads, p);
    tuff_val v = split_heads(g, qkv, 2 * p->heads, p->heads, p);
    tuff_val mixed = tuff_attention(g, q, k, v, (struct tuff_attention_params){.causal = causal});
    x = tuff_add(g, x, dense(b, join_heads(g, mixed, p), p->width, branch_gain(p)));
    tuff_val y = activation(g, dense(b, layer_norm(b, x, eps), p->hidden, 1));
    return tuff_add(g, x, dense(b, y, p->width, ZOO_GAIN_GELU * branch_gain(p)));
}

/* Dosovitskiy et al. 2021, of the size "small" (Touvron et al. 2021) */
tuff_val zoo_build_vit_s16(struct zoo_build *b, tuff_val x)
{
    const struct transformer p = {.layers = 12, .width = 384, .heads = 6, .hidden = 1536, .tokens = 197};
    struct tuff_graph *g = b->g;
    uint32_t n = tuff_type_of(g, x).shape.dim[0];
    x = tuff_layer_conv2d(b->g, x, zoo_next(b, NULL),
                          (struct tuff_layer_conv2d_params){.channels = p.width,
                                                            .kernel = {16},
                                                            .conv = {.stride = {16, 16}},
                                                            .weight = zoo_gain(ZOO_GAIN_RELU),
                                                            .bias = zoo_small()});
    x = tuff_permute(g, tuff_reshape(g, x, TUFF_SHAPE(n, p.width, p.tokens - 1)), (uint32_t[]){0, 2, 1});
    tuff_val class = table(b, "class", 1, p.width), place = table(b, "places", p.tokens, p.width);
    class = tuff_expand(g, tuff_reshape(g, class, TUFF_SHAPE(1, 1, p.width)), TUFF_SHAPE(n, 1, p.width));
    x = tuff_add(g, tuff_concat(g, (tuff_val[]){class, x}, 2, 1), place);
    x = tuff_reshape(g, x, TUFF_SHAPE(n * p.tokens, p.width));
    for (uint32_t i = 0; i < p.layers; i++) x = transformer_layer(b, x, &p, false, 1e-6, tuff_gelu);
    x = tuff_reshape(g, layer_norm(b, x, 1e-6), TUFF_SHAPE(n, p.tokens, p.width));
    x = tuff_reshape(g, zoo_part(g, x, 1, 0, 1), TUFF_SHAPE(n, p.width));
    return dense(b, x, zoo_classes(b, 1000), 1);
}

/* x [batch, tokens] -> their vectors [batch * tokens, width] */
static tuff_val embed(struct tuff_graph *g, tuff_val vectors, tuff_val x)
{
    struct tuff_shape s = tuff_type_of(g, x).shape;
    return tuff_gather(g, vectors, tuff_reshape(g, x, TUFF_SHAPE(s.dim[0] * s.dim[1])), 0);
}

static tuff_val scores(struct tuff_graph *g, tuff_val x, tuff_val vectors)
{
    return tuff_matmul(g, x, vectors, (struct tuff_matmul_params){.transpose_b = true});
}

/* Radford et al. 2019 */
tuff_val zoo_gpt(struct zoo_build *b, tuff_val x, const struct zoo_gpt *size)
{
    const struct transformer p = {.layers = size->layers,
                                  .width = size->width,
                                  .heads = size->heads,
                                  .hidden = 4 * size->width,
                                  .tokens = size->tokens};
    struct tuff_graph *g = b->g;
    tuff_val vectors = table(b, "tokens", size->symbols, p.width), place = table(b, "places", p.tokens, p.width);
    tuff_val y = embed(g, vectors, x);
    uint32_t rows = tuff_type_of(g, y).shape.dim[0];
    y = tuff_add(g, tuff_reshape(g, y, TUFF_SHAPE(rows / p.tokens, p.tokens, p.width)), place);
    y = tuff_reshape(g, y, TUFF_SHAPE(rows, p.width));
    for (uint32_t i = 0; i < p.layers; i++) y = transformer_layer(b, y, &p, true, 1e-5, tuff_gelu_tanh);
    return scores(g, layer_norm(b, y, 1e-5), vectors);
}

/* Over bytes. */
tuff_val zoo_build_gpt(struct zoo_build *b, tuff_val x)
{
    return zoo_gpt(b, x, &(struct zoo_gpt){.layers = 4, .width = 256, .heads = 4, .tokens = 128, .symbols = 256});
}

/* ---- Llama's layers: Touvron et al. 2023; SwiGLU: Shazeer 2020; grouped queries: Ainslie et al. 2023 -------------------------------- */

static tuff_val rope(struct tuff_graph *g, tuff_val x)
{
    return tuff_rope(g, x, (struct tuff_rope_params){.theta = 100000});
}

static tuff_val decoder_layer(struct zoo_build *b, tuff_val x, const struct transformer *p)
{
    struct tuff_graph *g = b->g;
    uint32_t key_width = p->width / p->heads * p->key_heads;
    tuff_val y = rms_norm(b, x);
    tuff_val q = linear(b, y, p->width, 1), k = linear(b, y, key_width, 1), v = linear(b, y, key_width, 1);
    q = rope(g, split_heads(g, q, 0, p->heads, p));
    k = rope(g, split_heads(g, k, 0, p->key_heads, p));
    v = split_heads(g, v, 0, p->key_heads, p);
    y = tuff_attention(g, q, k, v, (struct tuff_attention_params){.causal = true});
    x = tuff_add(g, x, linear(b, join_heads(g, y, p), p->width, branch_gain(p)));
    y = rms_norm(b, x);
    tuff_val gate = linear(b, y, p->hidden, 1), up = linear(b, y, p->hidden, 1);
    y = tuff_mul(g, tuff_silu(g, gate), up);
    return tuff_add(g, x, linear(b, y, p->width, ZOO_GAIN_SILU * branch_gain(p)));
}

tuff_val zoo_build_smollm2(struct zoo_build *b, tuff_val x)
{
    const struct transformer p = {.layers = 30, .width = 576, .heads = 9, .key_heads = 3, .hidden = 1536, .tokens = 128};
    tuff_val vectors = table(b, "tokens", 49152, p.width), y = embed(b->g, vectors, x);
    for (uint32_t i = 0; i < p.layers; i++) y = decoder_layer(b, y, &p);
    return scores(b->g, rms_norm(b, y), vectors);
}

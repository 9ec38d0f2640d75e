/* graph_arguments.c - every builder with arguments that no reader would write: graphs of NULL, values of other graphs, sizes of 0 and 2^32 - 1,
 * ranks of 9, NaN, enums of no known kind, params whose struct_size is wrong. Each call gives a value of a right type, or 0 and a sentence that
 * begins with its operator; none reads or writes elsewhere (under a sanitizer that is what it tests). */
#include "graph/op.h"
#include "tests/graph_help.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 400, LEAVES = 12 };

static unsigned failures;
#define check(...) graph_check(&failures, __VA_ARGS__)

/* What the arguments are drawn from. */
struct source {
    struct tuff_graph *g;
    uint64_t random;
    tuff_val leaf[LEAVES];
    uint32_t list[TUFF_MAX_RANK];
    int32_t steps[TUFF_MAX_RANK];
};

static uint32_t draw(struct source *s, uint32_t below)
{
    s->random = s->random * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    return (uint32_t)(s->random >> 33) % below;
}

static tuff_val value(struct source *s)
{
    const uint32_t at = draw(s, LEAVES + 3), count = s->g ? s->g->count : 1;
    return at < LEAVES ? s->leaf[at] : at == LEAVES ? 0 : at == LEAVES + 1 ? count + draw(s, 9) : draw(s, count);
}

static uint32_t size(struct source *s)
{
    static const uint32_t sizes[] = {0, 1, 1, 2, 2, 3, 4, 5, 65536, INT32_MAX, 1u << 31, UINT32_MAX};
    return sizes[draw(s, draw(s, 3) ? 8 : TUFF_COUNT(sizes))];
}

static int axis(struct source *s)
{
    static const int axes[] = {0, 1, -1, 2, -2, 3, 8, -9, 31, 32, INT_MAX, INT_MIN};
    return axes[draw(s, TUFF_COUNT(axes))];
}

static double number(struct source *s)
{
    static const double numbers[] = {0, 1, 0.5, -1, 1e-5, NAN, INFINITY, -INFINITY, DBL_MAX, DBL_MIN};
    return numbers[draw(s, TUFF_COUNT(numbers))];
}

static struct tuff_shape shape(struct source *s)
{
    struct tuff_shape r = {.rank = draw(s, 12) ? draw(s, 5) : 9 + draw(s, 5)};
    for (uint32_t i = 0; i < TUFF_MAX_RANK; i++) r.dim[i] = size(s);
    return r;
}

static enum tuff_dtype dtype(struct source *s) { return (enum tuff_dtype)(draw(s, 9) ? (int)draw(s, 12) : -1); }

static const uint32_t *list(struct source *s)
{
    for (uint32_t i = 0; i < TUFF_MAX_RANK; i++) s->list[i] = size(s);
    return draw(s, 9) ? s->list : NULL;
}

static const int32_t *steps(struct source *s)
{
    for (uint32_t i = 0; i < TUFF_MAX_RANK; i++) s->steps[i] = draw(s, 3) ? 1 : axis(s);
    return draw(s, 9) ? s->steps : NULL;
}

static struct tuff_init init(struct source *s)
{
    struct tuff_init r = {.kind = (enum tuff_init_kind)((int)draw(s, 14) - 2), .a = number(s), .b = number(s)};
    if (r.kind == TUFF_INIT_DATA) r.kind = TUFF_INIT_ZEROS; /* as many as the shape has cannot be checked */
    return r;
}

/* ---- the builders ---------------------------------------------------------------------------------------------------------------- */

typedef tuff_val call(struct tuff_graph *g, struct source *s);

#define CALL(name, ...)                                                                                                     \
    static tuff_val call_##name(struct tuff_graph *g, struct source *s)                                                     \
    {                                                                                                                       \
        (void)s;                                                                                                            \
        __VA_ARGS__                                                                                                         \
    }
#define TUFF_PW1(name, onnx, y, da, edges) CALL(name, return tuff_##name(g, value(s));)
#define TUFF_PW1P(name, onnx, y, da, edges)                                                                                 \
    CALL(name, double p0 = number(s); return tuff_##name(g, value(s), p0, number(s));)
#define TUFF_PW2(name, onnx, y, da, db, edges) CALL(name, tuff_val a = value(s); return tuff_##name(g, a, value(s));)
#define TUFF_PW2B(name, onnx, y, edges) CALL(name, tuff_val a = value(s); return tuff_##name(g, a, value(s));)
#include "graph/ops/pointwise.def"

CALL(pointwise, struct tuff_pointwise_params p = {.struct_size = draw(s, 4) ? sizeof p : draw(s, 9),
                                                  .name = draw(s, 5) ? "mine" : NULL,
                                                  .y = draw(s, 5) ? "a * p0" : NULL};
     tuff_val a = value(s); return tuff_pointwise(g, draw(s, 9) ? &p : NULL, a, draw(s, 2) ? value(s) : 0);)
CALL(select, tuff_val c = value(s), a = value(s); return tuff_select(g, c, a, value(s));)
CALL(cast, tuff_val a = value(s); return tuff_cast(g, a, dtype(s));)
CALL(reshape, tuff_val a = value(s); return tuff_reshape(g, a, shape(s));)
CALL(permute, tuff_val a = value(s); return tuff_permute(g, a, list(s));)
CALL(transpose, return tuff_transpose(g, value(s));)
CALL(slice, tuff_val a = value(s); const uint32_t *start = list(s); const int32_t *step = steps(s);
     const uint32_t sizes[TUFF_MAX_RANK] = {size(s), size(s), size(s), size(s)};
     return tuff_slice(g, a, start, step, sizes);)
CALL(expand, tuff_val a = value(s); return tuff_expand(g, a, shape(s));)
CALL(pad, tuff_val a = value(s); const uint32_t *before = list(s); const uint32_t after[TUFF_MAX_RANK] = {size(s), size(s)};
     return tuff_pad(g, a, before, after, number(s));)
CALL(concat, tuff_val in[3] = {value(s), value(s), value(s)}; uint32_t count = draw(s, 4);
     return tuff_concat(g, draw(s, 9) ? in : NULL, count, axis(s));)
CALL(unsqueeze, tuff_val a = value(s); return tuff_unsqueeze(g, a, axis(s));)
CALL(flatten, return tuff_flatten(g, value(s));)
CALL(upsample, tuff_val a = value(s); uint32_t h = size(s); return tuff_upsample_nearest2d(g, a, h, size(s));)
CALL(sum, tuff_val a = value(s); uint32_t axes = size(s); return tuff_sum(g, a, axes, (enum tuff_keep)draw(s, 3));)
CALL(mean, tuff_val a = value(s); uint32_t axes = size(s); return tuff_mean(g, a, axes, (enum tuff_keep)draw(s, 3));)
CALL(prod, tuff_val a = value(s); uint32_t axes = size(s); return tuff_prod(g, a, axes, (enum tuff_keep)draw(s, 3));)
CALL(reduce_max, tuff_val a = value(s); uint32_t axes = size(s);
     return tuff_reduce_max(g, a, axes, (enum tuff_keep)draw(s, 3));)
CALL(reduce_min, tuff_val a = value(s); uint32_t axes = size(s);
     return tuff_reduce_min(g, a, axes, (enum tuff_keep)draw(s, 3));)
CALL(logsumexp, tuff_val a = value(s); uint32_t axes = size(s);
     return tuff_logsumexp(g, a, axes, (enum tuff_keep)draw(s, 3));)
CALL(argmax, tuff_val a = value(s); int at = axis(s); return tuff_argmax(g, a, at, (enum tuff_keep)draw(s, 3));)
CALL(argmin, tuff_val a = value(s); int at = axis(s); return tuff_argmin(g, a, at, (enum tuff_keep)draw(s, 3));)
CALL(cumsum, tuff_val a = value(s); return tuff_cumsum(g, a, (struct tuff_cumsum_params){axis(s), false, true});)
CALL(matmul, tuff_val a = value(s), b = value(s);
     return tuff_matmul(g, a, b, (struct tuff_matmul_params){draw(s, 2) != 0, draw(s, 2) != 0, draw(s, 4) ? 0 : value(s)});)
CALL(conv2d, tuff_val x = value(s), w = value(s), b = draw(s, 2) ? value(s) : 0; return tuff_conv2d(
         g, x, w, b,
         (struct tuff_conv2d_params){
             {size(s), size(s)}, {size(s), size(s)}, {size(s), 0, 0, size(s)}, size(s), draw(s, 4) ? 0 : value(s)});)
CALL(conv_transpose2d, tuff_val x = value(s), w = value(s), b = draw(s, 2) ? value(s) : 0; return tuff_conv_transpose2d(
         g, x, w, b,
         (struct tuff_conv_transpose2d_params){
             {size(s), size(s)}, {size(s), size(s)}, {size(s), 0, 0, size(s)}, {size(s), 0}, size(s)});)
CALL(max_pool2d, tuff_val x = value(s);
     return tuff_max_pool2d(g, x,
                            (struct tuff_pool2d_params){
                                {size(s), size(s)}, {size(s), 0}, {size(s), 0, 0, 0}, {size(s), 0}, true, false});)
CALL(avg_pool2d, tuff_val x = value(s); return tuff_avg_pool2d(
         g, x, (struct tuff_pool2d_params){{size(s), size(s)}, {size(s), 0}, {size(s), 0, 0, 0}, {0, 0}, false, true});)
CALL(lrn, tuff_val x = value(s); return tuff_lrn(g, x, (struct tuff_lrn_params){size(s), number(s), number(s), number(s)});)
CALL(global_avg_pool, return tuff_global_avg_pool(g, value(s));)
CALL(gather, tuff_val x = value(s), i = value(s); return tuff_gather(g, x, i, axis(s));)
CALL(gather_elements, tuff_val x = value(s), i = value(s); return tuff_gather_elements(g, x, i, axis(s));)
CALL(scatter, tuff_val x = value(s), i = value(s), from = value(s); int at = axis(s);
     return tuff_scatter(g, x, i, from, at, (enum tuff_scatter_mode)draw(s, 6));)
CALL(bit_not, return tuff_bit_not(g, value(s));)
CALL(scatter_add, tuff_val x = value(s), i = value(s), from = value(s); return tuff_scatter_add(g, x, i, from, axis(s));)
CALL(topk, tuff_val x = value(s); return tuff_topk(g, x, (struct tuff_topk_params){axis(s), size(s), true}).values;)
CALL(one_hot, tuff_val x = value(s); return tuff_one_hot(g, x, size(s));)
CALL(iota, struct tuff_shape of = shape(s); return tuff_iota(g, of, axis(s));)
CALL(full, enum tuff_dtype t = dtype(s); struct tuff_shape of = shape(s); return tuff_full(g, t, of, number(s));)
CALL(constant, (void)s; return tuff_constant(g, (struct tuff_type){dtype(s), shape(s)}, NULL);)
CALL(input, enum tuff_dtype t = dtype(s); return tuff_input(g, draw(s, 3) ? "new" : draw(s, 2) ? "" : NULL, t, shape(s));)
CALL(param, struct tuff_shape of = shape(s); return tuff_param(g, draw(s, 3) ? "new" : NULL, of, init(s));)
CALL(param_of, struct tuff_type of = {dtype(s), shape(s)}; return tuff_param_of(g, "new", of, init(s));)
CALL(state, enum tuff_dtype t = dtype(s); struct tuff_shape of = shape(s);
     return tuff_state(g, draw(s, 3) ? "new" : "x", t, of, init(s));)
CALL(assign, tuff_val a = value(s); return tuff_assign(g, a, value(s));)
CALL(assign_rows, tuff_val a = value(s), b = value(s); return tuff_assign_rows(g, a, b, value(s));)
CALL(assign_some_rows, tuff_val a = value(s), b = value(s), c = value(s);
     return tuff_assign_some_rows(g, a, b, c, value(s));)
CALL(named, tuff_val a = value(s); return tuff_named(g, a, draw(s, 3) ? "new" : draw(s, 2) ? "x" : NULL);)
CALL(random_uniform, tuff_val r = value(s); return tuff_random_uniform(g, r, shape(s));)
CALL(random_normal, tuff_val r = draw(s, 2) ? tuff_rng_state(g) : value(s); return tuff_random_normal(g, r, shape(s));)
CALL(dropout, tuff_val x = value(s), r = draw(s, 2) ? tuff_rng_state(g) : value(s); return tuff_dropout(g, x, r, number(s));)
CALL(checkpoint, return tuff_checkpoint(g, value(s));)
CALL(gradients, tuff_val x[2] = {value(s), value(s)}, gx[2]; tuff_val y = value(s);
     tuff_gradients(g, y, draw(s, 3) ? 0 : value(s), draw(s, 9) ? x : NULL, 2, gx); return gx[0];)
CALL(batch_norm_train, tuff_val v[5] = {value(s), value(s), value(s), value(s), value(s)}; double eps = number(s);
     return tuff_batch_norm_train(g, v[0], v[1], v[2], v[3], v[4], eps, number(s)).y;)
CALL(batch_norm_infer, tuff_val v[5] = {value(s), value(s), value(s), value(s), value(s)};
     return tuff_batch_norm_infer(g, v[0], v[1], v[2], v[3], v[4], number(s));)
CALL(layer_norm, tuff_val v[3] = {value(s), value(s), value(s)}; uint32_t n = size(s);
     return tuff_layer_norm(g, v[0], v[1], v[2], n, number(s));)
CALL(group_norm, tuff_val v[3] = {value(s), value(s), value(s)}; uint32_t n = size(s);
     return tuff_group_norm(g, v[0], v[1], v[2], n, number(s));)
CALL(rms_norm, tuff_val v[2] = {value(s), value(s)}; return tuff_rms_norm(g, v[0], v[1], number(s));)
CALL(softmax, tuff_val x = value(s); return tuff_softmax(g, x, axis(s));)
CALL(log_softmax, tuff_val x = value(s); return tuff_log_softmax(g, x, axis(s));)
CALL(cross_entropy, tuff_val x = value(s), l = value(s);
     return tuff_cross_entropy(g, x, l,
                               (struct tuff_cross_entropy_params){(enum tuff_reduction)((int)draw(s, 5) - 1),
                                                                  draw(s, 2) != 0, axis(s), number(s),
                                                                  draw(s, 2) ? value(s) : 0});)
CALL(mse_loss, tuff_val x = value(s), t = value(s);
     return tuff_mse_loss(g, x, t, (enum tuff_reduction)((int)draw(s, 5) - 1));)
CALL(l1_loss, tuff_val x = value(s), t = value(s); return tuff_l1_loss(g, x, t, (enum tuff_reduction)((int)draw(s, 5) - 1));)
CALL(smooth_l1_loss, tuff_val x = value(s), t = value(s); return tuff_smooth_l1_loss(
         g, x, t, (struct tuff_smooth_l1_params){(enum tuff_reduction)((int)draw(s, 5) - 1), {number(s), draw(s, 2) != 0}});)
CALL(bce_with_logits, tuff_val x = value(s), t = value(s);
     return tuff_bce_with_logits(g, x, t,
                                 (struct tuff_bce_params){(enum tuff_reduction)((int)draw(s, 5) - 1),
                                                          draw(s, 2) ? value(s) : 0, draw(s, 2) ? value(s) : 0});)
CALL(nll_loss, tuff_val a = value(s), b = value(s);
     return tuff_nll_loss(g, a, b,
                          (struct tuff_nll_loss_params){(enum tuff_reduction)((int)draw(s, 5) - 1), draw(s, 2) != 0, axis(s),
                                                        draw(s, 2) ? value(s) : 0});)
CALL(cross_entropy_soft, tuff_val a = value(s), b = value(s);
     return tuff_cross_entropy_soft(g, a, b,
                                    (struct tuff_cross_entropy_params){(enum tuff_reduction)((int)draw(s, 5) - 1),
                                                                       draw(s, 2) != 0, axis(s), number(s),
                                                                       draw(s, 2) ? value(s) : 0});)
CALL(focal_loss, tuff_val a = value(s), b = value(s);
     return tuff_focal_loss(g, a, b,
                            (struct tuff_focal_loss_params){{number(s), draw(s, 2) != 0},
                                                            (enum tuff_reduction)((int)draw(s, 5) - 1),
                                                            draw(s, 2) != 0,
                                                            axis(s),
                                                            draw(s, 2) ? value(s) : 0});)
CALL(huber_loss, tuff_val a = value(s), b = value(s);
     return tuff_huber_loss(g, a, b, (struct tuff_huber_params){(enum tuff_reduction)((int)draw(s, 5) - 1), number(s)});)
CALL(bce_loss, tuff_val a = value(s), b = value(s);
     return tuff_bce_loss(g, a, b,
                          (struct tuff_bce_params){(enum tuff_reduction)((int)draw(s, 5) - 1), draw(s, 2) ? value(s) : 0,
                                                   draw(s, 2) ? value(s) : 0});)
CALL(sigmoid_focal_loss, tuff_val a = value(s), b = value(s);
     return tuff_sigmoid_focal_loss(g, a, b,
                                    (struct tuff_sigmoid_focal_params){(enum tuff_reduction)((int)draw(s, 5) - 1),
                                                                       {number(s), draw(s, 2) != 0},
                                                                       {number(s), draw(s, 2) != 0}});)
CALL(kl_div, tuff_val a = value(s), b = value(s);
     return tuff_kl_div(g, a, b,
                        (struct tuff_kl_div_params){(enum tuff_reduction)((int)draw(s, 5) - 1), draw(s, 2) != 0,
                                                    draw(s, 2) != 0});)
CALL(poisson_nll_loss, tuff_val a = value(s), b = value(s);
     return tuff_poisson_nll_loss(g, a, b,
                                  (struct tuff_poisson_nll_params){(enum tuff_reduction)((int)draw(s, 5) - 1),
                                                                   draw(s, 2) != 0, draw(s, 2) != 0, number(s)});)
CALL(gaussian_nll_loss, tuff_val a = value(s), b = value(s), c = value(s);
     return tuff_gaussian_nll_loss(g, a, b, c,
                                   (struct tuff_gaussian_nll_params){(enum tuff_reduction)((int)draw(s, 5) - 1),
                                                                     draw(s, 2) != 0, number(s)});)
CALL(hinge_embedding_loss, tuff_val a = value(s), b = value(s); return tuff_hinge_embedding_loss(
         g, a, b, (struct tuff_margin_params){(enum tuff_reduction)((int)draw(s, 5) - 1), {number(s), draw(s, 2) != 0}});)
CALL(margin_ranking_loss, tuff_val a = value(s), b = value(s), c = value(s); return tuff_margin_ranking_loss(
         g, a, b, c, (struct tuff_margin_params){(enum tuff_reduction)((int)draw(s, 5) - 1), {number(s), draw(s, 2) != 0}});)
CALL(cosine_embedding_loss, tuff_val a = value(s), b = value(s), c = value(s); return tuff_cosine_embedding_loss(
         g, a, b, c, (struct tuff_margin_params){(enum tuff_reduction)((int)draw(s, 5) - 1), {number(s), draw(s, 2) != 0}});)
CALL(triplet_margin_loss, tuff_val a = value(s), b = value(s), c = value(s); return tuff_triplet_margin_loss(
         g, a, b, c,
         (struct tuff_triplet_params){
             (enum tuff_reduction)((int)draw(s, 5) - 1), {number(s), draw(s, 2) != 0}, number(s), draw(s, 2) != 0});)
CALL(ctc_loss, tuff_val a = value(s), b = value(s), c = value(s), d = value(s); return tuff_ctc_loss(
         g, a, b, c, d, (struct tuff_ctc_params){(enum tuff_reduction)((int)draw(s, 5) - 1), draw(s, 4), draw(s, 2) != 0});)
CALL(cosine_similarity, tuff_val a = value(s), b = value(s); return tuff_cosine_similarity(g, a, b, axis(s), number(s));)
CALL(weigh_losses, tuff_val a = value(s), b = value(s);
     return tuff_weigh_losses(g, a, b, (enum tuff_reduction)((int)draw(s, 5) - 1));)
CALL(attention, tuff_val q = value(s), k = value(s), v = value(s);
     return tuff_attention(g, q, k, v,
                           (struct tuff_attention_params){{number(s), draw(s, 2) != 0},
                                                          draw(s, 2) != 0,
                                                          draw(s, 2) ? value(s) : 0,
                                                          draw(s, 3) ? 0 : value(s),
                                                          draw(s, 3) ? 0 : number(s)});)
CALL(rope, tuff_val x = value(s); return tuff_rope(g, x, (struct tuff_rope_params){number(s), size(s), draw(s, 2) != 0});)
CALL(recurrent, struct tuff_recurrent_params p = {.struct_size = draw(s, 4) ? sizeof p : draw(s, 9),
                                                  .cell = (enum tuff_cell)draw(s, 5),
                                                  .w_ih = value(s),
                                                  .w_hh = value(s),
                                                  .b_ih = draw(s, 2) ? value(s) : 0,
                                                  .w_hr = draw(s, 4) ? 0 : value(s),
                                                  .lengths = draw(s, 4) ? 0 : value(s)};
     return tuff_recurrent(g, value(s), draw(s, 9) ? &p : NULL).h;)
CALL(scan, tuff_val in[2] = {value(s), value(s)}; struct tuff_graph *body = draw(s, 9) ? graph_fresh(s->g->context) : NULL;
     tuff_val x = body ? tuff_input(body, "x", TUFF_F32, TUFF_SHAPE(3)) : 0, y[3] = {body ? tuff_exp(body, x) : 0};
     struct tuff_scan_params p = {.struct_size = draw(s, 4) ? sizeof p : draw(s, 9),
                                  .body = &body,
                                  .outputs = draw(s, 9) ? y : NULL,
                                  .output_count = draw(s, 3),
                                  .carries = draw(s, 9) ? in : NULL,
                                  .carry_count = draw(s, 2),
                                  .sequences = in,
                                  .sequence_count = draw(s, 3),
                                  .rounds = size(s),
                                  .last_only = size(s)};
     return tuff_scan(g, &p);)
CALL(scan_last, tuff_val a = value(s); return tuff_scan_last(g, a, size(s));)
CALL(scan_all, tuff_val a = value(s); return tuff_scan_all(g, a, size(s));)
#define NAME (draw(s, 9) ? "layer" : draw(s, 2) ? "" : NULL)
CALL(dense, tuff_val x = value(s);
     return tuff_layer_dense(g, x, NAME, (struct tuff_layer_dense_params){.units = size(s), .weight = init(s)});)
CALL(layer_conv2d, tuff_val x = value(s);
     return tuff_layer_conv2d(g, x, NAME,
                              (struct tuff_layer_conv2d_params){
                                  .channels = size(s), .kernel = {size(s), size(s)}, .weight = init(s)});)
CALL(layer_batch_norm, tuff_val x = value(s); return tuff_layer_batch_norm(
         g, x, NAME,
         (struct tuff_layer_batch_norm_params){
             draw(s, 2) != 0, {number(s), draw(s, 2) != 0}, {number(s), draw(s, 2) != 0}, init(s), init(s)});)
CALL(layer_layer_norm, tuff_val x = value(s); return tuff_layer_layer_norm(
         g, x, NAME, (struct tuff_layer_layer_norm_params){.last_dims = size(s), .eps = TUFF_NUMBER(number(s))});)
CALL(layer_rms_norm, tuff_val x = value(s);
     return tuff_layer_rms_norm(g, x, NAME, (struct tuff_layer_rms_norm_params){.eps = TUFF_NUMBER(number(s))});)
CALL(layer_recurrent, tuff_val x = value(s);
     return tuff_layer_recurrent(g, x, NAME,
                                 (struct tuff_layer_recurrent_params){.cell = (enum tuff_cell)draw(s, 5),
                                                                      .units = size(s),
                                                                      .layers = draw(s, 3),
                                                                      .proj_size = draw(s, 3) ? 0 : size(s),
                                                                      .bidirectional = draw(s, 2) != 0,
                                                                      .h_0 = draw(s, 3) ? 0 : value(s),
                                                                      .lengths = draw(s, 3) ? 0 : value(s)})
         .h;)
CALL(layer_group_norm, tuff_val x = value(s); return tuff_layer_group_norm(
         g, x, NAME, (struct tuff_layer_group_norm_params){.groups = size(s), .eps = {number(s), draw(s, 2) != 0}});)
CALL(layer_instance_norm, tuff_val x = value(s);
     return tuff_layer_instance_norm(g, x, NAME,
                                     (struct tuff_layer_instance_norm_params){.affine = draw(s, 2) != 0,
                                                                              .track_running_stats = draw(s, 2) != 0,
                                                                              .training = draw(s, 2) != 0,
                                                                              .momentum = {number(s), draw(s, 2) != 0}});)
CALL(layer_embedding, tuff_val x = value(s); return tuff_layer_embedding(
         g, x, NAME,
         (struct tuff_layer_embedding_params){
             .count = size(s), .size = size(s), .padding = draw(s, 2) != 0, .padding_idx = axis(s), .weight = init(s)});)
CALL(layer_channel_dropout, tuff_val x = value(s); return tuff_layer_channel_dropout(g, x, number(s), draw(s, 2) != 0);)
CALL(layer_prelu, tuff_val x = value(s);
     return tuff_layer_prelu(g, x, NAME, (struct tuff_layer_prelu_params){.channels = draw(s, 2) != 0});)
CALL(layer_bilinear, tuff_val x = value(s), y = value(s);
     return tuff_layer_bilinear(g, x, y, NAME, (struct tuff_layer_bilinear_params){.units = size(s)});)
CALL(layer_attention, tuff_val q = value(s), k = draw(s, 2) ? value(s) : 0;
     return tuff_layer_attention(g, q, k, 0, NAME,
                                 (struct tuff_layer_attention_params){.heads = size(s),
                                                                      .key_heads = draw(s, 2) ? size(s) : 0,
                                                                      .training = draw(s, 2) != 0,
                                                                      .dropout = draw(s, 2) ? number(s) : 0,
                                                                      .mask = draw(s, 2) ? value(s) : 0,
                                                                      .key_mask = draw(s, 2) ? value(s) : 0})
         .y;)
CALL(length_mask, tuff_val x = value(s); return tuff_length_mask(g, x, size(s));)
CALL(sinusoids, uint32_t rows = size(s); return tuff_sinusoids(g, rows < 65536 ? rows : 0, 3);)
CALL(layer_positions, tuff_val x = value(s);
     return tuff_layer_positions(g, x, NAME, (struct tuff_layer_positions_params){.count = size(s)});)
CALL(encoder, tuff_val x = value(s); return tuff_layer_transformer_encoder(
         g, x, NAME, (struct tuff_layer_transformer_params){.heads = size(s), .hidden = size(s), .layers = draw(s, 3)});)
CALL(decoder, tuff_val x = value(s), memory = value(s); return tuff_layer_transformer_decoder(
         g, x, memory, NAME, (struct tuff_layer_transformer_params){.heads = size(s), .eps = {number(s), draw(s, 2) != 0}});)
CALL(glu, tuff_val x = value(s); return tuff_glu(g, x, axis(s));)
CALL(layer_dropout, tuff_val x = value(s); return tuff_layer_dropout(g, x, number(s), draw(s, 2) != 0);)

static const struct {
    const char *name;
    call *call;
} calls[] = {
#define TUFF_PW1(name, onnx, y, da, edges) {#name, call_##name},
#define TUFF_PW2(name, onnx, y, da, db, edges) {#name, call_##name},
#define TUFF_PW2B(name, onnx, y, edges) {#name, call_##name},
#include "graph/ops/pointwise.def"
#define ROW(name) {#name, call_##name},
    ROW(pointwise) ROW(select) ROW(cast) ROW(reshape) ROW(permute) ROW(transpose) ROW(slice) ROW(expand) ROW(pad) ROW(concat)
        ROW(unsqueeze) ROW(flatten) ROW(upsample) ROW(sum) ROW(mean) ROW(reduce_max) ROW(reduce_min) ROW(logsumexp) ROW(
            argmax) ROW(argmin) ROW(cumsum) ROW(matmul) ROW(conv2d) ROW(conv_transpose2d) ROW(max_pool2d) ROW(avg_pool2d)
            ROW(lrn) ROW(global_avg_pool) ROW(gather) ROW(gather_elements) ROW(scatter_add) ROW(scatter) ROW(bit_not) ROW(
                prod) ROW(topk) ROW(one_hot) ROW(iota) ROW(full) ROW(constant) ROW(input) ROW(param) ROW(param_of) ROW(state)
                ROW(assign) ROW(assign_rows) ROW(assign_some_rows) ROW(named) ROW(random_uniform) ROW(random_normal)
                    ROW(dropout) ROW(checkpoint) ROW(gradients) ROW(batch_norm_train) ROW(batch_norm_infer) ROW(layer_norm)
                        ROW(group_norm) ROW(rms_norm) ROW(softmax) ROW(log_softmax) ROW(cross_entropy) ROW(mse_loss)
                            ROW(l1_loss) ROW(smooth_l1_loss) ROW(bce_with_logits) ROW(nll_loss) ROW(cross_entropy_soft)
                                ROW(focal_loss) ROW(huber_loss) ROW(bce_loss) ROW(sigmoid_focal_loss) ROW(kl_div)
                                    ROW(poisson_nll_loss) ROW(gaussian_nll_loss) ROW(hinge_embedding_loss)
                                        ROW(margin_ranking_loss) ROW(cosine_embedding_loss) ROW(triplet_margin_loss)
                                            ROW(ctc_loss) ROW(cosine_similarity) ROW(weigh_losses) ROW(attention) ROW(rope)
                                                ROW(recurrent) ROW(scan) ROW(scan_last) ROW(scan_all) ROW(dense)
                                                    ROW(layer_conv2d) ROW(layer_batch_norm) ROW(layer_layer_norm)
                                                        ROW(layer_rms_norm) ROW(layer_recurrent) ROW(layer_dropout)
                                                            ROW(layer_group_norm) ROW(layer_instance_norm)
                                                                ROW(layer_embedding) ROW(layer_channel_dropout)
                                                                    ROW(layer_prelu) ROW(layer_bilinear) ROW(glu)
                                                                        ROW(layer_attention) ROW(length_mask) ROW(sinusoids)
                                                                            ROW(layer_positions) ROW(encoder) ROW(decoder)};

/* ---- the rounds -------------------------------------------------------------------------------------------------------------------- */

static void add_leaves(struct source *s)
{
    struct tuff_graph *g = s->g;
    const struct tuff_init none = {0};
    s->leaf[0] = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, 3));
    s->leaf[1] = tuff_input(g, "i", TUFF_I32, TUFF_SHAPE(2, 3));
    s->leaf[2] = tuff_input(g, "row", TUFF_F32, TUFF_SHAPE(3));
    s->leaf[3] = tuff_input(g, "picture", TUFF_F32, TUFF_SHAPE(2, 3, 4, 4));
    s->leaf[4] = tuff_scalar(g, 2);
    s->leaf[5] = tuff_param(g, "w", TUFF_SHAPE(3, 3, 2, 2), none);
    s->leaf[6] = tuff_state(g, "s", TUFF_F32, TUFF_SHAPE(4, 3), none);
    s->leaf[7] = tuff_state(g, "place", TUFF_I32, TUFF_SHAPE(1), none);
    s->leaf[8] = tuff_input(g, "half", TUFF_F16, TUFF_SHAPE(2, 3));
    s->leaf[9] = tuff_input(g, "yes", TUFF_BOOL, TUFF_SHAPE(2, 3));
    s->leaf[10] = tuff_input(g, "blocks", TUFF_Q8_0, TUFF_SHAPE(3, 32));
    s->leaf[11] = tuff_assign(g, s->leaf[6], tuff_full(g, TUFF_F32, TUFF_SHAPE(4, 3), 1));
}

/* A right type: elements, and no more than there may be. */
static bool is_right(const struct tuff_graph *g, tuff_val v)
{
    struct tuff_type type = tuff_type_of(g, v);
    uint64_t count = tuff_shape_count(&type.shape);
    return v < g->count && type.shape.rank <= TUFF_MAX_RANK && count > 0 && count <= INT32_MAX;
}

static void run(struct tuff_context *context, size_t at, uint32_t round, uint32_t counts[2])
{
    struct source s = {.g = graph_fresh(context), .random = at * 7919u + round};
    struct tuff_error error = {0};
    add_leaves(&s);
    tuff_val v = calls[at].call(s.g, &s);
    tuff_status status = tuff_graph_finish(s.g, &error);
    counts[status == TUFF_OK]++;
    check(status == TUFF_OK ? v && is_right(s.g, v) : v == 0, "%s, round %u: value %u, %s %s", calls[at].name,
          (unsigned)round, (unsigned)v, tuff_status_name(status), error.message);
    bool told = status == TUFF_OK || status == TUFF_ERR_USAGE || status == TUFF_ERR_SHAPE || status == TUFF_ERR_UNSUPPORTED;
    check(told && (status == TUFF_OK || strstr(error.message, ": ")), "%s, round %u: %s '%s'", calls[at].name,
          (unsigned)round, tuff_status_name(status), error.message);
    tuff_graph_destroy(s.g);
}

int main(void)
{
    struct tuff_context *context = NULL;
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    for (size_t at = 0; at < TUFF_COUNT(calls); at++) {
        uint32_t counts[2] = {0};
        for (uint32_t round = 0; round < ROUNDS; round++) run(context, at, round, counts);
        check(counts[0] > 0, "%s: nothing was refused", calls[at].name);
        struct source none = {.random = at};
        if (calls[at].call != call_scan) check(calls[at].call(NULL, &none) == 0, "%s of no graph: a value", calls[at].name);
    }
    printf("graph_arguments: %u builders, %u failures\n", (unsigned)TUFF_COUNT(calls), failures);
    tuff_context_destroy(context);
    return failures != 0;
}

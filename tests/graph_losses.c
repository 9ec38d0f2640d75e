/* graph_losses.c - losses without a device: values from PyTorch's documentation and by hand, what infinite logits and lost targets cost, gradients
 * there, and the sentences of refusals. tests/torch_layers.sh has all of them beside PyTorch. */
#include "tests/graph_help.h"

#include <math.h>
#include <stdio.h>

static unsigned failures;
#define check(...) graph_check(&failures, __VA_ARGS__)
enum { MOST = 64 };
#define I INFINITY

static tuff_val floats(struct tuff_graph *g, struct tuff_shape shape, const float *numbers)
{
    return tuff_constant(g, (struct tuff_type){TUFF_F32, shape}, numbers);
}

static tuff_val whole(struct tuff_graph *g, struct tuff_shape shape, const int32_t *numbers)
{
    return tuff_constant(g, (struct tuff_type){TUFF_I32, shape}, numbers);
}

static void expect(struct tuff_graph *g, const char *what, tuff_val v, uint32_t count, const double *expected)
{
    double got[MOST] = {0}, *out = got;
    struct tuff_error error = {0};
    const struct tuff_evaluate_params params = {.struct_size = sizeof params, .outputs = &v, .output_count = 1};
    if (!check(v && tuff_evaluate(g, &params, &out, &error) == TUFF_OK, "%s: %s", what,
               v ? error.message : (tuff_graph_finish(g, &error) ? error.message : "no value")))
        return;
    for (uint32_t i = 0; i < count; i++) {
        bool same = got[i] == expected[i] || (isnan(got[i]) && isnan(expected[i]));
        check(same || fabs(got[i] - expected[i]) <= 1e-6 * (1 + fabs(expected[i])), "%s: element %u is %.9g, expected %.9g",
              what, (unsigned)i, got[i], expected[i]);
    }
}

/* The losses and the gradient of their sum by x */
static void both(struct tuff_graph *g, const char *what, tuff_val loss, tuff_val x, uint32_t count, const double *expected,
                 uint32_t slopes, const double *slope)
{
    tuff_val by = 0;
    expect(g, what, loss, count, expected);
    tuff_gradients(g, loss, 0, &x, 1, &by);
    expect(g, what, by, slopes, slope);
}

#define NUMBERS(...) ((const float[]){__VA_ARGS__})
#define VALUES(...) ((const double[]){__VA_ARGS__})

static void test_classes(struct tuff_context *context)
{
    struct tuff_graph *g = graph_fresh(context);
    /* softmax of log 1, log 2, log 5 is 1/8, 2/8, 5/8 */
    const double a = log(8), b = log(4), c = log(1.6);
    tuff_val x = floats(g, TUFF_SHAPE(2, 3), NUMBERS(0, .69314718056f, 1.60943791243f, 0, .69314718056f, 1.60943791243f));
    tuff_val labels = whole(g, TUFF_SHAPE(2), (const int32_t[]){2, 0}), log_p = tuff_log_softmax(g, x, 1);
    tuff_val weight = floats(g, TUFF_SHAPE(3), NUMBERS(3, 5, 1));
    expect(g, "nll", tuff_nll_loss(g, log_p, labels, (struct tuff_nll_loss_params){.weight = weight}), 1,
           VALUES((c + 3 * a) / 4));
    expect(g, "nll, one ignored",
           tuff_nll_loss(g, log_p, labels, (struct tuff_nll_loss_params){.use_ignore_index = true, .ignore_index = 2}), 1,
           VALUES(a));
    expect(g, "focal", tuff_focal_loss(g, x, labels, (struct tuff_focal_loss_params){.reduction = TUFF_REDUCE_NONE}), 2,
           VALUES(9 * c / 64, 49 * a / 64));
    tuff_val shares = floats(g, TUFF_SHAPE(2, 3), NUMBERS(0, .25f, .75f, 1, 0, 0));
    expect(g, "soft", tuff_cross_entropy_soft(g, x, shares, (struct tuff_cross_entropy_params){.weight = weight}), 1,
           VALUES((5 * .25 * b + .75 * c + 3 * a) / 2));
    tuff_val masked = floats(g, TUFF_SHAPE(1, 3), NUMBERS(-I, 0, 0)),
             even = floats(g, TUFF_SHAPE(1, 3), NUMBERS(0, .5f, .5f));
    both(g, "soft, a class masked", tuff_cross_entropy_soft(g, masked, even, (struct tuff_cross_entropy_params){0}), masked,
         1, VALUES(log(2)), 3, VALUES(0, 0, 0));
    tuff_graph_destroy(g);
}

static void test_elements(struct tuff_context *context)
{
    struct tuff_graph *g = graph_fresh(context);
    tuff_val p = floats(g, TUFF_SHAPE(4), NUMBERS(0, 1, .5f, 0)), t = floats(g, TUFF_SHAPE(4), NUMBERS(1, 1, .25f, 0));
    both(g, "bce of probabilities", tuff_bce_loss(g, p, t, (struct tuff_bce_params){.reduction = TUFF_REDUCE_NONE}), p, 4,
         VALUES(100, 0, log(2), 0), 4, VALUES(0, -1, 1, 1));
    tuff_val x = floats(g, TUFF_SHAPE(4), NUMBERS(I, -I, -I, 0)), yes = floats(g, TUFF_SHAPE(4), NUMBERS(1, 0, 1, 1));
    tuff_val half = floats(g, TUFF_SHAPE(4), NUMBERS(.5f, .5f, .5f, .5f));
    both(g, "weighted logits at infinity",
         tuff_bce_with_logits(g, x, yes, (struct tuff_bce_params){.reduction = TUFF_REDUCE_NONE, .pos_weight = half}), x, 4,
         VALUES(0, 0, I, log(2) / 2), 4, VALUES(0, 0, -.5, -.25));
    tuff_val near = floats(g, TUFF_SHAPE(3), NUMBERS(.25f, -4, I)), zero = floats(g, TUFF_SHAPE(3), NUMBERS(0, 0, 0));
    both(g, "huber", tuff_huber_loss(g, near, zero, (struct tuff_huber_params){TUFF_REDUCE_NONE, 2}), near, 3,
         VALUES(.03125, 6, I), 3, VALUES(.25, -2, 2));
    tuff_val log_q = floats(g, TUFF_SHAPE(1, 2), NUMBERS(-I, 0)), share = floats(g, TUFF_SHAPE(1, 2), NUMBERS(0, 1));
    both(g, "kl, nothing of a class that cannot be", tuff_kl_div(g, log_q, share, (struct tuff_kl_div_params){0}), log_q, 1,
         VALUES(0), 2, VALUES(0, -.5));
    tuff_val far = floats(g, TUFF_SHAPE(1), NUMBERS(100)), one = floats(g, TUFF_SHAPE(1), NUMBERS(1));
    const struct tuff_sigmoid_focal_params root = {.gamma = TUFF_NUMBER(0.5), .alpha = TUFF_NUMBER(-1)};
    both(g, "focal where nothing is wrong", tuff_sigmoid_focal_loss(g, far, one, root), far, 1, VALUES(0), 1, VALUES(0));
    tuff_val losses = floats(g, TUFF_SHAPE(2, 2), NUMBERS(1, 2, 3, 4)), w = floats(g, TUFF_SHAPE(2), NUMBERS(3, 1));
    expect(g, "samples by weights", tuff_weigh_losses(g, losses, w, TUFF_REDUCE_MEAN), 1, VALUES(2));
    tuff_graph_destroy(g);
}

static void test_vectors(struct tuff_context *context)
{
    struct tuff_graph *g = graph_fresh(context);
    tuff_val none = floats(g, TUFF_SHAPE(1, 2), NUMBERS(0, 0)), v = floats(g, TUFF_SHAPE(1, 2), NUMBERS(3, 4));
    expect(g, "cosine", tuff_cosine_similarity(g, v, tuff_permute(g, v, (const uint32_t[]){0, 1}), -1, 0), 1, VALUES(1));
    both(g, "cosine of nothing", tuff_cosine_similarity(g, none, v, 1, 1), none, 1, VALUES(0), 2, VALUES(.6, .8));
    tuff_val y = floats(g, TUFF_SHAPE(1), NUMBERS(-1));
    expect(g, "cosine embedding",
           tuff_cosine_embedding_loss(g, v, v, y, (struct tuff_margin_params){.margin = TUFF_NUMBER(.25)}), 1, VALUES(.75));
    expect(g, "triplet", tuff_triplet_margin_loss(g, none, v, v, (struct tuff_triplet_params){0}), 1, VALUES(1));
    tuff_graph_destroy(g);
}

/* Two steps, blank 0 and one class: the target "1" is 01, 10 or 11; "11" is none. */
static void test_ctc(struct tuff_context *context)
{
    struct tuff_graph *g = graph_fresh(context);
    const double half = log(.5);
    const float l = (float)half;
    tuff_val log_p = floats(g, TUFF_SHAPE(2, 3, 2), NUMBERS(l, l, l, l, l, l, l, l, l, l, l, l));
    tuff_val targets = whole(g, TUFF_SHAPE(3, 2), (const int32_t[]){1, 0, 1, 1, 1, 1});
    tuff_val times = whole(g, TUFF_SHAPE(3), (const int32_t[]){2, 2, 1}),
             sizes = whole(g, TUFF_SHAPE(3), (const int32_t[]){1, 2, 0});
    both(g, "ctc", tuff_ctc_loss(g, log_p, targets, times, sizes, (struct tuff_ctc_params){.reduction = TUFF_REDUCE_NONE}),
         log_p, 3, VALUES(-log(.75), I, log(2)), 12, VALUES(-1 / 3., -2 / 3., 0, 0, -1, 0, -1 / 3., -2 / 3., 0, 0, 0, 0));
    expect(g, "ctc, lost targets counting nothing",
           tuff_ctc_loss(g, log_p, targets, times, sizes, (struct tuff_ctc_params){.zero_infinity = true}), 1,
           VALUES((-log(.75) + log(2)) / 3));
    tuff_graph_destroy(g);
}

/* ---- refusals ------------------------------------------------------------------------------------------------------------------ */

struct leaves {
    tuff_val x, v, i, row, cube;
};
#define MAKE(name, expression)                                                                                              \
    static tuff_val name(struct tuff_graph *g, const struct leaves *o) { return expression; }
MAKE(nll_labels, tuff_nll_loss(g, o->x, o->v, (struct tuff_nll_loss_params){0}))
MAKE(soft_shape, tuff_cross_entropy_soft(g, o->x, o->v, (struct tuff_cross_entropy_params){0}))
MAKE(soft_ignore, tuff_cross_entropy_soft(g, o->x, o->x, (struct tuff_cross_entropy_params){.use_ignore_index = true}))
MAKE(soft_smooth, tuff_cross_entropy_soft(g, o->x, o->x, (struct tuff_cross_entropy_params){.label_smoothing = 1}))
MAKE(focal_gamma, tuff_focal_loss(g, o->x, o->i, (struct tuff_focal_loss_params){.gamma = TUFF_NUMBER(-1)}))
MAKE(bce_weight, tuff_bce_loss(g, o->x, o->x, (struct tuff_bce_params){.weight = o->v}))
MAKE(bce_positive, tuff_bce_loss(g, o->x, o->x, (struct tuff_bce_params){.pos_weight = o->v}))
MAKE(logits_positive, tuff_bce_with_logits(g, o->x, o->x, (struct tuff_bce_params){.pos_weight = o->row}))
MAKE(huber_delta, tuff_huber_loss(g, o->x, o->x, (struct tuff_huber_params){.delta = -1}))
MAKE(kl_batch, tuff_kl_div(g, o->x, o->x, (struct tuff_kl_div_params){.reduction = TUFF_REDUCE_SUM, .batch_mean = true}))
MAKE(cosine_labels, tuff_cosine_embedding_loss(g, o->x, o->x, o->v, (struct tuff_margin_params){0}))
MAKE(triplet_shapes, tuff_triplet_margin_loss(g, o->x, o->x, o->v, (struct tuff_triplet_params){0}))
MAKE(ctc_shapes, tuff_ctc_loss(g, o->x, o->i, o->i, o->i, (struct tuff_ctc_params){0}))
MAKE(ctc_blank,
     tuff_ctc_loss(g, o->cube, tuff_reshape(g, o->i, TUFF_SHAPE(2, 1)), o->i, o->i, (struct tuff_ctc_params){.blank = 5}))
MAKE(weigh_shape, tuff_weigh_losses(g, o->x, o->v, TUFF_REDUCE_MEAN))

static void test_refusals(struct tuff_context *context)
{
    static const struct {
        tuff_val (*make)(struct tuff_graph *g, const struct leaves *o);
        tuff_status status;
        const char *sentence;
    } cases[] = {{nll_labels, TUFF_ERR_SHAPE,
                  "nll_loss of f32 [2, 3] 'x' and f32 [3] 'v': labels are numbers of classes, i32 [2], as of TUFF_LABELS: "
                  "cast them, or take "
                  "tuff_argmax of "
                  "one-hot rows"},
                 {soft_shape, TUFF_ERR_SHAPE,
                  "cross_entropy_soft of f32 [2, 3] 'x' and f32 [3] 'v': they must have the same shape, as losses do not "
                  "broadcast: there is "
                  "one target for each element"},
                 {soft_ignore, TUFF_ERR_USAGE,
                  "cross_entropy_soft: use_ignore_index is for labels; a distribution of zeros counts nothing"},
                 {soft_smooth, TUFF_ERR_USAGE, "cross_entropy_soft: label_smoothing is 1; it must be in [0, 1)"},
                 {focal_gamma, TUFF_ERR_USAGE, "focal_loss: gamma is -1; it must be from 0 to 1000"},
                 {bce_weight, TUFF_ERR_SHAPE,
                  "bce_loss of f32 [2, 3] 'x' and f32 [3] 'v': weights have the shape of what they weigh, or "
                  "that of its first "
                  "axes: one for each sample"},
                 {bce_positive, TUFF_ERR_USAGE, "bce_loss: pos_weight is for logits: tuff_bce_with_logits"},
                 {logits_positive, TUFF_ERR_SHAPE,
                  "bce_with_logits of f32 [2, 3] 'x' and f32 [2] 'row': operand 2 must be [3], one number for each of the "
                  "last axis of the "
                  "first"},
                 {huber_delta, TUFF_ERR_USAGE, "huber_loss: delta is -1; it must be from 1e-30 to 1e+30"},
                 {kl_batch, TUFF_ERR_USAGE,
                  "kl_div of f32 [2, 3] 'x': batch_mean is a mean over a first axis, and goes with no other reduction"},
                 {cosine_labels, TUFF_ERR_SHAPE,
                  "cosine_embedding_loss of f32 [2, 3] 'x' and f32 [3] 'v': operand 2 must be [2], the shape without the "
                  "last axis of the "
                  "first"},
                 {triplet_shapes, TUFF_ERR_SHAPE,
                  "triplet_margin_loss of f32 [2, 3] 'x', f32 [2, 3] 'x' and f32 [3] 'v': they must have the same shape, as "
                  "losses do not "
                  "broadcast: there is one target for each element"},
                 {ctc_shapes, TUFF_ERR_SHAPE,
                  "ctc_loss of f32 [2, 3] 'x', i32 [2] 'i', i32 [2] 'i' and i32 [2] 'i': it takes logarithms of "
                  "probabilities [t, n, c], "
                  "targets i32 [n, s], and two lengths i32 [n]"},
                 {ctc_blank, TUFF_ERR_USAGE, "ctc_loss: the blank is class 5 of 4"},
                 {weigh_shape, TUFF_ERR_SHAPE,
                  "weigh_losses of f32 [2, 3] 'x' and f32 [3] 'v': weights have the shape of what they weigh, or that of "
                  "its first axes: one "
                  "for each sample"}};
    for (size_t k = 0; k < TUFF_COUNT(cases); k++) {
        struct tuff_graph *g = graph_fresh(context);
        struct tuff_error error = {0};
        struct leaves o = {tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, 3)), tuff_input(g, "v", TUFF_F32, TUFF_SHAPE(3)), 0, 0,
                           0};
        o.i = tuff_input(g, "i", TUFF_I32, TUFF_SHAPE(2));
        o.row = tuff_input(g, "row", TUFF_F32, TUFF_SHAPE(2));
        o.cube = tuff_input(g, "cube", TUFF_F32, TUFF_SHAPE(3, 2, 4));
        tuff_val v = cases[k].make(g, &o);
        tuff_status status = tuff_graph_finish(g, &error);
        check(v == 0 && status == cases[k].status && strstr(error.message, cases[k].sentence) == error.message,
              "refusal %zu is %s, expected %s", k, error.message, cases[k].sentence);
        tuff_graph_destroy(g);
    }
}

int main(void)
{
    struct tuff_context *context = NULL;
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    test_classes(context);
    test_elements(context);
    test_vectors(context);
    test_ctc(context);
    test_refusals(context);
    tuff_context_destroy(context);
    printf("graph_losses: %u failures\n", failures);
    return failures ? 1 : 0;
}

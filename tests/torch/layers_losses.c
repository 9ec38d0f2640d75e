/* layers_losses.c - losses: cases for tests/torch/layers_losses.py. Each takes its first input with `shift` added to
 * each of its rows, so that something learns. */
#include "tests/torch/layers.h"

#define TARGET(...)                                                                                                         \
    {                                                                                                                       \
        .dtype = TUFF_F32, .dim = {__VA_ARGS__}, .constant = true                                                           \
    }
#define SHARES(...)                                                                                                         \
    {                                                                                                                       \
        .dtype = TUFF_F32, .dim = {__VA_ARGS__}, .constant = true, .uniform = true                                          \
    }
#define LABELS(count, ...)                                                                                                  \
    {                                                                                                                       \
        .dtype = TUFF_I32, .most = (count), .dim = { __VA_ARGS__ }                                                          \
    }

static tuff_val x(struct tuff_graph *g, const tuff_val *in)
{
    struct tuff_shape shape = tuff_type_of(g, in[0]).shape;
    shape.dim[0] = 1;
    return tuff_add(g, in[0], tuff_param(g, "shift", shape, (struct tuff_init){0}));
}

static tuff_val lengths(struct tuff_graph *g, const int32_t numbers[3])
{
    return tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(3)}, numbers);
}

/* Labels from 1 on, the blank being 0 */
static tuff_val classes(struct tuff_graph *g, tuff_val labels)
{
    return tuff_add(g, labels, tuff_full(g, TUFF_I32, tuff_type_of(g, labels).shape, 1));
}

#define LOSS(name, value)                                                                                                   \
    static void name(struct tuff_graph *g, const tuff_val *in, bool training, tuff_val *y)                                  \
    {                                                                                                                       \
        (void)training;                                                                                                     \
        y[0] = value;                                                                                                       \
    }
LOSS(nll_loss_1,
     tuff_nll_loss(g, tuff_log_softmax(g, x(g, in), 1), in[1], (struct tuff_nll_loss_params){.reduction = TUFF_REDUCE_MEAN}))
LOSS(nll_loss_2,
     tuff_nll_loss(g, tuff_log_softmax(g, x(g, in), 1), in[1],
                   (struct tuff_nll_loss_params){
                       .reduction = TUFF_REDUCE_MEAN, .use_ignore_index = true, .ignore_index = 2, .weight = in[2]}))
LOSS(cross_entropy_1, tuff_cross_entropy(g, x(g, in), in[1],
                                         (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_MEAN,
                                                                            .use_ignore_index = true,
                                                                            .ignore_index = 1,
                                                                            .label_smoothing = 0.2,
                                                                            .weight = in[2]}))
LOSS(cross_entropy_soft_1,
     tuff_cross_entropy_soft(g, x(g, in), in[1], (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_MEAN}))
LOSS(cross_entropy_soft_2,
     tuff_cross_entropy_soft(g, x(g, in), in[1],
                             (struct tuff_cross_entropy_params){
                                 .reduction = TUFF_REDUCE_MEAN, .label_smoothing = 0.1, .weight = in[2]}))
LOSS(focal_loss_1, tuff_focal_loss(g, x(g, in), in[1], (struct tuff_focal_loss_params){.reduction = TUFF_REDUCE_MEAN}))
LOSS(focal_loss_2, tuff_focal_loss(g, x(g, in), in[1],
                                   (struct tuff_focal_loss_params){.reduction = TUFF_REDUCE_MEAN,
                                                                   .gamma = TUFF_NUMBER(0.5),
                                                                   .use_ignore_index = true,
                                                                   .weight = in[2]}))
LOSS(sigmoid_focal_loss_1,
     tuff_sigmoid_focal_loss(g, x(g, in), in[1], (struct tuff_sigmoid_focal_params){.reduction = TUFF_REDUCE_MEAN}))
LOSS(sigmoid_focal_loss_2,
     tuff_sigmoid_focal_loss(g, x(g, in), tuff_round(g, in[1]),
                             (struct tuff_sigmoid_focal_params){
                                 .reduction = TUFF_REDUCE_MEAN, .alpha = TUFF_NUMBER(-1), .gamma = TUFF_NUMBER(1.5)}))
LOSS(bce_loss_1, tuff_bce_loss(g, tuff_sigmoid(g, x(g, in)), in[1], (struct tuff_bce_params){.reduction = TUFF_REDUCE_MEAN}))
LOSS(bce_loss_2, tuff_bce_loss(g, tuff_sigmoid(g, x(g, in)), in[1],
                               (struct tuff_bce_params){.reduction = TUFF_REDUCE_MEAN, .weight = in[2]}))
LOSS(bce_with_logits_1, tuff_bce_with_logits(g, x(g, in), in[1], (struct tuff_bce_params){.reduction = TUFF_REDUCE_MEAN}))
LOSS(bce_with_logits_2,
     tuff_bce_with_logits(g, x(g, in), in[1],
                          (struct tuff_bce_params){.reduction = TUFF_REDUCE_MEAN, .weight = in[2], .pos_weight = in[3]}))
LOSS(smooth_l1_loss_1,
     tuff_smooth_l1_loss(g, x(g, in), in[1],
                         (struct tuff_smooth_l1_params){.reduction = TUFF_REDUCE_MEAN, .beta = TUFF_NUMBER(0.3)}))
LOSS(huber_loss_1,
     tuff_huber_loss(g, x(g, in), in[1], (struct tuff_huber_params){.reduction = TUFF_REDUCE_MEAN, .delta = 0.7}))
LOSS(kl_div_1,
     tuff_kl_div(g, tuff_log_softmax(g, x(g, in), 1), in[1], (struct tuff_kl_div_params){.reduction = TUFF_REDUCE_MEAN}))
LOSS(kl_div_2, tuff_kl_div(g, tuff_log_softmax(g, x(g, in), 1), in[1],
                           (struct tuff_kl_div_params){.reduction = TUFF_REDUCE_MEAN, .log_target = true}))
LOSS(poisson_nll_loss_1,
     tuff_poisson_nll_loss(g, x(g, in), in[1],
                           (struct tuff_poisson_nll_params){.reduction = TUFF_REDUCE_MEAN, .full = true}))
LOSS(poisson_nll_loss_2,
     tuff_poisson_nll_loss(g, tuff_sigmoid(g, x(g, in)), in[1],
                           (struct tuff_poisson_nll_params){.reduction = TUFF_REDUCE_MEAN, .no_log_input = true}))
LOSS(gaussian_nll_loss_1,
     tuff_gaussian_nll_loss(g, x(g, in), in[1], in[2],
                            (struct tuff_gaussian_nll_params){.reduction = TUFF_REDUCE_MEAN, .full = true}))
LOSS(hinge_embedding_loss_1,
     tuff_hinge_embedding_loss(g, x(g, in), tuff_sign(g, in[1]), (struct tuff_margin_params){.reduction = TUFF_REDUCE_MEAN}))
LOSS(margin_ranking_loss_1,
     tuff_margin_ranking_loss(g, x(g, in), in[1], tuff_sign(g, in[2]),
                              (struct tuff_margin_params){.reduction = TUFF_REDUCE_MEAN, .margin = TUFF_NUMBER(0.4)}))
LOSS(cosine_embedding_loss_1,
     tuff_cosine_embedding_loss(g, x(g, in), in[1], tuff_sign(g, in[2]),
                                (struct tuff_margin_params){.reduction = TUFF_REDUCE_MEAN, .margin = TUFF_NUMBER(0.1)}))
LOSS(triplet_margin_loss_1,
     tuff_triplet_margin_loss(g, x(g, in), in[1], in[2], (struct tuff_triplet_params){.reduction = TUFF_REDUCE_MEAN}))
LOSS(triplet_margin_loss_2,
     tuff_triplet_margin_loss(g, x(g, in), in[1], in[2],
                              (struct tuff_triplet_params){
                                  .reduction = TUFF_REDUCE_MEAN, .margin = TUFF_NUMBER(0.5), .swap = true}))
LOSS(ctc_loss_1, tuff_ctc_loss(g, tuff_log_softmax(g, x(g, in), 2), classes(g, in[1]),
                               lengths(g, (const int32_t[]){9, 7, 8}), lengths(g, (const int32_t[]){4, 3, 0}),
                               (struct tuff_ctc_params){.reduction = TUFF_REDUCE_MEAN, .blank = 0}))
LOSS(ctc_loss_2, tuff_ctc_loss(g, tuff_log_softmax(g, x(g, in), 2), in[1], lengths(g, (const int32_t[]){11, 2, 6}),
                               lengths(g, (const int32_t[]){2, 4, 1}),
                               (struct tuff_ctc_params){.reduction = TUFF_REDUCE_MEAN, .blank = 3, .zero_infinity = true}))
LOSS(weigh_losses_1, tuff_weigh_losses(g, tuff_mse_loss(g, x(g, in), in[1], TUFF_REDUCE_NONE), in[2], TUFF_REDUCE_MEAN))
LOSS(nll_loss_3,
     tuff_nll_loss(g, tuff_log_softmax(g, x(g, in), 1), in[1], (struct tuff_nll_loss_params){.reduction = TUFF_REDUCE_SUM}))
LOSS(nll_loss_4,
     tuff_nll_loss(g, tuff_log_softmax(g, x(g, in), 1), in[1],
                   (struct tuff_nll_loss_params){
                       .reduction = TUFF_REDUCE_SUM, .use_ignore_index = true, .ignore_index = 2, .weight = in[2]}))
LOSS(cross_entropy_2, tuff_cross_entropy(g, x(g, in), in[1],
                                         (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_SUM,
                                                                            .use_ignore_index = true,
                                                                            .ignore_index = 1,
                                                                            .label_smoothing = 0.2,
                                                                            .weight = in[2]}))
LOSS(cross_entropy_soft_3,
     tuff_cross_entropy_soft(g, x(g, in), in[1], (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_SUM}))
LOSS(cross_entropy_soft_4,
     tuff_cross_entropy_soft(g, x(g, in), in[1],
                             (struct tuff_cross_entropy_params){
                                 .reduction = TUFF_REDUCE_SUM, .label_smoothing = 0.1, .weight = in[2]}))
LOSS(focal_loss_3, tuff_focal_loss(g, x(g, in), in[1], (struct tuff_focal_loss_params){.reduction = TUFF_REDUCE_SUM}))
LOSS(focal_loss_4, tuff_focal_loss(g, x(g, in), in[1],
                                   (struct tuff_focal_loss_params){.reduction = TUFF_REDUCE_SUM,
                                                                   .gamma = TUFF_NUMBER(0.5),
                                                                   .use_ignore_index = true,
                                                                   .weight = in[2]}))
LOSS(sigmoid_focal_loss_3,
     tuff_sigmoid_focal_loss(g, x(g, in), in[1], (struct tuff_sigmoid_focal_params){.reduction = TUFF_REDUCE_SUM}))
LOSS(sigmoid_focal_loss_4,
     tuff_sigmoid_focal_loss(g, x(g, in), tuff_round(g, in[1]),
                             (struct tuff_sigmoid_focal_params){
                                 .reduction = TUFF_REDUCE_SUM, .alpha = TUFF_NUMBER(-1), .gamma = TUFF_NUMBER(1.5)}))
LOSS(bce_loss_3, tuff_bce_loss(g, tuff_sigmoid(g, x(g, in)), in[1], (struct tuff_bce_params){.reduction = TUFF_REDUCE_SUM}))
LOSS(bce_loss_4, tuff_bce_loss(g, tuff_sigmoid(g, x(g, in)), in[1],
                               (struct tuff_bce_params){.reduction = TUFF_REDUCE_SUM, .weight = in[2]}))
LOSS(bce_with_logits_3, tuff_bce_with_logits(g, x(g, in), in[1], (struct tuff_bce_params){.reduction = TUFF_REDUCE_SUM}))
LOSS(bce_with_logits_4,
     tuff_bce_with_logits(g, x(g, in), in[1],
                          (struct tuff_bce_params){.reduction = TUFF_REDUCE_SUM, .weight = in[2], .pos_weight = in[3]}))
LOSS(smooth_l1_loss_2,
     tuff_smooth_l1_loss(g, x(g, in), in[1],
                         (struct tuff_smooth_l1_params){.reduction = TUFF_REDUCE_SUM, .beta = TUFF_NUMBER(0.3)}))
LOSS(huber_loss_2,
     tuff_huber_loss(g, x(g, in), in[1], (struct tuff_huber_params){.reduction = TUFF_REDUCE_SUM, .delta = 0.7}))
LOSS(kl_div_3,
     tuff_kl_div(g, tuff_log_softmax(g, x(g, in), 1), in[1], (struct tuff_kl_div_params){.reduction = TUFF_REDUCE_SUM}))
LOSS(kl_div_4, tuff_kl_div(g, tuff_log_softmax(g, x(g, in), 1), in[1],
                           (struct tuff_kl_div_params){.reduction = TUFF_REDUCE_SUM, .log_target = true}))
LOSS(poisson_nll_loss_3,
     tuff_poisson_nll_loss(g, x(g, in), in[1], (struct tuff_poisson_nll_params){.reduction = TUFF_REDUCE_SUM, .full = true}))
LOSS(poisson_nll_loss_4,
     tuff_poisson_nll_loss(g, tuff_sigmoid(g, x(g, in)), in[1],
                           (struct tuff_poisson_nll_params){.reduction = TUFF_REDUCE_SUM, .no_log_input = true}))
LOSS(gaussian_nll_loss_2,
     tuff_gaussian_nll_loss(g, x(g, in), in[1], in[2],
                            (struct tuff_gaussian_nll_params){.reduction = TUFF_REDUCE_SUM, .full = true}))
LOSS(hinge_embedding_loss_2,
     tuff_hinge_embedding_loss(g, x(g, in), tuff_sign(g, in[1]), (struct tuff_margin_params){.reduction = TUFF_REDUCE_SUM}))
LOSS(margin_ranking_loss_2,
     tuff_margin_ranking_loss(g, x(g, in), in[1], tuff_sign(g, in[2]),
                              (struct tuff_margin_params){.reduction = TUFF_REDUCE_SUM, .margin = TUFF_NUMBER(0.4)}))
LOSS(cosine_embedding_loss_2,
     tuff_cosine_embedding_loss(g, x(g, in), in[1], tuff_sign(g, in[2]),
                                (struct tuff_margin_params){.reduction = TUFF_REDUCE_SUM, .margin = TUFF_NUMBER(0.1)}))
LOSS(triplet_margin_loss_3,
     tuff_triplet_margin_loss(g, x(g, in), in[1], in[2], (struct tuff_triplet_params){.reduction = TUFF_REDUCE_SUM}))
LOSS(triplet_margin_loss_4,
     tuff_triplet_margin_loss(g, x(g, in), in[1], in[2],
                              (struct tuff_triplet_params){
                                  .reduction = TUFF_REDUCE_SUM, .margin = TUFF_NUMBER(0.5), .swap = true}))
LOSS(ctc_loss_3, tuff_ctc_loss(g, tuff_log_softmax(g, x(g, in), 2), classes(g, in[1]),
                               lengths(g, (const int32_t[]){9, 7, 8}), lengths(g, (const int32_t[]){4, 3, 0}),
                               (struct tuff_ctc_params){.reduction = TUFF_REDUCE_SUM, .blank = 0}))
LOSS(ctc_loss_4, tuff_ctc_loss(g, tuff_log_softmax(g, x(g, in), 2), in[1], lengths(g, (const int32_t[]){11, 2, 6}),
                               lengths(g, (const int32_t[]){2, 4, 1}),
                               (struct tuff_ctc_params){.reduction = TUFF_REDUCE_SUM, .blank = 3, .zero_infinity = true}))
LOSS(weigh_losses_2, tuff_weigh_losses(g, tuff_mse_loss(g, x(g, in), in[1], TUFF_REDUCE_NONE), in[2], TUFF_REDUCE_SUM))
LOSS(nll_loss_5,
     tuff_nll_loss(g, tuff_log_softmax(g, x(g, in), 1), in[1], (struct tuff_nll_loss_params){.reduction = TUFF_REDUCE_NONE}))
LOSS(nll_loss_6,
     tuff_nll_loss(g, tuff_log_softmax(g, x(g, in), 1), in[1],
                   (struct tuff_nll_loss_params){
                       .reduction = TUFF_REDUCE_NONE, .use_ignore_index = true, .ignore_index = 2, .weight = in[2]}))
LOSS(cross_entropy_3, tuff_cross_entropy(g, x(g, in), in[1],
                                         (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_NONE,
                                                                            .use_ignore_index = true,
                                                                            .ignore_index = 1,
                                                                            .label_smoothing = 0.2,
                                                                            .weight = in[2]}))
LOSS(cross_entropy_soft_5,
     tuff_cross_entropy_soft(g, x(g, in), in[1], (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_NONE}))
LOSS(cross_entropy_soft_6,
     tuff_cross_entropy_soft(g, x(g, in), in[1],
                             (struct tuff_cross_entropy_params){
                                 .reduction = TUFF_REDUCE_NONE, .label_smoothing = 0.1, .weight = in[2]}))
LOSS(focal_loss_5, tuff_focal_loss(g, x(g, in), in[1], (struct tuff_focal_loss_params){.reduction = TUFF_REDUCE_NONE}))
LOSS(focal_loss_6, tuff_focal_loss(g, x(g, in), in[1],
                                   (struct tuff_focal_loss_params){.reduction = TUFF_REDUCE_NONE,
                                                                   .gamma = TUFF_NUMBER(0.5),
                                                                   .use_ignore_index = true,
                                                                   .weight = in[2]}))
LOSS(sigmoid_focal_loss_5,
     tuff_sigmoid_focal_loss(g, x(g, in), in[1], (struct tuff_sigmoid_focal_params){.reduction = TUFF_REDUCE_NONE}))
LOSS(sigmoid_focal_loss_6,
     tuff_sigmoid_focal_loss(g, x(g, in), tuff_round(g, in[1]),
                             (struct tuff_sigmoid_focal_params){
                                 .reduction = TUFF_REDUCE_NONE, .alpha = TUFF_NUMBER(-1), .gamma = TUFF_NUMBER(1.5)}))
LOSS(bce_loss_5, tuff_bce_loss(g, tuff_sigmoid(g, x(g, in)), in[1], (struct tuff_bce_params){.reduction = TUFF_REDUCE_NONE}))
LOSS(bce_loss_6, tuff_bce_loss(g, tuff_sigmoid(g, x(g, in)), in[1],
                               (struct tuff_bce_params){.reduction = TUFF_REDUCE_NONE, .weight = in[2]}))
LOSS(bce_with_logits_5, tuff_bce_with_logits(g, x(g, in), in[1], (struct tuff_bce_params){.reduction = TUFF_REDUCE_NONE}))
LOSS(bce_with_logits_6,
     tuff_bce_with_logits(g, x(g, in), in[1],
                          (struct tuff_bce_params){.reduction = TUFF_REDUCE_NONE, .weight = in[2], .pos_weight = in[3]}))
LOSS(smooth_l1_loss_3,
     tuff_smooth_l1_loss(g, x(g, in), in[1],
                         (struct tuff_smooth_l1_params){.reduction = TUFF_REDUCE_NONE, .beta = TUFF_NUMBER(0.3)}))
LOSS(huber_loss_3,
     tuff_huber_loss(g, x(g, in), in[1], (struct tuff_huber_params){.reduction = TUFF_REDUCE_NONE, .delta = 0.7}))
LOSS(kl_div_5,
     tuff_kl_div(g, tuff_log_softmax(g, x(g, in), 1), in[1], (struct tuff_kl_div_params){.reduction = TUFF_REDUCE_NONE}))
LOSS(kl_div_6, tuff_kl_div(g, tuff_log_softmax(g, x(g, in), 1), in[1],
                           (struct tuff_kl_div_params){.reduction = TUFF_REDUCE_NONE, .log_target = true}))
LOSS(poisson_nll_loss_5,
     tuff_poisson_nll_loss(g, x(g, in), in[1],
                           (struct tuff_poisson_nll_params){.reduction = TUFF_REDUCE_NONE, .full = true}))
LOSS(poisson_nll_loss_6,
     tuff_poisson_nll_loss(g, tuff_sigmoid(g, x(g, in)), in[1],
                           (struct tuff_poisson_nll_params){.reduction = TUFF_REDUCE_NONE, .no_log_input = true}))
LOSS(gaussian_nll_loss_3,
     tuff_gaussian_nll_loss(g, x(g, in), in[1], in[2],
                            (struct tuff_gaussian_nll_params){.reduction = TUFF_REDUCE_NONE, .full = true}))
LOSS(hinge_embedding_loss_3,
     tuff_hinge_embedding_loss(g, x(g, in), tuff_sign(g, in[1]), (struct tuff_margin_params){.reduction = TUFF_REDUCE_NONE}))
LOSS(margin_ranking_loss_3,
     tuff_margin_ranking_loss(g, x(g, in), in[1], tuff_sign(g, in[2]),
                              (struct tuff_margin_params){.reduction = TUFF_REDUCE_NONE, .margin = TUFF_NUMBER(0.4)}))
LOSS(cosine_embedding_loss_3,
     tuff_cosine_embedding_loss(g, x(g, in), in[1], tuff_sign(g, in[2]),
                                (struct tuff_margin_params){.reduction = TUFF_REDUCE_NONE, .margin = TUFF_NUMBER(0.1)}))
LOSS(triplet_margin_loss_5,
     tuff_triplet_margin_loss(g, x(g, in), in[1], in[2], (struct tuff_triplet_params){.reduction = TUFF_REDUCE_NONE}))
LOSS(triplet_margin_loss_6,
     tuff_triplet_margin_loss(g, x(g, in), in[1], in[2],
                              (struct tuff_triplet_params){
                                  .reduction = TUFF_REDUCE_NONE, .margin = TUFF_NUMBER(0.5), .swap = true}))
LOSS(ctc_loss_5, tuff_ctc_loss(g, tuff_log_softmax(g, x(g, in), 2), classes(g, in[1]),
                               lengths(g, (const int32_t[]){9, 7, 8}), lengths(g, (const int32_t[]){4, 3, 0}),
                               (struct tuff_ctc_params){.reduction = TUFF_REDUCE_NONE, .blank = 0}))
LOSS(ctc_loss_6, tuff_ctc_loss(g, tuff_log_softmax(g, x(g, in), 2), in[1], lengths(g, (const int32_t[]){11, 2, 6}),
                               lengths(g, (const int32_t[]){2, 4, 1}),
                               (struct tuff_ctc_params){.reduction = TUFF_REDUCE_NONE, .blank = 3, .zero_infinity = true}))
LOSS(weigh_losses_3, tuff_weigh_losses(g, tuff_mse_loss(g, x(g, in), in[1], TUFF_REDUCE_NONE), in[2], TUFF_REDUCE_NONE))
LOSS(kl_div_7, tuff_kl_div(g, tuff_log_softmax(g, x(g, in), 1), in[1], (struct tuff_kl_div_params){.batch_mean = true}))
LOSS(cosine_similarity_1, tuff_cosine_similarity(g, x(g, in), in[1], 1, 0))
LOSS(cosine_similarity_2, tuff_cosine_similarity(g, x(g, in), in[1], -1, 0))

const struct layer_case layer_cases_losses[] = {
    {LAYER_CASE("nll_loss", "reduction=mean", nll_loss_1, LAYER_FLOATS(7, 5), LABELS(5, 7))},
    {LAYER_CASE("nll_loss", "weighted=1 ignore=2 reduction=mean", nll_loss_2, LAYER_FLOATS(5, 4, 3), LABELS(4, 5, 3),
                SHARES(4))},
    {LAYER_CASE("cross_entropy", "weighted=1 ignore=1 smoothing=0.2 reduction=mean", cross_entropy_1, LAYER_FLOATS(5, 4, 3),
                LABELS(4, 5, 3), SHARES(4))},
    {LAYER_CASE("cross_entropy_soft", "reduction=mean", cross_entropy_soft_1, LAYER_FLOATS(5, 6),
                {.dtype = TUFF_F32, .dim = {5, 6}, .uniform = true})},
    {LAYER_CASE("cross_entropy_soft", "weighted=1 smoothing=0.1 reduction=mean", cross_entropy_soft_2, LAYER_FLOATS(3, 5, 2),
                SHARES(3, 5, 2), SHARES(5))},
    {LAYER_CASE("focal_loss", "gamma=2 reduction=mean", focal_loss_1, LAYER_FLOATS(7, 5), LABELS(5, 7))},
    {LAYER_CASE("focal_loss", "gamma=0.5 weighted=1 ignore=0 reduction=mean", focal_loss_2, LAYER_FLOATS(5, 4, 3),
                LABELS(4, 5, 3), SHARES(4))},
    {LAYER_CASE("sigmoid_focal_loss", "alpha=0.25 gamma=2 reduction=mean", sigmoid_focal_loss_1, LAYER_FLOATS(5, 7),
                SHARES(5, 7))},
    {LAYER_CASE("sigmoid_focal_loss", "alpha=-1 gamma=1.5 reduction=mean", sigmoid_focal_loss_2, LAYER_FLOATS(5, 7),
                SHARES(5, 7))},
    {LAYER_CASE("bce_loss", "reduction=mean", bce_loss_1, LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .uniform = true})},
    {LAYER_CASE("bce_loss", "weighted=1 reduction=mean", bce_loss_2, LAYER_FLOATS(5, 7), SHARES(5, 7), TARGET(5, 7))},
    {LAYER_CASE("bce_with_logits", "reduction=mean", bce_with_logits_1, LAYER_FLOATS(5, 7), SHARES(5, 7))},
    {LAYER_CASE("bce_with_logits", "weighted=1 positive=1 reduction=mean", bce_with_logits_2, LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .uniform = true}, TARGET(5), SHARES(7))},
    {LAYER_CASE("smooth_l1_loss", "beta=0.3 reduction=mean", smooth_l1_loss_1, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7))},
    {LAYER_CASE("huber_loss", "delta=0.7 reduction=mean", huber_loss_1, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7))},
    {LAYER_CASE("kl_div", "reduction=mean", kl_div_1, LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .uniform = true})},
    {LAYER_CASE("kl_div", "log_target=1 reduction=mean", kl_div_2, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7))},
    {LAYER_CASE("poisson_nll_loss", "full=1 reduction=mean", poisson_nll_loss_1, LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .scale = 5, .uniform = true, .constant = true})},
    {LAYER_CASE("poisson_nll_loss", "rate=1 reduction=mean", poisson_nll_loss_2, LAYER_FLOATS(5, 7), SHARES(5, 7))},
    {LAYER_CASE("gaussian_nll_loss", "full=1 reduction=mean", gaussian_nll_loss_1, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .shift = 0.1f, .uniform = true})},
    {LAYER_CASE("hinge_embedding_loss", "margin=1 reduction=mean", hinge_embedding_loss_1, LAYER_FLOATS(5, 7),
                TARGET(5, 7))},
    {LAYER_CASE("margin_ranking_loss", "margin=0.4 reduction=mean", margin_ranking_loss_1, LAYER_FLOATS(5, 7),
                LAYER_FLOATS(5, 7), TARGET(5, 7))},
    {LAYER_CASE("cosine_embedding_loss", "margin=0.1 reduction=mean", cosine_embedding_loss_1, LAYER_FLOATS(7, 5),
                LAYER_FLOATS(7, 5), TARGET(7))},
    {LAYER_CASE("triplet_margin_loss", "margin=1 swap=0 reduction=mean", triplet_margin_loss_1, LAYER_FLOATS(7, 5),
                LAYER_FLOATS(7, 5), LAYER_FLOATS(7, 5))},
    {LAYER_CASE("triplet_margin_loss", "margin=0.5 swap=1 reduction=mean", triplet_margin_loss_2, LAYER_FLOATS(3, 7, 5),
                LAYER_FLOATS(3, 7, 5), LAYER_FLOATS(3, 7, 5))},
    {LAYER_CASE("ctc_loss", "blank=0 times=9,7,8 sizes=4,3,0 reduction=mean", ctc_loss_1, LAYER_FLOATS(9, 3, 5),
                LABELS(4, 3, 4)),
     .no_training = true},
    {LAYER_CASE("ctc_loss", "blank=3 times=11,2,6 sizes=2,4,1 zero=1 reduction=mean", ctc_loss_2, LAYER_FLOATS(11, 3, 4),
                LABELS(3, 3, 4)),
     .no_training = true},
    {LAYER_CASE("weigh_losses", "reduction=mean", weigh_losses_1, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5}, .shift = 0.2f, .uniform = true})},
    {LAYER_CASE("nll_loss", "reduction=sum", nll_loss_3, LAYER_FLOATS(7, 5), LABELS(5, 7)), .no_training = true},
    {LAYER_CASE("nll_loss", "weighted=1 ignore=2 reduction=sum", nll_loss_4, LAYER_FLOATS(5, 4, 3), LABELS(4, 5, 3),
                SHARES(4)),
     .no_training = true},
    {LAYER_CASE("cross_entropy", "weighted=1 ignore=1 smoothing=0.2 reduction=sum", cross_entropy_2, LAYER_FLOATS(5, 4, 3),
                LABELS(4, 5, 3), SHARES(4)),
     .no_training = true},
    {LAYER_CASE("cross_entropy_soft", "reduction=sum", cross_entropy_soft_3, LAYER_FLOATS(5, 6),
                {.dtype = TUFF_F32, .dim = {5, 6}, .uniform = true}),
     .no_training = true},
    {LAYER_CASE("cross_entropy_soft", "weighted=1 smoothing=0.1 reduction=sum", cross_entropy_soft_4, LAYER_FLOATS(3, 5, 2),
                SHARES(3, 5, 2), SHARES(5)),
     .no_training = true},
    {LAYER_CASE("focal_loss", "gamma=2 reduction=sum", focal_loss_3, LAYER_FLOATS(7, 5), LABELS(5, 7)), .no_training = true},
    {LAYER_CASE("focal_loss", "gamma=0.5 weighted=1 ignore=0 reduction=sum", focal_loss_4, LAYER_FLOATS(5, 4, 3),
                LABELS(4, 5, 3), SHARES(4)),
     .no_training = true},
    {LAYER_CASE("sigmoid_focal_loss", "alpha=0.25 gamma=2 reduction=sum", sigmoid_focal_loss_3, LAYER_FLOATS(5, 7),
                SHARES(5, 7)),
     .no_training = true},
    {LAYER_CASE("sigmoid_focal_loss", "alpha=-1 gamma=1.5 reduction=sum", sigmoid_focal_loss_4, LAYER_FLOATS(5, 7),
                SHARES(5, 7)),
     .no_training = true},
    {LAYER_CASE("bce_loss", "reduction=sum", bce_loss_3, LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .uniform = true}),
     .no_training = true},
    {LAYER_CASE("bce_loss", "weighted=1 reduction=sum", bce_loss_4, LAYER_FLOATS(5, 7), SHARES(5, 7), TARGET(5, 7)),
     .no_training = true},
    {LAYER_CASE("bce_with_logits", "reduction=sum", bce_with_logits_3, LAYER_FLOATS(5, 7), SHARES(5, 7)),
     .no_training = true},
    {LAYER_CASE("bce_with_logits", "weighted=1 positive=1 reduction=sum", bce_with_logits_4, LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .uniform = true}, TARGET(5), SHARES(7)),
     .no_training = true},
    {LAYER_CASE("smooth_l1_loss", "beta=0.3 reduction=sum", smooth_l1_loss_2, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7)),
     .no_training = true},
    {LAYER_CASE("huber_loss", "delta=0.7 reduction=sum", huber_loss_2, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7)),
     .no_training = true},
    {LAYER_CASE("kl_div", "reduction=sum", kl_div_3, LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .uniform = true}),
     .no_training = true},
    {LAYER_CASE("kl_div", "log_target=1 reduction=sum", kl_div_4, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7)),
     .no_training = true},
    {LAYER_CASE("poisson_nll_loss", "full=1 reduction=sum", poisson_nll_loss_3, LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .scale = 5, .uniform = true, .constant = true}),
     .no_training = true},
    {LAYER_CASE("poisson_nll_loss", "rate=1 reduction=sum", poisson_nll_loss_4, LAYER_FLOATS(5, 7), SHARES(5, 7)),
     .no_training = true},
    {LAYER_CASE("gaussian_nll_loss", "full=1 reduction=sum", gaussian_nll_loss_2, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .shift = 0.1f, .uniform = true}),
     .no_training = true},
    {LAYER_CASE("hinge_embedding_loss", "margin=1 reduction=sum", hinge_embedding_loss_2, LAYER_FLOATS(5, 7), TARGET(5, 7)),
     .no_training = true},
    {LAYER_CASE("margin_ranking_loss", "margin=0.4 reduction=sum", margin_ranking_loss_2, LAYER_FLOATS(5, 7),
                LAYER_FLOATS(5, 7), TARGET(5, 7)),
     .no_training = true},
    {LAYER_CASE("cosine_embedding_loss", "margin=0.1 reduction=sum", cosine_embedding_loss_2, LAYER_FLOATS(7, 5),
                LAYER_FLOATS(7, 5), TARGET(7)),
     .no_training = true},
    {LAYER_CASE("triplet_margin_loss", "margin=1 swap=0 reduction=sum", triplet_margin_loss_3, LAYER_FLOATS(7, 5),
                LAYER_FLOATS(7, 5), LAYER_FLOATS(7, 5)),
     .no_training = true},
    {LAYER_CASE("triplet_margin_loss", "margin=0.5 swap=1 reduction=sum", triplet_margin_loss_4, LAYER_FLOATS(3, 7, 5),
                LAYER_FLOATS(3, 7, 5), LAYER_FLOATS(3, 7, 5)),
     .no_training = true},
    {LAYER_CASE("ctc_loss", "blank=0 times=9,7,8 sizes=4,3,0 reduction=sum", ctc_loss_3, LAYER_FLOATS(9, 3, 5),
                LABELS(4, 3, 4)),
     .no_training = true},
    {LAYER_CASE("ctc_loss", "blank=3 times=11,2,6 sizes=2,4,1 zero=1 reduction=sum", ctc_loss_4, LAYER_FLOATS(11, 3, 4),
                LABELS(3, 3, 4)),
     .no_training = true},
    {LAYER_CASE("weigh_losses", "reduction=sum", weigh_losses_2, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5}, .shift = 0.2f, .uniform = true}),
     .no_training = true},
    {LAYER_CASE("nll_loss", "reduction=none", nll_loss_5, LAYER_FLOATS(7, 5), LABELS(5, 7))},
    {LAYER_CASE("nll_loss", "weighted=1 ignore=2 reduction=none", nll_loss_6, LAYER_FLOATS(5, 4, 3), LABELS(4, 5, 3),
                SHARES(4))},
    {LAYER_CASE("cross_entropy", "weighted=1 ignore=1 smoothing=0.2 reduction=none", cross_entropy_3, LAYER_FLOATS(5, 4, 3),
                LABELS(4, 5, 3), SHARES(4))},
    {LAYER_CASE("cross_entropy_soft", "reduction=none", cross_entropy_soft_5, LAYER_FLOATS(5, 6),
                {.dtype = TUFF_F32, .dim = {5, 6}, .uniform = true})},
    {LAYER_CASE("cross_entropy_soft", "weighted=1 smoothing=0.1 reduction=none", cross_entropy_soft_6, LAYER_FLOATS(3, 5, 2),
                SHARES(3, 5, 2), SHARES(5))},
    {LAYER_CASE("focal_loss", "gamma=2 reduction=none", focal_loss_5, LAYER_FLOATS(7, 5), LABELS(5, 7))},
    {LAYER_CASE("focal_loss", "gamma=0.5 weighted=1 ignore=0 reduction=none", focal_loss_6, LAYER_FLOATS(5, 4, 3),
                LABELS(4, 5, 3), SHARES(4))},
    {LAYER_CASE("sigmoid_focal_loss", "alpha=0.25 gamma=2 reduction=none", sigmoid_focal_loss_5, LAYER_FLOATS(5, 7),
                SHARES(5, 7))},
    {LAYER_CASE("sigmoid_focal_loss", "alpha=-1 gamma=1.5 reduction=none", sigmoid_focal_loss_6, LAYER_FLOATS(5, 7),
                SHARES(5, 7))},
    {LAYER_CASE("bce_loss", "reduction=none", bce_loss_5, LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .uniform = true})},
    {LAYER_CASE("bce_loss", "weighted=1 reduction=none", bce_loss_6, LAYER_FLOATS(5, 7), SHARES(5, 7), TARGET(5, 7))},
    {LAYER_CASE("bce_with_logits", "reduction=none", bce_with_logits_5, LAYER_FLOATS(5, 7), SHARES(5, 7))},
    {LAYER_CASE("bce_with_logits", "weighted=1 positive=1 reduction=none", bce_with_logits_6, LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .uniform = true}, TARGET(5), SHARES(7))},
    {LAYER_CASE("smooth_l1_loss", "beta=0.3 reduction=none", smooth_l1_loss_3, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7))},
    {LAYER_CASE("huber_loss", "delta=0.7 reduction=none", huber_loss_3, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7))},
    {LAYER_CASE("kl_div", "reduction=none", kl_div_5, LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .uniform = true})},
    {LAYER_CASE("kl_div", "log_target=1 reduction=none", kl_div_6, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7))},
    {LAYER_CASE("poisson_nll_loss", "full=1 reduction=none", poisson_nll_loss_5, LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .scale = 5, .uniform = true, .constant = true})},
    {LAYER_CASE("poisson_nll_loss", "rate=1 reduction=none", poisson_nll_loss_6, LAYER_FLOATS(5, 7), SHARES(5, 7))},
    {LAYER_CASE("gaussian_nll_loss", "full=1 reduction=none", gaussian_nll_loss_3, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5, 7}, .shift = 0.1f, .uniform = true})},
    {LAYER_CASE("hinge_embedding_loss", "margin=1 reduction=none", hinge_embedding_loss_3, LAYER_FLOATS(5, 7),
                TARGET(5, 7))},
    {LAYER_CASE("margin_ranking_loss", "margin=0.4 reduction=none", margin_ranking_loss_3, LAYER_FLOATS(5, 7),
                LAYER_FLOATS(5, 7), TARGET(5, 7))},
    {LAYER_CASE("cosine_embedding_loss", "margin=0.1 reduction=none", cosine_embedding_loss_3, LAYER_FLOATS(7, 5),
                LAYER_FLOATS(7, 5), TARGET(7))},
    {LAYER_CASE("triplet_margin_loss", "margin=1 swap=0 reduction=none", triplet_margin_loss_5, LAYER_FLOATS(7, 5),
                LAYER_FLOATS(7, 5), LAYER_FLOATS(7, 5))},
    {LAYER_CASE("triplet_margin_loss", "margin=0.5 swap=1 reduction=none", triplet_margin_loss_6, LAYER_FLOATS(3, 7, 5),
                LAYER_FLOATS(3, 7, 5), LAYER_FLOATS(3, 7, 5))},
    {LAYER_CASE("ctc_loss", "blank=0 times=9,7,8 sizes=4,3,0 reduction=none", ctc_loss_5, LAYER_FLOATS(9, 3, 5),
                LABELS(4, 3, 4)),
     .no_training = true},
    {LAYER_CASE("ctc_loss", "blank=3 times=11,2,6 sizes=2,4,1 zero=1 reduction=none", ctc_loss_6, LAYER_FLOATS(11, 3, 4),
                LABELS(3, 3, 4)),
     .no_training = true},
    {LAYER_CASE("weigh_losses", "reduction=none", weigh_losses_3, LAYER_FLOATS(5, 7), LAYER_FLOATS(5, 7),
                {.dtype = TUFF_F32, .dim = {5}, .shift = 0.2f, .uniform = true})},
    {LAYER_CASE("kl_div", "batch=1 reduction=mean", kl_div_7, LAYER_FLOATS(5, 7), SHARES(5, 7))},
    {LAYER_CASE("cosine_similarity", "axis=1 reduction=none", cosine_similarity_1, LAYER_FLOATS(3, 7, 5),
                LAYER_FLOATS(3, 7, 5))},
    {LAYER_CASE("cosine_similarity", "axis=-1 reduction=none", cosine_similarity_2, LAYER_FLOATS(7, 5), LAYER_FLOATS(7, 5))},
    {.name = NULL}};

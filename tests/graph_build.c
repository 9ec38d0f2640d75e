/* graph_build.c - building graphs: failures are sticky and say both shapes, every operator refuses what does not fit it, names
 * are unique, parameters are shared, broadcasting and inference give the right types. */
#include "graph/op.h"
#include "graph/ops/pointwise.h"
#include "tests/graph_help.h"
#include "tests/op_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct build_test {
    struct tuff_context *context;
    unsigned failures, refusals;
};

#define check(t, ...) graph_check(&(t)->failures, __VA_ARGS__)

/* ---- what is refused, and the sentence ------------------------------------------------------------------------------------------ */

/* x is f32 [2, 3], v f32 [5], i i32 [2, 3], p f32 [1, 4, 6, 6]; row [4], column [4, 1]; four a number for each channel of p. */
struct operands {
    tuff_val x, v, i, p, row, column, four;
};
typedef tuff_val make(struct tuff_graph *g, const struct operands *o);

#define MAKE(name, expression)                                                                                              \
    static tuff_val name(struct tuff_graph *g, const struct operands *o)                                                    \
    {                                                                                                                       \
        (void)o;                                                                                                            \
        return expression;                                                                                                  \
    }
#define U(...) ((const uint32_t[]){__VA_ARGS__})
#define I(...) ((const int32_t[]){__VA_ARGS__})
MAKE(add_shapes, tuff_add(g, o->x, o->v))
MAKE(add_nothing, tuff_add(g, o->x, 0))
MAKE(add_unknown, tuff_add(g, o->x, 12345))
MAKE(exp_integer, tuff_exp(g, o->i))
MAKE(reshape_count, tuff_reshape(g, o->x, TUFF_SHAPE(4, 2)))
MAKE(reshape_nothing, tuff_reshape(g, 0, TUFF_SHAPE(4, 2)))
MAKE(permute_twice, tuff_permute(g, o->x, U(1, 1)))
MAKE(transpose_vector, tuff_transpose(g, o->v))
MAKE(slice_outside, tuff_slice(g, o->x, U(0, 2), I(1, 1), U(2, 2)))
MAKE(slice_backwards, tuff_slice(g, o->x, U(0, 0), I(-1, 1), U(2, 3)))
MAKE(slice_still, tuff_slice(g, o->x, U(0, 0), I(0, 1), U(2, 3)))
MAKE(expand_shrink, tuff_expand(g, o->x, TUFF_SHAPE(2, 4)))
MAKE(pad_huge, tuff_pad(g, o->v, U(0x7fffffff), U(0), 0))
MAKE(concat_shapes, tuff_concat(g, ((tuff_val[]){o->x, o->v}), 2, 0))
MAKE(concat_types, tuff_concat(g, ((tuff_val[]){o->x, o->i}), 2, 0))
MAKE(concat_axis, tuff_concat(g, ((tuff_val[]){o->x, o->x}), 2, 2))
MAKE(concat_none, tuff_concat(g, NULL, 0, 0))
MAKE(sum_axes, tuff_sum(g, o->x, 1u << 2, TUFF_DROP_AXES))
MAKE(max_integer, tuff_reduce_max(g, tuff_equal(g, o->i, o->i), 1, TUFF_DROP_AXES))
MAKE(min_axes, tuff_reduce_min(g, o->x, 1u << 5, TUFF_KEEP_AXES))
MAKE(argmax_axis, tuff_argmax(g, o->x, 2, TUFF_DROP_AXES))
MAKE(argmin_axis, tuff_argmin(g, o->x, -3, TUFF_DROP_AXES))
MAKE(cumsum_integer, tuff_cumsum(g, tuff_equal(g, o->i, o->i), (struct tuff_cumsum_params){0}))
MAKE(matmul_inner, tuff_matmul(g, o->x, o->x, (struct tuff_matmul_params){0}))
MAKE(matmul_vector, tuff_matmul(g, o->x, o->v, (struct tuff_matmul_params){0}))
MAKE(matmul_types, tuff_matmul(g, o->x, o->i, (struct tuff_matmul_params){.transpose_b = true}))
MAKE(conv_channels, tuff_conv2d(g, o->p, tuff_param(g, "w", TUFF_SHAPE(8, 3, 3, 3), (struct tuff_init){0}), 0,
                                (struct tuff_conv2d_params){0}))
MAKE(conv_kernel, tuff_conv2d(g, o->p, tuff_param(g, "w", TUFF_SHAPE(8, 4, 7, 3), (struct tuff_init){0}), 0,
                              (struct tuff_conv2d_params){0}))
MAKE(conv_rank, tuff_conv2d(g, o->x, o->p, 0, (struct tuff_conv2d_params){0}))
MAKE(conv_bias, tuff_conv2d(g, o->p, tuff_param(g, "w", TUFF_SHAPE(8, 4, 3, 3), (struct tuff_init){0}), o->v,
                            (struct tuff_conv2d_params){0}))
MAKE(deconv_pad, tuff_conv_transpose2d(g, o->p, tuff_param(g, "w", TUFF_SHAPE(4, 2, 3, 3), (struct tuff_init){0}), 0,
                                       (struct tuff_conv_transpose2d_params){.output_pad = {1, 1}}))
MAKE(pool_window, tuff_max_pool2d(g, o->p, (struct tuff_pool2d_params){.kernel = {7, 7}}))
MAKE(pool_padding, tuff_avg_pool2d(g, o->p, (struct tuff_pool2d_params){.kernel = {2, 2}, .pad = {2, 0, 0, 0}}))
MAKE(pool_rank, tuff_max_pool2d(g, o->x, (struct tuff_pool2d_params){.kernel = {1, 1}}))
MAKE(global_rank, tuff_global_avg_pool(g, o->x))
MAKE(gather_float, tuff_gather(g, o->x, o->x, 0))
MAKE(gather_axis, tuff_gather(g, o->x, o->i, 4))
MAKE(elements_shape, tuff_gather_elements(g, o->v, o->i, 0))
MAKE(scatter_shape, tuff_scatter_add(g, o->x, o->i, o->v, 0))
MAKE(scatter_mode, tuff_scatter(g, o->x, o->i, o->x, 0, (enum tuff_scatter_mode)5))
MAKE(topk_many, tuff_topk_indices(g, o->x, (struct tuff_topk_params){.axis = 1, .k = 4}))
MAKE(topk_none, tuff_topk_indices(g, o->x, (struct tuff_topk_params){.axis = 1, .k = 0}))
MAKE(iota_scalar, tuff_iota(g, (struct tuff_shape){0}, 0))
MAKE(random_state, tuff_random_uniform(g, o->x, TUFF_SHAPE(3)))
MAKE(dropout_all, tuff_dropout(g, o->x, tuff_rng_state(g), 1.0))
MAKE(select_types, tuff_select(g, o->x, o->x, o->x))
MAKE(select_sides, tuff_select(g, tuff_greater(g, o->x, o->x), o->x, o->i))
MAKE(cast_unknown, tuff_cast(g, o->x, (enum tuff_dtype)99))
MAKE(full_empty, tuff_full(g, TUFF_F32, TUFF_SHAPE(2, 0), 0))
MAKE(full_huge, tuff_full(g, TUFF_F32, TUFF_SHAPE(65536, 65536), 0))
MAKE(input_unnamed, tuff_input(g, "", TUFF_F32, TUFF_SHAPE(2)))
MAKE(input_taken, tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, 3)))
MAKE(param_taken,
     (tuff_param(g, "w", TUFF_SHAPE(2), (struct tuff_init){0}), tuff_param(g, "w", TUFF_SHAPE(3), (struct tuff_init){0})))
MAKE(named_taken, tuff_named(g, o->v, "x"))
MAKE(state_type, tuff_state(g, "s", (enum tuff_dtype)99, TUFF_SHAPE(2), (struct tuff_init){0}))
MAKE(constant_none, tuff_constant(g, ((struct tuff_type){TUFF_F32, {0}}), NULL))
MAKE(param_no_data, tuff_param(g, "w", TUFF_SHAPE(2), (struct tuff_init){TUFF_INIT_DATA, 0, 0, NULL, 0}))
MAKE(assign_input, tuff_assign(g, o->x, o->x))
MAKE(assign_shape, tuff_assign(g, tuff_state(g, "s", TUFF_F32, TUFF_SHAPE(3, 2), (struct tuff_init){0}), o->x))
MAKE(norm_dims, tuff_layer_norm(g, o->x, 0, 0, 3, 1e-5))
MAKE(norm_groups, tuff_group_norm(g, o->p, 0, 0, 3, 1e-5))
MAKE(norm_channels, tuff_batch_norm_infer(g, o->p, o->v, o->v, o->v, o->v, 1e-5))
MAKE(softmax_axis, tuff_softmax(g, o->x, 2))
MAKE(entropy_labels, tuff_cross_entropy(g, o->x, o->i, (struct tuff_cross_entropy_params){0}))
MAKE(entropy_smooth, tuff_cross_entropy(g, o->x, tuff_argmax(g, o->x, 1, TUFF_DROP_AXES),
                                        (struct tuff_cross_entropy_params){.label_smoothing = 1}))
MAKE(mse_shapes, tuff_mse_loss(g, o->x, o->v, TUFF_REDUCE_MEAN))
MAKE(upsample_rank, tuff_upsample_nearest2d(g, o->x, 2, 2))
MAKE(upsample_none, tuff_upsample_nearest2d(g, o->p, 2, 0))
MAKE(attention_heads, tuff_attention(g, o->p, tuff_slice(g, o->p, U(0, 0, 0, 0), I(1, 1, 1, 1), U(1, 3, 6, 6)), o->p,
                                     (struct tuff_attention_params){0}))
MAKE(attention_rank, tuff_attention(g, o->x, o->x, o->x, (struct tuff_attention_params){0}))
MAKE(attention_mask, tuff_attention(g, o->p, o->p, o->p, (struct tuff_attention_params){.mask = o->v}))
MAKE(rope_odd, tuff_rope(g, o->x, (struct tuff_rope_params){0}))
MAKE(rope_theta, tuff_rope(g, o->p, (struct tuff_rope_params){.theta = -1}))
MAKE(unsqueeze_axis, tuff_unsqueeze(g, o->x, 4))

MAKE(mse_column, tuff_mse_loss(g, o->column, o->row, TUFF_REDUCE_MEAN))
MAKE(mse_integer, tuff_mse_loss(g, o->i, o->i, TUFF_REDUCE_MEAN))
MAKE(mse_nothing, tuff_mse_loss(g, o->x, 0, TUFF_REDUCE_MEAN))
MAKE(mse_reduction, tuff_mse_loss(g, o->x, o->x, (enum tuff_reduction)3))
MAKE(l1_column, tuff_l1_loss(g, o->column, o->row, TUFF_REDUCE_SUM))
MAKE(smooth_column, tuff_smooth_l1_loss(g, o->row, o->column, (struct tuff_smooth_l1_params){.reduction = TUFF_REDUCE_NONE}))
MAKE(bce_column, tuff_bce_with_logits(g, o->column, o->row, (struct tuff_bce_params){0}))
MAKE(bce_scalar, tuff_bce_with_logits(g, o->column, tuff_scalar(g, 1), (struct tuff_bce_params){0}))
MAKE(entropy_column, tuff_cross_entropy(g, o->x, o->column, (struct tuff_cross_entropy_params){0}))
MAKE(entropy_long, tuff_cross_entropy(g, o->x, tuff_iota(g, TUFF_SHAPE(3), 0), (struct tuff_cross_entropy_params){0}))
MAKE(entropy_vector, tuff_cross_entropy(g, o->v, tuff_iota(g, TUFF_SHAPE(5), 0), (struct tuff_cross_entropy_params){0}))
MAKE(entropy_weight,
     tuff_cross_entropy(g, o->x, tuff_iota(g, TUFF_SHAPE(2), 0), (struct tuff_cross_entropy_params){.weight = o->v}))
MAKE(entropy_reduction, tuff_cross_entropy(g, o->x, tuff_iota(g, TUFF_SHAPE(2), 0),
                                           (struct tuff_cross_entropy_params){.reduction = (enum tuff_reduction) - 1}))
MAKE(norm_gamma, tuff_layer_norm(g, o->x, tuff_scalar(g, 1), 0, 1, 1e-5))
MAKE(norm_beta, tuff_layer_norm(g, o->x, 0, o->v, 1, 1e-5))
MAKE(norm_eps, tuff_layer_norm(g, o->x, 0, 0, 1, NAN))
MAKE(rms_gamma, tuff_rms_norm(g, o->x, o->v, 1e-5))
MAKE(rms_eps, tuff_rms_norm(g, o->x, 0, -1))
MAKE(group_eps, tuff_group_norm(g, o->p, 0, 0, 2, INFINITY))
MAKE(batch_missing, tuff_batch_norm_infer(g, o->p, o->four, o->four, 0, o->four, 1e-5))
MAKE(batch_momentum, tuff_batch_norm_train(g, o->p, o->four, o->four, o->four, o->four, 1e-5, 1.5).y)
MAKE(attention_scale, tuff_attention(g, o->p, o->p, o->p, (struct tuff_attention_params){.scale = TUFF_NUMBER(NAN)}))
MAKE(attention_mask_integer,
     tuff_attention(g, o->p, o->p, o->p, (struct tuff_attention_params){.mask = tuff_cast(g, o->p, TUFF_I32)}))
MAKE(sum_keep, tuff_sum(g, o->x, 0, (enum tuff_keep)2))
MAKE(permute_null, tuff_permute(g, o->x, NULL))
MAKE(slice_null, tuff_slice(g, o->x, NULL, NULL, NULL))
MAKE(pad_null, tuff_pad(g, o->x, NULL, NULL, 0))
MAKE(concat_null, tuff_concat(g, NULL, 2, 0))
MAKE(one_hot_float, tuff_one_hot(g, o->x, 10))
MAKE(one_hot_none, tuff_one_hot(g, o->i, 0))
MAKE(of_assignment, tuff_exp(g, tuff_assign(g, tuff_state(g, "s", TUFF_F32, TUFF_SHAPE(2, 3), (struct tuff_init){0}), o->x)))
MAKE(clamp_nan, tuff_clamp(g, o->x, NAN, 1))
MAKE(lstm_unset, tuff_recurrent(g, o->p, &(struct tuff_recurrent_params){.w_ih = o->x, .w_hh = o->x}).h)
MAKE(lstm_null, tuff_recurrent(g, o->p, NULL).h)
MAKE(scan_unset, tuff_scan(g, &(struct tuff_scan_params){.body = &(struct tuff_graph *){NULL}}))
MAKE(scan_of_other, tuff_scan_last(g, o->x, 0))
MAKE(pointwise_unset, tuff_pointwise(g, &(struct tuff_pointwise_params){.name = "row", .y = "a"}, o->x, 0))
MAKE(lrn_nan, tuff_lrn(g, o->p, (struct tuff_lrn_params){.size = 5, .alpha = NAN}))
MAKE(deconv_channels, tuff_conv_transpose2d(g, o->p, o->p, 0, (struct tuff_conv_transpose2d_params){0}))

static const struct {
    const char *name;
    make *make;
    tuff_status status;
    const char *sentence;
} refusals[] = {
    {"add", add_shapes, TUFF_ERR_SHAPE,
     "add of f32 [2, 3] 'x' and f32 [5] 'v': the shapes do not broadcast: aligned at the right, axes must be equal or 1, "
     "not 3 and 5"},
    {"add 0", add_nothing, TUFF_ERR_USAGE, "add: operand 2 is missing: it is 0, no value"},
    {"add of another graph", add_unknown, TUFF_ERR_USAGE, "add: operand 2 is value 12345, which this graph does not have"},
    {"exp of i32", exp_integer, TUFF_ERR_SHAPE, "exp of i32 [2, 3] 'i': it takes floats: cast operand 1"},
    {"reshape", reshape_count, TUFF_ERR_SHAPE, "reshape of f32 [2, 3] 'x': it has 6 elements, and [4, 2] would have 8"},
    {"reshape of nothing", reshape_nothing, TUFF_ERR_USAGE, "reshape: operand 1 is missing: it is 0, no value"},
    {"permute", permute_twice, TUFF_ERR_SHAPE, "permute of f32 [2, 3] 'x': the order must name each of its 2 axes once"},
    {"transpose", transpose_vector, TUFF_ERR_SHAPE, "transpose of f32 [5] 'v': it must have two axes or more"},
    {"slice", slice_outside, TUFF_ERR_SHAPE,
     "slice of f32 [2, 3] 'x': of axis 1, which has 3 elements, it cannot take 2 from 2 on in steps of 1"},
    {"slice back", slice_backwards, TUFF_ERR_SHAPE,
     "slice of f32 [2, 3] 'x': of axis 0, which has 2 elements, it cannot take 2 from 0 on in steps of -1"},
    {"slice by 0", slice_still, TUFF_ERR_SHAPE,
     "slice of f32 [2, 3] 'x': of axis 0, which has 2 elements, it cannot take 2 from 0 on in steps of 0"},
    {"expand", expand_shrink, TUFF_ERR_SHAPE,
     "expand of f32 [2, 3] 'x': it does not broadcast to [2, 4]: aligned at the right, each of its axes must be as long, or "
     "1"},
    {"pad", pad_huge, TUFF_ERR_SHAPE, "pad of f32 [5] 'v': axis 0 would have more than 2^31 - 1 elements"},
    {"concat", concat_shapes, TUFF_ERR_SHAPE,
     "concat of f32 [2, 3] 'x' and f32 [5] 'v': f32 [5] 'v' does not fit the first: but for axis 0, shapes and types must "
     "be equal"},
    {"concat types", concat_types, TUFF_ERR_SHAPE,
     "concat of f32 [2, 3] 'x' and i32 [2, 3] 'i': i32 [2, 3] 'i' does not fit the first: but for axis 0, shapes and types "
     "must be equal"},
    {"concat axis", concat_axis, TUFF_ERR_SHAPE,
     "concat of f32 [2, 3] 'x': it has no axis 2: its axes are 0 .. 1, or -1 .. -2 from the end"},
    {"concat none", concat_none, TUFF_ERR_USAGE, "concat: it needs values, and has none"},
    {"sum", sum_axes, TUFF_ERR_SHAPE, "sum of f32 [2, 3] 'x': axes 0x4: bit i stands for axis i, and it has 2 axes"},
    {"reduce_max", max_integer, TUFF_ERR_SHAPE,
     "reduce_max of bool [2, 3] (equal, value 8, behind 'i'): it takes floats or i32: cast it"},
    {"reduce_min", min_axes, TUFF_ERR_SHAPE,
     "reduce_min of f32 [2, 3] 'x': axes 0x20: bit i stands for axis i, and it has 2 axes"},
    {"argmax", argmax_axis, TUFF_ERR_SHAPE,
     "argmax of f32 [2, 3] 'x': it has no axis 2: its axes are 0 .. 1, or -1 .. -2 from the end"},
    {"argmin", argmin_axis, TUFF_ERR_SHAPE,
     "argmin of f32 [2, 3] 'x': it has no axis -3: its axes are 0 .. 1, or -1 .. -2 from the end"},
    {"cumsum", cumsum_integer, TUFF_ERR_SHAPE,
     "cumsum of bool [2, 3] (equal, value 8, behind 'i'): it takes f32 or i32: cast it"},
    {"matmul", matmul_inner, TUFF_ERR_SHAPE,
     "matmul of f32 [2, 3] 'x' and f32 [2, 3] 'x': the inner sizes 3 and 2 differ; with transpose_b they fit"},
    {"matmul by a vector", matmul_vector, TUFF_ERR_SHAPE,
     "matmul of f32 [2, 3] 'x' and f32 [5] 'v': each must be a matrix, of two axes or more: tuff_reshape a vector to [1, n] "
     "or [n, 1]"},
    {"matmul types", matmul_types, TUFF_ERR_SHAPE,
     "matmul of f32 [2, 3] 'x' and i32 [2, 3] 'i': each must be of floats, or each i8: cast them"},
    {"conv2d channels", conv_channels, TUFF_ERR_SHAPE,
     "conv2d of f32 [1, 4, 6, 6] 'p' and f32 [8, 3, 3, 3] 'w': x has 4 channels in 1 groups, so w must have 4 as its second "
     "size, not 3"},
    {"conv2d kernel", conv_kernel, TUFF_ERR_SHAPE,
     "conv2d of f32 [1, 4, 6, 6] 'p' and f32 [8, 4, 7, 3] 'w': stride 1 1, dilation 1 1, pad 0 0 0 0, groups 1: channels do "
     "not fit, or the kernel is larger than the padded picture (x [n, ci, h, w], w [co, ci / groups, kh, kw], y [n, co, oh, "
     "ow])"},
    {"conv2d rank", conv_rank, TUFF_ERR_SHAPE,
     "conv2d of f32 [2, 3] 'x' and f32 [1, 4, 6, 6] 'p': it takes x [n, ci, h, w] and w [co, ci / groups, kh, kw]"},
    {"conv2d bias", conv_bias, TUFF_ERR_SHAPE,
     "conv2d of f32 [1, 4, 6, 6] 'p', f32 [8, 4, 3, 3] 'w' and f32 [5] 'v': the bias must be [8], a float for each channel "
     "of the result"},
    {"conv_transpose2d", deconv_pad, TUFF_ERR_SHAPE,
     "conv_transpose2d of f32 [1, 4, 6, 6] 'p' and f32 [4, 2, 3, 3] 'w': output_pad 1 must be less than the stride 1"},
    {"max_pool2d", pool_window, TUFF_ERR_SHAPE,
     "max_pool2d of f32 [1, 4, 6, 6] 'p': kernel 7 7, stride 7 7, pad 0 0 0 0: a window must fit h and w with their "
     "padding, which must be narrower than it"},
    {"avg_pool2d", pool_padding, TUFF_ERR_SHAPE,
     "avg_pool2d of f32 [1, 4, 6, 6] 'p': kernel 2 2, stride 2 2, pad 2 0 0 0: a window must fit h and w with their "
     "padding, which must be narrower than it"},
    {"max_pool2d rank", pool_rank, TUFF_ERR_SHAPE, "max_pool2d of f32 [2, 3] 'x': it must be [n, c, h, w]"},
    {"global_avg_pool", global_rank, TUFF_ERR_SHAPE, "global_avg_pool of f32 [2, 3] 'x': it must be [n, c, ..], with space"},
    {"gather", gather_float, TUFF_ERR_SHAPE,
     "gather of f32 [2, 3] 'x' and f32 [2, 3] 'x': the indices, operand 2, must be i32: cast them"},
    {"gather axis", gather_axis, TUFF_ERR_SHAPE,
     "gather of f32 [2, 3] 'x': it has no axis 4: its axes are 0 .. 1, or -1 .. -2 from the end"},
    {"gather_elements", elements_shape, TUFF_ERR_SHAPE,
     "gather_elements of f32 [5] 'v' and i32 [2, 3] 'i': but for axis 0, no axis of the indices may be longer than that of "
     "the first"},
    {"scatter_add", scatter_shape, TUFF_ERR_SHAPE,
     "scatter_add of f32 [2, 3] 'x', i32 [2, 3] 'i' and f32 [5] 'v': indices and source must have the same shape, whose "
     "axes but 0 are not longer than the first's"},
    {"scatter", scatter_mode, TUFF_ERR_SHAPE,
     "scatter of f32 [2, 3] 'x', i32 [2, 3] 'i' and f32 [2, 3] 'x': its mode is none of enum tuff_scatter_mode"},
    {"topk", topk_many, TUFF_ERR_SHAPE,
     "topk of f32 [2, 3] 'x': it takes floats or i32, an axis, and k from 1 to its length; axis is 1, k is 4"},
    {"topk 0", topk_none, TUFF_ERR_SHAPE,
     "topk of f32 [2, 3] 'x': it takes floats or i32, an axis, and k from 1 to its length; axis is 1, k is 0"},
    {"iota", iota_scalar, TUFF_ERR_SHAPE, "iota: its shape of 0 axes has no axis 0"},
    {"random_uniform", random_state, TUFF_ERR_SHAPE,
     "random_uniform of f32 [2, 3] 'x': the generator's state must be i32 [3] (seed low, seed high, step): take "
     "tuff_rng_state"},
    {"dropout", dropout_all, TUFF_ERR_USAGE,
     "dropout of f32 [2, 3] 'x': p is 1; it must be in [0, 1), the part that becomes 0"},
    {"select", select_types, TUFF_ERR_SHAPE,
     "select of f32 [2, 3] 'x', f32 [2, 3] 'x' and f32 [2, 3] 'x': the condition, operand 1, must be bool: compare it, or "
     "cast it"},
    {"select sides", select_sides, TUFF_ERR_SHAPE,
     "select of bool [2, 3] (greater, value 8, behind 'x'), f32 [2, 3] 'x' and i32 [2, 3] 'i': what it chooses from must be "
     "of one "
     "type: cast one of them"},
    {"cast", cast_unknown, TUFF_ERR_SHAPE, "cast of f32 [2, 3] 'x': there is no type 99"},
    {"full", full_empty, TUFF_ERR_SHAPE, "full: its shape [2, 0] has a size of 0: there are no empty values"},
    {"full 2^32", full_huge, TUFF_ERR_SHAPE, "full: its shape [65536, 65536] has more than 2^31 - 1 elements"},
    {"input", input_unnamed, TUFF_ERR_USAGE, "input: its name is missing"},
    {"input again", input_taken, TUFF_ERR_SHAPE, "input f32 [2, 3] 'x': the name is taken by the input f32 [2, 3] 'x'"},
    {"param again", param_taken, TUFF_ERR_SHAPE, "param f32 [3] 'w': the name is taken by the param f32 [2] 'w'"},
    {"named", named_taken, TUFF_ERR_USAGE, "named of f32 [5] 'v' and f32 [2, 3] 'x': the name 'x' is taken by the second"},
    {"state", state_type, TUFF_ERR_SHAPE, "state: there is no type 99 (enum tuff_dtype)"},
    {"constant", constant_none, TUFF_ERR_USAGE, "constant: its data are missing (NULL)"},
    {"param", param_no_data, TUFF_ERR_USAGE, "param 'w': TUFF_INIT_DATA without data (NULL)"},
    {"assign", assign_input, TUFF_ERR_USAGE,
     "assign of f32 [2, 3] 'x' and f32 [2, 3] 'x': the first must be a state or a parameter, which keeps what it is given"},
    {"assign shape", assign_shape, TUFF_ERR_SHAPE,
     "assign of f32 [3, 2] 's' and f32 [2, 3] 'x': the value must have the type and shape of the state: nothing is cast or "
     "broadcast"},
    {"layer_norm", norm_dims, TUFF_ERR_SHAPE, "layer_norm of f32 [2, 3] 'x': it has no last 3 axes to normalize over"},
    {"group_norm", norm_groups, TUFF_ERR_SHAPE,
     "group_norm of f32 [1, 4, 6, 6] 'p': its 4 channels are not 3 groups of one size"},
    {"batch_norm", norm_channels, TUFF_ERR_SHAPE,
     "batch_norm of f32 [1, 4, 6, 6] 'p', f32 [5] 'v', f32 [5] 'v', f32 [5] 'v' and f32 [5] 'v': operand 2 must be [4], one "
     "number for each channel of the first"},
    {"softmax", softmax_axis, TUFF_ERR_SHAPE,
     "softmax of f32 [2, 3] 'x': it has no axis 2: its axes are 0 .. 1, or -1 .. -2 from the end"},
    {"cross_entropy", entropy_labels, TUFF_ERR_SHAPE,
     "cross_entropy of f32 [2, 3] 'x' and i32 [2, 3] 'i': labels for these logits are [2], those without the axis of "
     "classes"},
    {"label smoothing", entropy_smooth, TUFF_ERR_USAGE, "cross_entropy: label_smoothing is 1; it must be in [0, 1)"},
    {"mse_loss", mse_shapes, TUFF_ERR_SHAPE,
     "mse_loss of f32 [2, 3] 'x' and f32 [5] 'v': they must have the same shape, as losses do not broadcast: there is one "
     "target for each element"},
    {"upsample", upsample_rank, TUFF_ERR_SHAPE,
     "upsample_nearest2d of f32 [2, 3] 'x': by 2 and 2: it must be [n, c, h, w], and the factors at least 1"},
    {"upsample by 0", upsample_none, TUFF_ERR_SHAPE,
     "upsample_nearest2d of f32 [1, 4, 6, 6] 'p': by 2 and 0: it must be [n, c, h, w], and the factors at least 1"},
    {"attention heads", attention_heads, TUFF_ERR_SHAPE,
     "attention of f32 [1, 4, 6, 6] 'p', f32 [1, 3, 6, 6] (slice, value 8, behind 'p') and f32 [1, 4, 6, 6] 'p': it takes "
     "f32 q [b, h, "
     "t, d], k [b, hk, s, d] and v [b, hk, s, e], where hk divides h"},
    {"attention rank", attention_rank, TUFF_ERR_SHAPE,
     "attention of f32 [2, 3] 'x', f32 [2, 3] 'x' and f32 [2, 3] 'x': it takes f32 q [b, h, t, d], k [b, hk, s, d] and v "
     "[b, hk, s, e], where hk divides h"},
    {"attention mask", attention_mask, TUFF_ERR_SHAPE,
     "attention of f32 [1, 4, 6, 6] 'p', f32 [1, 4, 6, 6] 'p', f32 [1, 4, 6, 6] 'p' and f32 [5] 'v': the mask must be bool "
     "(true: seen) or f32 (added), and broadcast to the products [1, 4, 6, 6]"},
    {"rope", rope_odd, TUFF_ERR_SHAPE, "rope of f32 [2, 3] 'x': it must be f32 [.., t, d], d even, of 2 to 7 axes"},
    {"rope theta", rope_theta, TUFF_ERR_USAGE, "rope: theta is -1; it must be finite and above 0"},
    {"unsqueeze", unsqueeze_axis, TUFF_ERR_SHAPE,
     "unsqueeze of f32 [2, 3] 'x': there is no place 4 for a new axis: 0 .. 2, or -1 .. -3"},
    {"mse column", mse_column, TUFF_ERR_SHAPE,
     "mse_loss of f32 [4, 1] 'column' and f32 [4] 'row': they must have the same shape, as losses do not broadcast: "
     "tuff_reshape one of them"},
    {"mse integer", mse_integer, TUFF_ERR_SHAPE,
     "mse_loss of i32 [2, 3] 'i' and i32 [2, 3] 'i': operand 1 must be of floats: cast it"},
    {"mse nothing", mse_nothing, TUFF_ERR_USAGE, "mse_loss: operand 2 is missing: it is 0, no value"},
    {"mse reduction", mse_reduction, TUFF_ERR_USAGE,
     "mse_loss: there is no reduction 3; it is TUFF_REDUCE_MEAN, _SUM or _NONE"},
    {"l1 column", l1_column, TUFF_ERR_SHAPE,
     "l1_loss of f32 [4, 1] 'column' and f32 [4] 'row': they must have the same shape, as losses do not broadcast: "
     "tuff_reshape one of them"},
    {"smooth column", smooth_column, TUFF_ERR_SHAPE,
     "smooth_l1_loss of f32 [4] 'row' and f32 [4, 1] 'column': they must have the same shape, as losses do not broadcast: "
     "tuff_reshape one of them"},
    {"bce column", bce_column, TUFF_ERR_SHAPE,
     "bce_with_logits of f32 [4, 1] 'column' and f32 [4] 'row': they must have the same shape, as losses do not broadcast: "
     "tuff_reshape one of them"},
    {"bce scalar", bce_scalar, TUFF_ERR_SHAPE,
     "bce_with_logits of f32 [4, 1] 'column' and f32 [] (full, value 8): they must have the same shape, as losses do not "
     "broadcast: there is one target for each element"},
    {"entropy column", entropy_column, TUFF_ERR_SHAPE,
     "cross_entropy of f32 [2, 3] 'x' and f32 [4, 1] 'column': labels are numbers of classes, i32 [2], as of TUFF_LABELS: "
     "cast them, or take "
     "tuff_argmax of one-hot rows"},
    {"entropy long", entropy_long, TUFF_ERR_SHAPE,
     "cross_entropy of f32 [2, 3] 'x' and i32 [3] (iota, value 8): labels for these logits are [2], those without the axis "
     "of classes"},
    {"entropy vector", entropy_vector, TUFF_ERR_SHAPE,
     "cross_entropy of f32 [5] 'v' and i32 [5] (iota, value 8): logits are [n, c, ..], one row of c classes for each label"},
    {"entropy weight", entropy_weight, TUFF_ERR_SHAPE,
     "cross_entropy of f32 [2, 3] 'x' and f32 [5] 'v': operand 2 must be [3], one weight for each class of the first"},
    {"entropy reduction", entropy_reduction, TUFF_ERR_USAGE,
     "cross_entropy: there is no reduction -1; it is TUFF_REDUCE_MEAN, _SUM or _NONE"},
    {"norm gamma", norm_gamma, TUFF_ERR_SHAPE,
     "layer_norm of f32 [2, 3] 'x' and f32 [] (full, value 8): operand 2 must be [3], the shape of the last axes of the "
     "first"},
    {"norm beta", norm_beta, TUFF_ERR_SHAPE,
     "layer_norm of f32 [2, 3] 'x' and f32 [5] 'v': operand 3 must be [3], the shape of the last axes of the first"},
    {"norm eps", norm_eps, TUFF_ERR_USAGE, "layer_norm: eps is nan; it must be finite and not below 0"},
    {"rms gamma", rms_gamma, TUFF_ERR_SHAPE,
     "rms_norm of f32 [2, 3] 'x' and f32 [5] 'v': operand 2 must be [3], the length of the last axis of the first"},
    {"rms eps", rms_eps, TUFF_ERR_USAGE, "rms_norm: eps is -1; it must be finite and not below 0"},
    {"group eps", group_eps, TUFF_ERR_USAGE, "group_norm: eps is inf; it must be finite and not below 0"},
    {"batch missing", batch_missing, TUFF_ERR_USAGE, "batch_norm: operand 4 is missing: it is 0, no value"},
    {"batch momentum", batch_momentum, TUFF_ERR_USAGE, "batch_norm: momentum is 1.5; it must be from 0 to 1"},
    {"attention scale", attention_scale, TUFF_ERR_USAGE, "attention: scale is nan; it must be finite"},
    {"attention mask integer", attention_mask_integer, TUFF_ERR_SHAPE,
     "attention of f32 [1, 4, 6, 6] 'p', f32 [1, 4, 6, 6] 'p', f32 [1, 4, 6, 6] 'p' and i32 [1, 4, 6, 6] (cast, value 8, "
     "behind 'p'): "
     "the mask must be bool (true: seen) or f32 (added), and broadcast to the products [1, 4, 6, 6]"},
    {"sum keep", sum_keep, TUFF_ERR_USAGE, "sum of f32 [2, 3] 'x': it keeps axes or drops them (enum tuff_keep), not 2"},
    {"permute null", permute_null, TUFF_ERR_USAGE, "permute of f32 [2, 3] 'x': the order is missing (NULL)"},
    {"slice null", slice_null, TUFF_ERR_USAGE, "slice of f32 [2, 3] 'x': an array is missing (NULL)"},
    {"pad null", pad_null, TUFF_ERR_USAGE, "pad of f32 [2, 3] 'x': an array is missing (NULL)"},
    {"concat null", concat_null, TUFF_ERR_USAGE, "concat: it needs values, and has none"},
    {"one hot float", one_hot_float, TUFF_ERR_SHAPE,
     "one_hot of f32 [2, 3] 'x': indices must be whole numbers: cast them to i32"},
    {"one hot none", one_hot_none, TUFF_ERR_USAGE, "one_hot of i32 [2, 3] 'i': the depth is 0; it is the number of classes"},
    {"of assignment", of_assignment, TUFF_ERR_USAGE,
     "exp: operand 1 is an assignment, which is for lists of outputs only: give what it assigns"},
    {"clamp nan", clamp_nan, TUFF_ERR_USAGE, "clamp of f32 [2, 3] 'x': its numbers are nan and 1; neither may be NaN"},
    {"lstm unset", lstm_unset, TUFF_ERR_USAGE,
     "recurrent: struct_size of its params is not set: .struct_size = sizeof params"},
    {"lstm null", lstm_null, TUFF_ERR_USAGE, "recurrent: its params are missing (NULL)"},
    {"scan unset", scan_unset, TUFF_ERR_USAGE, "scan: it needs a body, a graph of its own"},
    {"scan of other", scan_of_other, TUFF_ERR_USAGE, "scan of f32 [2, 3] 'x': this is not what tuff_scan returned"},
    {"pointwise unset", pointwise_unset, TUFF_ERR_USAGE,
     "pointwise: struct_size of its params is not set: .struct_size = sizeof params"},
    {"lrn nan", lrn_nan, TUFF_ERR_SHAPE,
     "lrn of f32 [1, 4, 6, 6] 'p': it takes floats [n, c, ..], a size of at least 1 (5), a bias above 0 (1), an alpha not "
     "below (nan) and a finite beta (0.75)"},
    {"deconv channels", deconv_channels, TUFF_ERR_SHAPE,
     "conv_transpose2d of f32 [1, 4, 6, 6] 'p' and f32 [1, 4, 6, 6] 'p': it takes x [n, ci, h, w] and w [ci, co / groups, "
     "kh, kw]"},
};

static void check_refusal(struct build_test *t, size_t at)
{
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_error error = {0}, again = {0};
    const struct operands o = {
        tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, 3)), tuff_input(g, "v", TUFF_F32, TUFF_SHAPE(5)),
        tuff_input(g, "i", TUFF_I32, TUFF_SHAPE(2, 3)), tuff_input(g, "p", TUFF_F32, TUFF_SHAPE(1, 4, 6, 6)),
        tuff_input(g, "row", TUFF_F32, TUFF_SHAPE(4)),  tuff_input(g, "column", TUFF_F32, TUFF_SHAPE(4, 1)),
        tuff_input(g, "four", TUFF_F32, TUFF_SHAPE(4))};
    const char *name = refusals[at].name;
    tuff_val v = refusals[at].make(g, &o);
    tuff_status status = tuff_graph_finish(g, &error);
    check(t, v == 0, "%s: expected 0, got value %u", name, (unsigned)v);
    check(t, status == refusals[at].status && error.status == status, "%s: expected %s, got %s: %s", name,
          tuff_status_name(refusals[at].status), tuff_status_name(status), error.message);
    check(t, !strcmp(error.message, refusals[at].sentence), "%s: expected\n  %s\ngot\n  %s", name, refusals[at].sentence,
          error.message);
    uint32_t count = g->count; /* sticky: nothing is added any more, the first sentence stays */
    tuff_val later = tuff_reshape(g, tuff_add(g, o.x, o.x), TUFF_SHAPE(9));
    check(t,
          later == 0 && g->count == count && tuff_graph_finish(g, &again) == status && !strcmp(again.message, error.message),
          "%s: the first failure does not stay: %s", name, again.message);
    t->refusals++;
    tuff_graph_destroy(g);
}

/* Every operator with wrong numbers of inputs and with missing ones: a status, never a crash. */
static void check_inputs(struct build_test *t, const struct tuff_op *op)
{
    static const uint64_t zero_attrs[64];
    struct tuff_error error;
    for (uint32_t n = 0; n < 5; n++)
        for (int kind = 0; kind < 3; kind++) { /* missing, scalars, of every type */
            struct tuff_graph *g = graph_fresh(t->context);
            tuff_val in[5] = {0};
            static const enum tuff_dtype types[5] = {TUFF_F32, TUFF_I32, TUFF_BOOL, TUFF_F16, TUFF_U8};
            for (uint32_t i = 0; i < n && kind; i++)
                in[i] = kind == 1 ? tuff_scalar(g, 1) : tuff_full(g, types[i], TUFF_SHAPE(2, 3, 4), 1);
            bool counted = n >= op->arity_min && (op->arity_max == 255 || n <= op->arity_max);
            tuff_val v = tuff_graph_add(g, op, in, n, zero_attrs);
            bool failed = tuff_graph_finish(g, &error) != TUFF_OK;
            check(t, failed == (v == 0), "%s of %u inputs: value %u, but status %s", op->name, (unsigned)n, (unsigned)v,
                  tuff_status_name(g->status));
            check(t, counted || (failed && strstr(error.message, op->name)),
                  "%s of %u inputs: expected a failure that names it", op->name, (unsigned)n);
            check(t, kind || n == 0 || !counted || failed, "%s of %u missing inputs: expected a failure", op->name,
                  (unsigned)n);
            tuff_graph_destroy(g);
        }
}

/* ---- what is built ---------------------------------------------------------------------------------------------------------------- */

static void expect_type(struct build_test *t, const struct tuff_graph *g, const char *what, tuff_val v,
                        enum tuff_dtype dtype, struct tuff_shape shape)
{
    char a[128], b[128];
    struct tuff_type type = tuff_type_of(g, v);
    check(t, type.dtype == dtype && tuff_shape_equal(&type.shape, &shape), "%s: expected %s %s, got %s %s (%s)", what,
          tuff_dtype_name(dtype), tuff_shape_text(&shape, a, sizeof a), tuff_dtype_name(type.dtype),
          tuff_shape_text(&type.shape, b, sizeof b), g->error.message);
}

static void check_types(struct build_test *t)
{
    struct tuff_graph *g = graph_fresh(t->context);
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, 1, 4)), y = tuff_input(g, "y", TUFF_F32, TUFF_SHAPE(3, 1));
    tuff_val i = tuff_input(g, "i", TUFF_I32, TUFF_SHAPE(4)), p = tuff_input(g, "p", TUFF_F32, TUFF_SHAPE(2, 4, 7, 8));
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(6, 2, 3, 3), (struct tuff_init){0});
    expect_type(t, g, "broadcast", tuff_mul(g, x, y), TUFF_F32, TUFF_SHAPE(2, 3, 4));
    expect_type(t, g, "scalar", tuff_sub(g, tuff_scalar(g, 1), i), TUFF_F32, TUFF_SHAPE(4));
    expect_type(t, g, "compare", tuff_less(g, i, x), TUFF_BOOL, TUFF_SHAPE(2, 1, 4));
    expect_type(t, g, "integers", tuff_add(g, i, i), TUFF_I32, TUFF_SHAPE(4));
    expect_type(t, g, "f16", tuff_exp(g, tuff_cast(g, x, TUFF_F16)), TUFF_F32, TUFF_SHAPE(2, 1, 4));
    expect_type(t, g, "reshape", tuff_reshape(g, p, TUFF_SHAPE(2, 0, 4)), TUFF_F32, TUFF_SHAPE(2, 56, 4));
    expect_type(t, g, "flatten", tuff_flatten(g, p), TUFF_F32, TUFF_SHAPE(2, 224));
    expect_type(t, g, "unsqueeze", tuff_unsqueeze(g, y, -1), TUFF_F32, TUFF_SHAPE(3, 1, 1));
    expect_type(t, g, "transpose", tuff_transpose(g, p), TUFF_F32, TUFF_SHAPE(2, 4, 8, 7));
    expect_type(t, g, "sum", tuff_sum(g, p, 5, TUFF_DROP_AXES), TUFF_F32, TUFF_SHAPE(4, 8));
    expect_type(t, g, "mean of all", tuff_mean(g, p, 0, TUFF_DROP_AXES), TUFF_F32, (struct tuff_shape){0});
    expect_type(t, g, "sum of integers", tuff_sum(g, i, 0, TUFF_KEEP_AXES), TUFF_I32, TUFF_SHAPE(1));
    expect_type(t, g, "argmax", tuff_argmax(g, p, -1, TUFF_DROP_AXES), TUFF_I32, TUFF_SHAPE(2, 4, 7));
    expect_type(t, g, "matmul", tuff_matmul(g, tuff_transpose(g, p), p, (struct tuff_matmul_params){0}), TUFF_F32,
                TUFF_SHAPE(2, 4, 8, 8));
    tuff_val h = tuff_input(g, "h", TUFF_F16, TUFF_SHAPE(2, 4, 8, 6)),
             hw = tuff_input(g, "hw", TUFF_F16, TUFF_SHAPE(3, 4, 3, 3));
    tuff_val wide = tuff_matmul(g, tuff_transpose(g, h), p, (struct tuff_matmul_params){.transpose_b = true}), gx[3];
    expect_type(t, g, "matmul of f16", wide, TUFF_F32, TUFF_SHAPE(2, 4, 6, 7));
    tuff_val y16 = tuff_conv2d(g, tuff_max_pool2d(g, h, (struct tuff_pool2d_params){.kernel = {2, 2}}), hw, 0,
                               (struct tuff_conv2d_params){.pad = {1, 1, 1, 1}});
    expect_type(t, g, "conv2d of f16", y16, TUFF_F32, TUFF_SHAPE(2, 3, 4, 3));
    tuff_gradients(g, tuff_cast(g, y16, TUFF_F16), 0, (tuff_val[]){h, hw, tuff_input(g, "other", TUFF_F16, TUFF_SHAPE(5))},
                   3, gx);
    expect_type(t, g, "gradient of f16", gx[0], TUFF_F16, TUFF_SHAPE(2, 4, 8, 6));
    expect_type(t, g, "gradient of f16 weights", gx[1], TUFF_F16, TUFF_SHAPE(3, 4, 3, 3));
    expect_type(t, g, "gradient 0 of f16", gx[2], TUFF_F16, TUFF_SHAPE(5));
    expect_type(t, g, "conv2d",
                tuff_conv2d(g, p, w, 0, (struct tuff_conv2d_params){.stride = {2, 1}, .pad = {1, 1, 1, 1}, .groups = 2}),
                TUFF_F32, TUFF_SHAPE(2, 6, 4, 8));
    expect_type(t, g, "conv_transpose2d",
                tuff_conv_transpose2d(
                    g, tuff_slice(g, p, U(0, 0, 0, 0), I(1, 1, 1, 1), U(2, 1, 7, 8)),
                    tuff_param(g, "v", TUFF_SHAPE(1, 5, 3, 3), (struct tuff_init){0}), 0,
                    (struct tuff_conv_transpose2d_params){.stride = {2, 2}, .pad = {1, 1, 1, 1}, .output_pad = {1, 0}}),
                TUFF_F32, TUFF_SHAPE(2, 5, 14, 15));
    expect_type(t, g, "max_pool2d", tuff_max_pool2d(g, p, (struct tuff_pool2d_params){.kernel = {2, 2}, .ceil_mode = true}),
                TUFF_F32, TUFF_SHAPE(2, 4, 4, 4));
    expect_type(t, g, "gather", tuff_gather(g, p, tuff_reshape(g, i, TUFF_SHAPE(2, 2)), 1), TUFF_F32,
                TUFF_SHAPE(2, 2, 2, 7, 8));
    expect_type(t, g, "one_hot", tuff_one_hot(g, i, 10), TUFF_F32, TUFF_SHAPE(4, 10));
    expect_type(t, g, "logsumexp", tuff_logsumexp(g, p, 6, TUFF_DROP_AXES), TUFF_F32, TUFF_SHAPE(2, 8));
    check(t, tuff_graph_finish(g, NULL) == TUFF_OK, "types: %s", g->error.message);
    tuff_graph_destroy(g);
}

static void check_names(struct build_test *t)
{
    struct tuff_graph *g = graph_fresh(t->context);
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(2, 3), (struct tuff_init){TUFF_INIT_CONSTANT, 1, 0, NULL, 0});
    check(t, tuff_param(g, "w", TUFF_SHAPE(2, 3), (struct tuff_init){0}) == w,
          "a parameter of the same name and shape must be the same value");
    tuff_val s = tuff_state(g, "s", TUFF_I32, TUFF_SHAPE(2), (struct tuff_init){0});
    check(t, tuff_state(g, "s", TUFF_I32, TUFF_SHAPE(2), (struct tuff_init){0}) == s,
          "a state of the same name and type must be the same value");
    check(t, tuff_rng_state(g) == tuff_rng_state(g), "the generator's state must be one value");
    tuff_val y = tuff_named(g, tuff_neg(g, w), "y");
    check(t, tuff_graph_find(g, "y") == y && tuff_graph_find(g, "w") == w && tuff_graph_find(g, "z") == 0,
          "values must be found by name");
    check(t, tuff_named(g, y, "other") == y && tuff_graph_find(g, "y") == 0 && tuff_graph_find(g, "other") == y,
          "a value may be named anew");
    tuff_val gx[2], zero = tuff_scalar(g, 0);
    tuff_gradients(g, tuff_sum(g, y, 0, TUFF_DROP_AXES), 0, (tuff_val[]){w, zero}, 2, gx);
    expect_type(t, g, "gradient", gx[0], TUFF_F32, TUFF_SHAPE(2, 3));
    expect_type(t, g, "gradient of what is not there", gx[1], TUFF_F32, (struct tuff_shape){0});
    check(t, tuff_graph_finish(g, NULL) == TUFF_OK, "names: %s", g->error.message);
    tuff_gradients(g, 0, 0, &w, 1, gx);
    check(t, tuff_graph_finish(g, NULL) == TUFF_ERR_USAGE && gx[0] == 0, "gradients of nothing: expected TUFF_ERR_USAGE");
    tuff_graph_destroy(g);
}

int main(void)
{
    struct build_test t = {.failures = 0};
    if (tuff_context_create(NULL, &t.context, NULL) != TUFF_OK) return 1;
    for (size_t i = 0; i < TUFF_COUNT(refusals); i++) check_refusal(&t, i);
    for (uint32_t i = 0; i < tuff_op_count; i++) check_inputs(&t, tuff_ops[i]);
    check_types(&t);
    check_names(&t);
    tuff_graph_destroy(NULL);
    printf("graph_build: %u refusals, %u failures\n", t.refusals, t.failures);
    tuff_context_destroy(t.context);
    return t.failures != 0;
}

/* graph_build.c - building graphs: failures are sticky and say both shapes, every operator refuses what does not fit it, names
 * are unique, parameters are shared, broadcasting and inference give the right types. */
#include "graph/op.h"
#include "graph/ops/pointwise.h"
#include "tests/graph_help.h"
#include "tests/op_help.h"

#include <stdio.h>
#include <stdlib.h>

struct build_test {
    struct tuff_context *context;
    unsigned failures, refusals;
};

#define check(t, ...) graph_check(&(t)->failures, __VA_ARGS__)

/* ---- what is refused, and the sentence ------------------------------------------------------------------------------------------ */

/* x is f32 [2, 3], v f32 [5], i i32 [2, 3], p f32 [1, 4, 6, 6]. */
struct operands {
    tuff_val x, v, i, p;
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
MAKE(max_integer, tuff_reduce_max(g, o->i, 1, TUFF_DROP_AXES))
MAKE(min_axes, tuff_reduce_min(g, o->x, 1u << 5, TUFF_KEEP_AXES))
MAKE(argmax_axis, tuff_argmax(g, o->x, 2, TUFF_DROP_AXES))
MAKE(argmin_axis, tuff_argmin(g, o->x, -3, TUFF_DROP_AXES))
MAKE(cumsum_integer, tuff_cumsum(g, o->i, (struct tuff_cumsum_params){0}))
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
MAKE(param_no_data, tuff_param(g, "w", TUFF_SHAPE(2), (struct tuff_init){TUFF_INIT_DATA, 0, 0, NULL}))
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

static const struct {
    const char *name;
    make *make;
    tuff_status status;
    const char *parts[3]; /* of the sentence */
} refusals[] = {
    {"add", add_shapes, TUFF_ERR_SHAPE, {"[2, 3]", "[5]", "broadcast"}},
    {"add 0", add_nothing, TUFF_ERR_USAGE, {"operand 1", "not a value"}},
    {"add of another graph", add_unknown, TUFF_ERR_USAGE, {"operand 1", "not a value"}},
    {"exp of i32", exp_integer, TUFF_ERR_SHAPE, {"exp", "i32", "cast"}},
    {"reshape", reshape_count, TUFF_ERR_SHAPE, {"[2, 3]", "[4, 2]"}},
    {"reshape of nothing", reshape_nothing, TUFF_ERR_USAGE, {"reshape", "not a value"}},
    {"permute", permute_twice, TUFF_ERR_SHAPE, {"[2, 3]", "permutation"}},
    {"transpose", transpose_vector, TUFF_ERR_SHAPE, {"transpose", "two axes"}},
    {"slice", slice_outside, TUFF_ERR_SHAPE, {"[2, 3]", "axis 1", "not inside"}},
    {"slice back", slice_backwards, TUFF_ERR_SHAPE, {"[2, 3]", "axis 0"}},
    {"slice by 0", slice_still, TUFF_ERR_SHAPE, {"[2, 3]", "axis 0"}},
    {"expand", expand_shrink, TUFF_ERR_SHAPE, {"[2, 3]", "[2, 4]"}},
    {"pad", pad_huge, TUFF_ERR_SHAPE, {"[5]", "2^31"}},
    {"concat", concat_shapes, TUFF_ERR_SHAPE, {"[2, 3]", "[5]"}},
    {"concat types", concat_types, TUFF_ERR_SHAPE, {"[2, 3]", "i32"}},
    {"concat axis", concat_axis, TUFF_ERR_SHAPE, {"axis 2", "rank 2"}},
    {"concat none", concat_none, TUFF_ERR_USAGE, {"no input"}},
    {"sum", sum_axes, TUFF_ERR_SHAPE, {"axes 0x4", "[2, 3]"}},
    {"reduce_max", max_integer, TUFF_ERR_SHAPE, {"i32", "[2, 3]"}},
    {"reduce_min", min_axes, TUFF_ERR_SHAPE, {"axes 0x20", "[2, 3]"}},
    {"argmax", argmax_axis, TUFF_ERR_SHAPE, {"argmax", "axis 2", "rank 2"}},
    {"argmin", argmin_axis, TUFF_ERR_SHAPE, {"argmin", "axis -3"}},
    {"cumsum", cumsum_integer, TUFF_ERR_SHAPE, {"cumsum", "i32"}},
    {"matmul", matmul_inner, TUFF_ERR_SHAPE, {"f32 [2, 3] and f32 [2, 3]", "inner sizes"}},
    {"matmul by a vector", matmul_vector, TUFF_ERR_SHAPE, {"[2, 3]", "[5]"}},
    {"matmul types", matmul_types, TUFF_ERR_SHAPE, {"f32 [2, 3]", "i32 [2, 3]"}},
    {"conv2d channels", conv_channels, TUFF_ERR_SHAPE, {"[1, 4, 6, 6]", "[8, 3, 3, 3]"}},
    {"conv2d kernel", conv_kernel, TUFF_ERR_SHAPE, {"[1, 4, 6, 6]", "[8, 4, 7, 3]"}},
    {"conv2d rank", conv_rank, TUFF_ERR_SHAPE, {"[2, 3]", "[1, 4, 6, 6]"}},
    {"conv2d bias", conv_bias, TUFF_ERR_SHAPE, {"[5]", "8 channels"}},
    {"conv_transpose2d", deconv_pad, TUFF_ERR_SHAPE, {"output_pad 1", "stride 1"}},
    {"max_pool2d", pool_window, TUFF_ERR_SHAPE, {"[1, 4, 6, 6]", "kernel 7 7"}},
    {"avg_pool2d", pool_padding, TUFF_ERR_SHAPE, {"[1, 4, 6, 6]", "pad 2 0 0 0"}},
    {"max_pool2d rank", pool_rank, TUFF_ERR_SHAPE, {"[2, 3]"}},
    {"global_avg_pool", global_rank, TUFF_ERR_SHAPE, {"[2, 3]", "[n,c,h,w]"}},
    {"gather", gather_float, TUFF_ERR_SHAPE, {"gather", "i32"}},
    {"gather axis", gather_axis, TUFF_ERR_SHAPE, {"axis 4"}},
    {"gather_elements", elements_shape, TUFF_ERR_SHAPE, {"[5]", "[2, 3]"}},
    {"scatter_add", scatter_shape, TUFF_ERR_SHAPE, {"scatter_add", "[2, 3]"}},
    {"topk", topk_many, TUFF_ERR_SHAPE, {"topk", "[2, 3]"}},
    {"topk 0", topk_none, TUFF_ERR_SHAPE, {"topk", "k from 1"}},
    {"iota", iota_scalar, TUFF_ERR_SHAPE, {"iota", "rank 0"}},
    {"random_uniform", random_state, TUFF_ERR_SHAPE, {"random_uniform", "[2, 3]", "i32 [3]"}},
    {"dropout", dropout_all, TUFF_ERR_USAGE, {"dropout", "[0, 1)"}},
    {"select", select_types, TUFF_ERR_SHAPE, {"select", "f32 [2, 3] ?"}},
    {"select sides", select_sides, TUFF_ERR_SHAPE, {"bool [2, 3]", "f32 [2, 3] : i32 [2, 3]"}},
    {"cast", cast_unknown, TUFF_ERR_SHAPE, {"cast", "no such type"}},
    {"full", full_empty, TUFF_ERR_SHAPE, {"[2, 0]", "empty"}},
    {"full 2^32", full_huge, TUFF_ERR_SHAPE, {"[65536, 65536]", "2^31"}},
    {"input", input_unnamed, TUFF_ERR_USAGE, {"input", "name"}},
    {"input again", input_taken, TUFF_ERR_SHAPE, {"'x'", "taken"}},
    {"param again", param_taken, TUFF_ERR_SHAPE, {"'w'", "[3]", "[2]"}},
    {"named", named_taken, TUFF_ERR_USAGE, {"'x'", "taken"}},
    {"state", state_type, TUFF_ERR_SHAPE, {"state", "dtype"}},
    {"constant", constant_none, TUFF_ERR_USAGE, {"constant", "data"}},
    {"param", param_no_data, TUFF_ERR_USAGE, {"'w'", "TUFF_INIT_DATA"}},
    {"assign", assign_input, TUFF_ERR_USAGE, {"assign", "input"}},
    {"assign shape", assign_shape, TUFF_ERR_SHAPE, {"[3, 2]", "[2, 3]"}},
    {"layer_norm", norm_dims, TUFF_ERR_SHAPE, {"layer_norm", "rank 2"}},
    {"group_norm", norm_groups, TUFF_ERR_SHAPE, {"group_norm", "3 groups"}},
    {"batch_norm", norm_channels, TUFF_ERR_SHAPE, {"batch_norm", "[5]", "[1, 4, 6, 6]"}},
    {"softmax", softmax_axis, TUFF_ERR_SHAPE, {"softmax", "axis 2"}},
    {"cross_entropy", entropy_labels, TUFF_ERR_SHAPE, {"[2, 3]", "i32 [2, 3]"}},
    {"label smoothing", entropy_smooth, TUFF_ERR_USAGE, {"label smoothing", "[0, 1)"}},
    {"mse_loss", mse_shapes, TUFF_ERR_SHAPE, {"[2, 3]", "[5]"}},
    {"upsample", upsample_rank, TUFF_ERR_SHAPE, {"upsample_nearest2d", "[2, 3]"}},
    {"upsample by 0", upsample_none, TUFF_ERR_SHAPE, {"upsample_nearest2d", "by 2 0"}},
    {"attention heads", attention_heads, TUFF_ERR_SHAPE, {"attention", "k f32 [1, 3, 6, 6]"}},
    {"attention rank", attention_rank, TUFF_ERR_SHAPE, {"attention", "q f32 [2, 3]"}},
    {"attention mask", attention_mask, TUFF_ERR_SHAPE, {"[5]", "broadcast"}},
    {"rope", rope_odd, TUFF_ERR_SHAPE, {"rope", "[2, 3]"}},
    {"rope theta", rope_theta, TUFF_ERR_USAGE, {"rope", "theta -1"}},
    {"unsqueeze", unsqueeze_axis, TUFF_ERR_SHAPE, {"unsqueeze", "axis 4"}},
};

static void check_refusal(struct build_test *t, size_t at)
{
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_error error = {0}, again = {0};
    const struct operands o = {tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, 3)), tuff_input(g, "v", TUFF_F32, TUFF_SHAPE(5)),
                               tuff_input(g, "i", TUFF_I32, TUFF_SHAPE(2, 3)),
                               tuff_input(g, "p", TUFF_F32, TUFF_SHAPE(1, 4, 6, 6))};
    const char *name = refusals[at].name;
    tuff_val v = refusals[at].make(g, &o);
    tuff_status status = tuff_graph_finish(g, &error);
    check(t, v == 0, "%s: expected 0, got value %u", name, (unsigned)v);
    check(t, status == refusals[at].status && error.status == status, "%s: expected %s, got %s: %s", name,
          tuff_status_name(refusals[at].status), tuff_status_name(status), error.message);
    for (size_t i = 0; i < TUFF_COUNT(refusals[at].parts) && refusals[at].parts[i]; i++)
        check(t, strstr(error.message, refusals[at].parts[i]) != NULL, "%s: expected '%s' in '%s'", name,
              refusals[at].parts[i], error.message);
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
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(2, 3), (struct tuff_init){TUFF_INIT_CONSTANT, 1, 0, NULL});
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

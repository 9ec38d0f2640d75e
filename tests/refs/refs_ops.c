/* refs_ops.c - operators of reference cases by the names of those files: what each is in the public API. A row gives the
 * builder and, where one serves several operators, the function it calls. Shapes come from the case's tensors. */
#include "tests/refs/refs.h"

#include <math.h>
#include <stdio.h>

typedef tuff_val unary_fn(struct tuff_graph *g, tuff_val a);
typedef tuff_val unary2_fn(struct tuff_graph *g, tuff_val a, double p0, double p1);
typedef tuff_val binary_fn(struct tuff_graph *g, tuff_val a, tuff_val b);
typedef tuff_val reduce_fn(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep);
typedef tuff_val axis_keep_fn(struct tuff_graph *g, tuff_val x, int axis, enum tuff_keep keep);
typedef tuff_val axis_fn(struct tuff_graph *g, tuff_val x, int axis);
typedef tuff_val indexed_fn(struct tuff_graph *g, tuff_val x, tuff_val indices, int axis);
typedef tuff_val loss_fn(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction);

struct refs_op {
    const char *name;
    uint8_t least; /* inputs */
    void (*build)(struct refs_build *b, const struct refs_op *op);
    unary_fn *unary;
    unary2_fn *unary2;
    binary_fn *binary;
    reduce_fn *reduce;
    axis_keep_fn *axis_keep;
    axis_fn *axis;
    indexed_fn *indexed;
    loss_fn *loss;
    const char *attr; /* of unary2 */
};

static void give(struct refs_build *b, tuff_val v)
{
    if (b->out_count < REFS_OUTPUTS)
        b->out[b->out_count++] = v;
    else
        refs_fail(b->c, "has more than %d outputs", REFS_OUTPUTS);
}

/* An axis attribute within the first input's rank; negative ones count from the end. */
static int axis_of(struct refs_build *b, const char *key)
{
    double rank = tuff_type_of(b->g, b->in[0]).shape.rank, axis = refs_number(b->c, key, NAN);
    if (axis >= -rank && axis < rank && axis == floor(axis)) return (int)(axis < 0 ? axis + rank : axis);
    refs_fail(b->c, "attribute %s is no axis of a tensor of rank %g", key, rank);
    return 0;
}

/* A list of exactly n whole numbers from `low` on. */
static void numbers(struct refs_build *b, const char *key, int64_t low, uint32_t n, int64_t *out)
{
    for (uint32_t i = 0; i < n; i++) out[i] = low > 0 ? low : 0;
    uint32_t count = refs_integers(b->c, key, out, n);
    if (count != n) refs_fail(b->c, "attribute %s has %u numbers, not %u", key, (unsigned)count, (unsigned)n);
    for (uint32_t i = 0; i < n; i++)
        if (out[i] < low) refs_fail(b->c, "attribute %s holds %lld", key, (long long)out[i]);
}

static uint32_t unsigned_of(struct refs_build *b, const char *key)
{
    double v = refs_number(b->c, key, -1);
    if (v >= 0 && v < 1e9 && v == floor(v)) return (uint32_t)v;
    refs_fail(b->c, "attribute %s is no count", key);
    return 1;
}

static struct tuff_shape shape_attr(struct refs_build *b)
{
    int64_t dims[TUFF_MAX_RANK] = {0};
    struct tuff_shape shape = {.rank = refs_integers(b->c, "shape", dims, TUFF_MAX_RANK)};
    for (uint32_t i = 0; i < shape.rank; i++) {
        if (dims[i] < 1) refs_fail(b->c, "attribute shape holds %lld", (long long)dims[i]);
        shape.dim[i] = (uint32_t)dims[i];
    }
    return shape;
}

/* ---- pointwise ------------------------------------------------------------------------------------------------------- */

static void build_unary(struct refs_build *b, const struct refs_op *op) { give(b, op->unary(b->g, b->in[0])); }
static void build_unary2(struct refs_build *b, const struct refs_op *op)
{
    give(b, op->unary2(b->g, b->in[0], refs_number(b->c, op->attr, 1), 0));
}
static void build_binary(struct refs_build *b, const struct refs_op *op) { give(b, op->binary(b->g, b->in[0], b->in[1])); }
static void build_clamp(struct refs_build *b, const struct refs_op *op)
{
    const double largest = 3.4028234663852886e38; /* of f32 */
    (void)op;
    give(b, tuff_clamp(b->g, b->in[0], refs_number(b->c, "min", -largest), refs_number(b->c, "max", largest)));
}
static void build_where(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    give(b, tuff_select(b->g, b->in[0], b->in[1], b->in[2]));
}

/* ---- views ------------------------------------------------------------------------------------------------------------- */

static void build_reshape(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    give(b, tuff_reshape(b->g, b->in[0], shape_attr(b)));
}
static void build_expand(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    give(b, tuff_expand(b->g, b->in[0], shape_attr(b)));
}
static void build_permute(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    int64_t perm[TUFF_MAX_RANK];
    uint32_t order[TUFF_MAX_RANK], rank = tuff_type_of(b->g, b->in[0]).shape.rank;
    numbers(b, "perm", 0, rank, perm);
    for (uint32_t i = 0; i < rank; i++) order[i] = (uint32_t)perm[i];
    give(b, tuff_permute(b->g, b->in[0], order));
}
static void build_slice(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    int64_t starts[TUFF_MAX_RANK], steps[TUFF_MAX_RANK], sizes[TUFF_MAX_RANK];
    uint32_t start[TUFF_MAX_RANK], size[TUFF_MAX_RANK], rank = tuff_type_of(b->g, b->in[0]).shape.rank;
    int32_t step[TUFF_MAX_RANK];
    numbers(b, "starts", 0, rank, starts);
    numbers(b, "steps", INT32_MIN, rank, steps);
    numbers(b, "sizes", 1, rank, sizes);
    for (uint32_t i = 0; i < rank; i++)
        start[i] = (uint32_t)starts[i], step[i] = (int32_t)steps[i], size[i] = (uint32_t)sizes[i];
    give(b, tuff_slice(b->g, b->in[0], start, step, size));
}
static void build_pad(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    int64_t befores[TUFF_MAX_RANK], afters[TUFF_MAX_RANK];
    uint32_t before[TUFF_MAX_RANK], after[TUFF_MAX_RANK], rank = tuff_type_of(b->g, b->in[0]).shape.rank;
    numbers(b, "before", 0, rank, befores);
    numbers(b, "after", 0, rank, afters);
    for (uint32_t i = 0; i < rank; i++) before[i] = (uint32_t)befores[i], after[i] = (uint32_t)afters[i];
    give(b, tuff_pad(b->g, b->in[0], before, after, refs_number(b->c, "value", 0)));
}
static void build_concat(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    give(b, tuff_concat(b->g, b->in, b->in_count, axis_of(b, "axis")));
}
static void build_split(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    int64_t sizes[REFS_OUTPUTS];
    int axis = axis_of(b, "axis");
    struct tuff_shape shape = tuff_type_of(b->g, b->in[0]).shape;
    uint32_t count = refs_integers(b->c, "sizes", sizes, REFS_OUTPUTS), start[TUFF_MAX_RANK] = {0};
    int32_t step[TUFF_MAX_RANK];
    for (int i = 0; i < TUFF_MAX_RANK; i++) step[i] = 1;
    for (uint32_t i = 0; i < count && b->c->state == REFS_OPEN; i++) {
        if (sizes[i] < 1) refs_fail(b->c, "attribute sizes holds %lld", (long long)sizes[i]);
        shape.dim[axis] = (uint32_t)sizes[i];
        give(b, tuff_slice(b->g, b->in[0], start, step, shape.dim));
        start[axis] += (uint32_t)sizes[i];
    }
}

/* ---- reductions, products, pools ---------------------------------------------------------------------------------------- */

static enum tuff_keep keep_of(struct refs_build *b) { return refs_flag(b->c, "keepdim") ? TUFF_KEEP_AXES : TUFF_DROP_AXES; }

static void build_reduce(struct refs_build *b, const struct refs_op *op)
{
    int64_t list[TUFF_MAX_RANK];
    int64_t rank = tuff_type_of(b->g, b->in[0]).shape.rank;
    uint32_t count = refs_integers(b->c, "axes", list, TUFF_MAX_RANK), axes = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t axis = list[i] < 0 ? list[i] + rank : list[i];
        if (axis < 0 || axis >= rank)
            refs_fail(b->c, "attribute axes holds %lld", (long long)list[i]);
        else
            axes |= 1u << axis;
    }
    give(b, op->reduce(b->g, b->in[0], axes, keep_of(b)));
}
static void build_axis_keep(struct refs_build *b, const struct refs_op *op)
{
    give(b, op->axis_keep(b->g, b->in[0], axis_of(b, "axis"), keep_of(b)));
}
static void build_axis(struct refs_build *b, const struct refs_op *op)
{
    give(b, op->axis(b->g, b->in[0], axis_of(b, "axis")));
}
static void build_cumsum(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    struct tuff_cumsum_params params = {axis_of(b, "axis"), refs_flag(b->c, "exclusive"), refs_flag(b->c, "reverse")};
    give(b, tuff_cumsum(b->g, b->in[0], params));
}
static void build_matmul(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    struct tuff_matmul_params params = {.transpose_a = refs_flag(b->c, "trans_a"),
                                        .transpose_b = refs_flag(b->c, "trans_b")};
    give(b, tuff_matmul(b->g, b->in[0], b->in[1], params));
}
static void build_linear(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    tuff_val y = tuff_matmul(b->g, b->in[0], b->in[1], (struct tuff_matmul_params){.transpose_b = true});
    give(b, refs_flag(b->c, "bias") ? tuff_add(b->g, y, b->in[2]) : y);
}

/* Two or four numbers; two of a padding are height and width, the same at both ends. */
static void pair_attr(struct refs_build *b, const char *key, uint32_t *out)
{
    int64_t v[2];
    numbers(b, key, 0, 2, v);
    for (int i = 0; i < 2; i++) out[i] = (uint32_t)v[i];
}
static void pad_attr(struct refs_build *b, uint32_t *out)
{
    int64_t v[4];
    uint32_t count = refs_integers(b->c, "pad", v, 4);
    if (count != 2 && count != 4) refs_fail(b->c, "attribute pad has %u numbers", (unsigned)count);
    for (uint32_t i = 0; i < 4 && count >= 2; i++) {
        int64_t n = v[count == 2 ? i % 2 : i];
        if (n < 0) refs_fail(b->c, "attribute pad holds %lld", (long long)n);
        out[i] = (uint32_t)n;
    }
}

static void build_conv2d(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    struct tuff_conv2d_params params = {.groups = unsigned_of(b, "groups")};
    pair_attr(b, "stride", params.stride);
    pair_attr(b, "dilation", params.dilation);
    pad_attr(b, params.pad);
    give(b, tuff_conv2d(b->g, b->in[0], b->in[1], refs_flag(b->c, "bias") ? b->in[2] : 0, params));
}
static void build_conv_transpose2d(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    struct tuff_conv_transpose2d_params params = {.groups = unsigned_of(b, "groups")};
    pair_attr(b, "stride", params.stride);
    pair_attr(b, "dilation", params.dilation);
    pair_attr(b, "output_padding", params.output_pad);
    pad_attr(b, params.pad);
    give(b, tuff_conv_transpose2d(b->g, b->in[0], b->in[1], refs_flag(b->c, "bias") ? b->in[2] : 0, params));
}
static struct tuff_pool2d_params pool_params(struct refs_build *b)
{
    struct tuff_pool2d_params params = {0};
    pair_attr(b, "kernel", params.kernel);
    pair_attr(b, "stride", params.stride);
    pad_attr(b, params.pad);
    return params;
}
static void build_max_pool2d(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    struct tuff_pool2d_params params = pool_params(b);
    pair_attr(b, "dilation", params.dilation);
    give(b, tuff_max_pool2d(b->g, b->in[0], params));
}
static void build_avg_pool2d(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    struct tuff_pool2d_params params = pool_params(b);
    params.count_include_pad = refs_flag(b->c, "count_include_pad");
    give(b, tuff_avg_pool2d(b->g, b->in[0], params));
}

/* ---- norms, losses ------------------------------------------------------------------------------------------------------- */

static void build_batch_norm_train(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    struct tuff_batch_norm r = tuff_batch_norm_train(b->g, b->in[0], b->in[1], b->in[2], b->in[3], b->in[4],
                                                     refs_number(b->c, "eps", 1e-5), refs_number(b->c, "momentum", 0.1));
    give(b, r.y);
    give(b, r.mean);
    give(b, r.var);
}
static void build_batch_norm_infer(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    give(b, tuff_batch_norm_infer(b->g, b->in[0], b->in[1], b->in[2], b->in[3], b->in[4], refs_number(b->c, "eps", 1e-5)));
}
static void build_layer_norm(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    bool affine = refs_flag(b->c, "affine");
    give(b, tuff_layer_norm(b->g, b->in[0], affine ? b->in[1] : 0, affine ? b->in[2] : 0, unsigned_of(b, "last_dims"),
                            refs_number(b->c, "eps", 1e-5)));
}
static void build_group_norm(struct refs_build *b, const struct refs_op *op)
{
    bool affine = refs_flag(b->c, "affine"), instance = !strcmp(op->name, "instance_norm");
    uint32_t groups = instance ? tuff_type_of(b->g, b->in[0]).shape.dim[1] : unsigned_of(b, "groups");
    give(b, tuff_group_norm(b->g, b->in[0], affine ? b->in[1] : 0, affine ? b->in[2] : 0, groups,
                            refs_number(b->c, "eps", 1e-5)));
}
static void build_rms_norm(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    give(b, tuff_rms_norm(b->g, b->in[0], b->in[1], refs_number(b->c, "eps", 1e-6)));
}

static enum tuff_reduction reduction_of(struct refs_build *b)
{
    const char *text = refs_text(b->c, "reduction");
    if (!strcmp(text, "sum")) return TUFF_REDUCE_SUM;
    if (!strcmp(text, "none")) return TUFF_REDUCE_NONE;
    if (strcmp(text, "mean") != 0) refs_fail(b->c, "attribute reduction is '%.40s'", text);
    return TUFF_REDUCE_MEAN;
}
static void build_loss(struct refs_build *b, const struct refs_op *op)
{
    give(b, op->loss(b->g, b->in[0], b->in[1], reduction_of(b)));
}
static void build_cross_entropy(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    const double none = 1e10; /* no label */
    double ignore = refs_number(b->c, "ignore_index", none);
    struct tuff_cross_entropy_params params = {.reduction = reduction_of(b),
                                               .use_ignore_index = ignore != none,
                                               .ignore_index = ignore != none ? (int32_t)ignore : 0,
                                               .label_smoothing = refs_number(b->c, "label_smoothing", 0),
                                               .weight = refs_flag(b->c, "weight") ? b->in[2] : 0};
    give(b, tuff_cross_entropy(b->g, b->in[0], b->in[1], params));
}

/* ---- indexing, attention --------------------------------------------------------------------------------------------------- */

static void build_indexed(struct refs_build *b, const struct refs_op *op)
{
    give(b, op->indexed(b->g, b->in[0], b->in[1], op->attr ? axis_of(b, op->attr) : 0));
}
static void build_scatter_add(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    give(b, tuff_scatter_add(b->g, b->in[0], b->in[1], b->in[2], axis_of(b, "axis")));
}
static void build_topk(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    struct tuff_topk_params params = {
        .axis = axis_of(b, "axis"), .k = unsigned_of(b, "k"), .smallest = !refs_flag(b->c, "largest")};
    struct tuff_topk top = tuff_topk(b->g, b->in[0], params);
    give(b, top.values);
    give(b, top.indices);
}
static void build_one_hot(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    give(b, tuff_one_hot(b->g, b->in[0], unsigned_of(b, "depth")));
}

static void build_attention(struct refs_build *b, const struct refs_op *op)
{
    (void)op;
    const char *mask = refs_text(b->c, "mask");
    const double scale = refs_number(b->c, "scale", 0);
    struct tuff_attention_params params = {.scale = {scale, scale != 0}, .causal = refs_flag(b->c, "causal")};
    if (strcmp(mask, "none") != 0) params.mask = b->in[3];
    if (strcmp(mask, "none") != 0 && b->in_count < 4) refs_fail(b->c, "has no mask");
    give(b, tuff_attention(b->g, b->in[0], b->in[1], b->in[2], params));
}

/* ---- table ----------------------------------------------------------------------------------------------------------------- */

#define UNARY(text, fn)                                                                                                     \
    {                                                                                                                       \
        .name = text, .least = 1, .build = build_unary, .unary = fn                                                         \
    }
#define UNARY2(text, fn, key)                                                                                               \
    {                                                                                                                       \
        .name = text, .least = 1, .build = build_unary2, .unary2 = fn, .attr = key                                          \
    }
#define BINARY(text, fn)                                                                                                    \
    {                                                                                                                       \
        .name = text, .least = 2, .build = build_binary, .binary = fn                                                       \
    }
#define REDUCE(text, fn)                                                                                                    \
    {                                                                                                                       \
        .name = text, .least = 1, .build = build_reduce, .reduce = fn                                                       \
    }
static tuff_val smooth_l1(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction)
{
    return tuff_smooth_l1_loss(g, x, target, (struct tuff_smooth_l1_params){.reduction = reduction});
}

static tuff_val bce(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction)
{
    return tuff_bce_with_logits(g, x, target, (struct tuff_bce_params){.reduction = reduction});
}

#define LOSS(text, fn)                                                                                                      \
    {                                                                                                                       \
        .name = text, .least = 2, .build = build_loss, .loss = fn                                                           \
    }
#define INDEXED(text, fn, key)                                                                                              \
    {                                                                                                                       \
        .name = text, .least = 2, .build = build_indexed, .indexed = fn, .attr = key                                        \
    }
#define OTHER(text, inputs)                                                                                                 \
    {                                                                                                                       \
        .name = #text, .least = inputs, .build = build_##text                                                               \
    }
static const struct refs_op ops[] = {
    UNARY("exp", tuff_exp),
    UNARY("log", tuff_log),
    UNARY("sqrt", tuff_sqrt),
    UNARY("rsqrt", tuff_rsqrt),
    UNARY("reciprocal", tuff_reciprocal),
    UNARY("abs", tuff_abs),
    UNARY("neg", tuff_neg),
    UNARY("square", tuff_square),
    UNARY("relu", tuff_relu),
    UNARY("gelu_erf", tuff_gelu),
    UNARY("gelu_tanh", tuff_gelu_tanh),
    UNARY("silu", tuff_silu),
    UNARY("sigmoid", tuff_sigmoid),
    UNARY("tanh", tuff_tanh),
    UNARY("softplus", tuff_softplus),
    UNARY("hardswish", tuff_hardswish),
    UNARY("hardsigmoid", tuff_hardsigmoid),
    UNARY("erf", tuff_erf),
    UNARY("sin", tuff_sin),
    UNARY("cos", tuff_cos),
    UNARY("floor", tuff_floor),
    UNARY("ceil", tuff_ceil),
    UNARY("round", tuff_round),
    UNARY("sign", tuff_sign),
    UNARY2("leaky_relu", tuff_leaky_relu, "slope"),
    UNARY2("elu", tuff_elu, "alpha"),
    UNARY2("pow_const", tuff_pow_const, "exponent"),
    BINARY("add", tuff_add),
    BINARY("sub", tuff_sub),
    BINARY("mul", tuff_mul),
    BINARY("div", tuff_div),
    BINARY("pow", tuff_pow),
    BINARY("min", tuff_minimum),
    BINARY("max", tuff_maximum),
    BINARY("equal", tuff_equal),
    BINARY("not_equal", tuff_not_equal),
    BINARY("less", tuff_less),
    BINARY("less_equal", tuff_less_equal),
    BINARY("greater", tuff_greater),
    BINARY("greater_equal", tuff_greater_equal),
    OTHER(clamp, 1),
    OTHER(where, 3),
    OTHER(reshape, 1),
    OTHER(permute, 1),
    OTHER(slice, 1),
    OTHER(expand, 1),
    OTHER(pad, 1),
    OTHER(concat, 1),
    OTHER(split, 1),
    REDUCE("sum", tuff_sum),
    REDUCE("mean", tuff_mean),
    REDUCE("max", tuff_reduce_max),
    REDUCE("min", tuff_reduce_min),
    REDUCE("logsumexp", tuff_logsumexp),
    {.name = "argmax", .least = 1, .build = build_axis_keep, .axis_keep = tuff_argmax},
    {.name = "argmin", .least = 1, .build = build_axis_keep, .axis_keep = tuff_argmin},
    OTHER(cumsum, 1),
    OTHER(matmul, 2),
    OTHER(linear, 2),
    OTHER(conv2d, 2),
    OTHER(conv_transpose2d, 2),
    OTHER(max_pool2d, 1),
    OTHER(avg_pool2d, 1),
    UNARY("global_avg_pool", tuff_global_avg_pool),
    OTHER(batch_norm_train, 5),
    OTHER(batch_norm_infer, 5),
    OTHER(layer_norm, 1),
    OTHER(group_norm, 1),
    {.name = "instance_norm", .least = 1, .build = build_group_norm},
    OTHER(rms_norm, 2),
    {.name = "softmax", .least = 1, .build = build_axis, .axis = tuff_softmax},
    {.name = "log_softmax", .least = 1, .build = build_axis, .axis = tuff_log_softmax},
    OTHER(cross_entropy, 2),
    LOSS("mse_loss", tuff_mse_loss),
    LOSS("l1_loss", tuff_l1_loss),
    LOSS("smooth_l1_loss", smooth_l1),
    LOSS("bce_with_logits", bce),
    INDEXED("embedding", tuff_gather, NULL),
    INDEXED("gather", tuff_gather_elements, "axis"),
    INDEXED("index_select", tuff_gather, "axis"),
    OTHER(scatter_add, 3),
    OTHER(topk, 1),
    OTHER(one_hot, 1),
    OTHER(attention, 3),
};

/* max and min are reductions in their family, and take two operands among the pointwise. */
static const struct refs_op *find(const struct refs_case *c)
{
    bool reduce = !strcmp(c->family, "reduce");
    for (size_t i = 0; i < TUFF_COUNT(ops); i++)
        if (!strcmp(ops[i].name, c->op) && (reduce || !ops[i].reduce)) {
            if (!reduce || ops[i].reduce || ops[i].axis_keep || ops[i].build == build_cumsum) return &ops[i];
        }
    return NULL;
}

bool refs_op_known(const struct refs_case *c) { return find(c) != NULL; }

const char *refs_op_missing(const struct refs_case *c)
{
    if (!strcmp(c->family, "recurrent")) return "there is no recurrent operator";
    if (!strcmp(c->family, "resize")) return "there is no operator that resizes";
    return "this program does not know the operator";
}

/* Inputs in0, in1, .. of the file; a bias, weight or affine pair that an attribute promises must be there. */
static void add_inputs(struct refs_build *b, const struct refs_op *op, uint32_t prefix)
{
    char name[64];
    struct tuff_array array;
    struct tuff_type type;
    while (b->in_count < REFS_INPUTS) {
        snprintf(name, sizeof name, "in%u", (unsigned)b->in_count);
        if (!refs_tensor(b->c, name, &array, &type)) break;
        if (array.element == TUFF_ELEMENT_F64) refs_fail(b->c, "%s: inputs of 64 bits are not covered", name);
        snprintf(name, sizeof name, "c%u.in%u", (unsigned)prefix, (unsigned)b->in_count);
        b->in[b->in_count++] = tuff_input(b->g, name, type.dtype, type.shape);
    }
    static const struct {
        const char *attr;
        uint32_t inputs;
    } optional[] = {{"attr.bias", 3}, {"attr.weight", 3}, {"attr.affine", 3}};
    for (size_t i = 0; i < TUFF_COUNT(optional) && b->c->tensors; i++) {
        const char *text = tuff_tensors_text(b->c->tensors, optional[i].attr);
        if (text && !strcmp(text, "true") && b->in_count < optional[i].inputs)
            refs_fail(b->c, "has %u inputs, and %s is true", (unsigned)b->in_count, optional[i].attr);
    }
    if (b->in_count < op->least)
        refs_fail(b->c, "has %u inputs, %s takes %u", (unsigned)b->in_count, op->name, (unsigned)op->least);
}

/* Gradients of the sum over outputs of out_i gradout_i by the inputs that have a gradin. */
static void add_gradients(struct refs_build *b, uint32_t prefix)
{
    char name[64];
    struct tuff_array array;
    struct tuff_type type;
    tuff_val x[REFS_INPUTS], gx[REFS_INPUTS];
    uint32_t at[REFS_INPUTS], count = 0;
    for (uint32_t k = 0; k < b->in_count; k++) {
        snprintf(name, sizeof name, "gradin%u", (unsigned)k);
        if (refs_tensor(b->c, name, &array, &type)) at[count] = k, x[count++] = b->in[k];
    }
    for (uint32_t i = 0; i < b->out_count && b->c->state == REFS_OPEN; i++) {
        snprintf(name, sizeof name, "gradout%u", (unsigned)i);
        if (!refs_tensor(b->c, name, &array, &type) || array.element != TUFF_ELEMENT_F32) continue;
        struct tuff_shape shape = tuff_type_of(b->g, b->out[i]).shape;
        if (!tuff_shape_equal(&shape, &type.shape)) {
            refs_fail(b->c, "%s does not have the output's shape", name);
            return;
        }
        snprintf(name, sizeof name, "c%u.gradout%u", (unsigned)prefix, (unsigned)i);
        b->gout[i] = tuff_input(b->g, name, TUFF_F32, type.shape);
        tuff_gradients(b->g, b->out[i], b->gout[i], x, count, gx);
        for (uint32_t k = 0; k < count; k++) b->gin[at[k]] = b->gin[at[k]] ? tuff_add(b->g, b->gin[at[k]], gx[k]) : gx[k];
    }
}

void refs_op_build(struct refs_build *b, struct refs_case *c, struct tuff_graph *g, uint32_t prefix)
{
    const struct refs_op *op = find(c);
    *b = (struct refs_build){.g = g, .c = c};
    add_inputs(b, op, prefix);
    if (c->state != REFS_OPEN || g->status != TUFF_OK) return;
    op->build(b, op);
    if (c->state == REFS_OPEN && g->status == TUFF_OK) add_gradients(b, prefix);
}

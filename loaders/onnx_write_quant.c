/* onnx_write_quant.c - 8 bits where ranges are given. A chain is a product (conv2d, matmul) by fixed weights and what its only readers do to each
 * channel: sums and factors, which are folded into the weights, then bounds. It is written as one Conv or Gemm of whole numbers, and Relu or Clip. */
#include "graph/ops/leaf.h"
#include "graph/ops/pointwise.h"
#include "graph/reference.h"
#include "loaders/onnx_write.h"

#include <math.h>

enum step { STEP_NONE, STEP_LINEAR, STEP_BOUND };
struct chain {
    uint32_t channels, behind; /* axes behind that of the channels */
    double *at;                /* [4, channels] what becomes of 0 and 1 by sums and factors, of -inf and inf by bounds */
};

static tuff_val strip(const struct tuff_graph *g, tuff_val v)
{
    while (tuff_value_of(g, v)->op == &tuff_op_expand) v = tuff_value_of(g, v)->in[0];
    return v;
}

static bool is_fixed(const struct tuff_onnx_int8 *q, const struct tuff_value *value)
{
    const struct tuff_op *op = value->op;
    bool fixed = (op->class == TUFF_CLASS_INLINE || op->class == TUFF_CLASS_KERNEL) && op->ref && !op->more_count &&
                 !(op->traits & (TUFF_OWNS_MEMORY | TUFF_STAYS_APART)) && value->in_count;
    for (uint32_t k = 0; fixed && k < value->in_count; k++) fixed = value->in[k] && q[value->in[k]].fixed;
    return fixed || tuff_is_kept(value) || op->kind == TUFF_KIND_CONSTANT || op->kind == TUFF_KIND_FULL;
}

/* What reader r does to v, its operand *at; *other: the one beside it, one number or one for each channel. */
static enum step step_of(const struct tuff_onnx_sheet *s, tuff_val v, const struct tuff_value *r, const struct chain *c,
                         tuff_val *other, uint32_t *at)
{
    const struct tuff_op *op = r->op;
    *other = 0, *at = 0;
    if (!tuff_shape_equal(&r->type.shape, &tuff_value_of(s->g, v)->type.shape)) return STEP_NONE;
    if (op == &tuff_op_relu || op == &tuff_op_clamp) return STEP_BOUND;
    if (op == &tuff_op_affine || op == &tuff_op_neg) return STEP_LINEAR;
    if (!op->glsl || r->in_count != 2) return STEP_NONE;
    *at = r->in[0] != v;
    *other = strip(s->g, r->in[1 - *at]);
    const struct tuff_shape *shape = &tuff_value_of(s->g, *other)->type.shape;
    const uint64_t count = tuff_shape_count(shape);
    if (!s->int8[*other].fixed || (count != 1 && (count != c->channels || shape->rank <= c->behind ||
                                                  shape->dim[shape->rank - 1 - c->behind] != count)))
        return STEP_NONE;
    if (op == &tuff_op_maximum || op == &tuff_op_minimum) return count == 1 ? STEP_BOUND : STEP_NONE;
    return op == &tuff_op_add || op == &tuff_op_sub || op == &tuff_op_mul || (op == &tuff_op_div && !*at) ? STEP_LINEAR
                                                                                                          : STEP_NONE;
}

static bool turned(const struct tuff_value *product, uint32_t operand)
{
    return product->op == &tuff_op_matmul && ((const int32_t *)product->attrs)[operand]; /* transpose_a, transpose_b */
}

static struct chain chain_of(const struct tuff_value *product)
{
    const struct tuff_shape *y = &product->type.shape;
    const bool conv = product->op == &tuff_op_conv2d;
    return (struct chain){.channels = y->dim[conv ? 1 : y->rank - 1], .behind = conv ? 2 : 0};
}

/* Why a product stays as it is; NULL: it need not, and *end is the last value of its chain. */
static const char *find_end(const struct tuff_onnx_sheet *s, tuff_val product, tuff_val *end)
{
    const struct tuff_onnx_int8 *q = s->int8;
    const struct tuff_value *value = tuff_value_of(s->g, product);
    const struct tuff_shape *in = &tuff_value_of(s->g, value->in[0])->type.shape,
                            *weights = &tuff_value_of(s->g, value->in[1])->type.shape;
    const struct chain c = chain_of(value);
    bool linear = value->op == &tuff_op_conv2d || in->rank == 2; /* MatMul has no bias */
    if (value->op == &tuff_op_conv2d_input_grad) return "transposed convolutions are not quantized";
    if (!q[value->in[1]].fixed) return "both of its operands are computed";
    if (!q[value->in[0]].range) return "its operand has no range";
    if (turned(value, 0) || (value->in_count > 2 && value->in[2])) return "of this form it is not quantized";
    if (value->op == &tuff_op_matmul && tuff_shape_count(weights) != (uint64_t)in->dim[in->rank - 1] * c.channels)
        return "its weights are several matrices";
    *end = q[product].range ? product : 0;
    for (tuff_val v = product, r, other; (r = q[v].reader) != 0; v = r) {
        uint32_t at;
        const enum step step = step_of(s, v, tuff_value_of(s->g, r), &c, &other, &at);
        if (step == STEP_NONE || (step == STEP_LINEAR && !linear)) break;
        linear = step == STEP_LINEAR;
        if (q[r].range) *end = r;
    }
    return *end ? NULL : "its result has no range";
}

static void mark_chain(const struct tuff_onnx_sheet *s, tuff_val product)
{
    const struct tuff_onnx_write_params *p = s->w->params;
    tuff_val end = 0, named = product;
    const char *why = find_end(s, product, &end);
    while (!tuff_value_of(s->g, named)->name && s->int8[named].reader) named = s->int8[named].reader;
    const char *name = tuff_value_of(s->g, named)->name;
    const bool quantized = (!p->layer || p->layer(p->layer_user, name ? name : "", why)) && !why;
    if (quantized) s->int8[end].product = product;
    for (tuff_val v = product; end && v != end; v = s->int8[v].reader) s->int8[v].range = NULL;
}

bool tuff_ow_int8_begin(struct tuff_onnx_sheet *s, const tuff_val *wanted, uint32_t count)
{
    const struct tuff_onnx_write_params *p = s->w->params;
    struct tuff_onnx_int8 *q = s->int8 = tuff_arena_alloc(&s->w->arena, s->g->count * sizeof *q);
    if (!q) return tuff_ow_fail(s->w, TUFF_ERR_MEMORY, "out of host memory");
    for (size_t i = 0; i < p->range_count; i++) {
        const struct tuff_onnx_range *r = &p->ranges[i];
        const char *name = r->name ? r->name : "";
        const tuff_val v = tuff_graph_find(s->g, name);
        if (!v || tuff_value_of(s->g, v)->type.dtype != TUFF_F32)
            return tuff_ow_fail(s->w, TUFF_ERR_USAGE, "ONNX: a range for \"%.100s\": no value of f32 is called so", name);
        if (!isfinite(r->low) || !isfinite(r->high) || r->low > r->high || !isfinite(r->high - r->low))
            return tuff_ow_fail(s->w, TUFF_ERR_USAGE,
                                "ONNX: \"%.100s\" has the range %g .. %g: it takes finite numbers, the smaller first", name,
                                (double)r->low, (double)r->high);
        q[v].range = r;
    }
    for (uint32_t i = 0; i < count; i++) q[wanted[i]].readers += 2;
    for (tuff_val v = s->g->count; v-- > 1;)
        for (uint32_t k = 0; q[v].readers && k < s->g->values[v].in_count; k++) {
            const tuff_val in = tuff_ow_reads(s->g, &s->g->values[v], k);
            q[in].reader = q[in].readers++ ? 0 : v;
        }
    for (tuff_val v = 1; v < s->g->count; v++) q[v].fixed = is_fixed(q, &s->g->values[v]);
    for (tuff_val v = 1; v < s->g->count; v++) {
        const struct tuff_op *op = s->g->values[v].op;
        if (!q[v].readers || q[v].fixed) continue;
        if (tuff_value_of(s->g, v)->type.dtype != TUFF_F32) continue; /* products of i8 are written as they are */
        if (op == &tuff_op_conv2d || op == &tuff_op_matmul || op == &tuff_op_conv2d_input_grad) mark_chain(s, v);
    }
    return true;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------------------------- */

/* 0 is one of the steps. */
static float scale_of(const struct tuff_onnx_range *r)
{
    return fmaxf((fmaxf(r->high, 0) - fminf(r->low, 0)) / 255, 1e-30f);
}

struct tuff_span tuff_ow_int8_round(struct tuff_onnx_sheet *s, tuff_val v, struct tuff_span x)
{
    const struct tuff_onnx_range *r = s->int8[v].range;
    const double scale = (double)scale_of(r), zero = fmin(255, rint(-(double)fminf(r->low, 0) / scale));
    const bool i8 = s->w->params->signed_activations;
    for (uint32_t k = 0; k < 2; k++) {
        struct tuff_onnx_node n = {0};
        tuff_ow_in(s, &n, x);
        tuff_ow_in(s, &n, tuff_ow_number(s->w, TUFF_ONNX_FLOAT, scale));
        tuff_ow_in(s, &n, tuff_ow_number(s->w, i8 ? TUFF_ONNX_I8 : TUFF_ONNX_U8, i8 ? zero - 128 : zero));
        x = tuff_ow_emit(s, &n, k ? "DequantizeLinear" : "QuantizeLinear");
    }
    return x;
}

tuff_val tuff_ow_int8_reads(const struct tuff_onnx_sheet *s, tuff_val v, uint32_t k)
{
    const tuff_val product = s->int8 ? s->int8[v].product : 0;
    return !product ? tuff_ow_reads(s->g, tuff_value_of(s->g, v), k) : k == 0 ? tuff_value_of(s->g, product)->in[0] : 0;
}

static bool fill(struct tuff_onnx_sheet *s, tuff_val v, double **data)
{
    const struct tuff_value *value = tuff_value_of(s->g, v);
    const uint64_t count = tuff_shape_count(&value->type.shape);
    float *numbers = tuff_is_kept(value) ? tuff_alloc(s->w->context, (size_t)count * sizeof *numbers) : NULL;
    tuff_status status = tuff_reference_value(s->g, v, data);
    if (status == TUFF_OK && tuff_is_kept(value)) status = numbers ? tuff_ow_leaf(s->w, v, numbers) : TUFF_ERR_MEMORY;
    for (uint64_t i = 0; status == TUFF_OK && i < count && (numbers || value->data); i++)
        data[v][i] = numbers ? (double)numbers[i] : tuff_element(tuff_host_type(value).dtype, value->data, i);
    tuff_free(s->w->context, numbers);
    return status == TUFF_OK || tuff_ow_fail(s->w, status, "ONNX: weights cannot be read");
}

/* The numbers of a value that is fixed, among data; NULL after a failure. */
static const double *numbers_of(struct tuff_onnx_sheet *s, tuff_val v, double **data)
{
    tuff_val at = v + 1;
    for (uint32_t left = s->int8[v].needed = !data[v]; left; left -= s->int8[at].needed) {
        const struct tuff_value *value = tuff_value_of(s->g, --at);
        for (uint32_t k = 0; s->int8[at].needed && k < value->in_count; k++)
            if (!data[value->in[k]] && !s->int8[value->in[k]].needed) left += s->int8[value->in[k]].needed = true;
    }
    for (; at <= v; s->int8[at++].needed = false)
        if (s->int8[at].needed && !fill(s, at, data)) return NULL;
    return data[v];
}

/* The operator's own reference, of a number for each channel. */
static bool take_step(struct tuff_onnx_sheet *s, tuff_val v, tuff_val r, struct chain *c, double **data)
{
    struct tuff_value reader = *tuff_value_of(s->g, r);
    tuff_val other;
    uint32_t at;
    double *x = c->at + (step_of(s, v, &reader, c, &other, &at) == STEP_BOUND ? 2 * c->channels : 0);
    const double *list = other ? numbers_of(s, other, data) : NULL, *in[2];
    double *beside = tuff_arena_alloc(&s->w->arena, c->channels * 4 * sizeof *beside), *y = beside + 2 * (size_t)c->channels;
    const uint64_t count = other ? tuff_shape_count(&tuff_value_of(s->g, other)->type.shape) : 0;
    if (!beside || (other && !list)) return tuff_ow_fail(s->w, TUFF_ERR_MEMORY, "out of host memory");
    for (uint32_t k = 0; list && k < 2 * c->channels; k++) beside[k] = list[count == 1 ? 0 : k % c->channels];
    reader.type.shape = TUFF_SHAPE(2 * c->channels);
    in[at] = x, in[1 - at] = beside;
    tuff_reference_apply(&(struct tuff_ref){
        .value = &reader, .in_types = (struct tuff_type[]){reader.type, reader.type}, .in = in, .out = y, .graph = s->g});
    memcpy(x, y, 2 * c->channels * sizeof *x);
    return true;
}

/* Whole numbers behind DequantizeLinear, with a scale for each place of an axis; axis -1: the first for all. No other node reads them: ONNX Runtime's
 * x64quantprecision makes u8 of i8 node by node. */
static struct tuff_span dequantized(struct tuff_onnx_sheet *s, enum tuff_onnx_dtype type, const struct tuff_shape *shape,
                                    const void *numbers, const float *scales, int axis)
{
    struct tuff_onnx_node n = {0};
    const uint32_t each = tuff_onnx_type_row(type)->bits / 8, count = axis < 0 ? 1 : shape->dim[axis];
    const struct tuff_shape line = axis < 0 ? (struct tuff_shape){0} : TUFF_SHAPE(count);
    const void *zeros = tuff_arena_alloc(&s->w->arena, count * 4);
    const struct tuff_lookup shared = s->w->constants;
    s->w->constants = (struct tuff_lookup){0};
    tuff_ow_in(s, &n, tuff_ow_constant(s->w, type, shape, numbers, (size_t)tuff_shape_count(shape) * each));
    tuff_ow_in(s, &n, tuff_ow_constant(s->w, TUFF_ONNX_FLOAT, &line, scales, count * sizeof *scales));
    if (zeros) tuff_ow_in(s, &n, tuff_ow_constant(s->w, type, &line, zeros, (size_t)count * each));
    if (axis >= 0) tuff_ow_int(s, &n, "axis", axis);
    s->w->constants = shared;
    return tuff_ow_emit(s, &n, "DequantizeLinear");
}

/* Operands 1 and 2: i8 of weights w, i32 of biases in steps of x's scale times theirs. */
static bool add_weights(struct tuff_onnx_sheet *s, struct tuff_onnx_node *node, const struct tuff_value *product,
                        const struct chain *c, const double *w, double x_scale)
{
    const bool conv = product->op == &tuff_op_conv2d, by_rows = conv || turned(product, 1);
    const uint32_t n = c->channels, one = s->w->params->one_weight_scale;
    struct tuff_shape shape = tuff_value_of(s->g, product->in[1])->type.shape;
    const size_t count = (size_t)tuff_shape_count(&shape), terms = count / n;
    float *scales = tuff_arena_alloc(&s->w->arena, 2 * n * sizeof *scales), *steps = scales + n, most = 1e-30f;
    int8_t *whole = tuff_arena_alloc(&s->w->arena, count);
    int32_t *biases = tuff_arena_alloc(&s->w->arena, n * sizeof *biases), bias = 0;
    if (!scales || !whole || !biases) return tuff_ow_fail(s->w, TUFF_ERR_MEMORY, "out of host memory");
    if (!conv) shape = TUFF_SHAPE((uint32_t)terms, n);
    for (uint32_t k = 0; k < n; k++) { /* so that the bias fits in 32 bits, too */
        double largest = fabs(c->at[k]) / x_scale / (1 << 23);
        for (size_t i = 0; i < terms; i++) {
            const double x = fabs(w[by_rows ? k * terms + i : i * n + k] * (c->at[n + k] - c->at[k]));
            largest = x > largest || isnan(x) ? x : largest; /* fmax would leave NaN out */
        }
        if (!(largest < 1e30)) return tuff_ow_fail(s->w, TUFF_ERR_FORMAT, "ONNX: weights that are not finite");
        scales[k] = fmaxf((float)largest / 127, 1e-30f);
        most = fmaxf(most, scales[k]);
    }
    for (uint32_t k = 0; k < n; k++) {
        scales[k] = one ? most : scales[k];
        steps[k] = fmaxf((float)(x_scale * (double)scales[k]), 1e-38f);
        biases[k] = (int32_t)rint(c->at[k] / (double)steps[k]);
        bias |= biases[k];
        for (size_t i = 0; i < terms; i++) {
            const double x = w[by_rows ? k * terms + i : i * n + k] * (c->at[n + k] - c->at[k]) / (double)scales[k];
            whole[conv ? k * terms + i : i * n + k] = (int8_t)fmax(-127, fmin(127, rint(x)));
        }
    }
    tuff_ow_in(s, node, dequantized(s, TUFF_ONNX_I8, &shape, whole, scales, one ? -1 : !conv));
    if (bias) tuff_ow_in(s, node, dequantized(s, TUFF_ONNX_I32, &TUFF_SHAPE(n), biases, steps, one ? -1 : 0));
    return true;
}

bool tuff_ow_int8_product(struct tuff_onnx_sheet *s, tuff_val end)
{
    const tuff_val product = s->int8[end].product, x = tuff_value_of(s->g, product)->in[0];
    const struct tuff_onnx_task t = {s, product, tuff_value_of(s->g, product), 0};
    const bool conv = t.value->op == &tuff_op_conv2d;
    struct chain c = chain_of(t.value);
    struct tuff_onnx_node n = {0}, bound = {0};
    double **data = tuff_reference_create(s->g), starts[4] = {0, 1, -INFINITY, INFINITY};
    c.at = tuff_arena_alloc(&s->w->arena, c.channels * 4 * sizeof *c.at);
    bool good = (data && c.at) || tuff_ow_fail(s->w, TUFF_ERR_MEMORY, "out of host memory");
    for (uint32_t k = 0; good && k < 4 * c.channels; k++) c.at[k] = starts[k / c.channels];
    for (tuff_val v = product; good && v != end; v = s->int8[v].reader) good = take_step(s, v, s->int8[v].reader, &c, data);
    const double *w = good ? numbers_of(s, t.value->in[1], data) : NULL;
    tuff_ow_in(s, &n, s->names[x]);
    good = w && add_weights(s, &n, t.value, &c, w, (double)scale_of(s->int8[x].range));
    if (data) tuff_reference_destroy(s->g, data);
    if (!good) return false;
    if (conv) tuff_ow_attributes(&t, &n);
    tuff_ow_in(s, &bound, tuff_ow_emit(s, &n, conv ? "Conv" : t.value->type.shape.rank == 2 ? "Gemm" : "MatMul"));
    const double least = c.at[2 * c.channels], most = c.at[3 * c.channels];
    const bool relu = least == 0 && most == INFINITY;
    for (uint32_t k = 0; !relu && k < 2; k++) {
        const double number = k ? most : least;
        tuff_ow_in(s, &bound, isfinite(number) ? tuff_ow_number(s->w, TUFF_ONNX_FLOAT, number) : (struct tuff_span){0});
    }
    if (isfinite(least) || isfinite(most)) tuff_ow_emit(s, &bound, relu ? "Relu" : "Clip");
    return s->w->status == TUFF_OK;
}

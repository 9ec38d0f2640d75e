/* pointwise.c - rows of pointwise.def as operators. A derivative is one too, gy * dy/da, over those of a, b and y that its text names. */
#include "graph/ops/pointwise.h"
#include "graph/compile/emit_op.h"
#include "graph/ops/leaf.h"
#include "graph/pw_math.h"

#include <ctype.h>

/* What pointwise.def says of some rows below them; BOOL goes with PW2B. */
enum known {
    INTEGERS = 1,         /* takes whole numbers: the text means the same of them */
    BOOL = 2,             /* the result is bool */
    COMMUTES = 4,         /* the operands may change places, to the bit */
    NEUTRAL_RIGHT = 8,    /* the number as operand b gives a */
    NEUTRAL_NUMBERS = 16, /* p0 = the number and p1 = 0 give a */
    INVOLUTION = 32,      /* twice gives a */
    PICKS = 64,           /* one of the operands: whole numbers stay what they are */
    IGNORES_NAN_A = 128,  /* where a is NaN the result is a number all the same */
    GATES = 256 /* where the derivative is 0 the gradient is, whatever comes from above: it is masked, not multiplied */
};

#define UNUSED_ARGUMENTS (void)a, (void)b, (void)y, (void)p0, (void)p1
#define DEFINE_FN(name, text)                                                                                               \
    static double name(double a, double b, double y, double p0, double p1)                                                  \
    {                                                                                                                       \
        UNUSED_ARGUMENTS;                                                                                                   \
        return text;                                                                                                        \
    }
/* Called for the rows that take whole numbers alone: functions in double, whose results are cut off; what is no number (x / 0) is 0. */
#define DEFINE_WHOLE(name, text)                                                                                            \
    static int64_t name(int64_t a, int64_t b)                                                                               \
    {                                                                                                                       \
        (void)a, (void)b;                                                                                                   \
        return isfinite((double)(text)) ? (int64_t)(text) : 0;                                                              \
    }
#define TUFF_PW1(name, onnx, y_, da_, edges) DEFINE_FN(fy_##name, y_) DEFINE_WHOLE(iy_##name, y_) DEFINE_FN(fda_##name, da_)
#define TUFF_PW1P(name, onnx, y_, da_, edges) DEFINE_FN(fy_##name, y_) DEFINE_FN(fda_##name, da_)
#define TUFF_PW2(name, onnx, y_, da_, db_, edges) TUFF_PW1(name, onnx, y_, da_, edges) DEFINE_FN(fdb_##name, db_)
#define TUFF_PW2B(name, onnx, y_, edges) DEFINE_FN(fy_##name, y_)
#define TUFF_PW2I(name, onnx, y_, edges)                                                                                    \
    DEFINE_WHOLE(iy_##name, y_) DEFINE_FN(fy_##name, tuff_wrap_i32(iy_##name((int64_t)a, (int64_t)b)))
#define pw_pow(a, b) _Generic((a), int64_t : tuff_whole_pow, default : pw_pow)(a, b) /* double holds no power's last bits */
#include "graph/ops/pointwise.def"
#undef pw_pow

enum row_id {
#define TUFF_PW1(name, onnx, y, da, edges) ROW_##name,
#define TUFF_PW2(name, onnx, y, da, db, edges) ROW_##name,
#define TUFF_PW2B(name, onnx, y, edges) ROW_##name,
#include "graph/ops/pointwise.def"
    ROW_COUNT
};
static const struct tuff_pw_row rows[ROW_COUNT];

static const struct {
    uint16_t what; /* enum known */
    double number;
} known[ROW_COUNT] = {
#define TUFF_PW2B(name, onnx, y, edges) [ROW_##name] = {BOOL, 0},
#define TUFF_PW2I(name, onnx, y, edges) [ROW_##name] = {INTEGERS, 0},
#define TUFF_PW_KNOWN(name, what, number) [ROW_##name] = {what, number},
#include "graph/ops/pointwise.def"
};

static const char *const edges[ROW_COUNT] = {
#define TUFF_PW1(name, onnx, y, da, edges) edges,
#define TUFF_PW2(name, onnx, y, da, db, edges) edges,
#define TUFF_PW2B(name, onnx, y, edges) edges,
#include "graph/ops/pointwise.def"
};

static const struct tuff_attr pw_attrs[] = {
    {"p0", "", TUFF_ATTR_F64, 1, offsetof(struct tuff_pw_attrs, p0)},
    {"p1", "", TUFF_ATTR_F64, 1, offsetof(struct tuff_pw_attrs, p1)},
};

/* Row and part (0 y, 1 da, 2 db) of an operator. */
static const struct tuff_pw_row *row_of(const struct tuff_op *op, int *part)
{
    *part = op->row % 3;
    return op->own ? op->own : &rows[op->row / 3];
}

static uint32_t known_of(const struct tuff_op *op) { return op->own ? 0 : known[op->row / 3].what; }

enum tuff_integer_rule tuff_pw_integers(const struct tuff_op *op)
{
    uint32_t what = op->row % 3 == 0 ? known_of(op) : 0;
    if (what & (BOOL | PICKS)) return TUFF_INTEGERS_KEPT;
    return what & INTEGERS ? TUFF_INTEGERS_WRAP : TUFF_INTEGERS_REFUSED;
}

const char *tuff_pw_edges(const struct tuff_op *op) { return op->own ? NULL : edges[op->row / 3]; }

uint8_t tuff_pw_ignores_nan(const struct tuff_op *op)
{
    uint32_t what = op->row % 3 == 0 ? known_of(op) : 0;
    if (what & BOOL) return 3;
    return what & IGNORES_NAN_A ? 1 : 0;
}

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

bool tuff_pw_names(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *c = strstr(text, name); c; c = strstr(c + 1, name))
        if (!is_word(c[length]) && (c == text || (!is_word(c[-1]) && c[-1] != '.'))) return true;
    return false;
}

static tuff_status infer_pw(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_type *first = NULL;
    uint32_t what = known_of(infer->op);
    for (uint32_t i = 0; i < infer->in_count; i++) {
        const struct tuff_type *in = infer->in[i];
        if (!in) continue;
        if (!first) first = in;
        if (!tuff_shape_equal(&first->shape, &in->shape)) return tuff_infer_refuse(infer, "the shapes must be equal");
        bool integer = !tuff_is_float(in->dtype);
        bool compared = (what & BOOL) != 0;
        if (!integer && infer->op->result == TUFF_RESULT_I32)
            return tuff_infer_refuse(infer, "it takes whole numbers: cast operand %u to i32", i + 1);
        if (integer && !(what & INTEGERS) && !compared)
            return tuff_infer_refuse(infer, "it takes floats: cast operand %u", i + 1);
        if (integer == tuff_is_float(first->dtype))
            return tuff_infer_refuse(infer, "it does not take floats with whole numbers: cast one of them");
    }
    if (!first) {
        tuff_graph_fail(infer->graph, TUFF_ERR_USAGE, "%s: it has no operand", infer->op->name);
        return TUFF_ERR_USAGE;
    }
    *out = first->shape;
    return TUFF_OK;
}

static void ref_pw(const struct tuff_ref *ref)
{
    int part = 0;
    const struct tuff_pw_row *row = row_of(ref->value->op, &part);
    const struct tuff_pw_attrs *attrs = ref->value->attrs;
    uint64_t count = tuff_shape_count(&ref->value->type.shape);
    uint32_t first = part ? 1 : 0; /* derivatives: gy, a, b, y */
    bool gates = (known_of(ref->value->op) & GATES) != 0;
    const enum tuff_dtype dtype = ref->value->type.dtype;
    bool whole = tuff_pw_integers(ref->value->op) == TUFF_INTEGERS_WRAP && (dtype == TUFF_I32 || dtype == TUFF_I64);
    for (uint64_t i = 0; i < count; i++) {
        double v[4] = {0};
        for (uint32_t k = 0; k < ref->value->in_count; k++)
            if (ref->in[k]) v[k] = ref->in[k][i];
        if (whole && fabs(v[0]) <= 0x1p31 &&
            fabs(v[1]) <= 0x1p31) { /* of i64 larger ones are computed below, exact to 2^53 */
            const int64_t y = row->whole((int64_t)v[0], (int64_t)v[1]);
            ref->out[i] = dtype == TUFF_I32 ? tuff_wrap_i32(y) : (double)y;
            continue;
        }
        double r = row->fn[part](v[first], v[first + 1], part ? v[3] : 0, attrs->p0, attrs->p1);
        ref->out[i] = part ? (r == 0 && gates ? 0 : v[0] * r) : whole ? trunc(r) : r;
    }
}

static void grad_pw(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    int unused;
    const struct tuff_value value = *tuff_value_of(g, y);
    const struct tuff_pw_row *row = row_of(value.op, &unused);
    for (int k = 0; k < row->operands; k++) {
        const char *text = row->text[1 + k];
        if (!strcmp(text, "0.0")) continue;
        if (!strcmp(text, "1.0")) {
            gin[k] = gy;
        } else if (!strcmp(text, "-1.0")) {
            gin[k] = tuff_neg(g, gy);
        } else {
            tuff_val in[4] = {gy};
            if (tuff_pw_names(text, "a")) in[1] = value.in[0];
            if (tuff_pw_names(text, "b")) in[2] = value.in[1];
            if (tuff_pw_names(text, "y")) in[3] = y;
            gin[k] = tuff_graph_add(g, row->op[1 + k], in, 4, value.attrs);
        }
    }
}

/* Sums with a negation are differences, to the bit; Mesa 26's llvmpipe takes -x + x for 0, of infinity too, but x - x not (emit_pw). */
static tuff_val simpler_sum(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    if ((value->op != &tuff_op_add && value->op != &tuff_op_sub) || in[0] == in[1]) return 0;
    const struct tuff_value a = *tuff_value_of(g, in[0]), b = *tuff_value_of(g, in[1]);
    if (value->op == &tuff_op_sub) return b.op == &tuff_op_neg ? tuff_add(g, in[0], b.in[0]) : 0;
    return b.op == &tuff_op_neg ? tuff_sub(g, in[0], b.in[0]) : a.op == &tuff_op_neg ? tuff_sub(g, in[1], a.in[0]) : 0;
}

static tuff_val simpler_pw(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    const struct tuff_pw_attrs *attrs = value->attrs;
    uint32_t what = value->op->row % 3 ? 0 : known_of(value->op);
    double c, number = what ? known[value->op->row / 3].number : 0;
    if (what & NEUTRAL_NUMBERS && attrs->p0 == number && attrs->p1 == 0) return in[0];
    if (what & INVOLUTION && tuff_value_of(g, in[0])->op == value->op) return tuff_value_of(g, in[0])->in[0];
    if (what & NEUTRAL_RIGHT && tuff_is_full(g, in[1], &c) && c == number) return in[0];
    if (what & NEUTRAL_RIGHT && what & COMMUTES && tuff_is_full(g, in[0], &c) && c == number) return in[1];
    return simpler_sum(g, value, in);
}

/* The text in a scope where a, b, y, gy and the numbers have its names. */
static const char *emit_pw(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    struct tuff_text *t = tuff_emit_text(e);
    const struct tuff_pw_attrs *attrs = value->attrs;
    static const char letters[2][4] = {{'a', 'b', 0, 0}, {'g', 'a', 'b', 'y'}};
    bool derivative = (value->op->traits & TUFF_DERIVATIVE) != 0, result_bool = value->type.dtype == TUFF_BOOL;
    const char *in[4] = {0}, *text = value->op->glsl;
    tuff_val operands[4] = {0};
    memcpy(operands, value->in, value->in_count * sizeof *operands);
    /* What is loaded comes last: a residual before or behind the product is the same kernel then. */
    if (!derivative && known_of(value->op) & COMMUTES && !tuff_emit_is_computed(e, value->in[0]) &&
        tuff_emit_is_computed(e, value->in[1])) {
        operands[0] = value->in[1];
        operands[1] = value->in[0];
    }
    for (uint32_t i = 0; i < value->in_count; i++)
        if (operands[i]) in[i] = tuff_emit_value(e, operands[i], coords);
    const char *name = tuff_emit_name(e), *type = tuff_glsl_type(value->type.dtype);
    tuff_text_add(t, "    %s %s; { ", type, name);
    for (uint32_t i = 0; i < value->in_count; i++)
        if (in[i]) {
            const char *in_type = tuff_glsl_type(tuff_emit_dtype(e, operands[i]));
            tuff_text_add(t, "%s %c = %s; ", in_type, letters[derivative][i], in[i]);
        }
    if (!derivative && value->in_count == 2 && value->in[0] == value->in[1] &&
        tuff_is_float(tuff_emit_dtype(e, value->in[0])))
        tuff_text_add(t, "b = uintBitsToFloat(floatBitsToUint(b) | %s); ",
                      tuff_emit_number(e, 0)); /* x - x is NaN of infinity */
    if (tuff_pw_names(text, "p0")) tuff_text_add(t, "float p0 = %s; ", tuff_emit_literal(e, TUFF_F32, attrs->p0));
    if (tuff_pw_names(text, "p1")) tuff_text_add(t, "float p1 = %s; ", tuff_emit_literal(e, TUFF_F32, attrs->p1));
    if (!derivative && tuff_pw_names(text, "y")) tuff_emit_fail(e); /* rows say y only in derivatives */
    if (derivative && known_of(value->op) & GATES)
        tuff_text_add(t, "float d = %s; %s = d == 0.0 ? 0.0 : g * d; }\n", text, name);
    else if (derivative)
        tuff_text_add(t, "%s = g * (%s); }\n", name, text);
    else
        tuff_text_add(t, result_bool ? "%s = int(%s); }\n" : "%s = %s; }\n", name, text);
    return name;
}

static void plain_pw(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    const struct tuff_pw_attrs *attrs = value->attrs;
    bool derivative = (value->op->traits & TUFF_DERIVATIVE) != 0;
    bool integers = !tuff_is_float(tuff_emit_dtype(e, value->in[0]));
    struct tuff_kernel_call *call = tuff_plain_call(e);
    tuff_plain_operands(e, value, coords);
    call->file = derivative ? "plain_grad" : "plain_row";
    if (derivative && integers) tuff_emit_fail(e); /* nobody asks: whole numbers have no gradients */
    if (!derivative) tuff_call_define(call, "ROW_INT", integers);
    tuff_plain_spec(e, TUFF_PLAIN_WHAT, value->op->row);
    tuff_plain_spec(e, TUFF_PLAIN_NUMBER, tuff_register_bits(TUFF_F32, attrs->p0));
    tuff_plain_spec(e, TUFF_PLAIN_NUMBER + 1, tuff_register_bits(TUFF_F32, attrs->p1));
    if (derivative) tuff_plain_spec(e, TUFF_PLAIN_NUMBER + 2, (known_of(value->op) & GATES) != 0);
}

#define ROW_OP(symbol, text_name, onnx_, arity, text, grad_, nondiff_, row_, traits_, result_)                              \
    const struct tuff_op symbol = {                                                                                         \
        .name = text_name,                                                                                                  \
        .onnx = onnx_,                                                                                                      \
        .class = TUFF_CLASS_INLINE,                                                                                         \
        .traits = TUFF_KEEPS_ORDER | (traits_),                                                                             \
        TUFF_OPERANDS(arity, arity),                                                                                        \
        TUFF_ATTRS(pw_attrs, struct tuff_pw_attrs),                                                                         \
        .infer = infer_pw,                                                                                                  \
        .result = result_,                                                                                                  \
        .grad = grad_,                                                                                                      \
        .nondiff = nondiff_,                                                                                                \
        .simpler = simpler_pw,                                                                                              \
        .ref = ref_pw,                                                                                                      \
        .error = TUFF_ERROR_TEXT,                                                                                           \
        .emit = emit_pw,                                                                                                    \
        .plain = plain_pw,                                                                                                  \
        .glsl = text,                                                                                                       \
        .row = row_,                                                                                                        \
        .cost = (result_) == TUFF_RESULT_BOOL ? 1 : sizeof(text) / 12 + 1,                                                  \
    };
#define SECOND "second derivatives of pointwise rows are not built"
#define ROW_Y(name, onnx, arity, y, grad, nondiff, result)                                                                  \
    ROW_OP(tuff_op_##name, #name, onnx, arity, y, grad, nondiff, 3 * ROW_##name, 0, result)
#define ROW_DERIVATIVE(symbol, text_name, text, row)                                                                        \
    ROW_OP(symbol, text_name, "", 4, text, NULL, SECOND, row, TUFF_DERIVATIVE, TUFF_RESULT_WIDE)
#define TUFF_PW1(name, onnx, y, da, edges)                                                                                  \
    ROW_Y(name, onnx, 1, #y, grad_pw, NULL, TUFF_RESULT_WIDE)                                                               \
    ROW_DERIVATIVE(tuff_op_##name##_da, #name "_da", #da, 3 * ROW_##name + 1)
#define TUFF_PW2(name, onnx, y, da, db, edges)                                                                              \
    ROW_Y(name, onnx, 2, #y, grad_pw, NULL, TUFF_RESULT_WIDE)                                                               \
    ROW_DERIVATIVE(tuff_op_##name##_da, #name "_da", #da, 3 * ROW_##name + 1)                                               \
    ROW_DERIVATIVE(tuff_op_##name##_db, #name "_db", #db, 3 * ROW_##name + 2)
#define TUFF_PW2B(name, onnx, y, edges) ROW_Y(name, onnx, 2, #y, NULL, "the result is bool", TUFF_RESULT_BOOL)
#define TUFF_PW2I(name, onnx, y, edges) ROW_Y(name, onnx, 2, #y, NULL, "its operands are whole numbers", TUFF_RESULT_I32)
#include "graph/ops/pointwise.def"

static const struct tuff_pw_row rows[ROW_COUNT] = {
#define TUFF_PW1(name, onnx, y, da, edges)                                                                                  \
    {#name, {#y, #da, ""}, {fy_##name, fda_##name, NULL}, iy_##name, {&tuff_op_##name, &tuff_op_##name##_da, NULL}, 1},
#define TUFF_PW1P(name, onnx, y, da, edges)                                                                                 \
    {#name, {#y, #da, ""}, {fy_##name, fda_##name, NULL}, NULL, {&tuff_op_##name, &tuff_op_##name##_da, NULL}, 1},
#define TUFF_PW2(name, onnx, y, da, db, edges)                                                                              \
    {#name,                                                                                                                 \
     {#y, #da, #db},                                                                                                        \
     {fy_##name, fda_##name, fdb_##name},                                                                                   \
     iy_##name,                                                                                                             \
     {&tuff_op_##name, &tuff_op_##name##_da, &tuff_op_##name##_db},                                                         \
     2},
#define TUFF_PW2B(name, onnx, y, edges)                                                                                     \
    {#name, {#y, "", ""}, {fy_##name, NULL, NULL}, NULL, {&tuff_op_##name, NULL, NULL}, 2},
#define TUFF_PW2I(name, onnx, y, edges)                                                                                     \
    {#name, {#y, "", ""}, {fy_##name, NULL, NULL}, iy_##name, {&tuff_op_##name, NULL, NULL}, 2},
#include "graph/ops/pointwise.def"
};

/* ---- builders ------------------------------------------------------------------------------------------------------------ */

bool tuff_broadcast_shape(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count, struct tuff_shape *out)
{
    if (!tuff_graph_takes(g, what, in, count)) return false;
    struct tuff_shape r = {0};
    for (uint32_t k = 0; k < count; k++) {
        const struct tuff_shape a = r, *b = &g->values[in[k]].type.shape;
        r.rank = a.rank > b->rank ? a.rank : b->rank;
        for (uint32_t i = 0; i < r.rank; i++) {
            uint32_t da = i < a.rank ? a.dim[a.rank - 1 - i] : 1, db = i < b->rank ? b->dim[b->rank - 1 - i] : 1;
            r.dim[r.rank - 1 - i] = da == 1 ? db : da;
            if (da == db || da == 1 || db == 1) continue;
            return tuff_graph_refuse(
                g, TUFF_ERR_SHAPE, what, in, count,
                "the shapes do not broadcast: aligned at the right, axes must be equal or 1, not %u and %u", da, db);
        }
    }
    *out = r;
    return true;
}

tuff_val tuff_pw_add(struct tuff_graph *g, const struct tuff_op *op, tuff_val a, tuff_val b, const void *attrs)
{
    uint32_t count = op->arity_max;
    tuff_val in[2] = {a, b};
    struct tuff_shape shape;
    if (!tuff_graph_takes(g, op->name, in, count)) return 0;
    if (count == 2) {
        if (!tuff_broadcast_shape(g, op->name, in, count, &shape)) return 0;
        bool fa = tuff_is_float(tuff_type_of(g, a).dtype), fb = tuff_is_float(tuff_type_of(g, b).dtype);
        if (fa != fb) in[fa ? 1 : 0] = tuff_cast(g, in[fa ? 1 : 0], TUFF_F32);
        for (uint32_t i = 0; i < 2; i++) in[i] = tuff_expand(g, in[i], shape);
    }
    return tuff_graph_add(g, op, in, count, attrs);
}

/* Infinite numbers are those of IEEE 754, and bounds that do not bound. */
static tuff_val add_with_numbers(struct tuff_graph *g, const struct tuff_op *op, tuff_val a, double p0, double p1)
{
    if (!tuff_graph_takes_one(g, op->name, a, 0)) return 0;
    if (isnan(p0) || isnan(p1))
        return tuff_graph_refuse(g, TUFF_ERR_USAGE, op->name, &a, 1, "its numbers are %g and %g; neither may be NaN", p0,
                                 p1);
    return tuff_pw_add(g, op, a, 0, &(struct tuff_pw_attrs){p0, p1});
}

#define TUFF_PW1(name, onnx, y, da, edges)                                                                                  \
    tuff_val tuff_##name(struct tuff_graph *g, tuff_val a)                                                                  \
    {                                                                                                                       \
        return tuff_pw_add(g, &tuff_op_##name, a, 0, &(struct tuff_pw_attrs){0});                                           \
    }
#define TUFF_PW1P(name, onnx, y, da, edges)                                                                                 \
    tuff_val tuff_##name(struct tuff_graph *g, tuff_val a, double p0, double p1)                                            \
    {                                                                                                                       \
        return add_with_numbers(g, &tuff_op_##name, a, p0, p1);                                                             \
    }
#define BUILDER2(name)                                                                                                      \
    tuff_val tuff_##name(struct tuff_graph *g, tuff_val a, tuff_val b)                                                      \
    {                                                                                                                       \
        return tuff_pw_add(g, &tuff_op_##name, a, b, &(struct tuff_pw_attrs){0});                                           \
    }
#define TUFF_PW2(name, onnx, y, da, db, edges) BUILDER2(name)
#define TUFF_PW2B(name, onnx, y, edges) BUILDER2(name)
#include "graph/ops/pointwise.def"

tuff_val tuff_bit_not(struct tuff_graph *g, tuff_val a)
{
    if (!tuff_graph_takes_one(g, "bit_not", a, 0)) return 0;
    return tuff_bit_xor(g, a, tuff_full(g, TUFF_I32, (struct tuff_shape){0}, -1));
}

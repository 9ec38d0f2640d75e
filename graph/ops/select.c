/* select.c - element by element: select, cast, detach (no gradient), once (never joined with its equal), copy (own memory). */
#include "graph/bound.h"
#include "graph/compile/emit_op.h"
#include "graph/ops/pointwise.h"
#include "graph/ops/view.h"

#include <math.h>

static void same_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    (void)g, (void)y;
    gin[0] = gy;
}

/* ---- select --------------------------------------------------------------------------------------------------------------- */

static tuff_status select_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    if (infer->in[0]->dtype != TUFF_BOOL)
        return tuff_infer_refuse(infer, "the condition, operand 1, must be bool: compare it, or cast it");
    if (infer->in[1]->dtype != infer->in[2]->dtype)
        return tuff_infer_refuse(infer, "what it chooses from must be of one type: cast one of them");
    if (!tuff_shape_equal(&infer->in[0]->shape, &infer->in[1]->shape) ||
        !tuff_shape_equal(&infer->in[1]->shape, &infer->in[2]->shape))
        return tuff_infer_refuse(infer, "the shapes must be equal");
    *out = infer->in[1]->shape;
    return TUFF_OK;
}

static void select_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    tuff_val c = tuff_value_of(g, y)->in[0];
    tuff_val zero = tuff_full(g, TUFF_F32, tuff_type_of(g, y).shape, 0);
    gin[1] = tuff_select(g, c, gy, zero);
    gin[2] = tuff_select(g, c, zero, gy);
}

static void select_ref(const struct tuff_ref *ref)
{
    for (uint64_t i = tuff_shape_count(&ref->value->type.shape); i-- > 0;)
        ref->out[i] = ref->in[0][i] != 0 ? ref->in[1][i] : ref->in[2][i];
}

static const char *select_emit(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    const char *c = tuff_emit_value(e, value->in[0], coords), *a = tuff_emit_value(e, value->in[1], coords);
    const char *b = tuff_emit_value(e, value->in[2], coords), *name = tuff_emit_name(e);
    tuff_text_add(tuff_emit_text(e), "    %s %s = %s != 0 ? %s : %s;\n", tuff_glsl_type(value->type.dtype), name, c, a, b);
    return name;
}

static void plain(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    tuff_plain_operands(e, value, coords);
    tuff_plain_spec(e, TUFF_PLAIN_WHAT, value->op == &tuff_op_select ? TUFF_PLAIN_SELECT : TUFF_PLAIN_CAST);
}

static tuff_status select_bound(const struct tuff_bound *b)
{
    for (uint64_t i = 0; i < b->count; i++)
        b->bound[i] = b->error[0][i] != 0 ? INFINITY : b->error[b->in[0][i] != 0 ? 1 : 2][i];
    return TUFF_OK;
}

tuff_val tuff_select(struct tuff_graph *g, tuff_val c, tuff_val a, tuff_val b)
{
    struct tuff_shape shape;
    tuff_val in[3] = {c, a, b};
    if (!tuff_broadcast_shape(g, "select", in, 3, &shape)) return 0;
    for (int i = 0; i < 3; i++) in[i] = tuff_expand(g, in[i], shape);
    return tuff_graph_add(g, &tuff_op_select, in, 3, NULL);
}

const struct tuff_op tuff_op_select = {
    .name = "select",
    .edges = "what is not chosen does not show",
    .integers = TUFF_INTEGERS_KEPT,
    .onnx = "Where",
    .traits = TUFF_KEEPS_ORDER,
    TUFF_OPERANDS(3, 3),
    .infer = select_infer,
    .result = TUFF_RESULT_OPERAND_1,
    .grad = select_grad,
    .ref = select_ref,
    .bound = select_bound,
    .cost = 1,
    TUFF_WRITTEN(select_emit, plain),
};

/* ---- cast ----------------------------------------------------------------------------------------------------------------- */

struct cast_attrs {
    int32_t dtype;
};
static const struct tuff_attr cast_attr[] = {{"dtype", "", TUFF_ATTR_DTYPE, 1, offsetof(struct cast_attrs, dtype)}};

static tuff_status cast_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct cast_attrs *attrs = infer->attrs;
    enum tuff_dtype from = infer->in[0]->dtype, to = tuff_dtype_device((enum tuff_dtype)attrs->dtype);
    *out = infer->in[0]->shape;
    if (tuff_is_blocks(from) ? to == TUFF_F32 : tuff_dtype_known(attrs->dtype) && !tuff_is_blocks(to)) return TUFF_OK;
    if (!tuff_dtype_known(attrs->dtype)) return tuff_infer_refuse(infer, "there is no type %d", (int)attrs->dtype);
    return tuff_infer_refuse(infer, "it cannot be cast to %s: quantized weights are cast to f32 alone", tuff_dtype_name(to));
}

static void cast_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    struct tuff_type from = tuff_type_of(g, tuff_value_of(g, y)->in[0]), to = tuff_type_of(g, y);
    if (tuff_is_float(from.dtype) && tuff_is_float(to.dtype)) gin[0] = gy;
}

static void cast_ref(const struct tuff_ref *ref)
{
    enum tuff_dtype to = ref->value->type.dtype;
    for (uint64_t i = tuff_shape_count(&ref->value->type.shape); i-- > 0;) ref->out[i] = tuff_dtype_round(to, ref->in[0][i]);
}

static const char *cast_emit(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    enum tuff_dtype from = tuff_emit_dtype(e, value->in[0]), to = value->type.dtype;
    const char *in = tuff_emit_value(e, value->in[0], coords), *name = tuff_emit_name(e);
    struct tuff_text *t = tuff_emit_text(e);
    const struct tuff_dtype_row *row = tuff_dtype_row(to);
    int lowest = tuff_is_float(to) ? 0 : (int)row->lowest, highest = tuff_is_float(to) ? 0 : (int)row->highest;
    if (to == TUFF_BOOL)
        tuff_text_add(t, "    int %s = int(%s(%s));\n", name, tuff_is_float(from) ? "tuff_to_bool" : "bool", in);
    else if (tuff_is_float(to) && row->per_word == 2) /* rounds here, so that fused and stored values are the same */
        tuff_text_add(t, "    float %s = %s(%s(float(%s), 0.0), 0u);\n", name, row->unpack, row->pack, in);
    else if (tuff_is_float(to))
        tuff_text_add(t, "    float %s = float(%s);\n", name, in);
    else if (to == TUFF_I32)
        tuff_text_add(t, "    int %s = %s(%s);\n", name, tuff_is_float(from) ? "tuff_to_int" : "int", in);
    else if (tuff_is_float(from))
        tuff_text_add(t, "    int %s = tuff_to_whole(%s, float(%d), float(%d));\n", name, in, lowest, highest);
    else
        tuff_text_add(t, "    int %s = clamp(%s, %d, %d);\n", name, in, lowest, highest);
    return name;
}

static tuff_status cast_bound(const struct tuff_bound *b)
{
    enum tuff_dtype to = b->value->type.dtype;
    bool from_float = tuff_is_float(b->in_types[0].dtype);
    for (uint64_t i = 0; i < b->count; i++) {
        double v = b->in[0][i], e = b->error[0][i], y = b->out[i], *out = &b->bound[i];
        if (to == TUFF_F32)
            *out = from_float ? e + (e > 0 ? TUFF_ULP * fabs(v) : 0)
                              : e + (y == v && fabs(v) < 16777216 ? 0 : TUFF_ULP * fabs(v));
        else if (e == 0)
            *out = 0;
        else if (tuff_is_float(to))
            *out = fmax(tuff_dtype_round(to, v + e) - y, y - tuff_dtype_round(to, v - e));
        else if (to == TUFF_BOOL)
            *out = fabs(v) > e ? 0 : INFINITY;
        else
            *out = trunc(v - e) == trunc(v + e) ? 0 : INFINITY;
    }
    return TUFF_OK;
}

tuff_val tuff_cast(struct tuff_graph *g, tuff_val a, enum tuff_dtype dtype)
{
    if (!tuff_graph_takes_one(g, "cast", a, 0)) return 0;
    struct cast_attrs attrs = {(int32_t)dtype};
    return a && tuff_type_on_host(g, a).dtype == dtype ? a : tuff_graph_add(g, &tuff_op_cast, &a, 1, &attrs);
}

const struct tuff_op tuff_op_cast = {
    .name = "cast",
    .edges = "whole numbers saturate, 0 of NaN; bool: NaN is true",
    .integers = TUFF_INTEGERS_SATURATED,
    .takes_blocks = 1,
    .onnx = "Cast",
    .traits = TUFF_KEEPS_ORDER | TUFF_ROUNDS,
    TUFF_OPERANDS(1, 1),
    TUFF_ATTRS(cast_attr, struct cast_attrs),
    .infer = cast_infer,
    .result = TUFF_RESULT_NAMED,
    .grad = cast_grad,
    .ref = cast_ref,
    .bound = cast_bound,
    .cost = 1,
    TUFF_WRITTEN(cast_emit, plain),
};

/* ---- detach, once, copy --------------------------------------------------------------------------------------------------------- */

tuff_val tuff_detach(struct tuff_graph *g, tuff_val x) { return tuff_graph_add(g, &tuff_op_detach, &x, 1, NULL); }
tuff_val tuff_checkpoint(struct tuff_graph *g, tuff_val x) { return tuff_graph_add(g, &tuff_op_once, &x, 1, NULL); }

static struct tuff_coords same_map(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    (void)e, (void)value;
    return *coords;
}

static tuff_val detach_simpler(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    (void)g, (void)value;
    return in[0]; /* gradients are there when plans are made */
}

#define SAME_OP(symbol, text, traits_, ...)                                                                                 \
    const struct tuff_op symbol = {.name = text,                                                                            \
                                   .traits = TUFF_KEEPS_ORDER | (traits_),                                                  \
                                   TUFF_MOVES,                                                                              \
                                   TUFF_VIEW(same_map),                                                                     \
                                   TUFF_OPERANDS(1, 1),                                                                     \
                                   .infer = tuff_same_infer,                                                                \
                                   .ref = tuff_same_ref,                                                                    \
                                   __VA_ARGS__}
SAME_OP(tuff_op_detach, "detach", TUFF_KEEPS_MEMORY, .onnx = "Identity", .nondiff = "stops gradients by definition",
        .simpler = detach_simpler);
SAME_OP(tuff_op_once, "once", TUFF_KEEPS_MEMORY | TUFF_STAYS_APART, .grad = same_grad);
SAME_OP(tuff_op_copy, "copy", TUFF_OWNS_MEMORY, .grad = same_grad);

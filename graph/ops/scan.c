/* scan.c - the operator that repeats a body, a graph of its own, over the rows of sequences, handing carries from round to round. A device gets
 * the launches of one round and how often to do them (graph/compile/loops.c). Source: ONNX Scan-11, with one direction for all.
 *
 *   for r = 0 .. T-1, t = r, or T-1-r in reverse:   c[k], s[j] = body(c[0], .., x[0][t], .., w[0], ..) */
#include "graph/ops/scan.h"
#include "graph/bound.h"
#include "graph/reference.h"

#include <math.h>

static const struct tuff_attr attr_table[] = {
    {"body", "body", TUFF_ATTR_BODY, 1, offsetof(struct tuff_scan_attrs, body)},
    {"rounds", "", TUFF_ATTR_I32, 1, offsetof(struct tuff_scan_attrs, rounds)},
    {"carries", "", TUFF_ATTR_I32, 1, offsetof(struct tuff_scan_attrs, carries)},
    {"sequences", "num_scan_inputs", TUFF_ATTR_I32, 1, offsetof(struct tuff_scan_attrs, sequences)},
    {"steps", "", TUFF_ATTR_I32, 1, offsetof(struct tuff_scan_attrs, steps)},
    {"rings", "", TUFF_ATTR_I32, 1, offsetof(struct tuff_scan_attrs, rings)},
    {"reverse", "", TUFF_ATTR_I32, 1, offsetof(struct tuff_scan_attrs, reverse)},
};

/* ---- where things are --------------------------------------------------------------------------------------------------------- */

tuff_val tuff_scan_input(const struct tuff_scan_attrs *attrs, uint32_t k)
{
    for (tuff_val v = 1; v < attrs->body->count; v++)
        if (attrs->body->values[v].op->kind == TUFF_KIND_INPUT && k-- == 0) return v;
    return 0;
}

tuff_val tuff_scan_output(const struct tuff_scan_attrs *attrs, uint32_t k)
{
    return attrs->body->count - tuff_scan_outputs(attrs) + k;
}

uint64_t tuff_scan_pitch(const struct tuff_type *type)
{
    uint64_t bytes = tuff_align(tuff_type_bytes(type), TUFF_PLAN_ALIGNMENT);
    return bytes / tuff_dtype_size(type->dtype, 1);
}

struct tuff_scan_rows tuff_scan_sequence(const struct tuff_scan_attrs *attrs)
{
    uint32_t last = (uint32_t)attrs->rounds - 1;
    return (struct tuff_scan_rows){.first = attrs->reverse ? last : 0, .step = attrs->reverse ? -1 : 1};
}

struct tuff_scan_section tuff_scan_section(const struct tuff_scan_attrs *attrs, uint32_t k)
{
    uint32_t t = (uint32_t)attrs->rounds, carries = (uint32_t)attrs->carries;
    struct tuff_scan_section s = {0};
    for (uint32_t i = 0; i <= k; i++) {
        s.offset += s.row * s.rows;
        s.row = tuff_scan_pitch(&attrs->body->values[tuff_scan_output(attrs, i)].type);
        s.rows = i >= carries ? t : i >= carries - (uint32_t)attrs->rings ? 2 : t + 1;
    }
    struct tuff_scan_rows each = tuff_scan_sequence(attrs);
    s.written = each;
    if (k >= carries) return s;
    s.before = s.after = (struct tuff_scan_rows){.first = attrs->reverse ? 1 : 0, .step = 1};
    s.after.first = 1 - s.before.first;
    s.read = (struct tuff_scan_rows){.first = attrs->reverse ? t : 0, .step = each.step};
    s.written = (struct tuff_scan_rows){.first = attrs->reverse ? t - 1 : 1, .step = each.step};
    if (k < carries - (uint32_t)attrs->rings) return s;
    s.read = (struct tuff_scan_rows){.first = 0, .step = 1, .ring = 2};
    s.written = (struct tuff_scan_rows){.first = 1, .step = -1, .ring = 2};
    return s;
}

/* ---- types -------------------------------------------------------------------------------------------------------------------- */

static tuff_status refuse(const struct tuff_infer *infer, const char *what, uint32_t which)
{
    return tuff_infer_refuse(infer, "%s (number %u)", what, which);
}

/* A body reads and writes nothing but its operands and results. */
static tuff_status check_body(const struct tuff_infer *infer, const struct tuff_scan_attrs *attrs)
{
    uint32_t inputs = 0;
    for (tuff_val v = 1; v < attrs->body->count; v++) {
        const struct tuff_op *op = attrs->body->values[v].op;
        bool leaf = op->class == TUFF_CLASS_LEAF, allowed = op->kind == TUFF_KIND_INPUT || op->kind == TUFF_KIND_CONSTANT;
        inputs += op->kind == TUFF_KIND_INPUT;
        if (op->class == TUFF_CLASS_LOOP || tuff_op_writes_leaf(op) || (leaf && !allowed))
            return refuse(
                infer, "a body has inputs and constants, but no parameters, states, assignments and other loops: value", v);
    }
    if (inputs != infer->in_count)
        return refuse(infer, "an operand for each input of the body: it has another number of them", inputs);
    return TUFF_OK;
}

static bool is_sequence_of(const struct tuff_type *rows, const struct tuff_type *row, uint32_t rounds)
{
    bool rank = rows->shape.rank > 0 && rows->shape.dim[0] == rounds && rows->dtype == row->dtype &&
                !tuff_is_blocks(row->dtype);
    return rank && tuff_shape_count(&rows->shape) / rounds == tuff_scan_pitch(row);
}

static tuff_status check_operands(const struct tuff_infer *infer, const struct tuff_scan_attrs *attrs)
{
    uint32_t carries = (uint32_t)attrs->carries, sequences = (uint32_t)attrs->sequences;
    for (uint32_t k = 0; k < infer->in_count; k++) {
        const struct tuff_type *given = &infer->graph->values[infer->in_values[k]].type;
        const struct tuff_type *seen = &attrs->body->values[tuff_scan_input(attrs, k)].type;
        bool same = given->dtype == seen->dtype && tuff_shape_equal(&given->shape, &seen->shape);
        if (k >= carries && k < carries + sequences) same = is_sequence_of(given, seen, (uint32_t)attrs->rounds);
        if (!same) return refuse(infer, "an operand is not what the body's input is", k);
        if (k >= carries) continue;
        const struct tuff_type *becomes = &attrs->body->values[tuff_scan_output(attrs, k)].type;
        if (!tuff_shape_equal(&becomes->shape, &seen->shape) || seen->dtype != TUFF_F32)
            return refuse(infer, "a carry is f32 and keeps its shape", k);
    }
    for (uint32_t k = 0; k < tuff_scan_outputs(attrs); k++)
        if (attrs->body->values[tuff_scan_output(attrs, k)].type.dtype != TUFF_F32)
            return refuse(infer, "a body gives f32 alone: cast its result", k);
    return TUFF_OK;
}

static tuff_status infer_type(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_scan_attrs *a = infer->attrs;
    uint32_t in = infer->in_count;
    bool counts = a->body && a->rounds > 0 && a->rounds <= (int32_t)TUFF_PLAN_MOST_ROUNDS && a->carries >= 0 &&
                  a->steps >= 0 && a->sequences >= 0 && a->rings >= 0 && a->rings <= a->carries &&
                  (uint32_t)a->carries <= in && (uint32_t)a->sequences <= in - (uint32_t)a->carries &&
                  (uint32_t)a->steps < a->body->count && tuff_scan_outputs(a) > 0 && tuff_scan_outputs(a) < 256 &&
                  tuff_scan_outputs(a) < a->body->count;
    if (!counts)
        return refuse(infer, "1 to 65536 rounds of a body whose last values are what it gives; rounds", (uint32_t)a->rounds);
    TUFF_TRY(check_body(infer, a));
    TUFF_TRY(check_operands(infer, a));
    uint64_t count = 0;
    for (uint32_t k = 0; k < tuff_scan_outputs(a) && count <= INT32_MAX; k++) {
        struct tuff_scan_section s = tuff_scan_section(a, k);
        count = s.offset + s.row * s.rows;
    }
    if (count > INT32_MAX) return refuse(infer, "the result has more than 2^31 - 1 elements; rounds", (uint32_t)a->rounds);
    *out = (struct tuff_shape){1, {(uint32_t)count}};
    return TUFF_OK;
}

/* ---- definition --------------------------------------------------------------------------------------------------------------- */

static bool set_input(const struct tuff_scan_attrs *attrs, uint32_t k, const double *from, double **data)
{
    tuff_val v = tuff_scan_input(attrs, k);
    uint64_t count = tuff_shape_count(&attrs->body->values[v].type.shape);
    data[v] = tuff_alloc(attrs->body->context, (size_t)count * sizeof **data);
    if (data[v]) memcpy(data[v], from, (size_t)count * sizeof **data);
    return data[v] != NULL;
}

/* One round, from what the result has so far into it. */
static bool run_round(const struct tuff_ref *ref, const struct tuff_scan_attrs *attrs, uint32_t round, double **data)
{
    uint32_t carries = (uint32_t)attrs->carries, sequences = (uint32_t)attrs->sequences;
    struct tuff_scan_rows rows = tuff_scan_sequence(attrs);
    bool memory = true;
    for (uint32_t k = 0; k < ref->value->in_count && memory; k++) {
        const double *from = ref->in[k];
        if (k < carries) {
            struct tuff_scan_section s = tuff_scan_section(attrs, k);
            from = ref->out + s.offset + s.row * tuff_scan_row(&s.read, round);
        } else if (k < carries + sequences) {
            const struct tuff_type *row = &attrs->body->values[tuff_scan_input(attrs, k)].type;
            from += tuff_scan_pitch(row) * tuff_scan_row(&rows, round);
        }
        memory = set_input(attrs, k, from, data);
    }
    if (!memory || tuff_reference_run(attrs->body, data) != TUFF_OK) return false;
    for (uint32_t k = 0; k < tuff_scan_outputs(attrs); k++) {
        struct tuff_scan_section s = tuff_scan_section(attrs, k);
        tuff_val v = tuff_scan_output(attrs, k);
        memcpy(ref->out + s.offset + s.row * tuff_scan_row(&s.written, round), data[v],
               (size_t)tuff_shape_count(&attrs->body->values[v].type.shape) * sizeof **data);
    }
    return true;
}

static void reference(const struct tuff_ref *ref)
{
    const struct tuff_scan_attrs *attrs = ref->value->attrs;
    bool memory = true;
    for (uint32_t k = 0; k < (uint32_t)attrs->carries; k++) {
        struct tuff_scan_section s = tuff_scan_section(attrs, k);
        memcpy(ref->out + s.offset + s.row * tuff_scan_row(&s.read, 0), ref->in[k],
               (size_t)tuff_shape_count(&ref->in_types[k].shape) * sizeof *ref->out);
    }
    for (uint32_t round = 0; round < (uint32_t)attrs->rounds && memory; round++) {
        double **data = tuff_reference_create(attrs->body);
        memory = data && run_round(ref, attrs, round, data);
        if (data) tuff_reference_destroy(attrs->body, data);
    }
    for (uint64_t i = tuff_shape_count(&ref->value->type.shape); i-- > 0 && !memory;) ref->out[i] = NAN;
}

/* Errors go on from round to round as the body's operators hand them on: what one of them can say is said of the rounds written out. */
static tuff_status bound(const struct tuff_bound *b)
{
    tuff_bound_unknown(b);
    return TUFF_OK;
}

static double work(const struct tuff_value *value, const struct tuff_type *in_types)
{
    const struct tuff_scan_attrs *attrs = value->attrs;
    const struct tuff_graph *body = attrs->body;
    double sum = 0;
    (void)in_types;
    for (tuff_val v = 1; v < body->count; v++)
        if (body->values[v].op->class != TUFF_CLASS_LEAF) sum += tuff_value_work(body, v);
    return sum * attrs->rounds;
}

const struct tuff_op tuff_op_scan = {
    .name = "scan",
    .onnx = "Scan",
    .class = TUFF_CLASS_LOOP,
    TUFF_OPERANDS(1, 255),
    TUFF_ATTRS(attr_table, struct tuff_scan_attrs),
    .infer = infer_type,
    .grad = tuff_scan_grad,
    .ref = reference,
    .bound = bound,
    .work = work,
};

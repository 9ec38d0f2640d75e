/* table.c - the table of all operators, made from the two .def files, and what lowering code fills calls with. */
#include "graph/op.h"
#include "graph/ops/pointwise.h"

#include <stdio.h>

#define TUFF_PW1(name, onnx, y, da, edges) &tuff_op_##name, &tuff_op_##name##_da,
#define TUFF_PW2(name, onnx, y, da, db, edges) &tuff_op_##name, &tuff_op_##name##_da, &tuff_op_##name##_db,
#define TUFF_PW2B(name, onnx, y, edges) &tuff_op_##name,
#define TUFF_OP(name) &tuff_op_##name,
/* The rows come first: not sorted by name. */
const struct tuff_op *const tuff_ops[] = {
/* clang-format off */
#include "graph/ops/pointwise.def"
#include "graph/ops/ops.def"
    /* clang-format on */
};
const uint32_t tuff_op_count = TUFF_COUNT(tuff_ops);

const struct tuff_op *tuff_op_find(const char *name)
{
    for (uint32_t i = 0; i < tuff_op_count; i++)
        if (!strcmp(tuff_ops[i]->name, name)) return tuff_ops[i];
    return NULL;
}

enum tuff_integer_rule tuff_op_integers(const struct tuff_op *op) { return op->glsl ? tuff_pw_integers(op) : op->integers; }

const char *tuff_op_edges(const struct tuff_op *op)
{
    if (op->glsl || op->edges) return op->glsl ? tuff_pw_edges(op) : op->edges;
    return op->error == TUFF_ERROR_MOVES  ? "moves what is there"
           : op->error == TUFF_ERROR_SUMS ? "inf - inf is NaN, as is 0 * inf in a product"
                                          : "";
}

uint8_t tuff_op_ignores_nan(const struct tuff_op *op) { return op->glsl ? tuff_pw_ignores_nan(op) : op->ignores_nan; }

double tuff_op_no_work(const struct tuff_value *value, const struct tuff_type *in_types)
{
    (void)value, (void)in_types;
    return 0;
}

double tuff_op_work(const struct tuff_value *value, const struct tuff_type *in_types)
{
    uint32_t floats = 0;
    if (value->op->work) return value->op->work(value, in_types);
    for (uint32_t i = 0; i < value->in_count && value->op->error == TUFF_ERROR_SUMS; i++)
        floats += value->in[i] && tuff_is_float(in_types[i].dtype);
    double terms = value->op->terms ? value->op->terms(value, in_types) : 1;
    return (double)tuff_shape_count(&value->type.shape) * (terms < 1 ? 1 : terms) * (floats > 1 ? 2 : 1);
}

double tuff_value_work(const struct tuff_graph *g, tuff_val v)
{
    const struct tuff_value *value = &g->values[v];
    struct tuff_type types[8] = {{.dtype = TUFF_F32}};
    if (value->in_count > TUFF_COUNT(types)) return 0;
    for (uint32_t i = 0; i < value->in_count; i++)
        if (value->in[i]) types[i] = g->values[value->in[i]].type;
    return tuff_op_work(value, types);
}

uint64_t tuff_op_bytes(const struct tuff_value *value, const struct tuff_type *in_types, uint32_t k)
{
    if (value->op->bytes) return value->op->bytes(value, in_types, k);
    if (k < value->in_count && !value->in[k]) return 0;
    return tuff_type_bytes(k < value->in_count ? &in_types[k] : &value->type);
}

tuff_val tuff_op_of_case(struct tuff_graph *g, const struct tuff_op *op, const struct tuff_case *c, const char *name,
                         tuff_val *in)
{
    for (uint32_t k = 0; k < c->in_count; k++) {
        char text[64];
        snprintf(text, sizeof text, "%.48s %u", name, k);
        in[k] = tuff_input(g, text, c->in[k].dtype, c->in[k].shape);
    }
    return tuff_graph_add(g, op, in, c->in_count, c->attrs);
}

bool tuff_operator_example(struct tuff_graph *g, uint32_t index, struct tuff_operator_example *out)
{
    for (uint32_t i = 0; i < tuff_op_count; i++) {
        const struct tuff_op *op = tuff_ops[i];
        const struct tuff_case *large = op->examples ? &op->examples[1] : NULL;
        if (!large || !large->name || index-- > 0) continue;
        *out = (struct tuff_operator_example){.name = op->name, .sizes = large->name, .in_count = large->in_count};
        for (uint32_t k = 0; k < large->in_count; k++)
            if (large->domain[k] == TUFF_DOMAIN_INDEX) out->index_limit[k] = large->index_limit;
        if (!g) return true;
        out->y = tuff_op_of_case(g, op, large, op->name, out->in);
        if (!out->y) return true;
        const struct tuff_value *value = tuff_value_of(g, out->y);
        out->flops = tuff_op_work(value, large->in);
        for (uint32_t k = 0; k <= value->in_count; k++) out->bytes += (double)tuff_op_bytes(value, large->in, k);
        out->terms = op->terms ? op->terms(value, large->in) : 1;
        return true;
    }
    return false;
}

bool tuff_op_has_kernel(const struct tuff_graph *g, const struct tuff_op *op, const struct tuff_value *value,
                        const tuff_val *in, bool any_size)
{
    struct tuff_kernel_call call = {.file = NULL};
    struct tuff_lower lower = {.caps = g->caps, .value = value, .any_size = any_size};
    for (uint32_t i = 0; i < value->in_count && i < TUFF_COUNT(lower.in); i++)
        if (in[i]) lower.in[i] = &g->values[in[i]].type;
    return g->caps && op->lower(&lower, &call) == TUFF_OK;
}

void tuff_call_part(struct tuff_kernel_call *call, const struct tuff_kernel_part *part, const void *fields)
{
    bool ports = false;
    for (uint32_t i = 0; i < part->constant_count; i++) ports = ports || part->constants[i].id >= TUFF_PLAN_FIRST_PORT_SPEC;
    if (ports || part->constant_count > TUFF_COUNT(call->spec) - call->spec_count) {
        call->too_many = "specialization constants";
    } else if (part->word_count > TUFF_COUNT(call->push) - call->push_count) {
        call->too_many = "push words";
    } else {
        tuff_part_split(part, fields, call->spec + call->spec_count, call->push + call->push_count);
        call->spec_count += part->constant_count;
        call->push_count += part->word_count;
    }
}

void tuff_call_define(struct tuff_kernel_call *call, const char *name, int value)
{
    size_t used = strlen(call->defines), room = sizeof call->defines - used;
    int length = snprintf(call->defines + used, room, "#define %s %d\n", name, value);
    if (length >= 0 && (size_t)length < room) return;
    call->defines[used] = 0;
    call->too_many = "defines";
}

tuff_status tuff_call_check(const struct tuff_kernel_call *call, const struct tuff_op *op, struct tuff_error *error)
{
    if (!call->too_many) return TUFF_OK;
    return tuff_fail(NULL, error, TUFF_ERR_UNSUPPORTED, "%s: more %s than a launch of %s.comp can have", op->name,
                     call->too_many, call->file ? call->file : "?");
}

enum { FOLDED_X = 64 }; /* of a grid that does not fit in one row: many rows, as long launches are split by them */

void tuff_call_grid(struct tuff_kernel_call *call, const struct tuff_caps *caps, uint64_t count)
{
    uint64_t x = caps->max_workgroup_count[0] ? caps->max_workgroup_count[0] : 65535;
    uint64_t y = caps->max_workgroup_count[1] ? caps->max_workgroup_count[1] : 65535;
    uint64_t narrow = FOLDED_X;
    while (count / narrow >= y) narrow *= 2;
    if (count > x && narrow < x) x = narrow;
    call->groups[0] = (uint32_t)(count < x ? (count ? count : 1) : x);
    uint64_t rows = (count + call->groups[0] - 1) / call->groups[0];
    call->groups[1] = (uint32_t)(rows < y ? (rows ? rows : 1) : y);
    call->groups[2] = (uint32_t)((rows + call->groups[1] - 1) / call->groups[1]);
    if (call->groups[2] == 0) call->groups[2] = 1;
}

enum { MOST_ROUNDS = 65000 }; /* of 65535: a few are left for loops that are not counted here */

bool tuff_takes_rounds(const struct tuff_caps *caps, uint64_t rounds)
{
    return !(caps->driver_effects & TUFF_DRIVER_CUTS_LOOPS) || rounds <= MOST_ROUNDS;
}

tuff_status tuff_lower_rounds(const struct tuff_lower *lower, uint64_t rounds)
{
    char text[128] = "";
    if (tuff_takes_rounds(lower->caps, rounds)) return TUFF_OK;
    if (lower->in[0]) tuff_shape_text(&lower->in[0]->shape, text, sizeof text);
    return tuff_fail(NULL, lower->error, TUFF_ERR_UNSUPPORTED,
                     "%s of %s: a loop of %llu rounds, which %s cuts off at 65535; split the axis", lower->value->op->name,
                     text, (unsigned long long)rounds, lower->caps->driver_name);
}

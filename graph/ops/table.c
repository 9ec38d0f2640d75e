/* table.c - the table of all operators, made from the two .def files, and what lowering code fills calls with. */
#include "graph/op.h"
#include "graph/ops/pointwise.h"

#include <stdio.h>

#define TUFF_PW1(name, onnx, y, da) &tuff_op_##name, &tuff_op_##name##_da,
#define TUFF_PW1P(name, onnx, y, da) &tuff_op_##name, &tuff_op_##name##_da,
#define TUFF_PW2(name, onnx, y, da, db) &tuff_op_##name, &tuff_op_##name##_da, &tuff_op_##name##_db,
#define TUFF_PW2B(name, onnx, y) &tuff_op_##name,
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

void tuff_call_spec(struct tuff_kernel_call *call, uint32_t id, uint32_t value)
{
    if (TUFF_NEVER(call->spec_count >= TUFF_COUNT(call->spec) || id >= TUFF_PLAN_FIRST_PORT_SPEC)) return;
    call->spec[call->spec_count++] = (struct tuff_plan_spec){id, value};
}

void tuff_call_push(struct tuff_kernel_call *call, uint32_t word)
{
    if (TUFF_NEVER(call->push_count >= TUFF_COUNT(call->push))) return;
    call->push[call->push_count++] = word;
}

void tuff_call_define(struct tuff_kernel_call *call, const char *name, int value)
{
    size_t used = strlen(call->defines);
    snprintf(call->defines + used, sizeof call->defines - used, "#define %s %d\n", name, value);
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

tuff_status tuff_lower_rounds(const struct tuff_lower *lower, uint64_t rounds, struct tuff_error *error)
{
    char text[128] = "";
    if (!(lower->caps->driver_effects & TUFF_DRIVER_CUTS_LOOPS) || rounds <= MOST_ROUNDS) return TUFF_OK;
    if (lower->in[0]) tuff_shape_text(&lower->in[0]->shape, text, sizeof text);
    return tuff_fail(NULL, error, TUFF_ERR_UNSUPPORTED,
                     "%s of %s: a loop of %llu rounds, which %s cuts off at 65535; split the axis", lower->value->op->name,
                     text, (unsigned long long)rounds, lower->caps->driver_name);
}

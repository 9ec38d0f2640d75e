/* scan.c - builds loops over sequences, takes their results apart, and makes the loops that are their gradients.
 *
 * The gradient of a loop is a loop in the other direction, whose body is the body and its gradient: it computes a step again from the
 * carries before it, which the loop has kept. Its carries are the gradients of the carries, and the sums of those of the invariants. */
#include "graph/ops/scan.h"
#include "graph/compose.h"
#include "graph/ops/view.h"

#include <stdio.h>

static tuff_val add(struct tuff_graph *g, const struct tuff_op *op, const struct tuff_value *value, const tuff_val *in)
{
    tuff_val v = tuff_graph_add(g, op, in, value->in_count, value->attrs);
    if (!v || !value->data) return v;
    size_t bytes = (size_t)tuff_type_bytes(&value->type);
    void *data = tuff_arena_copy(&g->arena, value->data, bytes);
    if (!data) return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    g->values[v].data = data;
    return v;
}

/* The body ends with what it gives, each a value of its own. */
static bool end_body(struct tuff_graph *body, const tuff_val *outputs, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++)
        if (!outputs[k] || outputs[k] >= body->count)
            return tuff_graph_fail(body, TUFF_ERR_USAGE, "result %u is not a value of it", k);
    for (uint32_t k = 0; k < count; k++) {
        struct tuff_shape shape = tuff_type_of(body, outputs[k]).shape;
        if (!tuff_graph_add(body, &tuff_op_reshape, &outputs[k], 1, &shape)) return false;
    }
    return body->status == TUFF_OK;
}

/* Rows of a sequence as a round binds them: [T, e]. */
static tuff_val padded(struct tuff_graph *g, tuff_val x, uint32_t rounds)
{
    struct tuff_type type = tuff_type_of(g, x), row = type;
    uint64_t count = tuff_shape_count(&type.shape) / rounds;
    row.shape = (struct tuff_shape){1, {(uint32_t)count}};
    uint64_t pitch = tuff_scan_pitch(&row);
    tuff_val rows = tuff_reshape(g, x, TUFF_SHAPE(rounds, (uint32_t)count));
    if (pitch == count) return rows;
    return tuff_pad(g, rows, (const uint32_t[]){0, 0}, (const uint32_t[]){0, (uint32_t)(pitch - count)}, 0);
}

static uint32_t rounds_of(struct tuff_graph *g, const struct tuff_scan_params *p)
{
    uint32_t rounds = p->rounds;
    for (uint32_t i = 0; i < p->sequence_count; i++) {
        struct tuff_type type = tuff_type_of(g, p->sequences[i]);
        if (!rounds && type.shape.rank) rounds = type.shape.dim[0];
        if (!type.shape.rank || type.shape.dim[0] != rounds || tuff_is_blocks(type.dtype)) return 0;
    }
    return rounds;
}

tuff_val tuff_scan(struct tuff_graph *g, const struct tuff_scan_params *p)
{
    if (!p || !p->body || !*p->body) return tuff_graph_fail(g, TUFF_ERR_USAGE, "scan: it needs a body, a graph of its own");
    const bool set = p->struct_size >= sizeof *p,
               arrays = (p->outputs || !p->output_count) && (p->carries || !p->carry_count) &&
                        (p->sequences || !p->sequence_count) && (p->invariants || !p->invariant_count);
    if (!set || !arrays) {
        tuff_graph_destroy(*p->body);
        *p->body = NULL;
        return tuff_graph_fail(g, TUFF_ERR_USAGE,
                               set ? "scan: an array of its params is missing (NULL)"
                                   : "scan: struct_size of its params is not set: .struct_size = sizeof params");
    }
    bool ended = *p->body && end_body(*p->body, p->outputs, p->output_count);
    struct tuff_scan_attrs attrs = {.body = tuff_graph_body(g, p->body)};
    if (!tuff_graph_ok(g)) return 0;
    if (!ended || p->output_count < p->carry_count)
        return tuff_graph_fail(
            g, TUFF_ERR_USAGE,
            "scan: its body gives %u values for %u carries: it must give what each becomes, and then the rest",
            p->output_count, p->carry_count);
    attrs.rounds = (int32_t)rounds_of(g, p);
    if (attrs.rounds <= 0)
        return tuff_graph_refuse(
            g, TUFF_ERR_SHAPE, "scan", p->sequences, p->sequence_count,
            "sequences must have the same first size, that of the rounds (%u were asked for), from 1 to 65536", p->rounds);
    attrs.carries = (int32_t)p->carry_count;
    attrs.sequences = (int32_t)p->sequence_count;
    attrs.steps = (int32_t)(p->output_count - p->carry_count);
    attrs.rings = (int32_t)p->last_only;
    attrs.reverse = p->reverse;
    uint32_t count = p->carry_count + p->sequence_count + p->invariant_count;
    tuff_val *in = tuff_arena_alloc(&g->arena, (count + 1) * sizeof *in);
    if (!in) return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    for (uint32_t i = 0; i < p->carry_count; i++) in[i] = p->carries[i];
    for (uint32_t i = 0; i < p->sequence_count; i++)
        in[p->carry_count + i] = padded(g, p->sequences[i], (uint32_t)attrs.rounds);
    for (uint32_t i = 0; i < p->invariant_count; i++) in[p->carry_count + p->sequence_count + i] = p->invariants[i];
    return tuff_graph_add(g, &tuff_op_scan, in, count, &attrs);
}

/* ---- built part by part --------------------------------------------------------------------------------------------------------------- */

bool tuff_loop_begin(struct tuff_graph *g, struct tuff_loop *l)
{
    struct tuff_error error;
    *l = (struct tuff_loop){.g = g};
    if (!tuff_graph_ok(g)) return false;
    if (tuff_graph_create(g->context, &l->body, &error) == TUFF_OK) return true;
    return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
}

tuff_val tuff_loop_give(struct tuff_loop *l, enum tuff_loop_part part, tuff_val v)
{
    char name[16];
    if (!v) return 0;
    struct tuff_type type = tuff_type_of(l->g, v);
    for (uint32_t i = 1; part == TUFF_LOOP_ROW && i < type.shape.rank; i++) type.shape.dim[i - 1] = type.shape.dim[i];
    if (part == TUFF_LOOP_ROW && type.shape.rank) type.shape.rank--;
    l->carries += part == TUFF_LOOP_CARRY, l->sequences += part == TUFF_LOOP_ROW;
    snprintf(name, sizeof name, "in%u", l->count);
    l->given[l->count++] = v;
    return tuff_input(l->body, name, type.dtype, type.shape);
}

tuff_val tuff_loop_end(struct tuff_loop *l, const tuff_val *outputs, uint32_t count, bool reverse)
{
    const struct tuff_scan_params params = {.struct_size = sizeof params,
                                            .body = &l->body,
                                            .outputs = outputs,
                                            .output_count = count,
                                            .carries = l->given,
                                            .carry_count = l->carries,
                                            .sequences = l->given + l->carries,
                                            .sequence_count = l->sequences,
                                            .invariants = l->given + l->carries + l->sequences,
                                            .invariant_count = l->count - l->carries - l->sequences,
                                            .reverse = reverse};
    return tuff_scan(l->g, &params);
}

/* ---- results ------------------------------------------------------------------------------------------------------------------ */

static tuff_val cut(struct tuff_graph *g, tuff_val flat, uint64_t first, uint64_t count)
{
    return tuff_slice_axis(g, flat, 0, (uint32_t)first, 1, (uint32_t)count);
}

/* Rows first .. first + rounds - 1 of a section, as they are: [T, e]. */
static tuff_val cut_rows(struct tuff_graph *g, tuff_val flat, const struct tuff_scan_section *s, uint32_t first,
                         uint32_t rounds)
{
    tuff_val rows = cut(g, flat, s->offset + s->row * first, s->row * rounds);
    return tuff_reshape(g, rows, TUFF_SHAPE(rounds, (uint32_t)s->row));
}

/* The first elements of each row: [T, ..]. */
static tuff_val unpadded(struct tuff_graph *g, tuff_val rows, uint32_t rounds, const struct tuff_shape *shape)
{
    struct tuff_shape whole = {.rank = shape->rank + 1, .dim = {rounds}};
    uint32_t count = (uint32_t)tuff_shape_count(shape);
    if (shape->rank == TUFF_MAX_RANK)
        return tuff_graph_fail(g, TUFF_ERR_SHAPE, "scan: rows of rank 8 have no place for an axis");
    memcpy(whole.dim + 1, shape->dim, shape->rank * sizeof *shape->dim);
    return tuff_reshape(g, tuff_slice_axis(g, rows, 1, 0, 1, count), whole);
}

static const struct tuff_scan_attrs *attrs_of(struct tuff_graph *g, tuff_val scan, uint32_t k, uint32_t count)
{
    bool is = tuff_graph_ok(g) && scan && scan < g->count && g->values[scan].op->class == TUFF_CLASS_LOOP;
    const struct tuff_scan_attrs *attrs = is ? g->values[scan].attrs : NULL;
    if (!attrs || k >= (uint32_t)attrs->carries + (count ? (uint32_t)attrs->steps : 0)) {
        if (attrs)
            tuff_graph_fail(g, TUFF_ERR_USAGE,
                            "scan: it has no result %u: it has %d carries, and %d results of each round behind them", k,
                            (int)attrs->carries, (int)attrs->steps);
        else
            tuff_graph_refuse(g, TUFF_ERR_USAGE, "scan", &scan, 1, "this is not what tuff_scan returned");
        return NULL;
    }
    return attrs;
}

tuff_val tuff_scan_last(struct tuff_graph *g, tuff_val scan, uint32_t k)
{
    const struct tuff_scan_attrs *attrs = attrs_of(g, scan, k, 0);
    if (!attrs) return 0;
    struct tuff_scan_section s = tuff_scan_section(attrs, k);
    struct tuff_shape shape = attrs->body->values[tuff_scan_output(attrs, k)].type.shape;
    uint32_t row = tuff_scan_row(&s.written, (uint32_t)attrs->rounds - 1);
    return tuff_reshape(g, cut(g, scan, s.offset + s.row * row, tuff_shape_count(&shape)), shape);
}

tuff_val tuff_scan_all(struct tuff_graph *g, tuff_val scan, uint32_t k)
{
    const struct tuff_scan_attrs *attrs = attrs_of(g, scan, k, 1);
    if (!attrs) return 0;
    uint32_t rounds = (uint32_t)attrs->rounds;
    struct tuff_scan_section s = tuff_scan_section(attrs, k);
    struct tuff_shape shape = attrs->body->values[tuff_scan_output(attrs, k)].type.shape;
    if (s.written.ring) return tuff_graph_fail(g, TUFF_ERR_USAGE, "scan: of carry %u only the last is kept", k);
    return unpadded(g, cut_rows(g, scan, &s, s.after.first, rounds), rounds, &shape);
}

/* ---- gradient ----------------------------------------------------------------------------------------------------------------- */

/* The loop that is a gradient while it is put together. */
struct backward {
    struct tuff_graph *g, *body;         /* body [owned] until it is given away */
    const struct tuff_scan_attrs *attrs; /* of the loop */
    const struct tuff_value *value;      /* likewise */
    tuff_val gy;
    tuff_val *map;  /* [arena] values of the loop's body in this one */
    tuff_val *in;   /* [arena] operands */
    tuff_val *sums; /* [arena] per operand of the loop: the carry that adds up its gradients; 0: none */
    tuff_val *from; /* [arena] per result of the loop's body: gradients that come from behind */
    uint32_t in_count, inputs, carries, sequences;
};

static bool is_invariant(const struct backward *b, uint32_t k)
{
    return k >= (uint32_t)b->attrs->carries + (uint32_t)b->attrs->sequences;
}
static bool has_gradient(const struct backward *b, uint32_t k)
{
    return tuff_is_float(b->g->values[b->value->in[k]].type.dtype);
}

/* Input of the body and what stands there: an operand. */
static tuff_val add_input(struct backward *b, tuff_val operand, enum tuff_dtype dtype, struct tuff_shape shape)
{
    char text[32];
    snprintf(text, sizeof text, "in%u", b->inputs++);
    b->in[b->in_count++] = operand;
    return tuff_input(b->body, text, dtype, shape);
}

static struct tuff_type type_in_body(const struct backward *b, uint32_t k)
{
    return b->attrs->body->values[tuff_scan_input(b->attrs, k)].type;
}

static struct tuff_shape shape_given(const struct backward *b, uint32_t k)
{
    return b->attrs->body->values[tuff_scan_output(b->attrs, k)].type.shape;
}

/* Gradients of the carries, from behind; sums over the rounds. */
static void add_carries(struct backward *b)
{
    for (uint32_t k = 0; k < (uint32_t)b->attrs->carries; k++) {
        struct tuff_shape shape = shape_given(b, k);
        b->from[k] = add_input(b, tuff_full(b->g, TUFF_F32, shape, 0), TUFF_F32, shape);
    }
    for (uint32_t k = 0; k < b->value->in_count; k++) {
        struct tuff_shape shape = type_in_body(b, k).shape;
        if (is_invariant(b, k) && has_gradient(b, k))
            b->sums[k] = add_input(b, tuff_full(b->g, TUFF_F32, shape, 0), TUFF_F32, shape);
    }
    b->carries = b->in_count;
}

/* What each step began with, and the gradients of what it gave. */
static void add_sequences(struct backward *b, tuff_val y)
{
    uint32_t carries = (uint32_t)b->attrs->carries, rounds = (uint32_t)b->attrs->rounds;
    for (uint32_t k = 0; k < carries + (uint32_t)b->attrs->sequences; k++) {
        tuff_val rows = b->value->in[k];
        if (k < carries) {
            struct tuff_scan_section s = tuff_scan_section(b->attrs, k);
            rows = cut_rows(b->g, y, &s, s.before.first, rounds);
        }
        struct tuff_type type = type_in_body(b, k);
        b->map[tuff_scan_input(b->attrs, k)] = add_input(b, rows, type.dtype, type.shape);
    }
    for (uint32_t k = 0; k < carries + (uint32_t)b->attrs->steps; k++) {
        struct tuff_scan_section s = tuff_scan_section(b->attrs, k);
        tuff_val rows = cut_rows(b->g, b->gy, &s, s.after.first, rounds),
                 each = add_input(b, rows, TUFF_F32, shape_given(b, k));
        b->from[k] = k < carries ? tuff_add(b->body, b->from[k], each) : each;
    }
    b->sequences = b->in_count - b->carries;
    for (uint32_t k = 0; k < b->value->in_count; k++) {
        struct tuff_type type = type_in_body(b, k);
        if (is_invariant(b, k)) b->map[tuff_scan_input(b->attrs, k)] = add_input(b, b->value->in[k], type.dtype, type.shape);
    }
}

/* The body again; one number whose gradients are those of all that it gives. */
static tuff_val add_body(struct backward *b)
{
    const struct tuff_graph *body = b->attrs->body;
    tuff_val sum = 0;
    for (tuff_val v = 1; v < body->count && b->body->status == TUFF_OK; v++) {
        const struct tuff_value *value = &body->values[v];
        if (b->map[v]) continue;
        tuff_val *in = tuff_arena_alloc(&b->body->arena, (value->in_count + 1) * sizeof *in);
        if (!in) return tuff_graph_fail(b->body, TUFF_ERR_MEMORY, "out of host memory");
        for (uint32_t i = 0; i < value->in_count; i++) in[i] = value->in[i] ? b->map[value->in[i]] : 0;
        b->map[v] = add(b->body, value->op, value, in);
    }
    for (uint32_t k = 0; k < tuff_scan_outputs(b->attrs); k++) {
        tuff_val given = b->map[tuff_scan_output(b->attrs, k)];
        tuff_val part = tuff_sum(b->body, tuff_mul(b->body, given, b->from[k]), 0, TUFF_DROP_AXES);
        sum = sum ? tuff_add(b->body, sum, part) : part;
    }
    return sum;
}

/* Results of the body: carries, then gradients of rows. Returns how many they are. */
static uint32_t add_gradients(struct backward *b, tuff_val sum, tuff_val *outputs)
{
    uint32_t count = b->value->in_count, given = 0, carries = (uint32_t)b->attrs->carries;
    tuff_val *x = tuff_arena_alloc(&b->body->arena, 2 * (count + 1) * sizeof *x), *gx = x ? x + count + 1 : NULL;
    if (!x) return tuff_graph_fail(b->body, TUFF_ERR_MEMORY, "out of host memory");
    for (uint32_t k = 0; k < count; k++) x[k] = b->map[tuff_scan_input(b->attrs, k)];
    tuff_gradients(b->body, sum, 0, x, count, gx);
    for (uint32_t k = 0; k < count; k++) gx[k] = tuff_cast(b->body, gx[k], TUFF_F32);
    for (uint32_t k = 0; k < carries; k++) outputs[given++] = gx[k];
    for (uint32_t k = carries; k < count; k++)
        if (b->sums[k]) outputs[given++] = tuff_add(b->body, b->sums[k], gx[k]);
    for (uint32_t k = carries; k < count; k++)
        if (!is_invariant(b, k) && has_gradient(b, k)) outputs[given++] = gx[k];
    return given;
}

/* Gradients of the operands from the loop's result. */
static void take_apart(struct backward *b, tuff_val scan, tuff_val *gin)
{
    uint32_t carries = (uint32_t)b->attrs->carries, rounds = (uint32_t)b->attrs->rounds, at = carries;
    for (uint32_t k = 0; k < carries; k++) { /* the first contents are kept as well */
        struct tuff_scan_section s = tuff_scan_section(b->attrs, k);
        struct tuff_shape shape = shape_given(b, k);
        tuff_val kept = cut(b->g, b->gy, s.offset + s.row * tuff_scan_row(&s.read, 0), tuff_shape_count(&shape));
        kept = tuff_reshape(b->g, kept, shape);
        gin[k] = tuff_add(b->g, tuff_scan_last(b->g, scan, k), kept);
    }
    for (uint32_t k = carries; k < b->value->in_count; k++)
        if (b->sums[k]) gin[k] = tuff_scan_last(b->g, scan, at++);
    for (uint32_t k = carries; k < b->value->in_count; k++) {
        if (is_invariant(b, k) || !has_gradient(b, k)) continue;
        struct tuff_shape given = tuff_type_of(b->g, b->value->in[k]).shape;
        uint32_t all = (uint32_t)(tuff_shape_count(&given) / rounds), seen;
        struct tuff_type type = type_in_body(b, k);
        tuff_val rows = tuff_scan_all(b->g, scan, at++);
        seen = (uint32_t)tuff_shape_count(&type.shape);
        rows = tuff_reshape(b->g, rows, TUFF_SHAPE(rounds, seen));
        if (seen < all) rows = tuff_pad(b->g, rows, (const uint32_t[]){0, 0}, (const uint32_t[]){0, all - seen}, 0);
        gin[k] = tuff_reshape(b->g, rows, given);
    }
}

static bool start(struct backward *b)
{
    uint32_t count = 2 * (b->value->in_count + tuff_scan_outputs(b->attrs)) + 1;
    struct tuff_error error;
    b->map = tuff_arena_alloc(&b->g->arena, b->attrs->body->count * sizeof *b->map);
    b->in = tuff_arena_alloc(&b->g->arena, count * sizeof *b->in);
    b->sums = tuff_arena_alloc(&b->g->arena, count * sizeof *b->sums);
    b->from = tuff_arena_alloc(&b->g->arena, count * sizeof *b->from);
    bool memory = b->map && b->in && b->sums && b->from && tuff_graph_create(b->g->context, &b->body, &error) == TUFF_OK;
    return memory || tuff_graph_fail(b->g, TUFF_ERR_MEMORY, "out of host memory");
}

void tuff_scan_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value value = *tuff_value_of(g, y); /* a copy: adding moves the table */
    struct backward b = {.g = g, .attrs = value.attrs, .value = &value, .gy = gy};
    if (b.attrs->rings) {
        tuff_graph_fail(g, TUFF_ERR_UNSUPPORTED,
                        "scan: a loop that keeps only the last of a carry has no gradient (so has no gradient of a loop)");
        return;
    }
    if (!start(&b)) return;
    add_carries(&b);
    add_sequences(&b, y);
    tuff_val sum = add_body(&b);
    tuff_val *outputs = tuff_arena_alloc(&b.body->arena, (b.in_count + 1) * sizeof *outputs);
    uint32_t given = outputs ? add_gradients(&b, sum, outputs) : 0;
    bool ended = given && end_body(b.body, outputs, given);
    struct tuff_scan_attrs attrs = {.body = tuff_graph_body(g, &b.body)};
    if (!attrs.body || !ended) {
        tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
        return;
    }
    attrs.rounds = b.attrs->rounds;
    attrs.carries = attrs.rings = (int32_t)b.carries;
    attrs.sequences = (int32_t)b.sequences;
    attrs.steps = (int32_t)(given - b.carries);
    attrs.reverse = !b.attrs->reverse;
    tuff_val scan = tuff_graph_add(g, &tuff_op_scan, b.in, b.in_count, &attrs);
    if (scan) take_apart(&b, scan, gin);
}

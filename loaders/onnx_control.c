/* onnx_control.c - If, Loop and Scan of ONNX: a branch is chosen when the model is built, loops are laid out round by round. */
#include "loaders/onnx_ops.h"

/* Only the branch that is taken is built: the condition must be known. */
BUILD(if)
{
    const struct tuff_onnx_attribute *branch[2] = {tuff_on_attribute(o, "else_branch"), tuff_on_attribute(o, "then_branch")};
    if (!branch[0] || !branch[1] || !branch[0]->g || !branch[1]->g) return tuff_on_bad(o, "a branch is missing");
    if (tuff_shape_count(&o->in[0].shape) != 1) return tuff_on_bad(o, "its condition is not one truth value");
    const double *known = tuff_on_known(o, 0);
    if (known) tuff_on_subgraph(o, branch[known[0] != 0]->g, NULL, 0, o->out, o->out_count);
    return !tuff_on_failed(o);
}

/* Rows of the rounds, one above the other along an axis. */
static bool stack(const struct tuff_onnx_op *o, uint32_t k, const struct tuff_onnx_val *rows, uint32_t stride,
                  uint32_t count, uint32_t axis, bool reverse)
{
    tuff_val *parts = tuff_on_alloc(o, (count + 1) * sizeof *parts);
    struct tuff_shape shape = rows[0].shape;
    if (!parts) return false;
    if (axis > shape.rank || shape.rank == TUFF_MAX_RANK)
        return tuff_on_refuse(o, "result %u has no axis %u for its rounds, or too many", k, axis);
    for (uint32_t i = shape.rank++; i > axis; i--) shape.dim[i] = shape.dim[i - 1];
    shape.dim[axis] = 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct tuff_onnx_val *row = &rows[(reverse ? count - 1 - i : i) * stride];
        if (!tuff_shape_equal(&row->shape, &rows[0].shape))
            return tuff_on_refuse(o, "result %u has another shape in some rounds", k);
        if (row->v) parts[i] = tuff_reshape(o->g, row->v, shape);
    }
    shape.dim[axis] = count;
    if (tuff_shape_count(&shape) == 0) return tuff_on_put_full(o, k, rows[0].type, shape, 0);
    return tuff_on_put_as(o, k, count == 1 ? parts[0] : tuff_concat(o->g, parts, count, (int)axis), rows[0].type);
}

enum { MOST_ROUNDS = 4096 };

/* The number of rounds, and after each whether there is another, must be known. */
BUILD(loop)
{
    const struct tuff_onnx_attribute *body = tuff_on_attribute(o, "body");
    if (!body || !body->g || o->in_count < 2) return tuff_on_bad(o, "its body is missing");
    const uint32_t carries = o->in_count - 2, rows = o->out_count - carries, all = 1 + o->out_count;
    const double *most = tuff_on_has(o, 0) ? tuff_on_known(o, 0) : NULL,
                 *again = tuff_on_has(o, 1) ? tuff_on_known(o, 1) : NULL;
    if (tuff_on_failed(o)) return false;
    if (o->out_count < carries) return tuff_on_bad(o, "it has %u carried values, and %u results", carries, o->out_count);
    struct tuff_onnx_val *in = tuff_on_alloc(o, (2 + carries) * sizeof *in), *out = NULL;
    uint32_t room = 0, rounds = 0;
    for (uint32_t i = 0; in && i < carries; i++) in[2 + i] = o->in[2 + i];
    for (bool go = !again || again[0] != 0; in && go && (!most || rounds < most[0]);) {
        if (rounds == MOST_ROUNDS) return tuff_on_refuse(o, "it has more than %d rounds", MOST_ROUNDS);
        if (rounds == room) {
            struct tuff_onnx_val *larger = tuff_on_alloc(o, (room = room ? 2 * room : 8) * all * sizeof *larger);
            if (!larger) return false;
            if (rounds) memcpy(larger, out, rounds * all * sizeof *larger);
            out = larger;
        }
        const double round = rounds, yes = 1;
        in[0] = tuff_on_make(o, TUFF_ONNX_INT64, SCALAR, &round), in[1] = tuff_on_make(o, TUFF_ONNX_BOOL, SCALAR, &yes);
        struct tuff_onnx_val *made = out + rounds * all;
        if (!tuff_on_subgraph(o, body->g, in, 2 + carries, made, all)) return false;
        if (!made[0].known)
            return tuff_on_refuse(o,
                                  "whether it goes on is computed in its rounds: their number has to be known before a run");
        go = made[0].known[0] != 0;
        for (uint32_t i = 0; i < carries; i++) in[2 + i] = made[1 + i];
        rounds++;
    }
    for (uint32_t k = 0; in && k < carries; k++) o->out[k] = in[2 + k];
    if (rows && !rounds) return tuff_on_refuse(o, "it has no round, and results of rounds");
    for (uint32_t k = 0; k < rows; k++) stack(o, carries + k, out + 1 + carries + k, all, rounds, 0, false);
    return !tuff_on_failed(o);
}

static bool axis_of(const struct tuff_onnx_op *o, const char *name, uint32_t k, uint32_t rank, uint32_t *axis)
{
    const struct tuff_onnx_attribute *a = tuff_on_attribute(o, name);
    const int found = a && k < a->ints.count ? tuff_on_axis(o, a->ints.at[k], rank) : 0;
    *axis = (uint32_t)found;
    return found >= 0;
}

BUILD(scan)
{
    const struct tuff_onnx_attribute *body = tuff_on_attribute(o, "body"),
                                     *to = tuff_on_attribute(o, "scan_output_directions"),
                                     *from = tuff_on_attribute(o, "scan_input_directions");
    const int64_t sequences = tuff_on_int(o, "num_scan_inputs", 0);
    const int64_t carries = sequences < 1 || sequences > o->in_count ? -1 : o->in_count - sequences;
    if (!body || !body->g || carries < 0 || carries > o->out_count)
        return tuff_on_bad(o, "its body or its operands are missing");
    struct tuff_onnx_val *in = tuff_on_alloc(o, o->in_count * sizeof *in), *out = NULL;
    uint32_t rounds = 0, axis;
    for (uint32_t i = 0; in && i < o->in_count; i++) {
        in[i] = o->in[i];
        if (i < carries) continue;
        if (!axis_of(o, "scan_input_axes", i - (uint32_t)carries, o->in[i].shape.rank, &axis)) return false;
        const uint32_t length = o->in[i].shape.rank ? o->in[i].shape.dim[axis] : 0;
        if (i > carries && length != rounds) return tuff_on_bad(o, "its sequences have %u and %u rows", rounds, length);
        rounds = length;
    }
    if (rounds > MOST_ROUNDS || rounds == 0)
        return tuff_on_refuse(o, "it has %u rounds; from 1 to %d are covered", rounds, MOST_ROUNDS);
    out = tuff_on_alloc(o, (size_t)rounds * o->out_count * sizeof *out);
    for (uint32_t t = 0; in && out && t < rounds; t++) {
        for (uint32_t i = (uint32_t)carries; i < o->in_count; i++) {
            const uint32_t k = i - (uint32_t)carries;
            if (!axis_of(o, "scan_input_axes", k, o->in[i].shape.rank, &axis)) return false;
            const bool back = from && k < from->ints.count && from->ints.at[k];
            struct tuff_shape shape = {0};
            for (uint32_t d = 0; d < o->in[i].shape.rank; d++)
                if (d != axis) shape.dim[shape.rank++] = o->in[i].shape.dim[d];
            in[i] = (struct tuff_onnx_val){.type = o->in[i].type, .shape = shape, .on = o->in[i].on};
            if (tuff_shape_count(&shape))
                in[i].v = tuff_reshape(g, tuff_slice_axis(g, tuff_on(o, i), axis, back ? rounds - 1 - t : t, 1, 1), shape);
        }
        if (!tuff_on_subgraph(o, body->g, in, o->in_count, out + t * o->out_count, o->out_count)) return false;
        for (uint32_t i = 0; i < carries; i++) in[i] = out[t * o->out_count + i];
    }
    for (uint32_t k = 0; in && out && k < o->out_count; k++) {
        const uint32_t row = k - (uint32_t)carries;
        if (k < carries)
            o->out[k] = in[k];
        else if (axis_of(o, "scan_output_axes", row, out[k].shape.rank + 1, &axis))
            stack(o, k, out + k, o->out_count, rounds, axis, to && row < to->ints.count && to->ints.at[row]);
    }
    return !tuff_on_failed(o);
}

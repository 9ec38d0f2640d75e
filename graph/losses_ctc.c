/* losses_ctc.c - connectionist temporal classification (Graves et al. 2006) as a loop over time, so that its gradient follows.
 *
 * A target of s labels is 2 s + 1 places, blanks between and around them. A round gives each place the logarithm of the probability of all
 * ways that end there: from the place itself, the one before it, and, where two different labels have a blank between them, the one before
 * that. Before the first round there is one way, at the first place, so that the first round needs no formula of its own. */
#include "graph/compose.h"
#include "graph/ops/view.h"

#include <math.h>

struct ctc {
    struct tuff_graph *g;
    uint32_t t, n, c, s, places;
    tuff_val extended; /* i32 [n, places]: the class of each place */
};

static bool is_rank(struct tuff_graph *g, tuff_val v, enum tuff_dtype dtype, uint32_t rank)
{
    struct tuff_type type = tuff_type_of(g, v);
    return type.dtype == dtype && type.shape.rank == rank;
}

static bool check(struct ctc *k, tuff_val log_p, const tuff_val *targets, const struct tuff_ctc_params *p)
{
    struct tuff_graph *g = k->g;
    const tuff_val in[] = {log_p, targets[0], targets[1], targets[2]};
    if (!tuff_graph_takes(g, "ctc_loss", in, 4) || !tuff_takes_floats(g, "ctc_loss", in, 1) ||
        !tuff_loss_reduction(g, "ctc_loss", p->reduction))
        return false;
    struct tuff_shape x = tuff_type_of(g, log_p).shape, y = tuff_type_of(g, targets[0]).shape;
    bool fits = x.rank == 3 && is_rank(g, targets[0], TUFF_I32, 2) && y.dim[0] == x.dim[1] && y.dim[1] < UINT32_MAX / 4;
    for (uint32_t i = 1; i < 3 && fits; i++)
        fits = is_rank(g, targets[i], TUFF_I32, 1) && tuff_type_of(g, targets[i]).shape.dim[0] == x.dim[1];
    if (!fits)
        return tuff_graph_refuse(
            g, TUFF_ERR_SHAPE, "ctc_loss", in, 4,
            "it takes logarithms of probabilities [t, n, c], targets i32 [n, s], and two lengths i32 [n]");
    k->t = x.dim[0], k->n = x.dim[1], k->c = x.dim[2], k->s = y.dim[1], k->places = 2 * y.dim[1] + 1;
    if (p->blank < k->c) return true;
    return tuff_graph_fail(g, TUFF_ERR_USAGE, "ctc_loss: the blank is class %u of %u", p->blank, k->c) != 0;
}

/* blank, label, blank, label, .., blank */
static tuff_val extend(const struct ctc *k, tuff_val targets, uint32_t blank)
{
    struct tuff_graph *g = k->g;
    tuff_val pairs[2] = {tuff_full(g, TUFF_I32, TUFF_SHAPE(k->n, k->s, 1), blank),
                         tuff_reshape(g, targets, TUFF_SHAPE(k->n, k->s, 1))};
    tuff_val parts[2] = {tuff_reshape(g, tuff_concat(g, pairs, 2, 2), TUFF_SHAPE(k->n, 2 * k->s)),
                         tuff_full(g, TUFF_I32, TUFF_SHAPE(k->n, 1), blank)};
    return tuff_concat(g, parts, 2, 1);
}

/* v [n, places] by so many places to the right, `fill` coming in */
static tuff_val moved(struct tuff_graph *g, tuff_val v, uint32_t by, tuff_val fill)
{
    tuff_val parts[] = {fill, tuff_slice_axis(g, v, 1, 0, 1, tuff_type_of(g, v).shape.dim[1] - by)};
    return tuff_concat(g, parts, 2, 1);
}

/* f32 [n, places]: 0 where a way may come over a blank, else -inf */
static tuff_val skips(const struct ctc *k, uint32_t blank)
{
    struct tuff_graph *g = k->g;
    tuff_val of = k->extended, two = moved(g, of, 2, tuff_full(g, TUFF_I32, TUFF_SHAPE(k->n, 2), blank));
    tuff_val label = tuff_not_equal(g, of, tuff_full(g, TUFF_I32, TUFF_SHAPE(k->n, k->places), blank));
    tuff_val other = tuff_not_equal(g, of, two), zero = tuff_scalar(g, 0), never = tuff_scalar(g, -INFINITY);
    return tuff_select(g, label, tuff_select(g, other, zero, never), never);
}

/* A round's ways, of those before it, the labels' log probabilities, whether it is there, and where a place may be skipped to. */
static tuff_val round_of(const struct ctc *k, struct tuff_graph *b, tuff_val before, tuff_val log_p, tuff_val alive,
                         tuff_val skip)
{
    tuff_val ways[3] = {before, moved(b, before, 1, tuff_full(b, TUFF_F32, TUFF_SHAPE(k->n, 1), -INFINITY))};
    ways[2] = moved(b, before, 2, tuff_full(b, TUFF_F32, TUFF_SHAPE(k->n, 2), -INFINITY));
    ways[2] = tuff_add(b, ways[2], skip);
    for (uint32_t i = 0; i < 3; i++) ways[i] = tuff_unsqueeze(b, ways[i], 0);
    tuff_val sum = tuff_logsumexp(b, tuff_concat(b, ways, 3, 0), 1, TUFF_DROP_AXES);
    tuff_val goes_on = tuff_not_equal(b, alive, tuff_scalar(b, 0));
    return tuff_select(b, goes_on, tuff_add(b, sum, log_p), before);
}

/* f32 [t, n, 1]: 1 where a round is within the input's length */
static tuff_val alive(const struct ctc *k, tuff_val lengths)
{
    struct tuff_graph *g = k->g;
    const struct tuff_shape shape = TUFF_SHAPE(k->t, k->n, 1);
    tuff_val at = tuff_iota(g, shape, 0), most = tuff_reshape(g, lengths, TUFF_SHAPE(1, k->n, 1));
    return tuff_cast(g, tuff_less(g, at, tuff_expand(g, most, shape)), TUFF_F32);
}

/* The ways that end at the last label or the blank behind it. */
static tuff_val ends(const struct ctc *k, tuff_val ways, tuff_val lengths)
{
    struct tuff_graph *g = k->g;
    const struct tuff_shape shape = TUFF_SHAPE(k->n, 2);
    tuff_val place = tuff_add(g, lengths, lengths), column = tuff_reshape(g, place, TUFF_SHAPE(k->n, 1));
    tuff_val of = tuff_expand(g, column, shape), at = tuff_sub(g, of, tuff_iota(g, shape, 1));
    tuff_val zero = tuff_full(g, TUFF_I32, shape, 0), is_place = tuff_greater_equal(g, at, zero);
    tuff_val last = tuff_gather_elements(g, ways, tuff_maximum(g, at, zero), 1);
    return tuff_logsumexp(g, tuff_select(g, is_place, last, tuff_scalar(g, -INFINITY)), 2, TUFF_DROP_AXES);
}

static tuff_val reduce(const struct ctc *k, tuff_val loss, tuff_val lengths, enum tuff_reduction reduction)
{
    struct tuff_graph *g = k->g;
    if (reduction != TUFF_REDUCE_MEAN) return tuff_loss_reduce(g, loss, reduction);
    tuff_val least = tuff_maximum(g, lengths, tuff_full(g, TUFF_I32, TUFF_SHAPE(k->n), 1));
    return tuff_loss_reduce(g, tuff_div(g, loss, tuff_cast(g, least, TUFF_F32)), reduction);
}

tuff_val tuff_ctc_loss(struct tuff_graph *g, tuff_val log_p, tuff_val targets, tuff_val input_lengths,
                       tuff_val target_lengths, struct tuff_ctc_params params)
{
    struct ctc k = {.g = g};
    if (!check(&k, log_p, (tuff_val[]){targets, input_lengths, target_lengths}, &params)) return 0;
    k.extended = extend(&k, targets, params.blank);
    const struct tuff_shape shape = TUFF_SHAPE(k.t, k.n, k.places);
    tuff_val at = tuff_expand(g, tuff_unsqueeze(g, k.extended, 0), shape);
    tuff_val sequences[2] = {tuff_gather_elements(g, log_p, at, 2), alive(&k, input_lengths)};
    tuff_val places = tuff_iota(g, TUFF_SHAPE(k.n, k.places), 1);
    tuff_val behind = tuff_not_equal(g, places, tuff_full(g, TUFF_I32, TUFF_SHAPE(k.n, k.places), 0));
    tuff_val never = tuff_scalar(g, -INFINITY), first = tuff_select(g, behind, never, tuff_scalar(g, 0));
    tuff_val skip = skips(&k, params.blank);
    struct tuff_loop l;
    if (!tuff_loop_begin(g, &l)) return 0;
    tuff_val before = tuff_loop_give(&l, TUFF_LOOP_CARRY, first), row = tuff_loop_give(&l, TUFF_LOOP_ROW, sequences[0]);
    tuff_val there = tuff_loop_give(&l, TUFF_LOOP_ROW, sequences[1]), from = tuff_loop_give(&l, TUFF_LOOP_ALWAYS, skip);
    tuff_val way = round_of(&k, l.body, before, row, there, from);
    tuff_val ways = tuff_scan_last(g, tuff_loop_end(&l, &way, 1, false), 0);
    tuff_val loss = tuff_neg(g, ends(&k, ways, target_lengths));
    if (params.zero_infinity) {
        tuff_val zero = tuff_scalar(g, 0), lost = tuff_equal(g, loss, tuff_scalar(g, INFINITY));
        loss = tuff_select(g, lost, zero, loss);
    }
    return reduce(&k, loss, target_lengths, params.reduction);
}

/* onnx_index.c - ONNX operators that choose by places or by value, of bits, and of random numbers. */
#include "loaders/onnx_ops.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* ---- gather and scatter ------------------------------------------------------------------------------------------------------------------ */

BUILD(gather_elements)
{
    const int axis = tuff_on_axis(o, tuff_on_int(o, "axis", 0), o->in[0].shape.rank);
    struct tuff_shape size = o->in[1].shape;
    const int64_t begin[TUFF_MAX_RANK] = {0};
    if (axis < 0) return false;
    if (size.rank != o->in[0].shape.rank)
        return tuff_on_bad(o, "operand and indices have %u and %u axes", o->in[0].shape.rank, size.rank);
    size.dim[axis] = o->in[0].shape.dim[axis]; /* indices may have less of the other axes */
    for (uint32_t i = 0; i < size.rank; i++)
        if (size.dim[i] > o->in[0].shape.dim[i])
            return tuff_on_bad(o, "axis %u of the indices has %u elements, of the operand %u", i, size.dim[i],
                               o->in[0].shape.dim[i]);
    if (tuff_on_empty(o, 1)) return tuff_on_put_full(o, 0, o->in[0].type, o->in[1].shape, 0);
    const tuff_val x = tuff_on_window(g, tuff_on(o, 0), begin, size.dim, 0);
    return tuff_on_put(o, 0, tuff_gather_elements(g, x, tuff_on(o, 1), axis));
}

static bool scatter_mode(const struct tuff_onnx_op *o, enum tuff_scatter_mode *mode)
{
    static const char *const names[] = {"none", "add", "mul", "min", "max"};
    static const enum tuff_scatter_mode modes[] = {TUFF_SCATTER_NONE, TUFF_SCATTER_ADD, TUFF_SCATTER_MUL, TUFF_SCATTER_MIN,
                                                   TUFF_SCATTER_MAX};
    for (uint32_t i = 0; i < TUFF_COUNT(names); i++)
        if (tuff_on_text_is(o, "reduction", names[i], "none")) return *mode = modes[i], true;
    return tuff_on_bad(o, "there is no such reduction");
}

BUILD(scatter_elements)
{
    const int axis = tuff_on_axis(o, tuff_on_int(o, "axis", 0), o->in[0].shape.rank);
    enum tuff_scatter_mode mode;
    if (axis < 0 || !scatter_mode(o, &mode)) return false;
    if (tuff_on_empty(o, 1)) return o->out[0] = o->in[0], true;
    const tuff_val x = tuff_on_wide(o, 0), places = tuff_on_i32(o, 1), source = tuff_on_wide(o, 2);
    return tuff_on_put(o, 0, tuff_scatter(g, x, places, source, axis, mode));
}

/* Places [.., r] among the axes from `batch` on, as one number each, counted over these axes; negative ones count from the end. */
static tuff_val flat_places(const struct tuff_onnx_op *o, uint32_t batch, uint32_t r)
{
    struct tuff_graph *g = o->g;
    const tuff_val places = tuff_on_i32(o, 1);
    const struct tuff_shape *x = &o->in[0].shape;
    const uint32_t last = o->in[1].shape.rank - 1;
    tuff_val flat = 0;
    for (uint32_t k = 0; k < r; k++) {
        const uint32_t n = x->dim[batch + k];
        tuff_val at = tuff_take_axis(g, places, last, k);
        const tuff_val zero = tuff_on_one(g, TUFF_I32, 0), most = tuff_on_one(g, TUFF_I32, n - 1.0);
        at = tuff_minimum(g, tuff_maximum(g, tuff_on_from_end(g, at, n), zero), most);
        flat = flat ? tuff_add(g, tuff_on_times(g, flat, n), at) : at;
    }
    return flat;
}

BUILD(gather_nd)
{
    const uint32_t batch = (uint32_t)tuff_on_int(o, "batch_dims", 0), rank = o->in[0].shape.rank,
                   places = o->in[1].shape.rank;
    const struct tuff_shape *x = &o->in[0].shape, *at = &o->in[1].shape;
    const uint32_t r = places ? at->dim[places - 1] : 0;
    if (!places || batch >= places || batch + r > rank || r == 0)
        return tuff_on_bad(o, "places of %u numbers do not fit %u axes", r, rank);
    struct tuff_shape shape = *at, rows = {.rank = 2, .dim = {1, 1}};
    shape.rank--;
    for (uint32_t i = 0; i < rank; i++) {
        rows.dim[i >= batch + r] *= x->dim[i];
        if (i >= batch + r && shape.rank < TUFF_MAX_RANK) shape.dim[shape.rank++] = x->dim[i];
    }
    if (tuff_on_empty(o, 1)) return tuff_on_put_full(o, 0, o->in[0].type, shape, 0);
    tuff_val flat = flat_places(o, batch, r);
    if (!tuff_on(o, 0)) return false;
    for (uint32_t i = 0, each = rows.dim[0]; i < batch; i++) { /* each of the batch has rows of its own */
        each /= x->dim[i];
        flat = tuff_add(g, flat, tuff_on_times(g, tuff_iota(g, tuff_type_of(g, flat).shape, (int)i), each));
    }
    return tuff_on_put(o, 0, tuff_reshape(g, tuff_gather(g, tuff_reshape(g, tuff_on(o, 0), rows), flat, 0), shape));
}

BUILD(scatter_nd)
{
    const struct tuff_shape *x = &o->in[0].shape, *at = &o->in[1].shape;
    const uint32_t r = at->rank ? at->dim[at->rank - 1] : 0;
    enum tuff_scatter_mode mode;
    struct tuff_shape rows = {.rank = 2, .dim = {1, 1}};
    if (!r || r > x->rank || !scatter_mode(o, &mode))
        return tuff_on_bad(o, "places of %u numbers do not fit %u axes", r, x->rank);
    if (tuff_on_empty(o, 1)) return o->out[0] = o->in[0], true;
    for (uint32_t i = 0; i < x->rank; i++) rows.dim[i >= r] *= x->dim[i];
    const uint32_t n = (uint32_t)(tuff_shape_count(at) / r);
    const tuff_val places = tuff_reshape(g, flat_places(o, 0, r), TUFF_SHAPE(n, 1)),
                   source = tuff_reshape(g, tuff_on_wide(o, 2), TUFF_SHAPE(n, rows.dim[1]));
    return tuff_on_put(
        o, 0, tuff_reshape(g, tuff_scatter(g, tuff_reshape(g, tuff_on_wide(o, 0), rows), places, source, 0, mode), *x));
}

/* ---- by value ------------------------------------------------------------------------------------------------------------------------------ */

BUILD(topk)
{
    const int axis = tuff_on_axis(o, tuff_on_int(o, "axis", -1), o->in[0].shape.rank);
    const double *known = o->version >= 10 ? tuff_on_known(o, 1) : NULL;
    const double k = known ? known[0] : (double)tuff_on_int(o, "k", 1);
    if (axis < 0 || tuff_on_failed(o)) return false;
    if (!(k >= 0 && k <= o->in[0].shape.dim[axis])) return tuff_on_bad(o, "it takes %g of %u", k, o->in[0].shape.dim[axis]);
    const struct tuff_topk_params params = {
        .axis = axis, .k = (uint32_t)k, .smallest = o->version >= 11 && !tuff_on_int(o, "largest", 1)};
    if (k == 0) {
        struct tuff_shape none = o->in[0].shape;
        none.dim[axis] = 0;
        return tuff_on_put_full(o, 0, o->in[0].type, none, 0) && tuff_on_put_full(o, 1, TUFF_ONNX_INT64, none, 0);
    }
    const struct tuff_topk top = tuff_topk(g, tuff_on_wide(o, 0), params);
    tuff_on_put_as(o, 1, top.indices, TUFF_ONNX_INT64);
    return tuff_on_put(o, 0, top.values);
}

BUILD(one_hot)
{
    const double *depth = tuff_on_known(o, 1);
    const struct tuff_shape *x = &o->in[0].shape;
    const int axis = tuff_on_axis(o, tuff_on_int(o, "axis", -1), x->rank + 1);
    struct tuff_shape shape = *x;
    if (!depth || axis < 0) return false;
    if (!(depth[0] >= 1 && depth[0] <= INT32_MAX) || x->rank == TUFF_MAX_RANK)
        return tuff_on_refuse(o, "a depth of %g is not covered", depth[0]);
    for (uint32_t i = shape.rank++; i > (uint32_t)axis; i--) shape.dim[i] = shape.dim[i - 1];
    shape.dim[axis] = (uint32_t)depth[0];
    const tuff_val at = tuff_unsqueeze(g, tuff_on_from_end(g, tuff_on_i32(o, 0), depth[0]), axis);
    const tuff_val hit = tuff_equal(g, tuff_iota(g, shape, axis), at);
    const tuff_val values = tuff_on(o, 2), off = tuff_take_axis(g, values, 0, 0), on = tuff_take_axis(g, values, 0, 1);
    return tuff_on_put_as(o, 0, tuff_select(g, hit, on, off), o->in[2].type);
}

/* Row and column numbers of the last two axes: column - row >= k. */
static tuff_val above(struct tuff_graph *g, const struct tuff_shape *shape, double k, bool equal)
{
    const struct tuff_shape last = TUFF_SHAPE(shape->dim[shape->rank - 2], shape->dim[shape->rank - 1]);
    const tuff_val row = tuff_iota(g, last, 0), diagonal = tuff_sub(g, tuff_iota(g, last, 1), row),
                   number = tuff_on_one(g, TUFF_I32, k);
    return equal ? tuff_equal(g, diagonal, number) : tuff_greater_equal(g, diagonal, number);
}

BUILD(trilu)
{
    const bool upper = tuff_on_int(o, "upper", 1);
    const double *known = tuff_on_has(o, 1) ? tuff_on_known(o, 1) : NULL;
    const double k = fmax(-1e9, fmin(1e9, known ? known[0] : 0));
    if (tuff_on_failed(o)) return false;
    if (o->in[0].shape.rank < 2) return tuff_on_bad(o, "it has fewer than 2 axes");
    if (tuff_on_empty(o, 0)) return o->out[0] = o->in[0], true;
    const tuff_val x = tuff_on(o, 0), zero = tuff_full(g, tuff_type_of(g, x).dtype, SCALAR, 0),
                   high = above(g, &o->in[0].shape, upper ? k : k + 1, false);
    return tuff_on_put(o, 0, upper ? tuff_select(g, high, x, zero) : tuff_select(g, high, zero, x));
}

BUILD(eye_like)
{
    const int64_t dtype = tuff_on_int(o, "dtype", o->in[0].type);
    if (o->in[0].shape.rank != 2) return tuff_on_bad(o, "it has %u axes", o->in[0].shape.rank);
    const tuff_val hit = above(g, &o->in[0].shape, (double)tuff_on_int(o, "k", 0), true);
    return tuff_on_put_as(o, 0, tuff_cast(g, hit, tuff_is_float(tuff_onnx_type_row(dtype)->dtype) ? TUFF_F32 : TUFF_I32),
                          (enum tuff_onnx_dtype)dtype);
}

/* ---- results whose size depends on values: of what is known alone ------------------------------------------------------------------------------ */

BUILD(non_zero)
{
    const double *x = tuff_on_known(o, 0);
    const struct tuff_shape *shape = &o->in[0].shape;
    const uint64_t count = tuff_shape_count(shape);
    const uint32_t rank = shape->rank ? shape->rank : 1;
    uint32_t found = 0, k = 0;
    for (uint64_t i = 0; x && i < count; i++) found += x[i] != 0;
    double *to = x ? tuff_on_alloc(o, (size_t)rank * (found + 1) * sizeof *to) : NULL;
    if (!to) return false;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t rest = i;
        if (x[i] == 0) continue;
        for (uint32_t d = shape->rank; d-- > 0; rest /= shape->dim[d]) to[d * found + k] = (double)(rest % shape->dim[d]);
        k++;
    }
    return tuff_on_put_known(o, 0, TUFF_ONNX_INT64, TUFF_SHAPE(rank, found), to);
}

BUILD(compress)
{
    const double *condition = tuff_on_known(o, 1);
    const bool flat = !tuff_on_attribute(o, "axis");
    struct tuff_shape shape = flat ? TUFF_SHAPE((uint32_t)tuff_shape_count(&o->in[0].shape)) : o->in[0].shape;
    const int axis = flat ? 0 : tuff_on_axis(o, tuff_on_int(o, "axis", 0), shape.rank);
    if (!condition || axis < 0) return false;
    const uint64_t count = tuff_shape_count(&o->in[1].shape);
    double *places = tuff_on_alloc(o, (size_t)(count + 1) * sizeof *places);
    uint32_t found = 0;
    for (uint32_t i = 0; places && i < count && i < shape.dim[axis]; i++)
        if (condition[i] != 0) places[found++] = i;
    if (!places) return false;
    if (!found) return shape.dim[axis] = 0, tuff_on_put_full(o, 0, o->in[0].type, shape, 0);
    const tuff_val at = tuff_on_make(o, TUFF_ONNX_INT64, TUFF_SHAPE(found), places).v;
    return tuff_on_put(o, 0, tuff_gather(g, tuff_reshape(g, tuff_on(o, 0), shape), at, axis));
}

struct slab { /* a row along an axis, for sorting */
    const double *data;
    uint64_t outer, inner, stride; /* elements: outer blocks of `inner`, `stride` apart */
    double first;                  /* its number */
};
static int compare_slabs(const void *x, const void *y)
{
    const struct slab *a = x, *b = y;
    for (uint64_t i = 0; i < a->outer; i++)
        for (uint64_t k = 0; k < a->inner; k++) {
            const double p = a->data[i * a->stride + k], q = b->data[i * b->stride + k];
            if (p != q && (!isnan(p) || !isnan(q))) return isnan(p) || p > q ? 1 : -1;
        }
    return 0;
}
static int compare_whole(const void *x, const void *y)
{
    const int order = compare_slabs(x, y);
    const struct slab *a = x, *b = y;
    return order ? order : a->first < b->first ? -1 : a->first > b->first;
}
static int compare_first(const void *x, const void *y)
{
    const struct slab *a = *(const struct slab *const *)x, *b = *(const struct slab *const *)y;
    return a->first < b->first ? -1 : a->first > b->first;
}

BUILD(unique)
{
    const double *x = tuff_on_known(o, 0);
    const bool flat = !tuff_on_attribute(o, "axis");
    struct tuff_shape shape = flat ? TUFF_SHAPE((uint32_t)tuff_shape_count(&o->in[0].shape)) : o->in[0].shape;
    const int axis = flat ? 0 : tuff_on_axis(o, tuff_on_int(o, "axis", 0), shape.rank);
    if (!x || axis < 0) return false;
    const uint32_t n = shape.dim[axis];
    uint64_t outer, inner;
    tuff_around_axis(&shape, axis, &outer, &inner);
    struct slab *slabs = tuff_on_alloc(o, (n + 1) * sizeof *slabs), **heads = tuff_on_alloc(o, (n + 1) * sizeof *heads);
    double *numbers = tuff_on_alloc(o, (size_t)(3 * n + 1) * sizeof *numbers),
           *y = tuff_on_alloc(o, (size_t)(outer * inner * n + 1) * sizeof *y);
    uint32_t found = 0;
    if (!slabs || !heads || !numbers || !y) return false;
    for (uint32_t i = 0; i < n; i++) slabs[i] = (struct slab){x + i * inner, outer, inner, n * inner, i};
    qsort(slabs, n, sizeof *slabs, compare_whole);
    for (uint32_t i = 0; i < n; i++)
        if (i == 0 || compare_slabs(&slabs[i - 1], &slabs[i]) != 0) heads[found++] = &slabs[i];
    if (!tuff_on_int(o, "sorted", 1)) qsort(heads, found, sizeof(void *), compare_first);
    double *places = numbers, *counts = numbers + n, *inverse = numbers + 2 * n;
    for (uint32_t k = 0; k < found; k++) {
        places[k] = heads[k]->first;
        for (const struct slab *s = heads[k]; s < slabs + n && compare_slabs(s, heads[k]) == 0; s++)
            counts[k]++, inverse[(uint32_t)s->first] = k;
        for (uint64_t i = 0; i < outer; i++)
            memcpy(y + (i * found + k) * inner, heads[k]->data + i * n * inner, (size_t)inner * sizeof *y);
    }
    shape.dim[axis] = found;
    return tuff_on_put_known(o, 0, o->in[0].type, shape, y) &&
           tuff_on_put_known(o, 1, TUFF_ONNX_INT64, TUFF_SHAPE(found), places) &&
           tuff_on_put_known(o, 2, TUFF_ONNX_INT64, TUFF_SHAPE(n), inverse) &&
           tuff_on_put_known(o, 3, TUFF_ONNX_INT64, TUFF_SHAPE(found), counts);
}

/* A box as its lower and upper corner. */
static void corners(const double *box, bool centre, double *low, double *high)
{
    for (int k = 0; k < 2; k++) {
        const double a = centre ? box[k] - box[2 + k] / 2 : fmin(box[k], box[2 + k]),
                     b = centre ? box[k] + box[2 + k] / 2 : fmax(box[k], box[2 + k]);
        low[k] = a, high[k] = b;
    }
}

static double overlap(const double *a, const double *b, bool centre)
{
    double la[2], ha[2], lb[2], hb[2], both = 1, one = 1, other = 1;
    corners(a, centre, la, ha), corners(b, centre, lb, hb);
    for (int k = 0; k < 2; k++) {
        both *= fmax(0, fmin(ha[k], hb[k]) - fmax(la[k], lb[k]));
        one *= ha[k] - la[k], other *= hb[k] - lb[k];
    }
    return both > 0 ? both / (one + other - both) : 0;
}

BUILD(non_max_suppression)
{
    const double *boxes = tuff_on_known(o, 0), *scores = tuff_on_known(o, 1);
    const double *most = tuff_on_has(o, 2) ? tuff_on_known(o, 2) : NULL,
                 *iou = tuff_on_has(o, 3) ? tuff_on_known(o, 3) : NULL,
                 *least = tuff_on_has(o, 4) ? tuff_on_known(o, 4) : NULL;
    if (!boxes || !scores || tuff_on_failed(o)) return false;
    const struct tuff_shape *s = &o->in[1].shape;
    const struct tuff_shape wanted = TUFF_SHAPE(s->dim[0], s->dim[2], 4);
    if (s->rank != 3 || !tuff_shape_equal(&o->in[0].shape, &wanted)) return tuff_on_bad(o, "boxes and scores do not fit");
    const uint32_t n = s->dim[2];
    const bool centre = tuff_on_int(o, "center_point_box", 0);
    double *found = tuff_on_alloc(o, ((size_t)tuff_shape_count(s) * 3 + 1) * sizeof *found);
    bool *gone = tuff_on_alloc(o, n + 1);
    uint32_t count = 0;
    if (!found || !gone) return false;
    for (uint32_t row = 0; row < s->dim[0] * s->dim[1]; row++) {
        const double *score = scores + (size_t)row * n, *box = boxes + (size_t)(row / s->dim[1]) * n * 4;
        memset(gone, 0, n);
        for (double kept = 0; kept < (most ? most[0] : 0); kept++) {
            uint32_t best = n;
            for (uint32_t i = 0; i < n; i++)
                if (!gone[i] && (!least || score[i] > least[0]) && (best == n || score[i] > score[best])) best = i;
            if (best == n) break;
            if ((double)count * n > 0x1p26) return tuff_on_refuse(o, "of so many boxes it is not covered");
            for (uint32_t i = 0; i < n; i++)
                if (i == best || overlap(box + 4 * best, box + 4 * i, centre) > (iou ? iou[0] : 0)) gone[i] = true;
            const double line[3] = {row / s->dim[1], row % s->dim[1], best};
            memcpy(found + 3 * count++, line, sizeof line);
        }
    }
    return tuff_on_put_known(o, 0, TUFF_ONNX_INT64, TUFF_SHAPE(count, 3), found);
}

/* Counts of the n-grams of a pool in a known text of numbers. */
BUILD(tf_idf)
{
    const struct tuff_onnx_attribute *counts = tuff_on_attribute(o, "ngram_counts"),
                                     *places = tuff_on_attribute(o, "ngram_indexes"),
                                     *pool = tuff_on_attribute(o, "pool_int64s"), *weights = tuff_on_attribute(o, "weights");
    const int64_t least = tuff_on_int(o, "min_gram_length", 1), most = tuff_on_int(o, "max_gram_length", 1),
                  skips = tuff_on_int(o, "max_skip_count", 0);
    const double *x = tuff_on_known(o, 0);
    if (!x) return false;
    if (!counts || !places || !pool) return tuff_on_refuse(o, "of texts it is not covered");
    struct tuff_shape shape = o->in[0].shape;
    const uint32_t n = shape.rank ? shape.dim[shape.rank - 1] : 1, rows = shape.rank == 2 ? shape.dim[0] : 1;
    uint32_t width = 0;
    for (uint32_t i = 0; i < places->ints.count; i++) {
        if (places->ints.at[i] < 0 || places->ints.at[i] >= 1 << 24) return tuff_on_bad(o, "its places are too large");
        width = places->ints.at[i] >= width ? (uint32_t)places->ints.at[i] + 1 : width;
    }
    if (shape.rank > 2) return tuff_on_bad(o, "it has %u axes", shape.rank);
    double work = 1; /* of a row and a skip */
    for (uint32_t length = 1; length <= counts->ints.count; length++) {
        const double from = (double)counts->ints.at[length - 1],
                     to = length < counts->ints.count ? (double)counts->ints.at[length] : pool->ints.count;
        work += from >= 0 && from < to && to <= pool->ints.count ? 1 + (n + 1.0) * (to - from) : 1;
    }
    if (!(rows * work * (1 + (double)skips) < 0x1p28))
        return tuff_on_refuse(o, "of so many numbers and n-grams it is not covered");
    double *y = tuff_on_alloc(o, ((size_t)rows * width + 1) * sizeof *y);
    for (uint32_t r = 0; y && r < rows; r++)
        for (int64_t skip = 0; skip <= skips; skip++) {
            uint32_t gram = 0;
            for (uint32_t length = 1; length <= counts->ints.count; length++) {
                const int64_t from = counts->ints.at[length - 1],
                              to = length < counts->ints.count ? counts->ints.at[length] : pool->ints.count;
                for (int64_t at = from; at >= 0 && at < to && length <= to - at && to <= pool->ints.count;
                     at += length, gram++) {
                    if (gram >= places->ints.count || length < least || length > most || (length == 1 && skip)) continue;
                    for (int64_t i = 0; i + (length - 1) * (skip + 1) < n; i++) {
                        bool same = true;
                        for (uint32_t k = 0; k < length; k++)
                            same = same && x[(size_t)r * n + (size_t)(i + k * (skip + 1))] == (double)pool->ints.at[at + k];
                        if (same) y[(size_t)r * width + (size_t)places->ints.at[gram]]++;
                    }
                }
            }
        }
    const bool idf = tuff_on_text_is(o, "mode", "IDF", "TF"), both = tuff_on_text_is(o, "mode", "TFIDF", "TF");
    for (uint32_t r = 0; y && r < rows && (idf || both); r++)
        for (uint32_t gram = 0; gram < places->ints.count; gram++) {
            double *v = &y[(size_t)r * width + (size_t)places->ints.at[gram]];
            const double weight = weights && gram < weights->floats.count ? (double)weights->floats.at[gram] : 1;
            *v = (idf ? *v > 0 : *v) * weight;
        }
    if (shape.rank)
        shape.dim[shape.rank - 1] = width;
    else
        shape = TUFF_SHAPE(width);
    return y && tuff_on_put_known(o, 0, TUFF_ONNX_FLOAT, shape, y);
}

/* ---- bits --------------------------------------------------------------------------------------------------------------------------------- */

BUILD(bit_shift)
{
    const tuff_val a = tuff_on_i32(o, 0), b = tuff_on_i32(o, 1);
    return tuff_on_put(o, 0,
                       tuff_on_text_is(o, "direction", "LEFT", "") ? tuff_shift_left(g, a, b) : tuff_shift_right(g, a, b));
}

/* The same bits as another type: of what is known, or of whole numbers of one size. */
BUILD(bit_cast)
{
    const int64_t to = tuff_on_int(o, "to", 0);
    const struct tuff_onnx_type_row *from = tuff_onnx_type_row(o->in[0].type), *row = tuff_onnx_type_row(to);
    const uint64_t count = tuff_shape_count(&o->in[0].shape);
    if (!row->bits || row->bits != from->bits) return tuff_on_bad(o, "types of %u and %u bits", from->bits, row->bits);
    if (!tuff_is_float(from->dtype) && !tuff_is_float(row->dtype))
        return tuff_on_put_as(o, 0, tuff_on_i32(o, 0), (enum tuff_onnx_dtype)to);
    const double *x = tuff_on_known(o, 0);
    double *y = x ? tuff_on_alloc(o, (size_t)(count + 1) * sizeof *y) : NULL;
    for (uint64_t i = 0; y && i < count; i++) {
        uint64_t bits = 0;
        if (tuff_is_float(from->dtype) || from->dtype == TUFF_I64)
            tuff_element_put(from->dtype, &bits, 0, x[i]);
        else
            bits = (uint64_t)(int64_t)x[i];
        y[i] = tuff_onnx_element((enum tuff_onnx_dtype)to, &bits, 0);
    }
    return y && tuff_on_put_known(o, 0, (enum tuff_onnx_dtype)to, o->in[0].shape, y);
}

/* ---- random numbers: ONNX says their distribution, not their generator ------------------------------------------------------------------------ */

BUILD(random)
{
    const bool like = o->in_count > 0, bernoulli = OP_IS("Bernoulli"),
               normal = OP_IS("RandomNormal") || OP_IS("RandomNormalLike");
    int64_t list[TUFF_MAX_RANK];
    const uint32_t rank = like ? 0 : tuff_on_ints(o, "shape", list);
    const struct tuff_shape shape = like ? o->in[0].shape : tuff_on_shape(o, list, rank);
    const int64_t type = tuff_on_int(o, "dtype", like ? (int64_t)o->in[0].type : TUFF_ONNX_FLOAT);
    if (tuff_shape_count(&shape) == 0) return tuff_on_put_full(o, 0, (enum tuff_onnx_dtype)type, shape, 0);
    const tuff_val rng = tuff_rng_state(g),
                   drawn = normal ? tuff_random_normal(g, rng, shape) : tuff_random_uniform(g, rng, shape);
    const double low = tuff_on_number(o, "low", 0), high = tuff_on_number(o, "high", 1);
    tuff_val y = bernoulli ? tuff_cast(g, tuff_less(g, drawn, tuff_on_f32(o, 0)), TUFF_F32)
                 : normal  ? tuff_affine(g, drawn, tuff_on_number(o, "scale", 1), tuff_on_number(o, "mean", 0))
                           : tuff_affine(g, drawn, high - low, low);
    o->random = UINT64_C(1) << 63;
    if (!tuff_is_float(tuff_onnx_type_row(type)->dtype)) y = tuff_cast(g, y, TUFF_I32);
    return tuff_on_put_as(o, 0, y, (enum tuff_onnx_dtype)type);
}

/* ---- pictures ------------------------------------------------------------------------------------------------------------------------------ */

/* A file of known bytes, decoded by the app: [h, w, 3], or [h, w, 1] of Grayscale. */
BUILD(image_decoder)
{
    const struct tuff_onnx_params *params = tuff_on_params(o);
    const double *x = params->picture ? tuff_on_known(o, 0) : NULL;
    if (!params->picture) return tuff_on_refuse(o, "the app decodes no pictures (`picture` of tuff_onnx_params)");
    const size_t bytes = (size_t)tuff_shape_count(&o->in[0].shape);
    uint8_t *file = x ? tuff_on_alloc(o, bytes + 1) : NULL;
    const bool grey = tuff_on_text_is(o, "pixel_format", "Grayscale", "RGB"),
               bgr = tuff_on_text_is(o, "pixel_format", "BGR", "RGB");
    const uint32_t c = grey ? 1 : 3;
    uint32_t w, h;
    const uint8_t *pixels;
    for (size_t i = 0; file && i < bytes; i++) file[i] = (uint8_t)x[i];
    if (!file) return false;
    if (!params->picture(params->picture_user, (struct tuff_span){file, bytes}, c, &w, &h, &pixels))
        return tuff_on_refuse(o, "the picture cannot be decoded");
    double *to = tuff_on_alloc(o, (size_t)w * h * c * sizeof *to);
    for (size_t i = 0; to && i < (size_t)w * h * c; i++) to[i] = pixels[bgr ? i / 3 * 3 + 2 - i % 3 : i];
    return to && tuff_on_put_known(o, 0, TUFF_ONNX_U8, TUFF_SHAPE(h, w, c), to);
}

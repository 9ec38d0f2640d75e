/* spatial_sample.c - pictures read at places that are data: grid_sample, the grids of affine maps, and affine maps of places themselves. Each tap is a
 * gather with a weight; gradients by the picture are sums at indexed places, those by the grid come from the weights. */
#include "graph/compose.h"
#include "graph/ops/view.h"
#include "graph/spatial.h"

#include <math.h>
#include <string.h>

/* One axis of the picture. */
struct axis {
    uint32_t size;
    enum tuff_sample_padding padding;
    bool align_corners;
    bool clamped; /* places beyond are not told apart: of finite pictures, as their weight is 0 */
};

/* From -1 .. 1 to places of elements. */
static tuff_val places_of(struct tuff_graph *g, tuff_val at, const struct axis *a)
{
    double half = a->align_corners ? (a->size - 1) / 2.0 : a->size / 2.0;
    return tuff_affine(g, at, half, a->align_corners ? half : half - 0.5);
}

/* Mirrored at the outer elements, or at their outer edges, as often as needed. */
static tuff_val reflected(struct tuff_graph *g, tuff_val at, const struct axis *a)
{
    double low = a->align_corners ? 0 : -0.5, span = a->align_corners ? a->size - 1.0 : a->size;
    if (span == 0) return tuff_affine(g, at, 0, 0);
    tuff_val from = tuff_abs(g, tuff_affine(g, at, 1, -low));
    tuff_val flips = tuff_detach(g, tuff_floor(g, tuff_affine(g, from, 1 / span, 0)));
    tuff_val odd = tuff_sub(g, flips, tuff_affine(g, tuff_floor(g, tuff_affine(g, flips, 0.5, 0)), 2, 0));
    tuff_val extra = tuff_sub(g, from, tuff_affine(g, flips, span, 0)), back = tuff_affine(g, extra, -1, span);
    odd = tuff_greater(g, odd, tuff_scalar(g, 0.5));
    return tuff_affine(g, tuff_select(g, odd, back, extra), 1, low);
}

static tuff_val padded(struct tuff_graph *g, tuff_val at, const struct axis *a)
{
    if (a->padding == TUFF_SAMPLE_ZEROS) return at;
    if (a->padding == TUFF_SAMPLE_REFLECTION) at = reflected(g, at, a);
    return tuff_clamp(g, at, 0, a->size - 1.0);
}

/* A tap along one axis: whole places, their weights, and whether they lie in the picture. */
struct tap {
    tuff_val place, weight, inside;
};

static struct tap tap_at(struct tuff_graph *g, tuff_val place, tuff_val weight, const struct axis *a)
{
    struct tap t = {.place = tuff_clamp(g, place, 0, a->size - 1.0), .weight = weight};
    if (a->clamped) return t;
    tuff_val above = tuff_greater_equal(g, place, tuff_scalar(g, 0)),
             below = tuff_less_equal(g, place, tuff_scalar(g, a->size - 1.0));
    t.inside = tuff_select(g, above, below, above);
    return t;
}

/* Keys 1981 with a = -0.75: the weight of an element this far away, of up to 1 or beyond. */
static tuff_val cubic(struct tuff_graph *g, tuff_val away, bool near)
{
    const double a = -0.75;
    tuff_val p = near ? tuff_affine(g, away, a + 2, -(a + 3)) : tuff_affine(g, away, a, -5 * a);
    p = tuff_mul(g, p, away);
    p = near ? p : tuff_affine(g, p, 1, 8 * a);
    return tuff_affine(g, tuff_mul(g, p, away), 1, near ? 1 : -4 * a);
}

enum { MOST_TAPS = 4 };

/* The taps along an axis at places [n, 1, P] of elements; their number. */
static uint32_t taps_of(struct tuff_graph *g, tuff_val at, enum tuff_sample_mode mode, const struct axis *a,
                        struct tap taps[MOST_TAPS])
{
    if (mode != TUFF_SAMPLE_CUBIC) at = padded(g, at, a);
    if (mode == TUFF_SAMPLE_NEAREST) {
        taps[0] = tap_at(g, tuff_detach(g, tuff_round(g, at)), 0, a);
        return 1;
    }
    tuff_val left = tuff_detach(g, tuff_floor(g, at)), ratio = tuff_sub(g, at, left);
    uint32_t count = mode == TUFF_SAMPLE_CUBIC ? 4 : 2;
    for (uint32_t k = 0; k < count; k++) {
        int offset = (int)k - (count == 4 ? 1 : 0);
        tuff_val away = tuff_affine(g, ratio, offset > 0 ? -1 : 1, offset > 0 ? offset : -offset);
        tuff_val weight = count == 2 ? tuff_affine(g, away, -1, 1) : cubic(g, away, offset == 0 || offset == 1);
        tuff_val place = tuff_affine(g, left, 1, offset);
        if (count == 4) place = tuff_round(g, padded(g, place, a)); /* mirrors of whole places are whole */
        taps[k] = tap_at(g, tuff_detach(g, place), weight, a);
    }
    return count;
}

/* x [n, c, h w] at one tap, [n, c, P] */
static tuff_val read_tap(struct tuff_graph *g, tuff_val x, const struct tap *y, const struct tap *across, uint32_t w,
                         uint32_t c)
{
    struct tuff_shape s = tuff_type_of(g, y->place).shape;
    s.dim[1] = c;
    tuff_val index = tuff_add(g, tuff_affine(g, y->place, w, 0), across->place);
    index = tuff_expand(g, tuff_cast(g, index, TUFF_I32), s);
    tuff_val value = tuff_gather_elements(g, x, index, 2);
    if (y->weight) value = tuff_mul(g, value, tuff_mul(g, y->weight, across->weight));
    if (!y->inside) return value;
    tuff_val inside = tuff_select(g, y->inside, across->inside, y->inside);
    return tuff_select(g, inside, value, tuff_scalar(g, 0));
}

/* x [n, c, h, w] at places (row, column) [n, 1, P] of its elements: [n, c, P] */
static tuff_val sample(struct tuff_graph *g, tuff_val x, tuff_val row, tuff_val column, enum tuff_sample_mode mode,
                       const struct axis *h, const struct axis *w)
{
    struct tuff_shape s = tuff_type_of(g, x).shape;
    struct tap down[MOST_TAPS], across[MOST_TAPS];
    uint32_t rows = taps_of(g, row, mode, h, down), columns = taps_of(g, column, mode, w, across);
    tuff_val flat = tuff_reshape(g, tuff_cast(g, x, TUFF_F32), TUFF_SHAPE(s.dim[0], s.dim[1], s.dim[2] * s.dim[3])), sum = 0;
    for (uint32_t i = 0; i < rows; i++)
        for (uint32_t j = 0; j < columns; j++) {
            tuff_val part = read_tap(g, flat, &down[i], &across[j], s.dim[3], s.dim[1]);
            sum = sum ? tuff_add(g, sum, part) : part;
        }
    return sum;
}

static bool takes(struct tuff_graph *g, const char *what, const tuff_val in[2], enum tuff_sample_mode mode,
                  enum tuff_sample_padding padding)
{
    if (!tuff_takes_floats(g, what, in, 2)) return false;
    struct tuff_shape x = tuff_type_of(g, in[0]).shape, at = tuff_type_of(g, in[1]).shape;
    bool grid = at.rank == 4 && at.dim[3] == 2, map = at.rank == 3 && at.dim[1] == 2 && at.dim[2] == 3;
    bool of_grid = !strcmp(what, "grid_sample");
    if (x.rank != 4 || !(of_grid ? grid : map) || x.dim[0] != at.dim[0])
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, 2, "it takes x [n, c, h, w] and %s",
                                 of_grid ? "a grid [n, h', w', 2]" : "maps [n, 2, 3]");
    if ((uint64_t)x.dim[2] * x.dim[3] > 1u << 24)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, 2, "it counts to 2^24 elements of a picture");
    if ((unsigned)mode <= TUFF_SAMPLE_CUBIC && (unsigned)padding <= TUFF_SAMPLE_REFLECTION) return true;
    return tuff_graph_refuse(g, TUFF_ERR_USAGE, what, in, 2, "there is no mode %d or padding %d", (int)mode, (int)padding);
}

/* Column k of [n, P, columns], as [n, 1, P]; of maps [n, 1, 6], P is 1. */
static tuff_val column_of(struct tuff_graph *g, tuff_val table, uint32_t k)
{
    const struct tuff_shape s = tuff_type_of(g, table).shape;
    return tuff_reshape(g, tuff_slice_axis(g, table, 2, k, 1, 1), TUFF_SHAPE(s.dim[0], 1, s.dim[1]));
}

tuff_val tuff_grid_sample(struct tuff_graph *g, tuff_val x, tuff_val grid, struct tuff_grid_sample_params p)
{
    if (!takes(g, "grid_sample", (tuff_val[]){x, grid}, p.mode, p.padding)) return 0;
    struct tuff_shape s = tuff_type_of(g, x).shape, to = tuff_type_of(g, grid).shape;
    const struct axis h = {s.dim[2], p.padding, p.align_corners, false}, w = {s.dim[3], p.padding, p.align_corners, false};
    tuff_val pairs = tuff_reshape(g, tuff_cast(g, grid, TUFF_F32), TUFF_SHAPE(s.dim[0], to.dim[1] * to.dim[2], 2));
    tuff_val column = column_of(g, pairs, 0), row = column_of(g, pairs, 1);
    tuff_val at_row = places_of(g, row, &h), at_column = places_of(g, column, &w);
    tuff_val sum = sample(g, x, at_row, at_column, p.mode, &h, &w);
    tuff_val at = tuff_clamp(g, row, -1, 1); /* 0, or NaN of a place that is none: comparisons have lost it */
    at = tuff_affine(g, tuff_add(g, at, tuff_clamp(g, column, -1, 1)), 0, 0);
    return tuff_reshape(g, tuff_add(g, sum, at), TUFF_SHAPE(s.dim[0], s.dim[1], to.dim[1], to.dim[2]));
}

/* Places [n, 1, P] along one axis: a row of maps [n, 1, 6] times (j, i, 1). The shift is added before the smaller product, so that whole places stay whole. */
static tuff_val mapped(struct tuff_graph *g, tuff_val map, uint32_t row, struct tuff_shape to)
{
    tuff_val y = column_of(g, map, 3 * row + 2);
    for (int k = 0; k < 2; k++) {
        tuff_val number = tuff_reshape(g, tuff_cast(g, tuff_iota(g, to, !k), TUFF_F32), TUFF_SHAPE(1, 1, 0));
        y = tuff_add(g, y, tuff_mul(g, column_of(g, map, 3 * row + (uint32_t)k), number));
    }
    return y;
}

/* y where places lie within the picture's outer edges, else 0. */
static tuff_val within(struct tuff_graph *g, tuff_val y, tuff_val at, uint32_t size)
{
    tuff_val away = tuff_abs(g, tuff_affine(g, at, 1, -(size - 1.0) / 2));
    tuff_val inside = tuff_less_equal(g, away, tuff_scalar(g, size / 2.0));
    return tuff_select(g, inside, y, tuff_scalar(g, 0));
}

tuff_val tuff_affine_sample(struct tuff_graph *g, tuff_val x, tuff_val map, struct tuff_affine_sample_params p)
{
    if (!takes(g, "affine_sample", (tuff_val[]){x, map}, p.mode, p.padding)) return 0;
    struct tuff_shape s = tuff_type_of(g, x).shape;
    struct tuff_shape to = TUFF_SHAPE(p.height ? p.height : s.dim[2], p.width ? p.width : s.dim[3]);
    bool zeros = p.padding == TUFF_SAMPLE_ZEROS;
    const struct axis h = {s.dim[2], zeros ? TUFF_SAMPLE_BORDER : p.padding, true, true},
                      w = {s.dim[3], h.padding, true, true};
    map = tuff_reshape(g, tuff_cast(g, map, TUFF_F32), TUFF_SHAPE(s.dim[0], 1, 6));
    tuff_val column = mapped(g, map, 0, to), row = mapped(g, map, 1, to);
    tuff_val y = sample(g, x, row, column, p.mode, &h, &w);
    if (zeros) y = within(g, within(g, y, row, s.dim[2]), column, s.dim[3]);
    return tuff_reshape(g, y, TUFF_SHAPE(s.dim[0], s.dim[1], to.dim[0], to.dim[1]));
}

/* Element i of n as a number of -1 .. 1. */
static double normal_place(uint32_t i, uint32_t n, bool align_corners)
{
    return align_corners ? n > 1 ? 2.0 * i / (n - 1) - 1 : 0 : (2.0 * i + 1) / n - 1;
}

tuff_val tuff_affine_grid(struct tuff_graph *g, tuff_val theta, struct tuff_affine_grid_params p)
{
    if (!tuff_takes_floats(g, "affine_grid", &theta, 1)) return 0;
    struct tuff_shape s = tuff_type_of(g, theta).shape;
    uint64_t count = (uint64_t)p.height * p.width;
    if (s.rank != 3 || s.dim[1] != 2 || s.dim[2] != 3)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "affine_grid", &theta, 1, "it takes maps [n, 2, 3]");
    if (!count || count > INT32_MAX / 3)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "affine_grid", &theta, 1, "%u x %u is no size of a picture", p.height,
                                 p.width);
    double *places = tuff_arena_alloc(&g->arena, (size_t)count * 3 * sizeof *places);
    if (!places) return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    for (uint64_t i = 0; i < count; i++) {
        places[3 * i] = normal_place((uint32_t)(i % p.width), p.width, p.align_corners);
        places[3 * i + 1] = normal_place((uint32_t)(i / p.width), p.height, p.align_corners);
        places[3 * i + 2] = 1;
    }
    tuff_val at = tuff_constant(g, (struct tuff_type){TUFF_F64, TUFF_SHAPE(1, (uint32_t)count, 3)}, places);
    tuff_val grid = tuff_matmul(g, at, theta, (struct tuff_matmul_params){.transpose_b = true});
    return tuff_reshape(g, grid, TUFF_SHAPE(s.dim[0], p.height, p.width, 2));
}

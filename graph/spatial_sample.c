/* spatial_sample.c - pictures and volumes read at places that are data: grid_sample, the grids of affine maps, and affine maps of places themselves. Each tap is a
 * gather with a weight; gradients by the picture are sums at indexed places, those by the grid come from the weights. */
#include "graph/compose.h"
#include "graph/ops/view.h"
#include "graph/spatial.h"

#include <math.h>
#include <string.h>

/* From -1 .. 1 to places of the elements of an axis. */
static tuff_val places_of(struct tuff_graph *g, tuff_val at, uint32_t size, bool align_corners)
{
    double half = align_corners ? (size - 1) / 2.0 : size / 2.0;
    return tuff_affine(g, at, half, align_corners ? half : half - 0.5);
}

/* Mirrored at the outer elements, or at their outer edges, as often as needed. */
static tuff_val reflected(struct tuff_graph *g, tuff_val at, uint32_t size, bool align_corners)
{
    double low = align_corners ? 0 : -0.5, span = align_corners ? size - 1.0 : size;
    if (span == 0) return tuff_affine(g, at, 0, 0);
    tuff_val from = tuff_abs(g, tuff_affine(g, at, 1, -low));
    tuff_val flips = tuff_detach(g, tuff_floor(g, tuff_affine(g, from, 1 / span, 0)));
    tuff_val odd = tuff_sub(g, flips, tuff_affine(g, tuff_floor(g, tuff_affine(g, flips, 0.5, 0)), 2, 0));
    tuff_val extra = tuff_sub(g, from, tuff_affine(g, flips, span, 0)), back = tuff_affine(g, extra, -1, span);
    odd = tuff_greater(g, odd, tuff_scalar(g, 0.5));
    return tuff_affine(g, tuff_select(g, odd, back, extra), 1, low);
}

static tuff_val padded(struct tuff_graph *g, tuff_val at, const struct tuff_sampling *s, uint32_t size)
{
    if (s->padding == TUFF_SAMPLE_ZEROS) return at;
    if (s->padding == TUFF_SAMPLE_REFLECTION) at = reflected(g, at, size, s->align_corners);
    return tuff_clamp(g, at, 0, size - 1.0);
}

/* A tap along one axis: whole places, their weights, and whether they lie in the picture. */
struct tap {
    tuff_val place, weight, inside;
};

static struct tap tap_at(struct tuff_graph *g, tuff_val place, tuff_val weight, const struct tuff_sampling *s, uint32_t size)
{
    struct tap t = {.place = tuff_clamp(g, place, 0, size - 1.0), .weight = weight};
    if (s->clamped) return t;
    tuff_val above = tuff_greater_equal(g, place, tuff_scalar(g, 0)),
             below = tuff_less_equal(g, place, tuff_scalar(g, size - 1.0));
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
static uint32_t taps_of(struct tuff_graph *g, tuff_val at, const struct tuff_sampling *s, uint32_t size,
                        struct tap taps[MOST_TAPS])
{
    if (s->mode != TUFF_SAMPLE_CUBIC) at = padded(g, at, s, size);
    if (s->mode == TUFF_SAMPLE_NEAREST) {
        taps[0] = tap_at(g, tuff_detach(g, tuff_round(g, at)), 0, s, size);
        return 1;
    }
    tuff_val left = tuff_detach(g, tuff_floor(g, at)), ratio = tuff_sub(g, at, left);
    uint32_t count = s->mode == TUFF_SAMPLE_CUBIC ? 4 : 2;
    for (uint32_t k = 0; k < count; k++) {
        int offset = (int)k - (count == 4 ? 1 : 0);
        tuff_val away = tuff_affine(g, ratio, offset > 0 ? -1 : 1, offset > 0 ? offset : -offset);
        tuff_val weight = count == 2 ? tuff_affine(g, away, -1, 1) : cubic(g, away, offset == 0 || offset == 1);
        tuff_val place = tuff_affine(g, left, 1, offset);
        if (count == 4) place = tuff_round(g, padded(g, place, s, size)); /* mirrors of whole places are whole */
        taps[k] = tap_at(g, tuff_detach(g, place), weight, s, size);
    }
    return count;
}

/* flat [n, c, space] at one tap of each axis, [n, c, P]; size: of the axes. */
static tuff_val read_tap(struct tuff_graph *g, tuff_val flat, const struct tap *const *taps, const uint32_t *size,
                         uint32_t axes)
{
    struct tuff_shape s = tuff_type_of(g, taps[0]->place).shape;
    tuff_val index = tuff_cast(g, taps[0]->place, TUFF_I32), weight = taps[0]->weight, inside = taps[0]->inside;
    for (uint32_t k = 1; k < axes; k++) {
        tuff_val rows = tuff_mul(g, index, tuff_full(g, TUFF_I32, (struct tuff_shape){0}, size[k]));
        index = tuff_add(g, rows, tuff_cast(g, taps[k]->place, TUFF_I32));
        if (weight) weight = tuff_mul(g, weight, taps[k]->weight);
        if (inside) inside = tuff_select(g, inside, taps[k]->inside, inside);
    }
    s.dim[1] = tuff_type_of(g, flat).shape.dim[1];
    tuff_val value = tuff_gather_elements(g, flat, tuff_expand(g, index, s), 2);
    if (weight) value = tuff_mul(g, value, weight);
    return inside ? tuff_select(g, inside, value, tuff_scalar(g, 0)) : value;
}

tuff_val tuff_sample(struct tuff_graph *g, tuff_val x, const tuff_val *at, uint32_t axes, const struct tuff_sampling *s)
{
    const struct tuff_shape shape = tuff_type_of(g, x).shape;
    const uint32_t *size = shape.dim + 2;
    if (x && shape.rank != axes + 2)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "sample", &x, 1, "it has %u axes, not %u", shape.rank, axes + 2);
    struct tap taps[3][MOST_TAPS];
    uint32_t count = 1, of[3];
    for (uint32_t k = 0; k < axes; k++) count *= of[k] = taps_of(g, at[k], s, size[k], taps[k]);
    tuff_val flat = tuff_reshape(g, tuff_cast(g, x, TUFF_F32), TUFF_SHAPE(shape.dim[0], shape.dim[1], 0)), sum = 0;
    for (uint32_t i = 0; i < count; i++) { /* the last axis is the fastest */
        const struct tap *one[3] = {0};
        for (uint32_t k = axes, rest = i; k-- > 0; rest /= of[k]) one[k] = &taps[k][rest % of[k]];
        tuff_val part = read_tap(g, flat, one, size, axes);
        sum = !sum ? part : s->largest ? tuff_maximum(g, sum, part) : tuff_add(g, sum, part);
    }
    return sum;
}

static bool takes(struct tuff_graph *g, const char *what, const tuff_val in[2], enum tuff_sample_mode mode,
                  enum tuff_sample_padding padding)
{
    if (!tuff_takes_floats(g, what, in, 2)) return false;
    struct tuff_shape x = tuff_type_of(g, in[0]).shape, at = tuff_type_of(g, in[1]).shape;
    bool of_grid = !strcmp(what, "grid_sample"), pictures = x.rank == 4 || (of_grid && x.rank == 5);
    bool grid = pictures && at.rank == x.rank && at.dim[x.rank - 1] == x.rank - 2,
         map = at.rank == 3 && at.dim[1] == 2 && at.dim[2] == 3;
    if (!pictures || !(of_grid ? grid : map) || x.dim[0] != at.dim[0])
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, 2, "it takes x [n, c, h, w] and %s",
                                 of_grid ? "a grid [n, h', w', 2], or x [n, c, d, h, w] and a grid [n, d', h', w', 3]"
                                         : "maps [n, 2, 3]");
    for (uint32_t i = 2; i < x.rank; i++)
        if (x.dim[i] > 1u << 24)
            return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, 2, "it counts to 2^24 elements of an axis");
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
    const struct tuff_sampling how = {p.mode, p.padding, .align_corners = p.align_corners};
    const uint32_t axes = s.rank - 2;
    tuff_val at[3], none = 0, places = tuff_reshape(g, tuff_cast(g, grid, TUFF_F32), TUFF_SHAPE(s.dim[0], 0, axes));
    for (uint32_t k = 0; k < axes; k++) { /* the last number is that of the first axis */
        tuff_val place = column_of(g, places, axes - 1 - k), number = tuff_clamp(g, place, -1, 1);
        at[k] = places_of(g, place, s.dim[2 + k], p.align_corners);
        none = none ? tuff_add(g, none, number) : number;
        s.dim[2 + k] = to.dim[1 + k];
    }
    tuff_val sum = tuff_sample(g, x, at, axes, &how);
    none = tuff_affine(g, none, 0, 0); /* 0, or NaN of a place that is none: comparisons have lost it */
    return tuff_reshape(g, tuff_add(g, sum, none), s);
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
    const struct tuff_sampling how = {p.mode, zeros ? TUFF_SAMPLE_BORDER : p.padding, .align_corners = true,
                                      .clamped = true};
    map = tuff_reshape(g, tuff_cast(g, map, TUFF_F32), TUFF_SHAPE(s.dim[0], 1, 6));
    tuff_val column = mapped(g, map, 0, to), row = mapped(g, map, 1, to);
    tuff_val y = tuff_sample(g, x, (tuff_val[]){row, column}, 2, &how);
    if (zeros) y = within(g, within(g, y, row, s.dim[2]), column, s.dim[3]);
    return tuff_reshape(g, y, TUFF_SHAPE(s.dim[0], s.dim[1], to.dim[0], to.dim[1]));
}

tuff_val tuff_affine_places(struct tuff_graph *g, tuff_val theta, const uint32_t *size, uint32_t axes, bool align_corners,
                            double alone)
{
    struct tuff_shape to = {.rank = axes + 2, .dim = {tuff_type_of(g, theta).shape.dim[0]}};
    uint64_t count = 1;
    for (uint32_t k = 0; k < axes; k++) count *= to.dim[1 + k] = size[k];
    to.dim[1 + axes] = axes;
    double *places = tuff_graph_alloc(g, (size_t)count * (axes + 1) * sizeof *places);
    for (uint64_t i = 0; places && i < count; i++) {
        double *place = places + i * (axes + 1);
        uint64_t rest = i;
        for (uint32_t k = 0; k < axes; k++) { /* the last axis is the first number */
            const uint32_t n = size[axes - 1 - k], at = (uint32_t)(rest % n);
            place[k] = !align_corners ? (2.0 * at + 1) / n - 1 : n > 1 ? 2.0 * at / (n - 1) - 1 : alone;
            rest /= n;
        }
        place[axes] = 1;
    }
    if (!places) return 0;
    tuff_val at = tuff_constant(g, (struct tuff_type){TUFF_F64, TUFF_SHAPE(1, (uint32_t)count, axes + 1)}, places);
    return tuff_reshape(g, tuff_matmul(g, at, theta, (struct tuff_matmul_params){.transpose_b = true}), to);
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
    return tuff_affine_places(g, theta, (const uint32_t[]){p.height, p.width}, 2, p.align_corners, 0);
}

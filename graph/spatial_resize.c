/* spatial_resize.c - other sizes, axis by axis: tables of few taps, made in double precision, as views where they are, else tuff_resample. */
#include "graph/compose.h"
#include "graph/ops/view.h"
#include "graph/spatial.h"

#include <math.h>

/* One axis: result i is the sum of weights[i][k] x[places[i][k]], or `extrapolation` where it lies outside. */
struct table {
    uint32_t m, n, taps;
    int32_t *places; /* [arena] [n, taps] */
    double *weights; /* [arena] likewise; 0: no tap */
    double *outside; /* [arena] [n] what is added; NULL: nothing */
};

/* ---- coordinates and taps ------------------------------------------------------------------------------------------------------------ */

/* Where result i lies among x's elements, whose first has place 0. */
static double place_of(const struct tuff_resize_params *p, uint32_t axis, uint32_t m, uint32_t n, uint32_t i)
{
    double scale = p->scale[axis], width = scale > 0 ? scale * m : n;
    double centre = scale > 0 ? (i + 0.5) / scale - 0.5 : (i + 0.5) * m / n - 0.5; /* exact where x is divided */
    switch (p->coordinates) {
    case TUFF_RESIZE_HALF_PIXEL: return centre;
    case TUFF_RESIZE_HALF_PIXEL_SYMMETRIC: return m / 2.0 * (1 - n / width) + centre;
    case TUFF_RESIZE_PYTORCH_HALF_PIXEL: return n > 1 ? centre : 0;
    case TUFF_RESIZE_ALIGN_CORNERS: return width == 1 || n == 1 ? 0 : i * (m - 1.0) / (width - 1);
    case TUFF_RESIZE_ASYMMETRIC: return scale > 0 ? i / scale : (double)i * m / n;
    case TUFF_RESIZE_CROP: break;
    }
    double begin = p->crop_begin[axis], end = p->crop_end[axis];
    if (begin == 0 && end == 0) end = 1;
    if (width == 1 || n == 1) return (begin + end) * (m - 1.0) / 2;
    return begin * (m - 1.0) + i * (end - begin) * (m - 1.0) / (width - 1);
}

static double cubic(double x, double a)
{
    x = fabs(x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* Elements on the left of a place that its taps reach, beside the nearest. */
static int32_t reach_of(const struct tuff_resize_params *p, double scale)
{
    double support = p->mode == TUFF_RESIZE_CUBIC ? 2 : 1;
    if (p->mode == TUFF_RESIZE_NEAREST) return 0;
    return -(int32_t)fmax(-0x1p30, floor(-support / (p->antialias && scale < 1 ? scale : 1))) - 1;
}

/* Weight of the element at `distance` from the place, or for the nearest one of it and its left neighbour, which lies `ratio` from the place. */
static double weight_of(const struct tuff_resize_params *p, double scale, double distance, double ratio)
{
    double by = p->antialias && scale < 1 ? scale : 1;
    bool right = p->nearest == TUFF_RESIZE_CEIL || ratio == 1 ||
                 (p->nearest == TUFF_RESIZE_ROUND_PREFER_FLOOR && ratio > 0.5) ||
                 (p->nearest == TUFF_RESIZE_ROUND_PREFER_CEIL && ratio >= 0.5);
    switch (p->mode) {
    case TUFF_RESIZE_NEAREST: return right == (distance >= 0) ? 1 : 0;
    case TUFF_RESIZE_LINEAR: return fmax(0, 1 - fabs(distance * by));
    case TUFF_RESIZE_CUBIC: break;
    }
    return cubic(distance * by, tuff_number_or(p->cubic_a, -0.75));
}

/* Adds a tap to row i, which has so many, none behind it; those of one place are one. */
static uint32_t add_tap(struct table *t, uint32_t i, uint32_t count, int32_t place, double weight)
{
    uint64_t row = (uint64_t)i * t->taps;
    if (weight == 0) return count;
    if (count && t->places[row + count - 1] == place) {
        t->weights[row + count - 1] += weight;
        return count;
    }
    t->places[row + count] = place;
    t->weights[row + count] = weight;
    return count + 1;
}

static void fill_row(const struct tuff_resize_params *p, struct table *t, double scale, int32_t reach, uint32_t i, double x)
{
    /* the place lies in (left, left + 1] */
    double left = ceil(x) - 1, ratio = x - left, sum = 0;
    uint32_t count = 0;
    for (int32_t k = -reach; k <= reach + 1; k++) {
        bool inside = left + k >= 0 && left + k < t->m;
        if (inside || !p->exclude_outside) sum += weight_of(p, scale, k - ratio, ratio);
    }
    for (int32_t k = -reach; k <= reach + 1; k++) {
        double at = left + k, weight = weight_of(p, scale, k - ratio, ratio);
        bool inside = at >= 0 && at < t->m;
        if (!inside && p->exclude_outside) continue;
        if ((p->exclude_outside || p->antialias) && sum != 0) weight /= sum;
        count = add_tap(t, i, count, at < 0 ? 0 : at >= t->m ? (int32_t)t->m - 1 : (int32_t)at, weight);
    }
}

static bool make_table(struct tuff_graph *g, const struct tuff_resize_params *p, uint32_t axis, uint32_t m, uint32_t n,
                       struct table *t)
{
    double scale = p->scale[axis] > 0 ? p->scale[axis] : (double)n / m;
    int32_t reach = reach_of(p, scale);
    *t = (struct table){.m = m, .n = n, .taps = 2 * (uint32_t)reach + 2};
    if (p->mode == TUFF_RESIZE_NEAREST) t->taps = 1;
    if (t->taps > m) t->taps = m;
    uint64_t count = (uint64_t)n * t->taps;
    t->places = tuff_arena_alloc(&g->arena, (size_t)count * sizeof *t->places);
    t->weights = tuff_arena_alloc(&g->arena, (size_t)count * sizeof *t->weights);
    if (!t->places || !t->weights) return false;
    for (uint32_t i = 0; i < n; i++) {
        double x = place_of(p, axis, m, n, i);
        if (p->coordinates != TUFF_RESIZE_CROP || (x >= 0 && x <= m - 1.0)) {
            fill_row(p, t, scale, reach, i, x);
            continue;
        }
        if (!t->outside) t->outside = tuff_arena_alloc(&g->arena, n * sizeof *t->outside);
        if (!t->outside) return false;
        t->outside[i] = p->extrapolation;
    }
    return true;
}

/* ---- what an axis becomes ------------------------------------------------------------------------------------------------------------- */

/* Is each result one element, `step` or 1 / step from the one before? Nearest neighbours of whole factors are. */
static bool is_view(const struct table *t, uint32_t *start, int32_t *step, uint32_t *times)
{
    *start = (uint32_t)t->places[0];
    *step = t->n > 1 ? t->places[t->taps] - t->places[0] : 1;
    *times = *step == 0 && t->n % t->m == 0 ? t->n / t->m : 1;
    if (*times > 1) *step = 1;
    for (uint32_t i = 0; i < t->n; i++) {
        const double *w = t->weights + (uint64_t)i * t->taps;
        if (w[0] != 1 || t->places[(uint64_t)i * t->taps] != (int64_t)*start + (int64_t)(i / *times) * *step) return false;
        for (uint32_t k = 1; k < t->taps; k++)
            if (w[k] != 0) return false;
    }
    return *step != 0 && !t->outside;
}

static tuff_val as_view(struct tuff_graph *g, tuff_val x, uint32_t axis, const struct table *t, uint32_t start, int32_t step,
                        uint32_t times)
{
    struct tuff_shape all = tuff_type_of(g, x).shape;
    uint64_t outer, inner;
    tuff_around_axis(&all, (int)axis, &outer, &inner);
    all.dim[axis] = t->n;
    if (times == 1) return t->n == t->m ? x : tuff_slice_axis(g, x, axis, start, step, t->n);
    tuff_val each = tuff_reshape(g, x, TUFF_SHAPE((uint32_t)outer, t->m, 1, (uint32_t)inner));
    each = tuff_expand(g, each, TUFF_SHAPE((uint32_t)outer, t->m, times, (uint32_t)inner));
    return tuff_reshape(g, each, all);
}

static tuff_val by_table(struct tuff_graph *g, tuff_val x, uint32_t axis, const struct table *t)
{
    const struct tuff_shape shape = TUFF_SHAPE(t->n, t->taps);
    struct tuff_type type = tuff_type_of(g, x);
    tuff_val places = tuff_constant(g, (struct tuff_type){TUFF_I32, shape}, t->places);
    if (!tuff_is_float(type.dtype)) return tuff_gather(g, x, tuff_reshape(g, places, TUFF_SHAPE(t->n)), (int)axis);
    tuff_val y = tuff_resample(g, x, places, tuff_constant(g, (struct tuff_type){TUFF_F64, shape}, t->weights), (int)axis);
    if (!t->outside) return y;
    struct tuff_shape line = {.rank = type.shape.rank};
    for (uint32_t i = 0; i < line.rank; i++) line.dim[i] = i == axis ? t->n : 1;
    return tuff_add(g, y, tuff_constant(g, (struct tuff_type){TUFF_F64, line}, t->outside));
}

static tuff_val resize_axis(struct tuff_graph *g, tuff_val x, const struct tuff_resize_params *p, uint32_t axis, uint32_t n)
{
    struct table t;
    uint32_t start, times;
    int32_t step;
    if (!make_table(g, p, axis, tuff_type_of(g, x).shape.dim[axis], n, &t))
        return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    return is_view(&t, &start, &step, &times) ? as_view(g, x, axis, &t, start, step, times) : by_table(g, x, axis, &t);
}

/* n along the axis; 0 after a refusal */
static uint32_t size_of(struct tuff_graph *g, tuff_val x, const struct tuff_resize_params *p, uint32_t axis)
{
    uint32_t m = tuff_type_of(g, x).shape.dim[axis];
    double n = p->size[axis] ? p->size[axis] : p->scale[axis] != 0 ? floor(p->scale[axis] * m) : m;
    if (n >= 1 && n <= INT32_MAX && p->scale[axis] >= 0 && isfinite(p->scale[axis])) return (uint32_t)n;
    return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "resize", &x, 1, "axis %u would have %g elements (scale %g)", axis, n,
                             p->scale[axis]);
}

static bool takes(struct tuff_graph *g, tuff_val x, const struct tuff_resize_params *p)
{
    if (!tuff_graph_takes_one(g, "resize", x, 0)) return false;
    if ((unsigned)p->mode > TUFF_RESIZE_CUBIC || (unsigned)p->coordinates > TUFF_RESIZE_CROP ||
        (unsigned)p->nearest > TUFF_RESIZE_CEIL)
        return tuff_graph_refuse(g, TUFF_ERR_USAGE, "resize", &x, 1, "there is no mode %d, coordinates %d or nearest %d",
                                 (int)p->mode, (int)p->coordinates, (int)p->nearest);
    for (uint32_t i = 0; i < TUFF_MAX_RANK; i++)
        if (!isfinite(p->crop_begin[i]) || !isfinite(p->crop_end[i]))
            return tuff_graph_refuse(g, TUFF_ERR_USAGE, "resize", &x, 1, "the crop of axis %u is not finite", i);
    if (!tuff_graph_number(g, "resize", "cubic_a", tuff_number_or(p->cubic_a, -0.75), -1e3, 1e3)) return false;
    if (tuff_is_float(tuff_type_of(g, x).dtype)) return true;
    if (p->mode == TUFF_RESIZE_NEAREST && p->coordinates != TUFF_RESIZE_CROP) return true;
    return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "resize", &x, 1,
                             "it takes floats: cast it (nearest neighbours are of any type)");
}

tuff_val tuff_resize(struct tuff_graph *g, tuff_val x, const struct tuff_resize_params *params)
{
    struct tuff_resize_params p = {0};
    uint32_t n[TUFF_MAX_RANK];
    if (!tuff_graph_ok(g)) return 0;
    if (!params) return tuff_graph_fail(g, TUFF_ERR_USAGE, "resize: its params are missing (NULL)");
    p = *params;
    if (!takes(g, x, &p)) return 0;
    uint32_t rank = tuff_type_of(g, x).shape.rank;
    for (uint32_t i = 0; i < rank; i++) {
        n[i] = size_of(g, x, &p, i);
        if (!n[i]) return 0;
    }
    /* What shrinks comes first, and the last axis, which is slowest, when it has least to do. */
    for (uint32_t i = 0; i < rank && x; i++)
        if ((p.size[i] || p.scale[i] > 0) && n[i] <= tuff_type_of(g, x).shape.dim[i]) x = resize_axis(g, x, &p, i, n[i]);
    for (uint32_t i = rank; i-- > 0 && x;)
        if (n[i] > tuff_type_of(g, x).shape.dim[i]) x = resize_axis(g, x, &p, i, n[i]);
    return x;
}

/* ---- as PyTorch says it ---------------------------------------------------------------------------------------------------------------- */

tuff_val tuff_interpolate(struct tuff_graph *g, tuff_val x, struct tuff_interpolate_params p)
{
    struct tuff_shape s = tuff_type_of(g, x).shape, size = {.rank = s.rank > 2 ? s.rank - 2 : 0};
    struct tuff_resize_params r = {.antialias = p.antialias, .exclude_outside = p.antialias};
    if (!tuff_takes_floats(g, "interpolate", &x, 1)) return 0;
    if (s.rank < 3 || s.rank > 5)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "interpolate", &x, 1,
                                 "it takes [n, c, ..] with one to three axes of space");
    if ((unsigned)p.mode > TUFF_INTERPOLATE_AREA)
        return tuff_graph_refuse(g, TUFF_ERR_USAGE, "interpolate", &x, 1, "there is no mode %d", (int)p.mode);
    for (uint32_t i = 0; i < size.rank; i++) {
        double scale = p.scale[i] != 0 ? p.scale[i] : p.scale[0];
        if (!p.size[i] && !(scale > 0 && floor(scale * s.dim[2 + i]) >= 1 && scale * s.dim[2 + i] <= INT32_MAX))
            return tuff_graph_refuse(g, TUFF_ERR_USAGE, "interpolate", &x, 1,
                                     "axis %u has neither a size nor a scale that leaves some", i + 2);
        size.dim[i] = r.size[2 + i] = p.size[i] ? p.size[i] : (uint32_t)floor(scale * s.dim[2 + i]);
        r.scale[2 + i] = p.size[i] || p.align_corners ? 0 : scale;
    }
    switch (p.mode) {
    case TUFF_INTERPOLATE_AREA: return tuff_adaptive_avg_pool(g, x, size);
    case TUFF_INTERPOLATE_NEAREST: r.coordinates = TUFF_RESIZE_ASYMMETRIC, r.nearest = TUFF_RESIZE_FLOOR; break;
    case TUFF_INTERPOLATE_NEAREST_EXACT: r.nearest = TUFF_RESIZE_ROUND_PREFER_CEIL; break;
    case TUFF_INTERPOLATE_LINEAR: r.mode = TUFF_RESIZE_LINEAR; break;
    case TUFF_INTERPOLATE_CUBIC: r.mode = TUFF_RESIZE_CUBIC; break;
    }
    if (p.antialias) r.cubic_a = TUFF_NUMBER(-0.5);
    if (p.align_corners && r.mode != TUFF_RESIZE_NEAREST) r.coordinates = TUFF_RESIZE_ALIGN_CORNERS;
    return tuff_resize(g, x, &r);
}

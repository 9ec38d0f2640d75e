/* spatial_pool.c - pools in one to three dimensions as those of pictures, one after the other along axes; adaptive pools, whose windows are tables
 * where they do not divide. Of equal elements the first along all axes is picked, as in PyTorch: the last stage chooses among slices' first ones. */
#include "graph/compose.h"
#include "graph/ops/view.h"
#include "graph/spatial.h"

static bool takes(struct tuff_graph *g, const char *what, tuff_val x, uint32_t axes)
{
    static const char *const spaces[] = {"..", "L", "h, w", "d, h, w"};
    if (!tuff_takes_floats(g, what, &x, 1)) return false;
    uint32_t rank = tuff_type_of(g, x).shape.rank;
    if (axes ? rank == axes + 2 : rank > 2) return true;
    return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, &x, 1, "it takes [n, c, %s]", spaces[axes]);
}

/* Over `count` axes of space from `first` on, one or two, the last of which are those of a picture: [n, c and what is before, them and what is behind]. */
static tuff_val stage(struct tuff_graph *g, tuff_val x, const struct tuff_windows *p, uint32_t first, uint32_t count)
{
    struct tuff_shape s = tuff_type_of(g, x).shape, as = {4, {s.dim[0], s.dim[1], 1, 1}};
    struct tuff_pool2d_params t = {
        .kernel = {1, 1}, .stride = {1, 1}, .ceil_mode = p->ceil_mode, .count_include_pad = p->count_include_pad};
    for (uint32_t i = 0; i < p->axes; i++) {
        uint32_t dim = s.dim[2 + i];
        if (i < first)
            as.dim[1] *= dim;
        else
            as.dim[i == first ? 2 : 3] *= dim;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t from = first + i;
        t.kernel[i] = p->kernel[from];
        t.stride[i] = p->stride[from] ? p->stride[from] : p->kernel[from];
        t.dilation[i] = p->dilation[from];
        t.pad[i] = p->begin[from];
        t.pad[2 + i] = p->end[from];
    }
    tuff_val y = tuff_reshape(g, x, as);
    y = p->mean ? tuff_avg_pool2d(g, y, t) : tuff_max_pool2d(g, y, t);
    if (!y) return 0;
    s.dim[2 + first] = tuff_type_of(g, y).shape.dim[2];
    if (count > 1) s.dim[3 + first] = tuff_type_of(g, y).shape.dim[3];
    return tuff_reshape(g, y, s);
}

/* A window, with its padding, of every axis fits. */
static bool fits(struct tuff_graph *g, tuff_val x, const struct tuff_windows *p)
{
    struct tuff_shape s = tuff_type_of(g, x).shape;
    for (uint32_t i = 0; i < p->axes; i++) {
        uint64_t padded = (uint64_t)s.dim[2 + i] + p->begin[i] + p->end[i];
        uint64_t reach = p->kernel[i] ? (uint64_t)(p->dilation[i] ? p->dilation[i] : 1) * (p->kernel[i] - 1) + 1 : 0;
        if (reach && padded >= reach && p->begin[i] < reach && p->end[i] < reach) continue;
        return tuff_graph_refuse(
            g, TUFF_ERR_SHAPE, p->what, &x, 1,
            "axis %u: a kernel of %u, which reaches over %llu, must be above 0, fit the axis with its padding of %u "
            "and %u, and be wider than these",
            i + 2, p->kernel[i], (unsigned long long)reach, p->begin[i], p->end[i]);
    }
    return true;
}

tuff_val tuff_pool(struct tuff_graph *g, tuff_val x, const struct tuff_windows *p)
{
    if (!takes(g, p->what, x, p->axes) || !fits(g, x, p)) return 0;
    if (p->axes == 1) return stage(g, x, p, 0, 1);
    x = stage(g, x, p, p->axes - 2, 2);
    return p->axes == 3 && x ? stage(g, x, p, 0, 1) : x;
}

/* pad: begins, then ends */
static struct tuff_windows pool_of(const char *what, bool mean, uint32_t axes, const uint32_t *kernel,
                                   const uint32_t *stride, const uint32_t *dilation, const uint32_t *pad, bool ceil_mode,
                                   bool count_include_pad)
{
    struct tuff_windows p = {.what = what, .mean = mean, .axes = axes, .ceil_mode = ceil_mode};
    p.count_include_pad = count_include_pad && mean;
    for (uint32_t i = 0; i < axes; i++) {
        p.kernel[i] = kernel[i], p.stride[i] = stride[i], p.dilation[i] = dilation[i];
        p.begin[i] = pad[i], p.end[i] = pad[axes + i];
    }
    return p;
}
#define POOL1_OF(what, mean, p)                                                                                             \
    pool_of(what, mean, 1, &(p).kernel, &(p).stride, &(p).dilation, (p).pad, (p).ceil_mode, (p).count_include_pad)
#define POOL_OF(what, mean, axes, p)                                                                                        \
    pool_of(what, mean, axes, (p).kernel, (p).stride, (p).dilation, (p).pad, (p).ceil_mode, (p).count_include_pad)

#define POOL(name, axes, of)                                                                                                \
    tuff_val tuff_##name(struct tuff_graph *g, tuff_val x, struct tuff_pool##axes##d_params p)                              \
    {                                                                                                                       \
        const struct tuff_windows w = of;                                                                                   \
        return tuff_pool(g, x, &w);                                                                                         \
    }
POOL(max_pool1d, 1, POOL1_OF("max_pool1d", false, p))
POOL(max_pool3d, 3, POOL_OF("max_pool3d", false, 3, p))
POOL(avg_pool1d, 1, POOL1_OF("avg_pool1d", true, p))
POOL(avg_pool3d, 3, POOL_OF("avg_pool3d", true, 3, p))

/* The mean, over windows with their padding, times the elements of a window; the root as PyTorch takes it. */
static tuff_val lp_pool(struct tuff_graph *g, tuff_val x, double p, struct tuff_windows pools)
{
    double elements = 1;
    if (!takes(g, pools.what, x, pools.axes) || !tuff_graph_number(g, pools.what, "p", p, 1e-3, 1e3)) return 0;
    pools.count_include_pad = true;
    for (uint32_t i = 0; i < pools.axes; i++) elements *= pools.kernel[i];
    tuff_val mean = tuff_pool(g, tuff_pow_const(g, tuff_cast(g, x, TUFF_F32), p, 0), &pools);
    return tuff_pow_const(g, tuff_affine(g, mean, elements, 0), 1 / p, 0);
}

#define LP_POOL(name, axes, of)                                                                                             \
    tuff_val tuff_##name(struct tuff_graph *g, tuff_val x, double exponent, struct tuff_pool##axes##d_params p)             \
    {                                                                                                                       \
        return lp_pool(g, x, exponent, of);                                                                                 \
    }
LP_POOL(lp_pool1d, 1, POOL1_OF("lp_pool1d", true, p))
LP_POOL(lp_pool2d, 2, POOL_OF("lp_pool2d", true, 2, p))
LP_POOL(lp_pool3d, 3, POOL_OF("lp_pool3d", true, 3, p))

tuff_val tuff_global_max_pool(struct tuff_graph *g, tuff_val x)
{
    if (!takes(g, "global_max_pool", x, 0)) return 0;
    return tuff_reduce_max(g, x, ((1u << tuff_type_of(g, x).shape.rank) - 1) & ~3u, TUFF_KEEP_AXES);
}

/* ---- adaptive pools --------------------------------------------------------------------------------------------------------------- */

/* Window i of n over an axis of m: from floor(i m / n) to ceil((i + 1) m / n). */
static uint32_t window(uint32_t m, uint32_t n, uint32_t i, uint32_t *first)
{
    *first = (uint32_t)((uint64_t)i * m / n);
    return (uint32_t)(((uint64_t)(i + 1) * m + n - 1) / n) - *first;
}

static uint32_t widest(uint32_t m, uint32_t n)
{
    uint32_t most = 1, first;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t length = window(m, n, i, &first);
        if (length > most) most = length;
    }
    return most;
}

/* Windows as one table: means by their weights, else the elements of all windows one after the other, the last of a shorter one repeated. */
static tuff_val by_windows(struct tuff_graph *g, tuff_val x, uint32_t axis, uint32_t n, bool mean)
{
    uint32_t m = tuff_type_of(g, x).shape.dim[axis], most = widest(m, n), first;
    uint64_t count = (uint64_t)n * most;
    int32_t *places = tuff_arena_alloc(&g->arena, (size_t)count * sizeof *places);
    double *weights = tuff_arena_alloc(&g->arena, (size_t)count * sizeof *weights);
    if (!places || !weights) return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    for (uint32_t i = 0; i < n; i++) {
        uint32_t length = window(m, n, i, &first);
        for (uint32_t k = 0; k < most; k++) {
            places[(uint64_t)i * most + k] = (int32_t)(first + (k < length ? k : length - 1));
            weights[(uint64_t)i * most + k] = !mean ? 1 : k < length ? 1.0 / length : 0;
        }
    }
    const struct tuff_shape table = mean ? TUFF_SHAPE(n, most) : TUFF_SHAPE(n * most, 1);
    tuff_val at = tuff_constant(g, (struct tuff_type){TUFF_I32, table}, places),
             by = tuff_constant(g, (struct tuff_type){TUFF_F64, table}, weights);
    return tuff_resample(g, x, at, by, (int)axis);
}

/* Largest of each `length` elements along an axis. */
static tuff_val max_of_each(struct tuff_graph *g, tuff_val x, uint32_t axis, uint32_t length)
{
    struct tuff_shape s = tuff_type_of(g, x).shape;
    uint64_t outer, inner;
    tuff_around_axis(&s, (int)axis, &outer, &inner);
    tuff_val y = tuff_reshape(g, x, TUFF_SHAPE(1, (uint32_t)outer, s.dim[axis], (uint32_t)inner));
    s.dim[axis] /= length;
    return tuff_reshape(g, tuff_max_pool2d(g, y, (struct tuff_pool2d_params){.kernel = {length, 1}}), s);
}

static tuff_val adaptive(struct tuff_graph *g, const char *what, tuff_val x, struct tuff_shape size, bool mean)
{
    if (!takes(g, what, x, 0)) return 0;
    struct tuff_shape s = tuff_type_of(g, x).shape;
    struct tuff_windows p = {.what = what, .mean = mean, .axes = s.rank - 2};
    bool divides = p.axes <= 3, one = true;
    if (size.rank != p.axes)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, &x, 1, "it is to have %u sizes of space, not %u", p.axes,
                                 size.rank);
    for (uint32_t i = 0; i < p.axes; i++) {
        if (!size.dim[i]) size.dim[i] = s.dim[2 + i];
        divides = divides && s.dim[2 + i] % size.dim[i] == 0;
        one = one && size.dim[i] == 1;
        if (i < 3) p.kernel[i] = s.dim[2 + i] / size.dim[i];
    }
    if (one && mean) return tuff_mean(g, x, ((1u << s.rank) - 1) & ~3u, TUFF_KEEP_AXES);
    if (divides) return tuff_pool(g, x, &p);
    for (uint32_t i = s.rank; i-- > 2 && x;) {
        uint32_t n = size.dim[i - 2];
        if (n == s.dim[i]) continue;
        x = by_windows(g, x, i, n, mean);
        if (!mean && x) x = max_of_each(g, x, i, widest(s.dim[i], n));
    }
    return x;
}

tuff_val tuff_adaptive_avg_pool(struct tuff_graph *g, tuff_val x, struct tuff_shape size)
{
    return adaptive(g, "adaptive_avg_pool", x, size, true);
}

tuff_val tuff_adaptive_max_pool(struct tuff_graph *g, tuff_val x, struct tuff_shape size)
{
    return adaptive(g, "adaptive_max_pool", x, size, false);
}

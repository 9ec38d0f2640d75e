/* spatial_pad.c - padding by an axis's own elements: slices of it, before and behind. */
#include "graph/ops/view.h"
#include "graph/spatial.h"

static tuff_val repeated(struct tuff_graph *g, tuff_val x, uint32_t axis, uint32_t at, uint32_t count)
{
    tuff_val one = tuff_slice_axis(g, x, axis, at, 1, 1);
    struct tuff_shape s = tuff_type_of(g, x).shape;
    s.dim[axis] = count;
    return tuff_expand(g, one, s);
}

static tuff_val pad_axis(struct tuff_graph *g, tuff_val x, uint32_t axis, uint32_t before, uint32_t after,
                         enum tuff_pad_mode mode)
{
    uint32_t n = tuff_type_of(g, x).shape.dim[axis], count = 0, most = mode == TUFF_PAD_REFLECT ? n - 1 : n;
    tuff_val parts[3];
    if (mode != TUFF_PAD_REPLICATE && (before > most || after > most))
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "pad_with", &x, 1,
                                 "axis %u has %u elements to %s: at most %u more at each end", axis, n,
                                 mode == TUFF_PAD_REFLECT ? "reflect" : "repeat", most);
    if (before)
        parts[count++] = mode == TUFF_PAD_REFLECT     ? tuff_slice_axis(g, x, axis, before, -1, before)
                         : mode == TUFF_PAD_REPLICATE ? repeated(g, x, axis, 0, before)
                                                      : tuff_slice_axis(g, x, axis, n - before, 1, before);
    parts[count++] = x;
    if (after)
        parts[count++] = mode == TUFF_PAD_REFLECT     ? tuff_slice_axis(g, x, axis, n - 2, -1, after)
                         : mode == TUFF_PAD_REPLICATE ? repeated(g, x, axis, n - 1, after)
                                                      : tuff_slice_axis(g, x, axis, 0, 1, after);
    return tuff_concat(g, parts, count, (int)axis);
}

tuff_val tuff_pad_with(struct tuff_graph *g, tuff_val x, const uint32_t *before, const uint32_t *after,
                       enum tuff_pad_mode mode)
{
    if (mode == TUFF_PAD_ZEROS) return tuff_pad(g, x, before, after, 0);
    if (!tuff_graph_takes_one(g, "pad_with", x, 0)) return 0;
    if (!before || !after) return tuff_graph_refuse(g, TUFF_ERR_USAGE, "pad_with", &x, 1, "an array is missing (NULL)");
    if ((int)mode < 0 || mode > TUFF_PAD_CIRCULAR)
        return tuff_graph_refuse(g, TUFF_ERR_USAGE, "pad_with", &x, 1, "there is no mode %d", (int)mode);
    uint32_t rank = tuff_type_of(g, x).shape.rank;
    for (uint32_t i = 0; i < rank && x; i++)
        if (before[i] || after[i]) x = pad_axis(g, x, i, before[i], after[i], mode);
    return x;
}

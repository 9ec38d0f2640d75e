/* spatial_shuffle.c - channels that become space and back, and channels weighted by what all of space says. */
#include "graph/compose.h"
#include "graph/spatial.h"

#include <stdio.h>

static bool takes_pictures(struct tuff_graph *g, const char *what, tuff_val x, uint32_t factor, bool fits)
{
    struct tuff_shape s = tuff_type_of(g, x).shape;
    if (!tuff_graph_takes_one(g, what, x, 0)) return false;
    if (s.rank == 4 && factor && fits) return true;
    return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, &x, 1, "it takes [n, c, h, w] that a factor of %u divides", factor);
}

tuff_val tuff_pixel_shuffle(struct tuff_graph *g, tuff_val x, uint32_t r)
{
    static const uint32_t order[] = {0, 1, 4, 2, 5, 3};
    struct tuff_shape s = tuff_type_of(g, x).shape;
    if (!takes_pictures(g, "pixel_shuffle", x, r, r && r < 65536 && s.dim[1] % (r * r) == 0)) return 0;
    uint32_t c = s.dim[1] / (r * r);
    tuff_val parts = tuff_reshape(g, x, TUFF_SHAPE(s.dim[0], c, r, r, s.dim[2], s.dim[3]));
    parts = tuff_permute(g, parts, order);
    return tuff_reshape(g, parts, TUFF_SHAPE(s.dim[0], c, s.dim[2] * r, s.dim[3] * r));
}

tuff_val tuff_pixel_unshuffle(struct tuff_graph *g, tuff_val x, uint32_t r)
{
    static const uint32_t order[] = {0, 1, 3, 5, 2, 4};
    struct tuff_shape s = tuff_type_of(g, x).shape;
    if (!takes_pictures(g, "pixel_unshuffle", x, r, r && s.dim[2] % r == 0 && s.dim[3] % r == 0)) return 0;
    uint32_t h = s.dim[2] / r, w = s.dim[3] / r;
    tuff_val parts = tuff_reshape(g, x, TUFF_SHAPE(s.dim[0], s.dim[1], h, r, w, r));
    parts = tuff_permute(g, parts, order);
    return tuff_reshape(g, parts, TUFF_SHAPE(s.dim[0], s.dim[1] * r * r, h, w));
}

tuff_val tuff_channel_shuffle(struct tuff_graph *g, tuff_val x, uint32_t groups)
{
    static const uint32_t order[] = {0, 2, 1, 3};
    struct tuff_shape s = tuff_type_of(g, x).shape;
    if (!tuff_graph_takes_one(g, "channel_shuffle", x, 0)) return 0;
    if (s.rank < 2 || !groups || s.dim[1] % groups)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "channel_shuffle", &x, 1,
                                 "it takes [n, c, ..] with c divisible by %u groups", groups);
    uint32_t c = s.dim[1] / groups, rest = (uint32_t)(tuff_shape_count(&s) / ((uint64_t)s.dim[0] * s.dim[1]));
    tuff_val parts = tuff_reshape(g, x, TUFF_SHAPE(s.dim[0], groups, c, rest));
    return tuff_reshape(g, tuff_permute(g, parts, order), s);
}

tuff_val tuff_layer_squeeze_excite(struct tuff_graph *g, tuff_val x, const char *name,
                                   struct tuff_layer_squeeze_excite_params p)
{
    const struct tuff_module l = {g, "squeeze_excite", name};
    struct tuff_shape s = tuff_type_of(g, x).shape, each = {.rank = s.rank};
    char fc1[200], fc2[200];
    if (!tuff_module_begin(&l, x)) return 0;
    if (s.rank < 3) return tuff_module_refuse(&l, "[n, c, ..]", x);
    if (!p.squeeze)
        return tuff_module_fail(&l, TUFF_ERR_USAGE, "squeeze is 0: it is how many numbers say what lies in space");
    snprintf(fc1, sizeof fc1, "%s.fc1", name);
    snprintf(fc2, sizeof fc2, "%s.fc2", name);
    for (uint32_t i = 0; i < s.rank; i++) each.dim[i] = i < 2 ? s.dim[i] : 1;
    tuff_val mean = tuff_mean(g, x, ((1u << s.rank) - 1) & ~3u, TUFF_KEEP_AXES);
    mean = tuff_reshape(g, mean, TUFF_SHAPE(s.dim[0], s.dim[1], 1, 1));
    tuff_val less = tuff_layer_conv2d(g, mean, fc1, (struct tuff_layer_conv2d_params){.channels = p.squeeze, .kernel = {1}});
    less = tuff_relu(g, less);
    tuff_val scale = tuff_layer_conv2d(g, less, fc2, (struct tuff_layer_conv2d_params){.channels = s.dim[1], .kernel = {1}});
    scale = p.hard ? tuff_hardsigmoid(g, scale) : tuff_sigmoid(g, scale);
    return tuff_mul(g, x, tuff_reshape(g, scale, each));
}

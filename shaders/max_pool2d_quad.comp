#version 450
#extension GL_GOOGLE_include_directive : require
/* max_pool2d_quad.comp - largest element of windows that do not overlap, where rows are read four elements at a time.
 *
 *   y[p,i,j] = max over 0 <= u < KH, 0 <= v < KW of x[p, i*SH + u, j*SW + v]
 *
 * in    0      x [planes, h, w]   f32, w a multiple of 4 and equal to ow * SW
 * out   1      y [planes, oh, ow] f32
 * push         include/pool.glsl; count: of quads of x's columns, over the rows of y
 * spec  0..6   include/pool.glsl; KH <= SH, KW <= SW, SW 1, 2 or 4, DH = DW = 1, nothing padded
 * why          a quarter of the loads of max_pool2d.comp, the same result */
#include "include/pool.glsl"
TUFF_PORTS(IO)

void main()
{
    uint e = pool_element();
    if (e >= count) return;
    uint columns = w / 4, line = e / columns, x0 = (e - line * columns) * 4, plane = line / oh, i = line - plane * oh;
    int best[4 / SW];
    [[unroll]] for (uint t = 0; t < 4 / SW; t++) best[t] = TUFF_BELOW_ALL;
    [[unroll]] for (uint u = 0; u < KH; u++) {
        vec4 four = in0q(((plane * h + i * SH + u) * w + x0) / 4u);
        [[unroll]] for (uint t = 0; t < 4 / SW; t++)
            [[unroll]] for (uint v = 0; v < KW; v++) best[t] = max(best[t], order_value(four[t * SW + v]));
    }
    uint to = line * ow + x0 / SW;
    [[unroll]] for (uint t = 0; t < 4 / SW; t++) out0(to + t, ordered_value(best[t]));
}

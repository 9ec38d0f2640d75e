#version 450
#extension GL_GOOGLE_include_directive : require
/* max_pool2d_grad_block.comp - gradient of max_pool2d by x where windows do not overlap and are not dilated.
 *
 *   block (i,j) owns rows i*SH - top .. + SH - 1 and columns j*SW - left .. + SW - 1; its window is its upper left part:
 *   gx = gy[p,i,j] at the window's first (row-major) largest x, 0 elsewhere in the block
 *
 * in    0      x  [planes, h, w]   f32
 * in    1      gy [planes, oh, ow] f32
 * out   2      gx [planes, h, w]   f32
 * push         include/pool.glsl; count is that of the blocks, planes * ceil((h + top) / SH) * ceil((w + left) / SW)
 * spec  0..6   include/pool.glsl
 * why          reads each x once, where max_pool2d_grad reads it once per element of its window: four to nine times */
#include "include/pool.glsl"
TUFF_PORTS(IIO)

void main()
{
    uint e = pool_element();
    if (e >= count) return;
    uint rows = (h + top + SH - 1) / SH, columns = (w + left + SW - 1) / SW;
    uint j = e % columns, i = e / columns % rows, plane = e / columns / rows;
    uint y0 = i * SH - top, x0 = j * SW - left; /* may wrap below zero: then the comparison with h or w fails */
    uint winner = 0xffffffffu;
    int best = TUFF_BELOW_ALL;
    float g = 0.0;
    if (i < oh && j < ow) {
        g = in1((plane * oh + i) * ow + j);
        for (uint u = 0; u < KH; u++) {
            for (uint v = 0; v < KW; v++) {
                if (y0 + u >= h || x0 + v >= w) continue;
                int value = order(in0((plane * h + y0 + u) * w + x0 + v));
                if (pool_wins(value, best)) winner = u * SW + v;
                best = max(best, value);
            }
        }
    }
    for (uint u = 0; u < SH; u++)
        for (uint v = 0; v < SW; v++)
            if (y0 + u < h && x0 + v < w) out0((plane * h + y0 + u) * w + x0 + v, winner == u * SW + v ? g : 0.0);
}

#version 450
#extension GL_GOOGLE_include_directive : require
/* max_pool2d_grad_quad.comp - gradient of max_pool2d by x where windows do not overlap and nothing is padded in front; four
 * columns at a time.
 *
 *   gx[p,y,x] = gy[p,i,j] if (y,x) is the first largest of the one window (i,j) that holds it, else 0
 *
 * in    0      x  [planes, h, w]   f32
 * in    1      gy [planes, oh, ow] f32
 * out   2      gx [planes, h, w]   f32
 * push         include/pool.glsl; count: of blocks, of SH rows and four columns
 * spec  0..6   include/pool.glsl; KH <= SH, KW <= SW, DH = DW = 1, top = left = 0, w a multiple of 4,
 *              SW 1, 2 or 4
 * why          a quarter of the loads and stores of max_pool2d_grad_block.comp */
#include "include/pool.glsl"
TUFF_PORTS(IIO)

const uint WINDOWS = 4 / SW;

void main()
{
    uint e = pool_element();
    if (e >= count) return;
    uint rows = (h + SH - 1) / SH, columns = w / 4;
    uint plane = e / (rows * columns), at = e - plane * (rows * columns), i = at / columns, x0 = (at - i * columns) * 4;
    vec4 value[KH];
    float g[WINDOWS];
    uint winner[WINDOWS]; /* u * SW + v; the first element of a window is inside, and above TUFF_BELOW_ALL */
    [[unroll]] for (uint u = 0; u < KH; u++) value[u] = in0q(((plane * h + min(i * SH + u, h - 1)) * w + x0) / 4u);
    [[unroll]] for (uint t = 0; t < WINDOWS; t++) {
        uint j = x0 / SW + t;
        int best = TUFF_BELOW_ALL;
        [[unroll]] for (uint u = 0; u < KH; u++)
            [[unroll]] for (uint v = 0; v < KW; v++) {
                int x = i * SH + u < h ? order(value[u][t * SW + v]) : TUFF_BELOW_ALL;
                winner[t] = pool_wins(x, best) ? u * SW + v : winner[t];
                best = max(best, x);
            }
        bool inside = i < oh && j < ow;
        float gy = in1(inside ? (plane * oh + i) * ow + j : 0u);
        g[t] = inside ? gy : 0.0;
    }
    [[unroll]] for (uint r = 0; r < SH; r++)
        if (i * SH + r < h) {
            vec4 line;
            [[unroll]] for (uint c = 0; c < 4; c++) line[c] = winner[c / SW] == r * SW + c % SW ? g[c / SW] : 0.0;
            out0v((plane * h + i * SH + r) * w + x0, line);
        }
}

#version 450
#extension GL_GOOGLE_include_directive : require
/* max_pool2d_grad_row.comp - gradient of max_pool2d by x where windows overlap; blocks of SH rows and four columns.
 *
 *   gx[p,y,x] = sum of gy[p,i,j] over the windows (i,j) whose first (row-major) largest x is at (y,x)
 *
 * in    0      x  [planes, h, w]   f32
 * in    1      gy [planes, oh, ow] f32
 * out   2      gx [planes, h, w]   f32
 * push         include/pool.glsl; count: of blocks, planes * ceil(h / SH) * w / 4
 * spec  0..6   include/pool.glsl; SW 1, 2 or 4, DH = DW = 1, w a multiple of 4
 * spec  7, 8   TOP, LEFT: top and left once more, so that loops have constant bounds
 * why          a block's windows are few and the same for all blocks: each is searched once, where max_pool2d_grad.comp does it
 *              for every element of it. The same sums in the same order */
#include "include/pool.glsl"
TUFF_PORTS(IIO)
TUFF_CONSTANTS(max_pool2d_grad_row)

/* Windows that touch a block, before and from the one of its number on; quads that these span before and from the block's on. */
const uint I_BEFORE = (KH - 1 - TOP) / SH, I_COUNT = I_BEFORE + (SH - 1 + TOP) / SH + 1;
const uint J_BEFORE = (KW - 1 - LEFT) / SW, J_COUNT = J_BEFORE + (3 + LEFT) / SW + 1;
const uint Q_BEFORE = (J_BEFORE * SW + LEFT + 3) / 4;
const uint Q_COUNT = Q_BEFORE + ((J_COUNT - 1 - J_BEFORE) * SW + KW - 1 - LEFT) / 4 + 1;
const uint NOWHERE = 0xffffffffu;

void main()
{
    uint e = pool_element();
    if (e >= count) return;
    uint blocks = (h + SH - 1) / SH, quads = w / 4, line = e / quads, c = e - line * quads;
    uint plane = line / blocks, b = line - plane * blocks;
    vec4 sum[SH];
    [[unroll]] for (uint r = 0; r < SH; r++) sum[r] = vec4(0.0);
    [[unroll]] for (uint ii = 0; ii < I_COUNT; ii++) {
        uint i = b + ii - I_BEFORE, y0 = i * SH - TOP; /* numbers below zero wrap, and fail comparisons with sizes */
        vec4 x[KH][Q_COUNT];
        [[unroll]] for (uint u = 0; u < KH; u++)
            [[unroll]] for (uint q = 0; q < Q_COUNT; q++)
                x[u][q] = in0q((plane * h + (y0 + u < h ? y0 + u : 0)) * quads + min(c + q - Q_BEFORE, quads - 1));
        [[unroll]] for (uint jj = 0; jj < J_COUNT; jj++) {
            uint j = c * (4 / SW) + jj - J_BEFORE, winner = NOWHERE;
            int best = TUFF_BELOW_ALL;
            [[unroll]] for (uint u = 0; u < KH; u++)
                [[unroll]] for (uint v = 0; v < KW; v++) {
                    uint k = jj * SW + v + 4 * Q_BEFORE - J_BEFORE * SW - LEFT;
                    bool here = y0 + u < h && c + k / 4 - Q_BEFORE < quads;
                    int value = here ? order(x[u][k / 4][k % 4]) : TUFF_BELOW_ALL;
                    winner = pool_wins(value, best) ? u * KW + v : winner;
                    best = max(best, value);
                }
            bool inside = i < oh && j < ow;
            float g = in1(inside ? (plane * oh + i) * ow + j : 0);
            [[unroll]] for (uint r = 0; r < SH; r++)
                [[unroll]] for (uint t = 0; t < 4; t++) {
                    uint u = r + TOP + I_BEFORE * SH - ii * SH, v = t + LEFT + J_BEFORE * SW - jj * SW;
                    if (u < KH && v < KW) sum[r][t] += inside && winner == u * KW + v ? g : 0.0;
                }
        }
    }
    [[unroll]] for (uint r = 0; r < SH; r++)
        if (b * SH + r < h) out0v((plane * h + b * SH + r) * w + 4 * c, sum[r]);
}

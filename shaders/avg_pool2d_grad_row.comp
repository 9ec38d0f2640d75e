#version 450
#extension GL_GOOGLE_include_directive : require
/* avg_pool2d_grad_row.comp - gradient of avg_pool2d by x, for processors; include/pool_strips.glsl says what an invocation does.
 *
 *   gx as avg_pool2d_grad.comp
 *
 * in    0      gy [planes, oh, ow] f32
 * out   1      gx [planes, h, w]   f32
 * push         include/pool.glsl; count: include/pool_strips.glsl
 * spec  0..6   include/pool.glsl; SW 1, 2 or 4, DH = DW = 1, w a multiple of 4 QUADS
 * spec  7      COUNT_PAD
 * spec  8, 9   TOP, LEFT: top and left once more, so that loops have constant bounds
 * spec  10, 11 QUADS of columns of a strip; STEPS: include/pool_strips.glsl
 * spec  12     GY_QUADS: ow is a multiple of 4, and so are the windows of a strip
 * why          a window's gradient is loaded and divided once for all elements of the strip that it covers */
#include "include/pool.glsl"
TUFF_PORTS(IO)
TUFF_CONSTANTS(avg_pool2d_grad_row)
#define GY in0
#define GYQ in0q
#include "include/pool_strips.glsl"

/* Taps of window i along an axis that count. end: size plus the padding behind. */
uint taps(uint i, uint k, uint s, uint pad, uint size, uint end)
{
    uint from = i * s, low = COUNT_PAD ? 0 : pad, high = COUNT_PAD ? end + pad : size + pad;
    return min(from + k, high) - min(max(from, low), high);
}

void main()
{
    pool_walk walk = pool_start((KH - 1) / SH, 0);
    float sum[ROWS][WIDTH], g[J_COUNT];
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint t = 0; t < WIDTH; t++) sum[r][t] = 0.0;
    [[dont_unroll]] for (; walk.i != walk.end; walk.i++) {
        uint rows = taps(walk.i, KH, SH, TOP, h, h_end);
        pool_gradients(walk, g);
        [[unroll]] for (uint jj = 0; jj < J_COUNT; jj++) {
            uint j = walk.c * MINE + jj - J_BEFORE; /* may wrap below zero */
            bool inside = walk.i < oh && j < ow;
            uint n = rows * taps(j, KW, SW, LEFT, w, w_end);
            float part = g[jj] / float(inside ? n : 1);
            [[unroll]] for (uint u = 0; u < KH; u++)
                [[unroll]] for (uint v = 0; v < KW; v++) {
                    uint t = jj * SW + v - J_BEFORE * SW - LEFT;
                    if (t < WIDTH) sum[u][t] += part;
                }
        }
        pool_store(walk, sum);
    }
}

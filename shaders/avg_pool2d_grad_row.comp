#version 450
#extension GL_GOOGLE_include_directive : require
/* avg_pool2d_grad_row.comp - gradient of avg_pool2d by x, four columns at a time.
 *
 *   gx as avg_pool2d_grad.comp
 *
 * in    0      gy [planes, oh, ow] f32
 * out   1      gx [planes, h, w]   f32
 * push         include/pool.glsl; count: planes * h * w / 4
 * spec  0..6   include/pool.glsl; SW 1, 2 or 4, DH = DW = 1, w a multiple of 4
 * spec  7      COUNT_PAD
 * spec  8      LEFT: left once more, so that loops have constant bounds
 * why          a window's gradient is loaded and divided once for all of the four that it covers */
#include "include/pool.glsl"
TUFF_PORTS(IO)
TUFF_CONSTANTS(avg_pool2d_grad_row)

const uint BEFORE = (KW - 1 - LEFT) / SW, WINDOWS = BEFORE + (3 + LEFT) / SW + 1; /* that touch four columns */

/* Taps of window i along an axis that count. end: size plus the padding behind. */
uint taps(uint i, uint k, uint s, uint pad, uint size, uint end)
{
    uint from = i * s, low = COUNT_PAD ? 0 : pad, high = COUNT_PAD ? end + pad : size + pad;
    return min(from + k, high) - min(max(from, low), high);
}

void main()
{
    uint e = pool_element();
    if (e >= count) return;
    uint quads = w / 4, line = e / quads, c = e - line * quads, plane = line / h, row = line - plane * h, i0, i1;
    pool_windows(row, top, KH, SH, 1, oh, i0, i1);
    vec4 sum = vec4(0.0);
    for (uint i = i0; i < i1; i++) {
        uint rows = taps(i, KH, SH, top, h, h_end);
        [[unroll]] for (uint jj = 0; jj < WINDOWS; jj++) {
            uint j = c * (4 / SW) + jj - BEFORE; /* may wrap below zero */
            bool inside = j < ow;
            float g = in0(inside ? (plane * oh + i) * ow + j : 0) / float(rows * taps(inside ? j : 0, KW, SW, LEFT, w, w_end));
            [[unroll]] for (uint t = 0; t < 4; t++)
                if (t + LEFT + BEFORE * SW - jj * SW < KW) sum[t] += inside ? g : 0.0;
        }
    }
    out0v(4 * e, sum);
}

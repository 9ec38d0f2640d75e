#version 450
#extension GL_GOOGLE_include_directive : require
/* avg_pool2d_grad.comp - gradient of avg_pool2d by x: each window's gradient is spread over its elements.
 *
 *   gx[p,y,x] = sum of gy[p,i,j] / N(i,j) over the windows (i,j) that hold (y,x); N as in avg_pool2d.comp
 *
 * in    0      gy [planes, oh, ow] f32
 * out   1      gx [planes, h, w]   f32
 * push, spec 0..6  include/pool.glsl
 * spec  7      COUNT_PAD
 * why          gathers instead of scattering: no atomics, the same sum in the same order every time */
#include "include/pool.glsl"
TUFF_PORTS(IO)
TUFF_CONSTANTS(avg_pool2d_grad)

/* Taps of window i along an axis that count. end: size plus the padding behind. */
uint taps(uint i, uint k, uint s, uint d, uint pad, uint size, uint end)
{
    uint n = 0;
    for (uint u = 0; u < k; u++) {
        uint at = i * s + u * d;
        if (COUNT_PAD ? at < end + pad : at - pad < size) n++;
    }
    return n;
}

void main()
{
    uint e = pool_element();
    if (e >= count) return;
    uint plane = e / (h * w), at = e - plane * (h * w), row = at / w, column = at - row * w;
    uint i0, i1, j0, j1;
    pool_windows(row, top, KH, SH, DH, oh, i0, i1);
    pool_windows(column, left, KW, SW, DW, ow, j0, j1);
    float sum = 0.0;
    for (uint i = i0; i < i1; i++) {
        if ((row + top - i * SH) % DH != 0) continue;
        uint rows = taps(i, KH, SH, DH, top, h, h_end);
        for (uint j = j0; j < j1; j++) {
            if ((column + left - j * SW) % DW != 0) continue;
            sum += in0((plane * oh + i) * ow + j) / float(rows * taps(j, KW, SW, DW, left, w, w_end));
        }
    }
    out0(e, sum);
}

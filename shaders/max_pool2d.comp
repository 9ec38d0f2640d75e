#version 450
#extension GL_GOOGLE_include_directive : require
/* max_pool2d.comp - largest element of each window, or another value's element at that place.
 *
 *   y[p,i,j] = q[p, y*, x*], (y*, x*) the first (row-major) place with the largest x in the window, or its last NaN,
 *   i*SH + u*DH - top, j*SW + v*DW - left, 0 <= u < KH, 0 <= v < KW; padding counts as -infinity
 *
 * in    0      x [planes, h, w]   f32
 * in    1      q, like x, with PICK; without it q is x
 * out   1 | 2  y [planes, oh, ow] f32
 * push, spec 0..6  include/pool.glsl
 * def          PICK 0 | 1
 * why          a window is small: reads hit the cache; no state, so any window size works */
// tuff: variants -DPICK=0; -DPICK=1
#ifndef PICK
#define PICK 0
#endif
#include "include/pool.glsl"
#if PICK
TUFF_PORTS(IIO)
#else
TUFF_PORTS(IO)
#endif

void main()
{
    uint e = pool_element();
    if (e >= count) return;
    uint plane = e / (oh * ow), at = e - plane * (oh * ow), i = at / ow, j = at - i * ow;
#if PICK
    int best = TUFF_BELOW_ALL;
#else
    int best = order_value(uintBitsToFloat(0xff800000u)); /* -infinity */
#endif
    uint place = 0;
    for (uint u = 0; u < KH; u++) {
        uint y = i * SH + u * DH - top; /* before the first row: wraps to a large number */
        for (uint v = 0; v < KW; v++) {
            uint x = j * SW + v * DW - left;
            if (y < h && x < w) {
                uint from = (plane * h + y) * w + x;
#if PICK
                int value = order(in0(from));
                if (pool_wins(value, best)) place = from;
                best = max(best, value);
#else
                best = max(best, order_value(in0(from)));
#endif
            }
        }
    }
#if PICK
    float picked = in1(place);
    out0(e, best == TUFF_BELOW_ALL ? 0.0 : picked);
#else
    out0(e, ordered_value(best));
#endif
}

#version 450
#extension GL_GOOGLE_include_directive : require
/* max_pool2d_grad.comp - gradient of max_pool2d by x: each window's gradient goes to its first largest element.
 *
 *   gx[p,y,x] = sum of gy[p,i,j] over the windows (i,j) whose first (row-major) largest x is at (y,x)
 *
 * in    0      x  [planes, h, w]   f32
 * in    1      gy [planes, oh, ow] f32
 * out   2      gx [planes, h, w]   f32
 * push, spec 0..6  include/pool.glsl
 * why          gathers instead of scattering: no atomics, the same sum in the same order every time. An element is the
 *              winner if none before it in the window is as large and none behind it is larger. */
#include "include/pool.glsl"
TUFF_PORTS(IIO)

void main()
{
    uint e = pool_element();
    if (e >= count) return;
    uint plane = e / (h * w), at = e - plane * (h * w), row = at / w, column = at - row * w;
    uint i0, i1, j0, j1;
    pool_windows(row, top, KH, SH, DH, oh, i0, i1);
    pool_windows(column, left, KW, SW, DW, ow, j0, j1);
    int own = order(in0(e));
    float sum = 0.0;
    for (uint i = i0; i < i1; i++) {
        for (uint j = j0; j < j1; j++) {
            if ((row + top - i * SH) % DH != 0 || (column + left - j * SW) % DW != 0) continue;
            bool wins = true;
            for (uint u = 0; u < KH; u++) {
                uint y = i * SH + u * DH - top;
                for (uint v = 0; v < KW; v++) {
                    uint x = j * SW + v * DW - left;
                    if (y < h && x < w) {
                        uint from = (plane * h + y) * w + x;
                        int value = order(in0(from));
                        wins = wins && (from < e ? pool_wins(own, value) : from == e || !pool_wins(value, own));
                    }
                }
            }
            if (wins) sum += in1((plane * oh + i) * ow + j);
        }
    }
    out0(e, sum);
}

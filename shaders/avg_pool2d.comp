#version 450
#extension GL_GOOGLE_include_directive : require
/* avg_pool2d.comp - mean of each window.
 *
 *   y[p,i,j] = (1 / N) sum_{u,v} x[p, i*SH + u*DH - top, j*SW + v*DW - left]; N the window's elements in the picture, or
 *   in the padded picture with COUNT_PAD; 0 where N is 0
 *
 * in    0      x [planes, h, w]   f32
 * out   1      y [planes, oh, ow] f32
 * push, spec 0..6  include/pool.glsl
 * spec  7      COUNT_PAD
 * why          as max_pool2d.comp */
#include "include/pool.glsl"
TUFF_PORTS(IO)
TUFF_CONSTANTS(avg_pool2d)

void main()
{
    uint e = pool_element();
    if (e >= count) return;
    uint plane = e / (oh * ow), at = e - plane * (oh * ow), i = at / ow, j = at - i * ow;
    float sum = 0.0, n = 0.0;
    for (uint u = 0; u < KH; u++) {
        uint y = i * SH + u * DH;
        for (uint v = 0; v < KW; v++) {
            uint x = j * SW + v * DW;
            if (y - top < h && x - left < w) {
                sum += in0((plane * h + y - top) * w + x - left);
                n += 1.0;
            } else if (COUNT_PAD && y < h_end + top && x < w_end + left) {
                n += 1.0;
            }
        }
    }
    out0(e, n > 0.0 ? sum / n : 0.0);
}

#version 450
#extension GL_GOOGLE_include_directive : require
/* pool2d_row.comp - largest element or mean of each window, four neighbouring windows at a time; rows are read as quads.
 *
 *   MEAN 0: y as max_pool2d.comp without PICK; MEAN 1: y as avg_pool2d.comp
 *
 * in    0      x [planes, h, w]   f32
 * out   1      y [planes, oh, ow] f32
 * push         include/pool.glsl; count: planes * oh * ceil(ow / 4)
 * spec  0..6   include/pool.glsl
 * spec  7      COUNT_PAD, as avg_pool2d.comp
 * spec  8      LEFT: left once more, so that it is a constant
 * spec  9      ALIGNED: w is a multiple of 4
 * spec  10     EDGES: a window may reach beyond the picture, or ow is no multiple of 4
 * def          MEAN 0 | 1
 * why          on a processor a load of four costs what a load of one does: for 3 x 3 windows a fifth of the loads */
// tuff: variants -DMEAN=0; -DMEAN=1
#ifndef MEAN
#define MEAN 0
#endif
#include "include/pool.glsl"
TUFF_PORTS(IO)
#include "include/quads.glsl"
TUFF_CONSTANTS(pool2d_row)

const uint REACH = (KW - 1) * DW, SPAN = 3 * SW + REACH + 1; /* columns of a window's row, and of four windows' */
const uint SHIFT = (4 - LEFT % 4) % 4;                       /* where they begin in a quad of an aligned row */
const uint QUADS = (SPAN + 3 + (ALIGNED ? SHIFT : 3)) / 4;   /* that hold them */

uint columns_inside(uint x, uint from, uint to)
{
    uint n = 0;
    for (uint v = 0; v < KW; v++) n += x + v * DW >= from && x + v * DW < to ? 1 : 0;
    return n;
}

void main()
{
    uint e = pool_element();
    if (e >= count) return;
    uint columns = (ow + 3) / 4, line = e / columns, j = (e - line * columns) * 4, plane = line / oh, i = line - plane * oh;
    uint x0 = j * SW - LEFT, last = (count / (oh * columns) * h * w - 1) / 4; /* x0 may wrap below zero */
    bool inside[SPAN];
    [[unroll]] for (uint k = 0; k < SPAN; k++) inside[k] = !EDGES || x0 + k < w;
    float y[4] = {0.0, 0.0, 0.0, 0.0};
    int best[4]; /* of nothing: -infinity */
    [[unroll]] for (uint t = 0; t < 4; t++) best[t] = order_value(uintBitsToFloat(0xff800000u));
    uint rows = 0;
    for (uint u = 0; u < KH; u++) {
        uint row = i * SH + u * DH - top;
        bool here = !EDGES || row < h;
        uint at = (plane * h + (here ? row : 0)) * w + x0, shift = ALIGNED ? SHIFT : at;
        vec4 quad[QUADS + 1];
        [[unroll]] for (uint q = 0; q < QUADS; q++) {
            uint from = (at >> 2) + q & 0x3fffffffu;
            quad[q] = in0q(EDGES || !ALIGNED ? min(from, last) : from);
        }
        quad[QUADS] = vec4(0.0);
        [[unroll]] for (uint q = 0; q < QUADS; q++) quad[q] = tuff_any4(quad[q], quad[q + 1], shift);
        [[unroll]] for (uint t = 0; t < 4; t++)
            [[unroll]] for (uint v = 0; v < KW; v++) {
                uint k = t * SW + v * DW;
                float x = quad[k / 4][k % 4];
#if MEAN
                y[t] += here && inside[k] ? x : 0.0;
#else
                best[t] = here && inside[k] ? max(best[t], order_value(x)) : best[t];
#endif
            }
        if (COUNT_PAD ? i * SH + u * DH < h_end + top : here) rows++;
    }
    [[unroll]] for (uint t = 0; t < 4; t++) {
#if MEAN
        uint x = (j + t) * SW;
        float n = float(rows * (EDGES ? columns_inside(x, COUNT_PAD ? 0 : LEFT, COUNT_PAD ? w_end + LEFT : w + LEFT) : KW));
        y[t] = n > 0.0 ? y[t] / n : 0.0;
#else
        y[t] = ordered_value(best[t]);
#endif
    }
    uint to = line * ow + j;
    if (!EDGES) {
        out0v(to, vec4(y[0], y[1], y[2], y[3]));
    } else {
        [[unroll]] for (uint t = 0; t < 4; t++)
            if (j + t < ow) out0(to + t, y[t]);
    }
}

#version 450
#extension GL_GOOGLE_include_directive : require
/* pool2d_row.comp - largest element or mean of each window, four neighbouring windows at a time, and down the picture; rows are read as quads.
 *
 *   MEAN 0: y as max_pool2d.comp without PICK; MEAN 1: y as avg_pool2d.comp
 *
 * in    0      x [planes, h, w]   f32
 * out   1      y [planes, oh, ow] f32
 * push         include/pool.glsl; count: planes * ceil(oh / STEPS) * ceil(ow / 4)
 * spec  0..6   include/pool.glsl
 * spec  7      COUNT_PAD, as avg_pool2d.comp
 * spec  8      LEFT: left once more, so that it is a constant
 * spec  9      ALIGNED: w is a multiple of 4
 * spec  10     EDGES: a window may reach beyond the picture, or ow is no multiple of 4
 * spec  11, 12 WHOLE: ow is a multiple of 4; STEPS: rows of windows of an invocation at most
 * def          MEAN 0 | 1
 * why          on a processor a load of four costs what a load of one does, and each row is loaded once for the windows below each other */
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

/* Rows that a window shares with the one below it, where they are few enough to be held. */
const uint KEPT = DH == 1 && KH <= 4 && KH > SH ? KH - SH : 0, HELD = KEPT > 0 ? KEPT : 1;

#if MEAN
#define NOTHING 0.0
float sum[4];
#else
/* Bits of the largest and smallest as whole numbers, and of the largest without sign: of floats that is the largest of those above zero, and
 * of those below it the largest and smallest. */
int most[4], least[4];
uint lowest[4];
#define NOTHING uintBitsToFloat(0xff800000u)
#endif

/* Columns x0 .. of row y, NOTHING outside the picture. */
void load_row(uint plane, uint y, uint x0, out float x[SPAN])
{
    bool here = !EDGES || y < h;
    uint at = (plane * h + (here ? y : 0)) * w + x0, shift = ALIGNED ? SHIFT : at, last = (planes * h * w - 1) / 4;
    vec4 quad[QUADS + 1];
    [[unroll]] for (uint q = 0; q < QUADS; q++) {
        uint from = (at >> 2) + q & 0x3fffffffu;
        quad[q] = in0q(EDGES || !ALIGNED ? min(from, last) : from);
    }
    quad[QUADS] = vec4(0.0);
    [[unroll]] for (uint q = 0; q < QUADS; q++) quad[q] = tuff_any4(quad[q], quad[q + 1], shift);
    [[unroll]] for (uint k = 0; k < SPAN; k++) {
        bool inside = !EDGES || x0 + k < w, counts = here && inside; /* x0 may have wrapped below zero */
        x[k] = counts ? quad[k / 4][k % 4] : NOTHING;
    }
}

void take_row(float x[SPAN])
{
    [[unroll]] for (uint t = 0; t < 4; t++)
        [[unroll]] for (uint v = 0; v < KW; v++) {
#if MEAN
            sum[t] += x[t * SW + v * DW];
#else
            uint bits = floatBitsToUint(x[t * SW + v * DW]);
            most[t] = max(most[t], int(bits));
            least[t] = min(least[t], int(bits));
            lowest[t] = max(lowest[t], bits);
#endif
        }
}

void main()
{
    uint e = pool_element();
    if (e >= count) return;
    uint columns = (ow + 3) / 4, line = e / columns, part = line / planes, plane = line - part * planes, stored = part * STEPS;
    uint j = (e - line * columns) * 4, x0 = j * SW - LEFT, first = KEPT > top ? KEPT - top : 0, early = part == 0 ? first : KEPT;
    uint inside[4];
    [[unroll]] for (uint t = 0; t < 4; t++)
        inside[t] = EDGES ? columns_inside((j + t) * SW, COUNT_PAD ? 0 : LEFT, COUNT_PAD ? w_end + LEFT : w + LEFT) : KW;
    float held[HELD][SPAN];
    [[unroll]] for (uint u = 0; u < HELD; u++)
        [[unroll]] for (uint k = 0; k < SPAN; k++) held[u][k] = NOTHING;
    /* The steps before the first that is stored find the rows that it shares; numbers below zero wrap. */
    [[dont_unroll]] for (uint i = stored - (early + SH - 1) / SH, end = min(stored + STEPS, oh); i != end; i++) {
        uint y0 = i * SH - top, rows = 0;
        [[unroll]] for (uint t = 0; t < 4; t++) {
#if MEAN
            sum[t] = 0.0;
#else
            most[t] = least[t] = int(0xff800000u);
            lowest[t] = 0xff800000u;
#endif
        }
        for (uint u = 0; u < KH; u++) rows += (COUNT_PAD ? i * SH + u * DH < h_end + top : !EDGES || y0 + u * DH < h) ? 1 : 0;
        [[unroll]] for (uint u = 0; u < KEPT; u++) take_row(held[u]);
        if (KEPT > 0) {
            [[unroll]] for (uint u = 0; u < KEPT; u++)
                [[unroll]] for (uint k = 0; k < SPAN; k++)
                    if (u + SH < KEPT) held[u][k] = held[u + SH][k];
            [[unroll]] for (uint u = KEPT; u < KH; u++) {
                float x[SPAN];
                load_row(plane, y0 + u, x0, x);
                take_row(x);
                [[unroll]] for (uint k = 0; k < SPAN; k++)
                    if (u >= SH) held[u - SH][k] = x[k];
            }
        } else {
            for (uint u = 0; u < KH; u++) {
                float x[SPAN];
                load_row(plane, y0 + u * DH, x0, x);
                take_row(x);
            }
        }
        float y[4];
        [[unroll]] for (uint t = 0; t < 4; t++) {
#if MEAN
            float n = float(rows * inside[t]), mean = sum[t] / n;
            y[t] = n > 0.0 ? mean : 0.0;
#else
            int best = most[t] >= 0 ? most[t] : least[t];
            bool nan = most[t] > 0x7f800000, below = lowest[t] > 0xff800000u;
            y[t] = intBitsToFloat(nan || below ? 0x7fffffff : best);
#endif
        }
        uint to = (plane * oh + i) * ow + j;
        bool stores = i - stored < STEPS;
        if (stores && WHOLE) out0v(to, vec4(y[0], y[1], y[2], y[3]));
        if (stores && !WHOLE)
            [[unroll]] for (uint t = 0; t < 4; t++)
                if (j + t < ow) out0(to + t, y[t]);
    }
}

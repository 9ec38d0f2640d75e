#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
/* conv_shuffle.comp - convolution or its gradient by input; one subgroup computes LANES * MG channels of LANES * NG quads of
 * neighbouring positions.
 *
 *   forward:  r[n,m,i,j] = sum_{c,u,v} s[n, c, i*SH + u*DH - TOP, j*SW + v*DW - LEFT] * w[m,c,u,v]
 *   gradient: r[n,m,y,x] = sum of s[n,c,i,j] * w[c,m,u,v] over c, u, v with i*SH + u*DH - TOP = y, j*SW + v*DW - LEFT = x
 *
 * A position of the gradient is a block of SH x SW pixels of r, the classes of parity: each tap feeds one class alone, and all
 * of them read the same window of s.
 *
 * in    0      s [n, groups * s_channels, sh, sw] f32
 * in    1      w as conv2d's                      f32
 * out   2      r [n, groups * m_count, rh, rw]    f32
 * push         below
 * spec  0..5   KH, KW, SH, SW, DH, DW
 * spec  6      LANES: the subgroup's and the workgroup's size, 4 or a multiple of 8
 * spec  7, 8   MG, NG
 * spec  9      FLAGS: 1 FLAT: quads run through rows (strides of 1, rw == sw, rh * rw and sh * sw multiples of 4); else each
 *              row begins one
 *              2 A_VEC: w is read four at a time: s_channels * KH * KW (gradient: m_count * KH * KW) is a multiple of 4
 *              4 C_VEC: all quads are whole and begin at multiples of 4 in r
 *              8 PADDED: some tap lies outside the picture
 *              16 SHIFTS: windows begin anywhere in their first quad; else all of them at the same place
 *              32 ROW_TAIL: rows is no multiple of ROWS
 * spec  10, 11 TOP, LEFT: at most 1024
 * spec  12     ROWS: window rows (c,u) between two loads of weights: 4, gradient: KH
 * def          CONV_GRAD 0 | 1
 * grid         group_count workgroups, folded: tile of positions fastest, then of channels, then group
 * why          as gemm_shuffle.comp, with its condition around each row; the windows of ROWS rows are read first, as whole quads, and once for
 *              their KW taps, so that a channel's sums are read and written once for ROWS * KW products */
// tuff: full-subgroups
// tuff: variants -DCONV_GRAD=0; -DCONV_GRAD=1
#ifndef CONV_GRAD
#define CONV_GRAD 0
#endif
#include "include/hooks.glsl"
TUFF_KERNEL(conv_shuffle, 6)
TUFF_PORTS(IIO)

const bool FLAT = (FLAGS & 1u) != 0, A_VEC = (FLAGS & 2u) != 0, C_VEC = (FLAGS & 4u) != 0, PADDED = (FLAGS & 8u) != 0,
           SHIFTS = (FLAGS & 16u) != 0, ROW_TAIL = (FLAGS & 32u) != 0;
const uint TAPS = KH * KW;

/* Tap u of an axis: the distance of its element of s from the position's own, the class that it feeds, and where in a window it
 * lies. Distances may be negative: then they wrap. FAR strides keep the divisions positive. */
const uint FAR = 1024;
#if CONV_GRAD
const uint CLASSES = SH * SW;
const uint NEAREST = ((KW - 1) * DW + FAR * SW - LEFT) / SW; /* FAR - the distance of the tap that lies furthest to the left */
const uint WINDOW = 4 + NEAREST - (FAR * SW - LEFT) / SW;
const uint FIRST = FAR - NEAREST; /* distance of a window's first element */
const uint A_VECTORS = (TAPS + 3) / 4; /* LANES rows of TAPS numbers lie together */
uint row_of(uint u) { return FAR - (u * DH + FAR * SH - TOP) / SH; }
uint column_of(uint v) { return FAR - (v * DW + FAR * SW - LEFT) / SW; }
uint class_of(uint u, uint v) { return (u * DH + FAR * SH - TOP) % SH * SW + (v * DW + FAR * SW - LEFT) % SW; }
uint in_window(uint c, uint v) { return c + NEAREST - (v * DW + FAR * SW - LEFT) / SW; }
#else
const uint CLASSES = 1;
const uint WINDOW = 3 * SW + (KW - 1) * DW + 1;
const uint FIRST = 0u - LEFT;
const uint A_VECTORS = KW;
uint row_of(uint u) { return u * DH - TOP; }
uint column_of(uint v) { return v * DW - LEFT; }
uint class_of(uint u, uint v) { return 0u; }
uint in_window(uint c, uint v) { return c * SW + v * DW; }
#endif
const uint SHIFT = FIRST & 3u;                                               /* unless SHIFTS */
const uint FETCHES = SHIFTS ? (WINDOW + 6) / 4 : (SHIFT + WINDOW + 3) / 4; /* quads of s that hold a window */
const uint FETCHED = 4 * FETCHES;

struct Quad {
    uint source;     /* of the first position's window, in channel 0 and its own row; may wrap */
    uint result;     /* of the first position in channel 0 */
    uint y[4], x[4]; /* each position's own element of s */
    uint row, column, count; /* positions of the quad */
};

Quad make_quad(uint q, uint z)
{
    Quad r;
    uint per_row = (gw + 3) / 4, per_picture = FLAT ? gh * gw / 4 : gh * per_row;
    uint picture = q / per_picture, at = q - picture * per_picture, i, j;
    if (FLAT) {
        i = at * 4 / gw;
        j = at * 4 - i * gw;
    } else {
        i = at / per_row;
        j = (at - i * per_row) * 4;
    }
    const uint step_y = CONV_GRAD != 0 ? 1 : SH, step_x = CONV_GRAD != 0 ? 1 : SW;
    const uint block_y = CONV_GRAD != 0 ? SH : 1, block_x = CONV_GRAD != 0 ? SW : 1;
    r.row = i;
    r.column = j;
    r.source = (picture * groups + z) * s_channels * (sh * sw) + i * step_y * sw + j * step_x + FIRST;
    r.result = (picture * groups + z) * m_count * (rh * rw) + i * block_y * rw + j * block_x;
    r.count = q >= quads ? 0 : FLAT ? 4 : min(gw - j, 4);
    [[unroll]] for (uint c = 0; c < 4; c++) {
        r.y[c] = i * step_y;
        r.x[c] = j * step_x;
        if (++j == gw && FLAT) {
            j = 0;
            i++;
        }
    }
    return r;
}

/* f[SHIFTS ? 0 : SHIFT ..]: the window whose first element is number `at` of s. Outside of s, where only taps in the padding
 * lie, at wraps and any element will do. */
void read_window(uint at, out float f[FETCHED])
{
    [[unroll]] for (uint k = 0; k < FETCHES; k++) {
        vec4 v = in0q(min(uint(int(at) >> 2) + k, last / 4u)); /* before the first element: -1 */
        [[unroll]] for (uint c = 0; c < 4; c++) f[4 * k + c] = v[c];
    }
    if (SHIFTS) {
        [[unroll]] for (uint e = 0; e < WINDOW + 2; e++) f[e] = (at & 1u) != 0 ? f[e + 1] : f[e];
        [[unroll]] for (uint e = 0; e < WINDOW; e++) f[e] = (at & 2u) != 0 ? f[e + 2] : f[e];
    }
}

const uint DOWN = CONV_GRAD != 0 ? SH : 1, ACROSS = CONV_GRAD != 0 ? SW : 1; /* rows and pixels of the result at a position */

/* Row y of the results at the quad's positions, from element `to` on: of[b][c] belongs to class b of position c. */
void store_row(Quad quad, uint to, uint y, vec4 of[ACROSS])
{
    if (C_VEC) {
        if (quad.count > 0) {
            [[unroll]] for (uint b = 0; b < ACROSS; b++) {
                vec4 v;
                [[unroll]] for (uint c = 0; c < 4; c++) v[c] = of[(b * 4 + c) % ACROSS][(b * 4 + c) / ACROSS];
                out0v(to + b * 4, v);
            }
        }
    } else if (quad.count == 4 && (quad.column + 4) * ACROSS <= rw && quad.row * DOWN + y < rh) {
        /* all at once: a condition around each store costs more than the stores */
        [[unroll]] for (uint e = 0; e < 4 * ACROSS; e++) out0(to + e, of[e % ACROSS][e / ACROSS]);
    } else {
        [[unroll]] for (uint e = 0; e < 4 * ACROSS; e++) {
            bool ok = e / ACROSS < quad.count && quad.column * ACROSS + e < rw && quad.row * DOWN + y < rh;
            if (ok) out0(to + e, of[e % ACROSS][e / ACROSS]);
        }
    }
}

void main()
{
    uint group = tuff_group(), lane = gl_SubgroupInvocationID;
    if (group >= group_count) return;
    uint tile_n = group % tiles_n, rest = group / tiles_n, tile_m = rest % tiles_m, z = rest / tiles_m;
    uint m0 = tile_m * (LANES * MG);
    Quad quad[NG];
    vec4 acc[CLASSES * MG * LANES * NG];
    [[unroll]] for (uint h = 0; h < NG; h++) quad[h] = make_quad((tile_n * NG + h) * LANES + lane, z);
    [[unroll]] for (uint i = 0; i < CLASSES * MG * LANES * NG; i++) acc[i] = vec4(0.0);

    for (uint r0 = 0; r0 < rows; r0 += ROWS) {
        /* the weights of ROWS window rows: of LANES result channels in each a[g] */
        vec4 a[MG][A_VECTORS];
        [[unroll]] for (uint g = 0; g < MG; g++) {
            uint m = min(m0 + g * LANES + lane, m_count - 1);
#if CONV_GRAD
            uint from = (z * s_channels + r0 / KH) * m_count;
            if (A_VEC) {
                from = (from + m0 + g * LANES) * TAPS;
                uint end = (z * s_channels + r0 / KH + 1) * m_count * TAPS;
                [[unroll]] for (uint t = 0; t < A_VECTORS; t++) a[g][t] = in1q(min(from + (t * LANES + lane) * 4, end - 4) / 4u);
            } else {
                [[unroll]] for (uint t = 0; t < TAPS; t++) a[g][t / 4][t % 4] = in1((from + m) * TAPS + t);
            }
#else
            uint from = (z * m_count + m) * (rows * KW), k = r0 * KW;
            if (A_VEC) {
                [[unroll]] for (uint t = 0; t < KW; t++) a[g][t] = in1q((from + min(k + t * 4, rows * KW - 4)) / 4u);
            } else {
                [[unroll]] for (uint t = 0; t < 4 * KW; t++) a[g][t / 4][t % 4] = in1(from + min(k + t, rows * KW - 1));
            }
#endif
        }
        vec4 tap[NG][ROWS][KW];
        [[unroll]] for (uint s = 0; s < ROWS; s++) {
            uint row = r0 + s, channel = row / KH, u = CONV_GRAD != 0 ? s : row - channel * KH;
            bool inside = !ROW_TAIL || row < rows;
            uint offset = channel * (sh * sw) + row_of(u) * sw;
            [[unroll]] for (uint h = 0; h < NG; h++) {
                float f[FETCHED];
                read_window(quad[h].source + offset, f);
                [[unroll]] for (uint v = 0; v < KW; v++)
                    [[unroll]] for (uint c = 0; c < 4; c++) {
                        bool ok = inside;
                        if (PADDED) ok = ok && quad[h].y[c] + row_of(u) < sh && quad[h].x[c] + column_of(v) < sw;
                        tap[h][s][v][c] = ok ? f[in_window(c, v) + (SHIFTS ? 0 : SHIFT)] : 0.0;
                    }
            }
        }
        [[unroll]] for (uint g = 0; g < MG; g++)
            [[unroll]] for (uint r = 0; r < LANES; r++)
                if (m0 + g * LANES + r < m_count) {
                    [[unroll]] for (uint h = 0; h < NG; h++)
                        [[unroll]] for (uint t = 0; t < ROWS * KW; t++) {
                            uint i = ((class_of(CONV_GRAD != 0 ? t / KW : 0, t % KW) * MG + g) * LANES + r) * NG + h;
#if CONV_GRAD
                            uint e = r * TAPS + t;
                            float w = A_VEC ? subgroupShuffle(a[g][e / 4 / LANES][e % 4], e / 4 % LANES)
                                            : subgroupShuffle(a[g][t / 4][t % 4], r);
#else
                            float w = subgroupShuffle(a[g][t / 4][t % 4], r);
#endif
                            acc[i] = fma(vec4(w), tap[h][t / KW][t % KW], acc[i]);
                        }
                }
    }
    const uint CLASS = MG * LANES * NG; /* results of a class */
    const uint ROUNDS = C_VEC ? 8 : 16, STEP = (MG * LANES + ROUNDS - 1) / ROUNDS; /* stores are much text: a loop around a few rows, which compilers keep */
    [[dont_unroll]] for (uint r0 = 0; r0 < MG * LANES; r0 += STEP) {
        [[unroll]] for (uint r = 0; r < STEP; r++)
            if (m0 + r0 + r < m_count) {
                [[unroll]] for (uint h = 0; h < NG; h++)
                    [[unroll]] for (uint y = 0; y < DOWN; y++) {
                        vec4 of[ACROSS];
                        [[unroll]] for (uint b = 0; b < ACROSS; b++) of[b] = acc[(y * ACROSS + b) * CLASS + r * NG + h];
                        store_row(quad[h], quad[h].result + (m0 + r0 + r) * (rh * rw) + y * rw, y, of);
                    }
            }
        [[unroll]] for (uint c = 0; c < CLASSES; c++)
            [[unroll]] for (uint i = 0; i < CLASS - STEP * NG; i++) acc[c * CLASS + i] = acc[c * CLASS + i + STEP * NG];
    }
}

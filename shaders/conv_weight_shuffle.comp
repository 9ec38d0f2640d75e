#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
/* conv_weight_shuffle.comp - gradient by weight of a convolution; one subgroup computes LANES * MG output
 * channels by LANES * NG window rows (c,u) of KW taps.
 *
 *   gw[split,o,c,u,v] = sum_{n,i,j} gy[n,o,i,j] * x[n, c, i*SH + u*DH - top, j*SW + v*DW - left], n in the split's pictures
 *
 * in    0      x  [n, groups * ci, h, w]   f32
 * in    1      gy [n, groups * co, oh, ow] f32
 * out   2      gw [splits, groups * co, ci, KH, KW] f32
 * push         below
 * spec  0..5   KH, KW, SH, SW, DH, DW
 * spec  6      LANES: the subgroup's and the workgroup's size
 * spec  7, 8   MG, NG
 * spec  9      FLAGS: 1 FLAT: four neighbouring pixels are taken through rows (strides of 1, w == ow, h * w and oh * ow
 *              multiples of 4); else each row begins anew
 *              2 GY_VEC: gy is read four at a time: FLAT, or ow a multiple of 4
 *              4 PADDED: some tap lies outside the picture
 *              8 SHIFTS: windows begin anywhere in their first quad; else all of them at the same place
 * spec  10, 11 TOP, LEFT
 * grid         group_count workgroups, folded: tile of window rows fastest, then of channels, then group, then split
 * why          each lane walks along its window row with the quads of a window in hand, so that x is loaded once for all taps;
 *              gy is loaded by one lane and handed around; the condition around each row is gemm_shuffle.comp's */
// tuff: full-subgroups
#include "include/hooks.glsl"
TUFF_KERNEL(conv_weight_shuffle, 6)
TUFF_PORTS(IIO)
#include "include/quads.glsl"

const bool FLAT = (FLAGS & 1u) != 0, GY_VEC = (FLAGS & 2u) != 0, PADDED = (FLAGS & 4u) != 0, SHIFTS = (FLAGS & 8u) != 0;
const uint WINDOW = 3 * SW + (KW - 1) * DW + 1;
const uint SHIFT = (0u - LEFT) & 3u; /* unless SHIFTS */
const uint NEEDED = SHIFTS ? (WINDOW + 6) / 4 : (SHIFT + WINDOW + 3) / 4; /* quads of x that hold a window */
const uint FETCHES = NEEDED > SW ? NEEDED : SW;
const uint FETCHED = 4 * FETCHES, KEPT = FETCHES - SW;

/* The quad that lies k quads behind that of element `at`; outside of x, where only taps in the padding lie, any will do. */
vec4 read_x(uint at, uint k) { return in0q(min(uint(int(at) >> 2) + k, last / 4u)); }

/* Four pixels of gy from `at` on, of which `count` exist. */
vec4 read_gy(uint at, uint count)
{
    vec4 v = in1q(at / 4u);
    if (GY_VEC) return v;
    v = tuff_any4(v, in1q((at + count - 1) / 4u), at);
    return mix(vec4(0.0), v, lessThan(uvec4(0, 1, 2, 3), uvec4(count)));
}

const uint QUADS = 2; /* of gy a round */

void main()
{
    uint group = tuff_group(), lane = gl_SubgroupInvocationID;
    if (group >= group_count) return;
    uint tile_n = group % tiles_n, rest = group / tiles_n, tile_m = rest % tiles_m, z = rest / tiles_m;
    uint split = z / groups, m0 = tile_m * (LANES * MG), row0 = tile_n * (LANES * NG) + lane;
    z -= split * groups;
    uint x_row[NG], y_tap[NG], gy_row[MG]; /* where the lane's rows begin in a picture; the row's u * DH - TOP */
    [[unroll]] for (uint k = 0; k < NG; k++) {
        uint row = min(row0 + k * LANES, rows - 1), channel = row / KH;
        y_tap[k] = (row - channel * KH) * DH - TOP;
        x_row[k] = (z * ci + channel) * (h * w) + y_tap[k] * w - LEFT;
    }
    [[unroll]] for (uint g = 0; g < MG; g++) gy_row[g] = (z * co + min(m0 + g * LANES + lane, co - 1)) * (oh * ow);

    float acc[MG * LANES][NG][KW];
    [[unroll]] for (uint r = 0; r < MG * LANES; r++)
        [[unroll]] for (uint k = 0; k < NG; k++)
            [[unroll]] for (uint v = 0; v < KW; v++) acc[r][k][v] = 0.0;

    uint per_picture = FLAT ? 1 : oh, quads = FLAT ? oh * ow / 4 : (ow + 3) / 4;
    uint run_end = min((split + 1) * split_pictures, pictures) * per_picture;
    for (uint run = split * split_pictures * per_picture; run < run_end; run++) { /* pixels that follow each other in memory */
        uint picture = run / per_picture, i0 = run - picture * per_picture;
        uint x_at = picture * (groups * ci * h * w) + i0 * SH * w, gy_at = picture * (groups * co * oh * ow) + i0 * ow;
        vec4 x[NG][FETCHES]; /* the last SW of them come with each quad of gy */
        [[unroll]] for (uint k = 0; k < NG; k++)
            [[unroll]] for (uint t = 0; t < KEPT; t++) x[k][t] = read_x(x_at + x_row[k], t);
        uint next_row = 0, next_column = 0; /* FLAT: where the next pixel lies */
        for (uint q0 = 0; q0 < quads; q0 += QUADS) {
            vec4 a[QUADS][MG];
            float tap[NG][4 * QUADS][KW];
            [[unroll]] for (uint s = 0; s < QUADS; s++) {
                uint q = q0 + s;
                bool inside = s == 0 || q < quads;
                uint own = inside ? q : 0, own_count = FLAT ? 4 : min(ow - own * 4, 4), row[4], column[4];
                if (FLAT && PADDED)
                    [[unroll]] for (uint c = 0; c < 4; c++) {
                        row[c] = next_row;
                        column[c] = next_column++;
                        if (next_column == ow) {
                            next_column = 0;
                            next_row++;
                        }
                    }
                [[unroll]] for (uint g = 0; g < MG; g++) {
                    vec4 v = read_gy(gy_at + gy_row[g] + own * 4, own_count);
                    a[s][g] = inside ? v : vec4(0.0);
                }
                [[unroll]] for (uint k = 0; k < NG; k++) {
                    uint begin = x_at + x_row[k] + q * 4 * SW;
                    float f[FETCHED];
                    [[unroll]] for (uint t = 0; t < SW; t++) x[k][KEPT + t] = read_x(begin, KEPT + t);
                    [[unroll]] for (uint t = 0; t < FETCHES; t++)
                        [[unroll]] for (uint c = 0; c < 4; c++) f[4 * t + c] = x[k][t][c];
                    [[unroll]] for (uint t = 0; t < KEPT; t++) x[k][t] = x[k][t + SW];
                    if (SHIFTS) {
                        [[unroll]] for (uint e = 0; e < WINDOW + 2; e++) f[e] = (begin & 1u) != 0 ? f[e + 1] : f[e];
                        [[unroll]] for (uint e = 0; e < WINDOW; e++) f[e] = (begin & 2u) != 0 ? f[e + 2] : f[e];
                    }
                    [[unroll]] for (uint c = 0; c < 4; c++) {
                        uint i = FLAT ? row[c] : i0, j = FLAT ? column[c] : q * 4 + c;
                        bool exists = inside && (GY_VEC || j < ow); /* gy is 0 in other columns, but what lies there may be no number */
                        [[unroll]] for (uint v = 0; v < KW; v++) {
                            bool ok = exists && (!PADDED || (i * SH + y_tap[k] < h && j * SW + v * DW - LEFT < w));
                            tap[k][4 * s + c][v] = ok ? f[c * SW + v * DW + (SHIFTS ? 0 : SHIFT)] : 0.0;
                        }
                    }
                }
            }
            [[unroll]] for (uint g = 0; g < MG; g++)
                [[unroll]] for (uint r = 0; r < LANES; r++)
                    if (m0 + g * LANES + r < co) {
                        [[unroll]] for (uint c = 0; c < 4 * QUADS; c++) {
                            float y = subgroupShuffle(a[c / 4][g][c % 4], r);
                            [[unroll]] for (uint k = 0; k < NG; k++)
                                [[unroll]] for (uint v = 0; v < KW; v++)
                                    acc[g * LANES + r][k][v] = fma(y, tap[k][c][v], acc[g * LANES + r][k][v]);
                        }
                    }
        }
    }
    [[unroll]] for (uint r = 0; r < MG * LANES; r++)
        if (m0 + r < co) {
            uint to = ((split * groups + z) * co + m0 + r) * rows;
            [[unroll]] for (uint k = 0; k < NG; k++)
                if (row0 + k * LANES < rows) {
                    [[unroll]] for (uint v = 0; v < KW; v++) out0((to + row0 + k * LANES) * KW + v, acc[r][k][v]);
                }
        }
}

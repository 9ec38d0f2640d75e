#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
/* conv_shuffle.comp - convolution with stride 1, or its gradient by input; one subgroup computes LANES * MG channels of
 * LANES * NG groups of four neighbouring pixels.
 *
 *   r[n,m,i,j] = sum_{c,u,v} s[n, c, i + u*DH - pad_y, j + v*DW - pad_x] * a[m,c,u,v]
 *   forward:  s = x,  a[m,c,u,v] = w[m,c,u,v];   gradient: s = gy, a[m,c,u,v] = w[c,m,KH-1-u,KW-1-v]
 *
 * in    0      s [n, groups * s_channels, sh, sw] f32
 * in    1      w as conv2d's                      f32
 * out   2      r [n, groups * m_count, rh, rw]    f32
 * push         below
 * spec  0..3   KH, KW, DH, DW
 * spec  4      LANES: the subgroup's and the workgroup's size, 4 or a multiple of 8
 * spec  5, 6   MG, NG
 * spec  7      FLAT: quads run through rows (rw == sw, rh * rw and sh * sw multiples of 4); else each row begins one
 * spec  8      A_VEC: w is read four at a time: s_channels * KH * KW (gradient: m_count * KH * KW) is a multiple of 4
 * spec  9      C_VEC: four pixels are written at a time
 * spec  10     PADDED: some tap lies outside the picture
 * spec  11     ROWS: window rows (c,u) between two loads of weights: 4, gradient: KH
 * spec  12     CROSSES (VECTORS): sw is no multiple of 4, so that windows begin anywhere, or windows end behind the last quad
 * spec  13     PAD_X (VECTORS): pad_x, at most 4
 * spec  14     ROW_TAIL: rows is no multiple of ROWS
 * spec  15     VECTORS: s is read four at a time: always with FLAT; s has a multiple of 4 elements
 * def          CONV_GRAD 0 | 1
 * grid         group_count workgroups, folded: tile of pixels fastest, then of channels, then group
 * why          as gemm_shuffle.comp; and a window row of four pixels is loaded once for its KW taps: with VECTORS as one
 *              vector, the neighbours' pixels come from the lanes beside. (KW-1)*DW <= 5; VECTORS: f + 3 + (KW-1)*DW <=
 *              7 + PAD_X, where a window begins up to f elements behind a multiple of 4. */
// tuff: full-subgroups
// tuff: variants -DCONV_GRAD=0; -DCONV_GRAD=1
#ifndef CONV_GRAD
#define CONV_GRAD 0
#endif
layout(local_size_x_id = 4) in;
layout(constant_id = 0) const uint KH = 3;
layout(constant_id = 1) const uint KW = 3;
layout(constant_id = 2) const uint DH = 1;
layout(constant_id = 3) const uint DW = 1;
layout(constant_id = 4) const uint LANES = 8;
layout(constant_id = 5) const uint MG = 2;
layout(constant_id = 6) const uint NG = 1;
layout(constant_id = 7) const bool FLAT = false;
layout(constant_id = 8) const bool A_VEC = false;
layout(constant_id = 9) const bool C_VEC = false;
layout(constant_id = 10) const bool PADDED = true;
layout(constant_id = 11) const uint ROWS = 4;
layout(constant_id = 12) const bool CROSSES = false;
layout(constant_id = 13) const uint PAD_X = 1;
layout(constant_id = 14) const bool ROW_TAIL = true;
layout(constant_id = 15) const bool VECTORS = false;
layout(push_constant) uniform Push {
    uint m_count, quads, rows, tiles_m, tiles_n, group_count; /* quads: groups of four pixels; rows: s_channels * KH */
    uint groups, s_channels, sh, sw, rh, rw, pad_y, pad_x;
    uint last; /* number of s's last element */
};
#include "include/hooks.glsl"
#ifndef TUFF_HOOKS
TUFF_PORT_IN(0)
TUFF_PORT_IN(1)
TUFF_PORT_OUT(2)
#endif
#include "include/grid.glsl"

const uint WINDOW = 4 + (KW - 1) * DW;
const bool NEIGHBOURS = WINDOW > 4 || CROSSES; /* a window is more than its quad's own vector */
const uint TAPS = KH * KW;
#if CONV_GRAD
const uint A_VECTORS = (TAPS + 3) / 4; /* LANES rows of TAPS numbers lie together */
#else
const uint A_VECTORS = KW;
#endif

struct Quad {
    uint base;         /* of the first pixel's tap 0, in channel 0; may wrap */
    uint result;       /* of the first pixel in channel 0 */
    uint y[4], x[4];   /* each pixel's tap 0; wraps in the padding */
    uint count;        /* pixels of the quad */
    bool first, final; /* of its picture, or of its row where each row begins a quad: the lane beside is somewhere else */
};

Quad make_quad(uint q, uint z)
{
    Quad r;
    uint per_row = (rw + 3) / 4, per_picture = FLAT ? rh * rw / 4 : rh * per_row;
    uint picture = q / per_picture, at = q - picture * per_picture, i, j;
    if (FLAT) {
        i = at * 4 / rw;
        j = at * 4 - i * rw;
    } else {
        i = at / per_row;
        j = (at - i * per_row) * 4;
    }
    r.base = (picture * groups + z) * s_channels * (sh * sw) + (i - pad_y) * sw + j - pad_x;
    r.result = (picture * groups + z) * m_count * (rh * rw) + i * rw + j;
    r.first = FLAT && at == 0; /* before a row lies padding */
    r.final = FLAT ? at + 1 == per_picture : j + 4 >= rw;
    r.count = q >= quads ? 0 : FLAT ? 4 : min(rw - j, 4);
    [[unroll]] for (uint c = 0; c < 4; c++) {
        uint column = j + c, row = i;
        if (FLAT) {
            row += column / rw;
            column %= rw;
        }
        r.y[c] = row - pad_y;
        r.x[c] = column - pad_x;
    }
    return r;
}

/* Where the quad's own vector lies; outside of s, where only taps in the padding lie, this wraps and any vector will do. */
uint quad_vector(Quad q, uint offset) { return (q.base + PAD_X + offset) & ~3u; }
vec4 read_vector(uint at) { return in0q(min(at, last) / 4u); }

/* f[0..3] is the vector before the quad's, f[4..7] its own, f[8..11] the one after. */
void read_around(Quad quad[NG], vec4 own[NG], uint h, uint offset, uint lane, out float f[12])
{
    vec4 before = vec4(0.0), after = vec4(0.0), x = own[h];
    if (NEIGHBOURS) {
        vec4 b = own[h > 0 ? h - 1 : 0], a = own[h + 1 < NG ? h + 1 : h];
        [[unroll]] for (uint c = 0; c < 4; c++) {
            if (PAD_X > 0) before[c] = subgroupShuffle(lane == LANES - 1 ? b[c] : x[c], (lane + LANES - 1) % LANES);
            after[c] = subgroupShuffle(lane == 0 ? a[c] : x[c], (lane + 1) % LANES);
        }
        uint at = quad_vector(quad[h], offset);
        if (PAD_X > 0 && (h == 0 || CROSSES))
            if ((h == 0 && lane == 0) || (CROSSES && quad[h].first)) before = read_vector(at - 4);
        if (h == NG - 1 || CROSSES)
            if ((h == NG - 1 && lane == LANES - 1) || (CROSSES && quad[h].final)) after = read_vector(at + 4);
    }
    f = float[12](before.x, before.y, before.z, before.w, x.x, x.y, x.z, x.w, after.x, after.y, after.z, after.w);
}

void main()
{
    uint group = tuff_group(), lane = gl_SubgroupInvocationID;
    if (group >= group_count) return;
    uint tile_n = group % tiles_n, rest = group / tiles_n, tile_m = rest % tiles_m, z = rest / tiles_m;
    uint m0 = tile_m * (LANES * MG);
    Quad quad[NG];
    vec4 acc[MG * LANES * NG];
    [[unroll]] for (uint h = 0; h < NG; h++) quad[h] = make_quad((tile_n * NG + h) * LANES + lane, z);
    [[unroll]] for (uint i = 0; i < MG * LANES * NG; i++) acc[i] = vec4(0.0);

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
        [[unroll]] for (uint s = 0; s < ROWS; s++) {
            uint row = r0 + s, channel = row / KH, u = CONV_GRAD != 0 ? s : row - channel * KH;
            bool inside = !ROW_TAIL || row < rows;
            uint offset = channel * (sh * sw) + u * DH * sw;
            vec4 own[NG];
            if (VECTORS) {
                [[unroll]] for (uint h = 0; h < NG; h++) own[h] = read_vector(quad_vector(quad[h], offset));
            }
            [[unroll]] for (uint h = 0; h < NG; h++) {
                float f[12];
                if (VECTORS) {
                    read_around(quad, own, h, offset, lane, f);
                    uint shift = quad[h].base + PAD_X + offset;
                    if (CROSSES) {
                        [[unroll]] for (uint e = 0; e < 11; e++) f[e] = (shift & 1u) != 0 ? f[e + 1] : f[e];
                        [[unroll]] for (uint e = 0; e < 10; e++) f[e] = (shift & 2u) != 0 ? f[e + 2] : f[e];
                    }
                    [[unroll]] for (uint e = 0; e < WINDOW; e++) f[e] = f[e + 4 - PAD_X];
                } else {
                    [[unroll]] for (uint e = 0; e < WINDOW; e++) f[e] = in0(min(quad[h].base + offset + e, last));
                }
                vec4 tap[KW];
                [[unroll]] for (uint v = 0; v < KW; v++)
                    [[unroll]] for (uint c = 0; c < 4; c++) {
                        bool ok = inside;
                        if (PADDED) ok = ok && quad[h].y[c] + u * DH < sh && quad[h].x[c] + v * DW < sw;
                        tap[v][c] = ok ? f[c + v * DW] : 0.0;
                    }
                [[unroll]] for (uint g = 0; g < MG; g++)
                    [[unroll]] for (uint r = 0; r < LANES; r++) {
                        uint i = (g * LANES + r) * NG + h;
                        [[unroll]] for (uint v = 0; v < KW; v++) {
#if CONV_GRAD
                            uint t = TAPS - 1 - (s * KW + v), e = r * TAPS + t;
                            float w = A_VEC ? subgroupShuffle(a[g][e / 4 / LANES][e % 4], e / 4 % LANES)
                                            : subgroupShuffle(a[g][t / 4][t % 4], r);
#else
                            uint t = s * KW + v;
                            float w = subgroupShuffle(a[g][t / 4][t % 4], r);
#endif
                            acc[i] = fma(vec4(w), tap[v], acc[i]);
                        }
                    }
            }
        }
    }
    [[unroll]] for (uint r = 0; r < MG * LANES; r++)
        if (m0 + r < m_count) {
            [[unroll]] for (uint h = 0; h < NG; h++) {
                uint to = quad[h].result + (m0 + r) * (rh * rw);
                vec4 v = acc[r * NG + h];
                if (C_VEC) {
                    if (quad[h].count > 0) out0v(to, v);
                } else {
                    [[unroll]] for (uint c = 0; c < 4; c++)
                        if (c < quad[h].count) out0(to + c, v[c]);
                }
            }
        }
}

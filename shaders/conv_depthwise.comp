#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
/* conv_depthwise.comp - convolution with one input channel in a group, or its gradient by input for stride 1 and as many
 * output channels; one invocation computes TR rows of four pixels of one channel.
 *
 *   r[n,m,i,j] = sum_{u,v} s[n, m / per_group, i*SH + u*DH - pad_y, j*SW + v*DW - pad_x] * w[m,0,u,v]
 *   FLIP: w[m,0,KH-1-u,KW-1-v]
 *
 * in    0      s [n, groups, sh, sw]             f32
 * in    1      w [groups * per_group, 1, KH, KW] f32
 * out   2      r [n, groups * per_group, rh, rw] f32
 * push         below
 * spec  0..5   KH, KW, SH, SW, DH, DW
 * spec  6      WORKGROUP
 * spec  7      TR
 * spec  8      FLIP
 * spec  9      C_VEC: rw is a multiple of 4
 * grid         count / WORKGROUP workgroups, rounded up, folded
 * why          no products are shared between channels, so a matrix product would idle; each element of s that the block
 *              needs is read once */
layout(local_size_x_id = 6) in;
layout(constant_id = 0) const uint KH = 3;
layout(constant_id = 1) const uint KW = 3;
layout(constant_id = 2) const uint SH = 1;
layout(constant_id = 3) const uint SW = 1;
layout(constant_id = 4) const uint DH = 1;
layout(constant_id = 5) const uint DW = 1;
layout(constant_id = 6) const uint WORKGROUP = 64;
layout(constant_id = 7) const uint TR = 4;
layout(constant_id = 8) const bool FLIP = false;
layout(constant_id = 9) const bool C_VEC = false;
layout(push_constant) uniform Push {
    uint count; /* blocks */
    uint groups, per_group, sh, sw, rh, rw, pad_y, pad_x;
};
#include "include/hooks.glsl"
#ifndef TUFF_HOOKS
TUFF_PORT_IN(0)
TUFF_PORT_IN(1)
TUFF_PORT_OUT(2)
#endif
#include "include/grid.glsl"

const uint COLUMNS = 3 * SW + (KW - 1) * DW + 1, LINES = (TR - 1) * SH + (KH - 1) * DH + 1;

void main()
{
    uint e = tuff_group() * WORKGROUP + gl_LocalInvocationIndex;
    if (e >= count) return;
    uint across = (rw + 3) / 4, down = (rh + TR - 1) / TR;
    uint plane = e / (across * down), at = e - plane * (across * down), i0 = at / across * TR, j0 = (at % across) * 4;
    uint channel = plane % (groups * per_group), picture = plane / (groups * per_group);
    uint from = (picture * groups + channel / per_group) * (sh * sw);
    float weight[KH][KW];
    [[unroll]] for (uint u = 0; u < KH; u++)
        [[unroll]] for (uint v = 0; v < KW; v++) {
            uint tap = u * KW + v;
            weight[u][v] = in1(channel * (KH * KW) + (FLIP ? KH * KW - 1 - tap : tap));
        }
    vec4 acc[TR];
    [[unroll]] for (uint i = 0; i < TR; i++) acc[i] = vec4(0.0);
    [[unroll]] for (uint l = 0; l < LINES; l++) {
        uint y = i0 * SH + l - pad_y; /* in the padding: wraps to a large number */
        float f[COLUMNS];
        [[unroll]] for (uint c = 0; c < COLUMNS; c++) {
            uint x = j0 * SW + c - pad_x;
            bool ok = y < sh && x < sw;
            float value = in0(from + (ok ? y * sw + x : 0u));
            f[c] = ok ? value : 0.0;
        }
        [[unroll]] for (uint i = 0; i < TR; i++)
            [[unroll]] for (uint u = 0; u < KH; u++)
                if (i * SH + u * DH == l) {
                    [[unroll]] for (uint v = 0; v < KW; v++)
                        acc[i] = fma(vec4(weight[u][v]), vec4(f[v * DW], f[SW + v * DW], f[2 * SW + v * DW], f[3 * SW + v * DW]), acc[i]);
                }
    }
    [[unroll]] for (uint i = 0; i < TR; i++)
        if (i0 + i < rh) {
            uint to = (plane * rh + i0 + i) * rw + j0;
            if (C_VEC) {
                out0v(to, acc[i]);
            } else {
                [[unroll]] for (uint c = 0; c < 4; c++)
                    if (j0 + c < rw) out0(to + c, acc[i][c]);
            }
        }
}

#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
/* probe_tiles.comp - the inner loop of conv_shuffle.comp with one or two groups of columns, whose times tell which tiles the
 * compiler of a software driver can hold (backend/tiles.c).
 *
 *   y[l] = the sum over rounds, window rows and taps of a weight that another lane holds times an element of a padded row
 *
 * in    0  x  [512, 4]      f32   texels; any numbers
 * out   1  y  [LANES, 4]    f32   there so that the work is done
 * push     rounds, height, width  uint   rounds >= 1; positions beyond height and width count as padding
 * spec  0  LANES: the subgroup's and the workgroup's size, 4 or 8
 * spec  1  NG: groups of columns, 1 or 2
 * grid     1 workgroup
 * why      sums of 2 LANES rows and NG quads are more than any processor holds, so sums alone tell nothing; what tells is the
 *          masks of the padding beside them: 48 NG conditions in one round
 */
// tuff: full-subgroups
#include "include/kernel.glsl"
TUFF_KERNEL(probe_tiles, 0)
layout(binding = 0) uniform samplerBuffer x;
layout(std430, binding = 1) writeonly buffer Out0 { vec4 y[]; };

const uint MG = 2, ROWS = 4, TAPS = 3, KEPT = 128; /* KEPT: texels that rounds walk through */

void main()
{
    uint lane = gl_SubgroupInvocationID, row[4], column[4];
    vec4 acc[MG * LANES * NG], sum = vec4(0.0);
    [[unroll]] for (uint i = 0; i < MG * LANES * NG; i++) acc[i] = vec4(0.0);
    [[unroll]] for (uint c = 0; c < 4; c++) {
        row[c] = lane / 4 - 1; /* wraps */
        column[c] = (lane * 4 + c) % 16 - 1;
    }
    for (uint k = 0; k < rounds; k++) {
        uint at = k * LANES % KEPT + lane;
        vec4 a[MG][TAPS];
        [[unroll]] for (uint g = 0; g < MG; g++)
            [[unroll]] for (uint t = 0; t < TAPS; t++) a[g][t] = texelFetch(x, int(at + g * TAPS + t));
        [[unroll]] for (uint s = 0; s < ROWS; s++)
            [[unroll]] for (uint h = 0; h < NG; h++) {
                vec4 own = texelFetch(x, int(at + 2 * KEPT + h * LANES + s * TAPS));
                float before = subgroupShuffle(own.w, (lane + LANES - 1) % LANES),
                      after = subgroupShuffle(own.x, (lane + 1) % LANES);
                vec4 tap[TAPS] = vec4[TAPS](vec4(before, own.xyz), own, vec4(own.yzw, after));
                [[unroll]] for (uint v = 0; v < TAPS; v++)
                    [[unroll]] for (uint c = 0; c < 4; c++)
                        tap[v][c] = row[c] + (s + k % 3) % 3 < height && column[c] + v < width ? tap[v][c] : 0.0;
                [[unroll]] for (uint g = 0; g < MG; g++)
                    [[unroll]] for (uint r = 0; r < LANES; r++)
                        [[unroll]] for (uint v = 0; v < TAPS; v++) {
                            uint t = s * TAPS + v, i = (g * LANES + r) * NG + h;
                            acc[i] = fma(vec4(subgroupShuffle(a[g][t / 4][t % 4], r)), tap[v], acc[i]);
                        }
            }
    }
    [[unroll]] for (uint i = 0; i < MG * LANES * NG; i++) sum += acc[i];
    y[lane] = sum;
}

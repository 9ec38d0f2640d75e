#version 450
#extension GL_EXT_control_flow_attributes : require
/* probe_stream.comp - peak of memory: copies, or reads and sums, for probe.c.
 *
 *   PROBE_READ 0:  y[i] = x[i] + add
 *   PROBE_READ 1:  y[j] = add + the sum of the words of the BLOCKS blocks of invocation j
 *
 * in    0  x  [blocks, 4]  uint   a storage buffer, or texels
 * out   1  y  [blocks, 4], or [blocks / BLOCKS]  uint
 * push     add  uint   tells the launches of one run apart
 * spec  0  workgroup size
 * def      PROBE_READ 0 | 1; with 0, PROBE_BLOCKS 1 | 4: neighbouring blocks of an invocation
 *          PROBE_TEXELS 0 | 1: x is read as texels; with PROBE_READ 0 then one block
 * grid     blocks / (BLOCKS * size) workgroups, BLOCKS being PROBE_BLOCKS for copies; blocks is a multiple of that
 * why      16 bytes a load, neighbouring lanes on neighbouring blocks. Of copies one block an invocation is enough, and more are
 *          slower on llvmpipe (4.8 GB/s a core, 8 blocks 2.0); reads need several, so that little is written
 */
// tuff: variants -DPROBE_READ=0 -DPROBE_BLOCKS=1; -DPROBE_READ=0 -DPROBE_BLOCKS=4; -DPROBE_READ=1
// tuff: variants -DPROBE_READ=0 -DPROBE_BLOCKS=1 -DPROBE_TEXELS=1; -DPROBE_READ=1 -DPROBE_TEXELS=1
#ifndef PROBE_READ
#define PROBE_READ 1
#endif
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push { uint add; };
#if defined(PROBE_TEXELS) && PROBE_TEXELS
layout(binding = 0) uniform usamplerBuffer x;
uvec4 block(uint i) { return texelFetch(x, int(i)); }
#else
layout(std430, binding = 0) readonly buffer In0 { uvec4 x[]; };
uvec4 block(uint i) { return x[i]; }
#endif
#if PROBE_READ
layout(std430, binding = 1) writeonly buffer Out0 { uint y[]; };
#else
layout(std430, binding = 1) writeonly buffer Out0 { uvec4 y[]; };
#endif

const uint BLOCKS = 8;

void main()
{
#if PROBE_READ
    uint first = gl_WorkGroupID.x * gl_WorkGroupSize.x * BLOCKS + gl_LocalInvocationID.x;
    uvec4 sum = block(first);
    [[unroll]] for (uint i = 1; i < BLOCKS; i++) sum += block(first + i * gl_WorkGroupSize.x);
    y[gl_GlobalInvocationID.x] = sum.x + sum.y + sum.z + sum.w + add;
#else
    uint first = gl_GlobalInvocationID.x * PROBE_BLOCKS;
    [[unroll]] for (uint i = 0; i < PROBE_BLOCKS; i++) y[first + i] = block(first + i) + add;
#endif
}

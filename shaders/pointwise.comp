#version 450
#extension GL_GOOGLE_include_directive : require
/* pointwise.comp - a chain of pointwise operators and views; the whole of it is the hook text.
 *
 *   tuff_body(i) computes and stores elements i .. i + TUFF_WIDTH - 1
 *
 * push     blocks  uint    ceil(elements / TUFF_WIDTH) of this launch
 *          first   uint    its first element, a multiple of TUFF_WIDTH; the hooks know windows of it
 * spec  0  workgroup size (default 64)
 * grid     ceil(blocks / size) workgroups
 * why      TUFF_WIDTH 4 stores whole words of bytes and halves without 8- and 16-bit storage, and vec4 of f32
 */
#include "include/kernel.glsl"
TUFF_KERNEL(pointwise, 0)
#include "include/hooks.glsl"
#ifndef TUFF_HOOKS
#define TUFF_WIDTH 1u
TUFF_PORTS(IO)
void tuff_body(uint i) { out0(i, in0(i)); }
#endif
void main()
{
    uint block = tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (block < blocks) tuff_body(first + block * TUFF_WIDTH);
}

/* kernel.glsl - a kernel's constants and push words, as kernels.def declares them, and the number of a workgroup; included before what
 * needs them.
 *     TUFF_KERNEL(part, size)   all of a file that has one part, whose constant `size` is that of its workgroups */
#ifndef TUFF_KERNEL
#extension GL_EXT_control_flow_attributes : require
#include "kernels.def"
#define TUFF_DECLARE_CONSTANT(id, type, name, value) layout(constant_id = id) const type name = value;
#define TUFF_DECLARE_WORD(type, name) type name;
#define TUFF_DECLARE_WORDS(type, name, count) type name[count];
#define TUFF_NO_CONSTANT(id, type, name, value)
#define TUFF_NO_WORD(type, name)
#define TUFF_NO_WORDS(type, name, count)
#define TUFF_CONSTANTS(part) TUFF_PART_##part(TUFF_DECLARE_CONSTANT, TUFF_NO_WORD, TUFF_NO_WORDS)
#define TUFF_WORDS(part) TUFF_PART_##part(TUFF_NO_CONSTANT, TUFF_DECLARE_WORD, TUFF_DECLARE_WORDS)
#define TUFF_KERNEL(part, size) \
    layout(local_size_x_id = size) in; \
    TUFF_CONSTANTS(part) \
    layout(push_constant) uniform Push { TUFF_WORDS(part) };
/* Linear workgroup index over a three-dimensional grid: counts above maxComputeWorkGroupCount[0] (65535 is common) are folded into y and
 * z, so the last workgroups may lie beyond the count that the kernel checks. */
uint tuff_group()
{
    return gl_WorkGroupID.x + gl_NumWorkGroups.x * (gl_WorkGroupID.y + gl_NumWorkGroups.y * gl_WorkGroupID.z);
}
#endif

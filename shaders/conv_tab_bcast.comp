#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
/* conv_tab_bcast.comp - convolution or its gradient by input; rows of w are in registers of the lanes of a subgroup and handed around.
 *
 * in, out, push, spec, grid  as conv_tab.comp; TX is the subgroup's size and divides TM * BK / 4
 * why          Intel: an operand is read from any lane's register without an instruction, and there are few registers */
// tuff: full-subgroups
#define BYTES 0
#define BCAST 1
#include "include/conv_product.glsl"

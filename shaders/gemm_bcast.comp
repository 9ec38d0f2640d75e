#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
/* gemm_bcast.comp - matrix product; a subgroup loads its rows of a spread over its lanes, and hands every element around from a constant
 * lane.
 *
 *   c[z, m, n] = sum_k a[z, m, k] * b[z, k, n], operands as include/gemm.glsl
 *
 * in, out, push, spec 0, 1, 6..14, def, grid  as gemm_uni.comp with SUBGROUPS, GEMM_OP 0
 * why          hardware whose multiply-add reads a scalar out of another lane's register (Intel): a costs a vector a lane and round, and no
 *              instruction to hand it around */
// tuff: full-subgroups
// tuff: variants -DCOUNTED=1 -DGEMM_OP=0; -DGEMM_OP=0
#define BCAST
#define SUBGROUPS
#include "include/kernel.glsl"
layout(local_size_x_id = 6) in;
TUFF_CONSTANTS(gemm_uni)
#include "include/gemm_rows.glsl"

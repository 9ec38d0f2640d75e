#version 450
#extension GL_GOOGLE_include_directive : require
#ifdef SUBGROUPS
#extension GL_KHR_shader_subgroup_basic : require
#endif
/* gemm_uni.comp - matrix product and convolution in three directions; the rows of a subgroup are the same in all its lanes.
 *
 *   c[z, m, n] = sum_k a[z, m, k] * b[z, k, n], operands as include/gemm.glsl
 *
 * in, out, push, spec 0..5, 9..12, grid  include/gemm.glsl; tiles of SIZE / LANES * TM rows and LANES * TN columns
 * def          SUBGROUPS: a workgroup has several, one below the other; else it is one, of any size
 * spec  6, 7   SIZE: workgroup size; LANES: the subgroup's, or SIZE
 * spec  8, 13  TM, TN: rows and columns of one invocation, multiples of 4
 * spec  14     KU: k of one round, a multiple of 4 (matmul of floats; by one word else)
 * why          a's addresses are uniform: where hardware has a scalar unit it loads them there, and multiplies by scalar operands; b's
 *              are contiguous over the lanes. It asks nothing of a device: the path for those without shared memory that pays, or
 *              with small workgroups. A transposed a is read TM rows at once, the last tile's from TM rows before the end. */
// tuff: full-subgroups
// tuff: variants -DBYTES=1 -DGEMM_OP=0; -DBYTES=1 -DGEMM_OP=1; -DCOUNTED=1 -DGEMM_OP=0; -DGEMM_OP=0; -DGEMM_OP=1; -DGEMM_OP=2; -DGEMM_OP=3; -DCOUNTED=1 -DGEMM_OP=0 -DSUBGROUPS=1; -DGEMM_OP=0 -DSUBGROUPS=1
#include "include/kernel.glsl"
layout(local_size_x_id = 6) in;
TUFF_CONSTANTS(gemm_uni)
#include "include/gemm_rows.glsl"

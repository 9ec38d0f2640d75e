#version 450
#extension GL_GOOGLE_include_directive : require
/* conv_tab.comp - convolution or its gradient by input, of any window, stride, dilation and group; tiles of both operands in shared
 * memory, and a table of a block's k beside them.
 *
 *   r[n,m,i,j] = sum_{c,u,v} s[n, c, i*SH + u*DH - top, j*SW + v*DW - left] * w[m,c,u,v]
 *   GRAD: r[n,m,y,x] = sum of s[n,c,i,j] * w[c,m,u,v] over c, u, v with i*SH + u*DH - top = y, j*SW + v*DW - left = x
 *
 * in    0      s [n, groups * s_channels, sh, sw]   f32; BYTES: i8
 * in    1      w as conv2d's                        f32; BYTES: i8
 * out   2      r [n, groups * m_count, rh, rw]      f32; BYTES: i32, which wraps
 * push         part conv; GRAD: each_y, each_x are strides divided by what they have in common with the dilations, else 1
 * spec  0      THREADS of a workgroup
 * spec  1..3   TX: along positions; TM, TN: channels and positions of an invocation, multiples of 4
 * spec  4      BK: depth of the tiles, in words; THREADS is a multiple of it (BYTES: of 4 BK)
 * spec  5      FLAGS: 1 GRAD, 2 BITS: a class has at most 31 taps, 4 A_VEC: w is read four at a time (no GRAD, k_count a multiple of 4),
 *              8 K_TAIL: k_count of some class is no multiple of BK, 16 C_VEC: four positions lie together in r, at multiples of 4
 * def          BYTES 0 | 1
 * grid         group_count workgroups, folded: tile of positions fastest, then of channels, then class, then group
 * why          each invocation gathers one column; whether its taps lie in the picture is found out once, as bits. A next block is loaded
 *              into registers before the products of the last one, which are unrolled */
// tuff: full-subgroups
// tuff: variants -DBYTES=0; -DBYTES=1
#ifndef BYTES
#define BYTES 0
#endif
#define BCAST 0
#include "include/conv_product.glsl"

#version 450
#pragma use_vulkan_memory_model
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_spirv_intrinsics : require
/* gemm_coopmat.comp - matrix product of operands that are stored as f16; cooperative matrices sum in f32.
 *
 *   c[z, m, n] = sum_k a[z, m, k] * b[z, k, n], operands as include/gemm.glsl
 *
 * in, out, push, spec 0, 1, 9..12, grid  include/gemm.glsl, GEMM_OP 0; tiles of WM * CM * MATRIX_M rows and WN * CN * MATRIX_N columns
 * def          MATRIX_M, _N, _K: a product of the device's, _N a multiple of 4, _K of 8; CM, CN: of them along m and n, of a subgroup
 * spec  6, 7   SIZE: workgroup size; LANES: the subgroup's
 * spec  8      WN: subgroups along n, the others (WM) along m
 * spec  14     BK: depth of the tiles, a multiple of MATRIX_K; 8 SIZE divides both tiles
 * why          both tiles lie in shared memory with k the fast axis, whatever the operands' order: so AMD loads a row's k at once, NVIDIA without
 *              moves. They are read by the ports, as any operand; sums go to the ports through shared memory. No GLSL of 2022 has KHR's
 *              matrices: they are SPIR-V's instructions, and backend/glslang.c writes the types of their elements. */
// tuff: full-subgroups
// tuff: run-time
#ifndef MATRIX_M
#define MATRIX_M 16
#define MATRIX_N 16
#define MATRIX_K 16
#define CM 2
#define CN 2
#endif
#include "include/kernel.glsl"
layout(local_size_x_id = 6) in;
TUFF_CONSTANTS(gemm_coopmat)
#include "include/gemm.glsl"

const uint SCOPE_WORKGROUP = 2, SCOPE_SUBGROUP = 3, ROWS = MATRIX_M, COLUMNS = MATRIX_N, DEPTH = MATRIX_K, USE_A = 0, USE_B = 1, USE_SUM = 2;
#define MATRIX(bits, rows, columns, use) \
    spirv_type(extensions = ["SPV_KHR_cooperative_matrix"], capabilities = [6022], id = 4456, bits, SCOPE_SUBGROUP, rows, columns, use)
#define MATRIX_A MATRIX(16, ROWS, DEPTH, USE_A)
#define MATRIX_B MATRIX(16, DEPTH, COLUMNS, USE_B)
#define MATRIX_SUM MATRIX(32, ROWS, COLUMNS, USE_SUM)
/* layout_: 0 by rows, 1 by columns; stride, in quads; operands: what others wrote is seen, or others see what is written, of `scope` */
spirv_instruction(id = 4457) MATRIX_A load_a(spirv_by_reference uvec4 from, uint layout_, uint stride, spirv_literal int operands, uint scope);
spirv_instruction(id = 4457) MATRIX_B load_b(spirv_by_reference uvec4 from, uint layout_, uint stride, spirv_literal int operands, uint scope);
spirv_instruction(id = 4458) void store_sum(spirv_by_reference uvec4 to, MATRIX_SUM c, uint layout_, uint stride, spirv_literal int operands, uint scope);
spirv_instruction(id = 4459) MATRIX_SUM multiply(MATRIX_A a, MATRIX_B b, MATRIX_SUM c);
spirv_instruction(id = 80) MATRIX_SUM all_of(float x);

const uint WM = SIZE / LANES / WN, BM = MATRIX_M * CM * WM, BN = MATRIX_N * CN * WN, PITCH = BK / 8;
const uint A_EIGHTS = BM * BK / 8 / SIZE, B_EIGHTS = BN * BK / 8 / SIZE; /* that an invocation loads */
const uint SUM_PITCH = MATRIX_N * CN / 4, SUM_QUADS = MATRIX_M * SUM_PITCH;  /* of a row of a subgroup's matrices */
const uint OF_TILES = (BM + BN) * PITCH, OF_SUMS = WM * WN * SUM_QUADS;
shared uvec4 place[OF_TILES > OF_SUMS ? OF_TILES : OF_SUMS]; /* a's tile, b's tile; or sums */

/* Eight elements of a tile whose edge is so long: along k, or four rows (columns) at two k; their first k, and row (column). */
uint eight_k(bool k_fast, uint edge, uint i)
{
    uint e = gl_LocalInvocationIndex + i * SIZE;
    return k_fast ? e % (BK / 8) * 8 : e / (edge / 4) * 2;
}
uint eight_at(bool k_fast, uint edge, uint i)
{
    uint e = gl_LocalInvocationIndex + i * SIZE;
    return k_fast ? e / (BK / 8) : e % (edge / 4) * 4;
}
uint halves(float low, float high) { return packFloat2x16(f16vec2(low, high)); }
/* Words of two k each. */
uvec4 eight(vec4 x, vec4 y, bool k_fast)
{
    return k_fast ? uvec4(halves(x.x, x.y), halves(x.z, x.w), halves(y.x, y.y), halves(y.z, y.w))
                  : uvec4(halves(x.x, y.x), halves(x.y, y.y), halves(x.z, y.z), halves(x.w, y.w));
}

#define LOAD(x, first, edge, eights, k0) \
    [[unroll]] for (uint i = 0; i < eights; i++) { \
        uint k = k0 + eight_k(x##_FAST, edge, i), at = first + eight_at(x##_FAST, edge, i), step = x##_FAST ? 4 : 1; \
        vec4 low = gemm_load_##x(z, x##_from[i], at, k), high = gemm_load_##x(z, x##_from[i] + gemm_step_##x(step), at, k + step); \
        if (K_TAIL && k0 + BK > z.k_end) { \
            low = gemm_before_end(z, low, k, x##_FAST); \
            high = gemm_before_end(z, high, k + step, x##_FAST); \
        } \
        x##_next[i] = eight(low, high, x##_FAST); \
        x##_from[i] += gemm_step_##x(BK); \
    }
#define PUT(x, tile, edge, eights) \
    [[unroll]] for (uint i = 0; i < eights; i++) { \
        uint k = eight_k(x##_FAST, edge, i), at = tile + eight_at(x##_FAST, edge, i) * PITCH + k / 8; \
        if (x##_FAST) \
            place[at] = x##_next[i]; \
        else \
            [[unroll]] for (uint q = 0; q < 4; q++) place[at + q * PITCH][k / 2 & 3] = x##_next[i][q]; \
    }
#define a_FAST A_K_FAST
#define b_FAST B_K_FAST

void main()
{
    uint group = tuff_group();
    if (group >= group_count) return; /* the whole workgroup: barriers stay in uniform control flow */
    uint tile_n = group % tiles_n, rest = group / tiles_n, tile_m = rest % tiles_m;
    GemmZ z = gemm_z(rest / tiles_m);
    uint m0 = tile_m * BM, n0 = tile_n * BN, wm = gl_SubgroupID / WN * (CM * MATRIX_M), wn = gl_SubgroupID % WN * (CN * MATRIX_N);
    uvec4 a_next[A_EIGHTS], b_next[B_EIGHTS];
    uint a_from[A_EIGHTS], b_from[B_EIGHTS];
    [[unroll]] for (uint i = 0; i < A_EIGHTS; i++)
        a_from[i] = gemm_from_a(z, m0 + eight_at(A_K_FAST, BM, i), z.k_begin + eight_k(A_K_FAST, BM, i));
    [[unroll]] for (uint i = 0; i < B_EIGHTS; i++)
        b_from[i] = gemm_from_b(z, n0 + eight_at(B_K_FAST, BN, i), z.k_begin + eight_k(B_K_FAST, BN, i));
    LOAD(a, m0, BM, A_EIGHTS, z.k_begin)
    LOAD(b, n0, BN, B_EIGHTS, z.k_begin)
    MATRIX_SUM acc[CM * CN];
    [[unroll]] for (uint i = 0; i < CM * CN; i++) acc[i] = all_of(0.0);

    for (uint k0 = z.k_begin; k0 < z.k_end; k0 += BK) {
        barrier(); /* tiles are read before they are overwritten */
        PUT(a, 0, BM, A_EIGHTS)
        PUT(b, BM * PITCH, BN, B_EIGHTS)
        barrier(); /* tiles are written before they are read */
        if (k0 + BK < z.k_end) {
            LOAD(a, m0, BM, A_EIGHTS, k0 + BK)
            LOAD(b, n0, BN, B_EIGHTS, k0 + BK)
        }
        [[unroll]] for (uint k = 0; k < BK; k += MATRIX_K) {
            MATRIX_A a[CM];
            [[unroll]] for (uint i = 0; i < CM; i++)
                a[i] = load_a(place[(wm + i * MATRIX_M) * PITCH + k / 8], 0u, PITCH, 0x30, SCOPE_WORKGROUP);
            [[unroll]] for (uint j = 0; j < CN; j++) {
                MATRIX_B b = load_b(place[(BM + wn + j * MATRIX_N) * PITCH + k / 8], 1u, PITCH, 0x30, SCOPE_WORKGROUP);
                [[unroll]] for (uint i = 0; i < CM; i++) acc[i * CN + j] = multiply(a[i], b, acc[i * CN + j]);
            }
        }
    }
    uint sums = gl_SubgroupID * SUM_QUADS;
    [[unroll]] for (uint i = 0; i < CM; i++) {
        barrier(); /* tiles, or sums of the rows above, are read before they are overwritten */
        [[unroll]] for (uint j = 0; j < CN; j++)
            store_sum(place[sums + j * (MATRIX_N / 4)], acc[i * CN + j], 0u, SUM_PITCH, 0x28, SCOPE_WORKGROUP);
        barrier(); /* sums are written before they are read */
        for (uint q = gl_SubgroupInvocationID; q < SUM_QUADS; q += LANES) {
            uint m = m0 + wm + i * MATRIX_M + q / SUM_PITCH;
            if (m < m_count) gemm_store(z, m, n0 + wn + q % SUM_PITCH * 4, uintBitsToFloat(place[sums + q]));
        }
    }
}

#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
/* gemm_tile16.comp - matrix product of operands that are stored as f16; packed sums of f16.
 *
 *   c[z, m, n] = sum_k a[z, m, k] * b[z, k, n], operands as include/gemm.glsl
 *
 * in, out, push, spec 0, 1, 9..12, grid  include/gemm.glsl, GEMM_OP 0; tiles of TY * TM rows and TX * TN columns
 * spec  6, 7   SIZE: workgroup size; TX: of them along n, the others (TY) along m
 * spec  8, 13  TM, TN: rows and columns of one invocation, multiples of 8
 * spec  14     BK: depth of the tiles, a multiple of 4; 8 SIZE divides both
 * spec  15     CHUNKS: what BK terms sum to is added in f32; else all of k sums in f16
 * why          two products an instruction where the hardware packs them; else as gemm_tile.comp: tiles are k-major, eight rows (columns) a vector. */
// tuff: full-subgroups
// tuff: run-time
#include "include/kernel.glsl"
layout(local_size_x_id = 6) in;
TUFF_CONSTANTS(gemm_tile16)
#include "include/gemm.glsl"

const uint TY = SIZE / TX, BM = TY * TM, BN = TX * TN, A_PITCH = BM / 8 + 1, B_PITCH = BN / 8 + 1;
const uint A_EIGHTS = BM * BK / 8 / SIZE, B_EIGHTS = BN * BK / 8 / SIZE; /* that an invocation loads */
shared uvec4 a_tile[BK * A_PITCH];
shared uvec4 b_tile[BK * B_PITCH];

/* Eight elements of a tile whose edge is so long: of a k eight rows (columns), or of two rows four k; their first k, and row (column). */
uint eight_k(bool k_fast, uint edge, uint i)
{
    uint e = gl_LocalInvocationIndex + i * SIZE;
    return k_fast ? e % (BK / 4) * 4 : e / (edge / 8);
}
uint eight_at(bool k_fast, uint edge, uint i)
{
    uint e = gl_LocalInvocationIndex + i * SIZE;
    return k_fast ? e / (BK / 4) * 2 : e % (edge / 8) * 8;
}
uint halves(float low, float high) { return packFloat2x16(f16vec2(low, high)); }
/* Words of two rows (columns) each. */
uvec4 eight(vec4 x, vec4 y, bool k_fast)
{
    return k_fast ? uvec4(halves(x.x, y.x), halves(x.y, y.y), halves(x.z, y.z), halves(x.w, y.w))
                  : uvec4(halves(x.x, x.y), halves(x.z, x.w), halves(y.x, y.y), halves(y.z, y.w));
}

/* The second quad begins a row, or four, further on, or at the last one. */
#define LOAD(x, first, edge, eights, k0) \
    [[unroll]] for (uint i = 0; i < eights; i++) { \
        uint k = k0 + eight_k(x##_FAST, edge, i), at = first + eight_at(x##_FAST, edge, i), next = at + (x##_FAST ? 1 : 4); \
        vec4 low = gemm_load_##x(z, x##_from[i], at, k), high = gemm_load_##x(z, x##_from[i] + x##_more[i], next, k); \
        if (K_TAIL && k0 + BK > z.k_end) { \
            low = gemm_before_end(z, low, k, x##_FAST); \
            high = gemm_before_end(z, high, k, x##_FAST); \
        } \
        x##_next[i] = eight(low, high, x##_FAST); \
        x##_from[i] += gemm_step_##x(BK); \
    }
#define START(x, first, edge, eights) \
    [[unroll]] for (uint i = 0; i < eights; i++) { \
        uint k = z.k_begin + eight_k(x##_FAST, edge, i), at = first + eight_at(x##_FAST, edge, i); \
        x##_from[i] = gemm_from_##x(z, at, k); \
        x##_more[i] = gemm_from_##x(z, at + (x##_FAST ? 1 : 4), k) - x##_from[i]; \
    }
#define PUT(x, edge, eights, pitch) \
    [[unroll]] for (uint i = 0; i < eights; i++) { \
        uint at = eight_k(x##_FAST, edge, i) * pitch + eight_at(x##_FAST, edge, i) / 8, word = eight_at(x##_FAST, edge, i) / 2 & 3; \
        if (x##_FAST) \
            [[unroll]] for (uint q = 0; q < 4; q++) x##_tile[at + q * pitch][word] = x##_next[i][q]; \
        else \
            x##_tile[at] = x##_next[i]; \
    }
#define a_FAST A_K_FAST
#define b_FAST B_K_FAST

void main()
{
    uint group = tuff_group();
    if (group >= group_count) return; /* the whole workgroup: barriers stay in uniform control flow */
    uint tile_n = group % tiles_n, rest = group / tiles_n, tile_m = rest % tiles_m;
    GemmZ z = gemm_z(rest / tiles_m);
    uint m0 = tile_m * BM, n0 = tile_n * BN, tx = gl_LocalInvocationIndex % TX, ty = gl_LocalInvocationIndex / TX;
    uvec4 a_next[A_EIGHTS], b_next[B_EIGHTS];
    uint a_from[A_EIGHTS], b_from[B_EIGHTS], a_more[A_EIGHTS], b_more[B_EIGHTS];
    f16vec2 acc[TM * TN / 2];
    vec2 sum[TM * TN / 2];
    [[unroll]] for (uint i = 0; i < TM * TN / 2; i++) acc[i] = f16vec2(0.0), sum[i] = vec2(0.0);
    START(a, m0, BM, A_EIGHTS)
    START(b, n0, BN, B_EIGHTS)
    LOAD(a, m0, BM, A_EIGHTS, z.k_begin)
    LOAD(b, n0, BN, B_EIGHTS, z.k_begin)

    for (uint k0 = z.k_begin; k0 < z.k_end; k0 += BK) {
        barrier(); /* tiles are read before they are overwritten */
        PUT(a, BM, A_EIGHTS, A_PITCH)
        PUT(b, BN, B_EIGHTS, B_PITCH)
        barrier(); /* tiles are written before they are read */
        if (k0 + BK < z.k_end) {
            LOAD(a, m0, BM, A_EIGHTS, k0 + BK)
            LOAD(b, n0, BN, B_EIGHTS, k0 + BK)
        }
        [[unroll]] for (uint k = 0; k < BK; k++) {
            uvec4 a[TM / 8], b[TN / 8];
            [[unroll]] for (uint i = 0; i < TM / 8; i++) a[i] = a_tile[k * A_PITCH + ty + i * TY];
            [[unroll]] for (uint j = 0; j < TN / 8; j++) b[j] = b_tile[k * B_PITCH + tx + j * TX];
            [[unroll]] for (uint i = 0; i < TM; i++)
                [[unroll]] for (uint j = 0; j < TN / 2; j++) {
                    f16vec2 x = unpackFloat2x16(a[i / 8][i % 8 / 2]), y = unpackFloat2x16(b[j / 4][j % 4]);
                    acc[i * (TN / 2) + j] = fma(f16vec2(x[i % 2]), y, acc[i * (TN / 2) + j]);
                }
        }
        if (CHUNKS)
            [[unroll]] for (uint i = 0; i < TM * TN / 2; i++) sum[i] += vec2(acc[i]), acc[i] = f16vec2(0.0);
    }
    [[unroll]] for (uint i = 0; i < TM; i++) {
        uint m = m0 + (i / 8 * TY + ty) * 8 + i % 8;
        if (m < m_count)
            [[unroll]] for (uint j = 0; j < TN / 4; j++) {
                uint at = i * (TN / 2) + j * 2;
                vec4 v = CHUNKS ? vec4(sum[at], sum[at + 1]) : vec4(acc[at], acc[at + 1]);
                gemm_store(z, m, n0 + (j / 2 * TX + tx) * 8 + j % 2 * 4, v);
            }
    }
}

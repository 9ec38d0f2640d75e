#version 450
#extension GL_GOOGLE_include_directive : require
/* gemm_tile.comp - matrix product; tiles of both operands in shared memory.
 *
 *   c[z, m, n] = sum_k a[z, m, k] * b[z, k, n], operands as include/gemm.glsl
 *
 * in, out, push, spec 0..5, 9..12, def, grid  include/gemm.glsl; tiles of TY * TM rows and TX * TN columns
 * spec  6, 7   SIZE: workgroup size, a power of two; TX: of them along n, the others (TY) along m
 * spec  8, 13  TM, TN: rows and columns of one invocation, multiples of 4
 * spec  14     BK: depth of the tiles in words; SIZE divides TY * TM * BK / 4 and TX * TN * BK / 4
 * why          global memory is read once per tile, the next one while this one is multiplied; shared tiles are k-major in vectors,
 *              with a vector between rows, so that an invocation reads its rows and columns four at a time and few banks meet; k is
 *              unrolled, and pairs of products lie on diagonals of 2 x 2, for hardware that issues two at once. */
// tuff: full-subgroups
// tuff: variants -DBYTES=1 -DGEMM_OP=0; -DCOUNTED=1 -DGEMM_OP=0; -DGEMM_OP=0
#include "include/kernel.glsl"
layout(local_size_x_id = 6) in;
TUFF_CONSTANTS(gemm_tile)
#include "include/gemm.glsl"

const uint TY = SIZE / TX, BM = TY * TM, BN = TX * TN, A_PITCH = BM / 4 + 1, B_PITCH = BN / 4 + 1;
const uint A_QUADS = BM * BK / 4 / SIZE, B_QUADS = BN * BK / 4 / SIZE; /* that an invocation loads */
shared NUMBER4 a_tile[BK * A_PITCH];
shared NUMBER4 b_tile[BK * B_PITCH];

/* Quad i of an invocation in a tile whose edge is so long: its k in words, and its row or column. */
uint quad_k(bool k_fast, uint edge, uint i)
{
    uint e = gl_LocalInvocationIndex + i * SIZE;
    return k_fast ? e % (BK / 4) * 4 : e / (edge / 4);
}
uint quad_at(bool k_fast, uint edge, uint i)
{
    uint e = gl_LocalInvocationIndex + i * SIZE;
    return k_fast ? e / (BK / 4) : e % (edge / 4) * 4;
}

#define LOAD(x, first, edge, quads, k0) \
    [[unroll]] for (uint i = 0; i < quads; i++) { \
        x##_next[i] = gemm_load_##x(z, x##_from[i], first + quad_at(x##_FAST, edge, i), k0 + quad_k(x##_FAST, edge, i) * WORD); \
        x##_from[i] += gemm_step_##x(BK); \
    } \
    if (K_TAIL && k0 + BK * WORD > z.k_end) \
        [[unroll]] for (uint i = 0; i < quads; i++) \
            x##_next[i] = gemm_before_end(z, x##_next[i], k0 + quad_k(x##_FAST, edge, i), x##_FAST);
#define PUT(x, edge, quads, pitch) \
    [[unroll]] for (uint i = 0; i < quads; i++) { \
        uint k = quad_k(x##_FAST, edge, i), at = quad_at(x##_FAST, edge, i); \
        if (x##_FAST) \
            [[unroll]] for (uint q = 0; q < 4; q++) x##_tile[(k + q) * pitch + at / 4][at & 3] = x##_next[i][q]; \
        else \
            x##_tile[k * pitch + at / 4] = x##_next[i]; \
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
    NUMBER4 acc[TM * TN / 4], a_next[A_QUADS], b_next[B_QUADS];
    uint a_from[A_QUADS], b_from[B_QUADS];
    [[unroll]] for (uint i = 0; i < TM * TN / 4; i++) acc[i] = NUMBER4(0);
    [[unroll]] for (uint i = 0; i < A_QUADS; i++)
        a_from[i] = gemm_from_a(z, m0 + quad_at(A_K_FAST, BM, i), z.k_begin + quad_k(A_K_FAST, BM, i));
    [[unroll]] for (uint i = 0; i < B_QUADS; i++)
        b_from[i] = gemm_from_b(z, n0 + quad_at(B_K_FAST, BN, i), z.k_begin + quad_k(B_K_FAST, BN, i));
    LOAD(a, m0, BM, A_QUADS, z.k_begin)
    LOAD(b, n0, BN, B_QUADS, z.k_begin)

    for (uint k0 = z.k_begin; k0 < z.k_end; k0 += BK * WORD) {
        barrier(); /* tiles are read before they are overwritten */
        PUT(a, BM, A_QUADS, A_PITCH)
        PUT(b, BN, B_QUADS, B_PITCH)
        barrier(); /* tiles are written before they are read */
        if (k0 + BK * WORD < z.k_end) {
            LOAD(a, m0, BM, A_QUADS, k0 + BK * WORD)
            LOAD(b, n0, BN, B_QUADS, k0 + BK * WORD)
        }
        [[unroll]] for (uint k = 0; k < BK; k++) {
            NUMBER4 a[TM / 4], b[TN / 4];
            [[unroll]] for (uint i = 0; i < TM / 4; i++) a[i] = a_tile[k * A_PITCH + ty + i * TY];
            [[unroll]] for (uint j = 0; j < TN / 4; j++) b[j] = b_tile[k * B_PITCH + tx + j * TX];
            [[unroll]] for (uint i = 0; i < TM; i += 2)
                [[unroll]] for (uint j = 0; j < TN; j += 2)
                    [[unroll]] for (uint d = 0; d < 4; d++) {
                        uint ii = i + (d & 1), jj = j + ((d & 1) ^ (d >> 1)), at = ii * (TN / 4) + jj / 4;
                        acc[at][jj % 4] = gemm_add(acc[at][jj % 4], a[ii / 4][ii % 4], b[jj / 4][jj % 4]);
                    }
        }
    }
    [[unroll]] for (uint i = 0; i < TM; i++) {
        uint m = m0 + (i / 4 * TY + ty) * 4 + i % 4;
        if (m < m_count)
            [[unroll]] for (uint j = 0; j < TN / 4; j++) gemm_store(z, m, n0 + (j * TX + tx) * 4, acc[i * (TN / 4) + j]);
    }
}

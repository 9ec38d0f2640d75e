#version 450
#extension GL_GOOGLE_include_directive : require
/* gemm_tile.comp - matrix product and convolution in three directions; tiles of both operands in shared memory.
 *
 *   c[z, m, n] = sum_k a[z, m, k] * b[z, k, n], operands as include/gemm.glsl
 *
 * in, out, push, spec 0..5, def, grid  include/gemm.glsl; tiles of TY * TM rows and TX * TN columns
 * spec  6, 7   TX, TY: invocations along n and m; TX * TY is a multiple of BK and of both tile edges' powers of two
 * spec  8, 9   TM, TN: rows and columns of one invocation
 * spec  10     BK: depth of the shared tiles in words, divides TX * TY
 * spec  11,12  A_K_FAST, B_K_FAST: neighbouring invocations load along k (1) or along m, n (0): where memory is contiguous
 * why          global memory is read once per tile; the rows of one invocation are neighbours (broadcast reads of the shared
 *              tile), its columns are TX apart (contiguous reads and stores over the lanes). Shared rows are padded by
 *              one word, so that stores along k meet different banks. */
// tuff: variants -DBYTES=1 -DGEMM_OP=0; -DBYTES=1 -DGEMM_OP=1; -DCOUNTED=1 -DGEMM_OP=0; -DGEMM_OP=0; -DGEMM_OP=1; -DGEMM_OP=2; -DGEMM_OP=3
#include "include/kernel.glsl"
layout(local_size_x_id = 6, local_size_y_id = 7) in;
TUFF_CONSTANTS(gemm_tile)
#include "include/gemm.glsl"

const uint BM = TY * TM, BN = TX * TN, THREADS = TX * TY;
const uint A_PITCH = BM + 1, B_PITCH = BN + 1;
shared NUMBER a_tile[BK * A_PITCH];
shared NUMBER b_tile[BK * B_PITCH];

void main()
{
    uint group = tuff_group();
    if (group >= group_count) return; /* the whole workgroup: barriers stay in uniform control flow */
    uint tile_n = group % tiles_n, rest = group / tiles_n, tile_m = rest % tiles_m;
    GemmZ z = gemm_z(rest / tiles_m);
    uint m0 = tile_m * BM, n0 = tile_n * BN;
    uint tx = gl_LocalInvocationID.x, ty = gl_LocalInvocationID.y, t = gl_LocalInvocationIndex;
    NUMBER acc[TM][TN];
    [[unroll]] for (uint i = 0; i < TM; i++)
        [[unroll]] for (uint j = 0; j < TN; j++) acc[i][j] = NUMBER(0);

    for (uint k0 = z.k_begin; k0 < z.k_end; k0 += BK * WORD) {
        for (uint e = t; e < BM * BK; e += THREADS) {
            uint m = A_K_FAST ? e / BK : e % BM, k = A_K_FAST ? e % BK : e / BM;
            a_tile[k * A_PITCH + m] = gemm_word_a(z, gemm_row(z, m0 + m), k0 + k * WORD);
        }
        for (uint e = t; e < BN * BK; e += THREADS) {
            uint n = B_K_FAST ? e / BK : e % BN, k = B_K_FAST ? e % BK : e / BN;
            b_tile[k * B_PITCH + n] = gemm_word_b(z, gemm_col(z, n0 + n), k0 + k * WORD);
        }
        barrier(); /* tiles are written before they are read */
        for (uint k = 0; k < BK; k++) {
            NUMBER a[TM], b[TN];
            [[unroll]] for (uint i = 0; i < TM; i++) a[i] = a_tile[k * A_PITCH + ty * TM + i];
            [[unroll]] for (uint j = 0; j < TN; j++) b[j] = b_tile[k * B_PITCH + tx + j * TX];
            [[unroll]] for (uint i = 0; i < TM; i++)
                [[unroll]] for (uint j = 0; j < TN; j++) acc[i][j] = gemm_add(acc[i][j], a[i], b[j]);
        }
        barrier(); /* tiles are read before they are overwritten */
    }
    [[unroll]] for (uint i = 0; i < TM; i++)
        [[unroll]] for (uint j = 0; j < TN; j++) {
            uint m = m0 + ty * TM + i, n = n0 + tx + j * TX;
            if (m < m_count && n < n_count) out0(gemm_c(z, m, n), acc[i][j]);
        }
}

#version 450
#extension GL_GOOGLE_include_directive : require
/* gemm_reg.comp - matrix product and convolution in three directions; a register tile per invocation, no shared memory.
 *
 *   c[z, m, n] = sum_k a[z, m, k] * b[z, k, n], operands as include/gemm.glsl
 *
 * in, out, push, spec 0..5, def, grid  include/gemm.glsl; tiles of 4 rows and 4 * local size columns
 * spec  6      workgroup size, a multiple of the subgroup where that is known (default 32)
 * why          works on any device: the path for those without shuffle, shared memory that pays, or many invocations.
 *              Lanes lie along n, where loads and stores are contiguous; a's loads are the same in all lanes. */
// tuff: variants -DBYTES=1 -DGEMM_OP=0; -DBYTES=1 -DGEMM_OP=1; -DCOUNTED=1 -DGEMM_OP=0; -DGEMM_OP=0; -DGEMM_OP=1; -DGEMM_OP=2; -DGEMM_OP=3
#include "include/kernel.glsl"
layout(local_size_x_id = 6) in;
TUFF_CONSTANTS(gemm_reg)
#include "include/gemm.glsl"

const uint TM = 4, TN = 4;

void main()
{
    uint group = tuff_group();
    if (group >= group_count) return;
    uint tile_n = group % tiles_n, rest = group / tiles_n, tile_m = rest % tiles_m;
    GemmZ z = gemm_z(rest / tiles_m);
    uint m0 = tile_m * TM, n0 = tile_n * (TN * WORKGROUP) + gl_LocalInvocationID.x;
    GemmRow row[TM];
    GemmCol col[TN];
    NUMBER acc[TM][TN];
    [[unroll]] for (uint i = 0; i < TM; i++) row[i] = gemm_row(z, m0 + i);
    [[unroll]] for (uint j = 0; j < TN; j++) col[j] = gemm_col(z, n0 + j * WORKGROUP);
    [[unroll]] for (uint i = 0; i < TM; i++)
        [[unroll]] for (uint j = 0; j < TN; j++) acc[i][j] = NUMBER(0);
    for (uint k = z.k_begin; k < z.k_end; k += WORD) {
        NUMBER a[TM];
        [[unroll]] for (uint i = 0; i < TM; i++) a[i] = gemm_word_a(z, row[i], k);
        [[unroll]] for (uint j = 0; j < TN; j++) {
            NUMBER b = gemm_word_b(z, col[j], k);
            [[unroll]] for (uint i = 0; i < TM; i++) acc[i][j] = gemm_add(acc[i][j], a[i], b);
        }
    }
    [[unroll]] for (uint i = 0; i < TM; i++)
        [[unroll]] for (uint j = 0; j < TN; j++)
            if (row[i].inside && col[j].inside) out0(gemm_c(z, m0 + i, n0 + j * WORKGROUP), acc[i][j]);
}

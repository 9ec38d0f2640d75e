/* gemm.h - how a matrix product, plain or implicit in a convolution, becomes a launch of a gemm_*.comp. Private. */
#ifndef TUFF_OPS_GEMM_H
#define TUFF_OPS_GEMM_H

#include "graph/op.h"
#include "graph/ops/families.h"

enum tuff_gemm_op { TUFF_GEMM_MATMUL, TUFF_GEMM_CONV, TUFF_GEMM_INPUT_GRAD, TUFF_GEMM_WEIGHT_GRAD }; /* GEMM_OP */

/* Bits of families.def, T: transposed; BYTES: products of i8; WORDS: convolutions, gathered word by word; FAST, SLOW, beside one
 * of the others: of few rows or columns, the other operand's k being its fast axis or not. Asked for beside one of these, in no row: HALVES,
 * of operands that are stored as f16; HALF_SUMS: sums may be of f16, too. In rows: CHUNKS. */
enum tuff_gemm_layout {
    TUFF_GEMM_NN = 1,
    TUFF_GEMM_NT = 2,
    TUFF_GEMM_TN = 4,
    TUFF_GEMM_TT = 8,
    TUFF_GEMM_WORDS = 16,
    TUFF_GEMM_FAST = 32,
    TUFF_GEMM_SLOW = 64,
    TUFF_GEMM_HALVES = 128,
    TUFF_GEMM_BYTES = 256,
    TUFF_GEMM_HALF_SUMS = 512,
    TUFF_GEMM_CHUNKS = 1024
};

/* c[z,m,n] = sum_k a[z,m,k] b[z,k,n] */
struct tuff_gemm {
    enum tuff_gemm_op op;
    uint64_t m, n, k, z;
    uint64_t k_split;        /* longest sum of one z where k is split; 0: k */
    bool a_k_fast, b_k_fast; /* neighbours along k, and not along m or n, are neighbours in memory */
    bool c_vec;              /* four columns from a multiple of 4 on are neighbours in memory, at a multiple of 4 */
    bool counted;            /* a sum may end anywhere: COUNTED */
    bool halves;             /* both operands are stored as f16 */
    bool half_sums;          /* and sums may be of f16 */
    bool bytes;              /* of i8, by integer dot products; i32 */
};
/* Chooses the kernel for the device: file, GEMM_OP, grid, the parts gemm and that of the file; the caller adds gemm_matmul or gemm_conv.
 * TUFF_ERR_UNSUPPORTED where a count passes 2^32 - 1. */
tuff_status tuff_gemm_lower(const struct tuff_lower *lower, const struct tuff_gemm *gemm, struct tuff_kernel_call *call);

/* The row of families.def for a large product of a layout (bits of families.def). */
const struct tuff_family_row *tuff_gemm_row(const struct tuff_caps *caps, uint32_t layout);

/* Parts of k that a product is computed in, by the class and sizes alone; 1: it is computed at once. */
uint32_t tuff_gemm_splits(const struct tuff_caps *caps, uint64_t m, uint64_t n, uint64_t k, uint64_t z);

/* k of each of these parts but the last: whole rounds of every kernel. */
static inline uint64_t tuff_gemm_part(uint64_t k, uint64_t parts)
{
    enum { LONGEST_ROUND = 32 };
    return tuff_ceil_div(k, parts * LONGEST_ROUND) * LONGEST_ROUND;
}

enum { TUFF_LEAST_GROUPS = 8 }; /* workgroups of a launch on software devices, so that all cores are busy to the end */

/* Lanes of the kernels whose lanes hand elements around by shuffles, where this device is better served by those; else 0. */
uint32_t tuff_shuffle_lanes(const struct tuff_caps *caps);
/* False where the driver's compiler takes seconds for a body of a thousand multiply-adds: tiles are then smaller. */
bool tuff_compiles_fast(const struct tuff_caps *caps);

#endif

/* tiles.glsl - tiles of both operands (BCAST: of b alone) in shared memory and their products, for kernels whose invocations hold TM rows by TN columns of a
 * tile of BM rows and BN columns, in blocks of 4 by 4 that lie 4 TY rows, 4 TX columns apart.
 *
 * Before it: constants THREADS, TX, TM, TN (multiples of 4), BK, and NUMBER, VECTOR, ADD(sum, a, b): float, vec4, fma, or words of bytes.
 * BCAST: rows are TM neighbours, the same in a subgroup, whose lanes hold them (held): number e = k / 4 * TM + m in lane e % TX.
 * Tiles are k-major vectors of four, padded by one, so that reads are of 16 bytes and stores along k meet different banks. */
const uint TY = THREADS / TX, BM = TY * TM, BN = TX * TN;
const uint A_PITCH = BM / 4 + 1, B_PITCH = BN / 4 + 1;
#if BCAST
const uint HELD = TM * BK / 4 / TX;
VECTOR held[HELD];
#else
shared VECTOR a_tile[BK * A_PITCH];
void put_a(uint k, uint m, uint more, NUMBER x) { a_tile[k * A_PITCH + m / 4 + more][m & 3] = x; } /* row m + 4 more */
#endif
shared VECTOR b_tile[BK * B_PITCH];
VECTOR acc[TM][TN / 4];

void put_b(uint k, uint n, uint more, NUMBER x) { b_tile[k * B_PITCH + n / 4 + more][n & 3] = x; }

void clear()
{
    [[unroll]] for (uint i = 0; i < TM; i++)
        [[unroll]] for (uint j = 0; j < TN / 4; j++) acc[i][j] = VECTOR(0);
}

void multiply(uint tx, uint ty)
{
    [[unroll]] for (uint k = 0; k < BK; k++) {
        VECTOR a[TM / 4], b[TN / 4];
        [[unroll]] for (uint j = 0; j < TN / 4; j++) b[j] = b_tile[k * B_PITCH + tx + j * TX];
#if BCAST
        [[unroll]] for (uint i = 0; i < TM; i++) {
            uint e = k / 4 * TM + i;
            a[i / 4][i % 4] = subgroupShuffle(held[e / TX][k % 4], e % TX);
        }
#else
        [[unroll]] for (uint i = 0; i < TM / 4; i++) a[i] = a_tile[k * A_PITCH + ty + i * TY];
#endif
        /* pairs on the diagonals of 2 x 2, so that neighbours have other operands: processors that issue two at once need that */
        [[unroll]] for (uint i = 0; i < TM; i += 2)
            [[unroll]] for (uint j = 0; j < TN; j += 2)
                [[unroll]] for (uint d = 0; d < 4; d++) {
                    const uint ii = i + (d & 1), jj = j + ((d & 1) ^ (d >> 1));
                    acc[ii][jj / 4][jj % 4] = ADD(acc[ii][jj / 4][jj % 4], a[ii / 4][ii % 4], b[jj / 4][jj % 4]);
                }
    }
}

/* Where acc[i] and acc[..][j] lie in the tile. */
uint row_of(uint ty, uint i) { return BCAST != 0 ? ty * TM + i : (i / 4 * TY + ty) * 4 + i % 4; }
uint column_of(uint tx, uint j) { return (j * TX + tx) * 4; }

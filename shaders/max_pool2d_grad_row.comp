#version 450
#extension GL_GOOGLE_include_directive : require
/* max_pool2d_grad_row.comp - gradient of max_pool2d by x, for processors; include/pool_strips.glsl says what an invocation does.
 *
 *   gx[p,y,x] = sum of gy[p,i,j] over the windows (i,j) whose first (row-major) largest x is at (y,x)
 *
 * in    0      x  [planes, h, w]   f32
 * in    1      gy [planes, oh, ow] f32
 * out   2      gx [planes, h, w]   f32
 * push         include/pool.glsl; count: include/pool_strips.glsl
 * spec  0..6   include/pool.glsl; SW 1, 2 or 4, DH = DW = 1, w a multiple of 4 QUADS, h * w below 2^23
 * spec  7, 8   TOP, LEFT: top and left once more, so that loops have constant bounds
 * spec  9, 10  QUADS of columns of a strip; STEPS: include/pool_strips.glsl
 * spec  11     GY_QUADS: ow is a multiple of 4, and so are the windows of a strip
 * why          the largest of each row of a window, and where, is found once for all windows that share the row, and each x is read once,
 *              but for columns beside the strip. Sums row-major by windows; of windows that do not overlap gy's bits */
#include "include/pool.glsl"
TUFF_PORTS(IIO)
TUFF_CONSTANTS(max_pool2d_grad_row)
#define GY in1
#define GYQ in1q
#include "include/pool_strips.glsl"

const uint Q_BEFORE = (J_BEFORE * SW + LEFT + 3) / 4; /* quads that the windows span, before and from the strip's on */
const uint Q_COUNT = Q_BEFORE + ((J_COUNT - 1 - J_BEFORE) * SW + KW - 1 - LEFT) / 4 + 1;
/* Steps that find the kept rows of all windows that touch the first stored one; in the first part, only of the first window. */
const uint EARLY = 2 * ((KH - 1) / SH), EARLY_FIRST = KEPT > TOP ? (KEPT - TOP + SH - 1) / SH : 0;

/* order(), and a NaN is above those before it. */
int place(float v, uint nan)
{
    uint u = floatBitsToUint(v), a = u & 0x7fffffffu;
    int up = int(a), down = -up, k = u == a ? up : down;
    return a > 0x7f800000u ? int(nan) : k;
}

void main()
{
    pool_walk walk = pool_start(EARLY, EARLY_FIRST);
    uint quads = w / 4;
    float sum[ROWS][WIDTH], g[J_COUNT];
    int best[KH][J_COUNT];    /* of a window's row */
    bool at[KH][J_COUNT][KW]; /* is it there? */
    [[unroll]] for (uint u = 0; u < KH; u++)
        [[unroll]] for (uint jj = 0; jj < J_COUNT; jj++) {
            best[u][jj] = TUFF_BELOW_ALL;
            [[unroll]] for (uint v = 0; v < KW; v++) at[u][jj][v] = false;
        }
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint t = 0; t < WIDTH; t++) sum[r][t] = 0.0;
    [[dont_unroll]] for (; walk.i != walk.end; walk.i++) {
        uint begin = walk.plane * h * quads, y0 = walk.i * SH - TOP, line = y0 * quads + walk.c * QUADS; /* in quads */
        [[unroll]] for (uint u = KEPT; u < KH; u++) {
            int key[4 * Q_COUNT];
            bool row = y0 + u < h;
            [[unroll]] for (uint q = 0; q < Q_COUNT; q++) {
                uint quad = line + u * quads + q - Q_BEFORE, from = begin + quad, nan = 0x7f800001u + 4 * quad;
                bool own = q >= Q_BEFORE && q < Q_BEFORE + QUADS, inside = walk.c * QUADS + q - Q_BEFORE < quads;
                bool column = own || inside, here = row && column;
                vec4 x = in0q(here ? from : 0);
                [[unroll]] for (uint t = 0; t < 4; t++) {
                    int k = place(x[t], nan + t);
                    key[4 * q + t] = here ? k : TUFF_BELOW_ALL;
                }
            }
            [[unroll]] for (uint jj = 0; jj < J_COUNT; jj++) {
                uint k = jj * SW + 4 * Q_BEFORE - J_BEFORE * SW - LEFT;
                int most = key[k];
                bool open = true;
                [[unroll]] for (uint v = 1; v < KW; v++) most = max(most, key[k + v]);
                [[unroll]] for (uint v = 0; v < KW; v++) {
                    bool equal = key[k + v] == most;
                    at[u][jj][v] = open && equal;
                    open = open && !equal;
                }
                best[u][jj] = most;
            }
        }
        pool_gradients(walk, g);
        [[unroll]] for (uint jj = 0; jj < J_COUNT; jj++) {
            int most = best[0][jj];
            bool open = true;
            [[unroll]] for (uint u = 1; u < KH; u++) most = max(most, best[u][jj]);
            [[unroll]] for (uint u = 0; u < KH; u++) {
                bool equal = best[u][jj] == most, here = open && equal;
                open = open && !equal;
                [[unroll]] for (uint v = 0; v < KW; v++) {
                    uint t = jj * SW + v - J_BEFORE * SW - LEFT;
                    bool wins = here && at[u][jj][v];
                    float given = wins ? g[jj] : 0.0;
                    if (t < WIDTH && APART) sum[u][t] = wins ? g[jj] : sum[u][t];
                    if (t < WIDTH && !APART) sum[u][t] += given;
                }
            }
        }
        pool_store(walk, sum);
        [[unroll]] for (uint u = 0; u < KEPT; u++)
            [[unroll]] for (uint jj = 0; jj < J_COUNT; jj++) {
                best[u][jj] = best[u + SH][jj];
                [[unroll]] for (uint v = 0; v < KW; v++) at[u][jj][v] = at[u + SH][jj][v];
            }
    }
}

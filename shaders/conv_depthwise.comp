#version 450
#extension GL_GOOGLE_include_directive : require
/* conv_depthwise.comp - convolution with one input channel in a group, or its gradient by input (GRAD); one invocation
 * computes TR rows of four pixels of one channel; GRAD (SUMS > 0): of 4 SW pixels.
 *
 *   r[n,m,i,j] = sum_{u,v} s[n, m / per_group, i*SH + u*DH - TOP, j*SW + v*DW - LEFT] * w[m,0,u,v]
 *   GRAD: r[n,g,y,x] = sum_{m,u,v} s[n, g * SUMS + m, i, j] * w[g * SUMS + m,0,u,v], m < SUMS,
 *         y = i*SH + u*DH - TOP, x = j*SW + v*DW - LEFT
 *
 * in    0      s [n, groups (GRAD: groups * SUMS), sh, sw]        f32
 * in    1      w [groups * (GRAD: SUMS, else per_group), 1, KH, KW] f32
 * out   2      r [n, groups (else groups * per_group), rh, rw]    f32
 * push         below
 * spec  0..5   KH, KW, SH, SW, DH, DW: of the convolution
 * spec  6      WORKGROUP
 * spec  7      TR; GRAD: a multiple of SH
 * spec  8      SUMS: output channels in a group whose gradients are summed; 0: no gradient
 * spec  9      LAST_COLUMNS: those that the last block of a row has, 2 also for 3; the others have 4, GRAD: 4 SW
 * spec  10, 11 TOP, LEFT: of the convolution; GRAD: at most (KH-1)*DH, (KW-1)*DW
 * spec  12     LAST_ROWS: those that the last block of a column has; 0: results and source of any size (LOW = RIGHT = 0)
 * spec  13, 14 LOW, RIGHT: from which line, which column of the block on one may lie beyond the source
 * spec  15     QUADS: 0 elements are read one by one; 1 quads (elements of s and of w multiples of 4); 2 and sw is one, too
 * grid         count / WORKGROUP workgroups, rounded up, folded
 * why          no products are shared between channels, so a matrix product would idle; each element of s that the block
 *              needs is read once, by quads. The gradient is a convolution with stride 1 of s with zeros between its
 *              elements; which products are none of a zero is known when the loops are unrolled. */
#include "include/hooks.glsl"
TUFF_KERNEL(conv_depthwise, 6)
TUFF_PORTS(IIO)
#include "include/window.glsl"

const bool GRAD = SUMS > 0;
/* A result's row i meets line l of the source by tap u where i * DOWN_Y + u*DH == l * UP_Y + PHASE_Y, counted from the
 * block's first row and line; columns likewise. */
const uint TAPS = KH * KW, REACH_Y = (KH - 1) * DH, REACH_X = (KW - 1) * DW;
const uint UP_Y = GRAD ? SH : 1, UP_X = GRAD ? SW : 1, DOWN_Y = GRAD ? 1 : SH, DOWN_X = GRAD ? 1 : SW;
const uint PAD_Y = GRAD ? (REACH_Y - TOP) / SH : TOP, PAD_X = GRAD ? (REACH_X - LEFT) / SW : LEFT;
const uint PHASE_Y = GRAD ? (REACH_Y - TOP) % SH : 0, PHASE_X = GRAD ? (REACH_X - LEFT) % SW : 0;
const uint PIXELS = 4 * UP_X;
const uint LINES = ((TR - 1) * DOWN_Y + REACH_Y - PHASE_Y) / UP_Y + 1;
const uint COLUMNS = ((PIXELS - 1) * DOWN_X + REACH_X - PHASE_X) / UP_X + 1;
const uint SHIFT = (4 - PAD_X % 4) % 4;

TUFF_WINDOW(read_line, in0, COLUMNS, QUADS, SHIFT)
TUFF_WINDOW(read_weights, in1, TAPS, (QUADS > 0 ? 1 : 0), 0)

/* Columns that are stored or left out together behind the LAST_COLUMNS. */
const uint PART = LAST_COLUMNS == 2 && UP_X == 1 ? 1 : PIXELS - LAST_COLUMNS;

/* Pixels first .. end - 1 of a row. */
void store(uint to, float row[PIXELS], uint first, uint end, bool by_quads)
{
    if (by_quads) {
        [[unroll]] for (uint p = first; p < end; p += 4) out0v(to + p, vec4(row[p], row[p + 1], row[p + 2], row[p + 3]));
    } else {
        [[unroll]] for (uint p = first; p < end; p++) out0(to + p, row[p]);
    }
}

void main()
{
    uint e = tuff_group() * WORKGROUP + gl_LocalInvocationIndex;
    if (e >= count) return;
    uint across = (rw + PIXELS - 1) / PIXELS, down = (rh + TR - 1) / TR;
    uint strip = e / across, plane = strip / down, i0 = (strip - plane * down) * TR, j0 = (e - strip * across) * PIXELS;
    uint channels = groups * per_group, picture = plane / channels, channel = plane - picture * channels;
    int y0 = int(i0 * DOWN_Y / UP_Y) - int(PAD_Y), x0 = int(j0 * DOWN_X / UP_X) - int(PAD_X);
    bool inside[COLUMNS];
    [[unroll]] for (uint c = 0; c < COLUMNS; c++) inside[c] = (c >= PAD_X && c < RIGHT) || uint(x0 + int(c)) < sw;
    float acc[TR][PIXELS];
    [[unroll]] for (uint i = 0; i < TR; i++)
        [[unroll]] for (uint p = 0; p < PIXELS; p++) acc[i][p] = 0.0;
    for (uint m = 0; m < (GRAD ? SUMS : 1); m++) {
        uint source = picture * groups + channel / per_group, kernel = channel;
        if (GRAD) {
            source = plane * SUMS + m;
            kernel = channel * SUMS + m;
        }
        float weight[TAPS];
        read_weights(int(kernel * TAPS), int(last_w), weight);
        [[unroll]] for (uint l = 0; l < LINES; l++) {
            float f[COLUMNS];
            read_line((int(source * sh) + y0 + int(l)) * int(sw) + x0, int(last_s), f);
            bool row = (l >= PAD_Y && l < LOW) || uint(y0 + int(l)) < sh;
            [[unroll]] for (uint c = 0; c < COLUMNS; c++) f[c] = row && inside[c] ? f[c] : 0.0;
            [[unroll]] for (uint u = 0; u < KH; u++) {
                uint at = l * UP_Y + PHASE_Y - u * DH, i = at / DOWN_Y; /* wraps above the block's first row */
                if (at % DOWN_Y == 0 && i < TR) {
                    [[unroll]] for (uint v = 0; v < KW; v++)
                        [[unroll]] for (uint p = 0; p < PIXELS; p++) {
                            uint x = p * DOWN_X + v * DW + UP_X - PHASE_X; /* UP_X: never below 0 */
                            uint tap = u * KW + v;
                            if (x % UP_X == 0)
                                acc[i][p] = fma(weight[GRAD ? TAPS - 1 - tap : tap], f[x / UP_X - 1], acc[i][p]);
                        }
                }
            }
        }
    }
    /* Software devices store many times slower under a condition: few of them, around as much as there is. */
    const bool BY_QUADS = LAST_COLUMNS % 4 == 0; /* rows of quads */
    uint to = (plane * rh + i0) * rw + j0;
    if (LAST_ROWS == 0) {
        uint rows = min(TR, rh - i0);
        [[dont_unroll]] for (uint i = 0; i < rows; i++) {
            if (rw % 4 == 0 && j0 + PIXELS <= rw) {
                store(to, acc[0], 0, PIXELS, true);
            } else {
                [[unroll]] for (uint p = 0; p < PIXELS; p++)
                    if (j0 + p < rw) store(to, acc[0], p, p + 1, false);
            }
            [[unroll]] for (uint k = 1; k < TR; k++)
                [[unroll]] for (uint p = 0; p < PIXELS; p++) acc[k - 1][p] = acc[k][p];
            to += rw;
        }
        return;
    }
    [[unroll]] for (uint i = 0; i < LAST_ROWS; i++) store(to + i * rw, acc[i], 0, LAST_COLUMNS, BY_QUADS);
    [[unroll]] for (uint p = LAST_COLUMNS; p < PIXELS; p += PART)
        if (j0 + p + PART <= rw) {
            [[unroll]] for (uint i = 0; i < LAST_ROWS; i++) store(to + i * rw, acc[i], p, p + PART, BY_QUADS);
        }
    if (i0 + TR > rh) return;
    [[unroll]] for (uint i = LAST_ROWS; i < TR; i++) store(to + i * rw, acc[i], 0, LAST_COLUMNS, BY_QUADS);
    [[unroll]] for (uint p = LAST_COLUMNS; p < PIXELS; p += PART)
        if (j0 + p + PART <= rw) {
            [[unroll]] for (uint i = LAST_ROWS; i < TR; i++) store(to + i * rw, acc[i], p, p + PART, BY_QUADS);
        }
}

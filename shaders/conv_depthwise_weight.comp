#version 450
#extension GL_GOOGLE_include_directive : require
/* conv_depthwise_weight.comp - gradient by weight of a convolution with one input channel in a group; a workgroup for each
 * output channel of a split, whose invocations take blocks of TR rows of four pixels of gy.
 *
 *   gw[split,m,0,u,v] = sum_{n,i,j} gy[n,m,i,j] * x[n, m / per_group, i*SH + u*DH - TOP, j*SW + v*DW - LEFT], n in the split
 *
 * in    0      x  [n, groups, h, w]                f32
 * in    1      gy [n, groups * per_group, oh, ow]  f32
 * out   2      gw [splits, groups * per_group, 1, KH, KW] f32
 * push         below
 * spec  0..5   KH, KW, SH, SW, DH, DW
 * spec  6      WORKGROUP: a power of two
 * spec  7      TR
 * spec  8, 9   TOP, LEFT
 * spec  10, 11 LOW, RIGHT: from which line, which column of the block on one may lie beyond x
 * spec  12, 13 LAST_ROWS, LAST_COLUMNS: rows and columns that the last blocks of gy have
 * spec  14, 15 X_QUADS, GY_QUADS: 0 elements are read one by one; 1 quads (elements a multiple of 4); 2 and the width is
 *              one, too
 * grid         group_count workgroups, folded: channel fastest, then split
 * why          a block's elements of x are read once for all taps; sums are joined once, in a fixed order */
#include "include/hooks.glsl"
TUFF_KERNEL(conv_depthwise_weight, 6)
TUFF_PORTS(IIO)
#include "include/window.glsl"

const uint LINES = (TR - 1) * SH + (KH - 1) * DH + 1, COLUMNS = 3 * SW + (KW - 1) * DW + 1, TAPS = KH * KW;
const uint SHIFT = (4 - LEFT % 4) % 4;

TUFF_WINDOW(read_line, in0, COLUMNS, X_QUADS, SHIFT)
TUFF_WINDOW(read_gy, in1, 4, GY_QUADS, 0)

shared float part[WORKGROUP * TAPS];

void main()
{
    uint group = tuff_group(), lane = gl_LocalInvocationIndex;
    bool work = group < group_count; /* the same for the whole workgroup */
    uint channels = groups * per_group, split = group / channels, channel = group - split * channels;
    float acc[TAPS];
    [[unroll]] for (uint t = 0; t < TAPS; t++) acc[t] = 0.0;
    uint across = (ow + 3) / 4, blocks = across * ((oh + TR - 1) / TR), first = split * split_pictures;
    uint end = work ? min(split_pictures, pictures - first) * blocks : 0;
    for (uint e = lane; e < end; e += WORKGROUP) {
        uint picture = e / blocks, block = e - picture * blocks, strip = block / across;
        uint i0 = strip * TR, j0 = (block - strip * across) * 4;
        picture += first;
        float g[TR][4];
        uint gy_at = ((picture * channels + channel) * oh + i0) * ow + j0;
        [[unroll]] for (uint i = 0; i < TR; i++) {
            float four[4];
            read_gy(int(gy_at + i * ow), int(last_gy), four);
            bool row = i < LAST_ROWS || i0 + i < oh;
            [[unroll]] for (uint c = 0; c < 4; c++) g[i][c] = row && (c < LAST_COLUMNS || j0 + c < ow) ? four[c] : 0.0;
        }
        int y0 = int(i0 * SH) - int(TOP), x0 = int(j0 * SW) - int(LEFT);
        int from = int((picture * groups + channel / per_group) * h);
        [[unroll]] for (uint l = 0; l < LINES; l++) {
            float f[COLUMNS];
            read_line((from + y0 + int(l)) * int(w) + x0, int(last_x), f);
            bool row = (l >= TOP && l < LOW) || uint(y0 + int(l)) < h;
            [[unroll]] for (uint c = 0; c < COLUMNS; c++) {
                bool column = (c >= LEFT && c < RIGHT) || uint(x0 + int(c)) < w;
                f[c] = row && column ? f[c] : 0.0;
            }
            [[unroll]] for (uint u = 0; u < KH; u++) {
                uint at = l - u * DH, i = at / SH; /* wraps above the block's first row */
                if (at % SH == 0 && i < TR) {
                    [[unroll]] for (uint v = 0; v < KW; v++)
                        [[unroll]] for (uint c = 0; c < 4; c++)
                            acc[u * KW + v] = fma(g[i][c], f[c * SW + v * DW], acc[u * KW + v]);
                }
            }
        }
    }
    [[unroll]] for (uint t = 0; t < TAPS; t++) part[t * WORKGROUP + lane] = acc[t];
    for (uint half_size = WORKGROUP / 2; half_size > 0; half_size /= 2) {
        barrier(); /* parts are written before they are read */
        if (lane < half_size) {
            [[unroll]] for (uint t = 0; t < TAPS; t++) part[t * WORKGROUP + lane] += part[t * WORKGROUP + lane + half_size];
        }
    }
    barrier(); /* the same for the sums */
    if (work)
        for (uint t = lane; t < TAPS; t += WORKGROUP) out0(group * TAPS + t, part[t * WORKGROUP]);
}

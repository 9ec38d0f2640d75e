/* pool_strips.glsl - gradients of pooling on processors: an invocation goes down a strip, 4 QUADS columns, a block of SH rows (i*SH - TOP ..)
 * a step. Step i knows windows (i,j) that touch the strip, and stores the rows that no later window touches; what windows share is kept. Before
 * it: TOP, LEFT, QUADS, STEPS (blocks of an invocation at most), GY_QUADS, GY(i) and GYQ(q), the port of gy.
 *
 * count of invocations: planes * ceil(blocks of a column / STEPS) * w / (4 QUADS) */
const uint WIDTH = 4 * QUADS, MINE = WIDTH / SW, J_BEFORE = (KW - 1 - LEFT) / SW, J_COUNT = J_BEFORE + (WIDTH - 1 + LEFT) / SW + 1; /* windows */
const uint KEPT = KH > SH ? KH - SH : 0, ROWS = KH > SH ? KH : SH; /* rows that a window shares with the next; rows of a step */
const bool APART = KH <= SH && KW <= SW;

struct pool_walk {
    uint plane, c, i, stored, end; /* the block that comes now; the first one that is stored, and the one behind the last */
};
/* early: steps before the first that is stored; first: of a strip's first part. */
pool_walk pool_start(uint early, uint first)
{
    uint e = pool_element(), blocks = (h + TOP + SH - 1) / SH, strips = w / WIDTH, line = e / strips, part = line / planes;
    pool_walk at;
    at.plane = line - part * planes;
    at.c = e - line * strips;
    at.stored = part * STEPS;
    at.i = at.stored - (part == 0 ? first : early); /* numbers below zero wrap, and fail comparisons with sizes */
    at.end = e < count ? min(at.stored + STEPS, blocks) : at.i;
    return at;
}

/* gy of the windows that touch the block, 0 where there is none. */
void pool_gradients(pool_walk at, out float g[J_COUNT])
{
    vec4 four = vec4(0.0);
    [[unroll]] for (uint jj = 0; jj < J_COUNT; jj++) {
        uint j = at.c * MINE + jj - J_BEFORE, place = (at.plane * oh + at.i) * ow + j;
        bool inside = at.i < oh && j < ow, by_quads = GY_QUADS && jj >= J_BEFORE && jj < J_BEFORE + MINE;
        uint from = inside ? place : 0;
        if (by_quads && (jj - J_BEFORE) % 4 == 0) four = GYQ(from / 4);
        float gy = four[(jj - J_BEFORE) % 4];
        if (!by_quads) gy = GY(from);
        g[jj] = inside ? gy : 0.0;
    }
}

/* Stores the rows of a block; those of the next begin with what is there of them. */
void pool_store(pool_walk at, inout float sum[ROWS][WIDTH])
{
    uint y0 = at.i * SH - TOP, to = (at.plane * h + y0) * w + at.c * WIDTH;
    [[unroll]] for (uint r = 0; r < SH; r++)
        if (at.i - at.stored < STEPS && y0 + r < h)
            [[unroll]] for (uint q = 0; q < QUADS; q++)
                out0v(to + r * w + 4 * q, vec4(sum[r][4 * q], sum[r][4 * q + 1], sum[r][4 * q + 2], sum[r][4 * q + 3]));
    [[unroll]] for (uint t = 0; t < WIDTH; t++) {
        [[unroll]] for (uint r = 0; r < KEPT; r++) sum[r][t] = sum[r + SH][t];
        [[unroll]] for (uint r = KEPT; r < ROWS; r++) sum[r][t] = 0.0;
    }
}

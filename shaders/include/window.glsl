/* window.glsl - neighbours in memory that begin anywhere, read by quads.
 *
 *   TUFF_WINDOW(name, PORT, COUNT, MODE, SHIFT)
 *     void name(int at, int last, out float f[COUNT])   f[k] = element at + k of PORT, whose last element is `last`
 *
 * COUNT is the name of a constant by which f is declared, too: array sizes that are expressions of specialization constants
 * are never the same size. MODE is 0 where the number of elements is no multiple of 4 (element by element), 1 where windows
 * begin anywhere (a quad more is read than COUNT needs, and two rounds of selects move the elements into place), 2 where each
 * begins SHIFT behind a multiple of 4. What lies outside of PORT is some other element of it: the caller masks it. */
#define TUFF_WINDOW(name, PORT, COUNT, MODE, SHIFT)                                                                        \
    void name(int at, int last, out float f[COUNT])                                                                        \
    {                                                                                                                      \
        const uint FOURS = ((MODE == 2 ? SHIFT : 3) + COUNT + 3) / 4;                                                      \
        if (MODE == 0) {                                                                                                   \
            [[unroll]] for (uint k = 0; k < COUNT; k++) f[k] = PORT(uint(clamp(at + int(k), 0, last)));                    \
            return;                                                                                                        \
        }                                                                                                                  \
        float e[4 * FOURS];                                                                                                \
        [[unroll]] for (uint q = 0; q < FOURS; q++) {                                                                      \
            vec4 four = PORT##q(uint(clamp((at >> 2) + int(q), 0, last >> 2)));                                            \
            [[unroll]] for (uint c = 0; c < 4; c++) e[4 * q + c] = four[c];                                                \
        }                                                                                                                  \
        if (MODE == 1) {                                                                                                   \
            [[unroll]] for (uint k = 0; k < COUNT + 2; k++) e[k] = (at & 1) != 0 ? e[k + 1] : e[k];                        \
            [[unroll]] for (uint k = 0; k < COUNT; k++) f[k] = (at & 2) != 0 ? e[k + 2] : e[k];                            \
        } else {                                                                                                           \
            [[unroll]] for (uint k = 0; k < COUNT; k++) f[k] = e[k + SHIFT];                                               \
        }                                                                                                                  \
    }

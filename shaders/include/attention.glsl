/* attention.glsl - what the kernels of attention share: rows of operands by quads, and what a row adds to a product by a mask. The file has
 * constants D, E (depths of tiles), D_QUADS, E_QUADS (rows of d and e elements begin at multiples of 4), FULL (D is d and E is e), and push
 * words d, e, mask_batch, mask_head, mask_row, mask_column. */
const float LEAST = -3.402823466e38;
#define HIDDEN uintBitsToFloat(0xff800000u)
/* Elements 4 quad .. 4 quad + 3 of a row; 0 behind its last. */
#define ATTENTION_ROW(name, PORT, QUADS, width)                                       \
    vec4 name(uint row, uint quad)                                                    \
    {                                                                                 \
        uint at = quad * 4u;                                                          \
        vec4 v = vec4(0.0);                                                           \
        if (QUADS) {                                                                  \
            bool inside = FULL || at < width;                                         \
            uint from = row * (width / 4u) + quad;                                    \
            from = inside ? from : 0u;                                                \
            v = PORT##q(from);                                                        \
            v = inside ? v : vec4(0.0);                                               \
        } else {                                                                      \
            [[unroll]] for (uint c = 0; c < 4; c++) {                                 \
                bool inside = at + c < width;                                         \
                uint from = row * width + at + c;                                     \
                from = inside ? from : 0u;                                            \
                float x = PORT(from);                                                 \
                v[c] = inside ? x : 0.0;                                              \
            }                                                                         \
        }                                                                             \
        return v;                                                                     \
    }
/* s with what the mask adds; -inf of it hides whatever s is. */
float attention_add(float s, float added)
{
    bool hidden = floatBitsToUint(added) == 0xff800000u;
    float sum = s + added;
    return hidden ? added : sum;
}

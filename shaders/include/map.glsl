/* map.glsl - index maps whose numbers are specialization constants: constant + sum of (i / div % mod) * stride over up to eight
 * terms (graph/compile/emit.h, struct tuff_index). A term without stride is absent, a mod of 0 is none.
 *     TUFF_MAP(name, id)   uint name(uint i); id is the constant, id + 1 + 3 t .. div, mod, stride of term t: 25 ids */
uint tuff_digit(uint i, uint div, uint mod)
{
    uint q = i / div;
    if (mod != 0u) q %= mod;
    return q;
}
#define TUFF_MAP_TERM(name, t, id)                                   \
    layout(constant_id = id) const uint name##_div##t = 1u;          \
    layout(constant_id = id + 1) const uint name##_mod##t = 0u;      \
    layout(constant_id = id + 2) const uint name##_stride##t = 0u;
#define TUFF_MAP_ADD(name, t) if (name##_stride##t != 0u) at += tuff_digit(i, name##_div##t, name##_mod##t) * name##_stride##t;
#define TUFF_MAP(name, id)                                                                                              \
    layout(constant_id = id) const uint name##_constant = 0u;                                                           \
    TUFF_MAP_TERM(name, 0, id + 1) TUFF_MAP_TERM(name, 1, id + 4) TUFF_MAP_TERM(name, 2, id + 7)                        \
    TUFF_MAP_TERM(name, 3, id + 10) TUFF_MAP_TERM(name, 4, id + 13) TUFF_MAP_TERM(name, 5, id + 16)                     \
    TUFF_MAP_TERM(name, 6, id + 19) TUFF_MAP_TERM(name, 7, id + 22)                                                     \
    uint name(uint i)                                                                                                   \
    {                                                                                                                   \
        uint at = name##_constant;                                                                                      \
        TUFF_MAP_ADD(name, 0) TUFF_MAP_ADD(name, 1) TUFF_MAP_ADD(name, 2) TUFF_MAP_ADD(name, 3)                         \
        TUFF_MAP_ADD(name, 4) TUFF_MAP_ADD(name, 5) TUFF_MAP_ADD(name, 6) TUFF_MAP_ADD(name, 7)                         \
        return at;                                                                                                      \
    }

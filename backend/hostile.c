/* hostile.c - a module rewritten so that it computes the worst that Vulkan allows (tuff_options.hostile): results off by the units in the last place
 * that are allowed, denormals taken for zeros, products and sums that are one operation or two and are rounded toward zero, the other operand of a
 * minimum with a NaN, whole numbers of what no whole number holds; workgroups and invocations in another order, shared memory full of NaN.
 *
 * It is done to SPIR-V, so that no kernel, hook text or app's row can pass by it, whoever compiled it: an instruction of floats that is not known here is
 * refused. What a function is off by hangs on its operand and the seed alone; where else something is done, on the place in the module and the
 * seed: equal launches give equal bits. Every fourth seed does it everywhere.
 *
 * Source: Vulkan specification, "Precision and Operation of SPIR-V Instructions"; SPIR-V specification, section 3 (numbers), section 2.4 (layout). */
#include "backend/lookup.h"
#include "backend/spirv.h"
#include "backend/spirv_words.h"

enum { OP_EXT_INST_IMPORT = 11, OP_EXT_INST, OP_TYPE_VOID = 19, OP_FUNCTION = 54, OP_FUNCTION_CALL = 57 };
enum { OP_LOAD = 61, OP_STORE, OP_ACCESS_CHAIN = 65, OP_IN_BOUNDS_ACCESS_CHAIN, OP_COMPOSITE_CONSTRUCT = 80 };
enum { OP_COMPOSITE_EXTRACT = 81, OP_COPY_OBJECT = 83, OP_FTOU = 109, OP_FTOS, OP_STOF, OP_UTOF, OP_FCONVERT = 115 };
enum { OP_QUANTIZE = 116, OP_BITCAST = 124, OP_FNEGATE = 127, OP_IADD, OP_FADD, OP_ISUB, OP_FSUB, OP_IMUL, OP_FMUL };
enum { OP_UDIV = 134, OP_FDIV = 136, OP_UMOD, OP_FREM = 140, OP_FMOD, OP_VECTOR_TIMES_SCALAR, OP_DOT = 148 };
enum { OP_UMUL_EXTENDED = 151, OP_IS_NAN = 156, OP_IS_INF, OP_LOGICAL_AND = 167, OP_SELECT = 169, OP_IEQUAL };
enum { OP_ULESS = 176, OP_FEQUAL = 180, OP_FLESS = 184, OP_FGREATER_EQUAL = 190, OP_FGREATER_EQUAL_UNORDERED };
enum { OP_SHIFT_RIGHT = 194, OP_SHIFT_LEFT = 196, OP_OR, OP_XOR, OP_AND, OP_CONTROL_BARRIER = 224, OP_PHI = 245 };
enum { OP_LOOP_MERGE = 246, OP_LABEL = 248, OP_BRANCH, OP_BRANCH_CONDITIONAL, OP_GROUP_FADD = 350, OP_GROUP_FMAX = 358 };
enum { NO_CONTRACTION = 42, CLASS_PRIVATE = 6, CLASS_FUNCTION };
enum { NUM_WORKGROUPS = 24, WORKGROUP_ID = 26, LOCAL_ID, GLOBAL_ID, LOCAL_INDEX };
/* of GLSL.std.450; those from 1 to 9, 37 to 45 and 73 to 75 are exact but for what is named */
enum { EXP = 27, LOG, EXP2, LOG2, SQRT, INVERSE_SQRT, FMIN = 37, FMAX = 40, FCLAMP = 43, FMA = 50, PACK_HALF = 58 };
enum { UNPACK_HALF = 62, FIND_UMSB = 75, NMIN = 79, NCLAMP = 81 };

/* What is drawn for an instruction, and the functions, whose errors go up, down, or as their operands' bits have it. */
enum draw { FLUSHES, CUTS, CONTRACTS, SWAPS, OF_DIVIDE, OF_EXP, OF_LOG, OF_SQRT, OF_ORDER };

struct value {
    const uint32_t *op;     /* of the module's types and constants: the instruction */
    uint32_t type;          /* of a value */
    uint32_t a, b;          /* of a product that may be contracted: its factors */
    uint32_t stored, block; /* of a local variable of a float: what was stored there last, and in which block */
    char base;              /* of a type: 'f', 'u', 'i' of 32 bits, 'b', 'h' (floats of 16 bits); 0: another */
    uint8_t count;          /* of its vector, or 1 */
    bool exact, local;      /* NoContraction; a local variable of a float */
};

struct words {
    uint32_t *data;
    size_t count, capacity;
};

struct fixed {
    uint32_t value, id;
    char base;
    uint8_t count;
};

struct hostile {
    struct tuff_context *context;
    struct value *values; /* [owned] by id */
    struct value nothing; /* of ids that are none */
    size_t bound, capacity;
    struct words head, globals, code; /* [owned] up to the annotations; types, constants, variables; functions */
    struct fixed *fixed;              /* [owned] constants made here */
    size_t fixed_count, fixed_capacity;
    uint32_t types[128][5];                                /* of a base and a count; 0: not there yet */
    uint32_t seed, place, block, n;                        /* n: components of what is being written */
    uint32_t entry, functions, size;                       /* the size of the workgroup */
    uint32_t input[LOCAL_INDEX + 1], own[LOCAL_INDEX + 1]; /* variables by what they hold, and what is read instead */
    uint32_t first, begin; /* labels: of the entry point's first block, until its beginning is written, and of that */
    bool in_entry, malformed, no_memory;
    uint32_t unknown; /* instruction, or 1000 and a function's number */
};

static uint32_t mix(uint32_t a, uint32_t b)
{
    a ^= b * UINT32_C(0x9e3779b1);
    a = (a ^ a >> 16) * UINT32_C(0x7feb352d);
    a = (a ^ a >> 15) * UINT32_C(0x846ca68b);
    return a ^ a >> 16;
}
static uint32_t drawn(const struct hostile *h, enum draw what) { return mix(mix(h->seed, (uint32_t)what + 1), 0x5eed); }
/* Rounding is one for all of a device, which pairs of numbers count on (pw_add_rest): toward zero by every other seed. */
static bool chance(const struct hostile *h, enum draw what)
{
    if (what == CUTS) return h->seed % 2 == 0;
    return h->seed % 4 == 0 || mix(mix(h->seed, h->place), (uint32_t)what) % 4 == 0;
}

static struct value *at(struct hostile *h, uint32_t id)
{
    if (id && id < h->bound) return &h->values[id];
    h->malformed = true;
    return &h->nothing;
}

static void push(struct hostile *h, struct words *to, const uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count && !h->no_memory; i++) {
        h->no_memory = !TUFF_GROW_HEAP(h->context, to->data, to->count, &to->capacity);
        if (!h->no_memory) to->data[to->count++] = words[i];
    }
}

static void put(struct hostile *h, struct words *to, uint32_t op, const uint32_t *words, uint32_t count)
{
    push(h, to, &(uint32_t){(count + 1) << 16 | op}, 1);
    push(h, to, words, count);
}
#define PUT(to, op, ...) put(h, to, op, (const uint32_t[]){__VA_ARGS__}, TUFF_COUNT(((const uint32_t[]){__VA_ARGS__})))

static uint32_t new_id(struct hostile *h)
{
    h->no_memory = h->no_memory || !TUFF_GROW_HEAP(h->context, h->values, h->bound, &h->capacity);
    if (h->no_memory) return 0;
    h->values[h->bound] = (struct value){0};
    return (uint32_t)h->bound++;
}

static uint32_t make(struct hostile *h, uint32_t op, uint32_t type, const uint32_t *operands, uint32_t count)
{
    uint32_t id = new_id(h);
    push(h, &h->code, (const uint32_t[]){(count + 3) << 16 | op, type, id}, 3);
    push(h, &h->code, operands, count);
    if (id) h->values[id].type = type;
    return id;
}
#define MAKE(op, type, ...) make(h, op, type, (const uint32_t[]){__VA_ARGS__}, TUFF_COUNT(((const uint32_t[]){__VA_ARGS__})))

static uint32_t note_type(struct hostile *h, uint32_t id, char base, uint32_t count)
{
    if (count > 4) return id;
    *at(h, id) = (struct value){.op = at(h, id)->op, .base = base, .count = (uint8_t)count};
    h->types[(int)base][count] = id;
    return id;
}

static uint32_t type_of(struct hostile *h, char base, uint32_t count)
{
    uint32_t id = h->types[(int)base][count];
    if (id) return id;
    uint32_t element = count > 1 ? type_of(h, base, 1) : 0;
    id = new_id(h);
    if (!id) return 0;
    if (count > 1)
        PUT(&h->globals, OP_TYPE_VECTOR, id, element, count);
    else if (base == 'f')
        PUT(&h->globals, OP_TYPE_FLOAT, id, 32);
    else if (base == 'b')
        PUT(&h->globals, OP_TYPE_BOOL, id);
    else
        PUT(&h->globals, OP_TYPE_INT, id, 32, base == 'i');
    return note_type(h, id, base, count);
}

/* A constant in each of the components. */
static uint32_t fixed_of(struct hostile *h, char base, uint32_t count, uint32_t value)
{
    for (size_t i = 0; i < h->fixed_count; i++)
        if (h->fixed[i].value == value && h->fixed[i].base == base && h->fixed[i].count == count) return h->fixed[i].id;
    uint32_t one = count > 1 ? fixed_of(h, base, 1, value) : value, type = type_of(h, base, count), id = new_id(h);
    const uint32_t words[] = {type, id, one, one, one, one};
    put(h, &h->globals, count > 1 ? OP_CONSTANT_COMPOSITE : OP_CONSTANT, words, 2 + count);
    if (!id || !TUFF_GROW_HEAP(h->context, h->fixed, h->fixed_count, &h->fixed_capacity)) return h->no_memory = true, 0;
    h->values[id].type = type;
    h->fixed[h->fixed_count++] = (struct fixed){value, id, base, (uint8_t)count};
    return id;
}
static uint32_t word(struct hostile *h, uint32_t value) { return fixed_of(h, 'u', h->n, value); }
static uint32_t number(struct hostile *h, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return fixed_of(h, 'f', h->n, bits);
}

static uint32_t one(struct hostile *h, char base, uint32_t op, uint32_t a) { return MAKE(op, type_of(h, base, h->n), a); }
static uint32_t two(struct hostile *h, char base, uint32_t op, uint32_t a, uint32_t b)
{
    return MAKE(op, type_of(h, base, h->n), a, b);
}
static uint32_t pick(struct hostile *h, char base, uint32_t which, uint32_t a, uint32_t b)
{
    return MAKE(OP_SELECT, type_of(h, base, h->n), which, a, b);
}
static uint32_t bits_of(struct hostile *h, uint32_t a) { return one(h, 'u', OP_BITCAST, a); }
static uint32_t float_of(struct hostile *h, uint32_t a) { return one(h, 'f', OP_BITCAST, a); }
static uint32_t keep(struct hostile *h, uint32_t id)
{
    PUT(&h->head, OP_DECORATE, id, NO_CONTRACTION);
    return id;
}
/* Arithmetic that is done as it stands. */
static uint32_t exactly(struct hostile *h, uint32_t op, uint32_t a, uint32_t b) { return keep(h, two(h, 'f', op, a, b)); }

/* 0 with its sign of a denormal. */
static uint32_t flush(struct hostile *h, uint32_t a)
{
    uint32_t bits = bits_of(h, a), sign = two(h, 'u', OP_AND, bits, word(h, 0x80000000));
    uint32_t none = two(h, 'b', OP_IEQUAL, two(h, 'u', OP_AND, bits, word(h, 0x7f800000)), word(h, 0));
    return float_of(h, pick(h, 'u', none, sign, bits));
}

/* Bits of y, `by` (0 or 1) nearer to 0, where y is a normal number. */
static uint32_t step_down(struct hostile *h, uint32_t y, uint32_t by)
{
    uint32_t exponent = two(h, 'u', OP_AND, y, word(h, 0x7f800000));
    uint32_t normal = two(h, 'b', OP_ULESS, two(h, 'u', OP_ISUB, exponent, word(h, 1)), word(h, 0x7f7fffff));
    return float_of(h, two(h, 'u', OP_ISUB, y, pick(h, 'u', normal, by, word(h, 0))));
}

/* Toward zero: one less where what is left out (TwoSum) has another sign. */
static uint32_t cut_sum(struct hostile *h, uint32_t op, uint32_t a, uint32_t b)
{
    if (op == OP_FSUB) b = one(h, 'f', OP_FNEGATE, b);
    uint32_t s = exactly(h, OP_FADD, a, b), v = exactly(h, OP_FSUB, s, a), u = exactly(h, OP_FSUB, s, v);
    uint32_t rest = bits_of(h, exactly(h, OP_FADD, exactly(h, OP_FSUB, a, u), exactly(h, OP_FSUB, b, v)));
    uint32_t y = bits_of(h, s), other = two(h, 'u', OP_SHIFT_RIGHT, two(h, 'u', OP_XOR, y, rest), word(h, 31));
    uint32_t none = two(h, 'b', OP_IEQUAL, two(h, 'u', OP_SHIFT_LEFT, rest, word(h, 1)), word(h, 0));
    return step_down(h, y, pick(h, 'u', none, word(h, 0), other));
}

static uint32_t digits(struct hostile *h, uint32_t a)
{
    uint32_t of = two(h, 'u', OP_SHIFT_LEFT, bits_of(h, a), word(h, 8));
    return two(h, 'u', OP_OR, of, word(h, 0x80000000));
}

/* Toward zero: the digits of the product of digits, cut off, tell whether it was rounded up. a, b: no denormals. */
static uint32_t cut_product(struct hostile *h, uint32_t a, uint32_t b)
{
    uint32_t y = bits_of(h, exactly(h, OP_FMUL, a, b)), type = type_of(h, 'u', h->n), both = new_id(h);
    PUT(&h->globals, OP_TYPE_STRUCT, both, type, type);
    uint32_t high = MAKE(OP_COMPOSITE_EXTRACT, type, MAKE(OP_UMUL_EXTENDED, both, digits(h, a), digits(h, b)), 1);
    uint32_t shift = two(h, 'u', OP_IADD, two(h, 'u', OP_SHIFT_RIGHT, high, word(h, 31)), word(h, 7));
    uint32_t differs = two(h, 'u', OP_XOR, two(h, 'u', OP_SHIFT_RIGHT, high, shift), y);
    return step_down(h, y, two(h, 'u', OP_AND, differs, word(h, 1)));
}

/* 1 or 0 in the highest bit of a hash of the operands. */
static uint32_t side(struct hostile *h, enum draw of, uint32_t a, uint32_t b)
{
    uint32_t x = two(h, 'u', OP_XOR, bits_of(h, a), word(h, drawn(h, of)));
    x = two(h, 'u', OP_IMUL, x, word(h, 0x7feb352d));
    if (b) x = two(h, 'u', OP_IADD, x, bits_of(h, b));
    x = two(h, 'u', OP_XOR, x, two(h, 'u', OP_SHIFT_RIGHT, x, word(h, 15)));
    return two(h, 'u', OP_SHIFT_RIGHT, two(h, 'u', OP_IMUL, x, word(h, 0x846ca68b)), word(h, 31));
}

/* a, or what takes it off: up, down, or one of both by the operands. */
static uint32_t either(struct hostile *h, enum draw of, char base, uint32_t up, uint32_t down, uint32_t a, uint32_t b)
{
    switch (drawn(h, of) % 3) {
    case 0: return up;
    case 1: return down;
    default: return pick(h, base, two(h, 'b', OP_IEQUAL, side(h, of, a, b), word(h, 0)), up, down);
    }
}

/* y, so many units in the last place away, where it is a normal number that stays one. */
static uint32_t off(struct hostile *h, enum draw of, uint32_t y, uint32_t units, uint32_t a, uint32_t b)
{
    uint32_t bits = bits_of(h, y), less = two(h, 'u', OP_ISUB, word(h, 0), units);
    uint32_t exponent = two(h, 'u', OP_AND, two(h, 'u', OP_SHIFT_RIGHT, bits, word(h, 23)), word(h, 255));
    uint32_t inside = two(h, 'b', OP_ULESS, two(h, 'u', OP_ISUB, exponent, word(h, 2)), word(h, 251));
    uint32_t moved = two(h, 'u', OP_IADD, bits, either(h, of, 'u', units, less, a, b));
    return float_of(h, pick(h, 'u', inside, moved, bits));
}

static uint32_t call(struct hostile *h, uint32_t function, uint32_t a)
{
    return MAKE(OP_EXT_INST, type_of(h, 'f', h->n), h->functions, function, a);
}

/* 2.5 units; of |b| > 2^126 the reciprocal may be 0. */
static uint32_t quotient(struct hostile *h, uint32_t a, uint32_t b)
{
    a = flush(h, a);
    b = flush(h, b);
    uint32_t size = two(h, 'u', OP_AND, bits_of(h, b), word(h, 0x7fffffff));
    uint32_t large = two(h, 'b', OP_ULESS, two(h, 'u', OP_ISUB, size, word(h, 0x7e800001)),
                         word(h, 0x7f800000 - 0x7e800001));
    uint32_t y = exactly(h, OP_FDIV, a, b);
    y = flush(h, off(h, OF_DIVIDE, y, word(h, 2), a, b));
    return pick(h, 'f', large, exactly(h, OP_FMUL, a, number(h, 0.0F)), y);
}

/* 3 + 2 |a| units, of which a driver takes some of its own; 3 of logarithms, and 2^-21 from 1/2 to 2; of roots as of 1 / inversesqrt, 2 units each. */
static uint32_t of_function(struct hostile *h, uint32_t function, uint32_t a)
{
    uint32_t x = flush(h, a), y = call(h, function, x);
    switch (function) {
    case EXP:
    case EXP2: {
        uint32_t size = float_of(h, two(h, 'u', OP_AND, bits_of(h, x), word(h, 0x7fffffff)));
        uint32_t small = two(h, 'b', OP_FLESS, size, number(h, 128.0F));
        size = exactly(h, OP_FADD, pick(h, 'f', small, size, number(h, 0.0F)), number(h, 0.5F));
        return flush(h, off(h, OF_EXP, y, one(h, 'u', OP_FTOU, size), x, 0));
    }
    case LOG:
    case LOG2: {
        uint32_t near = two(h, 'b', OP_ULESS, two(h, 'u', OP_ISUB, bits_of(h, x), word(h, 0x3f000000)), word(h, 0x01000001));
        uint32_t by = either(h, OF_LOG, 'f', number(h, 0x1.4p-22F), number(h, -0x1.4p-22F), x, 0);
        uint32_t around = two(h, 'b', OP_ULESS, two(h, 'u', OP_ISUB, bits_of(h, x), word(h, 0x3e800000)),
                              word(h, 0x02000001));
        uint32_t units = pick(h, 'u', around, word(h, 0),
                              word(h, 1)); /* from 1/4 to 4 llvmpipe's are off by nearly 3 already */
        return pick(h, 'f', near, exactly(h, OP_FADD, y, by), off(h, OF_LOG, y, units, x, 0));
    }
    case SQRT: return off(h, OF_SQRT, y, word(h, 4), x, 0);
    default: return off(h, OF_SQRT, y, word(h, 1), x, 0);
    }
}

/* Whose result of a NaN is the first operand, or (swapped) the second. */
static uint32_t extremum(struct hostile *h, uint32_t function, bool swapped, uint32_t a, uint32_t b)
{
    bool lower = function == FMIN;
    uint32_t less = two(h, 'b', OP_FLESS, lower != swapped ? b : a, lower != swapped ? a : b);
    return swapped ? pick(h, 'f', less, a, b) : pick(h, 'f', less, b, a);
}

/* The upper 24 digits of a whole number. */
static uint32_t upper(struct hostile *h, uint32_t a)
{
    uint32_t top = MAKE(OP_EXT_INST, type_of(h, 'u', h->n), h->functions, FIND_UMSB,
                        two(h, 'u', OP_OR, a, word(h, 1 << 23)));
    uint32_t shift = two(h, 'u', OP_ISUB, top, word(h, 23));
    return two(h, 'u', OP_SHIFT_LEFT, two(h, 'u', OP_SHIFT_RIGHT, a, shift), shift);
}

/* Toward zero. */
static uint32_t cut_whole(struct hostile *h, uint32_t op, uint32_t a)
{
    a = at(h, at(h, a)->type)->base == 'u' ? a : bits_of(h, a);
    if (op == OP_UTOF) return one(h, 'f', OP_UTOF, upper(h, a));
    uint32_t sign = two(h, 'u', OP_AND, a, word(h, 0x80000000)), minus = two(h, 'u', OP_ISUB, word(h, 0), a);
    uint32_t size = pick(h, 'u', two(h, 'b', OP_IEQUAL, sign, word(h, 0)), a, minus);
    return float_of(h, two(h, 'u', OP_OR, bits_of(h, one(h, 'f', OP_UTOF, upper(h, size))), sign));
}

/* Anything of what the whole numbers do not hold. */
static uint32_t to_whole(struct hostile *h, uint32_t op, char base, uint32_t a)
{
    uint32_t low = number(h, op == OP_FTOS ? -0x1p31F : -0x1.fffffep-1F),
             high = number(h, op == OP_FTOS ? 0x1p31F : 0x1p32F);
    uint32_t inside = two(h, 'b', OP_LOGICAL_AND, two(h, 'b', OP_FGREATER_EQUAL, a, low), two(h, 'b', OP_FLESS, a, high));
    uint32_t whole = one(h, base, op, pick(h, 'f', inside, a, number(h, 0.0F)));
    return pick(h, base, inside, whole, fixed_of(h, base, h->n, drawn(h, OF_ORDER)));
}

/* ---- instructions ------------------------------------------------------------------------------------------------------------------------ */

/* a b + c as one operation, or as two. */
static uint32_t fused(struct hostile *h, uint32_t a, uint32_t b, uint32_t c)
{
    return MAKE(OP_EXT_INST, type_of(h, 'f', h->n), h->functions, FMA, a, b, c);
}

static uint32_t product_or_sum(struct hostile *h, uint32_t op, uint32_t id, uint32_t a, uint32_t b)
{
    bool flushes = chance(h, FLUSHES), cuts = chance(h, CUTS), exact = at(h, id)->exact;
    struct value p = *at(h, a), q = *at(h, b);
    if (op == OP_FMUL && !exact) {
        at(h, id)->a = a;
        at(h, id)->b = b;
    }
    if (op != OP_FMUL && !exact && (p.a || q.a) && chance(h, CONTRACTS)) {
        uint32_t minus = op == OP_FSUB ? one(h, 'f', OP_FNEGATE, p.a ? b : q.a) : 0;
        if (p.a) return fused(h, p.a, p.b, minus ? minus : b);
        return fused(h, minus ? minus : q.a, q.b, a);
    }
    if (!flushes && !cuts) return 0;
    if (flushes || op == OP_FMUL) { /* cut_product */
        a = flush(h, a);
        b = flush(h, b);
    }
    uint32_t y = !cuts ? two(h, 'f', op, a, b) : op == OP_FMUL ? cut_product(h, a, b) : cut_sum(h, op, a, b);
    if (exact && !cuts) keep(h, y);
    return flushes ? flush(h, y) : y;
}

static uint32_t compared(struct hostile *h, uint32_t op, uint32_t a, uint32_t b)
{
    return chance(h, FLUSHES) ? two(h, 'b', op, flush(h, a), flush(h, b)) : 0;
}

static uint32_t half_of(struct hostile *h, uint32_t a)
{
    return float_of(h, two(h, 'u', OP_AND, bits_of(h, a), word(h, 0xffffe000)));
}

/* Of a half, which may be a denormal. */
static uint32_t flush_half(struct hostile *h, uint32_t y)
{
    uint32_t bits = bits_of(h, y), size = two(h, 'u', OP_AND, bits, word(h, 0x7fffffff));
    uint32_t small = two(h, 'b', OP_ULESS, size, word(h, 0x38800000));
    return float_of(h, pick(h, 'u', small, two(h, 'u', OP_AND, bits, word(h, 0x80000000)), bits));
}

/* The new value of function w[4]; 0: as it is. */
static uint32_t function_of(struct hostile *h, const uint32_t *w, uint32_t words)
{
    uint32_t function = w[4], a = words > 5 ? w[5] : 0, b = words > 6 ? w[6] : 0, c = words > 7 ? w[7] : 0;
    if (at(h, w[1])->base == 'h') return 0; /* exact to a unit, as the sums and products of floats of 16 bits */
    switch (at(h, w[1])->base == 'f' || function == PACK_HALF ? function : 1000 + function) {
    case EXP:
    case LOG:
    case EXP2:
    case LOG2:
    case SQRT:
    case INVERSE_SQRT: return of_function(h, function, a);
    case FMIN:
    case FMAX: return extremum(h, function, chance(h, SWAPS), a, b);
    case FCLAMP: return extremum(h, FMIN, chance(h, SWAPS), extremum(h, FMAX, chance(h, CONTRACTS), a, b), c);
    case FMA: return chance(h, CONTRACTS) ? exactly(h, OP_FADD, exactly(h, OP_FMUL, a, b), c) : 0;
    case UNPACK_HALF: return chance(h, FLUSHES) ? flush_half(h, call(h, function, a)) : 0;
    case PACK_HALF:
        h->n = 2;
        return chance(h, CUTS) ? MAKE(OP_EXT_INST, type_of(h, 'u', 1), h->functions, function, half_of(h, a)) : 0;
    default: break;
    }
    bool exact = (function >= 1 && function <= 9) || (function >= FMIN && function <= 45) ||
                 (function >= 73 && function <= FIND_UMSB);
    if (!exact && (function < NMIN || function > NCLAMP)) h->unknown = 1000 + function;
    return 0;
}

static uint32_t converted(struct hostile *h, const uint32_t *w)
{
    char from = at(h, at(h, w[3])->type)->base, to = at(h, w[1])->base;
    if (from == 'f' && to == 'h' && chance(h, CUTS)) return MAKE(OP_FCONVERT, w[1], half_of(h, w[3]));
    if (from == 'h' && to == 'f' && chance(h, FLUSHES)) return flush_half(h, MAKE(OP_FCONVERT, w[1], w[3]));
    return 0;
}

static bool is_float(struct hostile *h, uint32_t a) { return at(h, at(h, a)->type)->base == 'f'; }

/* The value that takes the place of an instruction's; 0: it stays. */
static uint32_t instead(struct hostile *h, uint32_t op, const uint32_t *w, uint32_t words)
{
    const struct value type = *at(h, w[1]);
    uint32_t a = w[3], b = words > 4 ? w[4] : 0;
    h->n = type.count;
    h->place++;
    switch (op) {
    case OP_FADD:
    case OP_FSUB:
    case OP_FMUL: return type.base == 'f' ? product_or_sum(h, op, w[2], a, b) : 0;
    case OP_VECTOR_TIMES_SCALAR:
        if (type.base != 'f') return 0;
        b = make(h, OP_COMPOSITE_CONSTRUCT, w[1], (const uint32_t[]){b, b, b, b}, h->n);
        return product_or_sum(h, OP_FMUL, w[2], a, b);
    case OP_FDIV: return type.base == 'f' ? quotient(h, a, b) : 0;
    case OP_STOF:
    case OP_UTOF: return type.base == 'f' && chance(h, CUTS) ? cut_whole(h, op, a) : 0;
    case OP_FTOS:
    case OP_FTOU: return is_float(h, a) && (type.base == 'u' || type.base == 'i') ? to_whole(h, op, type.base, a) : 0;
    case OP_FCONVERT: return converted(h, w);
    case OP_EXT_INST:
        if (words < 5 || w[3] != h->functions) return 0;
        return function_of(h, w, words);
    case OP_QUANTIZE:
    case OP_FREM:
    case OP_FMOD:
    case OP_IS_NAN:
    case OP_IS_INF: h->unknown = op; return 0;
    default: break;
    }
    if (op >= OP_FEQUAL && op <= OP_FGREATER_EQUAL_UNORDERED) return is_float(h, a) ? compared(h, op, a, b) : 0;
    if ((op > OP_VECTOR_TIMES_SCALAR && op <= OP_DOT) ||
        (op >= OP_GROUP_FADD && op <= OP_GROUP_FMAX && (type.base == 'f' || type.base == 'h')))
        h->unknown = op;
    return 0;
}

/* ---- the entry point's beginning --------------------------------------------------------------------------------------------------------- */

/* Another whole number below count for each: i with bits turned where it stays below, moved around, and again. */
static uint32_t shuffled(struct hostile *h, uint32_t i, uint32_t count, uint32_t draws)
{
    const uint32_t masks[2] = {draws >> 8 & 7, draws >> 11 & 127};
    uint32_t by = two(h, 'u', OP_UMOD, word(h, draws & 255), count), rest = two(h, 'u', OP_ISUB, count, by);
    for (int k = 0; k < 2; k++) {
        uint32_t turned = two(h, 'u', OP_XOR, i, word(h, masks[k]));
        i = pick(h, 'u', two(h, 'b', OP_ULESS, turned, count), turned, i);
        if (k) break;
        uint32_t below = two(h, 'b', OP_ULESS, i, rest);
        i = pick(h, 'u', below, two(h, 'u', OP_IADD, i, by), two(h, 'u', OP_ISUB, i, rest));
    }
    return i;
}

/* a vector's components, their product, and which of a box of that size number i is */
static void take(struct hostile *h, uint32_t vector, uint32_t part[3])
{
    for (uint32_t k = 0; k < 3; k++) part[k] = MAKE(OP_COMPOSITE_EXTRACT, type_of(h, 'u', 1), vector, k);
}
static uint32_t product_of(struct hostile *h, const uint32_t size[3])
{
    return two(h, 'u', OP_IMUL, size[0], two(h, 'u', OP_IMUL, size[1], size[2]));
}
static uint32_t number_of(struct hostile *h, const uint32_t size[3], const uint32_t at[3])
{
    uint32_t row = two(h, 'u', OP_IADD, at[1], two(h, 'u', OP_IMUL, size[1], at[2]));
    return two(h, 'u', OP_IADD, at[0], two(h, 'u', OP_IMUL, size[0], row));
}
static uint32_t place_of(struct hostile *h, const uint32_t size[3], uint32_t i)
{
    uint32_t row = two(h, 'u', OP_UDIV, i, size[0]);
    return MAKE(OP_COMPOSITE_CONSTRUCT, type_of(h, 'u', 3), two(h, 'u', OP_UMOD, i, size[0]),
                two(h, 'u', OP_UMOD, row, size[1]), two(h, 'u', OP_UDIV, row, size[1]));
}

static uint32_t load(struct hostile *h, uint32_t what)
{
    return h->input[what] ? MAKE(OP_LOAD, type_of(h, 'u', what == LOCAL_INDEX ? 1 : 3), h->input[what]) : 0;
}
static void set(struct hostile *h, uint32_t what, uint32_t value)
{
    if (h->own[what]) PUT(&h->code, OP_STORE, h->own[what], value);
}

/* A constant of a type that is never what is meant: NaN, and whole numbers that are as much; 0: not known. */
static uint32_t poison_of(struct hostile *h, uint32_t type, int depth)
{
    const uint32_t *op = at(h, type)->op;
    uint32_t code = op ? op[0] & 0xffff : 0, words = op ? op[0] >> 16 : 0, parts[16], count = 0;
    uint32_t nan = code == OP_TYPE_FLOAT && words > 2 && op[2] == 16 ? 0x7e00 : 0x7fc00bad, id;
    if (depth > 4) return 0;
    switch (code) {
    case OP_TYPE_FLOAT:
    case OP_TYPE_INT:
        if (words < 3 || op[2] > 32 || (op[2] < 32 && code == OP_TYPE_INT)) return 0;
        id = new_id(h);
        PUT(&h->globals, OP_CONSTANT, type, id, nan);
        return id;
    case OP_TYPE_VECTOR: count = words > 3 && op[3] <= TUFF_COUNT(parts) ? op[3] : 0; break;
    case OP_TYPE_STRUCT: count = words - 2 <= TUFF_COUNT(parts) ? words - 2 : 0; break;
    case OP_TYPE_ARRAY: {
        const uint32_t *length = words > 3 ? at(h, op[3])->op : NULL;
        if (length && length[0] == (4u << 16 | OP_CONSTANT) && length[3] <= TUFF_COUNT(parts)) count = length[3];
        break;
    }
    default: return 0;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!(parts[i] = poison_of(h, op[code == OP_TYPE_STRUCT ? 2 + i : 2], depth + 1))) return 0;
    id = new_id(h);
    push(h, &h->globals, (const uint32_t[]){(3 + count) << 16 | OP_CONSTANT_COMPOSITE, type, id}, 3);
    push(h, &h->globals, parts, count);
    return count ? id : 0;
}

/* Each invocation writes every count-th element of a shared array, from its own on. `from`: the block this follows; returns the one behind. */
static uint32_t poison_array(struct hostile *h, uint32_t variable, const uint32_t *array, uint32_t index, uint32_t count,
                             uint32_t from)
{
    uint32_t block[5], pointer = new_id(h), type = type_of(h, 'u', 1), i = new_id(h), next = new_id(h),
                       poison = poison_of(h, array[2], 0);
    for (size_t k = 0; k < TUFF_COUNT(block); k++) block[k] = new_id(h);
    if (!poison) h->unknown = OP_TYPE_ARRAY;
    PUT(&h->globals, OP_TYPE_POINTER, pointer, CLASS_WORKGROUP, array[2]);
    PUT(&h->code, OP_BRANCH, block[0]);
    PUT(&h->code, OP_LABEL, block[0]);
    PUT(&h->code, OP_PHI, type, i, index, from, next, block[3]);
    PUT(&h->code, OP_LOOP_MERGE, block[4], block[3], 0);
    PUT(&h->code, OP_BRANCH, block[1]);
    PUT(&h->code, OP_LABEL, block[1]);
    PUT(&h->code, OP_BRANCH_CONDITIONAL, two(h, 'b', OP_ULESS, i, array[3]), block[2], block[4]);
    PUT(&h->code, OP_LABEL, block[2]);
    PUT(&h->code, OP_STORE, MAKE(OP_ACCESS_CHAIN, pointer, variable, i), poison);
    PUT(&h->code, OP_BRANCH, block[3]);
    PUT(&h->code, OP_LABEL, block[3]);
    PUT(&h->code, OP_IADD, type, next, i, count);
    PUT(&h->code, OP_BRANCH, block[0]);
    PUT(&h->code, OP_LABEL, block[4]);
    return block[4];
}

static void poison_shared(struct hostile *h, size_t bound, uint32_t index, uint32_t count)
{
    uint32_t from = h->begin;
    bool any = false;
    for (uint32_t id = 1; id < bound; id++) {
        const uint32_t *op = h->values[id].op;
        if (!op || (op[0] & 0xffff) != OP_VARIABLE || op[0] >> 16 < 4 || op[3] != CLASS_WORKGROUP) continue;
        const uint32_t *pointer = at(h, op[1])->op, *type = pointer && pointer[0] >> 16 > 3 ? at(h, pointer[3])->op : NULL;
        if (type && (type[0] & 0xffff) == OP_TYPE_ARRAY && type[0] >> 16 > 3)
            from = poison_array(h, id, type, index, count, from);
        else
            h->unknown = OP_VARIABLE;
        any = true;
    }
    uint32_t workgroup = word(h, 2), order = word(h, 0x108); /* acquire and release, of the workgroup's memory */
    if (any) PUT(&h->code, OP_CONTROL_BARRIER, workgroup, workgroup, order);
}

/* Numbers of workgroup and invocation in another order, then shared memory. */
static void begin(struct hostile *h, size_t bound)
{
    uint32_t size[3], groups[3], group[3], local[3], draws = drawn(h, OF_ORDER), id;
    h->n = 1;
    if (h->input[NUM_WORKGROUPS] && (id = load(h, WORKGROUP_ID)) && h->own[WORKGROUP_ID]) {
        take(h, load(h, NUM_WORKGROUPS), groups);
        take(h, id, group);
        set(h, WORKGROUP_ID, place_of(h, groups, shuffled(h, number_of(h, groups, group), product_of(h, groups), draws)));
    }
    if (!h->size || (!h->input[LOCAL_ID] && !h->input[LOCAL_INDEX])) return;
    take(h, h->size, size);
    uint32_t index = load(h, LOCAL_INDEX), count = product_of(h, size);
    if (!index) {
        take(h, load(h, LOCAL_ID), local);
        index = number_of(h, size, local);
    }
    uint32_t other = shuffled(h, index, count, draws >> 8);
    set(h, LOCAL_INDEX, other);
    set(h, LOCAL_ID, place_of(h, size, other));
    poison_shared(h, bound, index, count);
}

/* ---- the module --------------------------------------------------------------------------------------------------------------------------- */

/* What is said before it is needed. */
static void note(struct hostile *h, const uint32_t *w, uint32_t op, uint32_t words)
{
    bool type = op >= OP_TYPE_BOOL && op <= OP_TYPE_POINTER && words > 1;
    if (op == OP_EXT_INST_IMPORT && words > 2 && !strncmp((const char *)(w + 2), "GLSL.std.450", (words - 2) * sizeof *w))
        h->functions = w[1];
    if (op == OP_ENTRY_POINT && words > 2) h->entry = w[2];
    if (op == OP_DECORATE && words > 2 && w[2] == NO_CONTRACTION) at(h, w[1])->exact = true;
    if (op == OP_DECORATE && words > 3 && w[2] == BUILTIN && w[3] <= LOCAL_INDEX) {
        h->input[w[3]] = w[1];
        if (w[3] == WORKGROUP_SIZE) h->size = w[1];
    }
    if (type) at(h, w[1])->op = w;
    if (op == OP_TYPE_BOOL && words > 1) note_type(h, w[1], 'b', 1);
    if (op == OP_TYPE_INT && words > 3 && w[2] == 32) note_type(h, w[1], w[3] ? 'i' : 'u', 1);
    if (op == OP_TYPE_FLOAT && words == 3 && (w[2] == 32 || w[2] == 16)) note_type(h, w[1], w[2] == 32 ? 'f' : 'h', 1);
    if (op == OP_TYPE_VECTOR && words > 3 && at(h, w[2])->base) note_type(h, w[1], at(h, w[2])->base, w[3]);
    if (op == OP_VARIABLE && words > 3) {
        const uint32_t *pointer = at(h, w[1])->op;
        at(h, w[2])->op = w;
        at(h, w[2])->local = w[3] == CLASS_FUNCTION && pointer && pointer[0] >> 16 > 3 && at(h, pointer[3])->base == 'f' &&
                             at(h, pointer[3])->count == 1;
    }
    if ((op == OP_CONSTANT || op == OP_CONSTANT_COMPOSITE || (op >= OP_SPEC_CONSTANT && op <= OP_SPEC_CONSTANT_OP)) &&
        words > 2)
        *at(h, w[2]) = (struct value){.op = w, .type = w[1]};
}

/* Which of the numbers that are told in another order a variable holds; 0: none. */
static uint32_t told(const struct hostile *h, uint32_t id)
{
    static const uint32_t whats[] = {WORKGROUP_ID, LOCAL_ID, LOCAL_INDEX};
    for (size_t i = 0; i < TUFF_COUNT(whats); i++)
        if (id && h->own[whats[i]] == id) return whats[i];
    return 0;
}

/* What held the number is a variable of the module's own, and another one the device's. */
static void own_variables(struct hostile *h, bool groups)
{
    static const uint32_t whats[] = {WORKGROUP_ID, LOCAL_ID, LOCAL_INDEX};
    for (size_t i = groups && h->input[NUM_WORKGROUPS] ? 0 : 1; i < TUFF_COUNT(whats) && !h->input[GLOBAL_ID]; i++) {
        h->own[whats[i]] = h->input[whats[i]];
        if (h->own[whats[i]]) h->input[whats[i]] = new_id(h);
    }
}

static void declare_own(struct hostile *h, const uint32_t *w, uint32_t what)
{
    uint32_t type = type_of(h, 'u', what == LOCAL_INDEX ? 1 : 3), pointer = new_id(h);
    PUT(&h->globals, OP_VARIABLE, w[1], h->input[what], w[3]);
    PUT(&h->globals, OP_TYPE_POINTER, pointer, CLASS_PRIVATE, type);
    PUT(&h->globals, OP_VARIABLE, pointer, w[2], CLASS_PRIVATE);
}

static uint32_t private_uint(struct hostile *h)
{
    if (h->types['p'][1]) return h->types['p'][1];
    uint32_t type = type_of(h, 'u', 1), id = new_id(h);
    PUT(&h->globals, OP_TYPE_POINTER, id, CLASS_PRIVATE, type);
    return h->types['p'][1] = id;
}

/* The entry point names the device's variables, and from SPIR-V 1.4 on the module's too. */
static void copy_entry(struct hostile *h, const uint32_t *w, uint32_t words, bool all)
{
    size_t start = h->head.count;
    push(h, &h->head, w, words);
    if (h->no_memory) return;
    uint32_t more = 0, added[3];
    for (uint32_t i = 3; i < words; i++) {
        uint32_t what = told(h, w[i]);
        if (!what || more == 3) continue;
        h->head.data[start + i] = h->input[what];
        added[more++] = w[i];
    }
    if (!all) return;
    push(h, &h->head, added, more);
    h->head.data[start] += more << 16;
}

/* A product that a local variable has kept since it was stored in this block. */
static void follow(struct hostile *h, const uint32_t *w, uint32_t op, uint32_t words)
{
    struct value *variable = op == OP_STORE && words > 2 ? at(h, w[1]) : op == OP_LOAD && words > 3 ? at(h, w[3]) : NULL;
    if (!variable || !variable->local) return;
    if (op == OP_STORE) {
        variable->stored = w[2];
        variable->block = h->block;
    } else if (variable->block == h->block) {
        at(h, w[2])->a = at(h, variable->stored)->a;
        at(h, w[2])->b = at(h, variable->stored)->b;
    }
}

/* In a function. */
static void copy_code(struct hostile *h, const uint32_t *w, uint32_t op, uint32_t words, size_t bound)
{
    uint32_t value = 0;
    if (op == OP_FUNCTION && words > 2) h->in_entry = w[2] == h->entry;
    if (op == OP_LABEL || op == OP_FUNCTION_CALL) h->block++;
    if (op == OP_LABEL && h->in_entry && words > 1) { /* the entry point begins with a block of its own */
        h->in_entry = false;
        h->first = w[1];
        PUT(&h->code, OP_LABEL, h->begin = new_id(h));
        return;
    }
    if (h->first && op != OP_VARIABLE) {
        begin(h, bound);
        PUT(&h->code, OP_BRANCH, h->first);
        PUT(&h->code, OP_LABEL, h->first);
        h->first = 0;
    }
    follow(h, w, op, words);
    if (words > 2 && at(h, w[1])->base) at(h, w[2])->type = w[1];
    if (words > 3) value = instead(h, op, w, words);
    if (value) {
        PUT(&h->code, OP_COPY_OBJECT, w[1], w[2], value);
        return;
    }
    push(h, &h->code, w, words);
    bool chain = (op == OP_ACCESS_CHAIN || op == OP_IN_BOUNDS_ACCESS_CHAIN) && words > 3 && told(h, w[3]);
    uint32_t type = chain ? private_uint(h) : 0;
    if (chain && !h->no_memory) h->code.data[h->code.count - words + 1] = type;
}

static bool copy_module(struct hostile *h, const uint32_t *words, size_t count, bool groups)
{
    size_t bound = h->bound;
    struct words *part = &h->head;
    for (size_t at = HEADER_WORDS; at < count; at += words[at] >> 16) {
        if (!(words[at] >> 16) || words[at] >> 16 > count - at) return false;
        note(h, words + at, words[at] & 0xffff, words[at] >> 16);
    }
    own_variables(h, groups);
    push(h, part, words, HEADER_WORDS);
    for (size_t at = HEADER_WORDS; at < count && !h->no_memory && !h->malformed; at += words[at] >> 16) {
        const uint32_t *w = words + at, op = w[0] & 0xffff, length = w[0] >> 16;
        if (op == OP_FUNCTION)
            part = &h->code;
        else if (part == &h->head && op >= OP_TYPE_VOID && op <= OP_VARIABLE)
            part = &h->globals;
        if (part == &h->code)
            copy_code(h, w, op, length, bound);
        else if (op == OP_ENTRY_POINT)
            copy_entry(h, w, length, words[1] >= 0x00010400);
        else if (op == OP_VARIABLE && length > 3 && told(h, w[2]))
            declare_own(h, w, told(h, w[2]));
        else
            push(h, part, w, length);
        if (op == OP_DECORATE && length > 3 && w[2] == BUILTIN && told(h, w[1]) && !h->no_memory)
            h->head.data[h->head.count - length + 1] = h->input[w[3]];
    }
    if (!h->no_memory) h->head.data[3] = (uint32_t)h->bound;
    push(h, &h->head, h->globals.data, h->globals.count);
    push(h, &h->head, h->code.data, h->code.count);
    return !h->malformed;
}

tuff_status tuff_spirv_hostile(struct tuff_context *context, const uint32_t *words, size_t count, uint32_t seed, bool groups,
                               uint32_t **out, size_t *out_count, struct tuff_error *error)
{
    struct hostile h = {.context = context, .seed = seed};
    tuff_status status = TUFF_OK;
    bool good = count >= HEADER_WORDS && words[3] < MAX_BOUND && words[3] <= count * 4 + 1024;
    for (uint32_t id = 0; good && id < words[3] && !h.no_memory; id++) new_id(&h);
    good = good && copy_module(&h, words, count, groups);
    if (h.no_memory)
        status = tuff_fail_memory(context, error);
    else if (!good)
        status = tuff_fail(context, error, TUFF_ERR_FORMAT, "not a SPIR-V module");
    else if (h.unknown)
        status = tuff_fail(context, error, TUFF_ERR_UNSUPPORTED,
                           h.unknown < 1000 ? "TUFF_HOSTILE knows nothing of SPIR-V's instruction %u"
                                            : "TUFF_HOSTILE knows nothing of function %u of GLSL.std.450",
                           h.unknown % 1000);
    if (status == TUFF_OK) {
        *out = h.head.data;
        *out_count = h.head.count;
    } else {
        tuff_free(context, h.head.data);
    }
    tuff_free(context, h.values);
    tuff_free(context, h.globals.data);
    tuff_free(context, h.code.data);
    tuff_free(context, h.fixed);
    return status;
}

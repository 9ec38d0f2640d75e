/* emit_op.h - by what an operator of class INLINE says where it reads and how it is written: the algebra of index expressions, and
 * what the writers of hook text (emit.c) and of launches without it (plain.c) offer. For graph/ops. Private.
 *
 * Places in a tensor are index expressions: sums of stride * ((base / div) % mod) over named unsigned variables. Views only
 * rewrite such sums, so that a chain of reshapes, permutes and slices collapses to the few operations that are left. */
#ifndef TUFF_EMIT_OP_H
#define TUFF_EMIT_OP_H

#include "graph/op.h"

#define TUFF_MAX_TERMS 8
#define TUFF_WIDE 32 /* elements in a row that may share leaves, as four do */

struct tuff_term {
    uint32_t base;     /* number of a variable: tuff_emit_base */
    uint32_t div, mod; /* mod 0: none */
    uint32_t fixed;    /* div is the text's, not data */
    int64_t stride;
};
struct tuff_index {
    struct tuff_term term[TUFF_MAX_TERMS];
    uint32_t count;
    uint32_t unused; /* structs are compared by bytes */
    int64_t constant;
};
struct tuff_coords {
    struct tuff_index at[TUFF_MAX_RANK];
    struct tuff_index flat; /* the same place as one number, where known */
    uint32_t rank;
    uint32_t has_flat;
};

/* ---- index expressions ------------------------------------------------------------------------------------------------------ */

/* A variable of the text: its number. extent: one more than its largest value. */
uint32_t tuff_emit_base(struct tuff_emitter *e, const char *name, uint64_t extent);
struct tuff_index tuff_index_base(uint32_t base);
/* Adds scale * b to a. */
void tuff_index_add(struct tuff_emitter *e, struct tuff_index *a, const struct tuff_index *b, int64_t scale);
/* Expression of the index as GLSL uint. */
void tuff_index_text(struct tuff_emitter *e, const struct tuff_index *index, struct tuff_text *text);
/* A variable that holds the index, and its name. */
struct tuff_index tuff_index_variable(struct tuff_emitter *e, const struct tuff_index *index, uint64_t extent);
const char *tuff_index_name(const struct tuff_emitter *e, const struct tuff_index *variable);

/* What a number follows from. */
struct tuff_follows {
    uint32_t leaves, bases[2]; /* parameters; bases whose four, or TUFF_WIDE, neighbours may differ in it: a bit each */
    uint32_t memo, own, tied;  /* the first memo and base of the statements themselves; tied: to others of the function */
};
struct tuff_place_text {
    struct tuff_text text;
    struct tuff_follows follows;
};
/* The statements between these compute a place, `name`, below extent. Where they follow from parameters and element alone, it becomes a
 * parameter itself, so that loads there are, too, and neighbours share what is the same for them. */
void tuff_emit_begin_place(struct tuff_emitter *e, struct tuff_place_text *outer);
struct tuff_index tuff_emit_end_place(struct tuff_emitter *e, struct tuff_place_text *outer, const char *name,
                                      uint64_t extent);
struct tuff_index tuff_coords_flat(struct tuff_emitter *e, const struct tuff_coords *coords, const struct tuff_shape *shape);
struct tuff_coords tuff_coords_of_flat(struct tuff_emitter *e, const struct tuff_index *flat,
                                       const struct tuff_shape *shape);
/* The same coordinates but for one axis. */
struct tuff_coords tuff_coords_with(const struct tuff_coords *coords, uint32_t axis, const struct tuff_index *index);

/* ---- writing GLSL ----------------------------------------------------------------------------------------------------------- */

const struct tuff_shape *tuff_emit_shape(const struct tuff_emitter *e, tuff_val v);
enum tuff_dtype tuff_emit_dtype(const struct tuff_emitter *e, tuff_val v);
struct tuff_text *tuff_emit_text(struct tuff_emitter *e); /* where statements go */
void tuff_emit_fail(struct tuff_emitter *e);              /* a sentence follows from who asked for the text */
const char *tuff_glsl_type(enum tuff_dtype dtype);        /* of a value in a register */
const char *tuff_emit_name(struct tuff_emitter *e);       /* a fresh one */
/* Is it computed in this launch, not loaded, a number, or a view of such? */
bool tuff_emit_is_computed(const struct tuff_emitter *e, tuff_val v);
/* Text of the emitter's arena, all of these; the emitter fails where it is NULL. */
const char *tuff_emit_kept(struct tuff_emitter *e, const char *text);
/* "S17": a number of this value */
const char *tuff_emit_number(struct tuff_emitter *e, uint32_t value);
/* "tuff_div(x, S3, S4)", "tuff_mod(x, S3, S4, S5)": x / d and x % d for a variable x. */
const char *tuff_emit_quotient(struct tuff_emitter *e, const char *x, uint32_t d);
const char *tuff_emit_rest(struct tuff_emitter *e, const char *x, uint32_t d);
/* "uintBitsToFloat(S17)", "int(S17)"; 1, -1 and a whole 0 are the text's own: they say what is computed, and the driver
 * drops them. A float's 0 is none of these: drivers make 0 of a product with it, whatever the other factor is. */
const char *tuff_emit_literal(struct tuff_emitter *e, enum tuff_dtype dtype, double value);
/* A number of this dtype as it is held in a register. */
uint32_t tuff_register_bits(enum tuff_dtype dtype, double value);
/* Writes statements that compute v at the coordinates; returns the variable. */
const char *tuff_emit_value(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *coords);
/* A scope under a condition, whose variables nobody outside may use; close takes what open gave. */
uint32_t tuff_emit_open(struct tuff_emitter *e);
void tuff_emit_close(struct tuff_emitter *e, uint32_t mark);

/* ---- launches without text (plain_row.comp, plain_grad.comp, plain_move.comp) -------------------------------------------------- */

enum { TUFF_PLAIN_OPERANDS = 4 }; /* that plain_move.comp has */
enum { TUFF_PLAIN_WHAT = 146, TUFF_PLAIN_NUMBER = 147, TUFF_PLAIN_PAD = 160, TUFF_PLAIN_PAD_STEP = 6 }; /* constant ids */
/* What plain_move.comp does. */
enum tuff_plain_what {
    TUFF_PLAIN_COPY,
    TUFF_PLAIN_CAST,
    TUFF_PLAIN_SELECT,
    TUFF_PLAIN_GATHER,
    TUFF_PLAIN_PAD_WITH,
    TUFF_PLAIN_CONCAT,
    TUFF_PLAIN_RANDOM
};
struct tuff_kernel_call *tuff_plain_call(struct tuff_emitter *e);
void tuff_plain_spec(struct tuff_emitter *e, uint32_t id, uint32_t value);
/* Operand k is v at these coordinates. Returns its place in memory. */
struct tuff_index tuff_plain_operand(struct tuff_emitter *e, uint32_t k, tuff_val v, const struct tuff_coords *at);
/* All operands at the result's own coordinates. */
void tuff_plain_operands(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *at);
/* Multiplier of a variable that stands for a coordinate. */
uint32_t tuff_plain_stride(const struct tuff_index *place, uint32_t base);

#endif

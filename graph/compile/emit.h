/* emit.h - writes the GLSL of a fused group: hook functions that read, compute and store elements. Private.
 * All numbers are data of the launch (backend/plan.h), divisors as multipliers and shifts: launches that differ in sizes share text and pipeline. */
#ifndef TUFF_EMIT_H
#define TUFF_EMIT_H

#include "backend/lookup.h"
#include "graph/compile/emit_op.h"

#define TUFF_MAX_BINDINGS 16
#define TUFF_MOST_LEAVES 32 /* a bit each */

/* Where a value lives: element `offset` of the storage of `root`; root 0: it is computed where it is read. */
struct tuff_place {
    tuff_val root;
    uint64_t offset;
};

struct tuff_emit_binding {
    tuff_val root;
    uint64_t offset, bytes; /* bytes within the root's storage; offset a multiple of TUFF_PLAN_ALIGNMENT */
    uint32_t access;        /* enum tuff_access, one bit */
    enum tuff_dtype dtype;
    bool vector;    /* also declared as vec4 */
    uint32_t part;  /* bytes of an element that is stored alone, as uint16_t or uint8_t: 2 or 1; 0: none is */
    uint64_t head;  /* bytes before the value's first */
    bool scattered; /* element i of the group is not at its element i alone */
    /* Set when the group is written. A binding larger than the device allows is bound in windows, between which the access
     * functions choose, or, where a launch per part of the elements will do, window by window. */
    uint32_t windows;
    bool chunked;
    enum tuff_texels texels; /* read by fetches of four words */
};

/* What the passes know of a value; each field by the pass that finds it out. */
struct tuff_work_value {
    tuff_val origin;             /* simplify: the leaf of the user's graph, or 0 */
    bool fixed;                  /* fuse: no run of this plan changes it; it follows from what is kept */
    bool root;                   /* fuse: computed into memory of its own */
    bool second_place;           /* fuse: a copy to another place of a pack, of what lies in one already */
    uint32_t output;             /* fuse: 1 + the first output that it is; 0: none */
    uint32_t group;              /* fuse: the group that computes it, or UINT32_MAX */
    struct tuff_reader *readers; /* [arena] groups that load from its memory; a root's or a leaf's */
    struct tuff_place place;     /* storage */
    bool lasts;                  /* storage: prepared, and read in every run */
    uint32_t slot;               /* storage: of its memory, where it is the root of its place; UINT32_MAX */
};

struct tuff_read { /* a value that a group loads from memory */
    tuff_val value;
    bool identity; /* only at the group's own flat index */
};
struct tuff_reader {
    uint32_t group;
    struct tuff_reader *next;
};

/* A reduction of a row group, and which round over the row computes it: those before have what it reads of the row. */
struct tuff_stage {
    tuff_val value;
    uint32_t pass;
};

/* What becomes one launch, or the launches of its parts. */
struct tuff_group {
    tuff_val kernel;           /* the KERNEL or LOOP value, or 0: a pointwise group */
    struct tuff_stage *stages; /* [arena] fuse: reductions over the same axes, the kernel first (rows.c) */
    uint32_t stage_count;      /* 0: the kernel is no reduction, or stands alone */
    uint32_t passes;           /* rounds over a row */
    bool wide;                 /* one of its members has an element for each of the kernel's input */
    double work;               /* FLOPs of the kernel; 0 without one */
    tuff_val *members;         /* [arena] fuse: roots that it computes, in order, kernel excluded */
    uint32_t member_count;
    struct tuff_read *reads; /* [arena] fuse */
    uint32_t read_count;
    const char *why; /* static text: why a pointwise group stands apart from what it reads; NULL where nothing could join */
    uint32_t *after; /* [arena] order: groups that must come before for a write's sake */
    uint32_t after_count;
    bool prepares;   /* order: of the prepare section */
    uint32_t order;  /* order: position; UINT32_MAX until placed */
    uint32_t level;  /* order: groups of one level wait for none of each other */
    tuff_val *roots; /* [arena] storage: values that it stores, the kernel first, but for the kernel's further results */
    uint32_t root_count;
    bool stores;            /* storage: false: nobody reads any of it */
    tuff_val space;         /* storage: value whose flat index is the group's */
    uint32_t place;         /* groups.c: in the line of all groups */
    uint32_t mark;          /* groups.c: of the search that found it last */
    struct tuff_loop *loop; /* [arena] loops: what its kernel, a LOOP, becomes; NULL */
};

/* What a plan's launches may use, the same for all. */
struct tuff_emit_options {
    uint64_t max_range; /* bytes that one binding may have */
    bool texels;        /* reads of 32-bit types go through texel buffers */
    bool quads;         /* ports of reductions are there by quads too */
    bool narrow;        /* products of two words are dear where their upper half is wanted */
};

struct tuff_emitted {
    const char *hooks;            /* [arena], or "" */
    uint32_t *numbers;            /* [arena] that the hooks work with */
    struct tuff_plan_spec *specs; /* [arena] of launches without hook text */
    uint32_t number_count, spec_count;
    struct tuff_emit_binding bindings[TUFF_MAX_BINDINGS];
    uint32_t binding_count;
    uint32_t width;        /* pointwise: elements per invocation, 16 in blocks, TUFF_WIDE in loops of four */
    uint32_t passes;       /* of a row group */
    uint32_t held;         /* of a row group: quads of a step that registers may hold */
    uint64_t chunk;        /* pointwise: elements per launch, a multiple of 256 */
    uint64_t window_bytes; /* of all windows but the last */
};

/* Writes a group's hooks into the arena. values: per value of g, placed. Errors: MEMORY; UNSUPPORTED (more than TUFF_MAX_BINDINGS). */
TUFF_MUST_CHECK tuff_status tuff_emit_group(const struct tuff_graph *g, const struct tuff_work_value *values,
                                            const struct tuff_group *group, const struct tuff_emit_options *options,
                                            struct tuff_arena *arena, struct tuff_emitted *out, struct tuff_error *error);

/* The same without hook text, of one operator, by kernels that the build compiled (plain.c). Fills the call of a group without kernel. */
TUFF_MUST_CHECK tuff_status tuff_plain_group(const struct tuff_graph *g, const struct tuff_work_value *values,
                                             const struct tuff_group *group, const struct tuff_emit_options *options,
                                             struct tuff_arena *arena, struct tuff_emitted *out,
                                             struct tuff_kernel_call *call, struct tuff_error *error);

/* ---- shared by emit.c, emit_index.c and plain.c -------------------------------------------------------------------------------------- */

/* A load at a place that follows from the element's number, or a place itself: done by the caller, who may know that four neighbours
 * are one vec4, or have the same. */
struct tuff_leaf_load {
    uint32_t binding;
    enum tuff_dtype dtype;
    struct tuff_index at; /* over the first bases, "i", or "o" and "r", and leaves that are places */
    uint32_t last;        /* element of the value at the highest place */
    bool guarded;         /* only a part of the elements reads it: the others' places are anywhere */
    const char *text;     /* [arena] of a place: the statements that compute it, and its name; NULL: a load */
    const char *name;
    struct tuff_follows follows; /* of a place */
};
/* Four by four elements of an invocation of a pointwise group: neighbours along the result's last axis, and along the one that is
 * the last of an operand in another order. Element numbers are (.. * rows + y) * columns + x, both multiples of 4. */
struct tuff_block {
    uint32_t columns, rows; /* columns 0: none */
    uint32_t row;           /* 0..3: the one of whose elements the text is */
};
/* What a number is: 0, or a digit's divisor, modulus or stride within a function. Equal ones are one number, so that the driver's
 * compiler finds equal expressions; numbers that are only equal by chance are two, so that the text does not depend on sizes. */
struct tuff_number_key {
    uint32_t function, base, div, mod;
    int64_t stride;
};
struct tuff_memo {
    tuff_val value;
    struct tuff_coords coords;
    char name[12];
};
struct tuff_emitter {
    const struct tuff_graph *g;
    const struct tuff_work_value *values;
    const struct tuff_group *group;
    const struct tuff_emit_options *options;
    struct tuff_arena *arena;
    struct tuff_text text; /* of the function being written */
    struct {
        char name[12];
        uint64_t extent;
        uint32_t leaf;              /* 1 + the leaf that it is; 0: none */
    } * bases;                      /* [arena] growing */
    uint32_t base_count, base_room; /* room: the most that there have been */
    struct tuff_memo *memo;         /* [arena] growing */
    uint32_t memo_count, memo_room;
    uint32_t names;
    struct tuff_leaf_load leaves[TUFF_MOST_LEAVES];
    uint32_t leaf_count;
    struct tuff_follows follows; /* of the statements since tuff_emit_begin_place */
    struct tuff_block block;
    uint32_t shared;      /* of so many elements, all leaves that are the same for them are there; 0: none */
    uint64_t chain_bytes; /* of text */
    uint32_t hoist;       /* loads that depend on so many bases alone become parameters "l0", "l1", .. */
    uint32_t depth;       /* of conditional scopes */
    /* Answers before memory and operators do; NULL: it does not know this value. */
    const char *(*asked)(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *at);
    void *asker;
    bool failed;  /* memory */
    bool crowded; /* too many bindings */
    struct tuff_emitted *out;
    struct tuff_kernel_call *call; /* plain.c: of a group without a kernel */
    struct tuff_number_key *keys;  /* [arena] growing, as out->numbers */
    uint32_t function;             /* number of the one being written */
};

/* The binding of v where it lives; *rest as below. */
struct tuff_emit_binding tuff_emit_binding_of(const struct tuff_emitter *e, tuff_val v, uint32_t access, uint64_t *rest);
/* Binding number for reading or writing v where it lives; *rest: elements from the binding's start to v's first. */
uint32_t tuff_emit_bind(struct tuff_emitter *e, tuff_val v, uint32_t access, bool vector, uint64_t *rest);
/* "tuff_half(get3(at / 2u), at)": an element of a packed type in the binding, at the place that a variable names. */
void tuff_emit_unpack(struct tuff_emitter *e, enum tuff_dtype dtype, uint32_t binding, uint32_t last, const char *at);
/* " * tuff_half(get3(S1 + at / 64u), at / 32u)": a block-quantized element's scale, or nothing. unit: elements in one of at. */
void tuff_emit_scale(struct tuff_emitter *e, enum tuff_dtype dtype, uint32_t binding, uint32_t last, uint32_t unit,
                     const char *at);
/* Where a reduction reads its input: coordinates of the variables o, base 0, and r, base 1, which are made where there are none. */
struct tuff_coords tuff_emit_reduced(struct tuff_emitter *e, tuff_val kernel);
/* Coordinates that the variable `name`, a new base, stands for. */
struct tuff_coords tuff_emit_coords(struct tuff_emitter *e, const char *name, const struct tuff_shape *shape);
/* Element i alone, up to an offset? Base 0 is "i". */
bool tuff_index_is_flat(const struct tuff_index *at);
const char *tuff_emit_leaf_type(const struct tuff_leaf_load *leaf);
/* Four elements in a row, as they are and where `last` is the last that there is. */
extern const char *const tuff_four_of_i[2][4];
/* Functions that load what a function takes as parameters "l0", ..: "float leaf0(uint i)". */
struct tuff_loads {
    const char *name, *parameters, *arguments; /* "leaf", "uint i", "i" */
};
void tuff_emit_leaves(struct tuff_emitter *e, const struct tuff_loads *loads);
/* Leaves that are the same for e->shared elements in a row. */
void tuff_emit_shared_leaves(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t base);
/* Loads for four elements in a row along the variable of number `base`, which is a multiple of 4, into q0, .., where one load does. */
void tuff_emit_four_leaves(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t base);
void tuff_emit_four_leaf(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t k, uint32_t base); /* of leaf k */
/* The type of q0; NULL where one load does not do. */
const char *tuff_leaf_four_type(const struct tuff_emitter *e, uint32_t k, uint32_t base);
/* Chooses e->block where a load asks for one, of the function of base 0 alone. */
void tuff_choose_block(struct tuff_emitter *e);
/* Loads for the block's elements from element `begin` on, for tuff_emit_four_leaves of its rows. */
void tuff_emit_block_leaves(struct tuff_emitter *e);
/* ", q0.x": leaf k of element j of these four, or, with j -1, of any element; `arguments` are that element's. */
void tuff_emit_leaf_argument(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t k, uint32_t base, int j,
                             const char *arguments);
/* Is element j of four along this base, which is a multiple of 4, at the place of the first, a multiple of 4, plus j? */
bool tuff_index_is_quad(const struct tuff_emitter *e, const struct tuff_index *at, uint32_t base);
/* Does the load depend on this base? */
bool tuff_leaf_varies(const struct tuff_leaf_load *leaf, uint32_t base);
/* ", q0.x" and what else functions of loads are written with (emit_group.c). */
void tuff_emit_begin_function(struct tuff_emitter *e);
void tuff_emit_end_function(struct tuff_emitter *e, struct tuff_text *body);
void tuff_emit_leaf_parameters(struct tuff_emitter *e, uint32_t count);
/* Stores of what the group's roots are, r0x, .. or r0x, r0y, .., at element i, or i .. i + 3 (emit_group.c). */
void tuff_emit_store_one(struct tuff_emitter *e);
void tuff_emit_store_four(struct tuff_emitter *e, bool tail);
bool tuff_emit_four_aligned(const struct tuff_emitter *e);
/* What v of a row group, a reduction or a wide member, reads or is at the place of the variables o and r. */
const char *tuff_emit_of_row(struct tuff_emitter *e, const struct tuff_group *group, tuff_val v);
/* The hooks of row.comp (emit_row.c). */
void tuff_emit_row(struct tuff_emitter *e);
static inline bool tuff_is_row(const struct tuff_group *group) { return group->stage_count > 1 || group->wide; }
/* Has v an element for each of the input of the group's kernel? */
bool tuff_is_wide(const struct tuff_graph *g, const struct tuff_group *group, tuff_val v);
/* Makes `name` stand for v at these coordinates. */
const char *tuff_emit_remember(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *coords, const char *name);

#endif

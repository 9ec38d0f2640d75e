/* op.h - inside of a graph, and the descriptor by which an operator is declared once (style 3). Private.
 *
 * Every value is one result of one operator. Operators fall into classes:
 *   LEAF       no computation: input, param, state, constant, pack
 *   INLINE     pointwise, views, gathers, iota, random: an expression of the element's index; the compiler writes it as
 *              GLSL into the kernel that produces or consumes it, or into pointwise.comp
 *   KERNEL     one launch of one shader file, whose ports (in0, in1, .., out0) are hook functions
 *   LOOP       the launches of a graph of its own, repeated
 *   RESULT     a kernel's second result and so on, written by its launch
 *   ASSIGN     writes a state at the end of a run */
#ifndef TUFF_OP_H
#define TUFF_OP_H

#include "backend/caps.h"
#include "backend/core.h"
#include "backend/kernels.h"
#include "graph/dtype.h"

struct tuff_op;
struct tuff_emitter; /* graph/compile/emit_op.h: what `map`, `number`, `emit` and `plain` write with */
struct tuff_coords;
struct tuff_index;
struct tuff_bound;   /* graph/bound.h */
struct tuff_pw_row;  /* graph/ops/pointwise.h */
struct tuff_own_row; /* graph/ops/own_row.c */
struct tuff_tuner;   /* graph/tune.h */

struct tuff_value {
    const struct tuff_op *op;
    struct tuff_type type;
    uint32_t in_count;
    const tuff_val *in; /* [arena]; 0 where an optional input is left out */
    const void *attrs;  /* [arena] op->attrs_bytes bytes, or NULL */
    const char *name;   /* [arena] or NULL */
    const void *data;   /* [arena] constants and initial values; NULL otherwise */
    tuff_val twin_of;   /* the value that gradients read this one in place of; 0: it is no such twin */
};

/* Labels that are to be classes of the logits. */
struct tuff_labels {
    tuff_val labels, logits;
    const int32_t *ignored; /* [arena] or NULL */
};

/* Values [begin, end) that a trainer added. */
struct tuff_stretch {
    tuff_val begin, end;
};

struct tuff_work; /* graph/compile/compile.h */

struct tuff_graph {
    struct tuff_context *context; /* [borrowed] */
    atomic_uint references;       /* its maker's, of sessions and of trainers */
    struct tuff_arena arena;
    struct tuff_value *values; /* [arena] values[0] is never used */
    uint32_t count;            /* includes values[0] */
    struct tuff_lookup named;  /* values by the names that they have or had */
    tuff_val *leaves;          /* [arena] parameters and states, as they were added */
    uint32_t leaf_count;
    struct tuff_graph **bodies;     /* [arena] each [owned]: what loops repeat */
    struct tuff_lookup body_lookup; /* by their text */
    uint32_t body_count;
    tuff_val *laid; /* [arena] where stretches of values end that lie one after the other in a memory of a session, rising */
    uint32_t laid_count;
    struct tuff_labels *labels; /* [arena] */
    uint32_t label_count;
    struct tuff_stretch *trained; /* [arena] whose assignments are those of one trainer alone */
    uint32_t trained_count;
    const struct tuff_own_row *own_rows; /* [arena] declared by tuff_pointwise, the last first */
    const struct tuff_caps
        *caps; /* of a compiler's copy, whose kernels give f32 for packed floats, which it casts; else NULL */
    enum tuff_dtype precision; /* of such a copy: tuff_compile_params.precision */
    bool half_sums;            /* and .half_sums */
    /* of such a copy, while it is made: the value that computes the same, or 0; NULL: equal values stay apart */
    tuff_val (*equal)(struct tuff_work *copies, const struct tuff_op *op, const tuff_val *in, uint32_t count,
                      const void *attrs);
    struct tuff_work *copies;
    tuff_status status; /* first failure; sticky */
    struct tuff_error error;
};

/* The graph, which one more tuff_graph_destroy releases. */
struct tuff_graph *tuff_graph_retain(struct tuff_graph *graph);

static inline const struct tuff_value *tuff_value_of(const struct tuff_graph *g, tuff_val v)
{
    assert(v != 0 && v < g->count);
    return &g->values[v];
}

static inline bool tuff_init_unset(const struct tuff_init *init)
{
    return init->kind == TUFF_INIT_DEFAULT && init->a == 0 && init->b == 0 && !init->data;
}

/* A graph that may get values. NULL, of a failed tuff_graph_create that nobody looked at, is one that has failed. */
static inline bool tuff_graph_ok(const struct tuff_graph *g) { return g && g->status == TUFF_OK; }

static inline double tuff_number_or(struct tuff_number number, double standard)
{
    return number.given ? number.value : standard;
}

/* Records the first failure with its sentence; always returns 0, so that builders can `return tuff_graph_fail(...)`. */
tuff_val tuff_graph_fail(struct tuff_graph *g, tuff_status status, const char *format, ...) TUFF_PRINTF(3, 4);
/* As tuff_arena_alloc of the graph's; NULL after a failure of the graph. */
void *tuff_graph_alloc(struct tuff_graph *g, size_t bytes);
/* "WHAT of f32 [4, 5] 'x' and f32 [3, 7] (mul, value 9): SENTENCE", which says what would be right; of values but 0. */
tuff_val tuff_graph_refuse(struct tuff_graph *g, tuff_status status, const char *what, const tuff_val *values,
                           uint32_t count, const char *format, ...) TUFF_PRINTF(6, 7);
/* What builders of several operators ask before they look at types: all are values of the graph, and not assignments. */
bool tuff_graph_takes(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count);
bool tuff_graph_takes_one(struct tuff_graph *g, const char *what, tuff_val v, uint32_t number); /* of operand 0, 1, .. */
/* A number among the arguments lies in [least, most]; what is not a number does not. */
bool tuff_graph_number(struct tuff_graph *g, const char *what, const char *name, double value, double least, double most);
/* Type, shape and name of a value for messages; returns buffer. */
enum { TUFF_VALUE_TEXT = 200 };
char *tuff_value_text(const struct tuff_graph *g, tuff_val v, char *buffer, size_t bytes);
const char *tuff_value_origin(const struct tuff_graph *g,
                              tuff_val v); /* its name, or that of what it is made of; NULL: none is near */

/* Takes back the values from number `count` on, and a failure: of a part that could not be built. No session may have laid them. */
void tuff_graph_undo(struct tuff_graph *g, uint32_t count);
/* Marks, beside the values that are marked in needed[g->count], all that they follow from. */
void tuff_graph_mark_needed(const struct tuff_graph *g, bool *needed);

/* Adds a value: infers its type, copies attrs and in. 0 after any failure. The one way in which values come to be. */
tuff_val tuff_graph_add(struct tuff_graph *g, const struct tuff_op *op, const tuff_val *in, uint32_t in_count,
                        const void *attrs);

int32_t tuff_op_number(const struct tuff_graph *g, const struct tuff_op *op); /* of its next value in g; TUFF_NUMBERED */

/* Takes *body (then NULL), which a loop of g repeats; returns it, or g's of the same text. NULL after a sticky failure, or its own. */
struct tuff_graph *tuff_graph_body(struct tuff_graph *g, struct tuff_graph **body);

/* "[2, 3]" into a buffer for messages; returns buffer. */
char *tuff_shape_text(const struct tuff_shape *shape, char *buffer, size_t bytes);
uint64_t tuff_type_bytes(const struct tuff_type *type); /* of all elements, without padding */
/* The type that an operator's attributes name for the result (leaves, cast), which may be one of the host alone; 0: they name none. */
enum tuff_dtype tuff_named_dtype(const struct tuff_op *op, const void *attrs);
/* The type in which the host writes and reads this value: the named one, else the device's. */
struct tuff_type tuff_host_type(const struct tuff_value *value);
bool tuff_shape_equal(const struct tuff_shape *a, const struct tuff_shape *b);

/* ---- descriptor -------------------------------------------------------------------------------------------------------- */

enum tuff_attr_kind {
    TUFF_ATTR_I32,   /* int32_t, also bool stored as int32_t and enums */
    TUFF_ATTR_F64,   /* double */
    TUFF_ATTR_U32S,  /* uint32_t[count] */
    TUFF_ATTR_I32S,  /* int32_t[count] */
    TUFF_ATTR_SHAPE, /* struct tuff_shape */
    TUFF_ATTR_DTYPE, /* int32_t holding enum tuff_dtype */
    TUFF_ATTR_BODY,  /* struct tuff_graph *, of tuff_graph_body */
    TUFF_ATTR_LIST,  /* struct tuff_list: any number of numbers */
    TUFF_ATTR_TEXT   /* const char *; NULL and "" are the same and are not printed */
};
/* tuff_graph_add copies the numbers into the graph's arena, as it does texts. */
struct tuff_list {
    uint32_t count;
    const int32_t *at;
};
/* A field of an attribute struct, which has no others: printing, parsing, comparing and the ONNX loader follow these. */
struct tuff_attr {
    const char *name; /* as in the graph's text */
    const char *onnx; /* ONNX attribute name, or "" */
    enum tuff_attr_kind kind;
    uint32_t count; /* elements of U32S and I32S */
    size_t offset;
};

size_t tuff_attr_bytes(const struct tuff_attr *attr); /* of the field itself */
/* Whole attribute structs of an operator, with what lists and texts hold. The copy is NULL without memory. */
uint64_t tuff_attrs_hash(const struct tuff_op *op, uint64_t hash, const void *attrs);
bool tuff_attrs_equal(const struct tuff_op *op, const void *a, const void *b);
void *tuff_attrs_copy(struct tuff_arena *arena, const struct tuff_op *op, const void *attrs);

enum tuff_op_class {
    TUFF_CLASS_LEAF,
    TUFF_CLASS_INLINE,
    TUFF_CLASS_KERNEL,
    TUFF_CLASS_LOOP,
    TUFF_CLASS_RESULT,
    TUFF_CLASS_ASSIGN
};

/* The few that passes treat each in a way of its own. */
enum tuff_op_kind {
    TUFF_KIND_OTHER = 0,
    TUFF_KIND_INPUT,
    TUFF_KIND_PARAM,
    TUFF_KIND_STATE,
    TUFF_KIND_CONSTANT,
    TUFF_KIND_FULL, /* one number for all elements */
    TUFF_KIND_PARAM_PACK,
    TUFF_KIND_PACK
};

/* What passes may count on. */
enum tuff_op_trait {
    TUFF_KEEPS_ORDER = 1,   /* element i of the result depends on element i of each operand alone */
    TUFF_KEEPS_MEMORY = 2,  /* may be a part of operand 0's memory, in order: all of it, or from `offset` on */
    TUFF_KEEPS_STRIDES = 4, /* a view that readers follow by strides alone, without a compiler as well */
    TUFF_OWNS_MEMORY = 8,   /* is there for memory of its own: neither folded nor left to readers nor joined to a launch */
    TUFF_TAKES_PARTS = 16,  /* y(a, b, c) = y(y(a, b), c): more operands than a launch may bind are taken in parts */
    TUFF_DERIVATIVE = 32,   /* of a row: operands gy, a, b, y, of which those are left out that its text does not name */
    TUFF_TAKES_PLACES = 64, /* operand 1 holds indices, that count from the end when negative and are clamped */
    TUFF_PICKS = 128,       /* an element is chosen by comparing those of operand 0: no gradient where two are equal */
    TUFF_ROUNDS = 256,      /* a staircase whose gradient passes straight through */
    /* KERNEL: writes a part of its last operand, a state or an update of one, in place; reads none of it */
    TUFF_UPDATES = 1024,
    TUFF_NUMBERED = 2048,   /* its attributes begin with an i32, its number among the values of this operator in a graph */
    TUFF_HALF_SUMS = 4096,  /* a product of operands of f16 sums in f16 where the plan allows it (half_sums) */
    TUFF_STAYS_APART = 512, /* never joined with its equal; what reads it is not computed before its place in the graph */
};

struct tuff_infer {
    struct tuff_graph *graph; /* for tuff_graph_fail, which explains a TUFF_ERR_SHAPE */
    const struct tuff_op *op;
    const struct tuff_type *in[8]; /* types of the first 8 inputs; NULL where left out */
    uint32_t in_count;
    const tuff_val *in_values; /* all inputs */
    const void *attrs;
};
/* tuff_graph_refuse of the operator and its operands; TUFF_ERR_SHAPE. */
tuff_status tuff_infer_refuse(const struct tuff_infer *infer, const char *format, ...) TUFF_PRINTF(2, 3);

/* The type of a result's elements (tuff_op_types evaluates it). Blocks are read as f32. Kernels compute f16 and bf16 as f32, of which
 * simplify makes what the rule says: packed elements are stored by pointwise launches alone, in whole words. */
enum tuff_result_rule {
    TUFF_RESULT_F32 = 0, /* computed, whatever the operands are */
    TUFF_RESULT_I32,
    TUFF_RESULT_BOOL,
    TUFF_RESULT_WIDE,      /* computed of operand 0: f32 of floats, i32 of whole numbers */
    TUFF_RESULT_OPERAND_0, /* moved or picked: as they are */
    TUFF_RESULT_OPERAND_1,
    TUFF_RESULT_LAST,      /* of the last operand a part is written, or elements are picked */
    TUFF_RESULT_NAMED,     /* as the attributes say */
    TUFF_RESULT_OF_KERNEL, /* that of operand 0's further result */
};

/* How far a device's result may lie from the reference (graph/bound.c says what each adds up). */
enum tuff_error_rule {
    TUFF_ERROR_UNDECLARED = 0,
    TUFF_ERROR_NONE,      /* it is given, or a whole number that follows from the place */
    TUFF_ERROR_MOVES,     /* elements are moved, and their bounds with them */
    TUFF_ERROR_TEXT,      /* rows: from their text */
    TUFF_ERROR_SUMS,      /* linear in each operand: sums and products, of at most terms() terms */
    TUFF_ERROR_MONOTONE,  /* an element of the operands is picked, the larger the larger (or smaller) they are */
    TUFF_ERROR_POSITIONS, /* right where the operands are exact, else unknown */
};

/* What becomes of i32 where floats could be. */
enum tuff_integer_rule {
    TUFF_INTEGERS_REFUSED = 0,
    TUFF_INTEGERS_KEPT,      /* moved or compared, and so right */
    TUFF_INTEGERS_WRAP,      /* computed modulo 2^32 */
    TUFF_INTEGERS_SATURATED, /* what does not fit becomes the nearest that does */
    TUFF_INTEGERS_BYTES,     /* of i8 alone; computed modulo 2^32 */
};

/* Double-precision reference. All types are arrays of double (integers exactly, bool as 0 and 1). out is zeroed. */
struct tuff_ref {
    const struct tuff_value *value;
    const struct tuff_type *in_types;
    const double *const *in; /* NULL where left out */
    double *out;
    const struct tuff_graph *graph; /* that the value is of; NULL where it is of none */
    uint32_t result;                /* which one is asked for, where the operator has several */
};

/* What a KERNEL operator asks for: one launch of one shader. Filled by lower from types, attributes and capabilities. */
struct tuff_kernel_call {
    const char *file;               /* shader, static text */
    char defines[512];              /* "#define X 1\n" lines */
    struct tuff_plan_spec spec[16]; /* ids below TUFF_PLAN_FIRST_PORT_SPEC */
    uint32_t spec_count;
    uint32_t push[30]; /* words */
    uint32_t push_count;
    uint32_t groups[3];
    uint64_t flops;
    const char *note;     /* static text: why a better kernel of the library cannot be taken here; NULL: it is */
    const char *too_many; /* sticky: what did not fit; NULL: nothing */
};
/* Kernels of software devices; TUFF_CLASS may say otherwise. */
static inline bool tuff_is_software(const struct tuff_caps *caps)
{
    return tuff_class_of(caps) == TUFF_DEVICE_CLASS_SOFTWARE;
}

struct tuff_lower {
    const struct tuff_caps *caps;
    const struct tuff_value *value;
    const struct tuff_type *in[8];
    const struct tuff_value *constant[8]; /* operands that are constants; NULL */
    struct tuff_error *error;             /* or NULL */
    bool half_sums;                       /* of the plan: products of f16 may sum in f16 */
    bool any_size;            /* constants of the kernel follow from roles alone where they can: tuff_executable_params */
    struct tuff_tuner *tuner; /* of tuff_pick (graph/tune.h); NULL: standard choices */
    uint32_t launch;          /* of the plan, that it will be */
};
/* Adds the constants and words of a part of the kernel: TUFF_CALL(call, topk, .SIZE = 64, ..); a field that is not named is 0. */
#define TUFF_CALL(call, part, ...) tuff_call_part(call, &tuff_part_##part, &(const struct tuff_kernel_##part){__VA_ARGS__})
void tuff_call_part(struct tuff_kernel_call *call, const struct tuff_kernel_part *part, const void *fields);
void tuff_call_define(struct tuff_kernel_call *call, const char *name, int value);
/* UNSUPPORTED with a sentence after a constant, word or define too many. */
TUFF_MUST_CHECK tuff_status tuff_call_check(const struct tuff_kernel_call *call, const struct tuff_op *op,
                                            struct tuff_error *error);
/* A linear grid of `count` workgroups within the device's limits: kernels return where tuff_group() (include/kernel.glsl) is not below it. */
void tuff_call_grid(struct tuff_kernel_call *call, const struct tuff_caps *caps, uint64_t count);

/* Is a loop of so many rounds in one invocation safe on this device? Mesa's llvmpipe ends the loops of an invocation after
 * 65535 rounds in all, without telling (cumsum over 100000 elements shows it); loops with constant bounds that the compiler
 * unrolls do not count. TUFF_ERR_UNSUPPORTED with a sentence where the answer would be wrong. */
bool tuff_takes_rounds(const struct tuff_caps *caps, uint64_t rounds);
TUFF_MUST_CHECK tuff_status tuff_lower_rounds(const struct tuff_lower *lower, uint64_t rounds);

/* Where test inputs are drawn from. KINKS: gradients are not compared there. */
enum tuff_domain {
    TUFF_DOMAIN_NORMAL = 0, /* mean 0, deviation 1 */
    TUFF_DOMAIN_POSITIVE,   /* [0.1, 4] */
    TUFF_DOMAIN_NONZERO,    /* +-[0.2, 4] */
    TUFF_DOMAIN_WIDE,       /* +-[1e-3, 1e3], sign and exponent uniform */
    TUFF_DOMAIN_KINKS,      /* normal, with exact 0, 1, -1, 3, -3 and ties mixed in */
    TUFF_DOMAIN_INDEX,      /* integers 0 .. index_limit-1 */
    TUFF_DOMAIN_BOOL
};
struct tuff_case {
    const char *name;
    struct tuff_type in[6];
    uint32_t in_count;
    enum tuff_domain domain[6];
    uint32_t index_limit;
    const void *attrs;
};

enum { TUFF_MOST_RESULTS = 4 };
/* A result besides the first, which is the operator's own value: port out1, out2, .. of the kernel. */
struct tuff_more_result {
    const char *name;
    enum tuff_error_rule error;
    enum tuff_result_rule result;
};

struct tuff_op {
    const char *name; /* in the graph's text */
    const char *onnx; /* ONNX operator, or NULL */
    enum tuff_op_class class;
    enum tuff_op_kind kind;
    uint32_t traits;              /* enum tuff_op_trait */
    uint8_t takes_blocks;         /* bit k: operand k may be block-quantized weights */
    uint8_t arity_min, arity_max; /* arity_max 255: any number */
    const struct tuff_attr *attrs;
    uint32_t attr_count;
    size_t attrs_bytes;

    const struct tuff_more_result *more; /* KERNEL: further results, each of them a value of its own (tuff_result) */
    uint8_t more_count;                  /* at most TUFF_MOST_RESULTS - 1 */

    /* Types in -> shapes out, one for each result; on failure tuff_infer_refuse with a sentence that says what would fit. */
    tuff_status (*infer)(const struct tuff_infer *infer, struct tuff_shape *out);
    enum tuff_result_rule result;
    /* Adds the gradients of y by its inputs to the graph, gin[k] 0: none. All are f32, so that none is rounded before its parts are summed. */
    void (*grad)(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin);
    const char *nondiff; /* reason for grad == NULL */
    /* KERNEL: fills the call. TUFF_ERR_UNSUPPORTED with a sentence when this device cannot. */
    tuff_status (*lower)(const struct tuff_lower *lower, struct tuff_kernel_call *call);
    /* KERNEL: the same value by other operators, where this device (g->caps) is better served by them; 0 where it is not. Only adds graph,
     * in which it expands itself what is to be expanded. NULL: never. */
    tuff_val (*expand)(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in);
    /* KERNEL: all its results by other operators, whatever the device: where `lower` is UNSUPPORTED, and for gradients of gradients
     * (tuff_composed_gradients). False after a sticky failure. NULL: there are none. */
    bool (*compose)(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in, tuff_val *results);
    /* The same value by fewer or simpler ones, whatever the device; 0: there is none. Only adds graph. NULL: never. */
    tuff_val (*simpler)(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in);
    /* Double-precision definition, naive. */
    void (*ref)(const struct tuff_ref *ref);
    /* Length of the longest sum behind one result (rounding error grows with it); NULL: 1. */
    double (*terms)(const struct tuff_value *value, const struct tuff_type *in_types);
    /* Products: axes of operand 1 and of the result along which elements have nothing in common, so that some of them, or sums of them, can be
     * computed alone. False, or NULL: there are none. */
    bool (*columns)(const struct tuff_value *value, const struct tuff_type *in_types, uint32_t axes[2]);
    /* FLOPs of the result; NULL: terms() for each element, twice as many where two operands are multiplied. */
    double (*work)(const struct tuff_value *value, const struct tuff_type *in_types);
    /* Bytes of operand k (k = in_count: of the result) that a launch of it alone must move; NULL: each element once. */
    uint64_t (*bytes)(const struct tuff_value *value, const struct tuff_type *in_types, uint32_t k);
    enum tuff_integer_rule integers; /* rows of pointwise.def say it there: tuff_op_integers */
    const char *edges;   /* what it gives at the edges of numbers, for docs/operators.md; NULL: its error rule says it */
    uint8_t ignores_nan; /* bit k: no NaN of operand k reaches the result; the others' do (tuff_op_ignores_nan) */
    enum tuff_error_rule error;
    tuff_status (*bound)(const struct tuff_bound *b); /* instead of a rule; NULL: the rule */
    /* KERNEL of which the self-test's families know nothing: a small case for it; one of a size that shows what it costs, for
     * tuff-bench, without a name where its table has some. NULL: neither. */
    const struct tuff_case *examples;

    /* INLINE: one of these three. A view's reads: coordinates of the result to those of operand 0. */
    struct tuff_coords (*map)(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords);
    /* Statements that compute the element at these coordinates; returns the variable. */
    const char *(*emit)(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords);
    /* With emit: the element as a number that follows from its place, in register bits. Such values need no memory. */
    struct tuff_index (*number)(const struct tuff_value *value, const struct tuff_coords *coords);
    /* With emit, where there is no number: its launch without a compiler, of plain_move.comp unless its tuff_plain_call says another file. */
    void (*plain)(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords);
    /* KEEPS_MEMORY: the first element's place in operand 0; false: not in order there. NULL: all of it, from the first on. */
    bool (*offset)(const struct tuff_value *value, const struct tuff_shape *in, uint64_t *offset);

    /* INLINE pointwise rows: result and derivatives as GLSL text over a, b, y, gy, p0, p1; NULL for other operators. */
    const char *glsl;
    uint16_t row;                  /* three times its place in pointwise.def, + 1 and 2 for derivatives by a and b */
    const struct tuff_pw_row *own; /* an app's own row (tuff_pointwise), in its graph's arena; NULL: of the table */
    uint8_t cost;                  /* rough instructions per element, for the fuse pass */
    /* KERNEL: 1 + the operand that holds the workgroup counts of its launch, where there is another one behind it; 0: none. */
    uint8_t counts_operand;
    /* KERNEL: bit k for inputs that may be computed where they are read (few reads per element), instead of from memory. */
    uint8_t inline_inputs;
    uint8_t
        factors; /* KERNEL: bit k: operand k is a factor of products that are summed; 0: of a tuff_op_is_product the first two */
    /* KERNEL: `expand` makes what one launch cannot do: it is asked without a compiler and with TUFF_DEBUG=nosimplify as well. */
    bool splits;
    /* KERNEL: port 0 is in0(uint o, uint r): output element and position among the reduced ones, of attrs tuff_reduce_attrs. */
    bool reduces;
};

/* Rows of a descriptor: how many operands it takes, attributes with the struct that they describe; a kernel, a view, what is
 * written as text and without; sums, elements that are moved as they are; the type of a case's operand. */
#define TUFF_OPERANDS(least, most) .arity_min = least, .arity_max = most
#define TUFF_ATTRS(table, type) .attrs = table, .attr_count = TUFF_COUNT(table), .attrs_bytes = sizeof(type)
#define TUFF_LAUNCH(lower_) .class = TUFF_CLASS_KERNEL, .lower = lower_
#define TUFF_SUMS(terms_) .error = TUFF_ERROR_SUMS, .terms = terms_
#define TUFF_VIEW(map_) .class = TUFF_CLASS_INLINE, .map = map_
#define TUFF_WRITTEN(emit_, plain_) .class = TUFF_CLASS_INLINE, .emit = emit_, .plain = plain_
#define TUFF_MOVES .integers = TUFF_INTEGERS_KEPT, .result = TUFF_RESULT_OPERAND_0, .error = TUFF_ERROR_MOVES
#define TUFF_TYPE(dtype, ...)                                                                                               \
    {                                                                                                                       \
        dtype,                                                                                                              \
        {                                                                                                                   \
            sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), { __VA_ARGS__ }                                           \
        }                                                                                                                   \
    }

/* Listed among the outputs of a run to be done; no output of its own. */
static inline bool tuff_op_writes_leaf(const struct tuff_op *op)
{
    return op->class == TUFF_CLASS_ASSIGN || op->traits & TUFF_UPDATES;
}
/* Gradients find it as it is: memory that is there, a checkpoint, or what is written once a run. */
static inline bool tuff_op_is_given(const struct tuff_op *op)
{
    return op->class == TUFF_CLASS_LEAF || op->traits & (TUFF_STAYS_APART | TUFF_UPDATES);
}
/* Its launches write its result to memory. */
static inline bool tuff_op_launches(const struct tuff_op *op)
{
    return op->class == TUFF_CLASS_KERNEL || op->class == TUFF_CLASS_LOOP;
}
/* The operand that holds its workgroup counts; no port of the kernel. */
static inline tuff_val tuff_counts_of(const struct tuff_value *value)
{
    uint32_t behind = value->op->counts_operand;
    return behind && value->in_count > behind ? value->in[behind - 1] : 0;
}
/* The kernel has no port for operand p: it is what the launch writes to, or its workgroup counts. */
static inline bool tuff_is_portless(const struct tuff_value *value, uint32_t p)
{
    return (value->op->traits & TUFF_UPDATES && p + 1 == value->in_count) ||
           (p + 1 == value->op->counts_operand && tuff_counts_of(value));
}
/* All of operand 0 in its order: a reader of one may read the other. */
static inline bool tuff_op_is_same(const struct tuff_op *op)
{
    return (op->traits & TUFF_KEEPS_ORDER) && (op->traits & TUFF_KEEPS_MEMORY);
}
/* Sums of products of two operands: of matrices, convolutions, and their gradients, which are such sums too. */
static inline bool tuff_op_is_product(const struct tuff_op *op)
{
    if (op->factors) return true;
    return op->class == TUFF_CLASS_KERNEL && op->error == TUFF_ERROR_SUMS && op->arity_min >= 2 &&
           !(op->traits & TUFF_TAKES_PLACES);
}
/* Sums a device in f16, or may it? */
static inline bool tuff_sums_halves(const struct tuff_graph *g, const struct tuff_op *op, const struct tuff_type *in_types)
{
    return g->half_sums && op->traits & TUFF_HALF_SUMS && in_types[0].dtype == TUFF_F16 && in_types[1].dtype == TUFF_F16;
}
static inline bool tuff_op_is_factor(const struct tuff_op *op, uint32_t operand)
{
    uint32_t factors = op->factors ? op->factors : tuff_op_is_product(op) ? 3u : 0;
    return operand < 8 && factors >> operand & 1;
}

/* Has the device of a compiler's copy a kernel of op, on a value's attributes and these operands? False of a graph without a device. */
bool tuff_op_has_kernel(const struct tuff_graph *g, const struct tuff_op *op, const struct tuff_value *value,
                        const tuff_val *in, bool any_size);
static inline uint64_t tuff_ceil_div(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }

/* Types of all results; sticky failure. */
tuff_status tuff_op_types(struct tuff_graph *g, const struct tuff_op *op, const tuff_val *in, uint32_t in_count,
                          const void *attrs, struct tuff_type types[TUFF_MOST_RESULTS]);
/* Result number 1, 2, .. of a kernel that has several. 0 after a sticky failure. */
tuff_val tuff_result(struct tuff_graph *g, tuff_val kernel, uint32_t index);
uint32_t tuff_result_index(const struct tuff_value *value); /* of such a value */
enum tuff_integer_rule tuff_op_integers(const struct tuff_op *op);
uint8_t tuff_op_ignores_nan(const struct tuff_op *op);
const char *tuff_op_edges(const struct tuff_op *op);
double tuff_op_no_work(const struct tuff_value *value, const struct tuff_type *in_types); /* `work` of what only counts */
double tuff_op_work(const struct tuff_value *value, const struct tuff_type *in_types);
double tuff_value_work(const struct tuff_graph *g, tuff_val v); /* likewise; 0 of one with more than 8 operands */
uint64_t tuff_op_bytes(const struct tuff_value *value, const struct tuff_type *in_types, uint32_t k);
/* Inputs "NAME 0", "NAME 1", .. of a case, and the operator of them. 0 after a sticky failure. */
tuff_val tuff_op_of_case(struct tuff_graph *g, const struct tuff_op *op, const struct tuff_case *c, const char *name,
                         tuff_val *in);

/* Sums a gradient down to the shape that was broadcast to it. */
tuff_val tuff_sum_to(struct tuff_graph *g, tuff_val gy, struct tuff_shape shape);
/* Axis -rank..rank-1 as 0..rank-1; sticky TUFF_ERR_SHAPE and -1 when outside. */
int tuff_axis(struct tuff_graph *g, const char *what, tuff_val x, int axis);
/* What is subtracted from a line before its exponentials are summed: its largest element, infinities as the largest finite numbers. Then
 * the sum is at least 1, rounded, or 0 of a line of -inf, which a floor below 1 makes harmless. */
tuff_val tuff_finite(struct tuff_graph *g, tuff_val most);
#define TUFF_SUM_FLOOR 0.5

/* For gradients of products that are right where factors are 0: the factor, or 1 where it is 0; 1 where it is 0, else 0 (i32); and the product of
 * all factors but x, of how many of all are 0, and the product of the others. */
tuff_val tuff_factor(struct tuff_graph *g, tuff_val x);
tuff_val tuff_is_zero(struct tuff_graph *g, tuff_val x);
tuff_val tuff_other_factors(struct tuff_graph *g, tuff_val x, tuff_val zeros, tuff_val product);

/* Products of two operands that are summed for v: of matrices, of convolutions; of all rounds of a loop. 0 of other operators. */
uint64_t tuff_multiply_adds(const struct tuff_graph *g, tuff_val v);
/* tuff_gradients, of which values with again[v] (a flag for each that there is; no leaf, checkpoint or update among them, and a kernel's results as
 * it is) are not kept for the gradients, but computed a second time when these come to them. NULL: as checkpoints say. */
void tuff_gradients_again(struct tuff_graph *g, tuff_val y, tuff_val gy, const tuff_val *x, uint32_t count, tuff_val *gx,
                          const bool *again);
/* gin[in_count] of result `index` of a kernel, by what it is composed of. */
void tuff_composed_gradients(struct tuff_graph *g, const struct tuff_value *kernel, uint32_t index, tuff_val gy,
                             tuff_val *gin);
/* A copy in which kernels that can be are composed of others (their `compose`), of leaves that have g's names and data, which outlive it;
 * map[v], of g's count, is what value v became. */
TUFF_MUST_CHECK tuff_status tuff_graph_composed(const struct tuff_graph *g, struct tuff_graph **copy, tuff_val *map,
                                                struct tuff_error *error);
/* Every operator, in the order of ops.def after the pointwise rows. */
extern const struct tuff_op *const tuff_ops[];
extern const uint32_t tuff_op_count;
const struct tuff_op *tuff_op_find(const char *name);

#define TUFF_OP(name) extern const struct tuff_op tuff_op_##name;
#include "graph/ops/ops.def"
#undef TUFF_OP

#endif

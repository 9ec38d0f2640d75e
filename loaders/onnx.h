/* onnx.h - a graph from an ONNX model: what the functions of onnx_ops.def see. Private to loaders/.
 *
 * A function gets a node whose operands are there, builds it of Tuff's operators, and puts the results. What its operands' types, shapes and,
 * where these are known, numbers are, it may ask; a number that it must know and does not makes the model's inputs behind it compile-time values. */
#ifndef TUFF_LOADERS_ONNX_H
#define TUFF_LOADERS_ONNX_H

#include "graph/op.h"
#include "graph/ops/view.h"
#include "loaders/onnx_proto.h"
#include "loaders/tensors.h"

enum tuff_onnx_dtype { /* TensorProto.DataType */
                       TUFF_ONNX_NONE,
                       TUFF_ONNX_FLOAT,
                       TUFF_ONNX_U8,
                       TUFF_ONNX_I8,
                       TUFF_ONNX_U16,
                       TUFF_ONNX_I16,
                       TUFF_ONNX_I32,
                       TUFF_ONNX_INT64,
                       TUFF_ONNX_STRING,
                       TUFF_ONNX_BOOL,
                       TUFF_ONNX_F16,
                       TUFF_ONNX_DOUBLE,
                       TUFF_ONNX_U32,
                       TUFF_ONNX_U64,
                       TUFF_ONNX_BF16 = 16,
                       TUFF_ONNX_U4 = 21,
                       TUFF_ONNX_I4 = 22,
                       TUFF_ONNX_TYPES
};
struct tuff_onnx_type_row {
    const char *name;          /* "int64"; NULL: a type that is not read */
    enum tuff_element element; /* of files and runs */
    enum tuff_dtype dtype;     /* in a graph, as the host has it; whole numbers that it lacks are i32 */
    uint32_t bits;
};
const struct tuff_onnx_type_row *tuff_onnx_type_row(int64_t type); /* never NULL */

enum {
    TUFF_ONNX_KNOWN = 1 << 16 /* elements of what is computed on the host at most */
};

/* What a name stands for. */
struct tuff_onnx_val {
    tuff_val v;                /* 0: left out, or it has no element */
    enum tuff_onnx_dtype type; /* 0: left out */
    struct tuff_shape shape;   /* a dimension may be 0 */
    const double *known;       /* its elements, where they follow from the model and what was bound alone; exact to 2^53 */
    const struct tuff_onnx_tensor *tensor; /* an initializer that is a parameter of the graph */
    uint64_t on; /* bit i: hangs on what input i holds, bit 62 on one of the others; bit 63: on random numbers */
};

struct tuff_onnx_scope;
struct tuff_onnx_build;
struct tuff_onnx_row;
struct tuff_onnx_op {
    struct tuff_onnx_build *b;
    struct tuff_graph *g;
    const struct tuff_onnx_scope *scope;
    const struct tuff_onnx_node *node;
    const struct tuff_onnx_row *row;
    int version;     /* of its domain's operators */
    uint64_t random; /* to be set where results are drawn: they are never known */
    uint32_t in_count, out_count;
    struct tuff_onnx_val *in, *out; /* out[k].type is 0 before it is put */
};

/* A row of onnx_ops.def. */
enum tuff_onnx_flag {
    TUFF_ONNX_EMPTY = 1,  /* takes operands without elements */
    TUFF_ONNX_FLOATS = 2, /* whole numbers as operand 0 are refused, with a sentence */
    TUFF_ONNX_STATES = 4, /* tensors from operand 3 on are states: running statistics, which no optimizer trains */
    TUFF_ONNX_WIDENS = 8 /* results are no constants, also where they are known: they stay the bytes that they are made of */
};
struct tuff_onnx_row {
    const char *domain, *name;
    int since; /* the first version of the operator sets that it holds for; a later row of the name ends it */
    uint32_t flags;
    enum tuff_onnx_dtype result;                                 /* of pointwise rows; NONE: that of operand 0 */
    bool (*build)(struct tuff_onnx_op *o, struct tuff_graph *g); /* false: it failed */
    tuff_val (*one)(struct tuff_graph *g, tuff_val a);           /* of pointwise rows: Tuff's operator */
    tuff_val (*two)(struct tuff_graph *g, tuff_val a, tuff_val b);
};
extern const struct tuff_onnx_row tuff_onnx_rows[];
extern const uint32_t tuff_onnx_row_count;

/* ---- what functions ask ---------------------------------------------------------------------------------------------------------- */

/* Operand i was given. */
static inline bool tuff_on_has(const struct tuff_onnx_op *o, uint32_t i) { return i < o->in_count && o->in[i].type; }
static inline bool tuff_on_empty(const struct tuff_onnx_op *o, uint32_t i)
{
    return tuff_on_has(o, i) && tuff_shape_count(&o->in[i].shape) == 0;
}
/* Its value; 0 where it was left out. */
tuff_val tuff_on(const struct tuff_onnx_op *o, uint32_t i);
tuff_val tuff_on_as(const struct tuff_onnx_op *o, uint32_t i, enum tuff_dtype dtype); /* cast where it is of another type */
static inline tuff_val tuff_on_f32(const struct tuff_onnx_op *o, uint32_t i) { return tuff_on_as(o, i, TUFF_F32); }
static inline tuff_val tuff_on_i32(const struct tuff_onnx_op *o, uint32_t i) { return tuff_on_as(o, i, TUFF_I32); }
/* Its elements, or NULL after a refusal. */
const double *tuff_on_known(const struct tuff_onnx_op *o, uint32_t i);
/* Whole numbers of a known operand of at most TUFF_MAX_RANK elements. False after a refusal. */
bool tuff_on_list(const struct tuff_onnx_op *o, uint32_t i, int64_t *list, uint32_t *count);

const struct tuff_onnx_attribute *tuff_on_attribute(const struct tuff_onnx_op *o, const char *name); /* or NULL */
int64_t tuff_on_int(const struct tuff_onnx_op *o, const char *name, int64_t standard);
double tuff_on_number(const struct tuff_onnx_op *o, const char *name, double standard);
bool tuff_on_text_is(const struct tuff_onnx_op *o, const char *name, const char *text, const char *standard);
/* Of a list of at most TUFF_MAX_RANK numbers; the count is 0 where there is none. */
uint32_t tuff_on_ints(const struct tuff_onnx_op *o, const char *name, int64_t *ints);
/* An axis of so many; -1 after a refusal. */
int tuff_on_axis(const struct tuff_onnx_op *o, int64_t axis, uint32_t rank);
int tuff_on_known_axis(const struct tuff_onnx_op *o, uint32_t i, uint32_t rank); /* the one that operand i names */
/* Axes as bits: the attribute "axes", or operand i from version `as_operand` on; *given false: there are none. False after a refusal. */
bool tuff_on_axes(const struct tuff_onnx_op *o, uint32_t i, int as_operand, uint32_t rank, uint32_t *axes, bool *given);

/* Result k, and true if nothing failed so far: of operand 0's type, or another; its elements are cast to what the type has, whole numbers wrap. */
bool tuff_on_put(const struct tuff_onnx_op *o, uint32_t k, tuff_val v);
bool tuff_on_put_as(const struct tuff_onnx_op *o, uint32_t k, tuff_val v, enum tuff_onnx_dtype type);
/* A value that is known: elements (copied). */
struct tuff_onnx_val tuff_on_make(const struct tuff_onnx_op *o, enum tuff_onnx_dtype type, struct tuff_shape shape,
                                  const double *elements);
/* A result that is known: elements (copied) of this shape, which may have none. */
bool tuff_on_put_known(const struct tuff_onnx_op *o, uint32_t k, enum tuff_onnx_dtype type, struct tuff_shape shape,
                       const double *elements);
/* One number for all elements; any shape. */
bool tuff_on_put_full(const struct tuff_onnx_op *o, uint32_t k, enum tuff_onnx_dtype type, struct tuff_shape shape,
                      double number);
/* As reshape; any shape of as many elements. */
bool tuff_on_put_shaped(const struct tuff_onnx_op *o, uint32_t k, const struct tuff_onnx_val *x, struct tuff_shape shape);

/* False: not covered (UNSUPPORTED), or against the specification (FORMAT): the first sentence counts, behind the node's name. */
bool tuff_on_refuse(const struct tuff_onnx_op *o, const char *format, ...) TUFF_PRINTF(2, 3);
bool tuff_on_bad(const struct tuff_onnx_op *o, const char *format, ...) TUFF_PRINTF(2, 3);
bool tuff_on_failed(const struct tuff_onnx_op *o);
bool tuff_on_training(const struct tuff_onnx_op *o);
const struct tuff_onnx_params *tuff_on_params(const struct tuff_onnx_op *o);
struct tuff_arena *tuff_on_arena(const struct tuff_onnx_op *o);  /* until the model is built */
bool tuff_on_budget(const struct tuff_onnx_op *o, size_t bytes); /* false: more than what is known before a run may take */
void *tuff_on_alloc(const struct tuff_onnx_op *o, size_t bytes); /* zeroed, until the model is built; NULL after a failure */
/* The nodes of a subgraph, whose inputs stand for these; its outputs. For If, Loop, Scan. False after a failure. */
bool tuff_on_subgraph(const struct tuff_onnx_op *o, const struct tuff_onnx_graph *graph, const struct tuff_onnx_val *inputs,
                      uint32_t input_count, struct tuff_onnx_val *outputs, uint32_t output_count);
/* A tensor of an attribute. False after a failure. */
bool tuff_on_tensor(const struct tuff_onnx_op *o, const struct tuff_onnx_tensor *tensor, const char *name,
                    struct tuff_onnx_val *val);

/* ---- building a whole model --------------------------------------------------------------------------------------------------- */

/* What an input of the model is bound to. */
struct tuff_onnx_bound {
    tuff_val v; /* a value of the graph, of the type that devices hold; 0: it has no elements */
    struct tuff_shape shape;
    const double *known; /* its elements, where they are bound at compile time, or NULL */
};
/* What building gets and gives. */
struct tuff_onnx_built {
    const struct tuff_onnx_bound *inputs; /* one for each of the model's */
    const char *const *cuts; /* names of values that are the outputs, output_count of them; NULL: the model's own */
    uint32_t output_count;
    const char *prefix;            /* of parameters' and states' names; NULL: none */
    bool begun;                    /* parameters and states begin with the file's numbers: nobody writes them later */
    bool training;                 /* statistics of the batch, and dropout */
    bool named;                    /* values get the names of the model's where they are free */
    struct tuff_onnx_val *outputs; /* known: only where it is also v */
    uint64_t wanted; /* of a failure: inputs whose numbers have to be known, as bits; 0: it failed for another reason */
    struct tuff_arena *arena; /* for: */
    struct tuff_onnx_weight {
        tuff_val leaf;
        const struct tuff_onnx_tensor *tensor;
    } * weights; /* of all plans of the graph */
    uint32_t weight_count;
    struct tuff_lookup tensors; /* places among weights, by tensor; may hold some that were undone */
    uint64_t steps;             /* of the lookups: what tests count instead of time */
};
tuff_status tuff_onnx_build(const struct tuff_onnx *onnx, struct tuff_graph *g, struct tuff_onnx_built *built,
                            struct tuff_error *error);
/* The version of a domain's operators, 0 where nothing is said. */
int64_t tuff_onnx_version(const struct tuff_onnx_opset *opsets, uint32_t count, struct tuff_span domain);
/* The row is one of the operator, and not of a later version. */
bool tuff_onnx_row_fits(const struct tuff_onnx_row *row, struct tuff_span op, struct tuff_span domain, int64_t version);
/* Names a value, where both are free. */
void tuff_onnx_name(struct tuff_graph *g, tuff_val v, struct tuff_span name);

/* A file that is open (onnx.c). */
struct tuff_onnx {
    struct tuff_context *context;
    struct tuff_onnx_params params;
    struct tuff_arena arena;
    char *path;                /* [arena] as in sentences */
    struct tuff_tensors *file; /* [owned] its bytes, without arrays */
    bool in_memory;
    struct tuff_onnx_model *model; /* [arena] */
    struct tuff_onnx_external {
        struct tuff_span location;
        struct tuff_os_map *map; /* [owned] */
        struct tuff_span content;
    } * external; /* [arena] files of weights beside it */
    uint32_t external_count;
    const struct tuff_onnx_value_info **inputs; /* [arena] those that are no initializers */
    uint32_t input_count;
    struct tuff_onnx_node_info *nodes; /* [arena] */
    struct tuff_pair *texts;           /* [arena] */
    uint32_t node_count, text_count;
};
/* Elements of a tensor as they lie in a file, little-endian; may point into the arena. Errors: FORMAT, UNSUPPORTED, MEMORY. */
tuff_status tuff_onnx_content(const struct tuff_onnx *onnx, struct tuff_arena *arena, const struct tuff_onnx_tensor *tensor,
                              struct tuff_span *content, struct tuff_error *error);
tuff_status tuff_onnx_shape(const struct tuff_onnx *onnx, const struct tuff_onnx_tensor *tensor, struct tuff_shape *shape,
                            struct tuff_error *error);
/* Numbers of stored elements. */
double tuff_onnx_element(enum tuff_onnx_dtype type, const void *content, uint64_t i);

#endif

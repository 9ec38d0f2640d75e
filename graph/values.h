/* values.h - types, graphs and their leaves; graphs as text. Public, part of graph.h. */
#ifndef TUFF_VALUES_H
#define TUFF_VALUES_H

#include "backend/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TUFF_MAX_RANK 8

enum tuff_dtype { /* what each is: graph/dtypes.def */
                  TUFF_F32 = 1,
                  TUFF_F16, /* storage only: arithmetic is f32, and so are results but those of tuff_cast and views */
                  TUFF_I32,
                  TUFF_U8,
                  TUFF_BOOL, /* stored as u8 0 or 1 */
                  TUFF_BF16, /* the upper half of f32; used as f16 is */
                  TUFF_I8,
                  /* GGUF's: blocks of 32 weights q and one scale, f16 before 32 bytes; weight i is scale * q[i]. The last dimension is a multiple
     * of 32. Leaves alone; read by tuff_matmul, by tuff_gather of rows (axis 0) and by tuff_cast to f32; has no gradient. The host
     * writes and reads the file's blocks, device memory holds all q and then all scales: 8.5 bits a weight. */
                  TUFF_Q8_0,
                  /* Of the host alone: devices hold i32 and f32, and operators see these (tuff_type_of). They are what the host writes into
     * leaves of such a type, where what does not fit into an i32, or is finite and no finite f32, is refused, and what it reads from
     * them, from results of tuff_cast to such a type and from constants, widened (tuff_type_on_host). What follows from constants of
     * such a type alone, and has at most 65536 elements, is computed on the host when a graph is compiled, in f64 or whole
     * numbers that are exact to 2^53, until a cast names another type. */
                  TUFF_I64,
                  TUFF_F64
};

struct tuff_shape {
    uint32_t rank; /* 0: a scalar */
    uint32_t dim[TUFF_MAX_RANK];
};
/* TUFF_SHAPE(2, 3) is the shape [2, 3]. */
#define TUFF_SHAPE(...)                                                                                                     \
    ((struct tuff_shape){(uint32_t)(sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)), {__VA_ARGS__}})

struct tuff_type {
    enum tuff_dtype dtype;
    struct tuff_shape shape;
};

struct tuff_graph;
/* Handle of a value; 0 is "none" (a failed call, or an optional input left out). */
typedef uint32_t tuff_val;

/* ---- graph ---------------------------------------------------------------------------------------------------------- */

/* Errors: MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_graph_create(struct tuff_context *context, struct tuff_graph **graph,
                                                       struct tuff_error *error);
/* Sessions and trainers of the graph keep what they need of it, until they are destroyed too. NULL is legal. */
TUFF_API void tuff_graph_destroy(struct tuff_graph *graph);
/* TUFF_OK, or the first failure since creation. May be called at any time. The sentence names the operator, and the values that do not fit by
 * type, shape and name (tuff_named), or by operator and number. After a failure, and for a graph that is NULL, builders return 0 and do nothing. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_graph_finish(struct tuff_graph *graph, struct tuff_error *error);
TUFF_API struct tuff_type tuff_type_of(const struct tuff_graph *graph, tuff_val value);
/* The type in which the host writes and reads the value: tuff_type_of's, but for leaves and casts of i64 and f64. */
TUFF_API struct tuff_type tuff_type_on_host(const struct tuff_graph *graph, tuff_val value);
TUFF_API uint64_t tuff_shape_count(const struct tuff_shape *shape);          /* number of elements; UINT64_MAX: more */
TUFF_API uint64_t tuff_dtype_size(enum tuff_dtype dtype, uint64_t elements); /* in bytes, packed one after the other */
/* Quantizes f32 to the blocks of TUFF_Q8_0: scale max |x| / 127, q = x / scale to nearest, half away from zero. elements is a multiple
 * of 32. Source: quantize_row_q8_0_reference of GGML. */
TUFF_API void tuff_quantize_q8_0(const float *from, uint64_t elements, void *blocks);
TUFF_API const char *tuff_dtype_name(enum tuff_dtype dtype);

/* ---- leaves ----------------------------------------------------------------------------------------------------------- */

/* Data that the host writes before a run (tuff_executable_write, tuff_trainer_write). Names are unique in a graph. */
TUFF_API tuff_val tuff_input(struct tuff_graph *g, const char *name, enum tuff_dtype dtype, struct tuff_shape shape);
/* Constants: one number of any shape, or data (copied) of the type. */
TUFF_API tuff_val tuff_scalar(struct tuff_graph *g, double value);
TUFF_API tuff_val tuff_full(struct tuff_graph *g, enum tuff_dtype dtype, struct tuff_shape shape, double value);
TUFF_API tuff_val tuff_constant(struct tuff_graph *g, struct tuff_type type, const void *data);
/* 0, 1, 2, ... along an axis of the shape; i32. */
TUFF_API tuff_val tuff_iota(struct tuff_graph *g, struct tuff_shape shape, int axis);

/* Initialisers of parameters. fan_in is dim[1] * dim[2] * ... (dim[0] for rank 1), fan_out dim[0] * dim[2] * ...
 * Kaiming: He et al. 2015; Xavier: Glorot and Bengio 2010. Values are Philox 4x32-10 of (seed, name), the same everywhere. */
enum tuff_init_kind {
    TUFF_INIT_DEFAULT = 0,     /* in a layer's params: what the layer says; elsewhere zeros */
    TUFF_INIT_CONSTANT,        /* a */
    TUFF_INIT_UNIFORM,         /* [a, b) */
    TUFF_INIT_NORMAL,          /* mean a, deviation b */
    TUFF_INIT_KAIMING_UNIFORM, /* bound a * sqrt(3 / fan_in); a is the gain, 0 stands for sqrt(2) */
    TUFF_INIT_KAIMING_NORMAL,  /* deviation a / sqrt(fan_in) */
    TUFF_INIT_XAVIER_UNIFORM,  /* bound a * sqrt(6 / (fan_in + fan_out)); 0 stands for 1 */
    TUFF_INIT_XAVIER_NORMAL,   /* deviation a * sqrt(2 / (fan_in + fan_out)) */
    TUFF_INIT_DATA,            /* data, f32, as many as the shape has */
    TUFF_INIT_ZEROS
};
/* A number that may be left out: zero-initialized it stands for the default that its field names; TUFF_NUMBER(0) is zero itself. */
struct tuff_number {
    double value;
    bool given;
};
#define TUFF_NUMBER(v) ((struct tuff_number){.value = (v), .given = true})
struct tuff_init {
    enum tuff_init_kind kind;
    double a, b;
    const float *data; /* copied */
    uint32_t zero_row; /* this row of the first axis, counted from 1, begins as zeros; 0: none does */
};
/* A trained parameter, f32. A second call with a known name and the same shape returns the first value, so that a model
 * function called twice (for training and for inference) shares its weights. Errors: SHAPE (the name has another type), USAGE (an
 * initialiser of no known kind, numbers without a kind, TUFF_INIT_DATA without data). */
TUFF_API tuff_val tuff_param(struct tuff_graph *g, const char *name, struct tuff_shape shape, struct tuff_init init);
/* Of any type. What is not f32 has gradients, if it is of floats, but is not trained: weights that stay as they are, and copies. */
TUFF_API tuff_val tuff_param_of(struct tuff_graph *g, const char *name, struct tuff_type type, struct tuff_init init);
/* State that is kept between runs but not trained (running statistics, counters, data sets), of any type. */
TUFF_API tuff_val tuff_state(struct tuff_graph *g, const char *name, enum tuff_dtype dtype, struct tuff_shape shape,
                             struct tuff_init init);
/* At the end of a run the state takes the value of `value` (same type); all readers in that run see what it was before. Returns
 * the assignment, which is listed among the outputs of the plans that should do it and is no operand of anything. */
TUFF_API tuff_val tuff_assign(struct tuff_graph *g, tuff_val state, tuff_val value);
/* The assignments of a graph that were added after the value `after` (0: all), and the rows assigned in it, in the order in which they
 * were added, as many as `capacity`; those of layers (running statistics) are among them. Returns how many there are. */
TUFF_API uint32_t tuff_graph_updates(const struct tuff_graph *graph, tuff_val after, tuff_val *updates, uint32_t capacity);
/* The state after rows [n, ..] were written over its rows place .. place + n - 1, in place and within the run: what reads the result
 * reads the new rows, what reads the state itself reads it as it was before, and is done before. place: an i32 of one element in
 * device memory, clamped to 0 .. rows of the state - n. The result may be updated again. f32 or i32. To be done it is read by
 * something, or listed among the outputs like an assignment. A graph whose results would need both contents at once
 * is refused when it is compiled, as is one that assigns the state as well. */
TUFF_API tuff_val tuff_assign_rows(struct tuff_graph *g, tuff_val state, tuff_val rows, tuff_val place);
/* Likewise of the first `count` rows alone, an i32 of one element in device memory, clamped to 0 .. n; place is clamped for all n. The
 * launch has as many workgroups as these need. */
TUFF_API tuff_val tuff_assign_some_rows(struct tuff_graph *g, tuff_val state, tuff_val rows, tuff_val place, tuff_val count);
/* Gives a value a name, for labels, printing and outputs. Returns the value. Inputs, parameters and states keep theirs. Errors: USAGE. */
TUFF_API tuff_val tuff_named(struct tuff_graph *g, tuff_val value, const char *name);

/* ---- text, names -------------------------------------------------------------------------------------------------------------- */

/* The graph as text, one value a line, or as DOT, allocated with the context's allocator: tuff_text_free. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_graph_print(const struct tuff_graph *graph, char **text, struct tuff_error *error);
TUFF_API TUFF_MUST_CHECK tuff_status tuff_graph_print_dot(const struct tuff_graph *graph, char **text,
                                                          struct tuff_error *error);
/* As tuff_graph_print, what these values need alone: a network as far as a value of its inside. Numbers are other ones, names stay.
 * Errors: USAGE (a value that is none of the graph), MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_graph_print_part(const struct tuff_graph *graph, const tuff_val *values,
                                                           uint32_t count, char **text, struct tuff_error *error);
TUFF_API void tuff_text_free(struct tuff_context *context, char *text);
/* Reads tuff_graph_print's text into an empty graph. Untrusted input: errors FORMAT with the line. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_graph_parse(struct tuff_graph *graph, const char *text, struct tuff_error *error);
/* Value of a name (input, param, state, tuff_named), or 0. */
TUFF_API tuff_val tuff_graph_find(const struct tuff_graph *graph, const char *name);
/* Parameters and states by number (0 .. count-1), in the order in which they were added; names are borrowed. Past the end: zeros. */
struct tuff_leaf {
    const char *name;
    struct tuff_type type;
    bool trained; /* a parameter of f32; else a state, or a parameter of another type */
};
TUFF_API uint32_t tuff_graph_leaf_count(const struct tuff_graph *graph);
TUFF_API struct tuff_leaf tuff_graph_leaf(const struct tuff_graph *graph, uint32_t index);

#ifdef __cplusplus
}
#endif
#endif

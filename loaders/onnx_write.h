/* onnx_write.h - a graph as an ONNX model: what the table onnx_write.def and its functions write nodes with. Private to loaders/. */
#ifndef TUFF_LOADERS_ONNX_WRITE_H
#define TUFF_LOADERS_ONNX_WRITE_H

#include "loaders/onnx.h"

enum { TUFF_ONNX_WRITES = 18 }; /* the operator set: the first in which every reduction takes its axes as an operand */

struct tuff_onnx_writer {
    struct tuff_context *context;
    struct tuff_error *error;
    struct tuff_arena arena;
    const struct tuff_onnx_write_params *params;
    struct tuff_onnx_model model;
    struct tuff_onnx_graph graph;
    struct tuff_lookup taken, constants; /* names; initializers that are constants */
    uint32_t fresh;                      /* names given so far */
    const struct tuff_graph *whole;      /* the graph that is written, not a body of it */
    tuff_val *map;                       /* [arena] of the caller's values [mapped], in it, where it is a copy; else NULL */
    uint32_t mapped;
    tuff_val *leaves;     /* [arena] of each initializer: what holds its content, or 0 */
    uint64_t nothing[64]; /* what there is no memory for goes here */
    uint32_t batch;       /* that is written as N; 0: none */
    tuff_status status;   /* first failure */
    bool unfit;           /* it was that a batch of any size has no form */
};
/* What becomes of a value where ranges are given (onnx_write_quant.c). */
struct tuff_onnx_int8 {
    const struct tuff_onnx_range *range; /* it passes through 8 bits; NULL: it stays as it is */
    tuff_val reader, product;            /* its only reader; of a chain's last value the first; or 0 */
    uint32_t readers;
    bool fixed, needed; /* it hangs on weights alone; its numbers are being made */
};
/* A graph, or the body of a loop, while its nodes are written. */
struct tuff_onnx_sheet {
    struct tuff_onnx_writer *w;
    const struct tuff_graph *g;
    struct tuff_onnx_graph *to;
    struct tuff_span *names, *wide, *more; /* [arena] of values; cast to what is computed with; of their second result */
    const uint8_t *open;                   /* [arena] bit k: dimension k hangs on the size of the batch; NULL: none does */
    struct tuff_onnx_int8 *int8;           /* [arena] of values; NULL: nothing is quantized */
};
/* A value that is to be written. */
struct tuff_onnx_task {
    struct tuff_onnx_sheet *s;
    tuff_val v;
    const struct tuff_value *value;
    enum tuff_onnx_dtype type; /* that its operands are computed in; NONE: they are as they are */
};
/* A row of onnx_write.def. */
struct tuff_onnx_form {
    const char *name, *text;
    bool (*write)(struct tuff_onnx_task *t);
};

enum tuff_onnx_dtype tuff_onnx_of(enum tuff_dtype dtype);
/* Sticky; returns false. */
bool tuff_ow_fail(struct tuff_onnx_writer *w, tuff_status status, const char *format, ...) TUFF_PRINTF(3, 4);
struct tuff_span tuff_ow_text(struct tuff_onnx_writer *w, const char *format, ...) TUFF_PRINTF(2, 3);
struct tuff_span tuff_ow_name(struct tuff_onnx_writer *w, struct tuff_span wanted); /* that one where it is free */
/* Adds name, type and shape to a list; open: dimensions of any size, the first of which is called N. */
void tuff_ow_info(struct tuff_onnx_writer *w, void *list, struct tuff_span name, enum tuff_onnx_dtype type,
                  const struct tuff_shape *shape, uint8_t open);
struct tuff_onnx_tensor *tuff_ow_initializer(struct tuff_onnx_writer *w, enum tuff_onnx_dtype type,
                                             const struct tuff_shape *shape);
/* The names of constants: content (copied) of a shape, one number, whole numbers. */
struct tuff_span tuff_ow_constant(struct tuff_onnx_writer *w, enum tuff_onnx_dtype type, const struct tuff_shape *shape,
                                  const void *data, size_t bytes);
struct tuff_span tuff_ow_number(struct tuff_onnx_writer *w, enum tuff_onnx_dtype type, double number);
struct tuff_span tuff_ow_list(struct tuff_onnx_writer *w, const int64_t *list, uint32_t count);
/* Writes the values behind these, which are needed; names of those that are there already are kept. False after a failure. */
bool tuff_ow_sheet(struct tuff_onnx_sheet *s, const tuff_val *wanted, uint32_t count);
/* A sheet of its own. */
bool tuff_ow_begin(struct tuff_onnx_writer *w, const struct tuff_graph *g, struct tuff_onnx_graph *to,
                   struct tuff_onnx_sheet *s);
/* A node: operands, attributes, and then it is added; returns the name of its result. */
void tuff_ow_in(struct tuff_onnx_sheet *s, struct tuff_onnx_node *n, struct tuff_span operand);
enum tuff_onnx_attribute_type { /* AttributeProto.AttributeType */
                                TUFF_ONNX_A_FLOAT = 1,
                                TUFF_ONNX_A_INT,
                                TUFF_ONNX_A_TEXT,
                                TUFF_ONNX_A_TENSOR,
                                TUFF_ONNX_A_GRAPH,
                                TUFF_ONNX_A_FLOATS,
                                TUFF_ONNX_A_INTS
};
/* One that is to be filled; never NULL. */
struct tuff_onnx_attribute *tuff_ow_attribute(struct tuff_onnx_sheet *s, struct tuff_onnx_node *n, const char *name,
                                              enum tuff_onnx_attribute_type type);
void tuff_ow_int(struct tuff_onnx_sheet *s, struct tuff_onnx_node *n, const char *name, int64_t v);
void tuff_ow_ints(struct tuff_onnx_sheet *s, struct tuff_onnx_node *n, const char *name, const int64_t *list,
                  uint32_t count);
struct tuff_span tuff_ow_emit(struct tuff_onnx_sheet *s, struct tuff_onnx_node *n, const char *op);
struct tuff_span tuff_ow_cast(struct tuff_onnx_sheet *s, struct tuff_span x, enum tuff_onnx_dtype type);
/* Of the last node: the name of its result; one more result. */
struct tuff_span tuff_ow_result(const struct tuff_onnx_sheet *s);
struct tuff_span tuff_ow_more(struct tuff_onnx_sheet *s);
/* The value of a leaf, constant or operator: onnx_write_ops.c. */
bool tuff_ow_value(struct tuff_onnx_task *t);
/* Operand k is read from here: of rows, what is only stretched is left to ONNX's own broadcasting; 0: it is none, or one number. */
tuff_val tuff_ow_reads(const struct tuff_graph *g, const struct tuff_value *value, uint32_t k);

/* Those with a name in ONNX, but for what ONNX takes where they are missing. */
void tuff_ow_attributes(const struct tuff_onnx_task *t, struct tuff_onnx_node *n);
/* The numbers of a parameter or state. */
tuff_status tuff_ow_leaf(struct tuff_onnx_writer *w, tuff_val leaf, float *to);

/* Decides what is written in 8 bits, for the whole graph, of which these values are wanted. False after a failure. */
bool tuff_ow_int8_begin(struct tuff_onnx_sheet *s, const tuff_val *wanted, uint32_t count);
tuff_val tuff_ow_int8_reads(const struct tuff_onnx_sheet *s, tuff_val v, uint32_t k); /* as tuff_ow_reads */
bool tuff_ow_int8_product(struct tuff_onnx_sheet *s, tuff_val v);                     /* the chain that ends in v */
/* QuantizeLinear and DequantizeLinear of x, by the range of v; the name of what comes out. */
struct tuff_span tuff_ow_int8_round(struct tuff_onnx_sheet *s, tuff_val v, struct tuff_span x);

/* What is read and given: inputs, then outputs. */
struct tuff_onnx_named {
    struct tuff_span name;
    tuff_val v; /* 0: it has no element, or is no value but numbers that are known */
};
struct tuff_onnx_ends {
    const struct tuff_onnx_named *at; /* [arena] */
    uint32_t input_count, output_count;
};
/* Of what a runner ran last (onnx_run.c); false before, and without memory. */
bool tuff_onnx_runner_ends(struct tuff_onnx_runner *runner, struct tuff_arena *arena, struct tuff_session **session,
                           struct tuff_onnx_ends *ends);

#endif

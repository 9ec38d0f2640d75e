/* op_help.h - what the tests of operators share: seeded inputs, graphs of an operator's cases, running and comparing. */
#ifndef OP_HELP_H
#define OP_HELP_H

#include "backend/backend.h"
#include "tests/op_cases.h"

struct op_random {
    uint64_t state;
};
/* --seed N, else the time; printed, so that a failure can be repeated. */
struct op_random op_random_start(int argc, char **argv);
double op_uniform(struct op_random *r, double low, double high); /* [low, high) */
uint32_t op_below(struct op_random *r, uint32_t count);
double op_normal(struct op_random *r);

/* Derivative rows come with their rows. */
bool op_is_derivative(const struct tuff_op *op);
/* Does a row's text use this name (p0, p1)? */
bool op_text_names(const char *text, const char *name);
/* Input k of the case: count values that its type can hold. Rows get none for which they are not defined. */
void op_fill(struct op_random *r, const struct tuff_op *op, const struct tuff_case *c, uint32_t k, double *out,
             uint64_t count);

/* One case of an operator in a graph: inputs, result, gradients of the result weighted by gy (0 where there are none). */
struct op_case_values {
    tuff_val in[6], y, more[TUFF_MOST_RESULTS - 1], gy, gx[6];
};
bool op_add_case(struct tuff_graph *g, const struct tuff_op *op, const struct tuff_case *c, uint32_t number, bool gradients,
                 struct op_case_values *out);
/* data for all inputs of the graph that belong to a case, or to all of them; a case without y is not in the graph. */
bool op_fill_case(struct op_random *r, const struct tuff_graph *g, const struct tuff_op *op, const struct tuff_case *c,
                  const struct op_case_values *values, double **data);
bool op_fill_cases(struct op_random *r, const struct tuff_graph *g, const struct tuff_op *op,
                   const struct op_case_values *cases, double **data);

/* Types of operands: those of the first case one by one, and, where there are several, all at once. */
uint32_t op_choices(const struct tuff_op *op);
/* Operand k of the case, or, where there is no such one, all of them. */
void op_set_type(struct tuff_case *c, uint32_t k, enum tuff_dtype dtype);
/* Does a graph take the first case with such operands? A sentence where not. Whether shapes of blocks fit does not count. */
bool op_takes(struct tuff_context *context, const struct tuff_op *op, uint32_t k, enum tuff_dtype dtype,
              struct tuff_error *error);

/* Compares a value with its reference. Elements whose bound is infinite are left out and counted; those that are not finite
 * or overflow in the reference are not looked at. Prints the worst element; returns the number of wrong ones. */
struct op_totals {
    uint64_t compared, left_out, wrong;
    double ratio; /* largest error over its bound: how much room is left */
};
void op_compare(const struct tuff_graph *g, tuff_val v, const char *what, const double *expected, const double *bound,
                const double *got, struct op_totals *totals);

/* Runs outputs[count] of the graph on the device once: inputs, parameters and states from data, results into got[i] (allocated with tuff_alloc). */
struct op_run {
    const tuff_val *outputs;
    uint32_t count;
    double **got;
    const struct tuff_compiler *compiler; /* NULL: the session's own choice */
    bool any_size, half_sums;             /* as in tuff_executable_params */
    struct tuff_program_counts counts;
};
bool op_run_graph(struct tuff_device *device, struct tuff_graph *g, double *const *data, struct op_run *run);
/* A kernel as it would be with a slip of the pen: for tests that must find it. */
struct op_slip {
    const char *what;          /* operator or family, for the caller */
    const char *right, *wrong; /* of the same length, in the kernel's file or in the text that is written for it */
};
/* compile of a struct tuff_compiler, whose user is a const struct op_slip: glslang's, over texts with the slip. */
tuff_status op_compile_slip(void *user, struct tuff_context *context, const char *name, const char *source,
                            const char *preamble, uint32_t **spirv, size_t *words, struct tuff_error *error);
/* Elements as the type stores them, and back. */
void op_pack(enum tuff_dtype dtype, const double *from, uint64_t count, void *to);
void op_unpack(enum tuff_dtype dtype, const void *from, uint64_t count, double *to);

#endif

/* bound.h - how far a device's result of one operator may lie from the double reference. Private; for the self-test and tests.
 * Most operators name a rule (enum tuff_error_rule in op.h), others bring a function; rows carry it in their text (tests/op_text.c). */
#ifndef TUFF_BOUND_H
#define TUFF_BOUND_H

#include "graph/op.h"

#define TUFF_ULP 1.1920928955078125e-7 /* 2^-23: one unit in the last place is at most this much of a value */
#define TUFF_TINY 5e-38                /* a few times the least normal f32: denormals may be flushed */

struct tuff_bound {
    struct tuff_context *context;
    const struct tuff_value *value;
    const struct tuff_type *in_types;
    const double *const *in;    /* the reference's operands; NULL where left out */
    const double *const *error; /* their bounds, INFINITY where nothing is known */
    const double *out;          /* the reference's result */
    double *bound;              /* filled; all zero before */
    uint64_t count;             /* elements of the result */
    const struct tuff_graph *graph;
    uint32_t result; /* which one, where the operator has several */
};
/* Errors: MEMORY; UNSUPPORTED where the operator declares nothing. */
TUFF_MUST_CHECK tuff_status tuff_bound_value(const struct tuff_bound *b);

/* bounds[v] (allocated) of a value of g whose operands have theirs, as data has values. Errors: as above. */
TUFF_MUST_CHECK tuff_status tuff_bound_of(const struct tuff_graph *g, tuff_val v, double *const *data, double **bounds);

/* ---- for operators' own functions ----------------------------------------------------------------------------------------- */

/* By a rule, whatever the operator declares. */
TUFF_MUST_CHECK tuff_status tuff_bound_by(const struct tuff_bound *b, enum tuff_error_rule rule);
bool tuff_bound_is_exact(const struct tuff_bound *b, uint32_t input);
void tuff_bound_unknown(const struct tuff_bound *b);
/* The first place of the largest (sign 1) or smallest (sign -1) of some elements of operand 0; *sure: no device can find another. */
uint64_t tuff_bound_winner(const struct tuff_bound *b, const uint64_t *places, uint64_t count, double sign, bool *sure);
/* The bounds moved as the operands are, which are read where they are no floats. value: b->value, or a copy with other attributes. */
TUFF_MUST_CHECK tuff_status tuff_bound_moved(const struct tuff_bound *b, const struct tuff_value *value);

#endif

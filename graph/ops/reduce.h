/* reduce.h - what passes ask of reductions. Private. */
#ifndef TUFF_REDUCE_H
#define TUFF_REDUCE_H

#include "graph/op.h"

enum tuff_reduce_kind { TUFF_BY_SUM, TUFF_BY_PROD, TUFF_BY_MAX, TUFF_BY_MIN, TUFF_BY_ARGMAX, TUFF_BY_ARGMIN };
enum tuff_reduce_kind tuff_reduce_kind(const struct tuff_op *op);

/* Is the innermost axis longer than 1 a reduced one, so that a row's elements lie side by side? in: the operand's shape. */
bool tuff_reduces_inner(const struct tuff_value *value, const struct tuff_shape *in);
/* Do the elements of a row, or the rows beside each other, lie in runs of whole quads, or in one run? */
bool tuff_reduces_by_quads(const struct tuff_value *value, const struct tuff_shape *in);
/* Do two reductions walk alike: element r of row o is at the same place of what they reduce? */
bool tuff_reduces_alike(const struct tuff_value *a, const struct tuff_shape *in_a, const struct tuff_value *b,
                        const struct tuff_shape *in_b);

/* The launch of a row group whose kernel is lower->value. */
enum { TUFF_ROW_STAGES = 8, TUFF_ROW_PASSES = 6 }; /* at most */
struct tuff_row_work {
    uint32_t passes, stages, held; /* rounds over a row, reductions, quads of a step that registers may hold */
};
TUFF_MUST_CHECK tuff_status tuff_row_lower(const struct tuff_lower *lower, const struct tuff_row_work *work,
                                           struct tuff_kernel_call *call);

#endif

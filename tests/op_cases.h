/* op_cases.h - shapes, domains and attributes by which the tests take every operator. */
#ifndef OP_CASES_H
#define OP_CASES_H

#include "graph/op.h"

/* None of what has no attributes of a table, or no result of its own: leaves, derivatives of rows, loops, assignments, apps' own rows. */
uint32_t op_case_count(const struct tuff_op *op);
const struct tuff_case *op_case(const struct tuff_op *op, uint32_t index);

#endif

/* scan.h - attributes of scan and where its result keeps what. Private.
 *
 * Operands: the carries' first contents, sequences, invariants; so are the body's inputs in the order they were added. The last values
 * of the body are what the carries become and what each round gives. A sequence is [T, e], of which the body sees the first
 * elements of row t; rows are whole multiples of TUFF_PLAN_ALIGNMENT. The result is one f32 vector of sections, one for each carry
 * and step: rows at multiples of TUFF_PLAN_ALIGNMENT, so that a round binds them. */
#ifndef TUFF_OPS_SCAN_H
#define TUFF_OPS_SCAN_H

#include "graph/op.h"

enum { TUFF_SCAN_ALIGNMENT = TUFF_PLAN_ALIGNMENT / 4 }; /* elements of f32 */

struct tuff_scan_attrs {
    struct tuff_graph *body; /* [borrowed] of the graph (tuff_graph_body): equal bodies are one */
    int32_t rounds, carries, sequences, steps;
    int32_t rings; /* so many of the last carries keep two rows: round r reads row r mod 2 and writes the other */
    int32_t reverse;
};

/* Rows of round r: first + step * (r mod ring), or first + step * r without a ring. */
struct tuff_scan_rows {
    uint32_t first, ring;
    int32_t step;
};
static inline uint32_t tuff_scan_row(const struct tuff_scan_rows *rows, uint32_t round)
{
    return rows->first + (uint32_t)rows->step * (rows->ring ? round % rows->ring : round);
}
struct tuff_scan_section {
    uint64_t offset, row; /* elements: of the first row; from row to row */
    uint32_t rows;
    struct tuff_scan_rows read, written; /* a step is written alone */
    struct tuff_scan_rows after;         /* after step t, t = 0, 1, .. of the sequences; not of rings */
    struct tuff_scan_rows before;        /* likewise */
};

/* Values that the body gives. */
static inline uint32_t tuff_scan_outputs(const struct tuff_scan_attrs *attrs)
{
    return (uint32_t)attrs->carries + (uint32_t)attrs->steps;
}
/* The body's k-th input, and what carry k becomes, or step k - carries. */
tuff_val tuff_scan_input(const struct tuff_scan_attrs *attrs, uint32_t k);
tuff_val tuff_scan_output(const struct tuff_scan_attrs *attrs, uint32_t k);
/* Section k: of a carry, or of step k - carries. */
struct tuff_scan_section tuff_scan_section(const struct tuff_scan_attrs *attrs, uint32_t k);
struct tuff_scan_rows tuff_scan_sequence(const struct tuff_scan_attrs *attrs);
/* Elements of a row of a sequence that the body sees as this type. */
uint64_t tuff_scan_pitch(const struct tuff_type *type);
/* The gradients of scan's operands (graph/scan.c). */
void tuff_scan_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin);

#endif

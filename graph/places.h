/* places.h - whole numbers that the host writes and that name places: classes of labels, indices of gathers. Private. */
#ifndef TUFF_PLACES_H
#define TUFF_PLACES_H

#include "graph/op.h"

struct tuff_places {
    tuff_val input;         /* what the host writes */
    tuff_val value;         /* the numbers: the input, or what follows from it and from constants */
    tuff_val reader;        /* of indices: the operator; of labels: the logits */
    int64_t least, most;    /* that are possible */
    const int32_t *ignored; /* [graph's arena] the label that counts nothing; NULL: there is none */
    bool classes;           /* of labels */
};
/* What is to be looked at where the host writes inputs of a plan with these outputs, in an array of the arena. What follows from several
 * inputs, states or computed numbers is not among it. Errors: USAGE for a constant that names no place, MEMORY. */
TUFF_MUST_CHECK tuff_status tuff_places_find(const struct tuff_graph *g, const tuff_val *outputs, uint32_t output_count,
                                             struct tuff_arena *arena, struct tuff_places **places, uint32_t *count,
                                             struct tuff_error *error);
/* Content of an input, as the host writes it, whole. Errors: USAGE with the element, its number and what is possible; MEMORY. */
TUFF_MUST_CHECK tuff_status tuff_places_check(const struct tuff_graph *g, const struct tuff_places *places, uint32_t count,
                                              tuff_val input, const void *data, struct tuff_error *error);
/* As tuff_executable_write, of numbers that may name no place, as those that a device computes may: tests of what becomes of them. */
TUFF_MUST_CHECK tuff_status tuff_executable_write_any(struct tuff_executable *x, tuff_val input, const void *data,
                                                      size_t bytes, struct tuff_error *error);
/* Notes that labels are to be classes of the logits [n, c, ..]; ignored: NULL, or the label that counts nothing. */
void tuff_places_of_labels(struct tuff_graph *g, tuff_val labels, tuff_val logits, const int32_t *ignored);

#endif

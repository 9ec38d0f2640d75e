/* print.h - graphs as text. Private. */
#ifndef TUFF_PRINT_H
#define TUFF_PRINT_H

#include "graph/op.h"

#define TUFF_GRAPH_TEXT_VERSION 1
/* In the place of an operator's name: the app's own pointwise row and its derivatives. */
#define TUFF_OWN_ROW_NAMES "pointwise", "pointwise_da", "pointwise_db"

void tuff_graph_print_text(const struct tuff_graph *g, struct tuff_text *text);
/* The shortest of the forms that parse.c reads exactly. */
void tuff_print_number(struct tuff_text *text, double v);
/* Adds what a text says to a graph that has values: `given` stand in the place of the text's, parameters and states of the same name are shared,
 * as builders share them, and random values get numbers of their own. map [*map_count] [owned by the caller, tuff_free, after a failure too]: of a
 * number in the text the value. A failure is the graph's. */
struct tuff_given {
    uint32_t number; /* in the text */
    tuff_val value;
};
TUFF_MUST_CHECK tuff_status tuff_graph_join(struct tuff_graph *g, const char *text, const struct tuff_given *given,
                                            uint32_t count, tuff_val **map, uint32_t *map_count);
/* Content that a value's text holds: so many bytes, in numbers of `unit` bytes each, whose digits begin with the highest. */
struct tuff_value_data {
    uint32_t unit;
    uint64_t bytes; /* 0: none */
};
struct tuff_value_data tuff_value_data_of(const struct tuff_value *value);

#endif

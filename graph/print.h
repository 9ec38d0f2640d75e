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
/* Content that a value's text holds: so many bytes, in numbers of `unit` bytes each, whose digits begin with the highest. */
struct tuff_value_data {
    uint32_t unit;
    uint64_t bytes; /* 0: none */
};
struct tuff_value_data tuff_value_data_of(const struct tuff_value *value);

#endif

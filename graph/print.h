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
/* Bytes of one element of value->data: constants, parameters and states with TUFF_INIT_DATA; 0 where there is none. */
size_t tuff_data_bytes(const struct tuff_value *value);

#endif

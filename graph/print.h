/* print.h - graphs as text. Private. */
#ifndef TUFF_PRINT_H
#define TUFF_PRINT_H

#include "graph/op.h"

void tuff_graph_print_text(const struct tuff_graph *g, struct tuff_text *text);

#endif

/* graph_help.h - what tests of graphs without a device share: made-up devices, some networks, checks. */
#ifndef GRAPH_HELP_H
#define GRAPH_HELP_H

#include "graph/op.h"

/* "discrete" and others; their number is graph_caps_count. Figures of real devices, rounded. */
extern const char *const graph_caps_names[];
extern const uint32_t graph_caps_count;
struct tuff_caps graph_caps(uint32_t which);

enum { GRAPH_HELP_OUTPUTS = 16 };
/* A network by number (below graph_network_count), added to an empty graph; writes its outputs and returns their number. */
extern const char *const graph_network_names[];
extern const uint32_t graph_network_count;
uint32_t graph_network(struct tuff_graph *g, uint32_t which, tuff_val outputs[GRAPH_HELP_OUTPUTS]);

/* Unless condition: prints the sentence, counts a failure. Returns condition. */
bool graph_check(unsigned *failures, bool condition, const char *format, ...) TUFF_PRINTF(3, 4);
/* Finishes and destroys a graph that is to have failed with this status, in a sentence that has both parts; number: of the case. */
void graph_expect_refusal(unsigned *failures, struct tuff_graph *g, uint32_t number, tuff_status wanted,
                          const char *const parts[2]);
/* An empty graph, or the end of the test. */
struct tuff_graph *graph_fresh(struct tuff_context *context);

#endif

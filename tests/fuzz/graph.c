/* graph.c - any bytes as the text of a graph; what can be read is printed and read again. */
#include "graph/print.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin();
    struct tuff_graph *graph = NULL, *back = NULL;
    char *given = tuff_alloc(context, size + 1), *text = NULL, *again = NULL;
    if (!given || tuff_graph_create(context, &graph, NULL) != TUFF_OK || tuff_graph_create(context, &back, NULL) != TUFF_OK)
        abort();
    if (size) memcpy(given, data, size);
    if (tuff_graph_parse(graph, given, NULL) == TUFF_OK) {
        struct tuff_error error = {0};
        FUZZ_REQUIRE(tuff_graph_print(graph, &text, NULL) == TUFF_OK);
        FUZZ_REQUIRE(tuff_graph_parse(back, text, &error) == TUFF_OK);
        FUZZ_REQUIRE(tuff_graph_print(back, &again, NULL) == TUFF_OK && !strcmp(text, again));
    }
    tuff_text_free(context, text);
    tuff_text_free(context, again);
    tuff_graph_destroy(back);
    tuff_graph_destroy(graph);
    tuff_free(context, given);
    tuff_context_destroy(context);
    return 0;
}

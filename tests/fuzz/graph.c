/* graph.c - any bytes as the text of a graph; what can be read is printed and read again. */
#include "graph/print.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_graph *graph = NULL, *back = NULL;
    struct tuff_error error = {0};
    char *given = calloc(1, size + 1), *text = NULL, *again = NULL;
    if (!given) abort();
    if (size) memcpy(given, data, size);
    tuff_status status = tuff_graph_create(context, &graph, &error);
    if (status == TUFF_OK) status = tuff_graph_parse(graph, given, &error);
    if (fuzz_read(context, status, &error)) {
        FUZZ_REQUIRE(tuff_graph_print(graph, &text, NULL) == TUFF_OK);
        FUZZ_REQUIRE(tuff_graph_create(context, &back, NULL) == TUFF_OK);
        FUZZ_REQUIRE(tuff_graph_parse(back, text, &error) == TUFF_OK);
        FUZZ_REQUIRE(tuff_graph_print(back, &again, NULL) == TUFF_OK && !strcmp(text, again));
    }
    tuff_text_free(context, text);
    tuff_text_free(context, again);
    tuff_graph_destroy(back);
    tuff_graph_destroy(graph);
    free(given);
    fuzz_end(context);
    return 0;
}

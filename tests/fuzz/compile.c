/* compile.c - any bytes as the text of a graph from a model file, compiled for a device; the plan must hold together. */
#include "graph/compile/compile.h"
#include "tests/fuzz/fuzz.h"
#include "tests/graph_help.h"

#include <stdlib.h>

enum { VALUES = 64 }; /* more take their time, and find nothing else */

/* Values that no other reads. */
static uint32_t find_outputs(const struct tuff_graph *g, tuff_val *outputs)
{
    bool read[VALUES] = {false};
    uint32_t count = 0;
    for (tuff_val v = 1; v < g->count; v++)
        for (uint32_t i = 0; i < g->values[v].in_count; i++) read[g->values[v].in[i]] = true;
    for (tuff_val v = 1; v < g->count; v++)
        if (!read[v]) outputs[count++] = v;
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_caps caps = graph_caps(size % graph_caps_count);
    struct tuff_graph *graph = NULL;
    struct tuff_error error = {0};
    tuff_val outputs[VALUES];
    char *given = calloc(1, size + 1);
    if (!given) abort();
    if (size) memcpy(given, data, size);
    tuff_status status = tuff_graph_create(context, &graph, &error);
    if (status == TUFF_OK) status = tuff_graph_parse(graph, given, &error);
    if (status == TUFF_OK && graph->count > 1 && graph->count <= VALUES) {
        struct tuff_compile_params params = {
            .graph = graph, .outputs = outputs, .output_count = find_outputs(graph, outputs), .caps = &caps};
        struct tuff_compiled compiled;
        status = tuff_compile(&params, &compiled, &error);
        if (fuzz_read(context, status, &error)) {
            FUZZ_REQUIRE(tuff_plan_check(&compiled.plan, context, NULL) == TUFF_OK);
            tuff_plan_finish(&compiled.plan);
        }
    } else {
        (void)fuzz_read(context, status, &error);
    }
    tuff_graph_destroy(graph);
    free(given);
    fuzz_end(context);
    return 0;
}

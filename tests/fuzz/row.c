/* row.c - any bytes as the texts of an app's own pointwise operator: result and two derivatives, a line each; what is taken is printed
 * and read again. */
#include "graph/ops/pointwise.h"
#include "graph/print.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_graph *graph = NULL, *back = NULL;
    struct tuff_error error = {0};
    char *lines[4] = {NULL}, *text = NULL, *given = malloc(size + 1);
    tuff_status status = tuff_graph_create(context, &graph, &error);
    if (!given) abort();
    if (size) memcpy(given, data, size);
    given[size] = 0;
    lines[0] = given;
    for (int i = 1; i < 4 && (lines[i] = strchr(lines[i - 1], '\n')) != NULL; i++) *lines[i]++ = 0;
    const struct tuff_pointwise_params params = {.struct_size = sizeof params,
                                                 .name = lines[3] ? lines[3] : "row",
                                                 .y = lines[0],
                                                 .da = lines[1] && lines[1][0] ? lines[1] : NULL,
                                                 .db = lines[2]};
    if (status == TUFF_OK) {
        tuff_val x = tuff_input(graph, "x", TUFF_F32, TUFF_SHAPE(3));
        (void)tuff_pointwise(graph, &params, x, lines[2] ? x : 0);
        status = tuff_graph_finish(graph, &error);
    }
    if (fuzz_read(context, status, &error)) {
        FUZZ_REQUIRE(tuff_graph_print(graph, &text, NULL) == TUFF_OK);
        FUZZ_REQUIRE(tuff_graph_create(context, &back, NULL) == TUFF_OK && tuff_graph_parse(back, text, NULL) == TUFF_OK);
    }
    tuff_text_free(context, text);
    tuff_graph_destroy(back);
    tuff_graph_destroy(graph);
    free(given);
    fuzz_end(context);
    return 0;
}

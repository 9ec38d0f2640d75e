/* network.c - any bytes as the text of a stored network, which joins a graph that has values: parameters, random numbers, inputs. */
#include "graph/op.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>

static const char *find(const void *user, const char *key) { return key[0] ? user : NULL; }

static void read_network(struct tuff_graph *g, const char *text)
{
    const struct tuff_network_texts texts = {find, text};
    tuff_val fields[TUFF_MODEL_FIELDS] = {tuff_input(g, "predict/x", TUFF_F32, TUFF_SHAPE(2, 6)),
                                          tuff_input(g, "predict/labels", TUFF_I32, TUFF_SHAPE(2))};
    tuff_param(g, "w", TUFF_SHAPE(6, 2), (struct tuff_init){0});
    tuff_random_uniform(g, tuff_rng_state(g), TUFF_SHAPE(2));
    struct tuff_network n = {.batch = 2, .training = true, .fields = fields};
    tuff_network_of_texts(g, &n, (void *)(uintptr_t)&texts);
    if (g->status == TUFF_OK)
        FUZZ_REQUIRE(n.output_count <= TUFF_MODEL_OUTPUTS && n.metric_count <= TUFF_MODEL_METRICS && n.loss < g->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_graph *g = NULL;
    char *text = tuff_alloc(context, size + 1), *again = NULL;
    struct tuff_error error = {0};
    if (text) {
        if (size) memcpy(text, data, size);
        if (tuff_graph_create(context, &g, &error) == TUFF_OK) read_network(g, text);
        if (g) error = g->error;
    } else {
        error.status = TUFF_ERR_MEMORY; /* the one that fails */
        snprintf(error.message, sizeof error.message, "no memory");
    }
    if (fuzz_read(context, error.status, &error)) FUZZ_REQUIRE(tuff_graph_print(g, &again, NULL) == TUFF_OK);
    tuff_text_free(context, again);
    tuff_graph_destroy(g);
    tuff_free(context, text);
    fuzz_end(context);
    return 0;
}

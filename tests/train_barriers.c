/* train_barriers.c - training plans of the sample program's networks: whichever single barrier is left out, the check names a
 * hazard, and so no plan has a barrier for nothing.
 *   train_barriers [NETWORK ...]    cnn, that of the quickstart, when none is named */
#include "graph/graph.h"
#include "tests/backend_help.h"

#include "samples/nets/nets.h" /* as the quickstart trains them */

#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 28, SAMPLES = 64, CLASSES = 10 };

struct wanted {
    const struct zoo_model *network;
    uint32_t classes;
};

static void build(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    struct wanted *w = user;
    tuff_val y = w->network->build(g, n->fields[0], n->training, &w->classes);
    tuff_network_classify(g, n, y, n->fields[1], 0);
}

/* The plan of one training step, as text. */
static char *training_plan(struct backend_test *test, const struct zoo_model *network, const struct tuff_data *data)
{
    struct wanted wanted = {network, CLASSES};
    struct tuff_model *model = NULL;
    struct tuff_error error = {0};
    char *text = NULL;
    struct tuff_model_params params = {.struct_size = sizeof params,
                                       .build = build,
                                       .user = &wanted,
                                       .fields = {TUFF_FIELD("x", TUFF_U8, 1, SIDE, SIDE), TUFF_LABELS("labels")},
                                       .batch = SAMPLES};
    struct tuff_fit_params fit = {
        .struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_ADAMW, 1e-3), .epochs = 1};
    fit.optimizer.clip_norm = 1;
    tuff_status status = tuff_model_create(test->device, &params, &model, &error);
    if (status == TUFF_OK) status = tuff_model_fit(model, data, &fit, &error);
    if (status == TUFF_OK) status = tuff_executable_print(tuff_model_training(model), &text, &error);
    backend_status(test, network->name, TUFF_OK, status, &error);
    tuff_model_destroy(model);
    return text;
}

static void drop_each(struct backend_test *test, const char *name, const char *text)
{
    struct tuff_plan plan;
    struct tuff_error error = {0};
    uint32_t dropped = 0;
    const char *begin = text ? strstr(text, "tuff-plan ") : NULL; /* behind the summary */
    if (!begin) return;
    tuff_plan_init(&plan, test->context);
    backend_status(test, name, TUFF_OK, tuff_plan_parse(&plan, begin, strlen(begin), &error), &error);
    backend_status(test, name, TUFF_OK, tuff_plan_check(&plan, test->context, &error), &error);
    test->quiet = true;
    for (uint32_t i = 0; i < plan.launch_count; i++) {
        if (!plan.launches[i].barrier) continue;
        plan.launches[i].barrier = false;
        tuff_status status = tuff_plan_check(&plan, test->context, &error);
        plan.launches[i].barrier = true;
        backend_check(test, status == TUFF_ERR_USAGE && strstr(error.message, "without a barrier"),
                      "%s: expected a hazard without the barrier of launch %u (%s), got %s", name, (unsigned)i,
                      plan.launches[i].label, tuff_status_name(status));
        dropped++;
    }
    test->quiet = false;
    printf("%s: %u launches, %u barriers left out one by one\n", name, (unsigned)plan.launch_count, (unsigned)dropped);
    backend_check(test, dropped >= 5, "%s: expected barriers, got %u", name, (unsigned)dropped);
    tuff_plan_finish(&plan);
}

int main(int argc, char **argv)
{
    struct backend_test test;
    static uint8_t pictures[SAMPLES * SIDE * SIDE];
    static int32_t labels[SAMPLES];
    const struct tuff_data data = {.count = SAMPLES, .fields = {pictures, labels}};
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    for (uint32_t i = 0; i < sizeof pictures; i++) pictures[i] = (uint8_t)(i * 37);
    for (int32_t i = 0; i < SAMPLES; i++) labels[i] = i % CLASSES;
    for (int i = argc > 1 ? 1 : 0; i < argc; i++) {
        const struct zoo_model *network = zoo_model_find(argc > 1 ? argv[i] : "cnn");
        if (!backend_check(&test, network != NULL, "no such network: %s", argv[i])) break;
        char *text = training_plan(&test, network, &data);
        drop_each(&test, network->name, text);
        tuff_text_free(test.context, text);
    }
    return backend_test_end(&test, "train_barriers");
}

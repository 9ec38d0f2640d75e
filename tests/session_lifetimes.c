/* session_lifetimes.c - what is made from one another is destroyed in any order: whatever is left still runs, and in the end nothing is. */
#include "tests/backend_help.h"

#include "graph/graph.h"

#include <stdlib.h>

enum object { CONTEXT, DEVICE, GRAPH, SESSION, TRAINER, LAST, INFERENCE, CANCEL, OBJECTS };
static const char *const names[OBJECTS] = {"context", "device", "graph",     "session",
                                           "trainer", "last",   "inference", "cancel"};

struct life {
    struct backend_test *t;
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_graph *graph;
    struct tuff_session *session;
    struct tuff_trainer *trainer, *last; /* the second is like the first */
    struct tuff_executable *inference;
    struct tuff_cancel *cancel;
    tuff_val x, few, asked, loss, loss_of_few;
    bool there[OBJECTS];
};

static atomic_llong blocks; /* Tuff compiles on threads of its own */
static void *count_allocate(void *user, size_t bytes)
{
    (void)user, blocks++;
    return malloc(bytes);
}
static void *count_reallocate(void *user, void *old, size_t bytes)
{
    (void)user, blocks += !old;
    return realloc(old, bytes);
}
static void count_release(void *user, void *memory)
{
    (void)user, blocks -= memory != NULL;
    free(memory);
}

static tuff_val network(struct tuff_graph *g, tuff_val x)
{
    return tuff_layer_dense(g, x, "dense", (struct tuff_layer_dense_params){.units = 1});
}

static tuff_val square_loss(struct tuff_graph *g, tuff_val y) { return tuff_mean(g, tuff_square(g, y), 0, TUFF_DROP_AXES); }

static tuff_status make_all(struct life *l, struct tuff_error *error)
{
    struct tuff_options options = {.struct_size = sizeof options,
                                   .allocator = {NULL, count_allocate, count_reallocate, count_release}};
    tuff_options_from_env(&options);
    TUFF_TRY(tuff_context_create(&options, &l->context, error));
    TUFF_TRY(tuff_cancel_create(l->context, &l->cancel, error));
    TUFF_TRY(tuff_device_create(l->context, NULL, &l->device, error));
    TUFF_TRY(tuff_graph_create(l->context, &l->graph, error));
    struct tuff_graph *g = l->graph;
    l->x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(4, 2));
    l->few = tuff_input(g, "few", TUFF_F32, TUFF_SHAPE(1, 2));
    l->asked = network(g, l->few);
    l->loss = square_loss(g, network(g, l->x));
    l->loss_of_few = square_loss(g, l->asked);
    struct tuff_trainer_params params = {
        .struct_size = sizeof params, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.1), .loss = l->loss};
    TUFF_TRY(tuff_trainer_create(g, &params, &l->trainer, error));
    params.like = l->trainer;
    params.loss = l->loss_of_few;
    TUFF_TRY(tuff_trainer_create(g, &params, &l->last, error));
    TUFF_TRY(tuff_session_create(l->device, g, NULL, &l->session, error));
    TUFF_TRY(tuff_trainer_compile(l->trainer, l->session, NULL, error));
    TUFF_TRY(tuff_trainer_compile(l->last, l->session, NULL, error));
    struct tuff_executable_params asks = {.struct_size = sizeof asks, .outputs = &l->asked, .output_count = 1};
    return tuff_session_compile(l->session, &asks, &l->inference, error);
}

static void destroy(struct life *l, enum object object)
{
    l->there[object] = false;
    switch (object) {
    case CONTEXT: tuff_context_destroy(l->context); break;
    case DEVICE: tuff_device_release(l->device); break;
    case GRAPH: tuff_graph_destroy(l->graph); break;
    case SESSION: tuff_session_destroy(l->session); break;
    case TRAINER: tuff_trainer_destroy(l->trainer); break;
    case LAST: tuff_trainer_destroy(l->last); break;
    case INFERENCE: tuff_executable_destroy(l->inference); break;
    case CANCEL: tuff_cancel_destroy(l->cancel); break;
    case OBJECTS: break;
    }
}

static tuff_status step(struct tuff_trainer *trainer, tuff_val input, size_t bytes, tuff_val loss, struct tuff_error *error)
{
    static const float rows[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    float got;
    TUFF_TRY(tuff_trainer_write(trainer, input, rows, bytes, error));
    TUFF_TRY(tuff_trainer_step(trainer, NULL, error));
    return tuff_trainer_read(trainer, loss, &got, sizeof got, error);
}

static tuff_status use(struct life *l, struct tuff_error *error)
{
    float row[2] = {1, 2}, y;
    if (l->there[TRAINER]) TUFF_TRY(step(l->trainer, l->x, 8 * sizeof(float), l->loss, error));
    if (l->there[LAST]) TUFF_TRY(step(l->last, l->few, 2 * sizeof(float), l->loss_of_few, error));
    if (!l->there[INFERENCE]) return TUFF_OK;
    TUFF_TRY(tuff_executable_write(l->inference, l->few, row, sizeof row, error));
    TUFF_TRY(tuff_executable_run(l->inference, error));
    return tuff_executable_read(l->inference, 0, &y, sizeof y, error);
}

static void check_order(struct backend_test *t, const enum object order[OBJECTS])
{
    struct life l = {.t = t};
    struct tuff_error error = {0};
    for (int i = 0; i < OBJECTS; i++) l.there[i] = true;
    long long before = blocks;
    if (!backend_status(t, "making", TUFF_OK, make_all(&l, &error), &error)) return;
    for (int i = 0; i < OBJECTS; i++) {
        destroy(&l, order[i]);
        backend_status(t, names[order[i]], TUFF_OK, use(&l, &error), &error);
    }
    backend_check(t, blocks == before, "%lld blocks of memory are left, beginning with the %s", (long long)(blocks - before),
                  names[order[0]]);
}

int main(void)
{
    struct backend_test t;
    int skipped = backend_test_begin(&t, NULL);
    if (skipped) return skipped;
    enum object order[OBJECTS];
    for (int turn = 0; turn < OBJECTS; turn++) /* as they are made, from each one on, and the other way round */
        for (int back = 0; back < 2; back++) {
            for (int i = 0; i < OBJECTS; i++) order[i] = (enum object)((back ? OBJECTS + turn - i : turn + i) % OBJECTS);
            check_order(&t, order);
        }
    return backend_test_end(&t, "session_lifetimes");
}

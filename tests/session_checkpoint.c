/* session_checkpoint.c - gradients of a deep network with and without checkpoints: the same bits, less scratch, and more launches. */
#include "backend/backend.h"
#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 12, BATCH = 203, WIDTH = 68 };

struct result {
    float gradients[LAYERS][WIDTH * WIDTH];
    struct tuff_plan_figures figures;
};

static void must(tuff_status status, const struct tuff_error *error)
{
    if (status == TUFF_OK) return;
    printf("expected ok, got %s\n", error->message);
    exit(1);
}

/* every: a checkpoint behind so many layers; 0: none. Each second layer goes past its checkpoint as well. */
static void run(struct tuff_device *device, uint32_t every, struct result *result)
{
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    struct tuff_error error = {0};
    tuff_val weights[LAYERS], gradients[LAYERS];
    static float input[BATCH * WIDTH];
    must(tuff_graph_create(tuff_device_context(device), &g, &error), &error);
    tuff_val in = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(BATCH, WIDTH)), y = in;
    for (uint32_t i = 0; i < LAYERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%u", (unsigned)i);
        weights[i] = tuff_param(g, name, TUFF_SHAPE(WIDTH, WIDTH), (struct tuff_init){.kind = TUFF_INIT_KAIMING_UNIFORM});
        tuff_val h = tuff_gelu(g, tuff_matmul(g, y, weights[i], (struct tuff_matmul_params){0}));
        y = i % 2 ? tuff_add(g, y, h) : h;
        if (every && i % every == every - 1) y = tuff_checkpoint(g, y);
    }
    tuff_val loss = tuff_sum(g, tuff_square(g, y), 0, TUFF_DROP_AXES);
    tuff_gradients(g, loss, 0, weights, LAYERS, gradients);
    must(tuff_graph_finish(g, &error), &error);
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = gradients, .output_count = LAYERS};
    must(tuff_session_create(device, g, NULL, &session, &error), &error);
    must(tuff_session_compile(session, &params, &x, &error), &error);
    for (uint32_t i = 0; i < BATCH * WIDTH; i++) input[i] = (float)((i * 7919u) % 1000u) * 0.002f - 1;
    must(tuff_executable_write(x, in, input, sizeof input, &error), &error);
    must(tuff_executable_run(x, &error), &error);
    for (uint32_t i = 0; i < LAYERS; i++)
        must(tuff_executable_read(x, i, result->gradients[i], sizeof result->gradients[i], &error), &error);
    result->figures = tuff_executable_figures(x);
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

int main(void)
{
    struct tuff_options options = {.struct_size = sizeof options};
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_error error = {0};
    static struct result plain, kept;
    int failures = 0;
    tuff_options_from_env(&options);
    must(tuff_context_create(&options, &context, &error), &error);
    if (tuff_device_create(context, NULL, &device, &error) != TUFF_OK) {
        printf("skipped: %s\n", error.message);
        tuff_context_destroy(context);
        return 77;
    }
    run(device, 0, &plain);
    for (uint32_t every = 1; every <= LAYERS; every += every == 1 ? 2 : 9) { /* 1, 3, 12 */
        run(device, every, &kept);
        unsigned long long before = plain.figures.scratch_bytes, after = kept.figures.scratch_bytes;
        if (memcmp(plain.gradients, kept.gradients, sizeof plain.gradients))
            printf("checkpoints each %u: expected the same gradients\n", every), failures++;
        bool fused = !(options.debug & (TUFF_DEBUG_NOFUSE | TUFF_DEBUG_NOALIAS | TUFF_DEBUG_NOCOMPILER)) && tuff_glslang();
        if (every == 3 && fused && after > before * 7 / 10)
            printf("checkpoints each 3: expected at most 0.7 of %llu bytes, got %llu\n", before, after), failures++;
        if (kept.figures.launches <= plain.figures.launches)
            printf("checkpoints each %u: expected more launches\n", every), failures++;
        printf("checkpoints each %u: %llu of %llu bytes, %u of %u launches\n", every, after, before, kept.figures.launches,
               plain.figures.launches);
    }
    tuff_device_release(device);
    tuff_context_destroy(context);
    printf("session_checkpoint: %d failures\n", failures);
    return failures != 0;
}

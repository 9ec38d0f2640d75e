/* The same small network trained in f32 and with halves: losses side by side, what a step moves and keeps, and a loss scale that finds its place. */
#include <math.h>
#include <stdio.h>
#include <tuff/tuff.h>
#define TRY(call) if ((call) != TUFF_OK) return false

enum { BATCH = 32, SIDE = 16, CLASSES = 4, STEPS = 60 };
static float pictures[BATCH][1][SIDE][SIDE];
static int32_t labels[BATCH];
static struct tuff_error error; /* of one thread */

/* Stripes in four directions. */
static void make_data(void)
{
    for (int i = 0; i < BATCH; i++) {
        labels[i] = i % CLASSES;
        for (int y = 0; y < SIDE; y++) {
            for (int x = 0; x < SIDE; x++) {
                const int along[CLASSES] = {x, y, x + y, x + SIDE - y};
                pictures[i][0][y][x] = (along[labels[i]] + i / CLASSES) % 6 < 3 ? 1.0f : -1.0f;
            }
        }
    }
}

static tuff_val loss_of(struct tuff_graph *g, tuff_val x, tuff_val wanted)
{
    const struct tuff_layer_conv2d_params conv = {.channels = 16, .kernel = {3}, .conv = {.pad = {1, 1, 1, 1}}};
    tuff_val h = x;
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "conv%d", i + 1);
        h = tuff_relu(g, tuff_layer_conv2d(g, h, name, conv));
    }
    h = tuff_layer_dense(g, tuff_flatten(g, tuff_global_avg_pool(g, h)), "classes", (struct tuff_layer_dense_params){.units = CLASSES});
    return tuff_cross_entropy(g, h, wanted, (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_MEAN});
}

/* losses[STEPS]; the plan's figures; the optimizer says the precision. */
static bool train(struct tuff_context *context, struct tuff_device *device, struct tuff_precision precision, float *losses,
                  struct tuff_plan_figures *figures, struct tuff_trainer_counts *counts)
{
    struct tuff_graph *g;
    struct tuff_session *session = NULL;
    struct tuff_trainer *trainer = NULL;
    TRY(tuff_graph_create(context, &g, &error));
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(BATCH, 1, SIDE, SIDE)), wanted = tuff_input(g, "labels", TUFF_I32, TUFF_SHAPE(BATCH));
    struct tuff_trainer_params params = {.struct_size = sizeof params, .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.003)};
    params.optimizer.precision = precision;
    params.loss = loss_of(g, x, wanted);
    struct tuff_session_params seed = {.struct_size = sizeof seed, .seed = 3};
    bool ok = !tuff_trainer_create(g, &params, &trainer, &error) && !tuff_session_create(device, g, &seed, &session, &error) &&
              !tuff_trainer_compile(trainer, session, NULL, &error);
    if (ok) {
        const struct tuff_executable_params plan = tuff_trainer_plan(trainer);
        ok = !tuff_plan_ask(device, g, &plan, figures, &error);
    }
    for (int step = 0; ok && step < STEPS; step++) {
        ok = !tuff_trainer_write(trainer, x, pictures, sizeof pictures, &error) && !tuff_trainer_write(trainer, wanted, labels, sizeof labels, &error) &&
             !tuff_trainer_step(trainer, NULL, &error) && !tuff_trainer_read(trainer, params.loss, &losses[step], sizeof *losses, &error);
    }
    if (ok) *counts = tuff_trainer_counts(trainer);
    tuff_trainer_destroy(trainer);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    return ok;
}

int main(void)
{
    static float losses[3][STEPS];
    const struct tuff_precision precisions[3] = {
        {.dtype = TUFF_F32}, {.dtype = TUFF_F16}, {.dtype = TUFF_F16, .loss_scale = TUFF_NUMBER(0x1p40), .growth_interval = 20}};
    static const char *const names[3] = {"f32", "f16", "f16, from a scale that is too large"};
    struct tuff_plan_figures figures[3];
    struct tuff_trainer_counts counts[3];
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    make_data();
    bool ok = !tuff_context_create(NULL, &context, &error) && !tuff_device_create(context, NULL, &device, &error);
    for (int i = 0; ok && i < 3; i++) {
        ok = train(context, device, precisions[i], losses[i], &figures[i], &counts[i]);
        if (!ok) break;
        printf("%s: loss %.3f at first, %.3f at the end; a step moves %.2f MB and keeps %.2f MB; %llu of %d steps skipped, scale %g\n", names[i],
               (double)losses[i][0], (double)losses[i][STEPS - 1], (double)(figures[i].bytes_read + figures[i].bytes_written) / 1e6,
               (double)figures[i].saved_bytes / 1e6, (unsigned long long)counts[i].skipped, STEPS, counts[i].loss_scale);
    }
    if (!ok) fprintf(stderr, "%s: %s\n", tuff_status_name(error.status), error.message);
    tuff_device_release(device);
    tuff_context_destroy(context);
    if (!ok) return 1;
    const bool near = fabs((double)(losses[1][0] - losses[0][0])) < 0.01 && losses[1][STEPS - 1] < losses[1][0] / 2;
    return near && figures[1].saved_bytes < figures[0].saved_bytes && counts[1].skipped == 0 && counts[2].skipped > 0 ? 0 : 1;
}

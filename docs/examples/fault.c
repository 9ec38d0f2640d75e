/* How to find a fault: a network whose loss becomes NaN, which value is the first bad one, what it should be, and how it is mended. */
#include <math.h>
#include <stdio.h>
#include <tuff/tuff.h>
#define TRY(call) if ((call) != TUFF_OK) return false

enum { BATCH = 16, CLASSES = 4 };
static struct tuff_error error; /* of one thread */

/* A classifier written by hand. wrong: the logarithm of a softmax, which is that of 0 where a logit is 104 below the largest one. */
static tuff_val loss_of(struct tuff_graph *g, tuff_val x, tuff_val wanted, bool wrong)
{
    tuff_val logits = tuff_layer_dense(g, x, "logits", (struct tuff_layer_dense_params){.units = CLASSES});
    tuff_val logs = wrong ? tuff_log(g, tuff_named(g, tuff_softmax(g, logits, 1), "probabilities")) : tuff_log_softmax(g, logits, 1);
    tuff_val each = tuff_sum(g, tuff_mul(g, wanted, tuff_named(g, logs, "logarithms")), 2, TUFF_DROP_AXES);
    return tuff_neg(g, tuff_mean(g, each, 1, TUFF_DROP_AXES));
}

static void make_data(float x[BATCH][2], float wanted[BATCH][CLASSES])
{
    for (int i = 0; i < BATCH; i++) {
        x[i][0] = 400 * (float)(i % 4) - 600; /* not brought to a deviation of 1: that is the fault behind the fault */
        x[i][1] = 300 * (float)(i / 4) - 450;
        for (int k = 0; k < CLASSES; k++) wanted[i][k] = k == i % 4 ? 1.0f : 0.0f;
    }
}

/* Trains some steps; *first and *last: the losses. */
static bool train(struct tuff_context *context, struct tuff_device *device, bool wrong, float *first, float *last)
{
    static float x[BATCH][2], wanted[BATCH][CLASSES];
    struct tuff_graph *g;
    struct tuff_session *session = NULL;
    struct tuff_trainer *trainer = NULL;
    make_data(x, wanted);
    TRY(tuff_graph_create(context, &g, &error));
    tuff_val in = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(BATCH, 2)), target = tuff_input(g, "wanted", TUFF_F32, TUFF_SHAPE(BATCH, CLASSES));
    struct tuff_trainer_params params = {.struct_size = sizeof params, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 1e-5)};
    params.loss = loss_of(g, in, target, wrong);
    bool ok = !tuff_trainer_create(g, &params, &trainer, &error) && !tuff_session_create(device, g, NULL, &session, &error) &&
              !tuff_trainer_compile(trainer, session, NULL, &error);
    for (int step = 0; ok && step < 50; step++) {
        ok = !tuff_trainer_write(trainer, in, x, sizeof x, &error) && !tuff_trainer_write(trainer, target, wanted, sizeof wanted, &error) &&
             !tuff_trainer_step(trainer, NULL, &error) &&
             !tuff_trainer_read(trainer, params.loss, step ? last : first, sizeof *last, &error);
    }
    tuff_trainer_destroy(trainer);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    return ok;
}

/* What should come out, by the operators' definitions in double precision, without the device: is the network at fault, or what it runs on? */
static bool ask_definition(struct tuff_context *context, double *loss)
{
    static float x[BATCH][2], wanted[BATCH][CLASSES];
    struct tuff_graph *g;
    make_data(x, wanted);
    TRY(tuff_graph_create(context, &g, &error));
    tuff_val in = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(BATCH, 2)), target = tuff_input(g, "wanted", TUFF_F32, TUFF_SHAPE(BATCH, CLASSES));
    tuff_val wrong = loss_of(g, in, target, true);
    const struct tuff_leaf_content leaves[] = {{in, x}, {target, wanted}};
    struct tuff_evaluate_params params = {.struct_size = sizeof params, .outputs = &wrong, .output_count = 1, .leaves = leaves, .leaf_count = 2};
    tuff_status status = tuff_evaluate(g, &params, &loss, &error);
    tuff_graph_destroy(g);
    return status == TUFF_OK;
}

int main(void)
{
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    float first = 0, last = 0;
    double defined = 0;
    bool ok = !tuff_context_create(NULL, &context, &error) && !tuff_device_create(context, NULL, &device, &error);
    const bool failed = ok && !train(context, device, true, &first, &last) && error.status == TUFF_ERR_NOT_FINITE;
    if (failed) printf("with the logarithm of a softmax: %s\n", error.message);
    ok = failed && ask_definition(context, &defined) && train(context, device, false, &first, &last);
    if (ok) printf("in double precision the loss would be %g\nwith tuff_log_softmax it is %g, and %g after 50 steps\n", defined, (double)first, (double)last);
    if (!ok) fprintf(stderr, "%s: %s\n", tuff_status_name(error.status), error.message);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return ok && last < first ? 0 : 1;
}

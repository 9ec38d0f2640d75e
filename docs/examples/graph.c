/* The graph itself, below models: inputs, a loss, and a trainer that makes a step of it, two thousand times. Exclusive or. */
#include <stdio.h>
#include <tuff/tuff.h>

int main(void)
{
    static const float inputs[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, wanted[4][1] = {{0}, {1}, {1}, {0}};
    float loss = 0, output[4] = {0};
    struct tuff_error error = {0};
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_trainer *trainer = NULL;
    bool ok = !tuff_context_create(NULL, &context, &error) && !tuff_device_create(context, NULL, &device, &error) &&
              !tuff_graph_create(context, &g, &error);
    if (!ok) return fprintf(stderr, "%s\n", error.message), 1;
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(4, 2)), t = tuff_input(g, "t", TUFF_F32, TUFF_SHAPE(4, 1));
    tuff_val hidden = tuff_sigmoid(g, tuff_layer_dense(g, x, "hidden", (struct tuff_layer_dense_params){.units = 8}));
    tuff_val y = tuff_sigmoid(g, tuff_layer_dense(g, hidden, "output", (struct tuff_layer_dense_params){.units = 1}));
    tuff_val mean = tuff_mse_loss(g, y, t, TUFF_REDUCE_MEAN);
    struct tuff_trainer_params params = {.struct_size = sizeof params, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 4),
                                         .loss = mean, .outputs = &y, .output_count = 1};
    ok = !tuff_trainer_create(g, &params, &trainer, &error) && !tuff_session_create(device, g, NULL, &session, &error) &&
         !tuff_trainer_compile(trainer, session, NULL, &error) &&
         !tuff_trainer_write(trainer, x, inputs, sizeof inputs, &error) &&
         !tuff_trainer_write(trainer, t, wanted, sizeof wanted, &error);
    for (int i = 0; ok && i < 2000; i++) ok = !tuff_trainer_step(trainer, NULL, &error);
    ok = ok && !tuff_trainer_read(trainer, mean, &loss, sizeof loss, &error) &&
         !tuff_trainer_read(trainer, y, output, sizeof output, &error);
    if (ok)
        printf("loss %.5f; outputs %.3f %.3f %.3f %.3f\n", loss, output[0], output[1], output[2], output[3]);
    else
        fprintf(stderr, "%s\n", error.message);
    tuff_trainer_destroy(trainer);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return ok && loss < 0.01f ? 0 : 1;
}

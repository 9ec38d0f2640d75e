/* The graph itself, below models: inputs, a loss, an optimizer as graph, one plan that is run two thousand times. Exclusive or. */
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
    struct tuff_executable *step = NULL;
    struct tuff_optimizer sgd;
    bool ok = !tuff_context_create(NULL, &context, &error) && !tuff_device_create(context, NULL, &device, &error) &&
              !tuff_graph_create(context, &g, &error);
    if (!ok) return fprintf(stderr, "%s\n", error.message), 1;
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(4, 2)), t = tuff_input(g, "t", TUFF_F32, TUFF_SHAPE(4, 1));
    tuff_val hidden = tuff_sigmoid(g, tuff_layer_dense(g, x, "hidden", (struct tuff_layer_dense_params){.units = 8}));
    tuff_val y = tuff_sigmoid(g, tuff_layer_dense(g, hidden, "output", (struct tuff_layer_dense_params){.units = 1}));
    tuff_val mean = tuff_mse_loss(g, y, t, TUFF_REDUCE_MEAN);
    tuff_optimizer_build(g, mean, &(struct tuff_optimizer_params){.kind = TUFF_SGD, .schedule = {.lr = 4}}, &sgd);
    tuff_val outputs[2 + TUFF_OPTIMIZER_UPDATES] = {mean, y};
    for (uint32_t i = 0; i < sgd.update_count; i++) outputs[2 + i] = sgd.updates[i];
    struct tuff_executable_params plan = {
        .struct_size = sizeof plan, .outputs = outputs, .output_count = 2 + sgd.update_count};
    ok = !tuff_session_create(device, g, NULL, &session, &error) && !tuff_session_compile(session, &plan, &step, &error) &&
         !tuff_executable_write(step, x, inputs, sizeof inputs, &error) &&
         !tuff_executable_write(step, t, wanted, sizeof wanted, &error);
    for (int i = 0; ok && i < 2000; i++)
        ok = !tuff_optimizer_feed(&sgd, session, &error) && !tuff_executable_submit(step, NULL, &error);
    ok = ok && !tuff_executable_read(step, 0, &loss, sizeof loss, &error) &&
         !tuff_executable_read(step, 1, output, sizeof output, &error);
    if (ok)
        printf("loss %.5f; outputs %.3f %.3f %.3f %.3f\n", loss, output[0], output[1], output[2], output[3]);
    else
        fprintf(stderr, "%s\n", error.message);
    tuff_executable_destroy(step);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return ok && loss < 0.01f ? 0 : 1;
}

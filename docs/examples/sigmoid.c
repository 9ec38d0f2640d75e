/* Two layers of sigmoids learn exclusive or by plain gradient descent, on arrays in memory. */
#include <stdio.h>
#include <tuff/tuff.h>
#define TRY(call) if (call) return fprintf(stderr, "%s: %s\n", tuff_status_name(error.status), error.message), 1

static void network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    const struct tuff_layer_dense_params hidden = {.units = 8}, output = {.units = 1};
    tuff_val x = tuff_sigmoid(g, tuff_layer_dense(g, n->fields[0], "hidden", hidden));
    (void)user;
    tuff_network_regress(g, n, tuff_sigmoid(g, tuff_layer_dense(g, x, "output", output)), n->fields[1]);
}

int main(void)
{
    static const float x[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, targets[4] = {0, 1, 1, 0};
    struct tuff_error error = {0};
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_model *model;
    float y[4];
    struct tuff_model_params declared = {.struct_size = sizeof declared, .build = network, .seed = 1,
                                         .fields = {TUFF_FIELD("x", TUFF_F32, 2), TUFF_ANSWER("targets", TUFF_F32, 1)},
                                         .batch = 4};
    struct tuff_data data = {.count = 4, .fields = {x, targets}};
    struct tuff_fit_params fit = {.struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 4), .epochs = 2000};
    TRY(tuff_context_create(NULL, &context, &error));
    TRY(tuff_device_create(context, NULL, &device, &error));
    TRY(tuff_model_create(device, &declared, &model, &error));
    TRY(tuff_model_fit(model, &data, &fit, &error));
    TRY(tuff_model_predict(model, &data, (void *[]){y}, &error));
    printf("%.3f %.3f %.3f %.3f\n", (double)y[0], (double)y[1], (double)y[2], (double)y[3]);
    tuff_model_destroy(model);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return y[0] < 0.1f && y[1] > 0.9f && y[2] > 0.9f && y[3] < 0.1f ? 0 : 1;
}

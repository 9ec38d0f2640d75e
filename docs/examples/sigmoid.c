/* Two layers of sigmoids learn exclusive or by plain gradient descent, on arrays in memory. */
#include <stdio.h>
#include <tuff/tuff.h>
#define TRY(call) if (call) return fprintf(stderr, "%s: %s\n", tuff_status_name(error.status), error.message), 1

static tuff_val network(struct tuff_graph *g, tuff_val x, bool training, void *user)
{
    x = tuff_sigmoid(g, tuff_layer_dense(g, x, "hidden", (struct tuff_layer_dense_params){.units = 8}));
    (void)training, (void)user;
    return tuff_sigmoid(g, tuff_layer_dense(g, x, "output", (struct tuff_layer_dense_params){.units = 1}));
}

int main(void)
{
    static const float x[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, targets[4] = {0, 1, 1, 0};
    struct tuff_error error = {0};
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_model *model;
    float y[4];
    struct tuff_model_params declared = {.struct_size = sizeof declared, .build = network, .sample = {TUFF_F32, TUFF_SHAPE(2)},
                                         .loss = TUFF_LOSS_MSE, .batch = 4};
    struct tuff_fit_params fit = {.struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 4), .epochs = 2000};
    TRY(tuff_context_create(NULL, &context, &error));
    TRY(tuff_device_create(context, NULL, &device, &error));
    TRY(tuff_model_create(device, &declared, &model, &error));
    TRY(tuff_model_fit(model, &(struct tuff_data){.count = 4, .x = x, .targets = targets}, &fit, &error));
    TRY(tuff_model_predict(model, x, 4, y, &error));
    printf("%.3f %.3f %.3f %.3f\n", (double)y[0], (double)y[1], (double)y[2], (double)y[3]);
    tuff_model_destroy(model);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return y[0] < 0.1f && y[1] > 0.9f && y[2] > 0.9f && y[3] < 0.1f ? 0 : 1;
}

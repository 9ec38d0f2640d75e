/* An activation of the app's own, by the text of a row: snake (Ziyin et al. 2020), a + sin(p0 a)^2 / p0, learns a sine from
 * samples; then a text with a mistake, and what is said of it. */
#include <stdio.h>
#include <tuff/tuff.h>
#define TRY(call) if (call) return fprintf(stderr, "%s: %s\n", tuff_status_name(error.status), error.message), 1

static tuff_val snake(struct tuff_graph *g, tuff_val x, double frequency)
{
    struct tuff_pointwise_params row = {.struct_size = sizeof row, .name = "snake", .p0 = frequency,
                                        .y = "a + pw_square(pw_sin(p0 * a)) / p0",
                                        .da = "1.0 + 2.0 * pw_sin(p0 * a) * pw_cos(p0 * a)"};
    return tuff_pointwise(g, &row, x, 0);
}

static void network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    (void)user;
    const struct tuff_layer_dense_params hidden = {.units = 16}, output = {.units = 1};
    tuff_val x = snake(g, tuff_layer_dense(g, n->fields[0], "hidden", hidden), 2);
    tuff_network_regress(g, n, tuff_layer_dense(g, x, "output", output), n->fields[1]);
}

int main(void)
{
    enum { COUNT = 256 };
    static float x[COUNT], targets[COUNT], y[COUNT];
    struct tuff_error error = {0};
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_model *model;
    struct tuff_graph *g;
    float sine = -0.14112f, cosine = -0.98999f; /* of -3, and then turned by 6 / COUNT each */
    for (int i = 0; i < COUNT; i++) {
        x[i] = 6.0f * (float)i / COUNT - 3.0f;
        targets[i] = sine;
        sine = 0.99972535f * targets[i] + 0.02343535f * cosine;
        cosine = 0.99972535f * cosine - 0.02343535f * targets[i];
    }
    struct tuff_model_params declared = {.struct_size = sizeof declared, .build = network,
                                         .fields = {TUFF_FIELD("x", TUFF_F32, 1), TUFF_ANSWER("targets", TUFF_F32, 1)},
                                         .batch = 32, .seed = 1};
    struct tuff_data data = {.count = COUNT, .fields = {x, targets}};
    struct tuff_fit_params fit = {.struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.01), .epochs = 60};
    TRY(tuff_context_create(NULL, &context, &error));
    TRY(tuff_device_create(context, NULL, &device, &error));
    TRY(tuff_model_create(device, &declared, &model, &error));
    TRY(tuff_model_fit(model, &data, &fit, &error));
    TRY(tuff_model_predict(model, &data, (void *[]){y}, &error));
    float worst = 0;
    for (int i = 0; i < COUNT; i++) {
        float off = y[i] > targets[i] ? y[i] - targets[i] : targets[i] - y[i];
        worst = off > worst ? off : worst;
    }
    printf("largest error of the learned sine: %.3f\n", (double)worst);

    TRY(tuff_graph_create(context, &g, &error));
    struct tuff_pointwise_params wrong = {.struct_size = sizeof wrong, .name = "wrong", .y = "a * tanh(a)"};
    tuff_pointwise(g, &wrong, tuff_scalar(g, 1), 0);
    tuff_status status = tuff_graph_finish(g, &error);
    printf("%s: %s\n", tuff_status_name(status), error.message);
    tuff_graph_destroy(g);
    tuff_model_destroy(model);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return worst < 0.2f && status == TUFF_ERR_USAGE ? 0 : 1;
}

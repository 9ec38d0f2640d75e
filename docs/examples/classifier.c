/* A small convolutional network learns Fashion-MNIST: declare, compile, fit, evaluate, predict.
 * cc classifier.c -ltuff; run it with the folder of the four IDX files (Debian: dataset-fashion-mnist). */
#include <stdio.h>
#include <stdlib.h>
#include <tuff/tuff.h>

static tuff_val network(struct tuff_graph *g, tuff_val x, bool training, void *user)
{
    struct tuff_pool2d_params half = {.kernel = {2, 2}};
    (void)user;
    x = tuff_max_pool2d(
        g, tuff_relu(g, tuff_layer_conv2d(g, x, "conv1", 8, 3, (struct tuff_conv2d_params){.pad = {1, 1, 1, 1}})), half);
    x = tuff_max_pool2d(
        g, tuff_relu(g, tuff_layer_conv2d(g, x, "conv2", 16, 3, (struct tuff_conv2d_params){.pad = {1, 1, 1, 1}})), half);
    x = tuff_relu(g, tuff_layer_dense(g, tuff_layer_dropout(g, tuff_flatten(g, x), 0.2, training), "dense1", 64));
    return tuff_layer_dense(g, x, "dense2", 10);
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "/usr/share/datasets/fashion-mnist";
    struct tuff_error error = {0};
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_dataset train = {0}, test = {0};
    struct tuff_model *model = NULL;
    struct tuff_metrics metrics;
    float probabilities[10];
    struct tuff_model_params declared = {
        .struct_size = sizeof declared, .build = network, .sample = {TUFF_U8, TUFF_SHAPE(1, 28, 28)}, .seed = 1};
    struct tuff_fit_params fit = {
        .struct_size = sizeof fit, .optimizer = {.kind = TUFF_ADAM, .schedule = {.lr = 0.002}}, .epochs = 1};
    bool ok = !tuff_context_create(NULL, &context, &error) && !tuff_device_create(context, NULL, &device, &error) &&
              !tuff_dataset_read_idx(context, folder, &train, &test, &error) &&
              !tuff_model_create(device, &declared, &model, &error);
    if (ok) {
        uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : train.count;
        struct tuff_data learn = {.count = count, .x = train.pictures, .labels = train.labels};
        struct tuff_data check = {.count = test.count, .x = test.pictures, .labels = test.labels};
        ok = !tuff_model_fit(model, &learn, &fit, &error) && !tuff_model_evaluate(model, &check, &metrics, &error) &&
             !tuff_model_predict(model, test.pictures, 1, probabilities, &error);
    }
    if (ok)
        printf("test accuracy %.4f; the first picture is class %d with probability %.3f\n", metrics.accuracy,
               (int)test.labels[0], (double)probabilities[test.labels[0]]);
    else
        fprintf(stderr, "%s: %s\n", tuff_status_name(error.status), error.message);
    tuff_model_destroy(model);
    tuff_dataset_finish(context, &train);
    tuff_dataset_finish(context, &test);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return ok ? 0 : 1;
}

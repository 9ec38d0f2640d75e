/* A small convolutional network learns Fashion-MNIST: declare, compile, fit, evaluate, predict. */
#include <stdio.h>
#include <stdlib.h>
#include <tuff/tuff.h>
#define TRY(call) if (call) return fprintf(stderr, "%s: %s\n", tuff_status_name(error.status), error.message), 1

static void network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    struct tuff_layer_conv2d_params conv1 = {.channels = 16, .kernel = {3}, .conv = {.pad = {1, 1, 1, 1}}}, conv2 = conv1;
    struct tuff_layer_dense_params hidden = {.units = 128}, classes = {.units = 10};
    struct tuff_pool2d_params half = {.kernel = {2, 2}};
    conv2.channels = 32;
    tuff_val x = tuff_max_pool2d(g, tuff_relu(g, tuff_layer_conv2d(g, n->fields[0], "conv1", conv1)), half);
    x = tuff_max_pool2d(g, tuff_relu(g, tuff_layer_conv2d(g, x, "conv2", conv2)), half);
    x = tuff_layer_dropout(g, tuff_flatten(g, x), 0.2, n->training);
    x = tuff_relu(g, tuff_layer_dense(g, x, "dense1", hidden));
    (void)user;
    tuff_network_classify(g, n, tuff_layer_dense(g, x, "dense2", classes), n->fields[1], 0);
}

/* Called about twice a second: where the training is. */
static bool tell(void *user, const struct tuff_fit_progress *p)
{
    (void)user;
    fprintf(stderr, "\repoch %u, step %llu of %llu: loss %.3f, %.0f s left ", (unsigned)p->epoch + 1, (unsigned long long)p->step,
            (unsigned long long)p->steps, p->train.loss, p->seconds_left);
    if (p->step == p->steps) fputs("\n", stderr);
    return true; /* false stops it */
}

int main(int argc, char **argv) /* classifier [FOLDER [COUNT]] */
{
    struct tuff_error error = {0};
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_model *model;
    struct tuff_dataset train, test;
    struct tuff_metrics metrics;
    float probabilities[10];
    struct tuff_model_params declared = {.struct_size = sizeof declared, .build = network, .seed = 1,
                                         .fields = {TUFF_FIELD("x", TUFF_U8, 1, 28, 28), TUFF_LABELS("labels")}};
    struct tuff_fit_params fit = {.struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.002), .epochs = 1, .on_step = tell};
    TRY(tuff_context_create(NULL, &context, &error));
    TRY(tuff_device_create(context, NULL, &device, &error));
    TRY(tuff_dataset_read_idx(context, argc > 1 ? argv[1] : "/usr/share/datasets/fashion-mnist", &train, &test, &error));
    TRY(tuff_model_create(device, &declared, &model, &error));
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : train.count;
    struct tuff_data tested = {.count = test.count, .fields = {test.pictures, test.labels}}, first = {.count = 1, .fields = {test.pictures}};
    TRY(tuff_model_fit(model, &(struct tuff_data){.count = count, .fields = {train.pictures, train.labels}}, &fit, &error));
    TRY(tuff_model_evaluate(model, &tested, &metrics, &error));
    TRY(tuff_model_predict(model, &first, (void *[]){probabilities}, &error));
    printf("accuracy %.4f; the first picture is a %s with probability %.3f\n", tuff_metrics_get(&metrics, "accuracy"), test.class_names[test.labels[0]],
           (double)probabilities[test.labels[0]]);
    tuff_model_destroy(model);
    tuff_dataset_finish(context, &train);
    tuff_dataset_finish(context, &test);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return 0;
}

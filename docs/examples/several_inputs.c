/* A network of two inputs and two outputs: a small picture and what was measured beside it give the kind of a leaf and its weight. */
#include <math.h>
#include <stdio.h>
#include <tuff/tuff.h>
#define TRY(call) if (call) return fprintf(stderr, "%s: %s\n", tuff_status_name(error.status), error.message), 1

enum { LEAVES = 600, TESTED = 200, SIDE = 12, KINDS = 3 };
static struct leaves {
    uint8_t picture[LEAVES][1][SIDE][SIDE];
    float measured[LEAVES][2]; /* width in mm, moisture as a part of 1 */
    int32_t kind[LEAVES];
    float weight[LEAVES]; /* g */
} leaves;

/* Discs, squares and stripes of some brightness, which tells how thick the leaf is. */
static void make_leaves(void)
{
    uint32_t random = 1;
    for (int i = 0; i < LEAVES; i++) {
        float u[4];
        for (int k = 0; k < 4; k++) u[k] = (float)((random = random * 1664525 + 1013904223) >> 8) / 0x1p24f;
        const int kind = i % KINDS, radius = 2 + (int)(3 * u[0]);
        for (int y = 0; y < SIDE; y++) {
            for (int x = 0; x < SIDE; x++) {
                const int dx = x - SIDE / 2, dy = y - SIDE / 2;
                const bool inside[KINDS] = {dx * dx + dy * dy <= radius * radius, dx * dx <= radius * radius && dy * dy <= radius * radius,
                                            dx * dx <= radius * radius && y % 2 == 0};
                random = random * 1664525 + 1013904223;
                leaves.picture[i][0][y][x] = (uint8_t)((inside[kind] ? 60 + 140 * u[1] : 20) + (float)(random >> 28));
            }
        }
        leaves.kind[i] = kind;
        leaves.measured[i][0] = 20 + 40 * u[2];
        leaves.measured[i][1] = 0.2f + 0.6f * u[3];
        leaves.weight[i] = leaves.measured[i][0] / 40 * (0.5f + u[1]) * (1 + leaves.measured[i][1]);
    }
}

enum { PICTURE, MEASURED, KIND, WEIGHT }; /* the fields' order */

static void network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    const struct tuff_layer_conv2d_params conv = {.channels = 8, .kernel = {3}, .conv = {.pad = {1, 1, 1, 1}}};
    const struct tuff_layer_dense_params hidden = {.units = 32}, kinds = {.units = KINDS}, one = {.units = 1};
    (void)user;
    /* Both inputs become rows of features, which lie side by side. */
    tuff_val picture = tuff_relu(g, tuff_layer_conv2d(g, n->fields[PICTURE], "conv", conv));
    picture = tuff_flatten(g, tuff_max_pool2d(g, picture, (struct tuff_pool2d_params){.kernel = {2, 2}}));
    tuff_val both[2] = {picture, n->fields[MEASURED]};
    tuff_val x = tuff_relu(g, tuff_layer_dense(g, tuff_concat(g, both, 2, 1), "hidden", hidden));

    tuff_val logits = tuff_layer_dense(g, x, "kind", kinds);
    tuff_val weight = tuff_reshape(g, tuff_layer_dense(g, x, "weight", one), TUFF_SHAPE(n->batch));
    tuff_network_output(g, n, "kind", tuff_softmax(g, logits, 1));
    tuff_network_output(g, n, "weight", weight);
    if (!n->fields[KIND]) return; /* it is to predict: there are no answers */

    tuff_val kind_loss = tuff_cross_entropy(g, logits, n->fields[KIND], (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_NONE});
    tuff_val off = tuff_sub(g, weight, n->fields[WEIGHT]);
    n->loss = tuff_add(g, kind_loss, tuff_square(g, off));
    tuff_network_metric(g, n, "accuracy", tuff_equal(g, tuff_argmax(g, logits, 1, TUFF_DROP_AXES), n->fields[KIND]), 0);
    tuff_network_metric(g, n, "off", tuff_abs(g, off), 0);
}

int main(void)
{
    struct tuff_error error = {0};
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_model *model;
    struct tuff_metrics metrics;
    make_leaves();
    TRY(tuff_context_create(NULL, &context, &error));
    TRY(tuff_device_create(context, NULL, &device, &error));
    struct tuff_model_params declared = {.struct_size = sizeof declared, .build = network, .batch = 32, .seed = 1,
                                         .fields = {TUFF_FIELD("picture", TUFF_U8, 1, SIDE, SIDE),
                                                    {.name = "measured", .type = {TUFF_F32, TUFF_SHAPE(2)}, .scale = 0.05},
                                                    TUFF_LABELS("kind"),
                                                    {.name = "weight", .type = {.dtype = TUFF_F32}, .answer = true}}};
    TRY(tuff_model_create(device, &declared, &model, &error));

    const int first = LEAVES - TESTED; /* of those that it is tested with */
    struct tuff_data train = {.count = LEAVES - TESTED, .fields = {leaves.picture, leaves.measured, leaves.kind, leaves.weight}};
    struct tuff_data test = {.count = TESTED, .fields = {leaves.picture[first], leaves.measured[first], &leaves.kind[first],
                                                         &leaves.weight[first]}};
    struct tuff_fit_params fit = {.struct_size = sizeof fit, .epochs = 30, .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.003)};
    TRY(tuff_model_fit(model, &train, &fit, &error));
    TRY(tuff_model_evaluate(model, &test, &metrics, &error));
    const double accuracy = tuff_metrics_get(&metrics, "accuracy"), off = tuff_metrics_get(&metrics, "off");
    printf("of %d leaves %.1f %% are named rightly; weights are off by %.3f g on average\n", TESTED, 100 * accuracy, off);

    float kind[1][KINDS], weight[1]; /* of one leaf; NULL would be: of no interest */
    struct tuff_data one = {.count = 1, .fields = {leaves.picture[first], leaves.measured[first]}};
    TRY(tuff_model_predict(model, &one, (void *[]){kind, weight}, &error));
    printf("leaf %d is of kind %d with probability %.3f, and weighs %.3f g; measured: %.3f g\n", first, leaves.kind[first],
           (double)kind[0][leaves.kind[first]], (double)weight[0], (double)leaves.weight[first]);
    tuff_model_destroy(model);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return accuracy > 0.9 && off < 0.2 ? 0 : 1;
}

/* models.c FOLDER - the model files that the Java library's tests open: networks with weights that were drawn, not learned. "packed" is
 * "colour" with the kernels of what the tests do with it. */
#include "frames.h"
#include "teach.h"

#include <stdio.h>
#include <tuff/data.h>
#include <tuff/tuff.h>

enum { CLASSES = 4 };
static const char *const names[CLASSES] = {"red", "gr\u00fcn", "\u9752", "\U0001f431 cat"}; /* of one to four bytes */

/* Pictures: the mean colours of 4 x 4 parts are the features. */
static void see(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    (void)user;
    const tuff_val parts = tuff_adaptive_avg_pool(g, n->fields[0], TUFF_SHAPE(4, 4)), features = tuff_flatten(g, parts);
    const tuff_val logits = tuff_layer_dense(g, features, "head", (struct tuff_layer_dense_params){.units = CLASSES});
    tuff_network_classify(g, n, logits, n->fields[1], 0);
    tuff_network_output(g, n, "features", features);
}

/* More than a device does in a millisecond, in many launches. */
static void see_long(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    tuff_val x = n->fields[0];
    char name[20];
    (void)user;
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "conv%d", i);
        x = tuff_relu(g, tuff_layer_conv2d(g, x, name, (struct tuff_layer_conv2d_params){.channels = 32, .kernel = {3}}));
    }
    const tuff_val features = tuff_flatten(g, tuff_adaptive_avg_pool(g, x, TUFF_SHAPE(1, 1)));
    tuff_network_classify(g, n, tuff_layer_dense(g, features, "head", (struct tuff_layer_dense_params){.units = CLASSES}),
                          n->fields[1], 0);
}

/* Outputs of every type. */
static void count(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    (void)user;
    const tuff_val sum = tuff_add(g, n->fields[0], n->fields[1]), y = tuff_affine(g, sum, 2, 0.5);
    const tuff_val zero = tuff_scalar(g, 0), whole = tuff_cast(g, y, TUFF_I32), byte = tuff_cast(g, y, TUFF_U8),
                   small = tuff_cast(g, y, TUFF_I8), half = tuff_cast(g, y, TUFF_F16), above = tuff_greater(g, y, zero);
    tuff_network_regress(g, n, y, n->fields[2]);
    tuff_network_output(g, n, "whole", whole);
    tuff_network_output(g, n, "byte", byte);
    tuff_network_output(g, n, "small", small);
    tuff_network_output(g, n, "half", half);
    tuff_network_output(g, n, "above", above);
}

static tuff_status write(struct tuff_context *context, struct tuff_device *device, const char *folder, const char *name,
                         const struct tuff_model_params *params, const struct tuff_model_save_params *save,
                         struct tuff_error *error)
{
    char path[1000];
    struct tuff_model *model = NULL;
    snprintf(path, sizeof path, "%s/%s.tuff", folder, name);
    tuff_status status = tuff_model_create(device, params, &model, error);
    if (status == TUFF_OK) status = tuff_model_save(context, model, path, save, error);
    tuff_model_destroy(model);
    return status;
}

static tuff_status write_all(struct tuff_context *context, struct tuff_device *device, const char *folder,
                             struct tuff_error *error)
{
    static const struct {
        const char *name;
        void (*build)(struct tuff_graph *g, struct tuff_network *n, void *user);
        struct tuff_preprocess preprocess;
    } pictures[] = {
        {"plain", see, {3, 21, 13, TUFF_FIT_STRETCH, TUFF_FILTER_BILINEAR, 0, TUFF_INVERT_NEVER}},
        {"colour", see, {3, 24, 32, TUFF_FIT_CROP, TUFF_FILTER_BILINEAR, 0, TUFF_INVERT_NEVER}},
        {"cubic", see, {3, 20, 20, TUFF_FIT_CROP, TUFF_FILTER_BICUBIC, 0, TUFF_INVERT_ALWAYS}},
        {"area", see, {3, 17, 19, TUFF_FIT_STRETCH, TUFF_FILTER_AREA, 0, TUFF_INVERT_NEVER}},
        {"grey", see, {1, 28, 28, TUFF_FIT_PAD, TUFF_FILTER_AREA, 7, TUFF_INVERT_LIGHT}},
        {"long", see_long, {3, 112, 112, TUFF_FIT_STRETCH, TUFF_FILTER_BILINEAR, 0, TUFF_INVERT_NEVER}},
    };
    tuff_status status = TUFF_OK;
    for (size_t i = 0; status == TUFF_OK && i < sizeof pictures / sizeof pictures[0]; i++) {
        const struct tuff_preprocess *p = &pictures[i].preprocess;
        const struct tuff_model_params params = {
            .struct_size = sizeof params,
            .build = pictures[i].build,
            .fields = {TUFF_FIELD("x", TUFF_U8, p->channels, p->height, p->width), TUFF_LABELS("labels")},
            .seed = 1};
        const struct tuff_model_save_params save = {
            .struct_size = sizeof save, .preprocess = *p, .class_names = names, .class_count = CLASSES, .batch = 1};
        status = write(context, device, folder, pictures[i].name, &params, &save, error);
    }
    const struct tuff_model_params params = {
        .struct_size = sizeof params,
        .build = count,
        .fields = {TUFF_FIELD("a", TUFF_F32, 2, 3), TUFF_FIELD("b", TUFF_I32, 2, 3), TUFF_ANSWER("y", TUFF_F32, 2, 3)}};
    const struct tuff_model_save_params save = {.struct_size = sizeof save};
    if (status == TUFF_OK) status = write(context, device, folder, "types", &params, &save, error);
    return status;
}

static tuff_status predict(struct tuff_device *device, const struct tuff_saved *saved, struct tuff_error *error)
{
    static uint8_t picture[3 * 24 * 32];
    static float probabilities[CLASSES];
    struct tuff_predictor *predictor = NULL;
    tuff_status status = tuff_predictor_create(device, saved, &predictor, error);
    if (status == TUFF_OK)
        status = tuff_predictor_run(predictor, (const void *const[]){picture}, 1, (void *const[]){probabilities, NULL},
                                    error);
    tuff_predictor_destroy(predictor);
    return status;
}

/* Predicts, teaches three classes by a batch and a smaller one, and predicts by what was taught, which it leaves at the path. */
static tuff_status use(struct tuff_context *context, struct tuff_device *device, const struct tuff_saved *saved,
                       const char *path, struct tuff_error *error)
{
    static float features[TEACH_BATCH + 5][48];
    static int32_t labels[TEACH_BATCH + 5];
    const struct teach_head head = {.features = 48, .classes = 3};
    const struct tuff_data data = {.count = TEACH_BATCH + 5, .fields = {features, labels}};
    const struct tuff_fit_params fit = teach_fit(1);
    struct tuff_model *model = NULL;
    struct tuff_saved *taught = NULL;
    tuff_status status = predict(device, saved, error);
    if (status == TUFF_OK) status = teach_model(device, &head, &model, error);
    if (status == TUFF_OK) status = tuff_model_fit(model, &data, &fit, error);
    if (status == TUFF_OK) status = teach_save(context, saved, model, NULL, path, error);
    if (status == TUFF_OK) status = tuff_saved_open(context, path, &taught, error);
    if (status == TUFF_OK) status = predict(device, taught, error);
    tuff_saved_destroy(taught);
    tuff_model_destroy(model);
    return status;
}

static tuff_status pack(struct tuff_context *context, struct tuff_device *device, const char *folder,
                        struct tuff_error *error)
{
    char from[1000], to[1000];
    struct tuff_saved *saved = NULL;
    snprintf(from, sizeof from, "%s/colour.tuff", folder);
    snprintf(to, sizeof to, "%s/packed.tuff", folder);
    tuff_status status = tuff_kernels_record(context, tuff_device_caps(device), 1, error);
    if (status == TUFF_OK) status = tuff_saved_open(context, from, &saved, error);
    if (status == TUFF_OK) status = use(context, device, saved, to, error);
    if (status == TUFF_OK) status = frames_compile(device, &tuff_saved_info(saved)->preprocess, error);
    if (status == TUFF_OK) status = tuff_kernels_write(context, from, to, error);
    tuff_saved_destroy(saved);
    return status;
}

int main(int argc, char **argv)
{
    struct tuff_error error = {0};
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    if (argc != 2) return 2;
    tuff_status status = tuff_context_create(NULL, &context, &error);
    if (status == TUFF_OK) status = tuff_device_create(context, NULL, &device, &error);
    if (status == TUFF_OK) status = write_all(context, device, argv[1], &error);
    if (status == TUFF_OK) status = pack(context, device, argv[1], &error);
    if (status != TUFF_OK) fprintf(stderr, "models: %s\n", error.message);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return status == TUFF_OK ? 0 : 1;
}

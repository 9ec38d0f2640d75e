/* work.c - what an app will do with a model file, done once: each plan that comes up is recorded for the classes of devices. Numbers are made up. */
#include "frames.h"
#include "pack.h"
#include "program.h"
#include "refuse.h"
#include "sample.h"
#include "teach.h"

#include <stdlib.h>
#include <string.h>

static tuff_status no_memory(struct tuff_error *error) { return refuse(error, TUFF_ERR_MEMORY, "out of memory"); }

/* One sample, and as many as the file goes by at once. */
static tuff_status predict(struct tuff_device *device, const char *path, struct tuff_error *error)
{
    struct tuff_saved *saved = NULL;
    struct tuff_predictor *predictor = NULL;
    tuff_status status = tuff_saved_open(tuff_device_context(device), path, &saved, error);
    if (status == TUFF_OK) status = tuff_predictor_create(device, saved, &predictor, error);
    const struct tuff_saved_info *info = saved ? tuff_saved_info(saved) : NULL;
    const char *text = saved ? tuff_tensors_text(tuff_saved_tensors(saved), "batch") : NULL;
    const unsigned long batch = text ? strtoul(text, NULL, 10) : 1;
    void *inputs[TUFF_MODEL_FIELDS] = {NULL}, *outputs[TUFF_MODEL_OUTPUTS] = {NULL};
    for (uint32_t i = 0; status == TUFF_OK && i < info->input_count; i++) {
        const struct tuff_type type = info->inputs[i].type;
        inputs[i] = calloc(batch ? batch : 1, (size_t)tuff_dtype_size(type.dtype, tuff_shape_count(&type.shape)));
        if (!inputs[i]) status = no_memory(error);
    }
    if (status == TUFF_OK) status = tuff_predictor_run(predictor, (const void *const *)inputs, 1, outputs, error);
    if (status == TUFF_OK && batch > 1)
        status = tuff_predictor_run(predictor, (const void *const *)inputs, batch, outputs, error);
    for (int i = 0; i < TUFF_MODEL_FIELDS; i++) free(inputs[i]);
    tuff_predictor_destroy(predictor);
    tuff_saved_destroy(saved);
    return status;
}

/* Samples for a head: any numbers, each class now and then. */
struct lesson {
    float *features;
    int32_t *labels;
};

static tuff_status make_lesson(struct lesson *l, uint32_t count, const struct teach_head *head, struct tuff_error *error)
{
    uint64_t state = 1;
    l->features = malloc(sizeof(float) * count * head->features);
    l->labels = malloc(sizeof(int32_t) * count);
    if (!l->features || !l->labels) return no_memory(error);
    for (size_t i = 0; i < (size_t)count * head->features; i++) l->features[i] = (float)sample_uniform(&state, 0, 1);
    for (uint32_t i = 0; i < count; i++) l->labels[i] = (int32_t)(i % head->classes);
    return TUFF_OK;
}

/* A fit of a model of its own: a model keeps to the number of samples of its first one. stream: from the host, as where a device has no room. */
static tuff_status fit(struct tuff_device *device, const struct teach_head *head, const struct lesson *l, uint32_t count,
                       bool stream, struct tuff_model **model, struct tuff_error *error)
{
    const struct tuff_data data = {.count = count, .fields = {l->features, l->labels}};
    struct tuff_fit_params params = teach_fit(1);
    struct tuff_metrics metrics;
    float *probabilities = malloc(sizeof(float) * count * head->classes);
    void *outputs[TUFF_MODEL_OUTPUTS] = {probabilities};
    params.stream = stream;
    tuff_status status = probabilities ? teach_model(device, head, model, error) : no_memory(error);
    if (status == TUFF_OK) status = tuff_model_fit(*model, &data, &params, error);
    if (status == TUFF_OK) status = tuff_model_evaluate(*model, &data, &metrics, error);
    if (status == TUFF_OK) status = tuff_model_predict(*model, &data, outputs, error);
    free(probabilities);
    return status;
}

/* Of so many classes: with each size of a last batch, data on the device and on the host; then the whole network, saved with the head. */
static tuff_status teach(struct tuff_device *device, const struct tuff_saved *backbone, const struct teach_head *head,
                         const char *scratch, struct tuff_error *error)
{
    struct lesson lesson = {0};
    tuff_status status = make_lesson(&lesson, 2 * TEACH_BATCH, head, error);
    for (uint32_t last = 0; last < TEACH_BATCH && status == TUFF_OK; last++) {
        struct tuff_model *model = NULL;
        program_tell("teaching", (head->classes * TEACH_BATCH + last) % 97, 100);
        status = fit(device, head, &lesson, TEACH_BATCH + last, false, &model, error);
        if (status == TUFF_OK && !last)
            status = teach_save(tuff_device_context(device), backbone, model, NULL, scratch, error);
        if (status == TUFF_OK && !last) status = predict(device, scratch, error);
        tuff_model_destroy(model);
        if (program_stopping()) status = TUFF_ERR_CANCELLED;
    }
    for (uint32_t last = 0; last < 2 && status == TUFF_OK; last++) {
        struct tuff_model *model = NULL;
        status = fit(device, head, &lesson, TEACH_BATCH + last * TEACH_BATCH / 2, true, &model, error);
        tuff_model_destroy(model);
    }
    program_tell("teaching", 1, 1);
    program_remove(scratch);
    free(lesson.features);
    free(lesson.labels);
    return status;
}

static tuff_status teach_all(struct tuff_device *device, const struct tuff_saved *saved, const struct options *o,
                             const char *scratch, struct tuff_error *error)
{
    struct teach_head head = {.features = teach_features(saved)};
    tuff_status status = TUFF_OK;
    if (!head.features)
        return refuse(
            error, TUFF_ERR_USAGE,
            "%.300s: has no output \"features\" [n], so that nothing can be taught (of an ONNX model: --features NAME)",
            o->model);
    for (head.classes = o->teach_least; head.classes <= o->teach_most && status == TUFF_OK; head.classes++)
        status = teach(device, saved, &head, scratch, error);
    return status;
}

tuff_status work_do(struct tuff_device *device, const struct options *o, const char *model, const char *scratch,
                    struct tuff_error *error)
{
    struct tuff_saved *saved = NULL;
    tuff_status status = predict(device, model, error);
    if (status == TUFF_OK) status = tuff_saved_open(tuff_device_context(device), model, &saved, error);
    if (status == TUFF_OK && o->camera) {
        const struct tuff_preprocess *p = &tuff_saved_info(saved)->preprocess;
        status = p->channels ? frames_compile(device, p, error)
                             : refuse(error, TUFF_ERR_USAGE, "%.300s: takes no pictures, as --camera wants it", o->model);
    }
    if (status == TUFF_OK && o->teach_most) status = teach_all(device, saved, o, scratch, error);
    tuff_saved_destroy(saved);
    return status;
}

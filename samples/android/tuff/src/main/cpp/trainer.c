/* trainer.c - org.tuff.Trainer: a head that is taught on a model's features (samples/common/teach.h). */
#include "native.h"
#include "teach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trainer {
    struct model *model;    /* [held] */
    struct teach_head head; /* of `taught`, which borrows it */
    struct tuff_model *taught;
    char **names;    /* [owned] head.classes of them */
    float *features; /* [owned] [count, head.features] */
    int32_t *labels; /* [owned] [count] */
    uint64_t count, room;
    uint64_t taught_count; /* samples that `taught` began with: it takes no others */
};

static tuff_status fail(struct tuff_error *error, tuff_status status, const char *format, const char *name)
{
    *error = (struct tuff_error){.status = status};
    snprintf(error->message, sizeof error->message, format, name); /* formats cut names */
    return status;
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------------ */

static void destroy(struct trainer *t)
{
    if (!t) return;
    tuff_model_destroy(t->taught);
    for (uint32_t i = 0; t->names && i < t->head.classes; i++) free(t->names[i]);
    free(t->names);
    free(t->features);
    free(t->labels);
    model_drop(t->model);
    free(t);
}

static tuff_status take_names(JNIEnv *env, struct trainer *t, jobjectArray names)
{
    t->names = calloc(t->head.classes, sizeof *t->names);
    for (uint32_t i = 0; t->names && i < t->head.classes; i++) {
        jobject name = (*env)->GetObjectArrayElement(env, names, (jsize)i);
        t->names[i] = jni_text(env, name);
        (*env)->DeleteLocalRef(env, name);
        if (!t->names[i]) return TUFF_ERR_MEMORY;
    }
    return t->names ? TUFF_OK : TUFF_ERR_MEMORY;
}

NATIVE(jlong, Trainer, Create)(JNIEnv *env, jclass class, jlong model, jobjectArray names, jlong seed)
{
    struct tuff_error error = {0};
    struct trainer *t = calloc(1, sizeof *t);
    tuff_status status = t ? TUFF_OK : TUFF_ERR_MEMORY;
    (void)class;
    if (t) {
        t->model = model_hold(jni_pointer(model));
        t->head = (struct teach_head){.features = teach_features(t->model->saved),
                                      .classes = (uint32_t)(*env)->GetArrayLength(env, names),
                                      .seed = (uint64_t)seed};
        if (!t->model->opened->device)
            status = fail(&error, TUFF_ERR_UNSUPPORTED, "%.400s: networks are trained on a device", t->model->opened->why);
        else if (!t->head.features)
            status = fail(&error, TUFF_ERR_USAGE, "%.400s",
                          "the model has no output \"features\" that a head could learn from");
        else
            status = take_names(env, t, names);
    }
    if (status == TUFF_OK) return jni_handle(t);
    destroy(t);
    jni_throw(env, status, &error);
    return 0;
}

NATIVE(void, Trainer, Close)(JNIEnv *env, jclass class, jlong handle)
{
    (void)env, (void)class;
    destroy(jni_pointer(handle));
}

/* ---- samples ------------------------------------------------------------------------------------------------------------------------------ */

static bool make_room(struct trainer *t)
{
    if (t->count < t->room) return true;
    const uint64_t room = t->room ? 2 * t->room : 64;
    float *features = realloc(t->features, (size_t)(room * t->head.features) * sizeof *features);
    if (features) t->features = features;
    int32_t *labels = realloc(t->labels, (size_t)room * sizeof *labels);
    if (labels) t->labels = labels;
    if (features && labels) t->room = room;
    return features && labels;
}

NATIVE(void, Trainer, Add)(JNIEnv *env, jclass class, jlong handle, jobject features, jint index)
{
    struct trainer *t = jni_pointer(handle);
    const size_t bytes = t->head.features * sizeof(float);
    (void)class;
    if (!make_room(t)) {
        jni_throw(env, TUFF_ERR_MEMORY, NULL);
        return;
    }
    memcpy((uint8_t *)t->features + t->count * bytes, jni_span(env, features).data, bytes);
    t->labels[t->count++] = index;
}

/* ---- fitting ------------------------------------------------------------------------------------------------------------------------------ */

struct fitting {
    JNIEnv *env;
    jobject listener;
    jmethodID on_epoch;
    jint done, epochs; /* epochs before this fit; of this fit */
    bool stopped;
};

static bool on_epoch(void *user, const struct tuff_epoch *epoch)
{
    struct fitting *f = user;
    JNIEnv *env = f->env;
    const bool more = (*env)->CallBooleanMethod(env, f->listener, f->on_epoch, (jint)epoch->epoch + 1 - f->done, f->epochs,
                                                epoch->train.loss, tuff_metrics_get(&epoch->train, "accuracy"));
    f->stopped = !more || (*env)->ExceptionCheck(env);
    return !f->stopped;
}

static tuff_status check_classes(const struct trainer *t, struct tuff_error *error)
{
    for (uint32_t k = 0; k < t->head.classes; k++) {
        uint64_t n = 0;
        while (n < t->count && t->labels[n] != (int32_t)k) n++;
        if (n == t->count) return fail(error, TUFF_ERR_USAGE, "there is no picture of %.400s", t->names[k]);
    }
    return TUFF_OK;
}

/* Parameters of one head into another. */
static tuff_status copy_head(struct tuff_model *from, struct tuff_model *to, struct tuff_error *error)
{
    for (uint32_t i = 0; i < tuff_model_leaf_count(to); i++) {
        const struct tuff_leaf leaf = tuff_model_leaf(to, i);
        const size_t bytes = (size_t)tuff_dtype_size(leaf.type.dtype, tuff_shape_count(&leaf.type.shape));
        if (!leaf.trained) continue;
        void *data = malloc(bytes);
        tuff_status status = data ? tuff_model_read(from, leaf.name, data, bytes, error) : TUFF_ERR_MEMORY;
        if (status == TUFF_OK) status = tuff_model_write(to, leaf.name, data, bytes, error);
        free(data);
        if (status != TUFF_OK) return status;
    }
    return TUFF_OK;
}

/* A model learns from one set of samples: where there are more by now, another one goes on with its head. */
static tuff_status renew(struct trainer *t, struct tuff_error *error)
{
    struct tuff_model *model = NULL;
    if (t->taught && t->taught_count == t->count) return TUFF_OK;
    tuff_status status = teach_model(t->model->opened->device, &t->head, &model, error);
    if (status == TUFF_OK && t->taught) status = copy_head(t->taught, model, error);
    if (status != TUFF_OK) {
        tuff_model_destroy(model);
        return status;
    }
    tuff_model_destroy(t->taught);
    t->taught = model;
    t->taught_count = t->count;
    return TUFF_OK;
}

NATIVE(jboolean, Trainer, Fit)(JNIEnv *env, jclass class, jlong handle, jint epochs, jobject listener)
{
    struct trainer *t = jni_pointer(handle);
    struct tuff_error error = {0};
    const struct tuff_data data = {.count = t->count, .fields = {t->features, t->labels}};
    struct fitting fitting = {.env = env, .listener = listener, .epochs = epochs};
    jclass listener_class = (*env)->FindClass(env, "org/tuff/Trainer$Listener");
    if (listener_class) fitting.on_epoch = (*env)->GetMethodID(env, listener_class, "onEpoch", "(IIFF)Z");
    (void)class;
    if (!fitting.on_epoch) return false;
    tuff_status status = check_classes(t, &error);
    if (status == TUFF_OK) status = renew(t, &error);
    if (status == TUFF_OK) {
        fitting.done = (jint)tuff_model_state(t->taught).epoch;
        struct tuff_fit_params params = teach_fit((uint32_t)fitting.done + (uint32_t)epochs);
        params.on_epoch = on_epoch;
        params.user = &fitting;
        status = tuff_model_fit(t->taught, &data, &params, &error);
    }
    if (status != TUFF_OK) jni_throw(env, status, &error);
    return !fitting.stopped;
}

NATIVE(void, Trainer, Save)(JNIEnv *env, jclass class, jlong handle, jstring path)
{
    struct trainer *t = jni_pointer(handle);
    struct tuff_error error = {0};
    char *text = jni_text(env, path);
    (void)class;
    if (!text) return;
    const tuff_status status = t->taught ? teach_save(t->model->opened->context, t->model->saved, t->taught,
                                                      (const char *const *)t->names, text, &error)
                                         : fail(&error, TUFF_ERR_USAGE, "%.400s", "nothing was taught so far");
    free(text);
    if (status != TUFF_OK) jni_throw(env, status, &error);
}

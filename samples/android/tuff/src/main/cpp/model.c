/* model.c - org.tuff.Model: a model file, its network, samples of pictures. */
#include "native.h"

#include <stdlib.h>
#include <string.h>

/* ---- life ------------------------------------------------------------------------------------------------------------------------------ */

struct model *model_hold(struct model *model)
{
    atomic_fetch_add(&model->holders, 1);
    return model;
}

void model_drop(struct model *model)
{
    if (!model || atomic_fetch_sub(&model->holders, 1) != 1) return;
    frames_finish(&model->frames);
    net_finish(&model->net);
    tuff_saved_destroy(model->saved);
    opened_drop(model->opened);
    free(model);
}

/* The network of what was opened. */
static tuff_status begin(struct model *m, struct tuff_error *error)
{
    const struct tuff_saved_info *info = tuff_saved_info(m->saved);
    struct net *net = &m->net;
    tuff_status status = tuff_graph_create(m->opened->context, &net->graph, error);
    if (status == TUFF_OK) status = tuff_graph_parse(net->graph, info->graph, error);
    if (status != TUFF_OK) return status;
    net->tensors = tuff_saved_tensors(m->saved);
    net->input_count = info->input_count;
    net->output_count = info->output_count;
    for (uint32_t i = 0; i < info->input_count; i++) net->inputs[i] = tuff_graph_find(net->graph, info->inputs[i].name);
    for (uint32_t i = 0; i < info->output_count; i++) net->outputs[i] = tuff_graph_find(net->graph, info->outputs[i].name);
    return TUFF_OK;
}

/* path, or else file. */
static jlong open_model(JNIEnv *env, struct opened *opened, const char *path, struct tuff_span file)
{
    struct tuff_error error = {0};
    struct model *m = calloc(1, sizeof *m);
    tuff_status status = m ? TUFF_OK : TUFF_ERR_MEMORY;
    if (m) {
        atomic_init(&m->holders, 1);
        m->opened = opened_hold(opened);
        status = path ? tuff_saved_open(opened->context, path, &m->saved, &error)
                      : tuff_saved_decode(opened->context, file, &m->saved, &error);
    }
    if (status == TUFF_OK) status = begin(m, &error);
    if (status == TUFF_OK) return jni_handle(m);
    model_drop(m);
    jni_throw(env, status, &error);
    return 0;
}

NATIVE(jlong, Model, Open)(JNIEnv *env, jclass class, jlong tuff, jobject file)
{
    (void)class;
    return open_model(env, jni_pointer(tuff), NULL, jni_span(env, file));
}

NATIVE(jlong, Model, OpenFile)(JNIEnv *env, jclass class, jlong tuff, jstring path)
{
    char *text = jni_text(env, path);
    (void)class;
    const jlong model = text ? open_model(env, jni_pointer(tuff), text, (struct tuff_span){NULL, 0}) : 0;
    free(text);
    return model;
}

NATIVE(void, Model, Close)(JNIEnv *env, jclass class, jlong handle)
{
    (void)env, (void)class;
    model_drop(jni_pointer(handle));
}

/* ---- what it is ------------------------------------------------------------------------------------------------------------------------- */

static jobject tensor_of(JNIEnv *env, const struct net *net, const char *name, tuff_val value)
{
    const struct tuff_type type = tuff_type_on_host(net->graph, value);
    const size_t bytes = net_bytes(net, value);
    jint dims[TUFF_MAX_RANK];
    const jsize rank = (jsize)type.shape.rank - 1; /* of one sample: dim[0] is 1 */
    for (jsize i = 0; i < rank; i++) dims[i] = (jint)type.shape.dim[i + 1];
    if (bytes > INT32_MAX) {
        jni_throw(env, TUFF_ERR_UNSUPPORTED, &(struct tuff_error){.message = "a sample is larger than a buffer of Java"});
        return NULL;
    }
    jstring name_text = jni_string(env, name), dtype = name_text ? jni_string(env, tuff_dtype_name(type.dtype)) : NULL;
    jintArray shape = dtype ? (*env)->NewIntArray(env, rank) : NULL;
    if (!shape) return NULL;
    (*env)->SetIntArrayRegion(env, shape, 0, rank, dims);
    return jni_new(env, "org/tuff/Tensor", "(Ljava/lang/String;Ljava/lang/String;[II)V", name_text, dtype, shape,
                   (jint)bytes);
}

NATIVE(jobjectArray, Model, Tensors)(JNIEnv *env, jclass class, jlong handle, jboolean inputs)
{
    const struct model *m = jni_pointer(handle);
    const struct tuff_saved_info *info = tuff_saved_info(m->saved);
    const uint32_t count = inputs ? info->input_count : info->output_count;
    jclass tensor_class = (*env)->FindClass(env, "org/tuff/Tensor");
    jobjectArray array = tensor_class ? (*env)->NewObjectArray(env, (jsize)count, tensor_class, NULL) : NULL;
    (void)class;
    for (uint32_t i = 0; array && i < count; i++) {
        jobject tensor = tensor_of(env, &m->net, inputs ? info->inputs[i].name : info->outputs[i].name,
                                   inputs ? m->net.inputs[i] : m->net.outputs[i]);
        if (!tensor) return NULL;
        (*env)->SetObjectArrayElement(env, array, (jsize)i, tensor);
    }
    return array;
}

NATIVE(jobjectArray, Model, ClassNames)(JNIEnv *env, jclass class, jlong handle)
{
    const struct tuff_saved_info *info = tuff_saved_info(((const struct model *)jni_pointer(handle))->saved);
    (void)class;
    return jni_strings(env, info->class_names, info->class_count);
}

NATIVE(jboolean, Model, TakesPictures)(JNIEnv *env, jclass class, jlong handle)
{
    (void)env, (void)class;
    return tuff_saved_info(((const struct model *)jni_pointer(handle))->saved)->preprocess.channels > 0;
}

/* ---- running ---------------------------------------------------------------------------------------------------------------------------- */

NATIVE(void, Model, Prepare)(JNIEnv *env, jclass class, jlong handle, jobject listener)
{
    struct model *m = jni_pointer(handle);
    struct tuff_error error = {0};
    struct jni_progress progress;
    const struct tuff_progress told = jni_progress_of(&progress, env, listener);
    (void)class;
    if (!m->opened->device || (*env)->ExceptionCheck(env)) return;
    const tuff_status status = net_compile(&m->net, m->opened->device, &told, &error);
    if (status != TUFF_OK) jni_throw(env, status, &error);
}

/* The beginning of what buffers[i] holds; NULL where it is null. */
static void *memory_of(JNIEnv *env, jobjectArray buffers, uint32_t i)
{
    jobject buffer = (*env)->GetObjectArrayElement(env, buffers, (jsize)i);
    void *memory = (void *)(uintptr_t)jni_span(env, buffer).data;
    (*env)->DeleteLocalRef(env, buffer);
    return memory;
}

NATIVE(void, Model, Run)
(JNIEnv *env, jclass class, jlong handle, jobjectArray inputs, jint samples, jobjectArray outputs, jboolean on_processor,
 jobject listener)
{
    struct model *m = jni_pointer(handle);
    struct net *net = &m->net;
    struct tuff_error error = {0};
    const void *in[TUFF_MODEL_FIELDS];
    void *out[TUFF_MODEL_OUTPUTS];
    struct jni_progress progress;
    const struct tuff_progress told = jni_progress_of(&progress, env, listener);
    tuff_status status = TUFF_OK;
    (void)class;
    if ((*env)->ExceptionCheck(env)) return;
    for (uint32_t i = 0; i < net->input_count; i++) in[i] = memory_of(env, inputs, i);
    for (uint32_t i = 0; i < net->output_count; i++) out[i] = memory_of(env, outputs, i);
    for (jint n = 0; status == TUFF_OK && n < samples; n++) {
        status = on_processor || !m->opened->device ? net_evaluate(net, m->opened->context, in, out, &told, &error)
                                                    : net_run(net, m->opened->device, in, out, &error);
        for (uint32_t i = 0; i < net->input_count; i++) in[i] = (const uint8_t *)in[i] + net_bytes(net, net->inputs[i]);
        for (uint32_t i = 0; i < net->output_count; i++)
            if (out[i]) out[i] = (uint8_t *)out[i] + net_bytes(net, net->outputs[i]);
    }
    if (status != TUFF_OK) jni_throw(env, status, &error);
}

NATIVE(jint, Model, Submissions)(JNIEnv *env, jclass class, jlong handle)
{
    struct tuff_executable *executable = ((const struct model *)jni_pointer(handle))->net.executable;
    (void)env, (void)class;
    return executable ? (jint)tuff_program_counts(tuff_executable_program(executable)).submissions : 0;
}

/* ---- pictures --------------------------------------------------------------------------------------------------------------------------- */

NATIVE(void, Model, Sample)(JNIEnv *env, jclass class, jlong handle, jintArray argb, jint width, jint height, jobject sample)
{
    const struct model *m = jni_pointer(handle);
    const size_t count = (size_t)width * (size_t)height;
    struct tuff_error error = {0};
    uint8_t *pixels = malloc(4 * count);
    (void)class;
    if (!pixels) {
        jni_throw(env, TUFF_ERR_MEMORY, NULL);
        return;
    }
    (*env)->GetIntArrayRegion(env, argb, 0, (jsize)count, (jint *)(void *)pixels);
    for (uint8_t *p = pixels; p < pixels + 4 * count; p += 4) { /* in place */
        uint32_t word;
        memcpy(&word, p, sizeof word);
        p[0] = (uint8_t)(word >> 16), p[1] = (uint8_t)(word >> 8), p[2] = (uint8_t)word, p[3] = (uint8_t)(word >> 24);
    }
    const struct tuff_picture picture = {(uint32_t)width, (uint32_t)height, 4, pixels};
    const tuff_status status = tuff_preprocess_run(m->opened->context, &tuff_saved_info(m->saved)->preprocess, &picture,
                                                   (uint8_t *)(uintptr_t)jni_span(env, sample).data, &error);
    free(pixels);
    if (status != TUFF_OK) jni_throw(env, status, &error);
}

/* native.h - what the files of the Java library's native part share. Pointers to these structures are Java's longs; Java's objects hold
 * the locks (Handle.java), so that one thread at a time is here with each of them, and counts say how long what others need stays. */
#ifndef TUFF_ANDROID_NATIVE_H
#define TUFF_ANDROID_NATIVE_H

#include <jni.h>
#include <stdatomic.h>
#include <tuff/data.h>
#include <tuff/tuff.h>

/* NATIVE(jlong, Model, Run)(JNIEnv *env, jclass class, ..) is the static native method nativeRun of org.tuff.Model. */
#define NATIVE(result, class_, name) JNIEXPORT result JNICALL Java_org_tuff_##class_##_native##name

/* ---- jni.c: exceptions, texts, buffers -------------------------------------------------------------------------------------------- */

/* TuffException of a status that is not TUFF_OK. An exception that is there already, of a callback's, stays. error: NULL or its sentence, if it has one. */
void jni_throw(JNIEnv *env, tuff_status status, const struct tuff_error *error);
/* A String of UTF-8 (JNI's own functions take another encoding); bytes that are none become U+FFFD. NULL: an exception is there. */
jstring jni_string(JNIEnv *env, const char *utf8);
/* The UTF-8 of a String, for free(); halves of surrogate pairs become U+FFFD. NULL: an exception is there, or text is null. */
char *jni_text(JNIEnv *env, jstring text);
/* A String[] of texts. NULL: an exception is there. */
jobjectArray jni_strings(JNIEnv *env, const char *const *texts, uint32_t count);
/* What a direct buffer holds; {NULL, 0} of null. */
struct tuff_span jni_span(JNIEnv *env, jobject buffer);
/* An object of class org/tuff/NAME by its constructor. NULL: an exception is there. */
jobject jni_new(JNIEnv *env, const char *name, const char *signature, ...);
static inline void *jni_pointer(jlong handle) { return (void *)(intptr_t)handle; }
static inline jlong jni_handle(const void *pointer) { return (jlong)(intptr_t)pointer; }

/* An org.tuff.Progress as Tuff's; its exceptions end the work. */
struct jni_progress {
    JNIEnv *env;
    jobject listener; /* [borrowed] or NULL */
    jmethodID report;
};
/* For the time of a native method. Calls come on the thread that asked for the work. progress must last as long. */
struct tuff_progress jni_progress_of(struct jni_progress *progress, JNIEnv *env, jobject listener);

/* ---- tuff.c: context and device --------------------------------------------------------------------------------------------------- */

/* A Tuff of Java. Models keep it. */
struct opened {
    atomic_uint holders;
    atomic_llong blocks; /* of host memory that the context has taken and not given back */
    struct tuff_context *context;
    struct tuff_device *device; /* NULL: networks run on the processor */
    char why[500];              /* why there is no device */
    char tested[600];           /* what the last self-test said */
};
struct opened *opened_hold(struct opened *opened);
void opened_drop(struct opened *opened); /* NULL is legal */

/* ---- net.c: graphs that run --------------------------------------------------------------------------------------------------------- */

/* A graph with inputs and outputs, for the device and for the processor. */
struct net {
    struct tuff_graph *graph; /* [owned], as session and executable, which are NULL until the device is needed */
    struct tuff_session *session;
    struct tuff_executable *executable;
    const struct tuff_tensors *tensors; /* [borrowed] of parameters and states; NULL: there are none */
    uint32_t input_count, output_count;
    tuff_val inputs[TUFF_MODEL_FIELDS], outputs[TUFF_MODEL_OUTPUTS];
};
void net_finish(struct net *net);
/* Bytes of the value, as net_run and net_evaluate take it. */
size_t net_bytes(const struct net *net, tuff_val value);
/* Makes plan and pipelines, once. progress may be NULL. Errors: those of tuff_session_compile. */
tuff_status net_compile(struct net *net, struct tuff_device *device, const struct tuff_progress *progress,
                        struct tuff_error *error);
/* inputs[i]: net_bytes of input i; outputs[i] likewise, or NULL: of no interest. */
tuff_status net_run(struct net *net, struct tuff_device *device, const void *const *inputs, void *const *outputs,
                    struct tuff_error *error);
/* The same by the operators' definitions. context: for messages. progress may be NULL. */
tuff_status net_evaluate(const struct net *net, struct tuff_context *context, const void *const *inputs,
                         void *const *outputs, const struct tuff_progress *progress, struct tuff_error *error);

/* ---- frame.c: camera frames --------------------------------------------------------------------------------------------------------- */

enum { FRAMES_KEPT = 4 }; /* layouts: two cameras, each upright and across */
struct frames {
    struct frames_entry *entries[FRAMES_KEPT]; /* [owned] or NULL */
    uint64_t runs;
};
void frames_finish(struct frames *frames);

/* ---- model.c --------------------------------------------------------------------------------------------------------------------------- */

/* A Model of Java. Trainers keep it. */
struct model {
    atomic_uint holders;
    struct opened *opened; /* [held] */
    struct tuff_saved *saved;
    struct net net; /* of one sample */
    struct frames frames;
};
struct model *model_hold(struct model *model);
void model_drop(struct model *model); /* NULL is legal */

#endif

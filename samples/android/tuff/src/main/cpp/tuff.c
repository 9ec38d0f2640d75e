/* tuff.c - org.tuff.Tuff: context and device, the self-test, the report. */
#include "native.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum processor { PROCESSOR_NEVER, PROCESSOR_WITHOUT_DEVICE, PROCESSOR_ALWAYS }; /* Options.Processor */

/* ---- memory and log ---------------------------------------------------------------------------------------------------------------- */

static void *allocate(void *user, size_t bytes)
{
    void *memory = malloc(bytes);
    if (memory) atomic_fetch_add(&((struct opened *)user)->blocks, 1);
    return memory;
}

static void *reallocate(void *user, void *old, size_t bytes)
{
    void *memory = realloc(old, bytes);
    if (memory && !old) atomic_fetch_add(&((struct opened *)user)->blocks, 1);
    return memory;
}

static void release(void *user, void *memory)
{
    if (memory) atomic_fetch_sub(&((struct opened *)user)->blocks, 1);
    free(memory);
}

/* Into Android's log, where there is one: the JVM of a test has none. */
static void log_line(void *user, enum tuff_log_level level, const char *message)
{
    static const int priorities[] = {
        [TUFF_LOG_ERROR] = 6, [TUFF_LOG_WARNING] = 5, [TUFF_LOG_INFO] = 4, [TUFF_LOG_DEBUG] = 3};
    int (*write)(int priority, const char *tag, const char *text) = NULL;
    void *library = dlopen("liblog.so", RTLD_NOW); /* of every app's process: counts one more user */
    void *symbol = library ? dlsym(library, "__android_log_write") : NULL;
    (void)user;
    memcpy(&write, &symbol, sizeof write); /* C has no cast from objects to functions */
    if (write) write(priorities[level], "Tuff", message);
    if (library) dlclose(library);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------------ */

struct opened *opened_hold(struct opened *opened)
{
    atomic_fetch_add(&opened->holders, 1);
    return opened;
}

void opened_drop(struct opened *opened)
{
    if (!opened || atomic_fetch_sub(&opened->holders, 1) != 1) return;
    tuff_device_release(opened->device);
    tuff_context_destroy(opened->context);
    free(opened);
}

static tuff_status make_context(struct opened *o, const char *cache, const char *device, uint32_t submission_ms,
                                struct tuff_error *error)
{
    struct tuff_options options = {.struct_size = sizeof options,
                                   .allocator = {o, allocate, reallocate, release},
                                   .log = log_line,
                                   .device = device,
                                   .cache_dir = cache,
                                   .submission_ms = submission_ms};
    tuff_options_from_env(&options); /* TUFF_DEBUG=validate by setenv, as docs/android.md says */
    return tuff_context_create(&options, &o->context, error);
}

static tuff_status open_device(struct opened *o, enum processor processor, struct tuff_error *error)
{
    if (processor == PROCESSOR_ALWAYS) {
        snprintf(o->why, sizeof o->why, "not asked for");
        return TUFF_OK;
    }
    tuff_status status = tuff_device_create(o->context, NULL, &o->device, error);
    if (processor == PROCESSOR_NEVER || (status != TUFF_ERR_NO_DEVICE && status != TUFF_ERR_UNSUPPORTED)) return status;
    snprintf(o->why, sizeof o->why, "%s", error->message);
    return TUFF_OK;
}

NATIVE(jlong, Tuff, Open)(JNIEnv *env, jclass class, jstring cache, jstring device, jint submission_ms, jint processor)
{
    struct tuff_error error = {0};
    struct opened *o = calloc(1, sizeof *o);
    char *cache_text = jni_text(env, cache), *device_text = cache_text ? jni_text(env, device) : NULL;
    tuff_status status = o && !(*env)->ExceptionCheck(env) ? TUFF_OK : TUFF_ERR_MEMORY;
    (void)class;
    if (o) {
        atomic_init(&o->holders, 1);
        atomic_init(&o->blocks, 0);
    }
    if (status == TUFF_OK) status = make_context(o, cache_text, device_text, (uint32_t)submission_ms, &error);
    if (status == TUFF_OK) status = open_device(o, (enum processor)processor, &error);
    free(cache_text);
    free(device_text);
    if (status == TUFF_OK) return jni_handle(o);
    opened_drop(o);
    jni_throw(env, status, &error);
    return 0;
}

NATIVE(void, Tuff, Close)(JNIEnv *env, jclass class, jlong handle)
{
    (void)env, (void)class;
    opened_drop(jni_pointer(handle));
}

NATIVE(jlong, Tuff, Blocks)(JNIEnv *env, jclass class, jlong handle)
{
    (void)env, (void)class;
    return atomic_load(&((struct opened *)jni_pointer(handle))->blocks);
}

NATIVE(jint, Tuff, AddKernels)(JNIEnv *env, jclass class, jlong handle, jobject file)
{
    const struct opened *o = jni_pointer(handle);
    struct tuff_error error = {0};
    uint32_t count = 0;
    (void)class;
    const tuff_status status = tuff_kernels_add(o->context, jni_span(env, file), &count, &error);
    if (status != TUFF_OK) jni_throw(env, status, &error);
    return (jint)count;
}

/* ---- devices ---------------------------------------------------------------------------------------------------------------------------- */

static uint64_t memory_of(const struct tuff_caps *caps)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < caps->heap_count; i++)
        if (caps->heaps[i].device_local && caps->heaps[i].bytes > most) most = caps->heaps[i].bytes;
    return most;
}

static jobject device_of(JNIEnv *env, const struct tuff_caps *caps)
{
    char driver[600];
    snprintf(driver, sizeof driver, "%s %s", caps->driver_name, caps->driver_info);
    jstring name = jni_string(env, caps->name), driver_text = name ? jni_string(env, driver) : NULL,
            kind = driver_text ? jni_string(env, tuff_device_kind_name(caps->kind)) : NULL;
    if (!kind) return NULL;
    return jni_new(env, "org/tuff/Device", "(Ljava/lang/String;Ljava/lang/String;Ljava/lang/String;J)V", name, driver_text,
                   kind, (jlong)memory_of(caps));
}

static jobjectArray array_of(JNIEnv *env, const struct tuff_caps *caps, uint32_t count)
{
    jclass class = (*env)->FindClass(env, "org/tuff/Device");
    jobjectArray array = class ? (*env)->NewObjectArray(env, (jsize)count, class, NULL) : NULL;
    for (uint32_t i = 0; array && i < count; i++) {
        jobject device = device_of(env, &caps[i]);
        if (!device) return NULL;
        (*env)->SetObjectArrayElement(env, array, (jsize)i, device);
    }
    return array;
}

NATIVE(jobjectArray, Tuff, Devices)(JNIEnv *env, jclass class)
{
    struct tuff_error error = {0};
    struct tuff_options options = {.struct_size = sizeof options, .log = log_line};
    struct tuff_context *context = NULL;
    struct tuff_caps *caps = NULL;
    uint32_t count = 0;
    (void)class;
    tuff_options_from_env(&options);
    tuff_status status = tuff_context_create(&options, &context, &error);
    if (status == TUFF_OK) status = tuff_device_list(context, NULL, &count, &error);
    if (status == TUFF_OK) {
        caps = calloc(count + 1, sizeof *caps);
        for (uint32_t i = 0; caps && i < count; i++) caps[i].struct_size = sizeof *caps;
        status = caps ? tuff_device_list(context, caps, &count, &error) : TUFF_ERR_MEMORY;
    }
    if (status == TUFF_ERR_NO_DEVICE) {
        status = TUFF_OK;
        count = 0;
    }
    jobjectArray array = status == TUFF_OK ? array_of(env, caps, count) : NULL;
    if (status != TUFF_OK) jni_throw(env, status, &error);
    free(caps);
    tuff_context_destroy(context);
    return array;
}

NATIVE(jobject, Tuff, Device)(JNIEnv *env, jclass class, jlong handle)
{
    const struct opened *o = jni_pointer(handle);
    (void)class;
    return o->device ? device_of(env, tuff_device_caps(o->device)) : NULL;
}

NATIVE(jstring, Tuff, Version)(JNIEnv *env, jclass class)
{
    (void)class;
    return jni_string(env, tuff_version());
}

/* ---- self-test -------------------------------------------------------------------------------------------------------------------------- */

struct lines {
    char **texts; /* [owned] */
    uint32_t count, wrong;
    bool full; /* memory is exhausted */
};

static void add_line(void *user, const struct tuff_selftest_result *r)
{
    struct lines *lines = user;
    char line[800];
    const char *word = r->status == TUFF_OK ? "ok" : r->status == TUFF_ERR_WRONG ? "WRONG" : "failed";
    if (r->status != TUFF_OK)
        snprintf(line, sizeof line, "%s %s: %s", word, r->family, r->message);
    else if (r->elements == 0)
        snprintf(line, sizeof line, "%s %s: this device is given none", word, r->family);
    else
        snprintf(line, sizeof line, "%s %s: %llu elements, %.2g of the bound, %.0f ms", word, r->family,
                 (unsigned long long)r->elements, r->error, r->milliseconds);
    if (r->status != TUFF_OK) lines->wrong++;
    char *text = malloc(strlen(line) + 1), **more = realloc(lines->texts, (lines->count + 1) * sizeof *more);
    if (more) lines->texts = more;
    if (text && more)
        lines->texts[lines->count++] = strcpy(text, line);
    else
        free(text), lines->full = true;
}

NATIVE(jobjectArray, Tuff, SelfTest)(JNIEnv *env, jclass class, jlong handle, jobject listener)
{
    struct opened *o = jni_pointer(handle);
    struct tuff_error error = {0};
    struct lines lines = {0};
    struct jni_progress progress;
    struct tuff_selftest_params params = {.struct_size = sizeof params,
                                          .progress = jni_progress_of(&progress, env, listener),
                                          .report = add_line,
                                          .user = &lines};
    (void)class;
    if ((*env)->ExceptionCheck(env)) return NULL;
    tuff_status status = o->device ? tuff_selftest(o->device, &params, &error) : TUFF_OK;
    if (lines.full) status = TUFF_ERR_MEMORY;
    if (status != TUFF_OK && !(lines.wrong && status != TUFF_ERR_CANCELLED)) {
        jni_throw(env, status, &error);
    } else if (o->device) {
        snprintf(o->tested, sizeof o->tested, "%s", lines.wrong ? error.message : "all right");
    }
    jobjectArray array = (*env)->ExceptionCheck(env) ? NULL
                                                     : jni_strings(env, (const char *const *)lines.texts, lines.count);
    for (uint32_t i = 0; i < lines.count; i++) free(lines.texts[i]);
    free(lines.texts);
    return array;
}

/* ---- report ------------------------------------------------------------------------------------------------------------------------------ */

struct text {
    char *bytes; /* [owned] */
    size_t length, room;
    bool full; /* memory is exhausted */
};

TUFF_PRINTF(2, 3) static void add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || text->full) return;
    if (text->length + (size_t)length >= text->room) {
        const size_t room = 2 * (text->length + (size_t)length) + 1000;
        char *bytes = realloc(text->bytes, room);
        text->full = !bytes;
        if (!bytes) return;
        text->bytes = bytes;
        text->room = room;
    }
    va_start(arguments, format);
    vsnprintf(text->bytes + text->length, text->room - text->length, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
}

static void add_version(struct text *text, const char *name,
                        uint32_t version) /* Vulkan's packing, which most drivers use for their own */
{
    add(text, "%s: %u.%u.%u\n", name, version >> 22 & 127, version >> 12 & 1023, version & 4095);
}

static const char *yes(bool flag) { return flag ? "yes" : "no"; }

static void add_device(struct text *text, const struct tuff_caps *caps)
{
    struct tuff_driver_row row;
    add(text, "device: %s\nkind: %s\ndriver: %s %s\n", caps->name, tuff_device_kind_name(caps->kind), caps->driver_name,
        caps->driver_info);
    add_version(text, "driver's version", caps->driver_version);
    add_version(text, "Vulkan", caps->api_version);
    add(text, "memory: %llu MiB\n", (unsigned long long)(memory_of(caps) >> 20));
    add(text, "subgroup: %u invocations\n16 bit storage: %s\n16 bit arithmetic: %s\n", caps->subgroup_size,
        yes(caps->f16_storage), yes(caps->f16_arithmetic));
    for (uint32_t i = 0; tuff_driver_row(i, &row); i++)
        if (caps->driver_rows >> i & 1)
            add(text, "known of the driver: %s: %s, because %s\n", row.name, row.effect, row.reason);
}

/* Whether all that ran so far ran as it should. */
static void add_kernels(struct text *text, const struct tuff_context *context)
{
    const struct tuff_kernels_report r = tuff_kernels_report(context);
    add(text, "kernels of files: %u\nplans that run fused: %u of %u\n", r.kernels, r.fused, r.plans);
    if (r.missing[0]) add(text, "first kernel that no file had: %s\n", r.missing);
}

NATIVE(jstring, Tuff, Report)(JNIEnv *env, jclass class, jlong handle)
{
    const struct opened *o = jni_pointer(handle);
    struct text text = {0};
    (void)class;
    add(&text, "Tuff: %s\nnetworks run on: %s\n", tuff_version(),
        o->device ? "the device" : "the processor, by their definitions: one thread, double precision");
    if (o->device)
        add_device(&text, tuff_device_caps(o->device));
    else
        add(&text, "device: none: %s\n", o->why);
    if (o->device) add_kernels(&text, o->context);
    if (o->device) add(&text, "self-test: %s\n", o->tested[0] ? o->tested : "not run");
    jstring string = NULL;
    if (text.full)
        jni_throw(env, TUFF_ERR_MEMORY, NULL);
    else
        string = jni_string(env, text.bytes);
    free(text.bytes);
    return string;
}

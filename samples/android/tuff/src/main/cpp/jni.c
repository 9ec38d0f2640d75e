/* jni.c - between Java and C: exceptions, texts, buffers, progress. */
#include "native.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { REPLACEMENT = 0xfffd };

/* ---- exceptions --------------------------------------------------------------------------------------------------------------------- */

void jni_throw(JNIEnv *env, tuff_status status, const struct tuff_error *error)
{
    const char *name = tuff_status_name(status);
    if ((*env)->ExceptionCheck(env)) return;
    const char *sentence = error && error->message[0]  ? error->message
                           : status == TUFF_ERR_MEMORY ? "out of host memory"
                                                       : name;
    jstring text = jni_string(env, sentence), status_text = text ? jni_string(env, name) : NULL;
    if (!status_text) return;
    jthrowable exception = jni_new(env, "org/tuff/TuffException", "(Ljava/lang/String;Ljava/lang/String;)V", status_text,
                                   text);
    if (exception) (*env)->Throw(env, exception);
}

jobject jni_new(JNIEnv *env, const char *name, const char *signature, ...)
{
    jclass class = (*env)->FindClass(env, name);
    jmethodID constructor = class ? (*env)->GetMethodID(env, class, "<init>", signature) : NULL;
    if (!constructor) return NULL;
    va_list arguments;
    va_start(arguments, signature);
    jobject object = (*env)->NewObjectV(env, class, constructor, arguments);
    va_end(arguments);
    (*env)->DeleteLocalRef(env, class);
    return object;
}

/* ---- texts -------------------------------------------------------------------------------------------------------------------------- */

/* The next character of UTF-8, as RFC 3629 has it: no surrogates, no longer forms. *at moves behind it; REPLACEMENT for a byte that begins none. */
static uint32_t next_of_utf8(const unsigned char **at)
{
    const unsigned char *p = *at;
    const uint32_t count = p[0] < 0x80 ? 0 : p[0] >= 0xf0 && p[0] < 0xf5 ? 3 : p[0] >= 0xe0 ? 2 : 1;
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    *at = p + 1;
    if (count == 0) return p[0];
    if (p[0] < 0xc2 || p[0] > 0xf4) return REPLACEMENT;
    uint32_t c = p[0] & (0x3f >> count);
    for (uint32_t i = 1; i <= count; i++) {
        if ((p[i] & 0xc0) != 0x80) return REPLACEMENT; /* also the text's end */
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[count] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return REPLACEMENT;
    *at = p + count + 1;
    return c;
}

jstring jni_string(JNIEnv *env, const char *utf8)
{
    jchar *units = malloc((strlen(utf8) + 1) * sizeof *units); /* no character takes more units than bytes */
    jsize count = 0;
    if (!units) {
        jclass exception = (*env)->FindClass(env, "java/lang/OutOfMemoryError");
        if (exception) (*env)->ThrowNew(env, exception, "texts of Tuff");
        return NULL;
    }
    for (const unsigned char *at = (const unsigned char *)utf8; *at;) {
        const uint32_t c = next_of_utf8(&at);
        if (c >= 0x10000) units[count++] = (jchar)(0xd800 + ((c - 0x10000) >> 10));
        units[count++] = (jchar)(c >= 0x10000 ? 0xdc00 + (c & 0x3ff) : c);
    }
    jstring string = (*env)->NewString(env, units, count);
    free(units);
    return string;
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    const int count = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    *to++ = (char)(c >> 6 * count | (0xff00 >> (count + 1) & 0xff));
    for (int i = count - 1; i >= 0; i--) *to++ = (char)((c >> 6 * i & 0x3f) | 0x80);
    return to;
}

char *jni_text(JNIEnv *env, jstring text)
{
    if (!text) return NULL;
    const jsize count = (*env)->GetStringLength(env, text);
    char *utf8 = malloc(3 * (size_t)count + 1), *to = utf8;
    const jchar *units = utf8 ? (*env)->GetStringChars(env, text, NULL) : NULL;
    if (!units) {
        free(utf8);
        jni_throw(env, TUFF_ERR_MEMORY, NULL);
        return NULL;
    }
    for (jsize i = 0; i < count; i++) {
        uint32_t c = units[i];
        const bool pair = c >= 0xd800 && c < 0xdc00 && i + 1 < count && units[i + 1] >= 0xdc00 && units[i + 1] < 0xe000;
        if (pair)
            c = 0x10000 + ((c & 0x3ff) << 10) + (units[++i] & 0x3ffu);
        else if (c >= 0xd800 && c < 0xe000)
            c = REPLACEMENT;
        to = put_utf8(to, c);
    }
    *to = 0;
    (*env)->ReleaseStringChars(env, text, units);
    return utf8;
}

jobjectArray jni_strings(JNIEnv *env, const char *const *texts, uint32_t count)
{
    jclass class = (*env)->FindClass(env, "java/lang/String");
    jobjectArray array = class ? (*env)->NewObjectArray(env, (jsize)count, class, NULL) : NULL;
    for (uint32_t i = 0; array && i < count; i++) {
        jstring string = jni_string(env, texts[i]);
        if (!string) return NULL;
        (*env)->SetObjectArrayElement(env, array, (jsize)i, string);
        (*env)->DeleteLocalRef(env, string);
    }
    return array;
}

/* ---- buffers, progress ----------------------------------------------------------------------------------------------------------------- */

struct tuff_span jni_span(JNIEnv *env, jobject buffer)
{
    if (!buffer) return (struct tuff_span){NULL, 0};
    return (struct tuff_span){(*env)->GetDirectBufferAddress(env, buffer),
                              (size_t)(*env)->GetDirectBufferCapacity(env, buffer)};
}

static bool report(void *user, const char *what, uint64_t done, uint64_t total)
{
    const struct jni_progress *p = user;
    JNIEnv *env = p->env;
    jstring text = (*env)->ExceptionCheck(env) ? NULL : jni_string(env, what);
    if (!text) return false;
    bool more = (*env)->CallBooleanMethod(env, p->listener, p->report, text, (jlong)done, (jlong)total);
    (*env)->DeleteLocalRef(env, text);
    return !(*env)->ExceptionCheck(env) && more;
}

struct tuff_progress jni_progress_of(struct jni_progress *progress, JNIEnv *env, jobject listener)
{
    *progress = (struct jni_progress){.env = env, .listener = listener};
    if (!listener) return (struct tuff_progress){.report = NULL};
    jclass class = (*env)->FindClass(env, "org/tuff/Progress");
    if (class) progress->report = (*env)->GetMethodID(env, class, "report", "(Ljava/lang/String;JJ)Z");
    if (!progress->report) return (struct tuff_progress){.report = NULL}; /* an exception is there */
    return (struct tuff_progress){.report = report, .user = progress};
}

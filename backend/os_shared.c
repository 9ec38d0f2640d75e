/* os_shared.c - os.h where systems hardly differ: threads, mutexes and conditions (of POSIX or Win32), lists of folders, parts of files, names
 * of temporary files.
 *
 * Needs the context's allocator. Keeps no state of its own. */
#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0600 /* Vista: condition variables */
#endif
#include <windows.h>

#define NATIVE_THREAD HANDLE
#define NATIVE_MUTEX CRITICAL_SECTION
#define NATIVE_CONDITION CONDITION_VARIABLE
#define THREAD_MAIN DWORD WINAPI
#define START(thread) (((thread)->handle = CreateThread(NULL, 0, thread_main, (thread), 0, NULL)) != NULL)
#define JOIN(thread) (WaitForSingleObject((thread)->handle, INFINITE), CloseHandle((thread)->handle))
#define INIT_MUTEX(mutex) (InitializeCriticalSection(mutex), true)
#define FINISH_MUTEX(mutex) DeleteCriticalSection(mutex)
#define LOCK(mutex) EnterCriticalSection(mutex)
#define UNLOCK(mutex) LeaveCriticalSection(mutex)
#define INIT_CONDITION(condition) (InitializeConditionVariable(condition), true)
#define FINISH_CONDITION(condition) ((void)(condition))
#define WAIT(condition, mutex) SleepConditionVariableCS(condition, mutex, INFINITE)
#define SIGNAL_ALL(condition) WakeAllConditionVariable(condition)

#else

#define _POSIX_C_SOURCE 200809L
#include <pthread.h>

#define NATIVE_THREAD pthread_t
#define NATIVE_MUTEX pthread_mutex_t
#define NATIVE_CONDITION pthread_cond_t
#define THREAD_MAIN void *
#define START(thread) (pthread_create(&(thread)->handle, NULL, thread_main, (thread)) == 0)
#define JOIN(thread) pthread_join((thread)->handle, NULL)
#define INIT_MUTEX(mutex) (pthread_mutex_init(mutex, NULL) == 0)
#define FINISH_MUTEX(mutex) pthread_mutex_destroy(mutex)
#define LOCK(mutex) pthread_mutex_lock(mutex)
#define UNLOCK(mutex) pthread_mutex_unlock(mutex)
#define INIT_CONDITION(condition) (pthread_cond_init(condition, NULL) == 0)
#define FINISH_CONDITION(condition) pthread_cond_destroy(condition)
#define WAIT(condition, mutex) pthread_cond_wait(condition, mutex)
#define SIGNAL_ALL(condition) pthread_cond_broadcast(condition)

#endif

#include "backend/os_shared.h"

#include <stdlib.h>

/* ---- files ---------------------------------------------------------------------------------------------------------------------- */

bool tuff_os_is_temporary(const char *name, size_t *stem)
{
    size_t length = strlen(name);
    if (length < 8 || strcmp(name + length - 4, ".tmp") != 0) return false;
    length -= 4;
    for (int part = 0; part < 2; part++) {
        size_t digits = 0;
        while (digits < length && name[length - 1 - digits] >= '0' && name[length - 1 - digits] <= '9') digits++;
        if (digits == 0 || digits + 1 >= length || name[length - 1 - digits] != '.') return false;
        length -= digits + 1;
    }
    *stem = length;
    return true;
}

tuff_status tuff_os_part_data(struct tuff_context *context, const struct tuff_os_part *part, const void **data,
                              void **memory, struct tuff_error *error)
{
    *data = part->data;
    *memory = NULL;
    if (part->data || !part->bytes) return TUFF_OK;
    void *made = tuff_alloc(context, part->bytes);
    if (!made) return tuff_fail_memory(context, error);
    tuff_status status = part->read(part->user, made, part->bytes, error);
    if (status == TUFF_OK)
        *data = *memory = made;
    else
        tuff_free(context, made);
    return status;
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

tuff_status tuff_os_list_folder(struct tuff_context *context, const char *path, char ***names, size_t *count,
                                struct tuff_error *error)
{
    size_t found = 0;
    struct tuff_text text = {.context = context};
    tuff_status status = tuff_os_collect_names(context, path, &text, &found, error);
    char **list = status == TUFF_OK ? tuff_alloc(context, (found + 1) * sizeof *list + text.length) : NULL;
    if (status == TUFF_OK && !list) status = tuff_fail_memory(context, error);
    if (status == TUFF_OK) {
        char *at = (char *)(list + found + 1);
        if (text.length) memcpy(at, text.data, text.length);
        for (size_t i = 0; i < found; i++, at += strlen(at) + 1) list[i] = at;
        qsort(list, found, sizeof *list, compare_names);
        *names = list;
        *count = found;
    }
    tuff_text_finish(&text);
    return status;
}

/* ---- the process and its processor ------------------------------------------------------------------------------------------------ */

char *tuff_os_path_join(struct tuff_context *context, const char *folder, const char *name, const char *more)
{
    struct tuff_text text = {.context = context};
    size_t length = strlen(folder);
    bool slash = length > 0 && (folder[length - 1] == '/' || folder[length - 1] == '\\');
    tuff_text_append(&text, folder, length);
    tuff_text_add(&text, "%s%s", slash ? "" : "/", name);
    if (more) tuff_text_add(&text, "/%s", more);
    char *path = tuff_text_take(&text);
    tuff_text_finish(&text);
    return path;
}

const char *tuff_os_getenv(const char *name) { return getenv(name); }

/* ---- threads, mutexes, conditions ------------------------------------------------------------------------------------------------- */

struct tuff_os_thread {
    struct tuff_context *context; /* [borrowed] */
    void (*run)(void *);
    void *argument;       /* [borrowed] */
    NATIVE_THREAD handle; /* [owned] */
};

static THREAD_MAIN thread_main(void *argument)
{
    struct tuff_os_thread *thread = argument;
    thread->run(thread->argument);
    return 0;
}

tuff_status tuff_os_thread_start(struct tuff_context *context, void (*run)(void *), void *argument,
                                 struct tuff_os_thread **thread)
{
    struct tuff_os_thread *made = tuff_alloc(context, sizeof *made);
    if (!made) return TUFF_ERR_MEMORY;
    made->context = context;
    made->run = run;
    made->argument = argument;
    if (!START(made)) {
        tuff_free(context, made);
        return TUFF_ERR_MEMORY;
    }
    *thread = made;
    return TUFF_OK;
}

void tuff_os_thread_join(struct tuff_os_thread *thread)
{
    if (!thread) return;
    JOIN(thread);
    tuff_free(thread->context, thread);
}

/* struct tuff_os_kind, made and destroyed. */
#define OBJECT(kind, native, init, finish)                                                                                  \
    struct tuff_os_##kind {                                                                                                 \
        struct tuff_context *context; /* [borrowed] */                                                                      \
        native handle;                                                                                                      \
    };                                                                                                                      \
    tuff_status tuff_os_##kind##_create(struct tuff_context *context, struct tuff_os_##kind **object)                       \
    {                                                                                                                       \
        struct tuff_os_##kind *made = tuff_alloc(context, sizeof *made);                                                    \
        bool good = made && init(&made->handle);                                                                            \
        if (!good) tuff_free(context, made);                                                                                \
        if (!good) return TUFF_ERR_MEMORY;                                                                                  \
        made->context = context;                                                                                            \
        *object = made;                                                                                                     \
        return TUFF_OK;                                                                                                     \
    }                                                                                                                       \
    void tuff_os_##kind##_destroy(struct tuff_os_##kind *object)                                                            \
    {                                                                                                                       \
        if (!object) return;                                                                                                \
        finish(&object->handle);                                                                                            \
        tuff_free(object->context, object);                                                                                 \
    }
OBJECT(mutex, NATIVE_MUTEX, INIT_MUTEX, FINISH_MUTEX)
OBJECT(condition, NATIVE_CONDITION, INIT_CONDITION, FINISH_CONDITION)

void tuff_os_mutex_lock(struct tuff_os_mutex *mutex) { LOCK(&mutex->handle); }

void tuff_os_mutex_unlock(struct tuff_os_mutex *mutex) { UNLOCK(&mutex->handle); }

void tuff_os_condition_wait(struct tuff_os_condition *condition, struct tuff_os_mutex *mutex)
{
    WAIT(&condition->handle, &mutex->handle);
}

void tuff_os_condition_signal_all(struct tuff_os_condition *condition) { SIGNAL_ALL(&condition->handle); }

/* backend_options.c - where a context's options come from: those of the environment where none are given, a struct as it is, words that
 * nobody knows as errors that list the known ones. And what a wrong call is told: the caller's words, nothing of the code. */
#include "tests/backend_help.h"

#include "graph/graph.h"
#include "samples/data/data.h"

#include <stdio.h>
#include <stdlib.h>

/* Windows has no setenv, and an empty value is none there. */
static void set(const char *name, const char *value)
{
#ifdef _WIN32
    _putenv_s(name, value ? value : "");
#else
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
#endif
}

static const char *const variables[] = {"TUFF_DEVICE", "TUFF_DEBUG",  "TUFF_LOG",    "TUFF_CACHE_DIR",
                                        "TUFF_LIMITS", "TUFF_DRIVER", "TUFF_CLASS",  "TUFF_SUBMISSION_MS",
                                        "TUFF_CHECK",  "TUFF_TUNING", "TUFF_HOSTILE"};
static const char *const values[] = {"a device", "check,nofuse", "debug", "a folder", "v3d71", "none", "mali", "8",
                                     "1",        "a file",       "7"};

static bool is(const char *text, const char *wanted) { return text && wanted ? !strcmp(text, wanted) : text == wanted; }

static void test_environment(struct backend_test *test)
{
    struct tuff_options own = {.struct_size = sizeof own}, mixed = {.struct_size = sizeof mixed, .device = "mine"};
    struct tuff_context *context = NULL;
    struct tuff_error error = {0};
    for (size_t i = 0; i < TUFF_COUNT(variables); i++) set(variables[i], values[i]);
    tuff_options_from_env(&mixed);
    const struct {
        const char *name;
        const struct tuff_options *options;
        bool read; /* the environment */
        const char *device;
    } cases[] = {{"no options", NULL, true, "a device"}, {"own options", &own, false, NULL}, {"both", &mixed, true, "mine"}};
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        if (!backend_status(test, cases[i].name, TUFF_OK, tuff_context_create(cases[i].options, &context, &error), &error))
            continue;
        const struct tuff_options *got = &context->options;
        bool read = cases[i].read;
        backend_check(test, is(got->device, cases[i].device), "%s: device %s", cases[i].name,
                      got->device ? got->device : "");
        backend_check(test, got->debug == (read ? TUFF_DEBUG_CHECK | TUFF_DEBUG_NOFUSE : 0u), "%s: debug %x", cases[i].name,
                      (unsigned)got->debug);
        backend_check(test, got->log_level == (read ? TUFF_LOG_DEBUG : TUFF_LOG_WARNING), "%s: log", cases[i].name);
        backend_check(test, is(got->cache_dir, read ? "a folder" : NULL) && is(got->limits, read ? "v3d71" : NULL),
                      "%s: cache_dir or limits", cases[i].name);
        backend_check(test, is(got->driver, read ? "none" : NULL) && is(got->tuning, read ? "a file" : NULL),
                      "%s: driver or tuning", cases[i].name);
        backend_check(test, is(got->device_class, read ? "mali" : NULL), "%s: device_class", cases[i].name);
        backend_check(test, got->submission_ms == (read ? 8 : 0) && got->check == (read ? TUFF_CHECK_ALL : TUFF_CHECK_FIRST),
                      "%s: submission_ms or check", cases[i].name);
        backend_check(test, got->hostile == (read ? 7u : 0u), "%s: hostile", cases[i].name);
        tuff_context_destroy(context);
    }
    for (size_t i = 0; i < TUFF_COUNT(variables); i++) set(variables[i], NULL);
}

/* words NULL: there is a context. */
static void expect_words(struct backend_test *test, const char *variable, const char *value, const char *words)
{
    struct tuff_context *context = NULL;
    struct tuff_error error = {0};
    set(variable, value);
    tuff_status status = tuff_context_create(NULL, &context, &error);
    set(variable, NULL);
    if (!words)
        backend_status(test, value, TUFF_OK, status, &error);
    else
        backend_check(test, status == TUFF_ERR_USAGE && strstr(error.message, words) && strstr(error.message, variable),
                      "%s=%s: expected TUFF_ERR_USAGE with '%s', got %s: %s", variable, value, words,
                      tuff_status_name(status), error.message);
    if (status == TUFF_OK) tuff_context_destroy(context);
}

static void test_words(struct backend_test *test)
{
    char longest[3000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    expect_words(test, "TUFF_DEBUG", "validte", "\"validte\"; there are: print, check");
    expect_words(test, "TUFF_DEBUG", "check,validate,Nofuse", "\"Nofuse\"");
    expect_words(test, "TUFF_DEBUG", "help,nofusee", "\"nofusee\"");
    expect_words(test, "TUFF_DEBUG", longest, "xxx\"; there are");
    expect_words(test, "TUFF_DEBUG", " check, nofuse,,", NULL);
    expect_words(test, "TUFF_DEBUG", "", NULL);
    expect_words(test, "TUFF_DEBUG", "help", NULL);
    expect_words(test, "TUFF_LOG", "verbose", "\"verbose\"; there are: error");
    expect_words(test, "TUFF_LOG", "", NULL);
    expect_words(test, "TUFF_LOG", "info", NULL);
    expect_words(test, "TUFF_SUBMISSION_MS", "fast", "\"fast\": milliseconds, 1 to 10000");
    expect_words(test, "TUFF_SUBMISSION_MS", "0", "milliseconds");
    expect_words(test, "TUFF_SUBMISSION_MS", "10001", "milliseconds");
    expect_words(test, "TUFF_SUBMISSION_MS", "10000", NULL);
    expect_words(test, "TUFF_HOSTILE", "very", "\"very\": a seed");
    expect_words(test, "TUFF_HOSTILE", "1000001", "1 to 1000000");
    struct tuff_options options = {.struct_size = sizeof options, .debug = UINT32_C(1) << 20};
    struct tuff_context *context = NULL;
    struct tuff_error error = {0};
    tuff_status status = tuff_context_create(&options, &context, &error);
    backend_check(test, status == TUFF_ERR_USAGE && strstr(error.message, "0x100000"), "unknown bits: got %s: %s",
                  tuff_status_name(status), error.message);
}

/* ---- wrong calls ------------------------------------------------------------------------------------------------------------------ */

static void expect_told(struct backend_test *test, tuff_status status, const struct tuff_error *error, const char *wanted)
{
    static const char *const never[] = {"->", "requires", "sizeof *", "!=", "==", "&&", "||"};
    backend_check(test, status == TUFF_ERR_USAGE && !strcmp(error->message, wanted), "expected '%s', got %s: '%s'", wanted,
                  tuff_status_name(status), error->message);
    for (size_t i = 0; i < TUFF_COUNT(never); i++)
        backend_check(test, !strstr(error->message, never[i]), "code in a message: '%s'", error->message);
}

#define SIZE "the struct_size of the parameters is not set (it is the sizeof of their struct)"

static void test_wrong_calls(struct backend_test *test, struct tuff_context *context)
{
    struct tuff_error e = {0};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_picture picture;
    float value = 0;
    const struct tuff_options no_size = {.debug = 0};
    const struct tuff_evaluate_params none = {.outputs = NULL};
    double *result = NULL;
    expect_told(test, tuff_context_create(&no_size, &context, &e), &e, "tuff_context_create: " SIZE);
    expect_told(test, tuff_graph_create(context, NULL, &e), &e, "tuff_graph_create: context or graph is NULL");
    expect_told(test, tuff_session_create(NULL, NULL, NULL, &session, &e), &e,
                "tuff_session_create: device or graph or session is NULL");
    expect_told(test, tuff_session_write(NULL, 1, &value, 4, &e), &e, "tuff_session_write: session or data is NULL");
    expect_told(test, tuff_buffer_create(NULL, 4, true, "b", NULL, &e), &e, "tuff_buffer_create: device is NULL");
    expect_told(test, tuff_picture_read(context, "x.png", NULL, NULL, &e), &e,
                "tuff_picture_read: context or path or picture is NULL");
    const struct tuff_picture_options options = {.alpha = TUFF_ALPHA_DROP};
    expect_told(test, tuff_picture_read(context, "x.png", &options, &picture, &e), &e, SIZE);
    if (tuff_graph_create(context, &g, &e) != TUFF_OK) abort();
    expect_told(test, tuff_evaluate(g, &none, &result, &e), &e, "tuff_evaluate: " SIZE);
    tuff_graph_destroy(g);
}

int main(void)
{
    struct backend_test test = {.quiet = true};
    struct tuff_context *context = NULL;
    for (size_t i = 0; i < TUFF_COUNT(variables); i++) set(variables[i], NULL);
    test_environment(&test);
    test_words(&test);
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    test_wrong_calls(&test, context);
    tuff_context_destroy(context);
    return backend_test_end(&test, "backend_options");
}

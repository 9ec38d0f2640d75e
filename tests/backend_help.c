/* backend_help.c - see backend_help.h. */
#include "tests/backend_help.h"

#include <stdio.h>
#include <stdlib.h>

static void print_log(void *user, enum tuff_log_level level, const char *message)
{
    const struct backend_test *test = user;
    if (!test->quiet || strstr(message, "vulkan: ")) fprintf(stderr, "log %d: %s\n", (int)level, message);
}

int backend_test_begin(struct backend_test *test, const struct tuff_options *options)
{
    struct tuff_options own = {.struct_size = sizeof own};
    struct tuff_error error = {0};
    if (options) own = *options;
    tuff_options_from_env(&own);
    own.log = print_log;
    own.log_user = test;
    *test = (struct backend_test){.quiet = true};
    if (tuff_context_create(&own, &test->context, &error) != TUFF_OK) {
        printf("context: %s\n", error.message);
        return 1;
    }
    tuff_status status = tuff_device_create(test->context, NULL, &test->device, &error);
    test->quiet = false;
    if (status == TUFF_OK) return 0;
    printf("%s: %s\n", status == TUFF_ERR_NO_DEVICE ? "skipped" : "device", error.message);
    tuff_context_destroy(test->context);
    return status == TUFF_ERR_NO_DEVICE ? 77 : 1;
}

/* Whether it was under validation. */
static bool release_device(struct backend_test *test)
{
    unsigned messages = test->device ? tuff_device_validation_messages(test->device) : 0;
    bool validated = test->device && tuff_device_validation_active(test->device);
    backend_check(test, messages == 0, "validation: expected no message, got %u", messages);
    tuff_device_release(test->device);
    test->device = NULL;
    return validated;
}

void backend_test_renew(struct backend_test *test)
{
    struct tuff_error error = {0};
    release_device(test);
    tuff_status status = tuff_device_create(test->context, NULL, &test->device, &error);
    if (!backend_status(test, "another device", TUFF_OK, status, &error)) exit(1);
}

int backend_test_end(struct backend_test *test, const char *name)
{
    bool validated = release_device(test);
    tuff_context_destroy(test->context);
    printf("%s: %u failures%s\n", name, test->failures, validated ? ", under validation" : "");
    return test->failures != 0;
}

bool backend_check(struct backend_test *test, bool condition, const char *format, ...)
{
    if (condition) return true;
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    test->failures++;
    return false;
}

bool backend_status(struct backend_test *test, const char *what, tuff_status wanted, tuff_status got,
                    const struct tuff_error *error)
{
    return backend_check(test, wanted == got, "%s: expected %s, got %s (%s)", what, tuff_status_name(wanted),
                         tuff_status_name(got), error && got != TUFF_OK ? error->message : "");
}

/* backend_device.c - devices are listed and chosen by index, name and UUID; an unknown name says what there is; two contexts
 * and devices live side by side; a profile of limits only takes away. */
#include "tests/backend_help.h"

#include <stdio.h>

static void choose(struct backend_test *test, const char *what, const char *name, const struct tuff_caps *wanted)
{
    struct tuff_device *device = NULL;
    struct tuff_error error = {0};
    if (!backend_status(test, what, TUFF_OK, tuff_device_create(test->context, name, &device, &error), &error)) return;
    const struct tuff_caps *caps = tuff_device_caps(device);
    backend_check(test, !memcmp(caps->uuid, wanted->uuid, 16), "%s: expected %s, got %s", what, wanted->name, caps->name);
    tuff_device_release(device);
}

static void test_choice(struct backend_test *test, const struct tuff_caps *first)
{
    char uuid[40] = "", part[8] = "";
    struct tuff_device *device = NULL;
    struct tuff_error error = {0};
    for (int i = 0; i < 16; i++) sprintf(uuid + strlen(uuid), "%02X%s", first->uuid[i], i == 3 || i == 5 ? "-" : "");
    snprintf(part, sizeof part, "%.6s", first->name);
    for (char *c = part; *c; c++)
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 'a' + 'A');
    choose(test, "by index", "0", first);
    choose(test, "by UUID", uuid, first);
    choose(test, "by part of the name", part, first);
    test->quiet = true;
    tuff_status status = tuff_device_create(test->context, "no such device", &device, &error);
    test->quiet = false;
    backend_check(test, status == TUFF_ERR_NO_DEVICE && strstr(error.message, first->name) && !device,
                  "unknown name: expected TUFF_ERR_NO_DEVICE that names %s, got %s: %s", first->name,
                  tuff_status_name(status), error.message);
}

static void test_list(struct backend_test *test)
{
    struct tuff_caps caps[8];
    struct tuff_error error = {0};
    uint32_t count = 0, again = TUFF_COUNT(caps);
    memset(caps, 0, sizeof caps);
    backend_status(test, "count", TUFF_OK, tuff_device_list(test->context, NULL, &count, &error), &error);
    backend_status(test, "list", TUFF_OK, tuff_device_list(test->context, caps, &again, &error), &error);
    if (!backend_check(test, count && count == again, "list: expected %u devices, got %u", count, again)) return;
    for (uint32_t i = 0; i + 1 < count && i + 1 < TUFF_COUNT(caps); i++) {
        bool last = caps[i].kind == TUFF_DEVICE_SOFTWARE;
        backend_check(test, !last || caps[i + 1].kind == TUFF_DEVICE_SOFTWARE,
                      "order: expected software last, got %s before %s", caps[i].name, caps[i + 1].name);
    }
    backend_check(test,
                  caps[0].subgroup_size && caps[0].max_shared_bytes >= 16384 && caps[0].max_workgroup_invocations >= 128,
                  "caps: expected at least Vulkan's floor, got subgroup %u, shared %u, invocations %u",
                  caps[0].subgroup_size, caps[0].max_shared_bytes, caps[0].max_workgroup_invocations);
    if (!test->context->options.device) test_choice(test, &caps[0]);
}

/* Both used in turn, released in the order of creation. */
static void test_two(struct backend_test *test)
{
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_buffer *here = NULL, *there = NULL;
    struct tuff_error error = {0};
    uint32_t word = 0;
    if (tuff_context_create(NULL, &context, &error) != TUFF_OK) {
        backend_check(test, false, "second context: %s", error.message);
        return;
    }
    backend_status(test, "second device", TUFF_OK,
                   tuff_device_create(context, test->context->options.device, &device, &error), &error);
    backend_status(test, "here", TUFF_OK, tuff_buffer_create(test->device, 64, true, "here", &here, &error), &error);
    if (device)
        backend_status(test, "there", TUFF_OK, tuff_buffer_create(device, 64, true, "there", &there, &error), &error);
    if (here && there) {
        backend_status(test, "write here", TUFF_OK, tuff_buffer_write(here, 0, &(uint32_t){1}, 4, &error), &error);
        backend_status(test, "write there", TUFF_OK, tuff_buffer_write(there, 0, &(uint32_t){2}, 4, &error), &error);
        backend_status(test, "read here", TUFF_OK, tuff_buffer_read(here, 0, &word, 4, &error), &error);
        backend_check(test, word == 1, "read here: expected 1, got %u", word);
    }
    tuff_buffer_release(here);
    tuff_buffer_release(there);
    tuff_device_release(device);
    tuff_context_destroy(context);
}

static void test_limits(struct backend_test *test)
{
    struct tuff_options options = {
        .struct_size = sizeof options, .limits = "floor", .device = test->context->options.device};
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_error error = {0};
    if (tuff_context_create(&options, &context, &error) != TUFF_OK) return;
    if (backend_status(test, "limits", TUFF_OK, tuff_device_create(context, NULL, &device, &error), &error)) {
        const struct tuff_caps *caps = tuff_device_caps(device);
        backend_check(test, caps->max_shared_bytes == 16384 && caps->max_workgroup_invocations == 128 && !caps->f16_storage,
                      "limits: expected 16384 and 128 without f16, got %u, %u, %d", caps->max_shared_bytes,
                      caps->max_workgroup_invocations, caps->f16_storage);
    }
    tuff_device_release(device);
    tuff_context_destroy(context);
    options.limits = "pocket calculator";
    if (tuff_context_create(&options, &context, &error) != TUFF_OK) return;
    tuff_status status = tuff_device_create(context, NULL, &device, &error);
    backend_check(test, status == TUFF_ERR_USAGE && strstr(error.message, "powervr"),
                  "unknown profile: expected TUFF_ERR_USAGE with the names, got %s: %s", tuff_status_name(status),
                  error.message);
    tuff_context_destroy(context);
}

int main(void)
{
    struct backend_test test;
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    test_list(&test);
    test_two(&test);
    if (!test.context->options.limits) test_limits(&test);
    return backend_test_end(&test, "backend_device");
}

/* bundle.c - any bytes as the file of an executable: plan, content and SPIR-V, up to where a device would take it (-Wl,--wrap:
 * cmake/fuzz.cmake). */
#include "backend/cache.h"
#include "backend/container.h"
#include "backend/handover.h"
#include "loaders/loaders.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static struct tuff_span given; /* what the file holds */

tuff_status __wrap_tuff_container_open(struct tuff_container *container, struct tuff_context *context, const char *path,
                                       struct tuff_error *error);
tuff_status __wrap_tuff_executable_create(struct tuff_device *device, const struct tuff_run_params *params,
                                          struct tuff_executable **executable, struct tuff_error *error);

tuff_status __wrap_tuff_container_open(struct tuff_container *container, struct tuff_context *context, const char *path,
                                       struct tuff_error *error)
{
    return tuff_container_parse(container, context, path, given.data, given.bytes, error);
}

/* Content and kernels that the plan names are there. */
tuff_status __wrap_tuff_executable_create(struct tuff_device *device, const struct tuff_run_params *params,
                                          struct tuff_executable **executable, struct tuff_error *error)
{
    (void)executable;
    for (uint32_t i = 0; i < params->plan->slot_count; i++) {
        const struct tuff_plan_slot *slot = &params->plan->slots[i];
        if (slot->content != TUFF_CONTENT_FILE) continue;
        FUZZ_REQUIRE(slot->file_offset <= given.bytes && slot->content_bytes <= given.bytes - slot->file_offset);
        fuzz_touch(params->file + slot->file_offset, (size_t)slot->content_bytes);
    }
    return tuff_fail(device->context, error, TUFF_ERR_UNSUPPORTED, "there is no device");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_device device = {.context = context};
    struct tuff_executable *executable = NULL;
    const struct tuff_load_params params = {.struct_size = sizeof params};
    struct tuff_error error = {0};
    given = (struct tuff_span){data, size};
    device.cache = tuff_cache_create(&device);
    if (device.cache)
        FUZZ_REQUIRE(!fuzz_read(
            context, tuff_executable_load(&device, "file", size % 2 ? &params : NULL, &executable, &error), &error));
    tuff_cache_destroy(device.cache);
    fuzz_end(context);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return fuzz_mutate_container(data, size, most, seed);
}

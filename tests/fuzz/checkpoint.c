/* checkpoint.c - any bytes as a model file and, where they are a checkpoint, as one of a training. The model that it would be read into
 * lives on a device; here it has one leaf and one group, and is no more than that (-Wl,--wrap: cmake/fuzz.cmake). */
#include "tests/fuzz/fuzz.h"

#include "loaders/leaves.h"
#include "loaders/loaders.h"

static struct tuff_span given; /* what the file holds */

tuff_status __wrap_tuff_checkpoint_read(struct tuff_context *context, const char *path, const char *kind,
                                        struct tuff_tensors **tensors, struct tuff_error *error);
uint32_t __wrap_tuff_model_leaf_count(const struct tuff_model *model);
struct tuff_leaf __wrap_tuff_model_leaf(const struct tuff_model *model, uint32_t index);
tuff_status __wrap_tuff_model_write(struct tuff_model *model, const char *name, const void *data, size_t bytes,
                                    struct tuff_error *error);
const struct tuff_param_group *__wrap_tuff_model_groups(const struct tuff_model *model, uint32_t *count);
const char *__wrap_tuff_model_optimizer(const struct tuff_model *model);
void __wrap_tuff_model_resume(struct tuff_model *model, const struct tuff_fit_state *state);

tuff_status __wrap_tuff_checkpoint_read(struct tuff_context *context, const char *path, const char *kind,
                                        struct tuff_tensors **tensors, struct tuff_error *error)
{
    (void)path;
    return tuff_checkpoint_decode(context, given, kind, tensors, error);
}

uint32_t __wrap_tuff_model_leaf_count(const struct tuff_model *model)
{
    (void)model;
    return 1;
}

struct tuff_leaf __wrap_tuff_model_leaf(const struct tuff_model *model, uint32_t index)
{
    (void)model, (void)index;
    return (struct tuff_leaf){.name = "w", .type = {TUFF_F32, TUFF_SHAPE(2, 6)}, .trained = true};
}

tuff_status __wrap_tuff_model_write(struct tuff_model *model, const char *name, const void *data, size_t bytes,
                                    struct tuff_error *error)
{
    (void)model, (void)error;
    FUZZ_REQUIRE(!strcmp(name, "w") && bytes == 48);
    fuzz_touch(data, bytes);
    return TUFF_OK;
}

const struct tuff_param_group *__wrap_tuff_model_groups(const struct tuff_model *model, uint32_t *count)
{
    static const struct tuff_param_group group = {.name = "all", .pattern = "*"};
    (void)model;
    *count = 1;
    return &group;
}

const char *__wrap_tuff_model_optimizer(const struct tuff_model *model)
{
    (void)model;
    return "adam";
}

void __wrap_tuff_model_resume(struct tuff_model *model, const struct tuff_fit_state *state)
{
    (void)model;
    fuzz_touch(state, sizeof *state);
}

static void check_saved(const struct tuff_saved *saved)
{
    const struct tuff_saved_info *info = tuff_saved_info(saved);
    const struct tuff_tensors *tensors = tuff_saved_tensors(saved);
    for (uint32_t i = 0; i < info->class_count; i++) FUZZ_REQUIRE(fuzz_is_shown(info->class_names[i]));
    for (size_t i = 0; i < tuff_tensors_count(tensors); i++) {
        struct tuff_array array = tuff_tensors_get(tensors, i);
        fuzz_touch(array.data, (size_t)array.bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_model *model = (struct tuff_model *)context; /* not looked into */
    struct tuff_saved *saved = NULL;
    struct tuff_error error = {0};
    given = (struct tuff_span){data, size};
    tuff_status status = tuff_saved_decode(context, given, &saved, &error);
    if (status == TUFF_OK)
        check_saved(saved);
    else if (strstr(error.message, "not a model"))
        status = tuff_model_checkpoint_load(context, model, "file", &error);
    (void)fuzz_read(context, status, &error);
    tuff_saved_destroy(saved);
    fuzz_end(context);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return fuzz_mutate_container(data, size, most, seed);
}

/* weights.c - see weights.h. */
#include "weights.h"

#include <string.h>

static struct tuff_leaf leaf_of_model(void *model, uint32_t index) { return tuff_model_leaf(model, index); }

static tuff_status write_to_model(void *model, const char *name, const void *data, size_t bytes, struct tuff_error *error)
{
    return tuff_model_write(model, name, data, bytes, error);
}

struct weights_target weights_of_model(struct tuff_model *model)
{
    return (struct weights_target){tuff_model_leaf_count(model), leaf_of_model, write_to_model, model};
}

static bool fits(const struct tuff_array *array, const struct tuff_type *type)
{
    bool same = array->element == TUFF_ELEMENT_F32 && array->rank == type->shape.rank;
    for (uint32_t i = 0; i < type->shape.rank && same; i++) same = array->dim[i] == type->shape.dim[i];
    return same;
}

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && !strcmp(text + a - b, end);
}

tuff_status weights_read(struct sample *s, const char *path, const char *prefix, const struct weights_target *to)
{
    struct tuff_tensors *file = NULL;
    struct tuff_saved *saved = NULL;
    tuff_status status = ends_with(path, ".safetensors") ? tuff_safetensors_open(s->context, path, 0, &file, &s->error)
                                                         : tuff_saved_open(s->context, path, &saved, &s->error);
    const struct tuff_tensors *tensors = saved ? tuff_saved_tensors(saved) : file;
    uint32_t loaded = 0;
    for (uint32_t i = 0; status == TUFF_OK && i < to->count; i++) {
        struct tuff_leaf leaf = to->leaf(to->user, i);
        struct tuff_array array;
        char name[300];
        if (!strncmp(leaf.name, "head.", 5) || leaf.type.dtype != TUFF_F32) continue;
        snprintf(name, sizeof name, "%s%s", prefix ? prefix : "", leaf.name);
        if (!tuff_tensors_find(tensors, name, &array))
            status = sample_refuse(s, TUFF_ERR_FORMAT,
                                   "%.200s has no \"%.100s\": is it of another --shape, or is a --prefix missing?", path,
                                   name);
        else if (!fits(&array, &leaf.type))
            status = sample_refuse(s, TUFF_ERR_FORMAT,
                                   "%.200s: \"%.100s\" has another shape than the network's, or is not of F32", path, name);
        else
            status = to->write(to->user, leaf.name, array.data, (size_t)array.bytes, &s->error);
        loaded++;
    }
    if (status == TUFF_OK) printf("backbone %u arrays of %s\n", (unsigned)loaded, SHOWN(path));
    tuff_saved_destroy(saved);
    tuff_tensors_destroy(file);
    return status;
}

/* tensors.c - named arrays of a file, whatever its format: mapped or copied bytes, views, texts, and finding them.
 *
 * Without state: libtuff_data, which makes such arrays of further formats, holds a copy. */
#include "loaders/tensors.h"

#include <stdlib.h>

static tuff_status take_bytes(struct tuff_tensors *t, const struct tuff_tensors_file *file, struct tuff_error *error)
{
    const void *data;
    if (!file->path) {
        t->bytes = file->memory.bytes;
        t->data = t->memory = tuff_alloc(t->context, t->bytes);
        if (!t->memory) return tuff_fail_memory(t->context, error);
        if (t->bytes) memcpy(t->memory, file->memory.data, t->bytes);
        return TUFF_OK;
    }
    TUFF_TRY(tuff_os_map_file(t->context, file->path, &t->map, &data, &t->bytes, error));
    t->data = data;
    if (!file->limit || t->bytes <= file->limit) return TUFF_OK;
    return tuff_fail(t->context, error, TUFF_ERR_FORMAT, "%s has %zu bytes, more than %zu", file->path, t->bytes,
                     file->limit);
}

tuff_status tuff_tensors_read(struct tuff_context *context, const struct tuff_tensors_file *file,
                              struct tuff_tensors **tensors, struct tuff_error *error)
{
    struct tuff_tensors *t = tuff_object_create(context, sizeof *t);
    if (!t) return tuff_fail_memory(context, error);
    t->context = context;
    tuff_arena_init(&t->arena, context);
    tuff_status status = take_bytes(t, file, error);
    if (status == TUFF_OK) status = file->parse(t, file->path ? file->path : "memory", file->user, error);
    if (status == TUFF_OK)
        *tensors = t;
    else
        tuff_tensors_destroy(t);
    return status;
}

void tuff_tensors_destroy(struct tuff_tensors *tensors)
{
    if (!tensors) return;
    for (size_t i = 0; i < tensors->part_count; i++) tuff_tensors_destroy(tensors->parts[i]);
    tuff_arena_finish(&tensors->arena);
    tuff_os_unmap(tensors->map);
    tuff_free(tensors->context, tensors->memory);
    tuff_object_destroy(tensors->context, tensors);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const struct tuff_array *const *)a)->name, (*(const struct tuff_array *const *)b)->name);
}

static int compare_texts(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

const char *tuff_twice(const char **names, size_t count)
{
    if (count) qsort(names, count, sizeof *names, compare_texts);
    for (size_t i = 1; i < count; i++)
        if (strcmp(names[i - 1], names[i]) == 0) return names[i];
    return NULL;
}

tuff_status tuff_texts_twice(struct tuff_tensors *t, const char **key)
{
    const char **keys = tuff_arena_alloc(&t->arena, (t->text_count + 1) * sizeof *keys);
    if (!keys) return TUFF_ERR_MEMORY;
    for (size_t i = 0; i < t->text_count; i++) keys[i] = t->texts[i].key;
    *key = tuff_twice(keys, t->text_count);
    return TUFF_OK;
}

const char *tuff_tensors_sort(struct tuff_tensors *t, const struct tuff_array **order)
{
    for (size_t i = 0; i < t->array_count; i++) order[i] = &t->arrays[i];
    if (t->array_count) qsort(order, t->array_count, sizeof *order, compare_names);
    for (size_t i = 1; i < t->array_count; i++)
        if (strcmp(order[i - 1]->name, order[i]->name) == 0) return order[i]->name;
    t->by_name = order;
    return NULL;
}

tuff_status tuff_tensors_index(struct tuff_tensors *t, const char *name, struct tuff_error *error)
{
    const struct tuff_array **order = tuff_arena_alloc(&t->arena, (t->array_count + 1) * sizeof *order);
    if (!order) return tuff_fail_memory(t->context, error);
    const char *twice = tuff_tensors_sort(t, order);
    if (!twice) return TUFF_OK;
    return tuff_fail(t->context, error, TUFF_ERR_FORMAT, "%s: two arrays are called \"%.100s\"", name, twice);
}

size_t tuff_tensors_count(const struct tuff_tensors *tensors) { return tensors->array_count; }

struct tuff_array tuff_tensors_get(const struct tuff_tensors *tensors, size_t index)
{
    if (TUFF_NEVER(index >= tensors->array_count)) return (struct tuff_array){0};
    return tensors->arrays[index];
}

bool tuff_tensors_find(const struct tuff_tensors *tensors, const char *name, struct tuff_array *array)
{
    size_t low = 0, high = tensors->array_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, tensors->by_name[middle]->name);
        if (order == 0) {
            *array = *tensors->by_name[middle];
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

const char *tuff_tensors_text(const struct tuff_tensors *tensors, const char *key)
{
    for (size_t i = 0; i < tensors->text_count; i++)
        if (strcmp(tensors->texts[i].key, key) == 0) return tensors->texts[i].value;
    return NULL;
}

size_t tuff_tensors_text_count(const struct tuff_tensors *tensors) { return tensors->text_count; }

struct tuff_pair tuff_tensors_text_get(const struct tuff_tensors *tensors, size_t index)
{
    if (TUFF_NEVER(index >= tensors->text_count)) return (struct tuff_pair){0};
    return tensors->texts[index];
}

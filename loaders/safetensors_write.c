/* safetensors_write.c - writes safetensors files.
 *
 * The header is a cJSON tree, printed; the data is not copied: the file is written from parts. Arrays lie by falling
 * element size, which aligns each to its element without holes; the header is padded to 8 bytes with blanks. */
#include "loaders/safetensors.h"

#include <stdlib.h>

static tuff_status check_write(struct tuff_context *context, const struct tuff_tensors_params *params, bool lazy,
                               struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, params->struct_size == sizeof *params);
    TUFF_REQUIRE_THAT(context, error, params->arrays || params->array_count == 0,
                      "arrays is NULL, though array_count is not 0");
    TUFF_REQUIRE_THAT(context, error, params->texts || params->text_count == 0, "texts is NULL, though text_count is not 0");
    for (size_t i = 0; i < params->array_count; i++) {
        const struct tuff_array *a = &params->arrays[i];
        uint64_t bytes = 0;
        TUFF_REQUIRE_THAT(context, error, a->name && a->name[0] && tuff_utf8_valid(a->name, strlen(a->name)),
                          "an array has no name, or one that is not UTF-8");
        TUFF_REQUIRE_THAT(context, error, strcmp(a->name, "__metadata__") != 0,
                          "no array may be called __metadata__, which the format keeps for texts");
        TUFF_REQUIRE_THAT(context, error, tuff_element_bytes(a->element) && a->rank <= TUFF_FILE_RANK,
                          "an array has an unknown type of elements, or too many dimensions");
        if (!tuff_array_bytes(a->element, a->rank, a->dim, &bytes) || bytes != a->bytes || (bytes && !a->data && !lazy))
            return tuff_fail(context, error, TUFF_ERR_USAGE, "tensor \"%.100s\": %llu bytes do not fit its shape", a->name,
                             (unsigned long long)a->bytes);
    }
    for (size_t i = 0; i < params->text_count; i++) {
        const struct tuff_pair *pair = &params->texts[i];
        TUFF_REQUIRE_THAT(context, error, pair->key && tuff_utf8_valid(pair->key, strlen(pair->key)),
                          "the key of a text is NULL or not UTF-8");
        TUFF_REQUIRE_THAT(context, error, pair->value && tuff_utf8_valid(pair->value, strlen(pair->value)),
                          "a text is NULL or not UTF-8");
    }
    return TUFF_OK;
}

static int compare_texts(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* names: storage for `count` texts. */
static tuff_status check_unique(struct tuff_context *context, const char **names, size_t count, struct tuff_error *error)
{
    if (count) qsort(names, count, sizeof *names, compare_texts);
    for (size_t i = 1; i < count; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return tuff_fail(context, error, TUFF_ERR_USAGE, "two tensors or texts are named \"%.100s\"", names[i]);
    return TUFF_OK;
}

static tuff_status check_names(struct tuff_context *context, const struct tuff_tensors_params *params,
                               struct tuff_error *error)
{
    size_t most = params->array_count > params->text_count ? params->array_count : params->text_count;
    const char **names = tuff_alloc(context, most * sizeof *names);
    if (!names) return tuff_fail_memory(context, error);
    for (size_t i = 0; i < params->array_count; i++) names[i] = params->arrays[i].name;
    tuff_status status = check_unique(context, names, params->array_count, error);
    for (size_t i = 0; i < params->text_count; i++) names[i] = params->texts[i].key;
    if (status == TUFF_OK) status = check_unique(context, names, params->text_count, error);
    tuff_free(context, names);
    return status;
}

tuff_status tuff_tensors_check(struct tuff_context *context, const struct tuff_tensors_params *params, bool lazy,
                               struct tuff_error *error)
{
    TUFF_TRY(check_write(context, params, lazy, error));
    return check_names(context, params, error);
}

#if TUFF_HAVE_JSON
#include <cjson/cJSON.h>

/* Adds an item; deletes it where that fails. */
static bool add(cJSON *object, const char *key, cJSON *item)
{
    if (item && (key ? cJSON_AddItemToObject(object, key, item) : cJSON_AddItemToArray(object, item))) return true;
    cJSON_Delete(item);
    return false;
}

static cJSON *describe(const struct tuff_array *array, uint64_t offset)
{
    cJSON *entry = cJSON_CreateObject(), *shape = cJSON_CreateArray(), *offsets = cJSON_CreateArray();
    bool good = entry && shape && offsets && add(entry, "dtype", cJSON_CreateString(tuff_element_name(array->element)));
    for (uint32_t i = 0; good && i < array->rank; i++) good = add(shape, NULL, cJSON_CreateNumber((double)array->dim[i]));
    good = good && add(offsets, NULL, cJSON_CreateNumber((double)offset));
    good = good && add(offsets, NULL, cJSON_CreateNumber((double)(offset + array->bytes)));
    if (good) {
        good = add(entry, "shape", shape);
        good = add(entry, "data_offsets", offsets) && good;
        if (good) return entry;
    } else {
        cJSON_Delete(shape);
        cJSON_Delete(offsets);
    }
    cJSON_Delete(entry);
    return NULL;
}

static cJSON *describe_all(const struct tuff_tensors_params *params, const uint64_t *offsets)
{
    cJSON *root = cJSON_CreateObject(), *texts = cJSON_CreateObject();
    bool good = root && texts;
    for (size_t i = 0; good && i < params->text_count; i++)
        good = add(texts, params->texts[i].key, cJSON_CreateString(params->texts[i].value));
    if (!good || params->text_count == 0) {
        cJSON_Delete(texts);
    } else {
        good = add(root, "__metadata__", texts);
    }
    for (size_t i = 0; good && i < params->array_count; i++)
        good = add(root, params->arrays[i].name, describe(&params->arrays[i], offsets[i]));
    if (good) return root;
    cJSON_Delete(root);
    return NULL;
}

/* The header behind its length, padded, as the first part. */
static tuff_status print_header(struct tuff_arena *arena, const cJSON *root, struct tuff_os_part *part,
                                struct tuff_error *error)
{
    char *json = root ? cJSON_PrintUnformatted(root) : NULL;
    if (!json) return tuff_fail_memory(arena->context, error);
    size_t length = strlen(json), padded = tuff_align(length, 8);
    char *header = tuff_arena_alloc(arena, TUFF_SAFETENSORS_LENGTH + padded);
    if (header) {
        for (int i = 0; i < TUFF_SAFETENSORS_LENGTH; i++) header[i] = (char)((uint64_t)padded >> 8 * i);
        memset(header + TUFF_SAFETENSORS_LENGTH, ' ', padded);
        memcpy(header + TUFF_SAFETENSORS_LENGTH, json, length);
        *part = (struct tuff_os_part){.data = header, .bytes = TUFF_SAFETENSORS_LENGTH + padded};
    }
    cJSON_free(json);
    return header ? TUFF_OK : tuff_fail_memory(arena->context, error);
}

/* Offsets in the data, and the parts in their order, behind the header; returns how many parts there are. */
static size_t lay_out(const struct tuff_tensors_params *params, uint64_t *offsets, struct tuff_os_part *parts)
{
    uint64_t at = 0;
    size_t count = 1;
    for (size_t size = 8; size >= 1; size /= 2)
        for (size_t i = 0; i < params->array_count; i++) {
            const struct tuff_array *array = &params->arrays[i];
            if (tuff_element_bytes(array->element) != size) continue;
            offsets[i] = at;
            at += array->bytes;
            if (array->bytes) parts[count++] = (struct tuff_os_part){.data = array->data, .bytes = (size_t)array->bytes};
        }
    return count;
}

static tuff_status store(struct tuff_context *context, const char *path, const struct tuff_tensors_params *params,
                         struct tuff_error *error)
{
    struct tuff_arena arena;
    tuff_arena_init(&arena, context);
    uint64_t *offsets = tuff_arena_alloc(&arena, params->array_count * sizeof *offsets);
    struct tuff_os_part *parts = tuff_arena_alloc(&arena, (params->array_count + 1) * sizeof *parts);
    tuff_status status = offsets && parts ? TUFF_OK : tuff_fail_memory(context, error);
    if (status == TUFF_OK) {
        size_t count = lay_out(params, offsets, parts);
        cJSON *root = describe_all(params, offsets);
        status = print_header(&arena, root, &parts[0], error);
        cJSON_Delete(root);
        if (status == TUFF_OK) status = tuff_os_write_atomic(context, path, parts, count, error);
    }
    tuff_arena_finish(&arena);
    return status;
}

#endif

tuff_status tuff_safetensors_write(struct tuff_context *context, const char *path, const struct tuff_tensors_params *params,
                                   struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && params);
    TUFF_TRY(tuff_tensors_check(context, params, false, error));
#if TUFF_HAVE_JSON
    return store(context, path, params, error);
#else
    return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED,
                     "cannot write safetensors: this Tuff is built without cJSON (option TUFF_JSON)");
#endif
}

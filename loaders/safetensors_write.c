/* safetensors_write.c - writes safetensors files.
 *
 * The data is not copied: the file is written from parts. Arrays lie by falling
 * element size, which aligns each to its element without holes; the header is padded to 8 bytes with blanks. */
#include "loaders/safetensors.h"

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

static tuff_status check_names(struct tuff_context *context, const struct tuff_tensors_params *params,
                               struct tuff_error *error)
{
    size_t most = params->array_count > params->text_count ? params->array_count : params->text_count;
    const char **names = tuff_alloc(context, most * sizeof *names);
    if (!names) return tuff_fail_memory(context, error);
    for (size_t i = 0; i < params->array_count; i++) names[i] = params->arrays[i].name;
    const char *twice = tuff_twice(names, params->array_count);
    for (size_t i = 0; i < params->text_count && !twice; i++) names[i] = params->texts[i].key;
    if (!twice) twice = tuff_twice(names, params->text_count);
    tuff_free(context, names);
    return twice ? tuff_fail(context, error, TUFF_ERR_USAGE, "two tensors or texts are named \"%.100s\"", twice) : TUFF_OK;
}

tuff_status tuff_tensors_check(struct tuff_context *context, const struct tuff_tensors_params *params, bool lazy,
                               struct tuff_error *error)
{
    TUFF_TRY(check_write(context, params, lazy, error));
    return check_names(context, params, error);
}

/* The header, padded. */
static void describe(const struct tuff_tensors_params *params, const uint64_t *offsets, struct tuff_text *text)
{
    tuff_text_add(text, params->text_count ? "{\"__metadata__\":{" : "{");
    for (size_t i = 0; i < params->text_count; i++) {
        if (i) tuff_text_add(text, ",");
        tuff_text_quote(text, params->texts[i].key, TUFF_QUOTE_JSON);
        tuff_text_add(text, ":");
        tuff_text_quote(text, params->texts[i].value, TUFF_QUOTE_JSON);
    }
    if (params->text_count) tuff_text_add(text, "}");
    for (size_t i = 0; i < params->array_count; i++) {
        const struct tuff_array *a = &params->arrays[i];
        if (i || params->text_count) tuff_text_add(text, ",");
        tuff_text_quote(text, a->name, TUFF_QUOTE_JSON);
        tuff_text_add(text, ":{\"dtype\":\"%s\",\"shape\":[", tuff_element_name(a->element));
        for (uint32_t d = 0; d < a->rank; d++) tuff_text_add(text, "%s%llu", d ? "," : "", (unsigned long long)a->dim[d]);
        tuff_text_add(text, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)offsets[i],
                      (unsigned long long)(offsets[i] + a->bytes));
    }
    tuff_text_add(text, "}");
    for (size_t blanks = (8 - text->length % 8) % 8; blanks > 0; blanks--) tuff_text_add(text, " ");
}

/* Offsets in the data, and the parts in their order, behind the header and its length; returns how many there are. */
static size_t lay_out(const struct tuff_tensors_params *params, uint64_t *offsets, struct tuff_os_part *parts)
{
    uint64_t at = 0;
    size_t count = 2;
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

tuff_status tuff_safetensors_write(struct tuff_context *context, const char *path, const struct tuff_tensors_params *params,
                                   struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && params);
    TUFF_TRY(tuff_tensors_check(context, params, false, error));
    struct tuff_arena arena;
    struct tuff_text text;
    uint8_t length[TUFF_SAFETENSORS_LENGTH];
    tuff_arena_init(&arena, context);
    tuff_text_init(&text, context);
    uint64_t *offsets = tuff_arena_alloc(&arena, params->array_count * sizeof *offsets);
    struct tuff_os_part *parts = tuff_arena_alloc(&arena, (params->array_count + 2) * sizeof *parts);
    tuff_status status = TUFF_OK;
    if (offsets && parts) {
        const size_t count = lay_out(params, offsets, parts);
        describe(params, offsets, &text);
        for (int i = 0; i < TUFF_SAFETENSORS_LENGTH; i++) length[i] = (uint8_t)((uint64_t)text.length >> 8 * i);
        parts[0] = (struct tuff_os_part){.data = length, .bytes = sizeof length};
        parts[1] = (struct tuff_os_part){.data = text.data, .bytes = text.length};
        if (!text.failed) status = tuff_os_write_atomic(context, path, parts, count, error);
    }
    if (!offsets || !parts || text.failed) status = tuff_fail_memory(context, error);
    tuff_text_finish(&text);
    tuff_arena_finish(&arena);
    return status;
}

/* checkpoint.c - checkpoints and models: safetensors files that refuse every flipped bit.
 *
 * The header begins with a fixed text in which eight hexadecimal digits stand at a known place: the CRC-32 of the whole
 * file with '0' in their place. So the checksum covers names, shapes, padding and lengths as well as the data, and any
 * reader of safetensors still opens the file. */
#include "loaders/safetensors.h"

#define CRC_KEY "tuff.crc32"
#define KIND_KEY "tuff.kind"
#define DIGITS 8

static const char zeros[] = "00000000";
static const char prefix[] = "{\"__metadata__\":{\"" CRC_KEY "\":\"";
#define PREFIX_LENGTH (sizeof prefix - 1)
#define DIGITS_AT (TUFF_SAFETENSORS_LENGTH + PREFIX_LENGTH)

static void put_digits(char *to, uint32_t crc)
{
    for (int i = 0; i < DIGITS; i++) to[i] = "0123456789abcdef"[crc >> (28 - 4 * i) & 15];
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------ */

static tuff_status check_keys(struct tuff_context *context, const struct tuff_tensors_params *params,
                              struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, params->struct_size == sizeof *params);
    TUFF_REQUIRE(context, error, params->texts || params->text_count == 0);
    for (size_t i = 0; i < params->text_count; i++) {
        TUFF_REQUIRE(context, error, params->texts[i].key);
        if (strncmp(params->texts[i].key, "tuff.", 5) == 0)
            return tuff_fail(context, error, TUFF_ERR_USAGE, "the key \"%.100s\" is reserved: it begins with \"tuff.\"",
                             params->texts[i].key);
    }
    return TUFF_OK;
}

static tuff_status sign(struct tuff_context *context, struct tuff_safetensors_image *image, struct tuff_error *error)
{
    bool placed = image->header_bytes > DIGITS_AT + DIGITS &&
                  memcmp(image->header + TUFF_SAFETENSORS_LENGTH, prefix, PREFIX_LENGTH) == 0 &&
                  memcmp(image->header + DIGITS_AT, zeros, DIGITS) == 0;
    if (TUFF_NEVER(!placed))
        return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "cJSON prints in a way that is not expected");
    uint32_t crc = 0;
    for (size_t i = 0; i < image->part_count; i++) crc = tuff_crc32(crc, image->parts[i].data, image->parts[i].bytes);
    put_digits(image->header + DIGITS_AT, crc);
    return TUFF_OK;
}

tuff_status tuff_checkpoint_write(struct tuff_context *context, const char *path, const struct tuff_tensors_params *params,
                                  struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && params);
    TUFF_TRY(check_keys(context, params, error));
    struct tuff_tensors_params all = *params;
    struct tuff_pair *texts = tuff_alloc(context, (params->text_count + 2) * sizeof *texts);
    if (!texts) return tuff_fail_memory(context, error);
    texts[0] = (struct tuff_pair){CRC_KEY, zeros};
    texts[1] = (struct tuff_pair){KIND_KEY, params->kind ? params->kind : "checkpoint"};
    if (params->text_count) memcpy(texts + 2, params->texts, params->text_count * sizeof *texts);
    all.texts = texts;
    all.text_count += 2;
    struct tuff_safetensors_image image = {0};
    tuff_status status = tuff_safetensors_image_create(context, &all, &image, error);
    if (status == TUFF_OK) status = sign(context, &image, error);
    if (status == TUFF_OK) status = tuff_os_write_atomic(context, path, image.parts, image.part_count, error);
    tuff_safetensors_image_destroy(context, &image);
    tuff_free(context, texts);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------ */

static tuff_status check_crc(struct tuff_context *context, const struct tuff_source *source, struct tuff_error *error)
{
    char digits[DIGITS];
    if (source->bytes < DIGITS_AT + DIGITS || memcmp(source->data + TUFF_SAFETENSORS_LENGTH, prefix, PREFIX_LENGTH) != 0)
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: not a checkpoint or model of Tuff", source->name);
    uint32_t crc = tuff_crc32(0, source->data, DIGITS_AT);
    crc = tuff_crc32(crc, zeros, DIGITS);
    crc = tuff_crc32(crc, source->data + DIGITS_AT + DIGITS, source->bytes - DIGITS_AT - DIGITS);
    put_digits(digits, crc);
    if (memcmp(digits, source->data + DIGITS_AT, DIGITS) == 0) return TUFF_OK;
    return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: damaged: its checksum is not that of its content", source->name);
}

/* Takes *file over on success. */
static tuff_status take(struct tuff_context *context, const char *name, struct tuff_held *file, const char *kind,
                        struct tuff_tensors **tensors, struct tuff_error *error)
{
    const struct tuff_source source = {name, file->data, file->bytes};
    struct tuff_tensors *result = NULL;
    if (!kind) kind = "checkpoint";
    TUFF_TRY(check_crc(context, &source, error));
    TUFF_TRY(tuff_safetensors_take(context, name, file, &result, error));
    const char *found = tuff_tensors_text(result, KIND_KEY);
    if (!found || strcmp(found, kind) != 0) {
        tuff_status status = tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: a %.40s, not a %.40s", name,
                                       found ? found : "file of unknown kind", kind);
        tuff_tensors_destroy(result);
        return status;
    }
    *tensors = result;
    return TUFF_OK;
}

tuff_status tuff_checkpoint_read(struct tuff_context *context, const char *path, const char *kind,
                                 struct tuff_tensors **tensors, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && tensors);
    struct tuff_held file;
    TUFF_TRY(tuff_held_open(context, path, 0, &file, error));
    tuff_status status = take(context, path, &file, kind, tensors, error);
    tuff_held_release(context, &file);
    return status;
}

tuff_status tuff_checkpoint_decode(struct tuff_context *context, struct tuff_span span, const char *kind,
                                   struct tuff_tensors **tensors, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && tensors);
    TUFF_REQUIRE(context, error, span.data || span.bytes == 0);
    struct tuff_held file;
    TUFF_TRY(tuff_held_copy(context, span, &file, error));
    tuff_status status = take(context, "memory", &file, kind, tensors, error);
    tuff_held_release(context, &file);
    return status;
}

/* idx.c - reads IDX files, plain or compressed by gzip.
 *
 * The format: two zero bytes, a type, a rank, the dimensions as big-endian 32-bit numbers, the elements, big-endian.
 * The file's own memory becomes the array: the header is moved away and the elements are turned in place. */
#include "samples/data/idx.h"
#include "backend/core.h"
#include "backend/os.h"

static const struct {
    uint8_t code;
    enum tuff_element element;
} types[] = {
    {0x08, TUFF_ELEMENT_U8},  {0x09, TUFF_ELEMENT_I8},  {0x0b, TUFF_ELEMENT_I16},
    {0x0c, TUFF_ELEMENT_I32}, {0x0d, TUFF_ELEMENT_F32}, {0x0e, TUFF_ELEMENT_F64},
};

/* Reads the header and checks it against the length. *offset: where the elements begin. */
static tuff_status parse(struct tuff_context *context, const struct tuff_source *source, struct tuff_idx *idx,
                         size_t *offset, struct tuff_error *error)
{
    const uint8_t *data = source->data;
    if (source->bytes < 4 || data[0] != 0 || data[1] != 0)
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: not an IDX file (its first two bytes are not zero)",
                         source->name);
    for (size_t i = 0; i < TUFF_COUNT(types); i++)
        if (types[i].code == data[2]) idx->element = types[i].element;
    if (!idx->element)
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: not an IDX file (type 0x%02x is unknown)", source->name,
                         data[2]);
    idx->rank = data[3];
    if (idx->rank == 0 || idx->rank > TUFF_FILE_RANK)
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: IDX file with %u dimensions; 1 to %d can be read",
                         source->name, (unsigned)idx->rank, TUFF_FILE_RANK);
    *offset = 4 + 4 * (size_t)idx->rank;
    if (source->bytes < *offset)
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: IDX file is cut off within its header", source->name);
    for (uint32_t i = 0; i < idx->rank; i++) {
        const uint8_t *p = data + 4 + 4 * i;
        idx->dim[i] = (uint64_t)p[0] << 24 | (uint64_t)p[1] << 16 | (uint64_t)p[2] << 8 | p[3];
    }
    uint64_t wanted = 0, held = source->bytes - *offset;
    bool fits = tuff_array_bytes(idx->element, idx->rank, idx->dim, &wanted);
    if (!fits || wanted != held)
        return tuff_fail(context, error, TUFF_ERR_FORMAT,
                         "%s: IDX file holds %llu bytes of data where its header says %s%llu", source->name,
                         (unsigned long long)held, fits ? "" : "more than ",
                         (unsigned long long)(fits ? wanted : INT64_MAX));
    idx->count = wanted / tuff_element_bytes(idx->element);
    return TUFF_OK;
}

/* Replaces *data by what it decompresses to. */
static tuff_status expand(struct tuff_context *context, const char *path, size_t limit, void **data, size_t *bytes,
                          struct tuff_error *error)
{
    struct tuff_source packed = {path, *data, *bytes};
    void *plain = NULL;
    size_t plain_bytes = 0;
    TUFF_TRY(tuff_gzip_inflate(context, &packed, limit, &plain, &plain_bytes, error));
    tuff_free(context, *data);
    *data = plain;
    *bytes = plain_bytes;
    return TUFF_OK;
}

tuff_status tuff_idx_take(struct tuff_context *context, const char *name, void **file, size_t bytes, size_t limit,
                          struct tuff_idx *idx, struct tuff_error *error)
{
    struct tuff_idx result = {0};
    size_t offset = 0;
    if (tuff_gzip_is(*file, bytes))
        TUFF_TRY(expand(context, name, limit, file, &bytes, error));
    else if (limit && bytes > limit)
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: larger than the limit of %zu bytes", name, limit);
    TUFF_TRY(parse(context, &(struct tuff_source){name, *file, bytes}, &result, &offset, error));
    memmove(*file, (uint8_t *)*file + offset, bytes - offset);
    tuff_swap_elements(*file, result.count, tuff_element_bytes(result.element));
    result.data = *file;
    *file = NULL;
    *idx = result;
    return TUFF_OK;
}

tuff_status tuff_idx_read(struct tuff_context *context, const char *path, size_t limit, struct tuff_idx *idx,
                          struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && idx);
    const size_t most = SIZE_MAX / 4;
    if (limit > most) limit = most;
    size_t largest = limit ? limit : (uint64_t)1 << 32 < most ? (size_t)((uint64_t)1 << 32) : most;
    void *file = NULL;
    size_t bytes = 0;
    /* Deflate stores what it cannot compress with 5 bytes in 64 KiB; the rest is for the gzip header. */
    TUFF_TRY(tuff_os_read_file(context, path, largest + largest / 64 + 65536, &file, &bytes, error));
    tuff_status status = tuff_idx_take(context, path, &file, bytes, limit, idx, error);
    tuff_free(context, file);
    return status;
}

void tuff_idx_finish(struct tuff_context *context, struct tuff_idx *idx)
{
    tuff_free(context, idx->data);
    *idx = (struct tuff_idx){0};
}

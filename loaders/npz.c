/* npz.c - opens numpy's files: one array (.npy), which stays where it is mapped, or a zip archive of them (.npz), whose members libzip reads into
 * the arena: no more than deflate can reach and the limit lets. libzip's own memory does not come from the context's allocator. */
#include "loaders/npy.h"
#include "loaders/safetensors.h"

#include <stdio.h>

#if TUFF_HAVE_ZIP
#include <zip.h>

enum { RATIO = 100, DEFLATE_RATIO = 1032, LEAST_BYTES = 22 /* of an archive without members */ };

struct archive {
    struct tuff_context *context;
    struct tuff_error *error;
    const char *name;
    struct tuff_tensors *tensors;
    zip_t *zip;
    uint64_t left; /* bytes that members may still have */
};

static tuff_status bad(struct archive *a, tuff_status status, const char *member, const char *why)
{
    return tuff_fail(a->context, a->error, status, "%s: %s%s%s", a->name, member, *member ? ": " : "", why);
}

static tuff_status inflate_member(struct archive *a, const zip_stat_t *about, uint8_t *to)
{
    zip_file_t *file = zip_fopen_index(a->zip, about->index, 0);
    if (!file) return bad(a, TUFF_ERR_UNSUPPORTED, about->name, zip_strerror(a->zip));
    zip_int64_t n = 0;
    uint64_t at = 0;
    while (at < about->size && (n = zip_fread(file, to + at, about->size - at)) > 0) at += (uint64_t)n;
    const bool whole = at == about->size && zip_fread(file, to + at, 1) == 0; /* which checks the CRC */
    zip_fclose(file);
    return whole ? TUFF_OK : bad(a, TUFF_ERR_FORMAT, about->name, "its data is cut off, invalid, or has a wrong checksum");
}

/* What is no array of numbers is a text: why. */
static tuff_status leave_out(struct archive *a, const char *member, const char *why)
{
    struct tuff_tensors *t = a->tensors;
    struct tuff_pair *text = &t->texts[t->text_count++];
    text->key = tuff_arena_strdup(&t->arena, member);
    text->value = tuff_arena_strdup(&t->arena, why);
    return text->key && text->value ? TUFF_OK : tuff_fail_memory(a->context, a->error);
}

static tuff_status add_member(struct archive *a, uint64_t index)
{
    zip_stat_t about;
    char shown[300];
    struct tuff_tensors *t = a->tensors;
    const zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_INDEX | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    if (zip_stat_index(a->zip, index, 0, &about) != 0 || (about.valid & needed) != needed)
        return bad(a, TUFF_ERR_FORMAT, "", "its directory is damaged");
    const size_t length = strlen(about.name);
    if (length < 5 || strcmp(about.name + length - 4, ".npy") != 0)
        return leave_out(a, about.name, "its name does not end in .npy");
    if (about.size > a->left)
        return bad(a, TUFF_ERR_FORMAT, about.name, "the arrays are larger than the limit (256 MiB, or 100 times the file)");
    if (about.size / DEFLATE_RATIO > about.comp_size) return bad(a, TUFF_ERR_FORMAT, about.name, "its sizes are impossible");
    a->left -= about.size;
    uint8_t *data = tuff_arena_alloc(&t->arena, (size_t)about.size + 1);
    if (!data) return tuff_fail_memory(a->context, a->error);
    TUFF_TRY(inflate_member(a, &about, data));
    struct tuff_error why = {0};
    struct tuff_array *array = &t->arrays[t->array_count];
    snprintf(shown, sizeof shown, "%.80s: %.200s", a->name, about.name);
    tuff_status status = tuff_npy_take(&t->arena, &(struct tuff_source){shown, data, (size_t)about.size}, array, &why);
    if (status != TUFF_OK) *array = (struct tuff_array){0};
    if (status == TUFF_ERR_UNSUPPORTED) return leave_out(a, about.name, why.message);
    if (status != TUFF_OK) return tuff_fail(a->context, a->error, status, "%s", why.message);
    char *name = tuff_arena_strdup(&t->arena, about.name);
    if (!name) return tuff_fail_memory(a->context, a->error);
    name[length - 4] = 0;
    array->name = name;
    t->array_count++;
    return TUFF_OK;
}

static tuff_status read_archive(struct archive *a)
{
    struct tuff_tensors *t = a->tensors;
    const zip_int64_t count = zip_get_num_entries(a->zip, 0);
    t->arrays = tuff_arena_alloc(&t->arena, ((size_t)count + 1) * sizeof *t->arrays);
    t->texts = tuff_arena_alloc(&t->arena, ((size_t)count + 1) * sizeof *t->texts);
    if (!t->arrays || !t->texts) return tuff_fail_memory(a->context, a->error);
    for (zip_int64_t i = 0; i < count; i++) TUFF_TRY(add_member(a, (uint64_t)i));
    return TUFF_OK;
}

static tuff_status read_zip(struct tuff_tensors *t, const char *name, size_t limit, struct tuff_error *error)
{
    struct archive a = {.context = t->context, .error = error, .name = name, .tensors = t};
    const uint64_t least = (uint64_t)256 << 20, most = (uint64_t)t->bytes * RATIO;
    a.left = limit ? limit : most < least ? least : most;
    zip_error_t why;
    zip_error_init(&why);
    zip_error_set(&why, ZIP_ER_NOZIP, 0);
    zip_source_t *source = zip_source_buffer_create(t->data, t->bytes, 0, &why);
    a.zip = source && t->bytes >= LEAST_BYTES ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &why) : NULL;
    if (source && !a.zip) zip_source_free(source);
    tuff_status status;
    if (a.zip)
        status = read_archive(&a);
    else
        status = zip_error_code_zip(&why) == ZIP_ER_MEMORY
                     ? tuff_fail_memory(t->context, error)
                     : tuff_fail(t->context, error, TUFF_ERR_FORMAT,
                                 "%s: neither an npy file nor a zip archive as numpy writes: %s", name,
                                 zip_error_strerror(&why));
    if (a.zip) zip_discard(a.zip);
    zip_error_fini(&why);
    return status;
}

#else

static tuff_status read_zip(struct tuff_tensors *t, const char *name, size_t limit, struct tuff_error *error)
{
    (void)limit;
    return tuff_fail(t->context, error, TUFF_ERR_UNSUPPORTED,
                     "%s: no npy file; npz files cannot be read: this Tuff is built without libzip (option TUFF_ZIP)", name);
}

#endif

/* The array of an .npy file is called as the file is. */
static tuff_status read_single(struct tuff_tensors *t, const char *name, struct tuff_error *error)
{
    struct tuff_error why = {0};
    char *base = tuff_arena_strdup(&t->arena, name);
    t->arrays = tuff_arena_alloc(&t->arena, sizeof *t->arrays);
    if (!base || !t->arrays) return tuff_fail_memory(t->context, error);
    tuff_status status = tuff_npy_take(&t->arena, &(struct tuff_source){name, t->data, t->bytes}, t->arrays, &why);
    if (status != TUFF_OK) return tuff_fail(t->context, error, status, "%s", why.message);
    for (char *c = base; *c; c++)
        if (*c == '/' || *c == '\\') base = c + 1;
    const size_t length = strlen(base);
    if (length > 4 && !strcmp(base + length - 4, ".npy")) base[length - 4] = 0;
    t->arrays->name = base;
    t->array_count = 1;
    return TUFF_OK;
}

static tuff_status parse(struct tuff_tensors *t, const char *name, const void *limit, struct tuff_error *error)
{
    TUFF_TRY(tuff_npy_is(t->data, t->bytes) ? read_single(t, name, error)
                                            : read_zip(t, name, *(const size_t *)limit, error));
    const struct tuff_array **order = tuff_arena_alloc(&t->arena, (t->array_count + 1) * sizeof *order);
    if (!order) return tuff_fail_memory(t->context, error);
    const char *twice = tuff_tensors_sort(t, order);
    if (!twice) return TUFF_OK;
    return tuff_fail(t->context, error, TUFF_ERR_FORMAT, "%s: two arrays are called \"%.100s\"", name, twice);
}

tuff_status tuff_numpy_open(struct tuff_context *context, const char *path, size_t limit, struct tuff_tensors **tensors,
                            struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && tensors);
    return tuff_tensors_read(context, &(struct tuff_tensors_file){path, {0}, 0, parse, &limit}, tensors, error);
}

tuff_status tuff_numpy_decode(struct tuff_context *context, struct tuff_span span, size_t limit,
                              struct tuff_tensors **tensors, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && tensors);
    TUFF_REQUIRE_THAT(context, error, span.data || span.bytes == 0, "the data is NULL, though it has bytes");
    return tuff_tensors_read(context, &(struct tuff_tensors_file){NULL, span, 0, parse, &limit}, tensors, error);
}

/* npz.c - opens numpy's files: one array (.npy), which stays where it is mapped, or a zip archive of them (.npz), whose members are read into
 * the arena; writes archives of them. */
#include "loaders/tensors.h"
#include "samples/data/archive.h"
#include "samples/data/npy.h"

#include <stdio.h>
#include <stdlib.h>

/* What is no array of numbers is a text: why. */
static tuff_status leave_out(struct tuff_archive *a, struct tuff_tensors *t, const char *member, const char *why)
{
    struct tuff_pair *text = &t->texts[t->text_count++];
    text->key = tuff_arena_strdup(&t->arena, member);
    text->value = tuff_arena_strdup(&t->arena, why);
    return text->key && text->value ? TUFF_OK : tuff_fail_memory(a->context, a->error);
}

static tuff_status add_member(struct tuff_archive *a, struct tuff_tensors *t, uint64_t index)
{
    struct tuff_member m = {.name = ""};
    char shown[300];
    uint8_t *data = NULL;
    TUFF_TRY(tuff_archive_member(a, index, &m));
    const size_t length = strlen(m.name);
    if (length < 5 || strcmp(m.name + length - 4, ".npy") != 0)
        return leave_out(a, t, m.name, "its name does not end in .npy");
    TUFF_TRY(tuff_archive_read(a, &t->arena, &m, &data));
    struct tuff_error why = {0};
    struct tuff_array *array = &t->arrays[t->array_count];
    snprintf(shown, sizeof shown, "%.80s: %.200s", a->name, m.name);
    tuff_status status = tuff_npy_take(&t->arena, &(struct tuff_source){shown, data, (size_t)m.bytes}, array, &why);
    if (status != TUFF_OK) *array = (struct tuff_array){0};
    if (status == TUFF_ERR_UNSUPPORTED) return leave_out(a, t, m.name, why.message);
    if (status != TUFF_OK) return tuff_fail(a->context, a->error, status, "%s", why.message);
    char *name = tuff_arena_strdup(&t->arena, m.name);
    if (!name) return tuff_fail_memory(a->context, a->error);
    name[length - 4] = 0;
    array->name = name;
    t->array_count++;
    return TUFF_OK;
}

static tuff_status read_archive(struct tuff_archive *a, struct tuff_tensors *t)
{
    t->arrays = tuff_arena_alloc(&t->arena, ((size_t)a->count + 1) * sizeof *t->arrays);
    t->texts = tuff_arena_alloc(&t->arena, ((size_t)a->count + 1) * sizeof *t->texts);
    if (!t->arrays || !t->texts) return tuff_fail_memory(a->context, a->error);
    for (uint64_t i = 0; i < a->count; i++) TUFF_TRY(add_member(a, t, i));
    return TUFF_OK;
}

static tuff_status read_zip(struct tuff_tensors *t, const char *name, size_t limit, struct tuff_error *error)
{
    struct tuff_archive a = {.context = t->context,
                             .error = error,
                             .name = name,
                             .kind = "neither an npy file nor a zip archive as numpy writes"};
    tuff_status status = tuff_archive_open(&a, t->data, t->bytes, limit);
    if (status == TUFF_OK) status = read_archive(&a, t);
    tuff_archive_close(&a);
    return status;
}

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
    return tuff_tensors_index(t, name, error);
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

/* ---- writing: PKWARE's APPNOTE, 4.3 and 4.5.3; members are stored, all sizes are those of zip64 --------------------------------------------- */

enum { LOCAL = 30 + 20, ENTRY = 46 + 28, END64 = 56, LOCATOR = 20, END = 22, NAME_MAX_BYTES = 60000 };

struct cursor {
    uint8_t *at;
};

static void put(struct cursor *c, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) *c->at++ = (uint8_t)(value >> 8 * i);
}

struct packed {
    char head[TUFF_NPY_HEAD];
    size_t head_bytes, name_bytes; /* of the name with ".npy" */
    uint64_t bytes, offset;
    uint32_t crc;
};

/* The local header, or (entry) that of the directory, with its name. */
static void put_header(struct cursor *c, const struct tuff_array *array, const struct packed *p, bool entry)
{
    put(c, entry ? 0x02014b50 : 0x04034b50, 4);
    if (entry) put(c, 45, 2);
    put(c, 45, 2), put(c, 0x800, 2), put(c, 0, 2), put(c, 0x21 << 16, 4); /* version 4.5, names in UTF-8, stored, 1980 */
    put(c, p->crc, 4), put(c, UINT32_MAX, 4), put(c, UINT32_MAX, 4);
    put(c, p->name_bytes, 2), put(c, entry ? 28 : 20, 2);
    if (entry) put(c, 0, 6), put(c, 0, 4), put(c, UINT32_MAX, 4);
    memcpy(c->at, array->name, p->name_bytes - 4);
    memcpy(c->at + p->name_bytes - 4, ".npy", 4);
    c->at += p->name_bytes;
    put(c, 1, 2), put(c, entry ? 24 : 16, 2), put(c, p->bytes, 8), put(c, p->bytes, 8);
    if (entry) put(c, p->offset, 8);
}

static void put_end(struct cursor *c, size_t count, uint64_t from, uint64_t bytes)
{
    put(c, 0x06064b50, 4), put(c, END64 - 12, 8), put(c, 45, 2), put(c, 45, 2), put(c, 0, 8);
    put(c, count, 8), put(c, count, 8), put(c, bytes, 8), put(c, from, 8);
    put(c, 0x07064b50, 4), put(c, 0, 4), put(c, from + bytes, 8), put(c, 1, 4);
    put(c, 0x06054b50, 4), put(c, 0, 4), put(c, UINT16_MAX, 2), put(c, UINT16_MAX, 2);
    put(c, UINT32_MAX, 4), put(c, UINT32_MAX, 4), put(c, 0, 2);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const struct tuff_array *const *)a)->name, (*(const struct tuff_array *const *)b)->name);
}

static tuff_status describe(struct tuff_arena *arena, const char *path, const struct tuff_array *arrays, size_t count,
                            struct packed *packed, struct tuff_error *error)
{
    const struct tuff_array **order = tuff_arena_alloc(arena, (count + 1) * sizeof *order);
    if (!order) return tuff_fail_memory(arena->context, error);
    for (size_t i = 0; i < count; i++) {
        const struct tuff_array *a = order[i] = &arrays[i];
        struct packed *p = &packed[i];
        if (!a->name || !a->name[0] || strlen(a->name) > NAME_MAX_BYTES || !tuff_utf8_valid(a->name, strlen(a->name)))
            return tuff_fail(arena->context, error, TUFF_ERR_USAGE, "%s: array %zu has no name, or one that is not UTF-8",
                             path, i);
        TUFF_TRY(tuff_npy_head(arena->context, path, a, p->head, &p->head_bytes, error));
        p->name_bytes = strlen(a->name) + 4;
        p->bytes = p->head_bytes + a->bytes;
        p->crc = tuff_crc32(tuff_crc32(0, p->head, p->head_bytes), a->bytes ? a->data : "", (size_t)a->bytes);
    }
    if (count) qsort(order, count, sizeof *order, compare_names);
    for (size_t i = 1; i < count; i++)
        if (!strcmp(order[i - 1]->name, order[i]->name))
            return tuff_fail(arena->context, error, TUFF_ERR_USAGE, "%s: two arrays are called \"%.100s\"", path,
                             order[i]->name);
    return TUFF_OK;
}

static tuff_status store(struct tuff_arena *arena, const char *path, const struct tuff_array *arrays, size_t count,
                         struct tuff_error *error)
{
    struct packed *packed = tuff_arena_alloc(arena, (count + 1) * sizeof *packed);
    struct tuff_os_part *parts = tuff_arena_alloc(arena, (3 * count + 1) * sizeof *parts);
    if (!packed || !parts) return tuff_fail_memory(arena->context, error);
    TUFF_TRY(describe(arena, path, arrays, count, packed, error));
    size_t held = END64 + LOCATOR + END, n = 0;
    for (size_t i = 0; i < count; i++) held += LOCAL + ENTRY + 2 * packed[i].name_bytes;
    uint8_t *memory = tuff_arena_alloc(arena, held);
    if (!memory) return tuff_fail_memory(arena->context, error);
    struct cursor c = {memory};
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *from = c.at;
        packed[i].offset = at;
        put_header(&c, &arrays[i], &packed[i], false);
        parts[n++] = (struct tuff_os_part){.data = from, .bytes = (size_t)(c.at - from)};
        parts[n++] = (struct tuff_os_part){.data = packed[i].head, .bytes = packed[i].head_bytes};
        if (arrays[i].bytes) parts[n++] = (struct tuff_os_part){.data = arrays[i].data, .bytes = (size_t)arrays[i].bytes};
        at += (uint64_t)(c.at - from) + packed[i].bytes;
    }
    const uint8_t *directory = c.at;
    for (size_t i = 0; i < count; i++) put_header(&c, &arrays[i], &packed[i], true);
    put_end(&c, count, at, (uint64_t)(c.at - directory));
    parts[n++] = (struct tuff_os_part){.data = directory, .bytes = (size_t)(c.at - directory)};
    return tuff_os_write_atomic(arena->context, path, parts, n, error);
}

tuff_status tuff_npz_write(struct tuff_context *context, const char *path, const struct tuff_array *arrays, size_t count,
                           struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path);
    TUFF_REQUIRE_THAT(context, error, arrays || count == 0, "arrays is NULL, though the count is not 0");
    struct tuff_arena arena;
    tuff_arena_init(&arena, context);
    tuff_status status = store(&arena, path, arrays, count, error);
    tuff_arena_finish(&arena);
    return status;
}

/* safetensors.c - reads safetensors files: a JSON header that describes the arrays, then their data.
 *
 * The file's memory is kept and the views point into it; floats of less than 16 bits are held as f32. A JSON file in place of one is the index of
 * several (`shards`), which are opened as one. cJSON is lenient and its cost is not bounded by the length of
 * the text, so scan_header looks at the text first. cJSON's own memory does not come from the context's allocator. */
#include "loaders/safetensors.h"

#include <stdio.h>
#include <stdlib.h>

#if TUFF_HAVE_JSON
#include <cjson/cJSON.h>

#define HEADER_MAX ((size_t)64 << 20)
#define ENTRIES_MAX ((size_t)1 << 20)
#define SHARDS_MAX ((size_t)1 << 12)
/* cJSON takes 64 bytes for a value, 80 with the allocator's own. A real entry has seven values and more in 54 bytes and more, so that a header
 * takes at most 20 times its size; below 10 MiB it may be as dense as it likes. */
#define VALUES_FREE ((size_t)1 << 17)
#define BYTES_A_VALUE 4
#define DEPTH_MAX 3                  /* header, entry, shape */
#define EXACT_MAX 9007199254740992.0 /* 2^53: whole numbers are exact up to here */

struct job {
    struct tuff_context *context;
    struct tuff_error *error;
    const char *name;
    struct tuff_tensors *tensors;
    const uint8_t *data; /* of the arrays */
    uint64_t data_bytes;
    const struct tuff_small_float **small; /* [arena] of each array, or NULL: it is a view */
};

static tuff_status bad(struct job *job, const char *format, ...) TUFF_PRINTF(2, 3);
static tuff_status bad(struct job *job, const char *format, ...)
{
    char why[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return tuff_fail(job->context, job->error, TUFF_ERR_FORMAT, "%s: bad safetensors file: %s", job->name, why);
}

/* ---- the text of the header ------------------------------------------------------------------------------------------------- */

/* What cJSON would let pass or pay too much for: control characters, \u0000 (it would end a name early), deep nesting, more
 * values than a header can have, text that is not UTF-8. */
static tuff_status scan_header(struct job *job, const char *text, size_t length)
{
    size_t depth = 0, values = 0;
    bool quoted = false, list[DEPTH_MAX + 2] = {false}; /* is the bracket at this depth one of a list? */
    if (!tuff_utf8_valid(text, length)) return bad(job, "its header is not UTF-8");
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if ((unsigned char)c < 0x20 && (quoted || (c != '\n' && c != '\r' && c != '\t')))
            return bad(job, "its header has control characters");
        if (quoted && c == '\\') {
            if (length - i >= 6 && memcmp(text + i, "\\u0000", 6) == 0) return bad(job, "a name or text has a zero byte");
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted) {
            values += c == ':' || c == '[' || (c == ',' && list[depth]);
            depth += c == '{' || c == '[';
            if (depth > DEPTH_MAX) return bad(job, "its header is nested too deep");
            if (c == '{' || c == '[') list[depth] = c == '[';
            if (values > VALUES_FREE && values > length / BYTES_A_VALUE)
                return bad(job,
                           "its header has %zu values and more in %zu bytes; the limit is one in %d bytes above %zu values",
                           values, length, BYTES_A_VALUE, VALUES_FREE);
            if (c == '}' || c == ']') {
                if (depth == 0) return bad(job, "its header has more closing brackets than opening ones");
                depth--;
            }
        }
    }
    return TUFF_OK;
}

static bool blank(const char *from, const char *to)
{
    for (; from < to; from++)
        if (*from != ' ') return false;
    return true;
}

static tuff_status parse_header(struct job *job, const char *text, size_t length, cJSON **json)
{
    if (length == 0 || text[0] != '{') return bad(job, "its header does not begin with {");
    TUFF_TRY(scan_header(job, text, length));
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, length, &end, false);
    if (!root) return bad(job, "its header is not JSON, or memory is exhausted");
    if (!cJSON_IsObject(root) || !blank(end, text + length)) {
        cJSON_Delete(root);
        return bad(job, "something follows the JSON of its header");
    }
    *json = root;
    return TUFF_OK;
}

/* ---- one array ---------------------------------------------------------------------------------------------------------------- */

static bool whole_number(const cJSON *item, uint64_t *value)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= EXACT_MAX)) return false;
    *value = (uint64_t)item->valuedouble;
    return (double)*value == item->valuedouble;
}

static tuff_status read_shape(struct job *job, const cJSON *shape, struct tuff_array *array)
{
    if (!cJSON_IsArray(shape)) return bad(job, "tensor \"%.100s\" has no shape", array->name);
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, shape)
    {
        if (array->rank == TUFF_FILE_RANK)
            return tuff_fail(job->context, job->error, TUFF_ERR_UNSUPPORTED,
                             "%s: tensor \"%.100s\" has more than %d dimensions", job->name, array->name, TUFF_FILE_RANK);
        if (!whole_number(item, &array->dim[array->rank]))
            return bad(job, "tensor \"%.100s\" has a dimension that is no whole number", array->name);
        array->rank++;
    }
    return TUFF_OK;
}

/* A complex number is two floats: one more axis. */
static tuff_status add_parts(struct job *job, const cJSON *type, struct tuff_array *array)
{
    if (strcmp(type->valuestring, "C64") != 0) return TUFF_OK;
    if (array->rank == TUFF_FILE_RANK)
        return tuff_fail(job->context, job->error, TUFF_ERR_UNSUPPORTED,
                         "%s: tensor \"%.100s\" is complex and has %d dimensions", job->name, array->name, TUFF_FILE_RANK);
    array->dim[array->rank++] = 2;
    return TUFF_OK;
}

static tuff_status read_type(struct job *job, const cJSON *type, struct tuff_array *array)
{
    if (!cJSON_IsString(type)) return bad(job, "tensor \"%.100s\" has no dtype", array->name);
    for (int e = TUFF_ELEMENT_BOOL; e <= TUFF_ELEMENT_U64; e++)
        if (strcmp(tuff_element_name(e), type->valuestring) == 0) array->element = e;
    const struct tuff_small_float *small = tuff_small_float_find(type->valuestring);
    job->small[job->tensors->array_count] = small;
    if (small || strcmp(type->valuestring, "C64") == 0) array->element = TUFF_ELEMENT_F32;
    if (array->element) return TUFF_OK;
    return tuff_fail(job->context, job->error, TUFF_ERR_UNSUPPORTED,
                     "%s: tensor \"%.100s\" is of type \"%.20s\", which is unknown", job->name, array->name,
                     type->valuestring);
}

static tuff_status read_offsets(struct job *job, const cJSON *offsets, struct tuff_array *array)
{
    uint64_t begin = 0, end = 0, wanted = 0;
    const cJSON *first = cJSON_IsArray(offsets) ? offsets->child : NULL;
    if (!first || !first->next || first->next->next || !whole_number(first, &begin) || !whole_number(first->next, &end))
        return bad(job, "tensor \"%.100s\" has no data_offsets", array->name);
    if (begin > end || end > job->data_bytes) return bad(job, "tensor \"%.100s\" lies outside of the file", array->name);
    bool fits = tuff_array_bytes(array->element, array->rank, array->dim, &wanted);
    const struct tuff_small_float *small = job->small[job->tensors->array_count];
    if (small && fits) { /* in the file; as f32 until expand_small */
        fits = wanted / sizeof(float) <= INT64_MAX / 8 && wanted / sizeof(float) * tuff_small_float_bits(small) % 8 == 0;
        wanted = wanted / sizeof(float) * tuff_small_float_bits(small) / 8;
    }
    if (!fits || wanted != end - begin)
        return bad(job, "tensor \"%.100s\" has %llu bytes, which do not fit its shape", array->name,
                   (unsigned long long)(end - begin));
    array->data = job->data + begin;
    array->bytes = wanted;
    return TUFF_OK;
}

static tuff_status read_array(struct job *job, const cJSON *entry, struct tuff_array *array)
{
    array->name = tuff_arena_strdup(&job->tensors->arena, entry->string);
    if (!array->name) return tuff_fail_memory(job->context, job->error);
    if (!cJSON_IsObject(entry)) return bad(job, "\"%.100s\" is no description of a tensor", array->name);
    const cJSON *field[3] = {NULL, NULL, NULL}, *item = NULL;
    static const char *const names[3] = {"dtype", "shape", "data_offsets"};
    cJSON_ArrayForEach(item, entry)
    {
        size_t f = 0;
        while (f < 3 && strcmp(names[f], item->string) != 0) f++;
        if (f == 3 || field[f])
            return bad(job, "tensor \"%.100s\" has an unknown or repeated field \"%.40s\"", array->name, item->string);
        field[f] = item;
    }
    TUFF_TRY(read_type(job, field[0], array));
    TUFF_TRY(read_shape(job, field[1], array));
    TUFF_TRY(add_parts(job, field[0], array));
    return read_offsets(job, field[2], array);
}

/* ---- all of them ---------------------------------------------------------------------------------------------------------------- */

static int compare_places(const void *a, const void *b)
{
    const struct tuff_array *x = *(const struct tuff_array *const *)a, *y = *(const struct tuff_array *const *)b;
    const uint8_t *from_x = x->data, *from_y = y->data;
    if (from_x != from_y) return from_x < from_y ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes); /* empty ones first */
}

/* The arrays follow one another from the first byte of the data to the last. */
static tuff_status check_cover(struct job *job, const struct tuff_array **order)
{
    struct tuff_tensors *t = job->tensors;
    const uint8_t *at = job->data;
    qsort(order, t->array_count, sizeof *order, compare_places);
    for (size_t i = 0; i < t->array_count; i++) {
        if (order[i]->data != at) return bad(job, "before tensor \"%.100s\" there is a hole or an overlap", order[i]->name);
        at += order[i]->bytes;
    }
    if (at != job->data + job->data_bytes) return bad(job, "bytes at its end belong to no tensor");
    return TUFF_OK;
}

/* Behind check_cover, so that no byte is looked at twice. */
static tuff_status check_bools(struct job *job)
{
    for (const struct tuff_array *a = job->tensors->arrays; a < job->tensors->arrays + job->tensors->array_count; a++)
        for (uint64_t i = 0; a->element == TUFF_ELEMENT_BOOL && i < a->bytes; i++)
            if (((const uint8_t *)a->data)[i] > 1)
                return bad(job, "tensor \"%.100s\" is BOOL and has a byte that is neither 0 nor 1", a->name);
    return TUFF_OK;
}

static tuff_status index_names(struct job *job, const struct tuff_array **order)
{
    struct tuff_tensors *t = job->tensors;
    for (size_t i = 0; i < t->array_count; i++) order[i] = &t->arrays[i];
    TUFF_TRY(check_cover(job, order));
    TUFF_TRY(check_bools(job));
    const char *twice = tuff_tensors_sort(t, order);
    return twice ? bad(job, "two tensors are named \"%.100s\"", twice) : TUFF_OK;
}

static tuff_status expand_small(struct job *job)
{
    for (size_t i = 0; i < job->tensors->array_count; i++) {
        struct tuff_array *a = &job->tensors->arrays[i];
        if (!job->small[i]) continue;
        const uint8_t *packed = a->data;
        if (!tuff_array_bytes(a->element, a->rank, a->dim, &a->bytes) || a->bytes > SIZE_MAX)
            return tuff_fail_memory(job->context, job->error);
        float *wide = tuff_arena_alloc(&job->tensors->arena, (size_t)a->bytes);
        if (!wide) return tuff_fail_memory(job->context, job->error);
        tuff_small_float_expand(job->small[i], packed, a->bytes / sizeof *wide, wide);
        a->data = wide;
    }
    return TUFF_OK;
}

static tuff_status read_texts(struct job *job, const cJSON *metadata)
{
    struct tuff_tensors *t = job->tensors;
    size_t count = 0;
    const cJSON *item = NULL;
    if (!cJSON_IsObject(metadata)) return bad(job, "its __metadata__ is no object");
    cJSON_ArrayForEach(item, metadata) count++;
    if (count > ENTRIES_MAX) return bad(job, "it has more than %zu texts", ENTRIES_MAX);
    t->texts = tuff_arena_alloc(&t->arena, (count + 1) * sizeof *t->texts);
    if (!t->texts) return tuff_fail_memory(job->context, job->error);
    cJSON_ArrayForEach(item, metadata)
    {
        if (!cJSON_IsString(item)) return bad(job, "metadata \"%.100s\" is no text", item->string);
        struct tuff_pair *pair = &t->texts[t->text_count++];
        pair->key = tuff_arena_strdup(&t->arena, item->string);
        pair->value = tuff_arena_strdup(&t->arena, item->valuestring);
        if (!pair->key || !pair->value) return tuff_fail_memory(job->context, job->error);
    }
    const char *twice = NULL;
    if (tuff_texts_twice(t, &twice) != TUFF_OK) return tuff_fail_memory(job->context, job->error);
    return twice ? bad(job, "metadata has two texts \"%.100s\"", twice) : TUFF_OK;
}

static tuff_status read_entries(struct job *job, const cJSON *root)
{
    struct tuff_tensors *t = job->tensors;
    size_t count = 0;
    bool metadata = false;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, root) count++;
    if (count > ENTRIES_MAX) return bad(job, "it has more than %zu tensors", ENTRIES_MAX);
    t->arrays = tuff_arena_alloc(&t->arena, (count + 1) * sizeof *t->arrays);
    const struct tuff_array **order = tuff_arena_alloc(&t->arena, (count + 1) * sizeof *order);
    job->small = tuff_arena_alloc(&t->arena, (count + 1) * sizeof *job->small);
    if (!t->arrays || !order || !job->small) return tuff_fail_memory(job->context, job->error);
    cJSON_ArrayForEach(item, root)
    {
        if (strcmp(item->string, "__metadata__") == 0) {
            if (metadata) return bad(job, "it has __metadata__ twice");
            metadata = true;
            TUFF_TRY(read_texts(job, item));
        } else {
            TUFF_TRY(read_array(job, item, &t->arrays[t->array_count]));
            t->array_count++;
        }
    }
    TUFF_TRY(index_names(job, order));
    return expand_small(job);
}

/* ---- several files with an index -------------------------------------------------------------------------------------------------- */

struct shard {
    const char *file; /* [borrowed] from the JSON */
    struct tuff_tensors *tensors;
};

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct shard *)a)->file, ((const struct shard *)b)->file);
}

static tuff_status parse_single(struct tuff_tensors *t, const char *name, const void *user, struct tuff_error *error);

/* A file of the index's own folder. */
static tuff_status open_shard(struct job *job, const struct tuff_tensors_file *index, struct shard *shard)
{
    size_t folder = strlen(index->path);
#ifdef _WIN32
    while (folder && !strchr("/\\", index->path[folder - 1])) folder--;
#else
    while (folder && index->path[folder - 1] != '/') folder--;
#endif
    if (!shard->file[0] || shard->file[0] == '.' || strpbrk(shard->file, "/\\:"))
        return bad(job, "the index names \"%.100s\", which is no file of its own folder", shard->file);
    const char *path = tuff_arena_printf(&job->tensors->arena, "%.*s%s", (int)folder, index->path, shard->file);
    if (!path) return tuff_fail_memory(job->context, job->error);
    const struct tuff_tensors_file file = {path, {0}, index->limit, parse_single, NULL};
    TUFF_TRY(tuff_tensors_read(job->context, &file, &shard->tensors, job->error));
    job->tensors->parts[job->tensors->part_count++] = shard->tensors;
    return TUFF_OK;
}

/* Files that the map names, sorted, each once. */
static tuff_status list_shards(struct job *job, const cJSON *map, struct shard *shards, size_t *shard_count)
{
    size_t count = 0, kept = 0;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, map)
    {
        if (!cJSON_IsString(item)) return bad(job, "the index says no file for \"%.100s\"", item->string);
        shards[count++].file = item->valuestring;
    }
    if (count) qsort(shards, count, sizeof *shards, compare_files);
    for (size_t i = 0; i < count; i++)
        if (!kept || strcmp(shards[kept - 1].file, shards[i].file) != 0) shards[kept++] = shards[i];
    *shard_count = kept;
    return kept <= SHARDS_MAX ? TUFF_OK : bad(job, "the index names more than %zu files", SHARDS_MAX);
}

/* Each array of each file is the one that the index means. */
static tuff_status check_shards(struct job *job, const struct shard *shards, size_t count)
{
    for (size_t s = 0; s < count; s++)
        for (size_t i = 0; i < shards[s].tensors->array_count; i++) {
            const struct tuff_array *a = &shards[s].tensors->arrays[i];
            struct tuff_array found;
            if (!tuff_tensors_find(job->tensors, a->name, &found))
                return bad(job, "%.100s holds \"%.100s\", which the index does not name", shards[s].file, a->name);
            if (found.name != a->name)
                return bad(job, "%.100s holds \"%.100s\", which the index says is in another file", shards[s].file, a->name);
        }
    return TUFF_OK;
}

static tuff_status read_index(struct job *job, const struct tuff_tensors_file *index, const cJSON *root)
{
    struct tuff_tensors *t = job->tensors;
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(root, "weight_map"), *item = NULL;
    size_t count = 0, shard_count = 0;
    if (!cJSON_IsObject(map)) return bad(job, "it is JSON without a weight_map, so no index of files either");
    if (!index->path)
        return tuff_fail(job->context, job->error, TUFF_ERR_UNSUPPORTED,
                         "%s: an index of safetensors files, which lie beside it: open it by its path", job->name);
    cJSON_ArrayForEach(item, map) count++;
    if (count > ENTRIES_MAX) return bad(job, "it has more than %zu tensors", ENTRIES_MAX);
    struct shard *shards = tuff_arena_alloc(&t->arena, (count + 1) * sizeof *shards);
    t->arrays = tuff_arena_alloc(&t->arena, (count + 1) * sizeof *t->arrays);
    t->parts = tuff_arena_alloc(&t->arena, (count + 1) * sizeof *t->parts);
    if (!shards || !t->arrays || !t->parts) return tuff_fail_memory(job->context, job->error);
    TUFF_TRY(list_shards(job, map, shards, &shard_count));
    for (size_t i = 0; i < shard_count; i++) TUFF_TRY(open_shard(job, index, &shards[i]));
    cJSON_ArrayForEach(item, map)
    {
        const struct shard key = {.file = item->valuestring};
        const struct shard *shard = bsearch(&key, shards, shard_count, sizeof *shards, compare_files);
        if (!shard || !tuff_tensors_find(shard->tensors, item->string, &t->arrays[t->array_count]))
            return bad(job, "%.100s lacks \"%.100s\", which the index says it holds", item->valuestring, item->string);
        t->array_count++;
    }
    TUFF_TRY(tuff_tensors_index(t, job->name, job->error));
    return check_shards(job, shards, shard_count);
}

static tuff_status parse_index(struct tuff_tensors *t, const char *name, const struct tuff_tensors_file *index,
                               struct tuff_error *error)
{
    struct job job = {.context = t->context, .error = error, .name = name, .tensors = t};
    cJSON *root = NULL;
    size_t length = t->bytes;
    if (length > HEADER_MAX) return bad(&job, "an index of more than %zu bytes", HEADER_MAX);
    while (length && strchr("\n\r\t ", t->data[length - 1])) length--;
    TUFF_TRY(parse_header(&job, (const char *)t->data, length, &root));
    tuff_status status = read_index(&job, index, root);
    cJSON_Delete(root);
    return status;
}

static tuff_status parse_single(struct tuff_tensors *t, const char *name, const void *user, struct tuff_error *error)
{
    struct job job = {.context = t->context, .error = error, .name = name, .tensors = t};
    (void)user;
    if (t->bytes < TUFF_SAFETENSORS_LENGTH) return bad(&job, "it is too short");
    uint64_t length = tuff_little(t->data, TUFF_SAFETENSORS_LENGTH);
    if (length > HEADER_MAX)
        return bad(&job, "its header would have %llu bytes; the limit is %zu", (unsigned long long)length, HEADER_MAX);
    if (length > t->bytes - TUFF_SAFETENSORS_LENGTH) return bad(&job, "its header is cut off");
    job.data = t->data + TUFF_SAFETENSORS_LENGTH + length;
    job.data_bytes = t->bytes - TUFF_SAFETENSORS_LENGTH - length;
    cJSON *root = NULL;
    TUFF_TRY(parse_header(&job, (const char *)t->data + TUFF_SAFETENSORS_LENGTH, (size_t)length, &root));
    tuff_status status = read_entries(&job, root);
    cJSON_Delete(root);
    return status;
}

/* What begins as JSON would be a file with a header of gigabytes. */
static tuff_status parse(struct tuff_tensors *t, const char *name, const void *file, struct tuff_error *error)
{
    const bool index = t->bytes > 8 && t->data[0] == '{' && tuff_little(t->data + 4, 4) != 0;
    return index ? parse_index(t, name, file, error) : parse_single(t, name, NULL, error);
}

#else

static tuff_status parse(struct tuff_tensors *t, const char *name, const void *user, struct tuff_error *error)
{
    (void)user;
    return tuff_fail(t->context, error, TUFF_ERR_UNSUPPORTED,
                     "%s: safetensors, but this Tuff is built without cJSON (option TUFF_JSON)", name);
}

#endif

tuff_status tuff_safetensors_open(struct tuff_context *context, const char *path, size_t limit,
                                  struct tuff_tensors **tensors, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && tensors);
    struct tuff_tensors_file file = {path, {0}, limit, parse, NULL};
    file.user = &file;
    return tuff_tensors_read(context, &file, tensors, error);
}

tuff_status tuff_safetensors_decode(struct tuff_context *context, struct tuff_span span, struct tuff_tensors **tensors,
                                    struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && tensors);
    TUFF_REQUIRE_THAT(context, error, span.data || span.bytes == 0, "the data is NULL, though it has bytes");
    struct tuff_tensors_file file = {NULL, span, 0, parse, NULL};
    file.user = &file;
    return tuff_tensors_read(context, &file, tensors, error);
}

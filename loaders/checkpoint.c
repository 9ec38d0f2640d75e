/* checkpoint.c - checkpoints and models: arrays and texts as sections of a ".tuff" container, which refuses every flipped bit.
 *
 * A text is a section called as its key; some keys have a kind of section of their own. An array is a section of weights; elements
 * and shapes stand in one section, a line an array, in the order of the sections. */
#include "backend/container.h"
#include "loaders/leaves.h"
#include "loaders/safetensors.h"

#define KIND_KEY "tuff.kind"
static const char ARRAYS[] = "arrays";

static const struct {
    const char *key;
    enum tuff_section_kind kind;
} own_kinds[] = {{"graph", TUFF_SECTION_GRAPH}, {"preprocess", TUFF_SECTION_PREPROCESSING}, {"labels", TUFF_SECTION_NAMES}};

static enum tuff_section_kind kind_of(const char *key)
{
    for (size_t i = 0; i < TUFF_COUNT(own_kinds); i++)
        if (strcmp(key, own_kinds[i].key) == 0) return own_kinds[i].kind;
    return TUFF_SECTION_TEXT;
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------ */

static tuff_status check_keys(struct tuff_context *context, const struct tuff_tensors_params *params,
                              struct tuff_error *error)
{
    for (size_t i = 0; i < params->text_count; i++)
        if (strncmp(params->texts[i].key, "tuff.", 5) == 0)
            return tuff_fail(context, error, TUFF_ERR_USAGE, "the key \"%.100s\" is reserved: it begins with \"tuff.\"",
                             params->texts[i].key);
    return TUFF_OK;
}

struct lazy {
    const struct tuff_array *array;
    tuff_array_read read;
    void *user;
};

static tuff_status read_lazy(void *user, void *to, size_t bytes, struct tuff_error *error)
{
    const struct lazy *lazy = user;
    return lazy->read(lazy->user, lazy->array, to, bytes, error);
}

static void describe(const struct tuff_tensors_params *params, struct tuff_text *text)
{
    for (size_t i = 0; i < params->array_count; i++) {
        const struct tuff_array *array = &params->arrays[i];
        tuff_text_add(text, "%s", tuff_element_name(array->element));
        for (uint32_t d = 0; d < array->rank; d++) tuff_text_add(text, " %llu", (unsigned long long)array->dim[d]);
        tuff_text_add(text, "\n");
    }
}

static struct tuff_section_params text_section(const char *key, const char *value)
{
    return (struct tuff_section_params){.kind = kind_of(key), .name = key, .data = value, .bytes = strlen(value)};
}

tuff_status tuff_checkpoint_store(struct tuff_context *context, const char *path, const struct tuff_tensors_params *params,
                                  tuff_array_read read, void *user, struct tuff_error *error)
{
    TUFF_TRY(tuff_tensors_check(context, params, read != NULL, error));
    TUFF_TRY(check_keys(context, params, error));
    struct tuff_arena arena;
    struct tuff_text text;
    tuff_arena_init(&arena, context);
    tuff_text_init(&text, context);
    describe(params, &text);
    size_t most = params->text_count + params->array_count + 2, count = 0;
    struct tuff_section_params *sections = tuff_arena_alloc(&arena, most * sizeof *sections);
    struct lazy *lazy = tuff_arena_alloc(&arena, (params->array_count + 1) * sizeof *lazy);
    tuff_status status = sections && lazy && !text.failed ? TUFF_OK : tuff_fail_memory(context, error);
    if (status == TUFF_OK) {
        sections[count++] = text_section(KIND_KEY, params->kind ? params->kind : "checkpoint");
        for (size_t i = 0; i < params->text_count; i++)
            sections[count++] = text_section(params->texts[i].key, params->texts[i].value);
        sections[count++] = (struct tuff_section_params){
            .kind = TUFF_SECTION_ARRAYS, .name = ARRAYS, .data = text.length ? text.data : "", .bytes = text.length};
        for (size_t i = 0; i < params->array_count; i++) {
            const struct tuff_array *array = &params->arrays[i];
            lazy[i] = (struct lazy){array, read, user};
            sections[count++] = (struct tuff_section_params){.kind = TUFF_SECTION_WEIGHTS,
                                                             .name = array->name,
                                                             .data = array->data,
                                                             .bytes = (size_t)array->bytes,
                                                             .read = read_lazy,
                                                             .user = &lazy[i]};
        }
        status = tuff_container_write(context, path, sections, (uint32_t)count, error);
    }
    tuff_text_finish(&text);
    tuff_arena_finish(&arena);
    return status;
}

tuff_status tuff_checkpoint_write(struct tuff_context *context, const char *path, const struct tuff_tensors_params *params,
                                  struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && params);
    return tuff_checkpoint_store(context, path, params, NULL, NULL, error);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------ */

struct reading {
    const struct tuff_container *container;
    struct tuff_tensors *tensors;
    const char *line, *end; /* of the descriptions of arrays */
    struct tuff_error *error;
};

static tuff_status bad(const struct reading *r, const char *why, const char *name)
{
    return tuff_fail(r->tensors->context, r->error, TUFF_ERR_FORMAT, "%s: %s (\"%.100s\")", r->container->name, why, name);
}

static tuff_status read_text(struct reading *r, const struct tuff_section *section)
{
    struct tuff_tensors *t = r->tensors;
    size_t bytes = (size_t)section->bytes;
    if (memchr(section->data, 0, bytes) || !tuff_utf8_valid((const char *)section->data, bytes))
        return bad(r, "a text is not UTF-8", section->name);
    char *value = tuff_arena_alloc(&t->arena, bytes + 1);
    const char *key = tuff_arena_strdup(&t->arena, section->name);
    if (!value || !key) return tuff_fail_memory(t->context, r->error);
    memcpy(value, section->data, bytes);
    value[bytes] = 0;
    t->texts[t->text_count++] = (struct tuff_pair){key, value};
    return TUFF_OK;
}

/* One line: "F32 16 1 3 3". */
static bool read_line(struct reading *r, struct tuff_array *array)
{
    const char *at = r->line, *stop = at < r->end ? memchr(at, '\n', (size_t)(r->end - at)) : NULL;
    if (!stop) return false;
    r->line = stop + 1;
    const char *space = memchr(at, ' ', (size_t)(stop - at));
    size_t length = (size_t)((space ? space : stop) - at);
    for (int e = TUFF_ELEMENT_BOOL; e <= TUFF_ELEMENT_U64; e++)
        if (strlen(tuff_element_name(e)) == length && !memcmp(tuff_element_name(e), at, length)) array->element = e;
    if (!array->element) return false;
    struct tuff_parser p = {.at = at + length, .end = stop, .of = ARRAYS};
    while (tuff_reads(&p) && p.at < p.end) {
        if (array->rank == TUFF_FILE_RANK) return false;
        tuff_expect(&p, " ");
        array->dim[array->rank++] = tuff_read_number(&p, 10, UINT64_MAX);
    }
    return tuff_reads(&p);
}

static tuff_status read_array(struct reading *r, const struct tuff_section *section)
{
    struct tuff_tensors *t = r->tensors;
    struct tuff_array array = {.data = section->data, .bytes = section->bytes};
    uint64_t wanted = 0;
    if (!read_line(r, &array)) return bad(r, "an array has no description", section->name);
    if (!tuff_array_bytes(array.element, array.rank, array.dim, &wanted) || wanted != array.bytes)
        return bad(r, "an array has bytes that do not fit its shape", section->name);
    for (uint64_t i = 0; array.element == TUFF_ELEMENT_BOOL && i < array.bytes; i++)
        if (section->data[i] > 1) return bad(r, "a BOOL array has a byte that is neither 0 nor 1", section->name);
    array.name = tuff_arena_strdup(&t->arena, section->name);
    if (!array.name) return tuff_fail_memory(t->context, r->error);
    t->arrays[t->array_count++] = array;
    return TUFF_OK;
}

static tuff_status read_section(struct reading *r, const struct tuff_section *section)
{
    TUFF_TRY(tuff_container_check(r->container, section, r->error));
    if (section->kind == TUFF_SECTION_WEIGHTS) return read_array(r, section);
    if (section->kind == TUFF_SECTION_ARRAYS || section->kind == TUFF_SECTION_SPIRV) return TUFF_OK; /* kernels: pack.c */
    if (section->kind == kind_of(section->name)) return read_text(r, section);
    return bad(r, "a section that no checkpoint or model has", section->name);
}

static tuff_status read_sections(struct reading *r)
{
    struct tuff_tensors *t = r->tensors;
    const struct tuff_container *c = r->container;
    const struct tuff_section *lines = tuff_container_find(c, TUFF_SECTION_ARRAYS, ARRAYS);
    if (!lines) return bad(r, "not a checkpoint or model of Tuff: it lacks a section", ARRAYS);
    r->line = (const char *)lines->data;
    r->end = r->line + lines->bytes;
    size_t count = (size_t)c->section_count;
    t->arrays = tuff_arena_alloc(&t->arena, count * sizeof *t->arrays);
    t->texts = tuff_arena_alloc(&t->arena, count * sizeof *t->texts);
    const struct tuff_array **order = tuff_arena_alloc(&t->arena, count * sizeof *order);
    if (!t->arrays || !t->texts || !order) return tuff_fail_memory(t->context, r->error);
    for (uint32_t i = 0; i < c->section_count; i++) TUFF_TRY(read_section(r, &c->sections[i]));
    if (r->line != r->end) return bad(r, "more descriptions than arrays", ARRAYS);
    const char *twice = tuff_tensors_sort(t, order);
    if (twice) return bad(r, "two arrays have one name", twice);
    if (tuff_texts_twice(t, &twice) != TUFF_OK) return tuff_fail_memory(t->context, r->error);
    return twice ? bad(r, "two texts have one key", twice) : TUFF_OK;
}

static tuff_status check_kind(const struct reading *r, const char *wanted)
{
    const char *found = tuff_tensors_text(r->tensors, KIND_KEY);
    if (!wanted && tuff_tensors_text(r->tensors, TUFF_PLACE_KEY))
        wanted = found; /* a model that can be trained further is one, too */
    if (!wanted) wanted = "checkpoint";
    if (found && (!*wanted || strcmp(found, wanted) == 0)) return TUFF_OK;
    return tuff_fail(r->tensors->context, r->error, TUFF_ERR_FORMAT, "%s: a %.40s, not a %.40s", r->container->name,
                     found ? found : "file of unknown kind", *wanted ? wanted : "model");
}

static tuff_status parse(struct tuff_tensors *t, const char *name, const void *kind, struct tuff_error *error)
{
    struct tuff_container container;
    TUFF_TRY(tuff_container_parse(&container, t->context, name, t->data, t->bytes, error));
    struct reading r = {.container = &container, .tensors = t, .error = error};
    tuff_status status = read_sections(&r);
    if (status == TUFF_OK) status = check_kind(&r, kind);
    tuff_container_close(&container);
    return status;
}

tuff_status tuff_checkpoint_read(struct tuff_context *context, const char *path, const char *kind,
                                 struct tuff_tensors **tensors, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && tensors);
    return tuff_tensors_read(context, &(struct tuff_tensors_file){path, {0}, 0, parse, kind}, tensors, error);
}

tuff_status tuff_checkpoint_decode(struct tuff_context *context, struct tuff_span span, const char *kind,
                                   struct tuff_tensors **tensors, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && tensors);
    TUFF_REQUIRE_THAT(context, error, span.data || span.bytes == 0, "the data is NULL, though it has bytes");
    return tuff_tensors_read(context, &(struct tuff_tensors_file){NULL, span, 0, parse, kind}, tensors, error);
}

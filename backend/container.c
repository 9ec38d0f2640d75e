/* container.c - reads and writes ".tuff" files: nothing else knows their layout, and it knows nothing of what sections hold. */
#include "backend/container.h"
#include "backend/os.h"

enum { HEADER_BYTES = 32, ENTRY_BYTES = 32, MAGIC_BYTES = 8, FORMAT_VERSION = 1, MOST_SECTIONS = 1 << 20 };
static const char MAGIC[MAGIC_BYTES + 1] = "TUFF\r\n\x1a\n";

/* ---- numbers of the file ------------------------------------------------------------------------------------------------------ */

static void put(uint8_t *at, unsigned bytes, uint64_t value)
{
    for (unsigned i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> 8 * i);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------ */

static tuff_status bad(const struct tuff_container *c, struct tuff_error *error, const char *why)
{
    return tuff_fail(c->arena.context, error, TUFF_ERR_FORMAT, "%s: %s", c->name, why);
}

bool tuff_container_is(const void *data, size_t bytes) { return bytes >= MAGIC_BYTES && !memcmp(data, MAGIC, MAGIC_BYTES); }

static tuff_status read_section(struct tuff_container *c, const uint8_t *table, uint64_t table_bytes, uint32_t index,
                                struct tuff_error *error)
{
    const uint8_t *entry = table + (size_t)index * ENTRY_BYTES;
    struct tuff_section *section = &c->sections[index];
    uint64_t kind = tuff_little(entry, 4), name = tuff_little(entry + 24, 4), length = tuff_little(entry + 28, 4);
    *section = (struct tuff_section){.kind = (enum tuff_section_kind)kind,
                                     .crc = (uint32_t)tuff_little(entry + 4, 4),
                                     .offset = tuff_little(entry + 8, 8),
                                     .bytes = tuff_little(entry + 16, 8)};
    if (kind == 0 || kind >= TUFF_SECTION_END) return bad(c, error, "a section of an unknown kind");
    if (section->offset % TUFF_SECTION_ALIGNMENT || section->offset > c->bytes ||
        section->bytes > c->bytes - section->offset || section->offset < HEADER_BYTES + table_bytes)
        return bad(c, error, "a section does not lie within the file");
    uint64_t before = index ? section[-1].offset + section[-1].bytes : HEADER_BYTES + table_bytes;
    if (section->offset != tuff_align(before, TUFF_SECTION_ALIGNMENT))
        return bad(c, error, "its sections do not follow one another");
    for (; before < section->offset; before++)
        if (c->data[before]) return bad(c, error, "there is something between its sections");
    if (name > table_bytes || length > table_bytes - name || (length && memchr(table + name, 0, (size_t)length)))
        return bad(c, error, "a section's name does not lie within the table");
    char *text = tuff_arena_alloc(&c->arena, (size_t)length + 1);
    if (!text) return tuff_fail_memory(c->arena.context, error);
    memcpy(text, table + name, (size_t)length);
    section->name = text;
    section->data = c->data + section->offset;
    return TUFF_OK;
}

static tuff_status read_table(struct tuff_container *c, struct tuff_error *error)
{
    if (!tuff_container_is(c->data, c->bytes))
        return bad(
            c, error,
            "not a checkpoint, model or executable of Tuff (.tuff). Models and checkpoints of Tuff 0.1 are safetensors "
            "files: their weights are read by tuff_safetensors_open, or the model is trained again");
    if (c->bytes < HEADER_BYTES) return bad(c, error, "ends within its header");
    const uint8_t *head = c->data, *table = head + HEADER_BYTES;
    if (tuff_little(head + 8, 4) != FORMAT_VERSION) return bad(c, error, "of a format that another version of Tuff writes");
    uint64_t count = tuff_little(head + 12, 4), table_bytes = tuff_little(head + 24, 4);
    if (tuff_little(head + 16, 8) != c->bytes) return bad(c, error, "has not as many bytes as its header says");
    if (table_bytes > c->bytes - HEADER_BYTES || count > MOST_SECTIONS || count * ENTRY_BYTES > table_bytes)
        return bad(c, error, "its table of sections does not lie within the file");
    c->table_crc = tuff_crc32(tuff_crc32(0, head, HEADER_BYTES - 4), table, (size_t)table_bytes);
    if (c->table_crc != tuff_little(head + 28, 4)) return bad(c, error, "its table is damaged");
    c->sections = tuff_arena_alloc(&c->arena, ((size_t)count + 1) * sizeof *c->sections);
    if (!c->sections) return tuff_fail_memory(c->arena.context, error);
    c->section_count = (uint32_t)count;
    for (uint32_t i = 0; i < c->section_count; i++) TUFF_TRY(read_section(c, table, table_bytes, i, error));
    const struct tuff_section *last = &c->sections[c->section_count];
    if ((count ? last[-1].offset + last[-1].bytes : HEADER_BYTES + table_bytes) != c->bytes)
        return bad(c, error, "there is something behind its last section");
    return TUFF_OK;
}

tuff_status tuff_container_parse(struct tuff_container *container, struct tuff_context *context, const char *name,
                                 const void *data, size_t bytes, struct tuff_error *error)
{
    *container = (struct tuff_container){.data = data, .bytes = bytes};
    tuff_arena_init(&container->arena, context);
    container->name = tuff_arena_strdup(&container->arena, name);
    tuff_status status = container->name ? read_table(container, error) : tuff_fail_memory(context, error);
    if (status != TUFF_OK) tuff_container_close(container);
    return status;
}

tuff_status tuff_container_open(struct tuff_container *container, struct tuff_context *context, const char *path,
                                struct tuff_error *error)
{
    const void *data;
    size_t bytes;
    struct tuff_os_map *map;
    TUFF_TRY(tuff_os_map_file(context, path, &map, &data, &bytes, error));
    tuff_status status = tuff_container_parse(container, context, path, data, bytes, error);
    if (status == TUFF_OK)
        container->map = map;
    else
        tuff_os_unmap(map);
    return status;
}

void tuff_container_close(struct tuff_container *container)
{
    tuff_os_unmap(container->map);
    tuff_arena_finish(&container->arena);
    container->map = NULL;
    container->section_count = 0;
}

const struct tuff_section *tuff_container_find(const struct tuff_container *container, enum tuff_section_kind kind,
                                               const char *name)
{
    for (uint32_t i = 0; i < container->section_count; i++)
        if (container->sections[i].kind == kind && !strcmp(container->sections[i].name, name))
            return &container->sections[i];
    return NULL;
}

tuff_status tuff_container_check(const struct tuff_container *container, const struct tuff_section *section,
                                 struct tuff_error *error)
{
    if (tuff_crc32(0, section->data, (size_t)section->bytes) == section->crc) return TUFF_OK;
    return tuff_fail(container->arena.context, error, TUFF_ERR_FORMAT, "%s: section '%s' is damaged", container->name,
                     section->name);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------ */

static uint64_t table_bytes_of(const struct tuff_section_params *sections, uint32_t count)
{
    uint64_t bytes = (uint64_t)count * ENTRY_BYTES;
    for (uint32_t i = 0; i < count; i++) bytes += strlen(sections[i].name);
    return bytes;
}

void tuff_container_lay_out(const struct tuff_section_params *sections, uint32_t count, uint64_t *offsets)
{
    uint64_t at = HEADER_BYTES + table_bytes_of(sections, count);
    for (uint32_t i = 0; i < count; i++) {
        offsets[i] = tuff_align(at, TUFF_SECTION_ALIGNMENT);
        at = offsets[i] + sections[i].bytes;
    }
}

/* What the callbacks of the parts need. */
struct writing {
    const struct tuff_section_params *sections;
    uint32_t count;
    const uint64_t *offsets;
    uint64_t bytes; /* of the file */
    uint32_t *crcs; /* of the sections written so far */
};

struct written_section {
    const struct tuff_section_params *params;
    uint32_t *crc;
};

static tuff_status read_content(void *user, void *to, size_t bytes, struct tuff_error *error)
{
    const struct written_section *section = user;
    TUFF_TRY(section->params->read(section->params->user, to, bytes, error));
    *section->crc = tuff_crc32(0, to, bytes);
    return TUFF_OK;
}

/* Header and table, when all checksums are known. */
static tuff_status make_table(void *user, void *to, size_t head_bytes, struct tuff_error *error)
{
    const struct writing *w = user;
    (void)error;
    uint64_t table_bytes = head_bytes - HEADER_BYTES, name = (uint64_t)w->count * ENTRY_BYTES;
    uint8_t *head = to, *table = head + HEADER_BYTES;
    for (uint32_t i = 0; i < w->count; i++) {
        uint8_t *entry = table + (size_t)i * ENTRY_BYTES;
        size_t length = strlen(w->sections[i].name);
        put(entry, 4, w->sections[i].kind);
        put(entry + 4, 4, w->crcs[i]);
        put(entry + 8, 8, w->offsets[i]);
        put(entry + 16, 8, w->sections[i].bytes);
        put(entry + 24, 4, name);
        put(entry + 28, 4, length);
        memcpy(table + name, w->sections[i].name, length);
        name += length;
    }
    memcpy(head, MAGIC, MAGIC_BYTES);
    put(head + 8, 4, FORMAT_VERSION);
    put(head + 12, 4, w->count);
    put(head + 16, 8, w->bytes);
    put(head + 24, 4, table_bytes);
    put(head + 28, 4, tuff_crc32(tuff_crc32(0, head, HEADER_BYTES - 4), table, (size_t)table_bytes));
    return TUFF_OK;
}

tuff_status tuff_container_write(struct tuff_context *context, const char *path, const struct tuff_section_params *sections,
                                 uint32_t count, struct tuff_error *error)
{
    static const uint8_t zeros[TUFF_SECTION_ALIGNMENT];
    uint64_t table_bytes = table_bytes_of(sections, count), at = HEADER_BYTES + table_bytes;
    TUFF_REQUIRE_THAT(context, error, count <= MOST_SECTIONS && table_bytes <= UINT32_MAX, "a file has too many sections");
    struct tuff_arena arena = {.context = context};
    uint64_t *offsets = tuff_arena_alloc(&arena, ((size_t)count + 1) * sizeof *offsets);
    uint32_t *crcs = tuff_arena_alloc(&arena, ((size_t)count + 1) * sizeof *crcs);
    struct written_section *contents = tuff_arena_alloc(&arena, ((size_t)count + 1) * sizeof *contents);
    struct tuff_os_part *parts = tuff_arena_alloc(&arena, (2 * (size_t)count + 2) * sizeof *parts);
    void *head = tuff_arena_alloc(&arena, (size_t)at); /* zeros until the rest is written */
    tuff_status status = offsets && crcs && contents && parts && head ? TUFF_OK : tuff_fail_memory(context, error);
    if (status == TUFF_OK) {
        size_t part_count = 0;
        tuff_container_lay_out(sections, count, offsets);
        parts[part_count++] = (struct tuff_os_part){.data = head, .bytes = (size_t)at};
        for (uint32_t i = 0; i < count; i++) {
            const struct tuff_section_params *section = &sections[i];
            contents[i] = (struct written_section){section, &crcs[i]};
            if (section->data) crcs[i] = tuff_crc32(0, section->data, section->bytes);
            parts[part_count++] = (struct tuff_os_part){.data = zeros, .bytes = (size_t)(offsets[i] - at)};
            parts[part_count++] = (struct tuff_os_part){
                .data = section->data, .bytes = section->bytes, .read = read_content, .user = &contents[i]};
            at = offsets[i] + section->bytes;
        }
        struct writing w = {sections, count, offsets, at, crcs};
        parts[part_count++] = (struct tuff_os_part){
            .bytes = (size_t)(HEADER_BYTES + table_bytes), .read = make_table, .user = &w, .again = true};
        status = tuff_os_write_atomic(context, path, parts, part_count, error);
    }
    tuff_arena_finish(&arena);
    return status;
}

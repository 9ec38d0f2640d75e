/* mutate.c - the mutator of ".tuff" files, and the folders of targets that read files. */
#define _DEFAULT_SOURCE 1 /* mkdtemp beside POSIX 2008 */
#define _POSIX_C_SOURCE 200809L
#include "backend/container.h"
#include "backend/os.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER = 32, ENTRY = 32, COUNT_AT = 12, BYTES_AT = 16, TABLE_AT = 24, CRC_AT = 28, SECTIONS = 32, NAME = 64 };

static void put(uint8_t *at, int bytes, uint64_t value)
{
    for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes; i-- > 0;) value = value << 8 | at[i];
    return value;
}

/* Size and checksums of what lies where the table says; the rest stays. */
static size_t sign(uint8_t *data, size_t size)
{
    if (size < HEADER) return size;
    uint64_t table = get(data + TABLE_AT, 4);
    put(data + BYTES_AT, 8, size);
    if (table > size - HEADER) return size;
    for (size_t i = 0; i < data[COUNT_AT] && (i + 1) * ENTRY <= table; i++) {
        uint8_t *entry = data + HEADER + i * ENTRY;
        uint64_t offset = get(entry + 8, 8), bytes = get(entry + 16, 8);
        if (offset <= size && bytes <= size - offset) put(entry + 4, 4, tuff_crc32(0, data + offset, (size_t)bytes));
    }
    put(data + CRC_AT, 4, tuff_crc32(tuff_crc32(0, data, CRC_AT), data + HEADER, (size_t)table));
    return size;
}

struct sections {
    struct tuff_section_params at[SECTIONS + 1];
    uint32_t count;
    char name[NAME + 1];
    uint8_t *content; /* [owned] of the one that was mutated */
};

static void read_sections(struct sections *s, const struct tuff_container *c)
{
    for (s->count = 0; s->count < c->section_count && s->count < SECTIONS; s->count++) {
        const struct tuff_section *from = &c->sections[s->count];
        s->at[s->count] = (struct tuff_section_params){
            .kind = from->kind, .name = from->name, .data = from->data, .bytes = (size_t)from->bytes};
    }
}

static void change(struct sections *s, size_t most, unsigned seed)
{
    uint32_t one = seed / 16 % s->count, other = seed / 512 % s->count;
    struct tuff_section_params *section = &s->at[one], before = *section;
    size_t length = strlen(section->name);
    switch (seed % 16) {
    case 1: *section = s->at[--s->count]; break;
    case 2: s->at[s->count++] = before; break;
    case 3: *section = s->at[other], s->at[other] = before; break;
    case 4: section->kind = seed / 512 % TUFF_SECTION_END; break;
    case 5: section->name = s->at[other].name; break;
    case 6:
        if (length > NAME) break;
        memcpy(s->name, section->name, length);
        s->name[LLVMFuzzerMutate((uint8_t *)s->name, length, NAME)] = 0;
        section->name = s->name;
        break;
    default:
        if (!(s->content = malloc(most + 1))) abort();
        memcpy(s->content, section->data, section->bytes);
        section->bytes = LLVMFuzzerMutate(s->content, section->bytes, most);
        section->data = s->content;
    }
}

/* Nothing where it does not fit; data is what the sections borrow from. */
static size_t write_sections(const struct sections *s, uint8_t *data, size_t most)
{
    uint64_t offsets[SECTIONS + 1], bytes = HEADER + (uint64_t)s->count * ENTRY, name = bytes - HEADER;
    tuff_container_lay_out(s->at, s->count, offsets);
    for (uint32_t i = 0; i < s->count; i++) bytes += strlen(s->at[i].name);
    uint64_t table = bytes - HEADER;
    if (s->count) bytes = offsets[s->count - 1] + s->at[s->count - 1].bytes;
    uint8_t *file = bytes <= most ? calloc(1, (size_t)bytes) : NULL;
    if (!file) return 0;
    memcpy(file, data, COUNT_AT);
    put(file + COUNT_AT, 4, s->count);
    put(file + TABLE_AT, 4, table);
    for (uint32_t i = 0; i < s->count; i++) {
        uint8_t *entry = file + HEADER + (size_t)i * ENTRY;
        size_t length = strlen(s->at[i].name);
        put(entry, 4, s->at[i].kind);
        put(entry + 8, 8, offsets[i]);
        put(entry + 16, 8, s->at[i].bytes);
        put(entry + 24, 4, name);
        put(entry + 28, 4, length);
        memcpy(file + HEADER + name, s->at[i].name, length);
        memcpy(file + offsets[i], s->at[i].data, s->at[i].bytes);
        name += length;
    }
    memcpy(data, file, (size_t)bytes);
    free(file);
    return (size_t)bytes;
}

size_t fuzz_mutate_container(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    struct tuff_context *context = fuzz_begin(NULL, 0, NULL);
    struct sections s = {.count = 0};
    struct tuff_container c;
    size_t made = 0;
    if (seed % 16 && tuff_container_parse(&c, context, "seed", data, size, NULL) == TUFF_OK) {
        read_sections(&s, &c);
        if (s.count) {
            change(&s, most, seed);
            made = write_sections(&s, data, most);
        }
        tuff_container_close(&c);
    }
    free(s.content);
    fuzz_end(context);
    if (!made) made = LLVMFuzzerMutate(data, size, most);
    return seed % 256 == 0 ? made : sign(data, made);
}

/* ---- folders ------------------------------------------------------------------------------------------------------------------ */

void fuzz_folder_make(char *path, size_t bytes)
{
    struct stat about;
    const char *in = getenv("TMPDIR");
    if (stat("/dev/shm", &about) == 0) in = "/dev/shm";
    snprintf(path, bytes, "%s/tuff-fuzz-XXXXXX", in ? in : "/tmp");
    if (!mkdtemp(path)) abort();
}

void fuzz_folder_clear(const char *path)
{
    char inside[4096];
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        if (unlink(inside) == 0) continue;
        fuzz_folder_clear(inside);
        rmdir(inside);
    }
    if (folder) closedir(folder);
}

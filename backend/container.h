/* container.h - the one file format of Tuff, ".tuff": a header, a table of sections with checksums, sections. Private.
 *
 *   0   8  magic "TUFF\r\n\x1a\n"
 *   8   4  format version, 1          12  4  number of sections
 *   16  8  bytes of the file          24  4  bytes of the table     28  4  CRC-32 of all before it, and of the table
 *   32     table: an entry of 32 bytes a section {kind 4, CRC-32 4, offset 8, bytes 8, name's offset in the table 4, its length 4},
 *          then the names
 *   ..     sections in the order of the table, each at the next multiple of 256 bytes behind the one before; zeros between them
 *
 * Numbers are little endian. The file is mapped, not read; what is in it is untrusted: the table is checked when it is opened, a section
 * when it is asked for. */
#ifndef TUFF_CONTAINER_H
#define TUFF_CONTAINER_H

#include "backend/core.h"

enum tuff_section_kind {
    TUFF_SECTION_GRAPH = 1, /* text */
    TUFF_SECTION_PLAN,      /* text; slots with content name ranges of this file */
    TUFF_SECTION_SPIRV,     /* of a kernel of a plan: "<plan>/<number>"; of any plan: pack.c */
    TUFF_SECTION_WEIGHTS,   /* content of a slot or leaf */
    TUFF_SECTION_PREPROCESSING,
    TUFF_SECTION_NAMES,  /* of classes, one a line */
    TUFF_SECTION_ARRAYS, /* element and shape of the sections of weights, in their order, a line each: "F32 16 1 3 3" */
    TUFF_SECTION_TEXT,   /* any other, called as its key */
    TUFF_SECTION_END
};
#define TUFF_SECTION_ALIGNMENT 256u

struct tuff_section {
    enum tuff_section_kind kind;
    const char *name;    /* [arena] */
    const uint8_t *data; /* in the mapped file */
    uint64_t offset, bytes;
    uint32_t crc;
};

struct tuff_container {
    struct tuff_arena arena;
    char *name;          /* [arena] for sentences */
    const uint8_t *data; /* [borrowed], or [owned] by map */
    size_t bytes;
    struct tuff_os_map *map; /* [owned] or NULL */
    struct tuff_section *sections;
    uint32_t section_count;
    uint32_t table_crc; /* of the table, and so of all sections' checksums */
};
/* Errors: FILE, FORMAT (also for what an older Tuff wrote, with a sentence), MEMORY; then there is nothing to close. */
TUFF_MUST_CHECK tuff_status tuff_container_open(struct tuff_container *container, struct tuff_context *context,
                                                const char *path, struct tuff_error *error);
/* Of bytes in memory, which are borrowed; their address is a multiple of 16. */
TUFF_MUST_CHECK tuff_status tuff_container_parse(struct tuff_container *container, struct tuff_context *context,
                                                 const char *name, const void *data, size_t bytes, struct tuff_error *error);
void tuff_container_close(struct tuff_container *container);
/* NULL when there is none. */
const struct tuff_section *tuff_container_find(const struct tuff_container *container, enum tuff_section_kind kind,
                                               const char *name);
/* The section's content is what was written: FORMAT otherwise. */
TUFF_MUST_CHECK tuff_status tuff_container_check(const struct tuff_container *container, const struct tuff_section *section,
                                                 struct tuff_error *error);
bool tuff_container_is(const void *data, size_t bytes); /* begins as one does */

struct tuff_section_params {
    enum tuff_section_kind kind;
    const char *name; /* unique among those of a kind */
    const void *data; /* [borrowed]; NULL: read gives it, when it is written */
    size_t bytes;
    tuff_status (*read)(void *user, void *to, size_t bytes, struct tuff_error *error);
    void *user;
};
/* Where the sections will lie; that of a section hangs on names, and on the sizes of those before it alone. */
void tuff_container_lay_out(const struct tuff_section_params *sections, uint32_t count, uint64_t *offsets);
/* Temporary, sync, rename; of what is read, one section at a time is in memory. Errors: FILE, MEMORY, those of read. */
TUFF_MUST_CHECK tuff_status tuff_container_write(struct tuff_context *context, const char *path,
                                                 const struct tuff_section_params *sections, uint32_t count,
                                                 struct tuff_error *error);

#endif

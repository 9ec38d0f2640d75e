/* archive.c - zip archives in memory, by libzip: no more of a member is read than deflate can reach and the limit lets. libzip's own memory does
 * not come from the context's allocator. */
#include "samples/data/archive.h"

#include <stdio.h>

enum { RATIO = 100, DEFLATE_RATIO = 1032, LEAST_BYTES = 22 /* of an archive without members */ };

bool tuff_archive_is(const uint8_t *data, size_t bytes) { return bytes >= LEAST_BYTES && !memcmp(data, "PK\3\4", 4); }

tuff_status tuff_archive_fail(struct tuff_archive *a, tuff_status status, const char *member, const char *why)
{
    return tuff_fail(a->context, a->error, status, "%s: %.200s%s%s", a->name, member, *member ? ": " : "", why);
}

void tuff_archive_limit(struct tuff_archive *a, size_t bytes, size_t limit)
{
    const uint64_t least = (uint64_t)256 << 20, most = (uint64_t)bytes * RATIO;
    a->left = a->limit = limit ? limit : most < least ? least : most;
}

tuff_status tuff_archive_take(struct tuff_archive *a, const char *member, uint64_t bytes)
{
    char why[100];
    snprintf(why, sizeof why, "its arrays are larger than the limit of %llu bytes", (unsigned long long)a->limit);
    if (bytes > a->left) return tuff_archive_fail(a, TUFF_ERR_FORMAT, member, why);
    a->left -= bytes;
    return TUFF_OK;
}

#if TUFF_HAVE_ZIP
#include <zip.h>

tuff_status tuff_archive_open(struct tuff_archive *a, const uint8_t *data, size_t bytes, size_t limit)
{
    zip_error_t why;
    tuff_archive_limit(a, bytes, limit);
    zip_error_init(&why);
    zip_error_set(&why, ZIP_ER_NOZIP, 0);
    zip_source_t *source = zip_source_buffer_create(data, bytes, 0, &why);
    a->zip = source && bytes >= LEAST_BYTES ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &why) : NULL;
    if (source && !a->zip) zip_source_free(source);
    tuff_status status = TUFF_OK;
    if (a->zip)
        a->count = (uint64_t)zip_get_num_entries(a->zip, 0);
    else if (zip_error_code_zip(&why) == ZIP_ER_MEMORY)
        status = tuff_fail_memory(a->context, a->error);
    else
        status = tuff_fail(a->context, a->error, TUFF_ERR_FORMAT, "%s: %s: %s", a->name, a->kind, zip_error_strerror(&why));
    zip_error_fini(&why);
    return status;
}

void tuff_archive_close(struct tuff_archive *a)
{
    if (a->zip) zip_discard(a->zip);
    a->zip = NULL;
}

tuff_status tuff_archive_member(struct tuff_archive *a, uint64_t index, struct tuff_member *member)
{
    zip_stat_t about;
    const zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_INDEX | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    if (zip_stat_index(a->zip, index, 0, &about) != 0 || (about.valid & needed) != needed)
        return tuff_archive_fail(a, TUFF_ERR_FORMAT, "", "its directory is damaged");
    *member = (struct tuff_member){about.name, about.index, about.size, about.comp_size};
    return TUFF_OK;
}

tuff_status tuff_archive_find(struct tuff_archive *a, const char *name, struct tuff_member *member, bool *found)
{
    const zip_int64_t index = zip_name_locate(a->zip, name, 0);
    *found = index >= 0;
    return *found ? tuff_archive_member(a, (uint64_t)index, member) : TUFF_OK;
}

static tuff_status inflate_member(struct tuff_archive *a, const struct tuff_member *m, uint8_t *to)
{
    zip_file_t *file = zip_fopen_index(a->zip, m->index, 0);
    if (!file) return tuff_archive_fail(a, TUFF_ERR_UNSUPPORTED, m->name, zip_strerror(a->zip));
    zip_int64_t n = 0;
    uint64_t at = 0;
    while (at < m->bytes && (n = zip_fread(file, to + at, m->bytes - at)) > 0) at += (uint64_t)n;
    const bool whole = at == m->bytes && zip_fread(file, to + at, 1) == 0; /* which checks the CRC */
    zip_fclose(file);
    if (whole) return TUFF_OK;
    return tuff_archive_fail(a, TUFF_ERR_FORMAT, m->name, "its data is cut off, invalid, or has a wrong checksum");
}

tuff_status tuff_archive_read(struct tuff_archive *a, struct tuff_arena *arena, const struct tuff_member *m, uint8_t **data)
{
    TUFF_TRY(tuff_archive_take(a, m->name, m->bytes));
    if (m->bytes / DEFLATE_RATIO > m->packed)
        return tuff_archive_fail(a, TUFF_ERR_FORMAT, m->name, "its sizes are impossible");
    *data = tuff_arena_alloc(arena, (size_t)m->bytes + 1);
    return *data ? inflate_member(a, m, *data) : tuff_fail_memory(a->context, a->error);
}

#else

tuff_status tuff_archive_open(struct tuff_archive *a, const uint8_t *data, size_t bytes, size_t limit)
{
    (void)data, (void)bytes, (void)limit;
    return tuff_fail(
        a->context, a->error, TUFF_ERR_UNSUPPORTED,
        "%s: a zip archive, or %s; archives cannot be read: this Tuff is built without libzip (option TUFF_ZIP)", a->name,
        a->kind);
}

void tuff_archive_close(struct tuff_archive *a) { (void)a; }

tuff_status tuff_archive_member(struct tuff_archive *a, uint64_t index, struct tuff_member *member)
{
    (void)index, (void)member;
    return tuff_archive_fail(a, TUFF_ERR_UNSUPPORTED, "", "built without libzip");
}

tuff_status tuff_archive_find(struct tuff_archive *a, const char *name, struct tuff_member *member, bool *found)
{
    (void)name, (void)found;
    return tuff_archive_member(a, 0, member);
}

tuff_status tuff_archive_read(struct tuff_archive *a, struct tuff_arena *arena, const struct tuff_member *m, uint8_t **data)
{
    (void)arena, (void)data;
    return tuff_archive_fail(a, TUFF_ERR_UNSUPPORTED, m->name, "built without libzip");
}

#endif

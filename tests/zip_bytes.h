/* zip_bytes.h - zip archives byte by byte, for tests of what reads them. */
#ifndef TUFF_TESTS_ZIP_BYTES_H
#define TUFF_TESTS_ZIP_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct zip_member {
    const char *name;
    const uint8_t *data; /* as it lies in the file */
    size_t bytes, plain; /* of data; of what it inflates to */
    uint32_t crc, method, flags;
};

static inline void zip_put(uint8_t *file, size_t *at, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) file[(*at)++] = (uint8_t)(i < 8 ? v >> 8 * i : 0);
}

/* PKWARE's APPNOTE, 4.3: local headers and data, the directory, its end. */
static inline size_t zip_make(uint8_t *file, const struct zip_member *members, uint32_t count)
{
    size_t at = 0, from[64], directory;
    for (uint32_t pass = 0; pass < 2; pass++) {
        directory = at;
        for (uint32_t i = 0; i < count; i++) {
            const struct zip_member *m = &members[i];
            if (!pass) from[i] = at;
            zip_put(file, &at, pass ? 0x02014b50 : 0x04034b50, 4);
            if (pass) zip_put(file, &at, 20, 2);
            zip_put(file, &at, 20, 2), zip_put(file, &at, m->flags, 2), zip_put(file, &at, m->method, 2),
                zip_put(file, &at, 0x21 << 16, 4);
            zip_put(file, &at, m->crc, 4), zip_put(file, &at, m->bytes, 4), zip_put(file, &at, m->plain, 4);
            zip_put(file, &at, strlen(m->name), 2), zip_put(file, &at, 0, 2);
            if (pass) zip_put(file, &at, 0, 10), zip_put(file, &at, from[i], 4);
            memcpy(file + at, m->name, strlen(m->name));
            at += strlen(m->name);
            if (!pass && m->bytes) memcpy(file + at, m->data, m->bytes);
            at += pass ? 0 : m->bytes;
        }
    }
    size_t end = at;
    zip_put(file, &at, 0x06054b50, 4), zip_put(file, &at, 0, 4), zip_put(file, &at, count, 2), zip_put(file, &at, count, 2);
    zip_put(file, &at, end - directory, 4), zip_put(file, &at, directory, 4), zip_put(file, &at, 0, 2);
    return at;
}

#endif

/* loaders_idx.c - IDX files, plain and gzip: every type, every length, every flipped bit, every failed allocation. */
#include "tests/loaders_support.h"

#include "samples/data/data.h"

#include <stdio.h>
#include <stdlib.h>

/* Rank 2, 2 x 3 elements counting up from 1 in their big-endian bytes. */
static size_t make_idx(uint8_t *file, uint8_t code, size_t size)
{
    const uint8_t head[12] = {0, 0, code, 2, 0, 0, 0, 2, 0, 0, 0, 3};
    memcpy(file, head, sizeof head);
    for (size_t i = 0; i < 6 * size; i++) file[sizeof head + i] = (uint8_t)(i + 1);
    return sizeof head + 6 * size;
}

static void test_types(struct loaders_test *test)
{
    static const struct {
        uint8_t code;
        size_t size;
        enum tuff_element element;
    } types[] = {{8, 1, TUFF_ELEMENT_U8},     {9, 1, TUFF_ELEMENT_I8},     {0x0b, 2, TUFF_ELEMENT_I16},
                 {0x0c, 4, TUFF_ELEMENT_I32}, {0x0d, 4, TUFF_ELEMENT_F32}, {0x0e, 8, TUFF_ELEMENT_F64}};
    for (size_t t = 0; t < TUFF_COUNT(types); t++) {
        uint8_t file[100];
        size_t bytes = make_idx(file, types[t].code, types[t].size);
        struct tuff_idx idx = {0};
        struct tuff_error error = {0};
        const char *name = tuff_element_name(types[t].element);
        expect_status(test, name, TUFF_OK,
                      tuff_idx_read(test->context, scratch_write(test, "a.idx", file, bytes), 0, &idx, &error), &error,
                      NULL);
        if (!idx.data) continue;
        expect_number(test, "element", types[t].element, idx.element);
        expect_number(test, "rank", 2, idx.rank);
        expect_number(test, "dim[0] * 10 + dim[1]", 23, (long long)(idx.dim[0] * 10 + idx.dim[1]));
        expect_number(test, "count", 6, (long long)idx.count);
        for (size_t i = 0; i < 6 * types[t].size; i++) { /* every host the tests run on is little-endian */
            size_t from = i / types[t].size * types[t].size + types[t].size - 1 - i % types[t].size;
            expect_number(test, name, (long long)from + 1, ((uint8_t *)idx.data)[i]);
        }
        tuff_idx_finish(test->context, &idx);
    }
}

static void try_read(struct loaders_test *test, const char *what, const uint8_t *file, size_t bytes, const char *sentence)
{
    struct tuff_idx idx = {0};
    struct tuff_error error = {0};
    tuff_status status = tuff_idx_read(test->context, scratch_write(test, "b.idx", file, bytes), 0, &idx, &error);
    if (sentence)
        expect_status(test, what, TUFF_ERR_FORMAT, status, &error, sentence);
    else
        expect_refused(test, what, status, &error);
    expect(test, idx.data == NULL && idx.rank == 0, what, "an untouched result", "a changed one");
    if (status == TUFF_OK) tuff_idx_finish(test->context, &idx);
}

static void test_malformed(struct loaders_test *test)
{
    uint8_t file[200] = {0};
    size_t bytes = make_idx(file, 8, 1);
    for (size_t n = 0; n < bytes; n++) try_read(test, "plain IDX, truncated", file, n, NULL);
    try_read(test, "one byte more", file, bytes + 1, "7 bytes of data where its header says 6");
    for (size_t bit = 0; bit < 12 * 8; bit++) { /* no header with one bit flipped fits the length, but for u8 <-> i8 */
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (bit != 16) try_read(test, "plain IDX, bit of the header flipped", file, bytes, NULL);
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    uint8_t large[4 + 32 + 1] = {0, 0, 0x0e, 8};
    memset(large + 4, 0xff, 32);
    try_read(test, "product of the dimensions overflows", large, sizeof large, "more than");
    large[3] = 9;
    try_read(test, "rank 9", large, sizeof large, "9 dimensions");
    large[3] = 0;
    try_read(test, "rank 0", large, sizeof large, "0 dimensions");
    uint8_t empty[12] = {0, 0, 8, 2};
    struct tuff_idx idx = {0};
    struct tuff_error error = {0};
    memset(empty + 8, 0xff, 4);
    expect_status(test, "no elements", TUFF_OK,
                  tuff_idx_read(test->context, scratch_write(test, "c.idx", empty, 12), 0, &idx, &error), &error, NULL);
    expect_number(test, "no elements: count", 0, (long long)idx.count);
    tuff_idx_finish(test->context, &idx);
    expect_status(test, "missing file", TUFF_ERR_FILE,
                  tuff_idx_read(test->context, scratch_path(test, "none"), 0, &idx, &error), &error, "none");
    expect_status(test, "folder", TUFF_ERR_FILE, tuff_idx_read(test->context, test->folder, 0, &idx, &error), &error, NULL);
    expect_status(test, "plain, limit", TUFF_ERR_FORMAT,
                  tuff_idx_read(test->context, scratch_write(test, "d.idx", file, bytes), bytes - 1, &idx, &error), &error,
                  "limit");
}

static tuff_status read_once(struct loaders_test *test, void *path)
{
    struct tuff_idx idx = {0};
    tuff_status status = tuff_idx_read(test->context, path, 0, &idx, NULL);
    tuff_idx_finish(test->context, &idx);
    return status;
}

#if TUFF_HAVE_ZLIB
#include <zlib.h>

/* Compresses with a header that has a name, and, if wanted, an extra field, a comment and its own checksum. */
static size_t make_gzip(const uint8_t *data, size_t bytes, bool full, uint8_t *out, size_t room)
{
    z_stream stream = {0};
    static Bytef extra[3] = {1, 2, 3}, name[] = "name", comment[] = "comment";
    gz_header header = {.os = 3, .name = name};
    if (full) header = (gz_header){.os = 3, .name = name, .comment = comment, .extra = extra, .extra_len = 3, .hcrc = 1};
    if (deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK) exit(1);
    deflateSetHeader(&stream, &header);
    stream.next_in = (Bytef *)data;
    stream.avail_in = (uInt)bytes;
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) exit(1);
    size_t length = stream.total_out;
    deflateEnd(&stream);
    return length;
}

/* What no reader can check: the time, the choice among known hints and systems, the name where no checksum covers it. */
static bool carries_nothing(size_t byte, bool full) { return !full && byte >= 4 && byte < 10 + sizeof "name"; }

static void test_flips(struct loaders_test *test, const uint8_t *plain, size_t plain_bytes, bool full)
{
    uint8_t packed[400];
    size_t bytes = make_gzip(plain, plain_bytes, full, packed, sizeof packed), loaded = 0;
    for (size_t n = 0; n < bytes; n++)
        if (n != 0) try_read(test, "gzip, truncated", packed, n, NULL);
    for (size_t bit = 0; bit < bytes * 8; bit++) {
        struct tuff_idx idx = {0};
        struct tuff_error error = {0};
        packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        tuff_status status = tuff_idx_read(test->context, scratch_write(test, "e.gz", packed, bytes), 0, &idx, &error);
        packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (status == TUFF_OK && carries_nothing(bit / 8, full)) {
            expect(test, memcmp(idx.data, plain + 12, plain_bytes - 12) == 0, "gzip, bit without meaning flipped",
                   "the same data", "other data");
            loaded++;
        } else {
            char what[80];
            snprintf(what, sizeof what, "gzip%s, bit %zu flipped", full ? " with header checksum" : "", bit);
            expect_refused(test, what, status, &error);
        }
        tuff_idx_finish(test->context, &idx);
    }
    expect(test, loaded <= 32 + 16 + 40, "gzip, flips that load", "those of time, hint, system, name", "%zu", loaded);
    packed[bytes] = 0;
    try_read(test, "gzip, zero after its end", packed, bytes + 1, NULL);
    memcpy(packed + bytes, "garbage, long enough", 20);
    try_read(test, "gzip, garbage after its end", packed, bytes + 20, "something else follows");
}

static void test_gzip(struct loaders_test *test)
{
    uint8_t plain[100], packed[1000];
    struct tuff_idx idx = {0};
    struct tuff_error error = {0};
    size_t plain_bytes = make_idx(plain, 8, 1); /* bytes: the host's order is the file's */
    test_flips(test, plain, plain_bytes, false);
    test_flips(test, plain, plain_bytes, true);
    plain_bytes = make_idx(plain, 0x0c, 4);
    size_t first = make_gzip(plain, 10, false, packed, sizeof packed);
    size_t both = first + make_gzip(plain + 10, plain_bytes - 10, true, packed + first, sizeof packed - first);
    const char *path = scratch_write(test, "two.gz", packed, both);
    expect_status(test, "two gzip members", TUFF_OK, tuff_idx_read(test->context, path, 0, &idx, &error), &error, NULL);
    expect_number(test, "two gzip members: count", 6, (long long)idx.count);
    tuff_idx_finish(test->context, &idx);
    expect_survives_memory(test, "gzip, allocation fails", read_once, (void *)path);
    expect_status(test, "gzip, limit exactly met", TUFF_OK, tuff_idx_read(test->context, path, plain_bytes, &idx, &error),
                  &error, NULL);
    tuff_idx_finish(test->context, &idx);
    expect_status(test, "gzip, limit passed by one", TUFF_ERR_FORMAT,
                  tuff_idx_read(test->context, path, plain_bytes - 1, &idx, &error), &error, "limit");
}

static void test_bomb(struct loaders_test *test)
{
    const size_t bytes = 30 << 20, room = 1 << 20;
    uint8_t *zeros = calloc(bytes, 1), *packed = malloc(room);
    struct tuff_idx idx = {0};
    struct tuff_error error = {0};
    if (!zeros || !packed) exit(1);
    size_t length = make_gzip(zeros, bytes, false, packed, room);
    const char *path = scratch_write(test, "bomb.gz", packed, length);
    expect_status(test, "gzip bomb", TUFF_ERR_FORMAT, tuff_idx_read(test->context, path, 100000, &idx, &error), &error,
                  "limit");
    zeros[2] = 8;
    zeros[3] = 1;
    const size_t held = bytes - 8;
    for (int i = 0; i < 4; i++) zeros[4 + i] = (uint8_t)(held >> (24 - 8 * i));
    length = make_gzip(zeros, bytes, false, packed, room);
    path = scratch_write(test, "large.gz", packed, length);
    expect_status(test, "30 MiB of zeros", TUFF_OK, tuff_idx_read(test->context, path, 0, &idx, &error), &error, NULL);
    expect_number(test, "30 MiB of zeros: count", (long long)held, (long long)idx.count);
    tuff_idx_finish(test->context, &idx);
    free(zeros);
    free(packed);
}
#else
static void test_gzip(struct loaders_test *test)
{
    const uint8_t head[12] = {0x1f, 0x8b, 8};
    struct tuff_idx idx = {0};
    struct tuff_error error = {0};
    expect_status(test, "gzip without zlib", TUFF_ERR_UNSUPPORTED,
                  tuff_idx_read(test->context, scratch_write(test, "a.gz", head, 12), 0, &idx, &error), &error, "TUFF_ZLIB");
}
static void test_bomb(struct loaders_test *test) { (void)test; }
#endif

#if TUFF_HAVE_ZLIB
#include <zlib.h>

/* Zeros that gzip shrinks 1000 : 1, in a file of 1 MB: refused by the file's size alone, with a way out, and read by who gives a limit. */
static void test_expansion(struct loaders_test *test)
{
    const size_t plain = 257u << 20, room = 1 << 20;
    uint8_t *packed = malloc(room), *zeros = calloc(1, 1 << 20), head[16] = {0, 0, 8, 1};
    struct tuff_idx idx = {0};
    struct tuff_error error = {0};
    z_stream stream = {.next_out = packed, .avail_out = (uInt)room};
    if (!packed || !zeros || deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) exit(1);
    for (int i = 0; i < 4; i++) head[4 + i] = (uint8_t)(plain >> (24 - 8 * i));
    stream.next_in = head, stream.avail_in = 8;
    deflate(&stream, Z_NO_FLUSH);
    for (size_t done = 0; done < plain; done += 1 << 20) {
        stream.next_in = zeros, stream.avail_in = 1 << 20;
        deflate(&stream, Z_NO_FLUSH);
    }
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) exit(1);
    const char *path = scratch_write(test, "zeros.gz", packed, room - stream.avail_out);
    deflateEnd(&stream);
    expect_status(test, "257 MiB of zeros", TUFF_ERR_FORMAT, tuff_idx_read(test->context, path, 0, &idx, &error), &error,
                  "gunzip");
    expect_status(test, "257 MiB of zeros, limit 400 MiB", TUFF_OK,
                  tuff_idx_read(test->context, path, 400u << 20, &idx, &error), &error, NULL);
    expect_number(test, "257 MiB of zeros", (long long)plain, (long long)idx.count);
    tuff_idx_finish(test->context, &idx);
    free(packed);
    free(zeros);
}
#else
static void test_expansion(struct loaders_test *test) { (void)test; }
#endif

int main(void)
{
    struct loaders_test test;
    uint8_t plain[100];
    loaders_begin(&test, "loaders_idx");
    test_types(&test);
    test_malformed(&test);
    test_gzip(&test);
    test_bomb(&test);
    size_t bytes = make_idx(plain, 0x0e, 8);
    expect_survives_memory(&test, "plain, allocation fails", read_once, (void *)scratch_write(&test, "f.idx", plain, bytes));
    test_expansion(&test);
    return loaders_end(&test);
}

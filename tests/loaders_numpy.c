/* loaders_numpy.c - .npy and .npz files: types, orders, every length, every flipped bit, every failed allocation; columns of samples.
 *   loaders_numpy FILE FOLDER    writes every array of a file into FOLDER/NAME.npy, and several into FOLDER/arrays.npz (tests/loaders_numpy_peers.sh) */
#include "tests/loaders_support.h"
#include "tests/zip_bytes.h"

#include "loaders/source.h"
#include "samples/data/data.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- files as numpy writes them, in small ------------------------------------------------------------------------------------ */

static size_t make_npy(uint8_t *file, unsigned version, const char *dict, const void *data, size_t bytes)
{
    size_t length = strlen(dict), at = 8;
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (uint8_t)version, file[7] = 0;
    for (unsigned i = 0; i < (version > 1 ? 4u : 2u); i++) file[at++] = (uint8_t)(length >> 8 * i);
    memcpy(file + at, dict, length);
    if (bytes) memcpy(file + at + length, data, bytes);
    return at + length + bytes;
}

static tuff_status decode(struct loaders_test *test, const uint8_t *file, size_t bytes, struct tuff_tensors **tensors,
                          struct tuff_error *error)
{
    *tensors = NULL;
    return tuff_numpy_decode(test->context, (struct tuff_span){file, bytes}, 0, tensors, error);
}

static const char good[] = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }\n";
static const int16_t six[] = {1, -2, 3, -4, 5, -6};

static void expect_array(struct loaders_test *test, const char *what, const struct tuff_array *a, enum tuff_element element,
                         const void *data, size_t bytes)
{
    expect_text(test, what, tuff_element_name(element), tuff_element_name(a->element));
    expect_number(test, what, (long long)bytes, (long long)a->bytes);
    expect(test, a->bytes == bytes && memcmp(a->data, data, bytes) == 0, what, "its elements", "others");
}

static void test_npy(struct loaders_test *test)
{
    static const uint8_t big[] = {0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6}; /* columns of [[1, 2, 3], [4, 5, 6]], big-endian */
    static const int16_t rows[] = {1, 2, 3, 4, 5, 6};
    static const uint8_t yes[] = {1, 0, 1};
    static const double half = 0.5;
    static const struct {
        unsigned version;
        const char *dict;
        const void *data, *wanted;
        size_t bytes;
        enum tuff_element element;
        uint32_t rank;
    } cases[] = {
        {1, good, six, six, 12, TUFF_ELEMENT_I16, 2},
        {2, good, six, six, 12, TUFF_ELEMENT_I16, 2},
        {3, "{\"shape\":(6,),\"descr\":\"=i2\",\"fortran_order\":True}", six, six, 12, TUFF_ELEMENT_I16, 1},
        {1, "{'descr': '>i2', 'fortran_order': True, 'shape': (2L, 3L)}", big, rows, 12, TUFF_ELEMENT_I16, 2},
        {1, "{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", yes, yes, 3, TUFF_ELEMENT_BOOL, 1},
        {1, "{'descr': '<f8', 'fortran_order': False, 'shape': ()}", &half, &half, 8, TUFF_ELEMENT_F64, 0},
        {1, "{'descr': '<u8', 'fortran_order': True, 'shape': (3, 0, 9)}", NULL, "", 0, TUFF_ELEMENT_U64, 3},
    };
    uint8_t file[300];
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        size_t bytes = make_npy(file, cases[i].version, cases[i].dict, cases[i].data, cases[i].bytes);
        expect_status(test, cases[i].dict, TUFF_OK, decode(test, file, bytes, &tensors, &error), &error, NULL);
        if (!tensors) continue;
        struct tuff_array a = tuff_tensors_get(tensors, 0);
        expect_array(test, cases[i].dict, &a, cases[i].element, cases[i].wanted, cases[i].bytes);
        expect_number(test, "rank", cases[i].rank, a.rank);
        expect_text(test, "name", "memory", a.name);
        tuff_tensors_destroy(tensors);
    }
}

static void refuse(struct loaders_test *test, const char *dict, tuff_status wanted, const char *sentence)
{
    uint8_t file[400];
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    size_t bytes = make_npy(file, 1, dict, six, 12);
    expect_status(test, dict, wanted, decode(test, file, bytes, &tensors, &error), &error, sentence);
}

static void test_malformed(struct loaders_test *test)
{
    uint8_t file[300];
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    const size_t bytes = make_npy(file, 1, good, six, 12);
    for (size_t n = 0; n < bytes; n++)
        expect_refused(test, "npy, truncated", decode(test, file, n, &tensors, &error), &error);
    expect_status(test, "npy, a byte more", TUFF_ERR_FORMAT, decode(test, file, bytes + 1, &tensors, &error), &error,
                  "13 bytes of data where its header says 12");
    for (size_t bit = 0; bit < (bytes - 12) * 8; bit++) { /* what is read all the same must hold the bytes that there are */
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        tuff_status status = decode(test, file, bytes, &tensors, &error);
        if (status != TUFF_OK) expect_refused(test, "npy, a bit of the header flipped", status, &error);
        if (tensors) expect_number(test, "npy, a bit flipped", 12, (long long)tuff_tensors_get(tensors, 0).bytes);
        tuff_tensors_destroy(tensors);
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    refuse(test, "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3, ", TUFF_ERR_FORMAT, "dimension that is no whole");
    refuse(test, "{'descr': '<i2', 'fortran_order': False, 'shape': (-2, 3)}", TUFF_ERR_FORMAT, "no whole number");
    refuse(test, "{'descr': '<i2', 'fortran_order': 0, 'shape': (2, 3)}", TUFF_ERR_FORMAT, "neither True nor False");
    refuse(test, "{'descr': '<i2', 'shape': (2, 3)}", TUFF_ERR_FORMAT, "lacks");
    refuse(test, "{'descr': '<i2', 'descr': '<i2', 'fortran_order': False, 'shape': (6,)}", TUFF_ERR_FORMAT, "twice");
    refuse(test, "{'descr': '<i2', 'fortran_order': False, 'shape': (6,)} x", TUFF_ERR_FORMAT, "something follows");
    refuse(test, "{'descr': '<i2', 'fortran_order': False, 'shape': (9223372036854775807, 3)}", TUFF_ERR_FORMAT,
           "not closed");
    refuse(test, "{'descr': '<i2', 'fortran_order': False, 'shape': (900000000000000000, 99)}", TUFF_ERR_FORMAT,
           "more than");
    refuse(test, "{'descr': '<i2', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,6)}", TUFF_ERR_UNSUPPORTED,
           "dimensions");
    refuse(test, "{'descr': '|O', 'fortran_order': False, 'shape': (6,)}", TUFF_ERR_UNSUPPORTED, "numpy's type '|O'");
    refuse(test, "{'descr': '<c8', 'fortran_order': False, 'shape': (6,)}", TUFF_ERR_UNSUPPORTED, "<c8");
    refuse(test, "{'descr': [('a', '<i2')], 'fortran_order': False, 'shape': (6,)}", TUFF_ERR_UNSUPPORTED, "records");
    refuse(test, "{'descr': '|b1', 'fortran_order': False, 'shape': (12,)}", TUFF_ERR_FORMAT, "neither 0 nor 1");
    file[6] = 4;
    expect_status(test, "npy, version 4", TUFF_ERR_UNSUPPORTED, decode(test, file, bytes, &tensors, &error), &error,
                  "version 4");
}

static void test_write(struct loaders_test *test)
{
    const char *path = scratch_path(test, "written.npy");
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    struct tuff_array a = {.element = TUFF_ELEMENT_I16, .rank = 2, .dim = {2, 3}, .data = six, .bytes = 12}, b;
    expect_status(test, "npy written", TUFF_OK, tuff_npy_write(test->context, path, &a, &error), &error, NULL);
    expect_status(test, "and read", TUFF_OK, tuff_numpy_open(test->context, path, 0, &tensors, &error), &error, NULL);
    if (tensors) {
        expect(test, tuff_tensors_find(tensors, "written", &b), "its name", "written", "another");
        expect_array(test, "written", &b, TUFF_ELEMENT_I16, six, 12);
        char text[60];
        expect_text(test, "written", "I16 [2, 3]", tuff_array_text(&b, text, sizeof text));
        expect_number(test, "data at a multiple of 64", 0, (long long)((uintptr_t)b.data % 64));
    }
    tuff_tensors_destroy(tensors);
    a.bytes = 10;
    expect_status(test, "bytes that do not fit", TUFF_ERR_USAGE, tuff_npy_write(test->context, path, &a, &error), &error,
                  "10 bytes do not fit");
    a.bytes = 12, a.element = TUFF_ELEMENT_BF16;
    expect_status(test, "BF16", TUFF_ERR_USAGE, tuff_npy_write(test->context, path, &a, &error), &error, "BF16");
    expect_status(test, "no file", TUFF_ERR_FILE,
                  tuff_numpy_open(test->context, scratch_path(test, "none.npy"), 0, &tensors, &error), &error, "none.npy");
}

static void test_write_npz(struct loaders_test *test)
{
    const char *path = scratch_path(test, "written.npz");
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    static const float half = 0.5f;
    struct tuff_array arrays[] = {{"x/y", TUFF_ELEMENT_I16, 2, {2, 3}, six, 12},
                                  {"\xc3\xa4", TUFF_ELEMENT_F32, 0, {0}, &half, 4},
                                  {"none", TUFF_ELEMENT_U8, 3, {2, 0, 5}, NULL, 0}},
                      found;
    const size_t count = TUFF_COUNT(arrays);
    expect_status(test, "npz written", TUFF_OK, tuff_npz_write(test->context, path, arrays, count, &error), &error, NULL);
#if TUFF_HAVE_ZIP
    expect_status(test, "and read", TUFF_OK, tuff_numpy_open(test->context, path, 0, &tensors, &error), &error, NULL);
    for (size_t i = 0; tensors && i < count; i++) {
        expect(test, tuff_tensors_find(tensors, arrays[i].name, &found), "npz written", arrays[i].name, "none");
        expect_array(test, arrays[i].name, &found, arrays[i].element, arrays[i].data ? arrays[i].data : "",
                     (size_t)arrays[i].bytes);
        expect(test, !memcmp(arrays[i].dim, found.dim, sizeof found.dim), arrays[i].name, "its shape", "another");
    }
    tuff_tensors_destroy(tensors);
    tensors = NULL;
    expect_status(test, "no arrays written", TUFF_OK, tuff_npz_write(test->context, path, NULL, 0, &error), &error, NULL);
    expect_status(test, "and read", TUFF_OK, tuff_numpy_open(test->context, path, 0, &tensors, &error), &error, NULL);
    if (tensors) expect_number(test, "no arrays", 0, (long long)tuff_tensors_count(tensors));
    tuff_tensors_destroy(tensors);
#else
    (void)found, (void)tensors;
#endif
    arrays[2].name = "x/y";
    expect_status(test, "a name twice", TUFF_ERR_USAGE, tuff_npz_write(test->context, path, arrays, count, &error), &error,
                  "\"x/y\"");
    arrays[2].name = "";
    expect_status(test, "no name", TUFF_ERR_USAGE, tuff_npz_write(test->context, path, arrays, count, &error), &error,
                  "array 2 has no name");
}

/* ---- archives ------------------------------------------------------------------------------------------------------------------- */

#if TUFF_HAVE_ZIP
#include <zlib.h>

struct made {
    uint8_t npy[300], text[300], zeros[4300], packed[300], file[8000];
    struct zip_member members[4];
    size_t bytes;
};

/* x as it is, zeros deflated, texts and a file of another kind beside them. */
static void make_archive(struct made *m)
{
    const size_t x = make_npy(m->npy, 1, good, six, 12);
    const size_t texts = make_npy(m->text, 1, "{'descr': '<U3', 'fortran_order': False, 'shape': (1,)}", six, 12);
    static const uint8_t nothing[4096];
    const size_t zeros = make_npy(m->zeros, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1024,)}", nothing, 4096);
    z_stream stream = {.next_in = m->zeros, .avail_in = (uInt)zeros, .next_out = m->packed, .avail_out = sizeof m->packed};
    if (deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) exit(1);
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) exit(1);
    const size_t packed = sizeof m->packed - stream.avail_out;
    deflateEnd(&stream);
    m->members[0] = (struct zip_member){"x.npy", m->npy, x, x, tuff_crc32(0, m->npy, x), 0, 0};
    m->members[1] = (struct zip_member){"zeros.npy", m->packed, packed, zeros, tuff_crc32(0, m->zeros, zeros), 8, 0};
    m->members[2] = (struct zip_member){"texts.npy", m->text, texts, texts, tuff_crc32(0, m->text, texts), 0, 0};
    m->members[3] = (struct zip_member){"README", (const uint8_t *)six, 12, 12, tuff_crc32(0, six, 12), 0, 0};
    m->bytes = zip_make(m->file, m->members, 4);
}

static void refuse_archive(struct loaders_test *test, struct made *m, const char *what, tuff_status wanted,
                           const char *sentence)
{
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    m->bytes = zip_make(m->file, m->members, 4);
    expect_status(test, what, wanted, decode(test, m->file, m->bytes, &tensors, &error), &error, sentence);
    tuff_tensors_destroy(tensors);
    make_archive(m);
}

static tuff_status decode_once(struct loaders_test *test, void *user)
{
    struct made *m = user;
    struct tuff_tensors *tensors = NULL;
    tuff_status status = decode(test, m->file, m->bytes, &tensors, NULL);
    tuff_tensors_destroy(tensors);
    return status;
}

static void test_npz(struct loaders_test *test)
{
    static struct made m;
    struct tuff_tensors *tensors;
    struct tuff_array a = {0};
    struct tuff_error error = {0};
    make_archive(&m);
    expect_status(test, "npz", TUFF_OK, decode(test, m.file, m.bytes, &tensors, &error), &error, NULL);
    if (!tensors) return;
    expect_number(test, "npz: arrays", 2, (long long)tuff_tensors_count(tensors));
    expect(test, tuff_tensors_find(tensors, "x", &a), "npz", "x", "none");
    expect_array(test, "npz: x", &a, TUFF_ELEMENT_I16, six, 12);
    expect(test, tuff_tensors_find(tensors, "zeros", &a), "npz", "zeros", "none");
    expect_array(test, "npz: zeros", &a, TUFF_ELEMENT_F32, m.zeros + 100, 4096);
    const char *why = tuff_tensors_text(tensors, "texts.npy");
    expect(test, why && strstr(why, "'<U3'"), "npz: texts are left out", "why", "%s", why ? why : "nothing");
    expect(test, tuff_tensors_text(tensors, "README") != NULL, "npz: other members are left out", "why", "nothing");
    tuff_tensors_destroy(tensors);
    for (size_t n = 0; n < m.bytes; n++)
        expect_refused(test, "npz, truncated", decode(test, m.file, n, &tensors, &error), &error);
    for (size_t bit = 0; bit < m.bytes * 8; bit++) { /* arrays that are read are those that were written */
        m.file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        tuff_status status = decode(test, m.file, m.bytes, &tensors, &error);
        if (status != TUFF_OK) expect_refused(test, "npz, a bit flipped", status, &error);
        if (tensors && tuff_tensors_find(tensors, "x", &a)) expect_array(test, "flipped", &a, TUFF_ELEMENT_I16, six, 12);
        if (tensors && tuff_tensors_find(tensors, "zeros", &a))
            expect_array(test, "flipped", &a, TUFF_ELEMENT_F32, m.zeros + 100, 4096);
        tuff_tensors_destroy(tensors);
        m.file[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    expect_survives_memory(test, "npz, allocation fails", decode_once, &m);
    m.members[0].flags = 1;
    refuse_archive(test, &m, "npz, encrypted", TUFF_ERR_UNSUPPORTED, "password");
    m.members[0].method = 12;
    refuse_archive(test, &m, "npz, bzip2", TUFF_ERR_FORMAT, "x.npy: its data is");
    m.members[0].crc ^= 4;
    refuse_archive(test, &m, "npz, checksum", TUFF_ERR_FORMAT, "wrong checksum");
    m.members[1].plain = (size_t)1 << 27;
    refuse_archive(test, &m, "npz, impossible size", TUFF_ERR_FORMAT, "impossible");
    m.members[1].plain = ((size_t)1 << 28) + 1;
    refuse_archive(test, &m, "npz, too large", TUFF_ERR_FORMAT, "larger than the limit of 268435456 bytes");
    m.members[1] = m.members[0];
    refuse_archive(test, &m, "npz, a name twice", TUFF_ERR_FORMAT, "already exists");
    expect_status(test, "npz, limit", TUFF_ERR_FORMAT,
                  tuff_numpy_decode(test->context, (struct tuff_span){m.file, m.bytes}, 100, &tensors, &error), &error,
                  "larger than the limit");
}
#else
static void test_npz(struct loaders_test *test)
{
    uint8_t file[200], npy[200];
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    const size_t x = make_npy(npy, 1, good, six, 12);
    const struct zip_member member = {"x.npy", npy, x, x, tuff_crc32(0, npy, x), 0, 0};
    size_t bytes = zip_make(file, &member, 1);
    expect_status(test, "npz without libzip", TUFF_ERR_UNSUPPORTED, decode(test, file, bytes, &tensors, &error), &error,
                  "TUFF_ZIP");
}
#endif

/* ---- columns -------------------------------------------------------------------------------------------------------------------- */

static void refuse_columns(struct loaders_test *test, const struct tuff_field *fields, struct tuff_array x,
                           struct tuff_array y, const char *sentence)
{
    struct tuff_columns columns = {.data = {.count = 7}};
    struct tuff_error error = {0};
    const struct tuff_array arrays[] = {x, y};
    expect_status(test, sentence, TUFF_ERR_FORMAT, tuff_columns_take(test->context, fields, arrays, &columns, &error),
                  &error, sentence);
    expect_number(test, "columns are untouched", 7, (long long)columns.data.count);
}

static void test_columns(struct loaders_test *test)
{
    const struct tuff_field fields[TUFF_MODEL_FIELDS] = {TUFF_FIELD("x", TUFF_F32, 1, 2), TUFF_LABELS("labels")};
    static _Alignas(8) const float numbers[] = {1, 2, 3, 4, 5, 6};
    static const int64_t labels[] = {0, 2147483647, -1}, large[] = {0, 1, 2147483648};
    static const uint64_t huge[] = {0, 1, UINT64_MAX};
    static const double doubles[] = {0.5, 1e300, 0, 0, 0, 0};
    const struct tuff_array x = {
        .name = "a", .element = TUFF_ELEMENT_F32, .rank = 3, .dim = {3, 2, 1}, .data = numbers, .bytes = 24};
    const struct tuff_array y = {
        .name = "b", .element = TUFF_ELEMENT_I64, .rank = 1, .dim = {3}, .data = labels, .bytes = 24};
    struct tuff_columns columns = {.data = {.count = 0}};
    struct tuff_error error = {0};
    const struct tuff_array arrays[] = {x, y};
    expect_status(test, "columns", TUFF_OK, tuff_columns_take(test->context, fields, arrays, &columns, &error), &error,
                  NULL);
    expect_number(test, "columns: count", 3, (long long)columns.data.count);
    expect(test, columns.data.fields[0] == numbers, "columns: x", "a view", "a copy");
    for (int i = 0; i < 3 && columns.data.fields[1]; i++)
        expect_number(test, "columns: labels", labels[i], ((const int32_t *)columns.data.fields[1])[i]);
    tuff_columns_finish(test->context, &columns);
    struct tuff_array other = x;
    uint8_t bytes[25];
    memcpy(bytes + 1, numbers, 24);
    other.data = bytes + 1; /* as members of archives lie */
    const struct tuff_array alone[] = {other, {.name = NULL}};
    expect_status(test, "no labels", TUFF_OK, tuff_columns_take(test->context, fields, alone, &columns, &error), &error,
                  NULL);
    expect(test, !columns.data.fields[1] && columns.data.fields[0] && !memcmp(columns.data.fields[0], numbers, 24),
           "columns: not aligned", "a copy", "something else");
    tuff_columns_finish(test->context, &columns);
    const int16_t small[] = {-1, 2, -32768, 4, 5, 6};
    other = x, other.element = TUFF_ELEMENT_I16, other.data = small, other.bytes = 12;
    const struct tuff_array shorts[] = {other, y};
    expect_status(test, "shorts", TUFF_OK, tuff_columns_take(test->context, fields, shorts, &columns, &error), &error, NULL);
    for (int i = 0; i < 6 && columns.data.fields[0]; i++)
        expect_number(test, "columns: shorts", small[i], (long long)((const float *)columns.data.fields[0])[i]);
    tuff_columns_finish(test->context, &columns);

    other = y, other.data = large;
    refuse_columns(test, fields, x, other, "labels: element 2, 2.14748365e+09, does not fit into i32");
    other.data = huge, other.element = TUFF_ELEMENT_U64;
    refuse_columns(test, fields, x, other, "labels: the array \"b\", U64 [3], has an element above 2^63 - 1");
    other = y, other.element = TUFF_ELEMENT_F32, other.bytes = 12;
    refuse_columns(test, fields, x, other, "labels: what is given as f32 does not become i32");
    other = x, other.element = TUFF_ELEMENT_F64, other.data = doubles, other.bytes = 48;
    refuse_columns(test, fields, other, y, "x: element 1, 1e+300, does not fit into f32");
    other = x, other.dim[1] = 1, other.dim[2] = 3;
    refuse_columns(test, fields, other, y, "x: the array \"a\", F32 [3, 1, 3], does not hold samples F32 [1, 2]");
    other = y, other.dim[0] = 2, other.bytes = 16;
    refuse_columns(test, fields, x, other, "another number of samples than the 3");
    other = y, other.dim[0] = 0, other.bytes = 0;
    refuse_columns(test, fields, x, other, "holds no samples");
    refuse_columns(test, fields, (struct tuff_array){.name = NULL}, y, "x: the array \"\", ? [], has no samples");
}

static int copy_arrays(const char *file, const char *folder)
{
    struct tuff_context *context = NULL;
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    char path[600];
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    tuff_status status = tuff_tensors_open(context, file, 0, &tensors, &error);
    const size_t count = tensors ? tuff_tensors_count(tensors) : 0;
    struct tuff_array *arrays = calloc(count + 1, sizeof *arrays);
    for (size_t i = 0; arrays && i < count && status == TUFF_OK; i++) {
        arrays[i] = tuff_tensors_get(tensors, i);
        snprintf(path, sizeof path, "%s/%s.npy", folder, arrays[i].name);
        status = tuff_npy_write(context, path, &arrays[i], &error);
    }
    snprintf(path, sizeof path, "%s/arrays.npz", folder);
    if (arrays && count > 1 && status == TUFF_OK) status = tuff_npz_write(context, path, arrays, count, &error);
    free(arrays);
    for (size_t i = 0; tensors && i < tuff_tensors_text_count(tensors); i++)
        printf("%s: %s\n", tuff_tensors_text_get(tensors, i).key, tuff_tensors_text_get(tensors, i).value);
    if (status != TUFF_OK) printf("%s\n", error.message);
    tuff_tensors_destroy(tensors);
    tuff_context_destroy(context);
    return status != TUFF_OK;
}

int main(int argc, char **argv)
{
    struct loaders_test test;
    if (argc == 3) return copy_arrays(argv[1], argv[2]);
    loaders_begin(&test, "loaders_numpy");
    test_npy(&test);
    test_malformed(&test);
    test_write(&test);
    test_write_npz(&test);
    test_npz(&test);
    test_columns(&test);
    return loaders_end(&test);
}

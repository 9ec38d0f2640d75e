/* loaders_hdf5.c - HDF5 files: one that h5py wrote (tests/data/weights/make.py), every length, every flipped bit, every failed allocation. */
#include "tests/loaders_support.h"
#include "tests/zip_bytes.h"

#include "loaders/source.h"
#include "samples/data/data.h"

#include <stdio.h>
#include <stdlib.h>

struct file {
    uint8_t *data;
    size_t bytes;
};

static tuff_status decode(struct loaders_test *test, const struct file *file, struct tuff_tensors **tensors,
                          struct tuff_error *error)
{
    *tensors = NULL;
    return tuff_hdf5_decode(test->context, (struct tuff_span){file->data, file->bytes}, 0, tensors, error);
}

static tuff_status decode_once(struct loaders_test *test, void *user)
{
    struct tuff_tensors *tensors = NULL;
    tuff_status status = decode(test, user, &tensors, NULL);
    tuff_tensors_destroy(tensors);
    return status;
}

#define F(...) ((const float[]){__VA_ARGS__})
static const struct {
    const char *name, *type;
    const void *data;
    size_t bytes;
} wanted[] = {
    {"v/0", "F32 [2, 3]", F(0, 1, 2, 3, 4, 5), 24},
    {"v/1", "F32 [3]", F(0, 1, 2), 12},
    {"bools", "BOOL [2]", "\1\0", 2},
    {"big", "I16 [3]", "\0\0\1\0\2\0", 6},
    {"empty", "U64 [0, 3]", "", 0},
    {"scalar", "F64 []", "\0\0\0\0\0\0\x04\x40", 8},
    {"same", "F64 []", "\0\0\0\0\0\0\x04\x40", 8},
    {"compact", "I32 [2]", "\7\0\0\0\xf8\xff\xff\xff", 8},
};

static void check_small(struct loaders_test *test, const struct tuff_tensors *tensors)
{
    char text[80];
    expect_number(test, "arrays", TUFF_COUNT(wanted), (long long)tuff_tensors_count(tensors));
    for (size_t i = 0; i < TUFF_COUNT(wanted); i++) {
        struct tuff_array a = {0};
        expect(test, tuff_tensors_find(tensors, wanted[i].name, &a), wanted[i].name, "there", "none");
        expect_text(test, wanted[i].name, wanted[i].type, tuff_array_text(&a, text, sizeof text));
        expect(test, a.bytes == wanted[i].bytes && (!a.bytes || !memcmp(a.data, wanted[i].data, wanted[i].bytes)),
               wanted[i].name, "its elements", "others");
    }
    expect_text(test, "text", "its elements are no numbers of 8 to 64 bits", tuff_tensors_text(tensors, "text"));
    expect_text(test, "link", "a link to elsewhere", tuff_tensors_text(tensors, "link"));
}

/* The place of the n-th such text in the file. */
static uint8_t *find(const struct file *file, const char *text, size_t bytes, int n)
{
    for (size_t at = 0; at + bytes <= file->bytes; at++)
        if (!memcmp(file->data + at, text, bytes) && n-- == 0) return file->data + at;
    printf("the file has changed: %s\n", text);
    exit(1);
}

/* The file with other bytes at a place is refused. */
static void refuse(struct loaders_test *test, const struct file *file, const char *what, uint8_t *at, const char *bytes,
                   size_t count, tuff_status status, const char *sentence)
{
    uint8_t kept[16];
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    memcpy(kept, at, count), memcpy(at, bytes, count);
    expect_status(test, what, status, decode(test, file, &tensors, &error), &error, sentence);
    tuff_tensors_destroy(tensors);
    memcpy(at, kept, count);
}

#define REFUSE(what, at, bytes, status, sentence) refuse(test, file, what, at, bytes, sizeof(bytes) - 1, status, sentence)
static void test_refused(struct loaders_test *test, const struct file *file)
{
    uint8_t *tree = find(file, "TREE", 4, 0), *table = find(file, "SNOD", 4, 0), *heap = find(file, "HEAP", 4, 0);
    uint8_t *root = file->data + tuff_little(file->data + 64, 8);
    REFUSE("superblock 2", file->data + 8, "\2", TUFF_ERR_UNSUPPORTED, "newer form");
    REFUSE("addresses of 4 bytes", file->data + 13, "\4", TUFF_ERR_UNSUPPORTED, "8 bytes");
    REFUSE("an offset", file->data + 24, "\1", TUFF_ERR_UNSUPPORTED, "begin with the file");
    REFUSE("a longer file", file->data + 42, "\1", TUFF_ERR_FORMAT, "cut off");
    REFUSE("root far out", file->data + 66, "\1", TUFF_ERR_FORMAT, "outside of the file");
    REFUSE("root of version 2", root, "\2", TUFF_ERR_FORMAT, "no known version");
    REFUSE("root of the newer form", root, "OHDR", TUFF_ERR_UNSUPPORTED, "newer form");
    REFUSE("root without a table", root + 16, "\0", TUFF_ERR_UNSUPPORTED, "newer form of groups");
    REFUSE("a long message", root + 18, "\xff", TUFF_ERR_FORMAT, "longer than its header");
    REFUSE("no tree", tree, "t", TUFF_ERR_FORMAT, "tree is none");
    REFUSE("a tree of trees", tree + 5, "\1", TUFF_ERR_FORMAT, "tree is none");
    REFUSE("a long tree", tree + 6, "\xff\xff", TUFF_ERR_FORMAT, "tree lies outside");
    REFUSE("no table", table, "s", TUFF_ERR_FORMAT, "table is none");
    REFUSE("a long table", table + 6, "\xff\xff", TUFF_ERR_FORMAT, "table lies outside");
    REFUSE("no heap", heap, "h", TUFF_ERR_FORMAT, "no heap");
    REFUSE("a long heap", heap + 8, "\xff\xff\xff", TUFF_ERR_FORMAT, "heap of names lies outside");
    REFUSE("a name far out", table + 8, "\xff\xff", TUFF_ERR_FORMAT, "name lies outside");
    REFUSE("no name", table + 8, "\0", TUFF_ERR_FORMAT, "name is empty");
}

/* A group whose tree leads `children` times to one table of `count` links, all of one name of 300 bytes; its header has one block for
 * each of `blocks` continuations, of which the first says where the tree is. */
static struct file make_links(uint8_t *file, uint32_t children, uint32_t count, uint32_t blocks)
{
    enum { HEADER = 96, BLOCKS = 400, TREE = 2000, TABLE = 12000, HEAP = 30000, TEXT = 30100, ALL = 32000 };
    static const uint8_t magic[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n', 0, 0, 0, 0, 0, 8, 8};
    size_t at = 40;
    memset(file, 0, ALL);
    memcpy(file, magic, sizeof magic);
    zip_put(file, &at, ALL, 8);
    at = 64, zip_put(file, &at, HEADER, 8);
    at = HEADER, zip_put(file, &at, 1, 2), zip_put(file, &at, 2 * (uint64_t)blocks, 6),
    zip_put(file, &at, 24 * (uint64_t)blocks, 8);
    for (uint32_t i = 0; i < blocks; i++)
        zip_put(file, &at, 16 | 16 << 16, 8), zip_put(file, &at, BLOCKS + 24 * (uint64_t)i, 8), zip_put(file, &at, 24, 8);
    at = BLOCKS, zip_put(file, &at, 17 | 16 << 16, 8), zip_put(file, &at, TREE, 8), zip_put(file, &at, HEAP, 8);
    for (uint32_t i = 1; i < blocks; i++) zip_put(file, &at, 16 << 16, 24); /* of no type */
    at = TREE, memcpy(file + at, "TREE", 4), at += 6, zip_put(file, &at, children, 2), at += 24;
    for (uint32_t i = 0; i < children; i++) zip_put(file, &at, TABLE, 16);
    at = TABLE, memcpy(file + at, "SNOD\1", 5), at += 6, zip_put(file, &at, count, 2);
    for (uint32_t i = 0; i < count; i++) at += 16, zip_put(file, &at, 2, 24);
    memcpy(file + HEAP, "HEAP", 4), memset(file + TEXT, 'x', 300);
    at = HEAP + 8, zip_put(file, &at, 301, 16), zip_put(file, &at, TEXT, 8);
    return (struct file){file, ALL};
}

static void test_links(struct loaders_test *test)
{
    static uint8_t bytes[32000];
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    struct file file = make_links(bytes, 1, 1, 1);
    expect_status(test, "a link", TUFF_OK, decode(test, &file, &tensors, &error), &error, NULL);
    tuff_tensors_destroy(tensors);
    file = make_links(bytes, 1, 1, 3);
    expect_status(test, "three blocks", TUFF_OK, decode(test, &file, &tensors, &error), &error, NULL);
    tuff_tensors_destroy(tensors);
    file = make_links(bytes, 400, 400, 1);
    expect_status(test, "many names of one text", TUFF_ERR_FORMAT, decode(test, &file, &tensors, &error), &error,
                  "names are larger than the file");
    tuff_tensors_destroy(tensors);
}

#if TUFF_HAVE_ZIP
static void test_keras(struct loaders_test *test, const struct file *small)
{
    static uint8_t bytes[20000];
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    const struct zip_member members[] = {
        {"config.json", (const uint8_t *)"{}", 2, 2, tuff_crc32(0, "{}", 2), 0, 0},
        {"model.weights.h5", small->data, small->bytes, small->bytes, tuff_crc32(0, small->data, small->bytes), 0, 0}};
    struct file file = {bytes, zip_make(bytes, members, 2)};
    expect_status(test, "keras", TUFF_OK, decode(test, &file, &tensors, &error), &error, NULL);
    if (tensors) check_small(test, tensors);
    tuff_tensors_destroy(tensors);
    file.bytes = zip_make(bytes, members, 1);
    expect_status(test, "keras without weights", TUFF_ERR_FORMAT, decode(test, &file, &tensors, &error), &error,
                  "no model.weights.h5");
}
#endif

/* ---- which file it is ------------------------------------------------------------------------------------------------------------------ */

static void open_any(struct loaders_test *test, const char *path, const char *kind, long long count)
{
    const char *found = NULL;
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    expect_status(test, path, TUFF_OK, tuff_tensors_kind(test->context, path, &found, &error), &error, NULL);
    expect_text(test, path, kind, found ? found : "none");
    expect_status(test, path, TUFF_OK, tuff_tensors_open(test->context, path, 0, &tensors, &error), &error, NULL);
    if (tensors) expect_number(test, path, count, (long long)tuff_tensors_count(tensors));
    tuff_tensors_destroy(tensors);
}

static void test_any(struct loaders_test *test)
{
    const float x[] = {1, 2};
    const struct tuff_array array = {"x", TUFF_ELEMENT_F32, 1, {2}, x, sizeof x};
    struct tuff_tensors_params params = {.struct_size = sizeof params, .arrays = &array, .array_count = 1};
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    const char *path = scratch_path(test, "any");
    open_any(test, TUFF_SOURCE_DIR "/tests/data/weights/small.h5", "HDF5", TUFF_COUNT(wanted));
    expect(test, tuff_npy_write(test->context, path, &array, NULL) == TUFF_OK, "npy", "written", "not");
    open_any(test, path, "numpy", 1);
    open_any(test, TUFF_SOURCE_DIR "/tests/data/weights/old.pth", "PyTorch", 28);
#if TUFF_HAVE_ZIP
    open_any(test, TUFF_SOURCE_DIR "/tests/data/weights/mixed.pth", "PyTorch", 28);
    expect(test, tuff_npz_write(test->context, path, &array, 1, NULL) == TUFF_OK, "npz", "written", "not");
    open_any(test, path, "numpy", 1);
#endif
#if TUFF_HAVE_JSON
    expect(test, tuff_safetensors_write(test->context, path, &params, NULL) == TUFF_OK, "safetensors", "written", "not");
    open_any(test, path, "safetensors", 1);
#endif
    expect(test, tuff_checkpoint_write(test->context, path, &params, NULL) == TUFF_OK, "checkpoint", "written", "not");
    open_any(test, path, "tuff", 1);
    params.kind = "model";
    expect(test, tuff_checkpoint_write(test->context, path, &params, NULL) == TUFF_OK, "model", "written", "not");
    open_any(test, path, "tuff", 1);
    path = scratch_write(test, "other", "a text of somebody", 18);
    expect_status(test, "other", TUFF_ERR_UNSUPPORTED, tuff_tensors_open(test->context, path, 0, &tensors, &error), &error,
                  "no file of weights");
    expect_status(test, "none", TUFF_ERR_FILE,
                  tuff_tensors_open(test->context, scratch_path(test, "none"), 0, &tensors, &error), &error, "none");
}

static void count_lines(void *user, enum tuff_log_level level, const char *message)
{
    (void)level, (void)message;
    ++*(int *)user;
}

/* What goes well logs nothing; what fails does once. */
static void test_log(struct loaders_test *test)
{
    int lines = 0;
    const struct tuff_options options = {.struct_size = sizeof options, .log = count_lines, .log_user = &lines};
    const struct tuff_tensors_params params = {.struct_size = sizeof params};
    struct tuff_context *context = NULL;
    struct tuff_tensors *tensors = NULL;
    const char *path = scratch_path(test, "log");
    if (tuff_context_create(&options, &context, NULL) != TUFF_OK) exit(1);
    expect(test, tuff_checkpoint_write(context, path, &params, NULL) == TUFF_OK, "checkpoint", "written", "not");
    expect(test, tuff_tensors_open(context, path, 0, &tensors, NULL) == TUFF_OK, "checkpoint", "opened", "not");
    tuff_tensors_destroy(tensors);
    expect_number(test, "lines of a checkpoint", 0, lines);
    path = scratch_write(test, "log", "PK\3\4 and nothing that an archive has", 36);
    expect(test, tuff_tensors_open(context, path, 0, &tensors, NULL) != TUFF_OK, "no archive", "refused", "not");
    expect_number(test, "lines of what is no archive", 1, lines);
    tuff_context_destroy(context);
}

static void test_small(struct loaders_test *test)
{
    struct file file;
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    file.data = file_read(TUFF_SOURCE_DIR "/tests/data/weights/small.h5", &file.bytes);
    if (!file.data) {
        expect(test, false, "small.h5", "a file", "none");
        return;
    }
    expect_status(test, "small.h5", TUFF_OK, decode(test, &file, &tensors, &error), &error, NULL);
    if (tensors) check_small(test, tensors);
    tuff_tensors_destroy(tensors);
    const size_t whole = file.bytes;
    for (file.bytes = 0; file.bytes < whole; file.bytes += file.bytes < 200 ? 1 : 37)
        expect_refused(test, "cut off", decode(test, &file, &tensors, &error), &error);
    file.bytes = whole;
    for (size_t bit = 0; bit < file.bytes * 8; bit += 3) { /* what is read all the same lies in the file: under sanitizers */
        file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        tuff_status status = decode(test, &file, &tensors, &error);
        if (status != TUFF_OK) expect_refused(test, "a bit flipped", status, &error);
        tuff_tensors_destroy(tensors);
        file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    expect_survives_memory(test, "allocation fails", decode_once, &file);
    test_refused(test, &file);
#if TUFF_HAVE_ZIP
    test_keras(test, &file);
#endif
    free(file.data);
}

static void test_paths(struct loaders_test *test)
{
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    const char *path = scratch_write(test, "short", "PK", 2);
    expect_status(test, "a short file", TUFF_ERR_FORMAT, tuff_hdf5_open(test->context, path, 0, &tensors, &error), &error,
                  path);
    path = scratch_path(test, "none");
    expect_status(test, "no file", TUFF_ERR_FILE, tuff_hdf5_open(test->context, path, 0, &tensors, &error), &error, path);
}

int main(void)
{
    struct loaders_test test;
    loaders_begin(&test, "loaders_hdf5");
    test_small(&test);
    test_links(&test);
    test_any(&test);
    test_log(&test);
    test_paths(&test);
    return loaders_end(&test);
}

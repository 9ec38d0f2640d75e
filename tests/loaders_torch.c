/* loaders_torch.c - PyTorch's files: two that it wrote (tests/data/weights/make.py), every length, every flipped bit, every failed allocation;
 * pickles made here that it would never write; a network that many use, beside the same one as safetensors. */
#include "tests/loaders_support.h"
#include "tests/torch_pickles.h"

#include "loaders/source.h"
#include "samples/data/data.h"

#include <stdio.h>
#include <stdlib.h>

static tuff_status decode(struct loaders_test *test, const uint8_t *file, size_t bytes, struct tuff_tensors **tensors,
                          struct tuff_error *error)
{
    *tensors = NULL;
    return tuff_torch_decode(test->context, (struct tuff_span){file, bytes}, 0, tensors, error);
}

struct file {
    uint8_t *data;
    size_t bytes;
};

static tuff_status decode_once(struct loaders_test *test, void *user)
{
    const struct file *file = user;
    struct tuff_tensors *tensors = NULL;
    tuff_status status = decode(test, file->data, file->bytes, &tensors, NULL);
    tuff_tensors_destroy(tensors);
    return status;
}

/* ---- what PyTorch wrote ---------------------------------------------------------------------------------------------------------- */

#define F(...) ((const float[]){__VA_ARGS__})
static const struct {
    const char *name, *type;
    const void *data;
    size_t bytes;
} wanted[] = {
    {"turned", "F32 [4, 3]", F(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11), 48},
    {"part", "F32 [2, 2]", F(6, 7, 10, 11), 16},
    {"whole", "F32 [3, 4]", F(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 48},
    {"wide", "F32 [5]", F(1, 1, 1, 1, 1), 20},
    {"empty", "F32 [0, 3]", "", 0},
    {"f16", "F16 [2]", "\x00\x3e\x00\xc0", 4},
    {"bf16", "BF16 [2]", "\xc0\x3f\x00\xc0", 4},
    {"f64", "F64 []", "\0\0\0\0\0\0\x04\x40", 8},
    {"i64", "I64 [2]", "\1\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff", 16},
    {"bool", "BOOL [2]", "\1\0", 2},
    {"i8", "I8 [2]", "\1\xfe", 2},
    {"i16", "I16 [2]", "\1\0\xfe\xff", 4},
    {"i32", "I32 [2]", "\1\0\0\0\xfe\xff\xff\xff", 8},
    {"u8", "U8 [2]", "\1\xff", 2},
    {"u16", "U16 [2]", "\1\0\xff\xff", 4},
    {"u32", "U32 [2]", "\1\0\0\0\xff\xff\xff\xff", 8},
    {"u64", "U64 [2]", "\1\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16},
    {"f8", "F32 [2]", F(1, -448), 8},
    {"list.0", "F32 [4]", F(0, 1, 2, 3), 16},
    {"list.1.0", "F32 [4]", F(4, 5, 6, 7), 16},
    {"5", "F32 [4]", F(8, 9, 10, 11), 16},
    {"model.1.running_var", "F32 [1]", F(1), 4},
    {"model.1.num_batches_tracked", "I64 []", "\0\0\0\0\0\0\0\0", 8},
};

static void check_mixed(struct loaders_test *test, const struct tuff_tensors *tensors)
{
    char text[80];
    for (size_t i = 0; i < TUFF_COUNT(wanted); i++) {
        struct tuff_array a = {0};
        expect(test, tuff_tensors_find(tensors, wanted[i].name, &a), wanted[i].name, "there", "none");
        expect_text(test, wanted[i].name, wanted[i].type, tuff_array_text(&a, text, sizeof text));
        expect(test, a.bytes == wanted[i].bytes && (!a.bytes || !memcmp(a.data, wanted[i].data, wanted[i].bytes)),
               wanted[i].name, "its elements", "others");
    }
}

static void test_mixed(struct loaders_test *test, const char *path, size_t step)
{
    struct file file;
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    file.data = file_read(path, &file.bytes);
    if (!file.data) {
        expect(test, false, path, "a file", "none");
        return;
    }
    expect_status(test, path, TUFF_OK, decode(test, file.data, file.bytes, &tensors, &error), &error, NULL);
    if (tensors) {
        expect_number(test, "tensors", 28, (long long)tuff_tensors_count(tensors));
        expect_text(test, "left out", "5 values that are no tensors, first \"epoch\"",
                    tuff_tensors_text(tensors, "left out"));
        check_mixed(test, tensors);
    }
    tuff_tensors_destroy(tensors);
    for (size_t n = 0; n < file.bytes; n += n < 200 ? 1 : step)
        expect_refused(test, "cut off", decode(test, file.data, n, &tensors, &error), &error);
    for (size_t bit = 0; bit < file.bytes * 8; bit += 7) { /* what is read all the same lies in the file: under sanitizers */
        file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        tuff_status status = decode(test, file.data, file.bytes, &tensors, &error);
        if (status != TUFF_OK) expect_refused(test, "a bit flipped", status, &error);
        tuff_tensors_destroy(tensors);
        file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    expect_survives_memory(test, "allocation fails", decode_once, &file);
    expect_status(test, "limit", TUFF_ERR_FORMAT,
                  tuff_torch_decode(test->context, (struct tuff_span){file.data, file.bytes}, 100, &tensors, &error), &error,
                  "larger than the limit of 100 bytes");
    free(file.data);
}

/* ---- before 1.6 -------------------------------------------------------------------------------------------------------------------- */

static void test_old(struct loaders_test *test)
{
    static uint8_t tar[1024] = "sys_info";
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    const char *kind = NULL;
    for (size_t i = 0; i < TUFF_COUNT(old_cases); i++) {
        const struct pickle_case *c = &old_cases[i];
        tuff_status status = decode(test, (const uint8_t *)c->pickle, c->length, &tensors, &error);
        expect_status(test, c->what, c->status, status, &error, c->sentence);
        for (size_t n = 0; c->status == TUFF_OK && n < c->length; n++) {
            struct tuff_tensors *part = NULL;
            expect_refused(test, c->what, decode(test, (const uint8_t *)c->pickle, n, &part, &error), &error);
        }
        if (tensors) {
            const struct tuff_array a = tuff_tensors_get(tensors, 0);
            expect_text(test, c->what, "a", a.name);
            expect(test, a.bytes == 16 && !memcmp(a.data, four, 16), c->what, "its elements", "others");
        }
        tuff_tensors_destroy(tensors);
    }
    memcpy(tar + 257, "ustar", 5);
    expect_status(test, "a tar archive", TUFF_ERR_UNSUPPORTED, decode(test, tar, sizeof tar, &tensors, &error), &error,
                  "before 0.1.10");
    expect(test, tuff_tensors_kind(test->context, scratch_write(test, "tar", tar, sizeof tar), &kind, NULL) == TUFF_OK,
           "a tar archive", "a kind", "none");
    expect_text(test, "a tar archive", "PyTorch", kind ? kind : "none");
}

/* A network that many use, as its authors gave it away, and the same tensors as safetensors. */
static void test_real(struct loaders_test *test)
{
#if TUFF_HAVE_JSON
    const char *weights = getenv("TUFF_MODELS");
    char path[1000];
    struct tuff_tensors *old = NULL, *same = NULL;
    snprintf(path, sizeof path, "%s/efficientnet-lite0/efficientnet-lite0.pth", weights ? weights : "");
    if (!weights || tuff_tensors_open(test->context, path, 0, &old, NULL) == TUFF_ERR_FILE) {
        puts("loaders_torch: efficientnet-lite0.pth is left out: TUFF_MODELS names no folder that fetch_models.py wrote");
        return;
    }
    snprintf(path, sizeof path, "%s/efficientnet-lite0/model.safetensors", weights);
    expect(test, tuff_tensors_open(test->context, path, 0, &same, NULL) == TUFF_OK, path, "read", "not");
    if (old && same) expect_number(test, path, (long long)tuff_tensors_count(same), (long long)tuff_tensors_count(old));
    for (size_t i = 0; old && same && i < tuff_tensors_count(same); i++) {
        const struct tuff_array a = tuff_tensors_get(same, i);
        struct tuff_array b = {0};
        const bool there = tuff_tensors_find(old, a.name, &b), single = a.rank == 1 && a.dim[0] == 1; /* for want of [] */
        expect(test,
               there && b.element == a.element && b.bytes == a.bytes && !memcmp(b.data, a.data, (size_t)a.bytes) &&
                   (single ? b.rank == 0 : b.rank == a.rank && !memcmp(b.dim, a.dim, a.rank * sizeof a.dim[0])),
               a.name, "as in the safetensors", there ? "another" : "none");
    }
    expect(test, old != NULL, "efficientnet-lite0.pth", "read", "not");
    tuff_tensors_destroy(old);
    tuff_tensors_destroy(same);
#else
    (void)test;
#endif
}

#if TUFF_HAVE_ZIP
/* ---- pickles that PyTorch would not write ------------------------------------------------------------------------------------------ */

static tuff_status read_pickle(struct loaders_test *test, const char *pickle, size_t length, const char *order,
                               struct tuff_tensors **tensors, struct tuff_error *error)
{
    uint8_t *file = malloc(length + 1000);
    if (!file) exit(1);
    tuff_status status = decode(test, file, pickle_file(pickle, length, order, file), tensors, error);
    free(file);
    return status;
}

static void test_pickles(struct loaders_test *test)
{
    for (size_t i = 0; i < TUFF_COUNT(pickle_cases); i++) {
        struct tuff_tensors *tensors = NULL;
        struct tuff_error error = {0};
        expect_status(
            test, pickle_cases[i].what, pickle_cases[i].status,
            read_pickle(test, pickle_cases[i].pickle, pickle_cases[i].length, pickle_cases[i].order, &tensors, &error),
            &error, pickle_cases[i].sentence);
        if (tensors && i < 3) {
            const struct tuff_array a = tuff_tensors_get(tensors, 0);
            expect_text(test, pickle_cases[i].what, i == 1 ? "tensor" : "a", a.name);
            expect(test, a.bytes == 16 && (!memcmp(a.data, four, 16) == (i < 2)), pickle_cases[i].what, "its elements",
                   "others");
        }
        tuff_tensors_destroy(tensors);
    }
}

static void test_archives(struct loaders_test *test)
{
    static uint8_t file[4000];
    static char deep[3000], name[2200] = "}X\xd0\7\0\0";
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    const struct zip_member other = {"a/other", four, 16, 16, tuff_crc32(0, four, 16), 0, 0};
    expect_status(test, "no pickle", TUFF_ERR_FORMAT, decode(test, file, zip_make(file, &other, 1), &tensors, &error),
                  &error, "no data.pkl");
    expect_status(test, "no archive", TUFF_ERR_FORMAT, decode(test, four, 16, &tensors, &error), &error,
                  "no file of PyTorch's");
    memset(deep, ']', 1000), memset(deep + 1000, 'a', 999), deep[1999] = '.';
    expect_status(test, "nested deep", TUFF_ERR_FORMAT, read_pickle(test, deep, 2000, "little", &tensors, &error), &error,
                  "nested too deep");
    memset(name + 6, 'x', 2000), memcpy(name + 2006, "Ns.", 3);
    expect_status(test, "a long name", TUFF_ERR_FORMAT, read_pickle(test, name, 2009, "little", &tensors, &error), &error,
                  "more than 1000 bytes");
    size_t n = 3;
    memcpy(deep, "Nq\0", 3); /* pairs of the pair before: 2^40 values */
    for (int i = 0; i < 40; i++, n += 5) memcpy(deep + n, "h\0\x86q\0", 5);
    deep[n++] = '.';
    expect_status(test, "pairs of pairs", TUFF_ERR_FORMAT, read_pickle(test, deep, n, "little", &tensors, &error), &error,
                  "nested too deep");
}

/* Small files that would take gigabytes. */
static void test_greedy(struct loaders_test *test)
{
    enum { LONG = 4 << 20 };
    static char folder[310];
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    char *pickle = malloc(LONG);
    if (!pickle) exit(1);
    memset(pickle, 0x85, LONG), pickle[0] = 'N', pickle[LONG - 1] = '.';
    expect_status(test, "tuples", TUFF_ERR_FORMAT, read_pickle(test, pickle, LONG, "little", &tensors, &error), &error,
                  "256 MiB of values");
    static const char tensor[] = REBUILD FLOATS "K\0K\4\x85K\1\x85" END "q\0";
    size_t n = 906 + sizeof tensor - 1; /* behind a name of 0x384 bytes */
    memcpy(pickle, "}X\x84\3\0\0", 6), memset(pickle + 6, 'x', 900), memcpy(pickle + 906, tensor, sizeof tensor - 1);
    for (int i = 0; i < 19; i++, n += 5) memcpy(pickle + n, "h\0\x86q\0", 5); /* the tensor 2^19 times */
    memcpy(pickle + n, "s.", 2);
    expect_status(test, "names", TUFF_ERR_FORMAT, read_pickle(test, pickle, n + 2, "little", &tensors, &error), &error,
                  "256 MiB of values and names");
    memset(folder, 'f', 300), memcpy(folder + 300, "/data.pkl", 10);
    const struct zip_member member = {folder, (const uint8_t *)"N.", 2, 2, tuff_crc32(0, "N.", 2), 0, 0};
    expect_status(test, "a long folder", TUFF_ERR_FORMAT,
                  decode(test, (uint8_t *)pickle, zip_make((uint8_t *)pickle, &member, 1), &tensors, &error), &error,
                  "more than 200 bytes");
    free(pickle);
}

static void test_paths(struct loaders_test *test)
{
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    const char *path = scratch_write(test, "short", "PK", 2);
    expect_status(test, "a short file", TUFF_ERR_FORMAT, tuff_torch_open(test->context, path, 0, &tensors, &error), &error,
                  path);
    path = scratch_path(test, "none");
    expect_status(test, "no file", TUFF_ERR_FILE, tuff_torch_open(test->context, path, 0, &tensors, &error), &error, path);
}
#endif

int main(void)
{
    struct loaders_test test;
    loaders_begin(&test, "loaders_torch");
    test_mixed(&test, TUFF_SOURCE_DIR "/tests/data/weights/old.pth", 1);
    test_old(&test);
    test_real(&test);
#if TUFF_HAVE_ZIP
    test_mixed(&test, TUFF_SOURCE_DIR "/tests/data/weights/mixed.pth", 37);
    test_pickles(&test);
    test_archives(&test);
    test_greedy(&test);
    test_paths(&test);
#else
    static const uint8_t zip[32] = "PK\3\4";
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    expect_status(&test, "without libzip", TUFF_ERR_UNSUPPORTED, decode(&test, zip, sizeof zip, &tensors, &error), &error,
                  "TUFF_ZIP");
#endif
    return loaders_end(&test);
}

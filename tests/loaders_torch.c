/* loaders_torch.c - PyTorch's files: one that it wrote (tests/data/weights/make.py), every length, every flipped bit, every failed allocation;
 * pickles made here that it would never write. */
#include "tests/loaders_support.h"
#include "tests/zip_bytes.h"

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

#if TUFF_HAVE_ZIP

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
    {"u16", "U16 [2]", "\1\0\xff\xff", 4},
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

static void test_mixed(struct loaders_test *test)
{
    struct file file;
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    file.data = file_read(TUFF_SOURCE_DIR "/tests/data/weights/mixed.pth", &file.bytes);
    if (!file.data) {
        expect(test, false, "mixed.pth", "a file", "none");
        return;
    }
    expect_status(test, "mixed.pth", TUFF_OK, decode(test, file.data, file.bytes, &tensors, &error), &error, NULL);
    if (tensors) {
        expect_number(test, "tensors", 22, (long long)tuff_tensors_count(tensors));
        expect_text(test, "left out", "5 values that are no tensors, first \"epoch\"",
                    tuff_tensors_text(tensors, "left out"));
        check_mixed(test, tensors);
    }
    tuff_tensors_destroy(tensors);
    for (size_t n = 0; n < file.bytes; n += n < 200 ? 1 : 37)
        expect_refused(test, "cut off", decode(test, file.data, n, &tensors, &error), &error);
    for (size_t bit = 0; bit < file.bytes * 8; bit += 3) { /* what is read all the same lies in the file: under sanitizers */
        file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        tuff_status status = decode(test, file.data, file.bytes, &tensors, &error);
        if (status != TUFF_OK) expect_refused(test, "a bit flipped", status, &error);
        tuff_tensors_destroy(tensors);
        file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    expect_survives_memory(test, "allocation fails", decode_once, &file);
    expect_status(test, "limit", TUFF_ERR_FORMAT,
                  tuff_torch_decode(test->context, (struct tuff_span){file.data, file.bytes}, 100, &tensors, &error), &error,
                  "larger than the limit");
    free(file.data);
}

/* ---- pickles that PyTorch would not write ------------------------------------------------------------------------------------------ */

static const uint8_t four[] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0, 0, 0x40, 0x40, 0, 0, 0x80, 0x40}; /* 1, 2, 3, 4 */

static tuff_status read_pickle(struct loaders_test *test, const char *pickle, size_t length, const char *order,
                               struct tuff_tensors **tensors, struct tuff_error *error)
{
    static uint8_t file[20000];
    const struct zip_member members[] = {
        {"a/data.pkl", (const uint8_t *)pickle, length, length, tuff_crc32(0, pickle, length), 0, 0},
        {"a/data/0", four, 16, 16, tuff_crc32(0, four, 16), 0, 0},
        {"a/byteorder", (const uint8_t *)order, strlen(order), strlen(order), tuff_crc32(0, order, strlen(order)), 0, 0}};
    return decode(test, file, zip_make(file, members, 3), tensors, error);
}

/* ('storage', torch.TYPE, KEY, 'cpu', COUNT) as a persistent identifier, and a tensor of it */
#define STORAGE(module, type, key, count) "(X\7\0\0\0storagec" module "\n" type "\nX\1\0\0\0" key "X\3\0\0\0cpu" count "tQ"
#define FLOATS STORAGE("torch", "FloatStorage", "0", "K\4")
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n("
#define END                                                                                                                 \
    "\x89"                                                                                                                  \
    "ccollections\nOrderedDict\n)RtR"
#define DICT_OF(value) "\x80\2}X\1\0\0\0a" value "s."

static void test_pickles(struct loaders_test *test)
{
    static const struct {
        const char *what, *pickle;
        size_t length;
        const char *order, *sentence; /* NULL: it is read */
        tuff_status status;
    } cases[] = {
#define CASE(what, pickle, order, status, sentence) {what, pickle, sizeof(pickle) - 1, order, sentence, status}
        CASE("a tensor", DICT_OF(REBUILD FLOATS "K\0K\2K\2\x86K\2K\1\x86" END), "little", TUFF_OK, NULL),
        CASE("on its own", "\x80\2" REBUILD FLOATS "K\0K\4\x85K\1\x85" END ".", "little", TUFF_OK, NULL),
        CASE("big-endian", DICT_OF(REBUILD FLOATS "K\0K\4\x85K\1\x85" END), "big", TUFF_OK, NULL),
        CASE("another order", DICT_OF("N"), "middle", TUFF_ERR_FORMAT, "neither little nor big"),
        CASE("os.system", "\x80\2cos\nsystem\nX\4\0\0\0true\x85R.", "little", TUFF_ERR_UNSUPPORTED, "calls os.system"),
        CASE("by the stack", "\x80\4\x8c\2os\x8c\6system\x93.", "little", TUFF_ERR_UNSUPPORTED, "calls os.system"),
        CASE("no text", "\x80\4K\1K\1\x93.", "little", TUFF_ERR_FORMAT, "by no text"),
        CASE("a control character", "\x80\2c\1\n\2\n.", "little", TUFF_ERR_UNSUPPORTED, "calls"),
        CASE("an opcode", "\x80\2i", "little", TUFF_ERR_UNSUPPORTED, "opcode 0x69"),
        CASE("nothing", "", "little", TUFF_ERR_FORMAT, "cut off"),
        CASE("no end", "\x80\2N", "little", TUFF_ERR_FORMAT, "cut off"),
        CASE("half a text", "\x80\2X\7\0\0\0abc", "little", TUFF_ERR_FORMAT, "cut off"),
        CASE("half a name", "\x80\2cabc\n", "little", TUFF_ERR_FORMAT, "cut off"),
        CASE("an endless text", "\x80\2\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "little", TUFF_ERR_FORMAT, "cut off"),
        CASE("a zero byte", "\x80\2X\1\0\0\0\0.", "little", TUFF_ERR_FORMAT, "zero byte"),
        CASE("no UTF-8", "\x80\2U\1\xff.", "little", TUFF_ERR_FORMAT, "UTF-8"),
        CASE("two values", "NN.", "little", TUFF_ERR_FORMAT, "another number of values"),
        CASE("no value", ".", "little", TUFF_ERR_FORMAT, "another number of values"),
        CASE("no mark", "t.", "little", TUFF_ERR_FORMAT, "without a mark"),
        CASE("no mark for items", "]e.", "little", TUFF_ERR_FORMAT, "without a mark"),
        CASE("an empty stack", "\x86.", "little", TUFF_ERR_FORMAT, "empty stack"),
        CASE("s on an empty stack", "s.", "little", TUFF_ERR_FORMAT, "empty stack"),
        CASE("a on an empty stack", "a.", "little", TUFF_ERR_FORMAT, "empty stack"),
        CASE("b on an empty stack", "b.", "little", TUFF_ERR_FORMAT, "empty stack"),
        CASE("Q on an empty stack", "Q.", "little", TUFF_ERR_FORMAT, "empty stack"),
        CASE("q on an empty stack", "q\1.", "little", TUFF_ERR_FORMAT, "empty stack"),
        CASE("into no container", "NNNs.", "little", TUFF_ERR_FORMAT, "no container"),
        CASE("into no list", "NNa.", "little", TUFF_ERR_FORMAT, "no container"),
        CASE("half a pair", "}(Nu.", "little", TUFF_ERR_FORMAT, "no container"),
        CASE("a memo that is none", "h\1.", "little", TUFF_ERR_FORMAT, "never had"),
        CASE("a memo far out", "Nr\xff\xff\xff\x7f.", "little", TUFF_ERR_FORMAT, "remembers more"),
        CASE("a mark remembered", "(q\0h\0.", "little", TUFF_ERR_FORMAT, "recalls a mark"),
        CASE("a list in itself", "]q\0h\0a.", "little", TUFF_ERR_FORMAT, "in themselves"),
        CASE("a list of itself twice", "]\x94(h\0h\0e.", "little", TUFF_ERR_FORMAT, "in themselves"),
        CASE("a call of no function", "N)R.", "little", TUFF_ERR_FORMAT, "no function"),
        CASE("a call of a type", "ctorch\nfloat32\n)R.", "little", TUFF_ERR_FORMAT, "no function"),
        CASE("a filled dict", "ccollections\nOrderedDict\n]\x85R.", "little", TUFF_ERR_UNSUPPORTED, "arguments"),
        CASE("other values", "(ctorch\nSize\n)RctorchX\n\nNe", "little", TUFF_ERR_UNSUPPORTED, "calls"),
        CASE("values of all kinds",
             "\x80\3](N\x88\x89J\xff\xff\xff\xffM\1\1\x8a\1\xff\x8a\x0a"
             "0123456789G\0\0\0\0\0\0\0\0C\1xT\1\0\0\0xctorch\ndevice\n)Re.",
             "little", TUFF_OK, NULL),
        CASE("a key that is none", "}NNs.", "little", TUFF_ERR_UNSUPPORTED, "key of a dict"),
        CASE("a state", "}]b.", "little", TUFF_OK, NULL),
        CASE("a parameter of none", "ctorch._utils\n_rebuild_parameter\nN\x85R.", "little", TUFF_ERR_FORMAT, "no tensor"),
        CASE("no storage", "NQ.", "little", TUFF_ERR_FORMAT, "persistent identifier"),
        CASE("a missing storage", STORAGE("torch", "FloatStorage", "7", "K\4") ".", "little", TUFF_ERR_FORMAT,
             "data/7 is missing"),
        CASE("a short storage", STORAGE("torch", "FloatStorage", "0", "K\5") ".", "little", TUFF_ERR_FORMAT,
             "not 5 elements"),
        CASE("a huge storage", STORAGE("torch", "FloatStorage", "0", "\x8a\x08\4\0\0\0\0\0\0\x40") ".", "little",
             TUFF_ERR_FORMAT, "has 16 bytes"),
        CASE("two types", "](" FLOATS STORAGE("torch", "IntStorage", "0", "K\4") "e.", "little", TUFF_ERR_FORMAT,
             "two types"),
        CASE("no arguments", REBUILD "tR.", "little", TUFF_ERR_FORMAT, "arguments of a tensor"),
        CASE("ranks that differ", REBUILD FLOATS "K\0K\2\x85K\2K\1\x86" END ".", "little", TUFF_ERR_FORMAT,
             "arguments of a tensor"),
        CASE("out of the storage", REBUILD FLOATS "K\0K\5\x85K\1\x85" END ".", "little", TUFF_ERR_FORMAT, "lead out"),
        CASE("behind the storage", REBUILD FLOATS "K\5K\0\x85K\1\x85" END ".", "little", TUFF_ERR_FORMAT, "lead out"),
        CASE("before the storage", REBUILD FLOATS "J\xff\xff\xff\xffK\1\x85K\1\x85" END ".", "little", TUFF_ERR_FORMAT,
             "lead out"),
        CASE("a negative stride", REBUILD FLOATS "K\0K\2\x85J\xff\xff\xff\xff\x85" END ".", "little", TUFF_ERR_FORMAT,
             "lead out"),
        CASE("long steps", REBUILD FLOATS "K\0K\3K\3\x86\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\1\x86" END ".", "little",
             TUFF_ERR_FORMAT, "lead out"),
        CASE("more than memory", REBUILD FLOATS "K\0\x8a\x08\0\0\0\0\0\0\0\x10\x85K\0\x85" END ".", "little",
             TUFF_ERR_FORMAT, "larger than the limit"),
        CASE("more than the limit", REBUILD FLOATS "K\0J\0\0\0\x7f\x85K\0\x85" END ".", "little", TUFF_ERR_FORMAT,
             "larger than the limit"),
        CASE("nine dimensions", REBUILD FLOATS "K\0(K\1K\1K\1K\1K\1K\1K\1K\1K\1t(K\1K\1K\1K\1K\1K\1K\1K\1K\1t" END ".",
             "little", TUFF_ERR_UNSUPPORTED, "9 dimensions"),
        CASE("no bools", REBUILD STORAGE("torch", "BoolStorage", "0", "K\x10") "K\0K\4\x85K\1\x85" END ".", "little",
             TUFF_ERR_FORMAT, "neither 0 nor 1"),
        CASE("bytes without a type", REBUILD STORAGE("torch", "UntypedStorage", "0", "K\x10") "K\0K\4\x85K\1\x85" END ".",
             "little", TUFF_ERR_FORMAT, "not that of its storage"),
        CASE("big bytes without a type",
             "ctorch._utils\n_rebuild_tensor_v3\n(" STORAGE("torch", "UntypedStorage", "0",
                                                            "K\x10") "K\0K\4\x85K\1\x85\x89Nctorch\nuint16\ntR.",
             "big", TUFF_ERR_UNSUPPORTED, "big-endian"),
        CASE("a name twice", "}(X\1\0\0\0a" REBUILD FLOATS "K\0K\4\x85K\1\x85" END "q\0X\1\0\0\0ah\0u.", "little",
             TUFF_ERR_FORMAT, "two arrays are called"),
    };
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct tuff_tensors *tensors = NULL;
        struct tuff_error error = {0};
        expect_status(test, cases[i].what, cases[i].status,
                      read_pickle(test, cases[i].pickle, cases[i].length, cases[i].order, &tensors, &error), &error,
                      cases[i].sentence);
        if (tensors && i < 3) {
            const struct tuff_array a = tuff_tensors_get(tensors, 0);
            expect_text(test, cases[i].what, i == 1 ? "tensor" : "a", a.name);
            expect(test, a.bytes == 16 && (!memcmp(a.data, four, 16) == (i < 2)), cases[i].what, "its elements", "others");
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
    static const uint8_t old[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    expect_status(test, "before 1.6", TUFF_ERR_UNSUPPORTED, decode(test, old, sizeof old - 1, &tensors, &error), &error,
                  "before 1.6");
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

#else
static void test_mixed(struct loaders_test *test)
{
    static const uint8_t zip[32] = "PK\3\4";
    struct tuff_tensors *tensors;
    struct tuff_error error = {0};
    expect_status(test, "without libzip", TUFF_ERR_UNSUPPORTED, decode(test, zip, sizeof zip, &tensors, &error), &error,
                  "TUFF_ZIP");
}
static void test_pickles(struct loaders_test *test) { (void)test; }
static void test_archives(struct loaders_test *test) { (void)test; }
#endif

#if TUFF_HAVE_ZIP
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
    test_mixed(&test);
    test_pickles(&test);
    test_archives(&test);
#if TUFF_HAVE_ZIP
    test_paths(&test);
#endif
    return loaders_end(&test);
}

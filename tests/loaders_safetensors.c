/* loaders_safetensors.c - safetensors and checkpoints: there and back, malformed headers, every length, every flipped bit. */
#include "backend/container.h"
#include "tests/loaders_support.h"

#include "loaders/source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#if TUFF_HAVE_JSON

/* ---- UTF-8 ---- */

/* A number in so many bytes, whether it needs them or not (RFC 3629, section 3). */
static void encode(uint32_t number, uint32_t length, unsigned char *out)
{
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (uint32_t i = length; i-- > 1; number >>= 6) out[i] = (unsigned char)(0x80 | (number & 0x3f));
    out[0] = (unsigned char)(lead[length] | number);
}

/* Every number that fits into so many bytes: valid are the shortest forms of what Unicode has, and nothing that is cut or mixed. */
static void test_utf8(struct loaders_test *test)
{
    static const uint32_t end[] = {0, 0x80, 0x800, 0x10000, 0x200000};
    uint64_t wrong = 0;
    for (uint32_t length = 1; length <= 4; length++)
        for (uint32_t number = 0; number < end[length]; number++) {
            unsigned char text[8] = {0};
            bool valid = number >= end[length - 1] && number <= 0x10ffff && (number < 0xd800 || number > 0xdfff);
            encode(number, length, text);
            wrong += tuff_utf8_valid((const char *)text, length) != valid;
            if (length == 1) continue;
            wrong += tuff_utf8_valid((const char *)text, length - 1);
            text[length - 1] ^= 0xc0;
            wrong += tuff_utf8_valid((const char *)text, length);
        }
    expect_number(test, "UTF-8: texts judged wrongly", 0, (long long)wrong);
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

/* A file with that header and `data` bytes of zeros behind it. */
static tuff_status decode(struct loaders_test *test, const char *header, size_t data, struct tuff_tensors **tensors,
                          struct tuff_error *error)
{
    size_t length = strlen(header), bytes = 8 + length + data;
    uint8_t *file = calloc(bytes, 1);
    if (!file) exit(1);
    for (int i = 0; i < 8; i++) file[i] = (uint8_t)((uint64_t)length >> 8 * i);
    memcpy(file + 8, header, length);
    tuff_status status = tuff_safetensors_decode(test->context, (struct tuff_span){file, bytes}, tensors, error);
    free(file);
    return status;
}

static void test_good(struct loaders_test *test)
{
    static const struct {
        const char *header;
        size_t data, count;
    } cases[] = {
        {"{}", 0, 0},
        {"{}      ", 0, 0},
        {"{\"__metadata__\":{}}", 0, 0},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]}}", 8, 1},
        {"{\"a\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]}}", 8, 1},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[0,4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, 1},
        {"{ \"b\" : "
         "{\"data_offsets\":[4,6],\"shape\":[1],\"dtype\":\"BF16\"},\n\t\"a\":{\"dtype\":\"I32\",\"shape\":[1],\"data_"
         "offsets\":[0,4]}}",
         6, 2},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_"
         "offsets\":[1,1]}}",
         1, 2},
        {"{\"\\u00e9[{\\\"\":{\"dtype\":\"BOOL\",\"shape\":[1,1,1,1,1,1,1,3],\"data_offsets\":[0,3]}}", 3, 1},
    };
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct tuff_tensors *tensors = NULL;
        struct tuff_error error = {0};
        expect_status(test, cases[i].header, TUFF_OK, decode(test, cases[i].header, cases[i].data, &tensors, &error), &error,
                      NULL);
        if (tensors) expect_number(test, cases[i].header, (long long)cases[i].count, (long long)tuff_tensors_count(tensors));
        tuff_tensors_destroy(tensors);
    }
}

#define T(name, type, shape, offsets)                                                                                       \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void test_bad(struct loaders_test *test)
{
    static const struct {
        const char *header, *sentence;
        size_t data;
    } cases[] = {
        {"", "begin with {", 0},
        {" {}", "begin with {", 0},
        {"[]", "begin with {", 0},
        {"{} x", "follows", 0},
        {"{}{}", "follows", 0},
        {"{}\n", "follows", 0},
        {"{\"a\"", "not JSON", 0},
        {"{}", "belong to no tensor", 1},
        {"{\"a\":1}", "no description", 0},
        {"{\"a\":{}}", "no dtype", 0},
        {"{" T("a", "F33", "[1]", "[0,4]") "}", "unknown", 4},
        {"{" T("a", "f32", "[1]", "[0,4]") "}", "unknown", 4},
        {"{" T("a", "F32", "1", "[0,4]") "}", "no shape", 4},
        {"{" T("a", "F32", "[1.5]", "[0,4]") "}", "whole number", 4},
        {"{" T("a", "F32", "[-1]", "[0,4]") "}", "whole number", 4},
        {"{" T("a", "F32", "[1e400]", "[0,4]") "}", "whole number", 4},
        {"{" T("a", "F32", "[\"1\"]", "[0,4]") "}", "whole number", 4},
        {"{" T("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", "more than 8 dimensions", 4},
        {"{" T("a", "F32", "[1]", "[0]") "}", "no data_offsets", 4},
        {"{" T("a", "F32", "[1]", "[0,4,8]") "}", "no data_offsets", 4},
        {"{" T("a", "F32", "[1]", "[4,0]") "}", "outside", 4},
        {"{" T("a", "F32", "[2]", "[0,8]") "}", "outside", 4},
        {"{" T("a", "F32", "[1]", "[0,18446744073709551620]") "}", "no data_offsets", 4},
        {"{" T("a", "F32", "[4611686018427387904,4]", "[0,0]") "}", "whole number", 0},
        {"{" T("a", "F32", "[4503599627370496,4503599627370496]", "[0,0]") "}", "do not fit", 0},
        {"{" T("a", "F32", "[2]", "[0,4]") "}", "do not fit", 4},
        {"{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]", "[1,3]") "}", "hole or an overlap", 3},
        {"{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]", "[0,2]") "}", "hole or an overlap", 2},
        {"{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]", "[3,5]") "}", "hole or an overlap", 5},
        {"{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[0]", "[1,1]") "}", "hole or an overlap", 2},
        {"{" T("a", "U8", "[2]", "[1,3]") "}", "hole or an overlap", 3},
        {"{" T("a", "U8", "[2]", "[0,2]") "}", "belong to no tensor", 3},
        {"{" T("a", "U8", "[1]", "[0,1]") "," T("a", "U8", "[1]", "[1,2]") "}", "two tensors are named", 2},
        {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "repeated field", 1},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", "unknown or repeated field", 1},
        {"{\"__metadata__\":[]}", "no object", 0},
        {"{\"__metadata__\":{\"a\":1}}", "no text", 0},
        {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", "two texts", 0},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", "twice", 0},
        {"{\"__metadata__\":{\"a\\u0000b\":\"1\"}}", "zero byte", 0},
        {"{\"__metadata__\":{\"a\nb\":\"1\"}}", "control", 0},
        {"{\"__metadata__\":{\"\xff\":\"1\"}}", "UTF-8", 0},
        {"{\"__metadata__\":{\"\xc0\x80\":\"1\"}}", "UTF-8", 0},
        {"{\"__metadata__\":{\"\xed\xa0\x80\":\"1\"}}", "UTF-8", 0},
        {"{\"a\":[[[[[[]]]]]]}", "nested", 0},
        {"{}}", "brackets", 0},
    };
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct tuff_tensors *tensors = NULL;
        struct tuff_error error = {0};
        tuff_status status = decode(test, cases[i].header, cases[i].data, &tensors, &error);
        expect(test, strstr(error.message, cases[i].sentence) != NULL, cases[i].header, cases[i].sentence, "\"%s\"",
               error.message);
        expect_refused(test, cases[i].header, status, &error);
        expect(test, tensors == NULL, cases[i].header, "an untouched result", "a changed one");
    }
}

static void test_lengths(struct loaders_test *test)
{
    uint8_t file[16] = {0};
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    for (size_t n = 0; n < 8; n++)
        expect_refused(test, "no length",
                       tuff_safetensors_decode(test->context, (struct tuff_span){file, n}, &tensors, &error), &error);
    memset(file, 0xff, 8);
    expect_refused(test, "length 2^64 - 1",
                   tuff_safetensors_decode(test->context, (struct tuff_span){file, 16}, &tensors, &error), &error);
    memset(file, 0, 8);
    file[0] = 9;
    expect_status(test, "header longer than the file", TUFF_ERR_FORMAT,
                  tuff_safetensors_decode(test->context, (struct tuff_span){file, 16}, &tensors, &error), &error, "cut off");
    uint8_t truth[] = "\x30\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[0,1]}}\x02";
    truth[0] = sizeof truth - 1 - 8 - 1;
    expect_status(test, "BOOL 2", TUFF_ERR_FORMAT,
                  tuff_safetensors_decode(test->context, (struct tuff_span){truth, sizeof truth - 1}, &tensors, &error),
                  &error, "neither 0 nor 1");
    uint8_t twice[200] = {0}; /* refused before their bytes are looked at: there may be a million of them */
    const int length = snprintf((char *)twice + 8, sizeof twice - 8,
                                "{\"a\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[0,1]},"
                                "\"b\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[0,1]}}\2");
    twice[0] = (uint8_t)(length - 1);
    expect_status(test, "BOOLs in one place", TUFF_ERR_FORMAT,
                  tuff_safetensors_decode(test->context, (struct tuff_span){twice, (size_t)length + 8}, &tensors, &error),
                  &error, "a hole or an overlap");
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

/* ---- floats of 4 to 8 bits -------------------------------------------------------------------------------------------- */

static void test_small(struct loaders_test *test)
{
    static const struct {
        const char *header;
        uint8_t data[4];
        float wanted[4]; /* NaN: any */
        size_t bytes;
    } cases[] = {
        {"{" T("a", "F8_E4M3", "[2,2]", "[0,4]") "}", {0x7e, 0x81, 0x38, 0x7f}, {448, -0.001953125f, 1, NAN}, 4},
        {"{" T("a", "F8_E5M2", "[4]", "[0,4]") "}", {0x7b, 0x01, 0xbc, 0xfc}, {57344, 1.52587890625e-5f, -1, -INFINITY}, 4},
        {"{" T("a", "F8_E4M3FNUZ", "[4]", "[0,4]") "}", {0x7f, 0x01, 0xc0, 0x80}, {240, 0.0009765625f, -1, NAN}, 4},
        {"{" T("a", "F8_E5M2FNUZ", "[4]", "[0,4]") "}", {0x7f, 0x01, 0x40, 0x80}, {57344, 7.62939453125e-6f, 1, NAN}, 4},
        {"{" T("a", "F8_E8M0", "[4]", "[0,4]") "}", {127, 0, 254, 255}, {1, 5.877471754111438e-39f, 1.7014118e38f, NAN}, 4},
        {"{" T("a", "F6_E2M3", "[4]", "[0,3]") "}", {0x5f, 0x80, 0x20}, {7.5f, 0.125f, 1, 1}, 3},
        {"{" T("a", "F6_E3M2", "[4]", "[0,3]") "}", {0x5f, 0xc0, 0x30}, {28, 0.0625f, 1, 1}, 3},
        {"{" T("a", "F4", "[4]", "[0,2]") "}", {0x17, 0xa2}, {6, 0.5f, 1, -1}, 2},
        {"{" T("a", "C64", "[]", "[0,8]") "}", {0}, {0, 0}, 8},
    };
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct tuff_tensors *tensors = NULL;
        struct tuff_error error = {0};
        uint8_t file[200] = {0};
        const size_t length = strlen(cases[i].header), n = cases[i].bytes == 8 ? 2 : 4;
        file[0] = (uint8_t)length;
        memcpy(file + 8, cases[i].header, length);
        memcpy(file + 8 + length, cases[i].data, sizeof cases[i].data);
        const struct tuff_span span = {file, 8 + length + cases[i].bytes};
        expect_status(test, cases[i].header, TUFF_OK, tuff_safetensors_decode(test->context, span, &tensors, &error), &error,
                      NULL);
        if (!tensors) continue;
        const struct tuff_array a = tuff_tensors_get(tensors, 0);
        expect_text(test, cases[i].header, "F32", tuff_element_name(a.element));
        expect_number(test, cases[i].header, (long long)n * 4, (long long)a.bytes);
        for (size_t k = 0; a.bytes == n * 4 && k < n; k++) {
            float value;
            memcpy(&value, (const uint8_t *)a.data + 4 * k, 4);
            const float wanted = cases[i].wanted[k];
            expect(test, wanted == value || (wanted != wanted && value != value), cases[i].header, "another", "%zu: %g", k,
                   (double)value);
        }
        tuff_tensors_destroy(tensors);
    }
}

/* ---- an index ----------------------------------------------------------------------------------------------------------- */

static const char *shard_write(struct loaders_test *test, const char *file, const char *name, const char *second)
{
    static const float numbers[] = {1, 2, 3};
    const struct tuff_array arrays[] = {{name, TUFF_ELEMENT_F32, 1, {3}, numbers, 12},
                                        {second, TUFF_ELEMENT_F32, 1, {2}, numbers, 8}};
    struct tuff_tensors_params params = {.struct_size = sizeof params, .arrays = arrays, .array_count = second ? 2 : 1};
    const char *path = scratch_path(test, file);
    if (tuff_safetensors_write(test->context, path, &params, NULL) != TUFF_OK) exit(1);
    return path;
}

static tuff_status open_index(struct loaders_test *test, const char *map, struct tuff_tensors **tensors,
                              struct tuff_error *error)
{
    char text[600];
    const int n = snprintf(text, sizeof text, "{\n  \"metadata\": {\"total_size\": 32},\n  \"weight_map\": %s\n}\n", map);
    *tensors = NULL;
    const char *path = scratch_write(test, "model.safetensors.index.json", text, (size_t)n);
    return tuff_safetensors_open(test->context, path, 0, tensors, error);
}

static tuff_status index_once(struct loaders_test *test, void *path)
{
    struct tuff_tensors *tensors = NULL;
    tuff_status status = tuff_safetensors_open(test->context, path, 0, &tensors, NULL);
    tuff_tensors_destroy(tensors);
    return status;
}

static void test_index(struct loaders_test *test)
{
    static const struct {
        const char *map, *sentence;
        tuff_status status;
    } cases[] = {
        {"{\"a\": \"1.st\", \"b\": \"1.st\", \"c\": \"3.st\"}", "3.st", TUFF_ERR_FILE},
        {"{\"a\": \"1.st\", \"b\": \"2.st\", \"c\": \"2.st\"}", "2.st lacks \"b\"", TUFF_ERR_FORMAT},
        {"{\"a\": \"1.st\", \"b\": \"1.st\"}", NULL, TUFF_OK},
        {"{\"a\": \"1.st\"}", "1.st holds \"b\", which the index does not name", TUFF_ERR_FORMAT},
        {"{\"a\": \"1.st\", \"b\": \"1.st\", \"b\": \"1.st\"}", "two arrays are called \"b\"", TUFF_ERR_FORMAT},
        {"{\"a\": \"1.st\", \"b\": \"1.st\", \"d\": \"4.st\"}", "\"a\", which the index says is in another",
         TUFF_ERR_FORMAT},
        {"{\"a\": \"../1.st\"}", "no file of its own folder", TUFF_ERR_FORMAT},
        {"{\"a\": \"/etc/passwd\"}", "no file of its own folder", TUFF_ERR_FORMAT},
        {"{\"a\": \"..\"}", "no file of its own folder", TUFF_ERR_FORMAT},
        {"{\"a\": \"\"}", "no file of its own folder", TUFF_ERR_FORMAT},
        {"{\"a\": 1}", "no file for \"a\"", TUFF_ERR_FORMAT},
        {"[]", "without a weight_map", TUFF_ERR_FORMAT},
        {"{\"a\": \"model.safetensors.index.json\"}", "its header would have", TUFF_ERR_FORMAT},
    };
    struct tuff_tensors *tensors = NULL;
    struct tuff_array a = {0};
    struct tuff_error error = {0};
    char path[500];
    shard_write(test, "1.st", "a", "b"), shard_write(test, "2.st", "c", NULL), shard_write(test, "4.st", "a", "d");
    const char *good = "{\"c\": \"2.st\", \"b\": \"1.st\", \"a\": \"1.st\"}";
    expect_status(test, "index", TUFF_OK, open_index(test, good, &tensors, &error), &error, NULL);
    if (tensors) {
        expect_number(test, "index: arrays", 3, (long long)tuff_tensors_count(tensors));
        expect_text(test, "index: order", "c", tuff_tensors_get(tensors, 0).name);
        expect(test, tuff_tensors_find(tensors, "b", &a) && a.bytes == 8 && !memcmp(a.data, (float[]){1, 2}, 8), "index: b",
               "its numbers", "others");
    }
    tuff_tensors_destroy(tensors);
    snprintf(path, sizeof path, "%s", scratch_path(test, "model.safetensors.index.json"));
    expect_survives_memory(test, "index, allocation fails", index_once, path);
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        expect_status(test, cases[i].map, cases[i].status, open_index(test, cases[i].map, &tensors, &error), &error,
                      cases[i].sentence);
        tuff_tensors_destroy(tensors);
    }
    static const char text[] = "{\"weight_map\": {}}";
    tensors = NULL;
    expect_status(test, "index in memory", TUFF_ERR_UNSUPPORTED,
                  tuff_safetensors_decode(test->context, (struct tuff_span){text, sizeof text - 1}, &tensors, &error),
                  &error, "by its path");
}

static const float floats[3] = {1.5f, -0.0f, 3e38f};
static const double doubles[2] = {1e-300, 2};
static const uint8_t bytes3[3] = {1, 0, 1};
static const uint16_t halves[1] = {0x7e01};
static const struct tuff_array sample_arrays[] = {
    {.name = "flags", .element = TUFF_ELEMENT_BOOL, .rank = 1, .dim = {3}, .data = bytes3, .bytes = 3},
    {.name = "w", .element = TUFF_ELEMENT_F32, .rank = 2, .dim = {3, 1}, .data = floats, .bytes = 12},
    {.name = "half \"quoted\" \xc3\xa9", .element = TUFF_ELEMENT_F16, .rank = 0, .data = halves, .bytes = 2},
    {.name = "d", .element = TUFF_ELEMENT_F64, .rank = 1, .dim = {2}, .data = doubles, .bytes = 16},
    {.name = "none", .element = TUFF_ELEMENT_I64, .rank = 2, .dim = {0, 5}},
};
static const struct tuff_pair sample_texts[] = {{"labels", "[\"cat\",\"dog\"]"}, {"empty", ""}, {"lines", "a\nb\t\x01"}};
static const struct tuff_tensors_params sample = {.struct_size = sizeof sample,
                                                  .arrays = sample_arrays,
                                                  .array_count = TUFF_COUNT(sample_arrays),
                                                  .texts = sample_texts,
                                                  .text_count = TUFF_COUNT(sample_texts)};

static void check_sample(struct loaders_test *test, const struct tuff_tensors *tensors)
{
    expect_number(test, "arrays", TUFF_COUNT(sample_arrays), (long long)tuff_tensors_count(tensors));
    for (size_t i = 0; i < TUFF_COUNT(sample_arrays) && i < tuff_tensors_count(tensors); i++) {
        const struct tuff_array *wanted = &sample_arrays[i];
        struct tuff_array got = tuff_tensors_get(tensors, i), found = {0};
        expect_text(test, "name, in the order given", wanted->name, got.name);
        expect(test, tuff_tensors_find(tensors, wanted->name, &found) && found.data == got.data, wanted->name,
               "found by name", "not");
        bool same = got.element == wanted->element && got.rank == wanted->rank && got.bytes == wanted->bytes &&
                    memcmp(got.dim, wanted->dim, sizeof got.dim) == 0 &&
                    (got.bytes == 0 || memcmp(got.data, wanted->data, got.bytes) == 0);
        expect(test, same, wanted->name, "the same array", "another");
        expect_number(test, "misalignment", 0, (long long)((uintptr_t)got.data % tuff_element_bytes(got.element)));
    }
    for (size_t i = 0; i < TUFF_COUNT(sample_texts); i++)
        expect_text(test, sample_texts[i].key, sample_texts[i].value, tuff_tensors_text(tensors, sample_texts[i].key));
    struct tuff_array none = {.bytes = 77};
    expect(test, !tuff_tensors_find(tensors, "x", &none) && none.bytes == 77, "an unknown name", "not found", "found");
    expect(test, tuff_tensors_text(tensors, "x") == NULL, "an unknown key", "NULL", "a text");
}

static void test_write(struct loaders_test *test)
{
    const char *path = scratch_path(test, "a.safetensors");
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    expect_status(test, "write", TUFF_OK, tuff_safetensors_write(test->context, path, &sample, &error), &error, NULL);
    expect_status(test, "open", TUFF_OK, tuff_safetensors_open(test->context, path, 0, &tensors, &error), &error, NULL);
    if (tensors) check_sample(test, tensors);
    tuff_tensors_destroy(tensors);
    size_t bytes = 0;
    uint8_t *file = file_read(path, &bytes);
    expect_number(test, "header length modulo 8", 0, file ? file[0] % 8 : -1);
    for (size_t n = 0; file && n < bytes; n++)
        expect_refused(test, "safetensors, truncated",
                       tuff_safetensors_decode(test->context, (struct tuff_span){file, n}, &tensors, &error), &error);
    for (size_t bit = 0; file && bit < bytes * 8; bit++) { /* no checksum: it loads or it does not */
        tensors = NULL;
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        tuff_status status = tuff_safetensors_decode(test->context, (struct tuff_span){file, bytes}, &tensors, &error);
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (status != TUFF_OK) expect_refused(test, "safetensors, bit flipped", status, &error);
        tuff_tensors_destroy(tensors);
    }
    free(file);
}

static void try_usage(struct loaders_test *test, const char *what, struct tuff_array array, struct tuff_pair pair)
{
    struct tuff_array arrays[2] = {array, sample_arrays[1]};
    struct tuff_tensors_params params = {
        .struct_size = sizeof params, .arrays = arrays, .array_count = 2, .texts = &pair, .text_count = 1};
    struct tuff_error error = {0};
    expect_status(test, what, TUFF_ERR_USAGE,
                  tuff_safetensors_write(test->context, scratch_path(test, "u"), &params, &error), &error, NULL);
}

static void test_usage(struct loaders_test *test)
{
    const struct tuff_array good = sample_arrays[0];
    const struct tuff_pair pair = {"a", "b"};
    struct tuff_array array = good;
    array.name = "";
    try_usage(test, "empty name", array, pair);
    array.name = "w";
    try_usage(test, "repeated name", array, pair);
    array.name = "__metadata__";
    try_usage(test, "name of the metadata", array, pair);
    array.name = "\xff";
    try_usage(test, "name that is not UTF-8", array, pair);
    array = good;
    array.bytes = 4;
    try_usage(test, "bytes that do not fit", array, pair);
    array = good;
    array.data = NULL;
    try_usage(test, "no data", array, pair);
    array = good;
    array.element = 99;
    try_usage(test, "unknown element", array, pair);
    array = good;
    array.rank = 9;
    try_usage(test, "rank 9", array, pair);
    try_usage(test, "text that is not UTF-8", good, (struct tuff_pair){"a", "\xff"});
    struct tuff_error error = {0};
    expect_status(test, "folder that does not exist", TUFF_ERR_FILE,
                  tuff_safetensors_write(test->context, scratch_path(test, "none/a.safetensors"), &sample, &error), &error,
                  NULL);
}

static tuff_status there_and_back(struct loaders_test *test, void *user)
{
    struct tuff_tensors *tensors = NULL;
    (void)user;
    const char *path = scratch_path(test, "memory.safetensors");
    tuff_status status = tuff_safetensors_write(test->context, path, &sample, NULL);
    if (status == TUFF_OK) status = tuff_safetensors_open(test->context, path, 0, &tensors, NULL);
    tuff_tensors_destroy(tensors);
    return status;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------------ */

static void test_every_bit(struct loaders_test *test, const char *path)
{
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    size_t bytes = 0;
    uint8_t *file = file_read(path, &bytes);
    for (size_t bit = 0; file && bit < bytes * 8; bit++) {
        char what[60];
        snprintf(what, sizeof what, "checkpoint, bit %zu flipped", bit);
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_refused(test, what,
                       tuff_checkpoint_decode(test->context, (struct tuff_span){file, bytes}, "model", &tensors, &error),
                       &error);
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; file && n < bytes; n++)
        expect_refused(test, "checkpoint, truncated",
                       tuff_checkpoint_decode(test->context, (struct tuff_span){file, n}, "model", &tensors, &error),
                       &error);
    uint8_t *longer = realloc(file, bytes + 1);
    if (!longer) exit(1);
    longer[bytes] = 0;
    expect_refused(test, "checkpoint, a byte more",
                   tuff_checkpoint_decode(test->context, (struct tuff_span){longer, bytes + 1}, "model", &tensors, &error),
                   &error);
    free(longer);
}

/* Memory of the context's allocator, counted: the size stands before each allocation. */
struct counter {
    size_t now, peak;
};
static void *count_reallocate(void *user, void *old, size_t bytes)
{
    struct counter *c = user;
    size_t *head = old ? (size_t *)old - 2 : NULL, before = head ? head[0] : 0;
    head = realloc(head, 2 * sizeof *head + bytes);
    if (!head) return NULL;
    head[0] = bytes;
    c->now += bytes - before;
    if (c->now > c->peak) c->peak = c->now;
    return head + 2;
}
static void *count_allocate(void *user, size_t bytes) { return count_reallocate(user, NULL, bytes); }
static void count_release(void *user, void *memory)
{
    if (!memory) return;
    ((struct counter *)user)->now -= ((size_t *)memory)[-2];
    free((size_t *)memory - 2);
}

/* Weights of a file are mapped, not read: 16 MiB of them cost next to nothing. */
static void test_mapped(struct loaders_test *test)
{
    enum { COUNT = 4 << 20 };
    const char *path = scratch_path(test, "mapped.model");
    struct counter counter = {0};
    struct tuff_options options = {.struct_size = sizeof options,
                                   .allocator = {&counter, count_allocate, count_reallocate, count_release}};
    struct tuff_context *context = NULL;
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    float *weights = calloc(COUNT, sizeof *weights);
    if (!weights || tuff_context_create(&options, &context, &error) != TUFF_OK) exit(1);
    weights[COUNT - 1] = 7;
    struct tuff_array array = {.name = "w",
                               .element = TUFF_ELEMENT_F32,
                               .rank = 1,
                               .dim = {COUNT},
                               .data = weights,
                               .bytes = COUNT * sizeof *weights};
    struct tuff_tensors_params params = {.struct_size = sizeof params, .arrays = &array, .array_count = 1, .kind = "model"};
    expect_status(test, "write", TUFF_OK, tuff_checkpoint_write(test->context, path, &params, &error), &error, NULL);
    expect_status(test, "read", TUFF_OK, tuff_checkpoint_read(context, path, "model", &tensors, &error), &error, NULL);
    if (tensors) {
        struct tuff_array found = tuff_tensors_get(tensors, 0);
        expect(test, ((const float *)found.data)[COUNT - 1] == 7, "mapped", "7", "another number");
    }
    expect(test, counter.peak < 1 << 20, "mapped", "less than 1 MiB of host memory", "%zu bytes", counter.peak);
    tuff_tensors_destroy(tensors);
    tuff_context_destroy(context);
    expect(test, counter.now == 0, "mapped", "no leak", "%zu bytes", counter.now);
    free(weights);
}

/* Two sections of one name are texts with one key, or arrays with one name: neither could be found. */
static void test_twice(struct loaders_test *test)
{
    static const struct tuff_section_params texts[] = {
        {.kind = TUFF_SECTION_TEXT, .name = "tuff.kind", .data = "checkpoint", .bytes = 10},
        {.kind = TUFF_SECTION_TEXT, .name = "a", .data = "1", .bytes = 1},
        {.kind = TUFF_SECTION_TEXT, .name = "b", .data = "2", .bytes = 1},
        {.kind = TUFF_SECTION_TEXT, .name = "a", .data = "3", .bytes = 1},
        {.kind = TUFF_SECTION_ARRAYS, .name = "arrays", .data = "", .bytes = 0}};
    struct tuff_section_params arrays[] = {
        texts[0],
        {.kind = TUFF_SECTION_ARRAYS, .name = "arrays", .data = "U8 1\nU8 1\n", .bytes = 10},
        {.kind = TUFF_SECTION_WEIGHTS, .name = "w", .data = "x", .bytes = 1},
        {.kind = TUFF_SECTION_WEIGHTS, .name = "w", .data = "y", .bytes = 1}};
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    const char *path = scratch_path(test, "twice.tuff");
    expect_status(test, "write", TUFF_OK, tuff_container_write(test->context, path, texts, TUFF_COUNT(texts), &error),
                  &error, NULL);
    expect_status(test, "texts", TUFF_ERR_FORMAT, tuff_checkpoint_read(test->context, path, NULL, &tensors, &error), &error,
                  "two texts have one key (\"a\")");
    expect_status(test, "write", TUFF_OK, tuff_container_write(test->context, path, arrays, TUFF_COUNT(arrays), &error),
                  &error, NULL);
    expect_status(test, "arrays", TUFF_ERR_FORMAT, tuff_checkpoint_read(test->context, path, NULL, &tensors, &error), &error,
                  "two arrays have one name (\"w\")");
}

static void test_checkpoint(struct loaders_test *test)
{
    const char *path = scratch_path(test, "a.model");
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    struct tuff_tensors_params params = sample;
    params.kind = "model";
    expect_status(test, "write", TUFF_OK, tuff_checkpoint_write(test->context, path, &params, &error), &error, NULL);
    expect_status(test, "read", TUFF_OK, tuff_checkpoint_read(test->context, path, "model", &tensors, &error), &error, NULL);
    if (tensors) check_sample(test, tensors);
    if (tensors) expect_text(test, "kind", "model", tuff_tensors_text(tensors, "tuff.kind"));
    tuff_tensors_destroy(tensors);
    tensors = NULL;
    expect_status(test, "of another kind", TUFF_ERR_FORMAT,
                  tuff_checkpoint_read(test->context, path, NULL, &tensors, &error), &error, "a model, not a checkpoint");
    expect_refused(test, "as safetensors", tuff_safetensors_open(test->context, path, 0, &tensors, &error), &error);
    test_every_bit(test, path);
    expect_status(test, "safetensors", TUFF_OK, tuff_safetensors_write(test->context, path, &sample, &error), &error, NULL);
    expect_status(test, "safetensors are no checkpoint", TUFF_ERR_FORMAT,
                  tuff_checkpoint_read(test->context, path, NULL, &tensors, &error), &error, "not a checkpoint");
    params.kind = NULL;
    params.arrays = NULL;
    params.array_count = params.text_count = 0;
    expect_status(test, "empty", TUFF_OK, tuff_checkpoint_write(test->context, path, &params, &error), &error, NULL);
    expect_status(test, "empty", TUFF_OK, tuff_checkpoint_read(test->context, path, NULL, &tensors, &error), &error, NULL);
    tuff_tensors_destroy(tensors);
    params.texts = &(struct tuff_pair){"tuff.kind", "x"};
    params.text_count = 1;
    expect_status(test, "reserved key", TUFF_ERR_USAGE, tuff_checkpoint_write(test->context, path, &params, &error), &error,
                  "reserved");
}

static tuff_status checkpoint_there_and_back(struct loaders_test *test, void *user)
{
    struct tuff_tensors *tensors = NULL;
    (void)user;
    const char *path = scratch_path(test, "memory.checkpoint");
    tuff_status status = tuff_checkpoint_write(test->context, path, &sample, NULL);
    if (status == TUFF_OK) status = tuff_checkpoint_read(test->context, path, NULL, &tensors, NULL);
    tuff_tensors_destroy(tensors);
    return status;
}

/* A header of 1 MB that is one list of zeros would take 40 MB. */
static void test_dense_header(struct loaders_test *test)
{
    const size_t bytes = 1000000;
    static const char begin[] = "{\"a\":{\"shape\":[0";
    char *file = malloc(8 + bytes);
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    if (!file) exit(1);
    for (int i = 0; i < 8; i++) file[i] = (char)(bytes >> 8 * i);
    memcpy(file + 8, begin, sizeof begin - 1);
    for (size_t i = sizeof begin - 1; i < bytes; i++) file[8 + i] = ",0"[(i - sizeof begin + 1) % 2];
    memcpy(file + 8 + bytes - 3, "]}}", 3);
    expect_status(test, "a header of zeros", TUFF_ERR_FORMAT,
                  tuff_safetensors_decode(test->context, (struct tuff_span){file, 8 + bytes}, &tensors, &error), &error,
                  "one in 4 bytes");
    free(file);
}

int main(void)
{
    struct loaders_test test;
    loaders_begin(&test, "loaders_safetensors");
    test_utf8(&test);
    test_good(&test);
    test_small(&test);
    test_index(&test);
    test_bad(&test);
    test_lengths(&test);
    test_write(&test);
    test_usage(&test);
    test_checkpoint(&test);
    test_twice(&test);
    test_mapped(&test);
    expect_survives_memory(&test, "safetensors, allocation fails", there_and_back, NULL);
    expect_survives_memory(&test, "checkpoint, allocation fails", checkpoint_there_and_back, NULL);
    test_dense_header(&test);
    return loaders_end(&test);
}
#else
int main(void)
{
    struct loaders_test test;
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    struct tuff_tensors_params params = {.struct_size = sizeof params};
    loaders_begin(&test, "loaders_safetensors");
    expect_status(&test, "reading without cJSON", TUFF_ERR_UNSUPPORTED,
                  tuff_safetensors_decode(test.context, (struct tuff_span){"", 0}, &tensors, &error), &error, "TUFF_JSON");
    expect_status(&test, "writing without cJSON", TUFF_OK,
                  tuff_safetensors_write(test.context, scratch_path(&test, "a"), &params, &error), &error, NULL);
    return loaders_end(&test);
}
#endif

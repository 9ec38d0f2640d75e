/* safetensors.c - any bytes as a safetensors file; what can be read is written and read again. */
#include "loaders/safetensors.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

static bool equal(const struct tuff_array *a, const struct tuff_array *b)
{
    return !strcmp(a->name, b->name) && a->element == b->element && a->rank == b->rank &&
           !memcmp(a->dim, b->dim, sizeof a->dim) && a->bytes == b->bytes &&
           (!a->bytes || !memcmp(a->data, b->data, a->bytes));
}

static void write_and_read(struct tuff_context *context, const struct tuff_tensors *tensors)
{
    size_t count = tuff_tensors_count(tensors), text_count = tuff_tensors_text_count(tensors);
    struct tuff_array *arrays = tuff_alloc(context, count * sizeof *arrays);
    struct tuff_pair *texts = tuff_alloc(context, text_count * sizeof *texts);
    static char folder[200];
    struct tuff_tensors *back = NULL;
    char path[220];
    if (!arrays || !texts) abort();
    for (size_t i = 0; i < count; i++) {
        arrays[i] = tuff_tensors_get(tensors, i);
        fuzz_touch(arrays[i].data, (size_t)arrays[i].bytes);
    }
    for (size_t i = 0; i < text_count; i++) texts[i] = tuff_tensors_text_get(tensors, i);
    struct tuff_tensors_params params = {sizeof params, arrays, count, texts, text_count, NULL};
    if (!folder[0]) fuzz_folder_make(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/file", folder);
    /* A name that is empty can be read, but is not written. */
    if (tuff_safetensors_write(context, path, &params, NULL) == TUFF_OK) {
        FUZZ_REQUIRE(tuff_safetensors_open(context, path, 0, &back, NULL) == TUFF_OK);
        FUZZ_REQUIRE(tuff_tensors_count(back) == count && tuff_tensors_text_count(back) == text_count);
        for (size_t i = 0; i < count; i++) {
            struct tuff_array other;
            FUZZ_REQUIRE(tuff_tensors_find(back, arrays[i].name, &other) && equal(&arrays[i], &other));
        }
        for (size_t i = 0; i < text_count; i++) {
            const char *text = tuff_tensors_text(back, texts[i].key);
            FUZZ_REQUIRE(text && !strcmp(text, texts[i].value));
        }
    }
    tuff_tensors_destroy(back);
    tuff_free(context, arrays);
    tuff_free(context, texts);
}

/* Bytes that begin as JSON are the index of two files. */
static void open_index(struct tuff_context *context, const uint8_t *data, size_t size)
{
    static char folder[200];
    static const char *const files[] = {"1.st", "2.st"}, *const names[] = {"a", "b", "c"};
    static const float numbers[3];
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    char path[240];
    if (!folder[0]) {
        fuzz_folder_make(folder, sizeof folder);
        for (int i = 0; i < 2; i++) {
            const struct tuff_array arrays[] = {{names[i], TUFF_ELEMENT_F32, 1, {3}, numbers, 12},
                                                {names[i + 1], TUFF_ELEMENT_F32, 0, {0}, numbers, 4}};
            struct tuff_tensors_params params = {
                .struct_size = sizeof params, .arrays = arrays, .array_count = 2 - (size_t)i};
            snprintf(path, sizeof path, "%s/%s", folder, files[i]);
            if (tuff_safetensors_write(context, path, &params, NULL) != TUFF_OK) folder[0] = 0;
        }
        if (!folder[0]) return;
    }
    snprintf(path, sizeof path, "%s/index", folder);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file)) abort();
    if (fuzz_read(context, tuff_safetensors_open(context, path, 0, &tensors, &error), &error))
        for (size_t i = 0; i < tuff_tensors_count(tensors); i++) {
            const struct tuff_array a = tuff_tensors_get(tensors, i);
            fuzz_touch(a.data, (size_t)a.bytes);
        }
    tuff_tensors_destroy(tensors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    if (fuzz_read(context, tuff_safetensors_decode(context, (struct tuff_span){data, size}, &tensors, &error), &error))
        write_and_read(context, tensors);
    tuff_tensors_destroy(tensors);
    if (size && data[0] == '{') open_index(context, data, size);
    fuzz_end(context);
    return 0;
}

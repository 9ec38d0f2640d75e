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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    if (fuzz_read(context, tuff_safetensors_decode(context, (struct tuff_span){data, size}, &tensors, &error), &error))
        write_and_read(context, tensors);
    tuff_tensors_destroy(tensors);
    fuzz_end(context);
    return 0;
}

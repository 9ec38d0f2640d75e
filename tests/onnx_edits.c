/* onnx_edits.c - every number and list of the shared conformance models, one edited at a time, opened and built without a device: what no
 * longer fits is refused in words. So are compile-time values that are none. fuzz_rounds draws such edits; this goes through them. TUFF_EDITS=N: each N-th
 * alone (11), 1: all; TUFF_EDITS_SHOW=1: which model. */
#include "tests/loaders_support.h"
#include "tests/onnx_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#if TUFF_HAVE_ONNX

enum { FIRST = 8 }; /* numbers of a longer list that are edited */

struct edits {
    struct loaders_test *test;
    const char *name;
    const struct tuff_onnx_model *model;
    uint64_t seen;
    uint32_t step;
};

/* Builds the model as it is now, with this number for what has to be known. */
static void build_with(struct edits *e, double number)
{
    struct tuff_arena arena;
    struct tuff_error error = {0};
    struct tuff_span bytes = {0};
    struct tuff_onnx *onnx = NULL;
    tuff_arena_init(&arena, e->test->context);
    tuff_status status = tuff_onnx_encode(&arena, e->model, &bytes, NULL, &error);
    if (status == TUFF_OK) status = tuff_onnx_decode(e->test->context, bytes, NULL, &onnx, &error);
    if (status == TUFF_OK) status = onnx_build_host(e->test->context, onnx, number, NULL, &error);
    if (status == TUFF_OK)
        e->test->cases++;
    else
        expect_refused(e->test, e->name, status, &error);
    tuff_onnx_destroy(onnx);
    tuff_arena_finish(&arena);
}

static void build(struct edits *e)
{
    if (e->seen++ % e->step == 0) build_with(e, 1);
}

static void edit_number(struct edits *e, int64_t *v)
{
    const int64_t was = *v, values[] = {was + 1, was - 1, 0, -1, 3, 65536, INT64_C(1) << 40, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < TUFF_COUNT(values); i++) {
        *v = values[i];
        if (*v != was) build(e);
    }
    *v = was;
}

static void edit_float(struct edits *e, float *v)
{
    const float was = *v, values[] = {-was, 0, NAN, INFINITY};
    for (size_t i = 0; i < TUFF_COUNT(values); i++) *v = values[i], build(e);
    *v = was;
}

/* Without its last element, and with that one twice. */
static void edit_list(struct edits *e, struct tuff_onnx_spans *list, size_t bytes)
{
    const struct tuff_onnx_spans was = *list;
    if (!was.count) return;
    list->count--;
    build(e);
    uint8_t *longer = malloc((was.count + 1) * bytes);
    if (!longer) exit(1);
    memcpy(longer, was.at, was.count * bytes);
    memcpy(longer + was.count * bytes, longer + (was.count - 1) * bytes, bytes);
    *list = (struct tuff_onnx_spans){(void *)longer, was.count + 1};
    build(e);
    free(longer);
    *list = was;
}

static void edit(struct edits *e, const struct tuff_onnx_message *message, void *from)
{
    for (uint32_t k = 0; k < message->count; k++) {
        const struct tuff_onnx_field *field = &message->fields[k];
        void *at = (uint8_t *)from + field->offset;
        const enum tuff_onnx_kind kind = tuff_onnx_element_kind(field);
        const bool many = tuff_onnx_is_list(field);
        const size_t bytes = tuff_onnx_element_bytes(field);
        struct tuff_onnx_spans *list = at; /* lists begin alike */
        if (many) edit_list(e, list, bytes);
        for (uint32_t i = 0; i < (many ? list->count : 1) && (field->of || i < FIRST); i++) {
            void *one = many ? (uint8_t *)list->at + i * bytes : at;
            if (kind == TUFF_ONNX_KIND_I64) edit_number(e, one);
            if (kind == TUFF_ONNX_KIND_F32) edit_float(e, one);
            if (field->of && !many) one = *(void **)one;
            if (field->of && one) edit(e, field->of, one);
        }
    }
}

int main(void)
{
    struct loaders_test test;
    char folder[500], **names = NULL;
    size_t count = 0;
    if (!shared_path("data/onnx-conformance", folder, sizeof folder)) {
        puts("SKIP: no shared folder with data/onnx-conformance");
        return 77;
    }
    loaders_begin(&test, "onnx_edits");
    static const double numbers[] = {0, -1, 3, -7, 0.3, 65536, 0x1p40, -0x1p40, NAN, INFINITY, 1e300};
    const char *step = getenv("TUFF_EDITS");
    struct edits e = {.test = &test, .step = step && atoi(step) > 0 ? (uint32_t)atoi(step) : 11};
    struct tuff_error error = {0};
    expect_status(&test, folder, TUFF_OK, tuff_os_list_folder(test.context, folder, &names, &count, &error), &error, NULL);
    for (size_t i = 0; i < count; i++) {
        char path[700];
        struct tuff_os_map *map = NULL;
        const void *data;
        size_t bytes;
        struct tuff_arena arena;
        struct tuff_onnx_model *model = NULL;
        snprintf(path, sizeof path, "%s/%s/model.onnx", folder, names[i]);
        if (tuff_os_map_file(test.context, path, &map, &data, &bytes, NULL) != TUFF_OK) continue;
        tuff_arena_init(&arena, test.context);
        expect_status(&test, path, TUFF_OK,
                      tuff_onnx_parse(&arena, &(struct tuff_source){path, data, bytes}, &model, &error), &error, NULL);
        e.name = names[i], e.model = model;
        const uint64_t before = e.seen;
        for (size_t k = 0; k < TUFF_COUNT(numbers); k++) build_with(&e, numbers[k]);
        edit(&e, tuff_onnx_messages, model);
        if (getenv("TUFF_EDITS_SHOW")) printf("%s %llu\n", names[i], (unsigned long long)(e.seen - before)), fflush(stdout);
        tuff_arena_finish(&arena);
        tuff_os_unmap(map);
    }
    tuff_free(test.context, names);
    expect(&test, e.seen > 100000, folder, "more edits than that", "%llu", (unsigned long long)e.seen);
    return loaders_end(&test);
}
#else
int main(void)
{
    puts("SKIP: this build has no nanopb");
    return 77;
}
#endif

/* onnx_reader.c - ONNX models made here, byte by byte: what a caller sees of them, an app's own operator, external weights, several shapes and
 * compile-time values, and files that are wrong. (tests/onnx_conformance.sh has the operators, tests/onnx_models.c real networks.) */
#include "backend/backend.h"
#include "tests/loaders_support.h"
#include "tests/onnx_bytes.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- tests -------------------------------------------------------------------------------------------------------------------------------- */

static bool twice(void *user, struct tuff_graph *g, struct tuff_onnx_op *op)
{
    const struct tuff_pair name = tuff_onnx_op_name(op);
    ++*(int *)user;
    if (strcmp(name.key, "mine") != 0 || strcmp(name.value, "Twice") != 0) return false;
    const double by = tuff_onnx_op_number(op, "by", 2) + (double)tuff_onnx_op_int(op, "more", 0);
    tuff_onnx_op_put(op, 0, tuff_affine(g, tuff_onnx_op_operand(op, 0), by, 0));
    return true;
}

static void expect_floats(struct loaders_test *test, const char *what, const struct tuff_array *a, const float *wanted,
                          uint64_t count)
{
    expect_number(test, what, (long long)(count * sizeof(float)), (long long)a->bytes);
    expect(test, a->bytes == count * sizeof(float) && !memcmp(a->data, wanted, a->bytes), what, "its elements", "others");
}

/* y = 2 x, of any n */
static void test_own(struct loaders_test *test, struct tuff_device *device)
{
    struct onnx_bytes graph = {.count = 0}, file;
    struct tuff_error error = {0};
    struct tuff_onnx *onnx = NULL;
    struct tuff_onnx_runner *runner = NULL;
    int calls = 0;
    onnx_node(&graph, "Twice", "mine", "x", NULL, "y");
    onnx_value_info(&graph, 11, "x", -1, 1);
    onnx_value_info(&graph, 12, "y", -1, 1);
    onnx_model(&file, &graph);
    const struct tuff_onnx_params params = {.struct_size = sizeof params, .own = twice, .own_user = &calls};
    expect_status(test, "own", TUFF_OK, tuff_onnx_decode(test->context, onnx_span(&file), &params, &onnx, &error), &error,
                  NULL);
    expect_number(test, "inputs", 1, tuff_onnx_input_count(onnx));
    const struct tuff_onnx_end x = tuff_onnx_input(onnx, 0), y = tuff_onnx_output(onnx, 0);
    expect_text(test, "input", "x", x.name);
    expect_text(test, "its dimension", "n", x.dim_name[0]);
    expect_number(test, "its size", -1, x.dim[0]);
    expect_text(test, "output", "y", y.name);
    expect_status(test, "runner", TUFF_OK, tuff_onnx_runner_create(device, onnx, NULL, &runner, &error), &error, NULL);
    for (uint32_t n = 1; n < 40; n += 7) { /* each n has its plan; the first comes again */
        float in[40], out[40];
        const uint32_t count = n == 36 ? 1 : n;
        for (uint32_t i = 0; i < count; i++) in[i] = (float)i + 0.5f, out[i] = 2 * in[i];
        const struct tuff_array input = {
            .name = "x", .element = TUFF_ELEMENT_F32, .rank = 1, .dim = {count}, .data = in, .bytes = count * 4};
        struct tuff_array output, size = input;
        size.data = NULL;
        const int before = calls;
        expect_status(test, "prepare", TUFF_OK, tuff_onnx_prepare(runner, &size, 1, &error), &error, NULL);
        expect_number(test, "plans prepared", n == 36 ? 0 : 1, calls - before);
        expect_status(test, "run", TUFF_OK, tuff_onnx_run(runner, &input, 1, &output, &error), &error, NULL);
        expect_floats(test, "twice", &output, out, count);
    }
    expect_number(test, "plans made", 5, calls);
    expect(test, !tuff_onnx_is_random(runner, 0), "random", "no", "yes");
    expect_status(test, "no input", TUFF_ERR_USAGE, tuff_onnx_run(runner, NULL, 0, NULL, &error), &error,
                  "\"x\" is missing");
    const struct tuff_array other = {.name = "z", .element = TUFF_ELEMENT_F32, .rank = 0, .data = &calls, .bytes = 4};
    expect_status(test, "another name", TUFF_ERR_USAGE, tuff_onnx_run(runner, &other, 1, NULL, &error), &error,
                  "is not one of the model's");
    tuff_onnx_runner_destroy(runner);
    tuff_onnx_destroy(onnx);
}

/* y = x reshaped by `shape`: a compile-time value, of which another makes another plan. */
static void test_values(struct loaders_test *test, struct tuff_device *device)
{
    struct onnx_bytes graph = {.count = 0}, file;
    struct tuff_error error = {0};
    struct tuff_onnx *onnx = NULL;
    struct tuff_onnx_runner *runner = NULL;
    onnx_node(&graph, "Reshape", NULL, "x", "shape", "y");
    onnx_value_info(&graph, 11, "x", 6, 1);
    onnx_value_info(&graph, 11, "shape", -1, 7);
    onnx_value_info(&graph, 12, "y", -1, 1);
    onnx_model(&file, &graph);
    expect_status(test, "values", TUFF_OK, tuff_onnx_decode(test->context, onnx_span(&file), NULL, &onnx, &error), &error,
                  NULL);
    expect_status(test, "runner", TUFF_OK, tuff_onnx_runner_create(device, onnx, NULL, &runner, &error), &error, NULL);
    const float x[6] = {1, 2, 3, 4, 5, 6};
    const int64_t shapes[3][2] = {{2, 3}, {-1, 2}, {2, 3}};
    for (int i = 0; i < 4;
         i++) { /* data of x may be missing, of shape not; then the plan is there, and a run without data is refused */
        const struct tuff_array sizes[] = {{.name = "shape",
                                            .element = TUFF_ELEMENT_I64,
                                            .rank = 1,
                                            .dim = {2},
                                            .data = i % 2 ? shapes[0] : NULL,
                                            .bytes = 16},
                                           {.name = "x", .element = TUFF_ELEMENT_F32, .rank = 1, .dim = {6}, .bytes = 24}};
        expect_status(test, "prepared", i % 2 ? TUFF_OK : TUFF_ERR_USAGE, tuff_onnx_prepare(runner, sizes, 2, &error),
                      &error, i % 2 ? NULL : "the numbers of input \"shape\" set shapes");
        expect_status(test, "no data", TUFF_ERR_USAGE, tuff_onnx_run(runner, sizes, 2, NULL, &error), &error,
                      "do not fit each other");
    }
    for (int i = 0; i < 3; i++) {
        const struct tuff_array inputs[] = {
            {.name = "shape", .element = TUFF_ELEMENT_I64, .rank = 1, .dim = {2}, .data = shapes[i], .bytes = 16},
            {.name = "x", .element = TUFF_ELEMENT_F32, .rank = 1, .dim = {6}, .data = x, .bytes = 24}};
        struct tuff_array y;
        expect_status(test, "run", TUFF_OK, tuff_onnx_run(runner, inputs, 2, &y, &error), &error, NULL);
        expect_number(test, "rows", i == 1 ? 3 : 2, (long long)y.dim[0]);
        expect_floats(test, "reshaped", &y, x, 6);
    }
    const int64_t wrong[2] = {4, 2};
    const struct tuff_array inputs[] = {
        {.name = "shape", .element = TUFF_ELEMENT_I64, .rank = 1, .dim = {2}, .data = wrong, .bytes = 16},
        {.name = "x", .element = TUFF_ELEMENT_F32, .rank = 1, .dim = {6}, .data = x, .bytes = 24}};
    expect_status(test, "8 of 6", TUFF_ERR_FORMAT, tuff_onnx_run(runner, inputs, 2, NULL, &error), &error,
                  "[6] does not become [4, 2]");
    tuff_onnx_runner_destroy(runner);
    tuff_onnx_destroy(onnx);
}

static void weight(struct onnx_bytes *graph, const char *file, const char *offset)
{
    struct onnx_bytes tensor = {.count = 0}, pair = {.count = 0};
    onnx_number(&tensor, 1, 3);
    onnx_number(&tensor, 2, 1);
    onnx_text(&tensor, 8, "w");
    onnx_text(&pair, 1, "location");
    onnx_text(&pair, 2, file);
    onnx_message(&tensor, 13, &pair);
    pair.count = 0;
    onnx_text(&pair, 1, "offset");
    onnx_text(&pair, 2, offset);
    onnx_message(&tensor, 13, &pair);
    onnx_number(&tensor, 14, 1);
    onnx_message(graph, 5, &tensor);
}

/* y = x + w, w in a file beside the model. */
static void test_external(struct loaders_test *test, struct tuff_device *device)
{
    static const struct {
        const char *file, *offset, *sentence;
        tuff_status status;
    } cases[] = {{"weights.bin", "4", NULL, TUFF_OK},
                 {"../weights.bin", "4", "outside of the model's folder", TUFF_ERR_FORMAT},
                 {"a/../../weights.bin", "4", "outside of the model's folder", TUFF_ERR_FORMAT},
                 {"/etc/passwd", "0", "outside of the model's folder", TUFF_ERR_FORMAT},
                 {"weights.bin", "8", "beyond the end", TUFF_ERR_FORMAT},
                 {"weights.bin", "18446744073709551610", "beyond the end", TUFF_ERR_FORMAT},
                 {"weights.bin", "99999999999999999999", "no number", TUFF_ERR_FORMAT},
                 {"missing.bin", "0", "missing.bin", TUFF_ERR_FILE}};
    const float w[4] = {0, 10, 20, 30}, x[3] = {1, 2, 3}, y[3] = {11, 22, 33};
    scratch_write(test, "weights.bin", w, sizeof w);
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct onnx_bytes graph = {.count = 0}, file;
        struct tuff_error error = {0};
        struct tuff_onnx *onnx = NULL;
        struct tuff_onnx_runner *runner = NULL;
        onnx_node(&graph, "Add", NULL, "x", "w", "y");
        weight(&graph, cases[i].file, cases[i].offset);
        onnx_value_info(&graph, 11, "x", 3, 1);
        onnx_value_info(&graph, 12, "y", 3, 1);
        onnx_model(&file, &graph);
        const char *path = scratch_write(test, "model.onnx", file.at, file.count);
        expect_status(test, cases[i].file, TUFF_OK, tuff_onnx_open(test->context, path, NULL, &onnx, &error), &error, NULL);
        expect_status(test, "runner", TUFF_OK, tuff_onnx_runner_create(device, onnx, NULL, &runner, &error), &error, NULL);
        const struct tuff_array input = {.element = TUFF_ELEMENT_F32, .rank = 1, .dim = {3}, .data = x, .bytes = sizeof x};
        struct tuff_array output;
        expect_status(test, cases[i].offset, cases[i].status, tuff_onnx_run(runner, &input, 1, &output, &error), &error,
                      cases[i].sentence);
        if (cases[i].status == TUFF_OK) expect_floats(test, "sum", &output, y, 3);
        tuff_onnx_runner_destroy(runner);
        tuff_onnx_destroy(onnx);
    }
}

/* What is wrong in a graph of one node gets a sentence. */
static void test_wrong(struct loaders_test *test, struct tuff_device *device)
{
    static const struct {
        const char *op, *domain, *a, *b, *sentence;
        tuff_status status;
    } cases[] = {{"Add", NULL, "x", "nobody", "\"nobody\", is no input and no result", TUFF_ERR_FORMAT},
                 {"Add", NULL, "y", "x", "\"y\", is no input and no result", TUFF_ERR_FORMAT}, /* a circle */
                 {"Nothing", NULL, "x", NULL, "Nothing", TUFF_ERR_UNSUPPORTED},
                 {"Twice", "mine", "x", NULL, "is not covered", TUFF_ERR_UNSUPPORTED},
                 {"Thrice", "yours", "x", NULL, "does not say which version", TUFF_ERR_FORMAT},
                 {"Reshape", NULL, "x", "x", "Reshape", TUFF_ERR_FORMAT}};
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct onnx_bytes graph = {.count = 0}, file;
        struct tuff_error error = {0};
        struct tuff_onnx *onnx = NULL;
        struct tuff_onnx_runner *runner = NULL;
        onnx_node(&graph, cases[i].op, cases[i].domain, cases[i].a, cases[i].b, "y");
        onnx_value_info(&graph, 11, "x", 3, 1);
        onnx_value_info(&graph, 12, "y", 3, 1);
        onnx_model(&file, &graph);
        expect_status(test, cases[i].op, TUFF_OK, tuff_onnx_decode(test->context, onnx_span(&file), NULL, &onnx, &error),
                      &error, NULL);
        expect_status(test, "runner", TUFF_OK, tuff_onnx_runner_create(device, onnx, NULL, &runner, &error), &error, NULL);
        const float x[3] = {1, 2, 3};
        const struct tuff_array input = {
            .name = "x", .element = TUFF_ELEMENT_F32, .rank = 1, .dim = {3}, .data = x, .bytes = sizeof x};
        expect_status(test, cases[i].op, cases[i].status, tuff_onnx_run(runner, &input, 1, NULL, &error), &error,
                      cases[i].sentence);
        tuff_onnx_runner_destroy(runner);
        tuff_onnx_destroy(onnx);
    }
}

static void text(struct onnx_bytes *model, const char *key, const void *value, size_t bytes)
{
    struct onnx_bytes pair = {.count = 0};
    if (key) onnx_text(&pair, 1, key);
    if (value) onnx_part(&pair, 2, value, bytes);
    onnx_message(model, 14, &pair);
}

/* Metadata: what is a text is given, as it stands, to the end. */
static void test_texts(struct loaders_test *test)
{
    static char large[9000];
    struct onnx_bytes graph = {.count = 0}, file;
    struct tuff_error error = {0};
    struct tuff_onnx *onnx = NULL;
    memset(large, 'x', sizeof large - 1);
    onnx_node(&graph, "Add", NULL, "x", "x", "y");
    onnx_model(&file, &graph);
    expect_status(test, "no texts", TUFF_OK, tuff_onnx_decode(test->context, onnx_span(&file), NULL, &onnx, &error), &error,
                  NULL);
    expect_number(test, "no texts", 0, tuff_onnx_text_count(onnx));
    expect(test, !tuff_onnx_text(onnx, ""), "of none", "NULL", "a text");
    tuff_onnx_destroy(onnx);
    onnx = NULL;
    text(&file, "note", "first", 5);
    text(&file, "empty", "", 0);
    text(&file, "left out", NULL, 0);
    text(&file, NULL, "no key", 6);
    text(&file, "latin", "\xe4pfel", 5);
    text(&file, "l\xe4tin", "apfel", 5);
    text(&file, "zero", "a\0b", 3);
    text(&file, "utf8 \xc3\xa4", "\xc3\xa4pfel\n\x1b[1m", 11);
    text(&file, "large", large, sizeof large - 1);
    text(&file, "note", "second", 6);
    expect_status(test, "texts", TUFF_OK, tuff_onnx_decode(test->context, onnx_span(&file), NULL, &onnx, &error), &error,
                  NULL);
    static const struct tuff_pair wanted[] = {
        {"note", "first"}, {"empty", ""},     {"left out", ""}, {"", "no key"}, {"utf8 \xc3\xa4", "\xc3\xa4pfel\n\x1b[1m"},
        {"large", large},  {"note", "second"}};
    expect_number(test, "texts", (long long)TUFF_COUNT(wanted), tuff_onnx_text_count(onnx));
    for (uint32_t i = 0; i < TUFF_COUNT(wanted) && i < tuff_onnx_text_count(onnx); i++) {
        expect_text(test, "key", wanted[i].key, tuff_onnx_text_get(onnx, i).key);
        expect_text(test, wanted[i].key, wanted[i].value, tuff_onnx_text_get(onnx, i).value);
        expect_text(test, wanted[i].key, i ? wanted[i].value : "second", tuff_onnx_text(onnx, wanted[i].key));
    }
    expect(test, !tuff_onnx_text(onnx, "latin") && !tuff_onnx_text(onnx, "zero"), "what is no text", "NULL", "a text");
    expect(test, !tuff_onnx_text(onnx, "Note"), "missing", "NULL", "a text");
    tuff_onnx_destroy(onnx);
}

/* Every prefix, and every byte changed, gives a status: nothing is read beyond the end. */
static void test_damaged(struct loaders_test *test)
{
    struct onnx_bytes graph = {.count = 0}, file, deep = {.count = 0};
    struct tuff_error error = {0};
    onnx_node(&graph, "Add", NULL, "x", "x", "y");
    weight(&graph, "w", "0");
    onnx_value_info(&graph, 11, "x", 3, 1);
    onnx_value_info(&graph, 12, "y", 3, 1);
    onnx_model(&file, &graph);
    text(&file, "key", "value", 5);
    for (size_t n = 0; n < 2 * file.count; n++) {
        struct tuff_onnx *onnx = NULL;
        uint8_t *copy = malloc(file.count);
        if (!copy) break;
        memcpy(copy, file.at, file.count);
        if (n >= file.count) copy[n - file.count] ^= (uint8_t)(1 + n % 255);
        const size_t bytes = n < file.count ? n : file.count;
        const tuff_status status = tuff_onnx_decode(test->context, (struct tuff_span){copy, bytes}, NULL, &onnx, &error);
        if (status != TUFF_OK) expect_refused(test, "damaged", status, &error);
        tuff_onnx_destroy(onnx);
        free(copy);
    }
    for (int i = 0; i < 70; i++) { /* graph in attribute in node in graph .. */
        struct onnx_bytes attribute = {.count = 0}, n = {.count = 0}, g = {.count = 0};
        onnx_message(&attribute, 6, &deep);
        onnx_message(&n, 5, &attribute);
        onnx_message(&g, 1, &n);
        deep = g;
    }
    onnx_model(&file, &deep);
    struct tuff_onnx *onnx = NULL;
    expect_status(test, "deep", TUFF_ERR_FORMAT, tuff_onnx_decode(test->context, onnx_span(&file), NULL, &onnx, &error),
                  &error, "deeper than 64");
}

/* A part of a model in a graph of one's own: weights begin with the file's numbers, a second call shares them, what lies behind the cut is not built. */
static void test_add(struct loaders_test *test)
{
    struct onnx_bytes graph = {.count = 0}, file;
    struct tuff_error error = {0};
    struct tuff_onnx *onnx = NULL;
    struct tuff_graph *g = NULL;
    const float w[4] = {0, 10, 20, 30}, x[3] = {1, 2, 3};
    double y[3] = {0};
    scratch_write(test, "weights.bin", w, sizeof w);
    onnx_node(&graph, "Add", NULL, "x", "w", "middle");
    onnx_node(&graph, "Nothing", NULL, "middle", NULL, "y");
    weight(&graph, "weights.bin", "4");
    onnx_value_info(&graph, 11, "x", -1, 1);
    onnx_value_info(&graph, 12, "y", -1, 1);
    onnx_model(&file, &graph);
    const char *path = scratch_write(test, "model.onnx", file.at, file.count), *const cut[] = {"middle"};
    expect_status(test, "add", TUFF_OK, tuff_onnx_open(test->context, path, NULL, &onnx, &error), &error, NULL);
    expect_status(test, "graph", TUFF_OK, tuff_graph_create(test->context, &g, &error), &error, NULL);
    const tuff_val in = tuff_input(g, "mine", TUFF_F32, TUFF_SHAPE(3));
    struct tuff_onnx_add_params params = {
        .struct_size = sizeof params, .inputs = &in, .outputs = cut, .output_count = 1, .prefix = "back."};
    tuff_val out[2];
    for (int i = 0; i < 2; i++)
        expect_status(test, "add", TUFF_OK, tuff_onnx_add(onnx, g, &params, &out[i], &error), &error, NULL);
    expect_number(test, "leaves", 1, tuff_graph_leaf_count(g));
    expect_text(test, "its name", "back.w", tuff_graph_leaf(g, 0).name);
    expect(test, tuff_graph_leaf(g, 0).trained, "trained", "yes", "no");
    const struct tuff_leaf_content content = {in, x};
    const struct tuff_evaluate_params evaluate = {
        .struct_size = sizeof evaluate, .outputs = &out[1], .output_count = 1, .leaves = &content, .leaf_count = 1};
    expect_status(test, "evaluated", TUFF_OK, tuff_evaluate(g, &evaluate, (double *const[]){y}, &error), &error, NULL);
    for (int i = 0; i < 3; i++) expect(test, y[i] == (double)(x[i] + w[i + 1]), "sum", "x + w", "%g", y[i]);
    params.outputs = NULL;
    expect_status(test, "whole", TUFF_ERR_UNSUPPORTED, tuff_onnx_add(onnx, g, &params, out, &error), &error, "Nothing");
    tuff_graph_destroy(g);
    tuff_onnx_destroy(onnx);
}

int main(void)
{
    struct loaders_test test;
    struct tuff_device *device = NULL;
    struct tuff_error error = {0};
    loaders_begin(&test, "onnx_reader");
    struct tuff_onnx *onnx = NULL;
    if (!TUFF_HAVE_ONNX)
        expect_status(&test, "no nanopb", TUFF_ERR_UNSUPPORTED,
                      tuff_onnx_decode(test.context, (struct tuff_span){"", 1}, NULL, &onnx, &error), &error, "nanopb");
    else
        expect_status(&test, "device", TUFF_OK, tuff_device_create(test.context, NULL, &device, &error), &error, NULL);
    if (device) {
        test_own(&test, device);
        test_values(&test, device);
        test_external(&test, device);
        test_wrong(&test, device);
        test_texts(&test);
        test_damaged(&test);
        test_add(&test);
    }
    tuff_device_release(device);
    return loaders_end(&test);
}

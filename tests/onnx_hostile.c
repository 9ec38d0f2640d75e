/* onnx_hostile.c - ONNX models that are large, wrong or mean harm, opened and built without a device: work is linear in the file, each
 * failure has its sentence, and no allocation that fails leaves anything behind. */
#include "tests/loaders_support.h"
#include "tests/onnx_bytes.h"
#include "tests/onnx_help.h"

#include <stdio.h>
#include <stdlib.h>

#if TUFF_HAVE_ONNX

/* ---- large files ------------------------------------------------------------------------------------------------------------------------- */

struct big {
    uint8_t *at;
    size_t count, room;
};

static void add(struct big *b, const void *data, size_t count)
{
    if (b->count + count > b->room) {
        b->room = 2 * (b->count + count);
        b->at = realloc(b->at, b->room);
        if (!b->at) exit(1);
    }
    memcpy(b->at + b->count, data, count);
    b->count += count;
}
static void add_bytes(struct big *b, const struct onnx_bytes *bytes) { add(b, bytes->at, bytes->count); }

/* A model of such a graph and such functions (whole fields); frees both. */
static struct big model_of(struct big *graph, struct big *functions)
{
    struct onnx_bytes head = {.count = 0}, tail = {.count = 0};
    struct big file = {0};
    onnx_number(&head, 1, 8);
    onnx_varint(&head, 7 << 3 | 2);
    onnx_varint(&head, graph->count);
    onnx_opsets(&tail);
    add_bytes(&file, &head);
    add(&file, graph->at, graph->count);
    add_bytes(&file, &tail);
    if (functions && functions->count) add(&file, functions->at, functions->count);
    free(graph->at);
    if (functions) free(functions->at);
    return file;
}

static tuff_status open_and_build(struct loaders_test *test, struct tuff_span file, struct onnx_counts *counts,
                                  struct tuff_error *error)
{
    struct tuff_onnx *onnx = NULL;
    tuff_status status = tuff_onnx_decode(test->context, file, NULL, &onnx, error);
    if (status == TUFF_OK) status = onnx_build_host(test->context, onnx, 1, counts, error);
    tuff_onnx_destroy(onnx);
    return status;
}

enum kind { CHAIN, WEIGHTS, SAME_WEIGHT, FUNCTIONS, SAME_FUNCTION, CONSTANTS, KINDS };

/* x [3] -> n nodes, each behind the one before. */
static struct big large(enum kind kind, uint32_t n)
{
    struct big graph = {0}, functions = {0};
    const float weight[3] = {1, 2, 3};
    for (uint32_t i = 0; i < n; i++) {
        struct onnx_bytes nodes = {.count = 0}, f = {.count = 0};
        char in[24], out[24], w[24];
        snprintf(in, sizeof in, i ? "v%u" : "x", i), snprintf(out, sizeof out, i + 1 < n ? "v%u" : "y", i + 1);
        snprintf(w, sizeof w, kind == SAME_WEIGHT ? "w" : "w%u", i);
        if (kind == CHAIN) onnx_node(&nodes, "Neg", NULL, in, NULL, out);
        if (kind == WEIGHTS || kind == SAME_WEIGHT) {
            onnx_node(&nodes, "Add", NULL, in, w, out);
            onnx_tensor(&nodes, 5, w, 3, 1, weight, sizeof weight);
        }
        if (kind == CONSTANTS) {
            onnx_constant(&nodes, w, weight, 3);
            onnx_node(&nodes, "Add", NULL, in, w, out);
        }
        if (kind == FUNCTIONS || kind == SAME_FUNCTION) {
            snprintf(w, sizeof w, kind == FUNCTIONS ? "F%u" : "F", i);
            onnx_node(&nodes, w, "mine", in, NULL, out);
            onnx_function(&f, w, "Neg", NULL);
            add_bytes(&functions, &f);
        }
        add_bytes(&graph, &nodes);
    }
    struct onnx_bytes ends = {.count = 0};
    onnx_value_info(&ends, 11, "x", 3, 1);
    onnx_value_info(&ends, 12, "y", 3, 1);
    add_bytes(&graph, &ends);
    return model_of(&graph, &functions);
}

static void test_large(struct loaders_test *test)
{
    static const struct {
        const char *what;
        uint32_t n;
    } rows[KINDS] = {{"chain", 100000},
                     {"weights", 20000},
                     {"one weight again and again", 20000},
                     {"functions", 10000},
                     {"one function again and again", 10000},
                     {"constants of one name", 10000}};
    for (int kind = 0; kind < KINDS; kind++) {
        uint64_t steps[2] = {0};
        for (uint32_t k = 0; k < 2; k++) {
            const uint32_t n = rows[kind].n << k;
            struct tuff_error error = {0};
            struct onnx_counts counts = {0};
            struct big file = large((enum kind)kind, n);
            expect_status(test, rows[kind].what, TUFF_OK,
                          open_and_build(test, (struct tuff_span){file.at, file.count}, &counts, &error), &error, NULL);
            expect(test, counts.values > n, rows[kind].what, "a value for each node", "%u", counts.values);
            steps[k] = counts.steps;
            free(file.at);
        }
        expect(test, steps[0] > 0 && steps[1] < 3 * steps[0], rows[kind].what, "twice the steps for twice the nodes",
               "%llu and %llu", (unsigned long long)steps[0], (unsigned long long)steps[1]);
    }
    struct tuff_error error = {0};
    struct onnx_counts counts = {0};
    struct big file = large(CHAIN, 1000000);
    expect_status(test, "a million nodes", TUFF_OK,
                  open_and_build(test, (struct tuff_span){file.at, file.count}, &counts, &error), &error, NULL);
    expect(test, counts.steps < 10000000, "a million nodes", "ten steps a node at most", "%llu",
           (unsigned long long)counts.steps);
    free(file.at);
}

/* ---- wrong ones ---------------------------------------------------------------------------------------------------------------------------- */

static void expect_build(struct loaders_test *test, const char *what, const struct onnx_bytes *graph,
                         const struct onnx_bytes *functions, tuff_status wanted, const char *sentence)
{
    struct onnx_bytes file;
    struct tuff_error error = {0};
    onnx_model(&file, graph);
    if (functions) memcpy(file.at + file.count, functions->at, functions->count), file.count += functions->count;
    expect_status(test, what, wanted, open_and_build(test, onnx_span(&file), NULL, &error), &error, sentence);
}

/* Functions that call themselves, each other, or twice the next. */
static void test_functions(struct loaders_test *test)
{
    struct onnx_bytes graph = {.count = 0}, f = {.count = 0};
    onnx_node(&graph, "F0", "mine", "x", NULL, "y");
    onnx_value_info(&graph, 11, "x", 3, 1);
    onnx_value_info(&graph, 12, "y", 3, 1);
    onnx_function(&f, "F0", "F0", "mine");
    expect_build(test, "itself", &graph, &f, TUFF_ERR_FORMAT, "calls itself");
    f.count = 0;
    onnx_function(&f, "F0", "F1", "mine");
    onnx_function(&f, "F1", "F0", "mine");
    expect_build(test, "in a circle", &graph, &f, TUFF_ERR_FORMAT, "calls itself");
    for (int levels = 3; levels < 50; levels += 23) {
        f.count = 0;
        for (int i = 0; i < levels; i++) {
            char name[16], next[16];
            struct onnx_bytes one = {.count = 0}, opset = {.count = 0};
            snprintf(name, sizeof name, "F%d", i), snprintf(next, sizeof next, "F%d", i + 1);
            onnx_text(&one, 1, name);
            onnx_text(&one, 4, "a");
            onnx_text(&one, 5, "c");
            const char *op = i + 1 < levels ? next : "Neg", *domain = i + 1 < levels ? "mine" : NULL;
            onnx_field_node(&one, 7, op, domain, "a", NULL, "b");
            onnx_field_node(&one, 7, op, domain, "b", NULL, "c");
            onnx_number(&opset, 2, 17);
            onnx_message(&one, 9, &opset);
            onnx_text(&one, 10, "mine");
            onnx_message(&f, 25, &one);
        }
        expect_build(test, "twice the next", &graph, &f, levels < 20 ? TUFF_OK : TUFF_ERR_UNSUPPORTED,
                     levels < 20   ? NULL
                     : levels < 30 ? "too often"
                                   : "deep");
    }
}

static void test_tensors(struct loaders_test *test)
{
    const float w[3] = {1, 2, 3};
    static const struct {
        const char *what;
        int64_t dim;
        int type;
        size_t bytes;
        tuff_status status;
        const char *sentence;
    } rows[] = {{"right", 3, 1, 12, TUFF_OK, NULL},
                {"too few bytes", 3, 1, 8, TUFF_ERR_FORMAT, "another number of bytes"},
                {"too many dimensions' worth", INT64_C(1) << 40, 1, 12, TUFF_ERR_FORMAT, "axis 0 has the size"},
                {"negative", -3, 1, 12, TUFF_ERR_FORMAT, "axis 0 has the size -3"},
                {"no elements", 0, 1, 0, TUFF_ERR_FORMAT, "cannot be broadcast"},
                {"texts", 3, 8, 12, TUFF_ERR_UNSUPPORTED, "has a type, that is not covered"},
                {"no such type", 3, 99, 12, TUFF_ERR_UNSUPPORTED, "type that is not read"}};
    for (size_t i = 0; i < TUFF_COUNT(rows); i++) {
        struct onnx_bytes graph = {.count = 0};
        onnx_node(&graph, "Add", NULL, "x", "w", "y");
        onnx_tensor(&graph, 5, "w", rows[i].dim, rows[i].type, w, rows[i].bytes);
        onnx_value_info(&graph, 11, "x", 3, 1);
        onnx_value_info(&graph, 12, "y", 3, 1);
        expect_build(test, rows[i].what, &graph, NULL, rows[i].status, rows[i].sentence);
    }
}

static void test_ends(struct loaders_test *test)
{
    struct onnx_bytes graph = {.count = 0};
    onnx_node(&graph, "Neg", NULL, "x", NULL, "y");
    onnx_value_info(&graph, 11, "x", 3, 8);
    onnx_value_info(&graph, 12, "y", 3, 8);
    expect_build(test, "an input of texts", &graph, NULL, TUFF_ERR_UNSUPPORTED,
                 "input \"x\" has a type that is not covered");
    graph.count = 0;
    onnx_node(&graph, "Neg", NULL, "x", NULL, "y");
    onnx_value_info(&graph, 11, "x", 3, 1);
    onnx_value_info(&graph, 12, "z", 3, 1);
    expect_build(test, "an output of nothing", &graph, NULL, TUFF_ERR_FORMAT, "output \"z\" is computed by no node");
    graph.count = 0;
    onnx_value_info(&graph, 12, "z", 3, 1);
    expect_build(test, "no nodes", &graph, NULL, TUFF_ERR_FORMAT, "output \"z\" is computed by no node");
    graph.count = 0;
    onnx_node(&graph, "Add", NULL, "x", "", "y");
    onnx_value_info(&graph, 11, "x", 3, 1);
    onnx_value_info(&graph, 12, "y", 3, 1);
    expect_build(test, "an operand that is left out", &graph, NULL, TUFF_ERR_FORMAT, "Add");
}

/* If, whose branches have such many inputs and outputs. */
static void test_branches(struct loaders_test *test)
{
    for (int inputs = 0; inputs < 2; inputs++) {
        for (int outputs = 0; outputs < 3; outputs++) {
            struct onnx_bytes graph = {.count = 0}, branch = {.count = 0}, n = {.count = 0};
            const bool yes = true, good = inputs == 0 && outputs == 1;
            onnx_node(&branch, "Neg", NULL, "x", NULL, "b");
            for (int i = 0; i < inputs; i++) onnx_value_info(&branch, 11, "i", 3, 1);
            for (int i = 0; i < outputs; i++) onnx_value_info(&branch, 12, "b", 3, 1);
            onnx_text(&n, 1, "c");
            onnx_text(&n, 2, "y");
            onnx_text(&n, 4, "If");
            for (int k = 0; k < 2; k++) {
                struct onnx_bytes attribute = {.count = 0};
                onnx_text(&attribute, 1, k ? "then_branch" : "else_branch");
                onnx_message(&attribute, 6, &branch);
                onnx_number(&attribute, 20, 5);
                onnx_message(&n, 5, &attribute);
            }
            onnx_message(&graph, 1, &n);
            onnx_tensor(&graph, 5, "c", 1, 9, &yes, 1);
            onnx_value_info(&graph, 11, "x", 3, 1);
            onnx_value_info(&graph, 12, "y", 3, 1);
            expect_build(test, "branches", &graph, NULL, good ? TUFF_OK : TUFF_ERR_FORMAT, good ? NULL : "inputs and");
        }
    }
}

static void test_operands(struct loaders_test *test)
{
    static const struct {
        const char *op, *a, *b;
        tuff_status status;
    } rows[] = {{"Gemm", "x", "x", TUFF_ERR_FORMAT},           {"Conv", "x", "x", TUFF_ERR_FORMAT},
                {"Conv", "x", NULL, TUFF_ERR_FORMAT},          {"LSTM", "x", "x", TUFF_ERR_FORMAT},
                {"Attention", "x", "x", TUFF_ERR_UNSUPPORTED}, {"Concat", "", NULL, TUFF_ERR_FORMAT},
                {"Reshape", "x", NULL, TUFF_ERR_FORMAT},       {"Slice", "x", "x", TUFF_ERR_FORMAT},
                {"GatherND", "x", "x", TUFF_ERR_FORMAT},       {"Split", "", NULL, TUFF_ERR_FORMAT},
                {"Cast", "x", NULL, TUFF_ERR_UNSUPPORTED},     {"If", "x", NULL, TUFF_ERR_FORMAT},
                {"Loop", "x", NULL, TUFF_ERR_FORMAT},          {"Scan", "x", NULL, TUFF_ERR_FORMAT}};
    for (size_t i = 0; i < TUFF_COUNT(rows); i++) {
        struct onnx_bytes graph = {.count = 0};
        onnx_node(&graph, rows[i].op, NULL, rows[i].a, rows[i].b, "y");
        onnx_value_info(&graph, 11, "x", 3, 1);
        onnx_value_info(&graph, 12, "y", 3, 1);
        expect_build(test, rows[i].op, &graph, NULL, rows[i].status, rows[i].op);
    }
}

/* Of 8400 boxes, all of them may be kept: those whose score is above the least are what takes time. */
static void test_many_boxes(struct loaders_test *test)
{
    const int64_t boxes[3] = {1, 8400, 4}, scores[3] = {1, 1, 8400}, most[1] = {8400};
    for (int all = 0; all < 2; all++) {
        struct onnx_bytes graph = {.count = 0}, n = {.count = 0};
        const float iou[1] = {0.5f}, least[1] = {all ? -1.0f : 1.0f};
        onnx_node(&graph, "ConstantOfShape", NULL, "bs", NULL, "b");
        onnx_node(&graph, "ConstantOfShape", NULL, "ss", NULL, "s");
        for (int i = 0; i < 5; i++) onnx_text(&n, 1, (const char *[]){"b", "s", "m", "i", "l"}[i]);
        onnx_text(&n, 2, "y");
        onnx_text(&n, 4, "NonMaxSuppression");
        onnx_message(&graph, 1, &n);
        onnx_tensor(&graph, 5, "bs", 3, 7, boxes, sizeof boxes);
        onnx_tensor(&graph, 5, "ss", 3, 7, scores, sizeof scores);
        onnx_tensor(&graph, 5, "m", 1, 7, most, sizeof most);
        onnx_tensor(&graph, 5, "i", 1, 1, iou, sizeof iou);
        onnx_tensor(&graph, 5, "l", 1, 1, least, sizeof least);
        onnx_value_info(&graph, 12, "y", 3, 7);
        expect_build(test, "8400 boxes", &graph, NULL, all ? TUFF_ERR_UNSUPPORTED : TUFF_OK, all ? "so many boxes" : NULL);
    }
}

/* As many lengths of n-grams as numbers in the pool, all but the first of which have none. */
static void test_many_lengths(struct loaders_test *test)
{
    enum { POOL = 1000 };
    static const char *const names[] = {"ngram_counts", "ngram_indexes", "pool_int64s"};
    static const int64_t text[300];
    struct onnx_bytes graph = {.count = 0}, n = {.count = 0};
    onnx_text(&n, 1, "w");
    onnx_text(&n, 2, "y");
    onnx_text(&n, 4, "TfIdfVectorizer");
    for (int k = 0; k < 3; k++) {
        struct onnx_bytes attribute = {.count = 0};
        onnx_text(&attribute, 1, names[k]);
        for (uint64_t i = 0; i < POOL; i++) onnx_number(&attribute, 8, k ? i : i ? POOL : 0);
        onnx_message(&n, 5, &attribute);
    }
    onnx_message(&graph, 1, &n);
    onnx_tensor(&graph, 5, "w", TUFF_COUNT(text), 7, text, sizeof text);
    onnx_value_info(&graph, 12, "y", POOL, 1);
    expect_build(test, "many lengths", &graph, NULL, TUFF_OK, NULL);
}

/* Numbers out of a file that places in memory follow from. */
static void test_places(struct loaders_test *test)
{
    const float w[64] = {0};
    const int64_t places[2] = {-1, INT64_C(1) << 32}, far[1] = {INT64_MAX};
    static const char *const equations[] = {"->.", "a->..",    "a->", ".", "a.", "1->1", "abc->abc", "a,b,c,d,e,f,g,h,i->a",
                                            ",->", "...a->..."};
    for (size_t i = 0; i < TUFF_COUNT(equations); i++) {
        struct onnx_bytes graph = {.count = 0}, n = {.count = 0}, attribute = {.count = 0};
        onnx_text(&n, 1, "x");
        onnx_text(&n, 2, "y");
        onnx_text(&n, 4, "Einsum");
        onnx_text(&attribute, 1, "equation");
        onnx_text(&attribute, 4, equations[i]);
        onnx_message(&n, 5, &attribute);
        onnx_message(&graph, 1, &n);
        onnx_value_info(&graph, 11, "x", 3, 1);
        onnx_value_info(&graph, 12, "y", 3, 1);
        const bool good = !strcmp(equations[i], "a->") || !strcmp(equations[i], "...a->...");
        expect_build(test, equations[i], &graph, NULL, good ? TUFF_OK : TUFF_ERR_FORMAT, good ? NULL : "Einsum");
    }
    for (int i = 0; i < 2; i++) { /* TfIdfVectorizer counts at these places */
        static const char *const names[] = {"ngram_counts", "ngram_indexes", "pool_int64s"};
        struct onnx_bytes graph = {.count = 0}, n = {.count = 0};
        onnx_text(&n, 1, "w");
        onnx_text(&n, 2, "y");
        onnx_text(&n, 4, "TfIdfVectorizer");
        for (int k = 0; k < 3; k++) {
            struct onnx_bytes attribute = {.count = 0};
            onnx_text(&attribute, 1, names[k]);
            onnx_number(&attribute, 8, k == 1 ? (uint64_t)places[i] : 0);
            onnx_message(&n, 5, &attribute);
        }
        onnx_message(&graph, 1, &n);
        onnx_tensor(&graph, 5, "w", 1, 7, w, 8);
        onnx_value_info(&graph, 12, "y", 3, 1);
        expect_build(test, "TfIdfVectorizer", &graph, NULL, TUFF_ERR_FORMAT, "too large");
    }
    struct onnx_bytes graph = {.count = 0}; /* scores of five pictures, boxes of one */
    onnx_node(&graph, "NonMaxSuppression", NULL, "b", "s", "y");
    onnx_shaped(&graph, "b", (const int64_t[]){1, 2, 4}, 3, w, 32);
    onnx_shaped(&graph, "s", (const int64_t[]){5, 1, 2}, 3, w, 40);
    onnx_value_info(&graph, 12, "y", 3, 7);
    expect_build(test, "boxes", &graph, NULL, TUFF_ERR_FORMAT, "do not fit");
    test_many_boxes(test);
    test_many_lengths(test);
    graph.count = 0;
    onnx_node(&graph, "Tile", NULL, "x", "w", "y");
    onnx_tensor(&graph, 5, "w", 1, 7, far, 8);
    onnx_value_info(&graph, 11, "x", 3, 1);
    onnx_value_info(&graph, 12, "y", 3, 1);
    expect_build(test, "as often as that", &graph, NULL, TUFF_ERR_FORMAT, "a shape has the size");
    graph.count = 0; /* a region of one number */
    struct onnx_bytes n = {.count = 0}, attribute = {.count = 0};
    const float scale[1] = {2};
    onnx_text(&n, 1, "x");
    onnx_text(&n, 1, "r");
    onnx_text(&n, 1, "w");
    onnx_text(&n, 2, "y");
    onnx_text(&n, 4, "Resize");
    onnx_text(&attribute, 1, "coordinate_transformation_mode");
    onnx_text(&attribute, 4, "tf_crop_and_resize");
    onnx_message(&n, 5, &attribute);
    onnx_message(&graph, 1, &n);
    onnx_tensor(&graph, 5, "r", 1, 1, scale, 4);
    onnx_tensor(&graph, 5, "w", 1, 1, scale, 4);
    onnx_value_info(&graph, 11, "x", 3, 1);
    onnx_value_info(&graph, 12, "y", 3, 1);
    expect_build(test, "a region", &graph, NULL, TUFF_ERR_FORMAT, "region does not fit");
}

/* Every operator with no operands, one and too many: a sentence, or a result. */
static void test_every_operator(struct loaders_test *test)
{
    for (uint32_t i = 0; i < tuff_onnx_row_count; i++)
        for (uint32_t operands = 0; operands < 12; operands += operands < 3 ? 1 : 4)
            for (int type = 1; type < 10; type += 3) {
                struct onnx_bytes graph = {.count = 0}, n = {.count = 0}, file;
                struct tuff_error error = {0};
                for (uint32_t k = 0; k < operands; k++) onnx_text(&n, 1, "x");
                onnx_text(&n, 2, "y");
                onnx_text(&n, 4, tuff_onnx_rows[i].name);
                onnx_text(&n, 7, tuff_onnx_rows[i].domain[0] ? "mine" : "");
                onnx_message(&graph, 1, &n);
                onnx_value_info(&graph, 11, "x", operands % 2 ? 1 : 3, type == 4 ? 7 : type == 7 ? 9 : 1);
                onnx_value_info(&graph, 12, "y", 3, 1);
                onnx_model(&file, &graph);
                const tuff_status status = open_and_build(test, onnx_span(&file), NULL, &error);
                if (status == TUFF_OK)
                    expect(test, operands > 0 || !strncmp(tuff_onnx_rows[i].name, "Random", 6), tuff_onnx_rows[i].name,
                           "a refusal without operands", "a graph");
                else
                    expect(test, (status == TUFF_ERR_FORMAT || status == TUFF_ERR_UNSUPPORTED) && error.message[0],
                           tuff_onnx_rows[i].name, "FORMAT or UNSUPPORTED", "%s: %s", tuff_status_name(status),
                           error.message);
            }
}

/* ---- memory ------------------------------------------------------------------------------------------------------------------------------ */

static tuff_status open_small(struct loaders_test *test, void *user)
{
    struct tuff_error error = {0};
    return open_and_build(test, *(const struct tuff_span *)user, NULL, &error);
}

static void test_memory(struct loaders_test *test)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct big file = large((enum kind)kind, 3);
        struct tuff_span span = {file.at, file.count};
        expect_survives_memory(test, "open and build", open_small, &span);
        free(file.at);
    }
}

int main(void)
{
    struct loaders_test test;
    loaders_begin(&test, "onnx_hostile");
    test_large(&test);
    test_functions(&test);
    test_tensors(&test);
    test_ends(&test);
    test_branches(&test);
    test_operands(&test);
    test_places(&test);
    test_every_operator(&test);
    test_memory(&test);
    return loaders_end(&test);
}
#else
int main(void)
{
    puts("SKIP: this build has no nanopb");
    return 77;
}
#endif

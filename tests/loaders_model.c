/* loaders_model.c - model files without a device: what is opened, what is refused and why; pictures prepared as stored. */
#include "tests/loaders_support.h"

#include "backend/os.h"
#include "samples/data/data.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- preparing pictures ------------------------------------------------------------------------------------------------------- */

/* A picture whose border is `border` and whose inside is `inside`. */
static struct tuff_picture framed(uint8_t *pixels, uint32_t side, uint8_t border, uint8_t inside)
{
    for (uint32_t y = 0; y < side; y++)
        for (uint32_t x = 0; x < side; x++) {
            bool edge = x == 0 || y == 0 || x == side - 1 || y == side - 1;
            pixels[y * side + x] = edge ? border : inside;
        }
    return (struct tuff_picture){.width = side, .height = side, .channels = 1, .pixels = pixels};
}

static void test_preprocess(struct loaders_test *test)
{
    uint8_t pixels[36], out[24];
    struct tuff_error error = {0};
    struct tuff_preprocess p = {
        .channels = 1, .height = 6, .width = 4, .mode = TUFF_FIT_STRETCH, .invert = TUFF_INVERT_LIGHT};
    struct tuff_picture light = framed(pixels, 6, 250, 10);
    p.width = 4, p.height = 4;
    expect_status(test, "light ground", TUFF_OK, tuff_preprocess_run(test->context, &p, &light, out, &error), &error, NULL);
    expect(test, out[0] < 100 && out[5] > 200, "light ground", "inverted", "%d, inside %d", out[0], out[5]);
    p.invert = TUFF_INVERT_NEVER;
    expect_status(test, "never", TUFF_OK, tuff_preprocess_run(test->context, &p, &light, out, &error), &error, NULL);
    expect(test, out[0] > 150 && out[5] < 50, "never", "as it is", "%d, inside %d", out[0], out[5]);
    p.invert = TUFF_INVERT_LIGHT;
    struct tuff_picture dark = framed(pixels, 6, 127, 200); /* the last level that is dark */
    expect_status(test, "dark ground", TUFF_OK, tuff_preprocess_run(test->context, &p, &dark, out, &error), &error, NULL);
    expect_number(test, "dark ground stays", 200, out[5]);
    struct tuff_picture edge = framed(pixels, 6, 128, 200);
    expect_status(test, "first light level", TUFF_OK, tuff_preprocess_run(test->context, &p, &edge, out, &error), &error,
                  NULL);
    expect_number(test, "first light level is inverted", 55, out[5]);
    /* the ground is what the sample shows, inverted or not */
    p = (struct tuff_preprocess){
        .channels = 1, .height = 6, .width = 4, .mode = TUFF_FIT_PAD, .ground = 30, .invert = TUFF_INVERT_ALWAYS};
    expect_status(test, "ground", TUFF_OK, tuff_preprocess_run(test->context, &p, &edge, out, &error), &error, NULL);
    expect_number(test, "ground of an inverted picture", 30, out[0]);
    p.invert = TUFF_INVERT_NEVER;
    expect_status(test, "ground", TUFF_OK, tuff_preprocess_run(test->context, &p, &edge, out, &error), &error, NULL);
    expect_number(test, "ground of a picture", 30, out[0]);
    p.channels = 2;
    expect_status(test, "two channels", TUFF_ERR_USAGE, tuff_preprocess_run(test->context, &p, &edge, out, &error), &error,
                  "channels");
}

/* ---- a model file by hand ------------------------------------------------------------------------------------------------------- */

#define PREPROCESS                                                                                                          \
    "{\"channels\":1,\"height\":2,\"width\":3,\"mode\":\"pad\",\"filter\":\"area\",\"ground\":0,\"invert\":\"light\"}"
#define LABELS "cat\ndog\n"

static float weights[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, biases[2] = {0.5f, -0.5f};

/* What goes into a file; a NULL text leaves it out. */
struct made {
    char *graph; /* [owned] */
    const char *preprocess, *labels, *kind, *inputs, *outputs;
    struct tuff_array arrays[3];
    size_t array_count;
};

static char *graph_text(struct loaders_test *test, uint32_t height, const char *output)
{
    struct tuff_graph *g = NULL;
    char *text = NULL, *copy = NULL;
    if (tuff_graph_create(test->context, &g, NULL) != TUFF_OK) return NULL;
    tuff_val x = tuff_input(g, "x", TUFF_U8, TUFF_SHAPE(1, 1, height, 3));
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(2, 6), (struct tuff_init){0}),
             b = tuff_state(g, "b", TUFF_F32, TUFF_SHAPE(2), (struct tuff_init){0});
    x = tuff_reshape(g,
                     tuff_slice(g, tuff_cast(g, x, TUFF_F32), (uint32_t[]){0, 0, 0, 0}, (int32_t[]){1, 1, 1, 1},
                                (uint32_t[]){1, 1, 2, 3}),
                     TUFF_SHAPE(1, 6));
    tuff_named(g, tuff_softmax(g, tuff_add(g, tuff_matmul(g, x, w, (struct tuff_matmul_params){.transpose_b = true}), b), 1),
               output);
    if (tuff_graph_print(g, &text, NULL) == TUFF_OK) copy = malloc(strlen(text) + 1);
    if (copy) strcpy(copy, text);
    tuff_text_free(test->context, text);
    tuff_graph_destroy(g);
    return copy;
}

static struct made good_file(struct loaders_test *test)
{
    struct made made = {.graph = graph_text(test, 2, "probabilities"),
                        .preprocess = PREPROCESS,
                        .labels = LABELS,
                        .kind = "model",
                        .array_count = 2};
    made.arrays[0] = (struct tuff_array){"w", TUFF_ELEMENT_F32, 2, {2, 6}, weights, sizeof weights};
    made.arrays[1] = (struct tuff_array){"b", TUFF_ELEMENT_F32, 1, {2}, biases, sizeof biases};
    return made;
}

static const char *write_made(struct loaders_test *test, const struct made *made)
{
    struct tuff_pair texts[6] = {{"note", "by hand"}};
    struct tuff_error error = {0};
    size_t count = 1;
    if (made->graph) texts[count++] = (struct tuff_pair){"graph", made->graph};
    if (made->preprocess) texts[count++] = (struct tuff_pair){"preprocess", made->preprocess};
    if (made->inputs) texts[count++] = (struct tuff_pair){"inputs", made->inputs};
    if (made->outputs) texts[count++] = (struct tuff_pair){"outputs", made->outputs};
    if (made->labels) texts[count++] = (struct tuff_pair){"labels", made->labels};
    struct tuff_tensors_params params = {.struct_size = sizeof params,
                                         .arrays = made->arrays,
                                         .array_count = made->array_count,
                                         .texts = texts,
                                         .text_count = count,
                                         .kind = made->kind};
    const char *path = scratch_path(test, "made.tuff");
    expect_status(test, "writing a model by hand", TUFF_OK, tuff_checkpoint_write(test->context, path, &params, &error),
                  &error, NULL);
    return path;
}

/* Writes and opens; takes the graph's text. */
static void expect_open(struct loaders_test *test, const char *what, struct made made, tuff_status wanted,
                        const char *sentence)
{
    struct tuff_saved *saved = NULL;
    struct tuff_error error = {0};
    tuff_status status = tuff_saved_open(test->context, write_made(test, &made), &saved, &error);
    expect_status(test, what, wanted, status, &error, sentence);
    expect(test, (saved != NULL) == (wanted == TUFF_OK), what, "a result on success alone", "another");
    tuff_saved_destroy(saved);
    free(made.graph);
}

static void test_good(struct loaders_test *test)
{
    struct tuff_saved *saved = NULL;
    struct tuff_error error = {0};
    struct made made = good_file(test);
    expect_status(test, "a good file", TUFF_OK, tuff_saved_open(test->context, write_made(test, &made), &saved, &error),
                  &error, NULL);
    if (saved) {
        const struct tuff_saved_info *info = tuff_saved_info(saved);
        expect_number(test, "classes", 2, info->class_count);
        expect_text(test, "a class", "dog", info->class_names[1]);
        expect_number(test, "height", 2, info->preprocess.height);
        expect_number(test, "mode", TUFF_FIT_PAD, info->preprocess.mode);
        expect_number(test, "filter", TUFF_FILTER_AREA, info->preprocess.filter);
        expect_number(test, "invert", TUFF_INVERT_LIGHT, info->preprocess.invert);
        expect_number(test, "bytes of a sample", 6, (long long)info->sample_bytes);
        expect_number(test, "trained numbers", 12, (long long)info->parameter_count);
        expect_text(test, "the graph", made.graph, info->graph);
        expect_text(test, "another text", "by hand", tuff_tensors_text(tuff_saved_tensors(saved), "note"));
    }
    tuff_saved_destroy(saved);
    free(made.graph);
}

/* ---- refused -------------------------------------------------------------------------------------------------------------------- */

static void test_texts(struct loaders_test *test)
{
    static const struct {
        const char *what, *preprocess, *labels, *sentence;
    } cases[] = {
        {"no preprocessing", NULL, LABELS, "preprocess"},
        {"no labels", PREPROCESS, NULL, "labels"},
        {"preprocessing is a list", "[]", LABELS, "preprocess"},
        {"preprocessing is no JSON", "{\"channels\":1", LABELS, "preprocess"},
        {"rest behind the JSON", PREPROCESS "x", LABELS, "preprocess"},
        {"two channels",
         "{\"channels\":2,\"height\":2,\"width\":3,\"mode\":\"pad\",\"filter\":\"area\",\"ground\":0,\"invert\":\"light\"}",
         LABELS, "preprocess"},
        {"half a pixel",
         "{\"channels\":1,\"height\":2.5,\"width\":3,\"mode\":\"pad\",\"filter\":\"area\",\"ground\":0,\"invert\":"
         "\"light\"}",
         LABELS, "preprocess"},
        {"huge",
         "{\"channels\":1,\"height\":2,\"width\":1e300,\"mode\":\"pad\",\"filter\":\"area\",\"ground\":0,\"invert\":"
         "\"light\"}",
         LABELS, "preprocess"},
        {"an unknown mode",
         "{\"channels\":1,\"height\":2,\"width\":3,\"mode\":\"tile\",\"filter\":\"area\",\"ground\":0,\"invert\":\"light\"}",
         LABELS, "preprocess"},
        {"no ground", "{\"channels\":1,\"height\":2,\"width\":3,\"mode\":\"pad\",\"filter\":\"area\",\"invert\":\"light\"}",
         LABELS, "preprocess"},
        {"another size",
         "{\"channels\":1,\"height\":2,\"width\":4,\"mode\":\"pad\",\"filter\":\"area\",\"ground\":0,\"invert\":\"light\"}",
         LABELS, "pictures of 1 x 2 x 4"},
        {"a label without an end", PREPROCESS, "cat\ndog", "labels"},
        {"no label", PREPROCESS, "", "labels"},
        {"three labels", PREPROCESS, "a\nb\nc\n", "3 classes"},
        {"an empty label", PREPROCESS, "cat\n\n", "labels"},
        {"a label that moves the cursor", PREPROCESS, "cat\n\x1b[2J\n", "labels"},
    };
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct made made = good_file(test);
        made.preprocess = cases[i].preprocess;
        made.labels = cases[i].labels;
        expect_open(test, cases[i].what, made, TUFF_ERR_FORMAT, cases[i].sentence);
    }
}

/* Names of inputs and outputs: those of the graph, with a batch of one. */
static void test_ends(struct loaders_test *test)
{
    static const struct {
        const char *what, *inputs, *outputs, *sentence;
    } cases[] = {{"inputs without an end", "x", "probabilities\n", "inputs"},
                 {"an input that is not there", "y\n", "probabilities\n", "no y of one sample among its inputs"},
                 {"no outputs", "x\n", "", "outputs"},
                 {"an output without a batch", "x\n", "w\n", "no w of one sample among its outputs"},
                 {"nine inputs", "x\nx\nx\nx\nx\nx\nx\nx\nx\n", "probabilities\n", "9 inputs; 8 are possible"},
                 {"two inputs for a picture", "x\nx\n", "probabilities\n", "pictures of 1 x 2 x 3"},
                 {"a cursor that moves", "x\x1b[2J\n", "probabilities\n", "inputs"}};
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct made made = good_file(test);
        made.inputs = cases[i].inputs;
        made.outputs = cases[i].outputs;
        expect_open(test, cases[i].what, made, TUFF_ERR_FORMAT, cases[i].sentence);
    }
    struct made made = good_file(test);
    made.inputs = "x\n", made.outputs = "probabilities\n", made.preprocess = made.labels = NULL;
    expect_open(test, "a network that is no classifier", made, TUFF_OK, NULL);
}

static void test_graphs(struct loaders_test *test)
{
    struct made made = good_file(test);
    free(made.graph);
    made.graph = NULL;
    expect_open(test, "no graph", made, TUFF_ERR_FORMAT, "graph");
    made = good_file(test);
    made.graph[strlen(made.graph) / 2] = '~';
    expect_open(test, "a graph that is no graph", made, TUFF_ERR_FORMAT, "line");
    made = good_file(test);
    free(made.graph);
    made.graph = graph_text(test, 3, "probabilities");
    expect_open(test, "a graph of another size", made, TUFF_ERR_FORMAT, "does not take pictures");
    made = good_file(test);
    free(made.graph);
    made.graph = graph_text(test, 2, "answers");
    expect_open(test, "a graph without probabilities", made, TUFF_ERR_FORMAT, "no probabilities");
}

static void test_arrays(struct loaders_test *test)
{
    struct made made = good_file(test);
    made.array_count = 1;
    expect_open(test, "a state is missing", made, TUFF_ERR_FORMAT, "lacks \"b\"");
    made = good_file(test);
    made.arrays[0].dim[0] = 6, made.arrays[0].dim[1] = 2;
    expect_open(test, "another shape", made, TUFF_ERR_FORMAT, "F32 [6, 2], in the network F32 [2, 6]");
    made = good_file(test);
    made.arrays[0].rank = 3, made.arrays[0].dim[2] = 1;
    expect_open(test, "another rank", made, TUFF_ERR_FORMAT, "[2, 6, 1]");
    made = good_file(test);
    made.arrays[1].element = TUFF_ELEMENT_I32;
    expect_open(test, "another type", made, TUFF_ERR_FORMAT, "I32 [2]");
    made = good_file(test);
    made.arrays[2] = made.arrays[1];
    made.arrays[2].name = "more";
    made.array_count = 3;
    expect_open(test, "an array too many", made, TUFF_ERR_FORMAT, "3 arrays");
    made = good_file(test);
    made.kind = NULL;
    expect_open(test, "a checkpoint", made, TUFF_ERR_FORMAT, "a checkpoint, not a model");
}

/* ---- damage --------------------------------------------------------------------------------------------------------------------- */

static tuff_status decode(struct loaders_test *test, const uint8_t *file, size_t bytes, struct tuff_error *error)
{
    struct tuff_saved *saved = NULL;
    tuff_status status = tuff_saved_decode(test->context, (struct tuff_span){file, bytes}, &saved, error);
    tuff_saved_destroy(saved);
    return status;
}

static void test_damage(struct loaders_test *test)
{
    struct made made = good_file(test);
    size_t bytes = 0;
    uint8_t *file = file_read(write_made(test, &made), &bytes);
    struct tuff_error error = {0};
    free(made.graph);
    expect(test, file != NULL, "the file", "there", "absent");
    if (!file) return;
    expect_status(test, "from memory", TUFF_OK, decode(test, file, bytes, &error), &error, NULL);
    for (size_t i = 0; i < bytes; i++) {
        file[i] ^= (uint8_t)(1u << i % 8);
        expect_refused(test, "a flipped bit", decode(test, file, bytes, &error), &error);
        file[i] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t i = 0; i < bytes; i += 7) expect_refused(test, "cut off", decode(test, file, i, &error), &error);
    struct tuff_saved *saved = NULL;
    expect_status(test, "no file", TUFF_ERR_FILE,
                  tuff_saved_open(test->context, scratch_path(test, "none.tuff"), &saved, &error), &error, "none.tuff");
    free(file);
}

static tuff_status open_made(struct loaders_test *test, void *path)
{
    struct tuff_saved *saved = NULL;
    tuff_status status = tuff_saved_open(test->context, path, &saved, NULL);
    tuff_saved_destroy(saved);
    return status;
}

static void test_memory(struct loaders_test *test)
{
    struct made made = good_file(test);
    char path[500];
    snprintf(path, sizeof path, "%s", write_made(test, &made));
    free(made.graph);
    expect_survives_memory(test, "opening a model", open_made, path);
}

int main(void)
{
    struct loaders_test test;
    loaders_begin(&test, "loaders_model");
    test_preprocess(&test);
    test_good(&test);
    test_ends(&test);
    test_texts(&test);
    test_graphs(&test);
    test_arrays(&test);
    test_damage(&test);
    test_memory(&test);
    return loaders_end(&test);
}

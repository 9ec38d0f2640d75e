/* train_weights.c - tensors of files into networks, by a table of names: what is used, left out, missing; axes; types; models and sessions.
 *   train_weights FILE X Y    a network that PyTorch has run (tests/torch/weights.py): its state dict, input and output (tests/torch_weights.sh) */
#include "tests/temporary.h"
#include "tests/train_help.h"

#include "backend/os.h"
#include "graph/graph.h"
#include "samples/data/data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct net {
    struct backend_test *test;
    struct tuff_graph *graph;
    struct tuff_session *session;
    tuff_val x, y;
    uint32_t told[4]; /* by fate */
    char last[4][100];
};

/* conv, batch norm, relu, twice; mean over the picture; dense. As tests/torch/weights.py. */
static void build(struct net *net, uint32_t count)
{
    struct tuff_graph *g = net->graph;
    tuff_val v = net->x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(count, 3, 16, 16));
    v = tuff_layer_conv2d(
        g, v, "features.0",
        (struct tuff_layer_conv2d_params){.channels = 8, .kernel = {3, 3}, .conv = {.stride = {2, 2}, .pad = {1, 1, 1, 1}}});
    v = tuff_relu(g, tuff_layer_batch_norm(g, v, "features.1", (struct tuff_layer_batch_norm_params){.training = false}));
    v = tuff_layer_conv2d(g, v, "features.3",
                          (struct tuff_layer_conv2d_params){.channels = 16, .kernel = {3, 3}, .no_bias = true});
    v = tuff_relu(g, tuff_layer_batch_norm(g, v, "features.4", (struct tuff_layer_batch_norm_params){.training = false}));
    v = tuff_mean(g, v, 1u << 2 | 1u << 3, TUFF_DROP_AXES);
    net->y = tuff_layer_dense(g, v, "head", (struct tuff_layer_dense_params){.units = 5});
}

static bool open_net(struct net *net, struct backend_test *test, uint32_t count)
{
    struct tuff_error error = {0};
    *net = (struct net){.test = test};
    if (tuff_graph_create(test->context, &net->graph, &error) != TUFF_OK) abort();
    build(net, count);
    return backend_status(test, "session", TUFF_OK,
                          tuff_session_create(test->device, net->graph, NULL, &net->session, &error), &error);
}

static void close_net(struct net *net)
{
    tuff_session_destroy(net->session);
    tuff_graph_destroy(net->graph);
}

static void told(void *user, enum tuff_weight_fate fate, const char *tensor, const char *parameter)
{
    struct net *net = user;
    net->told[fate]++;
    snprintf(net->last[fate], sizeof net->last[fate], "%s>%s", tensor ? tensor : "", parameter ? parameter : "");
}

static tuff_status load(struct net *net, const struct tuff_tensors *tensors, const struct tuff_name_rule *rules,
                        size_t count, bool partly, struct tuff_weights_report *report, struct tuff_error *error)
{
    const struct tuff_weights_params params = {.struct_size = sizeof params,
                                               .session = net->session,
                                               .graph = net->graph,
                                               .rules = rules,
                                               .rule_count = count,
                                               .allow_unused = partly,
                                               .allow_unset = partly,
                                               .told = told,
                                               .told_user = net};
    memset(net->told, 0, sizeof net->told);
    return tuff_weights_load(net->test->context, tensors, &params, report, error);
}

/* ---- PyTorch's network ------------------------------------------------------------------------------------------------------------------ */

static void compare(struct net *net, const struct tuff_array *x, const struct tuff_array *y)
{
    struct tuff_executable *executable = NULL;
    struct tuff_error error = {0};
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &net->y, .output_count = 1};
    float *got = calloc(1, (size_t)y->bytes);
    tuff_status status = tuff_session_compile(net->session, &params, &executable, &error);
    if (status == TUFF_OK) status = tuff_executable_write(executable, net->x, x->data, (size_t)x->bytes, &error);
    if (status == TUFF_OK) status = tuff_executable_run(executable, &error);
    if (status == TUFF_OK) status = tuff_executable_read(executable, 0, got, (size_t)y->bytes, &error);
    backend_status(net->test, "run", TUFF_OK, status, &error);
    double largest = 0;
    for (size_t i = 0; i < y->bytes / sizeof(float); i++) {
        float wanted;
        memcpy(&wanted, (const uint8_t *)y->data + 4 * i, sizeof wanted);
        largest = fmax(largest, fabs((double)got[i] - (double)wanted));
    }
    printf("%zu outputs, of PyTorch's the farthest is %.2g\n", (size_t)y->bytes / sizeof(float), largest);
    backend_check(net->test, status != TUFF_OK || largest < 1e-5, "outputs: expected within 1e-5 of PyTorch's, got %g",
                  largest);
    tuff_executable_destroy(executable);
    free(got);
}

static void run_torch(struct backend_test *test, char **paths)
{
    static const struct tuff_name_rule rules[] = {{"model.module.*", "*", NULL},
                                                  {"optimizer.*", NULL, NULL},
                                                  {"*.num_batches_tracked", NULL, NULL}},
                                       trained[] = {{"*.num_batches_tracked", NULL, NULL},
                                                    {"model.module.*", "*", NULL},
                                                    {"optimizer.*", NULL, NULL}};
    struct tuff_tensors *files[3] = {NULL};
    struct tuff_error error = {0};
    struct tuff_weights_report report = {0};
    struct net net;
    for (int i = 0; i < 3; i++)
        if (!backend_status(test, paths[i], TUFF_OK, tuff_tensors_open(test->context, paths[i], 0, &files[i], &error),
                            &error))
            return;
    const struct tuff_array x = tuff_tensors_get(files[1], 0), y = tuff_tensors_get(files[2], 0);
    if (open_net(&net, test, (uint32_t)x.dim[0])) {
        test->quiet = true; /* num_batches_tracked is taken by the first rule */
        backend_status(test, "rules in the wrong order", TUFF_ERR_FORMAT,
                       load(&net, files[0], rules, 3, false, &report, &error), &error);
        backend_check(test,
                      strstr(error.message,
                             "2 tensors are used by no parameter: \"model.module.features.1.num_batches_tracked\"") != NULL,
                      "rules in the wrong order: got %s", error.message);
        test->quiet = false;
        backend_status(test, "state dict", TUFF_OK, load(&net, files[0], trained, 3, false, &report, &error), &error);
        backend_check(test, report.written == 13 && report.left_out > 2 && !report.unused && !report.unset,
                      "state dict: expected 13 written, none unused, got %u, %u", (unsigned)report.written,
                      (unsigned)report.unused);
        compare(&net, &x, &y);
    }
    close_net(&net);
    for (int i = 0; i < 3; i++) tuff_tensors_destroy(files[i]);
}

/* ---- names ------------------------------------------------------------------------------------------------------------------------------ */

/* A file of arrays, opened. */
static struct tuff_tensors *file_of(struct backend_test *test, const struct tuff_array *arrays, size_t count)
{
    struct tuff_tensors_params params = {.struct_size = sizeof params, .arrays = arrays, .array_count = count};
    struct tuff_tensors *tensors = NULL;
    char path[500];
    temporary_path("weights", path, sizeof path);
    if (tuff_checkpoint_write(test->context, path, &params, NULL) != TUFF_OK) abort();
    if (tuff_checkpoint_read(test->context, path, NULL, &tensors, NULL) != TUFF_OK) abort();
    tuff_os_remove(path);
    return tensors;
}

/* Of a graph with the parameters a.w [2, 3], b.w [2], c.h [2] of f16, the states a.mean [2], count [1] and steps [2] of i32. */
static void small_net(struct net *net, struct backend_test *test)
{
    struct tuff_error error = {0};
    *net = (struct net){.test = test};
    if (tuff_graph_create(test->context, &net->graph, &error) != TUFF_OK) abort();
    tuff_param(net->graph, "a.w", TUFF_SHAPE(2, 3), (struct tuff_init){.kind = TUFF_INIT_ZEROS});
    tuff_param(net->graph, "b.w", TUFF_SHAPE(2, 1), (struct tuff_init){.kind = TUFF_INIT_ZEROS});
    tuff_param_of(net->graph, "c.h", (struct tuff_type){TUFF_F16, TUFF_SHAPE(2)},
                  (struct tuff_init){.kind = TUFF_INIT_ZEROS});
    tuff_state(net->graph, "a.mean", TUFF_F32, TUFF_SHAPE(2), (struct tuff_init){.kind = TUFF_INIT_ZEROS});
    tuff_state(net->graph, "count", TUFF_F32, TUFF_SHAPE(1), (struct tuff_init){.kind = TUFF_INIT_ZEROS});
    tuff_state(net->graph, "steps", TUFF_I32, TUFF_SHAPE(2), (struct tuff_init){.kind = TUFF_INIT_ZEROS});
    backend_status(test, "session", TUFF_OK, tuff_session_create(test->device, net->graph, NULL, &net->session, &error),
                   &error);
}

static void expect_leaf(struct net *net, const char *name, const void *wanted, size_t bytes)
{
    uint8_t got[64] = {0};
    struct tuff_error error = {0};
    backend_status(net->test, name, TUFF_OK,
                   tuff_session_read(net->session, tuff_graph_find(net->graph, name), got, bytes, &error), &error);
    backend_check(net->test, !memcmp(got, wanted, bytes), "%s: other elements than expected", name);
}

static const float six[] = {1, 2, 3, 4, 5, 6}, two[] = {7, 8};
static const uint16_t halves[] = {0x3c00, 0xc000}; /* 1, -2 */
static const double doubles[] = {1, -2};
static const int64_t one[] = {1};
static const double zeros[3] = {0};

static void test_names(struct backend_test *test)
{
    static const struct tuff_array arrays[] = {
        {"net/a/kernel", TUFF_ELEMENT_F32, 2, {3, 2}, six, 24}, {"net/b/kernel", TUFF_ELEMENT_F16, 1, {2}, halves, 4},
        {"c.h", TUFF_ELEMENT_F64, 1, {2}, doubles, 16},         {"a.mean", TUFF_ELEMENT_F32, 1, {2}, two, 8},
        {"x.tracked", TUFF_ELEMENT_I64, 0, {0}, one, 8},        {"rest", TUFF_ELEMENT_F32, 1, {2}, two, 8}};
    static const struct tuff_name_rule rules[] = {
        {"*.tracked", NULL, NULL}, {"*/a/*", "a.w", "10"}, {"net/*/kernel", "*.w", NULL}};
    static const struct {
        const char *what;
        struct tuff_name_rule rules[3];
        size_t rule_count, from, count; /* arrays */
        tuff_status status;
        const char *sentence;
    } cases[] = {
        {"unused",
         {{"*.tracked", NULL, NULL}, {"*/a/*", "a.w", "10"}, {"net/*/kernel", "*.w", NULL}},
         3,
         0,
         6,
         TUFF_ERR_FORMAT,
         "1 tensors are used by no parameter: \"rest\""},
        {"unset",
         {{"*/a/*", "a.w", "10"}},
         1,
         0,
         1,
         TUFF_ERR_FORMAT,
         "2 parameters are set by no tensor: \"a.mean\", \"b.w\""},
        {"both", {{"nothing", NULL, NULL}}, 1, 4, 1, TUFF_ERR_FORMAT, "\"x.tracked\"; 3 parameters are set by no tensor"},
        {"no axes", {{"net/a/*", "a.w", NULL}}, 1, 0, 1, TUFF_ERR_FORMAT, "is F32 [3, 2], the parameter \"a.w\" F32 [2, 3]"},
        {"axes of another rank", {{"net/a/*", "a.w", "0"}}, 1, 0, 1, TUFF_ERR_FORMAT, "its axes cannot be \"0\""},
        {"an axis twice", {{"net/a/*", "a.w", "11"}}, 1, 0, 1, TUFF_ERR_FORMAT, "its axes cannot be \"11\""},
        {"two for one", {{"*", "a.mean", NULL}}, 1, 3, 3, TUFF_ERR_FORMAT, "both to be \"a.mean\""},
        {"floats for whole numbers",
         {{"x.*", NULL, NULL}, {"rest", "steps", NULL}},
         2,
         3,
         3,
         TUFF_ERR_FORMAT,
         "is F32 [2], the parameter \"steps\" I32 [2]"},
        {"whole numbers", {{"x.*", "count", NULL}}, 1, 4, 1, TUFF_OK, NULL},
        {"too many stars", {{"*********", "a", NULL}}, 1, 0, 1, TUFF_ERR_USAGE, "more than 8"},
        {"stars of nothing", {{"a*", "*.*", NULL}}, 1, 0, 1, TUFF_ERR_USAGE, "more '*' than its pattern"},
    };
    struct net net;
    struct tuff_error error = {0};
    struct tuff_weights_report report = {0};
    small_net(&net, test);
    struct tuff_tensors *file = file_of(test, arrays, 5), *part;
    backend_status(test, "names", TUFF_OK, load(&net, file, rules, 3, false, &report, &error), &error);
    expect_leaf(&net, "a.w", (float[]){1, 3, 5, 2, 4, 6}, 24);
    expect_leaf(&net, "b.w", (float[]){1, -2}, 8);
    expect_leaf(&net, "c.h", halves, 4);
    expect_leaf(&net, "a.mean", two, 8);
    backend_check(test,
                  report.written == 4 && report.left_out == 1 && !report.unused && !report.unset && net.told[0] == 4 &&
                      !strcmp(net.last[TUFF_WEIGHT_LEFT_OUT], "x.tracked>"),
                  "names: another report than expected");
    tuff_tensors_destroy(file);
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct tuff_array given[TUFF_COUNT(arrays)]; /* what is refused has other elements than are there */
        memcpy(given, arrays, sizeof given);
        for (size_t k = 0; k < TUFF_COUNT(given) && cases[i].status != TUFF_OK; k++) given[k].data = zeros;
        part = file_of(test, given + cases[i].from, cases[i].count);
        test->quiet = true;
        error = (struct tuff_error){0};
        const bool partly = cases[i].status == TUFF_OK;
        backend_status(test, cases[i].what, cases[i].status,
                       load(&net, part, cases[i].rules, cases[i].rule_count, partly, &report, &error), &error);
        test->quiet = false;
        backend_check(test, !cases[i].sentence || strstr(error.message, cases[i].sentence), "%s: expected %s, got %s",
                      cases[i].what, cases[i].sentence, error.message);
        tuff_tensors_destroy(part);
    }
    expect_leaf(&net, "count", (float[]){1}, 4);
    expect_leaf(&net, "a.w", (float[]){1, 3, 5, 2, 4, 6}, 24);
    expect_leaf(&net, "b.w", (float[]){1, -2}, 8);
    expect_leaf(&net, "a.mean", two, 8);
    close_net(&net);
}

/* A pattern's stars: what it makes of a name, or NULL where it does not match. */
static void test_patterns(struct backend_test *test)
{
    static const struct {
        const char *from, *to, *name, *wanted;
    } cases[] = {{"*", "*", "b.w", "b.w"},         {"x*", "*", "xb.w", "b.w"},        {"*x", "*", "b.wx", "b.w"},
                 {"*x*", "**", "b.xw", "b.w"},     {"*xx*", "**", "xb.xw", NULL},     {"a*b*c", "b.w", "abc", "b.w"},
                 {"a*b*c", "b.w", "ac", NULL},     {"a*a", "b.w", "a", NULL},         {"*.*", "b.w", "", NULL},
                 {"**", "**", "b.w", "b.w"},       {"b.w", "b.w", "b.wx", NULL},      {"*a", "b.w", "aba", "b.w"},
                 {"*ab*ab", "b.w", "abab", "b.w"}, {"*ab*ab", "b.w", "abxab", "b.w"}, {"*ab*ab", "b.w", "aab", NULL}};
    struct net net;
    small_net(&net, test);
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        const struct tuff_name_rule rule = {cases[i].from, cases[i].to, NULL};
        const struct tuff_array array = {cases[i].name[0] ? cases[i].name : "-", TUFF_ELEMENT_F32, 1, {2}, two, 8};
        struct tuff_error error = {0};
        struct tuff_weights_report report = {0};
        struct tuff_tensors *file = file_of(test, &array, 1);
        backend_status(test, cases[i].from, TUFF_OK, load(&net, file, &rule, 1, true, &report, &error), &error);
        backend_check(test, report.written == (cases[i].wanted != NULL), "\"%s\" of \"%s\": expected %s", cases[i].from,
                      cases[i].name, cases[i].wanted ? "a match" : "none");
        tuff_tensors_destroy(file);
    }
    close_net(&net);
}

/* ---- a model ---------------------------------------------------------------------------------------------------------------------------- */

/* All leaves of a trained model into another one, through a file of other names. */
static void test_model(struct backend_test *test)
{
    struct train a = {.context = test->context, .device = test->device}, b = a;
    struct train_content of_a = {0}, of_b = {0};
    struct tuff_error error = {0};
    struct tuff_array arrays[64] = {{.name = NULL}};
    static char names[64][80];
    uint32_t count = 0;
    tuff_status status = train_model(&a, &(struct train_params){.epochs = 1}, &error);
    if (status == TUFF_OK) status = train_model(&b, &(struct train_params){.epochs = 1}, &error);
    const uint32_t leaves = status == TUFF_OK ? tuff_model_leaf_count(a.model) : 0;
    if (status == TUFF_OK) status = train_fit(&a, &error);
    if (status == TUFF_OK) status = train_fit(&b, &error);
    for (uint32_t i = 0; i < tuff_model_leaf_count(a.model) && count < 64 && status == TUFF_OK; i++) {
        const struct tuff_leaf leaf = tuff_model_leaf(a.model, i);
        struct tuff_array *to = &arrays[count];
        if (leaf.type.dtype != TUFF_F32 || leaf.type.shape.rank > 4) continue;
        snprintf(names[count], sizeof names[count], "saved/%s/end", leaf.name);
        *to = (struct tuff_array){.name = names[count++], .element = TUFF_ELEMENT_F32, .rank = leaf.type.shape.rank};
        for (uint32_t d = 0; d < to->rank; d++) to->dim[d] = leaf.type.shape.dim[d];
        to->bytes = tuff_dtype_size(TUFF_F32, tuff_shape_count(&leaf.type.shape));
        void *data = calloc(1, (size_t)to->bytes);
        to->data = data;
        status = tuff_model_read(a.model, leaf.name, data, (size_t)to->bytes, &error);
    }
    backend_status(test, "two models", TUFF_OK, status, &error);
    struct tuff_tensors *file = file_of(test, arrays, count);
    const struct tuff_name_rule rule = {"saved/*/end", "*", NULL};
    const struct tuff_weights_params params = {
        .struct_size = sizeof params, .model = b.model, .rules = &rule, .rule_count = 1};
    struct tuff_weights_report report = {0};
    backend_status(test, "into a model", TUFF_OK, tuff_weights_load(test->context, file, &params, &report, &error), &error);
    backend_check(test, report.written == count && leaves, "into a model: expected %u written, got %u", count,
                  (unsigned)report.written);
    status = train_content(&a, &of_a, &error);
    if (status == TUFF_OK) status = train_content(&b, &of_b, &error);
    backend_status(test, "their leaves", TUFF_OK, status, &error);
    train_expect_same(test, "weights through a file", &of_a, &of_b);
    tuff_tensors_destroy(file);
    for (uint32_t i = 0; i < count; i++) free((void *)(uintptr_t)arrays[i].data);
    free(of_a.bytes), free(of_b.bytes);
    train_close_model(&a);
    train_close_model(&b);
}

int main(int argc, char **argv)
{
    struct backend_test test;
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    if (argc == 4) {
        run_torch(&test, argv + 1);
    } else {
        test_patterns(&test);
        test_names(&test);
        test_model(&test);
    }
    return backend_test_end(&test, "train_weights");
}

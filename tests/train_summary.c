/* train_summary.c - summaries against numbers that are known: ResNet-18 of torchvision, a GPT whose last product shares its weights with the first
 * layer, an LSTM by its formula; columns that are aligned; frozen groups; a model, and the figures of plans; refusals. */
#include "tests/train_help.h"

#include "graph/graph.h"
#include "graph/op.h"
#include "samples/nets/nets.h"

#include <stdio.h>
#include <string.h>

static struct tuff_error error;

/* A line of the text begins with this, where runs of blanks are one. */
static bool has_line(const char *text, const char *wanted)
{
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        const char *a = line, *b = wanted;
        for (; *b && (*a == *b || (*b == ' ' && *a == ' ')); b++) {
            a++;
            while (*b == ' ' && *a == ' ') a++;
        }
        if (!*b) return true;
    }
    return false;
}

static void expect(struct backend_test *t, const char *what, const char *text, const char *const *lines)
{
    size_t width = strcspn(text, "\n"), rows = 0;
    for (const char *line = text; *line && *line != '\n'; line += strcspn(line, "\n"), line += *line == '\n', rows++)
        backend_check(t, strcspn(line, "\n") == width, "%s: row %zu is not as wide as the titles", what, rows);
    for (; *lines; lines++)
        backend_check(t, has_line(text, *lines), "%s: expected a line \"%s\" in\n%s", what, *lines, text);
}

static void summarise(struct backend_test *t, const char *what, const struct tuff_graph *g,
                      const struct tuff_summary_params *params, const char *const *lines)
{
    char *text = NULL;
    if (!backend_status(t, what, TUFF_OK, tuff_graph_summary(g, params, &text, &error), &error)) return;
    expect(t, what, text, lines);
    tuff_text_free(t->context, text);
}

/* With norms as they are trained: parameters and multiply-adds of torchvision's model at 224 x 224. */
static void test_resnet18(struct backend_test *t)
{
    static const char *const whole[] = {"layer operator result parameters frozen multiply-adds",
                                        "layer1 conv2d [1, 64, 112, 112] 9,408 - 118,013,952",
                                        "layer1.norm [1, 64, 112, 112] 128 - -",
                                        "max_pool2d [1, 64, 56, 56] - - -",
                                        "layer2 conv2d [1, 64, 56, 56] 36,864 - 115,605,504",
                                        "layer21 matmul [1, 1000] 513,000 - 512,000",
                                        "parameters: 11,689,512 trained, - frozen; multiply-adds: 1,814,073,344",
                                        NULL};
    static const char *const head[] = {"layer1 conv2d [1, 64, 112, 112] - 9,408 118,013,952",
                                       "layer21 matmul [1, 1000] 513,000 - 512,000",
                                       "parameters: 513,000 trained, 11,176,512 frozen; multiply-adds: 1,814,073,344", NULL};
    struct tuff_param_group groups[2] = {tuff_param_group_defaults("head", "layer21.*"),
                                         tuff_param_group_defaults("rest", "*")};
    struct tuff_graph *g = NULL;
    groups[1].frozen = true;
    if (!backend_status(t, "graph", TUFF_OK, tuff_graph_create(t->context, &g, &error), &error)) return;
    struct zoo_build b = {.g = g, .training = true, .classes = 1000};
    tuff_val y = zoo_net_find("resnet18")->build(&b, tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(1, 3, 224, 224)));
    struct tuff_summary_params params = {.struct_size = sizeof params, .outputs = &y, .output_count = 1};
    summarise(t, "resnet18", g, &params, whole);
    params.groups = groups;
    params.group_count = 2;
    summarise(t, "resnet18 with a new head", g, &params, head);
    tuff_graph_destroy(g);
}

/* As many parameters and multiply-adds as the sources of the nets say, and a line of the plan's figures. */
static void test_nets(struct backend_test *t)
{
    for (uint32_t i = 0; i < zoo_net_count; i++) {
        const struct zoo_net *net = &zoo_nets[i];
        struct zoo_work work;
        struct tuff_plan_figures f;
        char sums[200], line[600], *text = NULL;
        unsigned long long trained = 0, adds = 0;
        if (!net->infers) continue;
        if (!backend_status(t, net->name, TUFF_OK, zoo_work_create(t->context, net, ZOO_INFER, 1, &work, &error), &error))
            return;
        const struct tuff_summary_params params = {.struct_size = sizeof params,
                                                   .outputs = &work.result,
                                                   .output_count = 1,
                                                   .devices = (struct tuff_device *[]){t->device},
                                                   .device_count = 1};
        const struct tuff_executable_params plan = {.struct_size = sizeof plan, .outputs = &work.result, .output_count = 1};
        backend_status(t, net->name, TUFF_OK, tuff_plan_ask(t->device, work.graph, &plan, &f, &error), &error);
        snprintf(line, sizeof line, "%s: %u launches of %u pipelines, %.1f MB (parameters %.1f, scratch %.1f)",
                 tuff_device_caps(t->device)->name, (unsigned)f.launches, (unsigned)f.pipelines, (double)f.total_bytes / 1e6,
                 (double)f.param_bytes / 1e6, (double)f.scratch_bytes / 1e6);
        if (backend_status(t, net->name, TUFF_OK, tuff_graph_summary(work.graph, &params, &text, &error), &error)) {
            expect(t, net->name, text, (const char *const[]){line, NULL});
            const char *at = strstr(text, "\nparameters: ");
            size_t used = 0; /* without the commas between digits */
            for (; at && *++at && *at != '\n' && used + 1 < sizeof sums;)
                if (*at != ',' || at[1] == ' ') sums[used++] = *at;
            sums[used] = 0;
            sscanf(sums, "parameters: %llu trained, - frozen; multiply-adds: %llu", &trained, &adds);
            backend_check(t, trained == net->parameters[ZOO_INFER] && adds == net->multiply_adds,
                          "%s: expected %llu parameters and %llu multiply-adds, got \"%s\"", net->name,
                          (unsigned long long)net->parameters[ZOO_INFER], (unsigned long long)net->multiply_adds, sums);
        }
        tuff_text_free(t->context, text);
        zoo_work_finish(&work);
    }
}

/* 4 h (e + h + 2) parameters; T n 4 h (e + h) multiply-adds. A table that is read twice is counted once. */
static void test_layers(struct backend_test *t)
{
    static const char *const lines[] = {"table [5, 2, 3] 21 - -", "lstm scan [5, 2, 4] 144 - 1,120",
                                        "table matmul [10, 7] - - 210", NULL};
    struct tuff_graph *g = NULL;
    if (!backend_status(t, "graph", TUFF_OK, tuff_graph_create(t->context, &g, &error), &error)) return;
    const struct tuff_layer_embedding_params table = {.count = 7, .size = 3};
    const struct tuff_layer_recurrent_params lstm = {.units = 4, .training = true};
    tuff_val x = tuff_layer_embedding(g, tuff_input(g, "x", TUFF_I32, TUFF_SHAPE(5, 2)), "table", table);
    tuff_val h = tuff_layer_recurrent(g, x, "lstm", lstm).h;
    h = tuff_slice(g, h, (uint32_t[]){0, 0, 0}, (int32_t[]){1, 1, 1}, (uint32_t[]){5, 2, 3});
    tuff_val y = tuff_matmul(g, tuff_reshape(g, h, TUFF_SHAPE(10, 3)), tuff_graph_find(g, "table.weight"),
                             (struct tuff_matmul_params){.transpose_b = true});
    struct tuff_summary_params params = {.struct_size = sizeof params, .outputs = &y, .output_count = 1};
    summarise(t, "layers", g, &params, lines);
    t->quiet = true;
    char *text = NULL;
    tuff_val none = g->count;
    params.outputs = &none;
    backend_status(t, "no such output", TUFF_ERR_USAGE, tuff_graph_summary(g, &params, &text, &error), &error);
    params.output_count = 0;
    backend_status(t, "no outputs", TUFF_ERR_USAGE, tuff_graph_summary(g, &params, &text, &error), &error);
    t->quiet = false;
    tuff_graph_destroy(g);
}

/* A picture of 8 x 8; groups are those of the fits. */
static void test_model(struct backend_test *t)
{
    static const char *const lines[] = {"conv conv2d [1, 8, 8, 8] 80 - 4,608",
                                        "norm [1, 8, 8, 8] 16 - -",
                                        "max_pool2d [1, 8, 4, 4] - - -",
                                        "hidden matmul [1, 16] 2,064 - 2,048",
                                        "out matmul [1, 3] 51 - 48",
                                        "parameters: 2,211 trained, - frozen; multiply-adds: 6,704",
                                        NULL};
    static const char *const frozen[] = {"conv conv2d [2, 8, 8, 8] - 80 9,216",
                                         "parameters: 2,131 trained, 80 frozen; multiply-adds: 13,408", NULL};
    struct train m = {.context = t->context, .device = t->device};
    struct tuff_param_group group = tuff_param_group_defaults("conv", "conv.*");
    char *text = NULL;
    group.frozen = true;
    if (!backend_status(t, "model", TUFF_OK, train_model(&m, &(struct train_params){0}, &error), &error)) return;
    if (backend_status(t, "summary", TUFF_OK, tuff_model_summary(m.model, 1, NULL, 0, &text, &error), &error)) {
        expect(t, "model", text, lines);
        backend_check(t, strstr(text, tuff_device_caps(t->device)->name), "a model's summary names no device:\n%s", text);
    }
    tuff_text_free(t->context, text);
    m.fit.optimizer.groups = &group;
    m.fit.optimizer.group_count = 1;
    backend_status(t, "prepare", TUFF_OK, tuff_model_prepare(m.model, &m.data, &m.fit, &error), &error);
    if (backend_status(t, "summary", TUFF_OK, tuff_model_summary(m.model, 2, NULL, 0, &text, &error), &error)) {
        expect(t, "frozen", text, frozen);
        tuff_text_free(t->context, text);
    }
    train_close_model(&m);
}

int main(void)
{
    struct backend_test test;
    int missing = backend_test_begin(&test, NULL);
    if (missing) return missing;
    test_resnet18(&test);
    test_nets(&test);
    test_layers(&test);
    test_model(&test);
    return backend_test_end(&test, "train_summary");
}

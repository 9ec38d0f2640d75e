/* session_tune.c - tuning: tuff_tune measures what this device can choose between; its text is taken, chosen by and gives the same bits as
 * without; a legal row that nobody would choose is only slow; texts that are none are refused with the line. */
#include "backend/handover.h"
#include "graph/graph.h"
#include "tests/backend_help.h"
#include "tests/temporary.h"

#include <stdio.h>
#include <stdlib.h>

struct tune_test {
    struct backend_test test;
    struct tuff_graph *g;
    tuff_val x, w, outputs[3];
    float *first; /* results without tuning */
    size_t count;
    unsigned results;
    char row[300]; /* a work with another way than the standard one */
};

static bool build(struct tune_test *t)
{
    if (tuff_graph_create(t->test.context, &t->g, NULL) != TUFF_OK) return false;
    t->x = tuff_input(t->g, "x", TUFF_F32, TUFF_SHAPE(2, 24, 20, 20));
    t->w = tuff_input(t->g, "w", TUFF_F32, TUFF_SHAPE(32, 24, 3, 3));
    tuff_val y = tuff_conv2d(t->g, t->x, t->w, 0, (struct tuff_conv2d_params){.pad = {1, 1, 1, 1}});
    tuff_val rows = tuff_reshape(t->g, y, TUFF_SHAPE(64, 400));
    t->outputs[0] = y;
    t->outputs[1] = tuff_matmul(t->g, rows, rows, (struct tuff_matmul_params){.transpose_b = true});
    t->outputs[2] = tuff_matmul(t->g, rows, rows, (struct tuff_matmul_params){.transpose_a = true});
    t->count = 64 * 400 + 64 * 64 + 400 * 400;
    return true;
}

static void *bits_of(struct tune_test *t, struct tuff_context *context, uint64_t *hash)
{
    struct tuff_device *device = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    struct tuff_error error = {0};
    float *content = calloc(2 * 24 * 400, sizeof *content), *got = calloc(t->count, sizeof *got);
    for (uint32_t i = 0; content && i < 2 * 24 * 400; i++) content[i] = (float)(i * 2654435761u >> 16) / 65536 - 0.5f;
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = t->outputs, .output_count = 3};
    tuff_status status = content && got ? tuff_device_create(context, NULL, &device, &error) : TUFF_ERR_MEMORY;
    struct tuff_plan_figures asked = {0};
    if (status == TUFF_OK) status = tuff_plan_ask(device, t->g, &params, &asked, &error); /* before there is a session */
    if (status == TUFF_OK) status = tuff_session_create(device, t->g, NULL, &session, &error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &x, &error);
    if (status == TUFF_OK) status = tuff_executable_write(x, t->x, content, 2 * 24 * 400 * sizeof *content, &error);
    if (status == TUFF_OK) status = tuff_executable_write(x, t->w, content, 32 * 24 * 9 * sizeof *content, &error);
    if (status == TUFF_OK) status = tuff_executable_run(x, &error);
    if (status == TUFF_OK) status = tuff_executable_read(x, 0, got, 64 * 400 * sizeof *got, &error);
    if (status == TUFF_OK) status = tuff_executable_read(x, 1, got + 64 * 400, 64 * 64 * sizeof *got, &error);
    if (status == TUFF_OK) status = tuff_executable_read(x, 2, got + 64 * 464, 400 * 400 * sizeof *got, &error);
    backend_status(&t->test, "run", TUFF_OK, status, &error);
    backend_check(&t->test, !x || tuff_executable_figures(x).plan_hash == asked.plan_hash,
                  "tuff_plan_ask tells of another plan");
    if (x && hash) *hash = tuff_executable_figures(x).plan_hash;
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    tuff_device_release(device);
    free(content);
    return got;
}

static void report(void *user, const struct tuff_tune_result *result)
{
    struct tune_test *t = user;
    t->results++;
    printf("%-60s %-12s %8.0f ns   %-12s %8.0f ns\n", result->work, result->standard, result->standard_ns, result->winner,
           result->winner_ns);
    snprintf(t->row, sizeof t->row, "%s = shuffle %s\n", result->work,
             !strcmp(result->standard, "shuffle 1x1") ? "2x1"
             : strchr(result->standard, 'x')          ? "1x1"
                                                      : "1");
}

/* A context with the text of a tuning file: the same bits, of another plan where `other`. */
static void test_rows(struct tune_test *t, const char *what, const char *text, uint64_t standard, bool other)
{
    struct tuff_options options = t->test.context->options;
    struct tuff_context *context = NULL;
    struct tuff_error error = {0};
    uint64_t hash = 0;
    uint32_t rows = 0;
    char path[400];
    FILE *file;
    temporary_path("tuning", path, sizeof path);
    if (!(file = fopen(path, "wb"))) exit(1);
    fputs(text, file);
    fclose(file);
    options.tuning = path;
    options.log = NULL;
    if (tuff_context_create(&options, &context, &error) != TUFF_OK) exit(1);
    float *got = bits_of(t, context, &hash);
    backend_check(&t->test, got && !memcmp(got, t->first, t->count * sizeof *got), "%s: other bits than without", what);
    backend_check(&t->test, (hash != standard) == other, "%s: expected %s plan", what, other ? "another" : "the same");
    tuff_status status = tuff_tuning_open(context, path, &rows, &error);
    backend_status(&t->test, what, TUFF_OK, status, &error);
    free(got);
    tuff_context_destroy(context);
    remove(path);
}

static void test_refusals(struct tune_test *t, const char *device)
{
    static const struct {
        const char *rows, *sentence;
    } cases[] = {
        {"matmul f32 8x8 f32 8x8 #0 = shuffel 4x2\n", "line 3: there is no such family"},
        {"matmul f32 8x8 f32 8x8 #0 = shuffle 3\n", "line 3: constants are"},
        {"matmul f32 8x8 f32 8x8 #0 = shuffle 512\n", "line 3: constants are"},
        {"matmul f32 8x8 f32 8x8 #0 = shuffle 04\n", "line 3: constants are"},
        {"matmul f32 8x8 f32 8x8 #0 = shuffle 4x\n", "line 3: constants are"},
        {"matmul f32 8x8 f32 8x8 #0 = shuffle 1x1x1x1x1\n", "line 3: constants are"},
        {"matmul f32 8x8 f32 8x8 #0 = shuffle \n", "line 3: constants are"},
        {"\n# a comment\nmatmull f32 8x8 f32 8x8 #0 = shuffle 4x2\n", "line 5: there is no such operator"},
        {"matmul f32 8x8 f32 8x8 #0\n", "line 3: expected"},
        {" = shuffle 4x2\n", "line 3: expected"},
        {"device 1 2 3 \"x\"\n", "line 3: a device is"},
        {"device 1 2 3 4 x\n", "line 3: a device is"},
        {"device 1 2 3 123456789 \"x\"\n", "line 3: a device is"},
        {"matmul \x01 = shuffle 4x2\n", "line 3: it holds a control"},
    };
    char text[1000];
    struct tuff_error error = {0};
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        int length = snprintf(text, sizeof text, "tuff-tuning 1\n%s\n%s", device, cases[i].rows);
        tuff_status status = tuff_tuning_add(t->test.context, (struct tuff_span){text, (size_t)length}, NULL, &error);
        backend_check(&t->test, status == TUFF_ERR_FORMAT && strstr(error.message, cases[i].sentence),
                      "case %zu: expected '%s', got %s: %s", i, cases[i].sentence, tuff_status_name(status), error.message);
    }
    const char *const heads[] = {"", "tuff-tuning", "tuff-tuning 2\n", "tuff-tuning 1\nmatmul f32 8x8 = shuffle 4\n"};
    for (size_t i = 0; i < TUFF_COUNT(heads); i++)
        backend_check(&t->test,
                      tuff_tuning_add(t->test.context, (struct tuff_span){heads[i], strlen(heads[i])}, NULL, &error) ==
                              TUFF_ERR_FORMAT &&
                          strstr(error.message, i < 3 ? "line 1: " : "line 2: no device"),
                      "head %zu: got %s", i, error.message);
}

int main(void)
{
    struct tune_test t = {.g = NULL};
    struct tuff_error error = {0};
    char *text = NULL, other[1000];
    uint64_t standard = 0;
    int status = backend_test_begin(&t.test, NULL);
    if (status) return status;
    if (!build(&t)) return 1;
    t.first = bits_of(&t, t.test.context, &standard);
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = t.outputs, .output_count = 3};
    const struct tuff_tune_params tune = {.struct_size = sizeof tune, .runs = 3, .report = report, .user = &t};
    tuff_status tuned = tuff_tune(t.test.device, t.g, &params, &tune, &text, &error);
    t.test.quiet = true;
    if (tuned != TUFF_ERR_UNSUPPORTED && backend_status(&t.test, "tune", TUFF_OK, tuned, &error) && t.first) {
        fputs(text, stdout);
        const char *device = strchr(text, '\n') + 1;
        size_t length = strcspn(device, "\n");
        test_rows(&t, "the winners", text, standard, strchr(device + length + 1, '=') != NULL);
        snprintf(other, sizeof other, "tuff-tuning 1\n%.*s\n%s", (int)length, device, t.row);
        if (t.results) test_rows(&t, "a row that nobody would choose", other, standard, true);
        snprintf(other, sizeof other, "tuff-tuning 1\ndevice 1 2 3 4 \"another\"\n%s", t.row);
        if (t.results) test_rows(&t, "of another device", other, standard, false);
        snprintf(other, sizeof other, "tuff-tuning 1\n%.*s\n%.*s tile 256x256\n", (int)length, device,
                 (int)(strstr(t.row, " = ") + 2 - t.row), t.row);
        if (t.results) test_rows(&t, "a way that there is not here", other, standard, false);
        snprintf(other, sizeof other, "%.*s", (int)length, device);
        test_refusals(&t, other);
    }
    printf("%u works have several ways here\n", t.results);
    t.test.quiet = false;
    tuff_text_free(t.test.context, text);
    tuff_graph_destroy(t.g);
    free(t.first);
    return backend_test_end(&t.test, "session_tune");
}

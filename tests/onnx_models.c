/* onnx_models.c - real networks as ONNX files: the folders of the shared test data (data/models) with a case.json, each of its runs
 * through one runner, against the outputs stored beside it. Weights that are to be fetched are looked for in $TUFF_MODELS/NAME, where
 * tools/fetch_models.py of the shared data puts them.
 *   onnx_models [--dry] [NAME...]    those alone; --dry: on devices that compute nothing, outputs are not compared */
#include "backend/backend.h"
#include "backend/os.h"
#include "loaders/leaves.h"
#include "samples/data/data.h"
#include "tests/loaders_support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#if TUFF_HAVE_JSON && TUFF_HAVE_ONNX
#include <cjson/cJSON.h>

enum { MOST = 32 }; /* inputs, and outputs, of a run */

struct models {
    struct loaders_test *test;
    struct tuff_device *device;
    unsigned run, skipped;
    bool dry;
};
struct model {
    struct models *all;
    const char *name;
    char folder[700];
    double rtol, atol, mean_atol; /* mean_atol 0: none */
    double worst, sum, count;     /* worst: as a part of what is allowed; sum: of |a - b| */
    struct tuff_onnx_runner *runner;
    struct tuff_tensors *files[2 * MOST]; /* of the run */
    uint32_t file_count;
};

static double number(const cJSON *row, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, key);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static const char *string(const cJSON *row, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, key));
    return text ? text : "";
}

/* An array out of a file of the model's folder, until the run ends. */
static struct tuff_array take(struct model *m, const char *name, const char *file)
{
    char path[900];
    struct tuff_array array = {.name = name};
    struct tuff_error error = {0};
    struct tuff_tensors *tensors = NULL;
    snprintf(path, sizeof path, "%s/%s", m->folder, file);
    expect_status(m->all->test, path, TUFF_OK, tuff_numpy_open(m->all->test->context, path, 0, &tensors, &error), &error,
                  NULL);
    if (!tensors) return array;
    m->files[m->file_count++] = tensors;
    array = tuff_tensors_get(tensors, 0);
    array.name = name;
    return array;
}

static void forget(struct model *m)
{
    while (m->file_count) tuff_tensors_destroy(m->files[--m->file_count]);
}

static double *numbers(struct model *m, const struct tuff_array *a, uint64_t count)
{
    struct tuff_error error = {0};
    double *to = calloc(count + 1, sizeof *to);
    if (!to) exit(1);
    expect_status(m->all->test, m->name, TUFF_OK,
                  tuff_array_convert(m->all->test->context, a, count, TUFF_F64, to, "an output", &error), &error, NULL);
    return to;
}

static void compare(struct model *m, const char *note, const struct tuff_array *got, const struct tuff_array *wanted)
{
    const size_t size = tuff_element_bytes(wanted->element);
    const bool same = got->element == wanted->element && got->rank == wanted->rank && got->bytes == wanted->bytes &&
                      !memcmp(got->dim, wanted->dim, got->rank * sizeof *got->dim);
    expect(m->all->test, same, m->name, "type and shape of the stored output", "%s: others of \"%s\"", note, wanted->name);
    const uint64_t count = size ? got->bytes / size : 0;
    m->count += m->all->dry ? (double)count : 0;
    if (!same || !size || m->all->dry) return;
    double *x = numbers(m, got, count), *y = numbers(m, wanted, count), worst = 0;
    uint64_t at = 0;
    for (uint64_t i = 0; i < count; i++) {
        const double error = x[i] == y[i] ? 0 : fabs(x[i] - y[i]), room = m->atol + m->rtol * fabs(y[i]);
        const double part = error == 0 ? 0 : error / room < INFINITY ? error / room : INFINITY;
        m->sum += error;
        if (part > worst) worst = part, at = i;
    }
    m->count += (double)count;
    if (worst > m->worst) m->worst = worst;
    expect(m->all->test, worst <= 1, m->name, "what the tolerance allows", "%s: \"%s\"[%llu] is %.9g for %.9g", note,
           wanted->name, (unsigned long long)at, x[at], y[at]);
    free(x);
    free(y);
}

static void run(struct model *m, const char *note, const struct tuff_array *inputs, uint32_t input_count,
                const struct tuff_array *wanted, uint32_t wanted_count)
{
    struct tuff_array outputs[MOST];
    struct tuff_error error = {0};
    const tuff_status status = tuff_onnx_run(m->runner, inputs, input_count, outputs, &error);
    expect_status(m->all->test, m->name, TUFF_OK, status, &error, NULL);
    for (uint32_t k = 0; status == TUFF_OK && k < wanted_count; k++) {
        uint32_t i = 0;
        while (i < wanted_count && strcmp(outputs[i].name, wanted[k].name) != 0) i++;
        expect(m->all->test, i < wanted_count, m->name, "an output of the name", "none is \"%s\"", wanted[k].name);
        if (i < wanted_count) compare(m, note, &outputs[i], &wanted[k]);
    }
}

static uint32_t take_all(struct model *m, const cJSON *rows, struct tuff_array *arrays)
{
    const cJSON *row = NULL;
    uint32_t count = 0;
    cJSON_ArrayForEach(row, rows) if (count < MOST) arrays[count++] = take(m, string(row, "name"), string(row, "file"));
    return count;
}

/* Ten pictures of bytes at once: (x - 127) / 128, channels first. */
static void run_pictures(struct model *m, const cJSON *run0, const cJSON *pictures)
{
    struct tuff_array x = take(m, "", string(pictures, "file"));
    struct tuff_array logits = take(m, "", string(pictures, "logits"));
    if (!x.data || !logits.data) return;
    const uint8_t *from = x.data;
    const size_t count = (size_t)x.bytes, pixels = (size_t)(x.dim[1] * x.dim[2]);
    float *to = calloc(count, sizeof *to);
    if (!to) exit(1);
    for (size_t i = 0; i < count; i++) {
        const size_t picture = i / (3 * pixels), pixel = i / 3 % pixels;
        to[(picture * 3 + i % 3) * pixels + pixel] = ((float)from[i] - 127) / 128;
    }
    const cJSON *in = cJSON_GetObjectItemCaseSensitive(run0, "inputs"),
                *out = cJSON_GetObjectItemCaseSensitive(run0, "outputs");
    const struct tuff_array input = {.name = string(cJSON_GetArrayItem(in, 0), "name"),
                                     .element = TUFF_ELEMENT_F32,
                                     .rank = 4,
                                     .dim = {x.dim[0], 3, x.dim[1], x.dim[2]},
                                     .data = to,
                                     .bytes = count * sizeof *to};
    logits.name = string(cJSON_GetArrayItem(out, 0), "name");
    run(m, "pictures", &input, 1, &logits, 1);
    free(to);
}

static void run_all(struct model *m, const cJSON *row)
{
    const cJSON *runs = cJSON_GetObjectItemCaseSensitive(row, "runs"), *one = NULL;
    const cJSON *pictures = cJSON_GetObjectItemCaseSensitive(row, "pictures");
    cJSON_ArrayForEach(one, runs)
    {
        struct tuff_array inputs[MOST], wanted[MOST];
        const uint32_t input_count = take_all(m, cJSON_GetObjectItemCaseSensitive(one, "inputs"), inputs);
        const uint32_t wanted_count = take_all(m, cJSON_GetObjectItemCaseSensitive(one, "outputs"), wanted);
        run(m, string(one, "note"), inputs, input_count, wanted, wanted_count);
        forget(m);
    }
    if (pictures) run_pictures(m, cJSON_GetArrayItem(runs, 0), pictures);
    forget(m);
    const double mean = m->count > 0 ? m->sum / m->count : 0;
    expect(m->all->test, m->count > 0, m->name, "outputs", "none");
    if (m->mean_atol > 0) {
        expect(m->all->test, mean < m->mean_atol, m->name, "the mean error that is allowed", "%g for %g", mean,
               m->mean_atol);
        printf("%s: %d runs, worst error %.3f of what is allowed, mean %.3f\n", m->name, cJSON_GetArraySize(runs), m->worst,
               mean / m->mean_atol);
    } else {
        printf("%s: %d runs, worst error %.3f of what is allowed\n", m->name, cJSON_GetArraySize(runs), m->worst);
    }
    m->all->run++;
}

/* Where the model and, if they are files of their own, its weights are; false: nowhere. */
static bool find_model(const struct model *m, const cJSON *row, char *path, size_t size)
{
    const char *weights = string(row, "weights"), *model = string(row, "model");
    char file[900];
    const char *const folders[] = {"", getenv("TUFF_MODELS")};
    for (int i = 0; i < 2; i++) {
        char folder[720];
        if (!folders[i]) continue;
        snprintf(folder, sizeof folder, "%s%s%s", i ? folders[i] : m->folder, i ? "/" : "", i ? m->name : "");
        snprintf(path, size, "%s/%s", folder, model);
        snprintf(file, sizeof file, "%s/%s", folder, *weights ? weights : model);
        FILE *weight = fopen(file, "rb"), *graph = fopen(path, "rb");
        if (weight) fclose(weight);
        if (graph) fclose(graph);
        if (weight && graph) return true;
    }
    return false;
}

static void check_model(struct models *all, const char *name)
{
    struct model m = {.all = all, .name = name};
    char path[900];
    size_t bytes = 0;
    struct tuff_error error = {0};
    struct tuff_onnx *onnx = NULL;
    snprintf(path, sizeof path, "data/models/%s", name);
    if (!shared_path(path, m.folder, sizeof m.folder)) return;
    snprintf(path, sizeof path, "%s/case.json", m.folder);
    uint8_t *text = file_read(path, &bytes);
    cJSON *row = text ? cJSON_ParseWithLength((const char *)text, bytes) : NULL;
    const char *file = string(row, "model");
    m.rtol = number(row, "rtol"), m.atol = number(row, "atol"), m.mean_atol = number(row, "mean_atol");
    if (strlen(file) < 5 || strcmp(file + strlen(file) - 5, ".onnx") != 0) {
        /* not of this kind */
    } else if (!find_model(&m, row, path, sizeof path)) {
        printf("%s: skipped, %s is not here (%s, then TUFF_MODELS=DIR)\n", name, string(row, "weights"),
               string(row, "fetch"));
        all->skipped++;
    } else {
        struct loaders_test *test = all->test;
        expect_status(test, path, TUFF_OK, tuff_onnx_open(test->context, path, NULL, &onnx, &error), &error, NULL);
        if (onnx && tuff_onnx_output_count(onnx) <= MOST)
            expect_status(test, name, TUFF_OK, tuff_onnx_runner_create(all->device, onnx, NULL, &m.runner, &error), &error,
                          NULL);
        if (m.runner) run_all(&m, row);
        fflush(stdout);
    }
    tuff_onnx_runner_destroy(m.runner);
    tuff_onnx_destroy(onnx);
    cJSON_Delete(row);
    free(text);
}

static bool is_asked(const char *name, int argc, char **argv)
{
    bool asked = argc < 1;
    for (int i = 0; i < argc; i++) asked = asked || !strcmp(name, argv[i]);
    return asked;
}

int main(int argc, char **argv)
{
    struct loaders_test test;
    struct models all = {.test = &test};
    struct tuff_error error = {0};
    char folder[700], **names = NULL;
    size_t count = 0;
    if (!shared_path("data/models", folder, sizeof folder)) {
        puts("SKIP: the shared test data is not here (set TUFF_SHARED)");
        return 77;
    }
    argc--, argv++;
    if (argc && !strcmp(argv[0], "--dry")) all.dry = true, argc--, argv++;
    loaders_begin(&test, "onnx_models");
    if (tuff_device_create(test.context, NULL, &all.device, &error) != TUFF_OK) printf("no device: %s\n", error.message);
    expect_status(&test, folder, TUFF_OK, tuff_os_list_folder(test.context, folder, &names, &count, &error), &error, NULL);
    for (size_t i = 0; all.device && i < count; i++)
        if (is_asked(names[i], argc, argv)) check_model(&all, names[i]);
    expect(&test, !all.device || all.run > 0, folder, "models", "none");
    tuff_free(test.context, names);
    const bool here = all.device;
    tuff_device_release(all.device);
    const int code = loaders_end(&test);
    if (here) return code;
    puts("SKIP: there is no device");
    return code ? code : 77;
}
#else
int main(void)
{
    puts("SKIP: this build has no cJSON or no nanopb");
    return 77;
}
#endif

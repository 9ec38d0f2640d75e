/* main.c - tuff-onnx: runs conformance cases of ONNX, folders of a model.onnx and test_data_set_*, and says what passed, what is wrong, and what is not
 * covered and why. It writes models as ONNX, too. */
#define _POSIX_C_SOURCE 200809L /* strdup */

#include "program.h"
#include "text.h"

#include <tuff/tuff.h>

#include <dirent.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: tuff-onnx [OPTION...] DIR...\n"
    "   or: tuff-onnx [OPTION...] --write IN OUT.onnx\n"
    "Runs every case in the folders DIR: a folder with a model.onnx and test_data_set_*/input_K.pb, output_K.pb, as the "
    "ONNX project has them.\n"
    "\n"
    "  -o, --only TEXT     cases alone whose names hold this text\n"
    "  -d, --device NAME   its index, UUID or part of its name\n"
    "  -r, --rtol X        |a - b| <= atol + rtol |b| of floats (0.001); others must be equal\n"
    "  -a, --atol X        (0.0001)\n"
    "  -m, --most N        wrong cases that are borne (0); and\n"
    "  -l, --least N       cases that pass at least: for tests (0)\n"
    "  -t, --time N        runs each case N times more and tells the time to read it, of the first run (planning and "
    "compiling with it) and the\n"
    "                      median of the others\n"
    "  -v, --verbose       name every case\n"
    "  -w, --write IN      write the model IN, a .tuff file, as ONNX; or an ONNX model again, for the sizes that it names "
    "(1 for those\n"
    "                      that are open), as far as it needs no numbers of its inputs to know its shapes\n"
    "      --half          with f32 weights as f16\n"
    "  -h, --help          print this text\n"
    "Exit status: 0 nothing is wrong, 1 something is, or an error, 2 wrong use. Cases that are not covered are no error.\n";

enum { MOST = 64, GROUPS = 512, PATH = 4096 };
enum outcome { PASSED, WRONG, NOT_COVERED, OUTCOMES };
struct group {
    char name[64]; /* operator of the case's last node, or of its name */
    unsigned count[OUTCOMES];
    double worst;
};
struct runner {
    struct tuff_context *context;
    struct tuff_device *device;
    double rtol, atol;
    unsigned repeats;
    bool verbose;
    struct group groups[GROUPS];
    unsigned group_count, count[OUTCOMES];
};
struct verdict {
    enum outcome outcome;
    double error; /* as a part of what is allowed */
    char why[600];
    double read, first, median; /* milliseconds, where they were asked for */
};

/* ---- comparing --------------------------------------------------------------------------------------------------------------------- */

static double half(uint16_t h)
{
    const int exponent = h >> 10 & 31, mantissa = h & 1023;
    const double v = exponent == 31 ? (mantissa ? NAN : INFINITY)
                     : exponent     ? ldexp(1024 + mantissa, exponent - 25)
                                    : ldexp(mantissa, -24);
    return h >> 15 ? -v : v;
}

static double element(const struct tuff_array *a, uint64_t i)
{
    const uint8_t *at = (const uint8_t *)a->data + i * tuff_element_bytes(a->element);
    float f32;
    double f64;
    int64_t whole = 0;
    switch (a->element) {
    case TUFF_ELEMENT_F32: memcpy(&f32, at, 4); return (double)f32;
    case TUFF_ELEMENT_F64: memcpy(&f64, at, 8); return f64;
    case TUFF_ELEMENT_F16: return half((uint16_t)(at[0] | at[1] << 8));
    case TUFF_ELEMENT_I8: return (int8_t)at[0];
    case TUFF_ELEMENT_I16: return (int16_t)(at[0] | at[1] << 8);
    case TUFF_ELEMENT_I32: memcpy(&whole, at, 4); return (int32_t)whole;
    default: memcpy(&whole, at, tuff_element_bytes(a->element)); return (double)whole;
    }
}

static bool is_float(enum tuff_element e)
{
    return e == TUFF_ELEMENT_F16 || e == TUFF_ELEMENT_F32 || e == TUFF_ELEMENT_F64 || e == TUFF_ELEMENT_BF16;
}

static void shape_text(const struct tuff_array *a, char *text, size_t size)
{
    size_t at = (size_t)snprintf(text, size, "%s[", tuff_element_name(a->element));
    for (uint32_t i = 0; i < a->rank; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%llu", i ? "," : "", (unsigned long long)a->dim[i]);
    snprintf(text + at, size - at, "]");
}

/* Of what is drawn by chance the shape alone. */
static void compare(const struct runner *r, const struct tuff_array *got, const struct tuff_array *expected, uint32_t k,
                    bool drawn, struct verdict *v)
{
    char a[160], b[160];
    shape_text(got, a, sizeof a), shape_text(expected, b, sizeof b);
    if (strcmp(a, b) != 0) {
        v->outcome = WRONG;
        snprintf(v->why, sizeof v->why, "output %u is %s, not %s", k, a, b);
        return;
    }
    for (uint64_t i = 0, n = drawn ? 0 : got->bytes / tuff_element_bytes(got->element); i < n; i++) {
        const double x = element(got, i), y = element(expected, i),
                     room = is_float(got->element) ? r->atol + r->rtol * fabs(y) : 0;
        const bool same = x == y || (isnan(x) && isnan(y));
        const double part = same ? 0 : room > 0 ? fabs(x - y) / room : INFINITY;
        if (part > v->error || isnan(part)) v->error = isnan(part) ? INFINITY : part;
        if (part <= 1) continue;
        if (v->outcome == PASSED)
            snprintf(v->why, sizeof v->why, "output %u, element %llu is %.9g, not %.9g", k, (unsigned long long)i, x, y);
        v->outcome = WRONG;
    }
}

/* ---- a case ------------------------------------------------------------------------------------------------------------------------ */

static uint32_t open_all(const struct runner *r, const char *folder, const char *kind, struct tuff_tensors **files,
                         struct tuff_array *arrays, struct tuff_error *error)
{
    char path[PATH + 64];
    uint32_t count = 0;
    for (; count < MOST; count++) {
        snprintf(path, sizeof path, "%s/%s_%u.pb", folder, kind, count);
        if (!program_exists(path)) break;
        if (tuff_onnx_tensor_open(r->context, path, &files[count], error) != TUFF_OK) break;
        arrays[count] = tuff_tensors_get(files[count], 0);
        arrays[count].name = NULL; /* by place */
    }
    return count;
}

/* For ImageDecoder: as Pillow, which made the cases, grey too. */
static bool decode(void *user, struct tuff_span file, uint32_t channels, uint32_t *width, uint32_t *height,
                   const uint8_t **pixels)
{
    static struct tuff_picture picture;
    struct tuff_context *context = user;
    const struct tuff_picture_options options = {
        .struct_size = sizeof options, .alpha = TUFF_ALPHA_DROP, .ignore_orientation = true};
    tuff_picture_finish(context, &picture);
    if (tuff_picture_decode(context, file, &options, &picture, NULL) != TUFF_OK) return false;
    const size_t count = (size_t)picture.width * picture.height;
    uint8_t *p = picture.pixels;
    if (picture.channels != channels && channels == 3) return false;
    for (size_t i = 0; i < count && picture.channels == 3 && channels == 1; i++)
        p[i] = (uint8_t)((19595u * p[3 * i] + 38470u * p[3 * i + 1] + 7471u * p[3 * i + 2] + 0x8000u) >> 16);
    *width = picture.width, *height = picture.height, *pixels = p;
    return true;
}

static int by_size(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static double median_of(const struct runner *r, struct tuff_onnx_runner *model, const struct tuff_array *inputs,
                        uint32_t count, struct tuff_array *outputs)
{
    double *times = malloc(r->repeats * sizeof *times), median = 0;
    for (unsigned i = 0; times && i < r->repeats; i++) {
        const double begun = seconds_now();
        if (tuff_onnx_run(model, inputs, count, outputs, NULL) != TUFF_OK) break;
        times[i] = 1e3 * (seconds_now() - begun);
    }
    if (times) qsort(times, r->repeats, sizeof *times, by_size), median = times[r->repeats / 2];
    free(times);
    return median;
}

static void run_set(const struct runner *r, struct tuff_onnx_runner *model, const struct tuff_onnx *onnx, const char *folder,
                    struct verdict *v)
{
    static struct tuff_array inputs[MOST], expected[MOST], outputs[MOST];
    struct tuff_tensors *in[MOST] = {0}, *out[MOST] = {0};
    struct tuff_error error = {0};
    const uint32_t input_count = open_all(r, folder, "input", in, inputs, &error);
    const uint32_t output_count = error.status ? 0 : open_all(r, folder, "output", out, expected, &error);
    const double begun = seconds_now();
    if (!error.status && tuff_onnx_output_count(onnx) <= MOST)
        error.status = tuff_onnx_run(model, inputs, input_count, outputs, &error);
    if (error.status) {
        v->outcome = error.status == TUFF_ERR_UNSUPPORTED ? NOT_COVERED : WRONG;
        snprintf(v->why, sizeof v->why, "%s", error.message);
    }
    if (v->first == 0) v->first = 1e3 * (seconds_now() - begun);
    for (uint32_t k = 0; !v->why[0] && k < output_count && k < tuff_onnx_output_count(onnx); k++)
        compare(r, &outputs[k], &expected[k], k, tuff_onnx_is_random(model, k), v);
    if (!error.status && r->repeats && v->median == 0) v->median = median_of(r, model, inputs, input_count, outputs);
    for (uint32_t i = 0; i < MOST; i++) tuff_tensors_destroy(in[i]), tuff_tensors_destroy(out[i]);
}

static struct verdict run_case(const struct runner *r, const char *folder)
{
    char path[PATH];
    struct verdict v = {.outcome = PASSED};
    struct tuff_error error = {0};
    struct tuff_onnx *onnx = NULL;
    struct tuff_onnx_runner *model = NULL;
    const struct tuff_onnx_params params = {.struct_size = sizeof params, .picture = decode, .picture_user = r->context};
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    const double begun = seconds_now();
    tuff_status status = tuff_onnx_open(r->context, path, &params, &onnx, &error);
    v.read = 1e3 * (seconds_now() - begun);
    if (status == TUFF_OK) status = tuff_onnx_runner_create(r->device, onnx, NULL, &model, &error);
    if (status != TUFF_OK) {
        v.outcome = status == TUFF_ERR_UNSUPPORTED ? NOT_COVERED : WRONG;
        snprintf(v.why, sizeof v.why, "%s", error.message);
    }
    for (unsigned set = 0; status == TUFF_OK && v.outcome == PASSED; set++) {
        snprintf(path, sizeof path, "%s/test_data_set_%u", folder, set);
        if (!program_exists(path)) break;
        run_set(r, model, onnx, path, &v);
    }
    tuff_onnx_runner_destroy(model);
    tuff_onnx_destroy(onnx);
    return v;
}

/* test_reduce_max_keepdims -> reduce_max is not to be told apart from other names: the first word, or two of some */
static void group_of(const char *name, char *group, size_t size)
{
    const char *from = strncmp(name, "test_", 5) == 0 ? name + 5 : name, *end = strchr(from, '_');
    static const char *const two[] = {"reduce", "operator", "layer",    "batch",  "instance",
                                      "group",  "rms",      "training", "global", "image"};
    for (size_t i = 0; end && i < sizeof two / sizeof two[0]; i++)
        if (!strncmp(from, two[i], (size_t)(end - from)) && !two[i][end - from]) {
            end = strchr(end + 1, '_');
            break;
        }
    snprintf(group, size, "%.*s", (int)(end ? end - from : (long)strlen(from)), from);
}

static void note(struct runner *r, const char *name, const struct verdict *v)
{
    char group[64];
    unsigned i = 0;
    group_of(name, group, sizeof group);
    while (i < r->group_count && strcmp(r->groups[i].name, group) != 0) i++;
    if (i == GROUPS) i = GROUPS - 1;
    if (i == r->group_count) snprintf(r->groups[r->group_count++].name, sizeof group, "%s", group);
    r->groups[i].count[v->outcome]++;
    r->count[v->outcome]++;
    if (v->outcome == PASSED && v->error > r->groups[i].worst) r->groups[i].worst = v->error;
    program_tell("", 0, 0);
    if (v->outcome != PASSED) printf("%-11s %s: %s\n", v->outcome == WRONG ? "WRONG" : "not covered", name, v->why);
    if (v->outcome == PASSED && r->repeats)
        printf("passed      %-28s read %7.1f ms   first run %8.1f ms   median of %u %8.2f ms\n", name, v->read, v->first,
               r->repeats, v->median);
    else if (v->outcome == PASSED && r->verbose)
        printf("passed      %s (%.2g of what is allowed)\n", name, v->error);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Names of a folder's entries, sorted [owned]; NULL: it cannot be read, or is empty. */
static char **entries_of(const char *folder, unsigned *count)
{
    DIR *dir = opendir(folder);
    char **names = NULL;
    *count = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        char **more = entry->d_name[0] == '.' ? NULL : realloc(names, (*count + 1) * sizeof *names);
        if (!more) continue;
        names = more;
        if ((names[*count] = strdup(entry->d_name)) != NULL) ++*count;
    }
    if (dir) closedir(dir);
    if (*count) qsort(names, *count, sizeof *names, by_name);
    return names;
}

static bool run_folder(struct runner *r, const char *folder, const char *only)
{
    char path[PATH];
    unsigned count;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (program_exists(path)) {
        const char *name = strrchr(folder, '/');
        const struct verdict v = run_case(r, folder);
        note(r, name && name[1] ? name + 1 : folder, &v);
        return true;
    }
    char **names = entries_of(folder, &count);
    if (!names) fprintf(stderr, "tuff-onnx: %s cannot be read, or is empty\n", folder);
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s/model.onnx", folder, names[i]);
        if (!program_stopping() && program_exists(path) && (!only || strstr(names[i], only))) {
            program_tell(names[i], i, count);
            snprintf(path, sizeof path, "%s/%s", folder, names[i]);
            const struct verdict v = run_case(r, path);
            note(r, names[i], &v);
        }
        free(names[i]);
    }
    free(names);
    return names != NULL;
}

static void print_groups(const struct runner *r)
{
    printf("\n%-28s %7s %7s %12s  %s\n", "operator", "passed", "wrong", "not covered",
           "worst error, as a part of what is allowed");
    for (unsigned i = 0; i < r->group_count; i++)
        printf("%-28s %7u %7u %12u  %.2g\n", r->groups[i].name, r->groups[i].count[PASSED], r->groups[i].count[WRONG],
               r->groups[i].count[NOT_COVERED], r->groups[i].worst);
    printf("%-28s %7u %7u %12u\n", "all", r->count[PASSED], r->count[WRONG], r->count[NOT_COVERED]);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------------ */

/* Inputs of zeros: what is written hangs on their shapes. */
static tuff_status run_once(const struct tuff_onnx *onnx, struct tuff_onnx_runner *runner, struct tuff_error *error)
{
    static struct tuff_array inputs[MOST];
    const uint32_t count = tuff_onnx_input_count(onnx) < MOST ? tuff_onnx_input_count(onnx) : MOST;
    for (uint32_t i = 0; i < count; i++) {
        const struct tuff_onnx_end end = tuff_onnx_input(onnx, i);
        inputs[i] = (struct tuff_array){.element = end.element, .rank = end.rank > 0 ? (uint32_t)end.rank : 0};
        inputs[i].bytes = tuff_element_bytes(end.element);
        for (uint32_t d = 0; d < inputs[i].rank; d++) {
            inputs[i].dim[d] = end.dim[d] > 0 ? (uint64_t)end.dim[d] : 1;
            inputs[i].bytes *= inputs[i].dim[d];
        }
        inputs[i].data = calloc(1, (size_t)inputs[i].bytes + 1);
    }
    const tuff_status status = tuff_onnx_run(runner, inputs, count, NULL, error);
    for (uint32_t i = 0; i < count; i++) free((void *)(uintptr_t)inputs[i].data);
    return status;
}

static tuff_status write_model(const struct runner *r, const char *in, const char *out, bool half, struct tuff_error *error)
{
    struct tuff_onnx_write_params params = {.struct_size = sizeof params, .f16_weights = half};
    struct tuff_saved *saved = NULL;
    struct tuff_onnx *onnx = NULL;
    const size_t length = strlen(in);
    const bool is_tuff = length > 5 && !strcmp(in + length - 5, ".tuff");
    tuff_status status = is_tuff ? tuff_saved_open(r->context, in, &saved, error)
                                 : tuff_onnx_open(r->context, in, NULL, &onnx, error);
    params.saved = saved;
    params.text_count = onnx ? tuff_onnx_text_count(onnx) : 0;
    struct tuff_pair *texts = calloc(params.text_count + 1, sizeof *texts);
    for (uint32_t i = 0; texts && i < params.text_count; i++) texts[i] = tuff_onnx_text_get(onnx, i);
    params.texts = texts;
    if (onnx) status = tuff_onnx_runner_create(r->device, onnx, NULL, &params.runner, error);
    if (status == TUFF_OK && onnx) status = run_once(onnx, params.runner, error);
    if (status == TUFF_OK) status = tuff_onnx_write(r->context, out, &params, error);
    free(texts);
    tuff_onnx_runner_destroy(params.runner);
    tuff_onnx_destroy(onnx);
    tuff_saved_destroy(saved);
    return status;
}

static void on_log(void *user, enum tuff_log_level level, const char *message)
{
    (void)user, (void)level, (void)message; /* errors come back as struct tuff_error */
}

int main(int argc, char **argv)
{
    static struct runner r = {.rtol = 1e-3, .atol = 1e-4};
    static const struct option longs[] = {{"only", 1, NULL, 'o'},  {"device", 1, NULL, 'd'},  {"rtol", 1, NULL, 'r'},
                                          {"atol", 1, NULL, 'a'},  {"most", 1, NULL, 'm'},    {"least", 1, NULL, 'l'},
                                          {"time", 1, NULL, 't'},  {"verbose", 0, NULL, 'v'}, {"help", 0, NULL, 'h'},
                                          {"write", 1, NULL, 'w'}, {"half", 0, NULL, 'H'},    {0}};
    const char *only = NULL, *device = NULL, *in = NULL;
    bool half = false;
    unsigned most = 0, least = 0;
    program_begin();
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    for (int option; (option = getopt_long(argc, argv, "o:d:r:a:m:l:t:w:vh", longs, NULL)) != -1;) {
        switch (option) {
        case 'o': only = optarg; break;
        case 'd': device = optarg; break;
        case 'r': r.rtol = atof(optarg); break;
        case 'a': r.atol = atof(optarg); break;
        case 'm': most = (unsigned)atoi(optarg); break;
        case 'l': least = (unsigned)atoi(optarg); break;
        case 't': r.repeats = (unsigned)atoi(optarg); break;
        case 'v': r.verbose = true; break;
        case 'w': in = optarg; break;
        case 'H': half = true; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs("Try tuff-onnx --help\n", stderr); return 2;
        }
    }
    if (optind == argc || (in && optind + 1 < argc)) return fputs(usage, stderr), 2;
    struct tuff_options options = {.struct_size = sizeof options, .log = on_log};
    struct tuff_error error = {0};
    tuff_options_from_env(&options);
    program_catch_signals();
    tuff_status status = tuff_context_create(&options, &r.context, &error);
    if (status == TUFF_OK) status = tuff_device_create(r.context, device, &r.device, &error);
    if (status == TUFF_OK && in) status = write_model(&r, in, argv[optind], half, &error);
    bool read = status == TUFF_OK;
    if (status != TUFF_OK) fprintf(stderr, "tuff-onnx: %s\n", error.message);
    for (int i = optind; status == TUFF_OK && !in && i < argc; i++) read = run_folder(&r, argv[i], only) && read;
    if (status == TUFF_OK && !in) print_groups(&r);
    tuff_device_release(r.device);
    tuff_context_destroy(r.context);
    if (program_stopping()) return program_stop_status();
    return !read || r.count[WRONG] > most || r.count[PASSED] < least;
}

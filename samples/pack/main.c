/* tuff-pack - a model file with the kernels that its plans need on phones: SPIR-V for classes of devices, so that a build without a
 * shader compiler runs them fused. tuff-pack --help says the rest. */
#include "pack.h"
#include "program.h"
#include "refuse.h"
#include "text.h"
#include "whole.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: tuff-pack MODEL -o OUT.tuff [OPTION..]\n"
    "Writes a model file with the kernels that it needs on classes of devices, so that programs without a\n"
    "shader compiler (phones, Windows) run it fused. MODEL is a model file (.tuff), or an ONNX classifier of\n"
    "pictures, which becomes one. This machine's device runs what is recorded, whichever it is.\n"
    "\n"
    "  -o, --out OUT.tuff     where the file goes\n"
    "      --for LIST         classes, by commas: adreno, mali, powervr, llvmpipe, floor, one of these by its\n"
    "                         whole name, or a FILE.caps, as tuff-info --caps prints it on a device.\n"
    "                         Default: all of them\n"
    "      --teach CLASSES    also what training a new head takes on the device, for so many classes: \"3\",\n"
    "                         \"2-5\"\n"
    "      --camera           also what frames of a camera take, however they are turned and of any size that\n"
    "                         one buffer holds (12 bytes a pixel: 11 megapixels of the 128 MiB that all have)\n"
    "      --anew             without the kernels that MODEL has: those of an older Tuff serve nobody\n"
    "      --batch N          pictures at once, besides one (default 8, or 1 where it takes no more)\n"
    "Of an ONNX model, as of tuff-classify:\n"
    "      --features NAME    the value that is the features of a picture (default: what the last product\n"
    "                         reads)\n"
    "      --preset NAME      how it takes pictures: imagenet (default), unit, signed, lite, caffe, bytes\n"
    "      --labels FILE      names of its classes: a line each, or a JSON list (default: its metadata, or\n"
    "                         their numbers)\n"
    "      --crop PART        of the shorter side that is looked at, in the middle\n"
    "      --fit HOW          crop (default), stretch, or pad\n"
    "      --filter NAME      bicubic (default), bilinear or area\n"
    "      --bgr              blue comes first\n"
    "      --size N           of pictures, where it takes any size (default 224)\n"
    "\n"
    "  -d, --device NAME      index, UUID or part of a name, as tuff-info lists them\n"
    "  -h, --help             print this text\n"
    "  -V, --version          print the version\n"
    "\n"
    "Exit status: 0 the file is written, 1 an error, 2 wrong use.\n";

#define wrong(...) wrong_use("tuff-pack", __VA_ARGS__)

static double number(const char *option, const char *text, double least, double most)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value >= least && value <= most)) wrong("--%s cannot be \"%s\"", option, text);
    return value;
}

static bool is_onnx(const char *path)
{
    const size_t length = strlen(path);
    return length > 5 && !strcmp(path + length - 5, ".onnx");
}

/* "a,b"; the text is cut into them. */
static void choose(struct options *o, char *list)
{
    for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
        if (o->chosen_count == CHOSEN) wrong("--for names more than %d", CHOSEN);
        o->chosen[o->chosen_count++] = name;
    }
}

/* "3", "2-5" */
static void read_teach(struct options *o, const char *text)
{
    enum { MOST = 1000 };
    char *end;
    const unsigned long least = strtoul(text, &end, 10), most = *end == '-' ? strtoul(end + 1, &end, 10) : least;
    if (end == text || *end || least < 2 || most < least || most > MOST)
        wrong("--teach cannot be \"%s\": numbers of classes, 2 to %d, as \"3\" or \"2-5\"", text, MOST);
    o->teach_least = (uint32_t)least;
    o->teach_most = (uint32_t)most;
}

static void check(struct options *o, int words, char **word, bool pictured)
{
    if (words == 0) wrong("which model is it?");
    if (words > 1) wrong("unexpected argument \"%s\"", word[1]);
    o->model = word[0];
    if (!o->out) wrong("--out is missing: where does the file go?");
    if (is_onnx(o->out)) wrong("--out is a model file of Tuff: NAME.tuff");
    if (!is_onnx(o->model) && pictured) wrong("what is said of pictures, labels, features and batches is for ONNX models");
    if (is_onnx(o->model) && program_same_file(o->model, o->out)) wrong("--out is the model itself: it would be lost");
}

/* -1: go on; else the exit status. */
static int parse(struct options *o, int count, char **arguments)
{
    enum { FOR = 256, TEACH, CAMERA, ANEW, BATCH, FEATURES, PRESET, LABELS, CROP, FIT, FILTER, BGR, SIZE };
    static const struct option longs[] = {
        {"out", 1, NULL, 'o'},       {"for", 1, NULL, FOR},     {"teach", 1, NULL, TEACH},       {"camera", 0, NULL, CAMERA},
        {"anew", 0, NULL, ANEW},     {"batch", 1, NULL, BATCH}, {"features", 1, NULL, FEATURES}, {"preset", 1, NULL, PRESET},
        {"labels", 1, NULL, LABELS}, {"crop", 1, NULL, CROP},   {"fit", 1, NULL, FIT},           {"filter", 1, NULL, FILTER},
        {"bgr", 0, NULL, BGR},       {"size", 1, NULL, SIZE},   {"device", 1, NULL, 'd'},        {"help", 0, NULL, 'h'},
        {"version", 0, NULL, 'V'},   {NULL, 0, NULL, 0}};
    static const char *const fits[] = {"stretch", "pad", "crop", NULL}, *const filters[] = {"bilinear", "area", "bicubic",
                                                                                            NULL};
    bool pictured = false;
    *o = (struct options){.intake.filter = TUFF_FILTER_BICUBIC};
    opterr = 0; /* its own sentences show what was given as it is */
    for (int found; (found = getopt_long(count, arguments, "o:d:hV", longs, NULL)) != -1;) {
        pictured = pictured || found >= BATCH;
        switch (found) {
        case 'o': o->out = optarg; break;
        case FOR: choose(o, optarg); break;
        case TEACH: read_teach(o, optarg); break;
        case CAMERA: o->camera = true; break;
        case ANEW: o->anew = true; break;
        case BATCH: o->batch = (uint32_t)number("batch", optarg, 1, 1024); break;
        case FEATURES: o->features = optarg; break;
        case PRESET: o->intake.preset = optarg; break;
        case LABELS: o->labels = optarg; break;
        case CROP: o->intake.crop = number("crop", optarg, 0.05, 1); break;
        case FIT:
            o->intake.fit = (enum tuff_fit)option_among("tuff-pack", "fit", optarg, fits), o->intake.fitted = true;
            break;
        case FILTER: o->intake.filter = (enum tuff_filter)option_among("tuff-pack", "filter", optarg, filters); break;
        case BGR: o->intake.bgr = true; break;
        case SIZE: o->intake.side = (uint32_t)number("size", optarg, 1, 32768); break;
        case 'd': o->device = optarg; break;
        case 'h': fputs(help, stdout); return 0;
        case 'V': print_version("tuff-pack"); return 0;
        default: wrong("unknown option, or one without its value: \"%s\"", arguments[optind - 1]);
        }
    }
    check(o, count - optind, arguments + optind, pictured);
    return -1;
}

/* ---- the way ----------------------------------------------------------------------------------------------------------------------------------- */

static void print_written(const struct written *w)
{
    printf("model     %u classes%s, batches of %u\n", (unsigned)w->classes, w->softmaxed ? "" : ", softmax added",
           (unsigned)w->batch);
    if (w->features)
        printf("features  %u, value %s\n", (unsigned)w->features, SHOWN(w->cut));
    else
        printf("features  none: the model does not end in a product (--features NAME says which value they are)\n");
}

/* A name beside the file to write that nothing has. */
static void name_beside(char *name, size_t size, const char *out, const char *what)
{
    int i = 0;
    do snprintf(name, size, "%.1100s.%d.%s", out, i, what);
    while (program_exists(name) && ++i < 1000);
}

/* The model file as it is, but for its kernels. */
static tuff_status write_bare(struct tuff_context *context, const char *from, const char *to, struct tuff_error *error)
{
    struct tuff_tensors *tensors = NULL;
    struct tuff_tensors_params params = {.struct_size = sizeof params};
    tuff_status status = tuff_checkpoint_read(context, from, "model", &tensors, error);
    if (status != TUFF_OK) return status;
    const size_t arrays = tuff_tensors_count(tensors), texts = tuff_tensors_text_count(tensors);
    struct tuff_array *array = malloc((arrays + 1) * sizeof *array);
    struct tuff_pair *text = malloc((texts + 1) * sizeof *text);
    status = array && text ? TUFF_OK : refuse(error, TUFF_ERR_MEMORY, "out of memory");
    for (size_t i = 0; status == TUFF_OK && i < arrays; i++) array[params.array_count++] = tuff_tensors_get(tensors, i);
    for (size_t i = 0; status == TUFF_OK && i < texts; i++) {
        text[params.text_count] = tuff_tensors_text_get(tensors, i);
        params.text_count += strncmp(text[params.text_count].key, "tuff.", 5) != 0; /* which writing adds */
    }
    params.arrays = array, params.texts = text, params.kind = "model";
    if (status == TUFF_OK) status = tuff_checkpoint_write(context, to, &params, error);
    free(array);
    free(text);
    tuff_tensors_destroy(tensors);
    return status;
}

static tuff_status pack(struct tuff_context *context, struct tuff_device **device, const struct options *o,
                        struct tuff_error *error)
{
    static struct tuff_caps classes[CLASSES];
    char model[1200], scratch[1200];
    struct written written;
    uint32_t count = 0;
    if (!tuff_glslang())
        return refuse(error, TUFF_ERR_UNSUPPORTED, "kernels are made by a shader compiler, and this build has none");
    tuff_status status = classes_read(context, o, classes, &count, error);
    if (status == TUFF_OK) status = whole_try(context, &o->out, 1, error);
    if (status == TUFF_OK) status = tuff_device_create(context, o->device, device, error);
    if (status != TUFF_OK) return status;
    name_beside(model, sizeof model, o->out, "model");
    name_beside(scratch, sizeof scratch, o->out, "taught");
    const bool onnx = is_onnx(o->model), other = onnx || o->anew;
    if (onnx) status = network_write(*device, o, model, &written, error);
    if (status == TUFF_OK && onnx) print_written(&written);
    fflush(stdout);
    if (!onnx && other) status = write_bare(context, o->model, model, error);
    const char *from = other ? model : o->model;
    if (status == TUFF_OK) status = tuff_kernels_record(context, classes, count, error);
    if (status == TUFF_OK) status = work_do(*device, o, from, scratch, error);
    if (status == TUFF_OK) status = tuff_kernels_write(context, from, o->out, error);
    if (other) program_remove(model);
    if (status != TUFF_OK) return status;
    printf("kernels   %u, for", (unsigned)tuff_kernels_report(context).kernels);
    for (uint32_t i = 0; i < count; i++) printf("%s %s", i ? "," : "", SHOWN(classes[i].name));
    printf("\n");
    return TUFF_OK;
}

int main(int count, char **arguments)
{
    static struct options options;
    struct tuff_options settings = {.struct_size = sizeof settings, .log = program_log, .log_user = &settings};
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_error error = {0};
    program_begin();
    const int end = parse(&options, count, arguments);
    if (end >= 0) return end;
    tuff_options_from_env(&settings);
    program_catch_signals();
    tuff_status status = tuff_context_create(&settings, &context, &error);
    if (status == TUFF_OK) status = pack(context, &device, &options, &error);
    if (status != TUFF_OK && !program_stopping())
        fprintf(stderr, "tuff-pack: %s\n", error.message[0] ? SHOWN(error.message) : tuff_status_name(status));
    tuff_device_release(device);
    tuff_context_destroy(context);
    if (program_stopping()) return program_stop_status();
    return status == TUFF_ERR_USAGE ? 2 : status != TUFF_OK;
}

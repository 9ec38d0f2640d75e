/* tuff-quantize - a float ONNX model as int8: calibrates it on samples, writes QuantizeLinear and DequantizeLinear, and tells what it costs in accuracy.
 * tuff-quantize --help says the rest. */
#include "program.h"
#include "quantize.h"
#include "text.h"
#include "whole.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: tuff-quantize MODEL.onnx --data FOLDER -o OUT.onnx [OPTION..]\n"
    "Makes an int8 model of a float one: weights become i8, values between layers u8, by ranges that\n"
    "are found on samples. Tells what was quantized, and how far the answers are from the float ones.\n"
    "\n"
    "      --data FOLDER      pictures (also in class folders, called as the model's classes; or IDX\n"
    "                         files), or .npy files; of several inputs FOLDER/INPUT/*.npy, or .npz\n"
    "                         with members by input. Arrays may hold several samples, one a row\n"
    "  -o, --out OUT.onnx     where the int8 model goes\n"
    "      --samples N        to calibrate with (default 128, at most the half)\n"
    "      --tests N          to measure with, of the others (default 1000)\n"
    "      --method NAME      of ranges: min-max (default), or percentile: what is far out is cut off\n"
    "      --percentile P     of values that stay within (default 99.99); means that method\n"
    "      --per-tensor       one scale for a weight, instead of one for each output channel\n"
    "      --activations T    u8 (default) or i8\n"
    "      --skip NAME        a layer, by its node's name or its result's, that stays as it is.\n"
    "                         May be repeated\n"
    "  -s, --shape NAME=SIZES of an input with open sizes that no array says: \"x=1,3,64,64\";\n"
    "                         the only input needs no NAME. May be repeated\n"
    "Pictures, as of tuff-classify:\n"
    "      --preset NAME      how the model takes them: imagenet (default), unit, signed, lite, caffe,\n"
    "                         bytes\n"
    "      --labels FILE      names of the classes: a line each, or a JSON list (default: their\n"
    "                         numbers)\n"
    "      --crop PART        of the shorter side that is looked at, in the middle\n"
    "      --fit HOW          crop (default), stretch, or pad\n"
    "      --filter NAME      bicubic (default), bilinear or area\n"
    "      --bgr              blue comes first\n"
    "      --side N           where the model takes any size (default 224)\n"
    "\n"
    "  -d, --device NAME      index, UUID or part of a name, as tuff-info lists them\n"
    "  -h, --help             print this text\n"
    "  -V, --version          print the version\n"
    "\n"
    "Exit status: 0 the model is written, 1 an error, 2 wrong use.\n";

#define wrong(...) wrong_use("tuff-quantize", __VA_ARGS__)

static double number(const char *option, const char *text, double least, double most)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value >= least && value <= most)) wrong("--%s cannot be \"%s\"", option, text);
    return value;
}

static void check(struct options *o, int words, char **word, bool min_max)
{
    if (words == 0) wrong("which model is it?");
    if (words > 1) wrong("unexpected argument \"%s\"", word[1]);
    o->model = word[0];
    if (!o->data) wrong("--data is missing: which samples is it calibrated with?");
    if (!o->out) wrong("--out is missing: where does the int8 model go?");
    if (min_max && o->percentile > 0) wrong("--percentile does not go with --method min-max");
    if (program_same_file(o->model, o->out)) wrong("--out is the model itself: it would be lost");
}

/* -1: go on; else the exit status. */
static int parse(struct options *o, int count, char **arguments)
{
    enum {
        SAMPLES = 256,
        TESTS,
        METHOD,
        PERCENTILE,
        TENSOR,
        ACTIVATIONS,
        SKIP,
        DATA,
        PRESET,
        LABELS,
        CROP,
        FIT,
        FILTER,
        BGR,
        SIDE
    };
    static const struct option longs[] = {{"data", 1, NULL, DATA},
                                          {"out", 1, NULL, 'o'},
                                          {"samples", 1, NULL, SAMPLES},
                                          {"tests", 1, NULL, TESTS},
                                          {"method", 1, NULL, METHOD},
                                          {"percentile", 1, NULL, PERCENTILE},
                                          {"per-tensor", 0, NULL, TENSOR},
                                          {"activations", 1, NULL, ACTIVATIONS},
                                          {"skip", 1, NULL, SKIP},
                                          {"shape", 1, NULL, 's'},
                                          {"preset", 1, NULL, PRESET},
                                          {"labels", 1, NULL, LABELS},
                                          {"crop", 1, NULL, CROP},
                                          {"fit", 1, NULL, FIT},
                                          {"filter", 1, NULL, FILTER},
                                          {"bgr", 0, NULL, BGR},
                                          {"side", 1, NULL, SIDE},
                                          {"device", 1, NULL, 'd'},
                                          {"help", 0, NULL, 'h'},
                                          {"version", 0, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    static const char *const fits[] = {"stretch", "pad", "crop", NULL},
                             *const filters[] = {"bilinear", "area", "bicubic", NULL},
                             *const methods[] = {"min-max", "percentile", NULL}, *const types[] = {"u8", "i8", NULL};
    bool min_max = false;
    *o = (struct options){.tests = 1000, .intake.filter = TUFF_FILTER_BICUBIC};
    opterr = 0; /* its own sentences show what was given as it is */
    for (int found; (found = getopt_long(count, arguments, "o:s:d:hV", longs, NULL)) != -1;) {
        o->pictured = o->pictured || (found >= PRESET && found != LABELS);
        switch (found) {
        case DATA: o->data = optarg; break;
        case 'o': o->out = optarg; break;
        case SAMPLES: o->samples = (uint64_t)number("samples", optarg, 1, 1e9); break;
        case TESTS: o->tests = (uint64_t)number("tests", optarg, 1, 1e9); break;
        case METHOD:
            min_max = option_among("tuff-quantize", "method", optarg, methods) == 0;
            if (!min_max && o->percentile <= 0) o->percentile = 99.99;
            break;
        case PERCENTILE: o->percentile = number("percentile", optarg, 50, 100); break;
        case TENSOR: o->one_weight_scale = true; break;
        case ACTIVATIONS: o->signed_activations = option_among("tuff-quantize", "activations", optarg, types) == 1; break;
        case SKIP:
            if (o->skip_count == SKIPS) wrong("--skip is given more than %d times", SKIPS);
            o->skips[o->skip_count++] = optarg;
            break;
        case 's':
            if (o->shape_count == INPUTS) wrong("--shape is given more than %d times", INPUTS);
            o->shapes[o->shape_count++] = optarg;
            break;
        case PRESET: o->intake.preset = optarg; break;
        case LABELS: o->labels = optarg; break;
        case CROP: o->intake.crop = number("crop", optarg, 0.05, 1); break;
        case FIT:
            o->intake.fit = (enum tuff_fit)option_among("tuff-quantize", "fit", optarg, fits), o->intake.fitted = true;
            break;
        case FILTER: o->intake.filter = (enum tuff_filter)option_among("tuff-quantize", "filter", optarg, filters); break;
        case BGR: o->intake.bgr = true; break;
        case SIDE: o->intake.side = (uint32_t)number("side", optarg, 1, 32768); break;
        case 'd': o->device = optarg; break;
        case 'h': fputs(help, stdout); return 0;
        case 'V': print_version("tuff-quantize"); return 0;
        default: wrong("unknown option, or one without its value: \"%s\"", arguments[optind - 1]);
        }
    }
    check(o, count - optind, arguments + optind, min_max);
    return -1;
}

/* ---- what was done --------------------------------------------------------------------------------------------------------------------------- */

enum { LEFT = 4096 };
struct layers {
    char *skips[SKIPS]; /* [owned] names of values */
    uint32_t skip_count;
    uint32_t quantized, left;
    struct {
        char name[100];
        const char *why;
    } list[LEFT];
};

static bool on_layer(void *user, const char *name, const char *why)
{
    struct layers *l = user;
    for (uint32_t i = 0; i < l->skip_count && !why; i++)
        if (!strcmp(l->skips[i], name)) why = "as --skip says";
    if (!why) l->quantized++;
    if (!why || l->left >= LEFT) return !why;
    snprintf(l->list[l->left].name, sizeof l->list->name, "%s", name[0] ? name : "(no name)");
    l->list[l->left++].why = why;
    return false;
}

/* NAME is a node, or its result, by which it is asked about. */
static tuff_status take_skips(struct layers *l, const struct tuff_onnx *onnx, const struct options *o,
                              struct tuff_error *error)
{
    for (uint32_t i = 0; i < o->skip_count; i++) {
        const size_t length = strlen(o->skips[i]);
        for (uint32_t n = 0; n < tuff_onnx_node_count(onnx) && l->skip_count == i; n++) {
            const struct tuff_onnx_node_info node = tuff_onnx_node(onnx, n);
            const struct tuff_span out = node.output_count ? node.outputs[0] : (struct tuff_span){0};
            const bool by_name = node.name.bytes == length && !memcmp(node.name.data, o->skips[i], length);
            if (!op_is(&node, "Conv Gemm MatMul")) continue;
            if (!by_name && (out.bytes != length || memcmp(out.data, o->skips[i], length) != 0)) continue;
            char *name = calloc(1, out.bytes + 1);
            if (!name) return no_memory(error);
            l->skips[l->skip_count++] = memcpy(name, out.data, out.bytes);
        }
        if (l->skip_count == i)
            return refuse(error, TUFF_ERR_USAGE,
                          "--skip %.200s: the model has no Conv, Gemm or MatMul, or result of one, of that name",
                          o->skips[i]);
    }
    return TUFF_OK;
}

static uint64_t bytes_of(const char *path)
{
    FILE *file = fopen(path, "rb");
    const long bytes = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    if (file) fclose(file);
    return bytes > 0 ? (uint64_t)bytes : 0;
}

/* Of the file and of weights that lie beside it. */
static uint64_t bytes_with_weights(const struct tuff_onnx *onnx, const char *path)
{
    uint64_t weights = 0;
    for (uint32_t i = 0; i < tuff_onnx_weight_count(onnx); i++) {
        const struct tuff_onnx_end end = tuff_onnx_weight(onnx, i);
        uint64_t count = 1;
        for (int32_t d = 0; d < end.rank; d++) count *= (uint64_t)end.dim[d];
        weights += count * tuff_element_bytes(end.element);
    }
    const uint64_t file = bytes_of(path);
    return weights > file ? file + weights : file;
}

static const char *bytes_text(uint64_t bytes, char text[40])
{
    snprintf(text, 40,
             bytes < 10000      ? "%.0f bytes"
             : bytes < 10000000 ? "%.1f kB"
                                : "%.1f MB",
             (double)bytes / (bytes < 10000      ? 1
                              : bytes < 10000000 ? 1e3
                                                 : 1e6));
    return text;
}

static void print_layers(const struct layers *l)
{
    printf("layers    %u quantized, %u left as they are\n", l->quantized, l->left);
    for (uint32_t i = 0; i < l->left; i++) printf("          %s: %s\n", SHOWN(l->list[i].name), l->list[i].why);
}

static void print_compared(const struct compared *c, const struct feed *feed)
{
    printf("measured  on %llu of %llu %s%s\n", (unsigned long long)c->samples,
           (unsigned long long)(feed->held ? feed->held : feed->learned), feed->kind,
           feed->held ? " that are held out" : " of the calibration: no others are left");
    if (feed->left_folder) printf("          accuracy is not known: %s\n", feed->left_folder);
    if (c->classed)
        printf("accuracy  %.2f %% as floats, %.2f %% as int8\n", 100 * (double)c->right[0] / (double)c->classed,
               100 * (double)c->right[1] / (double)c->classed);
    if (c->classes)
        printf("          the same best class of %llu of %llu\n", (unsigned long long)c->same,
               (unsigned long long)c->samples);
    for (uint32_t k = 0; k < c->output_count; k++) {
        const struct compared_output *o = &c->outputs[k];
        printf("%-9s %-24s ", k ? "" : "outputs", SHOWN(o->name));
        if (o->whole)
            printf("%.2f %% equal\n", o->all ? 100 * (double)o->equal / (double)o->all : 100.0);
        else if (o->noise == 0)
            printf("equal\n");
        else
            printf("%.1f dB signal to noise\n", 10 * log10(o->signal / o->noise));
    }
}

/* ---- the way ----------------------------------------------------------------------------------------------------------------------------------- */

struct run {
    struct options options;
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_onnx *onnx, *int8;
    struct feed feed;
    struct calibration calibration;
    struct layers layers;
    struct compared compared;
    struct tuff_error error;
};

static tuff_status write_int8(struct run *r)
{
    const struct options *o = &r->options;
    const struct calibration *c = &r->calibration;
    const uint32_t text_count = tuff_onnx_text_count(r->onnx);
    struct tuff_pair *texts = malloc((text_count + (size_t)1) * sizeof *texts);
    if (!texts) return no_memory(&r->error);
    for (uint32_t i = 0; i < text_count; i++) texts[i] = tuff_onnx_text_get(r->onnx, i);
    const struct tuff_onnx_write_params params = {.struct_size = sizeof params,
                                                  .session = c->session,
                                                  .outputs = c->outputs,
                                                  .output_count = c->output_count,
                                                  .texts = texts,
                                                  .text_count = text_count,
                                                  .ranges = c->ranges,
                                                  .range_count = c->count,
                                                  .signed_activations = o->signed_activations,
                                                  .one_weight_scale = o->one_weight_scale,
                                                  .layer = on_layer,
                                                  .layer_user = &r->layers};
    const tuff_status status = tuff_onnx_write(r->context, o->out, &params, &r->error);
    free(texts);
    return status;
}

static tuff_status quantize(struct run *r)
{
    const struct options *o = &r->options;
    struct feed *f = &r->feed;
    char before[40], after[40];
    tuff_status status = calibration_open(&r->calibration, r->context, o->model, &r->onnx, &r->error);
    if (status == TUFF_OK) status = take_skips(&r->layers, r->onnx, o, &r->error);
    if (status == TUFF_OK) status = feed_begin(f, r->context, r->onnx, o, &r->error);
    if (status == TUFF_OK) status = feed_split(f, o->samples, &r->error);
    if (status == TUFF_OK) status = whole_try(r->context, &o->out, 1, &r->error);
    if (status == TUFF_OK) status = tuff_device_create(r->context, o->device, &r->device, &r->error);
    if (status != TUFF_OK) return status;
    status = calibrate(&r->calibration, r->device, r->onnx, f, o, &r->error);
    if (status == TUFF_OK) status = write_int8(r);
    if (status == TUFF_OK) status = tuff_onnx_open(r->context, o->out, NULL, &r->int8, &r->error);
    if (status != TUFF_OK) return status;
    printf("%s: calibrated with %llu of %llu %s", SHOWN(o->out), (unsigned long long)f->learned,
           (unsigned long long)(f->train.count ? f->train.count : f->count), f->kind);
    if (o->percentile > 0) printf(", %g %% of values", o->percentile);
    printf("\n");
    print_layers(&r->layers);
    const uint64_t old = bytes_with_weights(r->onnx, o->model), new = bytes_with_weights(r->int8, o->out);
    printf("size      %s, before %s\n", bytes_text(new, after), bytes_text(old, before));
    if (!r->layers.quantized)
        return refuse(&r->error, TUFF_ERR_UNSUPPORTED, "nothing could be quantized: what was written is the float model");
    fflush(stdout);
    return compare(&r->compared, r->device, r->onnx, r->int8, f, o->tests, &r->error);
}

int main(int count, char **arguments)
{
    static struct run run;
    struct tuff_options settings = {.struct_size = sizeof settings, .log = program_log, .log_user = &settings};
    program_begin();
    const int end = parse(&run.options, count, arguments);
    if (end >= 0) return end;
    tuff_options_from_env(&settings);
    program_catch_signals();
    tuff_status status = tuff_context_create(&settings, &run.context, &run.error);
    if (status == TUFF_OK) status = quantize(&run);
    if (status == TUFF_OK)
        print_compared(&run.compared, &run.feed);
    else if (!program_stopping())
        fprintf(stderr, "tuff-quantize: %s\n", run.error.message[0] ? SHOWN(run.error.message) : tuff_status_name(status));
    free(run.compared.outputs);
    for (uint32_t i = 0; i < run.layers.skip_count; i++) free(run.layers.skips[i]);
    calibration_finish(&run.calibration);
    if (run.context) feed_finish(&run.feed);
    tuff_onnx_destroy(run.int8);
    tuff_onnx_destroy(run.onnx);
    tuff_device_release(run.device);
    tuff_context_destroy(run.context);
    if (program_stopping()) return program_stop_status();
    return status == TUFF_ERR_USAGE ? 2 : status != TUFF_OK;
}

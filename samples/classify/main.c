/* tuff-classify - says what pictures show, with a model of tuff-train or an ONNX model. The way through Tuff's interface: open the model file,
 * make a classifier on a device, prepare pictures as the model learned them, run. tuff-classify --help says the rest. */
#include "classify.h"
#include "presets.h"
#include "program.h"
#include "refuse.h"
#include "text.h"
#include "whole.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- command line --------------------------------------------------------------------------------------------------------------- */

static const char help[] =
    "tuff-classify - says what pictures show, with a model of tuff-train or an ONNX model\n\n"
    "  tuff-classify --model FILE [OPTION...] PICTURE...           PNG, JPEG, WebP, GIF, BMP, PNM, TIFF, JPEG 2000; a\n"
    "                                                              folder of them; - for one from standard input\n"
    "  tuff-classify --model FILE [OPTION...] --frames WxH -       frames of a video, as raw RGB from standard input\n"
    "  tuff-classify --model FILE --data DIR [OPTION...]           scores a labelled folder\n"
    "  tuff-classify --model FILE --data DIR --sheet SHEET.png     some pictures of it, as one picture\n\n"
    "  --model FILE      model.tuff, as tuff-train writes it, or NAME.onnx\n"
    "  --top K           the K likeliest classes (default 3; of frames 1); with --data: of top-K accuracy (default 5)\n"
    "  --json FILE       writes the answers, or the scores, as JSON; - for standard output, instead of text\n"
    "  --sheet FILE      draws pictures with their answers (PNG); --out is the same\n"
    "  --count N         of the sheet: how many pictures (default 20)\n"
    "  --first N         of the sheet of --data: number of the first one (default: 0; of a folder: spread over it)\n"
    "  --times           where the time goes, on standard error\n"
    "  --batch N         pictures at once (default: as many as the model says; of one for any number 16, of frames 1)\n"
    "  --threads N       that read and decode ahead of the device, up to 16 (default 1; 0: none)\n"
    "  --frames WxH      size of the frames: 3 W H bytes each; an answer is a line, written when its frame is done\n"
    "  --every N         answers for one of N frames alone\n"
    "  --skip-damaged    pictures that cannot be read do not make the exit status 1 while others can\n"
    "  --invert HOW      never, always, or light: pictures on a light ground (default: as the model says)\n"
    "  --data DIR        folder of class folders with pictures, or with IDX files, of which the test pictures count\n"
    "  --confusion FILE  draws the confusion matrix of --data (.png or .svg)\n"
    "  --groups FILE     scores each group of pictures by itself: a CSV of lines file,group, where file is CLASS/PICTURE as "
    "in\n"
    "                    --data, or the number of a picture in IDX files\n"
    "What an ONNX model does not say of itself (one that Tuff wrote does, by its metadata):\n"
    "  --preset NAME     how it takes pictures: imagenet (default; mean and deviation), unit (0 .. 1), signed (-1 .. 1), "
    "lite\n"
    "                    ((v - 127) / 128), caffe (BGR, mean), bytes\n"
    "  --labels FILE     names of its classes: a line each, or a JSON list (default: their numbers)\n"
    "  --crop PART       of the shorter side that is looked at, in the middle (default 0.875)\n"
    "  --fit HOW         crop (default), stretch, or pad (letterbox)\n"
    "  --filter NAME     bicubic (default), bilinear or area\n"
    "  --bgr             blue comes first\n"
    "  --side N          of pictures, where it takes any size (default 224)\n\n"
    "  --device NAME     index, UUID or part of a name, as tuff-info lists them\n"
    "  --help            this text\n"
    "  --version         version of Tuff, and what pictures it reads\n";

#define wrong(...) wrong_use("tuff-classify", __VA_ARGS__)

#define whole(...) option_whole("tuff-classify", __VA_ARGS__)

static double part_of(const char *option, const char *text)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value > 0.05 && value <= 1))
        wrong("--%s is a part, above 0.05 and up to 1, not \"%s\"", option, text);
    return value;
}

static int invert_of(const char *text)
{
    if (!strcmp(text, "never")) return TUFF_INVERT_NEVER;
    if (!strcmp(text, "always")) return TUFF_INVERT_ALWAYS;
    if (strcmp(text, "light")) wrong("--invert is never, always or light, not \"%s\"", text);
    return TUFF_INVERT_LIGHT;
}

static const char *preset_of(const char *text)
{
    if (!preset_find(text)) wrong("there is no preset \"%s\": %s", text, presets_names);
    return text;
}

/* What does not go together. */
static void check(struct options *o)
{
    bool given = o->onnx.intake.preset || o->onnx.labels || o->onnx.intake.crop > 0 || o->onnx.intake.fitted ||
                 o->onnx.intake.bgr || o->onnx.intake.side;
    if (!o->model) wrong("--model is missing: which model.tuff, or .onnx?");
    if (given && !network_is_onnx(o->model))
        wrong("--preset, --labels, --crop, --fit, --bgr and --side are for ONNX models: %s says these itself", o->model);
    if (o->part && o->data && !o->sheet) wrong("--sheet is missing: where does the sheet go?");
    if ((o->part && !o->sheet) || (o->begins && !o->data)) wrong("--count and --first go with --data and --sheet");
    if ((o->confusion || o->groups) && (!o->data || o->sheet))
        wrong("--confusion and --groups go with --data, without --sheet");
    if (o->data && o->sheet && o->top) wrong("--top does not go with --data and --sheet");
    if (o->data && o->sheet && o->json) wrong("--json does not go with --data and --sheet: a sheet has no scores");
    if (o->frames.width && o->data) wrong("--frames does not go with --data");
    if (o->data && o->picture_count) wrong("pictures do not go with --data");
    if (o->data && o->frames.every) wrong("--every goes with --frames");
    if (!o->data) frames_check("tuff-classify", &o->frames, o->pictures, o->picture_count);
    if (o->top == 0) o->top = o->data ? 5 : o->frames.width ? 1 : 3;
}

static void parse(struct options *o, int count, char **arguments)
{
    static const struct option longs[] = {
        {"model", required_argument, NULL, 'm'},
        {"top", required_argument, NULL, 'k'},
        {"json", required_argument, NULL, 'j'},
        {"invert", required_argument, NULL, 'i'},
        {"data", required_argument, NULL, 'd'},
        {"count", required_argument, NULL, 'n'},
        {"first", required_argument, NULL, 'f'},
        {"out", required_argument, NULL, 'o'},
        {"sheet", required_argument, NULL, 'o'},
        {"times", no_argument, NULL, 't'},
        {"batch", required_argument, NULL, 'b'},
        {"threads", required_argument, NULL, 'T'},
        {"frames", required_argument, NULL, 'w'},
        {"every", required_argument, NULL, 'e'},
        {"confusion", required_argument, NULL, 'c'},
        {"groups", required_argument, NULL, 'r'},
        {"device", required_argument, NULL, 'g'},
        {"preset", required_argument, NULL, 'p'},
        {"labels", required_argument, NULL, 'l'},
        {"crop", required_argument, NULL, 'C'},
        {"fit", required_argument, NULL, 'F'},
        {"filter", required_argument, NULL, 'L'},
        {"bgr", no_argument, NULL, 'B'},
        {"side", required_argument, NULL, 'S'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {"skip-damaged", no_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    static const char *const fits[] = {"stretch", "pad", "crop", NULL}, *const filters[] = {"bilinear", "area", "bicubic",
                                                                                            NULL};
    *o = (struct options){.count = 20, .invert = -1, .threads = 1, .onnx.intake.filter = TUFF_FILTER_BICUBIC};
    opterr = 0; /* its own sentences show what was given as it is */
    for (int found; (found = getopt_long(count, arguments, "", longs, NULL)) != -1;) {
        switch (found) {
        case 'm': o->model = optarg; break;
        case 'k': o->top = whole("top", optarg, 1, 1000); break;
        case 'j': o->json = optarg; break;
        case 'i': o->invert = invert_of(optarg); break;
        case 'd': o->data = optarg; break;
        case 'n': o->count = whole("count", optarg, 1, 200), o->part = true; break;
        case 'f': o->first = whole("first", optarg, 0, 1000000000), o->part = o->begins = true; break;
        case 'o': o->sheet = optarg; break;
        case 't': o->times = true; break;
        case 'b': o->onnx.batch = whole("batch", optarg, 1, 4096); break;
        case 'T': o->threads = whole("threads", optarg, 0, SOURCE_THREADS); break;
        case 'w': frames_parse("tuff-classify", optarg, &o->frames); break;
        case 'e': frames_parse_every("tuff-classify", optarg, &o->frames); break;
        case 'c': o->confusion = optarg; break;
        case 'r': o->groups = optarg; break;
        case 'g': o->device = optarg; break;
        case 's': o->skip_damaged = true; break;
        case 'p': o->onnx.intake.preset = preset_of(optarg); break;
        case 'l': o->onnx.labels = optarg; break;
        case 'C': o->onnx.intake.crop = part_of("crop", optarg); break;
        case 'F':
            o->onnx.intake.fit = (enum tuff_fit)option_among("tuff-classify", "fit", optarg, fits),
            o->onnx.intake.fitted = true;
            break;
        case 'L': o->onnx.intake.filter = (enum tuff_filter)option_among("tuff-classify", "filter", optarg, filters); break;
        case 'B': o->onnx.intake.bgr = true; break;
        case 'S': o->onnx.intake.side = whole("side", optarg, 1, 32768); break;
        case 'h': fputs(help, stdout); exit(0);
        case 'v': print_version("tuff-classify"); exit(0);
        default: wrong("unknown option, or one without its value: \"%s\"", arguments[optind - 1]);
        }
    }
    o->pictures = arguments + optind;
    o->picture_count = count - optind;
    check(o);
}

/* ---- the way -------------------------------------------------------------------------------------------------------------------- */

/* Errors come back as struct tuff_error; who asks for more (TUFF_LOG, TUFF_DEBUG) sees them here as well. */
int main(int count, char **arguments)
{
    struct run run = {.context = NULL};
    struct tuff_options options = {.struct_size = sizeof options, .log = program_log, .log_user = &options};
    int code = 1;
    program_begin();
    parse(&run.options, count, arguments);
    tuff_options_from_env(&options);
    tuff_status status = tuff_context_create(&options, &run.context, &run.error);
    if (status == TUFF_OK)
        status = network_open(&run.network, run.context, run.options.model, &run.options.onnx, &run.error);
    const char *json = run.options.json,
               *places[] = {json && strcmp(json, "-") ? json : NULL, run.options.sheet, run.options.confusion};
    if (status == TUFF_OK) status = whole_try(run.context, places, 3, &run.error);
    if (status == TUFF_OK) status = tuff_device_create(run.context, run.options.device, &run.device, &run.error);
    if (status == TUFF_OK) status = network_load(&run.network, run.device, &run.options.onnx, &run.error);
    if (status != TUFF_OK)
        fprintf(stderr, "tuff-classify: %s\n", SHOWN(run.error.message));
    else
        code = !run.options.data ? answer_pictures(&run) : run.options.sheet ? draw_labelled(&run) : score_labelled(&run);
    network_close(&run.network);
    tuff_device_release(run.device);
    tuff_context_destroy(run.context);
    return code;
}

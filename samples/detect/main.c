/* tuff-detect - finds faces or text in pictures, by ONNX networks of three kinds. The way through Tuff's interface: open the model, make a runner on a
 * device, give it a picture's numbers, read what its outputs say. tuff-detect --help says the rest. */
#include "detect.h"
#include "paths.h"
#include "program.h"
#include "refuse.h"
#include "stream.h"
#include "text.h"
#include "whole.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *model, *device, *out, *folder, *json;
    bool times;
    struct detect_params detect;
    struct frames frames; /* none: pictures */
    char **pictures;
    int picture_count;
};

struct run {
    struct options options;
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_folder *folder;
    struct detector detector;
    struct path_list list;
    struct finds finds;
    FILE *json; /* NULL: none */
    bool to_terminal;
    uint64_t done, failed, frame; /* frame: number of the one that is looked at */
    double decode, draw;          /* seconds */
    struct tuff_error error;
};

/* ---- command line ----------------------------------------------------------------------------------------------------------------------- */

static const char help[] =
    "tuff-detect - finds faces or text in pictures, by ONNX networks\n\n"
    "  tuff-detect --model FILE [OPTION...] PICTURE...             PNG, JPEG, WebP, GIF, BMP, PNM, TIFF, JPEG 2000; a\n"
    "                                                              folder of them; - for one from standard input\n"
    "  tuff-detect --model FILE [OPTION...] --frames WxH -         frames of a video, as raw RGB from standard input\n\n"
    "  --model FILE      NAME.onnx: YuNet (faces with eyes, nose, mouth), Ultra-Light (faces), or of the DB kind, as "
    "PP-OCR's (text)\n"
    "  --kind NAME       yunet, ultraface or db (default: as its outputs look)\n"
    "  --out FILE        draws what was found over the picture (PNG)\n"
    "  --out-dir DIR     the same of any number of pictures, as DIR/PICTURE.png; of frames DIR/frame-N.png\n"
    "  --json FILE       writes what was found as JSON; - for standard output, instead of text\n"
    "  --score P         how sure it must be, 0 .. 1 (default 0.6)\n"
    "  --iou P           of two boxes whose intersection is more of their union, one stays (default 0.3)\n"
    "  --side N          the longer side of what the network sees, where it takes any: larger pictures are made smaller\n"
    "                    (default: yunet 640, db 960)\n"
    "  --map P           of text: what a pixel must reach (default 0.3)\n"
    "  --unclip R        of text: how far boxes grow, by their area over their circumference (default 1.5)\n"
    "  --frames WxH      size of the frames: 3 W H bytes each; what is found is written when its frame is done\n"
    "  --every N         looks at one of N frames alone\n"
    "  --times           where the time goes, on standard error\n\n"
    "  --device NAME     index, UUID or part of a name, as tuff-info lists them\n"
    "  --help            this text\n"
    "  --version         version of Tuff, and what pictures it reads\n";

#define wrong(...) wrong_use("tuff-detect", __VA_ARGS__)

static double number(const char *option, const char *text, double least, double most)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value >= least && value <= most))
        wrong("--%s is %g to %g, not \"%s\"", option, least, most, text);
    return value;
}

static enum kind kind_of(const char *text)
{
    int kind = KIND_YUNET;
    while (kind < KINDS && strcmp(kind_names[kind], text) != 0) kind++;
    if (kind == KINDS) wrong("--kind is yunet, ultraface or db, not \"%s\"", text);
    return (enum kind)kind;
}

static void parse(struct options *o, int count, char **arguments)
{
    static const struct option longs[] = {{"model", required_argument, NULL, 'm'},
                                          {"kind", required_argument, NULL, 'k'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"out-dir", required_argument, NULL, 'd'},
                                          {"json", required_argument, NULL, 'j'},
                                          {"score", required_argument, NULL, 's'},
                                          {"iou", required_argument, NULL, 'i'},
                                          {"side", required_argument, NULL, 'S'},
                                          {"map", required_argument, NULL, 'p'},
                                          {"unclip", required_argument, NULL, 'u'},
                                          {"frames", required_argument, NULL, 'w'},
                                          {"every", required_argument, NULL, 'e'},
                                          {"times", no_argument, NULL, 't'},
                                          {"device", required_argument, NULL, 'g'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'v'},
                                          {NULL, 0, NULL, 0}};
    *o = (struct options){.detect = {.score = 0.6, .overlap = 0.3, .map = 0.3, .unclip = 1.5}};
    opterr = 0; /* its own sentences show what was given as it is */
    for (int found; (found = getopt_long(count, arguments, "", longs, NULL)) != -1;) {
        switch (found) {
        case 'm': o->model = optarg; break;
        case 'k': o->detect.kind = kind_of(optarg); break;
        case 'o': o->out = optarg; break;
        case 'd': o->folder = optarg; break;
        case 'j': o->json = optarg; break;
        case 's': o->detect.score = number("score", optarg, 0, 1); break;
        case 'i': o->detect.overlap = number("iou", optarg, 0, 1); break;
        case 'S': o->detect.side = (uint32_t)number("side", optarg, 32, 16384); break;
        case 'p': o->detect.map = number("map", optarg, 0, 1); break;
        case 'u': o->detect.unclip = number("unclip", optarg, 0, 10); break;
        case 'w': frames_parse("tuff-detect", optarg, &o->frames); break;
        case 'e': frames_parse_every("tuff-detect", optarg, &o->frames); break;
        case 't': o->times = true; break;
        case 'g': o->device = optarg; break;
        case 'h': fputs(help, stdout); exit(0);
        case 'v': print_version("tuff-detect"); exit(0);
        default: wrong("unknown option, or one without its value: \"%s\"", arguments[optind - 1]);
        }
    }
    o->pictures = arguments + optind;
    o->picture_count = count - optind;
    if (!o->model) wrong("--model is missing: which .onnx?");
    frames_check("tuff-detect", &o->frames, o->pictures, o->picture_count);
    if (o->out && o->folder) wrong("--out and --out-dir do not go together");
    if (o->out && (o->frames.width || o->picture_count > 1)) wrong("--out is for one picture; --out-dir is for several");
}

/* ---- what was found -------------------------------------------------------------------------------------------------------------------------- */

static void print_text(const struct run *run, const char *name)
{
    const bool text = run->detector.params.kind == KIND_DB;
    printf("%s: %u %s%s%s\n", SHOWN(name), (unsigned)run->finds.count, text ? "line" : "face",
           run->finds.count == 1 ? "" : "s", text ? " of text" : "");
    for (uint32_t i = 0; i < run->finds.count; i++) {
        const struct found *f = &run->finds.each[i];
        printf("  %.3f  at %.0f, %.0f: %.0f x %.0f\n", f->score, f->x, f->y, f->w, f->h);
    }
    if (run->options.frames.width) fflush(stdout); /* there at once for who reads a pipe */
}

static void points_to_json(FILE *file, const char *name, const double (*points)[2], uint32_t count)
{
    fprintf(file, ", \"%s\": [", name);
    for (uint32_t i = 0; i < count; i++) fprintf(file, "%s[%.2f, %.2f]", i ? ", " : "", points[i][0], points[i][1]);
    fputc(']', file);
}

static void begin_json(const struct run *run, const char *name)
{
    fputs(run->done + run->failed ? ",\n  {" : "[\n  {", run->json);
    if (run->options.frames.width) {
        fprintf(run->json, "\"frame\": %llu", (unsigned long long)run->frame);
    } else {
        fputs("\"picture\": ", run->json);
        text_to_json(run->json, name);
    }
}

static void print_json(const struct run *run, const char *name, const struct tuff_picture *picture)
{
    const enum kind kind = run->detector.params.kind;
    begin_json(run, name);
    fprintf(run->json, ", \"width\": %u, \"height\": %u, \"kind\": \"%s\", \"found\": [", (unsigned)picture->width,
            (unsigned)picture->height, kind_names[kind]);
    for (uint32_t i = 0; i < run->finds.count; i++) {
        const struct found *f = &run->finds.each[i];
        fprintf(run->json, "%s\n    {\"score\": %.6f, \"box\": [%.2f, %.2f, %.2f, %.2f]", i ? "," : "", f->score, f->x, f->y,
                f->w, f->h);
        if (kind == KIND_DB) points_to_json(run->json, "corners", f->corner, 4);
        if (kind == KIND_YUNET) points_to_json(run->json, "landmarks", f->mark, LANDMARKS);
        fputc('}', run->json);
    }
    fputs("]}", run->json);
    if (run->options.frames.width) fflush(run->json);
}

/* ---- pictures -------------------------------------------------------------------------------------------------------------------------------- */

/* A picture's name without folders and ending: --out-dir draws it as DIR/NAME.png. */
static struct tuff_span name_of(const char *picture)
{
    if (!strcmp(picture, "-")) picture = "stdin";
    const char *name = strrchr(picture, '/'), *dot = strrchr(picture, '.');
    name = name ? name + 1 : picture;
    return (struct tuff_span){name, dot && dot > name ? (size_t)(dot - name) : strlen(name)};
}

/* Where it is drawn. */
static tuff_status place_of(struct run *run, const char *picture, char *path, size_t size)
{
    const struct tuff_span name = name_of(picture);
    const char *folder = run->options.folder;
    int length;
    if (run->options.frames.width)
        length = snprintf(path, size, "%s/frame-%llu.png", folder, (unsigned long long)run->frame);
    else if (folder)
        length = snprintf(path, size, "%s/%.*s.png", folder, (int)name.bytes, (const char *)name.data);
    else
        length = snprintf(path, size, "%s", run->options.out);
    if ((size_t)length < size) return TUFF_OK;
    snprintf(run->error.message, sizeof run->error.message,
             "%.300s: cannot be drawn: --out or --out-dir make too long a path", picture);
    return TUFF_ERR_FILE;
}

/* name: its path, or "frame N" */
static tuff_status detect(struct run *run, const char *name, const struct tuff_picture *picture)
{
    char drawn[1200];
    tuff_status status = detector_run(&run->detector, picture, &run->finds, &run->error);
    if (status == TUFF_OK && run->options.times && run->detector.new_size)
        fprintf(stderr, "%s: the first of %u x %u: a plan of its own\n", SHOWN(name), (unsigned)run->detector.width,
                (unsigned)run->detector.height);
    if (status == TUFF_OK && run->to_terminal) print_text(run, name);
    if (status == TUFF_OK && run->json) print_json(run, name, picture);
    const double found = seconds_now();
    if (status == TUFF_OK && (run->options.out || run->options.folder)) {
        status = place_of(run, name, drawn, sizeof drawn);
        if (status == TUFF_OK)
            status = draw_finds(run->context, drawn, picture, run->detector.params.kind, &run->finds, &run->error);
        if (status != TUFF_OK) run->done++; /* it is in the JSON */
    }
    run->draw += seconds_now() - found;
    return status;
}

static tuff_status detect_file(struct run *run, const char *path)
{
    struct tuff_picture picture = {0};
    const double began = seconds_now();
    tuff_status status = strcmp(path, "-") ? tuff_picture_read(run->context, path, NULL, &picture, &run->error)
                                           : stream_picture(run->context, NULL, &picture, &run->error);
    run->decode += seconds_now() - began;
    if (status == TUFF_OK) status = detect(run, path, &picture);
    tuff_picture_finish(run->context, &picture);
    return status;
}

static bool of_the_file(tuff_status status)
{
    return status == TUFF_ERR_FILE || status == TUFF_ERR_FORMAT || status == TUFF_ERR_UNSUPPORTED;
}

static void tell_times(const struct run *run, double seconds)
{
    const struct detector *d = &run->detector;
    const struct {
        const char *name;
        double seconds;
    } rows[] = {{"decode", run->decode}, {"prepare", d->prepare}, {"first", d->first}, {"device", d->device},
                {"boxes", d->boxes},     {"draw", run->draw},     {"all", seconds}};
    fprintf(stderr, "%-8s %9s  %s\n", "stage", "seconds", "ms/picture");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        fprintf(stderr, "%-8s %9.3f  %10.3f%s\n", rows[i].name, rows[i].seconds, 1e3 * rows[i].seconds / (double)run->done,
                i == 2 ? "  first run of each size, which makes its plan" : "");
    fprintf(stderr, "%llu pictures: %.4g a second\n", (unsigned long long)run->done, (double)run->done / seconds);
}

/* What became of a picture or frame; false where the next ones would fail alike. */
static bool settle(struct run *run, const char *name, tuff_status status, uint64_t before)
{
    if (status == TUFF_OK) {
        run->done++;
        return true;
    }
    fprintf(stderr, "tuff-detect: %s\n", SHOWN(run->error.message));
    if (run->json && of_the_file(status) && run->done == before) {
        begin_json(run, name);
        fputs(", \"error\": ", run->json);
        text_to_json(run->json, run->error.message);
        fputc('}', run->json);
    }
    run->failed++;
    return of_the_file(status);
}

/* Each as it comes; what is wrong with the stream comes behind its last whole frame. */
static bool detect_frames(struct run *run)
{
    const struct frames *f = &run->options.frames;
    struct tuff_picture picture = {f->width, f->height, 3, malloc((size_t)3 * f->width * f->height)};
    tuff_status status = picture.pixels ? TUFF_OK : refuse(&run->error, TUFF_ERR_MEMORY, "out of memory");
    bool got = true, goes_on = true;
    char name[32];
    for (uint64_t i = 0; status == TUFF_OK && got && goes_on; i++) {
        const double began = seconds_now();
        status = stream_frame(&picture, i, NULL, &got, &run->error);
        run->decode += seconds_now() - began;
        if (status != TUFF_OK || !got || i % f->every) continue;
        const uint64_t before = run->done;
        run->frame = i;
        snprintf(name, sizeof name, "frame %llu", (unsigned long long)i);
        goes_on = settle(run, name, detect(run, name, &picture), before);
    }
    if (status != TUFF_OK) fprintf(stderr, "tuff-detect: %s\n", SHOWN(run->error.message));
    free(picture.pixels);
    return status == TUFF_OK;
}

/* All pictures; one that cannot be read is told, and the others go on. */
static bool detect_all(struct run *run)
{
    const double began = seconds_now();
    bool goes_on = true, good = !run->options.frames.width || detect_frames(run);
    for (uint64_t i = 0; i < run->list.count && goes_on; i++) {
        const uint64_t before = run->done;
        const char *path = run->list.paths[i];
        goes_on = settle(run, path, detect_file(run, path), before);
    }
    if (run->json) fputs(run->done + run->failed ? "\n]\n" : "[]\n", run->json);
    if (run->failed)
        fprintf(stderr, "tuff-detect: %llu of %llu pictures failed\n", (unsigned long long)run->failed,
                (unsigned long long)(run->list.count ? run->list.count : run->done + run->failed));
    if (run->options.times && run->done) tell_times(run, seconds_now() - began);
    return good && run->failed == 0;
}

/* ---- the way ---------------------------------------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const struct tuff_span x = name_of(*(char *const *)a), y = name_of(*(char *const *)b);
    const int order = memcmp(x.data, y.data, x.bytes < y.bytes ? x.bytes : y.bytes);
    return order ? order : (x.bytes > y.bytes) - (x.bytes < y.bytes);
}

/* Two pictures of one name would be drawn into one file. */
static tuff_status check_names(struct run *run)
{
    const size_t count = run->options.folder ? (size_t)run->list.count : 0;
    char **sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted) return TUFF_ERR_MEMORY;
    for (size_t i = 0; i < count; i++) sorted[i] = run->list.paths[i];
    qsort(sorted, count, sizeof *sorted, by_name);
    tuff_status status = TUFF_OK;
    for (size_t i = 1; status == TUFF_OK && i < count; i++) {
        if (by_name(&sorted[i - 1], &sorted[i])) continue;
        snprintf(run->error.message, sizeof run->error.message, "%.180s and %.180s would both be drawn as one file in %.60s",
                 sorted[i - 1], sorted[i], run->options.folder);
        status = TUFF_ERR_USAGE;
    }
    free(sorted);
    return status;
}

/* All that can fail before the network is on the device. */
static tuff_status begin(struct run *run)
{
    const struct options *o = &run->options;
    const char *places[] = {o->json && strcmp(o->json, "-") ? o->json : NULL, o->out};
    const uint32_t named = o->frames.width ? 0 : (uint32_t)o->picture_count;
    tuff_status status = path_list_make((const char *const *)o->pictures, named, &run->list, &run->error);
    if (status == TUFF_OK) status = check_names(run);
    if (status == TUFF_OK && o->out && run->list.count > 1) wrong("--out is for one picture; --out-dir is for several");
    if (status == TUFF_OK) status = detector_open(&run->detector, run->context, o->model, &o->detect, &run->error);
    if (status == TUFF_OK && o->folder) status = tuff_folder_hold(run->context, o->folder, &run->folder, &run->error);
    if (status == TUFF_OK) status = whole_try(run->context, places, 2, &run->error);
    if (status == TUFF_OK) status = tuff_device_create(run->context, o->device, &run->device, &run->error);
    if (status == TUFF_OK) status = detector_load(&run->detector, run->device, &run->error);
    return status;
}

/* Errors come back as struct tuff_error; who asks for more (TUFF_LOG, TUFF_DEBUG) sees them here as well. */
int main(int count, char **arguments)
{
    struct run run = {.context = NULL};
    struct tuff_options options = {.struct_size = sizeof options, .log = program_log, .log_user = &options};
    struct whole whole = {.stream = NULL};
    bool good = false;
    program_begin();
    parse(&run.options, count, arguments);
    const char *json = run.options.json;
    const bool to_stdout = json && !strcmp(json, "-");
    tuff_options_from_env(&options);
    tuff_status status = tuff_context_create(&options, &run.context, &run.error);
    if (status == TUFF_OK) status = begin(&run);
    if (status == TUFF_OK && json && !to_stdout && !whole_begin(&whole)) status = TUFF_ERR_MEMORY;
    run.json = to_stdout ? stdout : whole.stream;
    run.to_terminal = !to_stdout;
    if (status != TUFF_OK)
        fprintf(stderr, "tuff-detect: %s\n", run.error.message[0] ? SHOWN(run.error.message) : tuff_status_name(status));
    else
        good = detect_all(&run);
    if (whole.stream && whole_write(&whole, run.context, json, &run.error) != TUFF_OK) {
        fprintf(stderr, "tuff-detect: %s\n", SHOWN(run.error.message));
        good = false;
    }
    detector_close(&run.detector);
    path_list_finish(&run.list);
    free(run.finds.each);
    tuff_folder_release(run.folder);
    tuff_device_release(run.device);
    tuff_context_destroy(run.context);
    return good ? 0 : 1;
}

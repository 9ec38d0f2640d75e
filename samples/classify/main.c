/* tuff-classify - says what pictures show, with a model of tuff-train or an ONNX model. The way through Tuff's interface: open the model file,
 * make a classifier on a device, prepare pictures as the model learned them, run. tuff-classify --help says the rest. */
#include "confusion.h"
#include "folder.h"
#include "network.h"
#include "program.h"
#include "scores.h"
#include "sheet.h"
#include "text.h"
#include "whole.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *model, *device, *data, *out, *json, *confusion, *groups;
    uint32_t top, count, first;
    bool skip_damaged, part; /* part: of the data set, is asked for */
    int invert;              /* enum tuff_invert, or -1: as the model says */
    struct network_params onnx;
    char **pictures;
    int picture_count;
};

struct run {
    struct options options;
    struct tuff_context *context;
    struct tuff_device *device;
    struct network network;
    struct tuff_error error;
};

/* ---- command line --------------------------------------------------------------------------------------------------------------- */

static const char help[] =
    "tuff-classify - says what pictures show, with a model of tuff-train or an ONNX model\n\n"
    "  tuff-classify --model FILE [OPTION...] PICTURE...           PNG, JPEG, WebP, GIF, BMP\n"
    "  tuff-classify --model FILE --data DIR [OPTION...]           scores a labelled folder\n"
    "  tuff-classify --model FILE --data DIR --out SHEET.png       test pictures of a data set (IDX files), as one "
    "picture\n\n"
    "  --model FILE      model.tuff, as tuff-train writes it, or NAME.onnx\n"
    "  --top K           the K likeliest classes (default 3); with --data: of top-K accuracy (default 5)\n"
    "  --json FILE       writes the answers, or the scores, as JSON; - for standard output, instead of text\n"
    "  --skip-damaged    pictures that cannot be read do not make the exit status 1 while others can\n"
    "  --invert HOW      never, always, or light: pictures on a light ground (default: as the model says)\n"
    "  --data DIR        folder of class folders with pictures, or with IDX files, of which the test pictures count\n"
    "  --confusion FILE  draws the confusion matrix of --data (.png or .svg)\n"
    "  --groups FILE     scores each group of pictures by itself: a CSV of lines file,group, where file is CLASS/PICTURE as "
    "in\n"
    "                    --data, or the number of a picture in IDX files\n"
    "  --out FILE        where the sheet goes (PNG)\n"
    "  --count N         of the sheet: how many test pictures (default 20)\n"
    "  --first N         of the sheet: number of the first one (default 0)\n"
    "What an ONNX model does not say of itself:\n"
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

static void wrong(const char *format, ...) TUFF_PRINTF(1, 2);
static void wrong(const char *format, ...)
{
    char sentence[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    fprintf(stderr, "tuff-classify: %s\n(tuff-classify --help lists the options)\n", SHOWN(sentence));
    exit(2);
}

static uint32_t whole(const char *option, const char *text, uint32_t least, uint32_t most)
{
    char *end = NULL;
    unsigned long value = text[0] == '-' ? 0 : strtoul(text, &end, 10);
    if (!end || end == text || *end || value < least || value > most) wrong("--%s cannot be \"%s\"", option, text);
    return (uint32_t)value;
}

static double part_of(const char *option, const char *text)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value > 0.05 && value <= 1))
        wrong("--%s is a part, above 0.05 and up to 1, not \"%s\"", option, text);
    return value;
}

static int one_of(const char *option, const char *text, const char *const *names)
{
    int i = 0;
    while (names[i] && strcmp(names[i], text) != 0) i++;
    if (!names[i]) wrong("--%s cannot be \"%s\"", option, text);
    return i;
}

static int invert_of(const char *text)
{
    if (!strcmp(text, "never")) return TUFF_INVERT_NEVER;
    if (!strcmp(text, "always")) return TUFF_INVERT_ALWAYS;
    if (strcmp(text, "light")) wrong("--invert is never, always or light, not \"%s\"", text);
    return TUFF_INVERT_LIGHT;
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
    *o = (struct options){.count = 20, .invert = -1, .onnx.filter = TUFF_FILTER_BICUBIC};
    opterr = 0; /* its own sentences show what was given as it is */
    for (int found; (found = getopt_long(count, arguments, "", longs, NULL)) != -1;) {
        switch (found) {
        case 'm': o->model = optarg; break;
        case 'k': o->top = whole("top", optarg, 1, 1000); break;
        case 'j': o->json = optarg; break;
        case 'i': o->invert = invert_of(optarg); break;
        case 'd': o->data = optarg; break;
        case 'n': o->count = whole("count", optarg, 1, 200), o->part = true; break;
        case 'f': o->first = whole("first", optarg, 0, 1000000000), o->part = true; break;
        case 'o': o->out = optarg; break;
        case 'c': o->confusion = optarg; break;
        case 'r': o->groups = optarg; break;
        case 'g': o->device = optarg; break;
        case 's': o->skip_damaged = true; break;
        case 'p': o->onnx.preset = optarg; break;
        case 'l': o->onnx.labels = optarg; break;
        case 'C': o->onnx.crop = part_of("crop", optarg); break;
        case 'F': o->onnx.fit = (enum tuff_fit)one_of("fit", optarg, fits), o->onnx.fitted = true; break;
        case 'L': o->onnx.filter = (enum tuff_filter)one_of("filter", optarg, filters); break;
        case 'B': o->onnx.bgr = true; break;
        case 'S': o->onnx.side = whole("side", optarg, 1, 32768); break;
        case 'h': fputs(help, stdout); exit(0);
        case 'v': print_version("tuff-classify"); exit(0);
        default: wrong("unknown option, or one without its value: \"%s\"", arguments[optind - 1]);
        }
    }
    o->pictures = arguments + optind;
    o->picture_count = count - optind;
    if (!o->model) wrong("--model is missing: which model.tuff?");
    if (o->part && o->data && !o->out) wrong("--out is missing: where does the sheet go?");
    if (o->out && !o->data) wrong("--out goes with --data; answers go to the terminal, or into a file by --json FILE");
    if (o->part && !o->data) wrong("--count and --first go with --data");
    if ((o->confusion || o->groups) && (!o->data || o->out)) wrong("--confusion and --groups go with --data, without --out");
    if (o->out && (o->top || o->invert >= 0)) wrong("--top and --invert do not go with --out");
    if (o->out && o->json) wrong("--json does not go with --out: a sheet has no scores");
    if (!o->data && o->picture_count == 0) wrong("no pictures are named");
    if (o->data && o->picture_count) wrong("pictures do not go with --data");
    if (o->top == 0) o->top = o->data ? 5 : 3;
}

/* ---- answers -------------------------------------------------------------------------------------------------------------------- */

struct answer {
    float probability;
    uint32_t class;
};

static int compare_answers(const void *a, const void *b)
{
    const struct answer *x = a, *y = b;
    if (x->probability != y->probability) return x->probability < y->probability ? 1 : -1;
    return x->class < y->class ? -1 : 1;
}

/* The likeliest first, in as many answers as there are probabilities. */
static void rank(const float *probabilities, struct answer *answers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) answers[i] = (struct answer){probabilities[i], i};
    qsort(answers, count, sizeof *answers, compare_answers);
}

static void print_text(const char *picture, const struct run *run, const struct answer *answers, uint32_t top)
{
    const struct tuff_saved_info *info = &run->network.info;
    printf("%s\n", SHOWN(picture));
    for (uint32_t k = 0; k < top; k++)
        printf("  %5.1f %%  %s\n", 100 * (double)answers[k].probability, SHOWN(info->class_names[answers[k].class]));
}

static void print_json_begin(FILE *file, bool first, const char *picture)
{
    fputs(first ? "[\n  {\"picture\": " : ",\n  {\"picture\": ", file);
    text_to_json(file, picture);
}

static void print_json_failure(FILE *file, bool first, const char *picture, const char *sentence)
{
    print_json_begin(file, first, picture);
    fputs(", \"error\": ", file);
    text_to_json(file, sentence);
    fputc('}', file);
}

static void print_json(FILE *file, bool first, const char *picture, const struct run *run, const struct answer *answers,
                       uint32_t top, const struct tuff_picture_damage *damage)
{
    const struct tuff_saved_info *info = &run->network.info;
    print_json_begin(file, first, picture);
    if (damage->warnings) {
        fputs(", \"damage\": ", file);
        text_to_json(file, damage->first);
    }
    fputs(", \"classes\": [", file);
    for (uint32_t k = 0; k < top; k++) {
        fputs(k ? ", {\"name\": " : "{\"name\": ", file);
        text_to_json(file, info->class_names[answers[k].class]);
        fputs(", \"probability\": ", file);
        number_to_json(file, (double)answers[k].probability, 6);
        fputc('}', file);
    }
    fputs("]}", file);
}

/* ---- pictures ------------------------------------------------------------------------------------------------------------------- */

/* A model whose weights are no numbers, or whose sums are too large for f32, knows nothing. */
static tuff_status check_numbers(struct run *run, const char *what, const float *probabilities, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (isfinite(probabilities[i])) continue;
        snprintf(run->error.message, sizeof run->error.message, "%.300s: the model's answer is not a number", what);
        return TUFF_ERR_NOT_FINITE;
    }
    return TUFF_OK;
}

static tuff_status classify(struct run *run, const char *path, struct tuff_picture_damage *damage, uint8_t *sample,
                            float *probabilities)
{
    struct tuff_picture picture = {0};
    struct tuff_picture_options options = {.struct_size = sizeof options, .damage = damage};
    struct tuff_preprocess preprocess = run->network.info.preprocess;
    if (run->options.invert >= 0) preprocess.invert = (enum tuff_invert)run->options.invert;
    tuff_status status = tuff_picture_read(run->context, path, &options, &picture, &run->error);
    if (status == TUFF_OK) status = tuff_preprocess_run(run->context, &preprocess, &picture, sample, &run->error);
    if (status == TUFF_OK) status = network_run(&run->network, sample, 1, probabilities, &run->error);
    if (status == TUFF_OK) status = check_numbers(run, path, probabilities, run->network.info.class_count);
    tuff_picture_finish(run->context, &picture);
    return status;
}

/* What is wrong with one file; what is wrong with the machine would be so with all others. */
static bool of_the_file(tuff_status status)
{
    return status == TUFF_ERR_FILE || status == TUFF_ERR_FORMAT || status == TUFF_ERR_UNSUPPORTED ||
           status == TUFF_ERR_NOT_FINITE;
}

struct answers {
    FILE *json; /* NULL: none */
    bool to_terminal;
    int answered, failed;
    uint32_t top;
    uint8_t *sample;
    float *probabilities;
    struct answer *ranked;
};

/* One picture, into text and JSON; false when nothing more can be answered. */
static bool answer_one(struct run *run, struct answers *a, const char *path)
{
    const struct tuff_saved_info *info = &run->network.info;
    struct tuff_picture_damage damage = {0};
    tuff_status status = classify(run, path, &damage, a->sample, a->probabilities);
    bool first = a->answered + a->failed == 0;
    if (status != TUFF_OK) {
        fprintf(stderr, "tuff-classify: %s\n", SHOWN(run->error.message));
        if (a->json && of_the_file(status)) print_json_failure(a->json, first, path, run->error.message);
        a->failed++;
        return of_the_file(status);
    }
    rank(a->probabilities, a->ranked, info->class_count);
    if (a->to_terminal) print_text(path, run, a->ranked, a->top);
    if (a->json) print_json(a->json, first, path, run, a->ranked, a->top, &damage);
    a->answered++;
    return true;
}

static void answer_all(struct run *run, struct answers *a, bool *good)
{
    for (int i = 0; *good && i < run->options.picture_count; i++) *good = answer_one(run, a, run->options.pictures[i]);
    if (a->failed)
        fprintf(stderr, "tuff-classify: %d of %d pictures could not be answered\n", a->failed, run->options.picture_count);
    if (a->json) fputs(a->answered + a->failed == 0 ? "[]\n" : "\n]\n", a->json);
}

/* All pictures; an unreadable one is reported, and the others go on. Returns the exit status. */
static int classify_all(struct run *run)
{
    const struct tuff_saved_info *info = &run->network.info;
    const struct options *o = &run->options;
    bool to_stdout = o->json && !strcmp(o->json, "-"), to_file = o->json && !to_stdout;
    struct whole whole = {.stream = NULL};
    struct answers a = {.to_terminal = !to_stdout,
                        .top = o->top < info->class_count ? o->top : info->class_count,
                        .sample = malloc((size_t)info->sample_bytes),
                        .probabilities = malloc(info->class_count * sizeof *a.probabilities),
                        .ranked = malloc(info->class_count * sizeof *a.ranked)};
    bool good = a.sample && a.probabilities && a.ranked && (!to_file || whole_begin(&whole));
    if (!good) fprintf(stderr, "tuff-classify: out of memory\n");
    a.json = to_stdout ? stdout : whole.stream;
    if (good) answer_all(run, &a, &good);
    if (whole.stream && whole_write(&whole, run->context, o->json, &run->error) != TUFF_OK) {
        fprintf(stderr, "tuff-classify: %s\n", SHOWN(run->error.message));
        good = false;
    }
    free(a.sample);
    free(a.probabilities);
    free(a.ranked);
    return good && (!a.failed || (o->skip_damaged && a.answered)) ? 0 : 1;
}

/* ---- a labelled folder ----------------------------------------------------------------------------------------------------------- */

enum { AT_ONCE = 64 };

/* What scores are made of, and the pictures that are not: in the order of the set. */
struct scored_set {
    struct labelled_set set;
    struct groups groups;
    float *probabilities; /* [owned] [count, classes] */
    int32_t *labels;      /* [owned] [count], -1 for what could not be read */
    uint8_t *samples;     /* [owned] AT_ONCE of them */
    uint64_t damaged;
    char first_damaged[300];
};

/* Samples first .. first + count - 1; a picture that cannot be read is black and counts nowhere. */
static tuff_status prepare(struct run *run, struct scored_set *s, uint64_t first, uint64_t count)
{
    const struct tuff_saved_info *info = &run->network.info;
    struct tuff_preprocess preprocess = info->preprocess;
    if (run->options.invert >= 0) preprocess.invert = (enum tuff_invert)run->options.invert;
    for (uint64_t i = 0; i < count; i++) {
        const struct labelled *labelled = &s->set.pictures[first + i];
        uint8_t *sample = s->samples + i * info->sample_bytes;
        struct tuff_picture picture = {0};
        char path[2400];
        s->labels[first + i] = labelled->class;
        if (s->set.idx.count) {
            memcpy(sample, s->set.idx.pictures + (first + i) * info->sample_bytes, (size_t)info->sample_bytes);
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", run->options.data, labelled->name);
        tuff_status status = tuff_picture_read(run->context, path, NULL, &picture, &run->error);
        if (status == TUFF_OK) status = tuff_preprocess_run(run->context, &preprocess, &picture, sample, &run->error);
        tuff_picture_finish(run->context, &picture);
        if (status != TUFF_OK && !of_the_file(status)) return status;
        if (status == TUFF_OK) continue;
        memset(sample, 0, (size_t)info->sample_bytes);
        s->labels[first + i] = -1;
        if (!s->damaged++) tuff_printable(run->error.message, s->first_damaged, sizeof s->first_damaged);
        if (!run->options.skip_damaged) return status;
    }
    return TUFF_OK;
}

static tuff_status answer_set(struct run *run, struct scored_set *s)
{
    const struct tuff_saved_info *info = &run->network.info;
    uint64_t count = s->set.count;
    s->probabilities = malloc((size_t)count * info->class_count * sizeof *s->probabilities);
    s->labels = malloc((size_t)count * sizeof *s->labels);
    s->samples = malloc(AT_ONCE * (size_t)info->sample_bytes);
    if (!s->probabilities || !s->labels || !s->samples) return TUFF_ERR_MEMORY;
    for (uint64_t first = 0; first < count; first += AT_ONCE) {
        uint64_t some = count - first < AT_ONCE ? count - first : AT_ONCE;
        float *to = s->probabilities + first * info->class_count;
        tuff_status status = prepare(run, s, first, some);
        if (status == TUFF_OK) status = network_run(&run->network, s->samples, some, to, &run->error);
        if (status == TUFF_OK) status = check_numbers(run, run->options.data, to, some * info->class_count);
        if (status != TUFF_OK) return status;
    }
    return TUFF_OK;
}

static void print_scores(const struct run *run, const struct scored_set *s, const struct class_scores *scores,
                         const struct group_scores *groups)
{
    printf("%llu pictures of %s by %s\n", (unsigned long long)scores->all.count, SHOWN(run->options.data),
           SHOWN(run->options.model));
    if (s->set.left_out)
        printf("left out: %llu files that are no pictures by their names (first: %s)\n", (unsigned long long)s->set.left_out,
               s->set.first_left_out);
    if (s->damaged) printf("cannot be read: %llu (first: %s)\n", (unsigned long long)s->damaged, s->first_damaged);
    class_scores_print(scores);
    if (!groups->count) return;
    group_scores_print(groups);
    uint64_t in_groups = 0;
    for (uint32_t g = 0; g < groups->count; g++) in_groups += groups->each[g].count;
    if (in_groups < scores->all.count)
        printf("%llu pictures are in no group\n", (unsigned long long)(scores->all.count - in_groups));
    if (s->groups.unknown)
        printf("%llu of %llu lines name no picture (first: %s)\n", (unsigned long long)s->groups.unknown,
               (unsigned long long)s->groups.listed, s->groups.first_unknown);
}

static void print_scores_json(FILE *file, const struct run *run, const struct scored_set *s,
                              const struct class_scores *scores, const struct group_scores *groups)
{
    fputs("{\n  \"data\": ", file);
    text_to_json(file, run->options.data);
    fputs(",\n  \"model\": ", file);
    text_to_json(file, run->options.model);
    fprintf(file, ",\n  \"pictures\": %llu,\n  \"left_out\": %llu,\n  \"damaged\": %llu,\n",
            (unsigned long long)scores->all.count, (unsigned long long)s->set.left_out, (unsigned long long)s->damaged);
    class_scores_to_json(file, scores);
    if (groups->count) group_scores_to_json(file, groups);
    fprintf(file, "  \"tuff\": \"%s\"\n}\n", tuff_version());
}

static tuff_status draw_confusion(struct run *run, const struct class_scores *scores)
{
    const struct confusion confusion = {scores->confusion, scores->classes, scores->names};
    int width, height;
    confusion_size(&confusion, &width, &height);
    struct canvas *canvas = canvas_open(run->options.confusion, width, height);
    if (!canvas) return TUFF_ERR_MEMORY;
    confusion_draw(canvas, &confusion);
    return canvas_close(canvas, run->context, &run->error);
}

/* Scores of all and of groups, to where they were asked for. */
static tuff_status tell_scores(struct run *run, const struct scored_set *s, struct class_scores *scores,
                               struct group_scores *groups)
{
    const struct tuff_saved_info *info = &run->network.info;
    const char *json = run->options.json;
    bool to_stdout = json && !strcmp(json, "-");
    struct tuff_answers answers = {.struct_size = sizeof answers,
                                   .count = s->set.count,
                                   .classes = info->class_count,
                                   .labels = s->labels,
                                   .scores = s->probabilities,
                                   .top = run->options.top};
    tuff_status status = class_scores_make(run->context, &answers, info->class_names, scores, &run->error);
    if (status == TUFF_OK && groups->count)
        status = tuff_score_groups(run->context, &answers, s->groups.of, groups->count, groups->each, groups->gaps,
                                   &run->error);
    if (status == TUFF_OK && run->options.confusion) status = draw_confusion(run, scores);
    if (status != TUFF_OK) return status;
    if (to_stdout)
        print_scores_json(stdout, run, s, scores, groups);
    else
        print_scores(run, s, scores, groups);
    if (!json || to_stdout) return TUFF_OK;
    struct whole whole;
    if (!whole_begin(&whole)) return TUFF_ERR_MEMORY;
    print_scores_json(whole.stream, run, s, scores, groups);
    return whole_write(&whole, run->context, json, &run->error);
}

static int score_set(struct run *run)
{
    struct scored_set s = {.damaged = 0};
    struct class_scores scores = {.classes = 0};
    struct group_scores groups = {.count = 0};
    tuff_status status = labelled_list(run->context, run->options.data, &run->network.info, &s.set, &run->error);
    if (status == TUFF_OK && s.set.idx.count && run->options.invert >= 0) {
        snprintf(run->error.message, sizeof run->error.message,
                 "--invert is for pictures; those of IDX files are as they are");
        status = TUFF_ERR_USAGE;
    }
    if (status == TUFF_OK && run->options.groups)
        status = groups_read(run->context, run->options.groups, &s.set, &s.groups, &run->error);
    if (status == TUFF_OK) status = answer_set(run, &s);
    groups.names = (const char *const *)s.groups.names;
    groups.count = s.groups.count;
    groups.each = calloc(groups.count + 1, sizeof *groups.each);
    if (status == TUFF_OK) status = groups.each ? tell_scores(run, &s, &scores, &groups) : TUFF_ERR_MEMORY;
    if (status != TUFF_OK)
        fprintf(stderr, "tuff-classify: %s\n", run->error.message[0] ? SHOWN(run->error.message) : tuff_status_name(status));
    class_scores_finish(&scores);
    groups_finish(&s.groups);
    labelled_finish(run->context, &s.set);
    free(groups.each);
    free(s.probabilities);
    free(s.labels);
    free(s.samples);
    return status == TUFF_OK ? 0 : 1;
}

/* ---- sheet ---------------------------------------------------------------------------------------------------------------------- */

/* Compares with the labels and draws. */
static tuff_status draw(struct run *run, const struct tuff_dataset *test, const float *probabilities)
{
    const struct tuff_saved_info *info = &run->network.info;
    const struct options *o = &run->options;
    struct sheet_item *items = calloc(o->count, sizeof *items);
    uint32_t right = 0;
    char title[100];
    if (!items) return TUFF_ERR_MEMORY;
    for (uint32_t i = 0; i < o->count; i++) {
        const float *p = probabilities + (size_t)i * info->class_count;
        uint32_t class = 0, wanted = (uint32_t)test->labels[o->first + i];
        for (uint32_t k = 1; k < info->class_count; k++)
            if (p[k] > p[class]) class = k;
        items[i] = (struct sheet_item){test->pictures + (o->first + i) * info->sample_bytes, info->class_names[class],
                                       info->class_names[wanted], (double)p[class], class == wanted};
        right += class == wanted;
#ifndef TUFF_HAVE_CAIRO /* the sheet has no names then */
        printf("%4u  %s %s  %.0f %%, true: %s\n", (unsigned)(o->first + i), class == wanted ? "right" : "WRONG",
               SHOWN(items[i].predicted), 100 * items[i].probability, SHOWN(items[i].wanted));
#endif
    }
    snprintf(title, sizeof title, "%u of %u test pictures named correctly", (unsigned)right, (unsigned)o->count);
    struct sheet sheet = {items, o->count, info->preprocess.channels, info->preprocess.height, info->preprocess.width,
                          title};
    tuff_status status = sheet_write(run->context, o->out, &sheet, &run->error);
    if (status == TUFF_OK) printf("%s: %s\n", SHOWN(o->out), title);
    free(items);
    return status;
}

static tuff_status check_set(struct run *run, const struct tuff_dataset *test)
{
    const struct tuff_saved_info *info = &run->network.info;
    const struct tuff_preprocess *p = &info->preprocess;
    const char *what = NULL;
    if (test->channels != p->channels || test->height != p->height || test->width != p->width)
        what = "its pictures do not have the size that the model takes";
    else if (test->class_count > info->class_count)
        what = "has more classes than the model";
    else if (run->options.first + (uint64_t)run->options.count > test->count)
        what = "does not have so many test pictures";
    for (uint32_t i = 0; !what && i < test->class_count && i < info->class_count; i++) {
        if (!strcmp(test->class_names[i], info->class_names[i])) continue;
        snprintf(run->error.message, sizeof run->error.message,
                 "%.200s: its class %u is \"%.80s\", that of the model \"%.80s\"", run->options.data, (unsigned)i,
                 test->class_names[i], info->class_names[i]);
        return TUFF_ERR_USAGE;
    }
    if (!what) return TUFF_OK;
    snprintf(run->error.message, sizeof run->error.message, "%.300s: %s", run->options.data, what);
    return TUFF_ERR_USAGE;
}

static int make_sheet(struct run *run)
{
    const struct tuff_saved_info *info = &run->network.info;
    const struct options *o = &run->options;
    struct tuff_dataset train = {0}, test = {0};
    float *probabilities = malloc((size_t)o->count * info->class_count * sizeof *probabilities);
    tuff_status status = probabilities ? tuff_dataset_read_idx(run->context, o->data, &train, &test, &run->error)
                                       : TUFF_ERR_MEMORY;
    if (status == TUFF_OK) status = check_set(run, &test);
    if (status == TUFF_OK)
        status = network_run(&run->network, test.pictures + o->first * info->sample_bytes, o->count, probabilities,
                             &run->error);
    if (status == TUFF_OK) status = check_numbers(run, o->data, probabilities, (uint64_t)o->count * info->class_count);
    if (status == TUFF_OK) status = draw(run, &test, probabilities);
    if (status != TUFF_OK)
        fprintf(stderr, "tuff-classify: %s\n", run->error.message[0] ? SHOWN(run->error.message) : tuff_status_name(status));
    tuff_dataset_finish(run->context, &train);
    tuff_dataset_finish(run->context, &test);
    free(probabilities);
    return status == TUFF_OK ? 0 : 1;
}

/* ---- the way -------------------------------------------------------------------------------------------------------------------- */

/* Errors come back as struct tuff_error; who asks for more (TUFF_LOG, TUFF_DEBUG) sees them here as well. */
static void on_log(void *user, enum tuff_log_level level, const char *message)
{
    const struct tuff_options *options = user;
    if (level != TUFF_LOG_ERROR || options->log_level || options->debug) fprintf(stderr, "tuff: %s\n", message);
}

int main(int count, char **arguments)
{
    struct run run = {.context = NULL};
    struct tuff_options options = {.struct_size = sizeof options, .log = on_log, .log_user = &options};
    int code = 1;
    program_begin();
    parse(&run.options, count, arguments);
    tuff_options_from_env(&options);
    tuff_status status = tuff_context_create(&options, &run.context, &run.error);
    if (status == TUFF_OK)
        status = network_open(&run.network, run.context, run.options.model, &run.options.onnx, &run.error);
    const char *json = run.options.json,
               *places[] = {json && strcmp(json, "-") ? json : NULL, run.options.out, run.options.confusion};
    if (status == TUFF_OK) status = whole_try(run.context, places, 3, &run.error);
    if (status == TUFF_OK) status = tuff_device_create(run.context, run.options.device, &run.device, &run.error);
    if (status == TUFF_OK) status = network_load(&run.network, run.device, &run.options.onnx, &run.error);
    if (status != TUFF_OK)
        fprintf(stderr, "tuff-classify: %s\n", SHOWN(run.error.message));
    else
        code = run.options.out ? make_sheet(&run) : run.options.data ? score_set(&run) : classify_all(&run);
    network_close(&run.network);
    tuff_device_release(run.device);
    tuff_context_destroy(run.context);
    return code;
}

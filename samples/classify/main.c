/* tuff-classify - says what pictures show, with a model of tuff-train. The way through Tuff's interface: open the model file,
 * make a classifier on a device, prepare pictures as the model learned them, run. tuff-classify --help says the rest. */
#include "program.h"
#include "sheet.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *model, *device, *data, *out, *json;
    uint32_t top, count, first;
    int invert; /* enum tuff_invert, or -1: as the model says */
    char **pictures;
    int picture_count;
};

struct run {
    struct options options;
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_saved *saved;
    struct tuff_classifier *classifier;
    struct tuff_error error;
};

/* ---- command line --------------------------------------------------------------------------------------------------------------- */

static const char help[] =
    "tuff-classify - says what pictures show, with a model of tuff-train\n\n"
    "  tuff-classify --model FILE [OPTION...] PICTURE...           PNG, JPEG, WebP, GIF, BMP\n"
    "  tuff-classify --model FILE --data DIR --out SHEET.png       test pictures of a data set (IDX files), as one "
    "picture\n\n"
    "  --model FILE      model.tuff, as tuff-train writes it\n"
    "  --top K           the K likeliest classes (default 3)\n"
    "  --json FILE       writes the answers as JSON; - for standard output, instead of text\n"
    "  --invert HOW      never, always, or light: pictures on a light ground (default: as the model says)\n"
    "  --data DIR        folder with the IDX files of the data set\n"
    "  --count N         how many test pictures (default 20)\n"
    "  --first N         number of the first one (default 0)\n"
    "  --out FILE        where the sheet goes (PNG)\n"
    "  --device NAME     index, UUID or part of a name, as tuff-info lists them\n"
    "  --help            this text\n"
    "  --version         version of Tuff, and what pictures it reads\n";

/* The formats are those of the build. */
static void print_version(void)
{
    const char *kind;
    printf("tuff-classify %s\nreads pictures:", tuff_version());
    for (uint32_t i = 0; (kind = tuff_picture_kind(i)); i++) printf("%s %s", i ? "," : "", kind);
    printf("\n");
}

static void wrong(const char *format, ...) TUFF_PRINTF(1, 2);
static void wrong(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "tuff-classify: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n(tuff-classify --help lists the options)\n");
    va_end(arguments);
    exit(2);
}

static uint32_t whole(const char *option, const char *text, uint32_t least, uint32_t most)
{
    char *end = NULL;
    unsigned long value = text[0] == '-' ? 0 : strtoul(text, &end, 10);
    if (!end || end == text || *end || value < least || value > most) wrong("--%s cannot be \"%s\"", option, text);
    return (uint32_t)value;
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
        {"model", required_argument, NULL, 'm'},  {"top", required_argument, NULL, 'k'},
        {"json", required_argument, NULL, 'j'},   {"invert", required_argument, NULL, 'i'},
        {"data", required_argument, NULL, 'd'},   {"count", required_argument, NULL, 'n'},
        {"first", required_argument, NULL, 'f'},  {"out", required_argument, NULL, 'o'},
        {"device", required_argument, NULL, 'g'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0},
    };
    *o = (struct options){.top = 3, .count = 20, .invert = -1};
    for (int found; (found = getopt_long(count, arguments, "", longs, NULL)) != -1;) {
        switch (found) {
        case 'm': o->model = optarg; break;
        case 'k': o->top = whole("top", optarg, 1, 1000); break;
        case 'j': o->json = optarg; break;
        case 'i': o->invert = invert_of(optarg); break;
        case 'd': o->data = optarg; break;
        case 'n': o->count = whole("count", optarg, 1, 200); break;
        case 'f': o->first = whole("first", optarg, 0, 1000000000); break;
        case 'o': o->out = optarg; break;
        case 'g': o->device = optarg; break;
        case 'h': fputs(help, stdout); exit(0);
        case 'v': print_version(); exit(0);
        default: fprintf(stderr, "(tuff-classify --help lists the options)\n"); exit(2);
        }
    }
    o->pictures = arguments + optind;
    o->picture_count = count - optind;
    if (!o->model) wrong("--model is missing: which model.tuff?");
    if (o->data && !o->out) wrong("--out is missing: where does the sheet go?");
    if (o->out && !o->data) wrong("--out goes with --data; answers go to the terminal, or into a file by --json FILE");
    if (!o->data && o->picture_count == 0) wrong("no pictures are named");
    if (o->data && o->picture_count) wrong("pictures do not go with --data");
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

/* The likeliest first, in as many answers as there are probabilities; what is not a number comes last. */
static void rank(const float *probabilities, struct answer *answers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) answers[i] = (struct answer){probabilities[i] >= 0 ? probabilities[i] : -1.0F, i};
    qsort(answers, count, sizeof *answers, compare_answers);
}

static void print_json_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(file, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(file, "\\u%04x", *c);
        else
            fputc(*c, file);
    }
    fputc('"', file);
}

static void print_text(const char *picture, const struct run *run, const struct answer *answers, uint32_t top)
{
    const struct tuff_saved_info *info = tuff_saved_info(run->saved);
    printf("%s\n", picture);
    for (uint32_t k = 0; k < top; k++)
        printf("  %5.1f %%  %s\n", 100 * (double)answers[k].probability, info->class_names[answers[k].class]);
}

static void print_json(FILE *file, bool first, const char *picture, const struct run *run, const struct answer *answers,
                       uint32_t top)
{
    const struct tuff_saved_info *info = tuff_saved_info(run->saved);
    fputs(first ? "[\n  {\"picture\": " : ",\n  {\"picture\": ", file);
    print_json_text(file, picture);
    fputs(", \"classes\": [", file);
    for (uint32_t k = 0; k < top; k++) {
        fputs(k ? ", {\"name\": " : "{\"name\": ", file);
        print_json_text(file, info->class_names[answers[k].class]);
        fprintf(file, ", \"probability\": %.6f}", (double)answers[k].probability);
    }
    fputs("]}", file);
}

/* ---- pictures ------------------------------------------------------------------------------------------------------------------- */

static tuff_status classify(struct run *run, const char *path, uint8_t *sample, float *probabilities)
{
    struct tuff_picture picture = {0};
    struct tuff_preprocess preprocess = tuff_saved_info(run->saved)->preprocess;
    if (run->options.invert >= 0) preprocess.invert = (enum tuff_invert)run->options.invert;
    tuff_status status = tuff_picture_read(run->context, path, NULL, &picture, &run->error);
    if (status == TUFF_OK) status = tuff_preprocess_run(run->context, &preprocess, &picture, sample, &run->error);
    if (status == TUFF_OK) status = tuff_classifier_run(run->classifier, sample, 1, probabilities, &run->error);
    tuff_picture_finish(run->context, &picture);
    return status;
}

/* All pictures; an unreadable one is reported, and the others go on. Returns the exit status. */
static int classify_all(struct run *run)
{
    const struct tuff_saved_info *info = tuff_saved_info(run->saved);
    const struct options *o = &run->options;
    bool to_stdout = o->json && !strcmp(o->json, "-"), first = true;
    FILE *json = !o->json ? NULL : to_stdout ? stdout : fopen(o->json, "w");
    uint32_t top = o->top < info->class_count ? o->top : info->class_count;
    uint8_t *sample = malloc((size_t)info->sample_bytes);
    float *probabilities = malloc(info->class_count * sizeof *probabilities);
    struct answer *answers = malloc(info->class_count * sizeof *answers);
    int code = sample && probabilities && answers && (json || !o->json) ? 0 : 1;
    if (code) fprintf(stderr, "tuff-classify: cannot write %s\n", o->json ? o->json : "(out of memory)");
    for (int i = 0; i < o->picture_count && !(code && first); i++) {
        if (classify(run, o->pictures[i], sample, probabilities) != TUFF_OK) {
            fprintf(stderr, "tuff-classify: %s\n", run->error.message);
            code = 1;
            continue;
        }
        rank(probabilities, answers, info->class_count);
        if (!to_stdout) print_text(o->pictures[i], run, answers, top);
        if (json) print_json(json, first, o->pictures[i], run, answers, top);
        first = false;
    }
    if (json) fputs(first ? "[]\n" : "\n]\n", json);
    if (json && !to_stdout && fclose(json) != 0) code = 1;
    free(sample);
    free(probabilities);
    free(answers);
    return code;
}

/* ---- sheet ---------------------------------------------------------------------------------------------------------------------- */

/* Compares with the labels and draws. */
static tuff_status draw(struct run *run, const struct tuff_dataset *test, const float *probabilities)
{
    const struct tuff_saved_info *info = tuff_saved_info(run->saved);
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
               items[i].predicted, 100 * items[i].probability, items[i].wanted);
#endif
    }
    snprintf(title, sizeof title, "%u of %u test pictures named correctly", (unsigned)right, (unsigned)o->count);
    struct sheet sheet = {items, o->count, info->preprocess.channels, info->preprocess.height, info->preprocess.width,
                          title};
    tuff_status status = sheet_write(run->context, o->out, &sheet, &run->error);
    if (status == TUFF_OK) printf("%s: %s\n", o->out, title);
    free(items);
    return status;
}

static tuff_status check_set(struct run *run, const struct tuff_dataset *test)
{
    const struct tuff_saved_info *info = tuff_saved_info(run->saved);
    const struct tuff_preprocess *p = &info->preprocess;
    const char *what = NULL;
    if (test->channels != p->channels || test->height != p->height || test->width != p->width)
        what = "its pictures do not have the size that the model takes";
    else if (test->class_count > info->class_count)
        what = "has more classes than the model";
    else if (run->options.first + (uint64_t)run->options.count > test->count)
        what = "does not have so many test pictures";
    if (!what) return TUFF_OK;
    snprintf(run->error.message, sizeof run->error.message, "%.300s: %s", run->options.data, what);
    return TUFF_ERR_USAGE;
}

static int make_sheet(struct run *run)
{
    const struct tuff_saved_info *info = tuff_saved_info(run->saved);
    const struct options *o = &run->options;
    struct tuff_dataset train = {0}, test = {0};
    float *probabilities = malloc((size_t)o->count * info->class_count * sizeof *probabilities);
    tuff_status status = probabilities ? tuff_dataset_read_idx(run->context, o->data, &train, &test, &run->error)
                                       : TUFF_ERR_MEMORY;
    if (status == TUFF_OK) status = check_set(run, &test);
    if (status == TUFF_OK)
        status = tuff_classifier_run(run->classifier, test.pictures + o->first * info->sample_bytes, o->count, probabilities,
                                     &run->error);
    if (status == TUFF_OK) status = draw(run, &test, probabilities);
    if (status != TUFF_OK)
        fprintf(stderr, "tuff-classify: %s\n", run->error.message[0] ? run->error.message : tuff_status_name(status));
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
    if (status == TUFF_OK) status = tuff_saved_open(run.context, run.options.model, &run.saved, &run.error);
    if (status == TUFF_OK) status = tuff_device_create(run.context, run.options.device, &run.device, &run.error);
    if (status == TUFF_OK) status = tuff_classifier_create(run.device, run.saved, &run.classifier, &run.error);
    if (status != TUFF_OK)
        fprintf(stderr, "tuff-classify: %s\n", run.error.message);
    else
        code = run.options.data ? make_sheet(&run) : classify_all(&run);
    tuff_classifier_destroy(run.classifier);
    tuff_device_release(run.device);
    tuff_saved_destroy(run.saved);
    tuff_context_destroy(run.context);
    return code;
}

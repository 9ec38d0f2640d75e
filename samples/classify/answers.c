/* answers.c - what pictures and frames show: a few lines for each, or JSON, as they are done. */
#include "classify.h"
#include "paths.h"
#include "program.h"
#include "text.h"
#include "whole.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer {
    float probability;
    uint32_t class;
};
struct answers {
    FILE *json; /* NULL: none */
    bool to_terminal;
    uint64_t answered, failed;
    uint32_t top;
    float *probabilities; /* [owned] of a batch */
    struct answer *ranked;
    struct sheet_item *items; /* [owned] of the sheet, with their texts and samples */
    uint32_t item_count;
};

bool of_the_file(tuff_status status)
{
    return status == TUFF_ERR_FILE || status == TUFF_ERR_FORMAT || status == TUFF_ERR_UNSUPPORTED ||
           status == TUFF_ERR_NOT_FINITE;
}

tuff_status check_numbers(struct tuff_error *error, const char *what, const float *probabilities, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (isfinite(probabilities[i])) continue;
        snprintf(error->message, sizeof error->message, "%.300s: the model's answer is not a number", what);
        return TUFF_ERR_NOT_FINITE;
    }
    return TUFF_OK;
}

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

/* ---- text and JSON ------------------------------------------------------------------------------------------------------------------------ */

/* The name of a picture or frame, in the caller's memory. */
static const char *name_of(const struct piece *piece, char *buffer, size_t size)
{
    snprintf(buffer, size, "frame %llu", (unsigned long long)piece->number);
    return piece->path ? piece->path : buffer;
}

/* A picture's answers are a line each; a frame is one line, there at once for who reads a pipe. */
static void print_text(const struct piece *piece, const struct run *run, const struct answer *answers, uint32_t top)
{
    const struct tuff_saved_info *info = &run->network.info;
    if (piece->path)
        printf("%s\n", SHOWN(piece->path));
    else
        printf("frame %llu", (unsigned long long)piece->number);
    for (uint32_t k = 0; k < top; k++) {
        printf(piece->path ? "  %5.1f %%  %s" : "  %5.1f %% %s", 100 * (double)answers[k].probability,
               SHOWN(info->class_names[answers[k].class]));
        if (piece->path || k + 1 == top) fputc('\n', stdout);
    }
    if (!piece->path) fflush(stdout);
}

static void print_json_begin(FILE *file, bool first, const struct piece *piece)
{
    fputs(first ? "[\n  {" : ",\n  {", file);
    if (piece->path) {
        fputs("\"picture\": ", file);
        text_to_json(file, piece->path);
    } else {
        fprintf(file, "\"frame\": %llu", (unsigned long long)piece->number);
    }
}

static void print_json_failure(FILE *file, bool first, const struct piece *piece, const char *sentence)
{
    print_json_begin(file, first, piece);
    fputs(", \"error\": ", file);
    text_to_json(file, sentence);
    fputc('}', file);
}

static void print_json(FILE *file, bool first, const struct piece *piece, const struct run *run,
                       const struct answer *answers, uint32_t top)
{
    const struct tuff_saved_info *info = &run->network.info;
    print_json_begin(file, first, piece);
    if (piece->damage.warnings) {
        fputs(", \"damage\": ", file);
        text_to_json(file, piece->damage.first);
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
    if (!piece->path) fflush(file);
}

/* ---- sheet ----------------------------------------------------------------------------------------------------------------------------------- */

tuff_status draw_sheet(struct run *run, const struct sheet_item *items, uint32_t count, const char *title)
{
    const struct tuff_preprocess *p = &run->network.info.preprocess;
    const struct sheet sheet = {items, count, p->channels, p->height, p->width, title};
    tuff_status status = sheet_write(run->context, run->options.sheet, &sheet, &run->error);
    if (status == TUFF_OK && title) printf("%s: %s\n", SHOWN(run->options.sheet), title);
    return status;
}

/* Keeps a picture for the sheet: its sample and, behind it, the name under it. */
static bool keep(struct run *run, struct answers *a, const struct piece *piece, const uint8_t *sample)
{
    char buffer[32];
    const char *name = name_of(piece, buffer, sizeof buffer), *slash = strrchr(name, '/');
    const size_t bytes = (size_t)run->network.info.sample_bytes;
    if (slash && slash[1]) name = slash + 1;
    uint8_t *kept = malloc(bytes + strlen(name) + 1);
    if (!kept) return false;
    memcpy(kept, sample, bytes);
    strcpy((char *)kept + bytes, name);
    a->items[a->item_count++] = (struct sheet_item){.sample = kept,
                                                    .predicted = run->network.info.class_names[a->ranked[0].class],
                                                    .caption = (char *)kept + bytes,
                                                    .probability = (double)a->ranked[0].probability};
    return true;
}

/* ---- times ----------------------------------------------------------------------------------------------------------------------------------- */

void tell_times(const struct run *run, const struct source *source, uint64_t pictures, double seconds)
{
    const struct network *n = &run->network;
    const char *what = source && source->params.frames.width ? "frames" : "pictures";
    double decode = 0, prepare = 0;
    if (!pictures || (pictures == 1 && !run->options.times)) return;
    if (!run->options.times) {
        fprintf(stderr, "%llu %s, %.3g a second\n", (unsigned long long)pictures, what, (double)pictures / seconds);
        return;
    }
    if (source) source_times(source, &decode, &prepare);
    const struct {
        const char *name, *about;
        double seconds;
    } rows[] = {{"decode", source && source->params.threads ? "on threads, beside the others" : "", decode},
                {"prepare", source && source->params.threads ? "most of it on threads" : "", prepare + n->prepare},
                {"first", "first run of each size, which makes its plan", n->first},
                {"device", "all other runs", n->device},
                {"rest", "waiting for pictures, writing answers", seconds - n->first - n->device - n->prepare},
                {"all", "", seconds}};
    fprintf(stderr, "%-8s %9s  %s\n", "stage", "seconds", "ms/picture");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        fprintf(stderr, "%-8s %9.3f  %10.3f  %s\n", rows[i].name, rows[i].seconds, 1e3 * rows[i].seconds / (double)pictures,
                rows[i].about);
    fprintf(stderr, "%llu %s, up to %u at once: %.4g a second", (unsigned long long)pictures, what, (unsigned)n->at_once,
            (double)pictures / seconds);
    if (n->device > 0) fprintf(stderr, ", %.4g without the first runs", (double)pictures / (seconds - n->first));
    fputc('\n', stderr);
}

/* ---- pictures ------------------------------------------------------------------------------------------------------------------------------- */

tuff_status open_source(struct run *run, const char *folder, const char *const *paths, uint64_t count, struct source *source)
{
    const struct options *o = &run->options;
    struct network *n = &run->network;
    struct source_params params = {.preprocess = n->info.preprocess,
                                   .threads = o->threads,
                                   .frames = o->frames,
                                   .folder = folder,
                                   .paths = paths,
                                   .count = count};
    if (o->invert >= 0) params.preprocess.invert = (enum tuff_invert)o->invert;
    if (!n->intake.fixed && o->frames.width && !o->onnx.batch) n->at_once = 1; /* each frame as it comes */
    if (!n->intake.fixed && !o->frames.width && n->at_once > count) n->at_once = count ? (uint32_t)count : 1;
    params.room = n->at_once;
    return source_open(source, run->context, &params, &run->error);
}

static void tell_failure(struct answers *a, const struct piece *piece, const char *sentence, bool in_json)
{
    fprintf(stderr, "tuff-classify: %s\n", SHOWN(sentence));
    if (a->json && in_json) print_json_failure(a->json, a->answered + a->failed == 0, piece, sentence);
    a->failed++;
}

/* A batch, into text and JSON; false when nothing more can be answered. */
static bool answer_batch(struct run *run, struct answers *a, const struct batch *batch)
{
    const struct tuff_saved_info *info = &run->network.info;
    tuff_status ran = TUFF_OK;
    uint32_t good = 0;
    char buffer[32];
    for (uint32_t i = 0; i < batch->count; i++) good += batch->pieces[i].status == TUFF_OK;
    if (good) ran = network_run(&run->network, batch->samples, batch->count, a->probabilities, &run->error);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct piece *piece = &batch->pieces[i];
        const float *probabilities = a->probabilities + (size_t)i * info->class_count;
        const bool first = a->answered + a->failed == 0;
        tuff_status status = piece->status;
        if (status != TUFF_OK) {
            tell_failure(a, piece, piece->error.message, of_the_file(status));
            if (!of_the_file(status)) return false;
            continue;
        }
        if (ran == TUFF_OK)
            status = check_numbers(&run->error, name_of(piece, buffer, sizeof buffer), probabilities, info->class_count);
        if (ran != TUFF_OK || status != TUFF_OK) tell_failure(a, piece, run->error.message, ran == TUFF_OK);
        if (ran != TUFF_OK) return false;
        if (status != TUFF_OK) continue;
        rank(probabilities, a->ranked, info->class_count);
        if (a->to_terminal) print_text(piece, run, a->ranked, a->top);
        if (a->json) print_json(a->json, first, piece, run, a->ranked, a->top);
        if (a->items && a->item_count < run->options.count &&
            !keep(run, a, piece, batch->samples + i * info->sample_bytes)) {
            fprintf(stderr, "tuff-classify: out of memory\n");
            return false;
        }
        a->answered++;
    }
    return true;
}

/* All of the source; an unreadable picture is told, and the others go on. */
static bool answer_all(struct run *run, struct answers *a, struct source *source)
{
    const struct batch *batch = NULL;
    const double began = seconds_now();
    tuff_status status = TUFF_OK;
    bool good = true;
    while (good && (status = source_next(source, &batch, &run->error)) == TUFF_OK && batch->count)
        good = answer_batch(run, a, batch);
    if (status != TUFF_OK) fprintf(stderr, "tuff-classify: %s\n", SHOWN(run->error.message));
    if (a->failed)
        fprintf(stderr, "tuff-classify: %llu of %llu pictures could not be answered\n", (unsigned long long)a->failed,
                (unsigned long long)(source->params.frames.width ? a->failed + a->answered : source->params.count));
    if (a->json) fputs(a->answered + a->failed == 0 ? "[]\n" : "\n]\n", a->json);
    good = good && status == TUFF_OK;
    if (good) tell_times(run, source, a->answered, seconds_now() - began);
    if (good && a->item_count && draw_sheet(run, a->items, a->item_count, NULL) != TUFF_OK) {
        fprintf(stderr, "tuff-classify: %s\n", SHOWN(run->error.message));
        good = false;
    }
    return good;
}

static bool begin_answers(struct run *run, struct answers *a, struct whole *whole)
{
    const struct tuff_saved_info *info = &run->network.info;
    const char *json = run->options.json;
    const bool to_stdout = json && !strcmp(json, "-");
    *a = (struct answers){.to_terminal = !to_stdout,
                          .top = run->options.top < info->class_count ? run->options.top : info->class_count,
                          .probabilities = malloc((size_t)run->network.at_once * info->class_count * sizeof(float)),
                          .ranked = malloc(info->class_count * sizeof *a->ranked),
                          .items = run->options.sheet ? calloc(run->options.count, sizeof *a->items) : NULL};
    if (!a->probabilities || !a->ranked || (run->options.sheet && !a->items)) return false;
    if (json && !to_stdout && !whole_begin(whole)) return false;
    a->json = to_stdout ? stdout : whole->stream;
    return true;
}

int answer_pictures(struct run *run)
{
    const struct options *o = &run->options;
    struct path_list list = {.count = 0};
    struct source source = {.context = NULL};
    struct answers a = {.json = NULL};
    struct whole whole = {.stream = NULL};
    tuff_status status = o->frames.width ? TUFF_OK
                                         : path_list_make((const char *const *)o->pictures, (uint32_t)o->picture_count,
                                                          &list, &run->error);
    if (status == TUFF_OK) status = open_source(run, NULL, (const char *const *)list.paths, list.count, &source);
    if (status != TUFF_OK) fprintf(stderr, "tuff-classify: %s\n", SHOWN(run->error.message));
    bool good = status == TUFF_OK;
    if (good && !(good = begin_answers(run, &a, &whole))) fprintf(stderr, "tuff-classify: out of memory\n");
    if (good) good = answer_all(run, &a, &source);
    if (whole.stream && whole_write(&whole, run->context, o->json, &run->error) != TUFF_OK) {
        fprintf(stderr, "tuff-classify: %s\n", SHOWN(run->error.message));
        good = false;
    }
    source_close(&source);
    path_list_finish(&list);
    for (uint32_t i = 0; i < a.item_count; i++) free((void *)(uintptr_t)a.items[i].sample);
    free(a.items);
    free(a.probabilities);
    free(a.ranked);
    return good && (!a.failed || (o->skip_damaged && a.answered)) ? 0 : 1;
}

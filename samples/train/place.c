/* place.c - --out: one training at a time, nothing overwritten unasked, room for what will be written; and whether a checkpoint is of
 * this very training: the same classes, pictures and options. */
#include "program.h"
#include "train.h"
#include "whole.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the folder ----------------------------------------------------------------------------------------------------------------- */

static const char *const results[] = {CHECKPOINT, OLD_CHECKPOINT, "model.tuff"};
enum { RESULTS = sizeof results / sizeof results[0] };

tuff_status place_take(struct tuff_context *context, const struct options *options, struct tuff_folder **folder,
                       struct tuff_error *error)
{
    static const char *const written[] = {CHECKPOINT,    "model.tuff",    "curves.svg",   "curves.png",
                                          "report.html", "confusion.svg", "confusion.png"};
    enum { WRITTEN = sizeof written / sizeof written[0] };
    char paths[WRITTEN][1100], other[1100];
    const char *all[WRITTEN + 1] = {NULL};
    for (int i = 0; i < WRITTEN; i++) all[i] = options_file(options, written[i], paths[i]);
    all[WRITTEN] = options->json[0] ? options->json : NULL;
    tuff_status status = tuff_folder_hold(context, options->out, folder, error);
    for (int i = 0; i < RESULTS && status == TUFF_OK && !options->resume && !options->force; i++)
        if (program_exists(options_file(options, results[i], other)))
            status = refuse(error, TUFF_ERR_USAGE,
                            "%.300s is there already: --resume goes on with that training, --force replaces it, --out names "
                            "another folder",
                            other);
    for (int i = 0; i < 2 && status == TUFF_OK; i++)
        if (program_exists(all[i]) && !program_is_file(all[i]))
            status = refuse(error, TUFF_ERR_FILE, "%.300s is no regular file: move it away", all[i]);
    return status == TUFF_OK ? whole_try(context, all, sizeof all / sizeof *all, error) : status;
}

void place_clear(const struct options *options)
{
    char path[1100];
    for (int i = 0; i < RESULTS; i++) program_remove(options_file(options, results[i], path));
}

/* Bytes by which a new file of this size is larger than the one that it will replace. */
static uint64_t growth(const char *path, uint64_t bytes)
{
    FILE *file = program_is_file(path) ? fopen(path, "rb") : NULL;
    long long old = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    if (file) fclose(file);
    return old > 0 && (uint64_t)old < bytes ? bytes - (uint64_t)old : old > 0 ? 0 : bytes;
}

tuff_status place_try(struct tuff_context *context, const struct options *options, const struct tuff_model *model,
                      struct tuff_error *error)
{
    enum { TEXTS = 1 << 18, PICTURES = 1 << 18, ROWS = 256 }; /* the story and the curves have at most so many bytes */
    char checkpoint[1100], best[1100], curves[1100];
    uint64_t all = TEXTS, saved = TEXTS;
    for (uint32_t i = 0; i < tuff_model_leaf_count(model); i++) {
        struct tuff_leaf leaf = tuff_model_leaf(model, i);
        uint64_t bytes = tuff_dtype_size(leaf.type.dtype, tuff_shape_count(&leaf.type.shape)) + ROWS;
        all += bytes;
        saved += leaf.trained ? bytes : 0;
    }
    options_file(options, CHECKPOINT, checkpoint);
    options_file(options, "model.tuff", best);
    options_file(options, "curves.svg", curves);
    const char *const paths[] = {checkpoint, checkpoint, best, curves};
    const uint64_t sizes[] = {growth(checkpoint, all), all, growth(best, saved), PICTURES}; /* the old one stays meanwhile */
    return tuff_file_try(context, paths, sizes, sizeof sizes / sizeof sizes[0], error);
}

/* ---- what a training is of ------------------------------------------------------------------------------------------------------- */

/* FNV-1a by words. */
static uint64_t digest(uint64_t hash, const void *data, uint64_t bytes)
{
    const unsigned char *at = data;
    for (; bytes >= 8; bytes -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = (hash ^ word) * 0x100000001b3u;
        hash ^= hash >> 29;
    }
    for (; bytes; bytes--) hash = (hash ^ *at++) * 0x100000001b3u;
    return hash;
}

static uint64_t digest_set(uint64_t hash, const struct tuff_dataset *set)
{
    uint64_t each = (uint64_t)set->channels * set->height * set->width;
    hash = digest(hash, &set->count, sizeof set->count);
    if (set->count) hash = digest(hash, set->pictures, set->count * each);
    return set->count ? digest(hash, set->labels, set->count * sizeof *set->labels) : hash;
}

bool facts_init(struct facts *facts, const struct data *data)
{
    const struct tuff_dataset *train = &data->train;
    size_t bytes = 1;
    for (uint32_t i = 0; i < train->class_count; i++) bytes += strlen(train->class_names[i]) + 1;
    facts->classes = malloc(bytes);
    if (!facts->classes) return false;
    facts->classes[0] = 0;
    for (uint32_t i = 0; i < train->class_count; i++) {
        strcat(facts->classes, train->class_names[i]);
        strcat(facts->classes, "\n");
    }
    uint64_t hash = digest_set(digest_set(digest_set(1, train), &data->test), &data->validation);
    snprintf(facts->samples, sizeof facts->samples, "%" PRIu64, train->count);
    snprintf(facts->tested, sizeof facts->tested, "%" PRIu64, data->test.count);
    snprintf(facts->shape, sizeof facts->shape, "%u x %u x %u", (unsigned)train->channels, (unsigned)train->height,
             (unsigned)train->width);
    snprintf(facts->digest, sizeof facts->digest, "%016" PRIx64, hash);
    return true;
}

size_t facts_texts(const struct facts *facts, struct tuff_pair *texts)
{
    const struct tuff_pair all[FACTS] = {{"classes", facts->classes},
                                         {"shape", facts->shape},
                                         {"samples", facts->samples},
                                         {"tested", facts->tested},
                                         {"digest", facts->digest}};
    memcpy(texts, all, sizeof all);
    return FACTS;
}

void facts_model(const struct facts *facts, const struct options *options, const struct tuff_fit_state *state, char *text)
{
    struct tuff_pair texts[OPTION_TEXTS_MAX];
    char numbers[OPTION_TEXTS_MAX][32];
    size_t count = options_texts(options, texts, numbers);
    uint64_t hash = 1;
    for (size_t i = 0; i < count; i++)
        if (!options_may_differ(texts[i].key)) /* data may lie elsewhere when training goes on, and epochs may become more */
            hash = digest(hash, texts[i].value, strlen(texts[i].value) + 1);
    snprintf(text, MODEL_TEXT, "epoch %" PRIu64 ", validation loss %.17g, data %s, options %016" PRIx64,
             state->best_epoch + 1, state->best_loss, facts->digest, hash);
}

/* ---- comparing -------------------------------------------------------------------------------------------------------------------- */

static int line_length(const char *text) { return (int)strcspn(text, "\n"); }

/* The first class that is another one. */
static tuff_status other_class(const char *now, const char *before, const char *path, struct tuff_error *error)
{
    for (unsigned i = 0;; i++) {
        int a = line_length(now), b = line_length(before);
        if (a != b || memcmp(now, before, (size_t)a) != 0 || !a)
            return refuse(error, TUFF_ERR_FORMAT,
                          "%.300s: class %u is \"%.*s\" in the data and \"%.*s\" in the checkpoint (\"\": there is none)",
                          path, i, a < 100 ? a : 100, now, b < 100 ? b : 100, before);
        now += a + (now[a] != 0);
        before += b + (before[b] != 0);
    }
}

tuff_status facts_compare(const struct facts *facts, const struct tuff_tensors *file, const char *path,
                          struct tuff_error *error)
{
    static const char *const what[FACTS] = {"the classes are", "the pictures (channels x height x width) are",
                                            "the number of pictures to train on and validate is",
                                            "the number of pictures to test is",
                                            "pictures or labels are others: their digest is"};
    struct tuff_pair texts[FACTS];
    facts_texts(facts, texts);
    for (int i = 0; i < FACTS; i++) {
        const char *before = tuff_tensors_text(file, texts[i].key);
        if (!before || !strcmp(before, texts[i].value)) continue; /* earlier versions kept the number of samples alone */
        if (i == 0) return other_class(texts[i].value, before, path, error);
        return refuse(error, TUFF_ERR_FORMAT, "%.300s: is of other data: %s %.60s, and %.60s in the checkpoint", path,
                      what[i], texts[i].value, before);
    }
    return TUFF_OK;
}

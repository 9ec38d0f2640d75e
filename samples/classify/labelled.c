/* labelled.c - a labelled folder by a model: scores of all its pictures and of groups, or some of them as a sheet. */
#include "classify.h"
#include "confusion.h"
#include "folder.h"
#include "program.h"
#include "scores.h"
#include "text.h"
#include "whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What scores are made of, and the pictures that are not: in the order of the set. */
struct scored_set {
    struct labelled_set set;
    struct groups groups;
    uint64_t first, step, count; /* of the set: those that are answered */
    float *probabilities;        /* [owned] [count, classes] */
    int32_t *labels;             /* [owned] [count], -1 for what could not be read */
    uint8_t *samples;            /* [owned] [count, sample..], where they are kept for a sheet */
    uint64_t damaged;
    char first_damaged[300];
};

/* Of IDX files, whose pictures are samples in memory. */
static tuff_status answer_idx(struct run *run, struct scored_set *s)
{
    const struct tuff_saved_info *info = &run->network.info;
    tuff_status status = TUFF_OK;
    const double began = seconds_now();
    for (uint64_t at = 0; at < s->count && status == TUFF_OK; at += run->network.at_once) {
        const uint64_t left = s->count - at, some = left < run->network.at_once ? left : run->network.at_once;
        const uint8_t *samples = s->set.idx.pictures + (s->first + at) * info->sample_bytes;
        status = network_run(&run->network, samples, some, s->probabilities + at * info->class_count, &run->error);
    }
    if (status == TUFF_OK) tell_times(run, NULL, s->count, seconds_now() - began);
    return status;
}

/* A batch, of which pictures that cannot be read count nowhere. */
static tuff_status answer_batch(struct run *run, struct scored_set *s, const struct batch *batch, uint64_t at)
{
    const struct tuff_saved_info *info = &run->network.info;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct piece *piece = &batch->pieces[i];
        if (piece->status == TUFF_OK) continue;
        if (!of_the_file(piece->status) || !run->options.skip_damaged) {
            run->error = piece->error;
            return piece->status;
        }
        s->labels[at + i] = -1;
        if (!s->damaged++) tuff_printable(piece->error.message, s->first_damaged, sizeof s->first_damaged);
    }
    if (s->samples)
        memcpy(s->samples + at * info->sample_bytes, batch->samples, (size_t)(batch->count * info->sample_bytes));
    return network_run(&run->network, batch->samples, batch->count, s->probabilities + at * info->class_count, &run->error);
}

static tuff_status answer_files(struct run *run, struct scored_set *s)
{
    struct source source = {.context = NULL};
    const struct batch *batch = NULL;
    const char **paths = malloc((size_t)s->count * sizeof *paths);
    const double began = seconds_now();
    uint64_t at = 0;
    for (uint64_t i = 0; paths && i < s->count; i++) paths[i] = s->set.pictures[s->first + i * s->step].name;
    tuff_status status = paths ? open_source(run, run->options.data, paths, s->count, &source) : TUFF_ERR_MEMORY;
    while (status == TUFF_OK && (status = source_next(&source, &batch, &run->error)) == TUFF_OK && batch->count) {
        status = answer_batch(run, s, batch, at);
        at += batch->count;
    }
    if (status == TUFF_OK) tell_times(run, &source, s->count, seconds_now() - began);
    source_close(&source);
    free(paths);
    return status;
}

/* Of `count` pictures of the set, every `step`-th from `first` on. */
static tuff_status answer_set(struct run *run, struct scored_set *s)
{
    const struct tuff_saved_info *info = &run->network.info;
    s->probabilities = malloc((size_t)s->count * info->class_count * sizeof *s->probabilities);
    s->labels = malloc((size_t)s->count * sizeof *s->labels);
    if (!s->probabilities || !s->labels) return TUFF_ERR_MEMORY;
    for (uint64_t i = 0; i < s->count; i++) s->labels[i] = s->set.pictures[s->first + i * s->step].class;
    tuff_status status = s->set.idx.count ? answer_idx(run, s) : answer_files(run, s);
    return status == TUFF_OK ? check_numbers(&run->error, run->options.data, s->probabilities, s->count * info->class_count)
                             : status;
}

/* Finish it with end_set after a failure too. */
static tuff_status begin_set(struct run *run, struct scored_set *s)
{
    *s = (struct scored_set){.step = 1};
    tuff_status status = labelled_list(run->context, run->options.data, &run->network.info, &s->set, &run->error);
    s->count = s->set.count;
    if (status != TUFF_OK || !s->set.idx.count || run->options.invert < 0) return status;
    snprintf(run->error.message, sizeof run->error.message, "--invert is for pictures; those of IDX files are as they are");
    return TUFF_ERR_USAGE;
}

static int end_set(struct run *run, struct scored_set *s, tuff_status status)
{
    if (status != TUFF_OK)
        fprintf(stderr, "tuff-classify: %s\n", run->error.message[0] ? SHOWN(run->error.message) : tuff_status_name(status));
    groups_finish(&s->groups);
    labelled_finish(run->context, &s->set);
    free(s->probabilities);
    free(s->labels);
    free(s->samples);
    return status == TUFF_OK ? 0 : 1;
}

/* ---- scores -------------------------------------------------------------------------------------------------------------------------------- */

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

int score_labelled(struct run *run)
{
    struct scored_set s;
    struct class_scores scores = {.classes = 0};
    struct group_scores groups = {.count = 0};
    tuff_status status = begin_set(run, &s);
    if (status == TUFF_OK && run->options.groups)
        status = groups_read(run->context, run->options.groups, &s.set, &s.groups, &run->error);
    if (status == TUFF_OK) status = answer_set(run, &s);
    groups.names = (const char *const *)s.groups.names;
    groups.count = s.groups.count;
    groups.each = calloc(groups.count + 1, sizeof *groups.each);
    if (status == TUFF_OK) status = groups.each ? tell_scores(run, &s, &scores, &groups) : TUFF_ERR_MEMORY;
    class_scores_finish(&scores);
    free(groups.each);
    return end_set(run, &s, status);
}

/* ---- sheet --------------------------------------------------------------------------------------------------------------------------------- */

/* Compares with the labels and draws. */
static tuff_status draw(struct run *run, const struct scored_set *s)
{
    const struct tuff_saved_info *info = &run->network.info;
    const uint8_t *samples = s->samples ? s->samples : s->set.idx.pictures + s->first * info->sample_bytes;
    struct sheet_item *items = calloc((size_t)s->count, sizeof *items);
    char(*captions)[200] = calloc((size_t)s->count, sizeof *captions), title[100];
    uint32_t right = 0, shown = 0;
    tuff_status status = items && captions ? TUFF_OK : TUFF_ERR_MEMORY;
    for (uint64_t i = 0; status == TUFF_OK && i < s->count; i++) {
        const float *p = s->probabilities + i * info->class_count;
        uint32_t class = 0;
        if (s->labels[i] < 0) continue;
        for (uint32_t k = 1; k < info->class_count; k++)
            if (p[k] > p[class]) class = k;
        const bool hit = class == (uint32_t)s->labels[i];
        snprintf(captions[shown], sizeof captions[shown], "true: %.190s", info->class_names[s->labels[i]]);
        items[shown] = (struct sheet_item){samples + i * info->sample_bytes, info->class_names[class], captions[shown],
                                           (double)p[class], hit ? SHEET_RIGHT : SHEET_WRONG};
        right += hit;
#ifndef TUFF_HAVE_CAIRO /* the sheet has no names then */
        printf("%4llu  %s %s  %.0f %%, %s\n", (unsigned long long)(s->first + i * s->step), hit ? "right" : "WRONG",
               SHOWN(items[shown].predicted), 100 * items[shown].probability, SHOWN(captions[shown]));
#endif
        shown++;
    }
    snprintf(title, sizeof title, "%u of %u %s named correctly", (unsigned)right, (unsigned)shown,
             s->set.idx.count ? "test pictures" : "pictures");
    if (status == TUFF_OK) status = draw_sheet(run, items, shown, title);
    free(items);
    free(captions);
    return status;
}

/* `count` of them, from `first` on; of a folder, spread over its classes unless `first` is said. */
int draw_labelled(struct run *run)
{
    const struct options *o = &run->options;
    struct scored_set s;
    tuff_status status = begin_set(run, &s);
    if (status == TUFF_OK && !s.set.idx.count && !o->begins) {
        s.step = s.set.count > o->count ? s.set.count / o->count : 1;
        s.count = s.set.count > o->count ? o->count : s.set.count;
    } else if (status == TUFF_OK) {
        s.first = o->first, s.count = o->count;
        if (s.first + s.count > s.set.count) {
            snprintf(run->error.message, sizeof run->error.message, "%.300s: does not have so many test pictures", o->data);
            status = TUFF_ERR_USAGE;
        }
    }
    if (status == TUFF_OK && !s.set.idx.count) {
        s.samples = malloc((size_t)(s.count * run->network.info.sample_bytes));
        if (!s.samples) status = TUFF_ERR_MEMORY;
    }
    if (status == TUFF_OK) status = answer_set(run, &s);
    if (status == TUFF_OK) status = draw(run, &s);
    return end_set(run, &s, status);
}

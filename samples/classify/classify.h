/* classify.h - the parts of tuff-classify: pictures are answered (answers.c), a labelled folder is scored or drawn (labelled.c). */
#ifndef CLASSIFY_H
#define CLASSIFY_H

#include "network.h"
#include "sheet.h"
#include "source.h"

struct options {
    const char *model, *device, *data, *sheet, *json, *confusion, *groups;
    uint32_t top, count, first;
    uint32_t threads;                       /* that decode ahead */
    struct frames frames;                   /* none: pictures */
    bool skip_damaged, times, part, begins; /* part: of what a sheet shows, is asked for; begins: with `first` */
    int invert;                             /* enum tuff_invert, or -1: as the model says */
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

/* Exit statuses. */
int answer_pictures(struct run *run);
int score_labelled(struct run *run);
int draw_labelled(struct run *run);

/* What is wrong with one file; what is wrong with the machine would be so with all others. */
bool of_the_file(tuff_status status);
/* A model whose weights are no numbers, or whose sums are too large for f32, knows nothing. */
tuff_status check_numbers(struct tuff_error *error, const char *what, const float *probabilities, uint64_t count);
/* Opens a source of pictures that are prepared as the model wants it, and says how many are worked on at once. */
tuff_status open_source(struct run *run, const char *folder, const char *const *paths, uint64_t count,
                        struct source *source);
/* On standard error: with --times the seconds of each stage, else, of several pictures, how many a second. */
void tell_times(const struct run *run, const struct source *source, uint64_t pictures, double seconds);
/* Of --sheet; title may be NULL. */
tuff_status draw_sheet(struct run *run, const struct sheet_item *items, uint32_t count, const char *title);

#endif

/* train.h - the parts of tuff-train. main.c is the way through; each other file is one of its stations. */
#ifndef TRAIN_H
#define TRAIN_H

#include "nets.h" /* samples/nets: the architectures */
#include "refuse.h"
#include "scores.h"

#include <tuff/tuff.h>

#include <stdio.h>

/* ---- options.c: the command line, which a checkpoint remembers ---------------------------------------------------------- */

struct options {
    char data[1024], out[1024], json[1024], device[256], start[1024], freeze[256], class_weights[4096];
    char arch[32], optimizer[16], schedule[16], precision[16], fit[16], invert[16], augment[200], show_augmentation[1024];
    uint32_t epochs, batch, seed, size, channels, early_stop;
    uint64_t memory_budget;
    double lr, backbone, validation, test;
    bool quick, resume, force, summary, report, find_rate, skip_damaged, skip_not_finite;
    const char *of_folders; /* [static] an option that was given and is of class folders alone; NULL: none was */
};
enum { OPTION_TEXTS_MAX = 48 };
/* Exits with the help, the version, or a sentence about what is wrong. With --resume, fills the rest from the checkpoint. */
void options_parse(struct options *options, int count, char **arguments, struct tuff_context *context);
/* Those that a checkpoint and the result keep, as texts; returns their number. `numbers` holds the digits. */
size_t options_texts(const struct options *options, struct tuff_pair *texts, char (*numbers)[32]);
/* Likewise all of them. */
size_t options_all(const struct options *options, struct tuff_pair *texts, char (*numbers)[32]);
/* A kept one that may be another when training goes on. */
bool options_may_differ(const char *name);
/* Of --freeze: the patterns of names, which commas part, each at most 255 bytes; their number, at most FROZEN_MAX. */
enum { FROZEN_MAX = 12 };
uint32_t options_frozen(const struct options *options, char (*patterns)[256]);
/* Of --class-weights: a weight for each class of the training set; its own sentence where they do not fit. weights: [classes] */
tuff_status options_weights(const struct options *options, const struct tuff_dataset *train, float *weights,
                            struct tuff_error *error);
/* --precision; 0: there is none of this name. */
enum tuff_dtype options_precision(const struct options *options);
/* --schedule for epochs of so many steps; false: there is none of this name. */
bool options_schedule(const struct options *options, uint64_t steps, struct tuff_schedule *schedule,
                      struct tuff_plateau *plateau);
/* out/name into a buffer of 1100 bytes. */
const char *options_file(const struct options *options, const char *name, char *path);
#define CHECKPOINT "training.tuff"
#define OLD_CHECKPOINT "training.ckpt"
/* Where --resume goes on from: CHECKPOINT, or what earlier versions wrote in its place. */
const char *options_checkpoint(const struct options *options, char *path);

/* ---- data.c ------------------------------------------------------------------------------------------------------------------ */

struct data {
    struct tuff_dataset train, test, validation; /* the counts of the latter two may be 0 */
    struct tuff_preprocess preprocess;
    double mean, deviation;               /* of all training pixels, 0..255 */
    struct tuff_folder_report reports[3]; /* of train, test, validation */
    uint64_t beside;                      /* files and folders beside train/ that are not read */
    char first_beside[300];
    bool own; /* the sets' memory is of malloc */
};
tuff_status data_read(struct tuff_context *context, const struct options *options, struct data *data,
                      struct tuff_error *error);
void data_print_report(
    const struct data *data); /* what was left out of a folder, what is damaged, classes with few pictures */
void data_finish(struct tuff_context *context, struct data *data);
struct tuff_data data_view(const struct tuff_dataset *dataset);

/* ---- augment.c ------------------------------------------------------------------------------------------------------------------- */

/* --augment for pictures of this width; false, and why not. */
bool augment_parse(const char *list, uint32_t width, struct tuff_augment_params *params, char *why, size_t bytes);
bool augment_is_on(const char *list);
struct augmentation {
    struct tuff_augment_params params;
    double mean, deviation; /* of pixels, 0..255, as those of struct data */
    uint32_t classes;
};
/* A batch x of mean 0 and deviation 1 to train on; targets where it is mixed, else 0. */
struct tuff_augmented augment_batch(struct tuff_graph *g, tuff_val x, tuff_val labels,
                                    const struct augmentation *augmentation);
/* --show-augmentation: a sheet of some pictures of the set. */
tuff_status augment_show(struct tuff_context *context, struct tuff_device *device, const struct augmentation *augmentation,
                         const struct options *options, const struct tuff_dataset *set, struct tuff_error *error);

/* ---- place.c: --out, and what a training is of ----------------------------------------------------------------------------------- */

/* Makes and holds the folder; an existing result needs --resume or --force. What will be written can be. */
tuff_status place_take(struct tuff_context *context, const struct options *options, struct tuff_folder **folder,
                       struct tuff_error *error);
/* Removes the result that --force replaces. */
void place_clear(const struct options *options);
/* Tries to write as many bytes as the training will; the model is prepared. */
tuff_status place_try(struct tuff_context *context, const struct options *options, const struct tuff_model *model,
                      struct tuff_error *error);

enum { FACTS = 5, MODEL_TEXT = 200 };
struct facts {
    char *classes; /* [owned] a line each */
    char shape[40], samples[24], tested[24], digest[24];
};
bool facts_init(struct facts *facts, const struct data *data);
/* As the checkpoint keeps them: FACTS texts. */
size_t facts_texts(const struct facts *facts, struct tuff_pair *texts);
/* What differs between the data and the checkpoint, both values. */
tuff_status facts_compare(const struct facts *facts, const struct tuff_tensors *file, const char *path,
                          struct tuff_error *error);
/* Which model of which training this is, in MODEL_TEXT bytes: model.tuff holds it, so that no other file is taken for it. */
void facts_model(const struct facts *facts, const struct options *options, const struct tuff_fit_state *state, char *text);

/* ---- history.c: what happened, for the curves, the result and the checkpoint ------------------------------------------------------ */

enum { POINTS_MAX = 400, EPOCHS_MAX = 10000 };
struct score {
    double loss, accuracy;
};
struct score score_of(const struct tuff_metrics *metrics);
struct epoch {
    uint32_t number; /* from 0 */
    bool best;
    struct score train, validation;
    double seconds, samples_per_second;
};
struct history {
    struct point { /* training, between two readings */
        double at; /* in epochs */
        double loss, accuracy;
    } points[POINTS_MAX + 1];
    struct epoch *epochs; /* [EPOCHS_MAX] */
    uint32_t point_count, epoch_count;
    bool validated; /* else the figures of validation are those of training, and are not shown */
    double seconds; /* of training, in earlier runs and this one */
    struct {        /* where the next point starts */
        uint32_t epoch;
        uint64_t step;
        double loss, accuracy; /* sums */
    } last;
};
bool history_init(struct history *history);
void history_finish(struct history *history);
void history_step(struct history *history, const struct tuff_fit_progress *progress);
/* Returns what it keeps of it. */
struct epoch history_epoch(struct history *history, const struct tuff_epoch *epoch);
/* As text for the checkpoint (free it), and back. */
char *history_print(const struct history *history);
bool history_parse(struct history *history, const char *text);
double history_rate(const struct history *history); /* samples per second of whole epochs, validation left out */

/* ---- display.c: progress on the terminal ------------------------------------------------------------------------------------------ */

struct display {
    bool terminal, utf8;
    double began, shown; /* seconds */
};
void display_init(struct display *display);
void display_compile(struct display *display, const char *what, uint64_t done, uint64_t total);
void display_step(struct display *display, const struct tuff_fit_progress *progress);
void display_epoch(struct display *display, const struct epoch *epoch, uint32_t epochs, bool validated);
void display_clear(const struct display *display);

/* ---- curves.c, result.c ------------------------------------------------------------------------------------------------------------- */

/* Writes out/curves.svg, and out/curves.png where cairo is there; *better: the name of the one to look at. */
tuff_status curves_write(struct tuff_context *context, const struct options *options, const struct history *history,
                         uint32_t epochs, const char **better, struct tuff_error *error);
/* The same within a page; false: out of memory. */
bool curves_within(FILE *page, const struct history *history, uint32_t epochs);

/* Likewise out/rates.svg and out/rates.png, of at least 2 and at most TUFF_RATE_STEPS points. */
tuff_status rates_write(struct tuff_context *context, const struct options *options, const struct tuff_rate_point *points,
                        const struct tuff_found_rate *found, const char **better, struct tuff_error *error);

struct result {
    const struct options *options;
    const struct data *data;
    const struct history *history;
    const struct tuff_caps *caps;
    struct score test;
    bool has_test;
    const struct class_scores *scores; /* of the test set; NULL without one */
    uint32_t best_epoch;               /* from 0 */
    uint64_t train_count, validation_count, parameter_count;
    uint64_t peak_bytes;
    struct tuff_plan_figures plan;
};
/* Scores the test pictures, which there are, and prints the most of it. Finish them after a failure too. */
tuff_status result_score(struct tuff_context *context, struct tuff_model *model, const struct data *data,
                         struct class_scores *scores, struct tuff_error *error);
/* report.c: all of it as a page. */
tuff_status report_write(struct tuff_context *context, const char *path, const struct result *result,
                         struct tuff_error *error);
tuff_status result_write(struct tuff_context *context, const char *path, const struct result *result,
                         struct tuff_error *error);

#endif

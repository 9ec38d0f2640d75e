/* sample.h - what the samples beside tuff-train do alike: options of a table, a device, a folder for what they write, a line an epoch. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "program.h"
#include "record.h"
#include "text.h"

#include <tuff/tuff.h>

/* Leaves the function with the first failure. */
#define TRY(call)                                                                                                           \
    do {                                                                                                                    \
        tuff_status status_ = (call);                                                                                       \
        if (status_ != TUFF_OK) return status_;                                                                             \
    } while (0)

/* An option of the command line; *value holds what it is left out for. */
struct sample_option {
    const char *name, *about; /* "epochs": --epochs N */
    uint32_t *count;          /* one of these: a whole number, */
    double *number;           /* a number, */
    const char **text;        /* a text (NULL: none), */
    bool *flag;               /* --name alone */
    double least, most;       /* of numbers */
};

struct sample {
    const char *name;   /* "sample-unet" */
    const char *out;    /* --out: the folder */
    const char *chosen; /* --device, or NULL */
    const char **words; /* what stands behind the options */
    uint32_t word_count;
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_folder *folder;
    struct tuff_cancel *cancel;
    struct tuff_error error;
    struct record record; /* sample_watch fills it */
    bool validated;
    double began;
    struct tuff_options *settings; /* [owned] */
};

/* Reads the command line (--help and what is wrong end the program), takes the folder, opens the device; from here on Ctrl-C asks to stop.
 * words_most: of words behind the options. */
TUFF_MUST_CHECK tuff_status sample_begin(struct sample *sample, const char *name, const char *about,
                                         const struct sample_option *options, uint32_t option_count, uint32_t words_most,
                                         int argc, char **argv);
/* Prints what went wrong, closes; the exit status. */
int sample_end(struct sample *sample, tuff_status status);

/* out/name, in the caller's memory of SAMPLE_PATH bytes */
enum { SAMPLE_PATH = 1200 };
const char *sample_path(const struct sample *sample, const char *name, char *path);
/* The sentence of a failure, and its status. */
tuff_status sample_refuse(struct sample *sample, tuff_status status, const char *format, ...) TUFF_PRINTF(3, 4);
/* For long work, which Ctrl-C then cancels. */
struct tuff_progress sample_progress(struct sample *sample);
/* Callbacks of a fit: a line an epoch, which sample->record keeps, and the end where it is asked for. */
void sample_watch(struct sample *sample, struct tuff_fit_params *fit);
/* out/curves.csv, .svg and .png of the record. */
TUFF_MUST_CHECK tuff_status sample_curves(struct sample *sample);
/* out/name, whole or not at all */
TUFF_MUST_CHECK tuff_status sample_write(struct sample *sample, const char *name, const void *data, size_t bytes);

/* Made-up numbers: the same everywhere. */
uint32_t sample_random(uint64_t *state);                           /* 32 bits */
double sample_uniform(uint64_t *state, double least, double most); /* of least .. most */
double sample_normal(uint64_t *state);                             /* mean 0, deviation 1 */

#endif

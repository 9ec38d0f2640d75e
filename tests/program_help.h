/* program_help.h - what tests of tuff-train and tuff-classify share: small data sets, and commands of a shell. Not on Windows. */
#ifndef TUFF_PROGRAM_HELP_H
#define TUFF_PROGRAM_HELP_H

#include "tests/backend_help.h"

struct program_test {
    struct backend_test test;
    char folder[300]; /* commands run in it */
    char *output;     /* [owned] of the last command */
};
/* 0, or the exit status of a test that is over. name: of the folder, which it makes. */
int program_test_begin(struct program_test *t, const char *name);
/* Removes the folder; the exit status. */
int program_test_end(struct program_test *t, const char *name);

enum { PROGRAM_SIDE = 8 };
struct program_set {
    uint32_t count, classes, first, channels; /* labels are first .. first + classes - 1; channels 0: an array of rank 3 */
    uint32_t odd;                             /* label of the first picture, as of a damaged file; 0: none */
};
/* IDX files for training, and for testing a quarter as many pictures. */
void program_write_data(const struct program_test *t, const char *folder, struct program_set set);
/* Pictures of class folders; names separated by spaces. */
void program_write_folders(const struct program_test *t, const char *folder, const char *classes);

/* In the folder of the test; $TRAIN and $CLASSIFY are the programs. Returns the exit status; the output is kept. A sanitized program is not
 * blamed for what lavapipe (at its dlclose) and libfontconfig leak. */
int program_shell(struct program_test *t, const char *command);
/* Failures of the test: another status, an output without the sentence; an output with the text. */
void program_expect(struct program_test *t, const char *command, int wanted, const char *sentence);
void program_expect_not(struct program_test *t, const char *text);

#endif

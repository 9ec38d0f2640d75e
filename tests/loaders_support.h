/* loaders_support.h - what the tests of loaders/ share: counted cases, a counting allocator that can fail, a scratch folder. */
#ifndef TUFF_TESTS_LOADERS_SUPPORT_H
#define TUFF_TESTS_LOADERS_SUPPORT_H

#include "backend/core.h"
#include "loaders/loaders.h"

struct loaders_test {
    const char *name;
    struct tuff_context *context;
    int cases, failures;
    _Atomic size_t live;  /* allocations not yet released */
    _Atomic size_t calls; /* allocations asked for since the last reset */
    size_t fail_at;       /* this call fails; 0: none */
    char folder[400];     /* scratch, removed at the end */
};

void loaders_begin(struct loaders_test *test, const char *name);
/* Checks for leaks, prints the result; returns the exit status of the program. */
int loaders_end(struct loaders_test *test);

/* Counts a case; prints it when it fails. */
void expect(struct loaders_test *test, bool good, const char *what, const char *expected, const char *got, ...)
    TUFF_PRINTF(5, 6);
void expect_number(struct loaders_test *test, const char *what, long long expected, long long got);
void expect_text(struct loaders_test *test, const char *what, const char *expected, const char *got);
/* error is zeroed afterwards. sentence: a part that the message must hold; NULL: any. */
void expect_status(struct loaders_test *test, const char *what, tuff_status expected, tuff_status got,
                   struct tuff_error *error, const char *sentence);
/* Any failure that is the file's fault, with a sentence. */
void expect_refused(struct loaders_test *test, const char *what, tuff_status got, struct tuff_error *error);

/* Runs operation with the first, second, ... allocation failing until it succeeds. It returns its status after having
 * released what it made; every failure must be TUFF_ERR_MEMORY, and nothing may stay allocated. */
void expect_survives_memory(struct loaders_test *test, const char *what,
                            tuff_status (*operation)(struct loaders_test *, void *), void *user);

/* Files of the scratch folder. The path is valid until the next call but three. */
const char *scratch_path(struct loaders_test *test, const char *name);
const char *scratch_write(struct loaders_test *test, const char *name, const void *data, size_t bytes);
void scratch_make_folder(struct loaders_test *test, const char *name);
/* Whole file, malloc; NULL when absent. */
uint8_t *file_read(const char *path, size_t *bytes);

/* Path of a file of the shared test data: in $TUFF_SHARED, then ../shared. NULL when there is none. */
const char *shared_path(const char *name, char *path, size_t size);

#endif

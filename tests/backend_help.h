/* backend_help.h - what the tests of backend/ share: a context and a device, checks that print case, expected and got. */
#ifndef TUFF_BACKEND_HELP_H
#define TUFF_BACKEND_HELP_H

#include "backend/device.h"
#include "backend/plan.h"

struct backend_test {
    struct tuff_context *context;
    struct tuff_device *device;
    unsigned failures;
    bool quiet; /* errors of the library are expected now */
};

/* Context and device with options of the environment; options may be NULL. Returns 0, or what main returns: 77 with a printed
 * reason where there is no device. The test's validation messages are judged by backend_test_end. */
int backend_test_begin(struct backend_test *test, const struct tuff_options *options);
/* Another device in the place of the test's, whose messages count: some drivers keep all kernels that a device has made. */
void backend_test_renew(struct backend_test *test);
/* Prints the outcome and returns main's status; destroys device and context. */
int backend_test_end(struct backend_test *test, const char *name);
/* Counts a failure and prints the sentence unless condition. */
bool backend_check(struct backend_test *test, bool condition, const char *format, ...) TUFF_PRINTF(3, 4);
/* status must be wanted; prints the message of error otherwise. */
bool backend_status(struct backend_test *test, const char *what, tuff_status wanted, tuff_status got,
                    const struct tuff_error *error);

#endif

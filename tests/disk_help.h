/* disk_help.h - calls of os_posix.c that fail when a test says so. cmake/tests.cmake wraps them in the tests that it names there: open (to
 * read, and to make), read, write, fsync, dup, close, rename, mkdir, mmap, opendir, readdir. */
#ifndef TUFF_TESTS_DISK_HELP_H
#define TUFF_TESTS_DISK_HELP_H

#include <stddef.h>

enum disk_kind { DISK_READS = 1, DISK_WRITES = 2 };

struct disk_faults {
    int kinds;          /* which calls count; 0: none, and nothing fails */
    long made, fail_at; /* fail_at 0: none */
    int reason;         /* errno */
    size_t most;        /* bytes that one read or write takes, 0: all: they may take a part */
    const char *name;   /* of the call that failed; NULL: none */
    int second;         /* file number that dup gave: what is lost is told by the first close */
};
extern struct disk_faults disk;

/* From now on the n-th call fails. */
void disk_fail(long n, int reason);

#endif

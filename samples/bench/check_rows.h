/* check_rows.h - private to check: the problems of a file, and what its rows must agree with. */
#ifndef BENCH_CHECK_ROWS_H
#define BENCH_CHECK_ROWS_H

#include "check.h"

#include <cjson/cJSON.h>
#include <tuff/tuff.h>

enum { CHECK_TEXT = 120, CHECK_DEVICES_MAX = 64 }; /* TEXT: bytes of a value or a place in a line */

/* A row of "results" whose keys and types are right. */
struct check_row {
    const cJSON *json;
    const char *id;
    uint32_t device;
    bool good; /* has keys and types that can be looked at */
};

struct check {
    const struct check_out *out;
    struct check_summary *summary;
    const cJSON *root;
    cJSON *schema; /* [owned] */
    uint32_t workload_version, device_count;
    double min_runs, seconds;
    double most_flops[CHECK_DEVICES_MAX]; /* a second, of good peaks; 0: none */
    struct check_row *rows;               /* [owned] in the order of the file */
    struct check_row **sorted;            /* [owned] by device and id; good ones alone */
    size_t row_count, sorted_count;
};

/* One problem: "where: expected .., there is .." */
void check_problem(struct check *c, const char *where, const char *there, const char *format, ...) TUFF_PRINTF(4, 5);
/* A value as text, printable whatever it is, into CHECK_TEXT bytes; returns it. */
const char *check_show(const cJSON *item, char text[CHECK_TEXT]);
void check_printable(const char *from, char text[CHECK_TEXT]);

/* Sorts c->rows into c->sorted, tells of ids that come twice, and checks all good rows. */
void check_rows(struct check *c);

#endif

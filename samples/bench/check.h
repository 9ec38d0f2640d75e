/* check.h - is a result file what it says it is? Everything that follows from its samples is computed anew. */
#ifndef BENCH_CHECK_H
#define BENCH_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

/* Checks files (untrusted: `tuff-bench check FILE..`). A line on stdout for each problem, "id: what is expected, what is
 * there", and one for each file in the end. Returns the exit status: 0 when all are valid, 1 when one is not or cannot be
 * read (a sentence on stderr). */
int check_files(int count, char **paths);

/* What is told of a file; the lines hold printable text alone, whatever the file holds. */
struct check_out {
    void (*line)(void *user, const char *text);
    void *user;
};
struct check_summary {
    size_t problems, results, noisy, few, wrong, refused, errors, skipped;
    char reason[200]; /* why it is no JSON that can be looked at; else empty */
};
/* Checks a text of `bytes` bytes. Returns its JSON when it can be looked at (cJSON_Delete it), else NULL with
 * summary->reason. It is valid when there are no problems. out may be NULL. */
struct cJSON *check_text(const char *text, size_t bytes, const struct check_out *out, struct check_summary *summary);
/* The same of a file; name is what messages call it. */
struct cJSON *check_file(const char *path, const struct check_out *out, struct check_summary *summary);

/* Rate ("flops_per_second", "bytes_per_second") of a peak's row in its fastest sample: what the device was once seen to do. */
double check_best_rate(const struct cJSON *row, const char *rate_key);

/* known.c: is this the id of a row of that workload version? */
bool known_id(uint32_t workload_version, const char *id);
bool known_workload(uint32_t workload_version);

#endif

/* check_fields.h - private to check: the keys and types of a result file's objects. */
#ifndef BENCH_CHECK_FIELDS_H
#define BENCH_CHECK_FIELDS_H

#include <stdbool.h>

enum check_kind {
    TRUTH,
    WHOLE,  /* 0..2^53 */
    NUMBER, /* finite, >= 0 */
    REAL,   /* finite */
    TEXT,   /* at most 2,000 bytes */
    NAME,   /* the same, not empty */
    CHOICE, /* one of choices: "a|b|c" */
    HEX,    /* as many digits as choices says: "16" */
    LIKE,   /* by a pattern: 0 a digit, * the rest, other characters themselves */
    OBJECT,
    LIST
};
struct check_field {
    const char *name;
    enum check_kind kind;
    bool nullable;
    const char *choices;
};
struct check_section {
    const char *name;
    const struct check_field *fields;
    int count;
};
/* By name; there is always one. */
const struct check_section *check_section(const char *name);

#endif

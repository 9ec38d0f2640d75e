/* table.h - a CSV file as columns of numbers and of kinds, and its rows as a network takes them. */
#ifndef TABLE_H
#define TABLE_H

#include "sample.h"

enum { TABLE_COLUMNS = 256, TABLE_KINDS = 64 };

struct table_column {
    char *name; /* [owned] */
    bool left_out;
    bool numeric;             /* each of its fields is a number, or empty */
    char *kinds[TABLE_KINDS]; /* [owned] texts of the others, in the order in which they appear */
    uint32_t kind_count;
    double mean, deviation; /* of numbers, over the rows that are trained with */
    uint32_t place, width;  /* in an encoded row: one number, or one for each kind */
};
/* Zero it before the first use. */
struct table {
    struct table_column column[TABLE_COLUMNS];
    uint32_t columns;
    uint32_t rows;
    char **fields;      /* [owned] [rows, columns] */
    double *value;      /* [owned] [rows, columns]: the number, NaN where it is empty; or the kind */
    size_t room, count; /* of fields */
};

/* Header, then rows of as many fields (RFC 4180); '"' around fields with commas. Errors: FILE, FORMAT with the line. */
tuff_status table_read(struct sample *s, const char *path, struct table *table);
void table_finish(struct table *table);
/* Column of a name; a failure lists the names. */
tuff_status table_find(struct sample *s, const struct table *table, const char *name, uint32_t *column);
/* names: "A,B", or NULL */
tuff_status table_leave_out(struct sample *s, struct table *table, const char *names);
/* Mean and deviation of the numbers over these rows, and where each column but `target` lies in an encoded row; returns its width. */
uint32_t table_standardise(struct table *table, uint32_t target, const uint32_t *rows, uint32_t count);
/* Standardised numbers, a missing one being the mean; kinds as zeros and a one. */
void table_encode(const struct table *table, uint32_t row, float *out);

/* Writes a made-up CSV of houses: area, rooms, year, distance, energy, district, garden, door (which tells nothing), price, sale. */
tuff_status table_make(struct sample *s, const char *name, uint32_t rows, uint64_t seed);

#endif

/* record.h - what happens in a training, row by row: as CSV, and as curves side by side. */
#ifndef RECORD_H
#define RECORD_H

#include <tuff/tuff.h>

enum { RECORD_COLUMNS = 8 };
/* Begins with zeros and the name of what counts rows. */
struct record {
    const char *x; /* "epoch" */
    struct {
        char panel[48], name[64]; /* columns of one panel share axes; no panel: in the CSV alone */
    } column[RECORD_COLUMNS];
    uint32_t columns;
    double *rows; /* [owned] [count, 1 + columns] */
    uint32_t count, room;
};
void record_column(struct record *record, const char *panel, const char *name);
/* False: out of memory. */
bool record_row(struct record *record, double x, const double *values);
/* Loss and the model's metrics, of training and, where that is other data, of validation; the first epoch makes the columns. */
bool record_epoch(struct record *record, const struct tuff_epoch *epoch, bool validated);
double record_last(const struct record *record, uint32_t column); /* NaN: no row */
/* STEM.csv, STEM.svg, STEM.png */
TUFF_MUST_CHECK tuff_status record_write(const struct record *record, struct tuff_context *context, const char *stem,
                                         struct tuff_error *error);
void record_finish(struct record *record);

#endif

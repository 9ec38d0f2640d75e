/* record.c - see record.h. */
#include "record.h"
#include "plot.h"
#include "whole.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void record_column(struct record *r, const char *panel, const char *name)
{
    if (r->columns == RECORD_COLUMNS) return;
    snprintf(r->column[r->columns].panel, sizeof r->column[0].panel, "%s", panel);
    snprintf(r->column[r->columns].name, sizeof r->column[0].name, "%s", name);
    r->columns++;
}

bool record_row(struct record *r, double x, const double *values)
{
    size_t width = 1 + (size_t)r->columns;
    if (r->count == r->room) {
        uint32_t room = r->room ? 2 * r->room : 64;
        double *rows = realloc(r->rows, room * width * sizeof *rows);
        if (!rows) return false;
        r->rows = rows, r->room = room;
    }
    double *row = r->rows + r->count++ * width;
    row[0] = x;
    memcpy(row + 1, values, r->columns * sizeof *values);
    return true;
}

bool record_epoch(struct record *r, const struct tuff_epoch *epoch, bool validated)
{
    double values[RECORD_COLUMNS];
    const struct tuff_metrics *of[2] = {&epoch->train, &epoch->validation};
    char name[64];
    uint32_t count = 0;
    bool begins = r->columns == 0;
    for (uint32_t k = 0; k <= epoch->train.count; k++)
        for (int i = 0; i < (validated ? 2 : 1) && count < RECORD_COLUMNS; i++) {
            const char *metric = k ? of[i]->metric[k - 1].name : "loss";
            snprintf(name, sizeof name, "%s %s", i ? "validation" : "training", metric);
            if (begins) record_column(r, metric, name);
            values[count++] = k ? of[i]->metric[k - 1].value : of[i]->loss;
        }
    return record_row(r, r->count + 1, values); /* one fit behind the other */
}

double record_last(const struct record *r, uint32_t column)
{
    return r->count ? r->rows[(size_t)r->count * (1 + r->columns) - r->columns + column] : NAN;
}

static tuff_status write_csv(const struct record *r, struct tuff_context *context, const char *path,
                             struct tuff_error *error)
{
    struct whole file;
    if (!whole_begin(&file)) return TUFF_ERR_MEMORY;
    fputs(r->x, file.stream);
    for (uint32_t k = 0; k < r->columns; k++) fprintf(file.stream, ",%s", r->column[k].name);
    for (uint32_t i = 0; i < r->count; i++)
        for (uint32_t k = 0; k <= r->columns; k++)
            fprintf(file.stream, "%s%.9g", k ? "," : "\n", r->rows[(size_t)i * (1 + r->columns) + k]);
    fputs("\n", file.stream);
    return whole_write(&file, context, path, error);
}

/* Columns of each panel are a plot; their points lie one after the other. */
static tuff_status draw(const struct record *r, struct tuff_context *context, const char *stem, struct tuff_error *error)
{
    static const uint32_t colours[PLOT_LINES] = {PLOT_BLUE, PLOT_ORANGE, PLOT_GREEN, PLOT_GREY, PLOT_PALE, PLOT_BLACK};
    struct plot plots[RECORD_COLUMNS] = {{.title = NULL}};
    double(*points)[2] = calloc((size_t)r->columns * r->count + 1, sizeof *points);
    uint32_t count = 0, found;
    if (!points) return TUFF_ERR_MEMORY;
    for (uint32_t k = 0; k < r->columns; k++) {
        double(*own)[2] = points + (size_t)k * r->count;
        double least = INFINITY;
        if (!r->column[k].panel[0]) continue;
        for (uint32_t i = 0; i < r->count; i++) {
            own[i][0] = r->rows[(size_t)i * (1 + r->columns)];
            own[i][1] = r->rows[(size_t)i * (1 + r->columns) + 1 + k];
            least = fmin(least, own[i][1]);
        }
        for (found = 0; found < count && strcmp(plots[found].title, r->column[k].panel) != 0;) found++;
        struct plot *p = &plots[found];
        if (p->count == PLOT_LINES) continue;
        if (found == count) *p = (struct plot){.title = r->column[k].panel, .x_title = r->x, .y_least = TUFF_NUMBER(0)};
        if (!(least >= 0)) p->y_least = (struct tuff_number){0};
        p->lines[p->count] = (struct plot_line){.name = r->column[k].name,
                                                .colour = colours[p->count],
                                                .width = 2,
                                                .dots = r->count <= 40,
                                                .points = (const double(*)[2])own,
                                                .count = r->count};
        p->count++;
        if (found == count) count++;
    }
    tuff_status status = plot_write(context, stem, plots, count, NULL, error);
    free(points);
    return status;
}

tuff_status record_write(const struct record *r, struct tuff_context *context, const char *stem, struct tuff_error *error)
{
    char path[1200];
    snprintf(path, sizeof path, "%s.csv", stem);
    tuff_status status = write_csv(r, context, path, error);
    return status == TUFF_OK ? draw(r, context, stem, error) : status;
}

void record_finish(struct record *r)
{
    free(r->rows);
    *r = (struct record){.x = r->x};
}

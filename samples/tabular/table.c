/* table.c - see table.h. The CSV is read by libcsv. */
#include "table.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ----------------------------------------------------------------------------------------------------------------------- */

struct reading {
    struct sample *sample;
    struct table *table;
    const char *path;
    uint32_t line, in_row; /* line: of records, which is that of the file where no field holds a line's end */
    tuff_status status;
};

static void on_field(void *data, size_t bytes, void *user)
{
    struct reading *r = user;
    struct table *t = r->table;
    if (r->status) return;
    if (memchr(data, 0, bytes)) {
        r->status = sample_refuse(r->sample, TUFF_ERR_FORMAT, "%s: line %u holds a zero byte: is it a CSV file?", r->path,
                                  r->line);
        return;
    }
    char *text = malloc(bytes + 1);
    if (t->count == t->room) {
        size_t room = t->room ? 2 * t->room : 1024;
        char **fields = realloc(t->fields, room * sizeof *fields);
        if (fields) t->fields = fields, t->room = room;
    }
    if (!text || t->count == t->room) {
        free(text);
        r->status = sample_refuse(r->sample, TUFF_ERR_MEMORY, "%s: not enough memory", r->path);
        return;
    }
    memcpy(text, data, bytes);
    text[bytes] = 0;
    t->fields[t->count++] = text;
    r->in_row++;
}

static void on_row(int end, void *user)
{
    struct reading *r = user;
    struct table *t = r->table;
    (void)end;
    if (r->status) return;
    if (r->line == 1 && (r->in_row < 2 || r->in_row > TABLE_COLUMNS))
        r->status = sample_refuse(r->sample, TUFF_ERR_FORMAT, "%s: the header names %u columns; 2 to %d are possible",
                                  r->path, r->in_row, TABLE_COLUMNS);
    else if (r->line > 1 && r->in_row != t->columns)
        r->status = sample_refuse(r->sample, TUFF_ERR_FORMAT, "%s: line %u has %u fields, the header %u", r->path, r->line,
                                  r->in_row, t->columns);
    if (r->line == 1) t->columns = r->in_row;
    r->line++;
    r->in_row = 0;
}

static tuff_status parse(struct reading *r, FILE *file)
{
    struct csv_parser parser;
    char block[65536];
    size_t got;
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0) return TUFF_ERR_MEMORY;
    while ((got = fread(block, 1, sizeof block, file)) > 0 && !r->status)
        if (csv_parse(&parser, block, got, on_field, on_row, r) != got) break;
    if (!r->status && !csv_error(&parser) && !ferror(file)) csv_fini(&parser, on_field, on_row, r);
    if (!r->status && csv_error(&parser))
        r->status = sample_refuse(r->sample, TUFF_ERR_FORMAT,
                                  "%s: line %u: a quote where none can be, or one that is missing", r->path, r->line);
    if (!r->status && ferror(file)) r->status = sample_refuse(r->sample, TUFF_ERR_FILE, "%s: %s", r->path, strerror(errno));
    csv_free(&parser);
    return r->status;
}

static bool number_of(const char *text, double *value)
{
    char *end;
    *value = NAN;
    if (!text[0]) return true;
    *value = strtod(text, &end);
    return !*end && isfinite(*value);
}

/* Numbers, if all are, else kinds. */
static tuff_status type_column(struct sample *s, const char *path, struct table *t, uint32_t k)
{
    struct table_column *c = &t->column[k];
    uint32_t given = 0;
    c->numeric = true;
    for (uint32_t i = 0; i < t->rows; i++) {
        double *value = &t->value[(size_t)i * t->columns + k];
        c->numeric = number_of(t->fields[(size_t)i * t->columns + k], value) && c->numeric;
        given += t->fields[(size_t)i * t->columns + k][0] != 0;
    }
    if (!given) return sample_refuse(s, TUFF_ERR_FORMAT, "%s: column \"%s\" is empty", path, c->name);
    for (uint32_t i = 0; i < t->rows && !c->numeric; i++) {
        const char *text = t->fields[(size_t)i * t->columns + k];
        uint32_t kind = 0;
        while (kind < c->kind_count && strcmp(c->kinds[kind], text) != 0) kind++;
        if (kind == TABLE_KINDS)
            return sample_refuse(s, TUFF_ERR_FORMAT,
                                 "%s: column \"%s\" holds more than %d different texts, as \"%.60s\" in line %u", path,
                                 c->name, TABLE_KINDS, text, i + 2);
        if (kind == c->kind_count) {
            c->kinds[c->kind_count] = malloc(strlen(text) + 1);
            if (!c->kinds[kind]) return TUFF_ERR_MEMORY;
            strcpy(c->kinds[c->kind_count++], text);
        }
        t->value[(size_t)i * t->columns + k] = kind;
    }
    return TUFF_OK;
}

tuff_status table_read(struct sample *s, const char *path, struct table *t)
{
    FILE *file = fopen(path, "rb");
    if (!file) return sample_refuse(s, TUFF_ERR_FILE, "%s: %s", path, strerror(errno));
    struct reading reading = {s, t, path, 1, 0, TUFF_OK};
    tuff_status status = parse(&reading, file);
    fclose(file);
    TRY(status);
    if (!t->columns) return sample_refuse(s, TUFF_ERR_FORMAT, "%s is empty", path);
    for (uint32_t k = 0; k < t->columns; k++) t->column[k].name = t->fields[k];
    t->count -= t->columns;
    memmove(t->fields, t->fields + t->columns, t->count * sizeof *t->fields);
    t->rows = (uint32_t)(t->count / t->columns);
    if (t->rows < 20) return sample_refuse(s, TUFF_ERR_FORMAT, "%s has %u rows: too few to learn from", path, t->rows);
    t->value = malloc(t->count * sizeof *t->value);
    if (!t->value) return TUFF_ERR_MEMORY;
    for (uint32_t k = 0; k < t->columns; k++) TRY(type_column(s, path, t, k));
    return TUFF_OK;
}

void table_finish(struct table *t)
{
    for (size_t i = 0; i < t->count; i++) free(t->fields[i]);
    for (uint32_t k = 0; k < t->columns; k++) {
        free(t->column[k].name);
        for (uint32_t i = 0; i < t->column[k].kind_count; i++) free(t->column[k].kinds[i]);
    }
    free(t->fields);
    free(t->value);
    memset(t, 0, sizeof *t);
}

tuff_status table_find(struct sample *s, const struct table *t, const char *name, uint32_t *column)
{
    char names[300] = "";
    for (*column = 0; *column < t->columns; ++*column)
        if (!strcmp(t->column[*column].name, name)) return TUFF_OK;
    for (uint32_t k = 0; k < t->columns && strlen(names) < 200; k++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.40s", k ? ", " : "", t->column[k].name);
    return sample_refuse(s, TUFF_ERR_USAGE, "there is no column \"%s\"; there are %s", name, names);
}

tuff_status table_leave_out(struct sample *s, struct table *t, const char *names)
{
    while (names && *names) {
        char name[256];
        uint32_t column;
        size_t length = strcspn(names, ",");
        snprintf(name, sizeof name, "%.*s", (int)length, names);
        TRY(table_find(s, t, name, &column));
        t->column[column].left_out = true;
        names += length + (names[length] == ',');
    }
    return TUFF_OK;
}

/* ---- as a network takes it --------------------------------------------------------------------------------------------------------- */

uint32_t table_standardise(struct table *t, uint32_t target, const uint32_t *rows, uint32_t count)
{
    uint32_t place = 0;
    for (uint32_t k = 0; k < t->columns; k++) {
        struct table_column *c = &t->column[k];
        double sum = 0, squares = 0, given = 0;
        for (uint32_t i = 0; i < count && c->numeric; i++) {
            double value = t->value[(size_t)rows[i] * t->columns + k];
            if (!isnan(value)) sum += value, given++;
        }
        c->mean = given > 0 ? sum / given : 0;
        for (uint32_t i = 0; i < count && c->numeric; i++) {
            double rest = t->value[(size_t)rows[i] * t->columns + k] - c->mean;
            if (!isnan(rest)) squares += rest * rest;
        }
        c->deviation = squares > 0 ? sqrt(squares / given) : 1;
        c->place = place;
        c->width = k == target || c->left_out ? 0 : c->numeric ? 1 : c->kind_count;
        place += c->width;
    }
    return place;
}

void table_encode(const struct table *t, uint32_t row, float *out)
{
    for (uint32_t k = 0; k < t->columns; k++) {
        const struct table_column *c = &t->column[k];
        double value = t->value[(size_t)row * t->columns + k];
        if (!c->width) continue;
        if (c->numeric)
            out[c->place] = isnan(value) ? 0 : (float)((value - c->mean) / c->deviation);
        else
            for (uint32_t i = 0; i < c->kind_count; i++) out[c->place + i] = i == (uint32_t)value;
    }
}

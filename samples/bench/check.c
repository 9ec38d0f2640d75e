/* check.c - a result file that somebody sent in: keys and types here, what its rows must agree with in check_rows.c. */
#include "check.h"
#include "check_rows.h"
#include "check_schema.h"
#include "document.h"
#include "stats.h"
#include "text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 100, ROWS_MAX = 10000, FREE_KEYS_MAX = 200, FREE_DEPTH_MAX = 4, TEXT_MAX = 2000 };

/* ---- telling ------------------------------------------------------------------------------------------------------------ */

void check_printable(const char *from, char text[CHECK_TEXT])
{
    size_t n = 0;
    for (; *from && n + 4 < CHECK_TEXT; from++) text[n++] = *from >= 0x20 && *from < 0x7f ? *from : '?';
    if (*from) memcpy(text + n, "...", 3), n += 3;
    text[n] = 0;
}

const char *check_show(const cJSON *item, char text[CHECK_TEXT])
{
    const char *word = !item                  ? "nothing"
                       : cJSON_IsNull(item)   ? "null"
                       : cJSON_IsTrue(item)   ? "true"
                       : cJSON_IsFalse(item)  ? "false"
                       : cJSON_IsObject(item) ? "an object"
                       : cJSON_IsArray(item)  ? "a list"
                                              : "";
    snprintf(text, CHECK_TEXT, "%s", word);
    if (cJSON_IsNumber(item)) snprintf(text, CHECK_TEXT, "%.9g", item->valuedouble);
    if (cJSON_IsString(item)) {
        char inside[CHECK_TEXT];
        check_printable(item->valuestring, inside);
        snprintf(text, CHECK_TEXT, "\"%.100s\"", inside);
    }
    return text;
}

void check_problem(struct check *c, const char *where, const char *there, const char *format, ...)
{
    char expected[400], line[800];
    va_list arguments;
    if (++c->summary->problems > LINES_MAX || !c->out) return;
    va_start(arguments, format);
    vsnprintf(expected, sizeof expected, format, arguments);
    va_end(arguments);
    snprintf(line, sizeof line, "%s: expected %s, there is %s", where, expected, there);
    c->out->line(c->out->user, line);
}

/* ---- types: result.schema.json says them ---------------------------------------------------------------------------------------------------------------- */

/* Keys and types of one object. */
static bool check_object(struct check *c, const char *where, const char *section, const cJSON *json)
{
    const cJSON *rules = schema_section(c->schema, section), *rule = NULL;
    const cJSON *found[40] = {NULL}, *item = NULL; /* more than any section's fields */
    size_t before = c->summary->problems;
    char there[CHECK_TEXT], key[CHECK_TEXT], wanted[CHECK_TEXT];
    if (!cJSON_IsObject(json)) {
        check_problem(c, where, check_show(json, there), "an object");
        return false;
    }
    cJSON_ArrayForEach(item, json)
    {
        size_t f = 0;
        for (rule = rules->child; rule && strcmp(rule->string, item->string) != 0; rule = rule->next) f++;
        check_printable(item->string, key);
        if (!rule || f == sizeof found / sizeof *found)
            check_problem(c, where, check_show(item, there), "no key \"%s\"", key);
        else if (found[f])
            check_problem(c, where, "another one", "one \"%s\"", key);
        else
            found[f] = item;
    }
    size_t f = 0;
    cJSON_ArrayForEach(rule, rules)
    {
        const cJSON *value = found[f++];
        if (value && schema_fits(rule, value)) continue;
        schema_words(rule, wanted, sizeof wanted);
        check_problem(c, where, check_show(value, there), "\"%s\" to be %s", rule->string, wanted);
    }
    return c->summary->problems == before;
}

static const cJSON *get(const cJSON *json, const char *key) { return cJSON_GetObjectItemCaseSensitive(json, key); }

/* Numbers, texts and truths by any names; lists and objects of them as deep as depth allows. */
static void check_free(struct check *c, const char *where, const cJSON *json, int depth)
{
    const cJSON *item = NULL, *other = NULL;
    char there[CHECK_TEXT], key[CHECK_TEXT];
    size_t count = 0;
    cJSON_ArrayForEach(item, json)
    {
        check_printable(item->string ? item->string : "", key);
        if (++count > FREE_KEYS_MAX) {
            check_problem(c, where, "more", "at most %d values", FREE_KEYS_MAX);
            return;
        }
        for (other = json->child; other != item; other = other->next)
            if (item->string && strcmp(item->string, other->string) == 0)
                check_problem(c, where, "another one", "one \"%s\"", key);
        bool nested = cJSON_IsObject(item) || cJSON_IsArray(item);
        bool text = cJSON_IsString(item) && strlen(item->valuestring) <= TEXT_MAX;
        bool number = cJSON_IsNumber(item) && isfinite(item->valuedouble);
        if (nested && depth > 1)
            check_free(c, where, item, depth - 1);
        else if (!text && !number && !cJSON_IsBool(item))
            check_problem(c, where, check_show(item, there), "a number, a text, true or false at \"%s\"", key);
    }
}

/* ---- parts of the file --------------------------------------------------------------------------------------------------- */

static void check_device(struct check *c, const cJSON *json, uint32_t index)
{
    char where[CHECK_TEXT], there[CHECK_TEXT];
    const cJSON *item = NULL;
    snprintf(where, sizeof where, "device %u", (unsigned)index);
    if (!check_object(c, where, "device", json)) return;
    check_free(c, where, get(json, "caps"), FREE_DEPTH_MAX);
    cJSON_ArrayForEach(item, get(json, "driver_rows")) if (!cJSON_IsString(item))
        check_problem(c, where, check_show(item, there), "texts in \"driver_rows\"");
}

static void check_options(struct check *c, const cJSON *json)
{
    if (!check_object(c, "options", "options", json)) return;
    double seconds = get(json, "min_seconds")->valuedouble, most = get(json, "max_seconds")->valuedouble;
    char there[CHECK_TEXT];
    c->min_runs = get(json, "min_runs")->valuedouble;
    snprintf(there, sizeof there, "%.9g s and %.9g runs", seconds, c->min_runs);
    if (cJSON_IsFalse(get(json, "quick")) && (seconds < 1 || c->min_runs < 20))
        check_problem(c, "options", there, "at least 1 s and 20 runs of what is not \"quick\"");
    snprintf(there, sizeof there, "%.9g s", most);
    if (most < seconds) check_problem(c, "options", there, "\"max_seconds\" to be at least %.9g s", seconds);
}

static void check_head(struct check *c, const cJSON *root)
{
    char there[CHECK_TEXT];
    const cJSON *workload = get(root, "workload_version"), *device = NULL;
    c->workload_version = workload->valuedouble < UINT32_MAX ? (uint32_t)workload->valuedouble : 0;
    if (!known_workload(c->workload_version))
        check_problem(c, "file", check_show(workload, there), "a \"workload_version\" that this tuff-bench knows");
    c->seconds = get(root, "seconds")->valuedouble;
    check_object(c, "system", "system", get(root, "system"));
    check_options(c, get(root, "options"));
    cJSON_ArrayForEach(device, get(root, "devices"))
    {
        if (c->device_count < CHECK_DEVICES_MAX) check_device(c, device, c->device_count);
        c->device_count++;
    }
    snprintf(there, sizeof there, "%u", (unsigned)c->device_count);
    if (c->device_count == 0 || c->device_count > CHECK_DEVICES_MAX)
        check_problem(c, "file", there, "1 to %d devices", CHECK_DEVICES_MAX);
}

/* Samples: numbers that are not negative. */
static bool check_samples(struct check *c, const char *where, const cJSON *row, const char *key)
{
    const cJSON *list = get(row, key), *item = NULL;
    size_t count = 0;
    char there[CHECK_TEXT];
    cJSON_ArrayForEach(item, list)
    {
        count++;
        if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || !isfinite(item->valuedouble)) {
            check_problem(c, where, check_show(item, there), "times that are not negative in \"%s\"", key);
            return false;
        }
    }
    snprintf(there, sizeof there, "%zu", count);
    if (count > STATS_RUNS_MAX) check_problem(c, where, there, "at most %d samples in \"%s\"", STATS_RUNS_MAX, key);
    return count <= STATS_RUNS_MAX;
}

static bool check_row_types(struct check *c, const char *where, const cJSON *row)
{
    static const char *const parts[] = {"peak_share", "check", "plan", "load"};
    const cJSON *item = NULL;
    char inside[CHECK_TEXT + 20];
    if (!check_object(c, where, "result", row)) return false;
    size_t before = c->summary->problems;
    snprintf(inside, sizeof inside, "%s, work", where);
    check_object(c, inside, "work", get(row, "work"));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        snprintf(inside, sizeof inside, "%s, %s", where, parts[i]);
        if (!cJSON_IsNull(get(row, parts[i]))) check_object(c, inside, parts[i], get(row, parts[i]));
    }
    snprintf(inside, sizeof inside, "%s, series", where);
    cJSON_ArrayForEach(item, get(row, "series")) if (!check_object(c, inside, "series", item)) break;
    snprintf(inside, sizeof inside, "%s, extra", where);
    check_free(c, inside, get(row, "extra"), 1);
    bool good = check_samples(c, where, row, "wall_ns");
    good = check_samples(c, where, row, "device_ns") && good;
    return good && c->summary->problems == before;
}

static void count_row(struct check_summary *s, const cJSON *row)
{
    const char *status = get(row, "status")->valuestring;
    s->noisy += cJSON_IsTrue(get(row, "noisy"));
    s->few += cJSON_IsTrue(get(row, "few"));
    s->wrong += strcmp(status, "wrong") == 0;
    s->refused += strcmp(status, "refused") == 0;
    s->errors += strcmp(status, "error") == 0;
    s->skipped += strcmp(status, "skipped") == 0;
}

static void check_results(struct check *c, const cJSON *results)
{
    const cJSON *item = NULL;
    size_t i = 0;
    char there[CHECK_TEXT], where[CHECK_TEXT];
    cJSON_ArrayForEach(item, results) c->row_count++;
    c->summary->results = c->row_count;
    snprintf(there, sizeof there, "%zu", c->row_count);
    if (c->row_count == 0 || c->row_count > ROWS_MAX) {
        check_problem(c, "file", there, "1 to %d results", ROWS_MAX);
        return;
    }
    c->rows = calloc(c->row_count, sizeof *c->rows);
    c->sorted = calloc(c->row_count, sizeof *c->sorted);
    if (!c->rows || !c->sorted) {
        check_problem(c, "file", "not enough", "memory for its results");
        return;
    }
    cJSON_ArrayForEach(item, results)
    {
        struct check_row *row = &c->rows[i];
        const cJSON *id = get(item, "id");
        snprintf(where, sizeof where, "results[%zu]", i++);
        if (cJSON_IsString(id)) check_printable(id->valuestring, where);
        row->good = check_row_types(c, where, item);
        if (!row->good) continue;
        row->json = item;
        row->id = id->valuestring;
        double device = get(item, "device")->valuedouble;
        row->device = device < UINT32_MAX ? (uint32_t)device : UINT32_MAX;
        count_row(c->summary, item);
    }
    check_rows(c);
}

/* ---- a file --------------------------------------------------------------------------------------------------------------- */

static void check_root(struct check *c, const cJSON *root)
{
    char line[100];
    c->schema = schema_open();
    if (!c->schema) check_problem(c, "file", "not enough", "memory for the schema");
    if (c->schema && check_object(c, "file", "file", root)) {
        check_head(c, root);
        check_results(c, get(root, "results"));
    }
    free(c->rows);
    free(c->sorted);
    cJSON_Delete(c->schema);
    if (c->summary->problems <= LINES_MAX || !c->out) return;
    snprintf(line, sizeof line, "and %zu more", c->summary->problems - LINES_MAX);
    c->out->line(c->out->user, line);
}

cJSON *check_text(const char *text, size_t bytes, const struct check_out *out, struct check_summary *summary)
{
    *summary = (struct check_summary){0};
    cJSON *root = document_parse(text, bytes, summary->reason);
    struct check c = {.out = out, .summary = summary, .root = root};
    if (root) check_root(&c, root);
    return root;
}

cJSON *check_file(const char *path, const struct check_out *out, struct check_summary *summary)
{
    *summary = (struct check_summary){0};
    cJSON *root = document_read(path, summary->reason);
    struct check c = {.out = out, .summary = summary, .root = root};
    if (root) check_root(&c, root);
    return root;
}

static void print_line(void *user, const char *text)
{
    (void)user;
    printf("%s\n", SHOWN(text));
}

static void print_valid(const char *path, const struct check_summary *s)
{
    const struct {
        size_t count;
        const char *word;
    } marks[] = {{s->noisy, "noisy"},     {s->few, "with few runs"}, {s->wrong, "wrong"},
                 {s->refused, "refused"}, {s->errors, "failed"},     {s->skipped, "skipped"}};
    int written = 0;
    printf("%s: valid, %zu results", SHOWN(path), s->results);
    for (int i = 0; i < 6; i++)
        if (marks[i].count) printf("%s%zu %s", written++ ? ", " : " (", marks[i].count, marks[i].word);
    printf("%s\n", written ? ")" : "");
}

int check_files(int count, char **paths)
{
    int status = 0;
    const struct check_out out = {print_line, NULL};
    for (int i = 0; i < count; i++) {
        struct check_summary summary;
        cJSON *root = check_file(paths[i], &out, &summary);
        if (!root)
            fprintf(stderr, "tuff-bench: %s: %s\n", SHOWN(paths[i]), summary.reason);
        else if (summary.problems)
            printf("%s: not valid, %zu problem%s\n", SHOWN(paths[i]), summary.problems, summary.problems == 1 ? "" : "s");
        else
            print_valid(paths[i], &summary);
        if (!root || summary.problems) status = 1;
        cJSON_Delete(root);
    }
    if (count == 0) fprintf(stderr, "tuff-bench: check which files?\n");
    return count == 0 ? 1 : status;
}

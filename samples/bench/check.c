/* check.c - a result file that somebody sent in: keys and types here, what its rows must agree with in check_rows.c. */
#include "check.h"
#include "check_fields.h"
#include "check_rows.h"
#include "document.h"
#include "stats.h"

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

/* ---- types ---------------------------------------------------------------------------------------------------------------- */

static bool is_choice(const char *text, const char *choices)
{
    size_t length = strlen(text);
    for (const char *at = choices; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, text, length) == 0 && (at[length] == '|' || at[length] == 0)) return true;
    }
    return false;
}

static bool is_hex(const char *text, const char *digits)
{
    size_t length = strlen(text);
    return length == strtoul(digits, NULL, 10) && strspn(text, "0123456789abcdef") == length;
}

static bool is_like(const char *text, const char *pattern)
{
    for (; *pattern && *pattern != '*'; text++, pattern++)
        if (*pattern == '0' ? *text < '0' || *text > '9' : *text != *pattern) return false;
    return *pattern == '*' ? strspn(text, "0123456789.") == strlen(text) : *text == 0;
}

static bool has_kind(const cJSON *item, const struct check_field *field)
{
    const char *text = cJSON_IsString(item) ? item->valuestring : NULL;
    double number = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    switch (field->kind) {
    case TRUTH: return cJSON_IsBool(item);
    case WHOLE: return number >= 0 && number <= 9007199254740992.0 && floor(number) == number;
    case NUMBER: return number >= 0 && isfinite(number);
    case REAL: return isfinite(number);
    case TEXT: return text && strlen(text) <= TEXT_MAX;
    case NAME: return text && *text && strlen(text) <= TEXT_MAX;
    case CHOICE: return text && *text && is_choice(text, field->choices);
    case HEX: return text && is_hex(text, field->choices);
    case LIKE: return text && is_like(text, field->choices);
    case OBJECT: return cJSON_IsObject(item);
    case LIST: return cJSON_IsArray(item);
    }
    return false;
}

static void expected_kind(const struct check_field *field, char text[CHECK_TEXT])
{
    static const char *const words[] = {[TRUTH] = "true or false",
                                        [WHOLE] = "a whole number",
                                        [NUMBER] = "a number that is not negative",
                                        [REAL] = "a number",
                                        [TEXT] = "a text of at most 2,000 bytes",
                                        [NAME] = "a text of 1 to 2,000 bytes",
                                        [CHOICE] = "one of ",
                                        [HEX] = "lower-case hex digits, as many as ",
                                        [LIKE] = "a text like ",
                                        [OBJECT] = "an object",
                                        [LIST] = "a list"};
    snprintf(text, CHECK_TEXT, "%s%s%s", words[field->kind], field->choices ? field->choices : "",
             field->nullable ? ", or null" : "");
}

/* Keys and types of one object. */
static bool check_object(struct check *c, const char *where, const char *section, const cJSON *json)
{
    const struct check_section *s = check_section(section);
    const cJSON *found[40] = {NULL}, *item = NULL; /* more than any section's fields */
    size_t before = c->summary->problems;
    char there[CHECK_TEXT], key[CHECK_TEXT], wanted[CHECK_TEXT];
    if (!cJSON_IsObject(json)) {
        check_problem(c, where, check_show(json, there), "an object");
        return false;
    }
    cJSON_ArrayForEach(item, json)
    {
        int f = 0;
        while (f < s->count && strcmp(s->fields[f].name, item->string) != 0) f++;
        check_printable(item->string, key);
        if (f == s->count)
            check_problem(c, where, check_show(item, there), "no key \"%s\"", key);
        else if (found[f])
            check_problem(c, where, "another one", "one \"%s\"", key);
        else
            found[f] = item;
    }
    for (int f = 0; f < s->count; f++) {
        if (found[f] && (has_kind(found[f], &s->fields[f]) || (s->fields[f].nullable && cJSON_IsNull(found[f])))) continue;
        expected_kind(&s->fields[f], wanted);
        check_problem(c, where, check_show(found[f], there), "\"%s\" to be %s", s->fields[f].name, wanted);
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
    const cJSON *version = get(root, "format_version"), *workload = get(root, "workload_version"), *device = NULL;
    if (version->valuedouble != 1) check_problem(c, "file", check_show(version, there), "\"format_version\" to be 1");
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
    static const char *const parts[] = {"peak_share", "check", "plan"};
    const cJSON *item = NULL;
    char inside[CHECK_TEXT + 20];
    if (!check_object(c, where, "result", row)) return false;
    size_t before = c->summary->problems;
    snprintf(inside, sizeof inside, "%s, work", where);
    check_object(c, inside, "work", get(row, "work"));
    for (int i = 0; i < 3; i++) {
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
    if (check_object(c, "file", "file", root)) {
        check_head(c, root);
        check_results(c, get(root, "results"));
    }
    free(c->rows);
    free(c->sorted);
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
    printf("%s\n", text);
}

static void print_valid(const char *path, const struct check_summary *s)
{
    const struct {
        size_t count;
        const char *word;
    } marks[] = {{s->noisy, "noisy"},     {s->few, "with few runs"}, {s->wrong, "wrong"},
                 {s->refused, "refused"}, {s->errors, "failed"},     {s->skipped, "skipped"}};
    int written = 0;
    printf("%s: valid, %zu results", path, s->results);
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
            fprintf(stderr, "tuff-bench: %s: %s\n", paths[i], summary.reason);
        else if (summary.problems)
            printf("%s: not valid, %zu problem%s\n", paths[i], summary.problems, summary.problems == 1 ? "" : "s");
        else
            print_valid(paths[i], &summary);
        if (!root || summary.problems) status = 1;
        cJSON_Delete(root);
    }
    if (count == 0) fprintf(stderr, "tuff-bench: check which files?\n");
    return count == 0 ? 1 : status;
}

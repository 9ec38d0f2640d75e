/* report.c - result files into the page report.html, which is in the program as report_page. */
#include "report.h"
#include "check.h"
#include "text.h"
#include "whole.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const unsigned char report_page[]; /* cmake/embed.cmake */
extern const size_t report_page_bytes;
enum { SAMPLES_SHOWN = 100 };
#define MARK "@RESULTS@"

/* Name of a file without its folders, printable. */
static void base_name(const char *path, char name[100])
{
    size_t n = 0;
    for (const char *c = path; *c; c++)
        if (*c == '/' || *c == '\\') path = c + 1;
    for (; path[n] && n < 99; n++) name[n] = path[n] >= 0x20 && path[n] < 0x7f ? path[n] : '?';
    name[n] = 0;
}

/* Samples of the row's clock, evenly left out where there are many: enough for a line of 100 pixels. */
static bool thin_row(cJSON *row)
{
    const char *clock = cJSON_GetObjectItemCaseSensitive(row, "clock")->valuestring;
    const char *key = strcmp(clock, "device") == 0 ? "device_ns" : "wall_ns";
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(row, key), *item = NULL;
    int count = cJSON_GetArraySize(list), at = 0, next = 0, shown = count < SAMPLES_SHOWN ? count : SAMPLES_SHOWN;
    cJSON *samples = cJSON_AddArrayToObject(row, "samples");
    bool good = samples != NULL;
    cJSON_ArrayForEach(item, list)
    {
        if (!good || at++ != (long long)next * count / shown) continue;
        cJSON *copy = cJSON_CreateNumber(item->valuedouble);
        if (copy) cJSON_AddItemToArray(samples, copy);
        good = copy != NULL;
        next++;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(row, "wall_ns");
    cJSON_DeleteItemFromObjectCaseSensitive(row, "device_ns");
    return good;
}

/* A valid file, thinned, or NULL after a sentence. */
static cJSON *read_file(const char *path)
{
    struct check_summary summary;
    char name[100];
    cJSON *root = check_file(path, NULL, &summary), *row = NULL;
    base_name(path, name);
    if (!root) {
        fprintf(stderr, "tuff-bench: %s: %s\n", SHOWN(path), summary.reason);
        return NULL;
    }
    bool good = summary.problems == 0;
    if (!good) fprintf(stderr, "tuff-bench: %s is not valid: tuff-bench check tells why\n", SHOWN(path));
    if (good && !cJSON_AddStringToObject(root, "file", name)) good = false;
    if (good) cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(root, "results")) good = good && thin_row(row);
    if (!good) {
        cJSON_Delete(root);
        root = NULL;
    }
    return root;
}

/* In JSON, < > & stand within texts alone; escaped, no text can end the script element that holds them. */
static void write_json(FILE *file, const char *json)
{
    for (; *json; json++)
        if (*json == '<' || *json == '>' || *json == '&')
            fprintf(file, "\\u%04x", (unsigned)*json);
        else
            fputc(*json, file);
}

static tuff_status write_page(struct tuff_context *context, const char *out, const char *json, struct tuff_error *error)
{
    const char *page = (const char *)report_page, *mark = strstr(page, MARK);
    struct whole whole;
    if (!mark || !whole_begin(&whole)) return TUFF_ERR_MEMORY;
    fwrite(page, 1, (size_t)(mark - page), whole.stream);
    write_json(whole.stream, json);
    mark += strlen(MARK);
    fwrite(mark, 1, report_page_bytes - (size_t)(mark - page), whole.stream);
    return whole_write(&whole, context, out, error);
}

/* "report A.json B.json" would put a page in the place of results. */
static bool is_result(const char *out, int count, char **paths)
{
    size_t length = strlen(out);
    bool result = length > 5 && strcmp(out + length - 5, ".json") == 0;
    for (int i = 0; i < count; i++) result = result || strcmp(out, paths[i]) == 0;
    if (result) fprintf(stderr, "tuff-bench: the first file of report is the page to write, which %s is not\n", SHOWN(out));
    return result;
}

int report_files(const char *out, int count, char **paths)
{
    const struct tuff_options options = {.struct_size = sizeof options};
    struct tuff_context *context = NULL;
    struct tuff_error error = {0};
    cJSON *all = cJSON_CreateArray();
    bool good = all != NULL && count > 0 && !is_result(out, count, paths);
    if (count <= 0) fprintf(stderr, "tuff-bench: report of which files?\n");
    for (int i = 0; good && i < count; i++) {
        cJSON *root = read_file(paths[i]);
        good = root && cJSON_AddItemToArray(all, root);
    }
    char *json = good ? cJSON_PrintUnformatted(all) : NULL;
    if (good && !json) fprintf(stderr, "tuff-bench: not enough memory for the report\n");
    good = json != NULL;
    if (good &&
        (tuff_context_create(&options, &context, &error) != TUFF_OK || write_page(context, out, json, &error) != TUFF_OK)) {
        fprintf(stderr, "tuff-bench: %s\n", error.message[0] ? error.message : "not enough memory for the report");
        good = false;
    }
    tuff_context_destroy(context);
    cJSON_free(json);
    cJSON_Delete(all);
    return good ? 0 : 1;
}

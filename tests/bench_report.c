/* bench_report.c - the page that compares result files: whole, from valid files alone, with every text of them as text.
 * bench_report OUT.html FILE..: only makes the page, for bench_browser.sh, which looks at it in a browser. */
#if TUFF_HAVE_JSON

#include "samples/bench/report.h"
#include "tests/temporary.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA TUFF_SOURCE_DIR "/tests/data/bench/"
#define HOSTILE "</script><script>alert(1)</script><!-- &amp; @RESULTS@ \" ' \\ \xe2\x80\xa8"

struct test {
    int cases, failures;
    char out[600], file[600];
};

static void expect(struct test *test, bool good, const char *what)
{
    test->cases++;
    test->failures += !good;
    if (!good) printf("expected: %s\n", what);
}

static char *read_all(const char *path) /* NULL when there is none */
{
    FILE *file = fopen(path, "rb");
    char *text = file ? calloc(1, 4 << 20) : NULL;
    size_t bytes = text ? fread(text, 1, (4 << 20) - 1, file) : 0;
    if (file) fclose(file);
    if (text) text[bytes] = 0;
    return text;
}

static void write_all(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) {
        printf("%s cannot be written\n", path);
        exit(1);
    }
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (; text && (text = strstr(text, part)); text += strlen(part)) n++;
    return n;
}

/* What a browser takes for the results: the text up to the first </script> behind their element's tag. */
static cJSON *results_of(struct test *test, const char *page)
{
    static const char tag[] = "id=\"results\">";
    const char *from = strstr(page, tag), *to = from ? strstr(from, "</script>") : NULL;
    if (!to) return NULL;
    from += strlen(tag);
    expect(test, !memchr(from, '<', (size_t)(to - from)), "no < in the results");
    return cJSON_ParseWithLength(from, (size_t)(to - from));
}

static void test_page(struct test *test)
{
    char *paths[] = {(char *)DATA "discrete.json", (char *)DATA "software.json"};
    expect(test, report_files(test->out, 2, paths) == 0, "a report of two files");
    char *page = read_all(test->out);
    if (!page) return;
    cJSON *results = results_of(test, page), *row = NULL;
    expect(test, cJSON_GetArraySize(results) == 2, "two files in the page");
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(cJSON_GetArrayItem(results, 0), "results"))
    {
        int samples = cJSON_GetArraySize(cJSON_GetObjectItem(row, "samples"));
        expect(test, !cJSON_GetObjectItem(row, "wall_ns") && samples == cJSON_GetObjectItem(row, "runs")->valueint,
               "samples of a row");
    }
    expect(test, count(page, "@RESULTS@") == 0, "no mark left");
    expect(test, count(page, "</script>") == 2, "two script elements");
    expect(test, count(page, "http") == count(page, "http-equiv") + count(page, "http://www.w3.org/2000/svg"), "no address");
    expect(test, count(page, "<link") + count(page, "src=") + count(page, "url(") + count(page, "@import") == 0,
           "nothing from outside");
    expect(test, count(page, "innerHTML") + count(page, "document.write") == 0, "no text that becomes markup");
    expect(test, strstr(page, "</html>") && strlen(strstr(page, "</html>")) == strlen("</html>\n"), "the page to its end");
    cJSON_Delete(results);
    free(page);
}

static void change(cJSON *object, const char *key, cJSON *value)
{
    cJSON_ReplaceItemInObjectCaseSensitive(object, key, value);
}

static void test_hostile(struct test *test)
{
    char *text = read_all(DATA "discrete.json");
    cJSON *root = cJSON_Parse(text), *device = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "devices"), 0);
    change(device, "name", cJSON_CreateString(HOSTILE));
    change(cJSON_GetArrayItem(cJSON_GetObjectItem(root, "results"), 3), "title", cJSON_CreateString(HOSTILE));
    char *hostile = cJSON_PrintUnformatted(root), *paths[] = {test->file};
    write_all(test->file, hostile);
    expect(test, report_files(test->out, 1, paths) == 0, "a report of a valid file with a hostile name");
    char *page = read_all(test->out);
    cJSON *results = page ? results_of(test, page) : NULL;
    device = cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetArrayItem(results, 0), "devices"), 0);
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(device, "name"));
    expect(test, name && strcmp(name, HOSTILE) == 0, "the name as it was");
    expect(test, count(page, "</script>") == 2, "two script elements, whatever the name");
    cJSON_Delete(results);
    cJSON_Delete(root);
    cJSON_free(hostile);
    free(page);
    free(text);
}

/* A row may have 10,000 samples; the page shows 100 of them. */
static void test_many(struct test *test)
{
    cJSON *root = NULL, *row = NULL;
    char *text = read_all(DATA "discrete.json");
    root = cJSON_Parse(text);
    row = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "results"), 8);
    double sample[10000];
    for (int i = 0; i < 10000; i++) sample[i] = 1e6;
    change(row, "wall_ns", cJSON_CreateDoubleArray(sample, 10000));
    change(row, "runs", cJSON_CreateNumber(10000));
    static const char *const figures[] = {"median_ns", "p90_ns", "p99_ns"};
    for (int i = 0; i < 3; i++) change(row, figures[i], cJSON_CreateNumber(1e6));
    change(row, "spread", cJSON_CreateNumber(0));
    static const char *const values[] = {"value", "low", "high"};
    for (int i = 0; i < 3; i++) change(row, values[i], cJSON_CreateNumber(1)); /* us of each of 1,000 */
    change(root, "seconds", cJSON_CreateNumber(1e6));
    change(row, "noisy", cJSON_CreateFalse());
    char *many = cJSON_PrintUnformatted(root), *paths[] = {test->file};
    write_all(test->file, many);
    expect(test, report_files(test->out, 1, paths) == 0, "a report of a row of 10,000 samples");
    char *page = read_all(test->out);
    cJSON *results = page ? results_of(test, page) : NULL;
    row = cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetArrayItem(results, 0), "results"), 8);
    expect(test, cJSON_GetArraySize(cJSON_GetObjectItem(row, "samples")) == 100, "100 samples shown");
    cJSON_Delete(results);
    cJSON_Delete(root);
    cJSON_free(many);
    free(page);
    free(text);
}

static void test_refused(struct test *test)
{
    char *bad[] = {(char *)DATA "discrete.json", test->file}, *none[] = {(char *)DATA "none.json"};
    char *good[] = {(char *)DATA "discrete.json"};
    write_all(test->out, "before");
    write_all(test->file, "{\"format\": \"tuff-bench\"}");
    expect(test, report_files(test->out, 2, bad) == 1, "no report where a file is not valid");
    expect(test, report_files(test->out, 1, none) == 1, "no report of a file that is not there");
    expect(test, report_files(test->out, 0, none) == 1, "no report of nothing");
    char *page = read_all(test->out);
    expect(test, page && strcmp(page, "before") == 0, "the file as it was");
    free(page);
    expect(test, report_files(TUFF_SOURCE_DIR "/tests/none/out.html", 1, good) == 1,
           "a sentence where it cannot be written");
    expect(test, report_files(test->file, 1, good) == 1, "no page in the place of results");
    page = read_all(test->file);
    expect(test, page && strstr(page, "tuff-bench"), "the results as they were");
    free(page);
}

int main(int argument_count, char **arguments)
{
    struct test test = {0};
    if (argument_count > 2) return report_files(arguments[1], argument_count - 2, arguments + 2);
    temporary_path("bench-report", test.out, sizeof test.out);
    snprintf(test.file, sizeof test.file, "%s", test.out);
    strcat(test.out, ".html");
    strcat(test.file, ".json");
    test_page(&test);
    test_hostile(&test);
    test_many(&test);
    test_refused(&test);
    remove(test.out);
    remove(test.file);
    printf("bench_report: %d cases, %d failures\n", test.cases, test.failures);
    return test.failures != 0;
}

#else

#include <stdio.h>

int main(void)
{
    printf("bench_report: this Tuff is built without cJSON\n");
    return 77;
}

#endif

/* bench_check.c - what tuff-bench says about result files: the rules of figures against values by hand, good files, one change
 * at a time to a good file and the sentence for it, and files that are broken in any way. */
#if TUFF_HAVE_JSON

#include "samples/bench/check.h"
#include "samples/bench/check_schema.h"
#include "samples/bench/stats.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA TUFF_SOURCE_DIR "/tests/data/bench/"

struct test {
    int cases, failures;
    char lines[100000]; /* of the last check */
};

static void expect(struct test *test, bool good, const char *what, const char *expected, const char *got)
{
    test->cases++;
    if (good) return;
    test->failures++;
    printf("%s: expected %s, got\n%s\n", what, expected, got);
}

static void keep_line(void *user, const char *text)
{
    struct test *test = user;
    size_t used = strlen(test->lines);
    if (used + strlen(text) + 2 < sizeof test->lines) sprintf(test->lines + used, "%s\n", text);
    for (const char *at = text; *at; at++)
        if (*at < 0x20 || *at > 0x7e) expect(test, false, "a line", "printable text", text);
}

/* Problems of a text; SIZE_MAX when it is nothing to look at. Lines, or the reason, are in test->lines. */
static size_t problems(struct test *test, const char *text, size_t bytes)
{
    struct check_summary summary;
    const struct check_out out = {keep_line, test};
    test->lines[0] = 0;
    cJSON *root = check_text(text, bytes, &out, &summary);
    if (!root) snprintf(test->lines, sizeof test->lines, "%s", summary.reason);
    bool parsed = root != NULL;
    cJSON_Delete(root);
    return parsed ? summary.problems : SIZE_MAX;
}

static char *read_all(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);
    if (!file || !text) {
        printf("%s cannot be read\n", path);
        exit(1);
    }
    *bytes = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    return text;
}

/* ---- stats.h against values by hand ------------------------------------------------------------------------------------- */

static void expect_near(struct test *test, const char *what, double expected, double got)
{
    char wanted[40], there[40];
    snprintf(wanted, sizeof wanted, "%.12g", expected);
    snprintf(there, sizeof there, "%.12g", got);
    expect(test, fabs(expected - got) <= 1e-12 * fabs(expected) + 1e-15, what, wanted, there);
}

static void test_stats(struct test *test)
{
    const double four[] = {4, 1, 3, 2}, ten[] = {190, 100, 160, 101, 152, 103, 151, 108, 150, 120}, one[] = {7};
    struct stats s;
    expect(test, stats_of(four, 4, &s), "four samples", "figures", "none");
    expect_near(test, "median of 1 2 3 4", 2.5, s.median);
    expect_near(test, "p90 of 1 2 3 4", 3.7, s.p90); /* h = 2.7 */
    expect_near(test, "p99 of 1 2 3 4", 3.97, s.p99);
    expect_near(test, "spread of 1 2 3 4", (3.25 - 1.75) / 2.5, s.spread);
    expect(test, stats_of(ten, 10, &s), "ten samples", "figures", "none");
    expect_near(test, "median of ten", 135, s.median);
    expect_near(test, "p90 of ten", 163, s.p90);
    /* of these the independent writing in tests/data/bench/make.py says the same */
    expect_near(test, "low of ten", 102, s.low);
    expect_near(test, "high of ten", 152.075, s.high);
    expect(test, stats_of(one, 1, &s) && s.low == 7 && s.high == 7 && s.p99 == 7 && s.spread == 0, "one sample", "7",
           "another");
    expect(test, !stats_of(one, 0, &s), "no samples", "none", "figures");
    expect(test, !stats_of(one, STATS_RUNS_MAX + 1, &s), "too many samples", "none", "figures");
}

static void test_values(struct test *test)
{
    const struct stats_work work = {3e9, 2e9, 50};
    expect_near(test, "GFLOP/s", 3000, stats_value("operator", "GFLOP/s", &work, 1e6));
    expect_near(test, "GB/s", 2000, stats_value("operator", "GB/s", &work, 1e6));
    expect_near(test, "samples/s", 50000, stats_value("net", "samples/s", &work, 1e6));
    expect_near(test, "ms of a net", 1, stats_value("net", "ms", &work, 1e6));
    expect_near(test, "us of a launch", 20, stats_value("peak", "us", &work, 1e6));
    expect(test, isnan(stats_value("net", "parsecs", &work, 1e6)), "parsecs", "no figure", "one");
    expect(test, isnan(stats_value("net", "ms", &work, 0)), "no time", "no figure", "one");
}

/* ---- one change to a good file ------------------------------------------------------------------------------------------- */

#define MATMUL "operator/matmul/1024x1024x1024/f32.f32.f32/warm"
#define MATMUL_COLD "operator/matmul/1024x1024x1024/f32.f32.f32/cold"
#define NET "net/resnet18/infer/b1/f32.f32.f32"
#define REFUSED "operator/add/4194304/f32.f32.f32/warm"
static const struct mutation {
    const char *row, *path; /* id of a row, or NULL: the file; keys and indices, "check/nmse" */
    const char *value;      /* JSON; NULL: the key goes. "+key": a key more */
    const char *sentence;
} mutations[] = {
    {NULL, "format", "\"geekbench\"", "file: expected \"format\" to be tuff-bench, there is \"geekbench\""},
    {NULL, "format_version", "2", "\"format_version\" to be 1, there is 2"},
    {NULL, "workload_version", "99", "\"workload_version\" that this tuff-bench knows, there is 99"},
    {NULL, "started", "\"yesterday\"",
     "\"started\" to be a text like ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$, there is \"yesterday\""},
    {NULL, "seconds", "0.001", "\"seconds\" to be at least the sum of all samples"},
    {NULL, "binary_hash", "\"XYZ\"", "\"binary_hash\" to be a text like ^[0-9a-f]{16}$, there is \"XYZ\""},
    {NULL, "binary_hash", NULL, "\"binary_hash\" to be a text like ^[0-9a-f]{16}$, there is nothing"},
    {NULL, "score", "9001", "file: expected no key \"score\", there is 9001"},
    {NULL, "results", "[]", "expected 1 to 10000 results, there is 0"},
    {NULL, "results", "{}", "\"results\" to be a list, there is an object"},
    {NULL, "devices", "[]", "expected 1 to 64 devices, there is 0"},
    {NULL, "system", "[1]", "\"system\" to be an object, there is a list"},
    {NULL, "options/min_runs", "5", "at least 1 s and 20 runs of what is not \"quick\", there is 1 s and 5 runs"},
    {NULL, "options/max_seconds", "0.5", "\"max_seconds\" to be at least 1 s, there is 0.5 s"},
    {NULL, "devices/0/kind", "\"quantum\"", "device 0: expected \"kind\" to be one of software|"},
    {NULL, "devices/0/caps/subgroup_size", "null",
     "device 0: expected a number, a text, true or false at \"subgroup_size\""},
    {NULL, "devices/0/driver_rows", "[1]", "device 0: expected texts in \"driver_rows\", there is 1"},
    {MATMUL, "device", "1", "\"device\" to be below 1, there is 1"},
    {MATMUL, "group", "\"net\"", "an id that starts with its group, \"net/\""},
    {MATMUL, "id", "\"operator/<b>\"", "\"id\" to be a text like ^[A-Za-z0-9._/+-]{1,200}$"},
    {MATMUL, "id", "\"operator/softmax/4096x1024/f32.f32.f32/warm\"",
     "one row of this id on device 0, there is another one"},
    {MATMUL, "title", "\"\"", "\"title\" to be a text of 1 to 2,000 bytes, there is \"\""},
    {MATMUL, "status", "\"great\"", "\"status\" to be one of ok|wrong|refused|error|skipped, there is \"great\""},
    {MATMUL, "status", "\"wrong\"", "\"value\" to be null (only a row that is \"ok\" has a figure)"},
    {MATMUL, "status", "\"refused\"", "a \"message\" that says why it is \"refused\", there is nothing"},
    {MATMUL, "value", "99999", "\"value\" to be 1"},
    {MATMUL, "value", "null", "(from the median, by its unit), there is null"},
    {MATMUL, "value", "1e999", "\"value\" to be a number that is not negative, or null, there is inf"},
    {MATMUL, "low", "1", "(bootstrap of the median), there is 1"},
    {MATMUL, "high", "1e6", "(bootstrap of the median), there is 1000000"},
    {MATMUL, "unit", "\"s\"", "a unit of the group \"operator\": GFLOP/s"},
    {MATMUL, "unit", "\"GB/s\"", "\"value\" to be "},
    {MATMUL, "better", "\"lower\"", "\"better\" to be \"higher\" for GFLOP/s, there is \"lower\""},
    {MATMUL, "cache", "\"lukewarm\"", "\"cache\" to be one of warm|cold, or null, there is \"lukewarm\""},
    {MATMUL, "work/flops", "1e15", "a share of the best of \"peak/f32/independent\" of at most 1, or \"refused\""},
    {MATMUL_COLD, "work/bytes", "1e12", "a share of the best of \"peak/copy\" of at most 1, or \"refused\", there is "},
    {MATMUL, "work/flops", "-1", MATMUL ", work: expected \"flops\" to be a number that is not negative, there is -1"},
    {MATMUL, "work", "{}", MATMUL ", work: expected \"flops\" to be a number that is not negative, there is nothing"},
    {MATMUL, "runs", "21", "\"runs\" to be 20 (the samples in wall_ns), there is 21"},
    {MATMUL, "runs", "20.5", "\"runs\" to be a whole number, there is 20.5"},
    {MATMUL, "wall_ns/3", "-5", "times that are not negative in \"wall_ns\", there is -5"},
    {MATMUL, "device_ns/3", "\"fast\"", "times that are not negative in \"device_ns\", there is \"fast\""},
    {MATMUL, "device_ns/19", NULL, "\"device_ns\" to hold 0 or 20 samples, as wall_ns, there is 19"},
    {MATMUL, "device_ns", "[]", "samples in \"device_ns\" (\"clock\"), there is none"},
    {MATMUL, "device_ns/0", "1", "(from device_ns)"},
    {MATMUL, "clock", "\"wall\"", "(from wall_ns)"},
    {MATMUL, "median_ns", "1", "\"median_ns\" to be "},
    {MATMUL, "p90_ns", "1", "\"p90_ns\" to be "},
    {MATMUL, "p99_ns", "null", "\"p99_ns\" to be "},
    {MATMUL, "spread", "0", "((p75 - p25) / median), there is 0"},
    {MATMUL, "noisy", "true", "\"noisy\" to be false (a spread above 0.10), there is true"},
    {MATMUL, "few", "true", "\"few\" to be false (fewer runs than \"min_runs\" in \"options\"), there is true"},
    {MATMUL, "flops_per_second", "1", "(work.flops / median), there is 1"},
    {MATMUL, "bytes_per_second", "null", "(work.bytes / median), there is null"},
    {MATMUL, "peak_share/arithmetic", "0.99", "\"arithmetic\" to be 0."},
    {MATMUL, "work/bytes", "1e12", "a share of the best of \"peak/copy\" of at most 1, or \"refused\""},
    {MATMUL, "load", NULL, "\"load\""},
    {MATMUL, "load/others", "-1", "\"others\" to be a number that is not negative"},
    {MATMUL, "peak_share/arithmetic_peak", "\"peak/none\"",
     "a good peak \"peak/none\" with \"flops_per_second\" in this file"},
    {MATMUL, "peak_share/bandwidth_peak", "null", "\"bandwidth\" to be null (no peak is named)"},
    {MATMUL, "check", "null", "a check, since \"status\" is \"ok\", there is none"},
    {MATMUL, "check/ok", "false", "a check that is ok, as \"status\" is, there is false"},
    {MATMUL, "check/nmse", "0.5", "what \"check\" calls ok, there is nmse 0.5"},
    {MATMUL, "check/nmse", "null", "what \"check\" calls ok, there is nmse nan"},
    {MATMUL, "check/compared", "0", "what \"check\" calls ok"},
    {MATMUL, "check/kind", "\"none\"", "a check, since \"status\" is \"ok\", there is none"},
    {MATMUL, "extra", "{\"batch\": null}", "a number, a text, true or false at \"batch\", there is null"},
    {MATMUL, "series", "[{\"t\": 0, \"value\": 1, \"clock_mhz\": null, \"temperature_c\": null}]",
     "no \"series\" but in the group"},
    {NET, "plan/bytes_moved", "1", "\"bytes_moved\" of at least "},
    {NET, "plan/scratch_bytes", "1", "\"scratch_bytes\" of at least "},
    {NET, "plan/launches", "-3", NET ", plan: expected \"launches\" to be a whole number, there is -3"},
    {NET, "plan/plan_hash", "\"0\"", "\"plan_hash\" to be a text like ^[0-9a-f]{16}$, there is \"0\""},
    {REFUSED, "value", "5", "\"value\" to be null (only a row that is \"ok\" has a figure), there is 5"},
    {REFUSED, "status", "\"ok\"", "\"value\" to be "},
    {"sustained/matmul", "series", "[]", "a \"series\" of what is sustained, there is 0 points"},
    {"sustained/matmul", "series/2/t", "1", "\"t\" to rise in \"series\", after 10, there is 1"},
    {"sustained/matmul", "series/2/value", "null", "sustained/matmul, series: expected \"value\" to be a number"},
};

static cJSON *find_row(cJSON *root, const char *id)
{
    cJSON *row = NULL;
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(root, "results")) if (strcmp(cJSON_GetObjectItem(row, "id")->valuestring,
                                                                             id) == 0) return row;
    printf("there is no row %s\n", id);
    exit(1);
}

static char *mutate(const char *good, size_t bytes, const struct mutation *m)
{
    cJSON *root = cJSON_ParseWithLength(good, bytes), *at = m->row ? find_row(root, m->row) : root;
    char path[100];
    snprintf(path, sizeof path, "%s", m->path);
    char *key = path;
    for (char *slash = strchr(key, '/'); slash; slash = strchr(key, '/')) {
        *slash = 0;
        at = cJSON_IsArray(at) ? cJSON_GetArrayItem(at, atoi(key)) : cJSON_GetObjectItem(at, key);
        key = slash + 1;
    }
    cJSON *value = m->value ? cJSON_CreateRaw(m->value) : NULL;
    if (cJSON_IsArray(at) && value)
        cJSON_ReplaceItemInArray(at, atoi(key), value);
    else if (cJSON_IsArray(at))
        cJSON_DeleteItemFromArray(at, atoi(key));
    else
        cJSON_DeleteItemFromObject(at, key);
    if (cJSON_IsObject(at) && value) cJSON_AddItemToObject(at, key, value);
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}

static void test_mutations(struct test *test, const char *good, size_t bytes)
{
    for (size_t i = 0; i < sizeof mutations / sizeof mutations[0]; i++) {
        const struct mutation *m = &mutations[i];
        char what[200], *text = mutate(good, bytes, m);
        snprintf(what, sizeof what, "%s %s = %s", m->row ? m->row : "file", m->path, m->value ? m->value : "(gone)");
        size_t found = problems(test, text, strlen(text));
        expect(test, found > 0 && strstr(test->lines, m->sentence), what, m->sentence, test->lines);
        cJSON_free(text);
    }
}

/* ---- broken files ----------------------------------------------------------------------------------------------------------- */

static void expect_reason(struct test *test, const char *text, size_t bytes, const char *reason)
{
    size_t found = problems(test, text, bytes);
    expect(test, found == SIZE_MAX && strstr(test->lines, reason), text, reason, test->lines);
}

static void test_texts(struct test *test)
{
    char deep[200];
    static const char *const cases[][2] = {
        {"", "it is no JSON"},
        {"{", "it is no JSON"},
        {"{} {}", "it is no JSON"},
        {"{\"a\": NaN}", "a character that JSON has no use for"},
        {"{\"a\": 01}", "a number that is none"},
        {"{\"a\": 1.}", "a number that is none"},
        {"{\"a\": -}", "a number that is none"},
        {"{\"a\": \"\\u0000\"}", "a zero character in a text"},
        {"{\"a\": \"\x1b[2J\"}", "a control character in a text"},
        {"{\"a\": \"\xc0\xaf\"}", "a byte that is no UTF-8"},
        {"{\"a\": \"\xed\xa0\x80\"}", "a byte that is no UTF-8"},
        {"{\"a\": \"", "a text without an end"},
        {"{\"a\": \"\\", "a text without an end"},
        {"}", "a bracket too many"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_reason(test, cases[i][0], strlen(cases[i][0]), cases[i][1]);
    memset(deep, '[', sizeof deep);
    expect_reason(test, deep, sizeof deep, "brackets in brackets, too deep");
    expect_reason(test, "{\"a\"\0: 1}", 9, "a character that JSON has no use for");
    expect(test, problems(test, "[]", 2) == 1, "a list", "one problem", test->lines);
    expect(test, problems(test, "{}", 2) == 11, "nothing in it", "a problem for each key", test->lines);
    expect(test, problems(test, "{\"a\\u001b[2J\": 1}", 17) == 12, "an escape sequence", "no crash", test->lines);
    size_t bytes = 65 << 20;
    char *large = malloc(bytes);
    if (large) {
        memset(large, ' ', bytes);
        expect_reason(test, large, bytes, "more than 64 MiB");
        memset(large, ',', bytes);
        expect_reason(test, large, 20 << 20, "more than 4,000,000 values");
    }
    free(large);
}

static uint32_t random_below(uint64_t *state, size_t n) /* Knuth's MMIX generator */
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 32) * n >> 32);
}

/* Cut off anywhere, and with bytes changed to what JSON is made of: any answer will do. */
static void test_random(struct test *test, const char *good, size_t bytes)
{
    static const char letters[] = "0123456789-+.eE\",:[]{}\\nulltrue \n\x80\xff";
    uint64_t state = 8;
    size_t valid = 0, rounds = 300;
    char *text = malloc(bytes);
    if (!text) return;
    for (size_t i = 0; i < rounds; i++) {
        size_t length = bytes - (i % 3 == 0 ? 1 + random_below(&state, bytes - 1) : 0);
        char *exact = malloc(length ? length : 1); /* so that a sanitizer sees every byte too far */
        memcpy(exact, good, length);
        for (size_t k = random_below(&state, 4); k > 0 && length; k--)
            exact[random_below(&state, length)] = letters[random_below(&state, sizeof letters - 1)];
        valid += problems(test, exact, length) == 0;
        free(exact);
    }
    free(text);
    expect(test, valid < rounds / 4, "random changes", "most of them noticed", "too few");
}

/* ---- the schema ---------------------------------------------------------------------------------------------------------------- */

/* Every object allows its own keys alone, and requires all of them; each rule is one that the checker knows. */
static void test_schema(struct test *test)
{
    static const char *const sections[] = {"file", "system",     "options", "device", "result",
                                           "work", "peak_share", "check",   "plan",   "series"};
    cJSON *schema = schema_open();
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        const cJSON *section = i ? cJSON_GetObjectItem(cJSON_GetObjectItem(schema, "$defs"), sections[i]) : schema,
                    *rule = NULL;
        const cJSON *rules = schema_section(schema, sections[i]), *name = NULL,
                    *required = cJSON_GetObjectItem(section, "required");
        char words[200];
        expect(test, cJSON_IsFalse(cJSON_GetObjectItem(section, "additionalProperties")), sections[i], "no further keys",
               "some");
        expect(test, rules && cJSON_GetArraySize(rules) == cJSON_GetArraySize(required), sections[i], "all required",
               "not all");
        cJSON_ArrayForEach(name, required) expect(test, cJSON_GetObjectItemCaseSensitive(rules, name->valuestring) != NULL,
                                                  sections[i], "a rule for each required key", name->valuestring);
        cJSON_ArrayForEach(rule, rules)
        {
            schema_words(rule, words, sizeof words);
            expect(test, words[0] != 0, rule->string, "words for it", "none");
        }
    }
    cJSON_Delete(schema);
}

static bool fits(const char *rule, const char *item)
{
    cJSON *r = cJSON_Parse(rule), *i = cJSON_Parse(item);
    bool result = r && i && schema_fits(r, i);
    cJSON_Delete(r);
    cJSON_Delete(i);
    return result;
}

static void test_rules(struct test *test)
{
    static const struct {
        const char *rule, *item;
        bool fits;
    } cases[] = {
        {"{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{4}$\"}", "\"09af\"", true},
        {"{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{4}$\"}", "\"09a\"", false},
        {"{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{4}$\"}", "\"09af0\"", false},
        {"{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{4}$\"}", "\"09aF\"", false},
        {"{\"type\":\"string\",\"pattern\":\"^[0-9]\\\\.[0-9.]*$\"}", "\"1.2.3\"", true},
        {"{\"type\":\"string\",\"pattern\":\"^[0-9]\\\\.[0-9.]*$\"}", "\"1x2\"", false},
        {"{\"type\":\"string\",\"pattern\":\"^[A-Z._/+-]{1,3}$\"}", "\"A/-\"", true},
        {"{\"type\":\"string\",\"pattern\":\"^[A-Z._/+-]{1,3}$\"}", "\"\"", false},
        {"{\"type\":\"string\",\"pattern\":\"^[A-Z._/+-]{1,3}$\"}", "\"AAAA\"", false},
        {"{\"type\":[\"number\",\"null\"],\"minimum\":0}", "null", true},
        {"{\"type\":[\"number\",\"null\"],\"minimum\":0}", "-1", false},
        {"{\"type\":\"integer\",\"minimum\":0}", "1.5", false},
        {"{\"type\":\"integer\",\"minimum\":0}", "12", true},
        {"{\"enum\":[\"a\",null]}", "null", true},
        {"{\"enum\":[\"a\",null]}", "\"b\"", false},
        {"{\"const\":1}", "2", false},
        {"{\"oneOf\":[{\"$ref\":\"x\"},{\"type\":\"null\"}]}", "{}", true},
        {"{\"oneOf\":[{\"$ref\":\"x\"},{\"type\":\"null\"}]}", "[]", false},
        {"{\"type\":\"string\",\"minLength\":1,\"maxLength\":2}", "\"abc\"", false},
        {"{\"unknown\":1}", "1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect(test, fits(cases[i].rule, cases[i].item) == cases[i].fits, cases[i].rule,
               cases[i].fits ? "it fits" : "it does not fit", cases[i].item);
}

int main(void)
{
    struct test *test = calloc(1, sizeof *test);
    size_t bytes = 0;
    if (!test) return 1;
    char *good = read_all(DATA "discrete.json", &bytes);
    expect(test, problems(test, good, bytes) == 0, "discrete.json", "no problem", test->lines);
    test_stats(test);
    test_values(test);
    test_mutations(test, good, bytes);
    test_texts(test);
    test_random(test, good, bytes);
    test_schema(test);
    test_rules(test);
    free(good);
    good = read_all(DATA "software.json", &bytes);
    expect(test, problems(test, good, bytes) == 0, "software.json", "no problem", test->lines);
    free(good);
    char *paths[] = {(char *)DATA "discrete.json", (char *)DATA "software.json", (char *)DATA "none.json"};
    expect(test, check_files(2, paths) == 0 && check_files(3, paths) == 1, "exit status", "0, then 1", "another");
    int failures = test->failures;
    printf("bench_check: %d cases, %d failures\n", test->cases, failures);
    free(test);
    return failures != 0;
}

#else

#include <stdio.h>

int main(void)
{
    printf("bench_check: this Tuff is built without cJSON\n");
    return 77;
}

#endif

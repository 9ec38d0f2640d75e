/* result.c - any bytes as a result file of tuff-bench, which strangers send in. What is said about it can be printed. */
#define _POSIX_C_SOURCE 200809L
#include "samples/bench/check.h"
#include "samples/bench/check_schema.h"
#include "tests/fuzz/fuzz.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>

/* In place of samples/bench/known.c, which asks all works for their ids. */
bool known_workload(uint32_t workload_version) { return workload_version == 1; }
bool known_id(uint32_t workload_version, const char *id) { return known_workload(workload_version) && id[0] != 'x'; }

/* The schema is parsed once: each call gets an own root with borrowed children (-Wl,--wrap: cmake/fuzz.cmake). */
cJSON *__real_schema_open(void);
cJSON *__wrap_schema_open(void);
cJSON *__wrap_schema_open(void)
{
    static cJSON *schema;
    if (!schema) schema = __real_schema_open();
    return schema ? cJSON_CreateObjectReference(schema->child) : NULL;
}

static void print(void *user, const char *text)
{
    (void)user;
    for (; *text; text++) FUZZ_REQUIRE(*text >= 0x20 && *text < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct check_summary summary;
    const struct check_out out = {print, NULL};
    cJSON *root = check_text((const char *)data, size, &out, &summary);
    FUZZ_REQUIRE(root || summary.reason[0]);
    FUZZ_REQUIRE(fuzz_is_shown(summary.reason));
    cJSON_Delete(root);
    return 0;
}

/* ---- mutations of values ----------------------------------------------------------------------------------------------------------- */

static size_t count_values(const cJSON *json)
{
    size_t count = 1;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json) count += count_values(item);
    return count;
}

/* The value number *index, counted from json on, and what it is in. */
static cJSON *find_value(cJSON *json, size_t *index, cJSON **in)
{
    cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        if ((*index)-- == 0) {
            *in = json;
            return item;
        }
        cJSON *found = find_value(item, index, in);
        if (found) return found;
    }
    return NULL;
}

static cJSON *another(unsigned seed)
{
    static const char *const texts[] = {"ok",       "wrong",     "error",  "refused", "skipped",      "us",
                                        "ms",       "s",         "GB/s",   "GFLOP/s", "samples/s",    "higher",
                                        "lower",    "device",    "wall",   "peak",    "net",          "first",
                                        "accuracy", "sustained", "values", "",        "x\x01\xc3\xa9"};
    static const double numbers[] = {0, 1, -1, 0.5, 1e300, 4294967296.0, 10, 1e-300, 9007199254740993.0, 100};
    switch (seed % 8) {
    case 0: return cJSON_CreateNull();
    case 1: return cJSON_CreateBool(seed / 8 % 2);
    case 2: return cJSON_CreateArray();
    case 3: return cJSON_CreateObject();
    case 4:
    case 5: return cJSON_CreateNumber(numbers[seed / 8 % TUFF_COUNT(numbers)]);
    default: return cJSON_CreateString(texts[seed / 8 % TUFF_COUNT(texts)]);
    }
}

/* One value becomes another, twice as large, goes, or comes twice. */
static void change(cJSON *root, unsigned seed)
{
    cJSON *in = NULL;
    size_t index = seed / 64 % count_values(root);
    cJSON *value = find_value(root, &index, &in), *made = NULL;
    if (!value) return;
    switch (seed % 8) {
    case 0: cJSON_Delete(cJSON_DetachItemViaPointer(in, value)); return;
    case 1:
        if (!(made = cJSON_Duplicate(value, true))) return;
        if (cJSON_IsArray(in))
            cJSON_AddItemToArray(in, made);
        else
            cJSON_AddItemToObject(in, value->string, made);
        return;
    case 2:
        if (cJSON_IsString(value) && (made = cJSON_CreateString(value->valuestring)) != NULL && made->valuestring[0])
            made->valuestring[seed / 64 % strlen(made->valuestring)] = (char)(0x20 + seed / 512 % 95);
        break;
    case 3:
    case 4:
        if (cJSON_IsNumber(value)) made = cJSON_CreateNumber(value->valuedouble * (seed % 8 == 3 ? 2 : 0.999));
        break;
    default: made = another(seed / 8);
    }
    if (!made) return;
    if (value->string) {
        char *key = strdup(value->string); /* cJSON frees the value's before it copies it */
        if (!key) abort();
        cJSON_Delete(cJSON_DetachItemViaPointer(in, value));
        cJSON_AddItemToObject(in, key, made);
        free(key);
    } else {
        cJSON_ReplaceItemViaPointer(in, value, made);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    cJSON *root = seed % 8 ? cJSON_ParseWithLength((const char *)data, size) : NULL;
    if (!root) return LLVMFuzzerMutate(data, size, most);
    for (unsigned i = 0; i <= seed % 3; i++) change(root, (unsigned)tuff_hash(i, &seed, sizeof seed));
    char *text = cJSON_PrintUnformatted(root);
    size_t bytes = text ? strlen(text) : 0;
    if (bytes && bytes <= most)
        memcpy(data, text, bytes);
    else
        bytes = LLVMFuzzerMutate(data, size, most);
    free(text);
    cJSON_Delete(root);
    return bytes;
}

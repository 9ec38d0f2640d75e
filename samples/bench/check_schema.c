/* check_schema.c - see check_schema.h. */
#include "check_schema.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const unsigned char result_schema[]; /* cmake/embed.cmake */
extern const size_t result_schema_bytes;

static const cJSON *get(const cJSON *json, const char *key) { return cJSON_GetObjectItemCaseSensitive(json, key); }

cJSON *schema_open(void) { return cJSON_ParseWithLength((const char *)result_schema, result_schema_bytes); }

const cJSON *schema_section(const cJSON *schema, const char *section)
{
    return get(strcmp(section, "file") == 0 ? schema : get(get(schema, "$defs"), section), "properties");
}

/* ---- patterns: characters, \c, [classes], each with *, {n} or {n,m} behind it; ^ before and $ behind all of it ------------- */

/* Is c what the pattern begins with? *next: behind it. */
static bool fits_one(const char *pattern, char c, const char **next)
{
    bool inside = false;
    if (*pattern != '[') {
        pattern += *pattern == '\\';
        *next = pattern + 1;
        return *pattern == c;
    }
    for (pattern++; *pattern && *pattern != ']'; pattern++) {
        bool range = pattern[1] == '-' && pattern[2] && pattern[2] != ']';
        inside = inside || (range ? c >= pattern[0] && c <= pattern[2] : c == *pattern);
        if (range) pattern += 2;
    }
    *next = pattern + (*pattern == ']');
    return inside && c;
}

static bool fits_pattern(const char *pattern, const char *text)
{
    for (pattern += *pattern == '^'; *pattern && *pattern != '$';) {
        const char *next = pattern, *one = pattern;
        char *end = NULL;
        unsigned long least = 1, most = 1, count = 0;
        (void)fits_one(one, 0, &next);
        if (*next == '*') {
            least = 0;
            most = ULONG_MAX;
            next++;
        } else if (*next == '{') {
            least = most = strtoul(next + 1, &end, 10);
            if (*end == ',') most = strtoul(end + 1, &end, 10);
            next = end + 1;
        }
        for (pattern = next; count < most && *text && fits_one(one, *text, &next); count++) text++;
        if (count < least) return false;
    }
    return *text == 0;
}

/* ---- rules ------------------------------------------------------------------------------------------------------------------ */

static bool fits_type(const char *type, const cJSON *item)
{
    double number = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    if (!strcmp(type, "null")) return cJSON_IsNull(item);
    if (!strcmp(type, "boolean")) return cJSON_IsBool(item);
    if (!strcmp(type, "integer")) return fabs(number) <= 9007199254740992.0 && floor(number) == number;
    if (!strcmp(type, "number")) return isfinite(number);
    if (!strcmp(type, "string")) return cJSON_IsString(item);
    return !strcmp(type, "object") ? cJSON_IsObject(item) : cJSON_IsArray(item);
}

/* "type": one, or a list of which one fits */
static bool fits_types(const cJSON *types, const cJSON *item)
{
    const cJSON *type = NULL;
    if (cJSON_IsString(types)) return fits_type(types->valuestring, item);
    cJSON_ArrayForEach(type, types) if (fits_type(type->valuestring, item)) return true;
    return false;
}

bool schema_fits(const cJSON *rule, const cJSON *item)
{
    const cJSON *one = NULL, *least = get(rule, "minimum"), *shortest = get(rule, "minLength"),
                *longest = get(rule, "maxLength"), *pattern = get(rule, "pattern");
    if (get(rule, "$ref")) return cJSON_IsObject(item);
    if (get(rule, "const")) return cJSON_Compare(get(rule, "const"), item, true);
    cJSON_ArrayForEach(one, get(rule, "oneOf")) if (schema_fits(one, item)) return true;
    cJSON_ArrayForEach(one, get(rule, "enum")) if (cJSON_Compare(one, item, true)) return true;
    if (!get(rule, "type") || !fits_types(get(rule, "type"), item)) return false;
    if (cJSON_IsNumber(item)) return !least || item->valuedouble >= least->valuedouble;
    if (!cJSON_IsString(item)) return true;
    double length = (double)strlen(item->valuestring);
    return (!shortest || length >= shortest->valuedouble) && (!longest || length <= longest->valuedouble) &&
           (!pattern || fits_pattern(pattern->valuestring, item->valuestring));
}

static const char *word_of(const cJSON *rule, const char *type)
{
    if (!strcmp(type, "boolean")) return "true or false";
    if (!strcmp(type, "integer")) return "a whole number";
    if (!strcmp(type, "number")) return get(rule, "minimum") ? "a number that is not negative" : "a number";
    if (!strcmp(type, "array")) return "a list";
    if (strcmp(type, "string") != 0) return "an object";
    return get(rule, "minLength") ? "a text of 1 to 2,000 bytes" : "a text of at most 2,000 bytes";
}

static void list_choices(const cJSON *choices, char *text, size_t bytes)
{
    size_t length = (size_t)snprintf(text, bytes, "one of ");
    const cJSON *choice = NULL;
    cJSON_ArrayForEach(choice, choices) if (cJSON_IsString(choice) && length < bytes) length += (size_t)snprintf(
        text + length, bytes - length, "%s%s", choice == choices->child ? "" : "|", choice->valuestring);
}

void schema_words(const cJSON *rule, char *text, size_t bytes)
{
    const cJSON *only = get(rule, "const"), *type = get(rule, "type"), *pattern = get(rule, "pattern");
    cJSON null = {.type = cJSON_NULL};
    if (cJSON_IsArray(type)) type = type->child;
    if (only)
        snprintf(text, bytes, "%s", cJSON_IsString(only) ? only->valuestring : "1");
    else if (get(rule, "enum"))
        list_choices(get(rule, "enum"), text, bytes);
    else if (pattern)
        snprintf(text, bytes, "a text like %s", pattern->valuestring);
    else
        snprintf(text, bytes, "%s", word_of(rule, type ? type->valuestring : "object"));
    if (schema_fits(rule, &null)) snprintf(text + strlen(text), bytes - strlen(text), ", or null");
}

/* check_schema.h - private to check: the keys and types of a result file's objects, read from result.schema.json, which is in the
 * program as result_schema. Of JSON Schema it knows what that file uses. */
#ifndef BENCH_CHECK_SCHEMA_H
#define BENCH_CHECK_SCHEMA_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* The schema; cJSON_Delete it. NULL without memory. */
cJSON *schema_open(void);
/* What each key of an object must be; section: "file", or one of the definitions. NULL when there is none. */
const cJSON *schema_section(const cJSON *schema, const char *section);
/* Is the item what the rule says? Of objects and lists: is it one. */
bool schema_fits(const cJSON *rule, const cJSON *item);
/* The rule in words: "a whole number, or null". */
void schema_words(const cJSON *rule, char *text, size_t bytes);

#endif

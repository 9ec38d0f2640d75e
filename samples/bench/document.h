/* document.h - a JSON text from anywhere, as far as cJSON may be trusted with it. */
#ifndef BENCH_DOCUMENT_H
#define BENCH_DOCUMENT_H

#include <cjson/cJSON.h>
#include <stddef.h>

enum { DOCUMENT_REASON = 200 };
/* NULL with a reason when it is no JSON, or has more of something than a result file can need. cJSON_Delete it. */
cJSON *document_parse(const char *text, size_t bytes, char reason[DOCUMENT_REASON]);
cJSON *document_read(const char *path, char reason[DOCUMENT_REASON]);

#endif

/* fuzz.c - what the fuzz targets share. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

struct tuff_context *fuzz_begin(void)
{
    struct tuff_options options = {.struct_size = sizeof options, .cache_dir = ""};
    struct tuff_context *context = NULL;
    if (tuff_context_create(&options, &context, NULL) != TUFF_OK) abort();
    return context;
}

void fuzz_touch(const void *data, size_t bytes)
{
    const volatile unsigned char *at = data;
    while (bytes--) (void)*at++;
}

void fuzz_require(bool good, const char *condition, const char *file, int line)
{
    if (good) return;
    fprintf(stderr, "%s:%d: %s does not hold\n", file, line, condition);
    abort();
}

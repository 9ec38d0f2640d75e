/* version.c - the line of --version. */
#include "text.h"

#include <tuff/tuff.h>

void print_version(const char *program)
{
    const char *kind;
    printf("%s %s\nreads pictures:", program, tuff_version());
    for (uint32_t i = 0; (kind = tuff_picture_kind(i)); i++) printf("%s %s", i ? "," : "", kind);
    printf("\n");
}

/* page.c - the report as one page that needs nothing else: page.html, which is in the program as inspect_page. */
#include "inspect.h"
#include "whole.h"

#include <string.h>

extern const unsigned char inspect_page[]; /* cmake/embed.cmake */
extern const size_t inspect_page_bytes;
#define MARK "@REPORT@"

/* In JSON, < > & stand within texts alone; escaped, no text can end the script element that holds them. */
static bool add_json(FILE *file, const struct inspected *x)
{
    FILE *json = tmpfile();
    if (!json) return false;
    print_inspected_json(json, x);
    rewind(json);
    for (int c; (c = getc(json)) != EOF;)
        if (c == '<' || c == '>' || c == '&')
            fprintf(file, "\\u%04x", (unsigned)c);
        else
            putc(c, file);
    const bool good = !ferror(json);
    return fclose(json) == 0 && good;
}

tuff_status write_page(const struct inspected *x, struct tuff_context *context, const char *path, struct tuff_error *error)
{
    const char *page = (const char *)inspect_page, *mark = strstr(page, MARK);
    struct whole whole;
    if (!mark || !whole_begin(&whole)) {
        snprintf(error->message, sizeof error->message, "out of memory");
        return error->status = TUFF_ERR_MEMORY;
    }
    fwrite(page, 1, (size_t)(mark - page), whole.stream);
    if (!add_json(whole.stream, x)) {
        whole_drop(&whole);
        snprintf(error->message, sizeof error->message, "a temporary file cannot be written");
        return error->status = TUFF_ERR_FILE;
    }
    mark += strlen(MARK);
    fwrite(mark, 1, inspect_page_bytes - (size_t)(mark - page), whole.stream);
    return whole_write(&whole, context, path, error);
}

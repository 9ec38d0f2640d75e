/* text.c - see text.h. */
#include "text.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

size_t text_utf8(const unsigned char *p, const unsigned char *end)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
    if (length < 2) return length;
    if ((size_t)(end - p) < length) return 0;
    uint32_t code = *p & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (p[i] >> 6 != 2) return 0;
        code = code << 6 | (p[i] & 0x3fu);
    }
    return code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : length;
}

bool text_is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + strlen(text);
    size_t length = 1;
    while (at < end && (length = text_utf8(at, end)) > 0) at += length;
    return at == end;
}

/* Escaped: what JSON says, and what a terminal would obey: controls of C1, separators of lines, marks of the direction of writing. */
static bool is_escaped(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

/* The character at `at` and its bytes, which are 0 where it is none. */
static size_t next_code(const unsigned char *at, const unsigned char *end, uint32_t *code)
{
    size_t length = text_utf8(at, end);
    *code = length < 2 ? *at : *at & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) *code = *code << 6 | (at[i] & 0x3fu);
    return length;
}

void text_to_html(FILE *file, const char *text)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + strlen(text);
    while (at < end) {
        uint32_t code;
        size_t length = next_code(at, end, &code);
        if (length == 0 || is_escaped(code))
            fputs("\xef\xbf\xbd", file);
        else if (code < 0x80 && strchr("<>&\"'", (int)code))
            fprintf(file, "&#%u;", (unsigned)code);
        else
            fwrite(at, 1, length, file);
        at += length ? length : 1;
    }
}

void text_to_json(FILE *file, const char *text)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + strlen(text);
    fputc('"', file);
    while (at < end) {
        uint32_t code;
        size_t length = next_code(at, end, &code);
        if (length == 0)
            fputs("\\ufffd", file);
        else if (is_escaped(code))
            fprintf(file, "\\u%04x", (unsigned)code);
        else
            fprintf(file, "%s%.*s", code == '"' || code == '\\' ? "\\" : "", (int)length, (const char *)at);
        at += length ? length : 1;
    }
    fputc('"', file);
}

void number_to_json(FILE *file, double value, int digits)
{
    if (isfinite(value))
        fprintf(file, "%.*g", digits, value);
    else
        fputs("null", file);
}

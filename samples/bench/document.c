/* document.c - see document.h. cJSON is lenient (numbers, control characters, bytes that are no UTF-8), and what it takes is
 * not bounded by the length of the text, so the text is looked at first. */
#include "document.h"
#include "text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BYTES_MAX = 64 << 20, DEPTH_MAX = 16, VALUES_MAX = 4000000 }; /* cJSON takes 64 bytes a value */

struct scan {
    const unsigned char *at, *end;
    const char *wrong; /* what stopped it */
    size_t depth, values;
};

static bool stop(struct scan *s, const char *wrong)
{
    s->wrong = wrong;
    return false;
}

static bool scan_text(struct scan *s) /* from behind its first quote to behind its last */
{
    while (s->at < s->end && *s->at != '"') {
        if (*s->at < 0x20) return stop(s, "a control character in a text");
        if (*s->at == '\\') {
            if (s->end - s->at >= 6 && memcmp(s->at, "\\u0000", 6) == 0) return stop(s, "a zero character in a text");
            if (++s->at == s->end) break;
        }
        size_t length = text_utf8(s->at, s->end);
        if (length == 0) return stop(s, "a byte that is no UTF-8");
        s->at += length;
    }
    if (s->at >= s->end) return stop(s, "a text without an end");
    s->at++;
    return true;
}

static bool digits(struct scan *s)
{
    const unsigned char *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') s->at++;
    return s->at > from;
}

static bool next_is(const struct scan *s, const char *some) { return s->at < s->end && *s->at && strchr(some, *s->at); }

static bool scan_number(struct scan *s)
{
    bool good = true;
    if (*s->at == '-') s->at++;
    bool zero = next_is(s, "0");
    const unsigned char *from = s->at;
    good = digits(s) && (!zero || s->at == from + 1);
    if (good && next_is(s, ".")) {
        s->at++;
        good = digits(s);
    }
    if (good && next_is(s, "eE")) {
        s->at++;
        if (next_is(s, "+-")) s->at++;
        good = digits(s);
    }
    return good || stop(s, "a number that is none");
}

/* What stands between texts: brackets are counted, words left to cJSON. */
static bool scan_other(struct scan *s)
{
    unsigned char c = *s->at;
    if (c == '-' || (c >= '0' && c <= '9')) return scan_number(s);
    if (c == '[' || c == '{') s->depth++;
    if ((c == ']' || c == '}') && s->depth-- == 0) return stop(s, "a bracket too many");
    if (c == '[' || c == '{' || c == ',') s->values++;
    if (s->depth > DEPTH_MAX) return stop(s, "brackets in brackets, too deep");
    if (s->values > VALUES_MAX) return stop(s, "more than 4,000,000 values");
    if (!next_is(s, "[]{},: \t\r\nabcdefghijklmnopqrstuvwxyz")) return stop(s, "a character that JSON has no use for");
    s->at++;
    return true;
}

cJSON *document_parse(const char *text, size_t bytes, char reason[DOCUMENT_REASON])
{
    struct scan s = {.at = (const unsigned char *)text, .end = (const unsigned char *)text + bytes};
    bool good = bytes <= BYTES_MAX || stop(&s, "more than 64 MiB");
    while (good && s.at < s.end) {
        bool quote = *s.at == '"';
        s.at += quote;
        good = quote ? scan_text(&s) : scan_other(&s);
    }
    if (!good) {
        snprintf(reason, DOCUMENT_REASON, "it holds %s (byte %zu)", s.wrong, (size_t)((const char *)s.at - text));
        return NULL;
    }
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, bytes, &end, false);
    while (root && end < text + bytes && strchr(" \t\r\n", *end)) end++;
    if (root && end < text + bytes) {
        cJSON_Delete(root);
        root = NULL;
    }
    if (!root) snprintf(reason, DOCUMENT_REASON, "it is no JSON (from byte %zu on)", end ? (size_t)(end - text) : (size_t)0);
    return root;
}

cJSON *document_read(const char *path, char reason[DOCUMENT_REASON])
{
    enum { STEP = 1 << 20 };
    struct stat about;
    bool there = stat(path, &about) == 0, regular = there && S_ISREG(about.st_mode); /* else opening may wait for ever */
    FILE *file = regular ? fopen(path, "rb") : NULL;
    const char *why = there && !regular ? "it is no regular file" : strerror(errno);
    char *text = NULL;
    size_t bytes = 0, got = 1;
    bool good = file != NULL;
    while (good && got > 0 && bytes <= BYTES_MAX) {
        char *more = realloc(text, bytes + STEP);
        if (!more) break;
        text = more;
        got = fread(text + bytes, 1, STEP, file);
        bytes += got;
    }
    good = good && !ferror(file) && (got == 0 || bytes > BYTES_MAX);
    cJSON *root = good ? document_parse(text, bytes, reason) : NULL;
    if (!good) snprintf(reason, DOCUMENT_REASON, "it cannot be read: %s", file ? "not all of it came" : why);
    if (file) fclose(file);
    free(text);
    return root;
}

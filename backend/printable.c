/* printable.c - text of others (names of files and classes, metadata, messages of drivers) as it can be shown: what would move a
 * terminal's cursor, colour it, forge a line or turn the direction of writing is written out. Also: UTF-8. */
#include "backend/core.h"

#include <stdio.h>

/* Source: table 3-7 of the Unicode standard. */
size_t tuff_utf8_step(const char *text, size_t left)
{
    const unsigned char *s = (const unsigned char *)text;
    if (left == 0) return 0;
    if (s[0] < 0x80) return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    size_t length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (left < length) return 0;
    unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    return length;
}

static uint32_t code_of(const unsigned char *s, size_t length)
{
    uint32_t code = length == 1 ? s[0] : s[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) code = code << 6 | (s[i] & 0x3fu);
    return code;
}

/* Controls of C0 and C1, separators of lines, and what changes the direction of writing (Unicode's Bidi_Control). */
static bool is_shown(uint32_t code)
{
    static const uint32_t hidden[][2] = {{0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c},  {0x200e, 0x200f},
                                         {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff}};
    for (size_t i = 0; i < TUFF_COUNT(hidden); i++)
        if (code >= hidden[i][0] && code <= hidden[i][1]) return false;
    return true;
}

/* One character, or one byte that is none, as it is shown, in less than 16 bytes. Returns how many bytes of text it is. */
static size_t show(const char *text, size_t left, bool lines, char shown[16])
{
    size_t length = tuff_utf8_step(text, left);
    unsigned char first = (unsigned char)text[0];
    uint32_t code = length ? code_of((const unsigned char *)text, length) : 0;
    if (length && (is_shown(code) || (lines && (code == '\n' || code == '\t')))) {
        memcpy(shown, text, length);
        shown[length] = 0;
    } else if (code == '\n' || code == '\r' || code == '\t') {
        snprintf(shown, 16, "\\%c", code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
    } else if (length < 2) {
        snprintf(shown, 16, "\\x%02x", first);
    } else {
        snprintf(shown, 16, "\\u%04x", (unsigned)code);
    }
    return length ? length : 1;
}

static size_t write_shown(const char *text, bool lines, char *out, size_t size)
{
    size_t left = strlen(text), used = 0, whole = 0; /* whole: where "..." still fits */
    bool fits = true;
    while (left && fits) {
        char shown[16];
        size_t step = show(text, left, lines, shown), length = strlen(shown);
        fits = used + length < size;
        if (!fits) break;
        memcpy(out + used, shown, length);
        used += length;
        if (used + 3 < size) whole = used;
        text += step;
        left -= step;
    }
    if (!fits && size > 3) {
        memcpy(out + whole, "...", 3);
        used = whole + 3;
    }
    if (size) out[used] = 0;
    return used;
}

const char *tuff_printable(const char *text, char *out, size_t size)
{
    write_shown(text, false, out, size);
    return size ? out : "";
}

void tuff_printable_lines(const char *text, char *out, size_t size) { write_shown(text, true, out, size); }

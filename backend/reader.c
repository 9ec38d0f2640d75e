/* reader.c - reading texts of our own: words, numbers, quoted strings. Never looks behind the text's end, which no zero byte marks.
 *
 * Needs the context's allocator alone. */
#include "backend/core.h"

void tuff_read_fail(struct tuff_parser *r, tuff_status status, const char *what, const char *detail)
{
    if (r->error.status != TUFF_OK) return;
    if (status == TUFF_ERR_MEMORY)
        (void)tuff_fail_memory(r->context, &r->error);
    else
        (void)tuff_fail(r->context, &r->error, status, "%s, line %u: %s%s", r->of, r->line, what, detail);
}

void tuff_expected(struct tuff_parser *r, const char *what) { tuff_read_fail(r, TUFF_ERR_FORMAT, "expected ", what); }

bool tuff_accept(struct tuff_parser *r, const char *word)
{
    size_t length = strlen(word);
    if (!tuff_reads(r) || (size_t)(r->end - r->at) < length || memcmp(r->at, word, length)) return false;
    r->at += length;
    return true;
}

void tuff_expect(struct tuff_parser *r, const char *word)
{
    if (!tuff_accept(r, word)) tuff_expected(r, word[0] == '\n' ? "the end of the line" : word);
}

uint64_t tuff_read_number(struct tuff_parser *r, unsigned base, uint64_t most)
{
    uint64_t value = 0;
    const char *start = r->at;
    while (tuff_reads(r) && r->at < r->end) {
        unsigned digit = (unsigned)tuff_digit_of(*r->at);
        if (digit >= base) break;
        if (digit > most || value > (most - digit) / base) {
            tuff_expected(r, "a smaller number");
            return 0;
        }
        value = value * base + digit;
        r->at++;
    }
    if (r->at == start) tuff_expected(r, "a number");
    return value;
}

/* The character that stands behind a backslash. */
static char escaped(struct tuff_parser *r)
{
    ptrdiff_t left = r->end - r->at;
    char c = left > 0 ? *r->at : 0;
    int high = c == 'x' && left > 2 ? tuff_digit_of(r->at[1]) : 99, low = high < 16 ? tuff_digit_of(r->at[2]) : 99;
    bool byte = low < 16 && (high | low) != 0; /* no string holds a zero byte */
    if (!byte && c != '"' && c != '\\' && c != 'n') {
        tuff_expected(r, "\\\", \\\\, \\n or \\x and two hexadecimal digits");
        return 0;
    }
    r->at += byte ? 3 : 1;
    return byte ? (char)(high * 16 + low) : c == 'n' ? '\n' : c;
}

const char *tuff_read_quoted(struct tuff_parser *r, struct tuff_text *to)
{
    to->length = 0;
    tuff_expect(r, "\"");
    while (tuff_reads(r) && r->at < r->end && *r->at != '"') {
        char c = *r->at++;
        if ((unsigned char)c < 0x20) tuff_expected(r, "the end of the text in quotes");
        if (c == '\\') c = escaped(r);
        tuff_text_append(to, &c, 1);
    }
    tuff_expect(r, "\"");
    tuff_text_append(to, "", 0);
    if (to->failed) tuff_read_fail(r, TUFF_ERR_MEMORY, "", "");
    return tuff_reads(r) ? to->data : "";
}

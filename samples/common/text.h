/* text.h - what all programs write alike: JSON of any text and number, the line of --version. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Text of others for a terminal, cut to 400 bytes: tuff_printable. Lives as long as the block around it. Needs <tuff/tuff.h>. */
#define SHOWN(text) tuff_printable(text, (char[400]){""}, 400)

/* A string of JSON, valid whatever the text: a byte that is no UTF-8 becomes U+FFFD. */
void text_to_json(FILE *file, const char *text);
/* As text of HTML or SVG, within quotation marks too; what is no UTF-8 or no character of a page becomes U+FFFD. */
void text_to_html(FILE *file, const char *text);
/* What is no number or infinite is null, as JSON has no word for it. */
void number_to_json(FILE *file, double value, int digits);

/* Bytes of the UTF-8 character at p, 0 when it is none (RFC 3629: no overlong forms, no surrogates). */
size_t text_utf8(const unsigned char *p, const unsigned char *end);
bool text_is_utf8(const char *text);

/* "PROGRAM 0.1.0", and which pictures this build reads. */
void print_version(const char *program);

#endif

/* refuse.c - see refuse.h. */
#include "refuse.h"

#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wrong_use(const char *program, const char *format, ...)
{
    char sentence[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s: %s\n(%s --help lists the options)\n", program, SHOWN(sentence), program);
    exit(2);
}

int option_among(const char *program, const char *option, const char *text, const char *const *names)
{
    int i = 0;
    while (names[i] && strcmp(names[i], text) != 0) i++;
    if (!names[i]) wrong_use(program, "--%s cannot be \"%s\"", option, text);
    return i;
}

uint32_t option_whole(const char *program, const char *option, const char *text, uint32_t least, uint32_t most)
{
    char *end = NULL;
    unsigned long value = text[0] == '-' ? 0 : strtoul(text, &end, 10);
    if (!end || end == text || *end || value < least || value > most)
        wrong_use(program, "--%s is a whole number of %u to %u, not \"%s\"", option, (unsigned)least, (unsigned)most, text);
    return (uint32_t)value;
}

tuff_status refuse(struct tuff_error *error, tuff_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return error->status = status;
}

void program_log(void *user, enum tuff_log_level level, const char *message)
{
    const struct tuff_options *options = user;
    if (level != TUFF_LOG_ERROR || options->log_level || options->debug) fprintf(stderr, "tuff: %s\n", message);
}

/* stream.c - see stream.h. */
#ifndef _WIN32
#define _POSIX_C_SOURCE 200809L /* poll, read */
#endif
#include "stream.h"
#include "refuse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#else
#include <errno.h>
#include <poll.h>
#include <unistd.h>
#endif

enum { STREAM_MOST = 1 << 28 }; /* bytes of a picture */

void frames_parse(const char *program, const char *text, struct frames *f)
{
    char rest;
    if (sscanf(text, "%5ux%5u%c", &f->width, &f->height, &rest) != 2 || !f->width || !f->height || f->width > 32768 ||
        f->height > 32768)
        wrong_use(program, "--frames is a width and a height, as 640x360, not \"%s\"", text);
}

void frames_parse_every(const char *program, const char *text, struct frames *f)
{
    char rest;
    if (sscanf(text, "%9u%c", &f->every, &rest) != 1 || text[0] < '0' || text[0] > '9' || !f->every)
        wrong_use(program, "--every is a whole number from 1, not \"%s\"", text);
}

void frames_check(const char *program, struct frames *f, char *const *pictures, int count)
{
    uint32_t streams = 0;
    if (count == 0) wrong_use(program, "no pictures are named%s", f->width ? ": - is standard input" : "");
    if (f->every && !f->width) wrong_use(program, "--every goes with --frames");
    for (int i = 0; i < count; i++) streams += !strcmp(pictures[i], "-");
    if (f->width && (count != 1 || !streams)) wrong_use(program, "--frames come from standard input alone: -");
    if (streams > 1) wrong_use(program, "standard input (-) holds one picture");
    if (f->every == 0) f->every = 1;
}

static void take_bytes_as_they_are(void)
{
#ifdef _WIN32
    _setmode(_fileno(stdin), _O_BINARY);
#endif
}

tuff_status stream_picture(struct tuff_context *context, const struct tuff_picture_options *options,
                           struct tuff_picture *picture, struct tuff_error *error)
{
    uint8_t *bytes = NULL;
    size_t room = 0, count = 0, got = 1;
    take_bytes_as_they_are();
    while (got && count < STREAM_MOST) {
        if (count == room) {
            uint8_t *more = realloc(bytes, room = room ? 2 * room : 1 << 16);
            if (!more) break;
            bytes = more;
        }
        count += got = fread(bytes + count, 1, room - count, stdin);
    }
    tuff_status status = got ? refuse(error, count < STREAM_MOST ? TUFF_ERR_MEMORY : TUFF_ERR_UNSUPPORTED,
                                      "standard input: there is no room for so large a picture")
                             : tuff_picture_decode(context, (struct tuff_span){bytes, count}, options, picture, error);
    free(bytes);
    if (status == TUFF_OK || got) return status;
    const struct tuff_error why = *error;
    return refuse(error, status, "standard input: %.400s", count ? why.message : "it is empty");
}

/* *got is less at the end, and where it is stopped. */
static bool read_bytes(uint8_t *to, size_t bytes, const _Atomic bool *stop, size_t *got)
{
    *got = 0;
#ifdef _WIN32
    (void)stop;
    *got = fread(to, 1, bytes, stdin);
    return !ferror(stdin);
#else
    for (ssize_t now = 1; now && *got < bytes && !(stop && *stop);) {
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        const int ready = poll(&in, 1, 100);
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        now = read(STDIN_FILENO, to + *got, bytes - *got);
        if (now < 0 && errno != EINTR && errno != EAGAIN) return false;
        if (now > 0) *got += (size_t)now;
    }
    return true;
#endif
}

tuff_status stream_frame(struct tuff_picture *picture, uint64_t number, const _Atomic bool *stop, bool *got,
                         struct tuff_error *error)
{
    const size_t bytes = (size_t)3 * picture->width * picture->height;
    size_t count;
    if (number == 0) take_bytes_as_they_are();
    const bool good = read_bytes(picture->pixels, bytes, stop, &count);
    *got = count == bytes;
    if (*got) return TUFF_OK;
    if (!good) return refuse(error, TUFF_ERR_FILE, "standard input: cannot be read");
    if (count == 0 && number > 0) return TUFF_OK;
    if (count == 0) return refuse(error, TUFF_ERR_FORMAT, "standard input: holds no frame");
    return refuse(error, TUFF_ERR_FORMAT,
                  "standard input: ends within frame %llu, behind %zu of the %zu bytes of %u x %u RGB",
                  (unsigned long long)number, count, bytes, (unsigned)picture->width, (unsigned)picture->height);
}

/* foreign.c - any bytes as the name of a file and as the EXIF block of a JPEG. */
#include "tests/fuzz/fuzz.h"

#include "samples/data/picture.h"

#include <stdlib.h>

/* What is shown holds no control character, ends where it must, and is shown as itself. */
static void check_shown(const char *text, size_t room)
{
    char *out = malloc(room), again[4096]; /* of its own: its end is seen */
    if (!out) abort();
    tuff_printable(text, out, room);
    size_t length = strlen(out);
    FUZZ_REQUIRE(length < room);
    FUZZ_REQUIRE(fuzz_is_shown(out));
    tuff_printable(out, again, sizeof again);
    FUZZ_REQUIRE(length >= sizeof again || strcmp(out, again) == 0);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int orientation = tuff_exif_orientation(data, size);
    FUZZ_REQUIRE(orientation >= 1 && orientation <= 8);
    char *text = malloc(size + 1);
    if (!text) abort();
    if (size) memcpy(text, data, size);
    text[size] = 0;
    check_shown(text, 1 + size % 64);
    check_shown(text, 4 * size + 1);
    free(text);
    return 0;
}

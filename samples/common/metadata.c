/* metadata.c - see metadata.h. The parts of the file's outermost message are walked: field 14 of ModelProto (onnx.proto3) is what is wanted, the
 * others are skipped without being read. tuff_onnx_open has found the file well-formed; this trusts nothing all the same. */
#include "metadata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS = 14, KEY = 1, VALUE = 2, BYTES = 2, MOST = 1 << 24 };

static bool take_varint(FILE *file, uint64_t *value)
{
    int byte = EOF;
    *value = 0;
    for (int shift = 0; shift < 63 && (byte = getc(file)) != EOF; shift += 7) {
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return true;
    }
    return false;
}

static char *take_text(FILE *file, uint64_t bytes)
{
    char *text = bytes < MOST ? malloc((size_t)bytes + 1) : NULL;
    if (text && fread(text, 1, (size_t)bytes, file) == bytes) {
        text[bytes] = 0;
        return text;
    }
    free(text);
    return NULL;
}

static bool skip(FILE *file, uint64_t bytes)
{
    for (; bytes > 1 << 30; bytes -= 1 << 30) /* a step of any system's fseek */
        if (fseek(file, 1 << 30, SEEK_CUR)) return false;
    return fseek(file, (long)bytes, SEEK_CUR) == 0;
}

static bool parse_preprocess(const char *text, struct tuff_preprocess *p)
{
    static const char *const names[3][4] = {
        {"stretch", "pad", "crop"}, {"bilinear", "area", "bicubic"}, {"never", "always", "light"}};
    char words[3][10];
    int found[3] = {3, 3, 3};
    unsigned c, h, w, ground;
    if (sscanf(text,
               "{\"channels\":%u,\"height\":%u,\"width\":%u,\"mode\":\"%9[a-z]\",\"filter\":\"%9[a-z]\",\"ground\":%u,"
               "\"invert\":\"%9[a-z]\"}",
               &c, &h, &w, words[0], words[1], &ground, words[2]) != 7)
        return false;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            if (!strcmp(words[i], names[i][k])) found[i] = k;
    *p = (struct tuff_preprocess){
        c, h, w, (enum tuff_fit)found[0], (enum tuff_filter)found[1], (uint8_t)ground, (enum tuff_invert)found[2]};
    return (c == 1 || c == 3) && h > 0 && h <= 32768 && w > 0 && w <= 32768 && ground < 256 && found[0] < 3 &&
           found[1] < 3 && found[2] < 3;
}

/* A pair of texts of so many bytes. */
static bool take_pair(FILE *file, uint64_t bytes, struct metadata *m)
{
    const long end = ftell(file) + (long)bytes;
    char *texts[3] = {NULL};
    uint64_t tag, length;
    bool good = true;
    while (good && ftell(file) < end) {
        good = take_varint(file, &tag) && tag % 8 == BYTES && take_varint(file, &length);
        if (good && (tag / 8 == KEY || tag / 8 == VALUE)) {
            free(texts[tag / 8]);
            good = (texts[tag / 8] = take_text(file, length)) != NULL;
        } else if (good) {
            good = skip(file, length);
        }
    }
    if (good && texts[KEY] && texts[VALUE]) {
        if (!strcmp(texts[KEY], "preprocess")) good = m->prepared = parse_preprocess(texts[VALUE], &m->preprocess);
        if (!strcmp(texts[KEY], "labels")) {
            char *old = m->labels;
            m->labels = texts[VALUE], texts[VALUE] = old;
        }
    }
    free(texts[KEY]);
    free(texts[VALUE]);
    return good;
}

bool metadata_read(const char *path, struct metadata *m)
{
    FILE *file = fopen(path, "rb");
    uint64_t tag, length;
    bool good = file != NULL;
    *m = (struct metadata){.prepared = false};
    while (good && take_varint(file, &tag)) {
        const unsigned kind = tag % 8;
        good = kind == 0 ? take_varint(file, &length)
               : kind == BYTES
                   ? take_varint(file, &length) && (tag / 8 == TEXTS ? take_pair(file, length, m) : skip(file, length))
                   : (kind == 1 || kind == 5) && skip(file, kind == 1 ? 8 : 4);
    }
    if (file) fclose(file);
    return good;
}

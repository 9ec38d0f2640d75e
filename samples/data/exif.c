/* exif.c - finds the orientation in the EXIF block of a JPEG. Anything unexpected means "as stored". */
#include "samples/data/picture.h"

struct tiff {
    const uint8_t *data;
    size_t bytes;
    bool big;
};

/* A number of 2 or 4 bytes; false outside of the block. */
static bool number(const struct tiff *tiff, size_t at, size_t size, uint32_t *value)
{
    if (at > tiff->bytes || tiff->bytes - at < size) return false;
    *value = 0;
    for (size_t i = 0; i < size; i++) *value = *value << 8 | tiff->data[at + (tiff->big ? i : size - 1 - i)];
    return true;
}

int tuff_exif_orientation(const uint8_t *data, size_t bytes)
{
    enum { ENTRY_BYTES = 12, TAG_ORIENTATION = 0x112, TYPE_SHORT = 3 };
    if (bytes < 14 || memcmp(data, "Exif\0\0", 6) != 0) return 1;
    struct tiff tiff = {data + 6, bytes - 6, data[6] == 'M'};
    uint32_t magic = 0, directory = 0, entries = 0;
    if (memcmp(tiff.data, tiff.big ? "MM" : "II", 2) != 0) return 1;
    if (!number(&tiff, 2, 2, &magic) || magic != 42) return 1;
    if (!number(&tiff, 4, 4, &directory) || !number(&tiff, directory, 2, &entries)) return 1;
    for (uint32_t i = 0; i < entries; i++) {
        size_t at = (size_t)directory + 2 + (size_t)i * ENTRY_BYTES;
        uint32_t tag = 0, type = 0, value = 0;
        if (!number(&tiff, at, 2, &tag) || !number(&tiff, at + 2, 2, &type) || !number(&tiff, at + 8, 2, &value)) return 1;
        if (tag == TAG_ORIENTATION) return type == TYPE_SHORT && value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

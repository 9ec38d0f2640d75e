/* picture.c - any bytes as a picture of each format; what can be read is made a sample. */
#include "tests/fuzz/fuzz.h"

#include "samples/data/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_picture picture = {0};
    struct tuff_picture_damage damage = {0};
    struct tuff_error error = {0};
    struct tuff_picture_options options = {
        .struct_size = sizeof options, .alpha = size % 3, .max_pixels = 1 << 12, .damage = size % 5 ? &damage : NULL};
    const struct tuff_preprocess preprocess = {.channels = size & 1 ? 1 : 3,
                                               .height = 5,
                                               .width = 7,
                                               .mode = size % 3,
                                               .filter = size / 2 % 2,
                                               .invert = TUFF_INVERT_LIGHT};
    uint8_t sample[3 * 5 * 7];
    tuff_status status = tuff_picture_decode(context, (struct tuff_span){data, size}, &options, &picture, &error);
    if (fuzz_read(context, status, &error)) {
        FUZZ_REQUIRE(fuzz_is_shown(damage.first));
        fuzz_touch(picture.pixels, (size_t)picture.width * picture.height * picture.channels);
        FUZZ_REQUIRE(tuff_preprocess_run(context, &preprocess, &picture, sample, NULL) == TUFF_OK);
    }
    tuff_picture_finish(context, &picture);
    fuzz_end(context);
    return 0;
}

/* Stays of its kind, and mends the checksums of a PNG's chunks. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    enum { SIGNATURE = 8, FRAME = 12, KIND = 12 }; /* length, type and CRC of a chunk; where a WebP tells what it is */
    uint8_t kind[KIND];
    size_t kept = size < 2                                   ? 0
                  : data[0] == 0x89                          ? SIGNATURE
                  : data[0] == 'R' || data[0] == 0           ? KIND
                  : strchr("GIM", data[0]) || data[1] == 'O' ? 4
                                                             : 2;
    if (seed % 256 == 0 || size < KIND) return LLVMFuzzerMutate(data, size, most);
    memcpy(kind, data, kept);
    size = LLVMFuzzerMutate(data, size, most);
    if (size < kept) return size;
    memcpy(data, kind, kept);
    if (data[0] != 0x89 || seed % 16 == 0) return size;
    for (size_t at = SIGNATURE; size - at >= FRAME;) {
        size_t bytes = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 | (size_t)data[at + 2] << 8 | data[at + 3];
        if (bytes > size - at - FRAME) break;
        uint32_t crc = tuff_crc32(0, data + at + 4, bytes + 4);
        for (int i = 0; i < 4; i++) data[at + 8 + bytes + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += FRAME + bytes;
    }
    return size;
}

/* idx.c - any bytes as an IDX file, plain or compressed. */
#include "samples/data/idx.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_idx idx = {0};
    struct tuff_error error = {0};
    void *file = tuff_alloc(context, size);
    if (file && size) memcpy(file, data, size);
    tuff_status status = file ? tuff_idx_take(context, "memory", &file, size, size % 2 ? 0 : 100, &idx, &error)
                              : tuff_fail_memory(context, &error);
    if (fuzz_read(context, status, &error)) {
        uint64_t count = 1;
        FUZZ_REQUIRE(idx.rank >= 1 && idx.rank <= TUFF_FILE_RANK && !file);
        for (uint32_t i = 0; i < idx.rank; i++) count *= idx.dim[i];
        FUZZ_REQUIRE(count == idx.count);
        fuzz_touch(idx.data, (size_t)idx.count * tuff_element_bytes(idx.element));
        tuff_idx_finish(context, &idx);
    }
    tuff_free(context, file);
    fuzz_end(context);
    return 0;
}

/* A gzip file around the array, whose trailer fits what it decompresses to, and now and then bytes as they come. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    enum { HEAD = 10, TRAILER = 8, ROOM = 1 << 16 };
    uint8_t plain[ROOM];
    size = LLVMFuzzerMutate(data, size, most);
    if (seed % 8 == 0 || size < HEAD + TRAILER || data[0] != 0x1f || data[1] != 0x8b) return size;
    if (seed % 8 != 1) data[2] = 8, data[3] &= 0x1e, data[8] = 0, data[9] = 3;
    size_t from = HEAD;
    if (data[3] & 4 && from + 2 <= size) from += 2 + (size_t)(data[from] | data[from + 1] << 8);
    for (int text = 8; text <= 16; text *= 2) {
        while (data[3] & text && from < size && data[from]) from++;
        from += (data[3] & text) != 0;
    }
    if (data[3] & 2 && from + 2 < size) {
        uint32_t crc = tuff_crc32(0, data, from);
        data[from++] = (uint8_t)crc, data[from++] = (uint8_t)(crc >> 8);
    }
    z_stream stream = {.zalloc = NULL};
    if (from >= size || inflateInit2(&stream, -MAX_WBITS) != Z_OK) return size;
    stream.next_in = data + from, stream.avail_in = (uInt)(size - from);
    stream.next_out = plain, stream.avail_out = sizeof plain;
    bool ended = inflate(&stream, Z_FINISH) == Z_STREAM_END;
    size_t end = size - stream.avail_in, bytes = sizeof plain - stream.avail_out;
    inflateEnd(&stream);
    if (!ended || end + TRAILER > most) return size;
    uint32_t crc = tuff_crc32(0, plain, bytes);
    for (int i = 0; i < 4; i++) {
        data[end + (size_t)i] = (uint8_t)(crc >> 8 * i);
        data[end + 4 + (size_t)i] = (uint8_t)(bytes >> 8 * i);
    }
    return size > end + TRAILER && seed % 8 == 2 ? size : end + TRAILER; /* 2: another member, or what follows the last */
}

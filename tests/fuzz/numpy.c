/* numpy.c - any bytes as an .npy or .npz file, and its arrays as columns of samples. */
#include "loaders/source.h"
#include "samples/data/data.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <zlib.h>

static void take_columns(struct tuff_context *context, const struct tuff_array *array)
{
    struct tuff_field fields[TUFF_MODEL_FIELDS] = {{.name = "x", .type = {.dtype = TUFF_F32}}};
    struct tuff_columns columns = {.data = {.count = 0}};
    const uint32_t rank = array->rank > 1 ? array->rank - 1 : 0;
    fields[0].type.shape.rank = rank < TUFF_MAX_RANK ? rank : TUFF_MAX_RANK;
    for (uint32_t d = 0; d < fields[0].type.shape.rank; d++) fields[0].type.shape.dim[d] = (uint32_t)array->dim[d + 1];
    if (tuff_columns_take(context, fields, array, &columns, NULL) != TUFF_OK) return;
    FUZZ_REQUIRE(columns.data.count == array->dim[0]);
    fuzz_touch(columns.data.fields[0], (size_t)(array->bytes / tuff_element_bytes(array->element)) * sizeof(float));
    tuff_columns_finish(context, &columns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    if (fuzz_read(context, tuff_numpy_decode(context, (struct tuff_span){data, size}, 0, &tensors, &error), &error))
        for (size_t i = 0; i < tuff_tensors_count(tensors); i++) {
            const struct tuff_array a = tuff_tensors_get(tensors, i);
            uint64_t bytes = 0;
            FUZZ_REQUIRE(tuff_array_bytes(a.element, a.rank, a.dim, &bytes) && bytes == a.bytes);
            fuzz_touch(a.data, (size_t)a.bytes);
            take_columns(context, &a);
        }
    tuff_tensors_destroy(tensors);
    fuzz_end(context);
    return 0;
}

static uint32_t get(const uint8_t *from, unsigned bytes)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < bytes; i++) v |= (uint32_t)from[i] << 8 * i;
    return v;
}

static void put(uint8_t *to, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) to[i] = (uint8_t)(v >> 8 * i);
}

/* Members get the checksum and the length of what they hold, in their own header and in the directory. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    static uint8_t plain[1 << 16];
    size = LLVMFuzzerMutate(data, size, most);
    for (size_t at = 0; seed % 8 && at + 46 <= size; at++) {
        if (memcmp(data + at, "PK\1\2", 4) != 0) continue;
        const size_t head = get(data + at + 42, 4), packed = get(data + at + 20, 4);
        if (head > size || size - head < 30) continue;
        const size_t from = head + 30 + get(data + head + 26, 2) + get(data + head + 28, 2);
        if (from > size || packed > size - from) continue;
        uint32_t crc = tuff_crc32(0, data + from, packed), bytes = (uint32_t)packed;
        z_stream stream = {.next_in = data + from, .avail_in = (uInt)packed, .next_out = plain, .avail_out = sizeof plain};
        if (get(data + at + 10, 2) == Z_DEFLATED && inflateInit2(&stream, -MAX_WBITS) == Z_OK) {
            inflate(&stream, Z_FINISH);
            bytes = (uint32_t)(sizeof plain - stream.avail_out);
            crc = tuff_crc32(0, plain, bytes);
            inflateEnd(&stream);
        }
        put(data + head + 14, crc), put(data + at + 16, crc);
        if (seed % 8 != 1) put(data + head + 22, bytes), put(data + at + 24, bytes);
    }
    return size;
}

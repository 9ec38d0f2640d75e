/* checkpoint.c - any bytes as a model file (a checkpoint of another kind, with a network and texts to check it against). */
#include "tests/fuzz/fuzz.h"

#include "loaders/loaders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin();
    struct tuff_saved *saved = NULL;
    if (tuff_saved_decode(context, (struct tuff_span){data, size}, &saved, NULL) == TUFF_OK) {
        const struct tuff_saved_info *info = tuff_saved_info(saved);
        for (uint32_t i = 0; i < info->class_count; i++) fuzz_touch(info->class_names[i], strlen(info->class_names[i]));
        for (size_t i = 0; i < tuff_tensors_count(tuff_saved_tensors(saved)); i++) {
            struct tuff_array array = tuff_tensors_get(tuff_saved_tensors(saved), i);
            fuzz_touch(array.data, (size_t)array.bytes);
        }
    }
    tuff_saved_destroy(saved);
    tuff_context_destroy(context);
    return 0;
}

/* Signs what came of the mutation: the header's count and lengths stay, its checksum and those of the sections become right. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    enum { HEADER = 32, ENTRY = 32, BYTES = 16, TABLE = 24, CRC = 28 };
    size = LLVMFuzzerMutate(data, size, most);
    if (size < HEADER || seed % 16 == 0) return size;
    for (int i = 0; i < 8; i++) data[BYTES + i] = (uint8_t)((uint64_t)size >> 8 * i);
    uint32_t table = 0;
    for (int i = 4; i-- > 0;) table = table << 8 | data[TABLE + i];
    if (table > size - HEADER) return size;
    for (size_t at = HEADER; at + ENTRY <= HEADER + (size_t)data[12] * ENTRY && at + ENTRY <= HEADER + table; at += ENTRY) {
        uint64_t offset = 0, bytes = 0;
        for (int i = 8; i-- > 0;)
            offset = offset << 8 | data[at + 8 + (size_t)i], bytes = bytes << 8 | data[at + 16 + (size_t)i];
        if (offset > size || bytes > size - offset) continue;
        uint32_t crc = tuff_crc32(0, data + offset, (size_t)bytes);
        for (int i = 0; i < 4; i++) data[at + 4 + (size_t)i] = (uint8_t)(crc >> 8 * i);
    }
    uint32_t crc = tuff_crc32(tuff_crc32(0, data, CRC), data + HEADER, table);
    for (int i = 0; i < 4; i++) data[CRC + i] = (uint8_t)(crc >> 8 * i);
    return size;
}

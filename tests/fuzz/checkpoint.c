/* checkpoint.c - any bytes as a model file (a checkpoint of another kind, with a network and texts to check it against). */
#include "tests/fuzz/fuzz.h"

#include "loaders/loaders.h"

#include <stdio.h>

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

/* Signs what came of the mutation: header length and digits of the checksum lie where tuff_checkpoint_write puts them. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    static const char prefix[] = "{\"__metadata__\":{\"tuff.crc32\":\"";
    enum { LENGTH = 8, DIGITS_AT = LENGTH + sizeof prefix - 1, DIGITS = 8, FIRST = DIGITS_AT + DIGITS };
    if (size < FIRST || most <= FIRST || seed % 16 == 0) return LLVMFuzzerMutate(data, size, most);
    uint64_t header = 0, before = size;
    memcpy(&header, data, LENGTH);
    size = FIRST + LLVMFuzzerMutate(data + FIRST, size - FIRST, most - FIRST);
    /* What was put in or taken out was so in the header, more often than not. */
    if (seed % 4 && header + size > before && header + size - before < size) header += size - before;
    memcpy(data, &header, LENGTH);
    memcpy(data + LENGTH, prefix, sizeof prefix - 1);
    char digits[DIGITS + 1];
    memset(data + DIGITS_AT, '0', DIGITS);
    snprintf(digits, sizeof digits, "%08x", (unsigned)tuff_crc32(0, data, size));
    memcpy(data + DIGITS_AT, digits, DIGITS);
    return size;
}

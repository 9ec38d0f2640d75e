/* spirv.c - any words as a SPIR-V module. */
#include "backend/spirv.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tuff_plan_spec specs[] = {{0, 32}, {1, 16}, {3, 0xffffffff}};
    static const struct tuff_caps caps = {.struct_size = sizeof caps, .f16_arithmetic = true};
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_spirv_info info;
    size_t count = size / 4;
    struct tuff_error error = {0};
    uint32_t *words = malloc(count * sizeof *words + !count); /* aligned, and of its own: its end is seen */
    if (!words) abort();
    if (count) memcpy(words, data, count * sizeof *words);
    (void)fuzz_read(context, tuff_spirv_read(context, words, count, specs, TUFF_COUNT(specs), &caps, &info, &error), &error);
    free(words);
    fuzz_end(context);
    return 0;
}

/* A capability more, one word of one instruction, what a constant computes; else bytes as they come. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    enum { HEADER = 5, OP_CAPABILITY = 17, OP_SPEC_CONSTANT_OP = 52, OP_VARIABLE = 59 };
    static const uint32_t capabilities[] = {9, 10, 11, 22, 39, 61, 63, 64, 65, 4433, 4448, 5116, 5347, 6016, 6019, 6022};
    size_t count = size / 4, at = HEADER;
    uint32_t *words = (uint32_t *)(void *)data, number = seed / 64;
    if (seed % 8 == 0 || count <= HEADER || (uintptr_t)data % 4) return LLVMFuzzerMutate(data, size, most);
    if (seed % 8 == 1 && size + 8 <= most) {
        memmove(words + HEADER + 2, words + HEADER, size - (size_t)HEADER * 4);
        words[HEADER] = 2u << 16 | OP_CAPABILITY;
        words[HEADER + 1] = capabilities[number % TUFF_COUNT(capabilities)];
        return size + 8;
    }
    for (size_t i = number % 256; i > 0; i--) { /* an instruction from the first on, round and round */
        size_t length = words[at] >> 16;
        at = length && length < count - at ? at + length : HEADER;
        bool wanted = seed % 8 == 2 ? (words[at] & 0xffff) == OP_SPEC_CONSTANT_OP : (words[at] & 0xffff) == OP_VARIABLE;
        if (seed % 8 < 4 && wanted) break;
    }
    size_t length = words[at] >> 16, word = seed % 8 < 4 ? 3 : 1 + number / 256 % 5;
    if (word >= length || length > count - at) return LLVMFuzzerMutate(data, size, most);
    words[at + word] = seed % 8 == 2   ? 128 + number / 256 % 80
                       : seed % 8 == 3 ? number / 256 % 13
                       : seed % 8 == 7 ? number * 2654435761u
                       : words[3]      ? number % words[3]
                                       : 0;
    return size;
}

/* spirv.c - any words as a SPIR-V module. */
#include "backend/spirv.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tuff_plan_spec specs[] = {{0, 32}, {1, 16}, {3, 0xffffffff}};
    static const struct tuff_caps caps = {.struct_size = sizeof caps, .f16_arithmetic = true};
    struct tuff_context *context = fuzz_begin();
    struct tuff_spirv_info info;
    size_t count = size / 4;
    uint32_t *words = tuff_alloc(context, count * sizeof *words); /* aligned, and of its own: its end is seen */
    if (!words) abort();
    if (count) memcpy(words, data, count * sizeof *words);
    (void)!tuff_spirv_read(context, words, count, specs, TUFF_COUNT(specs), &caps, &info, NULL);
    tuff_free(context, words);
    tuff_context_destroy(context);
    return 0;
}

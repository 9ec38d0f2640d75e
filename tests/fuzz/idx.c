/* idx.c - any bytes as an IDX file, plain or compressed. */
#include "loaders/source.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin();
    struct tuff_idx idx = {0};
    void *file = tuff_alloc(context, size);
    if (!file) abort();
    if (size) memcpy(file, data, size);
    if (tuff_idx_take(context, "memory", &file, size, (size_t)1 << 24, &idx, NULL) == TUFF_OK) {
        uint64_t count = 1;
        FUZZ_REQUIRE(idx.rank >= 1 && idx.rank <= TUFF_FILE_RANK && !file);
        for (uint32_t i = 0; i < idx.rank; i++) count *= idx.dim[i];
        FUZZ_REQUIRE(count == idx.count);
        fuzz_touch(idx.data, (size_t)idx.count * tuff_element_bytes(idx.element));
        tuff_idx_finish(context, &idx);
    }
    tuff_free(context, file);
    tuff_context_destroy(context);
    return 0;
}

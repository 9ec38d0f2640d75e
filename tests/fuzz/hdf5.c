/* hdf5.c - any bytes as an HDF5 file, or as an archive with one in it. */
#include "loaders/source.h"
#include "samples/data/data.h"
#include "tests/fuzz/fuzz.h"

enum { LIMIT = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    if (fuzz_read(context, tuff_hdf5_decode(context, (struct tuff_span){data, size}, LIMIT, &tensors, &error), &error))
        for (size_t i = 0; i < tuff_tensors_count(tensors); i++) {
            const struct tuff_array a = tuff_tensors_get(tensors, i);
            uint64_t bytes = 0;
            FUZZ_REQUIRE(tuff_array_bytes(a.element, a.rank, a.dim, &bytes) && bytes == a.bytes);
            FUZZ_REQUIRE(tuff_utf8_valid(a.name, strlen(a.name)));
            if (i < 100) fuzz_touch(a.data, (size_t)a.bytes);
        }
    tuff_tensors_destroy(tensors);
    fuzz_end(context);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return size > 4 && !memcmp(data, "PK\3\4", 4) && seed % 8 ? fuzz_mutate_zip(data, size, most, seed / 8)
                                                              : LLVMFuzzerMutate(data, size, most);
}

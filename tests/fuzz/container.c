/* container.c - any bytes as a ".tuff" file; every section that its table names lies in the file. */
#include "backend/container.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_container c;
    struct tuff_error error = {0};
    if (fuzz_read(context, tuff_container_parse(&c, context, "file", data, size, &error), &error)) {
        for (uint32_t i = 0; i < c.section_count; i++) {
            const struct tuff_section *section = &c.sections[i];
            (void)fuzz_read(context, tuff_container_check(&c, section, &error), &error);
            FUZZ_REQUIRE(tuff_container_find(&c, section->kind, section->name) != NULL);
        }
        tuff_container_close(&c);
    }
    fuzz_end(context);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return fuzz_mutate_container(data, size, most, seed);
}

/* container.c - any bytes as a ".tuff" file; every section that its table names lies in the file. */
#include "backend/container.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin();
    struct tuff_container c;
    if (tuff_container_parse(&c, context, "file", data, size, NULL) == TUFF_OK) {
        for (uint32_t i = 0; i < c.section_count; i++) {
            const struct tuff_section *section = &c.sections[i];
            (void)!tuff_container_check(&c, section, NULL);
            FUZZ_REQUIRE(tuff_container_find(&c, section->kind, section->name) != NULL);
        }
        tuff_container_close(&c);
    }
    tuff_context_destroy(context);
    return 0;
}

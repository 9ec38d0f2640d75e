/* plan.c - any bytes as the text of a plan; what can be read is checked, printed and read again. */
#include "backend/plan.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_plan plan, back;
    struct tuff_text text;
    struct tuff_error error = {0};
    tuff_plan_init(&plan, context);
    tuff_plan_init(&back, context);
    tuff_text_init(&text, context);
    tuff_status status = tuff_plan_parse(&plan, (const char *)data, size, &error);
    if (fuzz_read(context, status, &error)) {
        (void)fuzz_read(context, tuff_plan_check(&plan, context, &error), &error);
        tuff_plan_print(&plan, &text);
        FUZZ_REQUIRE(tuff_plan_parse(&back, text.data, text.length, NULL) == TUFF_OK);
        FUZZ_REQUIRE(tuff_plan_hash(&plan) == tuff_plan_hash(&back));
    }
    tuff_text_finish(&text);
    tuff_plan_finish(&back);
    tuff_plan_finish(&plan);
    fuzz_end(context);
    return 0;
}

/* history.c - any text as the history that tuff-train keeps in a checkpoint: what is read is written again, and read as the same. */
#include "train.h"

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct history first, second;
    char *text = malloc(size + 1);
    if (!text || !history_init(&first) || !history_init(&second)) abort();
    if (size) memcpy(text, data, size);
    text[size] = 0;
    if (history_parse(&first, text)) {
        char *printed = history_print(&first);
        FUZZ_REQUIRE(printed && history_parse(&second, printed));
        FUZZ_REQUIRE(first.epoch_count == second.epoch_count && first.point_count == second.point_count);
        (void)history_rate(&first);
        free(printed);
    }
    history_finish(&first);
    history_finish(&second);
    free(text);
    return 0;
}

/* history.c - any text as the history that tuff-train keeps in a checkpoint: what is read is written again, and read as the same. */
#include "train.h"

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

/* Room for all epochs is taken once: it is the most that a run would do. */
static void reset(struct history *history)
{
    struct epoch *epochs = history->epochs;
    if (!epochs && !history_init(history)) abort();
    if (!epochs) return;
    history->epochs = NULL;
    memset(history, 0, sizeof *history);
    history->epochs = epochs;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct history first, second;
    char *text = malloc(size + 1);
    if (!text) abort();
    reset(&first);
    reset(&second);
    if (size) memcpy(text, data, size);
    text[size] = 0;
    if (history_parse(&first, text)) {
        char *printed = history_print(&first);
        FUZZ_REQUIRE(printed && history_parse(&second, printed));
        FUZZ_REQUIRE(first.epoch_count == second.epoch_count && first.point_count == second.point_count);
        (void)history_rate(&first);
        free(printed);
    }
    free(text);
    return 0;
}

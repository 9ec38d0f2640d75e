/* stop.c - signals: the benchmark ends after the figure at hand, and what was measured is written. A second one ends it at once. */
#include "bench.h"
#include "program.h"

void stop_on_interrupt(void) { program_catch_signals(); }

bool is_stopping(void) { return program_stopping(); }

bool is_fatal(tuff_status status)
{
    return status == TUFF_ERR_DEVICE_LOST || status == TUFF_ERR_CANCELLED; /* what a work allocated is free after it */
}

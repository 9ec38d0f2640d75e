/* stop.c - Ctrl-C: the benchmark ends after the figure at hand, and what was measured is written. A second one ends it at once. */
#include "bench.h"

#include <signal.h>

static volatile sig_atomic_t stopping;

static void on_interrupt(int number)
{
    stopping = 1;
    signal(number, SIG_DFL);
}

void stop_on_interrupt(void) { signal(SIGINT, on_interrupt); }

bool is_stopping(void) { return stopping; }

bool is_fatal(tuff_status status)
{
    return status == TUFF_ERR_DEVICE_LOST || status == TUFF_ERR_CANCELLED; /* what a work allocated is free after it */
}

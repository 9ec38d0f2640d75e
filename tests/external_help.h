/* external_help.h - what the tests of external memory share: a network y = 2 x + 1 that runs from buffer to buffer. */
#ifndef TUFF_EXTERNAL_HELP_H
#define TUFF_EXTERNAL_HELP_H

#include "tests/backend_help.h"

#include "backend/vulkan.h"
#include "graph/graph.h"

enum { EXTERNAL_COUNT = 1000, EXTERNAL_BYTES = EXTERNAL_COUNT * 4, EXTERNAL_UNIT = 65536 };

struct external_net {
    struct tuff_graph *graph;
    struct tuff_session *session;
    struct tuff_executable *run; /* of "x", into "output0" */
};
bool external_net_open(struct external_net *net, struct backend_test *test, struct tuff_device *device);
void external_net_close(struct external_net *net);
/* Copies, runs, copies; waits for nothing. */
tuff_status external_net_run(struct external_net *net, struct tuff_buffer *x, struct tuff_buffer *y,
                             struct tuff_error *error);

/* Everything that the driver offers with descriptors and host pointers, once: made, given away, taken, copied. TUFF_ERR_WRONG where a
 * descriptor is left open. */
tuff_status external_exchange(struct tuff_device *device, struct tuff_error *error);

const char *external_kind_name(enum tuff_handle_kind kind);

#endif

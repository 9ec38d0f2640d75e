/* external_help.c - see external_help.h. */
#include "tests/external_help.h"

bool external_net_open(struct external_net *net, struct backend_test *test, struct tuff_device *device)
{
    struct tuff_error error = {0};
    *net = (struct external_net){0};
    tuff_status status = tuff_graph_create(test->context, &net->graph, &error);
    if (status == TUFF_OK) {
        tuff_val x = tuff_input(net->graph, "x", TUFF_F32, TUFF_SHAPE(EXTERNAL_COUNT));
        tuff_val y = tuff_add(net->graph, tuff_mul(net->graph, x, tuff_scalar(net->graph, 2)), tuff_scalar(net->graph, 1));
        struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &y, .output_count = 1};
        status = tuff_session_create(device, net->graph, NULL, &net->session, &error);
        if (status == TUFF_OK) status = tuff_session_compile(net->session, &params, &net->run, &error);
    }
    if (backend_status(test, "network", TUFF_OK, status, &error)) return true;
    external_net_close(net);
    return false;
}

void external_net_close(struct external_net *net)
{
    tuff_executable_destroy(net->run);
    tuff_session_destroy(net->session);
    tuff_graph_destroy(net->graph);
}

tuff_status external_net_run(struct external_net *net, struct tuff_buffer *x, struct tuff_buffer *y,
                             struct tuff_error *error)
{
    TUFF_TRY(tuff_executable_set_buffer(net->run, "x", x, 0, error));
    TUFF_TRY(tuff_executable_submit(net->run, NULL, error));
    return tuff_executable_get_buffer(net->run, "output0", y, 0, error);
}

const char *external_kind_name(enum tuff_handle_kind kind)
{
    static const char *const names[] = {
        "none", "file descriptors", "dma-buf", "Win32 handles", "host pointers", "AHardwareBuffer", "sync file descriptors"};
    return names[kind];
}

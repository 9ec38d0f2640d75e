/* train_control.c - what an app asks and stops: cancelling a compilation, a fit, an evaluation and a prediction from another
 * thread, and going on behind it with the same bits; memory asked for before it is taken; the report of what runs slowly. */
#include "tests/train_help.h"

#include "backend/os.h"

#include <stdio.h>
#include <stdlib.h>

/* Another thread that wishes to stop once work has begun. */
struct stopper {
    struct tuff_cancel *cancel;
    atomic_bool begun;
};

static void stop_when_begun(void *user)
{
    struct stopper *stopper = user;
    while (!atomic_load(&stopper->begun)) continue;
    tuff_cancel_request(stopper->cancel);
}

static bool note_begin(void *user, const char *what, uint64_t done, uint64_t total)
{
    struct stopper *stopper = user;
    (void)what, (void)done, (void)total;
    atomic_store(&stopper->begun, true);
    while (!tuff_cancel_requested(stopper->cancel)) continue; /* so that the work cannot be over before */
    return true;
}

static bool note_step(void *user, const struct tuff_fit_progress *progress)
{
    (void)progress;
    return note_begin(user, "", 0, 0);
}

static bool start(struct backend_test *test, struct stopper *stopper, struct tuff_os_thread **thread)
{
    atomic_store(&stopper->begun, false);
    tuff_cancel_reset(stopper->cancel);
    return backend_check(test, tuff_os_thread_start(NULL, stop_when_begun, stopper, thread) == TUFF_OK, "no thread");
}

static tuff_val build_net(struct tuff_graph *g, tuff_val x, bool training, void *user)
{
    (void)user;
    tuff_val h = tuff_relu(
        g, tuff_layer_conv2d(g, x, "a",
                             (struct tuff_layer_conv2d_params){.channels = 5, .kernel = {3}, .conv = {.stride = {2, 5}}}));
    h = tuff_layer_dropout(g, h, 0.25, training);
    return tuff_layer_dense(g, tuff_flatten(g, h), "b", (struct tuff_layer_dense_params){.units = 3});
}

static void build_net_model(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    tuff_val y = build_net(g, n->fields[0], n->training, user);
    tuff_network_classify(g, n, y, n->fields[1], 0);
}

struct control {
    struct tuff_model *model;
    struct stopper stopper;
    struct tuff_data data;
    struct tuff_fit_params fit;
};

enum { SAMPLES = 100 };
static float pictures[SAMPLES * 8 * 8], outputs[SAMPLES * 3];
static int32_t labels[SAMPLES];

static tuff_status open_model(struct backend_test *test, struct control *c, bool cancels, struct tuff_error *error)
{
    for (int i = 0; i < SAMPLES * 64; i++) pictures[i] = (float)(i * 37 % 101) / 101;
    for (int i = 0; i < SAMPLES; i++) labels[i] = i % 3;
    *c = (struct control){
        .data = {.count = SAMPLES, .fields = {pictures, labels}},
        .fit = {.struct_size = sizeof c->fit, .epochs = 3, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.01)}};
    TUFF_TRY(tuff_cancel_create(test->context, &c->stopper.cancel, error));
    struct tuff_model_params params = {.struct_size = sizeof params,
                                       .build = build_net_model,
                                       .fields = {TUFF_FIELD("x", TUFF_F32, 1, 8, 8), TUFF_LABELS("labels")},
                                       .batch = 8,
                                       .progress = {.cancel = c->stopper.cancel, .user = &c->stopper}};
    if (cancels) params.progress.report = note_begin;
    return tuff_model_create(test->device, &params, &c->model, error);
}

static void close_model(struct control *c)
{
    tuff_model_destroy(c->model);
    tuff_cancel_destroy(c->stopper.cancel);
}

/* Weights behind the fit. */
static void read_weights(struct backend_test *test, struct control *c, float *weights, size_t bytes)
{
    struct tuff_error error = {0};
    backend_status(test, "read", TUFF_OK, tuff_model_read(c->model, "b.weight", weights, bytes, &error), &error);
}

static void test_compile(struct backend_test *test)
{
    struct tuff_error error = {0};
    struct control c;
    struct tuff_os_thread *thread = NULL;
    test->quiet = true;
    if (backend_status(test, "model", TUFF_OK, open_model(test, &c, true, &error), &error) &&
        start(test, &c.stopper, &thread))
        backend_status(test, "cancelled compilation", TUFF_ERR_CANCELLED, tuff_model_fit(c.model, &c.data, &c.fit, &error),
                       &error);
    tuff_os_thread_join(thread);
    test->quiet = false;
    close_model(&c);
}

static void test_fit(struct backend_test *test)
{
    struct tuff_error error = {0};
    struct control whole, parted;
    struct tuff_os_thread *thread = NULL;
    struct tuff_metrics metrics;
    float expected[3 * 30], got[3 * 30]; /* [3, 5 * 3 * 2] */
    tuff_status status = open_model(test, &whole, false, &error);
    if (status == TUFF_OK) status = open_model(test, &parted, false, &error);
    if (status == TUFF_OK) status = tuff_model_fit(whole.model, &whole.data, &whole.fit, &error);
    if (!backend_status(test, "fit", TUFF_OK, status, &error)) return;
    parted.fit.on_step = note_step;
    parted.fit.user = &parted.stopper;
    test->quiet = true;
    if (start(test, &parted.stopper, &thread))
        backend_status(test, "cancelled fit", TUFF_ERR_CANCELLED,
                       tuff_model_fit(parted.model, &parted.data, &parted.fit, &error), &error);
    tuff_os_thread_join(thread);
    backend_check(test, tuff_model_state(parted.model).step >= 1, "cancelled fit: expected a step");
    backend_status(test, "evaluation while cancelled", TUFF_ERR_CANCELLED,
                   tuff_model_evaluate(parted.model, &parted.data, &metrics, &error), &error);
    backend_status(test, "prediction while cancelled", TUFF_ERR_CANCELLED,
                   tuff_model_predict(parted.model, &(struct tuff_data){.count = SAMPLES, .fields = {pictures}},
                                      (void *[]){outputs}, &error),
                   &error);
    test->quiet = false;
    tuff_cancel_reset(parted.stopper.cancel);
    parted.fit.on_step = NULL;
    backend_status(test, "going on", TUFF_OK, tuff_model_fit(parted.model, &parted.data, &parted.fit, &error), &error);
    read_weights(test, &whole, expected, sizeof expected);
    read_weights(test, &parted, got, sizeof got);
    backend_check(test, !memcmp(expected, got, sizeof expected), "a cancelled and continued fit ends elsewhere");
    close_model(&whole);
    close_model(&parted);
}

static void test_memory(struct backend_test *test)
{
    struct tuff_error error = {0};
    struct control c;
    struct tuff_plan_figures needs = {0};
    uint64_t before, after;
    if (!backend_status(test, "model", TUFF_OK, open_model(test, &c, false, &error), &error)) return;
    tuff_device_memory(test->device, &before, NULL);
    backend_status(test, "memory", TUFF_OK, tuff_model_memory(c.model, &c.data, &c.fit, &needs, &error), &error);
    tuff_device_memory(test->device, &after, NULL);
    backend_check(test, before == after, "asking took %lld bytes", (long long)(after - before));
    uint64_t available = tuff_device_available(test->device);
    backend_check(test, tuff_plan_fits(test->device, &needs) && available > needs.total_bytes && needs.total_bytes > 0,
                  "memory: expected %llu bytes to fit into %llu", (unsigned long long)needs.total_bytes,
                  (unsigned long long)available);
    backend_status(test, "fit", TUFF_OK, tuff_model_fit(c.model, &c.data, &c.fit, &error), &error);
    struct tuff_plan_figures got = tuff_model_figures(c.model);
    backend_check(test,
                  got.param_bytes == needs.param_bytes && got.state_bytes == needs.state_bytes &&
                      got.scratch_bytes == needs.scratch_bytes && got.const_bytes == needs.const_bytes &&
                      got.plan_hash == needs.plan_hash && got.bytes_least == needs.bytes_least && got.flops == needs.flops,
                  "memory: told %llu, %llu, %llu bytes; the plan has %llu, %llu, %llu",
                  (unsigned long long)needs.param_bytes, (unsigned long long)needs.state_bytes,
                  (unsigned long long)needs.scratch_bytes, (unsigned long long)got.param_bytes,
                  (unsigned long long)got.state_bytes, (unsigned long long)got.scratch_bytes);
    c.data.count = 1 << 30; /* streamed, as it does not fit on the device: needs less */
    struct tuff_plan_figures large = {0};
    backend_status(test, "memory of large data", TUFF_OK, tuff_model_memory(c.model, &c.data, &c.fit, &large, &error),
                   &error);
    backend_check(test, large.input_bytes > 0 && large.state_bytes < needs.state_bytes,
                  "memory of large data: expected batches as inputs");
    close_model(&c);
}

static void test_too_large(struct backend_test *test)
{
    struct tuff_error error = {0};
    struct tuff_graph *g;
    struct tuff_plan_figures needs = {0};
    if (!backend_status(test, "graph", TUFF_OK, tuff_graph_create(test->context, &g, &error), &error)) return;
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(1900, 1, 1000)),
             y = tuff_input(g, "y", TUFF_F32, TUFF_SHAPE(1, 1000, 1000));
    tuff_val sum = tuff_add(g, x, y); /* 7.6 GB */
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &sum, .output_count = 1};
    tuff_status status = tuff_plan_ask(test->device, g, &params, &needs, &error);
    bool told = status == TUFF_OK ? !tuff_plan_fits(test->device, &needs)
                                  : (status == TUFF_ERR_UNSUPPORTED && error.message[0]);
    backend_check(test, told, "7.6 GB: expected a refusal, got %s, total %llu", tuff_status_name(status),
                  (unsigned long long)needs.total_bytes);
    tuff_graph_destroy(g);
}

static void test_report(struct backend_test *test)
{
    struct tuff_error error = {0};
    struct control c;
    char *text = NULL;
    if (!backend_status(test, "model", TUFF_OK, open_model(test, &c, false, &error), &error)) return;
    tuff_status status = tuff_model_fit(c.model, &c.data, &c.fit, &error);
    if (status == TUFF_OK) status = tuff_executable_report(tuff_model_training(c.model), &text, &error);
    if (backend_status(test, "report", TUFF_OK, status, &error)) {
        printf("%s", text);
        backend_check(test, strstr(text, " launches are slower than they could be\n") != NULL, "report: no summary");
        backend_check(test, !(test->context->options.debug & TUFF_DEBUG_NOFUSE) || strstr(text, "TUFF_DEBUG=nofuse"),
                      "report: nofuse is not told");
        if (tuff_device_caps(test->device)->kind == TUFF_DEVICE_SOFTWARE)
            backend_check(test, strstr(text, "conv2d"), "report: the widely strided convolution is not told");
    }
    tuff_text_free(test->context, text);
    close_model(&c);
}

int main(void)
{
    struct backend_test test = {0};
    int skip = backend_test_begin(&test, NULL);
    if (skip) return skip;
    test_compile(&test);
    test_fit(&test);
    test_memory(&test);
    test_too_large(&test);
    test_report(&test);
    return backend_test_end(&test, "train_control");
}

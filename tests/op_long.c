/* op_long.c - sums, products, running sums and scatters so long that a driver which cuts loops off (llvmpipe: 65535 rounds) would
 * give wrong numbers: they are right, or refused with a sentence. */
#include "backend/device.h"
#include "graph/op.h"

#include <math.h>
#include <stdio.h>

struct fixture {
    struct tuff_context *context;
    struct tuff_device *device;
    int failures;
};

typedef tuff_val build_fn(struct tuff_graph *g, tuff_val x, uint32_t n);

static tuff_val build_cumsum(struct tuff_graph *g, tuff_val x, uint32_t n)
{
    tuff_val sums = tuff_cumsum(g, x, (struct tuff_cumsum_params){.axis = 0});
    uint32_t start[1] = {n - 1}, size[1] = {1};
    int32_t step[1] = {1};
    return tuff_slice(g, sums, start, step, size);
}
static tuff_val build_sum(struct tuff_graph *g, tuff_val x, uint32_t n)
{
    (void)n;
    return tuff_sum(g, x, 0, TUFF_DROP_AXES);
}
static tuff_val build_columns(struct tuff_graph *g, tuff_val x, uint32_t n) /* many results, sums over the leading axis */
{
    tuff_val wide = tuff_expand(g, tuff_reshape(g, x, TUFF_SHAPE(n, 1)), TUFF_SHAPE(n, 1030));
    uint32_t start[1] = {1029}, size[1] = {1};
    int32_t step[1] = {1};
    return tuff_slice(g, tuff_sum(g, wide, 1, TUFF_DROP_AXES), start, step, size);
}
static tuff_val build_matmul(struct tuff_graph *g, tuff_val x, uint32_t n)
{
    return tuff_matmul(g, tuff_reshape(g, x, TUFF_SHAPE(1, n)), tuff_reshape(g, x, TUFF_SHAPE(n, 1)),
                       (struct tuff_matmul_params){0});
}
static tuff_val build_scatter(struct tuff_graph *g, tuff_val x, uint32_t n)
{
    return tuff_scatter_add(g, tuff_full(g, TUFF_F32, TUFF_SHAPE(1), 0), tuff_full(g, TUFF_I32, TUFF_SHAPE(n), 0), x, 0);
}
static tuff_val build_argmax(struct tuff_graph *g, tuff_val x, uint32_t n) /* all equal but the last, which is larger */
{
    (void)n;
    tuff_val at = tuff_argmax(g, tuff_add(g, x, tuff_iota(g, tuff_type_of(g, x).shape, 0)), 0, TUFF_KEEP_AXES);
    return tuff_cast(g, tuff_add(g, at, tuff_full(g, TUFF_I32, TUFF_SHAPE(1), 1)), TUFF_F32);
}

/* n ones: every one of these results is n. */
static void check(struct fixture *f, const char *name, build_fn *build, uint32_t n)
{
    struct tuff_error error = {0};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *run = NULL;
    float *ones = tuff_alloc(f->context, n * sizeof *ones), result = -1;
    for (uint32_t i = 0; i < n; i++) ones[i] = 1;
    tuff_status status = tuff_graph_create(f->context, &g, &error);
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(n)), y = build(g, x, n);
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &y, .output_count = 1};
    if (!status) status = tuff_graph_finish(g, &error);
    if (!status) status = tuff_session_create(f->device, g, NULL, &session, &error);
    if (!status) status = tuff_session_compile(session, &params, &run, &error);
    if (!status) status = tuff_executable_write(run, x, ones, n * sizeof *ones, &error);
    if (!status) status = tuff_executable_run(run, &error);
    if (!status) status = tuff_executable_read(run, 0, &result, sizeof result, &error);
    bool refused = (status == TUFF_ERR_UNSUPPORTED || status == TUFF_ERR_DEVICE_MEMORY) && error.message[0],
         right = status == TUFF_OK && result == (float)n;
    if (!right && !refused) {
        printf("%s of %u ones: expected %u or a refusal, got %g (%s: %s)\n", name, (unsigned)n, (unsigned)n, (double)result,
               tuff_status_name(status), error.message);
        f->failures++;
    }
    tuff_executable_destroy(run);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    tuff_free(f->context, ones);
}

int main(void)
{
    static const struct {
        const char *name;
        build_fn *build;
    } cases[] = {{"cumsum", build_cumsum},          {"sum", build_sum},
                 {"sum of columns", build_columns}, {"matmul", build_matmul},
                 {"scatter_add", build_scatter},    {"argmax", build_argmax}};
    static const uint32_t lengths[] = {65537, 100003, 250007, 1000003};
    struct fixture f = {0};
    struct tuff_options options = {.struct_size = sizeof options};
    struct tuff_error error = {0};
    tuff_options_from_env(&options);
    if (tuff_context_create(&options, &f.context, &error)) {
        printf("%s\n", error.message);
        return 1;
    }
    if (tuff_device_create(f.context, NULL, &f.device, &error)) {
        printf("skipped: %s\n", error.message);
        tuff_context_destroy(f.context);
        return 77;
    }
    for (size_t i = 0; i < TUFF_COUNT(cases); i++)
        for (size_t k = 0; k < TUFF_COUNT(lengths); k++)
            if (cases[i].build != build_columns || lengths[k] < 200000) check(&f, cases[i].name, cases[i].build, lengths[k]);
    f.failures += tuff_device_validation_messages(f.device) != 0;
    printf("op_long: %d failures\n", f.failures);
    tuff_device_release(f.device);
    tuff_context_destroy(f.context);
    return f.failures != 0;
}

/* session_host.c - i64 and f64, the types of the host: narrowed with a check where the host writes, widened where it reads, the
 * same in text and in a checkpoint; and constants of them, which the host computes before they are narrowed. */
#include "graph/op.h"
#include "loaders/loaders.h"
#include "tests/backend_help.h"
#include "tests/temporary.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct host_test {
    struct backend_test test;
    struct tuff_graph *g;
    struct tuff_session *session;
    struct tuff_executable *run;
    struct tuff_error error;
};

enum { COUNT = 5 };

static void must(struct host_test *t, tuff_status status)
{
    backend_check(&t->test, status == TUFF_OK, "expected ok, got %s", t->error.message);
}

static void start(struct host_test *t)
{
    if (tuff_graph_create(t->test.context, &t->g, &t->error) != TUFF_OK) abort();
}

static tuff_status compile(struct host_test *t, const tuff_val *outputs, uint32_t count)
{
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = outputs, .output_count = count};
    TUFF_TRY(tuff_graph_finish(t->g, &t->error));
    TUFF_TRY(tuff_session_create(t->test.device, t->g, NULL, &t->session, &t->error));
    TUFF_TRY(tuff_session_compile(t->session, &params, &t->run, &t->error));
    return TUFF_OK;
}

static void finish(struct host_test *t)
{
    tuff_executable_destroy(t->run);
    tuff_session_destroy(t->session);
    tuff_graph_destroy(t->g);
    t->run = NULL;
    t->session = NULL;
    t->g = NULL;
}

static void expect_refused(struct host_test *t, const char *what, tuff_status status, tuff_status wanted, const char *a,
                           const char *b)
{
    backend_check(&t->test, status == wanted && strstr(t->error.message, a) && strstr(t->error.message, b),
                  "%s: expected a refusal with '%s' and '%s', got '%s'", what, a, b, t->error.message);
    t->error = (struct tuff_error){0};
}

/* ---- leaves and outputs ------------------------------------------------------------------------------------------------------ */

struct leaves {
    tuff_val input, state, param;
};

static struct leaves add_leaves(struct host_test *t, enum tuff_dtype dtype)
{
    struct tuff_shape shape = TUFF_SHAPE(COUNT);
    return (struct leaves){tuff_input(t->g, "i", dtype, shape), tuff_state(t->g, "s", dtype, shape, (struct tuff_init){0}),
                           tuff_param_of(t->g, "p", (struct tuff_type){dtype, shape}, (struct tuff_init){0})};
}

/* What is written comes back from leaves, and from a sum and its cast; bytes are those of the host's type. */
static void round_trip(struct host_test *t, enum tuff_dtype dtype, const void *content, const void *doubled)
{
    const size_t bytes = (size_t)tuff_dtype_size(dtype, COUNT);
    uint64_t got[COUNT];
    const char *name = tuff_dtype_name(dtype);
    start(t);
    struct leaves leaf = add_leaves(t, dtype);
    tuff_val sum = tuff_add(t->g, leaf.input, leaf.state);
    tuff_val wide = tuff_cast(t->g, sum, dtype), floats = tuff_cast(t->g, sum, TUFF_F32);
    enum tuff_dtype narrow = tuff_dtype_device(dtype);
    tuff_val outputs[5] = {leaf.input, leaf.param, wide, floats, tuff_cast(t->g, leaf.input, narrow)};
    struct tuff_type inside = tuff_type_of(t->g, leaf.state), outside = tuff_type_on_host(t->g, outputs[2]);
    backend_check(&t->test,
                  inside.dtype == tuff_dtype_device(dtype) && outside.dtype == dtype &&
                      tuff_graph_leaf(t->g, 0).type.dtype == dtype,
                  "%s: operators see %s, the host %s", name, tuff_dtype_name(inside.dtype), tuff_dtype_name(outside.dtype));
    backend_check(&t->test, tuff_type_on_host(t->g, outputs[4]).dtype == narrow, "%s: a cast keeps the host's type", name);
    must(t, compile(t, outputs, 5));
    if (!t->run) return;
    must(t, tuff_session_write(t->session, leaf.state, content, bytes, &t->error));
    must(t, tuff_session_write(t->session, leaf.param, content, bytes, &t->error));
    must(t, tuff_executable_write(t->run, leaf.input, content, bytes, &t->error));
    must(t, tuff_executable_run(t->run, &t->error));
    must(t, tuff_session_read(t->session, leaf.state, got, bytes, &t->error));
    backend_check(&t->test, !memcmp(got, content, bytes), "%s: the state comes back otherwise", name);
    for (uint32_t i = 0; i < 3; i++) {
        memset(got, 0x5a, sizeof got);
        must(t, tuff_executable_read(t->run, i, got, bytes - 3, &t->error)); /* a part: not of whole elements */
        backend_check(&t->test, !memcmp(got, i < 2 ? content : doubled, bytes - 3) && ((uint8_t *)got)[bytes - 3] == 0x5a,
                      "%s: output %u comes back otherwise", name, (unsigned)i);
    }
    union {
        int32_t whole[COUNT];
        float real[COUNT];
    } narrowed;
    must(t, tuff_executable_read(t->run, 4, &narrowed, sizeof narrowed, &t->error));
    for (uint32_t i = 0; i < COUNT; i++) {
        double wanted = dtype == TUFF_I64 ? (double)((const int64_t *)content)[i] : ((const double *)content)[i];
        double value = dtype == TUFF_I64 ? narrowed.whole[i] : (double)narrowed.real[i];
        backend_check(&t->test, value == wanted, "%s as %s: expected %g, got %g", name, tuff_dtype_name(narrow), wanted,
                      value);
    }
    expect_refused(t, "few bytes", tuff_session_write(t->session, leaf.state, content, bytes / 2, &t->error), TUFF_ERR_USAGE,
                   "'s'", "40 bytes");
    finish(t);
}

static void test_limits(struct host_test *t)
{
    static const int64_t beyond[] = {INT64_C(2147483648), INT64_C(-2147483649), INT64_MAX, INT64_MIN, INT64_C(1) << 32};
    static const double large[] = {3.5e38, -3.5e38, 1e300, 3.4028235677973366e38};
    start(t);
    struct leaves leaf = add_leaves(t, TUFF_I64);
    tuff_val f = tuff_input(t->g, "f", TUFF_F64, TUFF_SHAPE(COUNT));
    tuff_val outputs[2] = {tuff_add(t->g, leaf.input, leaf.state), tuff_neg(t->g, f)};
    must(t, compile(t, outputs, 2));
    t->test.quiet = true;
    for (uint32_t k = 0; t->run && k < TUFF_COUNT(beyond); k++) {
        int64_t content[COUNT] = {1, 2, 3, beyond[k], 5}, kept[COUNT];
        char number[40];
        snprintf(number, sizeof number, "element 3, %" PRId64 ",", beyond[k]);
        expect_refused(t, "state", tuff_session_write(t->session, leaf.state, content, sizeof content, &t->error),
                       TUFF_ERR_USAGE, "'s'", number);
        expect_refused(t, "input", tuff_executable_write(t->run, leaf.input, content, sizeof content, &t->error),
                       TUFF_ERR_USAGE, "'i'", number);
        must(t, tuff_session_read(t->session, leaf.state, kept, sizeof kept, &t->error));
        for (int i = 0; i < COUNT; i++)
            backend_check(&t->test, kept[i] == 0, "what was refused was written: %" PRId64, kept[i]);
    }
    for (uint32_t k = 0; t->run && k < TUFF_COUNT(large); k++) {
        double content[COUNT] = {1, INFINITY, NAN, 3.4e38, large[k]};
        expect_refused(t, "f64", tuff_executable_write(t->run, f, content, sizeof content, &t->error), TUFF_ERR_USAGE, "'f'",
                       "element 4");
    }
    t->test.quiet = false;
    finish(t);
}

/* ---- constants ----------------------------------------------------------------------------------------------------------------- */

static tuff_val whole(struct tuff_graph *g, const int64_t *data, uint32_t count)
{
    return tuff_constant(g, (struct tuff_type){TUFF_I64, TUFF_SHAPE(count)}, data);
}

/* Shapes as a foreign model computes them: products and sums beyond the limits of i32 on the way, and in the end within. */
static tuff_val shapes(struct tuff_graph *g)
{
    static const int64_t a[3] = {65536, 65536, 7}, b[3] = {65537, 32768, 11}, parts[2] = {-4295032000, -2147483000};
    tuff_val product = tuff_mul(g, whole(g, a, 3), whole(g, b, 3));
    tuff_val rest = tuff_full(g, TUFF_I64, TUFF_SHAPE(1), -70), pieces[2] = {whole(g, parts, 2), rest};
    tuff_val sum = tuff_add(g, product, tuff_concat(g, pieces, 2, 0)), one = tuff_sub(g, rest, rest);
    return tuff_reshape(g, tuff_add(g, tuff_gather(g, sum, one, 0), sum), TUFF_SHAPE(3));
}

/* More pieces than a launch has buffers, each beyond i32 on the way: they are computed here, not narrowed one by one. */
static void test_pieces(struct host_test *t)
{
    enum { PIECES = 24 };
    tuff_val pieces[PIECES];
    int64_t got[PIECES];
    start(t);
    for (int i = 0; i < PIECES; i++) pieces[i] = whole(t->g, &(int64_t){INT64_C(5000000000) + i}, 1);
    tuff_val all = tuff_concat(t->g, pieces, PIECES, 0);
    tuff_val y = tuff_cast(t->g, tuff_sub(t->g, all, whole(t->g, &(int64_t){INT64_C(5000000000)}, 1)), TUFF_I64);
    must(t, compile(t, &y, 1));
    if (t->run) {
        must(t, tuff_executable_run(t->run, &t->error));
        must(t, tuff_executable_read(t->run, 0, got, sizeof got, &t->error));
        for (int i = 0; i < PIECES; i++)
            backend_check(&t->test, got[i] == i, "piece %d: expected %d, got %" PRId64, i, i, got[i]);
    }
    finish(t);
}

static void expect_initial_refused(struct host_test *t, enum tuff_dtype dtype, struct tuff_init init, const char *number)
{
    start(t);
    tuff_state(t->g, "s", dtype, TUFF_SHAPE(2), init);
    expect_refused(t, "first value", tuff_graph_finish(t->g, &t->error), TUFF_ERR_SHAPE, "state", number);
    finish(t);
}

static void test_constants(struct host_test *t)
{
    static const int64_t far[2] = {1, INT64_C(3000000000)};
    static const double fine[2] = {0.1, 1e-3};
    const int64_t expected[3] = {2 * (65536 * INT64_C(65537) - 4295032000), 65536 * INT64_C(65537) - 4295032000 + 648,
                                 65536 * INT64_C(65537) - 4295032000 + 7};
    int64_t got[3];
    float f[4];
    start(t);
    tuff_val s = shapes(t->g), x = tuff_input(t->g, "x", TUFF_I64, TUFF_SHAPE(3));
    tuff_val d = tuff_constant(t->g, (struct tuff_type){TUFF_F64, TUFF_SHAPE(2)}, fine);
    tuff_val exact = tuff_sub(t->g, tuff_add(t->g, d, tuff_full(t->g, TUFF_F64, TUFF_SHAPE(1), 1)),
                              tuff_full(t->g, TUFF_F64, TUFF_SHAPE(1), 1)); /* f32 would lose digits of d */
    tuff_val rounded = tuff_sub(t->g, tuff_add(t->g, tuff_cast(t->g, d, TUFF_F16), tuff_scalar(t->g, 0)),
                                tuff_scalar(t->g, 0));
    tuff_val outputs[4] = {tuff_cast(t->g, tuff_add(t->g, s, x), TUFF_I64), s, exact, rounded};
    must(t, compile(t, outputs, 4));
    if (t->run) {
        must(t, tuff_executable_write(t->run, x, (const int64_t[3]){0}, sizeof got, &t->error));
        must(t, tuff_executable_run(t->run, &t->error));
        must(t, tuff_executable_read(t->run, 0, got, sizeof got, &t->error));
        for (int i = 0; i < 3; i++)
            backend_check(&t->test, got[i] == expected[i], "shape %d: expected %" PRId64 ", got %" PRId64, i, expected[i],
                          got[i]);
        must(t, tuff_executable_read(t->run, 2, f, 2 * sizeof *f, &t->error));
        must(t, tuff_executable_read(t->run, 3, f + 2, 2 * sizeof *f, &t->error));
        for (int i = 0; i < 2; i++) {
            float half = (float)tuff_dtype_round(TUFF_F16, fine[i]);
            backend_check(&t->test, f[i] == (float)(fine[i] + 1 - 1) && f[2 + i] == half,
                          "constant %d: expected %.9g and %.9g, got %.9g and %.9g", i, fine[i], (double)half, (double)f[i],
                          (double)f[2 + i]);
        }
    }
    finish(t);
    t->test.quiet = true;
    start(t);
    s = tuff_named(t->g, whole(t->g, far, 2), "far");
    tuff_val y = tuff_add(t->g, s, tuff_input(t->g, "x", TUFF_I32, TUFF_SHAPE(2)));
    expect_refused(t, "constant", compile(t, &y, 1), TUFF_ERR_UNSUPPORTED, "'far'", "element 1, 3000000000,");
    finish(t);
    expect_initial_refused(t, TUFF_I64, (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 3e9}, "3000000000");
    expect_initial_refused(t, TUFF_I64, (struct tuff_init){.kind = TUFF_INIT_UNIFORM, .a = 0, .b = 4e9}, "4000000000");
    expect_initial_refused(t, TUFF_F64, (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 1e300}, "e+300");
    start(t);
    y = tuff_add(t->g, tuff_full(t->g, TUFF_I64, TUFF_SHAPE(2), -3e9), tuff_input(t->g, "x", TUFF_I32, TUFF_SHAPE(2)));
    expect_refused(t, "full", compile(t, &y, 1), TUFF_ERR_UNSUPPORTED, "i64", "-3000000000");
    finish(t);
    t->test.quiet = false;
}

/* ---- text, evaluation ---------------------------------------------------------------------------------------------------------- */

static void test_text(struct host_test *t)
{
    struct tuff_graph *again = NULL;
    char *first = NULL, *second = NULL;
    static const int64_t limits[2] = {INT64_MIN, INT64_MAX};
    const int64_t input[COUNT] = {1, -2, 3, INT32_MAX, INT32_MIN};
    const double number[COUNT] = {0.1, -INFINITY, 1, 2, 3};
    double got[2][COUNT], *results[2] = {got[0], got[1]};
    start(t);
    struct leaves leaf = add_leaves(t, TUFF_I64);
    tuff_val f = tuff_input(t->g, "f", TUFF_F64, TUFF_SHAPE(COUNT));
    tuff_named(t->g, tuff_add(t->g, leaf.input, leaf.state), "sum");
    tuff_named(t->g, whole(t->g, limits, 2), "limits");
    tuff_cast(t->g, f, TUFF_I64);
    must(t, tuff_graph_print(t->g, &first, &t->error));
    must(t, tuff_graph_create(t->test.context, &again, &t->error));
    must(t, tuff_graph_parse(again, first, &t->error));
    must(t, tuff_graph_print(again, &second, &t->error));
    backend_check(&t->test,
                  second && !strcmp(first, second) && strstr(first, "dtype=i64 shape=[5] : i32 [5]") &&
                      strstr(first, "data=80000000000000007fffffffffffffff"),
                  "the text comes back otherwise:\n%s\n%s", first, second ? second : "");
    const tuff_val outputs[2] = {leaf.input, f};
    const struct tuff_leaf_content contents[2] = {{leaf.input, input}, {f, number}};
    struct tuff_evaluate_params params = {
        .struct_size = sizeof params, .outputs = outputs, .output_count = 2, .leaves = contents, .leaf_count = 2};
    must(t, tuff_evaluate(t->g, &params, results, &t->error));
    for (int i = 0; i < COUNT; i++)
        backend_check(&t->test, got[0][i] == (double)input[i] && got[1][i] == (double)(float)number[i],
                      "evaluated: expected %" PRId64 " and %.9g, got %.17g and %.17g", input[i], number[i], got[0][i],
                      got[1][i]);
    const int64_t beyond[COUNT] = {0, 0, INT64_C(2147483648), 0, 0};
    params.leaves = (const struct tuff_leaf_content[]){{leaf.input, beyond}, {f, number}};
    t->test.quiet = true;
    expect_refused(t, "evaluation", tuff_evaluate(t->g, &params, results, &t->error), TUFF_ERR_USAGE, "'i'",
                   "element 2, 2147483648,");
    t->test.quiet = false;
    tuff_text_free(t->test.context, first);
    tuff_text_free(t->test.context, second);
    tuff_graph_destroy(again);
    finish(t);
}

/* ---- checkpoints ----------------------------------------------------------------------------------------------------------------- */

static tuff_val network(struct tuff_graph *g, tuff_val x, bool training, void *user)
{
    (void)training, (void)user;
    tuff_val count = tuff_state(g, "count", TUFF_I64, TUFF_SHAPE(3), (struct tuff_init){0});
    tuff_val scale = tuff_param_of(g, "scale", (struct tuff_type){TUFF_F64, TUFF_SHAPE(3)},
                                   (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 0.5});
    return tuff_add(g, tuff_mul(g, tuff_layer_dense(g, x, "dense", (struct tuff_layer_dense_params){.units = 3}), scale),
                    tuff_cast(g, count, TUFF_F32));
}

static void network_model(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    tuff_val y = network(g, n->fields[0], n->training, user);
    tuff_network_regress(g, n, y, n->fields[1]);
}

/* Saved by one model and loaded by another; the array in the file has the host's type. */
static void test_checkpoint(struct host_test *t)
{
    struct tuff_model_params params = {.struct_size = sizeof params,
                                       .build = network_model,
                                       .fields = {TUFF_FIELD("x", TUFF_F32, 4), TUFF_ANSWER("targets", TUFF_F32, 3)},
                                       .batch = 2};
    const float x[8] = {0}, targets[6] = {0};
    const struct tuff_data data = {.count = 2, .fields = {x, targets}};
    struct tuff_fit_params fit = {
        .struct_size = sizeof fit, .epochs = 1, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.1)};
    struct tuff_model *models[2] = {NULL, NULL};
    struct tuff_tensors *tensors = NULL;
    struct tuff_array found = {0};
    const int64_t count[3] = {7, INT32_MIN, INT32_MAX};
    int64_t got[3] = {0};
    double scale[3] = {0};
    char path[400];
    temporary_path("host", path, sizeof path);
    struct tuff_model_checkpoint checkpoint = {sizeof checkpoint, t->test.context, path, NULL, 0};
    for (int i = 0; i < 2; i++) {
        must(t, tuff_model_create(t->test.device, &params, &models[i], &t->error));
        must(t, tuff_model_prepare(models[i], &data, &fit, &t->error));
    }
    must(t, tuff_model_write(models[0], "count", count, sizeof count, &t->error));
    must(t, tuff_model_checkpoint_save(&checkpoint, models[0], &t->error));
    must(t, tuff_model_checkpoint_load(t->test.context, models[1], path, &t->error));
    must(t, tuff_model_read(models[1], "count", got, sizeof got, &t->error));
    must(t, tuff_model_read(models[1], "scale", scale, sizeof scale, &t->error));
    backend_check(&t->test, !memcmp(got, count, sizeof got) && scale[0] == 0.5 && scale[2] == 0.5,
                  "loaded: %" PRId64 " .. %" PRId64 ", %g", got[0], got[2], scale[0]);
    must(t, tuff_checkpoint_read(t->test.context, path, NULL, &tensors, &t->error));
    bool there = tensors && tuff_tensors_find(tensors, "count", &found) && found.element == TUFF_ELEMENT_I64;
    backend_check(&t->test, there && found.bytes == sizeof count && !memcmp(found.data, count, sizeof count),
                  "the checkpoint's array is another one");
    tuff_tensors_destroy(tensors);
    remove(path);
    for (int i = 0; i < 2; i++) tuff_model_destroy(models[i]);
}

int main(void)
{
    struct host_test t = {0};
    int status = backend_test_begin(&t.test, NULL);
    if (status != 0) return status;
    const int64_t whole_numbers[COUNT] = {0, 1073741823, -1073741824, -1, 77};
    const int64_t doubled[COUNT] = {0, 2147483646, INT32_MIN, -2, 154};
    const double numbers[COUNT] = {0.5, -INFINITY, 1.5e38, (double)0.1f, -0.0};
    const double twice[COUNT] = {1, -INFINITY, (double)(2 * (float)1.5e38), 2 * (double)0.1f, -0.0};
    double rounded[COUNT];
    for (int i = 0; i < COUNT; i++) rounded[i] = (double)(float)numbers[i];
    round_trip(&t, TUFF_I64, whole_numbers, doubled);
    round_trip(&t, TUFF_F64, rounded, twice);
    test_limits(&t);
    test_pieces(&t);
    test_constants(&t);
    test_text(&t);
    test_checkpoint(&t);
    return backend_test_end(&t.test, "session_host");
}

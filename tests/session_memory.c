/* session_memory.c - what is kept lies in memories that executables share and that grow: a graph that gets more leaves moves nothing,
 * a model predicts, is fitted and predicts again in one session, weights larger than one allocation are split. */
#include "tests/backend_help.h"
#include "tests/train_help.h"

#include "backend/handover.h"
#include "graph/ops/leaf.h"
#include "graph/train/model.h"

#include <stdlib.h>

static uint64_t device_bytes(const struct backend_test *test)
{
    uint64_t now, peak;
    tuff_device_memory(test->device, &now, &peak);
    return now;
}

static struct tuff_executable *compile(struct backend_test *test, struct tuff_session *session, const tuff_val *outputs,
                                       uint32_t count)
{
    struct tuff_executable *x = NULL;
    struct tuff_error error = {0};
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = outputs, .output_count = count};
    backend_status(test, "compile", TUFF_OK, tuff_session_compile(session, &params, &x, &error), &error);
    return x;
}

static void expect_output(struct backend_test *test, const char *what, struct tuff_executable *x, float wanted)
{
    struct tuff_error error = {0};
    float got[2] = {0};
    backend_status(test, what, TUFF_OK, tuff_executable_run(x, &error), &error);
    backend_status(test, what, TUFF_OK, tuff_executable_read(x, 0, got, sizeof got, &error), &error);
    backend_check(test, got[0] == wanted && got[1] == wanted, "%s: expected %g, got %g %g", what, (double)wanted,
                  (double)got[0], (double)got[1]);
}

static tuff_val last_two(struct tuff_graph *g, tuff_val x, uint32_t count)
{
    return tuff_slice(g, x, (const uint32_t[]){count - 2}, (const int32_t[]){1}, (const uint32_t[]){2});
}

/* y = w x runs; then the graph gets a state, and w <- w + state is compiled: both see the same w, which was never copied. */
static void test_growth(struct backend_test *test)
{
    enum { LARGE = 1 << 20 };
    const struct tuff_shape large = TUFF_SHAPE(LARGE), pair = TUFF_SHAPE(2);
    struct tuff_error error = {0};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    if (tuff_graph_create(test->context, &g, &error) != TUFF_OK) abort();
    tuff_val w = tuff_param(g, "w", large, (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 3});
    tuff_val x = tuff_input(g, "x", TUFF_F32, pair);
    tuff_val part = last_two(g, w, LARGE);
    tuff_val y = tuff_mul(g, part, x);
    backend_status(test, "session", TUFF_OK, tuff_session_create(test->device, g, NULL, &session, &error), &error);
    struct tuff_executable *run = compile(test, session, &y, 1);
    const float two[2] = {2, 2}, five[2] = {5, 5};
    backend_status(test, "input", TUFF_OK, tuff_executable_write(run, x, two, sizeof two, &error), &error);
    expect_output(test, "before", run, 6);

    uint64_t before = device_bytes(test);
    tuff_val step = tuff_state(g, "step", TUFF_F32, pair, (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 1});
    tuff_val sum = tuff_assign(g, w, tuff_add(g, w, tuff_mean(g, step, 0, TUFF_DROP_AXES)));
    struct tuff_executable *update = compile(test, session, &sum, 1);
    uint64_t more = device_bytes(test) - before;
    backend_check(test, more < LARGE * 4, "growth: expected less than w's %d bytes on the device, got %llu more", LARGE * 4,
                  (unsigned long long)more);
    backend_check(test, tuff_executable_memories(run) == tuff_executable_memories(update), "expected shared memories");
    backend_status(test, "update", TUFF_OK, tuff_executable_run(update, &error), &error);
    expect_output(test, "w + 1", run, 8);
    backend_status(test, "leaf", TUFF_OK, tuff_session_write(session, step, five, sizeof five, &error), &error);
    backend_status(test, "update", TUFF_OK, tuff_executable_run(update, &error), &error);
    expect_output(test, "w + 6", run, 18);

    tuff_val late = tuff_param(g, "late", pair,
                               (struct tuff_init){0}); /* one vector of both parameters is no longer possible */
    const tuff_val both[2] = {w, late};
    tuff_val pack = tuff_sum(g, tuff_param_pack(g, both, 2), 0, TUFF_DROP_AXES);
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &pack, .output_count = 1};
    struct tuff_executable *none = NULL;
    test->quiet = true;
    backend_status(test, "pack", TUFF_ERR_UNSUPPORTED, tuff_session_compile(session, &params, &none, &error), &error);
    test->quiet = false;
    backend_check(test, late && strstr(error.message, "'late'"), "pack: expected the parameter's name, got %s",
                  error.message);

    tuff_executable_destroy(run);
    tuff_session_destroy(session); /* the other one holds the memory */
    backend_status(test, "by name", TUFF_OK, tuff_executable_set(update, "step", two, sizeof two, &error), &error);
    backend_status(test, "alone", TUFF_OK, tuff_executable_run(update, &error), &error);
    float got[2] = {0};
    backend_status(test, "by name", TUFF_OK, tuff_executable_get(update, "w", got, sizeof got, &error), &error);
    backend_check(test, got[1] == 11, "w by name: expected 11, got %g", (double)got[1]);
    test->quiet = true;
    backend_status(test, "no slot", TUFF_ERR_USAGE, tuff_executable_get(update, "v", got, sizeof got, &error), &error);
    backend_status(test, "too large", TUFF_ERR_USAGE, tuff_executable_set(update, "step", got, 1024, &error), &error);
    test->quiet = false;
    struct tuff_memories *memories = tuff_executable_memories(update);
    uint64_t used = device_bytes(test);
    tuff_memories_retain(memories);
    tuff_executable_destroy(update);
    backend_check(test, device_bytes(test) + LARGE * 4 > used, "memories that are held were given back");
    tuff_memories_release(memories);
    tuff_queue_collect(test->device);
    backend_check(test, device_bytes(test) < used, "memories that nobody holds are there yet");
    tuff_graph_destroy(g);
}

/* ---- writes that fail ------------------------------------------------------------------------------------------------------------ */

static struct {
    int made, fail_at; /* writes since armed; which of them fails, from 1; 0: none */
} writes;

tuff_status __real_tuff_buffer_write(struct tuff_buffer *buffer, uint64_t offset, const void *data, uint64_t bytes,
                                     struct tuff_error *error);
tuff_status __wrap_tuff_buffer_write(struct tuff_buffer *buffer, uint64_t offset, const void *data, uint64_t bytes,
                                     struct tuff_error *error);
tuff_status __wrap_tuff_buffer_write(struct tuff_buffer *buffer, uint64_t offset, const void *data, uint64_t bytes,
                                     struct tuff_error *error)
{
    if (++writes.made == writes.fail_at) return TUFF_ERR_DEVICE_LOST;
    return __real_tuff_buffer_write(buffer, offset, data, bytes, error);
}

/* Content that does not reach the device is no executable: seven bytes of a constant are written as one word and the rest. */
static void test_content_fails(struct backend_test *test)
{
    static const uint8_t bytes[7] = {1, 2, 3, 4, 5, 6, 7};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_error error = {0};
    int needed = 1, failed = 0;
    if (!backend_status(test, "graph", TUFF_OK, tuff_graph_create(test->context, &g, &error), &error)) return;
    tuff_val c = tuff_constant(g, (struct tuff_type){TUFF_U8, TUFF_SHAPE(7)}, bytes);
    tuff_val y = tuff_concat(g, (tuff_val[]){c, tuff_input(g, "x", TUFF_U8, TUFF_SHAPE(7))}, 2, 0); /* it does not fold */
    backend_status(test, "session", TUFF_OK, tuff_session_create(test->device, g, NULL, &session, &error), &error);
    for (int fail_at = 0; fail_at <= needed; fail_at++) {
        struct tuff_executable *x = NULL;
        struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &y, .output_count = 1};
        writes.made = 0;
        writes.fail_at = fail_at;
        tuff_status status = tuff_session_compile(session, &params, &x, &error);
        backend_status(test, "a write fails", fail_at ? TUFF_ERR_DEVICE_LOST : TUFF_OK, status, &error);
        if (!fail_at) needed = writes.made;
        failed += status != TUFF_OK;
        tuff_executable_destroy(x);
    }
    writes.fail_at = 0;
    backend_check(test, needed >= 2 && failed == needed, "expected two writes or more, and each to fail, got %d of %d",
                  failed, needed);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

/* The text of the network, for five samples at once, is one of all outputs. */
static void check_graph_of(struct backend_test *test, struct tuff_model *m)
{
    char *text = NULL;
    struct tuff_graph *g = NULL;
    struct tuff_error error = {0};
    const struct tuff_model_output output = tuff_model_output(m, 0);
    backend_check(test,
                  tuff_model_output_count(m) == 1 && !strcmp(output.name, "probabilities") && output.type.shape.rank == 1 &&
                      output.type.shape.dim[0] == TRAIN_CLASSES,
                  "expected probabilities of %d classes", TRAIN_CLASSES);
    if (!backend_status(test, "text", TUFF_OK, tuff_model_graph(m, 5, 0, &text, &error), &error)) return;
    backend_status(test, "graph", TUFF_OK, tuff_graph_create(test->context, &g, &error), &error);
    backend_status(test, "parse", TUFF_OK, tuff_graph_parse(g, text, &error), &error);
    tuff_val y = g ? tuff_graph_find(g, "probabilities") : 0;
    struct tuff_shape shape = y ? tuff_type_of(g, y).shape : (struct tuff_shape){0};
    backend_check(test, shape.rank == 2 && shape.dim[0] == 5 && shape.dim[1] == TRAIN_CLASSES, "another output");
    tuff_graph_destroy(g);
    tuff_text_free(test->context, text);
}

static void test_model(struct backend_test *test)
{
    struct train t = {.context = test->context, .device = test->device};
    const struct train_params params = {.epochs = 1};
    struct tuff_error error = {0};
    float before[2][TRAIN_CLASSES], after[2][TRAIN_CLASSES];
    if (!backend_status(test, "model", TUFF_OK, train_model(&t, &params, &error), &error)) return;
    struct tuff_model *m = t.model;
    backend_status(
        test, "predict", TUFF_OK,
        tuff_model_predict(m, &(struct tuff_data){.count = 2, .fields = {t.data.fields[0]}}, (void *[]){before[0]}, &error),
        &error);
    const struct tuff_session *session = m->session;
    const struct tuff_executable *predict = m->predict;
    backend_status(test, "fit", TUFF_OK, tuff_model_fit(m, &t.data, &t.fit, &error), &error);
    backend_status(
        test, "predict", TUFF_OK,
        tuff_model_predict(m, &(struct tuff_data){.count = 2, .fields = {t.data.fields[0]}}, (void *[]){after[0]}, &error),
        &error);
    backend_check(test, m->session == session && m->predict == predict, "fit: expected the session and plan of before");
    backend_check(test, memcmp(before, after, sizeof before[0]), "fit: expected other predictions");
    backend_check(test, tuff_executable_memories(tuff_model_training(m)) == tuff_executable_memories(m->predict),
                  "fit: expected one set of memories");
    check_graph_of(test, m);
    struct tuff_fit_state state = tuff_model_state(m);
    state.seed++;
    tuff_model_resume(m, &state);
    test->quiet = true;
    backend_status(test, "another seed", TUFF_ERR_USAGE, tuff_model_fit(m, &t.data, &t.fit, &error), &error);
    test->quiet = false;
    backend_check(test, strstr(error.message, "begun with seed"), "resumed with another seed: %s", error.message);
    train_close_model(&t);
}

/* Four parameters of 40 KiB where one allocation holds 100000 bytes: two memories, and the sum over all of them is right. */
static void test_split(void)
{
    struct backend_test test;
    const struct tuff_options options = {.struct_size = sizeof options, .limits = "allocation=100000"};
    if (backend_test_begin(&test, &options) != 0) return;
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_error error = {0};
    if (tuff_graph_create(test.context, &g, &error) != TUFF_OK) abort();
    tuff_val y = 0;
    for (uint32_t i = 0; i < 4; i++) {
        const char *const names[] = {"a", "b", "c", "d"};
        struct tuff_init init = {.kind = TUFF_INIT_CONSTANT, .a = 1 + i};
        tuff_val p = last_two(g, tuff_param(g, names[i], TUFF_SHAPE(10240), init), 10240);
        y = y ? tuff_add(g, y, p) : p;
    }
    backend_status(&test, "split", TUFF_OK, tuff_session_create(test.device, g, NULL, &session, &error), &error);
    struct tuff_executable *x = compile(&test, session, &y, 1);
    uint32_t memories = 0;
    const struct tuff_plan *plan = tuff_executable_plan(x);
    for (uint32_t i = 0; i < plan->memory_count; i++) memories += plan->memories[i].kind == TUFF_MEMORY_PARAM;
    backend_check(&test, memories == 2, "split: expected 2 memories of parameters, got %u", (unsigned)memories);
    backend_check(&test,
                  tuff_plan_fits(test.device, &(struct tuff_plan_figures){.param_bytes = 200000, .largest_bytes = 90000}),
                  "split: expected a plan of two memories to fit");
    expect_output(&test, "split", x, 10);
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    if (backend_test_end(&test, "session_memory, split") != 0) exit(1);
}

int main(void)
{
    struct backend_test test;
    int skip = backend_test_begin(&test, NULL);
    if (skip) return skip;
    test_growth(&test);
    test_model(&test);
    test_content_fails(&test);
    test_split();
    return backend_test_end(&test, "session_memory");
}

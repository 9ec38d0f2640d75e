/* session_inputs.c - what was never written or never ran is a status and not zeros: inputs of each set, outputs before the first run, at
 * a station, after a run that was cancelled; in an executable that was loaded too. Graphs that grow beside their sessions. */
#include "tests/backend_help.h"

#include "graph/graph.h"
#include "graph/op.h"
#include "graph/train/optimizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 8 };
static const float eights[COUNT] = {8, 8, 8, 8, 8, 8, 8, 8};

static void refused(struct backend_test *t, const char *what, tuff_status status, const struct tuff_error *error,
                    const char *sentence)
{
    backend_check(t, status == TUFF_ERR_USAGE && strstr(error->message, sentence), "%s: expected USAGE, '%s', got %s, '%s'",
                  what, sentence, tuff_status_name(status), status ? error->message : "");
}

/* y = x + w with w of ones, and the state seen that becomes x. */
struct sum {
    struct tuff_graph *g;
    struct tuff_session *session;
    struct tuff_executable *run;
    tuff_val x, b, y;
};

static void start(struct backend_test *t, struct sum *s, uint32_t sets)
{
    struct tuff_error error = {0};
    if (tuff_graph_create(t->context, &s->g, &error) != TUFF_OK) abort();
    s->x = tuff_input(s->g, "x", TUFF_F32, TUFF_SHAPE(2, 4));
    s->b = tuff_input(s->g, "b", TUFF_U8, TUFF_SHAPE(3));
    tuff_val w = tuff_param(s->g, "w", TUFF_SHAPE(4), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 1});
    tuff_val seen = tuff_state(s->g, "seen", TUFF_F32, TUFF_SHAPE(2, 4), (struct tuff_init){0});
    tuff_val more = tuff_sum(s->g, tuff_cast(s->g, s->b, TUFF_F32), 0, TUFF_DROP_AXES), x = s->x;
    tuff_val kept = tuff_assign_rows(s->g, seen, x, tuff_full(s->g, TUFF_I32, TUFF_SHAPE(1), 0));
    s->y = tuff_add(s->g, tuff_add(s->g, kept, w), more);
    const struct tuff_station station = {"seen", &kept, 1};
    const struct tuff_executable_params params = {.struct_size = sizeof params,
                                                  .outputs = &s->y,
                                                  .output_count = 1,
                                                  .input_sets = sets,
                                                  .stations = &station,
                                                  .station_count = 1};
    backend_status(t, "session", TUFF_OK, tuff_session_create(t->device, s->g, NULL, &s->session, &error), &error);
    if (!backend_status(t, "compile", TUFF_OK, tuff_session_compile(s->session, &params, &s->run, &error), &error)) exit(1);
}

static void finish(struct sum *s)
{
    tuff_executable_destroy(s->run);
    tuff_session_destroy(s->session);
    tuff_graph_destroy(s->g);
}

/* From the first call on: what is missing is named. */
static void check_order(struct backend_test *t)
{
    struct sum s = {0};
    struct tuff_error error = {0};
    float y[COUNT], w[4];
    const uint8_t bytes[3] = {1, 2, 3};
    uint64_t ticket;
    start(t, &s, 1);
    t->quiet = true;
    refused(t, "read first", tuff_executable_read(s.run, 0, y, sizeof y, &error), &error, "the executable was not run");
    refused(t, "get first", tuff_executable_get(s.run, "output0", y, sizeof y, &error), &error, "'output0' f32 [2, 4]");
    refused(t, "run", tuff_executable_run(s.run, &error), &error, "input 'x' f32 [2, 4] was never written");
    refused(t, "submit", tuff_executable_submit(s.run, &ticket, &error), &error, "was never written");
    refused(t, "run_to", tuff_executable_run_to(s.run, "seen", &error), &error, "was never written");
    backend_status(t, "part", TUFF_OK, tuff_executable_set(s.run, "x", eights, 8, &error), &error);
    refused(t, "run of a part", tuff_executable_run(s.run, &error), &error, "only 8 of its 32 bytes");
    backend_status(t, "write", TUFF_OK, tuff_executable_write(s.run, s.x, eights, sizeof eights, &error), &error);
    refused(t, "run of one", tuff_executable_run(s.run, &error), &error, "input 'b' u8 [3] was never written");
    refused(t, "read of none", tuff_executable_read(s.run, 0, y, sizeof y, &error), &error, "the executable was not run");
    backend_status(t, "parameter", TUFF_OK, tuff_executable_get(s.run, "w", w, sizeof w, &error), &error);
    backend_check(t, w[3] == 1, "a parameter has its first value before any run: expected 1, got %g", w[3]);
    backend_status(t, "bytes", TUFF_OK, tuff_executable_write(s.run, s.b, bytes, sizeof bytes, &error), &error);
    refused(t, "no station", tuff_executable_run_to(s.run, "none", &error), &error, "no station");
    backend_status(t, "station", TUFF_OK, tuff_executable_run_to(s.run, "seen", &error), &error);
    refused(t, "read there", tuff_executable_read(s.run, 0, y, sizeof y, &error), &error, "has not ended");
    for (int again = 0; again < 2; again++) { /* inputs stay */
        memset(y, 0, sizeof y);
        backend_status(t, "run", TUFF_OK, tuff_executable_run(s.run, &error), &error);
        backend_status(t, "read", TUFF_OK, tuff_executable_read(s.run, 0, y, sizeof y, &error), &error);
        backend_check(t, y[0] == 15 && y[7] == 15, "expected 8 + 1 + 6, got %g and %g", y[0], y[7]);
    }
    refused(t, "too much", tuff_executable_read(s.run, 0, y, sizeof y + 4, &error), &error, "output 0");
    refused(t, "too much by name", tuff_executable_get(s.run, "output0", y, sizeof y + 4, &error), &error, "has 32 bytes");
    refused(t, "no such name", tuff_executable_set(s.run, "z", y, 4, &error), &error, "no 'z' to write");
    finish(&s);
    t->quiet = false;
}

/* Two sets take turns: each keeps what it was given, and the second one's lack is told as such. */
static void check_sets(struct backend_test *t)
{
    struct sum s = {0};
    struct tuff_error error = {0};
    const uint8_t bytes[3] = {0, 0, 0};
    float y[COUNT], twos[COUNT];
    for (int i = 0; i < COUNT; i++) twos[i] = 2;
    start(t, &s, 2);
    t->quiet = true;
    for (int set = 0; set < 2; set++) {
        if (set)
            refused(t, "second", tuff_executable_run(s.run, &error), &error, "never written for this run, the 2. of 2 sets");
        backend_status(t, "b", TUFF_OK, tuff_executable_write(s.run, s.b, bytes, sizeof bytes, &error), &error);
        backend_status(t, "x", TUFF_OK, tuff_executable_write(s.run, s.x, set ? twos : eights, sizeof twos, &error), &error);
        backend_status(t, "run", TUFF_OK, tuff_executable_run(s.run, &error), &error);
    }
    for (int n = 0; n < 4; n++) {
        backend_status(t, "run", TUFF_OK, tuff_executable_run(s.run, &error), &error);
        backend_status(t, "read", TUFF_OK, tuff_executable_read(s.run, 0, y, sizeof y, &error), &error);
        backend_check(t, y[5] == (n % 2 ? 3 : 9), "run %d of two sets: expected %d, got %g", n, n % 2 ? 3 : 9, y[5]);
    }
    finish(&s);
    t->quiet = false;
}

static void check_cancelled(struct backend_test *t)
{
    struct sum s = {0};
    struct tuff_error error = {0};
    struct tuff_cancel *cancel = NULL;
    const uint8_t bytes[3] = {0, 0, 0};
    float y[COUNT];
    if (tuff_cancel_create(t->context, &cancel, NULL) != TUFF_OK) abort();
    start(t, &s, 1);
    t->quiet = true;
    backend_status(t, "b", TUFF_OK, tuff_executable_write(s.run, s.b, bytes, sizeof bytes, &error), &error);
    backend_status(t, "x", TUFF_OK, tuff_executable_write(s.run, s.x, eights, sizeof eights, &error), &error);
    backend_status(t, "run", TUFF_OK, tuff_executable_run(s.run, &error), &error);
    tuff_executable_watch(s.run, cancel);
    tuff_cancel_request(cancel);
    tuff_status status = tuff_executable_run(s.run, &error);
    if (status == TUFF_ERR_CANCELLED)
        backend_status(t, "cancelled", TUFF_ERR_CANCELLED, tuff_executable_read(s.run, 0, y, sizeof y, &error), &error);
    else
        backend_status(t, "a run of one submission", TUFF_OK, status, &error);
    tuff_executable_watch(s.run, NULL);
    backend_status(t, "run", TUFF_OK, tuff_executable_run(s.run, &error), &error);
    backend_status(t, "read", TUFF_OK, tuff_executable_read(s.run, 0, y, sizeof y, &error), &error);
    backend_check(t, y[0] == 9, "after a cancelled run: expected 9, got %g", y[0]);
    finish(&s);
    tuff_cancel_destroy(cancel);
    t->quiet = false;
}

static void check_loaded(struct backend_test *t)
{
    struct sum s = {0};
    struct tuff_error error = {0};
    struct tuff_executable *loaded = NULL;
    const uint8_t bytes[4] = {1, 1, 1, 0};
    float y[COUNT];
    const char *path = "session_inputs.tuff";
    start(t, &s, 1);
    backend_status(t, "save", TUFF_OK, tuff_executable_save(s.run, path, &error), &error);
    backend_status(t, "load", TUFF_OK, tuff_executable_load(t->device, path, NULL, &loaded, &error), &error);
    t->quiet = true;
    refused(t, "loaded, read", tuff_executable_get(loaded, "output0", y, sizeof y, &error), &error,
            "the executable was not run");
    refused(t, "loaded, run", tuff_executable_run(loaded, &error), &error, "input 'x' f32 [2, 4] was never written");
    backend_status(t, "x", TUFF_OK, tuff_executable_set(loaded, "x", eights, sizeof eights, &error), &error);
    backend_status(t, "b", TUFF_OK, tuff_executable_set(loaded, "b", bytes, 3, &error), &error);
    backend_status(t, "run", TUFF_OK, tuff_executable_run(loaded, &error), &error);
    backend_status(t, "get", TUFF_OK, tuff_executable_get(loaded, "output0", y, sizeof y, &error), &error);
    backend_check(t, y[0] == 12, "loaded: expected 12, got %g", y[0]);
    tuff_executable_destroy(loaded);
    finish(&s);
    remove(path);
    t->quiet = false;
}

/* ---- graphs that grow beside their sessions --------------------------------------------------------------------------------- */

static tuff_val dense(struct tuff_graph *g, tuff_val x, const char *name)
{
    const struct tuff_init init = {.kind = TUFF_INIT_CONSTANT, .a = 0.25};
    return tuff_layer_dense(g, x, name,
                            (struct tuff_layer_dense_params){.units = 4, .weight = init, .bias = {.kind = TUFF_INIT_ZEROS}});
}

/* Compiles and runs one value; its first element. */
static float value_of(struct backend_test *t, const char *what, struct tuff_session *session, tuff_val x,
                      const tuff_val *outputs, uint32_t count)
{
    struct tuff_executable *run = NULL;
    struct tuff_error error = {0};
    float y = -1;
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = outputs, .output_count = count};
    tuff_status status = tuff_session_compile(session, &params, &run, &error);
    if (status == TUFF_OK) status = tuff_executable_write(run, x, eights, sizeof eights, &error);
    if (status == TUFF_OK) status = tuff_executable_run(run, &error);
    if (status == TUFF_OK) status = tuff_executable_read(run, 0, &y, sizeof y, &error);
    backend_status(t, what, TUFF_OK, status, &error);
    tuff_executable_destroy(run);
    return y;
}

/* Layers, states and an optimizer added when sessions are there already and have run, in any order (a bit each): a second session
 * before or after, the optimizer before or behind what is added last, a read between that makes one session grow. */
static void check_growth(struct backend_test *t, unsigned way)
{
    struct tuff_graph *g = NULL;
    struct tuff_session *a = NULL, *b = NULL;
    struct tuff_error error = {0};
    struct tuff_optimizer optimizer = {0};
    char what[40];
    float w[16];
    snprintf(what, sizeof what, "growth, way %u", way);
    if (tuff_graph_create(t->context, &g, &error) != TUFF_OK) abort();
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, 4)), first = dense(g, x, "first");
    backend_status(t, what, TUFF_OK, tuff_session_create(t->device, g, NULL, &a, &error), &error);
    if (way & 1) backend_check(t, value_of(t, what, a, x, &first, 1) == 8, "%s: expected 8", what);
    tuff_val second = dense(g, first, "second");
    if (way & 2) backend_status(t, what, TUFF_OK, tuff_session_create(t->device, g, NULL, &b, &error), &error);
    tuff_val count = tuff_state(g, "count", TUFF_F32, TUFF_SHAPE(1), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 3});
    if (way & 4)
        backend_status(t, what, TUFF_OK, tuff_session_read(a, tuff_graph_find(g, "second.weight"), w, sizeof w, &error),
                       &error);
    tuff_val third = dense(g, second, "third"), loss = tuff_mean(g, tuff_square(g, third), 0, TUFF_KEEP_AXES);
    struct tuff_optimizer_params params = tuff_optimizer_defaults(TUFF_SGD, 1e-3);
    params.momentum = 0.9;
    struct tuff_optimizer_plan plan = {.loss = tuff_reshape(g, loss, TUFF_SHAPE(1)), .weight = 1};
    tuff_optimizer_build(g, &plan, &params, &optimizer);
    tuff_val late = way & 8 ? dense(g, third, "late") : third;
    backend_status(t, what, TUFF_OK, tuff_graph_finish(g, &error), &error);
    if (!b) backend_status(t, what, TUFF_OK, tuff_session_create(t->device, g, NULL, &b, &error), &error);
    tuff_val outputs[64] = {loss, late, tuff_assign(g, count, tuff_affine(g, count, 1, 1))};
    uint32_t n = tuff_graph_updates(g, 0, outputs + 2, 62);
    for (int s = 0; s < 2; s++) {
        struct tuff_session *session = s ? b : a;
        backend_status(t, what, TUFF_OK, tuff_optimizer_feed(&optimizer, session, &error), &error);
        float y = value_of(t, what, session, x, outputs, 2 + n);
        backend_check(t, y == 64, "%s, session %d: expected the loss 64, got %g", what, s, y);
        optimizer.run = optimizer.filled = 0;
        backend_status(t, what, TUFF_OK, tuff_session_read(session, count, w, sizeof *w, &error), &error);
        backend_check(t, w[0] == 4, "%s, session %d: expected the count 4, got %g", what, s, w[0]);
        backend_status(t, what, TUFF_OK,
                       tuff_session_read(session, tuff_graph_find(g, "second.weight"), w, sizeof w, &error), &error);
        backend_check(t, w[0] < 0.25f, "%s, session %d: the second layer is not trained", what, s);
    }
    tuff_session_destroy(a);
    tuff_session_destroy(b);
    tuff_graph_destroy(g);
}

/* The first content of a parameter is none of the plan's constants: weights of places that lie apart from each other, written later. */
static void check_first_content(struct backend_test *t)
{
    enum { WIDTH = 24 };
    int32_t places[2 * COUNT];
    float first[2 * COUNT], later[2 * COUNT], x[WIDTH], y[COUNT], gw[2 * COUNT];
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *run = NULL;
    struct tuff_error error = {0};
    for (int i = 0; i < 2 * COUNT; i++) {
        places[i] = i / 2 + i % 2 * 12;
        first[i] = i % 2 == 0;
        later[i] = 1;
    }
    for (int i = 0; i < WIDTH; i++) x[i] = (float)(i * i);
    if (tuff_graph_create(t->context, &g, &error) != TUFF_OK) abort();
    tuff_val in = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(1, WIDTH)), outputs[2];
    tuff_val at = tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(COUNT, 2)}, places);
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(COUNT, 2), (struct tuff_init){.kind = TUFF_INIT_DATA, .data = first});
    outputs[0] = tuff_resample(g, in, at, w, 1);
    tuff_gradients(g, outputs[0], tuff_full(g, TUFF_F32, TUFF_SHAPE(1, COUNT), 1), &w, 1, &outputs[1]);
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = outputs, .output_count = 2};
    tuff_status status = tuff_session_create(t->device, g, NULL, &session, &error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &run, &error);
    if (status == TUFF_OK) status = tuff_session_write(session, w, later, sizeof later, &error);
    if (status == TUFF_OK) status = tuff_executable_write(run, in, x, sizeof x, &error);
    if (status == TUFF_OK) status = tuff_executable_run(run, &error);
    if (status == TUFF_OK) status = tuff_executable_read(run, 0, y, sizeof y, &error);
    if (status == TUFF_OK) status = tuff_executable_read(run, 1, gw, sizeof gw, &error);
    bool right = backend_status(t, "first content", TUFF_OK, status, &error);
    for (int i = 0; i < COUNT && right; i++) right = y[i] == x[i] + x[i + 12];
    for (int i = 0; i < 2 * COUNT && right; i++) right = gw[i] == x[places[i]];
    backend_check(t, right, "first content: a parameter that was written is taken for a constant");
    tuff_executable_destroy(run);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

int main(void)
{
    struct backend_test t = {0};
    int status = backend_test_begin(&t, NULL);
    if (status != 0) return status;
    check_order(&t);
    check_sets(&t);
    check_cancelled(&t);
    check_loaded(&t);
    check_first_content(&t);
    for (unsigned way = 0; way < 16; way++) check_growth(&t, way);
    return backend_test_end(&t, "session_inputs");
}

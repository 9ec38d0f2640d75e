/* session_stations.c - runs that stop at a station: two replicas whose gradients the host averages there train as one with the
 * double batch; a run that stops computes what one does that does not stop; what is prepared follows what is written at a station. */
#include "backend/backend.h"
#include "graph/graph.h"
#include "graph/train/optimizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 7, IN = 5, HIDDEN = 11, OUT = 3, STEPS = 6, LENGTH = HIDDEN * IN + OUT * HIDDEN };
enum { PACKED = 128 }; /* elements of the pack: each parameter fills whole multiples of TUFF_PLAN_ALIGNMENT bytes */

struct replica {
    struct tuff_graph *g;
    struct tuff_session *session;
    struct tuff_executable *run;
    struct tuff_optimizer optimizer;
    tuff_val x, y, a, b, state;
};

static int failures;
static struct tuff_error error;

static void must(tuff_status status)
{
    if (status == TUFF_OK) return;
    printf("expected ok, got %s\n", error.message);
    exit(1);
}

static void start(struct replica *r, struct tuff_device *device, uint32_t batch)
{
    must(tuff_graph_create(tuff_device_context(device), &r->g, &error));
    struct tuff_graph *g = r->g;
    struct tuff_init init = {.kind = TUFF_INIT_NORMAL, .b = 0.5};
    struct tuff_matmul_params across = {.transpose_b = true};
    r->x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(batch, IN));
    r->y = tuff_input(g, "y", TUFF_F32, TUFF_SHAPE(batch, OUT));
    tuff_val a = tuff_param(g, "a", TUFF_SHAPE(HIDDEN, IN), init), b = tuff_param(g, "b", TUFF_SHAPE(OUT, HIDDEN), init);
    tuff_val out = tuff_matmul(g, tuff_relu(g, tuff_matmul(g, r->x, a, across)), b, across);
    tuff_val loss = tuff_mean(g, tuff_square(g, tuff_sub(g, out, r->y)), 3, TUFF_DROP_AXES);
    struct tuff_optimizer_params params = tuff_optimizer_defaults(TUFF_SGD, 0.05);
    params.momentum = 0.9;
    params.clip_norm = 2;
    tuff_optimizer_build(g, &(struct tuff_optimizer_plan){.loss = tuff_reshape(g, loss, TUFF_SHAPE(1)), .weight = 1},
                         &params, &r->optimizer);
    r->state = r->optimizer.packs[0].gradient_state;
    r->a = a;
    r->b = b;
    must(tuff_graph_finish(g, &error));
    struct tuff_session_params session = {.struct_size = sizeof session, .seed = 7};
    must(tuff_session_create(device, g, &session, &r->session, &error));
    struct tuff_station station = {"gradients", &r->optimizer.packs[0].gradients, 1};
    struct tuff_executable_params what = {.struct_size = sizeof what,
                                          .outputs = r->optimizer.updates,
                                          .output_count = r->optimizer.update_count,
                                          .stations = &station,
                                          .station_count = 1};
    must(tuff_session_compile(r->session, &what, &r->run, &error));
    station.values = &loss;
    struct tuff_executable *none = NULL;
    if (tuff_session_compile(r->session, &what, &none, &error) != TUFF_ERR_USAGE)
        printf("a station at a value without memory of its own: expected a refusal\n"), failures++;
}

static void finish(struct replica *r)
{
    tuff_executable_destroy(r->run);
    tuff_session_destroy(r->session);
    tuff_graph_destroy(r->g);
}

static void feed(struct replica *r, const float *x, const float *y, uint32_t batch)
{
    must(tuff_optimizer_feed(&r->optimizer, r->session, &error));
    must(tuff_executable_write(r->run, r->x, x, batch * IN * sizeof *x, &error));
    must(tuff_executable_write(r->run, r->y, y, batch * OUT * sizeof *y, &error));
}

static void read_weights(struct replica *r, float *weights)
{
    must(tuff_session_read(r->session, r->a, weights, HIDDEN * IN * sizeof *weights, &error));
    must(tuff_session_read(r->session, r->b, weights + HIDDEN * IN, OUT * HIDDEN * sizeof *weights, &error));
}

static void average(struct replica *a, struct replica *b)
{
    float ga[PACKED], gb[PACKED];
    must(tuff_executable_run_to(a->run, "gradients", &error));
    must(tuff_executable_run_to(b->run, "gradients", &error));
    must(tuff_session_read(a->session, a->state, ga, sizeof ga, &error));
    must(tuff_session_read(b->session, b->state, gb, sizeof gb, &error));
    for (int i = 0; i < PACKED; i++) ga[i] = (ga[i] + gb[i]) / 2;
    must(tuff_session_write(a->session, a->state, ga, sizeof ga, &error));
    must(tuff_session_write(b->session, b->state, ga, sizeof ga, &error));
    must(tuff_executable_run(a->run, &error));
    must(tuff_executable_run(b->run, &error));
}

/* The same by the program itself: as far as the gradients, and on; a place that is passed, or is none, is refused. */
static void by_program(struct replica *r)
{
    struct tuff_program *program = tuff_executable_program(r->run);
    uint64_t ticket = 0, end = 0;
    must(tuff_optimizer_feed(&r->optimizer, r->session, &error));
    must(tuff_program_submit_to(program, "gradients", &ticket, &error));
    if (tuff_program_submit_to(program, "nowhere", &ticket, &error) != TUFF_ERR_USAGE)
        printf("a station that is none: expected a refusal\n"), failures++;
    must(tuff_program_submit(program, &end, &error));
    if (!ticket || end <= ticket) printf("two parts of a run: expected two tickets\n"), failures++;
}

enum { ROWS = 8, WIDE = 64 };

/* All elements of w are this one. */
static void expect_prepared(struct tuff_executable *x, const char *what, double w, uint64_t runs)
{
    float got[3];
    for (uint32_t i = 0; i < 3; i++) must(tuff_executable_read(x, i, &got[i], sizeof got[i], &error));
    double wanted[] = {WIDE * w, w, 2 * WIDE * ROWS * w * w * w};
    for (uint32_t i = 0; i < 3; i++)
        if (!(fabs(got[i] - wanted[i]) <= 1e-5 * wanted[i]))
            printf("%s: output %u is %g, expected %g\n", what, (unsigned)i, got[i], wanted[i]), failures++;
    uint64_t prepared = tuff_program_counts(tuff_executable_program(x)).prepared;
    if (prepared != runs)
        printf("%s: prepared %u times, expected %u\n", what, (unsigned)prepared, (unsigned)runs), failures++;
}

static void set_all(struct tuff_session *session, tuff_val w, float to)
{
    float all[ROWS * WIDE];
    for (int i = 0; i < ROWS * WIDE; i++) all[i] = to;
    must(tuff_session_write(session, w, all, sizeof all, &error));
}

static tuff_val first_columns(struct tuff_graph *g, tuff_val w)
{
    return tuff_slice(g, w, (const uint32_t[]){0, 0}, (const int32_t[]){1, 1}, (const uint32_t[]){ROWS, ROWS});
}

/* w is written where the run has stopped, by the host and by another executable: all that comes after reads the new one. `rows` is
 * scratch that is alive there, as `square` is of the section. */
static void check_prepared(struct tuff_device *device)
{
    const struct tuff_init ones = {.kind = TUFF_INIT_CONSTANT, .a = 1};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *run = NULL, *trains = NULL;
    float one[ROWS * ROWS], two[ROWS * ROWS];
    for (int i = 0; i < ROWS * ROWS; i++) one[i] = 1, two[i] = 2.0f / ROWS;
    must(tuff_graph_create(tuff_device_context(device), &g, &error));
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(ROWS, ROWS)),
             m = tuff_input(g, "m", TUFF_F32, TUFF_SHAPE(ROWS, ROWS));
    tuff_val at = tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(1)}, &(int32_t){0}),
             w = tuff_param(g, "w", TUFF_SHAPE(ROWS, WIDE), ones);
    tuff_val state = tuff_state(g, "state", TUFF_F32, TUFF_SHAPE(ROWS, ROWS), ones);
    tuff_val rows = tuff_matmul(g, x, m, (struct tuff_matmul_params){0});
    tuff_val after = tuff_assign_rows(g, state, tuff_affine(g, rows, 0.5, 0), at), outputs[3];
    tuff_val square = tuff_matmul(g, w, w, (struct tuff_matmul_params){.transpose_b = true});
    outputs[0] = tuff_mul(g, after, tuff_sum(g, w, 2, TUFF_KEEP_AXES));
    outputs[1] = tuff_mul(g, after, first_columns(g, w));
    tuff_val cube = tuff_matmul(g, square, w, (struct tuff_matmul_params){0});
    outputs[2] = tuff_mul(g, tuff_add(g, rows, tuff_affine(g, after, 0, 0)), first_columns(g, cube));
    tuff_val tenfold = tuff_assign(g, w, tuff_affine(g, w, 10, 0));
    must(tuff_graph_finish(g, &error));
    must(tuff_session_create(device, g, NULL, &session, &error));
    const struct tuff_station station = {"mid", &after, 1};
    struct tuff_executable_params what = {
        .struct_size = sizeof what, .outputs = outputs, .output_count = 3, .stations = &station, .station_count = 1};
    must(tuff_session_compile(session, &what, &run, &error));
    must(tuff_session_compile(
        session, &(struct tuff_executable_params){.struct_size = sizeof what, .outputs = &tenfold, .output_count = 1},
        &trains, &error));
    must(tuff_executable_write(run, x, one, sizeof one, &error));
    must(tuff_executable_write(run, m, two, sizeof two, &error));
    must(tuff_executable_run(run, &error));
    expect_prepared(run, "the first run", 1, 1);
    must(tuff_executable_run_to(run, "mid", &error));
    set_all(session, w, 10);
    must(tuff_executable_run(run, &error));
    expect_prepared(run, "w is written at the station", 10, 2);
    must(tuff_executable_run_to(run, "mid", &error));
    must(tuff_executable_run(run, &error));
    expect_prepared(run, "nothing is written there", 10, 2);
    set_all(session, w, 3);
    must(tuff_executable_run_to(run, "mid", &error));
    must(tuff_executable_run(trains, &error));
    must(tuff_executable_run(run, &error));
    expect_prepared(run, "w is trained at the station", 30, 4);
    tuff_executable_destroy(trains);
    tuff_executable_destroy(run);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

/* The largest difference of two weights. */
static double distance(const float *a, const float *b)
{
    double largest = 0;
    for (int i = 0; i < LENGTH; i++) {
        double d = fabs((double)a[i] - b[i]);
        if (!(d <= largest)) largest = d;
    }
    return largest;
}

int main(void)
{
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    enum { LEFT, RIGHT, BOTH, STOPS, REPLICAS };
    struct replica r[REPLICAS] = {0};
    float w[REPLICAS][LENGTH], x[2 * BATCH * IN], y[2 * BATCH * OUT], before[LENGTH];
    struct tuff_options options = {.struct_size = sizeof options};
    tuff_options_from_env(&options);
    must(tuff_context_create(&options, &context, &error));
    if (tuff_device_create(context, NULL, &device, &error) != TUFF_OK) {
        printf("skipped: %s\n", error.message);
        tuff_context_destroy(context);
        return 77;
    }
    for (int i = 0; i < REPLICAS; i++) start(&r[i], device, i == BOTH || i == STOPS ? 2 * BATCH : BATCH);
    read_weights(&r[BOTH], before);
    for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < 2 * BATCH * IN; i++) x[i] = (float)sin(1.7 * i + step);
        for (int i = 0; i < 2 * BATCH * OUT; i++) y[i] = (float)cos(0.9 * i * i + step);
        feed(&r[LEFT], x, y, BATCH);
        feed(&r[RIGHT], x + BATCH * IN, y + BATCH * OUT, BATCH);
        average(&r[LEFT], &r[RIGHT]);
        feed(&r[BOTH], x, y, 2 * BATCH);
        must(tuff_executable_run(r[BOTH].run, &error));
        feed(&r[STOPS], x, y, 2 * BATCH);
        must(tuff_executable_run_to(r[STOPS].run, "gradients", &error));
        must(tuff_executable_run_to(r[STOPS].run, "gradients", &error)); /* it is there already */
        must(tuff_executable_run(r[STOPS].run, &error));
    }
    for (int i = 0; i < REPLICAS; i++) read_weights(&r[i], w[i]);
    double largest = distance(w[LEFT], w[BOTH]), moved = distance(w[BOTH], before);
    printf("after %d steps of up to %.3g the two replicas differ by %.3g from the double batch\n", STEPS, moved, largest);
    if (!(largest <= 2e-6) || !(moved > 0.01)) printf("expected at most 2e-6, and weights that moved\n"), failures++;
    if (memcmp(w[LEFT], w[RIGHT], sizeof w[LEFT])) printf("expected the same weights in both replicas\n"), failures++;
    if (memcmp(w[BOTH], w[STOPS], sizeof w[BOTH])) printf("expected the bits of a run that does not stop\n"), failures++;
    if (tuff_executable_run_to(r[BOTH].run, "elsewhere", &error) != TUFF_ERR_USAGE)
        printf("no such station: expected a refusal\n"), failures++;
    by_program(&r[BOTH]);
    check_prepared(device);
    for (int i = 0; i < REPLICAS; i++) finish(&r[i]);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return failures != 0;
}

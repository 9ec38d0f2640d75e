/* session_recurrent.c - a step of training of a layer of each kind of cell over 50 and over 1,000 rows: one loop of the plan, the same and few pipelines whatever the
 * number of rows, a finite loss, and a first step that is done within the time that a user waits. Prints pipelines and seconds; with TUFF_CACHE_DIR
 * empty these are those of a first start. */
#include "tests/backend_help.h"
#include "tests/op_help.h"

#include "backend/os.h"

#include <math.h>
#include <stdio.h>

enum { N = 4, WIDTH = 6, UNITS = 16, MOST_PIPELINES = 20 };

static const struct {
    const char *name;
    struct tuff_layer_recurrent_params params;
    uint32_t pipelines, more; /* at most; for what stands outside of the loops, where it is twenty times as large */
} nets[] = {
    {"lstm", {.cell = TUFF_CELL_LSTM, .units = UNITS}, MOST_PIPELINES, 0},
    {"gru", {.cell = TUFF_CELL_GRU, .units = UNITS}, MOST_PIPELINES, 0},
    {"rnn", {.cell = TUFF_CELL_RNN_TANH, .units = UNITS}, MOST_PIPELINES, 0},
    {"rnn of relu", {.cell = TUFF_CELL_RNN_RELU, .units = UNITS}, MOST_PIPELINES, 0},
    {"lstm, 2 layers, both directions", {.units = UNITS, .layers = 2, .bidirectional = true}, 2 * MOST_PIPELINES, 2}};

/* How far the last state is off what it should be: nothing outside of the loop grows with the rows but the products with x. */
static tuff_val add_loss(struct tuff_graph *g, uint32_t net, uint32_t rounds, tuff_val in[2])
{
    in[0] = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(rounds, N, WIDTH));
    tuff_val h = tuff_layer_recurrent(g, in[0], "rnn", nets[net].params).h_n;
    in[1] = tuff_input(g, "target", TUFF_F32, tuff_type_of(g, h).shape);
    return tuff_mse_loss(g, h, in[1], TUFF_REDUCE_MEAN);
}

/* Trains one step; returns the plan's pipelines. */
static uint32_t first_step(struct backend_test *t, struct op_random *random, uint32_t net, uint32_t rounds)
{
    static float x[1000 * N * WIDTH];
    struct tuff_error e = {0};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_trainer *trainer = NULL;
    struct tuff_plan_figures figures = {0};
    float loss = NAN;
    tuff_val in[2];
    const uint32_t width = UNITS * (nets[net].params.bidirectional ? 4 : 1);
    const uint64_t begin = tuff_os_time_ns();
    for (uint32_t i = 0; i < TUFF_COUNT(x); i++) x[i] = (float)op_normal(random);
    tuff_status status = tuff_graph_create(t->context, &g, &e);
    struct tuff_trainer_params params = {.struct_size = sizeof params,
                                         .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.01),
                                         .loss = status == TUFF_OK ? add_loss(g, net, rounds, in) : 0};
    if (status == TUFF_OK) status = tuff_trainer_create(g, &params, &trainer, &e);
    if (status == TUFF_OK) status = tuff_session_create(t->device, g, NULL, &session, &e);
    if (status == TUFF_OK) status = tuff_trainer_compile(trainer, session, NULL, &e);
    if (status == TUFF_OK) status = tuff_trainer_write(trainer, in[0], x, rounds * N * WIDTH * sizeof *x, &e);
    if (status == TUFF_OK) status = tuff_trainer_write(trainer, in[1], x, width * N * sizeof *x, &e);
    if (status == TUFF_OK) status = tuff_trainer_step(trainer, NULL, &e);
    if (status == TUFF_OK) status = tuff_trainer_read(trainer, params.loss, &loss, sizeof loss, &e);
    const double seconds = (double)(tuff_os_time_ns() - begin) * 1e-9;
    if (backend_status(t, nets[net].name, TUFF_OK, status, &e))
        figures = tuff_executable_figures(tuff_trainer_executable(trainer));
    backend_check(t, isfinite(loss) && loss > 0, "%s, %u rows: the loss is %g", nets[net].name, (unsigned)rounds,
                  (double)loss);
    printf("%s, %u rows: %u pipelines, the first step took %.2f s\n", nets[net].name, (unsigned)rounds,
           (unsigned)figures.pipelines, seconds);
    tuff_trainer_destroy(trainer);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    return figures.pipelines;
}

int main(int argc, char **argv)
{
    struct backend_test t;
    struct op_random random = op_random_start(argc, argv);
    int status = backend_test_begin(&t, NULL);
    if (status != 0) return status;
    const uint32_t apart = TUFF_DEBUG_NOFUSE | TUFF_DEBUG_NOSIMPLIFY | TUFF_DEBUG_NOCOMPILER;
    const bool few = tuff_glslang() && !(t.context->options.debug & apart); /* else every operator is a launch */
    for (uint32_t net = 0; net < TUFF_COUNT(nets); net++) {
        const uint32_t few_rows = first_step(&t, &random, net, 50), many = first_step(&t, &random, net, 1000);
        backend_check(&t, few_rows <= many && many <= few_rows + nets[net].more && (!few || many <= nets[net].pipelines),
                      "%s: 50 and 1000 rows take %u and %u pipelines, expected the same, at most %u", nets[net].name,
                      (unsigned)few_rows, (unsigned)many, (unsigned)nets[net].pipelines);
    }
    return backend_test_end(&t, "session_recurrent");
}

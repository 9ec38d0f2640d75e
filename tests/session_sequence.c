/* session_sequence.c - recurrent layers with lengths, attention and a decoder: values and gradients on the device against their definition. And a step of
 * training of a layer of each kind of cell over 50 and over 1,000 rows: one loop of the plan, the same and few pipelines whatever the number of rows,
 * a finite loss. Prints pipelines and seconds; with TUFF_CACHE_DIR empty these are those of a first start. */
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

/* ---- values ------------------------------------------------------------------------------------------------------------------------- */

enum { SEED = 11, MOST_LEAVES = 48, ROWS = 6, SAMPLES = 3 };

static tuff_val numbers(struct tuff_graph *g, const char *name, uint32_t n, uint32_t t, uint32_t e)
{
    return tuff_param(g, name, TUFF_SHAPE(n, t, e), (struct tuff_init){.kind = TUFF_INIT_NORMAL, .b = 1});
}

static tuff_val lengths(struct tuff_graph *g)
{
    static const int32_t rows[SAMPLES] = {2, ROWS, 0};
    return tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(SAMPLES)}, rows);
}

static tuff_val recurrent(struct tuff_graph *g, enum tuff_cell cell)
{
    const struct tuff_layer_recurrent_params p = {
        .cell = cell, .units = 5, .layers = 2, .bidirectional = true, .batch_first = true, .lengths = lengths(g)};
    struct tuff_recurrent r = tuff_layer_recurrent(g, numbers(g, "x", SAMPLES, ROWS, 3), "l", p);
    return tuff_add(g, tuff_sum(g, r.h, 2, TUFF_DROP_AXES), tuff_sum(g, r.h_n, 1 | 4, TUFF_KEEP_AXES));
}
static tuff_val lstm(struct tuff_graph *g) { return recurrent(g, TUFF_CELL_LSTM); }
static tuff_val gru(struct tuff_graph *g) { return recurrent(g, TUFF_CELL_GRU); }
static tuff_val rnn(struct tuff_graph *g) { return recurrent(g, TUFF_CELL_RNN_TANH); }
static tuff_val decoder(struct tuff_graph *g)
{
    const struct tuff_layer_transformer_params p = {
        .heads = 2, .hidden = 11, .layers = 2, .causal = true, .key_mask = tuff_length_mask(g, lengths(g), ROWS)};
    tuff_val x = numbers(g, "x", SAMPLES, ROWS, 8), memory = numbers(g, "memory", SAMPLES, 4, 8);
    return tuff_layer_transformer_decoder(g, x, memory, "l", p);
}
static tuff_val grouped(struct tuff_graph *g)
{
    static const struct tuff_rope_params rope = {.theta = 100};
    const struct tuff_layer_attention_params p = {.heads = 4, .key_heads = 2, .causal = true, .rope = &rope};
    return tuff_layer_attention(g, numbers(g, "x", SAMPLES, ROWS, 8), 0, 0, "l", p).y;
}

/* y and its gradients by all parameters, on the device and by their definition. */
static void check_values(struct backend_test *t, const char *what, tuff_val (*build)(struct tuff_graph *))
{
    struct tuff_error e = {0};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *run = NULL;
    static double defined[MOST_LEAVES + 1][1024];
    static float got[1024];
    double *at[MOST_LEAVES + 1];
    tuff_val leaves[MOST_LEAVES], out[MOST_LEAVES + 1];
    uint32_t count = 0;
    if (!backend_status(t, what, TUFF_OK, tuff_graph_create(t->context, &g, &e), &e)) return;
    out[0] = build(g);
    tuff_val weights = tuff_iota(g, tuff_type_of(g, out[0]).shape, -1);
    for (uint32_t i = 0; i < tuff_graph_leaf_count(g) && count < MOST_LEAVES; i++)
        leaves[count++] = tuff_graph_find(g, tuff_graph_leaf(g, i).name);
    tuff_gradients(g, out[0], tuff_sin(g, tuff_affine(g, tuff_cast(g, weights, TUFF_F32), 1, 1)), leaves, count, out + 1);
    for (uint32_t i = 0; i <= count; i++) at[i] = defined[i];
    const struct tuff_evaluate_params evaluate = {
        .struct_size = sizeof evaluate, .outputs = out, .output_count = count + 1, .seed = SEED};
    const struct tuff_session_params start = {.struct_size = sizeof start, .seed = SEED};
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = out, .output_count = count + 1};
    tuff_status status = tuff_graph_finish(g, &e);
    if (status == TUFF_OK) status = tuff_evaluate(g, &evaluate, at, &e);
    if (status == TUFF_OK) status = tuff_session_create(t->device, g, &start, &session, &e);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &run, &e);
    if (status == TUFF_OK) status = tuff_executable_run(run, &e);
    for (uint32_t i = 0; i <= count && status == TUFF_OK; i++) {
        const struct tuff_shape shape = tuff_type_of(g, out[i]).shape;
        const uint32_t elements = (uint32_t)tuff_shape_count(&shape);
        double most = 0;
        status = tuff_executable_read(run, i, got, elements * sizeof *got, &e);
        for (uint32_t k = 0; k < elements; k++) most = fmax(most, fabs(defined[i][k]));
        for (uint32_t k = 0; k < elements; k++)
            if (!backend_check(t, fabs((double)got[k] - defined[i][k]) <= 2e-5 * (most + 1),
                               "%s: %s [%u] is %g, by its definition %g", what, i ? tuff_graph_leaf(g, i - 1).name : "y",
                               (unsigned)k, (double)got[k], defined[i][k]))
                break;
    }
    backend_status(t, what, TUFF_OK, status, &e);
    tuff_executable_destroy(run);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

int main(int argc, char **argv)
{
    struct backend_test t;
    struct op_random random = op_random_start(argc, argv);
    int status = backend_test_begin(&t, NULL);
    if (status != 0) return status;
    const uint32_t apart = TUFF_DEBUG_NOFUSE | TUFF_DEBUG_NOSIMPLIFY | TUFF_DEBUG_NOCOMPILER;
    const bool few = tuff_glslang() && !(t.context->options.debug & apart); /* else every operator is a launch */
    /* Devices with narrower limits split what others fuse. */
    const bool wide = tuff_device_caps(t.device)->kind == TUFF_DEVICE_SOFTWARE && !t.context->options.limits;
    for (uint32_t net = 0; net < TUFF_COUNT(nets); net++) {
        const uint32_t most = nets[net].pipelines * (wide ? 4 : 5) / 4;
        const uint32_t few_rows = first_step(&t, &random, net, 50), many = first_step(&t, &random, net, 1000);
        backend_check(&t, few_rows <= many && (!few || (many <= few_rows + nets[net].more && many <= most)),
                      "%s: 50 and 1000 rows take %u and %u pipelines, expected the same, at most %u", nets[net].name,
                      (unsigned)few_rows, (unsigned)many, (unsigned)most);
    }
    check_values(&t, "lstm", lstm);
    check_values(&t, "gru", gru);
    check_values(&t, "rnn", rnn);
    check_values(&t, "decoder", decoder);
    check_values(&t, "grouped heads", grouped);
    return backend_test_end(&t, "session_sequence");
}

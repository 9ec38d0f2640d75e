/* graph_sequence.c - layers over sequences without a device and without PyTorch: rows that begin as zeros and are not trained, channels that are dropped
 * whole, numbers written out, refusals. tests/torch_layers.sh compares values, gradients and training with PyTorch. */
#include "tests/graph_help.h"

#include <math.h>
#include <stdio.h>

static unsigned failures;
#define check(...) graph_check(&failures, __VA_ARGS__)

enum { MOST = 4096 };
static const struct tuff_init NORMAL = {.kind = TUFF_INIT_NORMAL, .b = 0.7};

static tuff_val numbers(struct tuff_graph *g, struct tuff_shape shape) { return tuff_param(g, "x", shape, NORMAL); }

/* Values by their definition; out[k] of MOST numbers. */
static bool evaluate(struct tuff_graph *g, const char *what, const tuff_val *v, uint32_t count, double (*out)[MOST])
{
    struct tuff_error error = {0};
    double *at[8];
    for (uint32_t i = 0; i < count; i++) at[i] = out[i];
    const struct tuff_evaluate_params params = {
        .struct_size = sizeof params, .outputs = v, .output_count = count, .seed = 7};
    tuff_status status = tuff_graph_finish(g, &error);
    if (status == TUFF_OK) status = tuff_evaluate(g, &params, at, &error);
    return check(status == TUFF_OK, "%s: %s", what, error.message);
}

/* ---- norms, embedding, small layers ------------------------------------------------------------------------------------------------- */

typedef struct tuff_layer_embedding_params embedding;
typedef struct tuff_layer_group_norm_params group_norm;
typedef struct tuff_layer_instance_norm_params instance_norm;

/* Row 2 of 4, named from either end, begins as zeros and gets no gradient; another row's gradient is how often it is named. */
static void check_embedding(struct tuff_context *context)
{
    static const int32_t rows[] = {2, 1, -2, 1, 3};
    static double got[2][MOST];
    struct tuff_graph *g = graph_fresh(context);
    tuff_val at = tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(5)}, rows), out[2];
    tuff_val y = tuff_layer_embedding(g, at, "l", (embedding){.count = 4, .size = 3, .padding = true, .padding_idx = 2});
    out[0] = tuff_graph_find(g, "l.weight");
    tuff_gradients(g, y, 0, out, 1, out + 1);
    if (evaluate(g, "embedding", out, 2, got)) {
        static const double times[] = {0, 2, 0, 1};
        for (uint32_t i = 0; i < 12; i++)
            check((i / 3 == 2) == (got[0][i] == 0) && got[1][i] == times[i / 3],
                  "embedding: weight %u is %g, its gradient %g", (unsigned)i, got[0][i], got[1][i]);
    }
    char *text = NULL, *again = NULL;
    struct tuff_graph *back = graph_fresh(context);
    bool same = tuff_graph_print(g, &text, NULL) == TUFF_OK && strstr(text, "zero_row=3") &&
                tuff_graph_parse(back, text, NULL) == TUFF_OK && tuff_graph_print(back, &again, NULL) == TUFF_OK &&
                !strcmp(text, again);
    check(same, "embedding: its text does not come back");
    tuff_text_free(context, text);
    tuff_text_free(context, again);
    tuff_graph_destroy(back);
    tuff_graph_destroy(g);
}

/* Channels are 0 or scaled as a whole, about the right part of them; nothing is drawn in inference. */
static void check_channel_dropout(struct tuff_context *context)
{
    static double got[2][MOST];
    struct tuff_graph *g = graph_fresh(context);
    tuff_val out[2] = {numbers(g, TUFF_SHAPE(20, 30, 3, 2)), 0};
    out[1] = tuff_layer_channel_dropout(g, out[0], 0.25, true);
    check(tuff_layer_channel_dropout(g, out[0], 0.25, false) == out[0], "channel_dropout in inference is not x");
    if (evaluate(g, "channel_dropout", out, 2, got)) {
        uint32_t dropped = 0;
        for (uint32_t c = 0; c < 600; c++) {
            bool gone = got[1][6 * c] == 0;
            dropped += gone;
            for (uint32_t i = 6 * c; i < 6 * c + 6; i++)
                check(fabs(got[1][i] - (gone ? 0 : got[0][i] / 0.75)) < 1e-6, "channel_dropout: element %u is %g of %g",
                      (unsigned)i, got[1][i], got[0][i]);
        }
        check(dropped > 100 && dropped < 200, "channel_dropout: %u of 600 channels are 0", (unsigned)dropped);
    }
    tuff_graph_destroy(g);
}

/* Two instances of four numbers each: by hand. */
static void check_instance_norm(struct tuff_context *context)
{
    static const float x[] = {1, 2, 3, 6, -1, -1, 1, 1};
    static double got[2][MOST];
    struct tuff_graph *g = graph_fresh(context);
    tuff_val in = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(1, 2, 4)}, x), out[2], updates[2] = {0};
    out[0] = tuff_layer_instance_norm(
        g, in, "l", (instance_norm){.track_running_stats = true, .training = true, .momentum = TUFF_NUMBER(0.5)});
    check(tuff_graph_updates(g, 0, updates, 2) == 2, "instance_norm: there are two updates");
    out[1] = updates[1];
    if (evaluate(g, "instance_norm", out, 2, got)) {
        check(fabs(got[0][3] - 3 / sqrt(3.5 + 1e-5)) < 1e-6 && fabs(got[0][4] + 1 / sqrt(1 + 1e-5)) < 1e-6,
              "instance_norm: got %g and %g", got[0][3], got[0][4]);
        check(fabs(got[1][0] - 0.5 * (1 + 14 / 3.0)) < 1e-6, "instance_norm: running variance %g", got[1][0]);
    }
    tuff_graph_destroy(g);
}

/* ---- recurrent layers ----------------------------------------------------------------------------------------------------------------- */

typedef struct tuff_layer_recurrent_params recurrent;

/* Sequences of 0, 2 and 5 rows, in both directions, are what each gives alone: rows behind their ends are 0, the states those of their own last row
 * and first; of no row they are the initial ones. */
static void check_lengths(struct tuff_context *context, enum tuff_cell cell)
{
    enum { T = 5, N = 3, H = 4 };
    static const int32_t rows[N] = {0, 2, 5};
    static double all[6][MOST], alone[3][MOST];
    struct tuff_graph *g = graph_fresh(context);
    const uint32_t states = cell == TUFF_CELL_LSTM ? 2 : 1;
    tuff_val x = numbers(g, TUFF_SHAPE(T, N, 2)), first[2] = {0}, out[6];
    for (uint32_t k = 0; k < states; k++) first[k] = tuff_param(g, k ? "c_0" : "h_0", TUFF_SHAPE(2, N, H), NORMAL);
    float padding[T * N * 2];
    for (uint32_t k = 0; k < T * N * 2; k++) padding[k] = (int32_t)(k / (2 * N)) < rows[k / 2 % N] ? 0 : NAN;
    tuff_val padded = tuff_add(g, x, tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(T, N, 2)}, padding));
    recurrent p = {.cell = cell, .units = H, .bidirectional = true, .h_0 = first[0], .c_0 = first[1]};
    p.lengths = tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(N)}, rows);
    struct tuff_recurrent r = tuff_layer_recurrent(g, padded, "l", p);
    out[0] = r.h, out[1] = r.h_n, out[2] = first[0], out[3] = states == 2 ? r.c_n : r.h_n, out[4] = first[states - 1];
    tuff_val weight = tuff_graph_find(g, "l.weight_ih_l0");
    tuff_gradients(g, r.h, 0, &weight, 1, out + 5);
    if (!evaluate(g, "recurrent", out, 6, all)) return;
    check(isfinite(all[5][0]) && all[5][0] != 0, "cell %d: NaN behind the ends reaches a gradient", (int)cell);
    for (uint32_t i = 0; i < N; i++) {
        for (uint32_t k = 0; k < 2 * H; k++)
            for (uint32_t t = (uint32_t)rows[i]; t < T; t++)
                check(all[0][(t * N + i) * 2 * H + k] == 0, "cell %d, sequence %u: row %u is not 0", (int)cell, (unsigned)i,
                      (unsigned)t);
        for (uint32_t k = 0; k < 2 * H && !rows[i]; k++) {
            const uint32_t at = (k / H * N + i) * H + k % H;
            check(all[1][at] == all[2][at] && all[3][at] == all[4][at], "cell %d: a sequence of no rows changes the states",
                  (int)cell);
        }
        if (!rows[i]) continue;
        const int32_t one[] = {1, 1, 1};
        const uint32_t from[] = {0, i, 0}, size[] = {(uint32_t)rows[i], 1, 2}, state[] = {2, 1, H};
        recurrent q = {.cell = cell, .units = H, .bidirectional = true, .h_0 = tuff_slice(g, first[0], from, one, state)};
        if (states == 2) q.c_0 = tuff_slice(g, first[1], from, one, state);
        struct tuff_recurrent s = tuff_layer_recurrent(g, tuff_slice(g, x, from, one, size), "l", q);
        if (!evaluate(g, "recurrent", (tuff_val[]){s.h, s.h_n, states == 2 ? s.c_n : s.h_n}, 3, alone)) return;
        for (uint32_t t = 0; t < (uint32_t)rows[i]; t++)
            for (uint32_t k = 0; k < 2 * H; k++)
                check(fabs(all[0][(t * N + i) * 2 * H + k] - alone[0][t * 2 * H + k]) < 1e-12,
                      "cell %d, sequence %u: row %u differs from that of the sequence alone", (int)cell, (unsigned)i,
                      (unsigned)t);
        for (uint32_t k = 0; k < 2 * H; k++)
            check(fabs(all[1][(k / H * N + i) * H + k % H] - alone[1][k]) < 1e-12 &&
                      fabs(all[3][(k / H * N + i) * H + k % H] - alone[2][k]) < 1e-12,
                  "cell %d, sequence %u: state %u differs from that of the sequence alone", (int)cell, (unsigned)i,
                  (unsigned)k);
    }
    tuff_graph_destroy(g);
}

/* ---- attention, transformers --------------------------------------------------------------------------------------------------------- */

typedef struct tuff_layer_attention_params attention;
typedef struct tuff_layer_transformer_params transformer;

/* Weights are 0 exactly where there is no key, and add up to 1; a sequence without keys gives out_proj's bias. Dropout drops weights, and scales. */
static void check_attention(struct tuff_context *context)
{
    enum { N = 3, T = 4, E = 6 };
    static const int32_t lengths[N] = {4, 2, 0};
    static double got[3][MOST];
    struct tuff_graph *g = graph_fresh(context);
    tuff_val x = numbers(g, TUFF_SHAPE(N, T, E)),
             rows = tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(N)}, lengths);
    attention p = {.heads = 2, .key_mask = tuff_length_mask(g, rows, T), .bias = NORMAL};
    struct tuff_layer_attention plain = tuff_layer_attention(g, x, 0, 0, "l", p);
    p.training = true, p.dropout = 0.5;
    struct tuff_layer_attention dropped = tuff_layer_attention(g, x, x, x, "l", p);
    const tuff_val out[] = {plain.y, plain.head_weights, dropped.head_weights};
    if (!evaluate(g, "attention", out, 3, got)) return;
    uint32_t gone = 0;
    for (uint32_t i = 0; i < N * 2 * T; i++) {
        const uint32_t keys = (uint32_t)lengths[i / (2 * T)];
        double sum = 0;
        for (uint32_t k = 0; k < T; k++) {
            const double w = got[1][i * T + k], d = got[2][i * T + k];
            sum += w;
            gone += k < keys && d == 0;
            check((k >= keys) == (w == 0), "attention: weight %u of row %u is %g of %u keys", (unsigned)k, (unsigned)i, w,
                  (unsigned)keys);
            check(d == 0 || fabs(d - 2 * w) < 1e-12, "attention: weight %g after dropout, %g before", d, w);
        }
        check(fabs(sum - (keys > 0)) < 1e-12, "attention: weights of row %u add up to %g", (unsigned)i, sum);
    }
    check(gone > 10 && gone < 38, "attention: %u of 48 weights are dropped", (unsigned)gone);
    for (uint32_t i = 1; i < T; i++)
        for (uint32_t k = 0; k < E; k++)
            check(got[0][(2 * T + i) * E + k] == got[0][2 * T * E + k] && got[0][2 * T * E + k] != 0,
                  "attention: without keys element %u is %g", (unsigned)k, got[0][(2 * T + i) * E + k]);
    tuff_graph_destroy(g);
}

/* Leaves of a stack by PyTorch's names; dropout is drawn in training alone. */
static void check_transformer(struct tuff_context *context)
{
    static const char *const names[] = {"net.layers.0.self_attn.in_proj_weight", "net.layers.1.multihead_attn.out_proj.bias",
                                        "net.layers.1.linear2.weight", "net.layers.0.norm3.weight", "net.norm.bias"};
    struct tuff_graph *g = graph_fresh(context);
    tuff_val x = numbers(g, TUFF_SHAPE(2, 3, 8)), memory = tuff_param(g, "memory", TUFF_SHAPE(2, 5, 8), NORMAL);
    transformer p = {.heads = 4, .hidden = 16, .layers = 2, .final_norm = true, .causal = true};
    tuff_layer_transformer_decoder(g, x, memory, "net", p);
    uint32_t leaves = tuff_graph_leaf_count(g);
    for (uint32_t i = 0; i < TUFF_COUNT(names); i++) check(tuff_graph_find(g, names[i]) != 0, "there is no %s", names[i]);
    check(leaves == 2 + 2 * 18 + 2 && !tuff_graph_find(g, "rng"), "transformer: %u leaves", (unsigned)leaves);
    p.training = true;
    tuff_layer_transformer_decoder(g, x, memory, "net", p);
    check(tuff_graph_find(g, "rng") && tuff_graph_leaf_count(g) == leaves + 1, "transformer: training has other leaves");
    tuff_graph_destroy(g);
}

/* ---- refusals --------------------------------------------------------------------------------------------------------------------- */

typedef void make(struct tuff_graph *g, tuff_val x, tuff_val p, tuff_val i);
#define MAKE(name, call)                                                                                                    \
    static void name(struct tuff_graph *g, tuff_val x, tuff_val p, tuff_val i)                                              \
    {                                                                                                                       \
        (void)x, (void)p, (void)i;                                                                                          \
        call;                                                                                                               \
    }
MAKE(group_divides, tuff_layer_group_norm(g, p, "l", (group_norm){.groups = 4}))
MAKE(group_none, tuff_layer_group_norm(g, p, "l", (group_norm){0}))
MAKE(instance_rank, tuff_layer_instance_norm(g, x, "l", (instance_norm){0}))
MAKE(instance_alone, tuff_layer_instance_norm(g, tuff_reshape(g, x, TUFF_SHAPE(4, 6, 1)), "l", (instance_norm){0}))
MAKE(embedding_floats, tuff_layer_embedding(g, x, "l", (embedding){.count = 3, .size = 2}))
MAKE(embedding_size, tuff_layer_embedding(g, i, "l", (embedding){.count = 3}))
MAKE(embedding_row, tuff_layer_embedding(g, i, "l", (embedding){.count = 3, .size = 2, .padding = true, .padding_idx = -4}))
MAKE(channels_rank, tuff_layer_channel_dropout(g, tuff_scalar(g, 1), 0.5, true))
MAKE(channels_part, tuff_layer_channel_dropout(g, x, 1, false))
MAKE(prelu_rank, tuff_layer_prelu(g, tuff_scalar(g, 1), "l", (struct tuff_layer_prelu_params){.channels = true}))
MAKE(bilinear_axes, tuff_layer_bilinear(g, x, p, "l", (struct tuff_layer_bilinear_params){.units = 3}))
MAKE(bilinear_units, tuff_layer_bilinear(g, x, x, "l", (struct tuff_layer_bilinear_params){0}))
MAKE(glu_odd, tuff_glu(g, tuff_reshape(g, x, TUFF_SHAPE(8, 3)), 1))
MAKE(recurrent_cell, tuff_layer_recurrent(g, x, "l", (recurrent){.cell = (enum tuff_cell)7, .units = 2}))
MAKE(recurrent_rank, tuff_layer_recurrent(g, x, "l", (recurrent){.cell = TUFF_CELL_GRU, .units = 2, .batch_first = true}))
MAKE(recurrent_projects, tuff_layer_recurrent(g, tuff_reshape(g, x, TUFF_SHAPE(2, 2, 6)), "l",
                                              (recurrent){.cell = TUFF_CELL_GRU, .units = 3, .proj_size = 2}))
MAKE(recurrent_states, tuff_val h = tuff_reshape(g, x, TUFF_SHAPE(4, 2, 3));
     tuff_layer_recurrent(g, h, "l", (recurrent){.units = 3, .layers = 2, .h_0 = h}))
MAKE(recurrent_lengths,
     tuff_layer_recurrent(g, tuff_reshape(g, x, TUFF_SHAPE(2, 2, 6)), "l", (recurrent){.units = 3, .lengths = i}))
MAKE(attention_heads, tuff_layer_attention(g, tuff_reshape(g, x, TUFF_SHAPE(2, 2, 6)), 0, 0, "l", (attention){.heads = 4}))
MAKE(attention_none, tuff_layer_attention(g, tuff_reshape(g, x, TUFF_SHAPE(2, 2, 6)), 0, 0, "l", (attention){0}))
MAKE(attention_keys,
     tuff_layer_attention(g, tuff_reshape(g, x, TUFF_SHAPE(2, 2, 6)), 0, 0, "l", (attention){.heads = 6, .key_heads = 4}))
MAKE(attention_mask,
     tuff_layer_attention(g, tuff_reshape(g, x, TUFF_SHAPE(2, 2, 6)), 0, 0, "l", (attention){.heads = 2, .key_mask = i}))
MAKE(lengths_floats, tuff_length_mask(g, x, 3))
MAKE(sinusoids_none, tuff_sinusoids(g, 0, 4))
MAKE(positions_many, tuff_layer_positions(g, x, "l", (struct tuff_layer_positions_params){.count = 3}))
MAKE(encoder_rank, tuff_layer_transformer_encoder(g, x, "l", (transformer){.heads = 2}))
MAKE(encoder_activation, tuff_layer_transformer_encoder(g, tuff_reshape(g, x, TUFF_SHAPE(2, 2, 6)), "l",
                                                        (transformer){.activation = (enum tuff_transformer_activation)2}))
MAKE(decoder_memory,
     tuff_layer_transformer_decoder(g, tuff_reshape(g, x, TUFF_SHAPE(2, 2, 6)), 0, "l", (transformer){.heads = 2}))

static const struct {
    make *make;
    tuff_status status;
    const char *parts[2]; /* of the sentence */
} refusals[] = {{group_divides, TUFF_ERR_SHAPE, {"group_norm 'l'", "divisible by its groups"}},
                {group_none, TUFF_ERR_USAGE, {"group_norm 'l'", "groups is 0"}},
                {instance_rank, TUFF_ERR_SHAPE, {"instance_norm 'l'", "[n, c, l..]"}},
                {instance_alone, TUFF_ERR_SHAPE, {"instance_norm 'l'", "no variance"}},
                {embedding_floats, TUFF_ERR_SHAPE, {"embedding of f32 [4, 6]", "'l' takes i32"}},
                {embedding_size, TUFF_ERR_USAGE, {"embedding 'l'", "size is 0"}},
                {embedding_row, TUFF_ERR_USAGE, {"embedding 'l'", "padding_idx"}},
                {channels_rank, TUFF_ERR_SHAPE, {"channel_dropout", "[n, c, ..]"}},
                {channels_part, TUFF_ERR_USAGE, {"dropout", "[0, 1)"}},
                {prelu_rank, TUFF_ERR_SHAPE, {"prelu 'l'", "[n, c, ..]"}},
                {bilinear_axes, TUFF_ERR_SHAPE, {"bilinear of f32 [4, 6]", "are alike"}},
                {bilinear_units, TUFF_ERR_USAGE, {"bilinear 'l'", "units is 0"}},
                {glu_odd, TUFF_ERR_SHAPE, {"glu of f32 [8, 3]", "halves"}},
                {recurrent_cell, TUFF_ERR_USAGE, {"recurrent", "no cell of number 7"}},
                {recurrent_rank, TUFF_ERR_SHAPE, {"gru 'l'", "[n, t, e]"}},
                {recurrent_projects, TUFF_ERR_USAGE, {"gru 'l'", "proj_size is for LSTM"}},
                {recurrent_states, TUFF_ERR_SHAPE, {"lstm", "[layers * directions, n, h]"}},
                {recurrent_lengths, TUFF_ERR_SHAPE, {"lstm of", "i32 lengths [n]"}},
                {attention_heads, TUFF_ERR_SHAPE, {"attention 'l' of f32 [2, 2, 6]", "divisible by its 4 heads"}},
                {attention_none, TUFF_ERR_USAGE, {"attention 'l'", "heads is 0"}},
                {attention_keys, TUFF_ERR_USAGE, {"attention 'l'", "key_heads must divide"}},
                {attention_mask, TUFF_ERR_SHAPE, {"attention of i32 [4]", "bool [2, 2]"}},
                {lengths_floats, TUFF_ERR_SHAPE, {"length_mask", "i32 [n]"}},
                {sinusoids_none, TUFF_ERR_USAGE, {"sinusoids", "0 rows"}},
                {positions_many, TUFF_ERR_SHAPE, {"positions 'l'", "at most its count"}},
                {encoder_rank, TUFF_ERR_SHAPE, {"transformer_encoder 'l'", "[n, t, e]"}},
                {encoder_activation, TUFF_ERR_USAGE, {"transformer_encoder 'l'", "no such activation"}},
                {decoder_memory, TUFF_ERR_USAGE, {"transformer_decoder", "operand 2 is missing"}}};

static void check_refusals(struct tuff_context *context)
{
    for (size_t k = 0; k < TUFF_COUNT(refusals); k++) {
        struct tuff_graph *g = graph_fresh(context);
        tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(4, 6)),
                 p = tuff_input(g, "p", TUFF_F32, TUFF_SHAPE(2, 6, 4, 4));
        refusals[k].make(g, x, p, tuff_input(g, "i", TUFF_I32, TUFF_SHAPE(4)));
        graph_expect_refusal(&failures, g, (uint32_t)k, refusals[k].status, refusals[k].parts);
    }
}

int main(void)
{
    struct tuff_context *context = NULL;
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    check_embedding(context);
    check_channel_dropout(context);
    check_instance_norm(context);
    for (int cell = 0; cell <= TUFF_CELL_RNN_RELU; cell++) check_lengths(context, (enum tuff_cell)cell);
    check_attention(context);
    check_transformer(context);
    check_refusals(context);
    tuff_context_destroy(context);
    printf("graph_sequence: %u refusals, %u failures\n", (unsigned)TUFF_COUNT(refusals), failures);
    return failures ? 1 : 0;
}

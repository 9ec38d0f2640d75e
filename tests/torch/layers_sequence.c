/* layers_sequence.c - norms of groups and instances, embedding, recurrent layers, attention, transformers: cases for tests/torch/layers_sequence.py. */
#include "tests/torch/layers.h"

#define BUILD(name, ...)                                                                                                    \
    static void name(struct tuff_graph *g, const tuff_val *in, bool training, tuff_val *y)                                  \
    {                                                                                                                       \
        (void)training;                                                                                                     \
        y[0] = __VA_ARGS__;                                                                                                 \
    }
#define LENGTHS(count, most_)                                                                                               \
    {                                                                                                                       \
        .dtype = TUFF_I32, .dim = {count}, .most = (most_)                                                                  \
    }
#define BOOLS(...)                                                                                                          \
    {                                                                                                                       \
        .dtype = TUFF_BOOL, .dim = { __VA_ARGS__ }                                                                          \
    }

/* ---- norms, embedding, small layers ----------------------------------------------------------------------------------------------- */

typedef struct tuff_layer_group_norm_params group_norm;
typedef struct tuff_layer_instance_norm_params instance_norm;
typedef struct tuff_layer_embedding_params embedding;
typedef struct tuff_layer_prelu_params prelu;
typedef struct tuff_layer_bilinear_params bilinear;

BUILD(group_norm_3, tuff_layer_group_norm(g, in[0], "l", (group_norm){.groups = 3}))
BUILD(group_norm_plain,
      tuff_layer_group_norm(g, in[0], "l", (group_norm){.groups = 2, .no_affine = true, .eps = TUFF_NUMBER(1e-3)}))
BUILD(instance_plain, tuff_layer_instance_norm(g, in[0], "l", (instance_norm){.training = training}))
BUILD(instance_affine, tuff_layer_instance_norm(g, in[0], "l", (instance_norm){.affine = true, .training = training}))
BUILD(instance_tracked,
      tuff_layer_instance_norm(g, in[0], "l",
                               (instance_norm){.affine = true, .track_running_stats = true, .training = training}))
BUILD(embedding_plain, tuff_layer_embedding(g, in[0], "l", (embedding){.count = 11, .size = 23}))
BUILD(embedding_padding,
      tuff_layer_embedding(g, in[0], "l", (embedding){.count = 5, .size = 7, .padding = true, .padding_idx = -3}))
BUILD(prelu_one, tuff_layer_prelu(g, in[0], "l", (prelu){0}))
BUILD(prelu_channels, tuff_layer_prelu(g, in[0], "l", (prelu){.channels = true}))
BUILD(bilinear_7, tuff_layer_bilinear(g, in[0], in[1], "l", (bilinear){.units = 7}))
BUILD(glu_last, tuff_glu(g, in[0], -1))
BUILD(glu_channels, tuff_glu(g, in[0], 1))

/* Numbers from 1 on: PyTorch packs no sequence of 0 rows. */
static tuff_val lengths(struct tuff_graph *g, tuff_val below)
{
    static const int32_t one = 1;
    return tuff_add(g, below, tuff_constant(g, (struct tuff_type){TUFF_I32, {0}}, &one));
}

/* ---- recurrent layers --------------------------------------------------------------------------------------------------------------- */

static void recurrent(struct tuff_graph *g, tuff_val x, bool training, struct tuff_layer_recurrent_params p, tuff_val *y)
{
    p.training = training;
    struct tuff_recurrent r = tuff_layer_recurrent(g, x, "l", p);
    y[0] = r.h, y[1] = r.h_n, y[2] = r.c_n;
}
#define RECURRENT(name, ...)                                                                                                \
    static void name(struct tuff_graph *g, const tuff_val *in, bool training, tuff_val *y)                                  \
    {                                                                                                                       \
        recurrent(g, in[0], training, (struct tuff_layer_recurrent_params){__VA_ARGS__}, y);                                \
    }
RECURRENT(lstm_5, .units = 5)
RECURRENT(lstm_two, .units = 5, .layers = 2, .bidirectional = true, .batch_first = true, .h_0 = in[1], .c_0 = in[2])
RECURRENT(lstm_lengths, .units = 4, .layers = 2, .bidirectional = true, .lengths = lengths(g, in[1]))
RECURRENT(lstm_projected, .units = 7, .proj_size = 3, .layers = 2, .no_bias = true, .h_0 = in[1])
RECURRENT(gru_5, .cell = TUFF_CELL_GRU, .units = 5)
RECURRENT(gru_two, .cell = TUFF_CELL_GRU, .units = 3, .layers = 2, .bidirectional = true, .batch_first = true, .h_0 = in[1])
RECURRENT(gru_lengths, .cell = TUFF_CELL_GRU, .units = 6, .bidirectional = true, .no_bias = true,
          .lengths = lengths(g, in[1]))
RECURRENT(tanh_two, .cell = TUFF_CELL_RNN_TANH, .units = 5, .layers = 2, .bidirectional = true)
RECURRENT(tanh_lengths, .cell = TUFF_CELL_RNN_TANH, .units = 5, .batch_first = true, .lengths = lengths(g, in[1]),
          .h_0 = in[2])
RECURRENT(relu_5, .cell = TUFF_CELL_RNN_RELU, .units = 5)

/* ---- attention, transformers ------------------------------------------------------------------------------------------------------- */

typedef struct tuff_layer_attention_params attention;
typedef struct tuff_layer_transformer_params transformer;

#define ATTENTION(name, q, k, v, ...)                                                                                       \
    static void name(struct tuff_graph *g, const tuff_val *in, bool training, tuff_val *y)                                  \
    {                                                                                                                       \
        (void)training;                                                                                                     \
        struct tuff_layer_attention r = tuff_layer_attention(g, q, k, v, "l", (attention){__VA_ARGS__});                    \
        y[0] = r.y, y[1] = r.weights, y[2] = r.head_weights;                                                                \
    }
/* A mask of random bools that hides no row all: the first column is always seen. */
static tuff_val some(struct tuff_graph *g, tuff_val bools)
{
    struct tuff_shape shape = tuff_type_of(g, bools).shape;
    tuff_val column = tuff_iota(g, shape, -1), yes = tuff_equal(g, column, tuff_iota(g, TUFF_SHAPE(1), 0));
    return tuff_select(g, yes, yes, bools);
}
static const struct tuff_rope_params rope = {.theta = 100};
ATTENTION(attention_self, in[0], 0, 0, .heads = 3)
ATTENTION(attention_plain, in[0], 0, 0, .heads = 2, .no_bias = true, .causal = true)
ATTENTION(attention_cross, in[0], in[1], 0, .heads = 2, .key_mask = tuff_length_mask(g, lengths(g, in[2]), 5))
ATTENTION(attention_widths, in[0], in[1], in[2], .heads = 4)
ATTENTION(attention_masks, in[0], 0, 0, .heads = 2, .mask = some(g, in[1]), .key_mask = some(g, in[2]))
ATTENTION(attention_added, in[0], 0, 0, .heads = 2, .mask = in[1], .key_mask = some(g, in[2]))
ATTENTION(attention_bool, in[0], 0, 0, .heads = 2, .mask = some(g, in[1]))
ATTENTION(attention_grouped, in[0], 0, 0, .heads = 6, .key_heads = 2, .no_bias = true, .causal = true, .rope = &rope)
BUILD(positions_learned, tuff_layer_positions(g, in[0], "l", (struct tuff_layer_positions_params){.count = 9}))
BUILD(positions_waves, tuff_add(g, in[0], tuff_sinusoids(g, 7, 10)))

BUILD(encoder_layer,
      tuff_layer_transformer_encoder(g, in[0], "l", (transformer){.heads = 2, .hidden = 11, .dropout = TUFF_NUMBER(0)}))
BUILD(encoder_stack, tuff_layer_transformer_encoder(g, in[0], "l",
                                                    (transformer){.heads = 3,
                                                                  .hidden = 7,
                                                                  .layers = 2,
                                                                  .activation = TUFF_TRANSFORMER_GELU,
                                                                  .norm_first = true,
                                                                  .final_norm = true,
                                                                  .no_bias = true,
                                                                  .dropout = TUFF_NUMBER(0),
                                                                  .eps = TUFF_NUMBER(1e-3),
                                                                  .key_mask = some(g, in[1])}))
BUILD(decoder_layer,
      tuff_layer_transformer_decoder(g, in[0], in[1], "l",
                                     (transformer){.heads = 2, .hidden = 5, .causal = true, .dropout = TUFF_NUMBER(0)}))
BUILD(decoder_stack, tuff_layer_transformer_decoder(g, in[0], in[1], "l",
                                                    (transformer){.heads = 2,
                                                                  .hidden = 9,
                                                                  .layers = 2,
                                                                  .activation = TUFF_TRANSFORMER_GELU,
                                                                  .norm_first = true,
                                                                  .dropout = TUFF_NUMBER(0),
                                                                  .mask = some(g, in[2]),
                                                                  .memory_key_mask = some(g, in[3])}))

const struct layer_case layer_cases_sequence[] = {
    {LAYER_CASE("group_norm", "groups=3 eps=1e-5", group_norm_3, LAYER_FLOATS(2, 6, 5, 3))},
    {LAYER_CASE("group_norm", "groups=3 eps=1e-5", group_norm_3, {.dtype = TUFF_F32, .dim = {5, 9}, .shift = 4})},
    {LAYER_CASE("group_norm", "groups=2 eps=1e-3", group_norm_plain, LAYER_FLOATS(3, 4, 7)), .no_training = true},
    {LAYER_CASE("instance_norm", "track=0", instance_plain, LAYER_FLOATS(2, 3, 7)), .no_training = true},
    {LAYER_CASE("instance_norm", "track=0", instance_affine, {.dtype = TUFF_F32, .dim = {2, 3, 5, 4}, .shift = 3})},
    {LAYER_CASE("instance_norm", "track=0", instance_affine, LAYER_FLOATS(2, 3, 3, 2, 5))},
    {LAYER_CASE("instance_norm", "track=1", instance_tracked,
                {.dtype = TUFF_F32, .dim = {3, 4, 5, 3}, .scale = 2, .shift = 1})},
    {LAYER_CASE("embedding", "count=11", embedding_plain, {.dtype = TUFF_I32, .dim = {3, 5}, .most = 11})},
    {LAYER_CASE("embedding", "count=5 padding=2", embedding_padding, {.dtype = TUFF_I32, .dim = {2, 3, 4}, .most = 5})},
    {LAYER_CASE("prelu", "", prelu_one, LAYER_FLOATS(3, 5))},
    {LAYER_CASE("prelu", "", prelu_channels, LAYER_FLOATS(3, 4, 5, 2))},
    {LAYER_CASE("bilinear", "", bilinear_7, LAYER_FLOATS(5, 3), LAYER_FLOATS(5, 11))},
    {LAYER_CASE("bilinear", "", bilinear_7, LAYER_FLOATS(2, 3, 5), LAYER_FLOATS(2, 3, 4))},
    {LAYER_CASE("glu", "axis=-1", glu_last, LAYER_FLOATS(3, 5, 6)), .no_training = true},
    {LAYER_CASE("glu", "axis=1", glu_channels, LAYER_FLOATS(3, 4, 7)), .no_training = true},
    {LAYER_CASE("recurrent", "kind=LSTM units=5", lstm_5, LAYER_FLOATS(7, 3, 4))},
    {LAYER_CASE("recurrent", "kind=LSTM units=5", lstm_5, LAYER_FLOATS(200, 2, 3))},
    {LAYER_CASE("recurrent", "kind=LSTM units=5", lstm_5, LAYER_FLOATS(1, 1, 2))},
    {LAYER_CASE("recurrent", "kind=LSTM units=5 layers=2 bidirectional=1 batch_first=1 h_0=b c_0=c", lstm_two,
                LAYER_FLOATS(3, 5, 2), LAYER_FLOATS(4, 3, 5), LAYER_FLOATS(4, 3, 5))},
    {LAYER_CASE("recurrent", "kind=LSTM units=4 layers=2 bidirectional=1 lengths=b", lstm_lengths, LAYER_FLOATS(6, 5, 3),
                LENGTHS(5, 5))},
    {LAYER_CASE("recurrent", "kind=LSTM units=7 proj_size=3 layers=2 bias=0 h_0=b", lstm_projected, LAYER_FLOATS(5, 2, 4),
                LAYER_FLOATS(2, 2, 3))},
    {LAYER_CASE("recurrent", "kind=GRU units=5", gru_5, LAYER_FLOATS(7, 3, 4))},
    {LAYER_CASE("recurrent", "kind=GRU units=5", gru_5, LAYER_FLOATS(200, 2, 3))},
    {LAYER_CASE("recurrent", "kind=GRU units=3 layers=2 bidirectional=1 batch_first=1 h_0=b", gru_two, LAYER_FLOATS(2, 5, 7),
                LAYER_FLOATS(4, 2, 3))},
    {LAYER_CASE("recurrent", "kind=GRU units=6 bidirectional=1 bias=0 lengths=b", gru_lengths, LAYER_FLOATS(7, 4, 3),
                LENGTHS(4, 6))},
    {LAYER_CASE("recurrent", "kind=RNN units=5 layers=2 bidirectional=1", tanh_two, LAYER_FLOATS(6, 3, 4))},
    {LAYER_CASE("recurrent", "kind=RNN units=5 batch_first=1 lengths=b h_0=c", tanh_lengths, LAYER_FLOATS(3, 200, 4),
                LENGTHS(3, 199), LAYER_FLOATS(1, 3, 5))},
    {LAYER_CASE("recurrent", "kind=RNN units=5 nonlinearity=relu", relu_5, LAYER_FLOATS(6, 3, 4))},
    {LAYER_CASE("attention", "heads=3", attention_self, LAYER_FLOATS(2, 5, 12))},
    {LAYER_CASE("attention", "heads=2 bias=0 causal=1", attention_plain, LAYER_FLOATS(3, 7, 6))},
    {LAYER_CASE("attention", "heads=2 k=b v=b lengths=c", attention_cross, LAYER_FLOATS(2, 3, 6), LAYER_FLOATS(2, 5, 6),
                LENGTHS(2, 5))},
    {LAYER_CASE("attention", "heads=4 k=b v=c", attention_widths, LAYER_FLOATS(2, 3, 8), LAYER_FLOATS(2, 5, 3),
                LAYER_FLOATS(2, 5, 7))},
    {LAYER_CASE("attention", "heads=2 mask=b key_mask=c", attention_masks, LAYER_FLOATS(3, 5, 4), BOOLS(5, 5), BOOLS(3, 5))},
    {LAYER_CASE("attention", "heads=2 mask=b key_mask=c", attention_added, LAYER_FLOATS(3, 5, 4), LAYER_FLOATS(5, 5),
                BOOLS(3, 5))},
    {LAYER_CASE("attention", "heads=2 mask=b", attention_bool, LAYER_FLOATS(3, 5, 4), BOOLS(5, 5))},
    {LAYER_CASE("attention_grouped", "heads=6 key_heads=2 theta=100", attention_grouped, LAYER_FLOATS(2, 5, 24))},
    {LAYER_CASE("positions", "", positions_learned, LAYER_FLOATS(3, 7, 10))},
    {LAYER_CASE("sinusoids", "", positions_waves, LAYER_FLOATS(3, 7, 10)), .no_training = true},
    {LAYER_CASE("encoder", "heads=2 hidden=11", encoder_layer, LAYER_FLOATS(2, 5, 6))},
    {LAYER_CASE("encoder", "heads=3 hidden=7 layers=2 activation=gelu norm_first=1 norm=1 bias=0 eps=1e-3 key_mask=b",
                encoder_stack, LAYER_FLOATS(2, 5, 6), BOOLS(2, 5))},
    {LAYER_CASE("decoder", "heads=2 hidden=5 causal=1", decoder_layer, LAYER_FLOATS(2, 5, 6), LAYER_FLOATS(2, 3, 6))},
    {LAYER_CASE("decoder", "heads=2 hidden=9 layers=2 activation=gelu norm_first=1 mask=c memory_mask=d", decoder_stack,
                LAYER_FLOATS(2, 5, 6), LAYER_FLOATS(2, 3, 6), BOOLS(5, 5), BOOLS(2, 3))},
    {.name = NULL}};

/* nets.h - a zoo of networks, built by the public API: what tuff-bench measures, what tuff-train trains, and what tests and
 * tuff-dryrun take from both. README.md beside it says how to add one.
 *
 * A net is a function that adds values to a graph. Of convolutions that a batch norm follows (in the source) there are two
 * forms: for inference the norm is folded into the convolution, which then has a bias; for training it is a batch norm with
 * running statistics. Weights keep the variance of what goes through them, so that values stay of the size of 1 through the
 * whole depth; all are random, none is 0, and the same everywhere (those of the peers' nets: see zoo_work_fill). */
#ifndef ZOO_NETS_H
#define ZOO_NETS_H

#include <tuff/tuff.h>

enum zoo_mode { ZOO_INFER = 0, ZOO_TRAIN, ZOO_MODES };
enum { ZOO_EXPECTED = 4 };

/* A graph while a net is added to it. */
struct zoo_build {
    struct tuff_graph *g; /* [borrowed] */
    bool training;
    bool norms;       /* inference with batch norms and their running statistics too: a model, which trains and predicts */
    uint32_t classes; /* of pictures: units of the last layer; 0: as many as the source has */
    uint32_t layer;   /* number of the last one */
    char name[32];    /* its name */
};

/* A row of the table; all text is static. */
struct zoo_net {
    const char *name;        /* letters, digits, - and . alone: "resnet50" */
    const char *title;       /* "ResNet-50, 224 x 224" */
    const char *source;      /* paper, and where the counts below can be looked up */
    struct tuff_type sample; /* one sample without the batch axis: f32 [3, 224, 224], i32 [128] (tokens) */
    uint32_t classes;        /* labels are 0 .. classes-1; a language net has one label for each token, the next token,
                        * a segmentation one for each pixel. 0: it gives numbers, and labels are numbers of their shape */
    uint32_t outputs;        /* numbers that one sample gives in inference */
    bool infers, trains;     /* works that count; the others build as well, as tests show */
    uint32_t train_batch;
    /* [batch, ..] -> logits [batch or batch * tokens, classes], or numbers [batch, ..] */
    tuff_val (*build)(struct zoo_build *b, tuff_val x);
    uint64_t parameters[ZOO_MODES]; /* trained numbers, as built here */
    uint64_t published;             /* parameters of the source with its norms; 0: the source tells none */
    uint64_t multiply_adds; /* of convolutions and matrix products (attention's two among them), forward, per sample */
    double published_adds;  /* the source's figure */
    double adds_tolerance;  /* relative: how far it is rounded, or what it leaves out */
    struct tuff_optimizer_params optimizer;
    double peer_gain; /* > 0: a net of the peers' comparison, whose weights are theirs: w^2 has the mean gain / 3 fan_in */
    /* The peers' first outputs of batch 1, or losses of steps 1, 2, ..; known to a thousandth of the largest. */
    double expected[ZOO_EXPECTED];
    uint32_t expected_count; /* 0: none */
};
extern const struct zoo_net zoo_nets[];
extern const uint32_t zoo_net_count;
const struct zoo_net *zoo_net_find(const char *name); /* NULL: no such net */

/* U-Net (Ronneberger et al. 2015) with padded convolutions and batch norms: x [n, c, h, w], h and w multiples of 2^levels, `width` channels at
 * full size and twice as many at each level below. Returns logits [n, classes, h, w]. */
tuff_val zoo_unet(struct zoo_build *b, tuff_val x, uint32_t width, uint32_t levels, uint32_t classes);

/* A residual network by torchvision's names: its weights fit, as those of a file of its state dict. */
struct zoo_residual {
    const char *name;       /* resnet50, resnet34, resnet18; small */
    bool bottleneck, small; /* small: a 3x3 convolution of stride 2 in place of the 7x7 one and its pool */
    uint32_t blocks[4], width;
};
const struct zoo_residual *zoo_residual_find(const char *name); /* NULL: no such shape */
uint32_t zoo_residual_features(const struct zoo_residual *shape);
/* x [n, 3, h, w] -> features [n, zoo_residual_features]; training: batch norms take the statistics of the batch. */
tuff_val zoo_residual(struct tuff_graph *g, tuff_val x, const struct zoo_residual *shape, bool training);
/* Of features, dense 256 with ReLU and logits [n, classes]; parameters begin with "head.". */
tuff_val zoo_head(struct tuff_graph *g, tuff_val features, uint32_t classes);

struct zoo_gpt {
    uint32_t layers, width, heads, tokens, symbols; /* heads divide the width */
};
/* GPT-2's layers (Radford et al. 2019), causal: x i32 [n, tokens], of symbols 0 .. symbols-1, gives logits [n * tokens, symbols] of each next one. */
tuff_val zoo_gpt(struct zoo_build *b, tuff_val x, const struct zoo_gpt *size);

/* Pictures x [n, c, 32, 32] -> [n, code]. Grey, as colours would tell one kind of pictures from another; each number of the code has mean 0 and
 * variance 1 over a batch, by the batch norm of this name: kinds with norms of their own are spread alike. */
tuff_val zoo_encode(struct zoo_build *b, tuff_val x, uint32_t code, const char *norm);
/* And back, [n, 3, 32, 32] from 0 to 1; decoder: what the names of its parameters begin with. */
tuff_val zoo_decode(struct zoo_build *b, tuff_val code, const char *decoder);

struct zoo_forecast {
    uint32_t units, ahead, period; /* of the LSTM; values that are forecast; values of a season: ahead <= period <= past */
};
/* A series x [n, past, features], whose feature 0 is the value -> [n, ahead]: what an LSTM says, which has read the past, is added to the values one
 * season before: it learns where these are wrong. */
tuff_val zoo_forecast(struct zoo_build *b, tuff_val x, const struct zoo_forecast *size);

/* Rows of a table x [n, width] -> [n, answers]: two hidden layers of so many units, with dropout. */
tuff_val zoo_rows(struct zoo_build *b, tuff_val x, uint32_t units, uint32_t answers);

/* ---- small networks of tuff_layer_* calls, for tuff_model ------------------------------------------------------------------- */

/* A row of their table. The builder adds the network to a graph, once for training and once for inference; parameters are shared
 * by name. x: pictures [batch, channels, height, width] of any size; user: the number of classes, uint32_t. */
struct zoo_model {
    const char *name, *about;
    tuff_val (*build)(struct tuff_graph *g, tuff_val x, bool training, void *user);
    uint32_t epochs; /* that suffice for 28 x 28 pictures of clothes or digits, at this rate */
    double lr;
};
extern const struct zoo_model zoo_models[];
extern const uint32_t zoo_model_count;
const struct zoo_model *zoo_model_find(const char *name); /* NULL: no such network */

/* ---- classifiers of pictures, from both tables --------------------------------------------------------------------------------- */

struct zoo_picture {
    const char *name, *about;
    uint32_t side, channels; /* of its pictures; 0: any */
    uint32_t batch, epochs;  /* to begin with; batch 0: 64 */
    double lr;               /* of Adam */
    const struct zoo_model *model;
    const struct zoo_net *net; /* one of both */
};
/* Number index of them, the small ones first; false: there are no more. */
bool zoo_picture(uint32_t index, struct zoo_picture *picture);
bool zoo_picture_find(const char *name, struct zoo_picture *picture);
/* For a model's build: x [batch, channels, height, width] -> logits [batch, classes]. head: what the names of its last layer's parameters begin with, "out." */
tuff_val zoo_picture_build(const struct zoo_picture *picture, struct tuff_graph *g, tuff_val x, bool training,
                           uint32_t classes, char head[32]);

/* ---- works: a net as the graph of one run ---------------------------------------------------------------------------------- */

/* Zero-initialize, zoo_work_create, zoo_work_finish; it must not move between. One thread at a time. */
struct zoo_work {
    const struct zoo_net *net; /* [borrowed] */
    enum zoo_mode mode;
    uint32_t batch;
    struct tuff_graph *graph; /* [owned] */
    tuff_val input, labels;   /* labels: i32 [rows of the logits], or f32 of the numbers' shape; 0 in inference */
    tuff_val result;          /* logits or numbers (inference), or loss (training) */
    const tuff_val *outputs;  /* for tuff_plan_ask: result, then all updates */
    uint32_t output_count;
    struct tuff_trainer *trainer; /* [owned] of training, else NULL */
};
/* Adds the net, and for training its loss (mean softmax cross entropy, or mean square), gradients and optimizer, to a fresh graph. batch 0: 1 in
 * inference, net->train_batch in training. Errors: USAGE (training a net that does not), SHAPE, MEMORY. */
tuff_status zoo_work_create(struct tuff_context *context, const struct zoo_net *net, enum zoo_mode mode, uint32_t batch,
                            struct zoo_work *work, struct tuff_error *error);
void zoo_work_finish(struct zoo_work *work); /* after sessions of its graph; legal on zeros */

/* Samples times the elements of one, and labels. */
uint64_t zoo_work_elements(const struct zoo_work *work);
uint64_t zoo_work_labels(const struct zoo_work *work);
/* Inputs number `set` (0 is that of the peers' nets: sample element i is uniform(i, 1000 + set), label i hash(i, 2000 + set) mod classes;
 * of language nets the tokens are such labels; without classes label i is uniform(i, 2000 + set)). x: f32 or i32 [zoo_work_elements]; labels: i32 or
 * f32 [zoo_work_labels], NULL in inference. */
void zoo_work_inputs(const struct zoo_work *work, uint32_t set, void *x, void *labels);
/* Initial content of leaf number `index` of the graph (tuff_graph_leaf), as many numbers as it has, where zoo_work_fill writes it: a
 * parameter of a peers' net. False, and nothing written, for all others: they have the initial values of their session. */
bool zoo_work_weights(const struct zoo_work *work, uint32_t index, float *out);
/* Writes inputs number 0 and, into a peers' net, the peers' initial weights. Errors: MEMORY, DEVICE_LOST. */
tuff_status zoo_work_fill(struct zoo_work *work, struct tuff_session *session, struct tuff_executable *executable,
                          struct tuff_error *error);
/* Compiles outputs; params without any: tuff_session_compile, tuff_trainer_compile. In training the executable is the trainer's. */
tuff_status zoo_work_compile(struct zoo_work *work, struct tuff_session *session,
                             const struct tuff_executable_params *params, struct tuff_executable **executable,
                             struct tuff_error *error);
/* Destroys the executable that zoo_work_compile made, before its session; NULL is legal. */
void zoo_work_drop(struct zoo_work *work, struct tuff_executable *executable);
/* Submits one run, as tuff_executable_submit does. */
tuff_status zoo_work_submit(struct zoo_work *work, struct tuff_executable *executable, uint64_t *ticket,
                            struct tuff_error *error);

/* The generator of all made-up numbers: 32 bits of (index, seed), and a number in [-1, 1) of them ("lowbias32", C. Wellons). */
uint32_t zoo_hash(uint32_t index, uint32_t seed);
double zoo_uniform(uint32_t index, uint32_t seed);

#endif

/* layers.h - networks of one layer or loss that torch-layers computes, differentiates and trains (tests/torch/layers.c), for PyTorch to do the
 * same (tests/torch/layers.py). */
#ifndef TORCH_LAYERS_H
#define TORCH_LAYERS_H

#include "graph/graph.h"

enum { LAYER_INPUTS = 4, LAYER_RESULTS = 4 };

struct layer_case {
    const char *name;    /* of the function of layers*.py */
    const char *numbers; /* "stride=2 mode=edge": what that function is given, in the same words as `build` */
    struct layer_input {
        enum tuff_dtype dtype;       /* f32: normal numbers, with gradients; i32: whole numbers below `most`; bool */
        uint32_t dim[TUFF_MAX_RANK]; /* up to the first 0 */
        uint32_t most;
        float scale, shift; /* of f32: normal scale + shift; 0 stands for 1 */
        bool constant;      /* f32 without a gradient: a target */
        bool uniform;       /* in [0, 1) before scale and shift */
    } in[LAYER_INPUTS];
    /* Adds the layer and writes its results, y[0] of f32 among them; the others may be 0. Inputs in[] are called a, b, c and d. */
    void (*build)(struct tuff_graph *g, const tuff_val *in, bool training, tuff_val *y);
    bool no_training; /* of layers without parameters and losses: nothing learns */
};

#define LAYER_CASE(name_, numbers_, build_, ...)                                                                            \
    .name = (name_), .numbers = (numbers_), .build = (build_), .in = {__VA_ARGS__}
#define LAYER_FLOATS(...)                                                                                                   \
    {                                                                                                                       \
        .dtype = TUFF_F32, .dim = { __VA_ARGS__ }                                                                           \
    }

/* A list of cases for each file of them, in tests/torch/layers_*.c; ends with a case without a name. */
extern const struct layer_case layer_cases_basic[], layer_cases_sequence[], layer_cases_spatial[];
extern const struct layer_case layer_cases_losses[];

#endif

/* module.h - what layers with parameters of their own share (modules.c and its neighbours): names, parameters, sentences. Private. */
#ifndef TUFF_MODULE_H
#define TUFF_MODULE_H

#include "graph/op.h"

/* One call of a layer. */
struct tuff_module {
    struct tuff_graph *g;
    const char *kind, *name; /* for sentences: dense 'hidden' */
};

extern const struct tuff_init tuff_init_zeros, tuff_init_ones;
/* As PyTorch's dense and convolution layers: uniform within 1 / sqrt(fan_in), of weights and of their bias (Kaiming-uniform with a = sqrt(5)). */
extern const struct tuff_init tuff_init_torch;
struct tuff_init tuff_init_within(double bound); /* uniform in [-bound, bound] */

/* True when the graph has not failed, the layer has a name, and x is a value of floats. */
bool tuff_module_begin(const struct tuff_module *m, tuff_val x);
tuff_val tuff_module_fail(const struct tuff_module *m, tuff_status status, const char *what);
/* "dense 'hidden': it takes f32 [.., k], not x ..", SHAPE */
tuff_val tuff_module_refuse(const struct tuff_module *m, const char *takes, tuff_val x);
/* NAME.part; standard where init was left out */
tuff_val tuff_module_param(const struct tuff_module *m, const char *part, struct tuff_shape shape, struct tuff_init init,
                           struct tuff_init standard);
tuff_val tuff_module_state(const struct tuff_module *m, const char *part, struct tuff_shape shape, struct tuff_init init);
/* NAME.bias of so many numbers, uniform within 1 / sqrt(numbers of the weight for each of its results), or 0 without a bias. */
tuff_val tuff_module_bias(const struct tuff_module *m, bool none, uint32_t count, uint64_t fan_in, struct tuff_init init);
/* eps, or 1e-5; 0 after a failure */
double tuff_module_eps(const struct tuff_module *m, struct tuff_number eps);

#endif

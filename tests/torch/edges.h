/* edges.h - the lines that torch-edges prints (tests/torch/edges.c), and its cases that train. */
#ifndef TORCH_EDGES_H
#define TORCH_EDGES_H

#include "tests/op_values.h"

void edges_input(const char *name, struct tuff_type type, const double *content);
void edges_output(const char *way, const char *by, const char *name, struct tuff_shape shape, const double *content);
/* tests/torch/edges_training.c */
void edges_training(struct backend_test *t);

#endif

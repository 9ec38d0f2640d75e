/* onnx_help.h - builds the graph of an ONNX model without a device, for tests and fuzzing. */
#ifndef TUFF_TESTS_ONNX_HELP_H
#define TUFF_TESTS_ONNX_HELP_H

#include "loaders/loaders.h"
#include "loaders/onnx.h"

struct onnx_counts {
    uint64_t steps;  /* of lookups */
    uint32_t values; /* of the graph */
    uint32_t weights;
};
/* Inputs have the shapes that the model declares, open dimensions 2; compile-time values are this number everywhere. counts may be NULL. */
tuff_status onnx_build_host(struct tuff_context *context, const struct tuff_onnx *onnx, double number,
                            struct onnx_counts *counts, struct tuff_error *error);

#endif

/* onnx_bytes.h - ONNX files made in tests, byte by byte: messages of protobuf, small enough for arrays. */
#ifndef TUFF_TESTS_ONNX_BYTES_H
#define TUFF_TESTS_ONNX_BYTES_H

#include "backend/core.h"

#include <string.h>

struct onnx_bytes {
    uint8_t at[1 << 14];
    size_t count;
};

static inline void onnx_varint(struct onnx_bytes *b, uint64_t v)
{
    for (; v > 127; v >>= 7) b->at[b->count++] = (uint8_t)(v | 128);
    b->at[b->count++] = (uint8_t)v;
}

static inline void onnx_number(struct onnx_bytes *b, uint32_t field, uint64_t v)
{
    onnx_varint(b, field << 3);
    onnx_varint(b, v);
}

static inline void onnx_part(struct onnx_bytes *b, uint32_t field, const void *data, size_t count)
{
    onnx_varint(b, field << 3 | 2);
    onnx_varint(b, count);
    if (count) memcpy(b->at + b->count, data, count);
    b->count += count;
}

static inline void onnx_text(struct onnx_bytes *b, uint32_t field, const char *t) { onnx_part(b, field, t, strlen(t)); }
static inline void onnx_message(struct onnx_bytes *b, uint32_t field, const struct onnx_bytes *inner)
{
    onnx_part(b, field, inner->at, inner->count);
}

/* An input (field 11) or output (12) of a graph: a tensor of one axis; dim -1: called "n". */
static inline void onnx_value_info(struct onnx_bytes *graph, uint32_t field, const char *name, int64_t dim, int type)
{
    struct onnx_bytes info = {.count = 0}, t = {.count = 0}, tensor = {.count = 0}, shape = {.count = 0}, d = {.count = 0};
    if (dim < 0)
        onnx_text(&d, 2, "n");
    else
        onnx_number(&d, 1, (uint64_t)dim);
    onnx_message(&shape, 1, &d);
    onnx_number(&tensor, 1, (uint64_t)type);
    onnx_message(&tensor, 2, &shape);
    onnx_message(&t, 1, &tensor);
    onnx_text(&info, 1, name);
    onnx_message(&info, 2, &t);
    onnx_message(graph, field, &info);
}

/* A node of a graph (field 1) or function (7). */
static inline void onnx_field_node(struct onnx_bytes *to, uint32_t field, const char *op, const char *domain, const char *a,
                                   const char *b, const char *y)
{
    struct onnx_bytes n = {.count = 0};
    onnx_text(&n, 1, a);
    if (b) onnx_text(&n, 1, b);
    onnx_text(&n, 2, y);
    onnx_text(&n, 4, op);
    if (domain) onnx_text(&n, 7, domain);
    onnx_message(to, field, &n);
}
static inline void onnx_node(struct onnx_bytes *graph, const char *op, const char *domain, const char *a, const char *b,
                             const char *y)
{
    onnx_field_node(graph, 1, op, domain, a, b, y);
}

/* An initializer of floats. */
static inline void onnx_shaped(struct onnx_bytes *graph, const char *name, const int64_t *dims, uint32_t rank,
                               const void *data, size_t bytes)
{
    struct onnx_bytes tensor = {.count = 0};
    for (uint32_t i = 0; i < rank; i++) onnx_number(&tensor, 1, (uint64_t)dims[i]);
    onnx_number(&tensor, 2, 1);
    onnx_text(&tensor, 8, name);
    onnx_part(&tensor, 9, data, bytes);
    onnx_message(graph, 5, &tensor);
}

/* A tensor of one axis: an initializer (field 5 of a graph), or that of an attribute (5). */
static inline void onnx_tensor(struct onnx_bytes *to, uint32_t field, const char *name, int64_t dim, int type,
                               const void *data, size_t bytes)
{
    struct onnx_bytes tensor = {.count = 0};
    onnx_number(&tensor, 1, (uint64_t)dim);
    onnx_number(&tensor, 2, (uint64_t)type);
    onnx_text(&tensor, 8, name);
    onnx_part(&tensor, 9, data, bytes);
    onnx_message(to, field, &tensor);
}

/* A node Constant of floats, whose tensor has the name that onnx.helper's example gives. */
static inline void onnx_constant(struct onnx_bytes *graph, const char *y, const float *data, uint32_t count)
{
    struct onnx_bytes n = {.count = 0}, attribute = {.count = 0};
    onnx_text(&attribute, 1, "value");
    onnx_tensor(&attribute, 5, "const_tensor", count, 1, data, count * sizeof *data);
    onnx_number(&attribute, 20, 4);
    onnx_text(&n, 2, y);
    onnx_text(&n, 4, "Constant");
    onnx_message(&n, 5, &attribute);
    onnx_message(graph, 1, &n);
}

/* A function of the domain "mine", a -> b, of one node, as a field of a model. */
static inline void onnx_function(struct onnx_bytes *model, const char *name, const char *op, const char *domain)
{
    struct onnx_bytes f = {.count = 0}, opset = {.count = 0};
    onnx_text(&f, 1, name);
    onnx_text(&f, 4, "a");
    onnx_text(&f, 5, "b");
    onnx_field_node(&f, 7, op, domain, "a", NULL, "b");
    onnx_number(&opset, 2, 17);
    onnx_message(&f, 9, &opset);
    onnx_text(&f, 10, "mine");
    onnx_message(model, 25, &f);
}

static inline void onnx_opsets(struct onnx_bytes *model)
{
    struct onnx_bytes standard = {.count = 0}, mine = {.count = 0};
    onnx_number(&standard, 2, 17);
    onnx_text(&mine, 1, "mine");
    onnx_number(&mine, 2, 1);
    onnx_message(model, 8, &standard);
    onnx_message(model, 8, &mine);
}

static inline void onnx_model(struct onnx_bytes *out, const struct onnx_bytes *graph)
{
    *out = (struct onnx_bytes){.count = 0};
    onnx_number(out, 1, 8);
    onnx_message(out, 7, graph);
    onnx_opsets(out);
}

static inline struct tuff_span onnx_span(const struct onnx_bytes *b) { return (struct tuff_span){b->at, b->count}; }

#endif

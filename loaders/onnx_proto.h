/* onnx_proto.h - an ONNX file as structs, by the table onnx_schema.def. Private to loaders/.
 *
 * Texts and bytes are spans of the file, which is mapped; lists lie in an arena. */
#ifndef TUFF_LOADERS_ONNX_PROTO_H
#define TUFF_LOADERS_ONNX_PROTO_H

#include "backend/lookup.h"
#include "loaders/source.h"

/* Lists begin alike: elements, then their count. */
struct tuff_onnx_spans {
    struct tuff_span *at;
    uint32_t count;
};
struct tuff_onnx_i64s {
    int64_t *at;
    uint32_t count;
};
struct tuff_onnx_f32s {
    float *at;
    uint32_t count;
};
struct tuff_onnx_f64s {
    double *at;
    uint32_t count;
};

#define TUFF_ONNX_I64 int64_t
#define TUFF_ONNX_F32 float
#define TUFF_ONNX_SPAN struct tuff_span
#define TUFF_ONNX_I64S struct tuff_onnx_i64s
#define TUFF_ONNX_F32S struct tuff_onnx_f32s
#define TUFF_ONNX_F64S struct tuff_onnx_f64s
#define TUFF_ONNX_SPANS struct tuff_onnx_spans
#define TUFF_ONNX_TYPE_PART(of) struct tuff_onnx_##of *
#define TUFF_ONNX_TYPE_PARTS(of)                                                                                            \
    struct {                                                                                                                \
        struct tuff_onnx_##of *at;                                                                                          \
        uint32_t count;                                                                                                     \
    }
struct tuff_onnx_graph;
#define TUFF_ONNX_MESSAGE(name) struct tuff_onnx_##name {
#define TUFF_ONNX_FIELD(name, number, kind, member) TUFF_ONNX_##kind member;
#define TUFF_ONNX_PART(name, number, kind, member, of) TUFF_ONNX_TYPE_##kind(of) member;
#define TUFF_ONNX_END(name)                                                                                                 \
    }                                                                                                                       \
    ;
#include "loaders/onnx_schema.def"

/* The table as data, for the reader and the writer. */
enum tuff_onnx_kind { /* of an element, or of a list of such */
                      TUFF_ONNX_KIND_I64,
                      TUFF_ONNX_KIND_F32,
                      TUFF_ONNX_KIND_F64,
                      TUFF_ONNX_KIND_SPAN,
                      TUFF_ONNX_KIND_PART,
                      TUFF_ONNX_KIND_LIST = 8,
                      TUFF_ONNX_KIND_I64S = TUFF_ONNX_KIND_LIST | TUFF_ONNX_KIND_I64,
                      TUFF_ONNX_KIND_F32S = TUFF_ONNX_KIND_LIST | TUFF_ONNX_KIND_F32,
                      TUFF_ONNX_KIND_F64S = TUFF_ONNX_KIND_LIST | TUFF_ONNX_KIND_F64,
                      TUFF_ONNX_KIND_SPANS = TUFF_ONNX_KIND_LIST | TUFF_ONNX_KIND_SPAN,
                      TUFF_ONNX_KIND_PARTS = TUFF_ONNX_KIND_LIST | TUFF_ONNX_KIND_PART
};
struct tuff_onnx_message;
struct tuff_onnx_field {
    uint32_t number;
    enum tuff_onnx_kind kind;
    size_t offset;
    const struct tuff_onnx_message *of; /* of parts */
};
struct tuff_onnx_message {
    const char *name;
    size_t bytes;
    const struct tuff_onnx_field *fields;
    uint32_t count;
};
extern const struct tuff_onnx_message *const tuff_onnx_messages; /* that of a model */
static inline bool tuff_onnx_is_list(const struct tuff_onnx_field *field) { return field->kind & TUFF_ONNX_KIND_LIST; }
static inline enum tuff_onnx_kind tuff_onnx_element_kind(const struct tuff_onnx_field *field)
{
    return field->kind & (TUFF_ONNX_KIND_LIST - 1);
}
/* Bytes of one element of a list. */
static inline size_t tuff_onnx_element_bytes(const struct tuff_onnx_field *field)
{
    static const size_t bytes[] = {sizeof(int64_t), sizeof(float), sizeof(double), sizeof(struct tuff_span)};
    return field->of ? field->of->bytes : bytes[tuff_onnx_element_kind(field)];
}

/* Reads a file in memory, which stays where it is. limit of depth: 64. Errors: FORMAT with the place, MEMORY. */
tuff_status tuff_onnx_parse(struct tuff_arena *arena, const struct tuff_source *source, struct tuff_onnx_model **model,
                            struct tuff_error *error);
/* The bytes of a file, in the arena, without those of spans that have bytes and no data: these are holes, in the order of the file, before which so many
 * bytes lie (holes: room for all). Errors: MEMORY, UNSUPPORTED. */
tuff_status tuff_onnx_encode(struct tuff_arena *arena, const struct tuff_onnx_model *model, struct tuff_span *bytes,
                             size_t *holes, struct tuff_error *error);
/* A file of one TensorProto, as ONNX's test data are. */
tuff_status tuff_onnx_parse_tensor(struct tuff_arena *arena, const struct tuff_source *source,
                                   struct tuff_onnx_tensor **tensor, struct tuff_error *error);

/* For "%.*s": at most 100 bytes of a text of the file. */
#define TUFF_SPAN_TEXT(span) (int)((span).bytes < 100 ? (span).bytes : 100), (const char *)((span).bytes ? (span).data : "")

static inline bool tuff_spans_equal(struct tuff_span a, struct tuff_span b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || !memcmp(a.data, b.data, a.bytes));
}
static inline uint64_t tuff_span_hash(struct tuff_span span)
{
    return tuff_hash(0, span.bytes ? span.data : "", span.bytes);
}
static inline bool tuff_span_is(struct tuff_span span, const char *text)
{
    return span.bytes == strlen(text) && (span.bytes == 0 || !memcmp(span.data, text, span.bytes));
}

#endif

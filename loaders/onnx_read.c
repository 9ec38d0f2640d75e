/* onnx_read.c - the bytes of an ONNX file to structs, by nanopb's readers of tags and numbers and the table onnx_schema.def.
 * Promises: no text or weight is copied; work and memory are linear in the file. */
#include "loaders/onnx_proto.h"

#if TUFF_HAVE_ONNX
#include "backend/lookup.h"

#include <pb_decode.h>

#define TUFF_ONNX_MESSAGE(name) static const struct tuff_onnx_message message_##name;
#define TUFF_ONNX_FIELD(name, number, kind, member)
#define TUFF_ONNX_PART(name, number, kind, member, of)
#include "loaders/onnx_schema.def"

#define TUFF_ONNX_MESSAGE(name) static const struct tuff_onnx_field fields_##name[] = {
#define TUFF_ONNX_FIELD(name, number, kind, member)                                                                         \
    {number, TUFF_ONNX_KIND_##kind, offsetof(struct tuff_onnx_##name, member), NULL},
#define TUFF_ONNX_PART(name, number, kind, member, of)                                                                      \
    {number, TUFF_ONNX_KIND_##kind, offsetof(struct tuff_onnx_##name, member), &message_##of},
#define TUFF_ONNX_END(name)                                                                                                 \
    }                                                                                                                       \
    ;                                                                                                                       \
    static const struct tuff_onnx_message message_##name = {#name, sizeof(struct tuff_onnx_##name), fields_##name,          \
                                                            TUFF_COUNT(fields_##name)};
#include "loaders/onnx_schema.def"
const struct tuff_onnx_message *const tuff_onnx_messages = &message_model;

enum { DEEPEST = 64 };
struct reader {
    struct tuff_arena *arena;
    const uint8_t *at; /* the next byte of the file */
    uint32_t depth;
    const char *why; /* of a failure */
    bool no_memory;
};

static bool read_bytes(pb_istream_t *stream, pb_byte_t *to, size_t count)
{
    struct reader *r = stream->state;
    if (to) memcpy(to, r->at, count);
    r->at += count;
    return true;
}

static bool failed(struct reader *r, const char *why)
{
    if (!r->why) r->why = why;
    return false;
}

/* Room for one element more behind a list. */
static void *add(struct reader *r, void *list, size_t bytes)
{
    struct tuff_onnx_spans *l = list; /* all lists begin alike */
    if (!tuff_grow_arena(r->arena, &l->at, l->count, 1, bytes)) {
        r->no_memory = true;
        return NULL;
    }
    return (uint8_t *)l->at + l->count++ * bytes;
}

static bool take_span(pb_istream_t *stream, struct reader *r, struct tuff_span *span)
{
    *span = (struct tuff_span){r->at, stream->bytes_left};
    return pb_read(stream, NULL, stream->bytes_left);
}

static bool take_number(pb_istream_t *stream, struct reader *r, enum tuff_onnx_kind kind, void *to)
{
    (void)r;
    if (kind == TUFF_ONNX_KIND_F32S || kind == TUFF_ONNX_KIND_F32) return pb_decode_fixed32(stream, to);
    if (kind == TUFF_ONNX_KIND_F64S) return pb_decode_fixed64(stream, to);
    uint64_t number;
    if (!pb_decode_varint(stream, &number)) return false;
    memcpy(to, &number, sizeof number);
    return true;
}

static bool read_message(pb_istream_t *stream, struct reader *r, const struct tuff_onnx_message *message, void *to);

static bool read_part(pb_istream_t *stream, struct reader *r, const struct tuff_onnx_field *field, void *to)
{
    void **part = to;
    if (field->kind == TUFF_ONNX_KIND_PARTS) {
        void *added = add(r, to, field->of->bytes);
        return added && read_message(stream, r, field->of, added);
    }
    if (!*part && !(*part = tuff_arena_alloc(r->arena, field->of->bytes))) r->no_memory = true;
    return *part && read_message(stream, r, field->of, *part); /* of a part that comes again, the fields are merged */
}

/* What has a length: spans, parts, packed numbers. */
static bool read_delimited(pb_istream_t *stream, struct reader *r, const struct tuff_onnx_field *field, void *to)
{
    const size_t bytes = tuff_onnx_element_bytes(field);
    switch (field->kind) {
    case TUFF_ONNX_KIND_SPAN: return take_span(stream, r, to);
    case TUFF_ONNX_KIND_SPANS: {
        struct tuff_span *span = add(r, to, sizeof *span);
        return span && take_span(stream, r, span);
    }
    case TUFF_ONNX_KIND_PART:
    case TUFF_ONNX_KIND_PARTS: return read_part(stream, r, field, to);
    case TUFF_ONNX_KIND_I64S:
    case TUFF_ONNX_KIND_F32S:
    case TUFF_ONNX_KIND_F64S:
        while (stream->bytes_left) {
            void *number = add(r, to, bytes);
            if (!number || !take_number(stream, r, field->kind, number)) return false;
        }
        return true;
    default: return failed(r, "a number has the form of a text");
    }
}

static bool read_field(pb_istream_t *stream, struct reader *r, const struct tuff_onnx_field *field, pb_wire_type_t wire,
                       void *to)
{
    if (wire == PB_WT_STRING) {
        pb_istream_t inner;
        return pb_make_string_substream(stream, &inner) && read_delimited(&inner, r, field, to) &&
               pb_close_string_substream(stream, &inner);
    }
    bool list = field->kind == TUFF_ONNX_KIND_I64S || field->kind == TUFF_ONNX_KIND_F32S ||
                field->kind == TUFF_ONNX_KIND_F64S;
    pb_wire_type_t wanted = field->kind == TUFF_ONNX_KIND_F32 || field->kind == TUFF_ONNX_KIND_F32S ? PB_WT_32BIT
                            : field->kind == TUFF_ONNX_KIND_F64S                                    ? PB_WT_64BIT
                                                                                                    : PB_WT_VARINT;
    if (wire != wanted || (!list && field->kind != TUFF_ONNX_KIND_I64 && field->kind != TUFF_ONNX_KIND_F32))
        return failed(r, "a field has another form than ONNX's");
    void *number = list ? add(r, to, field->kind == TUFF_ONNX_KIND_F32S ? sizeof(float) : sizeof(int64_t)) : to;
    return number && take_number(stream, r, field->kind, number);
}

static bool read_message(pb_istream_t *stream, struct reader *r, const struct tuff_onnx_message *message, void *to)
{
    if (r->depth == DEEPEST) return failed(r, "it is nested deeper than 64 levels");
    r->depth++;
    for (;;) {
        pb_wire_type_t wire;
        uint32_t number, k = 0;
        bool end;
        if (!pb_decode_tag(stream, &wire, &number, &end)) {
            r->depth--;
            return end;
        }
        while (k < message->count && message->fields[k].number != number) k++;
        const struct tuff_onnx_field *field = &message->fields[k];
        if (k == message->count ? !pb_skip_field(stream, wire)
                                : !read_field(stream, r, field, wire, (uint8_t *)to + field->offset))
            return failed(r, message->name);
    }
}

static tuff_status parse(struct tuff_arena *arena, const struct tuff_source *source, const struct tuff_onnx_message *message,
                         void **to, struct tuff_error *error)
{
    struct reader r = {.arena = arena, .at = source->data};
    pb_istream_t stream = {.callback = read_bytes, .state = &r, .bytes_left = source->bytes};
    *to = tuff_arena_alloc(arena, message->bytes);
    if (*to && read_message(&stream, &r, message, *to)) return TUFF_OK;
    if (!*to || r.no_memory) return tuff_fail_memory(arena->context, error);
    return tuff_fail(arena->context, error, TUFF_ERR_FORMAT, "%s: is no ONNX file, or damaged at byte %zu (%s%s%s)",
                     source->name, (size_t)(r.at - source->data), r.why ? r.why : message->name, stream.errmsg ? ": " : "",
                     stream.errmsg ? stream.errmsg : "");
}

tuff_status tuff_onnx_parse(struct tuff_arena *arena, const struct tuff_source *source, struct tuff_onnx_model **model,
                            struct tuff_error *error)
{
    void *to;
    TUFF_TRY(parse(arena, source, &message_model, &to, error));
    *model = to;
    if ((*model)->graph && (*model)->opsets.count) return TUFF_OK;
    return tuff_fail(arena->context, error, TUFF_ERR_FORMAT, "%s: is no ONNX model: it has no %s", source->name,
                     (*model)->graph ? "version of its operators (opset)" : "graph");
}

tuff_status tuff_onnx_parse_tensor(struct tuff_arena *arena, const struct tuff_source *source,
                                   struct tuff_onnx_tensor **tensor, struct tuff_error *error)
{
    void *to;
    TUFF_TRY(parse(arena, source, &message_tensor, &to, error));
    *tensor = to;
    return TUFF_OK;
}

#else /* without nanopb */

static tuff_status missing(struct tuff_arena *arena, const struct tuff_source *source, struct tuff_error *error)
{
    return tuff_fail(arena->context, error, TUFF_ERR_UNSUPPORTED,
                     "%s: this build reads no ONNX: it was made without nanopb (TUFF_ONNX)", source->name);
}

tuff_status tuff_onnx_parse(struct tuff_arena *arena, const struct tuff_source *source, struct tuff_onnx_model **model,
                            struct tuff_error *error)
{
    (void)model;
    return missing(arena, source, error);
}

tuff_status tuff_onnx_parse_tensor(struct tuff_arena *arena, const struct tuff_source *source,
                                   struct tuff_onnx_tensor **tensor, struct tuff_error *error)
{
    (void)tensor;
    return missing(arena, source, error);
}
#endif

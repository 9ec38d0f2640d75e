/* onnx_read.c - the bytes of an ONNX file to structs, by nanopb's readers of tags and numbers and the table onnx_schema.def.
 * Promises: no text or weight is copied; work and memory are linear in the file. */
#include "loaders/onnx_proto.h"

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

#if TUFF_HAVE_ONNX
#include <pb_decode.h>

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

static bool read_message(pb_istream_t *stream, struct reader *r, const struct tuff_onnx_message *message, void *to);

/* One element; what has a length is all of the stream. */
static bool read_one(pb_istream_t *stream, struct reader *r, const struct tuff_onnx_field *field, void *to)
{
    const bool list = tuff_onnx_is_list(field);
    void *at = list ? add(r, to, tuff_onnx_element_bytes(field)) : to, **part = to;
    if (!at) return false;
    switch (tuff_onnx_element_kind(field)) {
    case TUFF_ONNX_KIND_I64: return pb_decode_varint(stream, at);
    case TUFF_ONNX_KIND_F32: return pb_decode_fixed32(stream, at);
    case TUFF_ONNX_KIND_F64: return pb_decode_fixed64(stream, at);
    case TUFF_ONNX_KIND_SPAN:
        *(struct tuff_span *)at = (struct tuff_span){r->at, stream->bytes_left};
        return pb_read(stream, NULL, stream->bytes_left);
    default: break;
    }
    if (!list && !*part && !(*part = tuff_arena_alloc(r->arena, field->of->bytes))) r->no_memory = true;
    at = list ? at : *part;
    return at && read_message(stream, r, field->of, at); /* of a part that comes again, the fields are merged */
}

static bool read_field(pb_istream_t *stream, struct reader *r, const struct tuff_onnx_field *field, pb_wire_type_t wire,
                       void *to)
{
    static const pb_wire_type_t wires[] = {PB_WT_VARINT, PB_WT_32BIT, PB_WT_64BIT, PB_WT_STRING, PB_WT_STRING};
    const pb_wire_type_t own = wires[tuff_onnx_element_kind(field)];
    const bool delimited = wire == PB_WT_STRING, packed = delimited && own != wire;
    pb_istream_t inner;
    if (packed && !tuff_onnx_is_list(field)) return failed(r, "a number has the form of a text");
    if (wire != own && !packed) return failed(r, "a field has another form than ONNX's");
    if (!delimited) return read_one(stream, r, field, to);
    if (!pb_make_string_substream(stream, &inner)) return false;
    if (!packed && !read_one(&inner, r, field, to)) return false;
    while (packed && inner.bytes_left)
        if (!read_one(&inner, r, field, to)) return false;
    return pb_close_string_substream(stream, &inner);
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

#else /* without nanopb */

static tuff_status parse(struct tuff_arena *arena, const struct tuff_source *source, const struct tuff_onnx_message *message,
                         void **to, struct tuff_error *error)
{
    (void)message, (void)to;
    return tuff_fail(arena->context, error, TUFF_ERR_UNSUPPORTED,
                     "%s: this build reads no ONNX: it was made without nanopb (TUFF_ONNX)", source->name);
}
#endif

tuff_status tuff_onnx_parse(struct tuff_arena *arena, const struct tuff_source *source, struct tuff_onnx_model **model,
                            struct tuff_error *error)
{
    void *to = NULL;
    TUFF_TRY(parse(arena, source, &message_model, &to, error));
    *model = to;
    if ((*model)->graph && (*model)->opsets.count) return TUFF_OK;
    return tuff_fail(arena->context, error, TUFF_ERR_FORMAT, "%s: is no ONNX model: it has no %s", source->name,
                     (*model)->graph ? "version of its operators (opset)" : "graph");
}

tuff_status tuff_onnx_parse_tensor(struct tuff_arena *arena, const struct tuff_source *source,
                                   struct tuff_onnx_tensor **tensor, struct tuff_error *error)
{
    void *to = NULL;
    TUFF_TRY(parse(arena, source, &message_tensor, &to, error));
    *tensor = to;
    return TUFF_OK;
}

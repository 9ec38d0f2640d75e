/* onnx_encode.c - structs to the bytes of an ONNX file, by nanopb's writers of tags and numbers and the table onnx_schema.def. */
#include "loaders/onnx_proto.h"

#if TUFF_HAVE_ONNX
#include <pb_encode.h>

struct encoder {
    uint8_t *bytes;
    size_t count;
    size_t *holes;
    uint32_t hole_count;
};

static bool put(pb_ostream_t *stream, const pb_byte_t *bytes, size_t count)
{
    struct encoder *e = stream->state;
    memcpy(e->bytes + e->count, bytes, count);
    e->count += count;
    return true;
}

static bool write_message(pb_ostream_t *stream, const struct tuff_onnx_message *message, const void *from);

/* A stream without a callback counts alone. */
static bool write_span(pb_ostream_t *stream, const struct tuff_span *span)
{
    struct encoder *e = stream->state;
    if (span->data || !span->bytes) return pb_encode_string(stream, span->bytes ? span->data : (void *)"", span->bytes);
    if (!pb_encode_varint(stream, span->bytes)) return false;
    if (!stream->callback) return pb_write(stream, NULL, span->bytes);
    e->holes[e->hole_count++] = e->count;
    return true;
}

static bool write_part(pb_ostream_t *stream, const struct tuff_onnx_message *of, const void *part)
{
    pb_ostream_t size = PB_OSTREAM_SIZING;
    if (!write_message(&size, of, part) || !pb_encode_varint(stream, size.bytes_written)) return false;
    return stream->callback ? write_message(stream, of, part) : pb_write(stream, NULL, size.bytes_written);
}

static bool write_one(pb_ostream_t *stream, const struct tuff_onnx_field *field, const void *one)
{
    switch (tuff_onnx_element_kind(field)) {
    case TUFF_ONNX_KIND_I64:
        return pb_encode_tag(stream, PB_WT_VARINT, field->number) &&
               pb_encode_varint(stream, (uint64_t) * (const int64_t *)one);
    case TUFF_ONNX_KIND_F32: return pb_encode_tag(stream, PB_WT_32BIT, field->number) && pb_encode_fixed32(stream, one);
    case TUFF_ONNX_KIND_F64: return pb_encode_tag(stream, PB_WT_64BIT, field->number) && pb_encode_fixed64(stream, one);
    case TUFF_ONNX_KIND_SPAN: return pb_encode_tag(stream, PB_WT_STRING, field->number) && write_span(stream, one);
    default: return pb_encode_tag(stream, PB_WT_STRING, field->number) && write_part(stream, field->of, one);
    }
}

/* Zeros and empty texts outside of lists are what a field that is missing stands for. */
static bool is_there(const struct tuff_onnx_field *field, const void *at)
{
    if (field->kind == TUFF_ONNX_KIND_I64) return *(const int64_t *)at != 0;
    if (field->kind == TUFF_ONNX_KIND_F32) return *(const uint32_t *)at != 0;
    return field->kind == TUFF_ONNX_KIND_SPAN ? ((const struct tuff_span *)at)->bytes != 0 : *(void *const *)at != NULL;
}

static bool write_message(pb_ostream_t *stream, const struct tuff_onnx_message *message, const void *from)
{
    for (uint32_t k = 0; k < message->count; k++) {
        const struct tuff_onnx_field *field = &message->fields[k];
        const void *at = (const uint8_t *)from + field->offset;
        const struct tuff_onnx_spans *list = at; /* all lists begin alike */
        const bool many = tuff_onnx_is_list(field);
        if (!many && is_there(field, at) &&
            !write_one(stream, field, field->kind == TUFF_ONNX_KIND_PART ? *(void *const *)at : at))
            return false;
        for (uint32_t i = 0; many && i < list->count; i++)
            if (!write_one(stream, field, (const uint8_t *)list->at + i * tuff_onnx_element_bytes(field))) return false;
    }
    return true;
}

tuff_status tuff_onnx_encode(struct tuff_arena *arena, const struct tuff_onnx_model *model, struct tuff_span *bytes,
                             size_t *holes, struct tuff_error *error)
{
    pb_ostream_t size = PB_OSTREAM_SIZING;
    struct encoder e = {.holes = holes};
    uint64_t missing = 0;
    for (uint32_t i = 0; i < model->graph->initializers.count; i++)
        missing += model->graph->initializers.at[i].raw.data ? 0 : model->graph->initializers.at[i].raw.bytes;
    if (write_message(&size, tuff_onnx_messages, model))
        e.bytes = tuff_arena_alloc(arena, size.bytes_written - (size_t)missing + 1);
    pb_ostream_t stream = {.callback = put, .state = &e, .max_size = SIZE_MAX};
    if (!e.bytes || !write_message(&stream, tuff_onnx_messages, model)) return tuff_fail_memory(arena->context, error);
    *bytes = (struct tuff_span){e.bytes, e.count};
    return TUFF_OK;
}

#else /* without nanopb */

tuff_status tuff_onnx_encode(struct tuff_arena *arena, const struct tuff_onnx_model *model, struct tuff_span *bytes,
                             size_t *holes, struct tuff_error *error)
{
    (void)model, (void)bytes, (void)holes;
    return tuff_fail(arena->context, error, TUFF_ERR_UNSUPPORTED,
                     "this build writes no ONNX: it was made without nanopb (TUFF_ONNX)");
}
#endif

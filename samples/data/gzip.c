/* gzip.c - decompresses gzip files (RFC 1952) whole, by zlib's raw inflate.
 *
 * The header is read here and not by zlib, so that every bit with a meaning is checked. Promises: at most limit bytes of
 * output, the stream ends where the file ends, CRC-32 and length of every member are right. */
#include "backend/core.h"
#include "samples/data/idx.h"

#if TUFF_HAVE_ZLIB
#include <limits.h>
#include <zlib.h>

enum { FLAG_TEXT = 1, FLAG_CRC = 2, FLAG_EXTRA = 4, FLAG_NAME = 8, FLAG_COMMENT = 16, FLAG_RESERVED = 0xe0 };
enum { HEADER_BYTES = 10, TRAILER_BYTES = 8 };

struct job {
    struct tuff_context *context;
    const struct tuff_source *source;
    struct tuff_error *error;
    size_t at; /* next byte of the source */
    size_t limit;
    bool by_file; /* the limit follows from the file's size */
    uint8_t *out; /* [owned] */
    size_t length, capacity;
};

static tuff_status bad(struct job *job, const char *why)
{
    return tuff_fail(job->context, job->error, TUFF_ERR_FORMAT, "%s: damaged gzip file: %s", job->source->name, why);
}

static tuff_status skip_text(struct job *job)
{
    const uint8_t *from = job->source->data + job->at;
    const uint8_t *end = memchr(from, 0, job->source->bytes - job->at);
    if (!end) return bad(job, "its header is cut off");
    job->at += (size_t)(end - from) + 1;
    return TUFF_OK;
}

static tuff_status skip_extra(struct job *job)
{
    const uint8_t *data = job->source->data;
    size_t left = job->source->bytes - job->at;
    if (left < 2) return bad(job, "its header is cut off");
    size_t bytes = (size_t)tuff_little(data + job->at, 2);
    if (left - 2 < bytes) return bad(job, "its header is cut off");
    job->at += 2 + bytes;
    return TUFF_OK;
}

static tuff_status read_header(struct job *job)
{
    const uint8_t *head = job->source->data + job->at;
    if (job->source->bytes - job->at < HEADER_BYTES) return bad(job, "its header is cut off");
    if (!tuff_gzip_is(head, HEADER_BYTES)) return bad(job, "something else follows the compressed data");
    uint8_t flags = head[3], hint = head[8], system = head[9];
    if (head[2] != Z_DEFLATED) return bad(job, "its compression method is unknown");
    if (flags & FLAG_RESERVED) return bad(job, "it sets reserved flags");
    if (flags & FLAG_TEXT) return bad(job, "it claims to hold text");
    if (hint != 0 && hint != 2 && hint != 4) return bad(job, "its compression hint is unknown");
    if (system > 13 && system != 255) return bad(job, "its system is unknown");
    size_t start = job->at;
    job->at += HEADER_BYTES;
    if (flags & FLAG_EXTRA) TUFF_TRY(skip_extra(job));
    if (flags & FLAG_NAME) TUFF_TRY(skip_text(job));
    if (flags & FLAG_COMMENT) TUFF_TRY(skip_text(job));
    if (!(flags & FLAG_CRC)) return TUFF_OK;
    if (job->source->bytes - job->at < 2) return bad(job, "its header is cut off");
    uint32_t crc = tuff_crc32(0, head, job->at - start) & 0xffff;
    if (crc != tuff_little(job->source->data + job->at, 2)) return bad(job, "the checksum of its header is wrong");
    job->at += 2;
    return TUFF_OK;
}

/* Makes room for more output. One byte past the limit tells "exactly the limit" from "more". */
static tuff_status grow(struct job *job)
{
    if (job->length > job->limit)
        return tuff_fail(job->context, job->error, TUFF_ERR_FORMAT, "%s: decompresses to more than the limit of %zu bytes%s",
                         job->source->name, job->limit,
                         job->by_file ? " (256 MiB, or 100 times the file); decompressed by gunzip it can be read" : "");
    size_t most = job->limit + 1;
    size_t wanted = job->capacity > most / 2 ? most : job->capacity * 2;
    uint8_t *out = tuff_realloc(job->context, job->out, wanted);
    if (!out) return tuff_fail_memory(job->context, job->error);
    job->out = out;
    job->capacity = wanted;
    return TUFF_OK;
}

/* Z_BLOCK stops behind every block. data_type then says (zlib.h, inflate): 64 in the last block, 128 behind the end of a
 * block, and below 8 how many upper bits of the last byte belong to no block. They are zero in what compressors write, and
 * no checksum covers them. */
static bool loose_bits(const z_stream *stream)
{
    int unused = stream->data_type & 7;
    return (stream->data_type & 192) == 192 && unused && stream->next_in[-1] >> (8 - unused) != 0;
}

static tuff_status inflate_member(struct job *job, z_stream *stream)
{
    size_t start = job->at, left = job->source->bytes - job->at;
    int code = Z_OK;
    for (size_t used = 0; code != Z_STREAM_END;) {
        if (job->length == job->capacity) TUFF_TRY(grow(job));
        size_t in = left - used, room = job->capacity - job->length;
        stream->next_in = (z_const Bytef *)job->source->data + start + used;
        stream->avail_in = in > INT_MAX ? INT_MAX : (uInt)in;
        stream->next_out = job->out + job->length;
        stream->avail_out = room > INT_MAX ? INT_MAX : (uInt)room;
        code = inflate(stream, Z_BLOCK);
        used = (size_t)(stream->next_in - (job->source->data + start));
        job->length = (size_t)(stream->next_out - job->out);
        if (code == Z_MEM_ERROR) return tuff_fail_memory(job->context, job->error);
        if (code == Z_BUF_ERROR && used == left) return bad(job, "it is cut off");
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return bad(job, stream->msg ? stream->msg : "its data is invalid");
        if (code == Z_OK && used && loose_bits(stream)) return bad(job, "bits behind its data are set");
        job->at = start + used;
    }
    return TUFF_OK;
}

static tuff_status check_trailer(struct job *job, size_t from)
{
    const uint8_t *trailer = job->source->data + job->at;
    if (job->source->bytes - job->at < TRAILER_BYTES) return bad(job, "it is cut off");
    size_t length = job->length - from;
    if (tuff_little(trailer, 4) != (uint32_t)crc32_z(0, job->out + from, length)) return bad(job, "its checksum is wrong");
    if (tuff_little(trailer + 4, 4) != (uint32_t)length) return bad(job, "its length is wrong");
    job->at += TRAILER_BYTES;
    return TUFF_OK;
}

static void *zlib_allocate(void *context, uInt items, uInt size) { return tuff_alloc(context, (size_t)items * size); }
static void zlib_release(void *context, void *memory) { tuff_free(context, memory); }

static tuff_status inflate_all(struct job *job)
{
    z_stream stream = {.zalloc = zlib_allocate, .zfree = zlib_release, .opaque = job->context};
    int code = inflateInit2(&stream, -MAX_WBITS); /* negative: raw deflate */
    if (code == Z_MEM_ERROR) return tuff_fail_memory(job->context, job->error);
    if (code != Z_OK)
        return tuff_fail(job->context, job->error, TUFF_ERR_UNSUPPORTED, "zlib %s does not fit this build", zlibVersion());
    tuff_status status = TUFF_OK;
    do {
        size_t from = job->length;
        status = read_header(job);
        if (status == TUFF_OK) status = inflate_member(job, &stream);
        if (status == TUFF_OK) status = check_trailer(job, from);
        if (inflateReset(&stream) != Z_OK && status == TUFF_OK) status = bad(job, "its data is invalid");
    } while (status == TUFF_OK && job->at < job->source->bytes);
    inflateEnd(&stream);
    if (status == TUFF_OK && job->length > job->limit) status = grow(job); /* gives the sentence */
    return status;
}

/* The last four bytes tell the length of a file with one member; they are believed only where deflate can reach it
 * (1032 : 1 at best). A wrong guess costs time, nothing else. */
static size_t first_capacity(const struct tuff_source *source, size_t limit)
{
    size_t guess = source->bytes < 4 ? 0 : (size_t)tuff_little(source->data + source->bytes - 4, 4);
    if (guess / 1032 > source->bytes) guess = 0;
    if (guess > limit) guess = limit;
    return guess + 1 < 4096 ? 4096 : guess + 1;
}

/* Data sets of pictures shrink by 2 to 20, deflate by 1032 at best: a file of 5 MB that becomes 5 GB is an attack, or empty. */
static size_t limit_of(size_t bytes)
{
    enum { RATIO = 100 };
    const uint64_t least = (uint64_t)256 << 20, most = (uint64_t)1 << 32;
    uint64_t limit = bytes > most / RATIO ? most : (uint64_t)bytes * RATIO;
    if (limit < least) limit = least;
    return limit > SIZE_MAX / 4 ? SIZE_MAX / 4 : (size_t)limit;
}

tuff_status tuff_gzip_inflate(struct tuff_context *context, const struct tuff_source *source, size_t limit, void **data,
                              size_t *bytes, struct tuff_error *error)
{
    struct job job = {.context = context, .source = source, .error = error, .limit = limit, .by_file = limit == 0};
    if (job.by_file) job.limit = limit = limit_of(source->bytes);
    job.capacity = first_capacity(source, limit);
    job.out = tuff_alloc(context, job.capacity);
    if (!job.out) return tuff_fail_memory(context, error);
    tuff_status status = inflate_all(&job);
    if (status != TUFF_OK) {
        tuff_free(context, job.out);
        return status;
    }
    *data = job.out;
    *bytes = job.length;
    return TUFF_OK;
}

#else

tuff_status tuff_gzip_inflate(struct tuff_context *context, const struct tuff_source *source, size_t limit, void **data,
                              size_t *bytes, struct tuff_error *error)
{
    (void)limit, (void)data, (void)bytes;
    return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED,
                     "%s: compressed by gzip, but this Tuff is built without zlib (option TUFF_ZLIB)", source->name);
}

#endif

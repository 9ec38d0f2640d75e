/* picture_png.c - PNG in and out, by libpng.
 *
 * libpng leaves by longjmp: every function that calls it works on a struct job that outlives the jump, and the function
 * with setjmp has no local of its own that changes. Memory of libpng and zlib is the context's allocator. */
#include "samples/data/picture.h"

#if TUFF_HAVE_PNG
#include <png.h>

struct job {
    struct tuff_context *context;
    png_structp png;
    png_infop info;
    struct tuff_decoding *decoding;     /* read */
    size_t at;                          /* next byte of its source */
    struct tuff_text *out;              /* written to */
    const struct tuff_picture *picture; /* written */
    bool no_memory;
    tuff_status status; /* of a failure that has its sentence */
    char message[160];
};

static void on_error(png_structp png, png_const_charp message)
{
    struct job *job = png_get_error_ptr(png);
    size_t length = strlen(message);
    if (length > sizeof job->message - 1) length = sizeof job->message - 1;
    memcpy(job->message, message, length);
    job->message[length] = 0;
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    struct job *job = png_get_error_ptr(png);
    tuff_log_message(job->context, TUFF_LOG_DEBUG, "%s: %s", job->decoding ? job->decoding->source->name : "png", message);
}

static png_voidp png_allocate(png_structp png, png_alloc_size_t bytes)
{
    struct job *job = png_get_mem_ptr(png);
    void *memory = tuff_alloc(job->context, bytes);
    if (!memory) job->no_memory = true;
    return memory;
}

static void png_release(png_structp png, png_voidp memory)
{
    struct job *job = png_get_mem_ptr(png);
    tuff_free(job->context, memory);
}

static void read_bytes(png_structp png, png_bytep to, size_t bytes)
{
    struct job *job = png_get_io_ptr(png);
    const struct tuff_source *source = job->decoding->source;
    if (source->bytes - job->at < bytes) png_error(png, "it is cut off");
    memcpy(to, source->data + job->at, bytes);
    job->at += bytes;
}

/* Everything to 8 bits and 1..4 channels; palette and tRNS colours expanded. Returns the channels. */
static uint32_t set_conversions(struct job *job, uint32_t width)
{
    png_structp png = job->png;
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, job->info);
    uint32_t channels = png_get_channels(png, job->info);
    if (channels < 1 || channels > 4 || png_get_rowbytes(png, job->info) != (size_t)width * channels)
        png_error(png, "its kind of pixels is unknown");
    return channels;
}

/* Deflate shrinks 1032 : 1 at best, so a picture cannot need more than that: checked before its memory is taken. */
static void check_plausible(struct job *job, uint32_t height)
{
    uint64_t stored = (uint64_t)png_get_rowbytes(job->png, job->info) * height;
    if (stored / 1032 > job->decoding->source->bytes) png_error(job->png, "it is too short for its size");
}

static void need(struct job *job, tuff_status status)
{
    job->status = status;
    if (status != TUFF_OK) png_error(job->png, "it cannot be held");
}

static void read_all(struct job *job)
{
    png_structp png = job->png;
    png_set_read_fn(png, job, read_bytes);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_user_limits(png, TUFF_PICTURE_SIDE, TUFF_PICTURE_SIDE);
    png_set_chunk_malloc_max(png, 1 << 24); /* texts and profiles: 16 MiB */
    png_read_info(png, job->info);
    uint32_t width = png_get_image_width(png, job->info), height = png_get_image_height(png, job->info);
    need(job, tuff_picture_check_size(job->decoding, width, height, 1));
    check_plausible(job, height);
    need(job, tuff_picture_make(job->decoding, width, height, set_conversions(job, width)));
    const struct tuff_picture *picture = &job->decoding->picture;
    size_t stride = (size_t)width * picture->channels;
    int passes = png_get_interlace_type(png, job->info) == PNG_INTERLACE_ADAM7 ? 7 : 1;
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < height; y++) png_read_row(png, picture->pixels + y * stride, NULL);
    png_read_end(png, NULL);
}

static bool try_read(struct job *job)
{
    job->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, job, on_error, on_warning, job, png_allocate, png_release);
    if (!job->png) return false;
    if (setjmp(png_jmpbuf(job->png))) return false;
    job->info = png_create_info_struct(job->png);
    if (!job->info) return false;
    read_all(job);
    return true;
}

/* libpng was linked in another version than compiled against, or had no memory for its first struct. */
static tuff_status no_struct(struct job *job, struct tuff_error *error)
{
    if (job->no_memory) return tuff_fail_memory(job->context, error);
    return tuff_fail(job->context, error, TUFF_ERR_UNSUPPORTED, "libpng %s does not fit this build",
                     png_get_libpng_ver(NULL));
}

tuff_status tuff_png_decode(struct tuff_decoding *d)
{
    struct job job = {.context = d->context, .decoding = d};
    bool good = try_read(&job);
    tuff_status status = job.status;
    if (status == TUFF_OK && job.no_memory)
        status = tuff_fail_memory(d->context, d->error);
    else if (status == TUFF_OK && !job.png)
        status = no_struct(&job, d->error);
    else if (status == TUFF_OK && !good)
        status = tuff_picture_damaged(d, "PNG", job.message);
    png_destroy_read_struct(&job.png, &job.info, NULL);
    if (status != TUFF_OK) tuff_picture_finish(d->context, &d->picture);
    return status;
}

static void write_bytes(png_structp png, png_bytep from, size_t bytes)
{
    struct job *job = png_get_io_ptr(png);
    tuff_text_append(job->out, from, bytes);
    job->no_memory = job->out->failed;
    if (job->no_memory) png_error(png, "out of memory");
}

static void flush_bytes(png_structp png) { (void)png; }

static bool try_write(struct job *job)
{
    static const int kinds[] = {[1] = PNG_COLOR_TYPE_GRAY, [3] = PNG_COLOR_TYPE_RGB, [4] = PNG_COLOR_TYPE_RGB_ALPHA};
    const struct tuff_picture *picture = job->picture;
    job->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, job, on_error, on_warning, job, png_allocate, png_release);
    if (!job->png) return false;
    if (setjmp(png_jmpbuf(job->png))) return false;
    job->info = png_create_info_struct(job->png);
    if (!job->info) return false;
    png_set_write_fn(job->png, job, write_bytes, flush_bytes);
    png_set_IHDR(job->png, job->info, picture->width, picture->height, 8, kinds[picture->channels], PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(job->png, job->info);
    for (uint32_t y = 0; y < picture->height; y++)
        png_write_row(job->png, picture->pixels + (size_t)y * picture->width * picture->channels);
    png_write_end(job->png, NULL);
    return true;
}

tuff_status tuff_png_encode(struct tuff_context *context, const struct tuff_picture *picture, struct tuff_text *out,
                            struct tuff_error *error)
{
    struct job job = {.context = context, .picture = picture, .out = out};
    bool good = try_write(&job);
    tuff_status status = TUFF_OK;
    if (job.no_memory)
        status = tuff_fail_memory(context, error);
    else if (!job.png)
        status = no_struct(&job, error);
    else if (!good)
        status = tuff_fail(context, error, TUFF_ERR_USAGE, "cannot write a PNG file: %s", job.message);
    png_destroy_write_struct(&job.png, &job.info);
    return status;
}

#else

tuff_status tuff_png_encode(struct tuff_context *context, const struct tuff_picture *picture, struct tuff_text *out,
                            struct tuff_error *error)
{
    (void)picture, (void)out;
    return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED,
                     "cannot write PNG: this Tuff is built without libpng (option TUFF_PNG)");
}

#endif

/* picture_jpeg.c - JPEG in, by libjpeg-turbo.
 *
 * libjpeg leaves by longjmp: everything lives in a struct job that outlives the jump. Its warnings mean damaged data (cut
 * off, bad codes), of which it makes the most, as its own tools do: they are counted. libjpeg's own memory does not come from the
 * context's allocator. */
#include "samples/data/picture.h"

#if TUFF_HAVE_JPEG
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

/* A progressive picture has at most a few scans per coefficient and component; more of them is an attack on time. */
#define SCANS_MAX 500

struct job {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    struct tuff_decoding *decoding; /* [borrowed] */
    tuff_status status;
};

static void on_error(j_common_ptr jpeg)
{
    struct job *job = jpeg->client_data;
    struct tuff_decoding *d = job->decoding;
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    switch (jpeg->err->msg_code) {
    case JERR_OUT_OF_MEMORY: job->status = tuff_fail_memory(d->context, d->error); break;
    case JERR_BAD_PRECISION:
    case JERR_ARITH_NOTIMPL:
    case JERR_SOF_UNSUPPORTED:
        job->status = tuff_fail(d->context, d->error, TUFF_ERR_UNSUPPORTED, "%s: this kind of JPEG cannot be read: %s",
                                d->source->name, message);
        break;
    default: job->status = tuff_picture_damaged(d, "JPEG", message);
    }
    longjmp(job->jump, 1);
}

static void on_message(j_common_ptr jpeg, int level)
{
    struct job *job = jpeg->client_data;
    struct tuff_picture_damage *damage = &job->decoding->damage;
    char message[JMSG_LENGTH_MAX];
    if (level >= 0 || damage->warnings++) return; /* traces; only the first is told */
    jpeg->err->format_message(jpeg, message);
    tuff_printable(message, damage->first, sizeof damage->first);
}

static void on_output(j_common_ptr jpeg) { (void)jpeg; }

static void fail(struct job *job, tuff_status status)
{
    job->status = status;
    longjmp(job->jump, 1);
}

static void on_progress(j_common_ptr jpeg)
{
    struct job *job = jpeg->client_data;
    if (job->jpeg.input_scan_number > SCANS_MAX)
        fail(job, tuff_fail(job->decoding->context, job->decoding->error, TUFF_ERR_FORMAT,
                            "%s: JPEG file with more than %d scans", job->decoding->source->name, SCANS_MAX));
}

static void read_head(struct job *job)
{
    struct jpeg_decompress_struct *jpeg = &job->jpeg;
    struct tuff_decoding *d = job->decoding;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &job->progress;
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_mem_src(jpeg, d->source->data, (unsigned long)d->source->bytes);
    jpeg_read_header(jpeg, TRUE);
    tuff_status status = tuff_picture_check_size(d, jpeg->image_width, jpeg->image_height, (uint32_t)jpeg->num_components);
    if (status != TUFF_OK) fail(job, status);
    if (jpeg->data_precision != 8)
        fail(job, tuff_fail(d->context, d->error, TUFF_ERR_UNSUPPORTED, "%s: JPEG with %d bits a sample; 8 can be read",
                            d->source->name, jpeg->data_precision));
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m && d->orientation == 1; m = m->next)
        d->orientation = tuff_exif_orientation(m->data, m->data_length);
}

/* Returns how many channels the picture has. */
static uint32_t choose_colours(struct job *job)
{
    struct jpeg_decompress_struct *jpeg = &job->jpeg;
    uint32_t channels = jpeg->num_components == 1 ? 1 : 3;
    if (jpeg->num_components == 4)
        jpeg->out_color_space = JCS_CMYK; /* of which cmyk_row makes RGB */
    else
        jpeg->out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW; /* the exact integer transform: the same result on every machine */
    return channels;
}

/* Adobe stores 255 - ink. */
static void cmyk_row(const uint8_t *cmyk, bool inverted, uint8_t *rgb, uint32_t width)
{
    uint8_t flip = inverted ? 0 : 255;
    for (uint32_t x = 0; x < width; x++, cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)(((cmyk[c] ^ flip) * (cmyk[3] ^ flip) + 127) / 255);
}

static void read_rows(struct job *job)
{
    struct jpeg_decompress_struct *jpeg = &job->jpeg;
    struct tuff_picture *picture = &job->decoding->picture;
    size_t stride = (size_t)picture->width * picture->channels;
    JSAMPARRAY cmyk = NULL;
    if (jpeg->out_color_space == JCS_CMYK)
        cmyk = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, jpeg->output_width * 4, 1);
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *to = picture->pixels + jpeg->output_scanline * stride;
        JSAMPROW row = cmyk ? cmyk[0] : to;
        jpeg_read_scanlines(jpeg, &row, 1);
        if (cmyk) cmyk_row(row, jpeg->saw_Adobe_marker, to, jpeg->output_width);
    }
}

static void try_read(struct job *job)
{
    if (setjmp(job->jump)) return;
    read_head(job);
    uint32_t channels = choose_colours(job);
    jpeg_start_decompress(&job->jpeg);
    tuff_status status = tuff_picture_make(job->decoding, job->jpeg.output_width, job->jpeg.output_height, channels);
    if (status != TUFF_OK) fail(job, status);
    read_rows(job);
    jpeg_finish_decompress(&job->jpeg);
}

tuff_status tuff_jpeg_decode(struct tuff_decoding *d)
{
    struct job *job = tuff_alloc(d->context, sizeof *job);
    if (!job) return tuff_fail_memory(d->context, d->error);
    job->decoding = d;
    job->jpeg.err = jpeg_std_error(&job->errors);
    job->jpeg.client_data = job;
    job->errors.error_exit = on_error;
    job->errors.emit_message = on_message;
    job->errors.output_message = on_output;
    job->progress.progress_monitor = on_progress;
    try_read(job);
    tuff_status status = job->status;
    if (status != TUFF_OK) tuff_picture_finish(d->context, &d->picture);
    jpeg_destroy_decompress(&job->jpeg);
    tuff_free(d->context, job);
    return status;
}

#endif

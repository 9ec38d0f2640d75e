/* picture_webp.c - WebP in, by libwebp: lossy and lossless, with and without alpha. libwebp's own memory does not come from the
 * context's allocator. */
#include "samples/data/picture.h"

#if TUFF_HAVE_WEBP
#include <webp/decode.h>

static tuff_status fail(const struct tuff_decoding *d, VP8StatusCode code)
{
    switch (code) {
    case VP8_STATUS_OK: return TUFF_OK;
    case VP8_STATUS_OUT_OF_MEMORY: return tuff_fail_memory(d->context, d->error);
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return tuff_fail(d->context, d->error, TUFF_ERR_UNSUPPORTED, "%s: this kind of WebP cannot be read",
                         d->source->name);
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA: return tuff_picture_damaged(d, "WebP", "it is cut off");
    case VP8_STATUS_INVALID_PARAM:
    case VP8_STATUS_BITSTREAM_ERROR:
    case VP8_STATUS_USER_ABORT: break;
    }
    return tuff_picture_damaged(d, "WebP", "its data is invalid");
}

tuff_status tuff_webp_decode(struct tuff_decoding *d)
{
    const struct tuff_source *source = d->source;
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return tuff_fail(d->context, d->error, TUFF_ERR_UNSUPPORTED, "libwebp does not fit this build");
    TUFF_TRY(fail(d, WebPGetFeatures(source->data, source->bytes, &config.input)));
    if (config.input.has_animation)
        return tuff_fail(d->context, d->error, TUFF_ERR_UNSUPPORTED, "%s: an animated WebP; still pictures can be read",
                         source->name);
    uint32_t channels = config.input.has_alpha ? 4 : 3;
    TUFF_TRY(tuff_picture_make(d, (uint64_t)config.input.width, (uint64_t)config.input.height, channels));
    size_t stride = (size_t)d->picture.width * channels;
    config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = d->picture.pixels;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = stride * d->picture.height;
    tuff_status status = fail(d, WebPDecode(source->data, source->bytes, &config));
    WebPFreeDecBuffer(&config.output);
    if (status != TUFF_OK) tuff_picture_finish(d->context, &d->picture);
    return status;
}

#endif

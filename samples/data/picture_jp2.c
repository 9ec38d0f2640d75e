/* picture_jp2.c - JPEG 2000 in, by OpenJPEG: JP2 files and bare codestreams, 1 to 4 components of up to 16 bits. OpenJPEG takes memory for
 * each tile and component that a header names, so that the sizes are read and checked here before it sees them. Its memory does not
 * come from the context's allocator. */
#include "samples/data/picture.h"

#if TUFF_HAVE_JP2
#include <openjpeg.h>

enum { STREAM_BYTES = 1 << 16, COMPONENTS_MAX = 4, TILE_BYTES = 14 /* the least of a tile: SOT and SOD */ };

/* ---- sizes before the library ---------------------------------------------------------------------------------------------------- */

static uint32_t big(const uint8_t *at, unsigned bytes)
{
    uint32_t value = 0;
    while (bytes-- > 0) value = value << 8 | *at++;
    return value;
}

static uint32_t tiles_of(uint32_t end, uint32_t from, uint32_t size)
{
    return (uint32_t)(((uint64_t)end - from + size - 1) / size);
}

static tuff_status unsupported(const struct tuff_decoding *d, const char *what)
{
    return tuff_fail(d->context, d->error, TUFF_ERR_UNSUPPORTED, "%s: JPEG 2000 with %s cannot be read", d->source->name,
                     what);
}

static tuff_status damaged(const struct tuff_decoding *d, const char *why)
{
    return tuff_picture_damaged(d, "JPEG 2000", why);
}

struct codestream {
    const uint8_t *data;
    size_t bytes;
    uint32_t width, height, tile_width, tile_height, components;
    uint64_t tiles;
};
enum { SIZ_HEAD = 42, SIZ_COMPONENT = 3, SOT = 0xff90, SOD = 0xff93, EOC = 0xffd9, COD = 0xff52, COC = 0xff53 };

/* SIZ, the first marker. Source: ISO/IEC 15444-1, A.5.1. */
static tuff_status check_head(const struct tuff_decoding *d, struct codestream *s)
{
    const uint8_t *at = s->data;
    if (s->bytes < SIZ_HEAD) return damaged(d, "it is cut off");
    if (memcmp(at, "\xff\x4f\xff\x51", 4) != 0) return damaged(d, "its codestream does not begin with its sizes");
    uint32_t n[8], count = big(at + 40, 2); /* end x, y, origin x, y, tile x, y, its origin x, y */
    for (int i = 0; i < 8; i++) n[i] = big(at + 8 + 4 * i, 4);
    if (n[2] >= n[0] || n[3] >= n[1] || n[4] == 0 || n[5] == 0 || n[6] > n[2] || n[7] > n[3] || count == 0)
        return damaged(d, "its sizes contradict each other");
    s->width = n[0] - n[2], s->height = n[1] - n[3], s->components = count;
    s->tile_width = n[4] < s->width ? n[4] : s->width, s->tile_height = n[5] < s->height ? n[5] : s->height;
    s->tiles = (uint64_t)tiles_of(n[0], n[6], n[4]) * tiles_of(n[1], n[7], n[5]);
    TUFF_TRY(tuff_picture_check_size(d, s->width, s->height, count < COMPONENTS_MAX ? count : COMPONENTS_MAX));
    if (count > COMPONENTS_MAX) return unsupported(d, "more than 4 components");
    if (s->tiles > s->bytes / TILE_BYTES) return damaged(d, "it has more tiles than its bytes can hold");
    if (s->bytes < SIZ_HEAD + (size_t)count * SIZ_COMPONENT) return damaged(d, "it is cut off");
    for (uint32_t c = 0; c < count; c++) {
        const uint8_t *component = at + SIZ_HEAD + c * SIZ_COMPONENT;
        if (component[0] > 15) return unsupported(d, "signed samples or more than 16 bits");
        if (component[1] == 0 || component[2] == 0) return damaged(d, "a component has no samples");
    }
    return TUFF_OK;
}

/* Each layer of each precinct takes a byte at least, so that a header cannot name more of them. Source: ibidem, A.6.1, A.6.2. */
static bool precincts_fit(const struct codestream *s, const uint8_t *at, size_t bytes, bool coc, bool of_tile)
{
    const size_t levels_at = coc ? 6 : 9, sizes_at = levels_at + 5, style_at = coc ? 5 : 4;
    if (bytes < sizes_at) return false;
    const uint32_t levels = at[levels_at], layers = coc ? 1 : big(at + 6, 2);
    if (!(at[style_at] & 1)) return true; /* of 2^15 x 2^15 */
    if (levels > 32 || bytes < sizes_at + levels + 1 || (coc && at[4] >= s->components)) return false;
    uint64_t share = UINT64_MAX; /* of the picture's samples that the component has, 1 in so many */
    for (uint32_t c = coc ? at[4] : 0; c < (coc ? at[4] + 1u : s->components); c++) {
        const uint8_t *component = s->data + SIZ_HEAD + c * SIZ_COMPONENT;
        if ((uint64_t)component[1] * component[2] < share) share = (uint64_t)component[1] * component[2];
    }
    const uint64_t area = (of_tile ? (uint64_t)s->tile_width * s->tile_height : (uint64_t)s->width * s->height) / share;
    for (uint32_t r = 0; r <= levels; r++) {
        const uint32_t shift = 2 * (levels - r) + (at[sizes_at + r] & 15u) + (at[sizes_at + r] >> 4);
        if (shift < 64 && (area >> shift) * layers > s->bytes) return false;
    }
    return true;
}

/* From marker to marker: OpenJPEG leaves a tile black that never comes. Source: ibidem, A.4. seen: of each tile, zeros. */
static tuff_status check_tiles(const struct tuff_decoding *d, const struct codestream *s, uint8_t *seen)
{
    size_t at = 2, part_end = 0; /* behind SOC; 0: before the first tile */
    uint64_t left = s->tiles;
    while (s->bytes - at >= 4) {
        const uint8_t *p = s->data + at;
        const uint32_t marker = big(p, 2);
        if (marker == EOC) break;
        if (marker == SOT && s->bytes - at >= TILE_BYTES) {
            const uint32_t tile = big(p + 4, 2), part = big(p + 6, 4);
            if (tile >= s->tiles) return damaged(d, "it has no such tile");
            if (part != 0 && (part < TILE_BYTES || part > s->bytes - at)) return damaged(d, "it is cut off");
            left -= !seen[tile];
            seen[tile] = 1;
            part_end = part ? at + part : s->bytes;
        }
        const bool body = marker == SOD; /* up to the end of this part */
        const size_t length = !body ? 2 + (size_t)big(p + 2, 2) : part_end > at ? part_end - at : 0;
        if (length < (body ? 2 : 4) || length > s->bytes - at) return damaged(d, "it is cut off");
        if ((marker == COD || marker == COC) && !precincts_fit(s, p, length, marker == COC, part_end != 0))
            return damaged(d, "it has more precincts than its bytes can hold");
        at += length;
    }
    return left ? damaged(d, "a tile is missing") : TUFF_OK;
}

static tuff_status check_codestream(const struct tuff_decoding *d, const uint8_t *at, size_t bytes)
{
    struct codestream s = {.data = at, .bytes = bytes};
    TUFF_TRY(check_head(d, &s));
    uint8_t *seen = tuff_alloc(d->context, (size_t)s.tiles);
    tuff_status status = seen ? check_tiles(d, &s, seen) : tuff_fail_memory(d->context, d->error);
    tuff_free(d->context, seen);
    return status;
}

/* Through the boxes of a JP2, those within its header too. Source: ISO/IEC 15444-1, annex I. */
static tuff_status check_sizes(const struct tuff_decoding *d)
{
    const uint8_t *data = d->source->data;
    const size_t bytes = d->source->bytes;
    size_t at = 0, header_end = 0;
    if (data[0] == 0xff) return check_codestream(d, data, bytes);
    while (bytes - at >= 8) {
        uint64_t length = big(data + at, 4), head = length == 1 ? 16 : 8, left = bytes - at;
        const uint8_t *type = data + at + 4;
        if (head > left) break;
        if (length == 1) length = (uint64_t)big(data + at + 8, 4) << 32 | big(data + at + 12, 4);
        if (length == 0) length = left;
        if (length < head) return damaged(d, "a box is shorter than its own header");
        if (!memcmp(type, "jp2c", 4))
            return at < header_end ? damaged(d, "its codestream lies within its header")
                                   : check_codestream(d, data + at + head, left - head);
        if (!memcmp(type, "pclr", 4) && left >= head + 3 && data[at + head + 2] > COMPONENTS_MAX)
            return unsupported(d, "a palette of more than 4 columns");
        bool inside = !memcmp(type, "jp2h", 4);
        if (!inside && length > left) break;
        if (inside) header_end = length > left ? bytes : at + (size_t)length;
        at += (size_t)(inside ? head : length);
    }
    return damaged(d, "it holds no codestream");
}

/* ---- the library ------------------------------------------------------------------------------------------------------------------- */

struct reader {
    struct tuff_decoding *d; /* [borrowed] */
    uint64_t at;
    char why[200]; /* the first error; "": none */
};

static OPJ_SIZE_T read_bytes(void *to, OPJ_SIZE_T count, void *user)
{
    struct reader *reader = user;
    const struct tuff_source *source = reader->d->source;
    uint64_t left = source->bytes - reader->at;
    if (left == 0) return (OPJ_SIZE_T)-1;
    if (count > left) count = (OPJ_SIZE_T)left;
    memcpy(to, source->data + reader->at, count);
    reader->at += count;
    return count;
}

static OPJ_BOOL seek(OPJ_OFF_T to, void *user)
{
    struct reader *reader = user;
    if (to < 0 || (uint64_t)to > reader->d->source->bytes) return OPJ_FALSE;
    reader->at = (uint64_t)to;
    return OPJ_TRUE;
}

static OPJ_OFF_T skip(OPJ_OFF_T count, void *user)
{
    struct reader *reader = user;
    uint64_t left = reader->d->source->bytes - reader->at;
    if (count < 0) return -1;
    if ((uint64_t)count > left) count = (OPJ_OFF_T)left;
    reader->at += (uint64_t)count;
    return count;
}

/* Their sentences end in a line feed. */
static void keep(const char *message, char *to, size_t size)
{
    char line[200];
    snprintf(line, sizeof line, "%.*s", (int)strcspn(message, "\n"), message);
    tuff_printable(line, to, size);
}

static void on_error(const char *message, void *user)
{
    struct reader *reader = user;
    if (!reader->why[0]) keep(message, reader->why, sizeof reader->why);
}

static void on_warning(const char *message, void *user)
{
    struct tuff_picture_damage *damage = &((struct reader *)user)->d->damage;
    if (!damage->warnings++) keep(message, damage->first, sizeof damage->first);
}

static tuff_status fail(const struct reader *reader)
{
    const char *why = reader->why;
    if (strstr(why, "ot enough memory") || strstr(why, "ut of memory"))
        return tuff_fail_memory(reader->d->context, reader->d->error);
    return damaged(reader->d, why[0] ? why : "its data is invalid");
}

/* ---- components to pixels ------------------------------------------------------------------------------------------------------------ */

/* Of 8 bits. A component of fewer samples than the picture has repeats them. */
static uint8_t sample(const opj_image_comp_t *component, uint32_t x, uint32_t y)
{
    uint32_t column = x / component->dx, row = y / component->dy;
    column = column > component->x0 ? column - component->x0 : 0;
    row = row > component->y0 ? row - component->y0 : 0;
    if (column >= component->w) column = component->w - 1;
    if (row >= component->h) row = component->h - 1;
    const int32_t v = component->data[(size_t)row * component->w + column], most = (int32_t)((1u << component->prec) - 1);
    return v <= 0 ? 0 : v >= most ? 255 : (uint8_t)((v * 255 + most / 2) / most);
}

static uint8_t rounded(int32_t v) /* of 1/65536 */
{
    return v <= 0 ? 0 : v >= 255 << 16 ? 255 : (uint8_t)((v + (1 << 15)) >> 16);
}

/* sYCC as JFIF has it: full range. Source: IEC 61966-2-1, amendment 1, annex F. */
static void ycc_to_rgb(uint8_t *p)
{
    const int32_t y = p[0] * 65536, b = p[1] - 128, r = p[2] - 128;
    p[0] = rounded(y + 91881 * r), p[1] = rounded(y - 22554 * b - 46802 * r), p[2] = rounded(y + 116130 * b);
}

static tuff_status take_pixels(struct tuff_decoding *d, const opj_image_t *image)
{
    const uint32_t channels = image->numcomps;
    const bool ycc = image->color_space == OPJ_CLRSPC_SYCC;
    if (channels < 1 || channels > COMPONENTS_MAX) return unsupported(d, "more than 4 components");
    if (image->color_space == OPJ_CLRSPC_CMYK || image->color_space == OPJ_CLRSPC_EYCC || (ycc && channels < 3))
        return unsupported(d, "these colours (CMYK, e-YCC)");
    for (uint32_t c = 0; c < channels; c++) {
        const opj_image_comp_t *component = &image->comps[c];
        if (!component->data || component->w == 0 || component->h == 0 || component->dx == 0 || component->dy == 0)
            return damaged(d, "a component has no samples");
        if (component->sgnd || component->prec < 1 || component->prec > 16)
            return unsupported(d, "signed samples or more than 16 bits");
    }
    TUFF_TRY(tuff_picture_make(d, image->x1 - image->x0, image->y1 - image->y0, channels));
    uint8_t *to = d->picture.pixels;
    for (uint32_t y = image->y0; y < image->y1; y++)
        for (uint32_t x = image->x0; x < image->x1; x++, to += channels) {
            for (uint32_t c = 0; c < channels; c++) to[c] = sample(&image->comps[c], x, y);
            if (ycc) ycc_to_rgb(to);
        }
    return TUFF_OK;
}

static tuff_status decode(struct reader *reader, opj_codec_t *codec, opj_stream_t *stream)
{
    opj_dparameters_t parameters;
    opj_image_t *image = NULL;
    opj_set_default_decoder_parameters(&parameters);
    opj_set_error_handler(codec, on_error, reader);
    opj_set_warning_handler(codec, on_warning, reader);
    bool good = opj_setup_decoder(codec, &parameters) && opj_read_header(stream, codec, &image) &&
                opj_decode(codec, stream, image);
    tuff_status status = good ? take_pixels(reader->d, image) : fail(reader);
    opj_image_destroy(image);
    return status;
}

tuff_status tuff_jp2_decode(struct tuff_decoding *d)
{
    struct reader reader = {.d = d};
    TUFF_TRY(check_sizes(d));
    opj_codec_t *codec = opj_create_decompress(d->source->data[0] == 0xff ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
    opj_stream_t *stream = opj_stream_create(STREAM_BYTES, OPJ_TRUE);
    tuff_status status = TUFF_ERR_MEMORY;
    if (codec && stream) {
        opj_stream_set_read_function(stream, read_bytes);
        opj_stream_set_seek_function(stream, seek);
        opj_stream_set_skip_function(stream, skip);
        opj_stream_set_user_data(stream, &reader, NULL);
        opj_stream_set_user_data_length(stream, d->source->bytes);
        status = decode(&reader, codec, stream);
    } else
        status = tuff_fail_memory(d->context, d->error);
    if (stream) opj_stream_destroy(stream);
    if (codec) opj_destroy_codec(codec);
    if (status != TUFF_OK) tuff_picture_finish(d->context, &d->picture);
    return status;
}

#endif

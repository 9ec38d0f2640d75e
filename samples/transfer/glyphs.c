/* glyphs.c - pictures of letters and digits in this system's fonts, on varied grounds; see net.h. Fonts are fontconfig's, cairo draws. */
#include "net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined TUFF_HAVE_CAIRO && defined TUFF_HAVE_FONTCONFIG
#include <cairo.h>
#include <fontconfig/fontconfig.h>

enum { FAMILIES = 300, PARTS = 3 };

struct fonts {
    char *family[FAMILIES]; /* [owned] by name */
    uint32_t count;
};

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Families that can be scaled and have all letters and digits; no two of one name. */
static void find_fonts(struct fonts *fonts)
{
    static const char *const signs[] = {"Dingbat", "D050000L", "Symbol",
                                        "Math",    "Emoji",    "Keyboard"}; /* no letters where letters are */
    FcPattern *any = FcPatternCreate();
    FcObjectSet *asked = FcObjectSetBuild(FC_FAMILY, FC_CHARSET, FC_SCALABLE, FC_COLOR, (char *)NULL);
    FcFontSet *set = any && asked ? FcFontList(NULL, any, asked) : NULL;
    for (int i = 0; set && i < set->nfont && fonts->count < FAMILIES; i++) {
        FcChar8 *family;
        FcCharSet *letters;
        FcBool scalable = FcFalse, colour = FcFalse;
        if (FcPatternGetString(set->fonts[i], FC_FAMILY, 0, &family) != FcResultMatch ||
            FcPatternGetCharSet(set->fonts[i], FC_CHARSET, 0, &letters) != FcResultMatch)
            continue;
        FcPatternGetBool(set->fonts[i], FC_SCALABLE, 0, &scalable);
        FcPatternGetBool(set->fonts[i], FC_COLOR, 0, &colour);
        bool good = scalable && !colour;
        for (size_t k = 0; k < sizeof signs / sizeof signs[0]; k++) good = good && !strstr((const char *)family, signs[k]);
        for (FcChar32 c = '0'; c <= 'Z' && good; c++) good = FcCharSetHasChar(letters, c) || (c > '9' && c < 'A');
        for (uint32_t k = 0; k < fonts->count && good; k++) good = strcmp(fonts->family[k], (const char *)family) != 0;
        char *name = good ? malloc(strlen((const char *)family) + 1) : NULL;
        if (!name) continue;
        strcpy(name, (const char *)family);
        fonts->family[fonts->count++] = name;
    }
    if (set) FcFontSetDestroy(set);
    if (asked) FcObjectSetDestroy(asked);
    if (any) FcPatternDestroy(any);
    qsort(fonts->family, fonts->count, sizeof fonts->family[0], by_name);
}

static void colour(cairo_t *c, uint64_t *random, double least, double most)
{
    double r = sample_uniform(random, least, most), g = sample_uniform(random, least, most),
           b = sample_uniform(random, least, most);
    cairo_set_source_rgb(c, r, g, b);
}

/* Bright or dark: plain, a ramp, stripes, or spots. */
static void draw_ground(cairo_t *c, double size, uint64_t *random, bool dark)
{
    double least = dark ? 0 : 0.5, most = dark ? 0.5 : 1, angle = sample_uniform(random, 0, 3.14);
    uint32_t kind = sample_random(random) % 4;
    colour(c, random, least, most);
    cairo_paint(c);
    if (kind == 1) {
        cairo_pattern_t *ramp = cairo_pattern_create_linear(0, 0, size * cos(angle), size * sin(angle));
        for (int end = 0; end < 2; end++) {
            double r = sample_uniform(random, least, most), g = sample_uniform(random, least, most),
                   b = sample_uniform(random, least, most);
            cairo_pattern_add_color_stop_rgb(ramp, end, r, g, b);
        }
        cairo_set_source(c, ramp);
        cairo_paint(c);
        cairo_pattern_destroy(ramp);
    }
    colour(c, random, least, most);
    double every = sample_uniform(random, size / 10, size / 4);
    cairo_set_line_width(c, every / 3);
    for (double at = -size; at < 2 * size && kind == 2; at += every) {
        cairo_move_to(c, at, -2), cairo_line_to(c, at + size * cos(angle), size + 2);
        cairo_stroke(c);
    }
    for (int i = 0; i < 14 && kind == 3; i++) {
        double x = sample_uniform(random, 0, size), y = sample_uniform(random, 0, size);
        cairo_arc(c, x, y, sample_uniform(random, size / 24, size / 8), 0, 6.2831853);
        cairo_fill(c);
    }
}

static void draw_glyph(cairo_t *c, const char *text, double size, uint64_t *random, const char *family)
{
    bool dark = sample_random(random) & 1;
    cairo_text_extents_t box;
    cairo_save(c);
    draw_ground(c, size, random, dark);
    cairo_select_font_face(c, family, sample_random(random) % 4 ? CAIRO_FONT_SLANT_NORMAL : CAIRO_FONT_SLANT_ITALIC,
                           sample_random(random) % 2 ? CAIRO_FONT_WEIGHT_NORMAL : CAIRO_FONT_WEIGHT_BOLD);
    cairo_set_font_size(c, size);
    cairo_text_extents(c, text, &box);
    double high = sample_uniform(random, 0.45, 0.75) * size, scale = high / fmax(box.height, 1);
    double x = sample_uniform(random, -0.1, 0.1) * size, y = sample_uniform(random, -0.1, 0.1) * size;
    cairo_translate(c, size / 2 + x, size / 2 + y);
    cairo_rotate(c, sample_uniform(random, -0.3, 0.3));
    cairo_scale(c, scale * sample_uniform(random, 0.8, 1.15), scale);
    cairo_move_to(c, -box.x_bearing - box.width / 2, -box.y_bearing - box.height / 2);
    colour(c, random, dark ? 0.65 : 0, dark ? 1 : 0.35);
    cairo_show_text(c, text);
    cairo_restore(c);
}

/* Rows of 0x00rrggbb, with noise, as a picture. */
static void to_picture(cairo_surface_t *surface, struct tuff_picture *out, uint64_t *random)
{
    cairo_surface_flush(surface);
    const unsigned char *data = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);
    double noise = sample_uniform(random, 0, 22);
    for (uint32_t y = 0; y < out->height; y++)
        for (uint32_t x = 0; x < out->width; x++) {
            uint32_t pixel;
            memcpy(&pixel, data + (size_t)y * (size_t)stride + 4 * x, 4);
            for (int c = 0; c < 3; c++) {
                double value = (pixel >> (16 - 8 * c) & 255) + noise * sample_normal(random);
                out->pixels[3 * ((size_t)y * out->width + x) + (size_t)c] = (uint8_t)fmax(0, fmin(255, value));
            }
        }
}

struct part {
    const char *name, *letters;
    uint32_t count; /* of each letter */
};

static tuff_status make_part(struct sample *s, const char *folder, const struct part *part, const struct fonts *fonts,
                             uint32_t number, uint32_t size, uint64_t random)
{
    uint32_t families = (fonts->count - number + PARTS - 1) / PARTS;
    struct tuff_picture picture = {.width = size, .height = size, .channels = 3, .pixels = malloc((size_t)size * size * 3)};
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)size, (int)size);
    cairo_t *c = cairo_create(surface);
    tuff_status status = picture.pixels && cairo_status(c) == CAIRO_STATUS_SUCCESS ? TUFF_OK : TUFF_ERR_MEMORY;
    for (const char *letter = part->letters; *letter && !status; letter++) {
        char path[SAMPLE_PATH], text[2] = {*letter, 0};
        struct tuff_folder *hold = NULL;
        snprintf(path, sizeof path, "%s/%s/%c", folder, part->name, *letter);
        status = tuff_folder_hold(s->context, path, &hold, &s->error);
        for (uint32_t i = 0; i < part->count && !status; i++) {
            program_tell("picture", (double)(letter - part->letters) * part->count + i,
                         (double)strlen(part->letters) * part->count);
            draw_glyph(c, text, size, &random, fonts->family[number + PARTS * (sample_random(&random) % families)]);
            to_picture(surface, &picture, &random);
            snprintf(path, sizeof path, "%s/%s/%c/%04u.png", folder, part->name, *letter, (unsigned)i);
            status = program_stopping() ? TUFF_ERR_CANCELLED : tuff_picture_write_png(s->context, path, &picture, &s->error);
        }
        tuff_folder_release(hold);
    }
    program_tell("", 0, 0);
    if (status == TUFF_OK)
        printf("made     %s/%s: %zu classes of %u pictures, %u families of fonts, as %s\n", SHOWN(folder), part->name,
               strlen(part->letters), (unsigned)part->count, (unsigned)families, SHOWN(fonts->family[number]));
    cairo_destroy(c);
    cairo_surface_destroy(surface);
    free(picture.pixels);
    return status;
}

tuff_status glyphs_make(struct sample *s, const char *folder, uint32_t size, uint32_t letters, uint32_t trained,
                        uint32_t tested, uint64_t seed)
{
    const struct part parts[PARTS] = {
        {"other", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", letters}, {"train", "0123456789", trained}, {"test", "0123456789", tested}};
    struct fonts fonts = {.count = 0};
    find_fonts(&fonts);
    tuff_status status = TUFF_OK;
    if (fonts.count < PARTS)
        status = sample_refuse(s, TUFF_ERR_UNSUPPORTED,
                               "there are %u families of fonts with letters and digits: three at least are needed, as of "
                               "Debian's fonts-dejavu, fonts-liberation, fonts-urw-base35",
                               (unsigned)fonts.count);
    for (uint32_t i = 0; i < PARTS && !status; i++)
        status = make_part(s, folder, &parts[i], &fonts, i, size, seed + i * 7919);
    for (uint32_t i = 0; i < fonts.count; i++) free(fonts.family[i]);
    return status;
}
#else
tuff_status glyphs_make(struct sample *s, const char *folder, uint32_t size, uint32_t letters, uint32_t trained,
                        uint32_t tested, uint64_t seed)
{
    (void)folder, (void)size, (void)letters, (void)trained, (void)tested, (void)seed;
    return sample_refuse(
        s, TUFF_ERR_UNSUPPORTED,
        "this build has no cairo and fontconfig to draw letters with (Debian: libcairo2-dev, libfontconfig-dev)");
}
#endif

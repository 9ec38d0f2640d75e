/* seeds.c - writes files for the fuzz targets to start from, by the project's own writers: FOLDER/<target>/<name>.
 *   fuzz-seeds FOLDER */
#include "backend/cache.h"
#include "graph/compile/compile.h"
#include "loaders/loaders.h"
#include "loaders/source.h"
#include "shaders/kernels.h"
#include "tests/graph_help.h"
#include "tests/op_help.h"

#include <stdio.h>
#include <stdlib.h>

#if TUFF_HAVE_JPEG
#include <jpeglib.h>
#endif
#if TUFF_HAVE_WEBP
#include <webp/encode.h>
#endif
#if TUFF_HAVE_GIF
#include <gif_lib.h>
#endif

enum { LARGEST = 4096 }; /* of a seed: libFuzzer would cut it */

struct seeds {
    struct tuff_context *context;
    const char *folder;
    char path[1000];
    unsigned count;
};

static void must(bool good, const char *what)
{
    if (good) return;
    printf("%s failed\n", what);
    exit(1);
}

/* Path of a file to come; valid until the next call. */
static const char *path_of(struct seeds *s, const char *target, const char *name)
{
    snprintf(s->path, sizeof s->path, "%s/%s", s->folder, target);
    must(tuff_os_make_folders(s->context, s->path, NULL) == TUFF_OK, s->path);
    snprintf(s->path, sizeof s->path, "%s/%s/%s", s->folder, target, name);
    s->count++;
    return s->path;
}

static void put(struct seeds *s, const char *target, const char *name, const void *data, size_t bytes)
{
    struct tuff_os_part part = {.data = data, .bytes = bytes};
    if (bytes > LARGEST) return;
    must(tuff_os_write_atomic(s->context, path_of(s, target, name), &part, 1, NULL) == TUFF_OK, name);
}

static void put_idx(struct seeds *s)
{
    static const uint8_t bytes[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
    static const uint8_t floats[] = {0, 0, 13, 1, 0, 0, 0, 1, 0x3f, 0x80, 0, 0};
    static const uint8_t empty[] = {0, 0, 14, 2, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    put(s, "idx", "bytes", bytes, sizeof bytes);
    put(s, "idx", "floats", floats, sizeof floats);
    put(s, "idx", "empty", empty, sizeof empty);
    /* A stored block of the file above between a header with a name and an own CRC, and the trailer (RFC 1951, 1952). */
    uint8_t gzip[200] = {0x1f, 0x8b, 8, 0x08 | 0x02, 0, 0, 0, 0, 0, 3, 'a', 0};
    size_t at = 12, n = sizeof bytes;
    uint32_t header = tuff_crc32(0, gzip, at), crc = tuff_crc32(0, bytes, n);
    const uint8_t rest[] = {(uint8_t)header, (uint8_t)(header >> 8), 1, (uint8_t)n, 0, (uint8_t)~n, 0xff};
    memcpy(gzip + at, rest, sizeof rest);
    memcpy(gzip + at + sizeof rest, bytes, n);
    at += sizeof rest + n;
    for (int i = 0; i < 4; i++) gzip[at++] = (uint8_t)(crc >> 8 * i);
    for (int i = 0; i < 4; i++) gzip[at++] = (uint8_t)(n >> 8 * i);
    put(s, "idx", "stored.gz", gzip, at);
    /* Fixed codes: literals 0, 0, 8, 1, 0, 0, 0, 0 and the end. */
    static const uint8_t coded[] = {0x1f, 0x8b, 8,    0,    0,    0,    0,    0,    0,   3,
                                    0x63, 0x60, 0xe0, 0x60, 0x64, 0x60, 0x60, 0x00, 0x00};
    put(s, "idx", "coded.gz", coded, sizeof coded);
}

/* ---- named arrays ------------------------------------------------------------------------------------------------------------- */

static const float weights[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static char *network_text(struct seeds *s)
{
    struct tuff_graph *g = NULL;
    char *text = NULL;
    must(tuff_graph_create(s->context, &g, NULL) == TUFF_OK, "a graph");
    tuff_val x = tuff_input(g, "x", TUFF_U8, TUFF_SHAPE(1, 1, 2, 3));
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(2, 6), (struct tuff_init){0});
    x = tuff_reshape(g, tuff_cast(g, x, TUFF_F32), TUFF_SHAPE(1, 6));
    x = tuff_matmul(g, x, w, (struct tuff_matmul_params){.transpose_b = true});
    tuff_named(g, tuff_softmax(g, x, 1), "probabilities");
    must(tuff_graph_print(g, &text, NULL) == TUFF_OK, "its text");
    tuff_graph_destroy(g);
    return text;
}

static void put_tensors(struct seeds *s)
{
    char *graph = network_text(s);
    const struct tuff_array arrays[] = {{"w", TUFF_ELEMENT_F32, 2, {2, 6}, weights, sizeof weights},
                                        {"b \"\xc3\xa4\"", TUFF_ELEMENT_BOOL, 1, {3}, "\1\0\1", 3},
                                        {"scalar", TUFF_ELEMENT_I64, 0, {0}, weights, 8},
                                        {"none", TUFF_ELEMENT_BF16, 3, {2, 0, 7}, NULL, 0}};
    const struct tuff_pair texts[] = {
        {"graph", graph},
        {"preprocess", "{\"channels\":1,\"height\":2,\"width\":3,\"mode\":\"pad\",\"filter\":\"area\",\"ground\":0,"
                       "\"invert\":\"light\"}"},
        {"labels", "cat\nd\xc3\xb6g\n"}};
    struct tuff_tensors_params params = {sizeof params, arrays, 4, texts, 3, NULL};
    must(tuff_safetensors_write(s->context, path_of(s, "safetensors", "four"), &params, NULL) == TUFF_OK, "writing");
    must(tuff_checkpoint_write(s->context, path_of(s, "checkpoint", "checkpoint"), &params, NULL) == TUFF_OK, "writing");
    params.text_count = 0;
    params.array_count = 1;
    must(tuff_safetensors_write(s->context, path_of(s, "safetensors", "one"), &params, NULL) == TUFF_OK, "writing");
    params.text_count = 3;
    params.kind = "model";
    must(tuff_checkpoint_write(s->context, path_of(s, "checkpoint", "model"), &params, NULL) == TUFF_OK, "writing");
    tuff_text_free(s->context, graph);
}

/* ---- graphs and their plans ------------------------------------------------------------------------------------------------------ */

static void put_graph(struct seeds *s, const struct tuff_graph *g, const char *name)
{
    char *text = NULL;
    must(tuff_graph_print(g, &text, NULL) == TUFF_OK, name);
    put(s, "graph", name, text, strlen(text));
    put(s, "compile", name, text, strlen(text));
    tuff_text_free(s->context, text);
}

static void put_plan(struct seeds *s, const struct tuff_graph *g, const tuff_val *outputs, uint32_t count, const char *name)
{
    struct tuff_caps caps = graph_caps(0);
    struct tuff_compile_params params = {.graph = g, .outputs = outputs, .output_count = count, .caps = &caps};
    struct tuff_compiled compiled;
    struct tuff_text text;
    if (tuff_compile(&params, &compiled, NULL) != TUFF_OK) return;
    tuff_text_init(&text, s->context);
    tuff_plan_print(&compiled.plan, &text);
    put(s, "plan", name, text.data, text.length);
    tuff_text_finish(&text);
    tuff_plan_finish(&compiled.plan);
}

static void put_graphs(struct seeds *s)
{
    tuff_val outputs[GRAPH_HELP_OUTPUTS];
    struct tuff_graph *g = NULL;
    for (uint32_t i = 0; i < graph_network_count + tuff_op_count; i++) {
        bool network = i < graph_network_count;
        const struct tuff_op *op = network ? NULL : tuff_ops[i - graph_network_count];
        const char *name = network ? graph_network_names[i] : op->name;
        struct op_case_values values = {.y = 0};
        uint32_t count = 1;
        must(tuff_graph_create(s->context, &g, NULL) == TUFF_OK, name);
        if (network)
            count = graph_network(g, i, outputs);
        else if (op->case_count && op_add_case(g, op, &op->cases[0], 0, false, &values))
            outputs[0] = values.y;
        if (network || values.y) {
            put_graph(s, g, name);
            put_plan(s, g, outputs, count, name);
        }
        tuff_graph_destroy(g);
    }
    struct tuff_pointwise_params row = {.struct_size = sizeof row,
                                        .name = "row",
                                        .y = "a < p0 && !(b > 1.0) ? a * pw_exp(-b) : pw_pow(a, 2.0) / p1",
                                        .da = "y",
                                        .db = "1e-3"};
    must(tuff_graph_create(s->context, &g, NULL) == TUFF_OK, "a graph");
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(3)), y = tuff_pointwise(g, &row, x, x);
    tuff_gradients(g, y, 0, &x, 1, outputs);
    put_graph(s, g, "own_row");
    put_plan(s, g, outputs, 1, "own_row");
    tuff_graph_destroy(g);
}

/* ---- shaders and their cache ------------------------------------------------------------------------------------------------------ */

static void put_spirv(struct seeds *s)
{
    const struct tuff_compiler *compiler = tuff_glslang();
    static const char small[] = "#version 450\n"
                                "layout(local_size_x_id = 0, local_size_y = 2) in;\n"
                                "layout(constant_id = 1) const uint rows = 4u;\n"
                                "struct pair { vec4 a; float b[3]; };\n"
                                "layout(push_constant) uniform P { uint n; uvec2 m; };\n"
                                "layout(std430, binding = 2) buffer B { pair b[]; };\n"
                                "shared float tile[rows * 8u];\n"
                                "shared pair both[2];\n"
                                "void main() { tile[n] = b[m.x].b[0]; barrier(); b[m.y].b[1] = tile[0] + both[1].b[2]; }\n";
    uint32_t *spirv = NULL;
    size_t words = 0;
    if (!compiler) return;
    must(compiler->compile(compiler->user, s->context, "small", small, "", &spirv, &words, NULL) == TUFF_OK, "a shader");
    put(s, "spirv", "small", spirv, words * 4);
    tuff_free(s->context, spirv);
    for (unsigned i = 0; i < tuff_kernel_source_count; i++) {
        const struct tuff_kernel_source *source = &tuff_kernel_sources[i];
        must(compiler->compile(compiler->user, s->context, source->name, source->source, "", &spirv, &words, NULL) ==
                 TUFF_OK,
             source->name);
        put(s, "spirv", source->name, spirv, words * 4);
        tuff_free(s->context, spirv);
    }
}

/* What the cache of the device of cache.c writes. */
static void put_cache(struct seeds *s)
{
    char folder[900];
    static const uint32_t words[] = {0x07230203, 0x00010300, 0, 10, 0};
    char **names = NULL;
    size_t count = 0;
    snprintf(folder, sizeof folder, "%s/cache", s->folder);
    struct tuff_options options = {.struct_size = sizeof options, .cache_dir = folder};
    struct tuff_device device = {.context = NULL};
    must(tuff_context_create(&options, &device.context, NULL) == TUFF_OK, "a context");
    struct tuff_cache *cache = tuff_cache_create(&device);
    must(cache != NULL, "a cache");
    for (uint64_t i = 1; i <= 3; i++)
        must(tuff_cache_add(cache, (struct tuff_spirv_key){{i, i}, i}, words, i + 2) != NULL, "an entry");
    tuff_cache_flush(cache);
    tuff_cache_destroy(cache);
    must(tuff_os_list_folder(s->context, folder, &names, &count, NULL) == TUFF_OK && count, "the cache's file");
    tuff_free(s->context, names);
    tuff_context_destroy(device.context);
    s->count++;
}

/* ---- pictures ------------------------------------------------------------------------------------------------------------------------ */

static void put_jpeg(struct seeds *s, int channels, bool progressive, const uint8_t *pixels, const char *name)
{
#if TUFF_HAVE_JPEG
    /* EXIF with orientation 6 */
    static const uint8_t exif[] = {'E', 'x',  'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1,
                                   1,   0x12, 0,   3,   0, 0, 0,   1,   0, 6,  0, 0, 0, 0, 0, 0};
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *file = NULL;
    unsigned long bytes = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &file, &bytes);
    jpeg.image_width = 6;
    jpeg.image_height = 5;
    jpeg.input_components = channels;
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    if (progressive) jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, sizeof exif);
    for (int y = 0; y < 5; y++) {
        uint8_t row[6 * 4], *rows = row;
        memcpy(row, pixels + y * 6 * channels, 6 * (size_t)channels);
        jpeg_write_scanlines(&jpeg, &rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    put(s, "picture", name, file, bytes);
    free(file);
#else
    (void)s, (void)channels, (void)progressive, (void)pixels, (void)name;
#endif
}

static void put_webp(struct seeds *s, const uint8_t *pixels)
{
#if TUFF_HAVE_WEBP
    uint8_t *file = NULL;
    size_t bytes = WebPEncodeLosslessRGBA(pixels, 6, 5, 24, &file);
    put(s, "picture", "lossless.webp", file, bytes);
    WebPFree(file);
    bytes = WebPEncodeRGBA(pixels, 6, 5, 24, 60, &file); /* lossy, with alpha beside it */
    put(s, "picture", "lossy.webp", file, bytes);
    WebPFree(file);
    bytes = WebPEncodeRGB(pixels, 6, 5, 18, 60, &file);
    put(s, "picture", "rgb.webp", file, bytes);
    WebPFree(file);
#else
    (void)s, (void)pixels;
#endif
}

#if TUFF_HAVE_GIF
static int append_gif(GifFileType *gif, const GifByteType *bytes, int count)
{
    tuff_text_append(gif->UserData, bytes, (size_t)count);
    return count;
}
#endif

static void put_gif(struct seeds *s, bool interlaced, const char *name)
{
#if TUFF_HAVE_GIF
    GifColorType colours[4] = {{0, 0, 0}, {255, 0, 0}, {0, 255, 0}, {9, 9, 255}};
    ColorMapObject *map = GifMakeMapObject(4, colours);
    unsigned char control[4] = {1, 0, 0, 3};
    struct tuff_text file;
    int code = 0;
    tuff_text_init(&file, s->context);
    GifFileType *gif = EGifOpen(&file, append_gif, &code);
    must(gif && map, "a GIF");
    EGifSetGifVersion(gif, true);
    EGifPutScreenDesc(gif, 7, 6, 2, 0, map);
    EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, 4, control);
    EGifPutImageDesc(gif, 1, 0, 6, 5, interlaced, interlaced ? map : NULL);
    for (int y = 0; y < 5; y++) {
        GifPixelType row[6] = {0, 1, 2, 3, (GifPixelType)(y % 4), 0};
        EGifPutLine(gif, row, 6);
    }
    EGifCloseFile(gif, &code);
    GifFreeMapObject(map);
    put(s, "picture", name, file.data, file.length);
    tuff_text_finish(&file);
#else
    (void)s, (void)interlaced, (void)name;
#endif
}

/* 6 x 5, of 24 bits, or of 1, 4 and 8 with a palette. */
static void put_bmp(struct seeds *s, int bits, const char *name)
{
    uint8_t file[54 + 1024 + 5 * 20] = "BM";
    uint32_t colours = bits > 8 ? 0 : 1u << bits, from = 54 + 4 * colours, stride = (6 * (uint32_t)bits + 31) / 32 * 4;
    const uint32_t numbers[] = {from, 40, 6, 5, 1u | (uint32_t)bits << 16};
    memcpy(file + 10, numbers, sizeof numbers);
    for (uint32_t i = 54; i < from + 5 * stride; i++) file[i] = (uint8_t)(i * 7);
    put(s, "picture", name, file, from + 5 * stride);
}

static void put_foreign(struct seeds *s)
{
    static const char name[] = "caf\xc3\xa9\n\x1b[31m\xe2\x80\xae\xff\xf0\x9f\x90\x88.png";
    static const char exif[] = "Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0";
    static const char history[] = "seconds 12.5\nlast 1 7 2.5 0.5\nepoch 0 1 0.5 0.9 0.4 0.8 3.5 1000\npoint 0.25 1.5 nan\n";
    put(s, "foreign", "name", name, sizeof name - 1);
    put(s, "foreign", "exif", exif, sizeof exif - 1);
    put(s, "history", "history", history, sizeof history - 1);
}

static void put_pictures(struct seeds *s)
{
    static const uint8_t colours[6 * 5 * 4] = {1, 200, 30, 255, 90, 7, 60, 128};
    put_webp(s, colours);
    put_gif(s, false, "plain.gif");
    put_gif(s, true, "interlaced.gif");
    put_bmp(s, 1, "1.bmp");
    put_bmp(s, 4, "4.bmp");
    put_bmp(s, 8, "8.bmp");
    put_bmp(s, 24, "24.bmp");
    put_bmp(s, 32, "32.bmp");
    uint8_t pixels[6 * 5 * 4];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 7);
    for (int channels = 1; channels <= 4; channels++) {
        char name[16];
        struct tuff_picture picture = {6, 5, (uint32_t)channels, pixels};
        if (channels == 2) continue;
        snprintf(name, sizeof name, "%d.png", channels);
        if (TUFF_HAVE_PNG)
            must(tuff_picture_write_png(s->context, path_of(s, "picture", name), &picture, NULL) == TUFF_OK, name);
        snprintf(name, sizeof name, "%d.jpg", channels);
        put_jpeg(s, channels, false, pixels, name);
        snprintf(name, sizeof name, "scans%d.jpg", channels);
        put_jpeg(s, channels, true, pixels, name);
    }
}

/* The head and three rows of a result file of tuff-bench: a row is a line there. Found from the folder of the sources. */
static void put_result(struct seeds *s)
{
    char text[LARGEST + 1] = "", line[LARGEST];
    FILE *file = fopen("tests/data/bench/software.json", "rb");
    must(file != NULL, "tests/data/bench/software.json");
    for (int rows = 0; rows < 4 && fgets(line, sizeof line, file);) {
        bool wanted = rows == 0 || strstr(line, "\"peak/f32/independent") || strstr(line, "\"peak/copy") ||
                      strstr(line, "\"operator/matmul/1024");
        if (!wanted || strlen(text) + strlen(line) + 4 > sizeof text) continue;
        strcat(text, line);
        rows++;
    }
    fclose(file);
    char *comma = strrchr(text, ',');
    if (comma && comma[1] == '\n') *comma = ' ';
    strcat(text, "]}");
    put(s, "result", "small.json", text, strlen(text));
}

int main(int argc, char **argv)
{
    struct seeds s = {.folder = argc == 2 ? argv[1] : ""};
    must(argc == 2, "usage: fuzz-seeds FOLDER: that");
    must(tuff_context_create(NULL, &s.context, NULL) == TUFF_OK, "a context");
    put_idx(&s);
    if (TUFF_HAVE_JSON) put_tensors(&s);
    put_graphs(&s);
    put_spirv(&s);
    put_cache(&s);
    put_pictures(&s);
    put_foreign(&s);
    if (TUFF_HAVE_JSON) put_result(&s);
    tuff_context_destroy(s.context);
    printf("%u seeds in %s\n", s.count, s.folder);
    return 0;
}

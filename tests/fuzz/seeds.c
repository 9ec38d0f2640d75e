/* seeds.c - writes files for the fuzz targets to start from, by the project's own writers: FOLDER/<target>/<name>.
 *   fuzz-seeds FOLDER */
#include "backend/cache.h"
#include "backend/container.h"
#include "graph/compile/compile.h"
#include "loaders/loaders.h"
#include "samples/data/data.h"
#include "shaders/kernels.h"
#include "tests/graph_help.h"
#include "tests/onnx_bytes.h"
#include "tests/op_help.h"
#include "tests/picture_files.h"
#include "tests/torch_pickles.h"

#include <stdio.h>
#include <stdlib.h>

#include <zlib.h>
#if TUFF_HAVE_JPEG
#include <jpeglib.h>
#endif
#if TUFF_HAVE_PNG
#include <png.h>
#endif
#if TUFF_HAVE_WEBP
#include <webp/encode.h>
#endif
#if TUFF_HAVE_GIF
#include <gif_lib.h>
#endif
#if TUFF_HAVE_ZIP
#include <zip.h>
#endif

enum { LARGEST = 4096, LARGEST_WEIGHTS = 8192 }; /* of a seed: libFuzzer would cut it */

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
    /* Zeros beyond the buffer that is taken at first, in two members. */
    static uint8_t zeros[9000], packed[300];
    zeros[2] = 8, zeros[3] = 1, zeros[6] = 8992 >> 8, zeros[7] = 8992 & 255;
    z_stream stream = {.next_in = zeros, .avail_in = sizeof zeros, .next_out = packed, .avail_out = 140};
    must(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib");
    must(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zeros");
    size_t half = 140 - stream.avail_out;
    deflateEnd(&stream);
    put(s, "idx", "zeros.gz", packed, half);
    memcpy(packed + half, packed, half);
    put(s, "idx", "twice.gz", packed, 2 * half);
    gzip[3] |= 0x04 | 0x10; /* an extra field and a comment as well: the mutator makes it one */
    put(s, "idx", "fields.gz", gzip, at);
}

static void put_numpy(struct seeds *s)
{
    static const char *const dicts[] = {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
                                        "{'descr': '>i8', 'fortran_order': True, 'shape': (3, 1), }\n",
                                        "{'descr': '|b1', 'fortran_order': False, 'shape': (24,), }\n",
                                        "{'descr': '<U6', 'fortran_order': False, 'shape': (1,), }\n"};
    uint8_t file[4][200] = {{0}};
    size_t bytes[4];
    for (int i = 0; i < 4; i++) {
        const size_t length = strlen(dicts[i]);
        memcpy(file[i], "\x93NUMPY\1\0", 8);
        file[i][8] = (uint8_t)length;
        memcpy(file[i] + 10, dicts[i], length);
        bytes[i] = 10 + length + 24;
        put(s, "numpy", (const char *[]){"floats", "longs", "bools", "texts"}[i], file[i], bytes[i]);
    }
#if TUFF_HAVE_ZIP
    zip_t *zip = zip_open(path_of(s, "numpy", "four.npz"), ZIP_CREATE, NULL);
    must(zip != NULL, "zip");
    for (int i = 0; i < 4; i++) {
        const char name[] = {(char)('a' + i), '.', 'n', 'p', 'y', 0};
        zip_int64_t index = zip_file_add(zip, name, zip_source_buffer(zip, file[i], bytes[i], 0), 0);
        must(index >= 0 && !zip_set_file_compression(zip, (zip_uint64_t)index, i % 2 ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 9),
             name);
    }
    must(zip_close(zip) == 0, "zip");
#endif
}

/* ---- named arrays ------------------------------------------------------------------------------------------------------------- */

static const float weights[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

/* Of a model's network as files keep it (graph/train/stored.c). */
static void put_network(struct seeds *s)
{
    static const char text[] =
        "tuff-network 1\nfield - 0 1\nfield - 1 2\nlabels - 2 6 -100\nloss - 7 0\noutput y 6 0\nmetric m 7 0\n"
        "tuff-graph 1\n%1 \"x\" = input() dtype=f32 shape=[2, 6] : f32 [2, 6]\n"
        "%2 \"labels\" = input() dtype=i32 shape=[2] : i32 [2]\n"
        "%3 \"w\" = param() dtype=f32 shape=[6, 2] : f32 [6, 2]\n"
        "%4 \"rng\" = state() dtype=i32 shape=[3] : i32 [3]\n"
        "%5 = random_uniform(%4) shape=[2] : f32 [2]\n"
        "%6 = matmul(%1, %3) : f32 [2, 2]\n%7 = sum(%6) axes=2 : f32 [2]\n";
    put(s, "network", "classes", text, sizeof text - 1);
}

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
    must(tuff_checkpoint_write(s->context, path_of(s, "container", "checkpoint"), &params, NULL) == TUFF_OK, "writing");
    static const char index[] =
        "{\"metadata\": {\"total_size\": 32},\n \"weight_map\": {\"a\": \"1.st\", \"b\": \"1.st\"}}\n",
                      both[] = "{\"weight_map\": {\"a\": \"1.st\", \"b\": \"2.st\", \"c\": \"2.st\"}}";
    put(s, "safetensors", "index", index, sizeof index - 1);
    put(s, "safetensors", "both", both, sizeof both - 1);
    static const char small[] =
        "\xbc\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"F6_E2M3\","
        "\"shape\":[4],\"data_offsets\":[2,5]},\"c\":{\"dtype\":\"C64\",\"shape\":[1],\"data_offsets\":[5,13]}}             "
        "      "
        "0123456789abc";
    put(s, "safetensors", "small", small, sizeof small - 1);
    params.text_count = 0;
    params.array_count = 1;
    must(tuff_safetensors_write(s->context, path_of(s, "safetensors", "one"), &params, NULL) == TUFF_OK, "writing");
    /* The place in a training (model_checkpoint.c). */
    static const struct tuff_pair place[] = {{"fit.epoch", "1"},
                                             {"fit.step", "2"},
                                             {"fit.run", "0"},
                                             {"fit.best_loss", "3ff0000000000000"},
                                             {"fit.best_epoch", "1"},
                                             {"fit.since_best", "0"},
                                             {"fit.loss_sum", "4000000000000000"},
                                             {"fit.seed", "18446744073709551615"},
                                             {"fit.batch", "2"},
                                             {"fit.samples", "10"},
                                             {"fit.train_samples", "9"},
                                             {"fit.groups", "all *\n"}};
    params.texts = place;
    params.text_count = TUFF_COUNT(place);
    must(tuff_checkpoint_write(s->context, path_of(s, "checkpoint", "training"), &params, NULL) == TUFF_OK, "writing");
    params.texts = texts;
    params.text_count = 3;
    params.kind = "model";
    must(tuff_checkpoint_write(s->context, path_of(s, "checkpoint", "model"), &params, NULL) == TUFF_OK, "writing");
    tuff_text_free(s->context, graph);
}

/* ---- weights of other frameworks --------------------------------------------------------------------------------------------------- */

static size_t read_whole(const char *path, uint8_t *data)
{
    FILE *file = fopen(path, "rb");
    must(file != NULL, path);
    const size_t bytes = fread(data, 1, LARGEST_WEIGHTS, file);
    must(feof(file) || fgetc(file) == EOF, path);
    fclose(file);
    return bytes;
}

static void put_weights(struct seeds *s)
{
    static uint8_t file[2 * LARGEST_WEIGHTS], archive[2 * LARGEST_WEIGHTS];
    char name[40];
    struct tuff_os_part part = {.data = file};
    part.bytes = read_whole("tests/data/weights/mixed.pth", file);
    must(tuff_os_write_atomic(s->context, path_of(s, "torch", "mixed"), &part, 1, NULL) == TUFF_OK, "mixed");
    part.bytes = read_whole("tests/data/weights/old.pth", file);
    must(tuff_os_write_atomic(s->context, path_of(s, "torch", "old"), &part, 1, NULL) == TUFF_OK, "old");
    part.bytes = read_whole("tests/data/weights/small.h5", file);
    must(tuff_os_write_atomic(s->context, path_of(s, "hdf5", "small"), &part, 1, NULL) == TUFF_OK, "small");
    const struct zip_member member = {
        "model.weights.h5", file, part.bytes, part.bytes, tuff_crc32(0, file, part.bytes), 0, 0};
    const struct tuff_os_part keras = {.data = archive, .bytes = zip_make(archive, &member, 1)};
    must(tuff_os_write_atomic(s->context, path_of(s, "hdf5", "keras"), &keras, 1, NULL) == TUFF_OK, "keras");
    for (size_t i = 0; i < TUFF_COUNT(pickle_cases); i++) {
        const size_t bytes = pickle_file(pickle_cases[i].pickle, pickle_cases[i].length, pickle_cases[i].order, archive);
        snprintf(name, sizeof name, "pickle%zu", i);
        put(s, "torch", name, archive, bytes);
    }
    memset(archive, 0, 512);
    memcpy(archive, "sys_info", 8), memcpy(archive + 257, "ustar", 5);
    put(s, "torch", "tar", archive, 512);
    static const char *const tables[] = {
        /* as tests/fuzz/weights.c reads them */
        "tw;I;26\ntb;I;2\ntnone;I;0\npw;@;26\npb;@;2\npnone;@;0",
        ("tmodule.conv.kernel;I;3324\ntmodule.conv.bias;A;4\ntstep;K;\npconv.weight;@;4233\npconv.bias;E;4\nrstep\n"
         "r*module.*:kernel;*.*.weight\nrmodule.*.kernel;*.weight;3201\nrmodule.*;*"),
        "ta.b.c.d;i;23\ntx;@;1\ntx2;L;12\npd.c.b.a;A;32\nps.mean;d;3\nps.w;@;3\nu\ns\nr*.*.*.*;*.*.*.*;10\nr*;*",
        "taab;I;0\ntaaab;I;90\npb;B;0\nra*a*b;**b\nr**********;x"};
    for (size_t i = 0; i < TUFF_COUNT(tables); i++) {
        snprintf(name, sizeof name, "table%zu", i);
        put(s, "weights", name, tables[i], strlen(tables[i]));
    }
    for (size_t i = 0; i < TUFF_COUNT(old_cases); i++) {
        snprintf(name, sizeof name, "old%zu", i);
        put(s, "torch", name, old_cases[i].pickle, old_cases[i].length);
    }
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

/* A loop, a constant, and a parameter with its values. */
static void put_loop(struct seeds *s)
{
    static const float two[] = {0.1f, 2};
    struct tuff_graph *g = NULL, *body = NULL;
    must(tuff_graph_create(s->context, &g, NULL) == TUFF_OK && tuff_graph_create(s->context, &body, NULL) == TUFF_OK,
         "graphs");
    tuff_val carry = tuff_input(body, "carry", TUFF_F32, TUFF_SHAPE(2)),
             row = tuff_input(body, "row", TUFF_F32, TUFF_SHAPE(2));
    tuff_val next = tuff_add(body, carry, row);
    tuff_val start = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(2)}, two),
             rows = tuff_input(g, "rows", TUFF_F32, TUFF_SHAPE(3, 2));
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(2), (struct tuff_init){.kind = TUFF_INIT_DATA, .data = two});
    struct tuff_scan_params params = {.struct_size = sizeof params,
                                      .body = &body,
                                      .outputs = &next,
                                      .output_count = 1,
                                      .carries = &start,
                                      .carry_count = 1,
                                      .sequences = &rows,
                                      .sequence_count = 1};
    tuff_val y = tuff_mul(g, tuff_scan_last(g, tuff_scan(g, &params), 0), w);
    put_graph(s, g, "loop");
    put_plan(s, g, &y, 1, "loop");
    tuff_graph_destroy(g);
}

/* Everything that a plan may have: a section that prepares, stations, a loop whose bindings go on, counts of workgroups, texels. */
static void put_whole_plan(struct seeds *s)
{
    enum { PARAM, PREPARED, SCRATCH, COUNTS };
    static const enum tuff_memory kinds[] = {TUFF_MEMORY_PARAM, TUFF_MEMORY_PREPARED, TUFF_MEMORY_SCRATCH,
                                             TUFF_MEMORY_SCRATCH};
    static const struct {
        struct tuff_plan_binding bindings[3];
        uint32_t count;
    } launches[] = {
        {{{.slot = PARAM, .access = TUFF_READ, .bytes = 256}, {.slot = PREPARED, .access = TUFF_WRITE, .bytes = 256}}, 2},
        {{{.slot = PREPARED, .access = TUFF_READ, .bytes = 256, .texels = 1},
          {.slot = COUNTS, .access = TUFF_WRITE, .bytes = 256}},
         2},
        {{{.slot = SCRATCH, .access = TUFF_WRITE, .bytes = 256, .step = 256},
          {.slot = COUNTS, .access = TUFF_READ | TUFF_COUNTS, .bytes = 12}},
         2},
        {{{.slot = SCRATCH, .access = TUFF_READ, .bytes = 256, .offset = 768, .step = -256},
          {.slot = PREPARED, .access = TUFF_READ, .bytes = 256, .step = 256, .ring = 2}},
         2},
        {{{.slot = SCRATCH, .access = TUFF_READ, .bytes = 1024, .few = 256}}, 1}};
    const uint32_t words[] = {1, 0xffffffff};
    struct tuff_plan plan;
    struct tuff_text text;
    tuff_plan_init(&plan, s->context);
    tuff_text_init(&text, s->context);
    for (uint32_t i = 0; i < TUFF_COUNT(kinds); i++) {
        struct tuff_plan_slot slot = {
            .name = "s", .dtype = "f32", .memory = tuff_plan_add_memory(&plan, kinds[i], 1024), .bytes = 1024};
        if (kinds[i] == TUFF_MEMORY_PARAM) slot.content = TUFF_CONTENT_ZEROS;
        tuff_plan_add_slot(&plan, &slot);
    }
    tuff_plan_add_kernel(&plan, &(struct tuff_plan_kernel){.file = "k", .defines = "", .hooks = ""}, NULL, 0);
    for (uint32_t i = 0; i < TUFF_COUNT(launches); i++) {
        const struct tuff_plan_launch launch = {.label = "l", .groups = {1, 1, 1}};
        tuff_plan_add_launch(&plan, &launch, launches[i].bindings, launches[i].count, words, i % 3);
        must(tuff_plan_add_numbers(&plan, words, i % 2), "numbers");
    }
    plan.prepare_count = 1;
    must(tuff_plan_add_station(&plan, "a", 1) && tuff_plan_add_station(&plan, "b", 5), "stations");
    must(tuff_plan_add_loop(&plan, &(struct tuff_plan_loop){2, 2, 4}), "a loop");
    tuff_plan_place_barriers(&plan);
    tuff_plan_print(&plan, &text);
    struct tuff_error error = {0};
    must(tuff_plan_check(&plan, s->context, &error) == TUFF_OK, error.message);
    put(s, "plan", "whole", text.data, text.length);
    tuff_text_finish(&text);
    tuff_plan_finish(&plan);
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
        else if (op_case_count(op) && op_add_case(g, op, op_case(op, 0), 0, false, &values))
            outputs[0] = values.y;
        if (network || values.y) {
            put_graph(s, g, name);
            put_plan(s, g, outputs, count, name);
        }
        tuff_graph_destroy(g);
    }
    struct tuff_pointwise_params row = {.struct_size = sizeof row,
                                        .name = "row",
                                        .p0 = 1.0 / 3,
                                        .p1 = 1e-3,
                                        .y = "a < p0 && !(b > 1.0) ? a * pw_exp(-b) : pw_pow(a, 2.0) / p1",
                                        .da = "y",
                                        .db = "1e-3"};
    must(tuff_graph_create(s->context, &g, NULL) == TUFF_OK, "a graph");
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(3)), y = tuff_pointwise(g, &row, x, x);
    tuff_gradients(g, y, 0, &x, 1, outputs);
    put_graph(s, g, "own_row");
    put_plan(s, g, outputs, 1, "own_row");
    tuff_graph_destroy(g);
    put_loop(s);
    put_whole_plan(s);
}

static void put_rows(struct seeds *s)
{
    static const char one[] = "pw_exp(a) * p0 - 2.5e-3 / (1.0 + a * a)\na > 0.0 ? y : -y\n";
    static const char two[] = "a < p0 && !(b > 1.0) || a != b ? pw_pow(a, 2.0) : pw_tanh(b)\ny\n1e-3\nname";
    put(s, "row", "one", one, sizeof one - 2); /* without its last line, which would be a second operand's */
    put(s, "row", "two", two, sizeof two - 1);
}

/* ---- executables in files ---------------------------------------------------------------------------------------------------------- */

static bool has_content(const struct tuff_plan *plan, const struct tuff_plan_slot *slot)
{
    enum tuff_memory kind = tuff_slot_kind(plan, slot);
    return kind == TUFF_MEMORY_CONST || kind == TUFF_MEMORY_PARAM || kind == TUFF_MEMORY_STATE;
}

/* What tuff_executable_save writes, with SPIR-V that is none: it is looked into on a device. */
static void put_bundle(struct seeds *s)
{
    static const uint32_t words[] = {0x07230203, 0x00010300, 0, 10, 0}, zeros[64];
    char names[64][40];
    struct tuff_section_params sections[64];
    uint64_t offsets[64];
    uint32_t count = 0;
    struct tuff_caps caps = graph_caps(0);
    struct tuff_compiled compiled;
    struct tuff_graph *g = NULL;
    struct tuff_text text;
    must(tuff_graph_create(s->context, &g, NULL) == TUFF_OK, "a graph");
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, 3)),
             w = tuff_param(g, "w", TUFF_SHAPE(3, 4), (struct tuff_init){0});
    tuff_val y = tuff_relu(g, tuff_matmul(g, x, w, (struct tuff_matmul_params){0}));
    struct tuff_compile_params params = {.graph = g, .outputs = &y, .output_count = 1, .caps = &caps};
    must(tuff_compile(&params, &compiled, NULL) == TUFF_OK, "a plan");
    struct tuff_plan *plan = &compiled.plan;
    for (uint32_t i = 0; i < plan->slot_count; i++) {
        if (!has_content(plan, &plan->slots[i]) || plan->slots[i].bytes > sizeof zeros) continue;
        snprintf(names[count], sizeof names[count], "main/%u", (unsigned)i);
        sections[count] = (struct tuff_section_params){
            .kind = TUFF_SECTION_WEIGHTS, .name = names[count], .data = zeros, .bytes = (size_t)plan->slots[i].bytes};
        count++;
    }
    for (uint32_t i = 0; i < plan->kernel_count; i++) {
        snprintf(names[count], sizeof names[count], "main/%u", (unsigned)i);
        sections[count] = (struct tuff_section_params){
            .kind = TUFF_SECTION_SPIRV, .name = names[count], .data = words, .bytes = sizeof words};
        count++;
    }
    sections[count] = (struct tuff_section_params){.kind = TUFF_SECTION_PLAN, .name = "main", .data = ""};
    tuff_container_lay_out(sections, count + 1, offsets);
    for (uint32_t i = 0, section = 0; i < plan->slot_count; i++) {
        struct tuff_plan_slot *slot = &plan->slots[i];
        if (!has_content(plan, slot) || slot->bytes > sizeof zeros) continue;
        slot->content = TUFF_CONTENT_FILE;
        slot->data = NULL;
        slot->content_bytes = slot->bytes;
        slot->content_hash = 0;
        slot->file_offset = offsets[section++];
    }
    tuff_text_init(&text, s->context);
    tuff_plan_print(plan, &text);
    sections[count].data = text.data;
    sections[count++].bytes = text.length;
    must(tuff_container_write(s->context, path_of(s, "bundle", "matmul"), sections, count, NULL) == TUFF_OK, "writing");
    tuff_text_finish(&text);
    tuff_plan_finish(plan);
    tuff_graph_destroy(g);
}

/* ---- files in folders: the forms that store.c and dataset.c of this folder explain --------------------------------------------------- */

static size_t add_file(uint8_t *to, const char *name, const void *data, size_t bytes)
{
    size_t length = strlen(name);
    to[0] = (uint8_t)length;
    memcpy(to + 1, name, length);
    to[1 + length] = (uint8_t)bytes;
    to[2 + length] = (uint8_t)(bytes >> 8);
    memcpy(to + 3 + length, data, bytes);
    return length + 3 + bytes;
}

/* Each as it is, and with a byte behind it: what is read depends on how long it is. */
static void put_files(struct seeds *s, uint8_t *files, size_t size, const char *name)
{
    char longer[64];
    for (size_t more = 0; more < 8; more++) {
        snprintf(longer, sizeof longer, "%s%zu", name, more);
        put(s, "dataset", longer, files, size + more);
    }
}

static void put_folders(struct seeds *s)
{
    static const uint8_t pictures[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
    static const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 11}, few[] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 1};
    static const char bmp[58] = "BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0\1\0\0\0\1\0\x18";
    uint8_t files[LARGEST] = {0};
    for (int what = 0; what < 7; what++)
        for (int mode = 0; mode < 4; mode++) {
            const uint8_t store[] = {mode & 1 ? 020 : 0100, mode & 2 ? 002 : 0, (uint8_t)what, 1, 2, 3};
            char name[16];
            snprintf(name, sizeof name, "%d-%d", what, mode);
            put(s, "store", name, store, sizeof store);
        }
    size_t at = add_file(files, "train-images-idx3-ubyte", pictures, sizeof pictures);
    at += add_file(files + at, "train-labels-idx1-ubyte", labels, sizeof labels);
    at += add_file(files + at, "t10k-images.idx3-ubyte", pictures, sizeof pictures);
    at += add_file(files + at, "test-labels-idx1-ubyte", labels, sizeof labels);
    at += add_file(files + at, "mapping.txt", "0 48\n1 65\n", 10);
    put_files(s, files, at, "idx");
    at = add_file(files, "train-images-idx3-ubyte", pictures, sizeof pictures);
    at += add_file(files + at, "train-labels-idx1-ubyte", few, sizeof few);
    at += add_file(files + at, "x-t10k-images-idx3-ubyte", pictures, sizeof pictures);
    at += add_file(files + at, "x-t10k-labels-idx1-ubyte", few, sizeof few);
    put_files(s, files, at, "few");
    at = add_file(files, "cat/a.bmp", bmp, sizeof bmp);
    at += add_file(files + at, "cat/b.BMP", bmp, sizeof bmp);
    at += add_file(files + at, "dog/c.bmp", bmp, sizeof bmp);
    at += add_file(files + at, "dog/d.png", bmp, 9);
    at += add_file(files + at, "dog/.e", bmp, 1);
    at += add_file(files + at, "dog/f/g.bmp", bmp, 1);
    at += add_file(files + at, "readme.txt", bmp, 1);
    put_files(s, files, at, "folder");
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
        must(tuff_cache_add(cache, (struct tuff_spirv_key){{i, i}, i}, words, i + 2).words != NULL, "an entry");
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
    put(s, "jpeg", name, file, bytes);
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
    put(s, "webp", "lossless", file, bytes);
    WebPFree(file);
    bytes = WebPEncodeRGBA(pixels, 6, 5, 24, 60, &file); /* lossy, with alpha beside it */
    put(s, "webp", "lossy", file, bytes);
    WebPFree(file);
    bytes = WebPEncodeRGB(pixels, 6, 5, 18, 60, &file);
    put(s, "webp", "rgb", file, bytes);
    WebPFree(file);
    static const char moves[] = "RIFF\x22\0\0\0WEBPVP8X\x0a\0\0\0\2\0\0\0\5\0\0\4\0\0ANMF\4\0\0\0\0\0\0\0";
    put(s, "webp", "moves", moves, sizeof moves - 1);
#else
    (void)s, (void)pixels;
#endif
}

#if TUFF_HAVE_PNG
static void append_png(png_structp png, png_bytep bytes, size_t count)
{
    tuff_text_append(png_get_io_ptr(png), bytes, count);
}
#endif

/* 6 x 5 of any colour type and depth; palettes and types without alpha get a transparent colour. */
static void put_png(struct seeds *s, int type, int depth, bool interlaced, const char *name)
{
#if TUFF_HAVE_PNG
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    struct tuff_text file;
    png_color palette[2] = {{1, 2, 3}, {250, 100, 7}};
    png_byte alphas[2] = {128, 255};
    png_color_16 colour = {.gray = 1};
    bool by_palette = type == PNG_COLOR_TYPE_PALETTE;
    must(info != NULL, "a PNG");
    tuff_text_init(&file, s->context);
    png_set_write_fn(png, &file, append_png, NULL);
    png_set_IHDR(png, info, 6, 5, depth, type, interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (by_palette) png_set_PLTE(png, info, palette, 2);
    if (!(type & PNG_COLOR_MASK_ALPHA)) png_set_tRNS(png, info, by_palette ? alphas : NULL, by_palette ? 2 : 1, &colour);
    png_write_info(png, info);
    for (int pass = png_set_interlace_handling(png); pass > 0; pass--)
        for (int y = 0; y < 5; y++) {
            uint8_t row[6 * 8];
            for (size_t i = 0; i < sizeof row; i++) row[i] = by_palette ? 0 : (uint8_t)(y * 40 + (int)i);
            png_write_row(png, row);
        }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    put(s, "png", name, file.data, file.length);
    tuff_text_finish(&file);
#else
    (void)s, (void)type, (void)depth, (void)interlaced, (void)name;
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
    put(s, "gif", name, file.data, file.length);
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
    put(s, "bmp", name, file, from + 5 * stride);
}

/* The header of OS/2, masks of 16 bits, and rows from the top. */
static void put_other_bmps(struct seeds *s)
{
    uint8_t core[26 + 5 * 20] = "BM", masks[66 + 5 * 12] = "BM";
    const uint32_t core_numbers[] = {26, 12, 6u | 5u << 16, 1u | 24u << 16};
    const uint32_t masks_numbers[] = {66, 40, 6, 0u - 5u, 1u | 16u << 16, 3, 0, 0, 0, 0, 0, 0xf800, 0x07e0, 0x001f};
    memcpy(core + 10, core_numbers, sizeof core_numbers);
    memcpy(masks + 10, masks_numbers, sizeof masks_numbers);
    put(s, "bmp", "core.bmp", core, sizeof core);
    put(s, "bmp", "masks.bmp", masks, sizeof masks);
}

static void put_tiffs(struct seeds *s)
{
#if TUFF_HAVE_TIFF
    for (size_t i = 0; i < TUFF_COUNT(tiff_kinds); i++) {
        struct made made;
        make_tiff(&made, &tiff_kinds[i]);
        put(s, "tiff", tiff_kinds[i].what, made.data, made.bytes);
    }
#else
    (void)s;
#endif
}

static void put_jp2s(struct seeds *s)
{
#if TUFF_HAVE_JP2
    for (size_t i = 0; i < TUFF_COUNT(jp2_kinds); i++) {
        struct made made;
        make_jp2(&made, &jp2_kinds[i]);
        put(s, "jp2", jp2_kinds[i].what, made.data, made.bytes);
    }
#else
    (void)s;
#endif
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
    put_png(s, 0, 1, false, "grey1.png"); /* the numbers are those of the file format */
    put_png(s, 0, 16, true, "grey16.png");
    put_png(s, 2, 8, true, "rgb.png");
    put_png(s, 3, 4, false, "palette.png");
    put_png(s, 4, 8, false, "alpha.png");
    put_png(s, 6, 16, true, "rgba16.png");
    put_bmp(s, 1, "1.bmp");
    put_bmp(s, 4, "4.bmp");
    put_bmp(s, 8, "8.bmp");
    put_bmp(s, 24, "24.bmp");
    put_bmp(s, 32, "32.bmp");
    put_other_bmps(s);
    put(s, "pnm", "p5", "P5 6 5\n255\n012345678901234567890123456789", 42);
    put(s, "pnm", "p6", "P6\n#a\n3 2 15\n012345678901234567", 31);
    put(s, "pnm", "p4", "P4\n8 1\n0", 8);
    put_tiffs(s);
    put_jp2s(s);
    uint8_t pixels[6 * 5 * 4];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 7);
    for (int channels = 1; channels <= 4; channels++) {
        char name[16];
        struct tuff_picture picture = {6, 5, (uint32_t)channels, pixels};
        if (channels == 2) continue;
        snprintf(name, sizeof name, "%d.png", channels);
        if (TUFF_HAVE_PNG)
            must(tuff_picture_write_png(s->context, path_of(s, "png", name), &picture, NULL) == TUFF_OK, name);
        snprintf(name, sizeof name, "%d.jpg", channels);
        put_jpeg(s, channels, false, pixels, name);
        snprintf(name, sizeof name, "scans%d.jpg", channels);
        put_jpeg(s, channels, true, pixels, name);
    }
}

/* The head and one row of a result file of tuff-bench: a row is a line there. Found from the folder of the sources. */
static void put_row_of(struct seeds *s, const char *path, const char *wanted, const char *name)
{
    char text[LARGEST + 1] = "", line[LARGEST];
    bool found = false;
    FILE *file = fopen(path, "rb");
    must(file != NULL, path);
    for (bool head = true; !found && fgets(line, sizeof line, file); head = false) {
        found = !head && strstr(line, wanted);
        if ((head || found) && strlen(text) + strlen(line) + 4 <= sizeof text) strcat(text, line);
    }
    fclose(file);
    char *comma = strrchr(text, ',');
    if (comma && comma[1] == '\n') *comma = ' ';
    strcat(text, "]}");
    put(s, "result", name, text, strlen(text));
}

static void put_result(struct seeds *s)
{
    static const char *const rows[] = {"\"group\":\"peak\"",    "\"peak/copy",         "\"group\":\"operator\"",
                                       "\"group\":\"net\"",     "\"group\":\"first\"", "\"group\":\"sustained\"",
                                       "\"group\":\"accuracy\""};
    for (size_t i = 0; i < 2 * TUFF_COUNT(rows); i++) {
        char name[16];
        snprintf(name, sizeof name, "%zu", i);
        put_row_of(s, i % 2 ? "tests/data/bench/discrete.json" : "tests/data/bench/software.json", rows[i / 2], name);
    }
}

/* A function that is called twice, weights and constants, an If; and the shared data's cases where they are. */
static void put_onnx(struct seeds *s)
{
    static const char *const ops[][2] = {
        {"Add", "Conv"}, {"Reshape", "Gather"}, {"Resize", "LSTM"}, {"TopK", "Slice"}, {"Loop", "Scan"}};
    const float w[4] = {1, 2, 3, 4};
    const int64_t shape[2] = {2, 2};
    for (size_t i = 0; i < TUFF_COUNT(ops); i++) {
        struct onnx_bytes graph = {.count = 0}, file, branch = {.count = 0}, n = {.count = 0};
        onnx_node(&graph, "F", "mine", "x", NULL, "a");
        onnx_node(&graph, ops[i][0], NULL, "a", "w", "b");
        onnx_constant(&graph, "c", w, 2);
        onnx_node(&graph, ops[i][1], NULL, "b", "s", "d");
        onnx_node(&branch, "Neg", NULL, "x", NULL, "e");
        onnx_value_info(&branch, 12, "e", 4, 1);
        onnx_text(&n, 1, "k");
        onnx_text(&n, 2, "y");
        onnx_text(&n, 4, i < 4 ? "If" : "Loop");
        for (int k = 0; k < 2; k++) {
            struct onnx_bytes attribute = {.count = 0};
            onnx_text(&attribute, 1, k ? "then_branch" : i < 4 ? "else_branch" : "body");
            onnx_message(&attribute, 6, &branch);
            onnx_message(&n, 5, &attribute);
        }
        onnx_message(&graph, 1, &n);
        onnx_tensor(&graph, 5, "w", 4, 1, w, sizeof w);
        onnx_tensor(&graph, 5, "s", 2, 7, shape, sizeof shape);
        onnx_tensor(&graph, 5, "k", 1, 9, w, 1);
        onnx_value_info(&graph, 11, "x", i % 2 ? 4 : -1, 1);
        onnx_value_info(&graph, 12, "y", 4, 1);
        onnx_model(&file, &graph);
        onnx_function(&file, "F", i % 2 ? "Neg" : "Softmax", NULL);
        put(s, "onnx", ops[i][0], file.at, file.count);
    }
    const char *shared = getenv("TUFF_SHARED");
    char folder[400], **names = NULL;
    size_t count = 0;
    snprintf(folder, sizeof folder, "%s/data/onnx-conformance", shared ? shared : "../shared");
    if (tuff_os_list_folder(s->context, folder, &names, &count, NULL) != TUFF_OK) return;
    for (size_t i = 0; i < count; i++) {
        char path[700];
        struct tuff_os_map *map = NULL;
        const void *data;
        size_t bytes;
        snprintf(path, sizeof path, "%s/%s/model.onnx", folder, names[i]);
        if (tuff_os_map_file(s->context, path, &map, &data, &bytes, NULL) != TUFF_OK) continue;
        put(s, "onnx", names[i], data, bytes);
        tuff_os_unmap(map);
    }
    tuff_free(s->context, names);
}

int main(int argc, char **argv)
{
    struct seeds s = {.folder = argc == 2 ? argv[1] : ""};
    must(argc == 2, "usage: fuzz-seeds FOLDER: that");
    must(tuff_context_create(NULL, &s.context, NULL) == TUFF_OK, "a context");
    put_idx(&s);
    put_network(&s);
    put_numpy(&s);
    if (TUFF_HAVE_JSON) put_tensors(&s);
    put_weights(&s);
    put_graphs(&s);
    if (TUFF_HAVE_ONNX) put_onnx(&s);
    put_rows(&s);
    put_bundle(&s);
    put_folders(&s);
    put_spirv(&s);
    put_cache(&s);
    put_pictures(&s);
    put_foreign(&s);
    if (TUFF_HAVE_JSON) put_result(&s);
    tuff_context_destroy(s.context);
    printf("%u seeds in %s\n", s.count, s.folder);
    return 0;
}

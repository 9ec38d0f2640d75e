/* onnx_write.c - graphs written as ONNX and read again: every operator's cases, the layers that PyTorch is compared with, small networks, a trained
 * model for any number of samples, what is refused.
 *   onnx_write [--dump FOLDER] [--model IN.onnx OUT.onnx NAME=FILE.npy..] [part of a name]
 *     --dump   keeps the models with inputs and outputs (NAME.onnx, NAME.iK.npy, NAME.oK.npy) for tests/onnx/runtime.py
 *     --model  a real model: read, run, written, read and run again
 * Both runs are the device's: |a - b| <= 2e-5 max |b| + 1e-4 |b| of floats; whole numbers are equal. */
#include "graph/dtype.h"
#include "graph/reference.h"
#include "loaders/leaves.h"
#include "samples/data/data.h"
#include "samples/nets/nets.h"
#include "tests/op_help.h"
#include "tests/temporary.h"
#include "tests/torch/layers.h"
#include "tests/train_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 256 };
struct write_test {
    struct backend_test test;
    struct op_random random;
    const char *dump, *only;
    char path[300];
    unsigned models, refused;
    double worst; /* as a part of what is allowed */
};

/* ---- comparing --------------------------------------------------------------------------------------------------------------------- */

static double element(const struct tuff_array *a, uint64_t i)
{
    return tuff_element(tuff_element_dtype(a->element), a->data, i);
}

static void compare(struct write_test *t, const char *name, uint32_t k, const struct tuff_array *got,
                    const struct tuff_array *wanted)
{
    const uint64_t count = wanted->bytes / tuff_element_bytes(wanted->element);
    const bool floats = tuff_is_float(tuff_element_dtype(wanted->element));
    double most = 0;
    bool same = got->rank == wanted->rank && got->element == wanted->element;
    for (uint32_t d = 0; same && d < got->rank; d++) same = got->dim[d] == wanted->dim[d];
    if (!backend_check(&t->test, same, "%s: output %u has another type or shape: %s of %u axes, not %s of %u", name, k,
                       tuff_element_name(got->element), got->rank, tuff_element_name(wanted->element), wanted->rank))
        return;
    for (uint64_t i = 0; i < count; i++) {
        const double y = fabs(element(wanted, i));
        if (y < 1e30 && y > most) most = y;
    }
    for (uint64_t i = 0; i < count; i++) {
        const double x = element(got, i), y = element(wanted, i), room = floats ? 2e-5 * most + 1e-4 * fabs(y) : 0;
        if (x == y || (isnan(x) && isnan(y)) || fabs(y) > 1e30) continue;
        const double part = fabs(x - y) / (room > 0 ? room : 1e-30);
        if (part > t->worst && part <= 1) t->worst = part;
        if (!backend_check(&t->test, part <= 1, "%s: output %u, element %llu: expected %.9g, got %.9g", name, k,
                           (unsigned long long)i, y, x))
            return;
    }
}

static void dump(struct write_test *t, const char *name, char kind, uint32_t k, const struct tuff_array *array)
{
    char path[400];
    struct tuff_error error = {0};
    if (!t->dump || array->element == TUFF_ELEMENT_BF16) return;
    snprintf(path, sizeof path, "%s/%s.%c%u.npy", t->dump, name, kind, k);
    backend_status(&t->test, path, TUFF_OK, tuff_npy_write(t->test.context, path, array, &error), &error);
}

/* Those that the model has: what nothing reads is not written. */
static uint32_t list_inputs(const struct tuff_onnx *onnx, const struct tuff_array *inputs, uint32_t count,
                            struct tuff_array *used)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < tuff_onnx_input_count(onnx); i++)
        for (uint32_t k = 0; k < count; k++)
            if (!strcmp(tuff_onnx_input(onnx, i).name, inputs[k].name)) used[n++] = inputs[k];
    return n;
}

/* Reads the model at t->path, runs it on these inputs and compares. */
static void read_back(struct write_test *t, const char *name, const struct tuff_array *inputs, uint32_t input_count,
                      const struct tuff_array *wanted, uint32_t count)
{
    struct tuff_onnx *onnx = NULL;
    struct tuff_onnx_runner *runner = NULL;
    struct tuff_error error = {0};
    struct tuff_array got[MOST], used[MOST];
    tuff_status status = tuff_onnx_open(t->test.context, t->path, NULL, &onnx, &error);
    if (status == TUFF_OK) status = tuff_onnx_runner_create(t->test.device, onnx, NULL, &runner, &error);
    if (status == TUFF_OK && backend_check(&t->test, tuff_onnx_output_count(onnx) == count, "%s: %u outputs, not %u", name,
                                           tuff_onnx_output_count(onnx), count))
        status = tuff_onnx_run(runner, used, list_inputs(onnx, inputs, input_count, used), got, &error);
    if (backend_status(&t->test, name, TUFF_OK, status, &error))
        for (uint32_t k = 0; k < count; k++)
            if (!tuff_onnx_is_random(runner, k)) compare(t, name, k, &got[k], &wanted[k]);
    for (uint32_t i = 0; onnx && i < tuff_onnx_input_count(onnx); i++)
        for (uint32_t k = 0; k < input_count; k++)
            if (!strcmp(tuff_onnx_input(onnx, i).name, inputs[k].name)) dump(t, name, 'i', i, &inputs[k]);
    for (uint32_t k = 0; k < count; k++) dump(t, name, 'o', k, &wanted[k]);
    tuff_onnx_runner_destroy(runner);
    tuff_onnx_destroy(onnx);
    t->models++;
}

static void begin_file(struct write_test *t, const char *name)
{
    if (t->dump)
        snprintf(t->path, sizeof t->path, "%s/%s.onnx", t->dump, name);
    else
        temporary_path("tuff-onnx-write.onnx", t->path, sizeof t->path);
}

static void end_file(struct write_test *t)
{
    char data[320];
    snprintf(data, sizeof data, "%s.data", t->path);
    if (!t->dump) remove(t->path), remove(data);
}

static struct tuff_array array_of(const struct tuff_graph *g, tuff_val v)
{
    const struct tuff_type type = tuff_type_on_host(g, v);
    struct tuff_array array = {.rank = type.shape.rank, .bytes = tuff_dtype_size(type.dtype, tuff_shape_count(&type.shape))};
    for (int e = TUFF_ELEMENT_BOOL; e <= TUFF_ELEMENT_U64; e++)
        if (tuff_element_dtype(e) == type.dtype && tuff_element_bytes(e) == tuff_dtype_size(type.dtype, 1))
            array.element = e;
    for (uint32_t d = 0; d < type.shape.rank; d++) array.dim[d] = type.shape.dim[d];
    array.name = tuff_value_of(g, v)->name;
    array.data = calloc(1, (size_t)array.bytes + 1);
    if (!array.data) abort();
    return array;
}

/* Outputs of a graph whose inputs have this content, as the device computes them and as the model that is written does. */
static void check_graph(struct write_test *t, const char *name, struct tuff_graph *g, const tuff_val *outputs,
                        uint32_t count, double *const *data, struct tuff_onnx_write_params params)
{
    struct tuff_array inputs[MOST], wanted[MOST];
    struct tuff_error error = {0};
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    uint32_t input_count = 0, n = 0;
    const struct tuff_executable_params compile = {.struct_size = sizeof compile, .outputs = outputs, .output_count = count};
    tuff_status status = tuff_graph_finish(g, &error);
    if (status == TUFF_OK) status = tuff_session_create(t->test.device, g, NULL, &session, &error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &compile, &x, &error);
    bool *needed = calloc(g->count, sizeof *needed);
    for (uint32_t k = 0; k < count; k++) needed[outputs[k]] = true;
    tuff_graph_mark_needed(g, needed);
    for (tuff_val v = 1; status == TUFF_OK && v < g->count; v++) {
        if (g->values[v].op->kind != TUFF_KIND_INPUT || !needed[v] || input_count == MOST) continue;
        struct tuff_array *in = &inputs[input_count++];
        *in = array_of(g, v);
        op_pack(tuff_type_on_host(g, v).dtype, data[v], tuff_shape_count(&g->values[v].type.shape),
                (void *)(uintptr_t)in->data);
        status = tuff_executable_write(x, v, in->data, (size_t)in->bytes, &error);
    }
    if (status == TUFF_OK) status = tuff_executable_run(x, &error);
    for (; status == TUFF_OK && n < count; n++) {
        wanted[n] = array_of(g, outputs[n]);
        status = tuff_executable_read(x, n, (void *)(uintptr_t)wanted[n].data, (size_t)wanted[n].bytes, &error);
    }
    begin_file(t, name);
    params.struct_size = sizeof params, params.session = session, params.outputs = outputs, params.output_count = count;
    if (status == TUFF_OK) status = tuff_onnx_write(t->test.context, t->path, &params, &error);
    if (backend_status(&t->test, name, TUFF_OK, status, &error)) read_back(t, name, inputs, input_count, wanted, count);
    end_file(t);
    for (uint32_t i = 0; i < input_count; i++) free((void *)(uintptr_t)inputs[i].data);
    for (uint32_t i = 0; i < n; i++) free((void *)(uintptr_t)wanted[i].data);
    free(needed);
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
}

/* Content of inputs that no case fills. */
static double **fill(struct write_test *t, const struct tuff_graph *g, uint32_t most)
{
    double **data = tuff_reference_create(g);
    if (!data) abort();
    for (tuff_val v = 1; v < g->count; v++) {
        if (g->values[v].op->kind != TUFF_KIND_INPUT) continue;
        const uint64_t count = tuff_shape_count(&g->values[v].type.shape);
        data[v] = tuff_alloc(g->context, (size_t)count * sizeof **data);
        for (uint64_t i = 0; i < count; i++)
            data[v][i] = tuff_is_float(g->values[v].type.dtype)
                             ? (double)(float)op_normal(&t->random)
                             : op_below(&t->random, g->values[v].type.dtype == TUFF_BOOL ? 2 : most);
    }
    return data;
}

static bool skipped(const struct write_test *t, const char *name) { return t->only && !strstr(name, t->only); }

/* ---- operators and layers ------------------------------------------------------------------------------------------------------------ */

/* What only training has, and what ONNX has no form for. */
static bool is_refused(const struct tuff_op *op, const struct tuff_case *c)
{
    static const char *const names[] = {"conv2d_weight_grad", "max_pool2d_grad", "avg_pool2d_grad",
                                        "group_counts",       "param_pack",      "pack"};
    for (size_t i = 0; i < TUFF_COUNT(names); i++)
        if (!strcmp(op->name, names[i])) return true;
    return (op == &tuff_op_max_pool2d && c->in_count > 1) || (op == &tuff_op_matmul && c->in_count > 2);
}

/* Places that are none are clamped by Tuff and wrong in ONNX. */
static void inside(const struct tuff_graph *g, const struct op_case_values *c, double **data)
{
    const int32_t axis = *(const int32_t *)g->values[c->y].attrs;
    const double n = g->values[c->in[0]].type.shape.dim[axis];
    for (uint64_t i = tuff_shape_count(&g->values[c->in[1]].type.shape); i-- > 0;)
        data[c->in[1]][i] = fmod(data[c->in[1]][i], n);
}

/* An operator's cases from one on, of those that can be written, are one model. */
static void check_cases(struct write_test *t, const struct tuff_op *op, uint32_t first, uint32_t most)
{
    char name[60];
    struct tuff_graph *g = NULL;
    struct op_case_values cases[MOST] = {{{0}, 0, {0}, 0, {0}}};
    tuff_val outputs[MOST];
    uint32_t count = 0;
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
    for (uint32_t c = first; c < op_case_count(op) && c < first + most; c++) {
        const struct tuff_case *one = op_case(op, c);
        bool blocks = false;
        for (uint32_t k = 0; k < one->in_count; k++) blocks = blocks || tuff_is_blocks(one->in[k].dtype);
        if (is_refused(op, one) || blocks || op_is_derivative(op)) continue;
        if (!op_add_case(g, op, one, c, false, &cases[c])) abort();
        outputs[count++] = cases[c].y;
        if (op->more_count) outputs[count++] = cases[c].more[0];
    }
    double **data = tuff_reference_create(g);
    bool filled = data && count;
    for (uint32_t c = 0; filled && c < op_case_count(op) && c < MOST; c++)
        filled = op_fill_case(&t->random, g, op, op_case(op, c), &cases[c], data);
    for (uint32_t c = 0; filled && c < op_case_count(op) && c < MOST && op->traits & TUFF_TAKES_PLACES; c++)
        if (cases[c].y) inside(g, &cases[c], data);
    snprintf(name, sizeof name, first ? "%s.%u" : "%s", op->name, (unsigned)first);
    if (filled) check_graph(t, name, g, outputs, count, data, (struct tuff_onnx_write_params){.beside = op->row % 2});
    tuff_reference_destroy(g, data);
    tuff_graph_destroy(g);
}

/* Of pools, of which ONNX Runtime lacks some, each is a model. */
static void check_operator(struct write_test *t, const struct tuff_op *op)
{
    const uint32_t most = op == &tuff_op_max_pool2d || op == &tuff_op_avg_pool2d ? 1 : 40;
    for (uint32_t c = 0; c < op_case_count(op) && c < MOST; c += most) check_cases(t, op, c, most);
}

static void check_layers(struct write_test *t)
{
    static const struct layer_case *const lists[] = {layer_cases_basic, layer_cases_sequence, layer_cases_spatial,
                                                     layer_cases_losses};
    for (uint32_t i = 0; i < TUFF_COUNT(lists); i++)
        for (const struct layer_case *c = lists[i]; c->name; c++) {
            struct tuff_graph *g = NULL;
            char name[120];
            tuff_val in[LAYER_INPUTS] = {0}, y[LAYER_RESULTS] = {0};
            uint32_t count = 0;
            snprintf(name, sizeof name, "%s.%u%u", c->name, i, (unsigned)(c - lists[i]));
            if (skipped(t, name)) continue;
            if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
            for (uint32_t k = 0; k < LAYER_INPUTS; k++) {
                struct tuff_shape shape = {0};
                while (shape.rank < TUFF_MAX_RANK && c->in[k].dim[shape.rank])
                    shape.dim[shape.rank] = c->in[k].dim[shape.rank], shape.rank++;
                if (shape.rank) in[k] = tuff_input(g, (const char[2]){(char)('a' + k), 0}, c->in[k].dtype, shape);
            }
            c->build(g, in, false, y);
            while (count < LAYER_RESULTS && y[count]) count++;
            double **data = tuff_reference_create(g);
            for (uint32_t k = 0; k < LAYER_INPUTS && data; k++) {
                const struct layer_input *of = &c->in[k];
                const uint64_t elements = in[k] ? tuff_shape_count(&g->values[in[k]].type.shape) : 0;
                if (in[k]) data[in[k]] = tuff_alloc(g->context, (size_t)elements * sizeof **data);
                for (uint64_t e = 0; e < elements; e++)
                    data[in[k]][e] = of->dtype == TUFF_I32    ? op_below(&t->random, of->most)
                                     : of->dtype == TUFF_BOOL ? op_below(&t->random, 2)
                                                              : (double)(float)((of->uniform ? op_uniform(&t->random, 0, 1)
                                                                                             : op_normal(&t->random)) *
                                                                                    (of->scale ? (double)of->scale : 1) +
                                                                                (double)of->shift);
            }
            if (data) check_graph(t, name, g, y, count, data, (struct tuff_onnx_write_params){0});
            tuff_reference_destroy(g, data);
            tuff_graph_destroy(g);
        }
}

/* ---- networks ------------------------------------------------------------------------------------------------------------------------ */

static void check_nets(struct write_test *t)
{
    struct zoo_picture picture;
    for (uint32_t i = 0; zoo_picture(i, &picture); i++) {
        struct tuff_graph *g = NULL;
        char head[32], name[80];
        const uint32_t side = picture.side ? picture.side : 28, channels = picture.channels ? picture.channels : 1;
        snprintf(name, sizeof name, "net.%s", picture.name);
        if (skipped(t, name) || side > 64) continue;
        if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
        tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, channels, side, side));
        tuff_val y = tuff_named(g, zoo_picture_build(&picture, g, x, false, 10, head), "logits");
        double **data = fill(t, g, 10);
        check_graph(t, name, g, &y, 1, data, (struct tuff_onnx_write_params){.beside = i % 2});
        tuff_reference_destroy(g, data);
        tuff_graph_destroy(g);
    }
}

/* Language: tokens, attention, a table of 16-bit weights. */
static void check_language(struct write_test *t)
{
    struct tuff_graph *g = NULL;
    const struct zoo_gpt size = {.layers = 2, .width = 32, .heads = 2, .tokens = 12, .symbols = 50};
    if (skipped(t, "net.gpt")) return;
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
    struct zoo_build b = {.g = g};
    tuff_val x = tuff_input(g, "x", TUFF_I64, TUFF_SHAPE(2, 12));
    tuff_val y = zoo_gpt(&b, x, &size);
    tuff_val outputs[] = {tuff_named(g, y, "logits"), tuff_cast(g, tuff_argmax(g, y, 1, TUFF_DROP_AXES), TUFF_I64), x, y};
    double **data = fill(t, g, 50);
    check_graph(t, "net.gpt", g, outputs, 4, data, (struct tuff_onnx_write_params){0});
    tuff_reference_destroy(g, data);
    tuff_graph_destroy(g);
}

/* ---- a model file -------------------------------------------------------------------------------------------------------------------- */

static const struct tuff_pair note = {"note", "a test"};

/* The file's own predictor, and the model that is written of it for this many samples. */
static void check_samples(struct write_test *t, const char *name, const struct tuff_saved *saved, uint32_t count)
{
    const struct tuff_saved_info *info = tuff_saved_info(saved);
    struct tuff_predictor *predictor = NULL;
    struct tuff_error error = {0};
    struct tuff_array in[TUFF_MODEL_FIELDS] = {{0}}, wanted[TUFF_MODEL_OUTPUTS] = {{0}};
    const void *from[TUFF_MODEL_FIELDS];
    void *to[TUFF_MODEL_OUTPUTS];
    for (uint32_t i = 0; i < info->input_count + info->output_count; i++) {
        const struct tuff_model_output *end = i < info->input_count ? &info->inputs[i]
                                                                    : &info->outputs[i - info->input_count];
        struct tuff_array *a = i < info->input_count ? &in[i] : &wanted[i - info->input_count];
        *a = (struct tuff_array){.name = end->name,
                                 .element = end->type.dtype == TUFF_U8 ? TUFF_ELEMENT_U8 : TUFF_ELEMENT_F32};
        a->rank = end->type.shape.rank + 1;
        a->dim[0] = count;
        for (uint32_t d = 1; d < a->rank; d++) a->dim[d] = end->type.shape.dim[d - 1];
        a->bytes = count * tuff_dtype_size(end->type.dtype, tuff_shape_count(&end->type.shape));
        uint8_t *bytes = calloc(1, (size_t)a->bytes);
        for (uint64_t k = 0; i < info->input_count && k < a->bytes; k++) bytes[k] = (uint8_t)op_below(&t->random, 256);
        a->data = bytes;
        if (i < info->input_count)
            from[i] = bytes;
        else
            to[i - info->input_count] = bytes;
    }
    tuff_status status = tuff_predictor_create(t->test.device, saved, &predictor, &error);
    if (status == TUFF_OK) status = tuff_predictor_run(predictor, from, count, to, &error);
    if (backend_status(&t->test, name, TUFF_OK, status, &error))
        read_back(t, name, in, info->input_count, wanted, info->output_count);
    for (uint32_t i = 0; i < info->input_count; i++) free((void *)(uintptr_t)in[i].data);
    for (uint32_t i = 0; i < info->output_count; i++) free((void *)(uintptr_t)wanted[i].data);
    tuff_predictor_destroy(predictor);
}

static void check_saved(struct write_test *t)
{
    static const char *const classes[TRAIN_CLASSES] = {"cat", "dog", "\xc3\xa4pfel"};
    struct train train = {0};
    struct tuff_saved *saved = NULL;
    struct tuff_error error = {0};
    char file[300];
    temporary_path("tuff-onnx-write.tuff", file, sizeof file);
    tuff_status status = train_open(&train, NULL, &error);
    if (status == TUFF_OK) status = train_model(&train, &(struct train_params){.epochs = 2}, &error);
    if (status == TUFF_OK) status = train_fit(&train, &error);
    struct tuff_model_save_params save = {.struct_size = sizeof save, .class_names = classes, .class_count = TRAIN_CLASSES};
    if (status == TUFF_OK) status = tuff_model_save(train.context, train.model, file, &save, &error);
    if (status == TUFF_OK) status = tuff_saved_open(t->test.context, file, &saved, &error);
    struct tuff_onnx_write_params params = {.struct_size = sizeof params, .saved = saved, .texts = &note, .text_count = 1};
    begin_file(t, "saved");
    if (status == TUFF_OK) status = tuff_onnx_write(t->test.context, t->path, &params, &error);
    if (backend_status(&t->test, "a trained model", TUFF_OK, status, &error)) {
        struct tuff_onnx *onnx = NULL;
        status = tuff_onnx_open(t->test.context, t->path, NULL, &onnx, &error);
        if (backend_status(&t->test, "a trained model, read", TUFF_OK, status, &error)) {
            const struct tuff_onnx_end in = tuff_onnx_input(onnx, 0), out = tuff_onnx_output(onnx, 0);
            backend_check(&t->test, in.dim[0] == -1 && !strcmp(in.dim_name[0], "N") && in.element == TUFF_ELEMENT_U8,
                          "the input is for %lld samples, not N", (long long)in.dim[0]);
            backend_check(&t->test, out.dim[0] == -1 && !strcmp(out.name, tuff_saved_info(saved)->outputs[0].name),
                          "the output is %s", out.name);
        }
        tuff_onnx_destroy(onnx);
        check_samples(t, "saved", saved, 5);
        check_samples(t, "saved", saved, 1);
    }
    end_file(t);
    remove(file);
    tuff_saved_destroy(saved);
    train_close(&train);
}

/* ---- weights of 16 bits, refusals ---------------------------------------------------------------------------------------------------- */

static tuff_val two_layers(struct tuff_graph *g, enum tuff_dtype dtype)
{
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(3, 64));
    tuff_val w = tuff_param_of(g, "w", (struct tuff_type){dtype, TUFF_SHAPE(32, 64)},
                               (struct tuff_init){.kind = TUFF_INIT_DEFAULT});
    return tuff_relu(g, tuff_matmul(g, x, w, (struct tuff_matmul_params){.transpose_b = true}));
}

static void check_types(struct write_test *t)
{
    static const enum tuff_dtype types[] = {TUFF_F32, TUFF_F16, TUFF_BF16, TUFF_Q8_0};
    for (uint32_t i = 0; i < TUFF_COUNT(types); i++) {
        struct tuff_graph *g = NULL;
        char name[40];
        snprintf(name, sizeof name, "type.%s", tuff_dtype_name(types[i]));
        if (skipped(t, name)) continue;
        if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
        tuff_val y = two_layers(g, types[i]);
        double **data = fill(t, g, 1);
        check_graph(t, name, g, &y, 1, data, (struct tuff_onnx_write_params){.f16_weights = i == 0});
        tuff_reference_destroy(g, data);
        tuff_graph_destroy(g);
    }
}

/* Products of i8, with what stands for 0: as MatMulInteger and ConvInteger. */
static void check_bytes(struct write_test *t)
{
    struct tuff_graph *g = NULL;
    if (skipped(t, "bytes")) return;
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
    tuff_val a = tuff_input(g, "a", TUFF_I8, TUFF_SHAPE(2, 5, 9)), b = tuff_input(g, "b", TUFF_I8, TUFF_SHAPE(7, 9));
    tuff_val x = tuff_input(g, "x", TUFF_I8, TUFF_SHAPE(2, 4, 6, 5)),
             w = tuff_input(g, "w", TUFF_I8, TUFF_SHAPE(6, 2, 3, 2));
    const int32_t minus = -77;
    tuff_val zero = tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(1)}, &minus);
    struct tuff_conv2d_params params = {.stride = {2, 1}, .pad = {1, 0, 1, 2}, .groups = 2};
    tuff_val y[3] = {tuff_matmul(g, a, b, (struct tuff_matmul_params){.transpose_b = true}),
                     tuff_conv2d(g, x, w, 0, params)};
    params.zero = zero;
    y[2] = tuff_conv2d(g, x, w, 0, params);
    double **data = fill(t, g, 127);
    check_graph(t, "bytes", g, y, 3, data, (struct tuff_onnx_write_params){0});
    tuff_reference_destroy(g, data);
    tuff_graph_destroy(g);
}

static void refuse(struct write_test *t, const char *what, struct tuff_graph *g, tuff_val v, const char *sentence)
{
    struct tuff_session *session = NULL;
    struct tuff_error error = {0};
    begin_file(t, "refused");
    tuff_status status = tuff_session_create(t->test.device, g, NULL, &session, &error);
    struct tuff_onnx_write_params params = {
        .struct_size = sizeof params, .session = session, .outputs = &v, .output_count = 1};
    if (status == TUFF_OK) status = tuff_onnx_write(t->test.context, t->path, &params, &error);
    backend_check(&t->test, status == TUFF_ERR_UNSUPPORTED && strstr(error.message, sentence),
                  "%s: expected '..%s..', got %s '%s'", what, sentence, tuff_status_name(status), error.message);
    FILE *file = fopen(t->path, "rb");
    backend_check(&t->test, !file, "%s: a file was left", what);
    if (file) fclose(file);
    t->refused++;
    tuff_session_destroy(session);
}

static void check_refused(struct write_test *t)
{
    struct tuff_graph *g = NULL;
    t->test.quiet = true;
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, 3)),
             s = tuff_state(g, "s", TUFF_F32, TUFF_SHAPE(2, 3), (struct tuff_init){0});
    tuff_val gx = 0,
             own = tuff_pointwise(
                 g,
                 &(struct tuff_pointwise_params){
                     .struct_size = sizeof(struct tuff_pointwise_params), .name = "mine", .y = "a * a", .da = "2.0 * a"},
                 x, 0);
    tuff_gradients(g, tuff_tanh(g, x), 0, &x, 1, &gx);
    refuse(t, "a gradient", g, gx, "no form in ONNX");
    refuse(t, "an app's operator", g, own, "operator of the app");
    refuse(t, "an assignment", g, tuff_assign(g, s, x), "assign");
    tuff_graph_destroy(g);
    t->test.quiet = false;
}

/* ---- real models --------------------------------------------------------------------------------------------------------------------- */

static int check_model(struct write_test *t, char **files, int count)
{
    struct tuff_tensors *opened[16] = {0};
    struct tuff_array inputs[16], first[64], kept[64];
    struct tuff_onnx *onnx = NULL;
    struct tuff_onnx_runner *runner = NULL;
    struct tuff_error error = {0};
    uint32_t n = 0, outputs = 0;
    tuff_status status = tuff_onnx_open(t->test.context, files[0], NULL, &onnx, &error);
    if (status == TUFF_OK) status = tuff_onnx_runner_create(t->test.device, onnx, NULL, &runner, &error);
    for (; status == TUFF_OK && n + 2 < (uint32_t)count && n < 16; n++) {
        char *equal = strchr(files[n + 2], '=');
        if (!equal) return fprintf(stderr, "NAME=FILE.npy\n"), 2;
        *equal = 0;
        status = tuff_numpy_open(t->test.context, equal + 1, 0, &opened[n], &error);
        if (status == TUFF_OK) inputs[n] = tuff_tensors_get(opened[n], 0);
        inputs[n].name = files[n + 2];
    }
    if (status == TUFF_OK) status = tuff_onnx_run(runner, inputs, n, first, &error);
    struct tuff_onnx_write_params params = {.struct_size = sizeof params, .runner = runner};
    snprintf(t->path, sizeof t->path, "%s", files[1]);
    if (status == TUFF_OK) status = tuff_onnx_write(t->test.context, t->path, &params, &error);
    if (backend_status(&t->test, files[0], TUFF_OK, status, &error)) {
        for (; outputs < tuff_onnx_output_count(onnx) && outputs < 64; outputs++) kept[outputs] = first[outputs];
        char name[300];
        const char *slash = strrchr(t->path, '/');
        snprintf(name, sizeof name, "%s", slash ? slash + 1 : t->path);
        if (strstr(name, ".onnx")) *strstr(name, ".onnx") = 0;
        read_back(t, name, inputs, n, kept, outputs);
    }
    for (uint32_t i = 0; i < n; i++) tuff_tensors_destroy(opened[i]);
    tuff_onnx_runner_destroy(runner);
    tuff_onnx_destroy(onnx);
    return 0;
}

int main(int argc, char **argv)
{
    static struct write_test t;
    int at = 1;
#if !TUFF_HAVE_ONNX
    puts("SKIP: this build has no nanopb");
    return 77;
#endif
    int status = backend_test_begin(&t.test, NULL);
    if (status != 0) return status;
    t.random = (struct op_random){.state = 1};
    if (at + 1 < argc && !strcmp(argv[at], "--dump")) t.dump = argv[at + 1], at += 2;
    if (at + 2 < argc && !strcmp(argv[at], "--model")) {
        check_model(&t, argv + at + 1, argc - at - 1);
    } else {
        t.only = at < argc ? argv[at] : NULL;
        for (uint32_t i = 0; i < tuff_op_count; i++)
            if (!skipped(&t, tuff_ops[i]->name)) check_operator(&t, tuff_ops[i]);
        check_layers(&t);
        check_nets(&t);
        check_language(&t);
        check_types(&t);
        check_bytes(&t);
        if (!skipped(&t, "saved")) check_saved(&t);
        if (!skipped(&t, "refused")) check_refused(&t);
    }
    printf("%u models, %u refused, the largest difference is %.2g of what is allowed\n", t.models, t.refused, t.worst);
    return backend_test_end(&t.test, "onnx_write");
}

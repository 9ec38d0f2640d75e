/* onnx.c - what is in an ONNX model, which of its operators are covered, and what it becomes for bound shapes. */
#include "inspect.h"
#include "refuse.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *span_text(struct inspected *x, struct tuff_span span) { return keep_text(x, span.data, span.bytes); }

static const char *type_of(struct inspected *x, enum tuff_element element)
{
    const char *name = tuff_element_name(element);
    char *lower = keep(x, strlen(name) + 1, 1);
    for (size_t i = 0; name[i]; i++) lower[i] = (char)tolower((unsigned char)name[i]);
    return lower;
}

static struct item item_of(struct inspected *x, const struct tuff_onnx_end *end)
{
    struct item item = {.name = keep_text(x, end->name, strlen(end->name)),
                        .type = end->element ? type_of(x, end->element) : "?",
                        .is_bound = end->rank >= 0,
                        .rank = end->rank};
    uint64_t count = 1;
    for (int32_t d = 0; d < end->rank; d++) {
        item.dim[d] = end->dim[d];
        item.bound[d] = end->dim[d] < 0 ? 1 : end->dim[d];
        item.assumed[d] = end->dim[d] < 0;
        if (end->dim_name[d][0]) item.dim_name[d] = keep_text(x, end->dim_name[d], strlen(end->dim_name[d]));
        count = end->dim[d] < 0 || (end->dim[d] && count > UINT64_MAX / 16 / (uint64_t)end->dim[d])
                    ? 0
                    : count * (uint64_t)end->dim[d];
    }
    item.bytes = end->element ? count * tuff_element_bytes(end->element) : 0;
    return item;
}

static const char **names_of(struct inspected *x, const struct tuff_span *spans, uint32_t count)
{
    const char **names = keep(x, count, sizeof *names);
    for (uint32_t i = 0; i < count; i++) names[i] = span_text(x, spans[i]);
    return names;
}

static void take_nodes(struct inspected *x, const struct tuff_onnx *onnx)
{
    x->node_count = tuff_onnx_node_count(onnx);
    x->nodes = keep(x, x->node_count, sizeof *x->nodes);
    for (uint32_t i = 0; i < x->node_count; i++) {
        const struct tuff_onnx_node_info info = tuff_onnx_node(onnx, i);
        struct node *node = &x->nodes[i];
        const char **outputs = names_of(x, info.outputs, info.output_count);
        *node = (struct node){.op = span_text(x, info.op),
                              .domain = span_text(x, info.domain),
                              .name = span_text(x, info.name),
                              .function = info.function.bytes ? span_text(x, info.function) : NULL,
                              .inputs = names_of(x, info.inputs, info.input_count),
                              .attributes = keep(x, info.attribute_count, sizeof *node->attributes),
                              .outputs = keep(x, info.output_count, sizeof *node->outputs),
                              .input_count = info.input_count,
                              .output_count = info.output_count,
                              .attribute_count = info.attribute_count,
                              .parent = info.parent,
                              .version = (int)(info.version < 1000000 ? info.version : 0),
                              .covered = info.covered};
        for (uint32_t k = 0; k < info.output_count; k++) node->outputs[k] = (struct item){.name = outputs[k], .rank = -1};
        for (uint32_t k = 0; k < info.attribute_count; k++) {
            char text[600];
            tuff_onnx_attribute(&info, k, text, sizeof text);
            node->attributes[k] = keep_text(x, text, strlen(text));
        }
    }
    count_operators(x);
}

static void take_ends(struct inspected *x, const struct tuff_onnx *onnx)
{
    x->inputs.count = tuff_onnx_input_count(onnx);
    x->outputs.count = tuff_onnx_output_count(onnx);
    x->arrays.count = tuff_onnx_weight_count(onnx);
    x->inputs.at = keep(x, x->inputs.count, sizeof(struct item));
    x->outputs.at = keep(x, x->outputs.count, sizeof(struct item));
    x->arrays.at = keep(x, x->arrays.count, sizeof(struct item));
    for (uint32_t i = 0; i < x->inputs.count; i++) {
        const struct tuff_onnx_end end = tuff_onnx_input(onnx, i);
        x->inputs.at[i] = item_of(x, &end);
    }
    for (uint32_t i = 0; i < x->outputs.count; i++) {
        const struct tuff_onnx_end end = tuff_onnx_output(onnx, i);
        x->outputs.at[i] = item_of(x, &end);
        x->outputs.at[i].is_bound = false;
    }
    for (uint32_t i = 0; i < x->arrays.count; i++) {
        const struct tuff_onnx_end end = tuff_onnx_weight(onnx, i);
        x->arrays.at[i] = item_of(x, &end);
        x->bytes += x->arrays.at[i].bytes;
        if (end.element) x->numbers += x->arrays.at[i].bytes / tuff_element_bytes(end.element);
    }
}

/* "value = tensor float32 16x3x3x3" of a Constant. */
static bool read_tensor(const char *text, struct item *item)
{
    static const struct {
        const char *name, *type;
        uint32_t bytes;
    } types[] = {{"float32", "f32", 4}, {"float16", "f16", 2}, {"bfloat16", "bf16", 2}, {"float64", "f64", 8},
                 {"int64", "i64", 8},   {"int32", "i32", 4},   {"int16", "i16", 2},     {"int8", "i8", 1},
                 {"uint8", "u8", 1},    {"uint16", "u16", 2},  {"uint32", "u32", 4},    {"uint64", "u64", 8},
                 {"bool", "bool", 1}};
    static const char begin[] = "value = tensor ";
    if (strncmp(text, begin, sizeof begin - 1) != 0) return false;
    const char *at = text + sizeof begin - 1;
    const size_t length = strcspn(at, " ");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strlen(types[i].name) != length || strncmp(types[i].name, at, length) != 0) continue;
        item->type = types[i].type;
        item->bytes = types[i].bytes;
    }
    if (!item->bytes) return false;
    for (at += length; *at && item->rank < TUFF_FILE_RANK;) {
        char *end;
        item->dim[item->rank] = strtoll(at + 1, &end, 10);
        item->bytes *= (uint64_t)item->dim[item->rank++];
        at = end;
    }
    return true;
}

/* Constants are weights, too: some exporters know no initializers. */
static void take_constants(struct inspected *x)
{
    size_t count = 0;
    for (uint32_t i = 0; i < x->node_count; i++) count += !strcmp(x->nodes[i].op, "Constant");
    struct item *all = keep(x, x->arrays.count + count, sizeof *all);
    if (x->arrays.count) memcpy(all, x->arrays.at, x->arrays.count * sizeof *all);
    x->arrays.at = all;
    for (uint32_t i = 0; i < x->node_count; i++) {
        const struct node *node = &x->nodes[i];
        struct item item = {.name = node->output_count ? node->outputs->name : ""};
        if (strcmp(node->op, "Constant") != 0 || !node->attribute_count || !read_tensor(node->attributes[0], &item))
            continue;
        uint64_t numbers = 1;
        for (int32_t d = 0; d < item.rank; d++) numbers *= (uint64_t)item.dim[d];
        all[x->arrays.count++] = item;
        x->numbers += numbers;
        x->bytes += item.bytes;
    }
}

/* ---- what inputs are bound to -------------------------------------------------------------------------------------------------------------- */

/* NAME=SIZES of an input, SIZES of the only one, or NAME=SIZE of an open dimension. */
static tuff_status bind_shape(struct inspected *x, const char *text, struct tuff_error *error)
{
    const char *sizes = strrchr(text, '='), *at = sizes ? sizes + 1 : text;
    const size_t length = sizes ? (size_t)(sizes - text) : 0;
    struct item *item = !sizes && x->inputs.count == 1 ? x->inputs.at : NULL;
    int64_t dim[TUFF_FILE_RANK];
    int32_t rank = 0;
    bool named = false;
    for (size_t i = 0; sizes && i < x->inputs.count; i++)
        if (strlen(x->inputs.at[i].name) == length && !strncmp(x->inputs.at[i].name, text, length)) item = &x->inputs.at[i];
    while (*at) {
        char *end;
        if (!isdigit((unsigned char)*at) || rank == TUFF_FILE_RANK)
            return refuse(error, TUFF_ERR_USAGE, "--shape %.200s: is no list of sizes", text);
        dim[rank++] = strtoll(at, &end, 10);
        at = end + (*end == ',' && end[1]);
        if (dim[rank - 1] > INT32_MAX || (*end && *end != ','))
            return refuse(error, TUFF_ERR_USAGE, "--shape %.200s: is no list of sizes", text);
    }
    for (size_t i = 0; !item && sizes && rank == 1 && i < x->inputs.count; i++)
        for (int32_t d = 0; d < x->inputs.at[i].rank; d++) {
            const char *name = x->inputs.at[i].dim_name[d];
            if (!name || strlen(name) != length || strncmp(name, text, length) != 0) continue;
            x->inputs.at[i].bound[d] = dim[0];
            x->inputs.at[i].assumed[d] = false;
            named = true;
        }
    if (named) return TUFF_OK;
    if (!item) return refuse(error, TUFF_ERR_USAGE, "--shape %.200s: the model has no such input or open dimension", text);
    if (item->rank >= 0 && item->rank != rank)
        return refuse(error, TUFF_ERR_USAGE, "--shape %.200s: the input has %d dimensions", text, (int)item->rank);
    for (int32_t d = 0; d < rank; d++) {
        if (item->rank >= 0 && item->dim[d] >= 0 && item->dim[d] != dim[d])
            return refuse(error, TUFF_ERR_USAGE, "--shape %.200s: the model says %lld for dimension %d", text,
                          (long long)item->dim[d], (int)d);
        item->bound[d] = dim[d];
        item->is_bound = true;
        item->assumed[d] = false;
        if (item->rank < 0) item->dim[d] = -1;
    }
    item->rank = rank;
    return TUFF_OK;
}

static tuff_status value_of(const struct inspected *x, const struct options *options, size_t input, double *value,
                            struct tuff_error *error)
{
    *value = 0;
    for (uint32_t k = 0; k < options->value_count; k++) {
        const char *text = options->values[k], *sign = strrchr(text, '=');
        char *end = NULL;
        const double number = sign ? strtod(sign + 1, &end) : 0;
        bool found = false;
        for (size_t i = 0; sign && i < x->inputs.count; i++) {
            const char *name = x->inputs.at[i].name;
            if (strlen(name) != (size_t)(sign - text) || strncmp(name, text, strlen(name)) != 0) continue;
            found = true;
            if (i == input) *value = number;
        }
        if (!found || end == sign + 1 || *end || !isfinite(number))
            return refuse(error, TUFF_ERR_USAGE, "--value %.200s: is not NAME=NUMBER of an input", text);
    }
    return TUFF_OK;
}

/* An array of one number, of a type from which all others are made. */
static tuff_status fill(struct inspected *x, const struct options *options, size_t i, struct tuff_array *array,
                        struct tuff_error *error)
{
    const struct item *item = &x->inputs.at[i];
    double value;
    uint64_t count = 1;
    tuff_status status = value_of(x, options, i, &value, error);
    if (status != TUFF_OK) return status;
    if (item->rank < 0)
        return refuse(error, TUFF_ERR_USAGE, "input %.100s: the file does not say its shape: --shape %.100s=SIZES",
                      item->name, item->name);
    *array = (struct tuff_array){.name = item->name, .element = TUFF_ELEMENT_U8, .rank = (uint32_t)item->rank};
    for (int32_t d = 0; d < item->rank; d++) {
        array->dim[d] = (uint64_t)item->bound[d];
        if (item->bound[d] && count > (UINT64_C(1) << 31) / (uint64_t)item->bound[d])
            return refuse(error, TUFF_ERR_USAGE, "input %.100s: has too many elements", item->name);
        count *= (uint64_t)item->bound[d];
    }
    if (value != 0) array->element = floor(value) == value && fabs(value) < 1e15 ? TUFF_ELEMENT_I64 : TUFF_ELEMENT_F64;
    array->bytes = count * tuff_element_bytes(array->element);
    void *data = keep(x, (size_t)array->bytes, 1);
    const int64_t whole = array->element == TUFF_ELEMENT_I64 ? (int64_t)value : 0;
    for (uint64_t k = 0; value != 0 && k < count; k++)
        memcpy((char *)data + 8 * k, array->element == TUFF_ELEMENT_I64 ? (const void *)&whole : (const void *)&value, 8);
    array->data = data;
    return TUFF_OK;
}

/* ---- what it becomes ------------------------------------------------------------------------------------------------------------------------- */

struct names { /* of results of nodes, sorted */
    struct inspected *x;
    struct item **at;
    size_t count;
};

static int by_name(const void *a, const void *b)
{
    return strcmp((*(struct item *const *)a)->name, (*(struct item *const *)b)->name);
}

static void on_result(void *user, struct tuff_span name, const struct tuff_onnx_end *type)
{
    struct names *names = user;
    struct inspected *x = names->x;
    size_t low = 0, high = names->count;
    const char *text = name.bytes ? name.data : "";
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const char *other = names->at[middle]->name;
        const int order = strncmp(other, text, name.bytes);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < names->count && !strncmp(names->at[low]->name, text, name.bytes); low++) {
        struct item *item = names->at[low];
        if (item->name[name.bytes]) continue;
        const char *kept = item->name;
        *item = item_of(x, type);
        item->name = kept;
    }
}

static void sort_names(struct names *names)
{
    struct inspected *x = names->x;
    size_t count = 0;
    for (uint32_t i = 0; i < x->node_count; i++) count += x->nodes[i].output_count;
    names->at = keep(x, count, sizeof(struct item *));
    for (uint32_t i = 0; i < x->node_count; i++)
        for (uint32_t k = 0; k < x->nodes[i].output_count; k++)
            if (x->nodes[i].outputs[k].name[0]) names->at[names->count++] = &x->nodes[i].outputs[k];
    qsort(names->at, names->count, sizeof(struct item *), by_name);
}

/* Open dimensions that nobody bound; the first of several is a batch, and stays 1. False: there are none. */
static bool assume(struct inspected *x, int64_t size)
{
    bool any = false;
    for (size_t i = 0; i < x->inputs.count; i++)
        for (int32_t d = 1; d < x->inputs.at[i].rank; d++) {
            if (!x->inputs.at[i].assumed[d]) continue;
            x->inputs.at[i].bound[d] = size;
            any = true;
        }
    x->assumed = size;
    return any;
}

static tuff_status try_shapes(struct inspected *x, const struct options *options, struct tuff_onnx_runner *runner,
                              struct network *network, struct tuff_error *why)
{
    struct tuff_array *arrays = keep(x, x->inputs.count, sizeof *arrays);
    tuff_status status = TUFF_OK;
    for (size_t i = 0; status == TUFF_OK && i < x->inputs.count; i++) status = fill(x, options, i, &arrays[i], why);
    if (status != TUFF_OK) return status;
    status = tuff_onnx_run(runner, arrays, (uint32_t)x->inputs.count, NULL, why);
    network->graph = tuff_onnx_runner_graph(runner, &network->outputs, &network->output_count);
    return status;
}

static void bind_outputs(struct inspected *x)
{
    for (size_t i = 0; i < x->outputs.count; i++) {
        struct item *output = &x->outputs.at[i];
        output->is_bound = false;
        for (uint32_t n = 0; n < x->node_count && !output->is_bound; n++)
            for (uint32_t k = 0; k < x->nodes[n].output_count; k++) {
                const struct item *result = &x->nodes[n].outputs[k];
                if (!result->type || strcmp(result->name, output->name) != 0) continue;
                if (output->rank < 0) output->rank = result->rank, memset(output->dim, 0xff, sizeof output->dim);
                if (output->rank != result->rank) continue;
                memcpy(output->bound, result->dim, sizeof output->bound);
                output->is_bound = true;
            }
    }
}

static tuff_status describe(struct inspected *x, struct tuff_context *context, const struct options *options,
                            const struct tuff_onnx *onnx, struct tuff_error *error)
{
    static const int64_t sizes[] = {1, 64, 512};
    struct tuff_onnx_runner *runner = NULL;
    struct network network = {.graph = NULL};
    struct tuff_error why = {0}, first = {0};
    tuff_val *inputs = keep(x, x->inputs.count, sizeof *inputs);
    tuff_status status = TUFF_OK;
    for (uint32_t k = 0; status == TUFF_OK && k < options->shape_count; k++)
        status = bind_shape(x, options->shapes[k], error);
    if (status == TUFF_OK) status = tuff_onnx_runner_create(NULL, onnx, NULL, &runner, error);
    if (status != TUFF_OK) return status;
    status = TUFF_ERR_FORMAT;
    for (size_t k = 0; status == TUFF_ERR_FORMAT && k < sizeof sizes / sizeof sizes[0]; k++) {
        if (!assume(x, sizes[k]) && k) break;
        status = try_shapes(x, options, runner, &network, &why);
        if (k == 0) first = why;
    }
    if (status == TUFF_ERR_USAGE) {
        *error = why;
        tuff_onnx_runner_destroy(runner);
        return status;
    }
    if (status == TUFF_OK) bind_outputs(x);
    x->runs = status == TUFF_OK ? RUNS_YES : RUNS_NO;
    if (x->runs == RUNS_NO)
        snprintf(x->reason, sizeof x->reason, "%.390s%s", status == TUFF_ERR_FORMAT ? first.message : why.message,
                 status == TUFF_ERR_FORMAT && assume(x, 1)
                     ? " (open dimensions taken as 1, and likewise as 64 and 512: --shape says others)"
                     : "");
    else if (x->assumed != 1)
        snprintf(x->reason_for_1, sizeof x->reason_for_1, "%.390s", first.message);
    network.inputs = inputs;
    for (size_t i = 0; status == TUFF_OK && i < x->inputs.count; i++)
        if ((inputs[network.input_count] = tuff_graph_find(network.graph, x->inputs.at[i].name)) != 0) network.input_count++;
    status = status == TUFF_OK ? inspect_cost(x, context, options, &network, error) : TUFF_OK;
    tuff_onnx_runner_destroy(runner);
    return status;
}

tuff_status inspect_onnx(struct inspected *x, struct tuff_context *context, const struct options *options,
                         struct tuff_error *error)
{
    struct names names = {.x = x};
    const struct tuff_onnx_params params = {.struct_size = sizeof params, .result = on_result, .result_user = &names};
    struct tuff_onnx *onnx = NULL;
    tuff_status status = tuff_onnx_open(context, x->path, &params, &onnx, error);
    if (status != TUFF_OK) return status;
    x->kind = "onnx";
    take_ends(x, onnx);
    take_nodes(x, onnx);
    take_constants(x);
    x->texts = keep(x, tuff_onnx_text_count(onnx), sizeof *x->texts);
    for (uint32_t i = 0; i < tuff_onnx_text_count(onnx); i++) take_text(x, tuff_onnx_text_get(onnx, i));
    sort_names(&names);
    for (uint32_t i = 0; i < x->node_count; i++)
        if (!x->nodes[i].domain[0] && !x->nodes[i].function) x->version = x->nodes[i].version;
    status = describe(x, context, options, onnx, error);
    tuff_onnx_destroy(onnx);
    return status;
}

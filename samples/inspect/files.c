/* files.c - which file it is; arrays of safetensors, PyTorch, Keras, numpy and Tuff's own; networks of Tuff's models from their text. */
#include "inspect.h"
#include "text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---------------------------------------------------------------------------------------------------------------------------- */

void *keep(struct inspected *x, size_t count, size_t size)
{
    if ((x->block_count & (x->block_count - 1)) == 0) { /* a power of two: full */
        void **more = realloc(x->blocks, (x->block_count ? 2 * x->block_count : 1) * sizeof *more);
        if (more) x->blocks = more;
        if (!more) fputs("tuff-inspect: out of memory\n", stderr), exit(1);
    }
    void *block = calloc(count ? count : 1, size ? size : 1);
    if (!block) fputs("tuff-inspect: out of memory\n", stderr), exit(1);
    return x->blocks[x->block_count++] = block;
}

const char *keep_text(struct inspected *x, const void *text, size_t bytes)
{
    char *copy = keep(x, bytes + 1, 1);
    if (bytes) memcpy(copy, text, bytes);
    return copy;
}

void inspected_finish(struct inspected *x)
{
    for (size_t i = 0; i < x->block_count; i++) free(x->blocks[i]);
    free(x->blocks);
    *x = (struct inspected){.path = NULL};
}

/* ---- what all kinds have --------------------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const struct operator_count *p = a, *q = b;
    const int order = strcmp(p->op, q->op), domains = strcmp(p->domain, q->domain);
    return order ? order : domains ? domains : p->version - q->version;
}

static int by_count(const void *a, const void *b)
{
    const struct operator_count *p = a, *q = b;
    return p->count != q->count ? (p->count < q->count ? 1 : -1) : by_name(a, b);
}

void count_operators(struct inspected *x)
{
    struct operator_count *list = keep(x, x->node_count, sizeof *list);
    uint32_t count = 0;
    for (uint32_t i = 0; i < x->node_count; i++)
        list[i] = (struct operator_count){x->nodes[i].op, x->nodes[i].domain, x->nodes[i].version, x->nodes[i].covered, 1};
    qsort(list, x->node_count, sizeof *list, by_name);
    for (uint32_t i = 0; i < x->node_count; i++)
        if (count && by_name(&list[count - 1], &list[i]) == 0)
            list[count - 1].count++;
        else
            list[count++] = list[i];
    qsort(list, count, sizeof *list, by_count);
    x->operators = list;
    x->operator_count = count;
}

static const char *type_name(struct inspected *x, enum tuff_element element)
{
    const char *name = tuff_element_name(element);
    char *lower = keep(x, strlen(name) + 1, 1);
    for (size_t i = 0; name[i]; i++) lower[i] = (char)tolower((unsigned char)name[i]);
    return lower;
}

void take_text(struct inspected *x, struct tuff_pair pair)
{
    x->texts[x->text_count++] = (struct tuff_pair){keep_text(x, pair.key, strlen(pair.key)),
                                                   keep_text(x, pair.value, strlen(pair.value))};
}

void take_arrays(struct inspected *x, const struct tuff_tensors *tensors)
{
    const size_t count = tuff_tensors_count(tensors);
    x->arrays = (struct items){keep(x, count, sizeof(struct item)), count};
    for (size_t i = 0; i < count; i++) {
        const struct tuff_array a = tuff_tensors_get(tensors, i);
        struct item *item = &x->arrays.at[i];
        item->name = keep_text(x, a.name, strlen(a.name));
        item->type = type_name(x, a.element);
        item->rank = (int32_t)a.rank;
        item->bytes = a.bytes;
        for (uint32_t d = 0; d < a.rank; d++) item->dim[d] = (int64_t)a.dim[d];
        x->bytes += a.bytes;
        x->numbers += a.bytes / tuff_element_bytes(a.element);
    }
    x->texts = keep(x, tuff_tensors_text_count(tensors), sizeof *x->texts);
    for (size_t i = 0; i < tuff_tensors_text_count(tensors); i++) take_text(x, tuff_tensors_text_get(tensors, i));
}

/* ---- networks of Tuff's own: the text of tuff_graph_print, a value a line ----------------------------------------------------------------- */

struct line { /* %9 "name" = add(%7, %8) axes=1 : f32 [1, 256] */
    const char *name, *op, *type, **attributes;
    uint32_t *inputs, input_count, attribute_count; /* 0: left out */
    int32_t rank;
    int64_t dim[TUFF_FILE_RANK];
    bool used;
};
struct lines {
    struct line *at; /* by number */
    uint32_t count;
};

/* Behind a quoted text. */
static const char *skip_quoted(const char *at)
{
    for (at++; *at && *at != '"' && *at != '\n'; at++)
        if (*at == '\\' && at[1]) at++;
    return *at == '"' ? at + 1 : at;
}

static void read_type(struct inspected *x, const char *at, struct line *line)
{
    const size_t n = strcspn(at, " \n");
    line->type = keep_text(x, at, n);
    at += n;
    at += strspn(at, " [");
    while (isdigit((unsigned char)*at) && line->rank < TUFF_FILE_RANK) {
        char *end;
        line->dim[line->rank++] = strtoll(at, &end, 10);
        at = end + strspn(end, ", ");
    }
}

static const char *read_operands(struct inspected *x, const char *at, struct line *line)
{
    const size_t bytes = strcspn(at, ")\n");
    const char *end = at + bytes;
    line->inputs = keep(x, bytes / 2 + 1, sizeof *line->inputs);
    for (; at < end; at++) {
        if (*at == '_') line->inputs[line->input_count++] = 0;
        if (*at == '%') line->inputs[line->input_count++] = (uint32_t)strtoul(at + 1, NULL, 10);
    }
    return end + (*end == ')');
}

static const char *read_attributes(struct inspected *x, const char *at, const char *end, struct line *line)
{
    enum { SHOWN_MOST = 300 };
    uint32_t most = 0;
    for (const char *c = at; c < end; c++) most += *c == ' ';
    line->attributes = keep(x, most, sizeof *line->attributes);
    while (at < end) {
        at += strspn(at, " ");
        if (*at == ':' || at >= end) break;
        const char *from = at;
        while (at < end && *at != ' ') at = *at == '"' ? skip_quoted(at) : *at == '[' ? at + strcspn(at, "]\n") : at + 1;
        const size_t bytes = (size_t)(at - from);
        line->attributes[line->attribute_count++] = keep_text(x, from, bytes < SHOWN_MOST ? bytes : SHOWN_MOST);
    }
    return at;
}

static void read_line(struct inspected *x, const char *at, const struct lines *lines)
{
    const char *end = at + strcspn(at, "\n");
    char *after;
    const unsigned long number = *at == '%' ? strtoul(at + 1, &after, 10) : 0;
    if (number == 0 || number >= lines->count) return;
    struct line *line = &lines->at[number];
    at = after + strspn(after, " ");
    if (*at == '"') {
        const char *close = skip_quoted(at);
        line->name = keep_text(x, at + 1, (size_t)(close - at) - 2);
        at = close;
    }
    at += strspn(at, " =");
    const size_t op = strcspn(at, "(\n ");
    line->op = keep_text(x, at, op);
    at = read_attributes(x, read_operands(x, at + op, line), end, line);
    if (*at == ':') read_type(x, at + 1 + strspn(at + 1, " "), line);
    if (line->name) return;
    char name[24];
    line->name = keep_text(x, name, (size_t)snprintf(name, sizeof name, "%%%lu", number));
}

static struct item item_of(const struct line *line)
{
    struct item item = {.name = line->name, .type = line->type, .rank = line->rank, .is_bound = true};
    for (int32_t d = 0; d < line->rank; d++) item.dim[d] = item.bound[d] = line->dim[d];
    return item;
}

static bool is_leaf(const struct line *line)
{
    static const char *const leaves[] = {"input", "param", "state"};
    for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++)
        if (!strcmp(line->op, leaves[i])) return true;
    return false;
}

/* The nodes that the outputs need. */
static void take_nodes(struct inspected *x, const struct lines *lines)
{
    uint32_t used = 0;
    for (uint32_t v = lines->count; v-- > 1;) {
        const struct line *line = &lines->at[v];
        if (!line->op || !line->used) continue;
        used++;
        for (uint32_t i = 0; i < line->input_count; i++)
            if (line->inputs[i] < v) lines->at[line->inputs[i]].used = true;
    }
    x->nodes = keep(x, used, sizeof *x->nodes);
    for (uint32_t v = 1; v < lines->count; v++) {
        const struct line *line = &lines->at[v];
        if (!line->op || !line->used || is_leaf(line)) continue;
        struct node *node = &x->nodes[x->node_count++];
        *node = (struct node){.op = line->op,
                              .domain = "tuff",
                              .name = line->name,
                              .inputs = keep(x, line->input_count, sizeof *node->inputs),
                              .attributes = line->attributes,
                              .outputs = keep(x, 1, sizeof *node->outputs),
                              .input_count = line->input_count,
                              .output_count = 1,
                              .attribute_count = line->attribute_count,
                              .parent = UINT32_MAX,
                              .covered = true};
        *node->outputs = item_of(line);
        for (uint32_t i = 0; i < line->input_count; i++)
            node->inputs[i] = line->inputs[i] && line->inputs[i] < v && lines->at[line->inputs[i]].name
                                  ? lines->at[line->inputs[i]].name
                                  : "";
    }
    count_operators(x);
}

static void read_graph(struct inspected *x, const char *text)
{
    struct lines lines = {.count = 1};
    for (const char *at = text; *at; at++) lines.count += *at == '\n';
    lines.at = keep(x, ++lines.count, sizeof *lines.at);
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') read_line(x, at, &lines);
    for (uint32_t v = 1; v < lines.count; v++)
        for (size_t k = 0; lines.at[v].op && k < x->outputs.count; k++)
            lines.at[v].used = lines.at[v].used || !strcmp(lines.at[v].name, x->outputs.at[k].name);
    take_nodes(x, &lines);
    for (uint32_t v = 1; v < lines.count; v++)
        for (size_t k = 0; lines.at[v].op && k < x->inputs.count; k++)
            if (!strcmp(lines.at[v].name, x->inputs.at[k].name)) x->inputs.at[k] = item_of(&lines.at[v]);
    for (uint32_t v = 1; v < lines.count; v++)
        for (size_t k = 0; lines.at[v].op && k < x->outputs.count; k++)
            if (!strcmp(lines.at[v].name, x->outputs.at[k].name)) x->outputs.at[k] = item_of(&lines.at[v]);
}

static struct items names_of(struct inspected *x, const struct tuff_model_output *list, uint32_t count)
{
    struct items items = {keep(x, count, sizeof(struct item)), count};
    for (uint32_t i = 0; i < count; i++)
        items.at[i] = (struct item){.name = keep_text(x, list[i].name, strlen(list[i].name)), .type = "?", .rank = -1};
    return items;
}

static tuff_status inspect_saved(struct inspected *x, struct tuff_context *context, const struct options *options,
                                 const struct tuff_saved *saved, struct tuff_error *error)
{
    const struct tuff_saved_info *info = tuff_saved_info(saved);
    struct network network = {.graph = NULL};
    char *text = NULL;
    x->kind = info->training ? "model with the state of its training" : "model";
    x->runs = RUNS_YES;
    take_arrays(x, tuff_saved_tensors(saved));
    x->numbers = info->parameter_count;
    x->inputs = names_of(x, info->inputs, info->input_count);
    x->outputs = names_of(x, info->outputs, info->output_count);
    tuff_status status = tuff_graph_create(context, &network.graph, error);
    if (status == TUFF_OK) status = tuff_graph_parse(network.graph, info->graph, error);
    if (status == TUFF_OK) status = tuff_graph_print(network.graph, &text, error);
    if (status == TUFF_OK) read_graph(x, text);
    tuff_val *ends = keep(x, x->inputs.count + x->outputs.count, sizeof *ends);
    for (size_t i = 0; status == TUFF_OK && i < x->inputs.count + x->outputs.count; i++)
        ends[i] = tuff_graph_find(network.graph,
                                  i < x->inputs.count ? x->inputs.at[i].name : x->outputs.at[i - x->inputs.count].name);
    network.inputs = ends;
    network.input_count = (uint32_t)x->inputs.count;
    network.outputs = ends + x->inputs.count;
    network.output_count = (uint32_t)x->outputs.count;
    if (status == TUFF_OK) status = inspect_cost(x, context, options, &network, error);
    tuff_text_free(context, text);
    tuff_graph_destroy(network.graph);
    return status;
}

tuff_status inspect_tuff(struct inspected *x, struct tuff_context *context, const struct options *options,
                         struct tuff_error *error)
{
    struct tuff_saved *saved = NULL;
    struct tuff_tensors *tensors = NULL;
    struct tuff_error first = {0};
    tuff_status status = tuff_checkpoint_read(context, x->path, "model", &tensors, &first);
    tuff_tensors_destroy(tensors);
    if (status == TUFF_OK) {
        status = tuff_saved_open(context, x->path, &saved, error);
        if (status == TUFF_OK) status = inspect_saved(x, context, options, saved, error);
        tuff_saved_destroy(saved);
        return status;
    }
    status = tuff_checkpoint_read(context, x->path, NULL, &tensors, error);
    if (status != TUFF_OK) return status;
    x->kind = "checkpoint";
    if (options->profile) {
        snprintf(error->message, sizeof error->message, "--profile is for networks: %.300s holds arrays", x->path);
        status = error->status = TUFF_ERR_USAGE;
    }
    if (status == TUFF_OK) take_arrays(x, tensors);
    tuff_tensors_destroy(tensors);
    return status;
}

/* ---- which file it is --------------------------------------------------------------------------------------------------------------------- */

static bool begins(const unsigned char *head, size_t bytes, const char *magic, size_t length)
{
    return bytes >= length && !memcmp(head, magic, length);
}

tuff_status inspect_file(struct inspected *x, struct tuff_context *context, const struct options *options,
                         struct tuff_error *error)
{
    unsigned char head[16] = {0};
    FILE *file = fopen(x->path, "rb");
    const size_t bytes = file ? fread(head, 1, sizeof head, file) : 0;
    if (file && fseek(file, 0, SEEK_END) == 0 && ftell(file) > 0) x->file_bytes = (uint64_t)ftell(file);
    if (file) fclose(file);
    if (!file) {
        snprintf(error->message, sizeof error->message, "%.300s: cannot be opened", x->path);
        return error->status = TUFF_ERR_FILE;
    }
    const char *kind = NULL;
    tuff_status status = tuff_tensors_kind(context, x->path, &kind, error);
    if (status != TUFF_OK) return status;
    const bool tuff = begins(head, bytes, "TUFF\r\n", 6), arrays = kind && !tuff;
    if (arrays && (options->shape_count || options->value_count || options->profile)) {
        snprintf(error->message, sizeof error->message,
                 "--shape, --value and --profile are for networks: %.300s holds arrays", x->path);
        return error->status = TUFF_ERR_USAGE;
    }
    if (tuff && (options->shape_count || options->value_count)) {
        snprintf(error->message, sizeof error->message,
                 "--shape and --value are for ONNX models: %.300s says its shapes itself", x->path);
        return error->status = TUFF_ERR_USAGE;
    }
    if (begins(head, bytes, "GGUF", 4)) {
        snprintf(error->message, sizeof error->message, "%.300s: GGUF files are not read", x->path);
        return error->status = TUFF_ERR_UNSUPPORTED;
    }
    x->runs = RUNS_ARRAYS;
    if (tuff) return inspect_tuff(x, context, options, error);
    if (!arrays) return inspect_onnx(x, context, options, error);
    struct tuff_tensors *tensors = NULL;
    x->kind = kind;
    status = tuff_tensors_open(context, x->path, 0, &tensors, error);
    if (status == TUFF_OK) take_arrays(x, tensors);
    tuff_tensors_destroy(tensors);
    return status;
}

/* summary.c - what a network is of, as text: a row for each layer with its result's shape, parameters and multiply-adds, and what plans of it take.
 *
 * A layer is what reads parameters and statistics of one name, NAME.weight and so on; kernels that read none of any, but for reductions, have a row
 * of their own: pools, products of activations. */
#include "backend/executable.h"
#include "graph/ops/leaf.h"
#include "graph/ops/scan.h"
#include "graph/train/model.h"

#include <stdio.h>

struct row {
    const char *name;   /* [arena] of a layer, or of an operator */
    const char *kernel; /* static: the one of most multiply-adds; or NULL */
    tuff_val result;
    uint64_t counts[3], most; /* below; multiply-adds of `kernel` */
    bool layer, loop;         /* `result` is that of a loop, which views take apart */
};
enum { TRAINED, FROZEN, ADDS };
struct summary {
    const struct tuff_graph *g;
    const struct tuff_summary_params *params;
    struct tuff_arena arena;
    struct row *rows; /* [arena] */
    uint32_t row_count;
    uint64_t totals[3];
    bool *needed, *data; /* [arena] per value: outputs follow from it; it follows from an input */
    tuff_val *leaf;      /* [arena] a parameter or state that it follows from, where it is no data; or 0 */
};

uint64_t tuff_multiply_adds(const struct tuff_graph *g, tuff_val v)
{
    const struct tuff_value *value = tuff_value_of(g, v);
    struct tuff_type in[8];
    uint64_t count = 0;
    if (value->op->class == TUFF_CLASS_LOOP) {
        const struct tuff_scan_attrs *scan = value->attrs;
        for (tuff_val u = 1; u < scan->body->count; u++) count += tuff_multiply_adds(scan->body, u);
        return count * (uint64_t)scan->rounds;
    }
    if (!tuff_op_is_product(value->op)) return 0;
    for (uint32_t i = 0; i < value->in_count && i < TUFF_COUNT(in); i++) in[i] = g->values[value->in[i]].type;
    if (value->op->work) return (uint64_t)(value->op->work(value, in) / 2);
    return tuff_shape_count(&value->type.shape) * (uint64_t)value->op->terms(value, in);
}

/* Of NAME.weight: NAME. */
static size_t layer_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : strlen(name);
}

static bool of_layer(const char *name, const char *layer)
{
    return layer_length(name) == strlen(layer) && !strncmp(name, layer, strlen(layer));
}

static void count_parameter(const struct summary *s, tuff_val v, uint64_t *counts)
{
    const struct tuff_value *value = tuff_value_of(s->g, v);
    if (value->op->kind != TUFF_KIND_PARAM || !s->needed[v]) return;
    uint32_t group = tuff_optimizer_group(s->params->groups, s->params->group_count, value->name);
    bool trained = tuff_is_trained(value) && !(group && s->params->groups[group - 1].frozen);
    counts[trained ? TRAINED : FROZEN] += tuff_shape_count(&value->type.shape);
}

/* A row's parameters are counted where the layer comes first. False without memory. */
static bool new_row(struct summary *s, const char *name, bool layer)
{
    bool seen = false;
    if (!name || !TUFF_GROW_ARENA(&s->arena, s->rows, s->row_count, 1)) return false;
    struct row *row = &s->rows[s->row_count];
    *row = (struct row){.name = name, .layer = layer};
    for (uint32_t i = 0; i < s->row_count && layer; i++) seen = seen || (s->rows[i].layer && !strcmp(s->rows[i].name, name));
    for (uint32_t i = 0; i < s->g->leaf_count && layer && !seen; i++)
        if (of_layer(s->g->values[s->g->leaves[i]].name, name)) count_parameter(s, s->g->leaves[i], row->counts);
    s->row_count++;
    return true;
}

/* The row that v belongs to is the last one then; false: none is. *failed: memory. */
static bool find_row(struct summary *s, tuff_val v, bool *failed)
{
    const struct tuff_value *value = tuff_value_of(s->g, v);
    tuff_val leaf = 0;
    for (uint32_t i = 0; i < value->in_count && !leaf; i++)
        if (value->in[i] && !s->data[value->in[i]]) leaf = s->leaf[value->in[i]];
    const char *name = leaf ? s->g->values[leaf].name : NULL;
    const struct row *last = s->row_count ? &s->rows[s->row_count - 1] : NULL;
    if (name && last && last->layer && of_layer(name, last->name)) return true;
    if (name) {
        char *layer = tuff_arena_strdup(&s->arena, name);
        if (layer) layer[layer_length(name)] = 0;
        *failed = !new_row(s, layer, true);
        return !*failed;
    }
    if (!tuff_op_launches(value->op) || value->op->reduces) return false;
    *failed = !new_row(s, value->op->name, false);
    return !*failed;
}

/* The last row's result is what views make of a loop's vector, up to rows of sequences [t, n, h], and what a norm's factor for each channel is
 * spread over. */
static void follow(struct summary *s, tuff_val v)
{
    struct row *row = s->row_count ? &s->rows[s->row_count - 1] : NULL;
    const struct tuff_value *value = tuff_value_of(s->g, v);
    bool reads = false;
    if (!row || !row->layer || value->op->class != TUFF_CLASS_INLINE) return;
    const struct tuff_shape *shape = &s->g->values[row->result].type.shape;
    for (uint32_t i = 0; i < value->in_count; i++) reads = reads || value->in[i] == row->result;
    bool view = (value->op->traits & (TUFF_KEEPS_MEMORY | TUFF_KEEPS_STRIDES)) != 0;
    bool spread = tuff_shape_count(&value->type.shape) > tuff_shape_count(shape);
    if (reads && (spread || (view && row->loop && shape->rank < 3))) row->result = v;
}

/* False without memory. */
static bool list_rows(struct summary *s)
{
    bool failed = false;
    for (tuff_val v = 1; v < s->g->count && !failed; v++) {
        const struct tuff_value *value = tuff_value_of(s->g, v);
        bool kept = tuff_is_kept(value) && strcmp(value->name, TUFF_RNG_STATE) != 0;
        s->data[v] = value->op->kind == TUFF_KIND_INPUT;
        s->leaf[v] = kept ? v : 0;
        for (uint32_t i = 0; i < value->in_count; i++) {
            s->data[v] = s->data[v] || s->data[value->in[i]];
            if (!s->leaf[v]) s->leaf[v] = s->leaf[value->in[i]];
        }
        if (!s->needed[v]) continue;
        count_parameter(s, v, s->totals);
        uint64_t adds = tuff_multiply_adds(s->g, v);
        s->totals[ADDS] += adds;
        if (!s->data[v] || value->op->kind == TUFF_KIND_INPUT) continue;
        if (!find_row(s, v, &failed)) {
            follow(s, v);
            continue;
        }
        struct row *row = &s->rows[s->row_count - 1];
        row->result = v;
        row->loop = value->op->class == TUFF_CLASS_LOOP;
        row->counts[ADDS] += adds;
        if (adds > row->most) row->kernel = value->op->name, row->most = adds;
    }
    return !failed;
}

/* ---- text ------------------------------------------------------------------------------------------------------------------------ */

/* 11689512: "11,689,512"; 0: "-". Returns buffer, of at least 28 bytes. */
static char *grouped(uint64_t number, char *buffer)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number), used = 0;
    for (int i = 0; i < count; i++) {
        if (i && (count - i) % 3 == 0) buffer[used++] = ',';
        buffer[used++] = digits[i];
    }
    buffer[used] = 0;
    return number ? buffer : strcpy(buffer, "-");
}

enum { COLUMNS = 6, NAMES = 3 }; /* the first ones are texts, the others numbers */

/* A line under the titles is as wide as all of it. False without memory. */
static bool print_rows(struct summary *s, struct tuff_text *text)
{
    static const char *const titles[COLUMNS] = {"layer", "operator", "result", "parameters", "frozen", "multiply-adds"};
    const char **cells = tuff_arena_alloc(&s->arena, (s->row_count + 1) * sizeof *cells * COLUMNS);
    int width[COLUMNS] = {0}, all = 0;
    if (!cells) return false;
    memcpy(cells, titles, sizeof titles);
    for (uint32_t i = 0; i < s->row_count; i++) {
        const struct row *row = &s->rows[i];
        const char **of = cells + (i + 1) * COLUMNS;
        char buffer[128];
        of[0] = row->name;
        of[1] = row->layer && row->kernel ? row->kernel : "";
        tuff_shape_text(&s->g->values[row->result].type.shape, buffer, sizeof buffer);
        for (int k = 2; k < COLUMNS; k++) {
            if (k >= NAMES) grouped(row->counts[k - NAMES], buffer);
            if (!(of[k] = tuff_arena_strdup(&s->arena, buffer))) return false;
        }
    }
    for (uint32_t i = 0; i < (s->row_count + 1) * COLUMNS; i++)
        if ((int)strlen(cells[i]) > width[i % COLUMNS]) width[i % COLUMNS] = (int)strlen(cells[i]);
    for (int i = 0; i < COLUMNS; i++) all += width[i] + (i ? 2 : 0);
    for (uint32_t i = 0; i < (s->row_count + 1) * COLUMNS; i++) {
        int column = (int)(i % COLUMNS);
        tuff_text_add(text, column < NAMES ? "%s%-*s" : "%s%*s", column ? "  " : "", width[column], cells[i]);
        if (column + 1 == COLUMNS) tuff_text_add(text, "\n");
        if (i + 1 == COLUMNS)
            for (int k = 0; k <= all; k++) tuff_text_add(text, k < all ? "-" : "\n");
    }
    return true;
}

static tuff_status print_sums(const struct summary *s, struct tuff_text *text, struct tuff_error *error)
{
    const struct tuff_summary_params *p = s->params;
    const struct tuff_executable_params plan = {
        .struct_size = sizeof plan, .outputs = p->outputs, .output_count = p->output_count};
    char number[3][28];
    for (int i = 0; i < 3; i++) grouped(s->totals[i], number[i]);
    tuff_text_add(text, "\nparameters: %s trained, %s frozen; multiply-adds: %s\n", number[TRAINED], number[FROZEN],
                  number[ADDS]);
    for (uint32_t i = 0; i < p->device_count; i++) {
        struct tuff_plan_figures f;
        TUFF_TRY(tuff_plan_ask(p->devices[i], s->g, &plan, &f, error));
        tuff_text_add(text, "%s: %u launches of %u pipelines, %.1f MB (parameters %.1f, scratch %.1f)\n",
                      tuff_device_caps(p->devices[i])->name, (unsigned)f.launches, (unsigned)f.pipelines,
                      (double)f.total_bytes / 1e6, (double)f.param_bytes / 1e6, (double)f.scratch_bytes / 1e6);
    }
    return TUFF_OK;
}

static tuff_status check(const struct tuff_graph *g, const struct tuff_summary_params *p, struct tuff_error *error)
{
    TUFF_TRY(tuff_graph_finish((struct tuff_graph *)g, error));
    TUFF_REQUIRE(g->context, error, p->struct_size >= sizeof *p);
    TUFF_REQUIRE_THAT(g->context, error, p->outputs && p->output_count, "a summary is of outputs, of which there are none");
    TUFF_REQUIRE_THAT(g->context, error, p->devices || !p->device_count, "devices is NULL, though device_count is not 0");
    for (uint32_t i = 0; i < p->output_count; i++)
        if (!p->outputs[i] || p->outputs[i] >= g->count)
            return tuff_refuse(g->context, error, "summary: output %u is %u, no value of the graph", (unsigned)i,
                               (unsigned)p->outputs[i]);
    return TUFF_OK;
}

tuff_status tuff_graph_summary(const struct tuff_graph *g, const struct tuff_summary_params *params, char **text,
                               struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, g != NULL && params != NULL && text != NULL);
    TUFF_TRY(check(g, params, error));
    struct summary s = {.g = g, .params = params};
    tuff_arena_init(&s.arena, g->context);
    struct tuff_text out = {.context = g->context};
    s.needed = tuff_arena_alloc(&s.arena, g->count * sizeof *s.needed);
    s.data = tuff_arena_alloc(&s.arena, g->count * sizeof *s.data);
    s.leaf = tuff_arena_alloc(&s.arena, g->count * sizeof *s.leaf);
    bool memory = s.needed && s.data && s.leaf;
    for (uint32_t i = 0; i < params->output_count && memory; i++) s.needed[params->outputs[i]] = true;
    if (memory) tuff_graph_mark_needed(g, s.needed);
    tuff_status status = TUFF_ERR_MEMORY;
    if (memory && list_rows(&s) && print_rows(&s, &out)) status = print_sums(&s, &out, error);
    if (status == TUFF_ERR_MEMORY) (void)tuff_fail_memory(g->context, error);
    tuff_arena_finish(&s.arena);
    if (status == TUFF_OK) return tuff_text_give(&out, text, error);
    tuff_text_finish(&out);
    return status;
}

tuff_status tuff_model_summary(struct tuff_model *m, uint32_t batch, struct tuff_device *const *devices,
                               uint32_t device_count, char **text, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m != NULL && text != NULL);
    TUFF_REQUIRE_THAT(m->context, error, batch > 0, "the batch is 0");
    struct tuff_graph *g;
    tuff_val outputs[TUFF_MODEL_OUTPUTS];
    struct tuff_summary_params params = {.struct_size = sizeof params, .outputs = outputs};
    params.output_count = tuff_model_output_count(m);
    params.devices = devices ? devices : &m->device;
    params.device_count = devices ? device_count : 1;
    params.groups = tuff_model_groups(m, &params.group_count);
    TUFF_TRY(tuff_graph_create(m->context, &g, error));
    tuff_model_add_inference(m, g, batch, "");
    tuff_status status = tuff_graph_finish(g, error);
    for (uint32_t i = 0; i < params.output_count; i++) outputs[i] = tuff_graph_find(g, tuff_model_output(m, i).name);
    if (status == TUFF_OK) status = tuff_graph_summary(g, &params, text, error);
    tuff_graph_destroy(g);
    return status;
}

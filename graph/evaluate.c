/* evaluate.c - tuff_evaluate: chosen values of a graph in double precision, by the operators' definitions (reference.c).
 * Promises: computes only what the outputs need, and frees each value after its last use, so that large networks fit into memory. */
#include "graph/ops/leaf.h"
#include "graph/reference.h"

struct evaluation {
    const struct tuff_graph *g;
    const struct tuff_evaluate_params *params;
    double *const *results;
    double **data;  /* [owned] per value; NULL: not yet, or no more */
    uint32_t *uses; /* [owned] per value: readers to come, the caller among them; 0: not needed */
    uint64_t done, total;
    uint64_t alive, most; /* bytes of data, and how many they may be */
    struct tuff_error *error;
};

static bool is_given(const struct tuff_value *value) { return value->op->kind == TUFF_KIND_INPUT || tuff_is_kept(value); }

/* The definitions of these do not look at what they write to. */
static uint32_t first_operand(const struct tuff_value *value)
{
    return value->op->class == TUFF_CLASS_ASSIGN || value->op->kind == TUFF_KIND_PACK ? 1 : 0;
}

static const void *content_of(const struct evaluation *e, tuff_val leaf)
{
    for (uint32_t i = 0; i < e->params->leaf_count; i++)
        if (e->params->leaves[i].leaf == leaf) return e->params->leaves[i].data;
    return NULL;
}

static tuff_status check(const struct evaluation *e)
{
    struct tuff_context *context = e->g->context;
    const struct tuff_evaluate_params *p = e->params;
    for (uint32_t i = 0; i < p->output_count; i++)
        if (!p->outputs[i] || p->outputs[i] >= e->g->count)
            return tuff_refuse(context, e->error, "output %u is %u, no value of this graph%s", i, p->outputs[i],
                               p->outputs[i] ? "" : " (0 is what a failed builder gives)");
    for (uint32_t i = 0; i < p->leaf_count; i++) {
        tuff_val leaf = p->leaves[i].leaf;
        char text[TUFF_VALUE_TEXT];
        tuff_value_text(e->g, leaf, text, sizeof text);
        if (!leaf || leaf >= e->g->count || !is_given(&e->g->values[leaf]))
            return tuff_refuse(context, e->error, "leaf %u, %s, is not an input, parameter or state", i, text);
        if (!p->leaves[i].data) return tuff_refuse(context, e->error, "leaf %u, %s: its data are missing (NULL)", i, text);
    }
    return TUFF_OK;
}

/* Roughly the multiplications and additions behind a value. */
static uint64_t work_of(const struct tuff_graph *g, const struct tuff_value *value)
{
    struct tuff_type types[8] = {{.dtype = TUFF_F32}};
    for (uint32_t i = 0; i < value->in_count && i < TUFF_COUNT(types); i++)
        if (value->in[i]) types[i] = g->values[value->in[i]].type;
    double terms = value->op->terms ? value->op->terms(value, types) : 1;
    return tuff_shape_count(&value->type.shape) * (uint64_t)(terms < 1 ? 1 : terms);
}

/* Counts the readers of what the outputs need. */
static tuff_status count_uses(struct evaluation *e)
{
    const struct tuff_value *values = e->g->values;
    char text[TUFF_VALUE_TEXT];
    for (uint32_t i = 0; i < e->params->output_count; i++) e->uses[e->params->outputs[i]]++;
    for (tuff_val v = e->g->count; v-- > 1;) { /* operands come before what they feed */
        if (!e->uses[v]) continue;
        for (uint32_t i = first_operand(&values[v]); i < values[v].in_count; i++) e->uses[values[v].in[i]]++;
        e->total += work_of(e->g, &values[v]);
        if (values[v].op->kind == TUFF_KIND_INPUT && !content_of(e, v))
            return tuff_refuse(e->g->context, e->error, "input %s was never written: it is not among the leaves",
                               tuff_value_text(e->g, v, text, sizeof text));
    }
    return TUFF_OK;
}

static uint64_t bytes_of(const struct evaluation *e, tuff_val v)
{
    return tuff_shape_count(&e->g->values[v].type.shape) * sizeof(double);
}

/* Before data[v] is allocated: systems promise more memory than they have, and end who takes it. */
static tuff_status take_room(struct evaluation *e, tuff_val v)
{
    char text[TUFF_VALUE_TEXT];
    uint64_t bytes = bytes_of(e, v);
    if (bytes > e->most - e->alive)
        return tuff_fail(e->g->context, e->error, TUFF_ERR_MEMORY,
                         "%s takes %llu bytes beside %llu that are in use; memory_bytes allows %llu",
                         tuff_value_text(e->g, v, text, sizeof text), (unsigned long long)bytes,
                         (unsigned long long)e->alive, (unsigned long long)e->most);
    e->alive += bytes;
    return TUFF_OK;
}

/* Content of an input, parameter or state. */
static tuff_status load(struct evaluation *e, tuff_val v)
{
    const struct tuff_value *value = &e->g->values[v];
    struct tuff_context *context = e->g->context;
    const void *given = content_of(e, v);
    TUFF_TRY(take_room(e, v));
    uint64_t count = tuff_shape_count(&value->type.shape);
    double *out = tuff_alloc(context, (size_t)count * sizeof *out);
    enum tuff_dtype dtype = tuff_host_type(value).dtype;
    bool ready = given && !tuff_is_host(dtype); /* given as devices hold it */
    void *made = ready ? NULL : tuff_alloc(context, (size_t)tuff_type_bytes(&value->type));
    const void *elements = ready ? given : made;
    tuff_status status = out && elements ? TUFF_OK : tuff_fail_memory(context, e->error);
    if (status == TUFF_OK && given && !ready)
        status = tuff_narrow(dtype, given, count, made, value->name, TUFF_ERR_USAGE, context, e->error);
    else if (status == TUFF_OK && !given && !tuff_leaf_starts_zero(value))
        status = tuff_leaf_init(context, value, e->params->seed, made, e->error);
    for (uint64_t i = 0; status == TUFF_OK && i < count; i++) out[i] = tuff_element(value->type.dtype, elements, i);
    tuff_free(context, made);
    e->data[v] = out;
    return status;
}

static void drop(struct evaluation *e, tuff_val v)
{
    if (--e->uses[v] > 0) return;
    tuff_free(e->g->context, e->data[v]);
    e->data[v] = NULL;
    e->alive -= bytes_of(e, v);
}

static tuff_status compute(struct evaluation *e, tuff_val v)
{
    const struct tuff_value *value = &e->g->values[v];
    for (uint32_t i = first_operand(value); i < value->in_count; i++) /* what is given is unpacked when it is needed */
        if (value->in[i] && !e->data[value->in[i]]) TUFF_TRY(load(e, value->in[i]));
    TUFF_TRY(take_room(e, v));
    if (tuff_reference_value(e->g, v, e->data) != TUFF_OK) return tuff_fail_memory(e->g->context, e->error);
    for (uint32_t i = first_operand(value); i < value->in_count; i++)
        if (value->in[i]) drop(e, value->in[i]);
    return TUFF_OK;
}

static void give(struct evaluation *e, tuff_val v)
{
    size_t bytes = (size_t)tuff_shape_count(&e->g->values[v].type.shape) * sizeof **e->data;
    for (uint32_t i = 0; i < e->params->output_count; i++) {
        if (e->params->outputs[i] != v) continue;
        if (e->results[i]) memcpy(e->results[i], e->data[v], bytes);
        drop(e, v);
    }
}

static bool is_output(const struct evaluation *e, tuff_val v)
{
    for (uint32_t i = 0; i < e->params->output_count; i++)
        if (e->params->outputs[i] == v) return true;
    return false;
}

static tuff_status evaluate(struct evaluation *e)
{
    TUFF_TRY(count_uses(e));
    for (tuff_val v = 1; v < e->g->count; v++) {
        const struct tuff_value *value = &e->g->values[v];
        bool output = is_output(e, v), given = is_given(value);
        if (!e->uses[v]) continue;
        if (!tuff_progress_report(&e->params->progress, value->op->name, e->done, e->total))
            return tuff_fail(e->g->context, e->error, TUFF_ERR_CANCELLED, "cancelled at value %u (%s)", v, value->op->name);
        e->done += work_of(e->g, value);
        if (given && output && !e->data[v]) TUFF_TRY(load(e, v));
        if (!given) TUFF_TRY(compute(e, v));
        if (output) give(e, v);
    }
    bool going = tuff_progress_report(&e->params->progress, "evaluated", e->total, e->total);
    return going ? TUFF_OK : tuff_fail(e->g->context, e->error, TUFF_ERR_CANCELLED, "cancelled");
}

tuff_status tuff_evaluate(const struct tuff_graph *graph, const struct tuff_evaluate_params *params, double *const *results,
                          struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, graph != NULL && params != NULL && results != NULL);
    TUFF_REQUIRE(graph->context, error, params->struct_size >= sizeof *params);
    struct evaluation e = {.g = graph, .params = params, .results = results, .error = error};
    e.most = params->memory_bytes ? params->memory_bytes : TUFF_EVALUATE_BYTES;
    if (graph->status != TUFF_OK) {
        if (error) *error = graph->error;
        return graph->status;
    }
    TUFF_TRY(check(&e));
    e.data = tuff_reference_create(graph);
    e.uses = tuff_alloc(graph->context, graph->count * sizeof *e.uses);
    tuff_status status = e.data && e.uses ? evaluate(&e) : tuff_fail_memory(graph->context, error);
    if (e.data) tuff_reference_destroy(graph, e.data);
    tuff_free(graph->context, e.uses);
    return status;
}

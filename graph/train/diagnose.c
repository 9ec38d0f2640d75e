/* diagnose.c - which value of a step was the first that is not finite: a plan of its own computes the step again, up to its gradients,
 * and counts in each value of interest. Only after a failure. */
#include "backend/executable.h"
#include "backend/handover.h"
#include "graph/ops/leaf.h"
#include "graph/train/trainer.h"

#include <math.h>
#include <stdio.h>

enum { MOST_VALUES = 400 }; /* beside inputs, parameters and states; of more, every second, third, .. */

struct search {
    struct tuff_trainer *t;
    tuff_val *values,
        *counts; /* [graph's arena] those of interest in the order of their computation; elements that are not finite */
    uint32_t count;
};

/* Leaves, results of kernels, and what has a name: what fuses into them is found by its reader. */
static bool is_of_interest(const struct tuff_value *value)
{
    bool stored = value->op->class == TUFF_CLASS_KERNEL || value->op->class == TUFF_CLASS_LOOP;
    bool leaf = value->op->kind == TUFF_KIND_INPUT || value->op->kind == TUFF_KIND_PARAM ||
                value->op->kind == TUFF_KIND_STATE;
    return tuff_is_float(value->type.dtype) && (leaf || stored || value->name);
}

static bool is_leaf(const struct tuff_value *value) { return value->op->class == TUFF_CLASS_LEAF; }

static void add(struct search *s, tuff_val v)
{
    s->values[s->count] = v;
    s->counts[s->count++] = tuff_count_not_finite(s->t->graph, v);
}

/* Values up to the loss, in their order, and the gradients behind it. */
static bool list_values(struct search *s)
{
    struct tuff_graph *g = s->t->graph;
    const struct tuff_optimizer *o = &s->t->optimizer;
    uint32_t size = g->count, found = 0, gradients = 0;
    for (uint32_t i = 0; i < o->pack_count; i++) gradients += g->values[o->packs[i].gradients].in_count;
    bool *needed = tuff_arena_alloc(&g->arena, size * sizeof *needed);
    s->values = tuff_arena_alloc(&g->arena, (size + gradients) * sizeof *s->values);
    s->counts = tuff_arena_alloc(&g->arena, (size + gradients + 1 + o->pack_count) * sizeof *s->counts);
    if (!needed || !s->values || !s->counts) return false;
    needed[s->t->loss] = true;
    tuff_graph_mark_needed(g, needed);
    for (tuff_val v = 1; v < size; v++) found += needed[v] && is_of_interest(&g->values[v]) && !is_leaf(&g->values[v]);
    uint32_t each = 1 + found / MOST_VALUES, nth = 0;
    for (int leaves = 1; leaves >= 0; leaves--)
        for (tuff_val v = 1; v < size; v++)
            if (needed[v] && is_of_interest(&g->values[v]) && is_leaf(&g->values[v]) == leaves &&
                (leaves || nth++ % each == 0))
                add(s, v);
    add(s, s->t->loss);
    for (uint32_t i = 0; i < o->pack_count; i++) /* in[0] is where they are packed */
        for (uint32_t k = 1; k < g->values[o->packs[i].gradients].in_count; k++)
            add(s, g->values[o->packs[i].gradients].in[k]);
    return g->status == TUFF_OK;
}

/* The parameter whose gradient v is; 0: it is none. */
static tuff_val parameter_of(const struct search *s, tuff_val v)
{
    const struct tuff_graph *g = s->t->graph;
    const struct tuff_optimizer *o = &s->t->optimizer;
    for (uint32_t i = 0; i < o->pack_count; i++) {
        const struct tuff_value *pack = &g->values[o->packs[i].gradients];
        uint32_t at = 0;
        for (uint32_t part = 0; part < o->part_counts[i]; part++) {
            const struct tuff_value *params = &g->values[o->param_packs[i][part]];
            for (uint32_t k = 0; k < params->in_count; k++, at++)
                if (pack->in[at + 1] == v) return params->in[k];
        }
    }
    return 0;
}

static void describe(const struct search *s, uint32_t i, float bad, char *text, size_t bytes)
{
    const struct tuff_graph *g = s->t->graph;
    tuff_val v = s->values[i], param = parameter_of(s, v);
    const struct tuff_value *value = &g->values[param ? param : v];
    const char *near = tuff_value_origin(g, v);
    char shape[128], what[200];
    if (param)
        snprintf(what, sizeof what, "the gradient of '%s'", value->name);
    else if (value->name)
        snprintf(what, sizeof what, "%s '%s'", value->op->name, value->name);
    else if (v == s->t->loss)
        snprintf(what, sizeof what, "the loss itself (%s)", value->op->name);
    else
        snprintf(what, sizeof what, "value %u (%s%s%.60s%s)", (unsigned)v, value->op->name, near ? ", behind '" : "",
                 near ? near : "", near ? "'" : "");
    snprintf(text, bytes, "; the first value that is not finite is %s %s: %.0f of %llu elements", what,
             tuff_shape_text(&value->type.shape, shape, sizeof shape), (double)bad,
             (unsigned long long)tuff_shape_count(&value->type.shape));
}

static tuff_status run_search(struct search *s, enum tuff_step_inputs inputs, char *text, size_t bytes, float *loss,
                              struct tuff_error *error)
{
    struct tuff_trainer *t = s->t;
    struct tuff_executable *x = NULL;
    struct tuff_executable_params params = {
        .struct_size = sizeof params, .outputs = s->counts, .output_count = s->count + 1 + t->optimizer.pack_count};
    params.precision = t->optimizer.params.precision.dtype;
    s->counts[s->count] = t->loss;
    for (uint32_t i = 0; i < t->optimizer.pack_count; i++) /* so that the gradients are as wide as the step's */
        s->counts[s->count + 1 + i] = t->optimizer.packs[i].gradients;
    TUFF_TRY(tuff_session_compile(t->session, &params, &x, error));
    tuff_status status = TUFF_OK;
    if (inputs != TUFF_INPUTS_NONE) status = tuff_executable_repeat_inputs(t->run, inputs == TUFF_INPUTS_NEXT, x, error);
    if (status == TUFF_OK) status = tuff_executable_run(x, error);
    if (status == TUFF_OK) status = tuff_executable_read(x, s->count, loss, sizeof *loss, error);
    for (uint32_t i = 0; i < s->count && status == TUFF_OK; i++) {
        float bad = 0;
        status = tuff_executable_read(x, i, &bad, sizeof bad, error);
        if (status != TUFF_OK || bad == 0) continue;
        describe(s, i, bad, text, bytes);
        break;
    }
    tuff_executable_destroy(x);
    return status;
}

/* Without a device that answers, or without the step's inputs, the sentence ends with what is known. */
tuff_status tuff_trainer_explain(struct tuff_trainer *t, const char *name, enum tuff_step_inputs inputs,
                                 struct tuff_error *error)
{
    char text[400] = "";
    float loss = 0;
    struct search s = {.t = t};
    struct tuff_error ignored = {0};
    uint32_t before = t->graph->count;
    if (list_values(&s))
        (void)run_search(&s, inputs, text, sizeof text, &loss, &ignored);
    else
        tuff_graph_undo(t->graph, before);
    if (!isfinite(loss)) /* a NaN may have a sign, which says nothing */
        return tuff_fail(t->context, error, TUFF_ERR_NOT_FINITE, "%s: the loss is %g%s", name,
                         isnan(loss) ? (double)NAN : (double)loss, text);
    return tuff_fail(t->context, error, TUFF_ERR_NOT_FINITE, "%s: %s is not finite%s", name,
                     text[0] ? "a gradient" : "a gradient or its square, Adam's second moment,", text);
}

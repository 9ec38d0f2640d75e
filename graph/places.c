/* places.c - looks at labels and indices where the host writes them: a device clamps what names no place, and nobody would know. */
#include "graph/places.h"

#include <stdio.h>

void tuff_places_of_labels(struct tuff_graph *g, tuff_val labels, tuff_val logits, const int32_t *ignored)
{
    if (!tuff_graph_ok(g)) return;
    const int32_t *kept = ignored ? tuff_arena_copy(&g->arena, ignored, sizeof *ignored) : NULL;
    if ((ignored && !kept) || !TUFF_GROW_ARENA(&g->arena, g->labels, g->label_count, 1)) {
        tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
        return;
    }
    g->labels[g->label_count++] = (struct tuff_labels){labels, logits, kept};
}

/* ---- finding ------------------------------------------------------------------------------------------------------------------- */

struct search {
    const struct tuff_graph *g;
    struct tuff_arena *arena;
    bool *reached; /* [arena] scratch: what a value follows from */
    struct tuff_places *places;
    uint32_t count;
    struct tuff_error *error;
};

/* Past what only gives the same elements in the same order another shape. */
static tuff_val behind_views(const struct tuff_graph *g, tuff_val v)
{
    while (tuff_op_is_same(g->values[v].op) && g->values[v].in_count == 1) v = g->values[v].in[0];
    return v;
}

/* The one input that v follows from by what is cheap to compute on the host; 0: there is none, or something else comes in. */
static tuff_val input_of(struct search *s, tuff_val v)
{
    const struct tuff_graph *g = s->g;
    tuff_val input = 0;
    memset(s->reached, 0, (v + 1) * sizeof *s->reached);
    s->reached[v] = true;
    for (; v > 0; v--) {
        const struct tuff_value *value = &g->values[v];
        if (!s->reached[v]) continue;
        if (value->op->kind == TUFF_KIND_INPUT) {
            if (input) return 0;
            input = v;
            continue;
        }
        bool constant = value->op->kind == TUFF_KIND_CONSTANT || value->op->kind == TUFF_KIND_FULL;
        if (value->op->class != TUFF_CLASS_INLINE && !constant) return 0;
        for (uint32_t i = 0; i < value->in_count; i++) s->reached[value->in[i]] = true;
    }
    return input;
}

static tuff_status refuse(const struct tuff_graph *g, const struct tuff_places *p, tuff_val of, uint64_t at, double number,
                          struct tuff_error *error)
{
    char what[TUFF_VALUE_TEXT], reader[TUFF_VALUE_TEXT], operand[TUFF_VALUE_TEXT], place[100] = "", floats[100] = "";
    const struct tuff_shape *shape = &g->values[p->value].type.shape;
    const struct tuff_value *op = &g->values[p->reader];
    uint64_t step = tuff_shape_count(shape);
    size_t used = 0;
    for (uint32_t i = 0; i < shape->rank && used < sizeof place; i++) {
        step /= shape->dim[i];
        used += (size_t)snprintf(place + used, sizeof place - used, i ? ", %llu" : "%llu",
                                 (unsigned long long)(at / step % shape->dim[i]));
    }
    float as_float;
    int32_t bits = (int32_t)number;
    memcpy(&as_float, &bits, sizeof as_float);
    double size = (double)(as_float < 0 ? -as_float : as_float);
    if (g->values[of].type.dtype == TUFF_I32 && size > 1e-9 && size < 1e9)
        snprintf(floats, sizeof floats, "; these are the bits of the float %g: write whole numbers", (double)as_float);
    tuff_value_text(g, of, what, sizeof what);
    if (p->classes)
        return tuff_refuse(
            g->context, error, "%s: label [%s] is %.0f, which is none of the %lld classes of %s, 0 to %lld%s%s", what, place,
            number, (long long)p->most + 1, tuff_value_text(g, p->reader, reader, sizeof reader), (long long)p->most, floats,
            p->ignored || floats[0] ? "" : "; a label that is to count nothing is named by ignore_index");
    return tuff_refuse(g->context, error, "%s: index [%s] is %.0f, outside of %s of %s: %lld to %lld%s", what, place, number,
                       op->op->name, tuff_value_text(g, op->in[0], operand, sizeof operand), (long long)p->least,
                       (long long)p->most, floats);
}

static bool is_possible(const struct tuff_places *p, double number)
{
    return (number >= (double)p->least && number <= (double)p->most) || (p->ignored && number == *p->ignored);
}

/* Numbers of p's shape that lie in this type, of the value `of`. */
static tuff_status check_numbers(const struct tuff_graph *g, const struct tuff_places *p, tuff_val of, enum tuff_dtype dtype,
                                 const void *numbers, struct tuff_error *error)
{
    uint64_t count = tuff_shape_count(&g->values[p->value].type.shape);
    for (uint64_t i = 0; i < count; i++) {
        double number = tuff_element(dtype, numbers, i);
        if (!is_possible(p, number)) return refuse(g, p, of, i, number, error);
    }
    return TUFF_OK;
}

static tuff_status add(struct search *s, struct tuff_places p)
{
    p.value = behind_views(s->g, p.value);
    for (uint32_t i = 0; i < s->count; i++) /* gradients read the same indices */
        if (s->places[i].value == p.value && s->places[i].least == p.least && s->places[i].most == p.most &&
            s->places[i].ignored == p.ignored)
            return TUFF_OK;
    const struct tuff_value *value = &s->g->values[p.value];
    if (value->op->kind == TUFF_KIND_CONSTANT)
        return check_numbers(s->g, &p, p.value, value->type.dtype, value->data, s->error);
    p.input = input_of(s, p.value);
    if (!p.input) return TUFF_OK;
    if (!TUFF_GROW_ARENA(s->arena, s->places, s->count, 1)) return tuff_fail_memory(s->g->context, s->error);
    s->places[s->count++] = p;
    return TUFF_OK;
}

/* How many places there are along the operator's axis. */
static int64_t places_of(const struct tuff_graph *g, const struct tuff_value *value)
{
    const struct tuff_attr *attr = value->op->attrs;
    while (strcmp(attr->name, "axis") != 0) attr++;
    int32_t axis;
    memcpy(&axis, (const char *)value->attrs + attr->offset, sizeof axis);
    return g->values[value->in[0]].type.shape.dim[axis];
}

static tuff_status find(struct search *s, const bool *needed)
{
    const struct tuff_graph *g = s->g;
    for (uint32_t i = 0; i < g->label_count; i++) {
        const struct tuff_labels *l = &g->labels[i];
        struct tuff_places p = {.value = l->labels, .reader = l->logits, .ignored = l->ignored, .classes = true};
        p.most = (int64_t)g->values[l->logits].type.shape.dim[1] - 1;
        if (needed[l->labels] && needed[l->logits]) TUFF_TRY(add(s, p));
    }
    for (tuff_val v = 1; v < g->count; v++) {
        const struct tuff_value *value = &g->values[v];
        if (!needed[v] || !(value->op->traits & TUFF_TAKES_PLACES)) continue;
        int64_t places = places_of(g, value);
        TUFF_TRY(add(s, (struct tuff_places){.value = value->in[1], .reader = v, .least = -places, .most = places - 1}));
    }
    return TUFF_OK;
}

tuff_status tuff_places_find(const struct tuff_graph *g, const tuff_val *outputs, uint32_t output_count,
                             struct tuff_arena *arena, struct tuff_places **places, uint32_t *count,
                             struct tuff_error *error)
{
    struct search s = {.g = g, .arena = arena, .error = error};
    bool *needed = tuff_alloc(g->context, 2 * g->count * sizeof *needed);
    if (!needed) return tuff_fail_memory(g->context, error);
    s.reached = needed + g->count;
    for (uint32_t i = 0; i < output_count; i++) needed[outputs[i]] = true;
    tuff_graph_mark_needed(g, needed);
    needed[0] = false;
    tuff_status status = find(&s, needed);
    tuff_free(g->context, needed);
    *places = s.places;
    *count = s.count;
    return status;
}

/* ---- checking ------------------------------------------------------------------------------------------------------------------ */

/* Numbers that follow from what is written, by the operators' definitions. */
static tuff_status check_computed(const struct tuff_graph *g, const struct tuff_places *p, const void *data,
                                  struct tuff_error *error)
{
    uint64_t count = tuff_shape_count(&g->values[p->value].type.shape);
    double *numbers = tuff_alloc(g->context, (size_t)count * sizeof *numbers);
    if (!numbers) return tuff_fail_memory(g->context, error);
    struct tuff_evaluate_params params = {.struct_size = sizeof params,
                                          .outputs = &p->value,
                                          .output_count = 1,
                                          .leaves = &(struct tuff_leaf_content){p->input, data},
                                          .leaf_count = 1};
    tuff_status status = tuff_evaluate(g, &params, &numbers, error);
    if (status == TUFF_OK) status = check_numbers(g, p, p->input, TUFF_F64, numbers, error);
    tuff_free(g->context, numbers);
    return status;
}

tuff_status tuff_places_check(const struct tuff_graph *g, const struct tuff_places *places, uint32_t count, tuff_val input,
                              const void *data, struct tuff_error *error)
{
    enum tuff_dtype dtype = tuff_host_type(&g->values[input]).dtype;
    for (uint32_t i = 0; i < count; i++) {
        if (places[i].input != input) continue;
        bool written = places[i].value == input;
        TUFF_TRY(written ? check_numbers(g, &places[i], input, dtype, data, error)
                         : check_computed(g, &places[i], data, error));
    }
    return TUFF_OK;
}

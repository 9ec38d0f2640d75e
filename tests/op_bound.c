/* op_bound.c - carries error bounds through a graph, value by value: rows by their own text (op_text.c), all others as their
 * descriptors say (graph/bound.c). */
#include "tests/op_bound.h"
#include "graph/bound.h"
#include "graph/ops/pointwise.h"
#include "tests/op_text.h"

#include <math.h>
#include <stdio.h>

struct walk {
    const struct tuff_graph *g;
    double *const *data;
    double **bound;
    const struct tuff_value *value;
    tuff_val v;
    uint64_t count;
};

static const struct tuff_type *type_of(const struct walk *w, uint32_t i) { return &w->g->values[w->value->in[i]].type; }
static const double *data_of(const struct walk *w, uint32_t i) { return w->data[w->value->in[i]]; }
static const double *bound_of(const struct walk *w, uint32_t i) { return w->bound[w->value->in[i]]; }

/* ---- pointwise ------------------------------------------------------------------------------------------------------------------ */

static struct op_number number_of(const struct walk *w, uint32_t input, uint64_t i)
{
    if (input >= w->value->in_count || !w->value->in[input]) return (struct op_number){0, 0};
    return (struct op_number){data_of(w, input)[i], bound_of(w, input)[i]};
}

static void whole_numbers(const struct walk *w)
{
    for (uint64_t i = 0; i < w->count; i++) {
        bool sure = fabs(w->data[w->v][i]) <= 2147483647.0;
        for (uint32_t k = 0; k < w->value->in_count; k++) sure = sure && number_of(w, k, i).e == 0;
        w->bound[w->v][i] = sure ? 0 : INFINITY;
    }
}

static bool row(const struct walk *w)
{
    static const struct tuff_pw_attrs none;
    const struct tuff_pw_attrs *p = w->value->attrs ? w->value->attrs : &none;
    bool derivative = (w->value->op->traits & TUFF_DERIVATIVE) != 0;
    uint32_t first = derivative ? 1 : 0;
    struct op_text text;
    if (!tuff_is_float(type_of(w, 0)->dtype)) {
        whole_numbers(w);
        return true;
    }
    if (!op_text_read(&text, w->value->op->glsl)) {
        printf("%s: text '%s' is not understood\n", w->value->op->name, w->value->op->glsl);
        return false;
    }
    for (uint64_t i = 0; i < w->count; i++) {
        struct op_number in[5] = {number_of(w, first, i),
                                  number_of(w, first + 1, i),
                                  number_of(w, first + 2, i),
                                  {p->p0, fabs((double)(float)p->p0 - p->p0)},
                                  {p->p1, fabs((double)(float)p->p1 - p->p1)}};
        struct op_number r = op_text_evaluate(&text, in);
        if (derivative) {
            struct op_number gy = number_of(w, 0, i);
            double y = gy.v * r.v;
            r.e = fabs(gy.v) * r.e + fabs(r.v) * gy.e + gy.e * r.e + OP_ULP * fabs(y) + (y != 0 ? OP_TINY : 0);
            if (!(fabs(y) < OP_HUGE)) r.e = INFINITY;
        }
        w->bound[w->v][i] = r.e;
    }
    return true;
}

bool op_bound_run(const struct tuff_graph *g, double *const *data, double **bound)
{
    for (tuff_val v = 1; v < g->count; v++) {
        struct walk w = {.g = g, .data = data, .bound = bound, .value = &g->values[v], .v = v};
        w.count = tuff_shape_count(&w.value->type.shape);
        if (bound[v]) continue;
        bound[v] = tuff_alloc(g->context, (size_t)w.count * sizeof **bound);
        tuff_status status = TUFF_OK;
        if (bound[v] && !w.value->op->glsl) status = tuff_bound_of(g, v, data, bound);
        if (status != TUFF_OK) printf("bound of %s: %s\n", w.value->op->name, tuff_status_name(status));
        if (!bound[v] || status != TUFF_OK || (w.value->op->glsl && !row(&w))) return false;
        for (uint64_t i = 0; i < w.count; i++)
            if (isnan(bound[v][i])) bound[v][i] = INFINITY;
    }
    return true;
}

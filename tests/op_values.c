/* op_values.c - see op_values.h. */
#include "tests/op_values.h"
#include "backend/core.h"
#include "graph/reference.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void op_values_begin(struct op_values *t)
{
    if (tuff_graph_create(t->test.context, &t->g, NULL) != TUFF_OK) exit(1);
    t->count = 0;
}

tuff_val op_values_input(struct op_values *t, enum tuff_dtype dtype, struct tuff_shape shape, const double *content)
{
    char name[16];
    size_t bytes = (size_t)tuff_shape_count(&shape) * sizeof *content;
    snprintf(name, sizeof name, "x%u", t->g->count);
    tuff_val v = tuff_input(t->g, name, dtype, shape);
    if (!v || v >= TUFF_COUNT(t->data) || !(t->data[v] = tuff_alloc(t->test.context, bytes))) exit(1);
    memcpy(t->data[v], content, bytes);
    return v;
}

void op_values_expect(struct op_values *t, struct op_value value)
{
    if (t->count == OP_VALUES_MOST || !value.v) {
        printf("%s: there is no such value\n", value.name);
        exit(1);
    }
    t->values[t->count++] = value;
}

/* Denormal results may be flushed; what no f32 holds is infinite on the device. */
static bool same(const struct op_value *e, double got, double wanted, bool device)
{
    if (isnan(wanted)) return isnan(got);
    if (device && fabs(wanted) > (double)FLT_MAX) return isinf(got) && signbit(got) == signbit(wanted);
    if (!device && isinf(wanted)) return fabs(got) > (double)FLT_MAX && signbit(got) == signbit(wanted);
    if (wanted == 0 && got == 0) return !(e->flags & OP_SIGNS) || !signbit(got) == !signbit(wanted);
    if (wanted == 0 && e->flags & OP_ZEROS) return false;
    if (e->flags & OP_EXACT) return (float)got == (float)wanted;
    return fabs(got - wanted) <= fmax(e->relative * fabs(wanted), e->absolute) + (double)FLT_MIN;
}

static void compare(struct op_values *t, const struct op_value *e, const double *got, bool device)
{
    const struct tuff_shape shape = tuff_type_of(t->g, e->v).shape;
    for (uint64_t k = 0; k < tuff_shape_count(&shape); k++)
        if (!backend_check(&t->test, same(e, got[k], e->wanted[k], device),
                           "%s, %s, element %llu of %s: expected %.9g, got %.9g", t->way, device ? "device" : "definition",
                           (unsigned long long)k, e->name, e->wanted[k], got[k]))
            break;
}

static bool define(struct op_values *t, double **definition)
{
    double **reference = tuff_reference_create(t->g);
    for (uint32_t v = 0; reference && v < t->g->count; v++) {
        reference[v] = t->data[v];
        t->data[v] = NULL;
    }
    bool ok = reference && tuff_reference_run(t->g, reference) == TUFF_OK;
    for (uint32_t i = 0; ok && i < t->count; i++) {
        const struct tuff_shape shape = tuff_type_of(t->g, t->values[i].v).shape;
        size_t bytes = (size_t)tuff_shape_count(&shape) * sizeof(double);
        ok = (definition[i] = tuff_alloc(t->test.context, bytes)) != NULL;
        if (ok) memcpy(definition[i], reference[t->values[i].v], bytes);
    }
    if (reference) tuff_reference_destroy(t->g, reference);
    return ok;
}

bool op_values_run(struct op_values *t, double **device, double **definition)
{
    tuff_val outputs[OP_VALUES_MOST];
    for (uint32_t i = 0; i < t->count; i++) outputs[i] = t->values[i].v;
    struct op_run run = {.outputs = outputs, .count = t->count, .got = device};
    bool ok = tuff_graph_finish(t->g, NULL) == TUFF_OK && op_run_graph(t->test.device, t->g, t->data, &run);
    ok = define(t, definition) && ok;
    return backend_check(&t->test, ok, "%s, %s: did not run", t->way, t->values[0].name);
}

void op_values_finish(struct op_values *t)
{
    double *got[OP_VALUES_MOST] = {NULL}, *defined[OP_VALUES_MOST] = {NULL};
    bool ok = op_values_run(t, got, defined);
    for (uint32_t i = 0; i < t->count; i++) {
        const struct op_value *e = &t->values[i];
        if (ok) compare(t, e, got[i], true);
        if (ok) compare(t, e, defined[i], false);
        tuff_free(t->test.context, got[i]);
        tuff_free(t->test.context, defined[i]);
        if (e->flags & OP_OWNED) free((void *)(uintptr_t)e->wanted);
    }
    tuff_graph_destroy(t->g);
}

void op_values_ways(struct op_values *t, void (*test)(struct op_values *t))
{
    struct tuff_caps *caps = &t->test.device->caps, own = *caps;
    uint32_t *debug = &t->test.context->options.debug, asked = *debug;
    t->way = "fused";
    test(t);
    caps->kind = TUFF_DEVICE_DISCRETE; /* other kernels of pools and reductions */
    caps->driver_effects &= ~(uint32_t)TUFF_DRIVER_READS_TEXELS;
    t->way = "kernels of GPUs";
    test(t);
    *caps = own;
    *debug |= TUFF_DEBUG_NOFUSE | TUFF_DEBUG_NOSIMPLIFY;
    t->way = "unfused";
    test(t);
    *debug = asked | TUFF_DEBUG_NOCOMPILER;
    t->way = "no compiler";
    test(t);
    *debug = asked;
}

/* op_rows.c - row groups (graph/compile/rows.c): softmax, norms, cross entropy, forward and backward, each over rows of many lengths, by the kernels of
 * this device, by those of a GPU (rows in registers, several subgroups of a row) and by those of a device without shuffles; launches are counted. */
#include "tests/backend_help.h"
#include "tests/op_bound.h"
#include "tests/op_help.h"

#include <stdio.h>
#include <stdlib.h>

struct rows_test {
    struct backend_test test;
    struct op_random random;
    struct op_totals totals;
    const char *way;
};
struct rows {
    struct tuff_graph *g;
    tuff_val outputs[4], x;
    uint32_t count;
};

static void with_gradient(struct rows *r, tuff_val y)
{
    r->outputs[r->count++] = y;
    tuff_gradients(r->g, y, tuff_input(r->g, "gy", TUFF_F32, tuff_type_of(r->g, y).shape), &r->x, 1,
                   &r->outputs[r->count++]);
}

static void softmax(struct rows *r) { with_gradient(r, tuff_softmax(r->g, r->x, -1)); }
static void softmax_first(struct rows *r) { with_gradient(r, tuff_softmax(r->g, r->x, 0)); }
static void log_softmax(struct rows *r) { with_gradient(r, tuff_log_softmax(r->g, r->x, -1)); }
static void layer_norm(struct rows *r)
{
    tuff_val scale = tuff_input(r->g, "scale", TUFF_F32, TUFF_SHAPE(tuff_type_of(r->g, r->x).shape.dim[1]));
    with_gradient(r, tuff_layer_norm(r->g, r->x, scale, 0, 1, 1e-5));
}
static void rms_norm(struct rows *r) { with_gradient(r, tuff_rms_norm(r->g, r->x, 0, 1e-5)); }
static void group_norm(struct rows *r) /* as pictures of 2 x 1 x 3: odd runs */
{
    struct tuff_shape s = tuff_type_of(r->g, r->x).shape;
    with_gradient(r, tuff_group_norm(r->g, tuff_reshape(r->g, r->x, TUFF_SHAPE(s.dim[0], s.dim[1], 1)), 0, 0, 1, 1e-5));
}
/* Sums of floats, a largest, places and sums of whole numbers, all of the same rows. */
static void kinds(struct rows *r)
{
    tuff_val whole = tuff_cast(r->g, r->x, TUFF_I32),
             ones = tuff_input(r->g, "ones", TUFF_F32, tuff_type_of(r->g, r->x).shape);
    r->outputs[r->count++] = tuff_add(r->g, tuff_sum(r->g, ones, 2, TUFF_DROP_AXES),
                                      tuff_prod(r->g, ones, 2, TUFF_DROP_AXES));
    r->outputs[r->count++] = tuff_sum(r->g, tuff_cast(r->g, ones, TUFF_I32), 2, TUFF_DROP_AXES);
    r->outputs[r->count++] = tuff_argmax(r->g, ones, 1, TUFF_DROP_AXES);
    r->outputs[r->count++] = tuff_reduce_min(r->g, whole, 2, TUFF_DROP_AXES);
}

static const struct {
    const char *name;
    void (*build)(struct rows *);
    uint32_t launches;
} cases[] = {{"softmax", softmax, 1},
             {"softmax of the first axis", softmax_first, 1},
             {"log_softmax", log_softmax, 1},
             {"layer norm", layer_norm, 1},
             {"rms norm", rms_norm, 1},
             {"group norm", group_norm, 1},
             {"kinds", kinds, 1}};

static void run(struct rows_test *t, uint32_t c, uint32_t rows, uint32_t columns)
{
    struct rows r = {.count = 0};
    double *got[4] = {NULL}, **data = NULL, **bound = NULL;
    struct op_run run = {.outputs = r.outputs, .got = got};
    struct op_totals before = t->totals;
    char what[96];
    snprintf(what, sizeof what, "%s, %s of %u x %u", t->way, cases[c].name, (unsigned)rows, (unsigned)columns);
    bool ok = tuff_graph_create(t->test.context, &r.g, NULL) == TUFF_OK;
    if (ok) {
        r.x = tuff_input(r.g, "x", TUFF_F32, TUFF_SHAPE(rows, columns));
        cases[c].build(&r);
        ok = tuff_graph_finish(r.g, NULL) == TUFF_OK;
    }
    if (ok) {
        data = tuff_reference_create(r.g);
        bound = tuff_reference_create(r.g);
        ok = data && bound;
    }
    for (tuff_val v = 1; ok && v < r.g->count; v++) {
        uint64_t count = tuff_shape_count(&r.g->values[v].type.shape);
        if (r.g->values[v].op->kind != TUFF_KIND_INPUT) continue;
        data[v] = tuff_alloc(t->test.context, (size_t)count * sizeof **data);
        ok = data[v] != NULL;
        for (uint64_t i = 0; ok && i < count; i++) data[v][i] = (float)op_normal(&t->random);
    }
    ok = ok && tuff_reference_run(r.g, data) == TUFF_OK && op_bound_run(r.g, data, bound);
    run.count = r.count;
    ok = ok && op_run_graph(t->test.device, r.g, data, &run);
    for (uint32_t i = 0; ok && i < r.count; i++)
        op_compare(r.g, r.outputs[i], what, data[r.outputs[i]], bound[r.outputs[i]], got[i], &t->totals);
    backend_check(&t->test, ok && t->totals.wrong == before.wrong, "%s failed", what);
    bool fused = !(t->test.context->options.debug & (TUFF_DEBUG_NOCOMPILER | TUFF_DEBUG_NOFUSE));
    if (fused && rows > 1 && columns > 1 && columns < 1000 && c != 5 && c != 1)
        backend_check(&t->test, run.counts.launches == cases[c].launches, "%s: %u launches, expected %u", what,
                      (unsigned)run.counts.launches, (unsigned)cases[c].launches);
    for (uint32_t i = 0; i < 4; i++) tuff_free(t->test.context, got[i]);
    if (data) tuff_reference_destroy(r.g, data);
    if (bound) tuff_reference_destroy(r.g, bound);
    tuff_graph_destroy(r.g);
}

static void run_all(struct rows_test *t, const char *way)
{
    static const uint32_t columns[] = {2, 3, 4, 5, 63, 64, 65, 1000, 1024, 4099};
    t->way = way;
    for (uint32_t c = 0; c < TUFF_COUNT(cases); c++)
        for (uint32_t i = 0; i < TUFF_COUNT(columns); i++) run(t, c, i % 2 ? 3 : columns[i] > 100 ? 2 : 37, columns[i]);
}

/* Few lanes of many rows, several subgroups of a row: with little shared memory fewer of these. */
static void plan_large(struct rows_test *t)
{
    struct rows r = {.count = 0};
    struct tuff_plan_figures figures;
    struct tuff_error error = {0};
    if (tuff_graph_create(t->test.context, &r.g, NULL) != TUFF_OK) abort();
    r.x = tuff_input(r.g, "x", TUFF_F32, TUFF_SHAPE(200, 1 << 18));
    softmax_first(&r);
    const struct tuff_executable_params params = {
        .struct_size = sizeof params, .outputs = r.outputs, .output_count = r.count};
    backend_status(&t->test, "softmax of 200 x 262144", TUFF_OK,
                   tuff_plan_ask(t->test.device, r.g, &params, &figures, &error), &error);
    tuff_graph_destroy(r.g);
}

int main(int argc, char **argv)
{
    struct rows_test t = {.random = op_random_start(argc, argv)};
    int status = backend_test_begin(&t.test, NULL);
    if (status != 0) return status;
    run_all(&t, "own kernels");
    struct tuff_caps *caps = &t.test.device->caps;
    caps->kind = TUFF_DEVICE_DISCRETE;
    caps->driver_effects &= ~(uint32_t)TUFF_DRIVER_READS_TEXELS;
    run_all(&t, "a GPU's");
    const uint32_t shared = caps->max_shared_bytes;
    caps->max_shared_bytes = 16384;
    plan_large(&t);
    caps->max_shared_bytes = shared;
    caps->subgroup_shuffle = false;
    run_all(&t, "without shuffles");
    printf("%llu elements, %llu left out, %llu wrong\n", (unsigned long long)t.totals.compared,
           (unsigned long long)t.totals.left_out, (unsigned long long)t.totals.wrong);
    return backend_test_end(&t.test, "op_rows");
}

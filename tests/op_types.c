/* op_types.c - the element types of graph/dtypes.def: content of every type in every kind of leaf, casts between all of them at
 * their edges, and every operator with every type: it is computed and agrees with the double reference, or is refused by a
 * sentence that names operator and type. What becomes of whole numbers and of NaN is as the descriptor says. */
#include "graph/ops/leaf.h"
#include "tests/backend_help.h"
#include "tests/op_bound.h"
#include "tests/op_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct types_test {
    struct backend_test test;
    struct op_random random;
};

enum { MOST_TYPES = 16 };

/* ---- leaves ----------------------------------------------------------------------------------------------------------------- */

static const double edges[] = {0,          1,        -1,         0.5,           1.5,  2.5,   -2.5,
                               127,        128,      -128,       -129,          255,  256,   65504,
                               65519,      65520,    -70000,     1e-7,          3e-8, 1e-40, -1.1754e-38,
                               1e38,       3.4e38,   2147483647, -2147483648.0, 3e9,  -1e10, 1.00390625,
                               1.01171875, INFINITY, -INFINITY,  NAN,           0.1};

/* Elements of the type, by their bits: edges first, then anything that is finite. */
static void fill_bytes(struct types_test *t, enum tuff_dtype dtype, uint64_t count, void *bytes, bool nan)
{
    for (uint64_t i = 0; i < count; i++) {
        double v = i < TUFF_COUNT(edges) ? edges[i] : 100 * op_normal(&t->random);
        v = tuff_dtype_round(tuff_dtype_device(dtype), v); /* what the host's types hold more is refused: graph_host.c */
        tuff_element_put(dtype, bytes, i, isnan(v) && !nan ? 2 : v);
    }
}

/* ---- blocks ----------------------------------------------------------------------------------------------------------------- */

static void check_quantized(struct types_test *t)
{
    float x[64] = {0}; /* the first block: 127 steps of 1 / 64 and halves of them; the second: zeros */
    uint8_t blocks[68];
    const double wanted[5] = {127.0 / 64, -127.0 / 64, 1.0 / 64, -1.0 / 64, 2.0 / 64};
    x[0] = 127.0f / 64, x[1] = -x[0], x[2] = 0.5f / 64, x[3] = -x[2], x[4] = 1.5f / 64;
    tuff_quantize_q8_0(x, 64, blocks);
    for (int i = 0; i < 64; i++) {
        double y = tuff_element(TUFF_Q8_0, blocks, (uint64_t)i), w = i < 5 ? wanted[i] : 0;
        backend_check(&t->test, y == w, "weight %d: expected %g, got %g", i, w, y);
    }
    backend_check(&t->test,
                  blocks[0] == 0x00 && blocks[1] == 0x24 && blocks[2] == 127 && blocks[3] == 0x81 && blocks[4] == 1,
                  "the block's bytes are %02x%02x %02x %02x %02x", blocks[0], blocks[1], blocks[2], blocks[3], blocks[4]);
}

/* Random blocks in each kind of leaf: read back as they were; multiplied from both sides, gathered and cast like the numbers. */
static void check_blocks(struct types_test *t, uint32_t rows, uint32_t columns)
{
    struct tuff_graph *g = NULL;
    struct tuff_type type = {TUFF_Q8_0, TUFF_SHAPE(rows, columns)};
    uint64_t count = (uint64_t)rows * columns;
    size_t size = (size_t)tuff_dtype_size(TUFF_Q8_0, count);
    float *x = malloc((size_t)count * sizeof *x);
    uint8_t *blocks = malloc(size), *back = malloc(size);
    if (!x || !blocks || !back || tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
    for (uint64_t i = 0; i < count; i++) x[i] = (float)op_normal(&t->random);
    tuff_quantize_q8_0(x, count, blocks);
    tuff_val w[4] = {tuff_param_of(g, "p", type, (struct tuff_init){0}),
                     tuff_state(g, "s", TUFF_Q8_0, type.shape, (struct tuff_init){0}),
                     tuff_input(g, "i", TUFF_Q8_0, type.shape), tuff_constant(g, type, blocks)};
    tuff_val a = tuff_input(g, "a", TUFF_F32, TUFF_SHAPE(5, columns)), b = tuff_input(g, "b", TUFF_F32, TUFF_SHAPE(3, rows));
    tuff_val at = tuff_input(g, "at", TUFF_I32, TUFF_SHAPE(7)), outputs[20], gx[1];
    double *got[20] = {NULL};
    struct op_run run = {.outputs = outputs, .got = got};
    for (int k = 0; k < 4; k++) {
        tuff_val y = tuff_matmul(g, a, w[k], (struct tuff_matmul_params){.transpose_b = true});
        tuff_gradients(g, y, 0, &a, 1, gx);
        const tuff_val all[5] = {y, gx[0], tuff_matmul(g, b, w[k], (struct tuff_matmul_params){0}),
                                 tuff_gather(g, w[k], at, 0), tuff_cast(g, w[k], TUFF_F32)};
        for (int i = 0; i < 5; i++) outputs[run.count++] = all[i];
    }
    double **data = tuff_reference_create(g), **bound = tuff_reference_create(g);
    struct op_totals totals = {0};
    for (tuff_val v = 1; v < g->count; v++) {
        const struct tuff_value *value = &g->values[v];
        bool given = value->op->kind == TUFF_KIND_INPUT || tuff_is_kept(value);
        uint64_t n = tuff_shape_count(&value->type.shape);
        if (!given || !(data[v] = tuff_alloc(g->context, (size_t)n * sizeof **data))) continue;
        for (uint64_t i = 0; i < n; i++)
            data[v][i] = value->type.dtype == TUFF_Q8_0  ? tuff_element(TUFF_Q8_0, blocks, i)
                         : value->type.dtype == TUFF_I32 ? (double)op_below(&t->random, rows)
                                                         : (double)(float)op_normal(&t->random);
    }
    bool ok = g->status == TUFF_OK && tuff_reference_run(g, data) == TUFF_OK && op_bound_run(g, data, bound) &&
              op_run_graph(t->test.device, g, data, &run);
    backend_check(&t->test, ok, "products with q8_0 [%u, %u] did not run: %s", (unsigned)rows, (unsigned)columns,
                  g->error.message);
    for (uint32_t k = 0; ok && k < run.count; k++)
        op_compare(g, outputs[k], "q8_0", data[outputs[k]], bound[outputs[k]], got[k], &totals);
    backend_check(&t->test, totals.wrong == 0, "q8_0: %llu wrong elements", (unsigned long long)totals.wrong);
    tuff_reference_destroy(g, data);
    tuff_reference_destroy(g, bound);
    for (uint32_t k = 0; k < run.count; k++) tuff_free(g->context, got[k]);
    struct tuff_session *session = NULL;
    struct tuff_error error = {0};
    tuff_status status = tuff_session_create(t->test.device, g, NULL, &session, &error);
    if (status == TUFF_OK) status = tuff_session_write(session, w[0], blocks, size, &error);
    if (status == TUFF_OK) status = tuff_session_read(session, w[0], back, size, &error);
    backend_check(&t->test, status == TUFF_OK && !memcmp(blocks, back, size), "q8_0 comes back otherwise: %s",
                  error.message);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    free(x);
    free(blocks);
    free(back);
}

enum { LEAVES = 4 };

static void check_leaves(struct types_test *t, enum tuff_dtype dtype, uint32_t count)
{
    struct tuff_context *context = t->test.context;
    struct tuff_type type = {dtype, TUFF_SHAPE(count)};
    size_t size = (size_t)tuff_dtype_size(dtype, count);
    const char *name = tuff_dtype_name(dtype);
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    struct tuff_error error = {0};
    uint8_t *wrote = malloc(size), *got = malloc(size);
    if (!wrote || !got || tuff_graph_create(context, &g, NULL) != TUFF_OK) abort();
    fill_bytes(t, dtype, count, wrote, false);
    tuff_val leaf[LEAVES] = {tuff_param_of(g, "p", type, (struct tuff_init){0}),
                             tuff_state(g, "s", dtype, type.shape, (struct tuff_init){0}),
                             tuff_input(g, "i", dtype, type.shape), tuff_constant(g, type, wrote)};
    tuff_val kept = tuff_state(g, "kept", dtype, type.shape, (struct tuff_init){0});
    tuff_val outputs[LEAVES + 1] = {leaf[0], leaf[1], leaf[2], leaf[3], tuff_assign(g, kept, leaf[2])};
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = outputs, .output_count = LEAVES + 1};
    tuff_status status = tuff_graph_finish(g, &error);
    if (status == TUFF_OK) status = tuff_session_create(t->test.device, g, NULL, &session, &error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &x, &error);
    if (status == TUFF_OK) status = tuff_session_write(session, leaf[0], wrote, size, &error);
    if (status == TUFF_OK) status = tuff_session_write(session, leaf[1], wrote, size, &error);
    if (status == TUFF_OK) status = tuff_executable_write(x, leaf[2], wrote, size, &error);
    if (status == TUFF_OK) status = tuff_executable_run(x, &error);
    backend_check(&t->test, status == TUFF_OK, "%s: %s", name, error.message);
    for (uint32_t i = 0; status == TUFF_OK && i < LEAVES + 3; i++) {
        memset(got, 0x5a, size);
        tuff_status read = i < LEAVES
                               ? tuff_executable_read(x, i, got, size, &error)
                               : tuff_session_read(session, i == LEAVES ? kept : leaf[i - LEAVES - 1], got, size, &error);
        backend_check(&t->test, read == TUFF_OK && !memcmp(got, wrote, size), "%s [%u]: leaf %u comes back otherwise: %s",
                      name, (unsigned)count, (unsigned)i, error.message);
    }
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    free(wrote);
    free(got);
}

/* ---- casts ------------------------------------------------------------------------------------------------------------------ */

static void check_casts(struct types_test *t, enum tuff_dtype from, uint32_t types)
{
    const uint32_t count = 67;
    struct tuff_graph *g = NULL;
    tuff_val outputs[MOST_TYPES];
    double *got[MOST_TYPES] = {NULL}, **data;
    struct op_run run = {.outputs = outputs, .got = got};
    uint64_t bytes[67];
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
    tuff_val x = tuff_input(g, "x", from, TUFF_SHAPE(count));
    for (uint32_t to = 1; to < types; to++)
        if (to != (uint32_t)from && !tuff_is_blocks((enum tuff_dtype)to))
            outputs[run.count++] = tuff_cast(g, x, (enum tuff_dtype)to);
    data = tuff_reference_create(g);
    if (!data || !(data[x] = tuff_alloc(g->context, count * sizeof **data))) abort();
    fill_bytes(t, from, count, bytes, true);
    op_unpack(from, bytes, count, data[x]);
    bool ok = tuff_reference_run(g, data) == TUFF_OK && op_run_graph(t->test.device, g, data, &run);
    backend_check(&t->test, ok, "casts of %s did not run", tuff_dtype_name(from));
    for (uint32_t k = 0; ok && k < run.count; k++)
        for (uint32_t i = 0; i < count; i++) {
            double y = data[outputs[k]][i], v = got[k][i];
            backend_check(&t->test, y == v || (isnan(y) && isnan(v)), "cast of %s %.9g to %s: expected %.9g, got %.9g",
                          tuff_dtype_name(from), data[x][i], tuff_dtype_name(g->values[outputs[k]].type.dtype), y, v);
        }
    for (uint32_t k = 0; k < MOST_TYPES; k++) tuff_free(g->context, got[k]);
    tuff_reference_destroy(g, data);
    tuff_graph_destroy(g);
}

/* ---- operators -------------------------------------------------------------------------------------------------------------- */

/* Does the operator take this type as operand k of its first case? Else its sentence is looked at. */
static bool takes(struct types_test *t, const struct tuff_op *op, uint32_t k, enum tuff_dtype dtype)
{
    struct tuff_error error = {0};
    const char *name = tuff_dtype_name(dtype); /* as it was declared */
    bool taken = op_takes(t->test.context, op, k, dtype, &error);
    backend_check(&t->test, taken || (strstr(error.message, op->name) && strstr(error.message, name)),
                  "%s of %s as operand %u: refused as '%s'", op->name, name, (unsigned)k, error.message);
    return taken;
}

static void check_operator(struct types_test *t, const struct tuff_op *op, uint32_t types)
{
    struct tuff_graph *g = NULL;
    struct tuff_case cases[7 * MOST_TYPES];
    tuff_val outputs[7 * MOST_TYPES];
    double *got[7 * MOST_TYPES] = {NULL}, **data, **bound;
    struct op_run run = {.outputs = outputs, .got = got};
    struct op_totals totals = {0};
    struct op_case_values values;
    tuff_val inputs[7 * MOST_TYPES][6];
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
    for (uint32_t k = 0; k < op_choices(op); k++)
        for (uint32_t d = 1; d < types; d++) {
            if (!takes(t, op, k, (enum tuff_dtype)d) || tuff_is_blocks((enum tuff_dtype)d)) continue;
            struct tuff_case *c = &cases[run.count];
            *c = *op_case(op, 0);
            op_set_type(c, k, (enum tuff_dtype)d);
            if (!op_add_case(g, op, c, run.count, false, &values)) break;
            memcpy(inputs[run.count], values.in, sizeof inputs[0]);
            outputs[run.count++] = values.y;
        }
    data = tuff_reference_create(g);
    bound = tuff_reference_create(g);
    if (!data || !bound) abort();
    for (uint32_t n = 0; n < run.count; n++)
        for (uint32_t k = 0; k < cases[n].in_count; k++) {
            tuff_val v = inputs[n][k];
            uint64_t count = tuff_shape_count(&g->values[v].type.shape);
            if (!(data[v] = tuff_alloc(g->context, (size_t)count * sizeof **data))) abort();
            op_fill(&t->random, op, &cases[n], k, data[v], count);
        }
    bool ok = run.count == 0 || (g->status == TUFF_OK && tuff_reference_run(g, data) == TUFF_OK &&
                                 op_bound_run(g, data, bound) && op_run_graph(t->test.device, g, data, &run));
    backend_check(&t->test, ok, "%s: did not run with all the types that it takes", op->name);
    for (uint32_t n = 0; ok && n < run.count; n++)
        op_compare(g, outputs[n], op->name, data[outputs[n]], bound[outputs[n]], got[n], &totals);
    backend_check(&t->test, totals.wrong == 0, "%s: %llu wrong elements", op->name, (unsigned long long)totals.wrong);
    for (uint32_t n = 0; n < TUFF_COUNT(got); n++) tuff_free(g->context, got[n]);
    tuff_reference_destroy(g, data);
    tuff_reference_destroy(g, bound);
    tuff_graph_destroy(g);
}

/* ---- whole numbers, NaN ------------------------------------------------------------------------------------------------------- */

/* The case with the most results. */
static const struct tuff_case *largest_case(const struct tuff_op *op)
{
    const struct tuff_case *most = op_case(op, 0);
    for (uint32_t i = 1; i < op_case_count(op); i++)
        if (tuff_shape_count(&op_case(op, i)->in[0].shape) > tuff_shape_count(&most->in[0].shape)) most = op_case(op, i);
    return most;
}

/* Runs a case of an operator by definition and on the device; content[k] fills operand k's elements by turns, NULL: random ones.
 * Returns the result's elements, of which *by_definition are what they should be, or NULL: the operator refuses it. */
static double *run_case(struct types_test *t, const struct tuff_op *op, const struct tuff_case *c,
                        const double *const *content, uint32_t content_count, double **by_definition, struct tuff_type *type)
{
    struct tuff_graph *g = NULL;
    struct op_case_values values = {0};
    double **data = NULL, *got[1] = {NULL};
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
    if (op_add_case(g, op, c, 0, false, &values) && (data = tuff_reference_create(g))) {
        for (uint32_t k = 0; k < c->in_count; k++) {
            uint64_t count = tuff_shape_count(&c->in[k].shape);
            double *x = data[values.in[k]] = tuff_alloc(g->context, (size_t)count * sizeof *x);
            if (!x) abort();
            op_fill(&t->random, op, c, k, x, count);
            for (uint64_t i = 0; content[k] && i < count; i++) x[i] = content[k][i % content_count];
        }
        struct op_run run = {.outputs = &values.y, .count = 1, .got = got};
        bool ok = tuff_reference_run(g, data) == TUFF_OK && op_run_graph(t->test.device, g, data, &run);
        backend_check(&t->test, ok, "%s: did not run", op->name);
        *type = g->values[values.y].type;
        *by_definition = data[values.y];
        data[values.y] = NULL;
    }
    if (data) tuff_reference_destroy(g, data);
    tuff_graph_destroy(g);
    return got[0];
}

/* i32 in the place of floats, or i8 where it says so, with numbers whose results do not fit: as the descriptor says. The definition wraps by what it says. */
static void check_integers(struct types_test *t, const struct tuff_op *op)
{
    static const double numbers[2][9] = {{INT32_MAX, 3, INT32_MIN, 65537, -65539, INT32_MAX - 1, -1, 0, 50021},
                                         {5, INT32_MIN, INT32_MAX, 65521, 131071, INT32_MAX - 2, -1, 7, -1}},
                        bytes[9] = {-128, 127, -128, 5, -77, 0, 127, -1, 99};
    enum tuff_integer_rule rule = tuff_op_integers(op);
    struct tuff_case c = *largest_case(op);
    const double *content[6] = {NULL};
    double *wanted = NULL;
    struct tuff_type type = {0};
    bool any = false;
    for (uint32_t k = 0; k < c.in_count; k++) {
        if (!tuff_is_float(c.in[k].dtype)) continue;
        c.in[k].dtype = rule == TUFF_INTEGERS_BYTES ? TUFF_I8 : TUFF_I32;
        content[k] = rule == TUFF_INTEGERS_BYTES ? bytes : numbers[k % 2];
        any = true;
    }
    if (!any) return;
    double *got = run_case(t, op, &c, content, TUFF_COUNT(numbers[0]), &wanted, &type);
    backend_check(&t->test, (got != NULL) == (rule != TUFF_INTEGERS_REFUSED),
                  "%s %s whole numbers, and is declared otherwise", op->name, got ? "takes" : "refuses");
    uint64_t wrong = 0;
    for (uint64_t i = 0; got && wanted && i < tuff_shape_count(&type.shape); i++) {
        double y = wanted[i];
        if (rule == TUFF_INTEGERS_SATURATED) y = tuff_dtype_round(type.dtype, y);
        wrong += got[i] != y;
    }
    backend_check(&t->test, wrong == 0, "%s: %llu results of whole numbers are not as declared", op->name,
                  (unsigned long long)wrong);
    tuff_free(t->test.context, got);
    tuff_free(t->test.context, wanted);
}

/* NaN in one operand, in all of it or among numbers: it reaches the result, or does not, as the descriptor says, and where the
 * definition says. */
static void check_nan(struct types_test *t, const struct tuff_op *op, uint32_t k, bool all)
{
    static const double numbers[5] = {NAN, 1.5, 0.75, 2, 1};
    const struct tuff_case *c = largest_case(op);
    const double *content[6] = {NULL};
    double *wanted = NULL;
    struct tuff_type type = {0};
    if (!tuff_is_float(c->in[k].dtype)) return;
    content[k] = numbers;
    double *got = run_case(t, op, c, content, all ? 1 : TUFF_COUNT(numbers), &wanted, &type);
    bool ignored = tuff_op_ignores_nan(op) >> k & 1;
    uint64_t count = tuff_shape_count(&type.shape), nans = 0, elsewhere = 0;
    for (uint64_t i = 0; got && wanted && i < count; i++) {
        nans += isnan(got[i]);
        /* sums may multiply what lies around a picture, 0, with a NaN among the weights */
        elsewhere += isnan(got[i]) ? !isnan(wanted[i]) && op->error != TUFF_ERROR_SUMS : isnan(wanted[i]);
    }
    bool told = !all || !tuff_is_float(type.dtype) || (nans == 0) == ignored;
    backend_check(&t->test, got && told && elsewhere == 0,
                  "%s: NaN in operand %u is %s, but %llu of %llu results are NaN, %llu otherwise than defined", op->name,
                  (unsigned)k, ignored ? "ignored" : "not ignored", (unsigned long long)nans, (unsigned long long)count,
                  (unsigned long long)elsewhere);
    tuff_free(t->test.context, got);
    tuff_free(t->test.context, wanted);
}

int main(int argc, char **argv)
{
    struct types_test t = {.random = op_random_start(argc, argv)};
    const char *only = argc % 2 == 0 ? argv[argc - 1] : NULL; /* op_types [--seed N] [OPERATOR] */
    uint32_t types = 1;
    int status = backend_test_begin(&t.test, NULL);
    if (status != 0) return status;
    while (types < MOST_TYPES && tuff_dtype_known((int32_t)types)) types++;
    check_quantized(&t);
    check_blocks(&t, 7, 96);
    check_blocks(&t, 36, 32);
    for (uint32_t d = 1; d < types; d++) {
        if (tuff_is_blocks((enum tuff_dtype)d)) continue;
        static const uint32_t counts[] = {1, 7, 259};
        for (uint32_t k = 0; k < TUFF_COUNT(counts); k++) check_leaves(&t, (enum tuff_dtype)d, counts[k]);
        check_casts(&t, (enum tuff_dtype)d, types);
    }
    for (uint32_t i = 0; i < tuff_op_count; i++) {
        const struct tuff_op *op = tuff_ops[i];
        if (!op_case_count(op) || (only && strcmp(only, op->name) != 0)) continue;
        backend_test_renew(&t.test);
        check_operator(&t, op, types);
        check_integers(&t, op);
        for (uint32_t k = 0; k < 2 * op_case(op, 0)->in_count; k++) check_nan(&t, op, k / 2, k % 2);
    }
    return backend_test_end(&t.test, "op_types");
}

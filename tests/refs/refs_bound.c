/* refs_bound.c - evaluates a graph in double, once exactly and in SAMPLES copies with rounding noise of the size that f32
 * arithmetic on a Vulkan device may have, and derives bounds from how far the copies go apart (Parker 1997, Monte Carlo
 * arithmetic). Conditioning, cancellation and, in trainings, growth over the steps come out of the graph itself. */
#include "graph/bound.h"
#include "tests/refs/refs.h"

#include <math.h>
#include <stdlib.h>

enum { SAMPLES = 8, COPIES = SAMPLES + 1 }; /* copy 0 is exact */

#define UNIT 0x1p-24   /* half a unit in the last place */
#define TINY 0x1p-126  /* smaller results may be flushed to zero */
#define DEVIATIONS 4.0 /* of the copies */
#define FUNCTION_ULP 4.0
#define BASIC_ULP 1.0
#define GELU_END 6.0

const char refs_bound_text[] =
    "Pass rule. An element passes when |device - stored| <= bound, with\n"
    "    bound = 4 s + 2^-23 |stored| + 2^-50 max |stored| + 2^-126\n"
    "s is the root mean square difference between the graph evaluated in double and 8 evaluations in double with noise:\n"
    "after each operation, each element gets noise that is uniform with mean 0 and standard deviation\n"
    "    0                                            copies, views, selections, comparisons, extrema, whole numbers\n"
    "    2^-23 (|y| + sum_k |a_k dy/da_k|)            + - * and what consists of it (an ulp: Vulkan 1.3, table of "
    "precision)\n"
    "    4 2^-23 (|y| + sum_k |a_k dy/da_k| + inner)  division, roots, exp, log, ... (table: division 2.5 ulp, exp 3 + "
    "2|x|,\n"
    "                                                 log 3 ulp or 2^-21; inner: largest term that cancels inside a gelu)\n"
    "    2^-24 (sqrt(n) (|y| + sqrt(sum t^2)) + |y|)  sums of n terms t in any order (Higham and Mary 2019: rounding "
    "errors\n"
    "                                                 grow with sqrt(n); partial sums are at most about |y| + sqrt(sum "
    "t^2))\n"
    "plus half of what may be flushed to 0, at most 2^-126. Stored values are rounded to f32, as are some constants of the\n"
    "program that made them (1/6), and its sums in double may cancel: the terms behind 4 s. So the bound follows from "
    "sizes, types and the case's own conditioning; in\n"
    "trainings the noise is carried through all steps, parameters and optimizer state included. Integers and bools are "
    "equal.\n"
    "Besides, the graph evaluated in double must agree with what is stored within the bound with 10^-6 s for 4 s, so that "
    "a\n"
    "wrong formula fails however wide a bound is. The largest error / bound of each operator is printed.\n"
    "Learning rates: |difference| <= 4 (steps + 8) 2^-53 base_lr (they are stored in double, some computed recursively).\n";

struct refs_eval {
    const struct tuff_graph *g;
    uint32_t count;
    double **data[COPIES]; /* [owned] per value */
    uint64_t round;        /* of evaluations: seeds the noise */
};

static bool is_leaf(const struct tuff_value *v)
{
    return v->op->kind == TUFF_KIND_INPUT || v->op->kind == TUFF_KIND_PARAM || v->op->kind == TUFF_KIND_STATE;
}
static size_t size_of(const struct tuff_value *v) { return (size_t)tuff_shape_count(&v->type.shape); }

struct refs_eval *refs_eval_create(const struct tuff_graph *g)
{
    struct refs_eval *e = refs_alloc(sizeof *e);
    e->g = g;
    e->count = g->count;
    for (int k = 0; k < COPIES; k++) e->data[k] = refs_alloc(g->count * sizeof *e->data[k]);
    return e;
}

void refs_eval_destroy(struct refs_eval *e)
{
    if (!e) return;
    for (int k = 0; k < COPIES; k++) {
        for (uint32_t v = 0; v < e->count; v++) free(e->data[k][v]);
        free(e->data[k]);
    }
    free(e);
}

/* In [-sqrt(3), sqrt(3)), deviation 1, for an element of a value of a copy: mixing steps of SplitMix64 (Steele et al. 2014). */
static double noise(const struct refs_eval *e, int copy, tuff_val v, uint64_t element)
{
    uint64_t z = ((e->round * COPIES + (uint64_t)copy) << 40) + ((uint64_t)v << 24) + element;
    z = (z + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return ((double)(z >> 11) * 0x1p-52 - 1.0) * 1.7320508075688772;
}

void refs_eval_set(struct refs_eval *e, tuff_val leaf, const double *values, bool rounded)
{
    size_t count = size_of(&e->g->values[leaf]);
    for (int k = 0; k < COPIES; k++) {
        if (!e->data[k][leaf]) e->data[k][leaf] = refs_alloc(count * sizeof(double));
        for (size_t i = 0; i < count; i++)
            e->data[k][leaf][i] = values[i] + (rounded && k ? values[i] * UNIT * noise(e, k, leaf, i) : 0);
    }
}

/* ---- noise of one operation --------------------------------------------------------------------------------------------- */

static bool listed(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(name, *list)) return true;
    return false;
}
static const char *const exact_rows[] = {"neg",        "abs",           "minimum",   "maximum",    "floor",
                                         "ceil",       "round",         "sign",      "is_finite",  "clamp",
                                         "relu",       "equal",         "not_equal", "less",       "less_equal",
                                         "greater",    "greater_equal", "abs_da",    "minimum_da", "minimum_db",
                                         "maximum_da", "maximum_db",    "clamp_da",  "relu_da",    NULL};
static const char *const basic_rows[] = {"add",    "sub",    "mul",       "square",    "affine",        "leaky_relu",
                                         "mul_da", "mul_db", "square_da", "affine_da", "leaky_relu_da", NULL};

/* Runs an operator's reference on operands of our choice. */
static void call_ref(const struct tuff_graph *g, tuff_val v, const double *const *in, double *out)
{
    const struct tuff_value *value = &g->values[v];
    struct tuff_type *types = refs_alloc((value->in_count + 1) * sizeof *types);
    for (uint32_t i = 0; i < value->in_count; i++)
        if (value->in[i]) types[i] = g->values[value->in[i]].type;
    struct tuff_ref ref = {.value = value, .in_types = types, .in = in, .out = out, .graph = g};
    if (value->op->ref) value->op->ref(&ref);
    free(types);
}

/* Largest term that cancels inside a gelu, by element: 1 + erf and 1 + tanh for negative operands; in the derivative of the
 * tanh form also 1 - tanh^2. Beyond 6 erf(a / sqrt(2)) and tanh are +-1 in f32 up to one rounding of the 1: what is left of the
 * negative side is lost whole. */
static double inner_term(const char *name, double gy, double a)
{
    bool plain = !strcmp(name, "gelu") || !strcmp(name, "gelu_tanh"); /* a is the only operand */
    double m = fabs(plain ? gy : a);
    if (m > GELU_END) return 0;
    if (plain) return m;
    if (!strcmp(name, "gelu_da")) return fabs(gy) * (1 + m);
    if (!strcmp(name, "gelu_tanh_da")) return fabs(gy) * (1 + m) * (1 + 0.134145 * m * m);
    return 0;
}

static bool vanishes(const char *name, double gy, double a)
{
    return !strncmp(name, "gelu", 4) && (!strcmp(name, "gelu") || !strcmp(name, "gelu_tanh") ? gy : a) < -GELU_END;
}

/* Noise of flushing keeps the sign: roots may follow. */
static double flushed(double y) { return (fabs(y) < TINY ? fabs(y) : TINY) / 2; }

/* local += sum_k |a_k dy/da_k|, by differences over operands scaled by 1 +- step */
static void add_condition(const struct tuff_graph *g, tuff_val v, const double **in, double *local)
{
    const struct tuff_value *value = &g->values[v];
    size_t count = size_of(value);
    const double step = 1e-6;
    double *scaled = refs_alloc(count * sizeof *scaled), *up = refs_alloc(count * sizeof *up),
           *down = refs_alloc(count * sizeof *down);
    for (uint32_t k = 0; k < value->in_count; k++) {
        const double *operand = in[k];
        if (!operand || g->values[value->in[k]].type.dtype != TUFF_F32) continue;
        in[k] = scaled;
        for (size_t i = 0; i < count; i++) scaled[i] = operand[i] * (1 + step);
        call_ref(g, v, in, up);
        for (size_t i = 0; i < count; i++) scaled[i] = operand[i] * (1 - step);
        call_ref(g, v, in, down);
        in[k] = operand;
        for (size_t i = 0; i < count; i++) {
            double d = fabs(up[i] - down[i]) / (2 * step);
            if (d < INFINITY) local[i] += d;
        }
    }
    free(scaled);
    free(up);
    free(down);
}

static void row_noise(const struct tuff_graph *g, tuff_val v, const double **in, const double *y, double *local)
{
    const struct tuff_value *value = &g->values[v];
    double ulp = listed(value->op->name, basic_rows) ? BASIC_ULP : FUNCTION_ULP;
    size_t count = size_of(value);
    for (size_t i = 0; i < count; i++) local[i] = fabs(y[i]);
    add_condition(g, v, in, local);
    for (size_t i = 0; i < count; i++) {
        double a = value->in_count > 1 && in[1] ? in[1][i] : 0;
        local[i] = ulp * 2 * UNIT * (local[i] + (in[0] ? inner_term(value->op->name, in[0][i], a) : 0)) + flushed(y[i]);
        if (in[0] && vanishes(value->op->name, in[0][i], a)) local[i] = fabs(y[i]);
    }
}

/* The sum's terms squared are the sum of squared operands; of two, what is picked by the first is summed of the second. */
static void sum_noise(const struct tuff_graph *g, tuff_val v, const double **in, const double *y, double *local,
                      double terms)
{
    const struct tuff_value *value = &g->values[v];
    const double **squares = refs_alloc((value->in_count + 1) * sizeof *squares);
    double **made = refs_alloc((value->in_count + 1) * sizeof *made);
    for (uint32_t k = 0; k < value->in_count; k++) {
        squares[k] = in[k];
        if (!in[k] || g->values[value->in[k]].type.dtype != TUFF_F32 ||
            (k == 0 && value->op->traits & TUFF_PICKS && value->in_count > 1))
            continue;
        size_t count = size_of(&g->values[value->in[k]]);
        squares[k] = made[k] = refs_alloc(count * sizeof **made);
        for (size_t i = 0; i < count; i++) made[k][i] = in[k][i] * in[k][i];
    }
    call_ref(g, v, squares, local);
    for (size_t i = size_of(value); i-- > 0;)
        local[i] = UNIT * (sqrt(terms) * (fabs(y[i]) + sqrt(fabs(local[i]))) + fabs(y[i])) + flushed(y[i]);
    for (uint32_t k = 0; k < value->in_count; k++) free(made[k]);
    free(made);
    free((void *)squares);
}

/* Of a kernel that could be composed of others: its declared bound, which adds up what each of these may round away. */
static double *declared_noise(const struct tuff_graph *g, const struct tuff_value *value, const double **in, const double *y)
{
    const size_t count = size_of(value);
    double *local = refs_alloc(count * sizeof *local), **none = refs_alloc(value->in_count * sizeof *none);
    struct tuff_type *types = refs_alloc(value->in_count * sizeof *types);
    for (uint32_t i = 0; i < value->in_count; i++) {
        types[i] = g->values[value->in[i]].type;
        none[i] = refs_alloc(size_of(&g->values[value->in[i]]) * sizeof **none);
    }
    const struct tuff_bound b = {g->context, value, types, in, (const double *const *)none, y, local, count, g, 0};
    if (tuff_bound_value(&b) != TUFF_OK) abort();
    for (size_t i = 0; i < count; i++) local[i] /= DEVIATIONS;
    for (uint32_t i = 0; i < value->in_count; i++) free(none[i]);
    free(none);
    free(types);
    return local;
}

/* Deviation of each element's noise, or NULL where there is none. */
static double *local_noise(const struct tuff_graph *g, tuff_val v, const double **in, const double *y)
{
    const struct tuff_value *value = &g->values[v];
    if (value->type.dtype != TUFF_F32 || value->in_count == 0) return NULL;
    bool row = value->op->glsl != NULL, result = value->op->class == TUFF_CLASS_RESULT;
    if ((result ? g->values[value->in[0]].op : value->op)->compose) return declared_noise(g, value, in, y);
    double terms = 0;
    if (!row && value->op->terms) {
        struct tuff_type *types = refs_alloc(value->in_count * sizeof *types);
        for (uint32_t i = 0; i < value->in_count; i++)
            if (value->in[i]) types[i] = g->values[value->in[i]].type;
        terms = value->op->terms(value, types);
        free(types);
    }
    if (!(row && !listed(value->op->name, exact_rows)) && terms <= 0) return NULL;
    double *local = refs_alloc(size_of(value) * sizeof *local);
    if (row)
        row_noise(g, v, in, y, local);
    else
        sum_noise(g, v, in, y, local, terms);
    return local;
}

/* ---- evaluation ----------------------------------------------------------------------------------------------------------- */

static void evaluate(struct refs_eval *e, tuff_val v)
{
    const struct tuff_value *value = &e->g->values[v];
    size_t count = size_of(value);
    const double **in = refs_alloc((value->in_count + 1) * sizeof *in);
    double *local = NULL;
    for (int k = 0; k < COPIES; k++) {
        for (uint32_t i = 0; i < value->in_count; i++) in[i] = value->in[i] ? e->data[k][value->in[i]] : NULL;
        free(e->data[k][v]);
        double *out = e->data[k][v] = refs_alloc(count * sizeof *out);
        call_ref(e->g, v, in, out);
        if (k == 0) local = local_noise(e->g, v, in, out);
        for (size_t i = 0; k && local && i < count; i++) /* infinities are not rounded, nor what follows from them alone */
            if (isfinite(out[i]) && isfinite(local[i])) out[i] += local[i] * noise(e, k, v, i);
    }
    free(local);
    free((void *)in);
}

void refs_eval_run(struct refs_eval *e)
{
    e->round++;
    for (tuff_val v = 1; v < e->count; v++) {
        if (!is_leaf(&e->g->values[v]))
            evaluate(e, v);
        else
            for (int k = 0; k < COPIES; k++)
                if (!e->data[k][v]) e->data[k][v] = refs_alloc(size_of(&e->g->values[v]) * sizeof(double));
    }
}

/* Copies into a leaf, or into the parameters of a pack: each begins at a multiple of TUFF_PLAN_ALIGNMENT. */
static void store(struct refs_eval *e, int copy, tuff_val target, const double *from)
{
    const struct tuff_value *value = &e->g->values[target];
    uint64_t at = 0;
    if (value->op->kind != TUFF_KIND_PARAM_PACK) {
        memcpy(e->data[copy][target], from, size_of(value) * sizeof *from);
        return;
    }
    for (uint32_t i = 0; i < value->in_count; i++) {
        store(e, copy, value->in[i], from + at);
        at += tuff_align(size_of(&e->g->values[value->in[i]]), TUFF_PLAN_ALIGNMENT / sizeof(float));
    }
}

void refs_eval_assign(struct refs_eval *e, const tuff_val *outputs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct tuff_value *value = &e->g->values[outputs[i]];
        if (value->op->class != TUFF_CLASS_ASSIGN) continue;
        for (int k = 0; k < COPIES; k++) store(e, k, value->in[0], e->data[k][outputs[i]]);
    }
}

void refs_eval_check(const struct refs_eval *e, tuff_val v, uint64_t first, struct refs_check *check)
{
    double largest = 0;
    for (uint64_t i = 0; i < check->count; i++) largest = fmax(largest, fabs(check->want[i]));
    for (uint64_t i = 0; i < check->count; i++) {
        double exact = e->data[0][v][first + i], squares = 0;
        for (int k = 1; k < COPIES; k++) squares += (e->data[k][v][first + i] - exact) * (e->data[k][v][first + i] - exact);
        check->ref[i] = exact;
        check->bound[i] = check->definition[i] = 0;
        if (check->type.dtype != TUFF_F32) continue;
        double stored = 2 * UNIT * fabs(check->want[i]) + 0x1p-50 * largest + TINY, s = sqrt(squares / SAMPLES);
        check->bound[i] = DEVIATIONS * s + stored;
        check->definition[i] = 1e-6 * s + stored;
    }
}

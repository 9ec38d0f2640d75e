/* bound.c - see bound.h. With u = 2^-23, f the operator's own reference, a, b operands and ea, eb their bounds:
 *
 *   MOVES      f of the bounds
 *   SUMS       f(|a| + ea, |b| + eb) - f(|a|, |b|) + (n + 2) u f(|a| + ea, |b| + eb): first what comes in with the operands, then
 *              what any order of adding n terms rounds away (Higham, Accuracy and Stability of Numerical Algorithms, section 4.2)
 *              sums of f16: u = 2^-10, nothing is known where sums may pass 65504, and terms below 2^-14 may be lost
 *   MONOTONE   max |f(a -+ ea) - f(a)|
 *   POSITIONS  0, or unknown where an operand is not exact
 *   TEXT       of a row, roughly: sum over a of max |f(a -+ (ea + d |a|)) - f| + 32 u |f|. A row is a few operations of a few ulp each, so that a
 *              device's result is nearly that of operands a little apart; d = 2^-17 is 64 u. tests/op_text.c derives it step by step */
#include "graph/bound.h"
#include "graph/pw_math.h"

#include <math.h>

bool tuff_bound_is_exact(const struct tuff_bound *b, uint32_t input)
{
    for (uint64_t i = tuff_shape_count(&b->in_types[input].shape); i-- > 0;)
        if (b->error[input][i] != 0) return false;
    return true;
}

void tuff_bound_unknown(const struct tuff_bound *b)
{
    for (uint64_t i = 0; i < b->count; i++) b->bound[i] = INFINITY;
}

uint64_t tuff_bound_winner(const struct tuff_bound *b, const uint64_t *places, uint64_t count, double sign, bool *sure)
{
    const double *x = b->in[0], *e = b->error[0];
    uint64_t best = places[0];
    for (uint64_t k = 1; k < count; k++)
        if (tuff_above(sign * x[places[k]], sign * x[best])) best = places[k];
    *sure = true;
    for (uint64_t k = 0; k < count; k++) {
        uint64_t at = places[k];
        double both = e[at] + e[best];
        if (at != best && both > 0 && sign * x[at] + both >= sign * x[best]) *sure = false;
    }
    return best;
}

/* The operator's reference on other operands. */
static void reference(const struct tuff_bound *b, const struct tuff_value *value, const double *const *in, double *out)
{
    memset(out, 0, (size_t)b->count * sizeof *out);
    value->op->ref(&(struct tuff_ref){
        .value = value, .in_types = b->in_types, .in = in, .out = out, .graph = b->graph, .result = b->result});
}

tuff_status tuff_bound_moved(const struct tuff_bound *b, const struct tuff_value *value)
{
    const double **in = tuff_alloc(b->context, (value->in_count + 1) * sizeof *in);
    bool known = true;
    if (!in) return TUFF_ERR_MEMORY;
    for (uint32_t i = 0; i < value->in_count; i++) {
        if (!value->in[i]) continue;
        bool place = i == 1 && (value->op->traits & TUFF_TAKES_PLACES);
        if (value->op->counts_operand && i + 1 < value->in_count) place = i > 0; /* a place, a count */
        in[i] = place ? b->in[i] : b->error[i];
        if (place) known = known && tuff_bound_is_exact(b, i);
    }
    if (known)
        reference(b, value, in, b->bound);
    else
        tuff_bound_unknown(b);
    tuff_free(b->context, (void *)in);
    return TUFF_OK;
}

/* Copies of the operands of which each element is made by `make` of value and bound; whole numbers as they are. NULL: no memory. */
static double **remade(const struct tuff_bound *b, double (*make)(double v, double e))
{
    uint32_t count = b->value->in_count;
    double **made = tuff_alloc(b->context, (count + 1) * sizeof *made);
    bool memory = made != NULL;
    for (uint32_t i = 0; memory && i < count; i++) {
        uint64_t n = b->value->in[i] ? tuff_shape_count(&b->in_types[i].shape) : 0;
        if (n == 0) continue;
        bool floats = tuff_dtype_row(b->in_types[i].dtype)->reg[0] == 'f';
        made[i] = tuff_alloc(b->context, (size_t)n * sizeof **made);
        memory = made[i] != NULL;
        for (uint64_t k = 0; memory && k < n; k++) made[i][k] = floats ? make(b->in[i][k], b->error[i][k]) : b->in[i][k];
    }
    for (uint32_t i = 0; made && !memory && i < count; i++) tuff_free(b->context, made[i]);
    if (!memory) tuff_free(b->context, made);
    return memory ? made : NULL;
}

static bool whole_are_exact(const struct tuff_bound *b)
{
    for (uint32_t i = 0; i < b->value->in_count; i++)
        if (b->value->in[i] && tuff_dtype_row(b->in_types[i].dtype)->reg[0] != 'f' && !tuff_bound_is_exact(b, i))
            return false;
    return true;
}

/* f of remade operands into out. */
static tuff_status of_remade(const struct tuff_bound *b, double (*make)(double v, double e), double *out)
{
    double **in = remade(b, make);
    if (!in) return TUFF_ERR_MEMORY;
    reference(b, b->value, (const double *const *)in, out);
    for (uint32_t i = 0; i < b->value->in_count; i++) tuff_free(b->context, in[i]);
    tuff_free(b->context, in);
    return TUFF_OK;
}

static double size_of(double v, double e)
{
    (void)e;
    return fabs(v);
}
static double most_of(double v, double e) { return fabs(v) + e; }
static double above(double v, double e) { return v + e; }
static double below(double v, double e) { return v - e; }

static tuff_status sums(const struct tuff_bound *b, double *other)
{
    double n = b->value->op->terms ? b->value->op->terms(b->value, b->in_types) : 1, *y = b->bound;
    const bool halves = tuff_sums_halves(b->graph, b->value->op, b->in_types);
    const double ulp = halves ? 0x1p-10 : TUFF_ULP, tiny = halves ? 0x1p-14 : TUFF_TINY;
    TUFF_TRY(of_remade(b, size_of, other));
    TUFF_TRY(of_remade(b, most_of, y));
    for (uint64_t i = 0; i < b->count; i++) {
        const double all = y[i] * (1 + n * ulp);
        y[i] = halves && all > 65504 ? INFINITY : y[i] - other[i] + (n + 2) * ulp * y[i] + (y[i] > 0 ? n * tiny : 0);
    }
    return TUFF_OK;
}

static tuff_status monotone(const struct tuff_bound *b, double *other)
{
    double *y = b->bound;
    TUFF_TRY(of_remade(b, above, y));
    TUFF_TRY(of_remade(b, below, other));
    for (uint64_t i = 0; i < b->count; i++) {
        double up = y[i] == b->out[i] ? 0 : fabs(y[i] - b->out[i]),
               down = other[i] == b->out[i] ? 0 : fabs(other[i] - b->out[i]);
        y[i] = isnan(up) || isnan(down) ? INFINITY : fmax(up, down);
    }
    return TUFF_OK;
}

static const double SHAKE = 0x1p-17;
static double shaken_up(double v, double e) { return v + e + SHAKE * fabs(v); }
static double shaken_down(double v, double e) { return v - e - SHAKE * fabs(v); }

static tuff_status rows(const struct tuff_bound *b, double *other)
{
    double (*const make[2])(double v, double e) = {shaken_up, shaken_down};
    for (uint32_t k = 0; k < 2 * b->value->in_count; k++) {
        if (!b->value->in[k / 2] || !tuff_is_float(b->in_types[k / 2].dtype)) continue;
        const double *in[8] = {NULL}; /* the other operands as they are */
        double *moved = NULL;
        uint64_t n = tuff_shape_count(&b->in_types[k / 2].shape);
        if (b->value->in_count > TUFF_COUNT(in)) return TUFF_ERR_UNSUPPORTED;
        if (!(moved = tuff_alloc(b->context, (size_t)n * sizeof *moved))) return TUFF_ERR_MEMORY;
        for (uint64_t i = 0; i < n; i++) moved[i] = make[k % 2](b->in[k / 2][i], b->error[k / 2][i]);
        for (uint32_t i = 0; i < b->value->in_count; i++) in[i] = i == k / 2 ? moved : b->in[i];
        reference(b, b->value, in, other);
        for (uint64_t i = 0; i < b->count; i++) b->bound[i] += other[i] == b->out[i] ? 0 : fabs(other[i] - b->out[i]);
        tuff_free(b->context, moved);
    }
    for (uint64_t i = 0; i < b->count; i++) {
        b->bound[i] += 32 * TUFF_ULP * fabs(b->out[i]) + (b->out[i] != 0 ? TUFF_TINY : 0);
        if (isnan(b->bound[i]) || !(fabs(b->out[i]) < 3.4e38)) b->bound[i] = INFINITY;
    }
    return TUFF_OK;
}

static tuff_status with_other(const struct tuff_bound *b, tuff_status (*rule)(const struct tuff_bound *, double *))
{
    double *other = tuff_alloc(b->context, (size_t)b->count * sizeof *other);
    tuff_status status = other ? rule(b, other) : TUFF_ERR_MEMORY;
    tuff_free(b->context, other);
    return status;
}

/* Whole numbers: right to the last one, or nothing is known. */
static tuff_status whole(const struct tuff_bound *b)
{
    bool known = whole_are_exact(b);
    for (uint64_t i = 0; i < b->count; i++) b->bound[i] = known && fabs(b->out[i]) < 2147483647.0 ? 0 : INFINITY;
    return TUFF_OK;
}

tuff_status tuff_bound_by(const struct tuff_bound *b, enum tuff_error_rule rule)
{
    if (!b->value->op->ref && rule != TUFF_ERROR_NONE) return TUFF_ERR_UNSUPPORTED; /* an app's own row has no definition */
    switch (rule) {
    case TUFF_ERROR_UNDECLARED: break;
    case TUFF_ERROR_NONE: return TUFF_OK;
    case TUFF_ERROR_MOVES: return tuff_bound_moved(b, b->value);
    case TUFF_ERROR_POSITIONS:
        for (uint32_t i = 0; i < b->value->in_count; i++)
            if (b->value->in[i] && !tuff_bound_is_exact(b, i)) tuff_bound_unknown(b);
        return TUFF_OK;
    case TUFF_ERROR_TEXT:
        if (b->value->op->glsl && tuff_is_float(b->in_types[0].dtype) && whole_are_exact(b)) return with_other(b, rows);
        return whole(b);
    case TUFF_ERROR_SUMS:
    case TUFF_ERROR_MONOTONE:
        if (!tuff_is_float(b->value->type.dtype)) return whole(b);
        if (whole_are_exact(b)) return with_other(b, rule == TUFF_ERROR_SUMS ? sums : monotone);
        tuff_bound_unknown(b);
        return TUFF_OK;
    }
    return TUFF_ERR_UNSUPPORTED;
}

tuff_status tuff_bound_value(const struct tuff_bound *b)
{
    return b->value->op->bound ? b->value->op->bound(b) : tuff_bound_by(b, b->value->op->error);
}

tuff_status tuff_bound_of(const struct tuff_graph *g, tuff_val v, double *const *data, double **bounds)
{
    const struct tuff_value *value = &g->values[v];
    const uint64_t count = tuff_shape_count(&value->type.shape);
    const double **in = tuff_alloc(g->context, (2 * (size_t)value->in_count + 1) * sizeof *in),
                 **error = in + value->in_count;
    struct tuff_type *types = tuff_alloc(g->context, (value->in_count + 1) * sizeof *types);
    if (!bounds[v]) bounds[v] = tuff_alloc(g->context, (size_t)count * sizeof **bounds);
    tuff_status status = in && types && bounds[v] ? TUFF_OK : TUFF_ERR_MEMORY;
    for (uint32_t i = 0; status == TUFF_OK && i < value->in_count; i++) {
        if (!value->in[i]) continue;
        in[i] = data[value->in[i]];
        error[i] = bounds[value->in[i]];
        types[i] = g->values[value->in[i]].type;
    }
    const struct tuff_bound b = {g->context, value, types, in, error, data[v], bounds[v], count, g, 0};
    if (status == TUFF_OK) status = tuff_bound_value(&b);
    for (uint64_t i = 0; status == TUFF_OK && i < count; i++)
        if (isnan(bounds[v][i])) bounds[v][i] = INFINITY;
    tuff_free(g->context, (void *)in);
    tuff_free(g->context, types);
    return status;
}

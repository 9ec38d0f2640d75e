/* random_graph.c - see random_graph.h. Values stay near 1 in size, so that bounds stay useful. */
#include "tests/random_graph.h"
#include "graph/ops/leaf.h"
#include "graph/ops/pointwise.h"
#include "tests/op_cases.h"

#include <math.h>
#include <stdio.h>

enum { LARGEST = 6000 };

static uint32_t below(struct random_graph *x, uint32_t n) { return op_below(x->r, n); }
static struct tuff_shape shape_of(const struct random_graph *x, tuff_val v) { return tuff_type_of(x->g, v).shape; }

static uint32_t dimension(struct random_graph *x)
{
    static const uint32_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 32, 33, 64, 65};
    return sizes[below(x, TUFF_COUNT(sizes))];
}

static struct tuff_shape some_shape(struct random_graph *x, uint32_t rank)
{
    struct tuff_shape s = {.rank = rank};
    do
        for (uint32_t i = 0; i < rank; i++) s.dim[i] = dimension(x);
    while (tuff_shape_count(&s) > LARGEST / 2);
    return s;
}

static const char *fresh_name(struct random_graph *x, char *buffer, const char *kind)
{
    sprintf(buffer, "%s%u", kind, (unsigned)x->names++);
    return buffer;
}

static tuff_val fresh_leaf(struct random_graph *x, struct tuff_shape shape)
{
    char name[24];
    if (x->param_count < TUFF_COUNT(x->params) && below(x, 2))
        return x->params[x->param_count++] = tuff_param(x->g, fresh_name(x, name, "w"), shape, (struct tuff_init){0});
    return tuff_input(x->g, fresh_name(x, name, "x"), TUFF_F32, shape);
}

static tuff_val pick(struct random_graph *x)
{
    return x->pool[x->pool_count - 1 - below(x, x->pool_count < 6 ? x->pool_count : 6)];
}

static bool fits(const struct random_graph *x, tuff_val v)
{
    return v && tuff_type_of(x->g, v).shape.rank <= 6 && tuff_shape_count(&x->g->values[v].type.shape) <= LARGEST;
}

/* An operand that broadcasts with v: of the same shape where there is one, else new with some axes of length 1 or left out. */
static tuff_val partner(struct random_graph *x, tuff_val v)
{
    struct tuff_shape shape = shape_of(x, v);
    for (uint32_t tries = 0; tries < 4; tries++) {
        tuff_val other = pick(x);
        struct tuff_shape s = shape_of(x, other);
        if (other != v && tuff_shape_equal(&s, &shape)) return other;
    }
    struct tuff_shape s = {.rank = 0};
    uint32_t skip = below(x, 3) ? 0 : below(x, shape.rank + 1);
    for (uint32_t i = skip; i < shape.rank; i++) s.dim[s.rank++] = below(x, 3) ? shape.dim[i] : 1;
    return fresh_leaf(x, s);
}

/* ---- steps: each makes a value from the pool's ------------------------------------------------------------------------------- */

static const struct tuff_pw_attrs row_numbers = {0.75, 1.25};

/* A row's result by its definition. */
static double row_at(const struct tuff_op *op, double a, double b)
{
    const struct tuff_value value = {.op = op, .type = {TUFF_F32, {0}}, .in_count = op->arity_max, .attrs = &row_numbers};
    const struct tuff_type types[2] = {{TUFF_F32, {0}}, {TUFF_F32, {0}}};
    const double *in[2] = {&a, &b};
    double y = NAN;
    op->ref(&(struct tuff_ref){.value = &value, .in_types = types, .in = in, .out = &y});
    return y;
}

static bool is_defined_everywhere(const struct tuff_op *op)
{
    for (int i = -2; i <= 2; i++)
        for (int k = -2; k <= 2; k++)
            if (!isfinite(row_at(op, 1.25 * i, 0.75 * k))) return false;
    return true;
}

/* Any row of so many operands, where it is defined and does not grow beyond measure. */
static tuff_val row(struct random_graph *x, uint8_t operands, tuff_val a, tuff_val b)
{
    struct tuff_graph *g = x->g;
    const struct tuff_op *op;
    tuff_val in[2] = {a, b};
    do op = tuff_ops[below(x, tuff_op_count)];
    while (!op->glsl || op_is_derivative(op) || op->arity_max != operands);
    bool everywhere = is_defined_everywhere(op), grows = fabs(row_at(op, 8, 8)) > 16;
    double least = isfinite(row_at(op, 0.25, 0.25)) ? 0.25 : 1.25; /* acosh */
    for (uint32_t k = 0; k < operands; k++) {
        if (!isfinite(row_at(op, 2, 2))) in[k] = tuff_clamp(g, in[k], -0.7, 0.7); /* asin and the like */
        if (grows) in[k] = tuff_clamp(g, in[k], -3, 2);
        if (op->result == TUFF_RESULT_I32)
            in[k] = tuff_cast(g, in[k], TUFF_I32);
        else if (!everywhere)
            in[k] = tuff_affine(g, tuff_abs(g, in[k]), 1, least);
    }
    return tuff_cast(g, tuff_pw_add(g, op, in[0], in[1], &row_numbers), TUFF_F32);
}

static tuff_val unary(struct random_graph *x, tuff_val v)
{
    struct tuff_graph *g = x->g;
    switch (below(x, 10)) {
    case 0: return tuff_square(g, tuff_tanh(g, v));
    case 1: return tuff_cast(g, tuff_cast(g, v, TUFF_F16), TUFF_F32);
    case 2: return tuff_mul(g, tuff_floor(g, tuff_affine(g, v, 4, 0)), v);
    case 3: return tuff_add(g, tuff_cast(g, tuff_cast(g, tuff_affine(g, v, 8, 0), TUFF_I32), TUFF_F32), v);
    case 4: return tuff_detach(g, v);
    default: return row(x, 1, v, 0);
    }
}

static tuff_val binary(struct random_graph *x, tuff_val v)
{
    struct tuff_graph *g = x->g;
    tuff_val a = v, b = partner(x, v);
    if (below(x, 2)) a = b, b = v;
    switch (below(x, 9)) {
    case 0: return tuff_add(g, a, b);
    case 1: return tuff_mul(g, a, tuff_tanh(g, b));
    case 6: return tuff_select(g, tuff_greater(g, a, b), a, tuff_affine(g, b, 0.5, 0));
    case 7: return tuff_select(g, tuff_less_equal(g, a, b), b, tuff_scalar(g, 0.5));
    case 8: return tuff_add(g, tuff_mul(g, a, b), tuff_cast(g, tuff_not_equal(g, a, b), TUFF_F32));
    default: return row(x, 2, a, b);
    }
}

static tuff_val reshaped(struct random_graph *x, tuff_val v)
{
    struct tuff_shape s = {.rank = 0};
    struct tuff_shape old = shape_of(x, v);
    uint32_t rest = (uint32_t)tuff_shape_count(&old);
    while (rest > 1 && s.rank < 5) {
        uint32_t d = 1 + below(x, 20);
        while (rest % d) d--;
        if (d == 1) d = rest < 40 || below(x, 3) == 0 ? rest : 1;
        s.dim[s.rank++] = d;
        rest /= d;
    }
    if (rest > 1) s.dim[s.rank++] = rest;
    return tuff_reshape(x->g, v, s);
}

static tuff_val view(struct random_graph *x, tuff_val v)
{
    struct tuff_shape s = shape_of(x, v), to = s;
    uint32_t a[TUFF_MAX_RANK] = {0}, b[TUFF_MAX_RANK] = {0};
    int32_t step[TUFF_MAX_RANK] = {0};
    tuff_val parts[3];
    switch (below(x, 7)) {
    case 0: return reshaped(x, v);
    case 1:
        for (uint32_t i = 0; i < s.rank; i++) a[i] = i;
        for (uint32_t i = s.rank; i-- > 1;) {
            uint32_t k = below(x, i + 1), t = a[i];
            a[i] = a[k];
            a[k] = t;
        }
        return tuff_permute(x->g, v, a);
    case 2:
        for (uint32_t i = 0; i < s.rank; i++) {
            uint32_t by = 1 + (below(x, 3) == 0 ? below(x, 3) : 0), size = 1 + below(x, (s.dim[i] + by - 1) / by);
            uint32_t span = by * (size - 1) + 1, first = below(x, s.dim[i] - span + 1);
            bool back = below(x, 4) == 0;
            if (below(x, 3) == 0) by = 1, size = s.dim[i], first = 0, back = false;
            b[i] = size;
            a[i] = back ? first + by * (size - 1) : first;
            step[i] = back ? -(int32_t)by : (int32_t)by;
        }
        return tuff_slice(x->g, v, a, step, b);
    case 3:
        for (uint32_t i = 0; i < s.rank; i++)
            if (to.dim[i] == 1 && below(x, 2)) to.dim[i] = 2 + below(x, 6);
        if (below(x, 2) && to.rank < 5) {
            memmove(to.dim + 1, to.dim, to.rank * sizeof to.dim[0]);
            to.dim[0] = 1 + below(x, 4);
            to.rank++;
        }
        return tuff_expand(x->g, v, to);
    case 4:
        for (uint32_t i = 0; i < s.rank; i++)
            if (below(x, 2)) a[i] = below(x, 4), b[i] = below(x, 3);
        return tuff_pad(x->g, v, a, b, below(x, 2) ? 0 : 0.7);
    default:
        if (s.rank == 0) return v;
        parts[0] = v;
        parts[1] = pick(x);
        to = shape_of(x, parts[1]);
        if (!tuff_shape_equal(&to, &s)) parts[1] = tuff_tanh(x->g, v);
        parts[2] = fresh_leaf(x, s);
        return tuff_concat(x->g, parts, 2 + below(x, 2), (int)below(x, s.rank));
    }
}

static tuff_val sometimes_half(struct random_graph *x, tuff_val v) { return below(x, 6) ? v : tuff_cast(x->g, v, TUFF_F16); }

static tuff_val reduction(struct random_graph *x, tuff_val v)
{
    struct tuff_graph *g = x->g;
    struct tuff_shape s = shape_of(x, v);
    enum tuff_keep keep = below(x, 2) ? TUFF_KEEP_AXES : TUFF_DROP_AXES;
    if (s.rank == 0) return v;
    uint32_t axes = 1 + below(x, (1u << s.rank) - 1), n = 1;
    int axis = (int)below(x, s.rank);
    for (uint32_t i = 0; i < s.rank; i++)
        if (axes >> i & 1) n *= s.dim[i];
    switch (below(x, 11)) {
    case 0: return tuff_affine(g, tuff_sum(g, v, axes, keep), 1 / sqrt(n), 0);
    case 1: return tuff_mean(g, v, axes, keep);
    case 2: return tuff_reduce_max(g, v, axes, keep);
    case 3: return tuff_reduce_min(g, v, axes, keep);
    case 4: return tuff_logsumexp(g, v, axes, keep);
    case 5: return tuff_softmax(g, v, axis);
    case 6: return tuff_log_softmax(g, v, axis);
    case 7: return tuff_affine(g, tuff_cast(g, tuff_argmax(g, v, axis, keep), TUFF_F32), 0.1, 0);
    case 8:
        return tuff_affine(g, tuff_cumsum(g, v, (struct tuff_cumsum_params){axis, below(x, 2) != 0, below(x, 2) != 0}),
                           1 / sqrt(s.dim[axis]), 0);
    case 9: return tuff_layer_norm(g, v, 0, 0, 1 + below(x, s.rank), 0.1);
    default: return tuff_sub(g, v, tuff_mean(g, v, axes, TUFF_KEEP_AXES));
    }
}

static tuff_val product(struct random_graph *x, tuff_val v)
{
    struct tuff_shape s = shape_of(x, v), w = {.rank = 2};
    struct tuff_matmul_params p = {.transpose_a = below(x, 2) != 0};
    p.transpose_b = below(x, 2) != 0;
    if (s.rank < 2) return v;
    uint32_t k = s.dim[p.transpose_a ? s.rank - 2 : s.rank - 1], n = dimension(x);
    if (s.rank > 2 && below(x, 2)) {
        w.rank = 3;
        w.dim[0] = below(x, 2) ? s.dim[s.rank - 3] : 1;
    }
    w.dim[w.rank - 2] = p.transpose_b ? n : k;
    w.dim[w.rank - 1] = p.transpose_b ? k : n;
    v = sometimes_half(x, v);
    return tuff_affine(x->g, tuff_matmul(x->g, v, sometimes_half(x, fresh_leaf(x, w)), p), 1 / sqrt(k), 0);
}

static tuff_val picture(struct random_graph *x, tuff_val v)
{
    struct tuff_graph *g = x->g;
    struct tuff_shape s = shape_of(x, v);
    if (s.rank != 4) {
        uint32_t count = (uint32_t)tuff_shape_count(&s), w = 1 + below(x, 9), h = 1 + below(x, 9), c;
        while (count % w) w--;
        while (count / w % h) h--;
        c = 1 + below(x, 4);
        while (count / w / h % c) c--;
        if (count / w / h / c > 40) return v;
        v = tuff_reshape(g, v, TUFF_SHAPE(count / w / h / c, c, h, w));
        s = shape_of(x, v);
    }
    uint32_t kh = 1 + below(x, 3), kw = 1 + below(x, 3), stride = 1 + below(x, 2);
    if (kh > s.dim[2]) kh = s.dim[2];
    if (kw > s.dim[3]) kw = s.dim[3];
    uint32_t ph = kh > 1 ? below(x, kh) : 0, pw = kw > 1 ? below(x, kw) : 0;
    if (below(x, 2)) {
        struct tuff_pool2d_params p = {
            .kernel = {kh, kw}, .stride = {stride, stride}, .pad = {ph, pw, 0, 0}, .ceil_mode = below(x, 2) != 0};
        v = sometimes_half(x, v);
        return below(x, 2) ? tuff_max_pool2d(g, v, p) : tuff_avg_pool2d(g, v, p);
    }
    if (s.dim[1] > 16) return v;
    uint32_t groups = s.dim[1] % 2 == 0 && below(x, 2) ? 2 : 1, co = groups * (1 + below(x, 5));
    tuff_val w = fresh_leaf(x, TUFF_SHAPE(co, s.dim[1] / groups, kh, kw)),
             b = below(x, 2) ? fresh_leaf(x, TUFF_SHAPE(co)) : 0;
    struct tuff_conv2d_params p = {.stride = {stride, 1}, .pad = {ph, pw, ph, 0}, .groups = groups};
    v = sometimes_half(x, v);
    return tuff_affine(g, tuff_conv2d(g, v, sometimes_half(x, w), b, p), 1 / sqrt(kh * kw * s.dim[1]), 0);
}

static tuff_val indexed(struct random_graph *x, tuff_val v)
{
    char name[24];
    struct tuff_shape s = shape_of(x, v), indices;
    if (s.rank == 0) return v;
    int axis = (int)below(x, s.rank);
    switch (below(x, 4)) {
    case 0:
        indices = some_shape(x, 1);
        return tuff_gather(x->g, v, tuff_input(x->g, fresh_name(x, name, "i"), TUFF_I32, indices), axis);
    case 1:
        indices = s;
        indices.dim[axis] = 1 + below(x, 20);
        return tuff_gather_elements(x->g, v, tuff_input(x->g, fresh_name(x, name, "i"), TUFF_I32, indices), axis);
    case 2:
        indices = s;
        indices.dim[axis] = 1 + below(x, 9);
        return tuff_scatter_add(x->g, v, tuff_input(x->g, fresh_name(x, name, "i"), TUFF_I32, indices),
                                fresh_leaf(x, indices), axis);
    default:
        return tuff_mul(
            x->g, v,
            tuff_cast(x->g, tuff_affine(x->g, tuff_cast(x->g, tuff_iota(x->g, s, axis), TUFF_F32), 0.1, 0.2), TUFF_F32));
    }
}

/* An operand of a case: a value of its shape where there is one. 0 where a graph like this has none of its kind. */
static tuff_val operand(struct random_graph *x, const struct tuff_case *c, uint32_t k)
{
    char name[24];
    const struct tuff_type *type = &c->in[k];
    bool index = type->dtype == TUFF_I32 && c->domain[k] == TUFF_DOMAIN_INDEX;
    if (tuff_shape_count(&type->shape) > LARGEST || (type->dtype != TUFF_F32 && !index)) return 0;
    if (index) return tuff_input(x->g, fresh_name(x, name, "i"), TUFF_I32, type->shape);
    tuff_val v = pick(x);
    struct tuff_shape s = shape_of(x, v);
    if (!tuff_shape_equal(&s, &type->shape)) v = fresh_leaf(x, type->shape);
    bool away = c->domain[k] == TUFF_DOMAIN_POSITIVE || c->domain[k] == TUFF_DOMAIN_NONZERO;
    return away ? tuff_affine(x->g, tuff_abs(x->g, v), 1, 0.25) : v;
}

/* A case of any operator of the table, its longest sum scaled to the size of one term. */
static tuff_val any_case(struct random_graph *x)
{
    const struct tuff_op *op = tuff_ops[below(x, tuff_op_count)];
    tuff_val in[6];
    if (op_case_count(op) == 0 || op->glsl) return 0;
    const struct tuff_case *c = op_case(op, below(x, op_case_count(op)));
    for (uint32_t k = 0; k < c->in_count; k++)
        if (!(in[k] = operand(x, c, k))) return 0;
    tuff_val y = tuff_graph_add(x->g, op, in, c->in_count, c->attrs);
    double terms = y && op->terms ? op->terms(&x->g->values[y], c->in) : 1;
    bool number = y && tuff_is_float(tuff_type_of(x->g, y).dtype);
    return tuff_affine(x->g, tuff_cast(x->g, y, TUFF_F32), number ? 1 / sqrt(terms < 1 ? 1 : terms) : 0.05, 0);
}

static tuff_val any_step(struct random_graph *x, tuff_val v)
{
    uint32_t kind = below(x, 18);
    if (kind >= 16) return any_case(x);
    if (kind < 4) return unary(x, v);
    if (kind < 8) return binary(x, v);
    if (kind < 11) return view(x, v);
    if (kind < 13) return reduction(x, v);
    if (kind == 13) return product(x, v);
    if (kind == 14) return picture(x, v);
    return indexed(x, v);
}

/* All in the pool is f32: operands fit together. Some operators' results have the type of an operand, which may be f16. */
static tuff_val step(struct random_graph *x)
{
    tuff_val v = any_step(x, pick(x));
    return v ? tuff_cast(x->g, v, TUFF_F32) : 0;
}

/* ---- graphs --------------------------------------------------------------------------------------------------------------------- */

void random_graph_output(struct random_graph *x, tuff_val v)
{
    for (uint32_t i = 0; i < x->output_count; i++)
        if (x->outputs[i] == v) return;
    if (v && x->output_count < TUFF_COUNT(x->outputs)) x->outputs[x->output_count++] = v;
}

void random_graph_build(struct random_graph *x)
{
    uint32_t steps = 5 + below(x, 18), inputs = 1 + below(x, 3);
    tuff_val gx[16], state = 0;
    for (uint32_t i = 0; i < inputs; i++) x->pool[x->pool_count++] = fresh_leaf(x, some_shape(x, 1 + below(x, 4)));
    if (below(x, 2)) {
        state = tuff_state(x->g, "state", TUFF_F32, shape_of(x, x->pool[0]), (struct tuff_init){0});
        x->pool[x->pool_count++] = tuff_add(x->g, state, x->pool[0]);
    }
    while (steps > 0 && x->g->status == TUFF_OK && x->pool_count < RANDOM_GRAPH_VALUES) {
        tuff_val v = step(x);
        if (!fits(x, v)) continue;
        x->pool[x->pool_count++] = v;
        steps--;
    }
    random_graph_output(x, x->pool[x->pool_count - 1]);
    for (uint32_t i = below(x, 3); i-- > 0;) random_graph_output(x, pick(x));
    if (state) {
        struct tuff_shape s = shape_of(x, state);
        tuff_val next = tuff_affine(x->g, x->pool[inputs], 0.5, 0.25);
        for (uint32_t i = 0; i < x->pool_count; i++) {
            struct tuff_shape other = shape_of(x, x->pool[i]);
            if (below(x, 2) && tuff_shape_equal(&s, &other) && x->pool[i] != state) next = x->pool[i];
        }
        random_graph_output(x, tuff_assign(x->g, state, next));
    }
    if (x->param_count && below(x, 4)) {
        tuff_gradients(x->g, x->pool[x->pool_count - 1], 0, x->params, x->param_count, gx);
        for (uint32_t i = 0; i < x->param_count && i < 4; i++) random_graph_output(x, gx[i]);
    }
}

/* A state over all parameters, as optimizers have. */
static bool follows_params(const struct tuff_graph *g, const struct tuff_type *type)
{
    for (tuff_val v = 1; v < g->count; v++)
        if (g->values[v].op->kind == TUFF_KIND_PARAM_PACK && tuff_shape_equal(&g->values[v].type.shape, &type->shape))
            return true;
    return false;
}

bool random_graph_fill(struct random_graph *x, double **data)
{
    for (tuff_val v = 1; v < x->g->count; v++) {
        const struct tuff_value *value = &x->g->values[v];
        if (value->op->kind != TUFF_KIND_INPUT && value->op->kind != TUFF_KIND_PARAM && value->op->kind != TUFF_KIND_STATE)
            continue;
        uint64_t count = tuff_shape_count(&value->type.shape);
        data[v] = tuff_alloc(x->g->context, (size_t)count * sizeof **data);
        if (!data[v]) return false;
        if (value->op->kind == TUFF_KIND_STATE && follows_params(x->g, &value->type))
            continue; /* zeros: nothing lies between parameters */
        for (uint64_t i = 0; i < count; i++)
            data[v][i] = value->type.dtype == TUFF_I32 ? (double)below(x, 40) - 12 : (double)(float)op_normal(x->r);
    }
    return true;
}

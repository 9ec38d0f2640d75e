/* attention.c - attention and its gradients, whose weights [t, s] are in no memory where the device has a kernel of them (Dao et al. 2022,
 * FlashAttention; Dao 2023): forward they are scaled by the largest product so far, backward they come again from the products and
 * the logarithms of their sums. Elsewhere products of matrices and a softmax.
 *
 *   s[i,j] = scale q[i] . k[j] + mask[i,j], -inf where row i does not see column j;  lse[i] = log sum_j exp s[i,j]
 *   p = exp(s - lse);  y = p v;  dv = p^T gy;  ds = scale p (gy v^T - dot),  dot[i] = gy[i] . y[i];  dq = ds k;  dk = ds^T q */
#include "graph/ops/attention.h"
#include "graph/bound.h"
#include "graph/compose.h"
#include "graph/ops/view.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

static const struct tuff_attr attr_table[] = {
    {"scale", "", TUFF_ATTR_F64, 1, offsetof(struct tuff_attention_attrs, scale)},
    {"causal", "", TUFF_ATTR_I32, 1, offsetof(struct tuff_attention_attrs, causal)},
};

enum { Q, K, V, GY, LSE, DOT };
enum { DQ, DK, DV };

struct tuff_attention_sizes tuff_attention_sizes(const struct tuff_shape *q, const struct tuff_shape *k,
                                                 const struct tuff_shape *v)
{
    return (struct tuff_attention_sizes){q->dim[0], q->dim[1], k->dim[1], q->dim[2],
                                         k->dim[2], q->dim[3], v->dim[3], q->dim[1] / k->dim[1]};
}

static bool is_whole(enum tuff_dtype dtype) { return tuff_dtype_row(dtype)->reg[0] != 'f'; }

static bool broadcasts(const struct tuff_shape *shape, const uint32_t *to)
{
    bool fits = shape->rank == 4;
    for (uint32_t i = 0; i < shape->rank && fits; i++) fits = shape->dim[i] == 1 || shape->dim[i] == to[i];
    return fits;
}

static bool fits(const struct tuff_shape *q, const struct tuff_shape *k, const struct tuff_shape *v)
{
    if (q->rank != 4 || k->rank != 4 || v->rank != 4) return false;
    return q->dim[0] == k->dim[0] && q->dim[0] == v->dim[0] && k->dim[1] == v->dim[1] && q->dim[1] % k->dim[1] == 0 &&
           q->dim[3] == k->dim[3] && k->dim[2] == v->dim[2];
}

static tuff_status infer_sizes(const struct tuff_infer *infer, struct tuff_attention_sizes *z)
{
    const struct tuff_type *const *in = infer->in;
    const uint32_t first = infer->op->arity_min;
    const double scale = ((const struct tuff_attention_attrs *)infer->attrs)->scale;
    bool right = fits(&in[Q]->shape, &in[K]->shape, &in[V]->shape) && isfinite(scale);
    char text[TUFF_VALUE_TEXT];
    for (uint32_t i = 0; i < first; i++)
        if (!tuff_is_float(in[i]->dtype))
            return tuff_infer_refuse(infer, "it takes floats: cast operand %u, %s", i + 1,
                                     tuff_value_text(infer->graph, infer->in_values[i], text, sizeof text));
    if (!right)
        return tuff_infer_refuse(
            infer,
            "it takes floats q [b, h, t, d], k [b, hk, s, d] and v [b, hk, s, e], where hk divides h, and a finite scale");
    *z = tuff_attention_sizes(&in[Q]->shape, &in[K]->shape, &in[V]->shape);
    const uint32_t products[4] = {z->b, z->h, z->t, z->s}, results[4] = {z->b, z->h, z->t, z->e};
    if (first > GY) {
        const struct tuff_shape *lse = &in[LSE]->shape, *dot = &in[DOT]->shape;
        right = in[GY]->shape.rank == 4 && !memcmp(in[GY]->shape.dim, results, sizeof results) && lse->rank == 3 &&
                !memcmp(lse->dim, results, 3 * sizeof *results) && tuff_shape_equal(lse, dot);
        if (!right) return tuff_infer_refuse(infer, "behind them it takes floats gy [b, h, t, e], lse and dot [b, h, t]");
    }
    for (uint32_t i = first; i < infer->in_count; i++) {
        const uint64_t count = tuff_shape_count(&in[i]->shape);
        bool counts = in[i]->dtype == TUFF_I32 && i + 1 == infer->in_count &&
                      (count == 1 || count == (uint64_t)z->b * z->hk);
        bool masks = tuff_is_float(in[i]->dtype) && i == first && broadcasts(&in[i]->shape, products);
        if (!counts && !masks)
            return tuff_infer_refuse(infer,
                                     "the last are floats that broadcast to the products [b, h, t, s], of 4 axes, and i32 "
                                     "counts of keys, one or [b, hk]");
    }
    return TUFF_OK;
}

static struct tuff_attention_extras extras_of(const struct tuff_value *value, const struct tuff_type *types)
{
    struct tuff_attention_extras x = {0, 0};
    for (uint32_t i = value->op->arity_min; i < value->in_count; i++) *(is_whole(types[i].dtype) ? &x.count : &x.mask) = i;
    return x;
}

/* ---- definition, and bounds of errors -------------------------------------------------------------------------------------------- */

/* The operands in double, with their bounds where these are asked for. */
struct pairs {
    struct tuff_attention_sizes z;
    struct tuff_attention_extras x;
    uint64_t mask_step[4], count_step;
    double scale;
    bool causal;
    const double *const *in, *const *error;
};

static struct pairs pairs_of(const struct tuff_value *value, const struct tuff_type *types, const double *const *in,
                             const double *const *error)
{
    const struct tuff_attention_attrs *a = value->attrs;
    struct pairs p = {.z = tuff_attention_sizes(&types[Q].shape, &types[K].shape, &types[V].shape),
                      .x = extras_of(value, types),
                      .scale = a->scale,
                      .causal = a->causal != 0,
                      .in = in,
                      .error = error};
    uint64_t step = 1;
    for (uint32_t i = 4; i-- > 0 && p.x.mask;) {
        p.mask_step[i] = types[p.x.mask].shape.dim[i] == 1 ? 0 : step;
        step *= types[p.x.mask].shape.dim[i];
    }
    p.count_step = p.x.count && tuff_shape_count(&types[p.x.count].shape) > 1;
    return p;
}

static double error_at(const struct pairs *p, uint32_t operand, uint64_t i) { return p->error ? p->error[operand][i] : 0; }

/* A sum of products of n neighbours, and how far a device's may lie from it. */
static double dot(const struct pairs *p, uint32_t a, uint64_t at, uint32_t b, uint64_t bt, uint32_t n, double *error)
{
    double sum = 0, most = 0, apart = 0;
    for (uint32_t i = 0; i < n; i++) sum += p->in[a][at + i] * p->in[b][bt + i];
    for (uint32_t i = 0; i < n && p->error; i++) {
        double x = fabs(p->in[a][at + i]), y = fabs(p->in[b][bt + i]), ex = p->error[a][at + i], ey = p->error[b][bt + i];
        apart += x * ey + y * ex + ex * ey;
        most += (x + ex) * (y + ey);
    }
    *error = apart + (n + 4) * TUFF_ULP * most + (most > 0 ? n * TUFF_TINY : 0);
    return sum;
}

/* s[i,j] of a head of queries; -INFINITY, and *seen false, where it is not seen */
static double score(const struct pairs *p, uint64_t head, uint64_t i, uint64_t j, double *error, bool *seen)
{
    const struct tuff_attention_sizes *z = &p->z;
    const uint64_t keys = head / z->group;
    double end = z->s, last = (double)i, mask = 0, apart;
    if (p->x.count) {
        end = fmin(fmax(p->in[p->x.count][keys * p->count_step], 0), z->s);
        last += end - z->t; /* the rows are the last of those that count */
    }
    *error = 0;
    *seen = false;
    if ((double)j >= end || (p->causal && (double)j > last)) return -INFINITY;
    if (p->x.mask) {
        uint64_t at = head / z->h * p->mask_step[0] + head % z->h * p->mask_step[1] + i * p->mask_step[2] +
                      j * p->mask_step[3];
        mask = p->in[p->x.mask][at];
        if (mask == -INFINITY) return mask;
        *error = error_at(p, p->x.mask, at);
    }
    *seen = true;
    double s = p->scale * dot(p, Q, (head * z->t + i) * z->d, K, (keys * z->s + j) * z->d, z->d, &apart);
    *error += fabs(p->scale) * apart + 2 * TUFF_ULP * (fabs(s) + fabs(mask));
    return s + mask;
}

/* Of exp(x), x = s - m, as a part of it: what s is away from the device's, the subtraction, and exp (3 + 2 |x| ulp). */
static double exp_error(double x, double apart) { return expm1(fmin(apart, 100)) + TUFF_ULP * (5 + 3 * fabs(x)); }

/* Row i of a head: y or lse into *out, or its bounds. Weights have a part of their own that is uncertain, and all of them what the largest
 * score so far, which rises block by block, makes of the sums before it. */
static void forward_row(const struct pairs *p, uint64_t head, uint64_t i, uint32_t result, const double *y, double *out)
{
    const struct tuff_attention_sizes *z = &p->z;
    const double *v = p->in[V] + head / z->group * z->s * z->e, *ev = p->error ? p->error[V] + (v - p->in[V]) : NULL;
    double most = -INFINITY, first = NAN, sum = 0, part = 0, apart, blocks = z->s / 16.0 + 1;
    bool seen;
    for (uint32_t j = 0; j < z->s; j++) {
        double s = score(p, head, i, j, &apart, &seen);
        if (isnan(first) && s != -INFINITY) first = s;
        if (s > most || isnan(s)) most = s;
    }
    if (most == -INFINITY) {
        if (result && !p->error) *out = most;
        return;
    }
    const double rise = TUFF_ULP * (6 * blocks + 3 * fabs(most - first));
    for (uint32_t j = 0; j < z->s; j++) {
        double s = score(p, head, i, j, &apart, &seen), w = exp(s - most);
        if (s == -INFINITY) continue;
        double e = p->error ? exp_error(s - most, apart) + rise : 0;
        sum += w;
        part += w * e;
        for (uint32_t k = 0; k < z->e && !result; k++) {
            double x = v[(uint64_t)j * z->e + k];
            out[k] += !p->error
                          ? w * x
                          : w * (e * fabs(x) + ev[(uint64_t)j * z->e + k] * (1 + e) + (2 * z->s + 12) * TUFF_ULP * fabs(x));
        }
    }
    part /= sum;
    if (result)
        *out = !p->error ? most + log(sum) : part + (z->s + 8) * TUFF_ULP + 2 * TUFF_ULP * (fabs(most) + fabs(log(sum)));
    for (uint32_t k = 0; k < z->e && !result; k++) {
        out[k] /= sum;
        if (p->error) out[k] = part < 0.5 ? (out[k] + part * fabs(y[k])) / (1 - part) + TUFF_TINY * z->s : INFINITY;
    }
}

static void ref(const struct tuff_ref *r)
{
    const struct pairs p = pairs_of(r->value, r->in_types, r->in, NULL);
    for (uint64_t row = 0, rows = (uint64_t)p.z.b * p.z.h * p.z.t; row < rows; row++)
        forward_row(&p, row / p.z.t, row % p.z.t, r->result, NULL, r->out + row * (r->result ? 1 : p.z.e));
}

static tuff_status bound(const struct tuff_bound *b)
{
    const struct pairs p = pairs_of(b->value, b->in_types, b->in, b->error);
    for (uint64_t row = 0, rows = (uint64_t)p.z.b * p.z.h * p.z.t; row < rows; row++) {
        uint64_t at = row * (b->result ? 1 : p.z.e);
        forward_row(&p, row / p.z.t, row % p.z.t, b->result, b->out + at, b->bound + at);
    }
    return TUFF_OK;
}

/* Adds f x[n] to out, or how far that may lie from a device's, with x within its bounds and f within `apart`, as one of `terms` terms. */
static void add_scaled(const struct pairs *p, double *out, uint32_t operand, uint64_t at, uint32_t n, double f, double apart,
                       double terms)
{
    const double *x = p->in[operand] + at;
    for (uint32_t i = 0; i < n && !p->error; i++) out[i] += f * x[i];
    for (uint32_t i = 0; i < n && p->error; i++) {
        double e = p->error[operand][at + i], all = (fabs(f) + apart) * (fabs(x[i]) + e);
        out[i] += apart * (fabs(x[i]) + e) + fabs(f) * e + (terms + 4) * TUFF_ULP * all + TUFF_TINY;
    }
}

/* What columns and rows of a head add to dq, dk or dv, or to their bounds. */
static void backward_head(const struct pairs *p, uint64_t head, uint32_t which, double *out)
{
    const struct tuff_attention_sizes *z = &p->z;
    const uint64_t keys = head / z->group * z->s;
    for (uint64_t i = 0; i < z->t; i++)
        for (uint64_t j = 0; j < z->s; j++) {
            double apart, e, row = (double)z->group * z->t;
            bool seen;
            const uint64_t at = head * z->t + i;
            const double s = score(p, head, i, j, &apart, &seen), lse = p->in[LSE][at];
            const double x = s - (lse == -INFINITY ? -FLT_MAX : lse), w = exp(x);
            if (!seen) continue;
            /* of an lse that is none of these sums a weight may pass what f32 holds: nothing is known then */
            const double part = !p->error ? 0 : w < 1e30 ? exp_error(x, apart + error_at(p, LSE, at)) : INFINITY;
            if (which == DV) {
                add_scaled(p, out + (keys + j) * z->e, GY, at * z->e, z->e, w, w * part, row);
                continue;
            }
            double dp = dot(p, GY, at * z->e, V, (keys + j) * z->e, z->e, &e), far = dp - p->in[DOT][at];
            e += error_at(p, DOT, at) + TUFF_ULP * (fabs(dp) + fabs(p->in[DOT][at]));
            const double f = p->scale * w, away = fabs(f) * ((1 + part) * e + (part + 3 * TUFF_ULP) * fabs(far));
            if (which == DQ)
                add_scaled(p, out + at * z->d, K, (keys + j) * z->d, z->d, f * far, away, z->s);
            else
                add_scaled(p, out + (keys + j) * z->d, Q, at * z->d, z->d, f * far, away, row);
        }
}

static void backward_ref(const struct tuff_ref *r, uint32_t which)
{
    const struct pairs p = pairs_of(r->value, r->in_types, r->in, NULL);
    for (uint64_t head = 0; head < (uint64_t)p.z.b * p.z.h; head++) backward_head(&p, head, which, r->out);
}

static tuff_status backward_bound(const struct tuff_bound *b, uint32_t which)
{
    const struct pairs p = pairs_of(b->value, b->in_types, b->in, b->error);
    for (uint64_t head = 0; head < (uint64_t)p.z.b * p.z.h; head++) backward_head(&p, head, which, b->bound);
    return TUFF_OK;
}

/* ---- by products of matrices and a softmax ------------------------------------------------------------------------------------------ */

struct made {
    struct tuff_graph *g;
    struct tuff_attention_sizes z;
    const tuff_val *in;
    struct tuff_attention_extras x;
    double scale;
    bool causal;
};

static struct made made_of(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    struct tuff_type types[8] = {{.dtype = TUFF_F32}};
    const struct tuff_attention_attrs *a = value->attrs;
    for (uint32_t i = 0; i < value->in_count; i++) types[i] = tuff_type_of(g, in[i]);
    return (struct made){.g = g,
                         .z = tuff_attention_sizes(&types[Q].shape, &types[K].shape, &types[V].shape),
                         .in = in,
                         .x = extras_of(value, types),
                         .scale = a->scale,
                         .causal = a->causal != 0};
}

/* A group of heads that share keys is one matrix of their rows, so that nothing is repeated. */
static tuff_val grouped(const struct made *m, tuff_val x, uint32_t width)
{
    return tuff_reshape(m->g, x, TUFF_SHAPE(m->z.b, m->z.hk, m->z.group * m->z.t, width));
}

static tuff_val apart(const struct made *m, tuff_val x, uint32_t width)
{
    return tuff_reshape(m->g, x, TUFF_SHAPE(m->z.b, m->z.h, m->z.t, width));
}

/* In plans of 16 bits what products read and give is rounded (graph/compile/precision.c). */
static tuff_val as_operand(const struct made *m, tuff_val x)
{
    return m->g->precision ? tuff_cast(m->g, x, m->g->precision) : x;
}
static tuff_val rounded(const struct made *m, tuff_val x) { return tuff_cast(m->g, as_operand(m, x), TUFF_F32); }

/* a b^T, of two operands: [b, h, t, s] */
static tuff_val products(const struct made *m, uint32_t a, uint32_t b, uint32_t width)
{
    tuff_val y = tuff_matmul(m->g, grouped(m, m->in[a], width), m->in[b], (struct tuff_matmul_params){.transpose_b = true});
    return apart(m, rounded(m, y), m->z.s);
}

/* [b, h, t, s] with what is not seen at -inf. */
static tuff_val scores(const struct made *m)
{
    struct tuff_graph *g = m->g;
    const struct tuff_attention_sizes *z = &m->z;
    const struct tuff_shape square = TUFF_SHAPE(z->t, z->s);
    tuff_val s = tuff_affine(g, products(m, Q, K, z->d), m->scale, 0), hidden = tuff_scalar(g, -INFINITY);
    tuff_val column = tuff_iota(g, square, 1), row = tuff_iota(g, square, 0), count = 0;
    if (m->x.mask) {
        tuff_val mask = m->in[m->x.mask], seen = tuff_not_equal(g, mask, hidden), sum = tuff_add(g, s, mask);
        s = tuff_select(g, seen, sum, hidden);
    }
    if (m->x.count) {
        const struct tuff_shape shape = tuff_type_of(g, m->in[m->x.count]).shape;
        const bool one = tuff_shape_count(&shape) == 1;
        count = tuff_reshape(g, m->in[m->x.count], one ? TUFF_SHAPE(1, 1, 1, 1) : TUFF_SHAPE(z->b, z->hk, 1, 1));
        if (!one && z->group > 1) {
            count = tuff_expand(g, tuff_reshape(g, count, TUFF_SHAPE(z->b, z->hk, 1)), TUFF_SHAPE(z->b, z->hk, z->group));
            count = tuff_reshape(g, count, TUFF_SHAPE(z->b, z->h, 1, 1));
        }
        tuff_val least = tuff_full(g, TUFF_I32, TUFF_SHAPE(1), 0), most = tuff_full(g, TUFF_I32, TUFF_SHAPE(1), z->s);
        count = tuff_maximum(g, count, least);
        count = tuff_minimum(g, count, most);
        tuff_val there = tuff_less(g, column, count);
        s = tuff_select(g, there, s, hidden);
        row = tuff_add(g, row, tuff_sub(g, count, tuff_full(g, TUFF_I32, TUFF_SHAPE(1), z->t)));
    }
    return m->causal ? tuff_select(g, tuff_less_equal(g, column, row), s, hidden) : s;
}

/* [b, h, t, s] as the left operand of a product */
static tuff_val rows_of(const struct made *m, tuff_val x) { return grouped(m, as_operand(m, x), m->z.s); }

/* e^(s - m) / sum, m the largest of a row: 0 where all is -inf: the sum's floor keeps gradients numbers (PyTorch's _safe_softmax).
 * *lse [b, h, t]: -inf there. */
static tuff_val weights_of(struct tuff_graph *g, tuff_val s, tuff_val *lse)
{
    const struct tuff_shape shape = tuff_type_of(g, s).shape;
    tuff_val most = tuff_finite(g, tuff_detach(g, tuff_reduce_max(g, s, 1u << 3, TUFF_KEEP_AXES)));
    tuff_val e = tuff_exp(g, tuff_sub(g, s, most)), sum = tuff_sum(g, e, 1u << 3, TUFF_KEEP_AXES);
    tuff_val weights = tuff_div(g, e, tuff_maximum(g, sum, tuff_scalar(g, TUFF_SUM_FLOOR)));
    if (lse)
        *lse = tuff_reshape(g, tuff_add(g, tuff_log(g, sum), most), TUFF_SHAPE(shape.dim[0], shape.dim[1], shape.dim[2]));
    return weights;
}

static bool compose(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in, tuff_val *results)
{
    const struct made m = made_of(g, value, in);
    tuff_val weights = weights_of(g, scores(&m), &results[1]);
    /* on a device, what lies behind a count of all is not multiplied by its weight of 0 */
    tuff_val count = g->caps && m.x.count && tuff_shape_count(&g->values[in[m.x.count]].type.shape) == 1 ? in[m.x.count] : 0;
    tuff_val y = tuff_matmul(g, rows_of(&m, weights), in[V], (struct tuff_matmul_params){.count = count});
    results[0] = apart(&m, y, m.z.e);
    return tuff_graph_ok(g);
}

/* exp(s - lse) of the scores s; the forward pass's weights where lse is theirs, so that a compiler keeps these alone. */
static tuff_val weights_again(const struct made *m, tuff_val s)
{
    struct tuff_graph *g = m->g;
    tuff_val lse = m->in[LSE], own = 0, weights = 0;
    bool given = !g->equal || tuff_op_is_given(g->values[lse].op);
    if (!given) weights = weights_of(g, s, &own);
    if (own == lse && own) return weights;
    lse = tuff_finite(g, tuff_reshape(g, lse, TUFF_SHAPE(m->z.b, m->z.h, m->z.t, 1)));
    return tuff_exp(g, tuff_sub(g, s, lse));
}

/* ds / scale, and the weights as an operand, of lse and dot; in 16 bits these are what both read, so that nothing else is kept. */
static tuff_val slopes(const struct made *m, tuff_val *weights)
{
    struct tuff_graph *g = m->g;
    const struct tuff_shape column = TUFF_SHAPE(m->z.b, m->z.h, m->z.t, 1);
    tuff_val s = scores(m), dp = products(m, GY, V, m->z.e);
    *weights = as_operand(m, weights_again(m, s));
    tuff_val w = tuff_cast(g, *weights, TUFF_F32), far = tuff_sub(g, dp, tuff_reshape(g, m->in[DOT], column));
    return tuff_mul(g, w, far);
}

static bool compose_grad(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in, tuff_val *results)
{
    static const struct tuff_matmul_params turned = {.transpose_a = true};
    const struct made m = made_of(g, value, in);
    const struct tuff_attention_sizes *z = &m.z;
    if (tuff_op_has_kernel(g, &tuff_op_attention_query_grad, value, in, false) &&
        tuff_op_has_kernel(g, &tuff_op_attention_key_grad, value, in, false)) {
        results[DQ] = tuff_graph_add(g, &tuff_op_attention_query_grad, in, value->in_count, value->attrs);
        results[DK] = tuff_graph_add(g, &tuff_op_attention_key_grad, in, value->in_count, value->attrs);
        results[DV] = tuff_result(g, results[DK], 1);
        return tuff_graph_ok(g);
    }
    tuff_val w, ds = slopes(&m, &w);
    ds = rows_of(&m, tuff_affine(g, ds, m.scale, 0));
    results[DQ] = apart(&m, tuff_matmul(g, ds, in[K], (struct tuff_matmul_params){0}), z->d);
    results[DK] = tuff_matmul(g, ds, grouped(&m, in[Q], z->d), turned);
    results[DV] = tuff_matmul(g, rows_of(&m, w), grouped(&m, in[GY], z->e), turned);
    return tuff_graph_ok(g);
}

static bool compose_key_grad(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in, tuff_val *results)
{
    tuff_val all[3];
    if (!compose_grad(g, value, in, all)) return false;
    memcpy(results, all + DK, 2 * sizeof *results);
    return true;
}

/* ---- descriptors ---------------------------------------------------------------------------------------------------------------------- */

static tuff_status infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    struct tuff_attention_sizes z;
    TUFF_TRY(infer_sizes(infer, &z));
    out[0] = TUFF_SHAPE(z.b, z.h, z.t, z.e);
    out[1] = TUFF_SHAPE(z.b, z.h, z.t);
    return TUFF_OK;
}

static tuff_status infer_grad(const struct tuff_infer *infer, struct tuff_shape *out)
{
    struct tuff_attention_sizes z;
    TUFF_TRY(infer_sizes(infer, &z));
    out[DQ] = TUFF_SHAPE(z.b, z.h, z.t, z.d);
    out[DK] = TUFF_SHAPE(z.b, z.hk, z.s, z.d);
    out[DV] = TUFF_SHAPE(z.b, z.hk, z.s, z.e);
    return TUFF_OK;
}

static double work_of(const struct tuff_type *in, double of_d, double of_e)
{
    const struct tuff_attention_sizes z = tuff_attention_sizes(&in[Q].shape, &in[K].shape, &in[V].shape);
    return 2.0 * z.b * z.h * z.t * z.s * (of_d * z.d + of_e * z.e);
}
static double work(const struct tuff_value *value, const struct tuff_type *in)
{
    (void)value;
    return work_of(in, 1, 1);
}
static double work_query_grad(const struct tuff_value *value, const struct tuff_type *in)
{
    (void)value;
    return work_of(in, 2, 1);
}
static double work_key_grad(const struct tuff_value *value, const struct tuff_type *in)
{
    (void)value;
    return work_of(in, 2, 2);
}
static double work_grad(const struct tuff_value *value, const struct tuff_type *in)
{
    (void)value;
    return work_of(in, 3, 2);
}

static tuff_status infer_key_grad(const struct tuff_infer *infer, struct tuff_shape *out)
{
    struct tuff_shape all[3];
    TUFF_TRY(infer_grad(infer, all));
    memcpy(out, all + DK, 2 * sizeof *out);
    return TUFF_OK;
}

/* The mask's own gradient is a matrix of all products, which is computed where somebody asks for it. */
static void grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value value = *tuff_value_of(g, y); /* a copy: adding moves the table */
    struct made m = made_of(g, &value, value.in);
    tuff_val w, in[8] = {value.in[Q], value.in[K], value.in[V], gy};
    in[LSE] = tuff_result(g, y, 1);
    in[DOT] = tuff_sum(g, tuff_mul(g, gy, y), 1u << 3, TUFF_DROP_AXES);
    for (uint32_t i = V + 1; i < value.in_count; i++) in[i + DOT - V] = value.in[i];
    gin[Q] = tuff_graph_add(g, &tuff_op_attention_grad, in, value.in_count + DOT - V, value.attrs);
    gin[K] = tuff_result(g, gin[Q], DK);
    gin[V] = tuff_result(g, gin[Q], DV);
    if (!m.x.mask) return;
    const uint32_t mask = m.x.mask;
    m = made_of(g, tuff_value_of(g, gin[Q]), in);
    gin[mask] = tuff_sum_to(g, slopes(&m, &w), tuff_type_of(g, value.in[mask]).shape);
}

static void grad_composed(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value value = *tuff_value_of(g, y);
    tuff_composed_gradients(g, &value, 0, gy, gin);
}

static tuff_status lower_pass(const struct tuff_lower *lower, enum tuff_attention_pass pass, struct tuff_kernel_call *call)
{
    struct tuff_type types[8] = {{.dtype = TUFF_F32}};
    for (uint32_t i = 0; i < lower->value->in_count; i++) types[i] = *lower->in[i];
    const struct tuff_attention_extras extras = extras_of(lower->value, types);
    return tuff_attention_lower(lower, pass, &extras, call);
}
static tuff_status lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    return lower_pass(lower, TUFF_ATTENTION_FORWARD, call);
}
static tuff_status lower_query_grad(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    return lower_pass(lower, TUFF_ATTENTION_QUERIES, call);
}
static tuff_status lower_key_grad(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    return lower_pass(lower, TUFF_ATTENTION_KEYS, call);
}
static tuff_status lower_grad(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    (void)call;
    return tuff_fail(NULL, lower->error, TUFF_ERR_UNSUPPORTED, "%s: it is two kernels, or composed", lower->value->op->name);
}

static void ref_grad(const struct tuff_ref *r) { backward_ref(r, r->result); }
static void ref_key_grad(const struct tuff_ref *r) { backward_ref(r, r->result + DK); }
static tuff_status bound_grad(const struct tuff_bound *b) { return backward_bound(b, b->result); }
static tuff_status bound_key_grad(const struct tuff_bound *b) { return backward_bound(b, b->result + DK); }

#define MORE(name)                                                                                                          \
    {                                                                                                                       \
        name, TUFF_ERROR_UNDECLARED, TUFF_RESULT_F32                                                                        \
    }
static const struct tuff_more_result more[] = {MORE("lse")}, more_grad[] = {MORE("dk"), MORE("dv")},
                                     more_key_grad[] = {MORE("dv")};

/* Whole numbers, whose products of 32 are then small enough for exp. */
static const struct tuff_attention_attrs example_attrs = {.scale = 1.0 / 256, .causal = 1};
static const struct tuff_case examples[2] = {
    {"odd",
     {TUFF_TYPE(TUFF_F32, 1, 4, 9, 32), TUFF_TYPE(TUFF_F32, 1, 2, 11, 32), TUFF_TYPE(TUFF_F32, 1, 2, 11, 32)},
     3,
     {0},
     0,
     &example_attrs}};
static const struct tuff_case examples_grad[2] = {
    {"odd",
     {TUFF_TYPE(TUFF_F32, 1, 4, 9, 32), TUFF_TYPE(TUFF_F32, 1, 2, 11, 32), TUFF_TYPE(TUFF_F32, 1, 2, 11, 32),
      TUFF_TYPE(TUFF_F32, 1, 4, 9, 32), TUFF_TYPE(TUFF_F32, 1, 4, 9), TUFF_TYPE(TUFF_F32, 1, 4, 9)},
     6,
     {0},
     0,
     &example_attrs}};

const struct tuff_op tuff_op_attention = {
    .name = "attention",
    .edges = "what is not seen weighs 0; a row that sees nothing is 0",
    TUFF_LAUNCH(lower),
    TUFF_OPERANDS(3, 5),
    TUFF_ATTRS(attr_table, struct tuff_attention_attrs),
    .more = more,
    .more_count = TUFF_COUNT(more),
    .inline_inputs = 1 << 3, /* a mask, that is made of truths */
    .factors = 1 << Q | 1 << K | 1 << V,
    .infer = infer,
    .compose = compose,
    .grad = grad,
    .ref = ref,
    .work = work,
    .bound = bound,
    .examples = examples,
};
/* q, k, v, gy, lse and dot, then a mask and counts. */
#define GRADIENT(symbol, text, edges_, lower_, infer_, compose_, ref_, work_, bound_, ...)                                  \
    const struct tuff_op symbol = {.name = text,                                                                            \
                                   .edges = edges_,                                                                         \
                                   TUFF_LAUNCH(lower_),                                                                     \
                                   TUFF_OPERANDS(6, 8),                                                                     \
                                   TUFF_ATTRS(attr_table, struct tuff_attention_attrs),                                     \
                                   .inline_inputs = 1 << 6,                                                                 \
                                   .factors = 1 << Q | 1 << K | 1 << V | 1 << GY,                                           \
                                   .infer = infer_,                                                                         \
                                   .compose = compose_,                                                                     \
                                   .grad = grad_composed,                                                                   \
                                   .ref = ref_,                                                                             \
                                   .work = work_,                                                                           \
                                   .bound = bound_,                                                                         \
                                   __VA_ARGS__}
GRADIENT(tuff_op_attention_grad, "attention_grad", "of a row that sees nothing 0", lower_grad, infer_grad, compose_grad,
         ref_grad, work_grad, bound_grad, .more = more_grad, .more_count = TUFF_COUNT(more_grad), .examples = examples_grad);
/* The two kernels of it, which only a compiler adds. */
GRADIENT(tuff_op_attention_query_grad, "attention_query_grad", "of a row that sees nothing 0", lower_query_grad, infer_grad,
         compose_grad, ref_grad, work_query_grad, bound_grad, .more_count = 0);
GRADIENT(tuff_op_attention_key_grad, "attention_key_grad", "of a column that nothing sees 0", lower_key_grad, infer_key_grad,
         compose_key_grad, ref_key_grad, work_key_grad, bound_key_grad, .more = more_key_grad,
         .more_count = TUFF_COUNT(more_key_grad));

/* ---- builders ----------------------------------------------------------------------------------------------------------------------- */

static bool is_f32(const struct tuff_type *type) { return type->dtype == TUFF_F32; }

/* The mask is bool or f32 and broadcasts to the products; as floats of four axes, 0 where it was NULL. False after a failure. */
static bool take_mask(struct tuff_graph *g, const tuff_val *in, const struct tuff_attention_sizes *z, tuff_val *mask)
{
    const struct tuff_shape products = TUFF_SHAPE(z->b, z->h, z->t, z->s);
    *mask = in[3];
    if (!in[3]) return true;
    const struct tuff_type type = tuff_type_of(g, in[3]);
    struct tuff_shape shape = {.rank = 4};
    bool right = (type.dtype == TUFF_BOOL || type.dtype == TUFF_F32) && type.shape.rank <= products.rank;
    for (uint32_t i = 0; i < 4 && right; i++)
        shape.dim[i] = i + type.shape.rank < 4 ? 1 : type.shape.dim[i + type.shape.rank - 4];
    char text[128];
    if (!right || !broadcasts(&shape, products.dim)) {
        tuff_graph_refuse(g, TUFF_ERR_SHAPE, "attention", in, 4,
                          "the mask must be bool (true: seen) or f32 (added), and broadcast to the products %s",
                          tuff_shape_text(&products, text, sizeof text));
        return false;
    }
    if (type.dtype == TUFF_BOOL) {
        tuff_val none = tuff_scalar(g, 0), hidden = tuff_scalar(g, -INFINITY);
        *mask = tuff_select(g, *mask, none, hidden);
    }
    *mask = tuff_reshape(g, *mask, shape);
    return *mask != 0;
}

/* Weights, with dropout, where they are asked for or dropped; the operator elsewhere. */
tuff_val tuff_attention_weighted(struct tuff_graph *g, tuff_val q, tuff_val k, tuff_val v,
                                 struct tuff_attention_params params, tuff_val *weights)
{
    if (weights) *weights = 0;
    const struct tuff_type tq = tuff_type_of(g, q), tk = tuff_type_of(g, k), tv = tuff_type_of(g, v);
    const tuff_val given[] = {q, k, v, params.mask};
    if (!tuff_graph_takes(g, "attention", given, params.mask ? 4 : 3)) return 0;
    if (!fits(&tq.shape, &tk.shape, &tv.shape) || !is_f32(&tq) || !is_f32(&tk) || !is_f32(&tv))
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "attention", given, 3,
                                 "it takes f32 q [b, h, t, d], k [b, hk, s, d] and v [b, hk, s, e], where hk divides h");
    const struct tuff_attention_sizes z = tuff_attention_sizes(&tq.shape, &tk.shape, &tv.shape);
    struct tuff_attention_attrs attrs = {.scale = tuff_number_or(params.scale, 1 / sqrt(z.d)), .causal = params.causal};
    tuff_val in[5] = {q, k, v}, mask = 0;
    uint32_t count = 3;
    if (!take_mask(g, given, &z, &mask) ||
        !tuff_graph_number(g, "attention", "scale", params.scale.value, -DBL_MAX, DBL_MAX))
        return 0;
    if (mask) in[count++] = mask;
    if (params.count && !tuff_graph_takes_one(g, "attention", params.count, 4)) return 0;
    if (params.count) in[count++] = params.count;
    const struct tuff_value value = {.op = &tuff_op_attention, .in_count = count, .attrs = &attrs};
    tuff_val y = params.dropout == 0 ? tuff_graph_add(g, value.op, in, count, &attrs) : 0;
    if (!weights && params.dropout == 0) return y;
    if (!tuff_graph_ok(g)) return 0;
    const struct made m = made_of(g, &value, in);
    tuff_val w = tuff_layer_dropout(g, weights_of(g, scores(&m), NULL), params.dropout, true);
    if (weights) *weights = w;
    return y ? y : apart(&m, tuff_matmul(g, rows_of(&m, w), v, (struct tuff_matmul_params){0}), z.e);
}

tuff_val tuff_attention(struct tuff_graph *g, tuff_val q, tuff_val k, tuff_val v, struct tuff_attention_params params)
{
    return tuff_attention_weighted(g, q, k, v, params, NULL);
}

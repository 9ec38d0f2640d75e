/* conv2d_ref.c - a convolution and its gradients as they are defined, in double precision. */
#include "graph/ops/conv2d.h"
#include "graph/ops/runs.h"

/* Products along a row of picture n's result: x[x + j * sw] and w[w] meet in y[y + j], j = 0 .. count - 1. */
struct run {
    uint64_t x, w, y, sw, count;
    uint32_t n;
};
typedef void visit_run(const struct tuff_ref *ref, const struct run *run, void *user);

/* Positions first .. end - 1 of an axis of the result whose tap u lies within the input. */
static void taps(uint32_t u, uint32_t stride, uint32_t dilation, uint32_t pad, uint32_t size, uint32_t result,
                 uint32_t *first, uint32_t *end)
{
    int64_t at = (int64_t)u * dilation - pad, last = (int64_t)size - 1 - at; /* of result 0; room behind it */
    int64_t low = at < 0 ? (-at + stride - 1) / stride : 0, high = last < 0 ? 0 : last / stride + 1;
    *first = (uint32_t)(low < result ? low : result);
    *end = (uint32_t)(high < result ? high : result);
}

/* The runs of tap v in row i of output channel o. */
static inline void each_run_of(const struct tuff_conv_sizes *s, const struct tuff_ref *ref, struct run run, uint32_t o,
                               uint32_t i, uint32_t v, visit_run *visit, void *user)
{
    uint64_t x = run.x + ((uint64_t)run.n * s->groups + o / s->co) * s->ci * s->h * s->w; /* of the group's first channel */
    for (uint32_t c = 0; c < s->ci; c++)
        for (uint32_t u = 0; u < s->kh; u++) {
            int64_t y = (int64_t)i * s->sh + (int64_t)u * s->dh - s->top;
            if (y < 0 || y >= (int64_t)s->h) continue;
            run.x = x + ((uint64_t)c * s->h + (uint64_t)y) * s->w;
            run.w = (((uint64_t)o * s->ci + c) * s->kh + u) * s->kw + v;
            visit(ref, &run, user);
        }
}

/* One tap and no steps: pictures are lists of pixels, and rows of any length will do: of some that stay in the cache. */
static void join_rows(struct tuff_conv_sizes *s)
{
    uint32_t rows = 1;
    if (s->kh * s->kw > 1 || s->sh > 1 || s->sw > 1 || s->h != s->oh || s->w != s->ow || s->top || s->left) return;
    for (uint32_t r = 2; (uint64_t)r * s->w <= 512 && r <= s->h; r++)
        if (s->h % r == 0) rows = r;
    s->h = s->oh = s->h / rows;
    s->w = s->ow = s->w * rows;
}

static inline void each_run(struct tuff_conv_sizes s, const struct tuff_ref *ref, visit_run *visit, void *user)
{
    join_rows(&s);
    for (uint32_t n = 0; n < s.n; n++)
        for (uint32_t i = 0; i < s.oh; i++)
            for (uint32_t v = 0; v < s.kw; v++) {
                uint32_t first, end;
                taps(v, s.sw, s.dw, s.left, s.w, s.ow, &first, &end);
                for (uint32_t o = 0; o < s.co * s.groups && first < end; o++) {
                    struct run run = {.x = (uint64_t)first * s.sw + (uint64_t)v * s.dw - s.left,
                                      .y = (((uint64_t)n * s.co * s.groups + o) * s.oh + i) * s.ow + first,
                                      .sw = s.sw,
                                      .count = end - first,
                                      .n = n};
                    each_run_of(&s, ref, run, o, i, v, visit, user);
                }
            }
}

static void conv_run(const struct tuff_ref *ref, const struct run *run, void *user)
{
    const double *zero = user, w = ref->in[1][run->w];
    tuff_run_add(ref->out + run->y, ref->in[0] + run->x, run->sw, w, run->count);
    for (uint64_t i = 0; zero && i < run->count; i++) ref->out[run->y + i] -= *zero * w;
}

static void input_grad_run(const struct tuff_ref *ref, const struct run *run, void *user)
{
    (void)user;
    tuff_run_scatter(ref->out + run->x, run->sw, ref->in[0] + run->y, ref->in[1][run->w], run->count);
}

void tuff_conv_ref(const struct tuff_ref *ref)
{
    struct tuff_conv_sizes s;
    double zero = ref->value->in_count > TUFF_CONV_ZERO ? *ref->in[TUFF_CONV_ZERO] : 0;
    if (tuff_conv_measure_for(ref->value, &ref->in_types[0].shape, &ref->in_types[1].shape, &s))
        each_run(s, ref, ref->value->op == &tuff_op_conv2d ? conv_run : input_grad_run, zero != 0 ? &zero : NULL);
}

struct split {
    uint32_t pictures;
    uint64_t elements; /* of one split's result */
};

static void weight_grad_run(const struct tuff_ref *ref, const struct run *run, void *user)
{
    const struct split *split = user;
    ref->out[run->n / split->pictures * split->elements + run->w] += tuff_run_dot(ref->in[0] + run->x, run->sw,
                                                                                  ref->in[1] + run->y, run->count);
}

void tuff_conv_weight_grad_ref(const struct tuff_ref *ref)
{
    const struct tuff_conv_weight_grad *attrs = ref->value->attrs;
    struct tuff_conv_sizes s;
    if (!tuff_conv_measure_weight_grad(attrs, &ref->in_types[0].shape, &ref->in_types[1].shape, &s)) return;
    struct split split = {tuff_conv_split_pictures(attrs, s.n), (uint64_t)s.groups * s.co * s.ci * s.kh * s.kw};
    each_run(s, ref, weight_grad_run, &split);
}

/* Output channels; of the gradient by input, its input channels. */
bool tuff_conv_columns(const struct tuff_value *value, const struct tuff_type *in_types, uint32_t axes[2])
{
    (void)in_types;
    axes[0] = value->op == &tuff_op_conv2d ? 0 : 1;
    axes[1] = 1;
    return ((const struct tuff_conv *)value->attrs)->groups <= 1;
}

double tuff_conv_terms(const struct tuff_value *value, const struct tuff_type *in_types)
{
    (void)value;
    const uint32_t *w = in_types[1].shape.dim;
    return (double)w[1] * w[2] * w[3];
}

double tuff_conv_input_grad_terms(const struct tuff_value *value, const struct tuff_type *in_types)
{
    uint32_t groups = ((const struct tuff_conv_input_grad *)value->attrs)->conv.groups;
    const uint32_t *w = in_types[1].shape.dim;
    return (double)(w[0] / (groups ? groups : 1)) * w[2] * w[3];
}

/* Those of the convolution that it belongs to: of a stride, the steps between meet zeros alone. */
double tuff_conv_input_grad_work(const struct tuff_value *value, const struct tuff_type *in_types)
{
    return 2 * (double)tuff_shape_count(&in_types[0].shape) * tuff_conv_terms(value, in_types);
}

double tuff_conv_weight_grad_terms(const struct tuff_value *value, const struct tuff_type *in_types)
{
    const uint32_t *gy = in_types[1].shape.dim;
    return (double)tuff_conv_split_pictures(value->attrs, gy[0]) * gy[2] * gy[3];
}

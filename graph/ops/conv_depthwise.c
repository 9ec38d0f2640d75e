/* conv_depthwise.c - one input channel in a group: blocks of a few rows by four pixels, unrolled, and which lines of them lie outside. */
#include "graph/ops/conv2d.h"
#include "graph/ops/gemm.h"

enum {
    MOST_PRODUCTS = 1600, /* of one block: what compiles in tens of milliseconds, and stays in registers */
    MOST_ELEMENTS = 400,  /* of the source that a block reads */
    MOST_RESULTS = 160    /* of a block */
};

/* One axis of what a launch computes: results from a source, in blocks that are unrolled. */
struct axis {
    uint32_t results, source; /* elements */
    uint32_t kernel, stride, dilation, pad;
    bool grad; /* the source lies `stride` apart among zeros; blocks are multiples of the stride */
    uint32_t block;
};

/* Elements of the source from block to block. */
static uint32_t step_of(const struct axis *a) { return a->grad ? a->block / a->stride : a->block * a->stride; }

/* Elements of the source that lie before it and are read by the first block. */
static uint32_t before(const struct axis *a)
{
    return a->grad ? ((a->kernel - 1) * a->dilation - a->pad) / a->stride : a->pad;
}

/* Elements of the source that a block reads. */
static uint32_t reads(const struct axis *a)
{
    uint32_t reach = (a->kernel - 1) * a->dilation;
    return a->grad ? (a->block - 1 + reach - (reach - a->pad) % a->stride) / a->stride + 1
                   : (a->block - 1) * a->stride + reach + 1;
}

static uint32_t blocks(const struct axis *a) { return (a->results + a->block - 1) / a->block; }
static uint32_t last_block(const struct axis *a) { return a->results - (a->results - 1) / a->block * a->block; }

/* Of the elements that blocks read, the first that some block would find behind the source's end. */
static uint32_t inside(const struct axis *a)
{
    uint64_t last = (uint64_t)(blocks(a) - 1) * step_of(a), end = (uint64_t)a->source + before(a);
    return end > last ? (uint32_t)(end - last) : 0;
}

/* Is the last block of three columns? Kernels take it as one of two and some more: pictures of 14 and of 7 columns share one. */
static uint32_t spare_columns(const struct axis *a) { return a->block == 4 && last_block(a) == 3 ? 1 : 0; }
static uint32_t sure_columns(const struct axis *a) { return last_block(a) - spare_columns(a); }
static uint32_t inside_columns(const struct axis *a)
{
    uint32_t all = inside(a), spare = spare_columns(a) * (a->grad ? 1 : a->stride);
    return all > spare ? all - spare : 0;
}

/* Blocks of as many results, up to `most` and at least one step, as make the fewest reads; of one less than the most where these
 * leave no rest, as halves of 224 are taken, so that all of a net's pictures are by one kernel. */
static void choose_block(struct axis *a, uint32_t most)
{
    uint32_t step = a->grad ? a->stride : 1, best = step;
    uint64_t fewest = UINT64_MAX;
    if (step == 1 && most > 2 && a->results % (most - 1) == 0) {
        a->block = most - 1;
        return;
    }
    for (a->block = step; a->block == step || a->block <= most; a->block += step) {
        uint64_t count = (uint64_t)blocks(a) * reads(a);
        if (count > fewest) continue;
        best = a->block;
        fewest = count;
    }
    a->block = best;
}

/* What the constants of a kernel say of rows and columns: of any size, that no element is sure to be inside, and none to be stored. */
struct bounds {
    uint32_t last_rows, last_columns, low, right, quads;
};

static struct bounds bounds_of(const struct axis *y, const struct axis *x, uint32_t quads, bool any_size)
{
    if (any_size) return (struct bounds){.last_columns = 1, .quads = quads > 1 ? 1 : quads};
    return (struct bounds){last_block(y), sure_columns(x), inside(y), inside_columns(x), quads};
}

static struct axis axis_y(const struct tuff_depthwise *d, bool grad)
{
    return (struct axis){grad ? d->h : d->oh, grad ? d->oh : d->h, d->kh, d->sh, d->dh, d->top, grad, 1};
}

/* Four results, or four for each element of the source: quads begin at quads. */
static struct axis axis_x(const struct tuff_depthwise *d, bool grad)
{
    return (struct axis){grad ? d->w : d->ow, grad ? d->ow : d->w, d->kw, d->sw, d->dw, d->left, grad, grad ? 4 * d->sw : 4};
}

/* What the kernel unrolls; taps that meet only zeros are left out of it. */
static bool fits(const struct axis *y, const struct axis *x)
{
    uint32_t products = y->block * x->block * y->kernel * x->kernel / (y->grad ? y->stride * x->stride : 1);
    return products <= MOST_PRODUCTS && reads(y) * reads(x) <= MOST_ELEMENTS && y->block * x->block <= MOST_RESULTS;
}

/* The largest block, whatever the results. */
static void any_block(struct axis *y, const struct axis *x, uint32_t most)
{
    uint32_t step = y->grad ? y->stride : 1;
    y->block = most > step ? most / step * step : step;
    while (y->block > step && !fits(y, x)) y->block -= step;
}

/* How elements of rows are read (include/window.glsl); results of any width share a kernel, whether what is read has quads or not. */
static uint32_t quads(const struct tuff_type *type, uint32_t width, const struct axis *x)
{
    bool any_width = x->results % 4 != 0;
    return tuff_shape_count(&type->shape) % 4 ? 0 : width % 4 || any_width ? 1 : 2;
}

static uint32_t last_of(const struct tuff_type *type) { return (uint32_t)tuff_shape_count(&type->shape) - 1; }

/* Do places a block and the padding before and behind the elements fit a signed word? */
static bool countable(const struct tuff_type *type)
{
    const struct tuff_shape *shape = &type->shape;
    return tuff_shape_count(shape) + MOST_ELEMENTS * (shape->dim[3] + (uint64_t)MOST_ELEMENTS) <= INT32_MAX;
}

/* Windows that a block can hold, and no more padding than a block has lines. */
static bool is_small(const struct tuff_depthwise *d)
{
    const uint32_t most_taps = 49, most_step = 64, most_pad = 64;
    bool taps = d->kh <= most_taps && d->kw <= most_taps && d->kh * d->kw <= most_taps;
    bool steps = d->sh <= most_step && d->sw <= most_step && d->dh <= most_step && d->dw <= most_step;
    return taps && steps && d->top <= most_pad && d->left <= most_pad &&
           (uint64_t)(d->oh - 1) * d->sh <= (uint64_t)d->h + most_pad &&
           (uint64_t)(d->ow - 1) * d->sw <= (uint64_t)d->w + most_pad;
}

static uint32_t workgroup_of(const struct tuff_caps *caps, uint32_t most)
{
    while (most > 1 && most > caps->max_workgroup_invocations) most /= 2;
    return most;
}

/* Tall blocks read few lines twice, and GPUs want invocations; of many taps, sums of few rows fill the registers. */
static uint32_t most_rows(const struct tuff_caps *caps, const struct tuff_depthwise *d)
{
    uint32_t rows = tuff_is_software(caps) ? 8 : 4;
    return d->kh * d->kw <= 12 ? rows : 2;
}

/* Sums are as many as there are taps, whatever the rows. */
static uint32_t most_weight_rows(const struct tuff_depthwise *d)
{
    return d->kh * d->kw <= 12 ? 8 : d->kh * d->kw <= 25 ? 4 : 2;
}

bool tuff_depthwise_lower(const struct tuff_lower *lower, const struct tuff_depthwise *d, bool grad,
                          struct tuff_kernel_call *call)
{
    if (tuff_family_off(lower->caps, TUFF_FAMILY_DW) || !is_small(d) ||
        (grad && (d->top > (d->kh - 1) * d->dh || d->left > (d->kw - 1) * d->dw)))
        return false;
    struct axis y = axis_y(d, grad), x = axis_x(d, grad);
    choose_block(&y, most_rows(lower->caps, d));
    if (lower->any_size) any_block(&y, &x, most_rows(lower->caps, d));
    uint32_t results = grad ? 1 : d->co, workgroup = workgroup_of(lower->caps, 64);
    uint64_t count = (uint64_t)d->n * d->groups * results * blocks(&y) * blocks(&x);
    if (!fits(&y, &x) || !countable(lower->in[0]) || count > UINT32_MAX - workgroup) return false;
    uint32_t by_quads = tuff_shape_count(&lower->in[1]->shape) % 4 ? 0 : quads(lower->in[0], x.source, &x);
    struct bounds b = bounds_of(&y, &x, by_quads, lower->any_size);
    call->file = "conv_depthwise";
    call->flops = 2 * (uint64_t)d->n * d->groups * d->co * d->oh * d->ow * d->kh * d->kw;
    TUFF_CALL(call, conv_depthwise, .KH = d->kh, .KW = d->kw, .SH = d->sh, .SW = d->sw, .DH = d->dh, .DW = d->dw,
              .WORKGROUP = workgroup, .TR = y.block, .SUMS = grad ? d->co : 0, .LAST_COLUMNS = b.last_columns, .TOP = d->top,
              .LEFT = d->left, .LAST_ROWS = b.last_rows, .LOW = b.low, .RIGHT = b.right, .QUADS = b.quads,
              .count = (uint32_t)count, .groups = d->groups, .per_group = results, .sh = y.source, .sw = x.source,
              .rh = y.results, .rw = x.results, .last_s = last_of(lower->in[0]), .last_w = last_of(lower->in[1]));
    tuff_call_grid(call, lower->caps, (count + workgroup - 1) / workgroup);
    return true;
}

bool tuff_depthwise_weight_lower(const struct tuff_lower *lower, const struct tuff_depthwise *d, uint32_t splits,
                                 uint32_t split_pictures, struct tuff_kernel_call *call)
{
    if (tuff_family_off(lower->caps, TUFF_FAMILY_DW) || !is_small(d)) return false;
    struct axis y = axis_y(d, false), x = axis_x(d, false);
    choose_block(&y, most_weight_rows(d));
    uint32_t lanes = tuff_shuffle_lanes(lower->caps), workgroup = workgroup_of(lower->caps, lanes ? lanes : 64);
    uint64_t rounds = (uint64_t)split_pictures * blocks(&y) * blocks(&x) / workgroup + 1;
    uint64_t groups = (uint64_t)splits * d->groups * d->co;
    uint64_t shared = (uint64_t)workgroup * d->kh * d->kw * sizeof(float);
    if (!fits(&y, &x) || !countable(lower->in[0]) || !countable(lower->in[1]) || groups > UINT32_MAX ||
        shared > lower->caps->max_shared_bytes || !tuff_takes_rounds(lower->caps, rounds))
        return false;
    call->file = "conv_depthwise_weight";
    call->flops = 2 * (uint64_t)d->n * d->groups * d->co * d->oh * d->ow * d->kh * d->kw;
    TUFF_CALL(call, conv_depthwise_weight, .KH = d->kh, .KW = d->kw, .SH = d->sh, .SW = d->sw, .DH = d->dh, .DW = d->dw,
              .WORKGROUP = workgroup, .TR = y.block, .TOP = d->top, .LEFT = d->left, .LOW = inside(&y),
              .RIGHT = inside_columns(&x), .LAST_ROWS = last_block(&y), .LAST_COLUMNS = sure_columns(&x),
              .X_QUADS = quads(lower->in[0], d->w, &x), .GY_QUADS = quads(lower->in[1], d->ow, &x),
              .group_count = (uint32_t)groups, .groups = d->groups, .per_group = d->co, .h = d->h, .w = d->w, .oh = d->oh,
              .ow = d->ow, .pictures = d->n, .split_pictures = split_pictures, .last_x = last_of(lower->in[0]),
              .last_gy = last_of(lower->in[1]));
    tuff_call_grid(call, lower->caps, groups);
    return true;
}

uint32_t tuff_depthwise_splits(uint64_t channels, uint64_t pictures, uint64_t pixels)
{
    uint64_t splits = channels < 256 ? 256 / channels : 1, most = pictures * pixels / 512;
    if (splits > most) splits = most ? most : 1;
    if (splits > pictures) splits = pictures;
    uint64_t each = (pictures + splits - 1) / splits;
    return (uint32_t)((pictures + each - 1) / each);
}

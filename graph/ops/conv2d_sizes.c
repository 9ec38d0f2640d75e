/* conv2d_sizes.c - sizes of a convolution out of what each of its three directions knows. */
#include "graph/ops/conv2d.h"

struct tuff_conv tuff_conv_defaults(const struct tuff_conv *given)
{
    struct tuff_conv c = *given;
    for (int i = 0; i < 2; i++) {
        if (!c.stride[i]) c.stride[i] = 1;
        if (!c.dilation[i]) c.dilation[i] = 1;
    }
    if (!c.groups) c.groups = 1;
    return c;
}

/* Positions of a window of `kernel` taps along an axis of `size`; 0 where it does not fit or passes 2^31. */
static uint32_t out_size(uint64_t size, uint64_t before, uint64_t after, uint64_t kernel, uint64_t stride, uint64_t dilation)
{
    uint64_t padded = size + before + after, reach;
    if (kernel == 0 || dilation > INT32_MAX || padded > INT32_MAX) return 0;
    reach = dilation * (kernel - 1) + 1;
    return padded < reach ? 0 : (uint32_t)((padded - reach) / stride + 1);
}

/* Fills s from x [n,ci,h,w] and w [co,ci/groups,kh,kw], as shapes and attributes give them. False where they do not fit. */
static bool measure(const struct tuff_conv *given, const uint32_t *x, const uint32_t *w, struct tuff_conv_sizes *s)
{
    struct tuff_conv c = tuff_conv_defaults(given);
    if (c.groups > x[1] || x[1] % c.groups || w[0] % c.groups || w[1] != x[1] / c.groups) return false;
    *s = (struct tuff_conv_sizes){.n = x[0],
                                  .groups = c.groups,
                                  .ci = w[1],
                                  .co = w[0] / c.groups,
                                  .h = x[2],
                                  .w = x[3],
                                  .kh = w[2],
                                  .kw = w[3],
                                  .sh = c.stride[0],
                                  .sw = c.stride[1],
                                  .dh = c.dilation[0],
                                  .dw = c.dilation[1],
                                  .top = c.pad[0],
                                  .left = c.pad[1]};
    s->oh = out_size(s->h, c.pad[0], c.pad[2], s->kh, s->sh, s->dh);
    s->ow = out_size(s->w, c.pad[1], c.pad[3], s->kw, s->sw, s->dw);
    return s->oh && s->ow;
}

bool tuff_conv_measure(const struct tuff_conv *attrs, const struct tuff_shape *x, const struct tuff_shape *w,
                       struct tuff_conv_sizes *s)
{
    return x->rank == 4 && w->rank == 4 && measure(attrs, x->dim, w->dim, s);
}

bool tuff_conv_measure_input_grad(const struct tuff_conv_input_grad *attrs, const struct tuff_shape *gy,
                                  const struct tuff_shape *w, struct tuff_conv_sizes *s)
{
    if (gy->rank != 4 || w->rank != 4 || gy->dim[1] != w->dim[0]) return false;
    uint32_t groups = attrs->conv.groups ? attrs->conv.groups : 1;
    if ((uint64_t)w->dim[1] * groups > INT32_MAX) return false;
    return measure(&attrs->conv, (uint32_t[]){gy->dim[0], w->dim[1] * groups, attrs->size[0], attrs->size[1]}, w->dim, s) &&
           s->oh == gy->dim[2] && s->ow == gy->dim[3];
}

bool tuff_conv_measure_for(const struct tuff_value *value, const struct tuff_shape *a, const struct tuff_shape *w,
                           struct tuff_conv_sizes *s)
{
    return value->op == &tuff_op_conv2d ? tuff_conv_measure(value->attrs, a, w, s)
                                        : tuff_conv_measure_input_grad(value->attrs, a, w, s);
}

uint32_t tuff_conv_split_pictures(const struct tuff_conv_weight_grad *attrs, uint32_t n)
{
    uint32_t splits = attrs->splits ? attrs->splits : 1;
    return n / splits + (n % splits != 0);
}

bool tuff_conv_measure_weight_grad(const struct tuff_conv_weight_grad *attrs, const struct tuff_shape *x,
                                   const struct tuff_shape *gy, struct tuff_conv_sizes *s)
{
    uint32_t groups = attrs->conv.groups ? attrs->conv.groups : 1;
    if (x->rank != 4 || gy->rank != 4 || gy->dim[0] != x->dim[0] || x->dim[1] < groups) return false;
    uint32_t w[4] = {gy->dim[1], x->dim[1] / groups, attrs->kernel[0], attrs->kernel[1]};
    return measure(&attrs->conv, x->dim, w, s) && s->oh == gy->dim[2] && s->ow == gy->dim[3];
}

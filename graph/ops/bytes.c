/* bytes.c - products of 8-bit whole numbers by floats. */
#include "graph/ops/bytes.h"
#include "graph/ops/view.h"

bool tuff_dots(const struct tuff_caps *caps) { return caps->integer_dot_product && caps->integer_dot_accelerated; }

/* Places at .. at + count - 1 of each group, as f32. */
static tuff_val part(struct tuff_graph *g, tuff_val x, uint32_t axis, uint32_t groups, uint32_t length, uint32_t at,
                     uint32_t count)
{
    struct tuff_shape shape = tuff_type_of(g, x).shape, apart = {0};
    x = tuff_cast(g, x, TUFF_F32);
    if (count == length) return x;
    if (groups == 1) return tuff_slice_axis(g, x, axis, at, 1, count);
    for (uint32_t i = 0; i < shape.rank; i++) {
        if (i == axis) apart.dim[apart.rank++] = groups;
        apart.dim[apart.rank++] = i == axis ? length : shape.dim[i];
    }
    shape.dim[axis] = groups * count;
    return tuff_reshape(g, tuff_slice_axis(g, tuff_reshape(g, x, apart), axis + 1, at, 1, count), shape);
}

tuff_val tuff_byte_product(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in,
                           const struct tuff_byte_sums *sums)
{
    const uint32_t step = (sums->zero ? TUFF_BYTE_DIFFERENCES : TUFF_BYTE_TERMS) / sums->taps;
    tuff_val y = 0;
    for (uint32_t at = 0; at < sums->length; at += step) {
        const uint32_t count = sums->length - at < step ? sums->length - at : step;
        tuff_val operands[2];
        for (uint32_t k = 0; k < 2; k++)
            operands[k] = part(g, in[k], sums->axis[k], sums->groups[k], sums->length, at, count);
        if (sums->zero) operands[0] = tuff_sub(g, operands[0], tuff_cast(g, sums->zero, TUFF_F32));
        struct tuff_value floats = *value; /* which other operators may compute better */
        floats.type.dtype = TUFF_F32;
        floats.in_count = 2;
        const tuff_val other = value->op->expand(g, &floats, operands);
        const tuff_val sum = tuff_cast(g, other ? other : tuff_graph_add(g, value->op, operands, 2, value->attrs), TUFF_I32);
        y = at ? tuff_add(g, y, sum) : sum;
    }
    return y;
}

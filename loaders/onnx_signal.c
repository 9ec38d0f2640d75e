/* onnx_signal.c - ONNX operators of signals: Fourier transforms as products with tables, windows, mel filters. */
#include "loaders/onnx_ops.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

/* The table [from, 2, to, 2] of a transform: from (re, im) of element t to (re, im) of bin k; of so many elements of a period `n`. */
static tuff_val table(const struct tuff_onnx_op *o, uint32_t from, uint32_t parts, uint32_t to, uint32_t n, bool inverse,
                      bool half)
{
    const uint32_t out = half && inverse ? 1 : 2; /* the inverse of half a spectrum is real */
    if ((uint64_t)from * parts * to * out > 1 << 24) {
        tuff_on_refuse(o, "a transform of %u elements is not covered", n);
        return 0;
    }
    double *t = tuff_on_alloc(o, (size_t)from * parts * to * out * sizeof *t);
    for (uint32_t i = 0; t && i < from; i++)
        for (uint32_t k = 0; k < to; k++) {
            const double angle = (inverse ? 2 : -2) * PI * (double)((uint64_t)i * k % n) / n, c = cos(angle),
                         s = cos(angle - PI / 2);
            const double twice = half && inverse && i && 2 * i != n ? 2 : 1, scale = inverse ? twice / n : 1;
            for (uint32_t p = 0; p < parts; p++)
                for (uint32_t q = 0; q < out; q++)
                    t[((i * parts + p) * to + k) * out + q] = scale * (p == q ? c : p ? -s : s);
        }
    return t ? tuff_on_make(o, TUFF_ONNX_FLOAT, TUFF_SHAPE(from * parts, to * out), t).v : 0;
}

/* x [.., from, parts] along the last but one axis -> [.., to, 2 or 1]. */
static tuff_val transform(const struct tuff_onnx_op *o, tuff_val x, uint32_t n, bool inverse, bool half)
{
    struct tuff_graph *g = o->g;
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    const uint32_t rank = shape.rank, parts = rank ? shape.dim[rank - 1] : 0;
    if (rank < 2 || parts > 2) /* 0: a failure before */
        return tuff_on_bad(o, "an element is of %u numbers, 1 (real) or 2 (complex) are possible", parts);
    const uint32_t have = shape.dim[rank - 2], spectrum = n / 2 + 1, need = half && inverse ? spectrum : n,
                   from = have < need ? have : need, to = half && !inverse ? spectrum : n;
    if (from < have)
        x = tuff_slice_axis(g, x, rank - 2, 0, 1, from); /* what is too short ends in zeros, which add nothing */
    const tuff_val t = table(o, from, parts, to, n, inverse, half);
    if (!t) return 0;
    const tuff_val y = tuff_matmul(
        g, tuff_reshape(g, x, TUFF_SHAPE((uint32_t)(tuff_shape_count(&shape) / have / parts), from * parts)), t,
        (struct tuff_matmul_params){0});
    shape.dim[rank - 2] = to, shape.dim[rank - 1] = half && inverse ? 1 : 2;
    return tuff_reshape(g, y, shape);
}

BUILD(dft)
{
    const uint32_t rank = o->in[0].shape.rank;
    const double *length = tuff_on_has(o, 1) ? tuff_on_known(o, 1) : NULL;
    const bool inverse = tuff_on_int(o, "inverse", 0), half = tuff_on_int(o, "onesided", 0);
    if (tuff_on_failed(o) || rank < 2) return tuff_on_failed(o) ? false : tuff_on_bad(o, "it has %u axes", rank);
    const int axis = o->version >= 20 && tuff_on_has(o, 2)
                         ? tuff_on_known_axis(o, 2, rank)
                         : tuff_on_axis(o, o->version >= 20 ? -2 : tuff_on_int(o, "axis", 1), rank);
    if (axis < 0) return false;
    if (axis == (int)rank - 1) return tuff_on_bad(o, "the last axis is that of the real and imaginary part");
    const uint32_t have = o->in[0].shape.dim[axis];
    const double n = length ? length[0] : half && inverse ? 2.0 * (have - 1) : have;
    if (!(n >= 1 && n <= 1 << 20)) return tuff_on_bad(o, "its length is %g", n);
    uint32_t order[TUFF_MAX_RANK];
    for (uint32_t i = 0; i < rank; i++) order[i] = i;
    order[axis] = rank - 2, order[rank - 2] = (uint32_t)axis;
    const tuff_val y = transform(o, tuff_permute(g, tuff_on_f32(o, 0), order), (uint32_t)n, inverse, half);
    return tuff_on_put(o, 0, y ? tuff_permute(g, y, order) : 0);
}

BUILD(stft)
{
    const struct tuff_shape *x = &o->in[0].shape;
    const double *step = tuff_on_known(o, 1), *length = tuff_on_has(o, 3) ? tuff_on_known(o, 3) : NULL;
    if (!step || tuff_on_failed(o)) return false;
    const uint32_t n = length              ? (uint32_t)fmax(0, fmin(0x1p31, length[0]))
                       : tuff_on_has(o, 2) ? o->in[2].shape.dim[0]
                                           : 0,
                   total = x->rank > 1 ? x->dim[1] : 0, parts = x->rank > 2 ? x->dim[2] : 1;
    if (!n || n > total || !(step[0] >= 1 && step[0] <= 0x1p31))
        return tuff_on_bad(o, "frames of %u elements, %g apart, of %u", n, step[0], total);
    const uint32_t frames = (uint32_t)((total - n) / (uint32_t)step[0]) + 1;
    double *places = tuff_on_alloc(o, (size_t)frames * n * sizeof *places);
    if (!places) return false;
    for (uint32_t f = 0; f < frames; f++)
        for (uint32_t i = 0; i < n; i++) places[f * n + i] = f * floor(step[0]) + i;
    const tuff_val at = tuff_on_make(o, TUFF_ONNX_INT64, TUFF_SHAPE(frames, n), places).v;
    tuff_val y = tuff_gather(g, tuff_reshape(g, tuff_on_f32(o, 0), TUFF_SHAPE(x->dim[0], total, parts)), at,
                             1); /* [b, frames, n, parts] */
    if (tuff_on_has(o, 2)) y = tuff_mul(g, y, tuff_reshape(g, tuff_on_f32(o, 2), TUFF_SHAPE(0, 1)));
    return tuff_on_put(o, 0, transform(o, y, n, false, tuff_on_int(o, "onesided", 1)));
}

BUILD(signal_window)
{
    const double *size = tuff_on_known(o, 0);
    if (!size) return false;
    if (!(size[0] >= 0 && size[0] <= 1 << 24)) return tuff_on_bad(o, "its size is %g", size[0]);
    const uint32_t n = (uint32_t)size[0];
    const double period = tuff_on_int(o, "periodic", 1) ? n : n - 1.0;
    const double a = OP_IS("HannWindow")      ? 0.5
                     : OP_IS("HammingWindow") ? 25.0 / 46
                                              : 0.42,
                 b = OP_IS("BlackmanWindow") ? 0.5 : 1 - a, c = OP_IS("BlackmanWindow") ? 0.08 : 0;
    double *y = tuff_on_alloc(o, (n + 1) * sizeof *y);
    for (uint32_t i = 0; y && i < n; i++) y[i] = a - b * cos(2 * PI * i / period) + c * cos(4 * PI * i / period);
    return y && tuff_on_put_known(o, 0, (enum tuff_onnx_dtype)tuff_on_int(o, "output_datatype", TUFF_ONNX_FLOAT),
                                  TUFF_SHAPE(n), y);
}

/* Triangles [dft_length / 2 + 1, bins] whose corners are equally far apart in mel. */
BUILD(mel_weights)
{
    double v[5];
    for (uint32_t i = 0; i < 5; i++) {
        const double *known = tuff_on_known(o, i);
        if (!known) return false;
        v[i] = known[0];
    }
    if (!(v[0] >= 1 && v[0] <= 1 << 12 && v[1] >= 1 && v[1] <= 1 << 20 && v[2] >= 1 && v[3] >= 0 && v[4] >= 0 &&
          v[3] < 1e9 && v[4] < 1e9))
        return tuff_on_bad(o, "%g bins of %g elements at %g Hz, from %g to %g Hz", v[0], v[1], v[2], v[3], v[4]);
    const uint32_t bins = (uint32_t)v[0], spectrum = (uint32_t)v[1] / 2 + 1;
    const double low = 2595 * log10(1 + v[3] / 700), high = 2595 * log10(1 + v[4] / 700), step = (high - low) / (bins + 2);
    double *y = tuff_on_alloc(o, (size_t)bins * spectrum * sizeof *y);
    for (uint32_t b = 0; y && b < bins; b++) {
        int64_t corner[3];
        for (uint32_t k = 0; k < 3; k++)
            corner[k] = (int64_t)floor((v[1] + 1) * (700 * (pow(10, ((b + k) * step + low) / 2595) - 1)) / v[2]);
        const int64_t up = corner[1] - corner[0], down = corner[2] - corner[1];
        if (up == 0 && corner[1] >= 0 && corner[1] < spectrum) y[corner[1] * bins + b] = 1;
        for (int64_t i = corner[0]; up && i <= corner[1] && i < spectrum; i++)
            if (i >= 0) y[i * bins + b] = (double)(i - corner[0]) / (double)up;
        for (int64_t i = corner[1]; down && i < corner[2] && i < spectrum; i++)
            if (i >= 0) y[i * bins + b] = (double)(corner[2] - i) / (double)down;
    }
    return y && tuff_on_put_known(o, 0, (enum tuff_onnx_dtype)tuff_on_int(o, "output_datatype", TUFF_ONNX_FLOAT),
                                  TUFF_SHAPE(spectrum, bins), y);
}

/* conv.glsl - a convolution or its gradient by input as a product of matrices, whose b is gathered from the source s and never written:
 *
 *   r[m, n] = sum_k w[m, k] b[k, n], of a group z: m a channel of r, n = (picture, position), k = (channel of s, tap)
 *
 * The gradient falls into classes: pixels of r whose row and column leave the same rests of the strides meet the same taps, and none of
 * the others. Its positions are the pixels of one class; the forward convolution is one class with all taps.
 *
 * For each k of a block there is an entry in shared memory: its distance from the first tap's element of s in channel 0, which tap it is
 * (BITS: the number of a bit of `inside`; else its row and column, for windows of more than 31 taps), and where its weight lies. So
 * channels may be any number, and nothing is divided in the loop.
 *
 * Before it: NUMBER, BK_ENTRIES, and flags GRAD, BITS. in 0: s, 1: w; words: those of part conv. */
struct Class {
    uint y, x, rows, columns; /* its first pixel; positions */
    uint taps_y, taps_x;
    uint dy, dx;         /* of the first tap's element of s from the position's; may be negative */
    uint step_y, step_x; /* from tap to tap */
    uint weight;         /* of the first tap */
};

/* The first tap of an axis that meets pixels with this rest of the stride; else one behind the last. */
uint first_tap(uint rest, uint dilation, uint stride, uint taps)
{
    uint u = 0, at = 0, step = dilation % stride;
    while (u < taps && at != rest) {
        at += step;
        at -= at >= stride ? stride : 0u;
        u++;
    }
    return u;
}

Class conv_class(uint number)
{
    Class c = Class(0, 0, rh, rw, kh, kw, 0u - top, 0u - left, dilation_y, dilation_x, 0);
    if (GRAD) {
        c.y = number / min(stride_x, rw);
        c.x = number - c.y * min(stride_x, rw);
        uint u = first_tap((c.y + top) % stride_y, dilation_y, stride_y, kh);
        uint v = first_tap((c.x + left) % stride_x, dilation_x, stride_x, kw);
        c.taps_y = u < kh ? (kh - 1 - u) / each_y + 1 : 0;
        c.taps_x = v < kw ? (kw - 1 - v) / each_x + 1 : 0;
        c.rows = (rh - 1 - c.y) / stride_y + 1;
        c.columns = (rw - 1 - c.x) / stride_x + 1;
        c.dy = uint((int(c.y + top) - int(u * dilation_y)) / int(stride_y)); /* no rest */
        c.dx = uint((int(c.x + left) - int(v * dilation_x)) / int(stride_x));
        c.step_y = 0u - each_y * dilation_y / stride_y;
        c.step_x = 0u - each_x * dilation_x / stride_x;
        c.weight = u * kw + v;
    }
    return c;
}

const uint FAR = 1u << 30; /* no row of s */
struct Column { uint base, inside, y, x; };

Column conv_column(Class c, uint n, uint z)
{
    uint plane = c.rows * c.columns, count = pictures * plane, q = min(n, count - 1);
    uint picture = q / plane, at = q - picture * plane, i = at / c.columns, j = at - i * c.columns;
    uint y = i * (GRAD ? 1 : stride_y) + c.dy, x = j * (GRAD ? 1 : stride_x) + c.dx;
    Column r = Column((picture * groups + z) * s_channels * (sh * sw) + y * sw + x, 0, n < count ? y : FAR, x);
    if (BITS) {
        uint row = 0;
        for (uint b = 0; b < c.taps_x; b++) row |= uint(x + b * c.step_x < sw) << b;
        for (uint a = 0; a < c.taps_y; a++) r.inside |= (r.y + a * c.step_y < sh ? row : 0u) << a * c.taps_x;
    }
    return r;
}

/* x distance, y tap or row, z column, w weight (GRAD); BCAST: of two blocks in turn */
shared uvec4 entries[BK_ENTRIES * (1 + BCAST)];

/* The k whose entry an invocation writes, and what a step of BK_ENTRIES adds: to tap (a, b) of its channel, and to distance and weight, with
 * what is added where b, and where a, begin anew. */
struct Walk { uint channel, a, b, channels, as, bs; uvec2 at, step, row, plane; };

Walk conv_walk(Class c, uint k)
{
    uint taps = max(c.taps_y * c.taps_x, 1u), across = max(c.taps_x, 1u);
    uint channel = k / taps, at = k - channel * taps, a = at / across, b = at - a * across;
    uint channels = BK_ENTRIES / taps, rest = BK_ENTRIES - channels * taps, as = rest / across, bs = rest - as * across;
    uvec2 of_channel = uvec2(sh * sw, GRAD ? m_count * (kh * kw) : kh * kw);
    uvec2 of_a = uvec2(c.step_y * sw, GRAD ? each_y * kw : kw), of_b = uvec2(c.step_x, GRAD ? each_x : 1);
    return Walk(channel, a, b, channels, as, bs, channel * of_channel + a * of_a + b * of_b + uvec2(0, c.weight),
                channels * of_channel + as * of_a + bs * of_b, of_a - across * of_b, of_channel - c.taps_y * of_a);
}

void conv_entry(Class c, inout Walk k, uint to)
{
    bool end = k.channel >= s_channels;
    uint tap = BITS ? k.a * c.taps_x + k.b : k.a * c.step_y, none = BITS ? 31u : FAR, weight = k.at.y;
    tap = end ? none : tap;
    weight = end ? 0u : weight;
    entries[to] = uvec4(k.at.x, tap, BITS ? 0u : k.b * c.step_x, GRAD ? weight : 0u);
    k.b += k.bs;
    bool carry = k.b >= c.taps_x;
    k.b -= carry ? c.taps_x : 0u;
    k.at += k.step + (carry ? k.row : uvec2(0));
    k.a += k.as + uint(carry);
    carry = k.a >= c.taps_y;
    k.a -= carry ? c.taps_y : 0u;
    k.at += carry ? k.plane : uvec2(0);
    k.channel += k.channels + uint(carry);
}

/* All ones where the element lies in s. */
uint conv_mask(Column c, uvec4 e)
{
    uint far = c.y + e.y < sh && c.x + e.z < sw ? ~0u : 0u;
    return BITS ? uint(bitfieldExtract(int(c.inside), int(e.y), 1)) : far;
}

/* The element of s that the entry means; outside of it none is read but number 0, which the mask makes 0. */
NUMBER conv_gather(Column c, uvec4 e, uint mask) { return in0((c.base + e.x) & mask); }
#if BYTES
int conv_masked(int x, uint mask) { return x & int(mask); }
#else
float conv_masked(float x, uint mask) { return uintBitsToFloat(floatBitsToUint(x) & mask); }
#endif

/* Where position n lies in channel 0 of the group's r. */
uint conv_place(Class c, uint n, uint z)
{
    uint plane = c.rows * c.columns, picture = n / plane, at = n - picture * plane;
    uint i = at / c.columns, j = at - i * c.columns, pixel = (i * stride_y + c.y) * rw + j * stride_x + c.x;
    return (picture * groups + z) * m_count * (rh * rw) + (GRAD ? pixel : at);
}

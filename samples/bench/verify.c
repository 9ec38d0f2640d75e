/* verify.c - see verify.h. Large products are not computed again: Freivalds 1977 tests all of them at the price of a few
 * vectors, by random factors; single elements are computed by the definition. */
#include "verify.h"
#include "nets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLED = 64 };
static const double UNIT_ROUNDOFF = 5.9604644775390625e-08; /* 2^-24 */
static const double MEAN_SQUARE = 1.0 / 3;                  /* of uniform numbers in [-1, 1) */
/* Roundings taken as independent, of which 8 standard deviations are allowed: a sum of k products is within 8 sqrt(k) u |a| |b|
 * with a probability that many runs do not exhaust (Higham and Mary 2019); the certain bound k u |a| |b| would hide defects. */
static const double DEVIATIONS = 8;

/* ---- numbers --------------------------------------------------------------------------------------------------------------------- */

/* Random factors of Freivalds' check, of the sizes 1/2 to 1: signs alone do not see that two results of one sign changed places. */
static double factor(uint32_t i)
{
    uint32_t bits = zoo_hash(i, 77);
    return (bits & 1 ? 1 : -1) * (0.5 + bits / 8589934592.0);
}
static uint32_t pick(uint32_t i, uint32_t seed, uint32_t below) { return zoo_hash(i, 1000 + seed) % below; }

static uint16_t to_half(float x) /* |x| < 65504, no NaN; subnormal halves are kept */
{
    int exponent;
    double mantissa = frexp(fabs((double)x), &exponent); /* x = mantissa 2^exponent, mantissa in [1/2, 1) */
    uint16_t negative = signbit(x) ? 0x8000 : 0;
    if (mantissa == 0) return negative;
    int lowest = exponent < -13 ? -24 : exponent - 11; /* power of two of the last bit */
    double units = nearbyint(ldexp(mantissa, exponent - lowest));
    if (exponent < -13) return (uint16_t)(negative | (uint16_t)units);
    return (uint16_t)(negative | (((uint32_t)(exponent + 14) << 10) + (uint32_t)units - 1024));
}

static float from_half(uint16_t half)
{
    int exponent = half >> 10 & 31, mantissa = half & 1023;
    double x = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    return (float)(half & 0x8000 ? -x : x);
}

void round_to_halves(float *x, uint16_t *halves, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        halves[i] = to_half(x[i]);
        x[i] = from_half(halves[i]);
    }
}

/* ---- what was compared ------------------------------------------------------------------------------------------------------------ */

struct tally {
    double error2, want2, bound2;
    uint64_t compared;
    bool good;
};

static void tally_element(struct tally *t, double got, double want, double bound)
{
    t->error2 += (got - want) * (got - want);
    t->want2 += want * want;
    t->bound2 += bound * bound;
    t->compared++;
    if (!(fabs(got - want) <= bound)) t->good = false;
}

/* A sum over `count` results, times factors of at most 1, of sums over k products of uniform numbers. */
static void tally_contracted(struct tally *t, double got, double want, double k, double count)
{
    double bound = DEVIATIONS * UNIT_ROUNDOFF * k * sqrt(count) * MEAN_SQUARE;
    t->compared++;
    if (!(fabs(got - want) <= bound)) t->good = false;
}

static struct check tally_check(const struct tally *t, const char *kind)
{
    bool any = t->compared > 0 && t->want2 > 0;
    return (struct check){.kind = kind,
                          .nmse = any ? t->error2 / t->want2 : NAN,
                          .bound = any ? t->bound2 / t->want2 : 0,
                          .compared = t->compared,
                          .ok = any && t->good};
}

double verify_bound(double length)
{
    double share = (DEVIATIONS * sqrt(length) + 32) * UNIT_ROUNDOFF;
    return share * share;
}

struct check verify_values(const float *got, const double *want, uint64_t count, double bound)
{
    struct tally t = {.good = true};
    for (uint64_t i = 0; i < count; i++) tally_element(&t, got[i], want[i], INFINITY);
    double nmse = t.want2 > 0 ? t.error2 / t.want2 : NAN;
    return (struct check){"reference", nmse, bound, count, nmse <= bound};
}

/* ---- matmul -------------------------------------------------------------------------------------------------------------------- */

static const float *b_at(const struct matmul_sizes *s, const float *b, uint64_t k, uint64_t j)
{
    return s->transpose_b ? &b[j * s->k + k] : &b[k * s->n + j];
}

struct check verify_matmul(const struct matmul_sizes *s, const float *a, const float *b, const float *c)
{
    struct tally t = {.good = true};
    double *br = calloc(s->k, sizeof *br);
    if (!br) return (struct check){.kind = "freivalds"};
    for (uint64_t k = 0; k < s->k; k++)
        for (uint64_t j = 0; j < s->n; j++) br[k] += *b_at(s, b, k, j) * factor((uint32_t)j);
    for (uint64_t i = 0; i < s->m; i++) {
        double want = 0, got = 0;
        for (uint64_t k = 0; k < s->k; k++) want += a[i * s->k + k] * br[k];
        for (uint64_t j = 0; j < s->n; j++) got += c[i * s->n + j] * factor((uint32_t)j);
        tally_contracted(&t, got, want, s->k, s->n);
    }
    free(br);
    for (uint32_t e = 0; e < SAMPLED; e++) {
        uint64_t i = pick(e, 1, s->m), j = pick(e, 2, s->n);
        double want = 0, size = 0;
        for (uint64_t k = 0; k < s->k; k++) {
            double product = (double)a[i * s->k + k] * *b_at(s, b, k, j);
            want += product;
            size += fabs(product);
        }
        tally_element(&t, c[i * s->n + j], want, DEVIATIONS * sqrt(s->k) * UNIT_ROUNDOFF * size);
    }
    return tally_check(&t, "freivalds");
}

/* ---- convolution ------------------------------------------------------------------------------------------------------------------ */

/* Visits the products of which the results are made: calls with flat indices of x, w and y, for channel o of y and c of x. */
struct conv_walk {
    const struct conv_sizes *s;
    uint32_t group_in, group_out; /* channels of one group */
};

static uint64_t x_at(const struct conv_walk *k, uint64_t n, uint64_t c, uint64_t i, uint64_t j)
{
    return ((n * k->s->ci + c) * k->s->h + i) * k->s->w + j;
}
static uint64_t y_at(const struct conv_walk *k, uint64_t n, uint64_t o, uint64_t i, uint64_t j)
{
    return ((n * k->s->co + o) * k->s->oh + i) * k->s->ow + j;
}
static uint64_t w_at(const struct conv_walk *k, uint64_t o, uint64_t c, uint64_t u, uint64_t v)
{
    return ((o * k->group_in + c % k->group_in) * k->s->kernel + u) * k->s->kernel + v;
}
/* Row or column of x under place i of y and u of the kernel; false in the padding. */
static bool under(const struct conv_sizes *s, uint32_t i, uint32_t u, uint32_t size, uint32_t *at)
{
    uint32_t place = i * s->stride + u;
    *at = place - s->pad;
    return place >= s->pad && *at < size;
}

/* One operand with its channels added up within their group by factors:
 *   forward      wr[c,u,v]   = sum_o factor(o) w[o,c,u,v]     then  sum_o factor(o) y[n,o,i,j]  = sum_{c,u,v} x wr
 *   input        wr[o,u,v]   = sum_c factor(c) w[o,c,u,v]           sum_c factor(c) gx[n,c,i,j] = sum_{o,u,v} gy wr
 *   weight       gr[g,n,i,j] = sum_o factor(o) gy[n,o,i,j]          sum_o factor(o) gw[o,c,u,v] = sum_{n,i,j} x gr   */
static void contract(const struct conv_walk *k, enum conv_direction direction, const float *b, double *r)
{
    const struct conv_sizes *s = k->s;
    uint32_t kernel2 = s->kernel * s->kernel, plane = s->oh * s->ow;
    if (direction == CONV_WEIGHT) {
        for (uint64_t n = 0; n < s->n; n++)
            for (uint64_t o = 0; o < s->co; o++)
                for (uint64_t p = 0; p < plane; p++)
                    r[(o / k->group_out * s->n + n) * plane + p] += factor((uint32_t)o) * b[y_at(k, n, o, 0, p)];
        return;
    }
    for (uint64_t o = 0; o < s->co; o++)
        for (uint64_t c = 0; c < k->group_in; c++)
            for (uint64_t p = 0; p < kernel2; p++) {
                uint64_t channel = o / k->group_out * k->group_in + c;
                if (direction == CONV_FORWARD)
                    r[channel * kernel2 + p] += factor((uint32_t)o) * b[w_at(k, o, c, 0, p)];
                else
                    r[o * kernel2 + p] += factor((uint32_t)channel) * b[w_at(k, o, c, 0, p)];
            }
}

/* Adds the products of channel `channel` of operand a with the contracted operand to want. */
static void add_channel(const struct conv_walk *k, enum conv_direction direction, uint64_t n, uint32_t channel,
                        const float *a, const double *r, double *want)
{
    const struct conv_sizes *s = k->s;
    uint64_t plane = (uint64_t)s->oh * s->ow;
    const double *gr = direction == CONV_WEIGHT ? r + (channel / k->group_in * s->n + n) * plane : NULL;
    for (uint32_t u = 0; u < s->kernel; u++)
        for (uint32_t v = 0; v < s->kernel; v++) {
            uint64_t p = (uint64_t)channel * s->kernel * s->kernel + u * s->kernel + v;
            for (uint32_t i = 0; i < s->oh; i++) {
                uint32_t row, column;
                if (!under(s, i, u, s->h, &row)) continue;
                for (uint32_t j = 0; j < s->ow; j++) {
                    if (!under(s, j, v, s->w, &column)) continue;
                    if (direction == CONV_FORWARD)
                        want[(n * s->oh + i) * s->ow + j] += a[x_at(k, n, channel, row, column)] * r[p];
                    else if (direction == CONV_INPUT)
                        want[(n * s->h + row) * s->w + column] += a[y_at(k, n, channel, i, j)] * r[p];
                    else
                        want[p] += a[x_at(k, n, channel, row, column)] * gr[i * s->ow + j];
                }
            }
        }
}

/* The result with its channels added up by factors, as contract does it. */
static double contracted_result(const struct conv_walk *k, enum conv_direction direction, const float *result, uint64_t at)
{
    const struct conv_sizes *s = k->s;
    uint64_t plane = (uint64_t)(direction == CONV_FORWARD ? s->oh * s->ow : s->h * s->w), n = at / plane, p = at % plane;
    double sum = 0;
    if (direction == CONV_FORWARD)
        for (uint64_t o = 0; o < s->co; o++) sum += factor((uint32_t)o) * result[y_at(k, n, o, 0, p)];
    else if (direction == CONV_INPUT)
        for (uint64_t c = 0; c < s->ci; c++) sum += factor((uint32_t)c) * result[x_at(k, n, c, 0, p)];
    else {
        uint64_t kernel2 = (uint64_t)s->kernel * s->kernel, c = at / kernel2, first = c / k->group_in * k->group_out;
        for (uint64_t o = first; o < first + k->group_out; o++)
            sum += factor((uint32_t)o) * result[w_at(k, o, c, 0, at % kernel2)];
    }
    return sum;
}

static uint64_t contracted_count(const struct conv_sizes *s, enum conv_direction direction)
{
    if (direction == CONV_FORWARD) return (uint64_t)s->n * s->oh * s->ow;
    if (direction == CONV_INPUT) return (uint64_t)s->n * s->h * s->w;
    return (uint64_t)s->ci * s->kernel * s->kernel;
}

/* One element of the result by the definition, and the sum of its products' sizes. Slow: walks all products of its channels. */
static double element(const struct conv_walk *k, enum conv_direction direction, const float *a, const float *b,
                      const uint32_t at[4], double *size)
{
    const struct conv_sizes *s = k->s;
    double sum = 0;
    uint32_t o0 = at[direction == CONV_FORWARD], first = at[1] / k->group_in * k->group_out; /* gw: at = o, c, u, v */
    bool forward = direction == CONV_FORWARD, weight = direction == CONV_WEIGHT;
    uint32_t outer = weight ? s->n : forward ? k->group_in : k->group_out;
    uint32_t rows = weight ? s->oh : s->kernel, columns = weight ? s->ow : s->kernel;
    for (uint32_t e = 0; e < outer; e++)
        for (uint32_t u = 0; u < rows; u++)
            for (uint32_t v = 0; v < columns; v++) {
                uint32_t row, column;
                double product;
                if (forward) { /* at = n, o, i, j; e = channel of the group */
                    uint32_t c = o0 / k->group_out * k->group_in + e;
                    if (!under(s, at[2], u, s->h, &row) || !under(s, at[3], v, s->w, &column)) continue;
                    product = (double)a[x_at(k, at[0], c, row, column)] * b[w_at(k, o0, c, u, v)];
                } else if (weight) { /* e = n; u, v = place in y */
                    uint32_t c = at[0] / k->group_out * k->group_in + at[1] % k->group_in;
                    if (!under(s, u, at[2], s->h, &row) || !under(s, v, at[3], s->w, &column)) continue;
                    product = (double)a[x_at(k, e, c, row, column)] * b[y_at(k, e, at[0], u, v)];
                } else { /* at = n, c, row, column; e = channel of y in the group */
                    uint32_t i = at[2] + s->pad - u, j = at[3] + s->pad - v;
                    if (at[2] + s->pad < u || at[3] + s->pad < v || i % s->stride || j % s->stride) continue;
                    if (i / s->stride >= s->oh || j / s->stride >= s->ow) continue;
                    product = (double)a[y_at(k, at[0], first + e, i / s->stride, j / s->stride)] *
                              b[w_at(k, first + e, at[1], u, v)];
                }
                sum += product;
                *size += fabs(product);
            }
    return sum;
}

static void sample_elements(const struct conv_walk *k, enum conv_direction direction, const float *a, const float *b,
                            const float *result, double length, struct tally *t)
{
    const struct conv_sizes *s = k->s;
    const uint32_t sizes[3][4] = {
        {s->n, s->co, s->oh, s->ow}, {s->n, s->ci, s->h, s->w}, {s->co, k->group_in, s->kernel, s->kernel}};
    const uint32_t *d = sizes[direction];
    for (uint32_t e = 0; e < SAMPLED; e++) {
        uint32_t at[4];
        for (uint32_t i = 0; i < 4; i++) at[i] = pick(e, 10 + i, d[i]);
        uint64_t flat = (((uint64_t)at[0] * d[1] + at[1]) * d[2] + at[2]) * d[3] + at[3];
        double size = 0, want = element(k, direction, a, b, at, &size);
        tally_element(t, result[flat], want, DEVIATIONS * sqrt(length) * UNIT_ROUNDOFF * size);
    }
}

struct check verify_conv(const struct conv_sizes *s, enum conv_direction direction, const float *a, const float *b,
                         const float *result)
{
    struct conv_walk k = {s, s->ci / s->groups, s->co / s->groups};
    struct tally t = {.good = true};
    uint64_t kernel2 = (uint64_t)s->kernel * s->kernel, count = contracted_count(s, direction);
    uint64_t channels = direction == CONV_INPUT ? s->co : s->ci;
    uint64_t room = direction == CONV_WEIGHT ? (uint64_t)s->groups * s->n * s->oh * s->ow : channels * kernel2;
    double *r = calloc(room, sizeof *r), *want = calloc(count, sizeof *want);
    double length = direction == CONV_FORWARD ? (double)k.group_in * (double)kernel2
                    : direction == CONV_INPUT ? (double)k.group_out * (double)kernel2
                                              : (double)s->n * s->oh * s->ow;
    double added = direction == CONV_FORWARD ? s->co : direction == CONV_INPUT ? s->ci : k.group_out;
    if (r && want) {
        contract(&k, direction, b, r);
        for (uint32_t n = 0; n < s->n; n++)
            for (uint32_t c = 0; c < channels; c++) add_channel(&k, direction, n, c, a, r, want);
        for (uint64_t i = 0; i < count; i++)
            tally_contracted(&t, contracted_result(&k, direction, result, i), want[i], length, added);
        sample_elements(&k, direction, a, b, result, length, &t);
    }
    free(r);
    free(want);
    return tally_check(&t, "freivalds");
}

/* pw_math.glsl - functions of the pointwise rows in GLSL: the twin of graph/pw_math.h, same names, f32.
 *
 * Vulkan gives exp 3 + 2|x| ulp, log 3 ulp, sin and cos 2^-11 absolute in [-pi, pi], pow only as exp2(b log2 a), tanh and
 * division 2.5 ulp; what is looser than training needs is done here by polynomials. */

float pw_exp(float a) { return exp(a); }
float pw_log(float a) { return log(a); }
float pw_sqrt(float a) { return sqrt(a); }
float pw_floor(float a) { return floor(a); }
float pw_round(float a) { return roundEven(a); }
float pw_square(float a) { return a * a; }

/* e^a - 1: near 0 by its Taylor series to the 7th power (relative error 0.25^7/40320 < 2^-26 within |a| < 0.25) */
float pw_expm1(float a)
{
    float series = a * (1.0 + a * (0.5 + a * (0.16666667 + a * (0.041666668 + a * (0.008333334 + a * (0.0013888889 + a * 0.0001984127))))));
    return abs(a) < 0.25 ? series : exp(a) - 1.0;
}

float pw_sigmoid(float a)
{
    float e = exp(-abs(a)); /* never overflows */
    float s = 1.0 / (1.0 + e);
    return a < 0.0 ? e * s : s;
}

/* log(1 + e^a) = max(a, 0) + log1p(e^-|a|); log1p(e) = 2 artanh(e / (2 + e)), series to the 13th power: z <= 1/3 */
float pw_softplus(float a)
{
    float e = exp(-abs(a));
    float z = e / (2.0 + e), s = z * z;
    float l = 2.0 * z * (1.0 + s * (0.33333334 + s * (0.2 + s * (0.14285715 + s * (0.11111111 + s * (0.09090909 + s * 0.07692308))))));
    return (a > 0.0 ? a : 0.0) + l;
}

/* odd: (1 - e^-2|a|) / (1 + e^-2|a|), with expm1 so that small a keep their digits */
float pw_tanh(float a)
{
    float m = pw_expm1(-2.0 * abs(a));
    float t = -m / (2.0 + m);
    return a < 0.0 ? -t : t;
}

/* Sine and cosine by reduction to [-pi/4, pi/4] (Cody and Waite, three parts of pi/2, good for |a| < 2^15) and the minimax
 * polynomials of the Cephes library (Moshier). */
float pw_sin_part(float r)
{
    float s = r * r;
    return r + r * s * (-1.6666654611e-1 + s * (8.3321608736e-3 + s * -1.9515295891e-4));
}
float pw_cos_part(float r)
{
    float s = r * r;
    return 1.0 - 0.5 * s + s * s * (4.166664568298827e-2 + s * (-1.388731625493765e-3 + s * 2.443315711809948e-5));
}
float pw_quadrant(float a, float shift)
{
    float q = roundEven(a * 0.6366197723675814);
    precise float r = a - q * 1.5703125;
    r = r - q * 4.837512969970703e-4;
    r = r - q * 7.549789948768648e-8;
    uint k = uint(int(q) + int(shift)) & 3u;
    float v = (k & 1u) == 0u ? pw_sin_part(r) : pw_cos_part(r);
    return (k & 2u) == 0u ? v : -v;
}
float pw_sin(float a) { return pw_quadrant(a, 0.0); }
float pw_cos(float a) { return pw_quadrant(a, 1.0); }

/* Error function: |a| < 1 by its Maclaurin series, else 1 - t e^-a^2 p(t) with t = 1 / (1 + |a|/2), where p interpolates
 * erfc(x) e^(x^2) / t at ten Chebyshev points of x in [1, 10]; absolute error below 3e-9 before rounding. */
float pw_erf(float a)
{
    float x = abs(a), s = x * x;
    float small = 1.1283791671 * x *
                  (1.0 + s * (-0.33333333 + s * (0.1 + s * (-0.0238095238 + s * (0.00462962963 + s * (-0.000757575758 +
                  s * (0.000106837607 + s * (-1.32275132e-5 + s * (1.45891690e-6 + s * -1.45038522e-7)))))))));
    float t = 1.0 / (1.0 + 0.5 * x);
    float p = 0.282093073 + t * (0.282141648 + t * (0.246296925 + t * (0.179594658 + t * (0.0726887969 + t * (0.0111256230 +
              t * (-0.0342258585 + t * (-0.187229419 + t * (0.216528608 + t * -0.0691912933))))))));
    float large = 1.0 - t * exp(-s) * p;
    float v = x < 1.0 ? small : large;
    return a < 0.0 ? -v : v;
}

/* a^b for a > 0 by exp(b log a) in two parts would be exact to a few ulp; Vulkan's exp2 and log2 give |b log2 a| ulp more.
 * Negative a with integer b keeps its sign; 0^0 is 1. */
float pw_pow(float a, float b)
{
    float whole = roundEven(b);
    bool odd = whole == b && (int(whole) & 1) != 0;
    if (b == 0.0) return 1.0;
    if (a == 0.0) return b > 0.0 ? 0.0 : uintBitsToFloat(0x7f800000u);
    if (b == 2.0) return a * a;
    if (b == 1.0) return a;
    if (b == 3.0) return a * a * a;
    if (b == 0.5) return sqrt(a);
    float x = abs(a);
    int e;
    float m = frexp(x, e); /* log2 x = e + log2 m, so that the sum b e is exact for integer b e */
    if (m < 0.70710678) { m = m * 2.0; e = e - 1; }
    float z = (m - 1.0) / (m + 1.0), s = z * z; /* log2 m = 2 artanh(z) / ln 2, |z| < 0.172 */
    float l = 2.885390082 * z * (1.0 + s * (0.33333334 + s * (0.2 + s * (0.14285715 + s * 0.11111111))));
    float hi = b * float(e), lo = b * l;
    float n = roundEven(hi + lo);
    float f = (hi - n) + lo;
    float v = ldexp(exp2(f), int(clamp(n, -150.0, 150.0)));
    return a < 0.0 && odd ? -v : (a < 0.0 && whole != b ? uintBitsToFloat(0x7fc00000u) : v);
}
float pw_clamp01(float a) { return a < 0.0 ? 0.0 : (a > 1.0 ? 1.0 : a); }
float pw_xlogx(float y, float a) { return y == 0.0 ? 0.0 : y * log(a); }
